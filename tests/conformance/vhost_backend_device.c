/* The vhost-user back end: features, protocol features, ownership, configuration, status, reset. */
#include "vhost_fixture.h"

#include <string.h>
#include <unistd.h>

static void features_offered(void **state)
{
    struct fixture *f = *state;
    uint64_t offer = get_u64(f, 1);

    assert_true(offer & BIT(30));
    assert_true(offer & BIT(VQ_F_VERSION_1));
    assert_true(offer & BIT(6));
    /* What needs transport support that is not there. */
    assert_false(offer & BIT(26));
    assert_false(offer & BIT(33));
    assert_false(offer & BIT(40));
}

static void features_hidden(void **state)
{
    struct fixture *f = *state;

    f->options.hidden_features = BIT(VQ_F_VERSION_1);
    reconnect(f);
    assert_false(get_u64(f, 1) & BIT(VQ_F_VERSION_1));
    negotiate(f, BIT(30) | BIT(6), ALL_PROTOCOL);
    assert_int_equal(f->accepted, BIT(6));
}

static void features_reach_the_device(void **state)
{
    struct fixture *f = *state;

    tell_p(f, 2, p_u64(BIT(32) | BIT(30) | BIT(6)), -1);
    assert_int_equal(f->accepted, BIT(32) | BIT(6));
}

static void stray_feature(void **state)
{
    struct fixture *f = *state;
    unsigned before = f->accepts;

    assert_int_not_equal(ask_p(f, 2, p_u64(BIT(32) | BIT(30) | BIT(7)), -1), 0);
    assert_int_equal(f->accepts, before);
    send_request(f, 2, PLAIN, P(p_u64(BIT(7))), NULL, 0);
    pump(f);
    expect_end(f);
}

static void protocol_before_features(void **state)
{
    struct fixture *f = *state;

    assert_true(get_u64(f, 1) & BIT(30));
    assert_int_equal(get_u64(f, 15), ALL_PROTOCOL);
    tell_p(f, 16, p_u64(BIT(0) | BIT(3)), -1);
    assert_int_equal(get_u64(f, 17), RINGS);
    assert_int_equal(f->accepts, 0);
}

static void only_implemented_offered(void **state)
{
    struct fixture *f = *state;
    uint64_t offer = get_u64(f, 15);

    /* In-band needs 3 and 5; skip-drain needs 12 and 20. */
    if (offer & BIT(14))
        assert_int_equal(offer & (BIT(3) | BIT(5)), BIT(3) | BIT(5));
    assert_false(offer & BIT(23));
    assert_false(offer & BIT(17));
    assert_false(offer & (BIT(1) | BIT(8) | BIT(12) | BIT(19)));
}

static void inband_needs(void **state)
{
    struct fixture *f = *state;

    f->options.hidden_protocol_features = BIT(5);
    reconnect(f);
    assert_int_equal(get_u64(f, 15), ALL_PROTOCOL & ~(BIT(5) | BIT(14)));
    f->options.hidden_protocol_features = BIT(3);
    reconnect(f);
    assert_int_equal(get_u64(f, 15), ALL_PROTOCOL & ~(BIT(3) | BIT(14)));
}

static void inband_alone(void **state)
{
    struct fixture *f = *state;
    static const uint64_t sets[] = {0x4000, 0x4008, 0x4020};

    for (unsigned i = 0; i < 3; i++) {
        reconnect(f);
        send_request(f, 16, ASK, P(p_u64(sets[i])), NULL, 0);
        pump(f);
        expect_end(f);
        assert_false(read_reply(f));
    }
}

static void stray_protocol_feature(void **state)
{
    struct fixture *f = *state;

    assert_int_not_equal(ask_p(f, 16, p_u64(BIT(3) | BIT(8)), -1), 0);
    /* Nothing was negotiated by it. */
    send_request(f, 3, ASK, NULL, 0, NULL, 0);
    pump(f);
    expect_silence(f);
}

static void set_protocol_acked(void **state)
{
    struct fixture *f = *state;

    /* As User-mode Linux does. */
    tell(f, 3, NULL, 0, -1);
    (void)get_u64(f, 1);
    (void)get_u64(f, 15);
    assert_int_equal(ask_p(f, 16, p_u64(0x228), -1), 0);
}

static void ack_not_negotiated(void **state)
{
    struct fixture *f = *state;

    send_request(f, 16, ASK, P(p_u64(BIT(0))), NULL, 0);
    send_request(f, 3, ASK, NULL, 0, NULL, 0);
    pump(f);
    expect_live(f);
    expect_silence(f);
}

static void either_order(void **state)
{
    struct fixture *f = *state;

    (void)get_u64(f, 1);
    (void)get_u64(f, 15);
    tell_p(f, 16, p_u64(ALL_PROTOCOL), -1);
    tell(f, 3, NULL, 0, -1);
    reconnect(f);
    tell(f, 3, NULL, 0, -1);
    (void)get_u64(f, 1);
    (void)get_u64(f, 15);
    tell_p(f, 16, p_u64(ALL_PROTOCOL), -1);
    reconnect(f);
    tell_p(f, 16, p_u64(ALL_PROTOCOL), -1);
    (void)get_u64(f, 1);
    assert_int_equal(ask(f, 3, NULL, 0, -1), 0);
}

static void fresh_connection(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get_u64(f, 17), RINGS);
    reconnect(f);
    send_request(f, 3, ASK, NULL, 0, NULL, 0);
    pump(f);
    expect_silence(f);
    send_request(f, 17, PLAIN, NULL, 0, NULL, 0);
    pump(f);
    expect_end(f);
}

static void ungated(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t request, size;
        unsigned bit;
    } cases[] = {{17, 0, 0},  {21, 0, 5},  {23, 8, 6},   {24, 12, 9},  {25, 12, 9}, {34, 0, 13},
                 {35, 8, 14}, {36, 0, 15}, {37, 40, 15}, {38, 40, 15}, {39, 8, 16}, {40, 0, 16}};
    static const uint8_t zeros[64];

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t without = ALL_PROTOCOL & ~BIT(cases[i].bit);
        if (cases[i].bit == 5)
            without &= ~BIT(14);
        reconnect(f);
        negotiate(f, BIT(32) | BIT(30), without);
        assert_int_not_equal(ask(f, cases[i].request, zeros, cases[i].size, -1), 0);
        expect_live(f);
    }
}

static void not_implemented(void **state)
{
    struct fixture *f = *state;
    static const uint8_t zeros[64];
    static const struct {
        uint32_t request, size;
    } cases[] = {{19, 8}, {20, 8},  {22, 32}, {27, 8}, {28, 0}, {29, 0},
                 {30, 0}, {31, 24}, {41, 16}, {43, 0}, {44, 0}, {45, 8}};

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_not_equal(ask(f, cases[i].request, zeros, cases[i].size, -1), 0);
        assert_int_not_equal(get_u64(f, 1), 0);
    }
}

static void reset_owner(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, 4, NULL, 0, -1), 0);
    assert_true(f->ring[0].running);
    assert_int_equal(ask_p(f, 18, p_state(0, 1), -1), 0);
    assert_true(f->ring[0].enabled);
    assert_int_equal(f->resets, 0);
    assert_int_equal(get_u64(f, 17), RINGS);
}

static void queue_number(void **state)
{
    struct fixture *f = *state;

    assert_true(get_u64(f, 15) & BIT(0));
    assert_int_equal(get_u64(f, 17), RINGS);
}

static void config_sizes(void **state)
{
    struct fixture *f = *state;
    static const uint32_t sizes[] = {8, 16, 36, 52, 12, 57, 8, 256};

    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t words[3];
        assert_int_equal(ask_config(f, 0, sizes[i]), 12 + sizes[i]);
        memcpy(words, f->payload, 12);
        assert_int_equal(words[0], 0);
        assert_int_equal(words[1], sizes[i]);
        for (unsigned k = 0; k < sizes[i]; k++)
            assert_int_equal(f->payload[12 + k], k < CONFIG_BYTES ? k + 1 : 0);
    }
    assert_int_equal(ask_config(f, 8, 4), 16);
    assert_int_equal(f->payload[12], 9);
}

static void config_error(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask_config(f, 4096, 8), 0);
    assert_int_equal(ask_config(f, CONFIG_BYTES, 1), 0);
    assert_int_equal(ask_config(f, 0xfffffff0, 0x20), 0);
    assert_int_equal(ask_config(f, 250, 10), 0);
    assert_int_equal(ask_config(f, 0, 8), 20);
}

static void config_early(void **state)
{
    struct fixture *f = *state;

    tell_p(f, 16, p_u64(BIT(9)), -1);
    assert_int_equal(ask_config(f, 0, 60), 72);
}

static void config_write(void **state)
{
    struct fixture *f = *state;
    uint8_t byte = 0x77;

    assert_int_equal(ask_p(f, 25, p_config(CONFIG_WRITABLE, 1, 0, &byte), -1), 0);
    assert_int_equal(f->config[CONFIG_WRITABLE], 0x77);
    assert_int_not_equal(ask_p(f, 25, p_config(0, 1, 0, &byte), -1), 0);
    assert_int_equal(f->config[0], 1);
}

static void config_flags(void **state)
{
    struct fixture *f = *state;
    uint8_t same = 1, other = 2;

    /* Read-only, and what it is already: well on a migration destination, else not. */
    assert_int_not_equal(ask_p(f, 25, p_config(0, 1, 0, &same), -1), 0);
    assert_int_equal(ask_p(f, 25, p_config(0, 1, 1, &same), -1), 0);
    assert_int_not_equal(ask_p(f, 25, p_config(0, 1, 1, &other), -1), 0);
    assert_int_not_equal(ask_p(f, 25, p_config(CONFIG_WRITABLE, 1, 2, &other), -1), 0);
}

static void config_lengths(void **state)
{
    struct fixture *f = *state;
    struct bytes p = p_config(CONFIG_WRITABLE, 4, 0, NULL);

    assert_int_not_equal(ask(f, 25, p.b, 14, -1), 0);
    assert_int_not_equal(ask_p(f, 25, p_config(0xfffffff0, 0x20, 0, NULL), -1), 0);
    assert_int_not_equal(ask_p(f, 25, p_config(CONFIG_BYTES - 1, 2, 0, NULL), -1), 0);
    send_request(f, 24, PLAIN, p.b, 14, NULL, 0);
    pump(f);
    assert_true(read_reply(f));
    assert_int_equal(f->reply[2], 0);
}

static void status_kept(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get_u64(f, 40), 0);
    assert_int_equal(ask_p(f, 39, p_u64(0x08), -1), 0);
    assert_int_equal(get_u64(f, 40), 0x08);
    assert_int_equal(ask_p(f, 39, p_u64(0x0f), -1), 0);
    assert_int_equal(get_u64(f, 40), 0x0f);
    assert_int_not_equal(ask_p(f, 39, p_u64(0x100), -1), 0);
    assert_int_not_equal(ask_p(f, 39, p_u64(BIT(63) | 1), -1), 0);
    assert_int_equal(get_u64(f, 40), 0x0f);
}

static void status_refused(void **state)
{
    struct fixture *f = *state;

    f->refuse_features = true;
    tell_p(f, 2, p_u64(BIT(30)), -1);
    tell_p(f, 39, p_u64(0x0b), -1);
    assert_int_equal(get_u64(f, 40), 0x03);
    f->refuse_features = false;
    tell_p(f, 2, p_u64(BIT(30)), -1);
    assert_int_equal(get_u64(f, 40), 0x0b);
}

static void features_refused(void **state)
{
    struct fixture *f = *state;

    f->refuse_features = true;
    tell_p(f, 16, p_u64(BIT(3)), -1);
    assert_int_not_equal(ask_p(f, 2, p_u64(BIT(30)), -1), 0);
    send_request(f, 2, PLAIN, P(p_u64(BIT(30))), NULL, 0);
    pump(f);
    expect_end(f);
}

static void status_needs_reset(void **state)
{
    struct fixture *f = *state;

    tell_p(f, 39, p_u64(0x0f), -1);
    vq_vhost_session_ring_error(f->session, 0);
    assert_int_equal(get_u64(f, 40), 0x4f);
    tell_p(f, 39, p_u64(0), -1);
    assert_int_equal(get_u64(f, 40), 0);
}

static void status_zero_keeps(void **state)
{
    struct fixture *f = *state;

    f->serve = false;
    f->ring[0].stop_at = (struct vq_position){77, 77};
    f->ring[0].stop_at_set = true;
    tell_p(f, 39, p_u64(0), -1);
    assert_int_equal(f->resets, 0);
    tell_p(f, 18, p_state(0, 0), -1);
    assert_int_equal(get_base(f, 0), 77);
    ring_up(f, 0, 8); /* in the old memory */
}

static void reset_device(void **state)
{
    struct fixture *f = *state;
    uint8_t byte = 0x77;
    struct vq_vhost_session_info info;

    tell_p(f, 25, p_config(CONFIG_WRITABLE, 1, 0, &byte), -1);
    assert_int_equal(ask(f, 34, NULL, 0, -1), 0);
    assert_int_equal(f->ring[0].stops, 1);
    assert_false(f->ring[0].running);
    assert_int_equal(f->resets, 1);
    assert_int_equal(f->config[CONFIG_WRITABLE], CONFIG_WRITABLE + 1);
    vq_vhost_session_info(f->session, &info);
    assert_int_equal(info.memory_regions, 1);
    assert_int_equal(info.protocol_features, ALL_PROTOCOL);
    /* Nothing is left of the set-up. */
    assert_int_not_equal(kick(f, 0), 0);
    assert_int_equal(ask_config(f, 0, 8), 20);
    assert_int_equal(ask_p(f, 2, p_u64(BIT(32) | BIT(30)), -1), 0);
    assert_int_equal(ask_p(f, 8, p_state(0, 8), -1), 0);
    assert_int_equal(ask_p(f, 9, ring_addresses(0), -1), 0);
    assert_int_equal(kick(f, 0), 0);
    assert_true(f->ring[0].running);
    assert_false(f->ring[0].enabled);
}

static void log_without_feature(void **state)
{
    struct fixture *f = *state;
    static const uint8_t log[16];

    tell(f, 6, log, 8, -1);
    tell(f, 6, log, 16, -1);
    assert_int_equal(ask(f, 6, log, 16, -1), 0);
    unsigned before = count_open_fds();
    for (unsigned i = 0; i < 20; i++) {
        int fd = new_eventfd();
        tell(f, 7, NULL, 0, fd);
        (void)close(fd);
    }
    assert_int_equal(count_open_fds(), before);
}

static void features_again_while_running(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask_p(f, 2, p_u64(BIT(32) | BIT(30)), -1), 0);
    assert_true(f->ring[0].running);
    assert_int_not_equal(ask_p(f, 2, p_u64(BIT(30)), -1), 0);
    assert_int_not_equal(ask_p(f, 16, p_u64(BIT(3)), -1), 0);
    assert_true(f->ring[0].running);
    assert_int_equal(f->accepted, BIT(32));
}

/* The start of QEMU 7.2's vhost-user-blk, as it was seen. */
static void like_qemu(void **state)
{
    struct fixture *f = *state;
    int fds[2] = {new_eventfd(), new_eventfd()};

    (void)get_u64(f, 1);
    uint64_t protocol = get_u64(f, 15);
    tell_p(f, 16, p_u64(protocol & 0x1ffff), -1);
    assert_int_equal(get_u64(f, 17), RINGS);
    assert_int_equal(get_u64(f, 36), 509);
    tell(f, 3, NULL, 0, -1);
    (void)get_u64(f, 1);
    for (unsigned i = 0; i < RINGS; i++) {
        tell_p(f, 13, p_u64(i), fds[0]);
        tell_p(f, 14, p_u64(i | 0x100), -1);
    }
    assert_int_equal(ask_config(f, 0, 57), 69);
    for (unsigned round = 0; round < 3; round++) {
        tell_p(f, 2, p_u64(BIT(32) | BIT(30)), -1);
        (void)get_u64(f, 40);
        tell_p(f, 39, p_u64(8), -1);
        tell_p(f, 13, p_u64(0), fds[0]);
        tell_p(f, 2, p_u64(BIT(32) | BIT(30)), -1);
        if (round == 0)
            assert_int_equal(
                ask_p(f, 37, p_region(GUEST_BASE, MEMORY_BYTES, USER_BASE, 0), f->memory_fd), 0);
        tell_p(f, 8, p_state(0, 128), -1);
        tell_p(f, 10, p_state(0, 0), -1);
        tell_p(f, 9, ring_addresses(0), -1);
        tell_p(f, 12, p_u64(0), fds[1]);
        tell_p(f, 18, p_state(0, 1), -1);
        assert_true(f->ring[0].running);
        /* In-band notifications were acknowledged; the descriptors are used all the same. */
        assert_true(f->ring[0].kick_fd >= 0);
        assert_true(f->ring[0].call_fd >= 0);
        tell_p(f, 39, p_u64(0xf), -1);
        tell_p(f, 39, p_u64(0), -1);
        tell_p(f, 18, p_state(0, 0), -1);
        assert_int_equal(get_base(f, 0), 0);
    }
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* The start and the power-off of User-mode Linux 6.1, as they were seen, twice on one connection
 * (its driver can be unloaded and loaded again). */
static void like_uml(void **state)
{
    struct fixture *f = *state;
    int fd = new_eventfd();
    const uint64_t regions[2][4] = {{USER_BASE, MEMORY_BYTES, USER_BASE, 0}, {0, 0, 0, 0}};

    tell(f, 3, NULL, 0, -1);
    (void)get_u64(f, 1);
    (void)get_u64(f, 15);
    assert_int_equal(ask_p(f, 16, p_u64(0x228), -1), 0);
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(ask_p(f, 2, p_u64((round ? 0 : BIT(6)) | BIT(32) | BIT(30)), -1), 0);
        assert_int_equal(ask_config(f, 0, 16), 28);
        assert_int_equal(ask_config(f, 0, 12), 24);
        struct bytes table = p_table(1, regions, 2);
        assert_int_equal(table.n, 72);
        assert_int_equal(ask_p(f, 5, table, f->memory_fd), 0);
        assert_int_equal(ask_p(f, 13, p_u64(0), pair[1]), 0);
        assert_int_equal(ask_p(f, 8, p_state(0, 128), -1), 0);
        assert_int_equal(ask_p(f, 10, p_state(0, 0), -1), 0);
        assert_int_equal(ask_p(f, 9, ring_addresses(0), -1), 0);
        assert_int_equal(ask_p(f, 12, p_u64(0), fd), 0);
        assert_int_equal(ask_p(f, 18, p_state(0, 1), -1), 0);
        assert_true(f->ring[0].running && f->ring[0].enabled);
        assert_int_equal(ask_p(f, 18, p_state(0, 0), -1), 0);
        (void)get_u64(f, 1);
    }
    (void)close(f->socket);
    f->socket = -1;
    f->state = vq_vhost_session_handle(f->session);
    assert_int_equal(f->state, VQ_VHOST_SESSION_CLOSED);
    assert_false(f->ring[0].running);
    (void)close(fd);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

#define T(fn, setup, name) VQ_TEST_FIXTURE(fn, setup, fixture_teardown, name)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(features_offered, fixture_setup,
          "offers its features, and no more than works "
          "[VU-BE-FEAT-01 VU-BE-FEAT-02 VU-BE-SIZE-04]"),
        T(features_hidden, fixture_setup, "hides features on demand, VERSION_1 included"),
        T(features_reach_the_device, fixture_setup, "gives the chosen features to the device"),
        T(stray_feature, fixture_setup_ready,
          "refuses features that it did not offer [VU-BE-FEAT-03 VU-BE-TRANS-06]"),
        T(protocol_before_features, fixture_setup,
          "negotiates protocol features before any SET_FEATURES "
          "[VU-BE-PFEAT-01 VU-BE-PFEAT-02 VU-BE-PFEAT-03]"),
        T(only_implemented_offered, fixture_setup,
          "offers only protocol features that are there "
          "[VU-BE-XEN-05 VU-BE-SKIP-01 VU-BE-INB-01]"),
        T(inband_needs, fixture_setup, "offers in-band only with what it needs [VU-BE-INB-01]"),
        T(inband_alone, fixture_setup, "ends on in-band without what it needs [VU-BE-INB-02]"),
        T(stray_protocol_feature, fixture_setup,
          "refuses protocol features that it did not offer [VU-BE-PFEAT-04]"),
        T(set_protocol_acked, fixture_setup,
          "answers SET_PROTOCOL_FEATURES by what it sets [VU-BE-ACK-05]"),
        T(ack_not_negotiated, fixture_setup,
          "sends no acknowledgement that was not negotiated [VU-BE-PFEAT-05 VU-BE-REPLY-09]"),
        T(either_order, fixture_setup, "takes negotiation in any order [VU-BE-PFEAT-08]"),
        T(fresh_connection, fixture_setup_ready,
          "forgets what a former connection negotiated [VU-BE-PFEAT-09 VU-BE-HOST-05]"),
        T(ungated, fixture_setup,
          "refuses requests whose feature is not negotiated [VU-BE-PFEAT-06 VU-BE-TRANS-07]"),
        T(not_implemented, fixture_setup_ready,
          "refuses what is not implemented and lives on [VU-BE-REPLY-11 VU-BE-PC-03]"),
        T(reset_owner, fixture_setup_serving, "ignores RESET_OWNER [VU-BE-OWN-02 VU-BE-OWN-03]"),
        T(queue_number, fixture_setup_ready, "tells its number of rings [VU-BE-MQ-01 VU-BE-MQ-02]"),
        T(config_sizes, fixture_setup_ready,
          "reads configuration of any size, zeros beyond its own "
          "[VU-BE-CFG-01 VU-BE-CFG-03 VU-BE-CFG-04 VU-BE-SIZE-13]"),
        T(config_error, fixture_setup_ready,
          "answers a configuration read outside by size 0 [VU-BE-CFG-02 VU-BE-SIZE-14]"),
        T(config_early, fixture_setup,
          "answers configuration reads before anything is set up [VU-BE-CFG-05 VU-BE-CFG-11]"),
        T(config_write, fixture_setup_ready,
          "writes what a driver may write, nothing else [VU-BE-CFG-07]"),
        T(config_flags, fixture_setup_ready,
          "looks at the flags of a configuration write [VU-BE-CFG-06 VU-BE-CFG-08]"),
        T(config_lengths, fixture_setup_ready,
          "checks configuration lengths against each other [VU-BE-CFG-09 VU-BE-SIZE-14]"),
        T(status_kept, fixture_setup_ready,
          "keeps the status, of 8 bits [VU-BE-STAT-01 VU-BE-STAT-02 VU-BE-STAT-06]"),
        T(status_refused, fixture_setup_ready,
          "leaves FEATURES_OK clear for what the device refuses [VU-BE-STAT-03]"),
        T(features_refused, fixture_setup,
          "refuses what the device refuses where there is no status [VU-BE-TRANS-06]"),
        T(status_needs_reset, fixture_setup_serving,
          "shows NEEDS_RESET after a ring error [VU-BE-STAT-04]"),
        T(status_zero_keeps, fixture_setup_serving,
          "keeps ring positions and memory on status 0 "
          "[VU-BE-STAT-05 VU-BE-BASE-09 VU-BE-SLOT-11]"),
        T(reset_device, fixture_setup_serving,
          "resets the device and keeps the connection "
          "[VU-BE-RST-01 VU-BE-RST-02 VU-BE-RST-03 VU-BE-SLOT-11]"),
        T(log_without_feature, fixture_setup_ready,
          "takes log messages without having a log "
          "[VU-BE-LOG-15 VU-BE-LOG-22 VU-BE-REPLY-05]"),
        T(features_again_while_running, fixture_setup_serving,
          "takes the same features again while rings run, no others [VU-BE-ACK-09]"),
        T(like_qemu, fixture_setup,
          "serves the start and stop sequence of QEMU 7.2 "
          "[VU-BE-PFEAT-07 VU-BE-SLOT-09 VU-BE-KICK-07 VU-BE-INB-08 VU-BE-RST-05]"),
        T(like_uml, fixture_setup,
          "serves the start and power-off sequence of User-mode Linux "
          "[VU-BE-SIZE-08 VU-BE-VQ-10 VU-BE-RING-24 VU-BE-CFG-12]"),
    };
    return VQ_RUN(tests);
}
