/* clock.h - time, in one place. Any thread.
 *
 * Monotonic milliseconds for waits and ages, wall-clock nanoseconds since 1970 (UTC) for what
 * people and files read. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int64_t dm_mono_ms(void);
int64_t dm_mono_us(void);
int64_t dm_wall_ns(void);
/* RFC 3339 in UTC with milliseconds, "2026-11-22T10:00:00.123Z"; buf of at least 32 bytes. */
const char *dm_wall_text(int64_t wall_ns, char *buf, size_t size);
