/* ddl-lex.h - SQL text to tokens, as MySQL and MariaDB cut it. Never reads past `len`; owns nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum sql_token_kind {
	SQL_END,
	SQL_WORD, /* a keyword or a name without quotes */
	SQL_NAME, /* a name in back-quotes, or in double quotes with ANSI_QUOTES */
	SQL_STRING,
	SQL_NUMBER, /* digits only */
	SQL_MARK, /* one other character */
	SQL_BAD, /* a quote or comment without end */
};
struct sql_token {
	enum sql_token_kind kind;
	size_t at, len; /* with quotes */
};
struct sql_lexer {
	const char *text;
	size_t len, at;
	unsigned int flags; /* enum ddl_flag */
	bool in_comment; /* inside of an executable one */
	bool has_ahead; /* what sql_peek() saw, so that a long comment is skipped once */
	struct sql_token ahead;
	size_t ahead_end;
	bool ahead_in_comment;
};

struct sql_token sql_next(struct sql_lexer *l);
struct sql_token sql_peek(struct sql_lexer *l);
/* After a dot: digits too are a name. */
struct sql_token sql_next_name(struct sql_lexer *l);

bool sql_is_word(const struct sql_lexer *l, const struct sql_token *t, const char *word);
bool sql_is_mark(const struct sql_lexer *l, const struct sql_token *t, char mark);
/* The name without its quotes; NULL when it holds a NUL byte. Caller frees. */
char *sql_name(const struct sql_lexer *l, const struct sql_token *t);
