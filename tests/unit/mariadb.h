/* mariadb.h - a private MariaDB server for unit tests that need a real database.
 *
 * Loopback only, own data directory, ended by its process id. The server is started by the group's setup and
 * reached as root without a password. */
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "dm/clock.h"
#include "dm/db.h"
#include "dm/str.h"
#include "dm/thread.h"

struct mariadb {
	const char *binlog; /* NULL: without; else "--log-bin=<name>" */
	char dir[64];
	pid_t pid;
	uint16_t port;
};

static inline int listen_on_loopback(int backlog, uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static inline pid_t mariadb_spawn(const struct mariadb *m, char *const argv[])
{
	DM_CLEANUP(freep) char *log = dm_format("%s/log", m->dir);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		(void)dup2(fd, 1);
		(void)dup2(fd, 2);
		(void)unsetenv("LD_PRELOAD");
		(void)execv(argv[0], argv);
		_exit(127);
	}
	return pid;
}

static inline bool mariadb_answers(const struct mariadb *m)
{
	struct db_conf conf = { .host = (char *)"127.0.0.1",
		.port = m->port,
		.user = (char *)"root",
		.password = (char *)"" };
	struct db_options options = { .connect_timeout_ms = 1000 };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(db_closep) struct db_conn *c = NULL;

	return db_connect(&c, &conf, &options, &err) == 0;
}

/* False when it ended, as when another one took its port meanwhile: that one must not answer for it. */
static inline bool mariadb_is_up(const struct mariadb *m)
{
	for (int64_t end = dm_mono_ms() + 60000; dm_mono_ms() < end;) {
		bool does_answer = mariadb_answers(m);

		(void)poll(NULL, 0, 50);
		if (waitpid(m->pid, NULL, WNOHANG) != 0)
			return false;
		if (does_answer)
			return true;
	}
	return false;
}

static inline void mariadb_start(struct mariadb *m)
{
	DM_CLEANUP(freep) char *data = NULL, *sock = NULL, *port = NULL;
	char *install[] = { (char *)"/usr/bin/mariadb-install-db", (char *)"--no-defaults", NULL,
		(char *)"--user=root", (char *)"--auth-root-authentication-method=normal",
		(char *)"--skip-test-db", (char *)"--innodb-log-file-size=10M", NULL };
	char *run[] = { (char *)"/usr/sbin/mariadbd", (char *)"--no-defaults", NULL, NULL, NULL,
		(char *)"--user=root", (char *)"--bind-address=127.0.0.1",
		(char *)"--innodb-log-file-size=10M", (char *)"--innodb-flush-log-at-trx-commit=0",
		(char *)"--skip-name-resolve", (char *)(m->binlog ? m->binlog : "--skip-log-bin"),
		(char *)"--server-id=7", (char *)"--performance-schema=OFF",
		(char *)"--innodb-buffer-pool-size=32M", (char *)"--max-allowed-packet=64M", NULL };
	int status;
	bool is_up = false;

	(void)snprintf(m->dir, sizeof(m->dir), "/tmp/dm-unit-XXXXXX");
	assert_non_null(mkdtemp(m->dir));
	install[2] = run[2] = data = dm_format("--datadir=%s/data", m->dir);
	assert_int_equal(waitpid(mariadb_spawn(m, install), &status, 0) > 0 ? status : -1, 0);
	run[3] = sock = dm_format("--socket=%s/s", m->dir);
	for (int attempt = 0; attempt < 3 && !is_up; attempt++) {
		(void)close(listen_on_loopback(-1, &m->port));
		free(port);
		run[4] = port = dm_format("--port=%u", m->port);
		m->pid = mariadb_spawn(m, run);
		is_up = mariadb_is_up(m);
	}
	assert_true(is_up);
}

static inline int mariadb_remove(const char *path, const struct stat *s, int flag, struct FTW *f)
{
	(void)s;
	(void)flag;
	(void)f;
	return remove(path);
}

static inline void mariadb_stop(struct mariadb *m)
{
	(void)kill(m->pid, SIGKILL); /* nothing in it is worth a clean end */
	(void)waitpid(m->pid, NULL, 0);
	(void)nftw(m->dir, mariadb_remove, 16, FTW_DEPTH | FTW_PHYS);
}
