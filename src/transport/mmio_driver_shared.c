/*
 * Shared memory regions of a device over MMIO, seen by its driver. A file of its own, so
 * that firmware which expects none has none of it, and no register of them is ever touched
 * (MMIO-DRV-INIT-05).
 */
#include <vq/mmio_driver.h>

static uint64_t mmio_read_pair(const struct vq_registers *r, uint32_t low)
{
    uint32_t first = vq_registers_read(r, low, 4);
    return first | (uint64_t)vq_registers_read(r, low + 4, 4) << 32;
}

enum vq_error vq_mmio_driver_shared_memory(struct vq_mmio_driver *m, uint8_t id,
                                           struct vq_mmio_shared_memory *region)
{
    const struct vq_registers *r = &m->config.registers;
    if (vq_mmio_driver_is_legacy(m))
        return VQ_ERR_UNSUPPORTED;
    vq_registers_write(r, VQ_MMIO_SHM_SEL, 4, id);
    uint64_t bytes = mmio_read_pair(r, VQ_MMIO_SHM_LEN_LOW);
    uint64_t address = mmio_read_pair(r, VQ_MMIO_SHM_BASE_LOW);
    if (bytes == UINT64_MAX || bytes == 0)
        return VQ_ERR_RANGE;
    if (address > UINT64_MAX - (bytes - 1))
        return VQ_ERR_BROKEN;
    *region = (struct vq_mmio_shared_memory){address, bytes};
    return VQ_OK;
}
