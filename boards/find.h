/* Which virtio devices a board has, over MMIO and PCI, each with a transport to drive it. */
#ifndef BOARD_FIND_H
#define BOARD_FIND_H

#include <vq/transport.h>

#include "board.h"

#define FOUND_MAX 8u

struct find_wish {
    bool as_legacy;  /* devices on PCI are driven by the legacy interface */
    bool interrupts; /* drivers wait for them instead of polling */
    bool msix;       /* ... for those of MSI-X, where a device has it */
};

struct found {
    struct vq_transport *transport;
    const char *bus;            /* "mmio", "pci" */
    uint32_t where;             /* the address of a slot, the number of a PCI device */
    bool legacy;                /* driven by the legacy interface */
    unsigned vectors;           /* of MSI-X */
    const uint32_t *interrupts; /* how many were taken */
};

/* Returns how many it found. */
unsigned find_devices(const struct board *board, const struct find_wish *wish,
                      struct found found[FOUND_MAX]);

#endif
