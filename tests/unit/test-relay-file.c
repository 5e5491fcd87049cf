/* test-relay-file.c - the file that is written: whole events only, also when the disk refuses. */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "relay-file.h"
#include "relay-make.h"

struct writing {
	char *dir, *path;
	struct relay_file f;
	struct dm_error err;
};

static void writing_start(struct writing *t)
{
	*t = (struct writing){ .f = RELAY_FILE_NULL, .dir = make_dir() };
	t->path = dm_format("%s/bin.000001", t->dir);
	assert_int_equal(relay_file_create(&t->f, t->path, &t->err), 0);
}

static void writing_end(struct writing *t)
{
	relay_file_close(&t->f);
	dm_error_done(&t->err);
	remove_tree(t->dir);
	free(t->dir);
	free(t->path);
}

static void append(struct writing *t, uint8_t with, size_t len)
{
	DM_CLEANUP(freep) uint8_t *event = dm_alloc(len);

	memset(event, with, len);
	assert_int_equal(relay_file_append(&t->f, event, len, &t->err), 0);
}

static void small_and_large_events_stay_in_order(void **state)
{
	static const size_t sizes[] = { 30, 500, 200 << 10, 30, 127 << 10, 128 << 10, 3 << 20, 19 };
	DM_CLEANUP(dm_str_done) struct dm_str got = { 0 };
	struct writing t;
	size_t at = 4;

	(void)state;
	writing_start(&t);
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < DM_COUNT_OF(sizes); i++)
			append(&t, (uint8_t)(i + 1), sizes[i]);
	assert_true(t.f.written < t.f.size);
	assert_int_equal(relay_file_flush(&t.f, &t.err), 0);
	assert_int_equal(t.f.written, t.f.size);
	assert_int_equal(dm_file_read(t.path, 1 << 30, &got), 0);
	assert_int_equal(got.len, t.f.size);
	assert_memory_equal(got.data, binlog_magic, 4);
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < DM_COUNT_OF(sizes); at += sizes[i++])
			for (size_t k = 0; k < sizes[i]; k += sizes[i] - 1)
				assert_int_equal((uint8_t)got.data[at + k], i + 1);
	writing_end(&t);
}

static void an_existing_file_is_never_written_over(void **state)
{
	struct relay_file second = RELAY_FILE_NULL;
	struct writing t;

	(void)state;
	writing_start(&t);
	assert_int_equal(relay_file_create(&second, t.path, &t.err), -1);
	assert_int_equal(t.err.code, DM_ERR_RELAY_WRITE);
	writing_end(&t);
}

/* The limit on file size makes the kernel take a part of a write, then refuse. */
static void a_refused_write_leaves_no_part_of_an_event(void **state)
{
	struct rlimit before, limit;
	struct writing t;
	int r;

	(void)state;
	writing_start(&t);
	append(&t, 1, 1000);
	assert_int_equal(relay_file_flush(&t.f, &t.err), 0);
	for (int i = 0; i < 5; i++)
		append(&t, 2, 1000);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 3500; /* in the middle of the third of them */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r = relay_file_flush(&t.f, &t.err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(r, -1);
	assert_int_equal(t.f.failed_errno, EFBIG);
	assert_int_equal(size_of_file(t.path), 1004);
	assert_int_equal(t.f.written, 1004);
	assert_int_equal(t.f.size, 1004);
	writing_end(&t);
}

static void bytes_on_disk_are_compared(void **state)
{
	DM_CLEANUP(freep) uint8_t *same = dm_alloc(300000);
	struct writing t;

	(void)state;
	memset(same, 7, 300000);
	writing_start(&t);
	append(&t, 7, 300000);
	assert_int_equal(relay_file_flush(&t.f, &t.err), 0);
	assert_int_equal(relay_file_compare(&t.f, 4, same, 300000, &t.err), 1);
	same[299999] = 8;
	assert_int_equal(relay_file_compare(&t.f, 4, same, 300000, &t.err), 0);
	same[299999] = 7;
	assert_int_equal(
		relay_file_compare(&t.f, 5, same, 300000, &t.err), 0); /* one byte too many */
	writing_end(&t);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_and_large_events_stay_in_order),
		cmocka_unit_test(an_existing_file_is_never_written_over),
		cmocka_unit_test(a_refused_write_leaves_no_part_of_an_event),
		cmocka_unit_test(bytes_on_disk_are_compared),
	};

	return test_main(argc, argv, "relay-file", tests);
}
