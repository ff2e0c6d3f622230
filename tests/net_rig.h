/*
 * Both ends of a network device in one process: the driver, the loopback, the device, and
 * a back end that keeps what was sent. Every test runs once for each shape of a ring.
 *
 * The private state of both ends is at hand, so that a test may play a driver or a device
 * that keeps to nothing.
 */
#ifndef VQ_TEST_NET_RIG_H
#define VQ_TEST_NET_RIG_H

#include "test.h"

#include <string.h>

#include <vq/loopback.h>
#include <vq/net_device.h>
#include <vq/net_driver.h>

enum {
    NET_SIZE = 16,
    NET_LOG = 64,
    NET_LONGEST = 2048,
    NET_ARENA = 1 << 18,
    NET_DATA = 1 << 17, /* where frames to send lie in the arena */
};
#define NET_ADDRESS UINT64_C(0x40000000)

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define NET_HOST_BIG true
#else
#define NET_HOST_BIG false
#endif

enum net_shape {
    NET_SPLIT,
    NET_SPLIT_PLAIN, /* neither merging nor anything else that can be left out */
    NET_PACKED,
    NET_IN_ORDER,
    NET_LEGACY,
    NET_LEGACY_PLAIN, /* without ANY_LAYOUT and MRG_RXBUF */
    NET_LEGACY_BIG,
    NET_SHAPES,
};

static const uint8_t net_mac[VQ_NET_MAC_BYTES] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

struct net_sent {
    uint8_t bytes[NET_LONGEST];
    uint64_t count;
};

/* What a device says of itself, if it is not the device's own word. */
struct net_words {
    struct vq_device_model_ops ops;
    const struct vq_device_model_ops *real;
    struct vq_features offered;
    uint8_t config[VQ_NET_CONFIG_SIZE];
    uint32_t config_size;
    bool touched[VQ_NET_CONFIG_SIZE];
    unsigned writes;
    struct vq_features chosen;
};

struct net {
    /* The device's end. */
    struct net_words words;
    bool by_words; /* the device says what stands in `words` */
    struct vq_net_device_config device;
    struct vq_net_device dev;
    struct vq_region region;
    struct vq_memory memory;
    struct vq_model_queue loop_queues[VQ_NET_QUEUES];
    bool legacy;
    struct vq_loopback_config loop_config;
    struct vq_loopback loop;
    struct net_sent sent[NET_LOG];
    unsigned sent_count;
    bool reflect; /* what is sent comes back */
    /* The driver's end. */
    struct vq_net_driver_options options;
    struct vq_queue_piece piece[2];
    struct vq_queue_memory ring[2];
    struct vq_net_driver nic;
    struct vq_init_result why;
};

static struct net n;
static _Alignas(4096) uint8_t net_arena[NET_ARENA];
static _Alignas(64) uint8_t net_private[8192];
static _Alignas(64) uint8_t net_device_memory[1 << 17];

static inline void net_keep(void *context, const struct vq_segment *frame, size_t count,
                            uint64_t bytes)
{
    struct net_sent *s = &n.sent[n.sent_count++ % NET_LOG];
    (void)context;
    s->count = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_not_equal(frame[i].bytes, 0);
        assert_true(s->count + frame[i].bytes <= NET_LONGEST || bytes > NET_LONGEST);
        if (s->count + frame[i].bytes <= NET_LONGEST)
            memcpy(s->bytes + s->count, frame[i].base, frame[i].bytes);
        s->count += frame[i].bytes;
    }
    assert_int_equal(s->count, bytes);
    if (n.reflect)
        (void)vq_net_device_receive(&n.dev, frame, count);
}

/* The configuration of both ends for a shape; a test may change it before net_open. */
static inline void net_prepare(enum net_shape shape)
{
    memset(&n, 0, sizeof n);
    memset(net_arena, 0xaa, sizeof net_arena);
    memset(net_private, 0xaa, sizeof net_private);
    memset(net_device_memory, 0xaa, sizeof net_device_memory);
    n.device = (struct vq_net_device_config){
        .mtu = 1500, .queue_size = NET_SIZE, .segments = 20, .send = net_keep};
    memcpy(n.device.mac, net_mac, sizeof net_mac);
    n.options = (struct vq_net_driver_options){
        .receive_size = NET_SIZE, .transmit_size = NET_SIZE, .patience = 10};
    struct vq_features *without = &n.options.without;
    vq_feature_set(without, VQ_F_IN_ORDER);
    if (shape != NET_PACKED)
        vq_feature_set(without, VQ_F_RING_PACKED);
    if (shape == NET_IN_ORDER)
        vq_feature_clear(without, VQ_F_IN_ORDER);
    if (shape == NET_SPLIT_PLAIN || shape == NET_LEGACY_PLAIN) {
        vq_feature_set(without, VQ_NET_F_MRG_RXBUF);
        vq_feature_set(without, VQ_F_EVENT_IDX);
    }
    n.legacy = shape == NET_LEGACY || shape == NET_LEGACY_PLAIN || shape == NET_LEGACY_BIG;
    if (n.legacy)
        vq_feature_set(&n.device.without, VQ_F_VERSION_1);
    if (shape == NET_LEGACY_PLAIN)
        vq_feature_set(&n.device.without, VQ_F_ANY_LAYOUT);
    n.loop_config.legacy_big_endian = shape == NET_LEGACY_BIG;
    n.region = (struct vq_region){NET_ADDRESS, NET_ARENA, net_arena, VQ_READ | VQ_WRITE};
}

static inline struct vq_features net_say_offered(const struct vq_device_model *model)
{
    (void)model;
    return n.words.offered;
}

static inline enum vq_error net_hear(struct vq_device_model *model,
                                     const struct vq_features *chosen)
{
    struct vq_features real = n.words.real->offered(model);
    real = vq_features_and(*chosen, real);
    n.words.chosen = *chosen;
    return n.words.real->accept(model, &real);
}

static inline uint32_t net_say_config_size(const struct vq_device_model *model)
{
    (void)model;
    return n.words.config_size;
}

static inline void net_say_config(const struct vq_device_model *model, uint32_t offset, void *bytes,
                                  uint32_t count)
{
    (void)model;
    assert_true(offset + count <= sizeof n.words.config);
    memset(n.words.touched + offset, 1, count);
    memcpy(bytes, n.words.config + offset, count);
}

static inline enum vq_error net_hear_config(struct vq_device_model *model, uint32_t offset,
                                            const void *bytes, uint32_t count)
{
    (void)model;
    (void)offset;
    (void)bytes;
    (void)count;
    n.words.writes++;
    return VQ_OK;
}

/* Between net_prepare and net_open: from now on the device offers and shows what `words` say, at
 * first what it would say by itself. */
static inline void net_speak(void)
{
    const size_t bytes = vq_net_device_bytes(&n.device);

    assert_int_equal(vq_net_device_init(&n.dev, &n.device, net_device_memory, bytes), VQ_OK);
    n.dev.model.big_endian = n.legacy && (NET_HOST_BIG || n.loop_config.legacy_big_endian);
    n.by_words = true;
    n.words.offered = n.dev.model.ops->offered(&n.dev.model);
    n.words.config_size = VQ_NET_CONFIG_SIZE;
    n.dev.model.ops->read_config(&n.dev.model, 0, n.words.config, VQ_NET_CONFIG_SIZE);
}

static inline enum vq_error net_open(void)
{
    const uint16_t count =
        n.options.receive_count != 0 ? n.options.receive_count : n.options.receive_size;
    const uint32_t buffer =
        n.options.receive_buffer != 0 ? n.options.receive_buffer : VQ_NET_BUFFER_BYTES;
    const size_t bytes = vq_net_device_bytes(&n.device);
    const size_t rings = 8192; /* of the arena, each */

    assert_true(bytes != 0 && bytes <= sizeof net_device_memory);
    assert_int_equal(vq_net_device_init(&n.dev, &n.device, net_device_memory, bytes), VQ_OK);
    if (n.by_words) {
        n.words.real = n.dev.model.ops;
        n.words.ops = *n.dev.model.ops;
        n.words.ops.offered = net_say_offered;
        n.words.ops.accept = net_hear;
        n.words.ops.config_size = net_say_config_size;
        n.words.ops.read_config = net_say_config;
        n.words.ops.write_config = net_hear_config;
        n.dev.model.ops = &n.words.ops;
    }
    assert_int_equal(vq_memory_init(&n.memory, &n.region, 1), VQ_OK);
    n.loop_config.model = &n.dev.model;
    n.loop_config.memory = &n.memory;
    n.loop_config.queues = n.loop_queues;
    n.loop_config.queue_count = VQ_NET_QUEUES;
    assert_int_equal(vq_loopback_init(&n.loop, &n.loop_config), VQ_OK);
    for (unsigned i = 0; i < 2; i++) {
        n.piece[i] = (struct vq_queue_piece){net_arena + i * rings, NET_ADDRESS + i * rings, rings};
        n.ring[i] = (struct vq_queue_memory){.pieces = &n.piece[i], .count = 1};
    }
    n.options.receive_ring = &n.ring[0];
    n.options.transmit_ring = &n.ring[1];
    n.options.shared = net_arena + 2 * rings;
    n.options.address = NET_ADDRESS + 2 * rings;
    n.options.shared_bytes = VQ_NET_SHARED_BYTES(count, buffer);
    assert_true(2 * rings + n.options.shared_bytes <= NET_DATA);
    n.options.private_memory = net_private;
    n.options.private_bytes =
        VQ_NET_PRIVATE_BYTES(n.options.receive_size, n.options.transmit_size, count);
    assert_true(n.options.private_bytes <= sizeof net_private);
    return vq_net_driver_open(&n.nic, &n.loop.transport, &n.options, &n.why);
}

static inline void net_start(enum net_shape shape)
{
    net_prepare(shape);
    assert_int_equal(net_open(), VQ_OK);
    (void)vq_loopback_run(&n.loop);
}

/* What was sent may have been answered. */
static inline void net_run(void)
{
    (void)vq_loopback_run(&n.loop);
    (void)vq_loopback_run_queue(&n.loop, VQ_NET_QUEUE_RECEIVE);
}

/* A frame of `bytes` whose content `seed` tells. */
static inline void net_fill(uint8_t *frame, uint32_t bytes, unsigned seed)
{
    for (uint32_t i = 0; i < bytes; i++)
        frame[i] = (uint8_t)(seed * 37 + i * 7 + i / 256);
    frame[12] = 8; /* no tag */
}

/* Sends it from the arena, in `pieces` pieces. */
static inline enum vq_error net_send(uint32_t bytes, unsigned seed, unsigned pieces)
{
    struct vq_element e[VQ_NET_PIECES_MAX + 1];
    uint32_t at = 0;

    net_fill(net_arena + NET_DATA, bytes < 14 ? 14 : bytes, seed);
    for (unsigned i = 0; i < pieces; i++) {
        uint32_t size = i + 1 == pieces ? bytes - at : bytes / pieces;
        e[i] = (struct vq_element){NET_ADDRESS + NET_DATA + at, size};
        at += size;
    }
    enum vq_error error = vq_net_driver_send(
        &n.nic, &(struct vq_net_send){.data = e, .count = (uint16_t)pieces, .tag = seed});
    if (error != VQ_OK)
        return error;
    assert_int_equal(vq_net_driver_flush(&n.nic), VQ_OK);
    net_run();
    return VQ_OK;
}

/* Lets the device put a frame in, and publishes it. */
static inline enum vq_error net_receive(uint32_t bytes, unsigned seed)
{
    static uint8_t frame[1 << 17];
    struct vq_segment segments[3] = {
        {frame, 5}, {frame + 5, 20}, {frame + 25, bytes < 25 ? 0 : bytes - 25}};

    net_fill(frame, bytes < 14 ? 14 : bytes, seed);
    if (bytes < 25) {
        segments[0].bytes = bytes;
        return vq_net_device_receive(&n.dev, segments, 1);
    }
    enum vq_error error = vq_net_device_receive(&n.dev, segments, bytes == 25 ? 2 : 3);
    (void)vq_loopback_run_queue(&n.loop, VQ_NET_QUEUE_RECEIVE);
    return error;
}

/* Takes a frame out of the driver and compares it. */
static inline void net_expect(uint32_t bytes, unsigned seed)
{
    static uint8_t want[1 << 17], got[1 << 17];
    struct vq_net_frame frame;

    assert_true(vq_net_driver_receive(&n.nic, &frame));
    assert_int_equal(frame.bytes, bytes);
    net_fill(want, bytes, seed);
    memset(got, 0, bytes + 1);
    assert_int_equal(vq_net_driver_read(&n.nic, &frame, 0, got, bytes + 100), bytes);
    assert_memory_equal(got, want, bytes);
    vq_net_driver_release(&n.nic, &frame);
    assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
}

/* One buffer of the driver, taken by hand; `net_hand.segments` says where it is. */
static struct vq_segment net_hand_segments[32];
static struct vq_buffer net_hand;

static inline bool net_take(uint16_t index)
{
    struct vq_buffer *one = &net_hand;

    net_hand = (struct vq_buffer){.segments = net_hand_segments, .room = 32};
    return vq_device_pop(&n.dev.queue[index].ring, &one, 1) == 1;
}

/* ... and given back by hand. */
static inline void net_give(uint16_t index, uint32_t written)
{
    const struct vq_used used = {net_hand.id, written};

    assert_int_equal(vq_device_push(&n.dev.queue[index].ring, &used, 1), VQ_OK);
    (void)vq_device_publish(&n.dev.queue[index].ring);
}

/* Nothing is lost: every buffer is free, with the device, or part of a frame. */
static inline void net_all_there(unsigned held)
{
    assert_int_equal(n.nic.free_count + n.nic.posted + held, n.nic.buffer_count);
}

#endif
