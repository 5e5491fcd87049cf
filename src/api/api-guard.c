/* api-guard.c - until there is authentication: commands from this host only, and from no web page.
 *
 * A page in the DBA's browser can reach a loopback port in two ways. It can send a request to it: then Origin
 * tells (or, for what needs no script, Content-Type). Or its own name is made to resolve to 127.0.0.1: then
 * the request comes from "its own server", and Host tells. Neither header can be set by a page. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api-private.h"
#include "dm/log.h"

static const char *header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* Host without port, brackets and final dot; false when it is malformed. */
static bool split_host(const char *value, char *ret, size_t size)
{
	const char *start = value[0] == '[' ? value + 1 : value;
	size_t len = value[0] == '[' ? strcspn(start, "]") : strcspn(start, ":");
	const char *rest = start + len;

	if (value[0] == '[') {
		if (*rest != ']')
			return false;
		rest++;
	}
	if (*rest == ':') {
		rest++;
		rest += strspn(rest, "0123456789");
	}
	if (*rest != '\0')
		return false;
	if (len > 1 && start[len - 1] == '.')
		len--;
	if (len == 0 || len >= size)
		return false;
	memcpy(ret, start, len);
	ret[len] = '\0';
	return true;
}

static bool is_loopback_name(const char *host)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
		return peer_is_local((const void *)&v4);
	return inet_pton(AF_INET6, host, &v6.sin6_addr) == 1 && peer_is_local((const void *)&v6);
}

bool guard_host_is_ours(const struct api *a, const char *value)
{
	char host[256], own[256];

	if (!split_host(value, host, sizeof(host)))
		return false;
	if (is_loopback_name(host) || dm_strcaseeq(host, a->advertise_host) ||
		dm_strcaseeq(host, a->listen_host))
		return true;
	return gethostname(own, sizeof(own)) == 0 && memchr(own, '\0', sizeof(own)) &&
	       strcasecmp(host, own) == 0;
}

/* "http://<Host>" or "https://<Host>". */
static bool origin_is_host(const char *origin, const char *host)
{
	size_t scheme = strncasecmp(origin, "http://", 7) == 0    ? 7
			: strncasecmp(origin, "https://", 8) == 0 ? 8
								  : 0;

	return scheme > 0 && host && strcasecmp(origin + scheme, host) == 0;
}

static bool refuse(struct answer *ret, const char *text, const char *header_text)
{
	dm_log(DM_LOG_WARN, NULL, text, "value", header_text ? header_text : "", NULL);
	answer_error(ret, MHD_HTTP_FORBIDDEN, GRPC_PERMISSION_DENIED, text);
	return false;
}

static bool check_origin(struct MHD_Connection *c, const char *host, struct answer *ret)
{
	const char *origin = header(c, MHD_HTTP_HEADER_ORIGIN);
	const char *type = header(c, MHD_HTTP_HEADER_CONTENT_TYPE);
	const char *site = header(c, "Sec-Fetch-Site");

	if (site && strcasecmp(site, "same-origin") != 0 && strcasecmp(site, "none") != 0)
		return refuse(ret, "command refused: it comes from another site's page", site);
	if (!origin)
		return true;
	if (!origin_is_host(origin, host))
		return refuse(ret, "command refused: its Origin is not this server", origin);
	/* What a page may send without asking first is refused even from our own. */
	if (type && strncasecmp(type, "application/json", 16) != 0)
		return refuse(
			ret, "command refused: its Content-Type is not application/json", type);
	return true;
}

bool guard_check(const struct api *a, struct MHD_Connection *c, const struct connection *peer,
	bool is_command, struct answer *ret_refusal)
{
	const char *host = header(c, MHD_HTTP_HEADER_HOST);

	/* Other hosts may read, under whatever name they know this one. */
	if (!peer->is_local)
		return !is_command ||
		       refuse(ret_refusal,
			       "command refused: until there is authentication, commands are taken "
			       "from loopback only",
			       NULL);
	if (host && !guard_host_is_ours(a, host))
		return refuse(ret_refusal, "request refused: its Host is not this server", host);
	return !is_command || check_origin(c, host, ret_refusal);
}
