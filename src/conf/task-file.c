/* task-file.c - every key of task.yaml, one row each. */
#include "task-file.h"

// clang-format off
#define R struct conf_route
static const struct conf_key route_keys[] = {
	{ KEY("schema-pattern", CONF_STR, R, schema_pattern) },
	{ KEY("table-pattern", CONF_STR, R, table_pattern) },
	{ KEY("target-schema", CONF_STR, R, target_schema) },
	{ KEY("target-table", CONF_STR, R, target_table) },
	{ 0 },
};
const struct conf_table_of task_route_table = { "router.TableRule", sizeof(R), route_keys };

#define M struct conf_mapping
static const struct conf_key mapping_keys[] = {
	{ KEY("schema-pattern", CONF_STR, M, schema_pattern) },
	{ KEY("table-pattern", CONF_STR, M, table_pattern) },
	{ KEY("source-column", CONF_STR, M, source_column) },
	{ KEY("target-column", CONF_STR, M, target_column) },
	{ KEY("expression", CONF_STR, M, expression), .go_type = "column.Expr" },
	{ KEY("arguments", CONF_STRINGS, M, arguments) },
	{ KEY("create-table-query", CONF_STR, M, create_table_query) },
	{ 0 },
};
const struct conf_table_of task_mapping_table = { "column.Rule", sizeof(M), mapping_keys };

#define E struct conf_expression_filter
static const struct conf_key expression_keys[] = {
	{ KEY("schema", CONF_STR, E, schema) },
	{ KEY("table", CONF_STR, E, table) },
	{ KEY("insert-value-expr", CONF_STR, E, insert_value) },
	{ KEY("update-old-value-expr", CONF_STR, E, update_old_value) },
	{ KEY("update-new-value-expr", CONF_STR, E, update_new_value) },
	{ KEY("delete-value-expr", CONF_STR, E, delete_value) },
	{ 0 },
};
const struct conf_table_of task_expression_table = { "config.ExpressionFilter", sizeof(E), expression_keys };

static const struct conf_key table_keys[] = {
	{ KEY("db-name", CONF_STR, struct conf_table, db) },
	{ KEY("tbl-name", CONF_STR, struct conf_table, table) },
	{ 0 },
};
static const struct conf_table_of table_table = { "filter.Table", sizeof(struct conf_table), table_keys };

#define L struct conf_list
static const struct conf_key list_keys[] = {
	{ KEY("do-dbs", CONF_STRINGS, L, do_dbs) },
	{ KEY("ignore-dbs", CONF_STRINGS, L, ignore_dbs) },
	{ KEY("do-tables", CONF_STRUCTS, L, do_tables), COUNT(L, do_table_count), .sub = &table_table },
	{ KEY("ignore-tables", CONF_STRUCTS, L, ignore_tables), COUNT(L, ignore_table_count), .sub = &table_table },
	{ 0 },
};
const struct conf_table_of task_list_table = { "filter.Rules", sizeof(L), list_keys };

/* DM checks no number; these are what the units can work with. */
#define THREADS_MAX 4096
#define SECONDS_MAX (366LL * 86400)

#define D struct conf_mydumper
static const struct conf_key mydumper_keys[] = {
	{ KEY("mydumper-path", CONF_STR, D, path), .def = "./bin/mydumper" },
	{ KEY("threads", CONF_I64, D, threads), .def = "4", .min = 1, .max = THREADS_MAX },
	{ KEY("chunk-filesize", CONF_STR, D, chunk_filesize), .def = "64" },
	{ KEY("skip-tz-utc", CONF_BOOL, D, skip_tz_utc), .def = "true" },
	{ KEY("extra-args", CONF_STR, D, extra_args) },
	{ KEY("statement-size", CONF_I64, D, statement_size), .def = "0", .max = INT64_MAX, .go_type = "uint64" },
	{ KEY("rows", CONF_I64, D, rows), .def = "0", .max = INT64_MAX, .go_type = "uint64" },
	{ KEY("where", CONF_STR, D, where) },
	{ 0 },
};
const struct conf_table_of task_mydumper_table = { "config.rawMydumperConfig", sizeof(D), mydumper_keys };

#define O struct conf_loader
static const struct conf_key loader_keys[] = {
	{ KEY("pool-size", CONF_I64, O, pool_size), .def = "16", .min = 1, .max = THREADS_MAX },
	{ KEY("dir", CONF_STR, O, dir), .def = "./dumped_data" },
	{ 0 },
};
const struct conf_table_of task_loader_table = { "config.rawLoaderConfig", sizeof(O), loader_keys };

#define S struct conf_syncer
static const struct conf_key syncer_keys[] = {
	{ KEY("meta-file", CONF_STR, S, meta_file), .flags = CONF_LATER },
	{ KEY("worker-count", CONF_I64, S, worker_count), .def = "16", .min = 1, .max = THREADS_MAX, .flags = CONF_LATER },
	{ KEY("batch", CONF_I64, S, batch), .def = "100", .min = 1, .max = 1000000, .flags = CONF_LATER },
	{ KEY("queue-size", CONF_I64, S, queue_size), .def = "1024", .max = 10000000, .flags = CONF_LATER },
	{ KEY("checkpoint-flush-interval", CONF_I64, S, checkpoint_flush_interval_s), .def = "30", .max = SECONDS_MAX },
	{ KEY("max-retry", CONF_I64, S, max_retry), .def = "0", .flags = CONF_LATER },
	{ KEY("auto-fix-gtid", CONF_BOOL, S, auto_fix_gtid), .def = "false", .flags = CONF_LATER },
	{ KEY("enable-gtid", CONF_BOOL, S, enable_gtid), .def = "false", .flags = CONF_LATER },
	{ KEY("disable-detect", CONF_BOOL, S, disable_detect), .def = "false", .flags = CONF_LATER },
	{ KEY("safe-mode", CONF_BOOL, S, safe_mode), .def = "false" },
	{ KEY("enable-ansi-quotes", CONF_BOOL, S, enable_ansi_quotes), .def = "false" },
	{ 0 },
};
const struct conf_table_of task_syncer_table = { "config.rawSyncerConfig", sizeof(S), syncer_keys };

#define B struct task_meta
static const struct conf_key meta_keys[] = {
	{ KEY("binlog-name", CONF_STR, B, binlog_name) },
	{ KEY("binlog-pos", CONF_U64, B, binlog_pos), .def = "0", .go_type = "uint32" },
	{ KEY("binlog-gtid", CONF_STR, B, binlog_gtid) },
	{ 0 },
};
static const struct conf_table_of meta_table = { "config.Meta", sizeof(B), meta_keys };

#define I struct task_instance
static const struct conf_key instance_keys[] = {
	{ KEY("source-id", CONF_STR, I, source_id) },
	{ KEY("meta", CONF_OPTIONAL, I, meta), .sub = &meta_table },
	{ KEY("route-rules", CONF_STRINGS, I, route_rules), .flags = CONF_LATER },
	{ KEY("filter-rules", CONF_STRINGS, I, filter_rules), .flags = CONF_LATER },
	{ KEY("column-mapping-rules", CONF_STRINGS, I, mapping_rules), .flags = CONF_LATER },
	{ KEY("expression-filters", CONF_STRINGS, I, expression_filters), .flags = CONF_LATER },
	{ KEY("black-white-list", CONF_STR, I, black_white_list) },
	{ KEY("block-allow-list", CONF_STR, I, block_allow_list) },
	{ KEY("mydumper-config-name", CONF_STR, I, mydumper_name) },
	{ KEY("mydumper", CONF_OPTIONAL, I, mydumper), .sub = &task_mydumper_table },
	{ KEY("mydumper-thread", CONF_I64, I, mydumper_thread), .def = "0", .max = THREADS_MAX },
	{ KEY("loader-config-name", CONF_STR, I, loader_name) },
	{ KEY("loader", CONF_OPTIONAL, I, loader), .sub = &task_loader_table },
	{ KEY("loader-thread", CONF_I64, I, loader_thread), .def = "0", .max = THREADS_MAX },
	{ KEY("syncer-config-name", CONF_STR, I, syncer_name) },
	{ KEY("syncer", CONF_OPTIONAL, I, syncer), .sub = &task_syncer_table },
	{ KEY("syncer-thread", CONF_I64, I, syncer_thread), .def = "0", .max = THREADS_MAX, .flags = CONF_LATER },
	{ 0 },
};
static const struct conf_table_of instance_table = { "config.MySQLInstance", sizeof(I), instance_keys };

#define F struct task_file
static const struct conf_key task_keys[] = {
	{ KEY("name", CONF_STR, F, name) },
	{ KEY("task-mode", CONF_STR, F, task_mode) },
	{ KEY("is-sharding", CONF_BOOL, F, is_sharding), .def = "false", .flags = CONF_LATER },
	{ KEY("shard-mode", CONF_STR, F, shard_mode), .flags = CONF_LATER },
	{ KEY("ignore-checking-items", CONF_STRINGS, F, ignore_checking_items), .flags = CONF_LATER },
	{ KEY("meta-schema", CONF_STR, F, meta_schema), .def = "dm_meta" },
	{ KEY("remove-meta", CONF_BOOL, F, remove_meta), .def = "false" },
	{ KEY("enable-heartbeat", CONF_BOOL, F, enable_heartbeat), .def = "false", .flags = CONF_LATER },
	{ KEY("disable-heartbeat", CONF_BOOL, F, disable_heartbeat), .def = "true", .flags = CONF_LATER },
	{ KEY("heartbeat-update-interval", CONF_I64, F, heartbeat_update_interval), .def = "1", .min = 1,
		.max = SECONDS_MAX, .flags = CONF_LATER },
	{ KEY("heartbeat-report-interval", CONF_I64, F, heartbeat_report_interval), .def = "10", .min = 1,
		.max = SECONDS_MAX, .flags = CONF_LATER },
	{ KEY("timezone", CONF_STR, F, timezone) },
	{ KEY("case-sensitive", CONF_BOOL, F, case_sensitive), .def = "false" },
	{ KEY("target-database", CONF_OPTIONAL, F, target), .sub = &conf_server_table },
	{ KEY("mysql-instances", CONF_STRUCTS, F, instances), COUNT(F, instance_count), .sub = &instance_table },
	{ KEY("online-ddl-scheme", CONF_STR, F, online_ddl_scheme), .flags = CONF_LATER },
	{ KEY("online-ddl", CONF_BOOL, F, online_ddl), .def = "false", .flags = CONF_LATER },
	{ KEY("shadow-table-rules", CONF_STRINGS, F, shadow_table_rules), .flags = CONF_LATER },
	{ KEY("trash-table-rules", CONF_STRINGS, F, trash_table_rules), .flags = CONF_LATER },
	{ KEY("routes", CONF_NAMED, F, routes), COUNT(F, route_count), .sub = &task_route_table },
	{ KEY("filters", CONF_NAMED, F, filters), COUNT(F, filter_count), .sub = &conf_filter_table },
	{ KEY("column-mappings", CONF_NAMED, F, mappings), COUNT(F, mapping_count), .sub = &task_mapping_table },
	{ KEY("expression-filter", CONF_NAMED, F, expressions), COUNT(F, expression_count),
		.sub = &task_expression_table },
	{ KEY("black-white-list", CONF_NAMED, F, black_white_lists), COUNT(F, black_white_count), .sub = &task_list_table },
	{ KEY("block-allow-list", CONF_NAMED, F, block_allow_lists), COUNT(F, block_allow_count), .sub = &task_list_table },
	{ KEY("mydumpers", CONF_NAMED, F, mydumpers), COUNT(F, mydumper_count), .sub = &task_mydumper_table,
		.go_type = "map[string]*config.MydumperConfig" },
	{ KEY("loaders", CONF_NAMED, F, loaders), COUNT(F, loader_count), .sub = &task_loader_table,
		.go_type = "map[string]*config.LoaderConfig" },
	{ KEY("syncers", CONF_NAMED, F, syncers), COUNT(F, syncer_count), .sub = &task_syncer_table,
		.go_type = "map[string]*config.SyncerConfig" },
	{ KEY("clean-dump-file", CONF_BOOL, F, clean_dump_file), .def = "true", .flags = CONF_LATER },
	{ KEY("ansi-quotes", CONF_BOOL, F, ansi_quotes), .def = "false", .flags = CONF_LATER },
	{ 0 },
};
const struct conf_table_of task_table = { "config.TaskConfig", sizeof(F), task_keys };
// clang-format on
