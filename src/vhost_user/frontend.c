/*
 * A transport (vq/transport.h) over a vhost-user connection: the device status is
 * kept here, features go with SET_FEATURES, queues become rings, and a reset stops
 * them. The protocol itself is in frontend_link.c.
 *
 * Nothing that the back end says is used before it was checked: the number of its
 * rings, the size of its configuration space. The memory it may touch is the
 * arena and nothing else.
 */
#include "frontend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* Where the arena lies for the device: low, and nothing that a pointer here could be. */
#define GUEST_BASE UINT64_C(0x40000000)

#define PROTOCOL_FEATURES                                                                          \
    (VQ_VHOST_BIT(VQ_VHOST_P_MQ) | VQ_VHOST_BIT(VQ_VHOST_P_REPLY_ACK) |                            \
     VQ_VHOST_BIT(VQ_VHOST_P_BACKEND_REQ) | VQ_VHOST_BIT(VQ_VHOST_P_CONFIG) |                      \
     VQ_VHOST_BIT(VQ_VHOST_P_RESET_DEVICE) | VQ_VHOST_BIT(VQ_VHOST_P_CONFIGURE_MEM_SLOTS))
#define IN_BAND_FEATURES                                                                           \
    (VQ_VHOST_BIT(VQ_VHOST_P_INBAND_NOTIFICATIONS) | VQ_VHOST_BIT(VQ_VHOST_P_REPLY_ACK) |          \
     VQ_VHOST_BIT(VQ_VHOST_P_BACKEND_REQ))

struct ring {
    struct vq_place place;
    bool placed;
    bool started; /* the back end was told all of it */
    int kick;     /* eventfds: we write ... */
    int call;     /* ... the back end writes ... */
    int err;      /* ... and so here */
};

struct vq_vhost_frontend {
    struct vq_transport transport;
    struct vq_vhost_link link;
    struct vq_vhost_frontend_config config;
    uint8_t *memory;
    size_t memory_bytes;
    int memory_fd;
    bool protocol_offered; /* bit 30 */
    bool memory_shown;
    bool features_refused;
    bool features_set;
    bool in_band;
    uint8_t status;
    uint64_t features; /* as set */
    uint16_t ring_count;
    struct ring *rings;
    /* The configuration space, as far as it has been read. */
    uint8_t space[VQ_VHOST_CONFIG_MAX];
    uint32_t space_bytes;
    uint32_t generation;
    bool config_event;
};

static struct vq_vhost_frontend *frontend_of(struct vq_transport *t)
{
    return (struct vq_vhost_frontend *)(void *)t; /* its first member */
}

static void request(struct vq_vhost_message *message, uint32_t number, uint32_t size)
{
    vq_vhost_message_init(message, number, VQ_VHOST_VERSION, size);
}

static enum vq_error ask_u64(struct vq_vhost_frontend *f, uint32_t number, uint64_t *value)
{
    struct vq_vhost_message message;
    request(&message, number, 0);
    enum vq_error error = vq_vhost_ask(&f->link, &message);
    if (error == VQ_OK)
        *value = message.payload.u64;
    return error;
}

static enum vq_error tell_u64(struct vq_vhost_frontend *f, uint32_t number, uint64_t value)
{
    struct vq_vhost_message message;
    request(&message, number, sizeof value);
    message.payload.u64 = value;
    return vq_vhost_tell(&f->link, &message);
}

static enum vq_error tell_state(struct vq_vhost_frontend *f, uint32_t number, uint16_t ring,
                                uint32_t num)
{
    struct vq_vhost_message message;
    request(&message, number, sizeof message.payload.state);
    message.payload.state = (struct vq_vhost_vring_state){ring, num};
    return vq_vhost_tell(&f->link, &message);
}

/* A descriptor for a ring. */
static enum vq_error tell_fd(struct vq_vhost_frontend *f, uint32_t number, uint16_t ring, int fd)
{
    struct vq_vhost_message message;
    request(&message, number, sizeof message.payload.u64);
    message.payload.u64 = ring;
    message.fds[0] = fd;
    message.fd_count = 1;
    return vq_vhost_tell(&f->link, &message);
}

/* --- the ring's life --- */

static void close_ring(struct ring *ring)
{
    int *fds[] = {&ring->kick, &ring->call, &ring->err};
    for (unsigned i = 0; i < 3; i++) {
        if (*fds[i] >= 0)
            (void)close(*fds[i]);
        *fds[i] = -1;
    }
    ring->placed = false;
    ring->started = false;
}

/* The back end lets go of the ring: everything in flight is given back when this returns. */
static enum vq_error stop_ring(struct vq_vhost_frontend *f, uint16_t index)
{
    struct ring *ring = &f->rings[index];
    enum vq_error error = VQ_OK;
    if (ring->started) {
        struct vq_vhost_message message;
        request(&message, VQ_VHOST_GET_VRING_BASE, sizeof message.payload.state);
        message.payload.state = (struct vq_vhost_vring_state){index, 0};
        error = vq_vhost_ask(&f->link, &message);
        if (error == VQ_OK && message.payload.state.index != index)
            error = vq_vhost_link_break(&f->link, "GET_VRING_BASE: answer about another ring");
    }
    close_ring(ring);
    atomic_store(&f->link.called[index], false);
    atomic_store(&f->link.failed[index], false);
    return error;
}

static void ring_once(int kick)
{
    uint64_t one = 1;
    (void)!write(kick, &one, sizeof one); /* full means that it is signalled already */
}

/* Size, base, addresses: what a ring is, before it starts. */
static enum vq_error describe_ring(struct vq_vhost_frontend *f, uint16_t index)
{
    const struct vq_place *place = &f->rings[index].place;
    bool packed = (f->features & VQ_VHOST_BIT(VQ_F_RING_PACKED)) != 0;
    uint64_t user = (uint64_t)(uintptr_t)f->memory - GUEST_BASE;
    enum vq_error error = tell_state(f, VQ_VHOST_SET_VRING_NUM, index, place->layout.size);
    if (error == VQ_OK)
        error = tell_state(f, VQ_VHOST_SET_VRING_BASE, index, packed ? 0x80008000u : 0);
    if (error != VQ_OK)
        return error;
    struct vq_vhost_message message;
    request(&message, VQ_VHOST_SET_VRING_ADDR, sizeof message.payload.addr);
    message.payload.addr = (struct vq_vhost_vring_addr){
        .index = index,
        .descriptor = place->address[VQ_DESCRIPTOR_AREA] + user,
        .used = place->address[VQ_DEVICE_AREA] + user,
        .available = place->address[VQ_DRIVER_AREA] + user,
    };
    return vq_vhost_tell(&f->link, &message);
}

static enum vq_error start_ring(struct vq_vhost_frontend *f, uint16_t index)
{
    struct ring *ring = &f->rings[index];
    enum vq_error error;
    ring->started = true; /* from the first message that could start it */
    if (f->in_band) {
        error = tell_state(f, VQ_VHOST_VRING_KICK, index, 0);
    } else {
        error = tell_fd(f, VQ_VHOST_SET_VRING_CALL, index, ring->call);
        if (error == VQ_OK)
            error = tell_fd(f, VQ_VHOST_SET_VRING_ERR, index, ring->err);
        /* Some back ends start a ring only when they see a kick. */
        ring_once(ring->kick);
        if (error == VQ_OK)
            error = tell_fd(f, VQ_VHOST_SET_VRING_KICK, index, ring->kick);
    }
    if (error == VQ_OK && f->protocol_offered)
        error = tell_state(f, VQ_VHOST_SET_VRING_ENABLE, index, 1);
    return error;
}

/* --- the memory --- */

static enum vq_error show_memory(struct vq_vhost_frontend *f)
{
    struct vq_vhost_memory_region region = {
        .guest_address = GUEST_BASE,
        .size = f->memory_bytes,
        .user_address = (uint64_t)(uintptr_t)f->memory,
        .mmap_offset = 0,
    };
    struct vq_vhost_message message;
    if (f->memory_shown)
        return VQ_OK;
    if (vq_vhost_link_has(&f->link, VQ_VHOST_P_CONFIGURE_MEM_SLOTS)) {
        request(&message, VQ_VHOST_ADD_MEM_REG, sizeof message.payload.region);
        message.payload.region.region = region;
    } else {
        request(&message, VQ_VHOST_SET_MEM_TABLE, 8 + sizeof region);
        message.payload.memory.count = 1;
        message.payload.memory.regions[0] = region;
    }
    message.fds[0] = f->memory_fd;
    message.fd_count = 1;
    enum vq_error error = vq_vhost_tell(&f->link, &message);
    f->memory_shown = error == VQ_OK;
    return error;
}

static enum vq_error make_memory(struct vq_vhost_frontend *f)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (f->config.memory_bytes == 0 || f->config.memory_bytes > SIZE_MAX / 2)
        return VQ_ERR_INVALID;
    f->memory_bytes = (f->config.memory_bytes + page - 1) / page * page;
    f->memory_fd = memfd_create("vq", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (f->memory_fd < 0 || ftruncate(f->memory_fd, (off_t)f->memory_bytes) != 0)
        return VQ_ERR_IO;
    /* Else whoever has the descriptor could make reading our own memory fatal. */
    if (fcntl(f->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return VQ_ERR_IO;
    void *memory = mmap(NULL, f->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->memory_fd, 0);
    if (memory == MAP_FAILED)
        return VQ_ERR_NO_MEMORY;
    f->memory = memory;
    return VQ_OK;
}

/* --- operations of the transport --- */

static enum vq_error get_status(struct vq_transport *t, uint8_t *status)
{
    struct vq_vhost_frontend *f = frontend_of(t);
    if (!vq_vhost_link_alive(&f->link))
        return VQ_ERR_BROKEN;
    *status = f->status;
    return VQ_OK;
}

static enum vq_error reset_device(struct vq_vhost_frontend *f)
{
    enum vq_error error = VQ_OK;
    bool ran = false;
    for (uint16_t i = 0; i < f->ring_count; i++) {
        ran = ran || f->rings[i].started;
        enum vq_error stopped = stop_ring(f, i);
        error = error == VQ_OK ? stopped : error;
    }
    if (error == VQ_OK && ran && vq_vhost_link_has(&f->link, VQ_VHOST_P_RESET_DEVICE)) {
        struct vq_vhost_message message;
        request(&message, VQ_VHOST_RESET_DEVICE, 0);
        error = vq_vhost_tell(&f->link, &message);
    }
    f->status = 0;
    f->features_set = false;
    f->features_refused = false;
    return error;
}

static enum vq_error set_status(struct vq_transport *t, uint8_t status)
{
    struct vq_vhost_frontend *f = frontend_of(t);
    if (status == 0)
        return reset_device(f);
    uint8_t raised = (uint8_t)(status & ~f->status);
    if ((raised & VQ_STATUS_FEATURES_OK) != 0 && f->features_refused)
        status = (uint8_t)(status & ~VQ_STATUS_FEATURES_OK);
    if ((raised & VQ_STATUS_DRIVER_OK) != 0)
        for (uint16_t i = 0; i < f->ring_count; i++) {
            enum vq_error error = f->rings[i].placed ? start_ring(f, i) : VQ_OK;
            if (error != VQ_OK)
                return error;
        }
    f->status |= status;
    return vq_vhost_link_alive(&f->link) ? VQ_OK : VQ_ERR_BROKEN;
}

static enum vq_error get_features(struct vq_transport *t, struct vq_features *offered)
{
    struct vq_vhost_frontend *f = frontend_of(t);
    uint64_t bits = 0;
    enum vq_error error = ask_u64(f, VQ_VHOST_GET_FEATURES, &bits);
    if (error != VQ_OK)
        return error;
    /* These two belong to the transport, not to the driver. */
    bits &= ~(VQ_VHOST_BIT(VQ_VHOST_F_PROTOCOL_FEATURES) | VQ_VHOST_BIT(VQ_VHOST_F_LOG_ALL));
    *offered = vq_features_from64(bits);
    return VQ_OK;
}

static enum vq_error set_features(struct vq_transport *t, const struct vq_features *accepted)
{
    struct vq_vhost_frontend *f = frontend_of(t);
    uint64_t bits = vq_features_low64(accepted);
    f->features = bits;
    if (f->protocol_offered)
        bits |= VQ_VHOST_BIT(VQ_VHOST_F_PROTOCOL_FEATURES);
    enum vq_error error = tell_u64(f, VQ_VHOST_SET_FEATURES, bits);
    if (error == VQ_ERR_UNSUPPORTED && vq_feature(accepted, VQ_F_VERSION_1)) {
        f->features_refused = true; /* FEATURES_OK will not stick */
        return VQ_OK;
    }
    f->features_set = error == VQ_OK;
    return error == VQ_OK ? show_memory(f) : error;
}

static uint32_t config_size(struct vq_transport *t)
{
    return vq_vhost_link_has(&frontend_of(t)->link, VQ_VHOST_P_CONFIG) ? VQ_VHOST_CONFIG_MAX : 0;
}

static void notice_config(struct vq_vhost_frontend *f)
{
    vq_vhost_link_serve(&f->link);
    if (atomic_exchange(&f->link.config_changed, false)) {
        f->space_bytes = 0;
        f->generation++;
        f->config_event = true;
    }
}

static enum vq_error config_generation(struct vq_transport *t, uint32_t *generation)
{
    struct vq_vhost_frontend *f = frontend_of(t);
    notice_config(f);
    *generation = f->generation;
    return VQ_OK;
}

/* Always from the start on, and as short as will do: back ends refuse what is beyond their end. */
static enum vq_error fetch_config(struct vq_vhost_frontend *f, uint32_t bytes)
{
    struct vq_vhost_message message;
    request(&message, VQ_VHOST_GET_CONFIG, VQ_VHOST_CONFIG_HEADER + bytes);
    message.payload.config.size = bytes;
    enum vq_error error = vq_vhost_ask(&f->link, &message);
    if (error != VQ_OK)
        return error;
    if (message.header.size == 0)
        return VQ_ERR_RANGE;
    const struct vq_vhost_config *config = &message.payload.config;
    if (message.header.size != VQ_VHOST_CONFIG_HEADER + bytes || config->offset != 0 ||
        config->size != bytes)
        return vq_vhost_link_break(&f->link, "GET_CONFIG: answer of another size or place");
    if (memcmp(f->space, config->data, f->space_bytes) != 0)
        f->generation++; /* changed without a word */
    memcpy(f->space, config->data, bytes);
    f->space_bytes = bytes;
    return VQ_OK;
}

static enum vq_error read_config(struct vq_transport *t, uint32_t offset, void *bytes,
                                 uint32_t count)
{
    struct vq_vhost_frontend *f = frontend_of(t);
    if (!vq_vhost_link_has(&f->link, VQ_VHOST_P_CONFIG))
        return VQ_ERR_UNSUPPORTED;
    if (offset > VQ_VHOST_CONFIG_MAX || count > VQ_VHOST_CONFIG_MAX - offset)
        return VQ_ERR_RANGE;
    notice_config(f);
    enum vq_error error = VQ_OK;
    if (offset + count > f->space_bytes)
        error = fetch_config(f, offset + count);
    if (error == VQ_OK)
        memcpy(bytes, f->space + offset, count);
    return error;
}

static enum vq_error write_config(struct vq_transport *t, uint32_t offset, const void *bytes,
                                  uint32_t count)
{
    struct vq_vhost_frontend *f = frontend_of(t);
    struct vq_vhost_message message;
    if (!vq_vhost_link_has(&f->link, VQ_VHOST_P_CONFIG))
        return VQ_ERR_UNSUPPORTED;
    if (offset > VQ_VHOST_CONFIG_MAX || count > VQ_VHOST_CONFIG_MAX - offset)
        return VQ_ERR_RANGE;
    request(&message, VQ_VHOST_SET_CONFIG, VQ_VHOST_CONFIG_HEADER + count);
    message.payload.config.offset = offset;
    message.payload.config.size = count;
    memcpy(message.payload.config.data, bytes, count);
    f->space_bytes = 0; /* one field may change others */
    return vq_vhost_tell(&f->link, &message);
}

static enum vq_error queue_constraints(struct vq_transport *t, uint16_t index,
                                       struct vq_constraints *constraints)
{
    struct vq_vhost_frontend *f = frontend_of(t);
    if (index >= f->ring_count)
        return VQ_ERR_RANGE;
    constraints->size_max = f->config.queue_size_max;
    return VQ_OK;
}

static bool in_arena(const struct vq_vhost_frontend *f, uint64_t address, uint64_t bytes)
{
    return address >= GUEST_BASE && bytes <= f->memory_bytes &&
           address - GUEST_BASE <= f->memory_bytes - bytes;
}

static enum vq_error queue_enable(struct vq_transport *t, uint16_t index,
                                  const struct vq_place *place)
{
    struct vq_vhost_frontend *f = frontend_of(t);
    if (index >= f->ring_count)
        return VQ_ERR_RANGE;
    struct ring *ring = &f->rings[index];
    if (ring->placed || !f->features_set)
        return VQ_ERR_STATE;
    for (unsigned i = 0; i < VQ_PARTS; i++)
        if (!in_arena(f, place->address[i], place->layout.part[i].bytes))
            return VQ_ERR_RANGE;
    ring->place = *place;
    if (!f->in_band) {
        ring->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        ring->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        ring->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (ring->kick < 0 || ring->call < 0 || ring->err < 0) {
            close_ring(ring);
            return VQ_ERR_IO;
        }
    }
    enum vq_error error = describe_ring(f, index);
    if (error != VQ_OK) {
        close_ring(ring);
        return error;
    }
    ring->placed = true;
    return (f->status & VQ_STATUS_DRIVER_OK) != 0 ? start_ring(f, index) : VQ_OK;
}

static enum vq_error notify(struct vq_transport *t, uint16_t index, uint32_t data)
{
    struct vq_vhost_frontend *f = frontend_of(t);
    (void)data;
    if (index >= f->ring_count || !f->rings[index].started)
        return VQ_ERR_RANGE;
    if (!vq_vhost_link_alive(&f->link))
        return VQ_ERR_BROKEN;
    if (f->in_band)
        return tell_state(f, VQ_VHOST_VRING_KICK, index, 0);
    ring_once(f->rings[index].kick);
    return VQ_OK;
}

/* Takes the signals of a ring; what the eventfd counts does not matter. */
static bool take_call(struct vq_vhost_frontend *f, uint16_t index)
{
    bool called = atomic_exchange(&f->link.called[index], false);
    uint64_t ignored;
    if (f->rings[index].call >= 0 &&
        read(f->rings[index].call, &ignored, sizeof ignored) == (ssize_t)sizeof ignored)
        called = true;
    return called;
}

static enum vq_error take_err(struct vq_vhost_frontend *f, uint16_t index)
{
    uint64_t ignored;
    if (f->rings[index].err >= 0 &&
        read(f->rings[index].err, &ignored, sizeof ignored) == (ssize_t)sizeof ignored)
        atomic_store(&f->link.failed[index], true);
    return atomic_load(&f->link.failed[index]) ? VQ_ERR_BROKEN : VQ_ERR_TIMEOUT;
}

/* VQ_OK: notified. VQ_ERR_TIMEOUT: not yet. VQ_ERR_BROKEN: never again. */
static enum vq_error look(struct vq_vhost_frontend *f, uint16_t index)
{
    uint16_t first = index == VQ_QUEUE_ANY ? 0 : index;
    uint16_t end = index == VQ_QUEUE_ANY ? f->ring_count : (uint16_t)(index + 1);
    enum vq_error result = VQ_ERR_TIMEOUT;
    for (uint16_t i = first; i < end; i++) {
        if (!f->rings[i].started)
            continue;
        if (take_call(f, i))
            result = VQ_OK;
        else if (take_err(f, i) == VQ_ERR_BROKEN && result != VQ_OK)
            result = VQ_ERR_BROKEN;
    }
    return result;
}

#define WATCHED (2u + 2u * VQ_VHOST_RINGS_MAX)

static enum vq_error wait(struct vq_transport *t, uint16_t index, int timeout_ms)
{
    struct vq_vhost_frontend *f = frontend_of(t);
    struct pollfd watched[WATCHED];
    nfds_t n = 0;
    if (index != VQ_QUEUE_ANY && index >= f->ring_count)
        return VQ_ERR_RANGE;
    vq_vhost_link_serve(&f->link);
    enum vq_error result = look(f, index);
    if (result != VQ_ERR_TIMEOUT)
        return result;
    if (!vq_vhost_link_alive(&f->link))
        return VQ_ERR_BROKEN;

    watched[n++] = (struct pollfd){.fd = f->link.socket, .events = POLLRDHUP};
    watched[n++] = (struct pollfd){.fd = atomic_load(&f->link.channel_over) ? -1 : f->link.backend,
                                   .events = POLLIN};
    for (uint16_t i = 0; i < f->ring_count && !f->in_band; i++)
        if (f->rings[i].started && (index == VQ_QUEUE_ANY || index == i)) {
            watched[n++] = (struct pollfd){.fd = f->rings[i].call, .events = POLLIN};
            watched[n++] = (struct pollfd){.fd = f->rings[i].err, .events = POLLIN};
        }
    int woken = poll(watched, n, timeout_ms);
    if (woken < 0)
        return errno == EINTR ? VQ_OK : VQ_ERR_IO;
    if (watched[1].revents != 0)
        vq_vhost_link_serve(&f->link);
    result = look(f, index);
    if (result == VQ_ERR_TIMEOUT && watched[0].revents != 0)
        return vq_vhost_link_break(&f->link, "the back end closed the connection");
    return result == VQ_ERR_TIMEOUT && woken > 0 ? VQ_OK : result;
}

static unsigned take_events(struct vq_transport *t)
{
    struct vq_vhost_frontend *f = frontend_of(t);
    notice_config(f);
    unsigned events = f->config_event ? VQ_EVENT_CONFIG : 0;
    f->config_event = false;
    for (uint16_t i = 0; i < f->ring_count; i++) {
        struct pollfd call = {.fd = f->rings[i].call, .events = POLLIN};
        if (atomic_load(&f->link.called[i]) || (call.fd >= 0 && poll(&call, 1, 0) == 1))
            events |= VQ_EVENT_QUEUE;
    }
    return events;
}

static const struct vq_transport_ops frontend_ops = {
    .name = "vhost-user",
    .get_status = get_status,
    .set_status = set_status,
    .get_features = get_features,
    .set_features = set_features,
    .config_size = config_size,
    .config_generation = config_generation,
    .read_config = read_config,
    .write_config = write_config,
    .queue_constraints = queue_constraints,
    .queue_enable = queue_enable,
    .notify = notify,
    .wait = wait,
    .take_events = take_events,
};

/* --- opening and closing --- */

static enum vq_error give_backend_channel(struct vq_vhost_frontend *f)
{
    int pair[2];
    if (!vq_vhost_link_has(&f->link, VQ_VHOST_P_BACKEND_REQ))
        return VQ_OK;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return VQ_ERR_IO;
    f->link.backend = pair[0];
    struct vq_vhost_message message;
    request(&message, VQ_VHOST_SET_BACKEND_REQ_FD, 0);
    message.fds[0] = pair[1];
    message.fd_count = 1;
    enum vq_error error = vq_vhost_tell(&f->link, &message);
    (void)close(pair[1]);
    return error;
}

static uint64_t usable_protocol(const struct vq_vhost_frontend_config *config, uint64_t offered)
{
    uint64_t wanted = PROTOCOL_FEATURES & ~config->protocol_without;
    uint64_t in_band = IN_BAND_FEATURES & ~config->protocol_without;
    if (config->in_band && (offered & in_band) == IN_BAND_FEATURES)
        wanted |= IN_BAND_FEATURES;
    return offered & wanted;
}

static enum vq_error negotiate_protocol(struct vq_vhost_frontend *f)
{
    uint64_t features = 0, offered = 0;
    enum vq_error error = ask_u64(f, VQ_VHOST_GET_FEATURES, &features);
    if (error != VQ_OK)
        return error;
    f->protocol_offered = (features & VQ_VHOST_BIT(VQ_VHOST_F_PROTOCOL_FEATURES)) != 0;
    if (!f->protocol_offered)
        return VQ_OK;
    error = ask_u64(f, VQ_VHOST_GET_PROTOCOL_FEATURES, &offered);
    if (error != VQ_OK)
        return error;
    uint64_t chosen = usable_protocol(&f->config, offered);
    struct vq_vhost_message message;
    request(&message, VQ_VHOST_SET_PROTOCOL_FEATURES, sizeof chosen);
    message.payload.u64 = chosen;
    error = vq_vhost_post(&f->link, &message); /* no acknowledgement before REPLY_ACK holds */
    f->link.protocol = chosen;
    f->in_band = vq_vhost_link_has(&f->link, VQ_VHOST_P_INBAND_NOTIFICATIONS);
    return error;
}

static enum vq_error count_rings(struct vq_vhost_frontend *f)
{
    uint64_t count = f->config.queue_count_max;
    if (vq_vhost_link_has(&f->link, VQ_VHOST_P_MQ)) {
        enum vq_error error = ask_u64(f, VQ_VHOST_GET_QUEUE_NUM, &count);
        if (error != VQ_OK)
            return error;
        if (count == 0)
            return vq_vhost_link_break(&f->link, "GET_QUEUE_NUM: the back end has no ring");
    }
    f->ring_count = (uint16_t)(count < VQ_VHOST_RINGS_MAX ? count : VQ_VHOST_RINGS_MAX);
    f->rings = calloc(f->ring_count, sizeof *f->rings);
    if (f->rings == NULL) {
        f->ring_count = 0;
        return VQ_ERR_NO_MEMORY;
    }
    for (uint16_t i = 0; i < f->ring_count; i++)
        f->rings[i].kick = f->rings[i].call = f->rings[i].err = -1;
    return VQ_OK;
}

static enum vq_error check_slots(struct vq_vhost_frontend *f)
{
    uint64_t slots = 0;
    if (!vq_vhost_link_has(&f->link, VQ_VHOST_P_CONFIGURE_MEM_SLOTS))
        return VQ_OK;
    enum vq_error error = ask_u64(f, VQ_VHOST_GET_MAX_MEM_SLOTS, &slots);
    if (error == VQ_OK && slots == 0)
        return vq_vhost_link_break(&f->link, "GET_MAX_MEM_SLOTS: the back end takes no memory");
    return error;
}

static enum vq_error greet(struct vq_vhost_frontend *f)
{
    struct vq_vhost_message owner;
    request(&owner, VQ_VHOST_SET_OWNER, 0);
    enum vq_error error = negotiate_protocol(f);
    if (error == VQ_OK)
        error = count_rings(f);
    if (error == VQ_OK)
        error = check_slots(f);
    if (error == VQ_OK)
        error = give_backend_channel(f);
    return error == VQ_OK ? vq_vhost_tell(&f->link, &owner) : error;
}

/* A connected socket, or -1 with errno. */
static int connect_to(const char *path, int timeout_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, length + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* A back end that accepts nobody would otherwise hold us for ever. */
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static struct vq_features supported_features(void)
{
    struct vq_features set = vq_transport_common_features();
    /* Addresses are the arena's, notifications carry no data, and nobody can say SUSPEND. */
    vq_feature_clear(&set, VQ_F_ACCESS_PLATFORM);
    vq_feature_clear(&set, VQ_F_NOTIFICATION_DATA);
    vq_feature_clear(&set, VQ_F_SUSPEND);
    return set;
}

static enum vq_error open_link(struct vq_vhost_frontend *f)
{
    const struct vq_vhost_frontend_config *config = &f->config;
    int socket = config->path != NULL ? connect_to(config->path, config->timeout_ms) : config->fd;
    if (socket < 0)
        return config->path != NULL ? VQ_ERR_IO : VQ_ERR_INVALID;
    enum vq_error error = vq_vhost_link_init(&f->link, socket, config->timeout_ms);
    if (error != VQ_OK)
        (void)close(socket);
    return error;
}

enum vq_error vq_vhost_frontend_open(struct vq_vhost_frontend **frontend,
                                     const struct vq_vhost_frontend_config *config, char *reason,
                                     size_t room)
{
    *frontend = NULL;
    struct vq_vhost_frontend *f = calloc(1, sizeof *f);
    if (f == NULL)
        return VQ_ERR_NO_MEMORY;
    f->config = *config;
    f->memory_fd = -1;
    if (f->config.timeout_ms == 0)
        f->config.timeout_ms = 10000;
    if (f->config.queue_count_max == 0)
        f->config.queue_count_max = 1;
    if (f->config.queue_size_max == 0)
        f->config.queue_size_max = 1024;
    f->transport.ops = &frontend_ops;
    f->transport.device_id = config->device_id;
    f->transport.supported = supported_features();
    f->transport.legacy_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

    enum vq_error error = open_link(f);
    if (error != VQ_OK) {
        if (reason != NULL)
            (void)snprintf(reason, room, "cannot connect: %s",
                           error == VQ_ERR_IO ? strerror(errno) : vq_error_text(error));
        free(f);
        return error;
    }
    error = make_memory(f);
    if (error == VQ_OK)
        error = greet(f);
    if (error != VQ_OK) {
        const char *why = vq_vhost_frontend_reason(f);
        if (reason != NULL)
            (void)snprintf(reason, room, "%s", why != NULL ? why : vq_error_text(error));
        vq_vhost_frontend_close(f);
        return error;
    }
    *frontend = f;
    return VQ_OK;
}

void vq_vhost_frontend_close(struct vq_vhost_frontend *f)
{
    if (f == NULL)
        return;
    for (uint16_t i = 0; i < f->ring_count; i++)
        (void)stop_ring(f, i);
    free(f->rings);
    vq_vhost_link_close(&f->link);
    if (f->memory != NULL)
        (void)munmap(f->memory, f->memory_bytes);
    if (f->memory_fd >= 0)
        (void)close(f->memory_fd);
    free(f);
}

struct vq_transport *vq_vhost_frontend_transport(struct vq_vhost_frontend *f)
{
    return &f->transport;
}

void *vq_vhost_frontend_memory(const struct vq_vhost_frontend *f, uint64_t *address, size_t *bytes)
{
    *address = GUEST_BASE;
    *bytes = f->memory_bytes;
    return f->memory;
}

const char *vq_vhost_frontend_reason(const struct vq_vhost_frontend *f)
{
    return atomic_load(&f->link.reason);
}

uint64_t vq_vhost_frontend_protocol_features(const struct vq_vhost_frontend *f)
{
    return f->link.protocol;
}

uint16_t vq_vhost_frontend_queue_count(const struct vq_vhost_frontend *f)
{
    return f->ring_count;
}
