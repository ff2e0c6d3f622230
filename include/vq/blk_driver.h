/*
 * The block device, the driver's end: reads, writes and the rest, over any
 * transport (vq/transport.h), with any number of queues and of requests in
 * flight.
 *
 *     vq_blk_driver_open(&disk, transport, &options, &why);
 *     struct vq_blk_driver_queue *q = &disk.queues[0];
 *
 *     while (... there is more to do and
 *            vq_blk_driver_prepare(q, &request) == VQ_OK)   // as many as fit
 *         ;
 *     vq_blk_driver_submit(q);                              // one notification at most
 *     n = vq_blk_driver_reap(q, done, 32);                  // in any order
 *
 * Nothing is allocated: the caller gives each queue two blocks of memory, one
 * shared with the device and one private, and vq_blk_driver_measure says how
 * large they must be. Data is named by addresses that the device understands;
 * it belongs to the device from submit until reap has named its request, or
 * until a reset.
 *
 * The device is not trusted. What it says of itself is checked when the driver
 * opens; what it says of a request (used length, status) is checked before it
 * counts. A queue that broke ends in VQ_ERR_BROKEN; the other queues live on.
 *
 * A queue is used by one thread at a time; different queues by different ones.
 */
#ifndef VQ_BLK_DRIVER_H
#define VQ_BLK_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/blk.h>
#include <vq/driver.h>
#include <vq/queue.h>
#include <vq/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the device says of itself, checked. Fields whose feature is not accepted are zero. */
struct vq_blk_facts {
    uint64_t capacity;    /* in sectors of 512 bytes */
    uint32_t block_size;  /* a power of two from 512; 512 if the device does not say */
    uint32_t size_max;    /* of one data element, in bytes; 0: no limit */
    uint32_t seg_max;     /* data elements of one request; 0: no limit but the queue's */
    uint16_t queue_count; /* that the device has; at least 1 */
    bool read_only;
    bool flush;     /* flush requests are possible */
    bool writeback; /* written data may be lost until flushed (BLK-DRV-INIT-03) */
    bool writeback_settable;
    bool geometry;
    bool topology;
    uint16_t cylinders;
    uint8_t heads;
    uint8_t sectors;
    uint8_t physical_block_exp; /* block_size << this is a physical block, below 2^32 bytes */
    uint8_t alignment_offset;
    uint16_t min_io_size; /* in blocks */
    uint32_t opt_io_size;
    /* Limits of one range; 0: the request is not possible. */
    uint32_t max_discard_sectors;
    uint32_t discard_alignment; /* in sectors, a hint */
    uint32_t max_write_zeroes_sectors;
    bool write_zeroes_may_unmap;
};

/*
 * Memory of one queue. The shared block holds what frames the requests and, unless
 * options->rings_apart says that it has memory of its own, the ring. What driver and
 * device write lies side by side in it: on a machine whose device does not see its
 * caches it must be uncached.
 */
struct vq_blk_memory {
    void *shared;     /* seen by the device, aligned to 16 bytes; here ... */
    uint64_t address; /* ... and there */
    size_t shared_bytes;
    void *private_memory; /* aligned to 16 bytes */
    size_t private_bytes;
    /* `placed` is obeyed always; pieces and placer with rings_apart, e.g. three static parts. */
    struct vq_queue_memory rings;
};

struct vq_blk_driver_options {
    uint16_t queue_count; /* at most so many are used; 0: 1 */
    uint16_t queue_size;  /* the largest wanted; a power of two unless rings are packed */
    uint16_t depth;       /* requests in flight per queue; 0: queue_size */
    uint16_t segments;    /* data elements of one request; 0: 1 */
    bool legacy_block; /* keep room for a queue in one block, as some legacy transports want it */
    bool rings_apart;  /* rings are not in the shared blocks but in memory[i].rings */
    struct vq_features without; /* features not to accept; VERSION_1: be a legacy driver */
    struct vq_features require; /* features without which to give up */
    /* A modern device must say how much it wrote. True believes the status alone, for devices
     * that are known to get the length wrong. Legacy devices always are believed. */
    bool ignore_length;
    /* A used length beyond the buffer breaks the queue instead of being clamped. */
    bool strict;
    const struct vq_blk_memory *memory; /* queue_count of them; the array is not kept */
    uint32_t patience;                  /* see struct vq_plan */
};

struct vq_blk_driver_request {
    uint32_t type;   /* VQ_BLK_T_IN, OUT, FLUSH, GET_ID, DISCARD or WRITE_ZEROES */
    uint64_t sector; /* where; not for FLUSH and GET_ID */
    /* Data of IN (at least 512 bytes, a multiple of it), OUT (likewise) and GET_ID (20 bytes). */
    const struct vq_element *data;
    uint16_t count;
    uint32_t sectors; /* DISCARD and WRITE_ZEROES: how many */
    bool unmap;       /* WRITE_ZEROES: the device may give up the storage */
    uint64_t tag;     /* the caller's own; comes back with the answer */
};

struct vq_blk_driver_done {
    uint64_t tag;
    enum vq_error error; /* VQ_ERR_IO, VQ_ERR_UNSUPPORTED: so said the device. VQ_ERR_BROKEN: it
                          * answered nonsense, or never will */
    uint32_t bytes;      /* of data that was read, if there is no error */
    uint8_t status;      /* as the device wrote it; 0xff if it did not */
};

/* The fields are private; the structs are here so that callers can place them. */
struct vq_blk_slot {
    uint64_t tag;
    uint32_t bytes; /* of data that the device is to write */
    uint16_t next_free;
    bool in_flight;
};

struct vq_blk_driver_queue {
    struct vq_driver_queue ring;
    struct vq_blk_driver *driver;
    uint8_t *shared;  /* header, range and status of each slot */
    uint64_t address; /* the same, for the device */
    struct vq_blk_slot *slots;
    uint16_t *slot_of;           /* by ring id */
    struct vq_element *elements; /* of the request being prepared */
    uint16_t index;
    uint16_t size;
    uint16_t depth;
    uint16_t segments; /* data elements that a request may have here */
    uint16_t free_slot;
    uint16_t in_flight;
};

struct vq_blk_driver {
    struct vq_transport *transport;
    struct vq_blk_facts facts;
    struct vq_blk_driver_queue *queues;
    uint16_t queue_count;
    bool big_endian;
    bool check_length;
    const struct vq_blk_driver_options *options; /* only while it opens */
};

/* How much memory of each kind a queue takes with these options. VQ_ERR_INVALID, VQ_ERR_SIZE. */
enum vq_error vq_blk_driver_measure(const struct vq_blk_driver_options *options,
                                    size_t *shared_bytes, size_t *private_bytes);

/*
 * The same for static memory, as constant expressions, of a queue whose ring has memory of its
 * own (rings_apart) and that negotiates no INDIRECT_DESC: its shared block takes
 * VQ_BLK_FRAMES_BYTES, its private one VQ_BLK_PRIVATE_BYTES; `segments` is at least 1.
 */
#define VQ_BLK_FRAMES_BYTES(depth) (48u * (depth))
#define VQ_BLK_PRIVATE_BYTES(size, depth, segments)                                                \
    ((depth) * sizeof(struct vq_blk_slot) + ((segments) + 2u) * sizeof(struct vq_element) +        \
     (size) * (sizeof(struct vq_driver_slot) + sizeof(uint16_t)))

/*
 * Initialises the device and starts `driver->queue_count` queues: the least of
 * what was asked for and what the device has. Each is as large as the device
 * allows, at most queue_size. `queues` has room for options->queue_count. On
 * failure `result` (may be NULL) says at which step; the device may know of the
 * memory already, which is the caller's again after vq_blk_driver_close.
 */
enum vq_error vq_blk_driver_open(struct vq_blk_driver *driver, struct vq_transport *transport,
                                 struct vq_blk_driver_queue *queues,
                                 const struct vq_blk_driver_options *options,
                                 struct vq_init_result *result);

/* Resets the device: its queues and all memory are the caller's again. Then abandon may be
 * called for each queue, to hear of the requests that were in flight. */
enum vq_error vq_blk_driver_close(struct vq_blk_driver *driver);

/* Reads the capacity again, e.g. after VQ_EVENT_CONFIG (BLK-DRV-OP-01). Queues must rest. */
enum vq_error vq_blk_driver_refresh(struct vq_blk_driver *driver);

/*
 * Chooses writeback or writethrough. VQ_ERR_UNSUPPORTED without CONFIG_WCE. What was
 * written before is not durable until a flush has ended (BLK-DRV-OP-13).
 */
enum vq_error vq_blk_driver_set_writeback(struct vq_blk_driver *driver, bool writeback);

/*
 * Puts a request into the queue; the device sees it after submit. The request and
 * its array of elements are not kept, the data is. VQ_ERR_FULL (reap, then try
 * again), VQ_ERR_RANGE (beyond the capacity or a limit of the device),
 * VQ_ERR_INVALID (data of a wrong length, too many elements), VQ_ERR_UNSUPPORTED
 * (not offered, or read-only), VQ_ERR_BROKEN, VQ_ERR_STATE while suspended.
 */
enum vq_error vq_blk_driver_prepare(struct vq_blk_driver_queue *q,
                                    const struct vq_blk_driver_request *request);

/* Shows the device all that was prepared and notifies it if it wants that. VQ_ERR_STATE while
 * suspended: nothing was shown, submit again after the resume. */
enum vq_error vq_blk_driver_submit(struct vq_blk_driver_queue *q);

/* Takes up to `count` answers. None may also mean a broken queue: vq_blk_driver_broken. */
size_t vq_blk_driver_reap(struct vq_blk_driver_queue *q, struct vq_blk_driver_done done[],
                          size_t count);

/*
 * Sleeps until there is something to reap, at most `timeout_ms` (negative: no
 * limit). VQ_ERR_TIMEOUT, VQ_ERR_BROKEN; VQ_ERR_UNSUPPORTED where one can only poll.
 */
enum vq_error vq_blk_driver_wait(struct vq_blk_driver_queue *q, int timeout_ms);

/*
 * For who sleeps on several queues at once: asks for a notification, then looks.
 * True: something is there, reap it. Else vq_transport_wait may be called.
 */
bool vq_blk_driver_listen(struct vq_blk_driver_queue *q);

/* Polling drivers: asks the device not to notify. Lasts until the next wait. */
void vq_blk_driver_quiet(struct vq_blk_driver_queue *q);

/* After a reset, or the end of the device: ends up to `count` requests with VQ_ERR_BROKEN. */
size_t vq_blk_driver_abandon(struct vq_blk_driver_queue *q, struct vq_blk_driver_done done[],
                             size_t count);

uint16_t vq_blk_driver_in_flight(const struct vq_blk_driver_queue *q);
enum vq_broken vq_blk_driver_broken(const struct vq_blk_driver_queue *q);

#ifdef __cplusplus
}
#endif
#endif
