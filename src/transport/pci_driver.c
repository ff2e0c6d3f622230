/*
 * The driver's end of virtio over PCI: what both interfaces share, and the modern one.
 *
 * Trusts nothing that a register says: sizes are clamped, waits are bounded, a doorbell
 * lies inside of its capability or the queue is not enabled. Each field is accessed with
 * its own width (PCI-DRV-LAYOUT-01..03), and none that is the device's is written.
 */
#include "pci_driver.h"

#include "../ring/barrier.h"
#include "driver_events.h"

#define PCI_PATIENCE 1000000u

/* --- what both interfaces share ------------------------------------------------------ */

/* Nothing outlives a reset. */
static void forget_queues(struct vq_pci_driver *p)
{
    for (uint16_t i = 0; i < p->config.queue_count; i++)
        p->config.queues[i] = (struct vq_pci_queue){.vector = VQ_MSI_NO_VECTOR};
    p->config_vector = VQ_MSI_NO_VECTOR;
    p->queue_on_config_vector = false;
}

static uint32_t msix_control(const struct vq_pci_driver *p)
{
    uint32_t at = p->msix_capability;
    return at != 0 ? vq_registers_read(&p->config.space, at + VQ_PCI_MSIX_CONTROL, 2) : 0;
}

bool vq_pci_msix_enabled(const struct vq_pci_driver *p)
{
    return (msix_control(p) & VQ_PCI_MSIX_ENABLE) != 0;
}

void vq_pci_count_vectors(struct vq_pci_driver *p)
{
    uint32_t control = VQ_WITH_MSIX && p->config.vectors != 0 ? msix_control(p) : 0;
    uint32_t most = (control & VQ_PCI_MSIX_SIZE) + 1; /* PCI-DRV-MSIX-04 */
    p->vectors = p->config.vectors < most ? p->config.vectors : (uint16_t)most;
    if ((control & VQ_PCI_MSIX_ENABLE) == 0)
        p->vectors = 0;
}

/* PCI-DRV-MSIX-05: the device has taken it if it says so. */
static bool map_vector(const struct vq_pci_driver *p, uint32_t offset, uint32_t vector)
{
    if (vector >= p->vectors)
        return false;
    vq_pci_put(p, offset, 2, vector);
    return vq_pci_get(p, offset, 2) == vector;
}

enum vq_error vq_pci_map_queue_vector(struct vq_pci_driver *p, uint16_t index)
{
    if (!VQ_WITH_MSIX || p->vectors == 0)
        return VQ_OK;
    const uint32_t tries[] = {1u + index, 1, 0};
    for (unsigned i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
        if (map_vector(p, p->at->queue_vector, tries[i])) {
            p->config.queues[index].vector = (uint16_t)tries[i];
            if (tries[i] == 0)
                p->queue_on_config_vector = true;
            return VQ_OK;
        }
    return VQ_ERR_UNSUPPORTED;
}

enum vq_error vq_pci_get_status(struct vq_transport *t, uint8_t *status)
{
    const struct vq_pci_driver *p = vq_pci_of(t);
    *status = (uint8_t)vq_pci_get(p, p->at->status, 1);
    return VQ_OK;
}

enum vq_error vq_pci_set_status(struct vq_transport *t, uint8_t status)
{
    struct vq_pci_driver *p = vq_pci_of(t);
    if (status == 0)
        forget_queues(p);
    /* The last moment before the device runs. One that refused its vector never does. */
    if (VQ_WITH_MSIX && (status & VQ_STATUS_DRIVER_OK) != 0 && p->vectors != 0 &&
        p->config_vector == VQ_MSI_NO_VECTOR) {
        if ((status & VQ_STATUS_FAILED) != 0)
            status = (uint8_t)(status & ~VQ_STATUS_DRIVER_OK);
        else if (map_vector(p, p->at->config_vector, 0))
            p->config_vector = 0;
        else
            return VQ_ERR_UNSUPPORTED;
    }
    vq_pci_put(p, p->at->status, 1, status);
    return VQ_OK;
}

enum vq_error vq_pci_wait(struct vq_transport *t, uint16_t index, int timeout_ms)
{
    const struct vq_pci_driver_config *config = &vq_pci_of(t)->config;
    return config->wait != NULL ? config->wait(config->context, index, timeout_ms)
                                : VQ_ERR_UNSUPPORTED;
}

static unsigned pci_read_isr(struct vq_pci_driver *p)
{
    if (VQ_WITH_LEGACY && vq_pci_driver_is_legacy(p))
        return vq_pci_get(p, VQ_PCI_LEGACY_ISR, 1);
    const struct vq_pci_window *w = vq_pci_window_of(p, VQ_PCI_CAP_ISR);
    return w->bytes != 0 ? vq_registers_read(&w->registers, 0, 1) : 0;
}

unsigned vq_pci_driver_interrupt(struct vq_pci_driver *p, uint16_t vector)
{
    unsigned events = 0;
    if (vector == VQ_MSI_NO_VECTOR) {
        if (p->vectors == 0)
            events = pci_read_isr(p) & VQ_EVENTS_ALL;
    } else if (vector < p->vectors) {
        if (vector == p->config_vector)
            events |= VQ_EVENT_CONFIG;
        if (vector != 0 || p->queue_on_config_vector)
            events |= VQ_EVENT_QUEUE;
    }
    vq_events_note(p->noted, events);
    return events;
}

unsigned vq_pci_take_events(struct vq_transport *t)
{
    struct vq_pci_driver *p = vq_pci_of(t);
    (void)vq_pci_driver_interrupt(p, VQ_MSI_NO_VECTOR);
    return vq_events_take(p->noted);
}

enum vq_error vq_pci_select(const struct vq_pci_driver *p, uint16_t index, uint32_t *size)
{
    if (index >= p->config.queue_count)
        return VQ_ERR_RANGE;
    vq_pci_put(p, p->at->queue_select, 2, index);
    *size = vq_pci_get(p, p->at->queue_size, 2);
    return *size != 0 ? VQ_OK : VQ_ERR_RANGE;
}

/* --- the modern interface ------------------------------------------------------------ */

static enum vq_error pci_get_features(struct vq_transport *t, struct vq_features *offered)
{
    const struct vq_pci_driver *p = vq_pci_of(t);
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++) {
        vq_pci_put(p, VQ_PCI_COMMON_DEVICE_FEATURE_SELECT, 4, i);
        offered->word[i] = vq_pci_get(p, VQ_PCI_COMMON_DEVICE_FEATURE, 4);
    }
    return VQ_OK;
}

static enum vq_error pci_set_features(struct vq_transport *t, const struct vq_features *accepted)
{
    struct vq_pci_driver *p = vq_pci_of(t);
    if (!vq_feature(accepted, VQ_F_VERSION_1))
        return VQ_ERR_UNSUPPORTED;
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++) {
        if (i >= 2 && accepted->word[i] == 0)
            continue; /* not every device knows of these */
        vq_pci_put(p, VQ_PCI_COMMON_DRIVER_FEATURE_SELECT, 4, i);
        vq_pci_put(p, VQ_PCI_COMMON_DRIVER_FEATURE, 4, accepted->word[i]);
    }
    vq_pci_count_vectors(p);
    return VQ_OK;
}

static uint32_t pci_config_size(struct vq_transport *t)
{
    uint32_t bytes = vq_pci_window_of(vq_pci_of(t), VQ_PCI_CAP_DEVICE)->bytes;
    return bytes < 4096 ? bytes : 4096;
}

static enum vq_error pci_config_generation(struct vq_transport *t, uint32_t *generation)
{
    *generation = vq_pci_get(vq_pci_of(t), VQ_PCI_COMMON_GENERATION, 1);
    return VQ_OK;
}

static enum vq_error pci_read_config(struct vq_transport *t, uint32_t offset, void *bytes,
                                     uint32_t count)
{
    vq_registers_get(&vq_pci_window_of(vq_pci_of(t), VQ_PCI_CAP_DEVICE)->registers, offset, bytes,
                     count);
    return VQ_OK;
}

static enum vq_error pci_write_config(struct vq_transport *t, uint32_t offset, const void *bytes,
                                      uint32_t count)
{
    vq_registers_put(&vq_pci_window_of(vq_pci_of(t), VQ_PCI_CAP_DEVICE)->registers, offset, bytes,
                     count);
    return VQ_OK;
}

static enum vq_error pci_queue_constraints(struct vq_transport *t, uint16_t index,
                                           struct vq_constraints *constraints)
{
    const struct vq_pci_driver *p = vq_pci_of(t);
    uint32_t size = 0;
    if (index >= vq_pci_get(p, VQ_PCI_COMMON_NUM_QUEUES, 2))
        return VQ_ERR_RANGE;
    enum vq_error error = vq_pci_select(p, index, &size);
    if (error != VQ_OK)
        return error;
    constraints->size_max = size < VQ_SIZE_MAX ? size : VQ_SIZE_MAX;
    return vq_pci_get(p, VQ_PCI_COMMON_QUEUE_ENABLE, 2) == 0 ? VQ_OK : VQ_ERR_STATE;
}

/* a * b, UINT32_MAX if that does not fit: no 64-bit product, which small machines lack. */
static uint32_t times(uint32_t a, uint16_t b)
{
    uint32_t low = (a & 0xffffu) * b, high = (a >> 16) * b;
    if (high > 0xffffu || low > UINT32_MAX - (high << 16))
        return UINT32_MAX;
    return low + (high << 16);
}

/* PCI-DRV-NOTIFCAP-01: where the selected queue's notifications go. */
static enum vq_error find_doorbell(struct vq_pci_driver *p, struct vq_pci_queue *q)
{
    const struct vq_pci_window *w = vq_pci_window_of(p, VQ_PCI_CAP_NOTIFY);
    uint32_t bytes = vq_feature(&p->transport.accepted, VQ_F_NOTIFICATION_DATA) ? 4 : 2;
    uint16_t off = (uint16_t)vq_pci_get(p, VQ_PCI_COMMON_QUEUE_NOTIFY_OFF, 2);
    uint32_t at = times(p->multiplier, off);
    if (w->bytes < bytes || at > w->bytes - bytes || ((w->offset + at) & (bytes - 1)) != 0)
        return VQ_ERR_BROKEN;
    return vq_pci_map_part(p, VQ_PCI_CAP_NOTIFY, at, bytes, &q->doorbell) ? VQ_OK : VQ_ERR_IO;
}

static void write_address(const struct vq_pci_driver *p, uint32_t offset, uint64_t address)
{
    vq_pci_put(p, offset, 4, (uint32_t)address);
    vq_pci_put(p, offset + 4, 4, (uint32_t)(address >> 32));
}

static enum vq_error pci_queue_enable(struct vq_transport *t, uint16_t index,
                                      const struct vq_place *place)
{
    struct vq_pci_driver *p = vq_pci_of(t);
    struct vq_constraints constraints;
    uint32_t size = place->layout.size;
    bool packed = vq_feature(&t->accepted, VQ_F_RING_PACKED);
    enum vq_error error = pci_queue_constraints(t, index, &constraints);
    if (error != VQ_OK)
        return error;
    if (size == 0 || size > constraints.size_max || (!packed && (size & (size - 1)) != 0))
        return VQ_ERR_SIZE;
    struct vq_pci_queue *q = &p->config.queues[index];
    *q = (struct vq_pci_queue){.value = index, .vector = VQ_MSI_NO_VECTOR};
    error = find_doorbell(p, q);
    if (error == VQ_OK)
        error = vq_pci_map_queue_vector(p, index);
    if (error != VQ_OK)
        return error;
    if (vq_feature(&t->accepted, VQ_F_NOTIF_CONFIG_DATA))
        q->value = (uint16_t)vq_pci_get(p, VQ_PCI_COMMON_QUEUE_NOTIFY_DATA, 2);
    vq_pci_put(p, VQ_PCI_COMMON_QUEUE_SIZE, 2, size);
    write_address(p, VQ_PCI_COMMON_QUEUE_DESC, place->address[VQ_DESCRIPTOR_AREA]);
    write_address(p, VQ_PCI_COMMON_QUEUE_DRIVER, place->address[VQ_DRIVER_AREA]);
    write_address(p, VQ_PCI_COMMON_QUEUE_DEVICE, place->address[VQ_DEVICE_AREA]);
    q->enabled = true;
    vq_pci_put(p, VQ_PCI_COMMON_QUEUE_ENABLE, 2, 1);
    return VQ_OK;
}

static enum vq_error pci_queue_reset(struct vq_transport *t, uint16_t index)
{
    struct vq_pci_driver *p = vq_pci_of(t);
    uint32_t patience = p->config.patience != 0 ? p->config.patience : PCI_PATIENCE;
    if (index >= p->config.queue_count)
        return VQ_ERR_RANGE;
    p->config.queues[index].enabled = false;
    vq_pci_put(p, VQ_PCI_COMMON_QUEUE_SELECT, 2, index);
    vq_pci_put(p, VQ_PCI_COMMON_QUEUE_RESET, 2, 1);
    while (patience-- != 0)
        if (vq_pci_get(p, VQ_PCI_COMMON_QUEUE_RESET, 2) == 0)
            return VQ_OK;
    return VQ_ERR_TIMEOUT;
}

static enum vq_error pci_notify(struct vq_transport *t, uint16_t index, uint32_t data)
{
    const struct vq_pci_driver *p = vq_pci_of(t);
    if (index >= p->config.queue_count || !p->config.queues[index].enabled)
        return VQ_ERR_RANGE;
    const struct vq_pci_queue *q = &p->config.queues[index];
    if (vq_feature(&t->accepted, VQ_F_NOTIFICATION_DATA))
        vq_registers_write(&q->doorbell, 0, 4, (data & 0xffff0000u) | q->value);
    else
        vq_registers_write(&q->doorbell, 0, 2, q->value);
    return VQ_OK;
}

static const struct vq_transport_ops pci_modern_ops = {
    .name = "pci",
    .get_status = vq_pci_get_status,
    .set_status = vq_pci_set_status,
    .get_features = pci_get_features,
    .set_features = pci_set_features,
    .config_size = pci_config_size,
    .config_generation = pci_config_generation,
    .read_config = pci_read_config,
    .write_config = pci_write_config,
    .queue_constraints = pci_queue_constraints,
    .queue_enable = pci_queue_enable,
    .queue_reset = pci_queue_reset,
    .notify = pci_notify,
    .wait = vq_pci_wait,
    .take_events = vq_pci_take_events,
};

static const struct vq_pci_offsets modern_offsets = {
    .status = VQ_PCI_COMMON_STATUS,
    .queue_select = VQ_PCI_COMMON_QUEUE_SELECT,
    .queue_size = VQ_PCI_COMMON_QUEUE_SIZE,
    .queue_vector = VQ_PCI_COMMON_QUEUE_VECTOR,
    .config_vector = VQ_PCI_COMMON_CONFIG_VECTOR,
};

bool vq_pci_driver_is_legacy(const struct vq_pci_driver *p)
{
    return VQ_WITH_LEGACY && p->transport.ops != &pci_modern_ops;
}

/* What needs registers that the first devices do not have is negotiated only if they are there. */
static enum vq_error modern_init(struct vq_pci_driver *p)
{
    uint32_t common = vq_pci_window_of(p, VQ_PCI_CAP_COMMON)->bytes;
    if (common == 0 || vq_pci_window_of(p, VQ_PCI_CAP_NOTIFY)->bytes == 0)
        return VQ_ERR_UNSUPPORTED;
    p->transport.ops = &pci_modern_ops;
    p->at = &modern_offsets;
    if (common >= VQ_PCI_COMMON_QUEUE_NOTIFY_DATA + 2)
        vq_feature_set(&p->transport.supported, VQ_F_NOTIF_CONFIG_DATA);
    if (common >= VQ_PCI_COMMON_QUEUE_RESET + 2)
        vq_feature_set(&p->transport.supported, VQ_F_RING_RESET);
    return VQ_OK;
}

enum vq_error vq_pci_driver_init(struct vq_pci_driver *p, const struct vq_pci_driver_config *config)
{
    struct vq_pci_driver_id id;
    if ((config->space.base == NULL && config->space.bus == NULL) || config->queues == NULL ||
        config->queue_count == 0)
        return VQ_ERR_INVALID;
    enum vq_error error = vq_pci_driver_probe(&config->space, &id);
    if (error != VQ_OK)
        return error;
    *p = (struct vq_pci_driver){
        .transport =
            {
                .device_id = id.type,
                .supported = vq_transport_common_features(),
                .legacy_big_endian = VQ_HOST_BIG,
            },
        .config = *config,
    };
    forget_queues(p);
    vq_pci_find_windows(p); /* PCILEG-DRV-DETECT-01, -03 */
    error = config->interface != VQ_PCI_ONLY_LEGACY ? modern_init(p) : VQ_ERR_UNSUPPORTED;
#if VQ_WITH_LEGACY
    if (error != VQ_OK && config->interface != VQ_PCI_ONLY_MODERN && id.transitional &&
        id.revision == 0)
        error = vq_pci_legacy_init(p);
#endif
    return error;
}
