/*
 * The driver's end of virtio over MMIO, versions 2 and 1.
 *
 * Trusts nothing that a register says: sizes are clamped, waits are bounded, bits that
 * nobody defined are ignored. Touches no register but those that the version has, and
 * none of a queue's while the queue is in use but the one that says so.
 */
#include <vq/mmio_driver.h>

#include "../ring/barrier.h"
#include "driver_events.h"
#include "options.h"

#define MMIO_PATIENCE 1000000u
#define PAGE_SHIFT    12u
/* From the registers of one part's address to those of the next. */
#define PART_STEP ((uint32_t)(VQ_MMIO_QUEUE_DRIVER_LOW - VQ_MMIO_QUEUE_DESC_LOW))
VQ_STATIC_ASSERT(VQ_MMIO_QUEUE_DEVICE_LOW - VQ_MMIO_QUEUE_DRIVER_LOW == PART_STEP,
                 "part registers");

static struct vq_mmio_driver *mmio_of(struct vq_transport *t)
{
    return (struct vq_mmio_driver *)(void *)t; /* its first member */
}

static uint32_t get(const struct vq_mmio_driver *m, uint32_t offset)
{
    return vq_registers_read(&m->config.registers, offset, 4);
}

static void mmio_put(const struct vq_mmio_driver *m, uint32_t offset, uint32_t value)
{
    vq_registers_write(&m->config.registers, offset, 4, value);
}

bool vq_mmio_driver_is_legacy(const struct vq_mmio_driver *m)
{
    /* Version 1 has none. */
    return VQ_WITH_LEGACY && m->transport.ops->queue_reset == NULL;
}

static uint32_t page_shift(const struct vq_mmio_driver *m)
{
    return m->config.page_shift != 0 ? m->config.page_shift : PAGE_SHIFT;
}

static enum vq_error mmio_get_status(struct vq_transport *t, uint8_t *status)
{
    *status = (uint8_t)get(mmio_of(t), VQ_MMIO_STATUS);
    return VQ_OK;
}

static enum vq_error mmio_set_status(struct vq_transport *t, uint8_t status)
{
    mmio_put(mmio_of(t), VQ_MMIO_STATUS, status);
    return VQ_OK;
}

static uint32_t read_features(const struct vq_mmio_driver *m, uint32_t word)
{
    mmio_put(m, VQ_MMIO_DEVICE_FEATURES_SEL, word);
    return get(m, VQ_MMIO_DEVICE_FEATURES);
}

static enum vq_error mmio_get_features(struct vq_transport *t, struct vq_features *offered)
{
    const struct vq_mmio_driver *m = mmio_of(t);
    unsigned words = vq_mmio_driver_is_legacy(m) ? 1 : VQ_FEATURE_WORDS;
    for (unsigned i = 0; i < words; i++) {
        offered->word[i] = read_features(m, i);
        /* A device that knows only words 0 and 1 shows word 1 for all that follow. */
        if (i >= 2 && offered->word[i] == offered->word[1])
            offered->word[i] = 0;
    }
    return VQ_OK;
}

static enum vq_error mmio_set_features(struct vq_transport *t, const struct vq_features *accepted)
{
    const struct vq_mmio_driver *m = mmio_of(t);
    bool legacy = vq_mmio_driver_is_legacy(m);
    if (!legacy && !vq_feature(accepted, VQ_F_VERSION_1))
        return VQ_ERR_UNSUPPORTED;
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++) {
        /* For the same reason: what is not there is written nowhere. */
        if (i >= (legacy ? 1u : 2u) && accepted->word[i] == 0)
            continue;
        mmio_put(m, VQ_MMIO_DRIVER_FEATURES_SEL, i);
        mmio_put(m, VQ_MMIO_DRIVER_FEATURES, accepted->word[i]);
    }
    /* MMIOLEG-DRV-01: once, and after the reset, which forgets it. */
    if (legacy)
        mmio_put(m, VQ_MMIO_GUEST_PAGE_SIZE, UINT32_C(1) << page_shift(m));
    return VQ_OK;
}

static uint32_t mmio_config_size(struct vq_transport *t)
{
    uint32_t bytes = mmio_of(t)->config.registers.bytes;
    return bytes != 0 ? bytes - VQ_MMIO_CONFIG : UINT32_MAX;
}

static enum vq_error mmio_config_generation(struct vq_transport *t, uint32_t *generation)
{
    *generation = get(mmio_of(t), VQ_MMIO_CONFIG_GENERATION);
    return VQ_OK;
}

static enum vq_error mmio_read_config(struct vq_transport *t, uint32_t offset, void *bytes,
                                      uint32_t count)
{
    vq_registers_get(&mmio_of(t)->config.registers, VQ_MMIO_CONFIG + offset, bytes, count);
    return VQ_OK;
}

static enum vq_error mmio_write_config(struct vq_transport *t, uint32_t offset, const void *bytes,
                                       uint32_t count)
{
    vq_registers_put(&mmio_of(t)->config.registers, VQ_MMIO_CONFIG + offset, bytes, count);
    return VQ_OK;
}

/* What says that a queue is in use; write 0 to end that. */
static uint32_t in_use_register(const struct vq_mmio_driver *m)
{
    return vq_mmio_driver_is_legacy(m) ? VQ_MMIO_QUEUE_PFN : VQ_MMIO_QUEUE_READY;
}

/* Selects a queue that is not in use, and finds its largest size. */
static enum vq_error select_free(const struct vq_mmio_driver *m, uint16_t index, uint32_t *max)
{
    mmio_put(m, VQ_MMIO_QUEUE_SEL, index);
    if (get(m, in_use_register(m)) != 0)
        return VQ_ERR_STATE; /* MMIO-DRV-REG-17, MMIOLEG-DRV-03 */
    *max = get(m, VQ_MMIO_QUEUE_SIZE_MAX);
    if (*max > VQ_SIZE_MAX)
        *max = VQ_SIZE_MAX;
    return *max != 0 ? VQ_OK : VQ_ERR_RANGE;
}

static enum vq_error mmio_queue_constraints(struct vq_transport *t, uint16_t index,
                                            struct vq_constraints *constraints)
{
    const struct vq_mmio_driver *m = mmio_of(t);
    if (vq_mmio_driver_is_legacy(m)) {
        constraints->format = VQ_FORMAT_LEGACY;
        constraints->align = m->config.queue_align;
        constraints->page_shift = page_shift(m);
        constraints->pfn_bits = 32;
    }
    return select_free(m, index, &constraints->size_max);
}

#if VQ_WITH_LEGACY
static enum vq_error enable_legacy(const struct vq_mmio_driver *m, const struct vq_place *place)
{
    uint64_t address = place->address[VQ_DESCRIPTOR_AREA];
    uint32_t low = (uint32_t)address, high = (uint32_t)(address >> 32), shift = page_shift(m);
    uint32_t page = low >> shift | high << (32 - shift);
    if (place->layout.format != VQ_FORMAT_LEGACY)
        return VQ_ERR_INVALID;
    /* MMIOLEG-DRV-05: page 0 means no queue. */
    if (low << (32 - shift) != 0 || high >> shift != 0 || page == 0)
        return VQ_ERR_ALIGN;
    mmio_put(m, VQ_MMIO_QUEUE_ALIGN, place->layout.align);
    mmio_put(m, VQ_MMIO_QUEUE_PFN, page);
    return VQ_OK;
}
#endif

static enum vq_error enable_modern(const struct vq_mmio_driver *m, const struct vq_place *place)
{
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        uint32_t low = VQ_MMIO_QUEUE_DESC_LOW + i * PART_STEP;
        mmio_put(m, low, (uint32_t)place->address[i]);
        mmio_put(m, low + 4, (uint32_t)(place->address[i] >> 32));
    }
    mmio_put(m, VQ_MMIO_QUEUE_READY, 1);
    return VQ_OK;
}

static enum vq_error mmio_queue_enable(struct vq_transport *t, uint16_t index,
                                       const struct vq_place *place)
{
    const struct vq_mmio_driver *m = mmio_of(t);
    uint32_t max = 0;
    enum vq_error error = select_free(m, index, &max);
    if (error != VQ_OK)
        return error;
    if (place->layout.size == 0 || place->layout.size > max)
        return VQ_ERR_SIZE;
    mmio_put(m, VQ_MMIO_QUEUE_SIZE, place->layout.size);
#if VQ_WITH_LEGACY
    if (vq_mmio_driver_is_legacy(m))
        return enable_legacy(m, place);
#endif
    return enable_modern(m, place);
}

/* Selects a queue, writes a register of it and waits until it reads zero. */
static enum vq_error write_until_zero(const struct vq_mmio_driver *m, uint16_t index,
                                      uint32_t offset, uint32_t value)
{
    uint32_t patience = m->config.patience != 0 ? m->config.patience : MMIO_PATIENCE;
    mmio_put(m, VQ_MMIO_QUEUE_SEL, index);
    mmio_put(m, offset, value);
    while (patience-- != 0)
        if (get(m, offset) == 0)
            return VQ_OK;
    return VQ_ERR_TIMEOUT;
}

static enum vq_error mmio_queue_reset(struct vq_transport *t, uint16_t index)
{
    return write_until_zero(mmio_of(t), index, VQ_MMIO_QUEUE_RESET, 1);
}

enum vq_error vq_mmio_driver_stop(struct vq_mmio_driver *m, uint16_t index)
{
    return write_until_zero(m, index, in_use_register(m), 0);
}

static enum vq_error mmio_notify(struct vq_transport *t, uint16_t index, uint32_t data)
{
    mmio_put(mmio_of(t), VQ_MMIO_QUEUE_NOTIFY,
             vq_feature(&t->accepted, VQ_F_NOTIFICATION_DATA) ? data : index);
    return VQ_OK;
}

static enum vq_error mmio_wait(struct vq_transport *t, uint16_t index, int timeout_ms)
{
    const struct vq_mmio_driver_config *config = &mmio_of(t)->config;
    return config->wait != NULL ? config->wait(config->context, index, timeout_ms)
                                : VQ_ERR_UNSUPPORTED;
}

unsigned vq_mmio_driver_interrupt(struct vq_mmio_driver *m)
{
    unsigned events = get(m, VQ_MMIO_INTERRUPT_STATUS) & VQ_EVENTS_ALL;
    if (events != 0) {
        vq_events_note(m->noted, events);
        mmio_put(m, VQ_MMIO_INTERRUPT_ACK, events);
    }
    return events;
}

static unsigned mmio_take_events(struct vq_transport *t)
{
    struct vq_mmio_driver *m = mmio_of(t);
    (void)vq_mmio_driver_interrupt(m);
    return vq_events_take(m->noted);
}

static const struct vq_transport_ops mmio_modern_ops = {
    .name = "mmio",
    .get_status = mmio_get_status,
    .set_status = mmio_set_status,
    .get_features = mmio_get_features,
    .set_features = mmio_set_features,
    .config_size = mmio_config_size,
    .config_generation = mmio_config_generation,
    .read_config = mmio_read_config,
    .write_config = mmio_write_config,
    .queue_constraints = mmio_queue_constraints,
    .queue_enable = mmio_queue_enable,
    .queue_reset = mmio_queue_reset,
    .notify = mmio_notify,
    .wait = mmio_wait,
    .take_events = mmio_take_events,
};
#if VQ_WITH_LEGACY
static const struct vq_transport_ops mmio_legacy_ops = {
    .name = "mmio",
    .get_status = mmio_get_status,
    .set_status = mmio_set_status,
    .get_features = mmio_get_features,
    .set_features = mmio_set_features,
    .config_size = mmio_config_size,
    .read_config = mmio_read_config,
    .write_config = mmio_write_config,
    .queue_constraints = mmio_queue_constraints,
    .queue_enable = mmio_queue_enable,
    .notify = mmio_notify,
    .wait = mmio_wait,
    .take_events = mmio_take_events,
};
#endif

enum vq_error vq_mmio_driver_probe(const struct vq_mmio_driver_config *config,
                                   struct vq_mmio_driver_id *id)
{
    const struct vq_registers *r = &config->registers;
    *id = (struct vq_mmio_driver_id){0, 0, 0};
    if ((r->base == NULL && r->bus == NULL) || (r->bytes != 0 && r->bytes < VQ_MMIO_CONFIG) ||
        config->page_shift > 30 || (config->queue_align & (config->queue_align - 1)) != 0)
        return VQ_ERR_INVALID;
    id->magic = vq_registers_read(r, VQ_MMIO_MAGIC, 4);
    if (id->magic != VQ_MMIO_MAGIC_VALUE)
        return VQ_ERR_RANGE;
    id->version = vq_registers_read(r, VQ_MMIO_VERSION, 4);
    if (id->version != 2 && !(VQ_WITH_LEGACY && id->version == 1))
        return VQ_ERR_UNSUPPORTED;
    id->device = vq_registers_read(r, VQ_MMIO_DEVICE_ID, 4);
    return id->device <= UINT16_MAX ? VQ_OK : VQ_ERR_UNSUPPORTED;
}

enum vq_error vq_mmio_driver_init(struct vq_mmio_driver *m,
                                  const struct vq_mmio_driver_config *config)
{
    struct vq_mmio_driver_id id;
    enum vq_error error = vq_mmio_driver_probe(config, &id);
    if (error == VQ_OK && id.device == 0)
        error = VQ_ERR_RANGE;
    if (error != VQ_OK)
        return error;
    *m = (struct vq_mmio_driver){
        .transport =
            {
                .ops = &mmio_modern_ops,
                .device_id = (uint16_t)id.device,
                .supported = vq_transport_common_features(),
                .legacy_big_endian = VQ_HOST_BIG,
            },
        .config = *config,
    };
    vq_feature_set(&m->transport.supported, VQ_F_RING_RESET);
#if VQ_WITH_LEGACY
    if (id.version == 1)
        m->transport.ops = &mmio_legacy_ops;
#endif
    return VQ_OK;
}
