/* fuzz-reply.c - what a worker may answer: merged and printed in every shape without harm. */
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "dm/str.h"

#include "fleet.h"
#include "reply.h"
#include "request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void merge_and_print(
	enum reply_kind kind, const struct fleet *f, struct json_object *document)
{
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
	struct answer answers[2] = { { .document = document }, { .failure = dm_strdup("gone") } };
	const char *op = kind == REPLY_TASK || kind == REPLY_RELAY ? "Op" : NULL;
	struct json_object *reply = reply_merge(kind, op, "t", f, answers);

	if (reply_is_success(reply))
		abort(); /* one of the two workers failed */
	reply_print(reply, &out);
	reply_print_summary(reply, &out);
	json_object_put(reply);
	free(answers[1].failure);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DM_CLEANUP(dm_str_done) struct dm_str body = { 0 };
	DM_CLEANUP(fleet_done) struct fleet f = { .origin = FLEET_DEFAULT };

	dm_str_add_bytes(&body, data, size);
	fleet_add(&f, "a:1", "");
	fleet_add(&f, "b:2", "");
	for (int kind = 0; kind < REPLY_COUNT; kind++) {
		struct json_object *document = answer_parse(&body), *result;

		if (document && json_object_object_get_ex(document, "result", &result))
			merge_and_print((enum reply_kind)kind, &f, document);
		json_object_put(document);
	}
	return 0;
}
