/* sync.h - the Sync unit from inside: one thread that reads the relay and writes the target.
 *
 * sync.c has the hooks and the runs, sync-start.c where to begin, sync-loop.c events and transactions, sync-rows.c rows,
 * sync-query.c statements, ddl-apply.c what DDLs do in the target. All but `lock` and `published` belong to the
 * unit thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "checkpoint.h"
#include "dm/binlog.h"
#include "dm/relay.h"
#include "dm/thread.h"
#include "dm/unit.h"
#include "row-plan.h"
#include "table-cache.h"
#include "target.h"
#include "xa.h"

struct row_decoder;
struct rule_list;

enum { PLAN_BUCKETS = 256 };
struct sync_plan {
	struct sync_plan *next; /* of its bucket */
	struct row_plan plan;
	uint8_t *raw; /* owned: the TABLE_MAP's body, to know it again */
	size_t raw_len;
	bool is_skipped; /* by the lists */
};
struct sync_counts { /* of what is not committed yet */
	uint64_t events, bytes, inserted, updated, deleted, skipped_rows, skipped_queries;
};
struct sync {
	struct unit unit;
	struct dm_lock lock; /* UNIT: guards published */
	struct sync_status published;

	struct target target;
	struct checkpoint cp;
	struct xa_list xa;
	struct table_cache tables;
	struct sync_plan *plans[PLAN_BUCKETS]; /* owned */
	size_t plan_count;
	struct row_decoder *decoder; /* owned */
	struct relay_cursor *cursor; /* owned; NULL: not reading */
	struct rule_list *list; /* owned; NULL: everything passes */
	bool is_initialised;

	/* Where reading is. */
	const struct relay_event *event; /* the one at hand */
	struct binlog_position
		boundary; /* all before it is applied or gathered; never inside a transaction */
	bool in_transaction;
	bool in_xa; /* rows up to XA PREPARE wait for XA COMMIT */
	bool is_replaying; /* rows of an XA transaction, from `xa_begin` or the list */
	struct binlog_position xa_begin;
	struct binlog_position base; /* of the last commit, or where reading began */
	struct binlog_position commit_at; /* a group must end here; name "": none */
	bool must_rewind; /* to `base`, after the event at hand */
	bool is_committed_here; /* `boundary` is the checkpoint */
	bool is_safe_always; /* the upstream's end is not known, or the user wants it */
	bool is_safe_unsaved; /* safe_until is not in the target yet */
	int64_t group_began_ms; /* when the target's transaction got its first rows; 0 none */
	int64_t flushed_ms; /* of the last commit */
	bool has_committed; /* in this run */
	struct sync_counts counts;
	struct sync_status now; /* what is published next */
	struct target_failure failure;
	enum dm_error_type failure_type;
	char *failed_ddl; /* owned; the upstream's text, NULL */
};

/* ---- sync.c ---- */
void sync_publish(struct sync *s);
/* ---- sync-start.c ---- */
int sync_init(struct unit *u, struct dm_error *reterr);
/* Connects, takes the checkpoint and opens the relay there. */
int sync_begin(struct sync *s, struct dm_error *reterr);
void sync_end(struct sync *s); /* undoes sync_begin(); what is not committed is dropped */
/* ---- sync-loop.c ---- */
enum sync_end { SYNC_STOPPED, SYNC_FAILED };
enum sync_end sync_read(struct sync *s, struct dm_error *reterr);
int sync_commit(struct sync *s, struct dm_error *reterr);
/* The transaction of the event at hand, or the statement that is one by itself, is complete. */
int sync_transaction_end(struct sync *s, struct dm_error *reterr);
int sync_undo_transaction(struct sync *s, struct dm_error *reterr);
int sync_dispatch(struct sync *s, const struct binlog_header *h, const struct binlog_format *f,
	const uint8_t *bytes, size_t len, struct dm_error *reterr);
bool sync_is_safe(struct sync *s);
int sync_fail_event(struct sync *s, int r, const char *what, struct dm_error *reterr);
/* ---- sync-rows.c ---- */
int sync_table_map(struct sync *s, const struct binlog_format *f, const struct binlog_body *body,
	struct dm_error *reterr);
int sync_rows(struct sync *s, uint8_t type, const struct binlog_format *f,
	const struct binlog_body *body, struct dm_error *reterr);
void sync_plans_clear(struct sync *s);
/* Does the unit write this table? System schemas and the lists say no. */
bool sync_is_wanted(const struct sync *s, const char *schema, const char *name);
/* ---- sync-xa.c ---- */
void sync_xa_begin(struct sync *s);
int sync_xa_prepare(struct sync *s, const struct binlog_body *body, struct dm_error *reterr);
int sync_xa_commit(struct sync *s, const char *text, struct dm_error *reterr);
int sync_xa_rollback(struct sync *s, const char *text, struct dm_error *reterr);
void sync_hold(struct sync *s); /* tells the relay what is still needed */
/* ---- sync-query.c ---- */
int sync_query(struct sync *s, uint8_t type, const struct binlog_format *f,
	const struct binlog_body *body, struct dm_error *reterr);
/* ---- ddl-apply.c ---- */
struct ddl;
int sync_apply_ddl(struct sync *s, const struct binlog_query *q, const char *text,
	const struct ddl *d, struct dm_error *reterr);
