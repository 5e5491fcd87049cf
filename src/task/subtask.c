/* subtask.c - moves of one subtask, and the thread that runs its units. */
#include "subtask.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>

#include "dm/clock.h"
#include "dm/conf.h"
#include "dm/log.h"
#include "dm/relay.h"

#include "registry.h"

static void begin_job(struct subtask *t, enum subtask_job job);

/* ---- the stage ---- */

static const struct dm_error *first_error(const struct dm_process_result *r)
{
	return r->error_count > 0 ? &r->errors[0].error : NULL;
}

/* The one place where a stage moves. The move is stored as history; a wish is stored before it is followed. */
static void subtask_fire(struct subtask *t, enum stage_event on, enum stage_reason by)
{
	const struct stage_move *move = stage_table_find(t->stage, on);
	struct state_write *w = state_write_new(t->name);
	const struct dm_error *err = first_error(&t->result);

	assert(move);
	t->stage = move->to;
	t->by = by;
	t->since_wall_ns = dm_wall_ns();
	t->running_since_ms = move->to == STAGE_RUNNING ? dm_mono_ms() : 0;
	w->event = stage_event_name(on);
	w->from = move->from;
	w->to = move->to;
	w->reason = stage_reason_name(by);
	w->log_id = command_log_id(t->registry, t);
	if (err && by == BY_ERROR)
		dm_error_copy(err, &w->error);
	if (move->to == STAGE_FINISHED) {
		t->wanted = STAGE_FINISHED;
		w->change = STATE_TASK_WANT;
		w->wanted = STAGE_FINISHED;
	}
	(void)subtask_fill_places(t, w); /* nothing new to store is fine */
	state_submit(t->registry->state, w);
	dm_log(DM_LOG_INFO, &t->log, "stage moved", "event", stage_event_name(on), "from",
		dm_stage_name(move->from), "to", dm_stage_name(move->to), NULL);
	subtask_publish(t);
}

const char *subtask_stage_word(const struct subtask *t)
{
	switch (t->pending) {
	case PENDING_PAUSE:
		return t->stage == STAGE_RUNNING ? "Pausing" : dm_stage_name(t->stage);
	case PENDING_STOP:
		return "Stopping";
	case PENDING_START:
		return "Starting";
	case PENDING_NONE:
	case PENDING_RESUME:
	case PENDING_FORGET:
		break;
	}
	return dm_stage_name(t->stage);
}

bool subtask_is_active(const struct subtask *t)
{
	return t->is_busy || t->pending != PENDING_NONE || auto_resume_is_pending(&t->resume);
}

/* ---- units ---- */

static void make_units(struct subtask *t)
{
	const struct unit_ops *ops[UNITS_MAX];
	struct unit_env env = { .worker = t->registry->conf,
		.conf = t->conf,
		.relay = t->registry->env.relay,
		.stop = &t->stop };

	t->worker = t->registry->conf;
	t->unit_count = t->registry->env.units_of(task_mode_name(t->conf->common.mode), ops);
	t->unit_at = 0;
	for (size_t i = 0; i < t->unit_count; i++) {
		env.log = t->log;
		env.log.unit = ops[i]->log_name;
		t->units[i] = unit_new(ops[i], &env);
	}
	/* Until one is ready no unit is the current one (DM: InvalidUnit), or what was known last is shown. */
}

static void release_units(struct subtask *t)
{
	subtask_keep_last(t);
	for (size_t i = 0; i < t->unit_count; i++) {
		unit_free(t->units[i]);
		t->units[i] = NULL;
	}
	t->unit_count = t->unit_at = 0;
	t->is_ready = false;
}

/* Units before `at` are not needed any more. */
static void drop_units_before(struct subtask *t, size_t at)
{
	{
		DM_LOCKED(&t->registry->lock);
		t->unit_at = at;
		t->shown_unit = t->units[at];
	}
	for (size_t i = 0; i < at; i++) {
		unit_free(t->units[i]);
		t->units[i] = NULL;
	}
}

/* Reads the stored file again: the worker's own source may have changed meanwhile. */
static int read_conf(struct subtask *t, struct dm_error *reterr)
{
	DM_CLEANUP(task_conf_freep) struct task_conf *task = NULL;

	if (task_conf_parse(t->yaml, strlen(t->yaml), t->name, &task, NULL, reterr) != 0)
		return -1;
	return task_conf_for_source(task, t->registry->conf->source_id, &t->conf, reterr);
}

static int prepare_units(struct subtask *t, struct dm_error *reterr)
{
	if (t->unit_count > 0)
		return 0;
	if (!t->conf && read_conf(t, reterr) != 0)
		return -1;
	if (t->was_ready)
		t->conf->common.remove_meta = false; /* once is what the user asked for */
	make_units(t);
	if (t->unit_count == 0)
		return dm_fail(reterr, DM_ERR_WORKER_NO_UNITS,
			"subtask %s has no dm units for mode %s", t->name,
			task_mode_name(t->conf->common.mode));
	return 0;
}

/* ---- the unit thread ---- */

static void ended_with(struct subtask *t, struct dm_error *err)
{
	(void)dm_process_result_add(&t->ended, ERROR_UNKNOWN, err);
}

static bool init_units(struct subtask *t)
{
	for (size_t i = 0; i < t->unit_count; i++) {
		struct unit *u = t->units[i];
		struct dm_error err = { 0 };

		if (u->ops->init(u, &err) == 0)
			continue;
		(void)dm_annotate(&err, "fail to initial unit %s of subtask %s ",
			dm_unit_name(u->ops->unit), t->name);
		ended_with(t, &err);
		return false;
	}
	return true;
}

/* From the last unit to the second: the first one that has begun its work goes on. */
static bool find_start(struct subtask *t)
{
	t->start_at = 0;
	for (size_t i = t->unit_count; i-- > 1;) {
		struct unit *u = t->units[i];
		struct dm_error err = { 0 };
		bool is_fresh = true;

		if (u->ops->is_fresh(u, &is_fresh, &err) != 0) {
			(void)dm_annotate(&err, "fail to get fresh status of subtask %s %s",
				t->name, dm_unit_name(u->ops->unit));
			ended_with(t, &err);
			return false;
		}
		if (!is_fresh) {
			t->start_at = i;
			break;
		}
	}
	return true;
}

static void on_job_end(void *arg);

static void *subtask_thread(void *arg)
{
	struct subtask *t = arg;

	switch (t->job) {
	case JOB_INIT:
		if (init_units(t))
			(void)find_start(t); /* a failure is in t->ended */
		break;
	case JOB_PROCESS:
		t->units[t->unit_at]->ops->process(t->units[t->unit_at], &t->ended);
		break;
	}
	dm_mailbox_post(t->registry->env.main_box, &t->mail);
	return NULL;
}

static void drain(struct subtask *t, int64_t cut_after_ms)
{
	int64_t cut_at = dm_mono_ms() + cut_after_ms;

	if (!t->is_busy)
		return;
	dm_stop_raise(&t->stop, DM_STOP_DRAIN);
	if (t->cut_at_ms == 0 || cut_at < t->cut_at_ms)
		t->cut_at_ms = cut_at;
}

void subtask_cut(struct subtask *t)
{
	if (!t->is_busy)
		return;
	dm_stop_raise(&t->stop, DM_STOP_CUT);
	t->cut_at_ms = INT64_MAX;
}

void subtask_quiesce(struct subtask *t, int64_t cut_after_ms)
{
	auto_resume_cancel(&t->resume);
	if (t->job == JOB_INIT)
		subtask_cut(t); /* nothing is begun that could be finished */
	else
		drain(t, cut_after_ms);
}

/* ---- what follows the end of a job ---- */

static uint32_t chance(void)
{
	uint32_t value = 0;

	(void)!getrandom(&value, sizeof(value), GRND_NONBLOCK); /* 0 is a fine chance, too */
	return value;
}

/* The error is in t->result already. */
static void fail_and_wait(struct subtask *t)
{
	const struct worker_conf *conf = t->registry->conf;
	const struct dm_error *err = first_error(&t->result);

	t->exits_with_error++;
	if (t->failures++ == 0)
		dm_process_result_copy(&t->result, &t->first_result);
	if (!t->is_ready)
		release_units(t);
	if (conf->checker.check_enable && auto_resume_can_heal(&t->result))
		auto_resume_schedule(
			&t->resume, dm_mono_ms(), conf->checker.backoff_max_ms, chance());
	if (err)
		dm_log_error(DM_LOG_ERROR, &t->log, err, "subtask is paused by an error",
			"retry_in_ms",
			auto_resume_is_pending(&t->resume)
				? DM_NUM(t->resume.due_mono_ms - dm_mono_ms())
				: NULL,
			NULL);
	subtask_fire(t, t->stage == STAGE_NEW ? ON_INIT_ERROR : ON_UNIT_FAILED, BY_ERROR);
}

static void fail_with(struct subtask *t, struct dm_error *err)
{
	dm_process_result_done(&t->result);
	(void)dm_process_result_add(&t->result, ERROR_UNKNOWN, err);
	fail_and_wait(t);
}

static void begin_job(struct subtask *t, enum subtask_job job)
{
	struct dm_error err = { 0 };
	DM_CLEANUP(freep) char *name = NULL;
	int r;

	if (t->registry->is_closing)
		return; /* what is wanted stays so, for the next start */
	if (job == JOB_INIT && prepare_units(t, &err) != 0) {
		fail_with(t, &err);
		return;
	}
	dm_stop_reset(&t->stop);
	dm_process_result_done(&t->ended);
	t->job = job;
	t->cut_at_ms = 0;
	t->mail = (struct dm_mail){ .fn = on_job_end, .arg = t };
	t->is_busy = true;
	name = dm_format("task-%s", t->name);
	r = dm_thread_start(&t->thread, name, subtask_thread, t);
	if (r != 0) {
		t->is_busy = false;
		(void)dm_fail_errno(&err, DM_ERR_WORKER_START_SERVER, r,
			"start a thread for subtask %s", t->name);
		fail_with(t, &err);
		return;
	}
	subtask_publish(t);
}

static void process(struct subtask *t)
{
	struct unit_status status = { 0 };

	dm_process_result_done(&t->result);
	subtask_current_status(t, &status);
	rate_begin(&t->rate, dm_mono_ms(), events_of_status(&status));
	unit_status_done(&status);
	begin_job(t, JOB_PROCESS);
}

static void on_ready_saved(void *arg, const struct dm_error *err)
{
	struct subtask *t = arg;
	struct dm_error copy = { 0 };

	t->is_busy = false;
	if (err && t->stage == STAGE_RUNNING && t->pending == PENDING_NONE) {
		dm_error_copy(err, &copy);
		fail_with(t, &copy);
		return;
	}
	t->was_ready = !err;
	if (t->pending != PENDING_NONE && t->is_wish_saved)
		subtask_go_on(t);
	else if (t->stage == STAGE_RUNNING)
		process(t);
	registry_check_closed(t->registry);
}

/* `remove-meta` is done with before the first row is applied, so that no restart can do it again. */
static void store_readiness(struct subtask *t)
{
	struct state_write *w = state_write_new(t->name);

	w->is_ready = true;
	w->done = on_ready_saved;
	w->arg = t;
	t->is_busy = true; /* nothing else may happen to it meanwhile */
	state_submit(t->registry->state, w);
}

static void initialised(struct subtask *t)
{
	t->is_ready = true;
	drop_units_before(t, t->start_at);
	dm_process_result_done(&t->result);
	if (t->stage == STAGE_NEW)
		subtask_fire(t, ON_READY, BY_NOBODY);
	if (!t->was_ready && t->conf->common.remove_meta)
		store_readiness(t);
	else
		process(t);
}

/* All units of a task are done: only a full one has such an end. */
static void finish(struct subtask *t)
{
	struct dm_error err = { 0 };

	if (t->conf->common.mode != TASK_MODE_FULL) {
		(void)dm_fail(&err, DM_ERR_WORKER_UNIT_ENDED,
			"unit %s of subtask %s ended, but its work has no end",
			dm_unit_name(t->units[t->unit_at]->ops->unit), t->name);
		fail_with(t, &err);
		return;
	}
	t->result = (struct dm_process_result){ .is_set = true };
	release_units(t);
	subtask_fire(t, ON_LAST_UNIT_DONE, BY_NOBODY);
}

static void unit_done(struct subtask *t)
{
	if (t->unit_at + 1 >= t->unit_count) {
		finish(t);
		return;
	}
	drop_units_before(t, t->unit_at + 1);
	subtask_fire(t, ON_NEXT_UNIT, BY_NOBODY);
}

/* The end of a job that was asked to end. */
static void take_asked_end(struct subtask *t, struct dm_process_result *ended)
{
	if (t->job == JOB_INIT && ended->error_count == 0) {
		t->is_ready = true;
		drop_units_before(t, t->start_at);
	} else if (t->job == JOB_INIT) {
		release_units(t); /* cut in its initialisation: it begins anew next time */
	} else if (ended->error_count > 0) {
		dm_log_error(DM_LOG_WARN, &t->log, first_error(ended),
			"subtask could not end in peace, what was begun is applied again later",
			NULL);
		ended->is_canceled = true;
		dm_process_result_move(ended, &t->result);
	}
	dm_process_result_done(ended);
}

/* Takes what the thread said; true when the subtask may work on. */
static bool take_end(struct subtask *t)
{
	bool was_asked = dm_stop_level(&t->stop) != DM_STOP_NONE;
	struct dm_process_result ended = { 0 };

	dm_process_result_move(&t->ended, &ended);
	if (was_asked && (ended.is_canceled || t->job == JOB_INIT)) {
		take_asked_end(t, &ended);
		return false;
	}
	if (ended.error_count > 0 || ended.is_canceled) {
		dm_process_result_move(&ended, &t->result);
		fail_and_wait(t);
		return false;
	}
	dm_process_result_done(&ended);
	if (t->job == JOB_PROCESS)
		unit_done(t);
	return t->job == JOB_INIT || t->stage == STAGE_RUNNING;
}

/* Work begins again where it stood; with new settings of the worker from its initialisation on. */
static void work_on(struct subtask *t)
{
	if (t->is_ready && t->worker != t->registry->conf)
		release_units(t);
	if (t->is_ready)
		process(t);
	else
		begin_job(t, JOB_INIT);
}

/* It was asked to end for a wish that was given up since (the disk refused it): the last one stored holds. */
static void go_back_to_wanted(struct subtask *t)
{
	if (t->wanted == STAGE_PAUSED)
		subtask_fire(t, ON_PAUSE_TASK, BY_USER);
	else
		work_on(t);
}

static void on_job_end(void *arg)
{
	struct subtask *t = arg;
	struct registry *r = t->registry;
	bool may_work;

	dm_thread_join(&t->thread);
	t->is_busy = false;
	t->cut_at_ms = 0;
	may_work = take_end(t);
	if (t->pending != PENDING_NONE && t->is_wish_saved) {
		subtask_publish(t);
		subtask_go_on(t);
	} else if (may_work && t->job == JOB_INIT) {
		initialised(t);
	} else if (may_work) {
		process(t);
	} else if (t->stage == STAGE_RUNNING && t->pending == PENDING_NONE && !r->is_closing) {
		go_back_to_wanted(t);
	}
	registry_check_closed(r);
}

/* ---- wishes that are stored ---- */

static void wish_is_done(struct subtask *t)
{
	t->pending = PENDING_NONE;
	command_finish_all(t->registry, t, NULL);
	subtask_publish(t);
}

static void go_on_start(struct subtask *t)
{
	subtask_conf_free(t->conf);
	free(t->yaml);
	t->conf = take_ptr(t->draft);
	t->yaml = take_ptr(t->draft_yaml);
	t->wanted = STAGE_RUNNING;
	t->was_ready = false;
	t->failures = 0;
	t->resume = (struct auto_resume){ 0 };
	dm_process_result_done(&t->result);
	dm_process_result_done(&t->first_result);
	if (t->conf->common.remove_meta) {
		DM_LOCKED(&t->registry->lock);
		unit_status_done(&t->last);
	}
	subtask_fire(t, ON_START_TASK, BY_USER);
	wish_is_done(t);
	begin_job(t, JOB_INIT);
}

static void go_on_resume(struct subtask *t)
{
	t->wanted = STAGE_RUNNING;
	auto_resume_cancel(&t->resume);
	dm_process_result_done(&t->result);
	subtask_fire(t, ON_RESUME_TASK, BY_USER);
	wish_is_done(t);
	work_on(t);
}

static void go_on_pause(struct subtask *t)
{
	if (t->stage == STAGE_FINISHED) { /* it came first */
		t->pending = PENDING_NONE;
		command_refuse_all(t->registry, t);
		subtask_publish(t);
		return;
	}
	t->wanted = STAGE_PAUSED;
	if (t->is_busy) {
		subtask_quiesce(t, DRAIN_LIMIT_MS);
		subtask_publish(t);
		return;
	}
	auto_resume_cancel(&t->resume);
	if (t->stage == STAGE_RUNNING) {
		subtask_fire(t, ON_PAUSE_TASK, BY_USER);
	} else { /* an error paused it: now it is the user who keeps it so */
		t->by = BY_USER;
		t->result.is_canceled = t->result.is_set;
	}
	wish_is_done(t);
}

static void go_on_stop(struct subtask *t)
{
	if (t->stage == STAGE_FINISHED) { /* it came first: then a stop forgets, as DM does */
		command_store_wish(t, PENDING_FORGET, 0);
		return;
	}
	t->wanted = STAGE_STOPPED;
	if (t->is_busy) {
		subtask_quiesce(t, DRAIN_LIMIT_MS);
		subtask_publish(t);
		return;
	}
	auto_resume_cancel(&t->resume);
	dm_process_result_done(&t->result);
	release_units(t);
	subtask_fire(t, ON_STOP_TASK, BY_USER);
	wish_is_done(t);
}

static void go_on_forget(struct subtask *t)
{
	struct registry *r = t->registry;

	relay_hold(r->env.relay, t->name, NULL);
	t->stage = stage_table_find(t->stage, ON_FORGET)->to;
	dm_log(DM_LOG_INFO, &t->log, "subtask is forgotten", NULL);
	t->pending = PENDING_NONE;
	command_finish_all(r, t, NULL);
	registry_remove(r, t);
}

void subtask_go_on(struct subtask *t)
{
	switch (t->pending) {
	case PENDING_NONE:
		break;
	case PENDING_START:
		go_on_start(t);
		break;
	case PENDING_PAUSE:
		go_on_pause(t);
		break;
	case PENDING_RESUME:
		go_on_resume(t);
		break;
	case PENDING_STOP:
		go_on_stop(t);
		break;
	case PENDING_FORGET:
		go_on_forget(t);
		break;
	}
}

/* One that was overtaken may be on disk, although its command was refused. */
static void store_wanted_again(struct subtask *t)
{
	struct state_write *w = state_write_new(t->name);

	w->change = STATE_TASK_WANT;
	w->wanted = t->wanted;
	state_submit(t->registry->state, w);
}

void subtask_give_up(struct subtask *t, const struct dm_error *err)
{
	if (t->pending == PENDING_STOP)
		store_wanted_again(t);
	t->pending = PENDING_NONE;
	subtask_conf_free(take_ptr(t->draft));
	free(take_ptr(t->draft_yaml));
	command_finish_all(t->registry, t, err);
	if (t->stage == STAGE_INVALID)
		registry_remove(t->registry, t);
	else if (t->stage == STAGE_RUNNING && !t->is_busy && !t->registry->is_closing)
		go_back_to_wanted(t);
	else
		subtask_publish(t);
}

/* ---- time ---- */

static void store_places(struct subtask *t)
{
	struct state_write *w = state_write_new(t->name);

	(void)subtask_fill_places(t, w); /* an empty write costs no disk */
	state_submit(t->registry->state, w);
}

void subtask_tick(struct subtask *t, int64_t now_ms)
{
	const struct worker_conf *conf = t->registry->conf;

	if (t->cut_at_ms && now_ms >= t->cut_at_ms) {
		dm_log(DM_LOG_WARN, &t->log, "a database does not answer, its connections are cut",
			NULL);
		subtask_cut(t);
	}
	if (t->pending == PENDING_NONE && t->stage == STAGE_PAUSED &&
		auto_resume_is_due(&t->resume, now_ms)) {
		auto_resume_tried(&t->resume, conf->checker.backoff_max_ms);
		dm_process_result_done(&t->result);
		subtask_fire(t, ON_AUTO_RESUME, BY_NOBODY);
		work_on(t);
	}
	if (t->stage != STAGE_PAUSED)
		auto_resume_calm(&t->resume, now_ms, conf->checker.backoff_rollback_ms);
	if (t->failures > 0 && t->running_since_ms && t->is_ready &&
		now_ms - t->running_since_ms > RAN_WELL_MS) {
		t->failures = 0;
		dm_process_result_done(&t->first_result);
		subtask_publish(t);
	}
	subtask_measure(t, now_ms);
	if (now_ms >= t->store_at_ms) {
		if (t->store_at_ms && t->stage == STAGE_RUNNING)
			store_places(t);
		t->store_at_ms = now_ms + STORE_EVERY_MS;
	}
}

static bool is_same(const struct binlog_position *a, const struct binlog_position *b)
{
	return a->pos == b->pos && strcmp(a->name, b->name) == 0;
}

bool subtask_fill_places(struct subtask *t, struct state_write *w)
{
	struct unit_status status = { 0 };
	struct state_places places = { 0 };
	bool is_new;

	subtask_current_status(t, &status);
	places_of_status(&status, &places);
	unit_status_done(&status);
	is_new =
		places.unit != UNIT_INVALID &&
		(places.unit != t->stored.unit || !is_same(&places.received, &t->stored.received) ||
			!is_same(&places.applied, &t->stored.applied) ||
			!is_same(&places.flushed, &t->stored.flushed));
	if (is_new) {
		state_places_copy(&places, &t->stored);
		state_places_copy(&places, &w->places);
		w->has_places = true;
	}
	state_places_done(&places);
	return is_new;
}

/* ---- life ---- */

struct subtask *subtask_new(struct registry *r, const char *name)
{
	struct subtask *t = dm_alloc(sizeof(*t));

	t->registry = r;
	t->name = dm_strdup(name);
	t->log = (struct dm_log_context){ .task = t->name, .source = r->source_id };
	if (dm_stop_init(&t->stop) != 0)
		dm_oom(); /* no descriptors left: as bad as no memory */
	return t;
}

void subtask_free(struct subtask *t)
{
	assert(!t->is_busy);
	release_units(t);
	dm_stop_done(&t->stop);
	subtask_conf_free(t->conf);
	subtask_conf_free(t->draft);
	free(t->draft_yaml);
	free(t->yaml);
	free(t->name);
	dm_process_result_done(&t->result);
	dm_process_result_done(&t->first_result);
	dm_process_result_done(&t->ended);
	state_places_done(&t->stored);
	unit_status_done(&t->last);
	subtask_view_done(&t->shown);
	free(t);
}

void subtask_restore(struct subtask *t, const struct state_task *from)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

	t->yaml = dm_strdup(from->yaml);
	(void)read_conf(t, &err); /* a file that fits no more is told of when it is used */
	t->wanted = from->wanted;
	t->was_ready = from->was_ready;
	state_places_copy(&from->places, &t->stored);
	status_of_places(&from->places, &t->last);
	t->stage = from->wanted == STAGE_RUNNING ? STAGE_NEW : from->wanted;
	t->by = from->wanted == STAGE_PAUSED || from->wanted == STAGE_STOPPED ? BY_USER : BY_NOBODY;
	t->since_wall_ns = from->wanted == STAGE_RUNNING ? dm_wall_ns() : from->since_wall_ns;
	if (from->wanted == STAGE_FINISHED)
		t->result.is_set = true;
	subtask_measure(t, dm_mono_ms());
	subtask_publish(t);
	if (t->stage == STAGE_NEW)
		begin_job(t, JOB_INIT);
}
