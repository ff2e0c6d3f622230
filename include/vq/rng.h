/*
 * The entropy device on the wire (virtio 1.4, section 5.4): one queue, of buffers that
 * the device fills with random bytes. There is no configuration space and no feature of
 * its own.
 */
#ifndef VQ_RNG_H
#define VQ_RNG_H

enum {
    VQ_RNG_DEVICE_ID = 4,
};

#endif
