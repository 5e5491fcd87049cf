/* relay-purge.c - purging by command, by age and by free space. */
#include "relay-purge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "dm/clock.h"
#include "relay-private.h"

enum strategy { BY_INACTIVE, BY_FILENAME, BY_TIME, BY_SPACE };
/* DM's words, in 30036. */
static const char *const strategy_names[] = { "inactive strategy", "filename strategy",
	"time strategy", "space strategy" };

enum { DISK_PURGE_MS = 60000 }; /* how often a relay without room tries to make some */

struct relay_purger { /* main thread, but for what the thread was given before it began */
	struct relay *relay;
	struct dm_thread thread;
	struct dm_stop stop;
	struct dm_mail ended;
	_Atomic bool is_running;
	enum strategy strategy;
	struct relay_purge_rule rule; /* `before` is lowered to what is needed */
	char *sub_dir, *filename; /* owned; BY_FILENAME: checked on the thread */
	relay_done_fn *done;
	void *arg;
	struct dm_error error;
	unsigned int removed;
	int64_t last_mono_ms; /* of the last purge by interval or for room */
};

/* ---- decisions ---- */

static void lower(struct relay_place *p, struct relay_place to)
{
	if (relay_place_before(to, *p))
		*p = to;
}

static struct relay_place place_of(const char *name, unsigned int suffix)
{
	struct relay_place p = { .suffix = suffix };
	char plain[BINLOG_NAME_MAX];
	unsigned int own;

	if (binlog_name_number(name, &p.number) != 0)
		p.number = 0; /* nothing of it may go */
	if (binlog_name_split(name, plain, &own) == 0 && own != RELAY_SUFFIX_NONE)
		p.suffix = own;
	return p;
}

bool relay_needed(struct relay *r, struct relay_place *ret)
{
	struct relay_place cursor;

	DM_LOCKED(&r->lock);
	if (!r->written.is_known || !r->written.position.name[0])
		return false;
	*ret = place_of(r->written.position.name, r->written.suffix);
	for (size_t i = 0; i < r->hold_count; i++)
		lower(ret, place_of(r->holds[i].from.name, RELAY_SUFFIX_NONE));
	if (relay_cursors_oldest(r, &cursor.suffix, &cursor.number))
		lower(ret, cursor);
	return true;
}

size_t relay_purge_count(
	const struct relay_purge_rule *rule, unsigned int suffix, const struct relay_binlogs *files)
{
	size_t i = 0;

	while (i < files->count) {
		const struct relay_binlog *f = &files->list[i];

		if (!relay_place_before((struct relay_place){ suffix, f->number }, rule->before) ||
			(rule->has_time && f->mtime_s > rule->not_after_s))
			break;
		i++;
	}
	return i;
}

/* ---- removing; the purge thread ---- */

static int fail_remove(const char *what, const char *path, int err, struct dm_error *reterr)
{
	return dm_fail_errno(
		reterr, DM_ERR_RELAY_REMOVE_FILE, err, "remove relay log %s %s", what, path);
}

/* The rule with what is needed at this moment; false: the thread should end. */
static bool rule_now(struct relay_purger *p, struct relay_purge_rule *ret)
{
	struct relay_place needed;

	if (dm_stop_level(&p->stop) != DM_STOP_NONE || !relay_needed(p->relay, &needed))
		return false;
	*ret = p->rule;
	lower(&ret->before, needed);
	return true;
}

/* A directory without binlogs: relay.meta and what it may have left. */
static int remove_dir(struct relay_purger *p, const struct relay_sub_dir *sub, const char *path,
	struct dm_error *reterr)
{
	struct relay *r = p->relay;
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL)
		if (dm_has_prefix(entry->d_name, "relay.meta"))
			(void)unlinkat(
				dirfd(dir), entry->d_name, 0); /* rmdir() tells if it stays */
	if (dir)
		(void)closedir(dir); /* it was only read */
	if (rmdir(path) != 0)
		return fail_remove("dir", path, errno, reterr);
	dm_log(DM_LOG_INFO, &r->log, "purged relay sub-directory", "dir", path, NULL);
	DM_LOCKED(&r->lock);
	if (r->dirs.count > 1 && r->dirs.list[0].suffix == sub->suffix) {
		r->dirs.count--; /* the index on disk follows with its next change */
		memmove(r->dirs.list, r->dirs.list + 1, r->dirs.count * sizeof(*r->dirs.list));
	}
	return 0;
}

static int purge_dir(struct relay_purger *p, const struct relay_sub_dir *sub, bool is_last,
	struct dm_error *reterr)
{
	DM_CLEANUP(relay_binlogs_done) struct relay_binlogs files = { 0 };
	DM_CLEANUP(freep) char *path = relay_sub_path(p->relay, sub->name);
	struct relay_purge_rule rule;
	size_t i;

	if (relay_binlogs_list(path, &files, reterr) != 0)
		return -1;
	for (i = 0; i < files.count; i++) {
		DM_CLEANUP(freep) char *file = dm_format("%s/%s", path, files.list[i].name);

		if (!rule_now(p, &rule) || relay_purge_count(&rule, sub->suffix, &files) <= i)
			return 0;
		if (unlink(file) != 0 && errno != ENOENT)
			return fail_remove("file", file, errno, reterr);
		p->removed++;
		dm_log(DM_LOG_INFO, &p->relay->log, "purged relay log file", "file", file,
			"strategy", strategy_names[p->strategy], NULL);
	}
	if (is_last || !rule_now(p, &rule) || sub->suffix >= rule.before.suffix)
		return 0;
	return remove_dir(p, sub, path, reterr);
}

static void add_dir_names(const struct relay_dirs *dirs, struct dm_str *out)
{
	for (size_t i = 0; i < dirs->count; i++)
		dm_str_addf(out, "%s%s", i ? " " : "", dirs->list[i].name);
}

/* The file that the user named must be there: a typing error shall not purge. */
static int check_filename(
	struct relay_purger *p, const struct relay_dirs *dirs, struct dm_error *reterr)
{
	const struct relay_sub_dir *sub = p->sub_dir[0] ? NULL : relay_dirs_last(dirs);
	DM_CLEANUP(dm_str_done) struct dm_str names = { 0 };
	DM_CLEANUP(freep) char *path = NULL;

	for (size_t i = 0; i < dirs->count && !sub; i++)
		if (dm_streq(dirs->list[i].name, p->sub_dir))
			sub = &dirs->list[i];
	add_dir_names(dirs, &names);
	if (!sub)
		return dm_fail(reterr, DM_ERR_RELAY_TRIM_UUID_NOT_FOUND,
			"UUID %s in UUIDs [%s] not found", p->sub_dir, dm_str_get(&names));
	path = dm_format("%s/%s/%s", p->relay->dir, sub->name, p->filename);
	if (!binlog_name_is_valid(p->filename) || access(path, F_OK) != 0)
		return dm_fail(reterr, DM_ERR_BASE_FILE_NOT_FOUND,
			"base file %s in directory %s/%s not found", p->filename, p->relay->dir,
			sub->name);
	p->rule.before = place_of(p->filename, sub->suffix);
	return 0;
}

static int purge(struct relay_purger *p, struct dm_error *reterr)
{
	DM_CLEANUP(relay_dirs_done) struct relay_dirs dirs = { 0 };

	dm_lock_take(&p->relay->lock);
	relay_dirs_copy(&p->relay->dirs, &dirs);
	dm_lock_drop(&p->relay->lock);
	if (p->strategy == BY_FILENAME && check_filename(p, &dirs, reterr) != 0)
		return -1;
	for (size_t i = 0; i < dirs.count; i++)
		if (purge_dir(p, &dirs.list[i], i + 1 == dirs.count, reterr) != 0)
			return -1;
	return 0;
}

static void *purge_run(void *arg)
{
	struct relay_purger *p = arg;

	(void)purge(p, &p->error); /* told by mail */
	relay_keep_measure(p->relay);
	dm_mailbox_post(p->relay->env.main_box, &p->ended);
	return NULL;
}

/* ---- main thread ---- */

static void purge_ended(void *arg)
{
	struct relay_purger *p = arg;
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	relay_done_fn *done = p->done;

	dm_thread_join(&p->thread);
	dm_error_move(&p->error, &err);
	atomic_store(&p->is_running, false);
	if (dm_error_is_set(&err))
		dm_log_error(DM_LOG_WARN, &p->relay->log, &err, "purging relay log failed", NULL);
	p->done = NULL;
	if (done)
		done(p->arg, dm_error_is_set(&err) ? &err : NULL);
	relay_stop_when_quiet(p->relay);
}

void relay_purge_end(struct relay *r)
{
	dm_stop_raise(&r->purger->stop, DM_STOP_DRAIN);
}

struct relay_purger *relay_purger_new(struct relay *r)
{
	struct relay_purger *p = dm_alloc(sizeof(*p));

	p->relay = r;
	p->ended = (struct dm_mail){ .fn = purge_ended, .arg = p };
	p->last_mono_ms = dm_mono_ms();
	p->sub_dir = dm_strdup("");
	p->filename = dm_strdup("");
	if (dm_stop_init(&p->stop) != 0)
		p->stop.fd[DM_STOP_DRAIN] = -1; /* only its level is looked at */
	return p;
}

void relay_purger_free(struct relay_purger *p)
{
	dm_stop_raise(&p->stop, DM_STOP_DRAIN);
	dm_thread_join(&p->thread);
	dm_stop_done(&p->stop);
	dm_error_done(&p->error);
	free(p->sub_dir);
	free(p->filename);
	free(p);
}

bool relay_is_purging(const struct relay *r)
{
	return atomic_load(&r->purger->is_running);
}

static int start(struct relay_purger *p, enum strategy strategy,
	const struct relay_purge_rule *rule, relay_done_fn *done, void *arg,
	struct dm_error *reterr)
{
	struct relay_place needed;
	int e;

	if (atomic_load(&p->is_running) && p->strategy == strategy)
		return dm_fail(
			reterr, DM_ERR_RELAY_THIS_STRATEGY_IS_PURGING, "this strategy is purging");
	if (atomic_load(&p->is_running))
		return dm_fail(reterr, DM_ERR_RELAY_OTHER_STRATEGY_IS_PURGING, "%s is purging",
			strategy_names[p->strategy]);
	if (!relay_needed(p->relay, &needed))
		return dm_fail(
			reterr, DM_ERR_RELAY_NO_ACTIVE_FILE, "no active relay log file found");
	p->strategy = strategy;
	p->rule = *rule;
	p->removed = 0;
	p->done = done;
	p->arg = arg;
	atomic_store(&p->is_running, true);
	e = dm_thread_start(&p->thread, "relay-purge", purge_run, p);
	if (e == 0)
		return 0;
	atomic_store(&p->is_running, false);
	return dm_fail_errno(reterr, DM_ERR_RELAY_REMOVE_FILE, e, "remove relay log: no thread");
}

static int start_request(struct relay_purger *p, const struct relay_purge *what,
	relay_done_fn *done, void *arg, struct dm_error *reterr)
{
	struct relay_purge_rule rule = { .before = { UINT32_MAX, UINT64_MAX } };

	switch (what->kind) {
	case RELAY_PURGE_INACTIVE:
		return start(p, BY_INACTIVE, &rule, done, arg, reterr);
	case RELAY_PURGE_TIME:
		rule.has_time = true;
		rule.not_after_s = what->before_wall_s;
		return start(p, BY_TIME, &rule, done, arg, reterr);
	case RELAY_PURGE_FILENAME:
		if (!what->filename || !what->filename[0])
			return dm_fail(reterr, DM_ERR_RELAY_PURGE_REQUEST,
				"request without a file name not valid");
		if (!atomic_load(&p->is_running)) {
			free(p->filename);
			free(p->sub_dir);
			p->filename = dm_strdup(what->filename);
			p->sub_dir = dm_strdup(what->sub_dir);
		}
		return start(p, BY_FILENAME, &rule, done, arg, reterr);
	}
	return dm_fail(reterr, DM_ERR_RELAY_PURGE_REQUEST, "request not valid");
}

void relay_purge_start(
	struct relay *r, const struct relay_purge *what, relay_done_fn *done, void *arg)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

	if (start_request(r->purger, what, done, arg, &err) != 0 && done)
		done(arg, &err);
}

/* Space first, then age, as DM does. */
static void purge_by_conf(struct relay *r)
{
	struct relay_purge_rule rule = { .before = { UINT32_MAX, UINT64_MAX } };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	int64_t keep_gib = r->conf->purge.remain_space_gib;
	bool is_short = keep_gib > 0 && atomic_load(&r->keep.capacity) > 0 &&
			atomic_load(&r->keep.available) < (uint64_t)keep_gib << 30;

	if (is_short) {
		(void)start(
			r->purger, BY_SPACE, &rule, NULL, NULL, &err); /* the next time will do */
	} else if (r->conf->purge.expires_h > 0) {
		rule.has_time = true;
		rule.not_after_s = dm_wall_ns() / 1000000000 - r->conf->purge.expires_h * 3600;
		(void)start(r->purger, BY_TIME, &rule, NULL, NULL, &err);
	}
}

void relay_purge_tick(struct relay *r, int64_t now_mono_ms)
{
	struct relay_purger *p = r->purger;
	int64_t since = now_mono_ms - p->last_mono_ms;
	bool is_due = r->conf->purge.interval_s > 0 && since >= r->conf->purge.interval_s * 1000;
	bool has_no_room = r->control.heal == RELAY_HEAL_WITH_ROOM && since >= DISK_PURGE_MS;

	if ((!is_due && !has_no_room) || atomic_load(&p->is_running))
		return;
	p->last_mono_ms = now_mono_ms;
	purge_by_conf(r);
}
