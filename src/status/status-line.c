/* status-line.c - the snapshot in one line, for `systemctl status`. */
#include "dm/status.h"

#include <inttypes.h>

enum { LINE_TASKS_MAX = 8 }; /* the line is for one screen */

static void add_behind(struct dm_str *out, const struct status_lag *lag, bool is_caught_up)
{
	if (is_caught_up)
		dm_str_add(out, ", caught up");
	else if (lag->is_known)
		dm_str_addf(out, ", %" PRId64 " s behind", lag->ms / 1000);
}

static void add_error(struct dm_str *out, const struct dm_process_result *r)
{
	if (r->error_count > 0)
		dm_str_addf(out, " by error %d", (int)r->errors[0].error.code);
}

void status_print_line(const struct status *s, struct dm_str *out)
{
	const struct relay_status *r = &s->relay;

	dm_str_addf(out, "relay %s", dm_stage_name(r->stage));
	add_error(out, &r->result);
	if (r->received.name[0] != '\0') {
		dm_str_add_char(out, ' ');
		binlog_position_text(&r->received, out);
	}
	if (!s->sample.is_fresh)
		dm_str_add(out, ", upstream does not answer");
	else
		add_behind(out, &s->relay_lag, s->is_relay_caught_up);
	for (size_t i = 0; i < s->registry.count && i < LINE_TASKS_MAX; i++) {
		const struct subtask_view *v = &s->registry.subtasks[i];

		dm_str_addf(out, "; task %s %s", v->name, dm_stage_name(v->stage));
		add_error(out, &v->result);
		if (v->stage == STAGE_RUNNING)
			add_behind(out, &s->tasks[i].lag, s->tasks[i].is_synced);
	}
	if (s->registry.count == 0)
		dm_str_add(out, "; no tasks");
	else if (s->registry.count > LINE_TASKS_MAX)
		dm_str_addf(out, "; and %zu more", s->registry.count - LINE_TASKS_MAX);
}
