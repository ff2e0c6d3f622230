/*
 * The BAR of the legacy interface: a header whose end depends on whether MSI-X is on,
 * and straight after it the device's configuration.
 *
 * The header is little-endian; the configuration is as the model gives it, which is the
 * driver's own order.
 */
#include "pci_device.h"

#define GRACE_BYTES 32u /* of a modern device that only waits for the legacy reset */

static uint32_t legacy_read_offered(struct vq_pci_device *d)
{
    return vq_model_offered_word(&d->state, 0);
}

static uint32_t legacy_read_chosen(struct vq_pci_device *d)
{
    return vq_model_chosen_word(&d->state, 0);
}

static void legacy_write_chosen(struct vq_pci_device *d, uint32_t value)
{
    (void)vq_model_choose_word(&d->state, 0, value);
}

static uint32_t legacy_read_page(struct vq_pci_device *d)
{
    const struct vq_model_queue *q = vq_model_queue_at(&d->state, d->queue_select);
    return q != NULL ? q->page : 0;
}

static void legacy_write_page(struct vq_pci_device *d, uint32_t value)
{
    vq_model_queue_set_page(&d->state, d->queue_select, value, 1u << VQ_PCI_LEGACY_PAGE_SHIFT);
}

static uint32_t legacy_read_size(struct vq_pci_device *d)
{
    return vq_model_queue_size_max(&d->state, d->queue_select);
}

static void legacy_write_notify(struct vq_pci_device *d, uint32_t value)
{
    vq_model_notify(&d->state, value, value);
}

static void legacy_write_status(struct vq_pci_device *d, uint32_t value)
{
    vq_model_set_status(&d->state, (uint8_t)value);
}

static uint32_t legacy_read_isr(struct vq_pci_device *d)
{
    return vq_pci_take_isr(d);
}

static const struct vq_pci_field legacy_header[] = {
    {VQ_PCI_LEGACY_DEVICE_FEATURES, 4, legacy_read_offered, NULL},
    {VQ_PCI_LEGACY_DRIVER_FEATURES, 4, legacy_read_chosen, legacy_write_chosen},
    {VQ_PCI_LEGACY_QUEUE_PFN, 4, legacy_read_page, legacy_write_page},
    {VQ_PCI_LEGACY_QUEUE_SIZE, 2, legacy_read_size, NULL},
    {VQ_PCI_LEGACY_QUEUE_SELECT, 2, vq_pci_read_queue_select, vq_pci_write_queue_select},
    {VQ_PCI_LEGACY_QUEUE_NOTIFY, 2, NULL, legacy_write_notify},
    {VQ_PCI_LEGACY_STATUS, 1, vq_pci_read_status, legacy_write_status},
    {VQ_PCI_LEGACY_ISR, 1, legacy_read_isr, NULL},
    /* Only while MSI-X is on (PCILEG-DEV-LAYOUT-06). */
    {VQ_PCI_LEGACY_CONFIG_VECTOR, 2, vq_pci_read_config_vector, vq_pci_write_config_vector},
    {VQ_PCI_LEGACY_QUEUE_VECTOR, 2, vq_pci_read_queue_vector, vq_pci_write_queue_vector},
};

enum {
    LEGACY_FIELDS_MSIX = sizeof(legacy_header) / sizeof(legacy_header[0]),
    LEGACY_FIELDS = LEGACY_FIELDS_MSIX - 2
};

static uint32_t legacy_config_at(const struct vq_pci_device *d)
{
    return vq_pci_msix_on(d) ? VQ_PCI_LEGACY_CONFIG_MSIX : VQ_PCI_LEGACY_CONFIG;
}

uint64_t vq_pci_legacy_bytes(const struct vq_pci_device *d)
{
    uint32_t bytes = GRACE_BYTES;
    if (d->config.kind == VQ_PCI_MODERN)
        return d->config.graceful ? bytes : 0;
    while (bytes < VQ_PCI_LEGACY_CONFIG_MSIX + vq_model_config_size(&d->state))
        bytes *= 2;
    return bytes;
}

/* What an access that begins in the header covers of the configuration reads zero: no register
 * and no field lies across. */
uint64_t vq_pci_legacy_read(struct vq_pci_device *d, uint64_t offset, unsigned bytes)
{
    if (d->config.kind == VQ_PCI_MODERN)
        return 0;
    vq_pci_look_by(d, VQ_INTERFACE_LEGACY);
    if (offset >= legacy_config_at(d))
        return vq_config_get(&d->state, offset - legacy_config_at(d), bytes);
    return vq_pci_fields_read(
        d, legacy_header, vq_pci_msix_on(d) ? LEGACY_FIELDS_MSIX : LEGACY_FIELDS, offset, bytes);
}

void vq_pci_legacy_write(struct vq_pci_device *d, uint64_t offset, unsigned bytes, uint64_t value)
{
    bool reset = offset == VQ_PCI_LEGACY_STATUS && bytes == 1 && (uint8_t)value == 0;
    if (d->config.kind == VQ_PCI_MODERN) {
        if (!reset)
            return;
        /* PCILEG-DEV-GRACE-02 */
        vq_model_set_status(&d->state, 0);
        d->gone = true;
        return;
    }
    if (!vq_pci_claim(d, VQ_INTERFACE_LEGACY) && !reset)
        return;
    if (offset >= legacy_config_at(d))
        vq_config_put(&d->state, offset - legacy_config_at(d), bytes, value);
    else
        vq_pci_fields_write(d, legacy_header,
                            vq_pci_msix_on(d) ? LEGACY_FIELDS_MSIX : LEGACY_FIELDS, offset, bytes,
                            value);
}
