/* test-relay-stage.c - the relay's stage table, its commands, and its back-off. */
#include "test.h"

#include "relay-make.h"

/* ---- the table ---- */

static const struct {
	enum dm_stage from;
	enum relay_on on;
	enum dm_stage to;
} listed[] = {
	{ STAGE_NEW, RELAY_ON_START, STAGE_RUNNING },
	{ STAGE_NEW, RELAY_ON_START_PAUSED, STAGE_PAUSED },
	{ STAGE_NEW, RELAY_ON_STOPPED, STAGE_STOPPED },
	{ STAGE_RUNNING, RELAY_ON_PAUSED, STAGE_PAUSED },
	{ STAGE_RUNNING, RELAY_ON_FAILED, STAGE_PAUSED },
	{ STAGE_RUNNING, RELAY_ON_NO_ROOM, STAGE_PAUSED },
	{ STAGE_RUNNING, RELAY_ON_STOPPED, STAGE_STOPPED },
	{ STAGE_PAUSED, RELAY_ON_RESUME, STAGE_RUNNING },
	{ STAGE_PAUSED, RELAY_ON_HEAL, STAGE_RUNNING },
	{ STAGE_PAUSED, RELAY_ON_HOLD, STAGE_PAUSED },
	{ STAGE_PAUSED, RELAY_ON_STOPPED, STAGE_STOPPED },
};

static enum dm_stage listed_move(enum dm_stage from, enum relay_on on)
{
	for (size_t i = 0; i < DM_COUNT_OF(listed); i++)
		if (listed[i].from == from && listed[i].on == on)
			return listed[i].to;
	return STAGE_INVALID;
}

static void every_pair_moves_as_listed_or_not_at_all(void **state)
{
	(void)state;
	for (enum dm_stage from = STAGE_INVALID; from < STAGE_COUNT; from++) {
		for (enum relay_on on = 0; on < RELAY_ON_COUNT; on++) {
			enum dm_stage to = STAGE_INVALID, want = listed_move(from, on);
			const char *why = NULL;

			assert_int_equal(
				relay_stage_move(from, on, &to, &why), want != STAGE_INVALID);
			assert_int_equal(to, want);
			assert_int_equal(why != NULL, want != STAGE_INVALID);
		}
	}
}

/* ---- commands, with an upstream that refuses connections ---- */

struct stage_test {
	struct made_relay m;
	char *dir;
	char *answers[3];
};

static void test_start(struct stage_test *t)
{
	*t = (struct stage_test){ .dir = make_dir() };
	made_relay_open(&t->m, t->dir);
}

static void test_end(struct stage_test *t)
{
	made_relay_close(&t->m);
	for (size_t i = 0; i < DM_COUNT_OF(t->answers); i++)
		free(t->answers[i]);
	remove_tree(t->dir);
	free(t->dir);
}

static void expect_answer(struct stage_test *t, size_t i, const char *want)
{
	run_until(&t->m, t->answers[i]);
	assert_string_equal(t->answers[i], want);
	free(t->answers[i]);
	t->answers[i] = NULL;
}

static void pause_it(struct stage_test *t, const char *want)
{
	relay_pause(t->m.relay, made_note_done, &t->answers[0]);
	expect_answer(t, 0, want);
}

static void resume_it(struct stage_test *t, const char *want)
{
	relay_resume(t->m.relay, made_note_done, &t->answers[0]);
	expect_answer(t, 0, want);
}

static enum dm_stage stage_of(struct stage_test *t)
{
	struct relay_status s;
	enum dm_stage stage;

	relay_status(t->m.relay, &s);
	stage = s.stage;
	relay_status_done(&s);
	return stage;
}

static void commands_are_refused_in_dms_words(void **state)
{
	struct stage_test t;

	(void)state;
	test_start(&t);
	pause_it(&t, "current stage is New, Running required, relay op PauseRelay");
	resume_it(&t, "current stage is New, Paused required, relay op ResumeRelay");
	relay_start(t.m.relay, false);
	resume_it(&t, "current stage is Running, Paused required, relay op ResumeRelay");
	pause_it(&t, "done");
	pause_it(&t, "current stage is Paused, Running required, relay op PauseRelay");
	resume_it(&t, "done");
	relay_stop(t.m.relay, made_note_done, &t.answers[0]);
	expect_answer(&t, 0, "done");
	assert_int_equal(stage_of(&t), STAGE_STOPPED);
	pause_it(&t, "current stage is Stopped, Running required, relay op PauseRelay");
	resume_it(&t, "current stage is Stopped, Paused required, relay op ResumeRelay");
	relay_stop(t.m.relay, made_note_done, &t.answers[0]);
	expect_answer(&t, 0, "current stage is already stopped not valid, relayop StopRelay");
	test_end(&t);
}

static void a_pause_of_the_user_is_shown_and_has_no_errors(void **state)
{
	struct relay_status s;
	struct stage_test t;

	(void)state;
	test_start(&t);
	relay_start(t.m.relay, false);
	pause_it(&t, "done");
	relay_status(t.m.relay, &s);
	assert_true(s.is_paused_by_user);
	assert_true(s.result.is_set && s.result.is_canceled);
	assert_int_equal(s.result.error_count, 0);
	assert_int_equal(s.received.pos, 4);
	assert_string_equal(s.received.name, "");
	relay_status_done(&s);
	resume_it(&t, "done");
	relay_status(t.m.relay, &s);
	assert_false(s.is_paused_by_user);
	assert_false(s.result.is_set);
	relay_status_done(&s);
	test_end(&t);
}

static void an_upstream_that_is_down_is_retried_while_running(void **state)
{
	struct relay_status s;
	struct stage_test t;
	bool is_retrying = false;

	(void)state;
	test_start(&t);
	relay_start(t.m.relay, false);
	for (int i = 0; i < 500 && !is_retrying; i++) {
		relay_status(t.m.relay, &s);
		assert_int_equal(s.stage, STAGE_RUNNING);
		is_retrying = dm_streq(s.waiting_for, "retry") && s.retry_error &&
			      s.next_retry_mono_ms > 0 && s.read_errors > 0;
		relay_status_done(&s);
		(void)poll(NULL, 0, 10);
	}
	assert_true(is_retrying);
	test_end(&t);
}

static void a_relay_that_was_paused_stays_so_after_a_start(void **state)
{
	struct stage_test t;

	(void)state;
	test_start(&t);
	relay_start(t.m.relay, true);
	assert_int_equal(stage_of(&t), STAGE_PAUSED);
	resume_it(&t, "done"); /* also while it still looks at its files */
	assert_int_equal(stage_of(&t), STAGE_RUNNING);
	run_until(&t.m, t.m.relay->thread.started && !t.m.relay->control.is_start_wanted);
	pause_it(&t, "done");
	test_end(&t);
}

static void the_same_command_joins_and_stop_overtakes_pause(void **state)
{
	struct stage_test t;

	(void)state;
	test_start(&t);
	relay_start(t.m.relay, false);
	relay_pause(t.m.relay, made_note_done, &t.answers[0]);
	relay_pause(t.m.relay, made_note_done, &t.answers[1]);
	assert_null(t.answers[0]);
	relay_resume(t.m.relay, made_note_done, &t.answers[2]);
	expect_answer(&t, 2, "current stage is Running, Paused required, relay op ResumeRelay");
	expect_answer(&t, 0, "done");
	expect_answer(&t, 1, "done");
	resume_it(&t, "done");
	relay_pause(t.m.relay, made_note_done, &t.answers[0]);
	relay_stop(t.m.relay, made_note_done, &t.answers[1]);
	expect_answer(&t, 0, "current stage is Stopped, Running required, relay op PauseRelay");
	expect_answer(&t, 1, "done");
	test_end(&t);
}

/* The relay thread says why it ended; here the test says it. */
static void end_with(struct stage_test *t, enum relay_end end)
{
	pause_it(t, "done");
	t->m.relay->status.stage = STAGE_RUNNING;
	t->m.relay->status.is_paused_by_user = false;
	t->m.relay->end = end;
	dm_fail(&t->m.relay->end_error, DM_ERR_RELAY_GAP, "of the test");
	relay_thread_ended(t->m.relay);
	assert_int_equal(stage_of(t), STAGE_PAUSED);
}

static void an_error_that_may_heal_is_resumed_in_time(void **state)
{
	struct relay_status s;
	struct stage_test t;

	(void)state;
	test_start(&t);
	relay_start(t.m.relay, false);
	end_with(&t, RELAY_END_FAILED);
	relay_status(t.m.relay, &s);
	assert_string_equal(s.waiting_for, "retry");
	assert_int_equal(s.result.error_count, 1);
	assert_string_equal(s.result.errors[0].error.message, "of the test");
	assert_int_equal(s.exits_with_error, 1);
	relay_status_done(&s);
	relay_tick(t.m.relay);
	assert_int_equal(stage_of(&t), STAGE_PAUSED); /* not yet */
	t.m.relay->control.heal_mono_ms = 0;
	relay_tick(t.m.relay);
	assert_int_equal(stage_of(&t), STAGE_RUNNING);
	test_end(&t);
}

static void a_relay_without_room_goes_on_when_there_is_some(void **state)
{
	struct stage_test t;

	(void)state;
	test_start(&t);
	relay_start(t.m.relay, false);
	end_with(&t, RELAY_END_DISK);
	t.m.relay->space_reserve = UINT64_MAX / 2;
	relay_tick(t.m.relay);
	assert_int_equal(stage_of(&t), STAGE_PAUSED);
	t.m.relay->space_reserve = 0;
	relay_tick(t.m.relay);
	assert_int_equal(stage_of(&t), STAGE_RUNNING);
	test_end(&t);
}

static void an_error_for_people_waits_for_them(void **state)
{
	struct stage_test t;

	(void)state;
	test_start(&t);
	relay_start(t.m.relay, false);
	end_with(&t, RELAY_END_PERSON);
	t.m.relay->control.heal_mono_ms = 0;
	relay_tick(t.m.relay);
	assert_int_equal(stage_of(&t), STAGE_PAUSED);
	pause_it(&t, "current stage is Paused, Running required, relay op PauseRelay");
	resume_it(&t, "done");
	test_end(&t);
}

static void the_users_pause_wins_over_an_automatic_resume(void **state)
{
	struct relay_status s;
	struct stage_test t;

	(void)state;
	test_start(&t);
	relay_start(t.m.relay, false);
	end_with(&t, RELAY_END_FAILED);
	pause_it(&t, "done");
	t.m.relay->control.heal_mono_ms = 0;
	relay_tick(t.m.relay);
	relay_status(t.m.relay, &s);
	assert_int_equal(s.stage, STAGE_PAUSED);
	assert_true(s.is_paused_by_user);
	assert_true(s.result.is_canceled);
	assert_int_equal(s.result.error_count, 1); /* why it stood is still to be seen */
	relay_status_done(&s);
	test_end(&t);
}

static void without_the_checker_only_people_resume(void **state)
{
	struct stage_test t;

	(void)state;
	test_start(&t);
	t.m.conf.checker.check_enable = false;
	relay_start(t.m.relay, false);
	end_with(&t, RELAY_END_FAILED);
	t.m.relay->control.heal_mono_ms = 0;
	relay_tick(t.m.relay);
	assert_int_equal(stage_of(&t), STAGE_PAUSED);
	test_end(&t);
}

static void a_reload_without_a_change_leaves_the_connection_alone(void **state)
{
	struct stage_test t;
	unsigned int version;

	(void)state;
	test_start(&t);
	version = atomic_load(&t.m.relay->settings_version);
	relay_update_conf(t.m.relay, &t.m.conf);
	assert_int_equal(atomic_load(&t.m.relay->settings_version), version);
	t.m.conf.from.port = 2;
	relay_update_conf(t.m.relay, &t.m.conf);
	assert_int_equal(atomic_load(&t.m.relay->settings_version), version + 1);
	assert_int_equal(t.m.relay->settings.from.port, 2);
	test_end(&t);
}

static void a_directory_has_one_relay(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct relay *second = NULL;
	struct stage_test t;
	struct relay_env env;

	(void)state;
	test_start(&t);
	env = t.m.relay->env;
	assert_int_equal(relay_new(&second, &env, &err), -1);
	assert_int_equal(err.code, DM_ERR_RELAY_MKDIR);
	assert_non_null(strstr(err.message, "is used by another process"));
	test_end(&t);
}

static void stop_waits_for_a_purge_to_end(void **state)
{
	const struct relay_purge what = { .kind = RELAY_PURGE_INACTIVE };
	struct binlog_position p = { .name = "bin.000001", .pos = 4 };
	struct stage_test t;

	(void)state;
	test_start(&t);
	made_relay_verify(&t.m);
	dm_lock_take(&t.m.relay->lock);
	t.m.relay->written = (struct relay_written){ true, 1, p };
	dm_lock_drop(&t.m.relay->lock);
	relay_purge_start(t.m.relay, &what, made_note_done, &t.answers[0]);
	relay_stop(t.m.relay, made_note_done, &t.answers[1]);
	assert_null(t.answers[1]); /* its mail is still to come */
	expect_answer(&t, 1, "done");
	expect_answer(&t, 0, "done");
	assert_false(relay_is_purging(t.m.relay));
	test_end(&t);
}

/* ---- back-off ---- */

static void waits_double_up_to_the_maximum_and_shrink_in_peace(void **state)
{
	struct relay_backoff b;
	int64_t range = 1000;

	(void)state;
	relay_backoff_init(&b, 20000, 300000);
	assert_int_equal(relay_backoff_fail(&b, 0, 12345), 1000);
	for (int i = 0; i < 4; i++) {
		struct relay_backoff high = b;

		range *= 2;
		assert_int_equal(
			relay_backoff_fail(&high, 0, (uint32_t)(range / 2 - 1)), range - 1);
		assert_int_equal(relay_backoff_fail(&b, 0, 0), range / 2);
	}
	for (int i = 0; i < 100; i++)
		assert_true(relay_backoff_fail(&b, 1000, UINT32_MAX) <= 20000);
	relay_backoff_rest(&b, 300000);
	assert_int_equal(b.failures, 5); /* less than five minutes since the last */
	relay_backoff_rest(&b, 301000);
	assert_int_equal(b.failures, 4);
	relay_backoff_rest(&b, 301001);
	assert_int_equal(b.failures, 4);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_moves_as_listed_or_not_at_all),
		cmocka_unit_test(commands_are_refused_in_dms_words),
		cmocka_unit_test(a_pause_of_the_user_is_shown_and_has_no_errors),
		cmocka_unit_test(an_upstream_that_is_down_is_retried_while_running),
		cmocka_unit_test(a_relay_that_was_paused_stays_so_after_a_start),
		cmocka_unit_test(the_same_command_joins_and_stop_overtakes_pause),
		cmocka_unit_test(an_error_that_may_heal_is_resumed_in_time),
		cmocka_unit_test(a_relay_without_room_goes_on_when_there_is_some),
		cmocka_unit_test(an_error_for_people_waits_for_them),
		cmocka_unit_test(the_users_pause_wins_over_an_automatic_resume),
		cmocka_unit_test(without_the_checker_only_people_resume),
		cmocka_unit_test(a_reload_without_a_change_leaves_the_connection_alone),
		cmocka_unit_test(a_directory_has_one_relay),
		cmocka_unit_test(stop_waits_for_a_purge_to_end),
		cmocka_unit_test(waits_double_up_to_the_maximum_and_shrink_in_peace),
	};

	return test_main(argc, argv, "relay-stage", tests);
}
