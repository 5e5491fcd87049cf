/* test-position.c - names of binlog files and their order. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "dm/position.h"

static void only_a_base_and_a_number_are_a_file_name(void **state)
{
	(void)state;
	assert_true(binlog_name_is_valid("mysql-bin.000003"));
	assert_true(binlog_name_is_valid("mysql-bin|000002.000003"));
	assert_true(binlog_name_is_valid("b.1"));
	assert_false(binlog_name_is_valid(""));
	assert_false(binlog_name_is_valid("mysql-bin"));
	assert_false(binlog_name_is_valid(".000003"));
	assert_false(binlog_name_is_valid("mysql-bin."));
	assert_false(binlog_name_is_valid("mysql-bin.000000"));
	assert_false(binlog_name_is_valid("mysql.bin.000003"));
	assert_false(binlog_name_is_valid("mysql-bin.00000x"));
	assert_false(binlog_name_is_valid("mysql-bin.+3"));
	assert_false(binlog_name_is_valid("mysql-bin.99999999999999999999"));
}

static void a_name_longer_than_its_buffer_is_refused(void **state)
{
	char name[BINLOG_NAME_MAX + 8], ret[BINLOG_NAME_MAX];

	(void)state;
	memset(name, 'a', sizeof(name));
	memcpy(name + BINLOG_NAME_MAX - 1 - 7, ".000009", 8);
	assert_true(binlog_name_is_valid(name)); /* 255 bytes */
	assert_int_equal(binlog_name_join(name, 1, ret), -EINVAL);
	memset(name, 'a', sizeof(name));
	memcpy(name + BINLOG_NAME_MAX - 7, ".000009", 8);
	assert_false(binlog_name_is_valid(name));
}

static void expect_next(const char *name, const char *next)
{
	char ret[BINLOG_NAME_MAX];

	assert_int_equal(binlog_name_next(name, ret), 0);
	assert_string_equal(ret, next);
}

static void the_next_file_has_the_next_number(void **state)
{
	char ret[BINLOG_NAME_MAX] = "kept";

	(void)state;
	expect_next("mysql-bin.000009", "mysql-bin.000010");
	expect_next("mysql-bin.999999", "mysql-bin.1000000");
	expect_next("mysql-bin|000002.000003", "mysql-bin|000002.000004");
	assert_int_equal(binlog_name_next("mysql-bin", ret), -EINVAL);
	assert_string_equal(ret, "kept");
}

static void expect_split(const char *name, const char *plain, unsigned int suffix)
{
	char ret[BINLOG_NAME_MAX];
	unsigned int ret_suffix = 99;

	assert_int_equal(binlog_name_split(name, ret, &ret_suffix), 0);
	assert_string_equal(ret, plain);
	assert_int_equal(ret_suffix, suffix);
}

static void a_suffix_is_split_off_and_joined_again(void **state)
{
	char joined[BINLOG_NAME_MAX], plain[BINLOG_NAME_MAX];
	unsigned int suffix;

	(void)state;
	expect_split("mysql-bin|000002.000003", "mysql-bin.000003", 2);
	expect_split("mysql-bin.000003", "mysql-bin.000003", RELAY_SUFFIX_NONE);
	expect_split("my|sql|000012.000003", "my|sql.000003", 12);
	/* What is no positive number is part of the upstream's own name. */
	expect_split("my|sql.000003", "my|sql.000003", RELAY_SUFFIX_NONE);
	expect_split("mysql-bin|000000.000003", "mysql-bin|000000.000003", RELAY_SUFFIX_NONE);
	expect_split("mysql-bin|.000003", "mysql-bin|.000003", RELAY_SUFFIX_NONE);
	expect_split("|000001.000003", "|000001.000003", RELAY_SUFFIX_NONE);
	assert_int_equal(binlog_name_split("x", plain, &suffix), -EINVAL);

	assert_int_equal(binlog_name_join("mysql-bin.000003", 2, joined), 0);
	assert_string_equal(joined, "mysql-bin|000002.000003");
	assert_int_equal(binlog_name_join("mysql-bin.000003", RELAY_SUFFIX_NONE, joined), 0);
	assert_string_equal(joined, "mysql-bin.000003");
}

static void the_number_of_a_name_ignores_its_suffix(void **state)
{
	uint64_t number = 0;

	(void)state;
	assert_int_equal(binlog_name_number("mysql-bin|000002.000017", &number), 0);
	assert_int_equal(number, 17);
	assert_int_equal(binlog_name_number("mysql-bin", &number), -EINVAL);
}

static int compare(const char *a, uint64_t a_pos, const char *b, uint64_t b_pos)
{
	struct binlog_position pa, pb;
	int order;

	binlog_position_set(&pa, a, a_pos);
	binlog_position_set(&pb, b, b_pos);
	order = binlog_position_compare(&pa, &pb);
	assert_int_equal(
		(order > 0) - (order < 0), -((binlog_position_compare(&pb, &pa) > 0) -
						   (binlog_position_compare(&pb, &pa) < 0)));
	return (order > 0) - (order < 0);
}

static void positions_are_ordered_by_suffix_then_number_then_place(void **state)
{
	(void)state;
	assert_int_equal(compare("b.000003", 4, "b.000003", 4), 0);
	assert_int_equal(compare("b.000003", 4, "b.000003", 5), -1);
	assert_int_equal(compare("b.000004", 4, "b.000003", 500), 1);
	assert_int_equal(compare("b.1000000", 4, "b.999999", 4), 1);
	assert_int_equal(compare("b|000001.000009", 4, "b|000002.000001", 4), -1);
	assert_int_equal(compare("b|000010.000001", 4, "b|000009.000001", 4), 1);
	assert_int_equal(compare("b|000001.000009", 4, "b.000009", 4), 0);
	assert_int_equal(compare("b|000001.000009", 4, "b.000008", 4), 1);
	assert_int_equal(compare("a.000009", 4, "b.000009", 4), -1);
	assert_int_equal(compare("", 0, "b.000001", 4), -1);
	assert_int_equal(compare("", 0, "", 0), 0);
	assert_int_equal(compare("b.000001", UINT64_C(1) << 33, "b.000001", 4), 1);
}

static void positions_are_printed_in_both_notations(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	struct binlog_position p;

	(void)state;
	binlog_position_set(&p, "mysql-bin|000001.000002", UINT64_C(5000000000));
	binlog_position_text(&p, &text);
	assert_string_equal(text.data, "(mysql-bin|000001.000002, 5000000000)");
	dm_str_clear(&text);
	binlog_position_colon(&p, &text);
	assert_string_equal(text.data, "mysql-bin|000001.000002:5000000000");
	dm_str_clear(&text);
	p = (struct binlog_position){ 0 };
	binlog_position_text(&p, &text);
	assert_string_equal(text.data, "(, 0)");
}

static void a_name_that_is_too_long_is_cut(void **state)
{
	char name[2 * BINLOG_NAME_MAX];
	struct binlog_position p;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	binlog_position_set(&p, name, 4);
	assert_int_equal(strlen(p.name), BINLOG_NAME_MAX - 1);
	binlog_position_set(&p, p.name + 250, 5); /* may overlap */
	assert_string_equal(p.name, "aaaaa");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_base_and_a_number_are_a_file_name),
		cmocka_unit_test(a_name_longer_than_its_buffer_is_refused),
		cmocka_unit_test(the_next_file_has_the_next_number),
		cmocka_unit_test(a_suffix_is_split_off_and_joined_again),
		cmocka_unit_test(the_number_of_a_name_ignores_its_suffix),
		cmocka_unit_test(positions_are_ordered_by_suffix_then_number_then_place),
		cmocka_unit_test(positions_are_printed_in_both_notations),
		cmocka_unit_test(a_name_that_is_too_long_is_cut),
	};

	return test_main(argc, argv, "position", tests);
}
