/* task.c - start-task, stop-task, pause-task and resume-task. */
#include <string.h>

#include <json-c/json.h>

#include "dm/conf.h"
#include "dm/error.h"
#include "dm/file.h"

#include "command.h"
#include "request.h"

enum { TASK_FILE_MAX_BYTES = 4 << 20 };

static char *body_with(const char *key, struct json_object *value)
{
	struct json_object *body = json_object_new_object();
	char *text;

	json_object_object_add(body, key, value);
	text = dm_strdup(json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN));
	json_object_put(body);
	return text;
}

enum outcome run_task_op(struct call *c)
{
	DM_CLEANUP(freep) char *path = request_path("/apis/v1alpha1/tasks", c->argument);
	DM_CLEANUP(freep) char *body = body_with("op", json_object_new_int(c->command->op));
	struct request request = {
		.method = "PUT", .path = path, .body = body, .timeout_ms = c->timeout_ms
	};

	if (!c->argument) {
		command_usage(c->command, c->out);
		return OUTCOME_USAGE;
	}
	return call_send(c, &request);
}

/* ---- start-task: the file goes to the workers of its sources ---- */
struct start {
	struct task_conf *task;
	struct fleet fleet; /* those that get the file */
	struct fleet strangers; /* named, but of other sources */
	struct fleet mute; /* their source could not be asked */
	struct words mute_faults; /* why, in the same order */
};

static void start_done(struct start *s)
{
	task_conf_free(s->task);
	fleet_done(&s->fleet);
	fleet_done(&s->strangers);
	fleet_done(&s->mute);
	words_done(&s->mute_faults);
}

static bool task_has_source(const struct task_conf *t, const char *source)
{
	for (size_t i = 0; i < task_conf_source_count(t); i++)
		if (strcmp(task_conf_source(t, i), source) == 0)
			return true;
	return false;
}

/* The first source of the task that none of the workers has; NULL when all are served. */
static const char *source_without_worker(const struct start *s)
{
	for (size_t i = 0; i < task_conf_source_count(s->task); i++) {
		const char *source = task_conf_source(s->task, i);
		bool is_served = false;

		for (size_t k = 0; k < s->fleet.count; k++)
			is_served = is_served || strcmp(s->fleet.at[k].source, source) == 0;
		if (!is_served)
			return source;
	}
	return NULL;
}

static const char *source_in(struct json_object *status)
{
	struct json_object *workers = NULL, *source = NULL;

	if (!json_object_object_get_ex(status, "workers", &workers) ||
		!json_object_is_type(workers, json_type_array) ||
		!json_object_object_get_ex(
			json_object_array_get_idx(workers, 0), "sourceID", &source))
		return NULL;
	return json_object_get_string(source);
}

static void sort_worker(struct start *s, const char *address, const char *source)
{
	fleet_add(task_has_source(s->task, source) ? &s->fleet : &s->strangers, address, source);
}

/* Without a [[deploy]] list the workers are asked which source they have. */
static void ask_sources(struct call *c, struct start *s)
{
	struct request request = {
		.method = "GET", .path = "/apis/v1alpha1/status", .timeout_ms = c->timeout_ms
	};
	struct answer *answers = request_send(&c->fleet, &request);

	for (size_t i = 0; i < c->fleet.count; i++) {
		const char *address = c->fleet.at[i].address;
		const char *source = answers[i].document ? source_in(answers[i].document) : NULL;
		const char *fault =
			answers[i].failure ? answers[i].failure : "it does not tell its source";

		if (source) {
			sort_worker(s, address, source);
			continue;
		}
		fleet_add(&s->mute, address, "");
		words_add(&s->mute_faults, fault, strlen(fault));
	}
	answers_free(answers, c->fleet.count);
}

static void sort_deployed(struct call *c, struct start *s)
{
	for (size_t i = 0; i < c->fleet.count; i++)
		sort_worker(s, c->fleet.at[i].address, c->fleet.at[i].source);
}

/* May the file go to a part of its sources only? Yes when the user chose the workers, or one that is mute may have the rest. */
static bool may_be_partial(const struct call *c, const struct start *s)
{
	if (s->mute.count > 0)
		return true;
	switch (c->fleet.origin) {
	case FLEET_DEPLOYED:
		return c->fleet.is_chosen;
	case FLEET_NAMED:
		return c->fleet.count == 1;
	case FLEET_DEFAULT:
	case FLEET_MASTER:
		return s->fleet.count > 0;
	}
	return false;
}

static enum outcome refuse(
	struct call *c, const struct dm_error *err, const struct conf_faults *faults)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	dm_error_text(err, &text);
	if (faults &&
		faults->count > 0) { /* where DM has its stack trace: every fault with its place */
		dm_str_add_char(&text, '\n');
		conf_faults_text(faults, &text);
		while (text.len > 0 && text.data[text.len - 1] == '\n')
			text.data[--text.len] = '\0';
	}
	return call_print(c, reply_refuse(REPLY_PLAIN, NULL, dm_str_get(&text)));
}

static enum outcome send_start(struct call *c, struct start *s, const char *text, size_t len)
{
	DM_CLEANUP(freep)
	char *body = body_with("task", json_object_new_string_len(text, (int)len));
	struct request request = { .method = "POST",
		.path = "/apis/v1alpha1/tasks",
		.body = body,
		.timeout_ms = c->timeout_ms };
	static const char stranger[] = "worker not found in task's config or deployment config";
	struct answer *answers;
	struct json_object *reply;

	s->fleet.origin = c->fleet.origin;
	answers = request_send(&s->fleet, &request);
	reply = reply_merge(REPLY_PLAIN, NULL, NULL, &s->fleet, answers);
	answers_free(answers, s->fleet.count);
	for (size_t i = 0; i < s->mute.count; i++)
		reply_add_failure(
			reply, REPLY_PLAIN, NULL, s->mute.at[i].address, s->mute_faults.at[i]);
	for (size_t i = 0; c->fleet.is_chosen && i < s->strangers.count; i++)
		reply_add_failure(reply, REPLY_PLAIN, NULL, s->strangers.at[i].address, stranger);
	for (size_t i = 0; i < c->fleet.unknown.count; i++)
		reply_add_failure(reply, REPLY_PLAIN, NULL, c->fleet.unknown.at[i], stranger);
	return call_print(c, reply);
}

enum outcome run_start_task(struct call *c)
{
	DM_CLEANUP(start_done) struct start s = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(conf_faults_done) struct conf_faults faults = { 0 };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	const char *file = c->argument ? c->argument : "", *missing;
	int r = dm_file_read(file, TASK_FILE_MAX_BYTES, &text);

	if (r != 0) {
		dm_str_addf(c->out, "get file content error:\nopen %s: %s\n", file,
			strerrordesc_np(-r));
		return OUTCOME_FAILED;
	}
	if (task_conf_parse(dm_str_get(&text), text.len, file, &s.task, &faults, &err) != 0)
		return refuse(c, &err, &faults);
	if (c->fleet.origin == FLEET_DEPLOYED)
		sort_deployed(c, &s);
	else
		ask_sources(c, &s);
	if (c->fleet.origin == FLEET_MASTER && s.mute.count > 0)
		return call_master_fault(c, s.mute_faults.at[0]);
	missing = source_without_worker(&s);
	if (missing && !may_be_partial(c, &s)) {
		dm_fail(&err, DM_ERR_MASTER_TASK_CONFIG, "%s relevant worker not found", missing);
		return refuse(c, &err, NULL);
	}
	return send_start(c, &s, dm_str_get(&text), text.len);
}
