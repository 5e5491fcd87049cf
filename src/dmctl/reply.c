/* reply.c - answers of workers put together. */
#include "reply.h"

#include <string.h>

#include "dm/json.h"

#include "fleet.h"
#include "jsonc.h"
#include "request.h"

/* What an entry of `workers` has beside result, worker and msg. */
struct reply_shape {
	bool has_meta; /* result, worker, msg are inside `meta`, and op and logID follow */
	bool is_op_first; /* op, result, worker, msg */
	bool is_sorted; /* by address; else in the order in which they were asked */
	const char *list; /* an empty list of this name */
	const char *object; /* a null of this name */
	const char *text; /* an empty text of this name */
};
// clang-format off
static const struct reply_shape shapes[REPLY_COUNT] = {
	[REPLY_STATUS] = { false, false, true,  "subTaskStatus", "relayStatus", "sourceID" },
	[REPLY_ERRORS] = { false, false, true,  "subTaskError",  "RelayError",  NULL },
	[REPLY_TASK]   = { true,  false, false, NULL, NULL, NULL },
	[REPLY_RELAY]  = { false, true,  true,  NULL, NULL, NULL },
	[REPLY_PLAIN]  = { false, false, true,  NULL, NULL, NULL },
};
// clang-format on

static struct json_object *text_of(const char *text)
{
	return json_object_new_string(text);
}

static const char *member_text(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(object, key, &value) ||
		!json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

static struct json_object *member(struct json_object *object, const char *key, json_type type)
{
	struct json_object *value = NULL;

	if (!object || !json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, key, &value) ||
		!json_object_is_type(value, type))
		return NULL;
	return value;
}

/* Where `result`, `worker` and `msg` of an entry are. */
static struct json_object *entry_head(struct json_object *entry)
{
	struct json_object *meta = member(entry, "meta", json_type_object);

	return meta ? meta : entry;
}

static struct json_object *failed_head(
	struct json_object *head, const char *worker, const char *msg)
{
	json_object_object_add(head, "result", json_object_new_boolean(false));
	json_object_object_add(head, "worker", text_of(worker));
	json_object_object_add(head, "msg", text_of(msg));
	return head;
}

static struct json_object *failed_entry(
	enum reply_kind kind, const char *op, const char *worker, const char *msg)
{
	const struct reply_shape *shape = &shapes[kind];
	struct json_object *entry = json_object_new_object();

	if (shape->has_meta) {
		json_object_object_add(
			entry, "meta", failed_head(json_object_new_object(), worker, msg));
		json_object_object_add(entry, "op", text_of(op));
		json_object_object_add(entry, "logID", text_of("0"));
		return entry;
	}
	if (shape->is_op_first)
		json_object_object_add(entry, "op", text_of(op));
	failed_head(entry, worker, msg);
	if (shape->list)
		json_object_object_add(entry, shape->list, json_object_new_array());
	if (shape->object)
		json_object_object_add(entry, shape->object, NULL);
	if (shape->text)
		json_object_object_add(entry, shape->text, text_of(""));
	return entry;
}

static struct json_object *new_reply(const char *op, bool result, const char *msg)
{
	struct json_object *reply = json_object_new_object();

	if (op)
		json_object_object_add(reply, "op", text_of(op));
	json_object_object_add(reply, "result", json_object_new_boolean(result));
	json_object_object_add(reply, "msg", text_of(msg));
	json_object_object_add(reply, "workers", json_object_new_array());
	return reply;
}

struct json_object *reply_refuse(enum reply_kind kind, const char *op, const char *msg)
{
	bool has_op = shapes[kind].has_meta || shapes[kind].is_op_first;

	return new_reply(has_op ? op : NULL, false, msg);
}

static int compare_entries(const void *a, const void *b)
{
	struct json_object *x = *(struct json_object *const *)a,
			   *y = *(struct json_object *const *)b;

	return strcmp(member_text(entry_head(x), "worker"), member_text(entry_head(y), "worker"));
}

void reply_add_failure(struct json_object *reply, enum reply_kind kind, const char *op,
	const char *worker, const char *msg)
{
	struct json_object *workers = member(reply, "workers", json_type_array);

	json_object_array_add(workers, failed_entry(kind, op, worker, msg));
	if (shapes[kind].is_sorted)
		json_object_array_sort(workers, compare_entries);
}

/* Puts the entries of one worker's document into `workers`; returns how many there are. A worker that the user named is
 * called by that name. */
static size_t take_entries(
	struct json_object *document, const char *name, struct json_object *workers)
{
	struct json_object *from = member(document, "workers", json_type_array);
	size_t count = from ? json_object_array_length(from) : 0, taken = 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *entry = json_object_array_get_idx(from, i),
				   *head = entry_head(entry);

		if (!json_object_is_type(entry, json_type_object))
			continue;
		if (name && json_object_object_get_ex(head, "worker", NULL))
			json_object_object_add(head, "worker", text_of(name));
		json_object_array_add(workers, json_object_get(entry));
		taken++;
	}
	return taken;
}

static bool is_unknown_task(const char *msg, const char *task)
{
	DM_CLEANUP(freep)
	char *head = dm_format("task %s has no workers or not exist", task ? task : "");

	return task && dm_has_prefix(msg, head);
}

struct json_object *reply_merge(enum reply_kind kind, const char *op, const char *task,
	const struct fleet *f, const struct answer *answers)
{
	struct json_object *reply = new_reply(op, true, "");
	struct json_object *workers = member(reply, "workers", json_type_array);
	const char *unknown = NULL; /* what a worker says that does not know the task */

	for (size_t i = 0; i < f->count; i++) {
		const char *address = f->at[i].address;
		const char *msg = answers[i].failure;

		if (answers[i].document) {
			if (take_entries(answers[i].document,
				    f->origin == FLEET_DEFAULT ? NULL : address, workers) > 0)
				continue;
			msg = member_text(answers[i].document, "msg");
			if (is_unknown_task(msg, task)) {
				unknown = msg;
				continue;
			}
			if (!*msg)
				msg = "the answer names no worker";
		}
		json_object_array_add(workers, failed_entry(kind, op, address, msg));
	}
	if (unknown && json_object_array_length(workers) == 0) {
		json_object_object_add(reply, "result", json_object_new_boolean(false));
		json_object_object_add(reply, "msg", text_of(unknown));
	}
	if (shapes[kind].is_sorted)
		json_object_array_sort(workers, compare_entries);
	return reply;
}

bool reply_is_success(struct json_object *reply)
{
	struct json_object *workers = member(reply, "workers", json_type_array);
	size_t count = workers ? json_object_array_length(workers) : 0;

	if (!json_object_get_boolean(member(reply, "result", json_type_boolean)))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct json_object *head = entry_head(json_object_array_get_idx(workers, i));

		if (!json_object_get_boolean(member(head, "result", json_type_boolean)))
			return false;
	}
	return true;
}

/* Depth is bounded by json-c's parser, which refuses more than 32 levels, as json.h does. */
static void print_value(struct json *j, struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		json_null(j);
		break;
	case json_type_string:
		json_string_bytes(j, json_object_get_string(value),
			(size_t)json_object_get_string_len(value));
		break;
	case json_type_boolean:
	case json_type_double:
	case json_type_int:
		json_literal(j, json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
		break;
	case json_type_array:
		json_array_begin(j);
		for (size_t i = 0; i < json_object_array_length(value); i++)
			print_value(j, json_object_array_get_idx(value, i));
		json_array_end(j);
		break;
	case json_type_object:
		json_object_begin(j);
		json_object_object_foreach(value, key, child)
		{
			json_key(j, key);
			print_value(j, child);
		}
		json_object_end(j);
		break;
	}
}

void reply_print(struct json_object *reply, struct dm_str *out)
{
	struct json j;

	json_init(&j, out, JSON_DM);
	print_value(&j, reply);
	dm_str_add_char(out, '\n');
}
