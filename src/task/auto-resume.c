/* auto-resume.c - which errors can heal, and how long to wait for that. */
#include "auto-resume.h"

#include <string.h>

#include "dm/macro.h"

enum { FIRST_WAIT_MS = 1000, STEP_MAX = 30 };

/* A rule matches when all that it names holds. Texts are found in any case of letters. From DM 1.0.7 and 2.0.7. */
static const struct {
	int code; /* 0: any */
	const char *cause; /* part of the raw cause; NULL: any */
	const char *message; /* part of the message; NULL: any */
} hopeless[] = {
	{ 0, "can't drop column with index", NULL },
	{ 0, "unsupported add column", NULL },
	{ 0, "unsupported modify column", NULL },
	{ 0, "unsupported modify charset", NULL },
	{ 0, "unsupported modify collate", NULL },
	{ 0, "unsupported drop integer primary key", NULL },
	{ 0, "unsupported drop primary key", NULL },
	{ 0, "unsupported collation", NULL },
	{ 0, "invalid default value for", NULL },
	{ 0, "error 1059: identifier name", NULL },
	{ 0, "error 1117: too many columns", NULL },
	{ 0, "error 1069: too many keys specified", NULL },
	{ 0, "error 1062: duplicate entry", NULL },
	{ 0, "error 1406: data too long for column", NULL },
	{ 0, "error 1366", NULL },
	{ 0, "error 8025: entry too large", NULL },
	{ 0, "could not find first log file name in binary log index file", NULL },
	{ 11038, NULL, "binlog checksum mismatch, data may be corrupted" },
	{ 11038, NULL, "get event err EOF" },
	{ 36008, NULL, NULL },
	{ 36062, NULL, NULL },
};

static bool has_part(const char *text, const char *part)
{
	return !part || (text && strcasestr(text, part));
}

/* A faulty configuration waits for a person as well: reading it again gives the same. */
static bool error_is_hopeless(const struct dm_error *err)
{
	if (dm_error_info(err->code)->class == DM_CLASS_CONFIG)
		return true;
	for (size_t i = 0; i < DM_COUNT_OF(hopeless); i++)
		if ((hopeless[i].code == 0 || hopeless[i].code == (int)err->code) &&
			has_part(err->raw_cause, hopeless[i].cause) &&
			has_part(err->message, hopeless[i].message))
			return true;
	return false;
}

bool auto_resume_can_heal(const struct dm_process_result *result)
{
	if (!result->is_set || result->is_canceled || result->error_count == 0)
		return false;
	for (size_t i = 0; i < result->error_count; i++)
		if (error_is_hopeless(&result->errors[i].error))
			return false;
	return true;
}

static int64_t longest_wait_ms(unsigned int step, int64_t max_ms)
{
	int64_t longest = (int64_t)FIRST_WAIT_MS << (step < STEP_MAX ? step : STEP_MAX);

	return longest < max_ms ? longest : max_ms;
}

int64_t auto_resume_wait_ms(unsigned int step, int64_t max_ms, uint32_t chance)
{
	int64_t longest = longest_wait_ms(step, max_ms);

	if (step == 0)
		return longest;
	return longest / 2 + (longest / 2 * (int64_t)chance >> 32);
}

void auto_resume_schedule(struct auto_resume *a, int64_t now_ms, int64_t max_ms, uint32_t chance)
{
	a->due_mono_ms = now_ms + auto_resume_wait_ms(a->step, max_ms, chance);
	a->calm_since_mono_ms = now_ms;
}

void auto_resume_cancel(struct auto_resume *a)
{
	a->due_mono_ms = 0;
}

bool auto_resume_is_pending(const struct auto_resume *a)
{
	return a->due_mono_ms != 0;
}

bool auto_resume_is_due(const struct auto_resume *a, int64_t now_ms)
{
	return auto_resume_is_pending(a) && now_ms >= a->due_mono_ms;
}

void auto_resume_tried(struct auto_resume *a, int64_t max_ms)
{
	a->due_mono_ms = 0;
	if (longest_wait_ms(a->step, max_ms) < max_ms)
		a->step++;
}

void auto_resume_calm(struct auto_resume *a, int64_t now_ms, int64_t rollback_ms)
{
	if (now_ms - a->calm_since_mono_ms <= rollback_ms)
		return;
	a->calm_since_mono_ms = now_ms;
	if (a->step > 0)
		a->step--;
}
