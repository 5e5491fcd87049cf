/* print.c - structs as text by their tables: TOML and YAML that can be read back, secrets as ******. */
#include <inttypes.h>
#include <string.h>

#include "key.h"

static const char hidden[] = "******";

#define CONST_MEMBER(base, offset, type) \
	(*(const type *)(const void *)((const char *)(base) + (offset)))

/* In double quotes with escapes that TOML and YAML share. */
static void add_quoted(struct dm_str *out, const char *text)
{
	dm_str_add_char(out, '"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			dm_str_addf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			dm_str_addf(out, "\\u%04X", c);
		else
			dm_str_add_char(out, *text);
	}
	dm_str_add_char(out, '"');
}

/* Keys of free maps: bare where both languages take them so. */
static void add_name(struct dm_str *out, const char *name)
{
	static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";

	if (*name && strspn(name, bare) == strlen(name) && strlen(name) > 5)
		dm_str_add(out, name);
	else
		add_quoted(out, name);
}

static void add_duration(struct dm_str *out, int64_t ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = { { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } };

	if (ms == 0) {
		dm_str_add(out, "\"0s\"");
		return;
	}
	dm_str_add_char(out, '"');
	for (size_t i = 0; i < DM_COUNT_OF(units); i++) {
		if (ms >= units[i].ms)
			dm_str_addf(out, "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
		ms %= units[i].ms;
	}
	dm_str_add_char(out, '"');
}

static void add_strings(struct dm_str *out, const struct conf_strings *list)
{
	dm_str_add_char(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			dm_str_add(out, ", ");
		add_quoted(out, list->at[i]);
	}
	dm_str_add_char(out, ']');
}

/* True when the value is written on the line of its key. */
static bool add_scalar(struct dm_str *out, const struct conf_key *key, const void *base)
{
	switch (key->type) {
	case CONF_STR:
		if ((key->flags & CONF_SECRET) && *CONST_MEMBER(base, key->at, char *))
			add_quoted(out, hidden);
		else
			add_quoted(out, CONST_MEMBER(base, key->at, char *));
		return true;
	case CONF_BOOL:
		dm_str_add(out, CONST_MEMBER(base, key->at, bool) ? "true" : "false");
		return true;
	case CONF_U16:
		dm_str_addf(out, "%u", CONST_MEMBER(base, key->at, uint16_t));
		return true;
	case CONF_U32:
		dm_str_addf(out, "%" PRIu32, CONST_MEMBER(base, key->at, uint32_t));
		return true;
	case CONF_U64:
	case CONF_I64:
		dm_str_addf(out, "%" PRId64, CONST_MEMBER(base, key->at, int64_t));
		return true;
	case CONF_DURATION_MS:
		add_duration(out, CONST_MEMBER(base, key->at, int64_t));
		return true;
	case CONF_STRINGS:
		add_strings(out, &CONST_MEMBER(base, key->at, struct conf_strings));
		return true;
	case CONF_SETTINGS:
	case CONF_STRUCT:
	case CONF_OPTIONAL:
	case CONF_STRUCTS:
	case CONF_NAMED:
		break;
	}
	return false;
}

/* ---- TOML ---- */

static void toml_settings(
	const struct conf_key *key, const void *base, const char *path, struct dm_str *out)
{
	const struct db_setting *list = CONST_MEMBER(base, key->at, struct db_setting *);
	size_t count = CONST_MEMBER(base, key->count_at, size_t);

	if (count > 0)
		dm_str_addf(out, "\n[%s]\n", path);
	for (size_t i = 0; i < count; i++) {
		add_name(out, list[i].key);
		dm_str_add(out, " = ");
		add_quoted(out, list[i].value);
		dm_str_add_char(out, '\n');
	}
}

static void toml_struct(
	const struct conf_table_of *t, const void *base, const char *path, struct dm_str *out)
{
	for (const struct conf_key *key = t->keys; key->name; key++) {
		DM_CLEANUP(dm_str_done) struct dm_str value = { 0 };

		if ((key->flags & CONF_OLD) && conf_value_is_default(t, key, base))
			continue;
		if (add_scalar(&value, key, base))
			dm_str_addf(out, "%s = %s\n", key->name, dm_str_get(&value));
	}
	for (const struct conf_key *key = t->keys; key->name; key++) {
		DM_CLEANUP(freep)
		char *inner = *path ? dm_format("%s.%s", path, key->name) : dm_strdup(key->name);

		if (key->type == CONF_SETTINGS)
			toml_settings(key, base, inner, out);
		if (key->type != CONF_STRUCT ||
			((key->flags & CONF_OLD) && conf_value_is_default(t, key, base)))
			continue;
		dm_str_addf(out, "\n[%s]\n", inner);
		toml_struct(key->sub, (const char *)base + key->at, inner, out);
	}
}

void conf_print_toml(const struct conf_table_of *t, const void *base, struct dm_str *out)
{
	toml_struct(t, base, "", out);
}

static void sample_struct(
	const struct conf_table_of *t, const void *base, const char *path, struct dm_str *out)
{
	for (const struct conf_key *key = t->keys; key->name; key++) {
		DM_CLEANUP(dm_str_done) struct dm_str value = { 0 };

		if (key->flags & CONF_OLD)
			continue;
		if (key->sample)
			dm_str_add(&value, key->sample);
		else if (!add_scalar(&value, key, base))
			continue;
		dm_str_addf(out, "# %s%s\n", key->help,
			key->flags & CONF_LATER ? " (no effect yet)" : "");
		dm_str_addf(out, "%s = %s\n", key->name, dm_str_get(&value));
	}
	for (const struct conf_key *key = t->keys; key->name; key++) {
		DM_CLEANUP(freep)
		char *inner = *path ? dm_format("%s.%s", path, key->name) : dm_strdup(key->name);

		if (key->type != CONF_STRUCT || (key->flags & CONF_OLD))
			continue;
		dm_str_addf(out, "\n# %s\n[%s]\n", key->help, inner);
		sample_struct(key->sub, (const char *)base + key->at, inner, out);
	}
}

void conf_print_toml_sample(const struct conf_table_of *t, struct dm_str *out)
{
	DM_CLEANUP(freep) void *base = dm_alloc(t->size);

	conf_set_defaults(t, base);
	sample_struct(t, base, "", out);
	conf_struct_done(t, base);
}

/* ---- YAML ---- */

static void add_indent(struct dm_str *out, unsigned int indent)
{
	dm_str_addf(out, "%*s", (int)indent, "");
}

static void yaml_settings(
	const struct conf_key *key, const void *base, unsigned int indent, struct dm_str *out)
{
	const struct db_setting *list = CONST_MEMBER(base, key->at, struct db_setting *);
	size_t count = CONST_MEMBER(base, key->count_at, size_t);

	for (size_t i = 0; i < count; i++) {
		add_indent(out, indent);
		add_name(out, list[i].key);
		dm_str_add(out, ": ");
		add_quoted(out, list[i].value);
		dm_str_add_char(out, '\n');
	}
}

/* A struct without any line of its own needs the empty map in its place. */
static void yaml_inner(
	const struct conf_table_of *t, const void *base, unsigned int indent, struct dm_str *out)
{
	size_t before = out->len;

	dm_str_add_char(out, '\n');
	conf_print_yaml(t, base, indent, out);
	if (out->len == before + 1) {
		out->len = before;
		dm_str_add(out, " {}\n");
	}
}

static void yaml_array(
	const struct conf_key *key, const void *base, unsigned int indent, struct dm_str *out)
{
	const char *array = CONST_MEMBER(base, key->at, char *);
	size_t count = CONST_MEMBER(base, key->count_at, size_t);

	for (size_t i = 0; i < count; i++) {
		const char *item = array + i * key->sub->size;

		add_indent(out, indent);
		if (key->type == CONF_NAMED) {
			add_name(out, CONST_MEMBER(item, 0, char *));
			dm_str_add_char(out, ':');
		} else {
			dm_str_add_char(out, '-');
		}
		yaml_inner(key->sub, item, indent + 2, out);
	}
}

void conf_print_yaml(
	const struct conf_table_of *t, const void *base, unsigned int indent, struct dm_str *out)
{
	for (const struct conf_key *key = t->keys; key->name; key++) {
		const char *at = (const char *)base + key->at;
		DM_CLEANUP(dm_str_done) struct dm_str value = { 0 };

		if (conf_value_is_default(t, key, base))
			continue;
		add_indent(out, indent);
		dm_str_addf(out, "%s:", key->name);
		if (add_scalar(&value, key, base))
			dm_str_addf(out, " %s\n", dm_str_get(&value));
		else if (key->type == CONF_STRUCT || key->type == CONF_OPTIONAL)
			yaml_inner(key->sub,
				key->type == CONF_STRUCT ? at
							 : *(const void *const *)(const void *)at,
				indent + 2, out);
		else
			dm_str_add_char(out, '\n');
		if (key->type == CONF_SETTINGS)
			yaml_settings(key, base, indent + 2, out);
		else if (key->type == CONF_STRUCTS || key->type == CONF_NAMED)
			yaml_array(key, base, indent + 2, out);
	}
}
