/* api-connection.c - who is connected, how many may be, and how long each may take.
 *
 * libmicrohttpd's time-out is for silence only: a client that sends a byte a second stays for ever. So each
 * connection has a deadline for its present phase: to send a whole request, or to take a whole answer. It is
 * cut by a shutdown of its socket, which libmicrohttpd sees as an end. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "api-private.h"
#include "dm/clock.h"

static bool ipv4_is_loopback(uint32_t address)
{
	return ntohl(address) >> 24 == 127;
}

bool peer_is_local(const struct sockaddr *peer)
{
	const struct sockaddr_in *v4 = (const void *)peer;
	const struct sockaddr_in6 *v6 = (const void *)peer;

	if (peer->sa_family == AF_UNIX)
		return true;
	if (peer->sa_family == AF_INET)
		return ipv4_is_loopback(v4->sin_addr.s_addr);
	if (peer->sa_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		uint32_t address;

		memcpy(&address, v6->sin6_addr.s6_addr + 12, sizeof(address));
		return ipv4_is_loopback(address);
	}
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* The address without the port. */
static bool is_same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
			       &((const struct sockaddr_in6 *)(const void *)b)->sin6_addr,
			       sizeof(struct in6_addr)) == 0;
	return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr ==
	       ((const struct sockaddr_in *)(const void *)b)->sin_addr.s_addr;
}

enum MHD_Result connection_accept(void *cls, const struct sockaddr *peer, socklen_t len)
{
	struct api *a = cls;
	unsigned int same = 0;

	(void)len;
	if (peer_is_local(peer))
		return MHD_YES;
	DM_LOCKED(&a->lock);
	if (a->remote_count >= API_REMOTE_MAX)
		return MHD_NO;
	for (const struct connection *c = a->connections; c; c = c->next)
		same += is_same_address((const void *)&c->peer, peer);
	return same < API_REMOTE_PER_ADDRESS ? MHD_YES : MHD_NO;
}

static void connection_open(struct api *a, struct MHD_Connection *mhd, void **socket_context)
{
	const union MHD_ConnectionInfo *address =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *c = dm_alloc(sizeof(*c));
	size_t size = sizeof(c->peer.ss_family);

	c->fd = fd->connect_fd;
	if (address->client_addr->sa_family == AF_INET)
		size = sizeof(struct sockaddr_in);
	else if (address->client_addr->sa_family == AF_INET6)
		size = sizeof(struct sockaddr_in6);
	memcpy(&c->peer, address->client_addr, size);
	c->is_local = peer_is_local((const void *)&c->peer);
	atomic_init(&c->deadline_ms, dm_mono_ms() + API_PHASE_MS);
	*socket_context = c;
	DM_LOCKED(&a->lock);
	c->next = a->connections;
	if (c->next)
		c->next->prev = c;
	a->connections = c;
	a->remote_count += !c->is_local;
}

static void connection_close(struct api *a, struct connection *c)
{
	{
		DM_LOCKED(&a->lock); /* the socket is still open, and is closed only afterwards */
		if (c->prev)
			c->prev->next = c->next;
		else
			a->connections = c->next;
		if (c->next)
			c->next->prev = c->prev;
		a->remote_count -= !c->is_local;
	}
	free(c);
}

void connection_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
	enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		connection_open(cls, mhd, socket_context);
	else
		connection_close(cls, *socket_context);
}

void connection_begin_phase(struct connection *c)
{
	atomic_store_explicit(&c->deadline_ms, dm_mono_ms() + API_PHASE_MS, memory_order_relaxed);
}

void connection_park(struct connection *c)
{
	atomic_store_explicit(&c->deadline_ms, 0, memory_order_relaxed);
}

void connections_cut_slow(struct api *a, int64_t now_ms)
{
	DM_LOCKED(&a->lock);
	for (struct connection *c = a->connections; c; c = c->next) {
		int64_t deadline_ms = atomic_load_explicit(&c->deadline_ms, memory_order_relaxed);

		/* Fails when it is gone already: as good. */
		if (deadline_ms != 0 && now_ms > deadline_ms)
			(void)shutdown(c->fd, SHUT_RDWR);
	}
}
