/*
 * The registers of an MMIO device, both versions, as a driver finds them.
 */
#include "test.h"

#include "mmio_rig.h"

static void identity(void **state)
{
    struct vq_mmio_device_config config;
    (void)state;

    for (unsigned legacy = 0; legacy < 2; legacy++) {
        rig_make(MODERN, legacy);
        /* The byte at the lowest address is the lowest: 'v', 'i', 'r', 't'. */
        assert_int_equal(get(VQ_MMIO_MAGIC), 'v' | 'i' << 8 | 'r' << 16 | 't' << 24);
        assert_int_equal(get(VQ_MMIO_VERSION), legacy ? 1 : 2);
        assert_int_equal(get(VQ_MMIO_DEVICE_ID), 42);
        assert_int_equal(get(VQ_MMIO_VENDOR_ID), 0x1af4);
    }
    /* One that is legacy only has no version 2. */
    config = rig_config(BIT(VQ_F_EVENT_IDX), false);
    assert_int_equal(vq_mmio_device_init(&m.device, &config), VQ_ERR_UNSUPPORTED);
    config.legacy = true;
    assert_int_equal(vq_mmio_device_init(&m.device, &config), VQ_OK);
    config.device.model = NULL;
    assert_int_equal(vq_mmio_device_init(&m.device, &config), VQ_ERR_INVALID);
}

static void features(void **state)
{
    static const uint32_t beyond[] = {4, 5, 0x80000000u, UINT32_MAX};
    const uint64_t all = UINT64_MAX & ~BIT(30) & ~BIT(VQ_F_ADMIN_VQ) & ~BIT(VQ_F_SR_IOV);
    (void)state;

    rig_make(MODERN | BIT(VQ_F_ANY_LAYOUT), false);
    m.guest.echo.offered.word[2] = 0xa5;
    assert_true(rig_offered() ==
                (MODERN | BIT(VQ_F_RING_RESET) | BIT(VQ_F_NOTIFICATION_DATA) | BIT(VQ_F_SUSPEND)));
    assert_int_equal(rig_offered() & BIT(VQ_F_ADMIN_VQ), 0);
    put(VQ_MMIO_DEVICE_FEATURES_SEL, 2);
    assert_int_equal(get(VQ_MMIO_DEVICE_FEATURES), 0xa5);
    for (unsigned i = 0; i < 4; i++) {
        put(VQ_MMIO_DEVICE_FEATURES_SEL, beyond[i]);
        assert_int_equal(get(VQ_MMIO_DEVICE_FEATURES), 0);
    }
    /* What is not offered is refused, in whichever word, and so is a modern driver without
     * VERSION_1. */
    assert_false(rig_negotiate(all));
    assert_false(rig_negotiate(rig_offered() | BIT(VQ_F_ADMIN_VQ)));
    assert_false(rig_negotiate(BIT(VQ_F_EVENT_IDX)));
    assert_true(rig_negotiate(MODERN));
    assert_int_equal(m.guest.echo.accepted.word[1], 1);
    /* After that it is too late. */
    put(VQ_MMIO_DRIVER_FEATURES_SEL, 0);
    put(VQ_MMIO_DRIVER_FEATURES, 0);
    assert_true(vq_features_low64(&m.device.state.chosen) == MODERN);
    for (unsigned i = 0; i < 4; i++) {
        put(VQ_MMIO_STATUS, 0);
        put(VQ_MMIO_DRIVER_FEATURES_SEL, beyond[i]);
        put(VQ_MMIO_DRIVER_FEATURES, 0);
        put(VQ_MMIO_DRIVER_FEATURES_SEL, 1);
        put(VQ_MMIO_DRIVER_FEATURES, 1);
        put(VQ_MMIO_STATUS, 3);
        put(VQ_MMIO_STATUS, 11);
        assert_int_equal(get(VQ_MMIO_STATUS), 11);
        put(VQ_MMIO_STATUS, 0);
        put(VQ_MMIO_DRIVER_FEATURES_SEL, 1);
        put(VQ_MMIO_DRIVER_FEATURES, 1);
        put(VQ_MMIO_DRIVER_FEATURES_SEL, beyond[i]);
        put(VQ_MMIO_DRIVER_FEATURES, 1);
        put(VQ_MMIO_STATUS, 3);
        put(VQ_MMIO_STATUS, 11);
        assert_int_equal(get(VQ_MMIO_STATUS), 3);
    }
}

static void interrupts(void **state)
{
    (void)state;
    rig_make(MODERN, false);
    rig_start(MODERN);
    assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), 0);
    assert_false(m.high);
    rig_answered();
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), VQ_MMIO_INTERRUPT_QUEUE);
    assert_true(m.high);
    put(VQ_MMIO_INTERRUPT_ACK, ~(uint32_t)VQ_MMIO_INTERRUPT_QUEUE);
    assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), VQ_MMIO_INTERRUPT_QUEUE);
    m.guest.echo.config[0] = 1;
    vq_model_config_changed(&m.device.state);
    assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), 3);
    /* One line for both: it stays high until the last is acknowledged. */
    put(VQ_MMIO_INTERRUPT_ACK, VQ_MMIO_INTERRUPT_QUEUE);
    assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), VQ_MMIO_INTERRUPT_CONFIG);
    assert_true(m.high);
    put(VQ_MMIO_INTERRUPT_ACK, VQ_MMIO_INTERRUPT_CONFIG);
    assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), 0);
    assert_false(m.high);
    assert_int_equal(m.raised, 1);
    rig_answered();
    vq_model_config_changed(&m.device.state);
    assert_true(m.high);
    put(VQ_MMIO_STATUS, 0);
    assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), 0);
    assert_false(m.high);
}

static void no_such_queue(void **state)
{
    static const uint32_t absent[] = {2, 3, 0xffff, 0x10000, 0x10001, 0x80000000u, UINT32_MAX};
    (void)state;

    rig_make(MODERN, false);
    rig_start(MODERN);
    assert_int_equal(get(VQ_MMIO_QUEUE_SIZE_MAX), ECHO_SIZE);
    for (unsigned i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        rig_place(absent[i], ECHO_SIZE);
        assert_int_equal(get(VQ_MMIO_QUEUE_SIZE_MAX), 0);
        put(VQ_MMIO_QUEUE_READY, 1);
        assert_int_equal(get(VQ_MMIO_QUEUE_READY), 0);
        put(VQ_MMIO_QUEUE_RESET, 1);
        assert_int_equal(get(VQ_MMIO_QUEUE_RESET), 0);
        put(VQ_MMIO_QUEUE_NOTIFY, absent[i]);
        put(VQ_MMIO_QUEUE_READY, 0);
    }
    assert_int_equal(get(VQ_MMIO_STATUS), 15);
    assert_true(m.guest.echo.running[0]);
    assert_false(m.guest.echo.running[1]);
}

static void ready(void **state)
{
    (void)state;
    rig_make(MODERN, false);
    put(VQ_MMIO_STATUS, 3);
    m.accepted = MODERN;
    rig_place(0, ECHO_SIZE);
    put(VQ_MMIO_QUEUE_READY, 1); /* not before the features are settled */
    assert_int_equal(get(VQ_MMIO_QUEUE_READY), 0);
    assert_true(rig_negotiate(MODERN));
    rig_place(0, ECHO_SIZE);
    rig_raise(VQ_STATUS_DRIVER_OK);
    rig_send();
    assert_false(rig_run());
    assert_int_equal(m.guest.echo.served, 0);
    put(VQ_MMIO_QUEUE_READY, 1);
    assert_true(rig_run());
    assert_true(guest_got(&m.guest));
    /* The driver may take it back ... */
    put(VQ_MMIO_QUEUE_READY, 0);
    assert_int_equal(get(VQ_MMIO_QUEUE_READY), 0);
    rig_ack();
    rig_send();
    assert_false(rig_run());
    assert_int_equal(m.guest.echo.served, 1);
    assert_false(m.high);
    /* ... and give another. */
    rig_enable(0, 4);
    rig_answered();
    /* A reset takes all. */
    rig_enable(1, 8);
    put(VQ_MMIO_STATUS, 0);
    for (uint32_t i = 0; i < ECHO_QUEUES; i++) {
        put(VQ_MMIO_QUEUE_SEL, i);
        assert_int_equal(get(VQ_MMIO_QUEUE_READY), 0);
        assert_int_equal(get(VQ_MMIO_QUEUE_RESET), 0);
    }
}

static void generation(void **state)
{
    uint32_t before;
    (void)state;

    rig_make(MODERN, false);
    rig_start(MODERN);
    before = get(VQ_MMIO_CONFIG_GENERATION);
    assert_int_equal(get(VQ_MMIO_CONFIG_GENERATION), before);
    (void)get(VQ_MMIO_CONFIG);
    m.guest.echo.config[0] = 1;
    vq_model_config_changed(&m.device.state);
    (void)get(VQ_MMIO_CONFIG + 4);
    assert_int_not_equal(get(VQ_MMIO_CONFIG_GENERATION), before);
}

static void queue_reset(void **state)
{
    const uint64_t features_of[] = {MODERN | BIT(VQ_F_RING_RESET),
                                    MODERN | BIT(VQ_F_RING_RESET) | BIT(VQ_F_RING_PACKED)};
    (void)state;

    for (unsigned slow = 0; slow < 2; slow++) {
        for (unsigned packed = 0; packed < 2; packed++) {
            const uint16_t fresh = packed ? 0x8000 : 0;

            rig_make(features_of[packed], false);
            m.slow = slow;
            rig_start(features_of[packed]);
            put(VQ_MMIO_QUEUE_SEL, 0);
            assert_int_equal(get(VQ_MMIO_QUEUE_RESET), 0);
            for (unsigned i = 0; i < 5; i++)
                rig_answered();
            rig_send();
            rig_ack();
            put(VQ_MMIO_QUEUE_RESET, 1);
            if (slow) {
                assert_int_equal(get(VQ_MMIO_QUEUE_RESET), 1);
                assert_false(rig_run());
                put(VQ_MMIO_QUEUE_SIZE, 2); /* not now */
                m.notified = 0;
                vq_model_ran(&m.device.state, 0, VQ_RUN_SIGNAL); /* a thread that was at it */
                assert_false(m.high);
                put(VQ_MMIO_QUEUE_NOTIFY, 0);
                assert_int_equal(m.notified, 0);
                put(VQ_MMIO_QUEUE_RESET, 1);
                assert_int_equal(get(VQ_MMIO_QUEUE_RESET), 1);
                assert_int_equal(m.asked, 1);
                vq_model_queue_stopped(&m.device.state, 0);
            }
            assert_int_equal(get(VQ_MMIO_QUEUE_RESET), 0);
            assert_int_equal(get(VQ_MMIO_QUEUE_READY), 0);
            put(VQ_MMIO_QUEUE_NOTIFY, 0);
            assert_false(rig_run());
            assert_int_equal(m.guest.echo.served, 5);
            assert_false(m.high);
            rig_enable(0, ECHO_SIZE / 2);
            assert_int_equal(get(VQ_MMIO_QUEUE_RESET), 0);
            assert_int_equal(m.guest.echo.started[0].size, ECHO_SIZE / 2);
            assert_int_equal(m.guest.echo.started[0].next_available, fresh);
            assert_int_equal(m.guest.echo.started[0].next_used, fresh);
            rig_answered();
            m.slow = false;
            put(VQ_MMIO_STATUS, 0);
            assert_int_equal(get(VQ_MMIO_QUEUE_RESET), 0);
        }
    }
    /* Only if it was negotiated. */
    rig_make(MODERN, false);
    rig_start(MODERN);
    put(VQ_MMIO_QUEUE_SEL, 0);
    put(VQ_MMIO_QUEUE_RESET, 1);
    assert_int_equal(get(VQ_MMIO_QUEUE_READY), 1);
    rig_answered();
}

static void notification_data(void **state)
{
    (void)state;
    rig_make(MODERN, false);
    rig_start(MODERN | BIT(VQ_F_NOTIFICATION_DATA));
    for (unsigned i = 1; i < 40; i++) {
        rig_answered();
        assert_int_equal(m.guest.queues[0].notification, i << 16);
    }
}

static void shared(void **state)
{
    static const struct vq_shared_memory regions[] = {
        {.id = 3, .base = UINT64_C(0x123456789000), .bytes = UINT64_C(0x200000000)}};
    static const uint32_t none[] = {0, 1, 4, 0x103, UINT32_MAX};
    struct vq_mmio_device_config config = rig_config(MODERN, false);
    (void)state;

    config.shared = regions;
    config.shared_count = 1;
    assert_int_equal(vq_mmio_device_init(&m.device, &config), VQ_OK);
    put(VQ_MMIO_SHM_SEL, 3);
    assert_int_equal(get(VQ_MMIO_SHM_LEN_LOW), 0);
    assert_int_equal(get(VQ_MMIO_SHM_LEN_HIGH), 2);
    assert_int_equal(get(VQ_MMIO_SHM_BASE_LOW), 0x56789000);
    assert_int_equal(get(VQ_MMIO_SHM_BASE_HIGH), 0x1234);
    for (unsigned i = 0; i < sizeof none / sizeof none[0]; i++) {
        put(VQ_MMIO_SHM_SEL, none[i]);
        for (uint32_t at = VQ_MMIO_SHM_LEN_LOW; at <= VQ_MMIO_SHM_BASE_HIGH; at += 4)
            assert_int_equal(get(at), UINT32_MAX);
    }
}

/* The configuration space takes every width and offset. */
static void widths(void **state)
{
    (void)state;
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        rig_make(MODERN, legacy);
        assert_true(rig_negotiate(legacy ? 0 : MODERN));
        for (unsigned i = 0; i < ECHO_CONFIG; i++)
            m.guest.echo.config[i] = (uint8_t)(0xa1 + i);
        for (unsigned bytes = 1; bytes <= 8; bytes++)
            for (unsigned at = 0; at < ECHO_CONFIG + 4; at++) {
                uint64_t value = vq_mmio_device_read(&m.device, VQ_MMIO_CONFIG + at, bytes);
                for (unsigned i = 0; i < 8; i++)
                    assert_int_equal((uint8_t)(value >> 8 * i),
                                     i < bytes && at + i < ECHO_CONFIG ? 0xa1 + at + i : 0);
            }
        vq_mmio_device_write(&m.device, VQ_MMIO_CONFIG + 5, 1, 0x55);
        vq_mmio_device_write(&m.device, VQ_MMIO_CONFIG + 6, 2, 0x7766);
        assert_int_equal(get(VQ_MMIO_CONFIG + 4), 0x776655a5);
        vq_mmio_device_write(&m.device, VQ_MMIO_CONFIG + 6, 4, 0); /* runs over the end */
        assert_int_equal(get(VQ_MMIO_CONFIG + 4), 0x776655a5);
    }
}

/* Version 1. */

static void legacy_start(uint32_t page_bytes, uint32_t align, uint16_t size, bool big)
{
    uint64_t block = (RAM_BASE + page_bytes - 1) / page_bytes * page_bytes;

    assert_true(rig_negotiate(LEGACY));
    put(VQ_MMIO_GUEST_PAGE_SIZE, page_bytes);
    put(VQ_MMIO_QUEUE_SEL, 0);
    assert_int_equal(get(VQ_MMIO_QUEUE_PFN), 0);
    assert_int_equal(get(VQ_MMIO_QUEUE_SIZE_MAX), ECHO_SIZE);
    guest_ring(&m.guest, VQ_FORMAT_LEGACY, size, block, align, LEGACY, big);
    put(VQ_MMIO_QUEUE_SIZE, size);
    put(VQ_MMIO_QUEUE_ALIGN, align);
    put(VQ_MMIO_QUEUE_PFN, (uint32_t)(block / page_bytes));
    assert_int_equal(get(VQ_MMIO_QUEUE_PFN), block / page_bytes);
    rig_raise(VQ_STATUS_DRIVER_OK);
    assert_int_equal(get(VQ_MMIO_STATUS), 7);
}

static void legacy(void **state)
{
    static const struct {
        uint32_t page, align;
        uint16_t size;
    } cases[] = {{4096, 4096, ECHO_SIZE}, {65536, 4096, ECHO_SIZE}, {4096, 64, 8},
                 {16384, 16, 2},          {4096, 8192, 2},          {3 << 12, 4096, 4}};
    (void)state;

    for (unsigned i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        const unsigned c = i / 2;
        struct vq_mmio_device_config config = rig_config(EITHER, true);

        config.device.legacy_big_endian = i % 2;
        assert_int_equal(vq_mmio_device_init(&m.device, &config), VQ_OK);
        assert_true(rig_offered() == LEGACY); /* 32 bits */
        (void)get(VQ_MMIO_CONFIG);
        assert_int_equal(m.guest.echo.model.big_endian, i % 2);
        legacy_start(cases[c].page, cases[c].align, cases[c].size, i % 2);
        for (unsigned k = 0; k < 40; k++)
            rig_answered();
        assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), VQ_MMIO_INTERRUPT_QUEUE);
        assert_true(m.high);
        rig_ack();
        assert_false(m.high);
        /* 0 stops it, another number starts it anew. */
        put(VQ_MMIO_QUEUE_PFN, 0);
        assert_int_equal(get(VQ_MMIO_QUEUE_PFN), 0);
        assert_int_equal(get(VQ_MMIO_QUEUE_SIZE_MAX), ECHO_SIZE);
        rig_send();
        assert_false(rig_run());
        legacy_start(cases[c].page, cases[c].align, cases[c].size, i % 2);
        rig_answered();
        put(VQ_MMIO_STATUS, 0);
        for (uint32_t q = 0; q < ECHO_QUEUES; q++) {
            put(VQ_MMIO_QUEUE_SEL, q);
            assert_int_equal(get(VQ_MMIO_QUEUE_PFN), 0);
        }
        assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), 0);
        assert_int_equal(get(VQ_MMIO_STATUS), 0);
    }
}

static void legacy_early(void **state)
{
    (void)state;
    rig_make(EITHER, true);
    /* Before features, and before DRIVER_OK. */
    put(VQ_MMIO_STATUS, 3);
    vq_mmio_device_write(&m.device, VQ_MMIO_CONFIG + 4, 1, 0x99);
    assert_int_equal(m.guest.echo.config[4], 0x99);
    put(VQ_MMIO_DRIVER_FEATURES_SEL, 0);
    put(VQ_MMIO_DRIVER_FEATURES, (uint32_t)LEGACY);
    put(VQ_MMIO_GUEST_PAGE_SIZE, 4096);
    guest_ring(&m.guest, VQ_FORMAT_LEGACY, ECHO_SIZE, RAM_BASE + 4096, 4096, LEGACY, false);
    put(VQ_MMIO_QUEUE_SIZE, ECHO_SIZE);
    put(VQ_MMIO_QUEUE_PFN, (uint32_t)(RAM_BASE / 4096 + 1));
    rig_answered();
    assert_int_equal(get(VQ_MMIO_STATUS), 3);
    assert_true(vq_features_low64(&m.guest.echo.accepted) == LEGACY);
    put(VQ_MMIO_DRIVER_FEATURES, 0); /* too late */
    assert_true(vq_features_low64(&m.device.state.chosen) == LEGACY);
    rig_raise(VQ_STATUS_DRIVER_OK);
    rig_answered();
}

/* Registers of the other version are not there. */
static void versions(void **state)
{
    (void)state;
    rig_make(EITHER, true);
    assert_true(rig_negotiate(LEGACY));
    rig_place(0, ECHO_SIZE);
    put(VQ_MMIO_QUEUE_READY, 1);
    assert_int_equal(get(VQ_MMIO_QUEUE_READY), 0);
    rig_raise(VQ_STATUS_FEATURES_OK);
    assert_int_equal(get(VQ_MMIO_STATUS), 3);
    assert_int_equal(get(VQ_MMIO_CONFIG_GENERATION), 0);
    rig_make(MODERN, false);
    rig_start(MODERN);
    put(VQ_MMIO_GUEST_PAGE_SIZE, 4096);
    put(VQ_MMIO_QUEUE_SEL, 1);
    put(VQ_MMIO_QUEUE_PFN, (uint32_t)(RAM_BASE / 4096));
    assert_int_equal(get(VQ_MMIO_QUEUE_PFN), 0);
    assert_false(m.guest.echo.running[1]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(identity, "an MMIO device says what it is, in little-endian registers "
                          "[MMIO-DEV-REG-01 MMIO-DEV-REG-02 MMIO-DEV-REG-14 MMIOLEG-DEV-01]"),
        VQ_TEST(features, "features are chosen from what an MMIO device offers, 128 of them "
                          "[MMIO-DEV-REG-17 BASIC-DEV-FEAT-03 FEAT-DEV-02 FEAT-DEV-11]"),
        VQ_TEST(interrupts, "an event stays until it is acknowledged, or the device is reset "
                            "[MMIO-DEV-REG-03 MMIO-DEV-REG-04 MMIO-DEV-REG-05]"),
        VQ_TEST(no_such_queue, "a queue that is absent has no size and cannot be touched "
                               "[MMIO-DEV-REG-15 BUG-54]"),
        VQ_TEST(ready, "a queue is used while it is ready, and no queue is ready after a reset "
                       "[MMIO-DEV-REG-06 MMIO-DEV-REG-08]"),
        VQ_TEST(generation, "a changed configuration shows another generation over MMIO "
                            "[MMIO-DEV-REG-07 BASIC-DEV-CFG-04]"),
        VQ_TEST(queue_reset, "a queue of an MMIO device is reset, at once or after a while "
                             "[MMIO-DEV-REG-09 MMIO-DEV-REG-10 MMIO-DEV-REG-11 MMIO-DEV-REG-12 "
                             "MMIO-DEV-REG-13]"),
        VQ_TEST(notification_data, "a notification may carry data"),
        VQ_TEST(shared, "shared memory is found by its id, all ones where there is none "
                        "[MMIO-DEV-REG-16]"),
        VQ_TEST(widths, "the configuration space takes accesses of every width, within its end "
                        "[BUG-55]"),
        VQ_TEST(legacy, "version 1 takes a page number, for any page size and alignment "
                        "[MMIOLEG-DEV-02 MMIOLEG-DEV-03 MMIOLEG-DEV-04 MMIOLEG-DEV-05 "
                        "MMIOLEG-DEV-06 MMIOLEG-DEV-07]"),
        VQ_TEST(legacy_early, "version 1 takes configuration before features and serves queues "
                              "before DRIVER_OK [INIT-DEV-LEG-01 INIT-DEV-LEG-02]"),
        VQ_TEST(versions, "each version has its own registers only"),
    };
    return VQ_RUN(tests);
}
