/* db-server.c - what a server is, and the statements that differ by product and version. */
#include "db-internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { PRIVILEGE_MISSING = 1227 };

enum ask { ASK_MASTER_STATUS, ASK_REPLICAS, ASK_UUID, ASK_COUNT };

/* The one table: the first row that fits product and lowest version. */
static const struct statement {
	enum ask ask;
	enum db_product product;
	unsigned int from_version;
	const char *sql;
} statements[] = {
	{ ASK_MASTER_STATUS, DB_MYSQL, 80200, "SHOW BINARY LOG STATUS" },
	{ ASK_MASTER_STATUS, DB_MYSQL, 0, "SHOW MASTER STATUS" },
	{ ASK_MASTER_STATUS, DB_MARIADB, 0, "SHOW MASTER STATUS" },
	{ ASK_MASTER_STATUS, DB_TIDB, 0, "SHOW MASTER STATUS" },
	{ ASK_REPLICAS, DB_MYSQL, 80022, "SHOW REPLICAS" },
	{ ASK_REPLICAS, DB_MYSQL, 0, "SHOW SLAVE HOSTS" },
	{ ASK_REPLICAS, DB_MARIADB, 0, "SHOW SLAVE HOSTS" },
	{ ASK_UUID, DB_MYSQL, 0, "SELECT @@global.server_uuid" },
	{ ASK_UUID, DB_MARIADB, 0,
		"SELECT CONCAT(@@global.gtid_domain_id, '-', @@global.server_id)" },
};

static int ask(struct db_conn *c, enum ask what, struct db_result **ret, struct dm_error *reterr)
{
	for (size_t i = 0; i < DM_COUNT_OF(statements); i++) {
		const struct statement *s = &statements[i];

		if (s->ask == what && s->product == c->server.product &&
			s->from_version <= c->server.version)
			return db_query(c, ret, reterr, "%s", s->sql);
	}
	dm_fail_cause(reterr, DM_ERR_DB_UNEXPECTED, c->server.version_text,
		"unexpect database error: this server cannot be a source");
	reterr->scope = c->scope;
	return -1;
}

static unsigned int version_number(const char *text)
{
	unsigned int major = 0, minor = 0, patch = 0;

	if (sscanf(text, "%2u.%2u.%2u", &major, &minor, &patch) < 1)
		return 0;
	return major * 10000 + minor * 100 + patch;
}

void db_server_parse(const char *version_text, struct db_server *ret)
{
	const char *tidb = strcasestr(version_text, "-TiDB-v");

	if (dm_has_prefix(version_text, "5.5.5-")) /* how MariaDB greets old replicas */
		version_text += 6;
	*ret = (struct db_server){ .product = DB_MYSQL, .flavor = DM_FLAVOR_MYSQL };
	ret->version = version_number(version_text);
	if (tidb) {
		ret->product = DB_TIDB;
		ret->version = version_number(tidb + strlen("-TiDB-v"));
	} else if (strcasestr(version_text, "mariadb")) {
		ret->product = DB_MARIADB;
		ret->flavor = DM_FLAVOR_MARIADB;
	}
	(void)snprintf(ret->version_text, sizeof(ret->version_text), "%s", version_text);
}

const struct db_server *db_server(const struct db_conn *c)
{
	return &c->server;
}

void db_master_status_done(struct db_master_status *s)
{
	dm_str_done(&s->gtid_set);
}

static int mariadb_gtid_pos(struct db_conn *c, struct dm_str *out, struct dm_error *reterr)
{
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;

	if (db_query(c, &r, reterr, "SELECT @@global.gtid_binlog_pos") != 0)
		return -1;
	if (db_result_next(r) && db_result_text(r, 0))
		dm_str_add(out, db_result_text(r, 0));
	return 0;
}

/* The server prints a set over several lines; ours is canonical, or without blanks when we cannot read it. */
static void add_canonical(enum dm_flavor flavor, const char *text, struct dm_str *out)
{
	DM_CLEANUP(gtid_set_freep) struct gtid_set *set = NULL;
	size_t at;

	if (gtid_set_parse(&set, flavor, text, &at) == 0) {
		gtid_set_text(set, out);
		return;
	}
	for (; *text; text++)
		if (!isspace((unsigned char)*text))
			dm_str_add_char(out, *text);
}

int db_master_status(struct db_conn *c, struct db_master_status *ret, struct dm_error *reterr)
{
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;
	DM_CLEANUP(dm_str_done) struct dm_str gtid = { 0 };
	struct db_master_status status = { 0 };
	uint64_t pos;
	int column;

	if (ask(c, ASK_MASTER_STATUS, &r, reterr) != 0)
		return -1;
	if (!db_result_next(r) || !db_result_text(r, 0) || !db_result_text(r, 1) ||
		dm_parse_u64(db_result_text(r, 1), &pos) != 0) {
		dm_fail_cause(reterr, DM_ERR_DB_UNEXPECTED, "the server shows no binlog position",
			"unexpect database error: is log_bin on?");
		reterr->scope = c->scope;
		return -1;
	}
	binlog_position_set(&status.position, db_result_text(r, 0), pos);
	column = db_result_column(r, "Executed_Gtid_Set");
	if (c->server.product == DB_MARIADB) {
		if (mariadb_gtid_pos(c, &gtid, reterr) != 0)
			return -1;
	} else if (column >= 0 && db_result_text(r, (unsigned int)column)) {
		dm_str_add(&gtid, db_result_text(r, (unsigned int)column));
	}
	add_canonical(c->server.flavor, dm_str_get(&gtid), &status.gtid_set);
	*ret = status;
	return 0;
}

int db_server_uuid(struct db_conn *c, char ret[64], struct dm_error *reterr)
{
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;

	if (ask(c, ASK_UUID, &r, reterr) != 0)
		return -1;
	if (!db_result_next(r) || !db_result_text(r, 0) || db_result_len(r, 0) >= 64) {
		dm_fail(reterr, DM_ERR_DB_UNEXPECTED,
			"unexpect database error: the server has no uuid");
		reterr->scope = c->scope;
		return -1;
	}
	(void)snprintf(ret, 64, "%s", db_result_text(r, 0));
	return 0;
}

static bool id_is_taken(struct db_result *replicas, const struct dm_str *own, uint32_t id)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", id);
	if (dm_streq(dm_str_get(own), text))
		return true;
	while (replicas && db_result_next(replicas))
		if (dm_streq(db_result_text(replicas, 0), text))
			return true;
	return false;
}

int db_pick_server_id(struct db_conn *c, uint32_t *ret, struct dm_error *reterr)
{
	DM_CLEANUP(dm_str_done) struct dm_str own = { 0 };
	DM_CLEANUP(db_result_freep) struct db_result *self = NULL;

	if (db_query(c, &self, reterr, "SELECT @@global.server_id") != 0)
		return -1;
	if (db_result_next(self) && db_result_text(self, 0))
		dm_str_add(&own, db_result_text(self, 0));
	for (int i = 0; i < 5; i++) { /* DM's five tries in DM's range */
		DM_CLEANUP(db_result_freep) struct db_result *replicas = NULL;
		uint32_t random = 0, id;

		(void)!getrandom(&random, sizeof(random), 0); /* small reads do not fail */
		id = 429496729 + random % 100000;
		if (ask(c, ASK_REPLICAS, &replicas, reterr) != 0) {
			/* MariaDB asks for more than DM's users are told to grant; 1 in 100,000 is good enough. */
			if (reterr->sql_errno != PRIVILEGE_MISSING)
				return -1;
			dm_error_done(reterr);
		}
		if (!id_is_taken(replicas, &own, id)) {
			*ret = id;
			return 0;
		}
	}
	dm_fail(reterr, DM_ERR_INVALID_SERVER_ID, "can't find a random available server ID");
	reterr->scope = c->scope;
	return -1;
}
