/*
 * From an address of the driver to pointers: the one place where this happens.
 * Trusts the table (checked once), and nothing about the address or the length.
 */
#include <vq/memory.h>

#include "region.h"

/*@ requires \valid(memory) && \valid_read(regions + (0 .. count - 1));
  @ requires \separated(memory, regions + (0 .. count - 1));
  @ assigns *memory;
  @ ensures \result == VQ_OK ==> memory->regions == regions && memory->count == count &&
  @         count <= VQ_MEMORY_REGIONS_MAX && sorted(regions, count);
  @ ensures \result == VQ_OK ==> \forall integer k; 0 <= k < count ==>
  @         0 < regions[k].size && regions[k].address + regions[k].size <= 0x10000000000000000; */
enum vq_error vq_memory_init(struct vq_memory *memory, const struct vq_region *regions,
                             uint32_t count)
{
    if (count > VQ_MEMORY_REGIONS_MAX)
        return VQ_ERR_RANGE;
    /*@ loop invariant 0 <= i <= count && sorted(regions, i);
      @ loop invariant \forall integer k; 0 <= k < i ==>
      @   0 < regions[k].size && regions[k].address + regions[k].size <= 0x10000000000000000;
      @ loop assigns i;
      @ loop variant count - i; */
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
/*@ requires memory_ok(memory);
  @ assigns \nothing;
  @ ensures \result <= memory->count;
  @ ensures \result < memory->count ==> holds(&memory->regions[\result], address);
  @ ensures \result == memory->count ==> \forall integer k; 0 <= k < memory->count ==>
  @         !holds(&memory->regions[k], address); */
static uint32_t find(const struct vq_memory *memory, uint64_t address)
{
    uint32_t low = 0, high = memory->count;

    /*@ loop invariant low <= high <= memory->count;
      @ loop invariant \forall integer k; 0 <= k < low ==> memory->regions[k].address <= address;
      @ loop invariant \forall integer k; high <= k < memory->count ==>
      @   address < memory->regions[k].address;
      @ loop assigns low, high;
      @ loop variant high - low; */
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
    /*@ admit frozen: memory_ok(memory) && outside(memory, segments, room, hint); */
    uint32_t i = hint ? *hint : 0;
    size_t used = 0;

    if (bytes == 0 || bytes - 1 > UINT64_MAX - address)
        return 0;
    if (i >= memory->count || !vq_region_holds(&memory->regions[i], address))
        i = find(memory, address);
    if (hint)
        *hint = i;

    /*@ loop invariant used <= room && i <= memory->count;
      @ loop invariant 0 < bytes && address + bytes <= 0x10000000000000000;
      @ loop invariant all_within(memory, segments, used, access);
      @ loop invariant total(segments, used) + bytes == \at(bytes, Pre);
      @ loop assigns i, used, address, bytes, segments[0 .. room - 1];
      @ loop variant memory->count - i; */
    while (used < room && i < memory->count) {
        const struct vq_region *r = &memory->regions[i];
        /*@ assert memory->regions == \at(memory->regions, LoopEntry); */
        /*@ assert memory->count == \at(memory->count, LoopEntry); */
        /*@ assert \valid_read(r); */
        /*@ assert \separated(r, segments + (0 .. room - 1)); */
        /*@ assert \let k = i; r->host == \at(memory->regions[k].host, LoopEntry); */
        /*@ assert \let k = i; r->size == \at(memory->regions[k].size, LoopEntry); */
        /*@ assert \let k = i; r->address == \at(memory->regions[k].address, LoopEntry); */
        /*@ assert \let k = i; r->access == \at(memory->regions[k].access, LoopEntry); */
        /*@ assert \let k = i; region_ok{Pre}(memory, \at(memory->regions + k, Pre)); */
        /*@ assert region_ok(memory, r); */
        uint64_t here = vq_region_run(r, address, bytes, access);

        if (here == 0)
            return 0;
        segments[used].base = r->host + (address - r->address);
        segments[used].bytes = (size_t)here;
        /*@ assert within(memory, &segments[used], access); */
        /*@ assert \forall integer k; 0 <= k < used ==>
          @   segments[k].bytes == \at(segments[k].bytes, LoopCurrent); */
        /*@ assert total(segments, used) == total{LoopCurrent}(segments, used); */
        used++;
        /*@ assert total(segments, used) == total(segments, used - 1) + here; */
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
    /*@ admit frozen: memory_ok(memory); */
    if (bytes == 0 || bytes - 1 > UINT64_MAX - address)
        return false;
    /*@ loop invariant i <= memory->count;
      @ loop invariant 0 < bytes && address + bytes <= 0x10000000000000000;
      @ loop assigns i, address, bytes;
      @ loop variant memory->count - i; */
    for (uint32_t i = find(memory, address); i < memory->count; i++) {
        uint64_t here = vq_region_run(&memory->regions[i], address, bytes, access);
        if (here == 0 || here == bytes)
            return here != 0;
        address += here;
        bytes -= here;
    }
    return false;
}
