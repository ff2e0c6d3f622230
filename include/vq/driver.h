/*
 * The driver's end of a virtqueue: make buffers available, get them back used.
 *
 *     id = vq_driver_add(q, elements, 1, 2);     // one readable, two writable elements
 *     ... more of them ...
 *     if (vq_driver_publish(q))
 *         ... send the device an available buffer notification ...
 *
 *     n = vq_driver_get(q, done, 32);
 *
 * A buffer is named by its id, a number below the queue size that no other
 * buffer in flight has: what the caller needs to remember about a buffer stands
 * in an array of its own, indexed by id.
 *
 * The device is not trusted. Nothing that decides is read back from shared
 * memory: the state of each descriptor is private. A used id that is not in
 * flight, or an index that ran ahead, marks the queue broken.
 *
 * A queue is used by one thread at a time, and holds no memory of its own.
 */
#ifndef VQ_DRIVER_H
#define VQ_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/error.h>
#include <vq/feature.h>
#include <vq/packed.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A physically contiguous piece of a buffer, in addresses that the device understands. */
struct vq_element {
    uint64_t address;
    uint32_t bytes;
};

/* Private state of one descriptor; 8 bytes on every machine. */
struct vq_driver_slot {
    uint32_t writable; /* of a buffer in flight: how much the device may write */
    uint16_t next;     /* next in the chain, or next free */
    uint16_t count;    /* of a buffer in flight: its descriptors; else 0 */
};

struct vq_driver_config {
    /* Negotiated features. RING_PACKED chooses the format; INDIRECT_DESC, EVENT_IDX, IN_ORDER and
     * ORDER_PLATFORM are obeyed, the rest is not the queue's business. */
    struct vq_features features;
    /* A legacy (pre-1.0) ring of a big-endian driver; false for every other. */
    bool big_endian;
    /* A used length beyond the buffer breaks the queue. Off by default: real devices lie. */
    bool strict;
    /* A used descriptor of a packed ring has no length unless it has WRITE, which some devices
     * (QEMU's) never set. True believes their length all the same. */
    bool length_always;
    uint16_t size;
    /* Where the parts are here (aligned: split 16, 2, 4; packed 16, 4, 4). Zeroed by init. */
    void *descriptor_area;
    void *driver_area;
    void *device_area;
    /* `size` elements, private to the queue; need not be zeroed. */
    struct vq_driver_slot *slots;
    /* Optional, used when INDIRECT_DESC was negotiated: room for one table of
     * `indirect_entries` descriptors (16 bytes each) for every id, and its address for the
     * device. A buffer of two to `indirect_entries` elements then takes one descriptor. */
    void *indirect_tables;
    uint64_t indirect_address;
    uint16_t indirect_entries;
};

/* The fields are private; the struct is here so that callers can place it. */
struct vq_driver_queue {
    /* Frozen at initialisation. */
    void *descriptors;
    void *driver_area;
    void *device_area;
    struct vq_driver_slot *slots;
    void *indirect_tables;
    uint64_t indirect_address;
    uint16_t indirect_entries;
    uint16_t size;
    uint8_t variant;
    bool event_idx;
    bool platform;
    bool strict;
    bool length_always;
    bool in_order;
    uint8_t broken;
    /* Moved by add and publish. */
    uint16_t free_head;
    uint16_t free_count;
    uint16_t added;          /* and not published: buffers; with IN_ORDER their descriptors */
    uint16_t last_added;     /* the last of them; each names the one before */
    uint16_t next_available; /* where the next head goes */
    uint16_t published_available;
    struct vq_packed_tail first; /* packed: of the slot that publish makes visible */
    /* Moved by get. */
    uint16_t next_used;
    uint16_t seen_used; /* used idx as last read */
    /* With IN_ORDER, the used element that stands for several buffers. */
    bool batch_open;
    uint16_t batch_next; /* the oldest buffer in flight */
    uint16_t batch_last;
    uint32_t batch_written;
};

struct vq_done {
    uint16_t id;
    uint32_t written;  /* bytes that the device wrote, never more than the buffer could take */
    uint32_t reported; /* what the device said, for those who must know */
};

/*
 * Checks the configuration, zeroes the three parts (SPLIT-DRV-AVAILSUPP-01) and
 * makes an empty queue of them. Tell the device about it only afterwards.
 * VQ_ERR_SIZE, VQ_ERR_ALIGN, VQ_ERR_INVALID; VQ_ERR_UNSUPPORTED for a format or a feature
 * that was left out of this build.
 */
enum vq_error vq_driver_init(struct vq_driver_queue *q, const struct vq_driver_config *config);

/*
 * Puts a buffer of `readable` elements followed by `writable` elements into the
 * ring. The device does not see it before vq_driver_publish. Returns its id, or
 * VQ_ERR_FULL (try again after a get), VQ_ERR_INVALID (no element, one of no bytes, or
 * more than the queue can ever hold), VQ_ERR_RANGE (more than 2^32 bytes in all),
 * VQ_ERR_BROKEN.
 */
int vq_driver_add(struct vq_driver_queue *q, const struct vq_element elements[], unsigned readable,
                  unsigned writable);

/*
 * Makes all that was added visible (release), and decides after a full fence
 * whether the device wants to hear of it: true means that the caller must send an
 * available buffer notification. One call serves a whole batch.
 */
bool vq_driver_publish(struct vq_driver_queue *q);

/*
 * The same for a device that is known to poll: visible, and no notification ever. It
 * spares the fence and the look at what the device writes. A device that sleeps would
 * sleep on.
 */
void vq_driver_publish_polled(struct vq_driver_queue *q);

/*
 * Forgets what was added since the last publish, as if it had never been: for
 * callers that find in the middle of a batch that they cannot go on.
 */
void vq_driver_rollback(struct vq_driver_queue *q);

/* Takes up to `count` used buffers; their ids are free again. Returns how many. */
size_t vq_driver_get(struct vq_driver_queue *q, struct vq_done done[], size_t count);

/* Is something used and not yet taken? One acquire load at most. False when broken. */
bool vq_driver_pending(struct vq_driver_queue *q);

/*
 * Used buffer notifications. Disabling is a hint; the device may go on. Enabling
 * asks for the next one and then looks again: true means that used buffers are
 * there already, which the device may not notify: get before sleeping.
 */
void vq_driver_disable_notifications(struct vq_driver_queue *q);
bool vq_driver_enable_notifications(struct vq_driver_queue *q);

/* Descriptors that are free: a buffer needs one for each element, or one in all if indirect. */
uint16_t vq_driver_free(const struct vq_driver_queue *q);

/*
 * What an available buffer notification carries when NOTIFICATION_DATA was negotiated:
 * the queue and where its next buffer goes. `queue_index` is the queue's index or, with
 * NOTIF_CONFIG_DATA, the value that the device gave for it.
 */
uint32_t vq_driver_notification_data(const struct vq_driver_queue *q, uint16_t queue_index);

enum vq_broken vq_driver_broken(const struct vq_driver_queue *q);
void vq_driver_break(struct vq_driver_queue *q, enum vq_broken reason);

#ifdef __cplusplus
}
#endif
#endif
