/*
 * vq bench blk: requests at random places of a disk, so many at a time: of a device
 * in this process, over the loopback, which leaves nothing to measure but the
 * library; or of whichever server listens on a vhost-user socket.
 */
#include "bench.h"
#include "vq.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vq/blk_device.h>
#include <vq/blk_driver.h>
#include <vq/loopback.h>
#include <vq/vhost_user_frontend.h>

#include "host/blk_backend.h"

enum { BATCH = 64, WAIT_MS = 10000, LOOKS = 1 << 16 };
#define ARENA_ADDRESS UINT64_C(0x100000)

struct options {
    const char *socket; /* NULL: in this process */
    bool memory, write, json, poll;
    uint64_t depth, block_size, count, bytes;
};

struct bench {
    const struct options *o;
    struct vq_transport *transport;
    struct vq_vhost_frontend *frontend;
    /* In this process. */
    struct vq_blk_backend *backend;
    struct vq_blk_device device;
    void *device_memory;
    struct vq_loopback loop;
    struct vq_model_queue loop_queue;
    struct vq_region region;
    struct vq_memory map;
    /* The driver's end. */
    struct vq_blk_driver driver;
    struct vq_blk_driver_queue queue;
    void *private_memory;
    uint8_t *arena;
    uint64_t address;
};

static bool complain(const char *what, const char *why)
{
    fprintf(stderr, "vq bench blk: %s: %s\n", what, why);
    return false;
}

static bool open_socket(struct bench *b, size_t arena_bytes)
{
    struct vq_vhost_frontend_config config = {
        .path = b->o->socket, .fd = -1, .memory_bytes = arena_bytes, .device_id = VQ_BLK_DEVICE_ID};
    char reason[200];

    if (vq_vhost_frontend_open(&b->frontend, &config, reason, sizeof(reason)) != VQ_OK)
        return complain(b->o->socket, reason);
    b->transport = vq_vhost_frontend_transport(b->frontend);
    b->arena = vq_vhost_frontend_memory(b->frontend, &b->address, &arena_bytes);
    return true;
}

static bool open_here(struct bench *b, size_t arena_bytes, uint16_t queue_size)
{
    struct vq_blk_backend_options options = {
        .source = b->o->memory ? VQ_BLK_MEMORY : VQ_BLK_NULL, .bytes = b->o->bytes, .lanes = 1};
    struct vq_blk_device_config config = {.queue_count = 1, .queue_size = queue_size};
    struct vq_loopback_config loop = {
        .memory = &b->map, .queues = &b->loop_queue, .queue_count = 1};
    char reason[200];
    size_t bytes;

    b->backend = vq_blk_backend_open(&options, reason, sizeof(reason));
    if (b->backend == NULL)
        return complain("back end", reason);
    vq_blk_backend_describe(b->backend, &config);
    config.queue_count = 1;
    bytes = vq_blk_device_bytes(&config);
    b->arena = aligned_alloc(4096, arena_bytes);
    b->device_memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (b->arena == NULL || b->device_memory == NULL)
        return complain("memory", "there is not enough");
    memset(b->arena, 0, arena_bytes);
    b->address = ARENA_ADDRESS;
    b->region = (struct vq_region){ARENA_ADDRESS, arena_bytes, b->arena, VQ_READ | VQ_WRITE};
    loop.model = &b->device.model;
    if (vq_blk_device_init(&b->device, &config, b->device_memory, bytes) != VQ_OK ||
        vq_memory_init(&b->map, &b->region, 1) != VQ_OK ||
        vq_loopback_init(&b->loop, &loop) != VQ_OK)
        return complain("device", "it cannot be made");
    b->transport = &b->loop.transport;
    return true;
}

static bool open_disk(struct bench *b)
{
    const struct options *o = b->o;
    struct vq_blk_driver_options options = {
        .queue_count = 1, .depth = (uint16_t)o->depth, .segments = 1, .queue_size = 4};
    size_t shared, private_bytes;
    struct vq_blk_memory memory;
    struct vq_init_result why;

    /* Header, data and status of each, if there are no indirect tables. */
    while (options.queue_size < 3 * o->depth)
        options.queue_size = (uint16_t)(options.queue_size * 2);
    if (vq_blk_driver_measure(&options, &shared, &private_bytes) != VQ_OK)
        return complain("queue", "no such depth");
    shared = (shared + 4095) / 4096 * 4096;
    private_bytes = (private_bytes + 63) / 64 * 64;
    {
        size_t arena = shared + o->depth * o->block_size;
        arena = (arena + 4095) / 4096 * 4096;
        if (!(o->socket ? open_socket(b, arena) : open_here(b, arena, options.queue_size)))
            return false;
    }
    b->private_memory = aligned_alloc(64, private_bytes);
    if (b->private_memory == NULL)
        return complain("memory", "there is not enough");
    memory = (struct vq_blk_memory){.shared = b->arena,
                                    .address = b->address,
                                    .shared_bytes = shared,
                                    .private_memory = b->private_memory,
                                    .private_bytes = private_bytes};
    options.memory = &memory;
    if (vq_blk_driver_open(&b->driver, b->transport, &b->queue, &options, &why) != VQ_OK) {
        const char *reason = b->frontend ? vq_vhost_frontend_reason(b->frontend) : NULL;
        return complain(vq_init_step_text(why.step), reason ? reason : vq_error_text(why.error));
    }
    /* Data behind what the queue shares. */
    b->arena += shared;
    b->address += shared;
    return b->driver.facts.capacity * VQ_BLK_SECTOR_BYTES >= o->block_size ||
           complain("disk", "it is smaller than one block");
}

static void close_disk(struct bench *b)
{
    if (b->driver.transport != NULL)
        (void)vq_blk_driver_close(&b->driver);
    vq_vhost_frontend_close(b->frontend);
    vq_blk_backend_close(b->backend);
    free(b->private_memory);
    free(b->device_memory);
    if (b->region.host != NULL)
        free(b->region.host);
}

/* xorshift: any place is as good as another. */
static uint64_t next_place(uint64_t *state, uint64_t places)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % places;
}

/* Nothing has come. False: nothing will. `looks` counts them in a row. */
static bool linger(struct bench *b, unsigned *looks)
{
    if (vq_blk_driver_broken(&b->queue) != VQ_NOT_BROKEN)
        return false;
    if (b->frontend == NULL)
        return true;
    if (!b->o->poll)
        return vq_blk_driver_wait(&b->queue, WAIT_MS) == VQ_OK;
    /* Only the connection tells of a server that is gone. */
    return ++*looks % LOOKS != 0 ||
           vq_transport_wait(b->transport, VQ_QUEUE_ANY, 0) != VQ_ERR_BROKEN;
}

static bool run(struct bench *b, uint64_t *failed)
{
    const struct options *o = b->o;
    uint64_t places = b->driver.facts.capacity * VQ_BLK_SECTOR_BYTES / o->block_size;
    uint64_t sent = 0, got = 0, state = 88172645463325252u, free_slots = o->depth;
    uint64_t *slot = calloc(o->depth, sizeof(*slot));
    unsigned looks = 0;

    if (slot == NULL)
        return complain("memory", "there is not enough");
    for (uint64_t i = 0; i < o->depth; i++)
        slot[i] = i;
    if (o->poll && o->socket)
        vq_blk_driver_quiet(&b->queue);
    while (got < o->count) {
        struct vq_blk_driver_done done[BATCH];
        enum vq_error error = VQ_OK;
        size_t n;

        while (free_slots != 0 && sent < o->count) {
            uint64_t at = slot[free_slots - 1];
            struct vq_element data = {b->address + at * o->block_size, (uint32_t)o->block_size};
            struct vq_blk_driver_request request = {.type = o->write ? VQ_BLK_T_OUT : VQ_BLK_T_IN,
                                                    .sector = next_place(&state, places) *
                                                              (o->block_size / VQ_BLK_SECTOR_BYTES),
                                                    .data = &data,
                                                    .count = 1,
                                                    .tag = at};
            error = vq_blk_driver_prepare(&b->queue, &request);
            if (error != VQ_OK)
                break;
            free_slots--;
            sent++;
        }
        if (error != VQ_OK && error != VQ_ERR_FULL)
            break;
        (void)vq_blk_driver_submit(&b->queue);
        if (!o->socket)
            (void)vq_loopback_run_queue(&b->loop, 0);
        n = vq_blk_driver_reap(&b->queue, done, BATCH);
        for (size_t i = 0; i < n; i++) {
            slot[free_slots++] = done[i].tag;
            *failed += done[i].error != VQ_OK;
        }
        got += n;
        if (n != 0)
            looks = 0;
        else if (!linger(b, &looks))
            break;
    }
    free(slot);
    if (got < o->count) {
        const char *reason = b->frontend ? vq_vhost_frontend_reason(b->frontend) : NULL;
        return complain("the disk stopped answering",
                        reason ? reason : vq_broken_text(vq_blk_driver_broken(&b->queue)));
    }
    return true;
}

static void report(const struct bench *b, uint64_t ns, uint64_t failed)
{
    const struct options *o = b->o;
    const char *where = o->socket ? "vhost-user" : o->memory ? "memory" : "null";
    double each = (double)ns / (double)o->count, per_second = 1e9 / each;

    if (o->json) {
        printf("{\"bench\":\"blk\",\"device\":\"%s\",\"operation\":\"%s\",\"depth\":%" PRIu64
               ",\"block_size\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"failed\":%" PRIu64
               ",\"ns_per_request\":%.1f,\"requests_per_second\":%.0f,\"bytes_per_second\":%.0f}\n",
               where, o->write ? "write" : "read", o->depth, o->block_size, o->count, failed, each,
               per_second, per_second * (double)o->block_size);
        return;
    }
    printf("random %s of %" PRIu64 " bytes, %" PRIu64 " at a time, %s\n",
           o->write ? "writes" : "reads", o->block_size, o->depth,
           o->socket   ? o->socket
           : o->memory ? "a memory disk in this process"
                       : "a null disk in this process");
    printf("  %10.1f ns per request\n  %10.0f requests per second\n  %10.1f MB per second\n", each,
           per_second, per_second * (double)o->block_size / 1e6);
    if (failed != 0)
        printf("  %10" PRIu64 " requests failed\n", failed);
}

static void usage(FILE *to)
{
    fputs("usage: vq bench blk [OPTION...]\n\n"
          "  --socket-path PATH  a vhost-user server's socket; without it a disk in this process\n"
          "  --memory            in this process: a disk of memory, not a null one\n"
          "  --bytes N           in this process: size of the disk (1073741824)\n"
          "  --write             writes; over a socket they destroy what is on the disk\n"
          "  --poll              over a socket: look all the time, never sleep\n"
          "  --depth N           requests at a time (32)\n"
          "  --block-size N      bytes of a request, a multiple of 512 (4096)\n"
          "  --count N           requests in all (1000000; over a socket 200000)\n"
          "  --json              one object on one line\n",
          to);
}

static int measure(const struct options *o)
{
    struct bench b = {.o = o};
    uint64_t start, failed = 0;
    bool good = open_disk(&b);

    if (good) {
        start = vq_clock_ns();
        good = run(&b, &failed);
        start = vq_clock_ns() - start;
        if (good)
            report(&b, start, failed);
    }
    close_disk(&b);
    return good && failed == 0 ? VQ_EXIT_OK : VQ_EXIT_FAILED;
}

int bench_blk(int argc, char **argv)
{
    static const struct option known[] = {
        {"socket-path", required_argument, NULL, 's'},
        {"memory", no_argument, NULL, 'm'},
        {"bytes", required_argument, NULL, 'y'},
        {"write", no_argument, NULL, 'w'},
        {"poll", no_argument, NULL, 'p'},
        {"depth", required_argument, NULL, 'd'},
        {"block-size", required_argument, NULL, 'b'},
        {"count", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options o = {.depth = 32, .block_size = 4096, .bytes = UINT64_C(1) << 30};
    bool good = true;
    int c;

    optind = 1;
    while (good && (c = getopt_long(argc, argv, "h", known, NULL)) != -1)
        switch (c) {
        case 's':
            o.socket = optarg;
            break;
        case 'm':
            o.memory = true;
            break;
        case 'y':
            good = bench_number("blk", "--bytes", optarg, 512, UINT64_C(1) << 50, &o.bytes);
            break;
        case 'w':
            o.write = true;
            break;
        case 'p':
            o.poll = true;
            break;
        case 'd':
            good = bench_number("blk", "--depth", optarg, 1, 1024, &o.depth);
            break;
        case 'b':
            good = bench_number("blk", "--block-size", optarg, 512, 1 << 24, &o.block_size);
            break;
        case 'c':
            good = bench_number("blk", "--count", optarg, 1, UINT64_MAX / 2, &o.count);
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
    if (o.block_size % 512 != 0) {
        fputs("vq bench blk: --block-size takes a multiple of 512\n", stderr);
        return VQ_EXIT_USAGE;
    }
    if (o.count == 0)
        o.count = o.socket ? 200000 : 1000000;
    return measure(&o);
}
