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
 * that points to another table, which is then in `d`.
 */
/*@ requires \valid(q) && translates(q->memory) && \valid(buffer) && roomy(*buffer);
  @ requires \separated(q, buffer, q->memory, buffer->segments + (0 .. buffer->room - 1));
  @ requires \valid(gather) && \valid(d) && \valid_read(table) && reachable(*table);
  @ requires i < table->entries <= VQ_QUEUE_SIZE_MAX;
  @ requires gathered(q->memory, *gather, *buffer) && gather->bytes <= 0x1000000000000;
  @ assigns q->region_hint, *gather, *d, buffer->readable, buffer->readable_bytes,
  @   buffer->segments[0 .. buffer->room - 1];
  @ ensures \result == VQ_NOT_BROKEN ==> gather->bytes <= \old(gather->bytes) + 0x800000000000;
  @ ensures \result == VQ_NOT_BROKEN ==> gathered(q->memory, *gather, *buffer); */
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
      @ loop invariant gathered(q->memory, *gather, *buffer);
      @ loop invariant gather->bytes <=
      @   \at(gather->bytes, Pre) + (table->entries - hops) * 0xffffffff;
      @ loop assigns hops, i, q->region_hint, *gather, *d, buffer->readable,
      @   buffer->readable_bytes, \at(buffer->segments, Pre)[0 .. \at(buffer->room, Pre) - 1];
      @ loop variant hops; */
    for (uint32_t hops = table->entries;;) {
        enum vq_broken reason;

        if (!vq_table_load(q, table, i, d, big))
            return VQ_BROKEN_ADDRESS;
        if (d->flags & VQ_DESC_INDIRECT)
            return VQ_NOT_BROKEN;
        reason = vq_gather_add(q, gather, buffer, d);
        if (reason != VQ_NOT_BROKEN || !(d->flags & VQ_DESC_NEXT))
            return reason;
        if (--hops == 0)
            return VQ_BROKEN_CHAIN_LOOP;
        i = d->next;
        if (i >= table->entries)
            return VQ_BROKEN_NEXT_RANGE;
    }
}

/*@ requires \valid(q) && translates(q->memory) && \valid(buffer) && roomy(*buffer);
  @ requires \separated(q, buffer, q->memory, buffer->segments + (0 .. buffer->room - 1));
  @ requires head < q->size <= VQ_QUEUE_SIZE_MAX && shared(q->descriptors, 16 * q->size);
  @ assigns q->region_hint, buffer->readable, buffer->writable, buffer->readable_bytes,
  @   buffer->writable_bytes, buffer->segments[0 .. buffer->room - 1];
  @ ensures \result == VQ_NOT_BROKEN ==> filled(q->memory, *buffer); */
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

/* Takes the next buffer, of which one is known to be available. */
/*@ requires \valid(q) && device_split(*q) && ordered(*q) && \valid(buffer) && roomy(*buffer);
  @ requires apart(*q, *buffer);
  @ requires \separated(buffer, q->memory, q->in_flight + (0 .. q->size - 1),
  @   q->order + (0 .. q->size - 1), buffer->segments + (0 .. buffer->room - 1));
  @ assigns q->next_available, q->outstanding, q->region_hint, q->in_flight[0 .. q->size - 1],
  @   q->order[0 .. q->size - 1], q->order_first, q->order_last, q->order_count,
  @   buffer->id, buffer->readable, buffer->writable, buffer->readable_bytes,
  @   buffer->writable_bytes, buffer->segments[0 .. buffer->room - 1];
  @ ensures device_split(*q);
  @ ensures ordered(*q);
  @ ensures \forall struct vq_buffer *b; \separated(b, buffer) &&
  @   \separated(b, buffer->segments + (0 .. buffer->room - 1)) &&
  @   \separated(b, q->order + (0 .. q->size - 1)) ==>
  @   b->room == \old(b->room) && b->segments == \old(b->segments);
  @ ensures \result == VQ_NOT_BROKEN ==> filled(q->memory, *buffer) && buffer->id < q->size &&
  @   \old(q->in_flight[\at(buffer->id, Post)]) == 0 && q->in_flight[buffer->id] == 1 &&
  @   q->outstanding == \old(q->outstanding) + 1;
  @ ensures \result != VQ_NOT_BROKEN ==> q->outstanding == \old(q->outstanding); */
VQ_BODY enum vq_broken vq_split_take(struct vq_device_queue *q, struct vq_buffer *buffer, bool big)
{
    uint16_t slot = q->next_available & (uint16_t)(q->size - 1);
    /*@ assert slot < q->size; */
    uint16_t head = vq_load16(vq_avail_slot(q->driver_area, slot), big);
    enum vq_broken reason = vq_head_check(q, head);

    buffer->id = head;
    if (reason == VQ_NOT_BROKEN)
        reason = vq_split_walk(q, head, buffer, big);
    if (reason != VQ_NOT_BROKEN)
        return reason;
    /*@ ghost walked:; */
    q->in_flight[head] = 1;
    /*@ assert flying(q->in_flight, q->size) == \at(flying(q->in_flight, q->size), walked) + 1; */
    q->outstanding++;
    /*@ ghost noted:; */
    if (VQ_HAS_ORDER(q))
        vq_order_take(q, buffer);
    /*@ assert flying(q->in_flight, q->size) == \at(flying(q->in_flight, q->size), noted); */
    q->next_available++;
    return VQ_NOT_BROKEN;
}

/*@ requires \valid(q) && device_split(*q) && ordered(*q) &&
  @   buffers_ok(buffers, count, q->memory, q->in_flight, q->order, q->size);
  @ ensures \result <= count;
  @ ensures device_split(*q);
  @ ensures ordered(*q);
  @ ensures q->outstanding == \old(q->outstanding) + \result; */
VQ_BODY size_t vq_split_pop(struct vq_device_queue *q, struct vq_buffer *const buffers[],
                            size_t count, bool big)
{
    uint16_t available = vq_split_available(q, big);
    size_t n;

    if (count > available)
        count = available;
    /*@ loop invariant n <= count && device_split(*q) && ordered(*q);
      @ loop invariant count <= \at(count, Pre) && buffers == \at(buffers, Pre);
      @ loop invariant same_queue(*q, \at(*q, Pre));
      @ loop invariant \valid_read(buffers + (0 .. \at(count, Pre) - 1));
      @ loop invariant \forall integer k; 0 <= k < \at(count, Pre) ==>
      @   \valid(\at(buffers[k], Pre)) && roomy(\at(*buffers[k], Pre));
      @ loop invariant \forall integer k; 0 <= k < \at(count, Pre) ==>
      @   same_buffer{Pre, Here}(buffers, k);
      @ loop invariant q->outstanding == \at(q->outstanding, Pre) + n;
      @ loop variant count - n; */
    for (n = 0; n < count; n++) {
        /*@ assert same_buffer{Pre, Here}(buffers, (integer)n); */
        /*@ assert \let i = (integer)n; \at(one_apart(buffers, count, buffers[i], q->memory,
          @   q->in_flight, q->order, (integer)q->size), Pre); */
        /*@ assert one_apart(buffers, \at(count, Pre), buffers[n], q->memory,
          @   q->in_flight, q->order, (integer)q->size); */
        /*@ ghost before:; */
        enum vq_broken reason = vq_split_take(q, buffers[n], big);

        /*@ assert \forall integer k; 0 <= k < \at(count, Pre) && k != n ==>
          @   \at(two_apart(buffers[k], \at(buffers[n], before)), Pre); */
        /*@ assert \forall integer k; 0 <= k < \at(count, Pre) ==>
          @   buffers[k] == \at(buffers[k], before); */
        /*@ assert same_buffer{before, Here}(buffers, (integer)n); */
        /*@ assert \let other = \at(buffers[n], before); \let room = other->room;
          @   \let segments = other->segments; \forall integer k;
          @   0 <= k < \at(count, Pre) && k != n ==> \separated(\at(buffers[k], Pre), other) &&
          @   \separated(\at(buffers[k], Pre), segments + (0 .. room - 1)) &&
          @   \separated(\at(buffers[k], Pre), q->order + (0 .. q->size - 1)); */
        /*@ assert \forall integer k; 0 <= k < \at(count, Pre) && k != n ==>
          @   \at(buffers[k], Pre)->room == \at(\at(buffers[k], Pre)->room, before) &&
          @   \at(buffers[k], Pre)->segments == \at(\at(buffers[k], Pre)->segments, before); */
        if (reason != VQ_NOT_BROKEN) {
            vq_device_break_(q, reason);
            break;
        }
    }
    return n;
}

/* One used element for `buffers` of them, of which it names the last. */
/*@ requires \valid(q) && \valid_read(used) && 1 <= q->size <= 32768;
  @ requires shared(q->device_area, 6 + 8 * q->size) && descriptors <= q->outstanding;
  @ assigns q->next_used, q->outstanding, ((uint8_t *)q->device_area)[0 .. 5 + 8 * q->size];
  @ ensures q->outstanding == \old(q->outstanding) - descriptors; */
VQ_BODY void vq_split_put(struct vq_device_queue *q, const struct vq_used *used, uint16_t buffers,
                          uint16_t descriptors, bool big)
{
    uint16_t at = q->next_used & (uint16_t)(q->size - 1);
    /*@ assert at < q->size; */
    uint8_t *slot = (uint8_t *)vq_used_slot(q->device_area, at);

    vq_store32(slot, used->id, big);
    vq_store32(slot + 4, used->written, big);
    q->next_used = (uint16_t)(q->next_used + buffers);
    q->outstanding = (uint16_t)(q->outstanding - descriptors);
}

/*@ requires \valid(q) && shared(q->device_area, 4);
  @ assigns q->published_used, ((uint8_t *)q->device_area)[2 .. 3];
  @ ensures q->published_used == now; */
VQ_BODY void vq_split_show_used(struct vq_device_queue *q, uint16_t before, uint16_t now, bool big)
{
    (void)before;
    vq_platform_order(q->platform);
    vq_publish16(vq_ring_idx(q->device_area), now, big);
    q->published_used = now;
}

/*@ requires \valid(q) && device_split(*q);
  @ assigns q->published_used, q->signal_always, ((uint8_t *)q->device_area)[2 .. 3];
  @ ensures q->published_used == q->next_used;
  @ ensures \result ==> \old(q->published_used) != q->next_used; */
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
/*@ requires \valid(q) && device_split(*q);
  @ assigns ((uint8_t *)q->device_area)[0 .. 5 + 8 * q->size]; */
VQ_BODY void vq_split_want_kicks(struct vq_device_queue *q, bool wanted, bool big)
{
    if (!q->event_idx)
        vq_store16(vq_ring_flags(q->device_area), wanted ? 0 : VQ_USED_NO_NOTIFY, big);
    else if (wanted)
        vq_store16(vq_avail_event(q->device_area, q->size), q->next_available, big);
}

#endif
