/*
 * vq bench ring with two threads, a driver's and a device's, each on a processor of
 * its own: mostly the cost of moving cache lines between the two. Both poll; with
 * notifications on, an end that finds nothing for a while asks for one, sleeps, and
 * is woken.
 */
#include "bench_ring.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

enum { SPINS = 2000 }; /* looks at an idle ring before sleeping */

static void ring_bell(int fd)
{
    const uint64_t one = 1;
    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void wait_for_bell(int fd)
{
    uint64_t count;
    while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

static void *device_thread(void *argument)
{
    static struct ring_batch d;
    struct ring_bench *b = argument;
    const struct ring_options *o = b->o;
    uint64_t served = 0;
    unsigned spins = 0;

    (void)bench_pin(1);
    ring_prepare(&d);
    vq_device_disable_notifications(&b->device);
    while (served < o->count && !vq_device_broken(&b->device)) {
        size_t n = vq_device_pop(&b->device, d.buffers, (size_t)o->batch);
        if (n == 0) {
            ring_relax();
            if (o->notify != NOTIFY_NONE && ++spins >= SPINS) {
                if (!vq_device_enable_notifications(&b->device))
                    wait_for_bell(b->kick);
                vq_device_disable_notifications(&b->device);
                spins = 0;
            }
            continue;
        }
        spins = 0;
        if (!ring_push(b, &d, n))
            break;
        if (o->notify == NOTIFY_NONE) {
            vq_device_publish_polled(&b->device);
        } else if (vq_device_publish(&b->device)) {
            b->signals++;
            ring_bell(b->signal);
        }
        served += n;
    }
    return NULL;
}

static void driver_thread(struct ring_bench *b)
{
    const struct ring_options *o = b->o;
    struct vq_done done[BATCH_MAX];
    uint64_t sent = 0, got = 0;
    unsigned spins = 0;

    vq_driver_disable_notifications(&b->driver);
    while (got < o->count && !vq_driver_broken(&b->driver)) {
        size_t n = 0;
        while (n < o->batch && sent < o->count && ring_add(b) >= 0) {
            n++;
            sent++;
        }
        if (o->notify == NOTIFY_NONE) {
            vq_driver_publish_polled(&b->driver);
        } else if (vq_driver_publish(&b->driver)) {
            b->kicks++;
            ring_bell(b->kick);
        }
        n = vq_driver_get(&b->driver, done, (size_t)o->batch);
        got += n;
        if (n != 0) {
            spins = 0;
            continue;
        }
        ring_relax();
        if (o->notify != NOTIFY_NONE && ++spins >= SPINS) {
            if (!vq_driver_enable_notifications(&b->driver))
                wait_for_bell(b->signal);
            vq_driver_disable_notifications(&b->driver);
            spins = 0;
        }
    }
    b->failed = got < o->count;
}

uint64_t ring_together(struct ring_bench *b)
{
    pthread_t thread;
    uint64_t start = vq_clock_ns();

    if (pthread_create(&thread, NULL, device_thread, b) != 0) {
        fputs("vq bench ring: cannot start a thread\n", stderr);
        b->failed = true;
        return 0;
    }
    driver_thread(b);
    if (b->failed)
        vq_device_break(&b->device, VQ_BROKEN_BY_OWNER);
    (void)pthread_join(thread, NULL);
    return vq_clock_ns() - start;
}
