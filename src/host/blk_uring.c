/*
 * The engine that carries calls to the kernel by io_uring: a ring for each lane,
 * the image as a registered file, one submission per batch. The ring's own
 * descriptor becomes readable when something is complete.
 *
 * No more ios are at the kernel than the ring has entries, so that completions
 * always have room; the rest waits in a list and follows as others complete. What
 * the kernel does not take, for good or for too long, is an error of that io.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vhost_user/clock.h>

#include "blk_file.h"
#include "blk_list.h"

#define VQ_BLK_DEPTH_MAX 4096u
#define VQ_BLK_CQES      32u

/* How long the kernel may be short of memory before a request fails. */
#define VQ_BLK_SUBMIT_MS       1000
#define VQ_BLK_SUBMIT_PAUSE_US 100u

struct uring_lane {
    struct vq_blk_lane lane;
    struct vq_blk_file *file;
    struct io_uring ring;
    unsigned entries;
    unsigned at_kernel;
    struct vq_blk_list waiting;
    struct vq_blk_list failed; /* complete, with an error; the kernel never had them */
    bool refused;              /* by the last submission, which is not waited for again */
    bool made;
};

struct vq_blk_uring {
    unsigned count;
    struct uring_lane lanes[];
};

static void prepare(struct io_uring_sqe *sqe, const struct vq_blk_call *call)
{
    const unsigned bytes = call->bytes < INT32_MAX ? (unsigned)call->bytes : INT32_MAX & ~4095;

    switch (call->kind) {
    case VQ_BLK_CALL_READ:
        io_uring_prep_read(sqe, 0, call->base, bytes, call->offset);
        break;
    case VQ_BLK_CALL_WRITE:
        io_uring_prep_write(sqe, 0, call->base, bytes, call->offset);
        sqe->rw_flags = call->mode;
        break;
    case VQ_BLK_CALL_READV:
        io_uring_prep_readv(sqe, 0, call->vectors, call->count, call->offset);
        break;
    case VQ_BLK_CALL_WRITEV:
        io_uring_prep_writev(sqe, 0, call->vectors, call->count, call->offset);
        sqe->rw_flags = call->mode;
        break;
    case VQ_BLK_CALL_FDATASYNC:
        io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
        break;
    case VQ_BLK_CALL_FALLOCATE:
        io_uring_prep_fallocate(sqe, 0, call->mode, (off_t)call->offset, (off_t)call->bytes);
        break;
    }
    sqe->flags |= IOSQE_FIXED_FILE;
}

/* Moves what waits into the ring, as far as it has room. */
static void fill(struct uring_lane *l)
{
    while (l->waiting.first && l->at_kernel < l->entries) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&l->ring);
        struct vq_blk_call call;
        struct vq_blk_io *io;

        if (!sqe)
            break;
        io = vq_blk_list_take(&l->waiting);
        vq_blk_file_next(l->file, io, &call);
        prepare(sqe, &call);
        io_uring_sqe_set_data(sqe, io);
        l->at_kernel++;
    }
}

static void fail(struct uring_lane *l, struct vq_blk_io *io)
{
    io->result = VQ_ERR_IO;
    vq_blk_list_put(&l->failed, io);
}

/* Takes back what the kernel has not taken: it reads the ring's tail only when it is told to. */
static void give_up(struct uring_lane *l)
{
    struct io_uring_sq *sq = &l->ring.sq;
    const unsigned head = *sq->khead;

    for (unsigned at = head; at != sq->sqe_tail; at++) {
        fail(l, (struct vq_blk_io *)(uintptr_t)sq->sqes[at & sq->ring_mask].user_data);
        l->at_kernel--;
    }
    sq->sqe_head = head;
    sq->sqe_tail = head;
    *sq->ktail = head;
    while (l->waiting.first)
        fail(l, vq_blk_list_take(&l->waiting));
}

/* Tells the kernel, and again where it may take later what it does not take now: a signal came, or
 * it is short of memory. */
static bool push(struct uring_lane *l)
{
    int64_t until = 0;

    while (io_uring_sq_ready(&l->ring) != 0) {
        const int result = io_uring_submit(&l->ring);
        const bool passes = result >= 0 || result == -EINTR || result == -EAGAIN ||
                            result == -EBUSY || result == -ENOMEM;

        if (result > 0)
            continue;
        if (!passes || l->refused)
            return false;
        const int64_t now = vq_clock_ms();
        if (until == 0)
            until = now + VQ_BLK_SUBMIT_MS;
        else if (now >= until)
            return false;
        (void)usleep(VQ_BLK_SUBMIT_PAUSE_US);
    }
    return true;
}

static void pump(struct uring_lane *l)
{
    fill(l);
    if (io_uring_sq_ready(&l->ring) == 0)
        return;
    l->refused = !push(l);
    if (l->refused)
        give_up(l);
}

static void submit(struct vq_blk_lane *lane, struct vq_blk_io *const ios[], size_t count)
{
    struct uring_lane *l = (struct uring_lane *)lane;

    for (size_t i = 0; i < count; i++) {
        ios[i]->stage = 0;
        vq_blk_list_put(&l->waiting, ios[i]);
    }
    pump(l);
}

/* Takes what is complete; ios that need another call wait again. */
static size_t take(struct uring_lane *l, struct vq_blk_io *ios[], size_t count)
{
    struct io_uring_cqe *cqes[VQ_BLK_CQES];
    unsigned found = io_uring_peek_batch_cqe(&l->ring, cqes,
                                             count < VQ_BLK_CQES ? (unsigned)count : VQ_BLK_CQES);
    size_t n = 0;

    for (unsigned i = 0; i < found; i++) {
        struct vq_blk_io *io = io_uring_cqe_get_data(cqes[i]);

        if (vq_blk_file_take(l->file, io, cqes[i]->res))
            ios[n++] = io;
        else
            vq_blk_list_put(&l->waiting, io);
    }
    io_uring_cq_advance(&l->ring, found);
    l->at_kernel -= found;
    return n;
}

static size_t reap(struct vq_blk_lane *lane, struct vq_blk_io *ios[], size_t count, bool wait)
{
    struct uring_lane *l = (struct uring_lane *)lane;

    for (;;) {
        size_t n = take(l, ios, count);

        if (l->waiting.first)
            pump(l);
        n += vq_blk_list_take_many(&l->failed, ios + n, count - n);
        if (n != 0 || !wait || l->at_kernel == 0)
            return n;
        struct io_uring_cqe *cqe;
        /* Where waiting is refused as well, what the kernel has completes all the same. */
        if (io_uring_wait_cqe(&l->ring, &cqe) < 0)
            (void)usleep(VQ_BLK_SUBMIT_PAUSE_US);
    }
}

static int wait_fd(const struct vq_blk_lane *lane)
{
    return ((const struct uring_lane *)lane)->ring.ring_fd;
}

static const struct vq_blk_lane_ops ops = {"io_uring", submit, reap, wait_fd};

/* Completions need not interrupt a thread that looks for them by itself, where the kernel knows
 * how to spare it that. */
static int make_ring(struct uring_lane *l, unsigned entries)
{
    const unsigned wishes[] = {IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, 0};
    int result = -EINVAL;

    for (unsigned i = 0; i < 2 && result == -EINVAL; i++)
        result = io_uring_queue_init(entries, &l->ring, IORING_SETUP_CLAMP | wishes[i]);
    if (result < 0)
        return result;
    l->made = true;
    l->entries = l->ring.sq.ring_entries;
    return io_uring_register_files(&l->ring, &l->file->fd, 1);
}

struct vq_blk_uring *vq_blk_uring_open(struct vq_blk_file *file, struct vq_blk_backend *backend,
                                       const struct vq_blk_backend_options *options,
                                       const struct vq_blk_error *error)
{
    const unsigned depth = options->depth < VQ_BLK_DEPTH_MAX ? options->depth : VQ_BLK_DEPTH_MAX;
    struct vq_blk_uring *u = calloc(1, sizeof *u + backend->lane_count * sizeof u->lanes[0]);

    if (!u)
        return NULL;
    u->count = backend->lane_count;
    for (unsigned i = 0; i < u->count; i++) {
        struct uring_lane *l = &u->lanes[i];
        int result;

        l->lane.ops = &ops;
        l->file = file;
        result = make_ring(l, depth);
        if (result < 0) {
            vq_blk_say(error,
                       "io_uring is not to be had here: %s; use threads, or permit it (sysctl "
                       "kernel.io_uring_disabled, seccomp, RLIMIT_MEMLOCK)",
                       strerror(-result));
            vq_blk_uring_close(u);
            return NULL;
        }
        backend->lanes[i] = &l->lane;
    }
    backend->engine = ops.name;
    return u;
}

void vq_blk_uring_close(struct vq_blk_uring *u)
{
    if (!u)
        return;
    for (unsigned i = 0; i < u->count; i++)
        if (u->lanes[i].made)
            io_uring_queue_exit(&u->lanes[i].ring);
    free(u);
}
