/* relay-connect.c - from a host name to a running stream: which server, which directory, which place. */
#include <string.h>

#include "dm/clock.h"
#include "relay-run.h"

enum {
	CONNECT_MS = 10000,
	IO_MS = 20000, /* longest silence; the stream's own limit is in relay-run.c */
	HEARTBEAT_MS = 5000,
	MISSING_TRIES_MAX = 5,
	PRIVILEGE_MISSING = 1227,
};

static int fail_person(struct relay_run *run)
{
	run->end = RELAY_END_PERSON;
	return -1;
}

static int open_connection(struct relay_run *run, struct db_conn **ret, struct dm_error *reterr)
{
	const struct db_options options = { .scope = DM_SCOPE_UPSTREAM,
		.connect_timeout_ms = CONNECT_MS,
		.io_timeout_ms = IO_MS,
		.stop = &run->relay->stop,
		.charset = run->settings.charset[0] ? run->settings.charset : NULL };

	return db_connect(ret, &run->settings.from, &options, reterr);
}

static enum dm_flavor flavor_of(const struct relay_run *run)
{
	return db_server(run->conn)->flavor;
}

static int check_flavor(struct relay_run *run, struct dm_error *reterr)
{
	static const char *const names[] = { "unknown", "mysql", "mariadb" };

	if (run->settings.flavor == DM_FLAVOR_UNKNOWN || run->settings.flavor == flavor_of(run))
		return 0;
	dm_fail(reterr, DM_ERR_RELAY_WRONG_SERVER,
		"the configuration says flavor %s, but the upstream is %s",
		names[run->settings.flavor], db_server(run->conn)->version_text);
	return fail_person(run);
}

/* ---- the sub-directory ---- */

static void switch_dirs(struct relay *r, struct relay_dirs *dirs, const struct relay_sub_dir *sub)
{
	DM_LOCKED(&r->lock);
	relay_dirs_done(&r->dirs);
	r->dirs = *dirs;
	*dirs = (struct relay_dirs){ 0 };
	memcpy(r->status.sub_dir, sub->name, sizeof(r->status.sub_dir));
	r->status.received = (struct binlog_position){ .pos = BINLOG_MAGIC_SIZE };
	r->written = (struct relay_written){ true, sub->suffix, r->status.received };
	relay_cursors_wake(r);
}

/* A server that we do not know yet gets a directory of its own. */
static int enter_sub_dir(struct relay_run *run, const char *uuid, struct dm_error *reterr)
{
	struct relay *r = run->relay;
	DM_CLEANUP(relay_dirs_done) struct relay_dirs dirs = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str gtids = { 0 };

	if (run->sub.suffix != RELAY_SUFFIX_NONE && relay_sub_dir_is_of(&run->sub, uuid))
		return 0;
	relay_close_file(run);
	dm_lock_take(&r->lock);
	relay_dirs_copy(&r->dirs, &dirs);
	dm_lock_drop(&r->lock);
	if (relay_dirs_add(r->dir, &dirs, uuid, reterr) != 0) {
		run->end = RELAY_END_FAILED;
		return -1;
	}
	dm_log(DM_LOG_INFO, &r->log, "new upstream server, new relay sub-directory", "before",
		run->sub.name, "now", relay_dirs_last(&dirs)->name, NULL);
	run->sub = *relay_dirs_last(&dirs);
	run->at = (struct binlog_position){ .pos = BINLOG_MAGIC_SIZE };
	switch_dirs(r, &dirs, &run->sub);
	if (run->settings.enable_gtid && run->gtids.set)
		gtid_set_text(run->gtids.set, &gtids);
	relay_keep_submit(r, -1, run->sub.name, true, &run->at, dm_str_get(&gtids));
	return 0;
}

/* ---- what the upstream has ---- */

struct have {
	bool is_known;
	char first[BINLOG_NAME_MAX], last[BINLOG_NAME_MAX];
	uint64_t last_size;
	bool has_needed, has_overlap;
	uint64_t needed_size;
};

static void have_file(struct have *h, const struct relay_run *run, const char *name, uint64_t size,
	const struct binlog_position *needed)
{
	struct binlog_position p;

	binlog_position_set(&p, name, size);
	if (!h->is_known)
		memcpy(h->first, p.name, sizeof(h->first));
	memcpy(h->last, p.name, sizeof(h->last));
	h->last_size = size;
	h->is_known = true;
	if (dm_streq(p.name, needed->name)) {
		h->has_needed = true;
		h->needed_size = size;
	}
	h->has_overlap = h->has_overlap || (run->file.fd >= 0 && dm_streq(p.name, run->file_name));
}

static int ask_have(struct relay_run *run, const struct binlog_position *needed, struct have *ret,
	struct dm_error *reterr)
{
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;
	uint64_t size;

	*ret = (struct have){ 0 };
	if (db_query(run->conn, &r, reterr, "SHOW BINARY LOGS") != 0) {
		if (reterr->sql_errno != PRIVILEGE_MISSING)
			return -1;
		dm_log_error(DM_LOG_WARN, &run->relay->log, reterr,
			"may not list the upstream's binlogs, the dump itself has to tell", NULL);
		dm_error_done(reterr);
		return 0;
	}
	while (db_result_next(r))
		if (db_result_text(r, 0) && db_result_text(r, 1) &&
			dm_parse_u64(db_result_text(r, 1), &size) == 0)
			have_file(ret, run, db_result_text(r, 0), size, needed);
	return 0;
}

static int fail_purged(struct relay_run *run, const struct binlog_position *needed,
	const struct have *h, struct dm_error *reterr)
{
	dm_fail(reterr, DM_ERR_RELAY_UPSTREAM_PURGED,
		"the relay needs the upstream's binlog from (%s, %llu) on, but the upstream has it "
		"from (%s, 4) "
		"to (%s, %llu) only",
		needed->name, (unsigned long long)needed->pos, h->first, h->last,
		(unsigned long long)h->last_size);
	return fail_person(run);
}

/* The server says 1236 for some of these, and for others sends something else in silence. */
static int check_available(struct relay_run *run, const struct binlog_position *needed,
	const struct have *h, struct dm_error *reterr)
{
	char after_last[BINLOG_NAME_MAX];

	if (!h->is_known || (h->has_needed && needed->pos <= h->needed_size))
		return 0;
	/* Just rotated, and the server has not opened the next file yet. */
	if (needed->pos == BINLOG_MAGIC_SIZE && binlog_name_next(h->last, after_last) == 0 &&
		dm_streq(after_last, needed->name) && run->futile_tries < MISSING_TRIES_MAX) {
		run->futile_tries++;
		run->end = RELAY_END_RETRY;
		return dm_fail(reterr, DM_ERR_RELAY_START_POSITION,
			"start sync from position (%s, 4): the upstream has no such file yet",
			needed->name);
	}
	return fail_purged(run, needed, h, reterr);
}

/* ---- where to begin ---- */

/* Asks the server which file has the first transaction that is not in `set`. */
static int choose_by_gtid(
	struct relay_run *run, const struct gtid_set *set, struct dm_error *reterr)
{
	DM_CLEANUP(db_closep) struct db_conn *c = NULL;
	const struct db_stream_start start = { .server_id = run->relay->server_id,
		.flavor = flavor_of(run),
		.gtids = set,
		.heartbeat_ms = HEARTBEAT_MS };
	static const struct binlog_format unknown = { 0 };
	struct binlog_rotate rotate;
	struct binlog_header h;
	struct binlog_body body;
	const uint8_t *event = NULL;
	size_t len = 0;
	int r = open_connection(run, &c, reterr);

	if (r == 0)
		r = db_stream_start(c, &start, reterr);
	if (r == 0)
		r = db_stream_next(c, IO_MS, &event, &len, reterr);
	if (r == 0)
		return dm_fail_cause(reterr, DM_ERR_DB_INVALID_CONN,
			"invalid connection (no answer)", "database driver");
	if (r < 0)
		return -1;
	if (binlog_header_parse(event, len, &h) != 0 || h.type != EVENT_ROTATE ||
		binlog_body(&unknown, event, len, &body) != 0 ||
		binlog_rotate_parse(&body, &rotate) != 0)
		return dm_fail_cause(reterr, DM_ERR_RELAY_READ_EVENT,
			"no rotate event at the start", "TCPReader get relay event with error");
	binlog_position_set(&run->at, rotate.name, BINLOG_MAGIC_SIZE);
	return 0;
}

static int begin_by_gtid(struct relay_run *run, const struct gtid_set *set, struct dm_error *reterr)
{
	enum { PURGED = 1236 };
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(freep) char *cause = NULL;

	if (choose_by_gtid(run, set, reterr) == 0)
		return 0;
	if (reterr->sql_errno != PURGED)
		return -1;
	gtid_set_text(set, &text);
	cause = dm_strdup(reterr->raw_cause);
	dm_fail_cause(reterr, DM_ERR_RELAY_UPSTREAM_PURGED, cause,
		"the relay needs the upstream's binlog after GTID set %s", dm_str_get(&text));
	return fail_person(run);
}

static int begin_by_configured_gtid(struct relay_run *run, struct dm_error *reterr)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *set = NULL;
	size_t at;

	if (gtid_set_parse(&set, flavor_of(run), run->settings.binlog_gtid, &at) == 0)
		return begin_by_gtid(run, set, reterr);
	dm_fail(reterr, DM_ERR_RELAY_WRONG_SERVER,
		"relay-binlog-gtid %s is not of the upstream's flavor (%s)",
		run->settings.binlog_gtid, db_server(run->conn)->version_text);
	return fail_person(run);
}

static int begin_at_current_file(struct relay_run *run, struct dm_error *reterr)
{
	struct db_master_status status = { 0 };
	int r = db_master_status(run->conn, &status, reterr);

	if (r == 0)
		binlog_position_set(&run->at, status.position.name, BINLOG_MAGIC_SIZE);
	db_master_status_done(&status);
	return r;
}

static int begin_at_first_file(struct relay_run *run, struct dm_error *reterr)
{
	struct have have;

	if (ask_have(run, &run->at, &have, reterr) != 0)
		return -1;
	if (!have.is_known)
		return begin_at_current_file(run, reterr);
	binlog_position_set(&run->at, have.first, BINLOG_MAGIC_SIZE);
	return 0;
}

/* Nothing was received from this server yet. Always whole files, from 4 on. */
static int begin(struct relay_run *run, struct dm_error *reterr)
{
	const struct relay_settings *s = &run->settings;
	bool is_first = run->sub.suffix == 1;

	if (s->enable_gtid && is_first && s->binlog_gtid[0])
		return begin_by_configured_gtid(run, reterr);
	if (s->enable_gtid && !is_first && run->gtids.set)
		return begin_by_gtid(run, run->gtids.set, reterr);
	if (!is_first)
		return begin_at_first_file(run, reterr);
	if (s->enable_gtid || !s->binlog_name[0])
		return begin_at_current_file(run, reterr);
	if (!binlog_name_is_valid(s->binlog_name)) {
		dm_fail(reterr, DM_ERR_RELAY_BINLOG_NAME_NOT_VALID,
			"relay-binlog-name %s not valid", s->binlog_name);
		return fail_person(run);
	}
	binlog_position_set(&run->at, s->binlog_name, BINLOG_MAGIC_SIZE);
	return 0;
}

/* One event back, so that the server shows whether its file is the one we have. */
static void step_back(struct relay_run *run, const struct have *have)
{
	bool is_beyond = run->last_start > UINT32_MAX;

	if (run->file.fd < 0)
		return;
	if (run->rotated_to[0] && have->is_known && !have->has_overlap) {
		char next[BINLOG_NAME_MAX];

		memcpy(next, run->rotated_to, sizeof(next));
		relay_close_file(run); /* complete, and purged at the upstream since */
		binlog_position_set(&run->at, next, BINLOG_MAGIC_SIZE);
		return;
	}
	if (is_beyond)
		dm_log(DM_LOG_WARN, &run->relay->log,
			"a dump cannot begin beyond 4 GiB: the file is read again from its start "
			"and compared",
			"file", run->file_name, "size", DM_NUM(run->file.size), NULL);
	binlog_position_set(
		&run->at, run->file_name, is_beyond ? BINLOG_MAGIC_SIZE : run->last_start);
}

/* ---- all together ---- */

static int start_stream(struct relay_run *run, struct dm_error *reterr)
{
	struct db_stream_start start = { .server_id = run->relay->server_id,
		.flavor = flavor_of(run),
		.heartbeat_ms = HEARTBEAT_MS };
	struct binlog_position needed;
	struct have have;

	if (!run->at.name[0] && run->file.fd < 0 && begin(run, reterr) != 0)
		return -1;
	needed = relay_disk_position(run);
	if (!binlog_name_is_valid(needed.name)) { /* DM's layout has no room for such names */
		dm_fail(reterr, DM_ERR_BINLOG_FILE_NOT_VALID, "binlog file %s not valid",
			needed.name);
		return fail_person(run);
	}
	if (ask_have(run, &needed, &have, reterr) != 0 ||
		check_available(run, &needed, &have, reterr) != 0)
		return -1;
	step_back(run, &have);
	start.position = run->at;
	dm_log(DM_LOG_INFO, &run->relay->log, "relay starts to receive", "sub_dir", run->sub.name,
		"file", run->at.name, "pos", DM_NUM(run->at.pos), "have_file", needed.name,
		"have_pos", DM_NUM(needed.pos), NULL);
	return db_stream_start(run->conn, &start, reterr);
}

int relay_connect(struct relay_run *run, struct dm_error *reterr)
{
	struct relay *r = run->relay;
	char uuid[64];

	if (open_connection(run, &run->conn, reterr) != 0 || check_flavor(run, reterr) != 0 ||
		db_server_uuid(run->conn, uuid, reterr) != 0)
		return -1;
	if (run->settings.server_id != 0)
		r->server_id = run->settings.server_id;
	if (r->server_id == 0 && db_pick_server_id(run->conn, &r->server_id, reterr) != 0)
		return -1;
	if (enter_sub_dir(run, uuid, reterr) != 0 || start_stream(run, reterr) != 0)
		return -1;
	run->last_packet_mono_ms = dm_mono_ms();
	return 0;
}

void relay_disconnect(struct relay_run *run)
{
	db_closep(&run->conn);
	run->format = (struct binlog_format){ 0 };
	run->has_rotated = false;
	run->at = relay_disk_position(run);
}
