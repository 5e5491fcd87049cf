/* worker.c - the worker's file, its flags, and the checks that DM makes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "dm/file.h"
#include "dm/log.h"
#include "dm/position.h"

#include "worker-file.h"

enum { SOURCE_ID_MAX = 32, BACKOFF_MIN_MS = 1000 };

/* ---- checks ---- */

/* DM raises these functional errors in the worker's class. */
static void set_worker_class(struct conf_faults *f, enum dm_code code)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->list[i].error.code == code)
			f->list[i].error.class = DM_CLASS_DM_WORKER;
}

static void check_log_level(
	struct worker_file *file, const struct conf_doc *doc, struct conf_faults *f)
{
	enum dm_log_level level;

	for (char *at = file->log_level; *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	if (dm_log_level_parse(file->log_level, &level) < 0)
		conf_refuse(doc, f, "log-level", DM_ERR_INIT_LOGGER,
			"init logger failed: unrecognized level: \"%s\", allowed are debug, info, "
			"warn, error, fatal",
			file->log_level);
}

static void check_source_id(
	const struct worker_file *file, const struct conf_doc *doc, struct conf_faults *f)
{
	if (!*file->source_id)
		conf_refuse(doc, f, "source-id", DM_ERR_WORKER_SOURCE_ID_EMPTY,
			"dm-worker should bind a non-empty source ID which represents a "
			"MySQL/MariaDB instance or a replica group. \n notice: if you use old "
			"version dm-ansible, please update to newest version.");
	else if (strlen(file->source_id) > SOURCE_ID_MAX)
		conf_refuse(doc, f, "source-id", DM_ERR_WORKER_SOURCE_ID_LONG,
			"the length of source ID %s is more than max allowed value %d",
			file->source_id, SOURCE_ID_MAX);
}

static int flavor_of(const char *text, enum dm_flavor *ret)
{
	*ret = strcmp(text, "mysql") == 0     ? DM_FLAVOR_MYSQL
	       : strcmp(text, "mariadb") == 0 ? DM_FLAVOR_MARIADB
					      : DM_FLAVOR_UNKNOWN;
	return *text && *ret == DM_FLAVOR_UNKNOWN ? -EINVAL : 0;
}

/* DM reads the set before it knows the flavor and then always fails without one: its form tells which it is. */
static bool gtid_is_valid(const char *text, enum dm_flavor flavor)
{
	bool valid = false;

	for (int i = DM_FLAVOR_MYSQL; i <= DM_FLAVOR_MARIADB && !valid; i++) {
		DM_CLEANUP(gtid_set_freep) struct gtid_set *set = NULL;
		size_t at;

		if (flavor == DM_FLAVOR_UNKNOWN || flavor == (enum dm_flavor)i)
			valid = gtid_set_parse(&set, (enum dm_flavor)i, text, &at) == 0;
	}
	return valid;
}

static void check_start(
	const struct worker_file *file, const struct conf_doc *doc, struct conf_faults *f)
{
	enum dm_flavor flavor;

	if (flavor_of(file->flavor, &flavor) < 0)
		conf_refuse(
			doc, f, "flavor", DM_ERR_FLAVOR, "flavor %s not supported", file->flavor);
	if (*file->relay_binlog_name && !binlog_name_is_valid(file->relay_binlog_name))
		conf_refuse(doc, f, "relay-binlog-name", DM_ERR_WORKER_RELAY_BINLOG_NAME,
			"relay-binlog-name %s not valid", file->relay_binlog_name);
	if (*file->relay_binlog_gtid && !gtid_is_valid(file->relay_binlog_gtid, flavor)) {
		conf_refuse(doc, f, "relay-binlog-gtid", DM_ERR_PARSE_GTID,
			"relay-binlog-gtid %s: parse GTID %s: it is no GTID set%s%s",
			file->relay_binlog_gtid, file->relay_binlog_gtid, flavor ? " of " : "",
			flavor ? file->flavor : "");
		set_worker_class(f, DM_ERR_PARSE_GTID);
	}
}

static void check_backoff(
	const struct worker_file *file, const struct conf_doc *doc, struct conf_faults *f)
{
	if (file->checker.backoff_max >= BACKOFF_MIN_MS)
		return;
	conf_refuse(doc, f, "checker.backoff-max", DM_ERR_BACKOFF_ARGS,
		"backoff argument max value %gs not valid",
		(double)file->checker.backoff_max / 1000);
	set_worker_class(f, DM_ERR_BACKOFF_ARGS);
}

/* "host:port", ":port", "[v6]:port" */
static int split_addr(const char *text, char **ret_host, uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	uint64_t port;

	if (!colon || dm_parse_u64(colon + 1, &port) < 0 || port == 0 || port > UINT16_MAX)
		return -EINVAL;
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']')
		*ret_host = dm_strndup(text + 1, len - 2);
	else if (memchr(text, ':', len) || memchr(text, '[', len) || memchr(text, ']', len))
		return -EINVAL;
	else
		*ret_host = dm_strndup(text, len);
	*ret_port = (uint16_t)port;
	return 0;
}

static void check_addr(
	const char *key, const char *addr, const struct conf_doc *doc, struct conf_faults *f)
{
	DM_CLEANUP(freep) char *host = NULL;
	uint16_t port;

	if (split_addr(addr, &host, &port) < 0)
		conf_refuse(doc, f, key, DM_ERR_WORKER_HOST_PORT, "host:port '%s' not valid", addr);
}

/* ---- building ---- */

static char *advertised(const struct worker_file *file, const char *listen_host)
{
	char host[256] = "";

	if (*file->advertise_addr)
		return dm_strdup(file->advertise_addr);
	if (*listen_host)
		return dm_strdup(file->worker_addr);
	(void)gethostname(host, sizeof(host) - 1); /* fails only for longer names than Linux has */
	return dm_format("%s%s", host, file->worker_addr);
}

/* The public members borrow from the file's. */
static void publish(struct worker_conf *c)
{
	struct worker_file *file = c->file;

	c->log_level = file->log_level;
	c->log_file = file->log_file;
	c->worker_addr = file->worker_addr;
	(void)split_addr(file->worker_addr, &c->listen_host, &c->listen_port); /* was checked */
	c->advertise_addr = advertised(file, c->listen_host);
	c->source_id = file->source_id;
	c->server_id = file->server_id;
	(void)flavor_of(file->flavor, &c->flavor); /* was checked */
	c->enable_gtid = file->enable_gtid;
	c->enable_relay = !c->is_source_yaml || file->enable_relay;
	c->case_sensitive = file->case_sensitive;
	c->relay_dir = file->relay_dir;
	c->meta_dir = file->meta_dir;
	c->charset = file->charset;
	c->relay_binlog_name = file->relay_binlog_name;
	c->relay_binlog_gtid = file->relay_binlog_gtid;
	c->from = file->from.db;
	c->purge.interval_s = file->purge.interval;
	c->purge.expires_h = file->purge.expires;
	c->purge.remain_space_gib = file->purge.remain_space;
	c->checker.check_enable = file->checker.check_enable;
	c->checker.backoff_rollback_ms = file->checker.backoff_rollback;
	c->checker.backoff_max_ms = file->checker.backoff_max;
	c->filters = file->filters;
	c->filter_count = file->filter_count;
}

/* Keys of the file that has no name ending: a table or an assignment comes before the first colon. */
static bool is_yaml(const char *name, const char *text, size_t len)
{
	const char *dot = strrchr(name, '.');

	if (dot && (strcasecmp(dot, ".yaml") == 0 || strcasecmp(dot, ".yml") == 0))
		return true;
	if (dot && strcasecmp(dot, ".toml") == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '#')
			while (i + 1 < len && text[i + 1] != '\n')
				i++;
		if (text[i] == '=' || text[i] == '[')
			return false;
		if (text[i] == ':')
			return true;
	}
	return false;
}

static void override(struct worker_file *file, const struct worker_flags *flags)
{
	for (size_t i = 0; flags && i < flags->count; i++) {
		void *base;
		const struct conf_key *key = worker_key_at(flags->overrides[i].name, file, &base);

		(void)conf_set_text(key, base, flags->overrides[i].value); /* was checked */
	}
}

static void read_file(struct worker_conf *c, struct conf_doc *doc, const char *text, size_t len,
	struct conf_faults *faults)
{
	struct conf_decode d = {
		.dialect = c->is_source_yaml ? CONF_YAML : CONF_TOML,
		.code = c->is_source_yaml ? DM_ERR_CONFIG_YAML : DM_ERR_WORKER_TOML,
		.unknown_code = DM_ERR_WORKER_UNKNOWN_KEYS,
		.head = c->is_source_yaml ? "decode source config" : "toml decode file",
		.faults = faults,
		.later = &c->later,
	};

	conf_set_defaults(&worker_toml_table, c->file);
	if (c->is_source_yaml) {
		conf_set_defaults(&worker_source_table, c->file);
		free(c->file->worker_addr);
		c->file->worker_addr = dm_strdup("127.0.0.1:8262");
	}
	(void)conf_read(doc, &d, c->is_source_yaml ? &worker_source_table : &worker_toml_table,
		text, len, c->file); /* faults say it */
}

int worker_conf_parse(const char *text, size_t len, const char *name,
	const struct worker_flags *flags, struct worker_conf **ret, struct conf_faults *faults)
{
	DM_CLEANUP(worker_conf_freep) struct worker_conf *c = dm_alloc(sizeof(*c));
	DM_CLEANUP(conf_doc_done) struct conf_doc doc = { 0 };

	free(faults->file);
	faults->file = dm_strdup(name);
	c->path = dm_strdup(name);
	c->file = dm_alloc(sizeof(*c->file));
	c->is_source_yaml = is_yaml(name, text, len);
	read_file(c, &doc, text, len, faults);
	if (!doc.root && faults->count > 0)
		return -1; /* nothing was read: what is missing says nothing */
	override(c->file, flags);
	check_source_id(c->file, &doc, faults);
	check_start(c->file, &doc, faults);
	check_backoff(c->file, &doc, faults);
	check_log_level(c->file, &doc, faults);
	check_addr("worker-addr", c->file->worker_addr, &doc, faults);
	if (*c->file->advertise_addr)
		check_addr("advertise-addr", c->file->advertise_addr, &doc, faults);
	if (faults->count > 0)
		return -1;
	conf_server_adjust(&c->file->from);
	publish(c);
	if (!c->enable_relay)
		conf_strings_add(&c->later, "enable-relay");
	conf_faults_done(faults);
	*ret = take_ptr(c);
	return 0;
}

int worker_conf_load(
	const struct worker_flags *flags, struct worker_conf **ret, struct conf_faults *faults)
{
	const char *path = flags->config ? flags->config : "";
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	int r;

	if (!*path)
		return worker_conf_parse("", 0, "", flags, ret, faults);
	r = dm_file_read(path, CONF_TEXT_MAX, &text);
	if (r == 0)
		return worker_conf_parse(dm_str_get(&text), text.len, path, flags, ret, faults);
	free(faults->file);
	faults->file = dm_strdup(path);
	if (is_yaml(path, "", 0))
		conf_fault_add(faults, 0, 0, "", DM_ERR_CONFIG_READ_FILE, NULL,
			"read config file %s: %s", path, strerrordesc_np(-r));
	else
		conf_fault_add(faults, 0, 0, "", DM_ERR_WORKER_TOML, NULL,
			"toml decode file: open %s: %s", path, strerrordesc_np(-r));
	return -1;
}

void worker_conf_free(struct worker_conf *c)
{
	if (!c)
		return;
	if (c->file) {
		conf_struct_done(&worker_toml_table, c->file);
		conf_struct_done(&worker_source_table, c->file);
		free(c->file);
	}
	conf_strings_done(&c->later);
	free(c->listen_host);
	free(c->advertise_addr);
	free(c->path);
	free(c);
}

void worker_conf_freep(struct worker_conf **c)
{
	worker_conf_free(*c);
	*c = NULL;
}

void worker_conf_print(const struct worker_conf *c, struct dm_str *out)
{
	conf_print_toml(&worker_toml_table, c->file, out);
}

void worker_conf_print_sample(struct dm_str *out)
{
	dm_str_add(out, "# Configuration of dm-worker. Keys that are left out have the value shown "
			"here.\n\n");
	conf_print_toml_sample(&worker_toml_table, out);
}

static void differing(const struct conf_table_of *t, const void *old, const void *new,
	const char *path, struct conf_strings *out)
{
	for (const struct conf_key *key = t->keys; key->name; key++) {
		DM_CLEANUP(freep)
		char *inner = *path ? dm_format("%s.%s", path, key->name) : dm_strdup(key->name);

		if (key->type == CONF_STRUCT)
			differing(key->sub, (const char *)old + key->at,
				(const char *)new + key->at, inner, out);
		else if (!(key->flags & CONF_LIVE) && !conf_value_equal(key, old, new))
			conf_strings_add(out, inner);
	}
}

void worker_conf_restart_keys(
	const struct worker_conf *old, const struct worker_conf *new, struct conf_strings *out)
{
	differing(&worker_toml_table, old->file, new->file, "", out);
}

/* One value of `old` for one of `new`. Lists and structs among the keys that are not live have no effect anyway. */
static void keep_value(const struct conf_key *key, const void *old, void *new)
{
	const void *from = (const char *)old + key->at;
	void *to = (char *)new + key->at;

	switch (key->type) {
	case CONF_STR:
		free(*(char **)to);
		*(char **)to = dm_strdup(*(char *const *)from);
		break;
	case CONF_BOOL:
		*(bool *)to = *(const bool *)from;
		break;
	case CONF_U16:
		*(uint16_t *)to = *(const uint16_t *)from;
		break;
	case CONF_U32:
		*(uint32_t *)to = *(const uint32_t *)from;
		break;
	case CONF_U64:
	case CONF_I64:
	case CONF_DURATION_MS:
		*(uint64_t *)to = *(const uint64_t *)from;
		break;
	case CONF_STRINGS:
	case CONF_SETTINGS:
	case CONF_STRUCT:
	case CONF_OPTIONAL:
	case CONF_STRUCTS:
	case CONF_NAMED:
		break;
	}
}

void worker_conf_keep_restart_values(const struct worker_conf *old, struct worker_conf *new)
{
	for (const struct conf_key *key = worker_toml_table.keys; key->name; key++)
		if (!(key->flags & CONF_LIVE))
			keep_value(key, old->file, new->file);
	free(take_ptr(new->listen_host));
	free(take_ptr(new->advertise_addr));
	publish(new);
}
