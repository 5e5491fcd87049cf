/* key.h - one row a configuration key, and what is done by the rows: read, default, print, copy, compare, free.
 *
 * A struct that is described by a table is plain data: strings never NULL, arrays owned. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/conf.h"

#include "node.h"

enum conf_type {
	CONF_STR,
	CONF_BOOL,
	CONF_U16,
	CONF_U32,
	CONF_U64,
	CONF_I64,
	CONF_DURATION_MS, /* Go's text of a duration, int64_t of milliseconds */
	CONF_STRINGS, /* struct conf_strings */
	CONF_SETTINGS, /* a map of scalars: struct db_setting * and a count at `count_at` */
	CONF_STRUCT, /* a struct in place */
	CONF_OPTIONAL, /* a pointer to a struct, NULL when the key is missing */
	CONF_STRUCTS, /* a list: an array of structs, and a count at `count_at` */
	CONF_NAMED, /* a map: the same, sorted; the first member of the struct is its `char *name` */
};
enum conf_flag {
	CONF_LIVE = 1, /* a reload may change it */
	CONF_SECRET = 2, /* printed as ****** */
	CONF_LATER = 4, /* accepted, no effect yet: reported when it is not the default */
	CONF_OLD = 8, /* another form of the file has it (2.0 beside 1.0): not part of the sample */
};
struct conf_key {
	const char *name;
	enum conf_type type;
	size_t at, count_at;
	const struct conf_table_of *sub; /* of structs */
	const char *def; /* default as text; NULL: zero, "" */
	int64_t min, max; /* of numbers; both 0: what the type holds */
	unsigned int flags;
	const char *go_type; /* as yaml.v2 prints it, where it does not follow from `type` */
	const char *sample; /* in the sample file, instead of the default */
	const char *help;
};
struct conf_table_of {
	const char *go_type; /* "config.TaskConfig" */
	size_t size;
	const struct conf_key *keys; /* ends with a row without name */
};

#define KEY(text, kind, type_, member) .name = (text), .type = (kind), .at = offsetof(type_, member)
#define COUNT(type_, member) .count_at = offsetof(type_, member)

enum conf_dialect { CONF_TOML, CONF_YAML };
struct conf_decode {
	enum conf_dialect dialect;
	enum dm_code code; /* of a value that does not fit, 40003 or 20003 */
	enum dm_code unknown_code; /* of an unknown key */
	const char *head; /* "toml decode file", "decode task config failed" */
	struct conf_faults *faults;
	struct conf_strings *later; /* may be NULL */
	size_t visits; /* of nodes, against alias bombs; starts at 0 */
};

void conf_set_defaults(const struct conf_table_of *t, void *base);
/* `base` has its defaults; 0, or -1 when faults were added. */
int conf_decode_node(struct conf_decode *d, const struct conf_table_of *t,
	const struct conf_node *n, const char *path, void *base);
/* One value as a flag gives it. -EINVAL, -ERANGE, or -ENOENT for kinds that no flag can give. */
int conf_set_text(const struct conf_key *key, void *base, const char *text);
const struct conf_key *conf_key_find(const struct conf_table_of *t, const char *name);

/* What a number may be: the row's range, else the type's. */
void conf_key_range(const struct conf_key *key, int64_t *ret_min, int64_t *ret_max);
/* -ERANGE when it does not fit. */
int conf_set_number(const struct conf_key *key, void *base, bool negative, uint64_t magnitude);

void conf_struct_done(const struct conf_table_of *t, void *base);
/* The named struct of a CONF_NAMED array, or NULL. */
const void *conf_named_find(
	const struct conf_table_of *t, const void *array, size_t count, const char *name);
bool conf_value_equal(const struct conf_key *key, const void *a, const void *b);
bool conf_value_is_default(
	const struct conf_table_of *t, const struct conf_key *key, const void *base);

void conf_print_toml(const struct conf_table_of *t, const void *base, struct dm_str *out);
void conf_print_yaml(
	const struct conf_table_of *t, const void *base, unsigned int indent, struct dm_str *out);
void conf_print_toml_sample(const struct conf_table_of *t, struct dm_str *out);

void conf_strings_add(struct conf_strings *s, const char *text);

/* A fault at a place. `part`, which may be NULL, is added to the message: what DM lists with its like. */
void conf_fault_add(struct conf_faults *f, unsigned int line, unsigned int column, const char *key,
	enum dm_code code, const char *part, const char *format, ...) DM_PRINTF(7, 8);
