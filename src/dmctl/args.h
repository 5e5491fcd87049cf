/* args.h - the command line of dmctl, of the shell or of the prompt, taken apart.
 *
 * Options are rows of one table. As in Go, one dash or two lead a long name, and a value follows after "=" or as
 * the next word; "-w a,b" may be repeated. Options may stand before and after the command. One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dm/str.h"

enum option {
	OPTION_WORKER,
	OPTION_CONFIG,
	OPTION_MASTER_ADDR,
	OPTION_RPC_TIMEOUT,
	OPTION_DM_EXIT_CODES,
	OPTION_ENCRYPT,
	OPTION_DECRYPT,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_MORE, /* from here on: of single commands */
	OPTION_SUMMARY,
	OPTION_FILENAME,
	OPTION_SUB_DIR,
	OPTION_INACTIVE,
	OPTION_TIME,
	OPTION_COUNT
};
#define OPTION_BIT(option) (1U << (option))

struct option_row {
	const char *name; /* without dashes */
	char letter; /* 0: none */
	const char *value; /* what the help calls its value; NULL: a switch */
	bool is_value_optional; /* it may end the line */
	const char *help;
};
extern const struct option_row option_rows[OPTION_COUNT];

struct words {
	char **at; /* owned, as are the words */
	size_t count;
};
void words_add(struct words *w, const char *text, size_t len);
void words_done(struct words *w);
/* Blanks part words; '...' and "..." hold them together, a backslash takes the next character as it is.
 * -EINVAL: a quote is left open. */
int words_split(const char *line, struct words *ret);

struct args { /* a zeroed one is empty */
	unsigned int given; /* OPTION_BITs */
	char *value[OPTION_COUNT]; /* owned; of the last time it was given */
	struct words workers; /* of all --worker */
	struct words words; /* the command and its arguments */
};
/* 0, or -1 with what is wrong appended to `fault`, in the words of Go's flag packages. */
int args_parse(char *const *argv, size_t count, struct args *ret, struct dm_str *fault);
void args_done(struct args *a);
static inline bool args_has(const struct args *a, enum option option)
{
	return (a->given & OPTION_BIT(option)) != 0;
}
