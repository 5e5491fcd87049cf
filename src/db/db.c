/* db.c - one connection over libmariadb whose every wait can be woken. */
#include "db-internal.h"

#include <assert.h>
#include <ctype.h>
#include <errmsg.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "dm/clock.h"

enum { PACKET_MAX = 1 << 30, SHOWN_MAX = 1024 };

/* ---- configuration ---- */

void db_conf_done(struct db_conf *c)
{
	for (size_t i = 0; i < c->session_count; i++) {
		free(c->session[i].key);
		free(c->session[i].value);
	}
	free(c->session);
	free(c->host);
	free(c->user);
	if (c->password)
		explicit_bzero(c->password, strlen(c->password));
	free(c->password);
	*c = (struct db_conf){ 0 };
}

void db_conf_copy(const struct db_conf *from, struct db_conf *to)
{
	*to = *from;
	to->host = dm_strdup(from->host);
	to->user = dm_strdup(from->user);
	to->password = dm_strdup(from->password);
	to->session = from->session_count
			      ? dm_alloc_array(from->session_count, sizeof(*to->session))
			      : NULL;
	for (size_t i = 0; i < from->session_count; i++) {
		to->session[i].key = dm_strdup(from->session[i].key);
		to->session[i].value = dm_strdup(from->session[i].value);
	}
}

/* ---- waiting ---- */

static _Thread_local struct db_conn *current; /* whose call into libmariadb this thread is in */

void db_io_begin(struct db_conn *c)
{
	assert(!current);
	c->wait_end = DB_WAIT_FINE;
	current = c;
}

void db_io_end(void)
{
	current = NULL;
}

/* How long one wait may take: the silence, or what is left until the deadline. -1: for ever. */
static int wait_limit(const struct db_conn *c)
{
	int limit = c->io_timeout_ms > 0 ? c->io_timeout_ms : -1;
	int64_t left;

	if (c->deadline_ms == 0)
		return limit;
	left = c->deadline_ms - dm_mono_ms();
	if (left < 0)
		left = 0;
	return limit < 0 || left < limit ? (int)left : limit;
}

static int poll_socket(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int r;

	do {
		r = poll(&p, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* libmariadb forgets why a connection was refused: asked here. 1 when there is no error. */
static int connect_error(struct db_conn *c, int fd)
{
	socklen_t len = sizeof(c->connect_errno);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &c->connect_errno, &len) != 0)
		c->connect_errno = errno;
	return c->connect_errno ? -c->connect_errno : 1;
}

/* libmariadb's hook: 1 ready, 0 time over, -1 error. Its own time-out is in whole seconds and not used. */
static int db_wait(my_socket fd, my_bool is_read, int timeout)
{
	struct db_conn *c = current;
	short events = is_read ? POLLIN : POLLOUT;
	int r;

	(void)timeout;
	assert(c);
	if (c->is_closing)
		r = -ECANCELED;
	else if (c->stop)
		r = dm_stop_poll(c->stop, DM_STOP_CUT, fd, events, wait_limit(c));
	else
		r = poll_socket(fd, events, wait_limit(c));
	if (r > 0 && !is_read && c->is_connecting)
		r = connect_error(c, fd);
	if (r > 0)
		return 1;
	if (r == 0)
		c->wait_end = DB_WAIT_TIMED_OUT;
	else if (r == -ECANCELED)
		c->wait_end = DB_WAIT_CANCELED;
	errno = r == 0 ? ETIMEDOUT : -r;
	return r == 0 ? 0 : -1;
}

/* ---- errors ---- */

static bool is_client_errno(unsigned int number)
{
	return (number >= 2000 && number < 3000) || (number >= 5000 && number < 6000);
}

static int fail_connection(
	struct db_conn *c, enum dm_code code, const char *cause, struct dm_error *reterr)
{
	dm_fail_cause(reterr, code, cause, "database driver");
	reterr->scope = c->scope;
	return -1;
}

static int fail_lost(struct db_conn *c, unsigned int number, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *cause = NULL;

	if (c->wait_end == DB_WAIT_CANCELED)
		return fail_connection(c, DM_ERR_DB_INVALID_CONN, "canceled", reterr);
	if (c->wait_end == DB_WAIT_TIMED_OUT)
		cause = dm_format("invalid connection (no answer for %d ms)", c->io_timeout_ms);
	else if (number == CR_SERVER_GONE_ERROR)
		return fail_connection(c, DM_ERR_DB_BAD_CONN, "driver: bad connection", reterr);
	else
		cause = dm_format("invalid connection (%s)", mysql_error(c->mysql));
	return fail_connection(c, DM_ERR_DB_INVALID_CONN, cause, reterr);
}

int db_conn_fail(struct db_conn *c, enum dm_code code, const char *what, struct dm_error *reterr)
{
	unsigned int number = mysql_errno(c->mysql);
	DM_CLEANUP(freep) char *cause = NULL;

	if (c->wait_end != DB_WAIT_FINE || is_client_errno(number))
		return fail_lost(c, number, reterr);
	cause = dm_format("Error %u: %s", number, mysql_error(c->mysql));
	dm_fail_cause(reterr, code, cause, "%s", what);
	reterr->scope = c->scope;
	reterr->sql_errno = number;
	return -1;
}

bool db_is_connection_error(const struct dm_error *err)
{
	switch (err->sql_errno) {
	case 1040: /* too many connections */
	case 1053: /* server shutdown in progress */
	case 1203: /* too many connections of this user */
	case 1927: /* MariaDB: connection was killed */
	case 3169: /* MySQL: session was killed */
	case 4031: /* MySQL: disconnected because of inactivity */
		return true;
	case 0:
		return err->code == DM_ERR_DB_DRIVER || err->code == DM_ERR_DB_BAD_CONN ||
		       err->code == DM_ERR_DB_INVALID_CONN;
	default:
		return false;
	}
}

/* "what: " and the start of a statement, cut where no UTF-8 character is broken. */
static char *with_statement(const char *what, const char *sql, size_t len)
{
	if (len > SHOWN_MAX) {
		for (len = SHOWN_MAX; len > 0 && ((unsigned char)sql[len] & 0xc0) == 0x80; len--)
			;
		return dm_format("%s: %.*s...", what, (int)len, sql);
	}
	return dm_format("%s: %.*s", what, (int)len, sql);
}

/* ---- connecting ---- */

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_start(void)
{
	(void)mysql_library_init(0, NULL, NULL); /* fails for an embedded server only */
}

/* Go's words for an address that is refused, unreachable or silent. */
static char *dial_text(const struct db_conn *c, const char *address, uint16_t port)
{
	const char *left = strchr(address, ':') ? "[" : "", *right = *left ? "]" : "";
	const char *reason = c->connect_errno ? strerrordesc_np(c->connect_errno) : NULL;

	if (c->wait_end == DB_WAIT_TIMED_OUT)
		return dm_format("dial tcp %s%s%s:%u: i/o timeout", left, address, right, port);
	if (reason)
		return dm_format("dial tcp %s%s%s:%u: connect: %c%s", left, address, right, port,
			tolower((unsigned char)reason[0]), reason + 1);
	return dm_format(
		"dial tcp %s%s%s:%u: %s", left, address, right, port, mysql_error(c->mysql));
}

static int fail_connect(
	struct db_conn *c, const char *address, uint16_t port, struct dm_error *reterr)
{
	unsigned int number = mysql_errno(c->mysql);
	DM_CLEANUP(freep) char *cause = NULL;

	if (c->wait_end == DB_WAIT_CANCELED)
		return fail_lost(c, number, reterr);
	if (is_client_errno(number) || c->wait_end == DB_WAIT_TIMED_OUT)
		cause = dial_text(c, address, port);
	else
		cause = dm_format("Error %u: %s", number, mysql_error(c->mysql));
	dm_fail_cause(reterr, DM_ERR_DB_DRIVER, cause, "database driver error");
	reterr->scope = c->scope;
	if (!is_client_errno(number))
		reterr->sql_errno = number;
	return -1;
}

/* A peer that vanished without a word is noticed within two minutes, also while a long DDL runs. */
static void watch_peer(int fd)
{
	static const struct {
		int option, value;
	} settings[] = { { TCP_KEEPIDLE, 60 }, { TCP_KEEPINTVL, 10 }, { TCP_KEEPCNT, 6 } };

	for (size_t i = 0; i < DM_COUNT_OF(settings); i++)
		(void)setsockopt(fd, IPPROTO_TCP, settings[i].option, &settings[i].value,
			sizeof(int)); /* a refusal leaves the system's times */
}

static int connect_address(struct db_conn *c, const char *address, const struct db_conf *conf,
	const char *charset, struct dm_error *reterr)
{
	unsigned int protocol = MYSQL_PROTOCOL_TCP; /* also for "localhost" */
	unsigned long packet = PACKET_MAX; /* the server's limit decides */
	MYSQL *done;

	mysql_close(c->mysql);
	c->mysql = mysql_init(NULL);
	if (!c->mysql)
		dm_oom();
	(void)mysql_optionsv(c->mysql, MYSQL_OPT_PROTOCOL, &protocol); /* these cannot fail */
	(void)mysql_optionsv(c->mysql, MYSQL_SET_CHARSET_NAME, charset);
	(void)mysql_optionsv(c->mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
	(void)mysql_optionsv(c->mysql, MARIADB_OPT_IO_WAIT, db_wait);
	(void)mysql_optionsv(c->mysql, MYSQL_OPT_LOCAL_INFILE, &(unsigned int){ 0 });
	c->connect_errno = 0;
	c->is_connecting = true;
	db_io_begin(c);
	done = mysql_real_connect(
		c->mysql, address, conf->user, conf->password, NULL, conf->port, NULL, c->flags);
	db_io_end();
	c->is_connecting = false;
	if (!done)
		return fail_connect(c, address, conf->port, reterr);
	watch_peer(mysql_get_socket(c->mysql));
	return 0;
}

static bool is_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && text[digits] == '\0';
}

/* A value goes in quotes, as DM sends it; MySQL refuses some numbers so (1232), those go bare. */
static int set_session(struct db_conn *c, const struct db_setting *setting, struct dm_error *reterr)
{
	DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };

	if (setting->key[strspn(setting->key, "abcdefghijklmnopqrstuvwxyz_0123456789.@"
					      "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0') {
		dm_fail_cause(reterr, DM_ERR_DB_DRIVER, "not a variable's name",
			"database driver error: session %s", setting->key);
		reterr->scope = c->scope;
		return -1;
	}
	dm_str_addf(&sql, "SET %s = '", setting->key);
	db_escape(c, &sql, setting->value, strlen(setting->value));
	dm_str_add(&sql, "'");
	if (db_exec(c, sql.data, sql.len, NULL, reterr) == 0)
		return 0;
	if (reterr->sql_errno != 1232 || !is_number(setting->value))
		return -1;
	dm_error_done(reterr);
	dm_str_clear(&sql);
	dm_str_addf(&sql, "SET %s = %s", setting->key, setting->value);
	return db_exec(c, sql.data, sql.len, NULL, reterr);
}

static int connect_any(struct db_conn *c, const struct db_conf *conf,
	const struct db_options *options, struct dm_error *reterr)
{
	char **addresses;
	size_t count;
	int r = -1;

	if (db_lookup(conf->host, options->stop, options->scope, &addresses, &count, reterr) != 0)
		return -1;
	if (options->connect_timeout_ms > 0)
		c->deadline_ms = dm_mono_ms() + options->connect_timeout_ms;
	for (size_t i = 0; i < count && r != 0; i++) {
		r = connect_address(c, addresses[i], conf,
			options->charset ? options->charset : "utf8mb4", reterr);
		if (r != 0 && (reterr->sql_errno != 0 || c->wait_end != DB_WAIT_FINE))
			break; /* a server answered, or there is no time left */
	}
	db_addresses_free(addresses, count);
	return r;
}

int db_connect(struct db_conn **ret, const struct db_conf *conf, const struct db_options *options,
	struct dm_error *reterr)
{
	DM_CLEANUP(db_closep) struct db_conn *c = dm_alloc(sizeof(*c));
	struct dm_error err = { 0 };
	int r;

	(void)pthread_once(&library_once, library_start);
	c->scope = options->scope;
	c->stop = options->stop;
	c->flags = options->is_writer ? CLIENT_MULTI_STATEMENTS | CLIENT_FOUND_ROWS : 0;
	c->io_timeout_ms = options->io_timeout_ms;
	r = connect_any(c, conf, options, &err);
	if (r == 0)
		db_server_parse(mysql_get_server_info(c->mysql), &c->server);
	for (size_t i = 0; i < conf->session_count && r == 0; i++)
		r = set_session(c, &conf->session[i], &err);
	c->deadline_ms = 0;
	if (r != 0) {
		dm_error_move(&err, reterr);
		return -1;
	}
	dm_error_done(&err); /* of an address that did not answer */
	*ret = take_ptr(c);
	return 0;
}

void db_close(struct db_conn *c)
{
	if (!c)
		return;
	c->is_closing = true;
	db_stream_free(c->stream);
	db_io_begin(c);
	mysql_close(c->mysql);
	db_io_end();
	free(c);
}

void db_closep(struct db_conn **c)
{
	db_close(*c);
	*c = NULL;
}

/* ---- statements ---- */

static int send_statement(struct db_conn *c, const char *sql, size_t len)
{
	int r;

	db_io_begin(c);
	r = mysql_real_query(c->mysql, sql, len);
	db_io_end();
	return r;
}

/* A statement that was thought to have no rows has some: read them, or the connection is out of step. */
static void drop_rows(struct db_conn *c)
{
	MYSQL_RES *rows;

	db_io_begin(c);
	rows = mysql_use_result(c->mysql);
	if (rows)
		mysql_free_result(rows);
	db_io_end();
}

int db_exec_as(struct db_conn *c, const char *sql, size_t len, const char *shown,
	uint64_t *ret_affected, struct dm_error *reterr)
{
	DM_CLEANUP(freep) char *what = NULL;

	if (send_statement(c, sql, len) != 0) {
		what = with_statement("execute statement failed", shown ? shown : sql,
			shown ? strlen(shown) : len);
		return db_conn_fail(c, DM_ERR_DB_EXECUTE_FAILED, what, reterr);
	}
	if (ret_affected)
		*ret_affected = mysql_affected_rows(c->mysql);
	if (mysql_field_count(c->mysql) > 0)
		drop_rows(c);
	return 0;
}

int db_exec(struct db_conn *c, const char *sql, size_t len, uint64_t *ret_affected,
	struct dm_error *reterr)
{
	return db_exec_as(c, sql, len, NULL, ret_affected, reterr);
}

int db_exec_many(struct db_conn *c, const char *sql, size_t len, size_t count,
	uint64_t *ret_affected, size_t *ret_done, struct dm_error *reterr)
{
	size_t done = 0;
	int r;

	db_io_begin(c);
	for (r = mysql_real_query(c->mysql, sql, len); r == 0; r = mysql_next_result(c->mysql)) {
		MYSQL_RES *rows = mysql_field_count(c->mysql) ? mysql_use_result(c->mysql) : NULL;

		mysql_free_result(rows);
		if (done < count)
			ret_affected[done++] = mysql_affected_rows(c->mysql);
	}
	db_io_end();
	*ret_done = done;
	if (r < 0 && done == count)
		return 0;
	if (r < 0) { /* a statement was lost: our own text must hold as many as we say */
		dm_fail(reterr, DM_ERR_DB_UNEXPECTED, "unexpect database error: %zu of %zu results",
			done, count);
		reterr->scope = c->scope;
		return -1;
	}
	return db_conn_fail(c, DM_ERR_DB_EXECUTE_FAILED, "execute statement failed", reterr);
}

void db_set_io_timeout(struct db_conn *c, int io_timeout_ms)
{
	c->io_timeout_ms = io_timeout_ms;
}

void db_escape(struct db_conn *c, struct dm_str *out, const char *bytes, size_t len)
{
	bool is_plain = c->mysql->server_status & SERVER_STATUS_NO_BACKSLASH_ESCAPES;

	/* In utf8mb4 no byte of a longer character looks like one of these. */
	dm_str_reserve(out, len + 1);
	for (size_t i = 0; i < len; i++) {
		switch (is_plain && bytes[i] != '\'' ? 'x' : bytes[i]) {
		case '\0':
			dm_str_add(out, "\\0");
			break;
		case '\n':
			dm_str_add(out, "\\n");
			break;
		case '\r':
			dm_str_add(out, "\\r");
			break;
		case '\032':
			dm_str_add(out, "\\Z");
			break;
		case '\'':
			dm_str_add(out, "''");
			break;
		case '"':
		case '\\':
			dm_str_add_char(out, '\\');
			dm_str_add_char(out, bytes[i]);
			break;
		default:
			dm_str_add_char(out, bytes[i]);
		}
	}
}
