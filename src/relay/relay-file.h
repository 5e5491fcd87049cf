/* relay-file.h - the binlog file that is being written: whole events in, large writes out.
 *
 * Used by the relay thread alone. Nothing here syncs: see relay-keep.h. A failed write leaves no part of an event
 * behind: the file is cut back to the last whole one that was written. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/error.h"

struct relay_file { /* RELAY_FILE_NULL is closed */
	int fd; /* owned */
	char *path; /* owned */
	uint64_t size; /* with what waits in the buffer; 64 bits, by counting */
	uint64_t written; /* in the file, whole events */
	uint8_t *buffer; /* owned */
	size_t len;
	int failed_errno; /* of a write that failed, 0 */
};
#define RELAY_FILE_NULL \
	{ \
		.fd = -1 \
	}

/* Makes a new file with the magic waiting in its buffer. 30026. */
int relay_file_create(struct relay_file *f, const char *path, struct dm_error *reterr);
/* Goes on with a file of `size` bytes. */
int relay_file_open(struct relay_file *f, const char *path, uint64_t size, struct dm_error *reterr);
void relay_file_close(struct relay_file *f); /* what waits in the buffer is dropped */
/* A whole event. */
int relay_file_append(
	struct relay_file *f, const uint8_t *event, size_t len, struct dm_error *reterr);
int relay_file_flush(struct relay_file *f, struct dm_error *reterr);
/* Are these the bytes at `at`? They are below f->written. 1 yes, 0 no, -1 with an error. */
int relay_file_compare(struct relay_file *f, uint64_t at, const uint8_t *bytes, size_t len,
	struct dm_error *reterr);
