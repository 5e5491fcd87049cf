/* row-table.c - TABLE_MAP events: columns, and what the optional metadata says about them. */
#include "row-value.h"

enum table_field {
	FIELD_SIGNEDNESS = 1,
	FIELD_DEFAULT_CHARSET = 2,
	FIELD_COLUMN_CHARSET = 3,
	FIELD_COLUMN_NAME = 4,
	FIELD_SIMPLE_PRIMARY_KEY = 8,
	FIELD_PRIMARY_KEY_WITH_PREFIX = 9,
	FIELD_ENUM_SET_DEFAULT_CHARSET = 10,
	FIELD_ENUM_SET_COLUMN_CHARSET = 11,
	FIELD_VISIBILITY = 12,
};

/* Which columns a field of the metadata speaks about. */
typedef bool (*column_filter)(const struct row_column *c, bool is_mariadb);

static bool is_numeric(const struct row_column *c, bool is_mariadb)
{
	(void)is_mariadb;
	switch (c->type) {
	case ROW_TINY:
	case ROW_SHORT:
	case ROW_INT24:
	case ROW_LONG:
	case ROW_LONGLONG:
	case ROW_FLOAT:
	case ROW_DOUBLE:
	case ROW_NEWDECIMAL:
	case ROW_YEAR: /* has a sign in the servers' eyes, which many readers of binlogs forgot */
		return true;
	default: /* a byte of the server */
		return false;
	}
}

static bool is_character(const struct row_column *c, bool is_mariadb)
{
	switch (c->type) {
	case ROW_VARCHAR:
	case ROW_VAR_STRING:
	case ROW_STRING:
	case ROW_TINY_BLOB:
	case ROW_MEDIUM_BLOB:
	case ROW_LONG_BLOB:
	case ROW_BLOB:
	case ROW_VECTOR:
		return true;
	case ROW_MARIADB_VARCHAR_COMPRESSED:
	case ROW_MARIADB_BLOB_COMPRESSED:
	case ROW_GEOMETRY:
		return is_mariadb;
	default: /* a byte of the server */
		return false;
	}
}

static bool is_enum_or_set(const struct row_column *c, bool is_mariadb)
{
	(void)is_mariadb;
	return c->type == ROW_ENUM || c->type == ROW_SET;
}

static bool is_any(const struct row_column *c, bool is_mariadb)
{
	(void)c;
	(void)is_mariadb;
	return true;
}

/* The first column from `at` on that passes; column_count at the end. */
static unsigned int next_column(
	const struct row_table *t, unsigned int at, column_filter passes, bool is_mariadb)
{
	while (at < t->column_count && !passes(&t->columns[at], is_mariadb))
		at++;
	return at;
}

static unsigned int count_columns(const struct row_table *t, column_filter passes, bool is_mariadb)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < t->column_count; i++)
		count += passes(&t->columns[i], is_mariadb);
	return count;
}

/* One bit a column that passes, the highest bit of a byte first. False when the length does not fit. */
static bool read_bits(struct cursor *field, const struct row_table *t, column_filter passes,
	bool is_mariadb, void (*set)(struct row_column *c, bool bit))
{
	unsigned int count = count_columns(t, passes, is_mariadb), bit = 0;
	const uint8_t *bits = cursor_bytes(field, (count + 7) / 8);

	if (!bits || field->left > 0)
		return false;
	for (unsigned int i = next_column(t, 0, passes, is_mariadb); i < t->column_count;
		i = next_column(t, i + 1, passes, is_mariadb), bit++)
		set(&t->columns[i], bits[bit / 8] >> (7 - bit % 8) & 1);
	return true;
}

static void set_unsigned(struct row_column *c, bool bit)
{
	c->is_unsigned = bit;
}

static void set_visible(struct row_column *c, bool bit)
{
	c->is_visible = bit;
}

static bool read_collation(struct cursor *field, uint32_t *ret)
{
	uint64_t collation = cursor_lenenc(field);

	if (field->is_bad || collation > UINT32_MAX)
		return false;
	*ret = (uint32_t)collation;
	return true;
}

/* A default, then pairs of place (among the columns that pass) and collation for the exceptions. */
static bool read_default_collation(
	struct cursor *field, const struct row_table *t, column_filter passes, bool is_mariadb)
{
	unsigned int at, place = 0;
	uint32_t collation;

	if (!read_collation(field, &collation))
		return false;
	for (unsigned int i = 0; i < t->column_count; i++)
		if (passes(&t->columns[i], is_mariadb))
			t->columns[i].collation = collation;
	at = next_column(t, 0, passes, is_mariadb);
	while (field->left > 0) {
		uint64_t wanted = cursor_lenenc(field);

		if (!read_collation(field, &collation) || wanted < place)
			return false;
		for (; place < wanted && at < t->column_count; place++)
			at = next_column(t, at + 1, passes, is_mariadb);
		if (at >= t->column_count)
			return false;
		t->columns[at].collation = collation;
	}
	return true;
}

/* A collation for each column that passes. */
static bool read_column_collations(
	struct cursor *field, const struct row_table *t, column_filter passes, bool is_mariadb)
{
	for (unsigned int i = next_column(t, 0, passes, is_mariadb); i < t->column_count;
		i = next_column(t, i + 1, passes, is_mariadb))
		if (!read_collation(field, &t->columns[i].collation))
			return false;
	return field->left == 0;
}

static void forget_collations(struct row_table *t, column_filter passes, bool is_mariadb)
{
	for (unsigned int i = 0; i < t->column_count; i++)
		if (passes(&t->columns[i], is_mariadb))
			t->columns[i].collation = 0;
}

static int read_names(struct cursor *field, struct row_table *t)
{
	if (t->has_names)
		return -EBADMSG;
	for (unsigned int i = 0; i < t->column_count; i++) {
		uint64_t len = cursor_lenenc(field);
		const uint8_t *name = cursor_bytes(field, len);

		if (!name)
			return -EBADMSG;
		t->columns[i].name = dm_strndup((const char *)name, len);
	}
	t->has_names = true;
	return field->left == 0 ? 0 : -EBADMSG;
}

static int read_key(struct cursor *field, bool has_prefixes, struct row_table *t)
{
	if (t->key)
		return -EBADMSG;
	t->key = dm_alloc_array(t->column_count, sizeof(*t->key));
	while (field->left > 0) {
		uint64_t column = cursor_lenenc(field);

		if (has_prefixes)
			(void)cursor_lenenc(field); /* characters; whole values identify as well */
		if (field->is_bad || column >= t->column_count || t->key_count == t->column_count)
			return -EBADMSG;
		t->key[t->key_count++] = (unsigned int)column;
	}
	return 0;
}

/* One field of the metadata. Fields that do not fit the columns are of a server that counts in another way:
 * they are taken as not there, and the table's definition has to tell. */
static int read_field(struct cursor *field, uint8_t kind, bool is_mariadb, struct row_table *t)
{
	bool fits;

	switch (kind) {
	case FIELD_SIGNEDNESS:
		t->has_signedness = read_bits(field, t, is_numeric, is_mariadb, set_unsigned);
		return 0;
	case FIELD_DEFAULT_CHARSET:
	case FIELD_COLUMN_CHARSET:
		fits = kind == FIELD_DEFAULT_CHARSET
			       ? read_default_collation(field, t, is_character, is_mariadb)
			       : read_column_collations(field, t, is_character, is_mariadb);
		t->has_collations = fits;
		if (!fits)
			forget_collations(t, is_character, is_mariadb);
		return 0;
	case FIELD_ENUM_SET_DEFAULT_CHARSET:
	case FIELD_ENUM_SET_COLUMN_CHARSET:
		fits = kind == FIELD_ENUM_SET_DEFAULT_CHARSET
			       ? read_default_collation(field, t, is_enum_or_set, is_mariadb)
			       : read_column_collations(field, t, is_enum_or_set, is_mariadb);
		if (!fits)
			forget_collations(t, is_enum_or_set, is_mariadb);
		return 0;
	case FIELD_COLUMN_NAME:
		return read_names(field, t);
	case FIELD_SIMPLE_PRIMARY_KEY:
	case FIELD_PRIMARY_KEY_WITH_PREFIX:
		return read_key(field, kind == FIELD_PRIMARY_KEY_WITH_PREFIX, t);
	case FIELD_VISIBILITY:
		(void)read_bits(field, t, is_any, is_mariadb, set_visible);
		return 0;
	default: /* a byte of the server: values of ENUM and SET, geometry types, what is to come */
		return 0;
	}
}

static int read_optional_metadata(struct cursor *c, bool is_mariadb, struct row_table *t)
{
	while (c->left > 0) {
		uint8_t kind = cursor_u8(c);
		uint64_t len = cursor_lenenc(c);
		struct cursor field = cursor_part(c, len);
		int r;

		if (c->is_bad)
			return -EBADMSG;
		r = read_field(&field, kind, is_mariadb, t);
		if (r != 0)
			return r;
	}
	return 0;
}

/* STRING holds the real type, and of long CHARs two bits of the length, in its first byte. */
static void resolve_string(struct row_column *column, uint8_t first, uint8_t second)
{
	if ((first & 0x30) != 0x30) {
		column->type = first | 0x30;
		column->meta = (uint16_t)(second | ((first & 0x30) ^ 0x30) << 4);
	} else {
		column->type = first;
		column->meta = second;
	}
}

/* A multi-valued index: the type of its elements with their meta. Values look like JSON. */
static void read_array_meta(struct cursor *meta, struct row_column *column)
{
	uint8_t element = cursor_u8(meta);

	switch (element) {
	case ROW_VARCHAR:
		cursor_skip(meta, 3);
		break;
	case ROW_NEWDECIMAL:
	case ROW_STRING:
	case ROW_ENUM:
	case ROW_SET:
	case ROW_BIT:
		cursor_skip(meta, 2);
		break;
	case ROW_FLOAT:
	case ROW_DOUBLE:
	case ROW_BLOB:
	case ROW_JSON:
	case ROW_GEOMETRY:
	case ROW_TIME2:
	case ROW_DATETIME2:
	case ROW_TIMESTAMP2:
		cursor_skip(meta, 1);
		break;
	default: /* a byte of the server: the others have none */
		break;
	}
	column->meta = 4;
}

static void read_meta(struct cursor *meta, struct row_column *column)
{
	uint8_t first;

	switch (column->type) {
	case ROW_FLOAT:
	case ROW_DOUBLE:
	case ROW_TINY_BLOB:
	case ROW_MEDIUM_BLOB:
	case ROW_LONG_BLOB:
	case ROW_BLOB:
	case ROW_MARIADB_BLOB_COMPRESSED:
	case ROW_GEOMETRY:
	case ROW_JSON:
	case ROW_VECTOR:
	case ROW_TIMESTAMP2:
	case ROW_DATETIME2:
	case ROW_TIME2:
		column->meta = cursor_u8(meta);
		break;
	case ROW_VARCHAR:
	case ROW_MARIADB_VARCHAR_COMPRESSED:
	case ROW_VAR_STRING:
	case ROW_BIT:
	case ROW_NEWDECIMAL: /* precision in the low byte, scale in the high one */
		column->meta = cursor_u16(meta);
		break;
	case ROW_STRING:
	case ROW_ENUM:
	case ROW_SET:
		first = cursor_u8(meta);
		resolve_string(column, first, cursor_u8(meta));
		break;
	case ROW_TYPED_ARRAY:
		read_array_meta(meta, column);
		break;
	default: /* a byte of the server: the others have none */
		break;
	}
}

static int read_columns(struct cursor *c, struct row_table *t)
{
	uint64_t count = cursor_lenenc(c), meta_len;
	const uint8_t *types, *nulls;
	struct cursor meta;

	if (c->is_bad || count > ROW_COLUMNS_MAX)
		return -EBADMSG;
	types = cursor_bytes(c, count);
	meta_len = cursor_lenenc(c);
	meta = cursor_part(c, meta_len);
	nulls = cursor_bytes(c, (count + 7) / 8);
	if (c->is_bad)
		return -EBADMSG;
	t->column_count = (unsigned int)count;
	t->columns = dm_alloc_array(count, sizeof(*t->columns));
	for (unsigned int i = 0; i < count; i++) {
		struct row_column *column = &t->columns[i];

		column->type = types[i];
		column->is_nullable = nulls[i / 8] >> i % 8 & 1;
		column->is_visible = true;
		read_meta(&meta, column);
	}
	return cursor_error(&meta);
}

static char *read_name(struct cursor *c)
{
	uint8_t len = cursor_u8(c);
	const uint8_t *name = cursor_bytes(c, len);
	char *copy = name ? dm_strndup((const char *)name, len) : NULL;

	cursor_skip(c, 1); /* a NUL */
	return copy;
}

static int read_table(
	const struct binlog_format *f, const struct binlog_body *body, struct row_table *t)
{
	struct cursor c = cursor_over(body->bytes, body->len);
	bool has_short_id =
		f->post_header_count >= EVENT_TABLE_MAP && f->post_header[EVENT_TABLE_MAP - 1] == 6;
	bool is_mariadb = strstr(f->server_version, "MariaDB");

	t->table_id = cursor_uint(&c, has_short_id ? 4 : 6);
	cursor_skip(&c, 2); /* flags */
	t->schema = read_name(&c);
	t->name = read_name(&c);
	if (c.is_bad || read_columns(&c, t) != 0)
		return -EBADMSG;
	return read_optional_metadata(&c, is_mariadb, t);
}

int row_table_parse(
	const struct binlog_format *f, const struct binlog_body *body, struct row_table *ret)
{
	struct row_table t = { 0 };
	int r = read_table(f, body, &t);

	if (r != 0)
		row_table_done(&t);
	else
		*ret = t;
	return r;
}

void row_table_done(struct row_table *t)
{
	for (unsigned int i = 0; i < t->column_count; i++)
		free(t->columns[i].name);
	free(t->columns);
	free(t->key);
	free(t->schema);
	free(t->name);
	*t = (struct row_table){ 0 };
}
