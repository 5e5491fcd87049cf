/* file.h - small files that survive a power cut. Any thread; 0 or -errno. */
#pragma once

#include <stddef.h>

#include "dm/str.h"

/* Writes a temporary beside `path`, syncs it, renames it, syncs the directory. The old file stays on failure. */
int dm_file_replace(const char *path, const void *data, size_t len, unsigned int mode);
int dm_file_read(const char *path, size_t max_len, struct dm_str *ret); /* -EFBIG over max_len */
int dm_dir_make(const char *path, unsigned int mode); /* with parents; an existing one is fine */
int dm_dir_sync(const char *path);
int dm_write_all(int fd, const void *data, size_t len); /* restarts short and interrupted writes */
