/* test-samples.c - the sample files that we ship are good, and fit each other. */
#include "test.h"

#include <string.h>

#include "dm/conf.h"
#include "dm/file.h"

static void read_sample(const char *name, struct dm_str *ret)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/../../conf/%s", test_source_dir, name);

	assert_int_equal(dm_file_read(path, 1 << 20, ret), 0);
}

static struct worker_conf *worker_of(const char *name, const char *text, size_t len)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults faults = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str lines = { 0 };
	const struct worker_flags flags = { 0 };
	struct worker_conf *c = NULL;

	if (worker_conf_parse(text, len, name, &flags, &c, &faults) != 0) {
		conf_faults_text(&faults, &lines);
		fail_msg("%s", dm_str_get(&lines));
	}
	return c;
}

static void both_forms_of_a_worker_say_the_same(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str toml = { 0 }, yaml = { 0 };
	DM_CLEANUP(worker_conf_freep) struct worker_conf *a = NULL, *b = NULL;

	(void)state;
	read_sample("dm-worker.toml", &toml);
	read_sample("source.yaml", &yaml);
	a = worker_of("dm-worker.toml", dm_str_get(&toml), toml.len);
	b = worker_of("source.yaml", dm_str_get(&yaml), yaml.len);
	assert_false(a->is_source_yaml);
	assert_true(b->is_source_yaml);
	assert_string_equal(a->source_id, b->source_id);
	assert_string_equal(a->advertise_addr, b->advertise_addr);
	assert_string_equal(a->listen_host, "127.0.0.1");
	assert_string_equal(a->relay_dir, b->relay_dir);
	assert_string_equal(a->meta_dir, b->meta_dir);
	assert_string_equal(a->from.user, b->from.user);
	assert_int_equal(a->purge.remain_space_gib, b->purge.remain_space_gib);
}

static void the_sample_task_is_for_the_sample_source(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str toml = { 0 }, yaml = { 0 };
	DM_CLEANUP(worker_conf_freep) struct worker_conf *worker = NULL;
	DM_CLEANUP(task_conf_freep) struct task_conf *task = NULL;
	DM_CLEANUP(subtask_conf_freep) struct subtask_conf *subtask = NULL;
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

	(void)state;
	read_sample("dm-worker.toml", &toml);
	read_sample("task.yaml", &yaml);
	worker = worker_of("dm-worker.toml", dm_str_get(&toml), toml.len);
	if (task_conf_parse(dm_str_get(&yaml), yaml.len, "task.yaml", &task, NULL, &err) != 0 ||
		task_conf_for_source(task, worker->source_id, &subtask, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(subtask->common.mode, TASK_MODE_INCREMENTAL);
	assert_true(subtask->meta.is_set);
	assert_true(subtask->has_list);
	assert_string_equal(subtask->list.do_dbs.at[0], "shop");
}

static void what_the_worker_prints_as_a_sample_can_be_read_back(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(worker_conf_freep) struct worker_conf *c = NULL;

	(void)state;
	worker_conf_print_sample(&text);
	c = worker_of("dm-worker.toml", dm_str_get(&text), text.len);
	assert_string_equal(c->source_id, "mysql-replica-01");
	assert_int_equal(c->listen_port, 8262);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_forms_of_a_worker_say_the_same),
		cmocka_unit_test(the_sample_task_is_for_the_sample_source),
		cmocka_unit_test(what_the_worker_prints_as_a_sample_can_be_read_back),
	};

	return test_main(argc, argv, "samples", tests);
}
