/*
 * A machine's bus in one process: what a driver's end asks of its registers
 * (vq/registers.h) goes to a device's end, access by access, as a VMM would carry it.
 *
 * On PCI it is the firmware as well: it sizes the BARs, gives them addresses, lets the
 * function decode them, and fills the MSI-X table, all by accesses.
 */
#ifndef VQ_TESTS_BUS_H
#define VQ_TESTS_BUS_H

#include <vq/mmio_device.h>
#include <vq/pci_device.h>
#include <vq/registers.h>

extern const struct vq_bus bus_mmio;       /* context: struct vq_mmio_device */
extern const struct vq_bus bus_pci_space;  /* context: struct vq_pci_device */
extern const struct vq_bus bus_pci_memory; /* likewise; addresses of the machine */
extern const struct vq_bus bus_pci_io;

/* With `vectors` not 0, MSI-X is on, and the data of a message is its vector. */
void bus_pci_set_up(struct vq_pci_device *d, uint16_t vectors);
/* For vq_pci_driver_config; context: struct vq_pci_device. */
bool bus_pci_map(void *context, unsigned bar, uint32_t offset, uint32_t bytes,
                 struct vq_registers *r);
/* The same for a machine that cannot reach BARs. */
bool bus_pci_map_nothing(void *context, unsigned bar, uint32_t offset, uint32_t bytes,
                         struct vq_registers *r);

#endif
