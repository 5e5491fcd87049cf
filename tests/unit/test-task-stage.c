/* test-task-stage.c - each stage and each event: what the design lists moves, all else is refused. */
#include "test.h"

#include <string.h>

#include "../../src/task/stage-table.h"

/* The design's table, written down a second time; columns in the order of enum stage_event. */
enum { NO = -1 };
// clang-format off
static const int expected[STAGE_COUNT][ON_COUNT] = {
	/*                   start-task   ready          error         failed        pause         next           last            stop           resume         auto           update        forget */
	[STAGE_INVALID]  = { STAGE_NEW,   NO,            NO,           NO,           NO,           NO,            NO,             NO,            NO,            NO,            NO,           NO },
	[STAGE_NEW]      = { NO,          STAGE_RUNNING, STAGE_PAUSED, NO,           NO,           NO,            NO,             STAGE_STOPPED, NO,            NO,            NO,           NO },
	[STAGE_RUNNING]  = { NO,          NO,            NO,           STAGE_PAUSED, STAGE_PAUSED, STAGE_RUNNING, STAGE_FINISHED, STAGE_STOPPED, NO,            NO,            NO,           NO },
	[STAGE_PAUSED]   = { NO,          NO,            NO,           NO,           NO,           NO,            NO,             STAGE_STOPPED, STAGE_RUNNING, STAGE_RUNNING, STAGE_PAUSED, NO },
	[STAGE_STOPPED]  = { STAGE_NEW,   NO,            NO,           NO,           NO,           NO,            NO,             NO,            NO,            NO,            NO,           STAGE_INVALID },
	[STAGE_FINISHED] = { NO,          NO,            NO,           NO,           NO,           NO,            NO,             STAGE_INVALID, NO,            NO,            NO,           STAGE_INVALID },
};
// clang-format on

static void every_stage_refuses_what_the_table_does_not_list(void **state)
{
	(void)state;
	for (int from = 0; from < STAGE_COUNT; from++) {
		for (int on = 0; on < ON_COUNT; on++) {
			const struct stage_move *move =
				stage_table_find((enum dm_stage)from, (enum stage_event)on);
			int to = move ? (int)move->to : NO;

			if (to != expected[from][on])
				fail_msg("%s on %s: goes to %d, expected %d",
					dm_stage_name((enum dm_stage)from),
					stage_event_name((enum stage_event)on), to,
					expected[from][on]);
		}
	}
}

static void no_pair_is_listed_twice_and_each_says_why(void **state)
{
	(void)state;
	for (size_t i = 0; stage_table_at(i); i++) {
		const struct stage_move *move = stage_table_at(i);

		assert_ptr_equal(stage_table_find(move->from, move->on), move);
		assert_true(strlen(move->why) > 0);
	}
}

static void legal_commands_are_those_of_the_table(void **state)
{
	static const char *const legal[STAGE_COUNT] = {
		[STAGE_INVALID] = "start-task",
		[STAGE_NEW] = "stop-task",
		[STAGE_RUNNING] = "pause-task, stop-task",
		[STAGE_PAUSED] = "stop-task, resume-task",
		[STAGE_STOPPED] = "start-task, forget",
		[STAGE_FINISHED] = "stop-task, forget",
	};

	(void)state;
	for (int stage = 0; stage < STAGE_COUNT; stage++) {
		DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

		stage_legal_commands((enum dm_stage)stage, &text);
		assert_string_equal(dm_str_get(&text), legal[stage]);
	}
}

static void each_command_is_refused_in_the_words_of_dm(void **state)
{
	static const struct {
		enum stage_event on;
		int code;
		const char *message;
	} rows[] = {
		{ ON_START_TASK, 40055, "sub task t already exists" },
		{ ON_STOP_TASK, 40054, "sub task with name t not found" },
		{ ON_PAUSE_TASK, 40050, "current stage is Paused but not running, invalid" },
		{ ON_RESUME_TASK, 40051, "current stage is Paused but not paused, invalid" },
		{ ON_UPDATE_TASK, 40052,
			"can only update task on Paused stage, but current stage is Paused" },
		{ ON_FORGET, 60002,
			"current stage is Paused but not stopped or finished, invalid" },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

		assert_int_equal(stage_refuse(rows[i].on, "t", "Paused", &err), -1);
		assert_int_equal(err.code, rows[i].code);
		assert_string_equal(err.message, rows[i].message);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_stage_refuses_what_the_table_does_not_list),
		cmocka_unit_test(no_pair_is_listed_twice_and_each_says_why),
		cmocka_unit_test(legal_commands_are_those_of_the_table),
		cmocka_unit_test(each_command_is_refused_in_the_words_of_dm),
	};

	return test_main(argc, argv, "task-stage", tests);
}
