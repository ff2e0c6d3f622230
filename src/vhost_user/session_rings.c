/*
 * Requests about rings: their set-up, their start and stop, their descriptors.
 *
 * Set-up messages may come in any order, so most of what they say can be judged
 * only together: when the ring starts.
 */
#include <fcntl.h>
#include <stdio.h>

#include <ring/barrier.h>
#include <ring/packed.h>

#include "session.h"

#define QUEUE_SIZE_MAX 32768u

static bool packed(const struct vq_vhost_session *s)
{
    return (s->features & VQ_VHOST_BIT(VQ_F_RING_PACKED)) != 0;
}

static struct vq_vhost_ring *ring_of(struct vq_vhost_session *s, const struct vq_vhost_message *m)
{
    return &s->rings[m->payload.state.index];
}

static const char *check_size(const struct vq_vhost_session *s, uint16_t index, uint32_t size)
{
    if (size == 0 || size > QUEUE_SIZE_MAX)
        return "queue size outside 1 to 32768";
    if (size > s->model->ops->queue_size_max(s->model, index))
        return "queue size beyond what the device has";
    if (!packed(s) && s->features_set && (size & (size - 1)) != 0)
        return "size of a split queue that is no power of two";
    return NULL;
}

static const char *check_packed_base(const struct vq_vhost_ring *ring)
{
    if ((ring->base & 0x7fff) >= ring->size || (ring->base >> 16 & 0x7fff) >= ring->size)
        return "position beyond the end of a packed queue";
    return NULL;
}

/* Where the three parts are here. Each must lie inside one region, in full. */
static const char *find_parts(const struct vq_vhost_session *s, const struct vq_vhost_ring *ring,
                              struct vq_device_config *config)
{
    uint64_t size = ring->size;
    bool is_packed = packed(s);
    const struct {
        void **to;
        uint64_t address, bytes, align;
    } parts[] = {
        {&config->descriptor_area, ring->addr.descriptor, 16 * size, 16},
        {&config->driver_area, ring->addr.available, is_packed ? 4 : 6 + 2 * size,
         is_packed ? 4 : 2},
        {&config->device_area, ring->addr.used, is_packed ? 4 : 6 + 8 * size, 4},
    };

    for (unsigned i = 0; i < 3; i++) {
        void *p = vq_vhost_memory_at_user(s->memory, parts[i].address, parts[i].bytes);
        if (p == NULL)
            return "a part of the ring lies outside of guest memory";
        if ((uintptr_t)p % parts[i].align != 0)
            return "a part of the ring is not aligned";
        *parts[i].to = p;
    }
    return NULL;
}

/*
 * A packed base of 0 is, literally, slot 0 with both wrap counters 0: the state after an odd number
 * of rounds, or what front ends that know only split rings (User-mode Linux) say of a fresh ring.
 * The ring tells which: in a round with the wrap counter 1 each used descriptor gets its USED bit,
 * and what is made available with the wrap counter 0 keeps it; a fresh ring has none.
 */
static bool is_fresh_packed(const struct vq_device_config *config)
{
    for (uint16_t at = 0; at < config->size; at++) {
        if ((vq_load16(vq_packed_slot(config->descriptor_area, at) + 14, false) & VQ_PACKED_USED) !=
            0)
            return false;
    }
    return true;
}

static void find_position(const struct vq_vhost_session *s, const struct vq_vhost_ring *ring,
                          struct vq_device_config *config)
{
    if (ring->position_known) {
        config->next_available = ring->position.next_available;
        config->next_used = ring->position.next_used;
    } else if (!packed(s)) {
        config->next_available = (uint16_t)ring->base;
        config->next_used =
            vq_observe16((const uint8_t *)config->device_area + 2, config->big_endian);
    } else if (ring->base == 0 && is_fresh_packed(config)) {
        config->next_available = VQ_PACKED_WRAP;
        config->next_used = VQ_PACKED_WRAP;
    } else {
        config->next_available = (uint16_t)ring->base;
        config->next_used = (uint16_t)(ring->base >> 16);
    }
}

/* Lets the host serve a ring, if all that it needs is there. */
static const char *serve(struct vq_vhost_session *s, uint16_t index)
{
    struct vq_vhost_ring *ring = &s->rings[index];
    struct vq_device_config config = {.memory = &s->memory->guest};

    if (!s->features_set || !s->features_fit)
        return "the ring cannot start: features are not settled";
    if (ring->size == 0 || !ring->addressed)
        return "the ring cannot start: its size or its addresses are missing";
    const char *reason = check_size(s, index, ring->size);
    if (reason == NULL && packed(s) && !ring->position_known)
        reason = check_packed_base(ring);
    if (reason == NULL)
        reason = find_parts(s, ring, &config);
    if (reason != NULL)
        return reason;
    config.features = vq_features_from64(s->features & ~VQ_VHOST_BIT(VQ_VHOST_F_PROTOCOL_FEATURES));
    config.size = (uint16_t)ring->size;
    config.big_endian = ring->big_endian && !vq_feature(&config.features, VQ_F_VERSION_1);
    find_position(s, ring, &config);
    if (s->ops->ring_start(s->host, index, &config) != VQ_OK)
        return "the ring cannot start: the device refuses";
    ring->running = true;
    s->ops->ring_enable(s->host, index, ring->enabled);
    return NULL;
}

static const char *start(struct vq_vhost_session *s, uint16_t index)
{
    struct vq_vhost_ring *ring = &s->rings[index];

    ring->position_known = false;
    const char *reason = serve(s, index);
    if (reason == NULL) {
        ring->started = true;
        vq_vhost_channel_update(s);
    }
    return reason;
}

/* The host lets go; the ring may still be started. */
static void let_go(struct vq_vhost_session *s, uint16_t index)
{
    struct vq_vhost_ring *ring = &s->rings[index];

    if (!ring->running)
        return;
    s->ops->ring_stop(s->host, index, &ring->position);
    ring->running = false;
    ring->position_known = true;
    vq_vhost_channel_drain(s, index);
}

void vq_vhost_ring_stop(struct vq_vhost_session *s, uint16_t index)
{
    struct vq_vhost_ring *ring = &s->rings[index];

    if (!ring->started)
        return;
    let_go(s, index);
    if (ring->position_known) {
        ring->base = ring->position.next_available;
        if (packed(s))
            ring->base |= (uint32_t)ring->position.next_used << 16;
    }
    ring->position_known = false;
    ring->started = false;
    vq_vhost_channel_update(s);
}

void vq_vhost_rings_stop(struct vq_vhost_session *s)
{
    for (uint16_t i = 0; i < s->ring_count; i++)
        vq_vhost_ring_stop(s, i);
}

bool vq_vhost_rings_busy(const struct vq_vhost_session *s)
{
    for (uint16_t i = 0; i < s->ring_count; i++) {
        if (s->rings[i].started && s->rings[i].enabled)
            return true;
    }
    return false;
}

void vq_vhost_rings_pause(struct vq_vhost_session *s)
{
    for (uint16_t i = 0; i < s->ring_count; i++)
        let_go(s, i);
}

/* A ring that the memory does not hold now waits, started, for a change that brings it back. */
void vq_vhost_rings_resume(struct vq_vhost_session *s)
{
    for (uint16_t i = 0; i < s->ring_count; i++) {
        const char *reason = s->rings[i].started ? serve(s, i) : NULL;
        if (reason != NULL)
            (void)snprintf(s->reason, sizeof s->reason, "ring %u waits: %s", i, reason);
    }
}

const char *vq_vhost_set_vring_num(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    const char *reason = check_size(s, (uint16_t)m->payload.state.index, m->payload.state.num);

    if (reason == NULL)
        ring_of(s, m)->size = m->payload.state.num;
    return reason;
}

const char *vq_vhost_set_vring_addr(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    const struct vq_vhost_vring_addr *addr = &m->payload.addr;
    struct vq_vhost_ring *ring = &s->rings[addr->index];
    bool same = ring->addressed && ring->addr.descriptor == addr->descriptor &&
                ring->addr.available == addr->available && ring->addr.used == addr->used;

    if ((addr->flags & ~VQ_VHOST_VRING_LOG) != 0)
        return "unknown flags";
    if (ring->started && !same) {
        if (ring->enabled)
            return "not while the ring is in use";
        vq_vhost_ring_stop(s, (uint16_t)addr->index);
    }
    ring->addr = *addr;
    ring->addressed = true;
    return NULL;
}

const char *vq_vhost_set_vring_base(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    struct vq_vhost_ring *ring = ring_of(s, m);
    uint32_t former = ring->base;

    ring->base = m->payload.state.num;
    if (!packed(s) || ring->size == 0)
        return NULL;
    const char *reason = check_packed_base(ring);
    if (reason != NULL)
        ring->base = former;
    return reason;
}

const char *vq_vhost_get_vring_base(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    struct vq_vhost_ring *ring = ring_of(s, m);

    vq_vhost_ring_stop(s, (uint16_t)m->payload.state.index);
    vq_vhost_message_init(&s->reply, m->header.request, VQ_VHOST_REPLY_FLAGS, 8);
    s->reply.payload.state.index = m->payload.state.index;
    s->reply.payload.state.num = packed(s) ? ring->base : ring->base & 0xffff;
    return NULL;
}

/* The descriptor of a kick, call or error message, not blocking; or that there is none. */
static int take_fd(struct vq_vhost_message *m)
{
    int fd = vq_vhost_message_take_fd(m, 0);

    if (fd < 0)
        return VQ_VHOST_FD_POLL;
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK) == 0)
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    return fd;
}

const char *vq_vhost_set_vring_kick(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    uint16_t index = (uint16_t)(m->payload.u64 & VQ_VHOST_VRING_INDEX);

    if (s->ops->ring_kick_fd(s->host, index, take_fd(m)) != VQ_OK)
        return "the device cannot be kicked so";
    s->rings[index].kick_given = true;
    return s->rings[index].started ? NULL : start(s, index);
}

const char *vq_vhost_set_vring_call(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    uint16_t index = (uint16_t)(m->payload.u64 & VQ_VHOST_VRING_INDEX);

    if (s->ops->ring_call_fd(s->host, index, take_fd(m)) != VQ_OK)
        return "the device cannot signal so";
    s->rings[index].call_given = true;
    return NULL;
}

const char *vq_vhost_set_vring_err(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    vq_vhost_error_fd(s, (uint16_t)(m->payload.u64 & VQ_VHOST_VRING_INDEX), take_fd(m));
    return NULL;
}

const char *vq_vhost_set_vring_enable(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    struct vq_vhost_ring *ring = ring_of(s, m);
    uint32_t num = m->payload.state.num;

    if (num > 1)
        return "neither 0 nor 1";
    ring->enabled = num == 1;
    if (ring->running)
        s->ops->ring_enable(s->host, (uint16_t)m->payload.state.index, ring->enabled);
    return NULL;
}

const char *vq_vhost_set_vring_endian(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    if (m->payload.state.num > 1)
        return "neither 0 nor 1";
    ring_of(s, m)->big_endian = m->payload.state.num == 1;
    return NULL;
}

const char *vq_vhost_vring_kick(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    uint16_t index = (uint16_t)m->payload.state.index;
    struct vq_vhost_ring *ring = &s->rings[index];

    if (!ring->started)
        return start(s, index);
    if (ring->running)
        s->ops->ring_kick(s->host, index);
    return NULL;
}
