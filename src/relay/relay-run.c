/* relay-run.c - the relay thread: looks at the files, then receives until it is stopped or cannot go on. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#include "dm/clock.h"
#include "relay-recover.h"
#include "relay-run.h"

enum {
	BATCH_BYTES = 1 << 20, /* published at the latest after so many */
	IDLE_MS = 1000,
	SILENCE_MS = 20000, /* four heartbeats */
	FUTILE_TRIES_MAX = 3,
	FLUSH_AT_END_MS = 500,
};

/* ---- the files ---- */

/* A sync failed: of what was written after the last good one, nobody knows what reached the disk. */
static int drop_unsynced(
	const char *sub_path, const struct binlog_position *flushed, struct dm_error *reterr)
{
	DM_CLEANUP(relay_binlogs_done) struct relay_binlogs files = { 0 };
	uint64_t number;

	if (relay_binlogs_list(sub_path, &files, reterr) != 0)
		return -1;
	if (binlog_name_number(flushed->name, &number) != 0)
		number = 0;
	for (size_t i = files.count; i-- > 0 && files.list[i].number >= number;) {
		DM_CLEANUP(freep) char *path = dm_format("%s/%s", sub_path, files.list[i].name);
		bool is_same = files.list[i].number == number;

		if (is_same && files.list[i].size <= flushed->pos)
			break;
		if (is_same ? truncate(path, (off_t)flushed->pos) != 0 : unlink(path) != 0)
			return dm_fail_errno(reterr, DM_ERR_RELAY_RECOVER, errno,
				"recover relay log file %s", path);
	}
	return 0;
}

static void load_meta(
	const struct relay *r, const char *sub_path, struct relay_meta *ret, bool *ret_found)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

	if (relay_meta_load(sub_path, ret, ret_found, &err) != 0)
		dm_log_error(DM_LOG_WARN, &r->log, &err,
			"relay.meta cannot be read, the files themselves tell how far they go",
			NULL);
}

/* Takes over what recovery found. */
static int take_files(struct relay_run *run, const char *sub_path, struct relay_recovery *rec,
	const struct relay_meta *meta, struct dm_error *reterr)
{
	struct gtid_set *set = NULL;
	size_t at;

	if (rec->file.name[0]) {
		DM_CLEANUP(freep) char *path = dm_format("%s/%s", sub_path, rec->file.name);

		if (relay_file_open(&run->file, path, rec->file.pos, reterr) != 0)
			return -1;
		memcpy(run->file_name, rec->file.name, sizeof(run->file_name));
		run->last_start = rec->last_start;
		if (!dm_streq(rec->next.name, rec->file.name))
			memcpy(run->rotated_to, rec->next.name, sizeof(run->rotated_to));
	}
	run->at = rec->next;
	if (run->at.pos == 0)
		run->at.pos = BINLOG_MAGIC_SIZE;
	relay_gtids_done(&run->gtids);
	run->gtids = rec->gtids;
	rec->gtids = (struct relay_gtids){ 0 };
	/* Between files, and in a directory without any, relay.meta is all there is. */
	if (!run->gtids.set && meta->gtid_set[0] &&
		(gtid_set_parse(&set, DM_FLAVOR_MARIADB, meta->gtid_set, &at) == 0 ||
			gtid_set_parse(&set, DM_FLAVOR_MYSQL, meta->gtid_set, &at) == 0))
		relay_gtids_set(&run->gtids, set);
	return 0;
}

/* What was there before counts as received; if relay.meta does not say so yet, the keeper is asked to. */
static void tell_files(struct relay_run *run, const struct relay_meta *meta)
{
	struct relay *r = run->relay;
	struct binlog_position p = relay_disk_position(run);

	dm_lock_take(&r->lock);
	memcpy(r->status.sub_dir, run->sub.name, sizeof(r->status.sub_dir));
	r->status.received = p;
	r->status.flushed = meta->position;
	free(r->status.gtid_set);
	r->status.gtid_set = dm_strdup(run->settings.enable_gtid ? meta->gtid_set : "");
	r->written = (struct relay_written){ true, run->sub.suffix, p };
	relay_cursors_wake(r);
	dm_lock_drop(&r->lock);
	if (run->file.fd >= 0 && binlog_position_compare(&p, &meta->position) != 0) {
		run->next_sync_mono_ms = 1;
		relay_sync(run);
	}
}

static int recover(struct relay_run *run, struct dm_error *reterr)
{
	struct relay *r = run->relay;
	bool is_data_lost = relay_keep_reset(r), has_meta = false;
	DM_CLEANUP(relay_meta_done) struct relay_meta meta;
	DM_CLEANUP(relay_recovery_done) struct relay_recovery rec = { 0 };
	DM_CLEANUP(freep) char *sub_path = relay_sub_path(r, run->sub.name);

	relay_meta_init(&meta);
	if (run->sub.suffix != RELAY_SUFFIX_NONE) {
		load_meta(r, sub_path, &meta, &has_meta);
		if (is_data_lost && drop_unsynced(sub_path, &meta.position, reterr) != 0)
			return -1;
		if (relay_recover(sub_path, has_meta ? &meta : NULL, &r->stop, &r->log, &rec,
			    reterr) != 0 ||
			take_files(run, sub_path, &rec, &meta, reterr) != 0)
			return -1;
	} else {
		run->at.pos = BINLOG_MAGIC_SIZE;
	}
	tell_files(run, &meta);
	return 0;
}

/* ---- one connection ---- */

static bool is_asked_to_end(const struct relay_run *run)
{
	return dm_stop_level(&run->relay->stop) != DM_STOP_NONE;
}

static bool has_new_settings(const struct relay_run *run)
{
	return atomic_load(&run->relay->settings_version) != run->settings_version;
}

/* Takes all that is there now, without waiting. 1 taken, 0 nothing there, -1 error. */
static int take_batch(struct relay_run *run, struct dm_error *reterr)
{
	const uint8_t *event;
	size_t len, taken = 0;
	int r;

	while (taken < BATCH_BYTES) {
		r = db_stream_next(run->conn, 0, &event, &len, reterr);
		if (r <= 0)
			return r < 0 ? -1 : taken > 0;
		if (relay_take_event(run, event, len, reterr) != 0)
			return -1;
		taken += len;
	}
	return 1;
}

static int wait_for_event(struct relay_run *run, struct dm_error *reterr)
{
	int64_t now = dm_mono_ms(), wait = IDLE_MS;
	const uint8_t *event;
	size_t len;
	int r;

	if (now - run->last_packet_mono_ms > SILENCE_MS) {
		dm_fail_cause(reterr, DM_ERR_DB_INVALID_CONN,
			"invalid connection (no event and no heartbeat)", "database driver");
		reterr->scope = DM_SCOPE_UPSTREAM;
		return -1;
	}
	if (run->next_sync_mono_ms != 0)
		wait = run->next_sync_mono_ms > now ? run->next_sync_mono_ms - now : 20;
	r = db_stream_next(run->conn, (int)(wait < IDLE_MS ? wait : IDLE_MS), &event, &len, reterr);
	if (r == 0 && wait == IDLE_MS)
		relay_set_waiting(run->relay, "upstream", 0, NULL);
	if (r <= 0)
		return r;
	run->last_packet_mono_ms = dm_mono_ms(); /* a heartbeat counts as well */
	return relay_take_event(run, event, len, reterr);
}

static void note_progress(struct relay_run *run)
{
	run->last_packet_mono_ms = dm_mono_ms();
	if (run->events == 0)
		return;
	run->futile_tries = 0;
	relay_backoff_rest(&run->backoff, run->last_packet_mono_ms);
	relay_set_waiting(run->relay, NULL, 0, NULL);
}

static int stream(struct relay_run *run, struct dm_error *reterr)
{
	while (!is_asked_to_end(run) && !has_new_settings(run)) {
		DM_CLEANUP(dm_error_done) struct dm_error disk = { 0 };
		int r = take_batch(run, reterr);

		if (r > 0)
			note_progress(run);
		if (relay_publish(run, &disk) !=
			0) { /* also what came before an error of the stream */
			dm_error_move(&disk, reterr);
			return -1;
		}
		if (r < 0 || (r == 0 && wait_for_event(run, reterr) < 0))
			return -1;
	}
	return 0;
}

/* ---- tries ---- */

static void take_settings(struct relay_run *run)
{
	struct relay *r = run->relay;
	struct relay_settings *s = &run->settings;

	relay_settings_done(s);
	dm_lock_take(&r->lock);
	run->settings_version = atomic_load(&r->settings_version);
	*s = r->settings;
	s->from = (struct db_conf){ 0 };
	db_conf_copy(&r->settings.from, &s->from);
	s->charset = dm_strdup(r->settings.charset);
	s->binlog_name = dm_strdup(r->settings.binlog_name);
	s->binlog_gtid = dm_strdup(r->settings.binlog_gtid);
	dm_lock_drop(&r->lock);
	relay_backoff_init(&run->backoff, s->backoff_max_ms, s->backoff_rollback_ms);
}

/* What an error means that was not classified where it arose. */
static enum relay_end classify(struct relay_run *run, const struct dm_error *err)
{
	enum { SERVER_DUMP_ERROR = 1236 };
	bool is_corrupt = err->code == DM_ERR_RELAY_READ_EVENT && run->end == RELAY_END_PERSON;

	if (is_corrupt && binlog_position_compare(&run->corrupt, &run->at) != 0) {
		run->corrupt = run->at; /* the network may have done it: once more */
		return RELAY_END_RETRY;
	}
	if (run->end != RELAY_END_STOPPED)
		return run->end;
	if (db_is_connection_error(err))
		return RELAY_END_RETRY;
	if (err->sql_errno == SERVER_DUMP_ERROR && ++run->futile_tries <= FUTILE_TRIES_MAX)
		return RELAY_END_RETRY; /* the next connection asks what the server has */
	return RELAY_END_FAILED;
}

static uint32_t random_number(void)
{
	uint32_t n = 0;

	(void)!getrandom(&n, sizeof(n), GRND_NONBLOCK); /* it only spreads retries */
	return n;
}

static void wait_for_retry(struct relay_run *run, const struct dm_error *err)
{
	struct relay *r = run->relay;
	int64_t now = dm_mono_ms();
	int64_t until = now + relay_backoff_fail(&run->backoff, now, random_number());

	dm_log_error(DM_LOG_WARN, &r->log, err, "connection to the upstream is lost, retrying",
		"wait_ms", DM_NUM(until - now), NULL);
	dm_lock_take(&r->lock);
	r->status.read_errors++;
	dm_lock_drop(&r->lock);
	relay_set_waiting(r, "retry", until, err);
	while (!is_asked_to_end(run) && !has_new_settings(run) && (now = dm_mono_ms()) < until)
		(void)dm_stop_wait(&r->stop, DM_STOP_DRAIN,
			until - now < IDLE_MS ? (int)(until - now) : IDLE_MS);
}

static enum relay_end receive(struct relay_run *run, struct dm_error *reterr)
{
	while (!is_asked_to_end(run)) {
		enum relay_end end;
		int r;

		if (has_new_settings(run))
			take_settings(run);
		dm_error_done(reterr);
		run->end = RELAY_END_STOPPED;
		r = relay_connect(run, reterr);
		if (r == 0)
			r = stream(run, reterr);
		end = r == 0 ? RELAY_END_RETRY : classify(run, reterr);
		relay_disconnect(run);
		if (is_asked_to_end(run))
			break;
		if (end != RELAY_END_RETRY)
			return end;
		if (r != 0)
			wait_for_retry(run, reterr);
	}
	dm_error_done(reterr);
	return RELAY_END_STOPPED;
}

static enum relay_end run_all(struct relay_run *run, struct dm_error *reterr)
{
	if (recover(run, reterr) != 0)
		return is_asked_to_end(run) ? RELAY_END_STOPPED : RELAY_END_FAILED;
	return run->relay->is_recovery_only ? RELAY_END_RECOVERED : receive(run, reterr);
}

/* Everything received is made durable, if the disk lets us in time. */
static void finish(struct relay_run *run)
{
	DM_CLEANUP(dm_error_done) struct dm_error ignored = { 0 }; /* the run's own error counts */

	if (run->sub.suffix != RELAY_SUFFIX_NONE)
		(void)relay_publish(run, &ignored);
	relay_close_file(run);
	while (!relay_keep_wait(run->relay, 0, FLUSH_AT_END_MS) &&
		dm_stop_level(&run->relay->stop) != DM_STOP_CUT)
		;
	relay_gtids_done(&run->gtids);
	relay_settings_done(&run->settings);
}

void *relay_run(void *arg)
{
	struct relay *r = arg;
	struct relay_run run = { .relay = r, .file = RELAY_FILE_NULL };

	take_settings(&run);
	dm_lock_take(&r->lock);
	if (relay_dirs_last(&r->dirs))
		run.sub = *relay_dirs_last(&r->dirs);
	dm_lock_drop(&r->lock);
	r->end = run_all(&run, &r->end_error);
	finish(&run);
	dm_mailbox_post(r->env.main_box, &r->ended);
	return NULL;
}
