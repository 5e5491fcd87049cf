/* row-value.c - single values of row images: numbers, decimals, times, strings. */
#include "row-value.h"

#include <stdio.h>

#include "compress.h"

enum {
	CHUNK_SIZE = 16 * 1024,
	DECIMAL_GROUP = 9, /* digits in four bytes */
	COLLATION_BINARY = 63,
	YEAR_BASE = 1900,
	TIME_BIAS = 0x800000,
	COLUMN_METHOD_ZLIB = 8,
};
#define DATETIME_BIAS UINT64_C(0x8000000000)

struct row_chunk {
	struct row_chunk *next; /* older */
	size_t used, size;
	char data[];
};

char *row_arena_take(struct row_arena *a, size_t len)
{
	struct row_chunk *chunk = a->chunks;
	char *at;

	if (!chunk || chunk->size - chunk->used < len) {
		size_t size = len > CHUNK_SIZE ? len : CHUNK_SIZE;

		chunk = dm_grow(NULL, sizeof(*chunk) + size, 1);
		chunk->next = a->chunks;
		chunk->used = 0;
		chunk->size = size;
		a->chunks = chunk;
	}
	at = chunk->data + chunk->used;
	chunk->used += len;
	return at;
}

void row_arena_clear(struct row_arena *a)
{
	struct row_chunk *kept = NULL, *next;

	for (struct row_chunk *chunk = a->chunks; chunk; chunk = next) {
		next = chunk->next;
		if (!kept && chunk->size == CHUNK_SIZE)
			kept = chunk;
		else
			free(chunk);
	}
	if (kept) {
		kept->next = NULL;
		kept->used = 0;
	}
	a->chunks = kept;
}

void row_arena_done(struct row_arena *a)
{
	row_arena_clear(a);
	free(a->chunks);
	a->chunks = NULL;
}

static int set_text(struct row_arena *a, enum row_value_kind kind, const char *text, int len,
	struct row_value *ret)
{
	char *copy;

	if (len < 0)
		return len;
	copy = row_arena_take(a, (size_t)len);
	memcpy(copy, text, (size_t)len);
	*ret = (struct row_value){ .kind = kind, .bytes = copy, .len = (size_t)len };
	return 0;
}

/* `digits` digits, at most nine, in the fewest bytes that hold them; `flip` undoes a negative sign. */
static int read_digits(struct cursor *c, unsigned int digits, uint8_t flip, char *ret)
{
	static const uint8_t sizes[DECIMAL_GROUP + 1] = { 0, 1, 1, 2, 2, 3, 3, 4, 4, 4 };
	unsigned int size = sizes[digits];
	const uint8_t *bytes = cursor_bytes(c, size);
	uint32_t value = 0;

	for (unsigned int i = 0; bytes && i < size; i++)
		value = value << 8 | (uint8_t)(bytes[i] ^ flip);
	for (unsigned int i = digits; i > 0; i--, value /= 10)
		ret[i - 1] = (char)('0' + value % 10);
	return value == 0 ? 0 : -EBADMSG; /* else it had more digits */
}

static int read_all_digits(
	struct cursor *c, unsigned int precision, unsigned int scale, uint8_t flip, char *ret)
{
	unsigned int whole = precision - scale, at = whole % DECIMAL_GROUP;
	int r = read_digits(c, at, flip, ret);

	for (; r == 0 && at < whole; at += DECIMAL_GROUP)
		r = read_digits(c, DECIMAL_GROUP, flip, ret + at);
	for (; r == 0 && at + DECIMAL_GROUP <= precision; at += DECIMAL_GROUP)
		r = read_digits(c, DECIMAL_GROUP, flip, ret + at);
	return r == 0 ? read_digits(c, precision - at, flip, ret + at) : r;
}

int row_text_decimal(struct cursor *c, unsigned int precision, unsigned int scale, char *text)
{
	uint8_t size_of_rest[DECIMAL_GROUP + 1] = { 0, 1, 1, 2, 2, 3, 3, 4, 4, 4 };
	char digits[ROW_DECIMAL_DIGITS_MAX], *at = text;
	unsigned int whole, first = 0;
	uint8_t bytes[ROW_DECIMAL_DIGITS_MAX] = { 0 };
	const uint8_t *stored;
	struct cursor flipped;
	uint8_t flip;
	size_t size;

	if (precision == 0 || precision > ROW_DECIMAL_DIGITS_MAX || scale > precision)
		return -EBADMSG;
	whole = precision - scale;
	size = whole / DECIMAL_GROUP * 4 + size_of_rest[whole % DECIMAL_GROUP] +
	       scale / DECIMAL_GROUP * 4 + size_of_rest[scale % DECIMAL_GROUP];
	stored = cursor_bytes(c, size);
	if (!stored)
		return -EBADMSG;
	flip = stored[0] & 0x80 ? 0 : 0xff;
	memcpy(bytes, stored, size);
	bytes[0] ^= 0x80; /* the sign is the top bit, set for positive numbers */
	flipped = cursor_over(bytes, size);
	if (read_all_digits(&flipped, precision, scale, flip, digits) != 0)
		return -EBADMSG;
	if (flip)
		*at++ = '-';
	while (first + 1 < whole && digits[first] == '0')
		first++;
	if (whole == 0)
		*at++ = '0';
	memcpy(at, digits + first, whole - first);
	at += whole - first;
	if (scale > 0) {
		*at++ = '.';
		memcpy(at, digits + whole, scale);
		at += scale;
	}
	return (int)(at - text);
}

/* Integers of 1 to 4 and 8 bytes. */
static int read_integer(
	struct cursor *c, unsigned int width, bool is_unsigned, struct row_value *ret)
{
	uint64_t value = cursor_uint(c, width), sign = UINT64_C(1) << (8 * width - 1);

	*ret = (struct row_value){ .kind = is_unsigned ? ROW_VALUE_UINT : ROW_VALUE_INT };
	if (is_unsigned)
		ret->number.u = value;
	else
		ret->number.i = (int64_t)((value ^ sign) - sign);
	return cursor_error(c);
}

static int read_unsigned(struct cursor *c, unsigned int width, struct row_value *ret)
{
	if (width == 0 || width > 8)
		return -EBADMSG;
	return read_integer(c, width, true, ret);
}

static int read_bit(struct cursor *c, uint16_t meta, struct row_value *ret)
{
	unsigned int bits = (meta & 0xff) + (meta >> 8) * 8u;

	if (bits == 0 || bits > 64)
		return -EBADMSG;
	*ret = (struct row_value){ .kind = ROW_VALUE_UINT,
		.number.u = cursor_uint_be(c, (bits + 7) / 8) };
	return cursor_error(c);
}

static int read_float(struct cursor *c, struct row_value *ret)
{
	uint32_t bits = cursor_u32(c);

	*ret = (struct row_value){ .kind = ROW_VALUE_FLOAT };
	memcpy(&ret->number.f, &bits, sizeof(bits));
	return cursor_error(c);
}

static int read_double(struct cursor *c, struct row_value *ret)
{
	uint64_t bits = cursor_uint(c, 8);

	*ret = (struct row_value){ .kind = ROW_VALUE_DOUBLE };
	memcpy(&ret->number.d, &bits, sizeof(bits));
	return cursor_error(c);
}

/* The bytes that hold a fraction of `fsp` digits, and its unit in microseconds. */
static unsigned int fraction_size(unsigned int fsp)
{
	return (fsp + 1) / 2;
}

static uint32_t to_micros(uint64_t fraction, unsigned int fsp)
{
	static const uint32_t units[] = { 0, 10000, 100, 1 };
	return (uint32_t)fraction * units[fraction_size(fsp)]; /* 24 bits at most */
}

static int read_temporal2(struct cursor *c, uint8_t type, unsigned int fsp, struct row_arena *a,
	struct row_value *ret)
{
	unsigned int size = fraction_size(fsp);
	char text[ROW_TEXT_MAX];
	int len = -EBADMSG;

	if (fsp > ROW_FSP_MAX || size > 3)
		return -EBADMSG;
	if (type == ROW_TIMESTAMP2) {
		uint32_t seconds = (uint32_t)cursor_uint_be(c, 4);

		len = row_text_timestamp(
			seconds, to_micros(cursor_uint_be(c, size), fsp), fsp, text);
	} else if (type == ROW_DATETIME2) {
		uint64_t bits = cursor_uint_be(c, 5);

		if (bits >= DATETIME_BIAS)
			len = row_text_datetime(bits - DATETIME_BIAS,
				to_micros(cursor_uint_be(c, size), fsp), fsp, text);
	} else {
		/* Whole and fraction are one biased number: so is -00:00:00.5 below zero. */
		int64_t stored =
			(int64_t)cursor_uint_be(c, 3 + size) - ((int64_t)TIME_BIAS << 8 * size);
		uint64_t value = (uint64_t)(stored < 0 ? -stored : stored);
		uint64_t fraction = value & ((UINT64_C(1) << 8 * size) - 1);

		len = row_text_time(
			stored < 0, value >> 8 * size, to_micros(fraction, fsp), fsp, text);
	}
	return c->is_bad ? -EBADMSG : set_text(a, ROW_VALUE_TIME, text, len, ret);
}

static int read_old_temporal(
	struct cursor *c, uint8_t type, struct row_arena *a, struct row_value *ret)
{
	char text[ROW_TEXT_MAX];
	int len;

	if (type == ROW_TIMESTAMP) {
		len = row_text_timestamp(cursor_u32(c), 0, 0, text);
	} else if (type == ROW_DATETIME) {
		len = row_text_old_datetime(cursor_uint(c, 8), text);
	} else if (type == ROW_TIME) {
		uint32_t stored = (uint32_t)cursor_uint(c, 3);

		len = row_text_old_time((int32_t)((stored ^ TIME_BIAS) - TIME_BIAS), text);
	} else {
		len = row_text_date((uint32_t)cursor_uint(c, 3), text);
	}
	return c->is_bad ? -EBADMSG : set_text(a, ROW_VALUE_TIME, text, len, ret);
}

static int read_year(struct cursor *c, struct row_value *ret)
{
	uint8_t stored = cursor_u8(c);

	*ret = (struct row_value){ .kind = ROW_VALUE_UINT,
		.number.u = stored == 0 ? 0 : YEAR_BASE + (uint64_t)stored };
	return cursor_error(c);
}

static int read_decimal(struct cursor *c, uint16_t meta, struct row_arena *a, struct row_value *ret)
{
	char text[ROW_TEXT_MAX];

	return set_text(
		a, ROW_VALUE_NUMBER, text, row_text_decimal(c, meta & 0xff, meta >> 8, text), ret);
}

/* Bytes behind their length, which takes `width` bytes. */
static int read_bytes(
	struct cursor *c, unsigned int width, enum row_value_kind kind, struct row_value *ret)
{
	size_t len;

	if (width == 0 || width > 4)
		return -EBADMSG;
	len = cursor_uint(c, width);
	*ret = (struct row_value){
		.kind = kind, .bytes = (const char *)cursor_bytes(c, len), .len = len
	};
	return cursor_error(c);
}

static unsigned int char_width(uint16_t meta)
{
	return meta > 255 ? 2 : 1;
}

/* MariaDB's COLUMN_FORMAT COMPRESSED: a byte of method, raw flag and width, the length, the stream. */
static int unpack_column(struct row_arena *a, struct row_value *value)
{
	struct cursor c = cursor_over(value->bytes, value->len);
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
	uint8_t head;
	uint64_t unpacked;
	char *copy;

	if (value->len == 0)
		return 0;
	head = cursor_u8(&c);
	if (head >> 4 == 0) { /* was not worth packing */
		value->bytes++;
		value->len--;
		return 0;
	}
	if (head >> 4 != COLUMN_METHOD_ZLIB)
		return -ENOTSUP;
	if ((head & 7) == 0)
		return -EBADMSG;
	unpacked = cursor_uint_be(&c, head & 7);
	if (c.is_bad || wire_inflate(c.at, c.left, !(head & 8), unpacked, &out) != 0)
		return -EBADMSG;
	copy = row_arena_take(a, out.len);
	memcpy(copy, dm_str_get(&out), out.len);
	value->bytes = copy;
	value->len = out.len;
	return 0;
}

static int read_packed_column(struct cursor *c, unsigned int width, enum row_value_kind kind,
	struct row_arena *a, struct row_value *ret)
{
	int r = read_bytes(c, width, kind, ret);

	return r == 0 ? unpack_column(a, ret) : r;
}

/* What bytes of a column are, as far as its collation is known. */
static enum row_value_kind bytes_kind(const struct row_column *column, enum row_value_kind unknown)
{
	if (column->collation == 0)
		return unknown;
	return column->collation == COLLATION_BINARY ? ROW_VALUE_BINARY : ROW_VALUE_STRING;
}

int row_value_read(struct cursor *c, const struct row_column *column, struct row_arena *a,
	struct row_value *ret)
{
	enum row_type type = (enum row_type)column->type;
	uint16_t meta = column->meta;

	switch (type) {
	case ROW_TINY:
		return read_integer(c, 1, column->is_unsigned, ret);
	case ROW_SHORT:
		return read_integer(c, 2, column->is_unsigned, ret);
	case ROW_INT24:
		return read_integer(c, 3, column->is_unsigned, ret);
	case ROW_LONG:
		return read_integer(c, 4, column->is_unsigned, ret);
	case ROW_LONGLONG:
		return read_integer(c, 8, column->is_unsigned, ret);
	case ROW_FLOAT:
		return read_float(c, ret);
	case ROW_DOUBLE:
		return read_double(c, ret);
	case ROW_NEWDECIMAL:
		return read_decimal(c, meta, a, ret);
	case ROW_YEAR:
		return read_year(c, ret);
	case ROW_BIT:
		return read_bit(c, meta, ret);
	case ROW_ENUM:
	case ROW_SET:
		return read_unsigned(c, meta, ret);
	case ROW_TIMESTAMP:
	case ROW_DATE:
	case ROW_NEWDATE:
	case ROW_TIME:
	case ROW_DATETIME:
		return read_old_temporal(c, column->type, a, ret);
	case ROW_TIMESTAMP2:
	case ROW_DATETIME2:
	case ROW_TIME2:
		return read_temporal2(c, column->type, meta, a, ret);
	case ROW_VARCHAR:
	case ROW_VAR_STRING:
	case ROW_STRING:
		return read_bytes(c, char_width(meta), bytes_kind(column, ROW_VALUE_STRING), ret);
	case ROW_MARIADB_VARCHAR_COMPRESSED:
		return read_packed_column(
			c, char_width(meta), bytes_kind(column, ROW_VALUE_STRING), a, ret);
	case ROW_TINY_BLOB:
	case ROW_MEDIUM_BLOB:
	case ROW_LONG_BLOB:
	case ROW_BLOB:
		return read_bytes(c, meta, bytes_kind(column, ROW_VALUE_BINARY), ret);
	case ROW_MARIADB_BLOB_COMPRESSED:
		return read_packed_column(c, meta, bytes_kind(column, ROW_VALUE_BINARY), a, ret);
	case ROW_GEOMETRY:
	case ROW_VECTOR:
		return read_bytes(c, meta, ROW_VALUE_BINARY, ret);
	case ROW_JSON:
	case ROW_TYPED_ARRAY:
		return read_bytes(c, meta, ROW_VALUE_JSON, ret);
	case ROW_NULL:
		*ret = (struct row_value){ .kind = ROW_VALUE_NULL };
		return 0;
	}
	return -ENOTSUP;
}

uint64_t row_value_unsigned(uint8_t type, int64_t stored)
{
	switch (type) {
	case ROW_TINY:
		return (uint8_t)stored;
	case ROW_SHORT:
		return (uint16_t)stored;
	case ROW_INT24:
		return (uint64_t)stored & 0xffffff;
	case ROW_LONG:
		return (uint32_t)stored;
	default: /* a byte of the server: all other integers have 64 bits */
		return (uint64_t)stored;
	}
}
