/* sampler.h - where the upstream's binlog ends, asked once a second on a thread and connection of its own.
 *
 * Status and metrics read what was published, with its age; no request ever waits for the upstream. Time-outs are short
 * (3 s), a failure is published too, the next try comes after at most 5 s. Owner: the worker. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dm/db.h"

struct sampler;
int sampler_start(struct sampler **ret, const struct db_conf *upstream, struct dm_error *reterr);
void sampler_update_conf(
	struct sampler *s, const struct db_conf *upstream); /* after a reload; any thread */
void sampler_free(struct sampler *s); /* ends within 1 s */

struct sampler_view { /* owned by the holder */
	bool is_known; /* position and gtid_set were answered at least once */
	bool is_fresh; /* the last try was answered, and less than 3 s ago */
	struct binlog_position position;
	char *gtid_set; /* "" when not known */
	struct db_server server; /* version 0 when not known */
	int64_t answered_mono_ms, answered_wall_ns; /* of the last answer; 0: never */
	struct dm_error error; /* of the last try, empty when it was answered */
};
void sampler_view(const struct sampler *s, struct sampler_view *ret); /* any thread, no waiting */
void sampler_view_done(struct sampler_view *v);
