/*
 * From an address of the driver to pointers, against a reference that asks for one
 * byte at a time.
 *
 * The table is the input's: up to eight regions, right or wrong, anywhere in 64 bits.
 * A good table must be taken and a bad one refused; a range must map to just the
 * runs of bytes that the regions give, or not at all.
 */
#include "fuzz.h"

#include "ring/region.h"

enum {
    REGIONS = 8,
    ARENA = 1 << 16,
    SEGMENTS = 12,
    NAIVE_BYTES = 4096, /* longer ranges are not asked for byte by byte */
    QUERIES = 64,
};

static uint8_t arena[ARENA];

/* Does it hold the byte? In terms that cannot wrap. */
static bool holds(const struct vq_region *r, uint64_t address)
{
    return address >= r->address && address - r->address <= r->size - 1;
}

static bool good_table(const struct vq_region *r, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (r[i].size == 0 || !r[i].host || (r[i].access & ~3u) || r[i].size > SIZE_MAX)
            return false;
        if (r[i].address + (r[i].size - 1) < r[i].address)
            return false;
        for (uint32_t k = 0; k < i; k++)
            if (r[k].address >= r[i].address || holds(&r[k], r[i].address))
                return false;
    }
    return true;
}

static uint32_t random_table(struct fuzz_input *in, struct vq_region *r)
{
    uint8_t shape = fuzz_byte(in);
    uint32_t count = shape % (REGIONS + 1);
    uint64_t at = shape & 0x80 ? 0 - fuzz_number(in, 2) : shape & 0x40 ? fuzz_number(in, 8) : 0;

    for (uint32_t i = 0; i < count; i++) {
        uint8_t how = fuzz_byte(in);
        r[i].address = at + (how & 1 ? fuzz_byte(in) : 0);
        r[i].size = how & 2 ? 1 + fuzz_number(in, 2) % NAIVE_BYTES : 1u + fuzz_byte(in) % 32;
        if ((how & 0x1c) == 0x1c)
            r[i].size = fuzz_number(in, 8);
        r[i].host = arena + fuzz_number(in, 1) * 64;
        r[i].access = how >> 5 == 0   ? fuzz_byte(in)
                      : how >> 5 == 1 ? VQ_READ
                      : how >> 5 == 2 ? VQ_WRITE
                                      : VQ_READ | VQ_WRITE;
        if (how == 0xff)
            r[i].host = NULL;
        at = r[i].address + r[i].size;
        if (how == 0xfe)
            at = fuzz_number(in, 8);
    }
    return count;
}

/* Whose byte is it? By looking at each. */
static const struct vq_region *owner(const struct vq_memory *m, uint64_t address)
{
    const struct vq_region *found = NULL;

    for (uint32_t i = 0; i < m->count; i++)
        if (holds(&m->regions[i], address))
            found = &m->regions[i];
    return found;
}

/* The runs of a range, a byte at a time; 0 if it cannot be had in any number of them. */
static size_t reference(const struct vq_memory *m, uint64_t address, uint64_t bytes,
                        enum vq_access access, struct vq_segment *segments)
{
    const struct vq_region *last = NULL;
    size_t n = 0;

    for (uint64_t i = 0; i < bytes; i++) {
        const struct vq_region *r = owner(m, address + i);
        if (address + i < address || !r || !(r->access & (uint32_t)access))
            return 0;
        if (r != last) {
            segments[n].base = r->host + (address + i - r->address);
            segments[n++].bytes = 0;
            last = r;
        }
        segments[n - 1].bytes++;
    }
    return n;
}

/* What was mapped is what was asked for, a piece after another. */
static void is_whole(const struct vq_memory *m, uint64_t address, uint64_t bytes,
                     enum vq_access access, const struct vq_segment *segments, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct vq_region *r = owner(m, address);
        FUZZ_CHECK(r && (r->access & (uint32_t)access));
        FUZZ_CHECK((uintptr_t)segments[i].base ==
                   (uintptr_t)r->host + (uintptr_t)(address - r->address));
        FUZZ_CHECK(segments[i].bytes != 0 && segments[i].bytes <= bytes);
        FUZZ_CHECK(segments[i].bytes - 1 <= r->size - 1 - (address - r->address));
        address += segments[i].bytes;
        bytes -= segments[i].bytes;
    }
    FUZZ_CHECK(bytes == 0);
}

static void query(struct fuzz_input *in, const struct vq_memory *m, uint32_t *hint)
{
    static struct vq_segment got[SEGMENTS], should[SEGMENTS];
    uint8_t how = fuzz_byte(in);
    enum vq_access access = how & 0x20 ? VQ_WRITE : VQ_READ;
    uint64_t address = fuzz_number(in, how & 0x40 ? 8 : 2), bytes;
    size_t room = how & 0x80 ? fuzz_byte(in) % SEGMENTS : SEGMENTS, n, exact;
    uint32_t before;

    if (m->count != 0 && (how & 0x40) == 0) {
        const struct vq_region *r = &m->regions[(how >> 2 & 7) % m->count];
        address = r->address + (address & 0x8000 ? r->size - (address & 31) : address % r->size);
    }
    bytes = how & 1 ? fuzz_number(in, 2) % NAIVE_BYTES : fuzz_byte(in);
    if ((how & 3) == 3 && (bytes & 1))
        bytes = fuzz_number(in, 8);
    if ((how & 3) == 2)
        *hint = (uint32_t)fuzz_number(in, 4);
    before = *hint;
    n = vq_memory_map(m, address, bytes, access, got, room, how & 0x10 ? NULL : hint);
    FUZZ_CHECK(n <= room);
    if (n != 0) {
        FUZZ_CHECK(bytes - 1 <= UINT64_MAX - address);
        is_whole(m, address, bytes, access, got, n);
    }
    FUZZ_CHECK(n == 0 || vq_memory_covers(m, address, bytes, access));
    if (room == SEGMENTS)
        FUZZ_CHECK((n != 0) == vq_memory_covers(m, address, bytes, access));
    *hint = before;
    FUZZ_CHECK(vq_memory_map_near(m, address, bytes, access, should, room, hint) == n);
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(got[i].base == should[i].base && got[i].bytes == should[i].bytes);
    if (bytes > NAIVE_BYTES)
        return;
    exact = reference(m, address, bytes, access, should);
    FUZZ_CHECK(vq_memory_covers(m, address, bytes, access) == (exact != 0));
    FUZZ_CHECK(n == (exact <= room ? exact : 0));
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(got[i].base == should[i].base && got[i].bytes == should[i].bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct fuzz_input in = {data, data + bytes};
    struct vq_region regions[REGIONS];
    struct vq_memory memory, refused;
    uint32_t hint = 0, count = random_table(&in, regions);
    enum vq_error error = vq_memory_init(&memory, regions, count);

    FUZZ_CHECK(error == (good_table(regions, count) ? VQ_OK : VQ_ERR_RANGE));
    FUZZ_CHECK(vq_memory_init(&refused, regions,
                              VQ_MEMORY_REGIONS_MAX + 1 + (uint32_t)(bytes % 2) * UINT32_MAX / 2) ==
               VQ_ERR_RANGE);
    if (error != VQ_OK)
        return 0;
    /* Pointers into a region that nobody can have are not a thing to compute. */
    for (uint32_t i = 0; i < count; i++)
        if (regions[i].size > UINT64_C(1) << 40)
            return 0;
    for (unsigned i = 0; i < QUERIES && fuzz_more(&in); i++)
        query(&in, &memory, &hint);
    return 0;
}
