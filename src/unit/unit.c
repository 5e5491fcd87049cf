/* unit.c - the kinds of units that this build has, and what all of them share. */
#include "dm/unit.h"

#include <stdlib.h>
#include <string.h>

#include "dm/str.h"
#include "sync/sync-unit.h"

enum { UNIT_KINDS = UNIT_SYNC + 1 };

/* Indexed by enum dm_unit; NULL: this build has no such unit. */
static const struct unit_ops *const kinds[UNIT_KINDS] = { [UNIT_SYNC] = &sync_unit_ops };

static const struct {
	const char *mode;
	enum dm_unit units[4]; /* in order, ended by UNIT_INVALID */
} modes[] = {
	{ "all", { UNIT_DUMP, UNIT_LOAD, UNIT_SYNC } },
	{ "full", { UNIT_DUMP, UNIT_LOAD } },
	{ "incremental", { UNIT_SYNC } },
};

const struct unit_ops *unit_ops_of(enum dm_unit unit)
{
	return (unsigned int)unit < UNIT_KINDS ? kinds[unit] : NULL;
}

size_t unit_list_of_mode(const char *mode, const struct unit_ops *ret[4])
{
	for (size_t i = 0; i < DM_COUNT_OF(modes); i++) {
		size_t count = 0;

		if (!dm_streq(mode, modes[i].mode))
			continue;
		for (; modes[i].units[count] != UNIT_INVALID; count++) {
			ret[count] = unit_ops_of(modes[i].units[count]);
			if (!ret[count])
				return 0;
		}
		return count;
	}
	return 0;
}

struct unit *unit_new(const struct unit_ops *ops, const struct unit_env *env)
{
	struct unit *u = dm_alloc(ops->size);

	u->ops = ops;
	u->env = *env;
	ops->setup(u);
	return u;
}

void unit_free(struct unit *u)
{
	if (!u)
		return;
	u->ops->done(u);
	free(u);
}

void unit_status_done(struct unit_status *s)
{
	if (s->unit == UNIT_SYNC) {
		free(s->sync.flushed_gtid);
		for (size_t i = 0; i < s->sync.error_count; i++)
			dm_process_error_done(&s->sync.errors[i]);
		free(s->sync.errors);
	}
	*s = (struct unit_status){ 0 };
}

static void sync_status_copy(const struct sync_status *from, struct sync_status *to)
{
	*to = *from;
	to->flushed_gtid = dm_strdup(from->flushed_gtid);
	to->errors =
		from->error_count ? dm_alloc_array(from->error_count, sizeof(*to->errors)) : NULL;
	for (size_t i = 0; i < from->error_count; i++)
		dm_process_error_copy(&from->errors[i], &to->errors[i]);
}

void unit_status_copy(const struct unit_status *from, struct unit_status *to)
{
	unit_status_done(to);
	to->unit = from->unit;
	if (from->unit == UNIT_SYNC)
		sync_status_copy(&from->sync, &to->sync);
}
