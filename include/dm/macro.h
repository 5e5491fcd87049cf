/* macro.h - ownership on the line of the resource.
 *
 * DM_CLEANUP(fn) calls fn(&variable) when the variable leaves its scope. take_fd() and
 * take_ptr() hand a resource over: the variable is emptied, so that its cleanup does nothing. */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define DM_CLEANUP(fn) __attribute__((cleanup(fn)))
#define DM_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#define DM_SENTINEL __attribute__((sentinel))
#define DM_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DM_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void fd_closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* only for descriptors whose data is already safe or unwanted */
	*fd = -1;
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void freep(void *ptr)
{
	free(*(void **)ptr);
	*(void **)ptr = NULL;
}

#define take_ptr(ptr) \
	({ \
		__typeof__(ptr) taken_ = (ptr); \
		(ptr) = NULL; \
		taken_; \
	})
