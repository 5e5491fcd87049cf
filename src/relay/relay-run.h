/* relay-run.h - one run of the relay thread, from start or resume to pause, over any number of connections.
 *
 * `at` is the place in the upstream's binlog of the next event that comes. Where the file on disk is longer than that,
 * events are compared with it; where it ends, they are appended. A connection begins one event before the end, so
 * that another history under the same file names is noticed. All of it belongs to the relay thread. */
#pragma once

#include "relay-file.h"
#include "relay-gtids.h"
#include "relay-private.h"

struct relay_run {
	struct relay *relay;
	struct relay_settings settings;
	unsigned int settings_version;
	struct relay_backoff backoff;

	/* the disk */
	struct relay_sub_dir sub; /* suffix RELAY_SUFFIX_NONE: none yet */
	struct relay_file
		file; /* the last one; closed between a rotate event and the next file's first event */
	char file_name[BINLOG_NAME_MAX]; /* of `file` */
	char rotated_to
		[BINLOG_NAME_MAX]; /* what follows `file` when it is complete; "" when it is not */
	uint64_t last_start; /* of the last event in `file` */
	bool is_file_new; /* its directory entry was not synced yet */
	uint64_t unsampled_bytes; /* written since the disk was measured */
	struct relay_gtids gtids; /* after the last event on disk */

	/* the stream */
	struct db_conn *conn;
	struct binlog_position at; /* name "": not known where to begin */
	struct binlog_format format;
	bool has_rotated; /* the fake rotate event that opens a connection was seen */
	int64_t last_packet_mono_ms;
	unsigned int
		futile_tries; /* connections in a row that ended with an error of the server and no event */
	struct binlog_position corrupt; /* where a wrong event was last seen */

	/* since the last publication */
	uint64_t events, bytes;
	uint32_t last_timestamp;
	int64_t next_sync_mono_ms; /* 0: nothing to sync */

	enum relay_end end; /* what the error at hand means */
};

/* relay-connect.c: connects and starts the stream at, or one event before, the end of the files. */
int relay_connect(struct relay_run *run, struct dm_error *reterr);
void relay_disconnect(struct relay_run *run);

/* relay-receive.c */
int relay_take_event(
	struct relay_run *run, const uint8_t *event, size_t len, struct dm_error *reterr);
/* Writes what waits, tells cursors and status, and gives the keeper its work when it is time. */
int relay_publish(struct relay_run *run, struct dm_error *reterr);
void relay_sync(struct relay_run *run); /* gives all that was received to the keeper */
void relay_close_file(struct relay_run *run); /* its data goes to the keeper */
/* Where the next event of the stream belongs on disk: what was received. */
struct binlog_position relay_disk_position(const struct relay_run *run);
