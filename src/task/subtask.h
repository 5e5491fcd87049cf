/* subtask.h - one subtask: its stage, its units and the thread that runs them.
 *
 * Owner: the registry. Main thread only, but for what the lock of the registry guards (shown, shown_unit, last), which
 * views read, and for `ended` and `start_at`, which the unit thread writes before its mail.
 * A command waits in the registry's list; here is only what is asked for at the moment (`pending`). */
#pragma once

#include "dm/task.h"
#include "dm/thread.h"

#include "auto-resume.h"
#include "stage-table.h"
#include "state.h"

struct registry;
struct subtask_conf;
struct worker_conf;

enum subtask_pending {
	PENDING_NONE,
	PENDING_START,
	PENDING_PAUSE,
	PENDING_RESUME,
	PENDING_STOP,
	PENDING_FORGET
};
enum subtask_job { JOB_INIT, JOB_PROCESS };
enum { UNITS_MAX = 4, RATE_SAMPLES = 8 };

struct rate { /* events a second over the last second, from samples of the tick */
	struct rate_sample {
		int64_t mono_ms;
		uint64_t events;
	} samples
		[RATE_SAMPLES]; /* a ring; the oldest that is within reach is compared with the newest */
	unsigned int count;
	struct rate_sample begin; /* of this run */
	uint64_t total, recent;
};

struct subtask {
	struct registry *registry;
	char *name, *yaml;
	struct subtask_conf *conf; /* NULL: the stored file cannot be used any more */
	const struct worker_conf *worker; /* that the units were made with */
	struct dm_log_context log;

	enum dm_stage
		stage; /* written by subtask_fire() alone; STAGE_INVALID: its first start is being stored */
	enum dm_stage wanted;
	enum stage_reason by;
	int64_t since_wall_ns;
	struct dm_process_result result, first_result;
	uint64_t failures, exits_with_error;
	int64_t running_since_ms; /* of this stage Running; 0 */
	struct auto_resume resume;

	struct unit *units[UNITS_MAX];
	size_t unit_count, unit_at;
	bool is_ready; /* all units are initialised */
	bool was_ready; /* with this task file, also before a restart: `remove-meta` is done with */

	struct dm_stop stop;
	struct dm_thread thread;
	struct dm_mail mail;
	bool is_busy; /* the thread runs, or its mail is under way */
	enum subtask_job job;
	struct dm_process_result ended; /* the thread's word */
	size_t start_at; /* the same: which unit goes on */

	enum subtask_pending pending;
	unsigned int wish; /* number of the write that stores it */
	bool is_wish_saved;
	int64_t cut_at_ms; /* while draining; 0 */
	struct subtask_conf *draft; /* PENDING_START: what it starts with */
	char *draft_yaml;

	struct rate rate;
	struct binlog_position held; /* what the relay keeps for us */
	struct state_places stored; /* what the state has of us */
	int64_t store_at_ms; /* the next look whether that is old */

	/* guarded by the registry's lock */
	struct subtask_view shown; /* without unit status */
	const struct unit *shown_unit; /* NULL: `last` is all there is */
	struct unit_status last; /* unit UNIT_INVALID: nothing known */
};

struct subtask *subtask_new(struct registry *r, const char *name);
void subtask_free(struct subtask *t); /* not while busy */
/* Brings it back as it was stored; begins to work when that is wanted. */
void subtask_restore(struct subtask *t, const struct state_task *from);

/* What goes on: a wish that is stored now, or a thread that ended. */
void subtask_go_on(struct subtask *t);
/* Fails a wish that could not be stored. */
void subtask_give_up(struct subtask *t, const struct dm_error *err);
void subtask_tick(struct subtask *t, int64_t now_ms);
/* The process ends: quiet within `cut_after_ms`, nothing that is wanted changes. */
void subtask_quiesce(struct subtask *t, int64_t cut_after_ms);
void subtask_cut(struct subtask *t);
/* Puts the last positions into `w`; false when nothing is known that is not stored. */
bool subtask_fill_places(struct subtask *t, struct state_write *w);

/* What a refusal calls the stage: its name, or what is being done. */
const char *subtask_stage_word(const struct subtask *t);
bool subtask_is_active(const struct subtask *t); /* needs a tick */

/* ---- subtask-view.c ---- */
void subtask_publish(struct subtask *t); /* after any change */
void subtask_view_copy(const struct subtask *t, struct subtask_view *ret); /* under the lock */
void subtask_view_done(struct subtask_view *v);
void subtask_keep_last(struct subtask *t); /* takes over the status of the current unit */
void subtask_current_status(
	const struct subtask *t, struct unit_status *ret); /* UNIT_INVALID: none known */
uint64_t events_of_status(const struct unit_status *s);
void places_of_status(const struct unit_status *s, struct state_places *ret);
void status_of_places(const struct state_places *p, struct unit_status *ret);
void subtask_measure(struct subtask *t, int64_t now_ms); /* rates, and what the relay keeps */
void rate_begin(struct rate *rate, int64_t now_ms, uint64_t events);
void rate_add(struct rate *rate, int64_t now_ms, uint64_t events);
