/* The rows of the console device, each end against one that the test speaks for. */
#include "console_rig.h"

#include <vq/mmio_device.h>

static uint32_t field(uint32_t offset, unsigned bytes, bool big)
{
    uint8_t raw[4] = {0};
    uint32_t value = 0;
    c.dev.model.ops->read_config(&c.dev.model, offset, raw, bytes);
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)raw[big ? bytes - 1 - i : i] << (8 * i);
    return value;
}

static void port_counts(void **state)
{
    (void)state;
    for (uint16_t ports = 1; ports <= 4; ports++) {
        con_start(&rig_split, ports);
        assert_int_equal(field(VQ_CONSOLE_CONFIG_MAX_NR_PORTS, 4, false), ports);
        assert_int_equal(c.driver.port_count, ports);
        assert_int_equal(c.dev.model.ops->queue_count(&c.dev.model), 2 * ports + 2);
    }
}

static void queues_without_multiport(void **state)
{
    struct vq_features without = {{0}};
    (void)state;
    con_defaults(0);
    con_device(&rig_split);
    assert_int_equal(c.dev.model.ops->queue_count(&c.dev.model), 2);
    assert_int_equal(c.dev.model.ops->queue_size_max(&c.dev.model, 2), 0);
    /* Offered, and not accepted. */
    con_defaults(3);
    con_device(&rig_split);
    assert_int_equal(c.dev.model.ops->queue_count(&c.dev.model), 8);
    vq_feature_set(&without, VQ_F_VERSION_1);
    assert_int_equal(c.dev.model.ops->accept(&c.dev.model, &without), VQ_OK);
    assert_int_equal(c.dev.model.ops->queue_count(&c.dev.model), 2);
    assert_int_equal(c.dev.model.ops->queue_size_max(&c.dev.model, VQ_CONSOLE_CONTROL_RECEIVE), 0);
    assert_int_equal(c.dev.model.ops->queue_size_max(&c.dev.model, VQ_CONSOLE_RECEIVE(1)), 0);
}

static void device_config_order(void **state)
{
    static const uint8_t little[12] = {80, 0, 25, 0, 3}, big[12] = {0, 80, 0, 25, 0, 0, 0, 3};
    const struct rig_way *way = *state;
    uint8_t shown[12];
    con_start(way, 3);
    c.dev.model.ops->read_config(&c.dev.model, 0, shown, 12);
    assert_memory_equal(shown, way->legacy && rig.loop.transport.legacy_big_endian ? big : little,
                        12);
    /* What is not offered is zero. */
    con_defaults(0);
    c.config.cols = c.config.rows = 0;
    con_device(way);
    for (uint32_t i = 0; i < 12; i++)
        assert_int_equal(field(i, 1, false), 0);
}

static void driver_config_order(void **state)
{
    con_by_hand(*state, 3);
    assert_int_equal(con_open(*state, 4), VQ_OK);
    assert_int_equal(c.driver.ports[0].cols, 132);
    assert_int_equal(c.driver.ports[0].rows, 43);
    assert_int_equal(c.driver.port_count, 3);
}

static void emergency(void **state)
{
    const struct rig_way *way = *state;
    con_defaults(2);
    c.config.without = rig_without(way);
    con_device(way);
    /* At status 0: no queue, no negotiation. */
    assert_int_equal(vq_console_emergency(&rig.loop.transport, 'a'), VQ_OK);
    assert_int_equal(c.distressed, 1);
    assert_int_equal(c.distress[0], 'a');
    assert_int_equal(con_open(way, 2), VQ_OK);
    con_settle();
    assert_int_equal(vq_console_emergency(&rig.loop.transport, 'b'), VQ_OK);
    vq_transport_fail(&rig.loop.transport);
    assert_int_equal(vq_console_emergency(&rig.loop.transport, 'c'), VQ_OK);
    assert_string_equal(c.distress, "abc");
    assert_int_equal(vq_console_driver_close(&c.driver), VQ_OK);
    assert_int_equal(con_open(way, 2), VQ_OK);
    con_settle();
    assert_true(c.driver.ports[0].opened);

    /* Where it is not offered nothing is written. */
    con_defaults(0);
    c.config.emergency = NULL;
    con_device(way);
    assert_int_equal(vq_console_emergency(&rig.loop.transport, 'a'), VQ_ERR_UNSUPPORTED);
}

/* Registers that take no other configuration before FEATURES_OK take this. */
static void emergency_by_registers(void **state)
{
    struct vq_mmio_device d;
    (void)state;
    con_defaults(0);
    con_device(&rig_split);
    const struct vq_mmio_device_config config = {.device = {.model = &c.dev.model,
                                                            .memory = &rig.memory,
                                                            .queues = rig.queues,
                                                            .queue_count = RIG_QUEUES}};
    assert_int_equal(vq_mmio_device_init(&d, &config), VQ_OK);
    vq_mmio_device_write(&d, VQ_MMIO_CONFIG + VQ_CONSOLE_CONFIG_EMERG_WR, 4, 'a');
    vq_mmio_device_write(&d, VQ_MMIO_STATUS, 4, VQ_STATUS_ACKNOWLEDGE);
    vq_mmio_device_write(&d, VQ_MMIO_CONFIG + VQ_CONSOLE_CONFIG_EMERG_WR, 4, 'b');
    vq_mmio_device_write(&d, VQ_MMIO_STATUS, 4, VQ_STATUS_ACKNOWLEDGE | VQ_STATUS_FAILED);
    vq_mmio_device_write(&d, VQ_MMIO_CONFIG + VQ_CONSOLE_CONFIG_EMERG_WR, 1, 'c');
    assert_string_equal(c.distress, "abc");
}

/* The character is the low byte; what else is written does nothing. */
static void low_byte(void **state)
{
    static const uint8_t word[4] = {'x', 'y', 'z', '!'};
    const struct vq_device_model_ops *ops;
    (void)state;
    con_defaults(0);
    con_device(&rig_split);
    c.dev.model.big_endian = false;
    ops = c.dev.model.ops;
    assert_int_equal(ops->write_config(&c.dev.model, 8, word, 4), VQ_OK);
    assert_int_equal(ops->write_config(&c.dev.model, 8, word + 1, 1), VQ_OK);
    assert_int_equal(ops->write_config(&c.dev.model, 10, word, 2), VQ_OK);
    assert_int_equal(ops->write_config(&c.dev.model, 0, word, 4), VQ_ERR_RANGE);
    assert_int_equal(ops->write_config(&c.dev.model, 8, word, 5), VQ_ERR_RANGE);
    assert_int_equal(ops->write_config(&c.dev.model, UINT32_MAX, word, 4), VQ_ERR_RANGE);
    assert_int_equal(c.distressed, 2);
    assert_string_equal(c.distress, "xy");
    assert_int_equal(field(0, 2, false), 80);
}

static void directions(void **state)
{
    struct hand_buffer b;
    con_by_hand(*state, 2);
    assert_int_equal(con_open(*state, 2), VQ_OK);
    static const uint16_t receive[] = {0, VQ_CONSOLE_CONTROL_RECEIVE, 4};
    for (unsigned i = 0; i < 3; i++)
        for (unsigned n = 0; n < CON_SIZE; n++) {
            assert_true(hand_pop(&c.hand, receive[i], &b));
            assert_int_equal(b.buffer.readable, 0);
            assert_int_equal(b.buffer.writable, 1);
            hand_push(&c.hand, receive[i], &b, 0);
        }
    (void)vq_console_driver_poll(&c.driver);
    con_expect(0, VQ_CONSOLE_DEVICE_READY, 1);
    con_tell(1, VQ_CONSOLE_PORT_ADD, 1, NULL, 8);
    (void)vq_console_driver_poll(&c.driver);
    con_expect(1, VQ_CONSOLE_PORT_READY, 1);
    assert_int_equal(vq_console_driver_write(&c.driver, 1, con_private, 3 * CON_BYTES - 1),
                     3 * CON_BYTES - 1);
    for (unsigned n = 0; n < 3; n++) {
        assert_true(hand_pop(&c.hand, VQ_CONSOLE_TRANSMIT(1), &b));
        assert_int_equal(b.buffer.writable, 0);
        assert_int_equal(b.buffer.readable_bytes, n < 2 ? CON_BYTES : CON_BYTES - 1);
    }
}

static void size_of_port_0(void **state)
{
    const struct rig_way *way = *state;
    con_start(way, 2);
    assert_int_equal(vq_console_device_add(&c.dev, 1, true, NULL), VQ_OK);
    con_settle();
    bool config_changed = false;
    assert_int_equal(vq_console_device_resize(&c.dev, 0, 100, 50, &config_changed), VQ_OK);
    assert_true(config_changed);
    vq_loopback_config_changed(&rig.loop);
    assert_true(vq_transport_take_events(&rig.loop.transport) & VQ_EVENT_CONFIG);
    c.driver.ports[0].news = c.driver.ports[1].news = 0;
    assert_int_equal(vq_console_driver_refresh(&c.driver), VQ_OK);
    assert_int_equal(c.driver.ports[0].news, VQ_CONSOLE_NEWS_SIZE);
    assert_int_equal(c.driver.ports[0].cols, 100);
    assert_int_equal(c.driver.ports[0].rows, 50);
    assert_int_equal(c.driver.ports[1].news, 0);
    assert_int_equal(c.driver.ports[1].cols, 0);

    /* Neither does a port that is added bring its own size, nor does port 0 lose it. */
    con_by_hand(way, 2);
    assert_int_equal(con_open(way, 2), VQ_OK);
    con_tell(0, VQ_CONSOLE_PORT_ADD, 1, NULL, 8);
    con_tell(1, VQ_CONSOLE_PORT_ADD, 1, NULL, 8);
    (void)vq_console_driver_poll(&c.driver);
    assert_int_equal(c.driver.ports[0].cols, 132);
    assert_int_equal(c.driver.ports[1].cols, 0);
}

/* Opens the driver on the real device and says it is there, but takes the messages by itself. */
static void meet(const struct rig_way *way, uint16_t ports)
{
    con_start(way, ports);
}

static void several_consoles(void **state)
{
    meet(*state, 3);
    assert_int_equal(vq_console_device_add(&c.dev, 2, true, NULL), VQ_OK);
    con_settle();
    assert_true(c.driver.ports[0].console && c.driver.ports[2].console);
    assert_false(c.driver.ports[1].present);
}

static void adds_no_port_twice(void **state)
{
    uint8_t message[VQ_CONSOLE_MESSAGE_BYTES] = {0};
    meet(*state, 3);
    assert_int_equal(vq_console_device_add(&c.dev, 1, false, NULL), VQ_OK);
    assert_int_equal(vq_console_device_add(&c.dev, 1, false, NULL), VQ_ERR_STATE);
    assert_int_equal(vq_console_device_add(&c.dev, 0, true, NULL), VQ_ERR_STATE);
    con_expect_raw(0, VQ_CONSOLE_PORT_ADD, 1);
    con_expect_raw(1, VQ_CONSOLE_PORT_ADD, 1);
    assert_int_equal(con_raw(message), 0);
    /* Not even when the driver says again that it is ready, or when a port goes and comes. */
    assert_int_equal(vq_console_say(&c.driver, 0, VQ_CONSOLE_DEVICE_READY, 1), VQ_OK);
    assert_int_equal(con_raw(message), 0);
    assert_int_equal(vq_console_device_remove(&c.dev, 1), VQ_OK);
    assert_int_equal(vq_console_device_add(&c.dev, 1, false, NULL), VQ_OK);
    con_expect_raw(1, VQ_CONSOLE_PORT_REMOVE, 1);
    con_expect_raw(1, VQ_CONSOLE_PORT_ADD, 1);
    assert_int_equal(con_raw(message), 0);
}

static void adds_no_port_beyond(void **state)
{
    uint8_t message[VQ_CONSOLE_MESSAGE_BYTES] = {0};
    meet(*state, 2);
    assert_int_equal(vq_console_device_add(&c.dev, 2, false, NULL), VQ_ERR_RANGE);
    assert_int_equal(vq_console_device_add(&c.dev, UINT16_MAX, false, NULL), VQ_ERR_RANGE);
    con_expect_raw(0, VQ_CONSOLE_PORT_ADD, 1);
    assert_int_equal(con_raw(message), 0);
}

static void removes_no_unknown_port(void **state)
{
    uint8_t message[VQ_CONSOLE_MESSAGE_BYTES] = {0};
    meet(*state, 3);
    assert_int_equal(vq_console_device_remove(&c.dev, 1), VQ_ERR_STATE);
    assert_int_equal(vq_console_device_remove(&c.dev, 7), VQ_ERR_STATE);
    /* Added and removed before the driver heard of it. */
    assert_int_equal(vq_console_device_add(&c.dev, 2, false, NULL), VQ_OK);
    assert_int_equal(vq_console_device_remove(&c.dev, 2), VQ_OK);
    assert_int_equal(vq_console_device_remove(&c.dev, 2), VQ_ERR_STATE);
    con_expect_raw(0, VQ_CONSOLE_PORT_ADD, 1);
    assert_int_equal(con_raw(message), 0);
    assert_int_equal(vq_console_device_remove(&c.dev, 0), VQ_OK);
    con_expect_raw(0, VQ_CONSOLE_PORT_REMOVE, 1);
    assert_int_equal(con_raw(message), 0);
}

static void resize_message(void **state)
{
    uint8_t message[VQ_CONSOLE_MESSAGE_BYTES] = {0};
    meet(*state, 2);
    assert_int_equal(vq_console_device_add(&c.dev, 1, false, NULL), VQ_OK);
    con_expect_raw(0, VQ_CONSOLE_PORT_ADD, 1);
    con_expect_raw(1, VQ_CONSOLE_PORT_ADD, 1);
    assert_int_equal(vq_console_say(&c.driver, 1, VQ_CONSOLE_PORT_READY, 1), VQ_OK);
    assert_int_equal(vq_console_device_resize(&c.dev, 1, 0x1234, 0x56, NULL), VQ_OK);
    assert_int_equal(con_raw(message), 12);
    assert_int_equal(con_number(message, 4), 1);
    assert_int_equal(con_number(message + 4, 2), VQ_CONSOLE_RESIZE);
    assert_int_equal(con_number(message + 8, 2), 0x1234);
    assert_int_equal(con_number(message + 10, 2), 0x56);
    assert_int_equal(con_raw(message), 0);
}

static void name_message(void **state)
{
    static const char name[] = "org.qemu.guest_\xc3\xa4gent";
    uint8_t message[VQ_CONSOLE_MESSAGE_BYTES] = {0};
    meet(*state, 2);
    assert_int_equal(vq_console_device_add(&c.dev, 1, false, name), VQ_OK);
    con_expect_raw(0, VQ_CONSOLE_PORT_ADD, 1);
    con_expect_raw(1, VQ_CONSOLE_PORT_ADD, 1);
    assert_int_equal(vq_console_say(&c.driver, 1, VQ_CONSOLE_PORT_READY, 1), VQ_OK);
    assert_int_equal(con_raw(message), 8 + sizeof name - 1);
    assert_int_equal(con_number(message + 4, 2), VQ_CONSOLE_PORT_NAME);
    assert_memory_equal(message + 8, name, sizeof name - 1);
}

static void device_ready_first(void **state)
{
    con_by_hand(*state, 2);
    assert_int_equal(con_open(*state, 2), VQ_OK);
    con_expect(0, VQ_CONSOLE_DEVICE_READY, 1);
    con_expect_silence();
}

static void console_port(void **state)
{
    con_by_hand(*state, 2);
    assert_int_equal(con_open(*state, 2), VQ_OK);
    con_expect(0, VQ_CONSOLE_DEVICE_READY, 1);
    con_tell(1, VQ_CONSOLE_PORT_ADD, 1, NULL, 8);
    assert_true(vq_console_driver_poll(&c.driver));
    con_expect(1, VQ_CONSOLE_PORT_READY, 1);
    assert_false(c.driver.ports[1].console);
    /* The answer's value is 1, whatever that of the question is. */
    for (uint16_t value = 0; value < 3; value++) {
        con_tell(1, VQ_CONSOLE_CONSOLE_PORT, value, NULL, 8);
        assert_true(vq_console_driver_poll(&c.driver));
        con_expect(1, VQ_CONSOLE_PORT_OPEN, 1);
    }
    con_expect_silence();
    assert_true(c.driver.ports[1].console && c.driver.ports[1].opened);
    assert_true(c.driver.ports[1].news & VQ_CONSOLE_NEWS_CONSOLE);
}

static void port_ready(void **state)
{
    con_by_hand(*state, 8);
    assert_int_equal(con_open(*state, 2), VQ_OK);
    con_expect(0, VQ_CONSOLE_DEVICE_READY, 1);
    con_tell(0, VQ_CONSOLE_PORT_ADD, 1, NULL, 8);
    con_tell(7, VQ_CONSOLE_PORT_ADD, 1, NULL, 8); /* more than this driver has room for */
    (void)vq_console_driver_poll(&c.driver);
    con_expect(0, VQ_CONSOLE_PORT_READY, 1);
    con_expect(7, VQ_CONSOLE_PORT_READY, 0);
    assert_true(c.driver.ports[0].present);
    assert_false(c.driver.ports[1].present);
}

/* A legacy device that is wrong about how much it wrote into what it may only read. */
static void transmit_lengths(void **state)
{
    struct hand_buffer b;
    con_by_hand(*state, 1);
    assert_int_equal(con_open(*state, 1), VQ_OK);
    assert_true(hand_pop(&c.hand, VQ_CONSOLE_CONTROL_TRANSMIT, &b));
    hand_push(&c.hand, VQ_CONSOLE_CONTROL_TRANSMIT, &b, 12345);
    con_tell(0, VQ_CONSOLE_PORT_ADD, 1, NULL, 8);
    (void)vq_console_driver_poll(&c.driver);
    con_expect(0, VQ_CONSOLE_PORT_READY, 1);
    for (unsigned i = 0; i < 3 * CON_SIZE; i++) {
        assert_int_equal(vq_console_driver_write(&c.driver, 0, "x", 1), 1);
        assert_true(hand_pop(&c.hand, VQ_CONSOLE_TRANSMIT(0), &b));
        hand_push(&c.hand, VQ_CONSOLE_TRANSMIT(0), &b, i % 2 != 0 ? UINT32_MAX : 0);
    }
    assert_int_equal(vq_console_driver_unsent(&c.driver, 0), 0);
    assert_int_equal(vq_console_driver_broken(&c.driver, 0), VQ_NOT_BROKEN);
    assert_int_equal(vq_console_driver_broken(&c.driver, 1), VQ_NOT_BROKEN);
}

static void single_descriptors(void **state)
{
    struct hand_buffer b;
    const struct rig_way *way = *state;
    con_by_hand(way, 1);
    vq_feature_clear(&c.hand.offered, VQ_F_ANY_LAYOUT);
    assert_int_equal(con_open(way, 1), VQ_OK);
    assert_true(vq_transport_legacy(&rig.loop.transport));
    assert_true(hand_pop(&c.hand, VQ_CONSOLE_CONTROL_RECEIVE, &b));
    assert_int_equal(b.buffer.readable + b.buffer.writable, 1);
    assert_true(hand_pop(&c.hand, VQ_CONSOLE_CONTROL_TRANSMIT, &b));
    assert_int_equal(b.buffer.readable + b.buffer.writable, 1);
}

/* The bytes of a message themselves, both ways, in the driver's own order. */
static void driver_message_order(void **state)
{
    static const uint8_t little[8] = {0, 0, 0, 0, 0, 0, 1, 0}, big[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    struct hand_buffer b;
    con_by_hand(*state, 1);
    assert_int_equal(con_open(*state, 1), VQ_OK);
    assert_true(hand_pop(&c.hand, VQ_CONSOLE_CONTROL_TRANSMIT, &b));
    assert_memory_equal(b.segments[0].base,
                        vq_transport_big_endian(&rig.loop.transport) ? big : little, 8);
}

static void device_message_order(void **state)
{
    static const uint8_t little[8] = {1, 0, 0, 0, 1, 0, 1, 0}, big[8] = {0, 0, 0, 1, 0, 1, 0, 1};
    uint8_t message[VQ_CONSOLE_MESSAGE_BYTES] = {0};
    con_start(*state, 2);
    assert_int_equal(vq_console_device_remove(&c.dev, 0), VQ_OK);
    assert_int_equal(vq_console_device_add(&c.dev, 1, false, NULL), VQ_OK);
    /* That it answers at all shows that DEVICE_READY was understood. */
    assert_int_equal(con_raw(message), 8);
    assert_memory_equal(message, vq_transport_big_endian(&rig.loop.transport) ? big : little, 8);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(port_counts, "a device has one port or several [CON-DEV-CFG-01]"),
        VQ_TEST(queues_without_multiport,
                "without MULTIPORT there are two queues [CON-DEV-CFG-02]"),
        VQ_TEST_STATE(device_config_order, &rig_split, "configuration space is little-endian"),
        VQ_TEST_STATE(device_config_order, &rig_legacy_big,
                      "configuration space has a legacy driver's order [CON-DEV-CFG-03]"),
        VQ_TEST_STATE(driver_config_order, &rig_packed, "the driver reads little-endian"),
        VQ_TEST_STATE(driver_config_order, &rig_legacy_big,
                      "a legacy driver reads its own order [CON-DRV-CFG-01]"),
        RIG_EACH_WAY(emergency, "a character in distress, in any state "
                                "[CON-DRV-CFG-02 CON-DEV-INIT-01 CON-DEV-INIT-02]"),
        VQ_TEST(emergency_by_registers,
                "a character in distress by registers [CON-DEV-INIT-01 CON-DEV-INIT-02]"),
        VQ_TEST(low_byte, "the character is the low byte of emerg_wr [CON-DEV-INIT-02]"),
        RIG_EACH_WAY(directions, "what is received is written by the device only, what is "
                                 "transmitted read [CON-DRV-OP-01 CON-DRV-OP-02]"),
        RIG_EACH_WAY(size_of_port_0,
                     "configuration space tells the size of port 0 [CON-DRV-OP-03]"),
        RIG_EACH_WAY(several_consoles, "several ports are consoles [CON-DEV-MULTI-01]"),
        RIG_EACH_WAY(adds_no_port_twice, "no port is added twice [CON-DEV-MULTI-02]"),
        RIG_EACH_WAY(adds_no_port_beyond, "no port is added beyond the most [CON-DEV-MULTI-03]"),
        RIG_EACH_WAY(removes_no_unknown_port,
                     "no port is removed that was not added [CON-DEV-MULTI-04]"),
        RIG_EACH_WAY(resize_message, "a size is cols and rows [CON-DEV-MULTI-05]"),
        RIG_EACH_WAY(name_message, "a name has no NUL [CON-DEV-MULTI-06]"),
        RIG_EACH_WAY(device_ready_first, "the driver is ready first [CON-DRV-MULTI-01]"),
        RIG_EACH_WAY(console_port, "the driver opens a console "
                                   "[CON-DRV-MULTI-02 CON-DRV-MULTI-03 CON-DRV-MULTI-04]"),
        RIG_EACH_WAY(port_ready, "the driver answers each port [CON-DRV-MULTI-05]"),
        RIG_EACH_WAY(transmit_lengths, "used lengths of what was transmitted do not count "
                                       "[CON-DRV-LEG-02]"),
        VQ_TEST_STATE(single_descriptors, &rig_legacy,
                      "a control message is one descriptor [CON-DRV-LEG-03]"),
        VQ_TEST_STATE(driver_message_order, &rig_split, "the driver's messages are little-endian"),
        VQ_TEST_STATE(driver_message_order, &rig_legacy_big,
                      "a legacy driver's messages have its own order [CON-DRV-LEG-01]"),
        VQ_TEST_STATE(device_message_order, &rig_split, "the device's messages are little-endian"),
        VQ_TEST_STATE(device_message_order, &rig_legacy_big,
                      "the device's messages have a legacy driver's order [CON-DEV-LEG-01]"),
    };
    return VQ_RUN(tests);
}
