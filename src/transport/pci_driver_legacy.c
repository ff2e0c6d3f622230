/*
 * The driver's end of the legacy interface of PCI: registers in BAR 0, one block for each
 * queue, of a size that the device chose. Nothing of it is trusted either.
 */
#include "pci_driver.h"

#if VQ_WITH_LEGACY

static enum vq_error pci_legacy_get_features(struct vq_transport *t, struct vq_features *offered)
{
    offered->word[0] = vq_pci_get(vq_pci_of(t), VQ_PCI_LEGACY_DEVICE_FEATURES, 4);
    return VQ_OK;
}

static enum vq_error pci_legacy_set_features(struct vq_transport *t,
                                             const struct vq_features *accepted)
{
    struct vq_pci_driver *p = vq_pci_of(t);
    vq_pci_put(p, VQ_PCI_LEGACY_DRIVER_FEATURES, 4, accepted->word[0]);
    vq_pci_count_vectors(p);
    if (p->window[0].bytes != 0 && p->window[0].bytes < VQ_PCI_LEGACY_CONFIG_MSIX)
        p->vectors = 0; /* it has no registers for them */
    return VQ_OK;
}

/* PCILEG-DRV-LAYOUT-03: behind the header, which is longer while MSI-X is enabled. */
static uint32_t pci_legacy_config_at(const struct vq_pci_driver *p)
{
    return vq_pci_msix_enabled(p) ? VQ_PCI_LEGACY_CONFIG_MSIX : VQ_PCI_LEGACY_CONFIG;
}

static uint32_t bytes_from(const struct vq_pci_driver *p, uint32_t at)
{
    uint32_t bytes = p->window[0].bytes;
    if (bytes == 0)
        return UINT32_MAX;
    return bytes > at ? bytes - at : 0;
}

static uint32_t pci_legacy_config_size(struct vq_transport *t)
{
    const struct vq_pci_driver *p = vq_pci_of(t);
    return bytes_from(p, pci_legacy_config_at(p));
}

/* Where a field is, 0 beyond the end: it may have moved since somebody asked for the size. */
static uint32_t field_at(const struct vq_pci_driver *p, uint32_t offset, uint32_t count)
{
    uint32_t at = pci_legacy_config_at(p), bytes = bytes_from(p, at);
    return offset <= bytes && count <= bytes - offset ? at + offset : 0;
}

/*
 * The configuration is a row of bytes for every width of access, by the letter
 * (PCILEG-DEV-LAYOUT-02). There are devices, QEMU's, that give a big-endian machine numbers
 * instead where it reads more than a byte, so it does not.
 */
static uint32_t pci_legacy_step(const struct vq_pci_driver *p, uint32_t count)
{
    return p->transport.legacy_big_endian || count == 0 ? 1 : count;
}

static enum vq_error pci_legacy_read_config(struct vq_transport *t, uint32_t offset, void *bytes,
                                            uint32_t count)
{
    const struct vq_pci_driver *p = vq_pci_of(t);
    uint32_t at = field_at(p, offset, count);
    if (at == 0)
        return VQ_ERR_RANGE;
    uint32_t step = pci_legacy_step(p, count);
    for (uint32_t i = 0; i < count; i += step)
        vq_registers_get(&p->window[0].registers, at + i, (uint8_t *)bytes + i, step);
    return VQ_OK;
}

static enum vq_error pci_legacy_write_config(struct vq_transport *t, uint32_t offset,
                                             const void *bytes, uint32_t count)
{
    const struct vq_pci_driver *p = vq_pci_of(t);
    uint32_t at = field_at(p, offset, count);
    if (at == 0)
        return VQ_ERR_RANGE;
    uint32_t step = pci_legacy_step(p, count);
    for (uint32_t i = 0; i < count; i += step)
        vq_registers_put(&p->window[0].registers, at + i, (const uint8_t *)bytes + i, step);
    return VQ_OK;
}

static enum vq_error pci_legacy_queue_constraints(struct vq_transport *t, uint16_t index,
                                                  struct vq_constraints *constraints)
{
    const struct vq_pci_driver *p = vq_pci_of(t);
    constraints->format = VQ_FORMAT_LEGACY;
    constraints->size_fixed = true; /* PCILEG-DRV-VQCFG-03 */
    constraints->align = VQ_LEGACY_ALIGN_DEFAULT;
    constraints->page_shift = VQ_PCI_LEGACY_PAGE_SHIFT;
    constraints->pfn_bits = 32;
    enum vq_error error = vq_pci_select(p, index, &constraints->size_max);
    if (error != VQ_OK)
        return error;
    return vq_pci_get(p, VQ_PCI_LEGACY_QUEUE_PFN, 4) == 0 ? VQ_OK : VQ_ERR_STATE;
}

static enum vq_error pci_legacy_queue_enable(struct vq_transport *t, uint16_t index,
                                             const struct vq_place *place)
{
    struct vq_pci_driver *p = vq_pci_of(t);
    struct vq_constraints constraints;
    uint64_t address = place->address[VQ_DESCRIPTOR_AREA];
    uint32_t page = (uint32_t)(address >> VQ_PCI_LEGACY_PAGE_SHIFT);
    enum vq_error error = pci_legacy_queue_constraints(t, index, &constraints);
    if (error != VQ_OK)
        return error;
    if (place->layout.format != VQ_FORMAT_LEGACY || place->layout.align != VQ_LEGACY_ALIGN_DEFAULT)
        return VQ_ERR_INVALID;
    if (place->layout.size != constraints.size_max)
        return VQ_ERR_SIZE;
    if ((uint64_t)page << VQ_PCI_LEGACY_PAGE_SHIFT != address || page == 0)
        return VQ_ERR_ALIGN;
    error = vq_pci_map_queue_vector(p, index);
    if (error == VQ_OK) {
        p->config.queues[index].value = index;
        p->config.queues[index].enabled = true;
        vq_pci_put(p, VQ_PCI_LEGACY_QUEUE_PFN, 4, page);
    }
    return error;
}

static enum vq_error pci_legacy_notify(struct vq_transport *t, uint16_t index, uint32_t data)
{
    const struct vq_pci_driver *p = vq_pci_of(t);
    (void)data;
    if (index >= p->config.queue_count || !p->config.queues[index].enabled)
        return VQ_ERR_RANGE;
    vq_pci_put(p, VQ_PCI_LEGACY_QUEUE_NOTIFY, 2, index);
    return VQ_OK;
}

static const struct vq_transport_ops pci_legacy_ops = {
    .name = "pci",
    .get_status = vq_pci_get_status,
    .set_status = vq_pci_set_status,
    .get_features = pci_legacy_get_features,
    .set_features = pci_legacy_set_features,
    .config_size = pci_legacy_config_size,
    .read_config = pci_legacy_read_config,
    .write_config = pci_legacy_write_config,
    .queue_constraints = pci_legacy_queue_constraints,
    .queue_enable = pci_legacy_queue_enable,
    .notify = pci_legacy_notify,
    .wait = vq_pci_wait,
    .take_events = vq_pci_take_events,
};

static const struct vq_pci_offsets legacy_offsets = {
    .status = VQ_PCI_LEGACY_STATUS,
    .queue_select = VQ_PCI_LEGACY_QUEUE_SELECT,
    .queue_size = VQ_PCI_LEGACY_QUEUE_SIZE,
    .queue_vector = VQ_PCI_LEGACY_QUEUE_VECTOR,
    .config_vector = VQ_PCI_LEGACY_CONFIG_VECTOR,
};

enum vq_error vq_pci_legacy_init(struct vq_pci_driver *p)
{
    struct vq_pci_window *w = &p->window[0];
    for (unsigned i = 0; i < sizeof(p->window) / sizeof(p->window[0]); i++)
        p->window[i] = (struct vq_pci_window){.owner = p};
    if (!vq_pci_map(p, 0, 0, VQ_PCI_LEGACY_CONFIG, &w->registers))
        return VQ_ERR_UNSUPPORTED;
    w->bytes = w->registers.bytes;
    p->transport.ops = &pci_legacy_ops;
    p->at = &legacy_offsets;
    return VQ_OK;
}

#else
/* A file of C is never empty. */
extern const struct vq_transport_ops vq_pci_no_legacy;
#endif
