/* xa.c - the list of prepared XA transactions, in memory and in the target. */
#include "xa.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dm/binlog.h"
#include "dm/db.h"

enum { XID_PART_MAX = 64 };

static void add_literal(struct dm_str *out, const char *text)
{
	dm_str_add_char(out, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			dm_str_add_char(out, *text);
		dm_str_add_char(out, *text);
	}
	dm_str_add_char(out, '\'');
}

void xa_init(struct xa_list *x, const char *meta_schema, const char *task, const char *id)
{
	DM_CLEANUP(freep) char *name = dm_format("%s_syncer_xa", task);
	struct dm_str table = { 0 }, quoted = { 0 };

	dm_str_add_quoted_name(&table, meta_schema);
	dm_str_add_char(&table, '.');
	dm_str_add_quoted_name(&table, name);
	add_literal(&quoted, id);
	*x = (struct xa_list){ .table = dm_str_take(&table), .id = dm_str_take(&quoted) };
}

static void clear(struct xa_list *x)
{
	for (size_t i = 0; i < x->count; i++)
		free(x->pending[i].xid);
	free(x->pending);
	x->pending = NULL;
	x->count = 0;
}

void xa_done(struct xa_list *x)
{
	clear(x);
	free(x->table);
	free(x->id);
	*x = (struct xa_list){ 0 };
}

/* ---- in the target ---- */

int xa_prepare_table(const struct xa_list *x, struct db_conn *conn, struct dm_error *reterr)
{
	DM_CLEANUP(freep)
	char *sql = dm_format("CREATE TABLE IF NOT EXISTS %s ("
			      "id VARCHAR(32) NOT NULL, "
			      "xid VARBINARY(300) NOT NULL, "
			      "begin_name VARCHAR(128) NOT NULL, "
			      "begin_pos BIGINT UNSIGNED NOT NULL, "
			      "end_name VARCHAR(128) NOT NULL, "
			      "end_pos BIGINT UNSIGNED NOT NULL, "
			      "PRIMARY KEY (id, xid)) ENGINE=InnoDB",
		x->table);

	return db_exec(conn, sql, strlen(sql), NULL, reterr);
}

static uint64_t number_of(const struct db_result *r, unsigned int column)
{
	const char *text = db_result_text(r, column);

	return text ? strtoull(text, NULL, 10) : 0;
}

static struct xa_pending *append(struct xa_list *x, const char *xid)
{
	x->pending = dm_grow(x->pending, x->count + 1, sizeof(*x->pending));
	x->pending[x->count] = (struct xa_pending){ .xid = dm_strdup(xid) };
	return &x->pending[x->count++];
}

int xa_load(struct xa_list *x, struct db_conn *conn, bool remove, struct dm_error *reterr)
{
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;
	DM_CLEANUP(freep) char *sql = dm_format("DELETE FROM %s WHERE id = %s", x->table, x->id);

	clear(x);
	if (remove)
		return db_exec(conn, sql, strlen(sql), NULL, reterr) != 0 ||
				       db_exec(conn, "COMMIT", 6, NULL, reterr) != 0
			       ? -1
			       : 0;
	if (db_query(conn, &r, reterr,
		    "SELECT xid, begin_name, begin_pos, end_name, end_pos FROM %s WHERE id = %s",
		    x->table, x->id) != 0)
		return -1;
	while (db_result_next(r)) {
		struct xa_pending *p = append(x, db_result_text(r, 0));

		binlog_position_set(&p->begin, db_result_text(r, 1), number_of(r, 2));
		binlog_position_set(&p->end, db_result_text(r, 3), number_of(r, 4));
	}
	return 0;
}

/* ---- the list ---- */

static uint32_t read_u32(const uint8_t *b)
{
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void add_hex(struct dm_str *out, const uint8_t *bytes, size_t len)
{
	dm_str_add(out, "X'");
	for (size_t i = 0; i < len; i++)
		dm_str_addf(out, "%02x", bytes[i]);
	dm_str_add(out, "'");
}

int xa_parse(const struct binlog_body *body, char **ret_xid, bool *ret_is_one_phase)
{
	const uint8_t *b = body->bytes;
	struct dm_str xid = { 0 };
	uint32_t gtrid, bqual;

	if (body->len < 13)
		return -EBADMSG;
	gtrid = read_u32(b + 5);
	bqual = read_u32(b + 9);
	if (gtrid > XID_PART_MAX || bqual > XID_PART_MAX || body->len - 13 < gtrid + bqual)
		return -EBADMSG;
	add_hex(&xid, b + 13, gtrid);
	dm_str_add_char(&xid, ',');
	add_hex(&xid, b + 13 + gtrid, bqual);
	dm_str_addf(&xid, ",%" PRIu32, read_u32(b + 1));
	*ret_xid = dm_str_take(&xid);
	*ret_is_one_phase = b[0] != 0;
	return 0;
}

const struct xa_pending *xa_find(const struct xa_list *x, const char *xid)
{
	for (size_t i = 0; i < x->count; i++)
		if (dm_strcaseeq(x->pending[i].xid, xid))
			return &x->pending[i];
	return NULL;
}

void xa_add(struct xa_list *x, const char *xid, const struct binlog_position *begin,
	const struct binlog_position *end, struct dm_str *out_sql)
{
	struct xa_pending *p = append(x, xid);

	p->begin = *begin;
	p->end = *end;
	dm_str_addf(out_sql, "REPLACE INTO %s VALUES (%s, ", x->table, x->id);
	add_literal(out_sql, xid);
	dm_str_add(out_sql, ", ");
	add_literal(out_sql, begin->name);
	dm_str_addf(out_sql, ", %" PRIu64 ", ", begin->pos);
	add_literal(out_sql, end->name);
	dm_str_addf(out_sql, ", %" PRIu64 ")", end->pos);
}

void xa_remove(struct xa_list *x, const char *xid, struct dm_str *out_sql)
{
	dm_str_addf(out_sql, "DELETE FROM %s WHERE id = %s AND xid = ", x->table, x->id);
	for (size_t i = 0; i < x->count; i++) {
		if (!dm_strcaseeq(x->pending[i].xid, xid))
			continue;
		add_literal(out_sql, x->pending[i].xid);
		free(x->pending[i].xid);
		x->pending[i] = x->pending[--x->count];
		return;
	}
	add_literal(out_sql, xid);
}

void xa_keep(const struct xa_list *x, struct binlog_position *at)
{
	for (size_t i = 0; i < x->count; i++)
		if (binlog_position_compare(&x->pending[i].begin, at) < 0)
			*at = x->pending[i].begin;
}
