/* request.h - one HTTP request to all workers at once, within one time limit.
 *
 * A worker that cannot be reached or answers nonsense is a failed answer, never a failed call. Proxies of the
 * environment are not used and redirections not followed: a worker is asked itself, or not at all. One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct dm_str;
struct fleet;
struct json_object;

struct request {
	const char *method;
	const char *path; /* escaped */
	const char *body; /* JSON, NULL: none */
	int timeout_ms;
};
struct answer {
	struct json_object *document; /* owned; NULL when failed */
	char *failure; /* owned; what DM's master would say, without a stack trace */
	bool is_unreachable; /* nothing came back */
};

/* One answer for each worker, in their order; free with answers_free(). */
struct answer *request_send(const struct fleet *f, const struct request *request);
/* Strictly: one JSON value in UTF-8 and nothing after it. NULL when it is none. */
struct json_object *answer_parse(const struct dm_str *body);
void answers_free(struct answer *answers, size_t count);
/* `prefix` and, unless it is NULL, "/" and the escaped name. Caller frees. */
char *request_path(const char *prefix, const char *name);
