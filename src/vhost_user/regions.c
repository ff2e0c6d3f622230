/*
 * Mapping guest memory.
 *
 * Nothing about a region is trusted: sums are checked before they are made, and
 * the file must hold what the region claims. A file that shrinks later is the
 * business of sigbus.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "regions.h"

#define HUGETLBFS 0x958458f6

/* File offsets and lengths of a mapping are multiples of this; 0 if the file is of no use. */
static uint64_t granule(int fd)
{
    struct statfs fs;
    long page = sysconf(_SC_PAGESIZE);

    if (fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == HUGETLBFS && fs.f_bsize > 0)
        return (uint64_t)fs.f_bsize;
    return page > 0 ? (uint64_t)page : 0;
}

static const char *check_region(const struct vq_vhost_memory_region *r, int fd)
{
    struct stat st;

    if (r->size == 0)
        return "region of no bytes";
    if (r->size - 1 > UINT64_MAX - r->guest_address)
        return "guest addresses of a region wrap";
    if (r->size - 1 > UINT64_MAX - r->user_address)
        return "user addresses of a region wrap";
    if (r->mmap_offset > INT64_MAX || r->size > INT64_MAX - r->mmap_offset)
        return "file range of a region wraps";
    if (fstat(fd, &st) != 0)
        return "region with a descriptor that is no file";
    /* A character device (device memory, for one) has no size: there mmap decides. */
    if (S_ISREG(st.st_mode)) {
        if (r->mmap_offset + r->size > (uint64_t)st.st_size)
            return "region beyond the end of its file";
    } else if (!S_ISCHR(st.st_mode)) {
        return "region with a descriptor that cannot be mapped";
    }
    return NULL;
}

static struct vq_vhost_mapping *map_region(const struct vq_vhost_memory_region *r, int fd,
                                           struct vq_vhost_guard *guard, const char **reason)
{
    *reason = check_region(r, fd);
    if (*reason != NULL)
        return NULL;

    uint64_t unit = granule(fd);
    if (unit == 0) {
        *reason = "no page size";
        return NULL;
    }
    uint64_t before = r->mmap_offset % unit;
    uint64_t bytes = r->size + before; /* below 2^63: checked with the offset */
    bytes += (unit - bytes % unit) % unit;
    if (bytes > SIZE_MAX) {
        *reason = "region beyond this machine's address space";
        return NULL;
    }
    struct vq_vhost_mapping *m = calloc(1, sizeof *m);
    if (m == NULL) {
        *reason = "out of memory";
        return NULL;
    }
    m->start = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
                    (off_t)(r->mmap_offset - before));
    if (m->start == MAP_FAILED) {
        free(m);
        *reason = "region cannot be mapped for reading and writing";
        return NULL;
    }
    /* A core dump of the back end is no place for the memory of a guest. */
    (void)madvise(m->start, (size_t)bytes, MADV_DONTDUMP);
    m->region = *r;
    m->bytes = (size_t)bytes;
    m->host = (uint8_t *)m->start + before;
    m->guard_slot = vq_vhost_sigbus_add(m->start, m->bytes, guard);
    if (m->guard_slot < 0) {
        (void)munmap(m->start, m->bytes);
        free(m);
        *reason = "more guest memory regions than this process can guard";
        return NULL;
    }
    return m;
}

static void release(struct vq_vhost_mapping *m)
{
    if (--m->references != 0)
        return;
    vq_vhost_sigbus_remove(m->guard_slot);
    (void)munmap(m->start, m->bytes);
    free(m);
}

void vq_vhost_memory_free(struct vq_vhost_memory *memory)
{
    if (memory == NULL)
        return;
    for (uint32_t i = 0; i < memory->count; i++)
        release(memory->mappings[i]);
    free(memory->mappings);
    free(memory->guest_regions);
    free(memory->user_regions);
    free(memory);
}

static int by_address(const void *a, const void *b)
{
    const struct vq_region *x = a;
    const struct vq_region *y = b;

    return (x->address > y->address) - (x->address < y->address);
}

/* An empty memory with room for `count` regions. */
static struct vq_vhost_memory *memory_new(uint32_t count, const char **reason)
{
    struct vq_vhost_memory *memory = calloc(1, sizeof *memory);

    if (memory != NULL) {
        size_t room = count == 0 ? 1 : count;
        memory->mappings = calloc(room, sizeof *memory->mappings);
        memory->guest_regions = calloc(room, sizeof *memory->guest_regions);
        memory->user_regions = calloc(room, sizeof *memory->user_regions);
        if (memory->mappings != NULL && memory->guest_regions != NULL &&
            memory->user_regions != NULL)
            return memory;
        vq_vhost_memory_free(memory);
    }
    *reason = "out of memory";
    return NULL;
}

static void memory_append(struct vq_vhost_memory *memory, struct vq_vhost_mapping *m)
{
    const struct vq_vhost_memory_region *r = &m->region;
    uint32_t i = memory->count++;

    m->references++;
    memory->mappings[i] = m;
    memory->guest_regions[i] =
        (struct vq_region){r->guest_address, r->size, m->host, VQ_READ | VQ_WRITE};
    memory->user_regions[i] =
        (struct vq_region){r->user_address, r->size, m->host, VQ_READ | VQ_WRITE};
}

/* Sorts the tables; vq_memory_init refuses what overlaps. Frees what cannot be. */
static struct vq_vhost_memory *memory_finish(struct vq_vhost_memory *memory, const char **reason)
{
    qsort(memory->guest_regions, memory->count, sizeof(struct vq_region), by_address);
    qsort(memory->user_regions, memory->count, sizeof(struct vq_region), by_address);
    if (vq_memory_init(&memory->guest, memory->guest_regions, memory->count) != VQ_OK)
        *reason = "guest addresses of two regions overlap";
    else if (vq_memory_init(&memory->user, memory->user_regions, memory->count) != VQ_OK)
        *reason = "user addresses of two regions overlap";
    else
        return memory;
    vq_vhost_memory_free(memory);
    return NULL;
}

struct vq_vhost_memory *vq_vhost_memory_table(const struct vq_vhost_memory_region *regions,
                                              const int *fds, uint32_t count,
                                              struct vq_vhost_guard *guard, const char **reason)
{
    struct vq_vhost_memory *memory = memory_new(count, reason);

    if (memory == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct vq_vhost_mapping *m = map_region(&regions[i], fds[i], guard, reason);
        if (m == NULL) {
            vq_vhost_memory_free(memory);
            return NULL;
        }
        memory_append(memory, m);
    }
    return memory_finish(memory, reason);
}

struct vq_vhost_memory *vq_vhost_memory_add(const struct vq_vhost_memory *old,
                                            const struct vq_vhost_memory_region *region, int fd,
                                            struct vq_vhost_guard *guard, const char **reason)
{
    struct vq_vhost_memory *memory = memory_new(old->count + 1, reason);

    if (memory == NULL)
        return NULL;
    struct vq_vhost_mapping *m = map_region(region, fd, guard, reason);
    if (m == NULL) {
        vq_vhost_memory_free(memory);
        return NULL;
    }
    for (uint32_t i = 0; i < old->count; i++)
        memory_append(memory, old->mappings[i]);
    memory_append(memory, m);
    return memory_finish(memory, reason);
}

struct vq_vhost_memory *vq_vhost_memory_remove(const struct vq_vhost_memory *old,
                                               const struct vq_vhost_memory_region *region,
                                               const char **reason)
{
    struct vq_vhost_memory *memory = memory_new(old->count, reason);

    if (memory == NULL)
        return NULL;
    for (uint32_t i = 0; i < old->count; i++) {
        const struct vq_vhost_memory_region *r = &old->mappings[i]->region;
        if (r->guest_address != region->guest_address || r->size != region->size ||
            r->user_address != region->user_address)
            memory_append(memory, old->mappings[i]);
    }
    if (memory->count == old->count) {
        vq_vhost_memory_free(memory);
        *reason = "no such region";
        return NULL;
    }
    return memory_finish(memory, reason);
}

void *vq_vhost_memory_at_user(const struct vq_vhost_memory *memory, uint64_t address,
                              uint64_t bytes)
{
    struct vq_segment segment;
    enum vq_access both = (enum vq_access)(VQ_READ | VQ_WRITE);

    if (vq_memory_map(&memory->user, address, bytes, both, &segment, 1, NULL) != 1)
        return NULL;
    return segment.base;
}
