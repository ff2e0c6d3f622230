/* The entropy device and its driver, one against the other. */
#include "rng_rig.h"

static void fills(void **state)
{
    uint32_t got = 77;
    rng_start(*state, 0);
    uint32_t at = rig_take(10000);
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE + at, 9999, 1000, &got), VQ_OK);
    assert_int_equal(got, 9999);
    assert_int_equal(r.drawn, 9999);
    /* 17 is 0x11: no byte of the source is. */
    rng_expect(at, 9999, 10000);
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE + at, 1, 0, NULL), VQ_OK);
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE + at, 0, 0, &got), VQ_OK);
    assert_int_equal(got, 0);
    assert_int_equal(r.drawn, 10000);
    assert_int_equal(vq_rng_driver_close(&r.driver), VQ_OK);
}

static void many_at_once(void **state)
{
    rng_start(*state, 100);
    for (unsigned round = 0; round < 5; round++) {
        uint32_t at[RNG_SIZE];
        for (unsigned i = 0; i < RNG_SIZE; i++) {
            at[i] = rig_take(200);
            assert_int_equal(rng_ask(at[i], 90 + 20 * (i & 1)), VQ_OK);
        }
        assert_int_equal(rng_ask(at[0], 1), VQ_ERR_FULL);
        assert_int_equal(vq_rng_driver_in_flight(&r.driver), RNG_SIZE);
        assert_int_equal(vq_rng_driver_wait(&r.driver, 100), VQ_OK);
        assert_int_equal(vq_rng_driver_reap(&r.driver, r.done, RNG_SIZE), RNG_SIZE);
        for (unsigned i = 0; i < RNG_SIZE; i++) {
            assert_int_equal(r.done[i].tag, at[i]);
            assert_int_equal(r.done[i].bytes, (i & 1) ? 100 : 90);
            rng_expect(at[i], r.done[i].bytes, 200);
        }
        assert_int_equal(vq_rng_driver_in_flight(&r.driver), 0);
    }
    assert_int_equal(vq_rng_driver_wait(&r.driver, 0), VQ_ERR_TIMEOUT);
}

/* A source that has nothing keeps the buffers where they are, until somebody runs the queue. */
static void dry(void **state)
{
    const struct vq_device_model_ops *ops;
    uint32_t got;
    rng_start(*state, 0);
    ops = r.dev.model.ops;
    r.available = 0;
    uint32_t at = rig_take(64);
    assert_int_equal(rng_ask(at, 10), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_rng_driver_reap(&r.driver, r.done, 1), 0);
    assert_int_equal(ops->queue_in_flight(&r.dev.model, 0), 1);
    assert_false(ops->queue_arm(&r.dev.model, 0));
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE + at, 1, 0, &got), VQ_ERR_STATE);
    r.available = 4;
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_rng_driver_reap(&r.driver, r.done, 1), 1);
    assert_int_equal(r.done[0].bytes, 4);
    rng_expect(at, 4, 10);
    assert_int_equal(ops->queue_in_flight(&r.dev.model, 0), 0);

    /* A fill that times out says what it got; the rest belongs to the device. */
    r.available = 3;
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE + at, 8, 0, &got), VQ_ERR_TIMEOUT);
    assert_int_equal(got, 3);
    assert_int_equal(vq_rng_driver_in_flight(&r.driver), 1);
    r.available = 100;
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_rng_driver_reap(&r.driver, r.done, 8), 1);
    assert_true(r.done[0].tag == RIG_BASE + at + 3);
    assert_int_equal(r.done[0].bytes, 5);

    /* Stopping takes nothing from who waits. */
    r.available = 0;
    assert_int_equal(rng_ask(at, 10), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_rng_driver_close(&r.driver), VQ_OK);
    assert_int_equal(vq_rng_driver_in_flight(&r.driver), 0);
    assert_int_equal(ops->queue_in_flight(&r.dev.model, 0), 0);
}

/* A driver whose transport cannot wait polls, but not for ever. */
static void polled(void **state)
{
    static struct vq_transport_ops ops;
    uint32_t got;
    rng_start(*state, 0);
    ops = *rig.loop.transport.ops;
    ops.wait = NULL;
    rig.loop.transport.ops = &ops;
    r.driver.polls = 1000;
    uint32_t at = rig_take(64);
    vq_rng_driver_quiet(&r.driver);
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE + at, 8, 0, &got), VQ_ERR_TIMEOUT);
    assert_int_equal(got, 0);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_rng_driver_wait(&r.driver, 0), VQ_OK);
    assert_int_equal(vq_rng_driver_reap(&r.driver, r.done, 1), 1);
    assert_int_equal(vq_rng_driver_wait(&r.driver, 0), VQ_ERR_UNSUPPORTED);
}

/* One queue alone is stopped, and set up anew in other memory. */
static void queue_reset(void **state)
{
    rng_start(*state, 0);
    uint32_t at = rig_take(64);
    r.available = 0;
    assert_int_equal(rng_ask(at, 10), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_transport_queue_reset(&rig.loop.transport, 0), VQ_OK);
    r.available = SIZE_MAX;
    (void)vq_loopback_run(&rig.loop);
    rng_expect(at, 0, 10);

    struct vq_place placed;
    struct vq_queue_memory memory = rig_ring(RNG_SIZE / 2);
    memory.placed = &placed;
    const struct vq_queue_setup setup = {.size = RNG_SIZE / 2, .memory = &memory, .slots = r.slots};
    assert_int_equal(vq_queue_open(&r.driver.ring, &rig.loop.transport, &setup), VQ_OK);
    r.driver.in_flight = 0;
    assert_int_equal(r.driver.ring.size, RNG_SIZE / 2);
    assert_true(placed.address[VQ_DESCRIPTOR_AREA] >= memory.pieces->address);
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE + at, 10, 0, NULL), VQ_OK);
    rng_expect(at, 10, 64);
}

static void suspended(void **state)
{
    rng_start(*state, 0);
    uint32_t at = rig_take(64);
    rig.loop.transport.suspended = true;
    assert_int_equal(rng_ask(at, 10), VQ_ERR_STATE);
    assert_int_equal(vq_rng_driver_submit(&r.driver), VQ_ERR_STATE);
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE + at, 1, 0, NULL), VQ_ERR_STATE);
    rig.loop.transport.suspended = false;
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE + at, 1, 0, NULL), VQ_OK);
}

static void refusals(void **state)
{
    const struct vq_device_model_ops *ops;
    struct vq_features more = {{1}};
    (void)state;
    rng_start(&rig_split, 0);
    ops = r.dev.model.ops;
    assert_int_equal(rng_ask(0, 0), VQ_ERR_INVALID);
    assert_int_equal(ops->queue_size_max(&r.dev.model, 1), 0);
    assert_int_equal(ops->config_size(&r.dev.model), 0);
    assert_int_equal(ops->write_config(&r.dev.model, 0, rng_memory, 1), VQ_ERR_RANGE);
    assert_int_equal(ops->accept(&r.dev.model, &more), VQ_ERR_UNSUPPORTED);

    struct vq_rng_device_config c = r.config;
    struct vq_rng_device dev;
    size_t bytes = vq_rng_device_bytes(&c);
    assert_int_equal(vq_rng_device_init(&dev, &c, rng_memory, bytes - 1), VQ_ERR_NO_MEMORY);
    assert_int_equal(vq_rng_device_init(&dev, &c, rng_memory + 8, bytes), VQ_ERR_ALIGN);
    c.queue_size = 0;
    assert_int_equal(vq_rng_device_bytes(&c), 0);
    assert_int_equal(vq_rng_device_init(&dev, &c, rng_memory, bytes), VQ_ERR_INVALID);
    c = r.config;
    c.source = NULL;
    assert_int_equal(vq_rng_device_init(&dev, &c, rng_memory, bytes), VQ_ERR_INVALID);

    /* A queue that runs, and one larger than there is memory for. */
    struct vq_device_config queue = {.size = RNG_SIZE,
                                     .descriptor_area = r.driver.ring.descriptors,
                                     .driver_area = r.driver.ring.driver_area,
                                     .device_area = r.driver.ring.device_area,
                                     .memory = &rig.memory};
    struct vq_position at;
    assert_int_equal(ops->queue_start(&r.dev.model, 0, &queue), VQ_ERR_STATE);
    assert_int_equal(ops->queue_start(&r.dev.model, 1, &queue), VQ_ERR_RANGE);
    (void)ops->queue_stop(&r.dev.model, 0, &at);
    queue.size = 2 * RNG_SIZE;
    assert_int_equal(ops->queue_start(&r.dev.model, 0, &queue), VQ_ERR_SIZE);
    queue.size = RNG_SIZE;
    assert_int_equal(ops->queue_start(&r.dev.model, 0, &queue), VQ_OK);

    /* A driver that must have what is not there. */
    rng_start(&rig_split, 0);
    vq_feature_set(&r.options.require, VQ_F_ACCESS_PLATFORM);
    assert_int_equal(rng_open(&rig_split), VQ_ERR_UNSUPPORTED);
    assert_int_equal(r.why.step, VQ_INIT_REQUIRED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_EACH_WAY(fills, "fills memory, in as many requests as it takes"),
        RIG_EACH_WAY(many_at_once, "many requests at once"),
        RIG_EACH_WAY(dry, "a source that runs dry"),
        VQ_TEST_STATE(polled, &rig_split, "polls where it cannot wait, but not for ever"),
        VQ_TEST_STATE(queue_reset, &rig_split, "a queue that is reset and set up anew"),
        VQ_TEST_STATE(queue_reset, &rig_packed, "a packed queue that is reset and set up anew"),
        VQ_TEST_STATE(suspended, &rig_split, "asks for nothing while suspended"),
        VQ_TEST(refusals, "refuses what makes no sense"),
    };
    return VQ_RUN(tests);
}
