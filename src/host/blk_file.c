/*
 * The calls that an io needs, one after the other, for both engines.
 *
 * Trusts nothing about the file staying as it was: reads that end early, full
 * disks and refused operations end in VQ_ERR_IO.
 */
#include "blk_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#ifndef IOV_MAX
#define IOV_MAX 1024
#endif

_Static_assert(sizeof(struct vq_segment) == sizeof(struct iovec), "segments pass as iovec");
_Static_assert(offsetof(struct vq_segment, base) == offsetof(struct iovec, iov_base), "base");
_Static_assert(offsetof(struct vq_segment, bytes) == offsetof(struct iovec, iov_len), "bytes");

#define VQ_BLK_ZEROES (UINT32_C(1) << 20)
/* Never written, so all of it is one page of zeroes in fact. */
static uint8_t zeroes[VQ_BLK_ZEROES];

/*
 * How far an io has come; io->stage. Each next one is tried when the one before is
 * refused. While a call is being made it says which one that is: what other ios
 * learn of the file meanwhile must not change how the answer is understood.
 */
enum stage {
    STAGE_START = 0,
    STAGE_ZERO_RANGE,
    STAGE_ZERO_WRITE,
    STAGE_SYNC,
};

static enum stage next_stage(struct vq_blk_file *file, const struct vq_blk_io *io)
{
    enum stage stage = (enum stage)io->stage;

    if (io->type != VQ_BLK_IO_WRITE_ZEROES)
        return stage;
    if (stage == STAGE_START &&
        (!io->may_trim || atomic_load_explicit(&file->no_punch, memory_order_relaxed)))
        stage = STAGE_ZERO_RANGE;
    if (stage == STAGE_ZERO_RANGE &&
        atomic_load_explicit(&file->no_zero_range, memory_order_relaxed))
        stage = STAGE_ZERO_WRITE;
    return stage;
}

static void transfer(const struct vq_blk_io *io, struct vq_blk_call *call)
{
    const bool read = io->type == VQ_BLK_IO_READ;

    call->mode = io->durable ? RWF_DSYNC : 0;
    call->bytes = io->bytes;
    if (io->segment_count == 1) {
        call->kind = read ? VQ_BLK_CALL_READ : VQ_BLK_CALL_WRITE;
        call->base = io->segments->base;
    } else {
        call->kind = read ? VQ_BLK_CALL_READV : VQ_BLK_CALL_WRITEV;
        call->vectors = (const struct iovec *)(const void *)io->segments;
        call->count = io->segment_count < IOV_MAX ? io->segment_count : IOV_MAX;
    }
}

void vq_blk_file_next(struct vq_blk_file *file, struct vq_blk_io *io, struct vq_blk_call *call)
{
    enum stage stage = next_stage(file, io);

    io->stage = (uint32_t)stage;
    *call = (struct vq_blk_call){.offset = io->offset, .bytes = io->bytes};
    if (io->type == VQ_BLK_IO_READ || io->type == VQ_BLK_IO_WRITE) {
        transfer(io, call);
    } else if (io->type == VQ_BLK_IO_FLUSH || stage == STAGE_SYNC) {
        call->kind = VQ_BLK_CALL_FDATASYNC;
    } else if (stage == STAGE_ZERO_WRITE) {
        call->kind = VQ_BLK_CALL_WRITE;
        call->base = zeroes;
        call->bytes = io->bytes < VQ_BLK_ZEROES ? io->bytes : VQ_BLK_ZEROES;
    } else {
        call->kind = VQ_BLK_CALL_FALLOCATE;
        call->mode = FALLOC_FL_KEEP_SIZE |
                     (stage == STAGE_START ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
    }
}

static bool done(struct vq_blk_io *io, enum vq_error result)
{
    io->result = (int8_t)result;
    return true;
}

/* The end of an fdatasync, whoever asked for it. */
static bool synced(struct vq_blk_file *file, struct vq_blk_io *io, int64_t result)
{
    if (result < 0)
        atomic_store_explicit(&file->lost, true, memory_order_relaxed);
    return done(io, atomic_load_explicit(&file->lost, memory_order_relaxed) ? VQ_ERR_IO : VQ_OK);
}

static bool take_zeroes(struct vq_blk_file *file, struct vq_blk_io *io, int64_t result)
{
    const bool refused = result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL;
    const enum stage stage = (enum stage)io->stage;
    /* EINVAL may be about this range, one that is no whole block of a device: not worth learning.
     */
    const bool never = refused && result != -EINVAL;

    if (refused && stage == STAGE_START) {
        if (never)
            atomic_store_explicit(&file->no_punch, true, memory_order_relaxed);
        io->stage = STAGE_ZERO_RANGE;
        return false;
    }
    if (refused && stage == STAGE_ZERO_RANGE) {
        if (never)
            atomic_store_explicit(&file->no_zero_range, true, memory_order_relaxed);
        io->stage = STAGE_ZERO_WRITE;
        return false;
    }
    if (stage == STAGE_SYNC)
        return synced(file, io, result);
    if (result < 0 || (stage == STAGE_ZERO_WRITE && (result == 0 || result > (int64_t)io->bytes)))
        return done(io, VQ_ERR_IO);
    if (stage == STAGE_ZERO_WRITE) {
        vq_blk_io_advance(io, (uint64_t)result);
        if (io->bytes != 0)
            return false;
    }
    if (io->durable) {
        io->stage = STAGE_SYNC;
        return false;
    }
    return done(io, VQ_OK);
}

bool vq_blk_file_take(struct vq_blk_file *file, struct vq_blk_io *io, int64_t result)
{
    if (result == -EINTR || result == -EAGAIN)
        return false;
    switch ((enum vq_blk_io_type)io->type) {
    case VQ_BLK_IO_READ:
    case VQ_BLK_IO_WRITE:
        /* 0 is the end of a file that has shrunk. */
        if (result <= 0 || result > (int64_t)io->bytes) {
            /* Written back at once, and that failed: the kernel has told it, see `lost`. */
            if (io->durable && result == -EIO)
                atomic_store_explicit(&file->lost, true, memory_order_relaxed);
            return done(io, VQ_ERR_IO);
        }
        vq_blk_io_advance(io, (uint64_t)result);
        return io->bytes == 0 && done(io, VQ_OK);
    case VQ_BLK_IO_WRITE_ZEROES:
        return take_zeroes(file, io, result);
    case VQ_BLK_IO_DISCARD:
        /* Where storage cannot be given up, nothing needs to be done. */
        if (result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL)
            result = 0;
        break;
    case VQ_BLK_IO_FLUSH:
        return synced(file, io, result);
    }
    return done(io, result < 0 ? VQ_ERR_IO : VQ_OK);
}
