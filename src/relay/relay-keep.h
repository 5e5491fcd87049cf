/* relay-keep.h - the keeper: makes received binlog durable, then says so in relay.meta; knows how full the disk is.
 *
 * A thread of its own, so that the relay thread never waits for a sync. Work is done in the order given:
 * the data of a file, the directory entry of a new file, then relay.meta. The first failure stops it until
 * relay_keep_reset(). */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dm/error.h"
#include "dm/position.h"
#include "dm/thread.h"

struct relay;

struct relay_keep {
	struct dm_thread thread;
	struct dm_stop stop;
	/* guarded by the relay's lock */
	struct relay_keep_item *head, *tail;
	unsigned int pending; /* with the one at work */
	struct dm_error error;
	bool is_data_lost; /* a sync of data failed: what was not acknowledged cannot be trusted */
	pthread_cond_t wanted, done;
	/* any thread */
	_Atomic uint64_t capacity, available; /* bytes of the file system; capacity 0: not known */
};
int relay_keep_init(struct relay *r); /* 0 or -errno */
int relay_keep_start(struct relay *r); /* 0 or -errno */
void relay_keep_done(struct relay *r); /* what was given before is finished first */

/* `fd` is borrowed (a duplicate is synced); `position` and `gtid_set` are what relay.meta says afterwards. */
void relay_keep_submit(struct relay *r, int fd, const char *sub_dir, bool is_file_new,
	const struct binlog_position *position, const char *gtid_set);
/* Waits until at most `left` pieces of work are pending; false: time is over. */
bool relay_keep_wait(struct relay *r, unsigned int left, int timeout_ms);
bool relay_keep_is_busy(struct relay *r);
/* Copies the failure, if there was one. */
bool relay_keep_take_error(struct relay *r, struct dm_error *reterr);
/* Forgets a failure; true if data was lost by it. */
bool relay_keep_reset(struct relay *r);
/* Asks the file system; only from threads that may wait for the disk. */
void relay_keep_measure(struct relay *r);
