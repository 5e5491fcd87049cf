// toml.cpp - TOML through toml++ into the tree of node.h; no exception leaves this file.
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

// The packaged library has the variant with exceptions only, so the headers alone are used.
#include <toml++/toml.h>

extern "C" {
#include "node.h"

char *dm_strdup(const char *text);
}

namespace
{

constexpr unsigned int dots_max = 64; // nesting by dotted keys is recursion in toml++

struct refused {
	toml::source_position at;
	const char *why;
};

void add_value(conf_doc *doc, conf_node *into, const toml::key *key, const toml::node &value);

conf_node *scalar(
	conf_doc *doc, conf_node_kind kind, const toml::node &value, const std::string &text)
{
	const toml::source_position at = value.source().begin;
	conf_node *n = conf_doc_node(doc, kind, at.line, at.column);

	if (std::memchr(text.data(), 0, text.size()))
		throw refused{ at, "control characters are not allowed" };
	conf_node_set_text(n, text.data(), text.size());
	return n;
}

template <typename T> std::string printed(const T &value)
{
	std::ostringstream out;

	out << value;
	return out.str();
}

conf_node *convert(conf_doc *doc, const toml::node &value)
{
	const toml::source_position at = value.source().begin;

	if (doc->count >= CONF_NODES_MAX)
		throw refused{ at, "the document is too large" };
	if (const toml::table *table = value.as_table()) {
		conf_node *n = conf_doc_node(doc, CONF_NODE_MAP, at.line, at.column);

		for (auto &&[key, child] : *table)
			add_value(doc, n, &key, child);
		conf_node_sort_by_place(n);
		conf_node_mark_duplicates(n, true);
		return n;
	}
	if (const toml::array *array = value.as_array()) {
		conf_node *n = conf_doc_node(doc, CONF_NODE_LIST, at.line, at.column);

		for (const toml::node &child : *array)
			add_value(doc, n, nullptr, child);
		return n;
	}
	if (const auto *text = value.as_string())
		return scalar(doc, CONF_NODE_STRING, value, text->get());
	if (const auto *number = value.as_integer())
		return scalar(doc, CONF_NODE_INTEGER, value, std::to_string(number->get()));
	if (const auto *truth = value.as_boolean())
		return scalar(doc, CONF_NODE_BOOL, value, truth->get() ? "true" : "false");
	if (const auto *real = value.as_floating_point())
		return scalar(doc, CONF_NODE_FLOAT, value, printed(*real));
	if (const auto *date = value.as_date())
		return scalar(doc, CONF_NODE_TIME, value, printed(*date));
	if (const auto *time = value.as_time())
		return scalar(doc, CONF_NODE_TIME, value, printed(*time));
	return scalar(doc, CONF_NODE_TIME, value, printed(*value.as_date_time()));
}

void add_value(conf_doc *doc, conf_node *into, const toml::key *key, const toml::node &value)
{
	conf_node *n = convert(doc, value);

	if (!key) {
		conf_node_add(into, nullptr, 0, n->line, n->column, n);
		return;
	}
	const std::string_view text = key->str();
	const toml::source_position at = key->source().begin;

	if (text.size() > CONF_KEY_MAX || std::memchr(text.data(), 0, text.size()))
		throw refused{ at, "a key has at most 1024 bytes, and no NUL" };
	conf_node_add(into, text.data(), text.size(), at.line, at.column, n);
}

// The end of the string that starts at `at`: one line, or three quotes and any lines.
size_t string_end(std::string_view text, size_t at)
{
	const char quote = text[at];
	const std::string triple(3, quote);
	const bool is_long = text.substr(at, 3) == triple;

	for (at += is_long ? 3 : 1; at < text.size(); at++) {
		if (text[at] == '\\' && quote == '"')
			at++;
		else if (!is_long && (text[at] == quote || text[at] == '\n'))
			return at;
		else if (is_long && text.substr(at, 3) == triple)
			break;
	}
	// The last three quotes of a row of up to five end a long string.
	for (at += 3; at < text.size() && text[at] == quote;)
		at++;
	return at - 1;
}

// Refuses what would nest deeper than the stack of toml++ allows: a key of very many parts.
void check_nesting(std::string_view text)
{
	unsigned int dots = 0;
	toml::source_index line = 1;

	for (size_t at = 0; at < text.size(); at++) {
		const char c = text[at];

		if (c == '"' || c == '\'')
			at = string_end(text, at);
		else if (c == '#')
			at = std::min(text.find('\n', at), text.size()) - 1;
		else if (std::strchr("=,{}[]", c))
			dots = 0;
		else if (c == '.' && ++dots > dots_max)
			throw refused{ { line, 1 }, "too many levels" };
		else if (c == '\n') {
			dots = 0;
			line++;
		}
	}
}

int failed(conf_syntax *reterr, const toml::source_position &at, std::string_view why)
{
	reterr->line = at.line;
	reterr->column = at.column;
	reterr->message = dm_strdup(std::string(why).c_str());
	return -1;
}

} // namespace

extern "C" int conf_toml_read(conf_doc *ret, const char *text, size_t len, conf_syntax *reterr)
{
	const std::string_view view(text, len);

	try {
		if (len > CONF_TEXT_MAX)
			throw refused{ {}, "the file is larger than 4 MiB" };
		check_nesting(view);
		const toml::table table = toml::parse(view);
		ret->root = convert(ret, table);
		return 0;
	} catch (const toml::parse_error &e) {
		return failed(reterr, e.source().begin, e.description());
	} catch (const refused &e) {
		return failed(reterr, e.at, e.why);
	} catch (const std::exception &e) {
		return failed(reterr, {}, e.what());
	}
}
