/* test-db.c - connections: waits that can be woken, errors as DM words them, results, server facts. */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "dm/error.h"
#include "mariadb.h"

#include "../../src/db/db-internal.h"

static struct mariadb server;

static struct db_conf conf_of(const char *host, uint16_t port)
{
	return (struct db_conf){
		.host = (char *)host, .port = port, .user = (char *)"root", .password = (char *)""
	};
}

static struct db_conn *connected(const struct dm_stop *stop, int io_timeout_ms)
{
	struct db_conf conf = conf_of("127.0.0.1", server.port);
	struct db_options options = { .scope = DM_SCOPE_DOWNSTREAM,
		.connect_timeout_ms = 5000,
		.io_timeout_ms = io_timeout_ms,
		.stop = stop };
	struct dm_error err = { 0 };
	struct db_conn *c = NULL;

	if (db_connect(&c, &conf, &options, &err) != 0)
		fail_msg("%s", err.message);
	return c;
}

static int exec(struct db_conn *c, const char *sql, struct dm_error *reterr)
{
	return db_exec(c, sql, strlen(sql), NULL, reterr);
}

struct raiser {
	struct dm_thread thread;
	struct dm_stop stop;
	int after_ms;
};

static void *raise_later(void *arg)
{
	struct raiser *r = arg;

	(void)dm_stop_wait(&r->stop, DM_STOP_CUT, r->after_ms);
	dm_stop_raise(&r->stop, DM_STOP_CUT);
	return NULL;
}

static void raiser_start(struct raiser *r, int after_ms)
{
	assert_int_equal(dm_stop_init(&r->stop), 0);
	r->after_ms = after_ms;
	assert_int_equal(dm_thread_start(&r->thread, "raiser", raise_later, r), 0);
}

static void raiser_end(struct raiser *r)
{
	dm_thread_join(&r->thread);
	dm_stop_done(&r->stop);
}

static void a_refused_connection_says_so_as_go_does(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(freep) char *want = NULL;
	struct db_options options = { .scope = DM_SCOPE_UPSTREAM, .connect_timeout_ms = 2000 };
	struct db_conn *c = NULL;
	struct db_conf conf;
	uint16_t port;
	int fd = listen_on_loopback(-1, &port); /* bound, never listening */

	(void)state;
	conf = conf_of("127.0.0.1", port);
	assert_int_equal(db_connect(&c, &conf, &options, &err), -1);
	want = dm_format(
		"database driver error: dial tcp 127.0.0.1:%u: connect: connection refused", port);
	assert_string_equal(err.message, want);
	assert_int_equal(err.code, DM_ERR_DB_DRIVER);
	assert_int_equal(err.scope, DM_SCOPE_UPSTREAM);
	assert_true(db_is_connection_error(&err));
	(void)close(fd);
}

static void a_host_that_accepts_and_never_answers_times_out(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct db_options options = { .scope = DM_SCOPE_UPSTREAM, .connect_timeout_ms = 300 };
	struct db_conn *c = NULL;
	struct db_conf conf;
	uint16_t port;
	int fd = listen_on_loopback(5, &port);
	int64_t begin = dm_mono_ms();

	(void)state;
	conf = conf_of("127.0.0.1", port);
	assert_int_equal(db_connect(&c, &conf, &options, &err), -1);
	assert_in_range(dm_mono_ms() - begin, 250, 3000);
	assert_non_null(strstr(err.message, "i/o timeout"));
	assert_true(db_is_connection_error(&err));
	(void)close(fd);
}

static void connecting_ends_at_once_when_cut(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct raiser r = { 0 };
	struct db_options options = { .connect_timeout_ms = 30000, .stop = &r.stop };
	struct db_conn *c = NULL;
	struct db_conf conf;
	uint16_t port;
	int fd = listen_on_loopback(5, &port);
	int64_t begin = dm_mono_ms();

	(void)state;
	conf = conf_of("127.0.0.1", port);
	raiser_start(&r, 100);
	assert_int_equal(db_connect(&c, &conf, &options, &err), -1);
	assert_true(dm_mono_ms() - begin < 3000);
	assert_int_equal(err.code, DM_ERR_DB_INVALID_CONN);
	assert_string_equal(err.message, "database driver: canceled");
	raiser_end(&r);
	(void)close(fd);
}

static void a_statement_ends_at_once_when_cut(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct raiser r = { 0 };
	struct db_conn *c;
	int64_t begin;

	(void)state;
	raiser_start(&r, 300);
	c = connected(&r.stop, 0);
	begin = dm_mono_ms();
	assert_int_equal(exec(c, "DO SLEEP(20)", &err), -1);
	assert_true(dm_mono_ms() - begin < 3000);
	assert_string_equal(err.message, "database driver: canceled");
	db_close(c); /* must not wait either */
	assert_true(dm_mono_ms() - begin < 3000);
	raiser_end(&r);
}

static void a_silent_server_times_out(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(db_closep) struct db_conn *c = connected(NULL, 200);
	int64_t begin = dm_mono_ms();

	(void)state;
	assert_int_equal(exec(c, "DO SLEEP(20)", &err), -1);
	assert_in_range(dm_mono_ms() - begin, 150, 3000);
	assert_int_equal(err.code, DM_ERR_DB_INVALID_CONN);
	assert_true(db_is_connection_error(&err));
	dm_error_done(&err);
	assert_int_equal(exec(c, "DO 1", &err), -1); /* what is cut stays cut */
	assert_true(db_is_connection_error(&err));
}

static void a_name_is_looked_up_and_an_unknown_one_refused(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct db_options options = { .scope = DM_SCOPE_UPSTREAM, .connect_timeout_ms = 2000 };
	struct db_conf conf = conf_of("localhost", server.port);
	DM_CLEANUP(db_closep) struct db_conn *c = NULL;

	(void)state;
	assert_int_equal(db_connect(&c, &conf, &options, &err), 0);
	conf.host = (char *)"no-such-host.invalid";
	db_closep(&c);
	assert_int_equal(db_connect(&c, &conf, &options, &err), -1);
	assert_non_null(strstr(err.message, "dial tcp: lookup no-such-host.invalid: "));
	assert_int_equal(err.code, DM_ERR_DB_DRIVER);
}

static void a_look_up_ends_when_cut(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct db_conf conf = conf_of("no-such-host.invalid", 3306);
	struct dm_stop stop;
	struct db_options options = { .stop = &stop };
	struct db_conn *c = NULL;

	(void)state;
	assert_int_equal(dm_stop_init(&stop), 0);
	dm_stop_raise(&stop, DM_STOP_CUT);
	assert_int_equal(db_connect(&c, &conf, &options, &err), -1);
	assert_string_equal(err.message, "database driver: canceled");
	dm_stop_done(&stop);
}

static void server_errors_read_as_in_dm(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(db_closep) struct db_conn *c = connected(NULL, 5000);
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	const char *insert = "INSERT INTO e.t VALUES (1)";

	(void)state;
	assert_int_equal(exec(c, "CREATE DATABASE e", &err), 0);
	assert_int_equal(exec(c, "CREATE TABLE e.t (a INT PRIMARY KEY)", &err), 0);
	assert_int_equal(exec(c, insert, &err), 0);
	assert_int_equal(exec(c, insert, &err), -1);
	dm_error_text(&err, &text);
	assert_string_equal(text.data,
		"[code=10006:class=database:scope=downstream:level=high] execute statement failed: "
		"INSERT INTO e.t VALUES (1): Error 1062: Duplicate entry '1' for key 'PRIMARY'");
	assert_string_equal(err.raw_cause, "Error 1062: Duplicate entry '1' for key 'PRIMARY'");
	assert_int_equal(err.sql_errno, 1062);
	assert_false(db_is_connection_error(&err));
	dm_error_done(&err);
	assert_int_equal(
		db_exec_as(c, insert, strlen(insert), "INSERT INTO e.t VALUES (?)", NULL, &err),
		-1);
	assert_non_null(strstr(err.message, "VALUES (?): Error 1062"));
	assert_int_equal(exec(c, "SELECT 1", &err), 0); /* rows are dropped, not left in the way */
	assert_int_equal(exec(c, "DROP DATABASE e", &err), 0);
}

static void rows_come_with_their_lengths_and_nulls(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(db_closep) struct db_conn *c = connected(NULL, 5000);
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;

	(void)state;
	assert_int_equal(db_query(c, &r, &err, "SELECT 'a\\0b' AS First, NULL, %d", 7), 0);
	assert_true(db_result_next(r));
	assert_int_equal(db_result_len(r, 0), 3);
	assert_memory_equal(db_result_text(r, 0), "a\0b", 4);
	assert_null(db_result_text(r, 1));
	assert_string_equal(db_result_text(r, 2), "7");
	assert_null(db_result_text(r, 3));
	assert_int_equal(db_result_column(r, "FIRST"), 0);
	assert_int_equal(db_result_column(r, "second"), -1);
	assert_false(db_result_next(r));
	assert_null(db_result_text(r, 0));
}

static void escaped_bytes_come_back(void **state)
{
	static const char *const modes[] = { "", "NO_BACKSLASH_ESCAPES" };
	DM_CLEANUP(db_closep) struct db_conn *c = connected(NULL, 5000);
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	const char bytes[] = "'\"\\\n\r\032\0\303\251%_`";

	(void)state;
	assert_int_equal(exec(c, "CREATE TEMPORARY TABLE mysql.x (a TEXT)", &err), 0);
	for (size_t i = 0; i < DM_COUNT_OF(modes); i++) {
		DM_CLEANUP(freep) char *set = dm_format("SET sql_mode='%s'", modes[i]);
		DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };
		DM_CLEANUP(db_result_freep) struct db_result *r = NULL;

		assert_int_equal(exec(c, set, &err), 0);
		assert_int_equal(exec(c, "DELETE FROM mysql.x", &err), 0);
		dm_str_add(&sql, "INSERT INTO mysql.x VALUES ('");
		db_escape(c, &sql, bytes, sizeof(bytes) - 1);
		dm_str_add(&sql, "')");
		assert_int_equal(db_exec(c, sql.data, sql.len, NULL, &err), 0);
		assert_int_equal(db_query(c, &r, &err, "SELECT a FROM mysql.x"), 0);
		assert_true(db_result_next(r));
		assert_int_equal(db_result_len(r, 0), sizeof(bytes) - 1);
		assert_memory_equal(db_result_text(r, 0), bytes, sizeof(bytes) - 1);
	}
}

static void session_settings_are_sent(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct db_setting settings[] = { { (char *)"sql_mode", (char *)"ANSI_QUOTES" },
		{ (char *)"lock_wait_timeout", (char *)"17" } };
	struct db_conf conf = conf_of("127.0.0.1", server.port);
	struct db_options options = { .scope = DM_SCOPE_DOWNSTREAM, .connect_timeout_ms = 5000 };
	DM_CLEANUP(db_closep) struct db_conn *c = NULL;
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;

	(void)state;
	conf.session = settings;
	conf.session_count = 2;
	assert_int_equal(db_connect(&c, &conf, &options, &err), 0);
	assert_int_equal(db_query(c, &r, &err,
				 "SELECT @@sql_mode, @@lock_wait_timeout, @@character_set_client"),
		0);
	assert_true(db_result_next(r));
	assert_string_equal(db_result_text(r, 0), "ANSI_QUOTES");
	assert_string_equal(db_result_text(r, 1), "17");
	assert_string_equal(db_result_text(r, 2), "utf8mb4");
	db_closep(&c);
	settings[0].key = (char *)"sql_mode='', x";
	assert_int_equal(db_connect(&c, &conf, &options, &err), -1);
	assert_null(c);
	settings[0].key = (char *)"no_such_variable";
	assert_int_equal(db_connect(&c, &conf, &options, &err), -1);
	assert_int_equal(err.sql_errno, 1193);
}

static void a_server_without_binlog_says_so(void **state)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(db_closep) struct db_conn *c = connected(NULL, 5000);
	struct db_master_status status = { 0 };
	uint32_t id = 0;
	char uuid[64];

	(void)state;
	assert_int_equal(db_master_status(c, &status, &err), -1);
	assert_non_null(strstr(err.message, "log_bin"));
	assert_int_equal(db_server_uuid(c, uuid, &err), 0);
	assert_string_equal(uuid, "0-7");
	assert_int_equal(db_pick_server_id(c, &id, &err), 0);
	assert_in_range(id, 429496729, 429496729 + 99999);
}

static void products_and_versions_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		enum db_product product;
		enum dm_flavor flavor;
		unsigned int version;
	} rows[] = {
		{ "5.7.44-log", DB_MYSQL, DM_FLAVOR_MYSQL, 50744 },
		{ "8.0.36-28", DB_MYSQL, DM_FLAVOR_MYSQL, 80036 },
		{ "9.7.0", DB_MYSQL, DM_FLAVOR_MYSQL, 90700 },
		{ "5.5.5-10.11.6-MariaDB-0+deb12u1-log", DB_MARIADB, DM_FLAVOR_MARIADB, 101106 },
		{ "11.4.2-MariaDB", DB_MARIADB, DM_FLAVOR_MARIADB, 110402 },
		{ "5.7.25-TiDB-v3.0.12", DB_TIDB, DM_FLAVOR_MYSQL, 30012 },
		{ "8.0.11-TiDB-v7.5.1", DB_TIDB, DM_FLAVOR_MYSQL, 70501 },
		{ "", DB_MYSQL, DM_FLAVOR_MYSQL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		struct db_server s;

		db_server_parse(rows[i].text, &s);
		assert_int_equal(s.product, rows[i].product);
		assert_int_equal(s.flavor, rows[i].flavor);
		assert_int_equal(s.version, rows[i].version);
	}
}

static int start(void **state)
{
	(void)state;
	mariadb_start(&server);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	mariadb_stop(&server);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refused_connection_says_so_as_go_does),
		cmocka_unit_test(a_host_that_accepts_and_never_answers_times_out),
		cmocka_unit_test(connecting_ends_at_once_when_cut),
		cmocka_unit_test(a_statement_ends_at_once_when_cut),
		cmocka_unit_test(a_silent_server_times_out),
		cmocka_unit_test(a_name_is_looked_up_and_an_unknown_one_refused),
		cmocka_unit_test(a_look_up_ends_when_cut),
		cmocka_unit_test(server_errors_read_as_in_dm),
		cmocka_unit_test(rows_come_with_their_lengths_and_nulls),
		cmocka_unit_test(escaped_bytes_come_back),
		cmocka_unit_test(session_settings_are_sent),
		cmocka_unit_test(a_server_without_binlog_says_so),
		cmocka_unit_test(products_and_versions_are_told_apart),
	};

	(void)argc;
	(void)argv;
	(void)test_source_dir;
	return cmocka_run_group_tests_name("db", tests, start, stop);
}
