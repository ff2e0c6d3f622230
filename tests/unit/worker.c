/*
 * Worker threads over a model that only counts: what the "driver" made
 * available, what was given back, and on which thread it was asked.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "host/poll_window.h"
#include "host/worker.h"

#define QUEUES 19 /* more than workers, and not a multiple */

struct counted {
    atomic_uint available; /* written by the test */
    atomic_uint done;
    atomic_uint runs;
    atomic_uint arms;
    atomic_bool breaks; /* the next run finds the queue broken */
    atomic_bool slow;   /* buffers complete when `completion` is written */
    atomic_uint hangs;  /* stops that do not end before each is told of as slow */
    atomic_uint wrong;  /* calls out of turn or from another thread */
    /* The worker's own. */
    bool started;
    bool broken;
    bool armed;
    unsigned taken;
    pthread_t thread;
    bool has_thread;
    int completion;
};

struct model {
    struct vq_device_model model; /* first */
    struct counted queue[QUEUES];
    atomic_uint called[QUEUES];
    atomic_uint broken[QUEUES];
    atomic_uint slow[QUEUES];
    unsigned slow_in_flight; /* as told last */
    atomic_int blocks;       /* a report of a broken queue reads this first, unless it is 0 */
};

static struct counted *enter(const struct vq_device_model *model, uint16_t index, bool started)
{
    struct counted *q = &((struct model *)(uintptr_t)model)->queue[index];
    if (q->started != started)
        atomic_fetch_add(&q->wrong, 1);
    if (q->has_thread && !pthread_equal(q->thread, pthread_self()))
        atomic_fetch_add(&q->wrong, 1);
    q->thread = pthread_self();
    q->has_thread = true;
    return q;
}

static uint16_t model_queue_count(const struct vq_device_model *model)
{
    (void)model;
    return QUEUES;
}

static enum vq_error model_start(struct vq_device_model *model, uint16_t index,
                                 const struct vq_device_config *config)
{
    struct counted *q = enter(model, index, false);
    if (config->size == 0)
        return VQ_ERR_SIZE;
    q->started = true;
    q->broken = false;
    q->taken = config->next_available;
    return VQ_OK;
}

static unsigned model_run(struct vq_device_model *model, uint16_t index)
{
    struct counted *q = enter(model, index, true);
    unsigned bits = 0;

    atomic_fetch_add(&q->runs, 1);
    if (atomic_load(&q->breaks))
        q->broken = true;
    if (q->broken)
        bits |= VQ_RUN_BROKEN;
    unsigned available = atomic_load(&q->available);
    if (!q->broken && q->taken != available) {
        q->taken += available - q->taken < 32 ? available - q->taken : 32;
        bits |= VQ_RUN_PROGRESS;
    }
    uint64_t value;
    bool complete = !atomic_load(&q->slow) ||
                    read(q->completion, &value, sizeof(value)) == (ssize_t)sizeof(value);
    if (complete && atomic_load(&q->done) != q->taken) {
        atomic_store(&q->done, q->taken);
        bits |= VQ_RUN_PROGRESS | VQ_RUN_SIGNAL;
    }
    return bits;
}

static bool model_arm(struct vq_device_model *model, uint16_t index)
{
    struct counted *q = enter(model, index, true);
    if (q->armed)
        atomic_fetch_add(&q->wrong, 1);
    q->armed = true;
    atomic_fetch_add(&q->arms, 1);
    return atomic_load(&q->available) != q->taken;
}

static void model_disarm(struct vq_device_model *model, uint16_t index)
{
    enter(model, index, true)->armed = false;
}

static int model_wait_fd(const struct vq_device_model *model, uint16_t index)
{
    return enter(model, index, true)->completion;
}

static enum vq_broken model_broken(const struct vq_device_model *model, uint16_t index)
{
    return enter(model, index, true)->broken ? VQ_BROKEN_CHAIN_LOOP : VQ_NOT_BROKEN;
}

static uint16_t model_in_flight(const struct vq_device_model *model, uint16_t index)
{
    const struct counted *q = enter(model, index, true);
    return (uint16_t)(q->taken - atomic_load(&q->done));
}

static unsigned model_stop(struct vq_device_model *model, uint16_t index,
                           struct vq_position *position)
{
    struct counted *q = enter(model, index, true);
    bool owed = atomic_load(&q->done) != q->taken;
    while (atomic_load(&q->hangs) != 0)
        nanosleep(&(struct timespec){0, 500000}, NULL);
    q->started = false;
    q->armed = false;
    atomic_store(&q->done, q->taken);
    *position = (struct vq_position){(uint16_t)q->taken, (uint16_t)q->taken};
    return owed ? VQ_RUN_SIGNAL : 0;
}

static const struct vq_device_model_ops ops = {
    .name = "counted",
    .queue_count = model_queue_count,
    .queue_start = model_start,
    .queue_run = model_run,
    .queue_arm = model_arm,
    .queue_disarm = model_disarm,
    .queue_wait_fd = model_wait_fd,
    .queue_broken = model_broken,
    .queue_in_flight = model_in_flight,
    .queue_stop = model_stop,
};

static void on_call(void *opaque, uint16_t queue)
{
    atomic_fetch_add(&((struct model *)opaque)->called[queue], 1);
}

static void on_broken(void *opaque, uint16_t queue, enum vq_broken reason)
{
    struct model *m = opaque;
    int blocks = atomic_load(&m->blocks);
    char byte;
    if (blocks != 0 && read(blocks, &byte, 1) >= 0)
        return;
    if (reason == VQ_BROKEN_CHAIN_LOOP)
        atomic_fetch_add(&m->broken[queue], 1);
}

static void on_slow(void *opaque, const struct vq_worker_wait *wait)
{
    struct model *m = opaque;
    struct counted *q = &m->queue[wait->queue];

    if (!wait->stopping)
        return;
    m->slow_in_flight = wait->in_flight;
    atomic_fetch_add(&m->slow[wait->queue], 1);
    if (atomic_load(&q->hangs) != 0)
        atomic_fetch_sub(&q->hangs, 1);
}

struct fixture {
    struct model model;
    struct vq_workers *workers;
    unsigned fds;
};

static const struct vq_device_config config = {.size = 256};

static int set_up_polling(void **state, unsigned threads, uint32_t poll_us)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->fds = count_open_fds();
    f->model.model.ops = &ops;
    for (unsigned i = 0; i < QUEUES; i++)
        f->model.queue[i].completion = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct vq_workers_config c = {.model = &f->model.model,
                                  .threads = threads,
                                  .poll_us = poll_us,
                                  .opaque = &f->model,
                                  .call = on_call,
                                  .broken = on_broken,
                                  .slow = on_slow,
                                  .slow_ms = 50};
    f->workers = vq_workers_create(&c);
    *state = f;
    return f->workers ? 0 : -1;
}

static int set_up(void **state)
{
    return set_up_polling(state, 3, 50);
}

static int set_up_sleeping(void **state)
{
    return set_up_polling(state, 3, 0);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    unsigned wrong = 0;
    for (uint16_t i = 0; i < QUEUES; i++)
        if (vq_workers_started(f->workers, i))
            (void)vq_workers_stop(f->workers, i, NULL);
    vq_workers_destroy(f->workers);
    for (unsigned i = 0; i < QUEUES; i++) {
        close(f->model.queue[i].completion);
        wrong += atomic_load(&f->model.queue[i].wrong);
    }
    unsigned fds = count_open_fds();
    bool leaked = fds != f->fds;
    free(f);
    return wrong != 0 || leaked ? -1 : 0;
}

/* Waits, for a long time at most, until the counter has the value. */
static bool reaches(atomic_uint *counter, unsigned value)
{
    for (unsigned i = 0; i < 20000; i++) {
        if (atomic_load(counter) == value)
            return true;
        nanosleep(&(struct timespec){0, 500000}, NULL);
    }
    return false;
}

static void kick(int fd)
{
    uint64_t value = 7;
    assert_int_equal(write(fd, &value, sizeof(value)), sizeof(value));
}

static bool signalled(int fd, int timeout)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t value;
    return poll(&p, 1, timeout) == 1 && read(fd, &value, sizeof(value)) == sizeof(value);
}

static void serve(struct fixture *f, uint16_t queue)
{
    assert_int_equal(vq_workers_start(f->workers, queue, &config), VQ_OK);
    assert_int_equal(vq_workers_enable(f->workers, queue, true), VQ_OK);
}

/* The descriptors that a worker was given may be closed only afterwards. */
static void release(struct fixture *f, uint16_t queue)
{
    if (vq_workers_started(f->workers, queue))
        assert_int_equal(vq_workers_stop(f->workers, queue, NULL), VQ_OK);
    assert_int_equal(vq_workers_set_kick(f->workers, queue, -1, false), VQ_OK);
    assert_int_equal(vq_workers_set_call(f->workers, queue, -1), VQ_OK);
}

static void kick_to_signal(void **state)
{
    struct fixture *f = *state;
    struct counted *q = &f->model.queue[4];
    int kick_fd = eventfd(0, 0), call_fd = eventfd(0, 0);

    assert_int_equal(vq_workers_set_call(f->workers, 4, call_fd), VQ_OK);
    assert_int_equal(vq_workers_set_kick(f->workers, 4, kick_fd, false), VQ_OK);
    serve(f, 4);
    assert_true(vq_workers_started(f->workers, 4));
    assert_int_equal(vq_workers_start(f->workers, 4, &config), VQ_ERR_STATE);
    for (unsigned i = 1; i <= 300; i++) {
        atomic_store(&q->available, i);
        kick(kick_fd);
        assert_true(signalled(call_fd, 10000));
        assert_true(reaches(&q->done, i));
    }
    struct vq_position position;
    assert_int_equal(vq_workers_stop(f->workers, 4, &position), VQ_OK);
    assert_int_equal(position.next_available, 300);
    assert_int_equal(vq_workers_stop(f->workers, 4, &position), VQ_ERR_STATE);
    unsigned runs = atomic_load(&q->runs);
    kick(kick_fd);
    atomic_store(&q->available, 400);
    assert_int_equal(vq_workers_enable(f->workers, 4, true), VQ_ERR_STATE);
    assert_int_equal(atomic_load(&q->runs), runs);
    release(f, 4);
    close(kick_fd);
    close(call_fd);
}

static void waiting_at_start(void **state)
{
    struct fixture *f = *state;
    struct counted *q = &f->model.queue[0];

    atomic_store(&q->available, 100);
    serve(f, 0);
    assert_true(reaches(&q->done, 100));
    assert_true(reaches(&f->model.called[0], atomic_load(&f->model.called[0])));
    assert_true(atomic_load(&f->model.called[0]) > 0);
}

static void disabled(void **state)
{
    struct fixture *f = *state;
    struct counted *q = &f->model.queue[1];
    int kick_fd = eventfd(0, 0);

    atomic_store(&q->available, 10);
    assert_int_equal(vq_workers_set_kick(f->workers, 1, kick_fd, false), VQ_OK);
    assert_int_equal(vq_workers_start(f->workers, 1, &config), VQ_OK);
    kick(kick_fd);
    /* Round trips to the worker, between which it would have run the queue if it were to. */
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(vq_workers_enable(f->workers, 1, false), VQ_OK);
    assert_int_equal(atomic_load(&q->runs), 0);
    assert_int_equal(vq_workers_enable(f->workers, 1, true), VQ_OK);
    assert_true(reaches(&q->done, 10));
    assert_int_equal(vq_workers_enable(f->workers, 1, false), VQ_OK);
    unsigned runs = atomic_load(&q->runs);
    atomic_store(&q->available, 20);
    kick(kick_fd);
    assert_int_equal(vq_workers_enable(f->workers, 1, false), VQ_OK);
    assert_int_equal(atomic_load(&q->runs), runs);
    release(f, 1);
    close(kick_fd);
}

static void sleeps_when_idle(void **state)
{
    struct fixture *f = *state;
    struct counted *q = &f->model.queue[2];
    int kick_fd = eventfd(0, 0);

    assert_int_equal(vq_workers_set_kick(f->workers, 2, kick_fd, false), VQ_OK);
    serve(f, 2);
    /* It has slept when the count of looks stands still for a while. */
    unsigned runs = atomic_load(&q->runs);
    for (unsigned i = 0; i < 1000; i++) {
        nanosleep(&(struct timespec){0, 50000000}, NULL);
        unsigned later = atomic_load(&q->runs);
        if (later == runs && later != 0)
            break;
        runs = later;
    }
    assert_int_equal(atomic_load(&q->runs), runs);
    assert_true(atomic_load(&q->arms) > 0);
    atomic_store(&q->available, 1);
    kick(kick_fd);
    assert_true(reaches(&q->done, 1));
    release(f, 2);
    close(kick_fd);
}

static void completes_later(void **state)
{
    struct fixture *f = *state;
    struct counted *q = &f->model.queue[3];
    int kick_fd = eventfd(0, 0), call_fd = eventfd(0, 0);

    atomic_store(&q->slow, true);
    assert_int_equal(vq_workers_set_kick(f->workers, 3, kick_fd, false), VQ_OK);
    assert_int_equal(vq_workers_set_call(f->workers, 3, call_fd), VQ_OK);
    serve(f, 3);
    for (unsigned i = 1; i <= 50; i++) {
        atomic_store(&q->available, i);
        kick(kick_fd);
        if (i % 2)
            nanosleep(&(struct timespec){0, 1000000}, NULL);
        kick(q->completion);
        /* The completion may be seen before the buffer: then one more is needed. */
        while (!signalled(call_fd, 200))
            kick(q->completion);
    }
    assert_true(reaches(&q->done, 50));
    /* Stopped while the model still has some. */
    atomic_store(&q->available, 60);
    kick(kick_fd);
    struct vq_position position;
    assert_int_equal(vq_workers_stop(f->workers, 3, &position), VQ_OK);
    assert_int_equal(atomic_load(&q->done), position.next_available);
    release(f, 3);
    close(kick_fd);
    close(call_fd);
}

static void pipes(void **state)
{
    struct fixture *f = *state;
    struct counted *q = &f->model.queue[5];
    int kicks[2], calls[2];

    assert_int_equal(pipe(kicks), 0);
    assert_int_equal(pipe(calls), 0);
    assert_int_equal(vq_workers_set_kick(f->workers, 5, kicks[0], false), VQ_OK);
    assert_int_equal(vq_workers_set_call(f->workers, 5, calls[1]), VQ_OK);
    serve(f, 5);
    atomic_store(&q->available, 3);
    kick(kicks[1]);
    assert_true(signalled(calls[0], 10000));
    assert_true(reaches(&q->done, 3));
    /* A reader that reads nothing: the pipe fills up and the ring goes on. */
    for (unsigned i = 4; i < 20000; i++) {
        atomic_store(&q->available, i);
        if (i % 64 == 0) {
            kick(kicks[1]);
            assert_true(reaches(&q->done, i));
        }
    }
    release(f, 5);
    close(kicks[0]);
    close(kicks[1]);
    close(calls[0]);
    close(calls[1]);
}

static void hang_up(void **state)
{
    struct fixture *f = *state;
    struct counted *q = &f->model.queue[6];
    int kicks[2], calls[2];

    assert_int_equal(pipe(kicks), 0);
    assert_int_equal(pipe(calls), 0);
    assert_int_equal(vq_workers_set_kick(f->workers, 6, kicks[0], false), VQ_OK);
    assert_int_equal(vq_workers_set_call(f->workers, 6, calls[1]), VQ_OK);
    serve(f, 6);
    close(kicks[1]);
    close(calls[0]);
    /* It would be awake for ever if it minded the dead descriptor. */
    unsigned runs = atomic_load(&q->runs);
    bool still = false;
    for (unsigned i = 0; i < 200 && !still; i++) {
        nanosleep(&(struct timespec){0, 50000000}, NULL);
        still = atomic_load(&q->runs) == runs;
        runs = atomic_load(&q->runs);
    }
    assert_true(still);
    /* A new one brings the ring back to life. */
    int kick_fd = eventfd(0, 0);
    atomic_store(&q->available, 2);
    assert_int_equal(vq_workers_set_kick(f->workers, 6, kick_fd, false), VQ_OK);
    assert_true(reaches(&q->done, 2));
    release(f, 6);
    close(kicks[0]);
    close(calls[1]);
    close(kick_fd);
}

/* The other end may make a shared descriptor blocking again, and fill it. */
static void blocking_call(void **state)
{
    struct fixture *f = *state;
    struct counted *q = &f->model.queue[7];
    int call_fd = eventfd(0, 0), kick_fd = eventfd(0, 0);
    uint64_t full = UINT64_C(0xfffffffffffffffe);

    assert_int_equal(vq_workers_set_kick(f->workers, 7, kick_fd, false), VQ_OK);
    assert_int_equal(vq_workers_set_call(f->workers, 7, call_fd), VQ_OK);
    assert_int_equal(fcntl(call_fd, F_SETFL, 0), 0);
    assert_int_equal(write(call_fd, &full, sizeof(full)), sizeof(full));
    atomic_store(&q->available, 1);
    serve(f, 7);
    assert_true(reaches(&q->done, 1));
    assert_int_equal(vq_workers_stop(f->workers, 7, NULL), VQ_OK);
    release(f, 7);
    close(call_fd);
    close(kick_fd);
}

/* Who is told that a queue broke has descriptors of the other end, too. */
static void blocking_report(void **state)
{
    struct fixture *f = *state;
    int never[2];

    assert_int_equal(pipe(never), 0);
    atomic_store(&f->model.blocks, never[0]);
    atomic_store(&f->model.queue[5].breaks, true);
    serve(f, 5);
    assert_true(reaches(&f->model.queue[5].runs, 1));
    assert_int_equal(vq_workers_stop(f->workers, 5, NULL), VQ_OK);
    assert_true(reaches(&f->model.broken[5], 1));
    close(never[0]);
    close(never[1]);
}

/* A back end that hangs holds up whoever stops its queue, but not in silence. */
static void hanging_stop(void **state)
{
    struct fixture *f = *state;
    struct counted *q = &f->model.queue[5];
    struct vq_position position;

    atomic_store(&q->slow, true);
    atomic_store(&q->available, 3);
    serve(f, 5);
    /* Taken: enabling is a round trip to a worker that has run the queue before. */
    while (atomic_load(&q->runs) == 0)
        nanosleep(&(struct timespec){0, 500000}, NULL);
    assert_int_equal(vq_workers_enable(f->workers, 5, true), VQ_OK);
    atomic_store(&q->hangs, 2);
    assert_int_equal(vq_workers_stop(f->workers, 5, &position), VQ_OK);
    assert_true(atomic_load(&f->model.slow[5]) >= 2);
    assert_int_equal(f->model.slow_in_flight, 3);
    assert_int_equal(position.next_available, 3);
    assert_int_equal(atomic_load(&q->done), 3);
}

static void broken_alone(void **state)
{
    struct fixture *f = *state;
    struct counted *bad = &f->model.queue[8], *good = &f->model.queue[11];
    int kick_bad = eventfd(0, 0), kick_good = eventfd(0, 0);

    /* Both on one worker of three. */
    assert_int_equal(8 % vq_workers_threads(f->workers), 11 % vq_workers_threads(f->workers));
    for (unsigned i = 0; i < 2; i++) {
        uint16_t queue = i ? 11 : 8;
        assert_int_equal(vq_workers_set_kick(f->workers, queue, i ? kick_good : kick_bad, false),
                         VQ_OK);
        serve(f, queue);
    }
    atomic_store(&bad->breaks, true);
    atomic_store(&bad->available, 5);
    kick(kick_bad);
    assert_true(reaches(&f->model.broken[8], 1));
    for (unsigned i = 1; i < 100; i++) {
        kick(kick_bad);
        atomic_store(&good->available, i);
        kick(kick_good);
        assert_true(reaches(&good->done, i));
    }
    assert_int_equal(atomic_load(&f->model.broken[8]), 1);
    assert_int_equal(atomic_load(&f->model.broken[11]), 0);
    assert_int_equal(atomic_load(&bad->done), 0);
    /* A fresh start makes it well again. */
    assert_int_equal(vq_workers_stop(f->workers, 8, NULL), VQ_OK);
    atomic_store(&bad->breaks, false);
    serve(f, 8);
    assert_true(reaches(&bad->done, 5));
    release(f, 8);
    release(f, 11);
    close(kick_bad);
    close(kick_good);
}

static void new_call(void **state)
{
    struct fixture *f = *state;
    int first = eventfd(0, EFD_NONBLOCK), second = eventfd(0, EFD_NONBLOCK);

    assert_int_equal(vq_workers_set_call(f->workers, 9, first), VQ_OK);
    assert_false(signalled(first, 0));
    serve(f, 9);
    assert_int_equal(vq_workers_set_call(f->workers, 9, second), VQ_OK);
    close(first);
    assert_true(signalled(second, 0));
    atomic_store(&f->model.queue[9].available, 1);
    vq_workers_kick(f->workers, 9);
    assert_true(signalled(second, 10000));
    assert_int_equal(vq_workers_set_call(f->workers, 9, -1), VQ_OK);
    close(second);
    atomic_store(&f->model.queue[9].available, 2);
    vq_workers_kick(f->workers, 9);
    assert_true(reaches(&f->model.called[9], 1));
}

static void nobody_kicks(void **state)
{
    struct fixture *f = *state;
    struct counted *q = &f->model.queue[10];

    assert_int_equal(vq_workers_set_kick(f->workers, 10, -1, true), VQ_OK);
    serve(f, 10);
    for (unsigned i = 1; i < 50; i++) {
        atomic_store(&q->available, i);
        assert_true(reaches(&q->done, i));
    }
}

static void many_while_busy(void **state)
{
    struct fixture *f = *state;

    for (uint16_t i = 0; i < QUEUES; i++) {
        assert_int_equal(vq_workers_set_kick(f->workers, i, -1, true), VQ_OK);
    }
    for (unsigned round = 1; round <= 30; round++) {
        for (uint16_t i = 0; i < QUEUES; i++) {
            struct vq_device_config c = config;
            c.next_available = (uint16_t)atomic_load(&f->model.queue[i].done);
            atomic_store(&f->model.queue[i].available, round * 500);
            assert_int_equal(vq_workers_start(f->workers, i, &c), VQ_OK);
            assert_int_equal(vq_workers_enable(f->workers, i, true), VQ_OK);
            vq_workers_kick(f->workers, i);
        }
        for (uint16_t i = 0; i < QUEUES; i += 2)
            assert_true(reaches(&f->model.queue[i].done, round * 500));
        for (uint16_t i = 0; i < QUEUES; i++) {
            struct vq_position position;
            assert_int_equal(vq_workers_stop(f->workers, i, &position), VQ_OK);
            assert_int_equal(position.next_available, atomic_load(&f->model.queue[i].done));
        }
    }
}

static void refused(void **state)
{
    struct fixture *f = *state;
    struct vq_device_config none = {.size = 0};

    assert_int_equal(vq_workers_start(f->workers, QUEUES, &config), VQ_ERR_RANGE);
    assert_int_equal(vq_workers_set_kick(f->workers, 0xffff, -1, false), VQ_ERR_RANGE);
    assert_int_equal(vq_workers_start(f->workers, 0, &none), VQ_ERR_SIZE);
    assert_false(vq_workers_started(f->workers, 0));
    assert_int_equal(vq_workers_stop(f->workers, 0, NULL), VQ_ERR_STATE);
    vq_workers_kick(f->workers, 0xffff);
}

/* What a window does when work comes so long after the former: sleeps, in 1000 times. */
static unsigned sleeps(uint64_t wait_ns, uint32_t longest_us)
{
    struct vq_poll_window w;
    unsigned count = 0;

    vq_poll_window_init(&w, longest_us);
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(w.now_ns <= w.longest_ns);
        if (wait_ns < w.now_ns) {
            vq_poll_window_found(&w);
        } else {
            vq_poll_window_slept(&w, wait_ns + 50000);
            count++;
        }
    }
    return count;
}

/* How much of the time a window polls in vain, in nanoseconds a wait. */
static uint64_t wasted(uint64_t wait_ns, uint32_t longest_us)
{
    struct vq_poll_window w;
    uint64_t sum = 0;

    vq_poll_window_init(&w, longest_us);
    for (unsigned i = 0; i < 1000; i++) {
        sum += w.now_ns;
        vq_poll_window_slept(&w, wait_ns + 50000);
    }
    return sum / 1000;
}

static void window(void **state)
{
    (void)state;
    /* Short waits are polled away. */
    assert_true(sleeps(1000, 50) < 10);
    assert_true(sleeps(40000, 50) < 20);
    /* Waits that are longer than a poll may last are slept through, soon. */
    assert_int_equal(sleeps(60000, 50), 1000);
    assert_true(wasted(60000, 50) < 10000);
    assert_true(wasted(10000000, 50) < 1000);
    assert_int_equal(sleeps(0, 0), 1000);
    assert_int_equal(wasted(0, 0), 0);
}

#define CASE(fn, name)          VQ_TEST_FIXTURE(fn, set_up, tear_down, name)
#define CASE_SLEEPING(fn, name) VQ_TEST_FIXTURE(fn, set_up_sleeping, tear_down, name " (no poll)")

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(kick_to_signal, "a kick leads to a signal, and a stopped ring is left alone "
                             "[VU-BE-RING-03 VU-BE-RING-13]"),
        CASE_SLEEPING(kick_to_signal, "a kick leads to a signal, and a stopped ring is left alone"),
        CASE(waiting_at_start,
             "what waits at the start is served without a kick [VU-BE-RING-11 VU-BE-RING-12]"),
        CASE(disabled, "a disabled ring is not looked at until it is enabled [VU-BE-RING-16]"),
        CASE(sleeps_when_idle, "an idle worker sleeps, and a kick wakes it"),
        CASE(completes_later, "completions wake it; a stop waits for them [VU-BE-BASE-04]"),
        CASE_SLEEPING(completes_later, "completions wake it; a stop waits for them"),
        CASE(pipes, "pipes do as well as eventfds, full ones too [VU-BE-TRANS-02 VU-BE-TRANS-05]"),
        CASE(hang_up, "a kick descriptor that hung up is dropped, a new one looked at "
                      "[VU-BE-RING-22]"),
        CASE(blocking_call, "a call descriptor that blocks cannot hold up a stop "
                            "[VU-BE-TRANS-05]"),
        CASE(blocking_report, "a report of a broken queue that blocks cannot hold up a stop"),
        CASE(hanging_stop, "a stop that has to wait for a back end says so, and for how many"),
        CASE(broken_alone, "a broken queue is reported once, its neighbours live "
                           "[VU-BE-KICK-05]"),
        CASE(new_call, "a new call descriptor of a running ring is signalled once "
                       "[VU-BE-RING-20 VU-BE-RING-21]"),
        CASE(nobody_kicks, "a ring without kicks is polled [VU-BE-KICK-02]"),
        CASE(many_while_busy, "many queues start and stop under load, each on its own thread"),
        CASE_SLEEPING(many_while_busy, "many queues start and stop under load"),
        VQ_TEST(window, "the poll grows with short waits, and gives up on long ones"),
        CASE(refused, "queues that do not exist and configurations that do not work are refused"),
    };
    return VQ_RUN(tests);
}
