/* error-list.h - every error code that this daemon raises. The only place for class, scope, level
 * and workaround; a test compares the rows below 60000 with DM 1.0.7's published list.
 * Codes from 60001 up are ours. Rows are sorted by code. */
#pragma once

// clang-format off
#define DM_ERRORS(X) \
	/* name                       code   class            scope     level   workaround */ \
	X(DB_DRIVER,                  10001, DATABASE,        NOT_SET,  HIGH,   "") \
	X(DB_BAD_CONN,                10002, DATABASE,        NOT_SET,  HIGH,   "") \
	X(DB_INVALID_CONN,            10003, DATABASE,        NOT_SET,  HIGH,   "") \
	X(DB_UNEXPECTED,              10004, DATABASE,        NOT_SET,  HIGH,   "") \
	X(DB_QUERY_FAILED,            10005, DATABASE,        NOT_SET,  HIGH,   "") \
	X(DB_EXECUTE_FAILED,          10006, DATABASE,        NOT_SET,  HIGH,   "") \
	X(INVALID_SERVER_ID,          11015, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(RELAY_PURGE_FORBIDDEN,      30037, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(WORKER_SAVE_STATE,          40027, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_RELAY_STAGE,         40039, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_RELAY_OP,            40040, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_OPEN_STATE,          40041, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_STATE_IS_NEWER,      40047, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_START_SERVER,        40048, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_CLOSED,              40049, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_NOT_RUNNING_STAGE,   40050, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_NOT_PAUSED_STAGE,    40051, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_UPDATE_NOT_PAUSED,   40052, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_SUBTASK_NOT_FOUND,   40054, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_SUBTASK_EXISTS,      40055, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_NO_UNITS,            40060, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_RELAY_IS_PURGING,    40068, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_COMMAND_TIMEOUT,     60001, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_NOT_STOPPED_STAGE,   60002, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_UNIT_ENDED,          60003, DM_WORKER,       INTERNAL, HIGH,   "")
// clang-format on
