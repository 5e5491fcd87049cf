/* main.c - dmctl: one command from the shell, or a prompt. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <curl/curl.h>

#include "dm/conf-client.h"
#include "dm/conf.h"
#include "dm/file.h"

#include "command.h"
#include "prompt.h"

enum { DEFAULT_TIMEOUT_MS = 35000 }; /* a little more than a worker takes for the slowest command */

#define GLOBAL_OPTIONS (OPTION_BIT(OPTION_MORE) - 1) /* all before it */

static void print_text(const struct dm_str *text)
{
	(void)dm_write_all(
		STDOUT_FILENO, dm_str_get(text), text->len); /* nobody reads: nobody to tell */
}

static void print_version(void)
{
	(void)printf("Release Version: v%s\nGit Commit Hash: None\nGit Branch: None\nUTC Build "
		     "Time: None\nGo Version: None\n\n",
		DM_VERSION);
}

static void print_help(void)
{
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };

	dm_str_add(&out, "Usage of dmctl:\n  dmctl [global flags] [command] [flags]\n\n"
			 "Without a command dmctl asks for commands, until `exit`.\n\nAvailable "
			 "Commands:\n");
	command_list(&out);
	dm_str_add(&out, "\nGlobal Flags:\n");
	for (int i = 0; i < OPTION_MORE; i++) {
		const struct option_row *row = &option_rows[i];
		DM_CLEANUP(freep)
		char *name = dm_format("--%s %s", row->name, row->value ? row->value : "");

		dm_str_addf(&out, "  %-24s %s\n", name, row->help);
	}
	dm_str_addf(
		&out, "\nWithout --worker and --config the worker is %s.\n", FLEET_DEFAULT_ADDRESS);
	print_text(&out);
}

/* One line of stdin, not shown when it is typed. Caller frees. */
static char *read_secret(void)
{
	struct termios before, silent;
	bool is_terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	if (is_terminal) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent); /* at worst it is seen */
	}
	len = getline(&line, &size, stdin);
	if (is_terminal)
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	if (len < 0) {
		free(line);
		return dm_strdup("");
	}
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

static enum outcome run_password(const struct args *a)
{
	bool is_encrypt = args_has(a, OPTION_ENCRYPT);
	const char *given = a->value[is_encrypt ? OPTION_ENCRYPT : OPTION_DECRYPT];
	DM_CLEANUP(freep) char *text = strcmp(given, "-") == 0 ? read_secret() : dm_strdup(given);
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(freep) char *done = NULL;

	if (is_encrypt && conf_password_encrypt(text, &done, &err) != 0) {
		DM_CLEANUP(dm_str_done) struct dm_str fault = { 0 };

		dm_error_text(&err, &fault);
		(void)printf("%s\n", dm_str_get(&fault));
		return OUTCOME_FAILED;
	}
	if (!is_encrypt) {
		done = conf_password_decrypt(text);
		if (strcmp(done, text) ==
			0) { /* returned as it is: the encrypted form is always longer */
			(void)printf("this is no encrypted password\n");
			return OUTCOME_FAILED;
		}
	}
	(void)printf("%s\n", done);
	return OUTCOME_OK;
}

/* What was given as --encrypt or --decrypt does not stay in the process list. */
static void hide_arguments(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		memset(argv[i], 'x', strlen(argv[i]));
}

static int open_session(const struct args *a, struct session *s)
{
	int64_t timeout_ms = 0;

	*s = (struct session){ .timeout_ms = DEFAULT_TIMEOUT_MS };
	if (args_has(a, OPTION_CONFIG)) {
		DM_CLEANUP(conf_faults_done) struct conf_faults faults = { 0 };
		DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

		if (client_conf_load(a->value[OPTION_CONFIG], &s->conf, &faults) != 0) {
			conf_faults_text(&faults, &text);
			(void)printf("parse cmd flags err: %s", dm_str_get(&text));
			return -1;
		}
		if (s->conf->rpc_timeout_ms > 0 && s->conf->rpc_timeout_ms <= INT32_MAX)
			s->timeout_ms = (int)s->conf->rpc_timeout_ms;
	}
	if (args_has(a, OPTION_RPC_TIMEOUT)) {
		if (conf_parse_timeout_ms(a->value[OPTION_RPC_TIMEOUT], &timeout_ms) != 0 ||
			timeout_ms > INT32_MAX) {
			(void)printf(
				"parse cmd flags err: invalid value \"%s\" for flag -rpc-timeout\n",
				a->value[OPTION_RPC_TIMEOUT]);
			return -1;
		}
		s->timeout_ms = (int)timeout_ms;
	}
	if (args_has(a, OPTION_MASTER_ADDR))
		s->master_addr = dm_strdup(a->value[OPTION_MASTER_ADDR]);
	for (size_t i = 0; i < a->workers.count; i++)
		words_add(&s->workers, a->workers.at[i], strlen(a->workers.at[i]));
	return 0;
}

static enum outcome run_command(const struct session *s, const struct args *a)
{
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 }, warning = { 0 };
	enum outcome outcome = command_run(s, a, GLOBAL_OPTIONS, &out, &warning);
	int r;

	(void)dm_write_all(STDERR_FILENO, dm_str_get(&warning), warning.len);
	r = dm_write_all(STDOUT_FILENO, dm_str_get(&out), out.len);
	if (r != 0) { /* a script that reads half an answer must not take it for a whole one */
		(void)fprintf(stderr, "dmctl: write the answer: %s\n", strerrordesc_np(-r));
		return OUTCOME_FAILED;
	}
	return outcome;
}

/* DM takes one command a call. */
static bool has_one_command(const struct args *a)
{
	DM_CLEANUP(dm_str_done) struct dm_str names = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < a->words.count; i++)
		if (command_find(a->words.at[i]))
			dm_str_addf(&names, "%s%s", count++ ? " " : "", a->words.at[i]);
	if (count > 1)
		(void)printf("command mode only support one command at a time, find %zu:[%s]\n",
			count, dm_str_get(&names));
	return count <= 1;
}

static enum outcome run_session(const struct args *a)
{
	DM_CLEANUP(session_done) struct session s = { 0 };
	enum outcome outcome;

	if (open_session(a, &s) != 0)
		return OUTCOME_USAGE;
	if (a->words.count == 0)
		outcome = prompt_run(&s);
	else if (has_one_command(a))
		outcome = run_command(&s, a);
	else
		outcome = OUTCOME_FAILED;
	return args_has(a, OPTION_DM_EXIT_CODES) ? OUTCOME_OK : outcome;
}

int main(int argc, char **argv)
{
	DM_CLEANUP(args_done) struct args args = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str fault = { 0 };
	enum outcome outcome = OUTCOME_OK;

	if (args_parse(argv + 1, (size_t)argc - 1, &args, &fault) != 0) {
		(void)printf("parse cmd flags err: %s\n", dm_str_get(&fault));
		return OUTCOME_USAGE;
	}
	if (!setlocale(LC_CTYPE, "") || strcmp(setlocale(LC_CTYPE, NULL), "C") == 0)
		(void)setlocale(LC_CTYPE, "C.UTF-8"); /* the prompt is no ASCII */
	if (args_has(&args, OPTION_VERSION)) {
		print_version();
	} else if (args_has(&args, OPTION_HELP) && args.words.count == 0) {
		print_help();
	} else if (args_has(&args, OPTION_ENCRYPT) || args_has(&args, OPTION_DECRYPT)) {
		hide_arguments(argc, argv);
		outcome = run_password(&args);
	} else {
		(void)curl_global_init(
			CURL_GLOBAL_DEFAULT); /* what fails here fails each request with its text */
		outcome = run_session(&args);
		curl_global_cleanup();
	}
	return (int)outcome;
}
