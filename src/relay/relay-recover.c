/* relay-recover.c - verifies the end of a sub-directory and cuts what is torn. */
#include "relay-recover.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "dm/file.h"
#include "dm/thread.h"
#include "relay-reader.h"

/* ---- one file ---- */

void relay_scan_done(struct relay_scan *s)
{
	relay_gtids_done(&s->gtids);
	*s = (struct relay_scan){ 0 };
}

void relay_recovery_done(struct relay_recovery *r)
{
	relay_gtids_done(&r->gtids);
	*r = (struct relay_recovery){ 0 };
}

/* What is wrong with an event, or NULL. */
static const char *check_event(struct binlog_format *f, const struct binlog_header *h,
	const uint8_t *event, uint64_t at, struct relay_scan *s)
{
	if (at == BINLOG_MAGIC_SIZE && relay_format_read(event, h->size, f) != 0)
		return "no format description event";
	if (!binlog_checksum_is_right(f, event, h->size))
		return "binlog checksum mismatch";
	if (h->end_pos != 0 && h->end_pos != (uint32_t)(at + h->size))
		return "position of the event does not fit";
	if (relay_gtids_event(&s->gtids, f, h, event) != 0)
		return "the event cannot be read";
	return NULL;
}

static void note_event(const struct binlog_format *f, const struct binlog_header *h,
	const uint8_t *event, uint64_t at, struct relay_scan *s)
{
	struct binlog_body body;

	s->last_start = at;
	s->end = at + h->size;
	if (h->timestamp != 0)
		s->last_timestamp = h->timestamp;
	s->rotate.name[0] = '\0';
	if (h->type == EVENT_ROTATE && binlog_body(f, event, h->size, &body) == 0)
		(void)binlog_rotate_parse(&body, &s->rotate); /* a strange one leaves no name */
}

static int scan_events(
	struct relay_reader *reader, const struct dm_stop *stop, struct relay_scan *s)
{
	struct binlog_format f = { 0 };
	struct binlog_header h;
	const uint8_t *event;

	for (;;) {
		uint64_t at = reader->at;
		int err = 0;

		if (stop && dm_stop_level(stop) != DM_STOP_NONE)
			return -ECANCELED;
		switch (relay_reader_next(reader, s->size, &event, &h, &err)) {
		case RELAY_NEXT_EVENT:
			s->fault = check_event(&f, &h, event, at, s);
			if (s->fault)
				return 0;
			note_event(&f, &h, event, at, s);
			break;
		case RELAY_NEXT_END:
			return 0;
		case RELAY_NEXT_SHORT:
			s->fault = "the event is not whole";
			return 0;
		case RELAY_NEXT_BAD:
			s->fault = "no event";
			return 0;
		case RELAY_NEXT_ERROR:
			return -err;
		}
	}
}

static void reader_closep(struct relay_reader *r)
{
	relay_reader_close(r);
}

int relay_scan_file(const char *path, const struct dm_stop *stop, struct relay_scan *ret)
{
	DM_CLEANUP(reader_closep) struct relay_reader reader = RELAY_READER_NULL;
	DM_CLEANUP(relay_scan_done) struct relay_scan s = { 0 };
	struct stat st = { 0 };
	int r = relay_reader_open(&reader, path);

	if (r == 0 && fstat(reader.fd, &st) != 0)
		r = -errno;
	if (r == 0)
		r = relay_reader_check_magic(&reader);
	if (r != 0 && r != -EBADMSG)
		return r;
	s.size = (uint64_t)st.st_size;
	if (r == -EBADMSG) {
		s.fault = s.size == 0 ? "the file is empty" : "no binlog magic";
	} else {
		s.end = BINLOG_MAGIC_SIZE;
		r = scan_events(&reader, stop, &s);
		if (r != 0)
			return r;
	}
	relay_scan_done(ret);
	*ret = s;
	s = (struct relay_scan){ 0 };
	return 0;
}

/* ---- a sub-directory ---- */

struct recovery {
	const char *sub_path;
	const struct dm_log_context *log;
	struct relay_binlogs files;
	size_t last; /* the file in `scan` */
	struct relay_scan scan;
	struct relay_recovery *ret;
};

static int fail_recovery(const char *path, int err, struct dm_error *reterr)
{
	return dm_fail_errno(reterr, DM_ERR_RELAY_RECOVER, err, "recover relay log file %s", path);
}

static char *file_path(const struct recovery *r, size_t i)
{
	return dm_format("%s/%s", r->sub_path, r->files.list[i].name);
}

/* Where verification begins: the file of relay.meta, or the nearest one before it, or the first of all. */
static size_t first_to_verify(const struct relay_binlogs *files, const struct relay_meta *meta)
{
	uint64_t number;
	size_t i = files->count - 1;

	if (!meta || binlog_name_number(meta->position.name, &number) != 0)
		return i;
	while (i > 0 && files->list[i].number > number)
		i--;
	return i;
}

static bool files_join(
	const struct relay_scan *s, const struct relay_binlog *a, const struct relay_binlog *b)
{
	if (s->fault)
		return false;
	if (s->rotate.name[0])
		return dm_streq(s->rotate.name, b->name);
	return a->number + 1 == b->number; /* the upstream ended without a rotate event */
}

static int remove_file(struct recovery *r, size_t i, const char *why, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *path = file_path(r, i);

	dm_log(DM_LOG_WARN, r->log, "relay log file is removed and fetched again", "file", path,
		"size", DM_NUM(r->files.list[i].size), "reason", why, NULL);
	if (unlink(path) != 0)
		return fail_recovery(path, errno, reterr);
	r->ret->removed_files++;
	r->ret->cut_bytes += r->files.list[i].size;
	return 0;
}

static int cut_file(struct recovery *r, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *path = file_path(r, r->last);
	DM_CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
	uint64_t cut = r->scan.size - r->scan.end;

	dm_log(DM_LOG_WARN, r->log, "torn end of relay log file is cut off and fetched again",
		"file", path, "size", DM_NUM(r->scan.size), "kept", DM_NUM(r->scan.end), "cut",
		DM_NUM(cut), "reason", r->scan.fault, NULL);
	if (fd < 0 || ftruncate(fd, (off_t)r->scan.end) != 0 || fsync(fd) != 0)
		return fail_recovery(path, errno, reterr);
	r->ret->cut_bytes += cut;
	return 0;
}

/* Scans from file `i` on to the last one that joins. */
static int scan_from(
	struct recovery *r, size_t i, const struct dm_stop *stop, struct dm_error *reterr)
{
	for (;; i++) {
		DM_CLEANUP(freep) char *path = file_path(r, i);
		int err = relay_scan_file(path, stop, &r->scan);

		r->last = i;
		if (err != 0)
			return fail_recovery(path, err, reterr);
		if (i + 1 == r->files.count ||
			!files_join(&r->scan, &r->files.list[i], &r->files.list[i + 1]))
			return 0;
	}
}

/* Removes and cuts until the last file is whole; none may be left. */
static int repair(
	struct recovery *r, size_t from, const struct dm_stop *stop, struct dm_error *reterr)
{
	for (;;) {
		bool is_usable;

		if (scan_from(r, from, stop, reterr) != 0)
			return -1;
		for (; r->files.count > r->last + 1; r->files.count--)
			if (remove_file(r, r->files.count - 1,
				    "it does not join the file before it", reterr) != 0)
				return -1;
		is_usable = r->scan.end > BINLOG_MAGIC_SIZE;
		if (is_usable)
			return r->scan.fault ? cut_file(r, reterr) : 0;
		if (remove_file(r, r->last, r->scan.fault ? r->scan.fault : "it has no event",
			    reterr) != 0)
			return -1;
		binlog_position_set(&r->ret->next, r->files.list[r->last].name, BINLOG_MAGIC_SIZE);
		r->files.count = r->last;
		if (r->files.count == 0)
			return 0;
		from = r->last - 1;
	}
}

static void compare_with_meta(const struct recovery *r, const struct relay_meta *meta)
{
	const struct binlog_position *next = &r->ret->next;

	if (!meta || !meta->position.name[0] || binlog_position_compare(next, &meta->position) >= 0)
		return;
	dm_log(DM_LOG_WARN, r->log,
		"relay.meta is ahead of the files, its difference is fetched again", "meta_file",
		meta->position.name, "meta_pos", DM_NUM(meta->position.pos), "file", next->name,
		"pos", DM_NUM(next->pos), NULL);
}

static void take_last_file(struct recovery *r)
{
	struct relay_recovery *ret = r->ret;

	binlog_position_set(&ret->file, r->files.list[r->last].name, r->scan.end);
	ret->last_start = r->scan.last_start;
	ret->next = ret->file;
	if (r->scan.rotate.name[0])
		binlog_position_set(&ret->next, r->scan.rotate.name, BINLOG_MAGIC_SIZE);
	ret->gtids = r->scan.gtids;
	r->scan.gtids = (struct relay_gtids){ 0 };
}

static void recovery_clear(struct recovery *r)
{
	relay_binlogs_done(&r->files);
	relay_scan_done(&r->scan);
}

int relay_recover(const char *sub_path, const struct relay_meta *meta, const struct dm_stop *stop,
	const struct dm_log_context *log, struct relay_recovery *ret, struct dm_error *reterr)
{
	DM_CLEANUP(recovery_clear)
	struct recovery r = { .sub_path = sub_path, .log = log, .ret = ret };

	*ret = (struct relay_recovery){ 0 };
	if (relay_binlogs_list(sub_path, &r.files, reterr) != 0)
		return -1;
	if (r.files.count > 0 && repair(&r, first_to_verify(&r.files, meta), stop, reterr) != 0)
		return -1;
	if (r.files.count > 0)
		take_last_file(&r);
	else if (!ret->next.name[0] && meta && binlog_name_is_valid(meta->position.name))
		binlog_position_set(&ret->next, meta->position.name, BINLOG_MAGIC_SIZE);
	if (ret->removed_files > 0 && dm_dir_sync(sub_path) != 0)
		return fail_recovery(sub_path, errno, reterr);
	compare_with_meta(&r, meta);
	return 0;
}
