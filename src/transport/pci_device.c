/*
 * One PCI function: its configuration space, made once and then written through a
 * mask, and the sorting of accesses to its BARs.
 *
 * Each access is bounded here, before any register sees it. The configuration access
 * capability is a way to the same registers, with the same bounds; it cannot reach the
 * configuration space, so nothing is entered twice.
 */
#include "pci_device.h"

#define CAPABILITIES 0x40u /* where the list begins */
#define SHARED_MAX   3u
#define TYPE_MAX     0x3fu /* of modern device ids */
#define COMMAND_BITS                                                                               \
    (VQ_PCI_COMMAND_IO | VQ_PCI_COMMAND_MEMORY | VQ_PCI_COMMAND_MASTER | VQ_PCI_COMMAND_INTX_OFF)

/* By device type. */
static const struct identity {
    uint8_t type;
    uint8_t transitional; /* + 0x1000; 0xff: none */
    uint32_t class_code;
} identities[] = {
    {1, 0, 0x020000}, {2, 1, 0x010000},     {3, 3, 0x078000},
    {4, 5, 0x00ff00}, {5, 2, 0x00ff00},     {8, 4, 0x010000},
    {9, 9, 0x00ff00}, {16, 0xff, 0x038000}, {19, 0xff, 0x028000},
};

static struct identity identity_of(uint16_t type)
{
    for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++)
        if (identities[i].type == type)
            return identities[i];
    return (struct identity){0, 0xff, 0x00ff00};
}

uint64_t vq_pci_fields_read(struct vq_pci_device *d, const struct vq_pci_field *fields,
                            size_t count, uint64_t offset, unsigned bytes)
{
    uint8_t out[VQ_REGISTER_BYTES] = {0};
    for (size_t i = 0; i < count; i++) {
        const struct vq_pci_field *f = &fields[i];
        if (f->read == NULL || offset >= (uint64_t)f->offset + f->bytes ||
            f->offset >= offset + bytes)
            continue;
        uint32_t value = f->read(d);
        for (unsigned b = 0; b < f->bytes; b++, value >>= 8)
            if (f->offset + b >= offset && f->offset + b < offset + bytes)
                out[f->offset + b - (unsigned)offset] = (uint8_t)value;
    }
    return vq_value_of(out);
}

void vq_pci_fields_write(struct vq_pci_device *d, const struct vq_pci_field *fields, size_t count,
                         uint64_t offset, unsigned bytes, uint64_t value)
{
    uint8_t in[VQ_REGISTER_BYTES];
    vq_bytes_of(in, value);
    for (size_t i = 0; i < count; i++) {
        const struct vq_pci_field *f = &fields[i];
        uint32_t one = 0;
        if (f->write == NULL || f->offset < offset ||
            (uint64_t)f->offset + f->bytes > offset + bytes)
            continue;
        for (unsigned b = 0; b < f->bytes; b++)
            one |= (uint32_t)in[f->offset + b - (unsigned)offset] << (8 * b);
        f->write(d, one);
    }
}

uint32_t vq_pci_read_status(struct vq_pci_device *d)
{
    return vq_model_status(&d->state);
}

uint32_t vq_pci_read_queue_select(struct vq_pci_device *d)
{
    return d->queue_select;
}

void vq_pci_write_queue_select(struct vq_pci_device *d, uint32_t value)
{
    d->queue_select = (uint16_t)value;
}

void vq_pci_update_memory_access(struct vq_pci_device *d)
{
    bool master = (vq_pci_get16(d, VQ_PCI_COMMAND) & VQ_PCI_COMMAND_MASTER) != 0;
    bool legacy = d->claimed && d->state.interface == VQ_INTERFACE_LEGACY;
    vq_model_set_memory_access(&d->state, master || legacy);
}

void vq_pci_look_by(struct vq_pci_device *d, enum vq_interface interface)
{
    if (!d->claimed)
        d->state.interface = interface;
}

bool vq_pci_claim(struct vq_pci_device *d, enum vq_interface interface)
{
    if (d->claimed)
        return d->state.interface == interface;
    d->state.interface = interface;
    d->claimed = true;
    vq_pci_update_memory_access(d);
    return true;
}

uint64_t vq_pci_device_bar_read(struct vq_pci_device *d, unsigned bar, uint64_t offset,
                                unsigned bytes)
{
    if (bytes == 0 || bytes > VQ_REGISTER_BYTES || bar >= VQ_PCI_BARS ||
        offset >= d->bar_bytes[bar] || d->gone)
        return 0;
    uint64_t value = 0;
    if (bar == VQ_PCI_DEVICE_BAR_MODERN)
        value = vq_pci_modern_read(d, offset, bytes);
    else if (bar == VQ_PCI_DEVICE_BAR_LEGACY)
        value = vq_pci_legacy_read(d, offset, bytes);
    else if (bar == VQ_PCI_DEVICE_BAR_MSIX)
        value = vq_pci_msix_read(d, offset, bytes);
    return value;
}

void vq_pci_device_bar_write(struct vq_pci_device *d, unsigned bar, uint64_t offset, unsigned bytes,
                             uint64_t value)
{
    if (bytes == 0 || bytes > VQ_REGISTER_BYTES || bar >= VQ_PCI_BARS ||
        offset >= d->bar_bytes[bar] || d->gone)
        return;
    if (bar == VQ_PCI_DEVICE_BAR_MODERN)
        vq_pci_modern_write(d, offset, bytes, value);
    else if (bar == VQ_PCI_DEVICE_BAR_LEGACY)
        vq_pci_legacy_write(d, offset, bytes, value);
    else if (bar == VQ_PCI_DEVICE_BAR_MSIX)
        vq_pci_msix_write(d, offset, bytes, value);
}

/* What the configuration access capability points at: how many bytes, 0 if it makes no sense. */
static unsigned window(const struct vq_pci_device *d, unsigned *bar, uint64_t *offset)
{
    uint32_t bytes = vq_pci_get32(d, d->access + VQ_PCI_CAP_LENGTH);
    *bar = d->space[d->access + VQ_PCI_CAP_BAR];
    *offset = vq_pci_get32(d, d->access + VQ_PCI_CAP_OFFSET);
    return bytes == 1 || bytes == 2 || bytes == 4 ? bytes : 0; /* BUG-55 */
}

static void window_read(struct vq_pci_device *d)
{
    uint8_t *data = &d->space[d->access + VQ_PCI_CAP_DATA];
    unsigned bar = 0;
    uint64_t offset = 0;
    unsigned bytes = window(d, &bar, &offset);
    uint64_t value = vq_pci_device_bar_read(d, bar, offset, bytes);
    for (unsigned i = 0; i < 4; i++)
        data[i] = i < bytes ? (uint8_t)((uint32_t)value >> (8 * i)) : 0;
}

static void window_write(struct vq_pci_device *d)
{
    unsigned bar = 0;
    uint64_t offset = 0;
    unsigned bytes = window(d, &bar, &offset);
    uint32_t value = vq_pci_get32(d, d->access + VQ_PCI_CAP_DATA);
    if (bytes < 4)
        value &= (UINT32_C(1) << (8 * bytes)) - 1;
    vq_pci_device_bar_write(d, bar, offset, bytes, value);
}

/* Does [offset, offset + bytes) have anything of [at, at + count)? */
static bool touches(uint32_t offset, unsigned bytes, uint32_t at, unsigned count)
{
    return offset < at + count && at < offset + bytes;
}

uint32_t vq_pci_device_config_read(struct vq_pci_device *d, uint32_t offset, unsigned bytes)
{
    uint32_t value = 0;
    if (bytes == 0 || bytes > 4 || offset >= VQ_PCI_CONFIG_BYTES)
        return 0;
    if (d->access != 0 && touches(offset, bytes, d->access + VQ_PCI_CAP_DATA, 4u))
        window_read(d);
    for (unsigned i = 0; i < bytes && offset + i < VQ_PCI_CONFIG_BYTES; i++) {
        uint32_t byte = d->space[offset + i];
        if (offset + i == VQ_PCI_STATUS && d->isr != 0 && !vq_pci_msix_on(d))
            byte |= VQ_PCI_STATUS_INTERRUPT; /* PCI-DEV-ISR-04 */
        value |= byte << (8 * i);
    }
    return value;
}

void vq_pci_device_config_write(struct vq_pci_device *d, uint32_t offset, unsigned bytes,
                                uint32_t value)
{
    if (bytes == 0 || bytes > 4 || offset >= VQ_PCI_CONFIG_BYTES)
        return;
    for (unsigned i = 0; i < bytes && offset + i < VQ_PCI_CONFIG_BYTES; i++) {
        uint8_t *byte = &d->space[offset + i];
        uint8_t mask = d->mask[offset + i];
        *byte = (uint8_t)((*byte & ~mask) | ((value >> (8 * i)) & mask));
    }
    if (d->access != 0 && touches(offset, bytes, d->access + VQ_PCI_CAP_DATA, 4u))
        window_write(d);
    vq_pci_update_memory_access(d);
    vq_pci_update_interrupts(d);
    if (d->config.moved != NULL && (touches(offset, bytes, VQ_PCI_COMMAND, 2u) ||
                                    touches(offset, bytes, VQ_PCI_BAR0, 4u * VQ_PCI_BARS)))
        d->config.moved(d->config.context);
}

bool vq_pci_device_bar(const struct vq_pci_device *d, unsigned bar, struct vq_pci_bar *out)
{
    if (bar >= VQ_PCI_BARS || d->bar_bytes[bar] == 0)
        return false;
    uint32_t low = vq_pci_get32(d, VQ_PCI_BAR0 + 4 * bar);
    uint32_t high = (low & (VQ_PCI_BAR_IO | VQ_PCI_BAR_64)) == VQ_PCI_BAR_64
                        ? vq_pci_get32(d, VQ_PCI_BAR0 + 4 * bar + 4)
                        : 0;
    out->io = (low & VQ_PCI_BAR_IO) != 0;
    out->address = (low & ~(out->io ? 3u : 15u)) | (uint64_t)high << 32;
    out->bytes = d->bar_bytes[bar];
    out->decoded = (vq_pci_get16(d, VQ_PCI_COMMAND) &
                    (out->io ? VQ_PCI_COMMAND_IO : VQ_PCI_COMMAND_MEMORY)) != 0;
    return true;
}

bool vq_pci_device_decode(const struct vq_pci_device *d, bool io, uint64_t address, unsigned bytes,
                          unsigned *bar, uint64_t *offset)
{
    struct vq_pci_bar b;
    for (unsigned i = 0; i < VQ_PCI_BARS; i++) {
        if (!vq_pci_device_bar(d, i, &b) || !b.decoded || b.io != io || address < b.address)
            continue;
        uint64_t at = address - b.address;
        if (at >= b.bytes || bytes > b.bytes - at)
            continue;
        *bar = i;
        *offset = at;
        return true;
    }
    return false;
}

/* Making the configuration space. */

static void pci_put(struct vq_pci_device *d, unsigned at, unsigned bytes, uint32_t value)
{
    for (unsigned i = 0; i < bytes; i++)
        d->space[at + i] = (uint8_t)(value >> (8 * i));
}

static void allow(struct vq_pci_device *d, unsigned at, unsigned bytes, uint32_t bits)
{
    for (unsigned i = 0; i < bytes; i++)
        d->mask[at + i] = (uint8_t)(bits >> (8 * i));
}

/* `bytes` is a power of two, or 0 for none. */
static void add_bar(struct vq_pci_device *d, unsigned bar, uint64_t bytes, uint32_t kind)
{
    uint64_t mask = ~(bytes - 1);
    unsigned at = VQ_PCI_BAR0 + 4 * bar;
    d->bar_bytes[bar] = bytes;
    if (bytes == 0)
        return;
    pci_put(d, at, 4, kind);
    allow(d, at, 4, (uint32_t)mask & ~(kind == VQ_PCI_BAR_IO ? 3u : 15u));
    if ((kind & VQ_PCI_BAR_64) != 0)
        allow(d, at + 4, 4, (uint32_t)(mask >> 32));
}

/* Puts a capability before those that are there; returns where. */
static unsigned add_capability(struct vq_pci_device *d, unsigned *end, uint8_t id, uint8_t bytes)
{
    unsigned at = *end;
    pci_put(d, at + VQ_PCI_CAP_ID, 1, id);
    pci_put(d, at + VQ_PCI_CAP_NEXT, 1, d->space[VQ_PCI_CAPABILITIES]);
    pci_put(d, VQ_PCI_CAPABILITIES, 1, at);
    *end = at + ((bytes + 3u) & ~3u);
    return at;
}

static unsigned add_region(struct vq_pci_device *d, unsigned *end, enum vq_pci_cap type,
                           uint8_t bytes, uint32_t offset, uint32_t length)
{
    unsigned at = add_capability(d, end, VQ_PCI_CAP_ID_VENDOR, bytes);
    pci_put(d, at + VQ_PCI_CAP_LEN, 1, bytes);
    pci_put(d, at + VQ_PCI_CAP_TYPE, 1, type);
    pci_put(d, at + VQ_PCI_CAP_BAR, 1, VQ_PCI_DEVICE_BAR_MODERN);
    pci_put(d, at + VQ_PCI_CAP_OFFSET, 4, offset);
    pci_put(d, at + VQ_PCI_CAP_LENGTH, 4, length);
    return at;
}

static void add_msix(struct vq_pci_device *d, unsigned *end)
{
    uint32_t table_size = d->config.vector_count - 1u; /* PCI-DEV-MSIX-02 */
    unsigned at = add_capability(d, end, VQ_PCI_CAP_ID_MSIX, VQ_PCI_MSIX_CAP_BYTES);
    pci_put(d, at + VQ_PCI_MSIX_CONTROL, 2, table_size);
    allow(d, at + VQ_PCI_MSIX_CONTROL, 2, VQ_PCI_MSIX_ENABLE | VQ_PCI_MSIX_MASK);
    pci_put(d, at + VQ_PCI_MSIX_TABLE, 4, VQ_PCI_DEVICE_BAR_MSIX);
    pci_put(d, at + VQ_PCI_MSIX_PENDING, 4,
            VQ_PCI_DEVICE_BAR_MSIX + (uint32_t)(vq_pci_msix_bytes(d) / 2));
    d->msix = (uint8_t)at;
}

static void add_shared(struct vq_pci_device *d, unsigned *end)
{
    for (unsigned i = 0; i < d->config.shared_count; i++) {
        const struct vq_shared_memory *m = &d->config.shared[i];
        unsigned at = add_region(d, end, VQ_PCI_CAP_SHARED, VQ_PCI_CAP_BYTES + 8, (uint32_t)m->base,
                                 (uint32_t)m->bytes);
        pci_put(d, at + VQ_PCI_CAP_BAR, 1, VQ_PCI_DEVICE_BAR_SHARED);
        pci_put(d, at + VQ_PCI_CAP_REGION, 1, m->id);
        pci_put(d, at + VQ_PCI_CAP_OFFSET_HIGH, 4, (uint32_t)(m->base >> 32));
        pci_put(d, at + VQ_PCI_CAP_LENGTH_HIGH, 4, (uint32_t)(m->bytes >> 32));
    }
}

static unsigned vendor_bytes(const struct vq_pci_vendor_data *v)
{
    return VQ_PCI_CAP_VENDOR_DATA + (unsigned)v->bytes;
}

static void add_vendor_data(struct vq_pci_device *d, unsigned *end)
{
    for (unsigned i = d->config.vendor_count; i-- > 0;) {
        const struct vq_pci_vendor_data *v = &d->config.vendor[i];
        uint8_t bytes = (uint8_t)vendor_bytes(v);
        unsigned at = add_capability(d, end, VQ_PCI_CAP_ID_VENDOR, bytes);
        pci_put(d, at + VQ_PCI_CAP_LEN, 1, bytes);
        pci_put(d, at + VQ_PCI_CAP_TYPE, 1, VQ_PCI_CAP_VENDOR);
        pci_put(d, at + VQ_PCI_CAP_VENDOR_ID, 2, v->vendor_id);
        for (unsigned k = 0; k < v->bytes; k++)
            d->space[at + VQ_PCI_CAP_VENDOR_DATA + k] = v->data[k];
    }
}

/* The list is found in the opposite order. */
static void add_capabilities(struct vq_pci_device *d)
{
    unsigned end = CAPABILITIES;
    uint32_t config = vq_model_config_size(&d->state);
    if (d->config.vector_count != 0)
        add_msix(d, &end);
    if (d->config.kind != VQ_PCI_LEGACY) {
        uint32_t queues = vq_model_queue_count(&d->state);
        add_vendor_data(d, &end);
        add_shared(d, &end);
        d->access = (uint8_t)add_region(d, &end, VQ_PCI_CAP_ACCESS, VQ_PCI_CAP_BYTES + 4, 0, 0);
        pci_put(d, d->access + VQ_PCI_CAP_BAR, 1, 0);
        allow(d, d->access + VQ_PCI_CAP_BAR, 1, 0xff);
        allow(d, d->access + VQ_PCI_CAP_OFFSET, 4, UINT32_MAX);
        allow(d, d->access + VQ_PCI_CAP_LENGTH, 4, UINT32_MAX);
        allow(d, d->access + VQ_PCI_CAP_DATA, 4, UINT32_MAX);
        unsigned notify = add_region(d, &end, VQ_PCI_CAP_NOTIFY, VQ_PCI_CAP_BYTES + 4,
                                     VQ_PCI_AT_NOTIFY, queues << VQ_PCI_NOTIFY_SHIFT);
        pci_put(d, notify + VQ_PCI_CAP_MULTIPLIER, 4, 1u << VQ_PCI_NOTIFY_SHIFT);
        if (config != 0)
            (void)add_region(d, &end, VQ_PCI_CAP_DEVICE, VQ_PCI_CAP_BYTES, VQ_PCI_AT_DEVICE,
                             config < VQ_PCI_AT_NOTIFY - VQ_PCI_AT_DEVICE
                                 ? config
                                 : VQ_PCI_AT_NOTIFY - VQ_PCI_AT_DEVICE);
        (void)add_region(d, &end, VQ_PCI_CAP_ISR, VQ_PCI_CAP_BYTES, VQ_PCI_AT_ISR, 1);
        (void)add_region(d, &end, VQ_PCI_CAP_COMMON, VQ_PCI_CAP_BYTES, VQ_PCI_AT_COMMON,
                         VQ_PCI_COMMON_BYTES);
    }
    if (end != CAPABILITIES)
        pci_put(d, VQ_PCI_STATUS, 2, VQ_PCI_STATUS_CAPABILITIES);
}

static void add_header(struct vq_pci_device *d)
{
    const struct vq_pci_device_config *c = &d->config;
    uint16_t type = vq_model_of(&d->state)->ops->device_id;
    struct identity identity = identity_of(type);
    bool modern = c->kind == VQ_PCI_MODERN;
    uint32_t id = modern ? VQ_PCI_DEVICE_MODERN + (uint32_t)type
                         : VQ_PCI_DEVICE_TRANSITIONAL + (uint32_t)identity.transitional;

    pci_put(d, VQ_PCI_VENDOR_ID, 2, VQ_PCI_VENDOR);
    pci_put(d, VQ_PCI_DEVICE_ID, 2, id);
    pci_put(d, VQ_PCI_CLASS, 3, c->class_code != 0 ? c->class_code : identity.class_code);
    pci_put(d, VQ_PCI_INTERRUPT_PIN, 1, 1);
    if (modern) {
        pci_put(d, VQ_PCI_REVISION, 1, c->revision != 0 ? c->revision : 1);
        pci_put(d, VQ_PCI_SUBSYSTEM_VENDOR, 2,
                c->subsystem_vendor != 0 ? c->subsystem_vendor : VQ_PCI_VENDOR);
        pci_put(d, VQ_PCI_SUBSYSTEM_ID, 2, c->subsystem_id != 0 ? c->subsystem_id : id);
    } else { /* PCILEG-DEV-DISC-01, -02 */
        pci_put(d, VQ_PCI_SUBSYSTEM_VENDOR, 2, VQ_PCI_VENDOR);
        pci_put(d, VQ_PCI_SUBSYSTEM_ID, 2, type);
    }
    allow(d, VQ_PCI_COMMAND, 2, COMMAND_BITS);
    allow(d, VQ_PCI_CACHE_LINE, 1, 0xff);
    allow(d, VQ_PCI_INTERRUPT_LINE, 1, 0xff);
    add_bar(d, VQ_PCI_DEVICE_BAR_LEGACY, vq_pci_legacy_bytes(d), VQ_PCI_BAR_IO);
    add_bar(d, VQ_PCI_DEVICE_BAR_MSIX, vq_pci_msix_bytes(d), 0);
    if (c->kind != VQ_PCI_LEGACY) {
        add_bar(d, VQ_PCI_DEVICE_BAR_SHARED, c->shared_count != 0 ? c->shared_bar_bytes : 0,
                VQ_PCI_BAR_64 | VQ_PCI_BAR_PREFETCH);
        add_bar(d, VQ_PCI_DEVICE_BAR_MODERN, vq_pci_modern_bytes(d), VQ_PCI_BAR_64);
    }
}

static void make_space(struct vq_pci_device *d)
{
    for (unsigned i = 0; i < VQ_PCI_CONFIG_BYTES; i++)
        d->space[i] = d->mask[i] = 0;
    for (unsigned i = 0; i < d->config.vector_count; i++)
        d->config.vectors[i] = (struct vq_pci_vector){.masked = true};
    add_header(d);
    add_capabilities(d);
    d->gone = false;
}

void vq_pci_device_bus_reset(struct vq_pci_device *d)
{
    vq_model_set_status(&d->state, 0);
    make_space(d);
    vq_pci_update_memory_access(d);
    vq_pci_forget_interrupts(d);
}

static bool shared_makes_sense(const struct vq_pci_device_config *c)
{
    uint64_t all = c->shared_bar_bytes;
    if (c->shared_count == 0)
        return true;
    if (c->shared == NULL || c->shared_count > SHARED_MAX || all < 4096 || (all & (all - 1)) != 0 ||
        c->kind == VQ_PCI_LEGACY)
        return false;
    for (unsigned i = 0; i < c->shared_count; i++) {
        const struct vq_shared_memory *m = &c->shared[i];
        if (m->base > all || m->bytes > all - m->base) /* PCI-DEV-SHM-01 */
            return false;
        for (unsigned k = 0; k < i; k++)
            if (c->shared[k].id == m->id)
                return false;
    }
    return true;
}

/* All capabilities must fit, and vendors say what only they may. */
static bool vendors_make_sense(const struct vq_pci_device_config *c)
{
    unsigned room = VQ_PCI_CONFIG_BYTES - CAPABILITIES - VQ_PCI_MSIX_CAP_BYTES -
                    5u * VQ_PCI_CAP_BYTES - 8u - c->shared_count * (VQ_PCI_CAP_BYTES + 8u);
    if (c->vendor_count != 0 && (c->vendor == NULL || c->kind == VQ_PCI_LEGACY))
        return false;
    for (unsigned i = 0; i < c->vendor_count; i++) {
        const struct vq_pci_vendor_data *v = &c->vendor[i];
        if (v->vendor_id == VQ_PCI_VENDOR || (v->bytes != 0 && v->data == NULL) ||
            (vendor_bytes(v) & 3u) != 0 || vendor_bytes(v) > room)
            return false;
        room -= vendor_bytes(v);
    }
    return true;
}

enum vq_error vq_pci_device_init(struct vq_pci_device *d, const struct vq_pci_device_config *config)
{
    const struct vq_pci_device_config *c = config;
    if (c->device.model == NULL || c->vector_count == 1 ||
        c->vector_count > VQ_PCI_MSIX_VECTORS_MAX ||
        (c->vector_count != 0 && (c->vectors == NULL || c->message == NULL)) ||
        (c->subsystem_id != 0 && c->subsystem_id < 0x40) || !shared_makes_sense(c) ||
        !vendors_make_sense(c))
        return VQ_ERR_INVALID;
    uint16_t type = c->device.model->ops->device_id;
    if (c->kind == VQ_PCI_MODERN ? type > TYPE_MAX : identity_of(type).transitional == 0xff)
        return VQ_ERR_UNSUPPORTED;
    *d = (struct vq_pci_device){.config = *c};
    enum vq_error error = vq_model_state_init(
        &d->state, &c->device, c->kind == VQ_PCI_LEGACY ? VQ_INTERFACE_LEGACY : VQ_INTERFACE_MODERN,
        &vq_pci_front, d);
    if (error != VQ_OK)
        return error;
    make_space(d);
    vq_pci_forget_interrupts(d);
    vq_pci_update_memory_access(d);
    return VQ_OK;
}
