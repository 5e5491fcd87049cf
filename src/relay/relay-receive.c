/* relay-receive.c - what each event of the stream does: it is verified, then written or compared, never guessed. */
#include "relay-run.h"

#include <errno.h>
#include <string.h>

#include "dm/clock.h"
#include "relay-reader.h"

/* DM's words; clients look for them. */
#define CHECKSUM_MISMATCH "binlog checksum mismatch, data may be corrupted"

enum {
	SYNC_MS = 1000,
	SYNCS_PENDING_MAX = 4, /* files that wait for the keeper; then the relay thread waits */
	KEEPER_WAIT_MS = 1000,
	CREATED_AT = BINLOG_HEADER_SIZE + 2 +
		     50, /* in a format event; servers clear it in a later start */
	FORMAT_MAX = 4096,
};

/* ---- errors ---- */

static int fail_person(struct relay_run *run)
{
	run->end = RELAY_END_PERSON;
	return -1;
}

static int fail_corrupt(struct relay_run *run, const char *cause, struct dm_error *reterr)
{
	DM_CLEANUP(freep)
	char *text = dm_format("%s: event at (%s, %llu) of the upstream", cause, run->at.name,
		(unsigned long long)run->at.pos);

	dm_fail_cause(
		reterr, DM_ERR_RELAY_READ_EVENT, text, "TCPReader get relay event with error");
	dm_lock_take(&run->relay->lock);
	run->relay->status.corruptions++;
	dm_lock_drop(&run->relay->lock);
	run->end = RELAY_END_PERSON; /* relay-run.c asks for it once more before that counts */
	return -1;
}

static int fail_changed(
	struct relay_run *run, uint64_t at, const char *what, struct dm_error *reterr)
{
	dm_fail(reterr, DM_ERR_RELAY_UPSTREAM_CHANGED,
		"the upstream's %s is not the file that the relay has: %s at %llu; the relay has "
		"it up to "
		"%llu. Was RESET MASTER executed, or another server put in its place?",
		run->at.name, what, (unsigned long long)at, (unsigned long long)run->file.size);
	return fail_person(run);
}

static int fail_gap(struct relay_run *run, const char *name, uint64_t pos, struct dm_error *reterr)
{
	dm_fail(reterr, DM_ERR_RELAY_GAP,
		"the upstream went from (%s, %llu) to (%s, %llu): what is between is missing",
		run->at.name, (unsigned long long)run->at.pos, name, (unsigned long long)pos);
	return fail_person(run);
}

/* ---- room on the disk ---- */

static bool has_room(const struct relay *r, uint64_t bytes)
{
	return atomic_load(&r->keep.capacity) == 0 ||
	       atomic_load(&r->keep.available) >= r->space_reserve + bytes;
}

/* The reserve stays free, for relay.meta, checkpoints and the state of tasks. */
static int check_room(struct relay_run *run, uint64_t bytes, struct dm_error *reterr)
{
	struct relay *r = run->relay;

	run->unsampled_bytes += bytes;
	if (has_room(r, run->unsampled_bytes))
		return 0;
	relay_keep_measure(r);
	run->unsampled_bytes = bytes;
	if (has_room(r, bytes))
		return 0;
	dm_fail(reterr, DM_ERR_RELAY_NO_ROOM,
		"the disk of the relay directory %s has %llu bytes left, %llu are kept free; the "
		"relay goes on by "
		"itself when there are %llu",
		r->dir, (unsigned long long)atomic_load(&r->keep.available),
		(unsigned long long)r->space_reserve,
		(unsigned long long)r->space_reserve + RELAY_SPACE_RESUME);
	run->end = RELAY_END_DISK;
	return -1;
}

/* ---- writing ---- */

static int fail_write(struct relay_run *run)
{
	run->end = run->file.failed_errno == ENOSPC || run->file.failed_errno == EDQUOT
			   ? RELAY_END_DISK
			   : RELAY_END_FAILED;
	dm_lock_take(&run->relay->lock);
	run->relay->status.write_errors++;
	dm_lock_drop(&run->relay->lock);
	return -1;
}

static int flush_file(struct relay_run *run, struct dm_error *reterr)
{
	if (run->file.fd < 0 || run->file.len == 0)
		return 0;
	if (check_room(run, run->file.len, reterr) != 0)
		return -1;
	return relay_file_flush(&run->file, reterr) == 0 ? 0 : fail_write(run);
}

struct binlog_position relay_disk_position(const struct relay_run *run)
{
	struct binlog_position p = run->at;

	if (run->rotated_to[0])
		binlog_position_set(&p, run->rotated_to, BINLOG_MAGIC_SIZE);
	else if (run->file.fd >= 0)
		binlog_position_set(&p, run->file_name, run->file.written);
	return p;
}

static void submit(struct relay_run *run)
{
	DM_CLEANUP(dm_str_done) struct dm_str gtids = { 0 };
	struct binlog_position p = relay_disk_position(run);

	if (run->settings.enable_gtid && run->gtids.set)
		gtid_set_text(run->gtids.set, &gtids);
	relay_keep_submit(
		run->relay, run->file.fd, run->sub.name, run->is_file_new, &p, dm_str_get(&gtids));
	run->is_file_new = false;
	run->next_sync_mono_ms = 0;
}

void relay_sync(struct relay_run *run)
{
	if (run->next_sync_mono_ms != 0)
		submit(run);
}

void relay_close_file(struct relay_run *run)
{
	if (run->file.fd < 0)
		return;
	relay_sync(run);
	relay_file_close(&run->file);
	run->rotated_to[0] = '\0';
	while (!relay_keep_wait(run->relay, SYNCS_PENDING_MAX, KEEPER_WAIT_MS) &&
		dm_stop_level(&run->relay->stop) != DM_STOP_CUT)
		;
}

static void tell(struct relay_run *run, const struct binlog_position *p)
{
	struct relay *r = run->relay;
	struct relay_status *s = &r->status;

	DM_LOCKED(&r->lock);
	r->written = (struct relay_written){ true, run->sub.suffix, *p };
	s->received = *p;
	if (run->events > 0) {
		s->events += run->events;
		s->bytes += run->bytes;
		s->last_event_mono_ms = run->last_packet_mono_ms;
		s->last_event_timestamp = run->last_timestamp;
	}
	relay_cursors_wake(r);
}

int relay_publish(struct relay_run *run, struct dm_error *reterr)
{
	struct binlog_position p;
	int64_t now = dm_mono_ms();

	if (relay_keep_take_error(run->relay, reterr)) {
		run->end = RELAY_END_FAILED;
		return -1;
	}
	if (flush_file(run, reterr) != 0)
		return -1;
	if (run->events > 0) {
		p = relay_disk_position(run);
		tell(run, &p);
		run->events = run->bytes = 0;
		if (run->next_sync_mono_ms == 0)
			run->next_sync_mono_ms = now + SYNC_MS;
	}
	if (run->next_sync_mono_ms != 0 && run->next_sync_mono_ms <= now &&
		!relay_keep_is_busy(run->relay))
		submit(run);
	return 0;
}

static int create_file(struct relay_run *run, struct dm_error *reterr)
{
	DM_CLEANUP(freep)
	char *path = dm_format("%s/%s/%s", run->relay->dir, run->sub.name, run->at.name);

	if (check_room(run, BINLOG_MAGIC_SIZE, reterr) != 0)
		return -1;
	if (relay_file_create(&run->file, path, reterr) != 0)
		return fail_write(run);
	memcpy(run->file_name, run->at.name, sizeof(run->file_name));
	run->is_file_new = true;
	return 0;
}

static int append(struct relay_run *run, const struct binlog_header *h, const uint8_t *event,
	struct dm_error *reterr)
{
	if (run->settings.enable_gtid &&
		relay_gtids_event(&run->gtids, &run->format, h, event) != 0)
		return fail_corrupt(run, "the event cannot be read", reterr);
	if (run->file.len + h->size > (1U << 20) &&
		check_room(run, run->file.len + h->size, reterr) != 0)
		return -1;
	run->last_start = run->file.size;
	if (relay_file_append(&run->file, event, h->size, reterr) != 0)
		return fail_write(run);
	run->events++;
	run->bytes += h->size;
	if (h->timestamp != 0)
		run->last_timestamp = h->timestamp;
	return 0;
}

/* ---- comparing ---- */

static int compare(struct relay_run *run, const struct binlog_header *h, const uint8_t *event,
	struct dm_error *reterr)
{
	int r;

	if (run->at.pos + h->size > run->file.size)
		return fail_changed(
			run, run->at.pos, "an event does not end where ours does", reterr);
	r = relay_file_compare(&run->file, run->at.pos, event, h->size, reterr);
	if (r < 0) {
		run->end = RELAY_END_FAILED;
		return -1;
	}
	return r ? 0 : fail_changed(run, run->at.pos, "the bytes differ", reterr);
}

/* A start in the middle opens with a copy of the file's format event, without place and time of creation. */
static int compare_format(struct relay_run *run, const struct binlog_header *h,
	const uint8_t *event, struct dm_error *reterr)
{
	enum { TIMESTAMP_END = 4, SERVER_ID_AT = 5, END_POS_AT = 13, CREATED_SIZE = 4 };
	size_t tail = CREATED_AT + CREATED_SIZE;
	size_t checked = h->size - (run->format.has_checksum ? BINLOG_CHECKSUM_SIZE : 0);
	const struct {
		size_t from, to;
	} parts[] = { { 0, TIMESTAMP_END }, { SERVER_ID_AT, END_POS_AT },
		{ BINLOG_HEADER_SIZE, CREATED_AT }, { tail, checked } };

	if (run->file.fd < 0 || run->file.written <= BINLOG_MAGIC_SIZE)
		return 0;
	for (size_t i = 0; i < DM_COUNT_OF(parts); i++) {
		int r = relay_file_compare(&run->file, BINLOG_MAGIC_SIZE + parts[i].from,
			event + parts[i].from, parts[i].to - parts[i].from, reterr);

		if (r < 0) {
			run->end = RELAY_END_FAILED;
			return -1;
		}
		if (r == 0)
			return fail_changed(
				run, BINLOG_MAGIC_SIZE, "the format events differ", reterr);
	}
	return 0;
}

/* ---- events ---- */

/* The stream goes on in another file. */
static int enter_file(struct relay_run *run, const char *name, struct dm_error *reterr)
{
	char next[BINLOG_NAME_MAX];

	if (!binlog_name_is_valid(name)) {
		dm_fail(reterr, DM_ERR_BINLOG_FILE_NOT_VALID, "binlog file %s not valid", name);
		return fail_person(run);
	}
	if (run->file.fd >= 0 && run->at.pos < run->file.size)
		return fail_changed(run, run->at.pos, "it ends", reterr);
	if (binlog_name_next(run->at.name, next) != 0 || !dm_streq(next, name))
		return fail_gap(run, name, BINLOG_MAGIC_SIZE, reterr);
	if (flush_file(run, reterr) != 0)
		return -1;
	run->next_sync_mono_ms = 1; /* the end of the file is due now */
	relay_close_file(run);
	binlog_position_set(&run->at, name, BINLOG_MAGIC_SIZE);
	return 0;
}

static int fake_rotate(
	struct relay_run *run, const uint8_t *event, size_t len, struct dm_error *reterr)
{
	static const struct binlog_format unknown = { 0 };
	struct binlog_rotate rotate;
	struct binlog_body body;

	if (binlog_body(&unknown, event, len, &body) != 0 ||
		binlog_rotate_parse(&body, &rotate) != 0)
		return fail_corrupt(run, "rotate event cannot be read", reterr);
	if (!run->has_rotated) {
		run->has_rotated = true;
		return dm_streq(rotate.name, run->at.name) && rotate.pos == run->at.pos
			       ? 0
			       : fail_gap(run, rotate.name, rotate.pos, reterr);
	}
	if (dm_streq(rotate.name, run->at.name))
		return rotate.pos == run->at.pos ? 0
						 : fail_gap(run, rotate.name, rotate.pos, reterr);
	return enter_file(run, rotate.name, reterr);
}

static int real_rotate(
	struct relay_run *run, const uint8_t *event, size_t len, struct dm_error *reterr)
{
	struct binlog_rotate rotate;
	struct binlog_body body;

	if (binlog_body(&run->format, event, len, &body) != 0 ||
		binlog_rotate_parse(&body, &rotate) != 0)
		return fail_corrupt(run, "rotate event cannot be read", reterr);
	return enter_file(run, rotate.name, reterr);
}

/* An event of the file itself. */
static int file_event(struct relay_run *run, const struct binlog_header *h, const uint8_t *event,
	struct dm_error *reterr)
{
	if (h->end_pos != (uint32_t)(run->at.pos + h->size))
		return fail_gap(run, run->at.name, h->end_pos - (uint64_t)h->size, reterr);
	if (run->file.fd < 0 && run->at.pos == BINLOG_MAGIC_SIZE &&
		h->type == EVENT_FORMAT_DESCRIPTION) {
		if (create_file(run, reterr) != 0)
			return -1;
	} else if (run->file.fd < 0) {
		return fail_corrupt(run, "the file does not begin with a format event", reterr);
	}
	if (run->at.pos < run->file.size ? compare(run, h, event, reterr) != 0
					 : append(run, h, event, reterr) != 0)
		return -1;
	run->at.pos += h->size;
	return 0;
}

static bool is_artificial(const struct binlog_header *h)
{
	return (h->flags & BINLOG_FLAG_ARTIFICIAL) != 0;
}

static int format_event(struct relay_run *run, const struct binlog_header *h, const uint8_t *event,
	struct dm_error *reterr)
{
	bool is_copy = h->end_pos == 0 || is_artificial(h);
	struct binlog_format f;

	if (binlog_format_parse(event, h->size, &f) != 0)
		return fail_corrupt(run, "format event cannot be read", reterr);
	/* Of a copy without checksums, the servers do not renew the sum. */
	if (is_copy ? !binlog_checksum_is_right(&f, event, h->size)
		    : relay_format_read(event, h->size, &f) != 0)
		return fail_corrupt(run, CHECKSUM_MISMATCH, reterr);
	run->format = f;
	if (is_copy)
		return compare_format(run, h, event, reterr);
	return file_event(run, h, event, reterr);
}

int relay_take_event(
	struct relay_run *run, const uint8_t *event, size_t len, struct dm_error *reterr)
{
	struct binlog_header h;

	if (binlog_header_parse(event, len, &h) != 0 || h.size != len)
		return fail_corrupt(run, "bad event header", reterr);
	if (h.type == EVENT_HEARTBEAT || h.type == EVENT_HEARTBEAT_V2)
		return 0;
	if (h.type == EVENT_FORMAT_DESCRIPTION)
		return format_event(run, &h, event, reterr);
	if (h.type == EVENT_ROTATE && (is_artificial(&h) || h.timestamp == 0 || h.end_pos == 0))
		return fake_rotate(run, event, len, reterr);
	/* Made for a connection, in no file. MariaDB repeats how a file is encrypted at a start in its middle. */
	if (is_artificial(&h) || (h.type == EVENT_MARIADB_START_ENCRYPTION && h.end_pos == 0))
		return 0;
	if (!run->format.is_known)
		return fail_corrupt(run, "event before the format event", reterr);
	if (!binlog_checksum_is_right(&run->format, event, len))
		return fail_corrupt(run, CHECKSUM_MISMATCH, reterr);
	if (file_event(run, &h, event, reterr) != 0)
		return -1;
	return h.type == EVENT_ROTATE ? real_rotate(run, event, len, reterr) : 0;
}
