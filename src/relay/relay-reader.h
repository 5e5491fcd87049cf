/* relay-reader.h - whole events of one binlog file in order, through a large buffer.
 *
 * Reads only below a limit that the caller gives with each call, so that a file may be followed while it grows.
 * Offsets have 64 bits. Bytes live until the next call. One thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/binlog.h"

enum { RELAY_EVENT_MAX = (1 << 30) + (1 << 20) }; /* servers stop at 1 GiB */

struct relay_reader { /* RELAY_READER_NULL is closed */
	int fd; /* owned */
	uint64_t at; /* of the next event */
	uint8_t *buffer; /* owned; what lies at [buffer_at, buffer_at + len) of the file */
	size_t cap, len;
	uint64_t buffer_at;
};
#define RELAY_READER_NULL \
	{ \
		.fd = -1 \
	}

enum relay_next {
	RELAY_NEXT_EVENT,
	RELAY_NEXT_END, /* at the limit, or beyond it */
	RELAY_NEXT_SHORT, /* part of an event below the limit */
	RELAY_NEXT_BAD, /* no event header there */
	RELAY_NEXT_ERROR, /* errno in *ret_errno */
};

int relay_reader_open(struct relay_reader *r, const char *path); /* 0 or -errno; at = 4 */
void relay_reader_close(struct relay_reader *r); /* gives the buffer back too */
/* Is it a binlog file? Needs 4 bytes. 0, -EBADMSG, -errno. */
int relay_reader_check_magic(struct relay_reader *r);
/* The event at r->at, which then moves behind it. */
enum relay_next relay_reader_next(struct relay_reader *r, uint64_t limit, const uint8_t **ret_event,
	struct binlog_header *ret_header, int *ret_errno);

/* The format event at the start of a file. Its checksum is always there and must be right, also when the other events
 * have none: one wrong bit in it would switch checking off for the whole file. 0 or -EBADMSG. */
int relay_format_read(const uint8_t *event, size_t len, struct binlog_format *ret);
