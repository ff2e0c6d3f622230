/*
 * The device's end of a virtqueue: take buffers that the driver made available,
 * give them back used.
 *
 *     while ((n = vq_device_pop(q, buffers, 32)) != 0) {
 *         ... use the segments of each, now or later, in any order ...
 *         vq_device_push(q, used, n);
 *     }
 *     if (vq_device_publish(q))
 *         ... send the driver a used buffer notification ...
 *
 * Everything in the three parts is written by an adversary, at any time. Each
 * field is read once; what the driver does wrong marks the queue broken
 * (vq_device_broken), after which pop finds nothing; push and publish go on, so
 * that buffers taken before can still be given back.
 *
 * A queue is used by one thread at a time. It holds no memory of its own: the
 * caller gives `in_flight`, and each buffer brings room for its segments.
 */
#ifndef VQ_DEVICE_H
#define VQ_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/error.h>
#include <vq/feature.h>
#include <vq/memory.h>
#include <vq/packed.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Private state of one id, needed with IN_ORDER only. With its element of `in_flight` these are
 * 8 bytes on a 32-bit machine. */
struct vq_device_order {
    uint16_t low, high; /* of the bytes that may be, then of those that were written */
    uint16_t next;
#if UINTPTR_MAX > 0xffffffffu
    uint16_t pad; /* where there is memory, a power of two is quicker to index */
#endif
};

struct vq_device_config {
    /* Negotiated features. RING_PACKED chooses the format; INDIRECT_DESC, EVENT_IDX, IN_ORDER,
     * ORDER_PLATFORM and, without VERSION_1, NOTIFY_ON_EMPTY are obeyed, the rest is not the
     * queue's business. */
    struct vq_features features;
    /* A legacy (pre-1.0) ring of a big-endian driver; false for every other. */
    bool big_endian;
    uint16_t size;
    /* Where the parts are here. Each must be mapped in full, aligned as the format demands
     * (split 16, 2, 4; packed 16, 4, 4; see vq/layout.h). */
    void *descriptor_area;
    void *driver_area;
    void *device_area;
    /* Translates the addresses in descriptors; must outlive the queue. */
    const struct vq_memory *memory;
    /* `size` elements, private to the queue; need not be zeroed. */
    uint16_t *in_flight;
    /* The same for IN_ORDER; may be NULL when that was not negotiated. */
    struct vq_device_order *order;
    /* Where to go on. Split: free-running indices, both 0 for a fresh ring. Packed: bits 0-14
     * position, bit 15 wrap counter, both 0x8000 for a fresh ring. */
    uint16_t next_available;
    uint16_t next_used;
};

/* The fields are private; the struct is here so that callers can place it. */
struct vq_device_queue {
    uint32_t region_hint; /* moved by pop; here, where its address costs no instruction */
    /* Frozen at initialisation. */
    uint16_t size;
    uint8_t variant;
    bool indirect;
    bool event_idx;
    bool platform;
    bool on_empty;  /* legacy, with NOTIFY_ON_EMPTY */
    uint8_t broken; /* moved by pop and pending */
    void *descriptors;
    void *driver_area;
    void *device_area;
    const struct vq_memory *memory;
    uint16_t *in_flight;
    struct vq_device_order *order; /* NULL without IN_ORDER */
    /* Moved by pop. */
    uint16_t next_available;
    uint16_t seen_available; /* available idx as last read: no need to read it sooner again */
    /* Moved by push and publish. */
    uint16_t next_used;      /* where the next used element goes */
    uint16_t published_used; /* what the driver can see */
    uint16_t signal_always;  /* not 0 after a start in mid-ring: a spurious signal loses nothing */
    uint16_t outstanding;    /* descriptors popped and not yet pushed (split: heads) */
    uint16_t order_first;    /* IN_ORDER: the oldest buffer in flight */
    uint16_t order_last;
    uint16_t order_count;
    struct vq_packed_tail first; /* packed: of the slot that publish makes visible */
};

/*
 * A buffer: `readable` segments that the device may read, then `writable`
 * segments that it may write. An element that runs over several memory regions
 * has several segments; an element of zero bytes has none.
 */
struct vq_buffer {
    /* Set by the caller before pop, kept by it. */
    struct vq_segment *segments;
    uint32_t room;
    /* Set by pop. */
    uint16_t id;
    uint32_t readable;
    uint32_t writable;
    uint64_t readable_bytes;
    uint64_t writable_bytes;
};

struct vq_used {
    uint16_t id;      /* of the buffer, from pop */
    uint32_t written; /* bytes written, counted from the first writable byte on */
};

/*
 * Checks the configuration and makes a running queue of it. The ring itself is
 * not touched, so that a queue can be taken over in mid-flight.
 * VQ_ERR_SIZE, VQ_ERR_ALIGN, VQ_ERR_INVALID, VQ_ERR_RANGE for a position outside of a packed
 * ring; VQ_ERR_UNSUPPORTED for a format or a feature that was left out of this build.
 */
enum vq_error vq_device_init(struct vq_device_queue *q, const struct vq_device_config *config);

/*
 * Split rings keep the device's position in the ring itself. Whoever takes a queue
 * over and knows next_available only, gives this as next_used: the used index that
 * stands in `config`'s device area, which must be mapped. Any value is safe.
 */
uint16_t vq_device_used_index(const struct vq_device_config *config);

/*
 * Takes up to `count` available buffers, in the order in which they were made
 * available. Returns how many; 0 when there is none or the queue is broken. A
 * buffer that needs more segments than `room` breaks the queue: give at least as
 * many as the longest chain that the device accepts.
 */
size_t vq_device_pop(struct vq_device_queue *q, struct vq_buffer *const buffers[], size_t count);

/*
 * Gives buffers back, in any order. The driver does not see them before
 * vq_device_publish; with IN_ORDER, not before those popped earlier.
 * VQ_ERR_RANGE when an id is not one that pop gave and push has not yet taken:
 * that one and those after it are not given back.
 */
enum vq_error vq_device_push(struct vq_device_queue *q, const struct vq_used used[], size_t count);

/*
 * Makes all that was pushed visible (release), and decides after a full fence
 * whether the driver asked to be notified of it: true means that the caller must
 * send a used buffer notification. One call serves a whole batch.
 */
bool vq_device_publish(struct vq_device_queue *q);

/*
 * The same for a driver that is known to poll: visible, and no notification ever. It
 * spares the fence and the look at what the driver writes. A driver that sleeps would
 * sleep on.
 */
void vq_device_publish_polled(struct vq_device_queue *q);

/* Is something available now? One acquire load at most. False when broken. */
bool vq_device_pending(struct vq_device_queue *q);

/*
 * Available buffer notifications. Disabling is a hint; the driver may go on.
 * Enabling asks for the next one and then looks again: true means that buffers
 * are available already, which the driver may not notify: pop before sleeping.
 */
void vq_device_disable_notifications(struct vq_device_queue *q);
bool vq_device_enable_notifications(struct vq_device_queue *q);

/* Why the queue takes no more; VQ_NOT_BROKEN while it is well. */
enum vq_broken vq_device_broken(const struct vq_device_queue *q);

/* Gives a queue up, e.g. since a device type saw something that it cannot answer. */
void vq_device_break(struct vq_device_queue *q, enum vq_broken reason);

#ifdef __cplusplus
}
#endif
#endif
