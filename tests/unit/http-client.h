/* http-client.h - a raw HTTP client and the main loop in one thread: it runs the mailbox while it waits. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dm/clock.h"
#include "dm/str.h"
#include "dm/thread.h"

enum { CLIENT_WAIT_MS = 20000 };

struct reply {
	int status; /* 0: the connection ended without one */
	struct dm_str head, body;
};

static inline void reply_done(struct reply *r)
{
	dm_str_done(&r->head);
	dm_str_done(&r->body);
	r->status = 0;
}

static inline int client_connect(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const void *)&to, sizeof(to)), 0);
	return fd;
}

/* What the other side no longer takes is not sent. */
static inline void client_send(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

/* The value of a header of the reply, or NULL. Caller frees. */
static inline char *reply_header(const struct reply *r, const char *name)
{
	for (const char *line = strstr(dm_str_get(&r->head), "\r\n"); line;
		line = strstr(line + 2, "\r\n")) {
		const char *at = line + 2;
		size_t len = strlen(name);

		if (strncasecmp(at, name, len) == 0 && at[len] == ':') {
			at += len + 1;
			at += strspn(at, " ");
			return dm_strndup(at, strcspn(at, "\r"));
		}
	}
	return NULL;
}

static inline void split_reply(struct dm_str *bytes, struct reply *ret)
{
	const char *end = bytes->len ? strstr(bytes->data, "\r\n\r\n") : NULL;
	size_t head = end ? (size_t)(end - bytes->data) + 4 : bytes->len;

	dm_str_add_bytes(&ret->head, dm_str_get(bytes), head);
	if (ret->head.len > 0 && sscanf(ret->head.data, "HTTP/%*d.%*d %d", &ret->status) != 1)
		ret->status = 0;
	dm_str_add_bytes(&ret->body, dm_str_get(bytes) + head, bytes->len - head);
}

static inline bool reply_is_whole(const struct dm_str *bytes, bool is_head)
{
	struct reply r = { 0 };
	struct dm_str copy = *bytes;
	char *length;
	bool is_whole;

	if (bytes->len == 0 || !strstr(bytes->data, "\r\n\r\n"))
		return false;
	split_reply(&copy, &r);
	length = reply_header(&r, "Content-Length");
	is_whole = length && (is_head || r.body.len >= strtoull(length, NULL, 10));
	free(length);
	reply_done(&r);
	return is_whole;
}

/* Reads one reply, or until the end; runs the mailbox meanwhile when it is given. */
static inline void client_read(int fd, struct dm_mailbox *box, bool is_head, struct reply *ret)
{
	int64_t until_ms = dm_mono_ms() + CLIENT_WAIT_MS;
	struct dm_str bytes = { 0 };

	reply_done(ret);
	while (!reply_is_whole(&bytes, is_head)) {
		struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
			{ .fd = box ? box->fd : -1, .events = POLLIN } };
		char part[65536];
		ssize_t n;

		if (dm_mono_ms() > until_ms)
			fail_msg("no reply in time");
		(void)poll(fds, 2, 100);
		if (box)
			dm_mailbox_run(box);
		n = recv(fd, part, sizeof(part), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			break;
		if (n > 0)
			dm_str_add_bytes(&bytes, part, (size_t)n);
	}
	split_reply(&bytes, ret);
	dm_str_done(&bytes);
}

static inline void client_ask(
	uint16_t port, struct dm_mailbox *box, const char *text, size_t len, struct reply *ret)
{
	int fd = client_connect(port);

	client_send(fd, text, len);
	client_read(fd, box, strncmp(text, "HEAD", 4) == 0, ret);
	(void)close(fd); /* only read from */
}
