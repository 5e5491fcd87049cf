/* test-conf-worker.c - dm-worker.toml, source.yaml and the command line. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dm/conf.h"
#include "dm/file.h"

static const struct worker_flags no_flags = { 0 };

static char *data(const char *name)
{
	return dm_format("%s/data/conf/%s", test_source_dir, name);
}

/* Loads one of the files; NULL with *ret_faults otherwise. */
static struct worker_conf *load(const char *name, struct conf_faults *ret_faults)
{
	struct worker_flags flags = { .config = data(name) };
	struct worker_conf *c = NULL;

	if (worker_conf_load(&flags, &c, ret_faults) == 0)
		assert_int_equal(ret_faults->count, 0);
	free(flags.config);
	return c;
}

static struct worker_conf *parse(
	const char *text, const char *name, const struct worker_flags *flags)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str list = { 0 };
	struct worker_conf *c = NULL;

	if (worker_conf_parse(text, strlen(text), name, flags, &c, &f) < 0) {
		conf_faults_text(&f, &list);
		fail_msg("%s", list.data);
	}
	return c;
}

/* The text must be refused, with this list of faults. */
static void expect_faults(const char *text, const char *name, const char *expected)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str list = { 0 };
	struct worker_conf *c = NULL;

	assert_int_equal(worker_conf_parse(text, strlen(text), name, &no_flags, &c, &f), -1);
	assert_null(c);
	conf_faults_text(&f, &list);
	assert_string_equal(list.data, expected);
}

static void expect_error(const char *text, const char *name, const char *expected)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str list = { 0 };
	struct worker_conf *c = NULL;

	assert_int_equal(worker_conf_parse(text, strlen(text), name, &no_flags, &c, &f), -1);
	assert_int_equal(conf_faults_error(&f, &err), -1);
	dm_error_text(&err, &list);
	assert_string_equal(list.data, expected);
}

#define HEAD "worker-addr = \":8262\"\nsource-id = \"s\"\n"

static void the_minimal_file_has_dms_defaults(void **state)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
	DM_CLEANUP(worker_conf_freep) struct worker_conf *c = load("worker-minimal.toml", &f);
	char host[256], expected[300];

	(void)state;
	assert_non_null(c);
	assert_string_equal(c->source_id, "shop-eu-1");
	assert_string_equal(c->from.host, "10.0.3.11");
	assert_int_equal(c->from.port, 3306);
	assert_string_equal(c->from.user, "dm");
	assert_string_equal(c->from.password, "plain-or-encrypted");
	assert_int_equal(c->from.max_allowed_packet, 67108864);
	assert_int_equal(c->from.session_count, 0);
	assert_string_equal(c->log_level, "info");
	assert_string_equal(c->log_file, "");
	assert_string_equal(c->relay_dir, "./relay_log");
	assert_string_equal(c->meta_dir, "./dm_worker_meta");
	assert_int_equal(c->server_id, 0);
	assert_int_equal(c->flavor, DM_FLAVOR_UNKNOWN);
	assert_false(c->enable_gtid);
	assert_true(c->enable_relay);
	assert_false(c->is_source_yaml);
	assert_int_equal(c->purge.interval_s, 3600);
	assert_int_equal(c->purge.expires_h, 0);
	assert_int_equal(c->purge.remain_space_gib, 15);
	assert_true(c->checker.check_enable);
	assert_int_equal(c->checker.backoff_rollback_ms, 300000);
	assert_int_equal(c->checker.backoff_max_ms, 300000);
	assert_string_equal(c->listen_host, "");
	assert_int_equal(c->listen_port, 8262);
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	(void)snprintf(expected, sizeof(expected), "%s:8262", host);
	assert_string_equal(c->advertise_addr, expected);
	assert_int_equal(c->later.count, 0);
}

static void the_full_file_is_read_whole(void **state)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
	DM_CLEANUP(worker_conf_freep) struct worker_conf *c = load("worker-full.toml", &f);

	(void)state;
	assert_non_null(c);
	assert_string_equal(c->log_level, "warn");
	assert_string_equal(c->log_file, "/var/log/dmw.log");
	assert_string_equal(c->advertise_addr, "10.0.3.50:8262");
	assert_string_equal(c->listen_host, "10.0.3.50");
	assert_int_equal(c->server_id, 90311);
	assert_int_equal(c->flavor, DM_FLAVOR_MARIADB);
	assert_true(c->enable_gtid);
	assert_string_equal(c->relay_dir, "/data/relay");
	assert_string_equal(c->meta_dir, "/data/dmmeta");
	assert_string_equal(c->relay_binlog_gtid, "0-1-100");
	assert_int_equal(c->from.max_allowed_packet, 33554432);
	assert_int_equal(c->from.session_count, 1);
	assert_string_equal(c->from.session[0].key, "wait_timeout");
	assert_string_equal(c->from.session[0].value, "3600");
	assert_int_equal(c->purge.interval_s, 600);
	assert_int_equal(c->purge.expires_h, 48);
	assert_int_equal(c->purge.remain_space_gib, 30);
	assert_int_equal(c->checker.backoff_rollback_ms, 600000);
	assert_int_equal(c->checker.backoff_max_ms, 120000);
}

static void the_source_of_2_0_is_read(void **state)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
	DM_CLEANUP(worker_conf_freep) struct worker_conf *c = load("source.yaml", &f);

	(void)state;
	assert_non_null(c);
	assert_true(c->is_source_yaml);
	assert_true(c->enable_gtid);
	assert_true(c->enable_relay);
	assert_string_equal(c->relay_dir, "relay");
	assert_string_equal(c->meta_dir, "./dm_worker_meta");
	assert_string_equal(c->worker_addr, "127.0.0.1:8262");
	assert_string_equal(c->from.password, "enc==");
	assert_int_equal(c->purge.expires_h, 48);
	assert_int_equal(c->filter_count, 1);
	assert_string_equal(c->filters[0].sql_pattern.at[0], "^CREATE\\s+EVENT");
	assert_int_equal(c->later.count, 1);
	assert_string_equal(c->later.at[0], "filters");
}

static void a_source_without_relay_is_accepted_and_noted(void **state)
{
	DM_CLEANUP(worker_conf_freep)
	struct worker_conf *c =
		parse("source-id: s\nfrom:\n  port: 3307\nchecker: {backoff-max: 1s}\n", "s.yml",
			&no_flags);

	(void)state;
	assert_false(c->enable_relay);
	assert_string_equal(c->relay_dir, "relay-dir");
	assert_int_equal(c->from.port, 3307);
	assert_int_equal(c->checker.backoff_max_ms, 1000);
	assert_int_equal(c->later.count, 1);
	assert_string_equal(c->later.at[0], "enable-relay");
}

static void the_form_is_known_by_ending_or_content(void **state)
{
	static const struct {
		const char *name, *text;
		bool is_yaml;
	} rows[] = {
		{ "w", "# a: b\nworker-addr = \":1\"\nsource-id = \"s\"\n", false },
		{ "w", "[from]\nhost = \"h\"\n", false },
		{ "w", "# worker-addr = 1\nsource-id: s\n", true },
		{ "w.YAML", "source-id: s\n", true },
		{ "dir.yaml/w.toml", HEAD, false },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
		DM_CLEANUP(worker_conf_freep) struct worker_conf *c = NULL;
		int r = worker_conf_parse(
			rows[i].text, strlen(rows[i].text), rows[i].name, &no_flags, &c, &f);

		if (r == 0)
			assert_int_equal(c->is_source_yaml, rows[i].is_yaml);
		else /* the table alone lacks a source-id, in the words of TOML's side */
			assert_int_equal(f.list[0].error.code, DM_ERR_WORKER_SOURCE_ID_EMPTY);
	}
}

static void keys_of_toml_are_read_in_any_case(void **state)
{
	DM_CLEANUP(worker_conf_freep)
	struct worker_conf *c =
		parse("Worker-Addr = \"h:1\"\nSOURCE-ID = \"s\"\n[FROM]\nPort = 7\n", "w.toml",
			&no_flags);

	(void)state;
	assert_string_equal(c->source_id, "s");
	assert_int_equal(c->from.port, 7);
	expect_faults("source-id = \"a\"\nworker-addr = \":1\"\nSource-Id = \"b\"\n", "w.toml",
		"w.toml:3:1: Source-Id: [code=40003:class=dm-worker:scope=internal:level=medium] "
		"toml decode file: Source-Id: the key is there twice\n");
}

static void every_fault_of_a_file_is_named_with_its_place(void **state)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str list = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str expected = { 0 };
	DM_CLEANUP(freep) char *path = data("worker-faults.expected");
	DM_CLEANUP(freep) char *own = data("worker-faults.toml");

	(void)state;
	assert_null(load("worker-faults.toml", &f));
	assert_string_equal(f.file, own);
	free(f.file);
	f.file = dm_strdup("worker-faults.toml");
	conf_faults_text(&f, &list);
	assert_int_equal(dm_file_read(path, 1 << 20, &expected), 0);
	assert_string_equal(list.data, expected.data);
	assert_null(strstr(list.data, "1234567")); /* the password of the file */
}

static void a_source_in_one_text_is_refused_without_its_password(void **state)
{
	(void)state;
	expect_faults(HEAD "from = \"dm:hush@h:3306\"\n", "w.toml",
		"w.toml:3:8: from: [code=40003:class=dm-worker:scope=internal:level=medium] toml "
		"decode file: from: the string is read, allowed is a table\n");
	expect_faults(HEAD "[from]\n\"password:hush\" = 1\n", "w.toml",
		"w.toml:4:1: from.password...: [code=40004:class=dm-worker:scope=internal:level="
		"medium] worker config contains unknown configuration options: "
		"from.password...\n");
}

static void every_fault_of_a_source_yaml_is_named(void **state)
{
	(void)state;
	expect_faults(
		"source-id: s\nSource-id: t\nfrom: {port: x, hosts: h}\npurge: 3\nflavor: [a]\n"
		"server-id: -1\nchecker: {backoff-max: 10ms}\n",
		"s.yaml",
		"s.yaml:2:1: Source-id: [code=20003:class=config:scope=internal:level=medium] "
		"decode source config: yaml: unmarshal errors: line 2: field Source-id not found "
		"in type config.SourceConfig\n"
		"s.yaml:3:14: from.port: [code=20003:class=config:scope=internal:level=medium] "
		"decode source config: yaml: unmarshal errors: line 3: cannot unmarshal !!str `x` "
		"into int\n"
		"s.yaml:3:17: from.hosts: [code=20003:class=config:scope=internal:level=medium] "
		"decode source config: yaml: unmarshal errors: line 3: field hosts not found in "
		"type config.DBConfig\n"
		"s.yaml:4:8: purge: [code=20003:class=config:scope=internal:level=medium] decode "
		"source config: yaml: unmarshal errors: line 4: cannot unmarshal !!int `3` into "
		"config.PurgeConfig\n"
		"s.yaml:5:9: flavor: [code=20003:class=config:scope=internal:level=medium] decode "
		"source config: yaml: unmarshal errors: line 5: cannot unmarshal !!seq into "
		"string\n"
		"s.yaml:6:12: server-id: [code=20003:class=config:scope=internal:level=medium] "
		"decode source config: yaml: unmarshal errors: line 6: cannot unmarshal !!int `-1` "
		"into uint32, allowed is an integer from 0 to 4294967295\n"
		"s.yaml:7:11: checker.backoff-max: "
		"[code=11103:class=dm-worker:scope=internal:level=medium] backoff argument max "
		"value 0.01s not valid\n");
}

static void the_one_error_is_dms(void **state)
{
	(void)state;
	expect_error(HEAD "b = 1\na = 2\n[from]\nc = 3\n", "w.toml",
		"[code=40004:class=dm-worker:scope=internal:level=medium] worker config contains "
		"unknown configuration options: b,a,from.c");
	expect_error(HEAD "server-id = -1\nb = 1\nenable-gtid = 1\n", "w.toml",
		"[code=40003:class=dm-worker:scope=internal:level=medium] toml decode file: "
		"server-id: the integer -1 is read, allowed is an integer from 0 to 4294967295; "
		"enable-gtid: the integer 1 is read, allowed is true or false");
	expect_error("a: 1\nb: 2\n", "s.yaml",
		"[code=20003:class=config:scope=internal:level=medium] decode source config: yaml: "
		"unmarshal errors:\n"
		"  line 1: field a not found in type config.SourceConfig\n"
		"  line 2: field b not found in type config.SourceConfig");
	expect_error("worker-addr = \":1\"\n", "w.toml",
		"[code=40005:class=dm-worker:scope=internal:level=medium] dm-worker should bind a "
		"non-empty source ID which represents a MySQL/MariaDB instance or a replica group. "
		"\n notice: if you use old version dm-ansible, please update to newest version.");
	expect_error("worker-addr = \":1\"\nsource-id = \"123456789012345678901234567890123\"\n",
		"w.toml",
		"[code=40006:class=dm-worker:scope=internal:level=medium] the length of source ID "
		"123456789012345678901234567890123 is more than max allowed value 32");
	expect_error(HEAD "relay-binlog-name = \"mysql-bin\"\n", "w.toml",
		"[code=40007:class=dm-worker:scope=internal:level=medium] relay-binlog-name "
		"mysql-bin not valid");
	expect_error(HEAD "flavor = \"MySQL\"\n", "w.toml",
		"[code=11010:class=functional:scope=internal:level=high] flavor MySQL not "
		"supported");
	expect_error(HEAD "[checker]\nbackoff-max = \"999ms\"\n", "w.toml",
		"[code=11103:class=dm-worker:scope=internal:level=medium] backoff argument max "
		"value 0.999s not valid");
	expect_error("source-id = \"s\"\n", "w.toml",
		"[code=40069:class=dm-worker:scope=internal:level=high] host:port '' not valid");
	expect_error("source-id = \"s\n", "w.toml",
		"[code=40003:class=dm-worker:scope=internal:level=medium] toml decode file: Error "
		"while parsing string: unescaped control characters other than TAB (U+0009) are "
		"explicitly prohibited");
	expect_error("source-id: s\n  x: y\n", "s.yaml",
		"[code=20003:class=config:scope=internal:level=medium] decode source config: yaml: "
		"line 2: mapping values are not allowed in this context");
}

static void a_missing_file_is_named(void **state)
{
	static const struct {
		const char *path, *expected;
	} rows[] = {
		{ "/nowhere/w.toml",
			"/nowhere/w.toml: [code=40003:class=dm-worker:scope=internal:level=medium] "
			"toml decode file: open /nowhere/w.toml: No such file or directory\n" },
		{ "/nowhere/s.yaml",
			"/nowhere/s.yaml: [code=20018:class=config:scope=internal:level=medium] "
			"read config file /nowhere/s.yaml: No such file or directory\n" },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
		DM_CLEANUP(dm_str_done) struct dm_str list = { 0 };
		struct worker_flags flags = { .config = (char *)rows[i].path };
		struct worker_conf *c = NULL;

		assert_int_equal(worker_conf_load(&flags, &c, &f), -1);
		conf_faults_text(&f, &list);
		assert_string_equal(list.data, rows[i].expected);
	}
}

static void a_gtid_set_needs_no_flavor(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{ HEAD "relay-binlog-gtid = \"0-1-100\"\n", true },
		{ HEAD "relay-binlog-gtid = \"3ccc475b-2343-11e7-be21-6c0b84d59f30:1-14\"\n",
			true },
		{ HEAD "flavor = \"mysql\"\nrelay-binlog-gtid = \"0-1-100\"\n", false },
		{ HEAD "flavor = \"mariadb\"\nrelay-binlog-gtid = \"0-1-100\"\n", true },
		{ HEAD "relay-binlog-gtid = \"abc\"\n", false },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
		DM_CLEANUP(worker_conf_freep) struct worker_conf *c = NULL;
		int r = worker_conf_parse(
			rows[i].text, strlen(rows[i].text), "w.toml", &no_flags, &c, &f);

		assert_int_equal(r, rows[i].valid ? 0 : -1);
		if (r < 0) {
			assert_int_equal(f.list[0].error.code, DM_ERR_PARSE_GTID);
			assert_int_equal(dm_error_class(&f.list[0].error), DM_CLASS_DM_WORKER);
		}
	}
}

static void addresses_are_split(void **state)
{
	static const struct {
		const char *addr, *host;
		int port; /* 0: refused */
	} rows[] = {
		{ "10.0.0.1:8262", "10.0.0.1", 8262 },
		{ "[::1]:65535", "::1", 65535 },
		{ "db.example:1", "db.example", 1 },
		{ "0.0.0.0:8262", "0.0.0.0", 8262 },
		{ "8262", "", 0 },
		{ "host:", "", 0 },
		{ "host:0", "", 0 },
		{ "host:65536", "", 0 },
		{ "host:http", "", 0 },
		{ "::1:8262", "", 0 },
		{ "host:-1", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
		DM_CLEANUP(worker_conf_freep) struct worker_conf *c = NULL;
		DM_CLEANUP(freep)
		char *text = dm_format("source-id = \"s\"\nworker-addr = \"%s\"\n", rows[i].addr);
		int r = worker_conf_parse(text, strlen(text), "w.toml", &no_flags, &c, &f);

		assert_int_equal(r, rows[i].port ? 0 : -1);
		if (r == 0) {
			assert_string_equal(c->listen_host, rows[i].host);
			assert_int_equal(c->listen_port, rows[i].port);
			assert_string_equal(c->advertise_addr, rows[i].addr);
		} else {
			assert_int_equal(f.list[0].error.code, DM_ERR_WORKER_HOST_PORT);
		}
	}
}

static void keys_without_effect_are_listed(void **state)
{
	DM_CLEANUP(worker_conf_freep)
	struct worker_conf *c =
		parse(HEAD "log-rotate = \"day\"\nauto-fix-gtid = true\n"
			   "name = \"w1\"\nadvertise-addr = \"w1:9\"\nssl-ca = \"\"\n"
			   "[tracer]\nenable = true\nbatch-size = 20\n",
			"w.toml", &no_flags);

	(void)state;
	assert_int_equal(c->later.count, 4);
	assert_string_equal(c->later.at[0], "log-rotate");
	assert_string_equal(c->later.at[1], "auto-fix-gtid");
	assert_string_equal(c->later.at[2], "name");
	assert_string_equal(c->later.at[3], "tracer.enable");
	assert_string_equal(c->advertise_addr, "w1:9");
}

static void what_is_printed_is_read_back_without_secrets(void **state)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
	DM_CLEANUP(worker_conf_freep) struct worker_conf *c = load("worker-full.toml", &f);
	DM_CLEANUP(worker_conf_freep) struct worker_conf *again = NULL;
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str twice = { 0 };
	struct conf_strings keys = { 0 };

	(void)state;
	worker_conf_print(c, &text);
	assert_null(strstr(text.data, "\"secret\""));
	assert_non_null(strstr(text.data, "password = \"******\"\n"));
	again = parse(text.data, "w.toml", &no_flags);
	worker_conf_print(again, &twice);
	assert_string_equal(text.data, twice.data);
	worker_conf_restart_keys(c, again, &keys);
	assert_int_equal(keys.count, 0);
	assert_string_equal(again->from.password, "******");
}

static void the_sample_is_a_file_that_can_be_used(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(worker_conf_freep) struct worker_conf *c = NULL;

	(void)state;
	worker_conf_print_sample(&text);
	c = parse(text.data, "w.toml", &no_flags);
	assert_string_equal(c->source_id, "mysql-replica-01");
	assert_int_equal(c->later.count, 0);
}

static void a_reload_knows_what_needs_a_restart(void **state)
{
	DM_CLEANUP(worker_conf_freep) struct worker_conf *a = parse(HEAD, "w.toml", &no_flags);
	DM_CLEANUP(worker_conf_freep)
	struct worker_conf *b = parse("worker-addr = \"b:9\"\nsource-id = \"s\"\nlog-level = "
				      "\"debug\"\nserver-id = 7\n[purge]\ninterval = 1\n"
				      "[from]\nhost = \"new\"\n",
		"w.toml", &no_flags);
	struct conf_strings keys = { 0 };

	(void)state;
	worker_conf_restart_keys(a, b, &keys);
	assert_int_equal(keys.count, 2);
	assert_string_equal(keys.at[0], "worker-addr");
	assert_string_equal(keys.at[1], "server-id");
	worker_conf_keep_restart_values(a, b);
	assert_string_equal(b->worker_addr, a->worker_addr);
	assert_string_equal(b->advertise_addr, a->advertise_addr);
	assert_int_equal(b->listen_port, a->listen_port);
	assert_int_equal(b->server_id, 0);
	assert_string_equal(b->log_level, "debug"); /* these are live */
	assert_string_equal(b->from.host, "new");
	assert_int_equal(b->purge.interval_s, 1);
	for (size_t i = 0; i < keys.count; i++)
		free(keys.at[i]);
	free(keys.at);
}

/* ---- bounds and oddities of TOML ---- */

static void expect_refused(const struct dm_str *text, const char *expected)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
	struct worker_conf *c = NULL;

	assert_int_equal(worker_conf_parse(text->data, text->len, "w.toml", &no_flags, &c, &f), -1);
	if (!strstr(f.list[0].error.message, expected))
		fail_msg("got %s\nwanted %s", f.list[0].error.message, expected);
}

static void a_large_or_deep_file_is_refused(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str large = { 0 };
	static const struct {
		const char *head, *piece, *expected;
	} rows[] = {
		{ "a", ".a", "too many levels" },
		{ "[a", ".a", "too many levels" },
		{ "x = {a", ".a", "too many levels" },
		{ "x = [\"\"\"'\"\"\"\"\", {a", ".\"b'\"", "too many levels" },
		{ "x = ", "[", "exceeded maximum nested value depth of 256" },
		{ "x = ", "{a=", "exceeded maximum nested value depth of 256" },
	};

	(void)state;
	while (large.len < 10 << 20)
		dm_str_add(&large, "# a comment that goes on and on and on and on and on and on\n");
	expect_refused(&large, "larger than 4 MiB");
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

		dm_str_add(&text, rows[i].head);
		while (text.len < 1 << 20)
			dm_str_add(&text, rows[i].piece);
		expect_refused(&text, rows[i].expected);
	}
}

static void dots_in_texts_are_no_levels(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(worker_conf_freep) struct worker_conf *c = NULL;

	(void)state;
	dm_str_add(&text, HEAD "log-file = \"");
	for (int i = 0; i < 200; i++)
		dm_str_add(&text, "../");
	dm_str_add(&text, "\" # ");
	for (int i = 0; i < 200; i++)
		dm_str_add(&text, "..");
	dm_str_add(&text, "\nmeta-dir = "
			  "\'\'\'\n................................................................"
			  "..\'\'\'\n");
	c = parse(text.data, "w.toml", &no_flags);
	assert_int_equal(strlen(c->log_file), 600);
}

static void texts_that_toml_cannot_have_are_refused(void **state)
{
	static const char *const texts[] = { "[, \"c d\" = e\"}\n", "e\xce\xa3", "\xc3\xa4 = 1\n",
		"a = \xff\n", "a = \"\\u0000\"\n", "\"\\u0000\" = 1\n", "a = 1\na = 2\n",
		"a = 1 b = 2\n", "[a]\n[a]\n", "= 1\n", "a = 99999999999999999999\n", "a\n" };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(texts); i++) {
		DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
		struct worker_conf *c = NULL;

		assert_int_equal(
			worker_conf_parse(texts[i], strlen(texts[i]), "w.toml", &no_flags, &c, &f),
			-1);
		assert_int_equal(f.count, 1);
		assert_int_equal(f.list[0].error.code, DM_ERR_WORKER_TOML);
	}
}

/* ---- flags ---- */

static int flags_of(struct worker_flags *ret, struct dm_error *reterr, const char *line)
{
	DM_CLEANUP(freep) char *copy = dm_strdup(line);
	char *argv[32] = { (char *)"dm-worker" }, *save = NULL;
	int argc = 1;

	for (char *at = strtok_r(copy, " ", &save); at; at = strtok_r(NULL, " ", &save))
		argv[argc++] = at;
	return worker_flags_parse(argc, argv, ret, reterr);
}

static void flags_win_over_the_file(void **state)
{
	DM_CLEANUP(worker_flags_done) struct worker_flags flags = { 0 };
	DM_CLEANUP(worker_conf_freep) struct worker_conf *c = NULL;
	struct dm_error err = { 0 };

	(void)state;
	assert_int_equal(
		flags_of(&flags, &err,
			"-config f.toml --worker-addr=1.2.3.4:5 -L WARN -log-file=x --relay-dir r "
			"-purge-interval 0x10 -purge-expires 2 -purge-remain-space 3 "
			"-checker-check-enable=f -checker-backoff-rollback 1m "
			"-checker-backoff-max=90s"),
		0);
	assert_int_equal(flags.ask, WORKER_RUN);
	assert_string_equal(flags.config, "f.toml");
	c = parse(HEAD "[purge]\ninterval = 9\n", "f.toml", &flags);
	assert_string_equal(c->advertise_addr, "1.2.3.4:5");
	assert_string_equal(c->log_level, "warn");
	assert_string_equal(c->log_file, "x");
	assert_string_equal(c->relay_dir, "r");
	assert_int_equal(c->purge.interval_s, 16);
	assert_int_equal(c->purge.expires_h, 2);
	assert_int_equal(c->purge.remain_space_gib, 3);
	assert_false(c->checker.check_enable);
	assert_int_equal(c->checker.backoff_rollback_ms, 60000);
	assert_int_equal(c->checker.backoff_max_ms, 90000);
}

static void flags_may_ask_for_something_else(void **state)
{
	static const struct {
		const char *line;
		enum worker_ask ask;
		const char *config;
	} rows[] = {
		{ "-V", WORKER_VERSION, "" },
		{ "--V=true", WORKER_VERSION, "" },
		{ "-V=false", WORKER_RUN, "" },
		{ "-print-sample-config", WORKER_SAMPLE, "" },
		{ "--check-config f", WORKER_CHECK, "f" },
		{ "-h", WORKER_HELP, "" },
		{ "--help -x", WORKER_HELP, "" },
		{ "-config=f -V extra", WORKER_VERSION, "f" },
		{ "", WORKER_RUN, "" },
		{ "--", WORKER_RUN, "" },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(worker_flags_done) struct worker_flags flags = { 0 };
		struct dm_error err = { 0 };

		assert_int_equal(flags_of(&flags, &err, rows[i].line), 0);
		assert_int_equal(flags.ask, rows[i].ask);
		assert_string_equal(flags.config, rows[i].config);
	}
}

static void wrong_flags_are_refused_in_gos_words(void **state)
{
	static const struct {
		const char *line, *text;
	} rows[] = {
		{ "-x", "flag provided but not defined: -x" },
		{ "--worker=1", "flag provided but not defined: -worker" },
		{ "-config", "flag needs an argument: -config" },
		{ "-=x", "bad flag syntax: -=x" },
		{ "---V", "bad flag syntax: ---V" },
		{ "-purge-interval abc",
			"invalid value \"abc\" for flag -purge-interval: parse error" },
		{ "-purge-expires 99999999999999999999",
			"invalid value \"99999999999999999999\" for flag -purge-expires: value out "
			"of range" },
		{ "-checker-backoff-max 5",
			"invalid value \"5\" for flag -checker-backoff-max: parse error" },
		{ "-checker-check-enable=maybe",
			"invalid boolean value \"maybe\" for -checker-check-enable: parse error" },
	};
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct worker_flags flags = { 0 };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(freep)
		char *expected = dm_format("parse dm-worker config flag set: %s", rows[i].text);

		assert_int_equal(flags_of(&flags, &err, rows[i].line), -1);
		assert_int_equal(err.code, DM_ERR_WORKER_PARSE_FLAGS);
		assert_string_equal(err.message, expected);
	}
	assert_int_equal(flags_of(&flags, &err, "-L info extra"), -1);
	assert_int_equal(err.code, DM_ERR_WORKER_INVALID_FLAG);
	assert_string_equal(err.message, "'extra' is an invalid flag");
}

static void the_usage_names_every_flag(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	(void)state;
	worker_flags_usage(&text);
	assert_non_null(strstr(text.data, "  -config value\n"));
	assert_non_null(strstr(text.data, "  -V\n"));
	assert_non_null(strstr(text.data, "  -checker-backoff-max value\n"));
}

/* ---- passwords ---- */

static void dms_passwords_are_decrypted(void **state)
{
	static const struct {
		const char *text, *plain;
	} rows[] = {
		{ "/Q7B9DizNLLTTfiZHv9WoEAKamfpIUs=", "123456" },
		{ "Up8156jArvIPymkVC+5LxkAT6rek", "1234" },
		{ "secret", "secret" }, /* no Base64 of the right form */
		{ "c2VjcmV0", "c2VjcmV0" }, /* Base64, too short */
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA" }, /* no '@' */
		{ "/Q7B9DizNLLTTfiZHv9WoEAKamfpIUs", "/Q7B9DizNLLTTfiZHv9WoEAKamfpIUs" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(freep) char *plain = conf_password_decrypt(rows[i].text);

		assert_string_equal(plain, rows[i].plain);
	}
}

static void what_is_encrypted_is_decrypted(void **state)
{
	static const char *const texts[] = { "", "x",
		"a longer password, with \"quotes\" and \xc3\xbc", "123456" };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(texts); i++) {
		DM_CLEANUP(freep) char *a = NULL;
		DM_CLEANUP(freep) char *b = NULL;
		DM_CLEANUP(freep) char *plain = NULL;
		struct dm_error err = { 0 };

		assert_int_equal(conf_password_encrypt(texts[i], &a, &err), 0);
		assert_int_equal(conf_password_encrypt(texts[i], &b, &err), 0);
		assert_string_not_equal(a, b); /* the IV is random */
		plain = conf_password_decrypt(a);
		assert_string_equal(plain, texts[i]);
	}
}

static void the_file_s_password_may_be_encrypted(void **state)
{
	DM_CLEANUP(worker_conf_freep)
	struct worker_conf *c =
		parse(HEAD "[from]\npassword = \"/Q7B9DizNLLTTfiZHv9WoEAKamfpIUs=\"\n", "w.toml",
			&no_flags);

	(void)state;
	assert_string_equal(c->from.password, "123456");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_minimal_file_has_dms_defaults),
		cmocka_unit_test(the_full_file_is_read_whole),
		cmocka_unit_test(the_source_of_2_0_is_read),
		cmocka_unit_test(a_source_without_relay_is_accepted_and_noted),
		cmocka_unit_test(the_form_is_known_by_ending_or_content),
		cmocka_unit_test(keys_of_toml_are_read_in_any_case),
		cmocka_unit_test(every_fault_of_a_file_is_named_with_its_place),
		cmocka_unit_test(a_source_in_one_text_is_refused_without_its_password),
		cmocka_unit_test(every_fault_of_a_source_yaml_is_named),
		cmocka_unit_test(the_one_error_is_dms),
		cmocka_unit_test(a_missing_file_is_named),
		cmocka_unit_test(a_gtid_set_needs_no_flavor),
		cmocka_unit_test(addresses_are_split),
		cmocka_unit_test(keys_without_effect_are_listed),
		cmocka_unit_test(what_is_printed_is_read_back_without_secrets),
		cmocka_unit_test(the_sample_is_a_file_that_can_be_used),
		cmocka_unit_test(a_reload_knows_what_needs_a_restart),
		cmocka_unit_test(a_large_or_deep_file_is_refused),
		cmocka_unit_test(dots_in_texts_are_no_levels),
		cmocka_unit_test(texts_that_toml_cannot_have_are_refused),
		cmocka_unit_test(flags_win_over_the_file),
		cmocka_unit_test(flags_may_ask_for_something_else),
		cmocka_unit_test(wrong_flags_are_refused_in_gos_words),
		cmocka_unit_test(the_usage_names_every_flag),
		cmocka_unit_test(dms_passwords_are_decrypted),
		cmocka_unit_test(what_is_encrypted_is_decrypted),
		cmocka_unit_test(the_file_s_password_may_be_encrypted),
	};

	return test_main(argc, argv, "conf-worker", tests);
}
