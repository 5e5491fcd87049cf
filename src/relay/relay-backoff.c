/* relay-backoff.c - DM's back-off. */
#include "relay-backoff.h"

enum { MIN_MS = 1000, STEPS_MAX = 30 };

void relay_backoff_init(struct relay_backoff *b, int64_t max_ms, int64_t rollback_ms)
{
	*b = (struct relay_backoff){ .max_ms = max_ms < MIN_MS ? MIN_MS : max_ms,
		.rollback_ms = rollback_ms };
}

int64_t relay_backoff_fail(struct relay_backoff *b, int64_t now_mono_ms, uint32_t random)
{
	int64_t range = (int64_t)MIN_MS << b->failures;
	int64_t wait =
		b->failures == 0 ? MIN_MS : range / 2 + (int64_t)(random % (uint64_t)(range / 2));

	b->last_mono_ms = now_mono_ms;
	if (range < b->max_ms && b->failures < STEPS_MAX)
		b->failures++;
	return wait < b->max_ms ? wait : b->max_ms;
}

void relay_backoff_rest(struct relay_backoff *b, int64_t now_mono_ms)
{
	if (b->failures == 0 || now_mono_ms - b->last_mono_ms < b->rollback_ms)
		return;
	b->failures--;
	b->last_mono_ms = now_mono_ms;
}
