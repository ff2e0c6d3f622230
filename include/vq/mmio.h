/*
 * Registers of a virtio device over MMIO (virtio 1.4, section 4.2), for both ends.
 *
 * Offsets in bytes from the start of the window. Registers are 32 bits wide and
 * little-endian; the configuration space, from VQ_MMIO_CONFIG on, takes every
 * width. Version 1 is the legacy interface.
 */
#ifndef VQ_MMIO_H
#define VQ_MMIO_H

enum {
    VQ_MMIO_MAGIC = 0x000,
    VQ_MMIO_VERSION = 0x004,
    VQ_MMIO_DEVICE_ID = 0x008, /* 0: there is no device here */
    VQ_MMIO_VENDOR_ID = 0x00c,
    VQ_MMIO_DEVICE_FEATURES = 0x010,
    VQ_MMIO_DEVICE_FEATURES_SEL = 0x014,
    VQ_MMIO_DRIVER_FEATURES = 0x020,
    VQ_MMIO_DRIVER_FEATURES_SEL = 0x024,
    VQ_MMIO_GUEST_PAGE_SIZE = 0x028, /* version 1 */
    VQ_MMIO_QUEUE_SEL = 0x030,
    VQ_MMIO_QUEUE_SIZE_MAX = 0x034, /* 0: there is no such queue */
    VQ_MMIO_QUEUE_SIZE = 0x038,
    VQ_MMIO_QUEUE_ALIGN = 0x03c, /* version 1 */
    VQ_MMIO_QUEUE_PFN = 0x040,   /* version 1; 0: not in use */
    VQ_MMIO_QUEUE_READY = 0x044,
    VQ_MMIO_QUEUE_NOTIFY = 0x050,
    VQ_MMIO_INTERRUPT_STATUS = 0x060,
    VQ_MMIO_INTERRUPT_ACK = 0x064,
    VQ_MMIO_STATUS = 0x070,
    VQ_MMIO_QUEUE_DESC_LOW = 0x080,
    VQ_MMIO_QUEUE_DESC_HIGH = 0x084,
    VQ_MMIO_QUEUE_DRIVER_LOW = 0x090,
    VQ_MMIO_QUEUE_DRIVER_HIGH = 0x094,
    VQ_MMIO_QUEUE_DEVICE_LOW = 0x0a0,
    VQ_MMIO_QUEUE_DEVICE_HIGH = 0x0a4,
    VQ_MMIO_SHM_SEL = 0x0ac,
    VQ_MMIO_SHM_LEN_LOW = 0x0b0, /* length and base are all ones where there is no such region */
    VQ_MMIO_SHM_LEN_HIGH = 0x0b4,
    VQ_MMIO_SHM_BASE_LOW = 0x0b8,
    VQ_MMIO_SHM_BASE_HIGH = 0x0bc,
    VQ_MMIO_QUEUE_RESET = 0x0c0,
    VQ_MMIO_CONFIG_GENERATION = 0x0fc,
    VQ_MMIO_CONFIG = 0x100,
};

#define VQ_MMIO_MAGIC_VALUE 0x74726976u /* "virt" */

/* Bits of InterruptStatus and InterruptACK. */
enum {
    VQ_MMIO_INTERRUPT_QUEUE = 1,  /* a used buffer notification */
    VQ_MMIO_INTERRUPT_CONFIG = 2, /* the configuration or the device status changed */
};

#endif
