/* test-json.c - the three forms of JSON, and Go's way of writing strings. */
#include "test.h"

#include <string.h>

#include "dm/json.h"

/* One document with everything in it that differs between the forms. */
static void write_sample(struct json *j)
{
	json_object_begin(j);
	json_key_bool(j, "result", true);
	json_key_string(j, "msg", NULL);
	json_key(j, "list");
	json_array_begin(j);
	json_int(j, -1);
	json_quoted_int(j, INT64_MIN);
	json_object_begin(j);
	json_key_quoted_uint(j, "n", UINT64_MAX);
	json_object_end(j);
	json_array_end(j);
	json_key(j, "none");
	json_array_begin(j);
	json_array_end(j);
	json_key(j, "dump");
	json_object_begin(j);
	json_object_end(j);
	json_key_null(j, "detail");
	json_object_end(j);
}

static void expect_form(enum json_form form, const char *expected)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	struct json j;

	json_init(&j, &text, form);
	write_sample(&j);
	assert_string_equal(text.data, expected);
}

static void compact_has_no_white_space(void **state)
{
	(void)state;
	expect_form(JSON_COMPACT,
		"{\"result\":true,\"msg\":\"\",\"list\":[-1,\"-9223372036854775808\","
		"{\"n\":\"18446744073709551615\"}],\"none\":[],\"dump\":{},\"detail\":null}");
}

static void dm_form_puts_empty_things_on_lines_as_jsonpb_does(void **state)
{
	(void)state;
	expect_form(JSON_DM, "{\n"
			     "    \"result\": true,\n"
			     "    \"msg\": \"\",\n"
			     "    \"list\": [\n"
			     "        -1,\n"
			     "        \"-9223372036854775808\",\n"
			     "        {\n"
			     "            \"n\": \"18446744073709551615\"\n"
			     "        }\n"
			     "    ],\n"
			     "    \"none\": [\n"
			     "    ],\n"
			     "    \"dump\": {\n"
			     "\n"
			     "    },\n"
			     "    \"detail\": null\n"
			     "}");
}

static void go_form_keeps_empty_things_on_one_line(void **state)
{
	(void)state;
	expect_form(JSON_GO, "{\n"
			     "    \"result\": true,\n"
			     "    \"msg\": \"\",\n"
			     "    \"list\": [\n"
			     "        -1,\n"
			     "        \"-9223372036854775808\",\n"
			     "        {\n"
			     "            \"n\": \"18446744073709551615\"\n"
			     "        }\n"
			     "    ],\n"
			     "    \"none\": [],\n"
			     "    \"dump\": {},\n"
			     "    \"detail\": null\n"
			     "}");
}

static void expect_escaped(const char *bytes, size_t len, const char *expected)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	json_escape(&text, bytes, len);
	assert_string_equal(text.data, expected);
}

static void strings_are_escaped_as_go_does(void **state)
{
	(void)state;
	expect_escaped("", 0, "\"\"");
	expect_escaped("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
	expect_escaped("\n\r\t\b\f\x1f\x7f", 7, "\"\\n\\r\\t\\u0008\\u000c\\u001f\x7f\"");
	expect_escaped("gtid:<nil>&", 11, "\"gtid:\\u003cnil\\u003e\\u0026\"");
	expect_escaped("a\0b", 3, "\"a\\u0000b\"");
	expect_escaped("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", 9, "\"\\u2028\\u2029\xe2\x80\xaa\"");
	expect_escaped("\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80", 9,
		"\"\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80\"");
}

/* Each bad byte becomes one U+FFFD, and what follows is read anew. */
static void bad_utf8_becomes_the_replacement_character(void **state)
{
	(void)state;
	expect_escaped("\xff", 1, "\"\\ufffd\"");
	expect_escaped("\xc0\xaf", 2, "\"\\ufffd\\ufffd\"");
	expect_escaped("\xe0\x80\x80", 3, "\"\\ufffd\\ufffd\\ufffd\"");
	expect_escaped("\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\"");
	expect_escaped("\xf4\x90\x80\x80", 4, "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	expect_escaped("\xf0\x80\x80\x80x", 5, "\"\\ufffd\\ufffd\\ufffd\\ufffdx\"");
	expect_escaped("\xe6\x97", 2, "\"\\ufffd\\ufffd\"");
	expect_escaped("\xe6\x97<", 3, "\"\\ufffd\\ufffd\\u003c\"");
	expect_escaped("\x80z", 2, "\"\\ufffdz\"");
}

static void expect_base64(const char *bytes, size_t len, const char *expected)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	struct json j;

	json_init(&j, &text, JSON_COMPACT);
	json_base64(&j, bytes, len);
	assert_string_equal(text.data, expected);
}

static void bytes_are_base64_and_nil_is_null(void **state)
{
	(void)state;
	expect_base64(NULL, 0, "null");
	expect_base64("", 0, "\"\"");
	expect_base64("f", 1, "\"Zg==\"");
	expect_base64("fo", 2, "\"Zm8=\"");
	expect_base64("foo", 3, "\"Zm9v\"");
	expect_base64("foob", 4, "\"Zm9vYg==\"");
	expect_base64("\xfb\xff\xfe", 3, "\"+//+\"");
}

static void thousandths_keep_their_sign_and_zeros(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	struct json j;

	(void)state;
	json_init(&j, &text, JSON_COMPACT);
	json_array_begin(&j);
	json_thousandths(&j, 0);
	json_thousandths(&j, 1500);
	json_thousandths(&j, -7);
	json_thousandths(&j, INT64_MIN);
	json_array_end(&j);
	assert_string_equal(text.data, "[0.000,1.500,-0.007,-9223372036854775.808]");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compact_has_no_white_space),
		cmocka_unit_test(dm_form_puts_empty_things_on_lines_as_jsonpb_does),
		cmocka_unit_test(go_form_keeps_empty_things_on_one_line),
		cmocka_unit_test(strings_are_escaped_as_go_does),
		cmocka_unit_test(bad_utf8_becomes_the_replacement_character),
		cmocka_unit_test(bytes_are_base64_and_nil_is_null),
		cmocka_unit_test(thousandths_keep_their_sign_and_zeros),
	};

	return test_main(argc, argv, "json", tests);
}
