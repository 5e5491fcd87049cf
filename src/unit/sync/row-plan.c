/* row-plan.c - matching a TABLE_MAP's columns with the target's. */
#include "row-plan.h"

#include <stdlib.h>
#include <string.h>

#include "charset.h"
#include "dm/error.h"
#include "dm/str.h"

static bool has_bytes(uint8_t type)
{
	switch (type) {
	case ROW_VARCHAR:
	case ROW_TINY_BLOB:
	case ROW_MEDIUM_BLOB:
	case ROW_LONG_BLOB:
	case ROW_BLOB:
	case ROW_VAR_STRING:
	case ROW_STRING:
	case ROW_GEOMETRY:
	case ROW_VECTOR:
	case ROW_MARIADB_BLOB_COMPRESSED:
	case ROW_MARIADB_VARCHAR_COMPRESSED:
		return true;
	default: /* a number of the protocol, not an enum of ours */
		return false;
	}
}

static void choose_form(struct plan_column *c, const struct row_table *map, unsigned int i)
{
	const struct row_column *from = &map->columns[i];
	const char *charset = NULL;

	c->form = FORM_PLAIN;
	if (!has_bytes(c->type))
		return;
	if (map->has_collations && from->collation != 0)
		charset = charset_of_collation(from->collation);
	if (c->type == ROW_GEOMETRY || c->type == ROW_VECTOR)
		charset = "binary";
	else if (!charset && c->to->class == COLUMN_TEXT)
		charset = c->to->charset; /* the definition came by the same DDL */
	else if (!charset)
		charset = c->to->class == COLUMN_JSON ? "utf8mb4" : "binary";
	if (charset_is_utf8(charset))
		c->form = FORM_TEXT;
	else if (strcmp(charset, "binary") == 0)
		c->form = FORM_BINARY;
	else
		c->form = FORM_CHARSET;
	c->charset = charset;
}

static void match(struct row_plan *p, unsigned int from, unsigned int to)
{
	struct plan_column *c = &p->columns[from];
	const struct target_column *column = &p->to->columns[to];

	if (column->is_generated)
		return;
	p->source_of[to] = (int)from;
	c->to = column;
	c->type = p->map.columns[from].type;
	c->is_unsigned = !p->map.has_signedness && column->is_unsigned;
	choose_form(c, &p->map, from);
}

static int fail_count(const struct row_plan *p, struct dm_error *reterr)
{
	return dm_fail(reterr, DM_ERR_SYNC_COLUMN_COUNT,
		"Column count doesn't match value count: %u (columns) vs %u (values)",
		p->to->column_count, p->map.column_count);
}

static int match_by_name(struct row_plan *p, struct dm_error *reterr)
{
	for (unsigned int i = 0; i < p->map.column_count; i++) {
		const char *name = p->map.columns[i].name ? p->map.columns[i].name : "";
		unsigned int to = 0;

		while (to < p->to->column_count && !dm_strcaseeq(p->to->columns[to].name, name))
			to++;
		if (to < p->to->column_count) {
			match(p, i, to);
			continue;
		}
		if (p->to->is_versioned &&
			(dm_strcaseeq(name, "row_start") || dm_strcaseeq(name, "row_end"))) {
			if (dm_strcaseeq(name, "row_end"))
				p->row_end = (int)i;
			continue; /* each side keeps its own history */
		}
		(void)fail_count(p, reterr);
		return dm_annotate(
			reterr, "the target's table %s has no column `%s`", p->to->quoted, name);
	}
	return 0;
}

static int match_by_position(struct row_plan *p, struct dm_error *reterr)
{
	unsigned int hidden = p->to->is_versioned ? 2 : 0;

	if (p->map.column_count != p->to->column_count &&
		p->map.column_count != p->to->column_count + hidden)
		return fail_count(p, reterr);
	if (p->map.column_count > p->to->column_count)
		p->row_end = (int)p->map.column_count - 1;
	for (unsigned int i = 0; i < p->to->column_count; i++)
		match(p, i, i);
	return 0;
}

int row_plan_match(struct row_plan *p, struct dm_error *reterr)
{
	free(p->columns);
	free(p->source_of);
	p->row_end = -1;
	p->columns = dm_alloc_array(p->map.column_count, sizeof(*p->columns));
	p->source_of = dm_alloc_array(p->to->column_count, sizeof(*p->source_of));
	for (unsigned int i = 0; i < p->to->column_count; i++)
		p->source_of[i] = -1;
	return p->map.has_names ? match_by_name(p, reterr) : match_by_position(p, reterr);
}

void row_plan_done(struct row_plan *p)
{
	row_table_done(&p->map);
	free(p->columns);
	free(p->source_of);
	*p = (struct row_plan){ 0 };
}
