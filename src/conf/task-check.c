/* task-check.c - is the task whole? DM's checks in DM's order, every fault noted. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "task-file.h"

struct check {
	const struct task_file *file;
	const struct conf_doc *doc;
	struct conf_faults *faults;
};

static bool is_any_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* ---- the task itself ---- */

static const struct {
	const char *name, *what;
} checking_items[] = {
	{ "all", "all checking items" },
	{ "auto_increment_ID", "conflict auto increment ID of shard tables checking item" },
	{ "binlog_enable", "binlog enable checking item" },
	{ "binlog_format", "binlog format checking item" },
	{ "binlog_row_image", "binlog row image checking item" },
	{ "dump_privilege", "dump privileges of source DB checking item" },
	{ "replication_privilege", "replication privileges of source DB checking item" },
	{ "schema_of_shard_tables", "consistent schema of shard tables checking item" },
	{ "table_schema", "table schema compatibility checking item" },
	{ "version", "MySQL/MariaDB version checking item" },
};

static void refuse_item(const struct check *c, size_t index, const char *item)
{
	DM_CLEANUP(freep) char *path = dm_format("ignore-checking-items[%zu]", index);
	DM_CLEANUP(dm_str_done) struct dm_str list = { 0 };

	for (size_t i = 0; i < DM_COUNT_OF(checking_items); i++)
		dm_str_addf(&list, "%s:\t%s\n", checking_items[i].name, checking_items[i].what);
	conf_refuse(c->doc, c->faults, path, DM_ERR_CONFIG_CHECK_ITEM,
		"checking item %s is not supported\n"
		"************ supporting checking items ************\n"
		"%s************ supporting checking items ************",
		item, dm_str_get(&list));
}

static void check_items(const struct check *c)
{
	const struct conf_strings *items = &c->file->ignore_checking_items;

	for (size_t i = 0; i < items->count; i++) {
		bool found = false;

		for (size_t k = 0; k < DM_COUNT_OF(checking_items); k++)
			found = found || strcmp(items->at[i], checking_items[k].name) == 0;
		if (!found)
			refuse_item(c, i, items->at[i]);
	}
}

static void check_head(const struct check *c)
{
	static const char *const modes[] = { "full", "incremental", "all", NULL };
	static const char *const shard_modes[] = { "", "pessimistic", "optimistic", NULL };
	static const char *const schemes[] = { "", "gh-ost", "pt", NULL };
	const struct task_file *file = c->file;

	if (!*file->name)
		conf_refuse(c->doc, c->faults, "name", DM_ERR_CONFIG_TASK_NAME,
			"must specify a unique task name");
	if (!is_any_of(file->task_mode, modes))
		conf_refuse(c->doc, c->faults, "task-mode", DM_ERR_CONFIG_TASK_MODE,
			"please specify right task-mode, support `full`, `incremental`, `all`");
	if (!is_any_of(file->shard_mode, shard_modes))
		conf_refuse(c->doc, c->faults, "shard-mode", DM_ERR_CONFIG_SHARD_MODE,
			"shard mode %s not supported", file->shard_mode);
	check_items(c);
	if (!is_any_of(file->online_ddl_scheme, schemes))
		conf_refuse(c->doc, c->faults, "online-ddl-scheme", DM_ERR_CONFIG_ONLINE_SCHEME,
			"online scheme %s not supported", file->online_ddl_scheme);
	if (!file->target)
		conf_refuse(c->doc, c->faults, "target-database", DM_ERR_CONFIG_NO_TARGET,
			"must specify target-database");
	if (file->instance_count == 0)
		conf_refuse(c->doc, c->faults, "mysql-instances", DM_ERR_CONFIG_NO_INSTANCES,
			"must specify at least one mysql-instances");
}

/* As Go's time.LoadLocation: a file of the zone information database, or UTC, or Local. */
static bool timezone_is_known(const char *name)
{
	char head[4] = "";
	DM_CLEANUP(freep) char *path = dm_format("/usr/share/zoneinfo/%s", name);
	DM_CLEANUP(fd_closep) int fd = -1;

	if (strcmp(name, "UTC") == 0 || strcmp(name, "Local") == 0)
		return true;
	if (*name == '/' || *name == '\\' || strstr(name, "..") || strlen(name) > 255)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd >= 0 && read(fd, head, sizeof(head)) == sizeof(head) &&
	       memcmp(head, "TZif", 4) == 0;
}

static void check_timezone(const struct check *c)
{
	const char *name = c->file->timezone;

	if (*name && !timezone_is_known(name))
		conf_refuse(c->doc, c->faults, "timezone", DM_ERR_CONFIG_TIMEZONE,
			"invalid timezone string: %s: unknown time zone %s", name, name);
}

/* ---- one instance ---- */

static const char *ordinal_ending(size_t n)
{
	static const char *const endings[] = { "th", "st", "nd", "rd" };

	return n % 100 / 10 != 1 && n % 10 < 4 ? endings[n % 10] : "th";
}

DM_PRINTF(5, 6)
static void refuse(const struct check *c, size_t index, const char *key, enum dm_code code,
	const char *format, ...)
{
	DM_CLEANUP(freep) char *path = dm_format("mysql-instances[%zu].%s", index, key);
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	va_list args;

	va_start(args, format);
	dm_str_addv(&text, format, args);
	va_end(args);
	conf_refuse(c->doc, c->faults, path, code, "%s", dm_str_get(&text));
}

/* The same with "mysql-instance: 0th: " before it. */
static void refuse_own(
	const struct check *c, size_t index, const char *key, enum dm_code code, const char *text)
{
	refuse(c, index, key, code, "mysql-instance: %zu%s: %s", index, ordinal_ending(index),
		text);
}

static void check_own(const struct check *c, size_t i, const struct task_instance *inst)
{
	if (!*inst->source_id)
		refuse_own(c, i, "source-id", DM_ERR_CONFIG_SOURCE_ID_EMPTY,
			"empty source-id not valid");
	else if (strlen(inst->source_id) > TASK_SOURCE_ID_MAX)
		refuse_own(c, i, "source-id", DM_ERR_CONFIG_SOURCE_ID_LONG,
			"too long source-id not valid");
	if (inst->meta && !*inst->meta->binlog_name && !*inst->meta->binlog_gtid)
		refuse_own(c, i, "meta", DM_ERR_CONFIG_BINLOG_NAME, "binlog-name must specify");
	if (*inst->mydumper_name && inst->mydumper)
		refuse_own(c, i, "mydumper", DM_ERR_CONFIG_MYDUMPER_TWICE,
			"mydumper-config-name and mydumper should only specify one");
	if (*inst->loader_name && inst->loader)
		refuse_own(c, i, "loader", DM_ERR_CONFIG_LOADER_TWICE,
			"loader-config-name and loader should only specify one");
	if (*inst->syncer_name && inst->syncer)
		refuse_own(c, i, "syncer", DM_ERR_CONFIG_SYNCER_TWICE,
			"syncer-config-name and syncer should only specify one");
}

static void check_names(const struct check *c, size_t index, const char *key,
	const struct conf_strings *names, const struct conf_table_of *t, const void *array,
	size_t count, enum dm_code code, const char *where)
{
	for (size_t i = 0; i < names->count; i++) {
		DM_CLEANUP(freep) char *path = dm_format("%s[%zu]", key, i);

		if (!conf_named_find(t, array, count, names->at[i]))
			refuse(c, index, path, code, "mysql-instance(%zu)'s %s %s not exist in %s",
				index, key, names->at[i], where);
	}
}

static void check_rules(const struct check *c, size_t i, const struct task_instance *inst)
{
	const struct task_file *f = c->file;

	check_names(c, i, "route-rules", &inst->route_rules, &task_route_table, f->routes,
		f->route_count, DM_ERR_CONFIG_NO_ROUTE, "routes");
	check_names(c, i, "filter-rules", &inst->filter_rules, &conf_filter_table, f->filters,
		f->filter_count, DM_ERR_CONFIG_NO_FILTER, "filters");
	check_names(c, i, "column-mapping-rules", &inst->mapping_rules, &task_mapping_table,
		f->mappings, f->mapping_count, DM_ERR_CONFIG_NO_MAPPING, "column-mapping");
	check_names(c, i, "expression-filters", &inst->expression_filters, &task_expression_table,
		f->expressions, f->expression_count, DM_ERR_CONFIG_NO_FILTER, "expression-filter");
	if (*task_list_name(inst) && !task_list_find(f, task_list_name(inst)))
		refuse(c, i, *inst->block_allow_list ? "block-allow-list" : "black-white-list",
			DM_ERR_CONFIG_NO_LIST,
			"mysql-instance(%zu)'s list %s not exist in black white list", i,
			task_list_name(inst));
}

static bool dumps(const struct task_file *f)
{
	return strcmp(f->task_mode, "full") == 0 || strcmp(f->task_mode, "all") == 0;
}

static void check_units(const struct check *c, size_t i, const struct task_instance *inst)
{
	const struct task_file *f = c->file;
	const struct conf_mydumper *mydumper = inst->mydumper;

	if (*inst->mydumper_name) {
		mydumper = conf_named_find(
			&task_mydumper_table, f->mydumpers, f->mydumper_count, inst->mydumper_name);
		if (!mydumper)
			refuse(c, i, "mydumper-config-name", DM_ERR_CONFIG_NO_MYDUMPER,
				"mysql-instance(%zu)'s mydumper config %s not exist in mydumpers",
				i, inst->mydumper_name);
	}
	if (dumps(f) && mydumper && !*mydumper->path)
		refuse(c, i, "mydumper", DM_ERR_CONFIG_MYDUMPER_PATH,
			"mysql-instance(%zu)'s mydumper-path must specify a valid path to mydumper "
			"binary when task-mode is all or full",
			i);
	if (*inst->loader_name && !conf_named_find(&task_loader_table, f->loaders, f->loader_count,
					  inst->loader_name))
		refuse(c, i, "loader-config-name", DM_ERR_CONFIG_NO_LOADER,
			"mysql-instance(%zu)'s loader config %s not exist in loaders", i,
			inst->loader_name);
	if (*inst->syncer_name && !conf_named_find(&task_syncer_table, f->syncers, f->syncer_count,
					  inst->syncer_name))
		refuse(c, i, "syncer-config-name", DM_ERR_CONFIG_NO_SYNCER,
			"mysql-instance(%zu)'s syncer config %s not exist in syncer", i,
			inst->syncer_name);
}

/* ---- what is there twice ---- */

struct numbered {
	const char *text;
	size_t index;
};

static int compare_numbered(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* For each instance the number of an earlier one with the same source-id, or its own. Caller frees. */
static size_t *find_same_sources(const struct task_file *f)
{
	DM_CLEANUP(freep)
	struct numbered *sorted = dm_alloc_array(f->instance_count, sizeof(*sorted));
	size_t *same = dm_alloc_array(f->instance_count, sizeof(*same));

	for (size_t i = 0; i < f->instance_count; i++)
		sorted[i] = (struct numbered){ f->instances[i].source_id, i };
	qsort(sorted, f->instance_count, sizeof(*sorted), compare_numbered);
	for (size_t i = 0; i < f->instance_count; i++) {
		bool is_same = i > 0 && strcmp(sorted[i].text, sorted[i - 1].text) == 0;

		same[sorted[i].index] = is_same ? same[sorted[i - 1].index] : sorted[i].index;
	}
	return same;
}

/* The names that a list has more than once, joined, or "". */
static void add_repeated(const struct conf_strings *names, struct dm_str *out)
{
	DM_CLEANUP(freep) struct numbered *sorted = dm_alloc_array(names->count, sizeof(*sorted));

	for (size_t i = 0; i < names->count; i++)
		sorted[i] = (struct numbered){ names->at[i], i };
	qsort(sorted, names->count, sizeof(*sorted), compare_numbered);
	for (size_t i = 1; i < names->count; i++) {
		bool again = strcmp(sorted[i].text, sorted[i - 1].text) == 0;
		bool third = i > 1 && strcmp(sorted[i].text, sorted[i - 2].text) == 0;

		if (again && !third)
			dm_str_addf(out, "%s%s", out->len ? ", " : "", sorted[i].text);
	}
}

static void add_repeats(
	size_t index, const char *key, const struct conf_strings *names, struct dm_str *out)
{
	DM_CLEANUP(dm_str_done) struct dm_str list = { 0 };

	add_repeated(names, &list);
	if (list.len > 0)
		dm_str_addf(out, "%smysql-instance(%zu)'s %s: %s", out->len ? "\n" : "", index, key,
			list.data);
}

static void check_repeats(const struct check *c)
{
	DM_CLEANUP(dm_str_done) struct dm_str lines = { 0 };

	for (size_t i = 0; i < c->file->instance_count; i++) {
		add_repeats(i, "route-rules", &c->file->instances[i].route_rules, &lines);
		add_repeats(i, "filter-rules", &c->file->instances[i].filter_rules, &lines);
	}
	if (lines.len > 0)
		conf_refuse(c->doc, c->faults, "mysql-instances", DM_ERR_CONFIG_DUPLICATES,
			"the following mysql configs have duplicate items, please remove the "
			"duplicates:\n%s",
			lines.data);
}

void task_check(const struct task_file *file, const struct conf_doc *doc, struct conf_faults *f)
{
	const struct check c = { .file = file, .doc = doc, .faults = f };
	DM_CLEANUP(freep) size_t *same = find_same_sources(file);

	check_head(&c);
	for (size_t i = 0; i < file->instance_count; i++) {
		const struct task_instance *inst = &file->instances[i];

		check_own(&c, i, inst);
		if (same[i] != i && *inst->source_id)
			refuse(&c, i, "source-id", DM_ERR_CONFIG_SAME_SOURCE,
				"mysql-instance (%zu) and (%zu) have same source-id (%s)", same[i],
				i, inst->source_id);
		if (strcmp(file->task_mode, "incremental") == 0 && !inst->meta)
			refuse(&c, i, "meta", DM_ERR_CONFIG_NO_META,
				"mysql-instance(%zu) must set meta for task-mode %s", i,
				file->task_mode);
		check_rules(&c, i, inst);
		check_units(&c, i, inst);
	}
	check_repeats(&c);
	check_timezone(&c);
}

const char *task_list_name(const struct task_instance *inst)
{
	return *inst->block_allow_list ? inst->block_allow_list : inst->black_white_list;
}

const struct conf_list *task_list_find(const struct task_file *f, const char *name)
{
	return f->block_allow_count > 0 ? conf_named_find(&task_list_table, f->block_allow_lists,
						  f->block_allow_count, name)
					: conf_named_find(&task_list_table, f->black_white_lists,
						  f->black_white_count, name);
}
