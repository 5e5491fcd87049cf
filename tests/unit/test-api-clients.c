/* test-api-clients.c - clients that are slow, gone, many or too early; the api that ends; and where it listens. */
#include "test.h"

#include <sys/un.h>

#include "api-private.h"
#include "ask.h"

/* ---- slow ones ---- */

static void expect_end(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char part[256];

	assert_int_equal(poll(&p, 1, CLIENT_WAIT_MS), 1);
	assert_true(recv(fd, part, sizeof(part), 0) <= 0);
}

static void cut_after(struct rooms *w, int64_t ms)
{
	connections_cut_slow(w->api, dm_mono_ms() + ms);
}

static void wait_for_connections(struct rooms *w, unsigned int count)
{
	for (int i = 0; i < 1000; i++) {
		unsigned int seen = 0;
		struct pollfd none = { .fd = -1 };

		dm_lock_take(&w->api->lock);
		for (const struct connection *c = w->api->connections; c; c = c->next)
			seen++;
		dm_lock_drop(&w->api->lock);
		if (seen == count)
			return;
		(void)poll(&none, 1, 10);
	}
	fail_msg("not %u connections", count);
}

/* A byte now and then is no silence, and still the phase ends. */
static void a_request_that_does_not_end_is_cut(void **state)
{
	static const char *const parts[] = { "", "GET /livez HT",
		"GET /livez HTTP/1.1\r\nHost: loc",
		"PUT /apis/v1alpha1/tasks/t HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{" };
	struct rooms *w = *state;

	for (size_t i = 0; i < DM_COUNT_OF(parts); i++) {
		int fd = client_connect(api_port(w->api));

		client_send(fd, parts[i], strlen(parts[i]));
		wait_for_connections(w, 1);
		cut_after(w, API_PHASE_MS - 2000);
		expect_get(w, "/livez", 200, "ok\n"); /* nobody else is harmed */
		assert_int_equal(recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT), -1);
		cut_after(w, API_PHASE_MS + 100);
		expect_end(fd);
		(void)close(fd);
		wait_for_connections(w, 0);
	}
}

static void set_deadlines(struct rooms *w, int64_t mono_ms)
{
	DM_LOCKED(&w->api->lock);
	for (struct connection *c = w->api->connections; c; c = c->next)
		atomic_store(&c->deadline_ms, mono_ms);
}

/* The deadline begins anew with each answer. */
static void a_quick_client_keeps_its_connection(void **state)
{
	struct rooms *w = *state;
	DM_CLEANUP(reply_done) struct reply r = { 0 };
	int fd = client_connect(api_port(w->api));
	static const char text[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

	for (int i = 0; i < 3; i++) {
		client_send(fd, text, strlen(text));
		client_read(fd, NULL, false, &r);
		assert_int_equal(r.status, 200);
		cut_after(w, API_PHASE_MS - 2000);
		set_deadlines(w, dm_mono_ms() + 500); /* nearly ten seconds go by */
	}
	cut_after(w, 1000);
	expect_end(fd);
	(void)close(fd);
}

static void a_body_that_breaks_off_is_given_up(void **state)
{
	struct rooms *w = *state;
	int fd = client_connect(api_port(w->api));
	static const char text[] = "PUT /apis/v1alpha1/tasks/t HTTP/1.1\r\nHost: localhost\r\n"
				   "Content-Length: 900\r\n\r\n{\"op\": ";

	client_send(fd, text, strlen(text));
	for (int i = 0; i < 1000 && atomic_load(&w->api->bodies) != 7; i++)
		(void)poll(NULL, 0, 10);
	assert_int_equal(atomic_load(&w->api->bodies), 7);
	(void)close(fd);
	wait_for_connections(w, 0);
	assert_int_equal(atomic_load(&w->api->bodies), 0);
}

static void a_client_that_does_not_read_is_cut(void **state)
{
	struct rooms *w = *state;
	int fd = client_connect(api_port(w->api));
	static const char text[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

	for (int i = 0; i < 3000; i++)
		if (send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
	expect_get(w, "/livez", 200, "ok\n");
	cut_after(w, API_PHASE_MS + 1000);
	wait_for_connections(w, 0);
	(void)close(fd);
}

static void many_idle_clients_leave_room(void **state)
{
	struct rooms *w = *state;
	int fds[300];

	for (size_t i = 0; i < DM_COUNT_OF(fds); i++)
		fds[i] = client_connect(api_port(w->api));
	expect_get(w, "/livez", 200, "ok\n");
	for (size_t i = 0; i < DM_COUNT_OF(fds); i++)
		(void)close(fds[i]);
	wait_for_connections(w, 0);
}

static void bytes_that_are_no_http_do_no_harm(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
#define BYTES(text) { text, sizeof(text) - 1 }
		BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\r\n\r\n"),
		BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		BYTES("GET\r\n\r\n"),
		BYTES("GET /status HTTP/9.9\r\n\r\n"),
		BYTES("POST /apis/v1alpha1/tasks HTTP/1.1\r\nHost: localhost\r\n"
		      "Content-Length: -5\r\n\r\n"),
		BYTES("POST /apis/v1alpha1/tasks HTTP/1.1\r\nHost: localhost\r\n"
		      "Transfer-Encoding: chunked\r\n\r\nZZZ\r\n"),
#undef BYTES
	};
	struct rooms *w = *state;

	for (size_t i = 0; i < DM_COUNT_OF(rows); i++) {
		int fd = client_connect(api_port(w->api));

		client_send(fd, rows[i].bytes, rows[i].len);
		(void)shutdown(fd, SHUT_WR);
		(void)recv(fd, &(char){ 0 }, 1, 0);
		(void)close(fd);
	}
	expect_get(w, "/livez", 200, "ok\n");
	wait_for_connections(w, 0);
}

static void headers_without_end_are_refused(void **state)
{
	struct rooms *w = *state;
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	dm_str_add(&text, "GET /livez HTTP/1.1\r\nHost: localhost\r\n");
	for (int i = 0; i < 200; i++)
		dm_str_addf(&text, "X-%d: %0500d\r\n", i, 0);
	client_ask(api_port(w->api), NULL, text.data, text.len, &r);
	assert_true(r.status == 431 || r.status == 413 || r.status == 0);
	expect_get(w, "/livez", 200, "ok\n");
}

/* ---- commands whose client or api is gone ---- */

static const char pause_text[] = "PUT /apis/v1alpha1/tasks/t HTTP/1.1\r\nHost: localhost\r\n"
				 "Content-Length: 8\r\n\r\n{\"op\":2}";

/* Sends it and waits until its mail lies in the box; the main loop has not run it yet. */
static int send_parked(struct rooms *w)
{
	int fd = client_connect(api_port(w->api));
	struct pollfd p = { .fd = w->box.fd, .events = POLLIN };

	client_send(fd, pause_text, strlen(pause_text));
	assert_int_equal(poll(&p, 1, CLIENT_WAIT_MS), 1);
	return fd;
}

static void a_parked_request_is_not_cut(void **state)
{
	struct rooms *w = *state;
	DM_CLEANUP(reply_done) struct reply r = { 0 };
	int fd = send_parked(w);

	cut_after(w, API_PHASE_MS * 100);
	client_read(fd, &w->box, false, &r);
	assert_int_equal(r.status, 200);
	(void)close(fd);
}

static void the_client_may_be_gone_before_the_answer(void **state)
{
	struct rooms *w = *state;

	for (int i = 0; i < 20; i++) {
		int fd = send_parked(w);
		struct linger at_once = { .l_onoff = 1 };

		if (i % 2 == 0) /* a reset instead of an end */
			assert_int_equal(
				setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)),
				0);
		(void)close(fd);
		dm_mailbox_run(&w->box);
	}
	for (int i = 0; i < 1000 && w->api->parked; i++) {
		struct pollfd p = { .fd = w->box.fd, .events = POLLIN };

		(void)poll(&p, 1, 10);
		dm_mailbox_run(&w->box);
	}
	assert_null(w->api->parked);
	wait_for_connections(w, 0);
	expect_get(w, "/livez", 200, "ok\n");
}

static void a_stopping_api_refuses_commands_and_answers_the_old(void **state)
{
	struct rooms *w = *state;
	DM_CLEANUP(reply_done) struct reply r = { 0 };
	int fd = send_parked(w);

	api_quiesce(w->api);
	expect_get(w, "/readyz", 503, "stopping\n");
	expect_get(w, "/livez", 200, "ok\n");
	client_ask(api_port(w->api), NULL, pause_text, strlen(pause_text), &r);
	assert_int_equal(r.status, 503);
	assert_string_equal(r.body.data,
		"{\"error\":\"worker already closed\",\"code\":14,\"message\":\"worker already "
		"closed\"}");
	client_read(fd, &w->box, false, &r);
	assert_int_equal(r.status, 200);
	(void)close(fd);
}

/* The mail is run after the api is gone: it must find that out. */
static void the_api_may_be_gone_before_the_answer(void **state)
{
	struct rooms *w = *state;
	DM_CLEANUP(reply_done) struct reply r = { 0 };
	int fd = send_parked(w);

	api_free(w->api);
	w->api = NULL;
	client_read(fd, NULL, false, &r);
	assert_int_equal(r.status, 503);
	dm_mailbox_run(&w->box);
	(void)close(fd);
}

/* The registry has the command, but answers only when its state is stored. */
static void the_api_may_be_gone_while_the_registry_works(void **state)
{
	struct rooms *w = *state;
	DM_CLEANUP(reply_done) struct reply r = { 0 };
	int fd = send_parked(w);

	dm_mailbox_run(&w->box);
	api_free(w->api);
	w->api = NULL;
	client_read(fd, NULL, false, &r);
	assert_true(r.status == 503 || r.status == 200);
	(void)close(fd);
}

/* ---- many at once ---- */

struct crowd {
	uint16_t port;
	unsigned int number;
	_Atomic unsigned int *done;
};

static void *crowd_run(void *arg)
{
	static const char *const texts[] = {
		"GET /apis/v1alpha1/status HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /api/v1/status?pretty HTTP/1.1\r\nHost: localhost\r\n\r\n",
		pause_text,
	};
	const struct crowd *c = arg;

	for (unsigned int i = 0; i < 50; i++) {
		const char *text = texts[(i + c->number) % DM_COUNT_OF(texts)];
		struct reply r = { 0 };

		client_ask(c->port, NULL, text, strlen(text), &r);
		atomic_fetch_add(c->done, r.status == 200);
		reply_done(&r);
	}
	return NULL;
}

static void many_clients_at_once_are_all_answered(void **state)
{
	struct rooms *w = *state;
	_Atomic unsigned int done = 0;
	struct crowd crowd[8];
	struct dm_thread threads[8] = { 0 };
	int64_t until_ms = dm_mono_ms() + 60000;

	for (unsigned int i = 0; i < DM_COUNT_OF(crowd); i++) {
		crowd[i] = (struct crowd){ .port = api_port(w->api), .number = i, .done = &done };
		assert_int_equal(dm_thread_start(&threads[i], "crowd", crowd_run, &crowd[i]), 0);
	}
	while (atomic_load(&done) < 50 * DM_COUNT_OF(crowd) && dm_mono_ms() < until_ms) {
		struct pollfd p = { .fd = w->box.fd, .events = POLLIN };

		(void)poll(&p, 1, 20);
		dm_mailbox_run(&w->box);
		registry_tick(w->registry);
		api_tick(w->api);
	}
	for (unsigned int i = 0; i < DM_COUNT_OF(crowd); i++)
		dm_thread_join(&threads[i]);
	assert_int_equal(atomic_load(&done), 50 * DM_COUNT_OF(crowd));
}

/* ---- where it listens ---- */

static void expect_start_error(struct rooms *w, const char *host, uint16_t port, enum dm_code code)
{
	struct worker_conf *conf = rooms_conf(w->dir, host, port);
	struct api_env env = { .conf = conf,
		.registry = w->registry,
		.status = w->status,
		.main_box = &w->box,
		.listen_fd = -1 };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct api *api = NULL;

	assert_int_equal(api_start(&api, &env, &err), -1);
	assert_int_equal(err.code, code);
	assert_null(api);
	worker_conf_free(conf);
}

static void an_address_that_cannot_be_had_is_named(void **state)
{
	struct rooms *w = *state;

	expect_start_error(w, "127.0.0.1", api_port(w->api), DM_ERR_WORKER_START_SERVER);
	expect_start_error(w, "192.0.2.1", 0, DM_ERR_WORKER_START_SERVER);
	expect_start_error(w, "no-such-host.invalid", 0, DM_ERR_WORKER_HOST_PORT);
}

static struct api *start_another(struct rooms *w, const char *host, int fd)
{
	struct worker_conf *conf = rooms_conf(w->dir, host, 0);
	struct api_env env = { .conf = conf,
		.registry = w->registry,
		.status = w->status,
		.main_box = &w->box,
		.listen_fd = fd };
	struct dm_error err = { 0 };
	struct api *api = NULL;

	expect_ok(api_start(&api, &env, &err), &err);
	worker_conf_free(conf); /* it was copied */
	return api;
}

static void expect_livez(const struct sockaddr *to, socklen_t len)
{
	static const char text[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	assert_int_equal(connect(fd, to, len), 0);
	client_send(fd, text, strlen(text));
	client_read(fd, NULL, false, &r);
	assert_int_equal(r.status, 200);
	(void)close(fd);
}

static void it_listens_on_ipv6_and_on_every_address(void **state)
{
	static const char *const listen[] = { "[::1]", "" };

	for (size_t i = 0; i < DM_COUNT_OF(listen); i++) {
		struct api *api = start_another(*state, listen[i], -1);
		struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
			.sin6_port = htons(api_port(api)),
			.sin6_addr = IN6ADDR_LOOPBACK_INIT };
		struct sockaddr_in v4 = { .sin_family = AF_INET,
			.sin_port = htons(api_port(api)),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

		expect_livez((const void *)&v6, sizeof(v6));
		if (i == 1)
			expect_livez((const void *)&v4, sizeof(v4));
		api_free(api);
	}
}

/* Socket activation may give any stream socket. */
static void it_takes_a_socket_that_is_given(void **state)
{
	struct rooms *w = *state;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct api *api;

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/socket", w->dir);
	assert_int_equal(bind(fd, (const void *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 10), 0);
	api = start_another(w, "127.0.0.1", fd);
	assert_int_equal(api_port(api), 0);
	expect_livez((const void *)&at, sizeof(at));
	api_free(api);
}

#define with_worker(test) cmocka_unit_test_setup_teardown(test, open_worker, close_worker)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		with_worker(a_request_that_does_not_end_is_cut),
		with_worker(a_quick_client_keeps_its_connection),
		with_worker(a_body_that_breaks_off_is_given_up),
		with_worker(a_client_that_does_not_read_is_cut),
		with_worker(many_idle_clients_leave_room),
		with_worker(bytes_that_are_no_http_do_no_harm),
		with_worker(headers_without_end_are_refused),
		with_worker(a_parked_request_is_not_cut),
		with_worker(the_client_may_be_gone_before_the_answer),
		with_worker(a_stopping_api_refuses_commands_and_answers_the_old),
		with_worker(the_api_may_be_gone_before_the_answer),
		with_worker(the_api_may_be_gone_while_the_registry_works),
		with_worker(many_clients_at_once_are_all_answered),
		with_worker(an_address_that_cannot_be_had_is_named),
		with_worker(it_listens_on_ipv6_and_on_every_address),
		with_worker(it_takes_a_socket_that_is_given),
	};

	return test_main(argc, argv, "api-clients", tests);
}
