/*
 * What a virtio device looks like on PCI (virtio 1.4, section 4.1), for both ends:
 * identities, capabilities, registers. All fields are little-endian, but for the
 * device configuration of the legacy interface.
 */
#ifndef VQ_PCI_H
#define VQ_PCI_H

#define VQ_PCI_VENDOR              0x1af4u
#define VQ_PCI_DEVICE_MODERN       0x1040u /* + device type; up to 0x107f */
#define VQ_PCI_DEVICE_TRANSITIONAL 0x1000u /* up to 0x103f, by a table */
#define VQ_MSI_NO_VECTOR           0xffffu

/* The header of a PCI function (type 0). */
enum {
    VQ_PCI_VENDOR_ID = 0x00,
    VQ_PCI_DEVICE_ID = 0x02,
    VQ_PCI_COMMAND = 0x04,
    VQ_PCI_STATUS = 0x06,
    VQ_PCI_REVISION = 0x08,
    VQ_PCI_CLASS = 0x09, /* interface, subclass, class */
    VQ_PCI_CACHE_LINE = 0x0c,
    VQ_PCI_LATENCY = 0x0d,
    VQ_PCI_HEADER_TYPE = 0x0e,
    VQ_PCI_BAR0 = 0x10,
    VQ_PCI_SUBSYSTEM_VENDOR = 0x2c,
    VQ_PCI_SUBSYSTEM_ID = 0x2e,
    VQ_PCI_CAPABILITIES = 0x34,
    VQ_PCI_INTERRUPT_LINE = 0x3c,
    VQ_PCI_INTERRUPT_PIN = 0x3d,
    VQ_PCI_BARS = 6,
};

enum {
    VQ_PCI_COMMAND_IO = 0x0001,
    VQ_PCI_COMMAND_MEMORY = 0x0002,
    VQ_PCI_COMMAND_MASTER = 0x0004,
    VQ_PCI_COMMAND_INTX_OFF = 0x0400,
    VQ_PCI_STATUS_INTERRUPT = 0x0008,
    VQ_PCI_STATUS_CAPABILITIES = 0x0010,
};

enum {
    VQ_PCI_BAR_IO = 1,
    VQ_PCI_BAR_64 = 4,
    VQ_PCI_BAR_PREFETCH = 8,
};

enum {
    VQ_PCI_CAP_ID_MSIX = 0x11,
    VQ_PCI_CAP_ID_VENDOR = 0x09,
};

/* A virtio capability; offsets from its start. */
enum {
    VQ_PCI_CAP_ID = 0,
    VQ_PCI_CAP_NEXT = 1,
    VQ_PCI_CAP_LEN = 2,
    VQ_PCI_CAP_TYPE = 3,
    VQ_PCI_CAP_BAR = 4, /* above 5: reserved */
    VQ_PCI_CAP_REGION = 5,
    VQ_PCI_CAP_OFFSET = 8,
    VQ_PCI_CAP_LENGTH = 12,
    VQ_PCI_CAP_VENDOR_ID = 4, /* of VQ_PCI_CAP_VENDOR, 16 bits; then data of his own */
    VQ_PCI_CAP_VENDOR_DATA = 6,
    VQ_PCI_CAP_BYTES = 16,
    VQ_PCI_CAP_MULTIPLIER = 16,  /* of VQ_PCI_CAP_NOTIFY */
    VQ_PCI_CAP_DATA = 16,        /* of VQ_PCI_CAP_ACCESS, 4 bytes */
    VQ_PCI_CAP_OFFSET_HIGH = 16, /* of VQ_PCI_CAP_SHARED */
    VQ_PCI_CAP_LENGTH_HIGH = 20,
};

/* Their types. */
enum vq_pci_cap {
    VQ_PCI_CAP_COMMON = 1,
    VQ_PCI_CAP_NOTIFY = 2,
    VQ_PCI_CAP_ISR = 3,
    VQ_PCI_CAP_DEVICE = 4,
    VQ_PCI_CAP_ACCESS = 5, /* PCI configuration access */
    VQ_PCI_CAP_SHARED = 8,
    VQ_PCI_CAP_VENDOR = 9,
};

/* MSI-X: its capability, and an entry of its table. */
enum {
    VQ_PCI_MSIX_CONTROL = 2,
    VQ_PCI_MSIX_TABLE = 4,
    VQ_PCI_MSIX_PENDING = 8,
    VQ_PCI_MSIX_CAP_BYTES = 12,
    VQ_PCI_MSIX_SIZE = 0x07ff, /* of the control: vectors - 1 */
    VQ_PCI_MSIX_MASK = 0x4000,
    VQ_PCI_MSIX_ENABLE = 0x8000,
    VQ_PCI_MSIX_ENTRY_ADDRESS = 0,
    VQ_PCI_MSIX_ENTRY_DATA = 8,
    VQ_PCI_MSIX_ENTRY_CONTROL = 12, /* bit 0: masked */
    VQ_PCI_MSIX_ENTRY_BYTES = 16,
    VQ_PCI_MSIX_VECTORS_MAX = 2048,
};

/* The common configuration structure. */
enum {
    VQ_PCI_COMMON_DEVICE_FEATURE_SELECT = 0x00,
    VQ_PCI_COMMON_DEVICE_FEATURE = 0x04,
    VQ_PCI_COMMON_DRIVER_FEATURE_SELECT = 0x08,
    VQ_PCI_COMMON_DRIVER_FEATURE = 0x0c,
    VQ_PCI_COMMON_CONFIG_VECTOR = 0x10,
    VQ_PCI_COMMON_NUM_QUEUES = 0x12,
    VQ_PCI_COMMON_STATUS = 0x14,
    VQ_PCI_COMMON_GENERATION = 0x15,
    VQ_PCI_COMMON_QUEUE_SELECT = 0x16,
    VQ_PCI_COMMON_QUEUE_SIZE = 0x18,
    VQ_PCI_COMMON_QUEUE_VECTOR = 0x1a,
    VQ_PCI_COMMON_QUEUE_ENABLE = 0x1c,
    VQ_PCI_COMMON_QUEUE_NOTIFY_OFF = 0x1e,
    VQ_PCI_COMMON_QUEUE_DESC = 0x20,
    VQ_PCI_COMMON_QUEUE_DRIVER = 0x28,
    VQ_PCI_COMMON_QUEUE_DEVICE = 0x30,
    VQ_PCI_COMMON_QUEUE_NOTIFY_DATA = 0x38, /* with NOTIF_CONFIG_DATA */
    VQ_PCI_COMMON_QUEUE_RESET = 0x3a,       /* with RING_RESET */
    VQ_PCI_COMMON_ADMIN_QUEUE_INDEX = 0x3c, /* with ADMIN_VQ */
    VQ_PCI_COMMON_ADMIN_QUEUE_NUM = 0x3e,
    VQ_PCI_COMMON_BYTES = 0x40,
    VQ_PCI_COMMON_BYTES_MIN = 0x38, /* of the first devices */
};

/* The legacy interface, in the first I/O BAR. */
enum {
    VQ_PCI_LEGACY_DEVICE_FEATURES = 0,
    VQ_PCI_LEGACY_DRIVER_FEATURES = 4,
    VQ_PCI_LEGACY_QUEUE_PFN = 8, /* address >> 12; 0: not in use */
    VQ_PCI_LEGACY_QUEUE_SIZE = 12,
    VQ_PCI_LEGACY_QUEUE_SELECT = 14,
    VQ_PCI_LEGACY_QUEUE_NOTIFY = 16,
    VQ_PCI_LEGACY_STATUS = 18,
    VQ_PCI_LEGACY_ISR = 19,
    VQ_PCI_LEGACY_CONFIG = 20,        /* while MSI-X is off */
    VQ_PCI_LEGACY_CONFIG_VECTOR = 20, /* while it is on ... */
    VQ_PCI_LEGACY_QUEUE_VECTOR = 22,
    VQ_PCI_LEGACY_CONFIG_MSIX = 24, /* ... and the configuration moves here */
    VQ_PCI_LEGACY_PAGE_SHIFT = 12,
};

/* Bits of the ISR status. */
enum {
    VQ_PCI_ISR_QUEUE = 1,
    VQ_PCI_ISR_CONFIG = 2,
};

#endif
