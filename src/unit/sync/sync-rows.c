/* sync-rows.c - TABLE_MAP and rows events: whose rows they are, and into the target's packet with them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dm/clock.h"
#include "dm/row.h"
#include "dm/rule.h"
#include "sync.h"

enum {
	PLANS_MAX = 1024, /* tables opened anew get new numbers: forget the old ones at times */
	ROWS_FLAG_NO_FOREIGN_KEY_CHECKS = 0x0002,
};
#define DUMMY_TABLE_ID 0xffffffffffffu /* MySQL: a rows event that only ends a statement */

bool sync_is_wanted(const struct sync *s, const char *schema, const char *name)
{
	return !rule_is_system_schema(schema) &&
	       (!s->list || rule_list_keeps(s->list, schema, name));
}

/* ---- plans ---- */

static void plan_free(struct sync_plan *p)
{
	row_plan_done(&p->plan);
	free(p->raw);
	free(p);
}

void sync_plans_clear(struct sync *s)
{
	for (unsigned int i = 0; i < PLAN_BUCKETS; i++) {
		while (s->plans[i]) {
			struct sync_plan *p = s->plans[i];

			s->plans[i] = p->next;
			plan_free(p);
		}
	}
	s->plan_count = 0;
}

static struct sync_plan **plan_at(struct sync *s, uint64_t table_id)
{
	struct sync_plan **at = &s->plans[table_id % PLAN_BUCKETS];

	while (*at && (*at)->plan.map.table_id != table_id)
		at = &(*at)->next;
	return at;
}

/* Pieces that are gathered point to plans: they go out before one is freed. */
static int forget_plan(struct sync *s, struct sync_plan **at, struct dm_error *reterr)
{
	struct sync_plan *p = *at;

	s->failure_type = ERROR_EXEC_SQL;
	if (target_flush(&s->target, &s->failure, reterr) != 0)
		return -1;
	s->failure_type = ERROR_UNKNOWN;
	if (s->plan_count >= PLANS_MAX) {
		sync_plans_clear(s);
	} else if (p) {
		*at = p->next;
		plan_free(p);
		s->plan_count--;
	}
	return 0;
}

int sync_table_map(struct sync *s, const struct binlog_format *f, const struct binlog_body *body,
	struct dm_error *reterr)
{
	struct row_table map = { 0 };
	struct sync_plan **at, *p;
	int r = row_table_parse(f, body, &map);

	if (r != 0)
		return sync_fail_event(s, r, "table", reterr);
	at = plan_at(s, map.table_id);
	if (*at && (*at)->raw_len == body->len && memcmp((*at)->raw, body->bytes, body->len) == 0) {
		row_table_done(&map);
		return 0;
	}
	if ((*at || s->plan_count >= PLANS_MAX) && forget_plan(s, at, reterr) != 0) {
		row_table_done(&map);
		return -1;
	}
	p = dm_alloc(sizeof(*p));
	p->plan.map = map;
	p->raw = dm_alloc(body->len + 1);
	memcpy(p->raw, body->bytes, body->len);
	p->raw_len = body->len;
	p->is_skipped = !sync_is_wanted(s, map.schema, map.name);
	at = plan_at(s, map.table_id);
	p->next = *at;
	*at = p;
	s->plan_count++;
	return 0;
}

static int find_target(struct sync *s, struct row_plan *p, struct dm_error *reterr)
{
	if (p->to && p->generation == s->tables.generation)
		return 0;
	p->to = NULL;
	if (table_cache_get(
		    &s->tables, s->target.conn, p->map.schema, p->map.name, &p->to, reterr) != 0)
		return -1;
	p->generation = s->tables.generation;
	if (row_plan_match(p, reterr) == 0)
		return 0;
	p->to = NULL;
	return -1;
}

/* ---- rows ---- */

static void count_row(struct sync *s, enum row_kind kind)
{
	s->counts.events++;
	switch (kind) {
	case ROW_INSERT:
		s->counts.inserted++;
		break;
	case ROW_UPDATE:
		s->counts.updated++;
		break;
	case ROW_DELETE:
		s->counts.deleted++;
		break;
	}
}

static int fail_row(struct sync *s, const struct row_plan *p, unsigned int column, int r,
	struct dm_error *reterr)
{
	DM_CLEANUP(freep)
	char *what = dm_format("column %u of `%s`.`%s`", column + 1, p->map.schema, p->map.name);

	return sync_fail_event(s, r, what, reterr);
}

/* Of a table with history: rows that have ended are history, which each side keeps by itself. */
static bool has_ended(const struct row_plan *p, const struct row_value *image)
{
	const char *const never = "2038-01-19 03:14:07.999999";
	const struct row_value *end = &image[p->row_end];

	return end->kind == ROW_VALUE_TIME &&
	       (end->len != strlen(never) || memcmp(end->bytes, never, end->len) != 0);
}

/* What the change is to those who see no history: false for nothing, and a DELETE comes as the UPDATE that ends a row. */
static bool without_history(
	const struct row_plan *p, const struct target_row *row, enum row_kind *kind)
{
	if (p->row_end < 0)
		return true;
	if (*kind == ROW_INSERT)
		return !has_ended(p, row->after);
	if (has_ended(p, row->before))
		return false;
	if (*kind == ROW_UPDATE && has_ended(p, row->after))
		*kind = ROW_DELETE;
	return true;
}

static int apply_rows(struct sync *s, const struct row_plan *p, enum row_kind of_event,
	struct target_row *row, struct dm_error *reterr)
{
	unsigned int column = 0;
	int r;

	while ((r = row_decoder_next(s->decoder, &row->before, &row->after, &column)) == 1) {
		enum row_kind kind = of_event;

		if (!without_history(p, row, &kind))
			continue;
		if (s->group_began_ms == 0)
			s->group_began_ms = dm_mono_ms();
		s->failure_type = ERROR_EXEC_SQL;
		if (target_row(&s->target, kind, row, &s->failure, reterr) != 0)
			return -1;
		s->failure_type = ERROR_UNKNOWN;
		count_row(s, kind);
	}
	return r == 0 ? 0 : fail_row(s, p, column, r, reterr);
}

static void name_table(struct sync *s, const struct row_plan *p)
{
	struct dm_str table = { 0 };

	target_failure_done(&s->failure);
	s->failure.at = s->event->end;
	dm_str_add_quoted_name(&table, p->map.schema);
	dm_str_add_char(&table, '.');
	dm_str_add_quoted_name(&table, p->map.name);
	s->failure.table = dm_str_take(&table);
}

static int write_rows(struct sync *s, uint8_t type, const struct binlog_format *f,
	const struct binlog_body *body, struct row_plan *p, uint16_t flags, struct dm_error *reterr)
{
	struct target_row row = { .plan = p,
		.end = &s->event->end,
		.has_fk_checks = !(flags & ROWS_FLAG_NO_FOREIGN_KEY_CHECKS) };
	enum row_kind kind;
	int r;

	if (find_target(s, p, reterr) != 0) {
		name_table(s, p);
		return -1;
	}
	row.is_safe = sync_is_safe(s) || !p->to->is_transactional;
	r = row_decoder_begin(s->decoder, type, f, body, &p->map, &kind);
	if (r != 0)
		return sync_fail_event(s, r, "rows", reterr);
	return apply_rows(s, p, kind, &row, reterr);
}

int sync_rows(struct sync *s, uint8_t type, const struct binlog_format *f,
	const struct binlog_body *body, struct dm_error *reterr)
{
	uint64_t table_id = 0;
	uint16_t flags = 0;
	struct sync_plan *p;
	int r = row_event_table_id(type, f, body, &table_id, &flags);

	if (r != 0)
		return sync_fail_event(s, r, "rows", reterr);
	if (table_id == DUMMY_TABLE_ID)
		return 0;
	if (s->in_xa && !s->is_replaying)
		return 0;
	s->in_transaction = true; /* also when reading began behind its BEGIN */
	p = *plan_at(s, table_id);
	if (!p)
		return sync_fail_event(
			s, -ENOENT, "rows of a table that was not named before", reterr);
	if (p->is_skipped ||
		checkpoint_has_rows(&s->cp, p->plan.map.schema, p->plan.map.name, &s->event->end)) {
		s->counts.skipped_rows++;
		return 0;
	}
	return write_rows(s, type, f, body, &p->plan, flags, reterr);
}
