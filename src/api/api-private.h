/* api-private.h - what the files of the api share. One request is one struct, made on its first callback and
 * freed when it is complete; all of it lives on the HTTP thread, but for a parked command. */
#pragma once

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "api-answer.h"
#include "api-command.h"
#include "dm/api.h"
#include "dm/status.h"

enum {
	API_PHASE_MS =
		10000, /* to send a first request; and to take an answer and send the next one */
	API_CONNECTIONS_MAX = 512,
	API_REMOTE_MAX = 256, /* of those for other hosts, so that this one always finds a place */
	API_REMOTE_PER_ADDRESS = 32,
	API_TASK_BODY_MAX = 1 << 20, /* a task file */
	API_BODY_MAX = 16 << 10,
	API_BODIES_MAX = 8 << 20, /* of all requests that are being received */
	API_DRAIN_MAX =
		32
		<< 20, /* of a body that is refused: read and dropped, so that the client reads why */
	API_ANSWERS_MAX = 64, /* kept for one snapshot */
	API_SNAPSHOT_MS = 20,
	API_ALIVE_MS = 5000, /* the main loop ticked that lately */
};

/* ---- connections: api-connection.c ---- */
struct connection {
	struct connection *next, *prev; /* api->lock */
	int fd;
	struct sockaddr_storage peer;
	bool is_local; /* loopback or a Unix socket */
	_Atomic int64_t deadline_ms; /* monotonic, of the present phase; 0: none */
};
enum MHD_Result connection_accept(void *cls, const struct sockaddr *peer, socklen_t len);
void connection_notify(void *cls, struct MHD_Connection *c, void **socket_context,
	enum MHD_ConnectionNotificationCode code);
bool peer_is_local(const struct sockaddr *peer);
void connection_begin_phase(struct connection *c); /* from now on it has API_PHASE_MS */
void connection_park(struct connection *c); /* it waits for us: no deadline */
void connections_cut_slow(struct api *a, int64_t now_ms);

/* ---- requests: api-request.c, api-guard.c, api-read.c ---- */
struct request;
struct route {
	const char *method, *path; /* a path that ends in '/' is followed by a name */
	bool may_lack_name;
	const char *argument; /* of the query string, that is the name; may be NULL */
	size_t body_max; /* of a command */
	/* Exactly one of the two. A read fills the answer, and may be shared by all requests of one snapshot. */
	void (*read)(struct api *a, const struct request *r, struct answer *ret);
	int (*parse)(const char *body, size_t len, struct api_command *c, struct dm_str *reterr);
	enum api_command_kind kind;
	bool is_live; /* never shared */
};
struct request {
	struct api *api;
	const struct route *route; /* NULL: `refusal` says why */
	char *name; /* behind the route's path, "" */
	enum json_form form;
	struct connection *connection;
	struct answer refusal; /* status 0: none */
	struct dm_str body;
	size_t body_seen; /* with what was dropped */
	struct api_command *command;
};
enum MHD_Result request_handle(void *cls, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **context);
void request_completed(
	void *cls, struct MHD_Connection *c, void **context, enum MHD_RequestTerminationCode why);
size_t request_unescape(void *cls, struct MHD_Connection *c, char *text);
const struct route *route_find(
	const char *method, const char *path, const char **ret_name, struct answer *ret_refusal);

/* Who asks: false with a refusal. */
bool guard_check(const struct api *a, struct MHD_Connection *c, const struct connection *peer,
	bool is_command, struct answer *ret_refusal);
bool guard_host_is_ours(const struct api *a, const char *host); /* the value of Host */

struct answers { /* of one snapshot; HTTP thread */
	struct status *snapshot;
	uint64_t change; /* of registry and commands, when it was made */
	int64_t made_ms;
	struct {
		const struct route *route;
		char *name;
		enum json_form form;
		unsigned int status;
		struct MHD_Response *response;
	} list[API_ANSWERS_MAX];
	unsigned int count;
};
void answers_done(struct answers *as);
enum MHD_Result answers_send(struct api *a, struct request *r, struct MHD_Connection *c);
/* Routes of reading. */
void read_version(struct api *a, const struct request *r, struct answer *ret);
void read_livez(struct api *a, const struct request *r, struct answer *ret);
void read_readyz(struct api *a, const struct request *r, struct answer *ret);
void read_metrics(struct api *a, const struct request *r, struct answer *ret);
void read_dm_status(struct api *a, const struct request *r, struct answer *ret);
void read_dm_errors(struct api *a, const struct request *r, struct answer *ret);
void read_v1_status(struct api *a, const struct request *r, struct answer *ret);
void read_v1_relay(struct api *a, const struct request *r, struct answer *ret);
void read_v1_errors(struct api *a, const struct request *r, struct answer *ret);

struct api {
	struct registry *registry;
	struct status_collector *status;
	struct dm_mailbox *main_box;
	struct MHD_Daemon *daemon;
	uint16_t port;
	char *worker, *advertise_host, *listen_host;
	_Atomic bool is_quiet;
	_Atomic int64_t tick_ms;
	_Atomic uint64_t answered; /* commands: what is read afterwards shows their effect */
	_Atomic size_t bodies; /* bytes of bodies that requests hold */

	struct dm_lock lock; /* LOCK_API: guards the lists */
	struct connection *connections;
	unsigned int remote_count;
	struct api_command *parked;
	unsigned int command_count; /* parked, or resumed and not complete yet */
	pthread_cond_t no_commands;
	bool is_closed;

	struct answers answers; /* HTTP thread */
};
