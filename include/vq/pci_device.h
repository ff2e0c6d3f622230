/*
 * The PCI transport, the device's end: the configuration space and the BARs of one
 * function, behind which any device model (vq/model.h) runs; modern, transitional
 * (both interfaces on one function) or legacy.
 *
 *     struct vq_model_queue queues[1];
 *     struct vq_pci_vector vectors[2];
 *     struct vq_pci_device_config config = {
 *         .device = {.model = &disk.model, .memory = &guest, .queues = queues,
 *                    .queue_count = 1},
 *         .kind = VQ_PCI_MODERN, .vectors = vectors, .vector_count = 2,
 *         .message = send_msi, .line = set_intx, .context = vm};
 *     vq_pci_device_init(&device, &config);
 *
 *     // where the guest touches the configuration space of the function, or its BARs:
 *     value = vq_pci_device_config_read(&device, offset, bytes);
 *     if (vq_pci_device_decode(&device, is_io, address, bytes, &bar, &offset))
 *         vq_pci_device_bar_write(&device, bar, offset, bytes, value);
 *     // and then, or wherever the VMM sees fit:
 *     vq_model_run(&device.state);
 *
 * Everything that comes by these accesses is hostile. Any offset, width and value
 * is answered, in bounded time: what there is not, reads zero and takes no writes.
 * A write never runs a queue; vq_model_run does (vq/model_state.h, which also says
 * which thread may call what). Without the bus master bit no queue runs and no
 * message is sent, but for drivers that use the legacy interface: old ones forget
 * to set it.
 *
 *     BAR 0      legacy registers, in I/O space
 *     BAR 1      MSI-X table and pending bits
 *     BAR 2, 3   shared memory, 64 bits wide, prefetchable; the VMM maps its content
 *     BAR 4, 5   modern registers, 64 bits wide
 *
 * PCI-DEV-*, PCILEG-DEV-*.
 */
#ifndef VQ_PCI_DEVICE_H
#define VQ_PCI_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/model_state.h>
#include <vq/pci.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    VQ_PCI_DEVICE_BAR_LEGACY = 0,
    VQ_PCI_DEVICE_BAR_MSIX = 1,
    VQ_PCI_DEVICE_BAR_SHARED = 2,
    VQ_PCI_DEVICE_BAR_MODERN = 4,
    VQ_PCI_CONFIG_BYTES = 256,
};

enum vq_pci_kind {
    VQ_PCI_MODERN,       /* needs a model with VERSION_1 */
    VQ_PCI_TRANSITIONAL, /* likewise; types that have a transitional device id only */
    VQ_PCI_LEGACY,       /* likewise that; no virtio capability */
};

/* An entry of the MSI-X table; memory of the caller, contents private. */
struct vq_pci_vector {
    uint32_t address[2];
    uint32_t data;
    bool masked;
    bool pending;
};

/* Data for drivers of one vendor, shown in the configuration space and never changed. */
struct vq_pci_vendor_data {
    uint16_t vendor_id; /* not VQ_PCI_VENDOR */
    const uint8_t *data;
    uint8_t bytes; /* a multiple of 4, plus 2: so the capability ends where it must */
};

struct vq_pci_device_config {
    struct vq_model_config device;
    enum vq_pci_kind kind;
    /* A modern device that legacy drivers will find: it answers them with an I/O BAR, and after
     * a reset by it shows nothing at all, until the bus is reset (PCILEG-DEV-GRACE-01). */
    bool graceful;
    uint32_t class_code; /* 24 bits: class, subclass, interface; 0: as usual for the type */
    /* Modern: 0 is VQ_PCI_VENDOR, and the device id; at least 0x40. Else they are not a choice. */
    uint16_t subsystem_vendor;
    uint16_t subsystem_id;
    uint8_t revision; /* modern: 0 means 1. Else it is 0 */

    /* MSI-X: 2 to VQ_PCI_MSIX_VECTORS_MAX entries; 0: INTx only. One more than there are queues
     * is as many as a driver can make use of. */
    struct vq_pci_vector *vectors;
    uint16_t vector_count;
    /* Sends a message. NULL without vectors. */
    void (*message)(void *context, uint16_t vector, uint64_t address, uint32_t data);
    /* INTx, which is low at first; called whenever it changes. */
    void (*line)(void *context, bool high);
    /* Optional: a BAR was moved, or the command register changed (vq_pci_device_bar). */
    void (*moved)(void *context);
    void *context;

    /* Memory that driver and device share; `base` is its offset in BAR 2. Up to 3. */
    const struct vq_shared_memory *shared;
    uint8_t shared_count;
    uint64_t shared_bar_bytes; /* a power of two from 4096 */

    const struct vq_pci_vendor_data *vendor; /* as many as there is room for */
    uint8_t vendor_count;
};

/* The fields are private, but for `state`. */
struct vq_pci_device {
    struct vq_model_state state; /* for vq_model_run and the rest of vq/model_state.h */
    struct vq_pci_device_config config;
    uint8_t space[VQ_PCI_CONFIG_BYTES];
    uint8_t mask[VQ_PCI_CONFIG_BYTES]; /* which bits of it can be written */
    uint64_t bar_bytes[VQ_PCI_BARS];   /* 0: there is none, or it is the other half of one */
    uint32_t offered_select;
    uint32_t chosen_select;
    uint16_t queue_select;
    uint16_t config_vector;
    uint8_t isr;
    uint8_t msix;   /* where the capability stands; 0: there is none */
    uint8_t access; /* likewise, of PCI configuration access */
    bool claimed;   /* the interface in use is settled until the next reset */
    bool high;      /* INTx */
    bool gone;      /* a legacy driver came to a modern device */
};

/*
 * Makes a device as it is after a reset of the bus: no BAR has an address, no
 * space is decoded. `config` is copied, what it points to is not.
 * VQ_ERR_INVALID when something is missing or makes no sense; VQ_ERR_UNSUPPORTED
 * for a kind that the model cannot be.
 */
enum vq_error vq_pci_device_init(struct vq_pci_device *d,
                                 const struct vq_pci_device_config *config);

/* A reset of the bus: that of the device, and of the configuration space. */
void vq_pci_device_bus_reset(struct vq_pci_device *d);

/* Accesses of 1 to 4 bytes to the configuration space; values as below. */
uint32_t vq_pci_device_config_read(struct vq_pci_device *d, uint32_t offset, unsigned bytes);
void vq_pci_device_config_write(struct vq_pci_device *d, uint32_t offset, unsigned bytes,
                                uint32_t value);

/*
 * Accesses of 1 to 8 bytes, at any offset in a BAR. The value is little-endian: its
 * lowest 8 bits are the byte at the lowest address. Reads give what the fields
 * hold, whatever the width; a write reaches the fields that it covers as a whole.
 */
uint64_t vq_pci_device_bar_read(struct vq_pci_device *d, unsigned bar, uint64_t offset,
                                unsigned bytes);
void vq_pci_device_bar_write(struct vq_pci_device *d, unsigned bar, uint64_t offset, unsigned bytes,
                             uint64_t value);

/* Where a BAR is. False: the function does not have it. */
struct vq_pci_bar {
    uint64_t address;
    uint64_t bytes;
    bool io;
    bool decoded; /* the command register lets it answer */
};
bool vq_pci_device_bar(const struct vq_pci_device *d, unsigned bar, struct vq_pci_bar *out);

/* Which BAR answers for all of [address, address + bytes), if any. */
bool vq_pci_device_decode(const struct vq_pci_device *d, bool io, uint64_t address, unsigned bytes,
                          unsigned *bar, uint64_t *offset);

#ifdef __cplusplus
}
#endif
#endif
