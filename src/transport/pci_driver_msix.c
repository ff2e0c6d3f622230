/*
 * The MSI-X table of a device, for platforms that leave it to its driver. A file of its own,
 * so that nobody else has it. Where the capability says that the table lies is checked
 * against the range that is mapped, and no more than the one entry is.
 */
#include "pci_driver.h"

enum {
    PCI_MSIX_BAR = 7, /* of the table's place: the BAR, and the rest is the offset */
    PCI_MSIX_MASKED = 1,
};

static uint32_t msix_field(const struct vq_pci_driver *p, uint32_t offset, unsigned bytes)
{
    return vq_registers_read(&p->config.space, p->msix_capability + offset, bytes);
}

enum vq_error vq_pci_driver_set_message(struct vq_pci_driver *p, uint16_t vector, uint64_t address,
                                        uint32_t data)
{
    struct vq_registers entry;
    if (p->msix_capability == 0)
        return VQ_ERR_UNSUPPORTED;
    if ((address & 3) != 0)
        return VQ_ERR_ALIGN;
    if (vector > (msix_field(p, VQ_PCI_MSIX_CONTROL, 2) & VQ_PCI_MSIX_SIZE))
        return VQ_ERR_RANGE;
    uint32_t place = msix_field(p, VQ_PCI_MSIX_TABLE, 4);
    uint32_t bar = place & PCI_MSIX_BAR, offset = place & ~(uint32_t)PCI_MSIX_BAR;
    uint32_t at = vector * (uint32_t)VQ_PCI_MSIX_ENTRY_BYTES;
    if (bar >= VQ_PCI_BARS || offset > UINT32_MAX - at - VQ_PCI_MSIX_ENTRY_BYTES ||
        !vq_pci_map(p, bar, offset + at, VQ_PCI_MSIX_ENTRY_BYTES, &entry))
        return VQ_ERR_UNSUPPORTED;
    /* Masked while it changes: half an address is nobody's. */
    vq_registers_write(&entry, VQ_PCI_MSIX_ENTRY_CONTROL, 4, PCI_MSIX_MASKED);
    vq_registers_write(&entry, VQ_PCI_MSIX_ENTRY_ADDRESS, 4, (uint32_t)address);
    vq_registers_write(&entry, VQ_PCI_MSIX_ENTRY_ADDRESS + 4, 4, (uint32_t)(address >> 32));
    vq_registers_write(&entry, VQ_PCI_MSIX_ENTRY_DATA, 4, data);
    vq_registers_write(&entry, VQ_PCI_MSIX_ENTRY_CONTROL, 4, 0);
    return VQ_OK;
}

enum vq_error vq_pci_driver_enable_messages(struct vq_pci_driver *p, bool on)
{
    if (p->msix_capability == 0)
        return VQ_ERR_UNSUPPORTED;
    uint32_t control = msix_field(p, VQ_PCI_MSIX_CONTROL, 2);
    control &= ~(uint32_t)(VQ_PCI_MSIX_ENABLE | VQ_PCI_MSIX_MASK);
    if (on)
        control |= VQ_PCI_MSIX_ENABLE;
    vq_registers_write(&p->config.space, p->msix_capability + (uint32_t)VQ_PCI_MSIX_CONTROL, 2,
                       control);
    return VQ_OK;
}
