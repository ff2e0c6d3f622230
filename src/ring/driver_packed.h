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
/*@ requires \valid(q) && shared(q->descriptors, 16 * q->size) && position_ok(at, q->size);
  @ assigns ((uint8_t *)q->descriptors)[16 * slot_of(at) .. 16 * slot_of(at) + 15], q->first; */
VQ_BODY void vq_packed_fill(struct vq_driver_queue *q, uint16_t at, uint64_t address,
                            uint32_t bytes, uint16_t id, uint16_t flags)
{
    uint8_t *slot = vq_packed_slot(q->descriptors, at);
    struct vq_packed_tail t = {bytes, id, (uint16_t)(flags | vq_packed_available_flags(at))};

    vq_store64(slot, address, false);
    vq_packed_store(slot, t, &q->first, at == q->published_available);
}

/* PACKED-DRV-INDIR-02: of the flags only WRITE. */
/*@ requires \valid_read(q) && \valid_read(elements + (0 .. count - 1));
  @ requires count <= q->indirect_entries && table_ok(*q, id);
  @ assigns
  @   ((uint8_t *)q->indirect_tables + table_at(q->indirect_entries, id))[0 .. 16 * count - 1]; */
VQ_BODY void vq_packed_fill_table(struct vq_driver_queue *q, uint16_t id,
                                  const struct vq_element elements[], unsigned readable,
                                  unsigned count)
{
    uint8_t *table = vq_indirect_table(q, id);

    /*@ loop invariant i <= count &&
      @   table == (uint8_t *)q->indirect_tables + (table_at(q->indirect_entries, id) + 16 * i);
      @ loop assigns i, table,
      @   ((uint8_t *)q->indirect_tables + table_at(q->indirect_entries, id))[0 .. 16 * count - 1];
      @ loop variant count - i; */
    for (unsigned i = 0; i < count; i++, table += VQ_DESC_BYTES) {
        struct vq_packed_tail t = {elements[i].bytes, 0,
                                   (uint16_t)(i < readable ? 0 : VQ_DESC_WRITE)};

        vq_store64(table, elements[i].address, false);
        vq_packed_store(table, t, NULL, false);
    }
}

/*@ requires \valid(q) && driver_packed(*q) && tables_ok(*q);
  @ requires \valid_read(elements + (0 .. readable + writable - 1));
  @ assigns q->slots[0 .. q->size - 1], q->free_head, q->free_count, q->added, q->last_added,
  @   q->next_available, q->first, ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1],
  @   ((uint8_t *)q->indirect_tables +
  @     table_at(q->indirect_entries, q->free_head))[0 .. 16 * q->indirect_entries - 1];
  @ ensures slots_ok(*q) && position_ok(q->next_available, q->size);
  @ ensures packed_used(*q) && packed_free(*q);
  @ ensures 0 <= \result ==>
  @   noted{Pre, Post}(\old(*q), *q, elements, readable, readable + writable, \result);
  @ ensures others_same{Pre, Post}(q->slots, q->size, \result);
  @ ensures 0 <= \result ==> q->next_available ==
  @   advanced(\old(q->next_available), needs(*q, readable + writable), q->size);
  @ ensures \result < 0 ==> unmoved(\old(*q), *q); */
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
        /*@ loop invariant i <= count && at == advanced(q->next_available, i, q->size) &&
          @   position_ok(at, q->size);
          @ loop assigns i, at, q->first, ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1];
          @ loop variant count - i; */
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

/*@ requires \valid(q) && shared(q->descriptors, 16 * q->size) && position_ok(before, q->size);
  @ assigns ((uint8_t *)q->descriptors)[16 * slot_of(before) .. 16 * slot_of(before) + 15],
  @   q->published_available, q->added;
  @ ensures q->published_available == now && q->added == 0; */
VQ_BODY void vq_packed_show_available(struct vq_driver_queue *q, uint16_t before, uint16_t now)
{
    /* PACKED-DRV-SUPPLY-02, PACKED-DRV-SG-07 */
    vq_platform_order(q->platform);
    vq_packed_publish(vq_packed_slot(q->descriptors, before), q->first);
    q->published_available = now;
    q->added = 0;
}

/*@ requires \valid(q) && driver_packed(*q);
  @ assigns ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1], q->published_available, q->added;
  @ ensures driver_packed(*q) && q->published_available == q->next_available;
  @ ensures \old(q->published_available) == q->next_available ==>
  @   !\result && q->added == \old(q->added);
  @ ensures \old(q->published_available) != q->next_available ==> q->added == 0; */
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
/*@ requires driver_packed(*q);
  @ assigns \nothing;
  @ ensures \result ==> q->broken == 0 && q->next_used != q->published_available; */
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
/*@ requires \valid(q) && slots_ok(*q) && \valid(done);
  @ requires shared(q->descriptors, 16 * q->size) && position_ok(q->next_used, q->size);
  @ assigns q->broken, q->slots[0 .. q->size - 1], q->free_head, q->free_count, q->batch_open,
  @   q->batch_next, q->batch_last, q->batch_written, *done;
  @ ensures slots_ok(*q) && \result <= q->size;
  @ ensures 0 < \result ==> given(q->slots, q->size, q->strict, *done) &&
  @   q->broken == \old(q->broken) &&
  @   \result == \old(q->slots[\at(done->id, Post)].count) &&
  @   q->free_count == (uint16_t)(\old(q->free_count) + \result);
  @ ensures \result == 0 ==> q->broken != 0 || q->free_count == \old(q->free_count);
  @ ensures \old(q->broken) != 0 ==> q->broken == \old(q->broken);
  @ ensures only_freed{Pre, Post}(q->slots, q->size); */
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

/*@ requires \valid(q) && driver_packed(*q) && \valid(done + (0 .. count - 1));
  @ requires \separated(done + (0 .. count - 1), q->slots + (0 .. q->size - 1));
  @ assigns q->broken, q->next_used, q->slots[0 .. q->size - 1], q->free_head, q->free_count,
  @   q->batch_open, q->batch_next, q->batch_last, q->batch_written, done[0 .. count - 1];
  @ ensures slots_ok(*q) && \result <= count;
  @ ensures position_ok(q->next_used, q->size) && packed_used(*q) && packed_free(*q);
  @ ensures all_given{Pre, Post}(q->slots, q->size, q->strict, done, \result);
  @ ensures \old(q->broken) != 0 ==> \result == 0 && q->broken == \old(q->broken); */
VQ_BODY size_t vq_packed_get(struct vq_driver_queue *q, struct vq_done done[], size_t count)
{
    uint16_t usual = 1;
    size_t n;

    /*@ loop invariant slots_ok(*q) && n <= count;
      @ loop invariant position_ok(q->next_used, q->size) && packed_used(*q) && packed_free(*q);
      @ loop invariant all_given{Pre, Here}(q->slots, q->size, q->strict, done, n);
      @ loop invariant only_freed{Pre, Here}(q->slots, q->size);
      @ loop invariant \at(q->broken, Pre) != 0 ==> n == 0 && q->broken == \at(q->broken, Pre);
      @ loop assigns n, q->broken, q->next_used, q->slots[0 .. q->size - 1], q->free_head,
      @   q->free_count, q->batch_open, q->batch_next, q->batch_last, q->batch_written,
      @   done[0 .. count - 1], usual;
      @ loop variant count - n; */
    for (n = 0; n < count && !q->broken && q->next_used != q->published_available; n++) {
        uint16_t left = vq_packed_distance(q->next_used, q->published_available, q->size);
        uint16_t slots;
        /*@ ghost turn:; */
        slots = vq_packed_get_one(q, &done[n]);
        /*@ assert done_same{turn, Here}(done, n); */
        /*@ assert all_given{Pre, Here}(q->slots, q->size, q->strict, done, n); */
        /*@ assert slots != 0 ==> \forall integer k; 0 <= k < n ==> done[k].id != done[n].id; */
        if (slots == 0)
            break;
        /* Of what was added and not yet published, nothing can be used. */
        if (slots > left || (slots == left && VQ_BATCH_OPEN(q))) {
            vq_driver_break_(q, VQ_BROKEN_USED_NOT_IN_FLIGHT);
            break;
        }
        usual = vq_packed_as_before(slots, usual);
        q->next_used = vq_packed_advance(q->next_used, usual, q->size);
    }
    return n;
}

/*
 * All slots of a batch but the first carry their flags already. Whoever rolls the
 * batch back must make them look as they did: used, a round ago.
 */
/*@ requires \valid(q) && slots_ok(*q) && packed_areas(*q) && packed_used(*q);
  @ assigns ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1]; */
VQ_BODY void vq_packed_withdraw(struct vq_driver_queue *q)
{
    /*@ loop invariant position_ok(at, q->size);
      @ loop invariant 0 <= ahead_by(at, q->next_available, q->size) <= q->size;
      @ loop assigns at, ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1];
      @ loop variant ahead_by(at, q->next_available, q->size); */
    for (uint16_t at = q->published_available; at != q->next_available;
         at = vq_packed_advance(at, 1, q->size)) {
        struct vq_packed_tail t = {.flags = vq_packed_used_flags(at ^ VQ_PACKED_WRAP)};

        vq_packed_store(vq_packed_slot(q->descriptors, at), t, NULL, false);
    }
}

/*@ requires \valid(q) && shared(q->driver_area, 4);
  @ assigns ((uint8_t *)q->driver_area)[0 .. 3]; */
VQ_BODY void vq_packed_want_signals(struct vq_driver_queue *q, bool wanted)
{
    vq_packed_wish(q->driver_area, wanted, q->event_idx, q->next_used);
}

#endif
