/* fuzz-ddl.c - any statement: read without fault, and its names lie within it. The first byte holds the flags. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dm/ddl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ddl d = { 0 };
	size_t at = 0;

	if (size == 0)
		return 0;
	if (ddl_parse((const char *)data + 1, size - 1, "db", data[0], &d, &at) < 0) {
		if (at > size - 1)
			abort();
		return 0;
	}
	if (d.kind >= DDL_KIND_COUNT || d.text_len > size - 1)
		abort();
	for (unsigned int i = 0; i < d.table_count; i++)
		if (!d.tables[i].schema || !d.tables[i].name ||
			d.tables[i].at + d.tables[i].len > size - 1)
			abort();
	ddl_done(&d);
	return 0;
}
