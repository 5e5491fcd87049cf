/* relay-private.h - the relay as its own files see it.
 *
 * Three threads meet here: the main thread (stages, commands), the relay thread (relay-run.c: receives and writes, lives
 * from start or resume to pause), the keeper (relay-keep.c: syncs, writes relay.meta, watches the disk; lives as long
 * as the relay). Cursors belong to other threads. What they share is guarded by `lock`; nobody does I/O under it. */
#pragma once

#include <stdatomic.h>
#include <pthread.h>

#include "dm/conf.h"
#include "dm/db.h"
#include "dm/log.h"
#include "dm/relay.h"
#include "dm/thread.h"
#include "relay-backoff.h"
#include "relay-dir.h"
#include "relay-keep.h"
#include "relay-meta.h"
#include "relay-stage.h"

enum {
	RELAY_SPACE_RESERVE = 16 << 20, /* bytes that are never written to */
	RELAY_SPACE_RESUME = 8 << 20, /* so many more, and a relay that had no room goes on */
};

/* What the relay thread needs of the configuration; a copy, so that a reload cannot pull it away. */
struct relay_settings {
	struct db_conf from;
	enum dm_flavor flavor;
	uint32_t server_id;
	bool enable_gtid;
	char *charset, *binlog_name, *binlog_gtid; /* owned, "" when not set */
	int64_t backoff_rollback_ms, backoff_max_ms;
};
void relay_settings_copy(const struct worker_conf *conf, struct relay_settings *ret);
void relay_settings_done(struct relay_settings *s);
bool relay_settings_equal(const struct relay_settings *a, const struct relay_settings *b);

/* Why the relay thread ended. */
enum relay_end {
	RELAY_END_STOPPED, /* it was asked to */
	RELAY_END_RECOVERED, /* it should only look at the files */
	RELAY_END_RETRY, /* a new connection may do; never leaves the thread */
	RELAY_END_FAILED, /* a later try may do better */
	RELAY_END_DISK, /* no room */
	RELAY_END_PERSON, /* somebody must look at it */
};

struct relay_hold_entry {
	char *who; /* owned */
	struct binlog_position from; /* with suffix where one is known */
};
struct relay_written { /* how far cursors may read */
	bool is_known; /* false until the files were verified */
	unsigned int suffix; /* RELAY_SUFFIX_NONE: no sub-directory yet */
	struct binlog_position position; /* name without suffix */
};

struct relay {
	/* fixed after relay_new() */
	struct relay_env env;
	char *dir, *source_id; /* owned */
	int dir_fd; /* owned; locked, so that no second process writes there */
	struct dm_log_context log;
	uint64_t space_reserve; /* RELAY_SPACE_RESERVE; another one in tests */

	/* main thread */
	const struct worker_conf *conf; /* borrowed, newest */
	struct relay_control control;
	struct relay_purger *purger; /* owned */

	_Atomic uint64_t changes; /* of the stage or the result; any thread reads */

	/* the relay thread, started and joined by the main thread */
	struct dm_thread thread;
	struct dm_stop stop;
	struct dm_mail ended;
	bool is_recovery_only; /* written before the thread starts */
	enum relay_end end; /* written by the thread before `ended` is posted, like `end_error` */
	struct dm_error end_error;
	uint32_t server_id; /* relay thread; picked once, 0: not yet */

	struct relay_keep keep;

	struct dm_lock lock; /* RELAY: guards all below */
	struct relay_dirs dirs;
	struct relay_written written;
	struct relay_status
		status; /* `stage`, `is_paused_by_user` and `result` are written by the main thread */
	struct relay_hold_entry *holds;
	size_t hold_count;
	struct relay_cursor *cursors; /* list of all that are open */
	struct relay_settings settings;
	_Atomic unsigned int
		settings_version; /* grows with each change of them; read without the lock */
};

/* relay-run.c */
void *relay_run(void *relay);

/* relay-stage.c */
void relay_thread_ended(void *relay); /* mail */
void relay_stop_when_quiet(
	struct relay *r); /* main thread; the relay thread or a purge has ended */

/* relay-cursor.c */
void relay_cursors_wake(struct relay *r); /* with the lock */
/* The oldest file that a cursor reads; false: there is none. With the lock. */
bool relay_cursors_oldest(const struct relay *r, unsigned int *ret_suffix, uint64_t *ret_number);

/* relay.c */
char *relay_sub_path(const struct relay *r, const char *sub_dir);
void relay_set_waiting(struct relay *r, const char *waiting_for, int64_t next_retry_mono_ms,
	const struct dm_error *err); /* `err` may be NULL */
