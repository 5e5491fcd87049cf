/* common.c - what several files of DM share. */
#include "common.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct conf_key security_keys[] = {
	{ KEY("ssl-ca", CONF_STR, struct conf_security, ssl_ca) },
	{ KEY("ssl-cert", CONF_STR, struct conf_security, ssl_cert) },
	{ KEY("ssl-key", CONF_STR, struct conf_security, ssl_key) },
	{ KEY("cert-allowed-cn", CONF_STRINGS, struct conf_security, cert_allowed_cn) },
	{ 0 },
};
static const struct conf_table_of security_table = { "config.Security",
	sizeof(struct conf_security), security_keys };

// clang-format off
static const struct conf_key server_keys[] = {
	{ KEY("host", CONF_STR, struct conf_server, db.host), .def = "127.0.0.1", .flags = CONF_LIVE,
		.help = "name or address of the server" },
	{ KEY("port", CONF_U16, struct conf_server, db.port), .def = "3306", .flags = CONF_LIVE, .help = "its port" },
	{ KEY("user", CONF_STR, struct conf_server, db.user), .sample = "\"root\"", .flags = CONF_LIVE, .help = "who logs in" },
	{ KEY("password", CONF_STR, struct conf_server, db.password), .flags = CONF_SECRET | CONF_LIVE,
		.help = "plain, or as dmctl -encrypt prints it" },
	{ KEY("max-allowed-packet", CONF_U64, struct conf_server, db.max_allowed_packet), .def = "67108864", .flags = CONF_LIVE,
		.help = "largest packet in bytes" },
	{ KEY("session", CONF_SETTINGS, struct conf_server, db.session),
		COUNT(struct conf_server, db.session_count), .flags = CONF_LIVE, .help = "session variables" },
	{ KEY("security", CONF_OPTIONAL, struct conf_server, security), .sub = &security_table,
		.flags = CONF_LATER | CONF_OLD, .help = "TLS" },
	{ 0 },
};
// clang-format on
const struct conf_table_of conf_server_table = { "config.DBConfig", sizeof(struct conf_server),
	server_keys };

static const struct conf_key filter_keys[] = {
	{ KEY("schema-pattern", CONF_STR, struct conf_filter, schema_pattern) },
	{ KEY("table-pattern", CONF_STR, struct conf_filter, table_pattern) },
	{ KEY("events", CONF_STRINGS, struct conf_filter, events),
		.go_type = "[]filter.EventType" },
	{ KEY("sql-pattern", CONF_STRINGS, struct conf_filter, sql_pattern) },
	{ KEY("action", CONF_STR, struct conf_filter, action), .go_type = "filter.ActionType" },
	{ 0 },
};
const struct conf_table_of conf_filter_table = { "filter.BinlogEventRule",
	sizeof(struct conf_filter), filter_keys };

int conf_read(struct conf_doc *doc, struct conf_decode *d, const struct conf_table_of *t,
	const char *text, size_t len, void *base)
{
	struct conf_syntax syntax = { 0 };
	bool is_toml = d->dialect == CONF_TOML;

	if ((is_toml ? conf_toml_read : conf_yaml_read)(doc, text, len, &syntax) < 0) {
		conf_fault_add(d->faults, syntax.line, syntax.column, "", d->code, NULL, "%s: %s",
			d->head, syntax.message);
		free(syntax.message);
		return -1;
	}
	if (!doc->root || (!is_toml && doc->root->kind == CONF_NODE_SCALAR && !*doc->root->text))
		return 0;
	return conf_decode_node(d, t, doc->root, "", base);
}

void conf_refuse(const struct conf_doc *doc, struct conf_faults *f, const char *path,
	enum dm_code code, const char *format, ...)
{
	struct dm_str text = { 0 };
	unsigned int line, column;
	bool is_known = false;
	va_list args;

	va_start(args, format);
	dm_str_addv(&text, format, args);
	va_end(args);
	conf_doc_place(doc, path, true, &line, &column);
	for (size_t i = 0; i < f->count; i++)
		is_known = is_known || strcasecmp(f->list[i].key, path) == 0;
	if (!is_known)
		conf_fault_add(f, line, column, path, code, NULL, "%s", dm_str_get(&text));
	dm_str_done(&text);
}

void conf_server_adjust(struct conf_server *s)
{
	char *plain = *s->db.password ? conf_password_decrypt(s->db.password) : NULL;

	if (!plain)
		return;
	free(s->db.password);
	s->db.password = plain;
}
