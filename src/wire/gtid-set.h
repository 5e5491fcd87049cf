/* gtid-set.h - inside of a GTID set, shared by gtid.c, gtid-text.c and gtid-codec.c only.
 *
 * MySQL: sources sorted by UUID, then tag (no tag first); each has sorted, merged, non-empty intervals.
 * MariaDB: one entry a domain, sorted by domain. */
#pragma once

#include "dm/gtid.h"

enum {
	GTID_TAG_MAX = 32,
	GTID_UUID_SIZE = 16,
};
#define GTID_NUMBER_MAX ((uint64_t)INT64_MAX - 1) /* MySQL's GNO_END is INT64_MAX */

struct gtid_interval {
	uint64_t first, last; /* both belong to it */
};
struct gtid_source {
	uint8_t uuid[GTID_UUID_SIZE];
	char tag[GTID_TAG_MAX + 1];
	struct gtid_interval *intervals; /* owned */
	size_t interval_count, interval_cap;
};
struct gtid_domain {
	uint32_t domain, server_id;
	uint64_t sequence;
};
struct gtid_set {
	enum dm_flavor flavor;
	struct gtid_source *sources; /* owned; MySQL */
	size_t source_count;
	struct gtid_domain *domains; /* owned; MariaDB */
	size_t domain_count;
};

/* Numbers first..last of a source, 1 <= first <= last <= GTID_NUMBER_MAX; `tag` is valid. */
void gtid_set_add_interval(struct gtid_set *s, const uint8_t uuid[GTID_UUID_SIZE], const char *tag,
	struct gtid_interval add);
/* Lower case letters, digits and underscores, no digit first, at most GTID_TAG_MAX. "" is valid. */
bool gtid_tag_is_valid(const char *tag, size_t len);
