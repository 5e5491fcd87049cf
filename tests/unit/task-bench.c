/* task-bench.c - the registry of the tests of the task room, and its units. */
#include "task-bench.h"

#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct plan plan;

struct test_unit {
	struct unit base;
	_Atomic uint64_t events;
	_Atomic bool is_ready;
};

static void test_setup(struct unit *u)
{
	(void)u;
}

static int test_init(struct unit *u, struct dm_error *reterr)
{
	atomic_fetch_add(&plan.inits, 1);
	atomic_store(&plan.saw_remove_meta, u->env.conf->common.remove_meta);
	if (plan.init == INIT_HANGS && dm_stop_wait(u->env.stop, DM_STOP_CUT, 60000))
		return dm_fail_cause(reterr, DM_ERR_DB_INVALID_CONN, "canceled", "database driver");
	if (plan.init != INIT_FINE)
		return dm_fail_cause(
			reterr, DM_ERR_DB_DRIVER, "connection refused", "database driver error");
	atomic_store(&((struct test_unit *)u)->is_ready, true);
	return 0;
}

static int test_is_fresh(struct unit *u, bool *ret, struct dm_error *reterr)
{
	(void)u;
	(void)reterr;
	*ret = !plan.is_begun;
	return 0;
}

static void test_fail(struct dm_process_result *ret, const char *cause)
{
	struct dm_error err = { 0 };

	(void)dm_fail_cause(&err, DM_ERR_DB_EXECUTE_FAILED, cause, "execute statement failed");
	(void)dm_process_result_add(ret, ERROR_EXEC_SQL, &err);
}

static void test_process(struct unit *u, struct dm_process_result *ret)
{
	struct test_unit *t = (struct test_unit *)u;
	int how = plan.process;

	atomic_fetch_add(&plan.processes, 1);
	ret->is_set = true;
	if (how == PROCESS_ENDS)
		return;
	if (how == PROCESS_FAILS || how == PROCESS_FAILS_FOR_GOOD) {
		test_fail(ret, how == PROCESS_FAILS ? "Error 1205: Lock wait timeout exceeded"
						    : "Error 1062: Duplicate entry '1'");
		return;
	}
	while (!dm_stop_wait(
		u->env.stop, how == PROCESS_DRAINS_NEVER ? DM_STOP_CUT : DM_STOP_DRAIN, 1))
		atomic_fetch_add(&t->events, 1);
	ret->is_canceled = true;
	if (how == PROCESS_FAILS_WHEN_ASKED)
		test_fail(ret, "invalid connection");
}

static void test_status(const struct unit *u, struct unit_status *ret)
{
	const struct test_unit *t = (const struct test_unit *)u;

	*ret = (struct unit_status){ .unit = UNIT_SYNC };
	ret->sync.total_events = atomic_load(&t->events);
	ret->sync.flushed_gtid = dm_strdup("");
	if (atomic_load(&t->is_ready))
		binlog_position_set(&ret->sync.flushed, "mysql-bin|000001.000003", 1234);
	ret->sync.applied = ret->sync.received = ret->sync.flushed;
	ret->sync.applied.pos += ret->sync.total_events;
}

static void test_done(struct unit *u)
{
	(void)u;
	atomic_fetch_add(&plan.dones, 1);
}

static size_t test_units_of(const char *mode, const struct unit_ops *ret[4])
{
	static const struct unit_ops ops = { .unit = UNIT_SYNC,
		.log_name = "binlog replication",
		.size = sizeof(struct test_unit),
		.setup = test_setup,
		.init = test_init,
		.is_fresh = test_is_fresh,
		.process = test_process,
		.status = test_status,
		.done = test_done };

	if (strcmp(mode, "all") == 0)
		return 0;
	ret[0] = ret[1] = &ops;
	return strcmp(mode, "full") == 0 ? 2 : 1;
}

void take_answer(void *arg, const struct task_reply *reply)
{
	struct answer *a = arg;

	assert_false(a->is_there); /* exactly once */
	*a = (struct answer){ .is_there = true,
		.code = (int)reply->error.code,
		.stage = reply->stage,
		.log_id = reply->log_id };
	(void)snprintf(
		a->text, sizeof(a->text), "%s", reply->error.message ? reply->error.message : "");
	(void)snprintf(a->legal, sizeof(a->legal), "%s", dm_str_get(&reply->legal));
}

static void bench_changed(void *arg)
{
	((struct bench *)arg)->changes++;
}

void bench_closed(void *arg)
{
	((struct bench *)arg)->is_closed = true;
}

static void bench_relay_stopped(void *arg, const struct dm_error *err)
{
	assert_null(err);
	((struct bench *)arg)->is_relay_stopped = true;
}

void bench_load_conf(struct bench *b)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults faults = { 0 };
	struct worker_flags flags = { .config = (char *)"" };
	DM_CLEANUP(freep)
	char *text =
		dm_format("worker-addr = \"127.0.0.1:8262\"\nsource-id = \"%s\"\nserver-id = 9\n"
			  "flavor = \"mariadb\"\nrelay-dir = \"%s/relay\"\nmeta-dir = \"%s/meta\"\n"
			  "[from]\nhost = \"127.0.0.1\"\nport = 1\nuser = \"u\"\n",
			b->source_id, b->dir, b->dir);

	if (worker_conf_parse(text, strlen(text), "w.toml", &flags, &b->conf, &faults) != 0) {
		DM_CLEANUP(dm_str_done) struct dm_str all = { 0 };

		conf_faults_text(&faults, &all);
		fail_msg("%s", all.data);
	}
}

void bench_open(struct bench *b)
{
	struct relay_env relay = { .main_box = &b->box, .on_change = bench_changed, .arg = b };
	struct registry_env env = {
		.main_box = &b->box, .on_change = bench_changed, .arg = b, .units_of = test_units_of
	};
	struct dm_error err = { 0 };

	bench_load_conf(b);
	relay.conf = env.conf = b->conf;
	if (relay_new(&b->relay, &relay, &err) != 0)
		fail_msg("%s", err.message);
	env.relay = b->relay;
	if (registry_new(&b->registry, &env, &err) != 0)
		fail_msg("%s", err.message);
	registry_restore(b->registry);
	b->is_closed = b->is_relay_stopped = false;
}

/* One turn of what main() does: mail, then a tick. */
void bench_turn(struct bench *b)
{
	struct pollfd fd = { .fd = b->box.fd, .events = POLLIN };

	(void)poll(&fd, 1, 5);
	dm_mailbox_run(&b->box);
	registry_tick(b->registry);
}

void bench_close(struct bench *b)
{
	registry_shutdown(b->registry, bench_closed, b);
	relay_stop(b->relay, bench_relay_stopped, b);
	bench_until(b, 6000, b->is_closed && b->is_relay_stopped);
	registry_free(b->registry);
	relay_free(b->relay);
	worker_conf_free(b->conf);
}

/* As after kill -9: what is running is not told, only the files stay. Here: closed and opened. */
void bench_restart(struct bench *b)
{
	bench_close(b);
	bench_open(b);
}

int bench_setup(void **state)
{
	struct bench *b = dm_alloc(sizeof(*b));

	memset(&plan, 0, sizeof(plan));
	(void)snprintf(b->dir, sizeof(b->dir), "%s/dm-task-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(b->dir));
	assert_int_equal(dm_mailbox_init(&b->box), 0);
	b->source_id = "s1";
	bench_open(b);
	*state = b;
	return 0;
}

static int bench_remove(const char *path, const struct stat *s, int flag, struct FTW *f)
{
	(void)s;
	(void)flag;
	(void)f;
	return remove(path);
}

int bench_teardown(void **state)
{
	struct bench *b = *state;

	bench_close(b);
	dm_mailbox_run(&b->box);
	dm_mailbox_done(&b->box);
	(void)nftw(b->dir, bench_remove, 16, FTW_DEPTH | FTW_PHYS);
	free(b);
	return 0;
}

/* ---- commands ---- */

char *task_file(const char *name, const char *mode, const char *more)
{
	return dm_format(
		"name: %s\ntask-mode: %s\n%s"
		"target-database: {host: 127.0.0.1, port: 1, user: root, password: secret-7}\n"
		"mysql-instances:\n- source-id: s1\n  meta: {binlog-name: mysql-bin.000001, "
		"binlog-pos: 4}\n",
		name, mode, more);
}

void send_start_file(struct bench *b, const char *yaml, struct answer *a)
{
	*a = (struct answer){ 0 };
	registry_start_task(b->registry, yaml, take_answer, a);
}

void send_start(struct bench *b, const char *name, struct answer *a)
{
	DM_CLEANUP(freep) char *yaml = task_file(name, "incremental", "");

	send_start_file(b, yaml, a);
}

void send_op(struct bench *b, enum dm_task_op op, const char *name, struct answer *a)
{
	*a = (struct answer){ 0 };
	registry_operate_task(b->registry, op, name, take_answer, a);
}

struct answer operated(struct bench *b, enum dm_task_op op, const char *name)
{
	struct answer a;

	send_op(b, op, name, &a);
	bench_until(b, 10000, a.is_there);
	return a;
}

struct answer started_file(struct bench *b, const char *yaml)
{
	struct answer a;

	send_start_file(b, yaml, &a);
	bench_until(b, 10000, a.is_there);
	return a;
}

struct answer started(struct bench *b, const char *name)
{
	struct answer a;

	send_start(b, name, &a);
	bench_until(b, 10000, a.is_there);
	return a;
}

struct answer forgotten(struct bench *b, const char *name)
{
	struct answer a = { 0 };

	registry_forget_task(b->registry, name, take_answer, &a);
	bench_until(b, 10000, a.is_there);
	return a;
}

/* ---- looks ---- */

/* The view of one subtask; the caller frees it with registry_view_done() on `all`. NULL: not there. */
const struct subtask_view *look(struct bench *b, const char *name, struct registry_view *all)
{
	registry_view(b->registry, all);
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->subtasks[i].name, name) == 0)
			return &all->subtasks[i];
	return NULL;
}

enum dm_stage stage_of(struct bench *b, const char *name)
{
	DM_CLEANUP(registry_view_done) struct registry_view all = { 0 };
	const struct subtask_view *v = look(b, name, &all);

	return v ? v->stage : STAGE_INVALID;
}

void bring_to_running(struct bench *b, const char *name)
{
	expect_done(started(b, name));
	bench_until(b, 5000, stage_of(b, name) == STAGE_RUNNING);
}
