/*
 * The device's end of a split ring. One body serves little- and big-endian
 * rings: `big` is a constant in each use.
 *
 * Trusts nothing in the three parts. A chain is walked once, each descriptor is
 * copied to a local before it is looked at, and hops are bounded by the table.
 */
#ifndef VQ_RING_DEVICE_SPLIT_H
#define VQ_RING_DEVICE_SPLIT_H

#include <vq/device.h>

#include "region.h"
#include "split.h"

/* A table of descriptors: the queue's own, or an indirect one somewhere in guest memory. */
struct vq_table {
    const uint8_t *base; /* NULL: not contiguous or not aligned here, fetch by `address` */
    uint64_t address;
    uint32_t entries;
    bool indirect;
};

static __attribute__((noinline, cold)) bool
vq_table_fetch(struct vq_device_queue *q, const struct vq_table *table, uint32_t i, uint8_t raw[16])
{
    struct vq_segment part[VQ_DESC_BYTES];
    size_t n = vq_memory_map(q->memory, table->address + (uint64_t)i * VQ_DESC_BYTES, VQ_DESC_BYTES,
                             VQ_READ, part, VQ_DESC_BYTES, &q->region_hint);
    for (size_t k = 0; k < n; k++) {
        vq_fetch(raw, part[k].base, part[k].bytes);
        raw += part[k].bytes;
    }
    return n != 0;
}

VQ_ALWAYS_INLINE enum vq_broken vq_table_load(struct vq_device_queue *q,
                                              const struct vq_table *table, uint32_t i,
                                              struct vq_descriptor *d, bool big)
{
    if (table->base) {
        *d = vq_descriptor_load(table->base + (size_t)i * VQ_DESC_BYTES, big);
    } else {
        uint64_t copy[2];
        if (!vq_table_fetch(q, table, i, (uint8_t *)copy))
            return VQ_BROKEN_ADDRESS;
        *d = vq_descriptor_of(vq_swap64(copy[0], big), vq_swap64(copy[1], big), big);
    }
    return VQ_NOT_BROKEN;
}

/*
 * Follows an indirect descriptor. The table needs no alignment, may be longer
 * than the queue (SPLIT-DEV-INDIR-*, and drivers that do it exist), may run over
 * regions, and cannot be longer than the longest queue.
 */
VQ_ALWAYS_INLINE enum vq_broken vq_table_enter(struct vq_device_queue *q, struct vq_table *table,
                                               const struct vq_descriptor *d)
{
    struct vq_segment whole;

    if (!q->indirect)
        return VQ_BROKEN_INDIRECT_REFUSED;
    if (table->indirect)
        return VQ_BROKEN_INDIRECT_NESTED;
    if (d->flags & VQ_DESC_NEXT)
        return VQ_BROKEN_INDIRECT_NEXT;
    if (d->bytes == 0 || d->bytes % VQ_DESC_BYTES != 0 ||
        d->bytes / VQ_DESC_BYTES > VQ_QUEUE_SIZE_MAX)
        return VQ_BROKEN_INDIRECT_LENGTH;
    if (d->bytes - 1 > UINT64_MAX - d->address)
        return VQ_BROKEN_ADDRESS;
    table->entries = d->bytes / VQ_DESC_BYTES;
    table->address = d->address;
    table->base = NULL;
    table->indirect = true;
    if (vq_memory_map(q->memory, d->address, d->bytes, VQ_READ, &whole, 1, &q->region_hint) == 1 &&
        vq_aligned(whole.base, sizeof(uint64_t)))
        table->base = whole.base;
    return VQ_NOT_BROKEN;
}

/* Adds one element to the buffer. */
VQ_ALWAYS_INLINE enum vq_broken vq_collect(struct vq_device_queue *q, struct vq_buffer *buffer,
                                           uint64_t address, uint32_t bytes, bool writable)
{
    uint32_t taken = buffer->readable + buffer->writable;
    size_t n;

    if (bytes == 0)
        return VQ_NOT_BROKEN;
    if (taken >= buffer->room)
        return VQ_BROKEN_CHAIN_SEGMENTS;
    n = vq_memory_map_near(q->memory, address, bytes, writable ? VQ_WRITE : VQ_READ,
                           buffer->segments + taken, buffer->room - taken, &q->region_hint);
    if (n == 0)
        return VQ_BROKEN_ADDRESS;
    if (writable) {
        buffer->writable += (uint32_t)n;
        buffer->writable_bytes += bytes;
    } else {
        buffer->readable += (uint32_t)n;
        buffer->readable_bytes += bytes;
    }
    if (buffer->readable_bytes + buffer->writable_bytes > UINT64_C(1) << 32)
        return VQ_BROKEN_CHAIN_BYTES;
    return VQ_NOT_BROKEN;
}

VQ_ALWAYS_INLINE enum vq_broken vq_split_walk(struct vq_device_queue *q, uint16_t head,
                                              struct vq_buffer *buffer, bool big)
{
    struct vq_table table = {.base = q->descriptors, .entries = q->size};
    uint32_t i = head, hops = q->size;
    bool writable = false;

    for (;;) {
        struct vq_descriptor d;
        enum vq_broken reason = vq_table_load(q, &table, i, &d, big);

        if (reason == VQ_NOT_BROKEN && (d.flags & VQ_DESC_INDIRECT)) {
            reason = vq_table_enter(q, &table, &d);
            if (reason == VQ_NOT_BROKEN) {
                hops = table.entries;
                i = 0;
                continue;
            }
        }
        if (reason == VQ_NOT_BROKEN) {
            /* An empty writable element counts for the order too. */
            if (writable && !(d.flags & VQ_DESC_WRITE))
                return VQ_BROKEN_CHAIN_ORDER;
            writable = (d.flags & VQ_DESC_WRITE) != 0;
            reason = vq_collect(q, buffer, d.address, d.bytes, writable);
        }
        if (reason != VQ_NOT_BROKEN)
            return reason;
        if (!(d.flags & VQ_DESC_NEXT))
            return VQ_NOT_BROKEN;
        if (--hops == 0)
            return VQ_BROKEN_CHAIN_LOOP;
        i = d.next;
        if (i >= table.entries)
            return VQ_BROKEN_NEXT_RANGE;
    }
}
VQ_ALWAYS_INLINE bool vq_device_break_(struct vq_device_queue *q, enum vq_broken reason)
{
    if (!q->broken)
        q->broken = (uint8_t)reason;
    return false;
}

/* Buffers that are available and not yet popped; looks at the ring only when it must. */
VQ_ALWAYS_INLINE uint16_t vq_split_available(struct vq_device_queue *q, bool big)
{
    uint16_t n = (uint16_t)(q->seen_available - q->next_available);

    if (n == 0 && !q->broken) {
        uint16_t idx = vq_observe16(vq_ring_idx(q->driver_area), big);
        n = (uint16_t)(idx - q->next_available);
        if (n > q->size) {
            vq_device_break_(q, VQ_BROKEN_AVAILABLE_JUMP);
            return 0;
        }
        q->seen_available = idx;
    }
    return q->broken ? 0 : n;
}

VQ_ALWAYS_INLINE size_t vq_split_pop(struct vq_device_queue *q, struct vq_buffer *const buffers[],
                                     size_t count, bool big)
{
    uint16_t available = vq_split_available(q, big);
    size_t n;

    if (count > available)
        count = available;
    for (n = 0; n < count; n++) {
        struct vq_buffer *buffer = buffers[n];
        uint16_t slot = q->next_available & (uint16_t)(q->size - 1);
        uint16_t head = vq_load16(vq_avail_slot(q->driver_area, slot), big);
        enum vq_broken reason;

        if (head >= q->size) {
            vq_device_break_(q, VQ_BROKEN_HEAD_RANGE);
            break;
        }
        if (q->in_flight[head]) {
            vq_device_break_(q, VQ_BROKEN_HEAD_IN_FLIGHT);
            break;
        }
        buffer->id = head;
        buffer->readable = buffer->writable = 0;
        buffer->readable_bytes = buffer->writable_bytes = 0;
        reason = vq_split_walk(q, head, buffer, big);
        if (reason != VQ_NOT_BROKEN) {
            vq_device_break_(q, reason);
            break;
        }
        q->in_flight[head] = 1;
        q->next_available++;
    }
    q->outstanding = (uint16_t)(q->outstanding + n);
    return n;
}

VQ_ALWAYS_INLINE void vq_split_push_one(struct vq_device_queue *q, const struct vq_used *used,
                                        bool big)
{
    uint8_t *slot = vq_used_slot(q->device_area, q->next_used & (uint16_t)(q->size - 1));

    vq_store32(slot, used->id, big);
    vq_store32(slot + 4, used->written, big);
    q->next_used++;
}

VQ_ALWAYS_INLINE bool vq_split_publish_used(struct vq_device_queue *q, bool big)
{
    uint16_t before = q->published_used, now = q->next_used;

    if (now == before)
        return false;
    vq_publish16(vq_ring_idx(q->device_area), now, big);
    q->published_used = now;

    /* Pairs with the fence of the driver between its wish and its last look at idx. */
    vq_full_fence();
    if (q->event_idx) {
        uint16_t event = vq_load16(vq_used_event(q->driver_area, q->size), big);
        bool always = q->signal_always;
        q->signal_always = false;
        return always || vq_event_passed(event, now, before);
    }
    return !(vq_load16(vq_ring_flags(q->driver_area), big) & VQ_AVAIL_NO_INTERRUPT);
}

/* SPLIT-DEV-AVAILSUPP-01 to -04: flags without EVENT_IDX, avail_event with it. */
VQ_ALWAYS_INLINE void vq_split_want_kicks(struct vq_device_queue *q, bool wanted, bool big)
{
    if (!q->event_idx)
        vq_store16(vq_ring_flags(q->device_area), wanted ? 0 : VQ_USED_NO_NOTIFY, big);
    else if (wanted)
        vq_store16(vq_avail_event(q->device_area, q->size), q->next_available, big);
}

#endif
