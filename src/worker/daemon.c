/* daemon.c - start, loop and end of the daemon. */
#include "daemon.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dm/api.h"
#include "dm/clock.h"
#include "dm/log.h"
#include "dm/relay.h"
#include "dm/sampler.h"
#include "dm/status.h"
#include "dm/task.h"

enum { BUSY_TICK_MS = 200, IDLE_TICK_MS = 1000, STOP_LIMIT_MS = 4500 };

/* ---- the end ---- */

/* Whatever hangs (a name look-up, a dead disk): the process ends in time, and its next start makes things whole. */
static void *backstop_thread(void *arg)
{
	struct daemon *d = arg;

	if (dm_stop_wait(&d->backstop, DM_STOP_DRAIN, STOP_LIMIT_MS))
		return NULL;
	dm_log(DM_LOG_ERROR, NULL, "a part of the daemon does not end, the process ends without it",
		NULL);
	_exit(d->exit_code);
}

static void on_part_ended(struct daemon *d)
{
	if (--d->ending == 0)
		(void)sd_event_exit(d->loop, 0); /* cannot fail while the loop runs */
}

static void on_registry_ended(void *arg)
{
	on_part_ended(arg);
}

static void on_relay_ended(void *arg, const struct dm_error *err)
{
	(void)err; /* told by the relay itself */
	on_part_ended(arg);
}

static void begin_stop(struct daemon *d)
{
	if (d->is_stopping)
		return;
	d->is_stopping = true;
	notify_stopping(STOP_LIMIT_MS);
	if (dm_thread_start(&d->backstop_thread, "backstop", backstop_thread, d) != 0)
		(void)alarm(STOP_LIMIT_MS / 1000); /* ends the process less politely */
	if (d->api)
		api_quiesce(d->api);
	d->ending = 2;
	registry_shutdown(d->registry, on_registry_ended, d);
	relay_stop(d->relay, on_relay_ended, d);
}

/* ---- the loop ---- */

static int64_t next_tick_ms(const struct daemon *d)
{
	return registry_is_busy(d->registry) ? BUSY_TICK_MS : IDLE_TICK_MS;
}

/* Brings the next tick forward when there is more to do than the last one saw. */
static void arm_tick(struct daemon *d, bool may_put_off)
{
	uint64_t at = (uint64_t)dm_mono_us() + (uint64_t)next_tick_ms(d) * 1000, was = 0;

	if (!may_put_off && sd_event_source_get_time(d->tick, &was) >= 0 && was <= at)
		return;
	(void)sd_event_source_set_time(d->tick, at); /* fails only for our own mistakes */
}

static int on_tick(sd_event_source *source, uint64_t usec, void *arg)
{
	struct daemon *d = arg;
	int64_t now = dm_mono_ms();

	(void)source;
	(void)usec;
	registry_tick(d->registry);
	if (now >= d->second_at_ms) {
		d->second_at_ms = now + IDLE_TICK_MS - BUSY_TICK_MS / 2;
		relay_tick(d->relay);
		if (d->api)
			api_tick(d->api);
		if (!d->is_stopping)
			notify_status(d);
	}
	arm_tick(d, true);
	return 0;
}

static int on_mail(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct daemon *d = arg;

	(void)source;
	(void)fd;
	(void)events;
	dm_mailbox_run(&d->box);
	arm_tick(d, false);
	return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct daemon *d = arg;

	(void)source;
	if (info->ssi_signo == SIGHUP) {
		if (!d->is_stopping)
			daemon_reload(d);
		return 0;
	}
	dm_log(DM_LOG_INFO, NULL, "signal, the daemon ends", "signal",
		sigabbrev_np((int)info->ssi_signo), NULL);
	begin_stop(d);
	arm_tick(d, false);
	return 0;
}

static int make_loop(struct daemon *d)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP };
	uint64_t first = (uint64_t)dm_mono_us() + (uint64_t)IDLE_TICK_MS * 1000;
	int r = sd_event_new(&d->loop);

	for (size_t i = 0; r >= 0 && i < DM_COUNT_OF(signals); i++)
		r = sd_event_add_signal(d->loop, NULL, signals[i], on_signal, d);
	if (r >= 0)
		r = sd_event_add_io(d->loop, NULL, d->box.fd, EPOLLIN, on_mail, d);
	if (r >= 0)
		r = sd_event_add_time(d->loop, &d->tick, CLOCK_MONOTONIC, first, 20000, on_tick, d);
	if (r >= 0)
		r = sd_event_source_set_enabled(d->tick, SD_EVENT_ON);
	if (r >= 0)
		r = sd_event_set_watchdog(d->loop, true);
	return r;
}

/* ---- the start ---- */

static void on_change(void *arg)
{
	struct daemon *d = arg;

	d->second_at_ms = 0; /* the next tick shows it */
}

static int exit_code_of(const struct dm_error *err)
{
	bool is_state =
		err->code == DM_ERR_WORKER_OPEN_STATE || err->code == DM_ERR_WORKER_STATE_IS_NEWER;

	return is_state ? EXIT_UNUSABLE : EXIT_FAILED;
}

static int start_parts(struct daemon *d, struct dm_error *reterr)
{
	struct relay_env relay = {
		.conf = d->conf, .main_box = &d->box, .on_change = on_change, .arg = d
	};
	struct registry_env registry = {
		.conf = d->conf, .main_box = &d->box, .on_change = on_change, .arg = d
	};

	if (relay_new(&d->relay, &relay, reterr) != 0)
		return -1;
	registry.relay = d->relay;
	return registry_new(&d->registry, &registry, reterr);
}

static int start_doors(struct daemon *d, struct dm_error *reterr)
{
	struct status_env status = { .conf = d->conf, .registry = d->registry, .relay = d->relay };
	struct api_env api = {
		.conf = d->conf, .registry = d->registry, .main_box = &d->box, .listen_fd = -1
	};

	if (sampler_start(&d->sampler, &d->conf->from, reterr) != 0)
		return -1;
	status.sampler = d->sampler;
	d->status = status_collector_new(&status);
	api.status = d->status;
	api.listen_fd = notify_listen_fd();
	return api_start(&d->api, &api, reterr);
}

static int start(struct daemon *d, struct dm_error *reterr)
{
	int r = dm_mailbox_init(&d->box);

	if (r == 0)
		r = dm_stop_init(&d->backstop);
	if (r == 0)
		r = make_loop(d);
	if (r < 0)
		return dm_fail_errno(reterr, DM_ERR_WORKER_START_SERVER, r, "start server");
	return start_parts(d, reterr);
}

static void end(struct daemon *d)
{
	api_free(d->api);
	sampler_free(d->sampler);
	if (d->box.fd >= 0)
		dm_mailbox_run(&d->box); /* what the api posted last */
	status_collector_free(d->status);
	registry_free(d->registry);
	relay_free(d->relay);
	sd_event_source_unref(d->tick);
	sd_event_unref(d->loop);
	dm_stop_raise(&d->backstop, DM_STOP_DRAIN);
	dm_thread_join(&d->backstop_thread);
	dm_stop_done(&d->backstop);
	if (d->box.fd >= 0)
		dm_mailbox_done(&d->box);
	free(d->shown);
}

int daemon_run(struct daemon *d)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

	d->box.fd = -1;
	d->backstop = (struct dm_stop){ .fd = { -1, -1, -1 } };
	if (start(d, &err) != 0) {
		dm_log_error(DM_LOG_ERROR, NULL, &err, "the daemon cannot start", NULL);
		d->exit_code = exit_code_of(&err);
		end(d);
		return d->exit_code;
	}
	registry_restore(d->registry);
	if (start_doors(d, &err) != 0) { /* threads run already: the way out is the usual one */
		dm_log_error(DM_LOG_ERROR, NULL, &err, "the daemon cannot start", NULL);
		d->exit_code = EXIT_FAILED;
		begin_stop(d);
	} else {
		notify_ready();
		notify_status(d);
		dm_log(DM_LOG_INFO, NULL, "the daemon is ready", "version", DM_VERSION, "worker",
			d->conf->advertise_addr, "source", d->conf->source_id, NULL);
	}
	arm_tick(d, true);
	if (sd_event_loop(d->loop) < 0)
		d->exit_code =
			EXIT_FAILED; /* epoll itself failed: nothing can be waited for any more */
	end(d);
	dm_log(DM_LOG_INFO, NULL, "the daemon has ended", NULL);
	return d->exit_code;
}
