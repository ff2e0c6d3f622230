/*
 * The control thread's side of the workers: makes them, gives them messages, and
 * ends them.
 *
 * Kick and call descriptors are shared with the other end, who can make them
 * blocking again behind our back: while a message waits, a worker that sits in
 * such a read or write is woken by a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <vhost_user/clock.h>

#include "worker_internal.h"

#define NUDGE_MS     20
#define NUDGE_SIGNAL SIGURG /* ignored by default, so a stray one does no harm */

static void set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK))
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static void nudged(int number)
{
    (void)number;
}

/* Tells of a wait that takes long; says when to tell again. */
static int64_t tell_of_wait(struct vq_worker *w, struct vq_worker_message *m, int64_t since,
                            int64_t now)
{
    const struct vq_workers_config *c = &w->owner->config;
    const int in_flight = atomic_load_explicit(&m->in_flight, memory_order_relaxed);
    const struct vq_worker_wait wait = {
        .queue = m->ring ? m->ring->index : 0,
        .stopping = in_flight >= 0,
        .in_flight = in_flight >= 0 ? (unsigned)in_flight : 0,
        .waited_ms = (unsigned)(now - since),
    };

    if (c->slow)
        c->slow(c->opaque, &wait);
    return now + c->slow_ms;
}

/* Gives a message to a worker and waits until it has been handled. */
static enum vq_error send_message(struct vq_worker *w, struct vq_worker_message *m)
{
    const uint64_t one = 1;
    const int64_t since = vq_clock_ms();
    int64_t tell = since + w->owner->config.slow_ms;

    atomic_init(&m->in_flight, VQ_WORKER_NOT_YET);
    pthread_mutex_lock(&w->lock);
    w->message = m;
    atomic_store_explicit(&w->posted, true, memory_order_release);
    if (write(w->wake, &one, sizeof(one)) < 0) {
        /* It is full, hence readable, which is all that is wanted. */
    }
    while (w->message) {
        struct timespec until;
        const int64_t now = vq_clock_ms();
        if (now >= tell) {
            pthread_mutex_unlock(&w->lock);
            tell = tell_of_wait(w, m, since, now);
            pthread_mutex_lock(&w->lock);
            continue;
        }
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += NUDGE_MS * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        if (pthread_cond_timedwait(&w->done, &w->lock, &until) == ETIMEDOUT &&
            atomic_load_explicit(&w->touching, memory_order_relaxed))
            pthread_kill(w->thread, NUDGE_SIGNAL);
    }
    pthread_mutex_unlock(&w->lock);
    return m->result;
}

static enum vq_error send_to_ring(struct vq_workers *workers, uint16_t queue,
                                  struct vq_worker_message *m)
{
    if (queue >= workers->queues)
        return VQ_ERR_RANGE;
    m->ring = &workers->rings[queue];
    return send_message(&workers->workers[queue % workers->threads], m);
}

/* ---- for the control thread ---- */

enum vq_error vq_workers_start(struct vq_workers *workers, uint16_t queue,
                               const struct vq_device_config *config)
{
    struct vq_worker_message m = {.handle = vq_worker_on_start, .config = config};
    return send_to_ring(workers, queue, &m);
}

enum vq_error vq_workers_stop(struct vq_workers *workers, uint16_t queue,
                              struct vq_position *position)
{
    struct vq_worker_message m = {.handle = vq_worker_on_stop, .position = position};
    return send_to_ring(workers, queue, &m);
}

bool vq_workers_started(const struct vq_workers *workers, uint16_t queue)
{
    /* Written only while the control thread waits for it. */
    return queue < workers->queues && workers->rings[queue].started;
}

enum vq_error vq_workers_enable(struct vq_workers *workers, uint16_t queue, bool enabled)
{
    struct vq_worker_message m = {.handle = vq_worker_on_enable, .flag = enabled};
    return send_to_ring(workers, queue, &m);
}

enum vq_error vq_workers_set_kick(struct vq_workers *workers, uint16_t queue, int fd, bool polled)
{
    struct vq_worker_message m = {.handle = vq_worker_on_kick_fd, .fd = fd, .flag = polled};
    if (fd >= 0)
        set_nonblocking(fd);
    return send_to_ring(workers, queue, &m);
}

enum vq_error vq_workers_set_call(struct vq_workers *workers, uint16_t queue, int fd)
{
    struct vq_worker_message m = {.handle = vq_worker_on_call_fd, .fd = fd};
    if (fd >= 0)
        set_nonblocking(fd);
    return send_to_ring(workers, queue, &m);
}

void vq_workers_kick(struct vq_workers *workers, uint16_t queue)
{
    const uint64_t one = 1;

    if (queue >= workers->queues)
        return;
    /* Being awake is enough: whoever wakes looks at all of its rings. */
    if (write(workers->workers[queue % workers->threads].wake, &one, sizeof(one)) < 0) {
        /* It is full, hence readable. */
    }
}

unsigned vq_workers_threads(const struct vq_workers *workers)
{
    return workers->threads;
}

/* ---- making and ending ---- */

static unsigned usable_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}

static bool init_worker(struct vq_workers *workers, unsigned number)
{
    struct vq_worker *w = &workers->workers[number];
    pthread_condattr_t clock;

    w->owner = workers;
    vq_poll_window_init(&w->window, workers->config.poll_us);
    w->nap_ns = VQ_WORKER_FIRST_NAP_NS;
    w->rings = calloc(workers->queues, sizeof(*w->rings));
    w->fds = calloc(1 + 2 * (size_t)workers->queues, sizeof(*w->fds));
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!w->rings || !w->fds || w->wake < 0)
        return false;
    w->fds[0] = (struct pollfd){.fd = w->wake, .events = POLLIN};
    for (unsigned i = number; i < workers->queues; i += workers->threads)
        w->rings[w->count++] = &workers->rings[i];
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&w->done, &clock);
    pthread_condattr_destroy(&clock);
    return true;
}

/*
 * Signals are the control thread's business, but for the one that wakes this
 * thread, and for faults: one that is blocked ends the process, and a front end
 * that truncates its memory causes SIGBUS wherever that is touched.
 */
static int start_thread(struct vq_worker *w, unsigned number)
{
    static const int own[] = {NUDGE_SIGNAL, SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGTRAP};
    sigset_t others, before;
    char name[16] = "vq-worker-";

    sigfillset(&others);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        sigdelset(&others, own[i]);
    pthread_sigmask(SIG_SETMASK, &others, &before);
    int error = pthread_create(&w->thread, NULL, vq_worker_serve, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        size_t end = strlen(name);
        if (number >= 100)
            name[end++] = (char)('0' + number / 100 % 10);
        if (number >= 10)
            name[end++] = (char)('0' + number / 10 % 10);
        name[end] = (char)('0' + number % 10);
        (void)pthread_setname_np(w->thread, name);
    }
    return error;
}

static void free_workers(struct vq_workers *workers, unsigned running)
{
    for (unsigned i = 0; i < running; i++) {
        struct vq_worker_message m = {.handle = vq_worker_on_quit};
        (void)send_message(&workers->workers[i], &m);
        pthread_join(workers->workers[i].thread, NULL);
    }
    for (unsigned i = 0; i < workers->threads && workers->workers; i++) {
        struct vq_worker *w = &workers->workers[i];
        if (w->owner && w->wake >= 0)
            close(w->wake);
        free(w->rings);
        free(w->fds);
        if (w->count) {
            pthread_mutex_destroy(&w->lock);
            pthread_cond_destroy(&w->done);
        }
    }
    free(workers->workers);
    free(workers->rings);
    free(workers);
}

struct vq_workers *vq_workers_create(const struct vq_workers_config *config)
{
    struct sigaction nudge = {.sa_handler = nudged};
    struct vq_workers *workers = calloc(1, sizeof(*workers));
    unsigned running = 0;
    int error = ENOMEM;

    if (!workers)
        return NULL;
    workers->config = *config;
    if (workers->config.slow_ms == 0)
        workers->config.slow_ms = VQ_WORKER_SLOW_MS;
    workers->queues = config->model->ops->queue_count(config->model);
    if (workers->queues == 0) {
        error = EINVAL;
        goto failed;
    }
    workers->threads = config->threads ? config->threads : usable_cpus();
    if (workers->threads > workers->queues)
        workers->threads = workers->queues;
    workers->rings = calloc(workers->queues, sizeof(*workers->rings));
    workers->workers = calloc(workers->threads, sizeof(*workers->workers));
    if (!workers->rings || !workers->workers)
        goto failed;
    for (uint16_t i = 0; i < workers->queues; i++)
        workers->rings[i] = (struct vq_worker_ring){.index = i, .kick = -1, .call = -1};
    /* Without SA_RESTART, so that it ends a read or write. */
    sigaction(NUDGE_SIGNAL, &nudge, NULL);
    for (unsigned i = 0; i < workers->threads; i++)
        if (!init_worker(workers, i)) {
            error = errno;
            goto failed;
        }
    for (; running < workers->threads; running++) {
        error = start_thread(&workers->workers[running], running);
        if (error != 0)
            goto failed;
    }
    return workers;

failed:
    free_workers(workers, running);
    errno = error;
    return NULL;
}

void vq_workers_destroy(struct vq_workers *workers)
{
    if (workers)
        free_workers(workers, workers->threads);
}
