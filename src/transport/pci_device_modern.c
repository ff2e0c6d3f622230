/*
 * The BAR of the modern interface: common configuration, ISR status, the device's
 * configuration, and 4 bytes for each queue to be notified at.
 */
#include "pci_device.h"

uint64_t vq_pci_modern_bytes(const struct vq_pci_device *d)
{
    uint32_t end =
        VQ_PCI_AT_NOTIFY + ((uint32_t)vq_model_queue_count(&d->state) << VQ_PCI_NOTIFY_SHIFT);
    uint32_t bytes = 2 * VQ_PCI_AT_DEVICE;
    while (bytes < end)
        bytes *= 2;
    return bytes;
}

static struct vq_model_queue *selected(const struct vq_pci_device *d)
{
    return vq_model_queue_at(&d->state, d->queue_select);
}

static uint32_t modern_read_offered_select(struct vq_pci_device *d)
{
    return d->offered_select;
}

static void modern_write_offered_select(struct vq_pci_device *d, uint32_t value)
{
    d->offered_select = value;
}

static uint32_t modern_read_offered(struct vq_pci_device *d)
{
    return vq_model_offered_word(&d->state, d->offered_select);
}

static uint32_t modern_read_chosen_select(struct vq_pci_device *d)
{
    return d->chosen_select;
}

static void modern_write_chosen_select(struct vq_pci_device *d, uint32_t value)
{
    d->chosen_select = value;
}

static uint32_t modern_read_chosen(struct vq_pci_device *d)
{
    return vq_model_chosen_word(&d->state, d->chosen_select);
}

static void modern_write_chosen(struct vq_pci_device *d, uint32_t value)
{
    (void)vq_model_choose_word(&d->state, d->chosen_select, value);
}

static uint32_t modern_read_num_queues(struct vq_pci_device *d)
{
    return vq_model_queue_count(&d->state);
}

static void modern_write_status(struct vq_pci_device *d, uint32_t value)
{
    vq_model_set_status(&d->state, (uint8_t)value);
}

static uint32_t modern_read_generation(struct vq_pci_device *d)
{
    return vq_model_generation(&d->state) & 0xffu;
}

static uint32_t modern_read_size(struct vq_pci_device *d)
{
    return vq_model_queue_size(&d->state, d->queue_select);
}

static void modern_write_size(struct vq_pci_device *d, uint32_t value)
{
    vq_model_queue_set_size(&d->state, d->queue_select, value);
}

static uint32_t modern_read_enable(struct vq_pci_device *d)
{
    const struct vq_model_queue *q = selected(d);
    return q != NULL && q->enabled;
}

/* There is no disabling here: a driver resets the queue, or the device. */
static void modern_write_enable(struct vq_pci_device *d, uint32_t value)
{
    if (value == 1)
        vq_model_queue_make_ready(&d->state, d->queue_select);
}

static uint32_t modern_read_notify_off(struct vq_pci_device *d)
{
    return selected(d) != NULL ? d->queue_select : 0;
}

static uint32_t half_of(struct vq_pci_device *d, enum vq_part part, bool high)
{
    const struct vq_model_queue *q = selected(d);
    if (q == NULL)
        return 0;
    return (uint32_t)(high ? q->address[part] >> 32 : q->address[part]);
}

#define HALF(name, part, high)                                                                     \
    static uint32_t read_##name(struct vq_pci_device *d)                                           \
    {                                                                                              \
        return half_of(d, part, high);                                                             \
    }                                                                                              \
    static void write_##name(struct vq_pci_device *d, uint32_t value)                              \
    {                                                                                              \
        vq_model_queue_set_half(&d->state, d->queue_select, part, high, value);                    \
    }
HALF(desc_low, VQ_DESCRIPTOR_AREA, false)
HALF(desc_high, VQ_DESCRIPTOR_AREA, true)
HALF(driver_low, VQ_DRIVER_AREA, false)
HALF(driver_high, VQ_DRIVER_AREA, true)
HALF(device_low, VQ_DEVICE_AREA, false)
HALF(device_high, VQ_DEVICE_AREA, true)

static uint32_t modern_read_reset(struct vq_pci_device *d)
{
    return vq_model_queue_in_reset(&d->state, d->queue_select);
}

static void modern_write_reset(struct vq_pci_device *d, uint32_t value)
{
    if (value == 1)
        vq_model_queue_reset(&d->state, d->queue_select);
}

/* What is not here (notification data, administration queues) reads zero. */
static const struct vq_pci_field modern_common[] = {
    {VQ_PCI_COMMON_DEVICE_FEATURE_SELECT, 4, modern_read_offered_select,
     modern_write_offered_select},
    {VQ_PCI_COMMON_DEVICE_FEATURE, 4, modern_read_offered, NULL},
    {VQ_PCI_COMMON_DRIVER_FEATURE_SELECT, 4, modern_read_chosen_select, modern_write_chosen_select},
    {VQ_PCI_COMMON_DRIVER_FEATURE, 4, modern_read_chosen, modern_write_chosen},
    {VQ_PCI_COMMON_CONFIG_VECTOR, 2, vq_pci_read_config_vector, vq_pci_write_config_vector},
    {VQ_PCI_COMMON_NUM_QUEUES, 2, modern_read_num_queues, NULL},
    {VQ_PCI_COMMON_STATUS, 1, vq_pci_read_status, modern_write_status},
    {VQ_PCI_COMMON_GENERATION, 1, modern_read_generation, NULL},
    {VQ_PCI_COMMON_QUEUE_SELECT, 2, vq_pci_read_queue_select, vq_pci_write_queue_select},
    {VQ_PCI_COMMON_QUEUE_SIZE, 2, modern_read_size, modern_write_size},
    {VQ_PCI_COMMON_QUEUE_VECTOR, 2, vq_pci_read_queue_vector, vq_pci_write_queue_vector},
    {VQ_PCI_COMMON_QUEUE_ENABLE, 2, modern_read_enable, modern_write_enable},
    {VQ_PCI_COMMON_QUEUE_NOTIFY_OFF, 2, modern_read_notify_off, NULL},
    {VQ_PCI_COMMON_QUEUE_DESC, 4, read_desc_low, write_desc_low},
    {VQ_PCI_COMMON_QUEUE_DESC + 4, 4, read_desc_high, write_desc_high},
    {VQ_PCI_COMMON_QUEUE_DRIVER, 4, read_driver_low, write_driver_low},
    {VQ_PCI_COMMON_QUEUE_DRIVER + 4, 4, read_driver_high, write_driver_high},
    {VQ_PCI_COMMON_QUEUE_DEVICE, 4, read_device_low, write_device_low},
    {VQ_PCI_COMMON_QUEUE_DEVICE + 4, 4, read_device_high, write_device_high},
    {VQ_PCI_COMMON_QUEUE_RESET, 2, modern_read_reset, modern_write_reset},
};

#define COMMON_COUNT (sizeof(modern_common) / sizeof(modern_common[0]))

uint64_t vq_pci_modern_read(struct vq_pci_device *d, uint64_t offset, unsigned bytes)
{
    vq_pci_look_by(d, VQ_INTERFACE_MODERN);
    if (offset < VQ_PCI_AT_COMMON + VQ_PCI_COMMON_BYTES)
        return vq_pci_fields_read(d, modern_common, COMMON_COUNT, offset, bytes);
    if (offset == VQ_PCI_AT_ISR)
        return vq_pci_take_isr(d);
    if (offset >= VQ_PCI_AT_DEVICE && offset < VQ_PCI_AT_NOTIFY)
        return vq_config_get(&d->state, offset - VQ_PCI_AT_DEVICE, bytes);
    return 0;
}

static void modern_notify(struct vq_pci_device *d, uint32_t offset, unsigned bytes, uint64_t value)
{
    /* Whose 4 bytes these are says which queue; what is written says the same, and more with
     * NOTIFICATION_DATA. */
    if ((bytes != 2 && bytes != 4) || offset % (1u << VQ_PCI_NOTIFY_SHIFT) != 0)
        return;
    vq_model_notify(&d->state, offset >> VQ_PCI_NOTIFY_SHIFT,
                    bytes == 2 ? (uint16_t)value : (uint32_t)value);
}

void vq_pci_modern_write(struct vq_pci_device *d, uint64_t offset, unsigned bytes, uint64_t value)
{
    bool status = offset == VQ_PCI_COMMON_STATUS && bytes == 1;
    if (!vq_pci_claim(d, VQ_INTERFACE_MODERN) && !(status && (uint8_t)value == 0))
        return;
    if (offset < VQ_PCI_AT_COMMON + VQ_PCI_COMMON_BYTES)
        vq_pci_fields_write(d, modern_common, COMMON_COUNT, offset, bytes, value);
    else if (offset >= VQ_PCI_AT_NOTIFY)
        modern_notify(d, (uint32_t)(offset - VQ_PCI_AT_NOTIFY), bytes, value);
    else if (offset >= VQ_PCI_AT_DEVICE)
        vq_config_put(&d->state, offset - VQ_PCI_AT_DEVICE, bytes, value);
}
