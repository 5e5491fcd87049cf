/* row-print.h - rows of a binlog as lines of text, so that they can be compared with what a server selects.
 *
 * "schema.table INSERT|UPDATE|DELETE column=value ... [-> column=value ...]". NULL; "absent"; numbers and times as they are;
 * strings as 'hex', binary as x'hex', JSON as text; c0, c1 ... where the table map has no names. */
#pragma once

#include "binlog-file.h"
#include "dm/row.h"

struct row_print {
	struct dm_str *out;
	struct row_decoder *decoder;
	struct row_table table; /* of the last TABLE_MAP with the id of the rows */
	bool has_table;
	bool shows_columns; /* a line for each table map too */
};

static void print_hex(struct dm_str *out, const struct row_value *v)
{
	for (size_t i = 0; i < v->len; i++)
		dm_str_addf(out, "%02x", (unsigned char)v->bytes[i]);
}

static void print_value(struct dm_str *out, const struct row_value *v)
{
	switch (v->kind) {
	case ROW_VALUE_ABSENT:
		dm_str_add(out, "absent");
		break;
	case ROW_VALUE_NULL:
		dm_str_add(out, "NULL");
		break;
	case ROW_VALUE_INT:
		dm_str_addf(out, "%lld", (long long)v->number.i);
		break;
	case ROW_VALUE_UINT:
		dm_str_addf(out, "%llu", (unsigned long long)v->number.u);
		break;
	case ROW_VALUE_FLOAT:
		dm_str_addf(out, "%.9g", (double)v->number.f);
		break;
	case ROW_VALUE_DOUBLE:
		dm_str_addf(out, "%.17g", v->number.d);
		break;
	case ROW_VALUE_NUMBER:
	case ROW_VALUE_TIME:
	case ROW_VALUE_JSON:
		dm_str_add_bytes(out, v->bytes, v->len);
		break;
	case ROW_VALUE_STRING:
	case ROW_VALUE_BINARY:
		dm_str_add(out, v->kind == ROW_VALUE_BINARY ? "x'" : "'");
		print_hex(out, v);
		dm_str_add_char(out, '\'');
		break;
	}
}

static void print_image(
	struct dm_str *out, const struct row_table *t, const struct row_value *values)
{
	for (unsigned int i = 0; values && i < t->column_count; i++) {
		dm_str_add_char(out, ' ');
		if (t->has_names)
			dm_str_addf(out, "%s=", t->columns[i].name);
		else
			dm_str_addf(out, "c%u=", i);
		print_value(out, &values[i]);
	}
}

static void print_columns(struct dm_str *out, const struct row_table *t)
{
	dm_str_addf(out, "%s.%s:", t->schema, t->name);
	for (unsigned int i = 0; i < t->column_count; i++) {
		const struct row_column *c = &t->columns[i];

		dm_str_addf(out, " %s %u/%u%s%s%s %u,", t->has_names ? c->name : "", c->type,
			c->meta, c->is_nullable ? " null" : "", c->is_unsigned ? " unsigned" : "",
			c->is_visible ? "" : " invisible", c->collation);
	}
	dm_str_addf(out, " signs=%d collations=%d key", t->has_signedness, t->has_collations);
	for (unsigned int i = 0; i < t->key_count; i++)
		dm_str_addf(out, " %u", t->key[i]);
	dm_str_add_char(out, '\n');
}

static void print_rows(const struct binlog_walk *w, struct row_print *p)
{
	static const char *const kinds[] = { "INSERT", "UPDATE", "DELETE" };
	const struct row_value *before = NULL, *after = NULL;
	enum row_kind kind;
	uint64_t id;
	uint16_t flags;
	unsigned int column = 0;
	int r;

	assert_int_equal(row_event_table_id(w->header.type, w->format, &w->body, &id, &flags), 0);
	assert_true(p->has_table && id == p->table.table_id);
	assert_int_equal(row_decoder_begin(
				 p->decoder, w->header.type, w->format, &w->body, &p->table, &kind),
		0);
	while ((r = row_decoder_next(p->decoder, &before, &after, &column)) == 1) {
		dm_str_addf(p->out, "%s.%s %s", p->table.schema, p->table.name, kinds[kind]);
		print_image(p->out, &p->table, before);
		if (before && after)
			dm_str_add(p->out, " ->");
		print_image(p->out, &p->table, after);
		dm_str_add_char(p->out, '\n');
	}
	if (r != 0)
		dm_str_addf(p->out, "%s.%s error %d at column %u\n", p->table.schema, p->table.name,
			r, column);
}

static void print_row_event(const struct binlog_walk *w, void *arg)
{
	struct row_print *p = arg;

	if (w->header.type == EVENT_TABLE_MAP) {
		row_table_done(&p->table);
		assert_int_equal(row_table_parse(w->format, &w->body, &p->table), 0);
		p->has_table = true;
		if (p->shows_columns)
			print_columns(p->out, &p->table);
	} else if (binlog_type_is_rows(w->header.type)) {
		print_rows(w, p);
	}
}

static void print_binlog(const struct dm_str *file, bool shows_columns, struct dm_str *out)
{
	struct row_print p = {
		.out = out, .decoder = row_decoder_new(), .shows_columns = shows_columns
	};

	walk_bytes(file, print_row_event, &p);
	row_table_done(&p.table);
	row_decoder_free(p.decoder);
}
