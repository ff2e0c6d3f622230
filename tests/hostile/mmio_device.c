/*
 * What drivers do to the registers of an MMIO device, both versions. The echoing device
 * behind them asserts what a model may expect.
 */
#include "test.h"

#include "mmio_rig.h"

/* Everything that a driver could change of a queue that runs. */
static void frozen(void **state)
{
    (void)state;

    for (unsigned f = 0; f < sizeof guest_frozen_features / sizeof guest_frozen_features[0]; f++) {
        const uint64_t features = guest_frozen_features[f];
        struct guest_frozen before;

        rig_make(features, false);
        assert_true(rig_negotiate(features));
        rig_enable(0, 4);
        rig_raise(VQ_STATUS_DRIVER_OK);
        guest_freeze(&m.guest, &before);
        for (unsigned i = 0; i < 100; i++) {
            rig_answered();
            put(VQ_MMIO_QUEUE_SEL, 0);
            put(VQ_MMIO_QUEUE_SIZE, i % 20);
            for (uint32_t at = VQ_MMIO_QUEUE_DESC_LOW; at <= VQ_MMIO_QUEUE_DEVICE_HIGH; at += 4)
                put(at, i * 0x1010);
            put(VQ_MMIO_QUEUE_READY, 1);
            put(VQ_MMIO_QUEUE_READY, 2);
            put(VQ_MMIO_QUEUE_RESET, 1); /* not negotiated */
            put(VQ_MMIO_DRIVER_FEATURES_SEL, i % 2);
            put(VQ_MMIO_DRIVER_FEATURES, i);
            put(VQ_MMIO_STATUS, ((uint32_t)VQ_STATUS_FEATURES_OK << (i % 2)) | 1);
            put(VQ_MMIO_STATUS, (i + 1) << 8);
            assert_int_equal(get(VQ_MMIO_STATUS), 15);
            assert_true(vq_features_low64(&m.device.state.chosen) == features);
            guest_still_frozen(&m.guest, &before);
        }
    }
}

/* Queues that cannot be: a reset is needed, and the other queue lives on. */
static void invalid_queues(void **state)
{
    static const struct {
        uint32_t offset, value;
    } wrong[] = {
        {VQ_MMIO_QUEUE_SIZE, 0},
        {VQ_MMIO_QUEUE_SIZE, 3},
        {VQ_MMIO_QUEUE_SIZE, ECHO_SIZE * 2},
        {VQ_MMIO_QUEUE_SIZE, 0x10000 + 4},
        {VQ_MMIO_QUEUE_SIZE, 0x80000000u},
        {VQ_MMIO_QUEUE_SIZE, UINT32_MAX},
        {VQ_MMIO_QUEUE_DESC_LOW, 0},
        {VQ_MMIO_QUEUE_DESC_LOW, (uint32_t)RAM_BASE + RAM_BYTES - 16},
        {VQ_MMIO_QUEUE_DESC_HIGH, 1},
        {VQ_MMIO_QUEUE_DESC_HIGH, UINT32_MAX},
        {VQ_MMIO_QUEUE_DESC_LOW, (uint32_t)RAM_BASE + 8},
        {VQ_MMIO_QUEUE_DRIVER_LOW, (uint32_t)RAM_BASE + 1},
        {VQ_MMIO_QUEUE_DEVICE_LOW, (uint32_t)RAM_BASE + 2},
        {VQ_MMIO_QUEUE_DEVICE_HIGH, 0x80000000u},
    };
    (void)state;

    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rig_make(MODERN, false);
        assert_true(rig_negotiate(MODERN));
        rig_place(1, ECHO_SIZE);
        put(wrong[i].offset, wrong[i].value);
        put(VQ_MMIO_QUEUE_READY, 1);
        rig_enable(0, ECHO_SIZE);
        rig_raise(VQ_STATUS_DRIVER_OK);
        assert_int_equal(get(VQ_MMIO_STATUS), 15 | VQ_STATUS_NEEDS_RESET);
        assert_false(m.guest.echo.running[1]);
        put(VQ_MMIO_QUEUE_NOTIFY, 1);
        rig_answered();
        rig_start(MODERN);
        rig_answered();
    }
}

static void invalid_pages(void **state)
{
    static const struct {
        uint32_t page_bytes, align, page, size;
    } wrong[] = {
        {0, 4096, 1, 4},
        {4096, 3, (uint32_t)(RAM_BASE >> 12), 4},
        {4096, UINT32_MAX, (uint32_t)(RAM_BASE >> 12), 4},
        {4096, 2, (uint32_t)(RAM_BASE >> 12), 4},
        {4096, UINT32_C(1) << 31, (uint32_t)(RAM_BASE >> 12), 4},
        {4096, 4096, UINT32_MAX, 4},
        {UINT32_MAX, 4096, UINT32_MAX, 4},
        {4096, 4096, (uint32_t)(RAM_BASE >> 12) - 1, 4},
        {4096, 4096, (uint32_t)(RAM_BASE >> 12) + RAM_BYTES / 4096 - 1, 4},
        {4096, 4096, (uint32_t)(RAM_BASE >> 12), 0},
        {4096, 4096, (uint32_t)(RAM_BASE >> 12), 5},
        {1, 4096, (uint32_t)RAM_BASE + 1, 4},
    };
    (void)state;

    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rig_make(MODERN, true);
        assert_true(rig_negotiate(BIT(VQ_F_EVENT_IDX)));
        put(VQ_MMIO_GUEST_PAGE_SIZE, wrong[i].page_bytes);
        put(VQ_MMIO_QUEUE_SIZE, wrong[i].size);
        put(VQ_MMIO_QUEUE_ALIGN, wrong[i].align);
        put(VQ_MMIO_QUEUE_PFN, wrong[i].page);
        put(VQ_MMIO_QUEUE_NOTIFY, 0);
        rig_raise(VQ_STATUS_DRIVER_OK);
        assert_int_equal(get(VQ_MMIO_STATUS), 7 | VQ_STATUS_NEEDS_RESET);
        assert_false(m.guest.echo.running[0]);
        put(VQ_MMIO_STATUS, 0);
        assert_int_equal(get(VQ_MMIO_STATUS), 0);
    }
}

/* A descriptor that names the device's own registers reaches nothing. */
static void own_registers(void **state)
{
    const uint64_t window = UINT64_C(0x10001000);
    (void)state;

    for (uint64_t at = window; at < window + 0x200; at += 0x30) {
        struct vq_element e[2] = {{RAM_BASE + RAM_DATA, 8}, {at, 8}};

        rig_make(MODERN, false);
        rig_start(MODERN);
        assert_true(vq_driver_add(&m.guest.ring, e, 1, 1) >= 0);
        (void)vq_driver_publish(&m.guest.ring);
        put(VQ_MMIO_QUEUE_NOTIFY, 0);
        (void)rig_run();
        assert_int_equal(m.guest.echo.served, 0);
        assert_int_equal(get(VQ_MMIO_STATUS), 15 | VQ_STATUS_NEEDS_RESET);
        assert_true(m.guest.echo.running[0]);
    }
}

/* Resets of all kinds, while requests are in flight and queues take their time to stop. */
static void resets_in_flight(void **state)
{
    const uint64_t features =
        MODERN | BIT(VQ_F_RING_RESET) | BIT(VQ_F_SUSPEND) | BIT(VQ_F_RING_PACKED);
    struct vq_random random = {3};
    (void)state;

    rig_make(features, false);
    m.guest.echo.hold = true;
    m.slow = true;
    for (unsigned round = 0; round < 3000; round++) {
        put(VQ_MMIO_STATUS, 0);
        for (uint16_t q = 0; q < ECHO_QUEUES; q++)
            vq_model_queue_stopped(&m.device.state, q);
        assert_int_equal(get(VQ_MMIO_STATUS), 0);
        assert_false(m.high);
        rig_start(features);
        for (unsigned i = 0; i < 12; i++) {
            put(VQ_MMIO_QUEUE_SEL, vq_random_below(&random, 2));
            switch (vq_random_below(&random, 9)) {
            case 0:
                put(VQ_MMIO_STATUS, 0);
                break;
            case 1:
                put(VQ_MMIO_QUEUE_RESET, 1);
                break;
            case 2:
                rig_raise(VQ_STATUS_SUSPEND);
                break;
            case 3:
                rig_raise(VQ_STATUS_DRIVER_OK);
                break;
            case 4:
                put(VQ_MMIO_QUEUE_READY, vq_random_below(&random, 2));
                break;
            case 5:
                vq_model_queue_stopped(&m.device.state, (uint16_t)vq_random_below(&random, 3));
                break;
            case 6:
                vq_model_ran(&m.device.state, (uint16_t)vq_random_below(&random, 3), VQ_RUN_SIGNAL);
                break;
            default:
                if (m.guest.ring.size != 0 && i < 8)
                    guest_add(&m.guest);
                put(VQ_MMIO_QUEUE_NOTIFY, 0);
                (void)rig_run();
            }
        }
    }
}

/* Any register, width and value; the model hears nothing that it may not. */
static void storm(void **state)
{
    struct vq_random random = {11};
    (void)state;

    for (unsigned legacy = 0; legacy < 2; legacy++) {
        rig_make(MODERN | BIT(VQ_F_RING_PACKED) | BIT(VQ_F_IN_ORDER), legacy);
        for (unsigned i = 0; i < 400000; i++) {
            static const uint32_t good[] = {0, 1, 2, 3, 4, 11, 15, 16, 31, 4096, UINT32_MAX};
            uint64_t offset = vq_random_below(&random, 0x120);
            unsigned bytes = vq_random_below(&random, 4) ? 4 : vq_random_below(&random, 10);
            uint64_t value = vq_random_below(&random, 2)
                                 ? good[vq_random_below(&random, sizeof good / sizeof good[0])]
                                 : vq_random(&random);

            if (vq_random_below(&random, 8))
                offset &= ~UINT64_C(3);
            if (vq_random_below(&random, 64) == 0)
                offset = vq_random(&random);
            if (vq_random_below(&random, 4) == 0)
                value = RAM_BASE + 4096u * vq_random_below(&random, 20);
            if (vq_random_below(&random, 4))
                vq_mmio_device_write(&m.device, offset, bytes, value);
            else
                (void)vq_mmio_device_read(&m.device, offset, bytes);
            if (vq_random_below(&random, 100) == 0)
                (void)rig_run();
            if (vq_random_below(&random, 100) == 0)
                (void)rig_negotiate(MODERN);
        }
        put(VQ_MMIO_STATUS, 0);
        assert_int_equal(get(VQ_MMIO_STATUS), 0);
        if (!legacy) {
            rig_start(MODERN | BIT(VQ_F_RING_PACKED));
            rig_answered();
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(frozen, "nothing of a queue that runs changes over MMIO [BUG-46 BUG-47 BUG-50]"),
        VQ_TEST(invalid_queues, "a queue that cannot be needs a reset, and hurts no other "
                                "[BUG-51 BUG-52 BUG-53 BUG-59]"),
        VQ_TEST(invalid_pages, "nor can a legacy queue without a page or an alignment "
                               "[BUG-52 BUG-59]"),
        VQ_TEST(own_registers, "a descriptor does not reach the device's registers [BUG-57]"),
        VQ_TEST(resets_in_flight, "resets come at any moment, in any order [BUG-58]"),
        VQ_TEST(storm, "any access to an MMIO device is answered, in any state [BUG-54 BUG-55]"),
    };
    return VQ_RUN(tests);
}
