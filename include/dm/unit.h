/* unit.h - one kind of work of a subtask (Check, Dump, Load, Sync) behind a table of hooks.
 *
 * The subtask owns the unit and its thread; it knows no unit by name. A unit never sets a stage: its
 * process() returns and says why. All database work of a unit happens on its own threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/log.h"
#include "dm/stage.h"

struct dm_stop;
struct relay;
struct subtask_conf;
struct worker_conf;

struct unit_env { /* borrowed; outlives the unit */
	const struct worker_conf *worker; /* `from`, flavor, relay-dir ... */
	const struct subtask_conf *conf;
	struct relay *relay;
	struct dm_stop *
		stop; /* DRAIN: finish the transaction at hand, flush the checkpoint, return. CUT: return now */
	struct dm_log_context log;
};

/* What Sync publishes. Strings in here are owned by the holder of the status. */
struct sync_status {
	uint64_t total_events; /* rows and DDL statements applied since the unit was made */
	uint64_t applied_bytes; /* of binlog */
	struct binlog_position
		received; /* end of the last event taken from the relay, with suffix */
	struct binlog_position applied; /* end of the last transaction committed in the target */
	struct binlog_position
		flushed; /* the checkpoint in the target: what query-status shows; ("", 4) at first */
	char *flushed_gtid; /* "" unless the task runs by GTID */
	int64_t applied_timestamp; /* upstream seconds of the last applied transaction; 0 unknown */
	bool is_safe_mode;
	int64_t last_progress_mono_ms; /* 0: none yet */
	const char *waiting_for; /* NULL, "relay", "downstream", "upstream" */
	uint64_t rows_inserted, rows_updated, rows_deleted, ddls, skipped_rows, skipped_queries;
	struct dm_process_error *errors; /* of this run, for query-error */
	size_t error_count;
};
struct unit_status {
	enum dm_unit unit;
	union {
		struct sync_status sync; /* UNIT_SYNC */
	};
};
void unit_status_done(struct unit_status *s);
void unit_status_copy(
	const struct unit_status *from, struct unit_status *to); /* `to` is replaced */

struct unit {
	const struct unit_ops *ops;
	struct unit_env env;
};
struct unit_ops {
	enum dm_unit unit; /* its word in JSON comes from dm_unit_name() */
	const char *log_name; /* DM's log field: "binlog replication" */
	size_t size; /* of the object whose first member is struct unit; allocated zeroed */
	/* Main thread, right after allocation: locks and counters only; cannot fail. */
	void (*setup)(struct unit *u);
	/* Unit thread, before the first process(): connects, reads checkpoints. On failure undoes itself; may be called again. */
	int (*init)(struct unit *u, struct dm_error *reterr);
	/* Unit thread, after init(): has this unit nothing to go on from? -1 on failure. */
	int (*is_fresh)(struct unit *u, bool *ret, struct dm_error *reterr);
	/* Unit thread. Returns when the work is done (no errors, not canceled), failed (errors) or stopped (is_canceled). May be called again. */
	void (*process)(struct unit *u, struct dm_process_result *ret);
	/* Any thread, never blocks for I/O. */
	void (*status)(const struct unit *u, struct unit_status *ret);
	/* Unit thread or main thread, while no other hook runs. Idempotent; accepts a unit that never had an init(). */
	void (*done)(struct unit *u);
};
/* The kinds of units, found through one array (unit.c); NULL for kinds that this build has not. */
const struct unit_ops *unit_ops_of(enum dm_unit unit);
struct unit *unit_new(const struct unit_ops *ops, const struct unit_env *env);
void unit_free(struct unit *u); /* calls done() */
/* The units of a task mode in order ("all", "full", "incremental"); returns their count, at most 4; 0: no such mode or not all of them are in this build. */
size_t unit_list_of_mode(const char *mode, const struct unit_ops *ret[4]);
