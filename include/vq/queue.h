/*
 * A queue of a device, for its driver: where its memory is, how it is set up over a
 * transport, and how it is notified and waited for. Every driver here uses it, and so
 * can drivers of other device types.
 *
 *     VQ_SPLIT_STORAGE(requests, 8);                   // exactly what a queue of 8 takes
 *     static struct vq_driver_slot slots[8];
 *     ...
 *     struct vq_queue_piece pieces[] = {VQ_QUEUE_PARTS(requests, 0)};
 *     struct vq_queue_memory memory = {.pieces = pieces, .count = 3};
 *     struct vq_queue_setup setup = {.index = 0, .size = 8, .memory = &memory, .slots = slots};
 *     if (vq_queue_open(&ring, transport, &setup) == VQ_OK)
 *         ...
 *
 * The ring's three parts go wherever the pieces have room: into one piece or into
 * several, in any order. The queue is as large as the device, the pieces and the
 * caller allow at once.
 *
 * What driver and device write in a piece may share cache lines: where the device does
 * not see the caches it must be uncached, or the constraints must ask for lines.
 */
#ifndef VQ_QUEUE_H
#define VQ_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/driver.h>
#include <vq/layout.h>
#include <vq/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A piece of memory that the device can reach. Pieces must not overlap. */
struct vq_queue_piece {
    void *host;       /* its first byte here ... */
    uint64_t address; /* ... and for the device, contiguous in both */
    size_t bytes;
};

#define VQ_QUEUE_PIECES_MAX 16u

struct vq_queue_memory;

/* Finds a place for a queue of at most `wanted` in pieces, as vq_place_find does in fragments. */
typedef enum vq_error vq_queue_placer(const struct vq_queue_memory *memory,
                                      const struct vq_constraints *constraints, uint32_t wanted,
                                      struct vq_place *place);

/* Memory for one ring. Nothing of it is kept but what the pieces point to. */
struct vq_queue_memory {
    const struct vq_queue_piece *pieces;
    uint16_t count; /* at most VQ_QUEUE_PIECES_MAX */
    /* NULL: vq_place_first, which is small, and misses nothing in the exact parts or in one
     * block. vq_queue_search: vq_place_find, for pieces of a pool. Or the caller's own. */
    vq_queue_placer *placer;
    struct vq_place *placed; /* optional: where the parts went */
};

/* vq_place_find over the pieces. Linked by those only who name it. */
enum vq_error vq_queue_search(const struct vq_queue_memory *memory,
                              const struct vq_constraints *constraints, uint32_t wanted,
                              struct vq_place *place);

/*
 * Initialisers of pieces for what VQ_SPLIT_STORAGE or VQ_PACKED_STORAGE declared
 * (three pieces), and VQ_LEGACY_STORAGE (one), inside of functions. `offset` is
 * what the device adds to a pointer: 0 where memory is not translated.
 */
#define VQ_QUEUE_PIECE(array, offset)                                                              \
    {                                                                                              \
        (array), (uint64_t)(uintptr_t)(array) + (offset), sizeof(array)                            \
    }
#define VQ_QUEUE_PARTS(name, offset)                                                               \
    VQ_QUEUE_PIECE(name##_descriptor_area, offset), VQ_QUEUE_PIECE(name##_driver_area, offset),    \
        VQ_QUEUE_PIECE(name##_device_area, offset)
#define VQ_QUEUE_BLOCK(name, offset) VQ_QUEUE_PIECE(name##_block, offset)

struct vq_queue_setup {
    uint16_t index; /* of the queue in the device */
    uint16_t size;  /* the largest wanted */
    bool strict;    /* see struct vq_driver_config */
    const struct vq_queue_memory *memory;
    struct vq_driver_slot *slots; /* `size` of them, private */
    /* Optional, see struct vq_driver_config: for `size` ids. */
    void *indirect_tables;
    uint64_t indirect_address;
    uint16_t indirect_entries;
};

/*
 * Asks the transport what the queue may look like, finds a place, makes an empty
 * ring there and enables it: in vq_plan's setup, or again after a reset of the
 * queue. `ring->size` says how large it became.
 * VQ_ERR_RANGE: the device has no such queue; VQ_ERR_NO_MEMORY: the pieces have no
 * room for what it takes; VQ_ERR_SIZE: no size suits all, or the device fixes one
 * above `size`; VQ_ERR_INVALID, VQ_ERR_ALIGN: the pieces make no sense; else what the
 * transport said.
 */
enum vq_error vq_queue_open(struct vq_driver_queue *ring, struct vq_transport *t,
                            const struct vq_queue_setup *setup);

/*
 * The features of queues and transports that these calls and the ring of this build
 * know how to use, but those in `without`: for vq_plan's `wanted`.
 */
struct vq_features vq_queue_features(const struct vq_features *without);

/*
 * Shows the device all that was added, and notifies it if it wants that. VQ_ERR_STATE
 * while the device is suspended: nothing was shown, submit again after the resume.
 * VQ_ERR_BROKEN, or what the transport said of the notification.
 */
enum vq_error vq_queue_submit(struct vq_driver_queue *ring, struct vq_transport *t, uint16_t index);

/*
 * Sleeps until something was used, at most `timeout_ms` (negative: no limit).
 * VQ_ERR_TIMEOUT, VQ_ERR_BROKEN; VQ_ERR_UNSUPPORTED where the transport cannot wait:
 * nothing was used when a notification was asked for, so that the caller may poll, or
 * sleep by means of his own until the interrupt comes.
 */
enum vq_error vq_queue_wait(struct vq_driver_queue *ring, struct vq_transport *t, uint16_t index,
                            int timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
