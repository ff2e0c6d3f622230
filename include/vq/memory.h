/*
 * Guest memory as the device's end sees it: a sorted table of regions, and the
 * one function that turns an address of the driver into pointers.
 *
 * The table is read by every queue that uses it and belongs to the caller; it
 * must not change while a queue runs. Regions are RAM only: a table that maps a
 * device's own registers would let a driver make the device write to itself.
 */
#ifndef VQ_MEMORY_H
#define VQ_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include <vq/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VQ_MEMORY_REGIONS_MAX 509u /* what vhost-user front ends expect at most */

enum vq_access {
    VQ_READ = 1,  /* the device may read */
    VQ_WRITE = 2, /* the device may write */
};

struct vq_region {
    uint64_t address; /* first address, in the driver's terms */
    uint64_t size;    /* bytes; address + size - 1 must not wrap */
    uint8_t *host;    /* where the first byte is here */
    uint32_t access;  /* VQ_READ, VQ_WRITE or both */
};

struct vq_memory {
    const struct vq_region *regions; /* sorted by address, none overlapping */
    uint32_t count;
};

/*
 * A run of bytes that is contiguous here. Laid out like POSIX `struct iovec`,
 * so that hosted code may pass arrays of it to the kernel.
 */
struct vq_segment {
    void *base;
    size_t bytes;
};

/*
 * Checks a table (count, order, overlap, wrap, access) and makes `memory` of it.
 * VQ_ERR_RANGE names a table that cannot be used.
 */
enum vq_error vq_memory_init(struct vq_memory *memory, const struct vq_region *regions,
                             uint32_t count);

/*
 * Maps [address, address + bytes) for `access` into at most `room` segments.
 * Returns how many were filled: one when a single region holds all of it, more
 * when the range runs over adjacent regions. 0 means that it cannot be had:
 * `bytes` is zero, the range wraps, is not covered by regions that allow
 * `access`, or needs more than `room` segments; `segments` is then undefined.
 *
 * `hint` remembers the region last used; any value is safe, NULL is allowed.
 */
size_t vq_memory_map(const struct vq_memory *memory, uint64_t address, uint64_t bytes,
                     enum vq_access access, struct vq_segment *segments, size_t room,
                     uint32_t *hint);

#ifdef __cplusplus
}
#endif
#endif
