/* gtid.h - GTID sets of MySQL ("uuid:1-5,uuid:tag:7") and MariaDB ("0-1-5,1-2-9").
 *
 * A set is owned by its holder and used by one thread at a time. Text is canonical: sorted, lower case
 * UUIDs, merged intervals. MySQL's tags (8.3 and newer) are read, kept and printed.
 * Bad text is -EINVAL with *ret_at the offset of the fault. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dm/str.h"

enum dm_flavor { DM_FLAVOR_UNKNOWN, DM_FLAVOR_MYSQL, DM_FLAVOR_MARIADB };

struct gtid_set; /* zero GTIDs is a valid set */

int gtid_set_parse(struct gtid_set **ret, enum dm_flavor flavor, const char *text, size_t *ret_at);
struct gtid_set *gtid_set_new(enum dm_flavor flavor); /* empty */
struct gtid_set *gtid_set_copy(const struct gtid_set *s);
void gtid_set_free(struct gtid_set *s);
void gtid_set_freep(struct gtid_set **s);

bool gtid_set_is_empty(const struct gtid_set *s);
bool gtid_set_equal(const struct gtid_set *a, const struct gtid_set *b);
bool gtid_set_contains(const struct gtid_set *whole, const struct gtid_set *part);
/* One executed transaction. MySQL: uuid of 16 bytes, tag "" or text, number >= 1.
 * MariaDB: keeps one GTID a domain, the last one, as gtid_binlog_pos does. */
int gtid_set_add_mysql(
	struct gtid_set *s, const uint8_t uuid[16], const char *tag, uint64_t number);
int gtid_set_add_mariadb(
	struct gtid_set *s, uint32_t domain, uint32_t server_id, uint64_t sequence);
int gtid_set_merge(struct gtid_set *into, const struct gtid_set *from);
void gtid_set_text(const struct gtid_set *s, struct dm_str *out);

/* The set as COM_BINLOG_DUMP_GTID carries it (8.3's tagged form only when a tag is present). */
void gtid_set_encode_mysql(const struct gtid_set *s, struct dm_str *out);
int gtid_set_decode_mysql(
	struct gtid_set **ret, const uint8_t *bytes, size_t len); /* PREVIOUS_GTIDS body */
int gtid_set_decode_mariadb(
	struct gtid_set **ret, const uint8_t *bytes, size_t len); /* GTID_LIST body */
