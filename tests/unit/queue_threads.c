/*
 * A thread at each end of a queue. Each sleeps when the other has nothing for it,
 * and wakes only when it is notified: a wake-up that is lost shows as a hang,
 * which an alarm ends. No end shares anything with the other but the ring, the
 * data of its buffers and the two bells.
 */
#define _GNU_SOURCE /* eventfd and alarm beside C11 */
#include "queue_pair.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BATCH = 16, ROUNDS = 60000, MOMENTS = 100000, SECONDS = 100 };

struct run {
    struct queue_pair *p;
    int kick, signal;
    uint32_t buffers, batch;
    uint64_t kicks, signals, sleeps;
};

static void ring_bell(int fd)
{
    const uint64_t one = 1;
    if (write(fd, &one, sizeof(one)) != sizeof(one))
        abort();
}

static void wait_for_bell(int fd)
{
    uint64_t count;
    while (read(fd, &count, sizeof(count)) != sizeof(count))
        if (errno != EINTR)
            abort();
}

/* Answers each number with its complement. */
static void *device(void *argument)
{
    struct run *run = argument;
    struct vq_device_queue *q = &run->p->device;
    struct vq_segment segments[BATCH][2];
    struct vq_buffer buffer[BATCH], *buffers[BATCH];
    uint32_t served = 0;

    for (unsigned i = 0; i < BATCH; i++) {
        buffer[i] = (struct vq_buffer){.segments = segments[i], .room = 2};
        buffers[i] = &buffer[i];
    }
    vq_device_disable_notifications(q);
    while (served < run->buffers) {
        struct vq_used used[BATCH];
        size_t n = vq_device_pop(q, buffers, run->batch);
        if (n == 0) {
            if (vq_device_broken(q))
                break;
            if (!vq_device_enable_notifications(q))
                wait_for_bell(run->kick);
            vq_device_disable_notifications(q);
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            uint32_t number;
            memcpy(&number, segments[i][0].base, sizeof(number));
            number = ~number;
            memcpy(segments[i][1].base, &number, sizeof(number));
            used[i] = (struct vq_used){buffer[i].id, sizeof(number)};
        }
        if (vq_device_push(q, used, n) != VQ_OK)
            break;
        if (vq_device_publish(q)) {
            run->signals++;
            ring_bell(run->signal);
        }
        served += (uint32_t)n;
    }
    return NULL;
}

static void driver(struct run *run)
{
    struct queue_pair *p = run->p;
    struct vq_driver_queue *q = &p->driver;
    uint32_t sent = 0, got = 0, expected[64];

    vq_driver_disable_notifications(q);
    while (got < run->buffers) {
        struct vq_done done[BATCH];
        uint32_t n = 0;
        size_t back;

        /* A buffer's place in the data follows its id, which add gives: look before. */
        while (sent < run->buffers && n < run->batch && vq_driver_free(q) >= 2) {
            uint16_t next = q->free_head;
            uint64_t at = PAIR_DATA + 8u * next;
            struct vq_element e[2] = {{at, 4}, {at + 4, 4}};
            memcpy(pair_host(p, at), &sent, sizeof(sent));
            EXPECT_EQ(p, vq_driver_add(q, e, 1, 1), next);
            expected[next] = ~sent;
            sent++;
            n++;
        }
        if (vq_driver_publish(q)) {
            run->kicks++;
            ring_bell(run->kick);
        }
        back = vq_driver_get(q, done, run->batch);
        for (size_t i = 0; i < back; i++) {
            uint32_t number;
            memcpy(&number, pair_host(p, PAIR_DATA + 8u * done[i].id + 4), sizeof(number));
            EXPECT_EQ(p, number, expected[done[i].id]);
            EXPECT_EQ(p, done[i].written, 4);
        }
        got += (uint32_t)back;
        EXPECT_EQ(p, vq_driver_broken(q), VQ_NOT_BROKEN);
        if (back == 0) {
            if (!vq_driver_enable_notifications(q)) {
                run->sleeps++;
                wait_for_bell(run->signal);
            }
            vq_driver_disable_notifications(q);
        }
    }
}

static void two_threads(const struct pair_options *options, uint32_t batch)
{
    struct queue_pair p;
    struct run run = {.p = &p, .buffers = ROUNDS, .batch = batch};
    pthread_t thread;

    pair_open(&p, *options);
    run.kick = eventfd(0, EFD_CLOEXEC);
    run.signal = eventfd(0, EFD_CLOEXEC);
    assert_true(run.kick >= 0 && run.signal >= 0);
    (void)alarm(SECONDS);
    assert_int_equal(pthread_create(&thread, NULL, device, &run), 0);
    driver(&run);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)alarm(0);
    EXPECT_EQ(&p, vq_device_broken(&p.device), VQ_NOT_BROKEN);
    EXPECT_EQ(&p, p.device.outstanding, 0);
    close(run.kick);
    close(run.signal);
    pair_close(&p);
}

static void with_flags(void **state)
{
    (void)state;
    two_threads(&(struct pair_options){.size = 16, .start = 60000}, 1);
    two_threads(&(struct pair_options){.size = 2, .start = 60000}, 1);
    two_threads(&(struct pair_options){.size = 64, .start = 60000, .big = true}, BATCH);
}

static void with_event_idx(void **state)
{
    (void)state;
    two_threads(&(struct pair_options){.size = 16, .start = 60000, .event_idx = true}, 1);
    two_threads(&(struct pair_options){.size = 2, .start = 60000, .event_idx = true}, 1);
    two_threads(&(struct pair_options){.size = 64, .start = 60000, .event_idx = true, .big = true},
                BATCH);
}

static void packed(void **state)
{
    (void)state;
    for (unsigned event = 0; event < 2; event++) {
        two_threads(
            &(struct pair_options){.format = PAIR_PACKED, .size = 15, .event_idx = event != 0}, 1);
        two_threads(
            &(struct pair_options){.format = PAIR_PACKED, .size = 64, .event_idx = event != 0},
            BATCH);
    }
}

/*
 * The moment itself, over and over: one end publishes while the other says that
 * it wants to hear of it and looks once more. At least one of the two must see
 * the other, which takes a full fence on both sides.
 */
struct moment {
    struct queue_pair *p;
    atomic_uint arrived;
    uint32_t rounds;
    bool pending, signal;
};

/* Both threads have come here `count` times. Spins: the two must leave together. */
static void meet(struct moment *m, uint32_t *count)
{
    uint32_t spins = 0;

    *count += 2;
    atomic_fetch_add(&m->arrived, 1);
    while ((int32_t)(atomic_load(&m->arrived) - *count) < 0)
        if (++spins % 1024 == 0)
            (void)sched_yield();
}

static void linger(uint32_t turns)
{
    for (volatile uint32_t i = 0; i < turns; i++)
        ;
}

static void *moments_of_the_device(void *argument)
{
    struct moment *m = argument;
    struct queue_pair *p = m->p;
    uint32_t count = 0;

    for (uint32_t i = 0; i < m->rounds; i++) {
        vq_device_disable_notifications(&p->device);
        meet(m, &count);
        linger(i % 13);
        m->pending = vq_device_enable_notifications(&p->device);
        meet(m, &count);
        (void)pair_pop(p);
        (void)pair_push(p, p->buffer.id, 0);
        meet(m, &count);
        linger(i % 7);
        m->signal = vq_device_publish(&p->device);
        meet(m, &count);
    }
    return NULL;
}

static void moments(const struct pair_options *options)
{
    struct queue_pair p;
    struct moment m = {.p = &p, .rounds = MOMENTS};
    struct vq_element e = {PAIR_DATA, 4};
    uint32_t count = 0, missed = 0;
    pthread_t thread;

    pair_open(&p, *options);
    (void)alarm(SECONDS);
    assert_int_equal(pthread_create(&thread, NULL, moments_of_the_device, &m), 0);
    for (uint32_t i = 0; i < MOMENTS; i++) {
        struct vq_done done;
        bool kick, pending;

        (void)vq_driver_add(&p.driver, &e, 1, 0);
        vq_driver_disable_notifications(&p.driver);
        meet(&m, &count);
        linger(i % 7);
        kick = vq_driver_publish(&p.driver);
        meet(&m, &count);
        missed += !kick && !m.pending;
        meet(&m, &count);
        linger(i % 13);
        pending = vq_driver_enable_notifications(&p.driver);
        meet(&m, &count);
        missed += !pending && !m.signal;
        (void)vq_driver_get(&p.driver, &done, 1);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)alarm(0);
    EXPECT_EQ(&p, missed, 0);
    EXPECT_EQ(&p, vq_device_broken(&p.device), VQ_NOT_BROKEN);
    EXPECT_EQ(&p, vq_driver_broken(&p.driver), VQ_NOT_BROKEN);
    pair_close(&p);
}

static void split_moments(void **state)
{
    (void)state;
    moments(&(struct pair_options){.size = 64, .start = 60000});
    moments(&(struct pair_options){.size = 64, .start = 60000, .event_idx = true});
}

static void packed_moments(void **state)
{
    (void)state;
    moments(&(struct pair_options){.format = PAIR_PACKED, .size = 64});
    moments(&(struct pair_options){.format = PAIR_PACKED, .size = 64, .event_idx = true});
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(split_moments, "a publish and a wish at the same moment see each other "
                               "[SPLIT-DRV-SUPPLY-06 SPLIT-DRV-SUPPLY-07 BUG-83]"),
        VQ_TEST(packed_moments, "and on a packed ring [PACKED-DRV-SUPPLY-03 BUG-83]"),
        VQ_TEST(with_flags, "two threads that sleep, woken by flags, lose no wake-up and see "
                            "what was written first [SPLIT-DRV-SUPPLY-05 BUG-84]"),
        VQ_TEST(with_event_idx, "woken by event indices across the wrap"),
        VQ_TEST(packed, "and over packed rings [PACKED-DRV-SUPPLY-02]"),
    };
    return VQ_RUN(tests);
}
