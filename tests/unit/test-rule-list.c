/* test-rule-list.c - which tables the block and allow list keeps. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm/conf-task.h"
#include "dm/rule.h"

/* A list of at most 8 entries a kind: names, and "db.table" pairs. */
struct texts {
	const char *do_dbs[8], *ignore_dbs[8], *do_tables[8], *ignore_tables[8];
};

static void fill_tables(
	const char *const *from, struct conf_table *tables, size_t *count, char (*names)[2][64])
{
	for (*count = 0; *count < 8 && from[*count]; ++*count) {
		const char *dot = strstr(from[*count], " . ");

		assert_non_null(dot);
		(void)snprintf(
			names[*count][0], 64, "%.*s", (int)(dot - from[*count]), from[*count]);
		(void)snprintf(names[*count][1], 64, "%s", dot + 3);
		tables[*count] = (struct conf_table){ names[*count][0], names[*count][1] };
	}
}

static int make(
	const struct texts *t, bool case_sensitive, struct rule_list **ret, struct dm_error *reterr)
{
	struct conf_table do_tables[8], ignore_tables[8];
	char names[2][8][2][64];
	struct conf_list list = { .do_dbs = { .at = (char **)t->do_dbs },
		.ignore_dbs = { .at = (char **)t->ignore_dbs },
		.do_tables = do_tables,
		.ignore_tables = ignore_tables };

	while (list.do_dbs.count < 8 && t->do_dbs[list.do_dbs.count])
		list.do_dbs.count++;
	while (list.ignore_dbs.count < 8 && t->ignore_dbs[list.ignore_dbs.count])
		list.ignore_dbs.count++;
	fill_tables(t->do_tables, do_tables, &list.do_table_count, names[0]);
	fill_tables(t->ignore_tables, ignore_tables, &list.ignore_table_count, names[1]);
	return rule_list_new(&list, case_sensitive, ret, reterr);
}

struct row {
	const char *schema, *table;
	bool keeps;
};

static void expect(const struct texts *t, bool case_sensitive, const struct row *rows, size_t count)
{
	DM_CLEANUP(rule_list_freep) struct rule_list *l = NULL;
	struct dm_error err = { 0 };

	if (make(t, case_sensitive, &l, &err) < 0)
		fail_msg("%s", err.message);
	for (size_t i = 0; i < count; i++)
		if (rule_list_keeps(l, rows[i].schema, rows[i].table) != rows[i].keeps)
			fail_msg("%s.%s: wanted %d", rows[i].schema, rows[i].table, rows[i].keeps);
}
#define EXPECT(t, sensitive, rows) expect(t, sensitive, rows, DM_COUNT_OF(rows))

static void no_list_keeps_everything(void **state)
{
	static const struct texts empty = { 0 };
	static const struct row rows[] = { { "a", "b", true }, { "a", "", true },
		{ "", "", true } };
	DM_CLEANUP(rule_list_freep) struct rule_list *l = NULL;
	struct dm_error err = { 0 };

	(void)state;
	assert_int_equal(rule_list_new(NULL, false, &l, &err), 0);
	assert_true(rule_list_keeps(l, "a", "b"));
	EXPECT(&empty, false, rows);
}

static void do_dbs_make_ignore_dbs_unread(void **state)
{
	static const struct texts both = { .do_dbs = { "a*", "b" }, .ignore_dbs = { "ab" } };
	static const struct texts ignore = { .ignore_dbs = { "ab", "~^c" } };
	static const struct row with_do[] = { { "a", "t", true }, { "ab", "t", true },
		{ "b", "", true }, { "bb", "t", false }, { "c", "", false } };
	static const struct row without[] = { { "ab", "t", false }, { "a", "t", true },
		{ "cd", "", false }, { "dc", "", true } };

	(void)state;
	EXPECT(&both, false, with_do);
	EXPECT(&ignore, false, without);
}

static void do_tables_beat_ignore_tables(void **state)
{
	static const struct texts t = { .do_dbs = { "d*" },
		.do_tables = { "d1 . keep*" },
		.ignore_tables = { "d1 . *", "d2 . x" } };
	static const struct texts ignore = { .ignore_tables = { "~^d . tmp*", "d2 . ~_old$" } };
	static const struct row rows[] = { { "d1", "keeper", true }, { "d1", "other", false },
		{ "d2", "x", false }, { "d2", "y", false }, { "d1", "", true },
		{ "e1", "keep", false } };
	static const struct row ignored[] = { { "d9", "tmp1", false }, { "xd", "tmp1", true },
		{ "d2", "a_old", false }, { "d2", "a_older", true }, { "d3", "a_old", true },
		{ "d2", "", true } };

	(void)state;
	EXPECT(&t, false, rows);
	EXPECT(&ignore, false, ignored);
}

static void wildcards_are_dms(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} rows[] = {
		{ "abc", "abc", true },
		{ "abc", "abcd", false },
		{ "abc", "xabc", false },
		{ "*", "x", true },
		{ "*", "", true },
		{ "a*", "a", true },
		{ "a?c", "abc", true },
		{ "a?c", "ac", false },
		{ "a?c",
			"a\xc3\xa4"
			"c",
			true }, /* one character of two bytes */
		{ "a?", "a\xf0\x9f\x98\x80", true },
		{ "??", "\xe6\x97\xa5\xe6\x9c\xac", true },
		{ "t[0-3]", "t2", true },
		{ "t[0-3]", "t4", false },
		{ "t[!0-3]", "t4", true },
		{ "t[!0-3]", "t2", false },
		{ "t[abc]", "tb", true },
		{ "t[!]", "t!", true },
		{ "t[!]", "tx", false },
		{ "t[", "t[", true },
		{ "t[a", "t[a", true },
		{ "t[]", "t[]", true },
		{ "t[-a]", "t-", true },
		{ "t[a-]", "t-", true },
		{ "t[\xc3\xa4-\xc3\xb6]", "t\xc3\xa5", true },
		{ "t[\xc3\xa4-\xc3\xb6]", "t\xc3\xbc", false },
		{ "t[^a]", "t^", true },
		{ "t[\\d]", "t\\", true },
		{ "t[\\d]", "t5", false },
		{ "a.c", "abc", false },
		{ "a+(b)|c{2}$^", "a+(b)|c{2}$^", true },
		{ "a\\", "a\\", true },
		{ "~^t[\\d]+", "t12", true },
		{ "~^t[\\d]+", "_t12_gho", false },
		{ "~b", "abc", true },
		{ "~^a$", "a\n", false },
		{ "~", "anything", true },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++)
		for (int sensitive = 0; sensitive < 2; sensitive++) {
			const struct texts t = { .do_dbs = { rows[i].pattern } };
			const struct row row = { rows[i].name, "", rows[i].matches };

			expect(&t, sensitive, &row, 1);
		}
}

static void letters_count_by_the_task_s_wish(void **state)
{
	static const struct texts t = { .do_dbs = { "Shop", "B?R*", "~^re[gx]", "\xc3\x84pfel",
						"\xc3\x96*" } };
	static const struct row same[] = { { "Shop", "", true }, { "BaR1", "", true },
		{ "reg", "", true }, { "\xc3\x84pfel", "", true }, { "\xc3\x96l", "", true } };
	static const struct row other[] = { { "SHOP", "", true }, { "bar1", "", true },
		{ "REX", "", true }, { "\xc3\xa4PFEL", "", true }, { "\xc3\xb6l", "", true } };
	static const struct row strict[] = { { "SHOP", "", false }, { "bar1", "", false },
		{ "REX", "", false }, { "\xc3\xa4PFEL", "", false }, { "\xc3\xb6l", "", false } };

	(void)state;
	EXPECT(&t, true, same);
	EXPECT(&t, false, same);
	EXPECT(&t, false, other);
	EXPECT(&t, true, strict);
}

static void an_entry_that_cannot_be_used_is_named(void **state)
{
	static const struct {
		struct texts t;
		const char *message;
	} rows[] = {
		{ { .do_dbs = { "a", "" } }, "generate black white list: do-dbs[1]: DoDB rule's DB "
					     "string cannot be empty" },
		{ { .ignore_dbs = { "" } }, "generate black white list: ignore-dbs[0]: IgnoreDB "
					    "rule's DB string cannot be empty" },
		{ { .do_tables = { "a . " } }, "generate black white list: do-tables[0]: DoTables "
					       "rule's DB string or Table string cannot be empty" },
		{ { .ignore_tables = { "a . b", " . b" } },
			"generate black white list: ignore-tables[1]: IgnoreTables rule's DB "
			"string or Table string cannot be empty" },
		{ { .do_dbs = { "a*b" } },
			"generate black white list: do-dbs[0]: pattern a*b not valid" },
		{ { .do_tables = { "a . b", "a . **" } },
			"generate black white list: do-tables[1]: pattern ** not valid" },
		{ { .do_dbs = { "~(ab" } }, "generate black white list: do-dbs[0]: error parsing "
					    "regexp: missing closing parenthesis at 3: `~(ab`" },
		{ { .do_dbs = { "~(a)\\1" } },
			"generate black white list: do-dbs[0]: error parsing regexp: pattern "
			"contains an item that is not supported for DFA matching at 0: `~(a)\\1`" },
		{ { .ignore_tables = { "a[z-a] . b" } },
			"generate black white list: ignore-tables[0]: error parsing regexp: range "
			"out of order in character class at 4: `a[z-a]`" },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
		struct rule_list *l = NULL;

		assert_int_equal(make(&rows[i].t, false, &l, &err), -1);
		assert_null(l);
		assert_int_equal(err.code, DM_ERR_SYNC_BLOCK_ALLOW_LIST);
		assert_string_equal(err.message, rows[i].message);
	}
}

static void an_expensive_expression_ends(void **state)
{
	static const struct texts t = {
		.do_dbs = { "~^(a+)+$", "~^(a|a|aa)*$", "~(x+x+)+y",
			"~(?=.*(?=.*(?=.*(?=.*(?=.*(?=.*(?=.*(?=.*(?=.*q)))))))))" }
	};
	static const struct row rows[] = {
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "", false },
		{ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "", false },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "", true },
	};

	(void)state;
	EXPECT(&t, false, rows);
}

static void a_name_that_is_no_utf8_matches_literally_only(void **state)
{
	static const struct texts t = { .do_dbs = { "a?c" } };
	static const struct row rows[] = { { "a\xff"
					     "c",
		"", false } };

	(void)state;
	EXPECT(&t, false, rows);
}

static void system_schemas_are_known_in_any_case(void **state)
{
	static const char *const names[] = { "mysql", "SYS", "Information_Schema",
		"performance_schema", "DM_HEARTBEAT", "INSPECTION_SCHEMA", "METRICS_SCHEMA" };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(names); i++)
		assert_true(rule_is_system_schema(names[i]));
	assert_false(rule_is_system_schema("mysql2"));
	assert_false(rule_is_system_schema(""));
	assert_false(rule_is_system_schema("dm_meta"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_list_keeps_everything),
		cmocka_unit_test(do_dbs_make_ignore_dbs_unread),
		cmocka_unit_test(do_tables_beat_ignore_tables),
		cmocka_unit_test(wildcards_are_dms),
		cmocka_unit_test(letters_count_by_the_task_s_wish),
		cmocka_unit_test(an_entry_that_cannot_be_used_is_named),
		cmocka_unit_test(an_expensive_expression_ends),
		cmocka_unit_test(a_name_that_is_no_utf8_matches_literally_only),
		cmocka_unit_test(system_schemas_are_known_in_any_case),
	};

	return test_main(argc, argv, "rule-list", tests);
}
