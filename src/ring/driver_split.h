/*
 * The driver's end of a split ring. One body serves little- and big-endian
 * rings: `big` is a constant in each use.
 *
 * The device may write to all of it, so nothing here is ever read back but the
 * used ring and the device's notification wish: chains and lengths live in the
 * private slots.
 */
#ifndef VQ_RING_DRIVER_SPLIT_H
#define VQ_RING_DRIVER_SPLIT_H

#include "driver_add.h"

/* Fills the table of `head` and the one descriptor that points to it. */
VQ_BODY uint16_t vq_split_fill_table(struct vq_driver_queue *q, uint16_t head,
                                     const struct vq_element elements[], unsigned readable,
                                     unsigned count, bool big)
{
    uint8_t *table = vq_indirect_table(q, head);

    for (unsigned i = 0; i < count; i++)
        vq_descriptor_store(table + (size_t)i * VQ_DESC_BYTES, elements[i].address,
                            elements[i].bytes, vq_element_flags(i, readable, count - 1),
                            (uint16_t)(i + 1 == count ? 0 : i + 1), big);
    vq_descriptor_store((uint8_t *)q->descriptors + (size_t)head * VQ_DESC_BYTES,
                        vq_indirect_address(q, head), count * VQ_DESC_BYTES, VQ_DESC_INDIRECT, 0,
                        big);
    return head;
}

/* Fills a chain from `head` on; returns its last descriptor. */
VQ_BODY uint16_t vq_split_fill_chain(struct vq_driver_queue *q, uint16_t head,
                                     const struct vq_element elements[], unsigned readable,
                                     unsigned count, bool big)
{
    uint16_t i = head;

    for (unsigned k = 0;; k++) {
        uint16_t next = q->slots[i].next;
        vq_descriptor_store((uint8_t *)q->descriptors + (size_t)i * VQ_DESC_BYTES,
                            elements[k].address, elements[k].bytes,
                            vq_element_flags(k, readable, count - 1),
                            (uint16_t)(k + 1 == count ? 0 : next), big);
        if (k + 1 == count)
            return i;
        i = next;
    }
}

VQ_BODY int vq_split_add(struct vq_driver_queue *q, const struct vq_element elements[],
                         unsigned readable, unsigned writable, bool big)
{
    unsigned count = readable + writable;
    uint16_t need, tail, head = q->free_head;
    uint32_t limit;
    int error = vq_add_check(q, elements, readable, writable, &need, &limit);

    if (error != VQ_OK)
        return error;
    tail = vq_add_indirect(q, count) ? vq_split_fill_table(q, head, elements, readable, count, big)
                                     : vq_split_fill_chain(q, head, elements, readable, count, big);
    vq_add_note(q, head, tail, need, limit);
    vq_store16(vq_avail_slot(q->driver_area, q->next_available & (uint16_t)(q->size - 1)), head,
               big);
    q->next_available++;
    return head;
}

VQ_BODY void vq_split_show_available(struct vq_driver_queue *q, uint16_t before, uint16_t now,
                                     bool big)
{
    (void)before;
    /* SPLIT-DRV-SUPPLY-05 */
    vq_platform_order(q->platform);
    vq_publish16(vq_ring_idx(q->driver_area), now, big);
    q->published_available = now;
    q->added = 0;
}

VQ_BODY bool vq_split_publish_available(struct vq_driver_queue *q, bool big)
{
    uint16_t before = q->published_available, now = q->next_available;

    if (now == before)
        return false;
    vq_split_show_available(q, before, now, big);
    /* SPLIT-DRV-SUPPLY-06; pairs with the device's, between its wish and its last look at idx. */
    vq_full_fence(q->platform);
    if (q->event_idx)
        return vq_event_passed(vq_load16(vq_avail_event(q->device_area, q->size), big), now,
                               before);
    return !(vq_load16(vq_ring_flags(q->device_area), big) & VQ_USED_NO_NOTIFY);
}

/* Buffers that are used and not yet taken; looks at the ring only when it must. */
/*@ requires driver_split(q);
  @ assigns q->broken, q->seen_used;
  @ ensures driver_split(q);
  @ ensures \result != 0 ==> q->broken == 0 && \result == (uint16_t)(q->seen_used - q->next_used);
  @ ensures \old(q->broken) != 0 ==> \result == 0 && q->broken == \old(q->broken); */
VQ_BODY uint16_t vq_split_used(struct vq_driver_queue *q, bool big)
{
    uint16_t n = (uint16_t)(q->seen_used - q->next_used);

    if (q->broken)
        return 0;
    if (n == 0) {
        uint16_t idx = vq_observe16(vq_ring_idx(q->device_area), big);
        vq_platform_order(q->platform);
        n = (uint16_t)(idx - q->next_used);
        if (n > (uint16_t)(q->published_available - q->next_used)) {
            vq_driver_break_(q, VQ_BROKEN_USED_JUMP);
            return 0;
        }
        q->seen_used = idx;
    }
    return n;
}

VQ_BODY bool vq_split_get_one(struct vq_driver_queue *q, struct vq_done *done, bool big)
{
    const uint8_t *element =
        (const uint8_t *)vq_used_slot(q->device_area, q->next_used & (uint16_t)(q->size - 1));

    if (!VQ_BATCH_OPEN(q)) {
        uint32_t id = vq_load32(element, big), written = vq_load32(element + 4, big);

        if (!VQ_IS_IN_ORDER(q)) {
            if (!vq_done_check(q, id, written, done))
                return false;
            vq_release(q, (uint16_t)id);
            return true;
        }
        if (!vq_batch_begin(q, id, written))
            return false;
    }
    if (vq_batch_next(q, done) == 0)
        return false;
    /* The index did not move as far as the batch claims to reach. */
    if (VQ_BATCH_OPEN(q) && (uint16_t)(q->next_used + 1) == q->seen_used) {
        vq_driver_break_(q, VQ_BROKEN_USED_NOT_IN_FLIGHT);
        return false;
    }
    return true;
}

VQ_BODY size_t vq_split_get(struct vq_driver_queue *q, struct vq_done done[], size_t count,
                            bool big)
{
    uint16_t used = vq_split_used(q, big);
    size_t n;

    if (count > used)
        count = used;
    for (n = 0; n < count && vq_split_get_one(q, &done[n], big); n++)
        q->next_used++;
    return n;
}

/* Nothing of an unpublished batch can be seen in a split ring. */
VQ_BODY void vq_split_withdraw(struct vq_driver_queue *q, bool big)
{
    (void)q;
    (void)big;
}

/* SPLIT-DRV-USEDSUPP-01 to -04: flags without EVENT_IDX, used_event with it. */
VQ_BODY void vq_split_want_signals(struct vq_driver_queue *q, bool wanted, bool big)
{
    if (!q->event_idx)
        vq_store16(vq_ring_flags(q->driver_area), wanted ? 0 : VQ_AVAIL_NO_INTERRUPT, big);
    else if (wanted)
        vq_store16(vq_used_event(q->driver_area, q->size), q->next_used, big);
}

#endif
