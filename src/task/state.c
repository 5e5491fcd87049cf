/* state.c - the file that survives a restart, and the thread that waits for its disk. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "dm/clock.h"
#include "dm/file.h"
#include "dm/log.h"

enum { APPLICATION_ID = 0x646d776b }; /* "dmwk": tells our file from another program's */

struct state {
	sqlite3 *db; /* the state thread's, once that runs */
	char *path;
	struct dm_mailbox *main_box;
	struct dm_mailbox box; /* writes for the state thread */
	struct dm_stop stop;
	struct dm_thread thread;
	size_t pending; /* main thread */
	int lock_fd; /* of the directory: two workers cannot share it */
};

static const char schema[] =
	"CREATE TABLE task("
	" name TEXT PRIMARY KEY, yaml TEXT NOT NULL, wanted TEXT NOT NULL, since_wall_ns INTEGER "
	"NOT NULL,"
	" was_ready INTEGER NOT NULL DEFAULT 0, unit INTEGER NOT NULL DEFAULT 0,"
	" received_name TEXT NOT NULL DEFAULT '', received_pos INTEGER NOT NULL DEFAULT 0,"
	" applied_name TEXT NOT NULL DEFAULT '', applied_pos INTEGER NOT NULL DEFAULT 0,"
	" flushed_name TEXT NOT NULL DEFAULT '', flushed_pos INTEGER NOT NULL DEFAULT 0,"
	" flushed_gtid TEXT NOT NULL DEFAULT '') STRICT;"
	"CREATE TABLE worker(key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;"
	"CREATE TABLE history("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, wall_ns INTEGER NOT NULL, task TEXT NOT NULL, "
	"log_id INTEGER NOT NULL,"
	" event TEXT NOT NULL, stage_from TEXT NOT NULL, stage_to TEXT NOT NULL, reason TEXT NOT "
	"NULL,"
	" error_code INTEGER NOT NULL, error TEXT NOT NULL) STRICT;"
	"INSERT INTO worker VALUES('log_id', 0), ('relay_paused', 0);";

void state_places_done(struct state_places *p)
{
	free(p->flushed_gtid);
	*p = (struct state_places){ 0 };
}

void state_places_copy(const struct state_places *from, struct state_places *to)
{
	state_places_done(to);
	*to = *from;
	to->flushed_gtid = from->flushed_gtid ? dm_strdup(from->flushed_gtid) : NULL;
}

void state_content_done(struct state_content *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->tasks[i].name);
		free(c->tasks[i].yaml);
		state_places_done(&c->tasks[i].places);
	}
	free(c->tasks);
	*c = (struct state_content){ 0 };
}

/* ---- statements ---- */

static void finalizep(sqlite3_stmt **stmt)
{
	(void)sqlite3_finalize(*stmt); /* repeats the error of the last step, which was looked at */
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	return sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK ? stmt : NULL;
}

/* Runs a statement without rows. */
static int step_done(sqlite3_stmt *stmt)
{
	return stmt && sqlite3_step(stmt) == SQLITE_DONE ? 0 : -1;
}

static int exec(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

/* The one number that a PRAGMA or a SELECT gives. */
static int number_of(sqlite3 *db, const char *sql, int64_t *ret)
{
	DM_CLEANUP(finalizep) sqlite3_stmt *stmt = prepare(db, sql);

	if (!stmt || sqlite3_step(stmt) != SQLITE_ROW)
		return -1;
	*ret = sqlite3_column_int64(stmt, 0);
	return 0;
}

/* Binding fails only for want of memory or for a wrong index, a mistake of ours; step_done() would fail then. */
static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	(void)sqlite3_bind_text(stmt, at, text ? text : "", -1, SQLITE_TRANSIENT);
}

static void bind_number(sqlite3_stmt *stmt, int at, int64_t value)
{
	(void)sqlite3_bind_int64(stmt, at, value);
}

static const char *column_text(sqlite3_stmt *stmt, int at)
{
	const char *text = (const char *)sqlite3_column_text(stmt, at);

	return text ? text : "";
}

/* ---- opening ---- */

static int fail_open(const struct state *s, const char *what, struct dm_error *reterr)
{
	return dm_fail_cause(reterr, DM_ERR_WORKER_OPEN_STATE, what ? what : sqlite3_errmsg(s->db),
		"open kv db file %s", s->path);
}

static enum dm_stage stage_of_name(const char *name)
{
	for (int stage = STAGE_NEW; stage < STAGE_COUNT; stage++)
		if (dm_streq(name, dm_stage_name((enum dm_stage)stage)))
			return (enum dm_stage)stage;
	return STAGE_INVALID;
}

static void read_place(sqlite3_stmt *stmt, int at, struct binlog_position *ret)
{
	binlog_position_set(
		ret, column_text(stmt, at), (uint64_t)sqlite3_column_int64(stmt, at + 1));
}

static enum dm_unit unit_of_number(int number)
{
	static const enum dm_unit units[] = { UNIT_CHECK, UNIT_DUMP, UNIT_LOAD, UNIT_SYNC };

	for (size_t i = 0; i < DM_COUNT_OF(units); i++)
		if ((int)units[i] == number)
			return units[i];
	return UNIT_INVALID;
}

static int read_tasks(const struct state *s, struct state_content *c)
{
	DM_CLEANUP(finalizep)
	sqlite3_stmt *stmt =
		prepare(s->db, "SELECT name, yaml, wanted, was_ready, since_wall_ns, unit, "
			       "received_name, received_pos,"
			       " applied_name, applied_pos, flushed_name, flushed_pos, flushed_gtid"
			       " FROM task ORDER BY name");
	int r;

	if (!stmt)
		return -1;
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct state_task *t;

		c->tasks = dm_grow(c->tasks, c->count + 1, sizeof(*c->tasks));
		t = &c->tasks[c->count++];
		*t = (struct state_task){ .name = dm_strdup(column_text(stmt, 0)),
			.yaml = dm_strdup(column_text(stmt, 1)),
			.wanted = stage_of_name(column_text(stmt, 2)),
			.was_ready = sqlite3_column_int(stmt, 3) != 0,
			.since_wall_ns = sqlite3_column_int64(stmt, 4) };
		t->places.unit = unit_of_number(sqlite3_column_int(stmt, 5));
		read_place(stmt, 6, &t->places.received);
		read_place(stmt, 8, &t->places.applied);
		read_place(stmt, 10, &t->places.flushed);
		t->places.flushed_gtid = dm_strdup(column_text(stmt, 12));
	}
	return r == SQLITE_DONE ? 0 : -1;
}

static int read_content(const struct state *s, struct state_content *c)
{
	int64_t log_id, is_paused;

	if (number_of(s->db, "SELECT value FROM worker WHERE key = 'log_id'", &log_id) != 0 ||
		number_of(s->db, "SELECT value FROM worker WHERE key = 'relay_paused'",
			&is_paused) != 0)
		return -1;
	c->log_id = (uint64_t)log_id;
	c->is_relay_paused = is_paused != 0;
	return read_tasks(s, c);
}

static int make_schema(const struct state *s)
{
	char sql[96];

	(void)sqlite3_snprintf((int)sizeof(sql), sql,
		"PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID,
		STATE_VERSION);
	return exec(s->db, schema) != 0 ? -1 : exec(s->db, sql);
}

/* Reads only: a file that is not ours to write stays as it is. */
static int check_version(const struct state *s, bool *ret_is_empty, struct dm_error *reterr)
{
	int64_t application = 0, version = 0, objects = 0;

	if (number_of(s->db, "PRAGMA application_id", &application) != 0 ||
		number_of(s->db, "PRAGMA user_version", &version) != 0 ||
		number_of(s->db, "SELECT count(*) FROM sqlite_schema", &objects) != 0)
		return fail_open(s, NULL, reterr);
	*ret_is_empty = application == 0 && version == 0 && objects == 0;
	if (*ret_is_empty)
		return 0;
	if (application != APPLICATION_ID)
		return fail_open(s, "this is another program's database", reterr);
	if (version > STATE_VERSION)
		return dm_fail(reterr, DM_ERR_WORKER_STATE_IS_NEWER,
			"the previous version %lld is newer than current %d, automatic downgrade "
			"is not "
			"supported now, please handle it manually",
			(long long)version, STATE_VERSION);
	return 0;
}

static int check_integrity(const struct state *s, struct dm_error *reterr)
{
	DM_CLEANUP(finalizep) sqlite3_stmt *stmt = prepare(s->db, "PRAGMA quick_check(1)");

	if (!stmt || sqlite3_step(stmt) != SQLITE_ROW)
		return fail_open(s, NULL, reterr);
	if (strcmp(column_text(stmt, 0), "ok") != 0)
		return fail_open(s, column_text(stmt, 0), reterr);
	return 0;
}

static int lock_dir(struct state *s, const char *meta_dir, struct dm_error *reterr)
{
	int r = dm_dir_make(meta_dir, 0750);

	if (r == 0)
		s->lock_fd = open(meta_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && s->lock_fd < 0)
		r = -errno;
	if (r != 0)
		return dm_fail_errno(
			reterr, DM_ERR_WORKER_OPEN_STATE, r, "open kv db file %s", s->path);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return dm_fail(reterr, DM_ERR_WORKER_START_SERVER,
			"start server: another dm-worker works in %s", meta_dir);
	return 0;
}

static int open_db(struct state *s, struct state_content *content, struct dm_error *reterr)
{
	int r = sqlite3_open_v2(s->path, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	bool is_empty = false;

	if (r != SQLITE_OK)
		return fail_open(s, NULL, reterr);
	(void)sqlite3_busy_timeout(s->db, 2000); /* a reader's, say of a backup; cannot fail */
	if (sqlite3_db_readonly(s->db, "main") == 1)
		return fail_open(s, "the file is read-only", reterr);
	if (check_version(s, &is_empty, reterr) != 0 || check_integrity(s, reterr) != 0)
		return -1;
	if (exec(s->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = "
			"-256;"
			"BEGIN IMMEDIATE") != 0)
		return fail_open(s, NULL, reterr);
	if (is_empty && make_schema(s) != 0)
		return fail_open(s, NULL, reterr);
	/* a write of nothing new shows now, not at the first command, that the disk takes it */
	if (exec(s->db, "UPDATE worker SET value = value WHERE key = 'log_id'; COMMIT") != 0 ||
		read_content(s, content) != 0)
		return fail_open(s, NULL, reterr);
	return 0;
}

/* ---- writing; state thread ---- */

static int write_task(sqlite3 *db, const struct state_write *w)
{
	static const char *const statements[] = {
		[STATE_TASK_PUT] = "INSERT OR REPLACE INTO task(name, wanted, since_wall_ns, yaml)"
				   " VALUES(?1, ?2, ?3, ?4)",
		[STATE_TASK_WANT] =
			"UPDATE task SET wanted = ?2, since_wall_ns = ?3 WHERE name = ?1",
		[STATE_TASK_FORGET] = "DELETE FROM task WHERE name = ?1",
	};
	DM_CLEANUP(finalizep) sqlite3_stmt *stmt = NULL;

	if (w->change == STATE_TASK_KEEP)
		return 0;
	stmt = prepare(db, statements[w->change]);
	if (!stmt)
		return -1;
	bind_text(stmt, 1, w->task);
	if (w->change != STATE_TASK_FORGET) {
		bind_text(stmt, 2, dm_stage_name(w->wanted));
		bind_number(stmt, 3, dm_wall_ns());
	}
	if (w->change == STATE_TASK_PUT)
		bind_text(stmt, 4, w->yaml);
	return step_done(stmt);
}

static int write_ready(sqlite3 *db, const struct state_write *w)
{
	DM_CLEANUP(finalizep) sqlite3_stmt *stmt = NULL;

	if (!w->is_ready)
		return 0;
	stmt = prepare(db, "UPDATE task SET was_ready = 1 WHERE name = ?1");
	if (stmt)
		bind_text(stmt, 1, w->task);
	return step_done(stmt);
}

static int write_places(sqlite3 *db, const struct state_write *w)
{
	const struct state_places *p = &w->places;
	DM_CLEANUP(finalizep) sqlite3_stmt *stmt = NULL;

	if (!w->has_places)
		return 0;
	stmt = prepare(db,
		"UPDATE task SET unit = ?2, received_name = ?3, received_pos = ?4, applied_name = "
		"?5,"
		" applied_pos = ?6, flushed_name = ?7, flushed_pos = ?8, flushed_gtid = ?9"
		" WHERE name = ?1");
	if (!stmt)
		return -1;
	bind_text(stmt, 1, w->task);
	bind_number(stmt, 2, (int64_t)p->unit);
	bind_text(stmt, 3, p->received.name);
	bind_number(stmt, 4, (int64_t)p->received.pos);
	bind_text(stmt, 5, p->applied.name);
	bind_number(stmt, 6, (int64_t)p->applied.pos);
	bind_text(stmt, 7, p->flushed.name);
	bind_number(stmt, 8, (int64_t)p->flushed.pos);
	bind_text(stmt, 9, p->flushed_gtid);
	return step_done(stmt);
}

/* A command that was parked is stored after younger ones: the number never goes back. */
static int write_log_id(sqlite3 *db, uint64_t log_id)
{
	DM_CLEANUP(finalizep)
	sqlite3_stmt *stmt =
		prepare(db, "UPDATE worker SET value = max(value, ?1) WHERE key = 'log_id'");

	if (stmt)
		bind_number(stmt, 1, (int64_t)log_id);
	return step_done(stmt);
}

static int write_relay_pause(sqlite3 *db, bool is_paused)
{
	DM_CLEANUP(finalizep)
	sqlite3_stmt *stmt = prepare(db, "UPDATE worker SET value = ?1 WHERE key = 'relay_paused'");

	if (stmt)
		bind_number(stmt, 1, is_paused);
	return step_done(stmt);
}

static int write_history(sqlite3 *db, const struct state_write *w)
{
	DM_CLEANUP(finalizep) sqlite3_stmt *stmt = NULL;
	DM_CLEANUP(finalizep) sqlite3_stmt *old = NULL;

	if (!w->event)
		return 0;
	stmt = prepare(db,
		"INSERT INTO history(wall_ns, task, log_id, event, stage_from, stage_to, reason,"
		" error_code, error) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
	old = prepare(db, "DELETE FROM history WHERE id <= last_insert_rowid() - ?1");
	if (!stmt || !old)
		return -1;
	bind_number(stmt, 1, dm_wall_ns());
	bind_text(stmt, 2, w->task);
	bind_number(stmt, 3, (int64_t)w->log_id);
	bind_text(stmt, 4, w->event);
	bind_text(stmt, 5, dm_stage_name(w->from));
	bind_text(stmt, 6, dm_stage_name(w->to));
	bind_text(stmt, 7, w->reason);
	bind_number(stmt, 8, (int64_t)w->error.code);
	bind_text(stmt, 9, w->error.message);
	bind_number(old, 1, STATE_HISTORY_MAX);
	return step_done(stmt) != 0 ? -1 : step_done(old);
}

/* One that only asks to be told when all before it is on disk. */
static bool is_empty(const struct state_write *w)
{
	return w->change == STATE_TASK_KEEP && w->relay == STATE_RELAY_KEEP && w->log_id == 0 &&
	       !w->is_ready && !w->has_places && !w->event;
}

static int write_all(sqlite3 *db, const struct state_write *w)
{
	if (is_empty(w))
		return 0;
	if (exec(db, "BEGIN IMMEDIATE") != 0 || write_task(db, w) != 0 || write_ready(db, w) != 0 ||
		write_places(db, w) != 0 || write_history(db, w) != 0)
		return -1;
	if (w->log_id && write_log_id(db, w->log_id) != 0)
		return -1;
	if (w->relay != STATE_RELAY_KEEP &&
		write_relay_pause(db, w->relay == STATE_RELAY_PAUSED) != 0)
		return -1;
	return exec(db, "COMMIT");
}

static void write_free(struct state_write *w)
{
	free(w->task);
	free(w->yaml);
	state_places_done(&w->places);
	dm_error_done(&w->error);
	dm_error_done(&w->failed);
	free(w);
}

static void on_written(void *arg) /* main thread */
{
	struct state_write *w = arg;

	w->state->pending--;
	if (dm_error_is_set(&w->failed))
		dm_log_error(DM_LOG_ERROR, NULL, &w->failed, "state was not saved", "task", w->task,
			NULL);
	if (w->done)
		w->done(w->arg, dm_error_is_set(&w->failed) ? &w->failed : NULL);
	write_free(w);
}

static void do_write(void *arg) /* state thread */
{
	struct state_write *w = arg;
	struct state *s = w->state;

	if (write_all(s->db, w) != 0) {
		(void)dm_fail_cause(&w->failed, DM_ERR_WORKER_SAVE_STATE, sqlite3_errmsg(s->db),
			"save task meta %s into kv db", w->task ? w->task : "");
		if (!sqlite3_get_autocommit(s->db))
			(void)exec(s->db, "ROLLBACK"); /* the first failure is the one to report */
	}
	w->mail.fn = on_written;
	dm_mailbox_post(s->main_box, &w->mail);
}

static void *state_thread(void *arg)
{
	struct state *s = arg;

	while (dm_stop_poll(&s->stop, DM_STOP_DRAIN, s->box.fd, POLLIN, -1) == 1)
		dm_mailbox_run(&s->box);
	dm_mailbox_run(&s->box);
	return NULL;
}

struct state_write *state_write_new(const char *task)
{
	struct state_write *w = dm_alloc(sizeof(*w));

	w->task = task ? dm_strdup(task) : NULL;
	return w;
}

void state_submit(struct state *s, struct state_write *w)
{
	w->state = s;
	w->mail.fn = do_write;
	w->mail.arg = w;
	s->pending++;
	dm_mailbox_post(&s->box, &w->mail);
}

size_t state_pending(const struct state *s)
{
	return s->pending;
}

/* ---- life ---- */

static int start_thread(struct state *s, struct dm_error *reterr)
{
	int r = dm_mailbox_init(&s->box);

	if (r == 0)
		r = dm_stop_init(&s->stop);
	if (r == 0)
		r = dm_thread_start(&s->thread, "state", state_thread, s);
	if (r != 0)
		return dm_fail_errno(reterr, DM_ERR_WORKER_OPEN_STATE, r, "start the state thread");
	return 0;
}

int state_open(struct state **ret, const char *meta_dir, struct dm_mailbox *main_box,
	struct state_content *ret_content, struct dm_error *reterr)
{
	struct state *s = dm_alloc(sizeof(*s));
	struct state_content content = { 0 };
	mode_t mask;
	int r;

	s->lock_fd = -1;
	s->stop = (struct dm_stop){ .fd = { -1, -1, -1 } };
	s->box.fd = -1;
	s->main_box = main_box;
	s->path = dm_format("%s/state.db", meta_dir);
	if (lock_dir(s, meta_dir, reterr) != 0) {
		state_free(s);
		return -1;
	}
	mask = umask(0077); /* task files hold passwords; no other thread makes files yet */
	r = open_db(s, &content, reterr);
	(void)umask(mask);
	if (r != 0 || start_thread(s, reterr) != 0) {
		state_content_done(&content);
		state_free(s);
		return -1;
	}
	*ret = s;
	*ret_content = content;
	return 0;
}

void state_free(struct state *s)
{
	if (!s)
		return;
	if (s->thread.started) {
		dm_stop_raise(&s->stop, DM_STOP_DRAIN);
		dm_thread_join(&s->thread);
	}
	dm_stop_done(&s->stop);
	if (s->box.fd >= 0)
		dm_mailbox_done(&s->box);
	(void)sqlite3_close(s->db); /* every statement is finalized */
	fd_closep(&s->lock_fd);
	free(s->path);
	free(s);
}
