/* subtask-view.c - what others see of a subtask: copies, rates, places. */
#include "subtask.h"

#include <string.h>

#include "dm/clock.h"
#include "dm/conf.h"
#include "dm/relay.h"

#include "registry.h"

enum { RATE_EVERY_MS = 150, RATE_REACH_MS = 1000 };

const char *stage_reason_name(enum stage_reason by)
{
	static const char *const names[] = { "", "user", "error", "shutdown", "disk" };

	return names[by];
}

/* ---- places ---- */

uint64_t events_of_status(const struct unit_status *s)
{
	return s->unit == UNIT_SYNC ? s->sync.total_events : 0;
}

void places_of_status(const struct unit_status *s, struct state_places *ret)
{
	state_places_done(ret);
	if (s->unit != UNIT_SYNC || !s->sync.flushed.name[0])
		return;
	ret->unit = s->unit;
	ret->received = s->sync.received;
	ret->applied = s->sync.applied;
	ret->flushed = s->sync.flushed;
	ret->flushed_gtid = dm_strdup(s->sync.flushed_gtid);
}

void status_of_places(const struct state_places *p, struct unit_status *ret)
{
	unit_status_done(ret);
	if (p->unit != UNIT_SYNC)
		return;
	ret->unit = p->unit;
	ret->sync.received = p->received;
	ret->sync.applied = p->applied;
	ret->sync.flushed = p->flushed;
	ret->sync.flushed_gtid = dm_strdup(p->flushed_gtid);
}

void subtask_current_status(const struct subtask *t, struct unit_status *ret)
{
	DM_LOCKED(&t->registry->lock);
	if (t->shown_unit)
		t->shown_unit->ops->status(t->shown_unit, ret);
	else
		unit_status_copy(&t->last, ret);
}

void subtask_keep_last(struct subtask *t)
{
	DM_LOCKED(&t->registry->lock);
	if (t->shown_unit &&
		t->is_ready) { /* as in DM, a unit that never got ready leaves nothing */
		unit_status_done(&t->last);
		t->shown_unit->ops->status(t->shown_unit, &t->last);
	}
	t->shown_unit = NULL;
}

/* ---- rates ---- */

void rate_begin(struct rate *rate, int64_t now_ms, uint64_t events)
{
	rate->count = 0;
	rate->recent = 0;
	rate->begin = (struct rate_sample){ now_ms, events };
	rate_add(rate, now_ms, events);
}

static uint64_t per_second(const struct rate_sample *from, const struct rate_sample *to)
{
	int64_t ms = to->mono_ms - from->mono_ms;

	if (ms <= 0 || to->events < from->events)
		return 0;
	return (to->events - from->events) * 1000 / (uint64_t)ms;
}

void rate_add(struct rate *rate, int64_t now_ms, uint64_t events)
{
	struct rate_sample now = { now_ms, events };
	const struct rate_sample *from = NULL;

	for (unsigned int age = 1; age <= rate->count && age <= RATE_SAMPLES; age++) {
		const struct rate_sample *s = &rate->samples[(rate->count - age) % RATE_SAMPLES];

		if (age == 1 && now_ms - s->mono_ms < RATE_EVERY_MS)
			return; /* too early to tell anything new */
		from = s;
		if (now_ms - s->mono_ms >= RATE_REACH_MS)
			break;
	}
	if (from)
		rate->recent = per_second(from, &now);
	rate->total = per_second(&rate->begin, &now);
	rate->samples[rate->count++ % RATE_SAMPLES] = now;
}

static bool has_place(const struct binlog_position *p)
{
	return p->name[0] != '\0';
}

static void hold(struct subtask *t, const struct binlog_position *p)
{
	if (!has_place(p) || (p->pos == t->held.pos && strcmp(p->name, t->held.name) == 0))
		return;
	t->held = *p;
	relay_hold(t->registry->env.relay, t->name, p);
}

void subtask_measure(struct subtask *t, int64_t now_ms)
{
	struct unit_status status = { 0 };
	struct state_places places = { 0 };
	uint64_t recent = t->rate.recent, total = t->rate.total;

	subtask_current_status(t, &status);
	places_of_status(&status, &places);
	if (has_place(&places.flushed)) {
		hold(t, &places.flushed);
	} else if (t->conf && t->conf->meta.is_set) { /* nothing is applied yet: all is needed */
		binlog_position_set(
			&places.flushed, t->conf->meta.binlog_name, t->conf->meta.binlog_pos);
		hold(t, &places.flushed);
	}
	if (t->stage == STAGE_RUNNING && t->is_ready)
		rate_add(&t->rate, now_ms, events_of_status(&status));
	else
		t->rate.recent = 0;
	unit_status_done(&status);
	state_places_done(&places);
	if (recent == t->rate.recent && total == t->rate.total)
		return;
	DM_LOCKED(&t->registry->lock);
	t->shown.recent_tps = t->rate.recent;
	t->shown.total_tps = t->rate.total;
}

/* ---- views ---- */

void subtask_view_done(struct subtask_view *v)
{
	free(v->name);
	dm_process_result_done(&v->result);
	dm_process_result_done(&v->first_result);
	unit_status_done(&v->status);
	*v = (struct subtask_view){ 0 };
}

void subtask_view_copy(const struct subtask *t, struct subtask_view *ret)
{
	*ret = t->shown;
	ret->name = dm_strdup(t->shown.name);
	ret->result = ret->first_result = (struct dm_process_result){ 0 };
	dm_process_result_copy(&t->shown.result, &ret->result);
	dm_process_result_copy(&t->shown.first_result, &ret->first_result);
	ret->status = (struct unit_status){ 0 };
	if (t->shown_unit)
		t->shown_unit->ops->status(t->shown_unit, &ret->status);
	else
		unit_status_copy(&t->last, &ret->status);
	ret->unit = ret->status.unit;
	ret->has_unit_status = ret->unit != UNIT_INVALID;
}

static int64_t wall_of_mono_ms(int64_t mono_ms)
{
	return dm_wall_ns() + (mono_ms - dm_mono_ms()) * 1000000;
}

void subtask_publish(struct subtask *t)
{
	struct registry *r = t->registry;
	bool is_pending = auto_resume_is_pending(&t->resume);

	{
		struct subtask_view *v = &t->shown;
		DM_LOCKED(&r->lock);

		if (!v->name)
			v->name = dm_strdup(t->name);
		v->stage = t->stage;
		v->wanted = t->wanted;
		v->is_draining = t->pending != PENDING_NONE && t->is_busy;
		v->since_wall_ns = t->since_wall_ns;
		v->by = t->by;
		v->mode = t->conf ? task_mode_name(t->conf->common.mode) : "";
		dm_process_result_copy(&t->result, &v->result);
		dm_process_result_copy(&t->first_result, &v->first_result);
		v->failures = t->failures;
		v->next_resume_wall_ns = is_pending ? wall_of_mono_ms(t->resume.due_mono_ms) : 0;
		v->total_tps = t->rate.total;
		v->recent_tps = t->rate.recent;
		v->exits_with_error = t->exits_with_error;
		v->legal = r->legal[t->stage][is_pending];
	}
	registry_changed(r);
}
