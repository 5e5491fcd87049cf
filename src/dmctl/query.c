/* query.c - query-status and query-error, and the names of tasks. */
#include <string.h>

#include <json-c/json.h>

#include "command.h"
#include "request.h"

static const char status_path[] = "/apis/v1alpha1/status", errors_path[] = "/apis/v1alpha1/errors";

enum outcome run_query(struct call *c)
{
	const char *prefix = c->command->reply == REPLY_STATUS ? status_path : errors_path;
	DM_CLEANUP(freep) char *path = request_path(prefix, c->argument);
	struct request request = { .method = "GET", .path = path, .timeout_ms = c->timeout_ms };

	return call_send(c, &request);
}

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_names(struct json_object *status, struct words *names)
{
	struct json_object *workers = NULL, *subtasks = NULL, *name = NULL;

	if (!json_object_object_get_ex(status, "workers", &workers) ||
		!json_object_is_type(workers, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(workers); i++) {
		if (!json_object_object_get_ex(
			    json_object_array_get_idx(workers, i), "subTaskStatus", &subtasks) ||
			!json_object_is_type(subtasks, json_type_array))
			continue;
		for (size_t k = 0; k < json_object_array_length(subtasks); k++)
			if (json_object_object_get_ex(
				    json_object_array_get_idx(subtasks, k), "name", &name))
				words_add(names, json_object_get_string(name),
					(size_t)json_object_get_string_len(name));
	}
}

static void remove_repeats(struct words *names)
{
	size_t kept = 0;

	if (names->count == 0)
		return;
	qsort(names->at, names->count, sizeof(char *), compare_words);
	for (size_t i = 1; i < names->count; i++) {
		if (strcmp(names->at[kept], names->at[i]) == 0)
			free(names->at[i]);
		else
			names->at[++kept] = names->at[i];
	}
	names->count = kept + 1;
}

void session_task_names(const struct session *s, int timeout_ms, struct words *ret)
{
	struct request request = { .method = "GET", .path = status_path, .timeout_ms = timeout_ms };
	DM_CLEANUP(fleet_done) struct fleet fleet = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str fault = { 0 };
	struct answer *answers;

	if (fleet_select(s->conf, s->master_addr, &s->workers, &fleet, &fault) != 0)
		return; /* the command itself will say so */
	answers = request_send(&fleet, &request);
	for (size_t i = 0; i < fleet.count; i++)
		if (answers[i].document)
			add_names(answers[i].document, ret);
	answers_free(answers, fleet.count);
	remove_repeats(ret);
}
