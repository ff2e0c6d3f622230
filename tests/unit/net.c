/* Frames over both ends of a network device, in every shape of a ring. */
#include "net_rig.h"

/* Runs a case for all shapes, and says which one failed. */
#define FOR_EACH_SHAPE(shape)                                                                      \
    for (enum net_shape shape = NET_SPLIT; shape < NET_SHAPES; shape = (enum net_shape)(shape + 1))

static void out(void **state)
{
    (void)state;
    FOR_EACH_SHAPE(shape)
    {
        net_start(shape);
        for (unsigned i = 0; i < 200; i++) {
            const uint32_t bytes = 14 + i * 7;
            uint8_t want[NET_LONGEST];
            uint64_t tag = 0;

            assert_int_equal(net_send(bytes, i, 1 + i % 5), VQ_OK);
            assert_int_equal(n.sent_count, i + 1);
            net_fill(want, bytes, i);
            assert_int_equal(n.sent[i % NET_LOG].count, bytes);
            assert_memory_equal(n.sent[i % NET_LOG].bytes, want, bytes);
            assert_int_equal(vq_net_driver_sent(&n.nic, &tag, 1), 1);
            assert_int_equal(tag, i);
            assert_int_equal(vq_net_driver_sent(&n.nic, &tag, 1), 0);
        }
        assert_int_equal(n.dev.counts.sent, 200);
        assert_int_equal(n.dev.counts.sent_dropped, 0);
        assert_int_equal(vq_net_driver_broken(&n.nic), VQ_NOT_BROKEN);
    }
}

static void in(void **state)
{
    (void)state;
    FOR_EACH_SHAPE(shape)
    {
        net_start(shape);
        for (unsigned i = 0; i < 200; i++) {
            const uint32_t bytes = 14 + i * 7;

            assert_int_equal(net_receive(bytes, i), VQ_OK);
            if (bytes < 25)
                (void)vq_loopback_run_queue(&n.loop, VQ_NET_QUEUE_RECEIVE);
            net_expect(bytes, i);
            net_all_there(0);
        }
        assert_int_equal(n.dev.counts.received, 200);
        assert_int_equal(n.nic.counts.received, 200);
        assert_int_equal(n.nic.counts.malformed, 0);
    }
}

static void there_and_back(void **state)
{
    (void)state;
    FOR_EACH_SHAPE(shape)
    {
        net_start(shape);
        n.reflect = true;
        for (unsigned round = 0; round < 100; round++) {
            uint64_t tags[NET_SIZE];

            for (unsigned i = 0; i < 4; i++)
                assert_int_equal(net_send(60 + 97 * i, round + i, 2), VQ_OK);
            for (unsigned i = 0; i < 4; i++)
                net_expect(60 + 97 * i, round + i);
            assert_int_equal(vq_net_driver_sent(&n.nic, tags, NET_SIZE), 4);
        }
        net_all_there(0);
    }
}

/* With small buffers a frame takes several, of which the last is not full. */
static void merged(void **state)
{
    static const enum net_shape shapes[] = {NET_SPLIT, NET_PACKED, NET_IN_ORDER, NET_LEGACY,
                                            NET_LEGACY_BIG};

    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        net_prepare(shapes[k]);
        n.options.receive_buffer = 128;
        assert_int_equal(net_open(), VQ_OK);
        assert_true(n.nic.facts.mergeable);
        assert_int_equal(n.nic.header_bytes, 12);
        for (unsigned i = 0; i < 290; i++) {
            const uint32_t bytes = 60 + i * 5;
            struct vq_segment pieces[NET_SIZE];
            struct vq_net_frame frame;
            uint8_t middle[40], want[NET_LONGEST];
            size_t sum = 0;

            assert_int_equal(net_receive(bytes, i), VQ_OK);
            assert_true(vq_net_driver_receive(&n.nic, &frame));
            assert_int_equal(frame.count, (bytes + 12 + 127) / 128);
            assert_int_equal(frame.bytes, bytes);
            net_all_there(frame.count);
            net_fill(want, bytes, i);
            assert_int_equal(vq_net_driver_read(&n.nic, &frame, 20, middle, 40), 40);
            assert_memory_equal(middle, want + 20, 40);
            assert_int_equal(vq_net_driver_read(&n.nic, &frame, bytes - 3, middle, 40), 3);
            assert_memory_equal(middle, want + bytes - 3, 3);
            assert_int_equal(vq_net_driver_read(&n.nic, &frame, bytes, middle, 40), 0);
            assert_int_equal(vq_net_driver_read(&n.nic, &frame, UINT32_MAX, middle, 40), 0);
            const size_t count = vq_net_driver_pieces(&n.nic, &frame, pieces, NET_SIZE);
            assert_int_equal(count, frame.count);
            for (size_t p = 0; p < count; p++) {
                assert_memory_equal(pieces[p].base, want + sum, pieces[p].bytes);
                sum += pieces[p].bytes;
            }
            assert_int_equal(sum, bytes);
            assert_int_equal(vq_net_driver_pieces(&n.nic, &frame, pieces, 1), 1);
            vq_net_driver_release(&n.nic, &frame);
            assert_int_equal(frame.count, 0);
            vq_net_driver_release(&n.nic, &frame);
            assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
            net_all_there(0);
        }
    }
}

static void no_room(void **state)
{
    (void)state;
    FOR_EACH_SHAPE(shape)
    {
        struct vq_net_frame frame;
        unsigned have;

        net_start(shape);
        have = n.nic.posted;
        assert_int_equal(have, shape == NET_LEGACY_PLAIN ? NET_SIZE / 2 : NET_SIZE);
        for (unsigned i = 0; i < have; i++)
            assert_int_equal(net_receive(1000, i), VQ_OK);
        assert_int_equal(net_receive(1000, 99), VQ_ERR_FULL);
        assert_int_equal(n.dev.counts.received_dropped, 1);
        for (unsigned i = 0; i < have; i++) {
            assert_true(vq_net_driver_receive(&n.nic, &frame));
            vq_net_driver_release(&n.nic, &frame);
        }
        assert_false(vq_net_driver_receive(&n.nic, &frame));
        /* Free, and not yet the device's. */
        assert_int_equal(net_receive(1000, 99), VQ_ERR_FULL);
        assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
        assert_int_equal(net_receive(1000, 100), VQ_OK);
        net_expect(1000, 100);
    }
}

/* Too few buffers for one frame are kept for the next, which is smaller. */
static void partly_room(void **state)
{
    static const enum net_shape shapes[] = {NET_SPLIT, NET_PACKED, NET_IN_ORDER};
    struct vq_net_frame frame;

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        net_prepare(shapes[k]);
        n.options.receive_buffer = 128;
        assert_int_equal(net_open(), VQ_OK);
        for (unsigned i = 0; i < 12; i++)
            assert_int_equal(net_receive(100, i), VQ_OK);
        assert_int_equal(net_receive(1000, 12), VQ_ERR_FULL);
        assert_int_equal(n.dev.count, 4);
        assert_int_equal(n.dev.model.ops->queue_in_flight(&n.dev.model, 0), 4);
        for (unsigned i = 13; i < 17; i++)
            assert_int_equal(net_receive(100, i), VQ_OK);
        assert_int_equal(n.dev.count, 0);
        for (unsigned i = 0; i < 17; i++)
            if (i != 12) {
                assert_true(vq_net_driver_receive(&n.nic, &frame));
                vq_net_driver_release(&n.nic, &frame);
            }
        assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
        /* What is in stock when the queue stops goes back, with nothing in it. */
        for (unsigned i = 0; i < 12; i++)
            assert_int_equal(net_receive(100, i), VQ_OK);
        assert_int_equal(net_receive(1000, 12), VQ_ERR_FULL);
        struct vq_position at;
        (void)n.dev.model.ops->queue_stop(&n.dev.model, 0, &at);
        for (unsigned i = 0; i < 12; i++) {
            assert_true(vq_net_driver_receive(&n.nic, &frame));
            vq_net_driver_release(&n.nic, &frame);
        }
        assert_false(vq_net_driver_receive(&n.nic, &frame));
        assert_int_equal(n.nic.counts.malformed, 4);
        net_all_there(0);
    }
}

static void full_ring(void **state)
{
    (void)state;
    FOR_EACH_SHAPE(shape)
    {
        struct vq_element e = {NET_ADDRESS + NET_DATA, 60};
        struct vq_net_send s = {.data = &e, .count = 1};
        uint64_t tags[NET_SIZE];

        net_start(shape);
        for (unsigned round = 0; round < 5; round++) {
            for (s.tag = 0; s.tag < NET_SIZE / 2; s.tag++)
                assert_int_equal(vq_net_driver_send(&n.nic, &s), VQ_OK);
            assert_int_equal(vq_net_driver_send(&n.nic, &s), VQ_ERR_FULL);
            assert_int_equal(vq_net_driver_flush(&n.nic), VQ_OK);
            assert_int_equal(vq_net_driver_sent(&n.nic, tags, NET_SIZE), 0);
            (void)vq_loopback_run(&n.loop);
            assert_int_equal(vq_net_driver_sent(&n.nic, tags, 3), 3);
            assert_int_equal(vq_net_driver_sent(&n.nic, tags, NET_SIZE), NET_SIZE / 2 - 3);
            assert_int_equal(tags[0], 3);
        }
    }
}

/* With tables, or with the header before the data, a frame takes one descriptor. */
static void one_descriptor(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct vq_element e = {NET_ADDRESS + NET_DATA, i == 0 ? 60 : 72};
        struct vq_net_send s = {.data = &e, .count = 1, .headed = i == 1};

        net_prepare(NET_SPLIT);
        n.region.size = NET_ARENA;
        if (i == 0) {
            n.options.transmit_tables = net_arena + NET_DATA + 4096;
            n.options.transmit_tables_address = NET_ADDRESS + NET_DATA + 4096;
            n.options.transmit_entries = 8;
            assert_true(NET_SIZE * 8 * 16 <= NET_ARENA - NET_DATA - 4096);
        }
        assert_int_equal(net_open(), VQ_OK);
        memset(net_arena + NET_DATA, 0, 12);
        net_fill(net_arena + NET_DATA + (i == 0 ? 0 : 12), 60, 3);
        for (unsigned k = 0; k < NET_SIZE; k++)
            assert_int_equal(vq_net_driver_send(&n.nic, &s), VQ_OK);
        assert_int_equal(vq_net_driver_send(&n.nic, &s), VQ_ERR_FULL);
        assert_int_equal(vq_net_driver_flush(&n.nic), VQ_OK);
        (void)vq_loopback_run(&n.loop);
        assert_int_equal(n.sent_count, NET_SIZE);
        for (unsigned k = 0; k < NET_SIZE; k++) {
            uint8_t want[60];
            net_fill(want, 60, 3);
            assert_int_equal(n.sent[k].count, 60);
            assert_memory_equal(n.sent[k].bytes, want, 60);
        }
        e.bytes = 11;
        assert_int_equal(vq_net_driver_send(&n.nic, &s), i == 0 ? VQ_ERR_RANGE : VQ_ERR_INVALID);
    }
}

/* A ring of one is enough for who puts the header before the frame. */
static void ring_of_one(void **state)
{
    static const enum net_shape shapes[] = {NET_SPLIT, NET_PACKED, NET_IN_ORDER, NET_LEGACY,
                                            NET_SPLIT_PLAIN};

    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        struct vq_element e = {NET_ADDRESS + NET_DATA, 72};
        struct vq_net_send s = {.data = &e, .count = 1, .headed = true};
        uint64_t tag;

        net_prepare(shapes[k]);
        n.options.receive_size = n.options.transmit_size = 1;
        assert_int_equal(net_open(), VQ_OK);
        n.reflect = true;
        for (unsigned i = 0; i < 20; i++) {
            e.bytes = n.nic.header_bytes + 60u;
            memset(net_arena + NET_DATA, 0, 12);
            net_fill(net_arena + NET_DATA + n.nic.header_bytes, 60, i);
            assert_int_equal(vq_net_driver_send(&n.nic, &s), VQ_OK);
            assert_int_equal(vq_net_driver_flush(&n.nic), VQ_OK);
            net_run();
            net_expect(60, i);
            assert_int_equal(vq_net_driver_sent(&n.nic, &tag, 1), 1);
        }
    }
    net_prepare(NET_LEGACY_PLAIN);
    n.options.receive_size = n.options.transmit_size = 1;
    assert_int_equal(net_open(), VQ_ERR_SIZE);
}

static void waiting(void **state)
{
    uint64_t tags[4];

    (void)state;
    net_start(NET_SPLIT);
    assert_int_equal(vq_net_driver_wait(&n.nic, 0), VQ_ERR_TIMEOUT);
    n.reflect = true;
    assert_int_equal(net_send(100, 1, 1), VQ_OK);
    assert_int_equal(vq_net_driver_wait(&n.nic, 0), VQ_OK);
    assert_true(vq_net_driver_listen(&n.nic));
    net_expect(100, 1);
    assert_false(vq_net_driver_listen(&n.nic));
    assert_int_equal(vq_net_driver_wait_sent(&n.nic, 0), VQ_OK);
    assert_int_equal(vq_net_driver_sent(&n.nic, tags, 4), 1);
    /* Nobody asked to hear of frames that were sent, nor of others for now. */
    net_start(NET_SPLIT_PLAIN);
    vq_net_driver_quiet(&n.nic);
    n.reflect = true;
    assert_int_equal(net_send(100, 2, 1), VQ_OK);
    assert_int_equal(vq_transport_take_events(&n.loop.transport), 0);
}

static void reset(void **state)
{
    (void)state;
    FOR_EACH_SHAPE(shape)
    {
        struct vq_element e = {NET_ADDRESS + NET_DATA, 60};
        uint64_t tags[4];

        net_start(shape);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(
                vq_net_driver_send(&n.nic,
                                   &(struct vq_net_send){.data = &e, .count = 1, .tag = 7 + i}),
                VQ_OK);
        assert_int_equal(vq_net_driver_flush(&n.nic), VQ_OK);
        assert_int_equal(vq_net_driver_close(&n.nic), VQ_OK);
        assert_int_equal(net_receive(60, 1), VQ_ERR_STATE);
        assert_int_equal(vq_net_driver_abandon(&n.nic, tags, 2), 2);
        assert_int_equal(vq_net_driver_abandon(&n.nic, tags + 2, 2), 1);
        assert_int_equal(tags[0] + tags[1] + tags[2], 24);
        assert_int_equal(vq_net_driver_abandon(&n.nic, tags, 2), 0);
        assert_int_equal(net_open(), VQ_OK);
        n.reflect = true;
        assert_int_equal(net_send(500, 4, 3), VQ_OK);
        net_expect(500, 4);
    }
}

static void polled(void *context)
{
    static uint8_t frame[100];
    unsigned *left = context;
    const struct vq_segment all = {frame, sizeof frame};

    for (; *left != 0; --*left) {
        net_fill(frame, sizeof frame, *left);
        assert_int_equal(vq_net_device_receive(&n.dev, &all, 1), VQ_OK);
    }
}

static int seven(void *context)
{
    (void)context;
    return 7;
}

/* A back end that is asked when the receive queue runs. */
static void back_end(void **state)
{
    unsigned left = 3;

    (void)state;
    net_prepare(NET_SPLIT);
    n.device.poll = polled;
    n.device.context = &left;
    assert_int_equal(net_open(), VQ_OK);
    assert_int_equal(vq_loopback_run_queue(&n.loop, 0) & VQ_RUN_PROGRESS, VQ_RUN_PROGRESS);
    assert_int_equal(left, 0);
    for (unsigned i = 3; i > 0; i--)
        net_expect(100, i);
    assert_int_equal(vq_loopback_run_queue(&n.loop, 0) & VQ_RUN_PROGRESS, 0);
    assert_int_equal(n.dev.model.ops->queue_wait_fd(&n.dev.model, 0), -1);
    n.dev.config.wait_fd = seven;
    assert_int_equal(n.dev.model.ops->queue_wait_fd(&n.dev.model, 0), 7);
    assert_int_equal(n.dev.model.ops->queue_wait_fd(&n.dev.model, 1), -1);
}

static enum vq_error no_notification(struct vq_transport *t, uint16_t index, uint32_t data)
{
    (void)t;
    (void)index;
    (void)data;
    return VQ_ERR_IO;
}

/* A device that cannot be told of its buffers is given up, with a reason. */
static void deaf(void **state)
{
    static struct vq_transport_ops ops;

    (void)state;
    net_start(NET_SPLIT);
    ops = *n.loop.transport.ops;
    ops.notify = no_notification;
    n.loop.transport.ops = &ops;
    assert_int_equal(vq_net_driver_open(&n.nic, &n.loop.transport, &n.options, &n.why), VQ_ERR_IO);
    assert_int_equal(n.why.step, VQ_INIT_DRIVER_OK);
    assert_int_equal(n.why.error, VQ_ERR_IO);
    assert_true(n.loop.transport.status & VQ_STATUS_FAILED);
}

static void senseless(void **state)
{
    (void)state;
    net_prepare(NET_SPLIT);
    struct vq_net_device_config c = n.device;
    const size_t bytes = vq_net_device_bytes(&c);
    assert_int_equal(vq_net_device_init(&n.dev, &c, net_device_memory, bytes - 1),
                     VQ_ERR_NO_MEMORY);
    assert_int_equal(vq_net_device_init(&n.dev, &c, NULL, bytes), VQ_ERR_NO_MEMORY);
    assert_int_equal(vq_net_device_init(&n.dev, &c, net_device_memory + 8, bytes), VQ_ERR_ALIGN);
    c.mtu = 67;
    assert_int_equal(vq_net_device_bytes(&c), 0);
    assert_int_equal(vq_net_device_init(&n.dev, &c, net_device_memory, bytes), VQ_ERR_INVALID);
    c = n.device;
    c.queue_size = 0;
    assert_int_equal(vq_net_device_bytes(&c), 0);
    c = n.device;
    c.send = NULL;
    assert_int_equal(vq_net_device_bytes(&c), 0);
    c = n.device;
    c.speed = UINT32_C(0x80000000);
    assert_int_equal(vq_net_device_bytes(&c), 0);
    c = n.device;
    c.duplex = 2;
    assert_int_equal(vq_net_device_bytes(&c), 0);

    assert_int_equal(net_open(), VQ_OK);
    struct vq_net_driver_options o = n.options;
    o.shared_bytes--;
    assert_int_equal(vq_net_driver_open(&n.nic, &n.loop.transport, &o, &n.why), VQ_ERR_NO_MEMORY);
    assert_int_equal(n.why.error, VQ_ERR_NO_MEMORY);
    o = n.options;
    o.private_bytes--;
    assert_int_equal(vq_net_driver_open(&n.nic, &n.loop.transport, &o, NULL), VQ_ERR_NO_MEMORY);
    o = n.options;
    o.address += 2;
    assert_int_equal(vq_net_driver_open(&n.nic, &n.loop.transport, &o, NULL), VQ_ERR_ALIGN);
    o = n.options;
    o.receive_size = 0;
    assert_int_equal(vq_net_driver_open(&n.nic, &n.loop.transport, &o, NULL), VQ_ERR_SIZE);
    o = n.options;
    o.receive_buffer = 12;
    assert_int_equal(vq_net_driver_open(&n.nic, &n.loop.transport, &o, NULL), VQ_ERR_INVALID);
    o = n.options;
    o.receive_buffer = 65601;
    assert_int_equal(vq_net_driver_open(&n.nic, &n.loop.transport, &o, NULL), VQ_ERR_INVALID);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(out, "frames of many sizes go out, in one piece or several"),
        VQ_TEST(in, "frames of many sizes come in"),
        VQ_TEST(there_and_back, "frames that are sent back come in as they went out"),
        VQ_TEST(merged, "small buffers make up large frames"),
        VQ_TEST(no_room, "a frame that finds no buffer is dropped, the next is not"),
        VQ_TEST(partly_room, "buffers that were too few are not lost"),
        VQ_TEST(full_ring, "a full ring is full until frames were sent"),
        VQ_TEST(one_descriptor, "a frame can do with one descriptor"),
        VQ_TEST(ring_of_one, "a ring of one will do"),
        VQ_TEST(waiting, "a driver sleeps until a frame has come, or gone"),
        VQ_TEST(reset, "after a reset all memory is the driver's, and it begins anew"),
        VQ_TEST(back_end, "a back end may be asked for frames"),
        VQ_TEST(deaf, "a device that cannot be notified is given up"),
        VQ_TEST(senseless, "what makes no sense is refused"),
    };
    return VQ_RUN(tests);
}
