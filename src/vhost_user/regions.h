/*
 * Guest memory as a front end describes it: regions of files, mapped here.
 *
 * A `struct vq_vhost_memory` never changes once it is made: adding, removing and
 * replacing regions makes another one, which shares the mappings that stay. So the
 * old one can be used until the moment of the change, and a refused change leaves
 * everything as it was.
 */
#ifndef VQ_VHOST_USER_REGIONS_H
#define VQ_VHOST_USER_REGIONS_H

#include <vq/memory.h>

#include "message.h"
#include "sigbus.h"

struct vq_vhost_mapping {
    struct vq_vhost_memory_region region;
    uint8_t *host; /* where the first byte of the region is */
    void *start;   /* what was mapped: whole pages */
    size_t bytes;
    int guard_slot;
    unsigned references; /* memories that have it; one thread makes and frees them */
};

struct vq_vhost_memory {
    struct vq_memory guest; /* by guest address: what descriptors contain */
    struct vq_memory user;  /* by user address: where rings are. User addresses are keys, no more */
    uint32_t count;
    struct vq_vhost_mapping **mappings;
    struct vq_region *guest_regions;
    struct vq_region *user_regions;
};

/* Each returns NULL and a reason, for people, if it cannot be. `fds` stay the caller's. */

/* A whole table, nothing of a former one; `count` may be 0. */
struct vq_vhost_memory *vq_vhost_memory_table(const struct vq_vhost_memory_region *regions,
                                              const int *fds, uint32_t count,
                                              struct vq_vhost_guard *guard, const char **reason);
struct vq_vhost_memory *vq_vhost_memory_add(const struct vq_vhost_memory *old,
                                            const struct vq_vhost_memory_region *region, int fd,
                                            struct vq_vhost_guard *guard, const char **reason);
/* The region is found by guest address, user address and size. */
struct vq_vhost_memory *vq_vhost_memory_remove(const struct vq_vhost_memory *old,
                                               const struct vq_vhost_memory_region *region,
                                               const char **reason);

/* Unmaps what no other memory has. NULL is ignored. */
void vq_vhost_memory_free(struct vq_vhost_memory *memory);

/* [address, address + bytes) by user address, inside one region; NULL if it is not. */
void *vq_vhost_memory_at_user(const struct vq_vhost_memory *memory, uint64_t address,
                              uint64_t bytes);

#endif
