/* binlog.h - binlog events: bytes in, structs out, no I/O and no logging.
 *
 * Everything is bounds-checked: hostile bytes give -EBADMSG, never a read outside the buffer. Parsed
 * structs borrow from the event's bytes and live as long as these. `body` is what lies between the
 * 19-byte header (and the checksum trailer). Any thread. Formats: the manuals of MySQL and MariaDB. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/gtid.h"

enum {
	BINLOG_HEADER_SIZE = 19,
	BINLOG_MAGIC_SIZE = 4, /* fe 62 69 6e; the first event starts at 4 */
	BINLOG_CHECKSUM_SIZE = 4,
	BINLOG_FLAG_IN_USE = 0x0001, /* in the format event of the file being written */
	BINLOG_FLAG_ARTIFICIAL = 0x0020, /* made by the server for us, not in its file */
	BINLOG_FLAG_RELAY_LOG = 0x0040,
	BINLOG_FLAG_IGNORABLE = 0x0080,
};
extern const uint8_t binlog_magic[BINLOG_MAGIC_SIZE];

enum binlog_event_type {
	EVENT_QUERY = 2,
	EVENT_STOP = 3,
	EVENT_ROTATE = 4,
	EVENT_INTVAR = 5,
	EVENT_RAND = 13,
	EVENT_USER_VAR = 14,
	EVENT_FORMAT_DESCRIPTION = 15,
	EVENT_XID = 16,
	EVENT_TABLE_MAP = 19,
	EVENT_WRITE_ROWS_V1 = 23,
	EVENT_UPDATE_ROWS_V1 = 24,
	EVENT_DELETE_ROWS_V1 = 25,
	EVENT_INCIDENT = 26,
	EVENT_HEARTBEAT = 27,
	EVENT_IGNORABLE = 28,
	EVENT_ROWS_QUERY = 29,
	EVENT_WRITE_ROWS = 30,
	EVENT_UPDATE_ROWS = 31,
	EVENT_DELETE_ROWS = 32,
	EVENT_GTID = 33,
	EVENT_ANONYMOUS_GTID = 34,
	EVENT_PREVIOUS_GTIDS = 35,
	EVENT_TRANSACTION_CONTEXT = 36,
	EVENT_VIEW_CHANGE = 37,
	EVENT_XA_PREPARE = 38,
	EVENT_PARTIAL_UPDATE_ROWS = 39,
	EVENT_TRANSACTION_PAYLOAD = 40,
	EVENT_HEARTBEAT_V2 = 41,
	EVENT_GTID_TAGGED = 42,
	EVENT_MARIADB_ANNOTATE_ROWS = 160,
	EVENT_MARIADB_BINLOG_CHECKPOINT = 161,
	EVENT_MARIADB_GTID = 162,
	EVENT_MARIADB_GTID_LIST = 163,
	EVENT_MARIADB_START_ENCRYPTION = 164,
	EVENT_MARIADB_QUERY_COMPRESSED = 165,
	EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1 = 166,
	EVENT_MARIADB_UPDATE_ROWS_COMPRESSED_V1 = 167,
	EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1 = 168,
	EVENT_MARIADB_WRITE_ROWS_COMPRESSED = 169,
	EVENT_MARIADB_UPDATE_ROWS_COMPRESSED = 170,
	EVENT_MARIADB_DELETE_ROWS_COMPRESSED = 171,
};
const char *binlog_event_name(unsigned int type); /* "QUERY", ...; "unknown" */
struct binlog_header {
	uint32_t timestamp; /* seconds since 1970 */
	uint8_t type;
	uint32_t server_id;
	uint32_t size; /* of the whole event, header and trailer included */
	uint32_t end_pos; /* low 32 bits of where the next event starts; 0 in artificial events */
	uint16_t flags;
};
/* Needs BINLOG_HEADER_SIZE bytes. -EBADMSG when size is below the header's. */
int binlog_header_parse(const uint8_t *bytes, size_t len, struct binlog_header *ret);

/* What a FORMAT_DESCRIPTION event says about the events after it. Zeroed: nothing known yet. */
struct binlog_format {
	bool is_known;
	bool has_checksum; /* CRC32 trailers */
	char server_version[51];
	uint8_t post_header_count;
	uint8_t post_header[256]; /* by event type - 1 */
};
/* `event` is whole, with header. The trailer of the format event itself is handled here. */
int binlog_format_parse(const uint8_t *event, size_t len, struct binlog_format *ret);
/* CRC32 of an event; true also when the format has none. The in-use flag of a format event is left out of the sum. */
bool binlog_checksum_is_right(const struct binlog_format *f, const uint8_t *event, size_t len);

/* The part of an event that its type describes. `len` must be the size in its header. Before the format is known
 * a trailer is recognised by its right sum. Events of a payload: give a format without checksum. */
struct binlog_body {
	const uint8_t *bytes;
	size_t len;
};
int binlog_body(
	const struct binlog_format *f, const uint8_t *event, size_t len, struct binlog_body *ret);

struct binlog_rotate {
	uint64_t pos;
	char name[256]; /* the next file */
};
int binlog_rotate_parse(const struct binlog_body *body, struct binlog_rotate *ret);

struct binlog_query {
	uint32_t thread_id;
	uint16_t error_code;
	const char *schema; /* NUL-terminated in the event */
	size_t schema_len;
	const char *text; /* not NUL-terminated */
	size_t text_len;
	bool has_sql_mode;
	uint64_t sql_mode;
	uint16_t charset_client, collation_connection, collation_server; /* 0 when absent */
	const char *time_zone; /* may be NULL; not NUL-terminated */
	size_t time_zone_len;
	bool has_foreign_key_checks_off; /* from flags2: OPTION_NO_FOREIGN_KEY_CHECKS */
};
/* QUERY, and MariaDB's QUERY_COMPRESSED, which is unpacked into `scratch` (kept by the caller while used). */
int binlog_query_parse(uint8_t type, const struct binlog_format *f, const struct binlog_body *body,
	struct dm_str *scratch, struct binlog_query *ret);

struct binlog_gtid {
	enum dm_flavor flavor;
	bool is_anonymous; /* MySQL without GTIDs */
	uint8_t uuid[16];
	char tag[33];
	uint64_t number; /* MySQL's gno, MariaDB's sequence */
	uint32_t domain, server_id; /* MariaDB */
	bool is_standalone, is_xa; /* MariaDB: no COMMIT follows (DDL); XA PREPARE follows */
	uint64_t immediate_commit_us; /* MySQL's commit time stamp, 0 when absent */
};
/* GTID, ANONYMOUS_GTID, GTID_TAGGED (-ENOTSUP when its form is newer than we know) and MARIADB_GTID. */
int binlog_gtid_parse(uint8_t type, const struct binlog_header *h, const struct binlog_body *body,
	struct binlog_gtid *ret);
int binlog_gtid_add(struct gtid_set *s, const struct binlog_gtid *g); /* anonymous: nothing */
/* TRANSACTION_PAYLOAD (zstd or none): events inside, without checksums. The unpacked bytes are handed out
 * in order, `max_len` bounds what is unpacked in total (-EFBIG). */
struct binlog_payload; /* streaming: holds one event at a time */
int binlog_payload_open(
	struct binlog_payload **ret, const struct binlog_body *body, uint64_t max_len);
int binlog_payload_next(struct binlog_payload *p, const uint8_t **ret_event,
	size_t *ret_len); /* 1: an event; 0: the end; -errno */
void binlog_payload_free(struct binlog_payload *p);
bool binlog_type_is_rows(uint8_t type); /* write, update, delete of any version */
bool binlog_type_is_compressed_rows(uint8_t type); /* MariaDB's */
