/* dml.h - row images to SQL, exact for every type.
 *
 * Text only, no I/O. Images are arrays of plan->map.column_count values; absent ones (minimal images) are left out. The
 * connection gives the way of escaping. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dm/row.h"
#include "row-plan.h"

struct db_conn;
struct dm_str;

/* "INSERT INTO `s`.`t` (`a`, ...) VALUES ", then rows "(...)" joined by ",". */
void dml_insert_head(struct dm_str *out, const struct row_plan *p, const struct row_value *after,
	bool is_replace);
void dml_insert_row(struct dm_str *out, const struct row_plan *p, const struct row_value *after,
	struct db_conn *conn);
/* False when there is nothing to set. */
bool dml_update(struct dm_str *out, const struct row_plan *p, const struct row_value *before,
	const struct row_value *after, struct db_conn *conn);
void dml_delete(struct dm_str *out, const struct row_plan *p, const struct row_value *before,
	struct db_conn *conn);
/* Does this image have every column that we write? */
bool dml_is_whole(const struct row_plan *p, const struct row_value *image);
/* Can the row be found by a unique key of the target? */
bool dml_has_key(const struct row_plan *p, const struct row_value *before);
/* Is a value in it that strict mode refuses although the source stores it? (ENUM '' of a bad value) */
bool dml_needs_lax_mode(const struct row_plan *p, const struct row_value *image);
/* At least as many bytes as this image takes in a statement of its own. */
size_t dml_size_max(const struct row_plan *p, const struct row_value *image);
/* The statement with "?" for every value: what errors and logs show. */
void dml_redact(struct dm_str *out, const char *sql, size_t len);
