/* sync-query.c - statements of QUERY events: transactions, DDL, and what is left out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "charset.h"
#include "dm/conf-task.h"
#include "dm/db.h"
#include "dm/ddl.h"
#include "sync.h"

enum { SQL_MODE_ANSI_QUOTES = 4, SQL_MODE_NO_BACKSLASH_ESCAPES = 1 << 20 };

static bool is_blank(char c)
{
	return (unsigned char)c <= ' ' || c == 127;
}

static void trim(const char **text, size_t *len)
{
	while (*len > 0 && is_blank((*text)[*len - 1]))
		(*len)--;
	while (*len > 0 && is_blank(**text)) {
		(*text)++;
		(*len)--;
	}
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

static bool is_xa(const char *text)
{
	return strncasecmp(text, "XA", 2) == 0 && is_blank(text[2]);
}

static unsigned int flags_of(const struct sync *s, const struct binlog_query *q)
{
	unsigned int flags = 0;

	if ((q->has_sql_mode && (q->sql_mode & SQL_MODE_ANSI_QUOTES)) ||
		s->unit.env.conf->syncer.enable_ansi_quotes)
		flags |= DDL_ANSI_QUOTES;
	if (q->has_sql_mode && (q->sql_mode & SQL_MODE_NO_BACKSLASH_ESCAPES))
		flags |= DDL_NO_BACKSLASH_ESCAPES;
	if (strstr(s->event->format->server_version, "MariaDB"))
		flags |= DDL_MARIADB;
	return flags;
}

/* A statement that has no work for the target: the position moves on, unless a transaction is open. */
static int skip(struct sync *s)
{
	s->counts.skipped_queries++;
	if (!s->in_transaction) {
		s->boundary = s->event->end;
		s->is_committed_here = false;
	}
	return 0;
}

static int fail_statement(struct sync *s, const char *text)
{
	target_failure_done(&s->failure);
	s->failure.at = s->event->end;
	s->failure.statement = dm_format("%.1024s", text);
	return -1;
}

/* DM's text for a statement that its parser does not know. */
static int fail_parse(struct sync *s, const char *text, size_t at, struct dm_error *reterr)
{
	(void)dm_fail(reterr, DM_ERR_PARSE_SQL, "parse statement: near \"%.80s\" (byte %zu)",
		text + at, at);
	(void)dm_annotate(reterr, "encountered incompatible DDL in TiDB:\n"
				  "\tplease confirm your DDL statement is correct and needed.\n"
				  "\tif the DDL is not needed, you can use a filter rule with "
				  "\"*\" schema-pattern to ignore it.\n"
				  "\t ");
	return fail_statement(s, text);
}

/* Rows as statements cannot be applied exactly. */
static int on_dml(struct sync *s, const char *text, const struct ddl *d, struct dm_error *reterr)
{
	if (d->table_count > 0 && !sync_is_wanted(s, d->tables[0].schema, d->tables[0].name))
		return skip(s);
	(void)dm_fail(reterr, DM_ERR_SYNC_DML_STATEMENT,
		"query %.1024s: only support ROW format binlog, unexpected DML statement found in "
		"query event",
		text);
	return fail_statement(s, text);
}

/* The upstream undid what it had logged: so do we. */
static int on_rollback(struct sync *s, struct dm_error *reterr)
{
	if (sync_undo_transaction(s, reterr) != 0)
		return -1;
	return s->must_rewind ? 0 : sync_transaction_end(s, reterr);
}

static int on_savepoint(struct sync *s, const char *text, struct dm_error *reterr)
{
	s->failure_type = ERROR_EXEC_SQL;
	if (target_add(&s->target, text, 1, &s->failure, reterr) != 0)
		return -1;
	s->failure_type = ERROR_UNKNOWN;
	return 0;
}

static int on_kind(struct sync *s, const struct binlog_query *q, const char *text,
	const struct ddl *d, struct dm_error *reterr)
{
	switch (d->kind) {
	case DDL_BEGIN:
		if (is_xa(text))
			sync_xa_begin(s);
		s->in_transaction = true;
		return 0;
	case DDL_COMMIT:
		if (is_xa(text))
			return sync_xa_commit(s, text, reterr);
		return sync_transaction_end(s, reterr);
	case DDL_ROLLBACK:
		if (is_xa(text))
			return sync_xa_rollback(s, text, reterr);
		return on_rollback(s, reterr);
	case DDL_SAVEPOINT:
		return on_savepoint(s, text, reterr);
	case DDL_DML:
		return on_dml(s, text, d, reterr);
	case DDL_CREATE_DATABASE:
	case DDL_ALTER_DATABASE:
	case DDL_DROP_DATABASE:
	case DDL_CREATE_TABLE:
	case DDL_ALTER_TABLE:
	case DDL_DROP_TABLE:
	case DDL_RENAME_TABLE:
	case DDL_TRUNCATE_TABLE:
	case DDL_CREATE_INDEX:
	case DDL_DROP_INDEX:
		if (d->has_select)
			return on_dml(s, text, d, reterr);
		return sync_apply_ddl(s, q, text, d, reterr);
	case DDL_NONE:
	case DDL_SKIPPED:
	case DDL_OTHER:
	case DDL_KIND_COUNT:
		break;
	}
	return skip(s);
}

static bool is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	return true;
}

/* A statement of a client with another character set, as UTF-8: the target converts, it knows the sets best. In some of
 * them a quote or a backslash may be half of a letter, and names must compare with those of TABLE_MAP. */
static int to_utf8(struct sync *s, const struct binlog_query *q, char **text, size_t *len,
	struct dm_error *reterr)
{
	const char *charset = charset_of_collation(q->charset_client);
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;
	DM_CLEANUP(dm_str_done) struct dm_str hex = { 0 };

	if (!charset || charset_is_utf8(charset) || dm_streq(charset, "binary") ||
		is_ascii(*text, *len))
		return 0;
	for (size_t i = 0; i < *len; i++)
		dm_str_addf(&hex, "%02x", (unsigned char)(*text)[i]);
	if (db_query(s->target.conn, &r, reterr, "SELECT CONVERT(_%s x'%s' USING utf8mb4)", charset,
		    dm_str_get(&hex)) != 0)
		return -1;
	if (!db_result_next(r) || !db_result_text(r, 0))
		return sync_fail_event(s, -EILSEQ, "character set of the statement", reterr);
	free(*text);
	*len = db_result_len(r, 0);
	*text = dm_strndup(db_result_text(r, 0), *len);
	return 0;
}

static int on_statement(struct sync *s, const struct binlog_query *q, const char *text, size_t len,
	struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *copy = dm_strndup(text, len);
	DM_CLEANUP(freep) char *schema = dm_strndup(q->schema, q->schema_len);
	struct ddl d = { 0 };
	size_t at = 0;
	int r;

	if (to_utf8(s, q, &copy, &len, reterr) != 0)
		return -1;
	if (ddl_parse(copy, len, schema, flags_of(s, q), &d, &at) != 0)
		return fail_parse(s, copy, at < len ? at : len, reterr);
	r = on_kind(s, q, copy, &d, reterr);
	ddl_done(&d);
	return r;
}

int sync_query(struct sync *s, uint8_t type, const struct binlog_format *f,
	const struct binlog_body *body, struct dm_error *reterr)
{
	DM_CLEANUP(dm_str_done) struct dm_str scratch = { 0 };
	struct binlog_query q;
	const char *text;
	size_t len;
	int r = binlog_query_parse(type, f, body, &scratch, &q);

	if (r != 0)
		return sync_fail_event(s, r, "statement", reterr);
	text = q.text;
	len = q.text_len;
	trim(&text, &len);
	if (is_word(text, len, "BEGIN")) {
		s->in_transaction = true;
		return 0;
	}
	if (is_word(text, len, "COMMIT"))
		return sync_transaction_end(s, reterr);
	return on_statement(s, &q, text, len, reterr);
}
