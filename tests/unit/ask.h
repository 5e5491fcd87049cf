/* ask.h - a worker's rooms behind HTTP, and one question at a time to them. */
#pragma once

#include "http-client.h"
#include "rooms.h"

static inline struct rooms *open_rooms(void)
{
	struct rooms *w = dm_alloc(sizeof(*w));

	rooms_open(w);
	return w;
}

static inline int open_worker(void **state)
{
	*state = open_rooms();
	return 0;
}

static inline int close_worker(void **state)
{
	rooms_close(*state);
	free(*state);
	return 0;
}

/* ---- asking ---- */

static inline void ask(struct rooms *w, const char *text, struct reply *ret)
{
	client_ask(api_port(w->api), &w->box, text, strlen(text), ret);
}

static inline void ask_get(struct rooms *w, const char *path, struct reply *ret)
{
	DM_CLEANUP(freep)
	char *text = dm_format("GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);

	ask(w, text, ret);
}

/* `headers` are lines with their ends; they may replace Host. */
static inline void ask_command(struct rooms *w, const char *method_and_path, const char *headers,
	const char *body, struct reply *ret)
{
	DM_CLEANUP(freep)
	char *text = dm_format("%s HTTP/1.1\r\n%s%sContent-Length: %zu\r\n\r\n%s", method_and_path,
		strstr(headers, "Host:") ? "" : "Host: 127.0.0.1\r\n", headers, strlen(body), body);

	ask(w, text, ret);
}

static inline void expect_get(struct rooms *w, const char *path, int status, const char *body)
{
	DM_CLEANUP(reply_done) struct reply r = { 0 };

	ask_get(w, path, &r);
	if (r.status != status)
		fail_msg("%s: %d %s", path, r.status, dm_str_get(&r.body));
	if (body)
		assert_string_equal(dm_str_get(&r.body), body);
}
