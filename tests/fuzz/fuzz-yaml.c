/* fuzz-yaml.c - any text as source.yaml: read or refused, in one line a fault. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dm/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults faults = { 0 };
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	DM_CLEANUP(worker_conf_freep) struct worker_conf *c = NULL;
	size_t lines = 0;

	if (worker_conf_parse((const char *)data, size, "f.yaml", NULL, &c, &faults) == 0)
		return 0;
	conf_faults_text(&faults, &text);
	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	if (lines != faults.count + (faults.omitted > 0))
		abort();
	(void)conf_faults_error(&faults, &err); /* always -1 */
	return 0;
}
