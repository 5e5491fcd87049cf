/* ddl.c - the heads of statements: kind and tables. */
#include "dm/ddl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ddl-lex.h"

struct parser {
	struct sql_lexer lex;
	const char *schema; /* the default one */
	struct ddl *ddl;
	size_t bad_at;
};

const char *ddl_kind_name(enum ddl_kind kind)
{
	static const char *const names[DDL_KIND_COUNT] = {
		[DDL_CREATE_DATABASE] = "create database",
		[DDL_DROP_DATABASE] = "drop database",
		[DDL_CREATE_TABLE] = "create table",
		[DDL_ALTER_TABLE] = "alter table",
		[DDL_DROP_TABLE] = "drop table",
		[DDL_RENAME_TABLE] = "rename table",
		[DDL_TRUNCATE_TABLE] = "truncate table",
		[DDL_CREATE_INDEX] = "create index",
		[DDL_DROP_INDEX] = "drop index",
	};

	return names[kind] ? names[kind] : "";
}

bool ddl_kind_is_ddl(enum ddl_kind kind)
{
	return kind >= DDL_CREATE_DATABASE && kind <= DDL_DROP_INDEX;
}

/* ---- small steps ---- */

static int bad(struct parser *p, const struct sql_token *t)
{
	p->bad_at = t->at;
	return -EINVAL;
}

/* Takes the next token if it is this word. */
static bool take(struct parser *p, const char *word)
{
	struct sql_token t = sql_peek(&p->lex);

	if (!sql_is_word(&p->lex, &t, word))
		return false;
	(void)sql_next(&p->lex);
	return true;
}

static bool take_mark(struct parser *p, char mark)
{
	struct sql_token t = sql_peek(&p->lex);

	if (!sql_is_mark(&p->lex, &t, mark))
		return false;
	(void)sql_next(&p->lex);
	return true;
}

static bool take_any(struct parser *p, const char *const *words)
{
	for (; *words; words++)
		if (take(p, *words))
			return true;
	return false;
}

/* IF EXISTS, IF NOT EXISTS */
static void take_if_exists(struct parser *p)
{
	struct sql_lexer before = p->lex;

	if (!take(p, "IF"))
		return;
	(void)take(p, "NOT");
	if (take(p, "EXISTS"))
		p->ddl->has_if_exists = true;
	else
		p->lex = before;
}

static void take_wait(struct parser *p)
{
	if (take(p, "WAIT"))
		(void)sql_next(&p->lex);
	else
		(void)take(p, "NOWAIT");
}

static bool is_name(const struct sql_token *t)
{
	return t->kind == SQL_WORD || t->kind == SQL_NAME;
}

/* Takes both texts; NULL for one that cannot be a name. */
static int add_table(struct parser *p, char *schema, char *name, size_t at, size_t end)
{
	struct ddl *d = p->ddl;

	if (!schema || !name) {
		free(schema);
		free(name);
		p->bad_at = at;
		return -EINVAL;
	}
	d->tables = dm_grow(d->tables, d->table_count + 1, sizeof(*d->tables));
	d->tables[d->table_count++] =
		(struct ddl_table){ .schema = schema, .name = name, .at = at, .len = end - at };
	return 0;
}

/* name, schema.name, .name; blanks and comments may stand around the dot. */
static int take_table(struct parser *p)
{
	struct sql_token first = sql_next(&p->lex), last = first;
	bool has_schema = false;

	if (sql_is_mark(&p->lex, &first, '.')) {
		last = sql_next_name(&p->lex);
	} else if (is_name(&first) && take_mark(p, '.')) {
		has_schema = true;
		last = sql_next_name(&p->lex);
	}
	if (!is_name(&last))
		return bad(p, &last);
	return add_table(p, has_schema ? sql_name(&p->lex, &first) : dm_strdup(p->schema),
		sql_name(&p->lex, &last), first.at, last.at + last.len);
}

static int take_database(struct parser *p)
{
	struct sql_token t = sql_next_name(&p->lex);

	if (!is_name(&t))
		return bad(p, &t);
	return add_table(p, sql_name(&p->lex, &t), dm_strdup(""), t.at, t.at + t.len);
}

static int finish(struct parser *p, enum ddl_kind kind)
{
	p->ddl->kind = kind;
	return 0;
}

/* ---- CREATE ---- */

/* Looks at the rest of CREATE TABLE for what makes rows: SELECT is a reserved word and no column's name. */
static int scan_create(struct parser *p)
{
	struct sql_token t, before = { .kind = SQL_END };

	while ((t = sql_next(&p->lex)).kind != SQL_END) {
		if (t.kind == SQL_BAD)
			return bad(p, &t);
		if (sql_is_word(&p->lex, &t, "SELECT"))
			p->ddl->has_select = true;
		if (sql_is_word(&p->lex, &t, "TRANSACTION") &&
			sql_is_word(&p->lex, &before, "START")) {
			p->ddl->starts_transaction = true;
			p->ddl->text_len = before.at;
			p->ddl->rest_at = t.at + t.len;
		}
		before = t;
	}
	return 0;
}

static int create_table(struct parser *p)
{
	struct sql_lexer after;
	bool is_open;

	take_if_exists(p);
	if (take_table(p) < 0)
		return -EINVAL;
	after = p->lex;
	is_open = take_mark(p, '(');
	if (take(p, "LIKE")) {
		if (take_table(p) < 0)
			return -EINVAL;
	} else if (is_open) {
		p->lex = after;
	}
	if (scan_create(p) < 0)
		return -EINVAL;
	return finish(p, DDL_CREATE_TABLE);
}

static int create_database(struct parser *p)
{
	take_if_exists(p);
	return take_database(p) < 0 ? -EINVAL : finish(p, DDL_CREATE_DATABASE);
}

/* INDEX [IF NOT EXISTS] name [USING ...] ON table */
static int index_on(struct parser *p, enum ddl_kind kind)
{
	struct sql_token t;

	take_if_exists(p);
	t = sql_next_name(&p->lex);
	if (!is_name(&t))
		return bad(p, &t);
	while (!sql_is_word(&p->lex, &t, "ON")) {
		t = sql_next(&p->lex);
		if (t.kind == SQL_END || t.kind == SQL_BAD)
			return bad(p, &t);
	}
	return take_table(p) < 0 ? -EINVAL : finish(p, kind);
}

/* What DM never replicates, by the word that names the object. */
static const char *const skipped_objects[] = { "TRIGGER", "PROCEDURE", "FUNCTION", "VIEW", "EVENT",
	"USER", "ROLE", "TABLESPACE", "SERVER", "PACKAGE", "LOGFILE", "RESOURCE", "SPATIAL",
	"INSTANCE", "LIBRARY", "CATALOG", NULL };

/* DEFINER = who, ALGORITHM = how, SQL SECURITY what, AGGREGATE, UNDO ...: to the word of the object. */
static bool skips_to_object(struct parser *p)
{
	struct sql_token t;

	while ((t = sql_next(&p->lex)).kind != SQL_END && t.kind != SQL_BAD) {
		for (const char *const *word = skipped_objects; *word; word++)
			if (sql_is_word(&p->lex, &t, *word))
				return true;
		if (sql_is_mark(&p->lex, &t, '(') && !take_mark(p, ')')) /* CURRENT_USER() */
			return false;
	}
	return false;
}

/* Words that may stand before a skipped object only. */
static bool starts_skipped(const struct parser *p)
{
	static const char *const heads[] = { "DEFINER", "ALGORITHM", "SQL", "AGGREGATE", "UNDO",
		"TRIGGER", "PROCEDURE", "FUNCTION", "VIEW", "EVENT", "USER", "ROLE", "TABLESPACE",
		"SERVER", "PACKAGE", "LOGFILE", "RESOURCE", "INSTANCE", "LIBRARY", "CATALOG",
		NULL };
	struct parser copy = *p;
	struct sql_token t;

	if (take_any(&copy, heads))
		return true;
	if (!take(&copy, "SPATIAL"))
		return false;
	t = sql_next(&copy.lex);
	return sql_is_word(&copy.lex, &t, "REFERENCE");
}

static int unknown_object(struct parser *p)
{
	struct sql_token t = sql_next(&p->lex);

	return bad(p, &t);
}

static int skipped(struct parser *p)
{
	return skips_to_object(p) ? finish(p, DDL_SKIPPED) : unknown_object(p);
}

static int parse_create(struct parser *p)
{
	static const char *const index_kinds[] = { "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR",
		"CLUSTERING", "ONLINE", "OFFLINE", "HASH", NULL };

	if (take(p, "OR") && !take(p, "REPLACE"))
		return unknown_object(p);
	if (take(p, "DATABASE") || take(p, "SCHEMA"))
		return create_database(p);
	p->ddl->is_temporary = take(p, "TEMPORARY");
	if (take(p, "TABLE") || take(p, "SEQUENCE"))
		return create_table(p);
	if (starts_skipped(p))
		return skipped(p);
	while (take_any(p, index_kinds))
		;
	if (take(p, "INDEX"))
		return index_on(p, DDL_CREATE_INDEX);
	return unknown_object(p);
}

/* ---- ALTER ---- */

/* One specification after the name or a comma: RENAME [TO | AS | =] name, EXCHANGE PARTITION p WITH TABLE name,
 * and MariaDB's CONVERT PARTITION p TO TABLE name, CONVERT TABLE name TO PARTITION p. */
static int alter_spec(struct parser *p)
{
	static const char *const parts[] = { "COLUMN", "INDEX", "KEY", NULL };

	if (take(p, "RENAME")) {
		if (take_any(p, parts))
			return 0;
		if (!take(p, "TO") && !take(p, "AS"))
			(void)take_mark(p, '=');
		p->ddl->is_rename = true;
		return take_table(p);
	}
	if (!take(p, "EXCHANGE") && !take(p, "CONVERT"))
		return 0;
	if (take(p, "PARTITION")) {
		(void)sql_next_name(&p->lex);
		if (!take(p, "WITH") && !take(p, "TO"))
			return 0;
	}
	return take(p, "TABLE") ? take_table(p) : 0;
}

static int alter_table(struct parser *p)
{
	size_t depth = 0;
	struct sql_token t;

	take_if_exists(p);
	if (take_table(p) < 0)
		return -EINVAL;
	take_wait(p);
	if (alter_spec(p) < 0)
		return -EINVAL;
	while ((t = sql_next(&p->lex)).kind != SQL_END) {
		if (t.kind == SQL_BAD)
			return bad(p, &t);
		if (sql_is_mark(&p->lex, &t, '('))
			depth++;
		else if (sql_is_mark(&p->lex, &t, ')') && depth > 0)
			depth--;
		else if (depth == 0 && sql_is_mark(&p->lex, &t, ',') && alter_spec(p) < 0)
			return -EINVAL;
	}
	return finish(p, DDL_ALTER_TABLE);
}

/* The name may be left out: then an option stands there, and the default schema is meant. */
static int alter_database(struct parser *p)
{
	static const char *const options[] = { "CHARACTER", "CHARSET", "COLLATE", "DEFAULT",
		"ENCRYPTION", "READ", "COMMENT", "UPGRADE", NULL };
	struct parser copy = *p;
	int r = take_any(&copy, options) ? add_table(p, dm_strdup(p->schema), dm_strdup(""), 0, 0)
					 : take_database(p);

	return r < 0 ? r : finish(p, DDL_ALTER_DATABASE);
}

static int parse_alter(struct parser *p)
{
	static const char *const modes[] = { "ONLINE", "OFFLINE", "IGNORE", NULL };

	while (take_any(p, modes))
		;
	if (take(p, "TABLE") || take(p, "SEQUENCE"))
		return alter_table(p);
	if (take(p, "DATABASE") || take(p, "SCHEMA"))
		return alter_database(p);
	return starts_skipped(p) ? skipped(p) : unknown_object(p);
}

/* ---- DROP, RENAME, TRUNCATE ---- */

static int drop_table(struct parser *p)
{
	take_if_exists(p);
	do
		if (take_table(p) < 0)
			return -EINVAL;
	while (take_mark(p, ','));
	return finish(p, p->ddl->is_temporary ? DDL_SKIPPED : DDL_DROP_TABLE);
}

static int parse_drop(struct parser *p)
{
	static const char *const modes[] = { "ONLINE", "OFFLINE", NULL };

	if (take(p, "DATABASE") || take(p, "SCHEMA")) {
		take_if_exists(p);
		return take_database(p) < 0 ? -EINVAL : finish(p, DDL_DROP_DATABASE);
	}
	p->ddl->is_temporary = take(p, "TEMPORARY");
	if (take(p, "TABLE") || take(p, "TABLES") || take(p, "SEQUENCE"))
		return drop_table(p);
	(void)take_any(p, modes);
	if (take(p, "INDEX"))
		return index_on(p, DDL_DROP_INDEX);
	return take(p, "PREPARE")  ? finish(p, DDL_OTHER)
	       : starts_skipped(p) ? skipped(p)
				   : unknown_object(p);
}

static int parse_rename(struct parser *p)
{
	if (take(p, "USER"))
		return finish(p, DDL_SKIPPED);
	if (!take(p, "TABLE") && !take(p, "TABLES"))
		return unknown_object(p);
	take_if_exists(p);
	do {
		if (take_table(p) < 0)
			return -EINVAL;
		take_wait(p);
		if (!take(p, "TO"))
			return unknown_object(p);
		if (take_table(p) < 0)
			return -EINVAL;
	} while (take_mark(p, ','));
	return finish(p, DDL_RENAME_TABLE);
}

static int parse_truncate(struct parser *p)
{
	(void)take(p, "TABLE");
	return take_table(p) < 0 ? -EINVAL : finish(p, DDL_TRUNCATE_TABLE);
}

/* ---- rows as statements ---- */

/* The first table; a statement that hides it has none. Nothing about rows is refused here. */
static int parse_dml(struct parser *p)
{
	static const char *const words[] = { "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "QUICK",
		"IGNORE", "INTO", "FROM", NULL };

	while (take_any(p, words))
		;
	(void)take_table(p); /* a fault of it leaves the list empty */
	return finish(p, DDL_DML);
}

static int parse_load(struct parser *p)
{
	struct sql_token t;

	while ((t = sql_next(&p->lex)).kind != SQL_END && t.kind != SQL_BAD)
		if (sql_is_word(&p->lex, &t, "INTO") && take(p, "TABLE")) {
			(void)take_table(p); /* as above */
			break;
		}
	return finish(p, DDL_DML);
}

static int parse_rows(struct parser *p)
{
	return finish(p, DDL_DML);
}

/* ---- transactions and the rest ---- */

static int parse_begin(struct parser *p)
{
	return finish(p, take(p, "NOT") ? DDL_OTHER : DDL_BEGIN);
}

static int parse_start(struct parser *p)
{
	return finish(p, take(p, "TRANSACTION") ? DDL_BEGIN : DDL_OTHER);
}

static int parse_commit(struct parser *p)
{
	return finish(p, DDL_COMMIT);
}

static int parse_rollback(struct parser *p)
{
	(void)take(p, "WORK");
	return finish(p, take(p, "TO") ? DDL_SAVEPOINT : DDL_ROLLBACK);
}

static int parse_savepoint(struct parser *p)
{
	return finish(p, DDL_SAVEPOINT);
}

static int parse_xa(struct parser *p)
{
	return finish(p, take(p, "START") || take(p, "BEGIN") ? DDL_BEGIN
			 : take(p, "COMMIT")                  ? DDL_COMMIT
			 : take(p, "ROLLBACK")                ? DDL_ROLLBACK
							      : DDL_OTHER);
}

static int parse_skipped(struct parser *p)
{
	return finish(p, DDL_SKIPPED);
}

static int parse_other(struct parser *p)
{
	return finish(p, DDL_OTHER);
}

static int parse_statement(struct parser *p);

/* SET PASSWORD; MariaDB's SET STATEMENT a = b FOR <statement> */
static int parse_set(struct parser *p)
{
	struct sql_token t;

	if (take(p, "PASSWORD"))
		return finish(p, DDL_SKIPPED);
	if (!take(p, "STATEMENT"))
		return finish(p, DDL_OTHER);
	while ((t = sql_next(&p->lex)).kind != SQL_END && t.kind != SQL_BAD)
		if (sql_is_word(&p->lex, &t, "FOR"))
			break;
	t = sql_peek(&p->lex);
	return sql_is_word(&p->lex, &t, "SET") ? finish(p, DDL_OTHER) : parse_statement(p);
}

static const struct {
	const char *word;
	int (*parse)(struct parser *p);
} statements[] = {
	{ "ALTER", parse_alter },
	{ "ANALYZE", parse_skipped },
	{ "BEGIN", parse_begin },
	{ "CALL", parse_rows },
	{ "COMMIT", parse_commit },
	{ "CREATE", parse_create },
	{ "DELETE", parse_dml },
	{ "DROP", parse_drop },
	{ "FLUSH", parse_skipped },
	{ "GRANT", parse_skipped },
	{ "INSERT", parse_dml },
	{ "INSTALL", parse_skipped },
	{ "LOAD", parse_load },
	{ "OPTIMIZE", parse_skipped },
	{ "RELEASE", parse_savepoint },
	{ "RENAME", parse_rename },
	{ "REPAIR", parse_skipped },
	{ "REPLACE", parse_dml },
	{ "REVOKE", parse_skipped },
	{ "ROLLBACK", parse_rollback },
	{ "SAVEPOINT", parse_savepoint },
	{ "SELECT", parse_rows },
	{ "SET", parse_set },
	{ "START", parse_start },
	{ "TRUNCATE", parse_truncate },
	{ "UNINSTALL", parse_skipped },
	{ "UPDATE", parse_dml },
	{ "WITH", parse_rows },
	{ "XA", parse_xa },
};

static int parse_statement(struct parser *p)
{
	struct sql_token t = sql_next(&p->lex);

	if (t.kind == SQL_END)
		return finish(p, DDL_NONE);
	if (t.kind == SQL_BAD)
		return bad(p, &t);
	for (size_t i = 0; i < DM_COUNT_OF(statements); i++)
		if (sql_is_word(&p->lex, &t, statements[i].word))
			return statements[i].parse(p);
	return parse_other(p);
}

int ddl_parse(const char *text, size_t len, const char *default_schema, unsigned int flags,
	struct ddl *ret, size_t *ret_at)
{
	struct ddl d = { .text_len = len };
	struct parser p = {
		.lex = { .text = text, .len = len, .flags = flags },
		.schema = default_schema ? default_schema : "",
		.ddl = &d,
	};

	if (parse_statement(&p) < 0) {
		*ret_at = p.bad_at;
		ddl_done(&d);
		return -EINVAL;
	}
	*ret = d;
	return 0;
}

void ddl_done(struct ddl *d)
{
	for (unsigned int i = 0; i < d->table_count; i++) {
		free(d->tables[i].schema);
		free(d->tables[i].name);
	}
	free(d->tables);
	*d = (struct ddl){ 0 };
}
