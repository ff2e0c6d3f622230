/*
 * The entropy device: one queue, no configuration, no features of its own.
 *
 * What a buffer costs is bounded: by `limit` bytes of the source, and by the segments
 * that the ring lets through. No buffer is held between two runs.
 */
#include <vq/rng_device.h>

#include "model_parts.h"

#define VQ_RNG_LIMIT          4096u
#define VQ_RNG_SEGMENTS_SPARE 8u

static struct vq_rng_device *rng_of(struct vq_device_model *model)
{
    return (struct vq_rng_device *)(void *)model;
}

static const struct vq_rng_device *rng_of_const(const struct vq_device_model *model)
{
    return (const struct vq_rng_device *)(const void *)model;
}

static struct vq_features rng_offered(const struct vq_device_model *model)
{
    return rng_of_const(model)->offered;
}

static enum vq_error rng_accept(struct vq_device_model *model, const struct vq_features *chosen)
{
    struct vq_rng_device *dev = rng_of(model);
    if (!vq_model_may_accept(&dev->offered, chosen))
        return VQ_ERR_UNSUPPORTED;
    dev->negotiated = true;
    return VQ_OK;
}

static uint32_t rng_config_size(const struct vq_device_model *model)
{
    (void)model;
    return 0;
}

static void rng_read_config(const struct vq_device_model *model, uint32_t offset, void *bytes,
                            uint32_t count)
{
    (void)model;
    vq_model_read(NULL, 0, offset, bytes, count);
}

static enum vq_error rng_write_config(struct vq_device_model *model, uint32_t offset,
                                      const void *bytes, uint32_t count)
{
    (void)model;
    (void)offset;
    (void)bytes;
    (void)count;
    return VQ_ERR_RANGE;
}

static uint16_t rng_queue_count(const struct vq_device_model *model)
{
    (void)model;
    return 1;
}

static uint16_t rng_queue_size_max(const struct vq_device_model *model, uint16_t index)
{
    return index == 0 ? rng_of_const(model)->config.queue_size : 0;
}

static enum vq_error rng_queue_start(struct vq_device_model *model, uint16_t index,
                                     const struct vq_device_config *config)
{
    struct vq_rng_device *dev = rng_of(model);
    if (index != 0)
        return VQ_ERR_RANGE;
    if (!dev->negotiated)
        return VQ_ERR_STATE;
    dev->dry = false;
    return vq_queue_end_start(&dev->queue, config);
}

static size_t rng_draw(const struct vq_rng_device *dev, uint8_t *bytes, size_t count)
{
    size_t n = dev->config.source(dev->config.context, bytes, count);
    return n < count ? n : count;
}

/* Fills a buffer, which gets the byte drawn before. Returns how many bytes it has now. */
static uint32_t rng_fill(struct vq_rng_device *dev, const struct vq_buffer *buffer)
{
    const struct vq_segment *segment = buffer->segments + buffer->readable;
    uint32_t written = 0;
    for (uint32_t i = 0; i < buffer->writable && written < dev->config.limit; i++) {
        uint8_t *at = (uint8_t *)segment[i].base;
        size_t room = segment[i].bytes;
        if (dev->drawn && room != 0) {
            *at++ = dev->first;
            room--;
            written++;
            dev->drawn = false;
            dev->first = 0;
        }
        if (room > dev->config.limit - written)
            room = dev->config.limit - written;
        size_t n = room != 0 ? rng_draw(dev, at, room) : 0;
        written += (uint32_t)n;
        if (n < room)
            break;
    }
    return written;
}

static unsigned rng_queue_run(struct vq_device_model *model, uint16_t index)
{
    struct vq_rng_device *dev = rng_of(model);
    struct vq_buffer buffer = {.segments = dev->segments, .room = dev->config.segments};
    struct vq_buffer *const one[1] = {&buffer};
    bool progress = false;
    if (index != 0 || !dev->queue.running)
        return VQ_RUN_IDLE;
    dev->dry = false;
    for (uint32_t i = 0; i < dev->queue.ring.size && vq_device_pending(&dev->queue.ring); i++) {
        if (!dev->drawn)
            dev->drawn = rng_draw(dev, &dev->first, 1) == 1;
        if (!dev->drawn) {
            dev->dry = true;
            break;
        }
        if (vq_device_pop(&dev->queue.ring, one, 1) != 1)
            break;
        vq_queue_end_give(&dev->queue, buffer.id, rng_fill(dev, &buffer));
        progress = true;
    }
    return vq_queue_end_ran(&dev->queue, progress);
}

static bool rng_queue_arm(struct vq_device_model *model, uint16_t index)
{
    struct vq_rng_device *dev = rng_of(model);
    /* While the source is dry there is nothing to do: the caller looks again by himself. */
    return index == 0 && vq_queue_end_arm(&dev->queue) && !dev->dry;
}

static void rng_queue_disarm(struct vq_device_model *model, uint16_t index)
{
    if (index == 0)
        vq_queue_end_disarm(&rng_of(model)->queue);
}

static int rng_queue_wait_fd(const struct vq_device_model *model, uint16_t index)
{
    (void)model;
    (void)index;
    return -1;
}

static enum vq_broken rng_queue_broken(const struct vq_device_model *model, uint16_t index)
{
    return index == 0 ? vq_queue_end_broken(&rng_of_const(model)->queue) : VQ_NOT_BROKEN;
}

static uint16_t rng_queue_in_flight(const struct vq_device_model *model, uint16_t index)
{
    return index == 0 && rng_of_const(model)->queue.running && rng_of_const(model)->dry;
}

static unsigned rng_queue_stop(struct vq_device_model *model, uint16_t index,
                               struct vq_position *position)
{
    *position = (struct vq_position){0, 0};
    return index == 0 ? vq_queue_end_stop(&rng_of(model)->queue, position) : (unsigned)VQ_RUN_IDLE;
}

static void rng_reset(struct vq_device_model *model)
{
    rng_of(model)->negotiated = false;
}

static const struct vq_device_model_ops rng_ops = {
    .name = "entropy",
    .device_id = VQ_RNG_DEVICE_ID,
    .offered = rng_offered,
    .accept = rng_accept,
    .config_size = rng_config_size,
    .read_config = rng_read_config,
    .write_config = rng_write_config,
    .queue_count = rng_queue_count,
    .queue_size_max = rng_queue_size_max,
    .queue_start = rng_queue_start,
    .queue_run = rng_queue_run,
    .queue_arm = rng_queue_arm,
    .queue_disarm = rng_queue_disarm,
    .queue_wait_fd = rng_queue_wait_fd,
    .queue_broken = rng_queue_broken,
    .queue_in_flight = rng_queue_in_flight,
    .queue_stop = rng_queue_stop,
    .reset = rng_reset,
};

static bool rng_defaults(struct vq_rng_device_config *c)
{
    if (c->queue_size == 0 || c->queue_size > 32768u || c->source == NULL)
        return false;
    if (c->segments == 0)
        c->segments = (uint16_t)(c->queue_size + VQ_RNG_SEGMENTS_SPARE);
    if (c->limit == 0)
        c->limit = VQ_RNG_LIMIT;
    return true;
}

size_t vq_rng_device_bytes(const struct vq_rng_device_config *config)
{
    struct vq_rng_device_config c = *config;
    if (!rng_defaults(&c))
        return 0;
    return vq_queue_end_bytes(c.queue_size) + c.segments * sizeof(struct vq_segment);
}

enum vq_error vq_rng_device_init(struct vq_rng_device *dev,
                                 const struct vq_rng_device_config *config, void *memory,
                                 size_t bytes)
{
    struct vq_rng_device_config c = *config;
    if (!rng_defaults(&c))
        return VQ_ERR_INVALID;
    if (memory == NULL || bytes < vq_rng_device_bytes(&c))
        return VQ_ERR_NO_MEMORY;
    if ((uintptr_t)memory % 16 != 0)
        return VQ_ERR_ALIGN;
    *dev = (struct vq_rng_device){
        .model = {.ops = &rng_ops},
        .config = c,
        .offered = vq_model_ring_features(&c.without),
        .segments =
            (struct vq_segment *)(void *)((uint8_t *)memory + vq_queue_end_bytes(c.queue_size)),
    };
    vq_queue_end_make(&dev->queue, c.queue_size, memory);
    return VQ_OK;
}
