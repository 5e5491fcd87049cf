/* hang.c - a library to preload: calls that never come back, as a dead disk and a dead resolver make them.
 *
 * DM_HANG_SYNC: while that file exists, fsync() and fdatasync() wait. DM_HANG_LOOKUP: getaddrinfo() of that name
 * never returns. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void wait_while_hanging(void)
{
	const char *file = getenv("DM_HANG_SYNC");

	while (file && access(file, F_OK) == 0)
		(void)poll(NULL, 0, 20);
}

int fsync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");

	wait_while_hanging();
	return real(fd);
}

int fdatasync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

	wait_while_hanging();
	return real(fd);
}

int getaddrinfo(
	const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
		(int (*)(const char *, const char *, const struct addrinfo *,
			struct addrinfo **))dlsym(RTLD_NEXT, "getaddrinfo");
	const char *hangs = getenv("DM_HANG_LOOKUP");

	while (name && hangs && strcmp(name, hangs) == 0)
		(void)poll(NULL, 0, 1000);
	return real(name, service, hints, ret);
}
