/* test-relay-receive.c - what comes over the stream is verified and written, compared, or refused with both places named. */
#include "test.h"

#include "dm/file.h"
#include "relay-make.h"
#include "relay-recover.h"
#include "relay-run.h"

static const char sub[] = "0-11.000001";

struct stream { /* a relay that waits for events at (bin.000003, 4) */
	struct made_relay m;
	char *dir;
	struct relay_run run;
	struct dm_error err;
};

static void stream_start(struct stream *s)
{
	DM_CLEANUP(freep) char *path = NULL;

	*s = (struct stream){ .dir = make_dir() };
	path = dm_format("%s/%s", s->dir, sub);
	made_relay_open(&s->m, s->dir);
	assert_int_equal(relay_keep_start(s->m.relay), 0);
	assert_int_equal(mkdir(path, 0744), 0);
	s->run = (struct relay_run){ .relay = s->m.relay,
		.file = RELAY_FILE_NULL,
		.sub = { .name = "0-11.000001", .suffix = 1 } };
	binlog_position_set(&s->run.at, "bin.000003", 4);
}

static void stream_end(struct stream *s)
{
	relay_close_file(&s->run);
	relay_gtids_done(&s->run.gtids);
	s->m.relay->status.stage = STAGE_STOPPED; /* it was never started */
	made_relay_close(&s->m);
	dm_error_done(&s->err);
	remove_tree(s->dir);
	free(s->dir);
}

/* Sends the events that lie in bytes [from, to) of a file's text. */
static int send_bytes(struct stream *s, const char *bytes, size_t from, size_t to)
{
	while (from < to) {
		struct binlog_header h;

		assert_int_equal(
			binlog_header_parse((const uint8_t *)bytes + from, to - from, &h), 0);
		if (relay_take_event(&s->run, (const uint8_t *)bytes + from, h.size, &s->err) != 0)
			return -1;
		from += h.size;
	}
	return 0;
}

static int send_file(struct stream *s, const struct dm_str *file)
{
	return send_bytes(s, file->data, BINLOG_MAGIC_SIZE, file->len);
}

/* What opens every connection. */
static void send_opening(struct stream *s, const char *name, uint64_t pos)
{
	DM_CLEANUP(dm_str_done) struct dm_str e = { 0 };

	make_rotate(&e, name, pos, false);
	assert_int_equal(send_bytes(s, e.data, 0, e.len), 0);
}

static void reconnect(struct stream *s, uint64_t pos)
{
	relay_disconnect(&s->run);
	binlog_position_set(&s->run.at, s->run.at.name, pos);
	send_opening(s, s->run.at.name, pos);
}

static void make_small(struct dm_str *file, const char *text)
{
	make_start(file, 0);
	make_mariadb_gtid(file, 0, 1, 0);
	make_query(file, text);
	make_xid(file, 1);
}

static void expect_file(struct stream *s, const char *name, const struct dm_str *want)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/%s/%s", s->dir, sub, name);
	DM_CLEANUP(dm_str_done) struct dm_str got = { 0 };

	assert_int_equal(dm_file_read(path, 1 << 20, &got), 0);
	assert_int_equal(got.len, want->len);
	assert_memory_equal(dm_str_get(&got), dm_str_get(want), want->len);
}

static void publish(struct stream *s)
{
	assert_int_equal(relay_publish(&s->run, &s->err), 0);
}

static void a_file_equals_what_was_sent(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str file = { 0 };
	struct relay_status status;
	struct stream s;

	(void)state;
	make_small(&file, "insert 1");
	stream_start(&s);
	send_opening(&s, "bin.000003", 4);
	assert_int_equal(send_file(&s, &file), 0);
	publish(&s);
	expect_file(&s, "bin.000003", &file);
	relay_status(s.m.relay, &status);
	assert_string_equal(status.received.name, "bin.000003");
	assert_int_equal(status.received.pos, file.len);
	assert_int_equal(status.events, 4);
	assert_int_equal(status.last_event_timestamp, MAKE_TIMESTAMP);
	relay_status_done(&status);
	stream_end(&s);
}

static void a_rotate_event_leads_into_the_next_file(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 }, b = { 0 };
	struct stream s;

	(void)state;
	make_small(&a, "insert 1");
	make_rotate(&a, "bin.000004", 4, true);
	make_small(&b, "insert 2");
	stream_start(&s);
	send_opening(&s, "bin.000003", 4);
	assert_int_equal(send_file(&s, &a), 0);
	send_opening(&s, "bin.000004", 4); /* the servers repeat it */
	assert_int_equal(send_file(&s, &b), 0);
	publish(&s);
	expect_file(&s, "bin.000003", &a);
	expect_file(&s, "bin.000004", &b);
	stream_end(&s);
}

/* An upstream that was killed leaves no rotate event. */
static void a_fake_rotate_event_alone_leads_into_the_next_file(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 }, b = { 0 };
	struct stream s;

	(void)state;
	make_small(&a, "insert 1");
	make_small(&b, "insert 2");
	stream_start(&s);
	send_opening(&s, "bin.000003", 4);
	assert_int_equal(send_file(&s, &a), 0);
	send_opening(&s, "bin.000004", 4);
	assert_int_equal(send_file(&s, &b), 0);
	publish(&s);
	expect_file(&s, "bin.000003", &a);
	expect_file(&s, "bin.000004", &b);
	stream_end(&s);
}

static void what_is_in_no_file_is_not_written(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str file = { 0 }, extra = { 0 };
	struct stream s;

	(void)state;
	make_small(&file, "insert 1");
	make_event(&extra, EVENT_HEARTBEAT, 0, "bin.000003", 10, true);
	make_event(&extra, EVENT_HEARTBEAT_V2, 0, "bin.000003", 10, false);
	make_event(&extra, EVENT_MARIADB_GTID_LIST, BINLOG_FLAG_ARTIFICIAL, "\0\0\0\0", 4, false);
	make_event(&extra, EVENT_MARIADB_START_ENCRYPTION, 0, "\1\0\0\0\1nonce-12-byte", 17, false);
	stream_start(&s);
	send_opening(&s, "bin.000003", 4);
	assert_int_equal(send_file(&s, &file), 0);
	assert_int_equal(send_bytes(&s, extra.data, 0, extra.len), 0);
	publish(&s);
	expect_file(&s, "bin.000003", &file);
	stream_end(&s);
}

static void expect_refusal(
	struct stream *s, enum dm_code code, enum relay_end end, const char *words)
{
	assert_int_equal(s->err.code, code);
	assert_int_equal(s->run.end, end);
	if (!strstr(s->err.message, words))
		fail_msg("no \"%s\" in: %s", words, s->err.message);
}

static void every_wrong_bit_is_refused_before_it_is_written(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str file = { 0 };

	(void)state;
	make_small(&file, "insert 1");
	for (size_t at = BINLOG_MAGIC_SIZE; at < file.len; at++) {
		DM_CLEANUP(freep) char *path = NULL;
		struct stream s;
		struct dm_str copy = { .data = dm_strndup(file.data, file.len), .len = file.len };
		size_t from = BINLOG_MAGIC_SIZE, kept = 0;
		bool is_refused = false;

		copy.data[at] ^= at == 21 || at == 22
					 ? 0x40
					 : 0x01; /* in-use is not summed, artificial skips */
		stream_start(&s);
		path = dm_format("%s/%s/bin.000003", s.dir, sub);
		send_opening(&s, "bin.000003", 4);
		while (from < file.len && !is_refused) {
			struct binlog_header h;

			(void)binlog_header_parse((uint8_t *)file.data + from, 19, &h);
			is_refused = relay_take_event(&s.run, (uint8_t *)copy.data + from, h.size,
					     &s.err) != 0;
			if (!is_refused)
				kept = from + h.size;
			from += h.size;
		}
		(void)relay_publish(&s.run, &s.err);
		if (!is_refused) /* it looked like a heartbeat, or like an event in no file: not written then */
			assert_true(size_of_file(path) < file.len);
		else if (kept > 0)
			assert_int_equal(size_of_file(path), kept);
		free(copy.data);
		stream_end(&s);
	}
}

static void a_hole_in_the_stream_is_refused_with_both_places(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str file = { 0 };
	struct stream s;
	size_t second;

	(void)state;
	make_start(&file, 0);
	second = file.len;
	make_small(&file, "insert 1"); /* only for its length */
	make_xid(&file, 7);
	stream_start(&s);
	send_opening(&s, "bin.000003", 4);
	assert_int_equal(send_bytes(&s, file.data, BINLOG_MAGIC_SIZE, second), 0);
	assert_int_equal(send_bytes(&s, file.data, file.len - 31, file.len), -1);
	expect_refusal(&s, DM_ERR_RELAY_GAP, RELAY_END_PERSON, "(bin.000003, 125)");
	stream_end(&s);
}

static void a_jump_over_a_file_is_refused(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str file = { 0 }, rotate = { 0 };
	struct stream s;

	(void)state;
	make_small(&file, "insert 1");
	make_rotate(&rotate, "bin.000005", 4, false);
	stream_start(&s);
	send_opening(&s, "bin.000003", 4);
	assert_int_equal(send_file(&s, &file), 0);
	assert_int_equal(send_bytes(&s, rotate.data, 0, rotate.len), -1);
	expect_refusal(&s, DM_ERR_RELAY_GAP, RELAY_END_PERSON, "(bin.000005, 4)");
	stream_end(&s);
}

static void another_place_than_asked_for_is_refused(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str rotate = { 0 };
	struct stream s;

	(void)state;
	make_rotate(&rotate, "bin.000001", 4, false);
	stream_start(&s);
	assert_int_equal(send_bytes(&s, rotate.data, 0, rotate.len), -1);
	expect_refusal(&s, DM_ERR_RELAY_GAP, RELAY_END_PERSON, "(bin.000001, 4)");
	stream_end(&s);
}

static void a_repeated_event_is_compared_and_not_written_twice(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str file = { 0 };
	struct stream s;
	size_t last, end;

	(void)state;
	make_small(&file, "insert 1");
	end = file.len;
	last = end - 31; /* the xid event */
	make_query(&file, "insert 2");
	stream_start(&s);
	send_opening(&s, "bin.000003", 4);
	assert_int_equal(send_bytes(&s, file.data, BINLOG_MAGIC_SIZE, end), 0);
	publish(&s);
	reconnect(&s, last);
	/* The copy of the format event that a start in the middle gets; only its end_pos differs. */
	{
		DM_CLEANUP(dm_str_done) struct dm_str body = { 0 }, copy = { 0 };

		make_format_body(&body, 0);
		make_event(&copy, EVENT_FORMAT_DESCRIPTION, 0, body.data, body.len, false);
		assert_int_equal(send_bytes(&s, copy.data, 0, copy.len), 0);
	}
	assert_int_equal(send_bytes(&s, file.data, last, file.len), 0);
	publish(&s);
	expect_file(&s, "bin.000003", &file);
	stream_end(&s);
}

static void another_history_under_the_same_name_is_noticed(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str ours = { 0 }, theirs = { 0 };
	struct stream s;

	(void)state;
	make_small(&ours, "insert 1");
	make_small(&theirs, "insert 2");
	make_query(&theirs, "insert 3");
	stream_start(&s);
	send_opening(&s, "bin.000003", 4);
	assert_int_equal(send_file(&s, &ours), 0);
	publish(&s);
	reconnect(&s, BINLOG_MAGIC_SIZE);
	assert_int_equal(send_file(&s, &theirs), -1);
	expect_refusal(
		&s, DM_ERR_RELAY_UPSTREAM_CHANGED, RELAY_END_PERSON, "the bytes differ at 167");
	publish(&s);
	expect_file(&s, "bin.000003", &ours);
	stream_end(&s);
}

static void another_format_event_is_noticed_at_once(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str ours = { 0 }, body = { 0 }, copy = { 0 };
	struct stream s;

	(void)state;
	make_small(&ours, "insert 1");
	make_format_body(&body, 0);
	body.data[3] = '9'; /* "19.11.6": a newer server wrote that file */
	make_event(&copy, EVENT_FORMAT_DESCRIPTION, 0, body.data, body.len, false);
	stream_start(&s);
	send_opening(&s, "bin.000003", 4);
	assert_int_equal(send_file(&s, &ours), 0);
	publish(&s);
	reconnect(&s, ours.len - 31);
	assert_int_equal(send_bytes(&s, copy.data, 0, copy.len), -1);
	expect_refusal(&s, DM_ERR_RELAY_UPSTREAM_CHANGED, RELAY_END_PERSON, "format events differ");
	stream_end(&s);
}

static void a_file_that_ends_earlier_at_the_upstream_is_noticed(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str ours = { 0 }, rotate = { 0 };
	struct stream s;

	(void)state;
	make_small(&ours, "insert 1");
	make_rotate(&rotate, "bin.000004", 4, false);
	stream_start(&s);
	send_opening(&s, "bin.000003", 4);
	assert_int_equal(send_file(&s, &ours), 0);
	publish(&s);
	reconnect(&s, BINLOG_MAGIC_SIZE);
	assert_int_equal(send_bytes(&s, ours.data, BINLOG_MAGIC_SIZE, ours.len - 31), 0);
	assert_int_equal(send_bytes(&s, rotate.data, 0, rotate.len), -1);
	expect_refusal(&s, DM_ERR_RELAY_UPSTREAM_CHANGED, RELAY_END_PERSON, "it ends");
	stream_end(&s);
}

static void a_nearly_full_disk_stops_before_the_reserve(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str file = { 0 };
	DM_CLEANUP(freep) char *path = NULL;
	struct stream s;

	(void)state;
	make_small(&file, "insert 1");
	stream_start(&s);
	path = dm_format("%s/%s/bin.000003", s.dir, sub);
	s.m.relay->space_reserve = UINT64_MAX / 2; /* no disk has that */
	send_opening(&s, "bin.000003", 4);
	assert_int_equal(send_file(&s, &file), -1);
	expect_refusal(&s, DM_ERR_RELAY_NO_ROOM, RELAY_END_DISK, "goes on by itself");
	assert_int_equal(size_of_file(path), UINT64_MAX);
	stream_end(&s);
}

static void gtids_are_followed_when_asked_for(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str file = { 0 }, text = { 0 };
	struct stream s;

	(void)state;
	make_small(&file, "insert 1");
	make_mariadb_gtid(&file, 0, 2, 1); /* a statement alone */
	make_query(&file, "create table t (a int)");
	make_mariadb_gtid(&file, 0, 3, 0);
	make_query(&file, "insert 2");
	stream_start(&s);
	s.run.settings.enable_gtid = true;
	send_opening(&s, "bin.000003", 4);
	assert_int_equal(send_file(&s, &file), 0);
	gtid_set_text(s.run.gtids.set, &text);
	assert_string_equal(text.data, "0-11-2"); /* 3 has not ended */
	stream_end(&s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_equals_what_was_sent),
		cmocka_unit_test(a_rotate_event_leads_into_the_next_file),
		cmocka_unit_test(a_fake_rotate_event_alone_leads_into_the_next_file),
		cmocka_unit_test(what_is_in_no_file_is_not_written),
		cmocka_unit_test(every_wrong_bit_is_refused_before_it_is_written),
		cmocka_unit_test(a_hole_in_the_stream_is_refused_with_both_places),
		cmocka_unit_test(a_jump_over_a_file_is_refused),
		cmocka_unit_test(another_place_than_asked_for_is_refused),
		cmocka_unit_test(a_repeated_event_is_compared_and_not_written_twice),
		cmocka_unit_test(another_history_under_the_same_name_is_noticed),
		cmocka_unit_test(another_format_event_is_noticed_at_once),
		cmocka_unit_test(a_file_that_ends_earlier_at_the_upstream_is_noticed),
		cmocka_unit_test(a_nearly_full_disk_stops_before_the_reserve),
		cmocka_unit_test(gtids_are_followed_when_asked_for),
	};

	return test_main(argc, argv, "relay-receive", tests);
}
