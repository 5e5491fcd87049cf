/* node.c - the tree of a configuration text. */
#include "node.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dm/str.h"

struct conf_node *conf_doc_node(
	struct conf_doc *d, enum conf_node_kind kind, unsigned int line, unsigned int column)
{
	struct conf_node *n = dm_alloc(sizeof(*n));

	if (d->count == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 64;
		d->nodes = dm_grow(d->nodes, d->cap, sizeof(struct conf_node *));
	}
	d->nodes[d->count++] = n;
	n->kind = kind;
	n->line = line;
	n->column = column;
	return n;
}

void conf_doc_done(struct conf_doc *d)
{
	for (size_t i = 0; i < d->count; i++) {
		struct conf_node *n = d->nodes[i];

		for (size_t k = 0; k < n->count; k++)
			free(n->entries[k].key);
		free(n->entries);
		free(n->text);
		free(n->tag);
		free(n);
	}
	free(d->nodes);
	*d = (struct conf_doc){ 0 };
}

void conf_node_set_text(struct conf_node *n, const char *text, size_t len)
{
	free(n->text);
	n->text = dm_strndup(text, len);
}

struct conf_entry *conf_node_add(struct conf_node *n, const char *key, size_t key_len,
	unsigned int line, unsigned int column, struct conf_node *value)
{
	struct conf_entry *e;

	if (n->count == n->cap) {
		n->cap = n->cap ? n->cap * 2 : 4;
		n->entries = dm_grow(n->entries, n->cap, sizeof(struct conf_entry));
	}
	e = &n->entries[n->count++];
	*e = (struct conf_entry){ .line = line, .column = column, .value = value };
	e->key = key ? dm_strndup(key, key_len) : NULL;
	return e;
}

static int compare_keys(const void *a, const void *b)
{
	const struct conf_entry *x = *(struct conf_entry *const *)a;
	const struct conf_entry *y = *(struct conf_entry *const *)b;
	int order = strcmp(x->key, y->key);

	return order ? order : (x > y) - (x < y);
}

static int compare_keys_ignoring_case(const void *a, const void *b)
{
	const struct conf_entry *x = *(struct conf_entry *const *)a;
	const struct conf_entry *y = *(struct conf_entry *const *)b;
	int order = strcasecmp(x->key, y->key);

	return order ? order : (x > y) - (x < y);
}

void conf_node_mark_duplicates(struct conf_node *map, bool ignore_case)
{
	DM_CLEANUP(freep)
	struct conf_entry **sorted = dm_alloc_array(map->count, sizeof(struct conf_entry *));

	for (size_t i = 0; i < map->count; i++)
		sorted[i] = &map->entries[i];
	qsort(sorted, map->count, sizeof(struct conf_entry *),
		ignore_case ? compare_keys_ignoring_case : compare_keys);
	for (size_t i = 1; i < map->count; i++) {
		const char *a = sorted[i - 1]->key, *b = sorted[i]->key;

		sorted[i]->is_duplicate = (ignore_case ? strcasecmp(a, b) : strcmp(a, b)) == 0;
	}
}

const struct conf_entry *conf_node_get(
	const struct conf_node *map, const char *key, bool ignore_case)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct conf_entry *e = &map->entries[i];

		if (e->key && (ignore_case ? strcasecmp(e->key, key) : strcmp(e->key, key)) == 0)
			return e;
	}
	return NULL;
}

static int compare_places(const void *a, const void *b)
{
	const struct conf_entry *x = a, *y = b;

	return x->line != y->line ? (x->line > y->line) - (x->line < y->line)
				  : (x->column > y->column) - (x->column < y->column);
}

void conf_node_sort_by_place(struct conf_node *map)
{
	if (map->count > 0)
		qsort(map->entries, map->count, sizeof(struct conf_entry), compare_places);
}

/* One step of a path: ".key" or "[7]". NULL when there is no such place. */
static const struct conf_entry *step(const struct conf_node *n, const char **path, bool ignore_case)
{
	const char *end;

	if (**path == '[') {
		size_t index = 0;

		for (++*path; **path >= '0' && **path <= '9'; ++*path)
			index = index * 10 + (size_t)(**path - '0');
		if (**path == ']')
			++*path;
		return n->kind == CONF_NODE_LIST && index < n->count ? &n->entries[index] : NULL;
	}
	if (**path == '.')
		++*path;
	end = *path + strcspn(*path, ".[");
	{
		DM_CLEANUP(freep) char *key = dm_strndup(*path, (size_t)(end - *path));

		*path = end;
		return n->kind == CONF_NODE_MAP ? conf_node_get(n, key, ignore_case) : NULL;
	}
}

void conf_doc_place(const struct conf_doc *d, const char *path, bool ignore_case,
	unsigned int *ret_line, unsigned int *ret_column)
{
	const struct conf_node *n = d->root;
	unsigned int line = 0, column = 0;

	while (n && *path) {
		const struct conf_entry *e = step(n, &path, ignore_case);

		if (!e)
			break;
		line = e->line;
		column = e->column;
		n = e->value;
	}
	*ret_line = line;
	*ret_column = column;
}
