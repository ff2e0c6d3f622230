/*
 * What it costs that one processor writes a line, the other sees it and answers:
 * the best of many short runs, so that a processor which was taken away for a
 * while does not count.
 */
#include "bench_ring.h"

#include <pthread.h>

enum {
    ROUND_TRIPS = 100,
    RUNS_WANTED = 50,
    ROUND_TRIP_NS = 300000000, /* for these, or */
    PATIENCE_NS = 2000000000,  /* where others use the processors */
    TOO_LONG_NS = 20000,       /* no line takes this long: the threads never ran at once */
    BALL_END = 1 << 20,
};

static _Alignas(LINES) atomic_uint ball;

static void *answer(void *nothing)
{
    unsigned now;

    (void)bench_pin(1);
    while ((now = atomic_load_explicit(&ball, memory_order_acquire)) != BALL_END) {
        if (now & 1)
            atomic_store_explicit(&ball, now + 1, memory_order_release);
        else
            ring_relax();
    }
    return nothing;
}

double ring_round_trip(void)
{
    uint64_t begin = vq_clock_ns();
    unsigned runs = 0;
    double best = 0;
    pthread_t thread;

    if (bench_processors() < 2 || !bench_pin(0))
        return 0;
    atomic_store(&ball, 0);
    if (pthread_create(&thread, NULL, answer, NULL) != 0)
        return 0;
    for (;;) {
        uint64_t start = vq_clock_ns();
        double each;

        if (start - begin > (runs < RUNS_WANTED ? PATIENCE_NS : ROUND_TRIP_NS))
            break;
        runs++;
        for (unsigned i = 0; i < ROUND_TRIPS; i++) {
            atomic_store_explicit(&ball, 2 * i + 1, memory_order_release);
            while (atomic_load_explicit(&ball, memory_order_acquire) != 2 * i + 2)
                ring_relax();
        }
        each = (double)(vq_clock_ns() - start) / ROUND_TRIPS;
        if (best == 0 || each < best)
            best = each;
    }
    atomic_store(&ball, BALL_END);
    (void)pthread_join(thread, NULL);
    return best < TOO_LONG_NS ? best : 0;
}
