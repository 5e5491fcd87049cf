/* test-conf-task.c - task.yaml: what is read, what is refused, and the part for one source. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "dm/conf.h"
#include "dm/file.h"

#define TARGET "target-database: {host: h, user: root}\n"
#define HEAD "name: t\ntask-mode: incremental\n" TARGET
#define INSTANCE \
	"mysql-instances:\n- source-id: s\n  meta: {binlog-name: bin.000001, binlog-pos: 4}\n"

static void load(const char *name, struct dm_str *ret)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/data/conf/%s", test_source_dir, name);

	assert_int_equal(dm_file_read(path, 1 << 20, ret), 0);
}

static struct task_conf *parse(const char *text)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct task_conf *t = NULL;

	if (task_conf_parse(text, strlen(text), "t.yaml", &t, NULL, &err) < 0)
		fail_msg("%s\n%s", text, err.message);
	return t;
}

static struct task_conf *parse_file(const char *name)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	load(name, &text);
	return parse(dm_str_get(&text));
}

static struct subtask_conf *part(const struct task_conf *t, const char *source)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct subtask_conf *s = NULL;

	if (task_conf_for_source(t, source, &s, &err) < 0)
		fail_msg("%s", err.message);
	return s;
}

/* The text must be refused with this error. */
static void expect_error(const char *text, const char *expected)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str got = { 0 };
	struct task_conf *t = NULL;

	if (task_conf_parse(text, strlen(text), "t.yaml", &t, NULL, &err) == 0)
		fail_msg("accepted: %s", text);
	assert_null(t);
	dm_error_text(&err, &got);
	if (strcmp(got.data, expected) != 0)
		fail_msg("%s\n   got %s\nwanted %s", text, got.data, expected);
}
#define CONFIG(code, text) "[code=" code ":class=config:scope=internal:level=medium] " text
#define YAML(text) CONFIG("20003", "decode task config failed: yaml: " text)
#define LINES(text) YAML("unmarshal errors:\n  " text)

static void the_first_example_is_read(void **state)
{
	DM_CLEANUP(task_conf_freep) struct task_conf *t = parse_file("task-all.yaml");
	DM_CLEANUP(subtask_conf_freep) struct subtask_conf *s = part(t, "shop-eu-1");
	const struct task_common *c = task_conf_common(t);

	(void)state;
	assert_string_equal(c->name, "eu_orders");
	assert_int_equal(c->mode, TASK_MODE_ALL);
	assert_string_equal(task_mode_name(c->mode), "all");
	assert_string_equal(c->timezone, "Europe/Berlin");
	assert_string_equal(c->meta_schema, "dm_meta");
	assert_string_equal(c->target.host, "10.0.9.1");
	assert_int_equal(c->target.port, 4000);
	assert_string_equal(c->target.password, "");
	assert_int_equal(c->target.max_allowed_packet, 67108864);
	assert_false(c->is_sharding);
	assert_false(c->enable_heartbeat);
	assert_int_equal(c->heartbeat_update_interval_s, 1);
	assert_int_equal(c->heartbeat_report_interval_s, 10);
	assert_false(c->case_sensitive);
	assert_int_equal(task_conf_source_count(t), 1);
	assert_string_equal(task_conf_source(t, 0), "shop-eu-1");
	assert_false(s->meta.is_set);
	assert_string_equal(s->meta.binlog_name, "");
	assert_true(s->has_list);
	assert_int_equal(s->list.do_dbs.count, 1);
	assert_string_equal(s->list.do_dbs.at[0], "orders");
	assert_int_equal(s->list.do_table_count, 0);
	assert_int_equal(s->mydumper.threads, 4);
	assert_true(s->mydumper.skip_tz_utc);
	assert_string_equal(s->mydumper.chunk_filesize, "64");
	assert_int_equal(s->loader.pool_size, 16);
	assert_string_equal(s->loader.dir, "./dumped_data.eu_orders");
	assert_int_equal(s->syncer.worker_count, 16);
	assert_int_equal(s->syncer.batch, 100);
	assert_int_equal(s->syncer.queue_size, 1024);
	assert_int_equal(s->syncer.checkpoint_flush_interval_s, 30);
	assert_int_equal(s->later.count, 0);
}

static void the_second_example_is_read(void **state)
{
	DM_CLEANUP(task_conf_freep) struct task_conf *t = parse_file("task-sharding.yaml");
	DM_CLEANUP(subtask_conf_freep) struct subtask_conf *s1 = part(t, "s1");
	DM_CLEANUP(subtask_conf_freep) struct subtask_conf *s2 = part(t, "s2");

	(void)state;
	task_conf_freep(&t); /* the parts live on */
	assert_true(s1->common.is_sharding);
	assert_int_equal(s1->common.shard_mode, SHARD_PESSIMISTIC);
	assert_int_equal(s1->common.online_ddl_scheme, ONLINE_DDL_GH_OST);
	assert_true(s1->common.online_ddl);
	assert_int_equal(s1->common.target.session_count, 2);
	assert_string_equal(s1->common.target.session[1].key, "tidb_retry_limit");
	assert_string_equal(s1->common.target.session[1].value, "10");
	assert_string_equal(s1->common.target.password, "enc==");
	assert_true(s1->meta.is_set);
	assert_string_equal(s1->meta.binlog_name, "bin.000010");
	assert_int_equal(s1->meta.binlog_pos, 4);
	assert_int_equal(s1->route_count, 2);
	assert_string_equal(s1->routes[0].name, "tbl");
	assert_string_equal(s1->routes[0].table_pattern, "u_*");
	assert_string_equal(s1->routes[1].name, "db");
	assert_string_equal(s1->routes[1].target_table, "");
	assert_int_equal(s1->filter_count, 1);
	assert_string_equal(s1->filters[0].events.at[1], "drop table");
	assert_int_equal(s1->mapping_count, 1);
	assert_string_equal(s1->mappings[0].arguments.at[3], "_");
	assert_string_equal(s1->list.ignore_tables[0].table, "tmp*");
	assert_int_equal(s1->syncer.worker_count, 32);
	assert_int_equal(s1->syncer.checkpoint_flush_interval_s, 10);
	assert_int_equal(s1->syncer.queue_size, 1024);
	assert_int_equal(s2->route_count, 2);
	assert_int_equal(s2->mapping_count, 0);
	assert_int_equal(s2->syncer.worker_count, 8);
	assert_true(s2->syncer.safe_mode);
	assert_int_equal(s2->syncer.batch, 100);
	assert_int_equal(s1->later.count, 7);
	assert_string_equal(s1->later.at[6], "syncers.fast.batch");
	assert_int_equal(s2->later.count, 4);
	assert_string_equal(s2->later.at[3], "mysql-instances[1].syncer.worker-count");
}

static void a_source_that_the_task_lacks_is_named(void **state)
{
	DM_CLEANUP(task_conf_freep) struct task_conf *t = parse_file("task-all.yaml");
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct subtask_conf *s = NULL;

	(void)state;
	assert_int_equal(task_conf_for_source(t, "nobody", &s, &err), -1);
	assert_int_equal(err.code, DM_ERR_CONFIG_SOURCE_NOT_FOUND);
	assert_string_equal(err.message, "source nobody in deployment configuration not found");
}

static void what_is_printed_is_read_back_without_secrets(void **state)
{
	static const char *const files[] = { "task-all.yaml", "task-sharding.yaml" };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(files); i++) {
		DM_CLEANUP(task_conf_freep) struct task_conf *t = parse_file(files[i]);
		DM_CLEANUP(task_conf_freep) struct task_conf *again = NULL;
		DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
		DM_CLEANUP(dm_str_done) struct dm_str twice = { 0 };

		task_conf_print(t, &text);
		assert_null(strstr(text.data, "enc=="));
		again = parse(text.data);
		task_conf_print(again, &twice);
		assert_string_equal(text.data, twice.data);
	}
}

static void odd_texts_survive_printing(void **state)
{
	DM_CLEANUP(task_conf_freep)
	struct task_conf *t =
		parse(HEAD INSTANCE "routes:\n  \"a: b\": {schema-pattern: \"q\\\"\\\\\\n\\tx\", "
				    "target-schema: \"on\"}\n"
				    "  \"12\": {}\n  ~: {table-pattern: \"\xc3\xa4\"}\n");
	DM_CLEANUP(task_conf_freep) struct task_conf *again = NULL;
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str twice = { 0 };

	(void)state;
	task_conf_print(t, &text);
	assert_non_null(strstr(text.data, "\"12\": {}\n"));
	again = parse(text.data);
	task_conf_print(again, &twice);
	assert_string_equal(text.data, twice.data);
}

static void units_are_chosen_by_name_or_in_place(void **state)
{
	DM_CLEANUP(task_conf_freep)
	struct task_conf *t =
		parse("name: t\ntask-mode: full\n" TARGET "mysql-instances:\n"
		      "- {source-id: a, mydumper-config-name: d, loader-config-name: l, "
		      "syncer-config-name: s}\n"
		      "- {source-id: b, mydumper: {threads: 2, mydumper-path: p}, loader: {dir: "
		      "/x.t}, syncer: {batch: 7}}\n"
		      "- {source-id: c, mydumper-thread: 9, loader-thread: 8, syncer-thread: 7}\n"
		      "- {source-id: d, loader: {dir: x}, syncer: {queue-size: 0, "
		      "checkpoint-flush-interval: 0}}\n"
		      "mydumpers: {d: {chunk-filesize: 128M, skip-tz-utc: false, where: a > 1}}\n"
		      "loaders: {l: {pool-size: 3, dir: /y}}\nsyncers: {s: {batch: 9}}\n");
	DM_CLEANUP(subtask_conf_freep) struct subtask_conf *a = part(t, "a");
	DM_CLEANUP(subtask_conf_freep) struct subtask_conf *b = part(t, "b");
	DM_CLEANUP(subtask_conf_freep) struct subtask_conf *c = part(t, "c");
	DM_CLEANUP(subtask_conf_freep) struct subtask_conf *d = part(t, "d");

	(void)state;
	assert_string_equal(a->mydumper.chunk_filesize, "128M");
	assert_string_equal(a->mydumper.where, "a > 1");
	assert_false(a->mydumper.skip_tz_utc);
	assert_int_equal(a->mydumper.threads, 4);
	assert_string_equal(a->loader.dir, "/y.t");
	assert_int_equal(a->loader.pool_size, 3);
	assert_int_equal(a->syncer.batch, 9);
	assert_int_equal(b->mydumper.threads, 2);
	assert_string_equal(b->loader.dir, "/x.t");
	assert_int_equal(b->syncer.batch, 7);
	assert_int_equal(c->mydumper.threads, 9);
	assert_int_equal(c->loader.pool_size, 8);
	assert_int_equal(c->syncer.worker_count, 7);
	assert_false(c->has_list);
	assert_string_equal(d->loader.dir, "x.t"); /* shorter than what is added */
	assert_int_equal(d->syncer.queue_size, 1024);
	assert_int_equal(d->syncer.checkpoint_flush_interval_s, 30);
}

static void the_newer_list_wins(void **state)
{
	DM_CLEANUP(task_conf_freep)
	struct task_conf *t =
		parse(HEAD "mysql-instances:\n"
			   "- {source-id: a, meta: {binlog-name: b.1}, block-allow-list: x, "
			   "black-white-list: none}\n"
			   "- {source-id: b, meta: {binlog-gtid: 0-1-1}, black-white-list: y}\n"
			   "black-white-list: {x: {do-dbs: [old]}}\n"
			   "block-allow-list: {x: {do-dbs: [new]}, y: ~}\n");
	DM_CLEANUP(subtask_conf_freep) struct subtask_conf *a = part(t, "a");
	DM_CLEANUP(subtask_conf_freep) struct subtask_conf *b = part(t, "b");

	(void)state;
	assert_string_equal(a->list.do_dbs.at[0], "new");
	assert_true(b->has_list);
	assert_int_equal(b->list.do_dbs.count, 0);
	assert_string_equal(b->meta.binlog_gtid, "0-1-1");
	assert_string_equal(b->meta.binlog_name, "");
}

static void heartbeat_and_sharding_have_two_keys_each(void **state)
{
	static const struct {
		const char *keys;
		bool heartbeat;
		enum shard_mode mode;
		enum online_ddl_scheme scheme;
		bool online;
	} rows[] = {
		{ "", false, SHARD_NONE, ONLINE_DDL_NONE, false },
		{ "enable-heartbeat: true\n", true, SHARD_NONE, ONLINE_DDL_NONE, false },
		{ "disable-heartbeat: false\n", true, SHARD_NONE, ONLINE_DDL_NONE, false },
		{ "is-sharding: yes\n", false, SHARD_PESSIMISTIC, ONLINE_DDL_NONE, false },
		{ "shard-mode: pessimistic\n", false, SHARD_PESSIMISTIC, ONLINE_DDL_NONE, false },
		{ "is-sharding: true\nshard-mode: optimistic\n", false, SHARD_OPTIMISTIC,
			ONLINE_DDL_NONE, false },
		{ "online-ddl-scheme: pt\n", false, SHARD_NONE, ONLINE_DDL_PT, true },
		{ "online-ddl: on\n", false, SHARD_NONE, ONLINE_DDL_NONE, true },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(freep) char *text = dm_format("%s%s", HEAD INSTANCE, rows[i].keys);
		DM_CLEANUP(task_conf_freep) struct task_conf *t = parse(text);
		const struct task_common *c = task_conf_common(t);

		assert_int_equal(c->enable_heartbeat, rows[i].heartbeat);
		assert_int_equal(c->shard_mode, rows[i].mode);
		assert_int_equal(c->is_sharding, rows[i].mode != SHARD_NONE);
		assert_int_equal(c->online_ddl_scheme, rows[i].scheme);
		assert_int_equal(c->online_ddl, rows[i].online);
	}
}

static void the_target_s_password_may_be_encrypted(void **state)
{
	DM_CLEANUP(task_conf_freep)
	struct task_conf *t = parse("name: t\ntask-mode: full\ntarget-database: {password: "
				    "\"/Q7B9DizNLLTTfiZHv9WoEAKamfpIUs=\"}\n"
				    "mysql-instances: [{source-id: s}]\nmeta-schema: \"\"\n");

	(void)state;
	assert_string_equal(task_conf_common(t)->target.password, "123456");
	assert_string_equal(task_conf_common(t)->meta_schema, "dm_meta");
}

/* ---- faults ---- */

static void every_fault_of_a_file_is_named_with_its_place(void **state)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str list = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str expected = { 0 };
	struct task_conf *t = NULL;

	(void)state;
	load("task-faults.yaml", &text);
	load("task-faults.expected", &expected);
	assert_int_equal(
		task_conf_parse(text.data, text.len, "task-faults.yaml", &t, &f, &err), -1);
	conf_faults_text(&f, &list);
	assert_string_equal(list.data, expected.data);
	assert_int_equal(err.code, DM_ERR_CONFIG_YAML);
}

static void each_check_of_dm_has_its_code(void **state)
{
	(void)state;
	expect_error("", CONFIG("20019", "must specify a unique task name"));
	expect_error("name: t\n",
		CONFIG("20020",
			"please specify right task-mode, support `full`, `incremental`, `all`"));
	expect_error("name: t\ntask-mode: Full\n",
		CONFIG("20020",
			"please specify right task-mode, support `full`, `incremental`, `all`"));
	expect_error("name: t\ntask-mode: all\nshard-mode: x\n",
		CONFIG("20033", "shard mode x not supported"));
	expect_error("name: t\ntask-mode: all\nonline-ddl-scheme: ghost\n",
		CONFIG("20007", "online scheme ghost not supported"));
	expect_error("name: t\ntask-mode: all\n", CONFIG("20021", "must specify target-database"));
	expect_error("name: t\ntask-mode: all\n" TARGET,
		CONFIG("20013", "must specify at least one mysql-instances"));
	expect_error(HEAD "mysql-instances: [{}]\n",
		CONFIG("20005", "mysql-instance: 0th: empty source-id not valid"));
	expect_error(HEAD "mysql-instances: [{source-id: s}]\n",
		CONFIG("20022", "mysql-instance(0) must set meta for task-mode incremental"));
	expect_error(HEAD "mysql-instances: [{source-id: s, meta: {}}]\n",
		CONFIG("20011", "mysql-instance: 0th: binlog-name must specify"));
	expect_error(HEAD INSTANCE "- source-id: s\n  meta: {binlog-name: b.1}\n",
		CONFIG("20014", "mysql-instance (0) and (1) have same source-id (s)"));
	expect_error(HEAD INSTANCE "  route-rules: [x]\n",
		CONFIG("20023", "mysql-instance(0)'s route-rules x not exist in routes"));
	expect_error(HEAD INSTANCE "  expression-filters: [x]\n",
		CONFIG("20024",
			"mysql-instance(0)'s expression-filters x not exist in expression-filter"));
	expect_error(HEAD INSTANCE "  block-allow-list: x\n",
		CONFIG("20026", "mysql-instance(0)'s list x not exist in black white list"));
	expect_error("name: t\ntask-mode: full\n" TARGET
		     "mysql-instances: [{source-id: s, mydumper: {mydumper-path: \"\"}}]\n",
		CONFIG("20028", "mysql-instance(0)'s mydumper-path must specify a valid path to "
				"mydumper binary when task-mode is all or full"));
	expect_error(HEAD INSTANCE "  route-rules: [r, r, q, r]\n  filter-rules: [f, f]\n"
				   "routes: {r: {}, q: {}}\nfilters: {f: {}}\n",
		CONFIG("20032",
			"the following mysql configs have duplicate items, please remove the "
			"duplicates:\n"
			"mysql-instance(0)'s route-rules: r\nmysql-instance(0)'s filter-rules: f"));
	expect_error(HEAD INSTANCE "timezone: Nowhere/Land\n",
		CONFIG("20008",
			"invalid timezone string: Nowhere/Land: unknown time zone Nowhere/Land"));
}

static void ordinals_are_english(void **state)
{
	static const struct {
		int count;
		const char *word;
	} rows[] = { { 1, "0th" }, { 2, "1st" }, { 3, "2nd" }, { 4, "3rd" }, { 5, "4th" },
		{ 12, "11th" }, { 13, "12th" }, { 22, "21st" }, { 112, "111th" } };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
		DM_CLEANUP(freep)
		char *expected =
			dm_format(CONFIG("20005", "mysql-instance: %s: empty source-id not valid"),
				rows[i].word);

		dm_str_add(&text, HEAD "mysql-instances:\n");
		for (int k = 1; k < rows[i].count; k++)
			dm_str_addf(&text, "- {source-id: s%d, meta: {binlog-name: b.1}}\n", k);
		dm_str_add(&text, "- {meta: {binlog-name: b.1}}\n");
		expect_error(text.data, expected);
	}
}

static void time_zones_are_those_of_the_host(void **state)
{
	static const char *const good[] = { "UTC", "Local", "Asia/Shanghai", "Etc/GMT-8", "EST" };
	static const char *const bad[] = { "utc+8", "/etc/localtime", "../zoneinfo/UTC", "Europe",
		"+08:00", "tzdata.zi", "Europe/", "posixrules/../UTC" };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(good); i++) {
		DM_CLEANUP(freep)
		char *text = dm_format("%stimezone: %s\n", HEAD INSTANCE, good[i]);
		DM_CLEANUP(task_conf_freep) struct task_conf *t = parse(text);

		assert_string_equal(task_conf_common(t)->timezone, good[i]);
	}
	for (size_t i = 0; i < DM_COUNT_OF(bad); i++) {
		DM_CLEANUP(freep) char *text = dm_format("%stimezone: %s\n", HEAD INSTANCE, bad[i]);
		DM_CLEANUP(freep)
		char *expected = dm_format(
			CONFIG("20008", "invalid timezone string: %s: unknown time zone %s"),
			bad[i], bad[i]);

		expect_error(text, expected);
	}
}

static void numbers_that_no_unit_can_use_are_refused(void **state)
{
	(void)state;
	expect_error(HEAD INSTANCE "  syncer: {worker-count: 0}\n",
		LINES("line 7: cannot unmarshal !!int `0` into int, allowed is an integer from 1 "
		      "to 4096"));
	expect_error(HEAD INSTANCE "syncers: {a: {batch: -3}}\n",
		LINES("line 7: cannot unmarshal !!int `-3` into int, allowed is an integer from 1 "
		      "to 1000000"));
	expect_error(HEAD INSTANCE "  syncer: {worker-count: ~}\n",
		LINES("line 7: cannot unmarshal !!null `~` into int, allowed is an integer from 1 "
		      "to 4096"));
}

static void faults_of_yaml_have_its_words(void **state)
{
	(void)state;
	expect_error(HEAD INSTANCE "Name: x\n",
		LINES("line 7: field Name not found in type config.TaskConfig"));
	expect_error(HEAD INSTANCE "name: x\n",
		LINES("line 7: field name already set in type config.TaskConfig"));
	expect_error(HEAD INSTANCE "syncers: {a: {x: 1}}\n",
		LINES("line 7: field x not found in type config.rawSyncerConfig"));
	expect_error(HEAD INSTANCE "routes: {a: {}, a: {}}\n",
		LINES("line 7: key \"a\" already set in map"));
	expect_error(HEAD INSTANCE "routes: [a]\n",
		LINES("line 7: cannot unmarshal !!seq into map[string]*router.TableRule"));
	expect_error(HEAD INSTANCE "remove-meta: \"yes\"\n",
		LINES("line 7: cannot unmarshal !!str `yes` into bool"));
	expect_error(HEAD INSTANCE "remove-meta: a long string\n",
		LINES("line 7: cannot unmarshal !!str `a long ...` into bool"));
	expect_error(HEAD INSTANCE "timezone: {}\n",
		LINES("line 7: cannot unmarshal !!map into string"));
	expect_error("a\n", LINES("line 1: cannot unmarshal !!str `a` into config.TaskConfig"));
	expect_error("- a\n", LINES("line 1: cannot unmarshal !!seq into config.TaskConfig"));
	expect_error("name: [a\n", YAML("line 1: did not find expected ',' or ']'"));
	expect_error("name: a\n\tb: c\n",
		YAML("line 2: found a tab character that violates indentation"));
	expect_error("name: *x\n", YAML("unknown anchor 'x' referenced"));
	expect_error("name: &x [*x]\n", YAML("anchor 'x' value contains itself"));
	expect_error("name: \"a\\0b\"\n", YAML("line 1: control characters are not allowed"));
	expect_error("name: \xff\n", YAML("invalid leading UTF-8 octet"));
	expect_error("? [a]\n: b\n", YAML("line 1: a key must be a scalar of at most 1024 bytes"));
	expect_error("<<: a\nname: b\n",
		YAML("line 1: map merge requires map or sequence of maps as the value"));
}

/* What stands where a password belongs, or where a blank was forgotten before one, is shown to nobody. */
static void faults_do_not_tell_a_password(void **state)
{
	(void)state;
	expect_error("target-database: {password:hush}\n",
		LINES("line 1: field password... not found in type config.DBConfig"));
	expect_error("target-database: {password= hush}\n",
		LINES("line 1: field password... not found in type config.DBConfig"));
	expect_error("target-database: {password: *hush}\n",
		YAML("line 1: unknown anchor referenced, a password that begins with * needs "
		     "quotes"));
	expect_error("target-database:\n  Password: *hush\n",
		YAML("line 2: unknown anchor referenced, a password that begins with * needs "
		     "quotes"));
	expect_error("target-database: {password: !!binary hush!}\n",
		LINES("line 1: cannot unmarshal !!binary into string"));
	expect_error("target-database: dm:hush@h\n",
		LINES("line 1: cannot unmarshal !!str into config.DBConfig"));
}

/* ---- scalars as yaml.v2 reads them ---- */

static void strings_are_kept_as_written(void **state)
{
	static const struct {
		const char *text, *value;
	} rows[] = { { "off", "off" }, { "0x10", "0x10" }, { "1.50", "1.50" }, { "\"~\"", "~" },
		{ "'a''b'", "a'b" }, { "!!str 5", "5" }, { "!!binary aGk=", "hi" },
		{ "2001-01-01", "2001-01-01" }, { "\"\\u00e4\"", "\xc3\xa4" },
		{ "|\n  a\n  b", "a\nb\n" }, { "&a x", "x" } };
	static const char *const nulls[] = { "~", "", "null", "NULL", "!!null ''" };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(freep)
		char *text = dm_format(
			"name: %s\ntask-mode: incremental\n%s", rows[i].text, TARGET INSTANCE);
		DM_CLEANUP(task_conf_freep) struct task_conf *t = parse(text);

		assert_string_equal(task_conf_common(t)->name, rows[i].value);
	}
	for (size_t i = 0; i < DM_COUNT_OF(nulls); i++) {
		DM_CLEANUP(freep)
		char *text = dm_format(
			"name: %s\ntask-mode: incremental\n%s", nulls[i], TARGET INSTANCE);

		expect_error(text, CONFIG("20019", "must specify a unique task name"));
	}
}

static void integers_have_all_of_yaml_v2_s_forms(void **state)
{
	static const struct {
		const char *text;
		int value; /* -1: refused */
	} rows[] = { { "3", 3 }, { "0x10", 16 }, { "0X1f", 31 }, { "010", 8 }, { "0o10", 8 },
		{ "0b11", 3 }, { "1_000", 1000 }, { "+3", 3 }, { "1.0", 1 }, { "1.5", 1 },
		{ "1e3", 1000 }, { "1e+3", 1000 }, { "09", 9 }, { "!!int \"7\"", 7 },
		{ "\"3\"", -1 }, { "10:30", -1 }, { "99999999999999999999", -1 }, { "1e30", -1 },
		{ "abc", -1 }, { "-", -1 }, { "0x", -1 }, { "1.2.3", -1 }, { ".inf", -1 },
		{ ".nan", -1 }, { "yes", -1 }, { "!!str 3", -1 }, { "[3]", -1 }, { "1e", -1 },
		{ "+", -1 }, { ".", -1 } };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(freep)
		char *text = dm_format("%s  syncer: {batch: %s}\n", HEAD INSTANCE, rows[i].text);
		DM_CLEANUP(task_conf_freep) struct task_conf *t = NULL;
		DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
		int r = task_conf_parse(text, strlen(text), "t.yaml", &t, NULL, &err);

		if (r != (rows[i].value < 0 ? -1 : 0))
			fail_msg("%s: %d %s", rows[i].text, r, err.message ? err.message : "");
		if (r == 0) {
			DM_CLEANUP(subtask_conf_freep) struct subtask_conf *s = part(t, "s");

			assert_int_equal(s->syncer.batch, rows[i].value);
		}
	}
}

static void truths_have_all_of_yaml_s_words(void **state)
{
	static const struct {
		const char *text;
		int value; /* -1: refused */
	} rows[] = { { "y", 1 }, { "Y", 1 }, { "yes", 1 }, { "on", 1 }, { "TRUE", 1 },
		{ "True", 1 }, { "n", 0 }, { "NO", 0 }, { "Off", 0 }, { "false", 0 }, { "~", 0 },
		{ "!!bool \"on\"", 1 }, { "\"true\"", -1 }, { "1", -1 }, { "tRUE", -1 },
		{ "maybe", -1 }, { "t", -1 } };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(freep)
		char *text = dm_format("%scase-sensitive: %s\n", HEAD INSTANCE, rows[i].text);
		DM_CLEANUP(task_conf_freep) struct task_conf *t = NULL;
		DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
		int r = task_conf_parse(text, strlen(text), "t.yaml", &t, NULL, &err);

		if (r != (rows[i].value < 0 ? -1 : 0))
			fail_msg("%s: %d", rows[i].text, r);
		if (r == 0)
			assert_int_equal(task_conf_common(t)->case_sensitive, rows[i].value);
	}
}

static void merge_keys_give_what_is_not_there(void **state)
{
	DM_CLEANUP(task_conf_freep)
	struct task_conf *t =
		parse(HEAD "mysql-instances:\n"
			   "- &base\n  source-id: a\n  meta: &m {binlog-name: b.1, binlog-pos: 9}\n"
			   "  syncer: {batch: 5}\n"
			   "- <<: *base\n  source-id: b\n  meta: {<<: *m, binlog-pos: 8}\n"
			   "- source-id: c\n  <<: [{syncer: {batch: 6}}, *base]\n");
	DM_CLEANUP(subtask_conf_freep) struct subtask_conf *b = part(t, "b");
	DM_CLEANUP(subtask_conf_freep) struct subtask_conf *c = part(t, "c");

	(void)state;
	assert_string_equal(b->meta.binlog_name, "b.1");
	assert_int_equal(b->meta.binlog_pos, 8);
	assert_int_equal(b->syncer.batch, 5);
	assert_int_equal(c->syncer.batch, 6);
	assert_int_equal(c->meta.binlog_pos, 9);
}

static void only_the_first_document_counts(void **state)
{
	DM_CLEANUP(task_conf_freep)
	struct task_conf *t = parse("---\n" HEAD INSTANCE "---\nname: [not read\n");

	(void)state;
	assert_string_equal(task_conf_common(t)->name, "t");
}

/* ---- bounds ---- */

static void expect_bounded(const struct dm_str *text, const char *expected)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct task_conf *t = NULL;

	assert_int_equal(task_conf_parse(text->data, text->len, "t.yaml", &t, NULL, &err), -1);
	if (!strstr(err.message, expected))
		fail_msg("got %.300s\nwanted %s", err.message, expected);
	assert_true(strlen(err.message) < 1 << 20);
}

static void a_large_text_is_refused(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	(void)state;
	while (text.len < 10 << 20)
		dm_str_add(&text, "name: "
				  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				  "aaaaaaaaaaaaaa\n");
	expect_bounded(&text, "larger than 4 MiB");
}

static void deep_nesting_is_refused(void **state)
{
	static const char *const pieces[] = { "[", "{a: ", "- " };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(pieces); i++) {
		DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

		while (text.len < 1 << 20)
			dm_str_add(&text, pieces[i]);
		expect_bounded(&text, "exceeded max depth of 100");
	}
}

static void an_alias_bomb_is_refused(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str wide = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str merged = { 0 };

	(void)state;
	/* Nested: harmless, since nothing of it is read but one level. */
	dm_str_add(&text, HEAD INSTANCE "x: &a0 [l, l, l, l, l, l, l, l, l, l]\n");
	for (int i = 1; i < 10; i++)
		dm_str_addf(&text,
			"x%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
			i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	dm_str_add(&text, "ignore-checking-items: *a9\n");
	expect_bounded(&text, "cannot unmarshal !!seq into string");
	/* Wide: a thousand rules of a thousand texts each. */
	dm_str_add(&wide, HEAD INSTANCE "filters:\n  f0: &f\n    events:\n");
	for (int i = 0; i < 2000; i++)
		dm_str_add(&wide, "    - e\n");
	for (int i = 1; i < 2000; i++)
		dm_str_addf(&wide, "  f%d: *f\n", i);
	expect_bounded(&wide, "document contains excessive aliasing");
	/* Merged: ever the same large map. */
	dm_str_add(&merged, "m: &m\n");
	for (int i = 0; i < 5000; i++)
		dm_str_addf(&merged, "  k%d: v\n", i);
	for (int i = 0; i < 5000; i++)
		dm_str_addf(&merged, "x%d: {<<: *m}\n", i);
	expect_bounded(&merged, "document contains excessive aliasing");
}

static void a_large_text_behind_aliases_is_refused(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	(void)state;
	dm_str_add(&text, HEAD INSTANCE "ignore-checking-items:\n- &a \"");
	while (text.len < 1 << 20)
		dm_str_add(&text, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	dm_str_add(&text, "\"\n");
	for (int i = 0; i < 100000; i++)
		dm_str_add(&text, "- *a\n");
	expect_bounded(&text, "document contains excessive aliasing");
}

static void many_faults_are_counted(void **state)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults f = { 0 };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str list = { 0 };
	struct task_conf *t = NULL;

	(void)state;
	for (int i = 0; i < 5000; i++)
		dm_str_addf(&text, "k%d: v\n", i);
	assert_int_equal(task_conf_parse(text.data, text.len, "t.yaml", &t, &f, &err), -1);
	assert_int_equal(f.count, CONF_FAULTS_MAX);
	assert_true(f.omitted >= 5000 - CONF_FAULTS_MAX);
	conf_faults_text(&f, &list);
	assert_non_null(strstr(list.data, "\nand 48"));
}

static void many_sources_and_rules_are_read_in_good_time(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(task_conf_freep) struct task_conf *t = NULL;

	(void)state;
	dm_str_add(&text, HEAD "mysql-instances:\n");
	for (int i = 0; i < 10000; i++)
		dm_str_addf(&text,
			"- {source-id: s%d, meta: {binlog-name: b.1}, route-rules: [r%d]}\n", i,
			9999 - i);
	dm_str_add(&text, "routes:\n");
	for (int i = 0; i < 10000; i++)
		dm_str_addf(&text, "  r%d: {schema-pattern: a%d, target-schema: b}\n", i, i);
	t = parse(text.data);
	assert_int_equal(task_conf_source_count(t), 10000);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_example_is_read),
		cmocka_unit_test(the_second_example_is_read),
		cmocka_unit_test(a_source_that_the_task_lacks_is_named),
		cmocka_unit_test(what_is_printed_is_read_back_without_secrets),
		cmocka_unit_test(odd_texts_survive_printing),
		cmocka_unit_test(units_are_chosen_by_name_or_in_place),
		cmocka_unit_test(the_newer_list_wins),
		cmocka_unit_test(heartbeat_and_sharding_have_two_keys_each),
		cmocka_unit_test(the_target_s_password_may_be_encrypted),
		cmocka_unit_test(every_fault_of_a_file_is_named_with_its_place),
		cmocka_unit_test(each_check_of_dm_has_its_code),
		cmocka_unit_test(ordinals_are_english),
		cmocka_unit_test(time_zones_are_those_of_the_host),
		cmocka_unit_test(numbers_that_no_unit_can_use_are_refused),
		cmocka_unit_test(faults_of_yaml_have_its_words),
		cmocka_unit_test(faults_do_not_tell_a_password),
		cmocka_unit_test(strings_are_kept_as_written),
		cmocka_unit_test(integers_have_all_of_yaml_v2_s_forms),
		cmocka_unit_test(truths_have_all_of_yaml_s_words),
		cmocka_unit_test(merge_keys_give_what_is_not_there),
		cmocka_unit_test(only_the_first_document_counts),
		cmocka_unit_test(a_large_text_is_refused),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(an_alias_bomb_is_refused),
		cmocka_unit_test(a_large_text_behind_aliases_is_refused),
		cmocka_unit_test(many_faults_are_counted),
		cmocka_unit_test(many_sources_and_rules_are_read_in_good_time),
	};

	return test_main(argc, argv, "conf-task", tests);
}
