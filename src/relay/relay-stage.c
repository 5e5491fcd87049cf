/* relay-stage.c - stage table and commands of the relay; all on the main thread. */
#include "relay-stage.h"

#include <string.h>
#include <sys/random.h>

#include "dm/clock.h"
#include "relay-private.h"
#include "relay-purge.h"

enum {
	CUT_AT_STOP_MS = 2000, /* relay_tick() comes once a second: cut after 3 s at the latest */
	CUT_AT_PAUSE_MS = 4000,
};

/* ---- the table ---- */

// clang-format off
static const struct {
	enum dm_stage from;
	enum relay_on on;
	enum dm_stage to;
	const char *why;
} moves[] = {
	{ STAGE_NEW,     RELAY_ON_START,        STAGE_RUNNING, "the worker started" },
	{ STAGE_NEW,     RELAY_ON_START_PAUSED, STAGE_PAUSED,  "the worker started, the user's pause still holds" },
	{ STAGE_RUNNING, RELAY_ON_PAUSED,       STAGE_PAUSED,  "the user asked, the relay is quiet" },
	{ STAGE_RUNNING, RELAY_ON_FAILED,       STAGE_PAUSED,  "an error" },
	{ STAGE_RUNNING, RELAY_ON_NO_ROOM,      STAGE_PAUSED,  "the disk is nearly full" },
	{ STAGE_PAUSED,  RELAY_ON_RESUME,       STAGE_RUNNING, "the user asked" },
	{ STAGE_PAUSED,  RELAY_ON_HEAL,         STAGE_RUNNING, "automatic resume" },
	{ STAGE_PAUSED,  RELAY_ON_HOLD,         STAGE_PAUSED,  "the user's pause replaces the automatic resume" },
	{ STAGE_NEW,     RELAY_ON_STOPPED,      STAGE_STOPPED, "the worker ends" },
	{ STAGE_RUNNING, RELAY_ON_STOPPED,      STAGE_STOPPED, "the worker ends" },
	{ STAGE_PAUSED,  RELAY_ON_STOPPED,      STAGE_STOPPED, "the worker ends" },
};
// clang-format on

bool relay_stage_move(
	enum dm_stage from, enum relay_on on, enum dm_stage *ret_to, const char **ret_why)
{
	for (size_t i = 0; i < DM_COUNT_OF(moves); i++) {
		if (moves[i].from != from || moves[i].on != on)
			continue;
		*ret_to = moves[i].to;
		*ret_why = moves[i].why;
		return true;
	}
	return false;
}

/* The only writer of the stage. The result is replaced by *result, which is taken over. */
static void move(struct relay *r, enum relay_on on, struct dm_process_result *result)
{
	enum dm_stage from = r->status.stage, to = from;
	const char *why = "";

	if (!relay_stage_move(from, on, &to, &why))
		return;
	dm_lock_take(&r->lock);
	r->status.stage = to;
	dm_process_result_move(result, &r->status.result);
	dm_lock_drop(&r->lock);
	r->changes++;
	dm_log(DM_LOG_INFO, &r->log, "relay stage", "from", dm_stage_name(from), "to",
		dm_stage_name(to), "reason", why, NULL);
	if (r->env.on_change)
		r->env.on_change(r->env.arg);
}

static void set_paused_by_user(struct relay *r, bool is_paused)
{
	DM_LOCKED(&r->lock);
	r->status.is_paused_by_user = is_paused;
}

static struct dm_process_result canceled(void)
{
	return (struct dm_process_result){ .is_set = true, .is_canceled = true };
}

/* ---- the thread ---- */

static uint32_t random_number(void)
{
	uint32_t n = 0;

	(void)!getrandom(&n, sizeof(n), GRND_NONBLOCK); /* it only spreads retries */
	return n;
}

/* An error ended the run: how does it go on? */
static void plan_healing(struct relay *r, enum relay_end end)
{
	struct relay_control *c = &r->control;
	int64_t now = dm_mono_ms();

	c->heal = RELAY_HEAL_NONE;
	if (end == RELAY_END_DISK) {
		c->heal = RELAY_HEAL_WITH_ROOM;
		relay_set_waiting(r, "disk", 0, NULL);
	} else if (end == RELAY_END_FAILED && r->conf->checker.check_enable) {
		c->heal = RELAY_HEAL_IN_TIME;
		c->heal_mono_ms = now + relay_backoff_fail(&c->backoff, now, random_number());
		relay_set_waiting(r, "retry", c->heal_mono_ms, NULL);
	}
}

static void fail(struct relay *r, enum relay_end end, struct dm_error *err)
{
	DM_CLEANUP(dm_process_result_done) struct dm_process_result result = { 0 };

	dm_log_error(DM_LOG_ERROR, &r->log, err, "relay is paused by an error", NULL);
	(void)dm_process_result_add(&result, ERROR_UNKNOWN, err);
	dm_lock_take(&r->lock);
	r->status.exits_with_error++;
	dm_lock_drop(&r->lock);
	relay_set_waiting(r, NULL, 0, NULL);
	plan_healing(r, end);
	move(r, end == RELAY_END_DISK ? RELAY_ON_NO_ROOM : RELAY_ON_FAILED, &result);
}

static void fail_thread(struct relay *r, int e)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

	dm_fail_errno(&err, DM_ERR_RELAY_RECOVER, e, "start a thread of the relay");
	fail(r, RELAY_END_PERSON, &err);
}

static void launch(struct relay *r, bool is_recovery_only)
{
	int e;

	dm_stop_reset(&r->stop);
	r->is_recovery_only = is_recovery_only;
	e = dm_thread_start(&r->thread, "relay", relay_run, r);
	if (e != 0)
		fail_thread(r, e);
}

static void ask_to_end(struct relay *r)
{
	r->control.asked_mono_ms = dm_mono_ms();
	r->control.is_start_wanted = false;
	dm_stop_raise(&r->stop, DM_STOP_DRAIN);
}

static void wait_for_end(struct relay *r, relay_done_fn *done, void *arg)
{
	struct relay_control *c = &r->control;

	c->waiters = dm_grow(c->waiters, c->waiter_count + 1, sizeof(*c->waiters));
	c->waiters[c->waiter_count++] = (struct relay_waiter){ done, arg };
}

static void answer(relay_done_fn *done, void *arg, const struct dm_error *err)
{
	if (done)
		done(arg, err);
}

static void answer_all(struct relay *r, const struct dm_error *err)
{
	struct relay_control *c = &r->control;
	struct relay_waiter *waiters = take_ptr(c->waiters); /* an answer may give a new command */
	size_t count = c->waiter_count;

	c->waiter_count = 0;
	for (size_t i = 0; i < count; i++)
		answer(waiters[i].done, waiters[i].arg, err);
	free(waiters);
}

static void end_pause(struct relay *r)
{
	struct dm_process_result result = canceled();

	r->control.is_pausing = false;
	set_paused_by_user(r, true);
	relay_set_waiting(r, NULL, 0, NULL);
	move(r, RELAY_ON_PAUSED, &result);
	answer_all(r, NULL);
}

void relay_stop_when_quiet(struct relay *r)
{
	struct dm_process_result result = { 0 };

	if (!r->control.is_stopping || r->thread.started || relay_is_purging(r))
		return;
	r->control.is_stopping = r->control.is_pausing = false;
	r->control.heal = RELAY_HEAL_NONE;
	relay_set_waiting(r, NULL, 0, NULL);
	move(r, RELAY_ON_STOPPED, &result);
	answer_all(r, NULL);
}

/* Mail from the relay thread: it has ended. */
void relay_thread_ended(void *arg)
{
	struct relay *r = arg;
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	enum relay_end end;

	dm_thread_join(&r->thread);
	end = r->end;
	dm_error_move(&r->end_error, &err);
	if (r->control.is_stopping) {
		relay_stop_when_quiet(r);
	} else if (r->control.is_pausing) {
		end_pause(r);
	} else if (r->control.is_start_wanted) {
		r->control.is_start_wanted = false;
		launch(r, false);
	} else if (r->status.stage == STAGE_RUNNING) {
		fail(r, end, &err);
	} else if (dm_error_is_set(&err)) {
		dm_log_error(
			DM_LOG_ERROR, &r->log, &err, "relay files could not be verified", NULL);
	}
}

/* ---- commands ---- */

static void refuse(struct relay *r, enum dm_stage required, enum dm_relay_op op,
	relay_done_fn *done, void *arg)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

	dm_fail(&err, DM_ERR_WORKER_RELAY_STAGE, "current stage is %s, %s required, relay op %s",
		dm_stage_name(r->status.stage), dm_stage_name(required), dm_relay_op_name(op));
	answer(done, arg, &err);
}

void relay_start(struct relay *r, bool is_paused_by_user)
{
	struct dm_process_result result = { 0 };
	int e = relay_keep_start(r);

	relay_backoff_init(&r->control.backoff, r->conf->checker.backoff_max_ms,
		r->conf->checker.backoff_rollback_ms);
	set_paused_by_user(r, is_paused_by_user);
	if (is_paused_by_user)
		result = canceled();
	move(r, is_paused_by_user ? RELAY_ON_START_PAUSED : RELAY_ON_START, &result);
	if (e == 0)
		launch(r,
			is_paused_by_user); /* cursors need verified files also while it is paused */
	else
		fail_thread(r, e);
}

/* A pause that comes while the relay waits to go on by itself: the user's pause wins. */
static void hold(struct relay *r)
{
	struct dm_process_result result = { 0 };

	r->control.heal = RELAY_HEAL_NONE;
	set_paused_by_user(r, true);
	dm_process_result_copy(&r->status.result, &result); /* this thread alone writes it */
	result.is_canceled = true;
	relay_set_waiting(r, NULL, 0, NULL);
	move(r, RELAY_ON_HOLD, &result);
}

void relay_pause(struct relay *r, relay_done_fn *done, void *arg)
{
	struct relay_control *c = &r->control;

	if (r->status.stage == STAGE_PAUSED && c->heal != RELAY_HEAL_NONE) {
		hold(r);
		answer(done, arg, NULL);
		return;
	}
	if (r->status.stage != STAGE_RUNNING || c->is_stopping) {
		refuse(r, STAGE_RUNNING, RELAY_OP_PAUSE, done, arg);
		return;
	}
	wait_for_end(r, done, arg);
	if (c->is_pausing)
		return;
	c->is_pausing = true;
	ask_to_end(r);
}

static void go_on(struct relay *r, enum relay_on on)
{
	struct dm_process_result result = { 0 };

	r->control.heal = RELAY_HEAL_NONE;
	set_paused_by_user(r, false);
	relay_set_waiting(r, NULL, 0, NULL);
	move(r, on, &result);
	if (r->thread.started) /* it still verifies the files of a relay that was paused at the start */
		r->control.is_start_wanted = true;
	else
		launch(r, false);
}

void relay_resume(struct relay *r, relay_done_fn *done, void *arg)
{
	if (r->status.stage != STAGE_PAUSED || r->control.is_stopping) {
		refuse(r, STAGE_PAUSED, RELAY_OP_RESUME, done, arg);
		return;
	}
	relay_backoff_init(&r->control.backoff, r->conf->checker.backoff_max_ms,
		r->conf->checker.backoff_rollback_ms);
	go_on(r, RELAY_ON_RESUME);
	answer(done, arg, NULL);
}

void relay_stop(struct relay *r, relay_done_fn *done, void *arg)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

	if (r->status.stage == STAGE_STOPPED) {
		dm_fail(&err, DM_ERR_WORKER_RELAY_STAGE,
			"current stage is already stopped not valid, relayop %s",
			dm_relay_op_name(RELAY_OP_STOP));
		answer(done, arg, &err);
		return;
	}
	if (r->control.is_pausing) { /* stop overtakes pause */
		dm_fail(&err, DM_ERR_WORKER_RELAY_STAGE,
			"current stage is %s, %s required, relay op %s",
			dm_stage_name(STAGE_STOPPED), dm_stage_name(STAGE_RUNNING),
			dm_relay_op_name(RELAY_OP_PAUSE));
		r->control.is_pausing = false;
		answer_all(r, &err);
	}
	wait_for_end(r, done, arg);
	if (r->control.is_stopping)
		return;
	r->control.is_stopping = true;
	relay_purge_end(r);
	if (r->thread.started)
		ask_to_end(r);
	relay_stop_when_quiet(r);
}

/* ---- time ---- */

static void cut_when_late(struct relay *r, int64_t now)
{
	const struct relay_control *c = &r->control;

	if ((c->is_stopping && now - c->asked_mono_ms >= CUT_AT_STOP_MS) ||
		(c->is_pausing && now - c->asked_mono_ms >= CUT_AT_PAUSE_MS))
		dm_stop_raise(&r->stop, DM_STOP_CUT);
}

static bool is_healed(const struct relay *r, int64_t now)
{
	switch (r->control.heal) {
	case RELAY_HEAL_NONE:
		return false;
	case RELAY_HEAL_IN_TIME:
		return now >= r->control.heal_mono_ms;
	case RELAY_HEAL_WITH_ROOM:
		return atomic_load(&r->keep.available) >= r->space_reserve + RELAY_SPACE_RESUME;
	}
	return false;
}

void relay_tick(struct relay *r)
{
	int64_t now = dm_mono_ms();

	cut_when_late(r, now);
	if (r->control.is_stopping || r->status.stage == STAGE_STOPPED)
		return;
	if (r->status.stage == STAGE_RUNNING)
		relay_backoff_rest(&r->control.backoff, now);
	else if (r->status.stage == STAGE_PAUSED && is_healed(r, now))
		go_on(r, RELAY_ON_HEAL);
	relay_purge_tick(r, now);
}

void relay_update_conf(struct relay *r, const struct worker_conf *conf)
{
	struct relay_settings settings;

	r->conf = conf;
	relay_settings_copy(conf, &settings);
	if (relay_settings_equal(&settings, &r->settings)) { /* only this thread changes them */
		relay_settings_done(&settings);
		return;
	}
	dm_lock_take(&r->lock);
	relay_settings_done(&r->settings);
	r->settings = settings;
	atomic_fetch_add(&r->settings_version, 1);
	dm_lock_drop(&r->lock);
	if (r->control.heal == RELAY_HEAL_IN_TIME)
		r->control.heal_mono_ms = dm_mono_ms();
}
