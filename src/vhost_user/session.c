/*
 * A back end's session: its life, and the one dispatcher that judges every request
 * before a handler sees it and answers it afterwards.
 *
 * The rule for what is refused: who asked for an answer gets a failure and the
 * connection lives on; a request number that nobody knows, and that wants no
 * answer, is skipped; anything else ends the session, because the front end would
 * go on in the belief that it was done.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "session.h"

#define MESSAGES_PER_HANDLE 32
#define SEND_TIMEOUT_MS     1000

static vq_vhost_handler *const handlers[VQ_VHOST_REQUEST_COUNT] = {
    [VQ_VHOST_GET_FEATURES] = vq_vhost_get_features,
    [VQ_VHOST_SET_FEATURES] = vq_vhost_set_features,
    [VQ_VHOST_SET_OWNER] = vq_vhost_ignore,
    [VQ_VHOST_RESET_OWNER] = vq_vhost_ignore,
    [VQ_VHOST_SET_MEM_TABLE] = vq_vhost_set_mem_table,
    /* LOG_ALL is not offered: there is nothing to log, but front ends may say where. */
    [VQ_VHOST_SET_LOG_BASE] = vq_vhost_ignore,
    [VQ_VHOST_SET_LOG_FD] = vq_vhost_ignore,
    [VQ_VHOST_SET_VRING_NUM] = vq_vhost_set_vring_num,
    [VQ_VHOST_SET_VRING_ADDR] = vq_vhost_set_vring_addr,
    [VQ_VHOST_SET_VRING_BASE] = vq_vhost_set_vring_base,
    [VQ_VHOST_GET_VRING_BASE] = vq_vhost_get_vring_base,
    [VQ_VHOST_SET_VRING_KICK] = vq_vhost_set_vring_kick,
    [VQ_VHOST_SET_VRING_CALL] = vq_vhost_set_vring_call,
    [VQ_VHOST_SET_VRING_ERR] = vq_vhost_set_vring_err,
    [VQ_VHOST_GET_PROTOCOL_FEATURES] = vq_vhost_get_protocol_features,
    [VQ_VHOST_SET_PROTOCOL_FEATURES] = vq_vhost_set_protocol_features,
    [VQ_VHOST_GET_QUEUE_NUM] = vq_vhost_get_queue_num,
    [VQ_VHOST_SET_VRING_ENABLE] = vq_vhost_set_vring_enable,
    [VQ_VHOST_SET_BACKEND_REQ_FD] = vq_vhost_set_backend_req_fd,
    [VQ_VHOST_SET_VRING_ENDIAN] = vq_vhost_set_vring_endian,
    [VQ_VHOST_GET_CONFIG] = vq_vhost_get_config,
    [VQ_VHOST_SET_CONFIG] = vq_vhost_set_config,
    [VQ_VHOST_RESET_DEVICE] = vq_vhost_reset_device,
    [VQ_VHOST_VRING_KICK] = vq_vhost_vring_kick,
    [VQ_VHOST_GET_MAX_MEM_SLOTS] = vq_vhost_get_max_mem_slots,
    [VQ_VHOST_ADD_MEM_REG] = vq_vhost_add_mem_reg,
    [VQ_VHOST_REM_MEM_REG] = vq_vhost_rem_mem_reg,
    [VQ_VHOST_SET_STATUS] = vq_vhost_set_status,
    [VQ_VHOST_GET_STATUS] = vq_vhost_get_status,
};

/* What handlers above need to be negotiated; the only place that offers. */
#define OFFERED_PROTOCOL                                                                           \
    (VQ_VHOST_BIT(VQ_VHOST_P_MQ) | VQ_VHOST_BIT(VQ_VHOST_P_REPLY_ACK) |                            \
     VQ_VHOST_BIT(VQ_VHOST_P_BACKEND_REQ) | VQ_VHOST_BIT(VQ_VHOST_P_CROSS_ENDIAN) |                \
     VQ_VHOST_BIT(VQ_VHOST_P_CONFIG) | VQ_VHOST_BIT(VQ_VHOST_P_RESET_DEVICE) |                     \
     VQ_VHOST_BIT(VQ_VHOST_P_INBAND_NOTIFICATIONS) |                                               \
     VQ_VHOST_BIT(VQ_VHOST_P_CONFIGURE_MEM_SLOTS) | VQ_VHOST_BIT(VQ_VHOST_P_STATUS))

/* Device features that need a part of the transport which is not here, or that never travel so:
 * dirty log, IOMMU, and what belongs to the registers of a PCI or MMIO device. */
#define NOT_OFFERED                                                                                \
    (VQ_VHOST_BIT(VQ_VHOST_F_LOG_ALL) | VQ_VHOST_BIT(VQ_VHOST_F_PROTOCOL_FEATURES) |               \
     VQ_VHOST_BIT(VQ_F_ACCESS_PLATFORM) | VQ_VHOST_BIT(VQ_F_SR_IOV) |                              \
     VQ_VHOST_BIT(VQ_F_NOTIFICATION_DATA) | VQ_VHOST_BIT(VQ_F_NOTIF_CONFIG_DATA) |                 \
     VQ_VHOST_BIT(VQ_F_RING_RESET) | VQ_VHOST_BIT(VQ_F_ADMIN_VQ) | VQ_VHOST_BIT(VQ_F_SUSPEND))

static uint64_t protocol_offer(uint64_t hidden)
{
    uint64_t offer = OFFERED_PROTOCOL & ~hidden;
    uint64_t inband_needs =
        VQ_VHOST_BIT(VQ_VHOST_P_REPLY_ACK) | VQ_VHOST_BIT(VQ_VHOST_P_BACKEND_REQ);

    if ((offer & inband_needs) != inband_needs)
        offer &= ~VQ_VHOST_BIT(VQ_VHOST_P_INBAND_NOTIFICATIONS);
    return offer;
}

static bool watch(struct vq_vhost_session *s, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};

    return epoll_ctl(s->poll, EPOLL_CTL_ADD, fd, &event) == 0;
}

struct vq_vhost_session *vq_vhost_session_create(int socket, struct vq_device_model *model,
                                                 const struct vq_vhost_host_ops *ops, void *host,
                                                 const struct vq_vhost_session_options *options)
{
    static const struct vq_vhost_session_options defaults;
    if (options == NULL)
        options = &defaults;

    uint16_t count = model->ops->queue_count(model);
    if (count > VQ_VHOST_RINGS_MAX)
        count = VQ_VHOST_RINGS_MAX;
    struct vq_vhost_session *s = calloc(1, sizeof *s + count * sizeof s->rings[0]);
    if (s == NULL) {
        (void)close(socket);
        return NULL;
    }
    s->socket = socket;
    s->model = model;
    s->model->big_endian = false;
    s->ops = ops;
    s->host = host;
    s->ring_count = count;
    s->memory_slots = options->memory_slots;
    if (s->memory_slots == 0 || s->memory_slots > VQ_MEMORY_REGIONS_MAX)
        s->memory_slots = VQ_MEMORY_REGIONS_MAX;
    if (s->memory_slots < VQ_VHOST_TABLE_REGIONS)
        s->memory_slots = VQ_VHOST_TABLE_REGIONS;
    s->send_timeout_ms = SEND_TIMEOUT_MS;
    if (options->send_timeout_ms != 0 && options->send_timeout_ms <= INT32_MAX)
        s->send_timeout_ms = (int)options->send_timeout_ms;
    struct vq_features offered = model->ops->offered(model);
    s->offered = (vq_features_low64(&offered) & ~options->hidden_features & ~NOT_OFFERED) |
                 VQ_VHOST_BIT(VQ_VHOST_F_PROTOCOL_FEATURES);
    s->offered_protocol = protocol_offer(options->hidden_protocol_features);
    for (uint16_t i = 0; i < count; i++)
        s->rings[i].big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    vq_vhost_receiver_init(&s->receiver);

    const char *ignored;
    s->poll = -1;
    s->guard.wake = -1;
    if (!vq_vhost_channel_init(s)) {
        (void)close(socket);
        free(s);
        return NULL;
    }
    s->memory = vq_vhost_memory_table(NULL, NULL, 0, &s->guard, &ignored);
    s->poll = epoll_create1(EPOLL_CLOEXEC);
    s->guard.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->memory == NULL || s->poll < 0 || s->guard.wake < 0 || !watch(s, socket) ||
        !watch(s, s->guard.wake)) {
        int error = errno;
        vq_vhost_session_destroy(s);
        errno = error;
        return NULL;
    }
    if (!options->leave_sigbus_alone)
        vq_vhost_sigbus_install();
    return s;
}

int vq_vhost_session_fd(const struct vq_vhost_session *s)
{
    return s->poll;
}

const char *vq_vhost_session_reason(const struct vq_vhost_session *s)
{
    return s->reason;
}

void vq_vhost_session_info(const struct vq_vhost_session *s, struct vq_vhost_session_info *info)
{
    memset(info, 0, sizeof *info);
    info->features = s->features;
    info->protocol_features = s->protocol_features;
    info->memory_regions = s->memory->count;
    for (uint16_t i = 0; i < s->ring_count; i++)
        info->rings_running += s->rings[i].running;
}

static void end(struct vq_vhost_session *s, enum vq_vhost_session_state state)
{
    s->state = state;
    vq_vhost_rings_stop(s);
}

static void explain(struct vq_vhost_session *s, const char *name, const char *reason)
{
    (void)snprintf(s->reason, sizeof s->reason, "%s%s%s", name, name[0] != '\0' ? ": " : "",
                   reason);
}

static void break_off(struct vq_vhost_session *s, const char *name, const char *reason)
{
    explain(s, name, reason);
    end(s, VQ_VHOST_SESSION_BROKEN);
}

void vq_vhost_answer_u64(struct vq_vhost_session *s, const struct vq_vhost_message *m,
                         uint64_t value)
{
    vq_vhost_message_init(&s->reply, m->header.request, VQ_VHOST_REPLY_FLAGS, 8);
    s->reply.payload.u64 = value;
}

static void send_reply(struct vq_vhost_session *s, const char *name)
{
    switch (vq_vhost_send(s->socket, &s->reply, s->send_timeout_ms)) {
    case VQ_VHOST_IO_DONE:
        break;
    case VQ_VHOST_IO_CLOSED:
        explain(s, name, "the front end went away before the answer");
        end(s, VQ_VHOST_SESSION_CLOSED);
        break;
    case VQ_VHOST_IO_TIMEOUT:
        break_off(s, name, "the front end does not read its answers");
        break;
    default:
        break_off(s, name, "sending the answer failed");
    }
}

static bool negotiated(const struct vq_vhost_session *s, const struct vq_vhost_request_info *info)
{
    if (info->protocol_feature != VQ_VHOST_ALWAYS &&
        !vq_vhost_has(s, (unsigned)info->protocol_feature))
        return false;
    if (info->feature == VQ_VHOST_ALWAYS)
        return true;
    /* Before SET_FEATURES nobody can tell; a front end may well ask for protocol features first. */
    return !s->features_set || (s->features >> info->feature & 1) != 0;
}

/* A ring message while the ring is busy. Of a ring that was only disabled the front end may have
 * let go without a word (User-mode Linux does): such a ring is stopped by its new configuration. */
static const char *check_when(struct vq_vhost_session *s, const struct vq_vhost_request_info *info,
                              uint32_t index)
{
    struct vq_vhost_ring *ring = &s->rings[index];

    if (info->when != VQ_VHOST_WHEN_STOPPED || !ring->started)
        return NULL;
    if (ring->enabled)
        return "not while the ring is in use";
    vq_vhost_ring_stop(s, (uint16_t)index);
    return NULL;
}

static const char *judge(struct vq_vhost_session *s, const struct vq_vhost_request_info *info,
                         struct vq_vhost_message *m)
{
    if (!negotiated(s, info))
        return "the feature that it needs was not negotiated";
    const char *reason = vq_vhost_check(info, m);
    if (reason == NULL && info->names != VQ_VHOST_NAMES_NONE) {
        /* In the width of the field: no cut to 16 bits before the check. */
        uint64_t index = info->names == VQ_VHOST_NAMES_WORD ? m->payload.u64 & ~VQ_VHOST_VRING_NO_FD
                                                            : m->payload.state.index;
        if (index >= s->ring_count)
            return "no such ring";
        reason = check_when(s, info, (uint32_t)index);
    }
    return reason != NULL ? reason : handlers[m->header.request](s, m);
}

/* SET_PROTOCOL_FEATURES is judged by what it sets: User-mode Linux asks for an answer to it. */
static bool wants_ack(const struct vq_vhost_session *s, const struct vq_vhost_message *m)
{
    if ((m->header.flags & VQ_VHOST_NEED_REPLY) == 0)
        return false;
    if (vq_vhost_has(s, VQ_VHOST_P_REPLY_ACK))
        return true;
    return m->header.request == VQ_VHOST_SET_PROTOCOL_FEATURES && m->header.size == 8 &&
           (m->payload.u64 & VQ_VHOST_BIT(VQ_VHOST_P_REPLY_ACK)) != 0;
}

static void dispatch(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    uint32_t request = m->header.request;
    const struct vq_vhost_request_info *info = vq_vhost_request_info(request);
    const char *name = info != NULL ? info->name : "unknown request";
    const char *reason;

    if ((m->header.flags & VQ_VHOST_REPLY) != 0) {
        break_off(s, name, "a reply where only requests come");
        return;
    }
    if (info == NULL || handlers[request] == NULL)
        reason = "not known here";
    else
        reason = judge(s, info, m);

    bool own = info != NULL && info->answer == VQ_VHOST_ANSWER_OWN;
    if (reason == NULL) {
        if (!own && !wants_ack(s, m))
            return;
        if (!own)
            vq_vhost_answer_u64(s, m, 0);
        send_reply(s, name);
        return;
    }
    explain(s, name, reason);
    if (s->fatal) {
        end(s, VQ_VHOST_SESSION_BROKEN);
    } else if (info != NULL && request == VQ_VHOST_GET_CONFIG && negotiated(s, info)) {
        vq_vhost_message_init(&s->reply, request, VQ_VHOST_REPLY_FLAGS, 0);
        send_reply(s, name);
    } else if (wants_ack(s, m)) {
        vq_vhost_answer_u64(s, m, 1);
        send_reply(s, name);
    } else if (info != NULL) {
        end(s, VQ_VHOST_SESSION_BROKEN);
    }
}

static void handle_socket(struct vq_vhost_session *s)
{
    for (unsigned i = 0; i < MESSAGES_PER_HANDLE && s->state == VQ_VHOST_SESSION_LIVE; i++) {
        switch (vq_vhost_receive(s->socket, &s->receiver)) {
        case VQ_VHOST_IO_DONE:
            dispatch(s, &s->receiver.message);
            /* Whatever no handler took. */
            vq_vhost_message_close(&s->receiver.message);
            break;
        case VQ_VHOST_IO_AGAIN:
            return;
        case VQ_VHOST_IO_CLOSED:
            end(s, VQ_VHOST_SESSION_CLOSED);
            break;
        default:
            break_off(s, "", s->receiver.reason);
        }
    }
}

enum vq_vhost_session_state vq_vhost_session_handle(struct vq_vhost_session *s)
{
    if (s->state == VQ_VHOST_SESSION_LIVE)
        handle_socket(s);
    if (s->state == VQ_VHOST_SESSION_LIVE)
        vq_vhost_channel_handle(s);
    /* Last, so that a tear seen while handling ends the session now. */
    if (s->state == VQ_VHOST_SESSION_LIVE && atomic_load(&s->guard.torn))
        break_off(s, "",
                  "memory of the front end is not there: it truncated the file, or no huge page is "
                  "free for it, or its file system is full");
    return s->state;
}

void vq_vhost_session_destroy(struct vq_vhost_session *s)
{
    if (s == NULL)
        return;
    vq_vhost_rings_stop(s);
    for (uint16_t i = 0; i < s->ring_count; i++) {
        if (s->rings[i].kick_given)
            (void)s->ops->ring_kick_fd(s->host, i, VQ_VHOST_FD_NONE);
        if (s->rings[i].call_given)
            (void)s->ops->ring_call_fd(s->host, i, VQ_VHOST_FD_NONE);
    }
    s->model->ops->reset(s->model);
    vq_vhost_channel_destroy(s);
    vq_vhost_receiver_reset(&s->receiver);
    vq_vhost_memory_free(s->memory);
    if (s->guard.wake >= 0)
        (void)close(s->guard.wake);
    if (s->poll >= 0)
        (void)close(s->poll);
    (void)close(s->socket);
    free(s);
}
