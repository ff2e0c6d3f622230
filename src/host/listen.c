/*
 * A listening Unix socket at a path.
 *
 * Trusts nothing about what stands at the path: it removes sockets only, and
 * only those that nobody answers on.
 */
#include "listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* 0: nobody listens there any more; otherwise why it must be left alone. */
static int probe(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int error =
        connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? EADDRINUSE : errno;
    close(fd);
    /* A full backlog, or a socket of another kind, is somebody's too. */
    if (error == EAGAIN || error == EPROTOTYPE)
        return EADDRINUSE;
    return error == ECONNREFUSED || error == ENOENT ? 0 : error;
}

static bool make_room(const struct sockaddr_un *address, char *why, size_t size)
{
    const char *path = address->sun_path;
    struct stat st;

    if (lstat(path, &st) != 0)
        return true;
    if (!S_ISSOCK(st.st_mode)) {
        (void)snprintf(why, size,
                       "%s exists and is not a socket: remove it, or choose another path", path);
        return false;
    }
    int error = probe(address);
    if (error == EADDRINUSE) {
        (void)snprintf(why, size,
                       "another server listens at %s: end that one, or choose another path", path);
        return false;
    }
    if (error == 0 && unlink(path) != 0 && errno != ENOENT)
        error = errno;
    if (error != 0) {
        (void)snprintf(why, size, "cannot replace the socket %s (%s): remove it by hand", path,
                       strerror(error));
        return false;
    }
    return true;
}

bool vq_listen(struct vq_listener *listener, const char *path, char *why, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    struct stat st;

    if (length == 0 || length >= sizeof(address.sun_path)) {
        (void)snprintf(why, size,
                       "a socket path has 1 to %zu characters, this one %zu: choose a shorter one",
                       sizeof(address.sun_path) - 1, length);
        return false;
    }
    memcpy(address.sun_path, path, length);
    if (!make_room(&address, why, size))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        (void)snprintf(why, size, "cannot make a socket: %s", strerror(errno));
        return false;
    }
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)snprintf(why, size, "cannot make the socket %s: %s", path, strerror(errno));
        close(fd);
        return false;
    }
    if (lstat(path, &st) != 0 || listen(fd, SOMAXCONN) != 0) {
        (void)snprintf(why, size, "cannot listen at %s: %s", path, strerror(errno));
        (void)unlink(path);
        close(fd);
        return false;
    }
    *listener =
        (struct vq_listener){.fd = fd, .path = path, .device = st.st_dev, .inode = st.st_ino};
    return true;
}

void vq_listener_close(struct vq_listener *listener)
{
    struct stat st;

    if (listener->path && lstat(listener->path, &st) == 0 && st.st_dev == listener->device &&
        st.st_ino == listener->inode)
        (void)unlink(listener->path);
    if (listener->fd >= 0)
        close(listener->fd);
    *listener = (struct vq_listener){.fd = -1};
}
