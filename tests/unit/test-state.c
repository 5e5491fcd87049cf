/* test-state.c - what the state file keeps over a restart, and what it refuses. */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "dm/file.h"

#include "../../src/task/state.h"

struct bench {
	char dir[32];
	struct dm_mailbox box;
	struct state *state;
	struct state_content content;
	int confirmed, failed;
	int order[16];
};

static int setup(void **state)
{
	struct bench *b = dm_alloc(sizeof(*b));

	(void)snprintf(b->dir, sizeof(b->dir), "/tmp/dm-state-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	assert_int_equal(dm_mailbox_init(&b->box), 0);
	*state = b;
	return 0;
}

static void remove_file(const char *dir, const char *name)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/%s", dir, name);

	(void)unlink(path);
}

static int teardown(void **state)
{
	struct bench *b = *state;

	state_free(b->state);
	dm_mailbox_run(&b->box);
	state_content_done(&b->content);
	dm_mailbox_done(&b->box);
	remove_file(b->dir, "state.db");
	remove_file(b->dir, "state.db-wal");
	remove_file(b->dir, "state.db-shm");
	(void)rmdir(b->dir);
	free(b);
	return 0;
}

static void open_state(struct bench *b)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

	if (state_open(&b->state, b->dir, &b->box, &b->content, &err) != 0)
		fail_msg("%s", err.message);
}

static void wait_for_mail(struct bench *b)
{
	while (b->state && state_pending(b->state) > 0) {
		struct pollfd fd = { .fd = b->box.fd, .events = POLLIN };

		assert_int_equal(poll(&fd, 1, 10000), 1);
		dm_mailbox_run(&b->box);
	}
}

/* Ends the state as a restart of the process would, and opens it again. */
static void reopen(struct bench *b)
{
	wait_for_mail(b);
	state_free(b->state);
	b->state = NULL;
	state_content_done(&b->content);
	open_state(b);
}

static void count_confirmation(void *arg, const struct dm_error *err)
{
	struct bench *b = arg;

	b->confirmed++;
	b->failed += err != NULL;
}

static struct state_write *put(const char *name, const char *yaml, enum dm_stage wanted)
{
	struct state_write *w = state_write_new(name);

	w->change = STATE_TASK_PUT;
	w->yaml = dm_strdup(yaml);
	w->wanted = wanted;
	return w;
}

static sqlite3 *open_beside(struct bench *b)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/state.db", b->dir);
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static int64_t ask(struct bench *b, const char *sql)
{
	sqlite3 *db = open_beside(b);
	sqlite3_stmt *stmt = NULL;
	int64_t value;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return value;
}

static void tell(struct bench *b, const char *sql)
{
	sqlite3 *db = open_beside(b);

	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void expect_refused(struct bench *b, int code, const char *part)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

	assert_int_equal(state_open(&b->state, b->dir, &b->box, &b->content, &err), -1);
	assert_null(b->state);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, part))
		fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

static void a_new_state_is_empty(void **state)
{
	struct bench *b = *state;

	open_state(b);
	assert_int_equal(b->content.count, 0);
	assert_int_equal(b->content.log_id, 0);
	assert_false(b->content.is_relay_paused);
}

static void only_the_owner_may_read_it(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(freep) char *path = dm_format("%s/state.db", b->dir);
	struct stat st;

	open_state(b);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
}

static void what_was_confirmed_is_there_after_a_restart(void **state)
{
	struct bench *b = *state;
	struct state_write *w;

	open_state(b);
	w = put("b", "name: b", STAGE_RUNNING);
	w->log_id = 7;
	w->done = count_confirmation;
	w->arg = b;
	state_submit(b->state, w);
	state_submit(b->state, put("a", "name: 'a'", STAGE_STOPPED));
	w = state_write_new(NULL);
	w->relay = STATE_RELAY_PAUSED;
	state_submit(b->state, w);
	reopen(b);
	assert_int_equal(b->confirmed, 1);
	assert_int_equal(b->failed, 0);
	assert_int_equal(b->content.log_id, 7);
	assert_true(b->content.is_relay_paused);
	assert_int_equal(b->content.count, 2);
	assert_string_equal(b->content.tasks[0].name, "a");
	assert_string_equal(b->content.tasks[0].yaml, "name: 'a'");
	assert_int_equal(b->content.tasks[0].wanted, STAGE_STOPPED);
	assert_int_equal(b->content.tasks[1].wanted, STAGE_RUNNING);
}

static void the_number_of_commands_never_goes_back(void **state)
{
	struct bench *b = *state;

	open_state(b);
	for (uint64_t log_id = 9; log_id > 5; log_id--) {
		struct state_write *w = state_write_new(NULL);

		w->log_id = log_id;
		state_submit(b->state, w);
	}
	reopen(b);
	assert_int_equal(b->content.log_id, 9);
}

static void places_and_readiness_belong_to_one_task_file(void **state)
{
	struct bench *b = *state;
	struct state_write *w;

	open_state(b);
	state_submit(b->state, put("a", "1", STAGE_RUNNING));
	w = state_write_new("a");
	w->is_ready = true;
	w->has_places = true;
	w->places.unit = UNIT_SYNC;
	binlog_position_set(&w->places.flushed, "mysql-bin|000001.000002", 5000000000);
	w->places.flushed_gtid = dm_strdup("0-1-7");
	state_submit(b->state, w);
	reopen(b);
	assert_true(b->content.tasks[0].was_ready);
	assert_int_equal(b->content.tasks[0].places.unit, UNIT_SYNC);
	assert_string_equal(b->content.tasks[0].places.flushed.name, "mysql-bin|000001.000002");
	assert_true(b->content.tasks[0].places.flushed.pos == 5000000000);
	assert_string_equal(b->content.tasks[0].places.flushed_gtid, "0-1-7");
	w = state_write_new("a");
	w->change = STATE_TASK_WANT;
	w->wanted = STAGE_PAUSED;
	state_submit(b->state, w);
	reopen(b);
	assert_int_equal(b->content.tasks[0].wanted, STAGE_PAUSED);
	assert_true(b->content.tasks[0].was_ready);
	state_submit(b->state, put("a", "2", STAGE_RUNNING)); /* a new file starts anew */
	reopen(b);
	assert_false(b->content.tasks[0].was_ready);
	assert_string_equal(b->content.tasks[0].places.flushed.name, "");
}

static void a_forgotten_task_is_gone(void **state)
{
	struct bench *b = *state;
	struct state_write *w;

	open_state(b);
	state_submit(b->state, put("a", "1", STAGE_RUNNING));
	w = state_write_new("a");
	w->change = STATE_TASK_FORGET;
	state_submit(b->state, w);
	reopen(b);
	assert_int_equal(b->content.count, 0);
}

static void history_is_bounded(void **state)
{
	struct bench *b = *state;
	struct state_write *w;

	open_state(b);
	tell(b, "INSERT INTO history(wall_ns, task, log_id, event, stage_from, stage_to, reason, "
		"error_code, error)"
		" WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10005)"
		" SELECT i, 't', 0, '', '', '', '', 0, '' FROM n");
	w = state_write_new("t");
	w->event = "unit fails";
	w->from = STAGE_RUNNING;
	w->to = STAGE_PAUSED;
	(void)dm_fail(&w->error, DM_ERR_DB_BAD_CONN, "gone");
	state_submit(b->state, w);
	wait_for_mail(b);
	assert_int_equal(ask(b, "SELECT count(*) FROM history"), STATE_HISTORY_MAX);
	assert_int_equal(
		ask(b, "SELECT error_code FROM history WHERE event = 'unit fails' AND"
		       " stage_from = 'Running' AND stage_to = 'Paused' AND error = 'gone'"),
		10002);
}

static void a_write_that_fails_changes_nothing_and_says_so(void **state)
{
	struct bench *b = *state;
	struct state_write *w;

	open_state(b);
	tell(b, "CREATE TRIGGER full BEFORE INSERT ON history BEGIN SELECT RAISE(ABORT, 'no "
		"room'); END");
	w = put("a", "1", STAGE_RUNNING);
	w->event = "start-task";
	w->log_id = 3;
	w->done = count_confirmation;
	w->arg = b;
	state_submit(b->state, w);
	reopen(b);
	assert_int_equal(b->confirmed, 1);
	assert_int_equal(b->failed, 1);
	assert_int_equal(b->content.count, 0);
	assert_int_equal(b->content.log_id, 0);
}

static void newer_state_is_refused_and_kept(void **state)
{
	struct bench *b = *state;

	open_state(b);
	state_submit(b->state, put("a", "1", STAGE_RUNNING));
	reopen(b);
	state_free(b->state);
	b->state = NULL;
	state_content_done(&b->content);
	tell(b, "PRAGMA user_version = 2");
	expect_refused(b, 40047, "the previous version 2 is newer than current 1");
	assert_int_equal(ask(b, "SELECT count(*) FROM task"), 1);
}

static void foreign_database_is_refused_and_kept(void **state)
{
	struct bench *b = *state;

	tell(b, "CREATE TABLE task(x); INSERT INTO task VALUES(1)");
	expect_refused(b, 40041, "another program's database");
	assert_int_equal(ask(b, "SELECT count(*) FROM task"), 1);
}

static void garbage_is_refused_and_kept(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(freep) char *path = dm_format("%s/state.db", b->dir);
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	char garbage[4096];

	memset(garbage, 'x', sizeof(garbage));
	assert_int_equal(dm_file_replace(path, garbage, sizeof(garbage), 0600), 0);
	expect_refused(b, 40041, "file is not a database");
	assert_int_equal(dm_file_read(path, 8192, &text), 0);
	assert_int_equal(text.len, sizeof(garbage));
	assert_memory_equal(text.data, garbage, sizeof(garbage));
}

static void damaged_pages_are_refused(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(freep) char *path = dm_format("%s/state.db", b->dir);
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	open_state(b);
	state_free(b->state);
	b->state = NULL;
	assert_int_equal(dm_file_read(path, 1 << 20, &text), 0);
	assert_true(text.len > 8192);
	memset(text.data + 4096, 0xa5, text.len - 4096);
	assert_int_equal(dm_file_replace(path, text.data, text.len, 0600), 0);
	expect_refused(b, 40041, "in database main");
}

static void a_directory_that_cannot_be_made_is_named(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(freep) char *file = dm_format("%s/state.db", b->dir);
	DM_CLEANUP(freep) char *below = dm_format("%s/state.db/meta", b->dir);

	assert_int_equal(dm_file_replace(file, "", 0, 0600), 0);
	assert_int_equal(state_open(&b->state, below, &b->box, &b->content, &err), -1);
	assert_int_equal(err.code, 40041);
	assert_non_null(strstr(err.message, below));
}

static void two_workers_cannot_share_a_directory(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct state_content content = { 0 };
	struct state *second = NULL;

	open_state(b);
	assert_int_equal(state_open(&second, b->dir, &b->box, &content, &err), -1);
	assert_int_equal(err.code, 40048);
	assert_non_null(strstr(err.message, b->dir));
}

int main(int argc, char **argv)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(a_new_state_is_empty),
		ROW(only_the_owner_may_read_it),
		ROW(what_was_confirmed_is_there_after_a_restart),
		ROW(the_number_of_commands_never_goes_back),
		ROW(places_and_readiness_belong_to_one_task_file),
		ROW(a_forgotten_task_is_gone),
		ROW(history_is_bounded),
		ROW(a_write_that_fails_changes_nothing_and_says_so),
		ROW(newer_state_is_refused_and_kept),
		ROW(foreign_database_is_refused_and_kept),
		ROW(garbage_is_refused_and_kept),
		ROW(damaged_pages_are_refused),
		ROW(two_workers_cannot_share_a_directory),
		ROW(a_directory_that_cannot_be_made_is_named),
	};
#undef ROW
	return test_main(argc, argv, "state", tests);
}
