/*
 * A device on its transport: the status, features, reset, and queues that are
 * enabled, frozen, reset and enabled again, modern and legacy. The device is one
 * that echoes, the transport the loopback, the driver's end one that this test
 * plays by hand.
 */

#include "test.h"

#include <string.h>

#include "echo.h"

#include <vq/driver.h>
#include <vq/loopback.h>
#include <vq/status.h>

enum { SIZE = ECHO_SIZE, QUEUES = ECHO_QUEUES, GUEST = 65536, DATA = 60000 };
#define BASE UINT64_C(0x80000000)

/* All of a case. */
static struct bench {
    struct echo echo;
    struct vq_region region;
    struct vq_memory memory;
    struct vq_model_queue queues[QUEUES];
    struct vq_loopback loop;
    struct vq_transport *t;
    struct vq_features wanted;
    /* Of the driver. */
    struct vq_place place;
    struct vq_driver_queue queue;
    struct vq_driver_slot slots[SIZE];
} b;
static _Alignas(4096) uint8_t guest[GUEST];

static void set_up(uint64_t features, const struct vq_constraints *constraints, bool big)
{
    struct vq_loopback_config config = {.model = &b.echo.model,
                                        .memory = &b.memory,
                                        .queues = b.queues,
                                        .queue_count = QUEUES,
                                        .legacy_big_endian = big};

    memset(&b, 0, sizeof(b));
    memset(guest, 0, sizeof(guest));
    echo_init(&b.echo, features);
    b.region = (struct vq_region){BASE, GUEST, guest, VQ_READ | VQ_WRITE};
    assert_int_equal(vq_memory_init(&b.memory, &b.region, 1), VQ_OK);
    if (constraints)
        config.constraints = *constraints;
    assert_int_equal(vq_loopback_init(&b.loop, &config), VQ_OK);
    b.t = &b.loop.transport;
    b.wanted = vq_features_from64(UINT64_MAX);
}

#define BIT(n) (UINT64_C(1) << (n))
#define MODERN (BIT(VQ_F_VERSION_1) | BIT(VQ_F_EVENT_IDX))

/* Finds a place of at most `size` for a queue, makes its ring, and tells the device. */
static enum vq_error enable(uint16_t index, uint16_t size)
{
    struct vq_fragment free_memory = {BASE + 4096u * (1u + 4u * index), 4096 * 4};
    struct vq_driver_config config = {.slots = b.slots, .features = b.t->accepted};
    struct vq_constraints constraints;
    struct vq_refusal why;

    assert_int_equal(vq_transport_queue_constraints(b.t, index, &constraints), VQ_OK);
    if (size != 0 && !constraints.size_fixed)
        constraints.size_max = size;
    assert_int_equal(vq_place_find(&constraints, 0, &free_memory, 1, &b.place, &why), VQ_OK);
    config.size = (uint16_t)b.place.layout.size;
    config.big_endian = vq_transport_big_endian(b.t);
    config.descriptor_area = guest + (b.place.address[VQ_DESCRIPTOR_AREA] - BASE);
    config.driver_area = guest + (b.place.address[VQ_DRIVER_AREA] - BASE);
    config.device_area = guest + (b.place.address[VQ_DEVICE_AREA] - BASE);
    assert_int_equal(vq_driver_init(&b.queue, &config), VQ_OK);
    return vq_transport_queue_enable(b.t, index, &b.place);
}

static enum vq_error set_up_queue(void *context, struct vq_transport *t)
{
    (void)context, (void)t;
    return enable(0, 0);
}

static enum vq_error start(void)
{
    struct vq_plan plan = {.wanted = b.wanted, .setup = set_up_queue, .patience = 10};
    return vq_transport_init_device(b.t, &plan, NULL);
}

static uint8_t status(void)
{
    uint8_t s = 0xff;
    assert_int_equal(b.t->ops->get_status(b.t, &s), VQ_OK);
    return s;
}

static const uint8_t request[8] = {'r', 'e', 'q', 'u', 'e', 's', 't', 's'};

static void send(void)
{
    struct vq_element e[2] = {{BASE + DATA, 8}, {BASE + DATA + 16, 8}};

    memcpy(guest + DATA, request, sizeof(request));
    memset(guest + DATA + 16, 0, 8);
    assert_true(vq_driver_add(&b.queue, e, 1, 1) >= 0);
    (void)vq_driver_publish(&b.queue);
    (void)b.t->ops->notify(b.t, 0, vq_driver_notification_data(&b.queue, 0));
}

static void answered(void)
{
    struct vq_done done;

    send();
    assert_true(vq_loopback_run(&b.loop));
    assert_int_equal(vq_driver_get(&b.queue, &done, 1), 1);
    assert_int_equal(done.written, 8);
    assert_memory_equal(guest + DATA + 16, request, sizeof(request));
}

static bool signaled(void)
{
    return (vq_transport_take_events(b.t) & VQ_EVENT_QUEUE) != 0;
}

/* By hand, up to before DRIVER_OK. */
static void before_driver_ok(void)
{
    static const uint8_t steps[] = {VQ_STATUS_ACKNOWLEDGE, VQ_STATUS_DRIVER};

    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(b.t->ops->set_status(b.t, (uint8_t)(status() | steps[i])), VQ_OK);
    b.t->accepted = vq_features_from64(MODERN);
    assert_int_equal(b.t->ops->set_features(b.t, &b.t->accepted), VQ_OK);
    assert_int_equal(b.t->ops->set_status(b.t, (uint8_t)(status() | VQ_STATUS_FEATURES_OK)), VQ_OK);
    b.t->status = status();
    assert_int_equal(enable(0, 0), VQ_OK);
}

static void not_before_driver_ok(void **state)
{
    struct vq_done done;
    (void)state;

    set_up(MODERN, NULL, false);
    before_driver_ok();
    send();
    assert_false(vq_loopback_run(&b.loop));
    assert_int_equal(b.echo.served, 0);
    assert_false(signaled());
    assert_int_equal(vq_driver_get(&b.queue, &done, 1), 0);
    /* Now it may. */
    assert_int_equal(b.t->ops->set_status(b.t, (uint8_t)(status() | VQ_STATUS_DRIVER_OK)), VQ_OK);
    assert_true(vq_loopback_run(&b.loop));
    assert_true(signaled());
    assert_int_equal(vq_driver_get(&b.queue, &done, 1), 1);
}

static void corrupt(void **state)
{
    (void)state;
    set_up(MODERN, NULL, false);
    assert_int_equal(start(), VQ_OK);
    answered();
    assert_int_equal(status() & VQ_STATUS_NEEDS_RESET, 0);
    (void)vq_transport_take_events(b.t);
    guest[b.place.address[VQ_DRIVER_AREA] - BASE + 3] = 0x77; /* available idx */
    assert_int_equal(vq_transport_notify(b.t, 0, 0), VQ_OK);
    (void)vq_loopback_run(&b.loop);
    assert_int_equal(status() & VQ_STATUS_NEEDS_RESET, VQ_STATUS_NEEDS_RESET);
    assert_true((vq_transport_take_events(b.t) & VQ_EVENT_CONFIG) != 0);
    assert_true(vq_transport_needs_reset(b.t));
    /* Once, and a reset helps. */
    (void)vq_loopback_run(&b.loop);
    assert_int_equal(vq_transport_take_events(b.t) & VQ_EVENT_CONFIG, 0);
    assert_int_equal(start(), VQ_OK);
    answered();
}

static void resets(void **state)
{
    uint8_t before[GUEST];
    (void)state;

    set_up(MODERN, NULL, false);
    assert_int_equal(status(), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(start(), VQ_OK);
        answered();
        send();
        assert_int_equal(vq_transport_reset(b.t, 10), VQ_OK);
        assert_int_equal(status(), 0);
        /* What was sent is not served, whoever rings, and nothing is written. */
        (void)vq_transport_take_events(b.t);
        memcpy(before, guest, sizeof(guest));
        b.echo.served = 0;
        (void)b.t->ops->notify(b.t, 0, 0);
        assert_false(vq_loopback_run(&b.loop));
        assert_int_equal(b.echo.served, 0);
        assert_memory_equal(before, guest, sizeof(guest));
        assert_int_equal(vq_transport_take_events(b.t), 0);
    }
}

static void generations(void **state)
{
    uint32_t before, after;
    (void)state;

    set_up(MODERN, NULL, false);
    assert_int_equal(start(), VQ_OK);
    assert_int_equal(b.t->ops->config_generation(b.t, &before), VQ_OK);
    assert_int_equal(b.t->ops->config_generation(b.t, &after), VQ_OK);
    assert_int_equal(before, after);
    b.echo.config[0] = 1;
    vq_loopback_config_changed(&b.loop);
    assert_int_equal(b.t->ops->config_generation(b.t, &after), VQ_OK);
    assert_int_not_equal(before, after);
    assert_true((vq_transport_take_events(b.t) & VQ_EVENT_CONFIG) != 0);
}

static void queue_reset(void **state)
{
    (void)state;
    for (unsigned packed = 0; packed < 2; packed++) {
        uint16_t fresh = packed ? 0x8000 : 0;
        uint8_t before[GUEST];

        set_up(MODERN | (packed ? BIT(VQ_F_RING_PACKED) : 0), NULL, false);
        assert_int_equal(start(), VQ_OK);
        for (unsigned i = 0; i < 5; i++)
            answered();
        send();
        (void)vq_transport_take_events(b.t);
        (void)signaled();
        b.queues[0].signaled = false;
        assert_int_equal(vq_transport_queue_reset(b.t, 0), VQ_OK);
        /* The driver's again: the device neither serves, nor signals, nor writes. */
        memcpy(before, guest, sizeof(guest));
        b.echo.served = 0;
        (void)vq_transport_notify(b.t, 0, 0);
        assert_false(vq_loopback_run(&b.loop));
        assert_int_equal(b.echo.served, 0);
        assert_false(signaled());
        assert_memory_equal(before, guest, sizeof(guest));
        memset(guest, 0xa5, sizeof(guest));
        /* As if it were new, and of another size. */
        assert_int_equal(enable(0, SIZE / 2), VQ_OK);
        assert_int_equal(b.echo.started[0].size, SIZE / 2);
        assert_int_equal(b.echo.started[0].next_available, fresh);
        assert_int_equal(b.echo.started[0].next_used, fresh);
        for (unsigned i = 0; i < 3 * SIZE; i++)
            answered();
    }
}

/* A queue that is enabled does not change, and a size that it cannot have is refused. */
static void frozen(void **state)
{
    struct vq_place other;
    struct vq_constraints constraints;
    (void)state;

    set_up(MODERN, NULL, false);
    assert_int_equal(start(), VQ_OK);
    other = b.place;
    assert_int_equal(vq_layout_init(&other.layout, VQ_FORMAT_SPLIT, 8, 0), VQ_OK);
    assert_int_equal(vq_transport_queue_enable(b.t, 0, &other), VQ_ERR_STATE);
    assert_int_equal(b.echo.queue[0].size, SIZE);
    answered();
    assert_int_equal(vq_layout_init(&other.layout, VQ_FORMAT_SPLIT, 2 * SIZE, 0), VQ_OK);
    assert_int_equal(vq_transport_queue_enable(b.t, 1, &other), VQ_ERR_SIZE);
    /* Indices are 16 bits, and none is taken for another. */
    b.echo.queues = UINT16_MAX;
    assert_int_equal(vq_transport_queue_constraints(b.t, UINT16_MAX, &constraints), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_queue_constraints(b.t, QUEUES, &constraints), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_notify(b.t, UINT16_MAX, 0), VQ_ERR_RANGE);
}

/* A ring of which only the last part, or only the first, is in memory. */
static void ring_in_a_hole(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        set_up(MODERN, NULL, false);
        before_driver_ok();
        b.queues[0].address[VQ_DESCRIPTOR_AREA] = i == 0   ? BASE - 16
                                                  : i == 1 ? BASE + GUEST - 16
                                                           : UINT64_MAX - 15;
        assert_int_equal(b.t->ops->set_status(b.t, (uint8_t)(status() | VQ_STATUS_DRIVER_OK)),
                         VQ_OK);
        assert_int_equal(status() & VQ_STATUS_NEEDS_RESET, VQ_STATUS_NEEDS_RESET);
        assert_false(b.echo.running[0]);
    }
}

/* The size is the device's, the parts lie in one block, in the order of the driver. */
static void legacy(void **state)
{
    static const uint32_t aligns[] = {4096, 64};
    (void)state;

    for (unsigned bits = 0; bits < 4; bits++) {
        struct vq_constraints constraints = {.format = VQ_FORMAT_LEGACY,
                                             .size_fixed = true,
                                             .align = aligns[bits >> 1],
                                             .page_shift = 12,
                                             .pfn_bits = 32};
        uint64_t at;

        set_up(BIT(VQ_F_EVENT_IDX) | BIT(VQ_F_ANY_LAYOUT), &constraints, bits & 1);
        assert_int_equal(start(), VQ_OK);
        assert_true(vq_transport_legacy(b.t));
        assert_int_equal(status() & VQ_STATUS_FEATURES_OK, 0);
        assert_true(vq_feature(&b.echo.accepted, VQ_F_ANY_LAYOUT));
        assert_int_equal(b.place.layout.size, SIZE);
        at = b.place.address[VQ_DESCRIPTOR_AREA];
        assert_int_equal(at % 4096, 0);
        assert_true(b.place.address[VQ_DRIVER_AREA] == at + 16 * SIZE);
        assert_true(b.place.address[VQ_DEVICE_AREA] ==
                    ((at + 16 * SIZE + 6 + 2 * SIZE + aligns[bits >> 1] - 1) &
                     ~(uint64_t)(aligns[bits >> 1] - 1)));
        for (unsigned i = 1; i <= 3 * SIZE; i++) {
            const uint8_t *used = guest + (b.place.address[VQ_DEVICE_AREA] - BASE);
            answered();
            assert_int_equal(used[vq_transport_big_endian(b.t) ? 3 : 2], i);
        }
    }
}

/* Legacy drivers are served by some devices only; both may say so. */
static void either(void **state)
{
    (void)state;
    set_up(MODERN, NULL, false);
    b.echo.modern_only = true;
    assert_int_equal(start(), VQ_OK);
    answered();
    vq_feature_clear(&b.wanted, VQ_F_VERSION_1);
    assert_int_not_equal(start(), VQ_OK);
    /* A modern driver that leaves VERSION_1 out does not get FEATURES_OK either. */
    assert_int_equal(vq_transport_reset(b.t, 10), VQ_OK);
    b.t->accepted = vq_features_from64(BIT(VQ_F_EVENT_IDX));
    assert_int_equal(b.t->ops->set_status(b.t, VQ_STATUS_ACKNOWLEDGE | VQ_STATUS_DRIVER), VQ_OK);
    assert_int_equal(b.t->ops->set_features(b.t, &b.t->accepted), VQ_OK);
    assert_int_equal(
        b.t->ops->set_status(b.t, VQ_STATUS_ACKNOWLEDGE | VQ_STATUS_DRIVER | VQ_STATUS_FEATURES_OK),
        VQ_OK);
    assert_int_equal(status() & VQ_STATUS_FEATURES_OK, 0);
    /* One that serves both serves it. */
    set_up(MODERN, NULL, false);
    vq_feature_clear(&b.wanted, VQ_F_VERSION_1);
    assert_int_equal(start(), VQ_OK);
    answered();
}

/* With ORDER_PLATFORM and without, whatever the driver takes of the offer. */
static void order_platform(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 4; bits++) {
        set_up(MODERN | BIT(VQ_F_ORDER_PLATFORM) | (bits & 2 ? BIT(VQ_F_RING_PACKED) : 0), NULL,
               false);
        if (bits & 1)
            vq_feature_clear(&b.wanted, VQ_F_ORDER_PLATFORM);
        assert_int_equal(start(), VQ_OK);
        assert_int_equal(vq_feature(&b.echo.accepted, VQ_F_ORDER_PLATFORM), !(bits & 1));
        for (unsigned i = 0; i < 40; i++)
            answered();
    }
    /* What belongs to PCI functions is not offered here. */
    {
        struct vq_features all;
        assert_int_equal(b.t->ops->get_features(b.t, &all), VQ_OK);
        assert_false(vq_feature(&all, VQ_F_SR_IOV));
        assert_false(vq_feature(&all, VQ_F_ADMIN_VQ));
    }
}

/* Of a driver that wants no notifications, all but the last of what it made available. */
static void notify_on_empty(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 8; bits++) {
        bool on_empty = bits & 1, event = bits & 2, modern = bits & 4;
        struct vq_done done;

        set_up((on_empty ? BIT(VQ_F_NOTIFY_ON_EMPTY) : 0) | (event ? BIT(VQ_F_EVENT_IDX) : 0) |
                   (modern ? BIT(VQ_F_VERSION_1) : 0),
               NULL, false);
        assert_int_equal(start(), VQ_OK);
        /* It means this to legacy devices only. */
        assert_int_equal(vq_feature(&b.echo.accepted, VQ_F_NOTIFY_ON_EMPTY), on_empty && !modern);
        answered();
        (void)vq_loopback_run(&b.loop);
        b.queues[0].signaled = false;
        vq_driver_disable_notifications(&b.queue); /* with EVENT_IDX the event is passed by now */
        for (unsigned i = 0; i < 3; i++) {
            struct vq_segment segments[2];
            struct vq_buffer buffer = {.segments = segments, .room = 2}, *one = &buffer;
            struct vq_device_queue *q = &b.echo.queue[0];
            unsigned left;

            send();
            send();
            for (left = 2; left-- > 0;) {
                struct vq_used used;
                assert_int_equal(vq_device_pop(q, &one, 1), 1);
                used = (struct vq_used){buffer.id, 8};
                assert_int_equal(vq_device_push(q, &used, 1), VQ_OK);
                assert_int_equal(vq_device_publish(q), on_empty && !modern && left == 0);
            }
            assert_int_equal(vq_driver_get(&b.queue, &done, 1), 1);
            assert_int_equal(vq_driver_get(&b.queue, &done, 1), 1);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(not_before_driver_ok, "a device serves and signals from DRIVER_OK on "
                                      "[BASIC-DEV-STATUS-01 BASIC-DEV-STATUS-02]"),
        VQ_TEST(corrupt, "a broken queue needs a reset, says so, and is well after it "
                         "[BASIC-DEV-STATUS-03 BASIC-DEV-STATUS-04 BUG-01]"),
        VQ_TEST(resets, "after a reset the status is 0 and all is quiet [BASIC-DEV-STATUS-05 "
                        "BASIC-DEV-RESET-01 BASIC-DEV-RESET-02]"),
        VQ_TEST(generations, "a change of configuration is a new generation [BASIC-DEV-CFG-04]"),
        VQ_TEST(queue_reset,
                "a queue that was reset is quiet, and begins anew with another size and place "
                "[BASIC-DEV-VQRST-01 BASIC-DEV-VQRST-02 BASIC-DEV-VQRST-03 BASIC-DRV-VQRST-02 "
                "BASIC-DEV-VQREEN-01 BASIC-DRV-VQREEN-01]"),
        VQ_TEST(frozen, "a queue that is enabled does not change [BASIC-DEV-VQ-01 BUG-46]"),
        VQ_TEST(ring_in_a_hole, "a ring lies in memory as a whole [BUG-15 BUG-51]"),
        VQ_TEST(legacy, "a legacy queue has the device's size, one block and the driver's order "
                        "[SPLIT-DRV-LEGLAYOUT-01 SPLIT-DEV-LEGLAYOUT-01 BASIC-DRV-LEGFEAT-02 "
                        "BASIC-DEV-LEGFEAT-03]"),
        VQ_TEST(either, "a device may serve modern drivers only, or both "
                        "[FEAT-DEV-02 BASIC-DEV-LEGFEAT-02]"),
        VQ_TEST(order_platform, "ORDER_PLATFORM may be taken or left, SR_IOV is not offered "
                                "[FEAT-DEV-07 FEAT-DEV-10]"),
        VQ_TEST(notify_on_empty, "with NOTIFY_ON_EMPTY a legacy driver hears of the last buffer "
                                 "[FEAT-DEV-LEG-01 FEAT-DEV-LEG-02]"),
    };
    return VQ_RUN(tests);
}
