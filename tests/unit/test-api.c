/* test-api.c - HTTP against a listening api: answers, commands, bad input, and clients that misbehave. */
#include "test.h"

#include <poll.h>
#include <sys/un.h>

#include "api-private.h"
#include "ask.h"
#include "dm/file.h"

static void expect_header(const struct reply *r, const char *name, const char *expected)
{
	DM_CLEANUP(freep) char *value = reply_header(r, name);

	if (!value)
		fail_msg("no %s in %s", name, r->head.data);
	assert_string_equal(value, expected);
}

static void expect_command(struct rooms *w, const char *method_and_path, const char *headers,
	const char *body, int status, const char *reply)
{
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	ask_command(w, method_and_path, headers, body, &r);
	if (r.status != status)
		fail_msg("%s %.200s: %d %s", method_and_path, body, r.status, dm_str_get(&r.body));
	if (reply)
		assert_string_equal(dm_str_get(&r.body), reply);
}

static const char task_yaml[] =
	"name: test\\ntask-mode: incremental\\n"
	"target-database: {host: 127.0.0.1, port: 1, user: dm, password: \\\"\\\"}\\n"
	"mysql-instances:\\n- source-id: source-1\\n"
	"  meta: {binlog-name: mysql-bin.000001, binlog-pos: 4}\\n";

static void start_task(struct rooms *w, const char *name)
{
	DM_CLEANUP(freep) char *body = dm_format("{\"task\":\"%s\"}", task_yaml);
	DM_CLEANUP(reply_done) struct reply r = { 0 };
	char *at = strstr(body, "test");

	memcpy(at, name, 4); /* names of four letters */
	ask_command(w, "POST /apis/v1alpha1/tasks", "", body, &r);
	assert_int_equal(r.status, 200);
	if (!strstr(r.body.data, "{\"result\":true,\"msg\":\"\",\"workers\":[{\"result\":true,"))
		fail_msg("%s", r.body.data);
}

static enum dm_stage stage_of(struct rooms *w, const char *name)
{
	struct registry_view view = { 0 };
	enum dm_stage stage = STAGE_INVALID;

	registry_view(w->registry, &view);
	for (size_t i = 0; i < view.count; i++)
		if (strcmp(view.subtasks[i].name, name) == 0)
			stage = view.subtasks[i].stage;
	registry_view_done(&view);
	return stage;
}

static void wait_stage(struct rooms *w, const char *name, enum dm_stage stage)
{
	int64_t until_ms = dm_mono_ms() + CLIENT_WAIT_MS;

	while (stage_of(w, name) != stage) {
		struct pollfd fd = { .fd = w->box.fd, .events = POLLIN };

		assert_true(dm_mono_ms() < until_ms);
		(void)poll(&fd, 1, 10);
		dm_mailbox_run(&w->box);
		registry_tick(w->registry);
	}
}

/* ---- reading ---- */

static void the_status_is_dms_document(void **state)
{
	struct rooms *w = *state;
	struct status_query q = { .form = JSON_COMPACT };
	DM_CLEANUP(status_unrefp) struct status *s = status_collect(w->status);
	DM_CLEANUP(dm_str_done) struct dm_str expected = { 0 };
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	status_print_dm(s, &q, &expected);
	ask_get(w, "/apis/v1alpha1/status", &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body.data, expected.data);
	expect_header(&r, "Content-Type", "application/json");
	expect_header(&r, "X-Content-Type-Options", "nosniff");
	expect_header(&r, "Cache-Control", "no-store");
	expect_header(&r, "Grpc-Metadata-Content-Type", "application/grpc");
	expect_get(w, "/apis/v1alpha1/status/", 200, expected.data);
	expect_get(w, "/apis/v1alpha1/status?workers=a&workers=b", 200, expected.data);
	q.form = JSON_DM;
	dm_str_clear(&expected);
	status_print_dm(s, &q, &expected);
	dm_str_add_char(&expected, '\n');
	expect_get(w, "/apis/v1alpha1/status?pretty", 200, expected.data);
	expect_get(w, "/apis/v1alpha1/status/?pretty=1", 200, expected.data);
}

static void an_unknown_task_is_dms_refusal(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str golden = { 0 };
	DM_CLEANUP(freep)
	char *path = dm_format("%s/data/golden/query-status.no-such-task.json", test_source_dir);

	assert_int_equal(dm_file_read(path, 1 << 16, &golden), 0);
	expect_get(*state, "/apis/v1alpha1/status/test?pretty", 200, golden.data);
	expect_get(*state, "/apis/v1alpha1/errors/test?pretty", 200, golden.data);
	expect_get(*state, "/apis/v1alpha1/status/%3Cb%3E%22", 200,
		"{\"result\":false,\"msg\":\"task \\u003cb\\u003e\\\" has no workers or not exist, "
		"can try `refresh-worker-tasks` cmd first\",\"workers\":[]}");
}

/* A file of DM's: head and body; Date and Content-Length differ by nature. */
static void expect_page(struct rooms *w, const char *path, const char *file)
{
	static const char *const names[] = { "Content-Type", "X-Content-Type-Options" };
	DM_CLEANUP(freep) char *full = dm_format("%s/data/golden/%s", test_source_dir, file);
	DM_CLEANUP(dm_str_done) struct dm_str golden = { 0 };
	DM_CLEANUP(reply_done) struct reply r = { 0 };
	DM_CLEANUP(reply_done) struct reply dm = { 0 };
	char *end;

	assert_int_equal(dm_file_read(full, 1 << 16, &golden), 0);
	end = strstr(golden.data, "\r\n\r\n");
	if (!end) { /* kept with plain line ends */
		DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

		end = strstr(golden.data, "\n\n");
		for (const char *p = golden.data; p < end + 2; p++)
			dm_str_add(&text, *p == '\n' ? "\r\n" : (char[2]){ *p, '\0' });
		dm_str_add(&text, end + 2);
		dm_str_done(&golden);
		golden = text;
		text = (struct dm_str){ 0 };
	}
	split_reply(&golden, &dm);
	ask_get(w, path, &r);
	assert_int_equal(r.status, dm.status);
	for (size_t i = 0; i < DM_COUNT_OF(names); i++) {
		DM_CLEANUP(freep) char *expected = reply_header(&dm, names[i]);

		if (expected)
			expect_header(&r, names[i], expected);
	}
	if (dm.status == 404)
		assert_string_equal(r.body.data, dm.body.data);
}

static void plain_pages_are_dms(void **state)
{
	struct rooms *w = *state;

	expect_page(w, "/", "worker-root.http");
	expect_page(w, "/status", "worker-status.http");
	expect_get(w, "/status", 200,
		"Release Version: " DM_VERSION "\nGit Commit Hash: None\nGit Branch: None\n"
		"UTC Build Time: None\nGo Version: None\n");
	expect_get(w, "/livez", 200, "ok\n");
	expect_get(w, "/readyz", 200, "ok\n");
}

static void our_own_documents_are_there(void **state)
{
	static const char *const paths[] = { "/api/v1/status", "/api/v1/status?pretty",
		"/api/v1/relay", "/api/v1/errors", "/api/v1/errors?task=test", "/metrics" };
	struct rooms *w = *state;

	for (size_t i = 0; i < DM_COUNT_OF(paths); i++) {
		DM_CLEANUP(reply_done) struct reply r = { 0 };

		ask_get(w, paths[i], &r);
		assert_int_equal(r.status, 200);
		expect_header(&r, "Content-Type",
			i < 5 ? "application/json" : "text/plain; version=0.0.4; charset=utf-8");
		assert_non_null(strstr(
			r.body.data, i < 5 ? "127.0.0.1:8262" : "\ndm_relay_read_error_count "));
	}
}

static void other_paths_are_not_found(void **state)
{
	static const char *const dms[] = { "/apis/", "/apis/v1alpha1",
		"/apis/v1alpha1/status/a%2Fb", "/apis/v1alpha1/status/a/b", "/apis/v1alpha1/tasks/",
		"/apis/v1alpha1/statusx" };
	static const char *const others[] = { "/", "//", "/nothing", "/%00", "/status%00",
		"/status/", "/api/v1/relay/../relay", "/..%2f..%2fetc/passwd", "/metricsx",
		"/apis" };

	for (size_t i = 0; i < DM_COUNT_OF(dms); i++)
		expect_get(*state, dms[i], 404, "Not Found\n");
	for (size_t i = 0; i < DM_COUNT_OF(others); i++)
		expect_get(*state, others[i], 404, "404 page not found\n");
}

static void a_wrong_verb_is_told_which_are_right(void **state)
{
	static const struct {
		const char *request, *allow;
	} rows[] = {
		{ "POST /status", "GET, HEAD" },
		{ "BREW /status", "GET, HEAD" },
		{ "DELETE /apis/v1alpha1/status/t", "GET, HEAD" },
		{ "PUT /apis/v1alpha1/tasks", "POST" },
		{ "GET /apis/v1alpha1/tasks/t", "PUT, DELETE" },
		{ "PUT /api/v1/relay", "GET, HEAD, POST" },
	};

	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(reply_done) struct reply r = { 0 };

		ask_command(*state, rows[i].request, "", "", &r);
		assert_int_equal(r.status, 405);
		assert_string_equal(r.body.data, "Method Not Allowed\n");
		expect_header(&r, "Allow", rows[i].allow);
	}
}

static void head_is_get_without_a_body(void **state)
{
	struct rooms *w = *state;
	DM_CLEANUP(reply_done) struct reply r = { 0 };
	int fd = client_connect(api_port(w->api));
	static const char text[] = "HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
				   "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

	client_send(fd, text, strlen(text));
	client_read(fd, NULL, true, &r);
	/* Both answers may have come at once. */
	if (r.body.len == 0)
		client_read(fd, NULL, false, &r);
	assert_int_equal(r.status, 200);
	expect_header(&r, "Content-Length", "3");
	(void)close(fd);
}

static void requests_in_one_packet_are_answered_in_order(void **state)
{
	struct rooms *w = *state;
	static const char text[] = "GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"
				   "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
				   "GET /livez HTTP/1.1\r\nHost: localhost\r\n"
				   "Connection: close\r\n\r\n";
	int fd = client_connect(api_port(w->api));
	DM_CLEANUP(dm_str_done) struct dm_str all = { 0 };
	const char *first, *second, *third;

	client_send(fd, text, strlen(text));
	for (;;) {
		char part[4096];
		ssize_t n = recv(fd, part, sizeof(part), 0);

		if (n <= 0)
			break;
		dm_str_add_bytes(&all, part, (size_t)n);
	}
	first = strstr(all.data, "Release Version");
	second = strstr(all.data, "404 page");
	third = strstr(all.data, "ok\n");
	assert_true(first && second && third && first < second && second < third);
	(void)close(fd);
}

/* More names than answers are kept for one snapshot. */
static void many_different_questions_are_answered(void **state)
{
	for (int i = 0; i < API_ANSWERS_MAX + 20; i++) {
		DM_CLEANUP(freep) char *path = dm_format("/apis/v1alpha1/status/t%d", i);
		DM_CLEANUP(freep)
		char *expected = dm_format("{\"result\":false,\"msg\":\"task t%d has no workers or "
					   "not exist, can try `refresh-worker-tasks` cmd "
					   "first\",\"workers\":[]}",
			i);

		expect_get(*state, path, 200, expected);
	}
}

static void livez_tells_when_the_main_loop_is_stuck(void **state)
{
	struct rooms *w = *state;

	atomic_store(&w->api->tick_ms, dm_mono_ms() - API_ALIVE_MS - 1);
	expect_get(w, "/livez", 503, "the main loop is stuck\n");
	expect_get(w, "/readyz", 503, "the main loop is stuck\n");
	api_tick(w->api);
	expect_get(w, "/livez", 200, "ok\n");
}

/* ---- commands ---- */

/* Of DM's reply of two workers, the part of the first. */
static char *golden_of_one(const char *file)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/data/golden/%s", test_source_dir, file);
	DM_CLEANUP(dm_str_done) struct dm_str golden = { 0 };
	char *second;

	assert_int_equal(dm_file_read(path, 1 << 16, &golden), 0);
	second = strstr(golden.data, "        },\n        {\n");
	if (second)
		(void)snprintf(second, 32, "        }\n    ]\n}\n");
	return dm_strdup(golden.data);
}

/* logID is a number that grows; the golden files have their own. */
static void expect_golden(const struct reply *r, const char *file)
{
	DM_CLEANUP(freep) char *golden = golden_of_one(file);
	char *theirs = strstr(golden, "\"logID\": \"");
	char *ours = strstr(r->body.data, "\"logID\": \"");

	assert_int_equal(r->status, 200);
	if (theirs) {
		assert_non_null(ours);
		assert_int_equal(theirs - golden, ours - r->body.data);
		assert_memory_equal(golden, r->body.data, (size_t)(theirs - golden));
		ours += 10;
		assert_true(*ours >= '1' && *ours <= '9');
		theirs = strchr(theirs + 10, '"');
		ours = strchr(ours, '"');
		assert_string_equal(ours, theirs);
	} else {
		assert_string_equal(r->body.data, golden);
	}
}

static void replies_of_commands_are_dms(void **state)
{
	static const struct {
		const char *body, *file;
		enum dm_stage stage;
	} rows[] = {
		{ "{\"op\":2,\"workers\":[\"x\"]}", "pause-task.json", STAGE_PAUSED },
		{ "{\"op\":\"Resume\"}", "resume-task.json", STAGE_RUNNING },
		{ " { \"op\" : 1 } \n", "stop-task.json", STAGE_STOPPED },
	};
	struct rooms *w = *state;
	DM_CLEANUP(freep) char *start = dm_format("{\"task\":\"%s\"}", task_yaml);
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	ask_command(w, "PUT /apis/v1alpha1/tasks/test?pretty", "", "{\"op\":3}", &r);
	expect_golden(&r, "resume-task.when-stopped.json");
	ask_command(w, "POST /apis/v1alpha1/tasks?pretty", "", start, &r);
	expect_golden(&r, "start-task.json");
	wait_stage(w, "test", STAGE_RUNNING);
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		ask_command(w, "PUT /apis/v1alpha1/tasks/test?pretty", "", rows[i].body, &r);
		expect_golden(&r, rows[i].file);
		assert_int_equal(stage_of(w, "test"), rows[i].stage);
	}
	expect_command(w, "DELETE /apis/v1alpha1/tasks/test", "", "", 200,
		"{\"result\":true,\"msg\":\"\",\"workers\":[{\"result\":true,\"worker\":"
		"\"127.0.0.1:8262\",\"msg\":\"\"}]}");
	assert_int_equal(stage_of(w, "test"), STAGE_INVALID);
}

static void a_refusal_has_dms_text_and_names_what_is_legal(void **state)
{
	struct rooms *w = *state;
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	start_task(w, "test");
	wait_stage(w, "test", STAGE_RUNNING);
	ask_command(w, "PUT /apis/v1alpha1/tasks/test", "", "{\"op\":3}", &r);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body.data,
		"{\"op\":\"Resume\",\"result\":true,\"msg\":\"\",\"workers\":[{\"meta\":{"
		"\"result\":false,\"worker\":\"127.0.0.1:8262\",\"msg\":\"[code=40051:class=dm-"
		"worker:"
		"scope=internal:level=high] current stage is Running but not paused, invalid\\n"
		"current stage is Running, legal commands: "));
	assert_non_null(strstr(r.body.data, "pause-task"));
	expect_command(w, "PUT /apis/v1alpha1/tasks/nope", "", "{\"op\":2}", 200,
		"{\"op\":\"Pause\",\"result\":false,\"msg\":\"task nope has no workers or not "
		"exist, "
		"can try `refresh-worker-tasks` cmd first\",\"workers\":[]}");
}

static void faults_of_a_task_file_are_the_outer_result(void **state)
{
	struct rooms *w = *state;
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	ask_command(w, "POST /apis/v1alpha1/tasks", "", "{\"task\":\"name: [\"}", &r);
	assert_int_equal(r.status, 200);
	assert_memory_equal(r.body.data, "{\"result\":false,\"msg\":\"[code=20003:", 35);
	assert_non_null(strstr(r.body.data, "\"workers\":[]}"));
	ask_command(w, "POST /apis/v1alpha1/tasks", "", "", &r); /* DM: an empty task */
	assert_int_equal(r.status, 200);
	assert_memory_equal(r.body.data, "{\"result\":false,", 16);
}

static void ops_that_are_none_are_refused_up_front(void **state)
{
	static const struct {
		const char *body, *start;
	} rows[] = {
		{ "{}", "{\"op\":\"InvalidOp\",\"result\":false,\"msg\":\"[code=40040:" },
		{ "", "{\"op\":\"InvalidOp\",\"result\":false," },
		{ "null", "{\"op\":\"InvalidOp\",\"result\":false," },
		{ "{\"op\":null}", "{\"op\":\"InvalidOp\",\"result\":false," },
		{ "{\"op\":4}", "{\"op\":\"Start\",\"result\":false," },
		{ "{\"op\":6}", "{\"op\":\"AutoResume\",\"result\":false," },
		{ "{\"op\":99}", "{\"op\":99,\"result\":false," },
		{ "{\"op\":-1}", "{\"op\":-1,\"result\":false," },
	};

	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(reply_done) struct reply r = { 0 };

		ask_command(*state, "PUT /apis/v1alpha1/tasks/t", "", rows[i].body, &r);
		assert_int_equal(r.status, 200);
		assert_non_null(strstr(r.body.data, rows[i].start));
	}
}

static void the_relay_is_paused_resumed_and_purged(void **state)
{
	struct rooms *w = *state;
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	ask_command(w, "POST /api/v1/relay?pretty", "", "{\"op\":\"pause\"}", &r);
	assert_int_equal(r.status, 200);
	{
		DM_CLEANUP(freep) char *golden = golden_of_one("pause-relay.json");
		char *op = strstr(golden, "InvalidRelayOp"); /* a fault of DM's */
		DM_CLEANUP(freep)
		char *expected = dm_format("%.*sPauseRelay%s", (int)(op - golden), golden,
			op + strlen("InvalidRelayOp"));

		assert_string_equal(r.body.data, expected);
	}
	ask_command(w, "POST /api/v1/relay", "", "{\"op\":\"pause\"}", &r);
	assert_non_null(strstr(r.body.data,
		"{\"op\":\"PauseRelay\",\"result\":false,\"worker\":\"127.0.0.1:8262\",\"msg\":\"["
		"code=40039:class=dm-worker:scope=internal:level=high] "));
	expect_command(w, "POST /api/v1/relay", "", "{\"op\":\"resume\"}", 200,
		"{\"op\":\"ResumeRelay\",\"result\":true,\"msg\":\"\",\"workers\":[{\"op\":"
		"\"ResumeRelay\",\"result\":true,\"worker\":\"127.0.0.1:8262\",\"msg\":\"\"}]}");
	/* What was answered is seen by the next one who asks, however soon. */
	for (int i = 0; i < 10; i++) {
		static const char *const ops[][2] = { { "{\"op\":\"pause\"}", "Paused" },
			{ "{\"op\":\"resume\"}", "Running" } };
		DM_CLEANUP(freep) char *stage = dm_format("\"stage\":\"%s\"", ops[i % 2][1]);

		ask_get(w, "/apis/v1alpha1/status", &r);
		ask_command(w, "POST /api/v1/relay", "", ops[i % 2][0], &r);
		ask_get(w, "/apis/v1alpha1/status", &r);
		if (!strstr(r.body.data, stage))
			fail_msg("no %s in %s", stage, r.body.data);
	}
	ask_command(w, "POST /api/v1/relay", "", "{\"op\":\"purge\"}", &r);
	assert_non_null(strstr(r.body.data,
		"{\"result\":true,\"msg\":\"\",\"workers\":[{\"result\":false,\"worker\":"
		"\"127.0.0.1:8262\",\"msg\":\"[code=30039:class=relay-unit:"));
}

/* ---- bodies ---- */

static void malformed_bodies_are_400_in_gos_words(void **state)
{
	static const struct {
		const char *body, *text;
	} rows[] = {
		{ "{", "unexpected EOF" },
		{ "{\"op\":", "unexpected EOF" },
		{ "[]", "json: cannot unmarshal array into Go value of type "
			"map[string]json.RawMessage" },
		{ "3", "json: cannot unmarshal number 3 into Go value of type "
		       "map[string]json.RawMessage" },
		{ "\"x\"", "json: cannot unmarshal string into Go value of type "
			   "map[string]json.RawMessage" },
		{ "{\"op\":2} trailing", "invalid character 't' after top-level value" },
		{ "{\"op\":2}{}", "invalid character '{' after top-level value" },
		{ "{\"op\":2,}", "invalid character '}' in JSON text" },
		{ "{'op':2}", "invalid character '\\\\'' in JSON text" },
		{ "{\"op\":'Pause'}", "invalid character '\\\\'' in JSON text" },
		{ "{\"x\":\"a\nb\"}", "invalid character '\\\\x0a' in JSON text" },
		{ "{\"op\":True}", "invalid character 'T' in JSON text" },
		{ "{\"op\":2,\"op\":3}", "a member is given twice" },
		{ "{\"op\":2,\"x\":{\"a:\":1,\"a:\":2}}", "a member is given twice" },
		{ "{\"op\":1.5}", "json: cannot unmarshal number 1.5 into Go value of type int32" },
		{ "{\"op\":1099511627776}",
			"json: cannot unmarshal number 1099511627776 into Go value of type int32" },
		{ "{\"op\":true}", "json: cannot unmarshal bool into Go value of type int32" },
		{ "{\"op\":[]}", "json: cannot unmarshal array into Go value of type int32" },
		{ "{\"op\":\"Dance\"}", "unknown value \\\"Dance\\\" for enum pb.TaskOp" },
		{ "{\"op\":\"\"}", "unknown value \\\"\\\" for enum pb.TaskOp" },
		{ "{\"a\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}", "exceeded max depth of 16" },
		{ "{\"op\":\"\xff\"}", "invalid UTF-8 in JSON text" },
	};

	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(freep)
		char *expected = dm_format("{\"error\":\"%s\",\"code\":3,\"message\":\"%s\"}",
			rows[i].text, rows[i].text);

		expect_command(
			*state, "PUT /apis/v1alpha1/tasks/t", "", rows[i].body, 400, expected);
	}
}

static void wrong_types_are_400(void **state)
{
	expect_command(*state, "POST /apis/v1alpha1/tasks", "", "{\"task\":5}", 400,
		"{\"error\":\"json: cannot unmarshal number 5 into Go value of type "
		"string\",\"code\":"
		"3,\"message\":\"json: cannot unmarshal number 5 into Go value of type string\"}");
	expect_command(*state, "POST /apis/v1alpha1/tasks", "", "{\"task\":[\"a\"]}", 400, NULL);
	expect_command(
		*state, "POST /apis/v1alpha1/tasks", "", "{\"task\":\"a\\u0000b\"}", 400, NULL);
	expect_command(*state, "POST /api/v1/relay", "", "{\"op\":\"fly\"}", 400, NULL);
	expect_command(*state, "POST /api/v1/relay", "", "{}", 400, NULL);
	expect_command(*state, "POST /api/v1/relay", "", "{\"op\":7}", 400, NULL);
	expect_command(
		*state, "POST /api/v1/relay", "", "{\"op\":\"purge\",\"time\":-1}", 400, NULL);
	expect_command(*state, "POST /api/v1/relay", "",
		"{\"op\":\"purge\",\"time\":99999999999999999999}", 400, NULL);
	expect_command(
		*state, "POST /api/v1/relay", "", "{\"op\":\"purge\",\"inactive\":1}", 400, NULL);
}

static void a_body_with_a_nul_is_400(void **state)
{
	struct rooms *w = *state;
	static const char text[] = "PUT /apis/v1alpha1/tasks/t HTTP/1.1\r\nHost: localhost\r\n"
				   "Content-Length: 9\r\n\r\n{\"op\":2}\0";
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	client_ask(api_port(w->api), &w->box, text, sizeof(text) - 1, &r);
	assert_int_equal(r.status, 400);
	assert_non_null(strstr(r.body.data, "invalid character '\\\\x00' in JSON text"));
}

/* Bodies are given up when their request is complete, just after its answer was sent. */
static void wait_no_bodies(struct rooms *w)
{
	int64_t until_ms = dm_mono_ms() + CLIENT_WAIT_MS;

	while (atomic_load(&w->api->bodies) > 0) {
		struct pollfd none = { .fd = -1 };

		assert_true(dm_mono_ms() < until_ms);
		(void)poll(&none, 1, 1);
	}
}

static void a_body_over_its_limit_is_413(void **state)
{
	struct rooms *w = *state;
	size_t len = API_BODY_MAX + 1;
	DM_CLEANUP(freep) char *body = dm_alloc(len + 1);
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	memset(body, ' ', len);
	ask_command(w, "PUT /apis/v1alpha1/tasks/t", "", body, &r);
	assert_int_equal(r.status, 413);
	assert_string_equal(r.body.data,
		"{\"error\":\"request body is larger than 16384 bytes\",\"code\":8,\"message\":"
		"\"request body is larger than 16384 bytes\"}");
	wait_no_bodies(w);
	body[len - 1] = '\0'; /* one less is taken */
	ask_command(w, "PUT /apis/v1alpha1/tasks/t", "", body, &r);
	assert_int_equal(r.status, 200);
}

static void ten_megabytes_are_refused_without_keeping_them(void **state)
{
	struct rooms *w = *state;
	size_t len = 10 << 20;
	DM_CLEANUP(freep) char *body = dm_alloc(len + 1);

	memset(body, 'x', len);
	expect_command(w, "POST /apis/v1alpha1/tasks", "", body, 413, NULL);
	wait_no_bodies(w);
}

static void a_chunked_body_is_limited_too(void **state)
{
	struct rooms *w = *state;
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	dm_str_add(&text, "PUT /apis/v1alpha1/tasks/t HTTP/1.1\r\nHost: localhost\r\n"
			  "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 20; i++)
		dm_str_addf(&text, "400\r\n%1024s\r\n", "");
	dm_str_add(&text, "0\r\n\r\n");
	client_ask(api_port(w->api), &w->box, text.data, text.len, &r);
	assert_int_equal(r.status, 413);
}

static void a_task_file_may_be_large(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str body = { 0 };
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	dm_str_addf(&body, "{\"task\":\"%s#", task_yaml);
	dm_str_reserve(&body, 900000);
	for (int i = 0; i < 900000; i++)
		dm_str_add_char(&body, 'c');
	dm_str_add(&body, "\"}");
	ask_command(*state, "POST /apis/v1alpha1/tasks", "", body.data, &r);
	assert_int_equal(r.status, 200);
	assert_memory_equal(r.body.data, "{\"result\":true,", 15);
}

/* ---- who may command ---- */

static void a_web_page_cannot_command(void **state)
{
	static const char *const headers[] = {
		"Host: evil.example\r\n",
		"Host: evil.example:8262\r\n",
		"Host: 127.0.0.1.evil.example\r\n",
		"Host: localhost:80:80\r\n",
		"Host: [::1\r\n",
		"Origin: http://evil.example\r\n",
		"Origin: null\r\n",
		"Origin: http://127.0.0.1.evil.example\r\n",
		"Origin: ftp://127.0.0.1\r\n",
		"Origin: http://localhost\r\n", /* Host is 127.0.0.1 */
		"Sec-Fetch-Site: cross-site\r\n",
		"Sec-Fetch-Site: same-site\r\n",
		"Origin: http://127.0.0.1\r\nContent-Type: text/plain\r\n",
		"Origin: http://127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n",
	};
	static const char *const requests[] = { "PUT /apis/v1alpha1/tasks/t",
		"POST /apis/v1alpha1/tasks", "DELETE /apis/v1alpha1/tasks/t",
		"POST /api/v1/relay" };

	for (size_t i = 0; i < DM_COUNT_OF(headers); i++) {
		for (size_t k = 0; k < DM_COUNT_OF(requests); k++) {
			DM_CLEANUP(reply_done) struct reply r = { 0 };

			ask_command(*state, requests[k], headers[i], "{\"op\":2}", &r);
			if (r.status != 403)
				fail_msg("%s%s: %d", headers[i], requests[k], r.status);
			assert_non_null(strstr(r.body.data, "\"code\":7,\"message\":\""));
		}
	}
}

static void our_own_names_may_command(void **state)
{
	static const char *const headers[] = {
		"Host: localhost\r\n",
		"Host: LOCALHOST:1234\r\n",
		"Host: localhost.\r\n",
		"Host: 127.0.0.1:8262\r\n",
		"Host: 127.9.9.9\r\n",
		"Host: [::1]:8262\r\n",
		"Origin: http://127.0.0.1\r\n",
		"Origin: https://127.0.0.1\r\nSec-Fetch-Site: same-origin\r\n",
		"Origin: http://127.0.0.1\r\nContent-Type: application/json; charset=utf-8\r\n",
		"Content-Type: application/x-www-form-urlencoded\r\n", /* curl -d */
		"Sec-Fetch-Site: none\r\n",
	};

	for (size_t i = 0; i < DM_COUNT_OF(headers); i++)
		expect_command(
			*state, "PUT /apis/v1alpha1/tasks/t", headers[i], "{\"op\":2}", 200, NULL);
}

static void a_name_that_was_made_to_mean_us_cannot_read(void **state)
{
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	ask(*state, "GET /apis/v1alpha1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n", &r);
	assert_int_equal(r.status, 403);
	ask(*state, "GET /apis/v1alpha1/status HTTP/1.0\r\n\r\n", &r); /* no browser */
	assert_int_equal(r.status, 200);
	ask(*state, "GET /apis/v1alpha1/status HTTP/1.1\r\n\r\n", &r);
	assert_int_equal(r.status, 400);
}

static void the_advertised_name_is_ours(void **state)
{
	struct rooms *w = *state;
	char own[256];

	assert_false(guard_host_is_ours(w->api, "dm.example:8262"));
	free(w->api->advertise_host);
	w->api->advertise_host = dm_strdup("dm.example");
	assert_true(guard_host_is_ours(w->api, "DM.example:8262"));
	assert_false(guard_host_is_ours(w->api, "xdm.example"));
	assert_false(guard_host_is_ours(w->api, ""));
	assert_false(guard_host_is_ours(w->api, ":8262"));
	assert_int_equal(gethostname(own, sizeof(own)), 0);
	assert_true(guard_host_is_ours(w->api, own));
}

static void set_peer(struct sockaddr_storage *peer, const char *address)
{
	struct sockaddr_in *v4 = (void *)peer;
	struct sockaddr_in6 *v6 = (void *)peer;

	*peer = (struct sockaddr_storage){ 0 };
	if (strchr(address, ':')) {
		v6->sin6_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, address, &v6->sin6_addr), 1);
	} else {
		v4->sin_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, address, &v4->sin_addr), 1);
	}
}

static void only_loopback_is_local(void **state)
{
	static const char *const local[] = { "127.0.0.1", "127.255.0.9", "::1",
		"::ffff:127.0.0.1" };
	static const char *const remote[] = { "10.0.0.1", "128.0.0.1", "0.0.0.0", "::", "fe80::1",
		"::ffff:10.0.0.1", "7f00::1" };
	struct sockaddr_storage peer;
	struct sockaddr_un unix_peer = { .sun_family = AF_UNIX };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(local); i++) {
		set_peer(&peer, local[i]);
		assert_true(peer_is_local((const void *)&peer));
	}
	for (size_t i = 0; i < DM_COUNT_OF(remote); i++) {
		set_peer(&peer, remote[i]);
		assert_false(peer_is_local((const void *)&peer));
	}
	assert_true(peer_is_local((const void *)&unix_peer));
}

static void other_hosts_may_read_and_not_command(void **state)
{
	struct rooms *w = *state;
	struct connection remote = { .fd = -1 };
	struct answer refusal = { 0 };

	assert_true(guard_check(w->api, NULL, &remote, false, &refusal));
	assert_int_equal(refusal.status, 0);
	assert_false(guard_check(w->api, NULL, &remote, true, &refusal));
	assert_int_equal(refusal.status, 403);
	assert_non_null(strstr(refusal.body.data, "commands are taken from loopback only"));
	answer_done(&refusal);
}

static void other_hosts_may_not_take_all_places(void **state)
{
	struct rooms *w = *state;
	static struct connection many[API_REMOTE_PER_ADDRESS];
	struct sockaddr_storage same, other, local;

	set_peer(&same, "10.0.0.1");
	set_peer(&other, "10.0.0.2");
	set_peer(&local, "127.0.0.1");
	for (size_t i = 0; i < DM_COUNT_OF(many); i++) {
		many[i] = (struct connection){ .fd = -1, .peer = same };
		many[i].next = i + 1 < DM_COUNT_OF(many) ? &many[i + 1] : NULL;
	}
	dm_lock_take(&w->api->lock);
	w->api->connections = many;
	dm_lock_drop(&w->api->lock);
	assert_int_equal(connection_accept(w->api, (const void *)&same, sizeof(same)), MHD_NO);
	assert_int_equal(connection_accept(w->api, (const void *)&other, sizeof(other)), MHD_YES);
	dm_lock_take(&w->api->lock);
	w->api->connections = NULL;
	w->api->remote_count = API_REMOTE_MAX;
	dm_lock_drop(&w->api->lock);
	assert_int_equal(connection_accept(w->api, (const void *)&other, sizeof(other)), MHD_NO);
	assert_int_equal(connection_accept(w->api, (const void *)&local, sizeof(local)), MHD_YES);
	dm_lock_take(&w->api->lock);
	w->api->remote_count = 0;
	dm_lock_drop(&w->api->lock);
}

#define with_worker(test) cmocka_unit_test_setup_teardown(test, open_worker, close_worker)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		with_worker(the_status_is_dms_document),
		with_worker(an_unknown_task_is_dms_refusal),
		with_worker(plain_pages_are_dms),
		with_worker(our_own_documents_are_there),
		with_worker(other_paths_are_not_found),
		with_worker(a_wrong_verb_is_told_which_are_right),
		with_worker(head_is_get_without_a_body),
		with_worker(requests_in_one_packet_are_answered_in_order),
		with_worker(many_different_questions_are_answered),
		with_worker(livez_tells_when_the_main_loop_is_stuck),
		with_worker(replies_of_commands_are_dms),
		with_worker(a_refusal_has_dms_text_and_names_what_is_legal),
		with_worker(faults_of_a_task_file_are_the_outer_result),
		with_worker(ops_that_are_none_are_refused_up_front),
		with_worker(the_relay_is_paused_resumed_and_purged),
		with_worker(malformed_bodies_are_400_in_gos_words),
		with_worker(wrong_types_are_400),
		with_worker(a_body_with_a_nul_is_400),
		with_worker(a_body_over_its_limit_is_413),
		with_worker(ten_megabytes_are_refused_without_keeping_them),
		with_worker(a_chunked_body_is_limited_too),
		with_worker(a_task_file_may_be_large),
		with_worker(a_web_page_cannot_command),
		with_worker(our_own_names_may_command),
		with_worker(a_name_that_was_made_to_mean_us_cannot_read),
		with_worker(the_advertised_name_is_ours),
		cmocka_unit_test(only_loopback_is_local),
		with_worker(other_hosts_may_read_and_not_command),
		with_worker(other_hosts_may_not_take_all_places),
	};

	return test_main(argc, argv, "api", tests);
}
