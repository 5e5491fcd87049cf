/* relay-gtids.c - follows GTIDs through a binlog. */
#include "relay-gtids.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

void relay_gtids_done(struct relay_gtids *g)
{
	gtid_set_free(g->set);
	*g = (struct relay_gtids){ 0 };
}

void relay_gtids_set(struct relay_gtids *g, struct gtid_set *set)
{
	gtid_set_free(g->set);
	g->set = set;
	g->is_open = g->is_in_group = false;
}

static int end_transaction(struct relay_gtids *g)
{
	bool was_open = g->is_open;

	g->is_open = g->is_in_group = false;
	if (!was_open)
		return 0;
	if (!g->set)
		g->set = gtid_set_new(g->gtid.flavor);
	return binlog_gtid_add(g->set, &g->gtid);
}

static int begin_transaction(
	struct relay_gtids *g, const struct binlog_header *h, const struct binlog_body *body)
{
	int r = end_transaction(g); /* whatever ended it, it has ended */

	if (r == 0)
		r = binlog_gtid_parse(h->type, h, body, &g->gtid);
	g->is_open = r == 0;
	return r;
}

static bool text_begins(const struct binlog_query *q, const char *word)
{
	size_t len = strlen(word);

	return q->text_len >= len && strncasecmp(q->text, word, len) == 0;
}

/* BEGIN or XA START open a group, COMMIT and ROLLBACK end it, and outside of one a statement stands alone. */
static int query(struct relay_gtids *g, const struct binlog_format *f,
	const struct binlog_header *h, const struct binlog_body *body)
{
	DM_CLEANUP(dm_str_done) struct dm_str scratch = { 0 };
	struct binlog_query q;
	int r = binlog_query_parse(h->type, f, body, &scratch, &q);

	if (r != 0)
		return r;
	if (!g->is_in_group && (text_begins(&q, "BEGIN") || text_begins(&q, "XA START"))) {
		g->is_in_group = true;
		return 0;
	}
	if (g->is_in_group && !(q.text_len == 6 && text_begins(&q, "COMMIT")) &&
		!(q.text_len == 8 && text_begins(&q, "ROLLBACK")))
		return 0;
	return end_transaction(g);
}

static int read_list(
	struct relay_gtids *g, const struct binlog_header *h, const struct binlog_body *body)
{
	struct gtid_set *set;
	int r = h->type == EVENT_PREVIOUS_GTIDS
			? gtid_set_decode_mysql(&set, body->bytes, body->len)
			: gtid_set_decode_mariadb(&set, body->bytes, body->len);

	if (r == 0)
		relay_gtids_set(g, set);
	return r;
}

int relay_gtids_event(struct relay_gtids *g, const struct binlog_format *f,
	const struct binlog_header *h, const uint8_t *event)
{
	struct binlog_body body;

	switch (h->type) {
	case EVENT_PREVIOUS_GTIDS:
	case EVENT_MARIADB_GTID_LIST:
		return binlog_body(f, event, h->size, &body) == 0 ? read_list(g, h, &body)
								  : -EBADMSG;
	case EVENT_GTID:
	case EVENT_ANONYMOUS_GTID:
	case EVENT_GTID_TAGGED:
	case EVENT_MARIADB_GTID:
		if (binlog_body(f, event, h->size, &body) != 0 ||
			begin_transaction(g, h, &body) != 0)
			return -EBADMSG;
		/* MariaDB leaves BEGIN out. */
		g->is_in_group = h->type == EVENT_MARIADB_GTID && !g->gtid.is_standalone;
		return 0;
	case EVENT_QUERY:
	case EVENT_MARIADB_QUERY_COMPRESSED:
		if (!g->is_open || (h->flags & BINLOG_FLAG_RELAY_LOG)) /* the latter: DM made it */
			return 0;
		return binlog_body(f, event, h->size, &body) == 0 ? query(g, f, h, &body)
								  : -EBADMSG;
	case EVENT_XID:
	case EVENT_XA_PREPARE:
	case EVENT_TRANSACTION_PAYLOAD:
	case EVENT_ROTATE:
	case EVENT_STOP:
		return end_transaction(g);
	default: /* a number from outside, not an enum of ours */
		return 0;
	}
}
