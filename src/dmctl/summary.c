/* summary.c - one status for each task, as plain query-status of DM 1.0.7 prints it. */
#include <string.h>

#include "dm/json.h"

#include "jsonc.h"
#include "reply.h"

struct summary_task {
	const char *name; /* the document's */
	char *status; /* owned */
	const char **workers; /* array owned */
	size_t worker_count;
};
struct summary {
	struct summary_task *tasks;
	size_t count;
};

static void summary_done(struct summary *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->tasks[i].status);
		free(s->tasks[i].workers);
	}
	free(s->tasks);
}

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, key, &value))
		return NULL;
	return value;
}

static const char *get_text(struct json_object *object, const char *key)
{
	struct json_object *value = get(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static bool has_errors(struct json_object *status)
{
	struct json_object *errors = get(get(status, "result"), "errors");

	return json_object_is_type(errors, json_type_array) && json_object_array_length(errors) > 0;
}

static struct summary_task *summary_task(struct summary *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->tasks[i].name, name) == 0)
			return &s->tasks[i];
	s->tasks = dm_grow(s->tasks, s->count + 1, sizeof(struct summary_task));
	s->tasks[s->count] = (struct summary_task){ .name = name, .status = dm_strdup("") };
	return &s->tasks[s->count++];
}

/* The rules of dmctl 1.0.7 in their order: the first that fits decides. NULL: the status stays. */
static char *next_status(const char *now, struct json_object *subtask, struct json_object *relay)
{
	const char *stage = get_text(subtask, "stage"), *relay_stage = get_text(relay, "stage");
	bool is_paused = strcmp(stage, "Paused") == 0;

	if (dm_has_prefix(now, "Error"))
		return NULL;
	if (is_paused && has_errors(subtask))
		return dm_strdup("Error - Some error occurred in subtask");
	if (strcmp(get_text(subtask, "unit"), "Sync") == 0 && strcmp(stage, "Running") == 0 &&
		(strcmp(relay_stage, "Paused") == 0 || strcmp(relay_stage, "Stopped") == 0))
		return dm_format(
			"Error - Relay status is %s", has_errors(relay) ? "Error" : relay_stage);
	if (strcmp(now, "Paused") == 0)
		return NULL;
	if (!*now || is_paused)
		return dm_strdup(stage);
	return strcmp(now, stage) == 0 ? NULL : dm_strdup("Running");
}

static void add_subtask(struct summary *s, struct json_object *entry, struct json_object *subtask)
{
	struct summary_task *task = summary_task(s, get_text(subtask, "name"));
	char *status = next_status(task->status, subtask, get(entry, "relayStatus"));

	if (status) {
		free(task->status);
		task->status = status;
	}
	task->workers = dm_grow(task->workers, task->worker_count + 1, sizeof(char *));
	task->workers[task->worker_count++] = get_text(entry, "worker");
}

static int compare_tasks(const void *a, const void *b)
{
	return strcmp(
		((const struct summary_task *)a)->name, ((const struct summary_task *)b)->name);
}

static void summary_fill(struct summary *s, struct json_object *status)
{
	struct json_object *workers = get(status, "workers");
	size_t count = json_object_is_type(workers, json_type_array)
			       ? json_object_array_length(workers)
			       : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *entry = json_object_array_get_idx(workers, i),
				   *subtasks = get(entry, "subTaskStatus");

		if (!json_object_is_type(subtasks, json_type_array))
			continue;
		for (size_t k = 0; k < json_object_array_length(subtasks); k++)
			add_subtask(s, entry, json_object_array_get_idx(subtasks, k));
	}
	if (s->count > 0)
		qsort(s->tasks, s->count, sizeof(struct summary_task), compare_tasks);
}

static void print_task(struct json *j, const struct summary_task *task)
{
	json_object_begin(j);
	if (*task->name)
		json_key_string(j, "taskName", task->name);
	if (dm_has_prefix(task->status, "Error")) {
		DM_CLEANUP(freep)
		char *text = dm_format("%s. Please run `query-status %s` to get more details.",
			task->status, task->name);

		json_key_string(j, "taskStatus", text);
	} else if (*task->status) {
		json_key_string(j, "taskStatus", task->status);
	}
	json_key(j, "workers");
	json_array_begin(j);
	for (size_t i = 0; i < task->worker_count; i++)
		json_string(j, task->workers[i]);
	json_array_end(j);
	json_object_end(j);
}

void reply_print_summary(struct json_object *status, struct dm_str *out)
{
	DM_CLEANUP(summary_done) struct summary s = { 0 };
	struct json j;

	summary_fill(&s, status);
	json_init(&j, out, JSON_GO);
	json_object_begin(&j);
	json_key_bool(&j, "result", json_object_get_boolean(get(status, "result")));
	json_key_string(&j, "msg", get_text(status, "msg"));
	json_key(&j, "tasks");
	json_array_begin(&j);
	for (size_t i = 0; i < s.count; i++)
		print_task(&j, &s.tasks[i]);
	json_array_end(&j);
	json_object_end(&j);
	dm_str_add_char(out, '\n');
}
