/* The half of a packed descriptor that says whose it is (virtio 1.4, section 2.8). */
#ifndef VQ_PACKED_H
#define VQ_PACKED_H

#include <stdint.h>

struct vq_packed_tail {
    uint32_t bytes;
    uint16_t id;
    uint16_t flags;
};

#endif
