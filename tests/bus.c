/*
 * The bus that bus.h promises. A driver that asks for what no machine has (an access
 * beside every BAR, of a strange width, not aligned) ends the test.
 */
#include "test.h"

#include "bus.h"

static void check(uint32_t address, unsigned bytes)
{
    assert_true(bytes == 1 || bytes == 2 || bytes == 4);
    assert_int_equal(address % bytes, 0);
}

static uint32_t mmio_read(void *context, uint32_t address, unsigned bytes)
{
    check(address, bytes);
    return (uint32_t)vq_mmio_device_read(context, address, bytes);
}

static void mmio_write(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    check(address, bytes);
    vq_mmio_device_write(context, address, bytes, value);
}

const struct vq_bus bus_mmio = {mmio_read, mmio_write};

static uint32_t space_read(void *context, uint32_t address, unsigned bytes)
{
    check(address, bytes);
    return vq_pci_device_config_read(context, address, bytes);
}

static void space_write(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    check(address, bytes);
    vq_pci_device_config_write(context, address, bytes, value);
}

const struct vq_bus bus_pci_space = {space_read, space_write};

static uint64_t decode(struct vq_pci_device *d, bool io, uint32_t address, unsigned bytes,
                       unsigned *bar)
{
    uint64_t offset = 0;

    check(address, bytes);
    assert_true(vq_pci_device_decode(d, io, address, bytes, bar, &offset));
    return offset;
}

static uint32_t bar_read(struct vq_pci_device *d, bool io, uint32_t address, unsigned bytes)
{
    unsigned bar = 0;
    uint64_t offset = decode(d, io, address, bytes, &bar);

    return (uint32_t)vq_pci_device_bar_read(d, bar, offset, bytes);
}

static void bar_write(struct vq_pci_device *d, bool io, uint32_t address, unsigned bytes,
                      uint32_t value)
{
    unsigned bar = 0;
    uint64_t offset = decode(d, io, address, bytes, &bar);

    vq_pci_device_bar_write(d, bar, offset, bytes, value);
}

static uint32_t memory_read(void *context, uint32_t address, unsigned bytes)
{
    return bar_read(context, false, address, bytes);
}

static void memory_write(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    bar_write(context, false, address, bytes, value);
}

const struct vq_bus bus_pci_memory = {memory_read, memory_write};

static uint32_t io_read(void *context, uint32_t address, unsigned bytes)
{
    return bar_read(context, true, address, bytes);
}

static void io_write(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    bar_write(context, true, address, bytes, value);
}

const struct vq_bus bus_pci_io = {io_read, io_write};

static void place_bars(struct vq_pci_device *d)
{
    uint32_t io = 0xc000, memory = 0xe0000000;

    for (unsigned i = 0; i < VQ_PCI_BARS; i++) {
        const uint32_t at = VQ_PCI_BAR0 + 4 * i;
        uint32_t bits, bytes, *next;

        space_write(d, at, 4, UINT32_MAX);
        bits = space_read(d, at, 4);
        if (bits == 0)
            continue;
        bytes = ~(bits & ~((bits & VQ_PCI_BAR_IO) ? 3u : 15u)) + 1;
        next = (bits & VQ_PCI_BAR_IO) ? &io : &memory;
        *next = (*next + bytes - 1) & ~(bytes - 1);
        space_write(d, at, 4, *next);
        *next += bytes;
        if ((bits & (VQ_PCI_BAR_IO | VQ_PCI_BAR_64)) == VQ_PCI_BAR_64) {
            space_write(d, at + 4, 4, 0);
            i++;
        }
    }
    space_write(d, VQ_PCI_COMMAND, 2,
                VQ_PCI_COMMAND_IO | VQ_PCI_COMMAND_MEMORY | VQ_PCI_COMMAND_MASTER);
}

static void fill_vectors(struct vq_pci_device *d, uint16_t vectors)
{
    uint32_t at = space_read(d, VQ_PCI_CAPABILITIES, 1);
    uint32_t control;
    struct vq_registers table;

    while (at != 0 && space_read(d, at, 1) != VQ_PCI_CAP_ID_MSIX)
        at = space_read(d, at + 1, 1);
    assert_int_not_equal(at, 0);
    control = space_read(d, at + VQ_PCI_MSIX_CONTROL, 2);
    assert_true(vectors <= (control & VQ_PCI_MSIX_SIZE) + 1);
    space_write(d, at + VQ_PCI_MSIX_CONTROL, 2, control | VQ_PCI_MSIX_ENABLE);
    control = space_read(d, at + VQ_PCI_MSIX_TABLE, 4);
    assert_true(bus_pci_map(d, control & 7, control & ~7u,
                            (uint32_t)vectors * VQ_PCI_MSIX_ENTRY_BYTES, &table));
    for (uint32_t i = 0; i < vectors; i++) {
        const uint32_t entry = i * VQ_PCI_MSIX_ENTRY_BYTES;
        vq_registers_write(&table, entry + VQ_PCI_MSIX_ENTRY_ADDRESS, 4, 0xfee00000);
        vq_registers_write(&table, entry + VQ_PCI_MSIX_ENTRY_DATA, 4, i);
        vq_registers_write(&table, entry + VQ_PCI_MSIX_ENTRY_CONTROL, 4, 0);
    }
}

void bus_pci_set_up(struct vq_pci_device *d, uint16_t vectors)
{
    place_bars(d);
    if (vectors != 0)
        fill_vectors(d, vectors);
}

bool bus_pci_map(void *context, unsigned bar, uint32_t offset, uint32_t bytes,
                 struct vq_registers *r)
{
    struct vq_pci_bar b;

    if (!vq_pci_device_bar(context, bar, &b) || offset > b.bytes || bytes > b.bytes - offset)
        return false;
    *r = (struct vq_registers){.bus = b.io ? &bus_pci_io : &bus_pci_memory,
                               .context = context,
                               .start = (uint32_t)b.address + offset,
                               .bytes = (uint32_t)b.bytes - offset};
    return true;
}

bool bus_pci_map_nothing(void *context, unsigned bar, uint32_t offset, uint32_t bytes,
                         struct vq_registers *r)
{
    (void)context, (void)bar, (void)offset, (void)bytes, (void)r;
    return false;
}
