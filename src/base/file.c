/* file.c - durable small files: temporary, sync, rename, sync the directory. */
#include "dm/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int dm_write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int dm_dir_sync(const char *path)
{
	DM_CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return -errno;
	return 0;
}

static int sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	DM_CLEANUP(freep)
	char *dir = slash ? dm_strndup(path, slash == path ? 1 : (size_t)(slash - path))
			  : dm_strdup(".");

	return dm_dir_sync(dir);
}

static int write_new(const char *path, const void *data, size_t len, unsigned int mode)
{
	DM_CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	int r;

	if (fd < 0)
		return -errno;
	r = dm_write_all(fd, data, len);
	if (r == 0 && fsync(fd) != 0)
		r = -errno;
	return r;
}

int dm_file_replace(const char *path, const void *data, size_t len, unsigned int mode)
{
	DM_CLEANUP(freep) char *temporary = dm_format("%s.tmp", path);
	int r = write_new(temporary, data, len, mode);

	if (r == 0 && rename(temporary, path) != 0)
		r = -errno;
	if (r != 0) {
		(void)unlink(temporary); /* the first failure is the one to report */
		return r;
	}
	return sync_parent(path);
}

int dm_file_read(const char *path, size_t max_len, struct dm_str *ret)
{
	DM_CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n;

		dm_str_reserve(&text, 4096);
		n = read(fd, text.data + text.len, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		text.len += (size_t)n;
		if (text.len > max_len)
			return -EFBIG;
	}
	text.data[text.len] = '\0';
	dm_str_done(ret);
	*ret = text;
	text = (struct dm_str){ 0 };
	return 0;
}

int dm_dir_make(const char *path, unsigned int mode)
{
	DM_CLEANUP(freep) char *copy = dm_strdup(path);
	struct stat st;

	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, mode) != 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	if (mkdir(copy, mode) != 0 && errno != EEXIST)
		return -errno;
	if (stat(copy, &st) != 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}
