/* target.c - packets of statements for the target, and the session that they need. */
#include "target.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dm/db.h"
#include "dm/macro.h"
#include "dml.h"

enum {
	CONNECT_TIMEOUT_MS = 10000,
	IO_TIMEOUT_MS = 5 * 60 * 1000, /* DM's read time-out for rows */
	PACKET_MAX = 512 * 1024,
	PACKET_KEPT = 4 * 1024 * 1024, /* a larger buffer is given back */
	PIECES_MAX = 512,
	MERGED_ROWS_MAX = 256,
};

/* What the source stored must be stored: zero and odd dates, 0 in AUTO_INCREMENT columns. What does not fit must be an error. */
#define ROW_MODE \
	"NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
#define LAX_MODE "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"

void target_failure_done(struct target_failure *f)
{
	free(f->statement);
	free(f->table);
	*f = (struct target_failure){ 0 };
}

/* ---- connecting ---- */

static const char *user_setting(const struct db_conf *conf, const char *key)
{
	for (size_t i = 0; i < conf->session_count; i++)
		if (dm_strcaseeq(conf->session[i].key, key))
			return conf->session[i].value;
	return NULL;
}

static int exec_text(struct target *t, const char *sql, struct dm_error *reterr)
{
	return db_exec(t->conn, sql, strlen(sql), NULL, reterr);
}

static int read_packet_limit(struct target *t, struct dm_error *reterr)
{
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;
	uint64_t limit = 0;

	if (db_query(t->conn, &r, reterr, "SELECT @@max_allowed_packet") != 0)
		return -1;
	t->packet_max = PACKET_MAX;
	t->packet_limit = SIZE_MAX;
	if (!db_result_next(r) || !db_result_text(r, 0) ||
		dm_parse_u64(db_result_text(r, 0), &limit) != 0)
		return 0;
	t->packet_limit = (size_t)limit;
	if (limit / 2 < t->packet_max)
		t->packet_max = (size_t)limit / 2;
	return 0;
}

int target_reset_mode(struct target *t, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *sql = dm_format("SET sql_mode = '%s'", t->row_mode);

	return exec_text(t, sql, reterr);
}

/* Rows carry their values as SQL in UTC, whatever time zone the user gave: the instant is the same. */
static int start_session(struct target *t, struct dm_error *reterr)
{
	DM_CLEANUP(dm_error_done) struct dm_error ignored = { 0 };

	if (db_server(t->conn)->product == DB_TIDB)
		(void)exec_text(t, "SET allow_auto_random_explicit_insert = 1",
			&ignored); /* older ones do not have it */
	if (exec_text(t, "SET autocommit = 0", reterr) != 0)
		return -1;
	return target_reset_mode(t, reterr);
}

int target_connect(struct target *t, const struct db_conf *conf, const struct dm_stop *stop,
	struct dm_error *reterr)
{
	const struct db_options options = { .scope = DM_SCOPE_DOWNSTREAM,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.io_timeout_ms = IO_TIMEOUT_MS,
		.stop = stop,
		.is_writer = true };
	const char *mode = user_setting(conf, "sql_mode");

	target_disconnect(t);
	t->user_fk_checks = user_setting(conf, "foreign_key_checks");
	free(t->row_mode);
	free(t->lax_mode);
	t->row_mode = dm_strdup(mode ? mode : ROW_MODE);
	t->lax_mode = dm_strdup(mode ? mode : LAX_MODE);
	if (db_connect(&t->conn, conf, &options, reterr) != 0)
		return -1;
	if (start_session(t, reterr) != 0 || read_packet_limit(t, reterr) != 0) {
		target_disconnect(t);
		return -1;
	}
	return 0;
}

static void forget_packet(struct target *t)
{
	if (t->sql.cap > PACKET_KEPT)
		dm_str_done(&t->sql);
	dm_str_clear(&t->sql);
	t->piece_count = 0;
	t->merging = NULL;
}

static void forget_transaction(struct target *t)
{
	forget_packet(t);
	t->is_open = false;
	t->rows = t->bytes = 0;
}

void target_disconnect(struct target *t)
{
	db_closep(&t->conn);
	forget_transaction(t);
	t->mode = TARGET_UNKNOWN;
}

void target_done(struct target *t)
{
	target_disconnect(t);
	dm_str_done(&t->sql);
	free(t->pieces);
	free(t->affected);
	free(t->row_mode);
	free(t->lax_mode);
	*t = (struct target){ 0 };
}

/* ---- packets ---- */

static struct target_piece *begin_piece(struct target *t)
{
	struct target_piece *piece;

	if (t->piece_count == t->piece_cap) {
		t->piece_cap = t->piece_cap ? 2 * t->piece_cap : 64;
		t->pieces = dm_grow(t->pieces, t->piece_cap, sizeof(*t->pieces));
		t->affected = dm_grow(t->affected, t->piece_cap, sizeof(*t->affected));
	}
	if (t->piece_count > 0)
		dm_str_add_char(&t->sql, ';');
	piece = &t->pieces[t->piece_count++];
	*piece = (struct target_piece){ .at = t->sql.len };
	t->merging = NULL;
	t->is_open = true;
	return piece;
}

static size_t piece_end(const struct target *t, size_t i)
{
	return i + 1 < t->piece_count ? t->pieces[i + 1].at - 1 : t->sql.len;
}

static void describe_failure(
	const struct target *t, size_t i, struct target_failure *ret, struct dm_error *err)
{
	const struct target_piece *p = &t->pieces[i];
	DM_CLEANUP(dm_str_done) struct dm_str shown = { 0 }, table = { 0 };

	dml_redact(&shown, t->sql.data + p->at, piece_end(t, i) - p->at);
	if (shown.len > 1024) {
		shown.len = 1024;
		shown.data[shown.len] = '\0';
		dm_str_add(&shown, "...");
	}
	if (err->sql_errno != 0) /* DM's text: the statement stands between */
		(void)dm_fail_cause(err, DM_ERR_DB_EXECUTE_FAILED, err->raw_cause,
			"execute statement failed: %s", dm_str_get(&shown));
	target_failure_done(ret);
	ret->statement = dm_str_take(&shown);
	if (!p->plan)
		return;
	binlog_position_set(&ret->at, t->file, p->end_pos);
	dm_str_add_quoted_name(&table, p->plan->map.schema);
	dm_str_add_char(&table, '.');
	dm_str_add_quoted_name(&table, p->plan->map.name);
	ret->table = dm_str_take(&table);
}

static int send_packet(
	struct target *t, struct target_failure *ret_failure, struct dm_error *reterr)
{
	struct dm_error err = { 0 };
	size_t done = 0;

	if (t->piece_count == 0)
		return 0;
	if (db_exec_many(t->conn, t->sql.data, t->sql.len, t->piece_count, t->affected, &done,
		    &err) != 0) {
		enum dm_scope scope = err.scope;
		unsigned int number = err.sql_errno;

		if (done < t->piece_count)
			describe_failure(t, done, ret_failure, &err);
		err.scope = scope;
		err.sql_errno = number;
		dm_error_move(&err, reterr);
		forget_packet(t);
		t->mode = TARGET_UNKNOWN;
		return -1;
	}
	for (size_t i = 0; i < t->piece_count; i++)
		if (t->pieces[i].finds_a_row && t->affected[i] == 0)
			t->missing++;
	forget_packet(t);
	return 0;
}

static bool is_full(const struct target *t)
{
	return t->sql.len >= t->packet_max || t->piece_count >= PIECES_MAX;
}

/* ---- the session ---- */

bool target_fk_checks(const struct target *t, bool wanted)
{
	if (!t->user_fk_checks)
		return wanted;
	return dm_streq(t->user_fk_checks, "1") || dm_strcaseeq(t->user_fk_checks, "ON");
}

static void need_session(struct target *t, enum target_mode mode, bool has_fk_checks)
{
	if (t->mode == TARGET_UNKNOWN) {
		(void)begin_piece(t);
		dm_str_add(&t->sql, "SET NAMES utf8mb4");
		(void)begin_piece(t);
		dm_str_add(&t->sql, "SET time_zone = '+00:00'");
	}
	if (t->mode != mode) {
		(void)begin_piece(t);
		dm_str_addf(&t->sql, "SET sql_mode = '%s'",
			mode == TARGET_LAX ? t->lax_mode : t->row_mode);
	}
	if (t->mode == TARGET_UNKNOWN || t->has_fk_checks != has_fk_checks) {
		(void)begin_piece(t);
		dm_str_addf(&t->sql, "SET foreign_key_checks = %d", has_fk_checks);
	}
	t->mode = mode;
	t->has_fk_checks = has_fk_checks;
}

int target_exec_now(struct target *t, const char *sql, size_t len, struct dm_error *reterr)
{
	assert(t->piece_count == 0);
	t->mode = TARGET_UNKNOWN;
	return db_exec(t->conn, sql, len, NULL, reterr);
}

/* ---- rows ---- */

static struct target_piece *begin_row(struct target *t, const struct target_row *row)
{
	struct target_piece *piece;

	if (strcmp(t->file, row->end->name) != 0)
		memcpy(t->file, row->end->name, sizeof(t->file));
	piece = begin_piece(t);
	piece->plan = row->plan;
	piece->end_pos = row->end->pos;
	return piece;
}

static void add_insert(struct target *t, const struct target_row *row, bool is_replace)
{
	const struct row_plan *plan = row->plan;

	if (t->merging == plan && t->merging_replace == is_replace &&
		t->merged_rows < MERGED_ROWS_MAX && dml_is_whole(plan, row->after)) {
		dm_str_add_char(&t->sql, ',');
		dml_insert_row(&t->sql, plan, row->after, t->conn);
		t->merged_rows++;
		return;
	}
	(void)begin_row(t, row);
	dml_insert_head(&t->sql, plan, row->after, is_replace);
	dml_insert_row(&t->sql, plan, row->after, t->conn);
	t->merging = dml_is_whole(plan, row->after) ? plan : NULL;
	t->merging_replace = is_replace;
	t->merged_rows = 1;
}

static void add_delete(struct target *t, const struct target_row *row)
{
	begin_row(t, row)->finds_a_row = true;
	dml_delete(&t->sql, row->plan, row->before, t->conn);
}

static void add_update(struct target *t, const struct target_row *row)
{
	size_t len = t->sql.len;
	struct target_piece *piece = begin_row(t, row);

	piece->finds_a_row = true;
	if (dml_update(&t->sql, row->plan, row->before, row->after, t->conn))
		return;
	t->piece_count--; /* nothing is set */
	t->sql.len = len;
	t->sql.data[len] = '\0';
}

/* Without a key a row cannot be replaced; there a second UPDATE finds nothing, which is right. */
static bool is_replaced(enum row_kind kind, const struct target_row *row)
{
	if (!row->is_safe || kind == ROW_DELETE)
		return false;
	return kind == ROW_INSERT ||
	       (dml_is_whole(row->plan, row->after) && dml_has_key(row->plan, row->before));
}

static void add_row(
	struct target *t, enum row_kind kind, const struct target_row *row, bool is_replace)
{
	switch (kind) {
	case ROW_INSERT:
		add_insert(t, row, is_replace);
		break;
	case ROW_UPDATE:
		if (!is_replace) {
			add_update(t, row);
			break;
		}
		add_delete(t, row);
		add_insert(t, row, true);
		break;
	case ROW_DELETE:
		add_delete(t, row);
		break;
	}
}

/* Does the row fit into the server's limit together with what is gathered? */
static bool has_room(const struct target *t, enum row_kind kind, const struct target_row *row)
{
	size_t size = t->sql.len;

	if (kind != ROW_INSERT)
		size += dml_size_max(row->plan, row->before);
	if (kind != ROW_DELETE)
		size += dml_size_max(row->plan, row->after);
	return size <= t->packet_limit;
}

int target_row(struct target *t, enum row_kind kind, const struct target_row *row,
	struct target_failure *ret_failure, struct dm_error *reterr)
{
	bool is_lax = kind != ROW_DELETE && dml_needs_lax_mode(row->plan, row->after);
	bool is_replace = is_replaced(kind, row);
	size_t before;

	/* A REPLACE must not delete children of the row that it replaces: no checks for it. */
	need_session(t, is_lax ? TARGET_LAX : TARGET_STRICT,
		target_fk_checks(t, row->has_fk_checks) && !is_replace);
	if (!has_room(t, kind, row) && send_packet(t, ret_failure, reterr) != 0)
		return -1;
	before = t->sql.len;
	add_row(t, kind, row, is_replace);
	t->rows++;
	t->bytes += t->sql.len - before;
	return is_full(t) ? send_packet(t, ret_failure, reterr) : 0;
}

/* ---- transactions ---- */

int target_add(struct target *t, const char *sql, size_t count, struct target_failure *ret_failure,
	struct dm_error *reterr)
{
	for (size_t i = 0; i < count;
		i++) { /* offsets of all but the first point to its end: they are ours */
		const char *end = i + 1 < count ? strchr(sql, ';') : sql + strlen(sql);

		(void)begin_piece(t);
		dm_str_add_bytes(&t->sql, sql, (size_t)(end - sql));
		sql = end + 1;
	}
	return is_full(t) ? send_packet(t, ret_failure, reterr) : 0;
}

int target_flush(struct target *t, struct target_failure *ret_failure, struct dm_error *reterr)
{
	return send_packet(t, ret_failure, reterr);
}

int target_commit(struct target *t, struct target_failure *ret_failure, struct dm_error *reterr)
{
	if (!t->is_open)
		return 0;
	(void)begin_piece(t);
	dm_str_add(&t->sql, "COMMIT");
	if (send_packet(t, ret_failure, reterr) != 0)
		return -1;
	forget_transaction(t);
	return 0;
}

int target_rollback(struct target *t, struct dm_error *reterr)
{
	if (t->piece_count > 0)
		t->mode = TARGET_UNKNOWN; /* settings that were gathered are not sent */
	forget_transaction(t);
	return exec_text(t, "ROLLBACK", reterr);
}
