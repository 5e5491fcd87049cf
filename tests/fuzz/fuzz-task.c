/* fuzz-task.c - any text as task.yaml: read or refused, and what is read is printed, read again and cut up. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dm/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_twice(const struct task_conf *t)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str twice = { 0 };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(task_conf_freep) struct task_conf *again = NULL;

	task_conf_print(t, &text);
	if (task_conf_parse(dm_str_get(&text), text.len, "", &again, NULL, &err) < 0)
		abort();
	task_conf_print(again, &twice);
	if (strcmp(dm_str_get(&text), dm_str_get(&twice)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults faults = { 0 };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str list = { 0 };
	DM_CLEANUP(task_conf_freep) struct task_conf *t = NULL;

	if (task_conf_parse((const char *)data, size, "f", &t, &faults, &err) < 0) {
		conf_faults_text(&faults, &list);
		if (faults.count == 0 || list.len == 0 || !dm_error_is_set(&err))
			abort();
		return 0;
	}
	print_twice(t);
	for (size_t i = 0; i < task_conf_source_count(t); i++) {
		DM_CLEANUP(subtask_conf_freep) struct subtask_conf *s = NULL;

		if (task_conf_for_source(t, task_conf_source(t, i), &s, &err) < 0)
			abort();
	}
	return 0;
}
