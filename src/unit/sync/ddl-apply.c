/* ddl-apply.c - DDL statements in the target: which of them, in which session, and not twice.
 *
 * A DDL commits by itself, so that it cannot share a transaction with the checkpoint. Before each statement the state
 * table is told which one comes and what the table's definition is; after a crash the definition tells whether the statement had
 * its effect. What DM ignores (a table that is there already ...) is ignored here too. */
#include <stdlib.h>
#include <string.h>

#include "charset.h"
#include "dm/conf-task.h"
#include "dm/db.h"
#include "dm/ddl.h"
#include "sync.h"

enum { ROW_IO_TIMEOUT_MS = 5 * 60 * 1000 };

/* One statement for the target, with the tables that it changes. */
struct step {
	enum ddl_kind kind;
	struct dm_str sql;
	const struct ddl_table *table, *other; /* `other` of a RENAME, else NULL */
};

/* ---- from the upstream's text to statements ---- */

static void add_name(struct dm_str *out, const struct ddl_table *t)
{
	dm_str_add_quoted_name(out, t->schema);
	if (!*t->name)
		return;
	dm_str_add_char(out, '.');
	dm_str_add_quoted_name(out, t->name);
}

static bool says_replace(const char *text, size_t len)
{
	for (size_t i = 0; i + 7 <= len; i++)
		if (strncasecmp(text + i, "REPLACE", 7) == 0)
			return true;
	return false;
}

/* DM's habit: what is there already is no fault. */
static const char *habit(const struct ddl *d, const char *text)
{
	if (d->has_if_exists || d->table_count == 0 || says_replace(text, d->tables[0].at))
		return "";
	if (d->kind == DDL_CREATE_DATABASE || d->kind == DDL_CREATE_TABLE)
		return "IF NOT EXISTS ";
	return d->kind == DDL_DROP_DATABASE ? "IF EXISTS " : "";
}

/* ALTER DATABASE without a name: where it would stand. */
static size_t after_database(const char *text, size_t len)
{
	static const char *const words[] = { "DATABASE", "SCHEMA" };

	for (size_t at = 0; at < len; at++)
		for (size_t i = 0; i < DM_COUNT_OF(words); i++)
			if (strncasecmp(text + at, words[i], strlen(words[i])) == 0)
				return at + strlen(words[i]);
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct ddl_table *const *x = a, *const *y = b;

	return (*x)->at < (*y)->at ? -1 : (*x)->at > (*y)->at;
}

/* The text with every table's full name, so that no default database is needed. */
static void qualify(struct dm_str *out, const char *text, const struct ddl *d)
{
	DM_CLEANUP(freep)
	const struct ddl_table **sorted = dm_alloc_array(d->table_count + 1, sizeof(*sorted));
	size_t at = 0;

	for (unsigned int i = 0; i < d->table_count; i++)
		sorted[i] = &d->tables[i];
	qsort(sorted, d->table_count, sizeof(*sorted), by_place);
	for (unsigned int i = 0; i < d->table_count; i++) {
		const struct ddl_table *t = sorted[i];
		size_t begin = t->len > 0 ? t->at : after_database(text, d->text_len);

		dm_str_add_bytes(out, text + at, begin - at);
		if (t->len == 0)
			dm_str_add_char(out, ' ');
		if (t == &d->tables[0])
			dm_str_add(out, habit(d, text));
		add_name(out, t);
		at = begin + t->len;
	}
	dm_str_add_bytes(out, text + at, d->text_len - at);
	if (d->starts_transaction)
		dm_str_add(out, text + d->rest_at);
}

static struct step *add_step(struct step **steps, size_t *count, enum ddl_kind kind,
	const struct ddl_table *table, const struct ddl_table *other)
{
	struct step *step;

	*steps = dm_grow(*steps, *count + 1, sizeof(**steps));
	step = &(*steps)[(*count)++];
	*step = (struct step){ .kind = kind, .table = table, .other = other };
	return step;
}

static bool wants(const struct sync *s, const struct ddl_table *t)
{
	return sync_is_wanted(s, t->schema, t->name) &&
	       !checkpoint_has_ddl(&s->cp, t->schema, t->name, &s->event->end);
}

static void split_drop(
	const struct sync *s, const struct ddl *d, struct step **steps, size_t *count)
{
	for (unsigned int i = 0; i < d->table_count; i++) {
		struct step *step;

		if (!wants(s, &d->tables[i]))
			continue;
		step = add_step(steps, count, d->kind, &d->tables[i], NULL);
		dm_str_add(&step->sql, "DROP TABLE IF EXISTS ");
		add_name(&step->sql, &d->tables[i]);
	}
}

static void split_rename(
	const struct sync *s, const struct ddl *d, struct step **steps, size_t *count)
{
	for (unsigned int i = 0; i + 1 < d->table_count; i += 2) {
		struct step *step;

		if (!wants(s, &d->tables[i]) || !wants(s, &d->tables[i + 1]))
			continue;
		step = add_step(steps, count, d->kind, &d->tables[i], &d->tables[i + 1]);
		dm_str_add(&step->sql, "RENAME TABLE ");
		add_name(&step->sql, &d->tables[i]);
		dm_str_add(&step->sql, " TO ");
		add_name(&step->sql, &d->tables[i + 1]);
	}
}

static bool drops_a_sequence(const char *text, const struct ddl *d)
{
	for (size_t i = 0; d->table_count > 0 && i + 8 <= d->tables[0].at; i++)
		if (strncasecmp(text + i, "SEQUENCE", 8) == 0)
			return true;
	return false;
}

static void make_steps(const struct sync *s, const char *text, const struct ddl *d,
	struct step **steps, size_t *count)
{
	struct step *step;

	if (d->is_temporary || d->table_count == 0)
		return;
	if (d->kind == DDL_DROP_TABLE && !drops_a_sequence(text, d)) {
		split_drop(s, d, steps, count);
		return;
	}
	if (d->kind == DDL_RENAME_TABLE) {
		split_rename(s, d, steps, count);
		return;
	}
	for (unsigned int i = 0; i < d->table_count; i++)
		if (!wants(s, &d->tables[i]))
			return; /* of several tables all must be wanted */
	step = add_step(
		steps, count, d->kind, &d->tables[0], d->table_count > 1 ? &d->tables[1] : NULL);
	qualify(&step->sql, text, d);
}

static void steps_free(struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		dm_str_done(&steps[i].sql);
	free(steps);
}

/* ---- the session of the upstream's statement ---- */

// clang-format off
static const struct {
	uint64_t bit;
	const char *name;
} modes[] = {
	{ 1u << 0, "REAL_AS_FLOAT" }, { 1u << 1, "PIPES_AS_CONCAT" }, { 1u << 2, "ANSI_QUOTES" },
	{ 1u << 3, "IGNORE_SPACE" }, { 1u << 6, "NO_UNSIGNED_SUBTRACTION" }, { 1u << 19, "NO_AUTO_VALUE_ON_ZERO" },
	{ 1u << 20, "NO_BACKSLASH_ESCAPES" }, { 1u << 21, "STRICT_TRANS_TABLES" }, { 1u << 22, "STRICT_ALL_TABLES" },
	{ 1u << 23, "NO_ZERO_IN_DATE" }, { 1u << 24, "NO_ZERO_DATE" }, { 1u << 25, "ALLOW_INVALID_DATES" },
	{ 1u << 26, "ERROR_FOR_DIVISION_BY_ZERO" }, { 1u << 29, "HIGH_NOT_PRECEDENCE" },
	{ 1u << 30, "NO_ENGINE_SUBSTITUTION" }, { 1u << 31, "PAD_CHAR_TO_FULL_LENGTH" },
};
// clang-format on
enum { MODES_OF_THE_PARSER = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 20 };
enum { MODE_ORACLE = 1 << 9 }; /* of MariaDB */

/* What the user gave in `session` stays, but for what the text needs to be read as it was meant. */
static void add_modes(
	const struct sync *s, const struct binlog_query *q, bool is_to_mariadb, struct dm_str *out)
{
	const struct db_conf *conf = &s->unit.env.conf->common.target;
	bool has_own = false;

	for (size_t i = 0; i < conf->session_count; i++) {
		if (!dm_strcaseeq(conf->session[i].key, "sql_mode"))
			continue;
		dm_str_add(out, conf->session[i].value);
		has_own = true;
	}
	for (size_t i = 0; i < DM_COUNT_OF(modes); i++)
		if ((q->sql_mode & modes[i].bit) &&
			(!has_own || (modes[i].bit & MODES_OF_THE_PARSER)))
			dm_str_addf(out, "%s%s", out->len ? "," : "", modes[i].name);
	if ((q->sql_mode & MODE_ORACLE) && is_to_mariadb &&
		strstr(s->event->format->server_version, "MariaDB"))
		dm_str_addf(out, "%sORACLE", out->len ? "," : "");
}

static int set(struct sync *s, bool may_fail, struct dm_error *reterr, const char *sql)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

	if (target_exec_now(&s->target, sql, strlen(sql), &err) == 0)
		return 0;
	if (may_fail && !db_is_connection_error(&err)) {
		dm_log_error(DM_LOG_WARN, &s->unit.env.log, &err,
			"a setting of the upstream's session is not known to the target, going on "
			"without it",
			NULL);
		return 0;
	}
	dm_error_move(&err, reterr);
	return -1;
}

/* What CREATE DATABASE makes when it does not say. Below 1024 all servers mean the same by a number, if they know it. */
static int set_collation(struct sync *s, const struct binlog_query *q, struct dm_error *reterr)
{
	const char *charset = charset_of_collation(q->collation_server);
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(freep) char *exact = dm_format("SET collation_server = %u", q->collation_server);
	DM_CLEANUP(freep) char *near = NULL;

	if (!charset || target_exec_now(&s->target, exact, strlen(exact), &err) == 0)
		return 0;
	near = dm_format("SET character_set_server = %s", charset);
	return set(s, true, reterr, near);
}

static int set_time_zone(struct sync *s, const struct binlog_query *q, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *zone = NULL;

	if (!q->time_zone || q->time_zone_len == 0 || memchr(q->time_zone, '\'', q->time_zone_len))
		return 0;
	zone = dm_format("SET time_zone = '%.*s'", (int)q->time_zone_len, q->time_zone);
	return set(s, true, reterr, zone);
}

/* For what the text leaves unqualified (the sequence of a DEFAULT). Where there is no such schema, no other may take its
 * place: information_schema has nothing of users. */
static int set_schema(struct sync *s, const struct binlog_query *q, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *schema = dm_strndup(q->schema, q->schema_len);
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str use = { 0 };

	dm_str_add(&use, "USE ");
	dm_str_add_quoted_name(&use, schema);
	if (*schema && target_exec_now(&s->target, use.data, use.len, &err) == 0)
		return 0;
	return set(s, false, reterr, "USE information_schema");
}

/* A DDL runs outside of any transaction of ours: MariaDB waits for itself in EXCHANGE PARTITION otherwise. The time is
 * that of the upstream's statement, for NOW() in a new column's DEFAULT. */
static int enter_session(struct sync *s, const struct binlog_query *q, struct dm_error *reterr)
{
	bool is_to_mariadb = db_server(s->target.conn)->product == DB_MARIADB;
	DM_CLEANUP(dm_str_done) struct dm_str mode = { 0 };
	DM_CLEANUP(freep) char *sql = NULL;

	add_modes(s, q, is_to_mariadb, &mode);
	sql = dm_format("SET autocommit = 1, time_zone = '+00:00', foreign_key_checks = %d, "
			"timestamp = %u, "
			"sql_mode = '%s'",
		target_fk_checks(&s->target, !q->has_foreign_key_checks_off),
		s->event->header.timestamp, dm_str_get(&mode));
	if (set(s, false, reterr, "SET NAMES utf8mb4") != 0 || set_collation(s, q, reterr) != 0 ||
		set_schema(s, q, reterr) != 0 || set(s, false, reterr, sql) != 0)
		return -1;
	return set_time_zone(s, q, reterr);
}

static int leave_session(struct sync *s, struct dm_error *reterr)
{
	if (set(s, false, reterr, "SET timestamp = DEFAULT, autocommit = 0") != 0)
		return -1;
	return target_reset_mode(&s->target, reterr);
}

/* ---- has it been done already? ---- */

/* Of SHOW CREATE TABLE without the counter; 0 when there is no such table. Quotes and default times are printed as
 * the session says, so it is always the same one. */
static int fingerprint(
	struct sync *s, const struct ddl_table *t, uint64_t *ret, struct dm_error *reterr)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;
	DM_CLEANUP(dm_str_done) struct dm_str name = { 0 };
	const char *text, *counter;
	uint64_t hash = 14695981039346656037u;

	*ret = 0;
	if (set(s, false, reterr, "SET NAMES utf8mb4, sql_mode = '', time_zone = '+00:00'") != 0)
		return -1;
	add_name(&name, t);
	if (db_query(s->target.conn, &r, &err, "SHOW CREATE TABLE %s", name.data) != 0) {
		if (!db_is_connection_error(&err))
			return 0;
		dm_error_move(&err, reterr);
		return -1;
	}
	text = db_result_next(r) ? db_result_text(r, 1) : NULL;
	counter = text ? strstr(text, " AUTO_INCREMENT=") : NULL;
	for (; text && *text; text++) {
		if (text == counter)
			text += strcspn(text + 1, " ") + 1;
		if (!*text)
			break;
		hash = (hash ^ (unsigned char)*text) * 1099511628211u;
	}
	*ret = hash;
	return 0;
}

static bool has_evidence(enum ddl_kind kind)
{
	return kind == DDL_ALTER_TABLE || kind == DDL_CREATE_INDEX || kind == DDL_DROP_INDEX;
}

/* Before a statement: 1 it is done already, 0 to do, -1. Leaves the intent in the target. */
static int begin_step(
	struct sync *s, const struct step *step, unsigned int index, struct dm_error *reterr)
{
	const struct checkpoint_ddl before = s->cp.ddl;
	bool is_again =
		binlog_position_compare(&before.end, &s->event->end) == 0 && *before.end.name;
	uint64_t now = 0;

	if (is_again && index < before.index)
		return 1;
	if (has_evidence(step->kind) && fingerprint(s, step->table, &now, reterr) != 0)
		return -1;
	if (is_again && index == before.index &&
		(!has_evidence(step->kind) || before.fingerprint != 0)) {
		if (before.fingerprint != now) {
			dm_log(DM_LOG_INFO, &s->unit.env.log, "a DDL was done before the restart",
				"statement", DM_NUM(index), NULL);
			return 1;
		}
		return 0;
	}
	s->cp.ddl =
		(struct checkpoint_ddl){ .end = s->event->end, .index = index, .fingerprint = now };
	return sync_commit(s, reterr);
}

/* ---- running ---- */

static bool is_ignored(const struct dm_error *err)
{
	static const unsigned int numbers[] = { 1007, 1008, 1049, 1050, 1051, 1054, 1060, 1061,
		1091, 1146, 1831 };

	for (size_t i = 0; i < DM_COUNT_OF(numbers); i++)
		if (err->sql_errno == numbers[i])
			return true;
	return false;
}

static int fail_step(
	struct sync *s, const struct step *step, struct dm_error *err, struct dm_error *reterr)
{
	struct dm_str table = { 0 };

	target_failure_done(&s->failure);
	s->failure.at = s->event->end;
	s->failure.statement = dm_format("%.1024s", dm_str_get(&step->sql));
	add_name(&table, step->table);
	s->failure.table = dm_str_take(&table);
	s->failure_type = ERROR_EXEC_SQL;
	dm_error_move(err, reterr);
	return -1;
}

/* The target has answered: the statement had no effect, whatever a person does to the table before it comes again. */
static int forget_evidence(struct sync *s, struct dm_error *reterr)
{
	bool had_committed = s->has_committed;

	s->cp.ddl.fingerprint = 0;
	if (leave_session(s, reterr) != 0 || sync_commit(s, reterr) != 0)
		return -1;
	s->has_committed = had_committed; /* it is no progress */
	return 0;
}

static int run_step(struct sync *s, const struct step *step, struct dm_error *reterr)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	int r;

	db_set_io_timeout(s->target.conn, 0); /* a large table takes its time */
	r = target_exec_now(&s->target, step->sql.data, step->sql.len, &err);
	db_set_io_timeout(s->target.conn, ROW_IO_TIMEOUT_MS);
	if (r != 0 && !is_ignored(&err)) {
		if (!db_is_connection_error(&err) && forget_evidence(s, reterr) != 0)
			return -1;
		return fail_step(s, step, &err, reterr);
	}
	if (r != 0)
		dm_log_error(DM_LOG_WARN, &s->unit.env.log, &err,
			"a DDL had nothing to do, ignoring", "kind", ddl_kind_name(step->kind),
			NULL);
	return 0;
}

static void forget_tables(struct sync *s, const struct step *step)
{
	table_cache_drop(&s->tables, step->table->schema, step->table->name);
	if (step->other)
		table_cache_drop(&s->tables, step->other->schema, step->other->name);
}

static int run_steps(struct sync *s, const struct binlog_query *q, const struct step *steps,
	size_t count, struct dm_error *reterr)
{
	for (unsigned int i = 0; i < count; i++) {
		int r = begin_step(s, &steps[i], i, reterr);

		if (r < 0)
			return -1;
		if (r == 1)
			continue;
		s->now.waiting_for = "downstream";
		sync_publish(s);
		if (enter_session(s, q, reterr) != 0 || run_step(s, &steps[i], reterr) != 0 ||
			leave_session(s, reterr) != 0)
			return -1;
		forget_tables(s, &steps[i]);
		s->counts.events++;
		s->now.ddls++;
	}
	return 0;
}

/* Skipped as a whole; inside a transaction nothing moves. */
static int skip_ddl(struct sync *s, const struct ddl *d, struct dm_error *reterr)
{
	s->counts.skipped_queries++;
	if (d->starts_transaction || s->in_transaction) {
		s->in_transaction = true;
		return 0;
	}
	return sync_transaction_end(s, reterr);
}

/* CREATE TABLE ... SELECT is a transaction whose first part is a DDL: rows and a COMMIT follow. */
static int finish(struct sync *s, bool has_rows_behind, struct dm_error *reterr)
{
	s->cp.ddl = (struct checkpoint_ddl){ 0 };
	s->boundary = s->event->end;
	if (s->event->header.timestamp > 0)
		s->now.applied_timestamp = s->event->header.timestamp;
	if (sync_commit(s, reterr) != 0)
		return -1;
	s->in_transaction = has_rows_behind;
	return 0;
}

int sync_apply_ddl(struct sync *s, const struct binlog_query *q, const char *text,
	const struct ddl *d, struct dm_error *reterr)
{
	struct step *steps = NULL;
	size_t count = 0;
	int r;

	make_steps(s, text, d, &steps, &count);
	if (count == 0) {
		steps_free(steps, count);
		return skip_ddl(s, d, reterr);
	}
	r = s->is_committed_here ? 0 : sync_commit(s, reterr);
	if (r == 0)
		r = run_steps(s, q, steps, count, reterr);
	if (r == 0)
		r = finish(s, d->starts_transaction || s->in_transaction, reterr);
	if (r != 0 && s->failure_type == ERROR_EXEC_SQL) {
		free(s->failed_ddl);
		s->failed_ddl = dm_format("%.1024s", text);
	}
	steps_free(steps, count);
	return r;
}
