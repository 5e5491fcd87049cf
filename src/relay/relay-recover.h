/* relay-recover.h - what a relay sub-directory really holds. On start nothing is believed.
 *
 * Files are read from the one that relay.meta names up to the last: magic, sizes, positions and every event's checksum.
 * What comes after the first fault is cut away or removed, and said in the log; the upstream sends it again. */
#pragma once

#include "dm/log.h"
#include "relay-dir.h"
#include "relay-gtids.h"
#include "relay-meta.h"

struct dm_stop;

struct relay_scan { /* of one file */
	uint64_t size;
	uint64_t end; /* behind the last right event; 4: only the magic; 0: not even that */
	uint64_t last_start; /* of the last right event; 0: none */
	uint32_t last_timestamp;
	const char *fault; /* what is at `end`; NULL: the end of the file */
	struct binlog_rotate rotate; /* name "" unless the file ends with one */
	struct relay_gtids gtids; /* after the last right event */
};
/* -errno of reading, -ECANCELED when `stop` (may be NULL) is raised. */
int relay_scan_file(const char *path, const struct dm_stop *stop, struct relay_scan *ret);
void relay_scan_done(struct relay_scan *s);

struct relay_recovery {
	struct binlog_position file; /* the last file that is there, and its size; name "": none */
	uint64_t last_start; /* of the last event in it */
	struct binlog_position next; /* where to go on; name "": nothing is known */
	struct relay_gtids gtids;
	uint64_t cut_bytes;
	unsigned int removed_files;
};
/* `meta` NULL: there is none. Errors 11024, 11029, 30025. */
int relay_recover(const char *sub_path, const struct relay_meta *meta, const struct dm_stop *stop,
	const struct dm_log_context *log, struct relay_recovery *ret, struct dm_error *reterr);
void relay_recovery_done(struct relay_recovery *r);
