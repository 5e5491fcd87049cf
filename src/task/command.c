/* command.c - commands under way: accepted or refused by the stage, stored, answered once. */
#include <string.h>

#include "dm/clock.h"
#include "dm/conf.h"
#include "dm/log.h"
#include "dm/relay.h"

#include "registry.h"
#include "subtask.h"

static const char *command_name(const struct command *c)
{
	return c->on == ON_COUNT ? dm_relay_op_name(c->relay_op) : stage_event_name(c->on);
}

static struct command *command_new(
	struct registry *r, enum stage_event on, const char *name, task_done_fn *done, void *arg)
{
	struct command *c = dm_alloc(sizeof(*c));

	c->registry = r;
	c->on = on;
	c->name = dm_strdup(name);
	c->done = done;
	c->arg = arg;
	c->log_id = ++r->log_id;
	c->deadline_ms = dm_mono_ms() + COMMAND_LIMIT_MS;
	c->next = r->commands;
	r->commands = c;
	return c;
}

static void command_free(struct command *c)
{
	struct command **at = &c->registry->commands;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	subtask_conf_free(c->draft);
	free(c->yaml);
	free(c->name);
	dm_error_done(&c->reply.error);
	dm_str_done(&c->reply.legal);
	free(c);
}

static void command_reply(struct command *c)
{
	task_done_fn *done = c->done;

	c->done = NULL;
	if (!done)
		return;
	c->reply.log_id = c->log_id;
	if (dm_error_is_set(&c->reply.error))
		dm_log_error(DM_LOG_WARN, NULL, &c->reply.error,
			"command is answered with an error", "command", command_name(c), "task",
			c->name, "log_id", DM_NUM(c->log_id), NULL);
	else
		dm_log(DM_LOG_INFO, NULL, "command is done", "command", command_name(c), "task",
			c->name, "log_id", DM_NUM(c->log_id), NULL);
	done(c->arg, &c->reply);
}

static void on_reply_stored(void *arg, const struct dm_error *err)
{
	struct command *c = arg;

	(void)err; /* logged; a refusal is one also when its record is lost, and a wish is stored before */
	command_reply(c);
	command_free(c);
}

/* The reply goes out when all that it says is on disk. */
static void command_finish(struct command *c, enum dm_stage stage)
{
	struct state_write *w = state_write_new(*c->name ? c->name : NULL);

	c->waits_for = NULL;
	c->reply.stage = stage;
	if (dm_error_is_set(&c->reply.error)) {
		w->log_id = c->log_id;
		w->event = command_name(c);
		w->from = w->to = stage;
		w->reason = stage_reason_name(BY_USER);
		dm_error_copy(&c->reply.error, &w->error);
	}
	w->done = on_reply_stored;
	w->arg = c;
	state_submit(c->registry->state, w);
}

static void command_fail(struct command *c, struct dm_error *err, enum dm_stage stage)
{
	dm_error_move(err, &c->reply.error);
	command_finish(c, stage);
}

static void command_refuse(struct command *c, const struct subtask *t)
{
	struct dm_error err = { 0 };

	if (t) {
		(void)stage_refuse(c->on, c->name, subtask_stage_word(t), &err);
		dm_str_add(&c->reply.legal,
			c->registry->legal[t->stage][auto_resume_is_pending(&t->resume)]);
	} else {
		(void)dm_fail(&err, DM_ERR_WORKER_SUBTASK_NOT_FOUND,
			"sub task with name %s not found", c->name);
		dm_str_add(&c->reply.legal, c->registry->legal[STAGE_INVALID][0]);
	}
	command_fail(c, &err, t ? t->stage : STAGE_INVALID);
}

/* ---- all that wait for a subtask ---- */

uint64_t command_log_id(const struct registry *r, const struct subtask *t)
{
	uint64_t first = 0;

	for (const struct command *c = r->commands; c; c = c->next)
		if (c->waits_for == t && (first == 0 || c->log_id < first))
			first = c->log_id;
	return first;
}

void command_finish_all(struct registry *r, struct subtask *t, const struct dm_error *err)
{
	for (struct command *c = r->commands; c; c = c->next) {
		if (c->waits_for != t)
			continue;
		if (err)
			dm_error_copy(err, &c->reply.error);
		command_finish(c, t->stage);
	}
}

void command_refuse_all(struct registry *r, struct subtask *t)
{
	for (struct command *c = r->commands; c; c = c->next)
		if (c->waits_for == t)
			command_refuse(c, t);
}

/* ---- wishes ---- */

struct wish {
	struct subtask *subtask;
	unsigned int number;
};

/* Only the last wish counts: a stop may have overtaken a pause meanwhile. */
static void on_wish_stored(void *arg, const struct dm_error *err)
{
	struct wish wish = *(struct wish *)arg;

	free(arg);
	if (wish.number != wish.subtask->wish)
		return;
	wish.subtask->is_wish_saved = true;
	if (err)
		subtask_give_up(wish.subtask, err);
	else
		subtask_go_on(wish.subtask);
}

void command_store_wish(struct subtask *t, enum subtask_pending pending, uint64_t log_id)
{
	static const struct {
		enum state_task_change change;
		enum dm_stage wanted;
	} wishes[] = {
		[PENDING_START] = { STATE_TASK_PUT, STAGE_RUNNING },
		[PENDING_PAUSE] = { STATE_TASK_WANT, STAGE_PAUSED },
		[PENDING_RESUME] = { STATE_TASK_WANT, STAGE_RUNNING },
		[PENDING_STOP] = { STATE_TASK_WANT, STAGE_STOPPED },
		[PENDING_FORGET] = { STATE_TASK_FORGET, STAGE_INVALID },
	};
	struct state_write *w = state_write_new(t->name);
	struct wish *wish = dm_alloc(sizeof(*wish));

	t->pending = pending;
	t->is_wish_saved = false;
	wish->subtask = t;
	wish->number = ++t->wish;
	w->log_id = log_id;
	w->change = wishes[pending].change;
	w->wanted = wishes[pending].wanted;
	if (pending == PENDING_START) {
		w->yaml = dm_strdup(t->draft_yaml);
		state_places_done(&t->stored); /* the new row starts without */
		if (!t->draft->common.remove_meta)
			(void)subtask_fill_places(t, w); /* nothing known is fine */
	}
	w->done = on_wish_stored;
	w->arg = wish;
	state_submit(t->registry->state, w);
	subtask_publish(t);
}

static enum subtask_pending pending_of(enum stage_event on)
{
	switch (on) {
	case ON_START_TASK:
		return PENDING_START;
	case ON_PAUSE_TASK:
		return PENDING_PAUSE;
	case ON_RESUME_TASK:
		return PENDING_RESUME;
	case ON_STOP_TASK:
		return PENDING_STOP;
	case ON_FORGET:
		return PENDING_FORGET;
	case ON_READY:
	case ON_INIT_ERROR:
	case ON_UNIT_FAILED:
	case ON_NEXT_UNIT:
	case ON_LAST_UNIT_DONE:
	case ON_AUTO_RESUME:
	case ON_UPDATE_TASK:
	case ON_COUNT:
		break;
	}
	return PENDING_NONE;
}

/* The same command again: it waits with the first one. Its number is kept as well. */
static void join_wish(struct command *c, struct subtask *t)
{
	struct state_write *w = state_write_new(t->name);

	c->waits_for = t;
	w->log_id = c->log_id;
	state_submit(c->registry->state, w);
}

static bool is_legal(const struct subtask *t, enum stage_event on)
{
	bool may_overtake =
		on == ON_STOP_TASK && (t->pending == PENDING_PAUSE || t->pending == PENDING_RESUME);

	if (t->pending != PENDING_NONE && !may_overtake)
		return false;
	if (on == ON_PAUSE_TASK && t->stage == STAGE_PAUSED)
		return auto_resume_is_pending(&t->resume); /* the user's pause wins */
	return stage_table_find(t->stage, on) != NULL;
}

static void command_apply(struct command *c, struct subtask *t)
{
	enum subtask_pending pending = pending_of(c->on);

	if (t->pending == pending && pending != PENDING_START) {
		join_wish(c, t);
		return;
	}
	if (!is_legal(t, c->on)) {
		command_refuse(c, t);
		return;
	}
	if (t->pending != PENDING_NONE) { /* overtaken */
		t->pending = PENDING_STOP; /* the word of the refusals */
		command_refuse_all(c->registry, t);
	}
	c->waits_for = t;
	if (t->stage == STAGE_FINISHED)
		pending = PENDING_FORGET; /* a stop does that, too */
	command_store_wish(t, pending, c->log_id);
}

/* ---- start-task ---- */

/* Everything that can be said about the file without a database is said here. */
static int check_file(struct command *c, const char *yaml, struct dm_error *reterr)
{
	const struct unit_ops *units[UNITS_MAX];
	DM_CLEANUP(task_conf_freep) struct task_conf *task = NULL;
	const char *mode;

	if (task_conf_parse(yaml, strlen(yaml), "task.yaml", &task, NULL, reterr) != 0)
		return -1;
	free(c->name);
	c->name = dm_strdup(task_conf_common(task)->name);
	if (task_conf_for_source(task, c->registry->conf->source_id, &c->draft, reterr) != 0)
		return -1;
	mode = task_mode_name(c->draft->common.mode);
	if (c->registry->env.units_of(mode, units) == 0)
		return dm_fail_cause(reterr, DM_ERR_WORKER_NO_UNITS,
			"this build runs task-mode incremental only",
			"subtask %s has no dm units for mode %s", c->name, mode);
	c->yaml = dm_strdup(yaml);
	return 0;
}

static void log_later_keys(const struct command *c)
{
	for (size_t i = 0; i < c->draft->later.count; i++)
		dm_log(DM_LOG_WARN, NULL, "a key of the task file has no effect yet", "task",
			c->name, "key", c->draft->later.at[i], NULL);
}

/* Once the relay is not being purged. */
static void start_now(struct command *c)
{
	struct registry *r = c->registry;
	struct subtask *t = registry_find(r, c->name);

	c->parked_until_ms = 0;
	if (t && !is_legal(t, ON_START_TASK)) {
		command_refuse(c, t);
		return;
	}
	if (!t)
		t = registry_add(r, c->name);
	log_later_keys(c);
	t->draft = take_ptr(c->draft);
	t->draft_yaml = take_ptr(c->yaml);
	command_apply(c, t);
}

static bool refuse_when_closing(struct command *c)
{
	struct dm_error err = { 0 };

	if (!c->registry->is_closing)
		return false;
	(void)dm_fail(&err, DM_ERR_WORKER_CLOSED, "worker already closed");
	command_fail(c, &err, STAGE_INVALID);
	return true;
}

void registry_start_task(struct registry *r, const char *yaml, task_done_fn *done, void *arg)
{
	struct command *c = command_new(r, ON_START_TASK, "", done, arg);
	struct dm_error err = { 0 };
	struct subtask *t;

	if (refuse_when_closing(c))
		return;
	if (check_file(c, yaml, &err) != 0) {
		t = *c->name ? registry_find(r, c->name) : NULL;
		command_fail(c, &err, t ? t->stage : STAGE_INVALID);
		return;
	}
	t = registry_find(r, c->name);
	if (t && !is_legal(t, ON_START_TASK))
		command_refuse(c, t);
	else if (relay_is_purging(r->env.relay))
		c->parked_until_ms = dm_mono_ms() + PURGE_PATIENCE_MS;
	else
		start_now(c);
}

/* ---- other commands ---- */

static void operate(
	struct registry *r, enum stage_event on, const char *name, task_done_fn *done, void *arg)
{
	struct command *c = command_new(r, on, name, done, arg);
	struct subtask *t = registry_find(r, name);

	if (refuse_when_closing(c))
		return;
	if (!t || t->stage == STAGE_INVALID)
		command_refuse(c, NULL);
	else
		command_apply(c, t);
}

void registry_operate_task(
	struct registry *r, enum dm_task_op op, const char *name, task_done_fn *done, void *arg)
{
	struct dm_error err = { 0 };
	struct command *c;

	switch (op) {
	case TASK_OP_STOP:
		operate(r, ON_STOP_TASK, name, done, arg);
		return;
	case TASK_OP_PAUSE:
		operate(r, ON_PAUSE_TASK, name, done, arg);
		return;
	case TASK_OP_RESUME:
		operate(r, ON_RESUME_TASK, name, done, arg);
		return;
	case TASK_OP_INVALID:
	case TASK_OP_START: /* this and the next need a task file */
	case TASK_OP_UPDATE:
	case TASK_OP_AUTO_RESUME:
	case TASK_OP_COUNT:
		break;
	}
	c = command_new(r, ON_UPDATE_TASK, name, done, arg);
	(void)dm_fail(&err, DM_ERR_WORKER_RELAY_OP, "operation %s not supported",
		dm_task_op_name(op < TASK_OP_COUNT ? op : TASK_OP_INVALID));
	command_fail(c, &err, STAGE_INVALID);
}

void registry_forget_task(struct registry *r, const char *name, task_done_fn *done, void *arg)
{
	operate(r, ON_FORGET, name, done, arg);
}

/* ---- the relay ---- */

static enum dm_stage relay_stage(const struct registry *r)
{
	struct relay_status status = { 0 };
	enum dm_stage stage;

	relay_status(r->env.relay, &status);
	stage = status.stage;
	relay_status_done(&status);
	return stage;
}

static void on_relay_wish_stored(void *arg, const struct dm_error *err)
{
	struct command *c = arg;

	if (err)
		dm_error_copy(err, &c->reply.error);
	command_reply(c);
	command_free(c);
}

static void on_relay_done(void *arg, const struct dm_error *err)
{
	struct command *c = arg;
	enum dm_stage stage = relay_stage(c->registry);
	struct state_write *w;
	struct dm_error copy = { 0 };

	if (err) {
		if (err->code == DM_ERR_WORKER_RELAY_STAGE && stage == STAGE_RUNNING)
			dm_str_add(&c->reply.legal, "pause-relay");
		if (err->code == DM_ERR_WORKER_RELAY_STAGE && stage == STAGE_PAUSED)
			dm_str_add(&c->reply.legal, "resume-relay");
		dm_error_copy(err, &copy);
		command_fail(c, &copy, stage);
		return;
	}
	w = state_write_new(NULL);
	w->log_id = c->log_id;
	w->relay = c->relay_op == RELAY_OP_PAUSE ? STATE_RELAY_PAUSED : STATE_RELAY_RUNS;
	w->event = command_name(c);
	w->from = c->relay_op == RELAY_OP_PAUSE ? STAGE_RUNNING : STAGE_PAUSED;
	w->to = stage;
	w->reason = stage_reason_name(BY_USER);
	w->done = on_relay_wish_stored;
	w->arg = c;
	c->reply.stage = stage;
	state_submit(c->registry->state, w);
}

void registry_operate_relay(struct registry *r, enum dm_relay_op op, task_done_fn *done, void *arg)
{
	struct command *c = command_new(r, ON_COUNT, "", done, arg);
	struct dm_error err = { 0 };

	c->relay_op = op < RELAY_OP_COUNT ? op : RELAY_OP_INVALID;
	if (refuse_when_closing(c))
		return;
	switch (c->relay_op) {
	case RELAY_OP_PAUSE:
		relay_pause(r->env.relay, on_relay_done, c);
		return;
	case RELAY_OP_RESUME:
		relay_resume(r->env.relay, on_relay_done, c);
		return;
	case RELAY_OP_STOP: /* DM's own hangs, and no tool of DM sends it */
	case RELAY_OP_INVALID:
	case RELAY_OP_COUNT:
		break;
	}
	(void)dm_fail(&err, DM_ERR_WORKER_RELAY_OP, "operation %s not supported",
		dm_relay_op_name(c->relay_op));
	command_fail(c, &err, relay_stage(r));
}

static void on_purge_done(void *arg, const struct dm_error *err)
{
	struct command *c = arg;

	if (err)
		dm_error_copy(err, &c->reply.error);
	command_finish(c, relay_stage(c->registry));
}

static const struct subtask *forbids_purge(const struct registry *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->subtasks[i]->stage == STAGE_NEW || r->subtasks[i]->stage == STAGE_PAUSED)
			return r->subtasks[i];
	return NULL;
}

void registry_purge_relay(
	struct registry *r, const struct relay_purge *what, task_done_fn *done, void *arg)
{
	struct command *c = command_new(r, ON_COUNT, "", done, arg);
	const struct subtask *t = forbids_purge(r);
	struct dm_error err = { 0 };

	if (refuse_when_closing(c))
		return;
	if (!t) {
		relay_purge_start(r->env.relay, what, on_purge_done, c);
		return;
	}
	(void)dm_fail(&err, DM_ERR_RELAY_PURGE_FORBIDDEN,
		"relay log purge is forbidden temporarily, because sub task %s current stage is "
		"%s, please try again later",
		t->name, dm_stage_name(t->stage));
	command_fail(c, &err, relay_stage(r));
}

/* ---- time ---- */

static void time_out(struct command *c)
{
	(void)dm_fail(&c->reply.error, DM_ERR_WORKER_COMMAND_TIMEOUT,
		"%s timeout (exceeding %ds), it goes on, try use `query-status` to query whether "
		"it is done",
		command_name(c), COMMAND_LIMIT_MS / 1000);
	c->reply.stage = c->waits_for ? c->waits_for->stage : STAGE_INVALID;
	command_reply(c);
	dm_error_done(&c->reply.error); /* what becomes of it may still be stored */
}

static void refuse_purging(struct command *c)
{
	struct dm_error err = { 0 };
	struct subtask *t = registry_find(c->registry, c->name);

	c->parked_until_ms = 0;
	(void)dm_fail(&err, DM_ERR_WORKER_RELAY_IS_PURGING,
		"relay log purger is purging, cannot start sub task %s, please try again later",
		c->name);
	command_fail(c, &err, t ? t->stage : STAGE_INVALID);
}

void command_tick(struct registry *r, int64_t now_ms)
{
	struct command *next;

	for (struct command *c = r->commands; c; c = next) {
		next = c->next;
		if (c->parked_until_ms && !relay_is_purging(r->env.relay))
			start_now(c);
		else if (c->parked_until_ms && now_ms >= c->parked_until_ms)
			refuse_purging(c);
		else if (c->done && now_ms >= c->deadline_ms)
			time_out(c);
	}
}

void command_close_all(struct registry *r)
{
	for (struct command *c = r->commands; c; c = c->next) {
		if (!c->parked_until_ms)
			continue;
		c->parked_until_ms = 0;
		(void)refuse_when_closing(c);
	}
}

void command_drop_all(struct registry *r)
{
	while (r->commands) {
		(void)dm_fail(
			&r->commands->reply.error, DM_ERR_WORKER_CLOSED, "worker already closed");
		command_reply(r->commands);
		command_free(r->commands);
	}
}
