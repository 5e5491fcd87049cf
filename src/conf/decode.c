/* decode.c - a tree of places into a struct, by its table; every fault is noted, none ends the reading. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "key.h"
#include "scalar.h"

enum { VISITS_MAX = 1000000 };

#define MEMBER(base, offset, type) (*(type *)(void *)((char *)(base) + (offset)))

static void fault(
	struct conf_decode *d, const struct conf_node *n, const char *path, const char *part)
{
	conf_fault_add(d->faults, n->line, n->column, path, d->code, part,
		d->dialect == CONF_YAML ? "%s: yaml: unmarshal errors:\n  " : "%s: ", d->head);
}

/* ---- what was read, and what is allowed ---- */

static char *go_type_of(const struct conf_key *key)
{
	static const char *const names[] = {
		[CONF_STR] = "string",
		[CONF_BOOL] = "bool",
		[CONF_U16] = "int",
		[CONF_U32] = "uint32",
		[CONF_U64] = "int",
		[CONF_I64] = "int",
		[CONF_DURATION_MS] = "config.Duration",
		[CONF_STRINGS] = "[]string",
		[CONF_SETTINGS] = "map[string]string",
		[CONF_STRUCT] = "",
		[CONF_OPTIONAL] = "",
		[CONF_STRUCTS] = "[]*",
		[CONF_NAMED] = "map[string]*",
	};

	if (key->go_type)
		return dm_strdup(key->go_type);
	return dm_format("%s%s", names[key->type], key->sub ? key->sub->go_type : "");
}

static void allowed(const struct conf_key *key, struct dm_str *out)
{
	int64_t min, max;

	switch (key->type) {
	case CONF_STR:
		dm_str_add(out, "a string");
		return;
	case CONF_BOOL:
		dm_str_add(out, "true or false");
		return;
	case CONF_U16:
	case CONF_U32:
	case CONF_U64:
	case CONF_I64:
		conf_key_range(key, &min, &max);
		dm_str_addf(out, "an integer from %" PRId64 " to %" PRId64, min, max);
		return;
	case CONF_DURATION_MS:
		dm_str_add(out, "a duration such as \"300ms\" or \"5m\"");
		return;
	case CONF_STRINGS:
		dm_str_add(out, "a list of strings");
		return;
	case CONF_SETTINGS:
	case CONF_STRUCT:
	case CONF_OPTIONAL:
	case CONF_NAMED:
		dm_str_add(out, "a table");
		return;
	case CONF_STRUCTS:
		dm_str_add(out, "a list of tables");
		return;
	}
}

static const char *kind_name(const struct conf_node *n)
{
	static const char *const names[] = {
		[CONF_NODE_SCALAR] = "a scalar",
		[CONF_NODE_STRING] = "the string",
		[CONF_NODE_INTEGER] = "the integer",
		[CONF_NODE_FLOAT] = "the fraction",
		[CONF_NODE_BOOL] = "the truth value",
		[CONF_NODE_TIME] = "the time",
		[CONF_NODE_MAP] = "a table",
		[CONF_NODE_LIST] = "a list",
	};

	return names[n->kind];
}

/* Is what stands here a password, or a table of one, of which people write "user:password@host"? */
static bool key_is_secret(const struct conf_key *key)
{
	if (key->flags & CONF_SECRET)
		return true;
	for (const struct conf_key *k = key->sub ? key->sub->keys : NULL; k && k->name; k++)
		if (k->flags & CONF_SECRET)
			return true;
	return false;
}

/* yaml.v2's words, with the range where the type alone does not tell. */
static void misfit_yaml(
	const struct conf_key *key, const struct conf_node *n, bool is_range, struct dm_str *out)
{
	DM_CLEANUP(freep) char *go_type = go_type_of(key);
	bool is_shown = n->text && !key_is_secret(key);

	dm_str_addf(out, "line %u: cannot unmarshal %s", n->line, yaml_scalar_tag(n));
	if (is_shown && strlen(n->text) > 10)
		dm_str_addf(out, " `%.7s...`", n->text);
	else if (is_shown)
		dm_str_addf(out, " `%s`", n->text);
	dm_str_addf(out, " into %s", go_type);
	if (is_range) {
		dm_str_add(out, ", allowed is ");
		allowed(key, out);
	}
}

static void misfit(struct conf_decode *d, const struct conf_key *key, const struct conf_node *n,
	const char *path, bool is_range)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	if (d->dialect == CONF_YAML) {
		misfit_yaml(key, n, is_range, &text);
	} else {
		dm_str_addf(&text, "%s: %s", path, kind_name(n));
		if (n->text && !key_is_secret(key))
			dm_str_addf(&text, " %.64s", n->text);
		dm_str_add(&text, " is read, allowed is ");
		allowed(key, &text);
	}
	fault(d, n, path, dm_str_get(&text));
}

/* ---- scalars ---- */

/* 0, -EINVAL when the node is no string. *ret is borrowed from the node, or from *keep. */
static int string_of(
	const struct conf_decode *d, const struct conf_node *n, const char **ret, char **keep)
{
	if (d->dialect == CONF_TOML) {
		*ret = n->text;
		return n->kind == CONF_NODE_STRING ? 0 : -EINVAL;
	}
	if (n->kind != CONF_NODE_SCALAR)
		return -EINVAL;
	*ret = yaml_scalar_is_null(n) ? "" : n->text;
	if (n->tag && strcmp(n->tag, "!!binary") == 0) {
		size_t len;

		if (conf_base64_decode(n->text, (uint8_t **)keep, &len) < 0 || strlen(*keep) != len)
			return -EINVAL;
		*ret = *keep;
	}
	return 0;
}

static int scalar_of(const struct conf_decode *d, const struct conf_key *key,
	const struct conf_node *n, void *base)
{
	DM_CLEANUP(freep) char *keep = NULL;
	const char *text;
	bool negative;
	uint64_t magnitude;
	int r;

	if (key->type == CONF_STR || key->type == CONF_DURATION_MS) {
		r = string_of(d, n, &text, &keep);
		return r < 0 ? r : conf_set_text(key, base, text);
	}
	if (d->dialect == CONF_TOML)
		return n->kind == (key->type == CONF_BOOL ? CONF_NODE_BOOL : CONF_NODE_INTEGER)
			       ? conf_set_text(key, base, n->text)
			       : -EINVAL;
	if (n->kind != CONF_NODE_SCALAR)
		return -EINVAL;
	if (yaml_scalar_is_null(n))
		return key->type == CONF_BOOL ? conf_set_text(key, base, "false")
					      : conf_set_number(key, base, false, 0);
	if (key->type == CONF_BOOL)
		return yaml_scalar_bool(n, &MEMBER(base, key->at, bool));
	r = yaml_scalar_int(n, &negative, &magnitude);
	return r < 0 ? r : conf_set_number(key, base, negative, magnitude);
}

static bool is_null(const struct conf_decode *d, const struct conf_node *n)
{
	return d->dialect == CONF_YAML && yaml_scalar_is_null(n);
}

/* Counts the nodes that are looked at, and their size: aliases make them many more than there are. */
static bool visit(struct conf_decode *d, const struct conf_node *n)
{
	if (d->visits > VISITS_MAX)
		return false;
	d->visits += 1 + (n->text ? strlen(n->text) / 32 : 0);
	if (d->visits > VISITS_MAX)
		conf_fault_add(d->faults, n->line, n->column, "", d->code, NULL,
			"%s: yaml: document contains excessive aliasing", d->head);
	return d->visits <= VISITS_MAX;
}

/* ---- what holds others ---- */

static void decode_strings(struct conf_decode *d, const struct conf_key *key,
	const struct conf_node *n, const char *path, void *base)
{
	static const struct conf_key item_key = { .type = CONF_STR };
	struct conf_strings *list = &MEMBER(base, key->at, struct conf_strings);

	if (n->kind != CONF_NODE_LIST) {
		misfit(d, key, n, path, false);
		return;
	}
	for (size_t i = 0; i < n->count; i++) {
		const struct conf_node *item = n->entries[i].value;
		DM_CLEANUP(freep) char *keep = NULL;
		const char *text;

		if (!visit(d, item))
			return;
		if (string_of(d, item, &text, &keep) == 0)
			conf_strings_add(list, text);
		else
			misfit(d, &item_key, item, path, false);
	}
}

/* Maps with free keys: nothing is unknown, but a key may be there twice. */
static bool is_first(struct conf_decode *d, const struct conf_entry *e, const char *path)
{
	DM_CLEANUP(freep) char *part = NULL;

	if (!e->is_duplicate)
		return true;
	part = d->dialect == CONF_YAML
		       ? dm_format("line %u: key \"%s\" already set in map", e->line, e->key)
		       : dm_format("%s: the key %s is there twice", path, e->key);
	conf_fault_add(d->faults, e->line, e->column, path, d->code, part,
		d->dialect == CONF_YAML ? "%s: yaml: unmarshal errors:\n  " : "%s: ", d->head);
	return false;
}

static void decode_settings(struct conf_decode *d, const struct conf_key *key,
	const struct conf_node *n, const char *path, void *base)
{
	static const struct conf_key value_key = { .type = CONF_STR };
	struct db_setting **list = &MEMBER(base, key->at, struct db_setting *);
	size_t *count = &MEMBER(base, key->count_at, size_t);

	if (n->kind != CONF_NODE_MAP) {
		misfit(d, key, n, path, false);
		return;
	}
	*list = dm_alloc_array(n->count, sizeof(**list));
	for (size_t i = 0; i < n->count; i++) {
		const struct conf_entry *e = &n->entries[i];
		DM_CLEANUP(freep) char *keep = NULL;
		const char *text;

		if (!visit(d, e->value))
			return;
		if (e->is_merge || !is_first(d, e, path))
			continue;
		if (string_of(d, e->value, &text, &keep) < 0) {
			misfit(d, &value_key, e->value, path, false);
			continue;
		}
		(*list)[(*count)++] =
			(struct db_setting){ .key = dm_strdup(e->key), .value = dm_strdup(text) };
	}
}

static int compare_named(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void decode_array(struct conf_decode *d, const struct conf_key *key,
	const struct conf_node *n, const char *path, void *base)
{
	bool is_map = key->type == CONF_NAMED;
	size_t size = key->sub->size, *count = &MEMBER(base, key->count_at, size_t);
	char *array;

	if (n->kind != (is_map ? CONF_NODE_MAP : CONF_NODE_LIST)) {
		misfit(d, key, n, path, false);
		return;
	}
	array = dm_alloc_array(n->count, size);
	MEMBER(base, key->at, char *) = array;
	for (size_t i = 0; i < n->count; i++) {
		const struct conf_entry *e = &n->entries[i];
		char *item = array + *count * size;
		DM_CLEANUP(freep)
		char *inner =
			is_map ? dm_format("%s.%s", path, e->key) : dm_format("%s[%zu]", path, i);

		if (!visit(d, e->value))
			break;
		if (e->is_merge || (is_map && !is_first(d, e, inner)))
			continue;
		++*count;
		if (is_map)
			*(char **)(void *)item = dm_strdup(e->key);
		conf_set_defaults(key->sub, item);
		if (!is_null(d, e->value))
			(void)conf_decode_node(
				d, key->sub, e->value, inner, item); /* noted there */
	}
	if (is_map)
		qsort(array, *count, size, compare_named);
}

static void decode_optional(struct conf_decode *d, const struct conf_key *key,
	const struct conf_node *n, const char *path, void *base)
{
	void *inner = dm_alloc(key->sub->size);

	conf_set_defaults(key->sub, inner);
	MEMBER(base, key->at, void *) = inner;
	(void)conf_decode_node(d, key->sub, n, path, inner); /* noted there */
}

static void decode_value(struct conf_decode *d, const struct conf_key *key,
	const struct conf_node *n, const char *path, void *base)
{
	int r;

	switch (key->type) {
	case CONF_STRINGS:
		if (!is_null(d, n))
			decode_strings(d, key, n, path, base);
		return;
	case CONF_SETTINGS:
		if (!is_null(d, n))
			decode_settings(d, key, n, path, base);
		return;
	case CONF_STRUCT:
		if (!is_null(d, n))
			(void)conf_decode_node(
				d, key->sub, n, path, (char *)base + key->at); /* noted there */
		return;
	case CONF_OPTIONAL:
		if (!is_null(d, n))
			decode_optional(d, key, n, path, base);
		return;
	case CONF_STRUCTS:
	case CONF_NAMED:
		if (!is_null(d, n))
			decode_array(d, key, n, path, base);
		return;
	case CONF_STR:
	case CONF_BOOL:
	case CONF_U16:
	case CONF_U32:
	case CONF_U64:
	case CONF_I64:
	case CONF_DURATION_MS:
		r = scalar_of(d, key, n, base);
		if (r < 0)
			misfit(d, key, n, path, r == -ERANGE);
		return;
	}
}

/* ---- a struct ---- */

static const struct conf_key *key_of(
	const struct conf_decode *d, const struct conf_table_of *t, const char *name)
{
	for (const struct conf_key *key = t->keys; key->name; key++)
		if ((d->dialect == CONF_TOML ? strcasecmp : strcmp)(key->name, name) == 0)
			return key;
	return NULL;
}

/* An unknown key as far as it looks like one: "password:secret", without a blank, is a key for YAML. */
static char *shown_key(const char *key)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	size_t len = strspn(key, letters);

	return key[len] ? dm_format("%.*s...", (int)len, key) : dm_strdup(key);
}

static void refuse_key(struct conf_decode *d, const struct conf_table_of *t,
	const struct conf_entry *e, const char *outer)
{
	DM_CLEANUP(freep) char *key = shown_key(e->key);
	DM_CLEANUP(freep)
	char *path = *outer ? dm_format("%s.%s", outer, key) : dm_strdup(key);
	DM_CLEANUP(freep) char *part = NULL;

	if (d->dialect == CONF_YAML) {
		part = dm_format("line %u: field %s %s in type %s", e->line, key,
			e->is_duplicate ? "already set" : "not found", t->go_type);
		conf_fault_add(d->faults, e->line, e->column, path, d->code, part,
			"%s: yaml: unmarshal errors:\n  ", d->head);
	} else if (e->is_duplicate) {
		part = dm_format("%s: the key is there twice", path);
		conf_fault_add(d->faults, e->line, e->column, path, d->code, part, "%s: ", d->head);
	} else {
		conf_fault_add(d->faults, e->line, e->column, path, d->unknown_code, path,
			"worker config contains unknown configuration options: ");
	}
}

int conf_decode_node(struct conf_decode *d, const struct conf_table_of *t,
	const struct conf_node *n, const char *path, void *base)
{
	const struct conf_key whole = { .type = CONF_STRUCT, .sub = t };
	size_t before = d->faults->count + d->faults->omitted;

	if (n->kind != CONF_NODE_MAP) {
		misfit(d, &whole, n, path, false);
		return -1;
	}
	for (size_t i = 0; i < n->count; i++) {
		const struct conf_entry *e = &n->entries[i];
		const struct conf_key *key = key_of(d, t, e->key);
		DM_CLEANUP(freep)
		char *inner = *path ? dm_format("%s.%s", path, e->key) : dm_strdup(e->key);

		if (!visit(d, e->value))
			break;
		if (e->is_merge)
			continue;
		if (!key || e->is_duplicate) {
			refuse_key(d, t, e, path);
			continue;
		}
		decode_value(d, key, e->value, inner, base);
		if (d->later && (key->flags & CONF_LATER) && !conf_value_is_default(t, key, base))
			conf_strings_add(d->later, inner);
	}
	return d->faults->count + d->faults->omitted > before ? -1 : 0;
}
