/* task.c - task.yaml read once, and shared by the parts for its sources. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "task-file.h"

struct task_conf {
	_Atomic unsigned int holders;
	struct task_file file; /* read-only once parsed */
	struct task_common common; /* borrows from `file` */
	struct conf_strings later;
};

const char *task_mode_name(enum task_mode mode)
{
	static const char *const names[] = {
		[TASK_MODE_FULL] = "full",
		[TASK_MODE_INCREMENTAL] = "incremental",
		[TASK_MODE_ALL] = "all",
	};

	return names[mode];
}

static void adjust(struct task_file *f)
{
	if (!*f->meta_schema) {
		free(f->meta_schema);
		f->meta_schema = dm_strdup("dm_meta");
	}
	conf_server_adjust(f->target);
}

static void publish(struct task_conf *t)
{
	const struct task_file *f = &t->file;

	t->common = (struct task_common){
		.name = f->name,
		.mode = strcmp(f->task_mode, "full") == 0  ? TASK_MODE_FULL
			: strcmp(f->task_mode, "all") == 0 ? TASK_MODE_ALL
							   : TASK_MODE_INCREMENTAL,
		.is_sharding = f->is_sharding || *f->shard_mode,
		.shard_mode = strcmp(f->shard_mode, "optimistic") == 0 ? SHARD_OPTIMISTIC
			      : f->is_sharding || *f->shard_mode       ? SHARD_PESSIMISTIC
								       : SHARD_NONE,
		.ignore_checking_items = f->ignore_checking_items,
		.meta_schema = f->meta_schema,
		.remove_meta = f->remove_meta,
		.enable_heartbeat = f->enable_heartbeat || !f->disable_heartbeat,
		.heartbeat_update_interval_s = f->heartbeat_update_interval,
		.heartbeat_report_interval_s = f->heartbeat_report_interval,
		.timezone = f->timezone,
		.case_sensitive = f->case_sensitive,
		.online_ddl = f->online_ddl || *f->online_ddl_scheme,
		.online_ddl_scheme = strcmp(f->online_ddl_scheme, "pt") == 0 ? ONLINE_DDL_PT
				     : *f->online_ddl_scheme                 ? ONLINE_DDL_GH_OST
									     : ONLINE_DDL_NONE,
		.shadow_table_rules = f->shadow_table_rules,
		.trash_table_rules = f->trash_table_rules,
		.clean_dump_file = f->clean_dump_file,
		.ansi_quotes = f->ansi_quotes,
		.target = f->target->db,
	};
}

static void add_faults(struct conf_faults *to, struct conf_faults *from)
{
	conf_faults_done(to);
	*to = *from;
	*from = (struct conf_faults){ 0 };
}

int task_conf_parse(const char *text, size_t len, const char *file, struct task_conf **ret,
	struct conf_faults *faults, struct dm_error *reterr)
{
	DM_CLEANUP(task_conf_freep) struct task_conf *t = dm_alloc(sizeof(*t));
	DM_CLEANUP(conf_doc_done) struct conf_doc doc = { 0 };
	DM_CLEANUP(conf_faults_done) struct conf_faults found = { .file = dm_strdup(file) };
	struct conf_decode d = {
		.dialect = CONF_YAML,
		.code = DM_ERR_CONFIG_YAML,
		.head = "decode task config failed",
		.faults = &found,
		.later = &t->later,
	};

	t->holders = 1;
	conf_set_defaults(&task_table, &t->file);
	if (conf_read(&doc, &d, &task_table, text, len, &t->file) == 0 || doc.root)
		task_check(&t->file, &doc, &found);
	if (found.count > 0) {
		(void)conf_faults_error(&found, reterr); /* always -1 */
		if (faults)
			add_faults(faults, &found);
		return -1;
	}
	adjust(&t->file);
	publish(t);
	*ret = take_ptr(t);
	return 0;
}

void task_conf_free(struct task_conf *t)
{
	if (!t || atomic_fetch_sub(&t->holders, 1) > 1)
		return;
	conf_struct_done(&task_table, &t->file);
	conf_strings_done(&t->later);
	free(t);
}

void task_conf_freep(struct task_conf **t)
{
	task_conf_free(*t);
	*t = NULL;
}

const struct task_common *task_conf_common(const struct task_conf *t)
{
	return &t->common;
}

size_t task_conf_source_count(const struct task_conf *t)
{
	return t->file.instance_count;
}

const char *task_conf_source(const struct task_conf *t, size_t index)
{
	return t->file.instances[index].source_id;
}

void task_conf_print(const struct task_conf *t, struct dm_str *out)
{
	conf_print_yaml(&task_table, &t->file, 0, out);
}

/* ---- the part for one source ---- */

/* Copies the named structs, whose strings stay the task's. */
static void *pick(const struct conf_table_of *t, const void *array, size_t count,
	const struct conf_strings *names)
{
	char *picked = dm_alloc_array(names->count, t->size);

	for (size_t i = 0; i < names->count; i++)
		memcpy(picked + i * t->size, conf_named_find(t, array, count, names->at[i]),
			t->size); /* names were checked */
	return picked;
}

static void pick_rules(
	struct subtask_conf *s, const struct task_file *f, const struct task_instance *inst)
{
	const struct conf_list *list = task_list_find(f, task_list_name(inst));

	s->has_list = list != NULL;
	if (list)
		s->list = *list;
	s->routes = pick(&task_route_table, f->routes, f->route_count, &inst->route_rules);
	s->route_count = inst->route_rules.count;
	s->filters = pick(&conf_filter_table, f->filters, f->filter_count, &inst->filter_rules);
	s->filter_count = inst->filter_rules.count;
	s->mappings =
		pick(&task_mapping_table, f->mappings, f->mapping_count, &inst->mapping_rules);
	s->mapping_count = inst->mapping_rules.count;
	s->expression_filters = pick(&task_expression_table, f->expressions, f->expression_count,
		&inst->expression_filters);
	s->expression_filter_count = inst->expression_filters.count;
}

static const struct conf_mydumper default_mydumper = { .name = "",
	.path = "./bin/mydumper",
	.chunk_filesize = "64",
	.extra_args = "",
	.where = "",
	.threads = 4,
	.skip_tz_utc = true };
static const struct conf_loader default_loader = {
	.name = "", .dir = "./dumped_data", .pool_size = 16
};
static const struct conf_syncer default_syncer = { .name = "",
	.meta_file = "",
	.worker_count = 16,
	.batch = 100,
	.queue_size = 1024,
	.checkpoint_flush_interval_s = 30 };

/* What an instance gives itself, else what it names, else the defaults. */
static const void *unit_of(const struct conf_table_of *t, const void *own, const char *name,
	const void *array, size_t count, const void *defaults)
{
	return own ? own : *name ? conf_named_find(t, array, count, name) : defaults;
}

static char *loader_dir(const char *dir, const char *task)
{
	DM_CLEANUP(freep) char *ending = dm_format(".%s", task);
	size_t len = strlen(dir), tail = strlen(ending);

	return len >= tail && strcmp(dir + len - tail, ending) == 0
		       ? dm_strdup(dir)
		       : dm_format("%s%s", dir, ending);
}

static void pick_units(
	struct subtask_conf *s, const struct task_file *f, const struct task_instance *inst)
{
	s->mydumper = *(const struct conf_mydumper *)unit_of(&task_mydumper_table, inst->mydumper,
		inst->mydumper_name, f->mydumpers, f->mydumper_count, &default_mydumper);
	s->loader = *(const struct conf_loader *)unit_of(&task_loader_table, inst->loader,
		inst->loader_name, f->loaders, f->loader_count, &default_loader);
	s->syncer = *(const struct conf_syncer *)unit_of(&task_syncer_table, inst->syncer,
		inst->syncer_name, f->syncers, f->syncer_count, &default_syncer);
	if (inst->mydumper_thread > 0)
		s->mydumper.threads = inst->mydumper_thread;
	if (inst->loader_thread > 0)
		s->loader.pool_size = inst->loader_thread;
	if (inst->syncer_thread > 0)
		s->syncer.worker_count = inst->syncer_thread;
	if (s->syncer.queue_size == 0)
		s->syncer.queue_size = default_syncer.queue_size;
	if (s->syncer.checkpoint_flush_interval_s == 0)
		s->syncer.checkpoint_flush_interval_s = default_syncer.checkpoint_flush_interval_s;
	s->loader.dir = loader_dir(s->loader.dir, f->name);
}

/* Keys of the whole task, of this instance and of the settings that it names. */
static void pick_later(struct subtask_conf *s, const struct task_conf *t, size_t index)
{
	DM_CLEANUP(freep) char *own = dm_format("mysql-instances[%zu].", index);
	DM_CLEANUP(freep)
	char *named = dm_format("syncers.%s.", t->file.instances[index].syncer_name);

	for (size_t i = 0; i < t->later.count; i++) {
		const char *key = t->later.at[i];
		bool is_others =
			dm_has_prefix(key, "mysql-instances[") || dm_has_prefix(key, "syncers.");

		if (!is_others || dm_has_prefix(key, own) || dm_has_prefix(key, named))
			conf_strings_add(&s->later, key);
	}
}

int task_conf_for_source(const struct task_conf *t, const char *source_id,
	struct subtask_conf **ret, struct dm_error *reterr)
{
	const struct task_file *f = &t->file;
	struct subtask_conf *s;
	size_t i = 0;

	while (i < f->instance_count && strcmp(f->instances[i].source_id, source_id) != 0)
		i++;
	if (i == f->instance_count)
		return dm_fail(reterr, DM_ERR_CONFIG_SOURCE_NOT_FOUND,
			"source %s in deployment configuration not found", source_id);
	s = dm_alloc(sizeof(*s));
	s->common = t->common;
	s->source_id = f->instances[i].source_id;
	s->task = (struct task_conf *)t; /* only its count of holders changes */
	atomic_fetch_add(&s->task->holders, 1);
	s->meta = (struct conf_meta){ .binlog_name = (char *)"", .binlog_gtid = (char *)"" };
	if (f->instances[i].meta)
		s->meta = (struct conf_meta){ .is_set = true,
			.binlog_name = f->instances[i].meta->binlog_name,
			.binlog_pos = f->instances[i].meta->binlog_pos,
			.binlog_gtid = f->instances[i].meta->binlog_gtid };
	pick_rules(s, f, &f->instances[i]);
	pick_units(s, f, &f->instances[i]);
	pick_later(s, t, i);
	*ret = s;
	return 0;
}

void subtask_conf_free(struct subtask_conf *s)
{
	if (!s)
		return;
	free(s->routes);
	free(s->filters);
	free(s->mappings);
	free(s->expression_filters);
	free(s->loader.dir);
	conf_strings_done(&s->later);
	task_conf_free(s->task);
	free(s);
}

void subtask_conf_freep(struct subtask_conf **s)
{
	subtask_conf_free(*s);
	*s = NULL;
}
