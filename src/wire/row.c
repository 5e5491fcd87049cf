/* row.c - rows events: images of rows, column by column. */
#include "dm/row.h"

#include "compress.h"
#include "cursor.h"
#include "row-json.h"
#include "row-value.h"

enum { OPTION_PARTIAL_JSON = 1, EXTRA_LEN_SIZE = 2 };

/* One of the (up to two) images of a row. */
struct image {
	const uint8_t *present; /* bitmap of the columns that it has */
	unsigned int present_count;
	struct row_value *values; /* owned; column_count of them */
};
struct row_decoder {
	const struct row_table *table; /* the caller's */
	enum row_kind kind;
	bool is_partial; /* event 39 */
	bool has_begun; /* a row was read, so that nothing more is the end */
	int error; /* stays once met */
	struct cursor c;
	struct dm_str unpacked; /* MariaDB's compressed rows */
	struct image before, after;
	unsigned int values_cap;
	struct row_value *documents; /* owned; binary JSON of `before`, for partial updates */
	struct row_arena arena;
	struct dm_str text;
};

struct row_decoder *row_decoder_new(void)
{
	return dm_alloc(sizeof(struct row_decoder));
}

void row_decoder_free(struct row_decoder *d)
{
	if (!d)
		return;
	dm_str_done(&d->unpacked);
	dm_str_done(&d->text);
	free(d->before.values);
	free(d->after.values);
	free(d->documents);
	row_arena_done(&d->arena);
	free(d);
}

static bool is_update(uint8_t type)
{
	return type == EVENT_UPDATE_ROWS_V1 || type == EVENT_UPDATE_ROWS ||
	       type == EVENT_PARTIAL_UPDATE_ROWS ||
	       type == EVENT_MARIADB_UPDATE_ROWS_COMPRESSED_V1 ||
	       type == EVENT_MARIADB_UPDATE_ROWS_COMPRESSED;
}

static bool is_delete(uint8_t type)
{
	return type == EVENT_DELETE_ROWS_V1 || type == EVENT_DELETE_ROWS ||
	       type == EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1 ||
	       type == EVENT_MARIADB_DELETE_ROWS_COMPRESSED;
}

/* Version 1 has no extra data behind the flags. */
static bool is_version_1(uint8_t type)
{
	return (type >= EVENT_WRITE_ROWS_V1 && type <= EVENT_DELETE_ROWS_V1) ||
	       (type >= EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1 &&
		       type <= EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1);
}

/* Table id and flags, and past the extra data. */
static int read_post_header(uint8_t type, const struct binlog_format *f, struct cursor *c,
	uint64_t *ret_id, uint16_t *ret_flags)
{
	bool has_short_id;

	if (!binlog_type_is_rows(type))
		return -EINVAL;
	has_short_id = type <= f->post_header_count && f->post_header[type - 1] == 6;
	*ret_id = cursor_uint(c, has_short_id ? 4 : 6);
	*ret_flags = cursor_u16(c);
	if (!is_version_1(type)) {
		uint16_t extra = cursor_u16(c); /* counts itself */

		if (extra < EXTRA_LEN_SIZE)
			return -EBADMSG;
		cursor_skip(c, extra - EXTRA_LEN_SIZE);
	}
	return cursor_error(c);
}

int row_event_table_id(uint8_t type, const struct binlog_format *f, const struct binlog_body *body,
	uint64_t *ret_id, uint16_t *ret_flags)
{
	struct cursor c = cursor_over(body->bytes, body->len);
	uint64_t id;
	uint16_t flags;
	int r = read_post_header(type, f, &c, &id, &flags);

	if (r != 0)
		return r;
	*ret_id = id;
	*ret_flags = flags;
	return 0;
}

static bool bit_is_set(const uint8_t *bits, unsigned int at)
{
	return bits[at / 8] >> at % 8 & 1;
}

static int read_present(struct cursor *c, unsigned int columns, struct image *image)
{
	image->present = cursor_bytes(c, (columns + 7) / 8);
	image->present_count = 0;
	for (unsigned int i = 0; image->present && i < columns; i++)
		image->present_count += bit_is_set(image->present, i);
	return cursor_error(c);
}

static void grow_values(struct row_decoder *d, unsigned int columns)
{
	if (columns <= d->values_cap && d->before.values)
		return;
	d->before.values = dm_grow(d->before.values, columns, sizeof(struct row_value));
	d->after.values = dm_grow(d->after.values, columns, sizeof(struct row_value));
	d->documents = dm_grow(d->documents, columns, sizeof(struct row_value));
	d->values_cap = columns;
}

/* Columns, which of them are there, and the rows behind. */
static int begin_rows(struct row_decoder *d, uint8_t type, const struct row_table *t)
{
	int r;

	if (cursor_lenenc(&d->c) != t->column_count || d->c.is_bad)
		return -EBADMSG;
	r = d->kind == ROW_INSERT ? 0 : read_present(&d->c, t->column_count, &d->before);
	if (r == 0 && d->kind != ROW_DELETE)
		r = read_present(&d->c, t->column_count, &d->after);
	if (r != 0)
		return r;
	if (binlog_type_is_compressed_rows(type)) {
		if (wire_unpack_event(d->c.at, d->c.left, &d->unpacked) != 0)
			return -EBADMSG;
		d->c = cursor_over(d->unpacked.data, d->unpacked.len);
	}
	return 0;
}

int row_decoder_begin(struct row_decoder *d, uint8_t type, const struct binlog_format *f,
	const struct binlog_body *body, const struct row_table *t, enum row_kind *ret_kind)
{
	uint64_t id;
	uint16_t flags;

	d->table = t;
	d->has_begun = false;
	d->c = cursor_over(body->bytes, body->len);
	d->is_partial = type == EVENT_PARTIAL_UPDATE_ROWS;
	d->kind = is_update(type) ? ROW_UPDATE : is_delete(type) ? ROW_DELETE : ROW_INSERT;
	d->error = read_post_header(type, f, &d->c, &id, &flags);
	if (d->error == 0 && id != t->table_id)
		d->error = -EBADMSG;
	if (d->error == 0)
		d->error = begin_rows(d, type, t);
	if (d->error != 0)
		return d->error;
	grow_values(d, t->column_count);
	*ret_kind = d->kind;
	return 0;
}

/* Replaces binary JSON by its text, in memory that lasts as long as the row. */
static int set_json(struct row_decoder *d, int printed, struct row_value *value)
{
	char *copy;

	if (printed != 0)
		return printed;
	copy = row_arena_take(&d->arena, d->text.len);
	memcpy(copy, d->text.data, d->text.len);
	*value = (struct row_value){ .kind = ROW_VALUE_JSON, .bytes = copy, .len = d->text.len };
	return 0;
}

static int print_json(struct row_decoder *d, struct row_value *value)
{
	dm_str_clear(&d->text);
	return set_json(
		d, row_json_text((const uint8_t *)value->bytes, value->len, &d->text), value);
}

static int patch_json(
	struct row_decoder *d, const struct row_value *before, struct row_value *value)
{
	if (before->kind == ROW_VALUE_ABSENT)
		return -ENOTSUP; /* a minimal image: only the target has the document */
	if (before->kind != ROW_VALUE_JSON)
		return -EBADMSG;
	dm_str_clear(&d->text);
	return set_json(d,
		row_json_patch((const uint8_t *)before->bytes, before->len,
			(const uint8_t *)value->bytes, value->len, &d->text),
		value);
}

/* What stands in front of an after image of event 39: options, and a bit for each JSON column of the table, present or
 * not, that tells whether diffs are stored. NULL: no diffs at all. */
static int read_partial_bits(struct row_decoder *d, const uint8_t **ret_bits)
{
	uint64_t options = cursor_lenenc(&d->c);
	unsigned int count = 0;

	*ret_bits = NULL;
	if (options & ~(uint64_t)OPTION_PARTIAL_JSON)
		return -ENOTSUP;
	if (!(options & OPTION_PARTIAL_JSON))
		return cursor_error(&d->c);
	for (unsigned int i = 0; i < d->table->column_count; i++)
		count += d->table->columns[i].type == ROW_JSON;
	*ret_bits = cursor_bytes(&d->c, (count + 7) / 8);
	return cursor_error(&d->c);
}

static int read_json(struct row_decoder *d, unsigned int column, bool is_before, bool is_diff,
	struct row_value *value)
{
	if (is_diff)
		return patch_json(d, &d->documents[column], value);
	if (is_before)
		d->documents[column] = *value;
	return print_json(d, value);
}

static int read_image(struct row_decoder *d, struct image *image, const uint8_t *partial_bits,
	unsigned int *ret_column)
{
	const struct row_table *t = d->table;
	const uint8_t *nulls = cursor_bytes(&d->c, (image->present_count + 7) / 8);
	unsigned int present = 0, json = 0;

	*ret_column = t->column_count;
	if (d->c.is_bad)
		return -EBADMSG;
	for (unsigned int i = 0; i < t->column_count; i++) {
		struct row_value *value = &image->values[i];
		bool is_json = t->columns[i].type == ROW_JSON, is_diff = false;
		int r;

		if (is_json && partial_bits)
			is_diff = bit_is_set(partial_bits, json++);
		*value = (struct row_value){ .kind = ROW_VALUE_ABSENT };
		if (image == &d->before)
			d->documents[i] = *value; /* no document to patch, unless one follows */
		if (!bit_is_set(image->present, i))
			continue;
		value->kind = ROW_VALUE_NULL;
		if (bit_is_set(nulls, present++))
			continue;
		r = row_value_read(&d->c, &t->columns[i], &d->arena, value);
		if (r == 0 && value->kind == ROW_VALUE_JSON)
			r = read_json(d, i, image == &d->before, is_diff, value);
		if (r != 0) {
			*ret_column = i;
			return r;
		}
	}
	return 0;
}

static int read_row(struct row_decoder *d, unsigned int *ret_column)
{
	const uint8_t *partial_bits = NULL;
	int r = 0;

	*ret_column = d->table->column_count;
	if (d->kind != ROW_INSERT)
		r = read_image(d, &d->before, NULL, ret_column);
	if (r == 0 && d->is_partial)
		r = read_partial_bits(d, &partial_bits);
	if (r == 0 && d->kind != ROW_DELETE)
		r = read_image(d, &d->after, partial_bits, ret_column);
	return r;
}

int row_decoder_next(struct row_decoder *d, const struct row_value **ret_before,
	const struct row_value **ret_after, unsigned int *ret_column)
{
	/* INSERT without a value under minimal images: a row of no bytes. */
	bool is_empty_row = !d->has_begun && d->c.left == 0;
	size_t left = d->c.left;
	unsigned int column;

	row_arena_clear(&d->arena);
	if (d->error == 0 && d->c.left == 0 && !is_empty_row)
		return 0;
	if (d->error == 0)
		d->error = read_row(d, &column);
	else
		column = d->table ? d->table->column_count : 0;
	if (d->error == 0 && left > 0 && d->c.left == left)
		d->error = -EBADMSG; /* rows of no bytes would never end */
	if (d->error != 0) {
		*ret_column = column;
		return d->error;
	}
	d->has_begun = true;
	*ret_before = d->kind == ROW_INSERT ? NULL : d->before.values;
	*ret_after = d->kind == ROW_DELETE ? NULL : d->after.values;
	return 1;
}
