/* Device status bits (virtio 1.4, section 2.1). */
#ifndef VQ_STATUS_H
#define VQ_STATUS_H

enum {
    VQ_STATUS_ACKNOWLEDGE = 1,
    VQ_STATUS_DRIVER = 2,
    VQ_STATUS_DRIVER_OK = 4,
    VQ_STATUS_FEATURES_OK = 8,
    VQ_STATUS_SUSPEND = 16,
    VQ_STATUS_NEEDS_RESET = 64,
    VQ_STATUS_FAILED = 128,
};

#endif
