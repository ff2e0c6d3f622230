/*
 * The front end's connection: one request at a time, its answer, and meanwhile
 * the requests of the back end on the channel that it was given.
 *
 * The back end is hostile and may be dead. Every wait ends, every answer is
 * checked against the table of the protocol, every descriptor that comes is
 * closed (a front end like this needs none). What goes wrong ends the connection.
 */
#include "frontend.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

enum vq_error vq_vhost_link_init(struct vq_vhost_link *link, int socket, int timeout_ms)
{
    link->socket = socket;
    link->backend = -1;
    link->timeout_ms = timeout_ms;
    vq_vhost_receiver_init(&link->replies);
    vq_vhost_receiver_init(&link->requests);
    return pthread_mutex_init(&link->lock, NULL) == 0 ? VQ_OK : VQ_ERR_IO;
}

void vq_vhost_link_close(struct vq_vhost_link *link)
{
    vq_vhost_receiver_reset(&link->replies);
    vq_vhost_receiver_reset(&link->requests);
    if (link->socket >= 0)
        (void)close(link->socket);
    if (link->backend >= 0)
        (void)close(link->backend);
    (void)pthread_mutex_destroy(&link->lock);
}

enum vq_error vq_vhost_link_break(struct vq_vhost_link *link, const char *reason)
{
    const char *none = NULL;
    if (atomic_compare_exchange_strong(&link->reason, &none, reason))
        /* Not closed: another thread may be waiting for the descriptor. */
        (void)shutdown(link->socket, SHUT_RDWR);
    return VQ_ERR_BROKEN;
}

/* The same, telling which request it was about. Called with the lock held. */
static enum vq_error break_at(struct vq_vhost_link *link, uint32_t request, const char *what)
{
    const struct vq_vhost_request_info *info = vq_vhost_request_info(request);
    if (!vq_vhost_link_alive(link))
        return VQ_ERR_BROKEN;
    (void)snprintf(link->words, sizeof link->words, "%s: %s", info != NULL ? info->name : "?",
                   what);
    return vq_vhost_link_break(link, link->words);
}

/* Does what a request of the back end says; 0 or the failure that is answered. */
static uint64_t obey(struct vq_vhost_link *link, const struct vq_vhost_message *message)
{
    uint32_t request = message->header.request;
    const struct vq_vhost_request_info *info = vq_vhost_backend_request_info(request);
    if (info == NULL || vq_vhost_check(info, message) != NULL)
        return 1;
    if (info->protocol_feature != VQ_VHOST_ALWAYS &&
        !vq_vhost_link_has(link, (unsigned)info->protocol_feature))
        return 1;
    uint32_t ring = message->payload.state.index;
    switch (request) {
    case VQ_VHOST_BACKEND_CONFIG_CHANGE:
        atomic_store(&link->config_changed, true);
        return 0;
    case VQ_VHOST_BACKEND_VRING_CALL:
    case VQ_VHOST_BACKEND_VRING_ERR:
        if (ring >= VQ_VHOST_RINGS_MAX)
            return 1;
        atomic_store(request == VQ_VHOST_BACKEND_VRING_CALL ? &link->called[ring]
                                                            : &link->failed[ring],
                     true);
        return 0;
    default:
        return 1;
    }
}

static void drop_backend_channel(struct vq_vhost_link *link)
{
    vq_vhost_receiver_reset(&link->requests);
    (void)shutdown(link->backend, SHUT_RDWR);
    atomic_store(&link->channel_over, true);
}

/* One batch of requests of the back end, at most; the lock is held. False: the channel is over. */
static bool serve_locked(struct vq_vhost_link *link)
{
    for (unsigned i = 0; i < 64; i++) {
        enum vq_vhost_io io = vq_vhost_receive(link->backend, &link->requests);
        if (io == VQ_VHOST_IO_AGAIN)
            return true;
        if (io != VQ_VHOST_IO_DONE) {
            drop_backend_channel(link);
            return false;
        }
        struct vq_vhost_message *message = &link->requests.message;
        uint64_t answer = obey(link, message);
        bool wanted = (message->header.flags & VQ_VHOST_NEED_REPLY) != 0 &&
                      vq_vhost_link_has(link, VQ_VHOST_P_REPLY_ACK);
        uint32_t request = message->header.request;
        vq_vhost_message_close(message);
        if (!wanted)
            continue;
        struct vq_vhost_message reply;
        vq_vhost_message_init(&reply, request, VQ_VHOST_REPLY_FLAGS, sizeof reply.payload.u64);
        reply.payload.u64 = answer;
        if (vq_vhost_send(link->backend, &reply, 0) != VQ_VHOST_IO_DONE) {
            drop_backend_channel(link);
            return false;
        }
    }
    return true;
}

void vq_vhost_link_serve(struct vq_vhost_link *link)
{
    /* Whoever holds the lock serves the channel while it waits for its answer. */
    if (link->backend < 0 || atomic_load(&link->channel_over) ||
        pthread_mutex_trylock(&link->lock) != 0)
        return;
    (void)serve_locked(link);
    (void)pthread_mutex_unlock(&link->lock);
}

static enum vq_error send_locked(struct vq_vhost_link *link, const struct vq_vhost_message *message)
{
    if (!vq_vhost_link_alive(link))
        return VQ_ERR_BROKEN;
    uint32_t request = message->header.request;
    switch (vq_vhost_send(link->socket, message, link->timeout_ms)) {
    case VQ_VHOST_IO_DONE:
        return VQ_OK;
    case VQ_VHOST_IO_TIMEOUT:
    case VQ_VHOST_IO_AGAIN:
        (void)break_at(link, request, "the back end takes no message");
        return VQ_ERR_TIMEOUT;
    default:
        return break_at(link, request, "the back end closed the connection");
    }
}

/* Waits for one whole message on the main socket, and serves the back end's channel meanwhile. */
static enum vq_error receive_locked(struct vq_vhost_link *link, uint32_t request)
{
    int64_t end = vq_clock_ms() + link->timeout_ms;
    bool channel = link->backend >= 0 && !atomic_load(&link->channel_over);
    for (;;) {
        switch (vq_vhost_receive(link->socket, &link->replies)) {
        case VQ_VHOST_IO_DONE:
            return VQ_OK;
        case VQ_VHOST_IO_AGAIN:
            break;
        case VQ_VHOST_IO_CLOSED:
            return break_at(link, request, "the back end closed the connection");
        default:
            return break_at(link, request,
                            link->replies.reason != NULL ? link->replies.reason
                                                         : "the connection failed");
        }
        int64_t left = end - vq_clock_ms();
        if (left <= 0) {
            (void)break_at(link, request, "the back end does not answer");
            return VQ_ERR_TIMEOUT;
        }
        struct pollfd wait[2] = {{.fd = link->socket, .events = POLLIN},
                                 {.fd = channel ? link->backend : -1, .events = POLLIN}};
        if (poll(wait, 2, (int)left) < 0 && errno != EINTR)
            return break_at(link, request, "cannot wait for the back end");
        if (wait[1].revents != 0)
            channel = serve_locked(link);
    }
}

/* The request and its answer, which is `own` or an acknowledgement. */
static enum vq_error exchange_locked(struct vq_vhost_link *link, struct vq_vhost_message *message,
                                     bool own)
{
    uint32_t request = message->header.request;
    enum vq_error error = send_locked(link, message);
    if (error == VQ_OK)
        error = receive_locked(link, request);
    if (error != VQ_OK)
        return error;
    const char *wrong =
        vq_vhost_check_answer(vq_vhost_request_info(request), request, own, &link->replies.message);
    vq_vhost_message_close(&link->replies.message);
    if (wrong != NULL)
        return break_at(link, request, wrong);
    *message = link->replies.message;
    return VQ_OK;
}

enum vq_error vq_vhost_ask(struct vq_vhost_link *link, struct vq_vhost_message *message)
{
    (void)pthread_mutex_lock(&link->lock);
    enum vq_error error = exchange_locked(link, message, true);
    (void)pthread_mutex_unlock(&link->lock);
    return error;
}

static enum vq_error fence_locked(struct vq_vhost_link *link)
{
    struct vq_vhost_message message;
    vq_vhost_message_init(&message, VQ_VHOST_GET_FEATURES, VQ_VHOST_VERSION, 0);
    return exchange_locked(link, &message, true);
}

enum vq_error vq_vhost_tell(struct vq_vhost_link *link, struct vq_vhost_message *message)
{
    enum vq_error error;
    (void)pthread_mutex_lock(&link->lock);
    if (vq_vhost_link_has(link, VQ_VHOST_P_REPLY_ACK)) {
        message->header.flags |= VQ_VHOST_NEED_REPLY;
        error = exchange_locked(link, message, false);
        if (error == VQ_OK && message->payload.u64 != 0)
            error = VQ_ERR_UNSUPPORTED;
    } else {
        error = send_locked(link, message);
        if (error == VQ_OK)
            error = fence_locked(link);
    }
    (void)pthread_mutex_unlock(&link->lock);
    return error;
}

enum vq_error vq_vhost_post(struct vq_vhost_link *link, struct vq_vhost_message *message)
{
    (void)pthread_mutex_lock(&link->lock);
    enum vq_error error = send_locked(link, message);
    (void)pthread_mutex_unlock(&link->lock);
    return error;
}
