/* position.c - names of binlog files, with and without the relay's suffix, and their order. */
#include "dm/position.h"

#include <errno.h>
#include <string.h>

/* The parts of a name: "base|000002.000003" has base "base", suffix 2 and number 3. */
struct name_parts {
	size_t base_len;
	unsigned int suffix;
	const char *number_text; /* digits behind the dot */
	uint64_t number;
};

static bool read_suffix(const char *digits, size_t len, unsigned int *ret)
{
	uint64_t value = 0;

	if (len == 0 || len > 9)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(digits[i] - '0');
	}
	if (value == 0)
		return false;
	*ret = (unsigned int)value;
	return true;
}

static int read_parts(const char *name, struct name_parts *ret)
{
	const char *dot = strchr(name, '.');
	struct name_parts parts = { 0 };

	if (!dot || dot == name || strlen(name) >= BINLOG_NAME_MAX)
		return -EINVAL;
	/* A second dot is no digit, so it is refused here as well. */
	if (dm_parse_u64(dot + 1, &parts.number) != 0 || parts.number == 0)
		return -EINVAL;
	parts.number_text = dot + 1;
	parts.base_len = (size_t)(dot - name);
	for (size_t bar = parts.base_len; bar > 1; bar--) {
		if (name[bar - 1] != '|')
			continue;
		/* A bar that no number follows belongs to the upstream's own name, as in DM. */
		if (read_suffix(name + bar, parts.base_len - bar, &parts.suffix))
			parts.base_len = bar - 1;
		break;
	}
	*ret = parts;
	return 0;
}

bool binlog_name_is_valid(const char *name)
{
	struct name_parts parts;

	return read_parts(name, &parts) == 0;
}

int binlog_name_number(const char *name, uint64_t *ret)
{
	struct name_parts parts;
	int r = read_parts(name, &parts);

	if (r == 0)
		*ret = parts.number;
	return r;
}

static int copy_name(const struct dm_str *from, char ret[BINLOG_NAME_MAX])
{
	if (from->len >= BINLOG_NAME_MAX)
		return -EINVAL;
	memcpy(ret, from->data, from->len + 1);
	return 0;
}

int binlog_name_next(const char *name, char ret[BINLOG_NAME_MAX])
{
	DM_CLEANUP(dm_str_done) struct dm_str next = { 0 };
	struct name_parts parts;
	int r = read_parts(name, &parts);

	if (r != 0 || parts.number == UINT64_MAX)
		return -EINVAL;
	dm_str_add_bytes(&next, name, (size_t)(parts.number_text - name));
	dm_str_addf(&next, "%0*llu", (int)strlen(parts.number_text),
		(unsigned long long)(parts.number + 1));
	return copy_name(&next, ret);
}

int binlog_name_split(const char *name, char ret_plain[BINLOG_NAME_MAX], unsigned int *ret_suffix)
{
	struct name_parts parts;
	DM_CLEANUP(dm_str_done) struct dm_str plain = { 0 };
	int r = read_parts(name, &parts);

	if (r != 0)
		return r;
	dm_str_add_bytes(&plain, name, parts.base_len);
	dm_str_addf(&plain, ".%s", parts.number_text);
	r = copy_name(&plain, ret_plain);
	if (r == 0)
		*ret_suffix = parts.suffix;
	return r;
}

int binlog_name_join(const char *plain, unsigned int suffix, char ret[BINLOG_NAME_MAX])
{
	DM_CLEANUP(dm_str_done) struct dm_str joined = { 0 };
	struct name_parts parts;
	int r = read_parts(plain, &parts);

	if (r != 0)
		return r;
	dm_str_add_bytes(&joined, plain, (size_t)(parts.number_text - 1 - plain));
	if (suffix != RELAY_SUFFIX_NONE)
		dm_str_addf(&joined, "|%06u", suffix);
	dm_str_addf(&joined, ".%s", parts.number_text);
	return copy_name(&joined, ret);
}

static int order_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_names(const char *a, const char *b)
{
	struct name_parts pa, pb;
	size_t common;
	int order;

	if (read_parts(a, &pa) != 0 || read_parts(b, &pb) != 0)
		return strcmp(a, b); /* "" (unknown) is before every name */
	if (pa.suffix != RELAY_SUFFIX_NONE && pb.suffix != RELAY_SUFFIX_NONE &&
		pa.suffix != pb.suffix)
		return order_u64(pa.suffix, pb.suffix);
	order = order_u64(pa.number, pb.number);
	if (order != 0)
		return order;
	common = pa.base_len < pb.base_len ? pa.base_len : pb.base_len;
	order = memcmp(a, b, common);
	return order != 0 ? order : order_u64(pa.base_len, pb.base_len);
}

int binlog_position_compare(const struct binlog_position *a, const struct binlog_position *b)
{
	int order = compare_names(a->name, b->name);

	return order != 0 ? order : order_u64(a->pos, b->pos);
}

void binlog_position_text(const struct binlog_position *p, struct dm_str *out)
{
	dm_str_addf(out, "(%s, %llu)", p->name, (unsigned long long)p->pos);
}

void binlog_position_colon(const struct binlog_position *p, struct dm_str *out)
{
	dm_str_addf(out, "%s:%llu", p->name, (unsigned long long)p->pos);
}

void binlog_position_set(struct binlog_position *p, const char *name, uint64_t pos)
{
	size_t len = strnlen(name, BINLOG_NAME_MAX - 1);

	memmove(p->name, name, len); /* `name` may be p->name itself */
	p->name[len] = '\0';
	p->pos = pos;
}
