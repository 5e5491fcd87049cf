/* daemon.h - the parts of the worker put together, and the loop that owns them.
 *
 * One struct, made in main(); all of it is the main thread's. Parts are started from the lowest room up and ended
 * from the highest down. Nothing here waits: what ends slowly reports by mail. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "dm/conf.h"
#include "dm/thread.h"

struct api;
struct registry;
struct relay;
struct sampler;
struct status_collector;

enum { /* exit codes */
	EXIT_FINE = 0,
	EXIT_FAILED = 1, /* another try may go well: a port is taken, a disk is read-only */
	EXIT_UNUSABLE =
		2, /* configuration or state: a person must act, systemd does not try again */
};

struct daemon {
	struct worker_flags flags;
	struct worker_conf *conf;
	struct worker_conf **retired; /* of earlier loads, while a unit still runs with them */
	size_t retired_count;

	struct dm_mailbox box;
	sd_event *loop;
	sd_event_source *tick;
	int64_t second_at_ms; /* when once-a-second work is due */

	struct relay *relay;
	struct registry *registry;
	struct sampler *sampler;
	struct status_collector *status;
	struct api *api;

	bool is_stopping;
	unsigned int ending; /* parts that have not reported their end yet */
	int exit_code;
	struct dm_stop backstop; /* raised when the end was reached in time */
	struct dm_thread backstop_thread;
	char *shown; /* the last STATUS= line */
};

/* Runs until a signal ends it. `d` has flags and conf; returns the exit code. */
int daemon_run(struct daemon *d);

/* ---- reload.c ---- */
void daemon_reload(struct daemon *d);
int daemon_open_log(const struct worker_conf *conf, struct dm_error *reterr);
void daemon_log_later_keys(const struct worker_conf *conf);
void daemon_free_conf(struct daemon *d); /* all that were loaded */

/* ---- notify.c: what systemd is told ---- */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(int limit_ms);
void notify_status(struct daemon *d); /* nothing when the line is the same */
int notify_listen_fd(void); /* of socket activation; -1: none */
