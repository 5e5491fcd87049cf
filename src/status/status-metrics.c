/* status-metrics.c - the snapshot as Prometheus text.
 *
 * A metric is a row: name, type, help, and what adds its samples. Names, labels and help are DM's, so that its
 * dashboards and alerts work; a series exists exactly as long as what it tells of. DM's counters whose names
 * break Prometheus' rules are "untyped": promtool accepts them so, and rate() and changes() do not care. */
#include "dm/status.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "dm/file.h"

struct metric {
	const char *name, *type, *help;
	void (*add)(const struct metric *m, const struct status *s, struct dm_str *out);
};

/* ---- samples ---- */

static void add_label(struct dm_str *out, const char *key, const char *value)
{
	dm_str_addf(out, "%s=\"", key);
	for (const char *p = value; *p; p++) {
		if (*p == '\n')
			dm_str_add(out, "\\n");
		else if (*p == '"' || *p == '\\')
			dm_str_addf(out, "\\%c", *p);
		else
			dm_str_add_char(out, *p);
	}
	dm_str_add_char(out, '"');
}

static void add_plain(const struct metric *m, struct dm_str *out, uint64_t value)
{
	dm_str_addf(out, "%s %" PRIu64 "\n", m->name, value);
}

/* Label keys and values in pairs; the second pair may be NULL. */
static void add_labelled(
	const struct metric *m, struct dm_str *out, const char *const labels[4], uint64_t value)
{
	dm_str_addf(out, "%s{", m->name);
	add_label(out, labels[0], labels[1]);
	if (labels[2]) {
		dm_str_add_char(out, ',');
		add_label(out, labels[2], labels[3]);
	}
	dm_str_addf(out, "} %" PRIu64 "\n", value);
}

#define LABELS(...) ((const char *const[4]){ __VA_ARGS__ })

/* ---- relay ---- */

static void add_relay_pos(const struct metric *m, const struct status *s, struct dm_str *out)
{
	if (s->sample.is_known)
		add_labelled(m, out, LABELS("node", "master"), s->upstream.pos);
	if (s->relay.received.name[0] != '\0')
		add_labelled(m, out, LABELS("node", "relay"), s->relay.received.pos);
}

static void add_file(const struct metric *m, struct dm_str *out, const struct binlog_position *p,
	const char *const labels[4])
{
	uint64_t number;

	if (binlog_name_number(p->name, &number) == 0)
		add_labelled(m, out, labels, number);
}

static void add_relay_file(const struct metric *m, const struct status *s, struct dm_str *out)
{
	add_file(m, out, &s->upstream, LABELS("node", "master"));
	add_file(m, out, &s->relay.received, LABELS("node", "relay"));
}

static void add_relay_sub_dir(const struct metric *m, const struct status *s, struct dm_str *out)
{
	const char *dot = strrchr(s->relay.sub_dir, '.');

	if (dot)
		add_labelled(m, out, LABELS("node", s->upstream_address, "uuid", s->relay.sub_dir),
			strtoull(dot + 1, NULL, 10));
}

static void add_relay_space(const struct metric *m, const struct status *s, struct dm_str *out)
{
	if (s->relay.space_capacity == 0)
		return;
	add_labelled(m, out, LABELS("type", "available"), s->relay.space_available);
	add_labelled(m, out, LABELS("type", "capacity"), s->relay.space_capacity);
}

static void add_relay_corruption(const struct metric *m, const struct status *s, struct dm_str *out)
{
	add_plain(m, out, s->relay.corruptions);
}

static void add_relay_read_errors(
	const struct metric *m, const struct status *s, struct dm_str *out)
{
	add_plain(m, out, s->relay.read_errors);
}

static void add_relay_write_errors(
	const struct metric *m, const struct status *s, struct dm_str *out)
{
	add_plain(m, out, s->relay.write_errors);
}

static void add_relay_exits(const struct metric *m, const struct status *s, struct dm_str *out)
{
	add_plain(m, out, s->relay.exits_with_error);
}

/* ---- tasks ---- */

static void add_task_state(const struct metric *m, const struct status *s, struct dm_str *out)
{
	for (size_t i = 0; i < s->registry.count; i++)
		add_labelled(m, out, LABELS("task", s->registry.subtasks[i].name),
			(uint64_t)s->registry.subtasks[i].stage);
}

/* The Sync unit's status of a subtask, NULL when it has none. */
static const struct sync_status *sync_of(const struct subtask_view *v)
{
	return v->has_unit_status && v->status.unit == UNIT_SYNC ? &v->status.sync : NULL;
}

static void add_sync_pos(const struct metric *m, const struct status *s, struct dm_str *out)
{
	for (size_t i = 0; i < s->registry.count; i++) {
		const struct subtask_view *v = &s->registry.subtasks[i];
		const struct sync_status *sync = sync_of(v);

		if (!sync)
			continue;
		if (s->sample.is_known)
			add_labelled(
				m, out, LABELS("node", "master", "task", v->name), s->upstream.pos);
		if (sync->applied.name[0] != '\0')
			add_labelled(m, out, LABELS("node", "syncer", "task", v->name),
				sync->applied.pos);
	}
}

static void add_sync_file(const struct metric *m, const struct status *s, struct dm_str *out)
{
	for (size_t i = 0; i < s->registry.count; i++) {
		const struct subtask_view *v = &s->registry.subtasks[i];
		const struct sync_status *sync = sync_of(v);

		if (!sync)
			continue;
		add_file(m, out, &s->upstream, LABELS("node", "master", "task", v->name));
		add_file(m, out, &sync->applied, LABELS("node", "syncer", "task", v->name));
	}
}

/* Also of a task that has no unit yet: changes() does not see an error that comes with its series. */
static void add_sync_exits(const struct metric *m, const struct status *s, struct dm_str *out)
{
	for (size_t i = 0; i < s->registry.count; i++) {
		const struct subtask_view *v = &s->registry.subtasks[i];

		if (!v->has_unit_status || sync_of(v))
			add_labelled(m, out, LABELS("task", v->name), v->exits_with_error);
	}
}

/* ---- the process ---- */

static void add_cpu(const struct metric *m, const struct status *s, struct dm_str *out)
{
	struct rusage usage;
	struct timeval sum;

	(void)s;
	if (getrusage(RUSAGE_SELF, &usage) != 0)
		return;
	timeradd(&usage.ru_utime, &usage.ru_stime, &sum);
	dm_str_addf(
		out, "%s %lld.%06lld\n", m->name, (long long)sum.tv_sec, (long long)sum.tv_usec);
}

static void add_limit(const struct metric *m, struct dm_str *out, int resource)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
		return;
	if (limit.rlim_cur == RLIM_INFINITY)
		dm_str_addf(out, "%s -1\n", m->name);
	else
		add_plain(m, out, limit.rlim_cur);
}

static void add_max_fds(const struct metric *m, const struct status *s, struct dm_str *out)
{
	(void)s;
	add_limit(m, out, RLIMIT_NOFILE);
}

static void add_max_memory(const struct metric *m, const struct status *s, struct dm_str *out)
{
	(void)s;
	add_limit(m, out, RLIMIT_AS);
}

static void add_open_fds(const struct metric *m, const struct status *s, struct dm_str *out)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t count = 0;

	(void)s;
	if (!dir)
		return;
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (entry->d_name[0] != '.')
			count++;
	(void)closedir(dir); /* only read */
	add_plain(m, out, count - 1); /* without the one that counts */
}

/* Pages from /proc/self/statm: number 0 is the size, 1 what is resident. */
static void add_pages(const struct metric *m, struct dm_str *out, unsigned int number)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	unsigned long long pages[2];

	if (dm_file_read("/proc/self/statm", 4096, &text) == 0 &&
		sscanf(text.data, "%llu %llu", &pages[0], &pages[1]) == 2)
		add_plain(m, out, pages[number] * (uint64_t)sysconf(_SC_PAGESIZE));
}

static void add_memory(const struct metric *m, const struct status *s, struct dm_str *out)
{
	(void)s;
	add_pages(m, out, 0);
}

static void add_resident(const struct metric *m, const struct status *s, struct dm_str *out)
{
	(void)s;
	add_pages(m, out, 1);
}

static void add_start(const struct metric *m, const struct status *s, struct dm_str *out)
{
	dm_str_addf(out, "%s %" PRId64 ".%03d\n", m->name, s->start_wall_ns / 1000000000,
		(int)(s->start_wall_ns / 1000000 % 1000));
}

// clang-format off
static const struct metric metrics[] = {
	{ "dm_relay_binlog_file", "gauge", "current binlog file index", add_relay_file },
	{ "dm_relay_binlog_pos", "gauge", "current binlog pos in current binlog file", add_relay_pos },
	{ "dm_relay_data_corruption", "untyped", "counter of relay log data corruption", add_relay_corruption },
	{ "dm_relay_exit_with_error_count", "untyped", "counter of relay unit exits with error", add_relay_exits },
	{ "dm_relay_read_error_count", "untyped", "read binlog from master error count", add_relay_read_errors },
	{ "dm_relay_space", "gauge", "the space of storage for relay component", add_relay_space },
	{ "dm_relay_sub_dir_index", "gauge", "current relay sub directory index", add_relay_sub_dir },
	{ "dm_relay_write_error_count", "untyped", "write relay log error count", add_relay_write_errors },
	{ "dm_syncer_binlog_file", "gauge", "current binlog file index", add_sync_file },
	{ "dm_syncer_binlog_pos", "gauge", "current binlog pos", add_sync_pos },
	{ "dm_syncer_exit_with_error_count", "untyped", "counter for syncer exits with error", add_sync_exits },
	{ "dm_worker_task_state", "gauge", "state of task, 0 - invalidStage, 1 - New, 2 - Running, 3 - Paused, 4 - Stopped, 5 - Finished", add_task_state },
	{ "process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", add_cpu },
	{ "process_max_fds", "gauge", "Maximum number of open file descriptors.", add_max_fds },
	{ "process_open_fds", "gauge", "Number of open file descriptors.", add_open_fds },
	{ "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", add_resident },
	{ "process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", add_start },
	{ "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", add_memory },
	{ "process_virtual_memory_max_bytes", "gauge", "Maximum amount of virtual memory available in bytes.", add_max_memory },
};
// clang-format on

void status_print_metrics(const struct status *s, struct dm_str *out)
{
	for (size_t i = 0; i < DM_COUNT_OF(metrics); i++) {
		const struct metric *m = &metrics[i];
		size_t head = out->len;
		size_t body;

		dm_str_addf(
			out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
		body = out->len;
		m->add(m, s, out);
		if (out->len == body) { /* no sample, no metric */
			out->len = head;
			out->data[head] = '\0';
		}
	}
}
