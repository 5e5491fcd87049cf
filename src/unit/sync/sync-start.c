/* sync-start.c - what a run of Sync begins with: the target, the checkpoint, the place in the relay. */
#include <string.h>

#include "dm/conf-task.h"
#include "dm/conf.h"
#include "dm/db.h"
#include "dm/row.h"
#include "dm/rule.h"
#include "sync.h"

enum { UPSTREAM_TIMEOUT_MS = 3000 };

/* ---- what this version would do wrong in silence ---- */

static int refuse(const char *key, struct dm_error *reterr)
{
	return dm_fail(reterr, DM_ERR_SYNC_KEY_LATER,
		"`%s` has no effect in this version, and rows would go to the wrong place without "
		"it",
		key);
}

static int check_conf(const struct subtask_conf *c, struct dm_error *reterr)
{
	if (c->route_count > 0)
		return refuse("route-rules", reterr);
	if (c->filter_count > 0)
		return refuse("filter-rules", reterr);
	if (c->mapping_count > 0)
		return refuse("column-mapping-rules", reterr);
	if (c->expression_filter_count > 0)
		return refuse("expression-filters", reterr);
	if (c->common.is_sharding || c->common.shard_mode != SHARD_NONE)
		return refuse(c->common.is_sharding ? "is-sharding" : "shard-mode", reterr);
	if (c->common.online_ddl_scheme != ONLINE_DDL_NONE || c->common.online_ddl)
		return refuse(c->common.online_ddl_scheme != ONLINE_DDL_NONE ? "online-ddl-scheme"
									     : "online-ddl",
			reterr);
	return 0;
}

/* ---- the target ---- */

static int open_target(struct sync *s, bool remove, struct dm_error *reterr)
{
	const struct unit_env *env = &s->unit.env;

	if (target_connect(&s->target, &env->conf->common.target, env->stop, reterr) != 0)
		return -1;
	if (checkpoint_prepare(&s->cp, s->target.conn, reterr) != 0 ||
		xa_prepare_table(&s->xa, s->target.conn, reterr) != 0 ||
		checkpoint_claim(&s->cp, s->target.conn, remove, reterr) != 0 ||
		xa_load(&s->xa, s->target.conn, remove, reterr) != 0)
		return -1;
	s->now.flushed = s->now.applied = s->cp.global;
	return 0;
}

int sync_init(struct unit *u, struct dm_error *reterr)
{
	struct sync *s = (struct sync *)u;
	const struct subtask_conf *conf = u->env.conf;

	u->ops->done(u); /* of an earlier try */
	if (check_conf(conf, reterr) != 0)
		return -1;
	if (conf->has_list &&
		rule_list_new(&conf->list, conf->common.case_sensitive, &s->list, reterr) != 0)
		return -1;
	s->decoder = row_decoder_new();
	xa_init(&s->xa, conf->common.meta_schema, conf->common.name, conf->source_id);
	checkpoint_init(&s->cp, conf->common.meta_schema, conf->common.name, conf->source_id);
	if (open_target(s, conf->common.remove_meta, reterr) != 0) {
		u->ops->done(u);
		return -1;
	}
	s->is_initialised = true;
	if (s->cp.has_global) {
		s->boundary = s->cp.global;
		sync_hold(s);
	}
	sync_publish(s);
	return 0;
}

/* ---- where to begin ---- */

static int start_position(
	const struct sync *s, struct binlog_position *ret, struct dm_error *reterr)
{
	const struct subtask_conf *conf = s->unit.env.conf;

	if (s->cp.has_global) {
		*ret = s->cp.global;
		return 0;
	}
	if (!conf->meta.is_set || !*conf->meta.binlog_name)
		return dm_fail(
			reterr, DM_ERR_BINLOG_FILE_NOT_GIVEN, "binlog file must be specified");
	binlog_position_set(ret, conf->meta.binlog_name, conf->meta.binlog_pos);
	if (ret->pos < BINLOG_POSITION_MIN)
		ret->pos = BINLOG_POSITION_MIN;
	return 0;
}

/* The upstream's end now: nothing behind it can be in the target yet. */
static int ask_upstream_end(struct sync *s, struct binlog_position *ret)
{
	const struct db_options options = { .scope = DM_SCOPE_UPSTREAM,
		.connect_timeout_ms = UPSTREAM_TIMEOUT_MS,
		.io_timeout_ms = UPSTREAM_TIMEOUT_MS,
		.stop = s->unit.env.stop };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(db_closep) struct db_conn *c = NULL;
	struct db_master_status status = { 0 };

	if (db_connect(&c, &s->unit.env.worker->from, &options, &err) != 0 ||
		db_master_status(c, &status, &err) != 0) {
		dm_log_error(DM_LOG_WARN, &s->unit.env.log, &err,
			"the upstream does not say where it ends, staying in safe mode", NULL);
		return -1;
	}
	*ret = status.position;
	db_master_status_done(&status);
	return 0;
}

/* A checkpoint of DM, or a position that a person gave, does not tell what is in the target behind it: rows are
 * written so that a second time does no harm, up to where the upstream ends now. Our own checkpoint is exact. */
static void choose_safety(struct sync *s)
{
	s->is_safe_always = s->unit.env.conf->syncer.safe_mode;
	s->is_safe_unsaved = false;
	if (s->cp.is_ours || s->is_safe_always)
		return;
	if (ask_upstream_end(s, &s->cp.safe_until) == 0)
		s->is_safe_unsaved = true;
	else
		s->is_safe_always = true;
}

int sync_begin(struct sync *s, struct dm_error *reterr)
{
	const struct unit_env *env = &s->unit.env;
	struct binlog_position from = { 0 };

	if (!s->target.conn && open_target(s, false, reterr) != 0)
		return -1;
	if (start_position(s, &from, reterr) != 0)
		return -1;
	choose_safety(s);
	if (relay_cursor_open(&s->cursor, env->relay, &from, reterr) != 0)
		return -1;
	s->boundary = s->base = s->now.received = from;
	sync_hold(s);
	binlog_position_set(&s->commit_at, "", 0);
	s->must_rewind = false;
	s->in_transaction = s->in_xa = false;
	s->is_committed_here = true;
	s->group_began_ms = 0;
	s->counts = (struct sync_counts){ 0 };
	s->now.is_safe_mode = sync_is_safe(s);
	sync_publish(s);
	dm_log(DM_LOG_INFO, &env->log, "reading the relay", "file", from.name, "position",
		DM_NUM(from.pos), "safe_mode", s->now.is_safe_mode ? "true" : "false", NULL);
	return 0;
}

void sync_end(struct sync *s)
{
	relay_cursor_free(s->cursor);
	s->cursor = NULL;
	s->event = NULL;
	s->in_transaction = false;
	target_disconnect(&s->target);
	sync_plans_clear(s);
	table_cache_clear(&s->tables);
}
