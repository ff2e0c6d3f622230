/*
 * vq bench ring: what one buffer costs on its way through a queue and back. It has
 * one readable and one writable element; nobody touches the data.
 *
 * With one thread that plays both ends, the cost is that of the code. With two
 * threads on two processors it is mostly that of moving cache lines between them,
 * so the same run measures what one such move costs. Both ends poll; with
 * notifications on they ask for one, sleep, and are woken, when polling finds
 * nothing for a while.
 */
#include "bench.h"
#include "vq.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vq/device.h>
#include <vq/driver.h>
#include <vq/layout.h>

enum {
    BATCH_MAX = 256,
    DATA_BYTES = 64, /* of each element */
    LINES = 128,     /* two cache lines: processors fetch them in pairs */
    SPINS = 2000,    /* looks at an idle ring before sleeping */
    ROUND_TRIPS = 500,
    ROUND_TRIP_NS = 300000000,
    BALL_END = 1 << 20,
};

enum notify { NOTIFY_NONE, NOTIFY_FLAG, NOTIFY_EVENT_IDX };
static const char *const notify_words[] = {"none", "flag", "event_idx"};

struct options {
    enum vq_format format;
    bool big, indirect, in_order, json, apart;
    enum notify notify;
    uint64_t threads, batch, size, count;
};

static const char *format_word(const struct options *o)
{
    return o->format == VQ_FORMAT_PACKED ? "packed" : o->big ? "split_big" : "split";
}

struct bench {
    const struct options *o;
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

static void *block(struct bench *b, size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 4096, bytes) != 0)
        return NULL;
    memset(p, 0, bytes);
    b->blocks[b->block_count++] = p;
    return p;
}

static bool make(struct bench *b)
{
    const struct options *o = b->o;
    uint16_t size = (uint16_t)o->size;
    struct vq_layout layout;
    struct vq_driver_config driver = {.size = size, .big_endian = o->big};
    struct vq_device_config device = {.size = size, .big_endian = o->big, .memory = &b->memory};
    uint16_t start = o->format == VQ_FORMAT_PACKED ? 0x8000 : 0;
    uint8_t *data;

    if (vq_layout_init(&layout, o->format, size, 0) != VQ_OK)
        return false;
    if (!o->big)
        vq_feature_set(&driver.features, VQ_F_VERSION_1);
    if (o->format == VQ_FORMAT_PACKED)
        vq_feature_set(&driver.features, VQ_F_RING_PACKED);
    if (o->notify == NOTIFY_EVENT_IDX)
        vq_feature_set(&driver.features, VQ_F_EVENT_IDX);
    driver.descriptor_area = block(b, layout.part[VQ_DESCRIPTOR_AREA].bytes);
    driver.driver_area = block(b, layout.part[VQ_DRIVER_AREA].bytes);
    driver.device_area = block(b, layout.part[VQ_DEVICE_AREA].bytes);
    driver.slots = block(b, size * sizeof(*driver.slots));
    device.in_flight = block(b, size * sizeof(*device.in_flight));
    /* Buffer data first, then the tables: one region, as a guest has it. */
    data = block(b, 4096 + 32u * (size_t)size);
    if (!data || !device.in_flight || !driver.slots || !driver.device_area || !driver.driver_area ||
        !driver.descriptor_area)
        return false;
    if (o->in_order) {
        vq_feature_set(&driver.features, VQ_F_IN_ORDER);
        device.order = block(b, size * sizeof(*device.order));
        if (!device.order)
            return false;
    }
    if (o->indirect) {
        vq_feature_set(&driver.features, VQ_F_INDIRECT_DESC);
        driver.indirect_tables = data + 4096;
        driver.indirect_address = 0x100000 + 4096;
        driver.indirect_entries = 2;
    }
    b->region = (struct vq_region){0x100000, 4096 + 32u * (uint64_t)size, data, VQ_READ | VQ_WRITE};
    b->elements[0] = (struct vq_element){0x100000, DATA_BYTES};
    b->elements[1] = (struct vq_element){0x100000 + DATA_BYTES, DATA_BYTES};
    device.features = driver.features;
    device.descriptor_area = driver.descriptor_area;
    device.driver_area = driver.driver_area;
    device.device_area = driver.device_area;
    device.next_available = device.next_used = start;
    if (vq_memory_init(&b->memory, &b->region, 1) != VQ_OK ||
        vq_driver_init(&b->driver, &driver) != VQ_OK ||
        vq_device_init(&b->device, &device) != VQ_OK)
        return false;
    b->kick = eventfd(0, EFD_CLOEXEC);
    b->signal = eventfd(0, EFD_CLOEXEC);
    return b->kick >= 0 && b->signal >= 0;
}

static void unmake(struct bench *b)
{
    for (unsigned i = 0; i < b->block_count; i++)
        free(b->blocks[i]);
    if (b->kick > 0)
        close(b->kick);
    if (b->signal > 0)
        close(b->signal);
}

struct device_batch {
    struct vq_segment segments[BATCH_MAX][2];
    struct vq_buffer buffer[BATCH_MAX];
    struct vq_buffer *buffers[BATCH_MAX];
    struct vq_used used[BATCH_MAX];
};

static void prepare(struct device_batch *d)
{
    for (unsigned i = 0; i < BATCH_MAX; i++) {
        d->buffer[i] = (struct vq_buffer){.segments = d->segments[i], .room = 2};
        d->buffers[i] = &d->buffer[i];
    }
}

static bool push(struct bench *b, struct device_batch *d, size_t n)
{
    for (size_t i = 0; i < n; i++)
        d->used[i] = (struct vq_used){d->buffer[i].id, DATA_BYTES};
    return vq_device_push(&b->device, d->used, n) == VQ_OK;
}

/* Both ends in turn. Notifications are decided and counted; there is nobody to wake. */
static void one_thread(struct bench *b)
{
    static struct device_batch d;
    struct vq_done done[BATCH_MAX];
    const struct options *o = b->o;
    size_t batch = (size_t)o->batch;
    bool wish = o->notify != NOTIFY_NONE;

    prepare(&d);
    if (!wish) {
        vq_driver_disable_notifications(&b->driver);
        vq_device_disable_notifications(&b->device);
    }
    for (uint64_t sent = 0; sent < o->count && !b->failed; sent += batch) {
        uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0;
        bool ok = true;

        if (o->apart)
            t0 = bench_now();
        for (size_t i = 0; i < batch; i++)
            ok &= vq_driver_add(&b->driver, b->elements, 1, 1) >= 0;
        b->kicks += vq_driver_publish(&b->driver);
        if (o->apart)
            t1 = bench_now();
        ok &= vq_device_pop(&b->device, d.buffers, batch) == batch;
        if (o->apart)
            t2 = bench_now();
        ok &= push(b, &d, batch);
        b->signals += vq_device_publish(&b->device);
        if (wish)
            (void)vq_device_enable_notifications(&b->device);
        if (o->apart)
            t3 = bench_now();
        ok &= vq_driver_get(&b->driver, done, batch) == batch;
        if (wish)
            (void)vq_driver_enable_notifications(&b->driver);
        if (o->apart) {
            b->add_ns += t1 - t0;
            b->pop_ns += t2 - t1;
            b->push_ns += t3 - t2;
            b->get_ns += bench_now() - t3;
        }
        b->failed = !ok;
    }
}

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

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

static void *device_thread(void *argument)
{
    static struct device_batch d;
    struct bench *b = argument;
    const struct options *o = b->o;
    uint64_t served = 0;
    unsigned spins = 0;

    (void)bench_pin(1);
    prepare(&d);
    vq_device_disable_notifications(&b->device);
    while (served < o->count && !vq_device_broken(&b->device)) {
        size_t n = vq_device_pop(&b->device, d.buffers, (size_t)o->batch);
        if (n == 0) {
            relax();
            if (o->notify != NOTIFY_NONE && ++spins >= SPINS) {
                if (!vq_device_enable_notifications(&b->device))
                    wait_for_bell(b->kick);
                vq_device_disable_notifications(&b->device);
                spins = 0;
            }
            continue;
        }
        spins = 0;
        if (!push(b, &d, n))
            break;
        if (vq_device_publish(&b->device) && o->notify != NOTIFY_NONE) {
            b->signals++;
            ring_bell(b->signal);
        }
        served += n;
    }
    return NULL;
}

static void driver_thread(struct bench *b)
{
    const struct options *o = b->o;
    struct vq_done done[BATCH_MAX];
    uint64_t sent = 0, got = 0;
    unsigned spins = 0;

    vq_driver_disable_notifications(&b->driver);
    while (got < o->count && !vq_driver_broken(&b->driver)) {
        size_t n = 0;
        while (n < o->batch && sent < o->count &&
               vq_driver_add(&b->driver, b->elements, 1, 1) >= 0) {
            n++;
            sent++;
        }
        if (vq_driver_publish(&b->driver) && o->notify != NOTIFY_NONE) {
            b->kicks++;
            ring_bell(b->kick);
        }
        n = vq_driver_get(&b->driver, done, BATCH_MAX);
        got += n;
        if (n != 0) {
            spins = 0;
            continue;
        }
        relax();
        if (o->notify != NOTIFY_NONE && ++spins >= SPINS) {
            if (!vq_driver_enable_notifications(&b->driver))
                wait_for_bell(b->signal);
            vq_driver_disable_notifications(&b->driver);
            spins = 0;
        }
    }
    b->failed = got < o->count;
}

/*
 * What it costs that one processor writes a line, the other sees it and answers:
 * the best of many short runs, so that a processor which was taken away for a
 * while does not count.
 */
static _Alignas(128) atomic_uint ball;

static void *answer(void *nothing)
{
    unsigned now;

    (void)bench_pin(1);
    while ((now = atomic_load_explicit(&ball, memory_order_acquire)) != BALL_END) {
        if (now & 1)
            atomic_store_explicit(&ball, now + 1, memory_order_release);
        else
            relax();
    }
    return nothing;
}

static double line_round_trip(void)
{
    uint64_t end = bench_now() + ROUND_TRIP_NS;
    double best = 0;
    pthread_t thread;

    atomic_store(&ball, 0);
    if (pthread_create(&thread, NULL, answer, NULL) != 0)
        return 0;
    while (bench_now() < end) {
        uint64_t start = bench_now();
        double each;

        for (unsigned i = 0; i < ROUND_TRIPS; i++) {
            atomic_store_explicit(&ball, 2 * i + 1, memory_order_release);
            while (atomic_load_explicit(&ball, memory_order_acquire) != 2 * i + 2)
                relax();
        }
        each = (double)(bench_now() - start) / ROUND_TRIPS;
        if (best == 0 || each < best)
            best = each;
    }
    atomic_store(&ball, BALL_END);
    (void)pthread_join(thread, NULL);
    return best;
}

static void report(const struct bench *b, uint64_t ns, double round_trip)
{
    const struct options *o = b->o;
    uint64_t batches = (o->count + o->batch - 1) / o->batch;
    double count = (double)(batches * o->batch);
    double each = (double)ns / count;

    if (o->threads == 2)
        each = (double)ns / (double)o->count;
    if (o->json) {
        printf("{\"bench\":\"ring\",\"format\":\"%s\",\"threads\":%" PRIu64 ",\"batch\":%" PRIu64
               ",\"notify\":\"%s\",\"size\":%" PRIu64
               ",\"indirect\":%s,\"in_order\":%s,\"buffers\":%" PRIu64
               ",\"ns_per_buffer\":%.2f,\"kicks_per_buffer\":%.4f,\"signals_per_buffer\":%.4f",
               format_word(o), o->threads, o->batch, notify_words[o->notify], o->size,
               o->indirect ? "true" : "false", o->in_order ? "true" : "false", o->count, each,
               (double)b->kicks / count, (double)b->signals / count);
        if (o->threads == 2)
            printf(",\"line_round_trip_ns\":%.1f", round_trip);
        else
            printf(",\"line_round_trip_ns\":null");
        if (o->apart)
            printf(",\"add_ns\":%.2f,\"pop_ns\":%.2f,\"push_ns\":%.2f,\"get_ns\":%.2f",
                   (double)b->add_ns / count, (double)b->pop_ns / count, (double)b->push_ns / count,
                   (double)b->get_ns / count);
        printf("}\n");
        return;
    }
    printf("%s ring of %" PRIu64 ", %s%s, batches of %" PRIu64 ", notify %s, %s\n", format_word(o),
           o->size, o->indirect ? "indirect" : "direct", o->in_order ? ", in order" : "", o->batch,
           notify_words[o->notify],
           o->threads == 1 ? "one thread at both ends" : "two threads on two processors");
    printf("  %8.2f ns per buffer  (%.2f million a second)\n", each, 1e3 / each);
    if (o->threads == 2)
        printf("  %8.2f ns for a cache line there and back: %.2f of these for a buffer\n",
               round_trip, round_trip > 0 ? each / round_trip : 0);
    if (o->apart)
        printf("  %8.2f ns add and publish\n  %8.2f ns pop\n  %8.2f ns push and publish\n"
               "  %8.2f ns get\n  %8.2f ns the device's end alone (pop and push)\n",
               (double)b->add_ns / count, (double)b->pop_ns / count, (double)b->push_ns / count,
               (double)b->get_ns / count, (double)(b->pop_ns + b->push_ns) / count);
    if (o->notify != NOTIFY_NONE)
        printf("  %8.4f kicks and %.4f signals per buffer\n", (double)b->kicks / count,
               (double)b->signals / count);
}

/* What reading the clock costs must not count as a phase. */
static void subtract_clock(struct bench *b)
{
    enum { READS = 20000 };
    uint64_t start = bench_now(), batches = (b->o->count + b->o->batch - 1) / b->o->batch, cost;
    uint64_t *phase[] = {&b->add_ns, &b->pop_ns, &b->push_ns, &b->get_ns};

    for (unsigned i = 1; i < READS; i++)
        (void)bench_now();
    cost = (bench_now() - start) * batches / READS;
    for (unsigned i = 0; i < 4; i++)
        *phase[i] = *phase[i] > cost ? *phase[i] - cost : 0;
}

static int measure(const struct options *o)
{
    struct bench b = {.o = o, .kick = -1, .signal = -1};
    double round_trip = 0;
    pthread_t thread;
    uint64_t start;

    if (!make(&b)) {
        unmake(&b);
        fputs("vq bench ring: cannot make a queue of this size and format\n", stderr);
        return VQ_EXIT_FAILED;
    }
    if (!bench_pin(0) || (o->threads == 2 && sysconf(_SC_NPROCESSORS_ONLN) < 2))
        fputs("vq bench ring: no processor for each thread; numbers will be strange\n", stderr);
    if (o->threads == 2) {
        round_trip = line_round_trip();
        start = bench_now();
        if (pthread_create(&thread, NULL, device_thread, &b) != 0) {
            unmake(&b);
            fputs("vq bench ring: cannot start a thread\n", stderr);
            return VQ_EXIT_FAILED;
        }
        driver_thread(&b);
        if (b.failed)
            vq_device_break(&b.device, VQ_BROKEN_BY_OWNER);
        (void)pthread_join(thread, NULL);
    } else {
        start = bench_now();
        one_thread(&b);
    }
    start = bench_now() - start;
    if (o->apart) {
        subtract_clock(&b);
        start = b.add_ns + b.pop_ns + b.push_ns + b.get_ns;
    }
    if (!b.failed)
        report(&b, start, round_trip);
    else
        fprintf(stderr, "vq bench ring: the queue broke: %s, %s\n",
                vq_broken_text(vq_driver_broken(&b.driver)),
                vq_broken_text(vq_device_broken(&b.device)));
    unmake(&b);
    return b.failed ? VQ_EXIT_FAILED : VQ_EXIT_OK;
}

static void usage(FILE *to)
{
    fputs("usage: vq bench ring [OPTION...]\n\n"
          "  --threads 1|2    one thread that plays both ends, or one for each (1)\n"
          "  --batch N        buffers at a time (32)\n"
          "  --size N         queue size (256)\n"
          "  --format FORMAT  split, split_big or packed (split)\n"
          "  --indirect       buffers in indirect tables\n"
          "  --in-order       with IN_ORDER: one used element for a batch\n"
          "  --notify HOW     none, flag or event_idx (event_idx)\n"
          "  --count N        buffers in all (2000000)\n"
          "  --apart          times add, pop, push and get each by itself (one thread)\n"
          "  --json           one object on one line\n",
          to);
}

static bool one_of(const char *option, const char *text, const char *const words[], unsigned count,
                   unsigned *which)
{
    for (*which = 0; *which < count; ++*which)
        if (strcmp(text, words[*which]) == 0)
            return true;
    fprintf(stderr, "vq bench ring: %s does not know '%s'\n", option, text);
    return false;
}

int bench_ring(int argc, char **argv)
{
    static const struct option known[] = {
        {"threads", required_argument, NULL, 't'}, {"batch", required_argument, NULL, 'b'},
        {"size", required_argument, NULL, 's'},    {"format", required_argument, NULL, 'f'},
        {"indirect", no_argument, NULL, 'i'},      {"in-order", no_argument, NULL, 'o'},
        {"notify", required_argument, NULL, 'n'},  {"count", required_argument, NULL, 'c'},
        {"apart", no_argument, NULL, 'a'},         {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    static const char *const formats[] = {"split", "split_big", "packed"};
    struct options o = {
        .notify = NOTIFY_EVENT_IDX, .threads = 1, .batch = 32, .size = 256, .count = 2000000};
    unsigned which = 0;
    bool good = true;
    int c;

    optind = 1;
    while (good && (c = getopt_long(argc, argv, "h", known, NULL)) != -1)
        switch (c) {
        case 't':
            good = bench_number("ring", "--threads", optarg, 1, 2, &o.threads);
            break;
        case 'b':
            good = bench_number("ring", "--batch", optarg, 1, BATCH_MAX, &o.batch);
            break;
        case 's':
            good = bench_number("ring", "--size", optarg, 1, VQ_SIZE_MAX, &o.size);
            break;
        case 'c':
            good = bench_number("ring", "--count", optarg, 1, UINT64_MAX / 2, &o.count);
            break;
        case 'f':
            good = one_of("--format", optarg, formats, 3, &which);
            o.format = which == 2 ? VQ_FORMAT_PACKED : VQ_FORMAT_SPLIT;
            o.big = which == 1;
            break;
        case 'n':
            good = one_of("--notify", optarg, notify_words, 3, &which);
            o.notify = (enum notify)which;
            break;
        case 'i':
            o.indirect = true;
            break;
        case 'o':
            o.in_order = true;
            break;
        case 'a':
            o.apart = true;
            break;
        case 'j':
            o.json = true;
            break;
        case 'h':
            usage(stdout);
            return VQ_EXIT_OK;
        default:
            good = false;
        }
    if (!good || optind != argc) {
        usage(stderr);
        return VQ_EXIT_USAGE;
    }
    if (o.apart && o.threads != 1) {
        fputs("vq bench ring: --apart is for one thread\n", stderr);
        return VQ_EXIT_USAGE;
    }
    if (o.batch * (o.indirect ? 1 : 2) > o.size) {
        fprintf(stderr,
                "vq bench ring: %" PRIu64 " buffers at a time do not fit a queue of %" PRIu64
                "; take a larger --size or a smaller --batch\n",
                o.batch, o.size);
        return VQ_EXIT_USAGE;
    }
    return measure(&o);
}
