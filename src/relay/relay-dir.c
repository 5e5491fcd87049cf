/* relay-dir.c - the index of sub-directories and the lists of files. */
#include "relay-dir.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dm/file.h"

enum { INDEX_MAX = 16 << 20, INDEX_MODE = 0644, SUB_DIR_MODE = 0744, SUFFIX_DIGITS = 6 };

void relay_dirs_done(struct relay_dirs *d)
{
	free(d->list);
	*d = (struct relay_dirs){ 0 };
}

void relay_dirs_copy(const struct relay_dirs *from, struct relay_dirs *to)
{
	relay_dirs_done(to);
	if (from->count == 0)
		return;
	to->list = dm_alloc_array(from->count, sizeof(*to->list));
	memcpy(to->list, from->list, from->count * sizeof(*to->list));
	to->count = from->count;
}

const struct relay_sub_dir *relay_dirs_last(const struct relay_dirs *d)
{
	return d->count ? &d->list[d->count - 1] : NULL;
}

const struct relay_sub_dir *relay_dirs_find(const struct relay_dirs *d, unsigned int suffix)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->list[i].suffix == suffix)
			return &d->list[i];
	return NULL;
}

bool relay_sub_dir_is_of(const struct relay_sub_dir *s, const char *uuid)
{
	size_t len = strlen(uuid);

	return strncmp(s->name, uuid, len) == 0 && s->name[len] == '.';
}

/* "<uuid>.000001": exactly one dot, six digits behind it. */
static bool read_sub_dir(const char *name, struct relay_sub_dir *ret)
{
	const char *dot = strchr(name, '.');
	uint64_t suffix;

	if (!dot || dot == name || strlen(dot + 1) != SUFFIX_DIGITS || strchr(name, '/') ||
		strlen(name) >= sizeof(ret->name) || dm_parse_u64(dot + 1, &suffix) != 0 ||
		suffix == 0)
		return false;
	*ret = (struct relay_sub_dir){ .suffix = (unsigned int)suffix };
	memcpy(ret->name, name, strlen(name));
	return true;
}

static struct relay_sub_dir *add_entry(struct relay_dirs *d)
{
	d->list = dm_grow(d->list, d->count + 1, sizeof(*d->list));
	return &d->list[d->count++];
}

static int parse_name(const char *name, struct relay_dirs *d, struct dm_error *reterr)
{
	const struct relay_sub_dir *last = relay_dirs_last(d);
	struct relay_sub_dir sub;

	if (!read_sub_dir(name, &sub))
		return dm_fail(reterr, DM_ERR_RELAY_PARSE_UUID_SUFFIX,
			"UUID (with suffix) %s not valid", name);
	if (last && sub.suffix != last->suffix + 1)
		return dm_fail(reterr, DM_ERR_RELAY_UUID_SUFFIX_NOT_VALID,
			"UUID %s suffix %u should be 1 larger than previous suffix %u", name,
			sub.suffix, last->suffix);
	*add_entry(d) = sub;
	return 0;
}

int relay_dirs_parse(const char *text, struct relay_dirs *ret, struct dm_error *reterr)
{
	DM_CLEANUP(relay_dirs_done) struct relay_dirs d = { 0 };

	while (*text) {
		const char *end = strchrnul(text, '\n');
		const char *from = text, *to = end;
		DM_CLEANUP(freep) char *name = NULL;

		while (from < to && isspace((unsigned char)*from))
			from++;
		while (to > from && isspace((unsigned char)to[-1]))
			to--;
		name = dm_strndup(from, (size_t)(to - from));
		if (*name && parse_name(name, &d, reterr) != 0)
			return -1;
		text = *end ? end + 1 : end;
	}
	relay_dirs_done(ret);
	*ret = d;
	d = (struct relay_dirs){ 0 };
	return 0;
}

static char *index_path(const char *relay_dir)
{
	return dm_format("%s/server-uuid.index", relay_dir);
}

int relay_dirs_load(const char *relay_dir, struct relay_dirs *ret, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *path = index_path(relay_dir);
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	int r = dm_file_read(path, INDEX_MAX, &text);

	if (r != 0 && r != -ENOENT)
		return dm_fail_errno(reterr, DM_ERR_RELAY_PARSE_UUID_INDEX, r,
			"parse server-uuid.index: %s", path);
	return relay_dirs_parse(dm_str_get(&text), ret, reterr);
}

int relay_dirs_save(const char *relay_dir, const struct relay_dirs *d, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *path = index_path(relay_dir);
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	int r;

	for (size_t i = 0; i < d->count; i++)
		dm_str_addf(&text, "%s\n", d->list[i].name);
	r = dm_file_replace(path, dm_str_get(&text), text.len, INDEX_MODE);
	if (r != 0)
		return dm_fail_errno(reterr, DM_ERR_RELAY_UPDATE_INDEX_FILE, r,
			"update UUID index file %s", path);
	return 0;
}

int relay_dirs_add(
	const char *relay_dir, struct relay_dirs *d, const char *uuid, struct dm_error *reterr)
{
	const struct relay_sub_dir *last = relay_dirs_last(d);
	unsigned int suffix = last ? last->suffix + 1 : 1;
	DM_CLEANUP(freep) char *name = dm_format("%s.%0*u", uuid, SUFFIX_DIGITS, suffix);
	DM_CLEANUP(freep) char *path = dm_format("%s/%s", relay_dir, name);
	struct relay_sub_dir sub;

	if (!read_sub_dir(name, &sub))
		return dm_fail(reterr, DM_ERR_RELAY_PARSE_UUID_SUFFIX,
			"UUID (with suffix) %s not valid", name);
	if (mkdir(path, SUB_DIR_MODE) != 0 && errno != EEXIST)
		return dm_fail_errno(reterr, DM_ERR_RELAY_MKDIR, errno, "relay mkdir: %s", path);
	*add_entry(d) = sub;
	if (relay_dirs_save(relay_dir, d, reterr) == 0)
		return 0;
	d->count--;
	return -1;
}

bool relay_dirs_trim(const char *relay_dir, struct relay_dirs *d)
{
	size_t gone = 0;

	while (gone + 1 < d->count) {
		DM_CLEANUP(freep)
		char *path = dm_format("%s/%s", relay_dir, d->list[gone].name);

		if (access(path, F_OK) == 0 || errno != ENOENT)
			break;
		gone++;
	}
	if (gone == 0)
		return false;
	d->count -= gone;
	memmove(d->list, d->list + gone, d->count * sizeof(*d->list));
	return true;
}

/* ---- files ---- */

void relay_binlogs_done(struct relay_binlogs *b)
{
	free(b->list);
	*b = (struct relay_binlogs){ 0 };
}

static int by_number(const void *a, const void *b)
{
	const struct relay_binlog *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void dir_closep(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir); /* it was only read */
}

static void add_binlog(int dir_fd, const char *name, struct relay_binlogs *b)
{
	struct relay_binlog entry = { 0 };
	struct stat st;

	if (dm_has_prefix(name, "relay.meta") || !binlog_name_is_valid(name) ||
		binlog_name_number(name, &entry.number) != 0 ||
		fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
		return;
	memcpy(entry.name, name, strlen(name));
	entry.size = (uint64_t)st.st_size;
	entry.mtime_s = st.st_mtime;
	b->list = dm_grow(b->list, b->count + 1, sizeof(*b->list));
	b->list[b->count++] = entry;
}

int relay_binlogs_list(const char *sub_path, struct relay_binlogs *ret, struct dm_error *reterr)
{
	DM_CLEANUP(relay_binlogs_done) struct relay_binlogs b = { 0 };
	DM_CLEANUP(dir_closep) DIR *dir = opendir(sub_path);
	struct dirent *entry;

	if (!dir && errno != ENOENT)
		return dm_fail_errno(reterr, DM_ERR_READ_DIR, errno, "read dir: %s", sub_path);
	errno = 0;
	while (dir && (entry = readdir(dir)) != NULL)
		add_binlog(dirfd(dir), entry->d_name, &b);
	if (b.count > 1)
		qsort(b.list, b.count, sizeof(*b.list), by_number);
	relay_binlogs_done(ret);
	*ret = b;
	b = (struct relay_binlogs){ 0 };
	return 0;
}
