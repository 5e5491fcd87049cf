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
	X(PARSE_SQL,                  11006, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(PARSE_GTID,                 11009, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(FLAVOR,                     11010, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(INVALID_SERVER_ID,          11015, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(READ_DIR,                   11024, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(BASE_FILE_NOT_FOUND,        11025, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(BINLOG_FILE_NOT_VALID,      11027, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(GET_RELAY_LOG_STAT,         11029, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(BINLOG_FILE_NOT_GIVEN,      11035, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(PARSE_RELAY_LOG,            11038, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(NO_SUB_DIR_TO_SWITCH,       11039, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(GENERATE_CIPHER,            11045, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(GENERATE_IV,                11046, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(BACKOFF_ARGS,               11103, FUNCTIONAL,      INTERNAL, MEDIUM, "") \
	X(INIT_LOGGER,                11104, FUNCTIONAL,      INTERNAL, MEDIUM, "") \
	X(RELAY_POS_TOO_BIG,          11106, FUNCTIONAL,      INTERNAL, HIGH,   "") \
	X(CONFIG_CHECK_ITEM,          20001, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_YAML,                20003, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_SOURCE_ID_EMPTY,     20005, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_SOURCE_ID_LONG,      20006, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_ONLINE_SCHEME,       20007, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_TIMEZONE,            20008, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_BINLOG_NAME,         20011, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_NO_INSTANCES,        20013, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_SAME_SOURCE,         20014, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_MYDUMPER_TWICE,      20015, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_LOADER_TWICE,        20016, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_SYNCER_TWICE,        20017, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_READ_FILE,           20018, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_TASK_NAME,           20019, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_TASK_MODE,           20020, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_NO_TARGET,           20021, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_NO_META,             20022, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_NO_ROUTE,            20023, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_NO_FILTER,           20024, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_NO_MAPPING,          20025, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_NO_LIST,             20026, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_NO_MYDUMPER,         20027, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_MYDUMPER_PATH,       20028, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_NO_LOADER,           20029, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_NO_SYNCER,           20030, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_SOURCE_NOT_FOUND,    20031, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_DUPLICATES,          20032, CONFIG,          INTERNAL, MEDIUM, "") \
	X(CONFIG_SHARD_MODE,          20033, CONFIG,          INTERNAL, MEDIUM, "") \
	X(BINLOG_PARSE_POSITION,      22001, BINLOG_OP,       INTERNAL, HIGH,   "") \
	X(RELAY_PARSE_UUID_INDEX,     28001, RELAY_EVENT_LIB, INTERNAL, HIGH,   "") \
	X(RELAY_PARSE_UUID_SUFFIX,    28002, RELAY_EVENT_LIB, INTERNAL, HIGH,   "") \
	X(RELAY_UUID_SUFFIX_NOT_VALID, 30001, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_LOAD_META,            30003, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_BINLOG_NAME_NOT_VALID, 30004, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_FLUSH_META,           30006, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_UPDATE_INDEX_FILE,    30007, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_START_POSITION,       30012, RELAY_UNIT,      UPSTREAM, HIGH,   "") \
	X(RELAY_READ_EVENT,           30015, RELAY_UNIT,      UPSTREAM, HIGH,   "") \
	X(RELAY_RECOVER,              30025, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_WRITE,                30026, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_MKDIR,                30033, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_THIS_STRATEGY_IS_PURGING, 30035, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_OTHER_STRATEGY_IS_PURGING, 30036, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_PURGE_FORBIDDEN,      30037, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_NO_ACTIVE_FILE,       30038, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_PURGE_REQUEST,        30039, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_TRIM_UUID_NOT_FOUND,  30040, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(RELAY_REMOVE_FILE,          30041, RELAY_UNIT,      INTERNAL, HIGH,   "") \
	X(SYNC_DML_STATEMENT,         36014, SYNC_UNIT,       INTERNAL, HIGH,   "") \
	X(SYNC_STOPPED,               36020, SYNC_UNIT,       INTERNAL, HIGH,   "") \
	X(SYNC_COLUMN_COUNT,          36027, SYNC_UNIT,       INTERNAL, HIGH,   "") \
	X(SYNC_INVALID_TABLE,         36054, SYNC_UNIT,       INTERNAL, HIGH,   "") \
	X(SYNC_BLOCK_ALLOW_LIST,      36060, SYNC_UNIT,       INTERNAL, HIGH,   "") \
	X(SYNC_HANDLE_DDL,            36061, SYNC_UNIT,       INTERNAL, HIGH,   "") \
	X(MASTER_GRPC_REQUEST,        38008, DM_MASTER,       INTERNAL, HIGH,   "") \
	X(MASTER_DEPLOY,              38009, DM_MASTER,       INTERNAL, HIGH,   "") \
	X(MASTER_UNKNOWN_KEYS,        38011, DM_MASTER,       INTERNAL, MEDIUM, "") \
	X(MASTER_TOML,                38013, DM_MASTER,       INTERNAL, MEDIUM, "") \
	X(MASTER_TASK_CONFIG,         38028, DM_MASTER,       INTERNAL, HIGH,   "") \
	X(MASTER_WORKER_ARGS,         38029, DM_MASTER,       INTERNAL, HIGH,   "") \
	X(WORKER_PARSE_FLAGS,         40001, DM_WORKER,       INTERNAL, MEDIUM, "") \
	X(WORKER_INVALID_FLAG,        40002, DM_WORKER,       INTERNAL, MEDIUM, "") \
	X(WORKER_TOML,                40003, DM_WORKER,       INTERNAL, MEDIUM, "") \
	X(WORKER_UNKNOWN_KEYS,        40004, DM_WORKER,       INTERNAL, MEDIUM, "") \
	X(WORKER_SOURCE_ID_EMPTY,     40005, DM_WORKER,       INTERNAL, MEDIUM, "") \
	X(WORKER_SOURCE_ID_LONG,      40006, DM_WORKER,       INTERNAL, MEDIUM, "") \
	X(WORKER_RELAY_BINLOG_NAME,   40007, DM_WORKER,       INTERNAL, MEDIUM, "") \
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
	X(WORKER_HOST_PORT,           40069, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_COMMAND_TIMEOUT,     60001, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_NOT_STOPPED_STAGE,   60002, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(WORKER_UNIT_ENDED,          60003, DM_WORKER,       INTERNAL, HIGH,   "") \
	X(RELAY_UPSTREAM_PURGED,      60101, RELAY_UNIT,      UPSTREAM, HIGH,   "Give the upstream its binlog files back, or let the task begin anew from a full copy: move the relay directory away, then resume-relay.") \
	X(RELAY_UPSTREAM_CHANGED,     60102, RELAY_UNIT,      UPSTREAM, HIGH,   "Find out whether the upstream was reset or exchanged. If its data is right, move the relay directory away and begin the tasks from a full copy.") \
	X(RELAY_GAP,                  60103, RELAY_UNIT,      UPSTREAM, HIGH,   "") \
	X(RELAY_WRONG_SERVER,         60104, RELAY_UNIT,      UPSTREAM, HIGH,   "") \
	X(RELAY_NO_ROOM,              60105, RELAY_UNIT,      INTERNAL, HIGH,   "Make room on the disk of `relay-dir`, or purge relay log; the relay goes on by itself.") \
	X(RELAY_CURSOR_PURGED,        60106, RELAY_UNIT,      INTERNAL, HIGH,   "If the source still has that file: end the worker, set `relay-binlog-name` to it, remove `relay-dir`, and start again.") \
	X(SYNC_KEY_LATER,             60201, SYNC_UNIT,       INTERNAL, HIGH,   "Please remove the key from the task file, or wait for a version that has it.") \
	X(SYNC_INCIDENT,              60202, SYNC_UNIT,       UPSTREAM, HIGH,   "Please load the data anew: what the upstream lost cannot be replicated.") \
	X(SYNC_TARGET_BUSY,           60203, SYNC_UNIT,       DOWNSTREAM, HIGH,   "Please see which other worker runs this task with the same source-id.") \
	X(SYNC_BAD_EVENT,             60204, SYNC_UNIT,       INTERNAL, HIGH,   "") \
	X(SYNC_XA_UNKNOWN,            60205, SYNC_UNIT,       INTERNAL, HIGH,   "Please let the task begin at a position before the XA START.")
// clang-format on
