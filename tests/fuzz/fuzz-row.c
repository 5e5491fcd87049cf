/* fuzz-row.c - a binlog as a stream of events: table maps are kept, rows decoded, every byte of a value touched. */
#include <string.h>

#include "dm/row.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { ROWS_MAX = 1000 };

struct stream {
	struct binlog_format format;
	struct row_table table;
	struct row_decoder *decoder;
};

static unsigned int touch(const struct row_value *values, unsigned int count)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; values && i < count; i++) {
		if (values[i].kind < ROW_VALUE_NUMBER)
			continue;
		for (size_t k = 0; k < values[i].len; k++)
			sum += (unsigned char)values[i].bytes[k];
	}
	return sum;
}

static void read_rows(struct stream *s, uint8_t type, const struct binlog_body *body)
{
	const struct row_value *before, *after;
	unsigned int column, sum = 0;
	enum row_kind kind;

	if (row_decoder_begin(s->decoder, type, &s->format, body, &s->table, &kind) != 0)
		return;
	for (int i = 0; i < ROWS_MAX; i++) {
		if (row_decoder_next(s->decoder, &before, &after, &column) != 1)
			break;
		sum += touch(before, s->table.column_count) + touch(after, s->table.column_count);
	}
	__asm__ volatile("" : : "r"(sum));
}

static void read_table(struct stream *s, const struct binlog_body *body)
{
	struct row_table t;

	if (row_table_parse(&s->format, body, &t) != 0)
		return;
	row_table_done(&s->table);
	s->table = t;
}

static void read_event(struct stream *s, const uint8_t *event, size_t len)
{
	struct binlog_body body;

	if (binlog_body(&s->format, event, len, &body) != 0)
		return;
	if (event[4] == EVENT_FORMAT_DESCRIPTION)
		(void)binlog_format_parse(event, len, &s->format);
	else if (event[4] == EVENT_TABLE_MAP)
		read_table(s, &body);
	else if (s->table.columns)
		read_rows(s, event[4], &body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct stream s = { .decoder = row_decoder_new() };
	struct binlog_header h;

	if (len >= BINLOG_MAGIC_SIZE && memcmp(bytes, binlog_magic, BINLOG_MAGIC_SIZE) == 0) {
		bytes += BINLOG_MAGIC_SIZE;
		len -= BINLOG_MAGIC_SIZE;
	}
	while (binlog_header_parse(bytes, len, &h) == 0 && h.size <= len) {
		read_event(&s, bytes, h.size);
		bytes += h.size;
		len -= h.size;
	}
	row_table_done(&s.table);
	row_decoder_free(s.decoder);
	return 0;
}
