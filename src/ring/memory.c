/*
 * From an address of the driver to pointers: the one place where this happens.
 * Trusts the table (checked once), and nothing about the address or the length.
 */
#include <vq/memory.h>

#include "region.h"

enum vq_error vq_memory_init(struct vq_memory *memory, const struct vq_region *regions,
                             uint32_t count)
{
    if (count > VQ_MEMORY_REGIONS_MAX)
        return VQ_ERR_RANGE;
    for (uint32_t i = 0; i < count; i++) {
        const struct vq_region *r = &regions[i];
        if (r->size == 0 || r->size - 1 > UINT64_MAX - r->address || r->size > SIZE_MAX ||
            !r->host || (r->access & ~(uint32_t)(VQ_READ | VQ_WRITE)) != 0)
            return VQ_ERR_RANGE;
        /* r[-1] does not wrap, so its last byte is a number. */
        if (i && (r->address <= r[-1].address || r->address - r[-1].address < r[-1].size))
            return VQ_ERR_RANGE;
    }
    memory->regions = regions;
    memory->count = count;
    return VQ_OK;
}

/* The index of the region that holds `address`, or `count`. */
static uint32_t find(const struct vq_memory *memory, uint64_t address)
{
    uint32_t low = 0, high = memory->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (address < memory->regions[middle].address)
            high = middle;
        else
            low = middle + 1;
    }
    return low && vq_region_holds(&memory->regions[low - 1], address) ? low - 1 : memory->count;
}

size_t vq_memory_map(const struct vq_memory *memory, uint64_t address, uint64_t bytes,
                     enum vq_access access, struct vq_segment *segments, size_t room,
                     uint32_t *hint)
{
    uint32_t i = hint ? *hint : 0;
    size_t used = 0;

    if (bytes == 0 || bytes - 1 > UINT64_MAX - address)
        return 0;
    if (i >= memory->count || !vq_region_holds(&memory->regions[i], address))
        i = find(memory, address);
    if (hint)
        *hint = i;

    while (used < room && i < memory->count) {
        const struct vq_region *r = &memory->regions[i];
        uint64_t here = vq_region_run(r, address, bytes, access);

        if (here == 0)
            return 0;
        segments[used].base = r->host + (address - r->address);
        segments[used].bytes = (size_t)here;
        used++;
        if (here == bytes)
            return used;
        address += here;
        bytes -= here;
        i++;
    }
    return 0;
}

bool vq_memory_covers(const struct vq_memory *memory, uint64_t address, uint64_t bytes,
                      enum vq_access access)
{
    if (bytes == 0 || bytes - 1 > UINT64_MAX - address)
        return false;
    for (uint32_t i = find(memory, address); i < memory->count; i++) {
        uint64_t here = vq_region_run(&memory->regions[i], address, bytes, access);
        if (here == 0 || here == bytes)
            return here != 0;
        address += here;
        bytes -= here;
    }
    return false;
}
