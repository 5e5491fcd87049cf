/* api.h - HTTP: who may ask what, and the answers. One thread of libmicrohttpd's own.
 *
 * Owner: the worker; all calls on the main thread. Reads are answered from a snapshot that is shared by all
 * requests of some 20 ms. A command is posted to the main mailbox and its request parked until the registry
 * answers; the client may be gone by then, and so may the api. Bounded: connections, sizes, and the time of
 * each phase of a request (10 s). Commands come from loopback only, with a Host and an Origin that are ours. */
#pragma once

#include <stdint.h>

#include "dm/error.h"

struct dm_mailbox;
struct registry;
struct status_collector;
struct worker_conf;

struct api_env { /* borrowed; outlive the api, but for conf */
	const struct worker_conf *conf; /* listen and advertise address; copied */
	struct registry *registry;
	struct status_collector *status;
	struct dm_mailbox *main_box;
	int listen_fd; /* of socket activation, is taken over; -1: bind what conf says */
};
struct api;
/* Answers from here on. 40069 for a bad address, 40048 when it cannot be bound. */
int api_start(struct api **ret, const struct api_env *env, struct dm_error *reterr);
/* About once a second: cuts connections that are too slow, and shows /livez that the main loop lives. */
void api_tick(struct api *a);
/* The process is stopping: /readyz says so, new commands are refused (40049); those under way are still answered. */
void api_quiesce(struct api *a);
/* Requests that still wait are answered 503. Run the main mailbox once more afterwards: mail may lie in it. */
void api_free(struct api *a);
uint16_t api_port(const struct api *a); /* that is listened on; 0 for a socket that is not TCP */
