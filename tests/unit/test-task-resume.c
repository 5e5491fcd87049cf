/* test-task-resume.c - which errors are tried again, and when. */
#include "test.h"

#include <string.h>

#include "../../src/task/auto-resume.h"

static struct dm_process_result failed(enum dm_code code, const char *message, const char *cause)
{
	struct dm_process_result r = { 0 };
	struct dm_error err = { .code = code,
		.message = dm_strdup(message),
		.raw_cause = cause ? dm_strdup(cause) : NULL };

	(void)dm_process_result_add(&r, ERROR_UNKNOWN, &err);
	return r;
}

static void errors_of_the_table_wait_for_a_person(void **state)
{
	static const struct {
		int code;
		const char *message, *cause;
		bool can_heal;
	} rows[] = {
		{ 10003, "invalid connection", "invalid connection", true },
		{ 10006, "execute", "Error 1062: Duplicate entry '1' for key 'PRIMARY'", false },
		{ 10006, "execute", "Error 1406: Data too long for column 'c' at row 1", false },
		{ 10006, "execute", "Error 1105: Unsupported modify column length", false },
		{ 10006, "execute", "Error 8200: UNSUPPORTED COLLATION", false },
		{ 10006, "execute", "Error 1067: Invalid default value for 'c'", false },
		{ 10006, "Error 1062: Duplicate entry, but only in the message", NULL, true },
		{ 10006, "execute", "Error 1146: Table 'a.b' doesn't exist", true },
		{ 11038, "parse: binlog checksum mismatch, data may be corrupted", NULL, false },
		{ 11038, "parse: get event err EOF", "EOF", false },
		{ 11038, "parse: something else", NULL, true },
		{ 11037, "get event err EOF", NULL, true },
		{ 36008, "anything", NULL, false },
		{ 36062, "anything", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		struct dm_process_result r =
			failed((enum dm_code)rows[i].code, rows[i].message, rows[i].cause);

		if (auto_resume_can_heal(&r) != rows[i].can_heal)
			fail_msg("%d %s %s", rows[i].code, rows[i].message,
				rows[i].cause ? rows[i].cause : "");
		dm_process_result_done(&r);
	}
}

static void one_hopeless_error_among_others_is_enough(void **state)
{
	struct dm_process_result r = failed(DM_ERR_DB_INVALID_CONN, "gone", NULL);
	struct dm_error second = { .code = DM_ERR_DB_EXECUTE_FAILED,
		.message = dm_strdup("execute"),
		.raw_cause = dm_strdup("Error 1062: Duplicate entry") };

	(void)state;
	assert_true(auto_resume_can_heal(&r));
	(void)dm_process_result_add(&r, ERROR_EXEC_SQL, &second);
	assert_false(auto_resume_can_heal(&r));
	dm_process_result_done(&r);
}

static void what_was_canceled_or_never_failed_is_left_alone(void **state)
{
	struct dm_process_result r = failed(DM_ERR_DB_INVALID_CONN, "gone", NULL);
	struct dm_process_result none = { 0 };

	(void)state;
	assert_false(auto_resume_can_heal(&none));
	none.is_set = true;
	assert_false(auto_resume_can_heal(&none));
	r.is_canceled = true;
	assert_false(auto_resume_can_heal(&r));
	dm_process_result_done(&r);
}

static void waits_double_within_their_bounds(void **state)
{
	static const int64_t longest[] = { 1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000,
		256000, 300000, 300000 };

	(void)state;
	assert_int_equal(auto_resume_wait_ms(0, 300000, 0), 1000);
	assert_int_equal(auto_resume_wait_ms(0, 300000, UINT32_MAX), 1000);
	for (unsigned int step = 1; step < DM_COUNT_OF(longest); step++) {
		assert_int_equal(auto_resume_wait_ms(step, 300000, 0), longest[step] / 2);
		assert_in_range(auto_resume_wait_ms(step, 300000, UINT32_MAX), longest[step] - 1,
			longest[step]);
	}
	assert_int_equal(auto_resume_wait_ms(4000000000U, 300000, 0), 150000);
}

static void steps_stop_growing_at_the_longest_wait(void **state)
{
	struct auto_resume a = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		auto_resume_tried(&a, 5000);
	assert_int_equal(a.step, 3); /* 1 2 4 and then 5 s */
}

static void a_due_time_comes_once(void **state)
{
	struct auto_resume a = { 0 };

	(void)state;
	assert_false(auto_resume_is_pending(&a));
	assert_false(auto_resume_is_due(&a, 1000000));
	auto_resume_schedule(&a, 5000, 300000, 0);
	assert_true(auto_resume_is_pending(&a));
	assert_false(auto_resume_is_due(&a, 5999));
	assert_true(auto_resume_is_due(&a, 6000));
	auto_resume_tried(&a, 300000);
	assert_false(auto_resume_is_due(&a, 6000));
	auto_resume_schedule(&a, 7000, 300000, 0);
	auto_resume_cancel(&a);
	assert_false(auto_resume_is_due(&a, 1000000));
}

static void calm_takes_one_step_back_at_a_time(void **state)
{
	struct auto_resume a = { .step = 2 };

	(void)state;
	auto_resume_schedule(&a, 1000, 300000, 0);
	auto_resume_tried(&a, 300000);
	assert_int_equal(a.step, 3);
	auto_resume_calm(&a, 61000, 60000);
	assert_int_equal(a.step, 3);
	auto_resume_calm(&a, 61001, 60000);
	assert_int_equal(a.step, 2);
	auto_resume_calm(&a, 61002, 60000);
	assert_int_equal(a.step, 2);
	for (int64_t now = 61001; now < 1000000; now += 60001)
		auto_resume_calm(&a, now, 60000);
	assert_int_equal(a.step, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_of_the_table_wait_for_a_person),
		cmocka_unit_test(one_hopeless_error_among_others_is_enough),
		cmocka_unit_test(what_was_canceled_or_never_failed_is_left_alone),
		cmocka_unit_test(waits_double_within_their_bounds),
		cmocka_unit_test(steps_stop_growing_at_the_longest_wait),
		cmocka_unit_test(a_due_time_comes_once),
		cmocka_unit_test(calm_takes_one_step_back_at_a_time),
	};

	return test_main(argc, argv, "task-resume", tests);
}
