/*
 * BARs get their addresses in the order in which they are found, each aligned to
 * its size as the bus demands. A BAR that has one, from firmware, keeps it.
 */
#include "pci.h"

#define PORT_ADDRESS 0xcf8u
#define PORT_DATA    0xcfcu
#define PORT_ENABLE  UINT32_C(0x80000000)

#define DEVICES     32u
#define FUNCTIONS   8u
#define HEADER_TYPE 0x7fu
#define HEADER_MANY 0x80u /* there are functions beyond the first */
#define BAR_IO      1u
#define BAR_WIDTH   6u
#define BAR_64      4u

#define CAPABILITIES_MAX 48u /* that fit into configuration space */
#define CAPABILITY_MSIX  0x11u
#define MSIX_CONTROL     2u
#define MSIX_TABLE       4u
#define MSIX_ENTRY_BYTES 16u
#define MSIX_SIZE        0x7ffu
#define MSIX_ENABLE      0x8000u

static uint32_t function_at(const struct pci_function *f)
{
    return (uint32_t)f->device << 15 | (uint32_t)f->function << 12;
}

#if defined(__i386__) || defined(__x86_64__)
/* Says which four bytes of configuration space the data ports stand for. */
static uint16_t select_port(const struct pci_function *f, uint32_t offset)
{
    board_out(PORT_ADDRESS, 4, PORT_ENABLE | function_at(f) >> 4 | (offset & 0xfcu));
    return (uint16_t)(PORT_DATA + (offset & 3u));
}
#endif

uint32_t pci_read(const struct pci_function *f, uint32_t offset, unsigned bytes)
{
#if defined(__i386__) || defined(__x86_64__)
    if (f->bridge->ports)
        return board_in(select_port(f, offset), bytes);
#endif
    return board_load(f->bridge->ecam + function_at(f) + offset, bytes);
}

void pci_write(const struct pci_function *f, uint32_t offset, unsigned bytes, uint32_t value)
{
#if defined(__i386__) || defined(__x86_64__)
    if (f->bridge->ports) {
        board_out(select_port(f, offset), bytes, value);
        return;
    }
#endif
    board_store(f->bridge->ecam + function_at(f) + offset, bytes, value);
}

/* The least address for `bytes`, a power of two; 0 when the window is used up. */
static uint64_t take(struct board_window *window, uint64_t bytes)
{
    uint64_t skip = (bytes - (window->first & (bytes - 1))) & (bytes - 1);
    if (bytes > window->bytes || skip > window->bytes - bytes)
        return 0;
    uint64_t address = window->first + skip;
    window->first = address + bytes;
    window->bytes -= skip + bytes;
    return address;
}

/* Finds out how large a BAR is: address bits that do not stay set. Returns how many it fills. */
static unsigned size_bar(const struct pci_function *f, unsigned index, struct pci_bar *bar)
{
    uint32_t where = PCI_BAR + 4 * index, low = pci_read(f, where, 4);
    pci_write(f, where, 4, UINT32_MAX);
    uint32_t mask = pci_read(f, where, 4);
    pci_write(f, where, 4, low);
    *bar = (struct pci_bar){.io = (mask & BAR_IO) != 0};
    if (mask == 0)
        return 1;
    if (bar->io) {
        bar->address = low & ~3u;
        bar->bytes = (~(mask & ~3u) & 0xffffu) + 1u;
        return 1;
    }
    bar->address = low & ~15u;
    if ((mask & BAR_WIDTH) != BAR_64 || index + 1 == PCI_BARS) {
        bar->bytes = (uint64_t)(~(mask & ~15u)) + 1;
        return 1;
    }
    uint32_t high = pci_read(f, where + 4, 4);
    pci_write(f, where + 4, 4, UINT32_MAX);
    uint32_t high_mask = pci_read(f, where + 4, 4);
    pci_write(f, where + 4, 4, high);
    bar->address |= (uint64_t)high << 32;
    bar->bytes = ~((uint64_t)high_mask << 32 | (mask & ~15u)) + 1;
    return 2;
}

static void place_bars(struct pci_function *f, struct board_window *ports,
                       struct board_window *memory)
{
    /* While BARs move, they must not answer. */
    uint32_t command = pci_read(f, PCI_COMMAND, 2);
    pci_write(f, PCI_COMMAND, 2, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    for (unsigned i = 0, filled; i < PCI_BARS; i += filled) {
        struct pci_bar *bar = &f->bar[i];
        filled = size_bar(f, i, bar);
        if (bar->bytes == 0 || bar->address != 0)
            continue;
        bar->address = take(bar->io ? ports : memory, bar->bytes);
        if (bar->address == 0) {
            bar->bytes = 0; /* it cannot be reached */
            continue;
        }
        pci_write(f, PCI_BAR + 4 * i, 4, (uint32_t)bar->address);
        if (filled == 2)
            pci_write(f, PCI_BAR + 4 * i + 4, 4, (uint32_t)(bar->address >> 32));
    }
    pci_write(f, PCI_COMMAND, 2,
              command | PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

unsigned pci_find(const struct board_pci *bridge, uint16_t vendor, struct pci_function functions[],
                  unsigned room)
{
    struct board_window ports = bridge->ports_free, memory = bridge->memory_free;
    unsigned found = 0;
    for (unsigned device = 0; device < DEVICES; device++) {
        unsigned count = 1;
        for (unsigned function = 0; function < count; function++) {
            struct pci_function f = {
                .bridge = bridge, .device = (uint8_t)device, .function = (uint8_t)function};
            uint32_t id = pci_read(&f, PCI_ID, 4);
            if ((uint16_t)id == 0xffffu)
                continue;
            uint32_t type = pci_read(&f, PCI_HEADER_TYPE, 1);
            if (function == 0 && (type & HEADER_MANY) != 0)
                count = FUNCTIONS;
            if ((uint16_t)id != vendor || (type & HEADER_TYPE) != 0 || found == room)
                continue;
            f.vendor = (uint16_t)id;
            f.id = (uint16_t)(id >> 16);
            place_bars(&f, &ports, &memory);
            functions[found++] = f;
        }
    }
    return found;
}

static uint32_t find_capability(const struct pci_function *f, uint32_t id)
{
    uint32_t at = pci_read(f, PCI_CAPABILITIES, 1) & ~3u;
    for (unsigned i = 0; at != 0 && i < CAPABILITIES_MAX; i++) {
        if (pci_read(f, at, 1) == id)
            return at;
        at = pci_read(f, at + 1, 1) & ~3u;
    }
    return 0;
}

unsigned pci_enable_msix(const struct pci_function *f, unsigned count, uint64_t address,
                         uint32_t data)
{
    uint32_t capability = find_capability(f, CAPABILITY_MSIX);
    if (capability == 0)
        return 0;
    uint32_t control = pci_read(f, capability + MSIX_CONTROL, 2);
    uint32_t where = pci_read(f, capability + MSIX_TABLE, 4);
    const struct pci_bar *bar = &f->bar[(where & 7u) % PCI_BARS];
    unsigned size = (control & MSIX_SIZE) + 1;
    if (bar->io || bar->bytes == 0)
        return 0;
    if (size > count)
        size = count;
    for (unsigned i = 0; i < size; i++) {
        uintptr_t entry = (uintptr_t)bar->address + (where & ~7u) + i * MSIX_ENTRY_BYTES;
        board_store(entry, 4, (uint32_t)address);
        board_store(entry + 4, 4, (uint32_t)(address >> 32));
        board_store(entry + 8, 4, data + i);
        board_store(entry + 12, 4, 0); /* not masked */
    }
    pci_write(f, capability + MSIX_CONTROL, 2, control | MSIX_ENABLE);
    return size;
}
