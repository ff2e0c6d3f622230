/*
 * What the files of the driver's end of PCI share.
 */
#ifndef VQ_TRANSPORT_PCI_DRIVER_H
#define VQ_TRANSPORT_PCI_DRIVER_H

#include <vq/pci_driver.h>

#include "options.h"

/* Where both interfaces have what both have. The common window is BAR 0 of a legacy device. */
struct vq_pci_offsets {
    uint8_t status, queue_select, queue_size, queue_vector, config_vector;
};

static inline struct vq_pci_driver *vq_pci_of(struct vq_transport *t)
{
    return (struct vq_pci_driver *)(void *)t; /* its first member */
}

static inline struct vq_pci_window *vq_pci_window_of(struct vq_pci_driver *p, enum vq_pci_cap type)
{
    return &p->window[type - VQ_PCI_CAP_COMMON];
}

static inline uint32_t vq_pci_get(const struct vq_pci_driver *p, uint32_t offset, unsigned bytes)
{
    return vq_registers_read(&p->window[0].registers, offset, bytes);
}

static inline void vq_pci_put(const struct vq_pci_driver *p, uint32_t offset, unsigned bytes,
                              uint32_t value)
{
    vq_registers_write(&p->window[0].registers, offset, bytes, value);
}

/* The list of capabilities, from the start: each hop gives the offset of one, 0 at the end. */
struct vq_pci_walk {
    uint8_t next;
    uint8_t hops;
    uint8_t id; /* of the capability that was given */
};
uint32_t vq_pci_next_capability(const struct vq_registers *space, struct vq_pci_walk *walk);

/* Finds and maps the modern structures, as far as they are there, and MSI-X. */
void vq_pci_find_windows(struct vq_pci_driver *p);
/* Makes a range of a BAR reachable by the caller's means. */
bool vq_pci_map(const struct vq_pci_driver *p, unsigned bar, uint32_t offset, uint32_t bytes,
                struct vq_registers *r);
/* The same for a part of a window, through configuration space if the window is. */
bool vq_pci_map_part(struct vq_pci_driver *p, enum vq_pci_cap type, uint32_t offset, uint32_t bytes,
                     struct vq_registers *r);

/* Vectors. */
bool vq_pci_msix_enabled(const struct vq_pci_driver *p);
void vq_pci_count_vectors(struct vq_pci_driver *p);
enum vq_error vq_pci_map_queue_vector(struct vq_pci_driver *p, uint16_t index);

/* What both interfaces do alike. */
enum vq_error vq_pci_get_status(struct vq_transport *t, uint8_t *status);
enum vq_error vq_pci_set_status(struct vq_transport *t, uint8_t status);
enum vq_error vq_pci_wait(struct vq_transport *t, uint16_t index, int timeout_ms);
unsigned vq_pci_take_events(struct vq_transport *t);
/* Selects a queue and reads its size. VQ_ERR_RANGE if there is none. */
enum vq_error vq_pci_select(const struct vq_pci_driver *p, uint16_t index, uint32_t *size);

/* Makes it a transport by the legacy interface, in BAR 0. */
enum vq_error vq_pci_legacy_init(struct vq_pci_driver *p);

#endif
