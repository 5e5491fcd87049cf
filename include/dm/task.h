/* task.h - the subtasks of this worker: their stages, their units, and what survives a restart.
 *
 * Owner: the worker. All commands and moves on the main thread; nothing here waits for a database or a disk: units have
 * threads, small state has the state thread. Views may be taken by any thread. The stage table in
 * src/task/stage-table.c is the only way a stage moves (ARCHITECTURE.md shows it). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/stage.h"
#include "dm/unit.h"

struct dm_mailbox;
struct relay;
struct registry;
struct worker_conf;

struct registry_env { /* borrowed; outlive the registry */
	const struct worker_conf *conf;
	struct relay *relay;
	struct dm_mailbox *main_box;
	void (*on_change)(
		void *arg); /* main thread: some stage, result or the set of subtasks changed */
	void *arg;
	/* The units of a task mode in order; NULL: unit_list_of_mode(). 0: none in this build. */
	size_t (*units_of)(const char *mode, const struct unit_ops *ret[4]);
};
/* Opens <meta-dir>/state.db and starts the state thread. Newer state is refused (40047), nothing is wiped. */
int registry_new(struct registry **ret, const struct registry_env *env, struct dm_error *reterr);
/* Starts the relay and brings back what the user last asked for, its pause too. Main thread, returns at once. */
void registry_restore(struct registry *r);
/* Ends all units (drain, then cut after 3 s) without changing what is wanted; `done` on the main thread. */
void registry_shutdown(struct registry *r, void (*done)(void *arg), void *arg);
void registry_free(struct registry *r); /* after that, or when nothing was restored */
void registry_tick(struct registry
		*r); /* main thread, about 5 times a second: automatic resume, time-outs, rates */
bool registry_is_busy(const struct registry *r); /* such ticks are needed */
/* After a reload. Units that run keep the old one until they begin again; it must live as long as it is used. */
void registry_update_conf(struct registry *r, const struct worker_conf *conf);
bool registry_uses_conf(const struct registry *r, const struct worker_conf *conf);

/* ---- commands; main thread; each is answered exactly once, when its move is made, refused, or after 30 s ---- */
struct task_reply {
	struct dm_error error; /* empty: done */
	struct dm_str
		legal; /* when refused by the stage: "stop-task, resume-task", for the second line of msg */
	enum dm_stage stage; /* now */
	uint64_t log_id; /* grows with each command, over restarts too */
};
typedef void task_done_fn(void *arg, const struct task_reply *reply);
/* `yaml` is a whole task file; the part for this worker's source is taken. Persisted before it is answered. */
void registry_start_task(struct registry *r, const char *yaml, task_done_fn *done, void *arg);
void registry_operate_task(
	struct registry *r, enum dm_task_op op, const char *name, task_done_fn *done, void *arg);
void registry_forget_task(struct registry *r, const char *name, task_done_fn *done, void *arg);
/* PAUSE and RESUME of the relay with the user's wish persisted. */
void registry_operate_relay(struct registry *r, enum dm_relay_op op, task_done_fn *done, void *arg);
struct relay_purge;
void registry_purge_relay(struct registry *r, const struct relay_purge *what, task_done_fn *done,
	void *arg); /* 30037 checked here */

/* ---- views; any thread, copies, never waits for I/O ---- */
enum stage_reason { BY_NOBODY, BY_USER, BY_ERROR, BY_SHUTDOWN, BY_DISK };
const char *stage_reason_name(enum stage_reason by); /* "user", "error", ... */
struct subtask_view { /* strings and results are owned by the view */
	char *name;
	enum dm_stage stage, wanted; /* wanted: what the user last asked for */
	bool is_draining;
	int64_t since_wall_ns;
	enum stage_reason by;
	const char *mode;
	enum dm_unit unit; /* UNIT_INVALID: none */
	struct dm_process_result result;
	struct dm_process_result first_result; /* the first failure since it last ran well */
	uint64_t failures; /* since then */
	int64_t next_resume_wall_ns; /* of the automatic resume; 0: none pending */
	bool has_unit_status;
	struct unit_status status;
	uint64_t total_tps,
		recent_tps; /* events a second: since the run began, over the last second */
	uint64_t exits_with_error;
	const char *legal; /* commands that are legal now, for people */
};
struct registry_view {
	struct subtask_view *subtasks; /* sorted by name */
	size_t count;
	uint64_t change; /* grows with each change of stage, result or set */
};
void registry_view(const struct registry *r, struct registry_view *ret);
void registry_view_done(struct registry_view *v);
uint64_t registry_change(const struct registry *r); /* cheap: one atomic */
