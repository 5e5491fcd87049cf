/* relay-reader.c - whole events of one file. */
#include "relay-reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "dm/macro.h"
#include "dm/str.h"

enum { BUFFER_SIZE = 512 << 10, BUFFER_KEPT = 4 << 20 };

int relay_reader_open(struct relay_reader *r, const char *path)
{
	fd_closep(&r->fd);
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	r->at = BINLOG_MAGIC_SIZE;
	r->len = 0;
	r->buffer_at = 0;
	if (r->fd < 0)
		return -errno;
	(void)posix_fadvise(r->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a hint */
	return 0;
}

void relay_reader_close(struct relay_reader *r)
{
	fd_closep(&r->fd);
	free(r->buffer);
	*r = (struct relay_reader)RELAY_READER_NULL;
}

/* Reads up to `want` bytes at `at`: how many there were, or -errno. */
static ssize_t read_at(int fd, uint8_t *to, size_t want, uint64_t at)
{
	size_t got = 0;

	while (got < want) {
		ssize_t n = pread(fd, to + got, want - got, (off_t)(at + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int relay_reader_check_magic(struct relay_reader *r)
{
	uint8_t magic[BINLOG_MAGIC_SIZE];
	ssize_t n = read_at(r->fd, magic, sizeof(magic), 0);

	if (n < 0)
		return (int)n;
	return n == sizeof(magic) && memcmp(magic, binlog_magic, sizeof(magic)) == 0 ? 0 : -EBADMSG;
}

static void size_buffer(struct relay_reader *r, size_t need)
{
	size_t cap = need > BUFFER_SIZE ? need : BUFFER_SIZE;

	if (r->cap >= cap && (r->cap <= BUFFER_KEPT || need > BUFFER_SIZE))
		return;
	free(r->buffer);
	r->buffer = dm_grow(NULL, cap, 1);
	r->cap = cap;
	r->len = 0;
}

/* Makes sure that `need` bytes at r->at are in the buffer. 1 they are, 0 the file has less, -errno. */
static int fill(struct relay_reader *r, size_t need, uint64_t limit)
{
	uint64_t left = limit - r->at;
	ssize_t n;

	if (r->at >= r->buffer_at && r->at + need <= r->buffer_at + r->len)
		return 1;
	size_buffer(r, need);
	r->buffer_at = r->at;
	r->len = 0;
	n = read_at(r->fd, r->buffer, left < r->cap ? (size_t)left : r->cap, r->at);
	if (n < 0)
		return (int)n;
	r->len = (size_t)n;
	return r->len >= need;
}

enum relay_next relay_reader_next(struct relay_reader *r, uint64_t limit, const uint8_t **ret_event,
	struct binlog_header *ret_header, int *ret_errno)
{
	int got;

	if (r->at >= limit)
		return RELAY_NEXT_END;
	if (limit - r->at < BINLOG_HEADER_SIZE)
		return RELAY_NEXT_SHORT;
	got = fill(r, BINLOG_HEADER_SIZE, limit);
	if (got > 0) {
		if (binlog_header_parse(r->buffer + (r->at - r->buffer_at), BINLOG_HEADER_SIZE,
			    ret_header) != 0 ||
			ret_header->size > RELAY_EVENT_MAX)
			return RELAY_NEXT_BAD;
		if (ret_header->size > limit - r->at)
			return RELAY_NEXT_SHORT;
		got = fill(r, ret_header->size, limit);
	}
	if (got < 0) {
		*ret_errno = -got;
		return RELAY_NEXT_ERROR;
	}
	if (got == 0)
		return RELAY_NEXT_SHORT;
	*ret_event = r->buffer + (r->at - r->buffer_at);
	r->at += ret_header->size;
	return RELAY_NEXT_EVENT;
}

int relay_format_read(const uint8_t *event, size_t len, struct binlog_format *ret)
{
	static const struct binlog_format checked = { .is_known = true, .has_checksum = true };

	if (len <= BINLOG_HEADER_SIZE || event[4] != EVENT_FORMAT_DESCRIPTION ||
		!binlog_checksum_is_right(&checked, event, len))
		return -EBADMSG;
	return binlog_format_parse(event, len, ret);
}
