/* test-sync-rows.c - the target's tables, row images as SQL, and packets of them, against a real server. */
#include "test.h"

#include <stdlib.h>

#include "mariadb.h"

#include "charset.h"
#include "dml.h"
#include "row-plan.h"
#include "table-cache.h"
#include "target.h"

static struct mariadb server;
static struct target target;
static struct table_cache cache;
static const struct binlog_position at = { .name = "mysql-bin|000001.000003", .pos = 77 };

static void run(const char *sql)
{
	struct dm_error err = { 0 };

	if (db_exec(target.conn, sql, strlen(sql), NULL, &err) != 0)
		fail_msg("%s", err.message);
}

/* All rows of a query, columns joined by "|", rows by ";". */
static void assert_rows(const char *sql, const char *want)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;
	DM_CLEANUP(dm_str_done) struct dm_str rows = { 0 };

	if (db_query(target.conn, &r, &err, "%s", sql) != 0)
		fail_msg("%s", err.message);
	while (db_result_next(r)) {
		if (rows.len > 0)
			dm_str_add(&rows, ";");
		for (unsigned int i = 0; i < 9 && db_result_text(r, i); i++)
			dm_str_addf(&rows, "%s%s", i ? "|" : "", db_result_text(r, i));
	}
	assert_string_equal(dm_str_get(&rows), want);
}

/* A plan for a table of the target, as if its TABLE_MAP had these types. */
static struct row_plan *plan_with(
	const char *name, const uint8_t *types, const char *const *names, unsigned int count)
{
	struct row_plan *p = dm_alloc(sizeof(*p));
	struct dm_error err = { 0 };

	p->map = (struct row_table){ .schema = dm_strdup("d"),
		.name = dm_strdup(name),
		.column_count = count,
		.columns = dm_alloc_array(count, sizeof(*p->map.columns)) };
	p->map.has_names = names != NULL;
	for (unsigned int i = 0; i < count; i++) {
		p->map.columns[i].type = types[i];
		p->map.columns[i].name = names ? dm_strdup(names[i]) : NULL;
	}
	if (table_cache_get(&cache, target.conn, "d", name, &p->to, &err) != 0 ||
		row_plan_match(p, &err) != 0)
		fail_msg("%s", err.message);
	return p;
}

static struct row_plan *plan_of(
	const char *create, const char *name, const uint8_t *types, unsigned int count)
{
	run(create);
	return plan_with(name, types, NULL, count);
}

static void plan_free(struct row_plan *p)
{
	row_plan_done(p);
	free(p);
}

static struct row_value integer(int64_t i)
{
	return (struct row_value){ .kind = ROW_VALUE_INT, .number.i = i };
}

static struct row_value bytes_of(enum row_value_kind kind, const char *bytes)
{
	return (struct row_value){ .kind = kind, .bytes = bytes, .len = strlen(bytes) };
}

static const struct row_value null = { .kind = ROW_VALUE_NULL };
static const struct row_value absent = { .kind = ROW_VALUE_ABSENT };

static int put(enum row_kind kind, const struct row_plan *p, const struct row_value *before,
	const struct row_value *after, bool is_safe, struct dm_error *reterr)
{
	const struct target_row row = { .plan = p,
		.before = before,
		.after = after,
		.end = &at,
		.has_fk_checks = true,
		.is_safe = is_safe };
	struct target_failure failure = { 0 };
	int r = target_row(&target, kind, &row, &failure, reterr);

	target_failure_done(&failure);
	return r;
}

static void put_well(enum row_kind kind, const struct row_plan *p, const struct row_value *before,
	const struct row_value *after, bool is_safe)
{
	struct dm_error err = { 0 };

	if (put(kind, p, before, after, is_safe, &err) != 0)
		fail_msg("%s", err.message);
}

static void commit_well(void)
{
	struct target_failure failure = { 0 };
	struct dm_error err = { 0 };

	if (target_commit(&target, &failure, &err) != 0)
		fail_msg("%s", err.message);
}

/* ---- character sets ---- */

static void collations_know_their_sets(void **state)
{
	char name[32];

	(void)state;
	assert_string_equal(charset_of_collation(8), "latin1");
	assert_string_equal(charset_of_collation(45), "utf8mb4");
	assert_string_equal(charset_of_collation(255), "utf8mb4"); /* MySQL 8's default */
	assert_string_equal(charset_of_collation(1032), "latin1"); /* MariaDB, NOPAD */
	assert_string_equal(charset_of_collation(2310), "utf8mb4"); /* MariaDB, UCA 14 */
	assert_string_equal(charset_of_collation(63), "binary");
	assert_null(charset_of_collation(0));
	assert_null(charset_of_collation(9999));
	charset_of_collation_name("latin1_swedish_ci", name, sizeof(name));
	assert_string_equal(name, "latin1");
	charset_of_collation_name("utf8_general_ci", name, sizeof(name));
	assert_string_equal(name, "utf8mb3");
}

/* ---- tables ---- */

static void the_best_key_comes_first(void **state)
{
	const struct target_table *t = NULL;
	struct dm_error err = { 0 };

	(void)state;
	run("CREATE TABLE d.keys_ (a INT NULL, b INT NOT NULL, c INT NOT NULL, g INT AS (a + 1), "
	    "UNIQUE KEY n (a), "
	    "UNIQUE KEY two (b, c), UNIQUE KEY gen (g), KEY plain (c))");
	assert_int_equal(table_cache_get(&cache, target.conn, "d", "keys_", &t, &err), 0);
	assert_int_equal(
		t->key_count, 2); /* neither the plain one nor that of a generated column */
	assert_true(t->keys[0].is_not_null);
	assert_int_equal(t->keys[0].count, 2);
	assert_false(t->keys[1].is_not_null);
	assert_true(t->columns[3].is_generated);
	assert_true(t->is_transactional);
	run("ALTER TABLE d.keys_ ADD PRIMARY KEY (c), ENGINE = MyISAM");
	table_cache_drop(&cache, "D", "KEYS_");
	assert_int_equal(table_cache_get(&cache, target.conn, "d", "keys_", &t, &err), 0);
	assert_true(t->keys[0].is_primary);
	assert_false(t->is_transactional);
}

static void a_missing_table_is_10005_with_1146(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	const struct target_table *t = NULL;

	(void)state;
	assert_int_equal(table_cache_get(&cache, target.conn, "d", "none", &t, &err), -1);
	assert_int_equal(err.code, DM_ERR_DB_QUERY_FAILED);
	assert_int_equal(err.sql_errno, 1146);
	assert_int_equal(err.scope, DM_SCOPE_DOWNSTREAM);
}

static void other_column_counts_are_36027(void **state)
{
	const uint8_t types[] = { ROW_LONG, ROW_LONG };
	struct row_plan *p = plan_of("CREATE TABLE d.two (a INT, b INT)", "two", types, 2);
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

	(void)state;
	p->map.column_count = 1;
	assert_int_equal(row_plan_match(p, &err), -1);
	assert_int_equal(err.code, DM_ERR_SYNC_COLUMN_COUNT);
	assert_string_equal(
		err.message, "Column count doesn't match value count: 2 (columns) vs 1 (values)");
	p->map.column_count = 2;
	plan_free(p);
}

static void with_names_the_order_does_not_matter(void **state)
{
	static const char *const names[] = { "ID", "v" };
	const uint8_t types[] = { ROW_LONG, ROW_VARCHAR };
	struct row_value row[] = { integer(1), bytes_of(ROW_VALUE_STRING, "x") };
	struct row_plan *p;

	(void)state;
	run("CREATE TABLE d.named (v VARCHAR(9), more INT DEFAULT 5, id INT PRIMARY KEY)");
	p = plan_with("named", types, names, 2);
	put_well(ROW_INSERT, p, NULL, row, false);
	commit_well();
	assert_rows("SELECT v, more, id FROM d.named", "x|5|1");
	plan_free(p);
}

/* ---- values ---- */

static void odd_values_arrive(void **state)
{
	const uint8_t types[] = { ROW_LONGLONG, ROW_STRING, ROW_DATE, ROW_FLOAT, ROW_VARCHAR,
		ROW_TINY };
	struct row_plan *p = plan_of(
		"CREATE TABLE d.odd (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, b BINARY(4), "
		"d DATE, f FLOAT, l VARCHAR(9) CHARACTER SET latin1, u TINYINT UNSIGNED)",
		"odd", types, 6);
	struct row_value row[] = { integer(0), bytes_of(ROW_VALUE_BINARY, "ab"),
		bytes_of(ROW_VALUE_TIME, "2023-02-31"),
		{ .kind = ROW_VALUE_FLOAT, .number.f = 0.1f },
		bytes_of(ROW_VALUE_STRING, "gr\374n"), integer(-1) };

	(void)state;
	put_well(ROW_INSERT, p, NULL, row, false);
	row[0] = integer(-1); /* as stored; unsigned by the definition */
	row[2] = bytes_of(ROW_VALUE_TIME, "0000-00-00");
	put_well(ROW_INSERT, p, NULL, row, false);
	commit_well();
	assert_rows("SELECT id, HEX(b), d, f = CAST(0.1 AS FLOAT), l, u FROM d.odd ORDER BY id",
		"0|61620000|2023-02-31|1|gr\303\274n|255;"
		"18446744073709551615|61620000|0000-00-00|1|gr\303\274n|255");
	plan_free(p);
}

static void what_does_not_fit_is_an_error_that_shows_no_values(void **state)
{
	const uint8_t types[] = { ROW_LONG, ROW_VARCHAR };
	struct row_plan *p =
		plan_of("CREATE TABLE d.`narrow``x` (id INT PRIMARY KEY, v VARCHAR(3))", "narrow`x",
			types, 2);
	struct row_value row[] = { integer(12345), bytes_of(ROW_VALUE_STRING, "it's secret") };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct target_failure failure = { 0 };

	(void)state;
	put_well(ROW_INSERT, p, NULL, row, false);
	assert_int_equal(target_commit(&target, &failure, &err), -1);
	assert_int_equal(err.code, DM_ERR_DB_EXECUTE_FAILED);
	assert_string_equal(err.message,
		"execute statement failed: INSERT INTO `d`.`narrow``x` (`id`,`v`) VALUES (?,?): "
		"Error 1406: Data too long for column 'v' at row 1");
	assert_string_equal(failure.table, "`d`.`narrow``x`");
	assert_string_equal(failure.at.name, at.name);
	assert_int_equal(failure.at.pos, 77);
	target_failure_done(&failure);
	assert_int_equal(target_rollback(&target, &err), 0);
	plan_free(p);
}

static void a_bad_enum_value_arrives_all_the_same(void **state)
{
	const uint8_t types[] = { ROW_LONG, ROW_ENUM };
	struct row_plan *p =
		plan_of("CREATE TABLE d.en (id INT PRIMARY KEY, e ENUM('a','b'))", "en", types, 2);
	struct row_value row[] = { integer(1), { .kind = ROW_VALUE_UINT, .number.u = 0 } };

	(void)state;
	put_well(ROW_INSERT, p, NULL, row, false);
	row[0] = integer(2);
	row[1].number.u = 2;
	put_well(ROW_INSERT, p, NULL, row, false);
	commit_well();
	assert_rows("SELECT id, e, e + 0 FROM d.en ORDER BY id", "1||0;2|b|2");
	plan_free(p);
}

/* ---- finding rows ---- */

static void without_a_key_rows_are_told_apart_byte_by_byte(void **state)
{
	const uint8_t types[] = { ROW_VARCHAR, ROW_FLOAT, ROW_VARCHAR };
	struct row_plan *p = plan_of(
		"CREATE TABLE d.nokey (v VARCHAR(9), f FLOAT, l VARCHAR(9) CHARACTER SET latin1)",
		"nokey", types, 3);
	struct row_value row[] = { bytes_of(ROW_VALUE_STRING, "a"),
		{ .kind = ROW_VALUE_FLOAT, .number.f = 0.1f }, bytes_of(ROW_VALUE_STRING, "\351") };
	static const char *const likes[] = { "a", "A", "a ", "A" };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(likes); i++) {
		row[0] = bytes_of(ROW_VALUE_STRING, likes[i]);
		put_well(ROW_INSERT, p, NULL, row, false);
	}
	put_well(ROW_DELETE, p, row, NULL, false); /* one of the two A */
	row[0] = bytes_of(ROW_VALUE_STRING, "a");
	put_well(ROW_DELETE, p, row, NULL, false);
	commit_well();
	assert_rows("SELECT CONCAT('<', v, '>') FROM d.nokey ORDER BY HEX(v)", "<A>;<a >");
	assert_int_equal(target.missing, 0);
	put_well(ROW_DELETE, p, row, NULL, false);
	commit_well();
	assert_int_equal(target.missing, 1); /* nobody hides that a row was not there */
	target.missing = 0;
	plan_free(p);
}

static void null_in_a_unique_key_makes_another_choice(void **state)
{
	const uint8_t types[] = { ROW_LONG, ROW_LONG };
	struct row_plan *p =
		plan_of("CREATE TABLE d.un (a INT NULL UNIQUE, b INT)", "un", types, 2);
	struct row_value with[] = { integer(1), integer(2) }, without[] = { null, integer(2) };
	DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };

	(void)state;
	dml_delete(&sql, p, with, target.conn);
	assert_string_equal(sql.data, "DELETE FROM `d`.`un` WHERE `a` = 1 LIMIT 1");
	dm_str_clear(&sql);
	dml_delete(&sql, p, without, target.conn);
	assert_string_equal(sql.data, "DELETE FROM `d`.`un` WHERE `a` IS NULL AND `b` = 2 LIMIT 1");
	plan_free(p);
}

static void minimal_images_touch_only_what_they_have(void **state)
{
	const uint8_t types[] = { ROW_LONG, ROW_LONG, ROW_TIMESTAMP2, ROW_LONG };
	struct row_plan *p =
		plan_of("CREATE TABLE d.mini (id INT PRIMARY KEY, a INT, t TIMESTAMP DEFAULT "
			"CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, g INT AS (a + 1))",
			"mini", types, 4);
	struct row_value before[] = { integer(1), absent, absent, absent };
	struct row_value after[] = { absent, integer(5), absent, absent };
	struct row_value nothing[] = { absent, absent, absent, absent };
	DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };

	(void)state;
	assert_true(dml_update(&sql, p, before, after, target.conn));
	assert_string_equal(sql.data, "UPDATE `d`.`mini` SET `a`=5,`t`=`t` WHERE `id` = 1 LIMIT 1");
	assert_false(dml_is_whole(p, after));
	dm_str_clear(&sql);
	p->columns[2].to = NULL; /* no column that changes by itself */
	assert_false(dml_update(&sql, p, before, nothing, target.conn));
	assert_int_equal(sql.len, 0);
	plan_free(p);
}

static void an_image_never_outgrows_its_announced_size(void **state)
{
	const uint8_t types[] = { ROW_LONGLONG, ROW_VARCHAR, ROW_DOUBLE };
	struct row_plan *p = plan_of(
		"CREATE TABLE d.size (id BIGINT, v VARCHAR(30) CHARACTER SET latin1, f DOUBLE)",
		"size", types, 3);
	struct row_value row[] = { integer(INT64_MIN),
		bytes_of(ROW_VALUE_STRING, "''\\\\\n\n''\n\n"),
		{ .kind = ROW_VALUE_DOUBLE, .number.d = -1.2345678901234567e-300 } };
	DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };

	(void)state;
	dml_delete(&sql, p, row, target.conn);
	assert_true(sql.len <= dml_size_max(p, row));
	dm_str_clear(&sql);
	dml_insert_head(&sql, p, row, true);
	dml_insert_row(&sql, p, row, target.conn);
	assert_true(sql.len <= dml_size_max(p, row));
	plan_free(p);
}

/* ---- packets ---- */

static void inserts_are_joined_and_order_is_kept(void **state)
{
	const uint8_t types[] = { ROW_LONG, ROW_LONG };
	struct row_plan *p =
		plan_of("CREATE TABLE d.many (id INT PRIMARY KEY, v INT)", "many", types, 2);
	struct row_value a[] = { integer(1), integer(1) }, b[] = { integer(1), integer(2) };

	(void)state;
	put_well(ROW_INSERT, p, NULL, a, false);
	assert_int_equal(target.pieces[target.piece_count - 1].end_pos, 77);
	for (int i = 2; i < 10; i++) {
		struct row_value row[] = { integer(i), integer(i) };
		size_t before = target.piece_count;

		put_well(ROW_INSERT, p, NULL, row, false);
		assert_int_equal(target.piece_count, before);
	}
	put_well(ROW_UPDATE, p, a, b, false);
	put_well(ROW_DELETE, p, b, NULL, false);
	put_well(ROW_INSERT, p, NULL, b, false);
	assert_int_equal(target.rows, 12);
	commit_well();
	assert_rows("SELECT COUNT(*), SUM(v), (SELECT v FROM d.many WHERE id = 1) FROM d.many",
		"9|46|2");
	plan_free(p);
}

static void safe_rows_may_be_there_already(void **state)
{
	const uint8_t types[] = { ROW_LONG, ROW_LONG };
	struct row_plan *p =
		plan_of("CREATE TABLE d.safe (id INT PRIMARY KEY, v INT)", "safe", types, 2);
	struct row_value a[] = { integer(1), integer(1) }, b[] = { integer(2), integer(2) };

	(void)state;
	run("CREATE TABLE d.child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES d.safe "
	    "(id) ON DELETE CASCADE)");
	for (int round = 0; round < 2; round++) {
		put_well(ROW_INSERT, p, NULL, a, true);
		put_well(ROW_UPDATE, p, a, b, true);
		commit_well();
		assert_rows("SELECT * FROM d.safe", "2|2");
		if (round == 0)
			run("INSERT INTO d.child VALUES (7, 2)");
	}
	assert_rows("SELECT id FROM d.child", "7"); /* a REPLACE of the parent takes no children */
	put_well(ROW_DELETE, p, b, NULL, true);
	put_well(ROW_DELETE, p, b, NULL, true);
	commit_well();
	assert_rows("SELECT COUNT(*) FROM d.child", "0"); /* a real DELETE does */
	target.missing = 0;
	run("DROP TABLE d.child");
	plan_free(p);
}

static void a_failed_packet_leaves_nothing(void **state)
{
	const uint8_t types[] = { ROW_LONG };
	struct row_plan *p = plan_of("CREATE TABLE d.dup (id INT PRIMARY KEY)", "dup", types, 1);
	struct row_value row[] = { integer(1) };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct target_failure failure = { 0 };

	(void)state;
	put_well(ROW_INSERT, p, NULL, row, false);
	assert_int_equal(target_flush(&target, &failure, &err), 0);
	put_well(ROW_INSERT, p, NULL, row, false);
	assert_int_equal(target_commit(&target, &failure, &err), -1);
	assert_int_equal(err.sql_errno, 1062);
	target_failure_done(&failure);
	assert_int_equal(target_rollback(&target, &err), 0);
	assert_rows("SELECT COUNT(*) FROM d.dup", "0");
	put_well(ROW_INSERT, p, NULL, row, false);
	commit_well();
	assert_rows("SELECT COUNT(*) FROM d.dup", "1");
	plan_free(p);
}

static void values_are_not_shown(void **state)
{
	static const struct {
		const char *sql, *shown;
	} rows[] = {
		{ "INSERT INTO `t1` (`a 2`) VALUES ('x''y',-5,1.5e-3,_latin1 "
		  "x'e9',_binary'\\'z',NULL)",
			"INSERT INTO `t1` (`a 2`) VALUES (?,?,?,?,?,NULL)" },
		{ "UPDATE `s`.`t``1` SET `c`=7 WHERE CAST(`v` AS BINARY) = CAST(CONVERT('a' USING "
		  "utf8mb4) AS BINARY) LIMIT 1",
			"UPDATE `s`.`t``1` SET `c`=? WHERE CAST(`v` AS BINARY) = CAST(CONVERT(? "
			"USING utf8mb4) AS BINARY) LIMIT ?" },
		{ "INSERT INTO `t` VALUES ('cut off", "INSERT INTO `t` VALUES (?" },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(dm_str_done) struct dm_str shown = { 0 };

		dml_redact(&shown, rows[i].sql, strlen(rows[i].sql));
		assert_string_equal(dm_str_get(&shown), rows[i].shown);
	}
}

static int start(void **state)
{
	struct db_conf conf = {
		.host = (char *)"127.0.0.1", .user = (char *)"root", .password = (char *)""
	};
	struct dm_error err = { 0 };

	(void)state;
	mariadb_start(&server);
	conf.port = server.port;
	if (target_connect(&target, &conf, NULL, &err) != 0)
		fail_msg("%s", err.message);
	run("CREATE DATABASE d CHARACTER SET utf8mb4");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	target_done(&target);
	table_cache_clear(&cache);
	mariadb_stop(&server);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(collations_know_their_sets),
		cmocka_unit_test(the_best_key_comes_first),
		cmocka_unit_test(a_missing_table_is_10005_with_1146),
		cmocka_unit_test(other_column_counts_are_36027),
		cmocka_unit_test(with_names_the_order_does_not_matter),
		cmocka_unit_test(odd_values_arrive),
		cmocka_unit_test(what_does_not_fit_is_an_error_that_shows_no_values),
		cmocka_unit_test(a_bad_enum_value_arrives_all_the_same),
		cmocka_unit_test(without_a_key_rows_are_told_apart_byte_by_byte),
		cmocka_unit_test(null_in_a_unique_key_makes_another_choice),
		cmocka_unit_test(minimal_images_touch_only_what_they_have),
		cmocka_unit_test(an_image_never_outgrows_its_announced_size),
		cmocka_unit_test(inserts_are_joined_and_order_is_kept),
		cmocka_unit_test(safe_rows_may_be_there_already),
		cmocka_unit_test(a_failed_packet_leaves_nothing),
		cmocka_unit_test(values_are_not_shown),
	};

	(void)argc;
	(void)argv;
	(void)test_source_dir;
	return cmocka_run_group_tests_name("sync-rows", tests, start, stop);
}
