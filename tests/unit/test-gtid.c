/* test-gtid.c - GTID sets of both flavours: text, arithmetic, bytes. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "dm/gtid.h"

#define UUID_A "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define UUID_B "4e11fa47-71ca-11e1-9e33-c80aa9429562"

static const uint8_t uuid_a[16] = { 0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11, 0xe1, 0x9e, 0x33,
	0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62 };

static struct gtid_set *read_set(enum dm_flavor flavor, const char *text)
{
	struct gtid_set *s = NULL;
	size_t at = 0;

	if (gtid_set_parse(&s, flavor, text, &at) != 0)
		fail_msg("'%s' is refused at %zu", text, at);
	return s;
}

static void expect_text(const struct gtid_set *s, const char *text)
{
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };

	gtid_set_text(s, &out);
	assert_string_equal(dm_str_get(&out), text);
}

static void expect_canonical(enum dm_flavor flavor, const char *text, const char *canonical)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = read_set(flavor, text);

	expect_text(s, canonical);
}

static void mysql_text_becomes_canonical(void **state)
{
	(void)state;
	expect_canonical(DM_FLAVOR_MYSQL, "", "");
	expect_canonical(DM_FLAVOR_MYSQL, " , ,\n", "");
	expect_canonical(DM_FLAVOR_MYSQL, UUID_A ":1", UUID_A ":1");
	expect_canonical(
		DM_FLAVOR_MYSQL, "3E11FA47-71CA-11E1-9E33-C80AA9429562:5-9", UUID_A ":5-9");
	expect_canonical(DM_FLAVOR_MYSQL, UUID_A ":7-9:1-3:11:4", UUID_A ":1-4:7-9:11");
	expect_canonical(DM_FLAVOR_MYSQL, UUID_A ":1-3:3-5:2:9-10:6-8", UUID_A ":1-10");
	expect_canonical(DM_FLAVOR_MYSQL, UUID_B ":1,\n" UUID_A ":2," UUID_B ":2",
		UUID_A ":2," UUID_B ":1-2");
	expect_canonical(DM_FLAVOR_MYSQL, UUID_A ": 1 - 3 : 5", UUID_A ":1-3:5");
	expect_canonical(
		DM_FLAVOR_MYSQL, UUID_A ":9223372036854775806", UUID_A ":9223372036854775806");
}

static void tags_follow_their_uuid(void **state)
{
	(void)state;
	expect_canonical(DM_FLAVOR_MYSQL, UUID_A ":tag:7", UUID_A ":tag:7");
	expect_canonical(DM_FLAVOR_MYSQL, UUID_A ":B:7:9:_a1:1-2," UUID_A ":1-5",
		UUID_A ":1-5:_a1:1-2:b:7:9");
	expect_canonical(
		DM_FLAVOR_MYSQL, UUID_A ":a:1," UUID_B ":a:1", UUID_A ":a:1," UUID_B ":a:1");
	expect_canonical(DM_FLAVOR_MYSQL, UUID_A ":a2345678901234567890123456789012:1",
		UUID_A ":a2345678901234567890123456789012:1");
}

static void mariadb_text_keeps_the_last_of_a_domain(void **state)
{
	(void)state;
	expect_canonical(DM_FLAVOR_MARIADB, "", "");
	expect_canonical(DM_FLAVOR_MARIADB, "0-1-5", "0-1-5");
	expect_canonical(DM_FLAVOR_MARIADB, "4294967295-4294967295-18446744073709551615, 0-1-5",
		"0-1-5,4294967295-4294967295-18446744073709551615");
	expect_canonical(DM_FLAVOR_MARIADB, "0-1-5,1-1-1,0-2-7", "0-2-7,1-1-1");
}

static void expect_bad(enum dm_flavor flavor, const char *text, size_t at)
{
	struct gtid_set *s = NULL;
	size_t ret_at = 12345;

	assert_int_equal(gtid_set_parse(&s, flavor, text, &ret_at), -EINVAL);
	assert_null(s);
	assert_int_equal(ret_at, at);
}

static void bad_text_is_refused_with_its_place(void **state)
{
	(void)state;
	expect_bad(DM_FLAVOR_UNKNOWN, "", 0);
	expect_bad(DM_FLAVOR_MYSQL, "0-1-5", 0);
	expect_bad(DM_FLAVOR_MYSQL, UUID_A, 36);
	expect_bad(DM_FLAVOR_MYSQL, UUID_A ":", 37);
	expect_bad(DM_FLAVOR_MYSQL, UUID_A ":0", 37);
	expect_bad(DM_FLAVOR_MYSQL, UUID_A ":5-3", 37);
	expect_bad(DM_FLAVOR_MYSQL, UUID_A ":5-", 39);
	expect_bad(DM_FLAVOR_MYSQL, UUID_A ":1 2", 39);
	expect_bad(DM_FLAVOR_MYSQL, UUID_A ":tag", 40);
	expect_bad(DM_FLAVOR_MYSQL, UUID_A ":tag:tug:1", 41);
	expect_bad(DM_FLAVOR_MYSQL, UUID_A ":tag-1:1", 40);
	expect_bad(DM_FLAVOR_MYSQL, UUID_A ":9223372036854775807", 55);
	expect_bad(DM_FLAVOR_MYSQL, UUID_A ":a23456789012345678901234567890123:1", 69);
	expect_bad(DM_FLAVOR_MYSQL, "3e11fa47-71ca-11e1-9e33:1", 23);
	expect_bad(DM_FLAVOR_MYSQL, "3e11fa47_71ca-11e1-9e33-c80aa9429562:1", 8);
	expect_bad(DM_FLAVOR_MARIADB, "0-1", 3);
	expect_bad(DM_FLAVOR_MARIADB, "0-1-", 4);
	expect_bad(DM_FLAVOR_MARIADB, "4294967296-1-1", 9);
	expect_bad(DM_FLAVOR_MARIADB, "0-1-5;0-1-6", 5);
	expect_bad(DM_FLAVOR_MARIADB, UUID_A ":1", 1);
}

static void single_transactions_melt_into_intervals(void **state)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = gtid_set_new(DM_FLAVOR_MYSQL);

	(void)state;
	assert_true(gtid_set_is_empty(s));
	assert_int_equal(gtid_set_add_mysql(s, uuid_a, "", 3), 0);
	assert_int_equal(gtid_set_add_mysql(s, uuid_a, "", 1), 0);
	expect_text(s, UUID_A ":1:3");
	assert_int_equal(gtid_set_add_mysql(s, uuid_a, "", 2), 0);
	assert_int_equal(gtid_set_add_mysql(s, uuid_a, "", 2), 0);
	assert_int_equal(gtid_set_add_mysql(s, uuid_a, "x", 2), 0);
	expect_text(s, UUID_A ":1-3:x:2");
	assert_false(gtid_set_is_empty(s));
	assert_int_equal(gtid_set_add_mysql(s, uuid_a, "", 0), -EINVAL);
	assert_int_equal(gtid_set_add_mysql(s, uuid_a, "", INT64_MAX), -EINVAL);
	assert_int_equal(gtid_set_add_mysql(s, uuid_a, "Tag", 1), -EINVAL);
	assert_int_equal(gtid_set_add_mysql(s, uuid_a, "1tag", 1), -EINVAL);
	assert_int_equal(gtid_set_add_mariadb(s, 0, 1, 1), -EINVAL);
	expect_text(s, UUID_A ":1-3:x:2");
}

static void mariadb_adds_replace_within_a_domain(void **state)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = gtid_set_new(DM_FLAVOR_MARIADB);

	(void)state;
	assert_int_equal(gtid_set_add_mariadb(s, 2, 1, 9), 0);
	assert_int_equal(gtid_set_add_mariadb(s, 0, 1, 9), 0);
	assert_int_equal(gtid_set_add_mariadb(s, 2, 5, 10), 0);
	assert_int_equal(gtid_set_add_mysql(s, uuid_a, "", 3), -EINVAL);
	expect_text(s, "0-1-9,2-5-10");
}

static bool contains(enum dm_flavor flavor, const char *whole, const char *part)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *w = read_set(flavor, whole);
	DM_CLEANUP(gtid_set_freep) struct gtid_set *p = read_set(flavor, part);

	return gtid_set_contains(w, p);
}

static void containing_looks_at_every_interval(void **state)
{
	(void)state;
	assert_true(contains(DM_FLAVOR_MYSQL, UUID_A ":1-5", ""));
	assert_false(contains(DM_FLAVOR_MYSQL, "", UUID_A ":1"));
	assert_true(contains(DM_FLAVOR_MYSQL, UUID_A ":1-5:7-9", UUID_A ":2-3:5:7-9"));
	assert_false(contains(DM_FLAVOR_MYSQL, UUID_A ":1-5:7-9", UUID_A ":5-7"));
	assert_false(contains(DM_FLAVOR_MYSQL, UUID_A ":2-5", UUID_A ":1-5"));
	assert_false(contains(DM_FLAVOR_MYSQL, UUID_A ":1-5", UUID_A ":6"));
	assert_false(contains(DM_FLAVOR_MYSQL, UUID_A ":1-5", UUID_B ":1"));
	assert_false(contains(DM_FLAVOR_MYSQL, UUID_A ":1-5", UUID_A ":x:1"));
	assert_true(contains(DM_FLAVOR_MARIADB, "0-1-5,1-1-7", "1-2-7"));
	assert_false(contains(DM_FLAVOR_MARIADB, "0-1-5", "0-1-6"));
	assert_false(contains(DM_FLAVOR_MARIADB, "0-1-5", "1-1-1"));
}

static bool equal(enum dm_flavor flavor, const char *left, const char *right)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *a = read_set(flavor, left);
	DM_CLEANUP(gtid_set_freep) struct gtid_set *b = read_set(flavor, right);

	return gtid_set_equal(a, b);
}

static void equal_sets_have_the_same_transactions(void **state)
{
	(void)state;
	assert_true(equal(DM_FLAVOR_MYSQL, UUID_A ":1-2:3", UUID_A ":1-3"));
	assert_false(equal(DM_FLAVOR_MYSQL, UUID_A ":1-3", UUID_A ":1-4"));
	assert_false(equal(DM_FLAVOR_MYSQL, UUID_A ":1-3", UUID_B ":1-3"));
	assert_false(equal(DM_FLAVOR_MYSQL, UUID_A ":1-3", UUID_A ":1-3:x:1"));
	assert_false(equal(DM_FLAVOR_MARIADB, "0-1-5", "0-2-5"));
	assert_false(equal(DM_FLAVOR_MARIADB, "0-1-5", ""));
}

static void expect_merged(
	enum dm_flavor flavor, const char *into, const char *from, const char *merged)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *a = read_set(flavor, into);
	DM_CLEANUP(gtid_set_freep) struct gtid_set *b = read_set(flavor, from);
	DM_CLEANUP(gtid_set_freep) struct gtid_set *copy = NULL;

	assert_int_equal(gtid_set_merge(a, b), 0);
	expect_text(a, merged);
	copy = gtid_set_copy(a);
	assert_int_equal(gtid_set_merge(a, a), 0);
	assert_true(gtid_set_equal(a, copy));
}

static void merging_is_the_union(void **state)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *a = gtid_set_new(DM_FLAVOR_MYSQL);
	DM_CLEANUP(gtid_set_freep) struct gtid_set *b = gtid_set_new(DM_FLAVOR_MARIADB);

	(void)state;
	expect_merged(DM_FLAVOR_MYSQL, UUID_A ":1-3:9", UUID_A ":4-7," UUID_B ":1",
		UUID_A ":1-7:9," UUID_B ":1");
	expect_merged(DM_FLAVOR_MARIADB, "0-1-5,1-1-9", "0-2-7,1-2-8,2-1-1", "0-2-7,1-1-9,2-1-1");
	assert_int_equal(gtid_set_merge(a, b), -EINVAL);
}

/* Many transactions in a bad order, against a plain array of what was added. */
static void random_adds_give_the_same_set_as_a_bitmap(void **state)
{
	bool is_in[400] = { false };
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = gtid_set_new(DM_FLAVOR_MYSQL);
	DM_CLEANUP(dm_str_done) struct dm_str expected = { 0 };
	unsigned int random = 1;

	(void)state;
	for (int i = 0; i < 300; i++) {
		random = random * 1103515245 + 12345;
		is_in[1 + (random >> 16) % 398] = true;
		assert_int_equal(gtid_set_add_mysql(s, uuid_a, "", 1 + (random >> 16) % 398), 0);
	}
	dm_str_add(&expected, UUID_A);
	for (int i = 1, last; i < 399; i = last + 1) {
		last = i;
		if (!is_in[i])
			continue;
		while (is_in[last + 1])
			last++;
		dm_str_addf(&expected, last > i ? ":%d-%d" : ":%d", i, last);
	}
	expect_text(s, expected.data);
}

static void expect_bytes(const char *text, const uint8_t *bytes, size_t len)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = read_set(DM_FLAVOR_MYSQL, text);
	DM_CLEANUP(gtid_set_freep) struct gtid_set *again = NULL;
	DM_CLEANUP(dm_str_done) struct dm_str coded = { 0 };

	gtid_set_encode_mysql(s, &coded);
	assert_int_equal(coded.len, len);
	assert_memory_equal(coded.data, bytes, len);
	assert_int_equal(gtid_set_decode_mysql(&again, bytes, len), 0);
	expect_text(again, text);
	for (size_t cut = 0; cut < len; cut++) {
		struct gtid_set *torn = NULL;

		assert_int_equal(gtid_set_decode_mysql(&torn, bytes, cut), -EBADMSG);
	}
}

#define BYTES_A \
	0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11, 0xe1, 0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, \
		0x62
#define U64(n) n, 0, 0, 0, 0, 0, 0, 0

static void the_wire_form_is_that_of_the_protocol(void **state)
{
	static const uint8_t none[] = { U64(0) };
	static const uint8_t plain[] = { U64(1), BYTES_A, U64(2), U64(1), U64(6), U64(7), U64(8) };
	static const uint8_t tagged[] = { 1, 2, 0, 0, 0, 0, 0, 1, BYTES_A, 0, U64(1), U64(1),
		U64(3), BYTES_A, 6, 't', 'a', 'g', U64(1), U64(9), U64(10) };

	(void)state;
	expect_bytes("", none, sizeof(none));
	expect_bytes(UUID_A ":1-5:7", plain, sizeof(plain));
	expect_bytes(UUID_A ":1-2:tag:9", tagged, sizeof(tagged));
}

static void hostile_bytes_are_refused(void **state)
{
	static const uint8_t format_2[] = { 0, 0, 0, 0, 0, 0, 0, 2 };
	static const uint8_t zero[] = { U64(1), BYTES_A, U64(1), U64(0), U64(6) };
	static const uint8_t backward[] = { U64(1), BYTES_A, U64(1), U64(6), U64(6) };
	static const uint8_t unsorted[] = { U64(1), BYTES_A, U64(2), U64(7), U64(9), U64(1),
		U64(2) };
	static const uint8_t bad_tag[] = { 1, 1, 0, 0, 0, 0, 0, 1, BYTES_A, 2, 'A', U64(1), U64(1),
		U64(3) };
	static const uint8_t huge_count[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
	struct gtid_set *s = NULL;

	(void)state;
	assert_int_equal(gtid_set_decode_mysql(&s, format_2, sizeof(format_2)), -EBADMSG);
	assert_int_equal(gtid_set_decode_mysql(&s, zero, sizeof(zero)), -EBADMSG);
	assert_int_equal(gtid_set_decode_mysql(&s, backward, sizeof(backward)), -EBADMSG);
	assert_int_equal(gtid_set_decode_mysql(&s, unsorted, sizeof(unsorted)), -EBADMSG);
	assert_int_equal(gtid_set_decode_mysql(&s, bad_tag, sizeof(bad_tag)), -EBADMSG);
	assert_int_equal(gtid_set_decode_mysql(&s, huge_count, sizeof(huge_count)), -EBADMSG);
	assert_null(s);
}

static void a_mariadb_list_gives_the_last_of_each_domain(void **state)
{
	static const uint8_t list[] = { 3, 0, 0, 0x10, 0, 0, 0, 0, 1, 0, 0, 0, U64(5), 0, 0, 0, 0,
		2, 0, 0, 0, U64(7), 1, 0, 0, 0, 1, 0, 0, 0, U64(2) };
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = NULL;

	(void)state;
	assert_int_equal(gtid_set_decode_mariadb(&s, list, sizeof(list)), 0);
	expect_text(s, "0-2-7,1-1-2");
	for (size_t cut = 0; cut < sizeof(list); cut++) {
		struct gtid_set *torn = NULL;

		assert_int_equal(gtid_set_decode_mariadb(&torn, list, cut), -EBADMSG);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mysql_text_becomes_canonical),
		cmocka_unit_test(tags_follow_their_uuid),
		cmocka_unit_test(mariadb_text_keeps_the_last_of_a_domain),
		cmocka_unit_test(bad_text_is_refused_with_its_place),
		cmocka_unit_test(single_transactions_melt_into_intervals),
		cmocka_unit_test(mariadb_adds_replace_within_a_domain),
		cmocka_unit_test(containing_looks_at_every_interval),
		cmocka_unit_test(equal_sets_have_the_same_transactions),
		cmocka_unit_test(merging_is_the_union),
		cmocka_unit_test(random_adds_give_the_same_set_as_a_bitmap),
		cmocka_unit_test(the_wire_form_is_that_of_the_protocol),
		cmocka_unit_test(hostile_bytes_are_refused),
		cmocka_unit_test(a_mariadb_list_gives_the_last_of_each_domain),
	};

	return test_main(argc, argv, "gtid", tests);
}
