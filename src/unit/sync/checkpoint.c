/* checkpoint.c - DM's checkpoint table and our state table beside it. */
#include "checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm/db.h"

enum { LOCK_WAIT_S = 10 };

static int exec(struct db_conn *conn, const struct dm_str *sql, struct dm_error *reterr)
{
	return db_exec(conn, sql->data, sql->len, NULL, reterr);
}

__attribute__((format(printf, 3, 4))) static int execf(
	struct db_conn *conn, struct dm_error *reterr, const char *format, ...)
{
	DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };
	va_list args;

	va_start(args, format);
	dm_str_addv(&sql, format, args);
	va_end(args);
	return exec(conn, &sql, reterr);
}

/* ---- names ---- */

static char *quoted(const char *schema, const char *task, const char *suffix)
{
	DM_CLEANUP(freep) char *name = dm_format("%s%s", task, suffix);
	struct dm_str s = { 0 };

	dm_str_add_quoted_name(&s, schema);
	dm_str_add_char(&s, '.');
	dm_str_add_quoted_name(&s, name);
	return dm_str_take(&s);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 1099511628211u;
	return (hash ^ '\n') * 1099511628211u;
}

/* In quotes. Server ids and file names hold neither quotes nor backslashes, but users may be odd. */
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

void checkpoint_init(
	struct checkpoint *cp, const char *meta_schema, const char *task, const char *source_id)
{
	uint64_t hash = hash_text(
		hash_text(hash_text(14695981039346656037u, meta_schema), task), source_id);
	struct dm_str schema = { 0 }, id = { 0 };

	*cp = (struct checkpoint){ .global.pos = BINLOG_POSITION_MIN };
	dm_str_add_quoted_name(&schema, meta_schema);
	cp->schema = dm_str_take(&schema);
	cp->table = quoted(meta_schema, task, "_syncer_checkpoint");
	cp->state = quoted(meta_schema, task, "_syncer_state");
	add_literal(&id, source_id);
	cp->id = dm_str_take(&id);
	cp->lock_name = dm_format("dm-worker-%016" PRIx64, hash);
}

static void points_clear(struct checkpoint *cp)
{
	for (size_t i = 0; i < cp->point_count; i++) {
		free(cp->points[i].schema);
		free(cp->points[i].name);
	}
	free(cp->points);
	cp->points = NULL;
	cp->point_count = 0;
}

void checkpoint_done(struct checkpoint *cp)
{
	points_clear(cp);
	free(cp->schema);
	free(cp->table);
	free(cp->state);
	free(cp->id);
	free(cp->lock_name);
	*cp = (struct checkpoint){ 0 };
}

/* ---- tables ---- */

int checkpoint_prepare(struct checkpoint *cp, struct db_conn *conn, struct dm_error *reterr)
{
	if (execf(conn, reterr, "CREATE SCHEMA IF NOT EXISTS %s", cp->schema) != 0)
		return -1;
	if (execf(conn, reterr,
		    "CREATE TABLE IF NOT EXISTS %s ("
		    "id VARCHAR(32) NOT NULL, "
		    "cp_schema VARCHAR(128) NOT NULL, "
		    "cp_table VARCHAR(128) NOT NULL, "
		    "binlog_name VARCHAR(128), "
		    "binlog_pos INT UNSIGNED, "
		    "is_global BOOLEAN, "
		    "create_time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, "
		    "update_time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE "
		    "CURRENT_TIMESTAMP, "
		    "UNIQUE KEY uk_id_schema_table (id, cp_schema, cp_table)) ENGINE=InnoDB",
		    cp->table) != 0)
		return -1;
	return execf(conn, reterr,
		"CREATE TABLE IF NOT EXISTS %s ("
		"id VARCHAR(32) NOT NULL, "
		"epoch BIGINT UNSIGNED NOT NULL DEFAULT 0, "
		"binlog_name VARCHAR(128) NOT NULL DEFAULT '', "
		"binlog_pos BIGINT UNSIGNED NOT NULL DEFAULT 0, "
		"safe_until_name VARCHAR(128) NOT NULL DEFAULT '', "
		"safe_until_pos BIGINT UNSIGNED NOT NULL DEFAULT 0, "
		"ddl_name VARCHAR(128) NOT NULL DEFAULT '', "
		"ddl_pos BIGINT UNSIGNED NOT NULL DEFAULT 0, "
		"ddl_index INT UNSIGNED NOT NULL DEFAULT 0, "
		"ddl_fingerprint BIGINT UNSIGNED NOT NULL DEFAULT 0, "
		"PRIMARY KEY (id)) ENGINE=InnoDB",
		cp->state);
}

bool checkpoint_must_widen(const struct checkpoint *cp, uint64_t pos)
{
	return !cp->is_wide && pos > UINT32_MAX / 4 * 3;
}

int checkpoint_widen(struct checkpoint *cp, struct db_conn *conn, struct dm_error *reterr)
{
	if (execf(conn, reterr, "ALTER TABLE %s MODIFY binlog_pos BIGINT UNSIGNED", cp->table) != 0)
		return -1;
	cp->is_wide = true;
	return 0;
}

/* ---- one writer ---- */

static int ask_number(struct db_conn *conn, const char *sql, uint64_t *ret, struct dm_error *reterr)
{
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;
	const char *text;

	if (db_query(conn, &r, reterr, "%s", sql) != 0)
		return -1;
	text = db_result_next(r) ? db_result_text(r, 0) : NULL;
	*ret = text ? strtoull(text, NULL, 10) : 0;
	return 0;
}

/* An earlier session of ours may still run a statement in the target: it is ended, so that what comes next sees what it did.
 * Targets that have no such locks are left to the fence. */
static int end_older_session(struct checkpoint *cp, struct db_conn *conn, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *take = dm_format("SELECT GET_LOCK('%s', 0)", cp->lock_name);
	DM_CLEANUP(freep) char *who = dm_format("SELECT IS_USED_LOCK('%s')", cp->lock_name);
	DM_CLEANUP(freep)
	char *wait = dm_format("SELECT GET_LOCK('%s', %d)", cp->lock_name, LOCK_WAIT_S);
	DM_CLEANUP(dm_error_done) struct dm_error ignored = { 0 };
	uint64_t got = 0, holder = 0;

	if (ask_number(conn, take, &got, &ignored) != 0 ||
		(got != 1 && ask_number(conn, who, &holder, &ignored) != 0)) {
		if (!db_is_connection_error(&ignored))
			return 0;
		dm_error_move(&ignored, reterr);
		return -1;
	}
	if (got == 1 || holder == 0)
		return 0;
	(void)execf(conn, &ignored, "KILL %" PRIu64, holder); /* it may have ended by itself */
	if (ask_number(conn, wait, &got, reterr) != 0)
		return -1;
	if (got == 1)
		return 0;
	return dm_fail(reterr, DM_ERR_SYNC_TARGET_BUSY,
		"connection %" PRIu64 " of an earlier run still works in the target", holder);
}

/* ---- loading ---- */

static uint64_t number_of(const struct db_result *r, unsigned int column)
{
	const char *text = db_result_text(r, column);

	return text ? strtoull(text, NULL, 10) : 0;
}

static void position_of(const struct db_result *r, unsigned int column, struct binlog_position *ret)
{
	const char *name = db_result_text(r, column);

	binlog_position_set(ret, name ? name : "", number_of(r, column + 1));
}

static bool same_position(const struct binlog_position *a, const struct binlog_position *b)
{
	return a->pos == b->pos && strcmp(a->name, b->name) == 0;
}

static int load_state(struct checkpoint *cp, struct db_conn *conn, struct binlog_position *ret_ours,
	struct dm_error *reterr)
{
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;

	if (db_query(conn, &r, reterr,
		    "SELECT epoch, binlog_name, binlog_pos, safe_until_name, "
		    "safe_until_pos, "
		    "ddl_name, ddl_pos, ddl_index, ddl_fingerprint FROM %s WHERE id = %s",
		    cp->state, cp->id) != 0)
		return -1;
	if (!db_result_next(r))
		return dm_fail(reterr, DM_ERR_SYNC_TARGET_BUSY,
			"the row of %s in %s has gone while it was read", cp->id, cp->state);
	cp->epoch = number_of(r, 0);
	position_of(r, 1, ret_ours);
	position_of(r, 3, &cp->safe_until);
	position_of(r, 5, &cp->ddl.end);
	cp->ddl.index = (unsigned int)number_of(r, 7);
	cp->ddl.fingerprint = number_of(r, 8);
	return 0;
}

static void add_point(struct checkpoint *cp, const struct db_result *r)
{
	struct table_point *p;

	cp->points = dm_grow(cp->points, cp->point_count + 1, sizeof(*cp->points));
	p = &cp->points[cp->point_count++];
	*p = (struct table_point){ .schema = dm_strdup(db_result_text(r, 0)),
		.name = dm_strdup(db_result_text(r, 1)) };
	position_of(r, 2, &p->at);
}

static void drop_old_points(struct checkpoint *cp)
{
	size_t kept = 0;

	for (size_t i = 0; i < cp->point_count; i++) {
		struct table_point *p = &cp->points[i];

		if (binlog_position_compare(&p->at, &cp->global) > 0) {
			cp->points[kept++] = *p;
			continue;
		}
		free(p->schema);
		free(p->name);
	}
	cp->point_count = kept;
}

static int load_points(struct checkpoint *cp, struct db_conn *conn, struct dm_error *reterr)
{
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;
	struct binlog_position at = { 0 };

	points_clear(cp);
	cp->has_global = false;
	binlog_position_set(&cp->global, "", BINLOG_POSITION_MIN);
	if (db_query(conn, &r, reterr,
		    "SELECT cp_schema, cp_table, binlog_name, binlog_pos, is_global FROM %s WHERE "
		    "id = %s",
		    cp->table, cp->id) != 0)
		return -1;
	while (db_result_next(r)) {
		position_of(r, 2, &at);
		if (number_of(r, 4) == 0) {
			add_point(cp, r);
		} else if (*at.name && at.pos >= BINLOG_POSITION_MIN) {
			cp->global = at;
			cp->has_global = true;
		}
	}
	return 0;
}

static int load_width(struct checkpoint *cp, struct db_conn *conn, struct dm_error *reterr)
{
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;

	if (db_query(conn, &r, reterr, "SHOW COLUMNS FROM %s LIKE 'binlog_pos'", cp->table) != 0)
		return -1;
	cp->is_wide = db_result_next(r) && strcasestr(db_result_text(r, 1), "bigint");
	return 0;
}

static int load(struct checkpoint *cp, struct db_conn *conn, struct dm_error *reterr)
{
	struct binlog_position ours = { 0 };

	if (load_state(cp, conn, &ours, reterr) != 0 || load_points(cp, conn, reterr) != 0 ||
		load_width(cp, conn, reterr) != 0)
		return -1;
	cp->is_ours = cp->has_global && same_position(&ours, &cp->global);
	drop_old_points(cp);
	if (!cp->is_ours) {
		binlog_position_set(&cp->safe_until, "", 0);
		cp->ddl = (struct checkpoint_ddl){ 0 };
	}
	return 0;
}

static int remove_rows(struct checkpoint *cp, struct db_conn *conn, struct dm_error *reterr)
{
	if (execf(conn, reterr, "DELETE FROM %s WHERE id = %s", cp->table, cp->id) != 0)
		return -1;
	return execf(conn, reterr, "UPDATE %s SET binlog_name = '', binlog_pos = 0 WHERE id = %s",
		cp->state, cp->id);
}

int checkpoint_claim(
	struct checkpoint *cp, struct db_conn *conn, bool remove, struct dm_error *reterr)
{
	if (end_older_session(cp, conn, reterr) != 0 ||
		execf(conn, reterr, "INSERT IGNORE INTO %s (id) VALUES (%s)", cp->state, cp->id) !=
			0 ||
		execf(conn, reterr, "UPDATE %s SET epoch = epoch + 1 WHERE id = %s", cp->state,
			cp->id) != 0 ||
		(remove && remove_rows(cp, conn, reterr) != 0) ||
		execf(conn, reterr, "COMMIT") != 0 || load(cp, conn, reterr) != 0)
		return -1;
	return execf(conn, reterr, "COMMIT"); /* of the reading */
}

/* ---- writing ---- */

void checkpoint_sql(const struct checkpoint *cp, const struct binlog_position *at,
	const struct checkpoint_ddl *ddl, struct dm_str *out)
{
	DM_CLEANUP(dm_str_done) struct dm_str name = { 0 }, ddl_name = { 0 };

	add_literal(&name, at->name);
	add_literal(&ddl_name, ddl->end.name);
	/* An overflow is an error in every sql_mode: the session that lost its claim cannot commit. */
	dm_str_addf(out,
		"UPDATE %s SET binlog_name = %s, binlog_pos = %" PRIu64 " + IF(epoch = %" PRIu64
		", CAST(0 AS UNSIGNED), 18446744073709551615), ddl_name = %s, ddl_pos = %" PRIu64
		", ddl_index = %u, ddl_fingerprint = %" PRIu64 " WHERE id = %s;",
		cp->state, name.data, at->pos, cp->epoch, ddl_name.data, ddl->end.pos, ddl->index,
		ddl->fingerprint, cp->id);
	dm_str_addf(out,
		"INSERT INTO %s (id, cp_schema, cp_table, binlog_name, binlog_pos, is_global) "
		"VALUES (%s, '', '', %s, %" PRIu64
		", 1) ON DUPLICATE KEY UPDATE binlog_name = %s, binlog_pos = %" PRIu64,
		cp->table, cp->id, name.data, at->pos, name.data, at->pos);
}

void checkpoint_safe_sql(
	const struct checkpoint *cp, const struct binlog_position *until, struct dm_str *out)
{
	DM_CLEANUP(dm_str_done) struct dm_str name = { 0 };

	add_literal(&name, until->name);
	dm_str_addf(out,
		"UPDATE %s SET safe_until_name = %s, safe_until_pos = %" PRIu64 " WHERE id = %s",
		cp->state, name.data, until->pos, cp->id);
}

bool checkpoint_is_fenced(const struct dm_error *err)
{
	return err->sql_errno == 1690;
}

/* ---- DM's table points ---- */

static const struct table_point *find_point(
	const struct checkpoint *cp, const char *schema, const char *name)
{
	for (size_t i = 0; i < cp->point_count; i++)
		if (dm_streq(cp->points[i].schema, schema) && dm_streq(cp->points[i].name, name))
			return &cp->points[i];
	return NULL;
}

bool checkpoint_has_rows(const struct checkpoint *cp, const char *schema, const char *name,
	const struct binlog_position *end)
{
	const struct table_point *p = find_point(cp, schema, name);

	return p && binlog_position_compare(end, &p->at) < 0;
}

bool checkpoint_has_ddl(const struct checkpoint *cp, const char *schema, const char *name,
	const struct binlog_position *end)
{
	const struct table_point *p = find_point(cp, schema, name);

	return p && binlog_position_compare(end, &p->at) <= 0;
}
