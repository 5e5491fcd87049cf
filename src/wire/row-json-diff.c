/* row-json-diff.c - MySQL's partial JSON updates (event 39): diffs applied to the document before.
 *
 * The document is opened only along the diffs' paths; all else stays as bytes and is printed from them. */
#include "row-json.h"

enum {
	DIFF_REPLACE = 0,
	DIFF_INSERT = 1,
	DIFF_REMOVE = 2,
};

/* A value; opened, it has children instead of bytes. */
struct node {
	struct json_value raw;
	const char *key; /* of a member; borrowed from the event, or from the path's own memory */
	size_t key_len;
	char *owned_key; /* when the key came from a path */
	bool is_open, is_object;
	struct node *children; /* owned */
	size_t count;
};

static void node_done(struct node *n)
{
	for (size_t i = 0; i < n->count; i++)
		node_done(&n->children[i]);
	free(n->children);
	free(n->owned_key);
	*n = (struct node){ 0 };
}

static int node_open(struct node *n, size_t *budget)
{
	struct json_container c;
	size_t spent;

	if (n->is_open)
		return 0;
	if (json_container_open(&n->raw, &c) != 0)
		return -EBADMSG;
	/* A container of the document is opened once, at the price of its entries. */
	spent = c.count * (size_t)(c.is_object ? 7 : 3) + 4;
	if (spent > *budget)
		return -EBADMSG;
	*budget -= spent;
	n->children = dm_alloc_array(c.count, sizeof(*n->children));
	n->is_open = true;
	n->is_object = c.is_object;
	for (uint32_t i = 0; i < c.count; i++) {
		struct node *child = &n->children[i];

		n->count++;
		if (c.is_object && json_container_key(&c, i, &child->key, &child->key_len) != 0)
			return -EBADMSG;
		if (json_container_value(&c, i, &child->raw) != 0)
			return -EBADMSG;
	}
	return 0;
}

/* One step of a path: a member's name, or a place in an array counted from either end. */
struct leg {
	bool is_member, is_from_end;
	uint64_t index;
	struct dm_str key; /* owned */
};

static int read_hex4(struct cursor *c, uint32_t *ret)
{
	const uint8_t *digits = cursor_bytes(c, 4);
	uint32_t value = 0;

	for (int i = 0; digits && i < 4; i++) {
		uint8_t d = digits[i];

		if (d >= '0' && d <= '9')
			value = value << 4 | (uint32_t)(d - '0');
		else if ((d | 32) >= 'a' && (d | 32) <= 'f')
			value = value << 4 | (uint32_t)((d | 32) - 'a' + 10);
		else
			return -EBADMSG;
	}
	*ret = value;
	return cursor_error(c);
}

static void add_utf8(struct dm_str *out, uint32_t code)
{
	if (code < 0x80) {
		dm_str_add_char(out, (char)code);
		return;
	}
	if (code < 0x800) {
		dm_str_add_char(out, (char)(0xc0 | code >> 6));
	} else if (code < 0x10000) {
		dm_str_add_char(out, (char)(0xe0 | code >> 12));
		dm_str_add_char(out, (char)(0x80 | (code >> 6 & 63)));
	} else {
		dm_str_add_char(out, (char)(0xf0 | code >> 18));
		dm_str_add_char(out, (char)(0x80 | (code >> 12 & 63)));
		dm_str_add_char(out, (char)(0x80 | (code >> 6 & 63)));
	}
	dm_str_add_char(out, (char)(0x80 | (code & 63)));
}

static int read_unicode(struct cursor *c, struct dm_str *out)
{
	uint32_t code, low;

	if (read_hex4(c, &code) != 0)
		return -EBADMSG;
	if (code >= 0xd800 && code < 0xdc00) {
		if (cursor_u8(c) != '\\' || cursor_u8(c) != 'u' || read_hex4(c, &low) != 0 ||
			low < 0xdc00 || low > 0xdfff)
			return -EBADMSG;
		code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
	}
	add_utf8(out, code);
	return 0;
}

static int read_escape(struct cursor *c, struct dm_str *out)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	uint8_t name = cursor_u8(c);
	const char *found = name ? strchr(names, name) : NULL;

	if (name == 'u')
		return read_unicode(c, out);
	if (!found)
		return -EBADMSG;
	dm_str_add_char(out, values[found - names]);
	return 0;
}

/* A JSON string behind its opening quote. */
static int read_quoted(struct cursor *c, struct dm_str *out)
{
	for (;;) {
		uint8_t byte = cursor_u8(c);

		if (c->is_bad)
			return -EBADMSG;
		if (byte == '"')
			return 0;
		if (byte != '\\')
			dm_str_add_char(out, (char)byte);
		else if (read_escape(c, out) != 0)
			return -EBADMSG;
	}
}

static int read_member(struct cursor *c, struct leg *leg)
{
	leg->is_member = true;
	if (c->left > 0 && *c->at == '"') {
		cursor_skip(c, 1);
		return read_quoted(c, &leg->key);
	}
	while (c->left > 0 && *c->at != '.' && *c->at != '[')
		dm_str_add_char(&leg->key, (char)cursor_u8(c));
	return leg->key.len > 0 ? 0 : -EBADMSG;
}

/* "[5]", "[last]" or "[last-5]", behind the bracket. */
static int read_cell(struct cursor *c, struct leg *leg)
{
	unsigned int digits = 0;

	if (c->left >= 4 && memcmp(c->at, "last", 4) == 0) {
		cursor_skip(c, 4);
		leg->is_from_end = true;
		if (c->left > 0 && *c->at == ']') {
			cursor_skip(c, 1);
			return 0;
		}
		if (cursor_u8(c) != '-')
			return -EBADMSG;
	}
	for (; c->left > 0 && *c->at >= '0' && *c->at <= '9'; digits++)
		leg->index = leg->index * 10 + (uint64_t)(cursor_u8(c) - '0');
	return cursor_u8(c) == ']' && digits > 0 && digits <= 10 ? 0 : -EBADMSG;
}

/* The next step; 0 at the end of the path. */
static int read_leg(struct cursor *c, struct leg *leg)
{
	uint8_t kind;
	int r;

	dm_str_clear(&leg->key);
	leg->is_member = leg->is_from_end = false;
	leg->index = 0;
	if (c->left == 0)
		return 0;
	kind = cursor_u8(c);
	if (kind == '.')
		r = read_member(c, leg);
	else
		r = kind == '[' ? read_cell(c, leg) : -EBADMSG;
	return r == 0 ? 1 : r;
}

/* Objects are sorted by the length of keys, then by their bytes. */
static int order_keys(const char *a, size_t a_len, const char *b, size_t b_len)
{
	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return a_len == 0 ? 0 : memcmp(a, b, a_len);
}

/* The child that a leg names. `ret_at` is its place, or where it would have to go. */
static bool find_child(const struct node *parent, const struct leg *leg, size_t *ret_at)
{
	if (!parent->is_object) {
		bool is_there = leg->index < parent->count;

		if (leg->is_from_end)
			*ret_at = is_there ? parent->count - 1 - (size_t)leg->index : 0;
		else
			*ret_at = is_there ? (size_t)leg->index : parent->count;
		return is_there;
	}
	for (*ret_at = 0; *ret_at < parent->count; ++*ret_at) {
		const struct node *child = &parent->children[*ret_at];
		int order =
			order_keys(child->key, child->key_len, dm_str_get(&leg->key), leg->key.len);

		if (order >= 0)
			return order == 0;
	}
	return false;
}

static void put_value(struct node *child, const struct json_value *value)
{
	struct node kept = { .raw = *value,
		.key = child->key,
		.key_len = child->key_len,
		.owned_key = take_ptr(child->owned_key) };

	node_done(child);
	*child = kept;
}

static void insert_child(
	struct node *parent, size_t at, const struct leg *leg, const struct json_value *value)
{
	struct node child = { .raw = *value };

	if (leg->is_member) {
		child.owned_key = dm_strndup(dm_str_get(&leg->key), leg->key.len);
		child.key = child.owned_key;
		child.key_len = leg->key.len;
	}
	parent->children = dm_grow(parent->children, parent->count + 1, sizeof(child));
	memmove(parent->children + at + 1, parent->children + at,
		(parent->count - at) * sizeof(child));
	parent->children[at] = child;
	parent->count++;
}

static void remove_child(struct node *parent, size_t at)
{
	node_done(&parent->children[at]);
	memmove(parent->children + at, parent->children + at + 1,
		(parent->count - at - 1) * sizeof(*parent->children));
	parent->count--;
}

static int change_child(struct node *parent, const struct leg *leg, uint8_t operation,
	const struct json_value *value)
{
	size_t at;
	bool is_there = find_child(parent, leg, &at);

	if (operation == DIFF_INSERT) {
		if (is_there && parent->is_object)
			return -EBADMSG;
		insert_child(parent, at, leg, value);
		return 0;
	}
	if (!is_there)
		return -EBADMSG;
	if (operation == DIFF_REPLACE)
		put_value(&parent->children[at], value);
	else
		remove_child(parent, at);
	return 0;
}

static int apply_path(struct node *root, struct cursor *path, uint8_t operation,
	const struct json_value *value, size_t *budget)
{
	struct leg leg = { 0 };
	struct node *at = root;
	int r;

	if (cursor_u8(path) != '$')
		return -EBADMSG;
	r = read_leg(path, &leg) == 1
		    ? 0
		    : -EBADMSG; /* MySQL never stores a whole document as a diff */
	while (r == 0) {
		size_t child;

		r = node_open(at, budget);
		if (r == 0 && at->is_object != leg.is_member)
			r = -EBADMSG;
		if (r != 0)
			break;
		if (path->left == 0) {
			r = change_child(at, &leg, operation, value);
			break;
		}
		if (!find_child(at, &leg, &child)) {
			r = -EBADMSG;
			break;
		}
		at = &at->children[child];
		r = read_leg(path, &leg) == 1 ? 0 : -EBADMSG;
	}
	dm_str_done(&leg.key);
	return r;
}

/* Operation, path and, unless it removes, value; lengths in front. */
static int apply_diff(struct node *root, struct cursor *c, size_t *budget)
{
	struct json_value value = { 0 };
	uint8_t operation = cursor_u8(c);
	uint64_t len = cursor_lenenc(c);
	struct cursor path = cursor_part(c, len);

	if (operation != DIFF_REMOVE) {
		const uint8_t *bytes;

		len = cursor_lenenc(c);
		bytes = cursor_bytes(c, len);
		if (!c->is_bad)
			(void)json_value_open(bytes, len, &value); /* printing judges it */
	}
	if (c->is_bad || operation > DIFF_REMOVE)
		return -EBADMSG;
	return apply_path(root, &path, operation, &value, budget);
}

static int print_node(const struct node *n, unsigned int depth, size_t *budget, struct dm_str *out)
{
	if (!n->is_open)
		return json_print(&n->raw, depth, budget, out);
	if (depth >= JSON_DEPTH_MAX)
		return -EBADMSG;
	dm_str_add_char(out, n->is_object ? '{' : '[');
	for (size_t i = 0; i < n->count; i++) {
		const struct node *child = &n->children[i];
		int r;

		if (i > 0)
			dm_str_add(out, ", ");
		if (n->is_object) {
			json_print_string(child->key, child->key_len, out);
			dm_str_add(out, ": ");
		}
		r = print_node(child, depth + 1, budget, out);
		if (r != 0)
			return r;
	}
	dm_str_add_char(out, n->is_object ? '}' : ']');
	return 0;
}

int row_json_patch(const uint8_t *before, size_t before_len, const uint8_t *diffs, size_t diffs_len,
	struct dm_str *out)
{
	struct cursor c = cursor_over(diffs, diffs_len);
	DM_CLEANUP(node_done) struct node root = { 0 };
	size_t budget = before_len + diffs_len;
	int r = json_value_open(before, before_len, &root.raw);

	while (r == 0 && c.left > 0)
		r = apply_diff(&root, &c, &budget);
	return r == 0 ? print_node(&root, 0, &budget, out) : r;
}
