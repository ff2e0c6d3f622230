/*
 * Where a block device's bytes come from: the interface that a back end (a raw
 * file, memory, a network block client) gives to vq/blk_device.h.
 *
 * A device has one lane per queue; a lane is used by the thread that serves that
 * queue and by no other, so a back end needs no lock between lanes but for what
 * it shares by its own choice. Three verbs, all of them once per batch:
 *
 *     submit  takes a batch; always takes all of it, waiting inside if it must queue
 *     reap    gives back what is complete, in any order
 *     wait_fd becomes readable when reap would give something
 *
 * What a back end is asked was checked: offset + bytes lies within the capacity,
 * and is a multiple of 512. The data is memory of the driver: it may change at
 * any time, and must not be trusted to read the same twice.
 */
#ifndef VQ_BLK_LANE_H
#define VQ_BLK_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/error.h>
#include <vq/memory.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vq_blk_lane;

enum vq_blk_io_type {
    VQ_BLK_IO_READ,
    VQ_BLK_IO_WRITE,
    VQ_BLK_IO_FLUSH,        /* all that was reaped before this was submitted becomes durable */
    VQ_BLK_IO_DISCARD,      /* the content is no longer needed; reads may then give anything */
    VQ_BLK_IO_WRITE_ZEROES, /* reads give zeroes from then on */
};

/*
 * One piece of work. It belongs to the lane from submit until reap gives it back.
 *
 * A lane may consume the segments as it goes: move `segments` on, shrink the
 * first and `segment_count`, and `offset` and `bytes` with them. What is left
 * when a read fails is what the driver's memory did not get.
 */
struct vq_blk_io {
    uint8_t type;  /* enum vq_blk_io_type */
    bool durable;  /* WRITE, WRITE_ZEROES: not complete before it is on the medium */
    bool may_trim; /* WRITE_ZEROES: storage may be given up if it reads as zeroes */
    /* Set by the lane: VQ_OK, VQ_ERR_UNSUPPORTED if it cannot do this at all, VQ_ERR_IO. */
    int8_t result;
    uint32_t segment_count;
    struct vq_segment *segments; /* READ and WRITE: their sizes add up to `bytes` */
    uint64_t offset;             /* bytes from the start of the disk */
    uint64_t bytes;
    /* For the lane's own use, from submit to reap. */
    struct vq_blk_io *next;
    struct vq_blk_lane *lane;
    uint32_t stage;
};

struct vq_blk_lane_ops {
    const char *name; /* "io_uring" */
    /* Takes all of them; may complete some or all before it returns. */
    void (*submit)(struct vq_blk_lane *lane, struct vq_blk_io *const ios[], size_t count);
    /* Fills `ios` with up to `count` that are complete; returns how many. With `wait`, and as
     * long as anything is in flight, returns at least one, and may sleep for it. */
    size_t (*reap)(struct vq_blk_lane *lane, struct vq_blk_io *ios[], size_t count, bool wait);
    /* -1 when everything completes inside submit. Constant for the lane's life. */
    int (*wait_fd)(const struct vq_blk_lane *lane);
};

/* Embedded as the first member of each kind of lane. */
struct vq_blk_lane {
    const struct vq_blk_lane_ops *ops;
};

/* Counts `bytes` of a READ or WRITE as moved: consumes them from the segments. */
static inline void vq_blk_io_advance(struct vq_blk_io *io, uint64_t bytes)
{
    io->offset += bytes;
    io->bytes -= bytes;
    while (bytes != 0 && io->segment_count != 0) {
        struct vq_segment *s = io->segments;
        if (bytes < s->bytes) {
            s->base = (uint8_t *)s->base + bytes;
            s->bytes -= (size_t)bytes;
            return;
        }
        bytes -= s->bytes;
        io->segments++;
        io->segment_count--;
    }
}

#ifdef __cplusplus
}
#endif
#endif
