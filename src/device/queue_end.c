/*
 * What device types do alike with the device's end of a queue. Trusts its callers; what
 * the driver wrote is the ring's business.
 */
#include <vq/queue_end.h>

size_t vq_queue_end_bytes(uint16_t size_max)
{
    size_t bytes = size_max * (sizeof(struct vq_device_order) + sizeof(uint16_t));
    return (bytes + 15u) & ~(size_t)15u;
}

void vq_queue_end_make(struct vq_queue_end *end, uint16_t size_max, void *memory)
{
    *end = (struct vq_queue_end){.order = (struct vq_device_order *)memory, .size_max = size_max};
    end->in_flight = (uint16_t *)(void *)(end->order + size_max);
}

enum vq_error vq_queue_end_start(struct vq_queue_end *end, const struct vq_device_config *config)
{
    struct vq_device_config c = *config;
    if (end->running)
        return VQ_ERR_STATE;
    if (c.size > end->size_max)
        return VQ_ERR_SIZE;
    c.in_flight = end->in_flight;
    c.order = end->order;
    enum vq_error error = vq_device_init(&end->ring, &c);
    if (error != VQ_OK)
        return error;
    end->big_endian = c.big_endian && !vq_feature(&c.features, VQ_F_VERSION_1);
    end->running = true;
    return VQ_OK;
}

void vq_queue_end_give(struct vq_queue_end *end, uint16_t id, uint32_t written)
{
    const struct vq_used used = {.id = id, .written = written};
    /* Cannot fail: the id comes from pop. */
    (void)vq_device_push(&end->ring, &used, 1);
}

unsigned vq_queue_end_ran(struct vq_queue_end *end, bool progress)
{
    unsigned did = progress ? VQ_RUN_PROGRESS : VQ_RUN_IDLE;
    if (vq_device_publish(&end->ring))
        did |= VQ_RUN_SIGNAL;
    if (vq_device_broken(&end->ring) != VQ_NOT_BROKEN)
        did |= VQ_RUN_BROKEN;
    return did;
}

unsigned vq_queue_end_stop(struct vq_queue_end *end, struct vq_position *position)
{
    *position = (struct vq_position){0, 0};
    if (!end->running)
        return VQ_RUN_IDLE;
    unsigned did = vq_device_publish(&end->ring) ? VQ_RUN_SIGNAL : VQ_RUN_IDLE;
    position->next_available = end->ring.next_available;
    position->next_used = end->ring.next_used;
    end->running = false;
    return did;
}

bool vq_queue_end_arm(struct vq_queue_end *end)
{
    return end->running && vq_device_enable_notifications(&end->ring);
}

void vq_queue_end_disarm(struct vq_queue_end *end)
{
    if (end->running)
        vq_device_disable_notifications(&end->ring);
}

enum vq_broken vq_queue_end_broken(const struct vq_queue_end *end)
{
    return end->running ? vq_device_broken(&end->ring) : VQ_NOT_BROKEN;
}
