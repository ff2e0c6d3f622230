/*
 * The driver's end of a packed ring (virtio 1.4, section 2.8).
 *
 * Buffer ids come from a private free list; how many slots an id covers, and how
 * much may be written to it, is private too. Slots become visible in one stroke:
 * the first of a batch is stored last.
 */
#ifndef VQ_RING_DRIVER_PACKED_H
#define VQ_RING_DRIVER_PACKED_H

#include "driver_add.h"
#include "packed.h"

/* Stores a slot, unless it is the first of an unpublished batch, which waits for publish. */
VQ_BODY void vq_packed_fill(struct vq_driver_queue *q, uint16_t at, uint64_t address,
                            uint32_t bytes, uint16_t id, uint16_t flags)
{
    uint8_t *slot = vq_packed_slot(q->descriptors, at);
    struct vq_packed_tail t = {bytes, id, (uint16_t)(flags | vq_packed_available_flags(at))};

    vq_store64(slot, address, false);
    vq_packed_store(slot, t, &q->first, at == q->published_available);
}

/* PACKED-DRV-INDIR-02: of the flags only WRITE. */
VQ_BODY void vq_packed_fill_table(struct vq_driver_queue *q, uint16_t id,
                                  const struct vq_element elements[], unsigned readable,
                                  unsigned count)
{
    uint8_t *table = vq_indirect_table(q, id);

    for (unsigned i = 0; i < count; i++, table += VQ_DESC_BYTES) {
        struct vq_packed_tail t = {elements[i].bytes, 0,
                                   (uint16_t)(i < readable ? 0 : VQ_DESC_WRITE)};

        vq_store64(table, elements[i].address, false);
        vq_packed_store(table, t, NULL, false);
    }
}

VQ_BODY int vq_packed_add(struct vq_driver_queue *q, const struct vq_element elements[],
                          unsigned readable, unsigned writable)
{
    unsigned count = readable + writable;
    uint16_t need, at = q->next_available;
    /* With IN_ORDER the first slot names the buffer: free_head goes round with `at`. */
    uint16_t id = q->free_head;
    uint32_t limit;
    int error = vq_add_check(q, elements, readable, writable, &need, &limit);

    if (error != VQ_OK)
        return error;
    if (vq_add_indirect(q, count)) {
        vq_packed_fill_table(q, id, elements, readable, count);
        vq_packed_fill(q, at, vq_indirect_address(q, id), count * VQ_DESC_BYTES, id,
                       VQ_DESC_INDIRECT);
        at = vq_packed_advance(at, 1, q->size);
    } else {
        for (unsigned i = 0; i < count; i++) {
            vq_packed_fill(q, at, elements[i].address, elements[i].bytes, id,
                           vq_element_flags(i, readable, count - 1));
            at = vq_packed_advance(at, 1, q->size);
        }
    }
    q->next_available = at;
    vq_add_note(q, id, id, need, limit);
    if (VQ_IS_IN_ORDER(q))
        q->free_head = at & VQ_PACKED_SLOT;
    return id;
}

VQ_BODY void vq_packed_show_available(struct vq_driver_queue *q, uint16_t before, uint16_t now)
{
    /* PACKED-DRV-SUPPLY-02, PACKED-DRV-SG-07 */
    vq_platform_order(q->platform);
    vq_packed_publish(vq_packed_slot(q->descriptors, before), q->first);
    q->published_available = now;
    q->added = 0;
}

VQ_BODY bool vq_packed_publish_available(struct vq_driver_queue *q)
{
    uint16_t before = q->published_available, now = q->next_available;

    if (now == before)
        return false;
    vq_packed_show_available(q, before, now);
    /* PACKED-DRV-SUPPLY-03; pairs with the device's, between its wish and its last look. */
    vq_full_fence(q->platform);
    return vq_packed_wanted(q->device_area, q->event_idx, before, now, q->size);
}

/* Is a buffer used? None can be of which nothing was published. */
/*@ requires driver_packed(q);
  @ assigns \nothing; */
VQ_BODY bool vq_packed_used(struct vq_driver_queue *q)
{
    uint16_t at = q->next_used;

    if (q->broken || at == q->published_available)
        return false;
    return VQ_BATCH_OPEN(q) ||
           vq_packed_is(vq_observe16(vq_packed_slot(q->descriptors, at) + 14, false),
                        vq_packed_used_flags(at));
}

/* Takes one used buffer; gives the slots that it covered, 0 if there is none. */
VQ_BODY uint16_t vq_packed_get_one(struct vq_driver_queue *q, struct vq_done *done)
{
    uint16_t at = q->next_used, slots;

    if (!VQ_BATCH_OPEN(q)) {
        struct vq_packed_tail t =
            vq_packed_observe(vq_packed_slot(q->descriptors, at), q->platform);
        /* PACKED-DRV-USEDDESC-01 */
        uint32_t written = t.flags & VQ_DESC_WRITE || q->length_always ? t.bytes : 0;

        if (!vq_packed_is(t.flags, vq_packed_used_flags(at)))
            return 0;
        if (!VQ_IS_IN_ORDER(q)) {
            if (!vq_done_check(q, t.id, written, done))
                return 0;
            slots = q->slots[t.id].count;
            vq_release(q, t.id);
            return slots;
        }
        if (!vq_batch_begin(q, t.id, written))
            return 0;
    }
    return vq_batch_next(q, done);
}

VQ_BODY size_t vq_packed_get(struct vq_driver_queue *q, struct vq_done done[], size_t count)
{
    size_t n;

    for (n = 0; n < count && !q->broken && q->next_used != q->published_available; n++) {
        uint16_t left = vq_packed_distance(q->next_used, q->published_available, q->size);
        uint16_t slots = vq_packed_get_one(q, &done[n]);

        if (slots == 0)
            break;
        /* Of what was added and not yet published, nothing can be used. */
        if (slots > left || (slots == left && VQ_BATCH_OPEN(q))) {
            vq_driver_break_(q, VQ_BROKEN_USED_NOT_IN_FLIGHT);
            break;
        }
        q->next_used = vq_packed_advance(q->next_used, slots, q->size);
    }
    return n;
}

/*
 * All slots of a batch but the first carry their flags already. Whoever rolls the
 * batch back must make them look as they did: used, a round ago.
 */
VQ_BODY void vq_packed_withdraw(struct vq_driver_queue *q)
{
    for (uint16_t at = q->published_available; at != q->next_available;
         at = vq_packed_advance(at, 1, q->size)) {
        struct vq_packed_tail t = {.flags = vq_packed_used_flags(at ^ VQ_PACKED_WRAP)};

        vq_packed_store(vq_packed_slot(q->descriptors, at), t, NULL, false);
    }
}

VQ_BODY void vq_packed_want_signals(struct vq_driver_queue *q, bool wanted)
{
    vq_packed_wish(q->driver_area, wanted, q->event_idx, q->next_used);
}

#endif
