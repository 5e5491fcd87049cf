/* fuzz-rule.c - a pattern of the user, a line break, and a name: any pattern is refused or matches in good time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dm/conf-task.h"
#include "dm/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DM_CLEANUP(freep) char *pattern = dm_strndup((const char *)data, size);
	char *name = strchr(pattern, '\n');
	struct conf_list list = { .do_dbs = { .at = &pattern, .count = 1 } };

	if (name)
		*name++ = '\0';
	for (int case_sensitive = 0; case_sensitive < 2; case_sensitive++) {
		DM_CLEANUP(rule_list_freep) struct rule_list *l = NULL;
		DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

		if (rule_list_new(&list, case_sensitive, &l, &err) < 0) {
			if (!err.message || err.code != DM_ERR_SYNC_BLOCK_ALLOW_LIST)
				abort();
			continue;
		}
		(void)rule_list_keeps(l, name ? name : "", ""); /* either answer is fine */
		if (*pattern != '~' && !strpbrk(pattern, "*?[") && !rule_list_keeps(l, pattern, ""))
			abort(); /* a name is itself */
	}
	return 0;
}
