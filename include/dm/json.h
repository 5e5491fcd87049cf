/* json.h - writes JSON as DM's clients know it, into a dm_str.
 *
 * Three forms: COMPACT (HTTP), DM (dmctl's jsonpb: 4 blanks, an empty array on two lines, an empty object with an
 * empty line inside) and GO (encoding/json MarshalIndent with 4 blanks, for the summary: `[]` and `{}`).
 * Strings are escaped as Go does: <, > and & too, bad UTF-8 becomes U+FFFD. The caller keeps the order
 * of keys and balances begin and end (asserted); nothing can fail. One thread at a time; owned by the holder. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/str.h"

enum { JSON_DEPTH_MAX = 32 }; /* of nested objects and arrays, asserted */
enum json_form { JSON_COMPACT, JSON_DM, JSON_GO };

struct json {
	struct dm_str *out; /* borrowed; appended to */
	enum json_form form;
	unsigned int depth;
	bool is_after_key;
	bool has_members[JSON_DEPTH_MAX + 1]; /* of the container at each depth */
};

void json_init(struct json *j, struct dm_str *out, enum json_form form);

void json_object_begin(struct json *j);
void json_object_end(struct json *j);
void json_array_begin(struct json *j);
void json_array_end(struct json *j);
void json_key(struct json *j, const char *key); /* the next value is its */

void json_string(struct json *j, const char *text); /* NULL gives "" */
void json_string_bytes(struct json *j, const char *text, size_t len);
void json_boolean(struct json *j, bool value);
void json_null(struct json *j);
void json_int(struct json *j, int64_t value); /* bare: DM's int32, our numbers */
void json_uint(struct json *j, uint64_t value);
void json_quoted_int(struct json *j, int64_t value); /* DM's int64: "12" */
void json_quoted_uint(struct json *j, uint64_t value);
void json_thousandths(struct json *j, int64_t value); /* 1500 gives 1.500: seconds out of ms */
void json_base64(struct json *j, const void *bytes, size_t len); /* NULL gives null, as Go's nil */
void json_literal(struct json *j, const char *text); /* a value that is JSON already: a number */

/* A key with its value in one line. */
void json_key_string(struct json *j, const char *key, const char *text);
void json_key_bool(struct json *j, const char *key, bool value);
void json_key_null(struct json *j, const char *key);
void json_key_int(struct json *j, const char *key, int64_t value);
void json_key_uint(struct json *j, const char *key, uint64_t value);
void json_key_quoted_uint(struct json *j, const char *key, uint64_t value);

/* The text with quotes and escapes, as json_string() writes it. */
void json_escape(struct dm_str *out, const char *text, size_t len);
