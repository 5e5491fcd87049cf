/* row.h - TABLE_MAP and rows events: column definitions and exact values.
 *
 * Bytes in, structs out, no I/O. A table map owns copies and may be kept; rows and values borrow from the
 * event (or from the decoder's scratch) and live until the next call on the same decoder. Everything
 * is bounds-checked: -EBADMSG for hostile bytes, -ENOTSUP for a column type that is not known. MariaDB's own fractional times
 * (mysql56_temporal_format=OFF) do not tell their scale in the binlog: nobody can read them, -EBADMSG. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/binlog.h"
#include "dm/str.h"

enum { ROW_COLUMNS_MAX = 4096 };

/* Type numbers of the protocol (MYSQL_TYPE_*), as the binlog stores them. */
enum row_type {
	ROW_TINY = 1,
	ROW_SHORT = 2,
	ROW_LONG = 3,
	ROW_FLOAT = 4,
	ROW_DOUBLE = 5,
	ROW_NULL = 6,
	ROW_TIMESTAMP = 7,
	ROW_LONGLONG = 8,
	ROW_INT24 = 9,
	ROW_DATE = 10,
	ROW_TIME = 11,
	ROW_DATETIME = 12,
	ROW_YEAR = 13,
	ROW_NEWDATE = 14,
	ROW_VARCHAR = 15,
	ROW_BIT = 16,
	ROW_TIMESTAMP2 = 17,
	ROW_DATETIME2 = 18,
	ROW_TIME2 = 19,
	ROW_TYPED_ARRAY = 20,
	ROW_VECTOR = 242,
	ROW_JSON = 245,
	ROW_NEWDECIMAL = 246,
	ROW_ENUM = 247,
	ROW_SET = 248,
	ROW_TINY_BLOB = 249,
	ROW_MEDIUM_BLOB = 250,
	ROW_LONG_BLOB = 251,
	ROW_BLOB = 252,
	ROW_VAR_STRING = 253,
	ROW_STRING = 254,
	ROW_GEOMETRY = 255,
	ROW_MARIADB_BLOB_COMPRESSED = 140,
	ROW_MARIADB_VARCHAR_COMPRESSED = 141,
};

struct row_column {
	uint8_t type; /* enum row_type; STRING is already resolved to ENUM, SET or STRING */
	uint16_t meta; /* as in TABLE_MAP, for the resolved type */
	bool is_nullable;
	/* From the optional metadata; meaning only when the table has it. */
	bool is_unsigned; /* then integers are ROW_VALUE_UINT */
	bool is_visible;
	uint32_t collation; /* 0: not known; 63 binary */
	char *name; /* owned; NULL unless binlog_row_metadata=FULL */
};
struct row_table {
	uint64_t table_id;
	char *schema, *name; /* owned, as bytes of the upstream */
	unsigned int column_count;
	struct row_column *columns; /* owned */
	bool has_signedness, has_names, has_collations;
	unsigned int key_count; /* primary key columns in key order, with FULL metadata */
	unsigned int *key; /* owned */
};
int row_table_parse(
	const struct binlog_format *f, const struct binlog_body *body, struct row_table *ret);
void row_table_done(struct row_table *t);

enum row_kind { ROW_INSERT, ROW_UPDATE, ROW_DELETE };

enum row_value_kind {
	ROW_VALUE_ABSENT, /* not in this image (minimal, noblob): unlike NULL */
	ROW_VALUE_NULL,
	ROW_VALUE_INT, /* i: signed as stored; without signedness see row_value_unsigned() */
	ROW_VALUE_UINT, /* u: BIT, SET, ENUM ordinal, YEAR, unsigned integers when the signedness is known */
	ROW_VALUE_FLOAT,
	ROW_VALUE_DOUBLE,
	ROW_VALUE_NUMBER, /* text: exact decimal digits, unquoted */
	ROW_VALUE_TIME, /* text: date or time literal without quotes; TIMESTAMP in UTC */
	/* Bytes in the column's charset. CHAR and VARCHAR, also BINARY and VARBINARY, unless the collation is known to be
	 * binary. The server cuts spaces off the end of CHAR, and zero bytes off BINARY(n) and MariaDB's INET4, INET6 and
	 * UUID: padding takes the definition. */
	ROW_VALUE_STRING,
	ROW_VALUE_BINARY, /* bytes: BLOB, GEOMETRY, VECTOR (floats); TEXT, unless its collation is known */
	ROW_VALUE_JSON, /* text: UTF-8 JSON of MySQL; MariaDB's JSON columns are text */
};
struct row_value {
	enum row_value_kind kind;
	union {
		int64_t i;
		uint64_t u;
		float f;
		double d;
	} number;
	const char *bytes; /* of text kinds; not NUL-terminated */
	size_t len;
};

/* One decoder an event stream; keeps scratch memory between rows. */
struct row_decoder;
struct row_decoder *row_decoder_new(void);
void row_decoder_free(struct row_decoder *d);
/* Starts on a rows event of `t`. Compressed events (MariaDB) are unpacked. */
int row_decoder_begin(struct row_decoder *d, uint8_t type, const struct binlog_format *f,
	const struct binlog_body *body, const struct row_table *t, enum row_kind *ret_kind);
/* 1 with the images (arrays of t->column_count; `before` for UPDATE and DELETE, `after` for INSERT and UPDATE; the other
 * NULL), 0 at the end, -errno with *ret_column the column at fault (column_count: none) and no way on in this event.
 * A partial JSON update (event 39) is applied to `before`; -ENOTSUP when a minimal image lacks the document. */
int row_decoder_next(struct row_decoder *d, const struct row_value **ret_before,
	const struct row_value **ret_after, unsigned int *ret_column);
/* The table id of a rows event, to find its table map. */
int row_event_table_id(uint8_t type, const struct binlog_format *f, const struct binlog_body *body,
	uint64_t *ret_id, uint16_t *ret_flags);
enum { ROW_FLAG_STATEMENT_END = 0x0001 };

/* Signed as stored, of an integer column type, to its unsigned meaning (24 bits for INT24). */
uint64_t row_value_unsigned(uint8_t type, int64_t stored);
