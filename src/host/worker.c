/*
 * A worker's thread: run rings, poll, sleep, and do what messages say in between.
 *
 * The loop trusts the model to bound each run by the queue size. It trusts no
 * descriptor: a kick may hang up, lie or never come, a call may never be read.
 * Nothing here may block on them, allocate, lock or print while buffers move.
 */
#include <errno.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <vhost_user/clock.h>

#include "worker_internal.h"

#define SPIN_NS        5000u    /* how long a poll keeps the processor to itself */
#define LONGEST_NAP_NS 1000000u /* bounds the delay that a ring without kicks sees */

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* ---- descriptors of the other end ---- */

/* False when nobody will ever read it. A full one already holds all the signal that is needed. */
static bool signal_fd(struct vq_worker *w, int fd)
{
    const uint64_t one = 1;

    atomic_store_explicit(&w->touching, true, memory_order_relaxed);
    ssize_t n = write(fd, &one, sizeof(one));
    int error = errno;
    atomic_store_explicit(&w->touching, false, memory_order_relaxed);
    return n >= 0 || error == EAGAIN || error == EINTR;
}

/* False when it has hung up: it would be readable for ever. */
static bool consume_kick(struct vq_worker *w, int fd)
{
    uint64_t value;

    atomic_store_explicit(&w->touching, true, memory_order_relaxed);
    ssize_t n = read(fd, &value, sizeof(value));
    int error = errno;
    atomic_store_explicit(&w->touching, false, memory_order_relaxed);
    return n > 0 || (n < 0 && (error == EAGAIN || error == EINTR));
}

static void notify(struct vq_worker *w, struct vq_worker_ring *r)
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
static void watch(struct vq_worker *w, unsigned slot)
{
    const struct vq_worker_ring *r = w->rings[slot];
    const struct vq_device_model *model = w->owner->config.model;
    bool live = r->started && r->enabled;

    w->fds[1 + 2 * slot] = (struct pollfd){.fd = live ? r->kick : -1, .events = POLLIN};
    w->fds[2 + 2 * slot] = (struct pollfd){
        .fd = live ? model->ops->queue_wait_fd(model, r->index) : -1, .events = POLLIN};
}

static void report_broken(struct vq_worker *w, struct vq_worker_ring *r)
{
    const struct vq_workers_config *c = &w->owner->config;

    r->reported = true;
    if (!c->broken)
        return;
    /* The report may end in a descriptor of the other end, too. */
    atomic_store_explicit(&w->touching, true, memory_order_relaxed);
    c->broken(c->opaque, r->index, c->model->ops->queue_broken(c->model, r->index));
    atomic_store_explicit(&w->touching, false, memory_order_relaxed);
}

static void act_on(struct vq_worker *w, struct vq_worker_ring *r, unsigned run)
{
    if (run & VQ_RUN_SIGNAL)
        notify(w, r);
    if ((run & VQ_RUN_BROKEN) && !r->reported)
        report_broken(w, r);
}

static bool run_rings(struct vq_worker *w)
{
    struct vq_device_model *model = w->owner->config.model;
    bool progress = false;

    for (unsigned i = 0; i < w->count; i++) {
        struct vq_worker_ring *r = w->rings[i];
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
static bool arm_rings(struct vq_worker *w)
{
    struct vq_device_model *model = w->owner->config.model;

    for (unsigned i = 0; i < w->count; i++) {
        struct vq_worker_ring *r = w->rings[i];
        /* A broken queue gets no kicks, only completions. */
        if (!r->started || !r->enabled || r->reported)
            continue;
        r->armed = true;
        if (model->ops->queue_arm(model, r->index))
            return false;
    }
    return true;
}

static void disarm_rings(struct vq_worker *w)
{
    struct vq_device_model *model = w->owner->config.model;

    for (unsigned i = 0; i < w->count; i++) {
        struct vq_worker_ring *r = w->rings[i];
        if (r->armed && r->started && r->enabled)
            model->ops->queue_disarm(model, r->index);
        r->armed = false;
    }
}

/* ---- sleeping ---- */

static bool any_polled(const struct vq_worker *w)
{
    for (unsigned i = 0; i < w->count; i++)
        if (w->rings[i]->started && w->rings[i]->enabled && w->rings[i]->polled)
            return true;
    return false;
}

/* False when nothing woke it: a nap between looks at a ring without kicks is over. */
static bool sleep_on_descriptors(struct vq_worker *w)
{
    struct timespec nap = {0, (long)w->nap_ns};

    int n = ppoll(w->fds, 1 + 2 * w->count, any_polled(w) ? &nap : NULL, NULL);
    if (n <= 0) {
        w->nap_ns = w->nap_ns * 2 < LONGEST_NAP_NS ? w->nap_ns * 2 : LONGEST_NAP_NS;
        return false;
    }
    if (w->fds[0].revents) {
        uint64_t value;
        if (read(w->wake, &value, sizeof(value)) < 0) {
            /* Another wake-up took it. */
        }
    }
    for (unsigned i = 0; i < w->count; i++) {
        struct vq_worker_ring *r = w->rings[i];
        short seen = w->fds[1 + 2 * i].revents;
        if (seen && (!(seen & POLLIN) || !consume_kick(w, r->kick))) {
            r->kick = -1;
            watch(w, i);
        }
    }
    return true;
}

/* ---- the thread ---- */

static void handle_message(struct vq_worker *w)
{
    pthread_mutex_lock(&w->lock);
    struct vq_worker_message *m = w->message;
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

void *vq_worker_serve(void *argument)
{
    struct vq_worker *w = argument;
    uint64_t idle_since = 0;

    for (unsigned i = 0; i < w->count; i++)
        watch(w, i);
    while (!w->quit) {
        if (atomic_load_explicit(&w->posted, memory_order_acquire)) {
            handle_message(w);
            continue;
        }
        if (run_rings(w)) {
            if (idle_since != 0)
                vq_poll_window_found(&w->window);
            idle_since = 0;
            w->nap_ns = VQ_WORKER_FIRST_NAP_NS;
            continue;
        }
        uint64_t now = vq_clock_ns();
        if (idle_since == 0)
            idle_since = now;
        if (now - idle_since < w->window.now_ns) {
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
        bool woken = sleep_on_descriptors(w);
        disarm_rings(w);
        if (woken)
            vq_poll_window_slept(&w->window, vq_clock_ns() - idle_since);
        idle_since = 0;
    }
    return NULL;
}

/* ---- messages, on the worker's thread ---- */

static void watch_ring(struct vq_worker *w, const struct vq_worker_ring *r)
{
    watch(w, r->index / w->owner->threads);
}

void vq_worker_on_start(struct vq_worker *w, struct vq_worker_message *m)
{
    struct vq_device_model *model = w->owner->config.model;
    struct vq_worker_ring *r = m->ring;

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

void vq_worker_on_stop(struct vq_worker *w, struct vq_worker_message *m)
{
    struct vq_device_model *model = w->owner->config.model;
    struct vq_worker_ring *r = m->ring;
    struct vq_position position = {0};

    if (!r->started) {
        m->result = VQ_ERR_STATE;
        return;
    }
    atomic_store_explicit(&m->in_flight, model->ops->queue_in_flight(model, r->index),
                          memory_order_relaxed);
    act_on(w, r, model->ops->queue_stop(model, r->index, &position));
    r->started = false;
    watch_ring(w, r);
    if (m->position)
        *m->position = position;
}

void vq_worker_on_enable(struct vq_worker *w, struct vq_worker_message *m)
{
    if (!m->ring->started) {
        m->result = VQ_ERR_STATE;
        return;
    }
    m->ring->enabled = m->flag;
    m->ring->armed = false;
    w->nap_ns = VQ_WORKER_FIRST_NAP_NS;
    watch_ring(w, m->ring);
}

void vq_worker_on_kick_fd(struct vq_worker *w, struct vq_worker_message *m)
{
    m->ring->kick = m->fd;
    m->ring->polled = m->flag;
    w->nap_ns = VQ_WORKER_FIRST_NAP_NS;
    watch_ring(w, m->ring);
}

void vq_worker_on_call_fd(struct vq_worker *w, struct vq_worker_message *m)
{
    m->ring->call = m->fd;
    if (m->fd >= 0 && m->ring->started)
        notify(w, m->ring);
}

void vq_worker_on_quit(struct vq_worker *w, struct vq_worker_message *m)
{
    (void)m;
    w->quit = true;
}
