/*
 * What the files of the network driver share. net_driver_open.c negotiates and sets up;
 * net_driver.c moves frames.
 */
#ifndef VQ_DEVICE_NET_DRIVER_H
#define VQ_DEVICE_NET_DRIVER_H

#include <vq/net_driver.h>

/* Buffer `index` in shared memory. */
static inline uint8_t *vq_net_buffer_at(const struct vq_net_driver *nic, uint16_t index)
{
    return nic->shared + VQ_NET_HEADER_BYTES + (size_t)index * nic->stride;
}

/* Makes all buffers free. */
void vq_net_driver_free_all(struct vq_net_driver *nic);

#endif
