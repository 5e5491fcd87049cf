/* relay-dir.h - the relay directory: server-uuid.index, its sub-directories, and the binlog files in one of them.
 *
 * Plain values, owned by the holder; nothing is cached here. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/error.h"
#include "dm/position.h"

enum { RELAY_SUB_DIR_MAX = 80 };

struct relay_sub_dir {
	char name[RELAY_SUB_DIR_MAX]; /* "<uuid>.000001" */
	unsigned int suffix;
};
struct relay_dirs { /* oldest first; a zeroed one is empty */
	struct relay_sub_dir *list; /* owned */
	size_t count;
};
void relay_dirs_done(struct relay_dirs *d);
void relay_dirs_copy(const struct relay_dirs *from, struct relay_dirs *to);
/* 28001, 28002, 30001. A missing index is an empty list. */
int relay_dirs_parse(const char *text, struct relay_dirs *ret, struct dm_error *reterr);
int relay_dirs_load(const char *relay_dir, struct relay_dirs *ret, struct dm_error *reterr);
int relay_dirs_save(
	const char *relay_dir, const struct relay_dirs *d, struct dm_error *reterr); /* 30007 */
/* Makes "<uuid>.<last suffix + 1>" on disk and in the index. */
int relay_dirs_add(
	const char *relay_dir, struct relay_dirs *d, const char *uuid, struct dm_error *reterr);
/* Takes out the oldest ones whose directory is gone; true when there were any. The last one stays. */
bool relay_dirs_trim(const char *relay_dir, struct relay_dirs *d);
const struct relay_sub_dir *relay_dirs_last(const struct relay_dirs *d); /* NULL when empty */
const struct relay_sub_dir *relay_dirs_find(
	const struct relay_dirs *d, unsigned int suffix); /* NULL */
bool relay_sub_dir_is_of(const struct relay_sub_dir *s, const char *uuid);

struct relay_binlog {
	char name[BINLOG_NAME_MAX];
	uint64_t number, size;
	int64_t mtime_s;
};
struct relay_binlogs { /* by number; a zeroed one is empty */
	struct relay_binlog *list; /* owned */
	size_t count;
};
void relay_binlogs_done(struct relay_binlogs *b);
/* A missing directory is empty. 11024. */
int relay_binlogs_list(const char *sub_path, struct relay_binlogs *ret, struct dm_error *reterr);
