/*
 * Shared memory regions of a device on PCI, seen by its driver. Each capability is read
 * once and checked; mapping is the caller's.
 */
#include "pci_driver.h"

#define PCI_CAP_SPACE 256u

static uint64_t pci_read_pair(const struct vq_registers *space, uint32_t low, uint32_t high)
{
    uint32_t first = vq_registers_read(space, low, 4);
    return first | (uint64_t)vq_registers_read(space, high, 4) << 32;
}

/* Is this the region, and does it make sense? */
static bool describes(const struct vq_registers *space, uint32_t at, uint8_t id,
                      struct vq_pci_shared_memory *region)
{
    if (at + VQ_PCI_CAP_LENGTH_HIGH + 4 > PCI_CAP_SPACE ||
        vq_registers_read(space, at + VQ_PCI_CAP_LEN, 1) < VQ_PCI_CAP_LENGTH_HIGH + 4 ||
        vq_registers_read(space, at + VQ_PCI_CAP_TYPE, 1) != VQ_PCI_CAP_SHARED ||
        vq_registers_read(space, at + VQ_PCI_CAP_REGION, 1) != id)
        return false;
    region->bar = (uint8_t)vq_registers_read(space, at + VQ_PCI_CAP_BAR, 1);
    region->offset = pci_read_pair(space, at + VQ_PCI_CAP_OFFSET, at + VQ_PCI_CAP_OFFSET_HIGH);
    region->bytes = pci_read_pair(space, at + VQ_PCI_CAP_LENGTH, at + VQ_PCI_CAP_LENGTH_HIGH);
    return region->bar < VQ_PCI_BARS && region->bytes != 0 &&
           region->bytes - 1 <= UINT64_MAX - region->offset;
}

enum vq_error vq_pci_driver_shared_memory(const struct vq_pci_driver *p, uint8_t id,
                                          struct vq_pci_shared_memory *region)
{
    struct vq_pci_walk walk = {0, 0, 0};
    struct vq_pci_shared_memory found;
    for (uint32_t at; (at = vq_pci_next_capability(&p->config.space, &walk)) != 0;)
        if (walk.id == VQ_PCI_CAP_ID_VENDOR && describes(&p->config.space, at, id, &found)) {
            *region = found;
            return VQ_OK;
        }
    return VQ_ERR_RANGE;
}
