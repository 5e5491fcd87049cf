/* api-command.h - a command on its way: parsed from a body, parked, run on the main thread, answered.
 *
 * The HTTP thread makes it and the request holds it; the main thread holds it from the post until the registry
 * has answered. Whoever comes last frees it, so that neither a gone client nor a gone api is missed. */
#pragma once

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dm/json.h"
#include "dm/stage.h"
#include "dm/thread.h"

struct api;

enum api_command_kind {
	COMMAND_START_TASK,
	COMMAND_OPERATE_TASK,
	COMMAND_FORGET_TASK,
	COMMAND_RELAY,
	COMMAND_PURGE_RELAY,
};
struct api_command { /* counted: the parked request and the main thread hold one each */
	_Atomic unsigned int refs;
	struct dm_mail mail;
	struct api *api; /* main thread; NULL when the api is gone */
	struct MHD_Connection *connection; /* once it was suspended */
	struct api_command *next, *prev; /* api->lock, while parked */
	char *worker; /* what replies call us */

	enum api_command_kind kind;
	int32_t task_op_number; /* of enum dm_task_op, unchecked */
	enum dm_relay_op relay_op;
	char *name; /* of the task; or its file's text */
	char *filename, *sub_dir; /* of a purge */
	int64_t before_wall_s;
	bool is_inactive;

	enum json_form form;
	unsigned int status; /* 0: not answered; set before the connection is resumed */
	struct dm_str reply;
};
struct api_command *api_command_new(enum api_command_kind kind);
void api_command_unref(struct api_command *c);
void api_command_unrefp(struct api_command **c);
/* Suspends the request and posts the command; false: the api is closing. */
bool api_command_park(struct api *a, struct api_command *c, struct MHD_Connection *connection);
/* The request is complete, answered or cut. */
void api_command_leave(struct api *a, struct api_command *c);
void api_command_run(void *arg); /* main thread */
void api_commands_abandon(
	struct api *a); /* main thread, before the daemon is stopped: answers what waits with 503 */

/* What a body may hold besides what we look for; 0, or -1 with a text as Go says it. */
int body_parse_nothing(const char *body, size_t len, struct api_command *c, struct dm_str *reterr);
int body_parse_start(const char *body, size_t len, struct api_command *c, struct dm_str *reterr);
int body_parse_operate(const char *body, size_t len, struct api_command *c, struct dm_str *reterr);
int body_parse_relay(const char *body, size_t len, struct api_command *c, struct dm_str *reterr);
