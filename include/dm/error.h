/* error.h - the one error shape of the daemon.
 *
 * From src/db up a function returns 0, or -1 with a filled struct dm_error. DM's clients read code,
 * class, scope, level, message and raw cause; all but message, cause and scope are
 * looked up from the code (error-list.h is the only table). A zeroed struct means "no error".
 * The holder owns the strings. Whoever handles an error logs it, once. */
#pragma once

#include <stdbool.h>

#include "dm/error-list.h"
#include "dm/macro.h"
#include "dm/str.h"

enum dm_class {
	DM_CLASS_NONE,
	DM_CLASS_DATABASE, /* numbers are DM's and appear as ErrClass */
	DM_CLASS_FUNCTIONAL,
	DM_CLASS_CONFIG,
	DM_CLASS_BINLOG_OP,
	DM_CLASS_CHECKPOINT,
	DM_CLASS_TASK_CHECK,
	DM_CLASS_RELAY_EVENT_LIB,
	DM_CLASS_RELAY_UNIT,
	DM_CLASS_DUMP_UNIT,
	DM_CLASS_LOAD_UNIT,
	DM_CLASS_SYNC_UNIT,
	DM_CLASS_DM_MASTER,
	DM_CLASS_DM_WORKER,
};
enum dm_scope { DM_SCOPE_NOT_SET, DM_SCOPE_UPSTREAM, DM_SCOPE_DOWNSTREAM, DM_SCOPE_INTERNAL };
enum dm_level { DM_LEVEL_NONE, DM_LEVEL_LOW, DM_LEVEL_MEDIUM, DM_LEVEL_HIGH };

enum dm_code {
	DM_ERR_NONE = 0,
#define X(name, code, class, scope, level, workaround) DM_ERR_##name = code,
	DM_ERRORS(X)
#undef X
};

struct dm_error {
	enum dm_code code;
	enum dm_scope scope; /* NOT_SET: the table's */
	enum dm_class class; /* NONE: the table's */
	unsigned int sql_errno; /* of the server, 0 when none */
	char *message; /* owned: what DM's clients read, without the [code=...] head */
	char *raw_cause; /* owned, may be NULL: errno text or the server's own words */
};

/* What the table says of a code. */
struct dm_error_info {
	enum dm_code code;
	const char *name;
	enum dm_class class;
	enum dm_scope scope;
	enum dm_level level;
	const char *workaround; /* never NULL */
};

/* All four set *reterr (which must be empty or is replaced), and return -1 so that they can be returned. */
int dm_fail(struct dm_error *reterr, enum dm_code code, const char *format, ...) DM_PRINTF(3, 4);
/* Message is "<formatted>: <cause>", raw cause is `cause`. DM calls it a delegated error. */
int dm_fail_cause(struct dm_error *reterr, enum dm_code code, const char *cause, const char *format,
	...) DM_PRINTF(4, 5);
/* The same with the text of errno `err` (positive or negative). */
int dm_fail_errno(struct dm_error *reterr, enum dm_code code, int err, const char *format, ...)
	DM_PRINTF(4, 5);
/* Prefixes "<formatted>: " to the message and keeps all else. */
int dm_annotate(struct dm_error *err, const char *format, ...) DM_PRINTF(2, 3);

void dm_error_done(struct dm_error *err); /* frees; leaves "no error" */
void dm_error_copy(const struct dm_error *from, struct dm_error *to);
void dm_error_move(struct dm_error *from, struct dm_error *to); /* `from` is empty afterwards */
static inline bool dm_error_is_set(const struct dm_error *err)
{
	return err->code != DM_ERR_NONE;
}

const struct dm_error_info *dm_error_info(enum dm_code code); /* never NULL */
const struct dm_error_info *dm_error_info_at(unsigned int index); /* NULL past the end */
enum dm_scope dm_error_scope(const struct dm_error *err);
enum dm_class dm_error_class(const struct dm_error *err);
const char *dm_class_name(enum dm_class class);
const char *dm_scope_name(enum dm_scope scope);
const char *dm_level_name(enum dm_level level);
/* "[code=40054:class=dm-worker:scope=internal:level=high] sub task ..." */
void dm_error_text(const struct dm_error *err, struct dm_str *out);
