/* stage-table.h - the one table of a subtask's stages: from, event, to, why.
 *
 * Nothing else decides where a stage goes; subtask_fire() is its only user that moves one. STAGE_INVALID stands for
 * "(none)": no such subtask. Pure, any thread. ARCHITECTURE.md shows what stage_table_document() prints. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dm/stage.h"

enum stage_event {
	ON_START_TASK,
	ON_READY,
	ON_INIT_ERROR,
	ON_UNIT_FAILED,
	ON_PAUSE_TASK,
	ON_NEXT_UNIT,
	ON_LAST_UNIT_DONE,
	ON_STOP_TASK,
	ON_RESUME_TASK,
	ON_AUTO_RESUME,
	ON_UPDATE_TASK,
	ON_FORGET,
	ON_COUNT
};
struct stage_move {
	enum dm_stage from;
	enum stage_event on;
	enum dm_stage to;
	const char *why;
};

const struct stage_move *stage_table_at(size_t index); /* NULL past the end */
const struct stage_move *stage_table_find(
	enum dm_stage from, enum stage_event on); /* NULL: refused */
const char *stage_event_name(enum stage_event on); /* "start-task", "unit fails" */
bool stage_event_is_command(enum stage_event on);
/* Commands that are legal in `stage`: "pause-task, stop-task". */
void stage_legal_commands(enum dm_stage stage, struct dm_str *out);
/* DM's refusal of a command. `stage` is what the text calls the stage: its name, or "Pausing", "Stopping". Returns -1. */
int stage_refuse(enum stage_event on, const char *task, const char *stage, struct dm_error *reterr);
/* The table and its picture as Markdown. */
void stage_table_document(struct dm_str *out);
