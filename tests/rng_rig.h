/* An entropy device whose source counts and can run dry, and a driver for it. */
#ifndef VQ_TEST_RNG_RIG_H
#define VQ_TEST_RNG_RIG_H

#include "device_rig.h"

#include <vq/rng_device.h>
#include <vq/rng_driver.h>

#define RNG_SIZE 8u

static struct rng_rig {
    struct vq_rng_device dev;
    struct vq_rng_device_config config;
    size_t available; /* bytes that the source has */
    size_t piece;     /* and gives at a time; 0: all */
    uint8_t next;     /* it counts: 1 to 16, and again */
    uint64_t drawn;
    struct hand hand;
    struct vq_rng_driver driver;
    struct vq_rng_driver_options options;
    struct vq_driver_slot slots[RNG_SIZE];
    uint64_t tags[RNG_SIZE];
    struct vq_init_result why;
    struct vq_rng_driver_done done[RNG_SIZE];
} r;
static _Alignas(16) uint8_t rng_memory[4096];

static inline size_t rng_source(void *context, uint8_t *bytes, size_t count)
{
    assert_ptr_equal(context, &r);
    size_t n = count < r.available ? count : r.available;
    if (r.piece != 0 && n > r.piece)
        n = r.piece;
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(r.next % 16 + 1);
        r.next++;
    }
    r.available -= n;
    r.drawn += n;
    return n;
}

static inline enum vq_error rng_open(const struct rig_way *way)
{
    r.options.queue_size = RNG_SIZE;
    r.options.memory = rig_ring(RNG_SIZE);
    r.options.slots = r.slots;
    r.options.tags = r.tags;
    r.options.without = rig_without(way);
    r.options.patience = 100;
    return vq_rng_driver_open(&r.driver, &rig.loop.transport, &r.options, &r.why);
}

/* The device as r.config has it, with all the bytes one may want. */
static inline void rng_start(const struct rig_way *way, uint32_t limit)
{
    memset(&r, 0, sizeof r);
    r.available = SIZE_MAX;
    r.config = (struct vq_rng_device_config){
        .queue_size = RNG_SIZE, .limit = limit, .source = rng_source, .context = &r};
    size_t bytes = vq_rng_device_bytes(&r.config);
    assert_true(bytes != 0 && bytes <= sizeof rng_memory);
    memset(rng_memory, 0xee, sizeof rng_memory);
    assert_int_equal(vq_rng_device_init(&r.dev, &r.config, rng_memory, bytes), VQ_OK);
    rig_carry(&r.dev.model, way);
    assert_int_equal(rng_open(way), VQ_OK);
    assert_int_equal(vq_feature(&rig.loop.transport.accepted, VQ_F_RING_PACKED), way->packed);
    assert_int_equal(vq_feature(&rig.loop.transport.accepted, VQ_F_IN_ORDER), way->in_order);
    assert_int_equal(vq_transport_legacy(&rig.loop.transport), way->legacy);
}

/* A device that the test serves by hand. */
static inline void rng_by_hand(const struct rig_way *way)
{
    memset(&r, 0, sizeof r);
    hand_make(&r.hand, VQ_RNG_DEVICE_ID, 1, 0, way);
    assert_int_equal(rng_open(way), VQ_OK);
}

/* Asks for bytes in guest memory; the tag is the offset. */
static inline enum vq_error rng_ask(uint32_t at, uint32_t bytes)
{
    enum vq_error error = vq_rng_driver_prepare(&r.driver, RIG_BASE + at, bytes, at);
    return error == VQ_OK ? vq_rng_driver_submit(&r.driver) : error;
}

/* Is [at, at + bytes) what the source gave, and 0x11 up to `room`? */
static inline void rng_expect(uint32_t at, uint32_t bytes, uint32_t room)
{
    for (uint32_t i = 0; i < bytes; i++)
        assert_in_range(rig_arena[at + i], 1, 16);
    for (uint32_t i = bytes; i < room; i++)
        assert_int_equal(rig_arena[at + i], 0x11);
}

#endif
