/*
 * What the files of a PCI device share. pci_device.c has the configuration space and
 * sorts accesses, pci_device_modern.c the BAR of the modern interface,
 * pci_device_legacy.c that of the legacy one, pci_device_interrupt.c MSI-X and INTx.
 */
#ifndef VQ_TRANSPORT_PCI_DEVICE_H
#define VQ_TRANSPORT_PCI_DEVICE_H

#include <vq/pci_device.h>

#include "config_bytes.h"
#include "model_state.h"

/* Where things are in the modern BAR. */
enum {
    VQ_PCI_AT_COMMON = 0x0000,
    VQ_PCI_AT_ISR = 0x1000,
    VQ_PCI_AT_DEVICE = 0x2000, /* the device's configuration, at most a page of it */
    VQ_PCI_AT_NOTIFY = 0x3000,
    VQ_PCI_NOTIFY_SHIFT = 2, /* each queue has its own 4 bytes to be notified at */
};

/* A register of up to 4 bytes. Either function may be missing. */
struct vq_pci_field {
    uint8_t offset;
    uint8_t bytes;
    uint32_t (*read)(struct vq_pci_device *d);
    void (*write)(struct vq_pci_device *d, uint32_t value);
};
/* Reads all that the access covers; writes the fields that it covers as a whole. */
uint64_t vq_pci_fields_read(struct vq_pci_device *d, const struct vq_pci_field *fields,
                            size_t count, uint64_t offset, unsigned bytes);
void vq_pci_fields_write(struct vq_pci_device *d, const struct vq_pci_field *fields, size_t count,
                         uint64_t offset, unsigned bytes, uint64_t value);

/*
 * A driver uses one interface; which one, the first write after a reset says. Reads
 * until then show what belongs to their own. False: the other one is in use, and the
 * write has no effect.
 */
void vq_pci_look_by(struct vq_pci_device *d, enum vq_interface interface);
bool vq_pci_claim(struct vq_pci_device *d, enum vq_interface interface);
/* Is the driver's memory within reach: bus master, or the legacy interface? */
void vq_pci_update_memory_access(struct vq_pci_device *d);

uint64_t vq_pci_modern_bytes(const struct vq_pci_device *d);
uint64_t vq_pci_modern_read(struct vq_pci_device *d, uint64_t offset, unsigned bytes);
void vq_pci_modern_write(struct vq_pci_device *d, uint64_t offset, unsigned bytes, uint64_t value);

uint64_t vq_pci_legacy_bytes(const struct vq_pci_device *d);
uint64_t vq_pci_legacy_read(struct vq_pci_device *d, uint64_t offset, unsigned bytes);
void vq_pci_legacy_write(struct vq_pci_device *d, uint64_t offset, unsigned bytes, uint64_t value);

/* Of the MSI-X BAR: its size, and where the pending bits begin. */
uint64_t vq_pci_msix_bytes(const struct vq_pci_device *d);
uint64_t vq_pci_msix_read(struct vq_pci_device *d, uint64_t offset, unsigned bytes);
void vq_pci_msix_write(struct vq_pci_device *d, uint64_t offset, unsigned bytes, uint64_t value);
bool vq_pci_msix_on(const struct vq_pci_device *d);
/* After anything changed that decides over interrupts: sends what may be sent, drives the line. */
void vq_pci_update_interrupts(struct vq_pci_device *d);
void vq_pci_forget_interrupts(struct vq_pci_device *d);
uint8_t vq_pci_take_isr(struct vq_pci_device *d);
/* The vector registers, which both interfaces have. */
uint32_t vq_pci_read_config_vector(struct vq_pci_device *d);
void vq_pci_write_config_vector(struct vq_pci_device *d, uint32_t value);
uint32_t vq_pci_read_queue_vector(struct vq_pci_device *d);
void vq_pci_write_queue_vector(struct vq_pci_device *d, uint32_t value);
uint32_t vq_pci_read_queue_select(struct vq_pci_device *d);
void vq_pci_write_queue_select(struct vq_pci_device *d, uint32_t value);
uint32_t vq_pci_read_status(struct vq_pci_device *d);

extern const struct vq_model_front vq_pci_front;

static inline uint32_t vq_pci_get16(const struct vq_pci_device *d, unsigned at)
{
    return d->space[at] | (uint32_t)d->space[at + 1] << 8;
}

static inline uint32_t vq_pci_get32(const struct vq_pci_device *d, unsigned at)
{
    return vq_pci_get16(d, at) | vq_pci_get16(d, at + 2) << 16;
}

#endif
