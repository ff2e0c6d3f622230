/*
 * Makes a block device in memory that the caller gives: checks the
 * configuration, fills in defaults, and carves the memory up.
 *
 * Each queue's part begins at a multiple of 64 bytes and holds all that the
 * queue's thread writes, so that queues share no cache line. Trusts the caller,
 * but for numbers that make no sense.
 */
#include "blk_device.h"

#define VQ_BLK_ALIGN          64u
#define VQ_BLK_SEGMENTS_SPARE 8u
#define VQ_BLK_SEGMENTS_MAX   65536u
/* Bytes of the disk are counted in 64 bits everywhere below. */
#define VQ_BLK_CAPACITY_MAX (UINT64_MAX >> VQ_BLK_SECTOR_SHIFT)

/* Where a queue's arrays stand, from the start of its part. */
struct vq_blk_carve {
    size_t free;
    size_t requests;
    size_t segments;
    size_t in_flight;
    size_t order;
    size_t stride;
};

static size_t vq_blk_up(size_t bytes)
{
    return (bytes + (VQ_BLK_ALIGN - 1u)) & ~(size_t)(VQ_BLK_ALIGN - 1u);
}

static bool vq_blk_defaults(struct vq_blk_device_config *c)
{
    if (c->queue_count == 0 || c->queue_size == 0 || c->queue_size > 32768u || !c->lanes)
        return false;
    if (c->block_size == 0)
        c->block_size = VQ_BLK_SECTOR_BYTES;
    if (c->block_size < VQ_BLK_SECTOR_BYTES || (c->block_size & (c->block_size - 1u)) != 0)
        return false;
    if (c->requests == 0)
        c->requests = c->queue_size;
    if (c->requests > 32768u)
        return false;
    if (c->seg_max == 0)
        c->seg_max = c->queue_size > 3u ? c->queue_size - 2u : 1u;
    if (c->seg_max > VQ_BLK_SEGMENTS_MAX - 2u - VQ_BLK_SEGMENTS_SPARE)
        return false;
    if (c->segments == 0)
        c->segments = c->seg_max + 2u + VQ_BLK_SEGMENTS_SPARE;
    if (c->segments < c->seg_max + 2u || c->segments > VQ_BLK_SEGMENTS_MAX)
        return false;
    if (c->max_discard_segments == 0)
        c->max_discard_segments = 1;
    if (c->max_write_zeroes_segments == 0)
        c->max_write_zeroes_segments = 1;
    return c->capacity <= VQ_BLK_CAPACITY_MAX;
}

static bool vq_blk_carve_up(const struct vq_blk_device_config *c, struct vq_blk_carve *carve)
{
    const uint32_t segments = (uint32_t)c->requests * c->segments; /* at most 2^31 */

#if SIZE_MAX <= 0xffffffffu
    if (segments > SIZE_MAX / 2u / sizeof(struct vq_segment))
        return false;
#endif
    carve->free = vq_blk_up(sizeof(struct vq_blk_queue));
    carve->requests = vq_blk_up(carve->free + c->requests * sizeof(struct vq_buffer *));
    carve->segments = vq_blk_up(carve->requests + c->requests * sizeof(struct vq_blk_request));
    carve->in_flight = vq_blk_up(carve->segments + segments * sizeof(struct vq_segment));
    carve->order = vq_blk_up(carve->in_flight + c->queue_size * sizeof(uint16_t));
    carve->stride = carve->order;
    if (!vq_feature(&c->without, VQ_F_IN_ORDER))
        carve->stride = vq_blk_up(carve->order + c->queue_size * sizeof(struct vq_device_order));
    return true;
}

/* By additions: some small machines have no multiplication that tells of an overflow. */
static size_t vq_blk_total(const struct vq_blk_device_config *c, size_t stride)
{
    size_t total = 0;

    for (uint32_t i = 0; i < c->queue_count; i++) {
        if (total > SIZE_MAX - stride)
            return 0;
        total += stride;
    }
    return total;
}

size_t vq_blk_device_bytes(const struct vq_blk_device_config *config)
{
    struct vq_blk_device_config c = *config;
    struct vq_blk_carve carve;

    if (!vq_blk_defaults(&c) || !vq_blk_carve_up(&c, &carve))
        return 0;
    return vq_blk_total(&c, carve.stride);
}

static const struct vq_device_model_ops vq_blk_ops = {
    .name = "block",
    .device_id = VQ_BLK_DEVICE_ID,
    .offered = vq_blk_offered,
    .accept = vq_blk_accept,
    .config_size = vq_blk_config_size,
    .read_config = vq_blk_read_config,
    .write_config = vq_blk_write_config,
    .queue_count = vq_blk_queue_count,
    .queue_size_max = vq_blk_queue_size_max,
    .queue_start = vq_blk_queue_start,
    .queue_run = vq_blk_queue_run,
    .queue_arm = vq_blk_queue_arm,
    .queue_disarm = vq_blk_queue_disarm,
    .queue_wait_fd = vq_blk_queue_wait_fd,
    .queue_broken = vq_blk_queue_broken,
    .queue_in_flight = vq_blk_queue_in_flight,
    .queue_stop = vq_blk_queue_stop,
    .reset = vq_blk_reset,
};

static void vq_blk_queue_make(struct vq_blk_device *dev, uint16_t index,
                              const struct vq_blk_carve *carve)
{
    struct vq_blk_queue *q = vq_blk_queue_at(dev, index);
    uint8_t *base = (uint8_t *)q;
    struct vq_segment *segments = (struct vq_segment *)(void *)(base + carve->segments);

    *q = (struct vq_blk_queue){
        .device = dev,
        .lane = dev->config.lanes[index],
        .free = (struct vq_buffer **)(void *)(base + carve->free),
        .requests = (struct vq_blk_request *)(void *)(base + carve->requests),
        .in_flight = (uint16_t *)(void *)(base + carve->in_flight),
    };
    if (vq_feature(&dev->offered, VQ_F_IN_ORDER))
        q->order = (struct vq_device_order *)(void *)(base + carve->order);
    for (uint32_t i = 0; i < dev->config.requests; i++) {
        q->requests[i] = (struct vq_blk_request){
            .buffer = {.segments = segments, .room = dev->config.segments},
        };
        q->free[i] = &q->requests[i].buffer;
        segments += dev->config.segments;
    }
}

enum vq_error vq_blk_device_init(struct vq_blk_device *dev,
                                 const struct vq_blk_device_config *config, void *memory,
                                 size_t bytes)
{
    struct vq_blk_device_config c = *config;
    struct vq_blk_carve carve;
    size_t need;

    if (!vq_blk_defaults(&c) || !vq_blk_carve_up(&c, &carve))
        return VQ_ERR_INVALID;
    for (uint16_t i = 0; i < c.queue_count; i++)
        if (!c.lanes[i])
            return VQ_ERR_INVALID;
    need = vq_blk_total(&c, carve.stride);
    if (!memory || need == 0 || bytes < need)
        return VQ_ERR_NO_MEMORY;
    if ((uintptr_t)memory % VQ_BLK_ALIGN != 0)
        return VQ_ERR_ALIGN;

    *dev = (struct vq_blk_device){
        .model = {.ops = &vq_blk_ops},
        .config = c,
        .offered = vq_blk_offer(&c),
        .queues = (uint8_t *)memory,
        .queue_stride = carve.stride,
    };
    for (size_t i = 0; c.serial && i < sizeof dev->serial && c.serial[i] != '\0'; i++)
        dev->serial[i] = (uint8_t)c.serial[i];
    dev->writeback = vq_blk_writeback_default(dev);
    for (uint16_t i = 0; i < c.queue_count; i++)
        vq_blk_queue_make(dev, i, &carve);
    dev->config.serial = NULL;
    dev->config.lanes = NULL;
    return VQ_OK;
}

enum vq_error vq_blk_device_resize(struct vq_blk_device *dev, uint64_t capacity)
{
    if (capacity > VQ_BLK_CAPACITY_MAX)
        return VQ_ERR_RANGE;
    dev->config.capacity = capacity;
    return VQ_OK;
}
