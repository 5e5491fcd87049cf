/* key.c - what the rows of a table say of a struct: defaults, copies, equality, freeing. */
#include "key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "scalar.h"

#define MEMBER(base, offset, type) (*(type *)(void *)((char *)(base) + (offset)))
#define CONST_MEMBER(base, offset, type) \
	(*(const type *)(const void *)((const char *)(base) + (offset)))

void conf_strings_add(struct conf_strings *s, const char *text)
{
	s->at = dm_grow(s->at, s->count + 1, sizeof(char *));
	s->at[s->count++] = dm_strdup(text);
}

void conf_strings_done(struct conf_strings *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->at[i]);
	free(s->at);
	*s = (struct conf_strings){ 0 };
}

const struct conf_key *conf_key_find(const struct conf_table_of *t, const char *name)
{
	for (const struct conf_key *key = t->keys; key->name; key++)
		if (strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

/* What a number may be: the row's range, else the type's. */
void conf_key_range(const struct conf_key *key, int64_t *ret_min, int64_t *ret_max)
{
	if (key->min != 0 || key->max != 0) {
		*ret_min = key->min;
		*ret_max = key->max;
		return;
	}
	*ret_min = key->type == CONF_I64 ? INT64_MIN : 0;
	*ret_max = key->type == CONF_U16   ? UINT16_MAX
		   : key->type == CONF_U32 ? (int64_t)UINT32_MAX
					   : INT64_MAX;
}

int conf_set_number(const struct conf_key *key, void *base, bool negative, uint64_t magnitude)
{
	int64_t min, max, value;

	conf_key_range(key, &min, &max);
	if (magnitude > INT64_MAX)
		return -ERANGE;
	value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	if (value < min || value > max)
		return -ERANGE;
	if (key->type == CONF_U16)
		MEMBER(base, key->at, uint16_t) = (uint16_t)value;
	else if (key->type == CONF_U32)
		MEMBER(base, key->at, uint32_t) = (uint32_t)value;
	else
		MEMBER(base, key->at, int64_t) = value;
	return 0;
}

static int set_duration(const struct conf_key *key, void *base, const char *text)
{
	int64_t ns, min, max;
	int r = conf_duration_parse(text, &ns);

	if (r < 0)
		return r;
	conf_key_range(key, &min, &max);
	if (ns / 1000000 < min || ns / 1000000 > max)
		return -ERANGE;
	MEMBER(base, key->at, int64_t) = ns / 1000000;
	return 0;
}

/* As Go's strconv.ParseBool. */
static int set_bool(const struct conf_key *key, void *base, const char *text)
{
	static const char *const words[] = { "1", "t", "T", "true", "TRUE", "True", "0", "f", "F",
		"false", "FALSE", "False" };

	for (size_t i = 0; i < DM_COUNT_OF(words); i++)
		if (strcmp(text, words[i]) == 0) {
			MEMBER(base, key->at, bool) = i < DM_COUNT_OF(words) / 2;
			return 0;
		}
	return -EINVAL;
}

/* Go's strconv.ParseInt with base 0, which YAML's integers follow. */
static int set_integer(const struct conf_key *key, void *base, const char *text)
{
	struct conf_node n = {
		.kind = CONF_NODE_SCALAR, .text = dm_strdup(text), .is_plain = true
	};
	uint64_t magnitude = 0;
	bool negative = false;
	int r = -EINVAL;

	if (strcmp(yaml_scalar_tag(&n), "!!int") == 0)
		r = yaml_scalar_int(&n, &negative, &magnitude);
	else if (*text &&
		 strspn(text + (*text == '-'), "0123456789") == strlen(text + (*text == '-')))
		r = -ERANGE;
	free(n.text);
	return r < 0 ? r : conf_set_number(key, base, negative, magnitude);
}

int conf_set_text(const struct conf_key *key, void *base, const char *text)
{
	switch (key->type) {
	case CONF_STR:
		free(MEMBER(base, key->at, char *));
		MEMBER(base, key->at, char *) = dm_strdup(text);
		return 0;
	case CONF_BOOL:
		return set_bool(key, base, text);
	case CONF_U16:
	case CONF_U32:
	case CONF_U64:
	case CONF_I64:
		return set_integer(key, base, text);
	case CONF_DURATION_MS:
		return set_duration(key, base, text);
	case CONF_STRINGS:
	case CONF_SETTINGS:
	case CONF_STRUCT:
	case CONF_OPTIONAL:
	case CONF_STRUCTS:
	case CONF_NAMED:
		break;
	}
	return -ENOENT;
}

void conf_set_defaults(const struct conf_table_of *t, void *base)
{
	for (const struct conf_key *key = t->keys; key->name; key++)
		if (key->type == CONF_STRUCT)
			conf_set_defaults(key->sub, (char *)base + key->at);
		else if (key->type == CONF_STR || key->def)
			(void)conf_set_text(
				key, base, key->def ? key->def : ""); /* rows are right */
}

static void array_done(const struct conf_key *key, void *base)
{
	char *array = MEMBER(base, key->at, char *);
	size_t count = MEMBER(base, key->count_at, size_t);

	for (size_t i = 0; i < count; i++) {
		if (key->type == CONF_NAMED)
			free(*(char **)(void *)(array + i * key->sub->size));
		conf_struct_done(key->sub, array + i * key->sub->size);
	}
	free(array);
	MEMBER(base, key->at, char *) = NULL;
	MEMBER(base, key->count_at, size_t) = 0;
}

static void settings_done(const struct conf_key *key, void *base)
{
	struct db_setting *array = MEMBER(base, key->at, struct db_setting *);
	size_t count = MEMBER(base, key->count_at, size_t);

	for (size_t i = 0; i < count; i++) {
		free(array[i].key);
		free(array[i].value);
	}
	free(array);
	MEMBER(base, key->at, struct db_setting *) = NULL;
	MEMBER(base, key->count_at, size_t) = 0;
}

static void value_done(const struct conf_key *key, void *base)
{
	switch (key->type) {
	case CONF_STR:
		freep((char *)base + key->at);
		return;
	case CONF_STRINGS:
		conf_strings_done(&MEMBER(base, key->at, struct conf_strings));
		return;
	case CONF_SETTINGS:
		settings_done(key, base);
		return;
	case CONF_STRUCT:
		conf_struct_done(key->sub, (char *)base + key->at);
		return;
	case CONF_OPTIONAL:
		if (MEMBER(base, key->at, void *))
			conf_struct_done(key->sub, MEMBER(base, key->at, void *));
		freep((char *)base + key->at);
		return;
	case CONF_STRUCTS:
	case CONF_NAMED:
		array_done(key, base);
		return;
	case CONF_BOOL:
	case CONF_U16:
	case CONF_U32:
	case CONF_U64:
	case CONF_I64:
	case CONF_DURATION_MS:
		return;
	}
}

void conf_struct_done(const struct conf_table_of *t, void *base)
{
	for (const struct conf_key *key = t->keys; key->name; key++)
		value_done(key, base);
}

static int compare_names(const void *name, const void *element)
{
	return strcmp(name, *(char *const *)element);
}

const void *conf_named_find(
	const struct conf_table_of *t, const void *array, size_t count, const char *name)
{
	return count ? bsearch(name, array, count, t->size, compare_names) : NULL;
}

static bool strings_equal(const struct conf_strings *a, const struct conf_strings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->at[i], b->at[i]) != 0)
			return false;
	return true;
}

static bool struct_equal(const struct conf_table_of *t, const void *a, const void *b)
{
	for (const struct conf_key *key = t->keys; key->name; key++)
		if (!conf_value_equal(key, a, b))
			return false;
	return true;
}

static bool array_equal(const struct conf_key *key, const void *a, const void *b)
{
	size_t count = CONST_MEMBER(a, key->count_at, size_t);
	const char *x = CONST_MEMBER(a, key->at, char *), *y = CONST_MEMBER(b, key->at, char *);

	if (count != CONST_MEMBER(b, key->count_at, size_t))
		return false;
	for (size_t i = 0; i < count; i++) {
		const char *m = x + i * key->sub->size, *n = y + i * key->sub->size;

		if (key->type == CONF_NAMED &&
			strcmp(CONST_MEMBER(m, 0, char *), CONST_MEMBER(n, 0, char *)) != 0)
			return false;
		if (!struct_equal(key->sub, m, n))
			return false;
	}
	return true;
}

static bool settings_equal(const struct conf_key *key, const void *a, const void *b)
{
	size_t count = CONST_MEMBER(a, key->count_at, size_t);
	const struct db_setting *x = CONST_MEMBER(a, key->at, struct db_setting *);
	const struct db_setting *y = CONST_MEMBER(b, key->at, struct db_setting *);

	if (count != CONST_MEMBER(b, key->count_at, size_t))
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(x[i].key, y[i].key) != 0 || strcmp(x[i].value, y[i].value) != 0)
			return false;
	return true;
}

static bool optional_equal(const struct conf_key *key, const void *a, const void *b)
{
	const void *x = CONST_MEMBER(a, key->at, void *), *y = CONST_MEMBER(b, key->at, void *);

	return x && y ? struct_equal(key->sub, x, y) : x == y;
}

bool conf_value_equal(const struct conf_key *key, const void *a, const void *b)
{
	const char *x = (const char *)a + key->at, *y = (const char *)b + key->at;

	switch (key->type) {
	case CONF_STR:
		return strcmp(CONST_MEMBER(x, 0, char *), CONST_MEMBER(y, 0, char *)) == 0;
	case CONF_BOOL:
		return *(const bool *)x == *(const bool *)y;
	case CONF_U16:
		return memcmp(x, y, sizeof(uint16_t)) == 0;
	case CONF_U32:
		return memcmp(x, y, sizeof(uint32_t)) == 0;
	case CONF_U64:
	case CONF_I64:
	case CONF_DURATION_MS:
		return memcmp(x, y, sizeof(uint64_t)) == 0;
	case CONF_STRINGS:
		return strings_equal((const void *)x, (const void *)y);
	case CONF_SETTINGS:
		return settings_equal(key, a, b);
	case CONF_STRUCT:
		return struct_equal(key->sub, x, y);
	case CONF_OPTIONAL:
		return optional_equal(key, a, b);
	case CONF_STRUCTS:
	case CONF_NAMED:
		return array_equal(key, a, b);
	}
	return false;
}

bool conf_value_is_default(
	const struct conf_table_of *t, const struct conf_key *key, const void *base)
{
	DM_CLEANUP(freep) void *fresh = dm_alloc(t->size);
	bool equal;

	conf_set_defaults(t, fresh);
	equal = conf_value_equal(key, fresh, base);
	conf_struct_done(t, fresh);
	return equal;
}
