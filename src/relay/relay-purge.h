/* relay-purge.h - removes binlog files that nobody needs any more.
 *
 * Commands and the tick come on the main thread; files are removed on a thread of its own, oldest first, and
 * before each one it is asked again what is needed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dm/error.h"
#include "relay-dir.h"

struct relay;
struct relay_purger;

struct relay_purger *relay_purger_new(struct relay *r);
void relay_purger_free(struct relay_purger *p); /* waits for the file at work */
void relay_purge_end(struct relay *r); /* asks a running one to end after the file at work */
void relay_purge_tick(struct relay *r, int64_t now_mono_ms);

/* A place in the order of all files of a relay directory. */
struct relay_place {
	unsigned int suffix;
	uint64_t number;
};
static inline bool relay_place_before(struct relay_place a, struct relay_place b)
{
	return a.suffix != b.suffix ? a.suffix < b.suffix : a.number < b.number;
}
/* The oldest file that writer, holds or cursors need; false: not known yet. Takes the relay's lock. */
bool relay_needed(struct relay *r, struct relay_place *ret);

struct relay_purge_rule {
	struct relay_place before; /* files from here on stay */
	bool has_time;
	int64_t not_after_s; /* files changed later stay, and all after them */
};
/* How many of the files, from the first on, may go. Pure. */
size_t relay_purge_count(const struct relay_purge_rule *rule, unsigned int suffix,
	const struct relay_binlogs *files);
