/* fuzz-relay-meta.c - relay.meta and server-uuid.index from anywhere: read or refused; what was read is read again alike. */
#include <stdint.h>
#include <string.h>

#include "relay-dir.h"
#include "relay-meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_meta(const char *text, size_t len)
{
	struct dm_str printed = { 0 };
	struct relay_meta m, again;
	size_t line;

	relay_meta_init(&m);
	relay_meta_init(&again);
	if (relay_meta_parse(text, len, &m, &line) == 0) {
		relay_meta_text(&m, &printed);
		if (relay_meta_parse(printed.data, printed.len, &again, &line) != 0 ||
			!dm_streq(m.gtid_set, again.gtid_set) ||
			!dm_streq(m.position.name, again.position.name) ||
			m.position.pos != again.position.pos)
			abort();
	}
	dm_str_done(&printed);
	relay_meta_done(&m);
	relay_meta_done(&again);
}

static void fuzz_index(const char *text)
{
	struct dm_error err = { 0 };
	struct relay_dirs d = { 0 };

	if (relay_dirs_parse(text, &d, &err) == 0)
		for (size_t i = 1; i < d.count; i++)
			if (d.list[i].suffix != d.list[i - 1].suffix + 1)
				abort();
	relay_dirs_done(&d);
	dm_error_done(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = dm_strndup((const char *)data, size);

	fuzz_meta(text, size);
	fuzz_index(text);
	free(text);
	return 0;
}
