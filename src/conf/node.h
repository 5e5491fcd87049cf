/* node.h - a configuration text as a tree of places: what TOML and YAML have in common.
 *
 * A document owns all of its nodes; YAML's aliases share them, so a tree may be a graph without cycles. Bounds:
 * CONF_TEXT_MAX bytes, CONF_DEPTH_MAX levels, CONF_NODES_MAX nodes. Texts hold no NUL. Used by one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	CONF_TEXT_MAX = 4 << 20,
	CONF_DEPTH_MAX = 100,
	CONF_NODES_MAX = 400000,
	CONF_KEY_MAX = 1024
};

enum conf_node_kind {
	CONF_NODE_SCALAR, /* YAML's: the reader of a key decides what it means */
	CONF_NODE_STRING, /* TOML's scalars know what they are */
	CONF_NODE_INTEGER,
	CONF_NODE_FLOAT,
	CONF_NODE_BOOL,
	CONF_NODE_TIME,
	CONF_NODE_MAP,
	CONF_NODE_LIST,
};
struct conf_node;
struct conf_entry { /* of a map or, without key, of a list */
	char *key;
	unsigned int line, column; /* of the key */
	bool is_duplicate; /* an entry before has the same key */
	bool is_merge; /* YAML's <<, whose entries were added to the map */
	struct conf_node *value;
};
struct conf_node {
	enum conf_node_kind kind;
	unsigned int line, column; /* from 1 */
	char *text; /* of scalars, else NULL */
	char *tag; /* YAML's explicit tag in its short form ("!!str"), or NULL */
	bool is_plain; /* YAML: written without quotes */
	bool is_open; /* while it is being read */
	struct conf_entry *entries;
	size_t count, cap;
};
struct conf_doc { /* a zeroed one is empty */
	struct conf_node *root; /* NULL for an empty text */
	struct conf_node **nodes; /* all of them */
	size_t count, cap;
};

struct conf_node *conf_doc_node(
	struct conf_doc *d, enum conf_node_kind kind, unsigned int line, unsigned int column);
void conf_doc_done(struct conf_doc *d);
void conf_node_set_text(struct conf_node *n, const char *text, size_t len);
/* `key` NULL for a list. */
struct conf_entry *conf_node_add(struct conf_node *n, const char *key, size_t key_len,
	unsigned int line, unsigned int column, struct conf_node *value);
void conf_node_sort_by_place(struct conf_node *map); /* as the file has them */
void conf_node_mark_duplicates(struct conf_node *map, bool ignore_case);
/* The first entry with this key, or NULL. */
const struct conf_entry *conf_node_get(
	const struct conf_node *map, const char *key, bool ignore_case);
/* The place that `path` ("mysql-instances[1].meta.binlog-name") has, or that of its deepest part that is there. */
void conf_doc_place(const struct conf_doc *d, const char *path, bool ignore_case,
	unsigned int *ret_line, unsigned int *ret_column);

/* A text that cannot be read: where and why. */
struct conf_syntax {
	unsigned int line, column;
	char *message; /* owned: as yaml.v2 says it ("yaml: line 2: ..."), or toml++'s words */
};

int conf_yaml_read(struct conf_doc *ret, const char *text, size_t len, struct conf_syntax *reterr);
/* TOML through toml++ (toml.cpp). */
#ifdef __cplusplus
extern "C" {
#endif
int conf_toml_read(struct conf_doc *ret, const char *text, size_t len, struct conf_syntax *reterr);
#ifdef __cplusplus
}
#endif
