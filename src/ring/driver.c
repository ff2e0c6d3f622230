/*
 * The driver's end of a queue: what does not depend on the format, and the
 * choice of the body that does.
 */
#include <vq/driver.h>

#include "driver_packed.h"
#include "driver_split.h"

VQ_STEP void zero(void *area, size_t bytes)
{
    volatile uint8_t *p = (volatile uint8_t *)area;
    for (size_t i = 0; i < bytes; i++)
        p[i] = 0;
    vq_cache_clean(area, bytes);
}

enum vq_error vq_driver_init(struct vq_driver_queue *q, const struct vq_driver_config *config)
{
    bool packed = vq_feature(&config->features, VQ_F_RING_PACKED);
    enum vq_variant variant = vq_variant_of(packed, config->big_endian);
    const uint16_t fresh = packed ? (uint16_t)VQ_PACKED_WRAP : (uint16_t)0;
    uint16_t size = config->size;

    if (variant == VQ_VARIANT_NONE || !vq_variant_obeys(&config->features))
        return VQ_ERR_UNSUPPORTED;
    if (!vq_variant_size_valid(variant, size))
        return VQ_ERR_SIZE;
    if (!config->descriptor_area || !config->driver_area || !config->device_area || !config->slots)
        return VQ_ERR_INVALID;
    if (!vq_aligned(config->descriptor_area, 16) ||
        !vq_aligned(config->driver_area, packed ? 4 : 2) || !vq_aligned(config->device_area, 4) ||
        (VQ_WITH_INDIRECT && !vq_aligned(config->indirect_tables, 16)))
        return VQ_ERR_ALIGN;

    *q = (struct vq_driver_queue){
        .descriptors = config->descriptor_area,
        .driver_area = config->driver_area,
        .device_area = config->device_area,
        .slots = config->slots,
        .size = size,
        .variant = (uint8_t)variant,
        .event_idx = vq_feature(&config->features, VQ_F_EVENT_IDX),
        .platform = vq_feature(&config->features, VQ_F_ORDER_PLATFORM),
        .strict = config->strict,
        .length_always = config->length_always,
        .in_order = vq_feature(&config->features, VQ_F_IN_ORDER),
        .free_count = size,
        .next_available = fresh,
        .published_available = fresh,
        .next_used = fresh,
    };
    if (VQ_WITH_INDIRECT && config->indirect_tables &&
        vq_feature(&config->features, VQ_F_INDIRECT_DESC)) {
        q->indirect_tables = config->indirect_tables;
        q->indirect_address = config->indirect_address;
        q->indirect_entries = config->indirect_entries;
    }
    for (uint32_t i = 0; i < size; i++)
        q->slots[i] = (struct vq_driver_slot){.next = (uint16_t)(i + 1u < size ? i + 1u : 0u)};
    zero(q->descriptors, 16u * (size_t)size);
    zero(q->driver_area, packed ? 4 : 6 + 2u * (size_t)size);
    zero(q->device_area, packed ? 4 : 6 + 8u * (size_t)size);
    return VQ_OK;
}

int vq_driver_add(struct vq_driver_queue *q, const struct vq_element elements[], unsigned readable,
                  unsigned writable)
{
    return VQ_BY_VARIANT(q, add, elements, readable, writable);
}

bool vq_driver_publish(struct vq_driver_queue *q)
{
    return VQ_BY_VARIANT(q, publish_available);
}

void vq_driver_publish_polled(struct vq_driver_queue *q)
{
    uint16_t before = q->published_available, now = q->next_available;

    if (now != before)
        VQ_BY_VARIANT(q, show_available, before, now);
}

void vq_driver_rollback(struct vq_driver_queue *q)
{
    if (VQ_IS_IN_ORDER(q)) {
        uint16_t back = (uint16_t)(q->size - q->added);
        uint16_t first = vq_in_order_after(q, q->free_head, back), id = first;

        q->free_count = (uint16_t)(q->free_count + q->added);
        while (q->added != 0) {
            uint16_t count = q->slots[id].count;
            q->slots[id].count = 0;
            q->added = (uint16_t)(q->added - count);
            id = vq_in_order_after(q, id, count);
        }
        q->free_head = first;
    }
    while (q->added != 0) {
        uint16_t id = q->last_added;
        q->last_added = q->slots[vq_chain_tail(q, id)].next;
        q->added = (uint16_t)(q->added - q->slots[id].count);
        vq_release(q, id);
    }
    VQ_BY_VARIANT(q, withdraw);
    q->next_available = q->published_available;
}

size_t vq_driver_get(struct vq_driver_queue *q, struct vq_done done[], size_t count)
{
    return VQ_BY_VARIANT(q, get, done, count);
}

bool vq_driver_pending(struct vq_driver_queue *q)
{
    return VQ_BY_VARIANT(q, used) != 0;
}

void vq_driver_disable_notifications(struct vq_driver_queue *q)
{
    VQ_BY_VARIANT(q, want_signals, false);
}

bool vq_driver_enable_notifications(struct vq_driver_queue *q)
{
    VQ_BY_VARIANT(q, want_signals, true);
    /* Pairs with the fence of the device between its idx and its look at our wish. */
    vq_full_fence(q->platform);
    return vq_driver_pending(q);
}

uint16_t vq_driver_free(const struct vq_driver_queue *q)
{
    return q->free_count;
}

uint32_t vq_driver_notification_data(const struct vq_driver_queue *q, uint16_t queue_index)
{
    return queue_index | (uint32_t)q->published_available << 16;
}

enum vq_broken vq_driver_broken(const struct vq_driver_queue *q)
{
    return (enum vq_broken)q->broken;
}

void vq_driver_break(struct vq_driver_queue *q, enum vq_broken reason)
{
    vq_driver_break_(q, reason == VQ_NOT_BROKEN ? VQ_BROKEN_BY_OWNER : reason);
}
