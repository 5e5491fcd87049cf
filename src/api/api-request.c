/* api-request.c - one request from its first byte to its last: route, guard, body, answer. */
#include <string.h>

#include "api-private.h"

// clang-format off
static const struct route routes[] = {
	{ "GET",    "/apis/v1alpha1/status",  .read = read_dm_status },
	{ "GET",    "/apis/v1alpha1/status/", .read = read_dm_status, .may_lack_name = true },
	{ "GET",    "/apis/v1alpha1/errors",  .read = read_dm_errors },
	{ "GET",    "/apis/v1alpha1/errors/", .read = read_dm_errors, .may_lack_name = true },
	{ "POST",   "/apis/v1alpha1/tasks",   .parse = body_parse_start, .kind = COMMAND_START_TASK, .body_max = API_TASK_BODY_MAX },
	{ "PUT",    "/apis/v1alpha1/tasks/",  .parse = body_parse_operate, .kind = COMMAND_OPERATE_TASK, .body_max = API_BODY_MAX },
	{ "DELETE", "/apis/v1alpha1/tasks/",  .parse = body_parse_nothing, .kind = COMMAND_FORGET_TASK, .body_max = API_BODY_MAX },
	{ "GET",    "/api/v1/status",         .read = read_v1_status },
	{ "GET",    "/api/v1/errors",         .read = read_v1_errors, .argument = "task" },
	{ "GET",    "/api/v1/relay",          .read = read_v1_relay },
	{ "POST",   "/api/v1/relay",          .parse = body_parse_relay, .kind = COMMAND_RELAY, .body_max = API_BODY_MAX },
	{ "GET",    "/metrics",               .read = read_metrics },
	{ "GET",    "/status",                .read = read_version },
	{ "GET",    "/livez",                 .read = read_livez, .is_live = true },
	{ "GET",    "/readyz",                .read = read_readyz, .is_live = true },
};
// clang-format on

static bool path_matches(const struct route *r, const char *path, const char **ret_name)
{
	size_t len = strlen(r->path);
	const char *name = path + len;

	if (strncmp(path, r->path, len) != 0)
		return false;
	*ret_name = name;
	if (r->path[len - 1] != '/')
		return *name == '\0';
	return !strchr(name, '/') && (*name != '\0' || r->may_lack_name);
}

static const char *not_found_text(const char *path)
{
	return dm_has_prefix(path, "/apis/") ? "Not Found\n" : "404 page not found\n";
}

const struct route *route_find(
	const char *method, const char *path, const char **ret_name, struct answer *ret_refusal)
{
	const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
	const char *first = NULL;
	bool has_two = false;

	for (size_t i = 0; i < DM_COUNT_OF(routes); i++) {
		if (!path_matches(&routes[i], path, ret_name))
			continue;
		if (strcmp(routes[i].method, wanted) == 0)
			return &routes[i];
		has_two = first != NULL;
		first = first ? first : routes[i].method;
	}
	if (!first) {
		answer_text(ret_refusal, MHD_HTTP_NOT_FOUND, not_found_text(path));
		return NULL;
	}
	answer_text(ret_refusal, MHD_HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed\n");
	if (strcmp(first, "GET") == 0)
		ret_refusal->allow = has_two ? "GET, HEAD, POST" : "GET, HEAD";
	else
		ret_refusal->allow = has_two ? "PUT, DELETE" : first;
	return NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As libmicrohttpd's own, but "%00" stays as it is: it would cut the path. */
size_t request_unescape(void *cls, struct MHD_Connection *c, char *text)
{
	char *to = text;

	(void)cls;
	(void)c;
	for (const char *from = text; *from; from++) {
		int high = *from == '%' ? hex_digit(from[1]) : -1;
		int low = high >= 0 ? hex_digit(from[2]) : -1;

		if (low >= 0 && (high | low) != 0) {
			*to++ = (char)(high << 4 | low);
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	return (size_t)(to - text);
}

/* ---- the first callback: all headers are there ---- */

static bool has_argument(struct MHD_Connection *c, const char *key)
{
	const char *value;
	size_t len;

	/* Also without "=value". */
	return MHD_lookup_connection_value_n(
		       c, MHD_GET_ARGUMENT_KIND, key, strlen(key), &value, &len) == MHD_YES;
}

static struct request *request_new(
	struct api *a, struct MHD_Connection *c, const char *method, const char *path)
{
	struct request *r = dm_alloc(sizeof(*r));
	const char *name = "";

	r->api = a;
	r->connection =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	r->form = has_argument(c, "pretty") ? JSON_DM : JSON_COMPACT;
	r->route = route_find(method, path, &name, &r->refusal);
	if (r->route && !guard_check(a, c, r->connection, r->route->parse != NULL, &r->refusal))
		r->route = NULL;
	if (r->route && r->route->argument)
		name = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, r->route->argument);
	r->name = dm_strdup(r->route ? name : "");
	if (r->route && r->route->parse &&
		atomic_load_explicit(&a->is_quiet, memory_order_relaxed)) {
		answer_error(&r->refusal, MHD_HTTP_SERVICE_UNAVAILABLE, GRPC_UNAVAILABLE,
			"worker already closed");
		r->route = NULL;
	}
	return r;
}

void request_completed(
	void *cls, struct MHD_Connection *c, void **context, enum MHD_RequestTerminationCode why)
{
	struct request *r = *context;

	(void)cls;
	(void)c;
	(void)why;
	if (!r)
		return;
	r->api->bodies -= r->body.len;
	if (r->command)
		api_command_leave(r->api, r->command);
	answer_done(&r->refusal);
	dm_str_done(&r->body);
	free(r->name);
	free(r);
	*context = NULL;
}

/* ---- the body ---- */

static void drop_body(struct request *r)
{
	r->api->bodies -= r->body.len;
	dm_str_done(&r->body);
	r->route = NULL;
}

/* What is refused is still read up to a bound, so that the client comes to read the answer. */
static enum MHD_Result take_body(struct request *r, const char *data, size_t len)
{
	struct api *a = r->api;

	r->body_seen += len;
	if (!r->route || !r->route->parse)
		return r->body_seen <= API_DRAIN_MAX ? MHD_YES : MHD_NO;
	if (r->body_seen > r->route->body_max) {
		DM_CLEANUP(freep)
		char *text = dm_format("request body is larger than %zu bytes", r->route->body_max);

		answer_error(
			&r->refusal, MHD_HTTP_CONTENT_TOO_LARGE, GRPC_RESOURCE_EXHAUSTED, text);
		drop_body(r);
	} else if (a->bodies + len > API_BODIES_MAX) {
		answer_error(&r->refusal, MHD_HTTP_SERVICE_UNAVAILABLE, GRPC_UNAVAILABLE,
			"too many requests are being received, try again");
		drop_body(r);
	} else {
		a->bodies += len;
		dm_str_add_bytes(&r->body, data, len);
	}
	return MHD_YES;
}

/* ---- the answer: all of the request is there ---- */

static enum MHD_Result send_answer(struct MHD_Connection *c, struct answer *answer)
{
	struct MHD_Response *response = answer_response(answer);
	enum MHD_Result result = MHD_queue_response(c, answer->status, response);

	MHD_destroy_response(response); /* the connection holds it too */
	return result;
}

static enum MHD_Result send_command(struct request *r, struct MHD_Connection *c)
{
	struct answer answer = { .status = r->command->status, .type = "application/json" };

	if (answer.status != 0) {
		answer.body = r->command->reply;
		r->command->reply = (struct dm_str){ 0 };
		answer.is_gateway = r->command->kind <= COMMAND_FORGET_TASK;
	} else {
		answer_error(&answer, MHD_HTTP_SERVICE_UNAVAILABLE, GRPC_UNAVAILABLE,
			"worker already closed");
	}
	return send_answer(c, &answer);
}

/* Parses the body and hands the command over; answers at once when that fails. */
static enum MHD_Result begin_command(struct request *r, struct MHD_Connection *c)
{
	DM_CLEANUP(dm_str_done) struct dm_str fault = { 0 };
	struct api_command *command = api_command_new(r->route->kind);
	int bad = r->route->parse(dm_str_get(&r->body), r->body.len, command, &fault);

	r->api->bodies -= r->body.len;
	dm_str_done(&r->body);
	if (bad) {
		api_command_unref(command);
		answer_error(&r->refusal, MHD_HTTP_BAD_REQUEST, GRPC_INVALID_ARGUMENT, fault.data);
		connection_begin_phase(r->connection);
		return send_answer(c, &r->refusal);
	}
	if (r->name[0] != '\0') { /* the path's wins over the body's */
		free(command->name);
		command->name = dm_strdup(r->name);
	}
	command->worker = dm_strdup(r->api->worker);
	command->form = r->form;
	connection_park(r->connection);
	r->command = command;
	if (api_command_park(r->api, command, c))
		return MHD_YES;
	connection_begin_phase(r->connection);
	return send_command(r, c);
}

enum MHD_Result request_handle(void *cls, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **context)
{
	struct request *r = *context;

	(void)version;
	if (!r) {
		*context = request_new(cls, c, method, url);
		return MHD_YES;
	}
	if (*size > 0) {
		size_t len = *size;

		*size = 0;
		return take_body(r, data, len);
	}
	if (r->route && r->route->parse && !r->command)
		return begin_command(r, c);
	connection_begin_phase(r->connection);
	if (r->command)
		return send_command(r, c);
	if (r->route)
		return answers_send(cls, r, c);
	return send_answer(c, &r->refusal);
}
