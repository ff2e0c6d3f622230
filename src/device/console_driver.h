/*
 * What the files of the console driver share: console_driver_open.c sets it up,
 * console_driver.c moves bytes, console_driver_control.c speaks about ports.
 */
#ifndef VQ_DEVICE_CONSOLE_DRIVER_H
#define VQ_DEVICE_CONSOLE_DRIVER_H

#include <vq/console_driver.h>

/* A buffer of a queue. */
static inline uint8_t *vq_console_buffer(const struct vq_console_driver_queue *q, uint16_t buffer)
{
    return q->buffers + (size_t)buffer * q->bytes;
}

/* Gives the device a buffer off the free stack, of which it may read `bytes`, or write all if
 * that is 0. False if it cannot be. It is shown by the next submit. */
bool vq_console_lend(struct vq_console_driver_queue *q, uint16_t bytes);
/* Takes a used buffer back on the free stack. Its bytes, or -1 if there is none. */
int32_t vq_console_regain(struct vq_console_driver_queue *q);
/* All free buffers of a queue to receive in. */
void vq_console_fill(struct vq_console_driver *c, struct vq_console_driver_queue *q);

enum vq_error vq_console_submit(struct vq_console_driver *c, struct vq_console_driver_queue *q);

/* Sends a control message. VQ_ERR_FULL. */
enum vq_error vq_console_say(struct vq_console_driver *c, uint32_t id, uint16_t event,
                             uint16_t value);

#endif
