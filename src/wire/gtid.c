/* gtid.c - sets of executed transactions: growing, comparing, joining. */
#include "gtid-set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct gtid_set *gtid_set_new(enum dm_flavor flavor)
{
	struct gtid_set *s = dm_alloc(sizeof(*s));

	s->flavor = flavor;
	return s;
}

void gtid_set_free(struct gtid_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->source_count; i++)
		free(s->sources[i].intervals);
	free(s->sources);
	free(s->domains);
	free(s);
}

void gtid_set_freep(struct gtid_set **s)
{
	gtid_set_free(*s);
	*s = NULL;
}

struct gtid_set *gtid_set_copy(const struct gtid_set *s)
{
	struct gtid_set *copy = gtid_set_new(s->flavor);

	(void)gtid_set_merge(copy, s); /* the flavours are the same, so it cannot fail */
	return copy;
}

bool gtid_tag_is_valid(const char *tag, size_t len)
{
	if (len > GTID_TAG_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool is_letter = (tag[i] >= 'a' && tag[i] <= 'z') || tag[i] == '_';

		if (!is_letter && (i == 0 || tag[i] < '0' || tag[i] > '9'))
			return false;
	}
	return true;
}

static int order_source(
	const struct gtid_source *source, const uint8_t uuid[GTID_UUID_SIZE], const char *tag)
{
	int order = memcmp(source->uuid, uuid, GTID_UUID_SIZE);

	return order != 0 ? order : strcmp(source->tag, tag);
}

/* The place of a source: where it is, or where it would have to go. */
static size_t find_source(const struct gtid_set *s, const uint8_t uuid[GTID_UUID_SIZE],
	const char *tag, bool *ret_is_there)
{
	size_t low = 0, high = s->source_count;

	*ret_is_there = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = order_source(&s->sources[middle], uuid, tag);

		if (order == 0) {
			*ret_is_there = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct gtid_source *get_source(
	struct gtid_set *s, const uint8_t uuid[GTID_UUID_SIZE], const char *tag)
{
	bool is_there;
	size_t at = find_source(s, uuid, tag, &is_there);
	struct gtid_source *source;

	if (is_there)
		return &s->sources[at];
	s->sources = dm_grow(s->sources, s->source_count + 1, sizeof(*s->sources));
	source = &s->sources[at];
	memmove(source + 1, source, (s->source_count - at) * sizeof(*source));
	s->source_count++;
	*source = (struct gtid_source){ 0 };
	memcpy(source->uuid, uuid, GTID_UUID_SIZE);
	memcpy(source->tag, tag, strlen(tag) + 1);
	return source;
}

/* Of sorted intervals, the first that ends at or behind `number`. */
static size_t find_interval(const struct gtid_source *source, uint64_t number)
{
	size_t low = 0, high = source->interval_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (source->intervals[middle].last < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void insert_interval(struct gtid_source *source, size_t at, struct gtid_interval add)
{
	if (source->interval_count == source->interval_cap) {
		source->interval_cap = source->interval_cap ? source->interval_cap * 2 : 1;
		source->intervals = dm_grow(
			source->intervals, source->interval_cap, sizeof(*source->intervals));
	}
	memmove(source->intervals + at + 1, source->intervals + at,
		(source->interval_count - at) * sizeof(add));
	source->intervals[at] = add;
	source->interval_count++;
}

void gtid_set_add_interval(struct gtid_set *s, const uint8_t uuid[GTID_UUID_SIZE], const char *tag,
	struct gtid_interval add)
{
	struct gtid_source *source = get_source(s, uuid, tag);
	/* Neighbours melt together, so the one that ends just before `first` counts as touched. */
	size_t at = find_interval(source, add.first - 1), end = at;

	while (end < source->interval_count && source->intervals[end].first <= add.last + 1)
		end++;
	if (end == at) {
		insert_interval(source, at, add);
		return;
	}
	if (source->intervals[at].first < add.first)
		add.first = source->intervals[at].first;
	if (source->intervals[end - 1].last > add.last)
		add.last = source->intervals[end - 1].last;
	source->intervals[at] = add;
	memmove(source->intervals + at + 1, source->intervals + end,
		(source->interval_count - end) * sizeof(add));
	source->interval_count -= end - at - 1;
}

int gtid_set_add_mysql(struct gtid_set *s, const uint8_t uuid[16], const char *tag, uint64_t number)
{
	if (s->flavor != DM_FLAVOR_MYSQL || number == 0 || number > GTID_NUMBER_MAX ||
		!gtid_tag_is_valid(tag, strlen(tag)))
		return -EINVAL;
	gtid_set_add_interval(
		s, uuid, tag, (struct gtid_interval){ .first = number, .last = number });
	return 0;
}

static size_t find_domain(const struct gtid_set *s, uint32_t domain)
{
	size_t at = 0; /* servers have few domains */

	while (at < s->domain_count && s->domains[at].domain < domain)
		at++;
	return at;
}

static const struct gtid_domain *get_domain(const struct gtid_set *s, uint32_t domain)
{
	size_t at = find_domain(s, domain);

	return at < s->domain_count && s->domains[at].domain == domain ? &s->domains[at] : NULL;
}

int gtid_set_add_mariadb(struct gtid_set *s, uint32_t domain, uint32_t server_id, uint64_t sequence)
{
	struct gtid_domain add = { .domain = domain, .server_id = server_id, .sequence = sequence };
	size_t at;

	if (s->flavor != DM_FLAVOR_MARIADB)
		return -EINVAL;
	at = find_domain(s, domain);
	if (at == s->domain_count || s->domains[at].domain != domain) {
		s->domains = dm_grow(s->domains, s->domain_count + 1, sizeof(*s->domains));
		memmove(s->domains + at + 1, s->domains + at, (s->domain_count - at) * sizeof(add));
		s->domain_count++;
	}
	s->domains[at] = add;
	return 0;
}

bool gtid_set_is_empty(const struct gtid_set *s)
{
	return s->source_count == 0 && s->domain_count == 0;
}

static bool source_has(const struct gtid_source *whole, const struct gtid_source *part)
{
	for (size_t i = 0; i < part->interval_count; i++) {
		struct gtid_interval want = part->intervals[i];
		size_t at = find_interval(whole, want.first);

		if (at == whole->interval_count || whole->intervals[at].first > want.first ||
			whole->intervals[at].last < want.last)
			return false;
	}
	return true;
}

bool gtid_set_contains(const struct gtid_set *whole, const struct gtid_set *part)
{
	for (size_t i = 0; i < part->source_count; i++) {
		const struct gtid_source *source = &part->sources[i];
		bool is_there;
		size_t at = find_source(whole, source->uuid, source->tag, &is_there);

		if (!is_there || !source_has(&whole->sources[at], source))
			return false;
	}
	for (size_t i = 0; i < part->domain_count; i++) {
		const struct gtid_domain *has = get_domain(whole, part->domains[i].domain);

		if (!has || has->sequence < part->domains[i].sequence)
			return false;
	}
	return true;
}

static bool source_equal(const struct gtid_source *a, const struct gtid_source *b)
{
	return order_source(a, b->uuid, b->tag) == 0 && a->interval_count == b->interval_count &&
	       memcmp(a->intervals, b->intervals,
		       a->interval_count * sizeof(struct gtid_interval)) == 0;
}

static bool domain_equal(const struct gtid_domain *a, const struct gtid_domain *b)
{
	return a->domain == b->domain && a->server_id == b->server_id && a->sequence == b->sequence;
}

bool gtid_set_equal(const struct gtid_set *a, const struct gtid_set *b)
{
	if (a->source_count != b->source_count || a->domain_count != b->domain_count)
		return false;
	for (size_t i = 0; i < a->source_count; i++)
		if (!source_equal(&a->sources[i], &b->sources[i]))
			return false;
	for (size_t i = 0; i < a->domain_count; i++)
		if (!domain_equal(&a->domains[i], &b->domains[i]))
			return false;
	return true;
}

int gtid_set_merge(struct gtid_set *into, const struct gtid_set *from)
{
	if (into == from)
		return 0;
	if (into->flavor != from->flavor)
		return -EINVAL;
	for (size_t i = 0; i < from->source_count; i++)
		for (size_t k = 0; k < from->sources[i].interval_count; k++)
			gtid_set_add_interval(into, from->sources[i].uuid, from->sources[i].tag,
				from->sources[i].intervals[k]);
	for (size_t i = 0; i < from->domain_count; i++) {
		const struct gtid_domain *add = &from->domains[i];
		const struct gtid_domain *has = get_domain(into, add->domain);

		if (!has || has->sequence < add->sequence)
			(void)gtid_set_add_mariadb(into, add->domain, add->server_id,
				add->sequence); /* MariaDB's, as `into` is */
	}
	return 0;
}
