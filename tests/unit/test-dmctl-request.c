/* test-dmctl-request.c - what dmctl sends over real sockets, and what it makes of every kind of answer. */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dm/clock.h"
#include "dm/conf-client.h"
#include "dm/conf.h"
#include "dm/file.h"
#include "dm/thread.h"

#include "command.h"
#include "request.h"

enum { ANSWERS_MAX = 4 };

/* A listener that gives prepared answers, one a connection, and keeps what it was asked. */
struct listener {
	int fd;
	char address[32];
	const char *answers[ANSWERS_MAX]; /* whole HTTP answers; NULL: silence until the end */
	bool is_endless; /* zeros after the answer, until the other side has enough */
	struct dm_str asked[ANSWERS_MAX];
	struct dm_thread thread;
};

static bool has_whole_request(const struct dm_str *text)
{
	const char *end = text->data ? strstr(text->data, "\r\n\r\n") : NULL;
	const char *length = text->data ? strcasestr(text->data, "\r\nContent-Length:") : NULL;

	return end &&
	       (size_t)(end + 4 - text->data) +
			       (length && length < end ? strtoul(length + 17, NULL, 10) : 0) <=
		       text->len;
}

static void read_request(int fd, struct dm_str *ret)
{
	char part[4096];
	ssize_t n;

	while (!has_whole_request(ret) && (n = read(fd, part, sizeof(part))) > 0)
		dm_str_add_bytes(ret, part, (size_t)n);
}

static void *serve(void *arg)
{
	static const char zeros[65536];
	struct listener *l = arg;

	for (size_t i = 0; i < ANSWERS_MAX; i++) {
		DM_CLEANUP(fd_closep) int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return NULL;
		read_request(fd, &l->asked[i]);
		if (!l->answers[i]) {
			char byte;

			(void)!read(fd, &byte, 1); /* until the client gives up */
			continue;
		}
		(void)dm_write_all(fd, l->answers[i], strlen(l->answers[i]));
		while (l->is_endless && send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL) > 0)
			;
	}
	return NULL;
}

static void listener_start(struct listener *l)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(l->fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(l->fd, 8), 0);
	assert_int_equal(getsockname(l->fd, (struct sockaddr *)&at, &len), 0);
	(void)snprintf(l->address, sizeof(l->address), "127.0.0.1:%u", ntohs(at.sin_port));
	assert_int_equal(dm_thread_start(&l->thread, "listener", serve, l), 0);
}

static void listener_done(struct listener *l)
{
	(void)shutdown(l->fd, SHUT_RDWR);
	dm_thread_join(&l->thread);
	fd_closep(&l->fd);
	for (size_t i = 0; i < ANSWERS_MAX; i++)
		dm_str_done(&l->asked[i]);
}

#define OK(body) \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" body
#define REFUSED(status, body) "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body

static enum outcome run(const struct session *s, const char *line, struct dm_str *out)
{
	DM_CLEANUP(words_done) struct words words = { 0 };
	DM_CLEANUP(args_done) struct args a = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str warning = { 0 };

	assert_int_equal(words_split(line, &words), 0);
	assert_int_equal(args_parse(words.at, words.count, &a, out), 0);
	dm_str_clear(out);
	return command_run(s, &a, OPTION_BIT(OPTION_WORKER), out, &warning);
}

static void expect_text(const struct dm_str *text, const char *part)
{
	if (!strstr(dm_str_get(text), part))
		fail_msg("no %s in:\n%s", part, dm_str_get(text));
}

/* ---- answers ---- */

static void every_bad_answer_is_a_failed_entry(void **state)
{
	static const struct {
		const char *answer, *msg;
	} rows[] = {
		{ REFUSED("400 Bad Request",
			  "{\"error\":\"x\",\"code\":3,\"message\":\"unexpected EOF\"}"),
			"code = InvalidArgument desc = unexpected EOF" },
		{ REFUSED("403 Forbidden",
			  "{\"error\":\"x\",\"code\":7,\"message\":\"from here only\"}"),
			"code = PermissionDenied desc = from here only" },
		{ REFUSED("500 Oops", "{\"error\":\"x\",\"code\":99,\"message\":\"m\"}"),
			"code = Unknown desc = m" },
		{ REFUSED("404 Not Found", "404 page not found\nmore"),
			"code = Unimplemented desc = HTTP 404: 404 page not found\"" },
		{ REFUSED("503 Busy", ""), "code = Unavailable desc = HTTP 503: \"" },
		{ OK("<html>"),
			"code = Internal desc = the answer is no JSON document of a dm-worker" },
		{ OK("{\"result\":true,\"workers\":[]} trailing"),
			"code = Internal desc = the answer is no JSON" },
		{ OK("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["), "code = Internal desc = " },
		{ OK("{\"result\":true,\"msg\":\"\xff\"}"), "code = Internal desc = " },
		{ "SSH-2.0-OpenSSH\r\n", "code = Unavailable desc = dial tcp " },
		{ REFUSED("302 Found\r\nLocation: http://127.0.0.1:1/", ""),
			"code = Unknown desc = HTTP 302: " },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(listener_done) struct listener l = { .answers = { rows[i].answer } };
		DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
		struct session s = { .timeout_ms = 3000 };
		DM_CLEANUP(freep) char *line = NULL;

		listener_start(&l);
		line = dm_format("query-status -w %s", l.address);
		assert_int_equal(run(&s, line, &out), OUTCOME_FAILED);
		expect_text(&out,
			"\"msg\": \"[code=38008:class=dm-master:scope=internal:level=high] grpc "
			"request error: "
			"rpc error: code = ");
		expect_text(&out, rows[i].msg);
	}
}

static void one_time_limit_holds_for_all_workers(void **state)
{
	DM_CLEANUP(listener_done) struct listener silent = { 0 };
	DM_CLEANUP(listener_done) struct listener mute = { 0 };
	DM_CLEANUP(listener_done)
	struct listener good = {
		.answers = { OK("{\"result\":true,\"msg\":\"\",\"workers\":[{\"result\":true,"
				"\"worker\":\"w\",\"sourceID\":\"good\"}]}") }
	};
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
	const struct session s = { .timeout_ms = 300 };
	DM_CLEANUP(freep) char *line = NULL;
	int64_t begin = dm_mono_ms();

	(void)state;
	listener_start(&silent);
	listener_start(&mute);
	listener_start(&good);
	line = dm_format("query-status t -w %s,%s,%s", silent.address, mute.address, good.address);
	assert_int_equal(run(&s, line, &out), OUTCOME_FAILED);
	assert_in_range(dm_mono_ms() - begin, 250, 590); /* not twice 300 */
	expect_text(&out, "\"sourceID\": \"good\"");
	expect_text(&out, "code = DeadlineExceeded desc = no answer from 127.0.0.1:");
	expect_text(&good.asked[0], "GET /apis/v1alpha1/status/t HTTP/1.1\r\n");
}

static void an_endless_answer_is_cut(void **state)
{
	DM_CLEANUP(listener_done)
	struct listener l = { .answers = { OK("{") }, .is_endless = true };
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
	const struct session s = { .timeout_ms = 20000 };
	DM_CLEANUP(freep) char *line = NULL;

	(void)state;
	listener_start(&l);
	line = dm_format("query-status -w %s", l.address);
	assert_int_equal(run(&s, line, &out), OUTCOME_FAILED);
	expect_text(&out, "the answer is too long");
}

static void a_proxy_of_the_environment_is_not_used(void **state)
{
	DM_CLEANUP(listener_done)
	struct listener l = {
		.answers = { OK(
			"{\"result\":true,\"workers\":[{\"result\":true,\"worker\":\"w\"}]}") }
	};
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
	const struct session s = { .timeout_ms = 3000 };
	DM_CLEANUP(freep) char *line = NULL;

	(void)state;
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	listener_start(&l);
	line = dm_format("query-status -w %s", l.address);
	assert_int_equal(run(&s, line, &out), OUTCOME_OK);
	assert_int_equal(unsetenv("http_proxy"), 0);
}

/* ---- requests ---- */

static const char plain_ok[] = OK("{\"result\":true,\"msg\":\"\",\"workers\":[{\"result\":true,"
				  "\"worker\":\"w\",\"msg\":\"\"}]}");

static void each_command_asks_for_what_it_means(void **state)
{
	static const struct {
		const char *line, *request, *body;
	} rows[] = {
		{ "query-status", "GET /apis/v1alpha1/status HTTP", "" },
		{ "query-status ''", "GET /apis/v1alpha1/status HTTP", "" },
		{ "query-status 'a/b ?%'", "GET /apis/v1alpha1/status/a%2Fb%20%3F%25 HTTP", "" },
		{ "query-error ..", "GET /apis/v1alpha1/errors/.. HTTP", "" },
		{ "stop-task t", "PUT /apis/v1alpha1/tasks/t HTTP", "{\"op\":1}" },
		{ "pause-task t", "PUT /apis/v1alpha1/tasks/t HTTP", "{\"op\":2}" },
		{ "resume-task t", "PUT /apis/v1alpha1/tasks/t HTTP", "{\"op\":3}" },
		{ "pause-relay", "POST /api/v1/relay HTTP", "{\"op\":\"pause\"}" },
		{ "resume-relay", "POST /api/v1/relay HTTP", "{\"op\":\"resume\"}" },
		{ "purge-relay -f b.000002 -s u.000001", "POST /api/v1/relay HTTP",
			"{\"op\":\"purge\",\"filename\":\"b.000002\",\"subDir\":\"u.000001\"}" },
		{ "purge-relay --inactive", "POST /api/v1/relay HTTP",
			"{\"op\":\"purge\",\"inactive\":true}" },
		{ "purge-relay --time 1700000000", "POST /api/v1/relay HTTP",
			"{\"op\":\"purge\",\"time\":1700000000}" },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(listener_done) struct listener l = { .answers = { plain_ok } };
		DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
		const struct session s = { .timeout_ms = 3000 };
		DM_CLEANUP(freep) char *line = NULL;
		const char *body;

		listener_start(&l);
		line = dm_format("%s -w %s", rows[i].line, l.address);
		assert_int_equal(run(&s, line, &out), OUTCOME_OK);
		if (!dm_has_prefix(dm_str_get(&l.asked[0]), rows[i].request))
			fail_msg("%s: %s", rows[i].line, dm_str_get(&l.asked[0]));
		body = strstr(dm_str_get(&l.asked[0]), "\r\n\r\n");
		assert_non_null(body);
		assert_string_equal(body + 4, rows[i].body);
	}
}

static void a_master_that_is_not_there_is_told_as_dm_does(void **state)
{
	static const struct {
		const char *line, *text;
	} rows[] = {
		{ "query-status t", "can not query t task's status(in workers []):\n[code=38008:" },
		{ "pause-task t", "can not pause task t:\n[code=38008:" },
		{ "query-error t", "dmctl query error failed\ntaskname: t\nerror:\n[code=38008:" },
		{ "resume-relay", "can not resume relay unit:\n[code=38008:" },
	};
	DM_CLEANUP(session_done)
	struct session s = { .master_addr = dm_strdup("127.0.0.1:1"), .timeout_ms = 1000 };

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };

		assert_int_equal(run(&s, rows[i].line, &out), OUTCOME_FAILED);
		assert_true(dm_has_prefix(dm_str_get(&out), rows[i].text));
	}
}

/* ---- start-task goes to the workers of its sources ---- */

static const char task_text[] = "name: t\ntask-mode: incremental\n"
				"target-database: {host: h, port: 1, user: u, password: \"\"}\n"
				"mysql-instances:\n"
				"- {source-id: s1, meta: {binlog-name: b.000001, binlog-pos: 4}}\n"
				"- {source-id: s2, meta: {binlog-name: b.000001, binlog-pos: 4}}\n";

#define STATUS_OF(source) \
	OK("{\"result\":true,\"msg\":\"\",\"workers\":[{\"result\":true,\"worker\":\"w\"," \
	   "\"sourceID\":\"" source "\"}]}")

struct start_test {
	char *file;
	struct listener one, two;
	struct dm_str out;
	struct session session;
};

static int start_setup(void **state)
{
	struct start_test *t = dm_alloc(sizeof(*t));

	t->file = dm_format("%s/dmctl-start-%d.yaml", P_tmpdir, (int)getpid());
	t->session.timeout_ms = 3000;
	*state = t;
	return dm_file_replace(t->file, task_text, sizeof(task_text) - 1, 0600);
}

static int start_teardown(void **state)
{
	struct start_test *t = *state;

	listener_done(&t->one);
	listener_done(&t->two);
	dm_str_done(&t->out);
	session_done(&t->session);
	(void)unlink(t->file);
	free(t->file);
	free(t);
	return 0;
}

static enum outcome start_run(struct start_test *t, const char *options)
{
	DM_CLEANUP(freep) char *line = dm_format("start-task %s %s", t->file, options);

	return run(&t->session, line, &t->out);
}

static void deploy(struct start_test *t, const char *first_source, const char *second_source)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults faults = { 0 };
	DM_CLEANUP(freep)
	char *text = dm_format("[[deploy]]\nsource-id = \"%s\"\ndm-worker = \"%s\"\n"
			       "[[deploy]]\nsource-id = \"%s\"\ndm-worker = \"%s\"\n",
		first_source, t->one.address, second_source, t->two.address);

	assert_int_equal(
		client_conf_parse(text, strlen(text), "m.toml", &t->session.conf, &faults), 0);
}

static void listen_both(struct start_test *t)
{
	listener_start(&t->one);
	listener_start(&t->two);
}

static void the_file_goes_to_every_deployed_source(void **state)
{
	struct start_test *t = *state;

	t->one.answers[0] = t->two.answers[0] = plain_ok;
	listen_both(t);
	deploy(t, "s1", "s2");
	assert_int_equal(start_run(t, ""), OUTCOME_OK);
	expect_text(&t->one.asked[0], "POST /apis/v1alpha1/tasks HTTP/1.1\r\n");
	expect_text(&t->one.asked[0], "\r\nContent-Type: application/json\r\n");
	expect_text(&t->two.asked[0], "{\"task\":\"name: t\\ntask-mode: incremental\\n");
	expect_text(&t->out, t->one.address);
	expect_text(&t->out, t->two.address);
}

static void a_source_without_a_worker_refuses_the_whole_start(void **state)
{
	struct start_test *t = *state;

	listen_both(t);
	deploy(t, "s1", "s3");
	assert_int_equal(start_run(t, ""), OUTCOME_FAILED);
	assert_string_equal(dm_str_get(&t->out),
		"{\n    \"result\": false,\n    \"msg\": "
		"\"[code=38028:class=dm-master:scope=internal:level=high] s2 relevant "
		"worker not found\",\n    \"workers\": [\n    ]\n}\n");
	assert_int_equal(t->one.asked[0].len, 0);
}

static void chosen_workers_start_their_part(void **state)
{
	struct start_test *t = *state;
	DM_CLEANUP(freep) char *options = NULL;

	t->one.answers[0] = plain_ok;
	listen_both(t);
	deploy(t, "s1", "s3");
	options = dm_format("-w %s,%s,x:9", t->one.address, t->two.address);
	assert_int_equal(start_run(t, options),
		OUTCOME_FAILED); /* two of the three are none of its workers */
	expect_text(&t->one.asked[0], "POST /apis/v1alpha1/tasks");
	assert_int_equal(t->two.asked[0].len, 0);
	expect_text(&t->out, "\"msg\": \"worker not found in task's config or deployment config\"");
	expect_text(&t->out, "\"worker\": \"x:9\"");
}

static void without_a_list_the_workers_tell_their_source(void **state)
{
	struct start_test *t = *state;
	DM_CLEANUP(freep) char *options = NULL;

	t->one.answers[0] = STATUS_OF("s2");
	t->two.answers[0] = STATUS_OF("s1");
	t->one.answers[1] = t->two.answers[1] = plain_ok;
	listen_both(t);
	options = dm_format("-w %s -w %s", t->one.address, t->two.address);
	assert_int_equal(start_run(t, options), OUTCOME_OK);
	expect_text(&t->one.asked[0], "GET /apis/v1alpha1/status HTTP");
	expect_text(&t->one.asked[1], "POST /apis/v1alpha1/tasks HTTP");
	expect_text(&t->two.asked[1], "POST /apis/v1alpha1/tasks HTTP");
}

static void one_worker_alone_starts_its_part(void **state)
{
	struct start_test *t = *state;
	DM_CLEANUP(freep) char *options = NULL;

	t->one.answers[0] = STATUS_OF("s2");
	t->one.answers[1] = plain_ok;
	listen_both(t);
	options = dm_format("-w %s", t->one.address);
	assert_int_equal(start_run(t, options), OUTCOME_OK);
	expect_text(&t->one.asked[1], "POST /apis/v1alpha1/tasks HTTP");
}

static void a_worker_that_does_not_answer_stops_nobody_else(void **state)
{
	struct start_test *t = *state;
	DM_CLEANUP(freep) char *options = NULL;

	t->one.answers[0] = STATUS_OF("s2");
	t->one.answers[1] = plain_ok;
	listen_both(t);
	options = dm_format("-w %s,127.0.0.1:1", t->one.address);
	assert_int_equal(start_run(t, options), OUTCOME_FAILED);
	expect_text(&t->one.asked[1], "POST /apis/v1alpha1/tasks HTTP");
	expect_text(&t->out, "code = Unavailable desc = dial tcp 127.0.0.1:1: Connection refused");
	/* sorted by address, the failed one too */
	assert_true(strstr(t->out.data, "\"worker\": \"127.0.0.1:1\"") <
		    strstr(t->out.data, t->one.address));
}

static void a_worker_of_another_source_gets_nothing(void **state)
{
	struct start_test *t = *state;

	t->one.answers[0] = STATUS_OF("s9");
	listen_both(t);
	t->session.master_addr = dm_strdup(t->one.address);
	assert_int_equal(start_run(t, ""), OUTCOME_FAILED);
	expect_text(&t->out, "[code=38028:class=dm-master:scope=internal:level=high] s1 relevant "
			     "worker not found");
	assert_int_equal(t->one.asked[1].len, 0);
}

#define start_test(name) cmocka_unit_test_setup_teardown(name, start_setup, start_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bad_answer_is_a_failed_entry),
		cmocka_unit_test(one_time_limit_holds_for_all_workers),
		cmocka_unit_test(an_endless_answer_is_cut),
		cmocka_unit_test(a_proxy_of_the_environment_is_not_used),
		cmocka_unit_test(each_command_asks_for_what_it_means),
		cmocka_unit_test(a_master_that_is_not_there_is_told_as_dm_does),
		start_test(the_file_goes_to_every_deployed_source),
		start_test(a_source_without_a_worker_refuses_the_whole_start),
		start_test(chosen_workers_start_their_part),
		start_test(without_a_list_the_workers_tell_their_source),
		start_test(one_worker_alone_starts_its_part),
		start_test(a_worker_that_does_not_answer_stops_nobody_else),
		start_test(a_worker_of_another_source_gets_nothing),
	};

	return test_main(argc, argv, "dmctl-request", tests);
}
