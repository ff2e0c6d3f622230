/*
 * Both ends of a network device, joined by the loopback, with a memory between them that
 * lies: frames out and in, held and released, merged or not, in every shape of a ring; a
 * driver that gives buffers of any form, a device that answers by hand.
 *
 * Whatever is read from shared memory, no buffer of the driver's is lost or handed out
 * twice, no frame is shorter than it may be or longer than its buffers, and the back end
 * sees the driver's memory and nothing else.
 */
#include "fuzz.h"

#include <stdlib.h>

#include <vq/loopback.h>
#include <vq/net_device.h>
#include <vq/net_driver.h>

enum { QUEUE_MAX = 32, BUFFERS_MAX = 48, HELD = 4, STEPS = 400 };
#define ADDRESS UINT64_C(0x70000000)

struct run {
    struct fuzz_input in;
    struct vq_net_device_config device;
    struct vq_net_device dev;
    struct vq_net_driver_options options;
    struct vq_net_driver nic;
    struct vq_region region;
    struct vq_memory memory;
    struct vq_model_queue queues[VQ_NET_QUEUES];
    struct vq_loopback loop;
    struct vq_queue_piece piece[2];
    struct vq_queue_memory ring[2];
    struct vq_net_frame held[HELD];
    unsigned held_count;
    uint32_t sent_max;
    bool lies;
    bool by_hand; /* of the transmit ring, buffers that `send` knows nothing of */
    uint8_t *guest;
    size_t guest_bytes;
    size_t data; /* where frames to send lie in it */
};

static void sent(void *context, const struct vq_segment *frame, size_t count, uint64_t bytes)
{
    const struct run *r = context;
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = frame[i].base;

        FUZZ_CHECK(frame[i].bytes != 0);
        FUZZ_CHECK(at >= r->guest && at - r->guest <= (ptrdiff_t)(r->guest_bytes - frame[i].bytes));
        sum += frame[i].bytes;
    }
    FUZZ_CHECK(sum == bytes && bytes >= VQ_NET_ETHERNET_BYTES && bytes <= r->sent_max);
}

static uint32_t buffers_held(const struct run *r)
{
    uint32_t n = r->nic.missing != 0 ? r->nic.coming.count : 0;

    for (unsigned i = 0; i < r->held_count; i++)
        n += r->held[i].count;
    return n;
}

static void check(const struct run *r)
{
    FUZZ_CHECK(r->nic.free_count + r->nic.posted + buffers_held(r) == r->nic.buffer_count);
    FUZZ_CHECK(r->dev.count <= r->dev.config.stock);
}

static void send(struct run *r)
{
    struct vq_element e[4];
    const uint8_t how = fuzz_byte(&r->in);
    const unsigned pieces = 1 + how % 4;
    struct vq_net_send frame = {.data = e, .count = (uint16_t)pieces, .tagged = how & 0x10};

    for (unsigned i = 0; i < pieces; i++) {
        const uint32_t bytes = fuzz_below(&r->in, 900);
        e[i] = (struct vq_element){ADDRESS + r->data + fuzz_byte(&r->in), bytes};
    }
    frame.headed = how & 0x20;
    (void)vq_net_driver_send(&r->nic, &frame);
    (void)vq_net_driver_flush(&r->nic);
}

/* A buffer of any form on the transmit ring. */
static void send_raw(struct run *r)
{
    struct vq_element e[4];
    const uint8_t how = fuzz_byte(&r->in);
    const unsigned pieces = 1 + how % 4;

    for (unsigned i = 0; i < pieces; i++)
        e[i] = (struct vq_element){ADDRESS + fuzz_below(&r->in, (uint32_t)r->guest_bytes),
                                   fuzz_below(&r->in, 5000)};
    if (vq_driver_add(&r->nic.transmit, e, how / 4 % (pieces + 1),
                      pieces - how / 4 % (pieces + 1)) >= 0)
        r->by_hand = true;
    (void)vq_net_driver_flush(&r->nic);
}

static void receive_frame(struct run *r)
{
    static uint8_t frame[4096];
    const uint32_t bytes = fuzz_below(&r->in, sizeof frame);
    const uint32_t cut = fuzz_below(&r->in, bytes + 1);
    const struct vq_segment pieces[2] = {{frame, cut}, {frame + cut, bytes - cut}};

    frame[12] = fuzz_byte(&r->in) & 1 ? 0x81 : 0;
    const enum vq_error error = vq_net_device_receive(&r->dev, pieces, 2);
    if (bytes < VQ_NET_ETHERNET_BYTES)
        FUZZ_CHECK(error != VQ_OK);
}

/* The device's word for one receive buffer, and its header. */
static void answer(struct run *r)
{
    struct vq_segment segments[4];
    struct vq_buffer buffer = {.segments = segments, .room = 4}, *one = &buffer;

    if (!r->dev.queue[0].running || vq_device_pop(&r->dev.queue[0].ring, &one, 1) != 1)
        return;
    const struct vq_used used = {buffer.id, (uint32_t)fuzz_number(&r->in, 2)};
    for (uint32_t i = 0; i < 12; i++) {
        const uint8_t byte = i == 10 || fuzz_byte(&r->in) % 8 == 0 ? fuzz_byte(&r->in) : 0;
        if (buffer.writable != 0 && i < segments[buffer.readable].bytes)
            ((uint8_t *)segments[buffer.readable].base)[i] = byte;
    }
    FUZZ_CHECK(vq_device_push(&r->dev.queue[0].ring, &used, 1) == VQ_OK);
    (void)vq_device_publish(&r->dev.queue[0].ring);
}

static void take(struct run *r)
{
    struct vq_net_frame *f = &r->held[r->held_count];
    struct vq_segment pieces[BUFFERS_MAX];
    uint8_t got[64];
    uint64_t sum = 0;

    if (r->held_count == HELD || !vq_net_driver_receive(&r->nic, f))
        return;
    r->held_count++;
    FUZZ_CHECK(f->bytes >= VQ_NET_ETHERNET_BYTES && f->count != 0);
    FUZZ_CHECK(f->bytes <= (uint64_t)f->count * r->nic.buffer_bytes - r->nic.header_bytes);
    const size_t count = vq_net_driver_pieces(&r->nic, f, pieces, BUFFERS_MAX);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = pieces[i].base;
        FUZZ_CHECK(at >= r->nic.shared &&
                   at + pieces[i].bytes <= r->nic.shared + r->options.shared_bytes);
        sum += pieces[i].bytes;
    }
    FUZZ_CHECK(sum == f->bytes);
    const uint32_t offset = fuzz_below(&r->in, f->bytes);
    const uint32_t n = vq_net_driver_read(&r->nic, f, offset, got, sizeof got);
    FUZZ_CHECK(n == (f->bytes - offset < sizeof got ? f->bytes - offset : sizeof got));
}

static void reap(struct run *r)
{
    uint64_t tags[8];

    FUZZ_CHECK(vq_net_driver_sent(&r->nic, tags, 8) <= 8);
}

static bool open_all(struct run *r)
{
    r->held_count = 0;
    r->by_hand = false;
    if (vq_net_driver_open(&r->nic, &r->loop.transport, &r->options, NULL) != VQ_OK)
        return false;
    r->sent_max = r->dev.frame_max + VQ_NET_VLAN_BYTES;
    check(r);
    return true;
}

static void step(struct run *r)
{
    uint64_t tags[QUEUE_MAX];

    switch (fuzz_byte(&r->in) % 12) {
    case 0:
    case 1:
        send(r);
        break;
    case 2:
        reap(r);
        break;
    case 3:
        (void)vq_loopback_run(&r->loop);
        break;
    case 4:
        receive_frame(r);
        (void)vq_loopback_run_queue(&r->loop, VQ_NET_QUEUE_RECEIVE);
        break;
    case 5:
        take(r);
        break;
    case 6:
        if (r->held_count != 0)
            vq_net_driver_release(&r->nic, &r->held[--r->held_count]);
        break;
    case 7:
        (void)vq_net_driver_refill(&r->nic);
        break;
    case 8:
        answer(r);
        break;
    case 9:
        send_raw(r);
        break;
    case 10:
        (void)vq_net_device_set_link(&r->dev, fuzz_byte(&r->in) & 1);
        vq_loopback_config_changed(&r->loop);
        (void)vq_net_driver_refresh(&r->nic);
        break;
    default:
        (void)vq_net_driver_wait(&r->nic, 0);
        if (fuzz_byte(&r->in) % 4 != 0)
            break;
        FUZZ_CHECK(vq_net_driver_close(&r->nic) == VQ_OK);
        FUZZ_CHECK(vq_net_driver_abandon(&r->nic, tags, QUEUE_MAX) <= r->nic.transmit.size);
        if (!open_all(r))
            r->in.front = r->in.back;
        break;
    }
}

/* What the input says of both ends. */
static void shape(struct run *r)
{
    struct fuzz_input *in = &r->in;
    const uint8_t how = fuzz_byte(in), more = fuzz_byte(in);
    struct vq_features *without = &r->options.without;

    r->lies = how & 0x80;
    r->device = (struct vq_net_device_config){.mac = {2, 0, 0, 0, 0, 1},
                                              .mtu = more & 1 ? 1280 : 0,
                                              .speed = more & 2 ? 1000 : 0,
                                              .queue_size = QUEUE_MAX,
                                              .segments = 6,
                                              .stock = (uint16_t)(more >> 4),
                                              .send = sent,
                                              .context = r};
    if (!(how & 1))
        vq_feature_set(without, VQ_F_RING_PACKED);
    if (!(how & 2))
        vq_feature_set(without, VQ_F_IN_ORDER);
    if (how & 4)
        vq_feature_set(&r->device.without, VQ_F_VERSION_1);
    if (how & 8)
        vq_feature_set(&r->device.without, VQ_F_ANY_LAYOUT);
    if (how & 16)
        vq_feature_set(without, VQ_NET_F_MRG_RXBUF);
    if (how & 32)
        vq_feature_set(without, VQ_F_EVENT_IDX);
    r->options.receive_size = (uint16_t)(1u << fuzz_byte(in) % 6);
    r->options.transmit_size = (uint16_t)(1u << fuzz_byte(in) % 6);
    r->options.receive_count = (uint16_t)fuzz_below(in, BUFFERS_MAX + 1);
    r->options.receive_buffer =
        vq_feature(without, VQ_NET_F_MRG_RXBUF) ? 1526u + fuzz_byte(in) : 13 + fuzz_below(in, 2000);
    r->options.strict = more & 4;
    r->options.patience = 10;
}

/* Memory of exactly what is needed, so that a sanitizer sees one step beyond. */
static void furnish(struct run *r)
{
    struct vq_net_driver_options *o = &r->options;
    const uint32_t count = o->receive_count != 0 ? o->receive_count : o->receive_size;
    const size_t ring = VQ_SPLIT_BYTES(QUEUE_MAX) + 64;

    o->shared_bytes = VQ_NET_SHARED_BYTES(count, o->receive_buffer);
    o->private_bytes = VQ_NET_PRIVATE_BYTES(o->receive_size, o->transmit_size, count);
    o->private_memory = fuzz_new(o->private_bytes);
    r->data = 2 * ring + o->shared_bytes;
    r->guest_bytes = r->data + 1200;
    r->guest = fuzz_new(r->guest_bytes);
    r->region = (struct vq_region){ADDRESS, r->guest_bytes, r->guest, VQ_READ | VQ_WRITE};
    FUZZ_CHECK(vq_memory_init(&r->memory, &r->region, 1) == VQ_OK);
    for (unsigned i = 0; i < 2; i++) {
        r->piece[i] = (struct vq_queue_piece){r->guest + i * ring, ADDRESS + i * ring, ring};
        r->ring[i] = (struct vq_queue_memory){.pieces = &r->piece[i], .count = 1};
    }
    o->receive_ring = &r->ring[0];
    o->transmit_ring = &r->ring[1];
    o->shared = r->guest + 2 * ring;
    o->address = ADDRESS + 2 * ring;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct run r;

    r = (struct run){.in = {data, data + bytes}};
    shape(&r);
    furnish(&r);
    const size_t device_bytes = vq_net_device_bytes(&r.device);
    FUZZ_CHECK(device_bytes != 0);
    void *device_memory = fuzz_new(device_bytes);
    FUZZ_CHECK(vq_net_device_init(&r.dev, &r.device, device_memory, device_bytes) == VQ_OK);
    const struct vq_loopback_config config = {.model = &r.dev.model,
                                              .memory = &r.memory,
                                              .queues = r.queues,
                                              .queue_count = VQ_NET_QUEUES,
                                              .legacy_big_endian = fuzz_byte(&r.in) & 1};
    FUZZ_CHECK(vq_loopback_init(&r.loop, &config) == VQ_OK);
    fuzz_hook_start(&r.in, false);
    if (open_all(&r)) {
        fuzz_hook_start(&r.in, r.lies);
        for (unsigned i = 0; i < STEPS && fuzz_more(&r.in); i++) {
            step(&r);
            check(&r);
        }
        /* What is honest breaks nothing, but for a device that answered by hand. */
        fuzz_hook_start(&r.in, false);
        FUZZ_CHECK(vq_net_driver_close(&r.nic) == VQ_OK);
    }
    free(device_memory);
    free(r.options.private_memory);
    free(r.guest);
    return 0;
}
