/*
 * Finds a virtio device's structures on PCI, for its driver: ids, the list of capabilities,
 * BARs, and access by configuration space where a BAR cannot be mapped.
 *
 * Trusts no capability: the list is followed for as many hops as it can have entries, a
 * structure is used only if its fields, read once, put it inside of a BAR, large enough and
 * aligned. Writes to configuration space nothing but the capability that is made for it
 * (PCI-DRV-CAP-09).
 */
#include "pci_driver.h"

#define PCI_SPACE    256u
#define FIRST        64u                       /* capabilities begin behind the header */
#define HOPS         ((PCI_SPACE - FIRST) / 4) /* so many can there be */
#define DEVICE_BYTES 4096u                     /* of a device configuration are mapped, at most */

static uint32_t read_space(const struct vq_registers *space, uint32_t offset, unsigned bytes)
{
    return vq_registers_read(space, offset, bytes);
}

enum vq_error vq_pci_driver_probe(const struct vq_registers *space, struct vq_pci_driver_id *id)
{
    /* Network, block, balloon, console, SCSI, entropy, ..., 9P: ids from before there was a rule.
     */
    static const uint8_t transitional[] = {1, 2, 5, 3, 8, 4, 0, 0, 0, 9};
    *id = (struct vq_pci_driver_id){.vendor = (uint16_t)read_space(space, VQ_PCI_VENDOR_ID, 2)};
    if (id->vendor != VQ_PCI_VENDOR)
        return VQ_ERR_RANGE;
    id->device = (uint16_t)read_space(space, VQ_PCI_DEVICE_ID, 2);
    id->revision = (uint8_t)read_space(space, VQ_PCI_REVISION, 1);
    uint16_t number = (uint16_t)(id->device - VQ_PCI_DEVICE_TRANSITIONAL);
    if (number >= 0x80)
        return VQ_ERR_RANGE;
    id->transitional = id->device < VQ_PCI_DEVICE_MODERN;
    if (!id->transitional)
        id->type = (uint16_t)(id->device - VQ_PCI_DEVICE_MODERN);
    else if (number < sizeof(transitional))
        id->type = transitional[number];
    if (id->transitional && id->type == 0)
        id->type = (uint16_t)read_space(space, VQ_PCI_SUBSYSTEM_ID, 2);
    return id->type != 0 ? VQ_OK : VQ_ERR_RANGE;
}

uint32_t vq_pci_next_capability(const struct vq_registers *space, struct vq_pci_walk *walk)
{
    if (walk->hops == 0) {
        if ((read_space(space, VQ_PCI_STATUS, 2) & VQ_PCI_STATUS_CAPABILITIES) == 0)
            return 0;
        walk->next = (uint8_t)read_space(space, VQ_PCI_CAPABILITIES, 1);
    }
    uint32_t at = walk->next & ~3u;
    if (at < FIRST || walk->hops == HOPS)
        return 0;
    walk->hops++;
    walk->id = (uint8_t)read_space(space, at + VQ_PCI_CAP_ID, 1);
    walk->next = (uint8_t)read_space(space, at + VQ_PCI_CAP_NEXT, 1);
    return at;
}

/* --- access by configuration space --------------------------------------------------- */

static uint32_t select_window(const struct vq_pci_window *w, uint32_t address, unsigned bytes)
{
    const struct vq_registers *space = &w->owner->config.space;
    uint32_t at = w->owner->access_capability;
    vq_registers_write(space, at + VQ_PCI_CAP_BAR, 1, w->bar);
    vq_registers_write(space, at + VQ_PCI_CAP_OFFSET, 4, address);
    vq_registers_write(space, at + VQ_PCI_CAP_LENGTH, 4, bytes);
    return at + VQ_PCI_CAP_DATA;
}

static uint32_t indirect_read(void *context, uint32_t address, unsigned bytes)
{
    const struct vq_pci_window *w = (const struct vq_pci_window *)context;
    return vq_registers_read(&w->owner->config.space, select_window(w, address, bytes), bytes);
}

static void indirect_write(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    const struct vq_pci_window *w = (const struct vq_pci_window *)context;
    vq_registers_write(&w->owner->config.space, select_window(w, address, bytes), bytes, value);
}

static const struct vq_bus indirect = {indirect_read, indirect_write};

bool vq_pci_driver_is_indirect(const struct vq_pci_driver *p)
{
    bool any = false;
    for (unsigned i = 0; i < sizeof(p->window) / sizeof(p->window[0]); i++)
        any = any || p->window[i].registers.bus == &indirect;
    return any;
}

/* --- windows ------------------------------------------------------------------------- */

bool vq_pci_map(const struct vq_pci_driver *p, unsigned bar, uint32_t offset, uint32_t bytes,
                struct vq_registers *r)
{
    *r = (struct vq_registers){.base = NULL};
    return p->config.map != NULL && p->config.map(p->config.context, bar, offset, bytes, r) &&
           (r->base != NULL || r->bus != NULL) && (r->bytes == 0 || r->bytes >= bytes);
}

static void make_indirect(struct vq_pci_window *w, uint32_t offset, struct vq_registers *r)
{
    *r = (struct vq_registers){.bus = &indirect, .context = w, .start = w->offset + offset};
}

bool vq_pci_map_part(struct vq_pci_driver *p, enum vq_pci_cap type, uint32_t offset, uint32_t bytes,
                     struct vq_registers *r)
{
    struct vq_pci_window *w = vq_pci_window_of(p, type);
    if (w->registers.bus != &indirect)
        return vq_pci_map(p, w->bar, w->offset + offset, bytes, r);
    make_indirect(w, offset, r);
    return true;
}

/* What a structure of each type must have, and how much of it is mapped. */
static const struct {
    uint8_t align;
    uint8_t least;
    uint16_t most;
} needs[] = {
    {4, VQ_PCI_COMMON_BYTES_MIN, VQ_PCI_COMMON_BYTES}, /* VQ_PCI_CAP_COMMON */
    {2, 2, 2},            /* VQ_PCI_CAP_NOTIFY: each queue has its own */
    {1, 1, 1},            /* VQ_PCI_CAP_ISR */
    {4, 1, DEVICE_BYTES}, /* VQ_PCI_CAP_DEVICE */
};

/* Takes a structure if it is the first of its type that can be used, or could be, indirectly. */
static void take_window(struct vq_pci_driver *p, uint32_t at, uint8_t type, uint8_t cap_bytes)
{
    const struct vq_registers *space = &p->config.space;
    unsigned i = (unsigned)type - VQ_PCI_CAP_COMMON;
    if (i >= sizeof(needs) / sizeof(needs[0]))
        return; /* PCI-DRV-CAP-01 */
    struct vq_pci_window *w = &p->window[i], one = {.owner = p};
    uint32_t multiplier = 0;
    if (w->registers.base != NULL || w->registers.bus != NULL)
        return; /* PCI-DRV-CAP-02 */
    if (type == VQ_PCI_CAP_NOTIFY) {
        if (cap_bytes < VQ_PCI_CAP_MULTIPLIER + 4 || at + VQ_PCI_CAP_MULTIPLIER + 4 > PCI_SPACE)
            return;
        multiplier = read_space(space, at + VQ_PCI_CAP_MULTIPLIER, 4);
    }
    one.bar = (uint8_t)read_space(space, at + VQ_PCI_CAP_BAR, 1);
    one.offset = read_space(space, at + VQ_PCI_CAP_OFFSET, 4);
    one.bytes = read_space(space, at + VQ_PCI_CAP_LENGTH, 4);
    if (one.bar >= VQ_PCI_BARS || one.bytes < needs[i].least ||
        (one.offset & (needs[i].align - 1u)) != 0 || one.bytes - 1 > UINT32_MAX - one.offset)
        return; /* PCI-DRV-CAP-04, PCI-DRV-CAP-08 */
    uint32_t bytes = one.bytes < needs[i].most ? one.bytes : needs[i].most;
    if (!vq_pci_map(p, one.bar, one.offset, bytes, &one.registers)) {
        one.registers = (struct vq_registers){.base = NULL};
        if (w->bytes != 0)
            return; /* no better than the one before */
    }
    if (type == VQ_PCI_CAP_NOTIFY)
        p->multiplier = multiplier;
    *w = one;
}

static void take_capability(struct vq_pci_driver *p, uint32_t at)
{
    const struct vq_registers *space = &p->config.space;
    if (at + VQ_PCI_CAP_BYTES > PCI_SPACE)
        return;
    uint8_t bytes = (uint8_t)read_space(space, at + VQ_PCI_CAP_LEN, 1);
    uint8_t type = (uint8_t)read_space(space, at + VQ_PCI_CAP_TYPE, 1);
    if (bytes < VQ_PCI_CAP_BYTES)
        return;
    if (type != VQ_PCI_CAP_ACCESS)
        take_window(p, at, type, bytes);
    else if (p->access_capability == 0 && bytes >= VQ_PCI_CAP_DATA + 4 &&
             at + VQ_PCI_CAP_DATA + 4 <= PCI_SPACE)
        p->access_capability = (uint8_t)at;
}

void vq_pci_find_windows(struct vq_pci_driver *p)
{
    struct vq_pci_walk walk = {0, 0, 0};
    for (uint32_t at; (at = vq_pci_next_capability(&p->config.space, &walk)) != 0;)
        if (walk.id == VQ_PCI_CAP_ID_VENDOR)
            take_capability(p, at);
        else if (walk.id == VQ_PCI_CAP_ID_MSIX && p->msix_capability == 0 &&
                 at + VQ_PCI_MSIX_CAP_BYTES <= PCI_SPACE)
            p->msix_capability = (uint8_t)at;
    for (unsigned i = 0; i < sizeof(p->window) / sizeof(p->window[0]); i++) {
        struct vq_pci_window *w = &p->window[i];
        if (w->bytes == 0 || w->registers.base != NULL || w->registers.bus != NULL)
            continue;
        if (p->access_capability != 0)
            make_indirect(w, 0, &w->registers);
        else
            w->bytes = 0;
    }
}
