/* api-command.c - from the HTTP thread to the main thread and back; replies in the shape of DM's. */
#include "api-command.h"

#include <string.h>

#include "api-private.h"
#include "dm/clock.h"
#include "dm/relay.h"
#include "dm/task.h"

enum { COMMANDS_GRACE_MS = 200 }; /* for last answers to be sent */

struct api_command *api_command_new(enum api_command_kind kind)
{
	struct api_command *c = dm_alloc(sizeof(*c));

	atomic_init(&c->refs, 1);
	c->kind = kind;
	c->name = dm_strdup("");
	c->filename = dm_strdup("");
	c->sub_dir = dm_strdup("");
	return c;
}

void api_command_unref(struct api_command *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(c->worker);
	free(c->name);
	free(c->filename);
	free(c->sub_dir);
	dm_str_done(&c->reply);
	free(c);
}

void api_command_unrefp(struct api_command **c)
{
	api_command_unref(*c);
	*c = NULL;
}

/* ---- replies ---- */

/* DM has the same code for a task that is not there and for stop-task of a Stopped one, which here is still seen. */
static bool is_unknown_task(const struct task_reply *r)
{
	return r->error.code == DM_ERR_WORKER_SUBTASK_NOT_FOUND && r->stage == STAGE_INVALID;
}

/* Faults of the task file and of what was asked in general concern no single worker: DM's master answers them itself. */
static bool is_for_the_whole(const struct task_reply *r)
{
	switch (dm_error_info(r->error.code)->class) {
	case DM_CLASS_CONFIG:
	case DM_CLASS_TASK_CHECK:
	case DM_CLASS_DM_MASTER:
		return true;
	case DM_CLASS_NONE:
	case DM_CLASS_DATABASE:
	case DM_CLASS_FUNCTIONAL:
	case DM_CLASS_BINLOG_OP:
	case DM_CLASS_CHECKPOINT:
	case DM_CLASS_RELAY_EVENT_LIB:
	case DM_CLASS_RELAY_UNIT:
	case DM_CLASS_DUMP_UNIT:
	case DM_CLASS_LOAD_UNIT:
	case DM_CLASS_SYNC_UNIT:
	case DM_CLASS_DM_WORKER:
		break;
	}
	return is_unknown_task(r) || r->error.code == DM_ERR_WORKER_RELAY_OP;
}

static void reply_text(const struct api_command *c, const struct task_reply *r, struct dm_str *out)
{
	if (!dm_error_is_set(&r->error))
		return;
	if (is_unknown_task(r)) {
		status_unknown_task(c->name, out);
		return;
	}
	dm_error_text(&r->error, out);
	if (r->legal.len > 0)
		dm_str_addf(out, "\ncurrent stage is %s, legal commands: %s",
			dm_stage_name(r->stage), r->legal.data);
}

static void print_common(struct json *j, const char *worker, bool result, const char *msg)
{
	json_key_bool(j, "result", result);
	json_key_string(j, "worker", worker);
	json_key_string(j, "msg", msg);
}

/* An enum of protobuf: its name, or the bare number of one that has none. */
static void print_task_op(struct json *j, int32_t op)
{
	json_key(j, "op");
	if (op >= 0 && op < TASK_OP_COUNT)
		json_string(j, dm_task_op_name((enum dm_task_op)op));
	else
		json_int(j, op);
}

static void print_worker(
	struct json *j, const struct api_command *c, const struct task_reply *r, const char *msg)
{
	bool result = !dm_error_is_set(&r->error);

	json_object_begin(j);
	switch (c->kind) {
	case COMMAND_OPERATE_TASK:
		json_key(j, "meta");
		json_object_begin(j);
		print_common(j, c->worker, result, msg);
		json_object_end(j);
		print_task_op(j, c->task_op_number);
		json_key_quoted_uint(j, "logID", r->log_id);
		break;
	case COMMAND_RELAY:
		json_key_string(j, "op", dm_relay_op_name(c->relay_op));
		print_common(j, c->worker, result, msg);
		break;
	case COMMAND_START_TASK:
	case COMMAND_FORGET_TASK:
	case COMMAND_PURGE_RELAY:
		print_common(j, c->worker, result, msg);
		break;
	}
	json_object_end(j);
}

/* StartTaskResponse, OperateTaskResponse, OperateWorkerRelayResponse or PurgeWorkerRelayResponse, of one worker. */
static void print_reply(struct api_command *c, const struct task_reply *r)
{
	bool is_whole = is_for_the_whole(r);
	DM_CLEANUP(dm_str_done) struct dm_str msg = { 0 };
	struct json j;

	reply_text(c, r, &msg);
	json_init(&j, &c->reply, c->form);
	json_object_begin(&j);
	if (c->kind == COMMAND_OPERATE_TASK)
		print_task_op(&j, c->task_op_number);
	if (c->kind == COMMAND_RELAY)
		json_key_string(&j, "op", dm_relay_op_name(c->relay_op));
	json_key_bool(&j, "result", !is_whole);
	json_key_string(&j, "msg", is_whole ? dm_str_get(&msg) : "");
	json_key(&j, "workers");
	json_array_begin(&j);
	if (!is_whole)
		print_worker(&j, c, r, dm_str_get(&msg));
	json_array_end(&j);
	json_object_end(&j);
	if (c->form != JSON_COMPACT)
		dm_str_add_char(&c->reply, '\n');
	c->status = MHD_HTTP_OK;
}

/* ---- parking ---- */

bool api_command_park(struct api *a, struct api_command *c, struct MHD_Connection *connection)
{
	{
		DM_LOCKED(&a->lock);
		if (a->is_closed)
			return false;
		c->api = a;
		c->connection = connection;
		c->next = a->parked;
		if (c->next)
			c->next->prev = c;
		a->parked = c;
		a->command_count++;
		atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
		/* Under the lock: api_commands_abandon() must not resume what is not suspended yet. */
		MHD_suspend_connection(connection);
	}
	c->mail = (struct dm_mail){ .fn = api_command_run, .arg = c };
	dm_mailbox_post(a->main_box, &c->mail);
	return true;
}

static void unlink_parked(struct api *a, struct api_command *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		a->parked = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->next = c->prev = NULL;
}

void api_command_leave(struct api *a, struct api_command *c)
{
	{
		DM_LOCKED(&a->lock);
		if (c->connection && --a->command_count == 0)
			(void)pthread_cond_signal(&a->no_commands); /* cannot fail */
	}
	api_command_unref(c);
}

/* Main thread. The HTTP thread goes on with the request as soon as it is resumed. */
static void resume(struct api_command *c)
{
	struct api *a = c->api;

	{
		DM_LOCKED(&a->lock);
		unlink_parked(a, c);
	}
	c->api = NULL;
	MHD_resume_connection(c->connection);
}

static void api_command_done(void *arg, const struct task_reply *reply)
{
	DM_CLEANUP(api_command_unrefp) struct api_command *c = arg;

	if (!c->api)
		return; /* answered 503 when the api closed */
	print_reply(c, reply);
	atomic_fetch_add_explicit(&c->api->answered, 1, memory_order_release);
	resume(c);
}

static void refuse(struct api_command *c, enum dm_code code, const char *text)
{
	struct task_reply reply = { 0 };

	dm_fail(&reply.error, code, "%s", text);
	api_command_done(c, &reply);
	dm_error_done(&reply.error);
}

static void run_operate(struct registry *registry, struct api_command *c)
{
	bool is_known = c->task_op_number >= 0 && c->task_op_number < TASK_OP_COUNT;

	registry_operate_task(registry,
		is_known ? (enum dm_task_op)c->task_op_number : TASK_OP_INVALID, c->name,
		api_command_done, c);
}

static void run_purge(struct registry *registry, struct api_command *c)
{
	struct relay_purge what = {
		.before_wall_s = c->before_wall_s, .filename = c->filename, .sub_dir = c->sub_dir
	};

	if (c->is_inactive)
		what.kind = RELAY_PURGE_INACTIVE;
	else if (c->before_wall_s > 0)
		what.kind = RELAY_PURGE_TIME;
	else if (c->filename[0] != '\0')
		what.kind = RELAY_PURGE_FILENAME;
	else {
		refuse(c, DM_ERR_RELAY_PURGE_REQUEST,
			"request without inactive, time and filename not valid");
		return;
	}
	registry_purge_relay(registry, &what, api_command_done, c);
}

void api_command_run(void *arg)
{
	struct api_command *c = arg;
	struct registry *registry = c->api ? c->api->registry : NULL;

	if (!registry) { /* the api closed while this was in the mail */
		api_command_unref(c);
		return;
	}
	switch (c->kind) {
	case COMMAND_START_TASK:
		registry_start_task(registry, c->name, api_command_done, c);
		break;
	case COMMAND_OPERATE_TASK:
		run_operate(registry, c);
		break;
	case COMMAND_FORGET_TASK:
		registry_forget_task(registry, c->name, api_command_done, c);
		break;
	case COMMAND_RELAY:
		registry_operate_relay(registry, c->relay_op, api_command_done, c);
		break;
	case COMMAND_PURGE_RELAY:
		run_purge(registry, c);
		break;
	}
}

void api_commands_abandon(struct api *a)
{
	{
		DM_LOCKED(&a->lock);
		a->is_closed = true;
	}
	while (a->parked) /* nobody adds any more, and only this thread removes */
		resume(a->parked);
	{
		int64_t until_ms = dm_mono_ms() + COMMANDS_GRACE_MS;

		DM_LOCKED(&a->lock);
		for (int64_t now_ms = dm_mono_ms(); a->command_count > 0 && now_ms < until_ms;
			now_ms = dm_mono_ms())
			(void)dm_lock_wait(&a->lock, &a->no_commands, (int)(until_ms - now_ms));
	}
}
