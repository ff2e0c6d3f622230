/*
 * vq bench ring with one thread, which plays both ends in turn: the cost of the
 * code, with all of it in one cache. Notifications are decided and counted; there is
 * nobody to wake.
 */
#include "bench_ring.h"

/* What reading the clock costs must not count as a phase. */
static void subtract_clock(struct ring_bench *b)
{
    enum { READS = 20000 };
    uint64_t start = vq_clock_ns(), batches = (b->o->count + b->o->batch - 1) / b->o->batch, cost;
    uint64_t *phase[] = {&b->add_ns, &b->pop_ns, &b->push_ns, &b->get_ns};

    for (unsigned i = 1; i < READS; i++)
        (void)vq_clock_ns();
    cost = (vq_clock_ns() - start) * batches / READS;
    for (unsigned i = 0; i < 4; i++)
        *phase[i] = *phase[i] > cost ? *phase[i] - cost : 0;
}

uint64_t ring_alone(struct ring_bench *b)
{
    static struct ring_batch d;
    struct vq_done done[BATCH_MAX];
    const struct ring_options *o = b->o;
    size_t batch = (size_t)o->batch;
    bool wish = o->notify != NOTIFY_NONE;
    uint64_t start;

    ring_prepare(&d);
    if (!wish) {
        vq_driver_disable_notifications(&b->driver);
        vq_device_disable_notifications(&b->device);
    }
    start = vq_clock_ns();
    for (uint64_t sent = 0; sent < o->count && !b->failed; sent += batch) {
        uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0;
        bool ok = true;

        if (o->apart)
            t0 = vq_clock_ns();
        for (size_t i = 0; i < batch; i++)
            ok &= ring_add(b) >= 0;
        b->kicks += vq_driver_publish(&b->driver);
        if (o->apart)
            t1 = vq_clock_ns();
        ok &= vq_device_pop(&b->device, d.buffers, batch) == batch;
        if (o->apart)
            t2 = vq_clock_ns();
        ok &= ring_push(b, &d, batch);
        b->signals += vq_device_publish(&b->device);
        if (wish)
            (void)vq_device_enable_notifications(&b->device);
        if (o->apart)
            t3 = vq_clock_ns();
        ok &= vq_driver_get(&b->driver, done, batch) == batch;
        if (wish)
            (void)vq_driver_enable_notifications(&b->driver);
        if (o->apart) {
            b->add_ns += t1 - t0;
            b->pop_ns += t2 - t1;
            b->push_ns += t3 - t2;
            b->get_ns += vq_clock_ns() - t3;
        }
        b->failed = !ok;
    }
    if (!o->apart)
        return vq_clock_ns() - start;
    subtract_clock(b);
    return b->add_ns + b->pop_ns + b->push_ns + b->get_ns;
}
