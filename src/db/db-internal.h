/* db-internal.h - what the files of src/db know of a connection.
 *
 * libmariadb calls db_wait() whenever it would block. It knows the connection through a thread-local pointer,
 * so that every call into libmariadb that may wait stands between db_io_begin() and db_io_end(). */
#pragma once

#include <mysql.h>

#include "dm/db.h"
#include "dm/str.h"
#include "dm/thread.h"

enum db_wait_end { DB_WAIT_FINE, DB_WAIT_TIMED_OUT, DB_WAIT_CANCELED };

struct db_conn {
	MYSQL *mysql; /* owned */
	struct db_server server;
	enum dm_scope scope;
	const struct dm_stop *stop; /* may be NULL */
	int io_timeout_ms; /* longest silence of one wait; 0: none */
	int64_t deadline_ms; /* monotonic; of the whole call; 0: none */
	unsigned long flags; /* CLIENT_... */
	bool is_connecting;
	int connect_errno; /* of the last address, 0 when it took the connection */
	bool is_closing; /* nothing waits any more */
	enum db_wait_end wait_end; /* of the call at hand */
	struct db_stream *stream; /* owned; NULL unless the connection is a binlog stream */
};

void db_stream_free(struct db_stream *s);

void db_io_begin(struct db_conn *c);
void db_io_end(void);

/* After a failed call: code 10002 or 10003 when the connection is lost, else `code` with
 * "<what>: Error N: text". Fills scope and sql_errno. Returns -1. */
int db_conn_fail(struct db_conn *c, enum dm_code code, const char *what, struct dm_error *reterr);

/* The addresses of a host as numeric text, in the order to try them. Numeric hosts are answered directly, names on a helper
 * thread that nobody joins. -1 with 10001, or 10003 when canceled. `*ret` is an array that the caller frees, with its texts. */
int db_lookup(const char *host, const struct dm_stop *stop, enum dm_scope scope, char ***ret,
	size_t *ret_count, struct dm_error *reterr);
void db_addresses_free(char **addresses, size_t count);

void db_server_parse(const char *version_text, struct db_server *ret);
