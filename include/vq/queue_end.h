/*
 * The device's end of one queue as device types keep it between start and stop: the
 * part of vq/model.h that is the same for all of them. For the driver's part see
 * vq/queue.h.
 *
 *     vq_queue_end_make(&dev->queue, size_max, memory);
 *     ...
 *     enum vq_error queue_start(model, index, config)
 *     { return vq_queue_end_start(&dev->queue, config); }
 *
 *     unsigned queue_run(model, index)
 *     {
 *         while (budget-- != 0 && vq_device_pop(&dev->queue.ring, &buffer, 1) == 1)
 *             vq_queue_end_give(&dev->queue, buffer->id, answer(buffer));
 *         return vq_queue_end_ran(&dev->queue, did_something);
 *     }
 *
 * All calls but vq_queue_end_bytes come from the thread that serves the queue.
 */
#ifndef VQ_QUEUE_END_H
#define VQ_QUEUE_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/device.h>
#include <vq/model.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vq_queue_end {
    struct vq_device_queue ring; /* once it runs */
    uint16_t *in_flight;
    struct vq_device_order *order;
    uint16_t size_max;
    bool running;
    bool big_endian; /* a legacy, big-endian driver: so is what its buffers say */
};

/* Private memory of a queue of at most `size_max` descriptors; a multiple of 16. */
size_t vq_queue_end_bytes(uint16_t size_max);
/* `memory` is aligned to 4 bytes. */
void vq_queue_end_make(struct vq_queue_end *end, uint16_t size_max, void *memory);

/* VQ_ERR_STATE when it runs already, VQ_ERR_SIZE above size_max, else as vq_device_init. */
enum vq_error vq_queue_end_start(struct vq_queue_end *end, const struct vq_device_config *config);
/* Gives a buffer back that was popped, once. */
void vq_queue_end_give(struct vq_queue_end *end, uint16_t id, uint32_t written);
/* Publishes what was given back; the return value of queue_run. */
unsigned vq_queue_end_ran(struct vq_queue_end *end, bool progress);
/* Every buffer was given back. The return value of queue_stop; harmless if it does not run. */
unsigned vq_queue_end_stop(struct vq_queue_end *end, struct vq_position *position);

/* Those of struct vq_device_model_ops; nothing but zero if it does not run. */
bool vq_queue_end_arm(struct vq_queue_end *end);
void vq_queue_end_disarm(struct vq_queue_end *end);
enum vq_broken vq_queue_end_broken(const struct vq_queue_end *end);

#ifdef __cplusplus
}
#endif
#endif
