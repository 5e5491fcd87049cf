/* pattern.c - patterns through PCRE2's matcher without backtracking. */
#include "pattern.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "dm/str.h"

/* Names have at most 64 characters; patterns are bounded so that matching is. Look-aheads and recursion, which RE2 does
 * not have, would multiply: past the limit they match nothing. */
static const char limit[] = "(*LIMIT_MATCH=50000)";
enum { PATTERN_MAX = 4096, WORK_FIRST = 1000, WORK_MAX = 1000000 };

/* The end of the set that starts at text[0] == '[', or NULL when it is a plain character. */
static const char *set_end(const char *text)
{
	const char *end = strchr(text + 1, ']');

	return end && end > text + 1 ? end : NULL;
}

static bool is_special(char c)
{
	return strchr("\\^$.|?*+()[]{}-#", c) != NULL;
}

static void add_literal(struct dm_str *out, char c)
{
	if (is_special(c))
		dm_str_add_char(out, '\\');
	dm_str_add_char(out, c);
}

/* "[a-c]" or "[!a-c]"; a dash between two characters makes a range of them. */
static void add_set(struct dm_str *out, const char *from, const char *end)
{
	bool is_negative = from[1] == '!' && end > from + 2;

	dm_str_add(out, is_negative ? "[^" : "[");
	for (const char *at = from + (is_negative ? 2 : 1); at < end; at++) {
		bool is_range = *at == '-' && at > from + (is_negative ? 2 : 1) && at + 1 < end;

		if (is_range)
			dm_str_add_char(out, '-');
		else
			add_literal(out, *at);
	}
	dm_str_add_char(out, ']');
}

/* The wildcards as an expression of the whole name. */
static int translate(const char *text, struct dm_str *out, char **ret_why)
{
	for (const char *at = text; *at; at++) {
		const char *end = *at == '[' ? set_end(at) : NULL;

		if (*at == '*' && at[1]) {
			*ret_why = dm_format("pattern %s not valid", text);
			return -EINVAL;
		}
		if (end) {
			add_set(out, at, end);
			at = end;
		} else if (*at == '*') {
			dm_str_add(out, ".*");
		} else if (*at == '?') {
			dm_str_add_char(out, '.');
		} else {
			add_literal(out, *at);
		}
	}
	return 0;
}

static int refuse(int code, size_t at, const char *text, char **ret_why)
{
	PCRE2_UCHAR why[160] = "";

	(void)pcre2_get_error_message(code, why, sizeof(why)); /* cut off when too long */
	*ret_why = dm_format("error parsing regexp: %s at %zu: `%s`", (const char *)why, at, text);
	return -EINVAL;
}

/* 1 found, 0 not, or PCRE2's error. */
static int search(const pcre2_code *code, const char *name)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	size_t size = WORK_FIRST;
	int r;

	if (!data)
		dm_oom();
	for (;; size *= 10) {
		DM_CLEANUP(freep) int *work = dm_alloc_array(size, sizeof(*work));

		r = pcre2_dfa_match(code, (PCRE2_SPTR)name, strlen(name), 0, PCRE2_DFA_SHORTEST,
			data, NULL, work, size);
		if (r != PCRE2_ERROR_DFA_WSSIZE || size >= WORK_MAX)
			break;
	}
	pcre2_match_data_free(data);
	return r >= 0 ? 1 : r == PCRE2_ERROR_NOMATCH ? 0 : r;
}

static int compile(struct rule_pattern *p, const char *expression, uint32_t options,
	const char *text, char **ret_why)
{
	DM_CLEANUP(freep) char *limited = dm_format("%s%s", limit, expression);
	int code, r;
	size_t at;
	uint32_t back_references = 0;

	if (!p->case_sensitive)
		options |= PCRE2_CASELESS;
	p->code = pcre2_compile((PCRE2_SPTR)limited, PCRE2_ZERO_TERMINATED,
		options | PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &code, &at,
		NULL);
	if (!p->code)
		return refuse(code, at - strlen(limit), text, ret_why);
	(void)pcre2_pattern_info(
		p->code, PCRE2_INFO_BACKREFMAX, &back_references); /* it knows the question */
	r = back_references ? PCRE2_ERROR_DFA_UITEM : search(p->code, "");
	if (r < 0) {
		rule_pattern_done(p);
		return refuse(r, 0, text, ret_why);
	}
	return 0;
}

int rule_pattern_init(struct rule_pattern *p, const char *text, bool case_sensitive, char **ret_why)
{
	DM_CLEANUP(dm_str_done) struct dm_str expression = { 0 };
	bool is_ascii = true;

	*p = (struct rule_pattern){ .case_sensitive = case_sensitive };
	if (strlen(text) > PATTERN_MAX) {
		*ret_why = dm_format("pattern %.32s... has more than %d bytes", text, PATTERN_MAX);
		return -EINVAL;
	}
	if (*text == '~')
		return compile(p, text + 1, 0, text, ret_why);
	for (const char *at = text; *at; at++)
		is_ascii = is_ascii && (unsigned char)*at < 0x80;
	if (!strpbrk(text, "*?[") && (is_ascii || case_sensitive)) {
		p->literal = dm_strdup(text);
		return 0;
	}
	if (translate(text, &expression, ret_why) < 0)
		return -EINVAL;
	return compile(p, dm_str_get(&expression),
		PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL, text, ret_why);
}

void rule_pattern_done(struct rule_pattern *p)
{
	free(p->literal);
	pcre2_code_free(p->code);
	*p = (struct rule_pattern){ 0 };
}

bool rule_pattern_matches(const struct rule_pattern *p, const char *name)
{
	if (p->literal)
		return (p->case_sensitive ? strcmp : strcasecmp)(p->literal, name) == 0;
	return search(p->code, name) == 1; /* names of servers are UTF-8, else they match nothing */
}
