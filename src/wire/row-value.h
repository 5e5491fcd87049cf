/* row-value.h - how single values lie in row images. Shared by the row-*.c files only.
 *
 * Text functions write into a caller's buffer of ROW_TEXT_MAX, without a NUL, and give its length or
 * -EBADMSG. */
#pragma once

#include "cursor.h"
#include "dm/row.h"

enum {
	ROW_TEXT_MAX = 128, /* the longest decimal: 81 digits, sign, point, a leading zero */
	ROW_DECIMAL_DIGITS_MAX = 81,
	ROW_FSP_MAX = 6,
};

/* Memory for the values of one row. Zeroed: empty. */
struct row_arena {
	struct row_chunk *chunks; /* owned; the newest first */
};
char *row_arena_take(struct row_arena *a, size_t len);
void row_arena_clear(struct row_arena *a); /* keeps one chunk of ordinary size */
void row_arena_done(struct row_arena *a);

/* One value that is there and not NULL. A column that is_unsigned gives ROW_VALUE_UINT. JSON gives its
 * bytes as they are (kind JSON, binary form): the decoder turns them into text. */
int row_value_read(struct cursor *c, const struct row_column *column, struct row_arena *a,
	struct row_value *ret);

int row_text_decimal(struct cursor *c, unsigned int precision, unsigned int scale, char *text);
int row_text_date(uint32_t stored, char *text); /* day, month, year in 5, 4, 15 bits */
int row_text_old_time(int32_t stored, char *text); /* decimal hhmmss */
int row_text_old_datetime(uint64_t stored, char *text); /* decimal YYYYMMDDhhmmss */
int row_text_timestamp(uint32_t seconds, uint32_t micros, unsigned int fsp, char *text); /* UTC */
/* The bits of DATETIME2: year * 13 + month, day, hour, minute, second. */
int row_text_datetime(uint64_t bits, uint32_t micros, unsigned int fsp, char *text);
/* The bits of TIME2: hour, minute, second. */
int row_text_time(bool is_negative, uint64_t bits, uint32_t micros, unsigned int fsp, char *text);
