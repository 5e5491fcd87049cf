/* task-bench.h - a registry with a real state file and a real relay, and units that do as they are told.
 *
 * The units are of the test, the interface is the daemon's own: what they do is set in `plan` before a command. */
#pragma once

#include "test.h"

#include <stdatomic.h>

#include "dm/clock.h"
#include "dm/conf.h"
#include "dm/relay.h"
#include "dm/task.h"
#include "dm/thread.h"

enum plan_init { INIT_FINE, INIT_FAILS, INIT_HANGS };
enum plan_process {
	PROCESS_RUNS, /* counts until it is asked to end */
	PROCESS_ENDS, /* its work is done at once */
	PROCESS_FAILS, /* an error that can heal */
	PROCESS_FAILS_FOR_GOOD,
	PROCESS_DRAINS_NEVER, /* only a cut ends it */
	PROCESS_FAILS_WHEN_ASKED, /* to end */
};
struct plan {
	_Atomic int init, process;
	_Atomic int inits, processes, dones; /* calls */
	_Atomic bool is_begun; /* of the last unit: it has something to go on from */
	_Atomic bool saw_remove_meta;
};
extern struct plan plan;

struct bench {
	char dir[32];
	const char *source_id;
	struct dm_mailbox box;
	struct worker_conf *conf;
	struct relay *relay;
	struct registry *registry;
	int changes;
	bool is_closed, is_relay_stopped;
};

struct answer { /* of one command */
	bool is_there;
	int code;
	enum dm_stage stage;
	uint64_t log_id;
	char text[256], legal[128];
};

/* ---- the bench; setup and teardown are of one test ---- */
int bench_setup(void **state);
int bench_teardown(void **state);
void bench_load_conf(struct bench *b); /* a new one; the caller keeps the old */
void bench_open(struct bench *b);
void bench_close(struct bench *b); /* as SIGTERM does */
void bench_restart(struct bench *b);
void bench_turn(struct bench *b); /* one turn of what main() does: mail, then a tick */
void bench_closed(void *arg);

/* ---- commands: sent, or sent and answered ---- */
void take_answer(void *arg, const struct task_reply *reply);
char *task_file(const char *name, const char *mode, const char *more);
void send_start_file(struct bench *b, const char *yaml, struct answer *a);
void send_start(struct bench *b, const char *name, struct answer *a);
void send_op(struct bench *b, enum dm_task_op op, const char *name, struct answer *a);
struct answer operated(struct bench *b, enum dm_task_op op, const char *name);
struct answer started_file(struct bench *b, const char *yaml);
struct answer started(struct bench *b, const char *name);
struct answer forgotten(struct bench *b, const char *name);
/* ---- looks ---- */
/* The view of one subtask, in `all`, which the caller frees; NULL: not there. */
const struct subtask_view *look(struct bench *b, const char *name, struct registry_view *all);
enum dm_stage stage_of(struct bench *b, const char *name);
void bring_to_running(struct bench *b, const char *name);

#define bench_until(b, limit_ms, condition) \
	do { \
		int64_t end_ = dm_mono_ms() + (limit_ms); \
\
		while (!(condition)) { \
			if (dm_mono_ms() > end_) \
				fail_msg("not within %d ms: %s", (int)(limit_ms), #condition); \
			bench_turn(b); \
		} \
	} while (0)

#define expect_done(call) \
	do { \
		struct answer answer_ = (call); \
\
		if (answer_.code != 0) \
			fail_msg("%s: %d %s", #call, answer_.code, answer_.text); \
	} while (0)

#define expect_refused(call, want_code, want_text) \
	do { \
		struct answer answer_ = (call); \
\
		assert_int_equal(answer_.code, want_code); \
		assert_string_equal(answer_.text, want_text); \
	} while (0)
