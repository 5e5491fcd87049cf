/* test-relay-recover.c - whatever a crash leaves behind, what stays is a right beginning of it, and readers see just that. */
#include "test.h"

#include "dm/file.h"
#include "relay-make.h"
#include "relay-recover.h"

enum { EVENTS_MAX = 16 };

static const char sub[] = "0-11.000001";

struct made_binlog {
	struct dm_str bytes;
	size_t ends[EVENTS_MAX]; /* of each event */
	size_t count;
};

static void note_end(struct made_binlog *b)
{
	b->ends[b->count++] = b->bytes.len;
}

/* Two transactions, and a rotate event if there is a next file. */
static void make_binlog(struct made_binlog *b, uint64_t first, const char *next)
{
	*b = (struct made_binlog){ 0 };
	make_start(&b->bytes, 0);
	note_end(b);
	for (uint64_t i = first; i < first + 2; i++) {
		make_mariadb_gtid(&b->bytes, 0, i, 0);
		note_end(b);
		make_query(&b->bytes, "insert into t values (1)");
		note_end(b);
		make_xid(&b->bytes, i);
		note_end(b);
	}
	if (next) {
		make_rotate(&b->bytes, next, 4, true);
		note_end(b);
	}
}

static size_t end_before(const struct made_binlog *b, size_t len)
{
	size_t end = 0;

	for (size_t i = 0; i < b->count && b->ends[i] <= len; i++)
		end = b->ends[i];
	return end;
}

static char *path_of(const char *dir, const char *name)
{
	return dm_format("%s/%s/%s", dir, sub, name);
}

static char *start_dir(void)
{
	char *dir = make_dir();
	DM_CLEANUP(freep) char *path = dm_format("%s/%s", dir, sub);
	DM_CLEANUP(freep) char *index = dm_format("%s/server-uuid.index", dir);

	assert_int_equal(mkdir(path, 0744), 0);
	make_file(index, "0-11.000001\n", 12);
	return dir;
}

static void put(const char *dir, const char *name, const void *bytes, size_t len)
{
	DM_CLEANUP(freep) char *path = path_of(dir, name);

	make_file(path, bytes, len);
}

static void put_meta(const char *dir, const char *name, uint64_t pos)
{
	DM_CLEANUP(freep)
	char *text = dm_format("binlog-name = \"%s\"\nbinlog-pos = %llu\nbinlog-gtid = \"\"\n",
		name, (unsigned long long)pos);

	put(dir, "relay.meta", text, strlen(text));
}

/* All events that a cursor gives from `name`:4 on must be those of the first `want` bytes. */
static void expect_cursor(struct relay *r, const char *name, const void *bytes, size_t want)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct binlog_position from = { .pos = 4 };
	struct relay_cursor *c;
	struct relay_event event;
	struct dm_stop stop;
	size_t at = 4;

	assert_int_equal(dm_stop_init(&stop), 0);
	binlog_position_set(&from, name, 4);
	assert_int_equal(relay_cursor_open(&c, r, &from, &err), 0);
	while (relay_cursor_next(c, &stop, 0, &event, &err) == RELAY_READ_EVENT) {
		assert_true(at + event.len <= want);
		assert_memory_equal(event.bytes, (const uint8_t *)bytes + at, event.len);
		assert_int_equal(event.start.pos, at);
		at += event.len;
		assert_int_equal(event.end.pos, at);
	}
	assert_false(dm_error_is_set(&err));
	assert_int_equal(at, want > 4 ? want : 4);
	relay_cursor_free(c);
	dm_stop_done(&stop);
}

/* One file with these bytes: after recovery it has `want` of them (0: it is gone). */
static void expect_one(const void *bytes, size_t len, const void *right, size_t want)
{
	DM_CLEANUP(freep) char *dir = start_dir();
	DM_CLEANUP(freep) char *path = path_of(dir, "bin.000003");
	struct made_relay m;
	struct relay_status s;

	put(dir, "bin.000003", bytes, len);
	put_meta(dir, "bin.000003", 4);
	made_relay_open(&m, dir);
	made_relay_verify(&m);
	assert_int_equal(size_of_file(path), want == 0 ? UINT64_MAX : want);
	relay_status(m.relay, &s);
	assert_string_equal(s.received.name, "bin.000003");
	assert_int_equal(s.received.pos, want == 0 ? 4 : want);
	relay_status_done(&s);
	expect_cursor(m.relay, "bin.000003", right, want);
	made_relay_close(&m);
	remove_tree(dir);
}

static void a_file_cut_anywhere_keeps_its_whole_events(void **state)
{
	struct made_binlog b;

	(void)state;
	make_binlog(&b, 1, NULL);
	for (size_t len = 0; len <= b.bytes.len; len++)
		expect_one(b.bytes.data, len, b.bytes.data, end_before(&b, len));
	dm_str_done(&b.bytes);
}

static void a_wrong_byte_anywhere_ends_the_file_before_its_event(void **state)
{
	enum { FLAGS_OF_FORMAT = 4 + 17 };
	struct made_binlog b;

	(void)state;
	make_binlog(&b, 1, NULL);
	for (size_t at = 0; at < b.bytes.len; at++) {
		DM_CLEANUP(freep) char *copy = dm_strndup(b.bytes.data, b.bytes.len);

		copy[at] = (char)(copy[at] ^ (at == FLAGS_OF_FORMAT ? 0x40 : 0x21));
		expect_one(copy, b.bytes.len, b.bytes.data, end_before(&b, at));
	}
	dm_str_done(&b.bytes);
}

static void a_hole_or_garbage_behind_the_end_is_cut(void **state)
{
	uint8_t tail[3000];
	struct made_binlog b;

	(void)state;
	make_binlog(&b, 1, NULL);
	for (int fill = 0; fill < 256; fill += 85) {
		DM_CLEANUP(dm_str_done) struct dm_str all = { 0 };

		memset(tail, fill, sizeof(tail));
		dm_str_add_bytes(&all, b.bytes.data, b.bytes.len);
		dm_str_add_bytes(&all, tail, sizeof(tail));
		expect_one(all.data, all.len, b.bytes.data, b.bytes.len);
	}
	dm_str_done(&b.bytes);
}

/* Each event is right in itself, but one between them is lost. */
static void a_file_with_a_lost_event_ends_before_it(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str copy = { 0 };
	struct made_binlog b;

	(void)state;
	make_binlog(&b, 1, NULL);
	dm_str_add_bytes(&copy, b.bytes.data, b.ends[2]);
	dm_str_add_bytes(&copy, b.bytes.data + b.ends[3], b.bytes.len - b.ends[3]);
	expect_one(copy.data, copy.len, b.bytes.data, b.ends[2]);
	dm_str_done(&b.bytes);
}

/* ---- several files ---- */

struct three {
	char *dir;
	struct made_binlog files[3];
};
static const char *const names[] = { "bin.000003", "bin.000004", "bin.000005" };

static void three_start(struct three *t)
{
	t->dir = start_dir();
	for (size_t i = 0; i < 3; i++) {
		make_binlog(&t->files[i], 1 + 2 * i, i < 2 ? names[i + 1] : NULL);
		put(t->dir, names[i], t->files[i].bytes.data, t->files[i].bytes.len);
	}
}

static void three_end(struct three *t)
{
	for (size_t i = 0; i < 3; i++)
		dm_str_done(&t->files[i].bytes);
	remove_tree(t->dir);
	free(t->dir);
}

static void recover(
	struct three *t, const char *meta_name, uint64_t meta_pos, struct relay_recovery *ret)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/%s", t->dir, sub);
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct relay_meta meta;

	relay_meta_init(&meta);
	if (meta_name)
		binlog_position_set(&meta.position, meta_name, meta_pos);
	assert_int_equal(relay_recover(path, meta_name ? &meta : NULL, NULL, NULL, ret, &err), 0);
	relay_meta_done(&meta);
}

static void expect_files(const struct three *t, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t want[] = { a, b, c };

	for (size_t i = 0; i < 3; i++) {
		DM_CLEANUP(freep) char *path = path_of(t->dir, names[i]);

		assert_int_equal(size_of_file(path), want[i]);
	}
}

static void whole_files_are_left_alone(void **state)
{
	struct relay_recovery rec;
	struct three t;

	(void)state;
	three_start(&t);
	recover(&t, names[0], 4, &rec);
	expect_files(&t, t.files[0].bytes.len, t.files[1].bytes.len, t.files[2].bytes.len);
	assert_string_equal(rec.file.name, names[2]);
	assert_int_equal(rec.file.pos, t.files[2].bytes.len);
	assert_int_equal(rec.last_start, t.files[2].ends[t.files[2].count - 2]);
	assert_string_equal(rec.next.name, names[2]);
	assert_int_equal(rec.cut_bytes + rec.removed_files, 0);
	{
		DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

		gtid_set_text(rec.gtids.set, &text);
		assert_string_equal(dm_str_get(&text), "0-11-6");
	}
	relay_recovery_done(&rec);
	three_end(&t);
}

static void files_behind_a_torn_one_are_fetched_again(void **state)
{
	DM_CLEANUP(freep) char *path = NULL;
	struct relay_recovery rec;
	struct three t;

	(void)state;
	three_start(&t);
	path = path_of(t.dir, names[0]);
	assert_int_equal(truncate(path, (off_t)t.files[0].ends[3] + 5), 0);
	recover(&t, names[0], 4, &rec);
	expect_files(&t, t.files[0].ends[3], UINT64_MAX, UINT64_MAX);
	assert_string_equal(rec.next.name, names[0]);
	assert_int_equal(rec.next.pos, t.files[0].ends[3]);
	assert_int_equal(rec.removed_files, 2);
	relay_recovery_done(&rec);
	three_end(&t);
}

static void several_torn_last_files_go_back_to_the_last_right_one(void **state)
{
	struct relay_recovery rec;
	struct three t;

	(void)state;
	three_start(&t);
	put(t.dir, names[1], "", 0);
	put(t.dir, names[2],
		"\xfe"
		"bi",
		3);
	recover(&t, names[2], 4, &rec);
	expect_files(&t, t.files[0].bytes.len, UINT64_MAX, UINT64_MAX);
	assert_string_equal(rec.file.name, names[0]);
	assert_string_equal(rec.next.name, names[1]); /* as its rotate event says */
	assert_int_equal(rec.next.pos, 4);
	relay_recovery_done(&rec);
	three_end(&t);
}

static void a_directory_without_meta_goes_on_at_its_end(void **state)
{
	struct relay_recovery rec;
	struct three t;

	(void)state;
	three_start(&t);
	recover(&t, NULL, 0, &rec);
	assert_string_equal(rec.next.name, names[2]);
	assert_int_equal(rec.next.pos, t.files[2].bytes.len);
	relay_recovery_done(&rec);
	three_end(&t);
}

static void meta_ahead_of_the_files_is_not_believed(void **state)
{
	struct relay_recovery rec;
	struct three t;

	(void)state;
	three_start(&t);
	recover(&t, "bin.000009", 777, &rec);
	assert_string_equal(rec.next.name, names[2]);
	assert_int_equal(rec.next.pos, t.files[2].bytes.len);
	relay_recovery_done(&rec);
	three_end(&t);
}

/* DM's recipe for a file that must be fetched again: relay.meta at its start, the file deleted. */
static void a_deleted_file_in_the_middle_is_where_it_goes_on(void **state)
{
	DM_CLEANUP(freep) char *path = NULL;
	struct relay_recovery rec;
	struct three t;

	(void)state;
	three_start(&t);
	path = path_of(t.dir, names[1]);
	assert_int_equal(unlink(path), 0);
	recover(&t, names[1], 4, &rec);
	expect_files(&t, t.files[0].bytes.len, UINT64_MAX, UINT64_MAX);
	assert_string_equal(rec.next.name, names[1]);
	assert_int_equal(rec.next.pos, 4);
	relay_recovery_done(&rec);
	three_end(&t);
}

static void an_empty_directory_goes_on_where_meta_says(void **state)
{
	struct relay_recovery rec;
	struct three t;

	(void)state;
	three_start(&t);
	for (size_t i = 0; i < 3; i++) {
		DM_CLEANUP(freep) char *path = path_of(t.dir, names[i]);

		assert_int_equal(unlink(path), 0);
	}
	recover(&t, names[1], 345, &rec);
	assert_string_equal(rec.file.name, "");
	assert_string_equal(rec.next.name, names[1]);
	assert_int_equal(rec.next.pos, 4); /* files are fetched whole */
	relay_recovery_done(&rec);
	three_end(&t);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_cut_anywhere_keeps_its_whole_events),
		cmocka_unit_test(a_wrong_byte_anywhere_ends_the_file_before_its_event),
		cmocka_unit_test(a_hole_or_garbage_behind_the_end_is_cut),
		cmocka_unit_test(a_file_with_a_lost_event_ends_before_it),
		cmocka_unit_test(whole_files_are_left_alone),
		cmocka_unit_test(files_behind_a_torn_one_are_fetched_again),
		cmocka_unit_test(several_torn_last_files_go_back_to_the_last_right_one),
		cmocka_unit_test(a_directory_without_meta_goes_on_at_its_end),
		cmocka_unit_test(meta_ahead_of_the_files_is_not_believed),
		cmocka_unit_test(a_deleted_file_in_the_middle_is_where_it_goes_on),
		cmocka_unit_test(an_empty_directory_goes_on_where_meta_says),
	};

	return test_main(argc, argv, "relay-recover", tests);
}
