/*
 * Rows of the driver's end of MMIO that need a device's end: what an interrupt means.
 */
#include "device_rig.h"

#include <vq/mmio_driver.h>

#include "bus.h"

enum { SIZE = 8 };

static struct {
    struct vq_mmio_device device;
    struct vq_mmio_driver driver;
    struct hand hand;
    struct vq_driver_queue ring[2];
    struct vq_driver_slot slots[2][SIZE];
    unsigned raised;
    unsigned slept;
} m;

static void line(void *context, bool high)
{
    (void)context;
    m.raised += high;
}

static enum vq_error set_up(void *context, struct vq_transport *t)
{
    (void)context;
    for (uint16_t i = 0; i < 2; i++) {
        const struct vq_queue_memory memory = rig_ring(SIZE);
        const struct vq_queue_setup setup = {
            .index = i, .size = SIZE, .memory = &memory, .slots = m.slots[i]};
        enum vq_error error = vq_queue_open(&m.ring[i], t, &setup);
        if (error != VQ_OK)
            return error;
    }
    return VQ_OK;
}

/* Sleeps as a machine would: until the line is high. */
static enum vq_error sleep_until(void *context, uint16_t index, int timeout_ms)
{
    (void)context, (void)index, (void)timeout_ms;
    m.slept++;
    if (m.device.interrupt_status == 0)
        return VQ_ERR_TIMEOUT;
    assert_int_equal(vq_mmio_driver_interrupt(&m.driver), VQ_EVENT_QUEUE);
    return VQ_OK;
}

static void serve(struct hand *hand, uint16_t index)
{
    struct hand_buffer b;
    while (hand_pop(hand, index, &b)) {
        const struct vq_used used = {b.buffer.id, 0};
        assert_int_equal(vq_device_push(&hand->ring[index], &used, 1), VQ_OK);
    }
}

static void start(void)
{
    const struct vq_features none = {{0}};
    const struct vq_plan plan = {.wanted = vq_queue_features(&none), .setup = set_up};

    memset(&m, 0, sizeof m);
    hand_make(&m.hand, 42, 2, 0, &rig_split);
    vq_feature_clear(&m.hand.offered, VQ_F_RING_PACKED);
    m.hand.serve = serve;
    const struct vq_mmio_device_config device = {
        .device = {.model = &m.hand.model,
                   .memory = &rig.memory,
                   .queues = rig.queues,
                   .queue_count = 2},
        .interrupt = line,
    };
    const struct vq_mmio_driver_config driver = {
        .registers = {.bus = &bus_mmio, .context = &m.device, .bytes = VQ_MMIO_WINDOW},
        .wait = sleep_until,
    };
    assert_int_equal(vq_mmio_device_init(&m.device, &device), VQ_OK);
    assert_int_equal(vq_mmio_driver_init(&m.driver, &driver), VQ_OK);
    assert_int_equal(vq_transport_init_device(&m.driver.transport, &plan, NULL), VQ_OK);
}

static void add(uint16_t index)
{
    const struct vq_element element = {RIG_BASE, 16};
    assert_true(vq_driver_add(&m.ring[index], &element, 1, 0) >= 0);
    assert_int_equal(vq_queue_submit(&m.ring[index], &m.driver.transport, index), VQ_OK);
}

/* What the driver writes goes on to the device; at the moment a queue is said to be ready its
 * rings are looked at. */
static unsigned looked;

static uint32_t read_through(void *context, uint32_t address, unsigned bytes)
{
    return bus_mmio.read(context, address, bytes);
}

static void check_rings(const struct vq_model_queue *q, uint64_t descriptors)
{
    const uint64_t at[] = {descriptors, q->address[VQ_DRIVER_AREA], q->address[VQ_DEVICE_AREA]};
    const uint32_t bytes[] = {VQ_SPLIT_DESCRIPTOR_BYTES(SIZE), VQ_SPLIT_DRIVER_BYTES(SIZE),
                              VQ_SPLIT_DEVICE_BYTES(SIZE)};
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *ring = rig_arena + (at[i] - RIG_BASE);
        assert_in_range(at[i], RIG_BASE, RIG_BASE + RIG_ARENA - bytes[i]);
        /* Chained already, descriptors may be anything but what was there before. */
        for (uint32_t k = 0; k < bytes[i]; k++)
            assert_true(i == 0 ? ring[k] != 0x11 : ring[k] == 0);
    }
    looked++;
}

static void write_through(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    if (address == VQ_MMIO_QUEUE_READY && value == 1) {
        const struct vq_model_queue *q = &rig.queues[m.device.queue_select];
        check_rings(q, q->address[VQ_DESCRIPTOR_AREA]);
    }
    bus_mmio.write(context, address, bytes, value);
}

static void zeroed_rings(void **state)
{
    static const struct vq_bus through = {read_through, write_through};
    const struct vq_features none = {{0}};
    const struct vq_plan plan = {.wanted = vq_queue_features(&none), .setup = set_up};
    (void)state;
    start();
    const struct vq_mmio_driver_config config = {
        .registers = {.bus = &through, .context = &m.device, .bytes = VQ_MMIO_WINDOW}};
    assert_int_equal(vq_mmio_driver_init(&m.driver, &config), VQ_OK);
    memset(rig_arena, 0x11, sizeof rig_arena);
    looked = 0;
    assert_int_equal(vq_transport_init_device(&m.driver.transport, &plan, NULL), VQ_OK);
    assert_int_equal(looked, 2);
}

/* Bit 0 says that some queue was used: whoever waits for another finds its answer, too. */
static void one_for_all(void **state)
{
    struct vq_done done;
    (void)state;
    start();
    for (uint16_t first = 0; first < 2; first++) {
        m.raised = m.slept = 0;
        add(0);
        add(1);
        (void)vq_driver_enable_notifications(&m.ring[0]);
        (void)vq_driver_enable_notifications(&m.ring[1]);
        (void)vq_model_run(&m.device.state);
        assert_int_equal(m.raised, 1);
        assert_int_equal(vq_transport_wait(&m.driver.transport, first, -1), VQ_OK);
        assert_int_equal(m.device.interrupt_status, 0);
        /* The interrupt is over, and nothing is lost. */
        assert_int_equal(
            vq_queue_wait(&m.ring[1 - first], &m.driver.transport, (uint16_t)(1 - first), -1),
            VQ_OK);
        assert_int_equal(vq_queue_wait(&m.ring[first], &m.driver.transport, first, -1), VQ_OK);
        assert_int_equal(m.slept, 1);
        assert_int_equal(vq_transport_take_events(&m.driver.transport), VQ_EVENT_QUEUE);
        for (uint16_t i = 0; i < 2; i++)
            assert_int_equal(vq_driver_get(&m.ring[i], &done, 1), 1);
    }
}

/* What comes between the cause being read and its acknowledgement is not lost either. */
static void acknowledged_first(void **state)
{
    struct vq_done done;
    (void)state;
    start();
    add(0);
    (void)vq_model_run(&m.device.state);
    assert_int_equal(m.raised, 1);
    assert_int_equal(vq_mmio_driver_interrupt(&m.driver), VQ_EVENT_QUEUE);
    add(1); /* after the acknowledgement: an interrupt of its own */
    (void)vq_model_run(&m.device.state);
    assert_int_equal(m.raised, 2);
    assert_int_equal(vq_mmio_driver_interrupt(&m.driver), VQ_EVENT_QUEUE);
    assert_int_equal(vq_mmio_driver_interrupt(&m.driver), 0);
    for (uint16_t i = 0; i < 2; i++)
        assert_int_equal(vq_driver_get(&m.ring[i], &done, 1), 1);
}

static const struct CMUnitTest tests[] = {
    VQ_TEST(zeroed_rings, "rings are empty when a queue becomes ready [MMIO-DRV-VQCFG-01]"),
    VQ_TEST(one_for_all, "one interrupt stands for every queue [MMIO-DRV-INT-02 "
                         "MMIO-DRV-INT-01 MMIO-DRV-INT-03]"),
    VQ_TEST(acknowledged_first, "what is used after the acknowledgement interrupts again "
                                "[MMIO-DRV-INT-03]"),
};

int main(void)
{
    return VQ_RUN(tests);
}
