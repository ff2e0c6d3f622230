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

VQ_STEP bool vq_packed_available(struct vq_device_queue *q)
{
    struct vq_descriptor d;

    if (q->broken)
        return false;
    return vq_packed_look(q, q->next_available, &d);
}

/* PACKED-DEV-INDIR-01 to -03: consecutive entries, of whose flags only WRITE counts. */
VQ_BODY enum vq_broken vq_packed_walk_table(struct vq_device_queue *q, uint64_t address,
                                            uint32_t bytes, struct vq_gather *gather,
                                            struct vq_buffer *buffer)
{
    struct vq_table table = {0};
    enum vq_broken reason = vq_table_enter(q, &table, address, bytes);

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
VQ_BODY enum vq_broken vq_packed_walk(struct vq_device_queue *q, struct vq_buffer *buffer,
                                      uint32_t *slots, uint16_t *end)
{
    uint32_t n = 0, free_slots = (uint32_t)q->size - q->outstanding;
    uint16_t at = q->next_available;
    struct vq_gather gather;
    struct vq_descriptor d;

    *slots = 0;
    vq_gather_begin(&gather, buffer);
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
        n++;
        at = vq_packed_advance(at, 1, q->size);
    } while (d.flags & VQ_DESC_NEXT);
    buffer->id = d.next;
    *slots = n;
    *end = at;
    return vq_gather_end(&gather, buffer);
}

VQ_BODY size_t vq_packed_pop(struct vq_device_queue *q, struct vq_buffer *const buffers[],
                             size_t count)
{
    size_t n;

    for (n = 0; n < count && !q->broken; n++) {
        struct vq_buffer *buffer = buffers[n];
        uint32_t slots;
        uint16_t end;
        enum vq_broken reason = vq_packed_walk(q, buffer, &slots, &end);

        if (reason == VQ_NOT_BROKEN) {
            if (slots == 0)
                break;
            reason = vq_head_check(q, buffer->id);
        }
        if (reason != VQ_NOT_BROKEN) {
            vq_device_break_(q, reason);
            break;
        }
        q->in_flight[buffer->id] = (uint16_t)slots;
        q->outstanding = (uint16_t)(q->outstanding + slots);
        q->next_available = end;
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
    struct vq_packed_tail t = {used->written, used->id, vq_packed_used_flags(at)};

    if (t.bytes != 0)
        t.flags |= VQ_DESC_WRITE;
    (void)buffers;
    vq_packed_store(vq_packed_slot(q->descriptors, at), t, &q->first, at == q->published_used);
    q->next_used = vq_packed_advance(at, slots, q->size);
    q->outstanding = (uint16_t)(q->outstanding - slots);
}

VQ_BODY void vq_packed_show_used(struct vq_device_queue *q, uint16_t before, uint16_t now)
{
    vq_platform_order(q->platform);
    vq_packed_publish(vq_packed_slot(q->descriptors, before), q->first);
    q->published_used = now;
}

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

VQ_BODY void vq_packed_want_kicks(struct vq_device_queue *q, bool wanted)
{
    vq_packed_wish(q->device_area, wanted, q->event_idx, q->next_available);
}

#endif
