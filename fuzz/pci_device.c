/*
 * A PCI function of any kind against a driver that does anything: any access to its
 * configuration space and BARs, a device that is brought up rightly in between, by
 * either interface, requests, resets of the device and of the bus while queues take their
 * time. What stands behind is checked.h.
 */
#include "checked.h"

#include <vq/pci_device.h>

enum { VECTORS = 3 };

struct run {
    struct checked c;
    struct vq_pci_device device;
    struct vq_pci_vector vectors[VECTORS];
    bool high;
};

static struct run *run_of(struct checked *c)
{
    return (struct run *)(void *)c;
}

static bool msix_on(const struct vq_pci_device *d)
{
    return d->msix != 0 && (d->space[d->msix + 3u] & 0x80) != 0;
}

static void line(void *context, bool high)
{
    struct run *r = context;

    FUZZ_CHECK(r->high != high);
    FUZZ_CHECK(!high || !msix_on(&r->device));
    r->high = high;
}

static void message(void *context, uint16_t vector, uint64_t address, uint32_t data)
{
    struct run *r = context;

    FUZZ_CHECK(vector < r->device.config.vector_count);
    FUZZ_CHECK(msix_on(&r->device) && !r->vectors[vector].masked);
    FUZZ_CHECK(address == (r->vectors[vector].address[0] | (uint64_t)r->vectors[vector].address[1]
                                                               << 32) &&
               data == r->vectors[vector].data);
    FUZZ_CHECK((r->device.space[VQ_PCI_COMMAND] & VQ_PCI_COMMAND_MASTER) != 0 ||
               r->device.state.interface == VQ_INTERFACE_LEGACY);
}

static void put(struct checked *c, enum checked_register which, uint32_t value)
{
    static const struct {
        uint8_t modern, bytes, legacy; /* 0xff: none */
    } registers[] = {
        [CHECKED_STATUS] = {VQ_PCI_COMMON_STATUS, 1, VQ_PCI_LEGACY_STATUS},
        [CHECKED_FEATURE_SELECT] = {VQ_PCI_COMMON_DRIVER_FEATURE_SELECT, 4, 0xff},
        [CHECKED_FEATURES] = {VQ_PCI_COMMON_DRIVER_FEATURE, 4, VQ_PCI_LEGACY_DRIVER_FEATURES},
        [CHECKED_QUEUE_SELECT] = {VQ_PCI_COMMON_QUEUE_SELECT, 2, VQ_PCI_LEGACY_QUEUE_SELECT},
        [CHECKED_QUEUE_SIZE] = {VQ_PCI_COMMON_QUEUE_SIZE, 2, 0xff},
        [CHECKED_QUEUE_ADDRESS] = {VQ_PCI_COMMON_QUEUE_DESC, 4, 0xff},
        [CHECKED_QUEUE_ADDRESS + 1] = {VQ_PCI_COMMON_QUEUE_DESC + 4, 4, 0xff},
        [CHECKED_QUEUE_ADDRESS + 2] = {VQ_PCI_COMMON_QUEUE_DRIVER, 4, 0xff},
        [CHECKED_QUEUE_ADDRESS + 3] = {VQ_PCI_COMMON_QUEUE_DRIVER + 4, 4, 0xff},
        [CHECKED_QUEUE_ADDRESS + 4] = {VQ_PCI_COMMON_QUEUE_DEVICE, 4, 0xff},
        [CHECKED_QUEUE_ADDRESS + 5] = {VQ_PCI_COMMON_QUEUE_DEVICE + 4, 4, 0xff},
        [CHECKED_QUEUE_ENABLE] = {VQ_PCI_COMMON_QUEUE_ENABLE, 2, 0xff},
        [CHECKED_QUEUE_PAGE] = {0xff, 4, VQ_PCI_LEGACY_QUEUE_PFN},
        [CHECKED_QUEUE_RESET] = {VQ_PCI_COMMON_QUEUE_RESET, 2, 0xff},
        [CHECKED_NOTIFY] = {0xff, 2, VQ_PCI_LEGACY_QUEUE_NOTIFY},
    };
    struct run *r = run_of(c);

    if (!c->legacy && which == CHECKED_NOTIFY)
        vq_pci_device_bar_write(&r->device, 4, 0x3000 + 4 * (uint64_t)value, 2, value);
    else if (!c->legacy && registers[which].modern != 0xff)
        vq_pci_device_bar_write(&r->device, 4, registers[which].modern, registers[which].bytes,
                                value);
    else if (c->legacy && registers[which].legacy != 0xff)
        vq_pci_device_bar_write(&r->device, 0, registers[which].legacy, registers[which].bytes,
                                value);
}

static void touch_space(struct run *r, uint8_t how)
{
    uint32_t offset = fuzz_byte(&r->c.in);
    unsigned bytes = 1u << how % 3;

    if (how & 8) { /* what decides most */
        static const uint8_t likely[] = {VQ_PCI_COMMAND, VQ_PCI_STATUS, VQ_PCI_BAR0, 0x42, 0x43};
        offset = likely[offset % sizeof(likely)];
    } else if (how & 0x10) {
        offset = r->device.access + offset % 20;
    } else if (how & 0x20) {
        bytes = (how >> 3) % 6;
        offset = offset * 2;
    }
    if (how & 4)
        (void)vq_pci_device_config_read(&r->device, offset, bytes);
    else
        vq_pci_device_config_write(&r->device, offset, bytes, (uint32_t)checked_value(&r->c));
}

static void touch_bar(struct run *r, uint8_t how)
{
    static const uint16_t starts[] = {0, 0, 0x1000, 0x2000, 0x3000, 0x800};
    unsigned bar = how & 7, bytes = 1u << ((how >> 3) & 3);
    uint64_t offset = fuzz_byte(&r->c.in);

    offset = starts[offset % 6] + (uint64_t)fuzz_byte(&r->c.in) / (bytes > 1 ? bytes : 1) * bytes;
    if ((how & 0xe0) == 0xe0) {
        bytes = fuzz_byte(&r->c.in) % 10;
        offset = fuzz_number(&r->c.in, 1 + how % 8);
    }
    if (how & 0x20) {
        uint64_t value = vq_pci_device_bar_read(&r->device, bar, offset, bytes);
        FUZZ_CHECK(bytes >= 8 || value >> (8 * bytes) == 0);
    } else {
        vq_pci_device_bar_write(&r->device, bar, offset, bytes, checked_value(&r->c));
    }
}

static void touch(struct checked *c)
{
    struct run *r = run_of(c);
    uint8_t how = fuzz_byte(&c->in);
    unsigned bar;
    uint64_t offset;

    switch (how >> 6) {
    case 0:
        touch_space(r, fuzz_byte(&c->in));
        break;
    case 1:
        if ((how & 0x3f) == 0x3f)
            vq_pci_device_bus_reset(&r->device);
        else if (how & 0x20) /* as firmware does: memory, I/O, bus master */
            vq_pci_device_config_write(&r->device, VQ_PCI_COMMAND, 2, 7);
        else if (vq_pci_device_decode(&r->device, how & 1, checked_value(c), 1 + how % 8, &bar,
                                      &offset))
            FUZZ_CHECK(bar < VQ_PCI_BARS && offset < r->device.bar_bytes[bar]);
        break;
    default:
        touch_bar(r, fuzz_byte(&c->in));
    }
    FUZZ_CHECK(r->high == r->device.high);
    FUZZ_CHECK(r->device.isr <= 3);
    FUZZ_CHECK(r->device.config_vector == VQ_MSI_NO_VECTOR ||
               r->device.config_vector < r->device.config.vector_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct run r;
    struct vq_pci_device_config config = {
        .vectors = r.vectors, .message = message, .line = line, .context = &r};
    uint8_t shape;

    r.high = false;
    checked_open(&r.c, data, bytes);
    shape = fuzz_byte(&r.c.in);
    r.c.put = put;
    config.kind = (enum vq_pci_kind)(shape % 3);
    config.graceful = shape & 0x10;
    config.vector_count = shape & 0x20 ? VECTORS : 0;
    r.c.legacy =
        config.kind == VQ_PCI_LEGACY || (config.kind == VQ_PCI_TRANSITIONAL && (shape & 0x40) != 0);
    r.c.state = &r.device.state;
    config.device = checked_config(&r.c);
    config.device.legacy_big_endian = shape & 8;
    FUZZ_CHECK(vq_pci_device_init(&r.device, &config) == VQ_OK);
    vq_pci_device_config_write(&r.device, VQ_PCI_COMMAND, 2, 7);
    fuzz_hook_start(&r.c.in, shape & 0x80);
    checked_play(&r.c, touch);
    /* A modern device that a legacy driver reset is gone until the bus is. */
    if (r.device.gone)
        vq_pci_device_bus_reset(&r.device);
    checked_close(&r.c);
    FUZZ_CHECK(!r.high);
    return 0;
}
