/* stage.h - the words that DM's users see: stages, units, kinds of errors, and what a run ended with.
 *
 * Numbers are DM's (protobuf) and appear in metrics and requests; names come from one table each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dm/error.h"
#include "dm/position.h"

enum dm_stage {
	STAGE_INVALID,
	STAGE_NEW,
	STAGE_RUNNING,
	STAGE_PAUSED,
	STAGE_STOPPED,
	STAGE_FINISHED,
	STAGE_COUNT
};
enum dm_unit {
	UNIT_INVALID = 0,
	UNIT_CHECK = 1,
	UNIT_DUMP = 2,
	UNIT_LOAD = 3,
	UNIT_SYNC = 4,
	UNIT_RELAY = 100
};
enum dm_error_type { ERROR_UNKNOWN, ERROR_EXEC_SQL, ERROR_CHECK_FAILED, ERROR_TYPE_COUNT };
enum dm_task_op {
	TASK_OP_INVALID,
	TASK_OP_STOP,
	TASK_OP_PAUSE,
	TASK_OP_RESUME,
	TASK_OP_START,
	TASK_OP_UPDATE,
	TASK_OP_AUTO_RESUME,
	TASK_OP_COUNT
};
enum dm_relay_op {
	RELAY_OP_INVALID,
	RELAY_OP_STOP,
	RELAY_OP_PAUSE,
	RELAY_OP_RESUME,
	RELAY_OP_COUNT
};

const char *dm_stage_name(enum dm_stage stage); /* "InvalidStage", "New", ... */
const char *dm_unit_name(enum dm_unit unit); /* "InvalidUnit", "Check", ... */
const char *dm_error_type_name(
	enum dm_error_type type); /* "UnknownError", "ExecSQL", "CheckFailed" */
const char *dm_task_op_name(enum dm_task_op
		op); /* "InvalidOp", "Stop", "Pause", "Resume", "Start", "Update", "AutoResume" */
const char *dm_relay_op_name(
	enum dm_relay_op op); /* "InvalidRelayOp", "StopRelay", "PauseRelay", "ResumeRelay" */

/* One entry of `errors`, with what query-error and /api/v1/errors add. */
struct dm_process_error {
	enum dm_error_type type;
	struct dm_error error;
	struct binlog_position position; /* failed at; name "" when it has none */
	char *statement; /* owned, may be NULL: what failed, cut, never with row values */
	char *table; /* owned, may be NULL: "`db`.`t`" of the upstream */
	long long wall_ns; /* when */
};
void dm_process_error_done(struct dm_process_error *e); /* frees what is in it */
void dm_process_error_copy(const struct dm_process_error *from,
	struct dm_process_error *to); /* `to` is empty before */
/* How a run of a unit or of the relay ended. Owned by the holder; zeroed: none ("result": null). */
struct dm_process_result {
	bool is_set;
	bool is_canceled;
	struct dm_process_error *errors; /* owned */
	size_t error_count;
};
void dm_process_result_done(struct dm_process_result *r);
void dm_process_result_copy(
	const struct dm_process_result *from, struct dm_process_result *to); /* `to` is replaced */
void dm_process_result_move(struct dm_process_result *from, struct dm_process_result *to);
/* Appends an error, taking over *err; returns the entry so that more can be said. */
struct dm_process_error *dm_process_result_add(
	struct dm_process_result *r, enum dm_error_type type, struct dm_error *err);
