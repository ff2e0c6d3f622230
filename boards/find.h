/* Which virtio devices a board has, over MMIO and PCI, each with a transport to drive it. */
#ifndef BOARD_FIND_H
#define BOARD_FIND_H

#include <vq/transport.h>

#include "board.h"

#define FOUND_MAX 8u

struct found {
    struct vq_transport *transport;
    const char *bus; /* "mmio", "pci" */
    uint32_t where;  /* the address of a slot, the number of a PCI device */
    bool legacy;     /* driven by the legacy interface */
};

/* Returns how many it found. `as_legacy`: those on PCI are driven by the legacy interface. */
unsigned find_devices(const struct board *board, bool as_legacy, struct found found[FOUND_MAX]);

#endif
