/* cursor.h - reads numbers and bytes from foreign memory, never past its end.
 *
 * A read that does not fit gives 0 (or NULL), empties the cursor and sets `is_bad`, which stays; so a
 * parser reads a whole structure and looks once. Internal to src/wire. */
#pragma once

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at;
	size_t left;
	bool is_bad;
};

static inline struct cursor cursor_over(const void *bytes, size_t len)
{
	return (struct cursor){ .at = bytes, .left = len };
}

/* The next `len` bytes; NULL when they are not there, or after any bad read (and for an empty cursor over NULL). */
static inline const uint8_t *cursor_bytes(struct cursor *c, size_t len)
{
	const uint8_t *at = c->at;

	if (c->is_bad || len > c->left) {
		c->left = 0;
		c->is_bad = true;
		return NULL;
	}
	if (len > 0)
		c->at += len;
	c->left -= len;
	return at;
}

static inline void cursor_skip(struct cursor *c, size_t len)
{
	(void)cursor_bytes(c, len); /* is_bad tells when it did not fit */
}

/* The part of `len` bytes as a cursor of its own; bad when `c` is. */
static inline struct cursor cursor_part(struct cursor *c, size_t len)
{
	const uint8_t *at = cursor_bytes(c, len);
	struct cursor part = { .at = at, .left = c->is_bad ? 0 : len, .is_bad = c->is_bad };

	return part;
}

/* 1 to 8 bytes, low byte first. */
static inline uint64_t cursor_uint(struct cursor *c, unsigned int width)
{
	const uint8_t *at = cursor_bytes(c, width);
	uint64_t value = 0;

	if (at)
		memcpy(&value, at, width);
	return le64toh(value);
}

/* 1 to 8 bytes, high byte first. */
static inline uint64_t cursor_uint_be(struct cursor *c, unsigned int width)
{
	const uint8_t *at = cursor_bytes(c, width);
	uint64_t value = 0;

	for (unsigned int i = 0; at && i < width; i++)
		value = value << 8 | at[i];
	return value;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)cursor_uint(c, 1);
}

static inline uint16_t cursor_u16(struct cursor *c)
{
	return (uint16_t)cursor_uint(c, 2);
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)cursor_uint(c, 4);
}

/* The protocol's length-encoded integer; its NULL (fb) and ff are bad. */
static inline uint64_t cursor_lenenc(struct cursor *c)
{
	uint8_t first = cursor_u8(c);

	if (first < 0xfb)
		return first;
	if (first == 0xfc)
		return cursor_uint(c, 2);
	if (first == 0xfd)
		return cursor_uint(c, 3);
	if (first == 0xfe)
		return cursor_uint(c, 8);
	c->left = 0;
	c->is_bad = true;
	return 0;
}

static inline int cursor_error(const struct cursor *c)
{
	return c->is_bad ? -EBADMSG : 0;
}

/* mysql::serialization's variable-length number: the trailing ones of the first byte count the bytes
 * that follow it. The zero bit behind them is left out when eight bytes follow. */
static inline uint64_t cursor_varlen(struct cursor *c)
{
	uint8_t first = cursor_u8(c);
	unsigned int more = (unsigned int)__builtin_ctz(~(unsigned int)first); /* 0 to 8 */
	uint64_t rest = more > 0 ? cursor_uint(c, more) : 0;

	if (more == 8)
		return rest;
	return more == 7 ? rest : rest << (7 - more) | (uint64_t)first >> (more + 1);
}

/* Signed: the lowest bit is the sign, the others the number, of a negative one minus (x + 1). */
static inline int64_t cursor_varlen_signed(struct cursor *c)
{
	uint64_t coded = cursor_varlen(c);
	uint64_t value = coded >> 1 ^ (0 - (coded & 1));

	return (int64_t)value;
}
