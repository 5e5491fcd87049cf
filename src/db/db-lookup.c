/* db-lookup.c - host names to addresses, on a thread that the exit does not wait for.
 *
 * getaddrinfo() cannot be woken and may take a minute. The request is shared by the helper thread and the
 * one that waits; whoever lets go last frees it. */
#include "db-internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>

enum { LOOKUP_TIMEOUT_MS = 10000, ADDRESS_MAX = 8 };

struct lookup {
	_Atomic int users; /* 2 at first */
	int done_fd; /* eventfd, readable when the answer is there */
	char *host; /* owned */
	int result; /* of getaddrinfo(); before done_fd is raised the helper's, then the waiter's */
	char **addresses; /* owned until taken */
	size_t count;
};

void db_addresses_free(char **addresses, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(addresses[i]);
	free(addresses);
}

static void lookup_drop(struct lookup *l)
{
	if (atomic_fetch_sub(&l->users, 1) != 1)
		return;
	db_addresses_free(l->addresses, l->count);
	fd_closep(&l->done_fd);
	free(l->host);
	free(l);
}

static void *lookup_main(void *arg)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	struct lookup *l = arg;
	char text[INET6_ADDRSTRLEN + 16];

	l->result = getaddrinfo(l->host, NULL, &hints, &list);
	if (l->result == 0) {
		l->addresses = dm_alloc_array(ADDRESS_MAX, sizeof(*l->addresses));
		for (struct addrinfo *a = list; a && l->count < ADDRESS_MAX; a = a->ai_next)
			if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0,
				    NI_NUMERICHOST) == 0)
				l->addresses[l->count++] = dm_strdup(text);
		freeaddrinfo(list);
	}
	(void)eventfd_write(l->done_fd, 1); /* cannot be full: written once */
	lookup_drop(l);
	return NULL;
}

static bool is_numeric(const char *host)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1 ||
	       strchr(host, '%'); /* an IPv6 address with its zone */
}

static int fail(enum dm_code code, enum dm_scope scope, struct dm_error *reterr, const char *host,
	const char *why)
{
	DM_CLEANUP(freep) char *cause = dm_format("dial tcp: lookup %s: %s", host, why);

	if (code == DM_ERR_DB_INVALID_CONN)
		dm_fail_cause(reterr, code, "canceled", "database driver");
	else
		dm_fail_cause(reterr, code, cause, "database driver error");
	reterr->scope = scope;
	return -1;
}

static int lookup_start(struct lookup *l)
{
	struct dm_thread thread = { 0 };
	int r;

	l->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->done_fd < 0)
		return -errno;
	r = dm_thread_start(&thread, "lookup", lookup_main, l);
	if (r == 0)
		(void)pthread_detach(thread.id); /* allowed: the one thread that nobody joins */
	return r;
}

static int lookup_wait(const struct lookup *l, const struct dm_stop *stop)
{
	static const struct dm_stop never = { .fd = { -1, -1, -1 } };

	int r = dm_stop_poll(
		stop ? stop : &never, DM_STOP_CUT, l->done_fd, POLLIN, LOOKUP_TIMEOUT_MS);
	eventfd_t raised;

	if (r == 1)
		(void)eventfd_read(l->done_fd, &raised); /* what makes the helper's writes ours */
	return r;
}

int db_lookup(const char *host, const struct dm_stop *stop, enum dm_scope scope, char ***ret,
	size_t *ret_count, struct dm_error *reterr)
{
	struct lookup *l;
	int r;

	if (is_numeric(host)) {
		*ret = dm_alloc_array(1, sizeof(**ret));
		(*ret)[0] = dm_strdup(host);
		*ret_count = 1;
		return 0;
	}
	l = dm_alloc(sizeof(*l));
	l->host = dm_strdup(host);
	l->users = 2;
	r = lookup_start(l);
	if (r != 0)
		lookup_drop(l); /* the helper's share */
	else
		r = lookup_wait(l, stop);
	if (r == -ECANCELED)
		(void)fail(DM_ERR_DB_INVALID_CONN, scope, reterr, host, "");
	else if (r < 0)
		(void)fail(DM_ERR_DB_DRIVER, scope, reterr, host, strerrordesc_np(-r));
	else if (r == 0)
		(void)fail(DM_ERR_DB_DRIVER, scope, reterr, host, "i/o timeout");
	else if (l->result != 0 || l->count == 0)
		(void)fail(DM_ERR_DB_DRIVER, scope, reterr, host,
			l->result == 0 || l->result == EAI_NONAME ? "no such host"
								  : gai_strerror(l->result));
	if (r == 1 && l->result == 0 && l->count > 0) {
		*ret = take_ptr(l->addresses);
		*ret_count = l->count;
		l->count = 0;
		r = 0;
	} else {
		r = -1;
	}
	lookup_drop(l);
	return r;
}
