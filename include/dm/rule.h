/* rule.h - which schemas and tables a task wants: the block and allow list.
 *
 * A compiled list is read-only: any thread may ask it. Its owner frees it. Rules and patterns: DM's, matched by code
 * point. Routes, event filters and column mappings get headers of their own beside this one. */
#pragma once

#include <stdbool.h>

#include "dm/error.h"

struct conf_list;
struct rule_list;

/* `list` NULL: everything passes. 36060 names the entry that cannot be used. */
int rule_list_new(const struct conf_list *list, bool case_sensitive, struct rule_list **ret,
	struct dm_error *reterr);
void rule_list_free(struct rule_list *l);
void rule_list_freep(struct rule_list **l);

/* `table` "": a statement about the schema itself, whose own lists alone count. */
bool rule_list_keeps(const struct rule_list *l, const char *schema, const char *table);

/* mysql, sys, information_schema, dm_heartbeat ...: never replicated, in any case of letters. */
bool rule_is_system_schema(const char *schema);
