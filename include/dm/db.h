/* db.h - connections to upstream and downstream over libmariadb, and how servers differ.
 *
 * A connection is used by one thread at a time and freed by its owner. Every wait in it ends when its
 * struct dm_stop reaches DM_STOP_CUT (error DB_INVALID_CONN, "canceled") or a time-out is over. No call retries by
 * itself. Errors carry the caller's scope, the server's number and text ("Error 1062: Duplicate entry ..."), as
 * Go's driver prints them. Knows nothing of tasks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/error.h"
#include "dm/gtid.h"
#include "dm/position.h"

struct dm_stop;

struct db_setting { /* one pair of `session`, sent as SET key = 'value' */
	char *key, *value;
};
struct db_conf { /* owned strings; filled by the conf room */
	char *host;
	uint16_t port;
	char *user;
	char *password; /* plain, a secret */
	uint64_t max_allowed_packet; /* bytes */
	struct db_setting *session;
	size_t session_count;
};
void db_conf_done(struct db_conf *c);
void db_conf_copy(const struct db_conf *from, struct db_conf *to);

struct db_options {
	enum dm_scope scope;
	int connect_timeout_ms; /* name look-up excluded: that runs on a helper thread, see db.c */
	int io_timeout_ms; /* longest silence while a statement runs; 0: none */
	const struct dm_stop *stop; /* may be NULL */
	const char *charset; /* NULL: utf8mb4 */
	bool is_writer; /* db_exec_many() may be used; UPDATE counts the rows that it found, changed or not */
};
struct db_conn;
int db_connect(struct db_conn **ret, const struct db_conf *conf, const struct db_options *options,
	struct dm_error *reterr);
void db_close(struct db_conn *c); /* never blocks longer than it takes to send a packet */
void db_closep(struct db_conn **c);

/* A statement without rows: INSERT, DDL, SET. `ret_affected` may be NULL. */
int db_exec(struct db_conn *c, const char *sql, size_t len, uint64_t *ret_affected,
	struct dm_error *reterr);
/* The same; an error shows `shown` in place of the statement, which may hold rows' values. */
int db_exec_as(struct db_conn *c, const char *sql, size_t len, const char *shown,
	uint64_t *ret_affected, struct dm_error *reterr);
/* Statements joined by ";", run in order until one fails. `ret_affected` has room for `count`; *ret_done tells how
 * many went well, also on failure, whose error does not name the statement. */
int db_exec_many(struct db_conn *c, const char *sql, size_t len, size_t count,
	uint64_t *ret_affected, size_t *ret_done, struct dm_error *reterr);
void db_set_io_timeout(struct db_conn *c, int io_timeout_ms);
/* A stored result; columns by number. */
struct db_result;
int db_query(struct db_conn *c, struct db_result **ret, struct dm_error *reterr, const char *format,
	...) DM_PRINTF(4, 5);
bool db_result_next(struct db_result *r); /* to the next row; false at the end */
const char *db_result_text(
	const struct db_result *r, unsigned int column); /* NULL for NULL or no such column */
size_t db_result_len(const struct db_result *r, unsigned int column);
int db_result_column(
	const struct db_result *r, const char *name); /* its number in any case of letters, -1 */
void db_result_free(struct db_result *r);
void db_result_freep(struct db_result **r);

void db_escape(struct db_conn *c, struct dm_str *out, const char *bytes,
	size_t len); /* without the quotes */
bool db_is_connection_error(
	const struct dm_error *err); /* lost, refused, timed out: a new connection may heal */

/* ---- how servers differ ---- */
enum db_product { DB_MYSQL, DB_MARIADB, DB_TIDB };
struct db_server {
	enum db_product product;
	enum dm_flavor flavor; /* TiDB counts as MySQL */
	unsigned int version; /* 100511 for 10.5.11, 90700 for 9.7.0 */
	char version_text[64];
};
const struct db_server *db_server(const struct db_conn *c);

/* Where the upstream's binlog ends. -1 with an error when binlog is off too. */
struct db_master_status {
	struct binlog_position position;
	struct dm_str gtid_set; /* canonical text; MariaDB: gtid_binlog_pos */
};
int db_master_status(struct db_conn *c, struct db_master_status *ret, struct dm_error *reterr);
void db_master_status_done(struct db_master_status *s);
/* What names a relay sub-directory: server_uuid, or "<gtid_domain_id>-<server_id>" for MariaDB. */
int db_server_uuid(struct db_conn *c, char ret[64], struct dm_error *reterr);
/* A random id that no replica of the upstream has (config.md, server-id). */
int db_pick_server_id(struct db_conn *c, uint32_t *ret, struct dm_error *reterr);

/* ---- the binlog stream of an upstream; takes over a connection of its own ---- */
struct db_stream_start {
	uint32_t server_id;
	enum dm_flavor flavor;
	struct binlog_position position; /* name "": the first the server has */
	const struct gtid_set *gtids; /* not NULL: start after this set, position is unused */
	int heartbeat_ms;
};
int db_stream_start(
	struct db_conn *c, const struct db_stream_start *start, struct dm_error *reterr);
/* One event with header and trailer as sent; bytes live until the next call. 1 event, 0 time over (nothing lost), -1 error. */
int db_stream_next(struct db_conn *c, int timeout_ms, const uint8_t **ret_event, size_t *ret_len,
	struct dm_error *reterr);
