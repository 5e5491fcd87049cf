/* pattern.h - one pattern of a name: DM's wildcards, or "~" and a regular expression.
 *
 * Wildcards: ? is one character, * any number and only at the end, [a-c] and [!a-c] one of a set; a [ without ]
 * is itself, [!] is "!". Expressions are searched without backtracking, as RE2 does, which also refuses
 * back references. A compiled pattern is read-only: any thread may match. */
#pragma once

#include <stdbool.h>

struct rule_pattern {
	char *literal; /* owned; no wildcards in it, compared as it is; NULL: `code` */
	void *code; /* owned: of PCRE2 */
	bool case_sensitive;
};

/* 0; -EINVAL with *ret_why, which the caller frees. */
int rule_pattern_init(
	struct rule_pattern *p, const char *text, bool case_sensitive, char **ret_why);
void rule_pattern_done(struct rule_pattern *p);
bool rule_pattern_matches(const struct rule_pattern *p, const char *name);
