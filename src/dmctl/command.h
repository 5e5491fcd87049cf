/* command.h - the commands of dmctl: one table for the shell, the prompt, its completion and the help.
 *
 * A command writes to `out` and tells how it went; it never prints itself. One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "args.h"
#include "fleet.h"
#include "reply.h"

struct client_conf;
struct request;

enum outcome { OUTCOME_OK = 0, OUTCOME_FAILED = 1, OUTCOME_USAGE = 2 }; /* exit codes */

struct session { /* what holds for all commands of this dmctl */
	struct client_conf *conf; /* owned; NULL without --config */
	char *master_addr; /* owned; NULL without --master-addr */
	struct words workers; /* of --worker before any command */
	int timeout_ms;
};
void session_done(struct session *s);

enum argument { ARGUMENT_NONE, ARGUMENT_TASK, ARGUMENT_OPTIONAL_TASK, ARGUMENT_FILE };
struct call;
struct command {
	const char *name;
	const char *usage; /* as DM prints it */
	const char *help;
	enum argument argument;
	unsigned int options; /* its own, as OPTION_BITs */
	enum reply_kind reply;
	int op; /* enum dm_task_op or dm_relay_op */
	const char *fault; /* DM's words when its master is not there; %s stands for the task */
	enum outcome (*run)(struct call *c);
};
struct call {
	const struct command *command;
	const struct args *args;
	const char *argument; /* task or file; NULL when not given */
	struct fleet fleet;
	int timeout_ms;
	struct dm_str *out, *warning; /* borrowed; stdout and stderr */
};

const struct command *command_find(const char *name);
const struct command *command_at(size_t index); /* NULL past the end */
void command_usage(const struct command *c, struct dm_str *out);
void command_list(struct dm_str *out); /* a line each */

/* Runs the command that args->words starts with; `allowed` options may stand beside its own. */
enum outcome command_run(const struct session *s, const struct args *args, unsigned int allowed,
	struct dm_str *out, struct dm_str *warning);

/* ---- for the handlers ---- */
const char *call_op_name(const struct call *c); /* NULL when the command has none */
/* Asks all workers of the call and prints the merged reply. */
enum outcome call_send(struct call *c, const struct request *request);
/* Prints the reply, and gives it back to json-c. */
enum outcome call_print(struct call *c, struct json_object *reply);
/* Prints what DM's dmctl says when its master cannot be asked. */
enum outcome call_master_fault(struct call *c, const char *failure);
/* The subtasks' names that the workers know, sorted, for completion. Never waits longer than `timeout_ms`. */
void session_task_names(const struct session *s, int timeout_ms, struct words *ret);

enum outcome run_query(struct call *c);
enum outcome run_start_task(struct call *c);
enum outcome run_task_op(struct call *c);
enum outcome run_relay_op(struct call *c);
enum outcome run_purge_relay(struct call *c);
