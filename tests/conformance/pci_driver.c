/*
 * Rows of the driver's end of PCI that need a device's end: messages that arrive where the
 * driver's platform wants them, and what each of them means.
 */
#include "device_rig.h"

#include <vq/pci_driver.h>

#include "bus.h"

enum { SIZE = 8, VECTORS = 3 };

static struct {
    struct vq_pci_device device;
    struct vq_pci_vector table[VECTORS];
    struct vq_pci_driver driver;
    struct vq_pci_queue queues[2];
    struct hand hand;
    struct vq_driver_queue ring[2];
    struct vq_driver_slot slots[2][SIZE];
    unsigned messages, lines;
    uint16_t vector;
    uint64_t address;
    uint32_t data;
} p;

static void line(void *context, bool high)
{
    (void)context;
    p.lines += high;
}

static void message(void *context, uint16_t vector, uint64_t address, uint32_t data)
{
    (void)context;
    p.messages++;
    p.vector = vector;
    p.address = address;
    p.data = data;
}

static void serve(struct hand *hand, uint16_t index)
{
    struct hand_buffer b;
    while (hand_pop(hand, index, &b)) {
        const struct vq_used used = {b.buffer.id, 0};
        assert_int_equal(vq_device_push(&hand->ring[index], &used, 1), VQ_OK);
    }
}

static enum vq_error set_up(void *context, struct vq_transport *t)
{
    (void)context;
    for (uint16_t i = 0; i < 2; i++) {
        const struct vq_queue_memory memory = rig_ring(SIZE);
        const struct vq_queue_setup setup = {
            .index = i, .size = SIZE, .memory = &memory, .slots = p.slots[i]};
        enum vq_error error = vq_queue_open(&p.ring[i], t, &setup);
        if (error != VQ_OK)
            return error;
    }
    return VQ_OK;
}

static void make(uint16_t vectors)
{
    memset(&p, 0, sizeof p);
    hand_make(&p.hand, 42, 2, 0, &rig_split);
    vq_feature_clear(&p.hand.offered, VQ_F_RING_PACKED);
    p.hand.serve = serve;
    const struct vq_pci_device_config device = {
        .device = {.model = &p.hand.model,
                   .memory = &rig.memory,
                   .queues = rig.queues,
                   .queue_count = 2},
        .kind = VQ_PCI_MODERN,
        .vectors = p.table,
        .vector_count = vectors,
        .message = message,
        .line = line,
    };
    const struct vq_pci_driver_config driver = {
        .space = {.bus = &bus_pci_space, .context = &p.device},
        .map = bus_pci_map,
        .context = &p.device,
        .queues = p.queues,
        .queue_count = 2,
        .vectors = VECTORS,
    };
    assert_int_equal(vq_pci_device_init(&p.device, &device), VQ_OK);
    bus_pci_set_up(&p.device, 0);
    assert_int_equal(vq_pci_driver_init(&p.driver, &driver), VQ_OK);
}

static void start(void)
{
    const struct vq_features none = {{0}};
    const struct vq_plan plan = {.wanted = vq_queue_features(&none), .setup = set_up};
    assert_int_equal(vq_transport_init_device(&p.driver.transport, &plan, NULL), VQ_OK);
}

static void use(uint16_t index)
{
    const struct vq_element element = {RIG_BASE, 16};
    struct vq_done done;
    assert_true(vq_driver_add(&p.ring[index], &element, 1, 0) >= 0);
    assert_int_equal(vq_queue_submit(&p.ring[index], &p.driver.transport, index), VQ_OK);
    (void)vq_model_run(&p.device.state);
    assert_int_equal(vq_driver_get(&p.ring[index], &done, 1), 1);
    (void)vq_driver_enable_notifications(&p.ring[index]);
}

/* At the moment a queue is enabled its rings are empty, in memory that was not. */
static unsigned looked;

static uint32_t read_through(void *context, uint32_t address, unsigned bytes)
{
    return bus_pci_memory.read(context, address, bytes);
}

static void write_through(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    const struct vq_pci_window *common = &p.driver.window[0];
    if (address == common->registers.start + VQ_PCI_COMMON_QUEUE_ENABLE && bytes == 2) {
        const struct vq_model_queue *q = &rig.queues[p.device.queue_select];
        const uint8_t *driver_area = rig_arena + (q->address[VQ_DRIVER_AREA] - RIG_BASE);
        const uint8_t *device_area = rig_arena + (q->address[VQ_DEVICE_AREA] - RIG_BASE);
        for (uint32_t i = 0; i < VQ_SPLIT_DRIVER_BYTES(SIZE); i++)
            assert_int_equal(driver_area[i], 0);
        for (uint32_t i = 0; i < VQ_SPLIT_DEVICE_BYTES(SIZE); i++)
            assert_int_equal(device_area[i], 0);
        assert_int_equal(value, 1);
        looked++;
    }
    bus_pci_memory.write(context, address, bytes, value);
}

static void zeroed_rings(void **state)
{
    static const struct vq_bus through = {read_through, write_through};
    (void)state;
    make(VECTORS);
    assert_ptr_equal(p.driver.window[0].registers.bus, &bus_pci_memory);
    p.driver.window[0].registers.bus = &through;
    memset(rig_arena, 0x11, sizeof rig_arena);
    looked = 0;
    start();
    assert_int_equal(looked, 2);
}

/* Each queue's message comes where it should, and means this queue's vector. */
static void table(void **state)
{
    (void)state;
    make(VECTORS);
    for (uint16_t i = 0; i < VECTORS; i++)
        assert_int_equal(
            vq_pci_driver_set_message(&p.driver, i, UINT64_C(0x1fee00000) + 16u * i, 0x4000u + i),
            VQ_OK);
    assert_int_equal(vq_pci_driver_set_message(&p.driver, VECTORS, 0, 0), VQ_ERR_RANGE);
    assert_int_equal(vq_pci_driver_set_message(&p.driver, 0, 2, 0), VQ_ERR_ALIGN);
    assert_int_equal(vq_pci_driver_enable_messages(&p.driver, true), VQ_OK);
    start();
    assert_int_equal(p.driver.vectors, VECTORS);
    for (uint16_t i = 0; i < 2; i++) {
        p.messages = 0;
        use(i);
        assert_int_equal(p.messages, 1);
        assert_int_equal(p.vector, p.queues[i].vector);
        assert_int_equal(p.vector, i + 1);
        assert_true(p.address == UINT64_C(0x1fee00000) + 16u * p.vector);
        assert_int_equal(p.data, 0x4000 + p.vector);
        assert_int_equal(vq_pci_driver_interrupt(&p.driver, p.vector), VQ_EVENT_QUEUE);
    }
    p.messages = 0;
    vq_model_config_changed(&p.device.state);
    assert_int_equal(p.messages, 1);
    assert_int_equal(p.vector, 0);
    assert_int_equal(vq_pci_driver_interrupt(&p.driver, 0), VQ_EVENT_CONFIG);
    assert_int_equal(vq_transport_take_events(&p.driver.transport),
                     VQ_EVENT_QUEUE | VQ_EVENT_CONFIG);
    assert_int_equal(p.lines, 0);
}

/* With two vectors both queues have one. */
static void shared_vector(void **state)
{
    (void)state;
    make(2);
    for (uint16_t i = 0; i < 2; i++)
        assert_int_equal(vq_pci_driver_set_message(&p.driver, i, 0xfee00000, i), VQ_OK);
    assert_int_equal(vq_pci_driver_enable_messages(&p.driver, true), VQ_OK);
    start();
    assert_int_equal(p.driver.vectors, 2);
    for (uint16_t i = 0; i < 2; i++) {
        use(i);
        assert_int_equal(p.messages, i + 1);
        assert_int_equal(p.vector, 1);
    }
}

/* Off again: INTx, and the ISR status says why. */
static void intx(void **state)
{
    (void)state;
    make(VECTORS);
    assert_int_equal(vq_pci_driver_enable_messages(&p.driver, true), VQ_OK);
    assert_int_equal(vq_pci_driver_enable_messages(&p.driver, false), VQ_OK);
    start();
    assert_int_equal(p.driver.vectors, 0);
    use(0);
    assert_int_equal(p.messages, 0);
    assert_int_equal(p.lines, 1);
    vq_model_config_changed(&p.device.state);
    assert_true(p.device.high);
    assert_int_equal(vq_pci_driver_interrupt(&p.driver, VQ_MSI_NO_VECTOR),
                     VQ_EVENT_QUEUE | VQ_EVENT_CONFIG);
    assert_false(p.device.high);

    make(0);
    assert_int_equal(vq_pci_driver_enable_messages(&p.driver, true), VQ_ERR_UNSUPPORTED);
    assert_int_equal(vq_pci_driver_set_message(&p.driver, 0, 0, 0), VQ_ERR_UNSUPPORTED);
}

static const struct CMUnitTest tests[] = {
    VQ_TEST(zeroed_rings, "rings are empty when a queue is enabled [PCI-DRV-VQCFG-01]"),
    VQ_TEST(table, "a message for each event, where it was wanted [PCI-DRV-MSIX-04 "
                   "PCI-DRV-MSIX-05]"),
    VQ_TEST(shared_vector, "queues share a vector where there are too few [PCI-DRV-MSIX-03]"),
    VQ_TEST(intx, "without messages INTx tells of both [PCI-DRV-CFGINT-02]"),
};

int main(void)
{
    return VQ_RUN(tests);
}
