/* test-dmctl.c - the client: command line, list of workers, merged replies, summary, history, completion. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include "dm/conf-client.h"
#include "dm/conf.h"
#include "dm/file.h"

#include "args.h"
#include "command.h"
#include "complete.h"
#include "fleet.h"
#include "history.h"
#include "reply.h"
#include "request.h"

/* ---- the command line ---- */

static void parse(const char *line, struct args *ret)
{
	DM_CLEANUP(words_done) struct words words = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str fault = { 0 };

	assert_int_equal(words_split(line, &words), 0);
	assert_int_equal(args_parse(words.at, words.count, ret, &fault), 0);
}

static void expect_fault(const char *line, const char *expected)
{
	DM_CLEANUP(words_done) struct words words = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str fault = { 0 };
	DM_CLEANUP(args_done) struct args a = { 0 };

	assert_int_equal(words_split(line, &words), 0);
	assert_int_equal(args_parse(words.at, words.count, &a, &fault), -1);
	assert_string_equal(dm_str_get(&fault), expected);
}

static void options_are_read_as_go_reads_them(void **state)
{
	static const char *const lines[] = { "-config x.toml query-status",
		"--config x.toml query-status", "-config=x.toml query-status",
		"--config=x.toml query-status", "query-status --config x.toml" };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(lines); i++) {
		DM_CLEANUP(args_done) struct args a = { 0 };

		parse(lines[i], &a);
		assert_true(args_has(&a, OPTION_CONFIG));
		assert_string_equal(a.value[OPTION_CONFIG], "x.toml");
		assert_int_equal(a.words.count, 1);
		assert_string_equal(a.words.at[0], "query-status");
	}
}

static void workers_may_be_listed_and_repeated(void **state)
{
	DM_CLEANUP(args_done) struct args a = { 0 };

	(void)state;
	parse("-w a:1,b:2 pause-task --worker=c:3 t -wd:4,", &a);
	assert_int_equal(a.workers.count, 4);
	assert_string_equal(a.workers.at[1], "b:2");
	assert_string_equal(a.workers.at[2], "c:3");
	assert_string_equal(a.workers.at[3], "d:4");
	assert_int_equal(a.words.count, 2);
}

static void a_switch_takes_no_next_word(void **state)
{
	DM_CLEANUP(args_done) struct args a = { 0 };

	(void)state;
	parse("query-status --more t --summary=false -- -x", &a);
	assert_true(args_has(&a, OPTION_MORE));
	assert_false(args_has(&a, OPTION_SUMMARY));
	assert_int_equal(a.words.count, 3);
	assert_string_equal(a.words.at[2], "-x");
}

static void a_password_may_be_left_to_stdin(void **state)
{
	DM_CLEANUP(args_done) struct args a = { 0 }, b = { 0 };

	(void)state;
	parse("--encrypt", &a);
	assert_string_equal(a.value[OPTION_ENCRYPT], "-");
	parse("-decrypt abc", &b);
	assert_string_equal(b.value[OPTION_DECRYPT], "abc");
}

static void bad_options_are_named(void **state)
{
	(void)state;
	expect_fault("query-status --mor", "unknown flag: --mor");
	expect_fault("-x=1", "unknown flag: -x");
	expect_fault("query-status -w", "flag needs an argument: -worker");
	expect_fault("--more=maybe", "invalid boolean value \"maybe\" for -more");
}

static void words_are_split_as_a_shell_would(void **state)
{
	DM_CLEANUP(words_done) struct words w = { 0 };
	struct words open = { 0 };

	(void)state;
	assert_int_equal(words_split("  a 'b c'\t\"d \\\" e\"f g\\ h ''  ", &w), 0);
	assert_int_equal(w.count, 5);
	assert_string_equal(w.at[1], "b c");
	assert_string_equal(w.at[2], "d \" ef");
	assert_string_equal(w.at[3], "g h");
	assert_string_equal(w.at[4], "");
	assert_int_equal(words_split("a 'b", &open), -EINVAL);
	assert_int_equal(open.count, 0);
}

/* ---- the list of workers ---- */

static void an_address_is_host_and_port(void **state)
{
	static const char *const good[] = { "127.0.0.1:8262", "db-1.example_x:1", "[::1]:8262",
		"[fe80::1]:65535" };
	static const char *const bad[] = { "", "a", ":8262", "a:", "a:0", "a:65536", "a:1x",
		"a/b:1", "u@a:1", "[]:1", "[::1:1", "::1:80/x", "a b:1", "a?x:1", "[::1]x:1" };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(good); i++)
		assert_true(fleet_address_is_valid(good[i]));
	for (size_t i = 0; i < DM_COUNT_OF(bad); i++)
		if (fleet_address_is_valid(bad[i]))
			fail_msg("valid: %s", bad[i]);
}

static const char deploy_text[] =
	"# Master Configuration.\n"
	"log-level = \"info\"\nlog-file = \"dm-master.log\"\nmaster-addr = \":8261\"\n"
	"rpc-timeout = \"20s\"\nrpc-rate-limit = 10.0\nrpc-rate-burst = 40\n"
	"[[deploy]]\nsource-id = \"s2\"\ndm-worker = \"b:2\"\n"
	"[[deploy]]\nmysql-instance = \"s1\"\ndm-worker = \"a:1\"\n";

static struct client_conf *conf_of(const char *text)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults faults = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str lines = { 0 };
	struct client_conf *c = NULL;

	if (client_conf_parse(text, strlen(text), "dm-master.toml", &c, &faults) != 0) {
		conf_faults_text(&faults, &lines);
		fail_msg("%s", dm_str_get(&lines));
	}
	return c;
}

/* "a:1=s1 b:2=s2 ?x:9" of what is chosen. */
static char *fleet_text(
	const char *conf_text, const char *master, const char *line, enum fleet_origin *ret_origin)
{
	DM_CLEANUP(client_conf_freep)
	struct client_conf *conf = conf_text ? conf_of(conf_text) : NULL;
	DM_CLEANUP(args_done) struct args a = { 0 };
	DM_CLEANUP(fleet_done) struct fleet f = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str fault = { 0 };
	struct dm_str text = { 0 };

	parse(line, &a);
	if (fleet_select(conf, master, &a.workers, &f, &fault) != 0)
		return dm_str_take(&fault);
	for (size_t i = 0; i < f.count; i++)
		dm_str_addf(&text, "%s%s=%s", i ? " " : "", f.at[i].address, f.at[i].source);
	for (size_t i = 0; i < f.unknown.count; i++)
		dm_str_addf(&text, " ?%s", f.unknown.at[i]);
	*ret_origin = f.origin;
	return dm_str_take(&text);
}

static void expect_fleet(const char *conf_text, const char *master, const char *line,
	enum fleet_origin origin, const char *expected)
{
	enum fleet_origin got = FLEET_DEFAULT;
	DM_CLEANUP(freep) char *text = fleet_text(conf_text, master, line, &got);

	assert_string_equal(text, expected);
	assert_int_equal(got, origin);
}

static void workers_come_from_where_the_user_said(void **state)
{
	(void)state;
	expect_fleet(NULL, NULL, "", FLEET_DEFAULT, "127.0.0.1:8262=");
	expect_fleet(NULL, NULL, "-w b:2,a:1,b:2", FLEET_NAMED, "b:2= a:1=");
	expect_fleet(NULL, "m:3", "", FLEET_MASTER, "m:3=");
	expect_fleet(NULL, "m:3", "-w b:2", FLEET_NAMED, "b:2=");
	expect_fleet(deploy_text, NULL, "", FLEET_DEPLOYED, "b:2=s2 a:1=s1");
	expect_fleet(deploy_text, NULL, "-w a:1,x:9", FLEET_DEPLOYED, "a:1=s1 ?x:9");
	expect_fleet("master-addr = \"m:3\"\n", NULL, "", FLEET_MASTER, "m:3=");
	expect_fleet(NULL, NULL, "-w a:1,http", FLEET_DEFAULT, "host:port 'http' not valid");
}

static void a_faulty_list_of_workers_is_refused_with_all_places(void **state)
{
	static const char text[] =
		"foo = 1\n[[deploy]]\nsource-id = \"a\"\n[[deploy]]\nsource-id = \"b\"\n"
		"dm-worker = \"w:1\"\n[[deploy]]\nsource-id = \"c\"\ndm-worker = \"w:1\"\n";
	DM_CLEANUP(conf_faults_done) struct conf_faults faults = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str lines = { 0 };
	struct client_conf *c = NULL;

	(void)state;
	assert_int_equal(client_conf_parse(text, sizeof(text) - 1, "m.toml", &c, &faults), -1);
	assert_null(c);
	conf_faults_text(&faults, &lines);
	assert_non_null(strstr(lines.data,
		"m.toml:1:1: foo: [code=38011:class=dm-master:scope=internal:level=medium] master "
		"config "
		"contained unknown configuration options: foo"));
}

static void the_relations_of_a_list_are_checked(void **state)
{
	static const char text[] =
		"[[deploy]]\nsource-id = \"a\"\n[[deploy]]\nsource-id = \"b\"\n"
		"dm-worker = \"w:1\"\n[[deploy]]\nsource-id = \"c\"\ndm-worker = \"w:1\"\n";
	DM_CLEANUP(conf_faults_done) struct conf_faults faults = { 0 };
	struct client_conf *c = NULL;

	(void)state;
	assert_int_equal(client_conf_parse(text, sizeof(text) - 1, "m.toml", &c, &faults), -1);
	assert_int_equal(faults.count, 2);
	assert_int_equal(faults.list[0].error.code, 38009);
	assert_int_equal(faults.list[0].line, 1);
	assert_string_equal(faults.list[1].error.message, "dm-worker w:1 has two sources, b and c");
}

static void a_time_limit_is_a_duration_of_go(void **state)
{
	int64_t ms = 0;

	(void)state;
	assert_int_equal(conf_parse_timeout_ms("1m1.5s", &ms), 0);
	assert_int_equal(ms, 61500);
	assert_true(conf_parse_timeout_ms("10", &ms) < 0);
	assert_true(conf_parse_timeout_ms("-1s", &ms) < 0);
	assert_true(conf_parse_timeout_ms("0s", &ms) < 0);
}

/* ---- merged replies ---- */

static void read_golden(const char *name, struct dm_str *ret)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/data/dmctl/%s.json", test_source_dir, name);

	assert_int_equal(dm_file_read(path, 1 << 20, ret), 0);
}

/* The fleet of a golden file, backwards, and what each of its workers would have said for itself. */
static void split_golden(const char *golden, struct fleet *f, struct answer **ret_answers)
{
	struct json_object *whole = json_tokener_parse(golden), *workers = NULL, *head = NULL,
			   *name = NULL;
	size_t count;

	assert_true(json_object_object_get_ex(whole, "workers", &workers));
	count = json_object_array_length(workers);
	*ret_answers = dm_alloc_array(count, sizeof(struct answer));
	f->origin = FLEET_NAMED;
	for (size_t i = 0; i < count; i++) {
		struct json_object *own = json_tokener_parse(golden),
				   *list = json_object_new_array();
		struct json_object *entry = json_object_array_get_idx(workers, count - 1 - i);

		json_object_array_add(list, json_object_get(entry));
		json_object_object_add(own, "workers", list);
		if (!json_object_object_get_ex(entry, "meta", &head))
			head = entry;
		assert_true(json_object_object_get_ex(head, "worker", &name));
		fleet_add(f, json_object_get_string(name), "");
		json_object_object_add(
			head, "worker", json_object_new_string("it calls itself so"));
		(*ret_answers)[i].document = own;
	}
	json_object_put(whole);
}

static void expect_golden(const char *name, enum reply_kind kind, const char *op)
{
	DM_CLEANUP(dm_str_done) struct dm_str golden = { 0 }, out = { 0 };
	DM_CLEANUP(fleet_done) struct fleet f = { 0 };
	struct answer *answers = NULL;
	struct json_object *reply;

	read_golden(name, &golden);
	split_golden(dm_str_get(&golden), &f, &answers);
	if (kind == REPLY_TASK) { /* these keep the order in which they were asked */
		struct fleet_worker w = f.at[0];
		struct answer a = answers[0];

		f.at[0] = f.at[1];
		f.at[1] = w;
		answers[0] = answers[1];
		answers[1] = a;
	}
	reply = reply_merge(kind, op, "test", &f, answers);
	reply_print(reply, &out);
	assert_string_equal(dm_str_get(&out), dm_str_get(&golden));
	answers_free(answers, f.count);
	json_object_put(reply);
}

static void answers_of_two_workers_print_as_dm_does(void **state)
{
	(void)state;
	expect_golden("query-status.sync", REPLY_STATUS, NULL);
	expect_golden("query-status.sync-error", REPLY_STATUS, NULL);
	expect_golden("query-status.load-half", REPLY_STATUS, NULL);
	expect_golden("query-status.shard-ddl-source1-synced", REPLY_STATUS, NULL);
	expect_golden("query-error", REPLY_ERRORS, NULL);
	expect_golden("start-task", REPLY_PLAIN, NULL);
	expect_golden("pause-task", REPLY_TASK, "Pause");
}

static struct answer answer_of(const char *document, const char *failure)
{
	struct answer a = { 0 };

	a.document = document ? json_tokener_parse(document) : NULL;
	a.failure = failure ? dm_strdup(failure) : NULL;
	return a;
}

static const char unknown_task[] =
	"{\"result\":false,\"msg\":\"task test has no workers or not exist, can try "
	"`refresh-worker-tasks` cmd first\",\"workers\":[]}";

static void nobody_knows_the_task(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str golden = { 0 }, out = { 0 };
	DM_CLEANUP(fleet_done) struct fleet f = { 0 };
	struct answer answers[] = { answer_of(unknown_task, NULL), answer_of(unknown_task, NULL) };
	struct json_object *reply;

	(void)state;
	fleet_add(&f, "a:1", "");
	fleet_add(&f, "b:2", "");
	read_golden("query-status.no-such-task", &golden);
	reply = reply_merge(REPLY_STATUS, NULL, "test", &f, answers);
	reply_print(reply, &out);
	assert_string_equal(dm_str_get(&out), dm_str_get(&golden));
	assert_false(reply_is_success(reply));
	json_object_put(reply);
	for (size_t i = 0; i < DM_COUNT_OF(answers); i++)
		json_object_put(answers[i].document);
}

static void expect_merged(enum reply_kind kind, const char *op, const struct answer *given,
	bool is_success, const char *expected)
{
	DM_CLEANUP(fleet_done) struct fleet f = { 0 };
	struct answer *answers = dm_alloc_array(2, sizeof(*answers));
	struct json_object *reply;

	fleet_add(&f, "b:2", "");
	fleet_add(&f, "a:1", "");
	memcpy(answers, given, 2 * sizeof(*answers));
	reply = reply_merge(kind, op, "test", &f, answers);
	assert_string_equal(
		json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN), expected);
	assert_int_equal(reply_is_success(reply), is_success);
	json_object_put(reply);
	answers_free(answers, 2);
}

static void a_worker_that_fails_is_one_entry(void **state)
{
	(void)state;
	expect_merged(REPLY_STATUS, NULL,
		(struct answer[]){
			answer_of(NULL, "gone"), answer_of("{\"result\":true,\"workers\":[{"
							   "\"result\":true,\"worker\":\"a:1\"}]}",
							 NULL) },
		false,
		"{\"result\":true,\"msg\":\"\",\"workers\":[{\"result\":true,\"worker\":\"a:1\"},{"
		"\"result\":false,\"worker\":\"b:2\","
		"\"msg\":\"gone\",\"subTaskStatus\":[],\"relayStatus\":null,\"sourceID\":\"\"}]}");
	expect_merged(REPLY_ERRORS, NULL,
		(struct answer[]){ answer_of(NULL, "x"), answer_of(unknown_task, NULL) }, false,
		"{\"result\":true,\"msg\":\"\",\"workers\":[{\"result\":false,\"worker\":\"b:2\","
		"\"msg\":\"x\",\"subTaskError\":[],"
		"\"RelayError\":null}]}");
	expect_merged(REPLY_TASK, "Stop",
		(struct answer[]){ answer_of(NULL, "x"), answer_of(NULL, "y") }, false,
		"{\"op\":\"Stop\",\"result\":true,\"msg\":\"\",\"workers\":[{\"meta\":{\"result\":"
		"false,\"worker\":\"b:2\",\"msg\":\"x\"},"
		"\"op\":\"Stop\",\"logID\":\"0\"},{\"meta\":{\"result\":false,\"worker\":\"a:1\","
		"\"msg\":\"y\"},\"op\":\"Stop\","
		"\"logID\":\"0\"}]}");
	expect_merged(REPLY_RELAY, "PauseRelay",
		(struct answer[]){ answer_of(NULL, "x"), answer_of(NULL, "y") }, false,
		"{\"op\":\"PauseRelay\",\"result\":true,\"msg\":\"\",\"workers\":[{\"op\":"
		"\"PauseRelay\",\"result\":false,"
		"\"worker\":\"a:1\",\"msg\":\"y\"},{\"op\":\"PauseRelay\",\"result\":false,"
		"\"worker\":\"b:2\",\"msg\":\"x\"}]}");
}

static void a_refusal_without_entries_is_one_entry(void **state)
{
	(void)state;
	expect_merged(REPLY_PLAIN, NULL,
		(struct answer[]){
			answer_of("{\"result\":false,\"msg\":\"bad file\",\"workers\":[]}", NULL),
			answer_of("{\"result\":true,\"msg\":\"\",\"workers\":[{\"result\":true,"
				  "\"worker\":\"a:1\",\"msg\":\"\"}]}",
				NULL) },
		false,
		"{\"result\":true,\"msg\":\"\",\"workers\":[{\"result\":true,\"worker\":\"a:1\","
		"\"msg\":\"\"},{\"result\":false,"
		"\"worker\":\"b:2\",\"msg\":\"bad file\"}]}");
}

static void documents_of_the_wrong_shape_do_no_harm(void **state)
{
	static const char *const documents[] = { "{\"result\":5}",
		"{\"result\":true,\"workers\":7}",
		"{\"result\":true,\"workers\":[1,null,[],\"x\"]}",
		"{\"result\":null,\"workers\":[{\"worker\":3,\"meta\":[]}]}",
		("{\"result\":true,\"workers\":[{\"subTaskStatus\":[4,{\"name\":[]},{\"result\":{"
		 "\"errors\":1},\"stage\":7}],\"relayStatus\":4}]}") };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(documents); i++)
		for (int kind = 0; kind < REPLY_COUNT; kind++) {
			DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
			DM_CLEANUP(fleet_done) struct fleet f = { .origin = FLEET_NAMED };
			struct answer answer = answer_of(documents[i], NULL);
			struct json_object *reply;

			fleet_add(&f, "a:1", "");
			reply = reply_merge((enum reply_kind)kind, "Op", NULL, &f, &answer);
			assert_false(reply_is_success(reply));
			reply_print(reply, &out);
			reply_print_summary(reply, &out);
			json_object_put(reply);
			json_object_put(answer.document);
		}
}

/* ---- the summary ---- */

static void the_summary_prints_as_dm_does(void **state)
{
	static const char none[] = "{\"result\":true,\"msg\":\"\",\"workers\":[{\"worker\":\"a:1\","
				   "\"subTaskStatus\":[]}]}";
	DM_CLEANUP(dm_str_done)
	struct dm_str golden = { 0 }, empty = { 0 }, status = { 0 }, out = { 0 };
	struct json_object *document;

	(void)state;
	read_golden("query-status.sync", &status);
	read_golden("query-status.list", &golden);
	document = json_tokener_parse(dm_str_get(&status));
	reply_print_summary(document, &out);
	assert_string_equal(dm_str_get(&out), dm_str_get(&golden));
	json_object_put(document);
	dm_str_clear(&out);
	read_golden("query-status.list-none", &empty);
	document = json_tokener_parse(none);
	reply_print_summary(document, &out);
	assert_string_equal(dm_str_get(&out), dm_str_get(&empty));
	json_object_put(document);
}

struct part { /* one worker's part of a task */
	const char *stage, *unit;
	bool has_errors;
	const char *relay;
	bool has_relay_errors;
};

static void expect_summary(const char *expected, struct part a, struct part b)
{
	const struct part parts[] = { a, b };
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 }, out = { 0 };
	DM_CLEANUP(freep) char *line = dm_format("\"taskStatus\": \"%s\"", expected);
	struct json_object *document;

	dm_str_add(&text, "{\"result\":true,\"msg\":\"\",\"workers\":[");
	for (size_t i = 0; i < 2 && parts[i].stage; i++)
		dm_str_addf(&text,
			"%s{\"worker\":\"w\",\"subTaskStatus\":[{\"name\":\"t\",\"stage\":\"%s\","
			"\"unit\":\"%s\",\"result\":%s}],"
			"\"relayStatus\":{\"stage\":\"%s\",\"result\":%s}}",
			i ? "," : "", parts[i].stage, parts[i].unit,
			parts[i].has_errors ? "{\"errors\":[{}]}" : "null", parts[i].relay,
			parts[i].has_relay_errors ? "{\"errors\":[{}]}" : "{\"errors\":[]}");
	dm_str_add(&text, "]}");
	document = json_tokener_parse(dm_str_get(&text));
	reply_print_summary(document, &out);
	if (!strstr(dm_str_get(&out), line))
		fail_msg("no %s in %s", line, dm_str_get(&out));
	json_object_put(document);
}

#define DETAILS ". Please run `query-status t` to get more details."

static void a_task_has_one_status_over_all_workers(void **state)
{
	const struct part none = { 0 }, running = { "Running", "Sync", false, "Running", false };
	const struct part paused = { "Paused", "Sync", false, "Running", false };
	const struct part failed = { "Paused", "Sync", true, "Running", false };
	const struct part relay_failed = { "Running", "Sync", false, "Paused", true };
	const struct part relay_paused = { "Running", "Sync", false, "Paused", false };
	const struct part loading = { "Running", "Load", false, "Stopped", false };
	const struct part finished = { "Finished", "Load", false, "Running", false };
	const struct part is_new = { "New", "Sync", false, "Running", false };

	(void)state;
	expect_summary("Running", running, none);
	expect_summary("Running", running, running);
	expect_summary("Error - Some error occurred in subtask" DETAILS, failed, running);
	expect_summary("Error - Some error occurred in subtask" DETAILS, running, failed);
	expect_summary("Error - Relay status is Error" DETAILS, relay_failed, failed);
	expect_summary("Error - Relay status is Paused" DETAILS, relay_paused, none);
	expect_summary("Running", loading, none);
	expect_summary("Paused", paused, running);
	expect_summary("Paused", running, paused);
	expect_summary("Running", finished, is_new);
	expect_summary("Finished", finished, finished);
}

/* ---- commands ---- */

static enum outcome run_line(const struct session *s, const char *line, struct dm_str *out)
{
	DM_CLEANUP(args_done) struct args a = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str warning = { 0 };

	parse(line, &a);
	return command_run(s, &a, OPTION_BIT(OPTION_WORKER), out, &warning);
}

static void wrong_use_prints_dms_usage(void **state)
{
	static const struct {
		const char *line, *text;
	} rows[] = {
		{ "pause-task", "Usage:\n  dmctl pause-task [-w worker ...] <task-name> "
				"[flags]\n\nGlobal Flags:\n"
				"  -w, --worker strings   DM-worker ID\n" },
		{ "query-status a b", "Usage:\n  dmctl query-status [-w worker ...] [task-name] "
				      "[--more] [flags]\n\nFlags:\n" },
		{ "start-task",
			"Usage:\n  dmctl start-task [-w worker ...] <config-file> [flags]\n\n" },
		{ "stop-task ''", "Usage:\n  dmctl stop-task " },
		{ "pause-relay x", "Usage:\n  dmctl pause-relay <-w worker ...> [flags]\n\n" },
		{ "operate-source", "Error: unknown command \"operate-source\" for \"dmctl\"\nRun "
				    "'dmctl --help' for usage.\n" },
		{ "stop-task --summary t", "Error: unknown flag: --summary\nUsage:\n" },
		{ "query-status --config x", "Error: unknown flag: --config\nUsage:\n" },
		{ "query-status -w x", "host:port 'x' not valid\n" },
		{ "pause-relay -w a:1,b:1 --time 3", "Error: unknown flag: --time\n" },
		{ "purge-relay -w a:1,b:1 --filename mysql-bin.000002",
			"for --filename, can only specify one DM-worker per time\n" },
		{ "purge-relay -w a:1 --time yesterday",
			"invalid argument \"yesterday\" for \"--time\"" },
	};
	const struct session s = { .timeout_ms = 1000 };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };

		assert_int_equal(run_line(&s, rows[i].line, &out), OUTCOME_USAGE);
		if (!dm_has_prefix(dm_str_get(&out), rows[i].text))
			fail_msg("%s: %s", rows[i].line, dm_str_get(&out));
	}
}

static void relay_commands_ask_which_of_several_workers(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
	DM_CLEANUP(session_done)
	struct session s = { .conf = conf_of(deploy_text), .timeout_ms = 1000 };

	(void)state;
	assert_int_equal(run_line(&s, "pause-relay", &out), OUTCOME_USAGE);
	assert_string_equal(
		dm_str_get(&out), "must specify at least one DM-worker (`-w` / `--worker`)\n");
}

static void a_worker_that_is_not_deployed_is_refused(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 }, pause = { 0 };
	DM_CLEANUP(session_done)
	struct session s = { .conf = conf_of(deploy_text), .timeout_ms = 1000 };

	(void)state;
	assert_int_equal(run_line(&s, "query-status -w x:9,y:9", &out), OUTCOME_FAILED);
	assert_string_equal(dm_str_get(&out), "{\n    \"result\": false,\n    \"msg\": \"x:9, y:9 "
					      "relevant worker-client not found\",\n"
					      "    \"workers\": [\n    ]\n}\n");
	assert_int_equal(run_line(&s, "pause-task -w x:9 t", &pause), OUTCOME_FAILED);
	assert_non_null(strstr(dm_str_get(&pause),
		"\"msg\": \"[code=38029:class=dm-master:scope=internal:level=high] worker x:9 "
		"relevant worker-client not found\""));
}

static void a_task_file_that_cannot_be_read_or_is_wrong(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 }, wrong = { 0 };
	DM_CLEANUP(freep) char *path = dm_format("%s/dmctl-task-%d.yaml", P_tmpdir, (int)getpid());
	DM_CLEANUP(freep) char *line = dm_format("start-task %s", path);
	const struct session s = { .timeout_ms = 1000 };
	static const char text[] = "name: t\ntask-mode: sometimes\nnonsense: 1\n";

	(void)state;
	assert_int_equal(run_line(&s, line, &out), OUTCOME_FAILED);
	assert_true(dm_has_prefix(dm_str_get(&out), "get file content error:\nopen "));
	assert_int_equal(dm_file_replace(path, text, sizeof(text) - 1, 0600), 0);
	assert_int_equal(run_line(&s, line, &wrong), OUTCOME_FAILED);
	assert_true(dm_has_prefix(dm_str_get(&wrong),
		"{\n    \"result\": false,\n    \"msg\": \"[code=20003:class=config:"));
	assert_non_null(strstr(dm_str_get(&wrong), ":3:1: nonsense: "));
	assert_non_null(strstr(dm_str_get(&wrong), "    \"workers\": [\n    ]\n}\n"));
	(void)unlink(path);
}

/* ---- history and completion ---- */

static char *new_folder(void)
{
	char *path = dm_format("%s/dmctl-test-XXXXXX", P_tmpdir);

	assert_non_null(mkdtemp(path));
	return path;
}

static unsigned int mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void history_is_private_and_stays(void **state)
{
	DM_CLEANUP(freep) char *folder = new_folder(), *own = dm_format("%s/dmctl", folder);
	DM_CLEANUP(freep) char *file = dm_format("%s/history", own);
	DM_CLEANUP(words_done) struct words first = { 0 }, second = { 0 };
	struct history h;

	(void)state;
	assert_int_equal(setenv("XDG_STATE_HOME", folder, 1), 0);
	history_open(&h, &first);
	assert_int_equal(first.count, 0);
	history_add(&h, "query-status");
	history_add(&h, "pause-task t");
	history_done(&h);
	assert_int_equal(mode_of(own), 0700);
	assert_int_equal(mode_of(file), 0600);
	assert_int_equal(
		chmod(file, 0644), 0); /* somebody opened it: closed again at the next start */
	history_open(&h, &second);
	history_done(&h);
	assert_int_equal(mode_of(file), 0600);
	assert_int_equal(second.count, 2);
	assert_string_equal(second.at[1], "pause-task t");
	(void)unlink(file);
	(void)rmdir(own);
	(void)rmdir(folder);
}

static void history_follows_no_link_and_keeps_the_last_lines(void **state)
{
	DM_CLEANUP(freep) char *folder = new_folder(), *own = dm_format("%s/dmctl", folder);
	DM_CLEANUP(freep)
	char *file = dm_format("%s/history", own), *other = dm_format("%s/other", folder);
	DM_CLEANUP(words_done) struct words none = { 0 }, lines = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	struct history h;

	(void)state;
	assert_int_equal(setenv("XDG_STATE_HOME", folder, 1), 0);
	assert_int_equal(mkdir(own, 0700), 0);
	assert_int_equal(symlink(other, file), 0);
	history_open(&h, &none);
	history_add(&h, "query-status");
	history_done(&h);
	assert_int_equal(access(other, F_OK), -1);
	assert_int_equal(unlink(file), 0);
	for (int i = 0; i < 1500; i++)
		dm_str_addf(&text, "query-status %d\n", i);
	assert_int_equal(dm_file_replace(file, text.data, text.len, 0600), 0);
	history_open(&h, &lines);
	history_done(&h);
	assert_int_equal(lines.count, 1000);
	assert_string_equal(lines.at[999], "query-status 1499");
	(void)unlink(file);
	(void)rmdir(own);
	(void)rmdir(folder);
}

static void expect_completion(
	const char *line, const char *word, bool is_file, const char *expected)
{
	DM_CLEANUP(session_done)
	struct session s = { .conf = conf_of(deploy_text), .timeout_ms = 100 };
	DM_CLEANUP(words_done) struct words found = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	assert_int_equal(complete_word(&s, line, word, &found), is_file);
	for (size_t i = 0; i < found.count; i++)
		dm_str_addf(&text, "%s%s", i ? " " : "", found.at[i]);
	assert_string_equal(dm_str_get(&text), expected);
}

static void a_line_is_completed_by_what_fits(void **state)
{
	(void)state;
	expect_completion("", "pau", false, "pause-task pause-relay");
	expect_completion("  ", "ex", false, "exit");
	expect_completion("help ", "query-s", false, "query-status");
	expect_completion("start-task ", "ta", true, "");
	expect_completion("pause-relay -w ", "", false, "b:2 a:1");
	expect_completion("pause-relay --worker ", "a", false, "a:1");
	expect_completion(
		"purge-relay ", "--", false, "--worker --filename --sub-dir --inactive --time");
	expect_completion("query-status ", "--s", false, "--summary");
	expect_completion("pause-relay ", "x", false, "");
	expect_completion("nonsense ", "x", false, "");
	expect_completion("start-task 'a", "x", false, "");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_read_as_go_reads_them),
		cmocka_unit_test(workers_may_be_listed_and_repeated),
		cmocka_unit_test(a_switch_takes_no_next_word),
		cmocka_unit_test(a_password_may_be_left_to_stdin),
		cmocka_unit_test(bad_options_are_named),
		cmocka_unit_test(words_are_split_as_a_shell_would),
		cmocka_unit_test(an_address_is_host_and_port),
		cmocka_unit_test(workers_come_from_where_the_user_said),
		cmocka_unit_test(a_faulty_list_of_workers_is_refused_with_all_places),
		cmocka_unit_test(the_relations_of_a_list_are_checked),
		cmocka_unit_test(a_time_limit_is_a_duration_of_go),
		cmocka_unit_test(answers_of_two_workers_print_as_dm_does),
		cmocka_unit_test(nobody_knows_the_task),
		cmocka_unit_test(a_worker_that_fails_is_one_entry),
		cmocka_unit_test(a_refusal_without_entries_is_one_entry),
		cmocka_unit_test(documents_of_the_wrong_shape_do_no_harm),
		cmocka_unit_test(the_summary_prints_as_dm_does),
		cmocka_unit_test(a_task_has_one_status_over_all_workers),
		cmocka_unit_test(wrong_use_prints_dms_usage),
		cmocka_unit_test(relay_commands_ask_which_of_several_workers),
		cmocka_unit_test(a_worker_that_is_not_deployed_is_refused),
		cmocka_unit_test(a_task_file_that_cannot_be_read_or_is_wrong),
		cmocka_unit_test(history_is_private_and_stays),
		cmocka_unit_test(history_follows_no_link_and_keeps_the_last_lines),
		cmocka_unit_test(a_line_is_completed_by_what_fits),
	};

	return test_main(argc, argv, "dmctl", tests);
}
