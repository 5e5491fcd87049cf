/* sync.c - the hooks of the Sync unit, and its runs: what is tried again and what ends one. */
#include "sync.h"

#include <stdlib.h>
#include <string.h>

#include "dm/clock.h"
#include "dm/conf-task.h"
#include "dm/conf.h"
#include "dm/db.h"
#include "dm/row.h"
#include "dm/rule.h"
#include "sync-unit.h"

/* ---- status ---- */

static void sync_setup(struct unit *u)
{
	struct sync *s = (struct sync *)u;

	dm_lock_init(&s->lock, DM_LOCK_UNIT);
	binlog_position_set(&s->now.received, "", BINLOG_POSITION_MIN);
	s->now.applied = s->now.flushed = s->now.received;
	s->published = s->now;
}

void sync_publish(struct sync *s)
{
	DM_LOCKED(&s->lock);
	s->published = s->now; /* the list of errors is shared: it changes under the lock only */
}

static void sync_report(const struct unit *u, struct unit_status *ret)
{
	struct sync *s =
		(struct sync *)(uintptr_t)u; /* a lock is no part of what a reader may not change */
	struct unit_status shared = { .unit = UNIT_SYNC };

	*ret = (struct unit_status){ 0 };
	DM_LOCKED(&s->lock);
	shared.sync = s->published;
	unit_status_copy(&shared, ret);
}

static void errors_clear(struct sync *s)
{
	DM_LOCKED(&s->lock);
	for (size_t i = 0; i < s->now.error_count; i++)
		dm_process_error_done(&s->now.errors[i]);
	free(s->now.errors);
	s->now.errors = s->published.errors = NULL;
	s->now.error_count = s->published.error_count = 0;
}

static void errors_add(struct sync *s, const struct dm_process_error *e)
{
	DM_LOCKED(&s->lock);
	s->now.errors = dm_grow(s->now.errors, s->now.error_count + 1, sizeof(*s->now.errors));
	s->now.errors[s->now.error_count] = (struct dm_process_error){ 0 };
	dm_process_error_copy(e, &s->now.errors[s->now.error_count++]);
	s->published.errors = s->now.errors;
	s->published.error_count = s->now.error_count;
}

/* ---- runs ---- */

enum { TRIES_OF_CONNECTION = 5, TRIES_OF_STATEMENT = 100, WAIT_STEP_MS = 200, WAIT_MAX_MS = 3000 };

/* DM's list: the target asks to try the transaction again. */
static bool asks_for_retry(const struct dm_error *err)
{
	static const unsigned int numbers[] = { 1213, 8005, 8027, 8028, 9001, 9003, 9004, 9007 };

	for (size_t i = 0; i < DM_COUNT_OF(numbers); i++)
		if (err->sql_errno == numbers[i])
			return true;
	return err->sql_errno == 1105 && err->raw_cause &&
	       (strstr(err->raw_cause, "Information schema is out of date") ||
		       strstr(err->raw_cause, "Information schema is changed"));
}

static bool may_retry(const struct dm_error *err, unsigned int tries)
{
	if (asks_for_retry(err))
		return tries < TRIES_OF_STATEMENT;
	return dm_error_scope(err) == DM_SCOPE_DOWNSTREAM && db_is_connection_error(err) &&
	       tries < TRIES_OF_CONNECTION;
}

static struct dm_process_error *add_error(struct sync *s, enum dm_error_type type,
	struct dm_error *err, struct dm_process_result *ret)
{
	struct dm_process_error *e = dm_process_result_add(ret, type, err);

	e->wall_ns = dm_wall_ns();
	e->position = s->failure.at;
	return e;
}

/* A DDL's failure is two errors, as in DM: what the target said, and which statement it was. */
static void add_failure(struct sync *s, struct dm_error *err, struct dm_process_result *ret)
{
	struct dm_process_error *e = add_error(s, s->failure_type, err, ret);
	struct dm_error of_ddl = { 0 };

	e->statement = take_ptr(s->failure.statement);
	e->table = take_ptr(s->failure.table);
	errors_add(s, e);
	if (!s->failed_ddl)
		return;
	(void)dm_fail(
		&of_ddl, DM_ERR_SYNC_HANDLE_DDL, "fail to handle ddl job for %s", s->failed_ddl);
	(void)add_error(s, ERROR_UNKNOWN, &of_ddl, ret);
}

/* From the checkpoint until stopped or failed. */
static enum sync_end run_once(struct sync *s, struct dm_error *reterr)
{
	enum sync_end end = SYNC_FAILED;

	target_failure_done(&s->failure);
	freep(&s->failed_ddl);
	s->failure_type = ERROR_UNKNOWN;
	s->has_committed = false;
	if (sync_begin(s, reterr) == 0)
		end = sync_read(s, reterr);
	sync_end(s);
	return end;
}

static int wait_of(unsigned int tries)
{
	int wait_ms = (int)tries * WAIT_STEP_MS;

	return wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS;
}

static void sync_process(struct unit *u, struct dm_process_result *ret)
{
	struct sync *s = (struct sync *)u;
	struct dm_error err = { 0 };
	unsigned int tries = 0;

	*ret = (struct dm_process_result){ .is_set = true };
	errors_clear(s);
	while (run_once(s, &err) == SYNC_FAILED && dm_stop_level(u->env.stop) == DM_STOP_NONE) {
		if (s->has_committed)
			tries = 0; /* it went well for a while */
		if (!may_retry(&err, tries)) {
			add_failure(s, &err, ret);
			break;
		}
		tries++;
		dm_log_error(DM_LOG_WARN, &u->env.log, &err, "the target failed, trying again",
			"tries", DM_NUM(tries), NULL);
		dm_error_done(&err);
		(void)dm_stop_wait(u->env.stop, DM_STOP_DRAIN, wait_of(tries));
	}
	ret->is_canceled = ret->error_count == 0;
	dm_error_done(&err); /* of what a stop cut short */
	s->now.waiting_for = NULL;
	sync_publish(s);
}

/* ---- the other hooks ---- */

static int sync_is_fresh(struct unit *u, bool *ret, struct dm_error *reterr)
{
	const struct sync *s = (const struct sync *)u;

	(void)reterr;
	*ret = !s->cp.has_global && s->cp.point_count == 0;
	return 0;
}

static void sync_done(struct unit *u)
{
	struct sync *s = (struct sync *)u;

	sync_end(s);
	target_done(&s->target);
	table_cache_clear(&s->tables);
	sync_plans_clear(s);
	checkpoint_done(&s->cp);
	xa_done(&s->xa);
	row_decoder_free(s->decoder);
	s->decoder = NULL;
	rule_list_free(s->list);
	s->list = NULL;
	target_failure_done(&s->failure);
	freep(&s->failed_ddl);
	errors_clear(s);
	if (s->is_initialised)
		relay_hold(u->env.relay, u->env.conf->common.name, NULL);
	s->is_initialised = false;
}

const struct unit_ops sync_unit_ops = {
	.unit = UNIT_SYNC,
	.log_name = "binlog replication",
	.size = sizeof(struct sync),
	.setup = sync_setup,
	.init = sync_init,
	.is_fresh = sync_is_fresh,
	.process = sync_process,
	.status = sync_report,
	.done = sync_done,
};
