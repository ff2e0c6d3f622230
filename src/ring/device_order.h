/*
 * IN_ORDER on the device's end: buffers may be pushed in any order, but become
 * used in the order in which they were popped. A private list keeps that order;
 * publish gives back its finished front, one used element for each run of buffers
 * that the device filled completely (SPLIT-DEV-INORDER-01, PACKED-DEV-INORDER-01).
 */
#ifndef VQ_RING_DEVICE_ORDER_H
#define VQ_RING_DEVICE_ORDER_H

#include <vq/device.h>

#include "barrier.h"

/*
 * Two bits say what became of a buffer. Until it is pushed there is VQ_ORDER_TAKEN above
 * the bytes that may be written; then there are the bytes that were. If they are all, it
 * may be skipped, since the driver takes it as completely used; if not, VQ_ORDER_PARTLY
 * beside its successor in the list says that a used element of its own must tell. A buffer
 * of VQ_ORDER_LONG bytes and more is never skipped: the bit stands where its length would.
 */
#define VQ_ORDER_TAKEN  UINT32_C(0x80000000)
#define VQ_ORDER_LONG   UINT32_C(0x7fffffff)
#define VQ_ORDER_PARTLY UINT16_C(0x8000)

/*@ requires \valid_read(order);
  @ assigns \nothing; */
VQ_BODY uint32_t vq_order_bytes(const struct vq_device_order *order)
{
    return (uint32_t)order->high << 16 | order->low;
}

/*@ requires \valid(order);
  @ assigns order->low, order->high; */
VQ_BODY void vq_order_set_bytes(struct vq_device_order *order, uint32_t bytes)
{
    order->low = (uint16_t)bytes;
    order->high = (uint16_t)(bytes >> 16);
}

/*@ requires \valid(q) && \valid_read(buffer) && buffer->id < q->size && ordered(*q);
  @ requires q->order != \null;
  @ assigns q->order[0 .. q->size - 1], q->order_first, q->order_last, q->order_count;
  @ ensures ordered(*q); */
VQ_BODY void vq_order_take(struct vq_device_queue *q, const struct vq_buffer *buffer)
{
    struct vq_device_order *order = &q->order[buffer->id];
    uint32_t bytes = VQ_ORDER_LONG;

    if (buffer->writable_bytes < VQ_ORDER_LONG)
        bytes = (uint32_t)buffer->writable_bytes;
    vq_order_set_bytes(order, bytes + VQ_ORDER_TAKEN);
    order->next = 0;
    if (q->order_count++ == 0)
        q->order_first = buffer->id;
    else /* but for the bit of one that was pushed already */
        q->order[q->order_last].next =
            (uint16_t)((q->order[q->order_last].next & VQ_ORDER_PARTLY) + buffer->id);
    q->order_last = buffer->id;
}

/* False when it was pushed before. */
/*@ requires \valid(q) && \valid_read(used) && q->order != \null && ordered(*q);
  @ requires used->id < q->size;
  @ assigns q->order[used->id];
  @ ensures ordered(*q); */
VQ_BODY bool vq_order_finish(struct vq_device_queue *q, const struct vq_used *used)
{
    struct vq_device_order *order = &q->order[used->id];
    uint32_t bytes = vq_order_bytes(order);

    if ((order->next & VQ_ORDER_PARTLY) || !(bytes & VQ_ORDER_TAKEN))
        return false;
    vq_order_set_bytes(order, used->written);
    if (used->written != bytes - VQ_ORDER_TAKEN || used->written == VQ_ORDER_LONG)
        order->next += VQ_ORDER_PARTLY;
    return true;
}

/*
 * Takes the next run off the front: `used` names its last buffer. Gives the number
 * of buffers, 0 if the front is not finished, and of descriptors that they cover.
 */
/*@ requires \valid(q) && \valid(used) && \valid(descriptors);
  @ requires q->order != \null && ordered(*q) && \valid(q->in_flight + (0 .. q->size - 1));
  @ requires \separated(q->in_flight + (0 .. q->size - 1), q->order + (0 .. q->size - 1));
  @ requires 1 <= q->size <= 32768 && flying(q->in_flight, q->size) <= q->size;
  @ assigns *used, *descriptors, q->order_first, q->order_count, q->in_flight[0 .. q->size - 1];
  @ ensures ordered(*q) && q->order_count <= \old(q->order_count);
  @ ensures \result == 0 ? *descriptors == 0 : q->order_count < \old(q->order_count);
  @ ensures flying(q->in_flight, q->size) == \old(flying(q->in_flight, q->size)) - *descriptors;
  @ ensures \forall integer i; 0 <= i < q->size ==> q->in_flight[i] <= \old(q->in_flight[i]); */
VQ_BODY uint16_t vq_order_run(struct vq_device_queue *q, struct vq_used *used,
                              uint16_t *descriptors)
{
    uint16_t buffers = 0, covered = 0;

    /*@ loop invariant ordered(*q) && q->order_count <= \at(q->order_count, Pre);
      @ loop invariant buffers == 0 ==> covered == 0;
      @ loop invariant q->order_count + buffers == \at(q->order_count, Pre);
      @ loop invariant \forall integer i; 0 <= i < q->size ==>
      @   q->in_flight[i] <= \at(q->in_flight[i], Pre);
      @ loop invariant flying(q->in_flight, q->size) ==
      @   \at(flying(q->in_flight, q->size), Pre) - covered;
      @ loop assigns *used, covered, buffers, q->order_first, q->order_count,
      @   q->in_flight[0 .. q->size - 1];
      @ loop variant q->order_count; */
    while (q->order_count != 0) {
        uint16_t id = q->order_first;
        const struct vq_device_order *order = &q->order[id];
        uint32_t bytes = vq_order_bytes(order);
        uint16_t next = order->next;

        if ((bytes & VQ_ORDER_TAKEN) && !(next & VQ_ORDER_PARTLY))
            break;
        used->id = id;
        used->written = bytes;
        covered = (uint16_t)(covered + q->in_flight[id]);
        /*@ ghost before:; */
        q->in_flight[id] = 0;
        /*@ assert flying(q->in_flight, q->size) ==
          @   \at(flying(q->in_flight, q->size), before) - \at(q->in_flight[id], before); */
        q->order_count--;
        buffers++;
        if (next >= VQ_ORDER_PARTLY) {
            q->order_first = next & (VQ_ORDER_PARTLY - 1);
            break;
        }
        q->order_first = next;
    }
    *descriptors = covered;
    return buffers;
}

#endif
