/* test-relay-meta.c - relay.meta and server-uuid.index: DM's files are read, and what we write DM can read. */
#include "test.h"

#include <errno.h>

#include "dm/file.h"
#include "relay-make.h"

static int parse(const char *text, struct relay_meta *m)
{
	size_t line;

	relay_meta_init(m);
	return relay_meta_parse(text, strlen(text), m, &line);
}

static void expect_meta(const char *text, const char *name, uint64_t pos, const char *gtid)
{
	struct relay_meta m;

	assert_int_equal(parse(text, &m), 0);
	assert_string_equal(m.position.name, name);
	assert_int_equal(m.position.pos, pos);
	assert_string_equal(m.gtid_set, gtid);
	relay_meta_done(&m);
}

static void dms_own_file_is_read(void **state)
{
	(void)state;
	expect_meta("binlog-name = \"mysql-bin.000003\"\nbinlog-pos = 1234\n"
		    "binlog-gtid = \"85ab69d1-b21f-11e6-9c5e-64006a8978d2:1-12\"\n",
		"mysql-bin.000003", 1234, "85ab69d1-b21f-11e6-9c5e-64006a8978d2:1-12");
	expect_meta("", "", 4, "");
}

/* A DBA edits it by hand, as DM's own error text tells him. */
static void what_people_write_is_read_too(void **state)
{
	(void)state;
	expect_meta("# moved\r\n  BINLOG-NAME='a.000001' # here\r\nbinlog-pos = +1_000\r\n",
		"a.000001", 1000, "");
	expect_meta("other = [1, 2]\n\"binlog-pos\" = 7\n[section]\nbinlog-pos = 9\n", "", 7, "");
	expect_meta("binlog-gtid = \"\"\"\na:1-2,\nb:3\"\"\"", "", 4, "a:1-2,\nb:3");
	expect_meta("binlog-gtid = \"\\u0041\\n\\\"\\U0001F600\"", "", 4, "A\n\"\xf0\x9f\x98\x80");
	expect_meta("binlog-pos = 18446744073709551615", "", UINT64_MAX, "");
}

static void bad_lines_are_refused_with_their_number(void **state)
{
	static const char *const bad[] = {
		"\n\nbinlog-name = mysql-bin.000001",
		"\n\nbinlog-name = \"a",
		"\n\nbinlog-name = \"a/b.000001\"",
		"\n\nbinlog-name = \"a\\u0000b\"",
		"\n\nbinlog-pos = -4",
		"\n\nbinlog-pos = 18446744073709551616",
		"\n\nbinlog-pos = 4 5",
		"\n\nbinlog-pos",
		"\n\n= 4",
		"\n\nbinlog-gtid = \"\\q\"",
		"\n\nbinlog-gtid = \"\\u12\"",
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(bad); i++) {
		struct relay_meta m;
		size_t line = 0;

		relay_meta_init(&m);
		if (relay_meta_parse(bad[i], strlen(bad[i]), &m, &line) != -EBADMSG || line != 3)
			fail_msg("accepted, or line %zu: %s", line, bad[i]);
		relay_meta_done(&m);
	}
}

static void what_is_written_is_read_back(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	struct relay_meta m;

	(void)state;
	relay_meta_init(&m);
	binlog_position_set(&m.position, "mysql-bin.000012", 5368709120);
	free(m.gtid_set);
	m.gtid_set = dm_strdup("a\"b\\c\n\t\x01");
	relay_meta_text(&m, &text);
	assert_string_equal(text.data,
		"binlog-name = \"mysql-bin.000012\"\nbinlog-pos = 5368709120\n"
		"binlog-gtid = \"a\\\"b\\\\c\\n\\t\\u0001\"\n");
	expect_meta(text.data, "mysql-bin.000012", 5368709120, "a\"b\\c\n\t\x01");
	relay_meta_done(&m);
}

static void a_missing_file_is_not_an_error_and_a_bad_one_is(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(freep) char *dir = make_dir();
	DM_CLEANUP(freep) char *path = dm_format("%s/relay.meta", dir);
	struct relay_meta m;
	bool is_found = true;

	(void)state;
	relay_meta_init(&m);
	assert_int_equal(relay_meta_load(dir, &m, &is_found, &err), 0);
	assert_false(is_found);
	binlog_position_set(&m.position, "a.000001", 99);
	assert_int_equal(relay_meta_save(dir, &m, &err), 0);
	relay_meta_done(&m);
	relay_meta_init(&m);
	assert_int_equal(relay_meta_load(dir, &m, &is_found, &err), 0);
	assert_true(is_found);
	assert_int_equal(m.position.pos, 99);
	make_file(path, "\x00garbage", 8);
	assert_int_equal(relay_meta_load(dir, &m, &is_found, &err), -1);
	assert_int_equal(err.code, DM_ERR_RELAY_LOAD_META);
	assert_int_equal(m.position.pos, 99); /* untouched */
	relay_meta_done(&m);
	remove_tree(dir);
}

/* ---- the index ---- */

static void expect_index_error(const char *text, enum dm_code code, const char *message)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct relay_dirs d = { 0 };

	assert_int_equal(relay_dirs_parse(text, &d, &err), -1);
	assert_int_equal(err.code, code);
	assert_string_equal(err.message, message);
	assert_int_equal(d.count, 0);
}

static void the_index_is_read_as_dm_reads_it(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct relay_dirs d = { 0 };

	(void)state;
	assert_int_equal(relay_dirs_parse(" a-b.000007 \n\n\tc.000008\r\n", &d, &err), 0);
	assert_int_equal(d.count, 2);
	assert_string_equal(d.list[0].name, "a-b.000007");
	assert_int_equal(relay_dirs_last(&d)->suffix, 8);
	assert_true(relay_sub_dir_is_of(relay_dirs_last(&d), "c"));
	assert_false(relay_sub_dir_is_of(&d.list[0], "a"));
	assert_string_equal(relay_dirs_find(&d, 7)->name, "a-b.000007");
	assert_null(relay_dirs_find(&d, 9));
	relay_dirs_done(&d);
	expect_index_error("a.000001\nb.000003\n", DM_ERR_RELAY_UUID_SUFFIX_NOT_VALID,
		"UUID b.000003 suffix 3 should be 1 larger than previous suffix 1");
	expect_index_error("a", DM_ERR_RELAY_PARSE_UUID_SUFFIX, "UUID (with suffix) a not valid");
	expect_index_error("a.b.000001", DM_ERR_RELAY_PARSE_UUID_SUFFIX,
		"UUID (with suffix) a.b.000001 not valid");
	expect_index_error(
		"a.00001", DM_ERR_RELAY_PARSE_UUID_SUFFIX, "UUID (with suffix) a.00001 not valid");
	expect_index_error("../x.000001", DM_ERR_RELAY_PARSE_UUID_SUFFIX,
		"UUID (with suffix) ../x.000001 not valid");
}

static void sub_directories_are_numbered_on(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(freep) char *dir = make_dir();
	DM_CLEANUP(freep) char *index = dm_format("%s/server-uuid.index", dir);
	DM_CLEANUP(freep) char *first = dm_format("%s/u-1.000001", dir);
	struct relay_dirs d = { 0 };

	(void)state;
	assert_int_equal(relay_dirs_load(dir, &d, &err), 0);
	assert_int_equal(d.count, 0);
	assert_int_equal(relay_dirs_add(dir, &d, "u-1", &err), 0);
	assert_int_equal(relay_dirs_add(dir, &d, "u-2", &err), 0);
	assert_int_equal(relay_dirs_add(dir, &d, "u-1", &err), 0); /* back to the first server */
	assert_int_equal(dm_file_read(index, 1000, &text), 0);
	assert_string_equal(text.data, "u-1.000001\nu-2.000002\nu-1.000003\n");
	assert_int_equal(rmdir(first), 0);
	assert_true(relay_dirs_trim(dir, &d));
	assert_false(relay_dirs_trim(dir, &d));
	assert_int_equal(d.count, 2);
	assert_int_equal(d.list[0].suffix, 2);
	relay_dirs_done(&d);
	remove_tree(dir);
}

static void only_binlogs_are_listed_and_by_number(void **state)
{
	static const char *const names[] = { "b.1000000", "b.000002", "relay.meta", "relay.meta123",
		"b.000010", "b", "b.c.000001", "b.000000", "b.00000x" };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(freep) char *dir = make_dir();
	struct relay_binlogs files = { 0 };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(names); i++) {
		DM_CLEANUP(freep) char *path = dm_format("%s/%s", dir, names[i]);

		make_file(path, "1234567", i);
	}
	assert_int_equal(relay_binlogs_list(dir, &files, &err), 0);
	assert_int_equal(files.count, 3);
	assert_string_equal(files.list[0].name, "b.000002");
	assert_int_equal(files.list[0].size, 1);
	assert_string_equal(files.list[1].name, "b.000010");
	assert_string_equal(files.list[2].name, "b.1000000");
	relay_binlogs_done(&files);
	remove_tree(dir);
	assert_int_equal(relay_binlogs_list(dir, &files, &err), 0);
	assert_int_equal(files.count, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dms_own_file_is_read),
		cmocka_unit_test(what_people_write_is_read_too),
		cmocka_unit_test(bad_lines_are_refused_with_their_number),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(a_missing_file_is_not_an_error_and_a_bad_one_is),
		cmocka_unit_test(the_index_is_read_as_dm_reads_it),
		cmocka_unit_test(sub_directories_are_numbered_on),
		cmocka_unit_test(only_binlogs_are_listed_and_by_number),
	};

	return test_main(argc, argv, "relay-meta", tests);
}
