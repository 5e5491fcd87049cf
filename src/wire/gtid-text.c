/* gtid-text.c - GTID sets as people and servers write them. */
#include "gtid-set.h"

#include <errno.h>
#include <string.h>

struct reader {
	const char *text, *at;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct reader *r)
{
	while (is_blank(*r->at))
		r->at++;
}

static bool skip_char(struct reader *r, char c)
{
	skip_blanks(r);
	if (*r->at != c)
		return false;
	r->at++;
	skip_blanks(r);
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int read_number(struct reader *r, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!is_digit(*r->at))
		return -EINVAL;
	for (; is_digit(*r->at); r->at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*r->at - '0'), &value) ||
			value > max)
			return -EINVAL;
	*ret = value;
	return 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int read_uuid(struct reader *r, uint8_t ret[GTID_UUID_SIZE])
{
	for (int i = 0; i < GTID_UUID_SIZE; i++) {
		int high, low;

		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (*r->at++ != '-')
				return r->at--, -EINVAL;
		high = hex_value(r->at[0]);
		low = high < 0 ? -1 : hex_value(r->at[1]);
		if (low < 0)
			return -EINVAL;
		ret[i] = (uint8_t)(high << 4 | low);
		r->at += 2;
	}
	return 0;
}

static int read_tag(struct reader *r, char ret[GTID_TAG_MAX + 1])
{
	size_t len = 0;

	for (; hex_value(*r->at) >= 0 || (*r->at >= 'g' && *r->at <= 'z') ||
		(*r->at >= 'G' && *r->at <= 'Z') || *r->at == '_';
		r->at++) {
		if (len == GTID_TAG_MAX)
			return -EINVAL;
		ret[len++] = *r->at >= 'A' && *r->at <= 'Z' ? (char)(*r->at - 'A' + 'a') : *r->at;
	}
	ret[len] = '\0';
	return gtid_tag_is_valid(ret, len) ? 0 : -EINVAL;
}

/* "5" or "5-9", the end not before the start. */
static int read_interval(struct reader *r, struct gtid_interval *ret)
{
	struct reader start = *r;
	struct gtid_interval interval;

	if (read_number(r, GTID_NUMBER_MAX, &interval.first) != 0)
		return -EINVAL;
	interval.last = interval.first;
	if (skip_char(r, '-') && read_number(r, GTID_NUMBER_MAX, &interval.last) != 0)
		return -EINVAL;
	if (interval.first == 0 || interval.last < interval.first) {
		r->at = start.at;
		return -EINVAL;
	}
	*ret = interval;
	return 0;
}

/* uuid { ":" ( interval | tag ) }; a tag holds for the intervals behind it, and needs one. */
static int read_mysql_source(struct reader *r, struct gtid_set *s)
{
	uint8_t uuid[GTID_UUID_SIZE];
	char tag[GTID_TAG_MAX + 1] = "";
	bool wants_interval = true;

	if (read_uuid(r, uuid) != 0)
		return -EINVAL;
	while (skip_char(r, ':')) {
		struct gtid_interval interval;

		if (!is_digit(*r->at)) {
			if ((wants_interval && tag[0]) || read_tag(r, tag) != 0 || !tag[0])
				return -EINVAL;
			wants_interval = true;
			continue;
		}
		if (read_interval(r, &interval) != 0)
			return -EINVAL;
		gtid_set_add_interval(s, uuid, tag, interval);
		wants_interval = false;
	}
	return wants_interval ? -EINVAL : 0;
}

static int read_mariadb_gtid(struct reader *r, struct gtid_set *s)
{
	uint64_t domain, server_id, sequence;

	if (read_number(r, UINT32_MAX, &domain) != 0 || *r->at != '-')
		return -EINVAL;
	r->at++;
	if (read_number(r, UINT32_MAX, &server_id) != 0 || *r->at != '-')
		return -EINVAL;
	r->at++;
	if (read_number(r, UINT64_MAX, &sequence) != 0)
		return -EINVAL;
	return gtid_set_add_mariadb(s, (uint32_t)domain, (uint32_t)server_id, sequence);
}

/* Elements between commas; empty ones are left out, as MySQL does. */
static int read_set(struct reader *r, struct gtid_set *s)
{
	for (;;) {
		int error = 0;

		while (skip_char(r, ','))
			;
		skip_blanks(r);
		if (!*r->at)
			return 0;
		error = s->flavor == DM_FLAVOR_MYSQL ? read_mysql_source(r, s)
						     : read_mariadb_gtid(r, s);
		skip_blanks(r);
		if (error != 0 || (*r->at && *r->at != ','))
			return -EINVAL;
	}
}

int gtid_set_parse(struct gtid_set **ret, enum dm_flavor flavor, const char *text, size_t *ret_at)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = gtid_set_new(flavor);
	struct reader r = { .text = text, .at = text };

	if (flavor == DM_FLAVOR_UNKNOWN || read_set(&r, s) != 0) {
		if (ret_at)
			*ret_at = (size_t)(r.at - r.text);
		return -EINVAL;
	}
	*ret = take_ptr(s);
	return 0;
}

static void add_uuid(struct dm_str *out, const uint8_t uuid[GTID_UUID_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < GTID_UUID_SIZE; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			dm_str_add_char(out, '-');
		dm_str_add_char(out, digits[uuid[i] >> 4]);
		dm_str_add_char(out, digits[uuid[i] & 15]);
	}
}

static void add_source(
	struct dm_str *out, const struct gtid_source *source, const struct gtid_source *before)
{
	/* MySQL names a UUID once, with its tags behind each other. */
	if (!before || memcmp(before->uuid, source->uuid, GTID_UUID_SIZE) != 0) {
		if (before)
			dm_str_add_char(out, ',');
		add_uuid(out, source->uuid);
	}
	if (source->tag[0])
		dm_str_addf(out, ":%s", source->tag);
	for (size_t i = 0; i < source->interval_count; i++) {
		const struct gtid_interval *in = &source->intervals[i];

		dm_str_addf(out, ":%llu", (unsigned long long)in->first);
		if (in->last != in->first)
			dm_str_addf(out, "-%llu", (unsigned long long)in->last);
	}
}

void gtid_set_text(const struct gtid_set *s, struct dm_str *out)
{
	for (size_t i = 0; i < s->source_count; i++)
		add_source(out, &s->sources[i], i > 0 ? &s->sources[i - 1] : NULL);
	for (size_t i = 0; i < s->domain_count; i++)
		dm_str_addf(out, "%s%u-%u-%llu", i > 0 ? "," : "", s->domains[i].domain,
			s->domains[i].server_id, (unsigned long long)s->domains[i].sequence);
}
