/* client.c - dm-master.toml as dmctl reads it: which worker has which source. */
#include "dm/conf-client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dm/file.h"

#include "key.h"
#include "scalar.h"

/* Keys of dm-master that say nothing about workers. */
static const char *const ignored_keys[] = { "log-level", "log-file", "log-rotate", "rpc-rate-limit",
	"rpc-rate-burst" };

static void refuse(
	struct conf_faults *faults, const struct conf_entry *e, const char *key, const char *wanted)
{
	conf_fault_add(faults, e->value->line, e->value->column, key, DM_ERR_MASTER_TOML, NULL,
		"config toml transform: %s: %s is wanted", key, wanted);
}

static void refuse_unknown(struct conf_faults *faults, const struct conf_entry *e, const char *key)
{
	conf_fault_add(faults, e->line, e->column, key, DM_ERR_MASTER_UNKNOWN_KEYS, key,
		"master config contained unknown configuration options: ");
}

/* Replaces *ret by the text of a string value. */
static void read_text(
	struct conf_faults *faults, const struct conf_entry *e, const char *key, char **ret)
{
	if (e->value->kind != CONF_NODE_STRING) {
		refuse(faults, e, key, "a string");
		return;
	}
	free(*ret);
	*ret = dm_strdup(e->value->text);
}

static void read_timeout(struct conf_faults *faults, const struct conf_entry *e, int64_t *ret)
{
	if (e->value->kind != CONF_NODE_STRING || conf_parse_timeout_ms(e->value->text, ret) != 0)
		refuse(faults, e, "rpc-timeout", "a duration such as \"30s\"");
}

static void read_pair(struct conf_faults *faults, const struct conf_entry *item, const char *path,
	struct conf_deploy *ret)
{
	*ret = (struct conf_deploy){ dm_strdup(""), dm_strdup("") };
	for (size_t i = 0; i < item->value->count; i++) {
		const struct conf_entry *e = &item->value->entries[i];
		DM_CLEANUP(freep) char *key = dm_format("%s.%s", path, e->key);

		if (dm_strcaseeq(e->key, "source-id") || dm_strcaseeq(e->key, "mysql-instance"))
			read_text(faults, e, key, &ret->source_id);
		else if (dm_strcaseeq(e->key, "dm-worker"))
			read_text(faults, e, key, &ret->dm_worker);
		else
			refuse_unknown(faults, e, key);
	}
}

static void check_pair(const struct client_conf *c, const struct conf_entry *item, const char *path,
	struct conf_faults *faults)
{
	const struct conf_deploy *d = &c->deploy[c->deploy_count - 1];

	if (!*d->source_id || !*d->dm_worker)
		conf_fault_add(faults, item->line, item->column, path, DM_ERR_MASTER_DEPLOY, NULL,
			"user should specify valid relation between source(mysql/mariadb) and "
			"dm-worker, config {Source:%s Worker:%s} not valid",
			d->source_id, d->dm_worker);
	for (size_t i = 0; i + 1 < c->deploy_count; i++)
		if (*d->dm_worker && strcmp(c->deploy[i].dm_worker, d->dm_worker) == 0)
			conf_fault_add(faults, item->line, item->column, path, DM_ERR_MASTER_DEPLOY,
				NULL, "dm-worker %s has two sources, %s and %s", d->dm_worker,
				c->deploy[i].source_id, d->source_id);
}

static void read_deploy(
	struct conf_faults *faults, const struct conf_entry *list, struct client_conf *c)
{
	if (list->value->kind != CONF_NODE_LIST) {
		refuse(faults, list, "deploy", "a list of [[deploy]] tables");
		return;
	}
	for (size_t i = 0; i < list->value->count; i++) {
		const struct conf_entry *item = &list->value->entries[i];
		DM_CLEANUP(freep) char *path = dm_format("deploy[%zu]", i);

		if (item->value->kind != CONF_NODE_MAP) {
			refuse(faults, item, path, "a table");
			continue;
		}
		c->deploy = dm_grow(c->deploy, c->deploy_count + 1, sizeof(*c->deploy));
		read_pair(faults, item, path, &c->deploy[c->deploy_count++]);
		check_pair(c, item, path, faults);
	}
}

static bool is_ignored(const char *key)
{
	for (size_t i = 0; i < DM_COUNT_OF(ignored_keys); i++)
		if (dm_strcaseeq(ignored_keys[i], key))
			return true;
	return false;
}

int client_conf_parse(const char *text, size_t len, const char *name, struct client_conf **ret,
	struct conf_faults *faults)
{
	DM_CLEANUP(client_conf_freep) struct client_conf *c = dm_alloc(sizeof(*c));
	DM_CLEANUP(conf_doc_done) struct conf_doc doc = { 0 };
	struct conf_syntax syntax = { 0 };

	free(faults->file);
	faults->file = dm_strdup(name);
	c->master_addr = dm_strdup("");
	if (conf_toml_read(&doc, text, len, &syntax) != 0) {
		conf_fault_add(faults, syntax.line, syntax.column, "", DM_ERR_MASTER_TOML, NULL,
			"config toml transform: %s", syntax.message);
		free(syntax.message);
		return -1;
	}
	for (size_t i = 0; doc.root && i < doc.root->count; i++) {
		const struct conf_entry *e = &doc.root->entries[i];

		if (dm_strcaseeq(e->key, "deploy"))
			read_deploy(faults, e, c);
		else if (dm_strcaseeq(e->key, "master-addr"))
			read_text(faults, e, "master-addr", &c->master_addr);
		else if (dm_strcaseeq(e->key, "rpc-timeout"))
			read_timeout(faults, e, &c->rpc_timeout_ms);
		else if (!is_ignored(e->key))
			refuse_unknown(faults, e, e->key);
	}
	if (faults->count > 0)
		return -1;
	*ret = take_ptr(c);
	return 0;
}

int client_conf_load(const char *path, struct client_conf **ret, struct conf_faults *faults)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	int r = dm_file_read(path, CONF_TEXT_MAX, &text);

	if (r == 0)
		return client_conf_parse(dm_str_get(&text), text.len, path, ret, faults);
	free(faults->file);
	faults->file = dm_strdup(path);
	conf_fault_add(faults, 0, 0, "", DM_ERR_MASTER_TOML, NULL,
		"config toml transform: open %s: %s", path, strerrordesc_np(-r));
	return -1;
}

void client_conf_free(struct client_conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->deploy_count; i++) {
		free(c->deploy[i].source_id);
		free(c->deploy[i].dm_worker);
	}
	free(c->deploy);
	free(c->master_addr);
	free(c);
}

void client_conf_freep(struct client_conf **c)
{
	client_conf_free(*c);
	*c = NULL;
}

int conf_parse_timeout_ms(const char *text, int64_t *ret)
{
	int64_t ns = 0;
	int r = conf_duration_parse(text, &ns);

	if (r != 0)
		return r;
	if (ns < 1000000)
		return -ERANGE;
	*ret = ns / 1000000;
	return 0;
}
