/* fuzz-http-body.c - JSON bodies of commands. The first byte chooses which; the rest is the body.
 *
 * A body is taken or refused with a text, never both; what is taken is whole. */
#include <stdlib.h>
#include <string.h>

#include "api-command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const parsers[])(const char *body, size_t len, struct api_command *c,
		struct dm_str *reterr) = { body_parse_start, body_parse_operate, body_parse_relay };
	DM_CLEANUP(dm_str_done) struct dm_str fault = { 0 };
	DM_CLEANUP(api_command_unrefp) struct api_command *c = NULL;
	DM_CLEANUP(freep) char *body = NULL;
	int r;

	if (size == 0)
		return 0;
	c = api_command_new(COMMAND_START_TASK);
	body = dm_strndup((const char *)data + 1, size - 1);
	r = parsers[data[0] % DM_COUNT_OF(parsers)](body, size - 1, c, &fault);
	if ((r == 0) != (fault.len == 0) || !c->name || !c->filename || !c->sub_dir ||
		c->before_wall_s < 0)
		abort();
	return 0;
}
