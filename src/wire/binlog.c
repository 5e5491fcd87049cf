/* binlog.c - event headers, the format event, checksums, rotate and query events. */
#include "dm/binlog.h"

#include <stdio.h>

#include "compress.h"
#include "crc32.h"
#include "cursor.h"

enum {
	FLAGS_AT = 17,
	FORMAT_VERSION_SIZE = 50,
	CHECKSUM_OFF = 0,
	CHECKSUM_CRC32 = 1,
	FLAGS2_NO_FOREIGN_KEY_CHECKS = 1 << 26,
	POST_HEADER_QUERY = 13,
};

const uint8_t binlog_magic[BINLOG_MAGIC_SIZE] = { 0xfe, 'b', 'i', 'n' };

static const char *const event_names[256] = {
	[EVENT_QUERY] = "QUERY",
	[EVENT_STOP] = "STOP",
	[EVENT_ROTATE] = "ROTATE",
	[EVENT_INTVAR] = "INTVAR",
	[EVENT_RAND] = "RAND",
	[EVENT_USER_VAR] = "USER_VAR",
	[EVENT_FORMAT_DESCRIPTION] = "FORMAT_DESCRIPTION",
	[EVENT_XID] = "XID",
	[EVENT_TABLE_MAP] = "TABLE_MAP",
	[EVENT_WRITE_ROWS_V1] = "WRITE_ROWS_V1",
	[EVENT_UPDATE_ROWS_V1] = "UPDATE_ROWS_V1",
	[EVENT_DELETE_ROWS_V1] = "DELETE_ROWS_V1",
	[EVENT_INCIDENT] = "INCIDENT",
	[EVENT_HEARTBEAT] = "HEARTBEAT",
	[EVENT_IGNORABLE] = "IGNORABLE",
	[EVENT_ROWS_QUERY] = "ROWS_QUERY",
	[EVENT_WRITE_ROWS] = "WRITE_ROWS",
	[EVENT_UPDATE_ROWS] = "UPDATE_ROWS",
	[EVENT_DELETE_ROWS] = "DELETE_ROWS",
	[EVENT_GTID] = "GTID",
	[EVENT_ANONYMOUS_GTID] = "ANONYMOUS_GTID",
	[EVENT_PREVIOUS_GTIDS] = "PREVIOUS_GTIDS",
	[EVENT_XA_PREPARE] = "XA_PREPARE",
	[EVENT_PARTIAL_UPDATE_ROWS] = "PARTIAL_UPDATE_ROWS",
	[EVENT_TRANSACTION_PAYLOAD] = "TRANSACTION_PAYLOAD",
	[EVENT_HEARTBEAT_V2] = "HEARTBEAT_V2",
	[EVENT_GTID_TAGGED] = "GTID_TAGGED",
	[EVENT_MARIADB_ANNOTATE_ROWS] = "ANNOTATE_ROWS",
	[EVENT_MARIADB_BINLOG_CHECKPOINT] = "BINLOG_CHECKPOINT",
	[EVENT_MARIADB_GTID] = "MARIADB_GTID",
	[EVENT_MARIADB_GTID_LIST] = "GTID_LIST",
	[EVENT_MARIADB_START_ENCRYPTION] = "START_ENCRYPTION",
	[EVENT_MARIADB_QUERY_COMPRESSED] = "QUERY_COMPRESSED",
	[EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1] = "WRITE_ROWS_COMPRESSED_V1",
	[EVENT_MARIADB_UPDATE_ROWS_COMPRESSED_V1] = "UPDATE_ROWS_COMPRESSED_V1",
	[EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1] = "DELETE_ROWS_COMPRESSED_V1",
	[EVENT_MARIADB_WRITE_ROWS_COMPRESSED] = "WRITE_ROWS_COMPRESSED",
	[EVENT_MARIADB_UPDATE_ROWS_COMPRESSED] = "UPDATE_ROWS_COMPRESSED",
	[EVENT_MARIADB_DELETE_ROWS_COMPRESSED] = "DELETE_ROWS_COMPRESSED",
};

const char *binlog_event_name(unsigned int type)
{
	return type < 256 && event_names[type] ? event_names[type] : "unknown";
}

bool binlog_type_is_compressed_rows(uint8_t type)
{
	return type >= EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1 &&
	       type <= EVENT_MARIADB_DELETE_ROWS_COMPRESSED;
}

bool binlog_type_is_rows(uint8_t type)
{
	return (type >= EVENT_WRITE_ROWS_V1 && type <= EVENT_DELETE_ROWS_V1) ||
	       (type >= EVENT_WRITE_ROWS && type <= EVENT_DELETE_ROWS) ||
	       type == EVENT_PARTIAL_UPDATE_ROWS || binlog_type_is_compressed_rows(type);
}

int binlog_header_parse(const uint8_t *bytes, size_t len, struct binlog_header *ret)
{
	struct cursor c = cursor_over(bytes, len);
	struct binlog_header h = { 0 };

	h.timestamp = cursor_u32(&c);
	h.type = cursor_u8(&c);
	h.server_id = cursor_u32(&c);
	h.size = cursor_u32(&c);
	h.end_pos = cursor_u32(&c);
	h.flags = cursor_u16(&c);
	if (c.is_bad || h.size < BINLOG_HEADER_SIZE)
		return -EBADMSG;
	*ret = h;
	return 0;
}

/* MySQL has checksums since 5.6.1, MariaDB since 5.3. */
static bool version_has_checksum(const char *version)
{
	unsigned int major = 0, minor = 0, patch = 0;

	if (sscanf(version, "%3u.%3u.%3u", &major, &minor, &patch) != 3)
		return false;
	if (strstr(version, "MariaDB"))
		return major > 5 || (major == 5 && minor >= 3);
	return major > 5 || (major == 5 && (minor > 6 || (minor == 6 && patch >= 1)));
}

int binlog_format_parse(const uint8_t *event, size_t len, struct binlog_format *ret)
{
	struct binlog_format f = { .is_known = true };
	struct cursor c = cursor_over(event, len);
	const uint8_t *version, *lengths;

	cursor_skip(&c, BINLOG_HEADER_SIZE);
	if (cursor_u16(&c) != 4)
		return -EBADMSG;
	version = cursor_bytes(&c, FORMAT_VERSION_SIZE);
	cursor_skip(&c, 4); /* when the file was made */
	if (cursor_u8(&c) != BINLOG_HEADER_SIZE || !version)
		return -EBADMSG;
	memcpy(f.server_version, version, FORMAT_VERSION_SIZE);
	if (version_has_checksum(f.server_version)) {
		uint8_t algorithm;

		/* The room for a CRC is there even if the algorithm is "off". */
		if (c.left < 1 + BINLOG_CHECKSUM_SIZE)
			return -EBADMSG;
		c.left -= 1 + BINLOG_CHECKSUM_SIZE;
		algorithm = c.at[c.left];
		if (algorithm != CHECKSUM_OFF && algorithm != CHECKSUM_CRC32)
			return -EBADMSG;
		f.has_checksum = algorithm == CHECKSUM_CRC32;
	}
	f.post_header_count = (uint8_t)(c.left > UINT8_MAX ? UINT8_MAX : c.left);
	lengths = cursor_bytes(&c, f.post_header_count);
	if (lengths)
		memcpy(f.post_header, lengths, f.post_header_count);
	*ret = f;
	return 0;
}

static uint32_t read_trailer(const uint8_t *event, size_t len)
{
	struct cursor c = cursor_over(event + len - BINLOG_CHECKSUM_SIZE, BINLOG_CHECKSUM_SIZE);

	return cursor_u32(&c);
}

static bool trailer_is_right(const uint8_t *event, size_t len)
{
	uint8_t flags[2];
	uint32_t sum;

	if (len < BINLOG_HEADER_SIZE + BINLOG_CHECKSUM_SIZE)
		return false;
	if (event[4] != EVENT_FORMAT_DESCRIPTION || !(event[FLAGS_AT] & BINLOG_FLAG_IN_USE))
		return crc32_of(0, event, len - BINLOG_CHECKSUM_SIZE) == read_trailer(event, len);
	/* Servers set and clear the in-use flag without a new sum. */
	flags[0] = event[FLAGS_AT] & (uint8_t)~BINLOG_FLAG_IN_USE;
	flags[1] = event[FLAGS_AT + 1];
	sum = crc32_of(0, event, FLAGS_AT);
	sum = crc32_of(sum, flags, sizeof(flags));
	sum = crc32_of(
		sum, event + BINLOG_HEADER_SIZE, len - BINLOG_HEADER_SIZE - BINLOG_CHECKSUM_SIZE);
	return sum == read_trailer(event, len);
}

bool binlog_checksum_is_right(const struct binlog_format *f, const uint8_t *event, size_t len)
{
	return !f->has_checksum || trailer_is_right(event, len);
}

int binlog_body(
	const struct binlog_format *f, const uint8_t *event, size_t len, struct binlog_body *ret)
{
	struct binlog_header h;
	size_t trailer = f->has_checksum ? BINLOG_CHECKSUM_SIZE : 0;

	if (binlog_header_parse(event, len, &h) != 0 || h.size != len)
		return -EBADMSG;
	/* The first events of a connection come before the format; a right sum is no accident. */
	if (!f->is_known && trailer_is_right(event, len))
		trailer = BINLOG_CHECKSUM_SIZE;
	if (len < BINLOG_HEADER_SIZE + trailer)
		return -EBADMSG;
	ret->bytes = event + BINLOG_HEADER_SIZE;
	ret->len = len - BINLOG_HEADER_SIZE - trailer;
	return 0;
}

int binlog_rotate_parse(const struct binlog_body *body, struct binlog_rotate *ret)
{
	struct cursor c = cursor_over(body->bytes, body->len);
	struct binlog_rotate rotate = { .pos = cursor_uint(&c, 8) };
	size_t len = c.left;
	const uint8_t *name = cursor_bytes(&c, len);

	/* The name becomes a file name of ours: no path, nothing hidden behind a NUL. */
	if (c.is_bad || len == 0 || len >= sizeof(rotate.name) || memchr(name, '/', len) ||
		memchr(name, '\0', len))
		return -EBADMSG;
	memcpy(rotate.name, name, len);
	*ret = rotate;
	return 0;
}

enum query_status {
	STATUS_FLAGS2 = 0,
	STATUS_SQL_MODE = 1,
	STATUS_CATALOG = 2,
	STATUS_AUTO_INCREMENT = 3,
	STATUS_CHARSET = 4,
	STATUS_TIME_ZONE = 5,
	STATUS_CATALOG_NZ = 6,
	STATUS_LC_TIME_NAMES = 7,
	STATUS_CHARSET_DATABASE = 8,
	STATUS_TABLE_MAP_FOR_UPDATE = 9,
	STATUS_MASTER_DATA_WRITTEN = 10,
	STATUS_INVOKER = 11,
	STATUS_UPDATED_DB_NAMES = 12,
	STATUS_MICROSECONDS = 13,
	STATUS_EXPLICIT_DEFAULTS = 16,
	STATUS_DDL_XID = 17,
	STATUS_UTF8MB4_COLLATION = 18,
	STATUS_REQUIRE_PRIMARY_KEY = 19,
	STATUS_TABLE_ENCRYPTION = 20,
	STATUS_MARIADB_MICROSECONDS = 128,
	STATUS_MARIADB_XID = 129,
	STATUS_MARIADB_GTID_FLAGS = 130,
	UPDATED_DB_NAMES_TOO_MANY = 254,
};

/* Fixed sizes of status variables that nobody here needs; 0: not fixed, or not known. */
static const uint8_t status_sizes[256] = {
	[STATUS_AUTO_INCREMENT] = 4,
	[STATUS_LC_TIME_NAMES] = 2,
	[STATUS_CHARSET_DATABASE] = 2,
	[STATUS_TABLE_MAP_FOR_UPDATE] = 8,
	[STATUS_MASTER_DATA_WRITTEN] = 4,
	[STATUS_MICROSECONDS] = 3,
	[STATUS_EXPLICIT_DEFAULTS] = 1,
	[STATUS_DDL_XID] = 8,
	[STATUS_UTF8MB4_COLLATION] = 2,
	[STATUS_REQUIRE_PRIMARY_KEY] = 1,
	[STATUS_TABLE_ENCRYPTION] = 1,
	[STATUS_MARIADB_MICROSECONDS] = 3,
	[STATUS_MARIADB_XID] = 8,
	[STATUS_MARIADB_GTID_FLAGS] = 2,
};

static void skip_names(struct cursor *c)
{
	uint8_t count = cursor_u8(c);

	if (count == UPDATED_DB_NAMES_TOO_MANY)
		return;
	while (count-- > 0 && !c->is_bad)
		while (cursor_u8(c) != '\0')
			;
}

/* One status variable; false when its size is not known, so that what follows is out of reach. */
static bool read_status(struct cursor *c, uint8_t key, struct binlog_query *q)
{
	switch (key) {
	case STATUS_FLAGS2:
		q->has_foreign_key_checks_off = cursor_u32(c) & FLAGS2_NO_FOREIGN_KEY_CHECKS;
		return true;
	case STATUS_SQL_MODE:
		q->sql_mode = cursor_uint(c, 8);
		q->has_sql_mode = true;
		return true;
	case STATUS_CHARSET:
		q->charset_client = cursor_u16(c);
		q->collation_connection = cursor_u16(c);
		q->collation_server = cursor_u16(c);
		return true;
	case STATUS_TIME_ZONE:
		q->time_zone_len = cursor_u8(c);
		q->time_zone = (const char *)cursor_bytes(c, q->time_zone_len);
		return true;
	case STATUS_CATALOG: /* ends with a NUL, which is not counted */
		cursor_skip(c, (size_t)cursor_u8(c) + 1);
		return true;
	case STATUS_CATALOG_NZ:
		cursor_skip(c, cursor_u8(c));
		return true;
	case STATUS_INVOKER:
		cursor_skip(c, cursor_u8(c));
		cursor_skip(c, cursor_u8(c));
		return true;
	case STATUS_UPDATED_DB_NAMES:
		skip_names(c);
		return true;
	default: /* a byte of the server, not an enum of ours */
		cursor_skip(c, status_sizes[key]);
		return status_sizes[key] != 0;
	}
}

int binlog_query_parse(uint8_t type, const struct binlog_format *f, const struct binlog_body *body,
	struct dm_str *scratch, struct binlog_query *ret)
{
	struct cursor c = cursor_over(body->bytes, body->len), status;
	struct binlog_query q = { 0 };
	size_t at = (size_t)(type - 1);
	uint8_t post_header = at < f->post_header_count ? f->post_header[at] : POST_HEADER_QUERY;

	q.thread_id = cursor_u32(&c);
	cursor_skip(&c, 4); /* how long it took */
	q.schema_len = cursor_u8(&c);
	q.error_code = cursor_u16(&c);
	status = (struct cursor){ .left = cursor_u16(&c) };
	if (post_header < POST_HEADER_QUERY)
		return -EBADMSG;
	cursor_skip(&c, (size_t)(post_header - POST_HEADER_QUERY));
	status = cursor_part(&c, status.left);
	while (status.left > 0)
		if (!read_status(&status, cursor_u8(&status), &q))
			break;
	q.schema = (const char *)cursor_bytes(&c, q.schema_len);
	if (cursor_u8(&c) != '\0' || c.is_bad || status.is_bad)
		return -EBADMSG;
	q.text = (const char *)c.at;
	q.text_len = c.left;
	if (type == EVENT_MARIADB_QUERY_COMPRESSED) {
		if (wire_unpack_event(c.at, c.left, scratch) != 0)
			return -EBADMSG;
		q.text = scratch->data;
		q.text_len = scratch->len;
	}
	*ret = q;
	return 0;
}
