/*
 * The device's end of a split ring. One body serves little- and big-endian
 * rings: `big` is a constant in each use.
 *
 * Trusts nothing in the three parts. A chain is walked once, each descriptor is
 * copied to a local before it is looked at, and hops are bounded by the table.
 */
#ifndef VQ_RING_DEVICE_SPLIT_H
#define VQ_RING_DEVICE_SPLIT_H

#include "device_order.h"
#include "device_walk.h"

/*
 * Follows a chain in one table from entry `i` on, to its end or to a descriptor
 * that points to another table, which is then in `d` (and no flag but INDIRECT, and
 * perhaps WRITE, in its flags).
 */
/*@ requires \valid(q) && translates(q) && room_ok(buffer) && aside(q, buffer);
  @ requires \valid(gather) && \separated(gather, q, buffer, q->memory,
  @   buffer->segments + (0 .. buffer->room - 1));
  @ requires \valid(d) && \separated(d, q, gather, buffer, q->memory, table,
  @   buffer->segments + (0 .. buffer->room - 1));
  @ requires \valid_read(table) && \separated(table, q, gather, buffer, q->memory,
  @   buffer->segments + (0 .. buffer->room - 1));
  @ requires reachable(table) && i < table->entries <= VQ_QUEUE_SIZE_MAX;
  @ requires gathered(q->memory, gather, buffer) && gather->bytes <= 0x1000000000000;
  @ assigns q->region_hint, *gather, *d, buffer->readable, buffer->readable_bytes,
  @   buffer->segments[0 .. buffer->room - 1];
  @ ensures q->memory == \old(q->memory) && buffer->room == \old(buffer->room) &&
  @   buffer->segments == \old(buffer->segments);
  @ ensures \result == VQ_NOT_BROKEN ==> gather->bytes <= \old(gather->bytes) + 0x800000000000;
  @ ensures \result == VQ_NOT_BROKEN ==> gathered(q->memory, gather, buffer); */
VQ_BODY enum vq_broken vq_split_follow(struct vq_device_queue *q, const struct vq_table *table,
                                       uint32_t i, struct vq_gather *gather,
                                       struct vq_buffer *buffer, struct vq_descriptor *d, bool big)
{
    /*@ loop invariant q->memory == \at(q->memory, Pre) &&
      @   buffer->room == \at(buffer->room, Pre) &&
      @   buffer->segments == \at(buffer->segments, Pre);
      @ loop invariant table->base == \at(table->base, Pre) &&
      @   table->entries == \at(table->entries, Pre);
      @ loop invariant 1 <= hops <= table->entries && i < table->entries;
      @ loop invariant gathered(q->memory, gather, buffer);
      @ loop invariant gather->bytes <=
      @   \at(gather->bytes, Pre) + (table->entries - hops) * 0xffffffff;
      @ loop assigns hops, i, q->region_hint, *gather, *d, buffer->readable,
      @   buffer->readable_bytes, \at(buffer->segments, Pre)[0 .. \at(buffer->room, Pre) - 1];
      @ loop variant hops; */
    for (uint32_t hops = table->entries;;) {
        enum vq_broken reason;

        /*@ assert gather->bytes <= \at(gather->bytes, Pre) + 0x7ffeffff8001; */
        /*@ ghost hop:; */
        if (!vq_table_load(q, table, i, d, big))
            return VQ_BROKEN_ADDRESS;
        /*@ assert q->memory == \at(q->memory, Pre) && buffer->room == \at(buffer->room, Pre) &&
          @   buffer->segments == \at(buffer->segments, Pre); */
        /*@ assert gather->bytes == \at(gather->bytes, hop) &&
          @   gather->room == \at(gather->room, hop) &&
          @   gather->next == \at(gather->next, hop) &&
          @   gather->writable == \at(gather->writable, hop); */
        /*@ assert buffer->readable == \at(buffer->readable, hop) &&
          @   buffer->readable_bytes == \at(buffer->readable_bytes, hop); */
        /*@ assert \forall integer k; 0 <= k < buffer->room ==>
          @   buffer->segments[k].base == \at(buffer->segments[k].base, hop) &&
          @   buffer->segments[k].bytes == \at(buffer->segments[k].bytes, hop); */
        /*@ assert table->base == \at(table->base, Pre); */
        /*@ assert table->entries == \at(table->entries, Pre); */
        /*@ assert !gather->writable ==> between(q->memory, buffer->segments, 0,
          @   buffer->room - gather->room, VQ_READ); */
        /*@ assert gather->writable ==>
          @   between(q->memory, buffer->segments, 0, buffer->readable, VQ_READ); */
        /*@ assert gather->writable ==> between(q->memory, buffer->segments, buffer->readable,
          @   buffer->room - gather->room, VQ_WRITE); */
        /*@ assert gathered(q->memory, gather, buffer); */
        if (d->flags & VQ_DESC_INDIRECT)
            return VQ_NOT_BROKEN;
        /*@ ghost loaded:; */
        reason = vq_gather_add(q, gather, buffer, d);
        /*@ assert table->base == \at(table->base, loaded); */
        /*@ assert table->entries == \at(table->entries, loaded); */
        /*@ assert gather->bytes <= \at(gather->bytes, hop) + 0xffffffff; */
        /*@ assert gather->bytes <= \at(gather->bytes, Pre) + 0x800000000000; */
        if (reason != VQ_NOT_BROKEN || !(d->flags & VQ_DESC_NEXT))
            return reason;
        if (--hops == 0)
            return VQ_BROKEN_CHAIN_LOOP;
        i = d->next;
        if (i >= table->entries)
            return VQ_BROKEN_NEXT_RANGE;
    }
}

VQ_BODY enum vq_broken vq_split_walk(struct vq_device_queue *q, uint16_t head,
                                     struct vq_buffer *buffer, bool big)
{
    struct vq_table table = {.base = (const uint8_t *)q->descriptors, .entries = q->size};
    struct vq_gather gather;
    struct vq_descriptor d;
    enum vq_broken reason;

    vq_gather_begin(&gather, buffer);
    reason = vq_split_follow(q, &table, head, &gather, buffer, &d, big);
    if (reason == VQ_NOT_BROKEN && (d.flags & VQ_DESC_INDIRECT)) {
        bool chained = d.flags & VQ_DESC_NEXT;
        reason = vq_table_enter(q, &table, d.address, d.bytes);
        if (reason == VQ_NOT_BROKEN && chained)
            reason = VQ_BROKEN_INDIRECT_NEXT;
        if (reason == VQ_NOT_BROKEN)
            reason = vq_split_follow(q, &table, 0, &gather, buffer, &d, big);
        if (reason == VQ_NOT_BROKEN && (d.flags & VQ_DESC_INDIRECT))
            reason = VQ_BROKEN_INDIRECT_NESTED;
    }
    return reason == VQ_NOT_BROKEN ? vq_gather_end(&gather, buffer) : reason;
}

/* Buffers that are available and not yet popped; looks at the ring only when it must. */
/*@ requires \valid(q) && shared(q->driver_area, 6 + 2 * q->size);
  @ assigns q->broken, q->seen_available;
  @ ensures \result != 0 ==> q->broken == 0;
  @ ensures \result == 0 || \result == (uint16_t)(q->seen_available - q->next_available);
  @ ensures \old(q->broken) != 0 ==> \result == 0 && q->broken == \old(q->broken); */
VQ_BODY uint16_t vq_split_available(struct vq_device_queue *q, bool big)
{
    uint16_t n = (uint16_t)(q->seen_available - q->next_available);

    if (q->broken)
        return 0;
    if (n == 0) {
        uint16_t idx = vq_observe16(vq_ring_idx(q->driver_area), big);
        vq_platform_order(q->platform);
        n = (uint16_t)(idx - q->next_available);
        if (n > q->size) {
            vq_device_break_(q, VQ_BROKEN_AVAILABLE_JUMP);
            return 0;
        }
        q->seen_available = idx;
    }
    return n;
}

VQ_BODY size_t vq_split_pop(struct vq_device_queue *q, struct vq_buffer *const buffers[],
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

        buffer->id = head;
        reason = vq_head_check(q, head);
        if (reason == VQ_NOT_BROKEN)
            reason = vq_split_walk(q, head, buffer, big);
        if (reason != VQ_NOT_BROKEN) {
            vq_device_break_(q, reason);
            break;
        }
        q->in_flight[head] = 1;
        q->outstanding++;
        if (VQ_HAS_ORDER(q))
            vq_order_take(q, buffer);
        q->next_available++;
    }
    return n;
}

/* One used element for `buffers` of them, of which it names the last. */
VQ_BODY void vq_split_put(struct vq_device_queue *q, const struct vq_used *used, uint16_t buffers,
                          uint16_t descriptors, bool big)
{
    uint8_t *slot = (uint8_t *)vq_used_slot(q->device_area, q->next_used & (uint16_t)(q->size - 1));

    (void)descriptors;
    vq_store32(slot, used->id, big);
    vq_store32(slot + 4, used->written, big);
    q->next_used = (uint16_t)(q->next_used + buffers);
    q->outstanding = (uint16_t)(q->outstanding - buffers);
}

VQ_BODY void vq_split_show_used(struct vq_device_queue *q, uint16_t before, uint16_t now, bool big)
{
    (void)before;
    vq_platform_order(q->platform);
    vq_publish16(vq_ring_idx(q->device_area), now, big);
    q->published_used = now;
}

VQ_BODY bool vq_split_publish_used(struct vq_device_queue *q, bool big)
{
    uint16_t before = q->published_used, now = q->next_used;

    if (now == before)
        return false;
    vq_split_show_used(q, before, now, big);
    /* Pairs with the fence of the driver between its wish and its last look at idx. */
    vq_full_fence(q->platform);
    /* FEAT-DEV-LEG-02: suppressed or not, when all that was seen to be available is taken. */
    if (VQ_ON_EMPTY(q) && q->seen_available == q->next_available)
        return true;
    if (q->event_idx) {
        uint16_t event = vq_load16(vq_used_event(q->driver_area, q->size), big);
        bool always = q->signal_always;
        q->signal_always = 0;
        return always || vq_event_passed(event, now, before);
    }
    return !(vq_load16(vq_ring_flags(q->driver_area), big) & VQ_AVAIL_NO_INTERRUPT);
}

/* SPLIT-DEV-AVAILSUPP-01 to -04: flags without EVENT_IDX, avail_event with it. */
VQ_BODY void vq_split_want_kicks(struct vq_device_queue *q, bool wanted, bool big)
{
    if (!q->event_idx)
        vq_store16(vq_ring_flags(q->device_area), wanted ? 0 : VQ_USED_NO_NOTIFY, big);
    else if (wanted)
        vq_store16(vq_avail_event(q->device_area, q->size), q->next_available, big);
}

#endif
