/* row-json.h - MySQL's binary JSON. Shared by the row-*.c files only. */
#pragma once

#include "cursor.h"
#include "dm/str.h"

/* Types of values. */
enum json_type {
	JSON_SMALL_OBJECT = 0,
	JSON_LARGE_OBJECT = 1,
	JSON_SMALL_ARRAY = 2,
	JSON_LARGE_ARRAY = 3,
	JSON_LITERAL = 4,
	JSON_INT16 = 5,
	JSON_UINT16 = 6,
	JSON_INT32 = 7,
	JSON_UINT32 = 8,
	JSON_INT64 = 9,
	JSON_UINT64 = 10,
	JSON_DOUBLE = 11,
	JSON_STRING = 12,
	JSON_OPAQUE = 15,
};

/* A value as it lies in memory: its type and the bytes from its start to the end of what holds it. */
struct json_value {
	uint8_t type;
	const uint8_t *bytes;
	size_t len;
};
/* An object or array, looked into. */
struct json_container {
	bool is_object, is_large;
	uint32_t count;
	struct json_value value; /* cut to the size it says */
};
enum { JSON_DEPTH_MAX = 100 }; /* MySQL's own limit */

int json_value_open(const uint8_t *bytes, size_t len, struct json_value *ret); /* empty is null */
bool json_is_container(const struct json_value *v);
int json_container_open(const struct json_value *v, struct json_container *ret);
int json_container_key(
	const struct json_container *c, uint32_t at, const char **ret_key, size_t *ret_len);
int json_container_value(const struct json_container *c, uint32_t at, struct json_value *ret);

/* Prints in MySQL's form. `budget` starts with the size of the whole document and keeps values that overlap (which no
 * server writes) from growing without bound. */
int json_print(const struct json_value *v, unsigned int depth, size_t *budget, struct dm_str *out);
void json_print_string(const char *bytes, size_t len, struct dm_str *out);

/* The text of a whole column, and of one that is stored as diffs to what was before. */
int row_json_text(const uint8_t *bytes, size_t len, struct dm_str *out);
int row_json_patch(const uint8_t *before, size_t before_len, const uint8_t *diffs, size_t diffs_len,
	struct dm_str *out);
