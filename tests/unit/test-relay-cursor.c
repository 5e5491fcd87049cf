/* test-relay-cursor.c - readers follow the writer over files and sub-directories, and need what they read. */
#include "test.h"

#include "relay-make.h"

enum { FORMAT_END = 125, XID_SIZE = 31, ROTATE_SIZE = 41 };

static const char sub[] = "0-11.000001";

struct reading {
	struct made_relay m;
	char *dir;
	struct dm_stop stop;
	struct relay_cursor *cursor;
	struct dm_error err;
	struct relay_event event;
};

static void put_file(
	struct reading *t, const char *sub_dir, const char *name, const struct dm_str *bytes)
{
	DM_CLEANUP(freep) char *dir = dm_format("%s/%s", t->dir, sub_dir);
	DM_CLEANUP(freep) char *path = dm_format("%s/%s", dir, name);

	assert_true(mkdir(dir, 0744) == 0 || access(dir, F_OK) == 0);
	make_file(path, bytes->data, bytes->len);
}

static void make_small(struct dm_str *s, const char *text, const char *next)
{
	make_start(s, 0);
	make_query(s, text);
	make_xid(s, 1);
	if (next)
		make_rotate(s, next, 4, true);
}

static void reading_start(struct reading *t)
{
	*t = (struct reading){ .dir = make_dir() };
	assert_int_equal(dm_stop_init(&t->stop), 0);
}

static void put_index(struct reading *t, const char *text)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/server-uuid.index", t->dir);

	make_file(path, text, strlen(text));
}

static void open_relay(struct reading *t)
{
	made_relay_open(&t->m, t->dir);
	made_relay_verify(&t->m);
}

static int open_cursor(struct reading *t, const char *name, uint64_t pos)
{
	struct binlog_position from = { 0 };

	binlog_position_set(&from, name, pos);
	return relay_cursor_open(&t->cursor, t->m.relay, &from, &t->err);
}

static void reading_end(struct reading *t)
{
	relay_cursor_free(t->cursor);
	made_relay_close(&t->m);
	dm_stop_done(&t->stop);
	dm_error_done(&t->err);
	remove_tree(t->dir);
	free(t->dir);
}

static enum relay_read next(struct reading *t, int timeout_ms)
{
	return relay_cursor_next(t->cursor, &t->stop, timeout_ms, &t->event, &t->err);
}

static void expect_event(
	struct reading *t, uint8_t type, const char *name, uint64_t start, uint64_t end)
{
	enum relay_read r = next(t, 2000);

	if (r == RELAY_READ_FAILED)
		fail_msg("%s", t->err.message);
	assert_int_equal(r, RELAY_READ_EVENT);
	assert_int_equal(t->event.header.type, type);
	assert_string_equal(t->event.start.name, name);
	assert_string_equal(t->event.end.name, name);
	assert_int_equal(t->event.start.pos, start);
	assert_int_equal(t->event.end.pos, end);
}

/* The writer wrote up to there; a stand-in for the relay thread. */
static void say_written(struct reading *t, unsigned int suffix, const char *name, uint64_t pos)
{
	struct relay *r = t->m.relay;
	struct binlog_position p = { 0 };

	binlog_position_set(&p, name, pos);
	dm_lock_take(&r->lock);
	r->written = (struct relay_written){ true, suffix, p };
	relay_cursors_wake(r);
	dm_lock_drop(&r->lock);
}

static void files_are_followed_in_order(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 }, b = { 0 };
	struct reading t;

	(void)state;
	reading_start(&t);
	make_small(&a, "one", "bin.000004");
	make_small(&b, "two", NULL);
	put_index(&t, "0-11.000001\n");
	put_file(&t, sub, "bin.000003", &a);
	put_file(&t, sub, "bin.000004", &b);
	open_relay(&t);
	assert_int_equal(open_cursor(&t, "bin.000003", 4), 0);
	expect_event(&t, EVENT_FORMAT_DESCRIPTION, "bin|000001.000003", 4, 125);
	assert_true(t.event.format->has_checksum);
	expect_event(&t, EVENT_QUERY, "bin|000001.000003", 125, a.len - ROTATE_SIZE - XID_SIZE);
	expect_event(&t, EVENT_XID, "bin|000001.000003", a.len - ROTATE_SIZE - XID_SIZE,
		a.len - ROTATE_SIZE);
	expect_event(&t, EVENT_ROTATE, "bin|000001.000003", a.len - ROTATE_SIZE, a.len);
	expect_event(&t, EVENT_FORMAT_DESCRIPTION, "bin|000001.000004", 4, 125);
	expect_event(&t, EVENT_QUERY, "bin|000001.000004", 125, b.len - XID_SIZE);
	expect_event(&t, EVENT_XID, "bin|000001.000004", b.len - XID_SIZE, b.len);
	assert_int_equal(next(&t, 0), RELAY_READ_TIMEOUT);
	reading_end(&t);
}

/* One file "bin.000003" in the first sub-directory, verified. */
static void start_with(struct reading *t, const struct dm_str *file)
{
	reading_start(t);
	put_index(t, "0-11.000001\n");
	put_file(t, sub, "bin.000003", file);
	open_relay(t);
}

static void a_start_in_the_middle_gives_the_format_event_first(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 };
	struct reading t;

	(void)state;
	make_small(&a, "one", NULL);
	start_with(&t, &a);
	assert_int_equal(open_cursor(&t, "bin|000001.000003", a.len - XID_SIZE), 0);
	expect_event(&t, EVENT_FORMAT_DESCRIPTION, "bin|000001.000003", 4, a.len - XID_SIZE);
	expect_event(&t, EVENT_XID, "bin|000001.000003", a.len - XID_SIZE, a.len);
	assert_int_equal(next(&t, 0), RELAY_READ_TIMEOUT);
	reading_end(&t);
}

static void a_start_inside_an_event_is_an_error(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 };
	struct reading t;

	(void)state;
	make_small(&a, "one", NULL);
	start_with(&t, &a);
	assert_int_equal(open_cursor(&t, "bin.000003", FORMAT_END + 3), 0);
	expect_event(&t, EVENT_FORMAT_DESCRIPTION, "bin|000001.000003", 4, FORMAT_END + 3);
	assert_int_equal(next(&t, 0), RELAY_READ_FAILED);
	assert_int_equal(t.err.code, DM_ERR_PARSE_RELAY_LOG);
	reading_end(&t);
}

static void expect_no_cursor(
	struct reading *t, const char *name, uint64_t pos, enum dm_code code, const char *words)
{
	assert_int_equal(open_cursor(t, name, pos), -1);
	assert_int_equal(t->err.code, code);
	if (!strstr(t->err.message, words))
		fail_msg("no \"%s\" in: %s", words, t->err.message);
}

static void a_start_that_cannot_be_is_refused_with_both_places(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 };
	struct reading t;

	(void)state;
	make_small(&a, "one", NULL);
	start_with(&t, &a);
	expect_no_cursor(
		&t, "bin.000003", a.len + 1, DM_ERR_RELAY_POS_TOO_BIG, "bin|000001.000003");
	expect_no_cursor(
		&t, "bin.000002", 500, DM_ERR_RELAY_CURSOR_PURGED, "(bin|000001.000002, 500)");
	assert_non_null(strstr(t.err.message, "(bin|000001.000003, 4)"));
	expect_no_cursor(&t, "bin|000007.000003", 4, DM_ERR_BINLOG_PARSE_POSITION, "000007");
	expect_no_cursor(&t, "nonsense", 4, DM_ERR_BINLOG_FILE_NOT_VALID, "nonsense");
	reading_end(&t);
}

static void nothing_beyond_the_written_position_is_read(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 };
	struct reading t;

	(void)state;
	make_small(&a, "one", NULL);
	start_with(&t, &a);
	say_written(&t, 1, "bin.000003", a.len - XID_SIZE);
	assert_int_equal(open_cursor(&t, "bin.000003", 4), 0);
	expect_event(&t, EVENT_FORMAT_DESCRIPTION, "bin|000001.000003", 4, FORMAT_END);
	expect_event(&t, EVENT_QUERY, "bin|000001.000003", FORMAT_END, a.len - XID_SIZE);
	assert_int_equal(next(&t, 0), RELAY_READ_TIMEOUT);
	say_written(&t, 1, "bin.000003", a.len);
	expect_event(&t, EVENT_XID, "bin|000001.000003", a.len - XID_SIZE, a.len);
	reading_end(&t);
}

static void a_file_that_is_not_there_yet_is_waited_for(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 }, b = { 0 };
	struct reading t;

	(void)state;
	make_small(&a, "one", "bin.000004");
	make_small(&b, "two", NULL);
	start_with(&t, &a);
	assert_int_equal(open_cursor(&t, "bin.000004", 4), 0);
	assert_int_equal(next(&t, 0), RELAY_READ_TIMEOUT);
	say_written(
		&t, 1, "bin.000004", 4); /* the relay has rotated, the next file has no bytes yet */
	assert_int_equal(next(&t, 0), RELAY_READ_TIMEOUT);
	put_file(&t, sub, "bin.000004", &b);
	say_written(&t, 1, "bin.000004", b.len);
	expect_event(&t, EVENT_FORMAT_DESCRIPTION, "bin|000001.000004", 4, FORMAT_END);
	reading_end(&t);
}

/* ---- waking ---- */

static void *write_soon(void *arg)
{
	struct reading *t = arg;

	(void)poll(NULL, 0, 50);
	say_written(t, 1, "bin.000003", FORMAT_END);
	return NULL;
}

static void *stop_soon(void *arg)
{
	struct reading *t = arg;

	(void)poll(NULL, 0, 50);
	dm_stop_raise(&t->stop, DM_STOP_DRAIN);
	return NULL;
}

static void a_waiting_reader_is_woken_by_writer_and_stop(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 };
	struct dm_thread thread = { 0 };
	struct reading t;

	(void)state;
	make_small(&a, "one", NULL);
	start_with(&t, &a);
	say_written(&t, 1, "bin.000003", 4);
	assert_int_equal(open_cursor(&t, "bin.000003", 4), 0);
	assert_int_equal(next(&t, 0), RELAY_READ_TIMEOUT);
	assert_int_equal(dm_thread_start(&thread, "writer", write_soon, &t), 0);
	assert_int_equal(next(&t, 60000), RELAY_READ_EVENT); /* meson's own limit is 30 s */
	dm_thread_join(&thread);
	assert_int_equal(dm_thread_start(&thread, "stopper", stop_soon, &t), 0);
	assert_int_equal(next(&t, 60000), RELAY_READ_STOPPED);
	dm_thread_join(&thread);
	reading_end(&t);
}

/* ---- more than one sub-directory ---- */

static void a_new_sub_directory_is_entered_when_the_old_one_is_read(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 }, b = { 0 };
	struct reading t;

	(void)state;
	make_small(&a, "one", "bin.000004");
	make_small(&b, "two", NULL);
	reading_start(&t);
	put_index(&t, "0-11.000001\n0-22.000002\n");
	a.len -= 7; /* the old server went away in the middle of an event */
	put_file(&t, sub, "bin.000003", &a);
	put_file(&t, "0-22.000002", "other.000001", &b);
	open_relay(&t);
	assert_int_equal(
		open_cursor(&t, "bin|000001.000003", a.len + 7 - ROTATE_SIZE - XID_SIZE), 0);
	assert_int_equal(next(&t, 0), RELAY_READ_EVENT);
	assert_int_equal(next(&t, 0), RELAY_READ_EVENT);
	assert_int_equal(t.event.header.type, EVENT_XID);
	expect_event(&t, EVENT_FORMAT_DESCRIPTION, "other|000002.000001", 4, FORMAT_END);
	reading_end(&t);
}

static void a_torn_file_in_the_middle_is_an_error(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 }, b = { 0 };
	struct reading t;

	(void)state;
	make_small(&a, "one", "bin.000004");
	make_small(&b, "two", NULL);
	start_with(&t, &a);
	a.len -= 7;
	put_file(&t, sub, "bin.000003", &a);
	put_file(&t, sub, "bin.000004", &b);
	say_written(&t, 1, "bin.000004", b.len);
	assert_int_equal(open_cursor(&t, "bin.000003", 4), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(next(&t, 0), RELAY_READ_EVENT);
	assert_int_equal(next(&t, 0), RELAY_READ_FAILED);
	assert_int_equal(t.err.code, DM_ERR_PARSE_RELAY_LOG);
	reading_end(&t);
}

static void a_missing_file_in_the_middle_is_an_error(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 }, b = { 0 };
	struct reading t;

	(void)state;
	make_small(&a, "one", NULL);
	make_small(&b, "two", NULL);
	start_with(&t, &a);
	put_file(&t, sub, "bin.000005", &b);
	say_written(&t, 1, "bin.000005", b.len);
	assert_int_equal(open_cursor(&t, "bin.000003", 4), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(next(&t, 0), RELAY_READ_EVENT);
	assert_int_equal(next(&t, 0), RELAY_READ_FAILED);
	assert_non_null(strstr(t.err.message, "bin.000004"));
	reading_end(&t);
}

/* ---- bytes ---- */

static void a_wrong_checksum_is_said_in_dms_words(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 };
	struct reading t;

	(void)state;
	make_small(&a, "one", NULL);
	start_with(&t, &a);
	a.data[a.len - 8] ^= 1; /* in the xid, after it was verified */
	put_file(&t, sub, "bin.000003", &a);
	assert_int_equal(open_cursor(&t, "bin.000003", 4), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(next(&t, 0), RELAY_READ_EVENT);
	assert_int_equal(next(&t, 0), RELAY_READ_FAILED);
	assert_int_equal(t.err.code, DM_ERR_PARSE_RELAY_LOG);
	assert_non_null(strstr(t.err.message, "binlog checksum mismatch, data may be corrupted"));
	assert_non_null(strstr(t.err.message, "0-11.000001/bin.000003 at"));
	reading_end(&t);
}

static void events_that_dm_put_into_holes_are_passed_over(void **state)
{
	static const char dummy[] =
		"\1\0\0\0\0\0\0\0\0\0\0\0\0\0# dummy query generated by DM, often used to";
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 };
	struct reading t;

	(void)state;
	make_start(&a, 0);
	make_event(&a, EVENT_QUERY, 0x0048, dummy, sizeof(dummy) - 1, true);
	make_event(&a, EVENT_USER_VAR, 0x0048, "!dummyvar", 9, true);
	make_xid(&a, 5);
	start_with(&t, &a);
	assert_int_equal(open_cursor(&t, "bin.000003", 4), 0);
	assert_int_equal(next(&t, 0), RELAY_READ_EVENT);
	expect_event(&t, EVENT_XID, "bin|000001.000003", a.len - XID_SIZE, a.len);
	reading_end(&t);
}

static void places_beyond_4_gib_are_read(void **state)
{
	const uint64_t far = 5368709120;
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 }, b = { 0 };
	DM_CLEANUP(freep) char *path = NULL;
	struct reading t;
	int fd;

	(void)state;
	make_start(&a, 0);
	make_base = far;
	make_query(&b, "far");
	make_xid(&b, 9);
	make_base = 0;
	start_with(&t, &a);
	path = dm_format("%s/%s/bin.000003", t.dir, sub);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, b.data, b.len, (off_t)far), b.len); /* a hole before it */
	assert_int_equal(close(fd), 0);
	say_written(&t, 1, "bin.000003", far + b.len);
	assert_int_equal(open_cursor(&t, "bin.000003", far), 0);
	expect_event(&t, EVENT_FORMAT_DESCRIPTION, "bin|000001.000003", 4, far);
	expect_event(&t, EVENT_QUERY, "bin|000001.000003", far, far + b.len - XID_SIZE);
	expect_event(&t, EVENT_XID, "bin|000001.000003", far + b.len - XID_SIZE, far + b.len);
	reading_end(&t);
}

static void a_relay_without_any_file_is_waited_for(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str a = { 0 };
	struct relay_dirs dirs = { 0 };
	struct reading t;

	(void)state;
	make_small(&a, "one", NULL);
	reading_start(&t);
	open_relay(&t);
	assert_int_equal(open_cursor(&t, "bin.000003", 4), 0);
	assert_int_equal(next(&t, 0), RELAY_READ_TIMEOUT);
	put_file(&t, sub, "bin.000003", &a); /* the upstream was reached */
	assert_int_equal(relay_dirs_add(t.dir, &dirs, "0-11", &t.err), 0);
	dm_lock_take(&t.m.relay->lock);
	relay_dirs_copy(&dirs, &t.m.relay->dirs);
	dm_lock_drop(&t.m.relay->lock);
	relay_dirs_done(&dirs);
	say_written(&t, 1, "bin.000003", a.len);
	expect_event(&t, EVENT_FORMAT_DESCRIPTION, "bin|000001.000003", 4, FORMAT_END);
	reading_end(&t);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_followed_in_order),
		cmocka_unit_test(a_start_in_the_middle_gives_the_format_event_first),
		cmocka_unit_test(a_start_inside_an_event_is_an_error),
		cmocka_unit_test(a_start_that_cannot_be_is_refused_with_both_places),
		cmocka_unit_test(nothing_beyond_the_written_position_is_read),
		cmocka_unit_test(a_file_that_is_not_there_yet_is_waited_for),
		cmocka_unit_test(a_waiting_reader_is_woken_by_writer_and_stop),
		cmocka_unit_test(a_new_sub_directory_is_entered_when_the_old_one_is_read),
		cmocka_unit_test(a_torn_file_in_the_middle_is_an_error),
		cmocka_unit_test(a_missing_file_in_the_middle_is_an_error),
		cmocka_unit_test(a_wrong_checksum_is_said_in_dms_words),
		cmocka_unit_test(events_that_dm_put_into_holes_are_passed_over),
		cmocka_unit_test(places_beyond_4_gib_are_read),
		cmocka_unit_test(a_relay_without_any_file_is_waited_for),
	};

	return test_main(argc, argv, "relay-cursor", tests);
}
