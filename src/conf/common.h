/* common.h - tables that several files of DM share: a server to connect to, an event filter. */
#pragma once

#include "key.h"

struct conf_security { /* 2.0's TLS */
	char *ssl_ca, *ssl_cert, *ssl_key;
	struct conf_strings cert_allowed_cn;
};
struct conf_server {
	struct db_conf db;
	struct conf_security *security; /* owned; NULL when not set */
};
extern const struct conf_table_of conf_server_table;
extern const struct conf_table_of conf_filter_table;

/* Text to struct by one of the tables; `base` has its defaults. 0, or -1 with faults. `doc` is for places. */
int conf_read(struct conf_doc *doc, struct conf_decode *d, const struct conf_table_of *t,
	const char *text, size_t len, void *base);
/* A fault of a value, at the place of `path`, unless that has one already. */
void conf_refuse(const struct conf_doc *doc, struct conf_faults *f, const char *path,
	enum dm_code code, const char *format, ...) DM_PRINTF(5, 6);
/* The password as it is used: decrypted in place. */
void conf_server_adjust(struct conf_server *s);
