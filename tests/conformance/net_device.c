/* The rows of the network device's end: what it offers, shows, sends on and hands to the driver. */
#include "net_rig.h"

#define FOR_EACH_SHAPE(shape)                                                                      \
    for (enum net_shape shape = NET_SPLIT; shape < NET_SHAPES; shape = (enum net_shape)(shape + 1))

static struct vq_features offer(void)
{
    const size_t bytes = vq_net_device_bytes(&n.device);

    assert_int_equal(vq_net_device_init(&n.dev, &n.device, net_device_memory, bytes), VQ_OK);
    return n.dev.model.ops->offered(&n.dev.model);
}

/* Features of the type that are ever offered; none of them needs another. */
static void offers(void **state)
{
    static const uint8_t ever[] = {VQ_NET_F_MAC, VQ_NET_F_MTU, VQ_NET_F_MRG_RXBUF, VQ_NET_F_STATUS,
                                   VQ_NET_F_SPEED_DUPLEX};

    (void)state;
    for (unsigned k = 0; k < 64; k++) {
        net_prepare(NET_SPLIT);
        if (k & 1)
            memset(n.device.mac, 0, sizeof n.device.mac);
        n.device.mtu = k & 2 ? 0 : 9000;
        n.device.speed = k & 4 ? 0 : 25000;
        if (k & 8)
            vq_feature_set(&n.device.without, VQ_F_VERSION_1);
        if (k & 16)
            vq_feature_set(&n.device.without, VQ_NET_F_MRG_RXBUF);
        if (k & 32)
            vq_feature_set(&n.device.without, VQ_NET_F_STATUS);
        const struct vq_features set = offer();
        for (unsigned bit = 0; bit < 128; bit++) {
            bool may = bit >= 24 && bit < 50;
            for (size_t i = 0; i < sizeof ever; i++)
                may = may || ever[i] == bit;
            assert_true(may || !vq_feature(&set, bit));
            assert_false(bit >= 32 && (k & 8) != 0 && vq_feature(&set, bit));
        }
        assert_int_equal(vq_feature(&set, VQ_NET_F_MAC), !(k & 1));
        assert_int_equal(vq_feature(&set, VQ_NET_F_MTU), !(k & 2));
        assert_int_equal(vq_feature(&set, VQ_NET_F_SPEED_DUPLEX), !(k & 4) && !(k & 8));
        assert_int_equal(vq_feature(&set, VQ_NET_F_MRG_RXBUF), !(k & 16));
        assert_int_equal(vq_feature(&set, VQ_NET_F_STATUS), !(k & 32));
        /* No control queue, with no CTRL_VQ. */
        assert_int_equal(n.dev.model.ops->queue_count(&n.dev.model), 2);
        assert_int_equal(n.dev.model.ops->queue_size_max(&n.dev.model, 2), 0);
    }
}

static uint32_t field(uint32_t offset, unsigned bytes, bool big)
{
    uint8_t raw[4];
    uint32_t value = 0;

    n.dev.model.ops->read_config(&n.dev.model, offset, raw, bytes);
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)raw[big ? bytes - 1 - i : i] << (8 * i);
    return value;
}

static void mtu_field(void **state)
{
    (void)state;
    net_prepare(NET_SPLIT);
    for (uint32_t mtu = 0; mtu < 65536; mtu += mtu < 100 ? 1 : 509) {
        n.device.mtu = (uint16_t)mtu;
        if (mtu != 0 && mtu < 68) {
            assert_int_equal(vq_net_device_bytes(&n.device), 0);
            continue;
        }
        (void)offer();
        assert_int_equal(field(VQ_NET_CONFIG_MTU, 2, false), mtu);
    }
    n.device.mtu = 1500;
    assert_int_equal(net_open(), VQ_OK);
    (void)vq_net_device_set_link(&n.dev, false);
    assert_int_equal(field(VQ_NET_CONFIG_MTU, 2, false), 1500);
    assert_int_equal(vq_net_driver_close(&n.nic), VQ_OK);
    assert_int_equal(field(VQ_NET_CONFIG_MTU, 2, false), 1500);
    const uint8_t bytes[20] = {0};
    for (uint32_t at = 6; at < 20; at++)
        assert_int_not_equal(n.dev.model.ops->write_config(&n.dev.model, at, bytes, 1), VQ_OK);
    assert_int_equal(field(VQ_NET_CONFIG_MTU, 2, false), 1500);
}

static void mtu_limits(void **state)
{
    (void)state;
    FOR_EACH_SHAPE(shape)
    {
        net_prepare(shape);
        n.device.mtu = 1280;
        assert_int_equal(net_open(), VQ_OK);
        assert_int_equal(net_receive(1294, 1), VQ_OK);
        net_expect(1294, 1);
        assert_int_equal(net_receive(1295, 1), VQ_ERR_RANGE);
        assert_int_equal(net_receive(13, 1), VQ_ERR_RANGE);
        assert_int_equal(n.dev.counts.received_dropped, 2);
        /* With a tag there are four bytes more, and not five. */
        static uint8_t tagged[1299];
        net_fill(tagged, sizeof tagged, 1);
        tagged[12] = 0x81;
        tagged[13] = 0;
        struct vq_segment pieces[2] = {{tagged, 13}, {tagged + 13, 1298 - 13}};
        assert_int_equal(vq_net_device_receive(&n.dev, pieces, 2), VQ_OK);
        pieces[1].bytes++;
        assert_int_equal(vq_net_device_receive(&n.dev, pieces, 2), VQ_ERR_RANGE);
        /* The other way, up to the MTU all is sent on, whole. */
        assert_int_equal(net_send(1294, 2, 3), VQ_OK);
        uint8_t want[1294];
        net_fill(want, 1294, 2);
        assert_int_equal(n.sent_count, 1);
        assert_int_equal(n.sent[0].count, 1294);
        assert_memory_equal(n.sent[0].bytes, want, 1294);
        /* A driver that was not told of it may receive larger ones. */
        vq_feature_set(&n.options.without, VQ_NET_F_MTU);
        assert_int_equal(net_open(), VQ_OK);
        assert_int_equal(net_receive(1500, 1), VQ_OK);
    }
}

static void speeds(void **state)
{
    (void)state;
    net_prepare(NET_SPLIT);
    for (unsigned i = 0; i < 3; i++) {
        static const uint32_t speed[] = {1, 0x7fffffff, UINT32_MAX};
        static const uint8_t duplex[] = {0, 1, 0xff};
        n.device.speed = speed[i];
        n.device.duplex = duplex[i];
        (void)offer();
        for (unsigned up = 0; up < 2; up++) {
            (void)vq_net_device_set_link(&n.dev, up);
            assert_true(field(VQ_NET_CONFIG_SPEED, 4, false) == speed[i]);
            assert_int_equal(field(VQ_NET_CONFIG_DUPLEX, 1, false), duplex[i]);
        }
    }
    n.device.speed = UINT32_C(0x80000000);
    assert_int_equal(vq_net_device_bytes(&n.device), 0);
    n.device.speed = UINT32_MAX - 1;
    assert_int_equal(vq_net_device_bytes(&n.device), 0);
    n.device.speed = 1;
    n.device.duplex = 2;
    assert_int_equal(vq_net_device_bytes(&n.device), 0);
}

static void config_order(void **state)
{
    (void)state;
    for (unsigned legacy = 0; legacy < 2; legacy++)
        for (unsigned big = NET_HOST_BIG; big < 2; big++) {
            net_prepare(legacy ? (big ? NET_LEGACY_BIG : NET_LEGACY) : NET_SPLIT);
            n.loop_config.legacy_big_endian = big;
            assert_int_equal(net_open(), VQ_OK);
            const bool swapped = legacy && big;
            /* Which the driver had to look at before it chose features. */
            assert_true(n.nic.facts.mtu_given);
            assert_int_equal(n.nic.facts.mtu, 1500);
            assert_int_equal(field(VQ_NET_CONFIG_STATUS, 2, swapped), VQ_NET_S_LINK_UP);
            assert_int_equal(field(VQ_NET_CONFIG_MAX_VIRTQUEUE_PAIRS, 2, swapped), 0);
            assert_int_equal(field(VQ_NET_CONFIG_MTU, 2, swapped), 1500);
            uint8_t mac[6], all[40];
            n.dev.model.ops->read_config(&n.dev.model, 0, mac, 6);
            assert_memory_equal(mac, net_mac, 6);
            n.dev.model.ops->read_config(&n.dev.model, 0, all, sizeof all);
            for (unsigned i = 12; i < 40; i++)
                assert_int_equal(all[i], 0);
        }
}

/* Only a legacy driver may change the address, byte by byte, and nothing else. */
static void legacy_address(void **state)
{
    const uint8_t mac[6] = {2, 7, 7, 7, 7, 7};
    uint8_t got[6];

    (void)state;
    net_start(NET_LEGACY);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(vq_transport_write_config(&n.loop.transport, i, mac + i, 1), VQ_OK);
    n.dev.model.ops->read_config(&n.dev.model, 0, got, 6);
    assert_memory_equal(got, mac, 6);
    assert_int_not_equal(vq_transport_write_config(&n.loop.transport, 5, mac, 2), VQ_OK);
    assert_int_not_equal(vq_transport_write_config(&n.loop.transport, 6, mac, 1), VQ_OK);
    net_start(NET_SPLIT);
    assert_int_not_equal(vq_transport_write_config(&n.loop.transport, 0, mac, 6), VQ_OK);
    n.dev.model.ops->read_config(&n.dev.model, 0, got, 6);
    assert_memory_equal(got, net_mac, 6);
}

/* Sends a frame of 60 bytes behind a header of the test's. True if it was sent on, untouched. */
static bool sent_on(uint8_t flags, uint8_t gso_type, unsigned junk)
{
    const uint32_t header = n.nic.header_bytes;
    struct vq_element e = {NET_ADDRESS + NET_DATA, header + 60};
    const unsigned before = n.sent_count;
    uint64_t tag;
    uint8_t want[60];

    memset(net_arena + NET_DATA, (int)junk, header);
    net_arena[NET_DATA] = flags;
    net_arena[NET_DATA + 1] = gso_type;
    net_fill(net_arena + NET_DATA + header, 60, junk);
    net_fill(want, 60, junk);
    assert_int_equal(
        vq_net_driver_send(&n.nic, &(struct vq_net_send){.data = &e, .count = 1, .headed = true}),
        VQ_OK);
    assert_int_equal(vq_net_driver_flush(&n.nic), VQ_OK);
    (void)vq_loopback_run(&n.loop);
    /* Sent on or not, it comes back, and nothing was written. */
    assert_int_equal(vq_net_driver_sent(&n.nic, &tag, 1), 1);
    assert_int_equal(n.dev.model.ops->queue_broken(&n.dev.model, 1), VQ_NOT_BROKEN);
    if (n.sent_count == before)
        return false;
    assert_int_equal(n.sent[before % NET_LOG].count, 60);
    assert_memory_equal(n.sent[before % NET_LOG].bytes, want, 60);
    return true;
}

static const enum net_shape headed[] = {NET_SPLIT, NET_SPLIT_PLAIN, NET_PACKED, NET_LEGACY,
                                        NET_LEGACY_BIG};

static void sent_flags(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof headed / sizeof headed[0]; k++) {
        net_start(headed[k]);
        for (unsigned flags = 0; flags < 256; flags++)
            assert_int_equal(sent_on((uint8_t)flags, VQ_NET_GSO_NONE, flags),
                             (flags & (VQ_NET_HDR_F_NEEDS_CSUM | VQ_NET_HDR_F_UDP_TUNNEL_CSUM)) ==
                                 0);
        assert_int_equal(n.dev.counts.sent_dropped, 192);
    }
}

static void sent_gso(void **state)
{
    (void)state;
    net_start(NET_SPLIT);
    for (unsigned gso = 0; gso < 256; gso++)
        for (unsigned flags = 0; flags < 4; flags++)
            assert_int_equal(sent_on((uint8_t)flags, (uint8_t)gso, 9),
                             (gso & 0x7f) == 0 && (flags & VQ_NET_HDR_F_NEEDS_CSUM) == 0);
}

static void sent_junk(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof headed / sizeof headed[0]; k++) {
        net_start(headed[k]);
        for (unsigned junk = 0; junk < 256; junk += 15)
            assert_true(sent_on(0, VQ_NET_GSO_NONE, junk));
    }
}

/* What the driver finds in the buffers of one frame: raw, in the order of the used ring. */
static uint8_t raw[8192];
static uint32_t raw_lengths[NET_SIZE];

static unsigned raw_frame(void)
{
    struct vq_done done;
    uint32_t at = 0;
    unsigned count = 0;

    while (vq_driver_get(&n.nic.receive, &done, 1) == 1) {
        const uint16_t index = n.nic.buffer_of[done.id];
        memcpy(raw + at, n.nic.shared + VQ_NET_HEADER_BYTES + (size_t)index * n.nic.stride,
               done.reported);
        at += done.reported;
        raw_lengths[count++] = done.reported;
    }
    return count;
}

static void received_headers(void **state)
{
    (void)state;
    FOR_EACH_SHAPE(shape)
    {
        const bool big = NET_HOST_BIG ? shape >= NET_LEGACY : shape == NET_LEGACY_BIG;
        uint8_t want[1000];

        net_start(shape);
        const uint32_t header = n.nic.header_bytes;
        assert_int_equal(header, shape == NET_LEGACY_PLAIN ? 10 : 12);
        memset(n.nic.shared, 0xee, 100);
        assert_int_equal(net_receive(1000, 3), VQ_OK);
        assert_int_equal(raw_frame(), 1);
        assert_int_equal(raw_lengths[0], header + 1000);
        for (unsigned i = 0; i < 10; i++)
            assert_int_equal(raw[i], 0);
        if (header == 12) {
            assert_int_equal(raw[big ? 11 : 10], 1);
            assert_int_equal(raw[big ? 10 : 11], 0);
        }
        net_fill(want, 1000, 3);
        assert_memory_equal(raw + header, want, 1000);
    }
}

static void merged(void **state)
{
    static const enum net_shape shapes[] = {NET_SPLIT, NET_PACKED, NET_IN_ORDER, NET_LEGACY,
                                            NET_LEGACY_BIG};

    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        const bool big = NET_HOST_BIG ? shapes[k] >= NET_LEGACY : shapes[k] == NET_LEGACY_BIG;
        uint8_t want[1000];
        static uint8_t frame[1000];
        const struct vq_segment all = {frame, sizeof frame};

        net_prepare(shapes[k]);
        n.options.receive_buffer = 256;
        assert_int_equal(net_open(), VQ_OK);
        net_fill(frame, sizeof frame, 3);
        net_fill(want, 1000, 3);
        assert_int_equal(vq_net_device_receive(&n.dev, &all, 1), VQ_OK);
        /* Nothing of it is seen before all of it. */
        assert_int_equal(raw_frame(), 0);
        (void)vq_loopback_run_queue(&n.loop, 0);
        assert_int_equal(raw_frame(), 4);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(raw_lengths[i], 256);
        assert_int_equal(raw_lengths[3], 1012 - 3 * 256);
        for (unsigned i = 0; i < 10; i++)
            assert_int_equal(raw[i], 0);
        assert_int_equal(raw[big ? 11 : 10], 4);
        assert_int_equal(raw[big ? 10 : 11], 0);
        assert_memory_equal(raw + 12, want, 1000);
    }
    /* Without MRG_RXBUF a frame has one buffer, or none. */
    net_prepare(NET_SPLIT_PLAIN);
    n.options.receive_buffer = 1526;
    n.device.mtu = 9000;
    assert_int_equal(net_open(), VQ_OK);
    assert_int_equal(net_receive(1514, 1), VQ_OK);
    assert_int_equal(net_receive(1515, 1), VQ_ERR_FULL);
    assert_int_equal(raw_frame(), 1);
}

static void tags(void **state)
{
    static uint8_t frame[64];
    const struct vq_segment all = {frame, sizeof frame};
    struct vq_net_frame in;

    (void)state;
    net_start(NET_SPLIT);
    for (unsigned vlan = 0; vlan < 4096; vlan += 63) {
        net_fill(frame, sizeof frame, 1);
        frame[12] = 0x81;
        frame[13] = 0;
        frame[14] = (uint8_t)(vlan >> 8);
        frame[15] = (uint8_t)vlan;
        assert_int_equal(vq_net_device_receive(&n.dev, &all, 1), VQ_OK);
        (void)vq_loopback_run_queue(&n.loop, 0);
        assert_true(vq_net_driver_receive(&n.nic, &in));
        uint8_t got[64];
        assert_int_equal(vq_net_driver_read(&n.nic, &in, 0, got, 64), 64);
        assert_memory_equal(got, frame, 64);
        vq_net_driver_release(&n.nic, &in);
        assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
    }
}

/* While the receive queue is reset there is nowhere to put a frame. */
static void queue_reset(void **state)
{
    (void)state;
    net_start(NET_SPLIT);
    assert_int_equal(net_receive(60, 1), VQ_OK);
    assert_int_equal(vq_transport_queue_reset(&n.loop.transport, VQ_NET_QUEUE_RECEIVE), VQ_OK);
    assert_int_equal(net_receive(60, 2), VQ_ERR_STATE);
    assert_int_equal(n.dev.counts.received_dropped, 1);
    /* The other queue goes on. */
    assert_int_equal(net_send(60, 3, 1), VQ_OK);
    assert_int_equal(n.sent_count, 1);
}

static void link_down(void **state)
{
    (void)state;
    net_start(NET_SPLIT);
    assert_true(vq_net_device_set_link(&n.dev, false));
    assert_int_equal(field(VQ_NET_CONFIG_STATUS, 2, false), 0);
    assert_int_equal(net_receive(60, 1), VQ_ERR_STATE);
    assert_int_equal(net_send(60, 1, 1), VQ_OK);
    assert_int_equal(n.sent_count, 0);
    assert_true(vq_net_device_set_link(&n.dev, true));
    assert_int_equal(field(VQ_NET_CONFIG_STATUS, 2, false), VQ_NET_S_LINK_UP);
    assert_int_equal(net_receive(60, 1), VQ_OK);
    net_expect(60, 1);
    assert_int_equal(net_send(60, 1, 1), VQ_OK);
    assert_int_equal(n.sent_count, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(offers, "offers nothing that it does not do, nor what needs another "
                        "[NET-DEV-DEP-01 NET-DEV-DEP-03 NET-DEV-CFG-13 NET-DEV-CFG-14]"),
        VQ_TEST(mtu_field, "the MTU is one that can be, and stays "
                           "[NET-DEV-CFG-02 NET-DEV-CFG-04]"),
        VQ_TEST(mtu_limits, "up to the MTU all frames pass, above none "
                            "[NET-DEV-CFG-05 NET-DEV-CFG-06]"),
        VQ_TEST(speeds, "speed and duplex are ones that can be, and stay "
                        "[NET-DEV-CFG-10 NET-DEV-CFG-11 NET-DEV-CFG-12]"),
        VQ_TEST(config_order, "legacy fields have the driver's order [NET-DEV-LEGCFG-01]"),
        VQ_TEST(legacy_address, "a legacy driver may write the address, a modern one nothing"),
        VQ_TEST(sent_flags, "flags that are not known are ignored, those of offloads are not "
                            "[NET-DEV-TX-01 NET-DEV-TX-11]"),
        VQ_TEST(sent_gso, "what is not whole is not sent on [NET-DEV-TX-08 NET-DEV-TX-10]"),
        VQ_TEST(sent_junk, "other fields of a header change nothing [NET-DEV-TX-02 NET-DEV-TX-06 "
                           "NET-DEV-TX-07 NET-DEV-TX-12]"),
        VQ_TEST(received_headers,
                "a received header is zero but for the number of buffers, 10 bytes long or 12 "
                "[NET-DEV-LEGOP-02 NET-DEV-RX-01 NET-DEV-RX-06 NET-DEV-RX-08 NET-DEV-RX-09 "
                "NET-DEV-RX-10 NET-DEV-RX-11 NET-DEV-RX-12 NET-DEV-RX-13 NET-DEV-RX-22 "
                "NET-DEV-RX-27 NET-DEV-RX-31 NET-DEV-RX-35]"),
        VQ_TEST(merged, "a frame over several buffers fills all but the last, and comes whole "
                        "[NET-DEV-RXBUF-01 NET-DEV-RXBUF-02 NET-DEV-RX-02 NET-DEV-RX-03 "
                        "NET-DEV-RX-04 NET-DEV-RX-42 NET-DEV-LEGOP-01]"),
        VQ_TEST(tags, "a tag changes nothing [NET-DEV-VLAN-01]"),
        VQ_TEST(queue_reset, "a frame for a queue that is reset is dropped [NET-DEV-MQ-08]"),
        VQ_TEST(link_down, "with the link down nothing passes"),
    };
    return VQ_RUN(tests);
}
