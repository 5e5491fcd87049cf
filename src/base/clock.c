/* clock.c - the two clocks. */
#include "dm/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts); /* cannot fail for these two clocks */
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t dm_mono_us(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000;
}

int64_t dm_mono_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t dm_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

const char *dm_wall_text(int64_t wall_ns, char *buf, size_t size)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm)) {
		(void)snprintf(buf, size, "-"); /* a year beyond int: nothing to say */
		return buf;
	}
	(void)snprintf(buf, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		(int)(wall_ns % 1000000000 / 1000000));
	return buf;
}
