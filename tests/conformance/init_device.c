/*
 * The device's part in initialisation, notifications of changes and suspending, over the
 * registers of an MMIO device.
 */
#include "test.h"

#include "mmio_rig.h"

/* Whatever is written in whatever order: no bit without its step, none gone but by a reset. */
static void steps(void **state)
{
    struct vq_random random = {7};
    (void)state;

    rig_make(MODERN, false);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t before = (uint8_t)get(VQ_MMIO_STATUS), after;
        uint8_t value = (uint8_t)vq_random(&random);

        if (vq_random_below(&random, 3) == 0)
            value = before | (uint8_t)(1u << vq_random_below(&random, 8));
        if (vq_random_below(&random, 8) == 0) {
            put(VQ_MMIO_DRIVER_FEATURES_SEL, 1);
            put(VQ_MMIO_DRIVER_FEATURES,
                (uint32_t)((MODERN | BIT(VQ_F_SUSPEND)) >> 32) * vq_random_below(&random, 3));
        }
        put(VQ_MMIO_STATUS, value);
        after = (uint8_t)get(VQ_MMIO_STATUS);
        if (value == 0) {
            assert_int_equal(after, 0);
            continue;
        }
        /* DRIVER_OK and SUSPEND take each other's place; nothing else drops. */
        if ((after & VQ_STATUS_SUSPEND) && !(before & VQ_STATUS_SUSPEND))
            assert_int_equal(before & ~VQ_STATUS_DRIVER_OK & ~after, 0);
        else if ((before & VQ_STATUS_SUSPEND) && (after & VQ_STATUS_DRIVER_OK))
            assert_int_equal(before & ~VQ_STATUS_SUSPEND & ~after, 0);
        else
            assert_int_equal(before & ~after, 0);
        assert_int_equal(after & ~(value | before), 0);
        if (after & VQ_STATUS_DRIVER)
            assert_true(after & VQ_STATUS_ACKNOWLEDGE);
        if (after & VQ_STATUS_FEATURES_OK)
            assert_true(after & VQ_STATUS_DRIVER);
        if (after & (VQ_STATUS_DRIVER_OK | VQ_STATUS_SUSPEND))
            assert_true(after & VQ_STATUS_FEATURES_OK);
        if (after & VQ_STATUS_SUSPEND)
            assert_false(after & VQ_STATUS_DRIVER_OK);
        assert_int_equal(after & 0x60, 0); /* the device's own, and what does not exist */
        if (before & VQ_STATUS_FAILED)
            assert_int_equal(after, before);
    }
    /* Several steps in one write are no worse than one by one. */
    put(VQ_MMIO_STATUS, 0);
    put(VQ_MMIO_STATUS, 3);
    assert_int_equal(get(VQ_MMIO_STATUS), 3);
}

static void changes(void **state)
{
    (void)state;
    rig_make(MODERN, false);
    /* Nobody is there to be told. */
    vq_model_config_changed(&m.device.state);
    assert_false(m.high);
    assert_true(rig_negotiate(MODERN));
    rig_enable(0, ECHO_SIZE);
    assert_false(m.high);
    /* A driver that begins anew reads everything anew. */
    vq_model_config_changed(&m.device.state);
    rig_start(MODERN);
    assert_false(m.high);
    assert_true(rig_negotiate(MODERN));
    rig_enable(0, ECHO_SIZE);
    /* While the driver is on its way, the change waits until it has arrived. */
    vq_model_config_changed(&m.device.state);
    assert_false(m.high);
    rig_raise(VQ_STATUS_DRIVER_OK);
    assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), VQ_MMIO_INTERRUPT_CONFIG);
    rig_ack();
    vq_model_config_changed(&m.device.state);
    assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), VQ_MMIO_INTERRUPT_CONFIG);
    rig_ack();
    /* A broken queue: the status says so, and the driver is told, once. */
    ram_at(&m.guest, m.guest.address[VQ_DRIVER_AREA])[3] = 0x77;
    put(VQ_MMIO_QUEUE_NOTIFY, 0);
    (void)rig_run();
    assert_int_equal(get(VQ_MMIO_STATUS), 15 | VQ_STATUS_NEEDS_RESET);
    assert_true(get(VQ_MMIO_INTERRUPT_STATUS) & VQ_MMIO_INTERRUPT_CONFIG);
    rig_ack();
    put(VQ_MMIO_QUEUE_NOTIFY, 0);
    (void)rig_run();
    assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), 0);
    rig_start(MODERN);
    rig_answered();
}

#define SUSPENDABLE (MODERN | BIT(VQ_F_SUSPEND))

static void suspend_ignored(void **state)
{
    (void)state;
    rig_make(MODERN, false);
    assert_true(rig_negotiate(SUSPENDABLE));
    rig_raise(VQ_STATUS_SUSPEND);
    assert_int_equal(get(VQ_MMIO_STATUS), 11);
    put(VQ_MMIO_STATUS, 0);
    put(VQ_MMIO_STATUS, VQ_STATUS_SUSPEND);
    assert_int_equal(get(VQ_MMIO_STATUS), 0);
    /* Nor if it was not negotiated. */
    rig_start(MODERN);
    rig_raise(VQ_STATUS_SUSPEND);
    assert_int_equal(get(VQ_MMIO_STATUS), 15);
    rig_answered();
}

static void suspended(void **state)
{
    uint8_t before[RAM_BYTES], config[ECHO_CONFIG];
    (void)state;

    for (unsigned packed = 0; packed < 2; packed++) {
        const uint64_t features = SUSPENDABLE | (packed ? BIT(VQ_F_RING_PACKED) : 0);

        rig_make(features, false);
        rig_start(features);
        for (unsigned round = 0; round < 40; round++) {
            rig_answered();
            rig_ack();
            assert_false(vq_model_suspended(&m.device.state));
            rig_raise(VQ_STATUS_SUSPEND);
            assert_int_equal(get(VQ_MMIO_STATUS), 11 | VQ_STATUS_SUSPEND);
            assert_true(vq_model_suspended(&m.device.state));
            /* Quiet, whoever rings. */
            rig_send();
            memcpy(before, m.guest.ram, sizeof before);
            memcpy(config, m.guest.echo.config, sizeof config);
            put(VQ_MMIO_QUEUE_NOTIFY, 0);
            assert_false(rig_run());
            vq_mmio_device_write(&m.device, VQ_MMIO_CONFIG + 4, 4, round);
            put(VQ_MMIO_QUEUE_SEL, 1);
            put(VQ_MMIO_QUEUE_READY, 1);
            put(VQ_MMIO_QUEUE_SEL, 0);
            put(VQ_MMIO_QUEUE_READY, 0);
            assert_int_equal(get(VQ_MMIO_QUEUE_READY), 1);
            assert_memory_equal(before, m.guest.ram, sizeof before);
            assert_memory_equal(config, m.guest.echo.config, sizeof config);
            vq_model_config_changed(&m.device.state);
            assert_false(m.high);
            assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), 0);
            assert_int_equal(get(VQ_MMIO_STATUS), 11 | VQ_STATUS_SUSPEND);
            /* And on, where it was, with what it missed. */
            put(VQ_MMIO_STATUS, 15 | VQ_STATUS_SUSPEND);
            assert_int_equal(get(VQ_MMIO_STATUS), 15);
            assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), VQ_MMIO_INTERRUPT_CONFIG);
            rig_ack();
            assert_true(rig_run());
            assert_true(guest_got(&m.guest));
        }
        /* A reset ends that, too. */
        rig_raise(VQ_STATUS_SUSPEND);
        put(VQ_MMIO_STATUS, 0);
        assert_int_equal(get(VQ_MMIO_STATUS), 0);
        rig_start(features);
        rig_answered();
    }
}

/* Requests in progress come back first, and are signaled, before the status says suspended. */
static void suspend_finishes(void **state)
{
    (void)state;
    for (unsigned slow = 0; slow < 2; slow++) {
        rig_make(SUSPENDABLE, false);
        m.guest.echo.hold = true;
        m.slow = slow;
        rig_start(SUSPENDABLE);
        rig_send();
        assert_true(rig_run());
        assert_false(guest_got(&m.guest));
        assert_false(m.high);
        rig_raise(VQ_STATUS_SUSPEND);
        if (slow) {
            guest_add(&m.guest); /* too late: not taken any more */
            put(VQ_MMIO_QUEUE_NOTIFY, 0);
            assert_int_equal(get(VQ_MMIO_STATUS), 15);
            assert_false(rig_run());
            assert_int_equal(m.guest.echo.served, 1);
            vq_model_queue_stopped(&m.device.state, 0);
        }
        assert_int_equal(get(VQ_MMIO_STATUS), 11 | VQ_STATUS_SUSPEND);
        assert_true(guest_got(&m.guest));
        assert_int_equal(get(VQ_MMIO_INTERRUPT_STATUS), VQ_MMIO_INTERRUPT_QUEUE);
        m.slow = false;
        m.guest.echo.hold = false;
        rig_ack();
        rig_raise(VQ_STATUS_DRIVER_OK);
        if (slow) {
            assert_true(rig_run());
            assert_true(guest_got(&m.guest));
        }
        rig_answered();
    }
}

/* What cannot be resumed needs a reset, and what needs one is not suspended. */
static void suspend_fails(void **state)
{
    (void)state;
    rig_make(SUSPENDABLE, false);
    rig_start(SUSPENDABLE);
    rig_answered();
    rig_raise(VQ_STATUS_SUSPEND);
    m.guest.region.size = 4096; /* the guest's memory went away */
    rig_raise(VQ_STATUS_DRIVER_OK);
    assert_int_equal(get(VQ_MMIO_STATUS) & (VQ_STATUS_NEEDS_RESET | VQ_STATUS_SUSPEND),
                     VQ_STATUS_NEEDS_RESET);
    rig_raise(VQ_STATUS_SUSPEND);
    assert_int_equal(get(VQ_MMIO_STATUS) & (VQ_STATUS_NEEDS_RESET | VQ_STATUS_SUSPEND),
                     VQ_STATUS_NEEDS_RESET);
    m.guest.region.size = RAM_BYTES;
    rig_start(SUSPENDABLE);
    rig_answered();
}

/* The table of memory changes under a device that runs, and its driver notices nothing. */
static void memory_changes(void **state)
{
    const uint64_t features = SUSPENDABLE | BIT(VQ_F_RING_PACKED);
    struct vq_region halves[2];
    (void)state;

    for (unsigned slow = 0; slow < 2; slow++) {
        rig_make(features, false);
        rig_start(features);
        for (unsigned i = 0; i < 20; i++) {
            rig_answered();
            m.slow = slow;
            vq_model_hold(&m.device.state);
            if (slow) {
                assert_false(vq_model_held(&m.device.state));
                vq_model_queue_stopped(&m.device.state, 0);
            }
            m.slow = false;
            assert_true(vq_model_held(&m.device.state));
            assert_false(m.guest.echo.running[0]);
            halves[0] = (struct vq_region){RAM_BASE, 4096 * (i % 2 ? 4 : 8), m.guest.ram,
                                           VQ_READ | VQ_WRITE};
            halves[1] = (struct vq_region){RAM_BASE + halves[0].size, RAM_BYTES - halves[0].size,
                                           m.guest.ram + halves[0].size, VQ_READ | VQ_WRITE};
            assert_int_equal(vq_memory_init(&m.guest.memory, halves, 2), VQ_OK);
            rig_send();
            assert_false(rig_run());
            if (i % 3 == 0) { /* suspended in between, it stays so */
                rig_raise(VQ_STATUS_SUSPEND);
                vq_model_release(&m.device.state);
                assert_false(m.guest.echo.running[0]);
                rig_raise(VQ_STATUS_DRIVER_OK);
            }
            vq_model_release(&m.device.state);
            assert_int_equal(get(VQ_MMIO_STATUS), 15);
            assert_true(rig_run());
            assert_true(guest_got(&m.guest));
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(steps, "no status bit comes before its step, and none goes but by a reset "
                       "[BASIC-DEV-STATUS-05 BASIC-DEV-RESET-01 BUG-49]"),
        VQ_TEST(changes, "a change of the configuration, or of the status, is told to a driver "
                         "that listens [INIT-DEV-CFGNOTIF-01 INIT-DEV-CFGNOTIF-02 "
                         "BASIC-DEV-STATUS-03 BASIC-DEV-STATUS-04]"),
        VQ_TEST(suspend_ignored, "a device that does not run is not suspended [INIT-DEV-SUSP-01]"),
        VQ_TEST(suspended, "a suspended device is quiet, and goes on where it was "
                           "[INIT-DEV-SUSP-02 INIT-DEV-SUSP-03 INIT-DEV-SUSP-04 INIT-DEV-SUSP-05 "
                           "INIT-DEV-SUSP-06 INIT-DEV-SUSP-07 INIT-DEV-SUSP-08 INIT-DEV-SUSP-09]"),
        VQ_TEST(suspend_finishes,
                "before it is suspended, a device takes no more and gives back what it has "
                "[INIT-DEV-SUSP-10 INIT-DEV-SUSP-11 INIT-DEV-SUSP-12]"),
        VQ_TEST(memory_changes,
                "memory changes while a device is held, and it goes on where it was"),
        VQ_TEST(suspend_fails, "a device that cannot go on asks for a reset "
                               "[INIT-DEV-SUSP-08 INIT-DEV-SUSP-09]"),
    };
    return VQ_RUN(tests);
}
