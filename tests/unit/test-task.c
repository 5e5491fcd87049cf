/* test-task.c - subtasks through their whole life: commands, errors, restarts, the end of the process. */
#include "test.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "task-bench.h"

#include "../../src/relay/relay-private.h"
#include "../../src/task/registry.h"

/* The time for draining is over. */
static void end_patience(struct bench *b, const char *name)
{
	registry_find(b->registry, name)->cut_at_ms = dm_mono_ms();
}

/* ---- start ---- */

static void a_start_is_answered_in_new_and_runs_then(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };
	const struct subtask_view *v;
	struct answer a = started(b, "t");

	assert_int_equal(a.code, 0);
	assert_int_equal(a.stage, STAGE_NEW);
	assert_int_equal(a.log_id, 1);
	bench_until(b, 5000, stage_of(b, "t") == STAGE_RUNNING);
	v = look(b, "t", &all);
	assert_int_equal(v->wanted, STAGE_RUNNING);
	assert_int_equal(v->unit, UNIT_SYNC);
	assert_string_equal(v->mode, "incremental");
	assert_string_equal(v->status.sync.flushed.name, "mysql-bin|000001.000003");
	assert_string_equal(v->legal, "pause-task, stop-task");
	assert_false(v->result.is_set);
}

static void a_bad_file_is_refused_and_leaves_nothing(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(freep) char *other = task_file("t", "all", "");
	struct answer a = started_file(b, "name: [");

	assert_int_equal(a.code, 20003);
	a = started_file(b, "name: t\n");
	assert_int_equal(a.code, 20020);
	a = started_file(b, other);
	assert_int_equal(a.code, 40060);
	assert_string_equal(a.text, "subtask t has no dm units for mode all: this build runs "
				    "task-mode incremental only");
	assert_int_equal(stage_of(b, "t"), STAGE_INVALID);
	assert_int_equal(a.log_id, 3);
	bench_restart(b);
	assert_int_equal(stage_of(b, "t"), STAGE_INVALID);
}

/* From now on such writes fail, as on a full disk. */
static void refuse_writes(struct bench *b, const char *when)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/meta/state.db", b->dir);
	DM_CLEANUP(freep)
	char *sql = dm_format(
		"CREATE TRIGGER full BEFORE %s BEGIN SELECT RAISE(ABORT, 'no room'); END", when);
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_busy_timeout(db, 10000), SQLITE_OK); /* the state thread writes too */
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void a_start_that_cannot_be_stored_is_refused(void **state)
{
	struct bench *b = *state;

	refuse_writes(b, "INSERT ON task");
	expect_refused(started(b, "t"), 40027, "save task meta t into kv db: no room");
	assert_int_equal(stage_of(b, "t"), STAGE_INVALID);
	assert_int_equal(plan.inits, 0);
	expect_refused(operated(b, TASK_OP_STOP, "t"), 40054, "sub task with name t not found");
}

/* ---- refusals ---- */

static void commands_to_nobody_are_refused(void **state)
{
	struct bench *b = *state;
	struct answer a = operated(b, TASK_OP_PAUSE, "t");

	assert_int_equal(a.code, 40054);
	assert_string_equal(a.text, "sub task with name t not found");
	assert_string_equal(a.legal, "start-task");
	expect_refused(operated(b, TASK_OP_RESUME, "t"), 40054, "sub task with name t not found");
	expect_refused(forgotten(b, "t"), 40054, "sub task with name t not found");
	expect_refused(operated(b, TASK_OP_UPDATE, "t"), 40040, "operation Update not supported");
	expect_refused(operated(b, TASK_OP_START, "t"), 40040, "operation Start not supported");
}

static void expect_stage_refuses(struct bench *b, const char *stage, bool start, bool pause,
	bool resume, bool stop, bool forget)
{
	enum dm_stage before = stage_of(b, "t");
	DM_CLEANUP(freep)
	char *not_running = dm_format("current stage is %s but not running, invalid", stage);
	DM_CLEANUP(freep)
	char *not_paused = dm_format("current stage is %s but not paused, invalid", stage);
	DM_CLEANUP(freep)
	char *not_stopped =
		dm_format("current stage is %s but not stopped or finished, invalid", stage);

	if (start)
		expect_refused(started(b, "t"), 40055, "sub task t already exists");
	if (pause)
		expect_refused(operated(b, TASK_OP_PAUSE, "t"), 40050, not_running);
	if (resume)
		expect_refused(operated(b, TASK_OP_RESUME, "t"), 40051, not_paused);
	if (stop)
		expect_refused(
			operated(b, TASK_OP_STOP, "t"), 40054, "sub task with name t not found");
	if (forget)
		expect_refused(forgotten(b, "t"), 60002, not_stopped);
	assert_int_equal(stage_of(b, "t"), before);
}

static void each_stage_refuses_what_is_not_legal_in_it(void **state)
{
	struct bench *b = *state;

	plan.init = INIT_HANGS;
	expect_done(started(b, "t"));
	expect_stage_refuses(b, "New", true, true, true, false, true);
	expect_done(operated(b, TASK_OP_STOP, "t"));
	expect_stage_refuses(b, "Stopped", false, true, true, true, false);
	plan.init = INIT_FINE;
	bring_to_running(b, "t");
	expect_stage_refuses(b, "Running", true, false, true, false, true);
	expect_done(operated(b, TASK_OP_PAUSE, "t"));
	expect_stage_refuses(b, "Paused", true, true, false, false, true);
	expect_done(operated(b, TASK_OP_RESUME, "t"));
	assert_int_equal(stage_of(b, "t"), STAGE_RUNNING);
}

static void a_refusal_names_what_is_legal(void **state)
{
	struct bench *b = *state;
	struct answer a;

	bring_to_running(b, "t");
	a = operated(b, TASK_OP_RESUME, "t");
	assert_string_equal(a.legal, "pause-task, stop-task");
	assert_int_equal(a.stage, STAGE_RUNNING);
}

/* ---- pause, resume, stop, forget ---- */

static void pause_and_resume_keep_the_unit(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };
	const struct subtask_view *v;

	bring_to_running(b, "t");
	expect_done(operated(b, TASK_OP_PAUSE, "t"));
	v = look(b, "t", &all);
	assert_int_equal(v->stage, STAGE_PAUSED);
	assert_int_equal(v->by, BY_USER);
	assert_false(v->result.is_set); /* as DM shows it */
	assert_false(v->is_draining);
	assert_int_equal(plan.dones, 0);
	expect_done(operated(b, TASK_OP_RESUME, "t"));
	bench_until(b, 2000, plan.processes == 2);
	assert_int_equal(plan.inits, 1);
}

static void a_stopped_subtask_stays_visible_with_its_positions(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };
	const struct subtask_view *v;

	bring_to_running(b, "t");
	expect_done(operated(b, TASK_OP_STOP, "t"));
	assert_int_equal(plan.dones, 1);
	bench_restart(b);
	v = look(b, "t", &all);
	assert_int_equal(v->stage, STAGE_STOPPED);
	assert_int_equal(v->unit, UNIT_SYNC);
	assert_int_equal(v->status.sync.flushed.pos, 1234);
	assert_string_equal(v->legal, "start-task, forget");
	bring_to_running(b, "t");
}

static void a_forgotten_subtask_is_gone_for_good(void **state)
{
	struct bench *b = *state;

	bring_to_running(b, "t");
	expect_done(operated(b, TASK_OP_STOP, "t"));
	expect_done(forgotten(b, "t"));
	assert_int_equal(stage_of(b, "t"), STAGE_INVALID);
	bench_restart(b);
	assert_int_equal(stage_of(b, "t"), STAGE_INVALID);
}

static void a_stop_works_while_an_initialisation_hangs(void **state)
{
	struct bench *b = *state;
	int64_t before = dm_mono_ms();

	plan.init = INIT_HANGS;
	expect_done(started(b, "t"));
	bench_until(b, 2000, plan.inits == 1);
	assert_int_equal(stage_of(b, "t"), STAGE_NEW);
	expect_done(operated(b, TASK_OP_STOP, "t"));
	assert_int_equal(stage_of(b, "t"), STAGE_STOPPED);
	assert_true(dm_mono_ms() - before < 2000);
}

static void a_second_pause_joins_the_first(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };
	struct answer first, second;

	plan.process = PROCESS_DRAINS_NEVER;
	bring_to_running(b, "t");
	send_op(b, TASK_OP_PAUSE, "t", &first);
	for (int i = 0; i < 20; i++)
		bench_turn(b);
	send_op(b, TASK_OP_PAUSE, "t", &second);
	for (int i = 0; i < 20; i++)
		bench_turn(b);
	assert_false(first.is_there || second.is_there);
	assert_int_equal(
		look(b, "t", &all)->stage, STAGE_RUNNING); /* DM's clients see the old one */
	assert_true(all.subtasks[0].is_draining);
	assert_int_equal(all.subtasks[0].wanted, STAGE_PAUSED);
	bench_until(b, 7000, first.is_there && second.is_there); /* cut after 5 s */
	assert_int_equal(first.code, 0);
	assert_int_equal(second.code, 0);
	assert_int_equal(first.stage, STAGE_PAUSED);
	assert_true(second.log_id > first.log_id);
}

static void a_contrary_command_is_refused_while_it_drains(void **state)
{
	struct bench *b = *state;
	struct answer pause, stop;

	plan.process = PROCESS_DRAINS_NEVER;
	bring_to_running(b, "t");
	send_op(b, TASK_OP_PAUSE, "t", &pause);
	bench_turn(b);
	expect_refused(operated(b, TASK_OP_RESUME, "t"), 40051,
		"current stage is Pausing but not paused, invalid");
	send_op(b, TASK_OP_STOP, "t", &stop); /* overtakes */
	bench_until(b, 2000, pause.is_there);
	assert_int_equal(pause.code, 40050);
	assert_string_equal(pause.text, "current stage is Stopping but not running, invalid");
	expect_refused(operated(b, TASK_OP_PAUSE, "t"), 40050,
		"current stage is Stopping but not running, invalid");
	expect_refused(started(b, "t"), 40055, "sub task t already exists");
	end_patience(b, "t");
	bench_until(b, 2000, stop.is_there);
	assert_int_equal(stop.code, 0);
	assert_int_equal(stage_of(b, "t"), STAGE_STOPPED);
}

static void a_stop_that_cannot_be_stored_leaves_what_was_asked_before(void **state)
{
	struct bench *b = *state;
	struct answer pause, stop;

	plan.process = PROCESS_DRAINS_NEVER;
	bring_to_running(b, "t");
	refuse_writes(b, "UPDATE ON task WHEN NEW.wanted = 'Stopped'");
	stop = operated(b, TASK_OP_STOP, "t");
	assert_int_equal(stop.code, 40027);
	assert_int_equal(stage_of(b, "t"), STAGE_RUNNING);
	send_op(b, TASK_OP_PAUSE, "t", &pause);
	for (int i = 0; i < 20; i++)
		bench_turn(b);
	stop = operated(b, TASK_OP_STOP, "t"); /* overtakes, and fails */
	assert_int_equal(stop.code, 40027);
	assert_int_equal(pause.code, 40050);
	end_patience(b, "t");
	bench_until(b, 2000, stage_of(b, "t") == STAGE_PAUSED);
	bench_restart(b);
	assert_int_equal(stage_of(b, "t"), STAGE_PAUSED);
}

static void a_pause_that_was_overtaken_before_it_began_leaves_nothing(void **state)
{
	struct bench *b = *state;
	struct answer pause, stop;

	bring_to_running(b, "t");
	refuse_writes(b, "UPDATE ON task WHEN NEW.wanted = 'Stopped'");
	send_op(b, TASK_OP_PAUSE, "t", &pause);
	send_op(b, TASK_OP_STOP, "t", &stop); /* before the wish to pause is on disk */
	bench_until(b, 2000, pause.is_there && stop.is_there);
	assert_int_equal(pause.code, 40050);
	assert_int_equal(stop.code, 40027);
	assert_int_equal(stage_of(b, "t"), STAGE_RUNNING);
	bench_restart(b);
	bench_until(b, 2000, stage_of(b, "t") == STAGE_RUNNING);
}

static void a_command_times_out_and_its_work_goes_on(void **state)
{
	struct bench *b = *state;
	struct answer a;

	plan.process = PROCESS_DRAINS_NEVER;
	bring_to_running(b, "t");
	send_op(b, TASK_OP_PAUSE, "t", &a);
	for (int i = 0; i < 20; i++)
		bench_turn(b);
	b->registry->commands->deadline_ms = dm_mono_ms(); /* 30 s are over */
	bench_until(b, 1000, a.is_there);
	assert_int_equal(a.code, 60001);
	assert_int_equal(a.stage, STAGE_RUNNING);
	end_patience(b, "t");
	bench_until(b, 2000, stage_of(b, "t") == STAGE_PAUSED);
	bench_until(b, 1000, !b->registry->commands);
}

static void a_pause_that_cannot_flush_still_pauses_and_says_so(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };
	const struct subtask_view *v;

	plan.process = PROCESS_FAILS_WHEN_ASKED;
	bring_to_running(b, "t");
	expect_done(operated(b, TASK_OP_PAUSE, "t"));
	v = look(b, "t", &all);
	assert_int_equal(v->stage, STAGE_PAUSED);
	assert_int_equal(v->by, BY_USER);
	assert_true(v->result.is_canceled);
	assert_int_equal(v->result.error_count, 1);
	assert_int_equal(v->next_resume_wall_ns, 0);
}

static void new_settings_are_used_from_the_next_beginning_on(void **state)
{
	struct bench *b = *state;
	struct worker_conf *old = b->conf;

	bring_to_running(b, "t");
	bench_load_conf(b);
	registry_update_conf(b->registry, b->conf);
	relay_update_conf(b->relay, b->conf);
	assert_true(registry_uses_conf(b->registry, old)); /* the unit runs with it */
	expect_done(operated(b, TASK_OP_PAUSE, "t"));
	expect_done(operated(b, TASK_OP_RESUME, "t"));
	assert_false(registry_uses_conf(b->registry, old));
	worker_conf_free(old);
	bench_until(b, 2000, plan.processes == 2);
	assert_int_equal(plan.inits, 2);
}

/* ---- errors ---- */

static void an_initialisation_that_fails_is_told_as_dm_does_and_tried_again(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };
	const struct subtask_view *v;

	plan.init = INIT_FAILS;
	expect_done(started(b, "test"));
	bench_until(b, 2000, stage_of(b, "test") == STAGE_PAUSED);
	v = look(b, "test", &all);
	assert_int_equal(v->by, BY_ERROR);
	assert_int_equal(v->unit, UNIT_INVALID); /* as in DM */
	assert_false(v->has_unit_status);
	assert_int_equal(v->result.error_count, 1);
	assert_false(v->result.is_canceled);
	assert_string_equal(v->result.errors[0].error.message,
		"fail to initial unit Sync of subtask test : database driver error: connection "
		"refused");
	assert_true(v->next_resume_wall_ns > dm_wall_ns());
	assert_int_equal(v->failures, 1);
	assert_int_equal(v->wanted, STAGE_RUNNING);
	plan.init = INIT_FINE;
	bench_until(b, 3000, stage_of(b, "test") == STAGE_RUNNING);
	bench_until(b, 3000, plan.processes == 1);
}

static void an_error_that_can_heal_is_tried_again_with_growing_waits(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };
	const struct subtask_view *v;
	int64_t before = dm_mono_ms();

	plan.process = PROCESS_FAILS;
	expect_done(started(b, "t"));
	bench_until(b, 6000, plan.processes == 3);
	assert_true(dm_mono_ms() - before >= 2000); /* 1 s, then 1 to 2 s */
	bench_until(b, 1000, stage_of(b, "t") == STAGE_PAUSED);
	v = look(b, "t", &all);
	assert_int_equal(v->failures, 3);
	assert_int_equal(v->first_result.error_count, 1);
	assert_int_equal(v->result.errors[0].type, ERROR_EXEC_SQL);
	assert_string_equal(v->legal, "pause-task, stop-task, resume-task");
}

static void a_hopeless_error_waits_for_its_user(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };

	plan.process = PROCESS_FAILS_FOR_GOOD;
	expect_done(started(b, "t"));
	bench_until(b, 2000, stage_of(b, "t") == STAGE_PAUSED);
	assert_int_equal(look(b, "t", &all)->next_resume_wall_ns, 0);
	expect_refused(operated(b, TASK_OP_PAUSE, "t"), 40050,
		"current stage is Paused but not running, invalid");
	plan.process = PROCESS_RUNS;
	expect_done(operated(b, TASK_OP_RESUME, "t"));
	assert_int_equal(stage_of(b, "t"), STAGE_RUNNING);
	bench_until(b, 1000, plan.processes == 2);
}

static void the_pause_of_a_user_wins_over_an_automatic_resume(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };
	const struct subtask_view *v;

	plan.process = PROCESS_FAILS;
	expect_done(started(b, "t"));
	bench_until(b, 2000, stage_of(b, "t") == STAGE_PAUSED);
	expect_done(operated(b, TASK_OP_PAUSE, "t"));
	v = look(b, "t", &all);
	assert_int_equal(v->by, BY_USER);
	assert_int_equal(v->wanted, STAGE_PAUSED);
	assert_int_equal(v->next_resume_wall_ns, 0);
	assert_true(v->result.is_canceled);
	assert_int_equal(v->result.error_count, 1);
	for (int64_t end = dm_mono_ms() + 1500; dm_mono_ms() < end;)
		bench_turn(b);
	assert_int_equal(plan.processes, 1);
	bench_restart(b);
	assert_int_equal(stage_of(b, "t"), STAGE_PAUSED);
}

/* ---- restarts ---- */

static void a_running_subtask_comes_back_running(void **state)
{
	struct bench *b = *state;

	bring_to_running(b, "t");
	bench_restart(b);
	bench_until(b, 2000, stage_of(b, "t") == STAGE_RUNNING);
	assert_int_equal(plan.inits, 2);
}

static void a_subtask_paused_by_its_user_stays_so_with_its_positions(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };
	const struct subtask_view *v;

	bring_to_running(b, "t");
	expect_done(operated(b, TASK_OP_PAUSE, "t"));
	bench_restart(b);
	v = look(b, "t", &all);
	assert_int_equal(v->stage, STAGE_PAUSED);
	assert_int_equal(v->by, BY_USER);
	assert_string_equal(v->mode, "incremental");
	assert_string_equal(v->status.sync.flushed.name, "mysql-bin|000001.000003");
	assert_int_equal(plan.inits, 1);
	expect_done(operated(b, TASK_OP_RESUME, "t"));
	bench_until(b, 2000, plan.processes == 2);
}

/* Without a checkpoint all from the start position on is needed, and nothing of it may be purged. */
static void a_stopped_subtask_keeps_what_it_needs_over_a_restart(void **state)
{
	struct bench *b = *state;

	plan.init = INIT_FAILS;
	expect_done(started(b, "t"));
	bench_until(b, 2000, stage_of(b, "t") == STAGE_PAUSED);
	expect_done(operated(b, TASK_OP_STOP, "t"));
	assert_string_equal(registry_find(b->registry, "t")->held.name, "mysql-bin.000001");
	bench_restart(b);
	assert_int_equal(stage_of(b, "t"), STAGE_STOPPED);
	assert_string_equal(registry_find(b->registry, "t")->held.name, "mysql-bin.000001");
}

static void a_subtask_paused_by_an_error_comes_back_by_itself(void **state)
{
	struct bench *b = *state;

	plan.process = PROCESS_FAILS_FOR_GOOD;
	expect_done(started(b, "t"));
	bench_until(b, 2000, stage_of(b, "t") == STAGE_PAUSED);
	plan.process = PROCESS_RUNS;
	bench_restart(b);
	bench_until(b, 2000, stage_of(b, "t") == STAGE_RUNNING);
}

static void the_last_positions_are_shown_while_a_restart_cannot_ask_the_target(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view before = { 0 };
	DM_CLEANUP(registry_view_done) struct registry_view after = { 0 };
	uint64_t applied = 0;

	bring_to_running(b, "t");
	for (int i = 0; i < 20; i++)
		bench_turn(b);
	applied = look(b, "t", &before)->status.sync.applied.pos;
	assert_true(applied > 1234);
	plan.init = INIT_FAILS;
	bench_restart(b);
	bench_until(b, 2000, stage_of(b, "t") == STAGE_PAUSED);
	assert_true(look(b, "t", &after)->status.sync.applied.pos >= applied);
	assert_int_equal(after.subtasks[0].status.sync.flushed.pos, 1234);
}

static void a_start_that_was_hanging_begins_again(void **state)
{
	struct bench *b = *state;

	plan.init = INIT_HANGS;
	expect_done(started(b, "t"));
	bench_until(b, 2000, plan.inits == 1);
	bench_restart(b);
	assert_int_equal(stage_of(b, "t"), STAGE_NEW);
	bench_until(b, 2000, plan.inits == 2);
}

static void a_file_that_fits_no_more_is_shown_as_an_error(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };
	const struct subtask_view *v;

	bring_to_running(b, "t");
	b->source_id = "another";
	bench_restart(b);
	v = look(b, "t", &all);
	assert_int_equal(v->stage, STAGE_PAUSED);
	assert_int_equal(v->by, BY_ERROR);
	assert_int_equal(v->result.errors[0].error.code, 20031);
	assert_int_equal(v->next_resume_wall_ns, 0);
	expect_done(operated(b, TASK_OP_STOP, "t"));
}

static void remove_meta_is_done_once(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(freep) char *yaml = task_file("t", "incremental", "remove-meta: true\n");

	expect_done(started_file(b, yaml));
	bench_until(b, 2000, plan.processes == 1);
	assert_true(plan.saw_remove_meta);
	bench_restart(b);
	bench_until(b, 2000, plan.processes == 2);
	assert_false(plan.saw_remove_meta);
	expect_done(operated(b, TASK_OP_STOP, "t"));
	expect_done(started_file(b, yaml)); /* asked for again */
	bench_until(b, 2000, plan.processes == 3);
	assert_true(plan.saw_remove_meta);
}

static void log_ids_grow_over_restarts(void **state)
{
	struct bench *b = *state;
	uint64_t before = started(b, "t").log_id;
	uint64_t refused = operated(b, TASK_OP_RESUME, "nobody").log_id;

	assert_int_equal(refused, before + 1);
	bench_restart(b);
	assert_int_equal(operated(b, TASK_OP_RESUME, "nobody").log_id, refused + 1);
}

/* ---- several units ---- */

static void a_full_task_goes_through_its_units_and_finishes(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(freep) char *yaml = task_file("t", "full", "");
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };

	plan.process = PROCESS_ENDS;
	expect_done(started_file(b, yaml));
	bench_until(b, 2000, stage_of(b, "t") == STAGE_FINISHED);
	assert_int_equal(plan.inits, 2);
	assert_int_equal(plan.processes, 2);
	assert_int_equal(plan.dones, 2);
	assert_true(look(b, "t", &all)->result.is_set);
	bench_restart(b);
	assert_int_equal(stage_of(b, "t"), STAGE_FINISHED);
	expect_stage_refuses(b, "Finished", true, true, true, false, false);
	expect_done(operated(b, TASK_OP_STOP, "t")); /* forgets it, as DM does */
	assert_int_equal(stage_of(b, "t"), STAGE_INVALID);
}

static void a_unit_that_had_begun_goes_on_and_those_before_are_dropped(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(freep) char *yaml = task_file("t", "full", "");

	plan.is_begun = true;
	expect_done(started_file(b, yaml));
	bench_until(b, 2000, plan.processes == 1);
	assert_int_equal(plan.inits, 2);
	assert_int_equal(plan.dones, 1);
	expect_done(operated(b, TASK_OP_STOP, "t"));
	assert_int_equal(plan.dones, 2);
}

static void an_endless_unit_that_ends_is_an_error(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };

	plan.process = PROCESS_ENDS;
	expect_done(started(b, "t"));
	bench_until(b, 2000, stage_of(b, "t") == STAGE_PAUSED);
	assert_int_equal(look(b, "t", &all)->result.errors[0].error.code, 60003);
}

/* ---- the relay ---- */

static void a_purge_is_forbidden_while_a_subtask_is_paused(void **state)
{
	struct bench *b = *state;
	struct relay_purge what = { .kind = RELAY_PURGE_FILENAME, .filename = "mysql-bin.000002" };
	struct answer a = { 0 };

	bring_to_running(b, "t");
	expect_done(operated(b, TASK_OP_PAUSE, "t"));
	registry_purge_relay(b->registry, &what, take_answer, &a);
	bench_until(b, 2000, a.is_there);
	assert_int_equal(a.code, 30037);
	assert_string_equal(a.text,
		"relay log purge is forbidden temporarily, because sub task t current stage is "
		"Paused, please try again later");
}

static size_t held_by_relay(struct bench *b, struct relay_hold_entry *ret)
{
	DM_LOCKED(&b->relay->lock); /* no assertion in here: it would leave the lock taken */

	if (b->relay->hold_count > 0)
		*ret = b->relay->holds[0];
	return b->relay->hold_count;
}

static void expect_held(struct bench *b, const char *name, uint64_t pos)
{
	struct relay_hold_entry held;

	assert_int_equal(held_by_relay(b, &held), 1);
	assert_string_equal(held.who, "t");
	assert_string_equal(held.from.name, name);
	assert_int_equal(held.from.pos, pos);
}

static void the_relay_keeps_what_a_subtask_needs_until_it_is_forgotten(void **state)
{
	struct bench *b = *state;

	plan.init = INIT_HANGS;
	expect_done(started(b, "t"));
	for (int i = 0; i < 5; i++)
		bench_turn(b);
	expect_held(b, "mysql-bin.000001", 4); /* where its file says that it starts */
	expect_done(operated(b, TASK_OP_STOP, "t"));
	plan.init = INIT_FINE;
	bring_to_running(b, "t");
	for (int i = 0; i < 5; i++)
		bench_turn(b);
	expect_held(b, "mysql-bin|000001.000003", 1234);
	expect_done(operated(b, TASK_OP_STOP, "t"));
	bench_restart(b); /* known at once, before anything is purged */
	expect_held(b, "mysql-bin|000001.000003", 1234);
	expect_done(forgotten(b, "t"));
	assert_int_equal(b->relay->hold_count, 0);
}

static enum dm_stage relay_stage_of(struct bench *b, bool *ret_by_user)
{
	struct relay_status status = { 0 };
	enum dm_stage stage;

	relay_status(b->relay, &status);
	stage = status.stage;
	*ret_by_user = status.is_paused_by_user;
	relay_status_done(&status);
	return stage;
}

static struct answer relay_operated(struct bench *b, enum dm_relay_op op)
{
	struct answer a = { 0 };

	registry_operate_relay(b->registry, op, take_answer, &a);
	bench_until(b, 10000, a.is_there);
	return a;
}

static void a_relay_paused_by_its_user_stays_so(void **state)
{
	struct bench *b = *state;
	struct answer a;
	bool by_user;

	expect_done(relay_operated(b, RELAY_OP_PAUSE));
	bench_restart(b);
	assert_int_equal(relay_stage_of(b, &by_user), STAGE_PAUSED);
	assert_true(by_user);
	a = relay_operated(b, RELAY_OP_PAUSE);
	assert_int_equal(a.code, 40039);
	assert_string_equal(a.legal, "resume-relay");
	expect_refused(
		relay_operated(b, RELAY_OP_STOP), 40040, "operation StopRelay not supported");
	expect_done(relay_operated(b, RELAY_OP_RESUME));
	bench_restart(b);
	assert_int_equal(relay_stage_of(b, &by_user), STAGE_RUNNING);
}

/* ---- the end ---- */

static void a_shutdown_ends_what_hangs_and_forgets_nothing(void **state)
{
	struct bench *b = *state;
	int64_t before;

	plan.process = PROCESS_DRAINS_NEVER;
	bring_to_running(b, "drains");
	plan.init = INIT_HANGS;
	expect_done(started(b, "hangs"));
	before = dm_mono_ms();
	bench_close(b);
	assert_in_range(dm_mono_ms() - before, 2500, 4500); /* cut after 3 s */
	plan.init = INIT_FINE;
	plan.process = PROCESS_RUNS;
	bench_open(b);
	bench_until(b, 2000, stage_of(b, "drains") == STAGE_RUNNING);
	bench_until(b, 2000, stage_of(b, "hangs") == STAGE_RUNNING);
}

static void commands_are_refused_while_it_ends(void **state)
{
	struct bench *b = *state;
	struct answer a;

	plan.process = PROCESS_DRAINS_NEVER;
	bring_to_running(b, "t");
	registry_shutdown(b->registry, bench_closed, b);
	a = operated(b, TASK_OP_PAUSE, "t");
	assert_int_equal(a.code, 40049);
	a = started(b, "u");
	assert_int_equal(a.code, 40049);
	bench_until(b, 5000, b->is_closed);
	assert_int_equal(stage_of(b, "u"), STAGE_INVALID);
}

/* ---- many times ---- */

struct watcher {
	struct registry *registry;
	struct dm_stop stop;
	struct dm_thread thread;
	uint64_t looks;
};

static void *watch(void *arg)
{
	struct watcher *w = arg;

	while (!dm_stop_wait(&w->stop, DM_STOP_DRAIN, 1)) {
		struct registry_view all;

		registry_view(w->registry, &all);
		w->looks += 1 + all.count;
		registry_view_done(&all);
	}
	return NULL;
}

/* Without SQLite's page cache, which fills up to its own limit. */
static size_t memory_in_use(void)
{
	return mallinfo2().uordblks - (size_t)sqlite3_memory_used();
}

static void a_thousand_starts_and_stops_keep_memory_flat(void **state)
{
	struct bench *b = *state;
	struct watcher w = { .registry = b->registry };
	size_t before = 0;

	assert_int_equal(dm_stop_init(&w.stop), 0);
	assert_int_equal(dm_thread_start(&w.thread, "watcher", watch, &w), 0);
	for (int i = 0; i < 1000; i++) {
		if (i == 100)
			before = memory_in_use();
		expect_done(started(b, "t"));
		if (i % 3 == 0)
			bench_until(b, 5000, stage_of(b, "t") == STAGE_RUNNING);
		expect_done(operated(b, TASK_OP_STOP, "t"));
		if (i % 2 == 0)
			expect_done(forgotten(b, "t"));
	}
	dm_stop_raise(&w.stop, DM_STOP_DRAIN);
	dm_thread_join(&w.thread);
	dm_stop_done(&w.stop);
	assert_true(w.looks > 100);
	if (memory_in_use() > before + 32 * 1024) /* a leak of 40 bytes a round is seen */
		fail_msg("grew from %zu to %zu", before, memory_in_use());
}

static void rates_are_those_of_the_last_second(void **state)
{
	struct rate rate = { 0 };

	(void)state;
	rate_begin(&rate, 0, 1000);
	for (int64_t ms = 200; ms <= 2000; ms += 200)
		rate_add(&rate, ms, 1000 + (uint64_t)ms); /* a thousand a second */
	assert_int_equal(rate.recent, 1000);
	assert_int_equal(rate.total, 1000);
	for (int64_t ms = 2200; ms <= 4000; ms += 200)
		rate_add(&rate, ms, 3000); /* and then nothing */
	assert_int_equal(rate.recent, 0);
	assert_int_equal(rate.total, 500);
}

static uint64_t recent_rate_of(struct bench *b)
{
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };

	return look(b, "t", &all)->recent_tps;
}

static void rates_are_shown_while_it_runs_and_are_zero_then(void **state)
{
	struct bench *b = *state;
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };

	bring_to_running(b, "t");
	bench_until(b, 3000, recent_rate_of(b) > 10);
	expect_done(operated(b, TASK_OP_PAUSE, "t"));
	bench_until(b, 1000, recent_rate_of(b) == 0);
	assert_true(look(b, "t", &all)->total_tps > 10);
}

int main(int argc, char **argv)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		ROW(a_start_is_answered_in_new_and_runs_then),
		ROW(a_bad_file_is_refused_and_leaves_nothing),
		ROW(a_start_that_cannot_be_stored_is_refused),
		ROW(commands_to_nobody_are_refused),
		ROW(each_stage_refuses_what_is_not_legal_in_it),
		ROW(a_refusal_names_what_is_legal),
		ROW(pause_and_resume_keep_the_unit),
		ROW(a_stopped_subtask_stays_visible_with_its_positions),
		ROW(a_forgotten_subtask_is_gone_for_good),
		ROW(a_stop_works_while_an_initialisation_hangs),
		ROW(a_second_pause_joins_the_first),
		ROW(a_contrary_command_is_refused_while_it_drains),
		ROW(a_stop_that_cannot_be_stored_leaves_what_was_asked_before),
		ROW(a_pause_that_was_overtaken_before_it_began_leaves_nothing),
		ROW(a_command_times_out_and_its_work_goes_on),
		ROW(a_pause_that_cannot_flush_still_pauses_and_says_so),
		ROW(new_settings_are_used_from_the_next_beginning_on),
		ROW(an_initialisation_that_fails_is_told_as_dm_does_and_tried_again),
		ROW(an_error_that_can_heal_is_tried_again_with_growing_waits),
		ROW(a_hopeless_error_waits_for_its_user),
		ROW(the_pause_of_a_user_wins_over_an_automatic_resume),
		ROW(a_running_subtask_comes_back_running),
		ROW(a_subtask_paused_by_its_user_stays_so_with_its_positions),
		ROW(a_stopped_subtask_keeps_what_it_needs_over_a_restart),
		ROW(a_subtask_paused_by_an_error_comes_back_by_itself),
		ROW(the_last_positions_are_shown_while_a_restart_cannot_ask_the_target),
		ROW(a_start_that_was_hanging_begins_again),
		ROW(a_file_that_fits_no_more_is_shown_as_an_error),
		ROW(remove_meta_is_done_once),
		ROW(log_ids_grow_over_restarts),
		ROW(a_full_task_goes_through_its_units_and_finishes),
		ROW(a_unit_that_had_begun_goes_on_and_those_before_are_dropped),
		ROW(an_endless_unit_that_ends_is_an_error),
		ROW(a_purge_is_forbidden_while_a_subtask_is_paused),
		ROW(the_relay_keeps_what_a_subtask_needs_until_it_is_forgotten),
		ROW(a_relay_paused_by_its_user_stays_so),
		ROW(a_shutdown_ends_what_hangs_and_forgets_nothing),
		ROW(commands_are_refused_while_it_ends),
		ROW(a_thousand_starts_and_stops_keep_memory_flat),
		ROW(rates_are_shown_while_it_runs_and_are_zero_then),
		cmocka_unit_test(rates_are_those_of_the_last_second),
	};
#undef ROW
	return test_main(argc, argv, "task", tests);
}
