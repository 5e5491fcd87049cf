/* rooms.h - a worker's rooms without its main(): registry, relay, sampler, status and api in a folder of their own. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <string.h>

#include "dm/api.h"
#include "dm/conf.h"
#include "dm/relay.h"
#include "dm/sampler.h"
#include "dm/status.h"
#include "dm/task.h"
#include "dm/thread.h"
#include "quiet-unit.h"
#include "rooms-conf.h"

struct rooms {
	char dir[32];
	struct worker_conf *conf;
	struct dm_mailbox box;
	struct relay *relay;
	struct registry *registry;
	struct sampler *sampler;
	struct status_collector *status;
	struct api *api;
	bool is_shut;
};

static inline void ignore_change(void *arg)
{
	(void)arg;
}

static inline void expect_ok(int r, struct dm_error *err)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	if (r == 0)
		return;
	dm_error_text(err, &text);
	fail_msg("%s", text.data);
}

static inline void rooms_open(struct rooms *w)
{
	struct dm_error err = { 0 };

	*w = (struct rooms){ .dir = "/tmp/dm-rooms-XXXXXX" };
	assert_non_null(mkdtemp(w->dir));
	w->conf = rooms_conf(w->dir, "127.0.0.1", 0);
	assert_int_equal(dm_mailbox_init(&w->box), 0);
	expect_ok(
		relay_new(&w->relay,
			&(struct relay_env){
				.conf = w->conf, .main_box = &w->box, .on_change = ignore_change },
			&err),
		&err);
	expect_ok(registry_new(&w->registry,
			  &(struct registry_env){ .conf = w->conf,
				  .relay = w->relay,
				  .main_box = &w->box,
				  .on_change = ignore_change,
				  .units_of = quiet_units },
			  &err),
		&err);
	registry_restore(w->registry);
	expect_ok(sampler_start(&w->sampler, &w->conf->from, &err), &err);
	w->status = status_collector_new(&(struct status_env){ .conf = w->conf,
		.registry = w->registry,
		.relay = w->relay,
		.sampler = w->sampler });
	expect_ok(api_start(&w->api,
			  &(struct api_env){ .conf = w->conf,
				  .registry = w->registry,
				  .status = w->status,
				  .main_box = &w->box,
				  .listen_fd = -1 },
			  &err),
		&err);
}

static inline void on_shut(void *arg)
{
	((struct rooms *)arg)->is_shut = true;
}

static inline void on_relay_shut(void *arg, const struct dm_error *err)
{
	(void)err;
	on_shut(arg);
}

/* Runs the mailbox and ticks until *flag; a unit test has no other main loop. */
static inline void rooms_run_until(struct rooms *w, const bool *flag)
{
	struct dm_stop never;

	assert_int_equal(dm_stop_init(&never), 0);
	for (int i = 0; i < 2000 && !*flag; i++) {
		(void)dm_stop_poll(&never, DM_STOP_DRAIN, w->box.fd, POLLIN, 10);
		dm_mailbox_run(&w->box);
		registry_tick(w->registry);
	}
	dm_stop_done(&never);
	assert_true(*flag);
}

static inline int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static inline void rooms_close(struct rooms *w)
{
	api_free(w->api);
	registry_shutdown(w->registry, on_shut, w);
	rooms_run_until(w, &w->is_shut);
	w->is_shut = false;
	relay_stop(w->relay, on_relay_shut, w);
	rooms_run_until(w, &w->is_shut);
	dm_mailbox_run(&w->box);
	status_collector_free(w->status);
	sampler_free(w->sampler);
	registry_free(w->registry);
	relay_free(w->relay);
	dm_mailbox_done(&w->box);
	worker_conf_free(w->conf);
	(void)nftw(w->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
