/*
 * The console driver against a device that says and does anything: messages about ports
 * that are and are not there, of any length; bytes; used rings that were scribbled over;
 * configuration space that changes. Whatever it does, each call comes to an end, gives no
 * more than was asked for, and leaves what the driver knows of its ports and buffers sound.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <vq/console_driver.h>
#include <vq/device.h>
#include <vq/status.h>

enum {
    STEPS = 200,
    PORTS = 3,
    QUEUES = 2 * PORTS + 2,
    SIZE = 8,
    TEXT = 200,
    /* Of one call: every buffer of every queue, byte by byte, and the rings. */
    FETCHES = QUEUES * SIZE * 200 + 64 * VQ_CONSOLE_CONFIG_SIZE + 2 * TEXT,
};
#define BASE UINT64_C(0x30000000)

static struct run {
    struct vq_transport transport;
    struct fuzz_input in;
    struct vq_console_driver driver;
    struct vq_console_driver_options options;
    uint8_t *shared;
    size_t shared_bytes;
    uint8_t status;
    struct vq_features offered;
    uint32_t config_size;
    uint8_t config[VQ_CONSOLE_CONFIG_SIZE];
    uint16_t size_max;
    struct vq_region region;
    struct vq_memory memory;
    /* The device's end of each queue that was enabled. */
    struct {
        bool enabled;
        struct vq_place place;
        struct vq_device_queue q;
        uint16_t in_flight[SIZE];
        struct vq_device_order order[SIZE];
    } queue[QUEUES];
} r;

static enum vq_error get_status(struct vq_transport *t, uint8_t *status)
{
    (void)t;
    *status = r.status;
    return VQ_OK;
}

static enum vq_error set_status(struct vq_transport *t, uint8_t status)
{
    (void)t;
    r.status = status;
    if (status == 0)
        memset(r.queue, 0, sizeof r.queue);
    return VQ_OK;
}

static enum vq_error get_features(struct vq_transport *t, struct vq_features *offered)
{
    (void)t;
    *offered = r.offered;
    return VQ_OK;
}

static enum vq_error set_features(struct vq_transport *t, const struct vq_features *accepted)
{
    (void)t;
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++)
        FUZZ_CHECK((accepted->word[i] & ~r.offered.word[i]) == 0);
    return VQ_OK;
}

static uint32_t config_size(struct vq_transport *t)
{
    (void)t;
    return r.config_size;
}

static enum vq_error read_config(struct vq_transport *t, uint32_t offset, void *bytes,
                                 uint32_t count)
{
    (void)t;
    FUZZ_CHECK(offset <= r.config_size && count <= r.config_size - offset);
    memcpy(bytes, r.config + offset, count);
    return VQ_OK;
}

static enum vq_error write_config(struct vq_transport *t, uint32_t offset, const void *bytes,
                                  uint32_t count)
{
    (void)t;
    (void)bytes;
    FUZZ_CHECK(offset == VQ_CONSOLE_CONFIG_EMERG_WR && count == 4);
    FUZZ_CHECK(r.config_size == VQ_CONSOLE_CONFIG_SIZE);
    return VQ_OK;
}

static enum vq_error queue_constraints(struct vq_transport *t, uint16_t index,
                                       struct vq_constraints *constraints)
{
    (void)t;
    if (index >= QUEUES)
        return VQ_ERR_RANGE;
    constraints->size_max = r.size_max;
    return VQ_OK;
}

static uint8_t *part(const struct vq_place *place, enum vq_part which)
{
    uint64_t offset = place->address[which] - BASE;
    FUZZ_CHECK(offset <= r.shared_bytes &&
               place->layout.part[which].bytes <= r.shared_bytes - offset);
    return r.shared + offset;
}

static enum vq_error queue_enable(struct vq_transport *t, uint16_t index,
                                  const struct vq_place *place)
{
    bool packed = vq_feature(&t->accepted, VQ_F_RING_PACKED);
    FUZZ_CHECK(index < QUEUES && !r.queue[index].enabled && place->layout.size <= SIZE);
    struct vq_device_config config = {
        .features = t->accepted,
        .big_endian = vq_transport_big_endian(t),
        .size = (uint16_t)place->layout.size,
        .descriptor_area = part(place, VQ_DESCRIPTOR_AREA),
        .driver_area = part(place, VQ_DRIVER_AREA),
        .device_area = part(place, VQ_DEVICE_AREA),
        .memory = &r.memory,
        .in_flight = r.queue[index].in_flight,
        .order = r.queue[index].order,
        .next_available = packed ? 0x8000 : 0,
        .next_used = packed ? 0x8000 : 0,
    };
    FUZZ_CHECK(vq_device_init(&r.queue[index].q, &config) == VQ_OK);
    r.queue[index].enabled = true;
    r.queue[index].place = *place;
    return VQ_OK;
}

static enum vq_error notify(struct vq_transport *t, uint16_t index, uint32_t data)
{
    (void)t;
    (void)data;
    FUZZ_CHECK(index < QUEUES && r.queue[index].enabled);
    return VQ_OK;
}

/* The device takes a buffer and gives it back with what the input says. */
static void answer(void)
{
    uint8_t how = fuzz_byte(&r.in);
    uint16_t index = how >= 0x80 ? VQ_CONSOLE_CONTROL_RECEIVE : (uint16_t)fuzz_below(&r.in, QUEUES);
    struct vq_segment segments[4];
    struct vq_buffer buffer = {.segments = segments, .room = 4};
    struct vq_buffer *const one[1] = {&buffer};
    if (!r.queue[index].enabled || vq_device_pop(&r.queue[index].q, one, 1) != 1)
        return;
    uint32_t written = 0;
    if (buffer.writable != 0) {
        uint8_t *at = segments[buffer.readable].base;
        size_t room = segments[buffer.readable].bytes;
        bool big = vq_transport_big_endian(&r.transport);
        memset(at, how, room);
        if (room >= VQ_CONSOLE_CONTROL_BYTES && (how & 1) != 0) {
            fuzz_put(at, fuzz_below(&r.in, PORTS + 1), 4, big);
            fuzz_put(at + 4, fuzz_below(&r.in, 9), 2, big);
            fuzz_put(at + 6, fuzz_byte(&r.in), 2, big);
        }
        written = how & 2 ? (how & 4 ? (uint32_t)fuzz_number(&r.in, 4) : fuzz_below(&r.in, 80))
                          : (uint32_t)room;
    }
    const struct vq_used used = {buffer.id, written};
    (void)vq_device_push(&r.queue[index].q, &used, 1);
    (void)vq_device_publish(&r.queue[index].q);
}

/* It writes over what it may write, or over what it may not. */
static void scribble(void)
{
    if (fuzz_byte(&r.in) < 0x40) {
        uint32_t at = fuzz_below(&r.in, (uint32_t)r.shared_bytes);
        r.shared[at] = fuzz_byte(&r.in);
        return;
    }
    uint16_t index = (uint16_t)fuzz_below(&r.in, QUEUES);
    if (!r.queue[index].enabled)
        return;
    uint8_t *area = part(&r.queue[index].place, VQ_DEVICE_AREA);
    area[fuzz_below(&r.in, r.queue[index].place.layout.part[VQ_DEVICE_AREA].bytes)] =
        fuzz_byte(&r.in);
}

static enum vq_error wait(struct vq_transport *t, uint16_t index, int timeout_ms)
{
    (void)t;
    FUZZ_CHECK(index == VQ_QUEUE_ANY && timeout_ms == 3);
    answer();
    return fuzz_byte(&r.in) & 1 ? VQ_OK : VQ_ERR_TIMEOUT;
}

static const struct vq_transport_ops ops = {
    .name = "fuzz",
    .get_status = get_status,
    .set_status = set_status,
    .get_features = get_features,
    .set_features = set_features,
    .config_size = config_size,
    .read_config = read_config,
    .write_config = write_config,
    .queue_constraints = queue_constraints,
    .queue_enable = queue_enable,
    .notify = notify,
    .wait = wait,
};

static void check_queue(const struct vq_console_driver_queue *q)
{
    bool free[SIZE] = {false};
    FUZZ_CHECK(q->ring.size <= SIZE && q->free_count <= q->ring.size);
    for (uint16_t i = 0; i < q->free_count; i++) {
        FUZZ_CHECK(q->free[i] < q->ring.size && !free[q->free[i]]);
        free[q->free[i]] = true;
    }
}

static void check(void)
{
    const struct vq_console_driver *c = &r.driver;
    FUZZ_CHECK(c->port_count <= PORTS);
    for (uint16_t i = 0; i < c->port_count; i++) {
        const struct vq_console_port *p = &c->ports[i];
        FUZZ_CHECK(memchr(p->name, '\0', sizeof p->name) != NULL);
        FUZZ_CHECK(p->at <= p->end && p->end <= p->receive.bytes);
        FUZZ_CHECK(p->at == p->end || p->receive.free_count != 0);
        FUZZ_CHECK(c->multiport || (i == 0 && p->present && p->console && p->open));
        check_queue(&p->receive);
        check_queue(&p->transmit);
    }
    if (c->multiport) {
        check_queue(&c->control_receive);
        check_queue(&c->control_transmit);
    }
}

static void read_port(void)
{
    uint16_t port = (uint16_t)fuzz_below(&r.in, PORTS + 1);
    size_t room = fuzz_below(&r.in, TEXT);
    uint8_t *text = fuzz_new(room);
    FUZZ_CHECK(vq_console_driver_read(&r.driver, port, text, room) <= room);
    free(text);
}

static void write_port(void)
{
    uint16_t port = (uint16_t)fuzz_below(&r.in, PORTS + 1);
    size_t count = fuzz_below(&r.in, TEXT);
    uint8_t *text = fuzz_new(count);
    size_t put = vq_console_driver_write(&r.driver, port, text, count);
    FUZZ_CHECK(put <= count);
    FUZZ_CHECK(put == 0 || vq_console_driver_unsent(&r.driver, port) <=
                               (size_t)SIZE * r.driver.ports[port].transmit.bytes);
    free(text);
}

static void open_it(void)
{
    enum vq_error error = vq_console_driver_open(&r.driver, &r.transport, &r.options, NULL);
    FUZZ_CHECK(error != VQ_OK || r.driver.port_count != 0);
}

static void others(void)
{
    uint8_t what = fuzz_byte(&r.in);
    uint16_t port = (uint16_t)fuzz_below(&r.in, PORTS + 1);
    if (what < 0x40)
        (void)vq_console_driver_set_open(&r.driver, port, what & 1);
    else if (what < 0x70)
        r.config[what % sizeof r.config] = fuzz_byte(&r.in);
    else if (what < 0x90)
        (void)vq_console_driver_refresh(&r.driver);
    else if (what < 0xb0)
        (void)vq_console_driver_broken(&r.driver, port);
    else if (what < 0xc0)
        (void)vq_console_emergency(&r.transport, (char)what);
    else if (what < 0xe0)
        r.transport.suspended = !r.transport.suspended;
    else if (what < 0xf0)
        (void)vq_console_driver_close(&r.driver);
    else
        open_it();
}

static void step(void)
{
    switch (fuzz_byte(&r.in) & 15) {
    case 0:
    case 1:
        read_port();
        break;
    case 2:
        write_port();
        break;
    case 3:
    case 4:
    case 5:
        (void)vq_console_driver_poll(&r.driver);
        break;
    case 6:
        (void)vq_console_driver_wait(&r.driver, 3);
        break;
    case 7:
        others();
        break;
    case 8:
        scribble();
        break;
    default:
        answer();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    size_t private_bytes;
    memset(&r, 0, sizeof r);
    r.in = (struct fuzz_input){data, data + bytes};
    uint8_t mode = fuzz_byte(&r.in), more = fuzz_byte(&r.in);
    fuzz_hook_start(&r.in, mode >= 0x80);

    r.transport.ops = &ops;
    r.transport.device_id = VQ_CONSOLE_DEVICE_ID;
    r.transport.supported = vq_transport_common_features();
    r.transport.legacy_big_endian = (mode & 4) != 0;
    for (unsigned bit = 0; bit < 3; bit++)
        if ((more >> bit & 1) == 0)
            vq_feature_set(&r.offered, bit);
    if ((mode & 1) == 0)
        vq_feature_set(&r.offered, VQ_F_VERSION_1);
    if ((mode & 2) != 0)
        vq_feature_set(&r.offered, VQ_F_RING_PACKED);
    if ((mode & 8) != 0)
        vq_feature_set(&r.offered, VQ_F_IN_ORDER);
    if ((mode & 16) != 0)
        vq_feature_set(&r.offered, VQ_F_EVENT_IDX);
    r.config_size = more >= 0xe0 ? fuzz_below(&r.in, sizeof r.config + 1) : sizeof r.config;
    r.config[VQ_CONSOLE_CONFIG_MAX_NR_PORTS] = PORTS;
    r.config[VQ_CONSOLE_CONFIG_MAX_NR_PORTS + 3] = (mode & 5) == 5 ? PORTS : 0;
    if ((mode & 5) == 5)
        r.config[VQ_CONSOLE_CONFIG_MAX_NR_PORTS] = 0;
    r.size_max = (uint16_t)(1u << (more >> 3 & 3));

    r.options = (struct vq_console_driver_options){
        .ports = (uint16_t)(mode & 32 ? 0 : 1 + (more >> 5) % PORTS),
        .queue_size = SIZE,
        .control_size = SIZE,
        .buffer_bytes = 16,
        .strict = (mode & 64) != 0,
        .patience = 10,
    };
    FUZZ_CHECK(vq_console_driver_measure(&r.options, &r.shared_bytes, &private_bytes) == VQ_OK);
    r.shared = fuzz_new(r.shared_bytes);
    r.options.memory = (struct vq_console_memory){.shared = r.shared,
                                                  .address = BASE,
                                                  .shared_bytes = r.shared_bytes,
                                                  .private_memory = fuzz_new(private_bytes),
                                                  .private_bytes = private_bytes};
    r.region = (struct vq_region){BASE, r.shared_bytes, r.shared, VQ_READ | VQ_WRITE};
    FUZZ_CHECK(vq_memory_init(&r.memory, &r.region, 1) == VQ_OK);
    open_it();
    for (unsigned i = 0; i < STEPS && fuzz_more(&r.in); i++) {
        uint64_t before = fuzz_hook.fetches;
        step();
        FUZZ_CHECK(fuzz_hook.fetches - before <= FETCHES);
        check();
    }
    (void)vq_console_driver_close(&r.driver);
    free(r.options.memory.private_memory);
    free(r.shared);
    return 0;
}
