/*
 * The back-end channel: what a session tells its front end unasked, and the
 * error descriptors of the rings.
 *
 * In-band notifications ask for an answer, as the protocol wants, and nobody waits
 * for it: of each ring one is on its way at most, and what comes meanwhile is one
 * more after the answer. So what stands in the socket is bounded, and a front end
 * that never reads costs nothing but its channel. A channel that misbehaves is
 * closed; the session goes on.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "session.h"

#define EXPECTED_PER_RING  8u
#define ANSWERS_PER_HANDLE 32u

bool vq_vhost_channel_init(struct vq_vhost_session *s)
{
    struct vq_vhost_shared *shared = &s->shared;

    shared->channel = -1;
    shared->suspended = true;
    shared->expected_room = (uint16_t)(EXPECTED_PER_RING * s->ring_count);
    shared->expected = calloc((size_t)shared->expected_room + 1, sizeof *shared->expected);
    shared->rings = calloc((size_t)s->ring_count + 1, sizeof *shared->rings);
    if (shared->expected == NULL || shared->rings == NULL ||
        pthread_mutex_init(&shared->lock, NULL) != 0) {
        free(shared->expected);
        free(shared->rings);
        return false;
    }
    for (uint16_t i = 0; i < s->ring_count; i++)
        shared->rings[i].error_fd = -1;
    vq_vhost_receiver_init(&s->channel_receiver);
    return true;
}

void vq_vhost_channel_destroy(struct vq_vhost_session *s)
{
    vq_vhost_channel_close(s);
    for (uint16_t i = 0; i < s->ring_count; i++) {
        if (s->shared.rings[i].error_fd >= 0)
            (void)close(s->shared.rings[i].error_fd);
    }
    (void)pthread_mutex_destroy(&s->shared.lock);
    free(s->shared.expected);
    free(s->shared.rings);
}

void vq_vhost_channel_close(struct vq_vhost_session *s)
{
    struct vq_vhost_shared *shared = &s->shared;

    pthread_mutex_lock(&shared->lock);
    int fd = shared->channel;
    shared->channel = -1;
    shared->channel_dead = false;
    shared->expected_first = 0;
    shared->expected_count = 0;
    for (uint16_t i = 0; i < s->ring_count; i++) {
        shared->rings[i].call_sent = false;
        shared->rings[i].call_again = false;
        shared->rings[i].error_sent = false;
    }
    pthread_mutex_unlock(&shared->lock);
    vq_vhost_receiver_reset(&s->channel_receiver);
    if (fd >= 0) {
        /* Closing is not enough: the front end has the same open file. */
        (void)epoll_ctl(s->poll, EPOLL_CTL_DEL, fd, NULL);
        (void)close(fd);
    }
}

const char *vq_vhost_set_backend_req_fd(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    struct stat st;

    if (fstat(m->fds[0], &st) != 0 || !S_ISSOCK(st.st_mode))
        return "the channel's descriptor is no socket";
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = m->fds[0]}};
    if (epoll_ctl(s->poll, EPOLL_CTL_ADD, m->fds[0], &event) != 0)
        return "the channel's descriptor cannot be watched";
    vq_vhost_channel_close(s);
    pthread_mutex_lock(&s->shared.lock);
    s->shared.channel = vq_vhost_message_take_fd(m, 0);
    pthread_mutex_unlock(&s->shared.lock);
    vq_vhost_channel_update(s);
    return NULL;
}

/* With the lock. Sends a message about a ring that is to be answered. */
static bool tell_ring(struct vq_vhost_shared *shared, uint32_t request, uint16_t ring)
{
    struct vq_vhost_message m;

    if (shared->channel < 0 || shared->channel_dead || !shared->inband)
        return false;
    vq_vhost_message_init(&m, request, VQ_VHOST_VERSION | VQ_VHOST_NEED_REPLY, 8);
    m.payload.state.index = ring;
    if (shared->expected_count == shared->expected_room ||
        vq_vhost_send(shared->channel, &m, 0) != VQ_VHOST_IO_DONE) {
        shared->channel_dead = true;
        return false;
    }
    unsigned at = (unsigned)shared->expected_first + shared->expected_count++;
    at %= shared->expected_room;
    shared->expected[at].ring = ring;
    shared->expected[at].request = (uint16_t)request;
    return true;
}

/* With the lock. */
static void tell_config(struct vq_vhost_shared *shared)
{
    struct vq_vhost_message m;

    if (!shared->config_waits || shared->suspended || !shared->config || shared->channel < 0 ||
        shared->channel_dead)
        return;
    shared->config_waits = false;
    vq_vhost_message_init(&m, VQ_VHOST_BACKEND_CONFIG_CHANGE, VQ_VHOST_VERSION, 0);
    if (vq_vhost_send(shared->channel, &m, 0) != VQ_VHOST_IO_DONE)
        shared->channel_dead = true;
}

void vq_vhost_channel_update(struct vq_vhost_session *s)
{
    bool suspended = true;

    for (uint16_t i = 0; i < s->ring_count; i++) {
        if (s->rings[i].started)
            suspended = false;
    }
    pthread_mutex_lock(&s->shared.lock);
    s->shared.suspended = suspended;
    s->shared.inband = vq_vhost_has(s, VQ_VHOST_P_INBAND_NOTIFICATIONS);
    s->shared.config =
        vq_vhost_has(s, VQ_VHOST_P_CONFIG) && vq_vhost_has(s, VQ_VHOST_P_BACKEND_REQ);
    tell_config(&s->shared);
    pthread_mutex_unlock(&s->shared.lock);
}

void vq_vhost_session_call(struct vq_vhost_session *s, uint16_t ring)
{
    if (ring >= s->ring_count)
        return;
    pthread_mutex_lock(&s->shared.lock);
    struct vq_vhost_ring_notice *notice = &s->shared.rings[ring];
    if (notice->call_sent)
        notice->call_again = true;
    else
        notice->call_sent = tell_ring(&s->shared, VQ_VHOST_BACKEND_VRING_CALL, ring);
    pthread_mutex_unlock(&s->shared.lock);
}

void vq_vhost_channel_drain(struct vq_vhost_session *s, uint16_t index)
{
    pthread_mutex_lock(&s->shared.lock);
    struct vq_vhost_ring_notice *notice = &s->shared.rings[index];
    if (notice->call_again)
        (void)tell_ring(&s->shared, VQ_VHOST_BACKEND_VRING_CALL, index);
    notice->call_again = false;
    pthread_mutex_unlock(&s->shared.lock);
}

/*
 * 8 bytes for an eventfd or a pipe, and no wait for a full one; but for a front end
 * that makes it blocking and fills it just after the look. So never under the lock.
 */
static void signal_fd(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    uint64_t one = 1;

    if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0) {
        ssize_t ignored = write(fd, &one, sizeof one);
        (void)ignored;
    }
}

void vq_vhost_session_ring_error(struct vq_vhost_session *s, uint16_t ring)
{
    if (ring >= s->ring_count)
        return;
    pthread_mutex_lock(&s->shared.lock);
    struct vq_vhost_ring_notice *notice = &s->shared.rings[ring];
    int fd = -1;
    s->shared.needs_reset = true;
    /* A copy: the control thread may close its own meanwhile. */
    if (notice->error_fd >= 0)
        fd = fcntl(notice->error_fd, F_DUPFD_CLOEXEC, 0);
    else if (notice->error_fd != VQ_VHOST_FD_POLL && !notice->error_sent)
        notice->error_sent = tell_ring(&s->shared, VQ_VHOST_BACKEND_VRING_ERR, ring);
    pthread_mutex_unlock(&s->shared.lock);
    if (fd >= 0) {
        signal_fd(fd);
        (void)close(fd);
    }
}

void vq_vhost_error_fd(struct vq_vhost_session *s, uint16_t index, int fd)
{
    pthread_mutex_lock(&s->shared.lock);
    int former = s->shared.rings[index].error_fd;
    s->shared.rings[index].error_fd = fd;
    pthread_mutex_unlock(&s->shared.lock);
    if (former >= 0)
        (void)close(former);
}

void vq_vhost_session_config_changed(struct vq_vhost_session *s)
{
    pthread_mutex_lock(&s->shared.lock);
    s->shared.config_waits = true;
    tell_config(&s->shared);
    pthread_mutex_unlock(&s->shared.lock);
}

/* An answer must belong to the oldest message that awaits one. */
static bool take_answer(struct vq_vhost_session *s, const struct vq_vhost_message *m)
{
    struct vq_vhost_shared *shared = &s->shared;
    bool good = false;

    pthread_mutex_lock(&shared->lock);
    if (shared->expected_count != 0) {
        uint16_t request = shared->expected[shared->expected_first].request;
        uint16_t ring = shared->expected[shared->expected_first].ring;
        const struct vq_vhost_request_info *info = vq_vhost_backend_request_info(request);
        struct vq_vhost_ring_notice *notice = &shared->rings[ring];
        good = vq_vhost_check_answer(info, request, false, m) == NULL;
        shared->expected_first = (uint16_t)((shared->expected_first + 1u) % shared->expected_room);
        shared->expected_count--;
        if (request == VQ_VHOST_BACKEND_VRING_ERR) {
            notice->error_sent = false;
        } else if (good) {
            notice->call_sent =
                notice->call_again && tell_ring(shared, VQ_VHOST_BACKEND_VRING_CALL, ring);
            notice->call_again = false;
        }
    }
    pthread_mutex_unlock(&shared->lock);
    return good;
}

void vq_vhost_channel_handle(struct vq_vhost_session *s)
{
    for (unsigned i = 0; i < ANSWERS_PER_HANDLE; i++) {
        pthread_mutex_lock(&s->shared.lock);
        int fd = s->shared.channel;
        bool dead = s->shared.channel_dead;
        pthread_mutex_unlock(&s->shared.lock);
        if (fd < 0)
            return;
        if (!dead) {
            enum vq_vhost_io io = vq_vhost_receive(fd, &s->channel_receiver);
            if (io == VQ_VHOST_IO_AGAIN)
                return;
            dead = io != VQ_VHOST_IO_DONE || !take_answer(s, &s->channel_receiver.message);
        }
        vq_vhost_message_close(&s->channel_receiver.message);
        if (dead)
            vq_vhost_channel_close(s);
    }
}
