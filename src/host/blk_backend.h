/*
 * Back ends of the block device on Linux: an image file or block device (over
 * io_uring, or a pool of threads where io_uring is not permitted), memory, and
 * null. Each gives one lane (vq/blk_lane.h) per queue.
 *
 * The image is trusted to be an image, not to stay as it is: a file that shrinks
 * or a disk that fills up under us ends in failed requests.
 */
#ifndef VQ_HOST_BLK_BACKEND_H
#define VQ_HOST_BLK_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/blk_device.h>
#include <vq/blk_lane.h>

enum vq_blk_source {
    VQ_BLK_FILE,   /* `path`: a regular file or a block device */
    VQ_BLK_MEMORY, /* `bytes` of zeroes, taken as they are written, gone at the end */
    VQ_BLK_NULL,   /* `bytes` of nothing: reads leave the buffer as it is. For measuring. */
};

enum vq_blk_engine {
    VQ_BLK_ENGINE_AUTO, /* io_uring if the kernel permits it, else threads */
    VQ_BLK_ENGINE_URING,
    VQ_BLK_ENGINE_THREADS,
};

struct vq_blk_backend_options {
    enum vq_blk_source source;
    const char *path;
    uint64_t bytes;
    bool read_only;
    bool no_lock; /* files: open it although another process may have it locked */
    /* Files: asked again and again while another process holds a lock; false gives up. A server
     * that was killed holds its lock until the kernel has taken down its rings, seconds at worst.
     * NULL: wait for a second. */
    bool (*wait_for_lock)(void *context, unsigned waited_ms);
    void *context;
    unsigned lanes; /* one per queue; 0: 1 */
    unsigned depth; /* requests that a lane has at the kernel at a time; more wait. 0: 128 */
    enum vq_blk_engine engine;
    unsigned threads; /* of the pool; 0: 4 */
};

/* To be read, not written. Embedded as the first member of each kind. */
struct vq_blk_backend {
    void (*close)(struct vq_blk_backend *backend);
    const char *engine;  /* "io_uring", "threads", "memory", "null" */
    uint64_t bytes;      /* a multiple of 512 */
    uint32_t block_size; /* logical, of what lies below */
    bool read_only;
    bool may_trim; /* discard and unmap may give up storage */
    unsigned lane_count;
    struct vq_blk_lane **lanes;
};

/* NULL, and in `error` a sentence that says what is wrong and what to do about it. */
struct vq_blk_backend *vq_blk_backend_open(const struct vq_blk_backend_options *options,
                                           char *error, size_t error_bytes);
/* No io may be in flight. NULL is allowed. */
void vq_blk_backend_close(struct vq_blk_backend *backend);

/* Fills in what the back end knows: capacity, read_only, block_size, discard and write zeroes
 * limits, queue_count and lanes. */
void vq_blk_backend_describe(const struct vq_blk_backend *backend,
                             struct vq_blk_device_config *config);

#endif
