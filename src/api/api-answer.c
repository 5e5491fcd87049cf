/* api-answer.c - texts and errors as DM's gateway words them, and the headers that every answer has. */
#include "api-answer.h"

#include <string.h>

#include "dm/json.h"

void answer_done(struct answer *a)
{
	dm_str_done(&a->body);
	*a = (struct answer){ 0 };
}

void answer_text(struct answer *a, unsigned int status, const char *text)
{
	a->status = status;
	a->type = "text/plain; charset=utf-8";
	dm_str_clear(&a->body);
	dm_str_add(&a->body, text);
}

void answer_error(struct answer *a, unsigned int status, enum grpc_code code, const char *text)
{
	struct json j;

	a->status = status;
	a->type = "application/json";
	dm_str_clear(&a->body);
	json_init(&j, &a->body, JSON_COMPACT);
	json_object_begin(&j);
	json_key_string(&j, "error", text);
	json_key_int(&j, "code", (int64_t)code);
	json_key_string(&j, "message", text);
	json_object_end(&j);
}

/* Fails only when memory is out, which ends the process anyway. */
static void add_header(struct MHD_Response *r, const char *name, const char *value)
{
	if (MHD_add_response_header(r, name, value) != MHD_YES)
		dm_oom();
}

struct MHD_Response *answer_response(struct answer *a)
{
	size_t len = a->body.len;
	struct MHD_Response *r =
		MHD_create_response_from_buffer(len, dm_str_take(&a->body), MHD_RESPMEM_MUST_FREE);

	if (!r)
		dm_oom();
	add_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
	add_header(r, "X-Content-Type-Options", "nosniff");
	add_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (a->allow)
		add_header(r, MHD_HTTP_HEADER_ALLOW, a->allow);
	if (a->is_gateway)
		add_header(r, "Grpc-Metadata-Content-Type", "application/grpc");
	return r;
}
