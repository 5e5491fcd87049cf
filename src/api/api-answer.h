/* api-answer.h - what a request is answered with, before libmicrohttpd has it. */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>

#include "dm/str.h"

/* The codes of gRPC that DM's gateway puts into its errors. */
enum grpc_code {
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_NOT_FOUND = 5,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_UNAVAILABLE = 14,
};

struct answer { /* what a handler says */
	unsigned int status;
	const char *type; /* of the content, static */
	struct dm_str body;
	const char *allow; /* static, for 405 */
	bool is_gateway; /* with the header that DM's gateway adds */
};
void answer_done(struct answer *a);
void answer_text(struct answer *a, unsigned int status, const char *text);
/* {"error":t,"code":n,"message":t}, as DM's gateway. */
void answer_error(struct answer *a, unsigned int status, enum grpc_code code, const char *text);
struct MHD_Response *answer_response(struct answer *a); /* takes the body */
