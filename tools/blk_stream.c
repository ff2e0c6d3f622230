/*
 * vq blk read, write, discard, zero, flush: ranges of the disk, in large requests
 * with many in flight. Reads end in order on standard output, whatever the order
 * in which they come back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blk.h"

struct range {
    struct blk_disk *disk;
    uint64_t first;    /* byte of the disk where the work begins */
    uint64_t end;      /* and ends */
    uint64_t next;     /* where the next request begins */
    uint64_t sequence; /* of the next request */
    uint64_t finished; /* bytes */
    uint32_t type;
    struct blk_progress progress;
    /* read: answers that wait for those before them */
    struct blk_job **waiting;
    uint64_t written; /* requests whose data is on standard output */
    /* write */
    bool input_ended;
    bool failed;
    uint8_t *tail; /* the last, partial block */
    uint32_t tail_bytes;
};

static uint64_t disk_bytes(const struct blk_disk *disk)
{
    return disk->driver.facts.capacity * VQ_BLK_SECTOR_BYTES;
}

/* --offset and --length against the disk. */
static bool range_of(struct blk_disk *disk, struct range *r)
{
    const struct blk_options *o = disk->options;
    uint64_t capacity = disk_bytes(disk);
    *r = (struct range){.disk = disk, .first = o->offset, .next = o->offset, .end = capacity};
    if (o->offset > capacity || (o->has_length && o->length > capacity - o->offset)) {
        (void)fprintf(stderr, "vq blk: the disk ends at byte %llu\n", (unsigned long long)capacity);
        return false;
    }
    if (o->has_length)
        r->end = o->offset + o->length;
    return true;
}

/* Whole blocks from here on? Says what to do if not. */
static bool aligned(const struct blk_disk *disk, const char *what, uint64_t bytes)
{
    uint32_t block = disk->driver.facts.block_size;
    if (bytes % block == 0)
        return true;
    (void)fprintf(stderr,
                  "vq blk: %s must be a multiple of the disk's block size, %u; %llu is not\n", what,
                  block, (unsigned long long)bytes);
    return false;
}

/* What one request moves at most. */
static uint32_t whole_blocks(const struct blk_disk *disk)
{
    return disk->options->chunk - disk->options->chunk % disk->driver.facts.block_size;
}

/* Is there room for a block at all? */
static bool chunk_fits(const struct blk_disk *disk)
{
    if (whole_blocks(disk) != 0)
        return true;
    (void)fprintf(stderr, "vq blk: --chunk must hold a block of the disk, %u bytes\n",
                  disk->driver.facts.block_size);
    return false;
}

static bool write_out(const uint8_t *bytes, size_t count)
{
    while (count != 0) {
        ssize_t n = write(STDOUT_FILENO, bytes, count);
        if (n < 0 && errno == EINTR && !blk_interrupted)
            continue;
        if (n < 0) {
            if (errno != EINTR)
                perror("vq blk: standard output");
            return false;
        }
        bytes += n;
        count -= (size_t)n;
    }
    return true;
}

/* --- read --- */

static bool read_next(void *context, struct blk_job *job)
{
    struct range *r = context;
    if (r->next >= r->end)
        return false;
    /* Whole blocks, of which what was not asked for is left out; but the disk may end in a part. */
    const uint32_t block = r->disk->driver.facts.block_size;
    uint64_t begin = r->next - r->next % block;
    uint64_t most = begin + whole_blocks(r->disk);
    uint64_t end = most < r->end ? most : r->end;
    uint64_t left = disk_bytes(r->disk) - end;
    uint64_t rest = (block - end % block) % block;
    job->bytes = (uint32_t)(end - begin + (rest < left ? rest : left));
    job->request =
        (struct vq_blk_driver_request){.type = VQ_BLK_T_IN, .sector = begin >> VQ_BLK_SECTOR_SHIFT};
    job->sequence = r->sequence++;
    r->next = end;
    return true;
}

/* Writes out whatever is next in line. */
static bool drain(struct range *r)
{
    for (;;) {
        struct blk_job **slot = &r->waiting[r->written % r->disk->job_count];
        struct blk_job *job = *slot;
        if (job == NULL)
            return true;
        uint64_t begin = job->request.sector << VQ_BLK_SECTOR_SHIFT;
        uint64_t from = begin > r->first ? begin : r->first;
        uint64_t to = begin + job->bytes < r->end ? begin + job->bytes : r->end;
        if (!write_out(job->buffer + (from - begin), (size_t)(to - from)))
            return false;
        *slot = NULL;
        r->written++;
        r->finished += to - from;
        blk_progress_show(&r->progress, r->finished);
        blk_release(r->disk, job);
    }
}

static bool read_done(void *context, struct blk_job *job, enum vq_error error)
{
    struct range *r = context;
    if (error != VQ_OK) {
        (void)fprintf(stderr, "vq blk read: sector %llu: %s\n",
                      (unsigned long long)job->request.sector, vq_error_text(error));
        return false;
    }
    job->held = true;
    r->waiting[job->sequence % r->disk->job_count] = job;
    return drain(r);
}

int blk_read(struct blk_disk *disk)
{
    struct range r;
    if (!range_of(disk, &r) || !chunk_fits(disk))
        return VQ_EXIT_USAGE;
    if (isatty(STDOUT_FILENO)) {
        (void)fprintf(stderr, "vq blk read: standard output is a terminal; send it to a file\n");
        return VQ_EXIT_USAGE;
    }
    r.waiting = calloc(disk->job_count, sizeof(struct blk_job *));
    if (r.waiting == NULL)
        return VQ_EXIT_FAILED;
    struct blk_work work = {read_next, read_done, &r, "read"};
    blk_progress_begin(&r.progress, "read", r.end - r.first);
    bool ok = blk_run(disk, &work);
    blk_progress_end(&r.progress);
    free(r.waiting);
    return ok && r.finished == r.end - r.first ? VQ_EXIT_OK : VQ_EXIT_FAILED;
}

/* --- write --- */

/* Fills a buffer from standard input as far as it goes. False on an error. */
static bool read_in(struct range *r, uint8_t *bytes, size_t wanted, size_t *got)
{
    *got = 0;
    while (*got < wanted && !r->input_ended && !blk_interrupted) {
        ssize_t n = read(STDIN_FILENO, bytes + *got, wanted - *got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            perror("vq blk: standard input");
            return false;
        }
        r->input_ended = n == 0;
        *got += (size_t)n;
    }
    return true;
}

static bool write_next(void *context, struct blk_job *job)
{
    struct range *r = context;
    uint32_t block = r->disk->driver.facts.block_size;
    uint64_t left = r->end - r->next;
    uint32_t most = whole_blocks(r->disk);
    size_t wanted = left < most ? (size_t)left : most;
    size_t got = 0;
    /* A part of a block is the last there is. */
    if (wanted == 0 || r->failed || r->input_ended || r->tail_bytes != 0)
        return false;
    r->failed = !read_in(r, job->buffer, wanted, &got);
    if (r->failed || blk_interrupted)
        return false;
    r->tail_bytes = (uint32_t)(got % block);
    job->bytes = (uint32_t)got - r->tail_bytes;
    memcpy(r->tail, job->buffer + job->bytes, r->tail_bytes);
    job->request = (struct vq_blk_driver_request){.type = VQ_BLK_T_OUT,
                                                  .sector = r->next >> VQ_BLK_SECTOR_SHIFT};
    r->next += job->bytes;
    return job->bytes != 0;
}

static bool write_done(void *context, struct blk_job *job, enum vq_error error)
{
    struct range *r = context;
    if (error != VQ_OK) {
        (void)fprintf(stderr, "vq blk write: sector %llu: %s\n",
                      (unsigned long long)job->request.sector, vq_error_text(error));
        return false;
    }
    r->finished += job->bytes;
    blk_progress_show(&r->progress, r->finished);
    return true;
}

/* The input ended in the middle of a block: the rest of that block stays as it is. */
static bool write_tail(struct range *r)
{
    struct blk_job *job = blk_any_job(r->disk);
    if (r->tail_bytes == 0)
        return true;
    job->bytes = r->disk->driver.facts.block_size;
    /* The disk may end in a part of a block. */
    if (job->bytes > disk_bytes(r->disk) - r->next)
        job->bytes = (uint32_t)(disk_bytes(r->disk) - r->next);
    job->request = (struct vq_blk_driver_request){.type = VQ_BLK_T_IN,
                                                  .sector = r->next >> VQ_BLK_SECTOR_SHIFT};
    enum vq_error error;
    if (!blk_one(r->disk, job, "read the last block", &error))
        return false;
    if (error == VQ_OK) {
        memcpy(job->buffer, r->tail, r->tail_bytes);
        job->request.type = VQ_BLK_T_OUT;
        if (!blk_one(r->disk, job, "write the last block", &error))
            return false;
    }
    if (error != VQ_OK)
        blk_complain(r->disk, "write the last block", error);
    r->finished += r->tail_bytes;
    return error == VQ_OK;
}

/* Is there more input than there was room for? */
static bool input_left(struct range *r)
{
    uint8_t byte;
    size_t got;
    if (r->input_ended || r->disk->options->has_length)
        return false;
    return read_in(r, &byte, 1, &got) && got != 0;
}

int blk_write(struct blk_disk *disk)
{
    struct range r;
    if (!range_of(disk, &r) || !aligned(disk, "--offset", r.first))
        return VQ_EXIT_USAGE;
    if (disk->driver.facts.read_only) {
        (void)fprintf(stderr, "vq blk write: the disk is read-only\n");
        return VQ_EXIT_FAILED;
    }
    if (!chunk_fits(disk))
        return VQ_EXIT_USAGE;
    r.tail = malloc(disk->driver.facts.block_size);
    if (r.tail == NULL)
        return VQ_EXIT_FAILED;
    struct blk_work work = {write_next, write_done, &r, "write"};
    blk_progress_begin(&r.progress, "write", disk->options->has_length ? r.end - r.first : 0);
    bool ok = blk_run(disk, &work) && !r.failed && write_tail(&r);
    blk_progress_end(&r.progress);
    ok = ok && blk_flush(disk);
    if (ok && disk->options->has_length && r.finished != r.end - r.first) {
        (void)fprintf(stderr, "vq blk write: standard input ended after %llu of %llu bytes\n",
                      (unsigned long long)r.finished, (unsigned long long)(r.end - r.first));
        ok = false;
    }
    if (ok && input_left(&r)) {
        (void)fprintf(stderr, "vq blk write: the disk is full after %llu bytes\n",
                      (unsigned long long)r.finished);
        ok = false;
    }
    free(r.tail);
    return ok ? VQ_EXIT_OK : VQ_EXIT_FAILED;
}

/* --- discard and zero --- */

static bool range_next(void *context, struct blk_job *job)
{
    struct range *r = context;
    const struct vq_blk_facts *facts = &r->disk->driver.facts;
    uint64_t most = r->type == VQ_BLK_T_DISCARD        ? facts->max_discard_sectors
                    : r->type == VQ_BLK_T_WRITE_ZEROES ? facts->max_write_zeroes_sectors
                                                       : r->disk->options->chunk >> 9;
    uint64_t sectors = (r->end - r->next) >> VQ_BLK_SECTOR_SHIFT;
    if (sectors == 0)
        return false;
    /* Whole blocks in each request. */
    uint32_t block = facts->block_size >> VQ_BLK_SECTOR_SHIFT;
    most = most > block ? most - most % block : most;
    if (sectors > most)
        sectors = most;
    job->request =
        (struct vq_blk_driver_request){.type = r->type, .sector = r->next >> VQ_BLK_SECTOR_SHIFT};
    job->bytes = 0;
    if (r->type == VQ_BLK_T_OUT) {
        job->bytes = (uint32_t)(sectors << VQ_BLK_SECTOR_SHIFT);
        memset(job->buffer, 0, job->bytes);
    } else {
        job->request.sectors = (uint32_t)sectors;
        job->request.unmap = r->type == VQ_BLK_T_WRITE_ZEROES && r->disk->options->unmap;
    }
    job->sequence = sectors << VQ_BLK_SECTOR_SHIFT;
    r->next += job->sequence;
    return true;
}

static bool range_done(void *context, struct blk_job *job, enum vq_error error)
{
    struct range *r = context;
    if (error != VQ_OK) {
        (void)fprintf(stderr, "vq blk: sector %llu: %s\n", (unsigned long long)job->request.sector,
                      vq_error_text(error));
        return false;
    }
    r->finished += job->sequence;
    blk_progress_show(&r->progress, r->finished);
    return true;
}

static int over_range(struct blk_disk *disk, uint32_t type, const char *name)
{
    struct range r;
    if (!range_of(disk, &r) || !aligned(disk, "--offset", r.first) ||
        !aligned(disk, "--length", r.end - r.first) || (type == VQ_BLK_T_OUT && !chunk_fits(disk)))
        return VQ_EXIT_USAGE;
    r.type = type;
    struct blk_work work = {range_next, range_done, &r, name};
    blk_progress_begin(&r.progress, name, r.end - r.first);
    bool ok = blk_run(disk, &work);
    blk_progress_end(&r.progress);
    return ok && blk_flush(disk) ? VQ_EXIT_OK : VQ_EXIT_FAILED;
}

int blk_discard(struct blk_disk *disk)
{
    if (disk->driver.facts.max_discard_sectors == 0) {
        (void)fprintf(stderr, "vq blk discard: the disk does not offer it; vq blk zero writes "
                              "zeroes instead\n");
        return VQ_EXIT_FAILED;
    }
    return over_range(disk, VQ_BLK_T_DISCARD, "discard");
}

int blk_zero(struct blk_disk *disk)
{
    bool offered = disk->driver.facts.max_write_zeroes_sectors != 0;
    return over_range(disk, offered ? VQ_BLK_T_WRITE_ZEROES : VQ_BLK_T_OUT, "zero");
}

int blk_flush_command(struct blk_disk *disk)
{
    if (!disk->driver.facts.flush)
        (void)fprintf(stderr, "vq blk flush: the disk has no cache to flush\n");
    return blk_flush(disk) ? VQ_EXIT_OK : VQ_EXIT_FAILED;
}
