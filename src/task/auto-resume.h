/* auto-resume.h - when a subtask that an error paused is tried again: DM's strategy.
 *
 * Pure: time and chance come in as parameters. The waits grow from 1 s by doubling up to `backoff-max`, each taken at
 * random from its upper half; a run without an error for `backoff-rollback` takes one doubling back.
 * What cannot heal by itself is a table of rules. Main thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dm/stage.h"

struct auto_resume { /* zeroed: nothing pending, shortest wait */
	unsigned int step;
	int64_t due_mono_ms; /* 0: none pending */
	int64_t calm_since_mono_ms; /* last seen paused, or last step taken back */
};

/* May a run that ended so be tried again? Never one that was canceled, or that has no error. */
bool auto_resume_can_heal(const struct dm_process_result *result);
/* The wait of a step: 1 s, then from [2^step / 2, 2^step) s, at most max_ms. */
int64_t auto_resume_wait_ms(unsigned int step, int64_t max_ms, uint32_t chance);
/* An error paused it. */
void auto_resume_schedule(struct auto_resume *a, int64_t now_ms, int64_t max_ms, uint32_t chance);
void auto_resume_cancel(struct auto_resume *a);
bool auto_resume_is_pending(const struct auto_resume *a);
bool auto_resume_is_due(const struct auto_resume *a, int64_t now_ms);
/* It is tried now. */
void auto_resume_tried(struct auto_resume *a, int64_t max_ms);
/* It runs, or rests as its user wants. */
void auto_resume_calm(struct auto_resume *a, int64_t now_ms, int64_t rollback_ms);
