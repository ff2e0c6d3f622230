/*
 * A listening Unix socket at a path: replaces what a dead server left there,
 * and refuses to take the place of a living one.
 */
#ifndef VQ_HOST_LISTEN_H
#define VQ_HOST_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct vq_listener {
    int fd;
    const char *path; /* the caller's; must stay */
    dev_t device;     /* of the socket file, so as to remove no other */
    ino_t inode;
};

/* False: `why` (of `size` bytes) says what is in the way and what to do about it. */
bool vq_listen(struct vq_listener *listener, const char *path, char *why, size_t size);

/* Closes the socket, and removes its file if that is still the one that was made. */
void vq_listener_close(struct vq_listener *listener);

#endif
