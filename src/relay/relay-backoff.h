/* relay-backoff.h - how long to wait before the next try: DM's rule.
 *
 * The first wait is 1 s; then the range doubles with each failure: a random time in its upper half, up to a
 * maximum. Each `rollback` without a failure takes one step back. Time and randomness come from outside. */
#pragma once

#include <stdint.h>

struct relay_backoff {
	int64_t max_ms, rollback_ms;
	unsigned int failures;
	int64_t last_mono_ms; /* of the last failure or step back */
};
void relay_backoff_init(struct relay_backoff *b, int64_t max_ms, int64_t rollback_ms);
/* A failure: how many ms to wait now. */
int64_t relay_backoff_fail(struct relay_backoff *b, int64_t now_mono_ms, uint32_t random);
/* All is well at this time. */
void relay_backoff_rest(struct relay_backoff *b, int64_t now_mono_ms);
