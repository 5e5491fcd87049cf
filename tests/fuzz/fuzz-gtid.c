/* fuzz-gtid.c - GTID sets from text and bytes; what is read must survive its own text and encoding. */
#include <stdlib.h>

#include "dm/gtid.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must_hold(bool fact)
{
	if (!fact)
		abort();
}

static void text_survives(const struct gtid_set *s, enum dm_flavor flavor)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(gtid_set_freep) struct gtid_set *again = NULL;
	DM_CLEANUP(gtid_set_freep) struct gtid_set *copy = gtid_set_copy(s);
	size_t at;

	gtid_set_text(s, &text);
	must_hold(gtid_set_parse(&again, flavor, dm_str_get(&text), &at) == 0);
	must_hold(gtid_set_equal(s, again) && gtid_set_equal(s, copy));
	must_hold(gtid_set_contains(s, again) && gtid_set_merge(copy, again) == 0);
	must_hold(gtid_set_equal(s, copy));
}

static void bytes_survive(const struct gtid_set *s)
{
	DM_CLEANUP(dm_str_done) struct dm_str coded = { 0 };
	DM_CLEANUP(gtid_set_freep) struct gtid_set *again = NULL;

	gtid_set_encode_mysql(s, &coded);
	must_hold(gtid_set_decode_mysql(&again, (const uint8_t *)coded.data, coded.len) == 0);
	must_hold(gtid_set_equal(s, again));
}

/* The first byte chooses the reader. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *s = NULL;
	DM_CLEANUP(freep) char *text = NULL;
	enum dm_flavor flavor;
	size_t at = 0;
	int r;

	if (len == 0)
		return 0;
	flavor = bytes[0] & 1 ? DM_FLAVOR_MARIADB : DM_FLAVOR_MYSQL;
	text = dm_strndup((const char *)bytes + 1, len - 1);
	if (bytes[0] & 2) {
		r = flavor == DM_FLAVOR_MYSQL ? gtid_set_decode_mysql(&s, bytes + 1, len - 1)
					      : gtid_set_decode_mariadb(&s, bytes + 1, len - 1);
	} else {
		r = gtid_set_parse(&s, flavor, text, &at);
		must_hold(r == 0 || at < len);
	}
	if (r != 0)
		return 0;
	text_survives(s, flavor);
	if (flavor == DM_FLAVOR_MYSQL)
		bytes_survive(s);
	return 0;
}
