/* registry.c - the set of subtasks: brought back, looked at, ended. */
#include "registry.h"

#include <poll.h>
#include <string.h>

#include "dm/clock.h"
#include "dm/conf.h"
#include "dm/log.h"
#include "dm/relay.h"

#include "subtask.h"

/* ---- the set ---- */

/* Where `name` is, or belongs. */
static size_t place_of(const struct registry *r, const char *name)
{
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(r->subtasks[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct subtask *registry_find(const struct registry *r, const char *name)
{
	size_t at = place_of(r, name);

	return at < r->count && strcmp(r->subtasks[at]->name, name) == 0 ? r->subtasks[at] : NULL;
}

struct subtask *registry_add(struct registry *r, const char *name)
{
	struct subtask *t = subtask_new(r, name);
	size_t at = place_of(r, name);
	DM_LOCKED(&r->lock);

	r->subtasks = dm_grow(r->subtasks, r->count + 1, sizeof(struct subtask *));
	memmove(&r->subtasks[at + 1], &r->subtasks[at], (r->count - at) * sizeof(struct subtask *));
	r->subtasks[at] = t;
	r->count++;
	return t;
}

void registry_remove(struct registry *r, struct subtask *t)
{
	size_t at = place_of(r, t->name);

	{
		DM_LOCKED(&r->lock);
		r->count--;
		memmove(&r->subtasks[at], &r->subtasks[at + 1],
			(r->count - at) * sizeof(struct subtask *));
	}
	subtask_free(t);
	registry_changed(r);
}

void registry_changed(struct registry *r)
{
	atomic_fetch_add(&r->change, 1);
	r->env.on_change(r->env.arg);
}

uint64_t registry_change(const struct registry *r)
{
	return atomic_load(&r->change);
}

/* ---- life ---- */

static void make_legal_texts(struct registry *r)
{
	for (int stage = 0; stage < STAGE_COUNT; stage++) {
		for (int is_pending = 0; is_pending < 2; is_pending++) {
			struct dm_str text = { 0 };

			if (is_pending && stage == STAGE_PAUSED)
				dm_str_add(&text, "pause-task, ");
			stage_legal_commands((enum dm_stage)stage, &text);
			r->legal[stage][is_pending] = dm_str_take(&text);
		}
	}
}

int registry_new(struct registry **ret, const struct registry_env *env, struct dm_error *reterr)
{
	struct registry *r = dm_alloc(sizeof(*r));

	r->env = *env;
	if (!r->env.units_of)
		r->env.units_of = unit_list_of_mode;
	r->conf = env->conf;
	r->source_id = dm_strdup(env->conf->source_id);
	dm_lock_init(&r->lock, DM_LOCK_REGISTRY);
	if (state_open(&r->state, env->conf->meta_dir, env->main_box, &r->restored, reterr) != 0) {
		registry_free(r);
		return -1;
	}
	r->log_id = r->restored.log_id;
	make_legal_texts(r);
	*ret = r;
	return 0;
}

void registry_restore(struct registry *r)
{
	relay_start(r->env.relay, r->restored.is_relay_paused);
	for (size_t i = 0; i < r->restored.count; i++) {
		const struct state_task *from = &r->restored.tasks[i];
		struct subtask *t = registry_add(r, from->name);

		dm_log(DM_LOG_INFO, &t->log, "subtask is brought back", "wanted",
			dm_stage_name(from->wanted), NULL);
		subtask_restore(t, from);
	}
	state_content_done(&r->restored);
}

/* Confirmations under way speak of commands and subtasks: they are heard before those go. */
static void hear_out(struct registry *r)
{
	while (r->state && state_pending(r->state) > 0) {
		struct pollfd fd = { .fd = r->env.main_box->fd, .events = POLLIN };

		(void)poll(&fd, 1,
			-1); /* the state thread always answers; an interruption is harmless */
		dm_mailbox_run(r->env.main_box);
	}
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	hear_out(r);
	command_drop_all(r);
	for (size_t i = 0; i < r->count; i++)
		subtask_free(r->subtasks[i]);
	free(r->subtasks);
	state_free(r->state);
	state_content_done(&r->restored);
	for (int stage = 0; stage < STAGE_COUNT; stage++) {
		free(r->legal[stage][0]);
		free(r->legal[stage][1]);
	}
	free(r->source_id);
	dm_lock_done(&r->lock);
	free(r);
}

void registry_update_conf(struct registry *r, const struct worker_conf *conf)
{
	r->conf = conf;
}

bool registry_uses_conf(const struct registry *r, const struct worker_conf *conf)
{
	if (r->conf == conf)
		return true;
	for (size_t i = 0; i < r->count; i++)
		if (r->subtasks[i]->unit_count > 0 && r->subtasks[i]->worker == conf)
			return true;
	return false;
}

/* ---- time ---- */

void registry_tick(struct registry *r)
{
	int64_t now = dm_mono_ms();

	command_tick(r, now);
	for (size_t i = 0; i < r->count; i++)
		subtask_tick(r->subtasks[i], now);
	if (!r->is_closing || r->cut_at_ms == 0 || now < r->cut_at_ms)
		return;
	r->cut_at_ms = 0;
	for (size_t i = 0; i < r->count; i++)
		subtask_cut(r->subtasks[i]);
}

bool registry_is_busy(const struct registry *r)
{
	if (r->commands || r->is_closing)
		return true;
	for (size_t i = 0; i < r->count; i++)
		if (subtask_is_active(r->subtasks[i]))
			return true;
	return false;
}

/* ---- the end ---- */

static void on_last_write(void *arg, const struct dm_error *err)
{
	struct registry *r = arg;

	(void)err; /* it is an empty write: those before have told of their failures */
	r->closed(r->closed_arg);
}

void registry_check_closed(struct registry *r)
{
	struct state_write *w;

	if (!r->is_closing || r->is_last_write)
		return;
	for (size_t i = 0; i < r->count; i++)
		if (r->subtasks[i]->is_busy)
			return;
	for (size_t i = 0; i < r->count; i++) {
		w = state_write_new(r->subtasks[i]->name);
		(void)subtask_fill_places(r->subtasks[i], w); /* nothing new is fine */
		state_submit(r->state, w);
	}
	r->is_last_write = true;
	w = state_write_new(NULL);
	w->done = on_last_write;
	w->arg = r;
	state_submit(r->state, w);
}

void registry_shutdown(struct registry *r, void (*done)(void *arg), void *arg)
{
	r->is_closing = true;
	r->closed = done;
	r->closed_arg = arg;
	r->cut_at_ms = dm_mono_ms() + SHUTDOWN_CUT_MS;
	command_close_all(r);
	for (size_t i = 0; i < r->count; i++)
		subtask_quiesce(r->subtasks[i], SHUTDOWN_CUT_MS);
	registry_check_closed(r);
}

/* ---- views ---- */

void registry_view(const struct registry *r, struct registry_view *ret)
{
	struct registry *locked = (struct registry *)r; /* for its lock alone */
	DM_LOCKED(&locked->lock);

	*ret = (struct registry_view){ .change = registry_change(r) };
	if (r->count == 0)
		return;
	ret->subtasks = dm_alloc_array(r->count, sizeof(*ret->subtasks));
	for (size_t i = 0; i < r->count; i++)
		if (r->subtasks[i]->shown.stage != STAGE_INVALID)
			subtask_view_copy(r->subtasks[i], &ret->subtasks[ret->count++]);
}

void registry_view_done(struct registry_view *v)
{
	for (size_t i = 0; i < v->count; i++)
		subtask_view_done(&v->subtasks[i]);
	free(v->subtasks);
	*v = (struct registry_view){ 0 };
}
