/* test-sampler.c - the upstream's position: known, stale, unknown; and no view ever waits. */
#include "test.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "mariadb.h"

#include "dm/sampler.h"

static struct mariadb server;

static struct db_conf conf_of(uint16_t port)
{
	return (struct db_conf){ .host = (char *)"127.0.0.1",
		.port = port,
		.user = (char *)"root",
		.password = (char *)"" };
}

static struct sampler *started(uint16_t port)
{
	struct db_conf conf = conf_of(port);
	struct dm_error err = { 0 };
	struct sampler *s = NULL;

	assert_int_equal(sampler_start(&s, &conf, &err), 0);
	return s;
}

/* Looks until `is_there` holds; *v is the last view then. */
static void wait_until(const struct sampler *s, bool (*is_there)(const struct sampler_view *),
	int limit_ms, struct sampler_view *v)
{
	for (int64_t end = dm_mono_ms() + limit_ms;; (void)poll(NULL, 0, 20)) {
		int64_t before = dm_mono_ms();

		sampler_view(s, v);
		assert_true(dm_mono_ms() - before < 500); /* a view never waits for a server */
		if (is_there(v))
			return;
		if (dm_mono_ms() > end)
			fail_msg("not within %d ms: %s", limit_ms,
				v->error.message ? v->error.message : "no error");
		sampler_view_done(v);
	}
}

static bool is_known(const struct sampler_view *v)
{
	return v->is_known;
}

static bool is_fresh(const struct sampler_view *v)
{
	return v->is_fresh;
}

static bool has_failed(const struct sampler_view *v)
{
	return dm_error_is_set(&v->error);
}

static bool is_stale(const struct sampler_view *v)
{
	return v->is_known && !v->is_fresh;
}

static void a_position_is_known_within_a_second(void **state)
{
	DM_CLEANUP(sampler_view_done) struct sampler_view v = { 0 };
	struct sampler *s = started(server.port);

	(void)state;
	wait_until(s, is_known, 3000, &v);
	assert_true(v.is_fresh);
	assert_string_equal(v.position.name, "mysql-bin.000001");
	assert_true(v.position.pos >= 4);
	assert_int_equal(v.server.product, DB_MARIADB);
	assert_true(v.answered_wall_ns > 0);
	sampler_free(s);
}

static void a_position_moves_with_the_upstream(void **state)
{
	DM_CLEANUP(sampler_view_done) struct sampler_view v = { 0 };
	struct db_conf conf = conf_of(server.port);
	struct db_options options = { .connect_timeout_ms = 3000 };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(db_closep) struct db_conn *c = NULL;
	struct sampler *s = started(server.port);
	uint64_t before;

	(void)state;
	wait_until(s, is_known, 3000, &v);
	before = v.position.pos;
	sampler_view_done(&v);
	assert_int_equal(db_connect(&c, &conf, &options, &err), 0);
	assert_int_equal(db_exec(c, "CREATE DATABASE moved", 21, NULL, &err), 0);
	for (int64_t end = dm_mono_ms() + 3000; v.position.pos <= before; (void)poll(NULL, 0, 20)) {
		assert_true(dm_mono_ms() < end);
		sampler_view_done(&v);
		sampler_view(s, &v);
	}
	assert_string_equal(v.gtid_set, "0-7-1");
	sampler_free(s);
}

static void what_was_never_answered_is_unknown_and_says_why(void **state)
{
	DM_CLEANUP(sampler_view_done) struct sampler_view v = { 0 };
	uint16_t port;
	int fd = listen_on_loopback(-1, &port); /* bound, never listening */
	struct sampler *s = started(port);

	(void)state;
	wait_until(s, has_failed, 3000, &v);
	assert_false(v.is_known);
	assert_false(v.is_fresh);
	assert_string_equal(v.gtid_set, "");
	assert_int_equal(dm_error_scope(&v.error), DM_SCOPE_UPSTREAM);
	sampler_free(s);
	(void)close(fd);
}

static void a_frozen_upstream_makes_the_position_stale_and_keeps_it(void **state)
{
	DM_CLEANUP(sampler_view_done) struct sampler_view v = { 0 };
	struct sampler *s = started(server.port);

	(void)state;
	wait_until(s, is_fresh, 3000, &v);
	sampler_view_done(&v);
	(void)kill(server.pid, SIGSTOP);
	wait_until(s, is_stale, 6000, &v);
	assert_string_equal(v.position.name, "mysql-bin.000001");
	sampler_view_done(&v);
	(void)kill(server.pid, SIGCONT);
	wait_until(s, is_fresh, 10000, &v);
	assert_false(dm_error_is_set(&v.error));
	sampler_free(s);
}

static void it_ends_at_once_while_a_server_never_answers(void **state)
{
	uint16_t port;
	int fd = listen_on_loopback(8, &port); /* accepts by its backlog, and says nothing */
	struct sampler *s = started(port);
	int64_t before;

	(void)state;
	(void)poll(NULL, 0, 100);
	before = dm_mono_ms();
	sampler_free(s);
	assert_true(dm_mono_ms() - before < 1000);
	(void)close(fd);
}

static void new_settings_are_used_without_a_restart(void **state)
{
	DM_CLEANUP(sampler_view_done) struct sampler_view v = { 0 };
	struct db_conf conf = conf_of(server.port);
	uint16_t port;
	int fd = listen_on_loopback(-1, &port);
	struct sampler *s = started(port);

	(void)state;
	wait_until(s, has_failed, 3000, &v);
	sampler_view_done(&v);
	sampler_update_conf(s, &conf);
	wait_until(s, is_fresh, 3000, &v);
	sampler_free(s);
	(void)close(fd);
}

static int start_server(void **state)
{
	(void)state;
	server.binlog = "--log-bin=mysql-bin";
	mariadb_start(&server);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	mariadb_stop(&server);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_position_is_known_within_a_second),
		cmocka_unit_test(a_position_moves_with_the_upstream),
		cmocka_unit_test(what_was_never_answered_is_unknown_and_says_why),
		cmocka_unit_test(a_frozen_upstream_makes_the_position_stale_and_keeps_it),
		cmocka_unit_test(it_ends_at_once_while_a_server_never_answers),
		cmocka_unit_test(new_settings_are_used_without_a_restart),
	};

	test_source_dir = argc > 1 ? argv[1] : test_source_dir;
	return cmocka_run_group_tests_name("sampler", tests, start_server, stop_server);
}
