/* api-body.c - JSON bodies of commands: read strictly by json-c, complained about as Go does.
 *
 * Stricter than DM's gateway in three things that only a mistake or an attack would send: a member given twice,
 * text behind the document, and deep nesting. Unknown members and null are ignored, as there. */
#include <ctype.h>
#include <inttypes.h>
#include <json.h>
#include <string.h>

#include "api-command.h"

enum { BODY_DEPTH_MAX = 16 };

static void object_putp(struct json_object **o)
{
	(void)json_object_put(*o); /* tells only whether it was the last holder */
}

static void tokener_freep(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

/* A character as Go's %q shows it. */
static int fail_character(struct dm_str *reterr, unsigned char c, const char *where)
{
	dm_str_add(reterr, "invalid character ");
	if (c == '\'' || c == '\\')
		dm_str_addf(reterr, "'\\%c'", c);
	else if (isprint(c))
		dm_str_addf(reterr, "'%c'", c);
	else
		dm_str_addf(reterr, "'\\x%02x'", c);
	dm_str_addf(reterr, " %s", where);
	return -1;
}

/* What json-c lets pass: quotes of the wrong kind, and control characters in a string. `ret_colons` counts those
 * outside of strings: one for each pair of key and value. */
static int scan(const char *text, size_t len, size_t *ret_colons, struct dm_str *reterr)
{
	bool in_string = false;

	*ret_colons = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (in_string ? c < 0x20 : (c == '\'' || c == '\0'))
			return fail_character(reterr, c, "in JSON text");
		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (c == ':' && !in_string)
			++*ret_colons;
	}
	return 0;
}

static size_t count_members(struct json_object *o)
{
	size_t count = 0;

	if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			count += count_members(json_object_array_get_idx(o, i));
	} else if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, value)
		{
			(void)key;
			count += 1 + count_members(value);
		}
	}
	return count;
}

static const char *go_kind(const struct json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_null:
		return "null";
	case json_type_boolean:
		return "bool";
	case json_type_double:
	case json_type_int:
		return "number";
	case json_type_object:
		return "object";
	case json_type_array:
		return "array";
	case json_type_string:
		return "string";
	}
	return "value";
}

static int fail_kind(struct dm_str *reterr, struct json_object *o, const char *wanted)
{
	dm_str_addf(reterr, "json: cannot unmarshal %s", go_kind(o));
	if (json_object_is_type(o, json_type_int) || json_object_is_type(o, json_type_double))
		dm_str_addf(reterr, " %s", json_object_to_json_string(o));
	dm_str_addf(reterr, " into Go value of type %s", wanted);
	return -1;
}

static int check_end(const char *body, size_t len, size_t end, struct dm_str *reterr)
{
	while (end < len && strchr(" \t\r\n", body[end]))
		end++;
	if (end < len)
		return fail_character(reterr, (unsigned char)body[end], "after top-level value");
	return 0;
}

static int parse_text(const char *body, size_t len, struct json_object **ret, struct dm_str *reterr)
{
	DM_CLEANUP(tokener_freep)
	struct json_tokener *tokener = json_tokener_new_ex(BODY_DEPTH_MAX);
	DM_CLEANUP(object_putp) struct json_object *o = NULL;
	enum json_tokener_error err;
	size_t colons, end;

	if (scan(body, len, &colons, reterr) != 0)
		return -1;
	if (!tokener)
		dm_oom();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS |
						JSON_TOKENER_VALIDATE_UTF8);
	/* With the final NUL, which is what ends a lone number. */
	o = json_tokener_parse_ex(tokener, body, (int)len + 1);
	err = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	if (err == json_tokener_continue || (err != json_tokener_success && end >= len))
		return dm_str_add(reterr, "unexpected EOF"), -1;
	if (err == json_tokener_error_depth)
		return dm_str_addf(reterr, "exceeded max depth of %d", BODY_DEPTH_MAX), -1;
	if (err == json_tokener_error_parse_utf8_string)
		return dm_str_add(reterr, "invalid UTF-8 in JSON text"), -1;
	if (err != json_tokener_success)
		return fail_character(reterr, (unsigned char)body[end], "in JSON text");
	if (check_end(body, len, end < len ? end : len, reterr) != 0)
		return -1;
	if (colons != count_members(o))
		return dm_str_add(reterr, "a member is given twice"), -1;
	*ret = take_ptr(o);
	return 0;
}

/* The object in `body`; nothing at all is an empty one, as in DM. */
static int parse_object(
	const char *body, size_t len, struct json_object **ret, struct dm_str *reterr)
{
	DM_CLEANUP(object_putp) struct json_object *o = NULL;

	if (strspn(body, " \t\r\n") < len) { /* a NUL counts as something */
		if (parse_text(body, len, &o, reterr) != 0)
			return -1;
		if (o && !json_object_is_type(o, json_type_object))
			return fail_kind(reterr, o, "map[string]json.RawMessage");
	}
	*ret = o ? take_ptr(o) : json_object_new_object();
	if (!*ret)
		dm_oom();
	return 0;
}

/* ---- members; an absent one and null leave *ret as it is ---- */

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(o, key, &value) ? value : NULL;
}

static int read_string(struct json_object *o, const char *key, char **ret, struct dm_str *reterr)
{
	struct json_object *value = member(o, key);

	if (!value)
		return 0;
	if (!json_object_is_type(value, json_type_string))
		return fail_kind(reterr, value, "string");
	free(*ret);
	*ret = dm_strndup(json_object_get_string(value), (size_t)json_object_get_string_len(value));
	if (strlen(*ret) == (size_t)json_object_get_string_len(value))
		return 0;
	return fail_character(reterr, '\0', "in a string");
}

static int read_bool(struct json_object *o, const char *key, bool *ret, struct dm_str *reterr)
{
	struct json_object *value = member(o, key);

	if (!value)
		return 0;
	if (!json_object_is_type(value, json_type_boolean))
		return fail_kind(reterr, value, "bool");
	*ret = json_object_get_boolean(value);
	return 0;
}

/* A number, or one in quotes, as protobuf's JSON has it. */
static int read_i64(struct json_object *o, const char *key, int64_t *ret, struct dm_str *reterr)
{
	struct json_object *value = member(o, key);
	uint64_t number;

	if (!value)
		return 0;
	if (json_object_is_type(value, json_type_string) &&
		dm_parse_u64(json_object_get_string(value), &number) == 0 && number <= INT64_MAX) {
		*ret = (int64_t)number;
		return 0;
	}
	/* json-c clamps what does not fit. */
	if (!json_object_is_type(value, json_type_int) ||
		json_object_get_int64(value) == INT64_MAX || json_object_get_int64(value) < 0)
		return fail_kind(reterr, value, "int64");
	*ret = json_object_get_int64(value);
	return 0;
}

/* ---- the bodies ---- */

int body_parse_nothing(const char *body, size_t len, struct api_command *c, struct dm_str *reterr)
{
	(void)body; /* a DELETE has none; what is sent all the same is not looked at */
	(void)len;
	(void)c;
	(void)reterr;
	return 0;
}

int body_parse_start(const char *body, size_t len, struct api_command *c, struct dm_str *reterr)
{
	DM_CLEANUP(object_putp) struct json_object *o = NULL;

	if (parse_object(body, len, &o, reterr) != 0)
		return -1;
	return read_string(o, "task", &c->name, reterr);
}

/* By number, as DM demands it, or by name. */
static int read_task_op(struct json_object *o, struct api_command *c, struct dm_str *reterr)
{
	struct json_object *op = member(o, "op");

	if (!op)
		return 0;
	if (json_object_is_type(op, json_type_int)) {
		int64_t number = json_object_get_int64(op);

		if (number < INT32_MIN || number > INT32_MAX)
			return fail_kind(reterr, op, "int32");
		c->task_op_number = (int32_t)number;
		return 0;
	}
	if (!json_object_is_type(op, json_type_string))
		return fail_kind(reterr, op, "int32");
	for (int i = 0; i < TASK_OP_COUNT; i++) {
		if (strcmp(dm_task_op_name((enum dm_task_op)i), json_object_get_string(op)) == 0) {
			c->task_op_number = i;
			return 0;
		}
	}
	dm_str_addf(reterr, "unknown value %s for enum pb.TaskOp", json_object_to_json_string(op));
	return -1;
}

int body_parse_operate(const char *body, size_t len, struct api_command *c, struct dm_str *reterr)
{
	DM_CLEANUP(object_putp) struct json_object *o = NULL;

	return parse_object(body, len, &o, reterr) == 0 ? read_task_op(o, c, reterr) : -1;
}

int body_parse_relay(const char *body, size_t len, struct api_command *c, struct dm_str *reterr)
{
	DM_CLEANUP(object_putp) struct json_object *o = NULL;
	DM_CLEANUP(freep) char *op = dm_strdup("");

	if (parse_object(body, len, &o, reterr) != 0 || read_string(o, "op", &op, reterr) != 0)
		return -1;
	if (strcmp(op, "purge") == 0) {
		c->kind = COMMAND_PURGE_RELAY;
		if (read_string(o, "filename", &c->filename, reterr) != 0 ||
			read_string(o, "subDir", &c->sub_dir, reterr) != 0 ||
			read_i64(o, "time", &c->before_wall_s, reterr) != 0)
			return -1;
		return read_bool(o, "inactive", &c->is_inactive, reterr);
	}
	c->kind = COMMAND_RELAY;
	c->relay_op = strcmp(op, "pause") == 0    ? RELAY_OP_PAUSE
		      : strcmp(op, "resume") == 0 ? RELAY_OP_RESUME
						  : RELAY_OP_INVALID;
	if (c->relay_op != RELAY_OP_INVALID)
		return 0;
	dm_str_addf(reterr, "unknown value \"%s\" for op: it is pause, resume or purge", op);
	return -1;
}
