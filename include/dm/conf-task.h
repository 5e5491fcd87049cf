/* conf-task.h - task.yaml of DM 1.0 and 2.0: the whole file, and the part for one source.
 *
 * See conf.h. A struct subtask_conf keeps alive what it needs of the task: free them in any order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/db.h"

struct conf_faults;

struct conf_strings {
	char **at;
	size_t count;
};
void conf_strings_done(struct conf_strings *s);

/* ---- rules, as plain data; src/rule gives them their meaning ---- */
struct conf_table {
	char *db, *table;
};
struct conf_list { /* block-allow-list, black-white-list */
	char *name;
	struct conf_strings do_dbs, ignore_dbs;
	struct conf_table *do_tables, *ignore_tables;
	size_t do_table_count, ignore_table_count;
};
struct conf_route {
	char *name, *schema_pattern, *table_pattern, *target_schema, *target_table;
};
struct conf_filter {
	char *name, *schema_pattern, *table_pattern, *action;
	struct conf_strings events, sql_pattern;
};
struct conf_mapping {
	char *name, *schema_pattern, *table_pattern, *source_column, *target_column;
	char *expression, *create_table_query;
	struct conf_strings arguments;
};
struct conf_expression_filter {
	char *name, *schema, *table;
	char *insert_value, *update_old_value, *update_new_value, *delete_value;
};

/* ---- settings of units ---- */
struct conf_mydumper {
	char *name, *path, *chunk_filesize, *extra_args, *where;
	int64_t threads, statement_size, rows;
	bool skip_tz_utc;
};
struct conf_loader {
	char *name, *dir; /* for a subtask: with ".<task>" appended */
	int64_t pool_size;
};
struct conf_syncer {
	char *name, *meta_file;
	int64_t worker_count, batch, queue_size, checkpoint_flush_interval_s, max_retry;
	bool auto_fix_gtid, enable_gtid, disable_detect, safe_mode, enable_ansi_quotes;
};

enum task_mode { TASK_MODE_FULL, TASK_MODE_INCREMENTAL, TASK_MODE_ALL };
enum shard_mode { SHARD_NONE, SHARD_PESSIMISTIC, SHARD_OPTIMISTIC };
enum online_ddl_scheme { ONLINE_DDL_NONE, ONLINE_DDL_GH_OST, ONLINE_DDL_PT };
const char *task_mode_name(enum task_mode mode); /* "full", "incremental", "all" */

struct conf_meta { /* where incremental replication starts */
	bool is_set;
	char *binlog_name; /* "" when only a GTID set is given */
	uint64_t binlog_pos;
	char *binlog_gtid; /* "" when not given */
};

/* What every source of the task shares. */
struct task_common {
	char *name;
	enum task_mode mode;
	bool is_sharding; /* either key of it */
	enum shard_mode shard_mode;
	struct conf_strings ignore_checking_items;
	char *meta_schema;
	bool remove_meta;
	bool enable_heartbeat; /* effective */
	int64_t heartbeat_update_interval_s, heartbeat_report_interval_s;
	char *timezone; /* "": that of this host */
	bool case_sensitive;
	bool online_ddl;
	enum online_ddl_scheme online_ddl_scheme;
	struct conf_strings shadow_table_rules, trash_table_rules;
	bool clean_dump_file, ansi_quotes;
	struct db_conf target;
};

struct task_conf; /* the file as parsed and checked */
struct subtask_conf {
	struct task_common common;
	char *source_id;
	struct conf_meta meta;
	bool has_list; /* false: everything passes */
	struct conf_list list;
	struct conf_mydumper mydumper;
	struct conf_loader loader;
	struct conf_syncer syncer;
	struct conf_route *routes;
	struct conf_filter *filters;
	struct conf_mapping *mappings;
	struct conf_expression_filter *expression_filters;
	size_t route_count, filter_count, mapping_count, expression_filter_count;
	/* Keys that are set in the file and have no effect yet, for the log. */
	struct conf_strings later;
	struct task_conf *task; /* private */
};

/* `file` is what faults name. *reterr is the error that DM would give (its first); `faults`, which may be
 * NULL, gets every one with its place. */
int task_conf_parse(const char *text, size_t len, const char *file, struct task_conf **ret,
	struct conf_faults *faults, struct dm_error *reterr);
void task_conf_free(struct task_conf *t);
void task_conf_freep(struct task_conf **t);
const struct task_common *task_conf_common(const struct task_conf *t);
size_t task_conf_source_count(const struct task_conf *t);
const char *task_conf_source(const struct task_conf *t, size_t index); /* source-id */
/* The task as YAML, secrets as ******. */
void task_conf_print(const struct task_conf *t, struct dm_str *out);

/* 20031 when the task has no such source. */
int task_conf_for_source(const struct task_conf *t, const char *source_id,
	struct subtask_conf **ret, struct dm_error *reterr);
void subtask_conf_free(struct subtask_conf *s);
void subtask_conf_freep(struct subtask_conf **s);
