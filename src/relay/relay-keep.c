/* relay-keep.c - syncs in the background. */
#include "relay-keep.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#include "dm/file.h"
#include "relay-private.h"

enum { MEASURE_MS = 1000 };

struct relay_keep_item {
	struct relay_keep_item *next;
	int fd; /* owned; -1: nothing to sync */
	bool is_file_new;
	char sub_dir[RELAY_SUB_DIR_MAX];
	struct relay_meta meta;
};

static void item_free(struct relay_keep_item *item)
{
	fd_closep(&item->fd);
	relay_meta_done(&item->meta);
	free(item);
}

void relay_keep_measure(struct relay *r)
{
	struct statvfs s;

	if (statvfs(r->dir, &s) != 0)
		return; /* the last values stay; a write will tell */
	atomic_store(&r->keep.available, (uint64_t)s.f_bavail * s.f_frsize);
	atomic_store(&r->keep.capacity, (uint64_t)s.f_blocks * s.f_frsize);
}

static int sync_data(
	const struct relay_keep_item *item, const char *sub_path, struct dm_error *reterr)
{
	int r;

	if (item->fd >= 0 && fdatasync(item->fd) != 0)
		return dm_fail_errno(reterr, DM_ERR_RELAY_WRITE, errno, "sync relay log file %s/%s",
			sub_path, item->meta.position.name);
	r = item->is_file_new ? dm_dir_sync(sub_path) : 0;
	if (r != 0)
		return dm_fail_errno(reterr, DM_ERR_RELAY_WRITE, r, "sync directory %s", sub_path);
	return 0;
}

static void publish(struct relay *r, const struct relay_keep_item *item)
{
	r->status.flushed = item->meta.position;
	if (!dm_streq(r->status.gtid_set, item->meta.gtid_set)) {
		free(r->status.gtid_set);
		r->status.gtid_set = dm_strdup(item->meta.gtid_set);
	}
}

static void work(struct relay *r, struct relay_keep_item *item)
{
	DM_CLEANUP(freep) char *sub_path = relay_sub_path(r, item->sub_dir);
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	bool is_data_lost = sync_data(item, sub_path, &err) != 0;
	bool has_failed = is_data_lost || relay_meta_save(sub_path, &item->meta, &err) != 0;

	DM_LOCKED(&r->lock);
	if (!has_failed) {
		publish(r, item);
		return;
	}
	r->keep.is_data_lost = is_data_lost;
	r->status.write_errors++;
	dm_error_move(&err, &r->keep.error);
}

static struct relay_keep_item *take(struct relay_keep *k)
{
	struct relay_keep_item *item = k->head;

	k->head = item->next;
	if (!k->head)
		k->tail = NULL;
	return item;
}

static void *keep_run(void *arg)
{
	struct relay *r = arg;
	struct relay_keep *k = &r->keep;

	dm_lock_take(&r->lock);
	for (;;) {
		struct relay_keep_item *item;

		if (!k->head) {
			if (dm_stop_level(&k->stop) != DM_STOP_NONE)
				break;
			if (!dm_lock_wait(&r->lock, &k->wanted, MEASURE_MS) && !k->head) {
				dm_lock_drop(&r->lock);
				relay_keep_measure(r);
				dm_lock_take(&r->lock);
			}
			continue;
		}
		item = take(k);
		if (!dm_error_is_set(&k->error)) {
			dm_lock_drop(&r->lock);
			work(r, item);
			dm_lock_take(&r->lock);
		}
		k->pending--;
		item_free(item);
		(void)pthread_cond_broadcast(&k->done);
	}
	dm_lock_drop(&r->lock);
	return NULL;
}

int relay_keep_init(struct relay *r)
{
	struct relay_keep *k = &r->keep;
	int err = dm_stop_init(&k->stop);

	if (err != 0)
		return err;
	dm_cond_init(&k->wanted);
	dm_cond_init(&k->done);
	return 0;
}

int relay_keep_start(struct relay *r)
{
	return dm_thread_start(&r->keep.thread, "relay-keep", keep_run, r);
}

void relay_keep_done(struct relay *r)
{
	struct relay_keep *k = &r->keep;

	dm_stop_raise(&k->stop, DM_STOP_DRAIN);
	dm_lock_take(&r->lock);
	(void)pthread_cond_broadcast(&k->wanted);
	dm_lock_drop(&r->lock);
	dm_thread_join(&k->thread);
	dm_stop_done(&k->stop);
	(void)pthread_cond_destroy(&k->wanted); /* nobody waits any more */
	(void)pthread_cond_destroy(&k->done);
	dm_error_done(&k->error);
}

void relay_keep_submit(struct relay *r, int fd, const char *sub_dir, bool is_file_new,
	const struct binlog_position *position, const char *gtid_set)
{
	struct relay_keep_item *item = dm_alloc(sizeof(*item));
	struct relay_keep *k = &r->keep;

	item->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	item->is_file_new = is_file_new;
	memcpy(item->sub_dir, sub_dir, strnlen(sub_dir, sizeof(item->sub_dir) - 1));
	item->meta = (struct relay_meta){ .position = *position, .gtid_set = dm_strdup(gtid_set) };
	fd = fd >= 0 && item->fd < 0 ? -errno : 0;
	DM_LOCKED(&r->lock);
	if (k->tail)
		k->tail->next = item;
	else
		k->head = item;
	k->tail = item;
	k->pending++;
	if (fd != 0) /* out of descriptors */
		dm_fail_errno(&k->error, DM_ERR_RELAY_WRITE, fd, "sync relay log file %s",
			position->name);
	(void)pthread_cond_broadcast(&k->wanted);
}

bool relay_keep_wait(struct relay *r, unsigned int left, int timeout_ms)
{
	DM_LOCKED(&r->lock);
	while (r->keep.pending > left)
		if (!dm_lock_wait(&r->lock, &r->keep.done, timeout_ms))
			return r->keep.pending <= left;
	return true;
}

bool relay_keep_is_busy(struct relay *r)
{
	DM_LOCKED(&r->lock);
	return r->keep.pending > 0;
}

bool relay_keep_take_error(struct relay *r, struct dm_error *reterr)
{
	DM_LOCKED(&r->lock);
	if (!dm_error_is_set(&r->keep.error))
		return false;
	dm_error_copy(&r->keep.error, reterr);
	return true;
}

bool relay_keep_reset(struct relay *r)
{
	bool is_data_lost;

	DM_LOCKED(&r->lock);
	is_data_lost = r->keep.is_data_lost;
	r->keep.is_data_lost = false;
	dm_error_done(&r->keep.error);
	return is_data_lost;
}
