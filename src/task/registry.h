/* registry.h - inside the task room: the set of subtasks, and commands under way.
 *
 * See dm/task.h. A command lives in the registry's list from its arrival until its reply is given and, when it timed
 * out before, until its work is done. */
#pragma once

#include <stdatomic.h>

#include "dm/task.h"
#include "dm/thread.h"

#include "stage-table.h"
#include "state.h"
#include "subtask.h"

enum {
	COMMAND_LIMIT_MS = 30000,
	DRAIN_LIMIT_MS = 5000,
	SHUTDOWN_CUT_MS = 3000,
	PURGE_PATIENCE_MS = 10000,
	STORE_EVERY_MS = 60000,
	RAN_WELL_MS = 30000
};

struct command {
	struct command *next;
	struct registry *registry;
	enum stage_event on; /* ON_COUNT: of the relay */
	enum dm_relay_op relay_op;
	char *name; /* of the task, "" for the relay */
	task_done_fn *done; /* NULL once it timed out */
	void *arg;
	uint64_t log_id;
	int64_t deadline_ms;
	struct subtask *waits_for; /* its wish */
	struct subtask_conf *draft; /* of start-task, until the subtask has it */
	char *yaml;
	int64_t parked_until_ms; /* start-task while the relay is purged; 0 */
	struct task_reply reply; /* what it will be */
};

struct registry {
	struct registry_env env;
	const struct worker_conf *conf;
	char *source_id; /* for logs; outlives each conf */
	struct state *state;
	struct state_content restored; /* until registry_restore() */
	struct command *commands;
	uint64_t log_id;
	char *legal[STAGE_COUNT][2]; /* [1]: an automatic resume is pending */
	bool is_closing, is_last_write;
	int64_t cut_at_ms;
	void (*closed)(void *arg);
	void *closed_arg;

	struct dm_lock lock; /* REGISTRY: guards the set, and what subtask.h says */
	struct subtask **subtasks; /* sorted by name; written by the main thread */
	size_t count;
	_Atomic uint64_t change;
};

/* ---- registry.c ---- */
struct subtask *registry_find(const struct registry *r, const char *name);
struct subtask *registry_add(struct registry *r, const char *name);
void registry_remove(struct registry *r, struct subtask *t); /* frees it */
void registry_changed(struct registry *r);
void registry_check_closed(struct registry *r);

/* ---- command.c ---- */
/* Ends all commands that wait for `t`. `err` NULL: done; its text may speak of `t`. */
void command_finish_all(struct registry *r, struct subtask *t, const struct dm_error *err);
/* Refuses those that wait for `t`, in the words of the stage table for their own event. */
void command_refuse_all(struct registry *r, struct subtask *t);
uint64_t command_log_id(const struct registry *r, const struct subtask *t); /* of the first; 0 */
/* Stores what is asked of `t`; subtask_go_on() follows, or subtask_give_up(). */
void command_store_wish(struct subtask *t, enum subtask_pending pending, uint64_t log_id);
void command_tick(struct registry *r, int64_t now_ms);
void command_close_all(struct registry *r); /* parked ones: 40049 */
void command_drop_all(struct registry *r); /* all: 40049, at once */
