/* test-relay-purge.c - purging removes what it should, and never what somebody needs. */
#include "test.h"

#include <utime.h>

#include "dm/clock.h"

#include "relay-make.h"
#include "relay-purge.h"

static const char *const all[] = { "0-1.000001/bin.000008", "0-1.000001/bin.000009",
	"0-2.000002/bin.000001", "0-2.000002/bin.000002", "0-2.000002/bin.000003",
	"0-2.000002/bin.000004" };

struct purging {
	struct made_relay m;
	char *dir;
	char *answer;
};

static void purging_start(struct purging *t)
{
	DM_CLEANUP(dm_str_done) struct dm_str bytes = { 0 };
	DM_CLEANUP(freep) char *index = NULL;

	*t = (struct purging){ .dir = make_dir() };
	index = dm_format("%s/server-uuid.index", t->dir);
	make_file(index, "0-1.000001\n0-2.000002\n", 22);
	make_start(&bytes, 0);
	for (size_t i = 0; i < DM_COUNT_OF(all); i++) {
		DM_CLEANUP(freep) char *path = dm_format("%s/%s", t->dir, all[i]);
		DM_CLEANUP(freep) char *sub = dm_strndup(path, (size_t)(strrchr(path, '/') - path));
		DM_CLEANUP(freep) char *meta = dm_format("%s/relay.meta", sub);

		(void)mkdir(sub, 0744);
		make_file(path, bytes.data, bytes.len);
		make_file(meta, "", 0);
		/* An hour apart, the last one now. */
		assert_int_equal(
			utime(path, &(struct utimbuf){ 0, 1000000 + 3600 * (time_t)i }), 0);
	}
	made_relay_open(&t->m, t->dir);
	made_relay_verify(&t->m);
}

static void purging_end(struct purging *t)
{
	made_relay_close(&t->m);
	remove_tree(t->dir);
	free(t->dir);
}

/* "110011": which of all[] are there. */
static void expect_left(struct purging *t, const char *want)
{
	char left[DM_COUNT_OF(all) + 1] = "";

	for (size_t i = 0; i < DM_COUNT_OF(all); i++) {
		DM_CLEANUP(freep) char *path = dm_format("%s/%s", t->dir, all[i]);

		left[i] = access(path, F_OK) == 0 ? '1' : '0';
	}
	assert_string_equal(left, want);
}

static void purge(struct purging *t, const struct relay_purge *what, const char *want_answer)
{
	relay_purge_start(t->m.relay, what, made_note_done, &t->answer);
	run_until(&t->m, t->answer);
	assert_string_equal(t->answer, want_answer);
	free(t->answer);
	t->answer = NULL;
	assert_false(relay_is_purging(t->m.relay));
}

static const struct relay_purge inactive = { .kind = RELAY_PURGE_INACTIVE };

static void the_writers_file_stays_and_old_directories_go(void **state)
{
	DM_CLEANUP(freep) char *old = NULL;
	struct purging t;

	(void)state;
	purging_start(&t);
	old = dm_format("%s/0-1.000001", t.dir);
	purge(&t, &inactive, "done");
	expect_left(&t, "000001");
	assert_int_not_equal(access(old, F_OK), 0);
	assert_int_equal(t.m.relay->dirs.count, 1);
	purging_end(&t);
}

static void what_a_task_holds_stays(void **state)
{
	struct binlog_position p = { 0 };
	struct purging t;

	(void)state;
	purging_start(&t);
	binlog_position_set(&p, "bin|000001.000009", 500);
	relay_hold(t.m.relay, "task", &p);
	binlog_position_set(&p, "bin.000003", 4); /* a plain name: the latest sub-directory */
	relay_hold(t.m.relay, "other", &p);
	purge(&t, &inactive, "done");
	expect_left(&t, "011111");
	relay_hold(t.m.relay, "task", NULL);
	purge(&t, &inactive, "done");
	expect_left(&t, "000011");
	relay_hold(t.m.relay, "other", NULL);
	purge(&t, &inactive, "done");
	expect_left(&t, "000001");
	purging_end(&t);
}

static void a_hold_at_an_unknown_place_holds_everything(void **state)
{
	struct binlog_position p = { .name = "" };
	struct purging t;

	(void)state;
	purging_start(&t);
	relay_hold(t.m.relay, "task", &p);
	purge(&t, &inactive, "done");
	expect_left(&t, "111111");
	purging_end(&t);
}

static void what_a_cursor_reads_stays(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct binlog_position p = { 0 };
	struct relay_cursor *c;
	struct purging t;

	(void)state;
	purging_start(&t);
	binlog_position_set(&p, "bin|000002.000002", 4);
	assert_int_equal(relay_cursor_open(&c, t.m.relay, &p, &err), 0);
	purge(&t, &inactive, "done");
	expect_left(&t, "000111");
	relay_cursor_free(c);
	purging_end(&t);
}

static void by_time_it_stops_at_the_first_younger_file(void **state)
{
	const struct relay_purge what = { .kind = RELAY_PURGE_TIME,
		.before_wall_s = 1000000 + 3 * 3600 };
	DM_CLEANUP(freep) char *path = NULL;
	struct purging t;

	(void)state;
	purging_start(&t);
	path = dm_format("%s/%s", t.dir, all[2]);
	assert_int_equal(utime(path, &(struct utimbuf){ 0, 2000000 }), 0);
	purge(&t, &what, "done");
	expect_left(&t, "001111");
	purging_end(&t);
}

static void by_name_it_stops_before_that_file(void **state)
{
	struct relay_purge what = { .kind = RELAY_PURGE_FILENAME, .filename = "bin.000003" };
	struct purging t;

	(void)state;
	purging_start(&t);
	what.sub_dir = "0-1.000001";
	what.filename = "bin.000009";
	purge(&t, &what, "done");
	expect_left(&t, "011111");
	what.sub_dir = "";
	what.filename = "bin.000003";
	purge(&t, &what, "done");
	expect_left(&t, "000011");
	purging_end(&t);
}

static void requests_that_name_nothing_are_refused(void **state)
{
	struct relay_purge what = { .kind = RELAY_PURGE_FILENAME, .filename = "bin.000077" };
	DM_CLEANUP(freep) char *missing = NULL;
	struct purging t;

	(void)state;
	purging_start(&t);
	missing = dm_format("base file bin.000077 in directory %s/0-2.000002 not found", t.dir);
	purge(&t, &what, missing);
	what.sub_dir = "0-9.000009";
	purge(&t, &what, "UUID 0-9.000009 in UUIDs [0-1.000001 0-2.000002] not found");
	what.filename = "";
	purge(&t, &what, "request without a file name not valid");
	what.filename = "../../etc/passwd";
	what.sub_dir = "0-1.000001";
	relay_purge_start(t.m.relay, &what, made_note_done, &t.answer);
	run_until(&t.m, t.answer);
	assert_non_null(strstr(t.answer, "not found"));
	free(t.answer);
	expect_left(&t, "111111");
	purging_end(&t);
}

static void one_purge_runs_at_a_time(void **state)
{
	const struct relay_purge by_time = { .kind = RELAY_PURGE_TIME, .before_wall_s = 1 };
	char *second = NULL, *third = NULL;
	struct purging t;

	(void)state;
	purging_start(&t);
	relay_purge_start(t.m.relay, &inactive, made_note_done, &t.answer);
	assert_true(relay_is_purging(t.m.relay)); /* until its mail is read */
	relay_purge_start(t.m.relay, &inactive, made_note_done, &second);
	assert_string_equal(second, "this strategy is purging");
	relay_purge_start(t.m.relay, &by_time, made_note_done, &third);
	assert_string_equal(third, "inactive strategy is purging");
	run_until(&t.m, t.answer);
	assert_string_equal(t.answer, "done");
	free(t.answer);
	free(second);
	free(third);
	purging_end(&t);
}

static void before_the_files_are_known_nothing_is_purged(void **state)
{
	char *answer = NULL;
	char *dir = make_dir();
	struct made_relay m;

	(void)state;
	made_relay_open(&m, dir);
	relay_purge_start(m.relay, &inactive, made_note_done, &answer);
	assert_string_equal(answer, "no active relay log file found");
	free(answer);
	made_relay_close(&m);
	remove_tree(dir);
	free(dir);
}

static void the_interval_purges_by_age_and_for_space(void **state)
{
	struct purging t;

	(void)state;
	purging_start(&t);
	t.m.conf.purge.interval_s = 3600;
	t.m.conf.purge.expires_h = 1;
	relay_purge_tick(t.m.relay, dm_mono_ms());
	assert_false(relay_is_purging(t.m.relay)); /* not due */
	relay_purge_tick(t.m.relay, dm_mono_ms() + 3600 * 1000 + 1000);
	assert_true(relay_is_purging(t.m.relay));
	run_until(&t.m, !relay_is_purging(t.m.relay));
	expect_left(&t, "000001");
	purging_end(&t);

	purging_start(&t);
	t.m.conf.purge.interval_s = 3600;
	t.m.conf.purge.remain_space_gib = INT64_C(1) << 30; /* no disk has that */
	relay_purge_tick(t.m.relay, dm_mono_ms() + 3600 * 1000 + 1000);
	run_until(&t.m, !relay_is_purging(t.m.relay));
	expect_left(&t, "000001");
	purging_end(&t);

	purging_start(&t);
	t.m.conf.purge.interval_s = 3600; /* neither age nor space is asked for */
	relay_purge_tick(t.m.relay, dm_mono_ms() + 3600 * 1000 + 1000);
	assert_false(relay_is_purging(t.m.relay));
	expect_left(&t, "111111");
	purging_end(&t);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_writers_file_stays_and_old_directories_go),
		cmocka_unit_test(what_a_task_holds_stays),
		cmocka_unit_test(a_hold_at_an_unknown_place_holds_everything),
		cmocka_unit_test(what_a_cursor_reads_stays),
		cmocka_unit_test(by_time_it_stops_at_the_first_younger_file),
		cmocka_unit_test(by_name_it_stops_before_that_file),
		cmocka_unit_test(requests_that_name_nothing_are_refused),
		cmocka_unit_test(one_purge_runs_at_a_time),
		cmocka_unit_test(before_the_files_are_known_nothing_is_purged),
		cmocka_unit_test(the_interval_purges_by_age_and_for_space),
	};

	return test_main(argc, argv, "relay-purge", tests);
}
