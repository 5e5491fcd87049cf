/* json.c - DM's exact JSON text: golang/protobuf's jsonpb and Go's encoding/json, in one writer. */
#include "dm/json.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { JSON_INDENT = 4 };

void json_init(struct json *j, struct dm_str *out, enum json_form form)
{
	*j = (struct json){ .out = out, .form = form };
}

static void json_line(struct json *j)
{
	dm_str_add_char(j->out, '\n');
	for (unsigned int i = 0; i < j->depth * JSON_INDENT; i++)
		dm_str_add_char(j->out, ' ');
}

/* Before a member of the container at hand: comma and new line. */
static void json_separate(struct json *j)
{
	if (j->depth == 0)
		return;
	if (j->has_members[j->depth])
		dm_str_add_char(j->out, ',');
	if (j->form != JSON_COMPACT)
		json_line(j);
	j->has_members[j->depth] = true;
}

static void json_before_value(struct json *j)
{
	if (!j->is_after_key)
		json_separate(j);
	j->is_after_key = false;
}

static void json_begin(struct json *j, char bracket)
{
	json_before_value(j);
	dm_str_add_char(j->out, bracket);
	assert(j->depth < JSON_DEPTH_MAX);
	j->depth++;
	j->has_members[j->depth] = false;
}

static void json_end(struct json *j, char bracket)
{
	bool has_members = j->has_members[j->depth];

	assert(j->depth > 0 && !j->is_after_key);
	j->depth--;
	if (j->form == JSON_DM && !has_members && bracket == '}')
		dm_str_add_char(
			j->out, '\n'); /* jsonpb ends the line of fields that are not there */
	if (j->form == JSON_DM || (j->form == JSON_GO && has_members))
		json_line(j);
	dm_str_add_char(j->out, bracket);
}

void json_object_begin(struct json *j)
{
	json_begin(j, '{');
}

void json_object_end(struct json *j)
{
	json_end(j, '}');
}

void json_array_begin(struct json *j)
{
	json_begin(j, '[');
}

void json_array_end(struct json *j)
{
	json_end(j, ']');
}

void json_key(struct json *j, const char *key)
{
	assert(j->depth > 0 && !j->is_after_key);
	json_separate(j);
	json_escape(j->out, key, strlen(key));
	dm_str_add(j->out, j->form == JSON_COMPACT ? ":" : ": ");
	j->is_after_key = true;
}

/* Length of the well-formed UTF-8 sequence at `s`, 0 when it is none: no overlong forms, surrogates or values past U+10FFFF. */
static size_t utf8_length(const unsigned char *s, size_t len)
{
	size_t need = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (s[0] < 0x80)
		return 1;
	if (need == 0 || len < need)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return need;
}

/* What Go writes instead of this character, NULL when it stays. `hex` holds the \u form. */
static const char *json_replacement(const unsigned char *s, size_t len, char hex[8])
{
	static const char digits[] = "0123456789abcdef";

	switch (s[0]) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	}
	if (s[0] < 0x20 || s[0] == '<' || s[0] == '>' || s[0] == '&') {
		memcpy(hex, "\\u00", 4);
		hex[4] = digits[s[0] >> 4];
		hex[5] = digits[s[0] & 15];
		hex[6] = '\0';
		return hex;
	}
	/* U+2028 and U+2029 end a line in JavaScript. */
	if (len == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] | 1) == 0xa9)
		return s[2] == 0xa8 ? "\\u2028" : "\\u2029";
	return NULL;
}

void json_escape(struct dm_str *out, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t clean = 0; /* start of what has not been copied yet */

	dm_str_add_char(out, '"');
	for (size_t i = 0; i < len;) {
		size_t width = utf8_length(s + i, len - i);
		char hex[8];
		const char *replacement = width ? json_replacement(s + i, width, hex) : "\\ufffd";

		if (replacement) {
			dm_str_add_bytes(out, text + clean, i - clean);
			dm_str_add(out, replacement);
			clean = i + (width ? width : 1);
		}
		i += width ? width : 1;
	}
	dm_str_add_bytes(out, text + clean, len - clean);
	dm_str_add_char(out, '"');
}

void json_string_bytes(struct json *j, const char *text, size_t len)
{
	json_before_value(j);
	json_escape(j->out, text, len);
}

void json_string(struct json *j, const char *text)
{
	json_string_bytes(j, text ? text : "", text ? strlen(text) : 0);
}

void json_literal(struct json *j, const char *text)
{
	json_before_value(j);
	dm_str_add(j->out, text);
}

void json_boolean(struct json *j, bool value)
{
	json_literal(j, value ? "true" : "false");
}

void json_null(struct json *j)
{
	json_literal(j, "null");
}

void json_int(struct json *j, int64_t value)
{
	json_before_value(j);
	dm_str_addf(j->out, "%" PRId64, value);
}

void json_uint(struct json *j, uint64_t value)
{
	json_before_value(j);
	dm_str_addf(j->out, "%" PRIu64, value);
}

void json_quoted_int(struct json *j, int64_t value)
{
	json_before_value(j);
	dm_str_addf(j->out, "\"%" PRId64 "\"", value);
}

void json_quoted_uint(struct json *j, uint64_t value)
{
	json_before_value(j);
	dm_str_addf(j->out, "\"%" PRIu64 "\"", value);
}

void json_thousandths(struct json *j, int64_t value)
{
	uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	json_before_value(j);
	dm_str_addf(j->out, "%s%" PRIu64 ".%03u", value < 0 ? "-" : "", size / 1000,
		(unsigned int)(size % 1000));
}

void json_base64(struct json *j, const void *bytes, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = bytes;

	if (!bytes) {
		json_null(j);
		return;
	}
	json_before_value(j);
	dm_str_add_char(j->out, '"');
	for (size_t i = 0; i < len; i += 3) {
		unsigned int left = len - i < 3 ? (unsigned int)(len - i) : 3;
		unsigned int bits = (unsigned int)s[i] << 16 |
				    (left > 1 ? (unsigned int)s[i + 1] << 8 : 0) |
				    (left > 2 ? s[i + 2] : 0);

		for (unsigned int k = 0; k < 4; k++)
			dm_str_add_char(j->out, k > left ? '=' : digits[bits >> (18 - 6 * k) & 63]);
	}
	dm_str_add_char(j->out, '"');
}

void json_key_string(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_string(j, text);
}

void json_key_bool(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	json_boolean(j, value);
}

void json_key_null(struct json *j, const char *key)
{
	json_key(j, key);
	json_null(j);
}

void json_key_int(struct json *j, const char *key, int64_t value)
{
	json_key(j, key);
	json_int(j, value);
}

void json_key_uint(struct json *j, const char *key, uint64_t value)
{
	json_key(j, key);
	json_uint(j, value);
}

void json_key_quoted_uint(struct json *j, const char *key, uint64_t value)
{
	json_key(j, key);
	json_quoted_uint(j, value);
}
