/* The rows of the network device's driver, over the loopback, against a device of a test's words.
 */
#include "net_rig.h"

/* `bit` makes no sense without one of `needs`, or without all of them. */
static const struct dependency {
    uint8_t bit;
    bool all;
    uint8_t needs[4]; /* 0xff ends */
} dependencies[] = {
    {VQ_NET_F_GUEST_TSO4, true, {VQ_NET_F_GUEST_CSUM, 0xff}},
    {VQ_NET_F_GUEST_TSO6, true, {VQ_NET_F_GUEST_CSUM, 0xff}},
    {VQ_NET_F_GUEST_UFO, true, {VQ_NET_F_GUEST_CSUM, 0xff}},
    {VQ_NET_F_GUEST_USO4, true, {VQ_NET_F_GUEST_CSUM, 0xff}},
    {VQ_NET_F_GUEST_USO6, true, {VQ_NET_F_GUEST_CSUM, 0xff}},
    {VQ_NET_F_GUEST_ECN, false, {VQ_NET_F_GUEST_TSO4, VQ_NET_F_GUEST_TSO6, 0xff}},
    {VQ_NET_F_GUEST_UDP_TUNNEL_GSO,
     true,
     {VQ_NET_F_GUEST_TSO4, VQ_NET_F_GUEST_TSO6, VQ_NET_F_GUEST_USO4, VQ_NET_F_GUEST_USO6}},
    {VQ_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM, true, {VQ_NET_F_GUEST_UDP_TUNNEL_GSO, 0xff}},
    {VQ_NET_F_HOST_TSO4, true, {VQ_NET_F_CSUM, 0xff}},
    {VQ_NET_F_HOST_TSO6, true, {VQ_NET_F_CSUM, 0xff}},
    {VQ_NET_F_HOST_UFO, true, {VQ_NET_F_CSUM, 0xff}},
    {VQ_NET_F_HOST_USO, true, {VQ_NET_F_CSUM, 0xff}},
    {VQ_NET_F_HOST_ECN, false, {VQ_NET_F_HOST_TSO4, VQ_NET_F_HOST_TSO6, 0xff}},
    {VQ_NET_F_HOST_UDP_TUNNEL_GSO,
     true,
     {VQ_NET_F_HOST_TSO4, VQ_NET_F_HOST_TSO6, VQ_NET_F_HOST_USO, 0xff}},
    {VQ_NET_F_HOST_UDP_TUNNEL_GSO_CSUM, true, {VQ_NET_F_HOST_UDP_TUNNEL_GSO, 0xff}},
    {VQ_NET_F_CTRL_RX, true, {VQ_NET_F_CTRL_VQ, 0xff}},
    {VQ_NET_F_CTRL_VLAN, true, {VQ_NET_F_CTRL_VQ, 0xff}},
    {VQ_NET_F_GUEST_ANNOUNCE, true, {VQ_NET_F_CTRL_VQ, 0xff}},
    {VQ_NET_F_MQ, true, {VQ_NET_F_CTRL_VQ, 0xff}},
    {VQ_NET_F_CTRL_MAC_ADDR, true, {VQ_NET_F_CTRL_VQ, 0xff}},
    {VQ_NET_F_NOTF_COAL, true, {VQ_NET_F_CTRL_VQ, 0xff}},
    {VQ_NET_F_VQ_NOTF_COAL, true, {VQ_NET_F_CTRL_VQ, 0xff}},
    {VQ_NET_F_RSS, true, {VQ_NET_F_CTRL_VQ, 0xff}},
    {VQ_NET_F_RSC_EXT, false, {VQ_NET_F_HOST_TSO4, VQ_NET_F_HOST_TSO6, 0xff}},
    {VQ_NET_F_HASH_TUNNEL, true, {VQ_NET_F_CTRL_VQ, 0xff}},
    {VQ_NET_F_HASH_TUNNEL, false, {VQ_NET_F_RSS, VQ_NET_F_HASH_REPORT, 0xff}},
    {VQ_NET_F_RSS_CONTEXT, true, {VQ_NET_F_CTRL_VQ, VQ_NET_F_RSS, 0xff}},
    {VQ_NET_F_HASH_REPORT, true, {VQ_NET_F_CTRL_VQ, 0xff}},
    {VQ_NET_F_CTRL_RX_EXTRA, true, {VQ_NET_F_CTRL_VQ, 0xff}},
};

static bool met(const struct vq_features *set, const struct dependency *d)
{
    bool any = false, every = true;

    for (unsigned i = 0; i < 4 && d->needs[i] != 0xff; i++) {
        any = any || vq_feature(set, d->needs[i]);
        every = every && vq_feature(set, d->needs[i]);
    }
    return !vq_feature(set, d->bit) || (d->all ? every : any);
}

/* Features of the type beyond these are never accepted, whatever is offered. */
static const uint8_t known[] = {VQ_NET_F_MAC, VQ_NET_F_STATUS, VQ_NET_F_MTU, VQ_NET_F_MRG_RXBUF,
                                VQ_NET_F_SPEED_DUPLEX};

static bool is_known(unsigned bit)
{
    for (size_t i = 0; i < sizeof known; i++)
        if (known[i] == bit)
            return true;
    return (bit >= 24 && bit < 50) || bit == VQ_F_SUSPEND;
}

static void everything_offered(void)
{
    for (unsigned bit = 0; bit < 128; bit++)
        if (bit < 24 || bit >= 50)
            vq_feature_set(&n.words.offered, bit);
}

static void accepted_sets(void **state)
{
    struct vq_random random = {17};

    (void)state;
    for (unsigned i = 0; i < 500; i++) {
        net_prepare(NET_SPLIT);
        net_speak();
        everything_offered();
        for (unsigned w = 0; w < 4 && i != 0; w++)
            n.words.offered.word[w] &= (uint32_t)vq_random(&random);
        vq_feature_set(&n.words.offered, VQ_F_VERSION_1);
        assert_int_equal(net_open(), VQ_OK);
        for (size_t k = 0; k < sizeof dependencies / sizeof dependencies[0]; k++)
            assert_true(met(&n.words.chosen, &dependencies[k]));
        for (unsigned bit = 0; bit < 128; bit++)
            assert_true(!vq_feature(&n.words.chosen, bit) || is_known(bit));
        for (size_t k = 0; k < sizeof known; k++)
            assert_int_equal(vq_feature(&n.words.chosen, known[k]),
                             vq_feature(&n.words.offered, known[k]));
    }
}

static void config_read_only(void **state)
{
    (void)state;
    for (enum net_shape shape = NET_SPLIT; shape < NET_SHAPES;
         shape = (enum net_shape)(shape + 1)) {
        net_prepare(shape);
        net_speak();
        assert_int_equal(net_open(), VQ_OK);
        assert_int_equal(vq_net_driver_refresh(&n.nic), VQ_OK);
        n.reflect = true;
        assert_int_equal(net_send(100, 1, 1), VQ_OK);
        net_expect(100, 1);
        assert_int_equal(vq_net_driver_close(&n.nic), VQ_OK);
        assert_int_equal(n.words.writes, 0);
    }
}

static void address(void **state)
{
    static const uint8_t mine[VQ_NET_MAC_BYTES] = {0x11, 2, 3, 4, 5, 6};
    static const uint8_t made[VQ_NET_MAC_BYTES] = {0x12, 2, 3, 4, 5, 6};

    (void)state;
    net_prepare(NET_SPLIT);
    memcpy(n.options.mac, mine, sizeof mine);
    assert_int_equal(net_open(), VQ_OK);
    assert_true(vq_feature(&n.dev.accepted, VQ_NET_F_MAC));
    assert_true(n.nic.facts.mac_given);
    assert_memory_equal(n.nic.facts.mac, net_mac, sizeof net_mac);
    /* Without one of the device's: local, and of one machine. */
    vq_feature_set(&n.device.without, VQ_NET_F_MAC);
    assert_int_equal(net_open(), VQ_OK);
    assert_false(n.nic.facts.mac_given);
    assert_memory_equal(n.nic.facts.mac, made, sizeof made);
    assert_int_equal(vq_net_driver_refresh(&n.nic), VQ_OK);
    assert_memory_equal(n.nic.facts.mac, made, sizeof made);
}

static void link_state(void **state)
{
    (void)state;
    for (enum net_shape shape = NET_SPLIT; shape < NET_SHAPES;
         shape = (enum net_shape)(shape + 1)) {
        net_prepare(shape);
        n.device.link_down = true;
        assert_int_equal(net_open(), VQ_OK);
        assert_false(n.nic.facts.link_up);
        assert_true(vq_net_device_set_link(&n.dev, true));
        vq_loopback_config_changed(&n.loop);
        assert_int_equal(vq_transport_take_events(&n.loop.transport) & VQ_EVENT_CONFIG,
                         VQ_EVENT_CONFIG);
        assert_int_equal(vq_net_driver_refresh(&n.nic), VQ_OK);
        assert_true(n.nic.facts.link_up);
        assert_false(vq_net_device_set_link(&n.dev, true));
        assert_true(vq_net_device_set_link(&n.dev, false));
        assert_int_equal(vq_net_driver_refresh(&n.nic), VQ_OK);
        assert_false(n.nic.facts.link_up);
    }
    net_prepare(NET_SPLIT);
    n.device.link_down = true;
    vq_feature_set(&n.device.without, VQ_NET_F_STATUS);
    assert_int_equal(net_open(), VQ_OK);
    assert_true(n.nic.facts.link_up);
    assert_false(vq_net_device_set_link(&n.dev, true));
}

static void mtu(void **state)
{
    (void)state;
    for (enum net_shape shape = NET_SPLIT; shape < NET_SHAPES;
         shape = (enum net_shape)(shape + 1)) {
        net_prepare(shape);
        n.device.mtu = 1400;
        assert_int_equal(net_open(), VQ_OK);
        assert_true(n.nic.facts.mtu_given);
        assert_int_equal(n.nic.facts.mtu, 1400);
        /* A frame of the MTU goes both ways, a longer one does not leave. */
        assert_int_equal(net_send(1414, 1, 1), VQ_OK);
        assert_int_equal(n.sent[0].count, 1414);
        assert_int_equal(net_send(1415, 1, 1), VQ_ERR_RANGE);
        assert_int_equal(net_send(13, 1, 1), VQ_ERR_RANGE);
        assert_int_equal(n.sent_count, 1);
        assert_int_equal(net_receive(1414, 2), VQ_OK);
        net_expect(1414, 2);
        struct vq_element e = {NET_ADDRESS + NET_DATA, 1418};
        struct vq_net_send s = {.data = &e, .count = 1, .tagged = true};
        assert_int_equal(vq_net_driver_send(&n.nic, &s), VQ_OK);
        e.bytes = 1419;
        assert_int_equal(vq_net_driver_send(&n.nic, &s), VQ_ERR_RANGE);
        /* Without MTU the usual one holds. */
        vq_feature_set(&n.device.without, VQ_NET_F_MTU);
        assert_int_equal(net_open(), VQ_OK);
        assert_false(n.nic.facts.mtu_given);
        assert_int_equal(net_send(1514, 1, 1), VQ_OK);
        assert_int_equal(net_send(1515, 1, 1), VQ_ERR_RANGE);
    }
}

/* Frames of the MTU must fit into what is given to the device, in one buffer or in all. */
static void room_for_mtu(void **state)
{
    (void)state;
    net_prepare(NET_SPLIT);
    n.device.mtu = 9000;
    n.options.receive_count = 7;
    assert_int_equal(net_open(), VQ_OK);
    assert_int_equal(n.nic.facts.mtu, 9000);
    assert_int_equal(net_receive(9014, 5), VQ_OK);
    net_expect(9014, 5);
    n.options.receive_count = 5; /* 7630 bytes */
    assert_int_equal(net_open(), VQ_OK);
    assert_false(vq_feature(&n.dev.accepted, VQ_NET_F_MTU));
    n.options.receive_count = 7;
    vq_feature_set(&n.device.without, VQ_NET_F_MRG_RXBUF);
    assert_int_equal(net_open(), VQ_OK);
    assert_false(vq_feature(&n.dev.accepted, VQ_NET_F_MTU));
    assert_int_equal(n.nic.facts.mtu, 1500);
    n.options.receive_buffer = 9030;
    assert_int_equal(net_open(), VQ_OK);
    assert_true(vq_feature(&n.dev.accepted, VQ_NET_F_MTU));
    assert_int_equal(net_receive(9014, 6), VQ_OK);
    net_expect(9014, 6);
    /* A ring that the device makes smaller than the buffers need is told at once. */
    net_prepare(NET_SPLIT);
    n.device.mtu = 9000;
    n.device.queue_size = 4;
    n.options.receive_count = 7;
    assert_int_equal(net_open(), VQ_ERR_NO_MEMORY);
    assert_int_equal(n.why.step, VQ_INIT_SETUP);
}

static void speed(void **state)
{
    static const struct {
        uint32_t said, taken;
        uint8_t duplex, taken_duplex;
    } cases[] = {
        {0, 0, 0, 0},
        {10000, 10000, 1, 1},
        {0x7fffffff, 0x7fffffff, 2, 0xff},
        {0x80000000, UINT32_MAX, 0x7f, 0xff},
        {UINT32_MAX, UINT32_MAX, 0xff, 0xff},
    };

    (void)state;
    net_prepare(NET_SPLIT);
    n.device.speed = 100;
    n.device.duplex = VQ_NET_DUPLEX_FULL;
    net_speak();
    assert_int_equal(net_open(), VQ_OK);
    assert_int_equal(n.nic.facts.speed, 100);
    assert_int_equal(n.nic.facts.duplex, VQ_NET_DUPLEX_FULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (unsigned k = 0; k < 4; k++)
            n.words.config[VQ_NET_CONFIG_SPEED + k] = (uint8_t)(cases[i].said >> (8 * k));
        n.words.config[VQ_NET_CONFIG_DUPLEX] = cases[i].duplex;
        vq_loopback_config_changed(&n.loop);
        assert_true(vq_transport_take_events(&n.loop.transport) & VQ_EVENT_CONFIG);
        assert_int_equal(vq_net_driver_refresh(&n.nic), VQ_OK);
        assert_int_equal(n.nic.facts.speed, cases[i].taken);
        assert_int_equal(n.nic.facts.duplex, cases[i].taken_duplex);
    }
}

static void legacy_fields(void **state)
{
    (void)state;
    for (unsigned big = NET_HOST_BIG; big < 2; big++) {
        net_prepare(big ? NET_LEGACY_BIG : NET_LEGACY);
        net_speak();
        n.words.config[VQ_NET_CONFIG_STATUS + !big] = 0;
        n.words.config[VQ_NET_CONFIG_STATUS + big] = VQ_NET_S_LINK_UP;
        n.words.config[VQ_NET_CONFIG_MTU + !big] = 5; /* 1281 */
        n.words.config[VQ_NET_CONFIG_MTU + big] = 1;
        assert_int_equal(net_open(), VQ_OK);
        assert_true(vq_transport_legacy(&n.loop.transport));
        assert_true(n.nic.facts.link_up);
        assert_int_equal(n.nic.facts.mtu, 1281);
    }
}

/* The number of buffers is the one field that the driver reads as a number. */
static void legacy_order(void **state)
{
    (void)state;
    for (unsigned big = NET_HOST_BIG; big < 2; big++) {
        struct vq_net_frame frame;

        net_prepare(big ? NET_LEGACY_BIG : NET_LEGACY);
        n.options.receive_buffer = 128;
        assert_int_equal(net_open(), VQ_OK);
        for (unsigned i = 0; i < 2; i++) {
            assert_false(vq_net_driver_receive(&n.nic, &frame));
            assert_true(net_take(0));
            memset(net_hand_segments[0].base, 0, 128);
            if (i == 0)
                ((uint8_t *)net_hand_segments[0].base)[big ? 11 : 10] = 2;
            net_give(0, 128);
        }
        assert_true(vq_net_driver_receive(&n.nic, &frame));
        assert_int_equal(frame.count, 2);
        assert_int_equal(frame.bytes, 128 + 116);
    }
}

static void used_length(void **state)
{
    (void)state;
    for (enum net_shape shape = NET_SPLIT; shape < NET_SHAPES;
         shape = (enum net_shape)(shape + 1)) {
        struct vq_element e = {NET_ADDRESS + NET_DATA, 60};
        uint64_t tag = 0;

        net_start(shape);
        assert_int_equal(
            vq_net_driver_send(&n.nic, &(struct vq_net_send){.data = &e, .count = 1, .tag = 9}),
            VQ_OK);
        assert_int_equal(vq_net_driver_flush(&n.nic), VQ_OK);
        assert_true(net_take(1));
        net_give(1, 12345);
        assert_int_equal(vq_net_driver_sent(&n.nic, &tag, 1), 1);
        assert_int_equal(tag, 9);
        assert_int_equal(vq_net_driver_broken(&n.nic), VQ_NOT_BROKEN);
    }
}

static void header_sizes(void **state)
{
    static const struct {
        uint8_t bits[3]; /* 0xff: none */
        uint32_t bytes;
    } cases[] = {
        {{VQ_F_VERSION_1, 0xff, 0xff}, 12},
        {{VQ_F_VERSION_1, VQ_NET_F_MRG_RXBUF, 0xff}, 12},
        {{VQ_F_VERSION_1, VQ_NET_F_HASH_REPORT, 0xff}, 20},
        {{VQ_F_VERSION_1, VQ_NET_F_HASH_REPORT, VQ_NET_F_HOST_UDP_TUNNEL_GSO}, 24},
        {{VQ_F_VERSION_1, VQ_NET_F_HOST_UDP_TUNNEL_GSO, 0xff}, 24},
        {{VQ_F_VERSION_1, VQ_NET_F_OUT_NET_HEADER, 0xff}, 32},
        {{VQ_F_VERSION_1, VQ_NET_F_IPSEC, VQ_NET_F_HASH_REPORT}, 32},
        {{0xff, 0xff, 0xff}, 10},
        {{VQ_NET_F_MRG_RXBUF, 0xff, 0xff}, 12},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vq_features set = {{0}};
        for (unsigned k = 0; k < 3; k++)
            vq_feature_set(&set, cases[i].bits[k]);
        assert_int_equal(vq_net_header_bytes(&set), cases[i].bytes);
    }
}

/* What goes out is a header of zeroes, as long as that of what comes in, and the frame; all of it
 * for the device to read. */
static void header_of_zeroes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * NET_SHAPES; i++) {
        const enum net_shape shape = (enum net_shape)(i / 2);
        struct vq_element e[2] = {{NET_ADDRESS + NET_DATA, 30}, {NET_ADDRESS + NET_DATA + 30, 30}};
        uint32_t at = 0;
        uint8_t got[256] = {0xee};

        net_prepare(shape);
        net_speak();
        if (i % 2 == 1) /* whatever is on offer */
            everything_offered();
        assert_int_equal(net_open(), VQ_OK);
        const bool legacy = vq_transport_legacy(&n.loop.transport);
        const uint32_t header = legacy && !n.nic.facts.mergeable ? 10 : 12;
        for (unsigned round = 0; round < 3; round++) {
            uint64_t tag;

            net_fill(net_arena + NET_DATA, 60, round);
            assert_int_equal(
                vq_net_driver_send(&n.nic, &(struct vq_net_send){.data = e, .count = 2}), VQ_OK);
            assert_int_equal(vq_net_driver_flush(&n.nic), VQ_OK);
            assert_true(net_take(1));
            assert_int_equal(net_hand.writable, 0);
            assert_int_equal(net_hand.readable_bytes, header + 60);
            at = 0;
            for (uint32_t s = 0; s < net_hand.readable; s++) {
                memcpy(got + at, net_hand_segments[s].base, net_hand_segments[s].bytes);
                at += (uint32_t)net_hand_segments[s].bytes;
            }
            for (uint32_t k = 0; k < header; k++)
                assert_int_equal(got[k], 0);
            assert_memory_equal(got + header, net_arena + NET_DATA, 60);
            net_give(1, 0);
            assert_int_equal(vq_net_driver_sent(&n.nic, &tag, 1), 1);
        }
        /* A frame that comes is looked for behind as many bytes. */
        assert_int_equal(net_receive(60, 5), VQ_OK);
        net_expect(60, 5);
    }
}

static void buffer_sizes(void **state)
{
    (void)state;
    for (enum net_shape shape = NET_SPLIT; shape < NET_SHAPES;
         shape = (enum net_shape)(shape + 1)) {
        net_start(shape);
        for (unsigned i = 0; net_take(0); i++) {
            assert_true(net_hand.writable_bytes >= 1526);
            assert_int_equal(net_hand.readable, 0);
            assert_true(i < NET_SIZE);
        }
        n.options.receive_buffer = 1525;
        assert_int_equal(net_open(), n.nic.facts.mergeable ? VQ_OK : VQ_ERR_UNSUPPORTED);
    }
    net_prepare(NET_SPLIT);
    n.options.receive_buffer = 12;
    assert_int_equal(net_open(), VQ_ERR_INVALID);
    n.options.receive_buffer = 13;
    n.device.mtu = 0;
    assert_int_equal(net_open(), VQ_OK);
    while (net_take(0))
        assert_true(net_hand.writable_bytes >= 12);
}

/* A header of the device's, before a frame of 60 bytes. True if the driver hands it on, whole. */
static bool taken(uint8_t flags, uint8_t gso_type, unsigned junk)
{
    struct vq_net_frame frame;
    uint8_t *at, want[60], got[60];

    assert_true(net_take(0));
    at = net_hand_segments[0].base;
    memset(at, (int)junk, 10);
    at[0] = flags;
    at[1] = gso_type;
    at[10] = 1;
    at[11] = 0;
    net_fill(at + 12, 60, junk);
    net_fill(want, 60, junk);
    net_give(0, 72);
    if (!vq_net_driver_receive(&n.nic, &frame)) {
        assert_int_equal(vq_net_driver_broken(&n.nic), VQ_NOT_BROKEN);
        net_all_there(0);
        assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
        return false;
    }
    assert_int_equal(frame.bytes, 60);
    assert_int_equal(vq_net_driver_read(&n.nic, &frame, 0, got, 60), 60);
    assert_memory_equal(got, want, 60);
    vq_net_driver_release(&n.nic, &frame);
    assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
    return true;
}

static void junk_in_headers(void **state)
{
    (void)state;
    net_start(NET_SPLIT);
    for (unsigned flags = 0; flags < 256; flags++)
        for (unsigned junk = 0; junk < 256; junk += 51)
            assert_int_equal(taken((uint8_t)flags, VQ_NET_GSO_NONE, junk),
                             (flags & VQ_NET_HDR_F_NEEDS_CSUM) == 0);
}

static void tunnels(void **state)
{
    static const uint8_t bases[] = {VQ_NET_GSO_NONE, VQ_NET_GSO_TCPV4, VQ_NET_GSO_UDP,
                                    VQ_NET_GSO_TCPV6, VQ_NET_GSO_UDP_L4};

    (void)state;
    net_start(NET_SPLIT);
    for (size_t i = 0; i < sizeof bases; i++)
        for (unsigned tunnel = 0; tunnel < 4; tunnel++)
            for (unsigned flags = 0; flags < 16; flags++) {
                const uint8_t gso = (uint8_t)(bases[i] | tunnel << 5);
                assert_int_equal(taken((uint8_t)flags, gso, 1),
                                 gso == 0 && (flags & VQ_NET_HDR_F_NEEDS_CSUM) == 0);
            }
}

/* Old devices want the header in an element of its own, both ways. */
static void legacy_framing(void **state)
{
    struct vq_element e[2] = {{NET_ADDRESS + NET_DATA, 30}, {NET_ADDRESS + NET_DATA + 30, 30}};

    (void)state;
    net_start(NET_LEGACY_PLAIN);
    assert_false(vq_feature(&n.dev.accepted, VQ_F_ANY_LAYOUT));
    assert_int_equal(vq_net_driver_send(&n.nic, &(struct vq_net_send){.data = e, .count = 2}),
                     VQ_OK);
    assert_int_equal(vq_net_driver_flush(&n.nic), VQ_OK);
    assert_true(net_take(1));
    assert_int_equal(net_hand.readable, 3);
    assert_int_equal(net_hand_segments[0].bytes, 10);
    assert_true(net_take(0));
    assert_int_equal(net_hand.writable, 2);
    assert_int_equal(net_hand_segments[0].bytes, 10);
    assert_true(net_hand_segments[1].bytes >= 1514);
    e[0].bytes = 70;
    assert_int_equal(
        vq_net_driver_send(&n.nic, &(struct vq_net_send){.data = e, .count = 1, .headed = true}),
        VQ_ERR_INVALID);
    /* And no merging, which such devices did with one element. */
    net_prepare(NET_LEGACY_PLAIN);
    vq_feature_clear(&n.options.without, VQ_NET_F_MRG_RXBUF);
    assert_int_equal(net_open(), VQ_OK);
    assert_false(n.nic.facts.mergeable);
}

static void suspended(void **state)
{
    struct vq_element e = {NET_ADDRESS + NET_DATA, 60};
    struct vq_net_frame frame;

    (void)state;
    net_start(NET_SPLIT);
    assert_int_equal(net_receive(60, 1), VQ_OK);
    n.loop.transport.suspended = true;
    assert_int_equal(vq_net_driver_send(&n.nic, &(struct vq_net_send){.data = &e, .count = 1}),
                     VQ_ERR_STATE);
    assert_int_equal(vq_net_driver_flush(&n.nic), VQ_ERR_STATE);
    assert_true(vq_net_driver_receive(&n.nic, &frame));
    vq_net_driver_release(&n.nic, &frame);
    assert_int_equal(vq_net_driver_refill(&n.nic), VQ_ERR_STATE);
    n.loop.transport.suspended = false;
    assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
    assert_int_equal(n.nic.posted, NET_SIZE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(accepted_sets,
                "whatever is offered, what is accepted makes sense together [NET-DRV-DEP-01 "
                "NET-DRV-DEP-02 NET-DRV-DEP-03 NET-DRV-DEP-04 NET-DRV-DEP-05 NET-DRV-DEP-06 "
                "NET-DRV-DEP-07 NET-DRV-DEP-08 NET-DRV-DEP-09 NET-DRV-CFG-13 NET-DRV-CFG-14 "
                "NET-DRV-CFG-02 NET-DRV-CFG-07]"),
        VQ_TEST(config_read_only, "no field of the configuration is written [NET-DRV-CFG-01]"),
        VQ_TEST(address, "the address is the device's, or a local one "
                         "[NET-DRV-CFG-03 NET-DRV-CFG-04]"),
        VQ_TEST(link_state, "the link follows its field, or is up [NET-DRV-CFG-05 NET-DRV-CFG-06]"),
        VQ_TEST(mtu, "no frame above the MTU leaves [NET-DRV-CFG-09]"),
        VQ_TEST(room_for_mtu, "a frame of the MTU finds room [NET-DRV-CFG-08]"),
        VQ_TEST(speed, "odd speeds are unknown ones, and are read again after a change "
                       "[NET-DRV-CFG-11 NET-DRV-CFG-12]"),
        VQ_TEST(legacy_fields, "legacy fields have the driver's order [NET-DRV-LEGCFG-01]"),
        VQ_TEST(legacy_order, "legacy headers have the driver's order [NET-DRV-LEGOP-01]"),
        VQ_TEST(used_length, "the used length of a sent frame says nothing [NET-DRV-LEGOP-02]"),
        VQ_TEST(header_sizes, "how long a header is [NET-DRV-LEGOP-03 NET-DRV-RXBUF-04]"),
        VQ_TEST(header_of_zeroes,
                "a sent header is all zero, as long as a received one, and only to be read "
                "[NET-DRV-TX-01 NET-DRV-TX-02 NET-DRV-TX-03 NET-DRV-TX-09 NET-DRV-TX-11 "
                "NET-DRV-TX-13 NET-DRV-TX-15 NET-DRV-TX-19 NET-DRV-TX-22 NET-DRV-TX-24 "
                "NET-DRV-TX-26 NET-DRV-TX-27 NET-DRV-TX-28 NET-DRV-TX-33 NET-DRV-TX-45 "
                "NET-DRV-TX-46 NET-DRV-TX-48]"),
        VQ_TEST(buffer_sizes, "buffers are as large as they must be "
                              "[NET-DRV-RXBUF-02 NET-DRV-RXBUF-03]"),
        VQ_TEST(junk_in_headers,
                "what a header says beside its point changes nothing [NET-DRV-RX-01 "
                "NET-DRV-RX-04 NET-DRV-RX-05 NET-DRV-RX-06]"),
        VQ_TEST(tunnels, "no tunnel's packet is taken "
                         "[NET-DRV-RX-08 NET-DRV-RX-10 NET-DRV-RX-11]"),
        VQ_TEST(legacy_framing, "an old device gets headers alone [NET-DRV-LEGFRAME-01]"),
        VQ_TEST(suspended, "nothing is made available while suspended [INIT-DRV-SUSP-04]"),
    };
    return VQ_RUN(tests);
}
