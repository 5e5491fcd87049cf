/* notify.c - what systemd is told, and the socket that it may hand over. */
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "dm/clock.h"
#include "dm/log.h"
#include "dm/status.h"
#include "dm/str.h"

#include "daemon.h"

/* All of these do nothing without a service manager, and a lost notice cannot be helped. */

void notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)dm_mono_us());
}

void notify_stopping(int limit_ms)
{
	(void)sd_notifyf(0,
		"STOPPING=1\nSTATUS=ending: work at hand is finished and checkpoints are "
		"flushed\nEXTEND_TIMEOUT_USEC=%lld",
		(long long)limit_ms * 1000);
}

/* Collected once a second in any case: lags in time come from a history of such looks. */
void notify_status(struct daemon *d)
{
	DM_CLEANUP(status_unrefp) struct status *status = status_collect(d->status);
	DM_CLEANUP(dm_str_done) struct dm_str line = { 0 };

	status_print_line(status, &line);
	if (dm_streq(d->shown, dm_str_get(&line)))
		return;
	free(d->shown);
	d->shown = dm_str_take(&line);
	(void)sd_notifyf(0, "STATUS=%s", d->shown);
}

int notify_listen_fd(void)
{
	int count = sd_listen_fds(1);

	for (int i = 1; i < count; i++) {
		dm_log(DM_LOG_WARN, NULL, "more than one socket was handed over, one is used",
			NULL);
		(void)close(SD_LISTEN_FDS_START + i); /* nothing was written to it */
	}
	return count > 0 ? SD_LISTEN_FDS_START : -1;
}
