/* thread.c - threads, stops, ranked locks and mailboxes over pthread and eventfd. */
#include "dm/thread.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "dm/clock.h"
#include "dm/str.h"

/* ---- threads ---- */

struct thread_start {
	void *(*run)(void *);
	void *arg;
	char name[16];
};

static void *thread_main(void *arg)
{
	struct thread_start start = *(struct thread_start *)arg;

	free(arg);
	(void)pthread_setname_np(pthread_self(), start.name); /* a name is a comfort, not a need */
	return start.run(start.arg);
}

int dm_thread_start(struct dm_thread *t, const char *name, void *(*run)(void *), void *arg)
{
	struct thread_start *start = dm_alloc(sizeof(*start));
	sigset_t all, before;
	int r;

	start->run = run;
	start->arg = arg;
	memcpy(start->name, name, strnlen(name, sizeof(start->name) - 1));
	(void)sigfillset(&all);
	(void)pthread_sigmask(
		SIG_SETMASK, &all, &before); /* both cannot fail with these arguments */
	r = pthread_create(&t->id, NULL, thread_main, start);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		free(start);
	t->started = r == 0;
	return -r;
}

void dm_thread_join(struct dm_thread *t)
{
	if (t->started)
		(void)pthread_join(t->id, NULL); /* fails only for our own mistakes */
	t->started = false;
}

/* ---- stops ---- */

static void eventfd_raise(int fd)
{
	uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one)); /* EAGAIN means that it is readable already */
}

static void eventfd_lower(int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count)); /* EAGAIN means that it was not readable */
}

int dm_stop_init(struct dm_stop *s)
{
	*s = (struct dm_stop){ .fd = { -1, -1, -1 } };
	for (int level = DM_STOP_DRAIN; level < DM_STOP_COUNT; level++) {
		s->fd[level] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (s->fd[level] < 0) {
			int r = -errno;

			dm_stop_done(s);
			return r;
		}
	}
	return 0;
}

void dm_stop_done(struct dm_stop *s)
{
	for (int level = DM_STOP_DRAIN; level < DM_STOP_COUNT; level++)
		fd_closep(&s->fd[level]);
}

void dm_stop_raise(struct dm_stop *s, enum dm_stop_level level)
{
	int seen = atomic_load(&s->level);

	while (seen < (int)level && !atomic_compare_exchange_weak(&s->level, &seen, (int)level))
		;
	for (int l = DM_STOP_DRAIN; l <= (int)level; l++)
		eventfd_raise(s->fd[l]);
}

void dm_stop_reset(struct dm_stop *s)
{
	atomic_store(&s->level, DM_STOP_NONE);
	for (int level = DM_STOP_DRAIN; level < DM_STOP_COUNT; level++)
		eventfd_lower(s->fd[level]);
}

enum dm_stop_level dm_stop_level(const struct dm_stop *s)
{
	return (enum dm_stop_level)atomic_load(&s->level);
}

/* The time left for a poll, in ms, from a deadline; -1 when there is none. */
static int time_left(int64_t deadline_ms, int timeout_ms)
{
	int64_t left;

	if (timeout_ms < 0)
		return -1;
	left = deadline_ms - dm_mono_ms();
	return left > 0 ? (int)left : 0;
}

int dm_stop_poll(
	const struct dm_stop *s, enum dm_stop_level level, int fd, short events, int timeout_ms)
{
	int64_t deadline_ms = dm_mono_ms() + timeout_ms;
	struct pollfd fds[2] = { { .fd = s->fd[level], .events = POLLIN },
		{ .fd = fd, .events = events } };

	for (;;) {
		int r = poll(fds, 2, time_left(deadline_ms, timeout_ms));

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0 && fds[0].revents)
			return -ECANCELED;
		if (r > 0)
			return 1;
		if (r == 0)
			return 0;
	}
}

bool dm_stop_wait(const struct dm_stop *s, enum dm_stop_level level, int timeout_ms)
{
	return dm_stop_poll(s, level, -1, 0, timeout_ms) == -ECANCELED;
}

/* ---- locks ---- */

#ifndef NDEBUG
static _Thread_local int held[8]; /* ranks of the locks this thread has, rising */
static _Thread_local size_t held_count;
#endif

void dm_lock_init(struct dm_lock *l, enum dm_lock_class class)
{
	(void)pthread_mutex_init(&l->mutex, NULL); /* cannot fail for default attributes on Linux */
	l->class = class;
}

void dm_lock_done(struct dm_lock *l)
{
	(void)pthread_mutex_destroy(&l->mutex); /* fails only for our own mistakes */
}

void dm_lock_take(struct dm_lock *l)
{
#ifndef NDEBUG
	assert(held_count == 0 || held[held_count - 1] < (int)l->class);
	assert(held_count < sizeof(held) / sizeof(held[0]));
	held[held_count++] = (int)l->class;
#endif
	(void)pthread_mutex_lock(&l->mutex); /* allowed: the one place */
}

void dm_lock_drop(struct dm_lock *l)
{
#ifndef NDEBUG
	assert(held_count > 0 && held[held_count - 1] == (int)l->class);
	held_count--;
#endif
	(void)pthread_mutex_unlock(&l->mutex);
}

void dm_lock_dropp(struct dm_lock **l)
{
	dm_lock_drop(*l);
}

void dm_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr); /* none of the four can fail on Linux */
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(cond, &attr);
	(void)pthread_condattr_destroy(&attr);
}

bool dm_lock_wait(struct dm_lock *l, pthread_cond_t *cond, int timeout_ms)
{
	struct timespec until;
	int64_t at_ms;

	if (timeout_ms < 0)
		return pthread_cond_wait(cond, &l->mutex) == 0;
	at_ms = dm_mono_ms() + timeout_ms;
	until.tv_sec = (time_t)(at_ms / 1000);
	until.tv_nsec = (long)(at_ms % 1000) * 1000000;
	return pthread_cond_timedwait(cond, &l->mutex, &until) == 0;
}

/* ---- mail ---- */

int dm_mailbox_init(struct dm_mailbox *m)
{
	*m = (struct dm_mailbox){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	if (m->fd < 0)
		return -errno;
	dm_lock_init(&m->lock, DM_LOCK_MAILBOX);
	return 0;
}

void dm_mailbox_done(struct dm_mailbox *m)
{
	fd_closep(&m->fd);
	dm_lock_done(&m->lock);
}

void dm_mailbox_post(struct dm_mailbox *m, struct dm_mail *mail)
{
	DM_LOCKED(&m->lock);
	mail->next = NULL;
	if (m->tail)
		m->tail->next = mail;
	else
		m->head = mail;
	m->tail = mail;
	eventfd_raise(m->fd);
}

void dm_mailbox_run(struct dm_mailbox *m)
{
	struct dm_mail *mail, *next;

	eventfd_lower(m->fd);
	dm_lock_take(&m->lock);
	mail = m->head;
	m->head = m->tail = NULL;
	dm_lock_drop(&m->lock);
	for (; mail; mail = next) {
		next = mail->next; /* fn may free the mail or post it again */
		mail->fn(mail->arg);
	}
}
