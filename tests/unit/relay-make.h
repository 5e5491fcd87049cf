/* relay-make.h - a relay on a directory of its own, without any upstream, for the tests of the relay. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dm/file.h"
#include "make-binlog.h"
#include "relay-private.h"

/* ---- directories ---- */

static __attribute__((unused)) void make_file(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(dm_write_all(fd, bytes, len), 0);
	assert_int_equal(close(fd), 0);
}

static __attribute__((unused)) uint64_t size_of_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size
				    : UINT64_MAX; /* the latter: it is not there */
}

static void remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL) {
		DM_CLEANUP(freep) char *child = dm_format("%s/%s", path, entry->d_name);

		if (!dm_streq(entry->d_name, ".") && !dm_streq(entry->d_name, "..") &&
			unlink(child) != 0)
			remove_tree(child);
	}
	if (dir)
		(void)closedir(dir);
	(void)rmdir(path);
}

static char *make_dir(void)
{
	/* In memory where there is such a place: many small syncs. */
	const char *under = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	char *path = dm_format("%s/test-relay-XXXXXX", under);

	assert_non_null(mkdtemp(path));
	return path;
}

/* ---- a relay on a directory, without any upstream ---- */

struct made_relay {
	struct worker_conf conf;
	struct dm_mailbox box;
	struct relay *relay;
};

static __attribute__((unused)) void made_relay_open(struct made_relay *m, const char *dir)
{
	struct dm_error err = { 0 };

	*m = (struct made_relay){ 0 };
	m->conf.source_id = dm_strdup("source");
	m->conf.relay_dir = dm_strdup(dir);
	m->conf.charset = dm_strdup("");
	m->conf.relay_binlog_name = dm_strdup("");
	m->conf.relay_binlog_gtid = dm_strdup("");
	m->conf.from.host = dm_strdup("127.0.0.1");
	m->conf.from.port = 1; /* nobody listens there */
	m->conf.from.user = dm_strdup("nobody");
	m->conf.from.password = dm_strdup("");
	m->conf.checker.check_enable = true;
	m->conf.checker.backoff_max_ms = m->conf.checker.backoff_rollback_ms = 300000;
	assert_int_equal(dm_mailbox_init(&m->box), 0);
	assert_int_equal(
		relay_new(&m->relay, &(struct relay_env){ .conf = &m->conf, .main_box = &m->box },
			&err),
		0);
}

/* Runs the main thread's mail until the condition holds; fails after 10 s. */
#define run_until(m, condition) \
	do { \
		struct pollfd p_ = { .fd = (m)->box.fd, .events = POLLIN }; \
		int tries_ = 0; \
		while (!(condition)) { \
			assert_true(tries_++ < 1000); \
			if (poll(&p_, 1, 10) > 0) \
				dm_mailbox_run(&(m)->box); \
		} \
	} while (0)

static __attribute__((unused)) void made_note_done(void *arg, const struct dm_error *err)
{
	*(char **)arg = dm_strdup(err ? err->message : "done");
}

/* The files are verified, the relay is paused. */
static __attribute__((unused)) void made_relay_verify(struct made_relay *m)
{
	relay_start(m->relay, true);
	run_until(m, !m->relay->thread.started);
}

static __attribute__((unused)) void made_relay_close(struct made_relay *m)
{
	char *answer = NULL;

	if (m->relay->status.stage != STAGE_STOPPED && m->relay->keep.thread.started) {
		relay_stop(m->relay, made_note_done, &answer);
		run_until(m, answer);
	}
	free(answer);
	relay_free(m->relay);
	dm_mailbox_done(&m->box);
	free(m->conf.source_id);
	free(m->conf.relay_dir);
	free(m->conf.charset);
	free(m->conf.relay_binlog_name);
	free(m->conf.relay_binlog_gtid);
	db_conf_done(&m->conf.from);
}
