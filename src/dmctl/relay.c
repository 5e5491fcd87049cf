/* relay.c - pause-relay, resume-relay and purge-relay. */
#include <json-c/json.h>

#include "dm/stage.h"

#include "command.h"
#include "request.h"

/* The relay is one worker's own: with several known, DM wants to be told which. */
static bool has_choice(struct call *c)
{
	if (c->fleet.is_chosen || c->fleet.count == 1)
		return true;
	dm_str_add(c->out, "must specify at least one DM-worker (`-w` / `--worker`)\n");
	return false;
}

static enum outcome send_relay(struct call *c, struct json_object *body)
{
	struct request request = { .method = "POST",
		.path = "/api/v1/relay",
		.body = json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN),
		.timeout_ms = c->timeout_ms };
	enum outcome outcome = call_send(c, &request);

	json_object_put(body);
	return outcome;
}

enum outcome run_relay_op(struct call *c)
{
	struct json_object *body;

	if (!has_choice(c))
		return OUTCOME_USAGE;
	body = json_object_new_object();
	json_object_object_add(body, "op",
		json_object_new_string(c->command->op == RELAY_OP_PAUSE ? "pause" : "resume"));
	return send_relay(c, body);
}

enum outcome run_purge_relay(struct call *c)
{
	const struct args *a = c->args;
	struct json_object *body;
	uint64_t seconds = 0;

	if (!has_choice(c))
		return OUTCOME_USAGE;
	if (args_has(a, OPTION_FILENAME) && c->fleet.count + c->fleet.unknown.count > 1) {
		dm_str_add(c->out, "for --filename, can only specify one DM-worker per time\n");
		return OUTCOME_USAGE;
	}
	if (args_has(a, OPTION_TIME) &&
		(dm_parse_u64(a->value[OPTION_TIME], &seconds) != 0 || seconds > INT64_MAX)) {
		dm_str_addf(c->out,
			"invalid argument \"%s\" for \"--time\": seconds since 1970 are wanted\n",
			a->value[OPTION_TIME]);
		return OUTCOME_USAGE;
	}
	if (args_has(a, OPTION_FILENAME) && !args_has(a, OPTION_SUB_DIR))
		dm_str_add(c->warning, "[warn] no --sub-dir specify for --filename, the latest one "
				       "will be used\n");
	body = json_object_new_object();
	json_object_object_add(body, "op", json_object_new_string("purge"));
	if (args_has(a, OPTION_FILENAME))
		json_object_object_add(
			body, "filename", json_object_new_string(a->value[OPTION_FILENAME]));
	if (args_has(a, OPTION_SUB_DIR))
		json_object_object_add(
			body, "subDir", json_object_new_string(a->value[OPTION_SUB_DIR]));
	if (args_has(a, OPTION_TIME))
		json_object_object_add(body, "time", json_object_new_int64((int64_t)seconds));
	if (args_has(a, OPTION_INACTIVE))
		json_object_object_add(body, "inactive", json_object_new_boolean(true));
	return send_relay(c, body);
}
