/* dml.c - INSERT, REPLACE, UPDATE and DELETE of one row. */
#include "dml.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "charset.h"
#include "dm/db.h"
#include "dm/str.h"

/* ---- values ---- */

static void add_hex(struct dm_str *out, const char *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	dm_str_reserve(out, 2 * len + 3);
	dm_str_add(out, "x'");
	for (size_t i = 0; i < len; i++) {
		dm_str_add_char(out, digits[(unsigned char)bytes[i] >> 4]);
		dm_str_add_char(out, digits[(unsigned char)bytes[i] & 15]);
	}
	dm_str_add_char(out, '\'');
}

static void add_quoted(struct dm_str *out, const char *introducer, const struct row_value *v,
	unsigned int fixed_len, struct db_conn *conn)
{
	dm_str_add(out, introducer);
	dm_str_add_char(out, '\'');
	db_escape(conn, out, v->bytes, v->len);
	for (size_t i = v->len; i < fixed_len; i++)
		db_escape(conn, out, "", 1); /* the binlog leaves the zeros at the end out */
	dm_str_add_char(out, '\'');
}

/* UUIDs and addresses: what the target parses from 16 (or 4) bytes. */
static void add_fixed(struct dm_str *out, const struct row_value *v, unsigned int len)
{
	char bytes[16] = { 0 };

	memcpy(bytes, v->bytes, v->len < sizeof(bytes) ? v->len : sizeof(bytes));
	add_hex(out, bytes, len);
}

static void add_bytes(struct dm_str *out, const struct plan_column *c, const struct row_value *v,
	struct db_conn *conn)
{
	switch (c->form) {
	case FORM_TEXT:
		add_quoted(out, "", v, 0, conn);
		break;
	case FORM_CHARSET:
		dm_str_addf(out, "_%s ", c->charset);
		add_hex(out, v->bytes, v->len);
		break;
	case FORM_PLAIN:
	case FORM_BINARY:
		if (c->to->class == COLUMN_UUID || c->to->class == COLUMN_INET)
			add_fixed(out, v, c->to->fixed_len);
		else
			add_quoted(out, "_binary", v, c->to->fixed_len, conn);
		break;
	}
}

/* Always with an exponent: a literal without one is a DECIMAL, and loses digits. */
static void add_double(struct dm_str *out, double d)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "%.17g", d);
	dm_str_add(out, text);
	if (!strchr(text, 'e'))
		dm_str_add(out, "e0");
}

static void add_value(struct dm_str *out, const struct plan_column *c, const struct row_value *v,
	struct db_conn *conn)
{
	switch (v->kind) {
	case ROW_VALUE_ABSENT:
		dm_str_add(out, "DEFAULT"); /* of a merged INSERT only; never asked for */
		break;
	case ROW_VALUE_NULL:
		dm_str_add(out, "NULL");
		break;
	case ROW_VALUE_INT:
		if (c->is_unsigned)
			dm_str_addf(out, "%llu",
				(unsigned long long)row_value_unsigned(c->type, v->number.i));
		else
			dm_str_addf(out, "%lld", (long long)v->number.i);
		break;
	case ROW_VALUE_UINT:
		dm_str_addf(out, "%llu", (unsigned long long)v->number.u);
		break;
	case ROW_VALUE_FLOAT:
		add_double(out, (double)v->number.f);
		break;
	case ROW_VALUE_DOUBLE:
		add_double(out, v->number.d);
		break;
	case ROW_VALUE_NUMBER:
		dm_str_add_bytes(out, v->bytes, v->len);
		break;
	case ROW_VALUE_TIME:
		dm_str_add_char(out, '\'');
		dm_str_add_bytes(out, v->bytes, v->len);
		dm_str_add_char(out, '\'');
		break;
	case ROW_VALUE_JSON:
		add_quoted(out, "", v, 0, conn);
		break;
	case ROW_VALUE_STRING:
	case ROW_VALUE_BINARY:
		add_bytes(out, c, v, conn);
		break;
	}
}

static bool has_own_bytes(enum row_value_kind kind)
{
	switch (kind) {
	case ROW_VALUE_NUMBER:
	case ROW_VALUE_TIME:
	case ROW_VALUE_JSON:
	case ROW_VALUE_STRING:
	case ROW_VALUE_BINARY:
		return true;
	case ROW_VALUE_ABSENT:
	case ROW_VALUE_NULL:
	case ROW_VALUE_INT:
	case ROW_VALUE_UINT:
	case ROW_VALUE_FLOAT:
	case ROW_VALUE_DOUBLE:
		break;
	}
	return false;
}

/* ---- finding a row ---- */

static void add_equal(struct dm_str *out, const struct plan_column *c, const struct row_value *v,
	struct db_conn *conn)
{
	dm_str_add(out, c->to->quoted);
	if (v->kind == ROW_VALUE_NULL) {
		dm_str_add(out, " IS NULL");
		return;
	}
	if (c->type == ROW_YEAR && v->number.u == 0)
		dm_str_add(out, "+0"); /* or the server takes 0 for 2000 */
	dm_str_add(out, " = ");
	add_value(out, c, v, conn);
}

/* Byte for byte: without a key the rows 'a' and 'A' are two, whatever the collation thinks. */
static void add_same(struct dm_str *out, const struct plan_column *c, const struct row_value *v,
	struct db_conn *conn)
{
	bool is_bytes = v->kind == ROW_VALUE_STRING || v->kind == ROW_VALUE_BINARY;
	bool is_text = is_bytes && c->to->class == COLUMN_TEXT;

	if (v->kind == ROW_VALUE_JSON && c->to->class == COLUMN_TEXT) {
		dm_str_addf(out, "JSON_COMPACT(%s) = JSON_COMPACT(", c->to->quoted);
		add_value(out, c, v, conn);
		dm_str_add(out, ")");
	} else if (c->to->class == COLUMN_JSON && v->kind != ROW_VALUE_NULL) {
		dm_str_addf(out, "%s = CAST(", c->to->quoted);
		add_value(out, c, v, conn);
		dm_str_add(out, " AS JSON)");
	} else if (is_text) {
		dm_str_addf(out, "CAST(%s AS BINARY) = CAST(CONVERT(", c->to->quoted);
		add_value(out, c, v, conn);
		dm_str_addf(out, " USING %s) AS BINARY)", c->to->charset);
	} else {
		add_equal(out, c, v, conn);
	}
}

static const struct target_key *choose_key(const struct row_plan *p, const struct row_value *before)
{
	for (unsigned int k = 0; k < p->to->key_count; k++) {
		const struct target_key *key = &p->to->keys[k];
		unsigned int i = 0;

		for (; i < key->count; i++) {
			int from = p->source_of[key->columns[i]];

			if (from < 0 || before[from].kind == ROW_VALUE_ABSENT ||
				before[from].kind == ROW_VALUE_NULL)
				break;
		}
		if (i == key->count)
			return key;
	}
	return NULL;
}

bool dml_has_key(const struct row_plan *p, const struct row_value *before)
{
	return choose_key(p, before) != NULL;
}

static void add_where(struct dm_str *out, const struct row_plan *p, const struct row_value *before,
	struct db_conn *conn)
{
	const struct target_key *key = choose_key(p, before);
	const char *between = " WHERE ";

	for (unsigned int i = 0; i < p->map.column_count && !key; i++) {
		if (!p->columns[i].to || before[i].kind == ROW_VALUE_ABSENT)
			continue;
		dm_str_add(out, between);
		add_same(out, &p->columns[i], &before[i], conn);
		between = " AND ";
	}
	for (unsigned int i = 0; key && i < key->count; i++) {
		int from = p->source_of[key->columns[i]];

		dm_str_add(out, between);
		add_equal(out, &p->columns[from], &before[from], conn);
		between = " AND ";
	}
	dm_str_add(out, " LIMIT 1");
}

/* ---- statements ---- */

static bool is_written(const struct row_plan *p, const struct row_value *image, unsigned int i)
{
	return p->columns[i].to && image[i].kind != ROW_VALUE_ABSENT;
}

void dml_insert_head(struct dm_str *out, const struct row_plan *p, const struct row_value *after,
	bool is_replace)
{
	const char *between = " (";

	dm_str_add(out, is_replace ? "REPLACE INTO " : "INSERT INTO ");
	dm_str_add(out, p->to->quoted);
	for (unsigned int i = 0; i < p->map.column_count; i++) {
		if (!is_written(p, after, i))
			continue;
		dm_str_add(out, between);
		dm_str_add(out, p->columns[i].to->quoted);
		between = ",";
	}
	dm_str_add(out, *between == ',' ? ") VALUES " : " () VALUES ");
}

void dml_insert_row(struct dm_str *out, const struct row_plan *p, const struct row_value *after,
	struct db_conn *conn)
{
	char between = '(';

	for (unsigned int i = 0; i < p->map.column_count; i++) {
		if (!is_written(p, after, i))
			continue;
		dm_str_add_char(out, between);
		add_value(out, &p->columns[i], &after[i], conn);
		between = ',';
	}
	dm_str_add(out, between == ',' ? ")" : "()");
}

/* A minimal image leaves out what did not change; a column that changes by itself must be told not to. */
static bool keeps_its_time(const struct row_plan *p, const struct row_value *after, unsigned int i)
{
	return p->columns[i].to && after[i].kind == ROW_VALUE_ABSENT &&
	       p->columns[i].to->is_updated_by_itself;
}

bool dml_update(struct dm_str *out, const struct row_plan *p, const struct row_value *before,
	const struct row_value *after, struct db_conn *conn)
{
	size_t begin = out->len;
	const char *between = " SET ";

	dm_str_addf(out, "UPDATE %s", p->to->quoted);
	for (unsigned int i = 0; i < p->map.column_count; i++) {
		if (!is_written(p, after, i) && !keeps_its_time(p, after, i))
			continue;
		dm_str_add(out, between);
		dm_str_add(out, p->columns[i].to->quoted);
		dm_str_add_char(out, '=');
		if (is_written(p, after, i))
			add_value(out, &p->columns[i], &after[i], conn);
		else
			dm_str_add(out, p->columns[i].to->quoted);
		between = ",";
	}
	if (*between != ',') {
		out->len = begin;
		out->data[begin] = '\0';
		return false;
	}
	add_where(out, p, before, conn);
	return true;
}

void dml_delete(struct dm_str *out, const struct row_plan *p, const struct row_value *before,
	struct db_conn *conn)
{
	dm_str_addf(out, "DELETE FROM %s", p->to->quoted);
	add_where(out, p, before, conn);
}

bool dml_is_whole(const struct row_plan *p, const struct row_value *image)
{
	for (unsigned int i = 0; i < p->map.column_count; i++)
		if (p->columns[i].to && image[i].kind == ROW_VALUE_ABSENT)
			return false;
	return true;
}

size_t dml_size_max(const struct row_plan *p, const struct row_value *image)
{
	enum { AROUND = 64, NUMBER = 32 }; /* per column: CAST, CONVERT and quotes; digits */
	size_t size = strlen(p->to->quoted) + AROUND;

	for (unsigned int i = 0; i < p->map.column_count; i++) {
		const struct plan_column *c = &p->columns[i];

		if (!c->to || image[i].kind == ROW_VALUE_ABSENT)
			continue;
		size += strlen(c->to->quoted) + AROUND;
		if (has_own_bytes(image[i].kind))
			size += 2 * (image[i].len + c->to->fixed_len);
		else
			size += NUMBER;
	}
	return size;
}

bool dml_needs_lax_mode(const struct row_plan *p, const struct row_value *image)
{
	for (unsigned int i = 0; i < p->map.column_count; i++)
		if (p->columns[i].type == ROW_ENUM && is_written(p, image, i) &&
			image[i].kind == ROW_VALUE_UINT && image[i].number.u == 0)
			return true;
	return false;
}

/* ---- what people may see ---- */

static size_t skip_string(const char *sql, size_t len, size_t i)
{
	for (i++; i < len; i++) {
		if (sql[i] == '\\')
			i++;
		else if (sql[i] == '\'' && i + 1 < len && sql[i + 1] == '\'')
			i++;
		else if (sql[i] == '\'')
			return i + 1;
	}
	return len;
}

static size_t skip_name(struct dm_str *out, const char *sql, size_t len, size_t i)
{
	do {
		dm_str_add_char(out, sql[i++]);
	} while (i < len && sql[i] != '`');
	if (i < len)
		dm_str_add_char(out, sql[i++]);
	return i;
}

/* Where a value of ours ends: a string with its introducer, or a number; `i` when none begins here. */
static size_t skip_value(const char *sql, size_t len, size_t i)
{
	size_t at = i;

	if (sql[at] == '_' || sql[at] == 'x') {
		while (at < len && (isalnum((unsigned char)sql[at]) || sql[at] == '_'))
			at++;
		if (at + 1 < len && sql[at] == ' ' && sql[at + 1] == 'x')
			at += 2;
	}
	if (at < len && sql[at] == '\'')
		return skip_string(sql, len, at);
	if (!isdigit((unsigned char)sql[i]) && sql[i] != '-')
		return i;
	for (at = i; at < len && (isalnum((unsigned char)sql[at]) || strchr("+-.", sql[at]));)
		at++;
	return at;
}

void dml_redact(struct dm_str *out, const char *sql, size_t len)
{
	bool in_word =
		false; /* digits inside a word are no value: LIMIT 1 is kept by its place only */

	for (size_t i = 0; i < len;) {
		size_t end = in_word ? i : skip_value(sql, len, i);

		if (sql[i] == '`') {
			i = skip_name(out, sql, len, i);
			in_word = false;
		} else if (end > i) {
			dm_str_add_char(out, '?');
			i = end;
		} else {
			in_word = isalnum((unsigned char)sql[i]) || sql[i] == '_';
			dm_str_add_char(out, sql[i++]);
		}
	}
}
