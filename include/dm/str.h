/* str.h - a growable text buffer and few helpers for C strings.
 *
 * A zeroed struct is a valid empty buffer. `data` is always NUL-terminated once something was
 * appended, and may hold NUL bytes before that; use `len`. Not thread-safe; the holder owns it.
 * Allocation failure ends the process (see dm_oom): a daemon of 20 MB that cannot get
 * memory cannot keep a promise either, and systemd starts it again from durable state. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/macro.h"

struct dm_str {
	char *data; /* owned */
	size_t len; /* bytes, without the terminating NUL */
	size_t cap;
};

void dm_str_done(struct dm_str *s); /* frees; leaves a valid empty buffer */
void dm_str_clear(struct dm_str *s); /* keeps the memory */
void dm_str_reserve(struct dm_str *s, size_t more);
void dm_str_add(struct dm_str *s, const char *text);
void dm_str_add_bytes(struct dm_str *s, const void *bytes, size_t len);
void dm_str_add_char(struct dm_str *s, char c);
void dm_str_addf(struct dm_str *s, const char *format, ...) DM_PRINTF(2, 3);
void dm_str_addv(struct dm_str *s, const char *format, va_list args) DM_PRINTF(2, 0);
/* `name` in back-quotes, embedded back-quotes doubled. */
void dm_str_add_quoted_name(struct dm_str *s, const char *name);
char *dm_str_take(struct dm_str *s); /* caller frees; never NULL */
const char *dm_str_get(const struct dm_str *s); /* "" when empty */

/* These never return NULL. Free with free(). */
void *dm_alloc(size_t size); /* zeroed */
void *dm_alloc_array(size_t count, size_t size);
void *dm_grow(void *array, size_t count, size_t size); /* realloc, overflow checked, not zeroed */
char *dm_strdup(const char *text); /* NULL gives "" */
char *dm_strndup(const char *text, size_t len);
char *dm_format(const char *format, ...) DM_PRINTF(1, 2);
__attribute__((noreturn)) void dm_oom(void);

bool dm_streq(const char *a, const char *b); /* NULL equals only NULL */
bool dm_strcaseeq(const char *a, const char *b);
bool dm_has_prefix(const char *text, const char *prefix);
/* Decimal digits only, whole text. 0, or -EINVAL / -ERANGE. */
int dm_parse_u64(const char *text, uint64_t *ret);
