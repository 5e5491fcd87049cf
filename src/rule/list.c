/* list.c - block-allow-list: schemas first, then tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dm/conf-task.h"
#include "dm/rule.h"

#include "pattern.h"

struct table_pattern {
	struct rule_pattern db, table;
};
struct rule_list {
	struct rule_pattern *do_dbs, *ignore_dbs;
	struct table_pattern *do_tables, *ignore_tables;
	size_t do_db_count, ignore_db_count, do_table_count, ignore_table_count;
	bool keeps_all;
};

static int refuse(struct dm_error *reterr, const char *list, size_t index, const char *why)
{
	return dm_fail_cause(reterr, DM_ERR_SYNC_BLOCK_ALLOW_LIST, why,
		"generate black white list: %s[%zu]", list, index);
}

static int compile(struct rule_pattern *p, const char *text, bool case_sensitive, const char *list,
	size_t index, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *why = NULL;

	return rule_pattern_init(p, text, case_sensitive, &why) == 0
		       ? 0
		       : refuse(reterr, list, index, why);
}

/* *ret_count grows with each pattern that has to be freed. */
static int compile_dbs(const struct conf_strings *from, bool case_sensitive, const char *list,
	const char *what, struct rule_pattern **ret, size_t *ret_count, struct dm_error *reterr)
{
	*ret = dm_alloc_array(from->count, sizeof(**ret));
	for (size_t i = 0; i < from->count; i++) {
		DM_CLEANUP(freep)
		char *empty = dm_format("%s rule's DB string cannot be empty", what);

		if (!*from->at[i])
			return refuse(reterr, list, i, empty);
		if (compile(&(*ret)[i], from->at[i], case_sensitive, list, i, reterr) < 0)
			return -1;
		++*ret_count;
	}
	return 0;
}

static int compile_tables(const struct conf_table *from, size_t count, bool case_sensitive,
	const char *list, const char *what, struct table_pattern **ret, size_t *ret_count,
	struct dm_error *reterr)
{
	*ret = dm_alloc_array(count, sizeof(**ret));
	for (size_t i = 0; i < count; i++) {
		DM_CLEANUP(freep)
		char *empty =
			dm_format("%s rule's DB string or Table string cannot be empty", what);

		if (!*from[i].db || !*from[i].table)
			return refuse(reterr, list, i, empty);
		++*ret_count; /* a half is freed too */
		if (compile(&(*ret)[i].db, from[i].db, case_sensitive, list, i, reterr) < 0 ||
			compile(&(*ret)[i].table, from[i].table, case_sensitive, list, i, reterr) <
				0)
			return -1;
	}
	return 0;
}

int rule_list_new(const struct conf_list *list, bool case_sensitive, struct rule_list **ret,
	struct dm_error *reterr)
{
	DM_CLEANUP(rule_list_freep) struct rule_list *l = dm_alloc(sizeof(*l));

	l->keeps_all = !list;
	if (list && (compile_dbs(&list->do_dbs, case_sensitive, "do-dbs", "DoDB", &l->do_dbs,
			     &l->do_db_count, reterr) < 0 ||
			    compile_tables(list->do_tables, list->do_table_count, case_sensitive,
				    "do-tables", "DoTables", &l->do_tables, &l->do_table_count,
				    reterr) < 0 ||
			    compile_dbs(&list->ignore_dbs, case_sensitive, "ignore-dbs", "IgnoreDB",
				    &l->ignore_dbs, &l->ignore_db_count, reterr) < 0 ||
			    compile_tables(list->ignore_tables, list->ignore_table_count,
				    case_sensitive, "ignore-tables", "IgnoreTables",
				    &l->ignore_tables, &l->ignore_table_count, reterr) < 0))
		return -1;
	*ret = take_ptr(l);
	return 0;
}

static void tables_done(struct table_pattern *tables, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		rule_pattern_done(&tables[i].db);
		rule_pattern_done(&tables[i].table);
	}
	free(tables);
}

static void dbs_done(struct rule_pattern *dbs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		rule_pattern_done(&dbs[i]);
	free(dbs);
}

void rule_list_free(struct rule_list *l)
{
	if (!l)
		return;
	dbs_done(l->do_dbs, l->do_db_count);
	dbs_done(l->ignore_dbs, l->ignore_db_count);
	tables_done(l->do_tables, l->do_table_count);
	tables_done(l->ignore_tables, l->ignore_table_count);
	free(l);
}

void rule_list_freep(struct rule_list **l)
{
	rule_list_free(*l);
	*l = NULL;
}

static bool any_db(const struct rule_pattern *dbs, size_t count, const char *schema)
{
	for (size_t i = 0; i < count; i++)
		if (rule_pattern_matches(&dbs[i], schema))
			return true;
	return false;
}

static bool any_table(
	const struct table_pattern *tables, size_t count, const char *schema, const char *table)
{
	for (size_t i = 0; i < count; i++)
		if (rule_pattern_matches(&tables[i].db, schema) &&
			rule_pattern_matches(&tables[i].table, table))
			return true;
	return false;
}

/* do-dbs, when there is one, makes ignore-dbs unread. */
static bool keeps_schema(const struct rule_list *l, const char *schema)
{
	if (l->do_db_count > 0)
		return any_db(l->do_dbs, l->do_db_count, schema);
	return !any_db(l->ignore_dbs, l->ignore_db_count, schema);
}

/* do-tables beats ignore-tables. */
static bool keeps_table(const struct rule_list *l, const char *schema, const char *table)
{
	if (any_table(l->do_tables, l->do_table_count, schema, table))
		return true;
	if (any_table(l->ignore_tables, l->ignore_table_count, schema, table))
		return false;
	return l->do_table_count == 0;
}

bool rule_list_keeps(const struct rule_list *l, const char *schema, const char *table)
{
	return l->keeps_all ||
	       (keeps_schema(l, schema) && (!*table || keeps_table(l, schema, table)));
}

bool rule_is_system_schema(const char *schema)
{
	static const char *const names[] = { "dm_heartbeat", "sys", "mysql", "information_schema",
		"inspection_schema", "performance_schema", "metrics_schema" };

	for (size_t i = 0; i < DM_COUNT_OF(names); i++)
		if (strcasecmp(names[i], schema) == 0)
			return true;
	return false;
}
