/*
 * A disk in memory: sparse, zero at first, gone at the end. Reads and writes are
 * copies and complete inside submit; only giving up whole pages calls the kernel.
 *
 * Lanes share the bytes without a lock: what drivers write at the same time to
 * the same place comes out in some mixture, as on any disk.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "blk_engine.h"
#include "blk_list.h"

struct vq_blk_memory_lane {
    struct vq_blk_lane lane;
    struct vq_blk_list done;
    uint8_t *base;
    size_t page;
};

struct vq_blk_memory {
    struct vq_blk_backend backend;
    uint8_t *base;
    struct vq_blk_memory_lane lanes[];
};

/*
 * A driver orders its requests, but it may do so in another process, where a thread
 * sanitizer of this one cannot see it: what is copied here is not its business.
 */
#if defined(__SANITIZE_THREAD__)
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

static void begin_copies(void)
{
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

static void end_copies(void)
{
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}
#else
static void begin_copies(void)
{
}

static void end_copies(void)
{
}
#endif

/* Whole pages inside [from, from + bytes) become zero and cost nothing. */
static void drop_pages(const struct vq_blk_memory_lane *l, uint8_t *from, size_t bytes)
{
    const size_t mask = l->page - 1;
    const size_t head = (size_t)(-(uintptr_t)from) & mask;

    /* A discard that frees nothing is a discard too. */
    if (bytes >= head + l->page)
        (void)madvise(from + head, (bytes - head) & ~mask, MADV_DONTNEED);
}

static void zero(const struct vq_blk_memory_lane *l, uint8_t *from, size_t bytes, bool may_trim)
{
    const size_t mask = l->page - 1;
    size_t head = (size_t)(-(uintptr_t)from) & mask;
    size_t whole;

    if (!may_trim || bytes < head + l->page) {
        memset(from, 0, bytes);
        return;
    }
    whole = (bytes - head) & ~mask;
    memset(from, 0, head);
    if (madvise(from + head, whole, MADV_DONTNEED) != 0)
        memset(from + head, 0, whole);
    memset(from + head + whole, 0, bytes - head - whole);
}

static void copy(struct vq_blk_io *io, uint8_t *at)
{
    for (uint32_t i = 0; i < io->segment_count; i++) {
        const struct vq_segment *s = &io->segments[i];
        if (io->type == VQ_BLK_IO_READ)
            memcpy(s->base, at, s->bytes);
        else
            memcpy(at, s->base, s->bytes);
        at += s->bytes;
    }
}

static void submit(struct vq_blk_lane *lane, struct vq_blk_io *const ios[], size_t count)
{
    struct vq_blk_memory_lane *l = (struct vq_blk_memory_lane *)lane;

    for (size_t i = 0; i < count; i++) {
        struct vq_blk_io *io = ios[i];
        uint8_t *at = l->base + io->offset;

        begin_copies();
        if (io->type == VQ_BLK_IO_READ || io->type == VQ_BLK_IO_WRITE)
            copy(io, at);
        else if (io->type == VQ_BLK_IO_DISCARD)
            drop_pages(l, at, (size_t)io->bytes);
        else if (io->type == VQ_BLK_IO_WRITE_ZEROES)
            zero(l, at, (size_t)io->bytes, io->may_trim);
        end_copies();
        io->result = VQ_OK;
        vq_blk_list_put(&l->done, io);
    }
}

static size_t reap(struct vq_blk_lane *lane, struct vq_blk_io *ios[], size_t count, bool wait)
{
    (void)wait;
    return vq_blk_list_take_many(&((struct vq_blk_memory_lane *)lane)->done, ios, count);
}

static int wait_fd(const struct vq_blk_lane *lane)
{
    (void)lane;
    return -1;
}

static const struct vq_blk_lane_ops ops = {"memory", submit, reap, wait_fd};

static void close_memory(struct vq_blk_backend *backend)
{
    struct vq_blk_memory *m = (struct vq_blk_memory *)backend;

    (void)munmap(m->base, (size_t)backend->bytes);
    free(m);
}

struct vq_blk_backend *vq_blk_memory_open(const struct vq_blk_backend_options *options,
                                          const struct vq_blk_error *error)
{
    struct vq_blk_memory *m = calloc(1, sizeof *m + options->lanes * sizeof m->lanes[0]);
    const uint64_t bytes = options->bytes & ~(uint64_t)(VQ_BLK_SECTOR_BYTES - 1);
    void *base;

    if (!m)
        return NULL;
    base = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        vq_blk_say(error, "cannot map %llu bytes of memory: %s; ask for fewer",
                   (unsigned long long)bytes, strerror(errno));
        free(m);
        return NULL;
    }
    if (!vq_blk_lanes_make(&m->backend, options->lanes)) {
        (void)munmap(base, (size_t)bytes);
        free(m);
        return NULL;
    }
    m->base = base;
    m->backend.close = close_memory;
    m->backend.engine = ops.name;
    m->backend.bytes = bytes;
    m->backend.block_size = VQ_BLK_SECTOR_BYTES;
    m->backend.read_only = options->read_only;
    m->backend.may_trim = true;
    for (unsigned i = 0; i < options->lanes; i++) {
        m->lanes[i] = (struct vq_blk_memory_lane){
            .lane = {&ops},
            .base = base,
            .page = (size_t)sysconf(_SC_PAGESIZE),
        };
        m->backend.lanes[i] = &m->lanes[i].lane;
    }
    return &m->backend;
}
