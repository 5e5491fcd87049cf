/* fuzz-binlog.c - a stream of events, as a file has it behind its magic: every parser of binlog.h. */
#include <string.h>

#include "dm/binlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { PAYLOAD_MAX = 1 << 20, DEPTH_MAX = 2 };

static void read_event(
	struct binlog_format *f, const uint8_t *event, size_t len, unsigned int depth);

static void read_payload(const struct binlog_body *body, unsigned int depth)
{
	struct binlog_format plain = { .is_known = true };
	struct binlog_payload *p = NULL;
	const uint8_t *event;
	size_t len;

	if (depth == DEPTH_MAX || binlog_payload_open(&p, body, PAYLOAD_MAX) != 0)
		return;
	while (binlog_payload_next(p, &event, &len) == 1)
		read_event(&plain, event, len, depth + 1);
	binlog_payload_free(p);
}

static void read_sets(uint8_t type, const struct binlog_body *body)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = NULL;

	if (type == EVENT_PREVIOUS_GTIDS)
		(void)gtid_set_decode_mysql(&s, body->bytes, body->len);
	else if (type == EVENT_MARIADB_GTID_LIST)
		(void)gtid_set_decode_mariadb(&s, body->bytes, body->len);
}

static void read_gtid(const struct binlog_header *h, const struct binlog_body *body)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = NULL;
	struct binlog_gtid gtid;

	if (binlog_gtid_parse(h->type, h, body, &gtid) != 0)
		return;
	s = gtid_set_new(gtid.flavor);
	if (binlog_gtid_add(s, &gtid) != 0)
		__builtin_trap(); /* a GTID that was read must be one that can be kept */
}

static void read_query(const struct binlog_header *h, const struct binlog_format *f,
	const struct binlog_body *body)
{
	DM_CLEANUP(dm_str_done) struct dm_str scratch = { 0 };
	struct binlog_query query;
	unsigned int sum = 0;

	if (binlog_query_parse(h->type, f, body, &scratch, &query) != 0)
		return;
	for (size_t i = 0; i < query.text_len; i++) /* touch all that is promised */
		sum += (unsigned char)query.text[i];
	for (size_t i = 0; i <= query.schema_len; i++)
		sum += (unsigned char)query.schema[i];
	for (size_t i = 0; i < query.time_zone_len; i++)
		sum += (unsigned char)query.time_zone[i];
	__asm__ volatile("" : : "r"(sum));
}

static void read_event(
	struct binlog_format *f, const uint8_t *event, size_t len, unsigned int depth)
{
	struct binlog_header h;
	struct binlog_body body;
	struct binlog_rotate rotate;

	(void)binlog_checksum_is_right(f, event, len);
	if (binlog_body(f, event, len, &body) != 0 || binlog_header_parse(event, len, &h) != 0)
		return;
	if (h.type == EVENT_FORMAT_DESCRIPTION)
		(void)binlog_format_parse(event, len, f);
	else if (h.type == EVENT_ROTATE)
		(void)binlog_rotate_parse(&body, &rotate);
	else if (h.type == EVENT_QUERY || h.type == EVENT_MARIADB_QUERY_COMPRESSED)
		read_query(&h, f, &body);
	else if (h.type == EVENT_TRANSACTION_PAYLOAD)
		read_payload(&body, depth);
	read_gtid(&h, &body);
	read_sets(h.type, &body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct binlog_format f = { 0 };
	struct binlog_header h;

	if (len >= BINLOG_MAGIC_SIZE && memcmp(bytes, binlog_magic, BINLOG_MAGIC_SIZE) == 0) {
		bytes += BINLOG_MAGIC_SIZE;
		len -= BINLOG_MAGIC_SIZE;
	}
	while (binlog_header_parse(bytes, len, &h) == 0) {
		size_t size = h.size < len ? h.size : len; /* a torn one is tried as well */

		read_event(&f, bytes, size, 0);
		bytes += size;
		len -= size;
	}
	return 0;
}
