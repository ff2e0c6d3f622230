/*
 * vq blk verify: writes a keyed pattern all over the disk and reads it back, in
 * random order, in pieces of many sizes, over all queues at once.
 *
 * Every sector of 512 bytes names itself: its number and the pass that wrote it,
 * both under a key, then a stream of numbers that depends on both. So a sector
 * that is in the wrong place, older than it should be, or made of two writes is
 * not only found but also told apart. After the first pass over everything, each
 * further pass rewrites half of the pieces while the other half are read.
 */
#include <stdlib.h>
#include <string.h>

#include "blk.h"

#define SECTOR       VQ_BLK_SECTOR_BYTES
#define WORDS        (SECTOR / 8)
#define DEFAULT_SIZE (UINT64_C(1) << 30)
#define REPORTS_MAX  10u

struct piece {
    uint32_t block; /* first of the range, and how many */
    uint32_t blocks;
};

struct verify {
    struct blk_disk *disk;
    uint64_t seed;
    uint64_t random;
    uint64_t first; /* sector where the range begins */
    uint32_t block_size;
    uint32_t blocks;
    uint8_t *written; /* pass that wrote a block; 0: none yet */
    struct piece *pieces;
    uint8_t *plan; /* of each piece: write or read */
    size_t piece_count;
    size_t next;
    uint8_t pass;
    uint64_t bytes_written, bytes_read, requests;
    uint64_t wrong; /* sectors */
    struct blk_progress progress;
};

/* splitmix64's output function: every bit of the argument moves every bit of the result. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t draw(struct verify *v)
{
    v->random += UINT64_C(0x9e3779b97f4a7c15);
    return mix(v->random);
}

static void fill_sector(const struct verify *v, uint64_t sector, uint8_t pass, uint8_t *bytes)
{
    uint64_t words[WORDS];
    uint64_t state = mix(v->seed ^ mix(sector) ^ pass);
    words[0] = sector ^ mix(v->seed);
    words[1] = pass ^ mix(v->seed + sector);
    for (size_t i = 2; i < WORDS; i++) {
        state += UINT64_C(0x9e3779b97f4a7c15);
        words[i] = mix(state);
    }
    memcpy(bytes, words, SECTOR);
}

/* What is wrong with a sector that is not as it should be, in words. */
static void explain(const struct verify *v, uint64_t sector, uint8_t pass, const uint8_t *bytes)
{
    uint64_t words[WORDS];
    uint8_t other[SECTOR];
    memcpy(words, bytes, SECTOR);
    uint64_t claimed = words[0] ^ mix(v->seed);
    uint64_t age = words[1] ^ mix(v->seed + claimed);
    bool ours = claimed - v->first < (uint64_t)v->blocks * (v->block_size / SECTOR) && age != 0 &&
                age <= v->pass;
    bool whole = false;
    if (ours) {
        fill_sector(v, claimed, (uint8_t)age, other);
        whole = memcmp(other, bytes, SECTOR) == 0;
    }
    (void)fprintf(stderr, "vq blk verify: sector %llu ", (unsigned long long)sector);
    if (whole && claimed != sector)
        (void)fprintf(stderr, "is misplaced: it holds sector %llu of pass %llu\n",
                      (unsigned long long)claimed, (unsigned long long)age);
    else if (whole)
        (void)fprintf(stderr, "is stale: it is of pass %llu, not %u\n", (unsigned long long)age,
                      pass);
    else if (ours)
        (void)fprintf(stderr,
                      "is torn: it begins as sector %llu of pass %llu and goes on "
                      "otherwise\n",
                      (unsigned long long)claimed, (unsigned long long)age);
    else
        (void)fprintf(stderr, "holds something that was never written\n");
}

static void check_piece(struct verify *v, const struct piece *piece, const uint8_t *bytes)
{
    uint32_t per_block = v->block_size / SECTOR;
    uint8_t expected[SECTOR];
    for (uint32_t b = 0; b < piece->blocks; b++)
        for (uint32_t s = 0; s < per_block; s++) {
            uint64_t sector = v->first + (uint64_t)(piece->block + b) * per_block + s;
            uint8_t pass = v->written[piece->block + b];
            fill_sector(v, sector, pass, expected);
            if (memcmp(expected, bytes, SECTOR) != 0 && v->wrong++ < REPORTS_MAX)
                explain(v, sector, pass, bytes);
            bytes += SECTOR;
        }
}

enum { PLAN_READ, PLAN_WRITE };

static bool next(void *context, struct blk_job *job)
{
    struct verify *v = context;
    if (v->next == v->piece_count)
        return false;
    const struct piece *piece = &v->pieces[v->next];
    bool writes = v->plan[v->next] == PLAN_WRITE;
    uint32_t per_block = v->block_size / SECTOR;
    uint64_t sector = v->first + (uint64_t)piece->block * per_block;
    job->sequence = v->next++;
    job->bytes = piece->blocks * v->block_size;
    job->request = (struct vq_blk_driver_request){
        .type = writes ? VQ_BLK_T_OUT : VQ_BLK_T_IN,
        .sector = sector,
    };
    if (!writes) {
        memset(job->buffer, 0xee, job->bytes); /* else a read that does nothing could pass */
        return true;
    }
    for (uint32_t s = 0; s < piece->blocks * per_block; s++)
        fill_sector(v, sector + s, v->pass, job->buffer + (size_t)s * SECTOR);
    return true;
}

static bool done(void *context, struct blk_job *job, enum vq_error error)
{
    struct verify *v = context;
    const struct piece *piece = &v->pieces[job->sequence];
    bool writes = v->plan[job->sequence] == PLAN_WRITE;
    if (error != VQ_OK) {
        (void)fprintf(stderr, "vq blk verify: %s of %u bytes at sector %llu: %s\n",
                      writes ? "write" : "read", job->bytes,
                      (unsigned long long)job->request.sector, vq_error_text(error));
        return false;
    }
    v->requests++;
    if (writes) {
        memset(v->written + piece->block, v->pass, piece->blocks);
        v->bytes_written += job->bytes;
    } else {
        check_piece(v, piece, job->buffer);
        v->bytes_read += job->bytes;
    }
    blk_progress_show(&v->progress, v->bytes_written + v->bytes_read);
    return v->wrong < REPORTS_MAX;
}

/* Cuts the range into pieces of many sizes, and puts them into random order. */
static void cut(struct verify *v)
{
    uint32_t most = v->disk->options->chunk / v->block_size;
    uint32_t at = 0;
    v->piece_count = 0;
    while (at < v->blocks) {
        /* Small ones, middling ones, and the largest, each a third of the time. */
        uint32_t limit = (uint32_t)(draw(v) % 3);
        limit = limit == 0 ? 4 : limit == 1 ? 32 : most;
        if (limit > most)
            limit = most;
        uint32_t n = 1 + (uint32_t)(draw(v) % limit);
        if (n > v->blocks - at)
            n = v->blocks - at;
        v->pieces[v->piece_count++] = (struct piece){at, n};
        at += n;
    }
    for (size_t i = v->piece_count; i > 1; i--) {
        size_t k = (size_t)(draw(v) % i);
        struct piece other = v->pieces[i - 1];
        v->pieces[i - 1] = v->pieces[k];
        v->pieces[k] = other;
    }
}

static bool pass_over(struct verify *v, unsigned writes_of_four, const char *what)
{
    struct blk_work work = {next, done, v, what};
    cut(v);
    for (size_t i = 0; i < v->piece_count; i++)
        v->plan[i] = draw(v) % 4 < writes_of_four ? PLAN_WRITE : PLAN_READ;
    v->next = 0;
    uint64_t before = v->bytes_read + v->bytes_written;
    blk_progress_begin(&v->progress, what, before + (uint64_t)v->blocks * v->block_size);
    bool ok = blk_run(v->disk, &work);
    blk_progress_end(&v->progress);
    return ok && v->wrong == 0;
}

static bool run(struct verify *v)
{
    v->pass = 1;
    bool ok = pass_over(v, 4, "write") && blk_flush(v->disk) && pass_over(v, 0, "read");
    for (unsigned i = 1; ok && i < v->disk->options->passes; i++) {
        v->pass = (uint8_t)(i % 255 + 1);
        ok = pass_over(v, 2, "rewrite") && blk_flush(v->disk) && pass_over(v, 0, "read");
    }
    return ok;
}

static bool prepare(struct verify *v, struct blk_disk *disk)
{
    const struct blk_options *o = disk->options;
    const struct vq_blk_facts *facts = &disk->driver.facts;
    uint64_t capacity = facts->capacity * SECTOR;
    *v = (struct verify){.disk = disk, .seed = mix(o->seed + 1), .block_size = facts->block_size};
    v->random = v->seed;
    if (facts->read_only || o->chunk < facts->block_size) {
        (void)fprintf(stderr, "vq blk verify: %s\n",
                      facts->read_only ? "the disk is read-only"
                                       : "--chunk must hold a block of the disk");
        return false;
    }
    if (o->offset % v->block_size != 0 || o->length % v->block_size != 0 || o->offset >= capacity ||
        o->length > capacity - o->offset) {
        (void)fprintf(stderr,
                      "vq blk verify: --offset and --length must be whole blocks of %u on a "
                      "disk of %llu bytes\n",
                      v->block_size, (unsigned long long)capacity);
        return false;
    }
    uint64_t bytes = o->has_length ? o->length : capacity - o->offset;
    if (!o->has_length && bytes > DEFAULT_SIZE)
        bytes = DEFAULT_SIZE;
    if (bytes / v->block_size > UINT32_MAX || bytes < v->block_size) {
        (void)fprintf(stderr, "vq blk verify: a range of %llu bytes is too %s\n",
                      (unsigned long long)bytes, bytes < v->block_size ? "small" : "large");
        return false;
    }
    v->first = o->offset / SECTOR;
    v->blocks = (uint32_t)(bytes / v->block_size);
    v->written = calloc(v->blocks, 1);
    v->pieces = calloc(v->blocks, sizeof *v->pieces);
    v->plan = calloc(v->blocks, 1);
    return v->written != NULL && v->pieces != NULL && v->plan != NULL;
}

static void report(const struct verify *v, double seconds, bool ok)
{
    uint64_t bytes = (uint64_t)v->blocks * v->block_size;
    uint64_t moved = v->bytes_written + v->bytes_read;
    double rate = seconds > 0 ? (double)moved / seconds : 0;
    char size[32], written[32], read[32], speed[32];
    if (v->disk->options->json) {
        (void)printf("{\"ok\":%s,\"bytes\":%llu,\"written\":%llu,\"read\":%llu,\"requests\":%llu,"
                     "\"wrong_sectors\":%llu,\"passes\":%u,\"queues\":%u,\"queue_size\":%u,"
                     "\"depth\":%u,\"seconds\":%.3f,\"bytes_per_second\":%.0f}\n",
                     ok ? "true" : "false", (unsigned long long)bytes,
                     (unsigned long long)v->bytes_written, (unsigned long long)v->bytes_read,
                     (unsigned long long)v->requests, (unsigned long long)v->wrong,
                     v->disk->options->passes, v->disk->driver.queue_count, v->disk->queues[0].size,
                     v->disk->options->depth, seconds, rate);
        return;
    }
    (void)printf("%s: %s of disk, %s written, %s read, %llu requests over %u queue%s of %u, "
                 "%.2f s, %s/s\n",
                 ok                ? "verified"
                 : blk_interrupted ? "interrupted"
                                   : "FAILED",
                 blk_size_text(bytes, size), blk_size_text(v->bytes_written, written),
                 blk_size_text(v->bytes_read, read), (unsigned long long)v->requests,
                 v->disk->driver.queue_count, v->disk->driver.queue_count == 1 ? "" : "s",
                 v->disk->queues[0].size, seconds, blk_size_text((uint64_t)rate, speed));
    if (v->wrong != 0)
        (void)printf("%llu sectors were wrong%s\n", (unsigned long long)v->wrong,
                     v->wrong >= REPORTS_MAX ? " until it was given up" : "");
}

int blk_verify(struct blk_disk *disk)
{
    struct verify v;
    int status = VQ_EXIT_USAGE;
    if (prepare(&v, disk)) {
        uint64_t begin = vq_clock_ns();
        bool ok = run(&v);
        report(&v, (double)(vq_clock_ns() - begin) / 1e9, ok);
        status = ok ? VQ_EXIT_OK : VQ_EXIT_FAILED;
    }
    free(v.written);
    free(v.pieces);
    free(v.plan);
    return status;
}
