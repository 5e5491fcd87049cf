/* api.c - the listening socket and libmicrohttpd's daemon: start, tick, stop. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api-private.h"
#include "dm/clock.h"
#include "dm/conf.h"
#include "dm/log.h"

enum { LISTEN_BACKLOG = 1024, REQUEST_HEAD_MAX = 16 << 10 };

/* ---- listening ---- */

static int bind_one(const struct addrinfo *address)
{
	DM_CLEANUP(fd_closep)
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, off = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		return -errno;
	/* "[::]" takes IPv4 too. */
	if (address->ai_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0)
		return -errno;
	if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0)
		return -errno;
	return take_fd(&fd);
}

/* Every address without a host: IPv6 with IPv4 if there is IPv6, which getaddrinfo() lists last. */
static int bind_all(const struct addrinfo *list, bool prefer_ipv6)
{
	int r = -EADDRNOTAVAIL;

	for (int round = 0; round < 2; round++) {
		for (const struct addrinfo *at = list; at; at = at->ai_next) {
			bool is_wanted =
				!prefer_ipv6 || (at->ai_family == AF_INET6) == (round == 0);

			if (!is_wanted)
				continue;
			r = bind_one(at);
			if (r >= 0)
				return r;
		}
	}
	return r;
}

static int api_listen(const struct worker_conf *conf, int *ret_fd, struct dm_error *reterr)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	bool is_any = conf->listen_host[0] == '\0';
	struct addrinfo *list = NULL;
	char port[8];
	int r;

	(void)snprintf(port, sizeof(port), "%u", (unsigned int)conf->listen_port);
	r = getaddrinfo(is_any ? NULL : conf->listen_host, port, &hints, &list);
	if (r != 0)
		return dm_fail_cause(reterr, DM_ERR_WORKER_HOST_PORT, gai_strerror(r),
			"host:port '%s' not valid", conf->worker_addr);
	r = bind_all(list, is_any);
	freeaddrinfo(list);
	if (r < 0)
		return dm_fail_errno(reterr, DM_ERR_WORKER_START_SERVER, r,
			"start server: listen on %s", conf->worker_addr);
	*ret_fd = r;
	return 0;
}

/* The port, and whether other hosts can reach it. */
static uint16_t describe_socket(int fd, bool *ret_is_open)
{
	struct sockaddr_storage own = { 0 };
	socklen_t len = sizeof(own);

	if (getsockname(fd, (void *)&own, &len) != 0)
		return 0;
	*ret_is_open = !peer_is_local((const void *)&own);
	if (own.ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)(const void *)&own)->sin_port);
	if (own.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)&own)->sin6_port);
	return 0;
}

/* ---- start and stop ---- */

/* Host of "host:port". */
static char *host_of(const char *address)
{
	const char *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : strlen(address);

	if (len >= 2 && address[0] == '[' && address[len - 1] == ']')
		return dm_strndup(address + 1, len - 2);
	return dm_strndup(address, len);
}

/* The HTTP thread must not take signals from the main one: it starts with all of them blocked. */
static struct MHD_Daemon *start_daemon(struct api *a, int fd)
{
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
	struct MHD_Daemon *daemon;
	sigset_t all, before;

	(void)sigfillset(&all); /* these cannot fail with such arguments */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	daemon = MHD_start_daemon(flags, 0, connection_accept, a, request_handle, a,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)API_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned int)(API_PHASE_MS / 1000), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)REQUEST_HEAD_MAX, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_UNESCAPE_CALLBACK, request_unescape, NULL, MHD_OPTION_NOTIFY_CONNECTION,
		connection_notify, a, MHD_OPTION_NOTIFY_COMPLETED, request_completed, a,
		MHD_OPTION_END);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return daemon;
}

int api_start(struct api **ret, const struct api_env *env, struct dm_error *reterr)
{
	DM_CLEANUP(fd_closep) int fd = env->listen_fd;
	struct api *a;
	bool is_open = false;

	if (fd < 0 && api_listen(env->conf, &fd, reterr) != 0)
		return -1;
	a = dm_alloc(sizeof(*a));
	a->registry = env->registry;
	a->status = env->status;
	a->main_box = env->main_box;
	a->worker = dm_strdup(env->conf->advertise_addr);
	a->advertise_host = host_of(env->conf->advertise_addr);
	a->listen_host = dm_strdup(env->conf->listen_host);
	a->port = describe_socket(fd, &is_open);
	atomic_init(&a->tick_ms, dm_mono_ms());
	dm_lock_init(&a->lock, DM_LOCK_API);
	dm_cond_init(&a->no_commands);
	a->daemon = start_daemon(a, fd);
	if (!a->daemon) {
		int err = errno;

		api_free(a);
		return dm_fail_errno(
			reterr, DM_ERR_WORKER_START_SERVER, err, "start server: start its thread");
	}
	(void)take_fd(&fd); /* the daemon closes it */
	dm_log(DM_LOG_INFO, NULL, "listening for HTTP", "address", env->conf->worker_addr, "port",
		DM_NUM(a->port), NULL);
	if (is_open)
		dm_log(DM_LOG_WARN, NULL,
			"other hosts may read the status; commands are taken from loopback only, "
			"until there is authentication",
			NULL);
	*ret = a;
	return 0;
}

void api_tick(struct api *a)
{
	int64_t now_ms = dm_mono_ms();

	atomic_store_explicit(&a->tick_ms, now_ms, memory_order_relaxed);
	connections_cut_slow(a, now_ms);
}

void api_quiesce(struct api *a)
{
	atomic_store_explicit(&a->is_quiet, true, memory_order_relaxed);
}

void api_free(struct api *a)
{
	if (!a)
		return;
	api_quiesce(a);
	api_commands_abandon(a);
	if (a->daemon)
		MHD_stop_daemon(a->daemon);
	answers_done(&a->answers);
	(void)pthread_cond_destroy(&a->no_commands); /* nobody waits on it */
	dm_lock_done(&a->lock);
	free(a->worker);
	free(a->advertise_host);
	free(a->listen_host);
	free(a);
}

uint16_t api_port(const struct api *a)
{
	return a->port;
}
