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

/*@ requires \valid(q);
  @ assigns q->broken;
  @ ensures q->broken == (\old(q->broken) != 0 ? \old(q->broken) : (uint8_t)reason); */
VQ_BODY void vq_device_break_(struct vq_device_queue *q, enum vq_broken reason)
{
    if (!q->broken)
        q->broken = (uint8_t)reason;
}

/* An id must be one of the queue's, and not in flight. */
/*@ requires \valid_read(q) && \valid_read(q->in_flight + (0 .. q->size - 1));
  @ assigns \nothing;
  @ ensures \result == VQ_NOT_BROKEN <==> id < q->size && q->in_flight[id] == 0; */
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

/*@ predicate reachable(struct vq_table t) =
  @   t.base == \null || shared_read((void *)t.base, 16 * t.entries);
  @*/

/* By value, so that a table that is walked may stay in registers. */
/*@ requires \valid(q) && translates(q->memory) && \separated(q, q->memory) && shared(raw, 16);
  @ assigns q->region_hint, raw[0 .. 15]; */
static VQ_COLD bool vq_table_fetch(struct vq_device_queue *q, uint64_t address, uint8_t *raw)
{
    struct vq_segment part[VQ_DESC_BYTES];
    size_t n = vq_memory_map(q->memory, address, VQ_DESC_BYTES, VQ_READ, part, VQ_DESC_BYTES,
                             &q->region_hint);
    /*@ loop invariant k <= n && raw == \at(raw, Pre) + total(&part[0], k);
      @ loop invariant all_within(q->memory, &part[0], n, VQ_READ);
      @ loop invariant n == 0 || total(&part[0], n) == VQ_DESC_BYTES;
      @ loop assigns k, raw, \at(raw, Pre)[0 .. 15];
      @ loop variant n - k; */
    for (size_t k = 0; k < n; k++) {
        /*@ assert total(&part[0], k + 1) == total(&part[0], k) + part[k].bytes; */
        /*@ assert total(&part[0], k + 1) <= VQ_DESC_BYTES; */
        /*@ assert within(q->memory, &part[k], VQ_READ); */
        /*@ admit mapped: within(q->memory, &part[k], VQ_READ) ==>
          @   shared_read(part[k].base, part[k].bytes); */
        vq_fetch(raw, part[k].base, part[k].bytes);
        raw += part[k].bytes;
    }
    return n != 0;
}

/* Descriptor `i`, as the format of a split ring has it. */
/*@ requires \valid(q) && translates(q->memory) && \separated(q, q->memory);
  @ requires \valid(d) && \valid_read(table) && reachable(*table) && i < table->entries;
  @ assigns q->region_hint, *d; */
VQ_BODY bool vq_table_load(struct vq_device_queue *q, const struct vq_table *table, uint32_t i,
                           struct vq_descriptor *d, bool big)
{
    if (!VQ_WITH_INDIRECT || table->base) {
        vq_descriptor_load(d, table->base + (size_t)i * VQ_DESC_BYTES, big);
    } else {
        uint64_t copy[2];
        /*@ admit bytes: shared(&copy[0], 16); */
        if (!vq_table_fetch(q, table->address + (uint64_t)i * VQ_DESC_BYTES, (uint8_t *)copy))
            return false;
        *d = vq_descriptor_of(vq_swap64(copy[0], big), vq_swap64(copy[1], big), big);
    }
    return true;
}

/*
 * Enters an indirect table. It needs no alignment, may be longer than the queue
 * (drivers that do it exist), may run over regions, and cannot be longer than the
 * longest queue.
 */
/*@ requires \valid(q) && translates(q->memory) && \separated(q, q->memory) && \valid(table);
  @ assigns q->region_hint, *table;
  @ ensures \result == VQ_NOT_BROKEN ==> !\old(table->indirect) && table->indirect &&
  @         1 <= table->entries <= VQ_QUEUE_SIZE_MAX && reachable(*table); */
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
        vq_aligned(whole.base, sizeof(uint64_t))) {
        /*@ assert within(q->memory, &whole, VQ_READ); */
        /*@ assert total(&whole, 0 + 1) == total(&whole, 0) + whole.bytes; */
        /*@ admit mapped: within(q->memory, &whole, VQ_READ) ==>
          @   shared_read(whole.base, whole.bytes); */
        table->base = (const uint8_t *)whole.base;
    }
    return VQ_NOT_BROKEN;
}

/*
 * A buffer while it is collected: a copy of its own, so that the compiler may keep
 * it in registers while segments are stored.
 */
struct vq_gather {
    struct vq_segment *next;
    uint32_t room;
    bool writable; /* a writable element was seen, which may have been an empty one */
    uint64_t bytes;
};

/*@ predicate gathered(struct vq_memory *m, struct vq_gather g, struct vq_buffer b) =
  @   g.room <= b.room && g.next == b.segments + (b.room - g.room) &&
  @   (g.writable
  @      ? b.readable <= b.room - g.room && b.readable_bytes <= g.bytes &&
  @        between(m, b.segments, 0, b.readable, VQ_READ) &&
  @        between(m, b.segments, b.readable, b.room - g.room, VQ_WRITE)
  @      : between(m, b.segments, 0, b.room - g.room, VQ_READ));
  @*/

/*@ requires \valid(g) && \valid_read(buffer);
  @ assigns *g;
  @ ensures g->bytes == 0 && \forall struct vq_memory *m; gathered(m, *g, *buffer); */
VQ_BODY void vq_gather_begin(struct vq_gather *g, const struct vq_buffer *buffer)
{
    g->next = buffer->segments;
    g->room = buffer->room;
    g->writable = false;
    g->bytes = 0;
}

/* What was collected so far is what the device may read. */
/*@ requires \valid(g) && \valid(buffer) && !g->writable && g->room <= buffer->room;
  @ assigns buffer->readable, buffer->readable_bytes, g->writable;
  @ ensures g->writable && buffer->readable == buffer->room - g->room;
  @ ensures buffer->readable_bytes == g->bytes; */
VQ_BODY void vq_gather_turn(struct vq_gather *g, struct vq_buffer *buffer)
{
    buffer->readable = buffer->room - g->room;
    buffer->readable_bytes = g->bytes;
    g->writable = true;
}

/*@ requires \valid(g) && \valid(buffer) && g->room <= buffer->room;
  @ requires g->writable ==> buffer->readable <= buffer->room - g->room;
  @ assigns g->writable, buffer->readable, buffer->writable, buffer->readable_bytes,
  @         buffer->writable_bytes;
  @ ensures \forall struct vq_memory *m; gathered(m, \at(*g, Pre), \at(*buffer, Pre)) ==>
  @         \result == VQ_NOT_BROKEN ==> filled(m, *buffer); */
VQ_BODY enum vq_broken vq_gather_end(struct vq_gather *g, struct vq_buffer *buffer)
{
    if (!g->writable)
        vq_gather_turn(g, buffer);
    buffer->writable = buffer->room - g->room - buffer->readable;
    buffer->writable_bytes = g->bytes - buffer->readable_bytes;
    /* Too few elements to wrap 64 bits, so one look at the end is enough. */
    return g->bytes > UINT64_C(1) << 32 ? VQ_BROKEN_CHAIN_BYTES : VQ_NOT_BROKEN;
}

/* Why an element could not be mapped: nowhere, or in more pieces than there is room for. */
/*@ requires \valid_read(q) && translates(q->memory);
  @ assigns \nothing;
  @ ensures \result != VQ_NOT_BROKEN; */
static VQ_COLD enum vq_broken vq_gather_refusal(const struct vq_device_queue *q, uint64_t address,
                                                uint32_t bytes, enum vq_access access)
{
    return vq_memory_covers(q->memory, address, bytes, access) ? VQ_BROKEN_CHAIN_SEGMENTS
                                                               : VQ_BROKEN_ADDRESS;
}

/* Adds one element. */
/*@ requires \valid(q) && translates(q->memory) && \valid(buffer) && roomy(*buffer);
  @ requires \separated(q, buffer, q->memory, buffer->segments + (0 .. buffer->room - 1));
  @ requires \valid(g) && \valid_read(element);
  @ requires gathered(q->memory, *g, *buffer) && g->bytes <= 0x4000000000000000;
  @ assigns q->region_hint, *g, buffer->readable, buffer->readable_bytes,
  @   buffer->segments[0 .. buffer->room - 1];
  @ ensures g->bytes <= \old(g->bytes) + element->bytes;
  @ ensures \result == VQ_NOT_BROKEN ==> gathered(q->memory, *g, *buffer); */
VQ_STEP enum vq_broken vq_gather_add(struct vq_device_queue *q, struct vq_gather *g,
                                     struct vq_buffer *buffer, const struct vq_descriptor *element)
{
    bool writable = (element->flags & VQ_DESC_WRITE) != 0;
    enum vq_access access = writable ? VQ_WRITE : VQ_READ;
    size_t n;

    if (writable != g->writable) {
        if (!writable)
            return VQ_BROKEN_CHAIN_ORDER;
        vq_gather_turn(g, buffer);
    }
    if (element->bytes == 0)
        return VQ_NOT_BROKEN;
    n = vq_memory_map_near(q->memory, element->address, element->bytes, access, g->next, g->room,
                           &q->region_hint);
    if (n == 0)
        return vq_gather_refusal(q, element->address, element->bytes, access);
    /*@ assert \forall integer k; buffer->room - g->room <= k < buffer->room - g->room + n ==>
      @   within_at(q->memory, g->next, k - (buffer->room - g->room), access); */
    /*@ assert \forall integer k; buffer->room - g->room <= k < buffer->room - g->room + n ==>
      @   within_at(q->memory, g->next, k - (buffer->room - g->room), access) ==>
      @   within_at(q->memory, buffer->segments, k, access); */
    /*@ assert \forall integer k; buffer->room - g->room <= k < buffer->room - g->room + n ==>
      @   within_at(q->memory, buffer->segments, k, access); */
    /*@ assert between(q->memory, buffer->segments, buffer->room - g->room,
      @   buffer->room - g->room + n, access); */
    /*@ assert !g->writable ==>
      @   between(q->memory, buffer->segments, 0, buffer->room - g->room + n, VQ_READ); */
    /*@ assert g->writable ==>
      @   between(q->memory, buffer->segments, 0, buffer->readable, VQ_READ); */
    /*@ assert g->writable ==> between(q->memory, buffer->segments, buffer->readable,
      @   buffer->room - g->room + n, VQ_WRITE); */
    /*@ ghost mapped:; */
    g->next += n;
    g->room -= (uint32_t)n;
    g->bytes += element->bytes;
    /*@ assert g->room == \at(g->room, mapped) - n; */
    /*@ assert g->next == buffer->segments + (buffer->room - g->room); */
    /*@ assert g->writable ? buffer->readable <= buffer->room - g->room &&
      @   buffer->readable_bytes <= g->bytes : \true; */
    /*@ assert gathered(q->memory, *g, *buffer); */
    return VQ_NOT_BROKEN;
}

#endif
