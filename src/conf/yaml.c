/* yaml.c - YAML 1.1 through libyaml's events into a tree: aliases shared, merge keys resolved, all bounded. */
#include "node.h"

#include <string.h>
#include <yaml.h>

#include "dm/str.h"

/* Merging is the one step whose work is not bounded by the number of nodes. */
enum { MERGE_WORK_MAX = 20000000 };

struct anchor {
	char *name; /* owned */
	struct conf_node *node;
};
struct level { /* a map or a list that is still open */
	struct conf_node *node;
	struct conf_node *key; /* of a map: read, its value not yet */
};
struct reader {
	yaml_parser_t parser;
	struct conf_doc *doc;
	struct conf_syntax *reterr;
	struct level levels[CONF_DEPTH_MAX];
	size_t depth;
	struct anchor *anchors; /* owned; the last of a name counts */
	size_t anchor_count;
	size_t merge_work;
};

static unsigned int line_of(const yaml_mark_t *mark)
{
	return (unsigned int)mark->line + 1;
}

static unsigned int column_of(const yaml_mark_t *mark)
{
	return (unsigned int)mark->column + 1;
}

static int refuse(struct reader *r, const struct conf_node *at, const char *why)
{
	r->reterr->line = at ? at->line : 0;
	r->reterr->column = at ? at->column : 0;
	r->reterr->message =
		at ? dm_format("yaml: line %u: %s", at->line, why) : dm_format("yaml: %s", why);
	return -1;
}

/* libyaml's own fault, with the line counted as yaml.v2 does in its text, and as people do in the place. */
static int refuse_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem ? p->problem : "unknown problem parsing YAML content";
	size_t line = p->problem_mark.line;

	if (line != 0 && p->error == YAML_SCANNER_ERROR)
		line++;
	else if (line == 0)
		line = p->context_mark.line;
	r->reterr->line = line_of(&p->problem_mark);
	r->reterr->column = column_of(&p->problem_mark);
	r->reterr->message = line ? dm_format("yaml: line %zu: %s", line, problem)
				  : dm_format("yaml: %s", problem);
	return -1;
}

static struct conf_node *anchor_find(const struct reader *r, const char *name)
{
	for (size_t i = r->anchor_count; i > 0; i--)
		if (strcmp(r->anchors[i - 1].name, name) == 0)
			return r->anchors[i - 1].node;
	return NULL;
}

static void anchor_add(struct reader *r, const yaml_char_t *name, struct conf_node *node)
{
	if (!name)
		return;
	for (size_t i = 0; i < r->anchor_count; i++)
		if (strcmp(r->anchors[i].name, (const char *)name) == 0) {
			r->anchors[i].node = node;
			return;
		}
	r->anchors = dm_grow(r->anchors, r->anchor_count + 1, sizeof(*r->anchors));
	r->anchors[r->anchor_count++] =
		(struct anchor){ .name = dm_strdup((const char *)name), .node = node };
}

static void set_tag(struct conf_node *n, const yaml_char_t *tag)
{
	static const char core[] = "tag:yaml.org,2002:";
	const char *text = (const char *)tag;

	if (!text)
		return;
	n->tag = dm_has_prefix(text, core) ? dm_format("!!%s", text + sizeof(core) - 1)
					   : dm_strdup(text);
}

/* Adds the entries of `from` that `map` does not have by its own keys or by an earlier merge. */
static int merge_one(struct reader *r, struct conf_node *map, const struct conf_node *from)
{
	if (from->kind != CONF_NODE_MAP)
		return refuse(r, from, "map merge requires map or sequence of maps as the value");
	r->merge_work += (map->count + from->count + 1) * (from->count + 1);
	if (r->merge_work > MERGE_WORK_MAX)
		return refuse(r, map, "document contains excessive aliasing");
	for (size_t i = 0; i < from->count; i++) {
		const struct conf_entry *e = &from->entries[i];

		r->merge_work += strlen(e->key);
		if (!e->is_merge && !conf_node_get(map, e->key, false))
			conf_node_add(map, e->key, strlen(e->key), e->line, e->column, e->value);
	}
	return map->count > CONF_NODES_MAX ? refuse(r, map, "document contains excessive aliasing")
					   : 0;
}

static int merge_all(struct reader *r, struct conf_node *map)
{
	size_t own = map->count;

	for (size_t i = 0; i < own; i++) {
		const struct conf_node *from = map->entries[i].value;

		if (!map->entries[i].is_merge)
			continue;
		if (from->kind != CONF_NODE_LIST) {
			if (merge_one(r, map, from) < 0)
				return -1;
			continue;
		}
		for (size_t k = 0; k < from->count; k++)
			if (merge_one(r, map, from->entries[k].value) < 0)
				return -1;
	}
	return 0;
}

/* Puts a finished node (or one just opened) into what is open around it. */
static int place(struct reader *r, struct conf_node *n)
{
	struct level *top = r->depth ? &r->levels[r->depth - 1] : NULL;
	struct conf_entry *e;

	if (!top) {
		r->doc->root = n;
		return 0;
	}
	if (top->node->kind == CONF_NODE_LIST) {
		conf_node_add(top->node, NULL, 0, n->line, n->column, n);
		return 0;
	}
	if (!top->key) {
		if (n->kind != CONF_NODE_SCALAR || strlen(n->text) > CONF_KEY_MAX)
			return refuse(r, n, "a key must be a scalar of at most 1024 bytes");
		top->key = n;
		return 0;
	}
	e = conf_node_add(top->node, top->key->text, strlen(top->key->text), top->key->line,
		top->key->column, n);
	e->is_merge = top->key->is_plain && !top->key->tag && strcmp(e->key, "<<") == 0;
	top->key = NULL;
	return 0;
}

static int open_level(struct reader *r, struct conf_node *n)
{
	if (place(r, n) < 0)
		return -1;
	if (r->depth == CONF_DEPTH_MAX)
		return refuse(r, n, "exceeded max depth of 100");
	n->is_open = true;
	r->levels[r->depth++] = (struct level){ .node = n };
	return 0;
}

static int close_level(struct reader *r)
{
	struct conf_node *n = r->levels[--r->depth].node;

	n->is_open = false;
	if (n->kind != CONF_NODE_MAP)
		return 0;
	conf_node_mark_duplicates(n, false);
	return merge_all(r, n);
}

static int take_scalar(struct reader *r, const yaml_event_t *event)
{
	struct conf_node *n = conf_doc_node(r->doc, CONF_NODE_SCALAR, line_of(&event->start_mark),
		column_of(&event->start_mark));

	if (memchr(event->data.scalar.value, 0, event->data.scalar.length))
		return refuse(r, n, "control characters are not allowed");
	conf_node_set_text(n, (const char *)event->data.scalar.value, event->data.scalar.length);
	n->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	set_tag(n, event->data.scalar.tag);
	anchor_add(r, event->data.scalar.anchor, n);
	return place(r, n);
}

/* The key whose value comes next, if it is a password's. */
static const struct conf_node *password_key(const struct reader *r)
{
	const struct conf_node *key = r->depth ? r->levels[r->depth - 1].key : NULL;

	return key && dm_strcaseeq(key->text, "password") ? key : NULL;
}

static int take_alias(struct reader *r, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct conf_node *n = anchor_find(r, name);
	DM_CLEANUP(freep) char *why = NULL;

	if (n && !n->is_open)
		return place(r, n);
	if (!n && password_key(r)) /* its name is the password */
		return refuse(r, password_key(r),
			"unknown anchor referenced, a password that begins with * needs quotes");
	why = n ? dm_format("anchor '%s' value contains itself", name)
		: dm_format("unknown anchor '%s' referenced", name);
	return refuse(r, NULL, why);
}

/* 1: the document has ended, 0: go on, -1: refused. */
static int take_event(struct reader *r, const yaml_event_t *event)
{
	struct conf_node *n;
	bool is_map = event->type == YAML_MAPPING_START_EVENT;

	if (r->doc->count >= CONF_NODES_MAX)
		return refuse(r, r->doc->nodes[r->doc->count - 1], "the document is too large");
	if (event->type == YAML_SCALAR_EVENT)
		return take_scalar(r, event);
	if (event->type == YAML_ALIAS_EVENT)
		return take_alias(r, event);
	if (is_map || event->type == YAML_SEQUENCE_START_EVENT) {
		n = conf_doc_node(r->doc, is_map ? CONF_NODE_MAP : CONF_NODE_LIST,
			line_of(&event->start_mark), column_of(&event->start_mark));
		set_tag(n, is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag);
		anchor_add(r,
			is_map ? event->data.mapping_start.anchor
			       : event->data.sequence_start.anchor,
			n);
		return open_level(r, n);
	}
	if (event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT)
		return close_level(r);
	return event->type == YAML_DOCUMENT_END_EVENT || event->type == YAML_STREAM_END_EVENT;
}

int conf_yaml_read(struct conf_doc *ret, const char *text, size_t len, struct conf_syntax *reterr)
{
	struct reader r = { .doc = ret, .reterr = reterr };
	int done = 0;

	if (len > CONF_TEXT_MAX)
		return refuse(&r, NULL, "the document is larger than 4 MiB");
	if (!yaml_parser_initialize(&r.parser))
		dm_oom();
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	while (done == 0) {
		yaml_event_t event;

		if (!yaml_parser_parse(&r.parser, &event)) {
			done = refuse_syntax(&r);
			break;
		}
		done = take_event(&r, &event); /* only the first document counts, as in DM */
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&r.parser);
	for (size_t i = 0; i < r.anchor_count; i++)
		free(r.anchors[i].name);
	free(r.anchors);
	return done < 0 ? -1 : 0;
}
