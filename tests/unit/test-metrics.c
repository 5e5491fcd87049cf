/* test-metrics.c - the Prometheus text: names, labels, values, and what is left out. */
#include "test.h"

#include <ctype.h>
#include <stdio.h>

#include "sample-status.h"

static const struct sample running = { "127.0.0.1:8262", "mysql-replica-01", "1-1-8", "1-1.000001",
	STAGE_RUNNING, 0, 1400, 1300, "mysql-bin|000001.000001", 1200 };

static char *print(const struct status *s)
{
	struct dm_str out = { 0 };

	status_print_metrics(s, &out);
	return dm_str_take(&out);
}

/* `line` as a whole line. */
static bool has_line(const char *text, const char *line)
{
	DM_CLEANUP(freep) char *whole = dm_format("\n%s\n", line);

	return strstr(text, whole) != NULL;
}

static void expect_line(const char *text, const char *line)
{
	if (!has_line(text, line))
		fail_msg("no line %s\nin %s", line, text);
}

static void positions_and_stages_have_dms_names_and_labels(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&running);
	DM_CLEANUP(freep) char *text = NULL;

	(void)state;
	sample_add_task(s, "test", &running)->exits_with_error = 2;
	s->relay.space_available = 79180382208;
	s->relay.space_capacity = 270553174016;
	status_derive(s, NULL);
	text = print(s);
	expect_line(text, "dm_relay_binlog_pos{node=\"master\"} 1400");
	expect_line(text, "dm_relay_binlog_pos{node=\"relay\"} 1300");
	expect_line(text, "dm_relay_binlog_file{node=\"master\"} 1");
	expect_line(text, "dm_relay_binlog_file{node=\"relay\"} 1");
	expect_line(text, "dm_relay_sub_dir_index{node=\"127.0.0.1:3306\",uuid=\"1-1.000001\"} 1");
	expect_line(text, "dm_relay_space{type=\"available\"} 79180382208");
	expect_line(text, "dm_relay_space{type=\"capacity\"} 270553174016");
	expect_line(text, "dm_worker_task_state{task=\"test\"} 2");
	expect_line(text, "dm_syncer_binlog_pos{node=\"master\",task=\"test\"} 1400");
	expect_line(text, "dm_syncer_binlog_pos{node=\"syncer\",task=\"test\"} 1200");
	expect_line(text, "dm_syncer_binlog_file{node=\"syncer\",task=\"test\"} 1");
	expect_line(text, "dm_syncer_exit_with_error_count{task=\"test\"} 2");
	expect_line(text, "# TYPE dm_worker_task_state gauge");
}

/* changes() sees a first error only if there was a 0 before it. */
static void error_counters_exist_before_the_first_error(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&running);
	DM_CLEANUP(freep) char *before = NULL;
	DM_CLEANUP(freep) char *after = NULL;

	(void)state;
	status_derive(s, NULL);
	before = print(s);
	expect_line(before, "dm_relay_exit_with_error_count 0");
	expect_line(before, "dm_relay_read_error_count 0");
	expect_line(before, "dm_relay_write_error_count 0");
	expect_line(before, "dm_relay_data_corruption 0");
	s->relay.exits_with_error = 1;
	s->relay.read_errors = 2;
	s->relay.write_errors = 3;
	s->relay.corruptions = UINT64_MAX;
	after = print(s);
	expect_line(after, "dm_relay_exit_with_error_count 1");
	expect_line(after, "dm_relay_read_error_count 2");
	expect_line(after, "dm_relay_write_error_count 3");
	expect_line(after, "dm_relay_data_corruption 18446744073709551615");
}

/* A task whose start fails has no unit yet, and an alert all the same. */
static void a_task_without_a_unit_has_its_error_counter(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&running);
	struct subtask_view *v = sample_add_task(s, "test", &running);
	DM_CLEANUP(freep) char *text = NULL;

	(void)state;
	unit_status_done(&v->status);
	v->has_unit_status = false;
	v->exits_with_error = 3;
	status_derive(s, NULL);
	text = print(s);
	expect_line(text, "dm_syncer_exit_with_error_count{task=\"test\"} 3");
}

static void what_is_not_known_has_no_series(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&running);
	struct subtask_view *v = sample_add_task(s, "test", &running);
	DM_CLEANUP(freep) char *text = NULL;

	(void)state;
	s->sample.is_known = s->sample.is_fresh = false;
	s->relay.received.name[0] = '\0';
	s->relay.sub_dir[0] = '\0';
	unit_status_done(&v->status);
	v->has_unit_status = false;
	status_derive(s, NULL);
	text = print(s);
	assert_null(strstr(text, "dm_relay_binlog_pos"));
	assert_null(strstr(text, "dm_relay_binlog_file"));
	assert_null(strstr(text, "dm_relay_sub_dir_index"));
	assert_null(strstr(text, "dm_relay_space"));
	assert_null(strstr(text, "dm_syncer_binlog"));
	expect_line(text, "dm_worker_task_state{task=\"test\"} 2");
}

static void labels_are_escaped(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&running);
	DM_CLEANUP(freep) char *text = NULL;

	(void)state;
	sample_add_task(s, "a\"b\\c\nd", &running);
	status_derive(s, NULL);
	text = print(s);
	expect_line(text, "dm_worker_task_state{task=\"a\\\"b\\\\c\\nd\"} 2");
}

static double value_of(const char *text, const char *name)
{
	DM_CLEANUP(freep) char *start = dm_format("\n%s ", name);
	const char *line = strstr(text, start);

	if (!line)
		fail_msg("no %s", name);
	return strtod(line + strlen(start), NULL);
}

static void the_process_tells_of_itself(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&running);
	DM_CLEANUP(freep) char *text = NULL;

	(void)state;
	status_derive(s, NULL);
	text = print(s);
	assert_true(value_of(text, "process_resident_memory_bytes") > 100000);
	assert_true(value_of(text, "process_virtual_memory_bytes") >
		    value_of(text, "process_resident_memory_bytes"));
	assert_true(value_of(text, "process_open_fds") >= 3);
	assert_true(value_of(text, "process_max_fds") >= value_of(text, "process_open_fds"));
	assert_true(value_of(text, "process_cpu_seconds_total") >= 0);
	assert_true(value_of(text, "process_start_time_seconds") == 1799996400.0);
}

/* Each metric: HELP, TYPE, then samples of that name only, and none twice. */
static void the_text_is_well_formed(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&running);
	DM_CLEANUP(freep) char *text = NULL;
	char name[128] = "", type[128] = "";
	unsigned int samples = 1;

	(void)state;
	sample_add_task(s, "a", &running);
	sample_add_task(s, "b", &running);
	status_derive(s, NULL);
	text = print(s);
	assert_true(text[strlen(text) - 1] == '\n');
	for (char *save, *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		if (line[0] != '#') {
			assert_memory_equal(line, name, strlen(name));
			assert_true(line[strlen(name)] == ' ' || line[strlen(name)] == '{');
			samples++;
		} else if (line[2] == 'H') {
			assert_true(samples > 0);
			assert_int_equal(sscanf(line, "# HELP %127s", name), 1);
			samples = 0;
		} else {
			assert_int_equal(sscanf(line, "# TYPE %127s", type), 1);
			assert_string_equal(type, name);
			assert_int_equal(samples, 0);
		}
	}
	assert_true(samples > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions_and_stages_have_dms_names_and_labels),
		cmocka_unit_test(error_counters_exist_before_the_first_error),
		cmocka_unit_test(a_task_without_a_unit_has_its_error_counter),
		cmocka_unit_test(what_is_not_known_has_no_series),
		cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test(the_process_tells_of_itself),
		cmocka_unit_test(the_text_is_well_formed),
	};

	return test_main(argc, argv, "metrics", tests);
}
