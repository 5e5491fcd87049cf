/* checkpoint.h - how far a source's binlog is in the target, kept in the target itself.
 *
 * DM's table `<task>_syncer_checkpoint` has the position that DM reads and writes. Beside it `<task>_syncer_state` says what DM's
 * table cannot: whether the position is ours (exact, in the transaction of its rows) or DM's, which session may write it
 * (a fence: the older one's checkpoint fails), up to where rows may be there already, and which DDL was begun.
 * Owner: the Sync unit, unit thread only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/error.h"
#include "dm/position.h"
#include "dm/str.h"

struct db_conn;

enum { BINLOG_POSITION_MIN = 4 }; /* what DM calls the least position: no name, behind the magic */

struct checkpoint_ddl { /* a DDL that was begun; end.name "": none */
	struct binlog_position end;
	unsigned int index; /* of the statement at hand: those before it are done */
	uint64_t fingerprint; /* of the table's definition before it; 0: none */
};
struct table_point { /* DM's: rows of this table before it are in the target */
	char *schema, *name; /* owned */
	struct binlog_position at;
};
struct checkpoint {
	char *table, *state; /* owned: quoted names */
	char *schema; /* owned: quoted */
	char *id; /* owned: escaped, in quotes */
	char *lock_name; /* owned: of GET_LOCK() */
	uint64_t epoch; /* ours, since the last claim */
	bool has_global; /* loaded, or written by us */
	bool is_ours;
	bool is_wide; /* binlog_pos takes more than 32 bits */
	struct binlog_position global;
	struct binlog_position safe_until; /* name "": nothing is there already */
	struct checkpoint_ddl ddl;
	struct table_point *points; /* owned; DM's, later than global */
	size_t point_count;
};
void checkpoint_init(
	struct checkpoint *cp, const char *meta_schema, const char *task, const char *source_id);
void checkpoint_done(struct checkpoint *cp);

/* Makes schema and tables where they are missing. */
int checkpoint_prepare(struct checkpoint *cp, struct db_conn *conn, struct dm_error *reterr);
/* From here on only `conn` can write: ends an older session of ours, and raises the fence. Then loads.
 * With `remove` all rows of this source are deleted before. */
int checkpoint_claim(
	struct checkpoint *cp, struct db_conn *conn, bool remove, struct dm_error *reterr);

/* Appends CHECKPOINT_STATEMENTS statements joined by ";", to be run in the transaction that they belong to. */
enum { CHECKPOINT_STATEMENTS = 2 };
void checkpoint_sql(const struct checkpoint *cp, const struct binlog_position *at,
	const struct checkpoint_ddl *ddl, struct dm_str *out);
/* The same for safe_until, one statement. */
void checkpoint_safe_sql(
	const struct checkpoint *cp, const struct binlog_position *until, struct dm_str *out);
/* True when a DDL is needed before this position can be stored: binlog files over 4 GiB. */
bool checkpoint_must_widen(const struct checkpoint *cp, uint64_t pos);
int checkpoint_widen(struct checkpoint *cp, struct db_conn *conn, struct dm_error *reterr);
/* Did another session take over? Tells the fence's error from others. */
bool checkpoint_is_fenced(const struct dm_error *err);

/* Is what ends at `end` in the target already, by DM's table points? Rows: before the point; a DDL: up to it. */
bool checkpoint_has_rows(const struct checkpoint *cp, const char *schema, const char *name,
	const struct binlog_position *end);
bool checkpoint_has_ddl(const struct checkpoint *cp, const char *schema, const char *name,
	const struct binlog_position *end);
