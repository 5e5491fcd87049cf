/* complete.c - completion of a line of the prompt. */
#include "complete.h"

#include <string.h>

#include "dm/conf-client.h"

#include "command.h"

enum { NAMES_TIMEOUT_MS = 1000 };

static void offer(const char *text, const char *word, struct words *ret)
{
	if (dm_has_prefix(text, word))
		words_add(ret, text, strlen(text));
}

static void offer_commands(const char *word, struct words *ret)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)) != NULL; i++)
		offer(c->name, word, ret);
	offer("help", word, ret);
	offer("exit", word, ret);
}

static void offer_options(const struct command *c, const char *word, struct words *ret)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		DM_CLEANUP(freep) char *text = dm_format("--%s", option_rows[i].name);

		if ((c->options | OPTION_BIT(OPTION_WORKER)) & OPTION_BIT(i))
			offer(text, word, ret);
	}
}

static void offer_workers(const struct session *s, const char *word, struct words *ret)
{
	const struct words none = { 0 };
	DM_CLEANUP(fleet_done) struct fleet fleet = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str fault = { 0 };

	if (fleet_select(s->conf, s->master_addr, s->conf ? &none : &s->workers, &fleet, &fault) !=
		0)
		return;
	for (size_t i = 0; i < fleet.count; i++)
		offer(fleet.at[i].address, word, ret);
}

static void offer_tasks(const struct session *s, const char *word, struct words *ret)
{
	struct words names = { 0 };

	session_task_names(s, NAMES_TIMEOUT_MS, &names);
	for (size_t i = 0; i < names.count; i++)
		offer(names.at[i], word, ret);
	words_done(&names);
}

bool complete_word(const struct session *s, const char *line, const char *word, struct words *ret)
{
	DM_CLEANUP(words_done) struct words before = { 0 };
	const struct command *c;
	const char *last;

	if (words_split(line, &before) != 0)
		return false;
	if (before.count == 0) {
		offer_commands(word, ret);
		return false;
	}
	c = command_find(before.at[0]);
	last = before.at[before.count - 1];
	if (!c) {
		if (strcmp(before.at[0], "help") == 0)
			offer_commands(word, ret);
		return false;
	}
	if (strcmp(last, "-w") == 0 || strcmp(last, "--worker") == 0)
		offer_workers(s, word, ret);
	else if (*word == '-')
		offer_options(c, word, ret);
	else if (c->argument == ARGUMENT_FILE)
		return true;
	else if (c->argument != ARGUMENT_NONE)
		offer_tasks(s, word, ret);
	return false;
}
