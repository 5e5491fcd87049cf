/* binlog-gtid.c - the events that name a transaction, of both flavours. */
#include "dm/binlog.h"

#include "cursor.h"
#include "gtid-set.h"

enum {
	MARIADB_STANDALONE = 0x01,
	MARIADB_PREPARED_XA = 64,
	LOGICAL_CLOCK = 2, /* the type code in front of MySQL's two logical time stamps */
	TAGGED_VERSION = 1,
	TAGGED_FIELD_FLAGS = 0,
	TAGGED_FIELD_UUID = 1,
	TAGGED_FIELD_NUMBER = 2,
	TAGGED_FIELD_TAG = 3,
	TAGGED_FIELD_LAST_COMMITTED = 4,
	TAGGED_FIELD_SEQUENCE = 5,
	TAGGED_FIELD_COMMIT_US = 6,
};

/* MySQL's time stamp of 55 bits; the top bit tells that a second one follows. */
#define COMMIT_US_MASK ((UINT64_C(1) << 55) - 1)

static int parse_mysql(struct cursor *c, bool is_anonymous, struct binlog_gtid *g)
{
	const uint8_t *uuid;

	cursor_skip(c, 1); /* flags: "may have statement format" */
	uuid = cursor_bytes(c, GTID_UUID_SIZE);
	g->number = cursor_uint(c, 8);
	if (c->is_bad)
		return -EBADMSG;
	g->flavor = DM_FLAVOR_MYSQL;
	g->is_anonymous = is_anonymous;
	memcpy(g->uuid, uuid, GTID_UUID_SIZE);
	if (!is_anonymous && (g->number == 0 || g->number > GTID_NUMBER_MAX))
		return -EBADMSG;
	/* What follows came with 5.7 and 8.0 and may be missing. */
	if (c->left >= 17 && cursor_u8(c) == LOGICAL_CLOCK) {
		cursor_skip(c, 16);
		if (c->left >= 7)
			g->immediate_commit_us = cursor_uint(c, 7) & COMMIT_US_MASK;
	}
	return 0;
}

static int read_tag(struct cursor *c, struct binlog_gtid *g)
{
	uint64_t len = cursor_varlen(c);
	const uint8_t *tag = len < sizeof(g->tag) ? cursor_bytes(c, (size_t)len) : NULL;

	if (!tag || !gtid_tag_is_valid((const char *)tag, (size_t)len))
		return -EBADMSG;
	memcpy(g->tag, tag, (size_t)len);
	return 0;
}

/* A field of the event that we need, or that stands before one. Fields come in rising order. */
static int read_tagged_field(struct cursor *c, uint64_t field, struct binlog_gtid *g)
{
	switch (field) {
	case TAGGED_FIELD_FLAGS:
		(void)cursor_varlen(c);
		break;
	case TAGGED_FIELD_UUID: /* an array: each byte is a number of its own */
		for (int i = 0; i < GTID_UUID_SIZE; i++) {
			uint64_t byte = cursor_varlen(c);

			if (byte > UINT8_MAX)
				return -EBADMSG;
			g->uuid[i] = (uint8_t)byte;
		}
		break;
	case TAGGED_FIELD_NUMBER:
		g->number = (uint64_t)cursor_varlen_signed(c);
		break;
	case TAGGED_FIELD_TAG:
		return read_tag(c, g);
	case TAGGED_FIELD_LAST_COMMITTED:
	case TAGGED_FIELD_SEQUENCE:
		(void)cursor_varlen_signed(c);
		break;
	case TAGGED_FIELD_COMMIT_US:
		g->immediate_commit_us = cursor_varlen(c);
		break;
	default: /* a number of the server; the caller asks for known fields only */
		return -EBADMSG;
	}
	return 0;
}

/* mysql::serialization: version, size of the message, last field that must be understood, fields. */
static int parse_tagged(struct cursor *c, struct binlog_gtid *g)
{
	size_t whole = c->left;
	uint64_t version = cursor_varlen(c), size = cursor_varlen(c), next = 0;
	struct cursor fields;

	(void)cursor_varlen(c); /* fields behind those below say nothing about the GTID itself */
	if (c->is_bad || size > whole)
		return -EBADMSG;
	if (version != TAGGED_VERSION)
		return -ENOTSUP;
	fields = *c;
	while (fields.left > 0) {
		uint64_t field = cursor_varlen(&fields);

		if (fields.is_bad || field < next)
			return -EBADMSG;
		if (field > TAGGED_FIELD_COMMIT_US)
			break;
		if (read_tagged_field(&fields, field, g) != 0)
			return -EBADMSG;
		next = field + 1;
	}
	if (fields.is_bad || next <= TAGGED_FIELD_NUMBER || g->number == 0 ||
		g->number > GTID_NUMBER_MAX)
		return -EBADMSG;
	g->flavor = DM_FLAVOR_MYSQL;
	return 0;
}

/* Behind the flags come a commit id or an XA name, by flags that differ among versions; none is needed. */
static int parse_mariadb(struct cursor *c, const struct binlog_header *h, struct binlog_gtid *g)
{
	uint8_t flags;

	g->flavor = DM_FLAVOR_MARIADB;
	g->number = cursor_uint(c, 8);
	g->domain = cursor_u32(c);
	flags = cursor_u8(c);
	g->is_standalone = flags & MARIADB_STANDALONE;
	g->is_xa = flags & MARIADB_PREPARED_XA;
	g->server_id = h->server_id;
	return cursor_error(c);
}

int binlog_gtid_parse(uint8_t type, const struct binlog_header *h, const struct binlog_body *body,
	struct binlog_gtid *ret)
{
	struct cursor c = cursor_over(body->bytes, body->len);
	struct binlog_gtid g = { 0 };
	int r = -EINVAL;

	if (type == EVENT_GTID || type == EVENT_ANONYMOUS_GTID)
		r = parse_mysql(&c, type == EVENT_ANONYMOUS_GTID, &g);
	else if (type == EVENT_GTID_TAGGED)
		r = parse_tagged(&c, &g);
	else if (type == EVENT_MARIADB_GTID)
		r = parse_mariadb(&c, h, &g);
	if (r == 0)
		*ret = g;
	return r;
}

int binlog_gtid_add(struct gtid_set *s, const struct binlog_gtid *g)
{
	if (g->is_anonymous)
		return 0;
	if (g->flavor == DM_FLAVOR_MARIADB)
		return gtid_set_add_mariadb(s, g->domain, g->server_id, g->number);
	return gtid_set_add_mysql(s, g->uuid, g->tag, g->number);
}
