/* rooms.h - a worker's rooms without its main(): registry, relay, sampler, status and api in a folder of their own.
 *
 * The unit is a quiet one that only waits for its stop, so that stages move without a database. */
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

/* ---- the quiet unit ---- */

static inline void quiet_nothing(struct unit *u)
{
	(void)u;
}

static inline int quiet_init(struct unit *u, struct dm_error *reterr)
{
	(void)u;
	(void)reterr;
	return 0;
}

static inline int quiet_is_fresh(struct unit *u, bool *ret, struct dm_error *reterr)
{
	(void)u;
	(void)reterr;
	*ret = false;
	return 0;
}

static inline void quiet_process(struct unit *u, struct dm_process_result *ret)
{
	(void)dm_stop_wait(u->env.stop, DM_STOP_DRAIN, -1);
	ret->is_set = ret->is_canceled = true;
}

static inline void quiet_status(const struct unit *u, struct unit_status *ret)
{
	(void)u;
	*ret = (struct unit_status){ .unit = UNIT_SYNC };
	ret->sync.flushed.pos = 4;
	ret->sync.flushed_gtid = dm_strdup("");
}

static inline size_t quiet_units(const char *mode, const struct unit_ops *ret[4])
{
	static const struct unit_ops quiet = { .unit = UNIT_SYNC,
		.log_name = "binlog replication",
		.size = sizeof(struct unit),
		.setup = quiet_nothing,
		.init = quiet_init,
		.is_fresh = quiet_is_fresh,
		.process = quiet_process,
		.status = quiet_status,
		.done = quiet_nothing };

	(void)mode;
	ret[0] = &quiet;
	return 1;
}

/* ---- the rooms ---- */

static inline void ignore_change(void *arg)
{
	(void)arg;
}

/* The file says port 8262; what is listened on is `port`, 0 for a free one. */
static inline struct worker_conf *rooms_conf(const char *dir, const char *host, uint16_t port)
{
	static const struct worker_flags no_flags = { 0 };
	DM_CLEANUP(freep)
	char *text = dm_format(
		"worker-addr = \"%s:8262\"\nsource-id = \"source-1\"\nserver-id = 7\n"
		"flavor = \"mariadb\"\nrelay-dir = \"%s/relay\"\nmeta-dir = \"%s/meta\"\n"
		"[from]\nhost = \"127.0.0.1\"\nport = 1\nuser = \"dm\"\npassword = \"\"\n",
		host, dir, dir);
	struct conf_faults faults = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str list = { 0 };
	struct worker_conf *conf = NULL;

	if (worker_conf_parse(text, strlen(text), "dm-worker.toml", &no_flags, &conf, &faults) !=
		0) {
		conf_faults_text(&faults, &list);
		fail_msg("%s", list.data);
	}
	conf->listen_port = port;
	return conf;
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
