/* xa.h - XA transactions that are prepared and not decided yet.
 *
 * The binlog has their rows at XA PREPARE; whether they count is told later. The rows stay in the relay: a table of ours
 * beside the checkpoint keeps where they are, and XA COMMIT reads them again. Owner: the Sync unit, unit thread only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/error.h"
#include "dm/position.h"
#include "dm/str.h"

struct binlog_body;
struct db_conn;

struct xa_pending {
	char *xid; /* owned; as XA COMMIT names it: X'61',X'',1 */
	struct binlog_position begin, end;
};
struct xa_list {
	char *table; /* owned: quoted */
	char *id; /* owned: escaped, in quotes */
	struct xa_pending *pending; /* owned */
	size_t count;
};
void xa_init(struct xa_list *x, const char *meta_schema, const char *task, const char *id);
void xa_done(struct xa_list *x);
int xa_prepare_table(const struct xa_list *x, struct db_conn *conn, struct dm_error *reterr);
/* What the table says; with `remove` it says nothing any more. */
int xa_load(struct xa_list *x, struct db_conn *conn, bool remove, struct dm_error *reterr);

/* XA_PREPARE's body: 0 or -EBADMSG. The caller frees *ret_xid. */
int xa_parse(const struct binlog_body *body, char **ret_xid, bool *ret_is_one_phase);
const struct xa_pending *xa_find(const struct xa_list *x, const char *xid);
/* Both change the list and give the statement that changes the table; it belongs into the transaction at hand. */
void xa_add(struct xa_list *x, const char *xid, const struct binlog_position *begin,
	const struct binlog_position *end, struct dm_str *out_sql);
void xa_remove(struct xa_list *x, const char *xid, struct dm_str *out_sql);
/* Moves *at back to the first event that is still needed. */
void xa_keep(const struct xa_list *x, struct binlog_position *at);
