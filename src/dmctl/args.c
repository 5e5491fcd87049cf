/* args.c - words and options of a command line. */
#include "args.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

// clang-format off
const struct option_row option_rows[OPTION_COUNT] = {
	[OPTION_WORKER]        = { "worker",        'w', "strings",  false, "DM-worker ID" },
	[OPTION_CONFIG]        = { "config",        0,   "file",     false, "dm-master.toml: its [[deploy]] list names the workers" },
	[OPTION_MASTER_ADDR]   = { "master-addr",   0,   "host:port", false, "one worker, for scripts that were written for DM" },
	[OPTION_RPC_TIMEOUT]   = { "rpc-timeout",   0,   "duration", false, "how long all workers together may take (default \"35s\")" },
	[OPTION_DM_EXIT_CODES] = { "dm-exit-codes", 0,   NULL,       false, "end with 0 also when a command failed, as DM does" },
	[OPTION_ENCRYPT]       = { "encrypt",       0,   "text",     true,  "encrypt a password; without it one line of stdin" },
	[OPTION_DECRYPT]       = { "decrypt",       0,   "text",     true,  "decrypt a password; without it one line of stdin" },
	[OPTION_VERSION]       = { "V",             'V', NULL,       false, "print version and exit" },
	[OPTION_HELP]          = { "help",          'h', NULL,       false, "print help and exit" },
	[OPTION_MORE]          = { "more",          0,   NULL,       false, "the full document, which is what is printed anyway" },
	[OPTION_SUMMARY]       = { "summary",       0,   NULL,       false, "the list of tasks, one status for each" },
	[OPTION_FILENAME]      = { "filename",      'f', "string",   false, "purge the relay log files before this one, such as \"mysql-bin.000006\"" },
	[OPTION_SUB_DIR]       = { "sub-dir",       's', "string",   false, "sub directory of --filename; without it the latest one" },
	[OPTION_INACTIVE]      = { "inactive",      0,   NULL,       false, "purge what no task needs any more" },
	[OPTION_TIME]          = { "time",          0,   "seconds",  false, "purge files older than this time, in seconds since 1970" },
};
// clang-format on

void words_add(struct words *w, const char *text, size_t len)
{
	w->at = dm_grow(w->at, w->count + 1, sizeof(char *));
	w->at[w->count++] = dm_strndup(text, len);
}

void words_done(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->at[i]);
	free(w->at);
	*w = (struct words){ 0 };
}

/* Appends the word that starts at `at`; returns where it ends, NULL when a quote is open. */
static const char *split_word(const char *at, struct words *ret)
{
	DM_CLEANUP(dm_str_done) struct dm_str word = { 0 };
	char quote = '\0';

	for (; *at && (quote || !isspace((unsigned char)*at)); at++) {
		if (*at == '\\' && quote != '\'' && at[1])
			dm_str_add_char(&word, *++at);
		else if (quote ? *at == quote : (*at == '"' || *at == '\''))
			quote = quote ? '\0' : *at;
		else
			dm_str_add_char(&word, *at);
	}
	if (quote)
		return NULL;
	words_add(ret, dm_str_get(&word), word.len);
	return at;
}

int words_split(const char *line, struct words *ret)
{
	struct words words = { 0 };

	for (;;) {
		while (isspace((unsigned char)*line))
			line++;
		if (!*line)
			break;
		line = split_word(line, &words);
		if (!line) {
			words_done(&words);
			return -EINVAL;
		}
	}
	*ret = words;
	return 0;
}

static int find_by_name(const char *name, size_t len)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (strlen(option_rows[i].name) == len &&
			strncmp(option_rows[i].name, name, len) == 0)
			return i;
	return -1;
}

static int find_by_letter(char letter)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (option_rows[i].letter && option_rows[i].letter == letter)
			return i;
	return -1;
}

static void add_workers(struct words *workers, const char *list)
{
	for (;;) {
		size_t len = strcspn(list, ",");

		if (len > 0)
			words_add(workers, list, len);
		if (!list[len])
			return;
		list += len + 1;
	}
}

static void set_value(struct args *a, int option, const char *value)
{
	a->given |= OPTION_BIT(option);
	free(a->value[option]);
	a->value[option] = dm_strdup(value);
	if (option == OPTION_WORKER)
		add_workers(&a->workers, value);
}

/* A switch takes "=true" or "=false" only. */
static int set_switch(struct args *a, int option, const char *value, struct dm_str *fault)
{
	if (!value || strcmp(value, "true") == 0) {
		a->given |= OPTION_BIT(option);
		return 0;
	}
	if (strcmp(value, "false") == 0) {
		a->given &= ~OPTION_BIT(option);
		return 0;
	}
	dm_str_addf(fault, "invalid boolean value \"%s\" for -%s", value, option_rows[option].name);
	return -1;
}

struct argv {
	char *const *at;
	size_t count, next;
};

/* `word` is an option, or several letters. Its value may be the next word. */
static int parse_option(struct argv *argv, const char *word, struct args *a, struct dm_str *fault)
{
	bool is_long = word[1] == '-';
	const char *name = word + (is_long ? 2 : 1);
	size_t len = strcspn(name, "=");
	const char *value = name[len] == '=' ? name + len + 1 : NULL;
	int option = find_by_name(name, len);

	if (option < 0 && !is_long) { /* -wA, as Go's pflag has it */
		option = find_by_letter(name[0]);
		value = len > 1 ? name + 1 : value;
	}
	if (option < 0) {
		dm_str_addf(fault, "unknown flag: %.*s", (int)(name + len - word), word);
		return -1;
	}
	if (!option_rows[option].value)
		return set_switch(a, option, value, fault);
	if (!value && argv->next < argv->count)
		value = argv->at[argv->next++];
	if (!value && !option_rows[option].is_value_optional) {
		dm_str_addf(fault, "flag needs an argument: -%s", option_rows[option].name);
		return -1;
	}
	set_value(a, option, value ? value : "-");
	return 0;
}

int args_parse(char *const *argv, size_t count, struct args *ret, struct dm_str *fault)
{
	struct argv all = { argv, count, 0 };
	struct args a = { 0 };
	bool has_ended = false; /* by "--" */

	while (all.next < all.count) {
		const char *word = all.at[all.next++];

		if (has_ended || word[0] != '-' || !word[1]) {
			words_add(&a.words, word, strlen(word));
		} else if (strcmp(word, "--") == 0) {
			has_ended = true;
		} else if (parse_option(&all, word, &a, fault) != 0) {
			args_done(&a);
			return -1;
		}
	}
	*ret = a;
	return 0;
}

void args_done(struct args *a)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		free(a->value[i]);
	words_done(&a->workers);
	words_done(&a->words);
	*a = (struct args){ 0 };
}
