/* status-dm.c - DM's own documents: QueryStatusListResponse and QueryErrorListResponse, with one worker.
 *
 * Keys, order and types are those of dmmaster.proto and dmworker.proto of 1.0.7. */
#include "dm/status.h"

#include <stdlib.h>
#include <string.h>

static bool is_all(const char *task)
{
	return !task || task[0] == '\0';
}

static size_t find_task(const struct status *s, const char *task)
{
	size_t i = 0;

	while (i < s->registry.count && strcmp(s->registry.subtasks[i].name, task) != 0)
		i++;
	return i;
}

void status_unknown_task(const char *task, struct dm_str *out)
{
	dm_str_addf(out,
		"task %s has no workers or not exist, can try `refresh-worker-tasks` cmd first",
		task);
}

static void print_dm_position(struct json *j, const char *key, const struct binlog_position *p)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	binlog_position_text(p, &text);
	json_key_string(j, key, text.data);
}

static void print_error(struct json *j, const struct dm_process_error *e)
{
	const struct dm_error_info *info = dm_error_info(e->error.code);

	json_object_begin(j);
	json_key_string(j, "Type", dm_error_type_name(e->type));
	json_key_string(j, "msg", ""); /* DM blanks it where `error` says it all */
	json_key(j, "error");
	json_object_begin(j);
	json_key_int(j, "ErrCode", (int64_t)info->code);
	json_key_int(j, "ErrClass", (int64_t)info->class);
	json_key_int(j, "ErrScope", (int64_t)dm_error_scope(&e->error));
	json_key_int(j, "ErrLevel", (int64_t)info->level);
	json_key_string(j, "Message", e->error.message);
	json_key_string(j, "RawCause", e->error.raw_cause);
	json_object_end(j);
	json_object_end(j);
}

static void print_dm_result(struct json *j, const char *key, const struct dm_process_result *r)
{
	json_key(j, key);
	if (!r->is_set) {
		json_null(j);
		return;
	}
	json_object_begin(j);
	json_key_bool(j, "isCanceled", r->is_canceled);
	json_key(j, "errors");
	json_array_begin(j);
	for (size_t i = 0; i < r->error_count; i++)
		print_error(j, &r->errors[i]);
	json_array_end(j);
	json_key_null(j, "detail");
	json_object_end(j);
}

/* ---- query-status ---- */

static void print_empty_array(struct json *j, const char *key)
{
	json_key(j, key);
	json_array_begin(j);
	json_array_end(j);
}

static const char *upstream_gtid(const struct status *s)
{
	return s->sample.is_known ? s->sample.gtid_set : "";
}

static void print_sync(struct json *j, const struct status *s, size_t index)
{
	static const struct binlog_position start = { .pos = 4 }; /* DM's before any checkpoint */
	const struct subtask_view *v = &s->registry.subtasks[index];
	const struct sync_status *sync = v->has_unit_status ? &v->status.sync : NULL;

	json_key(j, "sync");
	json_object_begin(j);
	json_key_quoted_uint(j, "totalEvents", sync ? sync->total_events : 0);
	json_key_quoted_uint(j, "totalTps", v->total_tps);
	json_key_quoted_uint(j, "recentTps", v->recent_tps);
	print_dm_position(j, "masterBinlog", &s->upstream);
	json_key_string(j, "masterBinlogGtid", upstream_gtid(s));
	print_dm_position(j, "syncerBinlog", sync ? &sync->flushed : &start);
	json_key_string(j, "syncerBinlogGtid", sync ? sync->flushed_gtid : "");
	print_empty_array(j, "blockingDDLs");
	print_empty_array(j, "unresolvedGroups");
	json_key_bool(j, "synced", s->tasks[index].is_synced);
	json_object_end(j);
}

/* The oneof: the current unit's own part, or that of the last one of a Stopped subtask. */
static enum dm_unit shown_unit(const struct subtask_view *v)
{
	return v->has_unit_status ? v->status.unit : v->unit;
}

static void print_subtask(struct json *j, const struct status *s, size_t index)
{
	const struct subtask_view *v = &s->registry.subtasks[index];

	json_object_begin(j);
	json_key_string(j, "name", v->name);
	json_key_string(j, "stage", dm_stage_name(v->stage));
	json_key_string(j, "unit", dm_unit_name(v->unit));
	print_dm_result(j, "result", &v->result);
	json_key_string(j, "unresolvedDDLLockID", "");
	if (shown_unit(v) == UNIT_SYNC)
		print_sync(j, s, index);
	json_object_end(j);
}

static void print_relay(struct json *j, const struct status *s)
{
	static const struct dm_process_result no_result = { 0 };
	const struct relay_status *r = &s->relay;
	bool is_open = r->stage != STAGE_STOPPED; /* a closed relay tells its stage and no more */

	json_key(j, "relayStatus");
	json_object_begin(j);
	if (is_open)
		print_dm_position(j, "masterBinlog", &s->upstream);
	else
		json_key_string(j, "masterBinlog", "");
	json_key_string(j, "masterBinlogGtid", is_open ? upstream_gtid(s) : "");
	json_key_string(j, "relaySubDir", is_open ? r->sub_dir : "");
	if (is_open)
		print_dm_position(j, "relayBinlog", &r->received);
	else
		json_key_string(j, "relayBinlog", "");
	json_key_string(j, "relayBinlogGtid", is_open ? r->gtid_set : "");
	json_key_bool(j, "relayCatchUpMaster", is_open && s->is_relay_caught_up);
	json_key_string(j, "stage", dm_stage_name(r->stage));
	print_dm_result(j, "result", is_open ? &r->result : &no_result);
	json_object_end(j);
}

/* Both documents begin alike; false: the task is not here, and the document is complete. */
static bool print_head(struct json *j, const struct status *s, const struct status_query *q)
{
	DM_CLEANUP(dm_str_done) struct dm_str msg = { 0 };
	bool is_here = is_all(q->task) || find_task(s, q->task) < s->registry.count;

	if (!is_here)
		status_unknown_task(q->task, &msg);
	json_object_begin(j);
	json_key_bool(j, "result", is_here);
	json_key_string(j, "msg", dm_str_get(&msg));
	json_key(j, "workers");
	json_array_begin(j);
	if (!is_here) {
		json_array_end(j);
		json_object_end(j);
	}
	return is_here;
}

static void print_tail(struct json *j)
{
	json_object_end(j);
	json_array_end(j);
	json_object_end(j);
}

void status_print_dm(const struct status *s, const struct status_query *q, struct dm_str *out)
{
	struct json j;

	json_init(&j, out, q->form);
	if (!print_head(&j, s, q))
		return;
	json_object_begin(&j);
	json_key_bool(&j, "result", true);
	json_key_string(&j, "worker", s->worker);
	json_key_string(&j, "msg", s->registry.count == 0 ? "no sub task started" : "");
	json_key(&j, "subTaskStatus");
	json_array_begin(&j);
	for (size_t i = 0; i < s->registry.count; i++)
		if (is_all(q->task) || strcmp(s->registry.subtasks[i].name, q->task) == 0)
			print_subtask(&j, s, i);
	json_array_end(&j);
	print_relay(&j, s);
	json_key_string(&j, "sourceID", s->source_id);
	print_tail(&j);
}

/* ---- query-error ---- */

/* A string as protobuf's text form quotes it. */
static void add_proto_string(struct dm_str *out, const char *key, const char *text)
{
	if (!text || text[0] == '\0')
		return;
	dm_str_addf(out, "%s:\"", key);
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '\n')
			dm_str_add(out, "\\n");
		else if (c == '\r')
			dm_str_add(out, "\\r");
		else if (c == '\t')
			dm_str_add(out, "\\t");
		else if (c == '"' || c == '\\')
			dm_str_addf(out, "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			dm_str_addf(out, "\\%03o", c);
		else
			dm_str_add_char(out, (char)c);
	}
	dm_str_add(out, "\" ");
}

static void add_proto_number(struct dm_str *out, const char *key, int value)
{
	if (value != 0)
		dm_str_addf(out, "%s:%d ", key, value);
}

static void print_dm_result_text(const struct dm_process_result *r, struct dm_str *out)
{
	for (size_t i = 0; i < r->error_count; i++) {
		const struct dm_process_error *e = &r->errors[i];
		const struct dm_error_info *info = dm_error_info(e->error.code);

		if (i > 0)
			dm_str_add(out, ", ");
		if (e->type != ERROR_UNKNOWN)
			dm_str_addf(out, "Type:%s ", dm_error_type_name(e->type));
		dm_str_add(out, "error:<");
		add_proto_number(out, "ErrCode", (int)info->code);
		add_proto_number(out, "ErrClass", (int)info->class);
		add_proto_number(out, "ErrScope", (int)dm_error_scope(&e->error));
		add_proto_number(out, "ErrLevel", (int)info->level);
		add_proto_string(out, "Message", e->error.message);
		add_proto_string(out, "RawCause", e->error.raw_cause);
		dm_str_add(out, "> ");
	}
}

static int compare_errors(const void *a, const void *b)
{
	const struct dm_process_error *const *left = a, *const *right = b;

	return binlog_position_compare(&(*left)->position, &(*right)->position);
}

static void print_sync_errors(struct json *j, const struct sync_status *sync)
{
	DM_CLEANUP(freep)
	const struct dm_process_error **sorted =
		dm_alloc_array(sync->error_count, sizeof(const struct dm_process_error *));

	for (size_t i = 0; i < sync->error_count; i++)
		sorted[i] = &sync->errors[i];
	qsort(sorted, sync->error_count, sizeof(const struct dm_process_error *), compare_errors);
	json_key(j, "sync");
	json_object_begin(j);
	json_key(j, "errors");
	json_array_begin(j);
	for (size_t i = 0; i < sync->error_count; i++) {
		DM_CLEANUP(dm_str_done) struct dm_str msg = { 0 };
		DM_CLEANUP(dm_str_done) struct dm_str place = { 0 };

		dm_error_text(&sorted[i]->error, &msg);
		if (sorted[i]->position.name[0] != '\0')
			binlog_position_colon(&sorted[i]->position, &place);
		json_object_begin(j);
		json_key_string(j, "msg", msg.data);
		json_key_string(j, "failedBinlogPosition", dm_str_get(&place));
		json_key_string(j, "errorSQL", sorted[i]->statement);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

static void print_subtask_error(struct json *j, const struct subtask_view *v)
{
	static const struct sync_status no_status = { 0 };

	json_object_begin(j);
	json_key_string(j, "name", v->name);
	json_key_string(j, "stage", dm_stage_name(v->stage));
	json_key_string(j, "unit", dm_unit_name(v->unit));
	if (shown_unit(v) == UNIT_SYNC) {
		print_sync_errors(j, v->has_unit_status ? &v->status.sync : &no_status);
	} else if (v->result.error_count > 0) {
		DM_CLEANUP(dm_str_done) struct dm_str msg = { 0 };

		print_dm_result_text(&v->result, &msg);
		json_key_string(j, "msg", msg.data);
	}
	json_object_end(j);
}

void status_print_dm_errors(
	const struct status *s, const struct status_query *q, struct dm_str *out)
{
	struct json j;

	json_init(&j, out, q->form);
	if (!print_head(&j, s, q))
		return;
	json_object_begin(&j);
	json_key_bool(&j, "result", true);
	json_key_string(&j, "worker", s->worker);
	json_key_string(&j, "msg", "");
	json_key(&j, "subTaskError");
	json_array_begin(&j);
	for (size_t i = 0; i < s->registry.count; i++)
		if (is_all(q->task) || strcmp(s->registry.subtasks[i].name, q->task) == 0)
			print_subtask_error(&j, &s->registry.subtasks[i]);
	json_array_end(&j);
	json_key(&j, "RelayError");
	json_object_begin(&j);
	json_key_string(&j, "msg", s->relay.stage == STAGE_STOPPED ? "relay stopped" : "");
	json_object_end(&j);
	print_tail(&j);
}
