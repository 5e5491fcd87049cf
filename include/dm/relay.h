/* relay.h - the binlog files of one upstream, kept on disk byte for byte in DM's directory layout.
 *
 * Owner: the worker. One relay thread receives and writes; any number of cursors (one thread each) follow up to the
 * written position and never see half an event. Stage moves and commands: main thread only, by the relay's own
 * table (relay-stage.c). Received, flushed (fsynced and in relay.meta) and purged are different positions.
 * Layout, meta and names: reference of DM 1.0, pkg/relay. Parses only what it must, knows nothing of tasks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/binlog.h"
#include "dm/position.h"
#include "dm/stage.h"

struct dm_mailbox;
struct dm_stop;
struct worker_conf;
struct relay;

struct relay_env { /* borrowed, outlive the relay */
	const struct worker_conf *conf;
	struct dm_mailbox *main_box; /* where the relay thread's messages to the main thread go */
	void (*on_change)(void *arg); /* main thread: the stage or result changed */
	void *arg;
};
/* Opens or makes the directory and loads index and meta; no thread yet, stage New. Never talks to the upstream. */
int relay_new(struct relay **ret, const struct relay_env *env, struct dm_error *reterr);
void relay_free(struct relay *r); /* after relay_stop() was done, or before any start */

/* Commands; main thread, never block. `done` is called on the main thread when the move is made or refused (err not NULL). */
typedef void relay_done_fn(void *arg, const struct dm_error *err);
void relay_start(
	struct relay *r, bool is_paused_by_user); /* New to Running, or to Paused and so stays */
void relay_pause(struct relay *r, relay_done_fn *done, void *arg);
void relay_resume(struct relay *r, relay_done_fn *done, void *arg);
void relay_stop(struct relay *r, relay_done_fn *done,
	void *arg); /* any to Stopped: cut after 3 s at the latest */
void relay_tick(struct
	relay *r); /* main thread, about once a second: automatic resume, purge by interval, space */
/* New upstream settings after a reload of the configuration; reconnects when they changed. */
void relay_update_conf(struct relay *r, const struct worker_conf *conf);

/* ---- what files are still needed ---- */
/* `who` (a task) needs everything from `from` on, until it says otherwise; NULL: no longer. Main or unit thread. */
void relay_hold(struct relay *r, const char *who, const struct binlog_position *from);
enum relay_purge_kind { RELAY_PURGE_INACTIVE, RELAY_PURGE_TIME, RELAY_PURGE_FILENAME };
struct relay_purge {
	enum relay_purge_kind kind;
	int64_t before_wall_s; /* TIME */
	const char *filename; /* FILENAME: files before this one */
	const char *sub_dir; /* may be NULL or "": the latest */
};
/* Runs on a thread of its own; `done` as above. Never removes what a hold, a cursor or the writer needs. */
void relay_purge_start(
	struct relay *r, const struct relay_purge *what, relay_done_fn *done, void *arg);
bool relay_is_purging(const struct relay *r);

/* ---- status; any thread, never waits for I/O ---- */
struct relay_status {
	enum dm_stage stage;
	bool is_paused_by_user;
	struct dm_process_result result;
	char sub_dir[80]; /* "<uuid>.000001", "" before the first connection */
	struct binlog_position
		received; /* written to the file; name without suffix. ("", 4) at first */
	struct binlog_position flushed; /* fsynced and in relay.meta */
	char *gtid_set; /* owned; of relay.meta, "" unless enable-gtid */
	uint64_t events, bytes; /* received since the start of the process */
	uint64_t read_errors, write_errors, corruptions, exits_with_error;
	uint64_t space_capacity, space_available; /* bytes of the file system; 0 when not known */
	int64_t last_event_mono_ms; /* 0: none yet */
	uint32_t last_event_timestamp; /* upstream seconds of the last event with one */
	const char *waiting_for; /* NULL, "upstream", "disk", "retry" */
	int64_t next_retry_mono_ms; /* with "retry"; 0 */
	struct dm_process_error *retry_error; /* owned, may be NULL: what is being retried */
};
void relay_status(const struct relay *r, struct relay_status *ret);
void relay_status_done(struct relay_status *s);
uint64_t relay_change(const struct relay *r); /* moves with the stage; cheap: one atomic */

/* ---- cursors ---- */
struct relay_cursor;
enum relay_read { RELAY_READ_EVENT, RELAY_READ_TIMEOUT, RELAY_READ_STOPPED, RELAY_READ_FAILED };
struct relay_event {
	const uint8_t *bytes; /* whole event with header and trailer; until the next call */
	size_t len;
	struct binlog_header header;
	const struct binlog_format *format;
	struct binlog_position start,
		end; /* 64-bit; names with suffix, "mysql-bin|000001.000003" */
};
/* `from` with or without suffix (without: the latest sub-directory). The file may not be there yet: then next() waits for it.
 * Errors of DM: 11029, 11106, 28005 and, when it was purged, one that names both positions. */
int relay_cursor_open(struct relay_cursor **ret, struct relay *r,
	const struct binlog_position *from, struct dm_error *reterr);
/* Events in file order; the format event of each file comes first, also when starting in its middle (start.pos is 4 then).
 * Follows into the next file and the next sub-directory. Checksums are verified. Wakes at once when the writer goes on,
 * when `stop` reaches DRAIN (RELAY_READ_STOPPED) or after timeout_ms. */
enum relay_read relay_cursor_next(struct relay_cursor *c, const struct dm_stop *stop,
	int timeout_ms, struct relay_event *ret, struct dm_error *reterr);
void relay_cursor_free(struct relay_cursor *c);
