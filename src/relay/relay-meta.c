/* relay-meta.c - reads and writes relay.meta. */
#include "relay-meta.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dm/file.h"

enum { META_MAX = 16 << 20, META_MODE = 0644 }; /* GTID sets can be long */

void relay_meta_init(struct relay_meta *m)
{
	*m = (struct relay_meta){ .position = { .pos = 4 }, .gtid_set = dm_strdup("") };
}

void relay_meta_done(struct relay_meta *m)
{
	free(m->gtid_set);
	*m = (struct relay_meta){ 0 };
}

/* ---- a small TOML reader: top-level keys with strings and integers ---- */

struct reader {
	const char *at, *end;
	size_t line;
};

static bool is_at_end(const struct reader *r)
{
	return r->at == r->end;
}

static char peek(const struct reader *r)
{
	return is_at_end(r) ? '\0' : *r->at;
}

static bool take_text(struct reader *r, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(r->end - r->at) < len || memcmp(r->at, text, len) != 0)
		return false;
	r->at += len;
	return true;
}

static void skip_blanks(struct reader *r)
{
	while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\r')
		r->at++;
}

static void skip_line(struct reader *r)
{
	while (!is_at_end(r) && *r->at != '\n')
		r->at++;
	if (!is_at_end(r))
		r->at++;
	r->line++;
}

static void add_utf8(struct dm_str *out, uint32_t c)
{
	if (c < 0x80) {
		dm_str_add_char(out, (char)c);
	} else if (c < 0x800) {
		dm_str_add_char(out, (char)(0xc0 | c >> 6));
		dm_str_add_char(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		dm_str_add_char(out, (char)(0xe0 | c >> 12));
		dm_str_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		dm_str_add_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		dm_str_add_char(out, (char)(0xf0 | (c >> 18 & 7)));
		dm_str_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		dm_str_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		dm_str_add_char(out, (char)(0x80 | (c & 0x3f)));
	}
}

static bool read_hex(struct reader *r, int digits, uint32_t *ret)
{
	uint32_t value = 0;

	for (int i = 0; i < digits; i++) {
		static const char hex[] = "0123456789abcdef";
		char c = peek(r);
		const char *found = c ? strchr(hex, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

		if (!found)
			return false;
		value = value << 4 | (uint32_t)(found - hex);
		r->at++;
	}
	*ret = value;
	return true;
}

static bool read_escape(struct reader *r, struct dm_str *out)
{
	static const char from[] = "btnfr\"\\/", to[] = "\b\t\n\f\r\"\\/";
	char c = peek(r);
	const char *found = c ? strchr(from, c) : NULL;
	uint32_t code;

	r->at += !is_at_end(r);
	if (found) {
		dm_str_add_char(out, to[found - from]);
		return true;
	}
	if ((c != 'u' && c != 'U') || !read_hex(r, c == 'u' ? 4 : 8, &code) || code > 0x10ffff)
		return false;
	add_utf8(out, code);
	return true;
}

/* "basic" and 'literal' strings, and their forms over several lines. */
static bool read_string(struct reader *r, struct dm_str *out)
{
	char quote = *r->at;
	const char three[] = { quote, quote, quote, '\0' }, one[] = { quote, '\0' };
	bool is_long = take_text(r, three);

	if (!is_long)
		r->at++;
	else if (take_text(r, "\n") || take_text(r, "\r\n"))
		r->line++;
	while (!is_at_end(r)) {
		char c = *r->at;

		if (take_text(r, is_long ? three : one))
			return true;
		if (c == '\n' && !is_long)
			return false;
		r->line += c == '\n';
		r->at++;
		if (c != '\\' || quote == '\'')
			dm_str_add_char(out, c);
		else if (!read_escape(r, out))
			return false;
	}
	return false;
}

static bool read_number(struct reader *r, uint64_t *ret)
{
	char digits[24];
	size_t count = 0;

	(void)take_text(r, "+");
	for (; (peek(r) >= '0' && peek(r) <= '9') || peek(r) == '_'; r->at++) {
		if (*r->at == '_')
			continue;
		if (count == sizeof(digits) - 1)
			return false;
		digits[count++] = *r->at;
	}
	digits[count] = '\0';
	return dm_parse_u64(digits, ret) == 0;
}

static bool ends_line(struct reader *r)
{
	skip_blanks(r);
	return is_at_end(r) || *r->at == '\n' || *r->at == '#';
}

static bool read_key(struct reader *r, struct dm_str *out)
{
	if (peek(r) == '"' || peek(r) == '\'')
		return read_string(r, out);
	while (!is_at_end(r) && !strchr(" \t\r\n=#", *r->at) && *r->at != '\0')
		dm_str_add_char(out, *r->at++);
	return out->len > 0;
}

static bool read_text_value(struct reader *r, struct dm_str *out)
{
	return (peek(r) == '"' || peek(r) == '\'') && read_string(r, out);
}

static bool read_value(struct reader *r, const char *key, struct relay_meta *ret)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	if (strcasecmp(key, "binlog-pos") == 0)
		return read_number(r, &ret->position.pos);
	if (strcasecmp(key, "binlog-name") == 0) {
		if (!read_text_value(r, &text) || text.len >= BINLOG_NAME_MAX ||
			strlen(dm_str_get(&text)) != text.len || strchr(dm_str_get(&text), '/'))
			return false;
		binlog_position_set(&ret->position, dm_str_get(&text), ret->position.pos);
		return true;
	}
	if (strcasecmp(key, "binlog-gtid") == 0) {
		if (!read_text_value(r, &text) || strlen(dm_str_get(&text)) != text.len)
			return false;
		free(ret->gtid_set);
		ret->gtid_set = dm_str_take(&text);
		return true;
	}
	while (!is_at_end(r) && *r->at != '\n') /* a key of somebody else */
		r->at++;
	return true;
}

/* One line; false: it is no TOML that we understand. */
static bool read_line(struct reader *r, bool *is_in_table, struct relay_meta *ret)
{
	DM_CLEANUP(dm_str_done) struct dm_str key = { 0 };

	if (ends_line(r)) {
		skip_line(r);
		return true;
	}
	if (*r->at == '[') {
		*is_in_table = true; /* and so no key of ours */
		skip_line(r);
		return true;
	}
	if (!read_key(r, &key))
		return false;
	skip_blanks(r);
	if (!take_text(r, "="))
		return false;
	skip_blanks(r);
	if (!read_value(r, *is_in_table ? "" : dm_str_get(&key), ret) || !ends_line(r))
		return false;
	skip_line(r);
	return true;
}

int relay_meta_parse(const char *text, size_t len, struct relay_meta *ret, size_t *ret_line)
{
	struct reader r = { .at = text, .end = text + len, .line = 1 };
	bool is_in_table = false;

	while (!is_at_end(&r)) {
		if (!read_line(&r, &is_in_table, ret)) {
			*ret_line = r.line;
			return -EBADMSG;
		}
	}
	return 0;
}

/* ---- writing ---- */

static void add_string(struct dm_str *out, const char *text)
{
	static const char from[] = "\b\t\n\f\r\"\\", to[] = "btnfr\"\\";

	dm_str_add_char(out, '"');
	for (; *text; text++) {
		const char *found = strchr(from, *text);

		if (found)
			dm_str_addf(out, "\\%c", to[found - from]);
		else if ((unsigned char)*text < 0x20 || *text == 0x7f)
			dm_str_addf(out, "\\u%04x", (unsigned int)*text);
		else
			dm_str_add_char(out, *text);
	}
	dm_str_add_char(out, '"');
}

void relay_meta_text(const struct relay_meta *m, struct dm_str *out)
{
	dm_str_add(out, "binlog-name = ");
	add_string(out, m->position.name);
	dm_str_addf(
		out, "\nbinlog-pos = %llu\nbinlog-gtid = ", (unsigned long long)m->position.pos);
	add_string(out, m->gtid_set);
	dm_str_add(out, "\n");
}

int relay_meta_load(
	const char *sub_path, struct relay_meta *ret, bool *ret_found, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/relay.meta", sub_path);
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	struct relay_meta m;
	size_t line;
	int r = dm_file_read(path, META_MAX, &text);

	*ret_found = false;
	if (r == -ENOENT)
		return 0;
	if (r != 0)
		return dm_fail_errno(reterr, DM_ERR_RELAY_LOAD_META, r, "load meta data: %s", path);
	relay_meta_init(&m);
	if (relay_meta_parse(dm_str_get(&text), text.len, &m, &line) != 0) {
		relay_meta_done(&m);
		return dm_fail(reterr, DM_ERR_RELAY_LOAD_META,
			"load meta data: %s: line %zu is not valid", path, line);
	}
	relay_meta_done(ret);
	*ret = m;
	*ret_found = true;
	return 0;
}

int relay_meta_save(const char *sub_path, const struct relay_meta *m, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/relay.meta", sub_path);
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	int r;

	relay_meta_text(m, &text);
	r = dm_file_replace(path, text.data, text.len, META_MODE);
	if (r != 0)
		return dm_fail_errno(
			reterr, DM_ERR_RELAY_FLUSH_META, r, "flush local meta: %s", path);
	return 0;
}
