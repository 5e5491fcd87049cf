/* log.h - one line an event: a fixed message and named fields.
 *
 * Sinks: the journal with fields when stderr is the journal, else stderr or `log-file` as
 * "2026-11-22T10:00:00.123Z INFO message key=value ...". Any thread; a line is written whole.
 * Repeated lines (same message within 1 s more than 10 times) are held back and counted.
 * Secrets and row values do not belong here; statements only at debug level. */
#pragma once

#include <stdint.h>

#include "dm/error.h"
#include "dm/macro.h"

enum dm_log_level { DM_LOG_DEBUG, DM_LOG_INFO, DM_LOG_WARN, DM_LOG_ERROR, DM_LOG_COUNT };

/* Set once per object and passed along. Members may be NULL. Strings are borrowed. */
struct dm_log_context {
	const char *task;
	const char *source;
	const char *unit; /* DM's words: "binlog replication", "relay", ... */
};

/* `file` NULL: journal or stderr. 0 or -errno of opening. Call again to change; main thread. */
int dm_log_open(enum dm_log_level level, const char *file);
int dm_log_level_parse(const char *text, enum dm_log_level *ret); /* debug info warn error fatal */

/* Pairs of key and value (both const char *) follow, then NULL. A key is lower_snake_case. */
void dm_log(enum dm_log_level level, const struct dm_log_context *ctx, const char *message,
	...) DM_SENTINEL;
/* Adds error_code, error and cause; then the pairs. */
void dm_log_error(enum dm_log_level level, const struct dm_log_context *ctx,
	const struct dm_error *err, const char *message, ...) DM_SENTINEL;

/* A number as a field's value: DM_NUM(size). The text lives until the end of the enclosing block. */
#define DM_NUM(value) dm_log_number((char[24]){ 0 }, (int64_t)(value))
const char *dm_log_number(char *buf, int64_t value);
