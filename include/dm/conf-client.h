/* conf-client.h - what dmctl reads: the dm-master.toml of DM 1.0 (its [[deploy]] list), or DM's own dmctl.toml.
 *
 * See conf.h for how faults are told. Owned by the holder; used by one thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct conf_faults;

struct conf_deploy { /* one [[deploy]] pair */
	char *source_id; /* or the older mysql-instance */
	char *dm_worker; /* its address */
};
struct client_conf {
	char *master_addr; /* "": not set */
	int64_t rpc_timeout_ms; /* 0: not set */
	struct conf_deploy *deploy;
	size_t deploy_count;
};

/* `faults` is filled on failure only. */
int client_conf_load(const char *path, struct client_conf **ret, struct conf_faults *faults);
int client_conf_parse(const char *text, size_t len, const char *name, struct client_conf **ret,
	struct conf_faults *faults);
void client_conf_free(struct client_conf *c);
void client_conf_freep(struct client_conf **c);

/* Go's form of a duration ("10m", "1.5s"): 0, -EINVAL or -ERANGE; positive ones only. */
int conf_parse_timeout_ms(const char *text, int64_t *ret);
