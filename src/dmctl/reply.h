/* reply.h - the answers of several workers as the one document that DM's master would give.
 *
 * A failed worker is one entry of `workers`. A worker that does not know the task is left out, as DM's master asks
 * only the workers of a task; when none knows it, the whole reply says so. Documents are json-c's and owned by the
 * caller. One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dm/str.h"

struct answer;
struct fleet;
struct json_object;

enum reply_kind {
	REPLY_STATUS, /* query-status */
	REPLY_ERRORS, /* query-error */
	REPLY_TASK, /* stop-, pause-, resume-task: `meta`, in the order in which they were asked */
	REPLY_RELAY, /* pause-, resume-relay */
	REPLY_PLAIN, /* start-task, purge-relay */
	REPLY_COUNT
};

/* `op` is DM's name of the operation where the kind has one, else NULL; `task` may be NULL. */
struct json_object *reply_merge(enum reply_kind kind, const char *op, const char *task,
	const struct fleet *f, const struct answer *answers);
/* The reply of a command that reached no worker: `workers` is empty. */
struct json_object *reply_refuse(enum reply_kind kind, const char *op, const char *msg);
/* Adds the entry of a worker that failed, keeping the order. */
void reply_add_failure(struct json_object *reply, enum reply_kind kind, const char *op,
	const char *worker, const char *msg);

bool reply_is_success(struct json_object *reply); /* no `result` in it is false */
void reply_print(struct json_object *reply, struct dm_str *out); /* byte for byte as DM's dmctl */
/* The list of tasks that plain query-status of DM 1.0.7 prints, from a query-status document. */
void reply_print_summary(struct json_object *status, struct dm_str *out);
