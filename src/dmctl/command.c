/* command.c - the table of commands, and what all of them share. */
#include "command.h"

#include <string.h>

#include <json-c/json.h>

#include "dm/conf-client.h"
#include "dm/error.h"
#include "dm/stage.h"

#include "request.h"

// clang-format off
static const struct command commands[] = {
	{ "start-task", "start-task [-w worker ...] <config-file>", "start a task as defined in the config file",
	  ARGUMENT_FILE, 0, REPLY_PLAIN, 0, "can not start task:", run_start_task },
	{ "stop-task", "stop-task [-w worker ...] <task-name>", "stop a specified task",
	  ARGUMENT_TASK, 0, REPLY_TASK, TASK_OP_STOP, "can not stop task %s:", run_task_op },
	{ "pause-task", "pause-task [-w worker ...] <task-name>", "pause a specified running task",
	  ARGUMENT_TASK, 0, REPLY_TASK, TASK_OP_PAUSE, "can not pause task %s:", run_task_op },
	{ "resume-task", "resume-task [-w worker ...] <task-name>", "resume a specified paused task",
	  ARGUMENT_TASK, 0, REPLY_TASK, TASK_OP_RESUME, "can not resume task %s:", run_task_op },
	{ "query-status", "query-status [-w worker ...] [task-name] [--more]", "query task status",
	  ARGUMENT_OPTIONAL_TASK, OPTION_BIT(OPTION_MORE) | OPTION_BIT(OPTION_SUMMARY), REPLY_STATUS, 0,
	  "can not query %s task's status(in workers []):", run_query },
	{ "query-error", "query-error [-w worker ...] [task-name]", "query task error",
	  ARGUMENT_OPTIONAL_TASK, 0, REPLY_ERRORS, 0, "dmctl query error failed\ntaskname: %s\nerror:", run_query },
	{ "pause-relay", "pause-relay <-w worker ...>", "pause dm-worker's relay unit",
	  ARGUMENT_NONE, 0, REPLY_RELAY, RELAY_OP_PAUSE, "can not pause relay unit:", run_relay_op },
	{ "resume-relay", "resume-relay <-w worker ...>", "resume dm-worker's relay unit",
	  ARGUMENT_NONE, 0, REPLY_RELAY, RELAY_OP_RESUME, "can not resume relay unit:", run_relay_op },
	{ "purge-relay", "purge-relay <-w worker> [--filename] [--sub-dir] [--inactive] [--time]",
	  "purge relay log files of the dm-worker according to the specified filename",
	  ARGUMENT_NONE, OPTION_BIT(OPTION_FILENAME) | OPTION_BIT(OPTION_SUB_DIR) | OPTION_BIT(OPTION_INACTIVE) | OPTION_BIT(OPTION_TIME),
	  REPLY_PLAIN, 0, "can not purge relay log files:", run_purge_relay },
};
// clang-format on

void session_done(struct session *s)
{
	client_conf_free(s->conf);
	free(s->master_addr);
	words_done(&s->workers);
	*s = (struct session){ 0 };
}

const struct command *command_at(size_t index)
{
	return index < DM_COUNT_OF(commands) ? &commands[index] : NULL;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < DM_COUNT_OF(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void option_usage(const struct option_row *row, struct dm_str *out)
{
	DM_CLEANUP(freep)
	char *head = dm_format(
		"--%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");

	if (row->letter)
		dm_str_addf(out, "  -%c, %-20s %s\n", row->letter, head, row->help);
	else
		dm_str_addf(out, "      %-20s %s\n", head, row->help);
}

void command_usage(const struct command *c, struct dm_str *out)
{
	dm_str_addf(out, "Usage:\n  dmctl %s [flags]\n\n", c->usage);
	if (c->options) {
		dm_str_add(out, "Flags:\n");
		for (int i = 0; i < OPTION_COUNT; i++)
			if (c->options & OPTION_BIT(i))
				option_usage(&option_rows[i], out);
		dm_str_add(out, "\n");
	}
	dm_str_add(out, "Global Flags:\n  -w, --worker strings   DM-worker ID\n");
}

void command_list(struct dm_str *out)
{
	for (size_t i = 0; i < DM_COUNT_OF(commands); i++)
		dm_str_addf(out, "  %-14s %s\n", commands[i].name, commands[i].help);
}

const char *call_op_name(const struct call *c)
{
	if (c->command->reply == REPLY_TASK)
		return dm_task_op_name((enum dm_task_op)c->command->op);
	if (c->command->reply == REPLY_RELAY)
		return dm_relay_op_name((enum dm_relay_op)c->command->op);
	return NULL;
}

enum outcome call_print(struct call *c, struct json_object *reply)
{
	enum outcome outcome = reply_is_success(reply) ? OUTCOME_OK : OUTCOME_FAILED;

	if (outcome == OUTCOME_OK && args_has(c->args, OPTION_SUMMARY))
		reply_print_summary(reply, c->out);
	else
		reply_print(reply, c->out);
	json_object_put(reply);
	return outcome;
}

enum outcome call_master_fault(struct call *c, const char *failure)
{
	const char *fault = c->command->fault, *place = strstr(fault, "%s");

	if (place) {
		dm_str_add_bytes(c->out, fault, (size_t)(place - fault));
		dm_str_add(c->out, c->argument ? c->argument : "");
		fault = place + 2;
	}
	dm_str_addf(c->out, "%s\n%s\n", fault, failure);
	return OUTCOME_FAILED;
}

/* --worker names somebody who is not in the [[deploy]] list: an entry of commands, the whole reply of queries. */
static struct json_object *add_unknown(struct call *c, struct json_object *reply)
{
	const struct words *unknown = &c->fleet.unknown;

	for (size_t i = 0; i < unknown->count; i++) {
		DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
		DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

		dm_fail(&err, DM_ERR_MASTER_WORKER_ARGS,
			"worker %s relevant worker-client not found", unknown->at[i]);
		dm_error_text(&err, &text);
		reply_add_failure(reply, c->command->reply, call_op_name(c), unknown->at[i],
			dm_str_get(&text));
	}
	return reply;
}

static struct json_object *refuse_unknown(struct call *c)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	for (size_t i = 0; i < c->fleet.unknown.count; i++)
		dm_str_addf(&text, "%s%s", i ? ", " : "", c->fleet.unknown.at[i]);
	dm_str_add(&text, " relevant worker-client not found");
	return reply_refuse(c->command->reply, NULL, dm_str_get(&text));
}

enum outcome call_send(struct call *c, const struct request *request)
{
	bool is_query = c->command->reply == REPLY_STATUS || c->command->reply == REPLY_ERRORS;
	const char *task = c->command->argument == ARGUMENT_FILE ? NULL : c->argument;
	struct json_object *reply;
	struct answer *answers;

	if (is_query && c->fleet.unknown.count > 0)
		return call_print(c, refuse_unknown(c));
	answers = request_send(&c->fleet, request);
	if (c->fleet.origin == FLEET_MASTER && answers[0].is_unreachable) {
		enum outcome outcome = call_master_fault(c, answers[0].failure);

		answers_free(answers, c->fleet.count);
		return outcome;
	}
	reply = reply_merge(c->command->reply, call_op_name(c), task, &c->fleet, answers);
	answers_free(answers, c->fleet.count);
	return call_print(c, add_unknown(c, reply));
}

static bool fits_argument(enum argument argument, size_t count)
{
	switch (argument) {
	case ARGUMENT_NONE:
		return count == 0;
	case ARGUMENT_OPTIONAL_TASK:
		return count <= 1;
	case ARGUMENT_TASK:
	case ARGUMENT_FILE:
		return count == 1;
	}
	return false;
}

static const char *foreign_option(const struct args *args, unsigned int allowed)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (args_has(args, (enum option)i) && !(allowed & OPTION_BIT(i)))
			return option_rows[i].name;
	return NULL;
}

static const struct command *find_or_say(const char *name, struct dm_str *out)
{
	const struct command *command = command_find(name);

	if (!command)
		dm_str_addf(out,
			"Error: unknown command \"%s\" for \"dmctl\"\nRun 'dmctl --help' for "
			"usage.\n",
			name);
	return command;
}

enum outcome command_run(const struct session *s, const struct args *args, unsigned int allowed,
	struct dm_str *out, struct dm_str *warning)
{
	const struct command *command = find_or_say(args->words.at[0], out);
	struct call c = { .command = command,
		.args = args,
		.timeout_ms = s->timeout_ms,
		.out = out,
		.warning = warning };
	DM_CLEANUP(dm_str_done) struct dm_str fault = { 0 };
	const char *foreign;
	enum outcome outcome;

	if (!command)
		return OUTCOME_USAGE;
	foreign = foreign_option(args, allowed | command->options | OPTION_BIT(OPTION_HELP));
	if (foreign) {
		dm_str_addf(out, "Error: unknown flag: --%s\n", foreign);
		command_usage(command, out);
		return OUTCOME_USAGE;
	}
	if (args_has(args, OPTION_HELP)) {
		dm_str_addf(out, "%s\n\n", command->help);
		command_usage(command, out);
		return OUTCOME_OK;
	}
	if (!fits_argument(command->argument, args->words.count - 1)) {
		command_usage(command, out);
		return OUTCOME_USAGE;
	}
	if (args->words.count > 1 && *args->words.at[1])
		c.argument = args->words.at[1];
	if (fleet_select(s->conf, s->master_addr,
		    args->workers.count ? &args->workers : &s->workers, &c.fleet, &fault) != 0) {
		dm_str_addf(out, "%s\n", dm_str_get(&fault));
		return OUTCOME_USAGE;
	}
	outcome = command->run(&c);
	fleet_done(&c.fleet);
	return outcome;
}
