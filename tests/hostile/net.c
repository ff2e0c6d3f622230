/*
 * Network drivers that mean harm, and devices: headers that are cut, buffers too small
 * for anything, counts that cannot be. Nothing is lost, nothing hangs, nobody else notices.
 */
#include "net_rig.h"

#define FOR_EACH_SHAPE(shape)                                                                      \
    for (enum net_shape shape = NET_SPLIT; shape < NET_SHAPES; shape = (enum net_shape)(shape + 1))

/* Makes a buffer of the transmit ring available, cut into pieces of `cut` bytes. */
static void send_cut(uint32_t bytes, uint32_t cut)
{
    struct vq_element e[NET_SIZE];
    uint32_t at = 0;
    unsigned count = 0;

    for (; at < bytes; at += cut) {
        assert_true(count < NET_SIZE);
        e[count++] =
            (struct vq_element){NET_ADDRESS + NET_DATA + at, bytes - at < cut ? bytes - at : cut};
    }
    assert_true(vq_driver_add(&n.nic.transmit, e, count, 0) >= 0);
    assert_int_equal(vq_net_driver_flush(&n.nic), VQ_OK);
    (void)vq_loopback_run(&n.loop);
}

static void cut_headers(void **state)
{
    (void)state;
    FOR_EACH_SHAPE(shape)
    {
        uint64_t tag;
        unsigned passed = 0;

        net_start(shape);
        const uint32_t header = n.nic.header_bytes;
        for (uint32_t bytes = 1; bytes < 80; bytes++)
            for (uint32_t cut = bytes / NET_SIZE + 1; cut <= bytes; cut++) {
                memset(net_arena + NET_DATA, 0, header);
                net_fill(net_arena + NET_DATA + header, 80, bytes);
                send_cut(bytes, cut);
                assert_int_equal(vq_net_driver_sent(&n.nic, &tag, 1), 1);
                if (bytes < header + 14) {
                    assert_int_equal(n.sent_count, passed);
                    continue;
                }
                assert_int_equal(n.sent_count, ++passed);
                const struct net_sent *s = &n.sent[(passed - 1) % NET_LOG];
                assert_int_equal(s->count, bytes - header);
                assert_memory_equal(s->bytes, net_arena + NET_DATA + header, bytes - header);
            }
        assert_int_equal(n.dev.model.ops->queue_broken(&n.dev.model, 1), VQ_NOT_BROKEN);
    }
}

/* A frame of many gigabytes: the same memory, over and over. */
static void huge(void **state)
{
    struct vq_element e[3] = {
        {NET_ADDRESS, NET_ARENA}, {NET_ADDRESS, NET_ARENA}, {NET_ADDRESS, 65553 + 12}};
    uint64_t tag;

    (void)state;
    net_start(NET_SPLIT);
    memset(net_arena + NET_DATA, 0, 12);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(vq_driver_add(&n.nic.transmit, e + i, 1, 0) >= 0);
        assert_int_equal(vq_net_driver_flush(&n.nic), VQ_OK);
        (void)vq_loopback_run(&n.loop);
        assert_int_equal(vq_net_driver_sent(&n.nic, &tag, 1), 1);
    }
    assert_int_equal(n.sent_count, 0);
    assert_int_equal(n.dev.counts.sent_dropped, 3);
}

/* Buffers to write where there should be some to read, and the other way round. */
static void wrong_way(void **state)
{
    const struct vq_element e = {NET_ADDRESS + NET_DATA, 100};
    struct vq_done done;
    uint64_t tag;

    (void)state;
    net_prepare(NET_SPLIT);
    n.options.receive_count = 1;
    assert_int_equal(net_open(), VQ_OK);
    assert_true(vq_driver_add(&n.nic.transmit, &e, 0, 1) >= 0);
    assert_int_equal(vq_net_driver_flush(&n.nic), VQ_OK);
    (void)vq_loopback_run(&n.loop);
    assert_int_equal(vq_net_driver_sent(&n.nic, &tag, 1), 1);
    assert_int_equal(n.sent_count, 0);
    assert_true(net_take(0)); /* the good one */
    const int id = vq_driver_add(&n.nic.receive, &e, 1, 0);
    assert_true(id >= 0);
    (void)vq_driver_publish(&n.nic.receive);
    assert_int_equal(net_receive(60, 1), VQ_ERR_FULL);
    assert_int_equal(vq_driver_get(&n.nic.receive, &done, 1), 1);
    assert_int_equal(done.id, id);
    assert_int_equal(done.reported, 0);
    assert_int_equal(n.dev.counts.bad_buffers, 1);
}

/* Receive buffers of one byte, as many as the ring holds, and a peer that never stops. */
static void tiny_buffers(void **state)
{
    (void)state;
    FOR_EACH_SHAPE(shape)
    {
        struct vq_done done[NET_SIZE];

        net_start(shape);
        while (net_take(0)) /* those of the driver, out of the way */
            ;
        const uint16_t taken = n.nic.posted;
        assert_true(taken >= NET_SIZE / 2);
        /* A ring of the same memory, begun anew: every buffer of 1 to 11 bytes. */
        assert_int_equal(vq_net_driver_close(&n.nic), VQ_OK);
        net_prepare(shape);
        n.options.receive_count = 1;
        assert_int_equal(net_open(), VQ_OK);
        while (net_take(0))
            ;
        unsigned added = 0;
        for (;; added++) {
            const struct vq_element e = {NET_ADDRESS + NET_DATA,
                                         1 + added % (n.nic.header_bytes - 1u)};
            if (vq_driver_add(&n.nic.receive, &e, 0, 1) < 0)
                break;
        }
        (void)vq_driver_publish(&n.nic.receive);
        for (unsigned i = 0; i < 100; i++)
            assert_int_equal(net_receive(60, i), VQ_ERR_FULL);
        assert_int_equal(vq_driver_get(&n.nic.receive, done, NET_SIZE),
                         shape == NET_IN_ORDER ? 0 : added);
        assert_int_equal(n.dev.counts.bad_buffers, added);
        assert_int_equal(n.dev.count, 0);
        assert_int_equal(n.dev.model.ops->queue_broken(&n.dev.model, 0), VQ_NOT_BROKEN);
        for (size_t i = 0; i < 100; i++)
            assert_int_equal(net_arena[NET_DATA + i], 0xaa);
    }
}

static unsigned endless_calls;

/* Makes another frame available each time that one is taken. */
static void endless(void *context, const struct vq_segment *frame, size_t count, uint64_t bytes)
{
    struct vq_element e = {NET_ADDRESS + NET_DATA, 100};
    uint64_t tags[NET_SIZE];

    (void)context;
    (void)frame;
    (void)count;
    (void)bytes;
    (void)vq_net_driver_sent(&n.nic, tags, NET_SIZE);
    if (vq_driver_add(&n.nic.transmit, &e, 1, 0) >= 0)
        (void)vq_driver_publish(&n.nic.transmit);
    endless_calls++;
}

static void bounded_run(void **state)
{
    struct vq_element e = {NET_ADDRESS + NET_DATA, 100};

    (void)state;
    net_prepare(NET_SPLIT);
    n.device.send = endless;
    assert_int_equal(net_open(), VQ_OK);
    memset(net_arena + NET_DATA, 0, 100);
    endless_calls = 0;
    assert_true(vq_driver_add(&n.nic.transmit, &e, 1, 0) >= 0);
    assert_int_equal(vq_net_driver_flush(&n.nic), VQ_OK);
    (void)n.dev.model.ops->queue_run(&n.dev.model, 1);
    assert_true(endless_calls != 0 && endless_calls <= NET_SIZE);
}

/* A device that says anything of a buffer: `written`, and a header of these bytes. */
static void answer(uint32_t written, uint16_t buffers)
{
    assert_true(net_take(0));
    uint8_t *at = net_hand_segments[0].base;
    memset(at, 0, 12);
    at[10] = (uint8_t)buffers;
    at[11] = (uint8_t)(buffers >> 8);
    net_give(0, written);
}

static void used_lengths(void **state)
{
    struct vq_net_frame frame;

    (void)state;
    for (enum net_shape shape = NET_SPLIT; shape <= NET_SPLIT_PLAIN;
         shape = (enum net_shape)(shape + 1)) {
        net_start(shape);
        for (uint32_t written = 0; written < 26; written++) {
            answer(written, 1);
            assert_false(vq_net_driver_receive(&n.nic, &frame));
            net_all_there(0);
            assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
        }
        assert_int_equal(n.nic.counts.malformed, 26);
        /* More than there is room for is as much as there is room for. */
        answer(UINT32_MAX, 1);
        assert_true(vq_net_driver_receive(&n.nic, &frame));
        assert_int_equal(frame.bytes, VQ_NET_BUFFER_BYTES - 12);
        vq_net_driver_release(&n.nic, &frame);
        assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
        assert_int_equal(net_receive(60, 1), VQ_OK);
        net_expect(60, 1);
    }
    /* Unless that is not to be. */
    net_prepare(NET_SPLIT);
    n.options.strict = true;
    assert_int_equal(net_open(), VQ_OK);
    answer(UINT32_MAX, 1);
    assert_false(vq_net_driver_receive(&n.nic, &frame));
    assert_int_equal(vq_net_driver_broken(&n.nic), VQ_BROKEN_USED_LENGTH);
    assert_int_equal(vq_net_driver_wait(&n.nic, 0), VQ_ERR_BROKEN);
}

static void buffer_counts(void **state)
{
    static const uint16_t counts[] = {0, NET_SIZE + 1, 100, 0x8000, 0xffff};
    struct vq_net_frame frame;

    (void)state;
    net_start(NET_SPLIT);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        answer(100, counts[i]);
        assert_false(vq_net_driver_receive(&n.nic, &frame));
        net_all_there(0);
        assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
    }
    /* As many as there are: the frame is there when the last of them is. */
    answer(100, NET_SIZE);
    for (unsigned i = 1; i < NET_SIZE; i++) {
        assert_false(vq_net_driver_receive(&n.nic, &frame));
        answer(50, 7);
    }
    assert_true(vq_net_driver_receive(&n.nic, &frame));
    assert_int_equal(frame.count, NET_SIZE);
    assert_int_equal(frame.bytes, 88 + 50 * (NET_SIZE - 1));
    net_all_there(NET_SIZE);
    vq_net_driver_release(&n.nic, &frame);
    assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
    /* An empty part spoils the frame, and nothing else. */
    answer(100, 3);
    answer(0, 0);
    answer(10, 0);
    assert_false(vq_net_driver_receive(&n.nic, &frame));
    net_all_there(0);
    assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
    assert_int_equal(net_receive(60, 1), VQ_OK);
    net_expect(60, 1);
}

/* Frames of a count that never comes do not eat the buffers of those after it. */
static void never_whole(void **state)
{
    struct vq_net_frame frame;

    (void)state;
    net_start(NET_SPLIT);
    answer(100, NET_SIZE);
    assert_false(vq_net_driver_receive(&n.nic, &frame));
    assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
    assert_int_equal(n.nic.posted, NET_SIZE - 1);
    net_all_there(1);
    assert_int_equal(vq_net_driver_close(&n.nic), VQ_OK);
    assert_int_equal(net_open(), VQ_OK);
    assert_int_equal(net_receive(60, 1), VQ_OK);
    net_expect(60, 1);
}

static void broken_rings(void **state)
{
    struct vq_element e = {NET_ADDRESS + NET_DATA, 60};
    struct vq_net_frame frame;
    uint64_t tags[4];

    (void)state;
    net_start(NET_SPLIT);
    ((uint8_t *)n.nic.receive.device_area)[3] = 0x40; /* a used index far ahead */
    assert_false(vq_net_driver_receive(&n.nic, &frame));
    assert_int_equal(vq_net_driver_broken(&n.nic), VQ_BROKEN_USED_JUMP);
    assert_int_equal(vq_net_driver_wait(&n.nic, 0), VQ_ERR_BROKEN);
    /* The other ring lives on. */
    assert_int_equal(net_send(60, 1, 1), VQ_OK);
    assert_int_equal(vq_net_driver_sent(&n.nic, tags, 4), 1);
    net_start(NET_SPLIT);
    ((uint8_t *)n.nic.transmit.device_area)[3] = 0x40;
    assert_int_equal(vq_net_driver_sent(&n.nic, tags, 4), 0);
    assert_int_equal(vq_net_driver_broken(&n.nic), VQ_BROKEN_USED_JUMP);
    assert_int_equal(vq_net_driver_send(&n.nic, &(struct vq_net_send){.data = &e, .count = 1}),
                     VQ_ERR_BROKEN);
    assert_int_equal(net_receive(60, 1), VQ_OK);
    net_expect(60, 1);
}

static void words(void **state)
{
    (void)state;
    /* An MTU that cannot be is not accepted. */
    for (uint32_t mtu = 0; mtu < 68; mtu++) {
        net_prepare(NET_SPLIT);
        net_speak();
        n.words.config[VQ_NET_CONFIG_MTU] = (uint8_t)mtu;
        n.words.config[VQ_NET_CONFIG_MTU + 1] = 0;
        assert_int_equal(net_open(), VQ_OK);
        assert_false(vq_feature(&n.words.chosen, VQ_NET_F_MTU));
        assert_int_equal(n.nic.facts.mtu, 1500);
    }
    /* Fields beyond the end are not there, and are not read. */
    static const struct {
        uint32_t size;
        uint8_t gone;
    } cases[] = {
        {5, VQ_NET_F_MAC}, {7, VQ_NET_F_STATUS}, {11, VQ_NET_F_MTU}, {16, VQ_NET_F_SPEED_DUPLEX}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        net_prepare(NET_SPLIT);
        net_speak();
        vq_feature_set(&n.words.offered, VQ_NET_F_SPEED_DUPLEX);
        n.words.config_size = cases[i].size;
        assert_int_equal(net_open(), VQ_OK);
        assert_false(vq_feature(&n.words.chosen, cases[i].gone));
        for (uint32_t at = cases[i].size; at < VQ_NET_CONFIG_SIZE; at++)
            assert_false(n.words.touched[at]);
        assert_true(n.nic.facts.link_up);
    }
    net_prepare(NET_SPLIT);
    net_speak();
    n.words.config_size = 0;
    assert_int_equal(net_open(), VQ_OK);
    /* Fields whose feature is not accepted are not read. */
    net_prepare(NET_SPLIT);
    net_speak();
    n.words.offered = vq_features_from64(UINT64_C(1) << VQ_F_VERSION_1);
    assert_int_equal(net_open(), VQ_OK);
    for (uint32_t at = 0; at < VQ_NET_CONFIG_SIZE; at++)
        assert_false(n.words.touched[at]);
}

/* Anything at all of a device: lengths, counts, headers, in any order, while frames are held. */
static void any_device(void **state)
{
    struct vq_random random = {2024};
    struct vq_net_frame held[4];

    (void)state;
    for (unsigned run = 0; run < 40; run++) {
        unsigned count = 0, buffers = 0;

        net_prepare(run % 2 ? NET_PACKED : NET_SPLIT);
        n.options.receive_buffer = 64 + vq_random_below(&random, 1500);
        n.device.mtu = 0;
        assert_int_equal(net_open(), VQ_OK);
        for (unsigned i = 0; i < 2000; i++) {
            const uint32_t what = vq_random_below(&random, 5);
            uint8_t got[128];

            if (what <= 1 && net_take(0)) {
                uint8_t *at = net_hand_segments[0].base;
                for (unsigned k = 0; k < 20; k++) {
                    const uint64_t few = vq_random(&random); /* a quarter of the bits */
                    at[k] = (uint8_t)(few & few >> 8);
                }
                at[0] &= (uint8_t)vq_random_below(&random, 8) == 0 ? 0xff : 0xfe;
                at[1] = vq_random_below(&random, 8) == 0 ? at[1] : 0;
                at[10] = (uint8_t)vq_random_below(&random, 5);
                at[11] = vq_random_below(&random, 16) == 0 ? at[11] : 0;
                net_give(0, vq_random_below(&random, 8) == 0
                                ? (uint32_t)vq_random(&random)
                                : vq_random_below(&random, n.nic.buffer_bytes + 1));
            } else if (what == 2 && count < 4 && vq_net_driver_receive(&n.nic, &held[count])) {
                assert_true(held[count].bytes >= 14);
                assert_true(held[count].bytes <= held[count].count * n.nic.buffer_bytes);
                (void)vq_net_driver_read(&n.nic, &held[count],
                                         vq_random_below(&random, held[count].bytes), got, 128);
                buffers += held[count++].count;
            } else if (what == 3 && count != 0) {
                buffers -= held[--count].count;
                vq_net_driver_release(&n.nic, &held[count]);
            } else if (what == 4) {
                assert_int_equal(vq_net_driver_refill(&n.nic), VQ_OK);
            }
            net_all_there(buffers + (n.nic.missing != 0 ? n.nic.coming.count : 0u));
        }
        assert_int_equal(vq_net_driver_broken(&n.nic), VQ_NOT_BROKEN);
        assert_true(n.nic.counts.received != 0 && n.nic.counts.malformed != 0);
    }
}

/* Anything at all of a driver: buffers of any shape, both ways, on both rings. */
static void any_driver(void **state)
{
    struct vq_random random = {31};

    (void)state;
    for (unsigned run = 0; run < 40; run++) {
        struct vq_driver_queue *rings[2] = {&n.nic.receive, &n.nic.transmit};
        unsigned given[2] = {0, 0}, back[2] = {0, 0};
        struct vq_done done[NET_SIZE];

        net_prepare((enum net_shape)(run % NET_SHAPES));
        n.options.receive_count = 1;
        assert_int_equal(net_open(), VQ_OK);
        given[0] = 1;
        for (unsigned i = 0; i < 1000; i++) {
            const unsigned ring = vq_random_below(&random, 2);
            struct vq_element e[4];
            const unsigned pieces = 1 + vq_random_below(&random, 4);
            const unsigned readable = vq_random_below(&random, pieces + 1);

            for (unsigned k = 0; k < pieces; k++) {
                const uint32_t bytes = 1 + vq_random_below(&random, k % 2 ? 2000 : 30);
                e[k] = (struct vq_element){
                    NET_ADDRESS + NET_DATA + vq_random_below(&random, NET_ARENA - NET_DATA - bytes),
                    bytes};
            }
            if (vq_driver_add(rings[ring], e, readable, pieces - readable) >= 0)
                given[ring]++;
            (void)vq_driver_publish(rings[ring]);
            if (vq_random_below(&random, 3) == 0)
                (void)n.dev.model.ops->queue_run(&n.dev.model, 1);
            if (vq_random_below(&random, 2) == 0)
                (void)net_receive(14 + vq_random_below(&random, 1500), i);
            for (unsigned r = 0; r < 2; r++)
                back[r] += (unsigned)vq_driver_get(rings[r], done, NET_SIZE);
        }
        struct vq_position at;
        for (uint16_t r = 0; r < 2; r++) {
            assert_int_equal(n.dev.model.ops->queue_broken(&n.dev.model, r), VQ_NOT_BROKEN);
            (void)n.dev.model.ops->queue_run(&n.dev.model, r);
        }
        /* What the device still has is what it was never asked to fill. */
        assert_int_equal(n.dev.model.ops->queue_in_flight(&n.dev.model, 0), n.dev.count);
        for (uint16_t r = 0; r < 2; r++) {
            (void)n.dev.model.ops->queue_stop(&n.dev.model, r, &at);
            back[r] += (unsigned)vq_driver_get(rings[r], done, NET_SIZE);
            assert_true(back[r] <= given[r]);
        }
        assert_int_equal(back[1], given[1]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(cut_headers, "a header in any pieces is a header, a part of one is dropped "
                             "[BUG-31]"),
        VQ_TEST(huge, "a frame that no network carries is dropped"),
        VQ_TEST(wrong_way, "a buffer of the wrong direction costs that buffer"),
        VQ_TEST(tiny_buffers, "buffers too small for a header go back, each once "
                              "[BUG-26 BUG-32]"),
        VQ_TEST(bounded_run, "a run ends, though the driver goes on [BUG-25]"),
        VQ_TEST(used_lengths, "what the device says it wrote is bounded, both ways [BUG-88]"),
        VQ_TEST(buffer_counts, "counts that cannot be spoil one frame"),
        VQ_TEST(never_whole, "a frame that never comes whole holds what came of it, no more"),
        VQ_TEST(broken_rings, "one ring breaks alone"),
        VQ_TEST(any_device, "whatever a device says, no buffer is lost"),
        VQ_TEST(any_driver, "whatever a driver gives comes back, each once"),
        VQ_TEST(words, "configuration that cannot be is not taken [BUG-91]"),
    };
    return VQ_RUN(tests);
}
