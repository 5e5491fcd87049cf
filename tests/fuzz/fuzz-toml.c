/* fuzz-toml.c - any text as dm-worker.toml: read or refused, and what is read is printed and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dm/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults faults = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(worker_conf_freep) struct worker_conf *c = NULL;
	DM_CLEANUP(worker_conf_freep) struct worker_conf *again = NULL;

	if (worker_conf_parse((const char *)data, size, "f.toml", NULL, &c, &faults) < 0) {
		conf_faults_text(&faults, &text);
		if (faults.count == 0 || text.len == 0)
			abort();
		return 0;
	}
	worker_conf_print(c, &text);
	if (worker_conf_parse(dm_str_get(&text), text.len, "f.toml", NULL, &again, &faults) < 0)
		abort();
	return 0;
}
