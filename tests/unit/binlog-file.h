/* binlog-file.h - walks a binlog file of tests/unit/data event by event, also into compressed transactions. */
#pragma once

#include <string.h>

#include "dm/binlog.h"
#include "dm/file.h"
#include "test.h"

struct binlog_walk {
	struct binlog_format
		*format; /* of the event at hand; that of a payload's events is another */
	struct binlog_header header;
	struct binlog_body body;
	const uint8_t *event;
	size_t len;
	bool is_in_payload;
};
typedef void (*binlog_visit)(const struct binlog_walk *w, void *arg);

static void walk_event(struct binlog_walk w, binlog_visit visit, void *arg);

static void walk_payload(const struct binlog_walk *w, binlog_visit visit, void *arg)
{
	struct binlog_format plain = *w->format;
	struct binlog_walk inner = { .format = &plain, .is_in_payload = true };
	struct binlog_payload *p = NULL;
	int r;

	plain.has_checksum = false;
	assert_int_equal(binlog_payload_open(&p, &w->body, 1 << 20), 0);
	while ((r = binlog_payload_next(p, &inner.event, &inner.len)) == 1)
		walk_event(inner, visit, arg);
	assert_int_equal(r, 0);
	binlog_payload_free(p);
}

static void walk_event(struct binlog_walk w, binlog_visit visit, void *arg)
{
	assert_int_equal(binlog_header_parse(w.event, w.len, &w.header), 0);
	if (w.header.type == EVENT_FORMAT_DESCRIPTION)
		assert_int_equal(binlog_format_parse(w.event, w.len, w.format), 0);
	assert_true(binlog_checksum_is_right(w.format, w.event, w.len));
	assert_int_equal(binlog_body(w.format, w.event, w.len, &w.body), 0);
	visit(&w, arg);
	if (w.header.type == EVENT_TRANSACTION_PAYLOAD)
		walk_payload(&w, visit, arg);
}

static void walk_bytes(const struct dm_str *file, binlog_visit visit, void *arg)
{
	struct binlog_format format = { 0 };
	struct binlog_header h;
	size_t at = BINLOG_MAGIC_SIZE;

	assert_true(file->len > at);
	assert_memory_equal(file->data, binlog_magic, BINLOG_MAGIC_SIZE);
	while (at < file->len) {
		struct binlog_walk w = { .format = &format,
			.event = (const uint8_t *)file->data + at };

		assert_int_equal(binlog_header_parse(w.event, file->len - at, &h), 0);
		assert_true(h.size <= file->len - at);
		w.len = h.size;
		walk_event(w, visit, arg);
		at += h.size;
		assert_int_equal(h.end_pos, at);
	}
}

static void read_data(const char *name, struct dm_str *file)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/data/%s", test_source_dir, name);

	if (dm_file_read(path, 1 << 22, file) != 0)
		fail_msg("cannot read %s", path);
}

static inline void walk_file(const char *name, binlog_visit visit, void *arg)
{
	DM_CLEANUP(dm_str_done) struct dm_str file = { 0 };

	read_data(name, &file);
	walk_bytes(&file, visit, arg);
}

/* Compares with a text file beside the binlog, and names the first line that differs. */
static inline void expect_file(const char *name, const struct dm_str *text)
{
	DM_CLEANUP(dm_str_done) struct dm_str expected = { 0 };
	const char *want, *have = dm_str_get(text);

	read_data(name, &expected);
	want = dm_str_get(&expected);
	for (int line = 1; *want || *have; line++) {
		size_t want_len = strcspn(want, "\n"), have_len = strcspn(have, "\n");

		if (want_len != have_len || memcmp(want, have, want_len) != 0)
			fail_msg("%s line %d:\nwant: %.*s\nhave: %.*s", name, line, (int)want_len,
				want, (int)have_len, have);
		want += want_len + (want[want_len] == '\n');
		have += have_len + (have[have_len] == '\n');
	}
}
