/*
 * The engine for where io_uring is not permitted: a pool of threads that make the
 * calls, and an eventfd for each lane that is readable while something is complete.
 *
 * Locks are taken once per batch by the lanes and once per io by the pool; never
 * two at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "blk_file.h"
#include "blk_list.h"

#define VQ_BLK_THREADS_MAX 64u

struct threads_lane {
    struct vq_blk_lane lane;
    struct vq_blk_threads *pool;
    int event_fd;
    size_t in_flight; /* of the lane's own thread */
    pthread_mutex_t lock;
    struct vq_blk_list done; /* under lock; event_fd is readable when it is not empty */
    atomic_size_t done_count;
};

struct vq_blk_threads {
    struct vq_blk_file *file;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct vq_blk_list work; /* under lock */
    bool stop;               /* under lock */
    unsigned thread_count;
    pthread_t threads[VQ_BLK_THREADS_MAX];
    unsigned lane_count;
    struct threads_lane lanes[];
};

static int64_t make_call(int fd, const struct vq_blk_call *c)
{
    const struct iovec one = {c->base, (size_t)c->bytes};
    const off_t offset = (off_t)c->offset;
    ssize_t n = -1;

    switch (c->kind) {
    case VQ_BLK_CALL_READ:
        n = pread(fd, c->base, (size_t)c->bytes, offset);
        break;
    case VQ_BLK_CALL_WRITE:
        n = pwritev2(fd, &one, 1, offset, c->mode);
        break;
    case VQ_BLK_CALL_READV:
        n = preadv(fd, c->vectors, (int)c->count, offset);
        break;
    case VQ_BLK_CALL_WRITEV:
        n = pwritev2(fd, c->vectors, (int)c->count, offset, c->mode);
        break;
    case VQ_BLK_CALL_FDATASYNC:
        n = fdatasync(fd);
        break;
    case VQ_BLK_CALL_FALLOCATE:
        n = fallocate(fd, c->mode, offset, (off_t)c->bytes);
        break;
    }
    return n < 0 ? -(int64_t)errno : n;
}

static void complete(struct vq_blk_io *io)
{
    struct threads_lane *l = (struct threads_lane *)io->lane;
    const uint64_t one = 1;
    bool was_empty;

    pthread_mutex_lock(&l->lock);
    was_empty = l->done.first == NULL;
    vq_blk_list_put(&l->done, io);
    atomic_fetch_add_explicit(&l->done_count, 1, memory_order_relaxed);
    if (was_empty)
        (void)!write(l->event_fd, &one, sizeof one);
    pthread_mutex_unlock(&l->lock);
}

static void *serve(void *opaque)
{
    struct vq_blk_threads *t = opaque;

    for (;;) {
        struct vq_blk_call call;
        struct vq_blk_io *io;

        pthread_mutex_lock(&t->lock);
        while (!t->work.first && !t->stop)
            pthread_cond_wait(&t->wake, &t->lock);
        io = vq_blk_list_take(&t->work);
        pthread_mutex_unlock(&t->lock);
        if (!io)
            return NULL;
        do
            vq_blk_file_next(t->file, io, &call);
        while (!vq_blk_file_take(t->file, io, make_call(t->file->fd, &call)));
        complete(io);
    }
}

static void submit(struct vq_blk_lane *lane, struct vq_blk_io *const ios[], size_t count)
{
    struct threads_lane *l = (struct threads_lane *)lane;
    struct vq_blk_threads *t = l->pool;

    l->in_flight += count;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < count; i++) {
        ios[i]->stage = 0;
        ios[i]->lane = lane;
        vq_blk_list_put(&t->work, ios[i]);
    }
    if (count == 1)
        pthread_cond_signal(&t->wake);
    else
        pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

static size_t take(struct threads_lane *l, struct vq_blk_io *ios[], size_t count)
{
    uint64_t ignored;
    size_t n;

    if (atomic_load_explicit(&l->done_count, memory_order_relaxed) == 0)
        return 0;
    pthread_mutex_lock(&l->lock);
    n = vq_blk_list_take_many(&l->done, ios, count);
    atomic_fetch_sub_explicit(&l->done_count, n, memory_order_relaxed);
    if (!l->done.first)
        (void)!read(l->event_fd, &ignored, sizeof ignored);
    pthread_mutex_unlock(&l->lock);
    l->in_flight -= n;
    return n;
}

static size_t reap(struct vq_blk_lane *lane, struct vq_blk_io *ios[], size_t count, bool wait)
{
    struct threads_lane *l = (struct threads_lane *)lane;

    for (;;) {
        struct pollfd fd = {.fd = l->event_fd, .events = POLLIN};
        size_t n = take(l, ios, count);

        if (n != 0 || !wait || l->in_flight == 0)
            return n;
        (void)poll(&fd, 1, -1);
    }
}

static int wait_fd(const struct vq_blk_lane *lane)
{
    return ((const struct threads_lane *)lane)->event_fd;
}

static const struct vq_blk_lane_ops ops = {"threads", submit, reap, wait_fd};

/* Signals are for the threads of the program, not for these. */
static int start_threads(struct vq_blk_threads *t, unsigned count)
{
    sigset_t all, before;
    int result = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (t->thread_count < count && result == 0) {
        result = pthread_create(&t->threads[t->thread_count], NULL, serve, t);
        t->thread_count += result == 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

struct vq_blk_threads *vq_blk_threads_open(struct vq_blk_file *file, struct vq_blk_backend *backend,
                                           const struct vq_blk_backend_options *options,
                                           const struct vq_blk_error *error)
{
    struct vq_blk_threads *t = calloc(1, sizeof *t + backend->lane_count * sizeof t->lanes[0]);
    int result = 0;

    if (!t)
        return NULL;
    t->file = file;
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->wake, NULL);
    for (; t->lane_count < backend->lane_count; t->lane_count++) {
        struct threads_lane *l = &t->lanes[t->lane_count];

        l->lane.ops = &ops;
        l->pool = t;
        l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (l->event_fd < 0) {
            result = errno;
            break;
        }
        (void)pthread_mutex_init(&l->lock, NULL);
        backend->lanes[t->lane_count] = &l->lane;
    }
    if (result == 0)
        result = start_threads(t, options->threads < VQ_BLK_THREADS_MAX ? options->threads
                                                                        : VQ_BLK_THREADS_MAX);
    if (result != 0) {
        vq_blk_say(error, "cannot start threads for the image: %s; allow more processes and files",
                   strerror(result));
        vq_blk_threads_close(t);
        return NULL;
    }
    backend->engine = ops.name;
    return t;
}

void vq_blk_threads_close(struct vq_blk_threads *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->lock);
    for (unsigned i = 0; i < t->thread_count; i++)
        (void)pthread_join(t->threads[i], NULL);
    for (unsigned i = 0; i < t->lane_count; i++) {
        (void)close(t->lanes[i].event_fd);
        (void)pthread_mutex_destroy(&t->lanes[i].lock);
    }
    (void)pthread_cond_destroy(&t->wake);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}
