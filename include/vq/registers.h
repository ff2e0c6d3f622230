/*
 * How a driver reaches a device's registers: through a pointer, or through two
 * callbacks where the machine has no pointer for them (I/O ports, a bus behind
 * another one, a test).
 *
 *     struct vq_registers uart = {.base = (volatile void *)0x10001000, .bytes = 0x200};
 *     struct vq_registers port = {.bus = &my_ports, .start = 0xc040, .bytes = 32};
 *
 * A value is the number that the register holds: registers are little-endian, and on a
 * big-endian machine reading through a pointer swaps. A bus does the same: the byte at
 * the lowest address is the least significant one. Every access is one access of its
 * width, 1, 2 or 4 bytes, aligned to it.
 */
#ifndef VQ_REGISTERS_H
#define VQ_REGISTERS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vq_bus {
    uint32_t (*read)(void *context, uint32_t address, unsigned bytes);
    void (*write)(void *context, uint32_t address, unsigned bytes, uint32_t value);
};

struct vq_registers {
    volatile void *base;      /* of the first register; not looked at where there is a bus */
    const struct vq_bus *bus; /* NULL: `base` is a pointer to memory that is not cached */
    void *context;            /* for the bus, with ... */
    uint32_t start;           /* ... the address of the first register on it */
    uint32_t bytes;           /* how many there are; 0: not known */
};

/*
 * One access. Ordered with everything before and after it, memory of the rings included:
 * what was written to memory before a write is there when the device sees the write.
 */
uint32_t vq_registers_read(const struct vq_registers *r, uint32_t offset, unsigned bytes);
void vq_registers_write(const struct vq_registers *r, uint32_t offset, unsigned bytes,
                        uint32_t value);

/*
 * A field of a configuration space, byte for byte as it stands there: 1, 2, 4 and 8 bytes
 * at an offset that is aligned to them (8: to 4) are a number and take accesses of their
 * width, 8 bytes two of 4; everything else is an array of bytes (MMIO-DRV-REG-05..07,
 * PCI-DRV-LAYOUT-01..04).
 */
void vq_registers_get(const struct vq_registers *r, uint32_t offset, void *field, uint32_t bytes);
void vq_registers_put(const struct vq_registers *r, uint32_t offset, const void *field,
                      uint32_t bytes);

#ifdef __cplusplus
}
#endif
#endif
