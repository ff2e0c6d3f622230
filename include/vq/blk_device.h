/*
 * The block device, the device's end: a device model (vq/model.h) that answers
 * requests of a driver from a back end (vq/blk_lane.h).
 *
 *     struct vq_blk_device dev;
 *     struct vq_blk_device_config config = {
 *         .capacity = sectors, .queue_count = 4, .queue_size = 256, .lanes = lanes};
 *     vq_blk_device_init(&dev, &config, memory, vq_blk_device_bytes(&config));
 *     ... give &dev.model to a transport ...
 *
 * It serves IN, OUT, FLUSH, GET_ID, DISCARD and WRITE_ZEROES, whatever the
 * framing: the header is the first 16 readable bytes, the status the last
 * writable byte, the data all between, over any number of elements. Requests of
 * one queue complete in any order; for a driver that accepted IN_ORDER, what is
 * done early waits for its turn.
 *
 * A request that cannot be done gets a status (IOERR, or UNSUPP for a type or
 * flag that is not known); one without room for a status goes back with nothing
 * written. Neither hurts the queue. The used length counts what was written from
 * the first writable byte on (SPLIT-DEV-USED-02): what a failed request leaves
 * unwritten before the status is zeroed, up to VQ_BLK_FILL_MAX bytes, so that the
 * used length may cover the status.
 *
 * Nothing is allocated: one block of memory, given at init, holds all requests.
 * Per request there is no lock, no system call and no 64-bit division here.
 */
#ifndef VQ_BLK_DEVICE_H
#define VQ_BLK_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/blk.h>
#include <vq/blk_lane.h>
#include <vq/device.h>
#include <vq/error.h>
#include <vq/feature.h>
#include <vq/model.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VQ_BLK_FILL_MAX (UINT32_C(1) << 20)

struct vq_blk_device_config {
    uint64_t capacity;  /* in sectors of 512 bytes, whatever block_size says */
    bool read_only;     /* offers RO; writes, discards and write zeroes end with IOERR */
    bool no_flush;      /* offers neither FLUSH nor CONFIG_WCE: nothing is promised durable */
    const char *serial; /* for GET_ID; at most 20 bytes count; NULL: none. Copied. */

    /* Hints for the driver; requests need not keep to them. */
    uint32_t block_size;        /* a power of two from 512; 0: 512 */
    uint8_t physical_block_exp; /* physical block = block_size << this */
    uint8_t alignment_offset;   /* first aligned block */
    uint16_t min_io_size;       /* in blocks */
    uint32_t opt_io_size;       /* in blocks */

    /* 0 sectors: not offered. `segments`: ranges in one request, 0 means 1. */
    uint32_t max_discard_sectors;
    uint32_t max_discard_segments;
    uint32_t discard_alignment; /* in sectors */
    uint32_t max_write_zeroes_sectors;
    uint32_t max_write_zeroes_segments;
    bool write_zeroes_may_unmap; /* the back end may give up storage when asked to */

    uint16_t queue_count; /* 1 to 65535; MQ is offered from 2 */
    uint16_t queue_size;  /* the largest that a driver may choose */
    /* Requests in flight per queue; what comes beyond waits in the ring. 0: queue_size. */
    uint16_t requests;
    /* Data segments of a request; offered as SEG_MAX. 0: queue_size - 2 (at least 1), the most
     * that a chain can carry. */
    uint32_t seg_max;
    /* Room of a request in pieces of memory: at least seg_max + 2, more when buffers may run
     * over several memory regions. 0: seg_max + 2 + 8. A chain that needs more breaks its
     * queue. */
    uint32_t segments;
    uint32_t size_max; /* largest data segment in bytes; 0: not offered */

    /* Features not to offer, whatever the above says (VERSION_1 among them: a legacy device). */
    struct vq_features without;
    /* `queue_count` lanes, which must outlive the device; the array is read at init only. */
    struct vq_blk_lane *const *lanes;
};

/* Private from here on; the structs are here so that callers can place a device. */
struct vq_blk_request {
    struct vq_buffer buffer; /* first: the free stack holds these */
    struct vq_blk_io io;
    uint8_t *status; /* where the status byte goes */
    bool reads;      /* io.segments are the writable data; io.bytes of them are not written */
    uint32_t range;  /* DISCARD, WRITE_ZEROES: the next range to do */
    uint32_t ranges; /* and how many there are */
};

#define VQ_BLK_BATCH 32u

struct vq_blk_queue {
    struct vq_device_queue ring;
    const struct vq_blk_device *device;
    struct vq_blk_lane *lane;
    struct vq_buffer **free; /* [free_top, requests): not in flight; last given back comes first */
    struct vq_blk_request *requests;
    uint16_t *in_flight;
    struct vq_device_order *order; /* NULL unless IN_ORDER is on offer */
    uint32_t free_top;
    uint32_t at_lane; /* submitted and not yet reaped */
    uint32_t used_count;
    uint32_t features; /* negotiated, of the type */
    bool running;
    bool legacy;
    bool big_endian; /* of a legacy driver's requests */
    bool durable;    /* writes of this batch are committed before they complete */
    uint64_t served;
    struct vq_used used[VQ_BLK_BATCH];
};

struct vq_blk_device {
    struct vq_device_model model;
    struct vq_blk_device_config config; /* defaults filled in */
    struct vq_features offered;
    struct vq_features accepted;
    uint8_t *queues; /* vq_blk_queue_at knows how they lie */
    size_t queue_stride;
    uint8_t serial[VQ_BLK_ID_BYTES];
    bool negotiated;
    uint8_t writeback; /* the config field: written by control, read by queues, atomically */
};

/* Bytes of memory that vq_blk_device_init needs for this configuration; 0 if it makes no sense. */
size_t vq_blk_device_bytes(const struct vq_blk_device_config *config);

/*
 * Makes a device. `memory` (aligned to 64 bytes) belongs to the device until the
 * caller is done with it; it need not be zeroed. VQ_ERR_INVALID,
 * VQ_ERR_NO_MEMORY, VQ_ERR_ALIGN.
 */
enum vq_error vq_blk_device_init(struct vq_blk_device *dev,
                                 const struct vq_blk_device_config *config, void *memory,
                                 size_t bytes);

/*
 * Changes the capacity of a device that may be in use (BLK-DEV-OP-01). No queue runs
 * meanwhile: the caller serves none, or has stopped them. Then tell the driver
 * (BLK-DEV-OP-02), as the transport does it: vq_loopback_config_changed,
 * vq_vhost_session_config_changed. Requests already at a lane were checked against the
 * capacity of before. VQ_ERR_RANGE for more than 2^64 bytes.
 */
enum vq_error vq_blk_device_resize(struct vq_blk_device *dev, uint64_t capacity);

/* Requests given back by all queues since init. Exact only while every queue is stopped. */
uint64_t vq_blk_device_served(const struct vq_blk_device *dev);

#ifdef __cplusplus
}
#endif
#endif
