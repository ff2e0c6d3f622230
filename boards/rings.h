/*
 * Memory for the rings of one device at a time: each part of a queue in a page of its
 * own, aligned as it must be and no better, with exactly the bytes that it needs; a
 * legacy queue in one block. Meant to show that parts may lie anywhere: firmware that
 * only wants a queue takes VQ_SPLIT_STORAGE.
 */
#ifndef BOARD_RINGS_H
#define BOARD_RINGS_H

#include <vq/queue.h>

/* Forgets the queues, and takes all memory back: no device may use it any more. With `hold` the
 * memory stays as it is. */
void rings_reset(bool hold);

/* Memory that is aligned to 16 bytes; it stops the board when there is none. */
void *rings_take(size_t bytes);

/* For every queue of a driver. */
extern const struct vq_queue_memory rings_memory;

/* A line for each queue since the last reset: what the device offered, what it got, and where. */
void rings_report(void);

#endif
