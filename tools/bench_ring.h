/*
 * What the files of `vq bench ring` share: what is asked, a queue with both of its
 * ends, and the ways to run it.
 */
#ifndef VQ_TOOLS_BENCH_RING_H
#define VQ_TOOLS_BENCH_RING_H

#include "bench.h"

#include <stdatomic.h>
#include <stdio.h>

#include <vq/device.h>
#include <vq/driver.h>
#include <vq/layout.h>

enum {
    BATCH_MAX = 256,
    DATA_BYTES = 64,       /* of each element */
    RING_SWEEP_BATCH = 64, /* the largest of a sweep */
    LINES = 128,           /* two cache lines: processors fetch them in pairs */
};

enum notify { NOTIFY_NONE, NOTIFY_FLAG, NOTIFY_EVENT_IDX };
extern const char *const ring_notify_words[3];

struct ring_options {
    enum vq_format format;
    bool big, indirect, in_order, json, apart;
    enum notify notify;
    uint64_t threads, batch, size, count, elements;
};

struct ring_bench {
    const struct ring_options *o;
    /* What each end writes, it alone has in its cache. */
    _Alignas(LINES) struct vq_driver_queue driver;
    uint64_t kicks;
    _Alignas(LINES) struct vq_device_queue device;
    uint64_t signals;
    _Alignas(LINES) struct vq_region region;
    struct vq_memory memory;
    void *blocks[8];
    unsigned block_count;
    struct vq_element elements[2];
    int kick, signal;
    /* --apart: nanoseconds in each of the phases. */
    uint64_t add_ns, pop_ns, push_ns, get_ns;
    bool failed;
};

/* What a run came to. */
struct ring_result {
    double ns_per_buffer, kicks, signals; /* of each buffer */
    double add_ns, pop_ns, push_ns, get_ns;
};

/* Makes a queue and both of its ends; unmake in any case. */
bool ring_make(struct ring_bench *b);
void ring_unmake(struct ring_bench *b);

/* Room for a batch at the device's end. */
struct ring_batch {
    struct vq_segment segments[BATCH_MAX][2];
    struct vq_buffer buffer[BATCH_MAX];
    struct vq_buffer *buffers[BATCH_MAX];
    struct vq_used used[BATCH_MAX];
};

/* The driver adds one buffer; its id or a negative error. */
static inline int ring_add(struct ring_bench *b)
{
    return b->o->elements == 2 ? vq_driver_add(&b->driver, b->elements, 1, 1)
                               : vq_driver_add(&b->driver, b->elements, 0, 1);
}

void ring_prepare(struct ring_batch *d);
bool ring_push(struct ring_bench *b, struct ring_batch *d, size_t n);

/* Moves all buffers with one thread at both ends, or with one for each; how long it took. */
uint64_t ring_alone(struct ring_bench *b);
uint64_t ring_together(struct ring_bench *b);

/* Both of these in one; false after it has said on standard error what is wrong. */
bool ring_measure(const struct ring_options *o, struct ring_result *result);

/* Nanoseconds for a cache line there and back, 0 where two threads cannot run at once. */
double ring_round_trip(void);

void ring_report(const struct ring_options *o, const struct ring_result *result, double round_trip);
const char *ring_format_word(const struct ring_options *o);

/* Measures formats and batches, as `o` says for the rest, and draws them into a file. */
int ring_sweep(const struct ring_options *o, const char *path);

static inline void ring_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

#endif
