/* status.h - one snapshot of everything, and its forms: DM's document, /api/v1, metrics, systemd's line.
 *
 * status_collect() fills the tree in one place from what relay, registry and sampler published; it waits for no
 * database and no disk. A snapshot is counted, never changes once collected, and may be read by any thread.
 * Facts that follow from others (synced, lags) are derived once, here. Unknown is said as unknown: in DM's document "(, 0)" and "", in /api/v1 null with its age. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dm/json.h"
#include "dm/relay.h"
#include "dm/sampler.h"
#include "dm/task.h"

struct worker_conf;

struct status_lag { /* what is behind the end of the upstream's binlog */
	bool is_known;
	int64_t ms; /* since the oldest missing byte was seen upstream; 0 only when nothing is missing */
	bool has_bytes; /* both ends are in the same file */
	uint64_t bytes, files;
};
struct status_task { /* what is derived of registry.subtasks[same index] */
	bool is_synced;
	struct status_lag lag;
	int64_t progress_age_ms; /* -1: no progress yet */
};
struct status {
	_Atomic unsigned int refs;
	int64_t mono_ms, wall_ns; /* when it was collected */
	int64_t start_wall_ns; /* of the process */
	char *worker, *source_id; /* owned */
	char *upstream_address; /* owned: "host:port" */
	enum dm_flavor flavor; /* as configured */
	bool enable_gtid;
	struct sampler_view sample;
	struct relay_status relay;
	struct registry_view registry;

	/* ---- derived ---- */
	struct binlog_position upstream; /* the sample, or what was received after it */
	bool is_relay_caught_up;
	struct status_lag relay_lag;
	struct status_task *tasks; /* owned */
};

struct status_env { /* borrowed; outlive the collector, but for conf */
	const struct worker_conf *conf; /* copied */
	const struct registry *registry;
	const struct relay *relay;
	const struct sampler *sampler;
};
struct status_collector;
struct status_collector *status_collector_new(const struct status_env *env);
void status_collector_free(struct status_collector *c);
void status_collector_update_conf(struct status_collector *c, const struct worker_conf *conf);
/* Any thread. Lags in seconds get exact when it is called once a second (the STATUS= line does). */
struct status *status_collect(struct status_collector *c);
struct status *status_ref(struct status *s);
void status_unref(struct status *s); /* NULL is fine */
void status_unrefp(struct status **s);
uint64_t status_change(const struct status_collector *c); /* moves with every stage; cheap */

/* ---- the history of the upstream's end: tells how long something has been missing ---- */
enum { STATUS_HISTORY_MAX = 1024 };
struct status_seen {
	uint64_t file, pos; /* number of the file */
	int64_t mono_ms; /* when the upstream's end was first seen there */
};
struct status_history {
	struct status_seen seen[STATUS_HISTORY_MAX]; /* a ring */
	unsigned int first, count;
};
void status_history_add(struct status_history *h, const struct binlog_position *p, int64_t mono_ms);
/* Fills the derived part; pure. `history` may be NULL. */
void status_derive(struct status *s, const struct status_history *history);

/* ---- forms; each appends to `out` ---- */
struct status_query {
	const char *task; /* NULL or "": all */
	enum json_form form;
};
void status_print_dm(const struct status *s, const struct status_query *q, struct dm_str *out);
void status_print_dm_errors(
	const struct status *s, const struct status_query *q, struct dm_str *out);
void status_print_v1(const struct status *s, enum json_form form, struct dm_str *out);
void status_print_v1_relay(const struct status *s, enum json_form form, struct dm_str *out);
void status_print_v1_errors(
	const struct status *s, const struct status_query *q, struct dm_str *out);
void status_print_metrics(const struct status *s, struct dm_str *out); /* reads /proc/self too */
void status_print_line(const struct status *s, struct dm_str *out); /* for people, no new line */
/* DM's text for a task that is not here. */
void status_unknown_task(const char *task, struct dm_str *out);
