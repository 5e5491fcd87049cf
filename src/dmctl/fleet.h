/* fleet.h - which workers a command speaks to.
 *
 * They come from the [[deploy]] list of a dm-master.toml, from --worker, or are the one of this host. With a list,
 * --worker chooses among its workers. One thread; owned by the command at hand. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "args.h"

struct client_conf;

#define FLEET_DEFAULT_ADDRESS "127.0.0.1:8262"

struct fleet_worker {
	char *address; /* host:port */
	char *source; /* source-id; "" when nobody has said it yet */
};
enum fleet_origin {
	FLEET_DEFAULT, /* nobody named a worker: that of this host */
	FLEET_NAMED, /* by --worker */
	FLEET_MASTER, /* by --master-addr */
	FLEET_DEPLOYED, /* by the [[deploy]] list */
};
struct fleet { /* a zeroed one is empty */
	enum fleet_origin origin;
	bool is_chosen; /* --worker was given */
	struct fleet_worker *at;
	size_t count;
	struct words unknown; /* named by --worker, but not in the list */
};

/* `conf` (of --config) and `master_addr` may be NULL. -1 with what is wrong appended to `fault`. */
int fleet_select(const struct client_conf *conf, const char *master_addr,
	const struct words *workers, struct fleet *ret, struct dm_str *fault);
void fleet_add(struct fleet *f, const char *address, const char *source);
void fleet_done(struct fleet *f);
bool fleet_address_is_valid(const char *address); /* host:port, [v6]:port */
