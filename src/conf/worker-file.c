/* worker-file.c - every key of the worker's files, one row each. */
#include "worker-file.h"

#include <string.h>

#define W struct worker_file
#define DURATION_MAX (INT64_MAX / 1000000)

// clang-format off
#define P struct worker_purge
static const struct conf_key purge_keys[] = {
	{ KEY("interval", CONF_I64, P, interval), .def = "3600", .max = 10LL * 366 * 86400, .flags = CONF_LIVE,
		.help = "seconds between two looks for old relay files; 0: never" },
	{ KEY("expires", CONF_I64, P, expires), .def = "0", .max = 10LL * 366 * 24, .flags = CONF_LIVE,
		.help = "hours after which an unused relay file goes; 0: never" },
	{ KEY("remain-space", CONF_I64, P, remain_space), .def = "15", .max = 1 << 30, .flags = CONF_LIVE,
		.help = "GiB of free disk space below which relay files go" },
	{ 0 },
};
static const struct conf_table_of purge_table = { "config.PurgeConfig", sizeof(P), purge_keys };

#define C struct worker_checker
#define CHECKER_KEYS \
	{ KEY("check-enable", CONF_BOOL, C, check_enable), .def = "true", .flags = CONF_LIVE, \
		.help = "resume tasks whose error may heal" }, \
	{ KEY("backoff-rollback", CONF_DURATION_MS, C, backoff_rollback), .def = "5m", .max = DURATION_MAX, \
		.flags = CONF_LIVE, .help = "how long a task must run well for its wait to shrink" }, \
	{ KEY("backoff-max", CONF_DURATION_MS, C, backoff_max), .def = "5m", .min = INT64_MIN, .max = DURATION_MAX, .flags = CONF_LIVE, \
		.help = "longest wait between two automatic resumes" }
static const struct conf_key checker_keys[] = { CHECKER_KEYS, { 0 } };
static const struct conf_key source_checker_keys[] = {
	CHECKER_KEYS,
	{ KEY("check-interval", CONF_DURATION_MS, C, check_interval), .def = "5s", .flags = CONF_LATER },
	{ KEY("backoff-min", CONF_DURATION_MS, C, backoff_min), .def = "1s", .flags = CONF_LATER },
	{ KEY("backoff-jitter", CONF_BOOL, C, backoff_jitter), .def = "true", .flags = CONF_LATER },
	{ KEY("backoff-factor", CONF_STR, C, backoff_factor), .def = "2", .flags = CONF_LATER },
	{ 0 },
};
static const struct conf_table_of checker_table = { "config.CheckerConfig", sizeof(C), checker_keys };
static const struct conf_table_of source_checker_table = { "config.CheckerConfig", sizeof(C), source_checker_keys };

#define T struct worker_tracer
static const struct conf_key tracer_keys[] = {
	{ KEY("enable", CONF_BOOL, T, enable), .def = "false", .flags = CONF_LATER, .help = "send to a tracer" },
	{ KEY("source", CONF_STR, T, source), .flags = CONF_LATER | CONF_OLD, .help = "name of this sender" },
	{ KEY("tracer-addr", CONF_STR, T, tracer_addr), .flags = CONF_LATER, .help = "address of the tracer" },
	{ KEY("batch-size", CONF_I64, T, batch_size), .def = "20", .flags = CONF_LATER, .help = "events a message" },
	{ KEY("checksum", CONF_BOOL, T, checksum), .def = "false", .flags = CONF_LATER, .help = "send checksums" },
	{ 0 },
};
static const struct conf_table_of tracer_table = { "config.TracerConfig", sizeof(T), tracer_keys };

#define SOURCE_KEYS(relay_dir_default, tail) \
	{ KEY("source-id", CONF_STR, W, source_id), .sample = "\"mysql-replica-01\"", \
		.help = "name of the upstream server or replica group, at most 32 bytes" }, \
	{ KEY("server-id", CONF_U32, W, server_id), .def = "0", \
		.help = "as which replica the worker reads the binlog; 0: pick one" }, \
	{ KEY("flavor", CONF_STR, W, flavor), .help = "mysql or mariadb; empty: ask the server" }, \
	{ KEY("enable-gtid", CONF_BOOL, W, enable_gtid), .def = "false", .help = "follow the upstream by GTID" }, \
	{ KEY("auto-fix-gtid", CONF_BOOL, W, auto_fix_gtid), .def = "false", .flags = CONF_LATER, \
		.help = "kept for old files" }, \
	{ KEY("relay-dir", CONF_STR, W, relay_dir), .def = relay_dir_default, .help = "where binlogs are kept" }, \
	{ KEY("meta-dir", CONF_STR, W, meta_dir), .def = "./dm_worker_meta", .help = "where the worker keeps its state" }, \
	{ KEY("charset", CONF_STR, W, charset), .help = "of the replica connection; empty: the server's" }, \
	{ KEY("relay-binlog-name", CONF_STR, W, relay_binlog_name), \
		.help = "first binlog file to fetch; empty: the first that the server has" }, \
	{ KEY("relay-binlog-gtid", CONF_STR, W, relay_binlog_gtid), \
		.help = "GTID set after which to start, with enable-gtid" }, \
	{ KEY("from", CONF_STRUCT, W, from), .sub = &conf_server_table, .help = "the upstream server" }, \
	{ KEY("purge", CONF_STRUCT, W, purge), .sub = &purge_table, \
		.help = "old relay files" }, \
	{ KEY("tracer", CONF_STRUCT, W, tracer), .sub = &tracer_table, .help = "DM's tracer" }, \
	{ KEY("checker", CONF_STRUCT, W, checker), .sub = tail, .help = "automatic resume" }

static const struct conf_key toml_keys[] = {
	{ KEY("log-level", CONF_STR, W, log_level), .def = "info", .flags = CONF_LIVE,
		.help = "debug, info, warn, error or fatal" },
	{ KEY("log-file", CONF_STR, W, log_file), .flags = CONF_LIVE, .help = "empty: the journal or standard error" },
	{ KEY("log-rotate", CONF_STR, W, log_rotate), .flags = CONF_LATER, .help = "kept for old files" },
	{ KEY("log-format", CONF_STR, W, log_format), .def = "text", .flags = CONF_LATER | CONF_OLD, .help = "text or json" },
	{ KEY("worker-addr", CONF_STR, W, worker_addr), .sample = "\":8262\"", .help = "where to listen, host:port or :port" },
	{ KEY("advertise-addr", CONF_STR, W, advertise_addr), .flags = CONF_OLD, .help = "how others reach the worker" },
	{ KEY("name", CONF_STR, W, name), .flags = CONF_LATER | CONF_OLD, .help = "of this member" },
	{ KEY("join", CONF_STR, W, join), .flags = CONF_LATER | CONF_OLD, .help = "addresses of masters" },
	{ KEY("keepalive-ttl", CONF_I64, W, keepalive_ttl), .def = "60", .flags = CONF_LATER | CONF_OLD, .help = "seconds" },
	{ KEY("relay-keepalive-ttl", CONF_I64, W, relay_keepalive_ttl), .def = "1800", .flags = CONF_LATER | CONF_OLD,
		.help = "seconds" },
	{ KEY("ssl-ca", CONF_STR, W, security.ssl_ca), .flags = CONF_LATER | CONF_OLD, .help = "file of authorities" },
	{ KEY("ssl-cert", CONF_STR, W, security.ssl_cert), .flags = CONF_LATER | CONF_OLD, .help = "file of our certificate" },
	{ KEY("ssl-key", CONF_STR, W, security.ssl_key), .flags = CONF_LATER | CONF_OLD, .help = "file of its key" },
	{ KEY("cert-allowed-cn", CONF_STRINGS, W, security.cert_allowed_cn), .flags = CONF_LATER | CONF_OLD,
		.help = "names of clients" },
	SOURCE_KEYS("./relay_log", &checker_table),
	{ 0 },
};
const struct conf_table_of worker_toml_table = { "config.Config", sizeof(W), toml_keys };

static const struct conf_key source_keys[] = {
	{ KEY("enable-relay", CONF_BOOL, W, enable_relay), .def = "false" },
	{ KEY("case-sensitive", CONF_BOOL, W, case_sensitive), .def = "false", .flags = CONF_LATER },
	{ KEY("filters", CONF_STRUCTS, W, filters), COUNT(W, filter_count), .sub = &conf_filter_table, .flags = CONF_LATER },
	SOURCE_KEYS("relay-dir", &source_checker_table),
	{ 0 },
};
const struct conf_table_of worker_source_table = { "config.SourceConfig", sizeof(W), source_keys };

const struct worker_flag_row worker_flag_rows[] = {
	{ "L", "log-level", 0, true, "log level: debug, info, warn, error, fatal" },
	{ "V", NULL, WORKER_VERSION, false, "prints version and exit" },
	{ "advertise-addr", "advertise-addr", 0, true, "how others reach the worker" },
	{ "check-config", NULL, WORKER_CHECK, true, "check this file, print what it says, and exit" },
	{ "checker-backoff-max", "checker.backoff-max", 0, true, "longest wait between two automatic resumes" },
	{ "checker-backoff-rollback", "checker.backoff-rollback", 0, true, "after how long of good work the wait shrinks" },
	{ "checker-check-enable", "checker.check-enable", 0, false, "resume tasks whose error may heal" },
	{ "config", NULL, WORKER_RUN, true, "path to config file" },
	{ "log-file", "log-file", 0, true, "log file path" },
	{ "print-sample-config", NULL, WORKER_SAMPLE, false, "print sample config file of dm-worker" },
	{ "purge-expires", "purge.expires", 0, true, "hours after which an unused relay file goes" },
	{ "purge-interval", "purge.interval", 0, true, "seconds between two looks for old relay files" },
	{ "purge-remain-space", "purge.remain-space", 0, true, "GiB of free disk space below which relay files go" },
	{ "relay-dir", "relay-dir", 0, true, "relay log directory" },
	{ "tracer-batch-size", "tracer.batch-size", 0, true, "events a message to the tracer (no effect yet)" },
	{ "tracer-checksum", "tracer.checksum", 0, false, "send checksums to the tracer (no effect yet)" },
	{ "tracer-enable", "tracer.enable", 0, false, "whether to enable tracing (no effect yet)" },
	{ "tracer-server-addr", "tracer.tracer-addr", 0, true, "address of the tracer (no effect yet)" },
	{ "worker-addr", "worker-addr", 0, true, "listen address for client traffic" },
	{ 0 },
};
// clang-format on

const struct conf_key *worker_key_at(const char *path, struct worker_file *file, void **ret_base)
{
	const struct conf_table_of *t = &worker_toml_table;
	char *base = (char *)file;

	for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
		DM_CLEANUP(freep) char *head = dm_strndup(path, (size_t)(dot - path));
		const struct conf_key *key = conf_key_find(t, head);

		base += key->at;
		t = key->sub;
	}
	*ret_base = base;
	return conf_key_find(t, path);
}
