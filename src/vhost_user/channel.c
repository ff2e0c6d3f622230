/*
 * Messages and descriptors over a Unix stream socket.
 *
 * Descriptors are taken out of the ancillary data before the header is judged, so
 * that every error closes them. The size field is bounded before anything is read
 * on its account.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "channel.h"
#include "clock.h"

#define HEADER sizeof(struct vq_vhost_header)

union control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(VQ_VHOST_FDS_MAX * sizeof(int))];
};

void vq_vhost_receiver_init(struct vq_vhost_receiver *receiver)
{
    memset(receiver, 0, sizeof *receiver);
}

void vq_vhost_receiver_reset(struct vq_vhost_receiver *receiver)
{
    vq_vhost_message_close(&receiver->message);
    receiver->received = 0;
}

static enum vq_vhost_io fail(struct vq_vhost_receiver *receiver, const char *reason, int error)
{
    vq_vhost_receiver_reset(receiver);
    receiver->reason = reason;
    receiver->error = error;
    return VQ_VHOST_IO_ERROR;
}

/* Moves all descriptors of `header` into the message; returns how many did not fit. */
static size_t collect_fds(struct vq_vhost_message *message, struct msghdr *header)
{
    size_t excess = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (message->fd_count < VQ_VHOST_FDS_MAX) {
                message->fds[message->fd_count++] = fd;
            } else {
                (void)close(fd);
                excess++;
            }
        }
    }
    return excess;
}

/* One recvmsg of up to `bytes` into `to`. Returns IO_DONE when something came. */
static enum vq_vhost_io receive_some(int socket, struct vq_vhost_receiver *receiver, void *to,
                                     size_t bytes)
{
    union control control;
    struct iovec iov = {to, bytes};
    struct msghdr header = {.msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    ssize_t got;

    do {
        got = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return VQ_VHOST_IO_AGAIN;
        /* A peer that dies with our messages unread resets the connection. */
        if (errno == ECONNRESET && receiver->received == 0)
            return VQ_VHOST_IO_CLOSED;
        return fail(receiver, "receiving failed", errno);
    }

    uint32_t before = receiver->message.fd_count;
    size_t excess = collect_fds(&receiver->message, &header);
    if (excess != 0 || (header.msg_flags & MSG_CTRUNC) != 0)
        return fail(receiver, "more descriptors than a message may have", 0);
    if (got == 0) {
        if (receiver->received == 0 && receiver->message.fd_count == 0)
            return VQ_VHOST_IO_CLOSED;
        return fail(receiver, "connection closed in the middle of a message", 0);
    }
    if (receiver->received != 0 && receiver->message.fd_count != before)
        return fail(receiver, "descriptors in the middle of a message", 0);
    receiver->received += (size_t)got;
    return VQ_VHOST_IO_DONE;
}

enum vq_vhost_io vq_vhost_receive(int socket, struct vq_vhost_receiver *receiver)
{
    struct vq_vhost_message *message = &receiver->message;
    enum vq_vhost_io io;

    if (receiver->received >= HEADER && receiver->received == HEADER + message->header.size)
        vq_vhost_receiver_reset(receiver);
    if (receiver->received == 0)
        vq_vhost_message_init(message, 0, 0, 0);

    while (receiver->received < HEADER) {
        io = receive_some(socket, receiver, (uint8_t *)&message->header + receiver->received,
                          HEADER - receiver->received);
        if (io != VQ_VHOST_IO_DONE)
            return io;
    }
    if ((message->header.flags & VQ_VHOST_VERSION_MASK) != VQ_VHOST_VERSION)
        return fail(receiver, "header with a version other than 1", 0);
    if (message->header.size > VQ_VHOST_PAYLOAD_MAX)
        return fail(receiver, "header announces a payload beyond any message", 0);

    size_t whole = HEADER + message->header.size;
    while (receiver->received < whole) {
        io = receive_some(socket, receiver, message->payload.bytes + (receiver->received - HEADER),
                          whole - receiver->received);
        if (io != VQ_VHOST_IO_DONE)
            return io;
    }
    return VQ_VHOST_IO_DONE;
}

/* Waits for `events` until `deadline` (negative: for ever). */
static enum vq_vhost_io wait_for(int socket, short events, int64_t deadline)
{
    for (;;) {
        struct pollfd p = {.fd = socket, .events = events};
        int64_t left = -1;
        if (deadline >= 0) {
            left = deadline - vq_clock_ms();
            if (left < 0)
                left = 0;
        }
        int n = poll(&p, 1, (int)left);
        if (n > 0)
            return VQ_VHOST_IO_DONE;
        if (n == 0)
            return VQ_VHOST_IO_TIMEOUT;
        if (errno != EINTR)
            return VQ_VHOST_IO_ERROR;
    }
}

static int64_t deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : vq_clock_ms() + timeout_ms;
}

enum vq_vhost_io vq_vhost_receive_wait(int socket, struct vq_vhost_receiver *receiver,
                                       int timeout_ms)
{
    int64_t deadline = deadline_of(timeout_ms);

    for (;;) {
        enum vq_vhost_io io = vq_vhost_receive(socket, receiver);
        if (io != VQ_VHOST_IO_AGAIN)
            return io;
        io = wait_for(socket, POLLIN, deadline);
        if (io == VQ_VHOST_IO_TIMEOUT) {
            vq_vhost_receiver_reset(receiver);
            return io;
        }
        if (io == VQ_VHOST_IO_ERROR)
            return fail(receiver, "waiting failed", errno);
    }
}

enum vq_vhost_io vq_vhost_send(int socket, const struct vq_vhost_message *message, int timeout_ms)
{
    union control control;
    size_t sent = 0;
    size_t whole = HEADER + message->header.size;
    int64_t deadline = deadline_of(timeout_ms);

    if (message->header.size > VQ_VHOST_PAYLOAD_MAX || message->fd_count > VQ_VHOST_FDS_MAX)
        return VQ_VHOST_IO_ERROR;
    while (sent < whole) {
        struct iovec iov[2];
        struct msghdr header = {.msg_iov = iov};
        if (sent < HEADER) {
            iov[0].iov_base = (uint8_t *)(uintptr_t)&message->header + sent;
            iov[0].iov_len = HEADER - sent;
            iov[1].iov_base = (void *)(uintptr_t)message->payload.bytes;
            iov[1].iov_len = message->header.size;
            header.msg_iovlen = 2;
        } else {
            iov[0].iov_base = (uint8_t *)(uintptr_t)message->payload.bytes + (sent - HEADER);
            iov[0].iov_len = whole - sent;
            header.msg_iovlen = 1;
        }
        if (sent == 0 && message->fd_count != 0) {
            size_t bytes = message->fd_count * sizeof(int);
            memset(&control, 0, sizeof control);
            header.msg_control = control.bytes;
            header.msg_controllen = CMSG_SPACE(bytes);
            struct cmsghdr *c = CMSG_FIRSTHDR(&header);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(bytes);
            memcpy(CMSG_DATA(c), message->fds, bytes);
        }
        ssize_t n = sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0) {
            sent += (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            enum vq_vhost_io io = wait_for(socket, POLLOUT, deadline);
            if (io != VQ_VHOST_IO_DONE)
                return io;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return VQ_VHOST_IO_CLOSED;
        } else if (errno != EINTR) {
            return VQ_VHOST_IO_ERROR;
        }
    }
    return VQ_VHOST_IO_DONE;
}
