/* Drivers and devices of the console type that mean harm. */
#include "console_rig.h"

/* What a device may say of ports, in every wrong way. */
static void wild_messages(void **state)
{
    uint8_t more[56];
    con_by_hand(*state, 3);
    assert_int_equal(con_open(*state, 3), VQ_OK);
    con_expect(0, VQ_CONSOLE_DEVICE_READY, 1);
    memset(more, 0xff, sizeof more);

    /* Of ports that are not there, and of none; nothing is answered but PORT_ADD. */
    for (uint16_t event = 0; event < 10; event++) {
        if (event == VQ_CONSOLE_PORT_ADD)
            continue;
        con_tell(1, event, 1, more, 64);
        con_tell(UINT32_MAX, event, 1, more, 64);
        con_tell(3, event, UINT16_MAX, more, 64);
        (void)vq_console_driver_poll(&c.driver);
        con_expect_silence();
    }
    con_tell(UINT32_MAX, VQ_CONSOLE_PORT_ADD, 0, more, 64);
    (void)vq_console_driver_poll(&c.driver);
    con_expect(UINT32_MAX, VQ_CONSOLE_PORT_READY, 0);

    /* Short ones, down to nothing: no stale bytes of the buffer are taken for a message. */
    con_tell(1, VQ_CONSOLE_PORT_ADD, 1, NULL, 8);
    (void)vq_console_driver_poll(&c.driver);
    con_expect(1, VQ_CONSOLE_PORT_READY, 1);
    for (uint32_t bytes = 0; bytes < 8; bytes++) {
        con_tell(1, VQ_CONSOLE_PORT_REMOVE, 1, NULL, bytes);
        (void)vq_console_driver_poll(&c.driver);
        assert_true(c.driver.ports[1].present);
    }
    for (uint32_t bytes = 8; bytes < 12; bytes++) {
        con_tell(1, VQ_CONSOLE_RESIZE, 1, more, bytes);
        (void)vq_console_driver_poll(&c.driver);
        assert_int_equal(c.driver.ports[1].cols, 0);
    }
    /* A name without an end, one that is empty, one of a NUL. */
    con_tell(1, VQ_CONSOLE_PORT_NAME, 1, more, 64);
    (void)vq_console_driver_poll(&c.driver);
    assert_int_equal(strlen(c.driver.ports[1].name), VQ_CONSOLE_NAME_MAX);
    con_tell(1, VQ_CONSOLE_PORT_NAME, 1, NULL, 8);
    (void)vq_console_driver_poll(&c.driver);
    assert_string_equal(c.driver.ports[1].name, "");
    more[0] = 'x';
    more[1] = 0;
    con_tell(1, VQ_CONSOLE_PORT_NAME, 1, more, 16);
    (void)vq_console_driver_poll(&c.driver);
    assert_string_equal(c.driver.ports[1].name, "x");

    /* Twice the same. */
    con_tell(1, VQ_CONSOLE_PORT_ADD, 1, NULL, 8);
    (void)vq_console_driver_poll(&c.driver);
    con_expect(1, VQ_CONSOLE_PORT_READY, 1);
    assert_string_equal(c.driver.ports[1].name, "x");
    con_tell(1, VQ_CONSOLE_PORT_REMOVE, 1, NULL, 8);
    con_tell(1, VQ_CONSOLE_PORT_REMOVE, 1, NULL, 8);
    (void)vq_console_driver_poll(&c.driver);
    assert_false(c.driver.ports[1].present);
    con_expect_silence();
}

/* A used length beyond the buffer: what stands behind it is not read. */
static void long_messages(void **state)
{
    struct hand_buffer b;
    uint8_t text[CON_BYTES * 2];
    con_by_hand(*state, 0);
    assert_int_equal(con_open(*state, 0), VQ_OK);
    assert_true(hand_pop(&c.hand, 0, &b));
    memset(b.segments[0].base, 'a', CON_BYTES);
    hand_push(&c.hand, 0, &b, UINT32_MAX);
    assert_int_equal(vq_console_driver_read(&c.driver, 0, text, sizeof text), CON_BYTES);
    for (unsigned i = 0; i < CON_BYTES; i++)
        assert_int_equal(text[i], 'a');
}

/* Buffers that come back with nothing, for ever: each read does a bounded number. */
static void nothing_for_ever(void **state)
{
    struct hand_buffer b;
    uint8_t text[4];
    con_by_hand(*state, 0);
    assert_int_equal(con_open(*state, 0), VQ_OK);
    for (unsigned round = 0; round < 100; round++) {
        while (hand_pop(&c.hand, 0, &b))
            hand_push(&c.hand, 0, &b, round == 99 && b.buffer.id == 0 ? 1 : 0);
        size_t got = vq_console_driver_read(&c.driver, 0, text, sizeof text);
        assert_int_equal(got, round == 99 ? 1 : 0);
    }
}

/* A device that adds and never takes an answer is not listened to, and the ports go on. */
static void takes_no_answer(void **state)
{
    struct hand_buffer b;
    uint8_t text[4];
    con_by_hand(*state, 1);
    c.hand.queue_size = 4;
    assert_int_equal(con_open(*state, 1), VQ_OK);
    for (unsigned i = 0; i < 4; i++)
        con_tell(0, VQ_CONSOLE_PORT_ADD, 1, NULL, 8);
    (void)vq_console_driver_poll(&c.driver);
    /* DEVICE_READY and three answers fill the queue: the fourth message waits. */
    for (unsigned i = 0; i < 3; i++)
        con_tell(0, VQ_CONSOLE_CONSOLE_PORT, 1, NULL, 8);
    assert_false(hand_pop(&c.hand, VQ_CONSOLE_CONTROL_RECEIVE, &b));
    (void)vq_console_driver_poll(&c.driver);
    assert_false(c.driver.ports[0].console);
    assert_int_equal(vq_console_driver_set_open(&c.driver, 0, true), VQ_ERR_FULL);
    assert_true(hand_pop(&c.hand, 0, &b));
    memcpy(b.segments[0].base, "ok", 2);
    hand_push(&c.hand, 0, &b, 2);
    assert_int_equal(vq_console_driver_read(&c.driver, 0, text, 4), 2);
    /* As soon as it takes them, all goes on. */
    con_expect(0, VQ_CONSOLE_DEVICE_READY, 1);
    con_expect(0, VQ_CONSOLE_PORT_READY, 1);
    (void)vq_console_driver_poll(&c.driver);
    con_expect(0, VQ_CONSOLE_PORT_READY, 1);
    (void)vq_console_driver_poll(&c.driver);
    assert_true(c.driver.ports[0].console);
}

/* Each queue breaks alone; whoever waits hears of it. */
static void broken_queues(void **state)
{
    struct hand_buffer b;
    uint8_t text[4];
    con_by_hand(*state, 2);
    assert_int_equal(con_open(*state, 2), VQ_OK);
    con_tell(0, VQ_CONSOLE_PORT_ADD, 1, NULL, 8);
    con_tell(1, VQ_CONSOLE_PORT_ADD, 1, NULL, 8);
    (void)vq_console_driver_poll(&c.driver);
    vq_driver_break(&c.driver.ports[0].receive.ring, VQ_BROKEN_USED_ID);
    assert_int_equal(vq_console_driver_broken(&c.driver, 0), VQ_BROKEN_USED_ID);
    assert_int_equal(vq_console_driver_broken(&c.driver, 1), VQ_NOT_BROKEN);
    assert_int_equal(vq_console_driver_read(&c.driver, 0, text, 4), 0);
    assert_int_equal(vq_console_driver_wait(&c.driver, 0), VQ_ERR_BROKEN);
    assert_true(hand_pop(&c.hand, VQ_CONSOLE_RECEIVE(1), &b));
    hand_push(&c.hand, VQ_CONSOLE_RECEIVE(1), &b, 3);
    assert_int_equal(vq_console_driver_wait(&c.driver, 0), VQ_OK);
    assert_int_equal(vq_console_driver_read(&c.driver, 1, text, 4), 3);
    vq_driver_break(&c.driver.control_transmit.ring, VQ_BROKEN_USED_ID);
    assert_int_equal(vq_console_driver_set_open(&c.driver, 1, true), VQ_ERR_BROKEN);
    assert_int_equal(vq_console_driver_broken(&c.driver, 2), VQ_BROKEN_USED_ID);
    (void)vq_console_driver_poll(&c.driver);
    vq_driver_break(&c.driver.ports[1].transmit.ring, VQ_BROKEN_USED_ID);
    assert_int_equal(vq_console_driver_write(&c.driver, 1, "abc", 3), 0);
    assert_int_equal(vq_console_driver_close(&c.driver), VQ_OK);
}

/* Configuration space of a device that lies. */
static void wild_config(void **state)
{
    (void)state;
    con_by_hand(&rig_split, 3);
    memset(c.hand.config, 0, sizeof c.hand.config);
    assert_int_equal(con_open(&rig_split, 3), VQ_ERR_RANGE); /* no ports at all */
    assert_int_equal(c.why.step, VQ_INIT_SETUP);
    con_by_hand(&rig_split, 3);
    memset(c.hand.config, 0xff, sizeof c.hand.config);
    assert_int_equal(con_open(&rig_split, 3), VQ_OK);
    assert_int_equal(c.driver.port_count, 3);
    /* More ports than queues. */
    con_by_hand(&rig_split, 2);
    c.hand.config[VQ_CONSOLE_CONFIG_MAX_NR_PORTS] = 3;
    assert_int_equal(con_open(&rig_split, 3), VQ_ERR_RANGE);
    assert_int_equal(vq_console_driver_write(&c.driver, 0, "x", 1), 0);
    /* A space too short for what is offered: the features are left. */
    con_by_hand(&rig_split, 3);
    c.hand.config_size = 3;
    assert_int_equal(con_open(&rig_split, 3), VQ_OK);
    assert_false(c.driver.multiport);
    assert_int_equal(vq_console_driver_refresh(&c.driver), VQ_ERR_UNSUPPORTED);
}

/* The driver's end of a queue of the real device, by hand. */
static void send(uint16_t index, const struct vq_element *e, unsigned readable, unsigned writable)
{
    struct vq_driver_queue *q =
        index == VQ_CONSOLE_CONTROL_TRANSMIT  ? &c.driver.control_transmit.ring
        : index == VQ_CONSOLE_CONTROL_RECEIVE ? &c.driver.control_receive.ring
                                              : &c.driver.ports[0].transmit.ring;
    assert_true(vq_driver_add(q, e, readable, writable) >= 0);
    assert_int_equal(vq_queue_submit(q, &rig.loop.transport, index), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    struct vq_done done;
    assert_int_equal(vq_driver_get(q, &done, 1), 1);
    assert_int_equal(done.reported, 0);
}

static void say(uint32_t id, uint16_t event, uint16_t value, uint32_t bytes)
{
    uint32_t at = rig_take(64);
    con_put(rig_arena + at, id, 4);
    con_put(rig_arena + at + 4, event, 2);
    con_put(rig_arena + at + 6, value, 2);
    /* In as many pieces as there can be. */
    struct vq_element e[8];
    unsigned n = 0;
    for (uint32_t done = 0; done < bytes; n++) {
        uint32_t piece = n < 7 ? 1 : bytes - done;
        e[n] = (struct vq_element){RIG_BASE + at + done, piece};
        done += piece;
    }
    send(VQ_CONSOLE_CONTROL_TRANSMIT, e, n, 0);
}

/* What a driver may say of ports, in every wrong way. */
static void wild_driver(void **state)
{
    con_start(*state, 2);
    con_settle();
    assert_true(vq_console_device_connected(&c.dev, 0));
    struct vq_done done[CON_SIZE];
    (void)vq_driver_get(&c.driver.control_transmit.ring, done, CON_SIZE);
    for (uint16_t event = 0; event < 10; event++) {
        say(2, event, 1, 8);
        say(UINT32_MAX, event, 1, 8);
        say(1, event, 1, 8); /* not announced */
    }
    assert_false(vq_console_device_connected(&c.dev, 1));
    for (uint32_t bytes = 1; bytes < 8; bytes++)
        say(0, VQ_CONSOLE_PORT_OPEN, 0, bytes);
    assert_true(vq_console_device_connected(&c.dev, 0));
    say(0, VQ_CONSOLE_PORT_OPEN, 0, 64);
    assert_false(vq_console_device_connected(&c.dev, 0));
    /* Messages that the device is to write, where it is to read. */
    const struct vq_element e = {RIG_BASE + rig_take(64), 64};
    send(VQ_CONSOLE_CONTROL_TRANSMIT, &e, 0, 1);
    say(0, VQ_CONSOLE_DEVICE_READY, 0, 8);
    say(0, VQ_CONSOLE_DEVICE_READY, 1, 8);
    say(0, VQ_CONSOLE_PORT_READY, 0, 8);
    say(0, VQ_CONSOLE_PORT_READY, 1, 8);
    say(0, VQ_CONSOLE_PORT_OPEN, 1, 8);
    assert_true(vq_console_device_connected(&c.dev, 0));
    assert_int_equal(c.dev.model.ops->queue_broken(&c.dev.model, 3), VQ_NOT_BROKEN);
}

/* Buffers for control messages that are too small: no message is lost that fits into the next, and
 * none stands in the way of others for ever. */
static void small_buffers(void **state)
{
    struct vq_driver_queue *q = &c.driver.control_receive.ring;
    struct vq_done done;
    con_start(*state, 2);
    assert_int_equal(vq_console_device_resize(&c.dev, 0, 1, 2, NULL), VQ_OK);
    /* The driver's own buffers are taken first: fill them with what is due now. */
    for (unsigned i = 0; i < 8; i++)
        (void)vq_loopback_run(&rig.loop);
    struct vq_done all[CON_SIZE];
    assert_int_equal(vq_driver_get(q, all, CON_SIZE), 1); /* PORT_ADD */
    for (unsigned i = 0; i < 7; i++) {
        /* Seven more of them are in the device's hands: use them up by hotplug. */
        if (i % 2 == 0)
            assert_int_equal(vq_console_device_add(&c.dev, 1, false, "n"), VQ_OK);
        else
            assert_int_equal(vq_console_device_remove(&c.dev, 1), VQ_OK);
        (void)vq_loopback_run(&rig.loop);
        assert_int_equal(vq_driver_get(q, all, CON_SIZE), 1);
    }
    assert_int_equal(vq_console_say(&c.driver, 0, VQ_CONSOLE_PORT_READY, 1), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    uint32_t at = rig_take(64);
    static const struct {
        uint32_t room, written, event;
    } steps[] = {
        {7, 0, 0},
        {1, 0, 0},
        {8, 8, VQ_CONSOLE_CONSOLE_PORT},
        {8, 0, 0}, /* the size has no room and is given up */
        {8, 8, VQ_CONSOLE_PORT_OPEN},
    };
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const struct vq_element e = {RIG_BASE + at, steps[i].room};
        assert_true(vq_driver_add(q, &e, 0, 1) >= 0);
        assert_int_equal(vq_queue_submit(q, &rig.loop.transport, 2), VQ_OK);
        (void)vq_loopback_run(&rig.loop);
        assert_int_equal(vq_driver_get(q, &done, 1), 1);
        assert_int_equal(done.reported, steps[i].written);
        if (steps[i].written != 0)
            assert_int_equal(con_number(rig_arena + at + 4, 2), steps[i].event);
    }
    /* A name is cut between characters. */
    assert_int_equal(vq_console_device_remove(&c.dev, 0), VQ_OK);
    assert_int_equal(vq_console_device_add(&c.dev, 0, false, "ab\xe2\x82\xac"), VQ_OK);
    for (unsigned i = 0; i < 3; i++) {
        const struct vq_element e = {RIG_BASE + at, 12};
        assert_true(vq_driver_add(q, &e, 0, 1) >= 0);
        assert_int_equal(vq_queue_submit(q, &rig.loop.transport, 2), VQ_OK);
        (void)vq_loopback_run(&rig.loop);
        if (i == 1) {
            assert_int_equal(vq_console_say(&c.driver, 0, VQ_CONSOLE_PORT_READY, 1), VQ_OK);
            (void)vq_loopback_run(&rig.loop);
        }
        assert_int_equal(vq_driver_get(q, &done, 1), 1);
    }
    assert_int_equal(con_number(rig_arena + at + 4, 2), VQ_CONSOLE_PORT_NAME);
    assert_int_equal(done.reported, 10);
}

/* Buffers of a port that are no buffers for it, or somewhere else. */
static void odd_buffers(void **state)
{
    con_start(*state, 0);
    uint32_t at = rig_take(4096);
    char text[300];
    const struct vq_element writable = {RIG_BASE + at, 64};
    send(1, &writable, 0, 1);
    assert_int_equal(vq_console_device_output(&c.dev, 0, text, sizeof text), 0);
    /* One page many times over: taken as there is room, never more. */
    struct vq_element same[4];
    memset(rig_arena + at, 'm', 4096);
    for (unsigned i = 0; i < 4; i++)
        same[i] = (struct vq_element){RIG_BASE + at, 4096};
    struct vq_driver_queue *q = &c.driver.ports[0].transmit.ring;
    assert_true(vq_driver_add(q, same, 4, 0) >= 0);
    assert_int_equal(vq_queue_submit(q, &rig.loop.transport, 1), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    size_t total = 0;
    for (unsigned i = 0; i < 1000; i++) {
        size_t n = vq_console_device_output(&c.dev, 0, text, sizeof text);
        assert_true(n <= 100);
        total += n;
        (void)vq_loopback_run(&rig.loop);
    }
    assert_int_equal(total, 4 * 4096);
    struct vq_done done;
    assert_int_equal(vq_driver_get(q, &done, 1), 1);
    /* What is held when all stops comes back. */
    assert_true(vq_driver_add(q, same, 4, 0) >= 0);
    assert_int_equal(vq_queue_submit(q, &rig.loop.transport, 1), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_console_driver_close(&c.driver), VQ_OK);
    assert_int_equal(con_open(*state, 0), VQ_OK);
    (void)vq_console_device_output(&c.dev, 0, text, sizeof text);
    assert_int_equal(vq_console_driver_write(&c.driver, 0, "again", 5), 5);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_console_device_output(&c.dev, 0, text, sizeof text), 5);

    /* Not memory: the queue breaks, the other one lives on. */
    const struct vq_element nowhere = {RIG_BASE + RIG_ARENA, 64};
    assert_true(vq_driver_add(q, &nowhere, 1, 0) >= 0);
    assert_int_equal(vq_queue_submit(q, &rig.loop.transport, 1), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(c.dev.model.ops->queue_broken(&c.dev.model, 1), VQ_BROKEN_ADDRESS);
    assert_int_equal(vq_console_device_input(&c.dev, 0, "in", 2), 2);
    (void)vq_loopback_run_queue(&rig.loop, 0);
    assert_int_equal(vq_console_driver_read(&c.driver, 0, text, sizeof text), 2);
}

/* Random bytes as control messages, in both directions, for a while. */
static void random_talk(void **state)
{
    struct vq_random r = {4};
    static const char *const names[] = {NULL, "a", "\xff\xfe", "\x80\x80\x80"};
    con_start(*state, 3);
    con_settle();
    unsigned added = 0, opened = 0;
    uint8_t bytes[64];
    for (unsigned round = 0; round < 20000; round++) {
        uint16_t port = (uint16_t)vq_random_below(&r, 4);
        switch (vq_random_below(&r, 8)) {
        case 0:
            (void)vq_console_device_add(&c.dev, port, port & 1, names[vq_random_below(&r, 4)]);
            break;
        case 1:
            (void)vq_console_device_remove(&c.dev, port);
            break;
        case 2:
            (void)vq_console_device_set_open(&c.dev, port, vq_random_below(&r, 2) != 0);
            (void)vq_console_device_resize(&c.dev, port, port, 1, NULL);
            break;
        case 3:
            (void)vq_console_device_input(&c.dev, port, names[1], 1);
            (void)vq_console_driver_write(&c.driver, port, names[1], 1);
            break;
        case 4:
            (void)vq_console_driver_set_open(&c.driver, port, vq_random_below(&r, 2) != 0);
            break;
        case 5:
            (void)vq_console_say(&c.driver, port, (uint16_t)vq_random_below(&r, 9),
                                 (uint16_t)vq_random_below(&r, 2));
            break;
        case 6:
            (void)vq_console_driver_read(&c.driver, port, bytes, sizeof bytes);
            (void)vq_console_device_output(&c.dev, port, bytes, sizeof bytes);
            break;
        default:
            (void)vq_loopback_run(&rig.loop);
            (void)vq_console_driver_poll(&c.driver);
        }
        for (uint16_t i = 0; i < 3; i++) {
            added += (c.driver.ports[i].news & VQ_CONSOLE_NEWS_ADDED) != 0;
            opened += vq_console_device_connected(&c.dev, i);
            c.driver.ports[i].news = 0;
        }
    }
    assert_true(added > 100 && opened > 1000);
    for (uint16_t i = 0; i < 8; i++)
        assert_int_equal(c.dev.model.ops->queue_broken(&c.dev.model, i), VQ_NOT_BROKEN);
    for (uint16_t i = 0; i <= 3; i++)
        assert_int_equal(vq_console_driver_broken(&c.driver, i), VQ_NOT_BROKEN);
    assert_int_equal(vq_console_driver_close(&c.driver), VQ_OK);
    assert_int_equal(con_open(*state, 3), VQ_OK);
    con_settle();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_EACH_WAY(wild_messages, "control messages of a device that lies"),
        RIG_EACH_WAY(long_messages, "a used length beyond the buffer"),
        RIG_EACH_WAY(nothing_for_ever, "buffers that come back with nothing"),
        VQ_TEST_STATE(takes_no_answer, &rig_split, "a device that takes no answers"),
        VQ_TEST_STATE(broken_queues, &rig_split, "each queue breaks alone"),
        VQ_TEST(wild_config, "configuration space of a device that lies"),
        RIG_EACH_WAY(wild_driver, "control messages of a driver that lies"),
        RIG_EACH_WAY(small_buffers, "buffers too small for a message"),
        RIG_EACH_WAY(odd_buffers, "buffers that are no buffers for a console [BUG-33]"),
        RIG_EACH_WAY(random_talk, "20000 steps of anything"),
    };
    return VQ_RUN(tests);
}
