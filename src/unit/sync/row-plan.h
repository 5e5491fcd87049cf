/* row-plan.h - how the columns of one TABLE_MAP go into the target's table.
 *
 * By name when the upstream logs names (binlog_row_metadata=FULL), else by position. Owner: the Sync unit, unit thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/row.h"
#include "table-cache.h"

enum value_form {
	FORM_PLAIN, /* as the value's kind says */
	FORM_TEXT, /* UTF-8 in quotes */
	FORM_CHARSET, /* an introducer and hexadecimal digits */
	FORM_BINARY,
};
struct plan_column {
	const struct target_column *to; /* NULL: the target does not have it, or makes it itself */
	uint8_t type; /* of the upstream */
	enum value_form form;
	const char *charset; /* of the upstream's bytes, with FORM_CHARSET */
	bool is_unsigned; /* signed as stored, unsigned by the definition */
};
struct row_plan {
	struct row_table map; /* owned */
	const struct target_table
		*to; /* borrowed from the cache; NULL: rows of this table are skipped */
	uint64_t generation; /* of the cache when `to` was found */
	struct plan_column *columns; /* owned; map.column_count, while `to` is set */
	int row_end; /* of a table WITH SYSTEM VERSIONING: number in the map of the hidden column, else -1 */
	int *source_of; /* owned; by the target's column: number in the map, -1 */
};
/* Fills columns for p->to. 36027 when the counts differ or a column is missing. */
int row_plan_match(struct row_plan *p, struct dm_error *reterr);
void row_plan_done(struct row_plan *p); /* with the map */
