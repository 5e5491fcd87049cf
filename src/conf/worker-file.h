/* worker-file.h - dm-worker.toml and source.yaml as they are written, and their tables. */
#pragma once

#include "common.h"

struct worker_file {
	char *log_level, *log_file, *log_rotate, *log_format;
	char *worker_addr, *advertise_addr, *name, *join;
	int64_t keepalive_ttl, relay_keepalive_ttl;
	struct conf_security security;
	char *source_id, *flavor, *charset, *relay_dir, *meta_dir;
	char *relay_binlog_name, *relay_binlog_gtid;
	uint32_t server_id;
	bool enable_gtid, auto_fix_gtid, enable_relay, case_sensitive;
	struct conf_server from;
	struct worker_purge {
		int64_t interval, expires, remain_space;
	} purge;
	struct worker_checker {
		bool check_enable, backoff_jitter;
		int64_t backoff_rollback, backoff_max, check_interval, backoff_min;
		char *backoff_factor;
	} checker;
	struct worker_tracer {
		bool enable, checksum;
		char *source, *tracer_addr;
		int64_t batch_size;
	} tracer;
	struct conf_filter *filters;
	size_t filter_count;
};
extern const struct conf_table_of worker_toml_table; /* the defaults of both forms are its */
extern const struct conf_table_of worker_source_table;

/* A flag that overrides a key. */
struct worker_flag_row {
	const char *name;
	const char *path; /* "purge.interval"; NULL: about the command itself */
	enum worker_ask ask; /* of those */
	bool takes_value;
	const char *help;
};
extern const struct worker_flag_row worker_flag_rows[]; /* ends with a row without name */
/* The row of `path`, and in *base the struct that holds it. */
const struct conf_key *worker_key_at(const char *path, struct worker_file *file, void **ret_base);
