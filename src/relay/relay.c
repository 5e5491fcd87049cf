/* relay.c - the relay object: made, freed, looked at. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "dm/file.h"
#include "relay-private.h"
#include "relay-purge.h"

enum { RELAY_DIR_MODE = 0755 };

/* ---- settings ---- */

void relay_settings_copy(const struct worker_conf *conf, struct relay_settings *ret)
{
	struct db_conf from = conf->from;

	from.session = NULL; /* DM's relay does not use them */
	from.session_count = 0;
	*ret = (struct relay_settings){ .flavor = conf->flavor,
		.server_id = conf->server_id,
		.enable_gtid = conf->enable_gtid,
		.charset = dm_strdup(conf->charset),
		.binlog_name = dm_strdup(conf->relay_binlog_name),
		.binlog_gtid = dm_strdup(conf->relay_binlog_gtid),
		.backoff_rollback_ms = conf->checker.backoff_rollback_ms,
		.backoff_max_ms = conf->checker.backoff_max_ms };
	db_conf_copy(&from, &ret->from);
}

void relay_settings_done(struct relay_settings *s)
{
	db_conf_done(&s->from);
	free(s->charset);
	free(s->binlog_name);
	free(s->binlog_gtid);
	*s = (struct relay_settings){ 0 };
}

bool relay_settings_equal(const struct relay_settings *a, const struct relay_settings *b)
{
	return dm_streq(a->from.host, b->from.host) && a->from.port == b->from.port &&
	       dm_streq(a->from.user, b->from.user) &&
	       dm_streq(a->from.password, b->from.password) && a->flavor == b->flavor &&
	       a->server_id == b->server_id && a->enable_gtid == b->enable_gtid &&
	       dm_streq(a->charset, b->charset) && dm_streq(a->binlog_name, b->binlog_name) &&
	       dm_streq(a->binlog_gtid, b->binlog_gtid) &&
	       a->backoff_rollback_ms == b->backoff_rollback_ms &&
	       a->backoff_max_ms == b->backoff_max_ms;
}

/* ---- life ---- */

static int lock_dir(struct relay *r, struct dm_error *reterr)
{
	r->dir_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0)
		return dm_fail_errno(reterr, DM_ERR_RELAY_MKDIR, errno, "relay mkdir: %s", r->dir);
	if (flock(r->dir_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return dm_fail(reterr, DM_ERR_RELAY_MKDIR,
			"relay mkdir: %s is used by another process", r->dir);
	return 0; /* a file system without locks is let pass */
}

static int open_dir(struct relay *r, struct dm_error *reterr)
{
	int e = dm_dir_make(r->dir, RELAY_DIR_MODE);

	if (e != 0)
		return dm_fail_errno(reterr, DM_ERR_RELAY_MKDIR, e, "relay mkdir: %s", r->dir);
	if (lock_dir(r, reterr) != 0 || relay_dirs_load(r->dir, &r->dirs, reterr) != 0)
		return -1;
	if (relay_dirs_trim(r->dir, &r->dirs) && relay_dirs_save(r->dir, &r->dirs, reterr) != 0)
		dm_error_done(
			reterr); /* only less tidy; the next change of the index tries again */
	return 0;
}

/* What relay.meta says is shown until the files were verified. */
static void show_meta(struct relay *r)
{
	const struct relay_sub_dir *last = relay_dirs_last(&r->dirs);
	DM_CLEANUP(relay_meta_done) struct relay_meta meta;
	DM_CLEANUP(dm_error_done) struct dm_error ignored = { 0 }; /* the relay thread says it */
	DM_CLEANUP(freep) char *path = last ? relay_sub_path(r, last->name) : NULL;
	bool has_meta;

	relay_meta_init(&meta);
	if (last) {
		(void)relay_meta_load(path, &meta, &has_meta, &ignored);
		memcpy(r->status.sub_dir, last->name, sizeof(r->status.sub_dir));
	}
	r->status.received = r->status.flushed = meta.position;
	r->status.gtid_set = dm_strdup(r->settings.enable_gtid ? meta.gtid_set : "");
}

int relay_new(struct relay **ret, const struct relay_env *env, struct dm_error *reterr)
{
	struct relay *r = dm_alloc(sizeof(*r));
	int e;

	r->env = *env;
	r->conf = env->conf;
	r->dir = dm_strdup(env->conf->relay_dir);
	r->source_id = dm_strdup(env->conf->source_id);
	r->log = (struct dm_log_context){ .source = r->source_id, .unit = "relay" };
	r->ended = (struct dm_mail){ .fn = relay_thread_ended, .arg = r };
	r->dir_fd = -1;
	r->space_reserve = RELAY_SPACE_RESERVE;
	r->status.stage = STAGE_NEW;
	r->keep.stop = (struct dm_stop){ .fd = { -1, -1, -1 } };
	dm_lock_init(&r->lock, DM_LOCK_RELAY);
	relay_settings_copy(env->conf, &r->settings);
	r->purger = relay_purger_new(r);
	e = dm_stop_init(&r->stop);
	if (e == 0)
		e = relay_keep_init(r);
	if (e != 0)
		dm_fail_errno(reterr, DM_ERR_RELAY_MKDIR, e, "relay mkdir: no descriptors");
	if (e != 0 || open_dir(r, reterr) != 0) {
		relay_free(r);
		return -1;
	}
	relay_keep_measure(r);
	show_meta(r);
	*ret = r;
	return 0;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	relay_purger_free(r->purger);
	relay_keep_done(r);
	dm_stop_done(&r->stop);
	dm_error_done(&r->end_error);
	free(r->control.waiters);
	for (size_t i = 0; i < r->hold_count; i++)
		free(r->holds[i].who);
	free(r->holds);
	relay_dirs_done(&r->dirs);
	relay_settings_done(&r->settings);
	relay_status_done(&r->status);
	dm_lock_done(&r->lock);
	fd_closep(&r->dir_fd);
	free(r->dir);
	free(r->source_id);
	free(r);
}

/* ---- small things shared by the files ---- */

char *relay_sub_path(const struct relay *r, const char *sub_dir)
{
	return dm_format("%s/%s", r->dir, sub_dir);
}

void relay_set_waiting(struct relay *r, const char *waiting_for, int64_t next_retry_mono_ms,
	const struct dm_error *err)
{
	struct dm_process_error *kept = NULL;

	if (err) {
		DM_CLEANUP(dm_error_done) struct dm_error copy = { 0 };
		DM_CLEANUP(dm_process_result_done) struct dm_process_result one = { 0 };

		dm_error_copy(err, &copy);
		(void)dm_process_result_add(&one, ERROR_UNKNOWN, &copy);
		kept = take_ptr(one.errors);
		one.error_count = 0;
	}
	dm_lock_take(&r->lock);
	r->status.waiting_for = waiting_for;
	r->status.next_retry_mono_ms = next_retry_mono_ms;
	{
		struct dm_process_error *old = r->status.retry_error;

		r->status.retry_error = kept;
		kept = old;
	}
	dm_lock_drop(&r->lock);
	if (kept)
		dm_process_error_done(kept);
	free(kept);
}

/* ---- holds ---- */

void relay_hold(struct relay *r, const char *who, const struct binlog_position *from)
{
	struct binlog_position p = from ? *from : (struct binlog_position){ 0 };
	char plain[BINLOG_NAME_MAX];
	unsigned int suffix;
	size_t i = 0;

	DM_LOCKED(&r->lock);
	while (i < r->hold_count && !dm_streq(r->holds[i].who, who))
		i++;
	if (!from && i < r->hold_count) {
		free(r->holds[i].who);
		r->holds[i] = r->holds[--r->hold_count];
	}
	if (!from)
		return;
	/* A plain name means the latest sub-directory of now. */
	if (binlog_name_split(from->name, plain, &suffix) == 0 && suffix == RELAY_SUFFIX_NONE &&
		relay_dirs_last(&r->dirs))
		(void)binlog_name_join(plain, relay_dirs_last(&r->dirs)->suffix, p.name);
	if (i == r->hold_count) {
		r->holds = dm_grow(r->holds, r->hold_count + 1, sizeof(*r->holds));
		r->holds[r->hold_count++] = (struct relay_hold_entry){ .who = dm_strdup(who) };
	}
	r->holds[i].from = p;
}

/* ---- status ---- */

uint64_t relay_change(const struct relay *r)
{
	return r->changes;
}

void relay_status(const struct relay *r, struct relay_status *ret)
{
	struct relay *writable = (struct relay *)(uintptr_t)r; /* for the lock */
	const struct relay_status *s = &r->status;

	DM_LOCKED(&writable->lock);
	*ret = *s;
	ret->result = (struct dm_process_result){ 0 };
	dm_process_result_copy(&s->result, &ret->result);
	ret->gtid_set = dm_strdup(s->gtid_set);
	ret->retry_error = NULL;
	if (s->retry_error) {
		ret->retry_error = dm_alloc(sizeof(*ret->retry_error));
		dm_process_error_copy(s->retry_error, ret->retry_error);
	}
	ret->space_capacity = atomic_load(&r->keep.capacity);
	ret->space_available = atomic_load(&r->keep.available);
}

void relay_status_done(struct relay_status *s)
{
	dm_process_result_done(&s->result);
	free(s->gtid_set);
	if (s->retry_error)
		dm_process_error_done(s->retry_error);
	free(s->retry_error);
	*s = (struct relay_status){ 0 };
}
