/* relay-meta.h - relay.meta: what of a relay sub-directory is acknowledged, in DM's own TOML form.
 *
 * The file is read as Go's TOML reader does (keys in any case, comments, both kinds of strings), keys that we do not
 * know are skipped; it is written as DM writes it. Replaced durably; any thread. */
#pragma once

#include "dm/error.h"
#include "dm/position.h"

struct relay_meta { /* zeroed is not the start: see relay_meta_init() */
	struct binlog_position
		position; /* name without suffix; ("", 4) before anything was received */
	char *gtid_set; /* owned, never NULL after relay_meta_init() */
};
void relay_meta_init(struct relay_meta *m);
void relay_meta_done(struct relay_meta *m);

/* `ret` is initialised and keeps what the text does not say. 0, or -EBADMSG with the line. */
int relay_meta_parse(const char *text, size_t len, struct relay_meta *ret, size_t *ret_line);
void relay_meta_text(const struct relay_meta *m, struct dm_str *out);

/* `sub_path` is the sub-directory. A missing file leaves `ret` as it is and *ret_found false. Error 30003. */
int relay_meta_load(
	const char *sub_path, struct relay_meta *ret, bool *ret_found, struct dm_error *reterr);
int relay_meta_save(
	const char *sub_path, const struct relay_meta *m, struct dm_error *reterr); /* 30006 */
