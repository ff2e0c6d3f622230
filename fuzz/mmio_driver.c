/*
 * The driver's end of MMIO and a block driver on it, against registers that remember what was
 * written and answer what they like. Whatever they answer, each call comes to an end, touches
 * only registers that its version has, and none of a queue that said it is in use; and a queue
 * that was enabled is where the caller wanted it.
 */
#include "transport.h"

#include <string.h>

#include <vq/mmio_driver.h>
#include <vq/status.h>

enum { WINDOW = 0x180, REGISTERS = VQ_MMIO_CONFIG / 4, SLOTS = FUZZ_QUEUES + 1 };

static struct run {
    struct fuzz_transport f;
    struct vq_mmio_driver driver;
    bool legacy;
    uint32_t offered[4];
    uint32_t size_max;
    uint32_t window;                  /* bytes */
    uint32_t value[REGISTERS];        /* as written last */
    uint32_t queue[SLOTS][REGISTERS]; /* those that each queue has */
    uint8_t config[WINDOW - VQ_MMIO_CONFIG];
    bool in_use; /* as the driver was told of the queue that is selected */
} r;

/* What a version has: R, W, both; L and M: in the legacy or the modern one alone. */
enum { R = 1, W = 2, L = 4, M = 8 };
static const struct {
    uint16_t offset;
    uint8_t can;
} table[] = {
    {VQ_MMIO_MAGIC, R},
    {VQ_MMIO_VERSION, R},
    {VQ_MMIO_DEVICE_ID, R},
    {VQ_MMIO_DEVICE_FEATURES, R},
    {VQ_MMIO_DEVICE_FEATURES_SEL, W},
    {VQ_MMIO_DRIVER_FEATURES, W},
    {VQ_MMIO_DRIVER_FEATURES_SEL, W},
    {VQ_MMIO_GUEST_PAGE_SIZE, W | L},
    {VQ_MMIO_QUEUE_SEL, W},
    {VQ_MMIO_QUEUE_SIZE_MAX, R},
    {VQ_MMIO_QUEUE_SIZE, W},
    {VQ_MMIO_QUEUE_ALIGN, W | L},
    {VQ_MMIO_QUEUE_PFN, R | W | L},
    {VQ_MMIO_QUEUE_READY, R | W | M},
    {VQ_MMIO_QUEUE_NOTIFY, W},
    {VQ_MMIO_INTERRUPT_STATUS, R},
    {VQ_MMIO_INTERRUPT_ACK, W},
    {VQ_MMIO_STATUS, R | W},
    {VQ_MMIO_QUEUE_DESC_LOW, W | M},
    {VQ_MMIO_QUEUE_DESC_HIGH, W | M},
    {VQ_MMIO_QUEUE_DRIVER_LOW, W | M},
    {VQ_MMIO_QUEUE_DRIVER_HIGH, W | M},
    {VQ_MMIO_QUEUE_DEVICE_LOW, W | M},
    {VQ_MMIO_QUEUE_DEVICE_HIGH, W | M},
    {VQ_MMIO_SHM_SEL, W | M},
    {VQ_MMIO_SHM_LEN_LOW, R | M},
    {VQ_MMIO_SHM_LEN_HIGH, R | M},
    {VQ_MMIO_SHM_BASE_LOW, R | M},
    {VQ_MMIO_SHM_BASE_HIGH, R | M},
    {VQ_MMIO_QUEUE_RESET, R | W | M},
    {VQ_MMIO_CONFIG_GENERATION, R | M},
};

static bool allowed(uint32_t offset, unsigned how)
{
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].offset == offset)
            return (table[i].can & how) != 0 &&
                   (table[i].can & (r.legacy ? (unsigned)M : (unsigned)L)) == 0;
    return false;
}

static bool of_queue(uint32_t offset)
{
    return (offset >= VQ_MMIO_QUEUE_SIZE && offset <= VQ_MMIO_QUEUE_READY) ||
           (offset >= VQ_MMIO_QUEUE_DESC_LOW && offset <= VQ_MMIO_QUEUE_DEVICE_HIGH);
}

static uint32_t *slot(uint32_t offset)
{
    uint32_t selected = r.value[VQ_MMIO_QUEUE_SEL / 4];

    return of_queue(offset) ? &r.queue[selected < SLOTS ? selected : SLOTS - 1][offset / 4]
                            : &r.value[offset / 4];
}

static uint32_t honest(uint32_t offset)
{
    uint32_t select = r.value[VQ_MMIO_DEVICE_FEATURES_SEL / 4];

    switch (offset) {
    case VQ_MMIO_DEVICE_FEATURES:
        return select < 4 ? r.offered[select] : 0;
    case VQ_MMIO_QUEUE_SIZE_MAX:
        return r.value[VQ_MMIO_QUEUE_SEL / 4] < FUZZ_QUEUES ? r.size_max : 0;
    case VQ_MMIO_QUEUE_RESET:
        return 0;
    default:
        return *slot(offset);
    }
}

static uint32_t read_register(void *context, uint32_t offset, unsigned bytes)
{
    uint32_t value = 0;

    (void)context;
    fuzz_access(&r.f, offset, bytes);
    FUZZ_CHECK(offset <= r.window - bytes);
    if (offset >= VQ_MMIO_CONFIG) {
        for (unsigned i = bytes; i-- != 0;)
            value = value << 8 | r.config[offset - VQ_MMIO_CONFIG + i];
        return fuzz_answer(&r.f.in, value, bytes);
    }
    FUZZ_CHECK(bytes == 4 && allowed(offset, R));
    FUZZ_CHECK(offset != VQ_MMIO_QUEUE_SIZE_MAX || !r.in_use);
    value = fuzz_answer(&r.f.in, honest(offset), bytes);
    if (offset == VQ_MMIO_QUEUE_READY || offset == VQ_MMIO_QUEUE_PFN)
        r.in_use = value != 0;
    return value;
}

static void write_register(void *context, uint32_t offset, unsigned bytes, uint32_t value)
{
    (void)context;
    fuzz_access(&r.f, offset, bytes);
    FUZZ_CHECK(offset <= r.window - bytes);
    if (offset >= VQ_MMIO_CONFIG) {
        for (unsigned i = 0; i < bytes; i++)
            r.config[offset - VQ_MMIO_CONFIG + i] = (uint8_t)(value >> 8 * i);
        return;
    }
    FUZZ_CHECK(bytes == 4 && allowed(offset, W));
    if (offset == VQ_MMIO_QUEUE_SEL)
        r.in_use = true; /* until it was looked at */
    if (of_queue(offset) && value != 0)
        FUZZ_CHECK(!r.in_use);
    FUZZ_CHECK(offset != VQ_MMIO_INTERRUPT_ACK || (value != 0 && value <= 3));
    FUZZ_CHECK(offset != VQ_MMIO_QUEUE_SIZE || (value != 0 && value <= VQ_SIZE_MAX));
    *slot(offset) = value;
    if (offset == VQ_MMIO_STATUS && value == 0)
        memset(r.queue, 0, sizeof(r.queue));
    if (offset == VQ_MMIO_QUEUE_RESET)
        memset(slot(VQ_MMIO_QUEUE_SIZE) - VQ_MMIO_QUEUE_SIZE / 4, 0, sizeof(r.queue[0]));
}

static void enabled(struct fuzz_transport *f, uint16_t index, const struct vq_place *place)
{
    const uint32_t *q = r.queue[index < SLOTS ? index : SLOTS - 1];

    (void)f;
    FUZZ_CHECK(q[VQ_MMIO_QUEUE_SIZE / 4] == place->layout.size);
    if (r.legacy) {
        uint64_t page = r.value[VQ_MMIO_GUEST_PAGE_SIZE / 4];
        FUZZ_CHECK(q[VQ_MMIO_QUEUE_PFN / 4] * page == place->address[VQ_DESCRIPTOR_AREA]);
        FUZZ_CHECK(q[VQ_MMIO_QUEUE_ALIGN / 4] == place->layout.align);
        return;
    }
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        const uint32_t *pair = q + VQ_MMIO_QUEUE_DESC_LOW / 4 + i * 4;
        FUZZ_CHECK((pair[0] | (uint64_t)pair[1] << 32) == place->address[i]);
    }
    FUZZ_CHECK(q[VQ_MMIO_QUEUE_READY / 4] == 1);
}

static void own(struct fuzz_transport *f, uint8_t which)
{
    struct vq_mmio_shared_memory region;

    if (which < 4) {
        (void)vq_mmio_driver_stop(&r.driver, which);
    } else if (which < 8) {
        FUZZ_CHECK(vq_mmio_driver_interrupt(&r.driver) <= 3);
    } else if (vq_mmio_driver_shared_memory(&r.driver, fuzz_byte(&f->in), &region) == VQ_OK) {
        FUZZ_CHECK(!r.legacy && region.bytes != 0);
        FUZZ_CHECK(region.address <= UINT64_MAX - (region.bytes - 1));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct vq_bus bus = {read_register, write_register};
    struct vq_mmio_driver_config config = {.registers = {.bus = &bus}, .patience = FUZZ_PATIENCE};
    uint8_t shape, size;

    memset(&r, 0, sizeof(r));
    r.f = (struct fuzz_transport){
        .in = {data, data + bytes}, .t = &r.driver.transport, .own = own, .enabled = enabled};
    shape = fuzz_byte(&r.f.in);
    size = fuzz_byte(&r.f.in);
    fuzz_hook_start(&r.f.in, shape & 0x80);
    r.legacy = shape & 1;
    r.value[VQ_MMIO_MAGIC / 4] = VQ_MMIO_MAGIC_VALUE;
    r.value[VQ_MMIO_VERSION / 4] = r.legacy ? 1 : 2;
    r.value[VQ_MMIO_DEVICE_ID / 4] = 2;
    r.offered[0] = (uint32_t)fuzz_number(&r.f.in, 4);
    r.offered[1] = shape & 2 ? (uint32_t)fuzz_number(&r.f.in, 4) : 1;
    r.offered[2] = shape & 4 ? r.offered[1] : 0;
    r.size_max = size < 0x80 ? UINT32_C(1) << size % 16 : (uint32_t)fuzz_number(&r.f.in, 3);
    for (unsigned i = 0; i < sizeof(r.config); i++)
        r.config[i] = i < 8 ? (uint8_t)(i == 1) : fuzz_byte(&r.f.in) & 0x0f;
    r.window = config.registers.bytes = WINDOW - (shape >> 4 & 3);
    config.page_shift = shape & 8 ? 6 : 0;
    config.queue_align = shape & 8 ? 64 : 0;
    /* The version that the driver believes in is the one that it must keep to. */
    if (vq_mmio_driver_init(&r.driver, &config) != VQ_OK)
        return 0;
    r.legacy = vq_mmio_driver_is_legacy(&r.driver);
    fuzz_transport_run(&r.f);
    return 0;
}
