/* position.h - places in a binlog, in the three notations of DM.
 *
 * "mysql-bin.000003"        what the upstream and the relay call a file
 * "mysql-bin|000002.000003" the same file in relay sub-directory ".000002": Sync, its checkpoint
 * "(name, pos)"             in status documents; "name:pos" in query-error
 * Pure functions, any thread. 0 or -EINVAL. Rules: DM 1.0, pkg/binlog and pkg/utils. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dm/str.h"

enum { BINLOG_NAME_MAX = 256, RELAY_SUFFIX_NONE = 0 };

struct binlog_position {
	char name[BINLOG_NAME_MAX]; /* "" when unknown */
	uint64_t pos; /* byte offset of the next event; 64 bits, files may pass 4 GiB */
};

/* "base.000123": base without dots, a positive number. */
bool binlog_name_is_valid(const char *name);
int binlog_name_number(const char *name, uint64_t *ret); /* of plain and suffixed names */
/* The file after `name`: "mysql-bin.000009" gives "mysql-bin.000010". */
int binlog_name_next(const char *name, char ret[BINLOG_NAME_MAX]);

/* Splits "base|000002.000003" into "base.000003" and 2; a plain name gives RELAY_SUFFIX_NONE. */
int binlog_name_split(const char *name, char ret_plain[BINLOG_NAME_MAX], unsigned int *ret_suffix);
int binlog_name_join(const char *plain, unsigned int suffix, char ret[BINLOG_NAME_MAX]);

/* <0, 0, >0. If both names have a suffix: suffix, then file number, then pos; else suffixes are ignored. */
int binlog_position_compare(const struct binlog_position *a, const struct binlog_position *b);
void binlog_position_text(const struct binlog_position *p, struct dm_str *out); /* "(name, pos)" */
void binlog_position_colon(const struct binlog_position *p, struct dm_str *out); /* "name:pos" */
void binlog_position_set(
	struct binlog_position *p, const char *name, uint64_t pos); /* name cut to fit */
