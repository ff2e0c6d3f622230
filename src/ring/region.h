/*
 * The one check that stands between an address of the driver and a pointer.
 * vq_memory_map is built on it, and the rings call it first with the region that
 * served last.
 */
#ifndef VQ_RING_REGION_H
#define VQ_RING_REGION_H

#include <stdbool.h>

#include <vq/memory.h>

#include "barrier.h"

/*@ requires \valid_read(r) && r->address + r->size <= 0x10000000000000000;
  @ assigns \nothing;
  @ ensures \result <==> holds(r, address); */
VQ_ALWAYS_INLINE bool vq_region_holds(const struct vq_region *r, uint64_t address)
{
    /* A region does not wrap, so what lies below it is further away than it is large. */
    return address - r->address < r->size;
}

/*
 * How many of `bytes` from `address` on this region gives for `access`; 0 if it
 * does not hold the address. Compares lengths with what is left, never sums that wrap.
 */
/*@ requires \valid_read(r) && r->address + r->size <= 0x10000000000000000;
  @ assigns \nothing;
  @ ensures 0 < bytes && holds(r, address) && allows(r, access) ==> 0 < \result;
  @ ensures 0 < \result ==> allows(r, access) && r->address <= address &&
  @         address + \result <= r->address + r->size;
  @ ensures \result <= bytes;
  @ ensures 0 < \result < bytes ==> address + \result == r->address + r->size; */
VQ_ALWAYS_INLINE uint64_t vq_region_run(const struct vq_region *r, uint64_t address, uint64_t bytes,
                                        enum vq_access access)
{
    uint64_t left;

    if (!vq_region_holds(r, address) || (r->access & (uint32_t)access) != (uint32_t)access)
        return 0;
    left = r->size - (address - r->address);
    return bytes < left ? bytes : left;
}

/* Would vq_memory_map find it, given enough room? */
/*@ requires table(memory);
  @ assigns \nothing; */
bool vq_memory_covers(const struct vq_memory *memory, uint64_t address, uint64_t bytes,
                      enum vq_access access);

/* vq_memory_map, without a call when the hinted region holds all of it. */
/*@ requires table(memory) && \valid_read(memory) && \valid(segments + (0 .. room - 1));
  @ requires \valid(hint) && (access == VQ_READ || access == VQ_WRITE);
  @ requires \separated(memory, segments + (0 .. room - 1), hint);
  @ assigns *hint, segments[0 .. room - 1];
  @ ensures \result <= room && all_within(memory, segments, \result, access);
  @ ensures 0 < \result ==> total(segments, \result) == bytes; */
VQ_ALWAYS_INLINE size_t vq_memory_map_near(const struct vq_memory *memory, uint64_t address,
                                           uint64_t bytes, enum vq_access access,
                                           struct vq_segment *segments, size_t room, uint32_t *hint)
{
    /*@ admit frozen: memory_ok(memory) && outside(memory, segments, room, hint); */
#if !defined(__OPTIMIZE_SIZE__)
    if (*hint < memory->count && bytes != 0 && room != 0) {
        const struct vq_region *r = &memory->regions[*hint];
        uint64_t offset = address - r->address;
        /* vq_region_run, asked only whether it is all of it. */
        if (offset < r->size && bytes <= r->size - offset && (r->access & (uint32_t)access) != 0) {
            /*@ assert allows(r, access); */
            /*@ assert granted(memory, (void *)(r->host + offset), bytes, access); */
            segments->base = r->host + offset;
            segments->bytes = (size_t)bytes;
            /*@ assert total(segments, 0 + 1) == total(segments, 0) + bytes; */
            /*@ assert within(memory, &segments[0], access); */
            return 1;
        }
    }
#endif
    return vq_memory_map(memory, address, bytes, access, segments, room, hint);
}

#endif
