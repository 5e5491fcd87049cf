/* sync-xa.c - XA transactions: rows are left in the relay at XA PREPARE, and written at XA COMMIT. */
#include <errno.h>
#include <string.h>

#include "dm/conf-task.h"
#include "dm/stage.h"
#include "sync.h"

enum { REPLAY_WAIT_MS = 1000 };

void sync_xa_begin(struct sync *s)
{
	s->in_transaction = s->in_xa = true;
	s->xa_begin = s->event->start;
}

void sync_hold(struct sync *s)
{
	struct binlog_position from = s->boundary;

	xa_keep(&s->xa, &from);
	relay_hold(s->unit.env.relay, s->unit.env.conf->common.name, &from);
}

/* ---- the rows, read once more ---- */

static int replay_event(struct sync *s, const struct relay_event *ev, struct dm_error *reterr)
{
	const struct relay_event *outer = s->event;
	int r;

	s->event = ev;
	r = sync_dispatch(s, &ev->header, ev->format, ev->bytes, ev->len, reterr);
	s->event = outer;
	return r;
}

static int replay_until(struct sync *s, struct relay_cursor *c, const struct binlog_position *end,
	struct dm_error *reterr)
{
	struct relay_event ev;

	for (;;) {
		switch (relay_cursor_next(c, s->unit.env.stop, REPLAY_WAIT_MS, &ev, reterr)) {
		case RELAY_READ_EVENT:
			if (binlog_position_compare(&ev.end, end) > 0)
				return 0;
			if (replay_event(s, &ev, reterr) != 0)
				return -1;
			if (binlog_position_compare(&ev.end, end) == 0)
				return 0;
			break;
		case RELAY_READ_TIMEOUT:
			break;
		case RELAY_READ_STOPPED:
			return dm_fail(reterr, DM_ERR_SYNC_STOPPED, "canceled from external");
		case RELAY_READ_FAILED:
			return -1;
		}
	}
}

static int replay(struct sync *s, const struct binlog_position *begin,
	const struct binlog_position *end, struct dm_error *reterr)
{
	struct relay_cursor *c = NULL;
	int r;

	if (relay_cursor_open(&c, s->unit.env.relay, begin, reterr) != 0)
		return -1;
	s->is_replaying = true;
	r = replay_until(s, c, end, reterr);
	s->is_replaying = false;
	relay_cursor_free(c);
	return r;
}

/* ---- the three events ---- */

static int add_sql(struct sync *s, const struct dm_str *sql, struct dm_error *reterr)
{
	s->failure_type = ERROR_EXEC_SQL;
	if (target_add(&s->target, sql->data, 1, &s->failure, reterr) != 0)
		return -1;
	s->failure_type = ERROR_UNKNOWN;
	return 0;
}

int sync_xa_prepare(struct sync *s, const struct binlog_body *body, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *xid = NULL;
	DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };
	struct binlog_position end = s->event->end;
	bool is_one_phase = false;
	int r = s->in_xa ? xa_parse(body, &xid, &is_one_phase) : -EBADMSG;

	if (r != 0)
		return sync_fail_event(s, r, "XA transaction", reterr);
	s->in_xa = false;
	if (is_one_phase) {
		r = replay(s, &s->xa_begin, &end, reterr);
	} else {
		xa_add(&s->xa, xid, &s->xa_begin, &end, &sql);
		r = add_sql(s, &sql, reterr);
	}
	return r != 0 ? -1 : sync_transaction_end(s, reterr);
}

/* What stands behind XA COMMIT or XA ROLLBACK. */
static const char *xid_of(const char *text)
{
	for (int words = 0; words < 2; words++) {
		text += strcspn(text, " \t\n");
		text += strspn(text, " \t\n");
	}
	return text;
}

int sync_xa_commit(struct sync *s, const char *text, struct dm_error *reterr)
{
	const char *xid = xid_of(text);
	const struct xa_pending *p = xa_find(&s->xa, xid);
	DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };

	if (!p)
		return dm_fail(reterr, DM_ERR_SYNC_XA_UNKNOWN,
			"XA transaction %.200s was prepared before this task's first position: its "
			"rows are not known",
			xid);
	if (replay(s, &p->begin, &p->end, reterr) != 0)
		return -1;
	xa_remove(&s->xa, xid, &sql);
	return add_sql(s, &sql, reterr) != 0 ? -1 : sync_transaction_end(s, reterr);
}

int sync_xa_rollback(struct sync *s, const char *text, struct dm_error *reterr)
{
	DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };

	s->in_xa = false;
	xa_remove(&s->xa, xid_of(text), &sql);
	return add_sql(s, &sql, reterr) != 0 ? -1 : sync_transaction_end(s, reterr);
}
