/* relay-cursor.c - reads events from the relay's files and follows the writer. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "dm/clock.h"
#include "relay-private.h"
#include "relay-reader.h"

enum { FLAG_SUPPRESS_USE = 0x0008 };

struct relay_cursor {
	struct relay *relay;
	struct relay_cursor *next, **link; /* guarded by the relay's lock, like the next three */
	bool is_waiting;
	unsigned int held_suffix; /* this file and what follows must stay */
	uint64_t held_number;
	int wake_fd; /* eventfd, written when the writer went on and is_waiting */

	unsigned int suffix; /* RELAY_SUFFIX_NONE: the first sub-directory, when there is one */
	char sub_dir[RELAY_SUB_DIR_MAX];
	char name[BINLOG_NAME_MAX]; /* without suffix; "": the first file of the sub-directory */
	char shown[BINLOG_NAME_MAX]; /* with suffix */
	uint64_t number;
	uint64_t start; /* where to go on behind the format event */
	struct relay_reader reader;
	bool is_active; /* the writer is in this file */
	uint64_t limit; /* bytes that may be read */
	struct binlog_format
		format; /* is_known once the format event of this file was handed out */
};

/* ---- what purge and writer see; with the lock ---- */

void relay_cursors_wake(struct relay *r)
{
	for (struct relay_cursor *c = r->cursors; c; c = c->next) {
		uint64_t one = 1;

		if (!c->is_waiting)
			continue;
		c->is_waiting = false;
		(void)!write(c->wake_fd, &one, sizeof(one)); /* EAGAIN: it is readable already */
	}
}

bool relay_cursors_oldest(const struct relay *r, unsigned int *ret_suffix, uint64_t *ret_number)
{
	bool has_any = false;

	for (const struct relay_cursor *c = r->cursors; c; c = c->next) {
		if (has_any &&
			(c->held_suffix > *ret_suffix ||
				(c->held_suffix == *ret_suffix && c->held_number >= *ret_number)))
			continue;
		*ret_suffix = c->held_suffix;
		*ret_number = c->held_number;
		has_any = true;
	}
	return has_any;
}

/* ---- errors ---- */

static enum relay_read fail_parse(struct relay_cursor *c, const char *why, struct dm_error *reterr)
{
	dm_fail_cause(reterr, DM_ERR_PARSE_RELAY_LOG, why,
		"parse relay log file %s/%s/%s at %" PRIu64, c->relay->dir, c->sub_dir, c->name,
		c->reader.at);
	return RELAY_READ_FAILED;
}

static int fail_gone(struct relay_cursor *c, const char *have, struct dm_error *reterr)
{
	return dm_fail(reterr, DM_ERR_RELAY_CURSOR_PURGED,
		"the relay log is needed from (%s, %" PRIu64
		") on, but %s/%s has no %s, it has files from (%s, 4) on",
		c->shown, c->start, c->relay->dir, c->sub_dir, c->name, have);
}

/* ---- where files are ---- */

static void set_file(struct relay_cursor *c, const char *name)
{
	struct relay *r = c->relay;

	memset(c->name, 0, sizeof(c->name));
	memcpy(c->name, name, strlen(name));
	c->number = 0;
	(void)binlog_name_number(name, &c->number); /* "" has none */
	if (binlog_name_join(name, c->suffix, c->shown) != 0)
		memcpy(c->shown, c->name, sizeof(c->shown));
	c->start = BINLOG_MAGIC_SIZE;
	c->limit = 0;
	c->is_active = false;
	c->format = (struct binlog_format){ 0 };
	fd_closep(&c->reader.fd);
	DM_LOCKED(&r->lock);
	c->held_suffix = c->suffix;
	c->held_number = c->number;
}

static void set_sub_dir(struct relay_cursor *c, const struct relay_sub_dir *sub)
{
	c->suffix = sub->suffix;
	memcpy(c->sub_dir, sub->name, sizeof(c->sub_dir));
}

static int list_files(struct relay_cursor *c, struct relay_binlogs *ret, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *path = relay_sub_path(c->relay, c->sub_dir);

	return relay_binlogs_list(path, ret, reterr);
}

/* The file is missing: which is the first one behind it? */
static int fail_missing(struct relay_cursor *c, struct dm_error *reterr)
{
	DM_CLEANUP(relay_binlogs_done) struct relay_binlogs files = { 0 };
	char have[BINLOG_NAME_MAX] = "";

	if (list_files(c, &files, reterr) != 0)
		return -1;
	if (files.count > 0 && files.list[0].number < c->number)
		return dm_fail_errno(reterr, DM_ERR_GET_RELAY_LOG_STAT, ENOENT,
			"get stat for relay log %s/%s/%s", c->relay->dir, c->sub_dir, c->name);
	if (files.count > 0)
		(void)binlog_name_join(
			files.list[0].name, c->suffix, have); /* listed names are valid */
	return fail_gone(c, have, reterr);
}

/* ---- how far ---- */

enum reach { REACH_READ, REACH_WAIT, REACH_PICK_SUB_DIR, REACH_PICK_FILE };

/* Compares with the writer. If there is nothing to do but wait, the writer will wake us from now on. */
static enum reach reach(struct relay_cursor *c)
{
	struct relay *r = c->relay;
	const struct relay_written *w = &r->written;
	uint64_t number = 0;
	bool is_here;

	DM_LOCKED(&r->lock);
	c->is_waiting = true;
	if (!w->is_known || w->suffix == RELAY_SUFFIX_NONE)
		return REACH_WAIT;
	if (c->suffix == RELAY_SUFFIX_NONE)
		return REACH_PICK_SUB_DIR;
	is_here = w->suffix == c->suffix;
	(void)binlog_name_number(w->position.name, &number); /* "" stays 0 */
	if (c->suffix > w->suffix || (is_here && c->number > number) ||
		(is_here && !w->position.name[0]))
		return REACH_WAIT;
	if (!c->name[0])
		return REACH_PICK_FILE;
	c->is_active = is_here && c->number == number;
	if (c->is_active && c->reader.fd < 0 && w->position.pos <= BINLOG_MAGIC_SIZE &&
		c->start <= BINLOG_MAGIC_SIZE)
		return REACH_WAIT; /* the file may not be there yet */
	if (c->is_active && w->position.pos <= c->reader.at && c->limit == w->position.pos)
		return REACH_WAIT;
	if (c->is_active)
		c->limit = w->position.pos;
	c->is_waiting = false;
	return REACH_READ;
}

static void pick_sub_dir(struct relay_cursor *c)
{
	struct relay *r = c->relay;
	struct relay_sub_dir sub = { 0 };
	char name[BINLOG_NAME_MAX];
	uint64_t start = c->start;

	dm_lock_take(&r->lock);
	if (relay_dirs_last(&r->dirs))
		sub = *relay_dirs_last(&r->dirs);
	dm_lock_drop(&r->lock);
	set_sub_dir(c, &sub);
	memcpy(name, c->name, sizeof(name));
	set_file(c, name);
	c->start = start;
}

static int pick_first_file(struct relay_cursor *c, bool *ret_found, struct dm_error *reterr)
{
	DM_CLEANUP(relay_binlogs_done) struct relay_binlogs files = { 0 };

	if (list_files(c, &files, reterr) != 0)
		return -1;
	*ret_found = files.count > 0;
	if (*ret_found)
		set_file(c, files.list[0].name);
	return 0;
}

/* ---- opening and switching ---- */

/* 1, or -1 with an error. */
static int open_file(struct relay_cursor *c, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/%s/%s", c->relay->dir, c->sub_dir, c->name);
	struct stat st;
	int r;

	r = relay_reader_open(&c->reader, path);
	if (r == -ENOENT)
		return fail_missing(c, reterr);
	if (r == 0 && fstat(c->reader.fd, &st) != 0)
		r = -errno;
	if (r == 0 && !c->is_active)
		c->limit = (uint64_t)st.st_size;
	if (r == 0 && c->limit >= BINLOG_MAGIC_SIZE)
		r = relay_reader_check_magic(&c->reader);
	if (r == -EBADMSG)
		return dm_fail_cause(reterr, DM_ERR_PARSE_RELAY_LOG, "no binlog magic",
			"parse relay log file %s", path);
	if (r != 0)
		return dm_fail_errno(
			reterr, DM_ERR_GET_RELAY_LOG_STAT, r, "get stat for relay log %s", path);
	if (c->start > c->limit && c->start > BINLOG_MAGIC_SIZE)
		return dm_fail(reterr, DM_ERR_RELAY_POS_TOO_BIG,
			"the given relay log pos (%s, %" PRIu64
			") of meta config is too big, please check it again: the relay has it up "
			"to %" PRIu64,
			c->shown, c->start, c->limit);
	return 1;
}

static int next_sub_dir(struct relay_cursor *c, struct dm_error *reterr)
{
	struct relay *r = c->relay;
	struct relay_sub_dir sub = { 0 };

	dm_lock_take(&r->lock);
	if (relay_dirs_find(&r->dirs, c->suffix + 1))
		sub = *relay_dirs_find(&r->dirs, c->suffix + 1);
	dm_lock_drop(&r->lock);
	if (sub.suffix == RELAY_SUFFIX_NONE)
		return dm_fail(reterr, DM_ERR_NO_SUB_DIR_TO_SWITCH,
			"parse for previous sub relay directory finished, but no next sub "
			"directory need to "
			"switch not supported");
	set_sub_dir(c, &sub);
	set_file(c, "");
	return 0;
}

/* A file that the writer has left was read to its end. 1: go on. 0: it ends in the middle of an event. */
static int next_file(struct relay_cursor *c, bool is_whole, struct dm_error *reterr)
{
	DM_CLEANUP(relay_binlogs_done) struct relay_binlogs files = { 0 };
	char next[BINLOG_NAME_MAX];
	size_t i = 0;
	bool is_last_dir;

	if (list_files(c, &files, reterr) != 0)
		return -1;
	while (i < files.count && files.list[i].number <= c->number)
		i++;
	dm_lock_take(&c->relay->lock);
	is_last_dir = c->relay->written.suffix == c->suffix;
	dm_lock_drop(&c->relay->lock);
	if (!is_whole && (i < files.count || is_last_dir))
		return 0;
	if (i == files.count && !is_last_dir)
		return next_sub_dir(c, reterr) == 0 ? 1 : -1;
	if (binlog_name_next(c->name, next) != 0)
		return 0;
	if (i < files.count && files.list[i].number != c->number + 1) {
		set_file(c, next);
		return fail_missing(c, reterr);
	}
	set_file(c, i < files.count ? files.list[i].name : next);
	return 1;
}

/* ---- events ---- */

/* DM fills holes with events that the upstream never sent; its own have this pair of flags never. */
static bool is_dummy(const struct binlog_header *h)
{
	const unsigned int flags = BINLOG_FLAG_RELAY_LOG | FLAG_SUPPRESS_USE;

	return (h->flags & flags) == flags && (h->type == EVENT_QUERY || h->type == EVENT_USER_VAR);
}

static void fill_event(const struct relay_cursor *c, const struct binlog_header *h,
	const uint8_t *bytes, uint64_t start, uint64_t end, struct relay_event *ret)
{
	ret->bytes = bytes;
	ret->len = h->size;
	ret->header = *h;
	ret->format = &c->format;
	memcpy(ret->start.name, c->shown, sizeof(ret->start.name));
	memcpy(ret->end.name, c->shown, sizeof(ret->end.name));
	ret->start.pos = start;
	ret->end.pos = end;
}

enum step { STEP_EVENT, STEP_AGAIN, STEP_END, STEP_SHORT, STEP_FAILED };

static enum step take_event(struct relay_cursor *c, const struct binlog_header *h,
	const uint8_t *bytes, struct relay_event *ret, struct dm_error *reterr)
{
	uint64_t end = c->reader.at, start = end - h->size;
	bool is_format = !c->format.is_known;

	if (is_format && relay_format_read(bytes, h->size, &c->format) != 0) {
		c->reader.at = start;
		(void)fail_parse(c, "no format description event", reterr);
		return STEP_FAILED;
	}
	if (!binlog_checksum_is_right(&c->format, bytes, h->size)) {
		c->reader.at = start;
		(void)fail_parse(c, "binlog checksum mismatch, data may be corrupted", reterr);
		return STEP_FAILED;
	}
	if (!is_format && is_dummy(h))
		return STEP_AGAIN;
	fill_event(c, h, bytes, start, end, ret);
	if (is_format && c->start > end) {
		ret->end.pos = c->start; /* a start in the middle; the format event moves nothing */
		c->reader.at = c->start;
	}
	return STEP_EVENT;
}

static enum step read_event(
	struct relay_cursor *c, struct relay_event *ret, struct dm_error *reterr)
{
	struct binlog_header h;
	const uint8_t *bytes;
	int err = 0;

	switch (relay_reader_next(&c->reader, c->limit, &bytes, &h, &err)) {
	case RELAY_NEXT_EVENT:
		return take_event(c, &h, bytes, ret, reterr);
	case RELAY_NEXT_END:
		return STEP_END;
	case RELAY_NEXT_SHORT:
		return STEP_SHORT;
	case RELAY_NEXT_BAD:
		(void)fail_parse(c, "no event header", reterr);
		return STEP_FAILED;
	case RELAY_NEXT_ERROR:
		(void)fail_parse(c, strerrordesc_np(err), reterr);
		return STEP_FAILED;
	}
	return STEP_FAILED;
}

/* ---- the public face ---- */

static int wait_writer(
	struct relay_cursor *c, const struct dm_stop *stop, int64_t deadline_ms, int timeout_ms)
{
	int64_t left = timeout_ms < 0 ? -1 : deadline_ms - dm_mono_ms();
	uint64_t count;
	int r;

	if (timeout_ms >= 0 && left < 0)
		left = 0;
	r = dm_stop_poll(stop, DM_STOP_DRAIN, c->wake_fd, POLLIN, (int)left);
	if (r > 0)
		(void)!read(c->wake_fd, &count, sizeof(count)); /* lowered for the next wait */
	return r;
}

/* What to do when the cached limit is reached: 1 go on, 0 wait, -1 failed. */
static int go_further(struct relay_cursor *c, bool is_whole, struct dm_error *reterr)
{
	bool was_closed = !c->is_active && c->reader.fd >= 0;
	bool found;
	int r;

	if (was_closed) {
		struct stat st;

		/* It may have grown between our look at the writer and at its size. */
		if (fstat(c->reader.fd, &st) == 0 && (uint64_t)st.st_size > c->limit) {
			c->limit = (uint64_t)st.st_size;
			return 1;
		}
		r = next_file(c, is_whole, reterr);
		if (r == 0)
			(void)fail_parse(c, "the last event is not whole", reterr);
		return r > 0 ? 1 : -1;
	}
	switch (reach(c)) {
	case REACH_WAIT:
		return 0;
	case REACH_PICK_SUB_DIR:
		pick_sub_dir(c);
		return 1;
	case REACH_PICK_FILE:
		if (pick_first_file(c, &found, reterr) != 0)
			return -1;
		return found;
	case REACH_READ:
		break;
	}
	if (c->reader.fd >= 0) {
		struct stat st;

		if (!c->is_active && fstat(c->reader.fd, &st) == 0)
			c->limit = (uint64_t)st.st_size; /* the writer has left it */
		return 1;
	}
	return open_file(c, reterr);
}

enum relay_read relay_cursor_next(struct relay_cursor *c, const struct dm_stop *stop,
	int timeout_ms, struct relay_event *ret, struct dm_error *reterr)
{
	int64_t deadline_ms = timeout_ms > 0 ? dm_mono_ms() + timeout_ms : 0;

	for (;;) {
		enum step step = c->reader.fd >= 0 ? read_event(c, ret, reterr) : STEP_END;
		int r;

		if (step == STEP_EVENT)
			return RELAY_READ_EVENT;
		if (step == STEP_FAILED)
			return RELAY_READ_FAILED;
		if (step == STEP_AGAIN)
			continue;
		if (step == STEP_SHORT && c->is_active)
			return fail_parse(c, "no event begins there", reterr);
		r = go_further(c, step == STEP_END, reterr);
		if (r < 0)
			return RELAY_READ_FAILED;
		if (r > 0)
			continue;
		r = wait_writer(c, stop, deadline_ms, timeout_ms);
		if (r == -ECANCELED)
			return RELAY_READ_STOPPED;
		if (r == 0)
			return RELAY_READ_TIMEOUT;
		if (r < 0)
			return fail_parse(c, strerrordesc_np(-r), reterr);
	}
}

static int find_sub_dir(struct relay_cursor *c, unsigned int suffix, struct dm_error *reterr)
{
	struct relay *r = c->relay;
	struct relay_sub_dir sub = { .suffix = suffix };
	unsigned int first = 0;

	dm_lock_take(&r->lock);
	if (r->dirs.count > 0)
		first = r->dirs.list[0].suffix;
	if (suffix == RELAY_SUFFIX_NONE && r->dirs.count > 0)
		sub = *relay_dirs_last(&r->dirs);
	else if (relay_dirs_find(&r->dirs, suffix))
		sub = *relay_dirs_find(&r->dirs, suffix);
	dm_lock_drop(&r->lock);
	if (suffix != RELAY_SUFFIX_NONE && !sub.name[0])
		return dm_fail(reterr, DM_ERR_BINLOG_PARSE_POSITION,
			"UUID suffix %06u not found, the oldest relay sub-directory has %06u",
			suffix, first);
	set_sub_dir(c, &sub);
	return 0;
}

static int open_at(
	struct relay_cursor *c, const struct binlog_position *from, struct dm_error *reterr)
{
	char plain[BINLOG_NAME_MAX];
	unsigned int suffix;
	int r;

	if (binlog_name_split(from->name, plain, &suffix) != 0)
		return dm_fail(reterr, DM_ERR_BINLOG_FILE_NOT_VALID, "binlog file %s not valid",
			from->name);
	if (find_sub_dir(c, suffix, reterr) != 0)
		return -1;
	set_file(c, plain);
	c->start = from->pos < BINLOG_MAGIC_SIZE ? BINLOG_MAGIC_SIZE : from->pos;
	r = go_further(c, true, reterr); /* what is known to be wrong now is said now */
	return r < 0 ? -1 : 0;
}

int relay_cursor_open(struct relay_cursor **ret, struct relay *r,
	const struct binlog_position *from, struct dm_error *reterr)
{
	struct relay_cursor *c = dm_alloc(sizeof(*c));

	c->relay = r;
	c->reader = (struct relay_reader)RELAY_READER_NULL;
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	dm_lock_take(&r->lock);
	c->next = r->cursors;
	c->link = &r->cursors;
	if (c->next)
		c->next->link = &c->next;
	r->cursors = c;
	dm_lock_drop(&r->lock);
	if (c->wake_fd < 0)
		dm_fail_errno(reterr, DM_ERR_GET_RELAY_LOG_STAT, errno, "get stat for relay log %s",
			from->name);
	if (c->wake_fd < 0 || open_at(c, from, reterr) != 0) {
		relay_cursor_free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

void relay_cursor_free(struct relay_cursor *c)
{
	if (!c)
		return;
	dm_lock_take(&c->relay->lock);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	dm_lock_drop(&c->relay->lock);
	relay_reader_close(&c->reader);
	fd_closep(&c->wake_fd);
	free(c);
}
