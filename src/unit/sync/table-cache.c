/* table-cache.c - SHOW FULL COLUMNS and SHOW INDEX of the target, read and kept. */
#include "table-cache.h"

#include <stdlib.h>
#include <string.h>

#include "charset.h"
#include "dm/db.h"
#include "dm/str.h"

/* ---- the hash ---- */

static unsigned int bucket_of(const char *schema, const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *schema; schema++)
		hash = (hash ^ (unsigned char)*schema) * 16777619u;
	hash = (hash ^ '.') * 16777619u;
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash % TABLE_CACHE_BUCKETS;
}

static void table_free(struct target_table *t)
{
	for (unsigned int i = 0; i < t->column_count; i++) {
		free(t->columns[i].name);
		free(t->columns[i].quoted);
	}
	for (unsigned int i = 0; i < t->key_count; i++)
		free(t->keys[i].columns);
	free(t->columns);
	free(t->keys);
	free(t->schema);
	free(t->name);
	free(t->quoted);
	free(t);
}

static void table_freep(struct target_table **t)
{
	if (*t)
		table_free(*t);
}

/* Names are compared in any case of letters: dropping one too many costs a query, one too few costs rows. */
void table_cache_drop(struct table_cache *c, const char *schema, const char *name)
{
	for (unsigned int i = 0; i < TABLE_CACHE_BUCKETS; i++) {
		struct target_table **at = &c->buckets[i];

		while (*at) {
			struct target_table *t = *at;

			if ((schema && !dm_strcaseeq(t->schema, schema)) ||
				(*name && !dm_strcaseeq(t->name, name))) {
				at = &t->next;
				continue;
			}
			*at = t->next;
			table_free(t);
		}
	}
	c->generation++;
}

void table_cache_clear(struct table_cache *c)
{
	table_cache_drop(c, NULL, "");
}

/* ---- columns ---- */

static bool starts_with_any(const char *type, const char *const *words)
{
	for (; *words; words++)
		if (dm_has_prefix(type, *words))
			return true;
	return false;
}

static enum column_class class_of(const char *type, const char *collation)
{
	static const char *const binary[] = { "binary", "varbinary", "tinyblob", "blob",
		"mediumblob", "longblob", "vector", NULL };
	static const char *const geometry[] = { "geometry", "point", "linestring", "polygon",
		"multipoint", "multilinestring", "multipolygon", "geomcollection", NULL };
	static const char *const others[] = { "enum", "set", NULL };

	if (dm_has_prefix(type, "json"))
		return COLUMN_JSON;
	if (starts_with_any(type, geometry))
		return COLUMN_GEOMETRY;
	if (dm_has_prefix(type, "uuid"))
		return COLUMN_UUID;
	if (dm_has_prefix(type, "inet"))
		return COLUMN_INET;
	if (starts_with_any(type, binary))
		return COLUMN_BINARY;
	return *collation && !starts_with_any(type, others) ? COLUMN_TEXT : COLUMN_OTHER;
}

static unsigned int fixed_len_of(const char *type)
{
	if (dm_has_prefix(type, "binary("))
		return (unsigned int)strtoul(type + strlen("binary("), NULL, 10);
	if (dm_has_prefix(type, "inet4"))
		return 4;
	return dm_has_prefix(type, "inet6") || dm_has_prefix(type, "uuid") ? 16 : 0;
}

static const char *text_of(const struct db_result *r, const char *column)
{
	int number = db_result_column(r, column);
	const char *text = number >= 0 ? db_result_text(r, (unsigned int)number) : NULL;

	return text ? text : "";
}

static void add_column(struct target_table *t, const struct db_result *r)
{
	const char *type = text_of(r, "Type"), *collation = text_of(r, "Collation");
	const char *extra = text_of(r, "Extra");
	struct dm_str quoted = { 0 };
	struct target_column *c;

	t->columns = dm_grow(t->columns, t->column_count + 1, sizeof(*t->columns));
	c = &t->columns[t->column_count++];
	*c = (struct target_column){ .name = dm_strdup(text_of(r, "Field")) };
	dm_str_add_quoted_name(&quoted, c->name);
	c->quoted = dm_str_take(&quoted);
	c->class = class_of(type, collation);
	if (c->class == COLUMN_TEXT)
		charset_of_collation_name(collation, c->charset, sizeof(c->charset));
	c->fixed_len = fixed_len_of(type);
	c->is_unsigned = strstr(type, "unsigned") && !dm_has_prefix(type, "enum") &&
			 !dm_has_prefix(type, "set");
	c->is_nullable = dm_strcaseeq(text_of(r, "Null"), "YES");
	c->is_generated = strcasestr(extra, "VIRTUAL GENERATED") ||
			  strcasestr(extra, "STORED GENERATED") || strcasestr(extra, "PERSISTENT");
	c->is_updated_by_itself = strcasestr(extra, "on update") != NULL;
}

static int load_columns(struct target_table *t, struct db_conn *conn, struct dm_error *reterr)
{
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;

	if (db_query(conn, &r, reterr, "SHOW FULL COLUMNS FROM %s", t->quoted) != 0)
		return -1;
	while (db_result_next(r))
		add_column(t, r);
	if (t->column_count == 0)
		return dm_fail(reterr, DM_ERR_SYNC_INVALID_TABLE, "invalid table `%s`.`%s`",
			t->schema, t->name);
	return 0;
}

/* ---- keys ---- */

static int column_number(const struct target_table *t, const char *name)
{
	for (unsigned int i = 0; i < t->column_count; i++)
		if (dm_strcaseeq(t->columns[i].name, name))
			return (int)i;
	return -1; /* an expression */
}

/* One index of the list; NULL-named or generated parts make it useless for finding a row. */
static void add_key(
	struct target_table *t, const char *name, const int *columns, unsigned int count)
{
	struct target_key key = {
		.count = count, .is_primary = dm_strcaseeq(name, "PRIMARY"), .is_not_null = true
	};

	for (unsigned int i = 0; i < count; i++) {
		if (columns[i] < 0 || t->columns[columns[i]].is_generated)
			return;
		if (t->columns[columns[i]].is_nullable)
			key.is_not_null = false;
	}
	key.columns = dm_alloc_array(count, sizeof(*key.columns));
	for (unsigned int i = 0; i < count; i++)
		key.columns[i] = (unsigned int)columns[i];
	t->keys = dm_grow(t->keys, t->key_count + 1, sizeof(*t->keys));
	t->keys[t->key_count++] = key;
}

static int rank(const struct target_key *k)
{
	return k->is_primary ? 0 : k->is_not_null ? 1 : 2;
}

static int better_first(const void *a, const void *b)
{
	const struct target_key *x = a, *y = b;

	if (rank(x) != rank(y))
		return rank(x) - rank(y);
	return (int)x->count - (int)y->count;
}

enum { KEY_COLUMNS_MAX = 64 };

static int load_keys(struct target_table *t, struct db_conn *conn, struct dm_error *reterr)
{
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;
	DM_CLEANUP(freep) char *name = dm_strdup("");
	int columns[KEY_COLUMNS_MAX];
	unsigned int count = 0;

	if (db_query(conn, &r, reterr, "SHOW INDEX FROM %s", t->quoted) != 0)
		return -1;
	while (db_result_next(r)) {
		if (!dm_streq(text_of(r, "Non_unique"), "0"))
			continue;
		if (!dm_streq(name, text_of(r, "Key_name"))) {
			if (count > 0)
				add_key(t, name, columns, count);
			free(name);
			name = dm_strdup(text_of(r, "Key_name"));
			count = 0;
		}
		if (count < KEY_COLUMNS_MAX)
			columns[count++] = column_number(t, text_of(r, "Column_name"));
	}
	if (count > 0)
		add_key(t, name, columns, count);
	if (t->key_count > 1)
		qsort(t->keys, t->key_count, sizeof(*t->keys), better_first);
	return 0;
}

/* ---- the rest ---- */

static bool engine_has_transactions(const char *engine)
{
	static const char *const without[] = { "MyISAM", "Aria", "MRG_MyISAM", "MEMORY", "CSV",
		"ARCHIVE", "BLACKHOLE", NULL };

	for (const char *const *e = without; *e; e++)
		if (dm_strcaseeq(engine, *e))
			return false;
	return true;
}

static int load_engine(struct target_table *t, struct db_conn *conn, struct dm_error *reterr)
{
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;
	DM_CLEANUP(dm_str_done) struct dm_str schema = { 0 }, name = { 0 };

	db_escape(conn, &schema, t->schema, strlen(t->schema));
	db_escape(conn, &name, t->name, strlen(t->name));
	if (db_query(conn, &r, reterr,
		    "SELECT ENGINE, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = "
		    "'%s' AND "
		    "TABLE_NAME = '%s'",
		    dm_str_get(&schema), dm_str_get(&name)) != 0)
		return -1;
	t->is_transactional = true;
	if (db_result_next(r)) {
		t->is_transactional = engine_has_transactions(text_of(r, "ENGINE"));
		t->is_versioned = dm_strcaseeq(text_of(r, "TABLE_TYPE"), "SYSTEM VERSIONED");
	}
	return 0;
}

int table_cache_get(struct table_cache *c, struct db_conn *conn, const char *schema,
	const char *name, const struct target_table **ret, struct dm_error *reterr)
{
	DM_CLEANUP(table_freep) struct target_table *t = NULL;
	struct target_table **bucket = &c->buckets[bucket_of(schema, name)];
	struct dm_str quoted = { 0 };

	for (const struct target_table *known = *bucket; known; known = known->next) {
		if (dm_streq(known->schema, schema) && dm_streq(known->name, name)) {
			*ret = known;
			return 0;
		}
	}
	t = dm_alloc(sizeof(*t));
	t->schema = dm_strdup(schema);
	t->name = dm_strdup(name);
	dm_str_add_quoted_name(&quoted, schema);
	dm_str_add_char(&quoted, '.');
	dm_str_add_quoted_name(&quoted, name);
	t->quoted = dm_str_take(&quoted);
	if (load_columns(t, conn, reterr) != 0 || load_keys(t, conn, reterr) != 0 ||
		load_engine(t, conn, reterr) != 0)
		return -1;
	t->next = *bucket;
	*bucket = t;
	*ret = take_ptr(t);
	return 0;
}
