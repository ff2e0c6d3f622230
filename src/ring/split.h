/*
 * The split ring in memory (virtio 1.4, section 2.7): offsets, flags, and the
 * one place where a descriptor is read or written. Both ends use it.
 */
#ifndef VQ_RING_SPLIT_H
#define VQ_RING_SPLIT_H

#include "barrier.h"

enum {
    VQ_DESC_NEXT = 1,
    VQ_DESC_WRITE = 2,
    VQ_DESC_INDIRECT = 4,
    VQ_DESC_BYTES = 16,

    VQ_AVAIL_NO_INTERRUPT = 1,
    VQ_USED_NO_NOTIFY = 1,

    VQ_QUEUE_SIZE_MAX = 32768,
};

struct vq_descriptor {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};

/* Available and used ring: both begin with flags and idx. */
/*@ assigns \nothing;
  @ ensures \result == area; */
VQ_ALWAYS_INLINE void *vq_ring_flags(void *area)
{
    return area;
}

/*@ assigns \nothing;
  @ ensures \result == (void *)((uint8_t *)area + 2); */
VQ_ALWAYS_INLINE void *vq_ring_idx(void *area)
{
    return (uint8_t *)area + 2;
}

/*@ assigns \nothing;
  @ ensures \result == (void *)((uint8_t *)area + 4 + 2 * slot); */
VQ_ALWAYS_INLINE void *vq_avail_slot(void *area, uint16_t slot)
{
    return (uint8_t *)area + 4 + 2u * slot;
}

/*@ assigns \nothing;
  @ ensures \result == (void *)((uint8_t *)driver_area + 4 + 2 * size); */
VQ_ALWAYS_INLINE void *vq_used_event(void *driver_area, uint16_t size)
{
    return (uint8_t *)driver_area + 4 + 2u * size;
}

/*@ assigns \nothing;
  @ ensures \result == (void *)((uint8_t *)area + 4 + 8 * slot); */
VQ_ALWAYS_INLINE void *vq_used_slot(void *area, uint16_t slot)
{
    return (uint8_t *)area + 4 + 8u * slot;
}

/*@ assigns \nothing;
  @ ensures \result == (void *)((uint8_t *)device_area + 4 + 8 * size); */
VQ_ALWAYS_INLINE void *vq_avail_event(void *device_area, uint16_t size)
{
    return (uint8_t *)device_area + 4 + 8u * size;
}

/*@ assigns \nothing; */
VQ_ALWAYS_INLINE struct vq_descriptor vq_descriptor_of(uint64_t address, uint64_t rest, bool big)
{
    struct vq_descriptor d = {.address = address};
    d.bytes = (uint32_t)(big ? rest >> 32 : rest);
    d.flags = (uint16_t)(big ? rest >> 16 : rest >> 32);
    d.next = (uint16_t)(big ? rest : rest >> 48);
    return d;
}

/* Read whole, each byte once. */
/*@ requires \valid(d) && shared_read((void *)at, 16);
  @ assigns *d; */
VQ_ALWAYS_INLINE void vq_descriptor_load(struct vq_descriptor *d, const uint8_t *at, bool big)
{
    uint64_t first = vq_load64(at, big);
    *d = vq_descriptor_of(first, vq_load64(at + 8, big), big);
}

/*@ requires shared(at, 16);
  @ assigns ((uint8_t *)at)[0 .. 15]; */
VQ_ALWAYS_INLINE void vq_descriptor_store(void *at, uint64_t address, uint32_t bytes,
                                          uint16_t flags, uint16_t next, bool big)
{
    uint64_t rest = big ? (uint64_t)bytes << 32 | (uint32_t)flags << 16 | next
                        : bytes | (uint64_t)flags << 32 | (uint64_t)next << 48;
    vq_store64(at, address, big);
    vq_store64((uint8_t *)at + 8, rest, big);
}

/*
 * With EVENT_IDX: has the step from `before` to `now` passed `event`? Indices are
 * free-running, so the question is asked in their own 16 bits
 * (SPLIT-DEV-USEDSUPP-05, -06, SPLIT-DRV-AVAILSUPP-06, -07).
 */
/*@ assigns \nothing; */
VQ_ALWAYS_INLINE bool vq_event_passed(uint16_t event, uint16_t now, uint16_t before)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

/*@ assigns \nothing;
  @ ensures \result ==> 1 <= size <= 32768; */
VQ_ALWAYS_INLINE bool vq_split_size_valid(uint32_t size)
{
    return size != 0 && size <= VQ_QUEUE_SIZE_MAX && (size & (size - 1)) == 0;
}

/*@ assigns \nothing; */
VQ_ALWAYS_INLINE bool vq_aligned(const void *p, uintptr_t align)
{
    return ((uintptr_t)p & (align - 1)) == 0;
}

#endif
