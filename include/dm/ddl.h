/* ddl.h - a reader of statements in QUERY events: what kind, which tables.
 *
 * A lexer of MySQL's and MariaDB's SQL (comments, executable comments, quotes, ANSI_QUOTES) and the heads of
 * statements; it never changes a statement and does not judge the parts that it need not understand.
 * Bytes in, structs out. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dm/str.h"

enum ddl_kind {
	DDL_NONE, /* empty or comments only */
	DDL_BEGIN, /* BEGIN, START TRANSACTION, XA START ... */
	DDL_COMMIT, /* COMMIT, XA COMMIT */
	DDL_ROLLBACK,
	DDL_SAVEPOINT,
	DDL_DML, /* INSERT UPDATE DELETE REPLACE LOAD CALL SELECT ...: rows in statement format */
	DDL_CREATE_DATABASE,
	DDL_ALTER_DATABASE,
	DDL_DROP_DATABASE,
	DDL_CREATE_TABLE,
	DDL_ALTER_TABLE,
	DDL_DROP_TABLE,
	DDL_RENAME_TABLE,
	DDL_TRUNCATE_TABLE,
	DDL_CREATE_INDEX,
	DDL_DROP_INDEX,
	DDL_SKIPPED, /* what DM never replicates: see its built-in list (views, triggers, users, GRANT ...) */
	DDL_OTHER, /* SET, USE, ... and what is not known */
	DDL_KIND_COUNT,
};
const char *ddl_kind_name(
	enum ddl_kind kind); /* "create table", as DM's event filters spell them; "" for others */

struct ddl_table {
	char *schema; /* owned; the default schema when not qualified; never NULL */
	char *name; /* owned; "" for statements about a database */
	size_t at, len; /* bytes of the (qualified) name in the statement's text */
};
struct ddl {
	enum ddl_kind kind;
	bool has_if_exists; /* IF EXISTS or IF NOT EXISTS is written */
	bool is_temporary;
	bool is_rename; /* ALTER TABLE ... RENAME: tables are old, new */
	bool has_select; /* CREATE TABLE ... SELECT: its rows are not in the binlog */
	/* MySQL 8.0.21 and newer write CREATE TABLE ... SELECT as "CREATE TABLE ... START TRANSACTION" and rows, one
	 * transaction, which this DDL does not end; only the first `text_len` bytes and those from `rest_at` on (ENGINE ...)
	 * may be executed elsewhere. */
	bool starts_transaction;
	size_t text_len; /* all of the text, or up to that clause */
	size_t rest_at; /* behind that clause, with starts_transaction */
	/* Owned. RENAME: old, new, old, new ...; LIKE: new, source; EXCHANGE PARTITION: both. DML: the first, if it can be
	 * read. */
	struct ddl_table *tables;
	unsigned int table_count;
};
enum ddl_flag { DDL_ANSI_QUOTES = 1, DDL_MARIADB = 2, DDL_NO_BACKSLASH_ESCAPES = 4 };

/* 0; -EINVAL when a statement of a known kind cannot be read, or makes, alters or drops what nobody knows, with *ret_at
 * the offset of the fault. `default_schema` NULL is "". A sequence of MariaDB counts as a table. */
int ddl_parse(const char *text, size_t len, const char *default_schema, unsigned int flags,
	struct ddl *ret, size_t *ret_at);
void ddl_done(struct ddl *d);
/* True when the statement ends a transaction by itself: every DDL. */
bool ddl_kind_is_ddl(enum ddl_kind kind);
