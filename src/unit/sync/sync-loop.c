/* sync-loop.c - events in order, transactions gathered, and when they are committed. */
#include <errno.h>
#include <string.h>

#include "dm/clock.h"
#include "dm/conf-task.h"
#include "dm/db.h"
#include "sync.h"

enum {
	/* A group of upstream transactions is committed when the relay has nothing more, or at one of these. */
	GROUP_ROWS = 2000,
	GROUP_BYTES = 2 * 1024 * 1024,
	GROUP_MS = 20,
	POSITION_MS = 200, /* how often a position without rows is stored */
	IDLE_MS = 1000,
	PAYLOAD_MAX_SHIFT = 40, /* of what a compressed transaction may unpack to, in total */
};

/* ---- safe mode ---- */

bool sync_is_safe(struct sync *s)
{
	if (s->is_safe_always)
		return true;
	if (!*s->cp.safe_until.name)
		return false;
	if (!s->event || binlog_position_compare(&s->event->end, &s->cp.safe_until) <= 0)
		return true;
	dm_log(DM_LOG_INFO, &s->unit.env.log, "leaving safe mode", "file", s->event->end.name,
		NULL);
	binlog_position_set(&s->cp.safe_until, "", 0);
	s->is_safe_unsaved = true;
	return false;
}

/* ---- commits ---- */

static void account(struct sync *s)
{
	s->now.total_events += s->counts.events;
	s->now.applied_bytes += s->counts.bytes;
	s->now.rows_inserted += s->counts.inserted;
	s->now.rows_updated += s->counts.updated;
	s->now.rows_deleted += s->counts.deleted;
	s->now.skipped_rows += s->counts.skipped_rows;
	s->now.skipped_queries += s->counts.skipped_queries;
	s->counts = (struct sync_counts){ 0 };
	s->now.applied = s->now.flushed = s->boundary;
	s->now.last_progress_mono_ms = s->flushed_ms = dm_mono_ms();
}

static int add_checkpoint(struct sync *s, struct dm_error *reterr)
{
	DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };
	size_t count = CHECKPOINT_STATEMENTS;

	checkpoint_sql(&s->cp, &s->boundary, &s->cp.ddl, &sql);
	if (s->is_safe_unsaved) {
		dm_str_add_char(&sql, ';');
		checkpoint_safe_sql(&s->cp, &s->cp.safe_until, &sql);
		count++;
	}
	return target_add(&s->target, sql.data, count, &s->failure, reterr);
}

/* Rows and the position behind them, in one transaction of the target. */
int sync_commit(struct sync *s, struct dm_error *reterr)
{
	uint64_t missing = s->target.missing;

	s->now.waiting_for = "downstream";
	s->failure_type = ERROR_EXEC_SQL;
	if (add_checkpoint(s, reterr) != 0 || target_commit(&s->target, &s->failure, reterr) != 0) {
		if (checkpoint_is_fenced(reterr))
			return dm_fail_cause(reterr, DM_ERR_SYNC_TARGET_BUSY, reterr->raw_cause,
				"another worker took over the checkpoint of this task");
		return -1;
	}
	s->failure_type = ERROR_UNKNOWN;
	s->cp.global = s->base = s->boundary;
	s->cp.has_global = s->cp.is_ours = true;
	s->is_safe_unsaved = false;
	s->is_committed_here = s->has_committed = true;
	s->group_began_ms = 0;
	account(s);
	s->now.is_safe_mode = sync_is_safe(s);
	s->now.waiting_for = NULL;
	sync_publish(s);
	sync_hold(s);
	if (s->target.missing != missing)
		dm_log(DM_LOG_WARN, &s->unit.env.log, "rows to change were not in the target",
			"rows", DM_NUM(s->target.missing - missing), NULL);
	return 0;
}

static bool group_is_full(const struct sync *s)
{
	return s->target.rows >= GROUP_ROWS || s->target.bytes >= GROUP_BYTES ||
	       (s->group_began_ms > 0 && dm_mono_ms() - s->group_began_ms >= GROUP_MS);
}

static void advance(struct sync *s)
{
	s->boundary = s->event->end;
	s->is_committed_here = false;
}

/* Of the transaction at hand nothing stays. What is complete and was gathered before it must stay: it is read again,
 * and committed where this transaction begins. */
int sync_undo_transaction(struct sync *s, struct dm_error *reterr)
{
	if (s->target.is_open && target_rollback(&s->target, reterr) != 0)
		return -1;
	s->counts = (struct sync_counts){ 0 };
	s->group_began_ms = 0;
	s->in_transaction = s->in_xa = false;
	if (s->is_committed_here)
		return 0;
	s->commit_at = s->boundary;
	s->must_rewind = true;
	return 0;
}

int sync_transaction_end(struct sync *s, struct dm_error *reterr)
{
	s->in_transaction = false;
	advance(s);
	if (s->event->header.timestamp > 0)
		s->now.applied_timestamp = s->event->header.timestamp;
	if (checkpoint_must_widen(&s->cp, s->boundary.pos)) {
		/* A DDL of our own commits what is gathered: it goes first. */
		if (sync_commit(s, reterr) != 0 ||
			checkpoint_widen(&s->cp, s->target.conn, reterr) != 0)
			return -1;
	}
	return group_is_full(s) ? sync_commit(s, reterr) : 0;
}

/* ---- events ---- */

int sync_fail_event(struct sync *s, int r, const char *what, struct dm_error *reterr)
{
	DM_CLEANUP(dm_str_done) struct dm_str at = { 0 };

	s->failure_type = ERROR_UNKNOWN;
	s->failure.at = s->event->end;
	binlog_position_text(&s->event->start, &at);
	return dm_fail_errno(reterr, DM_ERR_SYNC_BAD_EVENT, r, "%s in the %s event at %s", what,
		binlog_event_name(s->event->header.type), at.data);
}

static int on_gtid(struct sync *s, const struct binlog_header *h, uint8_t type,
	const struct binlog_body *body, struct dm_error *reterr)
{
	struct binlog_gtid g;
	int r = binlog_gtid_parse(type, h, body, &g);

	if (r != 0)
		return sync_fail_event(s, r, "GTID", reterr);
	/* MariaDB's event is the BEGIN of a transaction; after MySQL's a BEGIN comes. */
	if (type == EVENT_MARIADB_GTID && g.is_xa)
		sync_xa_begin(s);
	else if (type == EVENT_MARIADB_GTID && !g.is_standalone)
		s->in_transaction = true;
	return 0;
}

static int on_payload(struct sync *s, const struct binlog_body *body, struct dm_error *reterr)
{
	struct binlog_format format = *s->event->format;
	struct binlog_payload *p = NULL;
	struct binlog_header h;
	const uint8_t *event;
	size_t len;
	int r = binlog_payload_open(&p, body, (uint64_t)1 << PAYLOAD_MAX_SHIFT);

	format.has_checksum = false; /* of the events inside */
	if (r != 0)
		return sync_fail_event(s, r, "compressed transaction", reterr);
	while ((r = binlog_payload_next(p, &event, &len)) == 1) {
		int failed = binlog_header_parse(event, len, &h);

		if (failed != 0)
			r = sync_fail_event(
				s, failed, "event inside a compressed transaction", reterr);
		else
			r = sync_dispatch(s, &h, &format, event, len, reterr);
		if (r != 0) {
			binlog_payload_free(p);
			return -1;
		}
	}
	binlog_payload_free(p);
	return r == 0 ? 0 : sync_fail_event(s, r, "compressed transaction", reterr);
}

/* Nothing for the target. Between transactions the position moves on with it. */
static int on_other(struct sync *s)
{
	if (!s->in_transaction && binlog_position_compare(&s->event->end, &s->boundary) > 0)
		advance(s);
	return 0;
}

/* A file begins. No transaction goes on in another file: its end was lost in a crash, and the server rolled it back. */
static int on_format(struct sync *s, struct dm_error *reterr)
{
	if (s->in_transaction) {
		dm_log(DM_LOG_WARN, &s->unit.env.log,
			"a transaction without an end, the upstream rolled it back", "before",
			s->event->end.name, NULL);
		if (sync_undo_transaction(s, reterr) != 0)
			return -1;
	}
	return s->must_rewind ? 0 : on_other(s);
}

static int on_unknown(struct sync *s, const struct binlog_header *h, struct dm_error *reterr)
{
	if (h->flags & BINLOG_FLAG_IGNORABLE)
		return on_other(s);
	return sync_fail_event(s, -ENOTSUP, "what is not known may hold rows:", reterr);
}

int sync_dispatch(struct sync *s, const struct binlog_header *h, const struct binlog_format *f,
	const uint8_t *bytes, size_t len, struct dm_error *reterr)
{
	struct binlog_body body;
	int r = binlog_body(f, bytes, len, &body);

	if (r != 0)
		return sync_fail_event(s, r, "no body", reterr);
	if (binlog_type_is_rows(h->type))
		return sync_rows(s, h->type, f, &body, reterr);
	if (s->is_replaying && h->type != EVENT_TABLE_MAP && h->type != EVENT_TRANSACTION_PAYLOAD)
		return 0;
	switch (h->type) {
	case EVENT_TABLE_MAP:
		return sync_table_map(s, f, &body, reterr);
	case EVENT_XID:
		return sync_transaction_end(s, reterr);
	case EVENT_QUERY:
	case EVENT_MARIADB_QUERY_COMPRESSED:
		return sync_query(s, h->type, f, &body, reterr);
	case EVENT_GTID:
	case EVENT_ANONYMOUS_GTID:
	case EVENT_GTID_TAGGED:
	case EVENT_MARIADB_GTID:
		return on_gtid(s, h, h->type, &body, reterr);
	case EVENT_TRANSACTION_PAYLOAD:
		return on_payload(s, &body, reterr);
	case EVENT_XA_PREPARE:
		return sync_xa_prepare(s, &body, reterr);
	case EVENT_INCIDENT:
		return dm_fail(reterr, DM_ERR_SYNC_INCIDENT,
			"the upstream lost events before (%s, %llu): rows are missing in its "
			"binlog",
			s->event->end.name, (unsigned long long)s->event->end.pos);
	case EVENT_FORMAT_DESCRIPTION:
		return on_format(s, reterr);
	case EVENT_ROTATE:
	case EVENT_STOP:
	case EVENT_INTVAR:
	case EVENT_RAND:
	case EVENT_USER_VAR:
	case EVENT_HEARTBEAT:
	case EVENT_HEARTBEAT_V2:
	case EVENT_IGNORABLE:
	case EVENT_ROWS_QUERY:
	case EVENT_PREVIOUS_GTIDS:
	case EVENT_TRANSACTION_CONTEXT:
	case EVENT_VIEW_CHANGE:
	case EVENT_MARIADB_ANNOTATE_ROWS:
	case EVENT_MARIADB_BINLOG_CHECKPOINT:
	case EVENT_MARIADB_GTID_LIST:
	case EVENT_MARIADB_START_ENCRYPTION:
		return on_other(s);
	default: /* a number of the binlog, not an enum of ours */
		return on_unknown(s, h, reterr);
	}
}

/* ---- the loop ---- */

/* How long to wait for the next event: not at all while rows are gathered. */
static int patience(const struct sync *s)
{
	int64_t left;

	if (s->in_transaction)
		return IDLE_MS;
	if (s->target.is_open)
		return 0;
	if (s->is_committed_here)
		return IDLE_MS;
	left = s->flushed_ms + POSITION_MS - dm_mono_ms();
	return left > 0 ? (int)left : 0;
}

static int on_timeout(struct sync *s, struct dm_error *reterr)
{
	if (!s->in_transaction && !s->is_committed_here)
		return sync_commit(s, reterr);
	s->now.waiting_for = "relay";
	sync_publish(s);
	return 0;
}

static int take_event(struct sync *s, const struct relay_event *ev, struct dm_error *reterr)
{
	if (*s->commit_at.name && !s->in_transaction &&
		binlog_position_compare(&s->boundary, &s->commit_at) >= 0) {
		binlog_position_set(&s->commit_at, "", 0);
		if (!s->is_committed_here && sync_commit(s, reterr) != 0)
			return -1;
	}
	s->event = ev;
	s->counts.bytes += ev->len;
	s->now.received = ev->end;
	s->now.waiting_for = NULL;
	return sync_dispatch(s, &ev->header, ev->format, ev->bytes, ev->len, reterr);
}

/* What is complete is kept; half a transaction is read again after the next start. */
static int drain(struct sync *s, struct dm_error *reterr)
{
	if (s->in_transaction || s->is_committed_here ||
		dm_stop_level(s->unit.env.stop) >= DM_STOP_CUT)
		return 0;
	return sync_commit(s, reterr);
}

static int rewind_to_base(struct sync *s, struct dm_error *reterr)
{
	relay_cursor_free(s->cursor);
	s->cursor = NULL;
	s->boundary = s->base;
	s->is_committed_here = true;
	s->in_transaction = s->in_xa = s->must_rewind = false;
	if (xa_load(&s->xa, s->target.conn, false, reterr) != 0)
		return -1;
	return relay_cursor_open(&s->cursor, s->unit.env.relay, &s->base, reterr);
}

enum sync_end sync_read(struct sync *s, struct dm_error *reterr)
{
	struct relay_event ev;
	int r = 0;

	while (r == 0 && (!s->must_rewind || (r = rewind_to_base(s, reterr)) == 0)) {
		switch (relay_cursor_next(s->cursor, s->unit.env.stop, patience(s), &ev, reterr)) {
		case RELAY_READ_EVENT:
			r = take_event(s, &ev, reterr);
			break;
		case RELAY_READ_TIMEOUT:
			r = on_timeout(s, reterr);
			break;
		case RELAY_READ_STOPPED:
			return drain(s, reterr) == 0 ? SYNC_STOPPED : SYNC_FAILED;
		case RELAY_READ_FAILED:
			s->failure.at = s->boundary;
			return SYNC_FAILED;
		}
	}
	return SYNC_FAILED;
}
