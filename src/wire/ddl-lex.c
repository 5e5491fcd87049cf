/* ddl-lex.c - blanks, comments, quotes and words of SQL. */
#include "ddl-lex.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "dm/ddl.h"
#include "dm/str.h"

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static bool starts(const struct sql_lexer *l, size_t at, const char *text)
{
	size_t len = strlen(text);

	return l->len - at >= len && memcmp(l->text + at, text, len) == 0;
}

static void skip_line(struct sql_lexer *l)
{
	while (l->at < l->len && l->text[l->at] != '\n')
		l->at++;
}

/* False when it has no end. */
static bool skip_plain_comment(struct sql_lexer *l)
{
	for (l->at += 2; l->at < l->len; l->at++)
		if (starts(l, l->at, "*/")) {
			l->at += 2;
			return true;
		}
	return false;
}

/* Digits of the version that an executable comment asks for: 5 or 6 of them, else none. */
static unsigned int version_at(const struct sql_lexer *l, size_t at, size_t *ret_len)
{
	unsigned int version = 0;
	size_t n = 0;

	while (n < 6 && at + n < l->len && isdigit((unsigned char)l->text[at + n]))
		version = version * 10 + (unsigned int)(l->text[at + n++] - '0');
	*ret_len = n >= 5 ? n : 0;
	return n >= 5 ? version : 0;
}

/* Enters an executable comment, or skips any other. MariaDB does not execute what asks for MySQL 5.7 to 9.9. */
static bool take_comment(struct sql_lexer *l)
{
	bool is_mariadb = l->flags & DDL_MARIADB;
	size_t head = starts(l, l->at, "/*!") ? 3 : starts(l, l->at, "/*M!") && is_mariadb ? 4 : 0;
	size_t digits;
	unsigned int version;

	if (head == 0 || l->in_comment)
		return skip_plain_comment(l);
	version = version_at(l, l->at + head, &digits);
	if (is_mariadb && version >= 50700 && version <= 99999)
		return skip_plain_comment(l);
	l->at += head + digits;
	l->in_comment = true;
	return true;
}

/* To the next token. False at a comment without end. */
static bool skip_blanks(struct sql_lexer *l)
{
	while (l->at < l->len) {
		unsigned char c = (unsigned char)l->text[l->at];

		if (c <= ' ' || c == 0x7f)
			l->at++;
		else if (c == '#')
			skip_line(l);
		else if (starts(l, l->at, "--") &&
			 (l->at + 2 == l->len || (unsigned char)l->text[l->at + 2] <= ' '))
			skip_line(l);
		else if (l->in_comment && starts(l, l->at, "*/")) {
			l->in_comment = false;
			l->at += 2;
		} else if (starts(l, l->at, "/*")) {
			if (!take_comment(l))
				return false;
		} else
			return true;
	}
	return !l->in_comment;
}

/* The end of a quoted text: a doubled quote is none, and in strings neither is one after a backslash. */
static struct sql_token take_quoted(struct sql_lexer *l, enum sql_token_kind kind)
{
	struct sql_token t = { .kind = kind, .at = l->at };
	char quote = l->text[l->at++];
	bool escapes = kind == SQL_STRING && !(l->flags & DDL_NO_BACKSLASH_ESCAPES);

	for (; l->at < l->len; l->at++) {
		char c = l->text[l->at];

		if (c == '\\' && escapes) {
			l->at++;
		} else if (c == quote) {
			if (l->at + 1 < l->len && l->text[l->at + 1] == quote) {
				l->at++;
				continue;
			}
			l->at++;
			t.len = l->at - t.at;
			return t;
		}
	}
	l->at = l->len;
	t.kind = SQL_BAD;
	return t;
}

static struct sql_token take_word(struct sql_lexer *l)
{
	struct sql_token t = { .kind = SQL_NUMBER, .at = l->at };

	for (; l->at < l->len && is_name_char(l->text[l->at]); l->at++)
		if (!isdigit((unsigned char)l->text[l->at]))
			t.kind = SQL_WORD;
	t.len = l->at - t.at;
	return t;
}

static struct sql_token take_token(struct sql_lexer *l)
{
	struct sql_token t = { .kind = SQL_END };
	char c;

	if (!skip_blanks(l))
		return (struct sql_token){ .kind = SQL_BAD, .at = l->at };
	t.at = l->at;
	if (l->at >= l->len)
		return t;
	c = l->text[l->at];
	if (c == '`' || (c == '"' && (l->flags & DDL_ANSI_QUOTES)))
		return take_quoted(l, SQL_NAME);
	if (c == '\'' || c == '"')
		return take_quoted(l, SQL_STRING);
	if (is_name_char(c))
		return take_word(l);
	l->at++;
	return (struct sql_token){ .kind = SQL_MARK, .at = t.at, .len = 1 };
}

struct sql_token sql_next(struct sql_lexer *l)
{
	if (!l->has_ahead)
		return take_token(l);
	l->has_ahead = false;
	l->at = l->ahead_end;
	l->in_comment = l->ahead_in_comment;
	return l->ahead;
}

struct sql_token sql_peek(struct sql_lexer *l)
{
	struct sql_lexer copy = *l;

	if (!l->has_ahead) {
		l->ahead = take_token(&copy);
		l->ahead_end = copy.at;
		l->ahead_in_comment = copy.in_comment;
		l->has_ahead = true;
	}
	return l->ahead;
}

struct sql_token sql_next_name(struct sql_lexer *l)
{
	struct sql_token t = sql_next(l);

	if (t.kind == SQL_NUMBER)
		t.kind = SQL_WORD;
	return t;
}

bool sql_is_word(const struct sql_lexer *l, const struct sql_token *t, const char *word)
{
	return t->kind == SQL_WORD && t->len == strlen(word) &&
	       strncasecmp(l->text + t->at, word, t->len) == 0;
}

bool sql_is_mark(const struct sql_lexer *l, const struct sql_token *t, char mark)
{
	return t->kind == SQL_MARK && l->text[t->at] == mark;
}

char *sql_name(const struct sql_lexer *l, const struct sql_token *t)
{
	const char *from = l->text + t->at;
	bool is_quoted = t->kind == SQL_NAME;
	size_t len = is_quoted ? t->len - 2 : t->len, used = 0;
	char quote = *from, *name;

	if (is_quoted)
		from++;
	if (memchr(from, 0, len))
		return NULL;
	name = dm_alloc(len + 1);
	for (size_t i = 0; i < len; i++) {
		name[used++] = from[i];
		if (is_quoted && from[i] == quote)
			i++; /* its double */
	}
	return name;
}
