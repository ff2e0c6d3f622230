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

VQ_BODY bool vq_packed_available(struct vq_device_queue *q)
{
    uint16_t at = q->next_available;

    return !q->broken && vq_packed_is(vq_observe16(vq_packed_slot(q->descriptors, at) + 14, false),
                                      vq_packed_available_flags(at));
}

/* PACKED-DEV-INDIR-01 to -03: consecutive entries, of whose flags only WRITE counts. */
VQ_BODY enum vq_broken vq_packed_walk_table(struct vq_device_queue *q, uint64_t address,
                                            uint32_t bytes, struct vq_buffer *buffer)
{
    struct vq_table table = {0};
    enum vq_broken reason = vq_table_enter(q, &table, address, bytes);
    struct vq_gather gather = vq_gather_begin(buffer);

    for (uint32_t i = 0; reason == VQ_NOT_BROKEN && i < table.entries; i++) {
        uint64_t first = 0, rest = 0;

        reason = vq_table_load(q, &table, i, &first, &rest, false);
        if (reason == VQ_NOT_BROKEN)
            reason = vq_gather_add(q, &gather, first, (uint32_t)rest,
                                   ((rest >> 48) & VQ_DESC_WRITE) != 0);
    }
    return reason == VQ_NOT_BROKEN ? vq_gather_end(&gather, buffer) : reason;
}

/* Walks a list whose first slot is `at`; gives its length in slots and the id in its last. */
VQ_BODY enum vq_broken vq_packed_walk(struct vq_device_queue *q, uint16_t at,
                                      struct vq_packed_tail t, struct vq_buffer *buffer,
                                      uint16_t *slots)
{
    uint16_t n = 1, free_slots = (uint16_t)(q->size - q->outstanding);
    struct vq_gather gather = vq_gather_begin(buffer);

    if (free_slots == 0)
        return VQ_BROKEN_AVAILABLE_JUMP;
    if (t.flags & VQ_DESC_INDIRECT) {
        if (t.flags & VQ_DESC_NEXT)
            return VQ_BROKEN_INDIRECT_NEXT;
        buffer->id = t.id;
        *slots = 1;
        return vq_packed_walk_table(q, vq_load64(vq_packed_slot(q->descriptors, at), false),
                                    t.bytes, buffer);
    }
    for (;;) {
        enum vq_broken reason =
            vq_gather_add(q, &gather, vq_load64(vq_packed_slot(q->descriptors, at), false), t.bytes,
                          (t.flags & VQ_DESC_WRITE) != 0);

        if (reason != VQ_NOT_BROKEN)
            return reason;
        if (!(t.flags & VQ_DESC_NEXT))
            break;
        if (n == free_slots)
            return VQ_BROKEN_CHAIN_LOOP;
        n++;
        at = vq_packed_advance(at, 1, q->size);
        t = vq_packed_observe(vq_packed_slot(q->descriptors, at), false);
        if (t.flags & VQ_DESC_INDIRECT)
            return VQ_BROKEN_INDIRECT_NEXT;
    }
    buffer->id = t.id;
    *slots = n;
    return vq_gather_end(&gather, buffer);
}

VQ_BODY size_t vq_packed_pop(struct vq_device_queue *q, struct vq_buffer *const buffers[],
                             size_t count)
{
    size_t n;

    for (n = 0; n < count && !q->broken; n++) {
        uint16_t at = q->next_available, slots;
        struct vq_packed_tail t =
            vq_packed_observe(vq_packed_slot(q->descriptors, at), q->platform);
        struct vq_buffer *buffer = buffers[n];
        enum vq_broken reason;

        if (!vq_packed_is(t.flags, vq_packed_available_flags(at)))
            break;
        reason = vq_packed_walk(q, at, t, buffer, &slots);
        if (reason == VQ_NOT_BROKEN)
            reason = vq_head_check(q, buffer->id);
        if (reason != VQ_NOT_BROKEN) {
            vq_device_break_(q, reason);
            break;
        }
        q->in_flight[buffer->id] = slots;
        q->outstanding = (uint16_t)(q->outstanding + slots);
        q->next_available = vq_packed_advance(at, slots, q->size);
        if (VQ_HAS_ORDER(q))
            vq_order_take(q, buffer);
    }
    return n;
}

/* PACKED-DEV-USEDDESC-01, -02: one used descriptor for the slots that it covers. The first of
 * a batch waits for publish. */
VQ_BODY void vq_packed_put(struct vq_device_queue *q, const struct vq_used *used, uint16_t buffers,
                           uint16_t slots)
{
    uint16_t at = q->next_used;
    struct vq_packed_tail t = {
        used->written, used->id,
        (uint16_t)(vq_packed_used_flags(at) | (used->written ? VQ_DESC_WRITE : 0))};

    (void)buffers;
    if (at == q->published_used)
        q->first = t;
    else
        vq_packed_store(vq_packed_slot(q->descriptors, at), t);
    q->next_used = vq_packed_advance(at, slots, q->size);
    q->outstanding = (uint16_t)(q->outstanding - slots);
}

VQ_BODY bool vq_packed_publish_used(struct vq_device_queue *q)
{
    uint16_t before = q->published_used, now = q->next_used;

    if (now == before)
        return false;
    vq_platform_order(q->platform);
    vq_packed_publish(vq_packed_slot(q->descriptors, before), q->first);
    q->published_used = now;

    /* Pairs with the fence of the driver between its wish and its last look at the ring. */
    vq_full_fence();
    if (q->signal_always) {
        q->signal_always = false;
        return true;
    }
    return vq_packed_wanted(q->driver_area, q->event_idx, before, now, q->size);
}

VQ_BODY void vq_packed_want_kicks(struct vq_device_queue *q, bool wanted)
{
    vq_packed_wish(q->device_area, wanted, q->event_idx, q->next_available);
}

#endif
