/* task-file.h - task.yaml as it is written, and its tables. */
#pragma once

#include "common.h"

struct task_instance {
	char *source_id;
	struct task_meta {
		char *binlog_name, *binlog_gtid;
		uint64_t binlog_pos;
	} * meta;
	struct conf_strings route_rules, filter_rules, mapping_rules, expression_filters;
	char *black_white_list, *block_allow_list;
	char *mydumper_name, *loader_name, *syncer_name;
	struct conf_mydumper *mydumper;
	struct conf_loader *loader;
	struct conf_syncer *syncer;
	int64_t mydumper_thread, loader_thread, syncer_thread;
};
struct task_file {
	char *name, *task_mode, *shard_mode, *meta_schema, *timezone, *online_ddl_scheme;
	bool is_sharding, remove_meta, enable_heartbeat, disable_heartbeat, case_sensitive;
	bool online_ddl, clean_dump_file, ansi_quotes;
	struct conf_strings ignore_checking_items, shadow_table_rules, trash_table_rules;
	int64_t heartbeat_update_interval, heartbeat_report_interval;
	struct conf_server *target;
	struct task_instance *instances;
	struct conf_route *routes;
	struct conf_filter *filters;
	struct conf_mapping *mappings;
	struct conf_expression_filter *expressions;
	struct conf_list *black_white_lists, *block_allow_lists;
	struct conf_mydumper *mydumpers;
	struct conf_loader *loaders;
	struct conf_syncer *syncers;
	size_t instance_count, route_count, filter_count, mapping_count, expression_count;
	size_t black_white_count, block_allow_count, mydumper_count, loader_count, syncer_count;
};
extern const struct conf_table_of task_table;
extern const struct conf_table_of task_route_table, task_mapping_table;
extern const struct conf_table_of task_expression_table, task_list_table;
extern const struct conf_table_of task_mydumper_table, task_loader_table, task_syncer_table;

/* DM's checks in DM's order; faults say what is wrong. */
void task_check(const struct task_file *file, const struct conf_doc *doc, struct conf_faults *f);
enum { TASK_SOURCE_ID_MAX = 32 };

/* What an instance uses: block-allow-list, or black-white-list where the file has only that. */
const char *task_list_name(const struct task_instance *inst);
const struct conf_list *task_list_find(const struct task_file *file, const char *name);
