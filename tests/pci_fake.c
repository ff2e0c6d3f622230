/*
 * The function that pci_fake.h promises. What no driver may do ends the test.
 */
#include "pci_fake.h"

void fake_put(struct fake *f, uint32_t at, unsigned bytes, uint64_t value)
{
    for (unsigned i = 0; i < bytes; i++)
        f->space[at + i] = (uint8_t)(value >> 8 * i);
}

void fake_set_up(struct fake *f, uint16_t device_id, uint8_t revision, uint64_t features)
{
    memset(f, 0, sizeof(*f));
    fake_put(f, VQ_PCI_VENDOR_ID, 2, VQ_PCI_VENDOR);
    fake_put(f, VQ_PCI_DEVICE_ID, 2, device_id);
    fake_put(f, VQ_PCI_STATUS, 2, VQ_PCI_STATUS_CAPABILITIES);
    fake_put(f, VQ_PCI_REVISION, 1, revision);
    f->caps = 0x40;
    f->last_next = VQ_PCI_CAPABILITIES;
    f->offered[0] = (uint32_t)features;
    f->offered[1] = (uint32_t)(features >> 32);
    f->num_queues = FAKE_QUEUES;
    f->vectors_taken = UINT32_MAX;
    f->mappable = 0x3f;
    f->config_vector = VQ_MSI_NO_VECTOR;
    for (unsigned i = 0; i < FAKE_QUEUES; i++)
        f->queue[i] = (struct fake_queue){.size_max = FAKE_SIZE,
                                          .vector = VQ_MSI_NO_VECTOR,
                                          .notify_off = i,
                                          .notify_data = 0x70 + i};
}

uint32_t fake_add(struct fake *f, uint8_t type, uint8_t bytes, uint8_t bar, uint32_t offset,
                  uint32_t length)
{
    uint32_t at = f->caps;
    fake_put(f, f->last_next, 1, at);
    fake_put(f, at + VQ_PCI_CAP_ID, 1, VQ_PCI_CAP_ID_VENDOR);
    fake_put(f, at + VQ_PCI_CAP_LEN, 1, bytes);
    fake_put(f, at + VQ_PCI_CAP_TYPE, 1, type);
    fake_put(f, at + VQ_PCI_CAP_BAR, 1, bar);
    fake_put(f, at + VQ_PCI_CAP_OFFSET, 4, offset);
    fake_put(f, at + VQ_PCI_CAP_LENGTH, 4, length);
    f->last_next = at + VQ_PCI_CAP_NEXT;
    f->caps += (bytes + 3u) & ~3u;
    return at;
}

void fake_add_modern(struct fake *f, uint32_t multiplier)
{
    uint32_t at;
    (void)fake_add(f, VQ_PCI_CAP_COMMON, 16, 4, 0x1000, 0x1000);
    (void)fake_add(f, VQ_PCI_CAP_ISR, 16, 4, 0x2000, 0x1000);
    (void)fake_add(f, VQ_PCI_CAP_DEVICE, 16, 4, 0x3000, FAKE_CONFIG);
    at = fake_add(f, VQ_PCI_CAP_NOTIFY, 20, 4, 0x4000, 0x1000000);
    fake_put(f, at + VQ_PCI_CAP_MULTIPLIER, 4, multiplier);
    (void)fake_add(f, VQ_PCI_CAP_ACCESS, 20, 0, 0, 0);
}

void fake_add_msix(struct fake *f, uint16_t vectors, bool enabled)
{
    fake_put(f, f->last_next, 1, FAKE_MSIX_AT);
    fake_put(f, FAKE_MSIX_AT, 1, VQ_PCI_CAP_ID_MSIX);
    fake_put(f, FAKE_MSIX_AT + VQ_PCI_MSIX_CONTROL, 2,
             (vectors - 1u) | (enabled ? (unsigned)VQ_PCI_MSIX_ENABLE : 0u));
    f->last_next = FAKE_MSIX_AT + VQ_PCI_CAP_NEXT;
}

/* --- BARs ---------------------------------------------------------------------------- */

static bool msix_on(const struct fake *f)
{
    return f->space[FAKE_MSIX_AT] == VQ_PCI_CAP_ID_MSIX &&
           (f->space[FAKE_MSIX_AT + VQ_PCI_MSIX_CONTROL + 1] & 0x80) != 0;
}

static struct fake_queue *selected(struct fake *f)
{
    static struct fake_queue none;
    none = (struct fake_queue){.vector = VQ_MSI_NO_VECTOR};
    return f->queue_sel < f->num_queues && f->queue_sel < FAKE_QUEUES ? &f->queue[f->queue_sel]
                                                                      : &none;
}

static uint32_t slowly(struct fake *f, uint32_t *value)
{
    if (*value != 0 && f->slow_left != 0 && --f->slow_left == 0)
        *value = 0;
    return *value;
}

static void reset(struct fake *f)
{
    memset(f->accepted, 0, sizeof(f->accepted));
    f->config_vector = VQ_MSI_NO_VECTOR;
    for (unsigned i = 0; i < FAKE_QUEUES; i++) {
        struct fake_queue *q = &f->queue[i];
        *q = (struct fake_queue){.size_max = q->size_max,
                                 .vector = VQ_MSI_NO_VECTOR,
                                 .notify_off = q->notify_off,
                                 .notify_data = q->notify_data};
    }
    f->slow_left = f->slow;
    f->status = f->slow != 0 ? f->status : 0;
}

static uint32_t take_vector(const struct fake *f, uint32_t vector)
{
    return vector < 32 && (f->vectors_taken >> vector & 1) != 0 ? vector : VQ_MSI_NO_VECTOR;
}

static uint32_t read_bytes(const uint8_t *from, unsigned bytes)
{
    uint32_t value = 0;
    while (bytes-- != 0)
        value = value << 8 | from[bytes];
    return value;
}

/* The width of a field; 0 where there is none that may be read. */
static unsigned common_width(uint32_t at)
{
    if (at < VQ_PCI_COMMON_CONFIG_VECTOR ||
        (at >= VQ_PCI_COMMON_QUEUE_DESC && at < VQ_PCI_COMMON_QUEUE_NOTIFY_DATA))
        return 4;
    return at == VQ_PCI_COMMON_STATUS || at == VQ_PCI_COMMON_GENERATION ? 1 : 2;
}

static uint32_t read_common(struct fake *f, uint32_t at)
{
    struct fake_queue *q = selected(f);
    switch (at) {
    case VQ_PCI_COMMON_DEVICE_FEATURE:
        return f->device_sel < 4 ? f->offered[f->device_sel] : 0;
    case VQ_PCI_COMMON_CONFIG_VECTOR:
        return f->config_vector;
    case VQ_PCI_COMMON_NUM_QUEUES:
        return f->num_queues;
    case VQ_PCI_COMMON_STATUS:
        return slowly(f, &f->status);
    case VQ_PCI_COMMON_GENERATION:
        return f->generation;
    case VQ_PCI_COMMON_QUEUE_SIZE:
        return q->size != 0 ? q->size : q->size_max;
    case VQ_PCI_COMMON_QUEUE_VECTOR:
        return q->vector;
    case VQ_PCI_COMMON_QUEUE_ENABLE:
        return q->enabled;
    case VQ_PCI_COMMON_QUEUE_NOTIFY_OFF:
        return q->notify_off;
    case VQ_PCI_COMMON_QUEUE_NOTIFY_DATA:
        return q->notify_data;
    case VQ_PCI_COMMON_QUEUE_RESET:
        return slowly(f, &q->reset);
    default:
        fail_msg("read of the common configuration at %#x", at);
        return 0;
    }
}

static void write_common(struct fake *f, uint32_t at, uint32_t value)
{
    struct fake_queue *q = selected(f);
    switch (at) {
    case VQ_PCI_COMMON_DEVICE_FEATURE_SELECT:
        f->device_sel = value;
        return;
    case VQ_PCI_COMMON_DRIVER_FEATURE_SELECT:
        f->driver_sel = value;
        return;
    case VQ_PCI_COMMON_DRIVER_FEATURE:
        assert_true(f->driver_sel < 4);
        f->accepted[f->driver_sel] = value;
        return;
    case VQ_PCI_COMMON_CONFIG_VECTOR:
        f->config_vector = take_vector(f, value);
        return;
    case VQ_PCI_COMMON_STATUS:
        if (value == 0)
            reset(f);
        else
            f->status = value;
        return;
    case VQ_PCI_COMMON_QUEUE_SELECT:
        f->queue_sel = value;
        return;
    case VQ_PCI_COMMON_QUEUE_SIZE:
        assert_int_equal(q->enabled, 0);
        q->size = value;
        return;
    case VQ_PCI_COMMON_QUEUE_VECTOR:
        assert_int_equal(q->enabled, 0);
        q->vector = take_vector(f, value);
        return;
    case VQ_PCI_COMMON_QUEUE_ENABLE:
        q->enabled = value;
        return;
    case VQ_PCI_COMMON_QUEUE_RESET:
        *q = (struct fake_queue){.size_max = q->size_max,
                                 .vector = VQ_MSI_NO_VECTOR,
                                 .notify_off = q->notify_off,
                                 .reset = f->slow != 0};
        f->slow_left = f->slow;
        return;
    default:
        if (at >= VQ_PCI_COMMON_QUEUE_DESC && at < VQ_PCI_COMMON_QUEUE_NOTIFY_DATA) {
            assert_int_equal(q->enabled, 0);
            q->address[(at - VQ_PCI_COMMON_QUEUE_DESC) / 4] = value;
            return;
        }
        fail_msg("write of the common configuration at %#x", at); /* PCI-DRV-COMMON-01 */
    }
}

static uint32_t read_legacy(struct fake *f, uint32_t at, unsigned bytes)
{
    struct fake_queue *q = selected(f);
    uint32_t config = msix_on(f) ? VQ_PCI_LEGACY_CONFIG_MSIX : VQ_PCI_LEGACY_CONFIG;
    if (at >= config) {
        assert_true(at - config + bytes <= FAKE_CONFIG);
        return read_bytes(f->config + (at - config), bytes);
    }
    switch (at) {
    case VQ_PCI_LEGACY_DEVICE_FEATURES:
        assert_int_equal(bytes, 4);
        return f->offered[0];
    case VQ_PCI_LEGACY_QUEUE_PFN:
        assert_int_equal(bytes, 4);
        return q->pfn;
    case VQ_PCI_LEGACY_QUEUE_SIZE:
        assert_int_equal(bytes, 2);
        return q->size_max;
    case VQ_PCI_LEGACY_STATUS:
        assert_int_equal(bytes, 1);
        return slowly(f, &f->status);
    case VQ_PCI_LEGACY_ISR:
        assert_int_equal(bytes, 1);
        return f->isr;
    case VQ_PCI_LEGACY_CONFIG_VECTOR:
        assert_int_equal(bytes, 2);
        return f->config_vector;
    case VQ_PCI_LEGACY_QUEUE_VECTOR:
        assert_int_equal(bytes, 2);
        return q->vector;
    default:
        fail_msg("read of the legacy registers at %#x", at);
        return 0;
    }
}

static void write_legacy(struct fake *f, uint32_t at, unsigned bytes, uint32_t value)
{
    struct fake_queue *q = selected(f);
    uint32_t config = msix_on(f) ? VQ_PCI_LEGACY_CONFIG_MSIX : VQ_PCI_LEGACY_CONFIG;
    if (at >= config) {
        assert_true(at - config + bytes <= FAKE_CONFIG);
        for (unsigned i = 0; i < bytes; i++)
            f->config[at - config + i] = (uint8_t)(value >> 8 * i);
        return;
    }
    switch (at) {
    case VQ_PCI_LEGACY_DRIVER_FEATURES:
        assert_int_equal(bytes, 4);
        f->accepted[0] = value;
        return;
    case VQ_PCI_LEGACY_QUEUE_PFN:
        assert_int_equal(bytes, 4);
        q->pfn = value;
        return;
    case VQ_PCI_LEGACY_QUEUE_SELECT:
        assert_int_equal(bytes, 2);
        f->queue_sel = value;
        return;
    case VQ_PCI_LEGACY_QUEUE_NOTIFY:
        assert_int_equal(bytes, 2);
        return;
    case VQ_PCI_LEGACY_STATUS:
        assert_int_equal(bytes, 1);
        if (value == 0)
            reset(f);
        else
            f->status = value;
        return;
    case VQ_PCI_LEGACY_CONFIG_VECTOR:
        assert_int_equal(bytes, 2);
        f->config_vector = take_vector(f, value);
        return;
    case VQ_PCI_LEGACY_QUEUE_VECTOR:
        assert_int_equal(bytes, 2);
        q->vector = take_vector(f, value);
        return;
    default:
        fail_msg("write of the legacy registers at %#x", at); /* PCILEG-DRV-VQCFG-03 */
    }
}

static uint32_t bar_read(void *context, uint32_t address, unsigned bytes)
{
    struct fake *f = context;
    uint32_t value;
    assert_int_equal(address % bytes, 0);
    if (address < FAKE_BAR(1)) {
        assert_true(f->io_bar_zero);
        value = read_legacy(f, address, bytes);
    } else if (address >= FAKE_COMMON && address < FAKE_COMMON + VQ_PCI_COMMON_BYTES) {
        assert_int_equal(bytes, common_width(address - FAKE_COMMON));
        value = read_common(f, address - FAKE_COMMON);
    } else if (address >= FAKE_DEVICE && address + bytes <= FAKE_DEVICE + FAKE_CONFIG) {
        value = read_bytes(f->config + (address - FAKE_DEVICE), bytes);
    } else {
        assert_int_equal(address, FAKE_ISR);
        assert_int_equal(bytes, 1);
        value = f->isr;
        f->isr = 0;
    }
    log_access(&f->log, 'r', address, bytes, value);
    return value;
}

static void bar_write(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    struct fake *f = context;
    log_access(&f->log, 'w', address, bytes, value);
    assert_int_equal(address % bytes, 0);
    if (address < FAKE_BAR(1)) {
        assert_true(f->io_bar_zero);
        write_legacy(f, address, bytes, value);
    } else if (address >= FAKE_COMMON && address < FAKE_COMMON + VQ_PCI_COMMON_BYTES) {
        assert_int_equal(bytes, common_width(address - FAKE_COMMON));
        write_common(f, address - FAKE_COMMON, value);
    } else if (address >= FAKE_DEVICE && address + bytes <= FAKE_DEVICE + FAKE_CONFIG) {
        for (unsigned i = 0; i < bytes; i++)
            f->config[address - FAKE_DEVICE + i] = (uint8_t)(value >> 8 * i);
    } else {
        assert_in_range(address, FAKE_NOTIFY, FAKE_NOTIFY + 0xffffff);
    }
}

static const struct vq_bus bars = {bar_read, bar_write};

static bool map(void *context, unsigned bar, uint32_t offset, uint32_t bytes,
                struct vq_registers *r)
{
    struct fake *f = context;
    assert_true(bar < VQ_PCI_BARS);
    assert_true(bytes != 0 && bytes - 1 <= UINT32_MAX - offset);
    log_access(&f->log, 'm', FAKE_BAR(bar) + offset, 0, bytes);
    if ((f->mappable >> bar & 1) == 0)
        return false;
    *r = (struct vq_registers){.bus = &bars, .context = f, .start = FAKE_BAR(bar) + offset};
    if (bar == 0)
        r->bytes = f->legacy_bytes;
    return true;
}

/* --- configuration space ------------------------------------------------------------- */

/* Is this the data of the capability that gives access to BARs? */
static bool is_access_data(const struct fake *f, uint32_t address)
{
    uint32_t at = address - VQ_PCI_CAP_DATA;
    return address >= 0x50 && f->space[at] == VQ_PCI_CAP_ID_VENDOR &&
           f->space[at + VQ_PCI_CAP_TYPE] == VQ_PCI_CAP_ACCESS &&
           f->space[at + VQ_PCI_CAP_LENGTH] != 0;
}

/* What the window points to, once it is checked that it points to something. */
static uint32_t window(const struct fake *f, uint32_t address, unsigned bytes)
{
    const uint8_t *cap = f->space + address - VQ_PCI_CAP_DATA;
    uint32_t offset = read_bytes(cap + VQ_PCI_CAP_OFFSET, 4);
    uint32_t length = read_bytes(cap + VQ_PCI_CAP_LENGTH, 4);
    assert_int_equal(length, bytes);
    assert_true(length == 1 || length == 2 || length == 4);
    assert_int_equal(offset % length, 0);
    assert_int_equal(cap[VQ_PCI_CAP_BAR], 4);
    return FAKE_BAR(4) + offset;
}

static uint32_t space_read(void *context, uint32_t address, unsigned bytes)
{
    struct fake *f = context;
    uint32_t value;
    assert_int_equal(address % bytes, 0);
    assert_true(address + bytes <= sizeof(f->space));
    if (is_access_data(f, address))
        return bar_read(f, window(f, address, bytes), bytes);
    value = read_bytes(f->space + address, bytes);
    log_access(&f->log, 'c', address, bytes, value);
    return value;
}

static void space_write(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    struct fake *f = context;
    assert_int_equal(address % bytes, 0);
    assert_true(address + bytes <= sizeof(f->space));
    if (is_access_data(f, address)) {
        bar_write(f, window(f, address, bytes), bytes, value);
        return;
    }
    log_access(&f->log, 'd', address, bytes, value);
    fake_put(f, address, bytes, value);
}

static const struct vq_bus space = {space_read, space_write};

struct vq_pci_driver_config fake_config(struct fake *f)
{
    return (struct vq_pci_driver_config){
        .space = {.bus = &space, .context = f},
        .map = map,
        .context = f,
        .queues = f->queues,
        .queue_count = FAKE_QUEUES,
        .patience = 100,
    };
}

enum vq_error fake_open(struct fake *f, enum vq_pci_interface interface, uint16_t vectors)
{
    struct vq_pci_driver_config config = fake_config(f);
    config.interface = interface;
    config.vectors = vectors;
    f->t = &f->driver.transport;
    return vq_pci_driver_init(&f->driver, &config);
}

void fake_start(struct fake *f, enum vq_pci_interface interface, uint16_t vectors)
{
    assert_int_equal(fake_open(f, interface, vectors), VQ_OK);
    driver_handshake(f->t, &f->log);
}
