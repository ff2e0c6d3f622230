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
/*@ requires \valid_read(q) && \valid_read(elements + (0 .. count - 1));
  @ requires head < q->size <= 32768 && shared(q->descriptors, 16 * q->size);
  @ requires count <= q->indirect_entries && table_ok(*q, head);
  @ assigns ((uint8_t *)q->descriptors)[16 * head .. 16 * head + 15],
  @   ((uint8_t *)q->indirect_tables + table_at(q->indirect_entries, head))[0 .. 16 * count - 1];
  @ ensures \result == head; */
VQ_BODY uint16_t vq_split_fill_table(struct vq_driver_queue *q, uint16_t head,
                                     const struct vq_element elements[], unsigned readable,
                                     unsigned count, bool big)
{
    uint8_t *table = vq_indirect_table(q, head);

    /*@ loop invariant i <= count;
      @ loop assigns i, table[0 .. 16 * count - 1];
      @ loop variant count - i; */
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
/*@ requires \valid_read(q) && slots_ok(*q) && \valid_read(elements + (0 .. count - 1));
  @ requires head < q->size && 1 <= count && shared(q->descriptors, 16 * q->size);
  @ assigns ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1];
  @ ensures \result < q->size; */
VQ_BODY uint16_t vq_split_fill_chain(struct vq_driver_queue *q, uint16_t head,
                                     const struct vq_element elements[], unsigned readable,
                                     unsigned count, bool big)
{
    uint16_t i = head;

    /*@ loop invariant i < q->size && k < count;
      @ loop assigns i, k, ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1];
      @ loop variant count - k; */
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

/*@ requires \valid(q) && driver_split(*q) && tables_ok(*q);
  @ requires \valid_read(elements + (0 .. readable + writable - 1));
  @ assigns q->slots[0 .. q->size - 1], q->free_head, q->free_count, q->added, q->last_added,
  @   q->next_available, ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1],
  @   ((uint8_t *)q->driver_area)[4 .. 4 + 2 * q->size - 1],
  @   ((uint8_t *)q->indirect_tables +
  @     table_at(q->indirect_entries, q->free_head))[0 .. 16 * q->indirect_entries - 1];
  @ ensures slots_ok(*q);
  @ ensures 0 <= \result ==>
  @   noted{Pre, Post}(\old(*q), *q, elements, readable, readable + writable, \result);
  @ ensures others_same{Pre, Post}(q->slots, q->size, \result);
  @ ensures 0 <= \result ==> q->next_available == (uint16_t)(\old(q->next_available) + 1);
  @ ensures \result < 0 ==> unmoved(\old(*q), *q); */
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

/*@ requires \valid(q) && shared(q->driver_area, 6 + 2 * q->size);
  @ assigns ((uint8_t *)q->driver_area)[2 .. 3], q->published_available, q->added;
  @ ensures q->published_available == now && q->added == 0; */
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

/*@ requires \valid(q) && driver_split(*q);
  @ assigns ((uint8_t *)q->driver_area)[2 .. 3], q->published_available, q->added;
  @ ensures q->published_available == q->next_available;
  @ ensures \old(q->published_available) == q->next_available ==>
  @   !\result && q->added == \old(q->added);
  @ ensures \old(q->published_available) != q->next_available ==> q->added == 0; */
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
/*@ requires driver_split(*q);
  @ assigns q->broken, q->seen_used;
  @ ensures driver_split(*q);
  @ ensures split_within(\old(*q)) ==> split_within(*q);
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

/* The next buffer of a batch; false if the index did not move as far as it claims to reach. */
/*@ requires \valid(q) && slots_ok(*q) && \valid(done);
  @ assigns q->broken, q->slots[q->batch_next].count, q->free_count, q->batch_open,
  @   q->batch_next, *done;
  @ ensures slots_ok(*q);
  @ ensures \result ==> given(q->slots, q->size, q->strict, *done) &&
  @   \old(q->slots[\at(done->id, Post)].count) != 0;
  @ ensures \result ==> q->broken == \old(q->broken);
  @ ensures !\result ==> q->broken != 0;
  @ ensures \old(q->broken) != 0 ==> q->broken == \old(q->broken);
  @ ensures only_freed{Pre, Post}(q->slots, q->size); */
VQ_BODY bool vq_split_batch_next(struct vq_driver_queue *q, struct vq_done *done)
{
    if (vq_batch_next(q, done) == 0)
        return false;
    if (VQ_BATCH_OPEN(q) && (uint16_t)(q->next_used + 1) == q->seen_used) {
        vq_driver_break_(q, VQ_BROKEN_USED_NOT_IN_FLIGHT);
        return false;
    }
    return true;
}

/*@ requires \valid(q) && slots_ok(*q) && \valid(done);
  @ requires shared(q->device_area, 6 + 8 * q->size);
  @ assigns q->broken, q->slots[0 .. q->size - 1], q->free_head, q->free_count, q->batch_open,
  @   q->batch_next, q->batch_last, q->batch_written, *done;
  @ ensures slots_ok(*q);
  @ ensures \result ==> given(q->slots, q->size, q->strict, *done) &&
  @   \old(q->slots[\at(done->id, Post)].count) != 0;
  @ ensures \result ==> q->broken == \old(q->broken);
  @ ensures !\result ==> q->broken != 0;
  @ ensures \old(q->broken) != 0 ==> q->broken == \old(q->broken);
  @ ensures only_freed{Pre, Post}(q->slots, q->size); */
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
    return vq_split_batch_next(q, done);
}

/*@ requires \valid(q) && driver_split(*q) && \valid(done + (0 .. count - 1));
  @ requires \separated(done + (0 .. count - 1), q->slots + (0 .. q->size - 1));
  @ assigns q->broken, q->seen_used, q->next_used, q->slots[0 .. q->size - 1], q->free_head,
  @   q->free_count, q->batch_open, q->batch_next, q->batch_last, q->batch_written,
  @   done[0 .. count - 1];
  @ ensures slots_ok(*q) && \result <= count;
  @ ensures all_given{Pre, Post}(q->slots, q->size, q->strict, done, \result);
  @ ensures q->next_used == (uint16_t)(\old(q->next_used) + \result);
  @ ensures \result <= (uint16_t)(q->seen_used - \old(q->next_used));
  @ ensures \old(q->broken) != 0 ==> \result == 0 && q->broken == \old(q->broken); */
VQ_BODY size_t vq_split_get(struct vq_driver_queue *q, struct vq_done done[], size_t count,
                            bool big)
{
    uint16_t used = vq_split_used(q, big);
    size_t n;

    if (count > used)
        count = used;
    /*@ loop invariant slots_ok(*q) && n <= count <= \at(count, Pre);
      @ loop invariant all_given{Pre, Here}(q->slots, q->size, q->strict, done, n);
      @ loop invariant only_freed{Pre, Here}(q->slots, q->size);
      @ loop invariant q->next_used == (uint16_t)(\at(q->next_used, Pre) + n);
      @ loop invariant \at(q->broken, Pre) != 0 ==>
      @   count == 0 && q->broken == \at(q->broken, Pre);
      @ loop assigns n, q->broken, q->next_used, q->slots[0 .. q->size - 1], q->free_head,
      @   q->free_count, q->batch_open, q->batch_next, q->batch_last, q->batch_written,
      @   done[0 .. count - 1];
      @ loop variant count - n; */
    for (n = 0; n < count; n++) {
        bool taken;
        /*@ ghost turn:; */
        taken = vq_split_get_one(q, &done[n], big);
        /*@ assert done_same{turn, Here}(done, n); */
        /*@ assert all_given{Pre, Here}(q->slots, q->size, q->strict, done, n); */
        /*@ assert taken ==> \forall integer k; 0 <= k < n ==> done[k].id != done[n].id; */
        if (!taken)
            break;
        q->next_used++;
    }
    return n;
}

/* Nothing of an unpublished batch can be seen in a split ring. */
/*@ assigns \nothing; */
VQ_BODY void vq_split_withdraw(struct vq_driver_queue *q, bool big)
{
    (void)q;
    (void)big;
}

/* SPLIT-DRV-USEDSUPP-01 to -04: flags without EVENT_IDX, used_event with it. */
/*@ requires \valid(q) && shared(q->driver_area, 6 + 2 * q->size);
  @ assigns ((uint8_t *)q->driver_area)[0 .. 1],
  @   ((uint8_t *)q->driver_area)[4 + 2 * q->size .. 5 + 2 * q->size]; */
VQ_BODY void vq_split_want_signals(struct vq_driver_queue *q, bool wanted, bool big)
{
    if (!q->event_idx)
        vq_store16(vq_ring_flags(q->driver_area), wanted ? 0 : VQ_AVAIL_NO_INTERRUPT, big);
    else if (wanted)
        vq_store16(vq_used_event(q->driver_area, q->size), q->next_used, big);
}

#endif
