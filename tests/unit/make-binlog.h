/* make-binlog.h - binlog events made by hand, for tests: right in every byte that a reader looks at. */
#pragma once

#include <zlib.h>

#include "dm/binlog.h"
#include "dm/str.h"

static uint64_t make_base; /* added to every position: where in the file the text begins */

enum { MAKE_TIMESTAMP = 1700000000, MAKE_SERVER_ID = 11 };

static void make_number(struct dm_str *s, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		dm_str_add_char(s, (char)(value >> (8 * i)));
}

/* An event at the end of `s`, whose length is its position in the file; `end_pos` 0 for artificial ones. */
static void make_event(struct dm_str *s, uint8_t type, uint16_t flags, const void *body, size_t len,
	bool has_end_pos)
{
	size_t at = s->len, size = 19 + len + 4;

	make_number(s, MAKE_TIMESTAMP, 4);
	make_number(s, type, 1);
	make_number(s, MAKE_SERVER_ID, 4);
	make_number(s, size, 4);
	make_number(s, has_end_pos ? make_base + at + size : 0, 4);
	make_number(s, flags, 2);
	dm_str_add_bytes(s, body, len);
	make_number(s, crc32_z(0, (const uint8_t *)s->data + at, s->len - at), 4);
}

static void make_format_body(struct dm_str *body, uint32_t created)
{
	char version[50] = "10.11.6-MariaDB-log";

	make_number(body, 4, 2);
	dm_str_add_bytes(body, version, sizeof(version));
	make_number(body, created, 4);
	make_number(body, 19, 1);
	for (int i = 0; i < 40; i++)
		make_number(body, i + 1 == EVENT_QUERY ? 13 : 8, 1); /* sizes of post-headers */
	make_number(body, 1, 1); /* CRC32 */
}

static __attribute__((unused)) void make_start(struct dm_str *s, uint16_t flags)
{
	DM_CLEANUP(dm_str_done) struct dm_str body = { 0 };

	make_format_body(&body, 0);
	dm_str_add_bytes(s, binlog_magic, BINLOG_MAGIC_SIZE);
	make_event(s, EVENT_FORMAT_DESCRIPTION, flags, body.data, body.len, true);
}

static __attribute__((unused)) void make_query(struct dm_str *s, const char *text)
{
	DM_CLEANUP(dm_str_done) struct dm_str body = { 0 };

	make_number(&body, 7, 4); /* thread */
	make_number(&body, 0, 4); /* time */
	make_number(&body, 1, 1); /* schema's length */
	make_number(&body, 0, 2); /* error */
	make_number(&body, 0, 2); /* status variables */
	dm_str_add_bytes(&body, "t", 2);
	dm_str_add(&body, text);
	make_event(s, EVENT_QUERY, 0, body.data, body.len, true);
}

static __attribute__((unused)) void make_xid(struct dm_str *s, uint64_t xid)
{
	DM_CLEANUP(dm_str_done) struct dm_str body = { 0 };

	make_number(&body, xid, 8);
	make_event(s, EVENT_XID, 0, body.data, body.len, true);
}

static __attribute__((unused)) void make_mariadb_gtid(
	struct dm_str *s, uint32_t domain, uint64_t sequence, uint8_t flags)
{
	DM_CLEANUP(dm_str_done) struct dm_str body = { 0 };

	make_number(&body, sequence, 8);
	make_number(&body, domain, 4);
	make_number(&body, flags, 1);
	make_number(&body, 0, 6);
	make_event(s, EVENT_MARIADB_GTID, 0, body.data, body.len, true);
}

static __attribute__((unused)) void make_rotate(
	struct dm_str *s, const char *name, uint64_t pos, bool is_real)
{
	DM_CLEANUP(dm_str_done) struct dm_str body = { 0 };

	make_number(&body, pos, 8);
	dm_str_add(&body, name);
	make_event(s, EVENT_ROTATE, is_real ? 0 : BINLOG_FLAG_ARTIFICIAL, body.data, body.len,
		is_real);
}
