/* relay-file.c - appends whole events to a binlog file. */
#include "relay-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>

#include "dm/binlog.h"

enum {
	BUFFER_SIZE = 1 << 20,
	DIRECT_SIZE = 128 << 10, /* from here on an event is written from where it lies */
	COMPARE_SIZE = 64 << 10,
	FILE_MODE = 0644,
};

int relay_file_create(struct relay_file *f, const char *path, struct dm_error *reterr)
{
	relay_file_close(f);
	f->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, FILE_MODE);
	if (f->fd < 0)
		return dm_fail_errno(
			reterr, DM_ERR_RELAY_WRITE, errno, "create relay log file %s", path);
	f->path = dm_strdup(path);
	f->buffer = dm_alloc(BUFFER_SIZE);
	memcpy(f->buffer, binlog_magic, BINLOG_MAGIC_SIZE);
	f->len = f->size = BINLOG_MAGIC_SIZE;
	return 0;
}

int relay_file_open(struct relay_file *f, const char *path, uint64_t size, struct dm_error *reterr)
{
	relay_file_close(f);
	f->fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	if (f->fd < 0)
		return dm_fail_errno(reterr, DM_ERR_GET_RELAY_LOG_STAT, errno,
			"get stat for relay log %s", path);
	f->path = dm_strdup(path);
	f->buffer = dm_alloc(BUFFER_SIZE);
	f->size = f->written = size;
	return 0;
}

void relay_file_close(struct relay_file *f)
{
	fd_closep(&f->fd);
	free(f->path);
	free(f->buffer);
	*f = (struct relay_file)RELAY_FILE_NULL;
}

/* Cuts what a failed write left behind. If even that fails, the next start of the relay does it. */
static int fail_write(struct relay_file *f, int err, struct dm_error *reterr)
{
	(void)!ftruncate(f->fd, (off_t)f->written);
	f->size = f->written;
	f->len = 0;
	f->failed_errno = err;
	return dm_fail_errno(reterr, DM_ERR_RELAY_WRITE, err, "write relay log file %s at %llu",
		f->path, (unsigned long long)f->written);
}

/* Writes the buffer, then `event`. */
static int write_both(
	struct relay_file *f, const uint8_t *event, size_t len, struct dm_error *reterr)
{
	struct iovec parts[2] = { { f->buffer, f->len }, { (void *)(uintptr_t)event, len } };
	size_t total = f->len + len;

	while (parts[0].iov_len + parts[1].iov_len > 0) {
		ssize_t n = writev(f->fd, parts, 2);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail_write(f, n < 0 ? errno : EIO, reterr);
		for (int i = 0; i < 2; i++) {
			size_t taken = (size_t)n < parts[i].iov_len ? (size_t)n : parts[i].iov_len;

			parts[i].iov_base = (uint8_t *)parts[i].iov_base + taken;
			parts[i].iov_len -= taken;
			n -= (ssize_t)taken;
		}
	}
	f->written += total;
	f->len = 0;
	return 0;
}

int relay_file_flush(struct relay_file *f, struct dm_error *reterr)
{
	return f->len > 0 ? write_both(f, NULL, 0, reterr) : 0;
}

int relay_file_append(
	struct relay_file *f, const uint8_t *event, size_t len, struct dm_error *reterr)
{
	if (len < DIRECT_SIZE) {
		if (f->len + len > BUFFER_SIZE && relay_file_flush(f, reterr) != 0)
			return -1;
		memcpy(f->buffer + f->len, event, len);
		f->len += len;
	} else if (write_both(f, event, len, reterr) != 0) {
		return -1;
	}
	f->size += len;
	return 0;
}

int relay_file_compare(struct relay_file *f, uint64_t at, const uint8_t *bytes, size_t len,
	struct dm_error *reterr)
{
	DM_CLEANUP(freep) uint8_t *disk = dm_alloc(COMPARE_SIZE);

	while (len > 0) {
		size_t want = len < COMPARE_SIZE ? len : COMPARE_SIZE;
		ssize_t n = pread(f->fd, disk, want, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return dm_fail_errno(reterr, DM_ERR_GET_RELAY_LOG_STAT, errno,
				"get stat for relay log %s", f->path);
		if (n == 0 || memcmp(disk, bytes, (size_t)n) != 0)
			return 0;
		at += (uint64_t)n;
		bytes += n;
		len -= (size_t)n;
	}
	return 1;
}
