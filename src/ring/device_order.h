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

enum {
    VQ_ORDER_TAKEN,
    VQ_ORDER_PARTLY, /* a used element of its own must say how much was written */
    VQ_ORDER_WHOLLY, /* may be skipped: the driver takes it as completely used */
};

VQ_BODY void vq_order_take(struct vq_device_queue *q, const struct vq_buffer *buffer)
{
    struct vq_device_order *order = &q->order[buffer->id];

    /* Until it is pushed, what may be written; a length never reaches 2^32. */
    order->written =
        buffer->writable_bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)buffer->writable_bytes;
    order->state = VQ_ORDER_TAKEN;
    if (q->order_count++ == 0)
        q->order_first = buffer->id;
    else
        q->order[q->order_last].next = buffer->id;
    q->order_last = buffer->id;
}

/* False when it was pushed before. */
VQ_BODY bool vq_order_finish(struct vq_device_queue *q, const struct vq_used *used)
{
    struct vq_device_order *order = &q->order[used->id];

    if (order->state != VQ_ORDER_TAKEN)
        return false;
    order->state = order->written == used->written ? VQ_ORDER_WHOLLY : VQ_ORDER_PARTLY;
    order->written = used->written;
    return true;
}

/*
 * Takes the next run off the front: `used` names its last buffer. Gives the number
 * of buffers, 0 if the front is not finished, and of descriptors that they cover.
 */
VQ_BODY uint16_t vq_order_run(struct vq_device_queue *q, struct vq_used *used,
                              uint16_t *descriptors)
{
    uint16_t buffers = 0;

    *descriptors = 0;
    while (q->order_count != 0) {
        uint16_t id = q->order_first;
        const struct vq_device_order *order = &q->order[id];

        if (order->state == VQ_ORDER_TAKEN)
            break;
        used->id = id;
        used->written = order->written;
        *descriptors = (uint16_t)(*descriptors + q->in_flight[id]);
        q->in_flight[id] = 0;
        q->order_first = order->next;
        q->order_count--;
        buffers++;
        if (order->state == VQ_ORDER_PARTLY)
            break;
    }
    return buffers;
}

#endif
