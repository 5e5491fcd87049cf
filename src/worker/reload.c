/* reload.c - the configuration read again: whole and checked, or not at all. */
#include <stdlib.h>

#include "dm/log.h"
#include "dm/relay.h"
#include "dm/sampler.h"
#include "dm/status.h"
#include "dm/task.h"

#include "daemon.h"

int daemon_open_log(const struct worker_conf *conf, struct dm_error *reterr)
{
	enum dm_log_level level = DM_LOG_INFO;
	int r;

	(void)dm_log_level_parse(conf->log_level, &level); /* was checked with the file */
	r = dm_log_open(level, conf->log_file);
	if (r != 0)
		return dm_fail_errno(reterr, DM_ERR_WORKER_START_SERVER, r,
			"start server: open log file %s", conf->log_file);
	return 0;
}

void daemon_log_later_keys(const struct worker_conf *conf)
{
	for (size_t i = 0; i < conf->later.count; i++)
		dm_log(DM_LOG_WARN, NULL, "a key of the configuration has no effect yet", "key",
			conf->later.at[i], NULL);
}

static void retire(struct daemon *d, struct worker_conf *old)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->retired_count; i++) {
		if (registry_uses_conf(d->registry, d->retired[i]))
			d->retired[kept++] = d->retired[i];
		else
			worker_conf_free(d->retired[i]);
	}
	d->retired = dm_grow(d->retired, kept + 1, sizeof(struct worker_conf *));
	d->retired[kept] =
		old; /* kept for one reload more at least: nobody is asked but the registry */
	d->retired_count = kept + 1;
}

static void log_restart_keys(const struct worker_conf *old, const struct worker_conf *new)
{
	struct conf_strings keys = { 0 };

	worker_conf_restart_keys(old, new, &keys);
	for (size_t i = 0; i < keys.count; i++)
		dm_log(DM_LOG_WARN, NULL, "a changed key needs a restart to take effect", "key",
			keys.at[i], NULL);
	conf_strings_done(&keys);
}

static void log_faults(const struct conf_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++) {
		const struct conf_fault *f = &faults->list[i];

		dm_log_error(DM_LOG_ERROR, NULL, &f->error,
			"reload refused, the running configuration stays", "file", faults->file,
			"line", f->line ? DM_NUM(f->line) : NULL, "key", *f->key ? f->key : NULL,
			NULL);
	}
}

static void take_over(struct daemon *d, struct worker_conf *new)
{
	struct worker_conf *old = d->conf;
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

	log_restart_keys(old, new);
	worker_conf_keep_restart_values(old, new);
	if (daemon_open_log(new, &err) != 0)
		dm_log_error(DM_LOG_ERROR, NULL, &err, "the log stays where it is", NULL);
	d->conf = new;
	relay_update_conf(d->relay, new);
	registry_update_conf(d->registry, new);
	sampler_update_conf(d->sampler, &new->from);
	status_collector_update_conf(d->status, new);
	retire(d, old);
	daemon_log_later_keys(new);
	dm_log(DM_LOG_INFO, NULL, "configuration reloaded", "file", new->path, NULL);
}

void daemon_reload(struct daemon *d)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults faults = { 0 };
	struct worker_conf *new = NULL;

	notify_reloading();
	if (worker_conf_load(&d->flags, &new, &faults) == 0)
		take_over(d, new);
	else
		log_faults(&faults);
	notify_ready();
}

void daemon_free_conf(struct daemon *d)
{
	for (size_t i = 0; i < d->retired_count; i++)
		worker_conf_free(d->retired[i]);
	free(d->retired);
	worker_conf_free(d->conf);
}
