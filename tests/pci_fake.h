/*
 * A PCI function that a test plays, with everything that a driver does to it written down:
 * configuration space, BAR 0 with the legacy registers, BAR 4 with the modern ones.
 *
 * Accesses to BARs are logged as 'r' and 'w' at FAKE_BAR(bar) + offset, those to
 * configuration space as 'c' (read) and 'd' (written), mapping as 'm'.
 */
#ifndef VQ_PCI_FAKE_H
#define VQ_PCI_FAKE_H

#include "driver_rig.h"

#include <vq/pci_driver.h>

#define FAKE_BAR(n) ((uint32_t)(n) << 28)
#define FAKE_COMMON (FAKE_BAR(4) + 0x1000)
#define FAKE_ISR    (FAKE_BAR(4) + 0x2000)
#define FAKE_DEVICE (FAKE_BAR(4) + 0x3000)
#define FAKE_NOTIFY (FAKE_BAR(4) + 0x4000)
#define FAKE_BIT(n) (UINT64_C(1) << (n))
#define FAKE_MODERN                                                                                \
    (FAKE_BIT(VQ_F_VERSION_1) | FAKE_BIT(VQ_F_EVENT_IDX) | FAKE_BIT(VQ_F_RING_RESET))

enum { FAKE_QUEUES = 4, FAKE_SIZE = 256, FAKE_CONFIG = 64, FAKE_MSIX_AT = 0xe0 };

struct fake_queue {
    uint32_t size_max, size, vector, enabled, notify_off, notify_data, reset, pfn;
    uint32_t address[6];
};

struct fake {
    struct register_log log;
    uint8_t space[256];
    uint32_t caps;      /* where the next capability goes */
    uint32_t last_next; /* where its offset goes */
    uint32_t offered[4], accepted[4], device_sel, driver_sel;
    uint32_t config_vector, num_queues, status, generation, queue_sel, isr;
    struct fake_queue queue[FAKE_QUEUES];
    uint8_t config[FAKE_CONFIG];
    uint32_t vectors_taken; /* a bit for each vector that the device accepts */
    unsigned mappable;      /* a bit for each BAR */
    unsigned slow, slow_left;
    uint32_t legacy_bytes; /* of BAR 0, as the platform tells; 0: it does not */
    bool io_bar_zero;      /* there are legacy registers */
    struct vq_pci_queue queues[FAKE_QUEUES];
    struct vq_pci_driver driver;
    struct vq_transport *t;
};

void fake_set_up(struct fake *f, uint16_t device_id, uint8_t revision, uint64_t features);
/* Adds a capability of so many bytes, and returns its offset. */
uint32_t fake_add(struct fake *f, uint8_t type, uint8_t bytes, uint8_t bar, uint32_t offset,
                  uint32_t length);
/* All that a modern device has; of the multiplier given. */
void fake_add_modern(struct fake *f, uint32_t multiplier);
void fake_add_msix(struct fake *f, uint16_t vectors, bool enabled);
void fake_put(struct fake *f, uint32_t at, unsigned bytes, uint64_t value);

struct vq_pci_driver_config fake_config(struct fake *f);
/* Makes a driver of it, with these vectors and this interface. */
enum vq_error fake_open(struct fake *f, enum vq_pci_interface interface, uint16_t vectors);
/* The same, and through the handshake with all features, then with a clean log. */
void fake_start(struct fake *f, enum vq_pci_interface interface, uint16_t vectors);

#endif
