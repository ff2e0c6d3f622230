/*
 * Slots are looked at one by one, PCI functions by their vendor; the library's transports
 * find out the rest. Registers are reached by pointer, but for the ports of a PC.
 */
#include "find.h"

#include <vq/mmio_driver.h>
#include <vq/pci_driver.h>

#include "pci.h"

#define QUEUES 8u /* of a device that are used */

static unsigned find_slots(const struct board_slots *slots, struct found found[], unsigned room)
{
    static struct vq_mmio_driver drivers[FOUND_MAX];
    unsigned count = 0;
    for (uint32_t i = 0; i < slots->count && count < room; i++) {
        uintptr_t at = slots->base + i * slots->step;
        struct vq_mmio_driver_config config = {
            .registers = {.base = (volatile void *)at, .bytes = slots->step},
        };
        struct vq_mmio_driver *m = &drivers[count];
        if (vq_mmio_driver_init(m, &config) != VQ_OK)
            continue;
        found[count++] = (struct found){
            .transport = &m->transport,
            .bus = "mmio",
            .where = (uint32_t)at,
            .legacy = vq_mmio_driver_is_legacy(m),
        };
    }
    return count;
}

/* Configuration space and ports as a bus, for where they are no memory. */

static uint32_t read_space(void *context, uint32_t address, unsigned bytes)
{
    return pci_read(context, address, bytes);
}

static void write_space(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    pci_write(context, address, bytes, value);
}

static const struct vq_bus space_bus = {read_space, write_space};

#if defined(__i386__) || defined(__x86_64__)
static uint32_t read_port(void *context, uint32_t address, unsigned bytes)
{
    (void)context;
    return board_in((uint16_t)address, bytes);
}

static void write_port(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    (void)context;
    board_out((uint16_t)address, bytes, value);
}

static const struct vq_bus port_bus = {read_port, write_port};
#endif

static bool map(void *context, unsigned bar, uint32_t offset, uint32_t bytes,
                struct vq_registers *r)
{
    const struct pci_function *f = context;
    const struct pci_bar *b = &f->bar[bar];
    uint64_t left = b->bytes - offset;
    if (offset > b->bytes || bytes > left || b->address + b->bytes - 1 > UINTPTR_MAX)
        return false;
    *r = (struct vq_registers){.bytes = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX};
    if (!b->io) {
        r->base = (volatile void *)((uintptr_t)b->address + offset);
        return true;
    }
#if defined(__i386__) || defined(__x86_64__)
    if (f->bridge->ports) {
        r->bus = &port_bus;
        r->start = (uint32_t)b->address + offset;
        return true;
    }
#endif
    r->base = (volatile void *)(f->bridge->io + (uintptr_t)b->address + offset);
    return true;
}

static unsigned find_functions(const struct board_pci *bridge, bool as_legacy, struct found found[],
                               unsigned room)
{
    static struct pci_function functions[FOUND_MAX];
    static struct vq_pci_driver drivers[FOUND_MAX];
    static struct vq_pci_queue queues[FOUND_MAX][QUEUES];
    unsigned functions_count = pci_find(bridge, VQ_PCI_VENDOR, functions, FOUND_MAX), count = 0;
    for (unsigned i = 0; i < functions_count && count < room; i++) {
        struct vq_pci_driver_config config = {
            .space = {.bus = &space_bus, .context = &functions[i], .bytes = 256},
            .map = map,
            .context = &functions[i],
            .queues = queues[count],
            .queue_count = QUEUES,
            .interface = as_legacy ? VQ_PCI_ONLY_LEGACY : VQ_PCI_PREFER_MODERN,
        };
        struct vq_pci_driver *p = &drivers[count];
        if (vq_pci_driver_init(p, &config) != VQ_OK)
            continue;
        found[count++] = (struct found){
            .transport = &p->transport,
            .bus = "pci",
            .where = functions[i].device,
            .legacy = vq_pci_driver_is_legacy(p),
        };
    }
    return count;
}

unsigned find_devices(const struct board *board, bool as_legacy, struct found found[FOUND_MAX])
{
    unsigned count = find_slots(&board->slots, found, FOUND_MAX);
    if (board->pci.present)
        count += find_functions(&board->pci, as_legacy, found + count, FOUND_MAX - count);
    for (unsigned i = 0; i < count; i++)
        found[i].transport->length_always = true; /* they are QEMU's */
    return count;
}
