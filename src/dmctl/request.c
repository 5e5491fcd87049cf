/* request.c - HTTP to several workers at once, over libcurl. */
#include "request.h"

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>
#include <json-c/json.h>

#include "dm/clock.h"
#include "dm/error.h"
#include "dm/str.h"

#include "fleet.h"

enum { ANSWER_MAX_BYTES = 64 << 20, CONNECT_TIMEOUT_MS = 5000 };

struct transfer {
	CURL *curl;
	struct curl_slist *headers;
	struct dm_str body; /* received */
	char fault[CURL_ERROR_SIZE];
	CURLcode result;
	bool is_done;
};

/* Codes of gRPC: DM's clients know failures by these names. */
static const char *const grpc_names[] = { "OK", "Canceled", "Unknown", "InvalidArgument",
	"DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied", "ResourceExhausted",
	"FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable",
	"DataLoss", "Unauthenticated" };

static const char *grpc_name_of_http(long status)
{
	static const struct {
		long status;
		const char *name;
	} rows[] = { { 400, "InvalidArgument" }, { 401, "Unauthenticated" },
		{ 403, "PermissionDenied" }, { 404, "Unimplemented" }, { 405, "Unimplemented" },
		{ 413, "ResourceExhausted" }, { 429, "ResourceExhausted" }, { 503, "Unavailable" },
		{ 504, "DeadlineExceeded" } };

	for (size_t i = 0; i < DM_COUNT_OF(rows); i++)
		if (rows[i].status == status)
			return rows[i].name;
	return "Unknown";
}

static char *failure_text(const char *grpc_name, const char *description)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(freep)
	char *cause = dm_format("rpc error: code = %s desc = %s", grpc_name, description);
	struct dm_str text = { 0 };

	dm_fail_cause(&err, DM_ERR_MASTER_GRPC_REQUEST, cause, "grpc request error");
	dm_error_text(&err, &text);
	return dm_str_take(&text);
}

static size_t receive(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;

	if (t->body.len + size * count > ANSWER_MAX_BYTES)
		return 0; /* libcurl ends the transfer */
	dm_str_add_bytes(&t->body, data, size * count);
	return size * count;
}

static void transfer_begin(
	struct transfer *t, CURLM *multi, const char *address, const struct request *request)
{
	DM_CLEANUP(freep) char *url = dm_format("http://%s%s", address, request->path);

	t->curl = curl_easy_init();
	if (!t->curl)
		dm_oom();
	(void)curl_easy_setopt(t->curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(t->curl, CURLOPT_PATH_AS_IS, 1L); /* a task may be called ".." */
	(void)curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http");
	(void)curl_easy_setopt(t->curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(t->curl, CURLOPT_CUSTOMREQUEST, request->method);
	(void)curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	(void)curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT_MS,
		(long)(request->timeout_ms < CONNECT_TIMEOUT_MS ? request->timeout_ms
								: CONNECT_TIMEOUT_MS));
	(void)curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, t->fault);
	(void)curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, receive);
	(void)curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
	if (request->body) {
		t->headers = curl_slist_append(t->headers, "Content-Type: application/json");
		t->headers =
			curl_slist_append(t->headers, "Expect:"); /* no waiting for 100 Continue */
		(void)curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
		(void)curl_easy_setopt(
			t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(request->body));
		(void)curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, request->body); /* not copied */
	}
	if (curl_multi_add_handle(multi, t->curl) != CURLM_OK)
		dm_oom(); /* a fresh handle is refused for want of memory only */
}

static struct transfer *find_transfer(struct transfer *all, size_t count, const CURL *curl)
{
	for (size_t i = 0; i < count; i++)
		if (all[i].curl == curl)
			return &all[i];
	return NULL;
}

static void collect_results(CURLM *multi, struct transfer *all, size_t count)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL) {
		struct transfer *t = find_transfer(all, count, message->easy_handle);

		if (message->msg != CURLMSG_DONE || !t)
			continue;
		t->result = message->data.result;
		t->is_done = true;
	}
}

/* Each transfer has its own time limit from the same beginning; they all end. */
static void run_transfers(CURLM *multi, struct transfer *all, size_t count)
{
	int running = 0;

	do {
		if (curl_multi_perform(multi, &running) != CURLM_OK)
			break;
		collect_results(multi, all, count);
		if (running > 0 && curl_multi_poll(multi, NULL, 0, 1000, NULL) != CURLM_OK)
			break;
	} while (running > 0);
}

/* DM's gateway says {"error":...,"code":N,"message":...}; anything else is shown as it is, shortened. */
static char *refusal_text(long status, struct json_object *body, const struct dm_str *raw)
{
	struct json_object *message = NULL, *code = NULL;
	int number;

	if (body && json_object_object_get_ex(body, "message", &message) &&
		json_object_object_get_ex(body, "code", &code)) {
		number = json_object_get_int(code);
		return failure_text(number > 0 && number < (int)DM_COUNT_OF(grpc_names)
					    ? grpc_names[number]
					    : grpc_name_of_http(status),
			json_object_get_string(message));
	}
	{
		size_t len = strcspn(dm_str_get(raw), "\r\n");
		DM_CLEANUP(freep)
		char *text = dm_format(
			"HTTP %ld: %.*s", status, len < 300 ? (int)len : 300, dm_str_get(raw));

		return failure_text(grpc_name_of_http(status), text);
	}
}

static void transport_failure(
	const struct transfer *t, const char *address, int timeout_ms, struct answer *ret)
{
	const char *why = *t->fault ? t->fault : curl_easy_strerror(t->result);
	DM_CLEANUP(freep) char *text = NULL;
	long os_errno = 0;

	ret->is_unreachable = true;
	if (t->result == CURLE_OPERATION_TIMEDOUT) {
		text = dm_format("no answer from %s within %d.%d s: %s", address, timeout_ms / 1000,
			timeout_ms % 1000 / 100, why);
		ret->failure = failure_text("DeadlineExceeded", text);
		return;
	}
	(void)curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &os_errno);
	if (t->result == CURLE_COULDNT_CONNECT && os_errno > 0 && strerrordesc_np((int)os_errno))
		why = strerrordesc_np((int)os_errno);
	text = dm_format("dial tcp %s: %s", address, why);
	ret->failure = failure_text("Unavailable", text);
}

struct json_object *answer_parse(const struct dm_str *body)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *parsed;

	if (!tokener)
		dm_oom();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	parsed = json_tokener_parse_ex(
		tokener, dm_str_get(body), (int)body->len + 1); /* with the NUL: the end */
	json_tokener_free(tokener);
	return parsed;
}

static void transfer_answer(
	struct transfer *t, const char *address, const struct request *request, struct answer *ret)
{
	struct json_object *body, *result = NULL;
	long status = 0;

	if (!t->is_done || t->result != CURLE_OK) {
		if (t->body.len >= ANSWER_MAX_BYTES / 2 && t->result == CURLE_WRITE_ERROR)
			(void)snprintf(t->fault, sizeof(t->fault), "the answer is too long");
		transport_failure(t, address, request->timeout_ms, ret);
		return;
	}
	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	body = answer_parse(&t->body);
	if (body && json_object_is_type(body, json_type_object) &&
		json_object_object_get_ex(body, "result", &result)) {
		ret->document = body;
		return;
	}
	if (status == 200)
		ret->failure =
			failure_text("Internal", "the answer is no JSON document of a dm-worker");
	else
		ret->failure = refusal_text(status, body, &t->body);
	json_object_put(body);
}

struct answer *request_send(const struct fleet *f, const struct request *request)
{
	struct answer *answers = dm_alloc_array(f->count, sizeof(struct answer));
	DM_CLEANUP(freep) struct transfer *all = dm_alloc_array(f->count, sizeof(struct transfer));
	CURLM *multi = curl_multi_init();

	if (!multi)
		dm_oom();
	for (size_t i = 0; i < f->count; i++)
		transfer_begin(&all[i], multi, f->at[i].address, request);
	run_transfers(multi, all, f->count);
	for (size_t i = 0; i < f->count; i++) {
		transfer_answer(&all[i], f->at[i].address, request, &answers[i]);
		(void)curl_multi_remove_handle(multi, all[i].curl);
		curl_easy_cleanup(all[i].curl);
		curl_slist_free_all(all[i].headers);
		dm_str_done(&all[i].body);
	}
	(void)curl_multi_cleanup(multi);
	return answers;
}

void answers_free(struct answer *answers, size_t count)
{
	for (size_t i = 0; answers && i < count; i++) {
		json_object_put(answers[i].document);
		free(answers[i].failure);
	}
	free(answers);
}

char *request_path(const char *prefix, const char *name)
{
	char *escaped, *path;

	if (!name)
		return dm_strdup(prefix);
	escaped = curl_easy_escape(NULL, name, 0);
	if (!escaped)
		dm_oom();
	path = dm_format("%s/%s", prefix, escaped);
	curl_free(escaped);
	return path;
}
