/* stream.c - the binlog stream of an upstream: libmariadb makes the connection, packets are read here.
 *
 * The dump commands go through libmariadb's command hook. From then on the server only talks, so packets are taken
 * from the socket by the buffer-full, which is several times faster than mysql_net_read_packet() and can be
 * waited for with a stop and a time-out without losing half a packet. This file alone knows members of MYSQL. */
#include "db-internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <ma_pvio.h>

#include "dm/clock.h"

enum {
	COM_BINLOG_DUMP_GTIDS = 0x1e,
	SEND_ANNOTATE_ROWS = 2, /* MariaDB */
	PACKET_HEADER = 4,
	PACKET_FULL = 0xffffff, /* another packet goes on with the same event */
	BUFFER_SIZE = 1 << 20,
	BUFFER_KEPT = 4 << 20, /* a buffer above this size is given back after use */
	EVENT_MAX = (1 << 30) + (1 << 20), /* servers stop at 1 GiB */
};

struct db_stream {
	uint8_t *buffer; /* owned; packets with their headers */
	size_t cap;
	size_t from, to; /* what is in it and not yet handed out */
	struct dm_str event; /* of several packets, put together */
	bool is_event_open; /* `event` waits for its next packet */
};

void db_stream_free(struct db_stream *s)
{
	if (!s)
		return;
	free(s->buffer);
	dm_str_done(&s->event);
	free(s);
}

/* ---- starting ---- */

static void add_number(struct dm_str *out, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		dm_str_add_char(out, (char)(value >> (8 * i)));
}

static int send_command(struct db_conn *c, int command, const struct dm_str *arg, bool has_answer,
	struct dm_error *reterr)
{
	int r;

	db_io_begin(c);
	r = c->mysql->methods->db_command(c->mysql, (enum enum_server_command)command,
		dm_str_get(arg), arg->len, !has_answer, NULL);
	db_io_end();
	if (r != 0)
		return db_conn_fail(c, DM_ERR_DB_EXECUTE_FAILED,
			"execute statement failed: replication command", reterr);
	return 0;
}

static int set_variables(
	struct db_conn *c, const struct db_stream_start *start, struct dm_error *reterr)
{
	/* MySQL's newer names win there; the servers ignore names that they do not know. */
	static const char *const before[] = {
		"SET @master_binlog_checksum = @@global.binlog_checksum",
		"SET @source_binlog_checksum = @@global.binlog_checksum",
	};
	DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };

	for (size_t i = 0; i < DM_COUNT_OF(before); i++)
		if (db_exec(c, before[i], strlen(before[i]), NULL, reterr) != 0)
			return -1;
	dm_str_addf(&sql, "SET @master_heartbeat_period = %lld, @source_heartbeat_period = %lld",
		start->heartbeat_ms * 1000000LL, start->heartbeat_ms * 1000000LL);
	if (start->flavor == DM_FLAVOR_MARIADB)
		dm_str_add(&sql, ", @mariadb_slave_capability = 4");
	if (start->flavor == DM_FLAVOR_MARIADB && start->gtids) {
		dm_str_add(&sql, ", @slave_gtid_strict_mode = 1, @slave_connect_state = '");
		gtid_set_text(start->gtids, &sql);
		dm_str_add(&sql, "'");
	}
	return db_exec(c, sql.data, sql.len, NULL, reterr);
}

/* Shows us in SHOW REPLICAS. User and password fields stay empty: servers can show them to others. */
static int register_replica(
	struct db_conn *c, const struct db_stream_start *start, struct dm_error *reterr)
{
	DM_CLEANUP(dm_str_done) struct dm_str arg = { 0 };
	char host[61] = "";

	(void)gethostname(host, sizeof(host) - 1); /* a comfort for people only */
	add_number(&arg, start->server_id, 4);
	add_number(&arg, strlen(host), 1);
	dm_str_add(&arg, host);
	add_number(&arg, 0, 1); /* user */
	add_number(&arg, 0, 1); /* password */
	add_number(&arg, 0, 2); /* port */
	add_number(&arg, 0, 4); /* rank */
	add_number(&arg, 0, 4); /* the source's id */
	return send_command(c, COM_REGISTER_SLAVE, &arg, true, reterr);
}

static int send_dump(
	struct db_conn *c, const struct db_stream_start *start, struct dm_error *reterr)
{
	DM_CLEANUP(dm_str_done) struct dm_str arg = { 0 }, set = { 0 };

	if (start->gtids && start->flavor == DM_FLAVOR_MYSQL) {
		gtid_set_encode_mysql(start->gtids, &set);
		add_number(&arg, 0, 2);
		add_number(&arg, start->server_id, 4);
		add_number(&arg, 0, 4); /* no file name */
		add_number(&arg, 4, 8);
		add_number(&arg, set.len, 4);
		dm_str_add_bytes(&arg, dm_str_get(&set), set.len);
		return send_command(c, COM_BINLOG_DUMP_GTIDS, &arg, false, reterr);
	}
	add_number(&arg, start->gtids ? 4 : start->position.pos, 4);
	add_number(&arg, start->flavor == DM_FLAVOR_MARIADB ? SEND_ANNOTATE_ROWS : 0, 2);
	add_number(&arg, start->server_id, 4);
	if (!start->gtids)
		dm_str_add(&arg, start->position.name);
	return send_command(c, COM_BINLOG_DUMP, &arg, false, reterr);
}

/* What libmariadb has read ahead comes first. */
static void take_over(struct db_conn *c, struct db_stream *s)
{
	MARIADB_PVIO *pvio = c->mysql->net.pvio;
	const uint8_t *end = pvio->cache ? pvio->cache + pvio->cache_size : NULL;

	if (end && pvio->cache_pos && end > pvio->cache_pos) {
		s->to = (size_t)(end - pvio->cache_pos);
		memcpy(s->buffer, pvio->cache_pos, s->to); /* 16 KiB at most */
		pvio->cache_pos += s->to;
	}
}

int db_stream_start(struct db_conn *c, const struct db_stream_start *start, struct dm_error *reterr)
{
	struct db_stream *s;

	if (!start->gtids && start->position.pos > UINT32_MAX)
		return dm_fail(reterr, DM_ERR_RELAY_START_POSITION,
			"start sync from position (%s, %llu): the dump command has 32 bits",
			start->position.name, (unsigned long long)start->position.pos);
	if (set_variables(c, start, reterr) != 0 || register_replica(c, start, reterr) != 0 ||
		send_dump(c, start, reterr) != 0)
		return -1;
	s = dm_alloc(sizeof(*s));
	s->cap = BUFFER_SIZE;
	s->buffer = dm_alloc(s->cap);
	take_over(c, s);
	db_stream_free(c->stream);
	c->stream = s;
	return 0;
}

/* ---- reading ---- */

static int fail_stream(
	struct db_conn *c, enum dm_code code, const char *cause, struct dm_error *reterr)
{
	dm_fail_cause(reterr, code, cause,
		code == DM_ERR_RELAY_READ_EVENT ? "TCPReader get relay event with error"
						: "database driver");
	reterr->scope = c->scope;
	return -1;
}

/* 0xff, number, "#" and 5 characters of SQL state, text. */
static int fail_server(
	struct db_conn *c, const uint8_t *payload, size_t len, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *cause = NULL;
	const char *text = (const char *)payload + 3;
	char state[6] = "HY000";
	unsigned int number;

	if (len < 3)
		return fail_stream(
			c, DM_ERR_DB_INVALID_CONN, "invalid connection (bad packet)", reterr);
	number = (unsigned int)payload[1] | (unsigned int)payload[2] << 8;
	len -= 3;
	if (len >= 6 && text[0] == '#') {
		memcpy(state, text + 1, 5);
		text += 6;
		len -= 6;
	}
	cause = dm_format("ERROR %u (%s): %.*s", number, state, (int)len, text);
	fail_stream(c, DM_ERR_RELAY_READ_EVENT, cause, reterr);
	reterr->sql_errno = number;
	return -1;
}

/* Room for a packet of `need` bytes that starts at s->from, and for more after it. */
static void make_room(struct db_stream *s, size_t need)
{
	if (s->from == s->to)
		s->from = s->to = 0;
	if (s->from > 0 && (s->cap - s->from < need || s->cap - s->to < s->cap / 4)) {
		memmove(s->buffer, s->buffer + s->from, s->to - s->from);
		s->to -= s->from;
		s->from = 0;
	}
	if (s->to == 0 && s->cap > BUFFER_KEPT && need <= BUFFER_SIZE) {
		s->cap = BUFFER_SIZE;
		s->buffer = dm_grow(s->buffer, s->cap, 1);
	}
	if (need > s->cap) {
		s->cap = need;
		s->buffer = dm_grow(s->buffer, s->cap, 1);
	}
}

/* Takes what the socket has: 1 something, 0 nothing there, -1 the connection is gone. */
static int receive(struct db_conn *c, struct db_stream *s, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *cause = NULL;
	ssize_t n;

	do {
		n = recv(mysql_get_socket(c->mysql), s->buffer + s->to, s->cap - s->to,
			MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		s->to += (size_t)n;
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	cause = n == 0 ? dm_strdup("invalid connection (unexpected EOF)")
		       : dm_format("invalid connection (%s)", strerrordesc_np(errno));
	return fail_stream(c, DM_ERR_DB_INVALID_CONN, cause, reterr);
}

/* 1 readable, 0 time over or asked to drain, -1 error. */
static int wait_readable(struct db_conn *c, int timeout_ms, struct dm_error *reterr)
{
	struct pollfd p = { .fd = mysql_get_socket(c->mysql), .events = POLLIN };
	int r;

	if (c->stop)
		r = dm_stop_poll(c->stop, DM_STOP_DRAIN, p.fd, POLLIN, timeout_ms);
	else
		r = poll(&p, 1, timeout_ms);
	if (r == -ECANCELED || (r < 0 && !c->stop && errno == EINTR))
		return 0;
	if (r < 0)
		return fail_stream(c, DM_ERR_DB_INVALID_CONN, "invalid connection (poll)", reterr);
	return r;
}

/* Puts events of more than 16 MiB together. 1: it is whole. 0: more packets follow. -1: not an event. */
static int join_packet(struct db_conn *c, struct db_stream *s, const uint8_t *payload, size_t len,
	struct dm_error *reterr)
{
	if (s->event.len + len > EVENT_MAX)
		return fail_stream(c, DM_ERR_RELAY_READ_EVENT, "event of more than 1 GiB", reterr);
	if (!s->is_event_open && len > 1 + 13) {
		/* the size in the event's header: all its memory at once */
		size_t size = (size_t)payload[10] | (size_t)payload[11] << 8 |
			      (size_t)payload[12] << 16 | (size_t)payload[13] << 24;

		if (size <= EVENT_MAX)
			dm_str_reserve(&s->event, size + 1);
	}
	dm_str_add_bytes(&s->event, payload, len);
	s->is_event_open = len == PACKET_FULL;
	return !s->is_event_open;
}

/* What a whole payload is. */
static int open_payload(struct db_conn *c, const uint8_t *payload, size_t len,
	const uint8_t **ret_event, size_t *ret_len, struct dm_error *reterr)
{
	if (len > 0 && payload[0] == 0xff)
		return fail_server(c, payload, len, reterr);
	if (len == 0 ||
		payload[0] ==
			0xfe) /* the server ends the dump: shut down, or our id was taken over */
		return fail_stream(c, DM_ERR_DB_INVALID_CONN,
			"invalid connection (the server ended the stream)", reterr);
	if (payload[0] != 0)
		return fail_stream(c, DM_ERR_RELAY_READ_EVENT, "invalid stream header", reterr);
	*ret_event = payload + 1;
	*ret_len = len - 1;
	return 1;
}

/* The next packet in the buffer: 1 handed out, 0 not whole yet (*ret_need bytes are), -1 error. */
static int next_packet(struct db_conn *c, struct db_stream *s, size_t *ret_need,
	const uint8_t **ret_event, size_t *ret_len, struct dm_error *reterr)
{
	for (;;) {
		const uint8_t *packet = s->buffer + s->from;
		size_t len, have = s->to - s->from;
		int r;

		*ret_need = PACKET_HEADER;
		if (have < PACKET_HEADER)
			return 0;
		len = (size_t)packet[0] | (size_t)packet[1] << 8 | (size_t)packet[2] << 16;
		*ret_need = PACKET_HEADER + len;
		if (have < *ret_need)
			return 0;
		s->from += *ret_need;
		if (len < PACKET_FULL && !s->is_event_open)
			return open_payload(
				c, packet + PACKET_HEADER, len, ret_event, ret_len, reterr);
		r = join_packet(c, s, packet + PACKET_HEADER, len, reterr);
		if (r < 0)
			return -1;
		if (r > 0)
			return open_payload(c, (const uint8_t *)s->event.data, s->event.len,
				ret_event, ret_len, reterr);
	}
}

int db_stream_next(struct db_conn *c, int timeout_ms, const uint8_t **ret_event, size_t *ret_len,
	struct dm_error *reterr)
{
	struct db_stream *s = c->stream;
	int64_t deadline_ms = timeout_ms > 0 ? dm_mono_ms() + timeout_ms : 0;

	if (s->event.len > 0 && !s->is_event_open)
		dm_str_done(&s->event); /* it was handed out by the call before */
	for (;;) {
		size_t need;
		int64_t left;
		int r = next_packet(c, s, &need, ret_event, ret_len, reterr);

		if (r != 0)
			return r;
		make_room(s, need);
		r = receive(c, s, reterr);
		if (r < 0)
			return -1;
		if (r > 0)
			continue;
		left = timeout_ms > 0 ? deadline_ms - dm_mono_ms() : timeout_ms;
		if (timeout_ms >= 0 && left <= 0)
			return 0;
		r = wait_readable(c, (int)left, reterr);
		if (r <= 0)
			return r;
	}
}
