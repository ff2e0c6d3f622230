/*
 * Access to registers of a device. The caller keeps offsets within what exists; what
 * comes back is the device's word and is not looked at here.
 *
 * The only place of the drivers' transports that knows about byte order, widths and the
 * order between memory and device accesses. It must never touch a register twice for one
 * call, since reading may have effects.
 */
#include <vq/registers.h>

#include "../ring/barrier.h"

uint32_t vq_registers_read(const struct vq_registers *r, uint32_t offset, unsigned bytes)
{
    uint32_t value;
    if (r->bus != NULL) {
        value = r->bus->read(r->context, r->start + offset, bytes);
    } else {
        const volatile uint8_t *at = (const volatile uint8_t *)r->base + offset;
        if (bytes == 1)
            value = *at;
        else if (bytes == 2)
            value = vq_swap16(*(const volatile uint16_t *)(const volatile void *)at, false);
        else
            value = vq_swap32(*(const volatile uint32_t *)(const volatile void *)at, false);
    }
    vq_platform_barrier();
    return value;
}

void vq_registers_write(const struct vq_registers *r, uint32_t offset, unsigned bytes,
                        uint32_t value)
{
    vq_platform_barrier();
    if (r->bus != NULL) {
        r->bus->write(r->context, r->start + offset, bytes, value);
        return;
    }
    volatile uint8_t *at = (volatile uint8_t *)r->base + offset;
    if (bytes == 1)
        *at = (uint8_t)value;
    else if (bytes == 2)
        *(volatile uint16_t *)(volatile void *)at = vq_swap16((uint16_t)value, false);
    else
        *(volatile uint32_t *)(volatile void *)at = vq_swap32(value, false);
}

/* Of the accesses to a field. */
static unsigned width_of(uint32_t offset, uint32_t bytes)
{
    unsigned width = bytes == 8 ? 4 : bytes;
    return (width == 2 || width == 4) && (offset & (width - 1)) == 0 ? width : 1;
}

void vq_registers_get(const struct vq_registers *r, uint32_t offset, void *field, uint32_t bytes)
{
    uint8_t *to = (uint8_t *)field;
    unsigned width = width_of(offset, bytes);
    for (uint32_t i = 0; i < bytes; i += width) {
        uint32_t value = vq_registers_read(r, offset + i, width);
        for (unsigned k = 0; k < width; k++, value >>= 8)
            to[i + k] = (uint8_t)value;
    }
}

void vq_registers_put(const struct vq_registers *r, uint32_t offset, const void *field,
                      uint32_t bytes)
{
    const uint8_t *from = (const uint8_t *)field;
    unsigned width = width_of(offset, bytes);
    for (uint32_t i = 0; i < bytes; i += width) {
        uint32_t value = 0;
        for (unsigned k = width; k-- != 0;)
            value = value << 8 | from[i + k];
        vq_registers_write(r, offset + i, width, value);
    }
}
