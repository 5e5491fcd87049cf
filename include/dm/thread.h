/* thread.h - threads with names, waits that can be woken, locks with ranks, and mail between threads.
 *
 * Each thread is joined by its creator and stops when its struct dm_stop says so. Nothing sleeps:
 * a wait is on a stop, a condition or a descriptor. Locks are taken in rising rank only; debug
 * builds assert that. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- threads; return 0 or -errno ---- */
struct dm_thread {
	pthread_t id;
	bool started;
};
/* Name of at most 15 characters. Signals are blocked in it: the main thread has them all. */
int dm_thread_start(struct dm_thread *t, const char *name, void *(*run)(void *), void *arg);
void dm_thread_join(struct dm_thread *t); /* nothing when never started */

/* ---- asking a thread to end, in two steps ---- */
enum dm_stop_level {
	DM_STOP_NONE,
	DM_STOP_DRAIN, /* finish what is begun, flush, and return */
	DM_STOP_CUT, /* give up waiting for databases too: connections are cut */
	DM_STOP_COUNT,
};
struct dm_stop {
	_Atomic int level;
	int fd[DM_STOP_COUNT]; /* eventfds, readable once that level is reached; [0] unused */
};
int dm_stop_init(struct dm_stop *s);
void dm_stop_done(struct dm_stop *s);
void dm_stop_raise(struct dm_stop *s, enum dm_stop_level level); /* any thread; never lowers */
void dm_stop_reset(struct dm_stop *s); /* only while no thread uses it */
enum dm_stop_level dm_stop_level(const struct dm_stop *s);
/* Waits until `level` is reached (true) or the time is over (false). -1: without limit. */
bool dm_stop_wait(const struct dm_stop *s, enum dm_stop_level level, int timeout_ms);
/* Waits for `fd` to have `events` (poll), a stop at `level`, or time. 1 ready, 0 time over, -ECANCELED stopped, -errno. */
int dm_stop_poll(
	const struct dm_stop *s, enum dm_stop_level level, int fd, short events, int timeout_ms);

/* ---- locks ---- */
#define DM_LOCKS(X) \
	X(STATE, 5) \
	X(REGISTRY, 10) \
	X(SUBTASK, 20) \
	X(UNIT, 25) \
	X(RELAY, 30) \
	X(SAMPLER, 40) X(STATUS, 50) X(API, 55) X(MAILBOX, 80) X(METRICS, 85) X(LOG, 90)
enum dm_lock_class {
#define X(name, rank) DM_LOCK_##name = rank,
	DM_LOCKS(X)
#undef X
};
struct dm_lock {
	pthread_mutex_t mutex;
	enum dm_lock_class class;
};
void dm_lock_init(struct dm_lock *l, enum dm_lock_class class);
void dm_lock_done(struct dm_lock *l);
void dm_lock_take(struct dm_lock *l);
void dm_lock_drop(struct dm_lock *l);
void dm_lock_dropp(struct dm_lock **l); /* for DM_CLEANUP */
/* Waits on `cond` with the lock held; false when the monotonic time-out (ms, -1 none) is over.
 * `cond` was made by dm_cond_init(). */
void dm_cond_init(pthread_cond_t *cond);
bool dm_lock_wait(struct dm_lock *l, pthread_cond_t *cond, int timeout_ms);
#define DM_LOCKED(lock) \
	DM_CLEANUP(dm_lock_dropp) \
	struct dm_lock *locked_ __attribute__((unused)) = (dm_lock_take(lock), (lock))

/* ---- mail: "call fn(arg) on your thread" ---- */
struct dm_mail {
	struct dm_mail *next; /* the mailbox's while posted */
	void (*fn)(void *arg);
	void *arg;
};
struct dm_mailbox {
	struct dm_lock lock; /* guards head and tail */
	struct dm_mail *head, *tail;
	int fd; /* eventfd, readable while mail waits */
};
int dm_mailbox_init(struct dm_mailbox *m);
void dm_mailbox_done(struct dm_mailbox *m);
/* Any thread, cannot fail. `mail` is the caller's and must live until fn runs. */
void dm_mailbox_post(struct dm_mailbox *m, struct dm_mail *mail);
void dm_mailbox_run(struct dm_mailbox *m); /* owner's thread: runs all that waits */
