/* relay-stage.h - the relay's own stage table, and what the main thread keeps about commands under way.
 *
 * Main thread only. The table is the one place where a stage moves. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dm/stage.h"
#include "relay-backoff.h"

enum relay_on {
	RELAY_ON_START,
	RELAY_ON_START_PAUSED,
	RELAY_ON_PAUSED,
	RELAY_ON_FAILED,
	RELAY_ON_NO_ROOM,
	RELAY_ON_RESUME,
	RELAY_ON_HEAL,
	RELAY_ON_HOLD,
	RELAY_ON_STOPPED,
	RELAY_ON_COUNT
};
/* False: not listed, nothing moves. */
bool relay_stage_move(
	enum dm_stage from, enum relay_on on, enum dm_stage *ret_to, const char **ret_why);

enum relay_heal { RELAY_HEAL_NONE, RELAY_HEAL_IN_TIME, RELAY_HEAL_WITH_ROOM };

struct relay_waiter { /* a command that is answered when the thread has ended */
	void (*done)(void *arg, const struct dm_error *err);
	void *arg;
};
struct relay_control {
	struct relay_waiter *waiters; /* owned array */
	size_t waiter_count;
	bool is_pausing, is_stopping;
	bool is_start_wanted; /* again, as soon as the thread has ended */
	int64_t asked_mono_ms; /* when the thread was asked to end */
	enum relay_heal heal; /* how a relay that an error paused goes on by itself */
	int64_t heal_mono_ms; /* IN_TIME: when */
	struct relay_backoff backoff;
};
