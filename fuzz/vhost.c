/*
 * A vhost-user session, and the block device behind it, against a front end that sends
 * anything: messages, right or bent, descriptors of several kinds, and requests in
 * rings that lie in memory which it may change, unmap or replace at any time.
 *
 * The host here serves rings in this thread. It holds the session to what it promises
 * its host, and the device to what it promises its back end.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "fuzz.h"

#include <vq/blk_device.h>
#include <vq/vhost_user_backend.h>

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RINGS = 2,
    RING_BYTES = 0x4000,
    AVAIL_AT = 0x1000,
    USED_AT = 0x2000,
    DATA_AT = RINGS * RING_BYTES,
    MEMORY = 1 << 16,
    SIZE = 16, /* of a ring that the front end sets up properly */
    SECTORS = 64,
    HELD = 256,
    STEPS = 100,
    PAYLOAD = 512,
    MESSAGES = 46,
    PLAIN = 1,
    ASK = 9,
};
#define GUEST_BASE UINT64_C(0x40000000)
#define USER_BASE  UINT64_C(0x7e0000000000)
#define BIT(n)     (UINT64_C(1) << (n))
/* MQ, REPLY_ACK, BACKEND_REQ, CROSS_ENDIAN, CONFIG, RESET_DEVICE, INBAND_NOTIFICATIONS,
 * CONFIGURE_MEM_SLOTS, STATUS */
#define PROTOCOL                                                                                   \
    (BIT(0) | BIT(3) | BIT(5) | BIT(6) | BIT(9) | BIT(13) | BIT(14) | BIT(15) | BIT(16))

/* Made once and used by every run. */
static struct {
    int memory_fd, other_fd;
    uint8_t *memory;
    void *device_memory;
    size_t device_bytes;
    uint8_t disk[SECTORS * 512];
} once = {.memory_fd = -1};

struct ring {
    bool running, enabled, told;
    int kick_fd, call_fd;
    const struct vq_memory *memory;
    uint16_t raw_available;
};

struct lane {
    struct vq_blk_lane lane;
    struct run *run;
    const struct ring *ring;
    struct vq_blk_io *done[HELD];
    unsigned count;
};

struct run {
    struct fuzz_input in;
    struct vq_blk_device device;
    struct vq_vhost_session *session;
    enum vq_vhost_session_state state;
    int socket, event_fd;
    int channel[2]; /* of the back end's requests: our end, its end */
    bool packed, hold, fail;
    struct ring ring[RINGS];
    struct lane lane[RINGS];
    uint64_t features;
};

/* The back end. */

static bool is_memory(const struct ring *ring, const struct vq_segment *s, uint32_t access)
{
    for (uint32_t i = 0; i < ring->memory->count; i++) {
        const struct vq_region *r = &ring->memory->regions[i];
        uintptr_t at = (uintptr_t)s->base - (uintptr_t)r->host;
        if ((uintptr_t)s->base >= (uintptr_t)r->host && at < r->size && s->bytes <= r->size - at &&
            (r->access & access))
            return true;
    }
    return false;
}

static void lane_submit(struct vq_blk_lane *lane, struct vq_blk_io *const ios[], size_t count)
{
    struct lane *l = (struct lane *)lane;

    for (size_t i = 0; i < count; i++) {
        struct vq_blk_io *io = ios[i];
        const bool moves = io->type == VQ_BLK_IO_READ || io->type == VQ_BLK_IO_WRITE;
        uint64_t bytes = 0;
        uint8_t *at = once.disk + io->offset;

        FUZZ_CHECK(l->ring->running);
        FUZZ_CHECK(io->offset <= sizeof(once.disk) && io->bytes <= sizeof(once.disk) - io->offset);
        FUZZ_CHECK(io->offset % 512 == 0 && io->bytes % 512 == 0);
        for (uint32_t k = 0; moves && k < io->segment_count; k++) {
            const struct vq_segment *s = &io->segments[k];
            FUZZ_CHECK(s->bytes != 0);
            FUZZ_CHECK(is_memory(l->ring, s, io->type == VQ_BLK_IO_READ ? VQ_WRITE : VQ_READ));
            bytes += s->bytes;
            FUZZ_CHECK(bytes <= io->bytes);
            memcpy(io->type == VQ_BLK_IO_READ ? s->base : (void *)at,
                   io->type == VQ_BLK_IO_READ ? (const void *)at : s->base, s->bytes);
            at += s->bytes;
        }
        FUZZ_CHECK(!moves || bytes == io->bytes);
        io->result = l->run->fail ? VQ_ERR_IO : VQ_OK;
        FUZZ_CHECK(l->count < HELD);
        l->done[l->count++] = io;
    }
}

static size_t lane_reap(struct vq_blk_lane *lane, struct vq_blk_io *ios[], size_t count, bool wait)
{
    struct lane *l = (struct lane *)lane;
    size_t n = 0;

    while ((wait || !l->run->hold) && n < count && l->count != 0)
        ios[n++] = l->done[--l->count];
    return n;
}

static int lane_wait_fd(const struct vq_blk_lane *lane)
{
    (void)lane;
    return -1;
}

static const struct vq_blk_lane_ops lane_ops = {"fuzz", lane_submit, lane_reap, lane_wait_fd};

/* The host. */

static enum vq_error ring_start(void *host, uint16_t index, const struct vq_device_config *config)
{
    struct run *r = host;
    struct ring *ring = &r->ring[index];
    const bool packed = vq_feature(&config->features, VQ_F_RING_PACKED);
    const volatile uint8_t *parts[] = {config->descriptor_area, config->driver_area,
                                       config->device_area};
    const size_t size = config->size;
    const size_t bytes[] = {16 * size, packed ? 4 : 4 + 2 * size, packed ? 4 : 4 + 8 * size};
    enum vq_error error;

    FUZZ_CHECK(index < RINGS && !ring->running);
    for (unsigned i = 0; i < 3; i++) {
        struct vq_segment part = {(void *)(uintptr_t)parts[i], bytes[i]};
        ring->memory = config->memory;
        FUZZ_CHECK(is_memory(ring, &part, VQ_READ | VQ_WRITE));
        (void)parts[i][0];
        (void)parts[i][bytes[i] - 1];
    }
    error = r->device.model.ops->queue_start(&r->device.model, index, config);
    ring->running = error == VQ_OK;
    ring->enabled = ring->told = false;
    return error;
}

static void ring_stop(void *host, uint16_t index, struct vq_position *position)
{
    struct run *r = host;

    FUZZ_CHECK(index < RINGS && r->ring[index].running);
    (void)r->device.model.ops->queue_stop(&r->device.model, index, position);
    FUZZ_CHECK(r->lane[index].count == 0);
    r->ring[index].running = false;
}

static void ring_enable(void *host, uint16_t index, bool enabled)
{
    struct run *r = host;

    FUZZ_CHECK(index < RINGS && r->ring[index].running);
    r->ring[index].enabled = enabled;
}

static void replace(int *at, int fd)
{
    if (*at >= 0)
        (void)close(*at);
    *at = fd;
}

static enum vq_error ring_kick_fd(void *host, uint16_t index, int fd)
{
    FUZZ_CHECK(index < RINGS);
    replace(&((struct run *)host)->ring[index].kick_fd, fd);
    return VQ_OK;
}

static enum vq_error ring_call_fd(void *host, uint16_t index, int fd)
{
    FUZZ_CHECK(index < RINGS);
    replace(&((struct run *)host)->ring[index].call_fd, fd);
    return VQ_OK;
}

static void ring_kick(void *host, uint16_t index)
{
    FUZZ_CHECK(index < RINGS && ((struct run *)host)->ring[index].running);
}

static const struct vq_vhost_host_ops host_ops = {
    .ring_start = ring_start,
    .ring_stop = ring_stop,
    .ring_enable = ring_enable,
    .ring_kick_fd = ring_kick_fd,
    .ring_call_fd = ring_call_fd,
    .ring_kick = ring_kick,
};

static void serve(struct run *r)
{
    for (uint16_t i = 0; i < RINGS; i++) {
        struct ring *ring = &r->ring[i];
        unsigned done = VQ_RUN_PROGRESS;
        for (unsigned k = 0; k < 3 && ring->running && ring->enabled && (done & VQ_RUN_PROGRESS);
             k++) {
            done = r->device.model.ops->queue_run(&r->device.model, i);
            if ((done & VQ_RUN_BROKEN) && !ring->told) {
                ring->told = true;
                vq_vhost_session_ring_error(r->session, i);
            }
            if ((done & VQ_RUN_SIGNAL) && ring->call_fd >= 0)
                (void)!write(ring->call_fd, &(uint64_t){1}, 8);
            else if (done & VQ_RUN_SIGNAL)
                vq_vhost_session_call(r->session, i);
        }
        if (ring->running) {
            FUZZ_CHECK(r->device.model.ops->queue_in_flight(&r->device.model, i) <= 64);
            FUZZ_CHECK(r->device.model.ops->queue_wait_fd(&r->device.model, i) < 0);
            FUZZ_CHECK(!ring->told ||
                       r->device.model.ops->queue_broken(&r->device.model, i) != VQ_NOT_BROKEN);
        }
    }
}

/* The front end. */

static void drain(int socket)
{
    uint8_t bytes[1024];
    union {
        struct cmsghdr align;
        char b[CMSG_SPACE(16 * sizeof(int))];
    } control;

    for (;;) {
        struct iovec iov = {bytes, sizeof(bytes)};
        struct msghdr h = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control.b,
                           .msg_controllen = sizeof(control.b)};
        if (recvmsg(socket, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
            return;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
            for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
                int fd;
                memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                (void)close(fd);
            }
    }
}

static void pump(struct run *r)
{
    for (unsigned i = 0; i < 4 && r->state == VQ_VHOST_SESSION_LIVE; i++)
        r->state = vq_vhost_session_handle(r->session);
    if (r->state == VQ_VHOST_SESSION_BROKEN)
        FUZZ_CHECK(vq_vhost_session_reason(r->session)[0] != '\0');
    drain(r->socket);
}

static void send_bytes(struct run *r, const void *bytes, size_t count, const int *fds, unsigned n)
{
    union {
        struct cmsghdr align;
        char b[CMSG_SPACE(16 * sizeof(int))];
    } control = {.b = {0}};
    struct iovec iov = {(void *)(uintptr_t)bytes, count};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

    if (n != 0) {
        struct cmsghdr *c = &control.align;
        h.msg_control = control.b;
        h.msg_controllen = CMSG_SPACE(n * sizeof(int));
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    }
    (void)!sendmsg(r->socket, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The protocol is in the order of this machine. */
static void store(uint8_t *p, uint64_t v, unsigned bytes)
{
    fuzz_put(p, v, bytes, __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

static uint32_t ring_state(uint8_t *p, uint32_t ring, uint32_t value)
{
    store(p, ring, 4);
    store(p + 4, value, 4);
    return 8;
}

static uint32_t region(uint8_t *p, uint64_t offset, uint64_t bytes)
{
    store(p, GUEST_BASE + offset, 8);
    store(p + 8, bytes, 8);
    store(p + 16, USER_BASE + offset, 8);
    store(p + 24, offset, 8);
    return 32;
}

/* What a front end with sense would send; its size. */
static uint32_t sensible(struct run *r, uint32_t request, uint32_t ring, uint8_t *p)
{
    memset(p, 0, PAYLOAD);
    switch (request) {
    case 1: /* GET_FEATURES, SET_OWNER, RESET_OWNER, and others that carry nothing */
    case 3:
    case 4:
    case 15:
    case 17:
    case 21:
    case 34:
    case 36:
    case 40:
    case 44:
        return 0;
    case 2:
        store(p, r->features, 8);
        return 8;
    case 5:
        store(p, 1, 4);
        return 8 + region(p + 8, 0, MEMORY);
    case 8:
        return ring_state(p, ring, SIZE);
    case 9:
        ring_state(p, ring, 0);
        store(p + 8, USER_BASE + ring * RING_BYTES, 8);
        store(p + 16, USER_BASE + ring * RING_BYTES + USED_AT, 8);
        store(p + 24, USER_BASE + ring * RING_BYTES + AVAIL_AT, 8);
        return 40;
    case 10:
        return ring_state(p, ring, r->packed ? 0x80008000 : 0);
    case 16:
        store(p, PROTOCOL, 8);
        return 8;
    case 18:
        return ring_state(p, ring, 1);
    case 24:
    case 25:
        store(p + 4, 60, 4);
        return 12 + 60;
    case 37:
    case 38:
        return 8 + region(p + 8, ring ? MEMORY / 2 : 0, MEMORY / 2);
    case 31:
    case 32:
        store(p + 16, RINGS, 2);
        store(p + 18, SIZE, 2);
        return 24;
    case 12:
    case 13:
    case 14:
        store(p, ring, 8);
        return 8;
    default:
        return ring_state(p, ring, 0);
    }
}

static const int no_fd = -1;

/* The descriptor that goes with a request, -1 for none. */
static int sensible_fd(const struct run *r, uint32_t request)
{
    switch (request) {
    case 5:
    case 37:
    case 6:
    case 32:
        return once.memory_fd;
    case 12:
    case 13:
    case 14:
        return r->event_fd;
    case 21:
        return r->channel[1];
    default:
        return no_fd;
    }
}

static void message(struct run *r, uint32_t request, uint32_t flags, const uint8_t *payload,
                    uint32_t bytes, const int *fds, unsigned n)
{
    uint8_t all[12 + PAYLOAD];

    store(all, request, 4);
    store(all + 4, flags, 4);
    store(all + 8, bytes, 4);
    memcpy(all + 12, payload, bytes);
    send_bytes(r, all, 12 + bytes, fds, n);
    pump(r);
}

static void tell(struct run *r, uint32_t request, uint32_t ring)
{
    uint8_t p[PAYLOAD];
    uint32_t bytes = sensible(r, request, ring, p);
    int fd = sensible_fd(r, request);

    message(r, request, request == 1 || request == 15 ? PLAIN : ASK, p, bytes, &fd, fd >= 0);
}

/* As sensible, then bent as the input says. */
static void tell_bent(struct run *r)
{
    static const uint64_t values[] = {
        0,          1,          2,          0x8000,     0xffff,     0x10000,
        0x80000000, 0xffffffff, GUEST_BASE, USER_BASE,  UINT64_MAX, UINT64_MAX - 4095,
        MEMORY,     4096,       MEMORY - 1, MEMORY + 1,
    };
    uint8_t b = fuzz_byte(&r->in), how = fuzz_byte(&r->in), p[PAYLOAD];
    uint32_t request = b % MESSAGES, flags = ASK, bytes = sensible(r, request, b / 128u, p);
    int fds[8] = {sensible_fd(r, request)};
    unsigned n = fds[0] >= 0;

    if (how & 1) {
        uint8_t at = fuzz_byte(&r->in);
        store(p + at % 64, values[at >> 4] + (how >> 5), at & 4 ? 8 : 4);
    }
    if (how & 2)
        store(p + fuzz_byte(&r->in) % 64, fuzz_number(&r->in, 8), 8);
    if ((how & 12) == 12)
        bytes = fuzz_below(&r->in, PAYLOAD);
    if ((how & 12) == 8)
        flags = fuzz_byte(&r->in);
    if ((how & 0x30) == 0x30) {
        uint8_t which = fuzz_byte(&r->in);
        n = which & 7;
        for (unsigned i = 0; i < n; i++) {
            const int choice[] = {once.memory_fd, r->event_fd, once.other_fd, r->socket};
            fds[i] = choice[(which >> 3 | i) & 3];
        }
    }
    if (how == 0xff)
        request = (uint32_t)fuzz_number(&r->in, 4);
    message(r, request, flags, p, bytes, fds, n);
}

/* All that it takes until a ring runs. */
static void bring_up(struct run *r, uint8_t how)
{
    static const uint8_t requests[] = {3, 1, 15, 16, 2, 21, 5, 8, 9, 10, 13, 12, 18};
    const uint64_t offered = BIT(30) | (how & 0x20 ? BIT(32) : 0);
    struct vq_features model = r->device.model.ops->offered(&r->device.model);
    uint32_t ring = how & 1;
    uint64_t choice = (how & 2 ? BIT(28) : 0) | (how & 4 ? BIT(29) : 0) | (how & 8 ? BIT(34) : 0) |
                      (how & 16 ? BIT(35) : 0) | 0xffffff;

    r->features = offered | (choice & vq_features_low64(&model));
    r->packed = (r->features & BIT(34)) != 0;
    for (unsigned i = 0; i < sizeof(requests); i++) {
        uint8_t p[PAYLOAD] = {0};
        if (requests[i] == 8)
            memset(once.memory + ring * RING_BYTES, 0, RING_BYTES);
        if (requests[i] == 16) {
            store(p, PROTOCOL & (how & 0x40 ? ~BIT(14) : UINT64_MAX), 8);
            message(r, 16, PLAIN, p, 8, NULL, 0);
        } else if (requests[i] == 13 && (how & 0x80)) { /* no descriptor: signals as messages */
            store(p, ring | 0x100, 8);
            message(r, 13, ASK, p, 8, NULL, 0);
        } else {
            tell(r, requests[i], ring);
        }
    }
    r->ring[ring].raw_available = r->packed ? 0x8000 : 0;
}

/* One descriptor of a chain, at the `i`th place after `head`. */
static void put_descriptor(struct run *r, struct ring *ring, uint32_t head, uint32_t i, bool last,
                           uint64_t address, uint32_t bytes, bool writable)
{
    uint8_t *table = once.memory + (ring - r->ring) * RING_BYTES;
    struct fuzz_descriptor d = {address, bytes, 0, 0};
    uint16_t at = ring->raw_available;

    d.flags = (uint16_t)((writable ? FUZZ_WRITE : 0) | (last ? 0 : FUZZ_NEXT));
    if (r->packed) {
        d.flags |= at & 0x8000 ? 0x80 : 0x8000;
        d.next = (uint16_t)head;
        fuzz_describe(table + 16 * (at & 0x7fff), &d, true, false);
        at = (uint16_t)(at + 1);
        ring->raw_available = (at & 0x7fff) == SIZE ? (uint16_t)((at & 0x8000) ^ 0x8000) : at;
    } else {
        d.next = (uint16_t)((head + i + 1) % SIZE);
        fuzz_describe(table + 16 * ((head + i) % SIZE), &d, false, false);
    }
}

/* A request of the block device: header, data and status, cut as the input says. */
static void request(struct run *r)
{
    static const uint32_t types[] = {0, 1, 4, 8, 11, 13, 0, 1, 2, 3, 5, 10, 14, 16, 1u << 31, 255};
    uint8_t how = fuzz_byte(&r->in), what = fuzz_byte(&r->in), shape = fuzz_byte(&r->in);
    struct ring *ring = &r->ring[how & 1];
    uint32_t head = fuzz_byte(&r->in) % SIZE, type = types[what & 15], pieces = shape & 3, i = 0;
    uint32_t header = DATA_AT + 16u * (what >> 4), at = DATA_AT + 0x400;
    const bool in = type == 0 || type == 8;
    uint8_t *avail = once.memory + (how & 1) * RING_BYTES + AVAIL_AT;

    fuzz_put(once.memory + header, type, 4, false);
    fuzz_put(once.memory + header + 4, 0, 4, false);
    fuzz_put(once.memory + header + 8,
             how & 2 ? fuzz_number(&r->in, 8) : fuzz_byte(&r->in) % (SECTORS + 2u), 8, false);
    if (type >= 11 && type <= 14)
        for (unsigned k = 0; k < 4; k++) {
            fuzz_put(once.memory + at + 16 * k, fuzz_byte(&r->in) % (SECTORS + 2u), 8, false);
            fuzz_put(once.memory + at + 16 * k + 8, fuzz_byte(&r->in), 4, false);
            fuzz_put(once.memory + at + 16 * k + 12, how & 4 ? fuzz_byte(&r->in) : 0, 4, false);
        }
    if (shape & 4) { /* the header in two */
        put_descriptor(r, ring, head, i++, false, GUEST_BASE + header, 5, false);
        put_descriptor(r, ring, head, i++, false, GUEST_BASE + header + 5, 11, false);
    } else {
        put_descriptor(r, ring, head, i++, false, GUEST_BASE + header, how & 0x80 ? 16 + 512 : 16,
                       false);
    }
    for (unsigned k = 0; k < pieces; k++) {
        uint8_t b = fuzz_byte(&r->in);
        uint32_t bytes = b & 0x80                   ? b & 0x7fu
                         : type >= 11 && type <= 14 ? 16u * (b & 3)
                                                    : 512u * (b & 7);
        put_descriptor(r, ring, head, i++, false, GUEST_BASE + at, bytes, in);
        at += bytes;
    }
    put_descriptor(r, ring, head, i++, true, GUEST_BASE + DATA_AT + 0x300, shape & 8 ? 0x41 : 1,
                   !(shape & 0x10));
    if (r->packed)
        return;
    fuzz_put(avail + 4 + 2 * (ring->raw_available % SIZE), head, 2, false);
    ring->raw_available++;
    fuzz_put(avail + 2, ring->raw_available, 2, false);
}

/* Answers what the back end asked on its channel, rightly or not. */
static void answer(struct run *r)
{
    uint8_t how = fuzz_byte(&r->in), all[20] = {0};

    while (recv(r->channel[0], all, 12, MSG_DONTWAIT) == 12) {
        uint32_t flags, bytes;
        memcpy(&flags, all + 4, 4);
        memcpy(&bytes, all + 8, 4);
        (void)recv(r->channel[0], all + 12, bytes < 8 ? bytes : 8, MSG_DONTWAIT);
        if (!(flags & 8) && !(how & 1))
            continue;
        store(all + 4, how & 2 ? fuzz_byte(&r->in) : 5, 4);
        store(all + 8, how & 4 ? fuzz_byte(&r->in) : 8, 4);
        store(all + 12, how & 8, 8);
        if (how & 16)
            store(all, fuzz_byte(&r->in), 4);
        (void)!send(r->channel[0], all, how & 32 ? 12 : 20, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (how & 64)
        (void)shutdown(r->channel[0], SHUT_RDWR);
    pump(r);
}

static void scribble(struct run *r)
{
    uint8_t b = fuzz_byte(&r->in);
    uint32_t at = fuzz_u16(&r->in);

    for (unsigned i = 0; i <= (b & 15) && at + i < MEMORY; i++)
        once.memory[at + i] = fuzz_byte(&r->in);
}

static void step(struct run *r)
{
    uint8_t op = fuzz_byte(&r->in);

    switch (op & 15) {
    case 0:
    case 1:
    case 2:
        tell_bent(r);
        break;
    case 3:
    case 4:
        tell(r, 1 + fuzz_byte(&r->in) % MESSAGES, op >> 7);
        break;
    case 5:
        bring_up(r, fuzz_byte(&r->in));
        break;
    case 6:
    case 7:
    case 8:
    case 9:
        request(r);
        serve(r);
        break;
    case 10:
        serve(r);
        break;
    case 11:
        scribble(r);
        break;
    case 12: {
        uint8_t raw[32];
        for (unsigned i = 0; i < (op >> 4) + 1u; i++)
            raw[i] = fuzz_byte(&r->in);
        send_bytes(r, raw, (op >> 4) + 1u, NULL, 0);
        pump(r);
        break;
    }
    case 13:
        r->hold = op & 0x10;
        r->fail = op & 0x20;
        break;
    case 14:
        if (op & 0x10)
            vq_vhost_session_config_changed(r->session);
        pump(r);
        answer(r);
        break;
    default:
        for (uint16_t i = 0; i < RINGS; i++)
            if (r->ring[i].running && op & 0x10)
                (void)r->device.model.ops->queue_arm(&r->device.model, i);
            else if (r->ring[i].running)
                r->device.model.ops->queue_disarm(&r->device.model, i);
    }
}

static void make_once(const struct vq_blk_device_config *config)
{
    once.device_bytes = vq_blk_device_bytes(config);
    once.memory_fd = memfd_create("vq-guest", MFD_CLOEXEC);
    once.other_fd = memfd_create("vq-other", MFD_CLOEXEC);
    FUZZ_CHECK(once.memory_fd >= 0 && once.other_fd >= 0);
    FUZZ_CHECK(ftruncate(once.memory_fd, MEMORY) == 0 && ftruncate(once.other_fd, 100) == 0);
    once.memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, once.memory_fd, 0);
    FUZZ_CHECK(once.memory != MAP_FAILED);
    FUZZ_CHECK(posix_memalign(&once.device_memory, 64, once.device_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct run r;
    struct vq_blk_lane *lanes[RINGS] = {&r.lane[0].lane, &r.lane[1].lane};
    const struct vq_blk_device_config config = {
        .capacity = SECTORS,
        .serial = "fuzz",
        .queue_count = RINGS,
        .queue_size = 64,
        .max_discard_sectors = 32,
        .max_discard_segments = 4,
        .max_write_zeroes_sectors = 32,
        .max_write_zeroes_segments = 4,
        .lanes = lanes,
    };
    struct vq_vhost_session_options options = {.send_timeout_ms = 1, .leave_sigbus_alone = true};
    struct vq_vhost_session_info info;
    int pair[2], lowest;
    uint8_t shape;

    if (once.memory_fd < 0)
        make_once(&config);
    r = (struct run){.in = {data, data + bytes}};
    shape = fuzz_byte(&r.in);
    memset(once.memory, 0, MEMORY);
    lowest = dup(once.memory_fd);
    (void)close(lowest);
    for (unsigned i = 0; i < RINGS; i++) {
        r.lane[i] = (struct lane){.lane = {&lane_ops}, .run = &r, .ring = &r.ring[i]};
        r.ring[i].kick_fd = r.ring[i].call_fd = -1;
    }
    FUZZ_CHECK(vq_blk_device_init(&r.device, &config, once.device_memory, once.device_bytes) ==
               VQ_OK);
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    r.socket = pair[0];
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, r.channel) == 0);
    r.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (shape & 1)
        options.hidden_features = BIT(VQ_F_VERSION_1);
    r.session = vq_vhost_session_create(pair[1], &r.device.model, &host_ops, &r, &options);
    FUZZ_CHECK(r.session != NULL);
    fuzz_hook_start(&r.in, shape & 0x80);
    if (shape & 0x40)
        bring_up(&r, fuzz_byte(&r.in) | 0x20);
    for (unsigned i = 0; i < STEPS && fuzz_more(&r.in) && r.state == VQ_VHOST_SESSION_LIVE; i++)
        step(&r);
    vq_vhost_session_info(r.session, &info);
    FUZZ_CHECK(info.rings_running <= RINGS);
    vq_vhost_session_destroy(r.session);
    for (unsigned i = 0; i < RINGS; i++)
        FUZZ_CHECK(!r.ring[i].running && r.ring[i].kick_fd < 0 && r.ring[i].call_fd < 0);
    (void)close(r.socket);
    (void)close(r.event_fd);
    (void)close(r.channel[0]);
    (void)close(r.channel[1]);
    /* What was opened is closed: the next descriptor is the one that it was. */
    pair[0] = dup(once.memory_fd);
    FUZZ_CHECK(pair[0] == lowest);
    (void)close(pair[0]);
    return 0;
}
