/*
 * The registers of an MMIO device, either version, against a driver that does anything:
 * any access at any time, a device that is brought up rightly in between, requests,
 * resets while queues take their time. What stands behind is checked.h.
 */
#include "checked.h"

#include <vq/mmio_device.h>

enum { WINDOW = 0x140 };

struct run {
    struct checked c;
    struct vq_mmio_device device;
    bool high;
};

static struct run *run_of(struct checked *c)
{
    return (struct run *)(void *)c;
}

static void line(void *context, bool high)
{
    struct run *r = context;

    FUZZ_CHECK(r->high != high);
    r->high = high;
}

static void put(struct checked *c, enum checked_register which, uint32_t value)
{
    static const uint16_t offsets[] = {
        [CHECKED_STATUS] = VQ_MMIO_STATUS,
        [CHECKED_FEATURE_SELECT] = VQ_MMIO_DRIVER_FEATURES_SEL,
        [CHECKED_FEATURES] = VQ_MMIO_DRIVER_FEATURES,
        [CHECKED_QUEUE_SELECT] = VQ_MMIO_QUEUE_SEL,
        [CHECKED_QUEUE_SIZE] = VQ_MMIO_QUEUE_SIZE,
        [CHECKED_QUEUE_ADDRESS] = VQ_MMIO_QUEUE_DESC_LOW,
        [CHECKED_QUEUE_ADDRESS + 1] = VQ_MMIO_QUEUE_DESC_HIGH,
        [CHECKED_QUEUE_ADDRESS + 2] = VQ_MMIO_QUEUE_DRIVER_LOW,
        [CHECKED_QUEUE_ADDRESS + 3] = VQ_MMIO_QUEUE_DRIVER_HIGH,
        [CHECKED_QUEUE_ADDRESS + 4] = VQ_MMIO_QUEUE_DEVICE_LOW,
        [CHECKED_QUEUE_ADDRESS + 5] = VQ_MMIO_QUEUE_DEVICE_HIGH,
        [CHECKED_QUEUE_ENABLE] = VQ_MMIO_QUEUE_READY,
        [CHECKED_QUEUE_PAGE] = VQ_MMIO_QUEUE_PFN,
        [CHECKED_QUEUE_RESET] = VQ_MMIO_QUEUE_RESET,
        [CHECKED_NOTIFY] = VQ_MMIO_QUEUE_NOTIFY,
    };
    struct run *r = run_of(c);

    if (which == CHECKED_QUEUE_PAGE)
        vq_mmio_device_write(&r->device, VQ_MMIO_GUEST_PAGE_SIZE, 4, 4096);
    vq_mmio_device_write(&r->device, offsets[which], 4, value);
}

static void touch(struct checked *c)
{
    struct run *r = run_of(c);
    uint8_t how = fuzz_byte(&c->in);
    uint64_t offset = fuzz_byte(&c->in) * 4u % WINDOW;
    unsigned bytes = how & 0x20 ? how % 10 : 4;

    if (how & 0x40)
        offset = fuzz_number(&c->in, 1 + how % 8);
    if (how & 0x80) {
        uint64_t value = vq_mmio_device_read(&r->device, offset, bytes);
        FUZZ_CHECK(bytes >= 8 || value >> (8 * bytes) == 0);
        FUZZ_CHECK(offset >= VQ_MMIO_CONFIG || bytes == 4 || value == 0);
    } else {
        vq_mmio_device_write(&r->device, offset, bytes, checked_value(c));
    }
    FUZZ_CHECK(r->high == (r->device.interrupt_status != 0));
    FUZZ_CHECK(r->device.interrupt_status <= 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct run r;
    struct vq_mmio_device_config config = {.interrupt = line, .context = &r};
    uint8_t shape;

    r.high = false;
    checked_open(&r.c, data, bytes);
    shape = fuzz_byte(&r.c.in);
    r.c.put = put;
    r.c.legacy = config.legacy = shape & 1;
    r.c.state = &r.device.state;
    config.device = checked_config(&r.c);
    config.device.legacy_big_endian = shape & 2;
    FUZZ_CHECK(vq_mmio_device_init(&r.device, &config) == VQ_OK);
    fuzz_hook_start(&r.c.in, shape & 0x80);
    checked_play(&r.c, touch);
    checked_close(&r.c);
    FUZZ_CHECK(!r.high);
    return 0;
}
