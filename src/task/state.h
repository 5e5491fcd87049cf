/* state.h - what survives a restart: tasks with their files and wanted stages, the relay's pause, command numbers,
 * and a bounded history of moves and errors. SQLite in <meta-dir>/state.db.
 *
 * Opened and read once by the main thread; from then on only the state thread touches it. A write is one transaction
 * and is confirmed by mail to the main thread when it is safe on disk, in the order of submission.
 * Corrupt, foreign or newer files are refused and stay as they are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/position.h"
#include "dm/stage.h"
#include "dm/thread.h"

struct state;

enum { STATE_VERSION = 1, STATE_HISTORY_MAX = 10000 };

struct state_places { /* the last that was known of a subtask's unit */
	enum dm_unit unit;
	struct binlog_position received, applied, flushed;
	char *flushed_gtid; /* owned; may be NULL */
};
void state_places_done(struct state_places *p);
void state_places_copy(const struct state_places *from, struct state_places *to);

struct state_task {
	char *name, *yaml;
	enum dm_stage wanted;
	bool was_ready; /* since this file was taken: `remove-meta` is done with */
	int64_t since_wall_ns; /* of the wish */
	struct state_places places;
};
struct state_content {
	struct state_task *tasks; /* sorted by name */
	size_t count;
	bool is_relay_paused; /* by the user */
	uint64_t log_id; /* the last one given */
};
void state_content_done(struct state_content *c);

/* Makes the directory and the file when there are none, and starts the thread. 40041, 40047. */
int state_open(struct state **ret, const char *meta_dir, struct dm_mailbox *main_box,
	struct state_content *ret_content, struct dm_error *reterr);
/* Writes what was submitted, then ends the thread. Confirmations may still lie in the mailbox. */
void state_free(struct state *s);

enum state_task_change { STATE_TASK_KEEP, STATE_TASK_PUT, STATE_TASK_WANT, STATE_TASK_FORGET };
enum state_relay_change { STATE_RELAY_KEEP, STATE_RELAY_PAUSED, STATE_RELAY_RUNS };
/* One write. Made zeroed by state_write_new(); all strings are owned by it. Freed after `done`. */
struct state_write {
	struct dm_mail mail;
	struct state *state;
	uint64_t log_id; /* of a command; 0: none */
	enum state_relay_change relay;

	char *task; /* NULL: only log_id, relay and event */
	enum state_task_change change;
	char *yaml; /* PUT: also forgets was_ready and places */
	enum dm_stage wanted; /* PUT, WANT */
	bool is_ready; /* sets was_ready */
	bool has_places;
	struct state_places places;

	const char *event; /* static; NULL: no row of history */
	enum dm_stage from, to;
	const char *reason; /* static, may be NULL */
	struct dm_error error; /* of the move, may be empty */

	/* Main thread; err NULL: it is on disk. May be NULL. */
	void (*done)(void *arg, const struct dm_error *err);
	void *arg;
	struct dm_error failed; /* private */
};
struct state_write *state_write_new(const char *task);
void state_submit(struct state *s, struct state_write *w); /* takes it over; main thread */
/* Submitted and not yet confirmed; main thread. */
size_t state_pending(const struct state *s);
