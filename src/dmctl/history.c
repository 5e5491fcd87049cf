/* history.c - the private history file of the prompt. */
#include "history.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dm/file.h"

enum { HISTORY_LINES = 1000, HISTORY_MAX_BYTES = 1 << 20 };

static char *history_folder(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state && *state == '/')
		return dm_format("%s/dmctl", state);
	return home && *home == '/' ? dm_format("%s/.local/state/dmctl", home) : NULL;
}

/* Opens for appending; no link is followed, and the mode of an older file is narrowed. */
static int open_private(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0 && fchmod(fd, 0600) != 0)
		fd_closep(&fd);
	return fd;
}

static void read_lines(const char *text, struct words *ret)
{
	size_t skip = 0, count = 0;

	for (const char *at = text; *at; at++)
		count += *at == '\n';
	if (count > HISTORY_LINES)
		skip = count - HISTORY_LINES;
	for (const char *at = text; *at;) {
		size_t len = strcspn(at, "\n");

		if (skip > 0)
			skip--;
		else if (len > 0)
			words_add(ret, at, len);
		at += len + (at[len] == '\n');
	}
}

/* Keeps the last lines only. */
static void shorten(const char *path, const struct words *lines)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	for (size_t i = 0; i < lines->count; i++)
		dm_str_addf(&text, "%s\n", lines->at[i]);
	(void)dm_file_replace(
		path, dm_str_get(&text), text.len, 0600); /* the long one stays, and works */
}

void history_open(struct history *h, struct words *ret_lines)
{
	DM_CLEANUP(freep) char *folder = history_folder();
	DM_CLEANUP(freep) char *path = folder ? dm_format("%s/history", folder) : NULL;
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(fd_closep) int fd = -1;

	*h = (struct history){ 0 };
	if (!folder || dm_dir_make(folder, 0700) != 0)
		return;
	fd = open_private(path);
	if (fd < 0)
		return;
	if (dm_file_read(path, HISTORY_MAX_BYTES, &text) == 0)
		read_lines(dm_str_get(&text), ret_lines);
	if (text.len > HISTORY_MAX_BYTES / 2)
		shorten(path, ret_lines);
	h->path = take_ptr(path);
}

void history_add(struct history *h, const char *line)
{
	DM_CLEANUP(freep) char *text = dm_format("%s\n", line);
	DM_CLEANUP(fd_closep) int fd = h->path ? open_private(h->path) : -1;

	if (fd >= 0)
		(void)dm_write_all(
			fd, text, strlen(text)); /* a full disk costs a line of history, no more */
}

void history_done(struct history *h)
{
	free(h->path);
	*h = (struct history){ 0 };
}
