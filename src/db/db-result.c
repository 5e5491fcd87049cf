/* db-result.c - rows of a query, stored whole. */
#include "db-internal.h"

#include <assert.h>
#include <string.h>

struct db_result {
	MYSQL_RES *rows; /* owned */
	MYSQL_ROW row; /* the one at hand, NULL before the first and after the last */
	const unsigned long *lengths;
};

static int query(struct db_conn *c, const struct dm_str *sql, MYSQL_RES **ret)
{
	int r;

	db_io_begin(c);
	r = mysql_real_query(c->mysql, sql->data, sql->len);
	*ret = r == 0 ? mysql_store_result(c->mysql) : NULL;
	db_io_end();
	return *ret || (r == 0 && mysql_errno(c->mysql) == 0) ? 0 : -1;
}

int db_query(
	struct db_conn *c, struct db_result **ret, struct dm_error *reterr, const char *format, ...)
{
	DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };
	DM_CLEANUP(freep) char *what = NULL;
	MYSQL_RES *rows;
	va_list args;

	va_start(args, format);
	dm_str_addv(&sql, format, args);
	va_end(args);
	if (query(c, &sql, &rows) != 0) {
		what = dm_format("query statement failed: %.1024s", sql.data);
		return db_conn_fail(c, DM_ERR_DB_QUERY_FAILED, what, reterr);
	}
	*ret = dm_alloc(sizeof(**ret));
	(*ret)->rows = rows; /* NULL: a statement without rows */
	return 0;
}

bool db_result_next(struct db_result *r)
{
	r->row = r->rows ? mysql_fetch_row(r->rows) : NULL;
	r->lengths = r->row ? mysql_fetch_lengths(r->rows) : NULL;
	return r->row != NULL;
}

const char *db_result_text(const struct db_result *r, unsigned int column)
{
	return r->row && column < mysql_num_fields(r->rows) ? r->row[column] : NULL;
}

size_t db_result_len(const struct db_result *r, unsigned int column)
{
	return db_result_text(r, column) ? r->lengths[column] : 0;
}

int db_result_column(const struct db_result *r, const char *name)
{
	unsigned int count = r->rows ? mysql_num_fields(r->rows) : 0;
	const MYSQL_FIELD *fields = r->rows ? mysql_fetch_fields(r->rows) : NULL;

	for (unsigned int i = 0; i < count; i++)
		if (dm_strcaseeq(fields[i].name, name))
			return (int)i;
	return -1;
}

void db_result_free(struct db_result *r)
{
	if (!r)
		return;
	mysql_free_result(r->rows);
	free(r);
}

void db_result_freep(struct db_result **r)
{
	db_result_free(*r);
	*r = NULL;
}
