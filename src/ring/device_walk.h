/*
 * What a chain walk of either format needs: tables of descriptors wherever they
 * lie, and one element after another turned into segments. There is one walker
 * step, one translator and one set of checks.
 */
#ifndef VQ_RING_DEVICE_WALK_H
#define VQ_RING_DEVICE_WALK_H

#include <vq/device.h>

#include "region.h"
#include "variant.h"

VQ_BODY void vq_device_break_(struct vq_device_queue *q, enum vq_broken reason)
{
    if (!q->broken)
        q->broken = (uint8_t)reason;
}

/* An id must be one of the queue's, and not in flight. */
VQ_BODY enum vq_broken vq_head_check(const struct vq_device_queue *q, uint16_t id)
{
    if (id >= q->size)
        return VQ_BROKEN_HEAD_RANGE;
    return q->in_flight[id] ? VQ_BROKEN_HEAD_IN_FLIGHT : VQ_NOT_BROKEN;
}

/* A table of descriptors: the queue's own, or an indirect one somewhere in guest memory. */
struct vq_table {
    const uint8_t *base; /* NULL: not contiguous or not aligned here, fetch by `address` */
    uint64_t address;
    uint32_t entries;
    bool indirect;
};

/* By value, so that a table that is walked may stay in registers. */
static __attribute__((noinline, cold)) bool vq_table_fetch(struct vq_device_queue *q,
                                                           uint64_t address, uint8_t *raw)
{
    struct vq_segment part[VQ_DESC_BYTES];
    size_t n = vq_memory_map(q->memory, address, VQ_DESC_BYTES, VQ_READ, part, VQ_DESC_BYTES,
                             &q->region_hint);
    for (size_t k = 0; k < n; k++) {
        vq_fetch(raw, part[k].base, part[k].bytes);
        raw += part[k].bytes;
    }
    return n != 0;
}

/* Descriptor `i`, as its two halves of 64 bits. */
VQ_BODY enum vq_broken vq_table_load(struct vq_device_queue *q, const struct vq_table *table,
                                     uint32_t i, uint64_t *first, uint64_t *rest, bool big)
{
    if (table->base) {
        const uint8_t *at = table->base + (size_t)i * VQ_DESC_BYTES;
        *first = vq_load64(at, big);
        *rest = vq_load64(at + 8, big);
    } else {
        uint64_t copy[2];
        if (!vq_table_fetch(q, table->address + (uint64_t)i * VQ_DESC_BYTES, (uint8_t *)copy))
            return VQ_BROKEN_ADDRESS;
        *first = vq_swap64(copy[0], big);
        *rest = vq_swap64(copy[1], big);
    }
    return VQ_NOT_BROKEN;
}

/*
 * Enters an indirect table. It needs no alignment, may be longer than the queue
 * (drivers that do it exist), may run over regions, and cannot be longer than the
 * longest queue.
 */
VQ_BODY enum vq_broken vq_table_enter(struct vq_device_queue *q, struct vq_table *table,
                                      uint64_t address, uint32_t bytes)
{
    struct vq_segment whole;

    if (!VQ_MAY_INDIRECT(q))
        return VQ_BROKEN_INDIRECT_REFUSED;
    if (table->indirect)
        return VQ_BROKEN_INDIRECT_NESTED;
    if (bytes == 0 || bytes % VQ_DESC_BYTES != 0 || bytes / VQ_DESC_BYTES > VQ_QUEUE_SIZE_MAX)
        return VQ_BROKEN_INDIRECT_LENGTH;
    if (bytes - 1 > UINT64_MAX - address)
        return VQ_BROKEN_ADDRESS;
    table->entries = bytes / VQ_DESC_BYTES;
    table->address = address;
    table->base = NULL;
    table->indirect = true;
    if (vq_memory_map_near(q->memory, address, bytes, VQ_READ, &whole, 1, &q->region_hint) == 1 &&
        vq_aligned(whole.base, sizeof(uint64_t)))
        table->base = whole.base;
    return VQ_NOT_BROKEN;
}

/* Why an element could not be mapped: nowhere, or in more pieces than there is room for. */
static __attribute__((noinline, cold)) enum vq_broken
vq_gather_refusal(const struct vq_device_queue *q, uint64_t address, uint32_t bytes, bool writable)
{
    return vq_memory_covers(q->memory, address, bytes, writable ? VQ_WRITE : VQ_READ)
               ? VQ_BROKEN_CHAIN_SEGMENTS
               : VQ_BROKEN_ADDRESS;
}

/*
 * A buffer while it is collected: a copy of its own, so that the compiler may keep
 * it in registers while segments are stored.
 */
struct vq_gather {
    struct vq_segment *next;
    struct vq_segment *end;
    uint64_t bytes;
    /* What was collected before the first writable element, which may have been an empty one;
     * NULL while there was none. */
    struct vq_segment *writable;
    uint64_t readable_bytes;
};

VQ_BODY struct vq_gather vq_gather_begin(const struct vq_buffer *buffer)
{
    return (struct vq_gather){.next = buffer->segments, .end = buffer->segments + buffer->room};
}

VQ_BODY enum vq_broken vq_gather_end(const struct vq_gather *g, struct vq_buffer *buffer)
{
    const struct vq_segment *writable = g->writable ? g->writable : g->next;

    buffer->readable = (uint32_t)(writable - buffer->segments);
    buffer->readable_bytes = g->writable ? g->readable_bytes : g->bytes;
    buffer->writable = (uint32_t)(g->next - writable);
    buffer->writable_bytes = g->bytes - buffer->readable_bytes;
    /* Too few elements to wrap 64 bits, so one look at the end is enough. */
    return g->bytes > UINT64_C(1) << 32 ? VQ_BROKEN_CHAIN_BYTES : VQ_NOT_BROKEN;
}

/* Adds one element. */
VQ_BODY enum vq_broken vq_gather_add(struct vq_device_queue *q, struct vq_gather *g,
                                     uint64_t address, uint32_t bytes, bool writable)
{
    size_t n;

    if (writable != (g->writable != NULL)) {
        if (!writable)
            return VQ_BROKEN_CHAIN_ORDER;
        g->writable = g->next;
        g->readable_bytes = g->bytes;
    }
    if (bytes == 0)
        return VQ_NOT_BROKEN;
    if (g->next == g->end)
        return VQ_BROKEN_CHAIN_SEGMENTS;
    n = vq_memory_map_near(q->memory, address, bytes, writable ? VQ_WRITE : VQ_READ, g->next,
                           (size_t)(g->end - g->next), &q->region_hint);
    if (n == 0)
        return vq_gather_refusal(q, address, bytes, writable);
    g->next += n;
    g->bytes += bytes;
    return VQ_NOT_BROKEN;
}

#endif
