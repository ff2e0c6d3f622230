/*
 * A device model behind the loopback, guest memory for its driver, and the ways in
 * which the two can talk: split, packed, in order, legacy of either byte order. For
 * tests of device types over all of them.
 */
#ifndef VQ_TEST_DEVICE_RIG_H
#define VQ_TEST_DEVICE_RIG_H

#include "test.h"

#include <string.h>

#include <vq/loopback.h>
#include <vq/queue.h>

#define RIG_BASE   UINT64_C(0x10000000)
#define RIG_ARENA  (256u << 10)
#define RIG_QUEUES 32u

/* How driver and device talk: the features that the driver leaves out. */
struct rig_way {
    const char *name;
    bool packed;
    bool in_order;
    bool legacy;
    bool big; /* of a legacy driver's machine */
};

static const struct rig_way rig_split = {"split", false, false, false, false};
static const struct rig_way rig_in_order = {"in order", false, true, false, false};
static const struct rig_way rig_packed = {"packed", true, false, false, false};
static const struct rig_way rig_packed_in_order = {"packed, in order", true, true, false, false};
static const struct rig_way rig_legacy = {"legacy", false, false, true, false};
static const struct rig_way rig_legacy_big = {"legacy, big-endian", false, false, true, true};

/* One test for all ways. */
#define RIG_EACH_WAY(fn, name)                                                                     \
    VQ_TEST_STATE(fn, &rig_split, name), VQ_TEST_STATE(fn, &rig_in_order, name " (in order)"),     \
        VQ_TEST_STATE(fn, &rig_packed, name " (packed)"),                                          \
        VQ_TEST_STATE(fn, &rig_packed_in_order, name " (packed, in order)"),                       \
        VQ_TEST_STATE(fn, &rig_legacy, name " (legacy)"),                                          \
        VQ_TEST_STATE(fn, &rig_legacy_big, name " (legacy, big-endian)")

static struct device_rig {
    struct vq_region region;
    struct vq_memory memory;
    struct vq_model_queue queues[RIG_QUEUES];
    struct vq_loopback loop;
    uint32_t next;
    struct vq_queue_piece pieces[RIG_QUEUES];
    uint32_t piece_count;
} rig;
static _Alignas(4096) uint8_t rig_arena[RIG_ARENA];

static inline struct vq_features rig_without(const struct rig_way *way)
{
    struct vq_features set = {{0}};
    if (!way->packed)
        vq_feature_set(&set, VQ_F_RING_PACKED);
    if (!way->in_order)
        vq_feature_set(&set, VQ_F_IN_ORDER);
    if (way->legacy)
        vq_feature_set(&set, VQ_F_VERSION_1);
    return set;
}

/* Puts a model behind the loopback; guest memory is all 0x11 but what was taken before. */
static inline void rig_carry(struct vq_device_model *model, const struct rig_way *way)
{
    memset(&rig, 0, sizeof rig);
    memset(rig_arena, 0x11, sizeof rig_arena);
    rig.region = (struct vq_region){RIG_BASE, RIG_ARENA, rig_arena, VQ_READ | VQ_WRITE};
    assert_int_equal(vq_memory_init(&rig.memory, &rig.region, 1), VQ_OK);
    const struct vq_loopback_config config = {
        .model = model,
        .memory = &rig.memory,
        .queues = rig.queues,
        .queue_count = RIG_QUEUES,
        .legacy_big_endian = way->big,
    };
    assert_int_equal(vq_loopback_init(&rig.loop, &config), VQ_OK);
}

/* Guest memory, aligned to 64 bytes; its address is RIG_BASE + the offset that this returns. */
static inline uint32_t rig_take(uint32_t bytes)
{
    uint32_t at = rig.next;
    assert_true(bytes <= RIG_ARENA - at);
    rig.next = (at + bytes + 63) & ~63u;
    return at;
}

/* Memory for a ring of `size`, of which it uses as much as it needs; valid until the next carry. */
static inline struct vq_queue_memory rig_ring(uint32_t size)
{
    uint32_t at = rig_take(VQ_SPLIT_BYTES(size) + 64);
    struct vq_queue_piece *piece = &rig.pieces[rig.piece_count++];
    assert_true(rig.piece_count <= RIG_QUEUES);
    *piece = (struct vq_queue_piece){rig_arena + at, RIG_BASE + at, VQ_SPLIT_BYTES(size) + 64};
    return (struct vq_queue_memory){.pieces = piece, .count = 1};
}

/*
 * A model whose queues a test serves by hand: what the driver made available is taken with
 * hand_pop and given back with hand_push, with any used length.
 */
#define HAND_SIZE   64u
#define HAND_CONFIG 16u

struct hand {
    struct vq_device_model model;
    uint16_t device_id;
    uint16_t queue_count;
    uint16_t queue_size;
    struct vq_features offered;
    struct vq_features chosen;
    uint8_t config[HAND_CONFIG];
    uint32_t config_size;
    bool big;
    bool running[RIG_QUEUES];
    struct vq_device_queue ring[RIG_QUEUES];
    uint16_t in_flight[RIG_QUEUES][HAND_SIZE];
    struct vq_device_order order[RIG_QUEUES][HAND_SIZE];
    /* Optional: called for a queue that was notified, in the loopback's run. */
    void (*serve)(struct hand *hand, uint16_t index);
};

static inline struct hand *hand_of(const struct vq_device_model *model)
{
    return (struct hand *)(uintptr_t)model;
}

static inline struct vq_features hand_offered(const struct vq_device_model *model)
{
    return hand_of(model)->offered;
}

static inline enum vq_error hand_accept(struct vq_device_model *model,
                                        const struct vq_features *chosen)
{
    hand_of(model)->chosen = *chosen;
    return VQ_OK;
}

static inline uint32_t hand_config_size(const struct vq_device_model *model)
{
    return hand_of(model)->config_size;
}

static inline void hand_read_config(const struct vq_device_model *model, uint32_t offset,
                                    void *bytes, uint32_t count)
{
    assert_true(offset + count <= HAND_CONFIG);
    memcpy(bytes, hand_of(model)->config + offset, count);
}

static inline enum vq_error hand_write_config(struct vq_device_model *model, uint32_t offset,
                                              const void *bytes, uint32_t count)
{
    assert_true(offset + count <= HAND_CONFIG);
    memcpy(hand_of(model)->config + offset, bytes, count);
    return VQ_OK;
}

static inline uint16_t hand_queue_count(const struct vq_device_model *model)
{
    return hand_of(model)->queue_count;
}

static inline uint16_t hand_queue_size_max(const struct vq_device_model *model, uint16_t index)
{
    (void)index;
    return hand_of(model)->queue_size;
}

static inline enum vq_error hand_queue_start(struct vq_device_model *model, uint16_t index,
                                             const struct vq_device_config *config)
{
    struct hand *h = hand_of(model);
    struct vq_device_config mine = *config;
    mine.in_flight = h->in_flight[index];
    mine.order = h->order[index];
    h->big = config->big_endian;
    h->running[index] = true;
    return vq_device_init(&h->ring[index], &mine);
}

static inline unsigned hand_queue_run(struct vq_device_model *model, uint16_t index)
{
    struct hand *h = hand_of(model);
    if (h->serve == NULL)
        return VQ_RUN_IDLE;
    h->serve(h, index);
    return vq_device_publish(&h->ring[index]) ? VQ_RUN_SIGNAL : VQ_RUN_IDLE;
}

static inline bool hand_queue_arm(struct vq_device_model *model, uint16_t index)
{
    (void)vq_device_enable_notifications(&hand_of(model)->ring[index]);
    return false;
}

static inline void hand_queue_disarm(struct vq_device_model *model, uint16_t index)
{
    vq_device_disable_notifications(&hand_of(model)->ring[index]);
}

static inline int hand_queue_wait_fd(const struct vq_device_model *model, uint16_t index)
{
    (void)model;
    (void)index;
    return -1;
}

static inline enum vq_broken hand_queue_broken(const struct vq_device_model *model, uint16_t index)
{
    return vq_device_broken(&hand_of(model)->ring[index]);
}

static inline uint16_t hand_queue_in_flight(const struct vq_device_model *model, uint16_t index)
{
    (void)model;
    (void)index;
    return 0;
}

static inline unsigned hand_queue_stop(struct vq_device_model *model, uint16_t index,
                                       struct vq_position *position)
{
    hand_of(model)->running[index] = false;
    *position = (struct vq_position){0, 0};
    return VQ_RUN_IDLE;
}

static inline void hand_reset(struct vq_device_model *model)
{
    hand_of(model)->chosen = (struct vq_features){{0}};
}

static struct vq_device_model_ops hand_ops = {
    .name = "by hand",
    .offered = hand_offered,
    .accept = hand_accept,
    .config_size = hand_config_size,
    .read_config = hand_read_config,
    .write_config = hand_write_config,
    .queue_count = hand_queue_count,
    .queue_size_max = hand_queue_size_max,
    .queue_start = hand_queue_start,
    .queue_run = hand_queue_run,
    .queue_arm = hand_queue_arm,
    .queue_disarm = hand_queue_disarm,
    .queue_wait_fd = hand_queue_wait_fd,
    .queue_broken = hand_queue_broken,
    .queue_in_flight = hand_queue_in_flight,
    .queue_stop = hand_queue_stop,
    .reset = hand_reset,
};

/* Offers every ring feature and `bits`, and goes behind the loopback. */
static inline void hand_make(struct hand *hand, uint16_t device_id, uint16_t queues, uint32_t bits,
                             const struct rig_way *way)
{
    memset(hand, 0, sizeof *hand);
    hand_ops.device_id = device_id;
    hand->model.ops = &hand_ops;
    hand->queue_count = queues;
    hand->queue_size = HAND_SIZE;
    hand->offered.word[0] = bits;
    for (unsigned bit = VQ_F_INDIRECT_DESC; bit <= VQ_F_IN_ORDER; bit++)
        if (bit != 30 && bit != 31 && bit != VQ_F_ACCESS_PLATFORM)
            vq_feature_set(&hand->offered, bit);
    rig_carry(&hand->model, way);
}

struct hand_buffer {
    struct vq_segment segments[8];
    struct vq_buffer buffer;
};

/* Takes what the driver made available next; false if there is nothing. */
static inline bool hand_pop(struct hand *hand, uint16_t index, struct hand_buffer *b)
{
    struct vq_buffer *one[1] = {&b->buffer};
    b->buffer.segments = b->segments;
    b->buffer.room = 8;
    return vq_device_pop(&hand->ring[index], one, 1) == 1;
}

static inline void hand_push(struct hand *hand, uint16_t index, const struct hand_buffer *b,
                             uint32_t written)
{
    const struct vq_used used = {b->buffer.id, written};
    assert_int_equal(vq_device_push(&hand->ring[index], &used, 1), VQ_OK);
    (void)vq_device_publish(&hand->ring[index]);
}

#endif
