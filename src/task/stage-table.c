/* stage-table.c - where each stage may go, and how a command is refused. */
#include "stage-table.h"

#include "dm/macro.h"

// clang-format off
static const struct stage_move moves[] = {
	{ STAGE_INVALID,  ON_START_TASK,     STAGE_NEW,      "the task file is valid and stored" },
	{ STAGE_STOPPED,  ON_START_TASK,     STAGE_NEW,      "takes the new file" },
	{ STAGE_NEW,      ON_READY,          STAGE_RUNNING,  "its units are initialised" },
	{ STAGE_NEW,      ON_INIT_ERROR,     STAGE_PAUSED,   "the error is kept; automatic resume if it can heal" },
	{ STAGE_RUNNING,  ON_UNIT_FAILED,    STAGE_PAUSED,   "the error is kept; automatic resume if it can heal" },
	{ STAGE_RUNNING,  ON_PAUSE_TASK,     STAGE_PAUSED,   "the unit is quiet and its checkpoint flushed" },
	{ STAGE_RUNNING,  ON_NEXT_UNIT,      STAGE_RUNNING,  "the next unit begins" },
	{ STAGE_RUNNING,  ON_LAST_UNIT_DONE, STAGE_FINISHED, "only for a full task" },
	{ STAGE_RUNNING,  ON_STOP_TASK,      STAGE_STOPPED,  "the unit is quiet" },
	{ STAGE_PAUSED,   ON_STOP_TASK,      STAGE_STOPPED,  "nothing runs" },
	{ STAGE_PAUSED,   ON_RESUME_TASK,    STAGE_RUNNING,  "same place; initialises again what never got ready" },
	{ STAGE_PAUSED,   ON_AUTO_RESUME,    STAGE_RUNNING,  "the error may have healed" },
	{ STAGE_PAUSED,   ON_UPDATE_TASK,    STAGE_PAUSED,   "new rules, same place" },
	{ STAGE_NEW,      ON_STOP_TASK,      STAGE_STOPPED,  "also while a unit hangs in its initialisation" },
	{ STAGE_STOPPED,  ON_FORGET,         STAGE_INVALID,  "nothing of it stays here" },
	{ STAGE_FINISHED, ON_FORGET,         STAGE_INVALID,  "nothing of it stays here" },
	{ STAGE_FINISHED, ON_STOP_TASK,      STAGE_INVALID,  "forgets it, as DM does" },
};
static const struct {
	const char *name;
	bool is_command;
} events[ON_COUNT] = {
	[ON_START_TASK]     = { "start-task", true },
	[ON_READY]          = { "units ready", false },
	[ON_INIT_ERROR]     = { "error", false },
	[ON_UNIT_FAILED]    = { "unit fails", false },
	[ON_PAUSE_TASK]     = { "pause-task", true },
	[ON_NEXT_UNIT]      = { "unit done, another follows", false },
	[ON_LAST_UNIT_DONE] = { "last unit done", false },
	[ON_STOP_TASK]      = { "stop-task", true },
	[ON_RESUME_TASK]    = { "resume-task", true },
	[ON_AUTO_RESUME]    = { "automatic resume", false },
	[ON_UPDATE_TASK]    = { "update-task", false }, /* no client can send it yet: not named as legal */
	[ON_FORGET]         = { "forget", true },
};
// clang-format on

const struct stage_move *stage_table_at(size_t index)
{
	return index < DM_COUNT_OF(moves) ? &moves[index] : NULL;
}

const struct stage_move *stage_table_find(enum dm_stage from, enum stage_event on)
{
	for (size_t i = 0; i < DM_COUNT_OF(moves); i++)
		if (moves[i].from == from && moves[i].on == on)
			return &moves[i];
	return NULL;
}

const char *stage_event_name(enum stage_event on)
{
	return events[on].name;
}

bool stage_event_is_command(enum stage_event on)
{
	return events[on].is_command;
}

void stage_legal_commands(enum dm_stage stage, struct dm_str *out)
{
	const char *between = "";

	for (int on = 0; on < ON_COUNT; on++) {
		if (!events[on].is_command || !stage_table_find(stage, (enum stage_event)on))
			continue;
		dm_str_addf(out, "%s%s", between, events[on].name);
		between = ", ";
	}
}

int stage_refuse(enum stage_event on, const char *task, const char *stage, struct dm_error *reterr)
{
	switch (on) {
	case ON_START_TASK:
		return dm_fail(
			reterr, DM_ERR_WORKER_SUBTASK_EXISTS, "sub task %s already exists", task);
	case ON_PAUSE_TASK:
		return dm_fail(reterr, DM_ERR_WORKER_NOT_RUNNING_STAGE,
			"current stage is %s but not running, invalid", stage);
	case ON_RESUME_TASK:
	case ON_AUTO_RESUME:
		return dm_fail(reterr, DM_ERR_WORKER_NOT_PAUSED_STAGE,
			"current stage is %s but not paused, invalid", stage);
	case ON_UPDATE_TASK:
		return dm_fail(reterr, DM_ERR_WORKER_UPDATE_NOT_PAUSED,
			"can only update task on Paused stage, but current stage is %s", stage);
	case ON_FORGET:
		return dm_fail(reterr, DM_ERR_WORKER_NOT_STOPPED_STAGE,
			"current stage is %s but not stopped or finished, invalid", stage);
	case ON_STOP_TASK:
	case ON_READY:
	case ON_INIT_ERROR:
	case ON_UNIT_FAILED:
	case ON_NEXT_UNIT:
	case ON_LAST_UNIT_DONE:
	case ON_COUNT:
		break;
	}
	return dm_fail(
		reterr, DM_ERR_WORKER_SUBTASK_NOT_FOUND, "sub task with name %s not found", task);
}

static const char *document_name(enum dm_stage stage)
{
	return stage == STAGE_INVALID ? "(none)" : dm_stage_name(stage);
}

static const char *picture_name(enum dm_stage stage)
{
	return stage == STAGE_INVALID ? "[*]" : dm_stage_name(stage);
}

void stage_table_document(struct dm_str *out)
{
	dm_str_add(out, "| from | event | to | why |\n| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < DM_COUNT_OF(moves); i++)
		dm_str_addf(out, "| %s | %s | %s | %s |\n", document_name(moves[i].from),
			events[moves[i].on].name, document_name(moves[i].to), moves[i].why);
	dm_str_add(out, "\n```mermaid\nstateDiagram-v2\n");
	for (size_t i = 0; i < DM_COUNT_OF(moves); i++)
		dm_str_addf(out, "    %s --> %s: %s\n", picture_name(moves[i].from),
			picture_name(moves[i].to), events[moves[i].on].name);
	dm_str_add(out, "```\n");
}
