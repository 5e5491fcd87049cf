/* status-derive.c - what follows from what others published: synced, caught up, and how far behind. */
#include "dm/status.h"

#include <stdlib.h>
#include <string.h>

/* ---- history: one row each time the upstream's end moved ---- */

static struct status_seen *history_at(const struct status_history *h, unsigned int index)
{
	return (struct status_seen *)&h->seen[(h->first + index) % STATUS_HISTORY_MAX];
}

static bool seen_is_beyond(const struct status_seen *seen, uint64_t file, uint64_t pos)
{
	return seen->file > file || (seen->file == file && seen->pos > pos);
}

void status_history_add(struct status_history *h, const struct binlog_position *p, int64_t mono_ms)
{
	struct status_seen now = { .pos = p->pos, .mono_ms = mono_ms };

	if (binlog_name_number(p->name, &now.file) != 0)
		return;
	if (h->count > 0) {
		const struct status_seen *last = history_at(h, h->count - 1);

		if (last->file == now.file && last->pos == now.pos)
			return;
		/* RESET MASTER or another server: what was seen before says nothing any more. */
		if (seen_is_beyond(last, now.file, now.pos))
			h->count = 0;
	}
	if (h->count == STATUS_HISTORY_MAX) {
		h->first = (h->first + 1) % STATUS_HISTORY_MAX;
		h->count--;
	}
	*history_at(h, h->count++) = now;
}

/* When the first byte after (file, pos) was seen upstream. False: never. `ret_is_oldest`: it may have been there before. */
static bool history_first_beyond(const struct status_history *h, uint64_t file, uint64_t pos,
	int64_t *ret_mono_ms, bool *ret_is_oldest)
{
	unsigned int low = 0, high = h ? h->count : 0;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (seen_is_beyond(history_at(h, middle), file, pos))
			high = middle;
		else
			low = middle + 1;
	}
	if (!h || low == h->count)
		return false;
	*ret_mono_ms = history_at(h, low)->mono_ms;
	*ret_is_oldest = low == 0;
	return true;
}

/* ---- positions ---- */

static unsigned int sub_dir_suffix(const char *sub_dir)
{
	const char *dot = strrchr(sub_dir, '.');

	return dot ? (unsigned int)strtoul(dot + 1, NULL, 10) : RELAY_SUFFIX_NONE;
}

/* Is `p` (with or without suffix) the place `end` in the relay's sub-directory `suffix`? Other than DM, the same
 * file name of a former server is not taken for that of the present one. */
static bool is_same_place(
	const struct binlog_position *p, const struct binlog_position *end, unsigned int suffix)
{
	char plain[BINLOG_NAME_MAX];
	unsigned int own_suffix;

	if (p->pos != end->pos || binlog_name_split(p->name, plain, &own_suffix) != 0)
		return false;
	return strcmp(plain, end->name) == 0 &&
	       (own_suffix == RELAY_SUFFIX_NONE || suffix == RELAY_SUFFIX_NONE ||
		       own_suffix == suffix);
}

static void derive_lag(const struct status *s, const struct status_history *h,
	const struct binlog_position *p, int64_t timestamp, struct status_lag *ret)
{
	uint64_t file, end_file;
	int64_t seen_mono_ms;
	bool is_oldest;

	*ret = (struct status_lag){ 0 };
	if (!s->sample.is_fresh || binlog_name_number(p->name, &file) != 0 ||
		binlog_name_number(s->upstream.name, &end_file) != 0)
		return;
	ret->is_known = true;
	ret->has_bytes = true;
	if (file > end_file || (file == end_file && p->pos >= s->upstream.pos))
		return; /* nothing is missing */
	ret->files = end_file - file;
	ret->has_bytes = file == end_file;
	ret->bytes = ret->has_bytes ? s->upstream.pos - p->pos : 0;
	ret->is_known = history_first_beyond(h, file, p->pos, &seen_mono_ms, &is_oldest);
	if (ret->is_known)
		ret->ms = s->mono_ms > seen_mono_ms ? s->mono_ms - seen_mono_ms : 0;
	/* Missing since before we looked: the upstream's own clock is the better witness. */
	if ((!ret->is_known || is_oldest) && timestamp > 0) {
		int64_t age_ms = s->wall_ns / 1000000 - timestamp * 1000;

		ret->ms = age_ms > ret->ms ? age_ms : ret->ms;
		ret->is_known = true;
	}
}

/* The sample, unless the relay got more after it was taken. */
static void derive_upstream(struct status *s)
{
	s->upstream = (struct binlog_position){ 0 };
	if (!s->sample.is_known)
		return;
	s->upstream = s->sample.position;
	if (s->relay.received.name[0] != '\0' && s->relay.stage == STAGE_RUNNING &&
		s->relay.last_event_mono_ms > s->sample.answered_mono_ms &&
		binlog_position_compare(&s->relay.received, &s->upstream) > 0)
		s->upstream = s->relay.received;
}

static bool relay_has_all_gtids(const struct status *s)
{
	enum dm_flavor flavor =
		s->flavor != DM_FLAVOR_UNKNOWN ? s->flavor : s->sample.server.flavor;
	DM_CLEANUP(gtid_set_freep) struct gtid_set *upstream = NULL;
	DM_CLEANUP(gtid_set_freep) struct gtid_set *relay = NULL;
	size_t at;

	if (flavor == DM_FLAVOR_UNKNOWN || !s->sample.gtid_set || s->sample.gtid_set[0] == '\0' ||
		!s->relay.gtid_set)
		return false;
	return gtid_set_parse(&upstream, flavor, s->sample.gtid_set, &at) == 0 &&
	       gtid_set_parse(&relay, flavor, s->relay.gtid_set, &at) == 0 &&
	       gtid_set_contains(relay, upstream);
}

static void derive_task(const struct status *s, const struct status_history *h,
	const struct subtask_view *view, struct status_task *ret)
{
	const struct sync_status *sync = &view->status.sync;
	const struct binlog_position *applied;

	*ret = (struct status_task){ .progress_age_ms = -1 };
	if (!view->has_unit_status || view->status.unit != UNIT_SYNC)
		return;
	applied = sync->applied.name[0] != '\0' ? &sync->applied : &sync->flushed;
	ret->is_synced = s->sample.is_fresh &&
			 is_same_place(applied, &s->upstream, sub_dir_suffix(s->relay.sub_dir));
	derive_lag(s, h, applied, sync->applied_timestamp, &ret->lag);
	if (sync->last_progress_mono_ms > 0)
		ret->progress_age_ms = s->mono_ms > sync->last_progress_mono_ms
					       ? s->mono_ms - sync->last_progress_mono_ms
					       : 0;
}

void status_derive(struct status *s, const struct status_history *history)
{
	derive_upstream(s);
	s->is_relay_caught_up =
		s->sample.is_fresh && s->relay.stage != STAGE_STOPPED &&
		(is_same_place(&s->relay.received, &s->upstream, RELAY_SUFFIX_NONE) ||
			(s->enable_gtid && relay_has_all_gtids(s)));
	derive_lag(s, history, &s->relay.received, s->relay.last_event_timestamp, &s->relay_lag);
	free(s->tasks);
	s->tasks = dm_alloc_array(s->registry.count, sizeof(*s->tasks));
	for (size_t i = 0; i < s->registry.count; i++)
		derive_task(s, history, &s->registry.subtasks[i], &s->tasks[i]);
}
