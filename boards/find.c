/*
 * Slots are looked at one by one, PCI functions by their vendor; the library's transports
 * find out the rest. Registers are reached by pointer, but for the ports of a PC.
 */
#include "find.h"

#include <vq/mmio_driver.h>
#include <vq/pci_driver.h>

#include "pci.h"
#include "test.h"

#define QUEUES  8u /* of a device that are used */
#define VECTORS 4u /* of a device that it gets */

static struct device {
    struct vq_mmio_driver mmio;
    struct vq_pci_driver pci;
    struct vq_pci_queue queues[QUEUES];
    struct pci_function function;
    uint32_t interrupt; /* its number, or of MSI-X the first; 0: none */
    unsigned vectors;
    bool on_pci;
    uint32_t taken;
} devices[FOUND_MAX];

/* What an interrupt handler would do, and a sleep until it has done so. */
static enum vq_error wait(void *context, uint16_t index, int timeout_ms)
{
    struct device *d = context;
    uint32_t number;
    (void)index;
    (void)timeout_ms;
    test_patience_begin();
    while ((number = board_interrupt_take()) == 0)
        if (test_patience_over())
            return VQ_ERR_TIMEOUT;
    if (!d->on_pci)
        (void)vq_mmio_driver_interrupt(&d->mmio);
    else if (d->vectors == 0)
        (void)vq_pci_driver_interrupt(&d->pci, VQ_MSI_NO_VECTOR);
    else
        (void)vq_pci_driver_interrupt(&d->pci, (uint16_t)(number - d->interrupt));
    board_interrupt_done(number);
    d->taken++;
    return VQ_OK;
}

static void enable(const struct device *d)
{
    if (d->interrupt == 0)
        return;
    board_interrupt_enable(d->interrupt, d->vectors != 0);
    for (unsigned i = 1; i < d->vectors; i++)
        board_interrupt_enable(d->interrupt + i, true);
}

static unsigned find_slots(const struct board *board, const struct find_wish *wish,
                           struct found found[], unsigned count)
{
    const struct board_slots *slots = &board->slots;
    for (uint32_t i = 0; i < slots->count && count < FOUND_MAX; i++) {
        struct device *d = &devices[count];
        uintptr_t at = slots->base + i * slots->step;
        struct vq_mmio_driver_config config = {
            .registers = {.base = (volatile void *)at, .bytes = slots->step},
            .wait = wish->interrupts ? wait : NULL,
            .context = d,
        };
        if (vq_mmio_driver_init(&d->mmio, &config) != VQ_OK)
            continue;
        if (wish->interrupts)
            d->interrupt = board->interrupts.slots + i;
        found[count++] = (struct found){
            .transport = &d->mmio.transport,
            .bus = "mmio",
            .where = (uint32_t)at,
            .legacy = vq_mmio_driver_is_legacy(&d->mmio),
            .interrupts = &d->taken,
        };
        enable(d);
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
    const struct pci_function *f = &((const struct device *)context)->function;
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

/* INTA of a device is one of four lines, by its number; MSI-X has as many as it likes. */
static void connect(const struct board *board, const struct find_wish *wish, struct device *d,
                    unsigned index)
{
    const struct board_interrupts *numbers = &board->interrupts;
    d->on_pci = true;
    if (wish->interrupts)
        d->interrupt = numbers->pci + d->function.device % 4;
    if (!wish->msix || numbers->msi == 0)
        return;
    uint32_t first = numbers->msi + index * VECTORS;
    d->vectors = pci_enable_msix(&d->function, VECTORS, numbers->msi_address, first);
    if (d->vectors != 0)
        d->interrupt = first;
}

static unsigned find_functions(const struct board *board, const struct find_wish *wish,
                               struct found found[], unsigned count)
{
    static struct pci_function functions[FOUND_MAX];
    unsigned functions_count = pci_find(&board->pci, VQ_PCI_VENDOR, functions, FOUND_MAX);
    for (unsigned i = 0; i < functions_count && count < FOUND_MAX; i++) {
        struct device *d = &devices[count];
        d->function = functions[i];
        connect(board, wish, d, count);
        struct vq_pci_driver_config config = {
            .space = {.bus = &space_bus, .context = &d->function, .bytes = 256},
            .map = map,
            .wait = wish->interrupts ? wait : NULL,
            .context = d,
            .queues = d->queues,
            .queue_count = QUEUES,
            .interface = wish->as_legacy ? VQ_PCI_ONLY_LEGACY : VQ_PCI_PREFER_MODERN,
            .vectors = (uint16_t)d->vectors,
        };
        if (vq_pci_driver_init(&d->pci, &config) != VQ_OK)
            continue;
        found[count++] = (struct found){
            .transport = &d->pci.transport,
            .bus = "pci",
            .where = d->function.device,
            .legacy = vq_pci_driver_is_legacy(&d->pci),
            .vectors = d->vectors,
            .interrupts = &d->taken,
        };
        enable(d);
    }
    return count;
}

unsigned find_devices(const struct board *board, const struct find_wish *wish,
                      struct found found[FOUND_MAX])
{
    unsigned count = find_slots(board, wish, found, 0);
    if (board->pci.present)
        count = find_functions(board, wish, found, count);
    for (unsigned i = 0; i < count; i++)
        found[i].transport->length_always = true; /* they are QEMU's */
    return count;
}
