/* test-base.c - strings, errors, stops, mail, durable files. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dm/error.h"
#include "dm/file.h"
#include "dm/log.h"
#include "dm/str.h"
#include "dm/thread.h"

static void text_grows_and_stays_terminated(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str s = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		dm_str_addf(&s, "%d,", i);
	assert_int_equal(s.len, strlen(s.data));
	dm_str_clear(&s);
	dm_str_add_quoted_name(&s, "a`b");
	assert_string_equal(s.data, "`a``b`");
}

static void numbers_are_read_strictly(void **state)
{
	uint64_t value = 7;

	(void)state;
	assert_int_equal(dm_parse_u64("18446744073709551615", &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(dm_parse_u64("18446744073709551616", &value), -ERANGE);
	assert_int_equal(dm_parse_u64("", &value), -EINVAL);
	assert_int_equal(dm_parse_u64("-1", &value), -EINVAL);
	assert_int_equal(dm_parse_u64("1 ", &value), -EINVAL);
}

static void an_error_prints_as_dm_does(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	(void)state;
	assert_int_equal(dm_fail(&err, DM_ERR_WORKER_NOT_RUNNING_STAGE,
				 "current stage is %s but not running, invalid", "Paused"),
		-1);
	dm_error_text(&err, &text);
	assert_string_equal(text.data, "[code=40050:class=dm-worker:scope=internal:level=high] "
				       "current stage is Paused but not running, invalid");
	dm_fail_cause(&err, DM_ERR_DB_EXECUTE_FAILED, "Error 1062: Duplicate entry",
		"execute statement failed: %s", "INSERT");
	err.scope = DM_SCOPE_DOWNSTREAM;
	dm_str_clear(&text);
	dm_error_text(&err, &text);
	assert_string_equal(text.data,
		"[code=10006:class=database:scope=downstream:level=high] execute statement failed: "
		"INSERT: Error 1062: Duplicate entry");
	assert_string_equal(err.raw_cause, "Error 1062: Duplicate entry");
}

static void error_rows_are_sorted_by_code(void **state)
{
	(void)state;
	for (unsigned int i = 1; dm_error_info_at(i); i++)
		assert_true(dm_error_info_at(i - 1)->code < dm_error_info_at(i)->code);
}

/* tests/unit/dm-1.0.7-errors.txt holds DM's published list: code, class, scope, level. */
static void error_rows_agree_with_dm(void **state)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/dm-1.0.7-errors.txt", test_source_dir);
	DM_CLEANUP(dm_str_done) struct dm_str list = { 0 };

	(void)state;
	assert_int_equal(dm_file_read(path, 1 << 20, &list), 0);
	for (unsigned int i = 0; dm_error_info_at(i); i++) {
		const struct dm_error_info *info = dm_error_info_at(i);
		DM_CLEANUP(freep)
		char *row =
			dm_format("\n%d %s %s %s\n", (int)info->code, dm_class_name(info->class),
				dm_scope_name(info->scope), dm_level_name(info->level));

		if (info->code > 60000)
			continue;
		if (!strstr(list.data, row))
			fail_msg("not in DM's list: %s", row);
	}
}

static void *wait_for_drain(void *arg)
{
	return dm_stop_wait(arg, DM_STOP_DRAIN, 10000) ? arg : NULL;
}

static void a_stop_wakes_its_level_and_those_below(void **state)
{
	struct dm_stop stop;
	struct dm_thread thread = { 0 };

	(void)state;
	assert_int_equal(dm_stop_init(&stop), 0);
	assert_false(dm_stop_wait(&stop, DM_STOP_DRAIN, 0));
	assert_int_equal(dm_thread_start(&thread, "waiter", wait_for_drain, &stop), 0);
	dm_stop_raise(&stop, DM_STOP_DRAIN);
	dm_thread_join(&thread);
	assert_int_equal(dm_stop_level(&stop), DM_STOP_DRAIN);
	assert_false(dm_stop_wait(&stop, DM_STOP_CUT, 0));
	dm_stop_raise(&stop, DM_STOP_CUT);
	assert_true(dm_stop_wait(&stop, DM_STOP_CUT, 0));
	dm_stop_reset(&stop);
	assert_false(dm_stop_wait(&stop, DM_STOP_DRAIN, 0));
	dm_stop_done(&stop);
}

static void count_up(void *arg)
{
	++*(int *)arg;
}

static void mail_is_run_once_in_order(void **state)
{
	struct dm_mailbox box;
	int count = 0;
	struct dm_mail mails[3] = { { .fn = count_up, .arg = &count },
		{ .fn = count_up, .arg = &count }, { .fn = count_up, .arg = &count } };

	(void)state;
	assert_int_equal(dm_mailbox_init(&box), 0);
	for (int i = 0; i < 3; i++)
		dm_mailbox_post(&box, &mails[i]);
	dm_mailbox_run(&box);
	dm_mailbox_run(&box);
	assert_int_equal(count, 3);
	dm_mailbox_done(&box);
}

static void a_file_is_replaced_whole_or_not_at_all(void **state)
{
	char dir[] = "/tmp/dm-test-XXXXXX";
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(freep) char *path = NULL;
	DM_CLEANUP(freep) char *blocked = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = dm_format("%s/f", dir);
	blocked = dm_format("%s/f.tmp", dir);
	assert_int_equal(dm_file_replace(path, "old", 3, 0600), 0);
	assert_int_equal(dm_dir_make(blocked, 0700), 0); /* the temporary cannot be written now */
	assert_int_equal(dm_file_replace(path, "new", 3, 0600), -EISDIR);
	assert_int_equal(dm_file_read(path, 10, &text), 0);
	assert_string_equal(text.data, "old");
	assert_int_equal(dm_file_read(path, 2, &text), -EFBIG);
	(void)rmdir(blocked); /* removed by hand, nothing is checked after it */
	(void)unlink(path);
	(void)rmdir(dir);
}

/* Also when two that come by turns are told apart by the same place in a table. */
static void messages_that_repeat_do_not_flood_the_log(void **state)
{
	static const struct {
		_Alignas(4096) char text[4096];
	} messages[] = { { "first" }, { "second" } };
	char dir[] = "/tmp/dm-test-XXXXXX";
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(freep) char *path = NULL;
	size_t lines = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = dm_format("%s/log", dir);
	assert_int_equal(dm_log_open(DM_LOG_INFO, path), 0);
	for (int i = 0; i < 2000; i++)
		dm_log(DM_LOG_INFO, NULL, messages[i % 2].text, "number", DM_NUM(i), NULL);
	assert_int_equal(dm_log_open(DM_LOG_INFO, NULL), 0);
	assert_int_equal(dm_file_read(path, 1 << 20, &text), 0);
	for (const char *at = text.data; (at = strchr(at, '\n')); at++)
		lines++;
	assert_in_range(lines, 20, 200); /* ten a second of each, and a slow machine has seconds */
	assert_non_null(strstr(text.data, "INFO second number=19\n"));
	(void)unlink(path); /* removed by hand, nothing is checked after it */
	(void)rmdir(dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_grows_and_stays_terminated),
		cmocka_unit_test(numbers_are_read_strictly),
		cmocka_unit_test(an_error_prints_as_dm_does),
		cmocka_unit_test(error_rows_are_sorted_by_code),
		cmocka_unit_test(error_rows_agree_with_dm),
		cmocka_unit_test(a_stop_wakes_its_level_and_those_below),
		cmocka_unit_test(mail_is_run_once_in_order),
		cmocka_unit_test(a_file_is_replaced_whole_or_not_at_all),
		cmocka_unit_test(messages_that_repeat_do_not_flood_the_log),
	};

	return test_main(argc, argv, "base", tests);
}
