/* row-temporal.c - dates and times as literals, kept as they were stored: no calendar judges them. */
#include "row-value.h"

enum { SECONDS_A_DAY = 86400, YEAR_MAX = 9999 };

struct moment {
	uint32_t year, month, day, hour, minute, second, micros;
};

static char *put_digits(char *at, uint32_t value, unsigned int width)
{
	for (unsigned int i = width; i > 0; i--, value /= 10)
		at[i - 1] = (char)('0' + value % 10);
	return at + width;
}

static char *put_date(char *at, const struct moment *m)
{
	at = put_digits(at, m->year, 4);
	*at++ = '-';
	at = put_digits(at, m->month, 2);
	*at++ = '-';
	return put_digits(at, m->day, 2);
}

/* Hours of TIME reach 838; they have two digits at least. */
static char *put_time(char *at, const struct moment *m, unsigned int fsp)
{
	uint32_t fraction = m->micros;

	at = put_digits(at, m->hour, m->hour > 99 ? 3 : 2);
	*at++ = ':';
	at = put_digits(at, m->minute, 2);
	*at++ = ':';
	at = put_digits(at, m->second, 2);
	if (fsp == 0)
		return at;
	*at++ = '.';
	for (unsigned int i = fsp; i < ROW_FSP_MAX; i++)
		fraction /= 10;
	return put_digits(at, fraction, fsp);
}

static int put_datetime(char *text, const struct moment *m, unsigned int fsp)
{
	char *at;

	if (m->year > YEAR_MAX || m->month > 99 || m->day > 99 || m->hour > 99 || m->minute > 99 ||
		m->second > 99 || m->micros > 999999 || fsp > ROW_FSP_MAX)
		return -EBADMSG;
	at = put_date(text, m);
	*at++ = ' ';
	at = put_time(at, m, fsp);
	return (int)(at - text);
}

int row_text_date(uint32_t stored, char *text)
{
	struct moment m = { .day = stored & 31, .month = stored >> 5 & 15, .year = stored >> 9 };

	if (m.year > YEAR_MAX)
		return -EBADMSG;
	return (int)(put_date(text, &m) - text);
}

int row_text_old_time(int32_t stored, char *text)
{
	uint32_t value = stored < 0 ? 0 - (uint32_t)stored : (uint32_t)stored;
	struct moment m = {
		.hour = value / 10000, .minute = value / 100 % 100, .second = value % 100
	};
	char *at = text;

	if (m.hour > 999)
		return -EBADMSG;
	if (stored < 0)
		*at++ = '-';
	return (int)(put_time(at, &m, 0) - text);
}

int row_text_old_datetime(uint64_t stored, char *text)
{
	uint64_t date = stored / 1000000, time = stored % 1000000;
	struct moment m = { .month = (uint32_t)(date / 100 % 100),
		.day = (uint32_t)(date % 100),
		.hour = (uint32_t)(time / 10000),
		.minute = (uint32_t)(time / 100 % 100),
		.second = (uint32_t)(time % 100) };

	if (date / 10000 > YEAR_MAX)
		return -EBADMSG;
	m.year = (uint32_t)(date / 10000);
	return put_datetime(text, &m, 0);
}

/* Days since 1970 to the Gregorian calendar, by years that begin in March: the leap day comes last. */
static void set_date(struct moment *m, uint32_t days)
{
	uint32_t shifted = days + 719468; /* since 0000-03-01 */
	uint32_t era = shifted / 146097, in_era = shifted % 146097;
	uint32_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	uint32_t in_year = in_era - (365 * year + year / 4 - year / 100);
	uint32_t month = (5 * in_year + 2) / 153;

	m->day = in_year - (153 * month + 2) / 5 + 1;
	m->month = month < 10 ? month + 3 : month - 9;
	m->year = era * 400 + year + (m->month <= 2 ? 1 : 0);
}

int row_text_timestamp(uint32_t seconds, uint32_t micros, unsigned int fsp, char *text)
{
	uint32_t in_day = seconds % SECONDS_A_DAY;
	struct moment m = { .hour = in_day / 3600,
		.minute = in_day / 60 % 60,
		.second = in_day % 60,
		.micros = micros };

	if (seconds != 0 || micros != 0) /* zero is "0000-00-00", not 1970 */
		set_date(&m, seconds / SECONDS_A_DAY);
	return put_datetime(text, &m, fsp);
}

int row_text_datetime(uint64_t bits, uint32_t micros, unsigned int fsp, char *text)
{
	uint64_t year_month = bits >> 22;
	struct moment m = { .month = (uint32_t)(year_month % 13),
		.day = bits >> 17 & 31,
		.hour = bits >> 12 & 31,
		.minute = bits >> 6 & 63,
		.second = bits & 63,
		.micros = micros };

	if (year_month / 13 > YEAR_MAX)
		return -EBADMSG;
	m.year = (uint32_t)(year_month / 13);
	return put_datetime(text, &m, fsp);
}

int row_text_time(bool is_negative, uint64_t bits, uint32_t micros, unsigned int fsp, char *text)
{
	struct moment m = { .hour = bits >> 12 & 1023,
		.minute = bits >> 6 & 63,
		.second = bits & 63,
		.micros = micros };
	char *at = text;

	if (m.hour > 999 || micros > 999999 || fsp > ROW_FSP_MAX)
		return -EBADMSG;
	if (is_negative)
		*at++ = '-';
	return (int)(put_time(at, &m, fsp) - text);
}
