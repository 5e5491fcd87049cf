/* str.c - growable text and strict number reading. */
#include "dm/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void dm_oom(void)
{
	(void)!write(
		STDERR_FILENO, "out of memory\n", 14); /* nothing is left to report a failure to */
	abort();
}

void *dm_alloc(size_t size)
{
	return dm_alloc_array(1, size);
}

void *dm_alloc_array(size_t count, size_t size)
{
	void *ptr = calloc(count ? count : 1, size ? size : 1);

	if (!ptr)
		dm_oom();
	return ptr;
}

void *dm_grow(void *array, size_t count, size_t size)
{
	void *ptr = reallocarray(array, count ? count : 1, size ? size : 1);

	if (!ptr)
		dm_oom();
	return ptr;
}

char *dm_strndup(const char *text, size_t len)
{
	char *copy = dm_alloc(len + 1);

	memcpy(copy, text, len);
	return copy;
}

char *dm_strdup(const char *text)
{
	return text ? dm_strndup(text, strlen(text)) : dm_strndup("", 0);
}

void dm_str_done(struct dm_str *s)
{
	free(s->data);
	*s = (struct dm_str){ 0 };
}

void dm_str_clear(struct dm_str *s)
{
	s->len = 0;
	if (s->data)
		s->data[0] = '\0';
}

void dm_str_reserve(struct dm_str *s, size_t more)
{
	size_t need, cap;

	if (__builtin_add_overflow(s->len, more, &need) || __builtin_add_overflow(need, 1, &need))
		dm_oom();
	if (need <= s->cap)
		return;
	cap = s->cap < 64 ? 64 : s->cap;
	while (cap < need)
		if (__builtin_mul_overflow(cap, 2, &cap))
			dm_oom();
	s->data = dm_grow(s->data, cap, 1);
	s->cap = cap;
}

void dm_str_add_bytes(struct dm_str *s, const void *bytes, size_t len)
{
	dm_str_reserve(s, len);
	if (len > 0)
		memcpy(s->data + s->len, bytes, len);
	s->len += len;
	s->data[s->len] = '\0';
}

void dm_str_add(struct dm_str *s, const char *text)
{
	dm_str_add_bytes(s, text, strlen(text));
}

void dm_str_add_char(struct dm_str *s, char c)
{
	dm_str_add_bytes(s, &c, 1);
}

void dm_str_addv(struct dm_str *s, const char *format, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (len < 0)
		dm_oom(); /* only a broken format or memory makes it fail */
	dm_str_reserve(s, (size_t)len);
	(void)vsnprintf(s->data + s->len, (size_t)len + 1, format, args); /* measured just before */
	s->len += (size_t)len;
}

void dm_str_addf(struct dm_str *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	dm_str_addv(s, format, args);
	va_end(args);
}

void dm_str_add_quoted_name(struct dm_str *s, const char *name)
{
	dm_str_add_char(s, '`');
	for (; *name; name++) {
		if (*name == '`')
			dm_str_add_char(s, '`');
		dm_str_add_char(s, *name);
	}
	dm_str_add_char(s, '`');
}

char *dm_str_take(struct dm_str *s)
{
	char *data = s->data ? s->data : dm_strdup("");

	*s = (struct dm_str){ 0 };
	return data;
}

const char *dm_str_get(const struct dm_str *s)
{
	return s->data ? s->data : "";
}

char *dm_format(const char *format, ...)
{
	struct dm_str s = { 0 };
	va_list args;

	va_start(args, format);
	dm_str_addv(&s, format, args);
	va_end(args);
	return dm_str_take(&s);
}

bool dm_streq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool dm_strcaseeq(const char *a, const char *b)
{
	return a == b || (a && b && strcasecmp(a, b) == 0);
}

bool dm_has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

int dm_parse_u64(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -ERANGE;
	}
	*ret = value;
	return 0;
}
