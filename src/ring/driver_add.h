/*
 * What adding and getting have in common in both formats: the checks on what the
 * caller wants to send, indirect tables, and the checks on what the device gave back.
 */
#ifndef VQ_RING_DRIVER_ADD_H
#define VQ_RING_DRIVER_ADD_H

#include <vq/driver.h>

#include "variant.h"

/*@ requires \valid(q);
  @ assigns q->broken;
  @ ensures \old(q->broken) != 0 ==> q->broken == \old(q->broken);
  @ ensures 0 < reason < 256 ==> q->broken != 0; */
VQ_BODY void vq_driver_break_(struct vq_driver_queue *q, enum vq_broken reason)
{
    if (!q->broken)
        q->broken = (uint8_t)reason;
}

/*@ assigns \nothing; */
VQ_BODY uint16_t vq_element_flags(unsigned i, unsigned readable, unsigned last)
{
    return (uint16_t)((i < readable ? 0u : (unsigned)VQ_DESC_WRITE) |
                      (i == last ? 0u : (unsigned)VQ_DESC_NEXT));
}

/* A buffer of one element gains nothing from a table. */
/*@ requires \valid_read(q);
  @ assigns \nothing;
  @ ensures \result <==> 1 < count <= q->indirect_entries; */
VQ_BODY bool vq_add_indirect(const struct vq_driver_queue *q, unsigned count)
{
    return VQ_WITH_INDIRECT && count > 1 && count <= q->indirect_entries;
}

/*@ requires \valid_read(q);
  @ assigns \nothing;
  @ ensures \result == table_at(q->indirect_entries, id); */
VQ_BODY size_t vq_indirect_offset(const struct vq_driver_queue *q, uint16_t id)
{
    return (size_t)id * q->indirect_entries * VQ_DESC_BYTES;
}

/*@ requires \valid_read(q);
  @ assigns \nothing;
  @ ensures \result == (uint8_t *)q->indirect_tables + table_at(q->indirect_entries, id); */
VQ_BODY uint8_t *vq_indirect_table(const struct vq_driver_queue *q, uint16_t id)
{
    return (uint8_t *)q->indirect_tables + vq_indirect_offset(q, id);
}

/*@ requires \valid_read(q);
  @ assigns \nothing; */
VQ_BODY uint64_t vq_indirect_address(const struct vq_driver_queue *q, uint16_t id)
{
    return q->indirect_address + vq_indirect_offset(q, id);
}

/* May this buffer go into the ring now? Gives the descriptors that it needs there. */
/*@ requires \valid(q) && \valid_read(elements + (0 .. readable + writable - 1));
  @ requires \valid(need) && \valid(limit);
  @ assigns *need, *limit;
  @ ensures \result <= 0;
  @ ensures \result == VQ_OK ==> q->broken == 0 && 1 <= readable + writable <= q->size;
  @ ensures \result == VQ_OK ==> *need <= q->free_count &&
  @   *need == needs(*q, readable + writable);
  @ ensures \result == VQ_OK ==> bytes_of(elements, 0, readable + writable) <= 0x100000000 &&
  @   *limit == takes(elements, readable, readable + writable); */
VQ_BODY int vq_add_check(struct vq_driver_queue *q, const struct vq_element elements[],
                         unsigned readable, unsigned writable, uint16_t *need, uint32_t *limit)
{
    unsigned count = readable + writable;
    unsigned slots = vq_add_indirect(q, count) ? 1 : count;
    uint32_t writable_bytes = 0, left = 0; /* of 2^32, which is what 0 means at first */

    if (q->broken)
        return VQ_ERR_BROKEN;
    /* SPLIT-DRV-INDIR-03, PACKED-DRV-SG-02: a table is no way round the queue size. */
    if (count == 0 || count < readable || count > q->size)
        return VQ_ERR_INVALID;
    if (slots > q->free_count)
        return VQ_ERR_FULL;
    /*@ loop invariant i <= count;
      @ loop invariant i <= bytes_of(elements, 0, i) <= 0x100000000;
      @ loop invariant left == (i == 0 ? 0 : 0x100000000 - bytes_of(elements, 0, i));
      @ loop invariant i <= readable ==> writable_bytes == 0;
      @ loop invariant readable <= i ==>
      @   i - readable <= bytes_of(elements, readable, i) <= bytes_of(elements, 0, i) &&
      @   writable_bytes == (bytes_of(elements, readable, i) == 0x100000000 ?
      @     0 : bytes_of(elements, readable, i));
      @ loop assigns i, left, writable_bytes;
      @ loop variant count - i; */
    for (unsigned i = 0; i < count; i++) {
        uint32_t bytes = elements[i].bytes;

        if (bytes == 0)
            return VQ_ERR_INVALID;
        if (i != 0 && bytes > left)
            return VQ_ERR_RANGE;
        left -= bytes;
        if (i >= readable)
            writable_bytes += bytes;
    }
    *need = (uint16_t)slots;
    /* 2^32 of them are one more than a used length can say. */
    *limit = writable != 0 && writable_bytes == 0 ? UINT32_MAX : writable_bytes;
    return VQ_OK;
}

/*
 * Notes a buffer that was put into the ring. While it is in flight, `next` of its
 * last slot is free to name the buffer added before it, which makes rollback cheap.
 * With IN_ORDER the slots stay a ring, nothing is ever relinked, and what was added is
 * counted in descriptors, not in buffers.
 */
/*@ requires \valid(q) && slots_ok(*q) && id < q->size && tail < q->size;
  @ requires need <= q->free_count && 1 <= need <= q->size;
  @ assigns q->slots[0 .. q->size - 1], q->free_head, q->free_count, q->added, q->last_added;
  @ ensures slots_ok(*q);
  @ ensures q->slots[id].count == need && q->slots[id].writable == limit;
  @ ensures q->free_count == \old(q->free_count) - need;
  @ ensures others_same{Pre, Post}(q->slots, q->size, id); */
VQ_BODY void vq_add_note(struct vq_driver_queue *q, uint16_t id, uint16_t tail, uint16_t need,
                         uint32_t limit)
{
    q->slots[id].writable = limit;
    q->free_head = q->slots[tail].next;
    q->slots[id].count = need;
    q->free_count = (uint16_t)(q->free_count - need);
    if (!VQ_IS_IN_ORDER(q)) {
        q->slots[tail].next = q->last_added;
        q->last_added = id;
        need = 1;
    }
    q->added = (uint16_t)(q->added + need);
}

/* The slot whose `next` is not part of the buffer: ids of a packed ring have one slot each. */
/*@ requires \valid(q) && slots_ok(*q) && id < q->size;
  @ assigns \nothing;
  @ ensures \result < q->size; */
VQ_BODY uint16_t vq_chain_tail(const struct vq_driver_queue *q, uint16_t id)
{
    uint16_t tail = id;

    if (!VQ_IS_PACKED(q))
        /*@ loop invariant tail < q->size;
          @ loop assigns left, tail;
          @ loop variant left; */
        for (uint32_t left = q->slots[id].count; left > 1; left--)
            tail = q->slots[tail].next;
    return tail;
}

/* Gives the descriptors of a buffer back: a chain in a split ring, its id in a packed one. */
/*@ requires \valid(q) && slots_ok(*q) && id < q->size;
  @ assigns q->slots[0 .. q->size - 1], q->free_head, q->free_count;
  @ ensures slots_ok(*q);
  @ ensures q->slots[id].count == 0;
  @ ensures q->free_count == (uint16_t)(\old(q->free_count) + \old(q->slots[id].count));
  @ ensures \forall integer i; 0 <= i < q->size && i != id ==>
  @         q->slots[i].count == \old(q->slots[i].count);
  @ ensures only_freed{Pre, Post}(q->slots, q->size); */
VQ_BODY void vq_release(struct vq_driver_queue *q, uint16_t id)
{
    uint16_t count = q->slots[id].count, tail = vq_chain_tail(q, id);

    q->slots[id].count = 0;
    q->slots[tail].next = q->free_head;
    q->free_head = id;
    q->free_count = (uint16_t)(q->free_count + count);
}

/* The id after this one in a queue that goes round its slots in order. */
/*@ requires \valid_read(q) && 1 <= q->size <= 32768 && id < q->size && count <= q->size;
  @ assigns \nothing;
  @ ensures \result == (id + count < q->size ? id + count : id + count - q->size); */
VQ_BODY uint16_t vq_in_order_after(const struct vq_driver_queue *q, uint16_t id, uint16_t count)
{
    uint32_t next = (uint32_t)id + count;
    return (uint16_t)(next >= q->size ? next - q->size : next);
}

/* Was this buffer added, and not yet published? With IN_ORDER the ends of batches tell. */
/*@ requires \valid(q) && slots_ok(*q);
  @ assigns \nothing; */
VQ_BODY bool vq_add_unpublished(const struct vq_driver_queue *q, uint16_t id)
{
    uint16_t left = VQ_IS_IN_ORDER(q) ? 0 : q->added, at = q->last_added;

    /*@ loop invariant at < q->size;
      @ loop assigns left, at;
      @ loop variant left; */
    for (; left != 0 && at != id; left--)
        at = q->slots[vq_chain_tail(q, at)].next;
    return left != 0;
}

/*
 * Does the driver wait for this id? The comparison is made in the width in which
 * the device wrote it. False marks the queue broken.
 */
/*@ requires \valid(q) && slots_ok(*q) && \valid(done);
  @ assigns q->broken, *done;
  @ ensures slots_ok(*q);
  @ ensures \result ==> id < q->size && q->slots[id].count != 0 && q->broken == \old(q->broken);
  @ ensures \result ==> done->id == id && done->reported == written;
  @ ensures \result ==> done->written <= written && done->written <= q->slots[id].writable;
  @ ensures \result && q->strict ==> done->written == written;
  @ ensures !\result ==> q->broken != 0;
  @ ensures \old(q->broken) != 0 ==> q->broken == \old(q->broken); */
VQ_BODY bool vq_done_check(struct vq_driver_queue *q, uint32_t id, uint32_t written,
                           struct vq_done *done)
{
    uint32_t limit;

    if (id >= q->size) {
        vq_driver_break_(q, VQ_BROKEN_USED_ID);
        return false;
    }
    if (q->slots[id].count == 0 || vq_add_unpublished(q, (uint16_t)id)) {
        vq_driver_break_(q, VQ_BROKEN_USED_NOT_IN_FLIGHT);
        return false;
    }
    limit = q->slots[id].writable;
    if (q->strict && written > limit) {
        vq_driver_break_(q, VQ_BROKEN_USED_LENGTH);
        return false;
    }
    done->id = (uint16_t)id;
    done->written = written < limit ? written : limit;
    done->reported = written;
    return true;
}

/* IN_ORDER: notes a used element, which stands for all buffers up to the one it names. */
/*@ requires \valid(q) && slots_ok(*q);
  @ assigns q->broken, q->batch_open, q->batch_last, q->batch_written;
  @ ensures slots_ok(*q);
  @ ensures \result ==> q->batch_open && q->slots[q->batch_last].count != 0 &&
  @   q->broken == \old(q->broken);
  @ ensures !\result ==> q->broken != 0;
  @ ensures \old(q->broken) != 0 ==> q->broken == \old(q->broken); */
VQ_BODY bool vq_batch_begin(struct vq_driver_queue *q, uint32_t id, uint32_t written)
{
    struct vq_done last;

    if (!vq_done_check(q, id, written, &last))
        return false;
    q->batch_open = true;
    q->batch_last = (uint16_t)id;
    q->batch_written = written;
    return true;
}

/*
 * The next buffer of the batch: all but the last are completely used
 * (SPLIT-DRV-INORDER-01, PACKED-DRV-INORDER-01). Gives its descriptors, 0 if the
 * batch goes beyond what is outstanding.
 */
/*@ requires \valid(q) && slots_ok(*q) && \valid(done);
  @ assigns q->broken, *done, q->slots[q->batch_next].count, q->free_count, q->batch_next,
  @         q->batch_open;
  @ ensures slots_ok(*q);
  @ ensures \result <= q->size;
  @ ensures 0 < \result ==> given(q->slots, q->size, q->strict, *done) &&
  @   done->id == \old(q->batch_next) &&
  @   \result == \old(q->slots[q->batch_next].count) && q->broken == \old(q->broken) &&
  @   q->free_count == (uint16_t)(\old(q->free_count) + \result);
  @ ensures \result == 0 ==> q->broken != 0;
  @ ensures \old(q->broken) != 0 ==> q->broken == \old(q->broken);
  @ ensures only_freed{Pre, Post}(q->slots, q->size); */
VQ_BODY uint16_t vq_batch_next(struct vq_driver_queue *q, struct vq_done *done)
{
    uint16_t id = q->batch_next, count = q->slots[id].count;
    bool last = id == q->batch_last;

    if (!vq_done_check(q, id, last ? q->batch_written : q->slots[id].writable, done))
        return 0;
    /*@ assert count <= q->size; */
    q->slots[id].count = 0;
    /*@ assert slots_ok(*q); */
    q->free_count = (uint16_t)(q->free_count + count);
    q->batch_next = vq_in_order_after(q, id, count);
    q->batch_open = !last;
    return count;
}

#endif
