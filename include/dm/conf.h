/* conf.h - DM's files in, checked structs out: dm-worker.toml (1.0), source.yaml (2.0), task.yaml.
 *
 * A load fills a new struct or lists every fault of the file at once; it never changes a struct that is in use.
 * Results own their strings and are read-only afterwards, so that any thread may read them. Keys, types,
 * defaults, ranges and secrets are rows of the tables in src/conf. Does not log, and asks no database. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/conf-task.h"
#include "dm/db.h"
#include "dm/error.h"
#include "dm/gtid.h"
#include "dm/str.h"

/* ---- faults ---- */
enum { CONF_FAULTS_MAX = 200 };
struct conf_fault {
	struct dm_error error; /* DM's code and text, with what was read and what is allowed */
	unsigned int line, column; /* from 1; 0: not a place in a file (a flag, a missing key) */
	char *key; /* "from.port", "mysql-instances[0].meta"; may be "" */
	size_t part_at; /* where in the message the part begins that DM lists with its like; 0: no such part */
};
struct conf_faults { /* a zeroed one is empty */
	char *file; /* as the user gave it */
	struct conf_fault *list;
	size_t count;
	size_t omitted; /* over CONF_FAULTS_MAX */
};
void conf_faults_done(struct conf_faults *f);
/* One line a fault: "dm-worker.toml:3:8: from.port: [code=40003:...] ..." */
void conf_faults_text(const struct conf_faults *f, struct dm_str *out);
/* The one error that DM would give: the first fault, with the parts of its like. Returns -1. */
int conf_faults_error(const struct conf_faults *f, struct dm_error *reterr);

/* ---- the worker and its source ---- */
struct worker_conf {
	char *path; /* of the file; "" without one */
	bool is_source_yaml; /* the 2.0 form */
	char *log_level; /* debug info warn error fatal, in lower case */
	char *log_file; /* "": the journal or stderr */
	char *worker_addr; /* as configured */
	char *advertise_addr; /* what replies call `worker`: a host's name is put where only a port is given */
	char *listen_host; /* "" means every address */
	uint16_t listen_port;

	char *source_id;
	uint32_t server_id; /* 0: pick one, see db_pick_server_id() */
	enum dm_flavor flavor; /* UNKNOWN: ask the upstream */
	bool enable_gtid;
	bool enable_relay; /* always true for the 1.0 form */
	bool case_sensitive;
	char *relay_dir, *meta_dir;
	char *charset; /* of the replica connection; "": not set */
	char *relay_binlog_name; /* "": not set */
	char *relay_binlog_gtid; /* "": not set; parsed with `flavor`, or with the one that it has the form of */
	struct db_conf from;

	struct {
		int64_t interval_s, expires_h, remain_space_gib;
	} purge;
	struct {
		bool check_enable;
		int64_t backoff_rollback_ms, backoff_max_ms;
	} checker;
	struct conf_filter *filters; /* for the whole source, from source.yaml */
	size_t filter_count;

	struct conf_strings later; /* keys that are set and have no effect yet, for the log */
	struct worker_file *file; /* private: the values as read, which the members above borrow */
};

enum worker_ask { WORKER_RUN, WORKER_VERSION, WORKER_SAMPLE, WORKER_CHECK, WORKER_HELP };
struct worker_flag {
	const char *name; /* of the key, "purge.interval"; borrowed from a table */
	char *value;
};
/* The command line, in Go's flag syntax. Overrides win over the file. */
struct worker_flags {
	enum worker_ask ask;
	char *config; /* -config, or the FILE of --check-config; "" when not given */
	struct worker_flag *overrides;
	size_t count;
};
/* On failure the text says what Go's flag package says ("flag provided but not defined: -x"). */
int worker_flags_parse(int argc, char **argv, struct worker_flags *ret, struct dm_error *reterr);
void worker_flags_done(struct worker_flags *f);
void worker_flags_usage(struct dm_str *out);

/* Reads flags->config and applies the overrides. `faults` is filled on failure only. */
int worker_conf_load(
	const struct worker_flags *flags, struct worker_conf **ret, struct conf_faults *faults);
/* The same from text: `name` chooses the form (.yaml, .yml, .toml, else by content) and is what faults show. */
int worker_conf_parse(const char *text, size_t len, const char *name,
	const struct worker_flags *flags, struct worker_conf **ret, struct conf_faults *faults);
void worker_conf_free(struct worker_conf *c);
void worker_conf_freep(struct worker_conf **c);
/* As TOML that can be read back, secrets as ******. */
void worker_conf_print(const struct worker_conf *c, struct dm_str *out);
void worker_conf_print_sample(struct dm_str *out);
/* Keys that differ and need a restart. */
void worker_conf_restart_keys(
	const struct worker_conf *old, const struct worker_conf *new, struct conf_strings *out);
/* Gives them their old values. */
void worker_conf_keep_restart_values(const struct worker_conf *old, struct worker_conf *new);

/* ---- DM's passwords: AES-256-CFB with DM's fixed key, Base64 ---- */
char *conf_password_decrypt(
	const char *text); /* caller frees; what is not encrypted is returned as it is */
int conf_password_encrypt(const char *plain, char **ret, struct dm_error *reterr);
