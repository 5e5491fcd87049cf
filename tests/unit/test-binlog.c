/* test-binlog.c - events of real servers against what was written there, and hostile ones by hand. */
#include "test.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "binlog-file.h"

static void describe_query(const struct binlog_walk *w, struct dm_str *out)
{
	DM_CLEANUP(dm_str_done) struct dm_str scratch = { 0 };
	struct binlog_query q;

	assert_int_equal(binlog_query_parse(w->header.type, w->format, &w->body, &scratch, &q), 0);
	dm_str_addf(out, " schema=%s error=%u sql_mode=%d:%llu charset=%u,%u,%u", q.schema,
		q.error_code, q.has_sql_mode, (unsigned long long)q.sql_mode, q.charset_client,
		q.collation_connection, q.collation_server);
	if (q.time_zone)
		dm_str_addf(out, " time_zone=%.*s", (int)q.time_zone_len, q.time_zone);
	if (q.has_foreign_key_checks_off)
		dm_str_add(out, " no_foreign_keys");
	dm_str_addf(out, " text=%.*s", (int)q.text_len, q.text);
}

static void describe_gtid(const struct binlog_walk *w, struct dm_str *out)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = NULL;
	struct binlog_gtid g;

	assert_int_equal(binlog_gtid_parse(w->header.type, &w->header, &w->body, &g), 0);
	s = gtid_set_new(g.flavor);
	assert_int_equal(binlog_gtid_add(s, &g), 0);
	dm_str_add_char(out, ' ');
	gtid_set_text(s, out);
	dm_str_addf(out, " standalone=%d commit_us=%llu", g.is_standalone,
		(unsigned long long)g.immediate_commit_us);
}

static void describe_set(const struct binlog_walk *w, struct dm_str *out)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = NULL;

	if (w->header.type == EVENT_PREVIOUS_GTIDS)
		assert_int_equal(gtid_set_decode_mysql(&s, w->body.bytes, w->body.len), 0);
	else
		assert_int_equal(gtid_set_decode_mariadb(&s, w->body.bytes, w->body.len), 0);
	dm_str_add(out, " [");
	gtid_set_text(s, out);
	dm_str_add_char(out, ']');
}

static void describe(const struct binlog_walk *w, void *arg)
{
	struct dm_str *out = arg;
	struct binlog_rotate rotate;

	dm_str_addf(out, "%s%s end=%u flags=%#x body=%zu", w->is_in_payload ? "  " : "",
		binlog_event_name(w->header.type), w->header.end_pos, w->header.flags, w->body.len);
	switch (w->header.type) {
	case EVENT_FORMAT_DESCRIPTION:
		dm_str_addf(out, " version=%s checksum=%d post_headers=%u query=%u",
			w->format->server_version, w->format->has_checksum,
			w->format->post_header_count, w->format->post_header[EVENT_QUERY - 1]);
		break;
	case EVENT_QUERY:
	case EVENT_MARIADB_QUERY_COMPRESSED:
		describe_query(w, out);
		break;
	case EVENT_ROTATE:
		assert_int_equal(binlog_rotate_parse(&w->body, &rotate), 0);
		dm_str_addf(out, " %s:%llu", rotate.name, (unsigned long long)rotate.pos);
		break;
	case EVENT_GTID:
	case EVENT_ANONYMOUS_GTID:
	case EVENT_GTID_TAGGED:
	case EVENT_MARIADB_GTID:
		describe_gtid(w, out);
		break;
	case EVENT_PREVIOUS_GTIDS:
	case EVENT_MARIADB_GTID_LIST:
		describe_set(w, out);
		break;
	default: /* a byte of the server: the line above says all */
		break;
	}
	dm_str_add_char(out, '\n');
}

static void expect_events(const char *binlog, const char *text)
{
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };

	walk_file(binlog, describe, &out);
	expect_file(text, &out);
}

static void events_of_mariadb_10_11_are_read(void **state)
{
	(void)state;
	expect_events("mariadb-events.binlog", "mariadb-events.txt");
}

static void events_of_mysql_9_7_are_read(void **state)
{
	(void)state;
	expect_events("mysql-events.binlog", "mysql-events.txt");
}

/* Events made by hand: a header in front of a body, and a right checksum behind it when asked for. */
static void make_event(struct dm_str *out, uint8_t type, uint16_t flags, const void *body,
	size_t len, bool has_sum)
{
	uint8_t header[BINLOG_HEADER_SIZE] = { 1, 2, 3, 4, type, 7 };
	uint32_t size = htole32((uint32_t)(sizeof(header) + len + (has_sum ? 4 : 0))), sum;

	memcpy(header + 9, &size, 4);
	header[17] = (uint8_t)flags;
	header[18] = (uint8_t)(flags >> 8);
	dm_str_clear(out);
	dm_str_add_bytes(out, header, sizeof(header));
	dm_str_add_bytes(out, body, len);
	if (!has_sum)
		return;
	sum = htole32((uint32_t)crc32(0, (const Bytef *)out->data, (uInt)out->len));
	dm_str_add_bytes(out, &sum, 4);
}

static const uint8_t *bytes_of(const struct dm_str *s)
{
	return (const uint8_t *)s->data;
}

static void a_header_is_read_field_by_field(void **state)
{
	static const uint8_t bytes[] = { 1, 0, 0, 0x80, 33, 2, 0, 0, 0x80, 19, 0, 0, 0, 3, 0, 0,
		0x80, 0x20, 0x01 };
	struct binlog_header h;

	(void)state;
	assert_int_equal(binlog_header_parse(bytes, sizeof(bytes), &h), 0);
	assert_true(h.timestamp == 0x80000001 && h.type == EVENT_GTID && h.server_id == 0x80000002);
	assert_true(h.size == 19 && h.end_pos == 0x80000003 && h.flags == 0x120);
	for (size_t cut = 0; cut < sizeof(bytes); cut++)
		assert_int_equal(binlog_header_parse(bytes, cut, &h), -EBADMSG);
}

static void a_size_below_the_header_is_refused(void **state)
{
	uint8_t bytes[BINLOG_HEADER_SIZE] = { 0 };
	struct binlog_header h;

	(void)state;
	bytes[9] = 18;
	assert_int_equal(binlog_header_parse(bytes, sizeof(bytes), &h), -EBADMSG);
	bytes[9] = 19;
	assert_int_equal(binlog_header_parse(bytes, sizeof(bytes), &h), 0);
}

static void every_flipped_bit_breaks_the_checksum(void **state)
{
	struct binlog_format f = { .is_known = true, .has_checksum = true };
	DM_CLEANUP(dm_str_done) struct dm_str e = { 0 };

	(void)state;
	make_event(&e, EVENT_XID, 0, "12345678", 8, true);
	assert_true(binlog_checksum_is_right(&f, bytes_of(&e), e.len));
	for (size_t bit = 0; bit < e.len * 8; bit++) {
		e.data[bit / 8] ^= (char)(1 << bit % 8);
		assert_false(binlog_checksum_is_right(&f, bytes_of(&e), e.len));
		e.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_false(binlog_checksum_is_right(&f, bytes_of(&e), 22));
	f.has_checksum = false;
	assert_true(binlog_checksum_is_right(&f, bytes_of(&e), 22));
}

static void the_in_use_flag_is_not_summed(void **state)
{
	struct binlog_format f = { .is_known = true, .has_checksum = true };
	DM_CLEANUP(dm_str_done) struct dm_str e = { 0 };

	(void)state;
	make_event(&e, EVENT_FORMAT_DESCRIPTION, BINLOG_FLAG_ARTIFICIAL, "1234567890", 10, true);
	e.data[17] |= BINLOG_FLAG_IN_USE;
	assert_true(binlog_checksum_is_right(&f, bytes_of(&e), e.len));
	e.data[18] ^= 1;
	assert_false(binlog_checksum_is_right(&f, bytes_of(&e), e.len));
	make_event(&e, EVENT_XID, 0, "12345678", 8, true);
	e.data[17] |= BINLOG_FLAG_IN_USE;
	assert_false(binlog_checksum_is_right(&f, bytes_of(&e), e.len));
}

static void a_body_lies_between_header_and_trailer(void **state)
{
	struct binlog_format f = { .is_known = true, .has_checksum = true };
	DM_CLEANUP(dm_str_done) struct dm_str e = { 0 };
	struct binlog_body body;

	(void)state;
	make_event(&e, EVENT_XID, 0, "12345678", 8, true);
	assert_int_equal(binlog_body(&f, bytes_of(&e), e.len, &body), 0);
	assert_int_equal(body.len, 8);
	assert_memory_equal(body.bytes, "12345678", 8);
	assert_int_equal(binlog_body(&f, bytes_of(&e), e.len - 1, &body), -EBADMSG);
	f.has_checksum = false;
	assert_int_equal(binlog_body(&f, bytes_of(&e), e.len, &body), 0);
	assert_int_equal(body.len, 12);
	f.has_checksum = true;
	make_event(&e, EVENT_STOP, 0, "", 0, false);
	assert_int_equal(binlog_body(&f, bytes_of(&e), e.len, &body), -EBADMSG);
}

/* The rotate event that starts a connection: the server sums it if the connection asked for sums. */
static void before_the_format_a_trailer_is_recognised(void **state)
{
	static const char rotate_body[] = "\4\0\0\0\0\0\0\0mysql-bin.000001";
	struct binlog_format nothing = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str e = { 0 };
	struct binlog_rotate rotate;
	struct binlog_body body;

	(void)state;
	for (int has_sum = 0; has_sum < 2; has_sum++) {
		make_event(&e, EVENT_ROTATE, BINLOG_FLAG_ARTIFICIAL, rotate_body,
			sizeof(rotate_body) - 1, has_sum);
		assert_true(binlog_checksum_is_right(&nothing, bytes_of(&e), e.len));
		assert_int_equal(binlog_body(&nothing, bytes_of(&e), e.len, &body), 0);
		assert_int_equal(binlog_rotate_parse(&body, &rotate), 0);
		assert_string_equal(rotate.name, "mysql-bin.000001");
		assert_int_equal(rotate.pos, 4);
	}
}

static int parse_rotate_name(const char *name, size_t len)
{
	DM_CLEANUP(dm_str_done) struct dm_str bytes = { 0 };
	struct binlog_body body;
	struct binlog_rotate rotate;

	dm_str_add_bytes(&bytes, "\4\0\0\0\0\0\0\0", 8);
	dm_str_add_bytes(&bytes, name, len);
	body = (struct binlog_body){ .bytes = bytes_of(&bytes), .len = bytes.len };
	return binlog_rotate_parse(&body, &rotate);
}

static void a_rotate_name_is_no_path(void **state)
{
	char name[256];

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_int_equal(parse_rotate_name("b.000001", 8), 0);
	assert_int_equal(parse_rotate_name("", 0), -EBADMSG);
	assert_int_equal(parse_rotate_name("../b.000001", 11), -EBADMSG);
	assert_int_equal(parse_rotate_name("b.000001\0/", 10), -EBADMSG);
	assert_int_equal(parse_rotate_name("b.0\0", 4), -EBADMSG);
	assert_int_equal(parse_rotate_name(name, 255), 0);
	assert_int_equal(parse_rotate_name(name, 256), -EBADMSG);
}

static int parse_format(const char *version, uint8_t algorithm, struct binlog_format *ret)
{
	DM_CLEANUP(dm_str_done) struct dm_str e = { 0 };
	uint8_t body[2 + 50 + 4 + 1 + 40 + 1] = { 4 };

	strncpy((char *)body + 2, version, 50);
	body[56] = 19;
	memset(body + 57, 9, 40);
	body[97] = algorithm;
	make_event(&e, EVENT_FORMAT_DESCRIPTION, 0, body, sizeof(body), true);
	return binlog_format_parse(bytes_of(&e), e.len, ret);
}

static void a_format_tells_its_checksum_by_version(void **state)
{
	struct binlog_format f = { 0 };

	(void)state;
	assert_int_equal(parse_format("5.7.44-log", 1, &f), 0);
	assert_true(f.is_known && f.has_checksum && f.post_header_count == 40);
	assert_int_equal(f.post_header[39], 9);
	assert_string_equal(f.server_version, "5.7.44-log");
	assert_int_equal(parse_format("8.0.36", 0, &f), 0);
	assert_true(!f.has_checksum && f.post_header_count == 40);
	assert_int_equal(parse_format("10.11.6-MariaDB", 1, &f), 0);
	assert_true(f.has_checksum);
	assert_int_equal(
		parse_format("5.5.62", 1, &f), 0); /* before checksums: all is post-headers */
	assert_true(!f.has_checksum && f.post_header_count == 45);
	assert_int_equal(parse_format("8.0.36", 2, &f), -EBADMSG);
	assert_int_equal(parse_format("8.0.36", 255, &f), -EBADMSG);
}

static const uint8_t query_status[] = { 0, 0, 0, 0, 4, 1, 0, 0, 0x20, 0, 0, 0, 0, 0, 2, 3, 's', 't',
	'd', 0, 3, 1, 0, 1, 0, 4, 8, 0, 9, 0, 10, 0, 5, 6, '+', '0', '3', ':', '3', '0', 6, 3, 's',
	't', 'd', 7, 1, 0, 8, 45, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 10, 1, 2, 3, 4, 11, 1, 'u', 2, 'h',
	'h', 12, 2, 'a', 0, 'b', 'b', 0, 12, 254, 13, 1, 2, 3, 16, 1, 17, 1, 2, 3, 4, 5, 6, 7, 8,
	18, 255, 0, 19, 1, 20, 1, 128, 1, 2, 3, 129, 1, 2, 3, 4, 5, 6, 7, 8, 130, 1, 2 };

static void make_query(struct dm_str *out, const void *status, size_t status_len, const char *text)
{
	uint8_t post[13] = { 9, 0, 0, 0, 1, 0, 0, 0, 2, 0x34, 0x12, (uint8_t)status_len,
		(uint8_t)(status_len >> 8) };

	dm_str_clear(out);
	dm_str_add_bytes(out, post, sizeof(post));
	dm_str_add_bytes(out, status, status_len);
	dm_str_add_bytes(out, "db", 3);
	dm_str_add(out, text);
}

static void all_status_variables_of_a_query_are_passed(void **state)
{
	struct binlog_format f = { .is_known = true };
	DM_CLEANUP(dm_str_done) struct dm_str bytes = { 0 };
	struct binlog_body body;
	struct binlog_query q;

	(void)state;
	make_query(&bytes, query_status, sizeof(query_status), "SELECT 1");
	body = (struct binlog_body){ .bytes = bytes_of(&bytes), .len = bytes.len };
	assert_int_equal(binlog_query_parse(EVENT_QUERY, &f, &body, &bytes, &q), 0);
	assert_true(q.thread_id == 9 && q.error_code == 0x1234);
	assert_true(q.has_foreign_key_checks_off && q.has_sql_mode && q.sql_mode == 0x200000);
	assert_true(
		q.charset_client == 8 && q.collation_connection == 9 && q.collation_server == 10);
	assert_int_equal(q.time_zone_len, 6);
	assert_memory_equal(q.time_zone, "+03:30", 6);
	assert_string_equal(q.schema, "db");
	assert_int_equal(q.text_len, 8);
	assert_memory_equal(q.text, "SELECT 1", 8);
}

/* Unless the last variable is passed rightly, a time zone behind it is not found. */
static void no_status_variable_shifts_the_next(void **state)
{
	struct binlog_format f = { .is_known = true };
	DM_CLEANUP(dm_str_done) struct dm_str bytes = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str status = { 0 };
	struct binlog_body body;
	struct binlog_query q;

	(void)state;
	dm_str_add_bytes(&status, query_status, sizeof(query_status));
	dm_str_add_bytes(&status, "\5\3UTC", 5);
	make_query(&bytes, status.data, status.len, "x");
	body = (struct binlog_body){ .bytes = bytes_of(&bytes), .len = bytes.len };
	assert_int_equal(binlog_query_parse(EVENT_QUERY, &f, &body, &bytes, &q), 0);
	assert_int_equal(q.time_zone_len, 3);
	assert_memory_equal(q.time_zone, "UTC", 3);
	/* Behind one that is not known nothing is believed. */
	make_query(&bytes, "\144\5\3UTC", 6, "x");
	body = (struct binlog_body){ .bytes = bytes_of(&bytes), .len = bytes.len };
	assert_int_equal(binlog_query_parse(EVENT_QUERY, &f, &body, &bytes, &q), 0);
	assert_null(q.time_zone);
	assert_int_equal(q.text_len, 1);
}

static void a_query_cut_before_its_text_is_refused(void **state)
{
	struct binlog_format f = { .is_known = true };
	DM_CLEANUP(dm_str_done) struct dm_str bytes = { 0 };
	struct binlog_query q;

	(void)state;
	make_query(&bytes, query_status, sizeof(query_status), "");
	for (size_t cut = 0; cut < bytes.len; cut++) {
		struct binlog_body body = { .bytes = bytes_of(&bytes), .len = cut };

		assert_int_equal(binlog_query_parse(EVENT_QUERY, &f, &body, &bytes, &q), -EBADMSG);
	}
	/* a status variable that reaches out of the status block */
	make_query(&bytes, "\1\1\2", 3, "SELECT 1");
	assert_int_equal(binlog_query_parse(EVENT_QUERY, &f,
				 &(struct binlog_body){ bytes_of(&bytes), bytes.len }, &bytes, &q),
		-EBADMSG);
}

static int unpack_query(
	const void *packed, size_t len, struct binlog_query *ret, struct dm_str *scratch)
{
	struct binlog_format f = { .is_known = true };
	DM_CLEANUP(dm_str_done) struct dm_str bytes = { 0 };
	struct binlog_body body;

	make_query(&bytes, "", 0, "");
	dm_str_add_bytes(&bytes, packed, len);
	body = (struct binlog_body){ .bytes = bytes_of(&bytes), .len = bytes.len };
	return binlog_query_parse(EVENT_MARIADB_QUERY_COMPRESSED, &f, &body, scratch, ret);
}

static void a_packed_query_must_be_as_long_as_it_says(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str scratch = { 0 };
	uint8_t packed[64] = { 0x81, 8 };
	uLongf len = sizeof(packed) - 2;
	struct binlog_query q;

	(void)state;
	assert_int_equal(compress(packed + 2, &len, (const Bytef *)"SELECT 1", 8), Z_OK);
	assert_int_equal(unpack_query(packed, 2 + len, &q, &scratch), 0);
	assert_int_equal(q.text_len, 8);
	assert_memory_equal(q.text, "SELECT 1", 8);
	packed[1] = 9;
	assert_int_equal(unpack_query(packed, 2 + len, &q, &scratch), -EBADMSG);
	packed[1] = 7;
	assert_int_equal(unpack_query(packed, 2 + len, &q, &scratch), -EBADMSG);
	packed[1] = 8;
	packed[0] = 0x91; /* another algorithm */
	assert_int_equal(unpack_query(packed, 2 + len, &q, &scratch), -EBADMSG);
	packed[0] = 0x01;
	assert_int_equal(unpack_query(packed, 2 + len, &q, &scratch), -EBADMSG);
	packed[0] = 0x81;
	for (size_t cut = 0; cut < 2 + len; cut++)
		assert_int_equal(unpack_query(packed, cut, &q, &scratch), -EBADMSG);
	/* 4 GiB promised by a few bytes: refused before anything is allocated */
	assert_int_equal(unpack_query("\x84\xff\xff\xff\xff\x78\x9c", 7, &q, &scratch), -EBADMSG);
	assert_true(scratch.cap < 1 << 20);
}

struct cut_state {
	struct dm_str scratch;
	unsigned int count;
};

/* Each body of real files, cut at every length: refused or read, never past its end (sanitizers look). */
static void cut_event(const struct binlog_walk *w, void *arg)
{
	struct cut_state *c = arg;

	for (size_t len = 0; len < w->body.len; len++) {
		DM_CLEANUP(gtid_set_freep) struct gtid_set *s = NULL;
		DM_CLEANUP(freep) uint8_t *exact = dm_alloc(len);
		struct binlog_body body = { .bytes = exact, .len = len };
		struct binlog_rotate rotate;
		struct binlog_query query;
		struct binlog_gtid gtid;

		memcpy(exact, w->body.bytes, len);
		if (w->header.type == EVENT_ROTATE)
			(void)binlog_rotate_parse(&body, &rotate);
		if (w->header.type == EVENT_QUERY ||
			w->header.type == EVENT_MARIADB_QUERY_COMPRESSED)
			(void)binlog_query_parse(
				w->header.type, w->format, &body, &c->scratch, &query);
		(void)binlog_gtid_parse(w->header.type, &w->header, &body, &gtid);
		(void)gtid_set_decode_mysql(&s, exact, len);
		c->count++;
	}
}

static void cut_events_are_never_read_past_their_end(void **state)
{
	struct cut_state c = { 0 };

	(void)state;
	walk_file("mariadb-events.binlog", cut_event, &c);
	walk_file("mysql-events.binlog", cut_event, &c);
	assert_true(c.count > 3000);
	dm_str_done(&c.scratch);
}

static void find_payload(const struct binlog_walk *w, void *arg)
{
	if (w->header.type == EVENT_TRANSACTION_PAYLOAD)
		dm_str_add_bytes(arg, w->body.bytes, w->body.len);
}

static int drain_payload(const void *bytes, size_t len, uint64_t max, unsigned int *ret_events)
{
	struct binlog_body body = { .bytes = bytes, .len = len };
	struct binlog_payload *p = NULL;
	const uint8_t *event;
	size_t event_len;
	int r = binlog_payload_open(&p, &body, max);

	*ret_events = 0;
	if (r != 0)
		return r;
	while ((r = binlog_payload_next(p, &event, &event_len)) == 1)
		++*ret_events;
	binlog_payload_free(p);
	return r;
}

static void a_payload_stops_at_its_bound(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str payload = { 0 };
	unsigned int count;

	(void)state;
	walk_file("mysql-events.binlog", find_payload, &payload);
	assert_int_equal(drain_payload(payload.data, payload.len, 255, &count), 0);
	assert_int_equal(count, 4);
	assert_int_equal(drain_payload(payload.data, payload.len, 254, &count), -EFBIG);
	assert_int_equal(count, 3);
	for (size_t cut = 0; cut < payload.len; cut++)
		assert_int_equal(drain_payload(payload.data, cut, 1 << 20, &count), -EBADMSG);
}

static void a_payload_may_be_unpacked(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str event = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str payload = { 0 };
	unsigned int count;

	(void)state;
	make_event(&event, EVENT_XID, 0, "12345678", 8, false);
	dm_str_add_bytes(&payload, "\2\3\xfc\xff\0\1\1\x36\0", 9); /* not packed, 2 x 27 bytes */
	dm_str_add_bytes(&payload, event.data, event.len);
	dm_str_add_bytes(&payload, event.data, event.len);
	assert_int_equal(drain_payload(payload.data, payload.len, 1 << 20, &count), 0);
	assert_int_equal(count, 2);
	payload.data[9 + 9]++; /* the first event says that it is longer */
	assert_int_equal(drain_payload(payload.data, payload.len, 1 << 20, &count), -EBADMSG);
	payload.data[9 + 9]--;
	assert_int_equal(drain_payload("\2\1\7\1\1\0\0", 7, 1 << 20, &count), -ENOTSUP);
	assert_int_equal(drain_payload("\2\1\0\1\1\1\0", 7, 1 << 20, &count), -EBADMSG);
}

static int parse_gtid(uint8_t type, const void *bytes, size_t len, struct binlog_gtid *ret)
{
	struct binlog_header h = { .type = type, .server_id = 11 };
	struct binlog_body body = { .bytes = bytes, .len = len };

	return binlog_gtid_parse(type, &h, &body, ret);
}

static void gtid_events_of_all_ages_are_read(void **state)
{
	uint8_t mysql[25] = { 0, 0xaa };
	struct binlog_gtid g;

	(void)state;
	mysql[17] = 5;
	assert_int_equal(
		parse_gtid(EVENT_GTID, mysql, 25, &g), 0); /* 5.6: nothing behind the number */
	assert_true(g.flavor == DM_FLAVOR_MYSQL && g.number == 5 && g.uuid[0] == 0xaa);
	assert_true(!g.is_anonymous && g.immediate_commit_us == 0);
	mysql[17] = 0;
	assert_int_equal(parse_gtid(EVENT_GTID, mysql, 25, &g), -EBADMSG);
	assert_int_equal(parse_gtid(EVENT_ANONYMOUS_GTID, mysql, 25, &g), 0);
	assert_true(g.is_anonymous);
	assert_int_equal(parse_gtid(EVENT_ANONYMOUS_GTID, mysql, 24, &g), -EBADMSG);
	/* MariaDB with a prepared XA transaction: the name behind the flags is passed over */
	assert_int_equal(parse_gtid(EVENT_MARIADB_GTID,
				 "\7\0\0\0\0\0\0\0\2\0\0\0\x40\1\0\0\0\2\0xy", 21, &g),
		0);
	assert_true(g.flavor == DM_FLAVOR_MARIADB && g.number == 7 && g.domain == 2);
	assert_true(g.server_id == 11 && !g.is_standalone);
	assert_int_equal(
		parse_gtid(EVENT_MARIADB_GTID, "\7\0\0\0\0\0\0\0\2\0\0\0", 12, &g), -EBADMSG);
	assert_int_equal(parse_gtid(EVENT_XID, "\7\0\0\0\0\0\0\0\2\0\0\0\0", 13, &g), -EINVAL);
}

static void an_anonymous_transaction_is_not_counted(void **state)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = gtid_set_new(DM_FLAVOR_MYSQL);
	struct binlog_gtid g = { .flavor = DM_FLAVOR_MYSQL, .is_anonymous = true, .number = 1 };

	(void)state;
	assert_int_equal(binlog_gtid_add(s, &g), 0);
	assert_true(gtid_set_is_empty(s));
	g.is_anonymous = false;
	assert_int_equal(binlog_gtid_add(s, &g), 0);
	assert_false(gtid_set_is_empty(s));
}

static void a_tagged_gtid_of_another_form_is_refused(void **state)
{
	/* version, size, last needed field; flags; UUID, one byte above 127; number 3; tag "ab" */
	uint8_t e[] = { 2, 29 << 1, 0, 0, 0, 2, 0x81, 2, 1 << 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 4, 12, 6, 4, 'a', 'b' };
	const size_t len = sizeof(e);
	struct binlog_gtid g;

	(void)state;
	/* 0x81 0x02: two bytes, (0x81 >> 2) | 2 << 6 */
	assert_int_equal(parse_gtid(EVENT_GTID_TAGGED, e, len, &g), 0);
	assert_true(g.uuid[0] == 0xa0 && g.uuid[1] == 1 && g.number == 3);
	assert_string_equal(g.tag, "ab");
	e[0] = 4;
	assert_int_equal(parse_gtid(EVENT_GTID_TAGGED, e, len, &g), -ENOTSUP);
	e[0] = 2;
	e[28] = '-';
	assert_int_equal(parse_gtid(EVENT_GTID_TAGGED, e, len, &g), -EBADMSG);
	e[28] = 'b';
	e[1] = 27 << 1;
	e[25] = 4; /* the number once more, instead of the tag */
	assert_int_equal(parse_gtid(EVENT_GTID_TAGGED, e, 27, &g), -EBADMSG);
	e[1] = 29 << 1;
	e[25] = 6;
	e[24] = 12 | 2; /* the number becomes negative */
	assert_int_equal(parse_gtid(EVENT_GTID_TAGGED, e, len, &g), -EBADMSG);
}

static void types_have_names_and_rows_are_known(void **state)
{
	unsigned int rows = 0;

	(void)state;
	assert_string_equal(binlog_event_name(EVENT_GTID_TAGGED), "GTID_TAGGED");
	assert_string_equal(binlog_event_name(0), "unknown");
	assert_string_equal(binlog_event_name(255), "unknown");
	assert_string_equal(binlog_event_name(100000), "unknown");
	for (unsigned int type = 0; type < 256; type++) {
		assert_int_equal(binlog_type_is_rows((uint8_t)type),
			strstr(binlog_event_name(type), "_ROWS") &&
				type != EVENT_MARIADB_ANNOTATE_ROWS);
		rows += binlog_type_is_compressed_rows((uint8_t)type);
	}
	assert_int_equal(rows, 6);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_of_mariadb_10_11_are_read),
		cmocka_unit_test(events_of_mysql_9_7_are_read),
		cmocka_unit_test(a_header_is_read_field_by_field),
		cmocka_unit_test(a_size_below_the_header_is_refused),
		cmocka_unit_test(every_flipped_bit_breaks_the_checksum),
		cmocka_unit_test(the_in_use_flag_is_not_summed),
		cmocka_unit_test(a_body_lies_between_header_and_trailer),
		cmocka_unit_test(before_the_format_a_trailer_is_recognised),
		cmocka_unit_test(a_rotate_name_is_no_path),
		cmocka_unit_test(a_format_tells_its_checksum_by_version),
		cmocka_unit_test(all_status_variables_of_a_query_are_passed),
		cmocka_unit_test(no_status_variable_shifts_the_next),
		cmocka_unit_test(a_query_cut_before_its_text_is_refused),
		cmocka_unit_test(a_packed_query_must_be_as_long_as_it_says),
		cmocka_unit_test(cut_events_are_never_read_past_their_end),
		cmocka_unit_test(a_payload_stops_at_its_bound),
		cmocka_unit_test(a_payload_may_be_unpacked),
		cmocka_unit_test(gtid_events_of_all_ages_are_read),
		cmocka_unit_test(an_anonymous_transaction_is_not_counted),
		cmocka_unit_test(a_tagged_gtid_of_another_form_is_refused),
		cmocka_unit_test(types_have_names_and_rows_are_known),
	};

	return test_main(argc, argv, "binlog", tests);
}
