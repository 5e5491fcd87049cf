/* status-v1.c - /api/v1: the same snapshot with what DM's document has no place for.
 *
 * Unknown is null; each value that was asked of somebody else has an age; times are RFC 3339 in UTC,
 * durations seconds, sizes bytes. One shape of error everywhere. */
#include "dm/status.h"

#include <string.h>

#include "dm/clock.h"

/* ---- values that may be unknown ---- */

static void print_time(struct json *j, const char *key, int64_t wall_ns)
{
	char text[32];

	if (wall_ns > 0)
		json_key_string(j, key, dm_wall_text(wall_ns, text, sizeof(text)));
	else
		json_key_null(j, key);
}

static void print_seconds(struct json *j, const char *key, bool is_known, int64_t ms)
{
	json_key(j, key);
	if (is_known)
		json_thousandths(j, ms);
	else
		json_null(j);
}

static void print_number(struct json *j, const char *key, bool is_known, uint64_t value)
{
	if (is_known)
		json_key_uint(j, key, value);
	else
		json_key_null(j, key);
}

static void print_truth(struct json *j, const char *key, bool is_known, bool value)
{
	if (is_known)
		json_key_bool(j, key, value);
	else
		json_key_null(j, key);
}

/* NULL and "" are null: nothing here has an empty text that means something. */
static void print_text(struct json *j, const char *key, const char *text)
{
	if (text && text[0] != '\0')
		json_key_string(j, key, text);
	else
		json_key_null(j, key);
}

static void print_age(struct json *j, const char *key, const struct status *s, int64_t mono_ms)
{
	int64_t age_ms = s->mono_ms > mono_ms ? s->mono_ms - mono_ms : 0;

	print_seconds(j, key, mono_ms > 0, age_ms);
}

static void print_position(struct json *j, const char *key, const struct binlog_position *p)
{
	json_key(j, key);
	if (p->name[0] == '\0') {
		json_null(j);
		return;
	}
	json_object_begin(j);
	json_key_string(j, "file", p->name);
	json_key_uint(j, "position", p->pos);
	json_object_end(j);
}

static void print_lag(struct json *j, const struct status_lag *lag)
{
	json_key(j, "lag");
	json_object_begin(j);
	print_seconds(j, "seconds", lag->is_known, lag->ms);
	print_number(j, "bytes", lag->has_bytes, lag->bytes);
	print_number(j, "files", lag->has_bytes || lag->files > 0, lag->files);
	json_object_end(j);
}

/* ---- errors ---- */

static void print_error_members(struct json *j, const struct dm_error *e)
{
	const struct dm_error_info *info = dm_error_info(e->code);

	json_key_int(j, "code", (int64_t)info->code);
	json_key_string(j, "class", dm_class_name(info->class));
	json_key_string(j, "scope", dm_scope_name(dm_error_scope(e)));
	json_key_string(j, "level", dm_level_name(info->level));
	json_key_string(j, "message", e->message);
	print_text(j, "cause", e->raw_cause);
	print_text(j, "workaround", info->workaround);
}

static void print_error(struct json *j, const char *key, const struct dm_process_error *e)
{
	json_key(j, key);
	if (!e) {
		json_null(j);
		return;
	}
	json_object_begin(j);
	json_key_string(j, "type", dm_error_type_name(e->type));
	print_error_members(j, &e->error);
	print_position(j, "position", &e->position);
	print_text(j, "table", e->table);
	print_text(j, "statement", e->statement);
	print_time(j, "time", e->wall_ns);
	json_object_end(j);
}

/* The sampler has a bare error; it is of now. */
static void print_bare_error(struct json *j, const char *key, const struct dm_error *e)
{
	json_key(j, key);
	if (!dm_error_is_set(e)) {
		json_null(j);
		return;
	}
	json_object_begin(j);
	print_error_members(j, e);
	json_object_end(j);
}

static const struct dm_process_error *error_of(const struct dm_process_result *r)
{
	return r->error_count > 0 ? &r->errors[0] : NULL;
}

/* ---- parts ---- */

static void print_upstream(struct json *j, const struct status *s)
{
	const struct sampler_view *u = &s->sample;

	json_key(j, "upstream");
	json_object_begin(j);
	json_key_string(j, "address", s->upstream_address);
	print_text(j, "version", u->server.version_text);
	json_key_bool(j, "isFresh", u->is_fresh);
	print_time(j, "answeredAt", u->answered_wall_ns);
	print_age(j, "ageSeconds", s, u->answered_mono_ms);
	print_position(j, "binlog", &s->upstream);
	print_text(j, "gtidSet", u->is_known ? u->gtid_set : NULL);
	print_bare_error(j, "error", &u->error);
	json_object_end(j);
}

static void print_relay_counters(struct json *j, const struct relay_status *r)
{
	json_key(j, "counters");
	json_object_begin(j);
	json_key_uint(j, "events", r->events);
	json_key_uint(j, "bytes", r->bytes);
	json_key_uint(j, "readErrors", r->read_errors);
	json_key_uint(j, "writeErrors", r->write_errors);
	json_key_uint(j, "corruptions", r->corruptions);
	json_key_uint(j, "exitsWithError", r->exits_with_error);
	json_object_end(j);
}

static const char *relay_legal(enum dm_stage stage)
{
	switch (stage) {
	case STAGE_RUNNING:
		return "pause-relay";
	case STAGE_PAUSED:
		return "resume-relay";
	case STAGE_INVALID:
	case STAGE_NEW:
	case STAGE_STOPPED:
	case STAGE_FINISHED:
	case STAGE_COUNT:
		break;
	}
	return "";
}

/* "a, b" as an array. */
static void print_list(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_array_begin(j);
	while (text && *text) {
		size_t len = strcspn(text, ",");

		json_string_bytes(j, text, len);
		text += len + strspn(text + len, ", ");
	}
	json_array_end(j);
}

static enum stage_reason relay_by(const struct relay_status *r)
{
	if (r->stage != STAGE_PAUSED)
		return BY_NOBODY;
	if (r->is_paused_by_user)
		return BY_USER;
	return r->waiting_for && strcmp(r->waiting_for, "disk") == 0 ? BY_DISK : BY_ERROR;
}

static void print_reason(struct json *j, enum stage_reason by)
{
	print_text(j, "by", by == BY_NOBODY ? NULL : stage_reason_name(by));
}

static void print_relay_members(struct json *j, const struct status *s)
{
	const struct relay_status *r = &s->relay;
	int64_t retry_in_ms = r->next_retry_mono_ms - s->mono_ms;

	json_key_string(j, "stage", dm_stage_name(r->stage));
	json_key_string(j, "wantedStage",
		dm_stage_name(r->is_paused_by_user ? STAGE_PAUSED : STAGE_RUNNING));
	print_reason(j, relay_by(r));
	print_list(j, "legalCommands", relay_legal(r->stage));
	print_text(j, "waitingFor", r->waiting_for);
	print_seconds(
		j, "retryInSeconds", r->next_retry_mono_ms > 0, retry_in_ms > 0 ? retry_in_ms : 0);
	print_text(j, "subDir", r->sub_dir);
	print_position(j, "received", &r->received);
	print_position(j, "flushed", &r->flushed);
	print_text(j, "gtidSet", r->gtid_set);
	print_truth(j, "caughtUp", s->sample.is_fresh, s->is_relay_caught_up);
	print_lag(j, &s->relay_lag);
	print_age(j, "lastEventAgeSeconds", s, r->last_event_mono_ms);
	print_relay_counters(j, r);
	print_number(j, "spaceCapacity", r->space_capacity > 0, r->space_capacity);
	print_number(j, "spaceAvailable", r->space_capacity > 0, r->space_available);
	print_error(j, "error", error_of(&r->result));
	print_error(j, "retryError", r->retry_error);
}

static void print_sync(struct json *j, const struct sync_status *sync)
{
	json_key(j, "sync");
	json_object_begin(j);
	print_position(j, "received", &sync->received);
	print_position(j, "applied", &sync->applied);
	print_position(j, "flushed", &sync->flushed);
	print_text(j, "flushedGtidSet", sync->flushed_gtid);
	print_time(j, "appliedTransactionTime", sync->applied_timestamp * 1000000000);
	json_key_bool(j, "safeMode", sync->is_safe_mode);
	json_key_uint(j, "totalEvents", sync->total_events);
	json_key_uint(j, "appliedBytes", sync->applied_bytes);
	json_key_uint(j, "rowsInserted", sync->rows_inserted);
	json_key_uint(j, "rowsUpdated", sync->rows_updated);
	json_key_uint(j, "rowsDeleted", sync->rows_deleted);
	json_key_uint(j, "ddls", sync->ddls);
	json_key_uint(j, "skippedRows", sync->skipped_rows);
	json_key_uint(j, "skippedQueries", sync->skipped_queries);
	json_object_end(j);
}

static const char *task_waiting_for(const struct subtask_view *v, bool has_sync)
{
	if (v->stage == STAGE_PAUSED)
		return v->next_resume_wall_ns > 0 ? "retry" : NULL;
	return has_sync && v->stage == STAGE_RUNNING ? v->status.sync.waiting_for : NULL;
}

static void print_task(struct json *j, const struct status *s, size_t index)
{
	const struct subtask_view *v = &s->registry.subtasks[index];
	const struct status_task *t = &s->tasks[index];
	bool has_sync = v->has_unit_status && v->status.unit == UNIT_SYNC;

	json_object_begin(j);
	json_key_string(j, "name", v->name);
	print_text(j, "mode", v->mode);
	json_key_string(j, "stage", dm_stage_name(v->stage));
	json_key_string(j, "wantedStage", dm_stage_name(v->wanted));
	json_key_bool(j, "isDraining", v->is_draining);
	print_time(j, "since", v->since_wall_ns);
	print_reason(j, v->by);
	print_list(j, "legalCommands", v->legal);
	print_text(j, "unit", v->unit == UNIT_INVALID ? NULL : dm_unit_name(v->unit));
	print_text(j, "waitingFor", task_waiting_for(v, has_sync));
	print_time(j, "nextResume", v->next_resume_wall_ns);
	print_truth(j, "synced", has_sync && s->sample.is_fresh, t->is_synced);
	print_lag(j, &t->lag);
	print_seconds(j, "progressAgeSeconds", t->progress_age_ms >= 0, t->progress_age_ms);
	json_key_uint(j, "totalTps", v->total_tps);
	json_key_uint(j, "recentTps", v->recent_tps);
	if (has_sync)
		print_sync(j, &v->status.sync);
	else
		json_key_null(j, "sync");
	json_key_uint(j, "failures", v->failures);
	print_error(j, "firstError", error_of(&v->first_result));
	print_error(j, "lastError", error_of(&v->result));
	json_object_end(j);
}

/* ---- documents ---- */

static void print_common(struct json *j, const struct status *s)
{
	json_key_string(j, "worker", s->worker);
	json_key_string(j, "sourceId", s->source_id);
	print_time(j, "time", s->wall_ns);
}

void status_print_v1(const struct status *s, enum json_form form, struct dm_str *out)
{
	struct json j;

	json_init(&j, out, form);
	json_object_begin(&j);
	print_common(&j, s);
	json_key_string(&j, "version", DM_VERSION);
	print_time(&j, "startTime", s->start_wall_ns);
	print_upstream(&j, s);
	json_key(&j, "relay");
	json_object_begin(&j);
	print_relay_members(&j, s);
	json_object_end(&j);
	json_key(&j, "tasks");
	json_array_begin(&j);
	for (size_t i = 0; i < s->registry.count; i++)
		print_task(&j, s, i);
	json_array_end(&j);
	json_object_end(&j);
}

void status_print_v1_relay(const struct status *s, enum json_form form, struct dm_str *out)
{
	struct json j;

	json_init(&j, out, form);
	json_object_begin(&j);
	print_common(&j, s);
	print_relay_members(&j, s);
	json_object_end(&j);
}

static void print_fault(struct json *j, const char *task, const char *unit, uint64_t count,
	const struct dm_process_error *first, const struct dm_process_error *last)
{
	json_object_begin(j);
	print_text(j, "task", task);
	print_text(j, "unit", unit);
	print_number(j, "count", count > 0, count);
	print_error(j, "first", first);
	print_error(j, "last", last);
	json_object_end(j);
}

/* What is wrong with the source: it concerns every task. */
static void print_source_faults(struct json *j, const struct status *s)
{
	const struct relay_status *r = &s->relay;
	const struct dm_process_error *ended = error_of(&r->result);

	if (ended)
		print_fault(j, NULL, "Relay", r->exits_with_error, NULL, ended);
	else if (r->retry_error)
		print_fault(
			j, NULL, "Relay", r->read_errors + r->write_errors, NULL, r->retry_error);
	if (dm_error_is_set(&s->sample.error)) {
		struct dm_process_error upstream = { .error = s->sample.error };

		print_fault(j, NULL, "Upstream", 0, NULL, &upstream);
	}
}

void status_print_v1_errors(
	const struct status *s, const struct status_query *q, struct dm_str *out)
{
	bool is_all = !q->task || q->task[0] == '\0';
	struct json j;

	json_init(&j, out, q->form);
	json_object_begin(&j);
	print_common(&j, s);
	json_key(&j, "errors");
	json_array_begin(&j);
	if (is_all)
		print_source_faults(&j, s);
	for (size_t i = 0; i < s->registry.count; i++) {
		const struct subtask_view *v = &s->registry.subtasks[i];
		const struct dm_process_error *first = error_of(&v->first_result);
		const struct dm_process_error *last = error_of(&v->result);

		if ((first || last) && (is_all || strcmp(v->name, q->task) == 0))
			print_fault(&j, v->name, dm_unit_name(v->unit), v->failures, first,
				last ? last : first);
	}
	json_array_end(&j);
	json_object_end(&j);
}
