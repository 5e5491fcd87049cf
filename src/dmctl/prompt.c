/* prompt.c - the prompt, over libedit. */
#include "prompt.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <editline/readline.h>

#include "dm/file.h"

#include "complete.h"
#include "history.h"

/* Red; \1 and \2 tell libedit what takes no room on the screen. */
#define PROMPT_TEXT "\1\033[31m\2\xc2\xbb\1\033[0m\2 "

/* libedit's callbacks have no argument of their own. */
static struct {
	const struct session *session;
	struct words found;
	size_t next;
} completing;

static char *next_match(const char *word, int state)
{
	(void)word;
	if (state == 0)
		completing.next = 0;
	if (completing.next >= completing.found.count)
		return NULL;
	return dm_strdup(completing.found.at[completing.next++]); /* libedit frees it */
}

static char **complete_line(const char *word, int start, int end)
{
	DM_CLEANUP(freep) char *before = dm_strndup(rl_line_buffer, (size_t)start);
	char **matches = NULL;

	(void)end;
	words_done(&completing.found);
	rl_attempted_completion_over =
		!complete_word(completing.session, before, word, &completing.found);
	if (completing.found.count > 0)
		matches = rl_completion_matches(word, next_match);
	return matches;
}

static enum outcome say_help(const struct args *args, struct dm_str *out)
{
	const struct command *c = args->words.count > 1 ? command_find(args->words.at[1]) : NULL;

	if (c) {
		dm_str_addf(out, "%s\n\n", c->help);
		command_usage(c, out);
		return OUTCOME_OK;
	}
	command_list(out);
	dm_str_add(out, "  exit           leave dmctl\n");
	return OUTCOME_OK;
}

struct prompt {
	const struct session *session;
	bool is_terminal;
	bool wants_exit;
	struct history history;
};

/* Only what was understood as a command is remembered: a password typed at the wrong place is not. */
static void remember(struct prompt *p, const struct args *args, const char *line)
{
	if (!p->is_terminal || !command_find(args->words.at[0]) || args_has(args, OPTION_ENCRYPT) ||
		args_has(args, OPTION_DECRYPT))
		return;
	add_history(line);
	history_add(&p->history, line);
}

static enum outcome run_line(
	struct prompt *p, const char *line, struct dm_str *out, struct dm_str *warning)
{
	DM_CLEANUP(words_done) struct words words = { 0 };
	DM_CLEANUP(args_done) struct args args = { 0 };

	if (words_split(line, &words) != 0) {
		dm_str_add(out, "Error: a quote is left open\n");
		return OUTCOME_USAGE;
	}
	if (args_parse(words.at, words.count, &args, out) != 0) {
		dm_str_add_char(out, '\n');
		return OUTCOME_USAGE;
	}
	if (args.words.count == 0)
		return OUTCOME_OK;
	if (strcmp(args.words.at[0], "exit") == 0) {
		p->wants_exit = true;
		return OUTCOME_OK;
	}
	remember(p, &args, line);
	if (strcmp(args.words.at[0], "help") == 0)
		return say_help(&args, out);
	return command_run(p->session, &args, OPTION_BIT(OPTION_WORKER), out, warning);
}

static void write_out(int fd, const struct dm_str *text)
{
	(void)dm_write_all(fd, dm_str_get(text), text->len); /* nobody reads: nobody to tell */
}

static void prompt_line(struct prompt *p, char *line, enum outcome *last)
{
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 }, warning = { 0 };

	for (size_t len = strlen(line); len > 0 && isspace((unsigned char)line[len - 1]);)
		line[--len] = '\0'; /* completion leaves a blank */
	*last = run_line(p, line, &out, &warning);
	if (p->wants_exit)
		*last = OUTCOME_OK;
	write_out(STDERR_FILENO, &warning);
	write_out(STDOUT_FILENO, &out);
}

static enum outcome run_terminal(struct prompt *p)
{
	DM_CLEANUP(words_done) struct words lines = { 0 };
	enum outcome last = OUTCOME_OK;

	completing.session = p->session;
	rl_readline_name = "dmctl";
	rl_attempted_completion_function = complete_line;
	rl_catch_signals = 1; /* ^C leaves, with the terminal as it was */
	using_history();
	history_open(&p->history, &lines);
	for (size_t i = 0; i < lines.count; i++)
		add_history(lines.at[i]);
	while (!p->wants_exit) {
		DM_CLEANUP(freep) char *line = readline(PROMPT_TEXT);

		if (!line) { /* ^D */
			last = OUTCOME_OK;
			break;
		}
		prompt_line(p, line, &last);
	}
	words_done(&completing.found);
	history_done(&p->history);
	return last;
}

static enum outcome run_input(struct prompt *p)
{
	DM_CLEANUP(freep) char *line = NULL;
	enum outcome last = OUTCOME_OK, worst = OUTCOME_OK;
	size_t size = 0;

	while (!p->wants_exit && getline(&line, &size, stdin) >= 0) {
		prompt_line(p, line, &last);
		if (last > worst)
			worst = last;
	}
	return worst;
}

enum outcome prompt_run(const struct session *s)
{
	struct prompt p = { .session = s,
		.is_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) };

	return p.is_terminal ? run_terminal(&p) : run_input(&p);
}
