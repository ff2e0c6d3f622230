/* The console device and its driver, one against the other. */
#include "console_rig.h"

static uint8_t sample(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

/* Sends `count` bytes both ways over a port, in chunks that suit neither end. */
static void pump(uint16_t port, size_t count)
{
    size_t up = 0, up_seen = 0, down = 0, down_seen = 0;
    uint8_t bytes[128];
    for (unsigned turns = 0; up_seen < count || down_seen < count; turns++) {
        assert_true(turns < 20000);
        size_t n = 1 + turns % 61;
        for (size_t i = 0; i < n; i++)
            bytes[i] = sample(up + i);
        n = up + n <= count ? n : count - up;
        up += vq_console_driver_write(&c.driver, port, bytes, n);

        n = 1 + turns % 53;
        for (size_t i = 0; i < n; i++)
            bytes[i] = sample(down + i);
        n = down + n <= count ? n : count - down;
        down += vq_console_device_input(&c.dev, port, bytes, n);
        if (turns % 3 == 0)
            (void)vq_loopback_run(&rig.loop);

        n = vq_console_device_output(&c.dev, port, bytes, 1 + turns % 47);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(bytes[i], sample(up_seen++));
        n = vq_console_driver_read(&c.driver, port, bytes, 1 + turns % 67);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(bytes[i], sample(down_seen++));
    }
    assert_int_equal(up, count);
    assert_int_equal(down, count);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_console_driver_unsent(&c.driver, port), 0);
}

static void one_port(void **state)
{
    con_start(*state, 0);
    assert_false(c.driver.multiport);
    assert_int_equal(c.driver.port_count, 1);
    assert_true(c.driver.ports[0].present && c.driver.ports[0].console && c.driver.ports[0].open);
    assert_int_equal(c.driver.ports[0].cols, 80);
    assert_int_equal(c.driver.ports[0].rows, 25);
    assert_true(vq_console_device_connected(&c.dev, 0));
    pump(0, 5000);
    assert_false(vq_console_driver_poll(&c.driver) &&
                 c.driver.ports[0].news != VQ_CONSOLE_NEWS_SIZE);
    assert_int_equal(vq_console_driver_set_open(&c.driver, 0, true), VQ_ERR_UNSUPPORTED);
    assert_int_equal(vq_console_driver_write(&c.driver, 1, "x", 1), 0);
    assert_int_equal(vq_console_driver_read(&c.driver, 1, con_private, 1), 0);
    assert_int_equal(vq_console_device_input(&c.dev, 1, "x", 1), 0);
    assert_int_equal(vq_console_driver_close(&c.driver), VQ_OK);
    assert_int_equal(vq_console_driver_read(&c.driver, 0, con_private, 1), 0);
    assert_false(vq_console_device_connected(&c.dev, 0));
}

/* A port's ring buffer that nobody empties stops that port, and loses nothing. */
static void full(void **state)
{
    uint8_t bytes[600], back[600];
    con_start(*state, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = sample(i);
    size_t put = 0;
    for (unsigned i = 0; i < 10; i++) {
        put += vq_console_driver_write(&c.driver, 0, bytes + put, sizeof bytes - put);
        (void)vq_loopback_run(&rig.loop);
    }
    /* 100 in the ring buffer, three buffers used up for them and one begun, seven more wait. */
    assert_int_equal(put, 3 * CON_BYTES + CON_SIZE * CON_BYTES);
    assert_int_equal(vq_console_driver_unsent(&c.driver, 0), CON_SIZE * CON_BYTES);
    assert_int_equal(c.dev.model.ops->queue_in_flight(&c.dev.model, VQ_CONSOLE_TRANSMIT(0)), 1);
    size_t got = 0;
    while (got < put) {
        size_t n = vq_console_device_output(&c.dev, 0, back + got, 7);
        assert_true(n != 0);
        got += n;
        (void)vq_loopback_run(&rig.loop);
    }
    assert_memory_equal(bytes, back, put);

    /* The other way: 300 in the ring buffer beside what the driver has buffers for. */
    put = 0;
    for (unsigned i = 0; i < 10; i++) {
        put += vq_console_device_input(&c.dev, 0, bytes + put, sizeof bytes - put);
        (void)vq_loopback_run(&rig.loop);
    }
    assert_int_equal(put, 300 + CON_SIZE * CON_BYTES);
    got = 0;
    while (got < put) {
        size_t n = vq_console_driver_read(&c.driver, 0, back + got, 11);
        assert_true(n != 0);
        got += n;
        (void)vq_loopback_run(&rig.loop);
    }
    assert_memory_equal(bytes, back, put);
}

static const char *const long_name =
    "a name of more bytes than a port of the driver keeps: \xc3\xa4";

static void several_ports(void **state)
{
    con_defaults(3);
    con_device(*state);
    assert_int_equal(vq_console_device_add(&c.dev, 2, false, "org.example.2"), VQ_OK);
    assert_int_equal(vq_console_device_set_open(&c.dev, 2, true), VQ_OK);
    assert_int_equal(con_open(*state, 3), VQ_OK);
    assert_true(c.driver.multiport);
    assert_int_equal(c.driver.port_count, 3);
    assert_false(c.driver.ports[0].present);
    con_settle();
    struct vq_console_port *p = c.driver.ports;
    assert_int_equal(p[0].news, VQ_CONSOLE_NEWS_ADDED | VQ_CONSOLE_NEWS_CONSOLE |
                                    VQ_CONSOLE_NEWS_SIZE | VQ_CONSOLE_NEWS_OPEN);
    assert_true(p[0].present && p[0].console && p[0].open && p[0].opened);
    assert_int_equal(p[0].cols, 80);
    assert_int_equal(p[1].news, 0);
    assert_false(p[1].present);
    assert_int_equal(p[2].news,
                     VQ_CONSOLE_NEWS_ADDED | VQ_CONSOLE_NEWS_NAME | VQ_CONSOLE_NEWS_OPEN);
    assert_true(p[2].present && !p[2].console && p[2].open && !p[2].opened);
    assert_string_equal(p[2].name, "org.example.2");
    p[0].news = p[2].news = 0;
    pump(0, 3000);

    /* A port that the driver has not opened gets nothing. */
    assert_int_equal(vq_console_device_input(&c.dev, 2, "early", 5), 5);
    con_settle();
    assert_int_equal(vq_console_driver_read(&c.driver, 2, con_device_memory, 0), 0);
    assert_false(vq_console_device_connected(&c.dev, 2));
    assert_int_equal(vq_console_driver_set_open(&c.driver, 2, true), VQ_OK);
    con_settle();
    assert_true(vq_console_device_connected(&c.dev, 2));
    char text[8] = {0};
    assert_int_equal(vq_console_driver_read(&c.driver, 2, text, sizeof text), 5);
    assert_string_equal(text, "early");
    pump(2, 3000);

    /* Names are cut, sizes change, ends are closed. */
    assert_int_equal(vq_console_device_add(&c.dev, 1, true, long_name), VQ_OK);
    con_settle();
    assert_true(p[1].console && p[1].opened && !p[1].open);
    assert_int_equal(strlen(p[1].name), VQ_CONSOLE_NAME_MAX);
    assert_memory_equal(p[1].name, long_name, VQ_CONSOLE_NAME_MAX);
    p[1].news = 0;
    bool config_changed = true;
    assert_int_equal(vq_console_device_resize(&c.dev, 1, 132, 43, &config_changed), VQ_OK);
    assert_false(config_changed);
    con_settle();
    assert_int_equal(p[1].news, VQ_CONSOLE_NEWS_SIZE);
    assert_int_equal(p[1].cols, 132);
    assert_int_equal(p[1].rows, 43);
    assert_int_equal(vq_console_device_set_open(&c.dev, 2, false), VQ_OK);
    assert_int_equal(vq_console_driver_set_open(&c.driver, 2, false), VQ_OK);
    con_settle();
    assert_false(p[2].open || p[2].opened || vq_console_device_connected(&c.dev, 2));

    /* A port that goes takes its bytes along, also when it comes again at once. */
    assert_int_equal(vq_console_device_input(&c.dev, 1, "old", 3), 3);
    (void)vq_loopback_run(&rig.loop);
    p[1].news = 0;
    assert_int_equal(vq_console_device_remove(&c.dev, 1), VQ_OK);
    assert_int_equal(vq_console_device_add(&c.dev, 1, true, "new"), VQ_OK);
    assert_int_equal(vq_console_device_input(&c.dev, 1, "fresh", 5), 5);
    con_settle();
    assert_true((p[1].news & VQ_CONSOLE_NEWS_REMOVED) && (p[1].news & VQ_CONSOLE_NEWS_ADDED));
    assert_string_equal(p[1].name, "new");
    assert_int_equal(p[1].cols, 0);
    char fresh[8] = {0};
    assert_int_equal(vq_console_driver_read(&c.driver, 1, fresh, sizeof fresh), 5);
    assert_string_equal(fresh, "fresh");
    assert_int_equal(vq_console_device_remove(&c.dev, 1), VQ_OK);
    con_settle();
    assert_false(p[1].present);
    assert_int_equal(vq_console_driver_write(&c.driver, 1, "x", 1), 0);
    pump(0, 500);
}

/* Ports are announced to a driver that is ready, and nothing more to one that failed with them. */
static void not_ready(void **state)
{
    uint8_t message[VQ_CONSOLE_MESSAGE_BYTES] = {0};
    con_start(*state, 2);
    assert_true(vq_device_pending(&c.dev.control_transmit.ring));
    (void)vq_loopback_run_queue(&rig.loop, VQ_CONSOLE_CONTROL_RECEIVE);
    assert_int_equal(vq_console_regain(&c.driver.control_receive), -1);
    con_expect_raw(0, VQ_CONSOLE_PORT_ADD, 1);
    assert_int_equal(vq_console_say(&c.driver, 0, VQ_CONSOLE_PORT_READY, 0), VQ_OK);
    assert_int_equal(con_raw(message), 0);
    assert_int_equal(vq_console_say(&c.driver, 0, VQ_CONSOLE_DEVICE_READY, 0), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_console_device_add(&c.dev, 1, true, NULL), VQ_OK);
    assert_int_equal(con_raw(message), 0);
    assert_int_equal(vq_console_say(&c.driver, 0, VQ_CONSOLE_DEVICE_READY, 1), VQ_OK);
    con_expect_raw(1, VQ_CONSOLE_PORT_ADD, 1);
}

/* Bytes of a port that is not there go nowhere, and those of one that went are gone. */
static void bytes_of_no_port(void **state)
{
    char text[8];
    con_start(*state, 2);
    con_settle();
    c.driver.ports[1].present = true; /* as a driver would that does not care */
    assert_int_equal(vq_console_driver_write(&c.driver, 1, "nobody", 6), 6);
    con_settle();
    assert_int_equal(vq_console_driver_unsent(&c.driver, 1), 0);
    c.driver.ports[1].present = false;
    assert_int_equal(vq_console_device_add(&c.dev, 1, false, NULL), VQ_OK);
    con_settle();
    assert_int_equal(vq_console_device_output(&c.dev, 1, text, sizeof text), 0);
    assert_int_equal(vq_console_device_input(&c.dev, 1, "gone", 4), 4);
    assert_int_equal(vq_console_driver_write(&c.driver, 1, "gone", 4), 4);
    con_settle();
    assert_int_equal(vq_console_device_remove(&c.dev, 1), VQ_OK);
    assert_int_equal(vq_console_device_add(&c.dev, 1, true, NULL), VQ_OK);
    assert_int_equal(vq_console_device_output(&c.dev, 1, text, sizeof text), 0);
    con_settle();
    assert_true(c.driver.ports[1].opened);
    assert_int_equal(vq_console_driver_read(&c.driver, 1, text, sizeof text), 0);
}

/* What is typed before the driver comes waits for it. */
static void typed_ahead(void **state)
{
    char text[8] = {0};
    con_defaults(0);
    con_device(*state);
    assert_int_equal(vq_console_device_input(&c.dev, 0, "boot", 4), 4);
    assert_int_equal(con_open(*state, 0), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_console_driver_read(&c.driver, 0, text, sizeof text), 4);
    assert_string_equal(text, "boot");
}

/* A message that comes just when the time is over. */
static enum vq_error late(struct vq_transport *t, uint16_t index, int timeout_ms)
{
    (void)t;
    assert_int_equal(index, VQ_QUEUE_ANY);
    assert_int_equal(timeout_ms, 5);
    con_tell(0, VQ_CONSOLE_PORT_ADD, 1, NULL, 8);
    return VQ_ERR_TIMEOUT;
}

static void at_the_last_moment(void **state)
{
    static struct vq_transport_ops ops;
    con_by_hand(*state, 1);
    assert_int_equal(con_open(*state, 1), VQ_OK);
    ops = *rig.loop.transport.ops;
    ops.wait = late;
    rig.loop.transport.ops = &ops;
    assert_int_equal(vq_console_driver_wait(&c.driver, 5), VQ_OK);
    assert_true(vq_console_driver_poll(&c.driver));
}

/* After a reset everything is announced again. */
static void again(void **state)
{
    con_start(*state, 2);
    con_settle();
    assert_int_equal(vq_console_driver_close(&c.driver), VQ_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(con_open(*state, 2), VQ_OK);
        assert_false(c.driver.ports[0].present);
        con_settle();
        assert_true(c.driver.ports[0].present && c.driver.ports[0].opened);
        pump(0, 100);
    }
    /* A driver that knows no ports talks to the first. */
    assert_int_equal(con_open(*state, 0), VQ_OK);
    assert_false(c.driver.multiport);
    assert_int_equal(c.dev.model.ops->queue_count(&c.dev.model), 2);
    pump(0, 100);
}

static void waiting(void **state)
{
    char text[8];
    con_start(*state, 0);
    assert_int_equal(vq_console_driver_wait(&c.driver, 0), VQ_ERR_TIMEOUT);
    assert_int_equal(vq_console_device_input(&c.dev, 0, "go", 2), 2);
    assert_int_equal(vq_console_driver_wait(&c.driver, 0), VQ_OK);
    assert_int_equal(vq_console_driver_read(&c.driver, 0, text, 1), 1);
    assert_int_equal(vq_console_driver_read(&c.driver, 0, text, 8), 1);
    /* A transmitted buffer that came back wakes once, and is no reason to wake for ever. */
    assert_int_equal(vq_console_driver_write(&c.driver, 0, "hello", 5), 5);
    assert_int_equal(vq_console_driver_wait(&c.driver, 0), VQ_OK);
    unsigned turns = 0;
    while (vq_console_driver_wait(&c.driver, 0) == VQ_OK)
        assert_true(++turns < 3);
    assert_int_equal(vq_console_driver_unsent(&c.driver, 0), 0);
}

static void suspended(void **state)
{
    char text[8] = {0};
    con_start(*state, 2);
    con_settle();
    assert_int_equal(vq_console_device_input(&c.dev, 0, "abc", 3), 3);
    (void)vq_loopback_run(&rig.loop);
    rig.loop.transport.suspended = true;
    assert_int_equal(vq_console_driver_write(&c.driver, 0, "x", 1), 0);
    assert_int_equal(vq_console_driver_set_open(&c.driver, 0, false), VQ_ERR_STATE);
    assert_int_equal(vq_console_driver_read(&c.driver, 0, text, 8), 3);
    assert_string_equal(text, "abc");
    rig.loop.transport.suspended = false;
    pump(0, 1000);
}

static void memory(void **state)
{
    size_t shared, private_bytes, apart, other;
    (void)state;
    con_defaults(2);
    con_device(&rig_split);
    assert_int_equal(con_open(&rig_split, 2), VQ_OK);
    struct vq_console_driver_options o = c.options;
    assert_int_equal(vq_console_driver_measure(&o, &shared, &private_bytes), VQ_OK);
    o.memory.shared_bytes--;
    assert_int_equal(vq_console_driver_open(&c.driver, &rig.loop.transport, &o, &c.why),
                     VQ_ERR_NO_MEMORY);
    o = c.options;
    o.memory.address += 8;
    assert_int_equal(vq_console_driver_open(&c.driver, &rig.loop.transport, &o, &c.why),
                     VQ_ERR_ALIGN);
    /* Rings of exactly their parts, somewhere else. */
    struct vq_queue_piece pieces[6][3];
    struct vq_queue_memory rings[6];
    o = c.options;
    o.rings_apart = true;
    assert_int_equal(vq_console_driver_measure(&o, &apart, &other), VQ_OK);
    assert_int_equal(shared - apart, 6 * ((VQ_SPLIT_BYTES(CON_SIZE) + 15) & ~15u));
    for (unsigned i = 0; i < 6; i++) {
        const uint32_t bytes[3] = {VQ_SPLIT_DRIVER_BYTES(CON_SIZE), VQ_SPLIT_DEVICE_BYTES(CON_SIZE),
                                   VQ_SPLIT_DESCRIPTOR_BYTES(CON_SIZE)};
        for (unsigned k = 0; k < 3; k++) {
            uint32_t at = rig_take(bytes[k]);
            pieces[i][k] = (struct vq_queue_piece){rig_arena + at, RIG_BASE + at, bytes[k]};
        }
        rings[i] = (struct vq_queue_memory){.pieces = pieces[i], .count = 3};
    }
    o.memory.rings = rings;
    o.memory.shared_bytes = apart;
    assert_int_equal(vq_console_driver_open(&c.driver, &rig.loop.transport, &o, &c.why), VQ_OK);
    con_settle();
    assert_ptr_equal(c.driver.ports[1].receive.ring.descriptors, pieces[4][2].host);
    pump(0, 500);

    o.queue_size = 0;
    assert_int_equal(vq_console_driver_measure(&o, &apart, &other), VQ_ERR_SIZE);
    o.queue_size = 1;
    o.ports = VQ_CONSOLE_PORTS_MAX + 1;
    assert_int_equal(vq_console_driver_measure(&o, &apart, &other), VQ_ERR_INVALID);

    struct vq_console_device_config dc = c.config;
    struct vq_console_device dev;
    size_t bytes = vq_console_device_bytes(&dc);
    assert_int_equal(vq_console_device_init(&dev, &dc, con_device_memory, bytes - 1),
                     VQ_ERR_NO_MEMORY);
    assert_int_equal(vq_console_device_init(&dev, &dc, con_device_memory + 8, bytes), VQ_ERR_ALIGN);
    dc.queue_size = 0;
    assert_int_equal(vq_console_device_init(&dev, &dc, con_device_memory, bytes), VQ_ERR_INVALID);
    assert_int_equal(vq_console_device_bytes(&dc), 0);
}

/* Firmware's way: sizes that a compiler knows. */
static void sizes_as_constants(void **state)
{
    static const uint8_t shared[VQ_CONSOLE_SHARED_BYTES(3, 8, 20, 16)] = {0};
    static const uint8_t buffers[VQ_CONSOLE_BUFFERS_BYTES(3, 8, 20, 16)] = {0};
    static const uint8_t kept[VQ_CONSOLE_PRIVATE_BYTES(3, 8, 16)] = {0};
    struct vq_console_driver_options o = {
        .ports = 3, .queue_size = 8, .buffer_bytes = 20, .control_size = 16};
    size_t shared_bytes, private_bytes;
    (void)state;
    assert_int_equal(vq_console_driver_measure(&o, &shared_bytes, &private_bytes), VQ_OK);
    assert_int_equal(shared_bytes, sizeof shared);
    assert_int_equal(private_bytes, sizeof kept);
    o.rings_apart = true;
    assert_int_equal(vq_console_driver_measure(&o, &shared_bytes, &private_bytes), VQ_OK);
    assert_int_equal(shared_bytes, sizeof buffers);
    o = (struct vq_console_driver_options){.queue_size = 1};
    assert_int_equal(vq_console_driver_measure(&o, &shared_bytes, &private_bytes), VQ_OK);
    assert_int_equal(shared_bytes, VQ_CONSOLE_SHARED_BYTES(1, 1, 64, 0));
    assert_int_equal(private_bytes, VQ_CONSOLE_PRIVATE_BYTES(1, 1, 0));
}

static void queues_of_all_sizes(void **state)
{
    (void)state;
    for (uint16_t size = 1; size <= CON_SIZE; size = (uint16_t)(size * 2)) {
        con_defaults(2);
        c.config.queue_size = c.config.control_size = size;
        con_device(&rig_split);
        assert_int_equal(con_open(&rig_split, 2), VQ_OK);
        con_settle();
        assert_int_equal(c.driver.ports[0].receive.ring.size, size);
        assert_true(c.driver.ports[0].opened);
        pump(0, 1000);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_EACH_WAY(one_port, "one port, both directions"),
        RIG_EACH_WAY(full, "a full ring buffer stops its port and loses nothing"),
        RIG_EACH_WAY(several_ports, "several ports"),
        RIG_EACH_WAY(not_ready, "a driver that is not ready hears of nothing"),
        RIG_EACH_WAY(bytes_of_no_port, "bytes of ports that are not there"),
        RIG_EACH_WAY(typed_ahead, "what was typed ahead"),
        VQ_TEST_STATE(at_the_last_moment, &rig_split, "a message when the time is over"),
        RIG_EACH_WAY(again, "a reset, and all over again"),
        RIG_EACH_WAY(waiting, "waits for input and room"),
        VQ_TEST_STATE(suspended, &rig_split, "shows nothing while suspended, and loses nothing"),
        VQ_TEST(memory, "takes the memory that it is given, and no less"),
        VQ_TEST(sizes_as_constants, "memory in sizes that a compiler knows"),
        VQ_TEST(queues_of_all_sizes, "queues of one descriptor and more"),
    };
    return VQ_RUN(tests);
}
