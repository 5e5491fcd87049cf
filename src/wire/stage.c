/* stage.c - DM's words, and results of runs. */
#include "dm/stage.h"

#include "dm/clock.h"

const char *dm_stage_name(enum dm_stage stage)
{
	static const char *const names[STAGE_COUNT] = { "InvalidStage", "New", "Running", "Paused",
		"Stopped", "Finished" };

	return names[stage];
}

const char *dm_unit_name(enum dm_unit unit)
{
	switch (unit) {
	case UNIT_INVALID:
		return "InvalidUnit";
	case UNIT_CHECK:
		return "Check";
	case UNIT_DUMP:
		return "Dump";
	case UNIT_LOAD:
		return "Load";
	case UNIT_SYNC:
		return "Sync";
	case UNIT_RELAY:
		return "Relay";
	}
	return "InvalidUnit";
}

const char *dm_error_type_name(enum dm_error_type type)
{
	static const char *const names[ERROR_TYPE_COUNT] = { "UnknownError", "ExecSQL",
		"CheckFailed" };

	return names[type];
}

const char *dm_task_op_name(enum dm_task_op op)
{
	static const char *const names[TASK_OP_COUNT] = { "InvalidOp", "Stop", "Pause", "Resume",
		"Start", "Update", "AutoResume" };

	return names[op];
}

const char *dm_relay_op_name(enum dm_relay_op op)
{
	static const char *const names[RELAY_OP_COUNT] = { "InvalidRelayOp", "StopRelay",
		"PauseRelay", "ResumeRelay" };

	return names[op];
}

void dm_process_error_done(struct dm_process_error *e)
{
	dm_error_done(&e->error);
	free(e->statement);
	free(e->table);
}

void dm_process_result_done(struct dm_process_result *r)
{
	for (size_t i = 0; i < r->error_count; i++)
		dm_process_error_done(&r->errors[i]);
	free(r->errors);
	*r = (struct dm_process_result){ 0 };
}

void dm_process_error_copy(const struct dm_process_error *from, struct dm_process_error *to)
{
	*to = *from;
	to->error = (struct dm_error){ 0 };
	dm_error_copy(&from->error, &to->error);
	to->statement = from->statement ? dm_strdup(from->statement) : NULL;
	to->table = from->table ? dm_strdup(from->table) : NULL;
}

void dm_process_result_copy(const struct dm_process_result *from, struct dm_process_result *to)
{
	dm_process_result_done(to);
	*to = *from;
	to->errors =
		from->error_count ? dm_alloc_array(from->error_count, sizeof(*to->errors)) : NULL;
	for (size_t i = 0; i < from->error_count; i++)
		dm_process_error_copy(&from->errors[i], &to->errors[i]);
}

void dm_process_result_move(struct dm_process_result *from, struct dm_process_result *to)
{
	dm_process_result_done(to);
	*to = *from;
	*from = (struct dm_process_result){ 0 };
}

struct dm_process_error *dm_process_result_add(
	struct dm_process_result *r, enum dm_error_type type, struct dm_error *err)
{
	struct dm_process_error *entry;

	r->errors = dm_grow(r->errors, r->error_count + 1, sizeof(*r->errors));
	entry = &r->errors[r->error_count++];
	*entry = (struct dm_process_error){ .type = type, .wall_ns = dm_wall_ns() };
	dm_error_move(err, &entry->error);
	r->is_set = true;
	return entry;
}
