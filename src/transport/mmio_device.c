/*
 * The registers of an MMIO device, version 2 and the legacy version 1.
 *
 * Two tables say what a register does when it is read and when it is written; what
 * stands in neither, or belongs to the other version, is not there. All that a
 * value means is decided in the state behind (model_state.h): here are selectors,
 * interrupts and the legacy page size.
 */
#include <vq/mmio_device.h>

#include "config_bytes.h"
#include "model_state.h"

enum { V1 = 1, V2 = 2, BOTH = V1 | V2 };

#define VENDOR 0x1af4u

static uint32_t low(uint64_t value)
{
    return (uint32_t)value;
}

static uint32_t high(uint64_t value)
{
    return (uint32_t)(value >> 32);
}

static void mmio_drive_line(struct vq_mmio_device *d, uint32_t status)
{
    bool was = d->interrupt_status != 0;
    d->interrupt_status = status;
    if (was != (status != 0) && d->config.interrupt != NULL)
        d->config.interrupt(d->config.context, status != 0);
}

static void mmio_on_signal(void *front, uint16_t index)
{
    struct vq_mmio_device *d = (struct vq_mmio_device *)front;
    (void)index;
    mmio_drive_line(d, d->interrupt_status | VQ_MMIO_INTERRUPT_QUEUE);
}

static void mmio_on_config(void *front)
{
    struct vq_mmio_device *d = (struct vq_mmio_device *)front;
    mmio_drive_line(d, d->interrupt_status | VQ_MMIO_INTERRUPT_CONFIG);
}

static void mmio_on_reset(void *front)
{
    struct vq_mmio_device *d = (struct vq_mmio_device *)front;
    d->offered_select = 0;
    d->chosen_select = 0;
    d->queue_select = 0;
    d->shared_select = 0;
    d->page_bytes = 0;
    mmio_drive_line(d, 0); /* MMIO-DEV-REG-05 */
}

static const struct vq_model_front mmio_front = {mmio_on_signal, mmio_on_config, mmio_on_reset};

/* What all ones stand for: no such region (MMIO-DEV-REG-16). */
static struct vq_shared_memory shared_memory(const struct vq_mmio_device *d)
{
    for (unsigned i = 0; i < d->config.shared_count; i++)
        if (d->config.shared[i].id == d->shared_select)
            return d->config.shared[i];
    return (struct vq_shared_memory){0, UINT64_MAX, UINT64_MAX};
}

/* Reading, by offset. */

static uint32_t mmio_read_magic(struct vq_mmio_device *d)
{
    (void)d;
    return VQ_MMIO_MAGIC_VALUE;
}

static uint32_t mmio_read_version(struct vq_mmio_device *d)
{
    return d->config.legacy ? 1 : 2;
}

static uint32_t mmio_read_device_id(struct vq_mmio_device *d)
{
    return vq_model_of(&d->state)->ops->device_id;
}

static uint32_t mmio_read_vendor_id(struct vq_mmio_device *d)
{
    return d->config.vendor_id;
}

static uint32_t mmio_read_offered(struct vq_mmio_device *d)
{
    return vq_model_offered_word(&d->state, d->offered_select);
}

static uint32_t mmio_read_size_max(struct vq_mmio_device *d)
{
    return vq_model_queue_size_max(&d->state, d->queue_select);
}

static uint32_t mmio_read_page(struct vq_mmio_device *d)
{
    const struct vq_model_queue *q = vq_model_queue_at(&d->state, d->queue_select);
    return q != NULL ? q->page : 0;
}

static uint32_t mmio_read_ready(struct vq_mmio_device *d)
{
    const struct vq_model_queue *q = vq_model_queue_at(&d->state, d->queue_select);
    return q != NULL && q->enabled;
}

static uint32_t mmio_read_interrupt(struct vq_mmio_device *d)
{
    return d->interrupt_status;
}

static uint32_t mmio_read_status(struct vq_mmio_device *d)
{
    return vq_model_status(&d->state);
}

static uint32_t mmio_read_reset(struct vq_mmio_device *d)
{
    return vq_model_queue_in_reset(&d->state, d->queue_select);
}

static uint32_t mmio_read_shared_bytes_low(struct vq_mmio_device *d)
{
    return low(shared_memory(d).bytes);
}

static uint32_t mmio_read_shared_bytes_high(struct vq_mmio_device *d)
{
    return high(shared_memory(d).bytes);
}

static uint32_t mmio_read_shared_base_low(struct vq_mmio_device *d)
{
    return low(shared_memory(d).base);
}

static uint32_t mmio_read_shared_base_high(struct vq_mmio_device *d)
{
    return high(shared_memory(d).base);
}

static uint32_t mmio_read_generation(struct vq_mmio_device *d)
{
    return vq_model_generation(&d->state);
}

static const struct readable {
    uint16_t offset;
    uint8_t versions;
    uint32_t (*read)(struct vq_mmio_device *d);
} readables[] = {
    {VQ_MMIO_MAGIC, BOTH, mmio_read_magic},
    {VQ_MMIO_VERSION, BOTH, mmio_read_version},
    {VQ_MMIO_DEVICE_ID, BOTH, mmio_read_device_id},
    {VQ_MMIO_VENDOR_ID, BOTH, mmio_read_vendor_id},
    {VQ_MMIO_DEVICE_FEATURES, BOTH, mmio_read_offered},
    {VQ_MMIO_QUEUE_SIZE_MAX, BOTH, mmio_read_size_max},
    {VQ_MMIO_QUEUE_PFN, V1, mmio_read_page},
    {VQ_MMIO_QUEUE_READY, V2, mmio_read_ready},
    {VQ_MMIO_INTERRUPT_STATUS, BOTH, mmio_read_interrupt},
    {VQ_MMIO_STATUS, BOTH, mmio_read_status},
    {VQ_MMIO_SHM_LEN_LOW, V2, mmio_read_shared_bytes_low},
    {VQ_MMIO_SHM_LEN_HIGH, V2, mmio_read_shared_bytes_high},
    {VQ_MMIO_SHM_BASE_LOW, V2, mmio_read_shared_base_low},
    {VQ_MMIO_SHM_BASE_HIGH, V2, mmio_read_shared_base_high},
    {VQ_MMIO_QUEUE_RESET, V2, mmio_read_reset},
    {VQ_MMIO_CONFIG_GENERATION, V2, mmio_read_generation},
};

/* Writing, by offset. */

static void mmio_write_offered_select(struct vq_mmio_device *d, uint32_t value)
{
    d->offered_select = value;
}

static void mmio_write_chosen(struct vq_mmio_device *d, uint32_t value)
{
    (void)vq_model_choose_word(&d->state, d->chosen_select, value);
}

static void mmio_write_chosen_select(struct vq_mmio_device *d, uint32_t value)
{
    d->chosen_select = value;
}

static void mmio_write_page_bytes(struct vq_mmio_device *d, uint32_t value)
{
    d->page_bytes = value;
}

static void mmio_write_queue_select(struct vq_mmio_device *d, uint32_t value)
{
    d->queue_select = value;
}

static void mmio_write_size(struct vq_mmio_device *d, uint32_t value)
{
    vq_model_queue_set_size(&d->state, d->queue_select, value);
}

static void mmio_write_align(struct vq_mmio_device *d, uint32_t value)
{
    struct vq_model_queue *q = vq_model_queue_open(&d->state, d->queue_select);
    if (q != NULL)
        q->align = value;
}

static void mmio_write_page(struct vq_mmio_device *d, uint32_t value)
{
    vq_model_queue_set_page(&d->state, d->queue_select, value, d->page_bytes);
}

static void mmio_write_ready(struct vq_mmio_device *d, uint32_t value)
{
    if (value == 1)
        vq_model_queue_make_ready(&d->state, d->queue_select);
    else if (value == 0)
        vq_model_queue_clear(&d->state, d->queue_select);
}

static void mmio_write_notify(struct vq_mmio_device *d, uint32_t value)
{
    bool data = vq_feature(&d->state.chosen, VQ_F_NOTIFICATION_DATA);
    vq_model_notify(&d->state, data ? value & 0xffffu : value, value);
}

static void mmio_write_ack(struct vq_mmio_device *d, uint32_t value)
{
    mmio_drive_line(d, d->interrupt_status & ~value);
}

/* A status has 8 bits, of which what lies beyond is none. */
static void mmio_write_status(struct vq_mmio_device *d, uint32_t value)
{
    if (value <= UINT8_MAX)
        vq_model_set_status(&d->state, (uint8_t)value);
}

static void mmio_write_half(struct vq_mmio_device *d, enum vq_part part, bool upper, uint32_t value)
{
    vq_model_queue_set_half(&d->state, d->queue_select, part, upper, value);
}

static void mmio_write_descriptors_low(struct vq_mmio_device *d, uint32_t value)
{
    mmio_write_half(d, VQ_DESCRIPTOR_AREA, false, value);
}

static void mmio_write_descriptors_high(struct vq_mmio_device *d, uint32_t value)
{
    mmio_write_half(d, VQ_DESCRIPTOR_AREA, true, value);
}

static void mmio_write_driver_low(struct vq_mmio_device *d, uint32_t value)
{
    mmio_write_half(d, VQ_DRIVER_AREA, false, value);
}

static void mmio_write_driver_high(struct vq_mmio_device *d, uint32_t value)
{
    mmio_write_half(d, VQ_DRIVER_AREA, true, value);
}

static void mmio_write_device_low(struct vq_mmio_device *d, uint32_t value)
{
    mmio_write_half(d, VQ_DEVICE_AREA, false, value);
}

static void mmio_write_device_high(struct vq_mmio_device *d, uint32_t value)
{
    mmio_write_half(d, VQ_DEVICE_AREA, true, value);
}

static void mmio_write_shared_select(struct vq_mmio_device *d, uint32_t value)
{
    d->shared_select = value;
}

static void mmio_write_reset(struct vq_mmio_device *d, uint32_t value)
{
    if (value == 1)
        vq_model_queue_reset(&d->state, d->queue_select);
}

static const struct writable {
    uint16_t offset;
    uint8_t versions;
    void (*write)(struct vq_mmio_device *d, uint32_t value);
} writables[] = {
    {VQ_MMIO_DEVICE_FEATURES_SEL, BOTH, mmio_write_offered_select},
    {VQ_MMIO_DRIVER_FEATURES, BOTH, mmio_write_chosen},
    {VQ_MMIO_DRIVER_FEATURES_SEL, BOTH, mmio_write_chosen_select},
    {VQ_MMIO_GUEST_PAGE_SIZE, V1, mmio_write_page_bytes},
    {VQ_MMIO_QUEUE_SEL, BOTH, mmio_write_queue_select},
    {VQ_MMIO_QUEUE_SIZE, BOTH, mmio_write_size},
    {VQ_MMIO_QUEUE_ALIGN, V1, mmio_write_align},
    {VQ_MMIO_QUEUE_PFN, V1, mmio_write_page},
    {VQ_MMIO_QUEUE_READY, V2, mmio_write_ready},
    {VQ_MMIO_QUEUE_NOTIFY, BOTH, mmio_write_notify},
    {VQ_MMIO_INTERRUPT_ACK, BOTH, mmio_write_ack},
    {VQ_MMIO_STATUS, BOTH, mmio_write_status},
    {VQ_MMIO_QUEUE_DESC_LOW, V2, mmio_write_descriptors_low},
    {VQ_MMIO_QUEUE_DESC_HIGH, V2, mmio_write_descriptors_high},
    {VQ_MMIO_QUEUE_DRIVER_LOW, V2, mmio_write_driver_low},
    {VQ_MMIO_QUEUE_DRIVER_HIGH, V2, mmio_write_driver_high},
    {VQ_MMIO_QUEUE_DEVICE_LOW, V2, mmio_write_device_low},
    {VQ_MMIO_QUEUE_DEVICE_HIGH, V2, mmio_write_device_high},
    {VQ_MMIO_SHM_SEL, V2, mmio_write_shared_select},
    {VQ_MMIO_QUEUE_RESET, V2, mmio_write_reset},
};

static bool there(const struct vq_mmio_device *d, uint8_t versions)
{
    return (versions & (d->config.legacy ? V1 : V2)) != 0;
}

uint64_t vq_mmio_device_read(struct vq_mmio_device *d, uint64_t offset, unsigned bytes)
{
    if (bytes == 0 || bytes > 8)
        return 0;
    if (offset >= VQ_MMIO_CONFIG)
        return vq_config_get(&d->state, offset - VQ_MMIO_CONFIG, bytes);
    for (size_t i = 0; bytes == 4 && i < sizeof(readables) / sizeof(readables[0]); i++)
        if (readables[i].offset == offset && there(d, readables[i].versions))
            return readables[i].read(d);
    return 0;
}

void vq_mmio_device_write(struct vq_mmio_device *d, uint64_t offset, unsigned bytes, uint64_t value)
{
    if (bytes == 0 || bytes > 8)
        return;
    if (offset >= VQ_MMIO_CONFIG) {
        vq_config_put(&d->state, offset - VQ_MMIO_CONFIG, bytes, value);
        return;
    }
    for (size_t i = 0; bytes == 4 && i < sizeof(writables) / sizeof(writables[0]); i++)
        if (writables[i].offset == offset && there(d, writables[i].versions))
            writables[i].write(d, low(value));
}

enum vq_error vq_mmio_device_init(struct vq_mmio_device *d,
                                  const struct vq_mmio_device_config *config)
{
    if (config->shared_count != 0 && config->shared == NULL)
        return VQ_ERR_INVALID;
    *d = (struct vq_mmio_device){.config = *config};
    if (d->config.vendor_id == 0)
        d->config.vendor_id = VENDOR;
    return vq_model_state_init(&d->state, &config->device,
                               config->legacy ? VQ_INTERFACE_LEGACY : VQ_INTERFACE_MODERN,
                               &mmio_front, d);
}
