/*
 * What the two ways to place a queue share.
 */
#ifndef VQ_DEVICE_QUEUE_H
#define VQ_DEVICE_QUEUE_H

#include <vq/queue.h>

/* The pieces as the placers of vq/layout.h want them. VQ_ERR_INVALID: too many. */
enum vq_error vq_queue_fragments(const struct vq_queue_memory *memory,
                                 struct vq_fragment fragments[VQ_QUEUE_PIECES_MAX]);

#endif
