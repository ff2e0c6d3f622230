/*
 * PCI, as much as a board needs that has no firmware: configuration space, which
 * functions there are, and addresses for their BARs.
 */
#ifndef BOARD_PCI_H
#define BOARD_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"

#define PCI_BARS 6u

enum {
    PCI_ID = 0x00,      /* vendor, and device << 16 */
    PCI_COMMAND = 0x04, /* and the status << 16 */
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR = 0x10, /* the first of six */
    PCI_CAPABILITIES = 0x34,
};
#define PCI_COMMAND_IO     1u
#define PCI_COMMAND_MEMORY 2u
#define PCI_COMMAND_MASTER 4u

/* Where a BAR is. bytes 0: there is none (or it is the upper half of the one before). */
struct pci_bar {
    uint64_t address;
    uint64_t bytes;
    bool io;
};

struct pci_function {
    const struct board_pci *bridge;
    uint8_t device; /* on bus 0 */
    uint8_t function;
    uint16_t vendor;
    uint16_t id;
    struct pci_bar bar[PCI_BARS];
};

/* Configuration space, 1, 2 or 4 bytes of it at a multiple of as many. */
uint32_t pci_read(const struct pci_function *f, uint32_t offset, unsigned bytes);
void pci_write(const struct pci_function *f, uint32_t offset, unsigned bytes, uint32_t value);

/*
 * Looks at bus 0, and fills `functions` with what has this vendor: at most `room`.
 * Each has its BARs placed and may use memory and ports when this returns.
 */
unsigned pci_find(const struct board_pci *bridge, uint16_t vendor, struct pci_function functions[],
                  unsigned room);

/*
 * Gives the first `count` MSI-X vectors of a function, at most as many as it has, the numbers
 * from `data` on, to be written to `address`, and enables MSI-X. Returns how many; 0 without it.
 */
unsigned pci_enable_msix(const struct pci_function *f, unsigned count, uint64_t address,
                         uint32_t data);

#endif
