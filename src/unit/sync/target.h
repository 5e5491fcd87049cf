/* target.h - the one connection that writes: statements gathered into packets, packets into one transaction.
 *
 * Nothing is sent before a packet is full or the transaction ends. The session's settings (sql_mode, foreign_key_checks ...)
 * are what the next statement needs; they travel in the same packet. Owner: the Sync unit, unit thread only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/error.h"
#include "dm/position.h"
#include "dm/row.h"
#include "dm/str.h"

struct db_conf;
struct db_conn;
struct dm_stop;
struct row_plan;

enum target_mode {
	TARGET_UNKNOWN, /* after a DDL with settings of its own */
	TARGET_STRICT, /* rows: what does not fit is an error */
	TARGET_LAX, /* rows with a value that strict mode refuses */
};
struct target_piece { /* one statement of the packet */
	size_t at; /* offset in sql */
	const struct row_plan *plan; /* NULL: not of a row */
	uint64_t end_pos; /* of its event, in the file `file` */
	bool finds_a_row; /* UPDATE, DELETE: 0 affected is worth a word */
};
struct target {
	struct db_conn *conn; /* owned; NULL: not connected */
	char *row_mode, *lax_mode; /* owned: sql_mode for rows */
	size_t packet_max; /* bytes that we gather */
	size_t packet_limit; /* bytes that the server takes */
	enum target_mode mode;
	bool has_fk_checks;
	const char *user_fk_checks; /* borrowed; of the task's session settings, NULL */
	struct dm_str sql; /* the packet, statements joined by ";" */
	struct target_piece *pieces; /* owned */
	size_t piece_count, piece_cap;
	uint64_t *affected; /* owned, as many as pieces */
	char file[BINLOG_NAME_MAX]; /* of all end_pos */
	const struct row_plan
		*merging; /* the last piece is an INSERT of this plan, that takes more rows */
	bool merging_replace;
	unsigned int merged_rows;
	bool is_open; /* a transaction is begun */
	uint64_t rows, bytes; /* of the transaction */
	uint64_t missing; /* rows that UPDATE and DELETE did not find, ever */
};
struct target_failure { /* what failed, for people */
	struct binlog_position at; /* name "": not at an event */
	char *statement; /* owned, without values; NULL */
	char *table; /* owned; of the upstream; NULL */
};
void target_failure_done(struct target_failure *f);

int target_connect(struct target *t, const struct db_conf *conf, const struct dm_stop *stop,
	struct dm_error *reterr);
void target_disconnect(struct target *t); /* what was not committed is undone by the server */
void target_done(struct target *t);

/* What foreign_key_checks is to be: the user's setting wins. */
bool target_fk_checks(const struct target *t, bool wanted);

/* Rows. Errors are those of an earlier statement of the packet. */
struct target_row {
	const struct row_plan *plan;
	const struct row_value *before, *after;
	const struct binlog_position *end;
	bool has_fk_checks; /* the event's flag */
	bool is_safe; /* may be there already: REPLACE, and DELETE with REPLACE for UPDATE */
};
int target_row(struct target *t, enum row_kind kind, const struct target_row *row,
	struct target_failure *ret_failure, struct dm_error *reterr);
/* A statement inside the transaction (SAVEPOINT, checkpoint): `count` of them joined by ";". */
int target_add(struct target *t, const char *sql, size_t count, struct target_failure *ret_failure,
	struct dm_error *reterr);
/* Sends what is gathered: no piece points to a plan afterwards. */
int target_flush(struct target *t, struct target_failure *ret_failure, struct dm_error *reterr);
/* Sends what is gathered, then COMMIT in the same packet. */
int target_commit(struct target *t, struct target_failure *ret_failure, struct dm_error *reterr);
int target_rollback(struct target *t, struct dm_error *reterr);
/* One statement by itself at once (DDL, SET); `mode` afterwards is unknown. The packet must be empty. */
int target_exec_now(struct target *t, const char *sql, size_t len, struct dm_error *reterr);
/* The sql_mode of rows, at once: how values are escaped depends on the mode that the server has told last. */
int target_reset_mode(struct target *t, struct dm_error *reterr);
