/* history.h - the lines of former prompts, in a file that only its owner can read.
 *
 * $XDG_STATE_HOME/dmctl/history, or ~/.local/state/dmctl/history; mode 0600. A home that cannot be written gives no
 * history and no complaint. One line an entry; several dmctl may append at once. */
#pragma once

#include "args.h"

struct history {
	char *path; /* owned; NULL: none is kept */
};
void history_open(struct history *h, struct words *ret_lines); /* the last ones, oldest first */
void history_add(struct history *h, const char *line);
void history_done(struct history *h);
