/* relay-gtids.h - which transactions a binlog holds up to some event.
 *
 * Fed with every event of a file in order. A GTID counts from the end of its transaction on. The list event at the start
 * of a file replaces all that was known. Used by one thread at a time. */
#pragma once

#include <stdbool.h>

#include "dm/binlog.h"

struct relay_gtids { /* a zeroed one knows nothing */
	struct gtid_set *set; /* owned; NULL: not known yet */
	bool is_open; /* `gtid` began and has not ended */
	bool is_in_group; /* after its BEGIN */
	struct binlog_gtid gtid;
};
void relay_gtids_done(struct relay_gtids *g);
/* Takes over a set that is known from elsewhere. */
void relay_gtids_set(struct relay_gtids *g, struct gtid_set *set);
/* 0, or -EBADMSG when the event cannot be read. */
int relay_gtids_event(struct relay_gtids *g, const struct binlog_format *f,
	const struct binlog_header *h, const uint8_t *event);
