/*
 * An image file or block device, seen by the engines that carry calls to the
 * kernel. What an io needs is a sequence of calls (the rest of a short read, the
 * next way to write zeroes when the file system knows not the first, a flush
 * after a durable operation); the sequence is here, once, and the engines only
 * make the calls:
 *
 *     do {
 *         vq_blk_file_next(file, io, &call);
 *         ... make the call ...
 *     } while (!vq_blk_file_take(file, io, result));
 */
#ifndef VQ_HOST_BLK_FILE_H
#define VQ_HOST_BLK_FILE_H

#include <stdatomic.h>
#include <sys/uio.h>

#include "blk_engine.h"

struct vq_blk_file {
    int fd;
    /* Learned from the first refusal, so that it is asked only once. */
    atomic_bool no_punch;
    atomic_bool no_zero_range;
    /* The kernel could not write back what it had taken: it tells one of those who flush, once, and
     * forgets the data. No flush can promise anything any more. */
    atomic_bool lost;
};

enum vq_blk_call_kind {
    VQ_BLK_CALL_READ,   /* base, bytes */
    VQ_BLK_CALL_WRITE,  /* base, bytes */
    VQ_BLK_CALL_READV,  /* vectors, count */
    VQ_BLK_CALL_WRITEV, /* vectors, count */
    VQ_BLK_CALL_FDATASYNC,
    VQ_BLK_CALL_FALLOCATE, /* mode, bytes */
};

struct vq_blk_call {
    enum vq_blk_call_kind kind;
    int mode; /* FALLOC_FL_*, or RWF_* of a write */
    void *base;
    const struct iovec *vectors;
    unsigned count;
    uint64_t offset;
    uint64_t bytes;
};

/* The call to make now. Its pointers stay valid until the io is done. */
void vq_blk_file_next(struct vq_blk_file *file, struct vq_blk_io *io, struct vq_blk_call *call);
/* `result` as system calls in the kernel return it: negative errno or a count. True: the io is
 * done, and its result set. */
bool vq_blk_file_take(struct vq_blk_file *file, struct vq_blk_io *io, int64_t result);

/* Engines. Each gives the lanes of `backend`; NULL with an error, where `permitted` tells whether
 * the kernel was at least willing. */
struct vq_blk_uring;
struct vq_blk_uring *vq_blk_uring_open(struct vq_blk_file *file, struct vq_blk_backend *backend,
                                       const struct vq_blk_backend_options *options,
                                       const struct vq_blk_error *error);
void vq_blk_uring_close(struct vq_blk_uring *engine);

struct vq_blk_threads;
struct vq_blk_threads *vq_blk_threads_open(struct vq_blk_file *file, struct vq_blk_backend *backend,
                                           const struct vq_blk_backend_options *options,
                                           const struct vq_blk_error *error);
void vq_blk_threads_close(struct vq_blk_threads *engine);

#endif
