/* row-json.c - MySQL's binary JSON to the text that MySQL reads back as the same value. */
#include "row-json.h"

#include <math.h>
#include <stdio.h>

#include "row-value.h"

enum {
	LITERAL_NULL = 0,
	LITERAL_TRUE = 1,
	LITERAL_FALSE = 2,
	LENGTH_BYTES_MAX = 5, /* of seven bits */
	FRACTION_DIGITS = 6,
};

int json_value_open(const uint8_t *bytes, size_t len, struct json_value *ret)
{
	static const uint8_t null_value[] = { LITERAL_NULL };

	/* MySQL reads an empty value (from INSERT IGNORE into NOT NULL) as null. */
	*ret = (struct json_value){ .type = JSON_LITERAL, .bytes = null_value, .len = 1 };
	if (len > 0)
		*ret = (struct json_value){ .type = bytes[0], .bytes = bytes + 1, .len = len - 1 };
	return 0;
}

bool json_is_container(const struct json_value *v)
{
	return v->type <= JSON_LARGE_ARRAY;
}

/* Sizes of a container's parts: numbers, and what stands for a key and a value. */
static unsigned int number_size(const struct json_container *c)
{
	return c->is_large ? 4 : 2;
}

static size_t key_entry_size(const struct json_container *c)
{
	return c->is_object ? number_size(c) + 2u : 0;
}

static size_t value_entry_size(const struct json_container *c)
{
	return number_size(c) + 1u;
}

static size_t header_size(const struct json_container *c)
{
	return 2u * number_size(c) + c->count * (key_entry_size(c) + value_entry_size(c));
}

int json_container_open(const struct json_value *v, struct json_container *ret)
{
	struct cursor cursor = cursor_over(v->bytes, v->len);
	struct json_container c = {
		.is_object = v->type <= JSON_LARGE_OBJECT, .is_large = v->type & 1, .value = *v
	};
	uint64_t size;

	if (!json_is_container(v))
		return -EBADMSG;
	c.count = (uint32_t)cursor_uint(&cursor, number_size(&c));
	size = cursor_uint(&cursor, number_size(&c));
	if (cursor.is_bad || size > v->len || header_size(&c) > size)
		return -EBADMSG;
	c.value.len = size;
	*ret = c;
	return 0;
}

static struct cursor cursor_at(const struct json_container *c, size_t at)
{
	return cursor_over(c->value.bytes + at, c->value.len - at);
}

int json_container_key(
	const struct json_container *c, uint32_t at, const char **ret_key, size_t *ret_len)
{
	struct cursor cursor = cursor_at(c, 2 * number_size(c) + at * key_entry_size(c));
	uint64_t offset = cursor_uint(&cursor, number_size(c));
	uint16_t len = cursor_u16(&cursor);

	if (offset < header_size(c) || offset > c->value.len || len > c->value.len - offset)
		return -EBADMSG;
	*ret_key = (const char *)c->value.bytes + offset;
	*ret_len = len;
	return 0;
}

static bool is_inline(const struct json_container *c, uint8_t type)
{
	return type == JSON_LITERAL || type == JSON_INT16 || type == JSON_UINT16 ||
	       (c->is_large && (type == JSON_INT32 || type == JSON_UINT32));
}

int json_container_value(const struct json_container *c, uint32_t at, struct json_value *ret)
{
	size_t entry = 2 * number_size(c) + c->count * key_entry_size(c) + at * value_entry_size(c);
	struct cursor cursor = cursor_at(c, entry);
	struct json_value v = { .type = cursor_u8(&cursor) };
	uint64_t offset;

	if (is_inline(c, v.type)) {
		v.len = number_size(c);
		v.bytes = cursor_bytes(&cursor, v.len);
		*ret = v;
		return 0;
	}
	offset = cursor_uint(&cursor, number_size(c));
	/* Behind the header, so that a value lies strictly within what holds it: no cycles. */
	if (offset < header_size(c) || offset >= c->value.len)
		return -EBADMSG;
	v.bytes = c->value.bytes + offset;
	v.len = c->value.len - offset;
	*ret = v;
	return 0;
}

static int spend(size_t *budget, size_t bytes)
{
	if (bytes > *budget)
		return -EBADMSG;
	*budget -= bytes;
	return 0;
}

/* Lengths of strings: seven bits a byte, the lowest first. */
static size_t read_length(struct cursor *c)
{
	uint64_t len = 0;

	for (unsigned int i = 0; i < LENGTH_BYTES_MAX; i++) {
		uint8_t byte = cursor_u8(c);

		len |= (uint64_t)(byte & 0x7f) << 7 * i;
		if (!(byte & 0x80))
			return len;
	}
	c->is_bad = true;
	return 0;
}

static void print_escape(unsigned char c, struct dm_str *out)
{
	static const char names[] = "btn?fr"; /* from backspace on; vertical tab has none */

	dm_str_add_char(out, '\\');
	if (c == '"' || c == '\\')
		dm_str_add_char(out, (char)c);
	else if (c >= '\b' && c <= '\r' && c != '\v')
		dm_str_add_char(out, names[c - '\b']);
	else
		dm_str_addf(out, "u%04x", c);
}

void json_print_string(const char *bytes, size_t len, struct dm_str *out)
{
	size_t plain = 0; /* where the text not yet added begins */

	dm_str_add_char(out, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		dm_str_add_bytes(out, bytes + plain, i - plain);
		print_escape(c, out);
		plain = i + 1;
	}
	if (len > plain)
		dm_str_add_bytes(out, bytes + plain, len - plain);
	dm_str_add_char(out, '"');
}

static int print_double(uint64_t bits, struct dm_str *out)
{
	char text[40], *plus;
	double value;

	memcpy(&value, &bits, sizeof(value));
	if (!isfinite(value))
		return -EBADMSG; /* JSON has none */
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, value); /* fits by far */
		if (strtod(text, NULL) == value)
			break;
	}
	plus = strchr(text, '+');
	if (plus) /* MySQL prints no plus, and what is equal should look so */
		memmove(plus, plus + 1, strlen(plus));
	dm_str_add(out, text);
	if (!strpbrk(text, ".e"))
		dm_str_add(out, ".0"); /* else it would come back as an integer */
	return 0;
}

static void print_base64(const uint8_t *bytes, size_t len, struct dm_str *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t group = (uint32_t)bytes[i] << 16 |
				 (i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0) |
				 (i + 2 < len ? (uint32_t)bytes[i + 2] : 0);

		dm_str_add_char(out, digits[group >> 18]);
		dm_str_add_char(out, digits[group >> 12 & 63]);
		dm_str_add_char(out, i + 1 < len ? digits[group >> 6 & 63] : '=');
		dm_str_add_char(out, i + 2 < len ? digits[group & 63] : '=');
	}
}

/* Eight bytes of 24 bits fraction below the bits of DATETIME2 or TIME2, negative as a whole. */
static int print_temporal(uint8_t type, struct cursor *data, struct dm_str *out)
{
	char text[ROW_TEXT_MAX];
	int64_t stored = (int64_t)cursor_uint(data, 8);
	uint64_t value = stored < 0 ? 0 - (uint64_t)stored : (uint64_t)stored;
	uint32_t micros = value & 0xffffff;
	unsigned int fsp = type == ROW_DATE ? 0 : FRACTION_DIGITS;
	int len = -EBADMSG;

	if (data->is_bad)
		return -EBADMSG;
	if (type == ROW_TIME)
		len = row_text_time(stored < 0, value >> 24, micros, fsp, text);
	else if (stored >= 0)
		len = row_text_datetime(value >> 24, micros, fsp, text);
	if (len < 0)
		return len;
	if (type == ROW_DATE)
		len -= (int)strlen(" 00:00:00");
	json_print_string(text, (size_t)len, out);
	return 0;
}

static int print_decimal(struct cursor *data, struct dm_str *out)
{
	char text[ROW_TEXT_MAX];
	uint8_t precision = cursor_u8(data), scale = cursor_u8(data);
	int len = row_text_decimal(data, precision, scale, text);

	if (len < 0)
		return len;
	dm_str_add_bytes(out, text, (size_t)len);
	return 0;
}

/* A value of an SQL type that JSON does not have. */
static int print_opaque(struct cursor *c, size_t *budget, struct dm_str *out)
{
	size_t before = c->left, len;
	uint8_t type = cursor_u8(c);
	struct cursor data;

	len = read_length(c);
	data = cursor_part(c, len);
	if (data.is_bad || spend(budget, before - c->left) != 0)
		return -EBADMSG;
	switch (type) {
	case ROW_NEWDECIMAL:
		return print_decimal(&data, out);
	case ROW_DATE:
	case ROW_TIME:
	case ROW_DATETIME:
	case ROW_TIMESTAMP:
		return print_temporal(type, &data, out);
	default: /* a byte of the server: MySQL's own text for the others */
		dm_str_addf(out, "\"base64:type%u:", type);
		print_base64(data.at, data.left, out);
		dm_str_add_char(out, '"');
		return 0;
	}
}

static int print_string(struct cursor *c, size_t *budget, struct dm_str *out)
{
	size_t before = c->left, len = read_length(c);
	const uint8_t *bytes = cursor_bytes(c, len);

	if (c->is_bad || spend(budget, before - c->left) != 0)
		return -EBADMSG;
	json_print_string((const char *)bytes, len, out);
	return 0;
}

static int print_literal(uint8_t literal, struct dm_str *out)
{
	static const char *const names[] = { "null", "true", "false" };

	if (literal > LITERAL_FALSE)
		return -EBADMSG;
	dm_str_add(out, names[literal]);
	return 0;
}

static void print_integer(struct cursor *c, unsigned int width, bool is_signed, struct dm_str *out)
{
	uint64_t value = cursor_uint(c, width), sign = UINT64_C(1) << (8 * width - 1);

	if (is_signed)
		dm_str_addf(out, "%lld", (long long)((value ^ sign) - sign));
	else
		dm_str_addf(out, "%llu", (unsigned long long)value);
}

static int print_scalar(const struct json_value *v, size_t *budget, struct dm_str *out)
{
	struct cursor c = cursor_over(v->bytes, v->len);

	switch (v->type) {
	case JSON_LITERAL:
		return print_literal(cursor_u8(&c), out);
	case JSON_INT16:
	case JSON_UINT16:
		print_integer(&c, 2, v->type == JSON_INT16, out);
		return cursor_error(&c);
	case JSON_INT32:
	case JSON_UINT32:
		print_integer(&c, 4, v->type == JSON_INT32, out);
		return cursor_error(&c);
	case JSON_INT64:
	case JSON_UINT64:
		print_integer(&c, 8, v->type == JSON_INT64, out);
		return cursor_error(&c);
	case JSON_DOUBLE:
		return print_double(cursor_uint(&c, 8), out) == 0 ? cursor_error(&c) : -EBADMSG;
	case JSON_STRING:
		return print_string(&c, budget, out);
	case JSON_OPAQUE:
		return print_opaque(&c, budget, out);
	default: /* a byte of the server */
		return -EBADMSG;
	}
}

static int print_key(
	const struct json_container *c, uint32_t at, size_t *budget, struct dm_str *out)
{
	const char *key;
	size_t len;

	if (json_container_key(c, at, &key, &len) != 0 || spend(budget, len) != 0)
		return -EBADMSG;
	json_print_string(key, len, out);
	dm_str_add(out, ": ");
	return 0;
}

int json_print(const struct json_value *v, unsigned int depth, size_t *budget, struct dm_str *out)
{
	struct json_container c;

	if (!json_is_container(v))
		return print_scalar(v, budget, out);
	if (depth >= JSON_DEPTH_MAX || json_container_open(v, &c) != 0 ||
		spend(budget, header_size(&c)) != 0)
		return -EBADMSG;
	dm_str_add_char(out, c.is_object ? '{' : '[');
	for (uint32_t i = 0; i < c.count; i++) {
		struct json_value child;
		int r = 0;

		if (i > 0)
			dm_str_add(out, ", ");
		if (c.is_object)
			r = print_key(&c, i, budget, out);
		if (r == 0)
			r = json_container_value(&c, i, &child);
		if (r == 0)
			r = json_print(&child, depth + 1, budget, out);
		if (r != 0)
			return r;
	}
	dm_str_add_char(out, c.is_object ? '}' : ']');
	return 0;
}

int row_json_text(const uint8_t *bytes, size_t len, struct dm_str *out)
{
	struct json_value v;
	size_t budget = len;

	(void)json_value_open(bytes, len, &v); /* any bytes open; printing judges them */
	return json_print(&v, 0, &budget, out);
}
