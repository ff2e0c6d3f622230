/*
 * The device's end of a packed ring (virtio 1.4, section 2.8).
 *
 * Trusts nothing in the ring. Each slot's length, id and flags are fetched once;
 * ids are unique in flight; what is in flight never exceeds the ring, so a driver
 * cannot make a slot available that the device still owns.
 */
#ifndef VQ_RING_DEVICE_PACKED_H
#define VQ_RING_DEVICE_PACKED_H

#include "device_order.h"
#include "device_walk.h"
#include "packed.h"

/* Fetches the slot at `at` once, the buffer id in `next`. Is it available? */
/*@ requires \valid_read(q) && \valid(d) && shared(q->descriptors, 16 * q->size);
  @ requires position_ok(at, q->size);
  @ assigns *d; */
VQ_STEP bool vq_packed_look(const struct vq_device_queue *q, uint16_t at, struct vq_descriptor *d)
{
    const uint8_t *slot = vq_packed_slot(q->descriptors, at);
    struct vq_packed_tail t = vq_packed_observe(slot, q->platform);

    d->address = vq_load64(slot, false);
    d->bytes = t.bytes;
    d->flags = t.flags;
    d->next = t.id;
    return vq_packed_is_available(t.flags, at);
}

/*@ requires \valid_read(q) && shared(q->descriptors, 16 * q->size);
  @ requires position_ok(q->next_available, q->size);
  @ assigns \nothing;
  @ ensures q->broken != 0 ==> !\result; */
VQ_STEP bool vq_packed_available(struct vq_device_queue *q)
{
    struct vq_descriptor d;

    if (q->broken)
        return false;
    return vq_packed_look(q, q->next_available, &d);
}

/* PACKED-DEV-INDIR-01 to -03: consecutive entries, of whose flags only WRITE counts. */
/*@ requires \valid(q) && translates(q->memory) && \valid(buffer) && roomy(*buffer);
  @ requires \separated(q, buffer, q->memory, buffer->segments + (0 .. buffer->room - 1));
  @ requires \valid(gather);
  @ requires gathered(q->memory, *gather, *buffer) && gather->bytes <= 0x3fff800000000000;
  @ assigns q->region_hint, *gather, buffer->readable, buffer->readable_bytes,
  @   buffer->segments[0 .. buffer->room - 1];
  @ ensures \result == VQ_NOT_BROKEN ==> gather->bytes <= \old(gather->bytes) + 0x800000000000;
  @ ensures \result == VQ_NOT_BROKEN ==> gathered(q->memory, *gather, *buffer); */
VQ_BODY enum vq_broken vq_packed_walk_table(struct vq_device_queue *q, uint64_t address,
                                            uint32_t bytes, struct vq_gather *gather,
                                            struct vq_buffer *buffer)
{
    struct vq_table table = {0};
    enum vq_broken reason = vq_table_enter(q, &table, address, bytes);

    /*@ loop invariant q->memory == \at(q->memory, Pre) &&
      @   buffer->room == \at(buffer->room, Pre) &&
      @   buffer->segments == \at(buffer->segments, Pre);
      @ loop invariant reason == VQ_NOT_BROKEN ==>
      @   reachable(table) && table.entries <= VQ_QUEUE_SIZE_MAX;
      @ loop invariant reason == VQ_NOT_BROKEN ==> i <= table.entries;
      @ loop invariant reason == VQ_NOT_BROKEN ==> gathered(q->memory, *gather, *buffer);
      @ loop invariant gather->bytes <= \at(gather->bytes, Pre) + i * 0xffffffff;
      @ loop invariant i <= VQ_QUEUE_SIZE_MAX;
      @ loop assigns i, reason, q->region_hint, *gather, buffer->readable,
      @   buffer->readable_bytes, \at(buffer->segments, Pre)[0 .. \at(buffer->room, Pre) - 1];
      @ loop variant VQ_QUEUE_SIZE_MAX - i; */
    for (uint32_t i = 0; reason == VQ_NOT_BROKEN && i < table.entries; i++) {
        struct vq_descriptor d;

        if (!vq_table_load(q, &table, i, &d, false))
            return VQ_BROKEN_ADDRESS;
        /* A packed descriptor's flags stand where a split one's next does. */
        d.flags = d.next;
        reason = vq_gather_add(q, gather, buffer, &d);
    }
    return reason;
}

/*
 * Walks a list whose first slot is the next one. Gives the id in its last, its
 * length in slots, 0 if it is not available, and where it ends.
 */
/*@ requires \valid(q) && translates(q->memory) && \valid(buffer) && roomy(*buffer);
  @ requires \separated(q, buffer, q->memory, buffer->segments + (0 .. buffer->room - 1));
  @ requires 1 <= q->size <= VQ_QUEUE_SIZE_MAX && shared(q->descriptors, 16 * q->size);
  @ requires position_ok(q->next_available, q->size) && q->outstanding <= q->size;
  @ requires \valid(slots) && \valid(end);
  @ assigns q->region_hint, *slots, *end, buffer->id, buffer->readable, buffer->writable,
  @   buffer->readable_bytes, buffer->writable_bytes, buffer->segments[0 .. buffer->room - 1];
  @ ensures \result == VQ_NOT_BROKEN ==> *slots <= q->size - q->outstanding;
  @ ensures \result == VQ_NOT_BROKEN && *slots != 0 ==>
  @   filled(q->memory, *buffer) && position_ok(*end, q->size); */
VQ_BODY enum vq_broken vq_packed_walk(struct vq_device_queue *q, struct vq_buffer *buffer,
                                      uint32_t *slots, uint16_t *end)
{
    uint32_t n = 0, free_slots = (uint32_t)q->size - q->outstanding;
    uint16_t at = q->next_available;
    struct vq_gather gather;
    struct vq_descriptor d;

    *slots = 0;
    vq_gather_begin(&gather, buffer);
    /*@ loop invariant q->memory == \at(q->memory, Pre) &&
      @   buffer->room == \at(buffer->room, Pre) &&
      @   buffer->segments == \at(buffer->segments, Pre);
      @ loop invariant q->descriptors == \at(q->descriptors, Pre) && q->size == \at(q->size, Pre);
      @ loop invariant n <= free_slots && position_ok(at, q->size);
      @ loop invariant gathered(q->memory, gather, *buffer);
      @ loop invariant gather.bytes <= n * 0x800000000000;
      @ loop invariant *slots == 0;
      @ loop assigns n, at, d, gather, q->region_hint, buffer->readable, buffer->readable_bytes,
      @   \at(buffer->segments, Pre)[0 .. \at(buffer->room, Pre) - 1];
      @ loop variant free_slots - n; */
    do {
        bool available = vq_packed_look(q, at, &d);
        enum vq_broken reason;

        if (!available && n == 0)
            return VQ_NOT_BROKEN;
        if (n >= free_slots)
            return n == 0 ? VQ_BROKEN_AVAILABLE_JUMP : VQ_BROKEN_CHAIN_LOOP;
        if (d.flags & VQ_DESC_INDIRECT) {
            if (VQ_MAY_INDIRECT(q) && (n != 0 || (d.flags & VQ_DESC_NEXT)))
                return VQ_BROKEN_INDIRECT_NEXT;
            reason = vq_packed_walk_table(q, d.address, d.bytes, &gather, buffer);
        } else {
            reason = vq_gather_add(q, &gather, buffer, &d);
        }
        if (reason != VQ_NOT_BROKEN)
            return reason;
        /*@ assert gathered(q->memory, gather, *buffer); */
        n++;
        at = vq_packed_advance(at, 1, q->size);
    } while (d.flags & VQ_DESC_NEXT);
    buffer->id = d.next;
    *slots = n;
    *end = at;
    /*@ assert gathered(q->memory, gather, *buffer); */
    return vq_gather_end(&gather, buffer);
}

/* Takes the next buffer; one of no slots if there is none. */
/*@ requires \valid(q) && device_packed(*q) && ordered(*q) && \valid(buffer) && roomy(*buffer);
  @ requires apart(*q, *buffer);
  @ requires \separated(buffer, q->memory, q->in_flight + (0 .. q->size - 1),
  @   q->order + (0 .. q->size - 1), buffer->segments + (0 .. buffer->room - 1));
  @ requires \valid(slots);
  @ assigns *slots, q->next_available, q->outstanding, q->region_hint,
  @   q->in_flight[0 .. q->size - 1], q->order[0 .. q->size - 1], q->order_first, q->order_last,
  @   q->order_count, buffer->id, buffer->readable, buffer->writable, buffer->readable_bytes,
  @   buffer->writable_bytes, buffer->segments[0 .. buffer->room - 1];
  @ ensures device_packed(*q);
  @ ensures ordered(*q);
  @ ensures \forall struct vq_buffer *b; \separated(b, buffer) &&
  @   \separated(b, buffer->segments + (0 .. buffer->room - 1)) &&
  @   \separated(b, q->order + (0 .. q->size - 1)) ==>
  @   b->room == \old(b->room) && b->segments == \old(b->segments);
  @ ensures \result == VQ_NOT_BROKEN && *slots != 0 ==> filled(q->memory, *buffer) &&
  @   buffer->id < q->size && \old(q->in_flight[\at(buffer->id, Post)]) == 0 &&
  @   q->in_flight[buffer->id] == *slots && q->outstanding == \old(q->outstanding) + *slots; */
VQ_BODY enum vq_broken vq_packed_take(struct vq_device_queue *q, struct vq_buffer *buffer,
                                      uint32_t *slots)
{
    uint16_t end;
    enum vq_broken reason = vq_packed_walk(q, buffer, slots, &end);

    if (reason == VQ_NOT_BROKEN && *slots != 0)
        reason = vq_head_check(q, buffer->id);
    if (reason != VQ_NOT_BROKEN || *slots == 0)
        return reason;
    /*@ ghost walked:; */
    q->in_flight[buffer->id] = (uint16_t)*slots;
    /*@ assert flying(q->in_flight, q->size) ==
      @   \at(flying(q->in_flight, q->size), walked) + *slots; */
    q->outstanding = (uint16_t)(q->outstanding + *slots);
    q->next_available = end;
    /*@ ghost noted:; */
    if (VQ_HAS_ORDER(q))
        vq_order_take(q, buffer);
    /*@ assert flying(q->in_flight, q->size) == \at(flying(q->in_flight, q->size), noted); */
    return VQ_NOT_BROKEN;
}

/*@ requires \valid(q) && device_packed(*q) && ordered(*q) &&
  @   buffers_ok(buffers, count, q->memory, q->in_flight, q->order, q->size);
  @ ensures \result <= count;
  @ ensures device_packed(*q);
  @ ensures ordered(*q); */
VQ_BODY size_t vq_packed_pop(struct vq_device_queue *q, struct vq_buffer *const buffers[],
                             size_t count)
{
    size_t n;

    /*@ loop invariant n <= count && device_packed(*q) && ordered(*q);
      @ loop invariant count == \at(count, Pre) && buffers == \at(buffers, Pre);
      @ loop invariant same_queue(*q, \at(*q, Pre));
      @ loop invariant \valid_read(buffers + (0 .. \at(count, Pre) - 1));
      @ loop invariant \forall integer k; 0 <= k < \at(count, Pre) ==>
      @   \valid(\at(buffers[k], Pre)) && roomy(\at(*buffers[k], Pre));
      @ loop invariant \forall integer k; 0 <= k < \at(count, Pre) ==>
      @   same_buffer{Pre, Here}(buffers, k);
      @ loop variant count - n; */
    for (n = 0; n < count && !q->broken; n++) {
        uint32_t slots;
        /*@ assert same_buffer{Pre, Here}(buffers, (integer)n); */
        /*@ assert \let i = (integer)n; \at(one_apart(buffers, count, buffers[i], q->memory,
          @   q->in_flight, q->order, (integer)q->size), Pre); */
        /*@ assert one_apart(buffers, \at(count, Pre), buffers[n], q->memory,
          @   q->in_flight, q->order, (integer)q->size); */
        /*@ ghost before:; */
        enum vq_broken reason = vq_packed_take(q, buffers[n], &slots);

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
        if (reason != VQ_NOT_BROKEN)
            vq_device_break_(q, reason);
        if (reason != VQ_NOT_BROKEN || slots == 0)
            break;
    }
    return n;
}

/* PACKED-DEV-USEDDESC-01, -02: one used descriptor for the slots that it covers. The first of
 * a batch waits for publish. */
/*@ requires \valid(q) && \valid_read(used) && 1 <= q->size <= 32768;
  @ requires shared(q->descriptors, 16 * q->size) && position_ok(q->next_used, q->size);
  @ requires slots <= q->outstanding <= q->size;
  @ assigns q->next_used, q->outstanding, q->first,
  @   ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1];
  @ ensures q->outstanding == \old(q->outstanding) - slots && position_ok(q->next_used, q->size); */
VQ_BODY void vq_packed_put(struct vq_device_queue *q, const struct vq_used *used, uint16_t buffers,
                           uint16_t slots)
{
    uint16_t at = q->next_used;
    struct vq_packed_tail t = {used->written, used->id, vq_packed_used_flags(at)};

    if (t.bytes != 0)
        t.flags |= VQ_DESC_WRITE;
    (void)buffers;
    vq_packed_store(vq_packed_slot(q->descriptors, at), t, &q->first, at == q->published_used);
    q->next_used = vq_packed_advance(at, slots, q->size);
    q->outstanding = (uint16_t)(q->outstanding - slots);
}

/*@ requires \valid(q) && 1 <= q->size <= 32768 && shared(q->descriptors, 16 * q->size);
  @ requires position_ok(before, q->size);
  @ assigns q->published_used, ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1];
  @ ensures q->published_used == now; */
VQ_BODY void vq_packed_show_used(struct vq_device_queue *q, uint16_t before, uint16_t now)
{
    vq_platform_order(q->platform);
    vq_packed_publish(vq_packed_slot(q->descriptors, before), q->first);
    q->published_used = now;
}

/*@ requires \valid(q) && device_packed(*q);
  @ assigns q->published_used, q->signal_always,
  @   ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1];
  @ ensures q->published_used == q->next_used;
  @ ensures \result ==> \old(q->published_used) != q->next_used; */
VQ_BODY bool vq_packed_publish_used(struct vq_device_queue *q)
{
    uint16_t before = q->published_used, now = q->next_used;

    if (now == before)
        return false;
    vq_packed_show_used(q, before, now);
    /* Pairs with the fence of the driver between its wish and its last look at the ring. */
    vq_full_fence(q->platform);
    if (q->signal_always) {
        q->signal_always = 0;
        return true;
    }
    return vq_packed_wanted(q->driver_area, q->event_idx, before, now, q->size);
}

/*@ requires \valid(q) && shared(q->device_area, 4);
  @ assigns ((uint8_t *)q->device_area)[0 .. 3]; */
VQ_BODY void vq_packed_want_kicks(struct vq_device_queue *q, bool wanted)
{
    vq_packed_wish(q->device_area, wanted, q->event_idx, q->next_available);
}

#endif
