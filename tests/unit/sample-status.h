/* sample-status.h - a snapshot built by hand, for the tests of its forms. */
#pragma once

#include <string.h>

#include "dm/file.h"
#include "dm/status.h"

enum { SAMPLE_NOW_MS = 1000000 }; /* monotonic time of the snapshot */
#define SAMPLE_NOW_NS (1800000000ll * 1000000000)

struct sample { /* what differs between the snapshots of a test */
	const char *worker, *source_id, *upstream_gtid, *sub_dir;
	enum dm_stage stage;
	uint64_t total_events, upstream_pos, relay_pos;
	const char *sync_file;
	uint64_t sync_pos;
};

static inline struct binlog_position place(const char *name, uint64_t pos)
{
	struct binlog_position p;

	binlog_position_set(&p, name, pos);
	return p;
}

/* One running relay without tasks, everything known and fresh. */
static inline struct status *sample_new(const struct sample *from)
{
	struct status *s = dm_alloc(sizeof(*s));

	atomic_init(&s->refs, 1);
	s->mono_ms = SAMPLE_NOW_MS;
	s->wall_ns = SAMPLE_NOW_NS;
	s->start_wall_ns = SAMPLE_NOW_NS - 3600ll * 1000000000;
	s->worker = dm_strdup(from->worker);
	s->source_id = dm_strdup(from->source_id);
	s->upstream_address = dm_strdup("127.0.0.1:3306");
	s->flavor = DM_FLAVOR_MARIADB;
	s->sample.is_known = s->sample.is_fresh = true;
	s->sample.position = place("mysql-bin.000001", from->upstream_pos);
	s->sample.gtid_set = dm_strdup(from->upstream_gtid);
	s->sample.answered_mono_ms = SAMPLE_NOW_MS - 250;
	s->sample.answered_wall_ns = SAMPLE_NOW_NS - 250000000;
	s->relay.stage = STAGE_RUNNING;
	(void)snprintf(s->relay.sub_dir, sizeof(s->relay.sub_dir), "%s", from->sub_dir);
	s->relay.received = place("mysql-bin.000001", from->relay_pos);
	s->relay.flushed = s->relay.received;
	s->relay.gtid_set = dm_strdup("");
	s->relay.last_event_mono_ms = SAMPLE_NOW_MS - 2000;
	return s;
}

/* Adds a subtask in Sync; the next one moves what this returned. */
static inline struct subtask_view *sample_add_task(
	struct status *s, const char *name, const struct sample *from)
{
	struct subtask_view *v;

	s->registry.subtasks = dm_grow(s->registry.subtasks, s->registry.count + 1, sizeof(*v));
	v = &s->registry.subtasks[s->registry.count++];
	*v = (struct subtask_view){ .name = dm_strdup(name), .stage = from->stage };
	v->wanted = STAGE_RUNNING;
	v->since_wall_ns = SAMPLE_NOW_NS - 60ll * 1000000000;
	v->mode = "incremental";
	v->unit = UNIT_SYNC;
	v->legal = "";
	v->has_unit_status = true;
	v->status.unit = UNIT_SYNC;
	v->status.sync.total_events = from->total_events;
	v->status.sync.flushed = place(from->sync_file, from->sync_pos);
	v->status.sync.applied = v->status.sync.flushed;
	v->status.sync.received = v->status.sync.flushed;
	v->status.sync.flushed_gtid = dm_strdup("");
	return v;
}

static inline void read_golden(const char *name, struct dm_str *ret)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/data/golden/%s", test_source_dir, name);

	assert_int_equal(dm_file_read(path, 1 << 20, ret), 0);
}
