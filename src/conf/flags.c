/* flags.c - the worker's command line in Go's flag syntax: -x, --x, -x=v, -x v. */
#include <errno.h>
#include <string.h>

#include "worker-file.h"

static const struct worker_flag_row *row_of(const char *name, size_t len)
{
	for (const struct worker_flag_row *row = worker_flag_rows; row->name; row++)
		if (strlen(row->name) == len && memcmp(row->name, name, len) == 0)
			return row;
	return NULL;
}

/* Reads the value into a scratch file, for Go's error. */
static int check_value(
	const struct worker_flag_row *row, const char *value, struct dm_error *reterr)
{
	DM_CLEANUP(freep) struct worker_file *scratch = dm_alloc(sizeof(*scratch));
	void *base;
	const struct conf_key *key;
	int r;

	if (!row->path)
		return 0;
	conf_set_defaults(&worker_toml_table, scratch);
	key = worker_key_at(row->path, scratch, &base);
	r = conf_set_text(key, base, value);
	conf_struct_done(&worker_toml_table, scratch);
	if (r == 0)
		return 0;
	if (key->type == CONF_BOOL)
		return dm_fail(reterr, DM_ERR_WORKER_PARSE_FLAGS,
			"parse dm-worker config flag set: invalid boolean value \"%s\" for -%s: "
			"parse error",
			value, row->name);
	return dm_fail(reterr, DM_ERR_WORKER_PARSE_FLAGS,
		"parse dm-worker config flag set: invalid value \"%s\" for flag -%s: %s", value,
		row->name, r == -ERANGE ? "value out of range" : "parse error");
}

static void take(struct worker_flags *f, const struct worker_flag_row *row, const char *value)
{
	bool is_config = row->ask == WORKER_CHECK || strcmp(row->name, "config") == 0;

	if (row->path) {
		f->overrides = dm_grow(f->overrides, f->count + 1, sizeof(*f->overrides));
		f->overrides[f->count++] =
			(struct worker_flag){ .name = row->path, .value = dm_strdup(value) };
		return;
	}
	if (is_config) {
		free(f->config);
		f->config = dm_strdup(value);
	}
	if (row->ask != WORKER_RUN && (row->takes_value || !dm_streq(value, "false")))
		f->ask = row->ask;
}

/* One flag at argv[*at]. */
static int take_flag(
	int argc, char **argv, int *at, struct worker_flags *f, struct dm_error *reterr)
{
	const char *arg = argv[*at], *name = arg + (arg[1] == '-' ? 2 : 1);
	const char *equals = strchr(name, '='), *value = equals ? equals + 1 : NULL;
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct worker_flag_row *row = row_of(name, len);

	if (len == 0 || *name == '-')
		return dm_fail(reterr, DM_ERR_WORKER_PARSE_FLAGS,
			"parse dm-worker config flag set: bad flag syntax: %s", arg);
	if (!row && ((len == 4 && memcmp(name, "help", 4) == 0) || (len == 1 && *name == 'h'))) {
		f->ask = WORKER_HELP;
		return 0;
	}
	if (!row)
		return dm_fail(reterr, DM_ERR_WORKER_PARSE_FLAGS,
			"parse dm-worker config flag set: flag provided but not defined: -%.*s",
			(int)len, name);
	if (!value && row->takes_value) {
		if (*at + 1 >= argc)
			return dm_fail(reterr, DM_ERR_WORKER_PARSE_FLAGS,
				"parse dm-worker config flag set: flag needs an argument: -%s",
				row->name);
		value = argv[++*at];
	}
	if (!value)
		value = "true";
	if (check_value(row, value, reterr) < 0)
		return -1;
	take(f, row, value);
	return 0;
}

int worker_flags_parse(int argc, char **argv, struct worker_flags *ret, struct dm_error *reterr)
{
	struct worker_flags f = { .config = dm_strdup("") };
	int at = 1;

	for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
		if (strcmp(argv[at], "--") == 0) {
			at++;
			break;
		}
		if (take_flag(argc, argv, &at, &f, reterr) < 0) {
			worker_flags_done(&f);
			return -1;
		}
		if (f.ask == WORKER_HELP)
			break;
	}
	if (f.ask == WORKER_RUN && at < argc) {
		(void)dm_fail(
			reterr, DM_ERR_WORKER_INVALID_FLAG, "'%s' is an invalid flag", argv[at]);
		worker_flags_done(&f);
		return -1;
	}
	*ret = f;
	return 0;
}

void worker_flags_done(struct worker_flags *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->overrides[i].value);
	free(f->overrides);
	free(f->config);
	*f = (struct worker_flags){ 0 };
}

void worker_flags_usage(struct dm_str *out)
{
	dm_str_add(out, "Usage of dm-worker:\n");
	for (const struct worker_flag_row *row = worker_flag_rows; row->name; row++)
		dm_str_addf(out, "  -%s%s\n    \t%s\n", row->name, row->takes_value ? " value" : "",
			row->help);
}
