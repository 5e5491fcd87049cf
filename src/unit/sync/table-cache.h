/* table-cache.h - what the target's tables look like, asked once and kept until a DDL touches them.
 *
 * Owner: the Sync unit, unit thread only. A table lives until it is dropped from the cache; `generation` grows with each drop, so
 * that holders of pointers notice. Does not know the upstream. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/error.h"

struct db_conn;

enum column_class {
	COLUMN_OTHER, /* numbers, times, ENUM, SET, BIT */
	COLUMN_TEXT, /* has a character set */
	COLUMN_BINARY, /* BINARY, VARBINARY, BLOB */
	COLUMN_JSON, /* of MySQL and TiDB; MariaDB's is text */
	COLUMN_GEOMETRY,
	COLUMN_UUID, /* MariaDB */
	COLUMN_INET, /* MariaDB's INET4 and INET6 */
};
struct target_column {
	char *name; /* owned */
	char *quoted; /* owned */
	enum column_class class;
	char charset[32]; /* "" unless TEXT */
	unsigned int fixed_len; /* bytes of BINARY(n), UUID, INET; else 0 */
	bool is_unsigned, is_nullable, is_generated;
	bool is_updated_by_itself; /* ON UPDATE CURRENT_TIMESTAMP */
};
struct target_key {
	unsigned int *columns; /* owned; numbers of columns */
	unsigned int count;
	bool is_primary, is_not_null;
};
struct target_table {
	struct target_table *next; /* of its hash bucket */
	char *schema, *name; /* owned */
	char *quoted; /* owned: `s`.`t` */
	struct target_column *columns; /* owned */
	unsigned int column_count;
	struct target_key *keys; /* owned; unique ones, the best first */
	unsigned int key_count;
	bool is_transactional;
	bool is_versioned; /* MariaDB: WITH SYSTEM VERSIONING, its two period columns may be hidden */
};

enum { TABLE_CACHE_BUCKETS = 256 };
struct table_cache {
	struct target_table *buckets[TABLE_CACHE_BUCKETS]; /* owned */
	uint64_t generation;
};
void table_cache_clear(struct table_cache *c);
/* Forgets a table; name "": all of the schema. */
void table_cache_drop(struct table_cache *c, const char *schema, const char *name);
/* 10005 with the server's 1146 for a missing table, 36054 for one without columns. */
int table_cache_get(struct table_cache *c, struct db_conn *conn, const char *schema,
	const char *name, const struct target_table **ret, struct dm_error *reterr);
