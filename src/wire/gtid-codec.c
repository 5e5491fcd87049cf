/* gtid-codec.c - GTID sets as the protocol and the binlog carry them. */
#include "cursor.h"
#include "gtid-set.h"

#include <string.h>

enum {
	FORMAT_PLAIN = 0,
	FORMAT_TAGGED = 1, /* MySQL 8.3 and newer, when a tag is present */
	FORMAT_SHIFT = 56, /* the format is the top byte of the source count */
};

static void add_u64(struct dm_str *out, uint64_t value)
{
	value = htole64(value);
	dm_str_add_bytes(out, &value, sizeof(value));
}

static bool has_tag(const struct gtid_set *s)
{
	for (size_t i = 0; i < s->source_count; i++)
		if (s->sources[i].tag[0])
			return true;
	return false;
}

void gtid_set_encode_mysql(const struct gtid_set *s, struct dm_str *out)
{
	bool is_tagged = has_tag(s);
	uint64_t count = s->source_count;

	if (is_tagged) /* the server also repeats the format in the lowest byte */
		count = (uint64_t)FORMAT_TAGGED << FORMAT_SHIFT | count << 8 | FORMAT_TAGGED;
	add_u64(out, count);
	for (size_t i = 0; i < s->source_count; i++) {
		const struct gtid_source *source = &s->sources[i];

		dm_str_add_bytes(out, source->uuid, GTID_UUID_SIZE);
		if (is_tagged) {
			size_t len = strlen(source->tag);

			dm_str_add_char(out, (char)(len << 1)); /* a varlen number below 128 */
			dm_str_add_bytes(out, source->tag, len);
		}
		add_u64(out, source->interval_count);
		for (size_t k = 0; k < source->interval_count; k++) {
			add_u64(out, source->intervals[k].first);
			add_u64(out, source->intervals[k].last + 1);
		}
	}
}

static int decode_tag(struct cursor *c, char ret[GTID_TAG_MAX + 1])
{
	uint64_t len = cursor_varlen(c);
	const uint8_t *bytes = len <= GTID_TAG_MAX ? cursor_bytes(c, (size_t)len) : NULL;

	if (!bytes || !gtid_tag_is_valid((const char *)bytes, (size_t)len))
		return -EBADMSG;
	memcpy(ret, bytes, (size_t)len);
	ret[len] = '\0';
	return 0;
}

static int decode_source(struct cursor *c, bool is_tagged, struct gtid_set *s)
{
	const uint8_t *uuid = cursor_bytes(c, GTID_UUID_SIZE);
	char tag[GTID_TAG_MAX + 1] = "";
	uint64_t count, before = 0;

	if (!uuid || (is_tagged && decode_tag(c, tag) != 0))
		return -EBADMSG;
	count = cursor_uint(c, 8);
	for (uint64_t i = 0; i < count && !c->is_bad; i++) {
		uint64_t first = cursor_uint(c, 8), end = cursor_uint(c, 8);

		/* Servers write them sorted and apart, and refuse anything else. */
		if (first <= before || end <= first || end > GTID_NUMBER_MAX + 1)
			return -EBADMSG;
		before = end;
		gtid_set_add_interval(
			s, uuid, tag, (struct gtid_interval){ .first = first, .last = end - 1 });
	}
	return cursor_error(c);
}

int gtid_set_decode_mysql(struct gtid_set **ret, const uint8_t *bytes, size_t len)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = gtid_set_new(DM_FLAVOR_MYSQL);
	struct cursor c = cursor_over(bytes, len);
	uint64_t count = cursor_uint(&c, 8);
	uint64_t format = count >> FORMAT_SHIFT;

	if (c.is_bad || format > FORMAT_TAGGED)
		return -EBADMSG;
	if (format == FORMAT_TAGGED)
		count = count << 8 >> 16; /* without the top and the lowest byte */
	for (uint64_t i = 0; i < count; i++)
		if (decode_source(&c, format == FORMAT_TAGGED, s) != 0)
			return -EBADMSG;
	*ret = take_ptr(s);
	return 0;
}

int gtid_set_decode_mariadb(struct gtid_set **ret, const uint8_t *bytes, size_t len)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = gtid_set_new(DM_FLAVOR_MARIADB);
	struct cursor c = cursor_over(bytes, len);
	uint32_t count = cursor_u32(&c) & 0x0fffffff; /* the top bits are flags */

	for (uint32_t i = 0; i < count && !c.is_bad; i++) {
		uint32_t domain = cursor_u32(&c), server_id = cursor_u32(&c);
		uint64_t sequence = cursor_uint(&c, 8);

		/* Of several servers in one domain the server writes the last one last. */
		if (!c.is_bad)
			(void)gtid_set_add_mariadb(
				s, domain, server_id, sequence); /* s is MariaDB's */
	}
	if (c.is_bad)
		return -EBADMSG;
	*ret = take_ptr(s);
	return 0;
}
