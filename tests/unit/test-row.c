/* test-row.c - rows of real servers against what these select, and hostile ones by hand. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "row-print.h"

/* The text is what the server selected when the file was made (tests/lib/rowtext.py makes both). */
static void expect_rows(const char *binlog, const char *text, bool shows_columns)
{
	DM_CLEANUP(dm_str_done) struct dm_str file = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };

	read_data(binlog, &file);
	print_binlog(&file, shows_columns, &out);
	expect_file(text, &out);
}

static void every_type_of_mysql_9_7_has_the_selected_value(void **state)
{
	(void)state;
	expect_rows("mysql-types.binlog", "mysql-types.txt", false);
}

static void every_type_of_mariadb_10_11_has_the_selected_value(void **state)
{
	(void)state;
	expect_rows("mariadb-types.binlog", "mariadb-types.txt", false);
}

static void images_keys_and_partial_json_of_mysql_are_read(void **state)
{
	(void)state;
	expect_rows("mysql-updates.binlog", "mysql-updates.txt", true);
}

static void images_and_packed_rows_of_mariadb_are_read(void **state)
{
	(void)state;
	expect_rows("mariadb-updates.binlog", "mariadb-updates.txt", true);
}

/* Tables and rows made by hand. */
static const struct binlog_format format = { .is_known = true, .server_version = "8.0.36" };

static struct binlog_body body_of(const struct dm_str *bytes)
{
	return (struct binlog_body){ .bytes = (const uint8_t *)dm_str_get(bytes),
		.len = bytes->len };
}

/* Table 7 `s`.`t`: types, their meta, and optional metadata; all columns may be NULL. */
static void make_table(struct dm_str *out, const char *types, size_t columns, const char *meta,
	size_t meta_len, const char *more, size_t more_len)
{
	dm_str_clear(out);
	dm_str_add_bytes(out, "\7\0\0\0\0\0\1\0\1s\0\1t", 13);
	dm_str_add_char(out, '\0');
	dm_str_add_char(out, (char)columns);
	dm_str_add_bytes(out, types, columns);
	dm_str_add_char(out, (char)meta_len);
	dm_str_add_bytes(out, meta, meta_len);
	for (size_t i = 0; i < (columns + 7) / 8; i++)
		dm_str_add_char(out, '\xff');
	dm_str_add_bytes(out, more, more_len);
}

static int parse_table(const char *types, size_t columns, const char *meta, size_t meta_len,
	const char *more, size_t more_len, struct row_table *ret)
{
	DM_CLEANUP(dm_str_done) struct dm_str bytes = { 0 };
	struct binlog_body body;

	make_table(&bytes, types, columns, meta, meta_len, more, more_len);
	body = body_of(&bytes);
	return row_table_parse(&format, &body, ret);
}

/* One value of one column, as it lies in a row, printed; "error N" when it is refused. */
static void expect_column(uint8_t type, const char *meta, size_t meta_len, const void *bytes,
	size_t len, const char *text)
{
	DM_CLEANUP(dm_str_done) struct dm_str event = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
	const struct row_value *before, *after = NULL;
	struct row_decoder *d = row_decoder_new();
	struct row_table t = { 0 };
	struct binlog_body body;
	enum row_kind kind;
	unsigned int column = 99;
	int r;

	assert_int_equal(parse_table((const char *)&type, 1, meta, meta_len, "", 0, &t), 0);
	dm_str_add_bytes(&event, "\7\0\0\0\0\0\1\0\2\0\1\xff\0", 13);
	dm_str_add_bytes(&event, bytes, len);
	body = body_of(&event);
	assert_int_equal(row_decoder_begin(d, EVENT_WRITE_ROWS, &format, &body, &t, &kind), 0);
	assert_int_equal(kind, ROW_INSERT);
	r = row_decoder_next(d, &before, &after, &column);
	if (r == 1) {
		assert_null(before);
		print_value(&out, &after[0]);
		assert_int_equal(row_decoder_next(d, &before, &after, &column), 0);
	} else {
		assert_int_equal(column, 0);
		dm_str_addf(&out, "error %d", r);
		assert_int_equal(row_decoder_next(d, &before, &after, &column), r);
	}
	if (strcmp(dm_str_get(&out), text) != 0)
		fail_msg("type %u: want %s, have %s", type, text, dm_str_get(&out));
	row_table_done(&t);
	row_decoder_free(d);
}

#define EXPECT(type, meta, bytes, text) \
	expect_column(type, meta, sizeof(meta) - 1, bytes, sizeof(bytes) - 1, text)
#define BAD "error -74"

static void types_of_old_servers_are_read(void **state)
{
	(void)state;
	EXPECT(ROW_TIME, "", "\x59\x0a\x80", "-838:59:59");
	EXPECT(ROW_TIME, "", "\xff\xff\xff", "-00:00:01");
	EXPECT(ROW_TIME, "", "\x40\xe2\x01", "12:34:56");
	EXPECT(ROW_DATETIME, "", "\xf6\x7c\xac\x8b\x68\x12\x00\x00", "2024-02-29 23:59:58");
	EXPECT(ROW_DATETIME, "", "\0\0\0\0\0\0\0\0", "0000-00-00 00:00:00");
	EXPECT(ROW_TIMESTAMP, "", "\0\0\0\0", "0000-00-00 00:00:00");
	EXPECT(ROW_TIMESTAMP, "", "\1\0\0\0", "1970-01-01 00:00:01");
	EXPECT(ROW_TIMESTAMP, "", "\xff\xff\xff\xff", "2106-02-07 06:28:15");
	EXPECT(ROW_NEWDATE, "", "\x5d\xd0\x0f", "2024-02-29");
	EXPECT(ROW_VAR_STRING, "\5\0", "\2ab", "'6162'");
	EXPECT(ROW_LONG_BLOB, "\4", "\2\0\0\0ab", "x'6162'");
	EXPECT(ROW_TINY_BLOB, "\1", "\2ab", "x'6162'");
	EXPECT(ROW_NULL, "", "", "NULL");
}

static void impossible_values_are_refused(void **state)
{
	(void)state;
	EXPECT(ROW_TIME2, "\7", "\x80\0\0\0\0\0\0", BAD); /* fsp 7 */
	EXPECT(ROW_TIME2, "\2", "\x80\0\0\x64", BAD); /* 100 hundredths */
	EXPECT(ROW_DATETIME2, "\0", "\x7f\xff\xff\xff\xff", BAD); /* below zero */
	EXPECT(ROW_DATETIME2, "\0", "\xff\xff\xff\xff\xff", BAD); /* year 10082 */
	EXPECT(ROW_DATE, "", "\xff\xff\xff", BAD); /* year 32767 */
	EXPECT(ROW_DATETIME, "", "\xff\xff\xff\xff\xff\xff\xff\xff", BAD);
	EXPECT(ROW_TIME, "", "\0\0\x7f", "832:30:72"); /* 8323072: digits, whatever they say */
	EXPECT(ROW_TIME2, "\0", "\xff\xff\xff", BAD); /* 1023 hours */
	EXPECT(ROW_NEWDECIMAL, "\0\0", "", BAD);
	EXPECT(ROW_NEWDECIMAL, "\122\0", "", BAD); /* 82 digits */
	EXPECT(ROW_NEWDECIMAL, "\2\3", "\x80\0", BAD); /* more decimals than digits */
	EXPECT(ROW_NEWDECIMAL, "\1\0", "\x8a", BAD); /* the digit ten */
	EXPECT(ROW_BIT, "\0\0", "", BAD);
	EXPECT(ROW_BIT, "\1\10", "123456789", BAD); /* 65 bits */
	EXPECT(ROW_ENUM, "\xf7\0", "", BAD);
	EXPECT(ROW_SET, "\xf8\x9", "123456789", BAD);
	EXPECT(ROW_BLOB, "\5", "\1\0\0\0\0a", BAD);
	EXPECT(ROW_BLOB, "\0", "", BAD);
	EXPECT(99, "", "", "error -95");
}

static void values_cut_short_are_refused(void **state)
{
	static const struct {
		uint8_t type;
		char meta[2];
		size_t meta_len, len;
	} rows[] = { { ROW_TINY, "", 0, 1 }, { ROW_SHORT, "", 0, 2 }, { ROW_INT24, "", 0, 3 },
		{ ROW_LONG, "", 0, 4 }, { ROW_LONGLONG, "", 0, 8 }, { ROW_FLOAT, "\4", 1, 4 },
		{ ROW_DOUBLE, "\10", 1, 8 }, { ROW_YEAR, "", 0, 1 }, { ROW_DATE, "", 0, 3 },
		{ ROW_TIME, "", 0, 3 }, { ROW_DATETIME, "", 0, 8 }, { ROW_TIMESTAMP, "", 0, 4 },
		{ ROW_TIMESTAMP2, "\6", 1, 7 }, { ROW_DATETIME2, "\5", 1, 8 },
		{ ROW_TIME2, "\3", 1, 5 }, { ROW_BIT, { 3, 1 }, 2, 2 },
		{ ROW_NEWDECIMAL, { 10, 4 }, 2, 5 }, { ROW_STRING, { (char)0xf7, 2 }, 2, 2 } };
	static const uint8_t zeros[8];

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++)
		for (size_t cut = 0; cut < rows[i].len; cut++)
			expect_column(
				rows[i].type, rows[i].meta, rows[i].meta_len, zeros, cut, BAD);
	EXPECT(ROW_VARCHAR, "\5\0", "\3ab", BAD);
	EXPECT(ROW_VARCHAR, "\0\1", "\3", BAD);
	EXPECT(ROW_STRING, "\xce\0", "\3\0ab", BAD);
	EXPECT(ROW_GEOMETRY, "\4", "\xff\xff\xff\xff", BAD);
}

static void packed_columns_of_mariadb_are_unpacked(void **state)
{
	(void)state;
	EXPECT(ROW_MARIADB_VARCHAR_COMPRESSED, "\x65\0", "\0", "''");
	EXPECT(ROW_MARIADB_VARCHAR_COMPRESSED, "\x65\0", "\3\0ab", "'6162'");
	EXPECT(ROW_MARIADB_BLOB_COMPRESSED, "\1", "\1\0", "x''");
	EXPECT(ROW_MARIADB_BLOB_COMPRESSED, "\1", "\x09\x81\5\x03\x4b\x04\x02\x00\x00", BAD);
	/* ten 'z', with zlib's header and raw */
	EXPECT(ROW_MARIADB_BLOB_COMPRESSED, "\1",
		"\x0d\x81\x0a\x78\x9c\xab\xaa\x82\x01\x00\x1a\x40\x04\xc5",
		"x'7a7a7a7a7a7a7a7a7a7a'");
	EXPECT(ROW_MARIADB_BLOB_COMPRESSED, "\1", "\x07\x89\x0a\xab\xaa\x82\x01\x00",
		"x'7a7a7a7a7a7a7a7a7a7a'");
	EXPECT(ROW_MARIADB_BLOB_COMPRESSED, "\1", "\2\x91\1", "error -95");
	EXPECT(ROW_MARIADB_BLOB_COMPRESSED, "\1", "\2\x80\1", BAD);
	EXPECT(ROW_MARIADB_BLOB_COMPRESSED, "\1", "\2\x87\1", BAD);
}

#define EXPECT_JSON(bytes, text) expect_json(bytes, sizeof(bytes) - 1, text)

static void expect_json(const char *bytes, size_t len, const char *text)
{
	DM_CLEANUP(dm_str_done) struct dm_str value = { 0 };

	dm_str_add_bytes(&value, &(uint32_t){ (uint32_t)len }, 4);
	dm_str_add_bytes(&value, bytes, len);
	expect_column(ROW_JSON, "\4", 1, value.data, value.len, text);
}

static void json_by_hand_is_printed(void **state)
{
	(void)state;
	EXPECT_JSON("", "null");
	EXPECT_JSON("\4\1", "true");
	EXPECT_JSON("\5\xff\xff", "-1");
	EXPECT_JSON("\x0c\1\x01", "\"\\u0001\"");
	EXPECT_JSON("\x0c\3\v\b\x7f", "\"\\u000b\\b\x7f\"");
	EXPECT_JSON("\x0b\0\0\0\0\0\0\xf0\x3f", "1.0");
	EXPECT_JSON("\2\2\0\x0a\0\4\0\0\5\7\0", "[null, 7]");
	EXPECT_JSON("\x0f\xfc\2\x01\x02", "\"base64:type252:AQI=\"");
	EXPECT_JSON("\x0f\xf6\3\1\0\x87", "7");
	EXPECT_JSON("\0\1\0\x0c\0\x0b\0\1\0\4\1\0k", "{\"k\": true}");
}

static void broken_json_is_refused(void **state)
{
	(void)state;
	EXPECT_JSON("\4\3", BAD); /* a literal that is none */
	EXPECT_JSON("\x0d", BAD); /* a type that is none */
	EXPECT_JSON("\x0b\0\0\0\0\0\0\xf0\x7f", BAD); /* infinity */
	EXPECT_JSON("\x0c\5abc", BAD);
	EXPECT_JSON("\x0c\x80\x80\x80\x80\x80\1", BAD); /* a length of six bytes */
	EXPECT_JSON("\2\2\0\x0b\0\4\0\0\5\7\0", BAD); /* longer than what there is */
	EXPECT_JSON("\2\2\0\x08\0\4\0\0\5\7\0", BAD); /* shorter than its header */
	EXPECT_JSON("\3\xff\xff\xff\xff\x0a\0\0\0", BAD); /* 4 G elements */
	EXPECT_JSON("\2\1\0\7\0\2\0\0", BAD); /* an element that is the array itself */
	EXPECT_JSON("\2\1\0\7\0\2\7\0", BAD); /* an element behind the end */
	EXPECT_JSON("\0\1\0\x0c\0\x0b\0\2\0\4\1\0k", BAD); /* a key that is too long */
	EXPECT_JSON("\0\1\0\x0c\0\x03\0\1\0\4\1\0k", BAD); /* a key in the header */
	EXPECT_JSON("\x0f\x0c\7\0\0\0\0\0\0\0", BAD); /* a date of seven bytes */
	EXPECT_JSON("\x0f\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff", BAD); /* a date below zero */
}

/* Arrays in arrays, `depth` of them. */
static void make_deep_json(struct dm_str *out, unsigned int depth)
{
	size_t len = (size_t)depth * 7 - 3;

	dm_str_clear(out);
	dm_str_add_char(out, '\2');
	for (unsigned int i = 0; i + 1 < depth; i++, len -= 7) {
		const char array[] = { 1, 0, (char)len, (char)(len >> 8), 2, 7, 0 };

		dm_str_add_bytes(out, array, sizeof(array));
	}
	dm_str_add_bytes(out, "\0\0\4\0", 4);
}

static void json_nests_as_deep_as_mysql_allows(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str json = { 0 };
	char text[201] = { 0 };

	(void)state;
	memset(text, '[', 100);
	memset(text + 100, ']', 100);
	make_deep_json(&json, 100);
	expect_json(json.data, json.len, text);
	make_deep_json(&json, 101);
	expect_json(json.data, json.len, BAD);
}

/* Each level points twice to the same next one: without a budget 2^60 values. */
static void json_that_overlaps_does_not_grow(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str json = { 0 };

	(void)state;
	dm_str_add_char(&json, '\2');
	for (size_t len = 60 * 10 + 4; len > 4; len -= 10) {
		const char array[] = { 2, 0, (char)len, (char)(len >> 8), 2, 10, 0, 2, 10, 0 };

		dm_str_add_bytes(&json, array, sizeof(array));
	}
	dm_str_add_bytes(&json, "\0\0\4\0", 4);
	expect_json(json.data, json.len, BAD);
}

/* A partial update of {"k": true} (bytes in `before`): one JSON column, the diffs given. */
static void expect_patch(const char *before, size_t before_len, const char *diffs, size_t diffs_len,
	const char *text)
{
	DM_CLEANUP(dm_str_done) struct dm_str event = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
	const struct row_value *was = NULL, *is = NULL;
	struct row_decoder *d = row_decoder_new();
	struct row_table t = { 0 };
	struct binlog_body body;
	enum row_kind kind;
	unsigned int column;
	int r;

	assert_int_equal(parse_table("\xf5", 1, "\4", 1, "", 0, &t), 0);
	dm_str_add_bytes(&event, "\7\0\0\0\0\0\1\0\2\0\1\xff\xff", 13);
	dm_str_add_char(&event, '\0');
	dm_str_add_bytes(&event, &(uint32_t){ (uint32_t)before_len }, 4);
	dm_str_add_bytes(&event, before, before_len);
	dm_str_add_bytes(&event, "\1\1\0", 3); /* options, which column is partial, which is NULL */
	dm_str_add_bytes(&event, &(uint32_t){ (uint32_t)diffs_len }, 4);
	dm_str_add_bytes(&event, diffs, diffs_len);
	body = body_of(&event);
	assert_int_equal(
		row_decoder_begin(d, EVENT_PARTIAL_UPDATE_ROWS, &format, &body, &t, &kind), 0);
	assert_int_equal(kind, ROW_UPDATE);
	r = row_decoder_next(d, &was, &is, &column);
	if (r == 1)
		print_value(&out, &is[0]);
	else
		dm_str_addf(&out, "error %d", r);
	if (strcmp(dm_str_get(&out), text) != 0)
		fail_msg("patch: want %s, have %s", text, dm_str_get(&out));
	row_table_done(&t);
	row_decoder_free(d);
}

#define OBJECT "\0\1\0\x0c\0\x0b\0\1\0\4\1\0k"
#define ARRAY "\2\2\0\x0a\0\4\0\0\5\7\0"
#define EXPECT_PATCH(before, diffs, text) \
	expect_patch(before, sizeof(before) - 1, diffs, sizeof(diffs) - 1, text)
#define SEVEN "\3\5\7\0"

static void diffs_change_the_document_before(void **state)
{
	(void)state;
	EXPECT_PATCH(OBJECT, "", "{\"k\": true}");
	EXPECT_PATCH(OBJECT, "\0\3$.k" SEVEN, "{\"k\": 7}");
	EXPECT_PATCH(OBJECT, "\1\3$.b" SEVEN, "{\"b\": 7, \"k\": true}");
	EXPECT_PATCH(
		OBJECT, "\1\4$.ka" SEVEN "\1\3$.a" SEVEN, "{\"a\": 7, \"k\": true, \"ka\": 7}");
	EXPECT_PATCH(OBJECT,
		"\1\4$.\"\""
		"" SEVEN,
		"{\"\": 7, \"k\": true}");
	EXPECT_PATCH(OBJECT, "\2\3$.k", "{}");
	EXPECT_PATCH(OBJECT, "\0\3$.k\x0b" ARRAY "\0\6$.k[0]" SEVEN, "{\"k\": [7, 7]}");
	EXPECT_PATCH(OBJECT, "\1\x0e$.\"\\u00fc\\\"\\n\"" SEVEN, "{\"k\": true, \"ü\\\"\\n\": 7}");
	EXPECT_PATCH(OBJECT, "\1\x10$.\"\\uD83E\\udd8a\"" SEVEN, "{\"k\": true, \"🦊\": 7}");
	EXPECT_PATCH(ARRAY, "\0\4$[0]" SEVEN, "[7, 7]");
	EXPECT_PATCH(ARRAY, "\1\4$[1]" SEVEN "\1\4$[9]\2\4\1", "[null, 7, 7, true]");
	EXPECT_PATCH(ARRAY, "\2\4$[0]", "[7]");
	EXPECT_PATCH(ARRAY, "\2\7$[last]\2\7$[last]", "[]");
	EXPECT_PATCH(ARRAY, "\0\x09$[last-1]" SEVEN, "[7, 7]");
	EXPECT_PATCH(ARRAY, "\1\x09$[last-9]" SEVEN, "[7, null, 7]");
}

static void diffs_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	EXPECT_PATCH(OBJECT, "\0\3$.x" SEVEN, BAD); /* nothing there to replace */
	EXPECT_PATCH(OBJECT, "\1\3$.k" SEVEN, BAD); /* something there already */
	EXPECT_PATCH(OBJECT, "\2\3$.x", BAD);
	EXPECT_PATCH(OBJECT, "\0\4$[0]" SEVEN, BAD); /* no array */
	EXPECT_PATCH(ARRAY, "\0\3$.k" SEVEN, BAD); /* no object */
	EXPECT_PATCH(ARRAY, "\0\4$[2]" SEVEN, BAD);
	EXPECT_PATCH(ARRAY, "\2\x09$[last-2]", BAD);
	EXPECT_PATCH(OBJECT, "\0\5$.k.x" SEVEN, BAD); /* true has no members */
	EXPECT_PATCH(OBJECT, "\0\1$" SEVEN, BAD);
	EXPECT_PATCH(OBJECT, "\0\2.k" SEVEN, BAD);
	EXPECT_PATCH(OBJECT, "\0\3$.k\x09\5\7\0", BAD); /* cut */
	EXPECT_PATCH(OBJECT, "\3\3$.k" SEVEN, BAD); /* an operation that is none */
	EXPECT_PATCH(ARRAY, "\0\3$[0" SEVEN, BAD);
	EXPECT_PATCH(ARRAY, "\0\3$[]" SEVEN, BAD);
	EXPECT_PATCH(ARRAY, "\0\x0e$[99999999999]" SEVEN, BAD);
	EXPECT_PATCH(OBJECT, "\1\4$.\"x" SEVEN, BAD);
	EXPECT_PATCH(OBJECT, "\1\6$.\"\\x\"" SEVEN, BAD);
	EXPECT_PATCH(OBJECT, "\1\x0a$.\"\\uD83E\"" SEVEN, BAD);
	EXPECT_PATCH(OBJECT, "\0\3$.k\2\4\3", BAD); /* a value that is broken */
}

static void unknown_value_options_are_refused(void **state)
{
	struct row_decoder *d = row_decoder_new();
	const struct row_value *before, *after;
	struct row_table t = { 0 };
	struct binlog_body body = {
		.bytes = (const uint8_t *)"\7\0\0\0\0\0\1\0\2\0\1\xff\xff\1\2\1", .len = 16
	};
	enum row_kind kind;
	unsigned int column = 99;

	(void)state;
	assert_int_equal(parse_table("\xf5", 1, "\4", 1, "", 0, &t), 0);
	assert_int_equal(
		row_decoder_begin(d, EVENT_PARTIAL_UPDATE_ROWS, &format, &body, &t, &kind), 0);
	assert_int_equal(row_decoder_next(d, &before, &after, &column), -ENOTSUP);
	assert_int_equal(column, 1); /* no column is at fault */
	row_table_done(&t);
	row_decoder_free(d);
}

static void a_table_map_is_checked(void **state)
{
	struct row_table t = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str bytes = { 0 };

	(void)state;
	assert_int_equal(parse_table("\xf5", 1, "", 0, "", 0, &t), -EBADMSG); /* meta is missing */
	assert_int_equal(parse_table("\3", 1, "", 0, "\1", 1, &t), -EBADMSG);
	assert_int_equal(parse_table("\3", 1, "", 0, "\1\5\0", 3, &t), -EBADMSG);
	assert_int_equal(
		parse_table("\3", 1, "", 0, "\10\1\1", 3, &t), -EBADMSG); /* key: column 1 */
	assert_int_equal(parse_table("\3", 1, "", 0, "\10\2\0\0", 4, &t), -EBADMSG);
	assert_int_equal(
		parse_table("\3", 1, "", 0, "\4\2\5a", 4, &t), -EBADMSG); /* a name's length */
	assert_int_equal(parse_table("\3", 1, "", 0, "\4\2\1a\4\2\1a", 8, &t), -EBADMSG);
	assert_int_equal(
		parse_table("\3\3", 2, "", 0, "\4\2\1a", 4, &t), -EBADMSG); /* one of two */
	assert_null(t.columns);
	make_table(&bytes, "\3\3", 2, "", 0, "", 0);
	for (size_t cut = 0; cut < bytes.len; cut++) {
		struct binlog_body body = { .bytes = (const uint8_t *)bytes.data, .len = cut };

		assert_int_equal(row_table_parse(&format, &body, &t), -EBADMSG);
	}
	bytes.data[14] = '\xfc'; /* 0x0303 columns: more than there are */
	assert_int_equal(row_table_parse(&format,
				 &(struct binlog_body){ (uint8_t *)bytes.data, bytes.len }, &t),
		-EBADMSG);
}

/* A server that counts columns in another way must not lend one column's sign to another. */
static void metadata_that_does_not_fit_is_left_out(void **state)
{
	struct row_table t = { 0 };

	(void)state;
	assert_int_equal(
		parse_table("\3\xf", 2, "\5\0", 2, "\1\2\xff\xff\3\2\10\10\x7f\1x", 11, &t), 0);
	assert_false(t.has_signedness || t.columns[0].is_unsigned);
	assert_false(t.has_collations);
	assert_int_equal(t.columns[1].collation, 0);
	row_table_done(&t);
	assert_int_equal(parse_table("\3\xf", 2, "\5\0", 2, "\1\1\x80\2\3\10\0\x3f", 8, &t), 0);
	assert_true(t.has_signedness && t.columns[0].is_unsigned);
	assert_true(t.has_collations);
	assert_int_equal(t.columns[1].collation, 63);
	row_table_done(&t);
	assert_int_equal(parse_table("\3\xf", 2, "\5\0", 2, "\2\3\10\1\x3f", 5, &t), 0);
	assert_false(t.has_collations); /* an exception for a second column, which there is not */
	row_table_done(&t);
	assert_int_equal(parse_table("\xf\xf", 2, "\5\0\5\0", 4, "\2\5\10\1\x3f\0\x2d", 7, &t), 0);
	assert_false(t.has_collations); /* exceptions that do not rise */
	row_table_done(&t);
}

/* Default 63, the second one 8: YEAR has a sign and VECTOR a collation in the servers' count. */
static void odd_types_are_counted_as_the_servers_do(void **state)
{
	struct row_table t = { 0 };

	(void)state;
	assert_int_equal(
		parse_table("\xf2\xd\xf\3", 4, "\4\5\0", 3, "\1\1\x40\2\3\x3f\1\10", 8, &t), 0);
	assert_true(t.has_collations && t.columns[0].collation == 63);
	assert_int_equal(t.columns[2].collation, 8);
	assert_true(t.has_signedness && t.columns[3].is_unsigned);
	row_table_done(&t);
}

static void long_chars_hide_their_length_in_the_type(void **state)
{
	struct row_table t = { 0 };

	(void)state;
	assert_int_equal(
		parse_table("\xfe\xfe\xfe\xfe", 4, "\xfe\x10\xee\x00\xce\xfc\xf7\2", 8, "", 0, &t),
		0);
	assert_true(t.columns[0].type == ROW_STRING && t.columns[0].meta == 16);
	assert_true(t.columns[1].type == ROW_STRING && t.columns[1].meta == 256);
	assert_true(t.columns[2].type == ROW_STRING && t.columns[2].meta == 1020);
	assert_true(t.columns[3].type == ROW_ENUM && t.columns[3].meta == 2);
	row_table_done(&t);
}

static void a_typed_array_is_json(void **state)
{
	struct row_table t = { 0 };

	(void)state;
	assert_int_equal(parse_table("\x14\x14\3", 3, "\xf\1\2\3\x12\6", 6, "", 0, &t), 0);
	assert_int_equal(t.columns[0].meta, 4);
	row_table_done(&t);
	EXPECT(ROW_TYPED_ARRAY, "\x08", "\x0b\0\0\0" ARRAY, "[null, 7]");
}

static int begin(const void *bytes, size_t len, uint8_t type, const struct row_table *t)
{
	struct row_decoder *d = row_decoder_new();
	struct binlog_body body = { .bytes = bytes, .len = len };
	enum row_kind kind;
	int r = row_decoder_begin(d, type, &format, &body, t, &kind);

	row_decoder_free(d);
	return r;
}

static void rows_must_belong_to_their_table(void **state)
{
	struct row_table t = { 0 };

	(void)state;
	assert_int_equal(parse_table("\3", 1, "", 0, "", 0, &t), 0);
	assert_int_equal(begin("\7\0\0\0\0\0\1\0\2\0\1\xff", 12, EVENT_WRITE_ROWS, &t), 0);
	assert_int_equal(begin("\7\0\0\0\0\0\1\0\4\0xx\1\xff", 14, EVENT_WRITE_ROWS, &t), 0);
	assert_int_equal(begin("\7\0\0\0\0\0\1\0\1\xff", 10, EVENT_WRITE_ROWS_V1, &t), 0);
	assert_int_equal(begin("\7\0\0\0\0\0\1\0\1\0\1\xff", 12, EVENT_WRITE_ROWS, &t), -EBADMSG);
	assert_int_equal(begin("\7\0\0\0\0\0\1\0\x09\0\1\xff", 12, EVENT_WRITE_ROWS, &t), -EBADMSG);
	assert_int_equal(begin("\7\0\0\0\0\0\1\0\2\0\2\xff", 12, EVENT_WRITE_ROWS, &t), -EBADMSG);
	assert_int_equal(begin("\x08\0\0\0\0\0\1\0\2\0\1\xff", 12, EVENT_WRITE_ROWS, &t), -EBADMSG);
	assert_int_equal(begin("\7\0\0\0\0\0\1\0\2\0\1\xff", 12, EVENT_UPDATE_ROWS, &t), -EBADMSG);
	assert_int_equal(begin("\7\0\0\0\0\0\1\0\2\0\1\xff", 12, EVENT_QUERY, &t), -EINVAL);
	assert_int_equal(begin("\7\0\0\0\0\0\1\0\2\0\1\xff", 12, 0, &t), -EINVAL);
	row_table_done(&t);
}

static void rows_of_no_bytes_end(void **state)
{
	struct row_decoder *d = row_decoder_new();
	const struct row_value *before, *after;
	struct row_table t = { 0 };
	struct binlog_body body = { .bytes = (const uint8_t *)"\7\0\0\0\0\0\1\0\2\0\1\0x",
		.len = 12 };
	enum row_kind kind;
	unsigned int column;

	(void)state;
	assert_int_equal(parse_table("\3", 1, "", 0, "", 0, &t), 0);
	assert_int_equal(row_decoder_begin(d, EVENT_WRITE_ROWS, &format, &body, &t, &kind), 0);
	assert_int_equal(row_decoder_next(d, &before, &after, &column), 1);
	assert_int_equal(after[0].kind, ROW_VALUE_ABSENT);
	assert_int_equal(row_decoder_next(d, &before, &after, &column), 0);
	body.len++; /* a byte that no row takes */
	assert_int_equal(row_decoder_begin(d, EVENT_WRITE_ROWS, &format, &body, &t, &kind), 0);
	assert_int_equal(row_decoder_next(d, &before, &after, &column), -EBADMSG);
	row_table_done(&t);
	row_decoder_free(d);
}

static void stored_integers_have_an_unsigned_meaning(void **state)
{
	(void)state;
	assert_true(row_value_unsigned(ROW_TINY, -1) == 255);
	assert_true(row_value_unsigned(ROW_SHORT, -1) == 65535);
	assert_true(row_value_unsigned(ROW_INT24, -1) == 16777215);
	assert_true(row_value_unsigned(ROW_LONG, -1) == UINT32_MAX);
	assert_true(row_value_unsigned(ROW_LONGLONG, -1) == UINT64_MAX);
	assert_true(row_value_unsigned(ROW_TINY, 5) == 5);
}

struct cut_state {
	struct row_table table;
	struct row_decoder *decoder;
	unsigned int rows, errors;
};

static void drain(struct cut_state *c, const struct binlog_walk *w, const struct binlog_body *body)
{
	const struct row_value *before, *after;
	enum row_kind kind;
	unsigned int column;
	int r = row_decoder_begin(c->decoder, w->header.type, w->format, body, &c->table, &kind);

	while (r == 0 && (r = row_decoder_next(c->decoder, &before, &after, &column)) == 1) {
		c->rows++;
		r = 0;
	}
	c->errors += r < 0;
}

/* Every table map and rows event of real files, cut at every length; sanitizers look for reads behind the end. */
static void cut_event(const struct binlog_walk *w, void *arg)
{
	struct cut_state *c = arg;
	size_t step = w->body.len / 400 + 1; /* long ones at 400 places */

	if (w->header.type != EVENT_TABLE_MAP && !binlog_type_is_rows(w->header.type))
		return;
	for (size_t len = 0; len < w->body.len; len += step) {
		DM_CLEANUP(freep) uint8_t *exact = dm_alloc(len);
		struct binlog_body body = { .bytes = exact, .len = len };
		struct row_table t = { 0 };

		memcpy(exact, w->body.bytes, len);
		if (w->header.type != EVENT_TABLE_MAP)
			drain(c, w, &body);
		else if (row_table_parse(w->format, &body, &t) == 0)
			row_table_done(&t);
	}
	if (w->header.type == EVENT_TABLE_MAP) {
		row_table_done(&c->table);
		assert_int_equal(row_table_parse(w->format, &w->body, &c->table), 0);
	}
}

static void cut_rows_are_never_read_past_their_end(void **state)
{
	static const char *const files[] = { "mysql-types.binlog", "mariadb-types.binlog",
		"mysql-updates.binlog", "mariadb-updates.binlog" };
	struct cut_state c = { .decoder = row_decoder_new() };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(files); i++)
		walk_file(files[i], cut_event, &c);
	assert_true(c.rows > 1000 && c.errors > 1000);
	row_table_done(&c.table);
	row_decoder_free(c.decoder);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_of_mysql_9_7_has_the_selected_value),
		cmocka_unit_test(every_type_of_mariadb_10_11_has_the_selected_value),
		cmocka_unit_test(images_keys_and_partial_json_of_mysql_are_read),
		cmocka_unit_test(images_and_packed_rows_of_mariadb_are_read),
		cmocka_unit_test(types_of_old_servers_are_read),
		cmocka_unit_test(impossible_values_are_refused),
		cmocka_unit_test(values_cut_short_are_refused),
		cmocka_unit_test(packed_columns_of_mariadb_are_unpacked),
		cmocka_unit_test(json_by_hand_is_printed),
		cmocka_unit_test(broken_json_is_refused),
		cmocka_unit_test(json_nests_as_deep_as_mysql_allows),
		cmocka_unit_test(json_that_overlaps_does_not_grow),
		cmocka_unit_test(diffs_change_the_document_before),
		cmocka_unit_test(diffs_that_do_not_fit_are_refused),
		cmocka_unit_test(unknown_value_options_are_refused),
		cmocka_unit_test(a_table_map_is_checked),
		cmocka_unit_test(metadata_that_does_not_fit_is_left_out),
		cmocka_unit_test(odd_types_are_counted_as_the_servers_do),
		cmocka_unit_test(long_chars_hide_their_length_in_the_type),
		cmocka_unit_test(a_typed_array_is_json),
		cmocka_unit_test(rows_must_belong_to_their_table),
		cmocka_unit_test(rows_of_no_bytes_end),
		cmocka_unit_test(stored_integers_have_an_unsigned_meaning),
		cmocka_unit_test(cut_rows_are_never_read_past_their_end),
	};

	return test_main(argc, argv, "row", tests);
}
