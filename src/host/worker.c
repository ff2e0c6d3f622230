/*
 * Worker threads: run queues, poll, sleep; and the mailbox between them and the
 * control thread.
 *
 * The loop trusts the model to bound each run by the queue size. It trusts no
 * descriptor: a kick may hang up, lie or never come, a call may never be read.
 * Nothing here may block on them, allocate, lock or print while buffers move.
 *
 * Descriptors are shared with the other end, who can make them blocking again
 * behind our back: while a message waits, a worker that sits in such a read or
 * write is woken by a signal (see nudge).
 */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_US      1000u
#define SPIN_NS        5000u    /* how long a poll keeps the processor to itself */
#define FIRST_POLL_NS  8000u    /* where a poll window starts to grow */
#define LEAST_POLL_NS  4000u    /* below this it is not worth it */
#define WAKE_NS        80000u   /* how much of a wait may be the wake-up itself */
#define FEW_MISSES     3u       /* pauses between bursts */
#define MOST_MISSES    6u       /* beyond a few: poll again after 16, 32, 64, 64 ... sleeps */
#define FIRST_NAP_NS   50000u   /* between looks at a ring that nobody kicks */
#define LONGEST_NAP_NS 1000000u /* bounds the delay that such a ring sees */
#define NUDGE_MS       20
#define NUDGE_SIGNAL   SIGURG /* ignored by default, so a stray one does no harm */

struct ring {
    uint16_t index;
    bool started;
    bool enabled;
    bool polled;
    bool reported; /* as broken */
    bool armed;
    int kick;
    int call;
};

struct worker;

struct message {
    void (*handle)(struct worker *worker, struct message *message);
    struct ring *ring;
    const struct vq_device_config *config;
    struct vq_position *position;
    int fd;
    bool flag;
    enum vq_error result;
};

struct worker {
    struct vq_workers *owner;
    struct ring **rings; /* those of this worker */
    struct pollfd *fds;  /* the mailbox, then kick and completion of each ring */
    unsigned count;
    pthread_t thread;
    int wake; /* eventfd */
    bool quit;
    atomic_bool posted;   /* a message is waiting */
    atomic_bool touching; /* in a read or write of somebody else's descriptor */
    pthread_mutex_t lock; /* of `message` */
    pthread_cond_t done;
    struct message *message;
    /* The adaptive poll. */
    uint64_t window_ns;
    unsigned misses; /* full windows in a row that found nothing */
    unsigned hold;   /* sleeps before the window may grow again */
    uint64_t nap_ns;
};

struct vq_workers {
    struct vq_workers_config config;
    uint64_t longest_poll_ns;
    uint16_t queues;
    unsigned threads;
    struct ring *rings;
    struct worker *workers;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK))
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* ---- descriptors of the other end ---- */

/* False when nobody will ever read it. A full one already holds all the signal that is needed. */
static bool signal_fd(struct worker *w, int fd)
{
    const uint64_t one = 1;

    atomic_store_explicit(&w->touching, true, memory_order_relaxed);
    ssize_t n = write(fd, &one, sizeof(one));
    int error = errno;
    atomic_store_explicit(&w->touching, false, memory_order_relaxed);
    return n >= 0 || error == EAGAIN || error == EINTR;
}

/* False when it has hung up: it would be readable for ever. */
static bool consume_kick(struct worker *w, int fd)
{
    uint64_t value;

    atomic_store_explicit(&w->touching, true, memory_order_relaxed);
    ssize_t n = read(fd, &value, sizeof(value));
    int error = errno;
    atomic_store_explicit(&w->touching, false, memory_order_relaxed);
    return n > 0 || (n < 0 && (error == EAGAIN || error == EINTR));
}

static void notify(struct worker *w, struct ring *r)
{
    const struct vq_workers_config *c = &w->owner->config;

    if (r->call >= 0) {
        if (!signal_fd(w, r->call))
            r->call = -1;
    } else if (c->call) {
        c->call(c->opaque, r->index);
    }
}

/* ---- rings ---- */

/* Which descriptors to sleep on follows from the state of the ring. */
static void watch(struct worker *w, unsigned slot)
{
    const struct ring *r = w->rings[slot];
    const struct vq_device_model *model = w->owner->config.model;
    bool live = r->started && r->enabled;

    w->fds[1 + 2 * slot] = (struct pollfd){.fd = live ? r->kick : -1, .events = POLLIN};
    w->fds[2 + 2 * slot] = (struct pollfd){
        .fd = live ? model->ops->queue_wait_fd(model, r->index) : -1, .events = POLLIN};
}

static void report_broken(struct worker *w, struct ring *r)
{
    const struct vq_workers_config *c = &w->owner->config;

    r->reported = true;
    if (c->broken)
        c->broken(c->opaque, r->index, c->model->ops->queue_broken(c->model, r->index));
}

static void act_on(struct worker *w, struct ring *r, unsigned run)
{
    if (run & VQ_RUN_SIGNAL)
        notify(w, r);
    if ((run & VQ_RUN_BROKEN) && !r->reported)
        report_broken(w, r);
}

static bool run_rings(struct worker *w)
{
    struct vq_device_model *model = w->owner->config.model;
    bool progress = false;

    for (unsigned i = 0; i < w->count; i++) {
        struct ring *r = w->rings[i];
        if (!r->started || !r->enabled)
            continue;
        unsigned run = model->ops->queue_run(model, r->index);
        if (run & (VQ_RUN_SIGNAL | VQ_RUN_BROKEN))
            act_on(w, r, run);
        if (run & VQ_RUN_PROGRESS)
            progress = true;
    }
    return progress;
}

/* False: there is work already. */
static bool arm_rings(struct worker *w)
{
    struct vq_device_model *model = w->owner->config.model;

    for (unsigned i = 0; i < w->count; i++) {
        struct ring *r = w->rings[i];
        /* A broken queue gets no kicks, only completions. */
        if (!r->started || !r->enabled || r->reported)
            continue;
        r->armed = true;
        if (model->ops->queue_arm(model, r->index))
            return false;
    }
    return true;
}

static void disarm_rings(struct worker *w)
{
    struct vq_device_model *model = w->owner->config.model;

    for (unsigned i = 0; i < w->count; i++) {
        struct ring *r = w->rings[i];
        if (r->armed && r->started && r->enabled)
            model->ops->queue_disarm(model, r->index);
        r->armed = false;
    }
}

/* ---- sleeping ---- */

static bool any_polled(const struct worker *w)
{
    for (unsigned i = 0; i < w->count; i++)
        if (w->rings[i]->started && w->rings[i]->enabled && w->rings[i]->polled)
            return true;
    return false;
}

static void sleep_on_descriptors(struct worker *w)
{
    struct timespec nap = {0, (long)w->nap_ns};

    int n = ppoll(w->fds, 1 + 2 * w->count, any_polled(w) ? &nap : NULL, NULL);
    if (n <= 0) {
        w->nap_ns = w->nap_ns * 2 < LONGEST_NAP_NS ? w->nap_ns * 2 : LONGEST_NAP_NS;
        return;
    }
    if (w->fds[0].revents) {
        uint64_t value;
        if (read(w->wake, &value, sizeof(value)) < 0) {
            /* Another wake-up took it. */
        }
    }
    for (unsigned i = 0; i < w->count; i++) {
        struct ring *r = w->rings[i];
        short seen = w->fds[1 + 2 * i].revents;
        if (seen && (!(seen & POLLIN) || !consume_kick(w, r->kick))) {
            r->kick = -1;
            watch(w, i);
        }
    }
}

/*
 * How long to poll next time. Waking up costs more than a short poll, so the
 * window grows while waits are short enough to be polled away. When full windows
 * run out in vain again and again, they are tried ever more seldom.
 */
static void adapt(struct worker *w, uint64_t waited_ns)
{
    uint64_t longest = w->owner->longest_poll_ns;

    if (longest == 0)
        return;
    if (w->window_ns >= longest) {
        if (w->misses < MOST_MISSES)
            w->misses++;
        w->hold = w->misses > FEW_MISSES ? 1u << w->misses : 0;
        w->window_ns = w->hold ? 0 : longest / 2;
    } else if (w->hold != 0) {
        w->hold--;
    } else if (waited_ns <= longest + WAKE_NS) {
        uint64_t wider = w->window_ns ? w->window_ns * 2 : FIRST_POLL_NS;
        w->window_ns = wider < longest ? wider : longest;
    } else {
        w->window_ns = w->window_ns / 2 < LEAST_POLL_NS ? 0 : w->window_ns / 2;
    }
}

/* ---- the thread ---- */

static void handle_message(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    struct message *m = w->message;
    atomic_store_explicit(&w->posted, false, memory_order_relaxed);
    pthread_mutex_unlock(&w->lock);
    if (!m)
        return;
    m->handle(w, m);
    pthread_mutex_lock(&w->lock);
    w->message = NULL;
    pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->lock);
}

static void *serve(void *argument)
{
    struct worker *w = argument;
    uint64_t idle_since = 0;

    while (!w->quit) {
        if (atomic_load_explicit(&w->posted, memory_order_acquire)) {
            handle_message(w);
            continue;
        }
        if (run_rings(w)) {
            if (idle_since != 0)
                w->misses = 0;
            idle_since = 0;
            w->nap_ns = FIRST_NAP_NS;
            continue;
        }
        uint64_t now = now_ns();
        if (idle_since == 0)
            idle_since = now;
        if (now - idle_since < w->window_ns) {
            /* Whoever is to give the next work may be waiting for this very processor. */
            if (now - idle_since < SPIN_NS)
                relax();
            else
                (void)sched_yield();
            continue;
        }
        if (!arm_rings(w)) {
            disarm_rings(w);
            continue;
        }
        sleep_on_descriptors(w);
        disarm_rings(w);
        adapt(w, now_ns() - idle_since);
        idle_since = 0;
    }
    return NULL;
}

static void nudged(int number)
{
    (void)number;
}

/* Gives a message to a worker and waits until it has been handled. */
static enum vq_error send_message(struct worker *w, struct message *m)
{
    const uint64_t one = 1;

    pthread_mutex_lock(&w->lock);
    w->message = m;
    atomic_store_explicit(&w->posted, true, memory_order_release);
    if (write(w->wake, &one, sizeof(one)) < 0) {
        /* It is full, hence readable, which is all that is wanted. */
    }
    while (w->message) {
        struct timespec until;
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

static enum vq_error send_to_ring(struct vq_workers *workers, uint16_t queue, struct message *m)
{
    if (queue >= workers->queues)
        return VQ_ERR_RANGE;
    m->ring = &workers->rings[queue];
    return send_message(&workers->workers[queue % workers->threads], m);
}

/* ---- messages, on the worker's thread ---- */

static void watch_ring(struct worker *w, const struct ring *r)
{
    watch(w, r->index / w->owner->threads);
}

static void on_start(struct worker *w, struct message *m)
{
    struct vq_device_model *model = w->owner->config.model;
    struct ring *r = m->ring;

    if (r->started) {
        m->result = VQ_ERR_STATE;
        return;
    }
    m->result = model->ops->queue_start(model, r->index, m->config);
    if (m->result != VQ_OK)
        return;
    r->started = true;
    r->enabled = false;
    r->reported = false;
    r->armed = false;
    watch_ring(w, r);
    if (r->call >= 0)
        notify(w, r);
}

static void on_stop(struct worker *w, struct message *m)
{
    struct vq_device_model *model = w->owner->config.model;
    struct ring *r = m->ring;
    struct vq_position position = {0};

    if (!r->started) {
        m->result = VQ_ERR_STATE;
        return;
    }
    act_on(w, r, model->ops->queue_stop(model, r->index, &position));
    r->started = false;
    watch_ring(w, r);
    if (m->position)
        *m->position = position;
}

static void on_enable(struct worker *w, struct message *m)
{
    if (!m->ring->started) {
        m->result = VQ_ERR_STATE;
        return;
    }
    m->ring->enabled = m->flag;
    m->ring->armed = false;
    w->nap_ns = FIRST_NAP_NS;
    watch_ring(w, m->ring);
}

static void on_kick_fd(struct worker *w, struct message *m)
{
    m->ring->kick = m->fd;
    m->ring->polled = m->flag;
    w->nap_ns = FIRST_NAP_NS;
    watch_ring(w, m->ring);
}

static void on_call_fd(struct worker *w, struct message *m)
{
    m->ring->call = m->fd;
    if (m->fd >= 0 && m->ring->started)
        notify(w, m->ring);
}

static void on_quit(struct worker *w, struct message *m)
{
    (void)m;
    w->quit = true;
}

/* ---- for the control thread ---- */

enum vq_error vq_workers_start(struct vq_workers *workers, uint16_t queue,
                               const struct vq_device_config *config)
{
    struct message m = {.handle = on_start, .config = config};
    return send_to_ring(workers, queue, &m);
}

enum vq_error vq_workers_stop(struct vq_workers *workers, uint16_t queue,
                              struct vq_position *position)
{
    struct message m = {.handle = on_stop, .position = position};
    return send_to_ring(workers, queue, &m);
}

bool vq_workers_started(const struct vq_workers *workers, uint16_t queue)
{
    /* Written only while the control thread waits for it. */
    return queue < workers->queues && workers->rings[queue].started;
}

enum vq_error vq_workers_enable(struct vq_workers *workers, uint16_t queue, bool enabled)
{
    struct message m = {.handle = on_enable, .flag = enabled};
    return send_to_ring(workers, queue, &m);
}

enum vq_error vq_workers_set_kick(struct vq_workers *workers, uint16_t queue, int fd, bool polled)
{
    struct message m = {.handle = on_kick_fd, .fd = fd, .flag = polled};
    if (fd >= 0)
        set_nonblocking(fd);
    return send_to_ring(workers, queue, &m);
}

enum vq_error vq_workers_set_call(struct vq_workers *workers, uint16_t queue, int fd)
{
    struct message m = {.handle = on_call_fd, .fd = fd};
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
    struct worker *w = &workers->workers[number];
    pthread_condattr_t clock;

    w->owner = workers;
    w->window_ns = workers->longest_poll_ns;
    w->nap_ns = FIRST_NAP_NS;
    w->rings = calloc(workers->queues, sizeof(*w->rings));
    w->fds = calloc(1 + 2 * (size_t)workers->queues, sizeof(*w->fds));
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!w->rings || !w->fds || w->wake < 0)
        return false;
    w->fds[0] = (struct pollfd){.fd = w->wake, .events = POLLIN};
    for (unsigned i = number; i < workers->queues; i += workers->threads) {
        w->rings[w->count] = &workers->rings[i];
        watch(w, w->count++);
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&w->done, &clock);
    pthread_condattr_destroy(&clock);
    return true;
}

/* Signals are the control thread's business, but for the one that wakes this thread. */
static int start_thread(struct worker *w, unsigned number)
{
    sigset_t all, before;
    char name[16] = "vq-worker-";

    sigfillset(&all);
    sigdelset(&all, NUDGE_SIGNAL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&w->thread, NULL, serve, w);
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
        struct message m = {.handle = on_quit};
        (void)send_message(&workers->workers[i], &m);
        pthread_join(workers->workers[i].thread, NULL);
    }
    for (unsigned i = 0; i < workers->threads && workers->workers; i++) {
        struct worker *w = &workers->workers[i];
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
    workers->longest_poll_ns = (uint64_t)config->poll_us * NS_PER_US;
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
        workers->rings[i] = (struct ring){.index = i, .kick = -1, .call = -1};
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
