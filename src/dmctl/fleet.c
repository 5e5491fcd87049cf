/* fleet.c - the list of workers. */
#include "fleet.h"

#include <string.h>

#include "dm/conf-client.h"

void fleet_add(struct fleet *f, const char *address, const char *source)
{
	f->at = dm_grow(f->at, f->count + 1, sizeof(struct fleet_worker));
	f->at[f->count++] = (struct fleet_worker){ dm_strdup(address), dm_strdup(source) };
}

void fleet_done(struct fleet *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->at[i].address);
		free(f->at[i].source);
	}
	free(f->at);
	words_done(&f->unknown);
	*f = (struct fleet){ 0 };
}

bool fleet_address_is_valid(const char *address)
{
	const char *colon = strrchr(address, ':');
	size_t host = colon ? (size_t)(colon - address) : 0;
	uint64_t port;

	if (host == 0 || dm_parse_u64(colon + 1, &port) != 0 || port == 0 || port > 65535)
		return false;
	if (address[0] == '[')
		return host > 2 && address[host - 1] == ']' &&
		       strspn(address + 1, "0123456789abcdefABCDEF:.") == host - 2;
	return strspn(address,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == host;
}

static bool fleet_has(const struct fleet *f, const char *address)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->at[i].address, address) == 0)
			return true;
	return false;
}

static const struct conf_deploy *find_deployed(const struct client_conf *conf, const char *address)
{
	for (size_t i = 0; i < conf->deploy_count; i++)
		if (strcmp(conf->deploy[i].dm_worker, address) == 0)
			return &conf->deploy[i];
	return NULL;
}

static void choose(const struct client_conf *conf, const struct words *workers, struct fleet *f)
{
	for (size_t i = 0; i < workers->count; i++) {
		const char *address = workers->at[i];
		const struct conf_deploy *deployed = find_deployed(conf, address);

		if (!deployed)
			words_add(&f->unknown, address, strlen(address));
		else if (!fleet_has(f, address))
			fleet_add(f, address, deployed->source_id);
	}
}

static int check_addresses(const struct fleet *f, struct dm_str *fault)
{
	for (size_t i = 0; i < f->count; i++)
		if (!fleet_address_is_valid(f->at[i].address)) {
			dm_str_addf(fault, "host:port '%s' not valid", f->at[i].address);
			return -1;
		}
	return 0;
}

int fleet_select(const struct client_conf *conf, const char *master_addr,
	const struct words *workers, struct fleet *ret, struct dm_str *fault)
{
	DM_CLEANUP(fleet_done) struct fleet f = { .is_chosen = workers->count > 0 };

	if (!master_addr && conf && conf->deploy_count == 0 && *conf->master_addr)
		master_addr = conf->master_addr; /* a dmctl.toml of DM */
	if (conf && conf->deploy_count > 0) {
		f.origin = FLEET_DEPLOYED;
		if (f.is_chosen)
			choose(conf, workers, &f);
		else
			for (size_t i = 0; i < conf->deploy_count; i++)
				fleet_add(&f, conf->deploy[i].dm_worker, conf->deploy[i].source_id);
	} else if (f.is_chosen) {
		f.origin = FLEET_NAMED;
		for (size_t i = 0; i < workers->count; i++)
			if (!fleet_has(&f, workers->at[i]))
				fleet_add(&f, workers->at[i], "");
	} else {
		f.origin = master_addr ? FLEET_MASTER : FLEET_DEFAULT;
		fleet_add(&f, master_addr ? master_addr : FLEET_DEFAULT_ADDRESS, "");
	}
	if (check_addresses(&f, fault) != 0)
		return -1;
	*ret = f;
	f = (struct fleet){ 0 };
	return 0;
}
