/* api-read.c - what can be read, and the responses that all requests of one snapshot share. */
#include <string.h>

#include "api-private.h"
#include "dm/clock.h"

/* ---- shared responses ---- */

static void answers_clear(struct answers *as)
{
	for (unsigned int i = 0; i < as->count; i++) {
		MHD_destroy_response(as->list[i].response);
		free(as->list[i].name);
	}
	as->count = 0;
}

void answers_done(struct answers *as)
{
	answers_clear(as);
	status_unref(as->snapshot);
	as->snapshot = NULL;
}

/* A new snapshot when the last is too old, or when a stage moved. */
static void answers_renew(struct api *a)
{
	struct answers *as = &a->answers;
	int64_t now_ms = dm_mono_ms();
	/* Both only grow. The relay's stage is in neither, but moves on its user's command at once. */
	uint64_t change =
		status_change(a->status) + atomic_load_explicit(&a->answered, memory_order_acquire);

	if (as->snapshot && now_ms - as->made_ms < API_SNAPSHOT_MS && as->change == change)
		return;
	answers_done(as);
	as->snapshot = status_collect(a->status);
	as->change = change;
	as->made_ms = now_ms;
}

static struct MHD_Response *read_now(struct api *a, const struct request *r, unsigned int *ret)
{
	struct answer answer = { .status = MHD_HTTP_OK, .type = "application/json" };

	r->route->read(a, r, &answer);
	*ret = answer.status;
	return answer_response(&answer);
}

static enum MHD_Result send_once(struct api *a, struct request *r, struct MHD_Connection *c)
{
	unsigned int status;
	struct MHD_Response *response = read_now(a, r, &status);
	enum MHD_Result result = MHD_queue_response(c, status, response);

	MHD_destroy_response(response); /* the connection holds it too */
	return result;
}

enum MHD_Result answers_send(struct api *a, struct request *r, struct MHD_Connection *c)
{
	struct answers *as = &a->answers;
	unsigned int i = 0;

	if (r->route->is_live)
		return send_once(a, r, c);
	answers_renew(a);
	while (i < as->count && (as->list[i].route != r->route || as->list[i].form != r->form ||
					strcmp(as->list[i].name, r->name) != 0))
		i++;
	if (i == API_ANSWERS_MAX)
		return send_once(a, r, c);
	if (i == as->count) {
		as->list[i].route = r->route;
		as->list[i].form = r->form;
		as->list[i].name = dm_strdup(r->name);
		as->list[i].response = read_now(a, r, &as->list[i].status);
		as->count++;
	}
	return MHD_queue_response(c, as->list[i].status, as->list[i].response);
}

/* ---- plain texts ---- */

/* DM's five lines. What is not stamped into this build is "None", as there. */
void read_version(struct api *a, const struct request *r, struct answer *ret)
{
	(void)a;
	(void)r;
	answer_text(ret, MHD_HTTP_OK,
		"Release Version: " DM_VERSION "\nGit Commit Hash: None\nGit Branch: None\n"
		"UTC Build Time: None\nGo Version: None\n");
	ret->type = "text/plain";
}

void read_livez(struct api *a, const struct request *r, struct answer *ret)
{
	int64_t age_ms = dm_mono_ms() - atomic_load_explicit(&a->tick_ms, memory_order_relaxed);

	(void)r;
	if (age_ms < API_ALIVE_MS)
		answer_text(ret, MHD_HTTP_OK, "ok\n");
	else
		answer_text(ret, MHD_HTTP_SERVICE_UNAVAILABLE, "the main loop is stuck\n");
}

void read_readyz(struct api *a, const struct request *r, struct answer *ret)
{
	if (atomic_load_explicit(&a->is_quiet, memory_order_relaxed))
		answer_text(ret, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping\n");
	else
		read_livez(a, r, ret);
}

void read_metrics(struct api *a, const struct request *r, struct answer *ret)
{
	(void)r;
	ret->type = "text/plain; version=0.0.4; charset=utf-8";
	status_print_metrics(a->answers.snapshot, &ret->body);
}

/* ---- documents ---- */

static void end_pretty(const struct request *r, struct answer *ret)
{
	if (r->form != JSON_COMPACT)
		dm_str_add_char(&ret->body, '\n');
}

void read_dm_status(struct api *a, const struct request *r, struct answer *ret)
{
	struct status_query q = { .task = r->name, .form = r->form };

	ret->is_gateway = true;
	status_print_dm(a->answers.snapshot, &q, &ret->body);
	end_pretty(r, ret);
}

void read_dm_errors(struct api *a, const struct request *r, struct answer *ret)
{
	struct status_query q = { .task = r->name, .form = r->form };

	ret->is_gateway = true;
	status_print_dm_errors(a->answers.snapshot, &q, &ret->body);
	end_pretty(r, ret);
}

/* Ours are no protobuf: an empty list is on one line. */
static enum json_form own_form(const struct request *r)
{
	return r->form == JSON_DM ? JSON_GO : r->form;
}

void read_v1_status(struct api *a, const struct request *r, struct answer *ret)
{
	status_print_v1(a->answers.snapshot, own_form(r), &ret->body);
	end_pretty(r, ret);
}

void read_v1_relay(struct api *a, const struct request *r, struct answer *ret)
{
	status_print_v1_relay(a->answers.snapshot, own_form(r), &ret->body);
	end_pretty(r, ret);
}

void read_v1_errors(struct api *a, const struct request *r, struct answer *ret)
{
	struct status_query q = { .task = r->name, .form = own_form(r) };

	status_print_v1_errors(a->answers.snapshot, &q, &ret->body);
	end_pretty(r, ret);
}
