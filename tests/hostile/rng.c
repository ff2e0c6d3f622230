/* Drivers and devices of the entropy type that mean harm. */
#include "rng_rig.h"

/* A device that says it wrote more, nothing, or for a buffer that is not there. */
static void lengths(void **state)
{
    struct hand_buffer b;
    rng_by_hand(*state);
    uint32_t at = rig_take(64);
    static const uint32_t said[] = {17, UINT32_MAX, 0};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rng_ask(at, 16), VQ_OK);
        assert_true(hand_pop(&r.hand, 0, &b));
        hand_push(&r.hand, 0, &b, said[i]);
        assert_int_equal(vq_rng_driver_reap(&r.driver, r.done, RNG_SIZE), 1);
        assert_int_equal(r.done[0].bytes, said[i] == 0 ? 0 : 16);
    }
    assert_int_equal(vq_rng_driver_broken(&r.driver), VQ_NOT_BROKEN);
}

static unsigned answers;

static void serve_nothing(struct hand *hand, uint16_t index)
{
    struct hand_buffer b;
    while (hand_pop(hand, index, &b)) {
        hand_push(hand, index, &b, 0);
        answers++;
    }
}

static void never_a_byte(void **state)
{
    uint32_t got = 5;
    rng_by_hand(*state);
    uint32_t at = rig_take(64);
    r.hand.serve = serve_nothing;
    answers = 0;
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE + at, 16, 0, &got), VQ_ERR_IO);
    assert_int_equal(got, 0);
    assert_int_equal(answers, 16);
    assert_int_equal(vq_rng_driver_in_flight(&r.driver), 0);
}

/* Spurious notifications for ever, and no answer. */
static enum vq_error wait_lies(struct vq_transport *t, uint16_t index, int timeout_ms)
{
    (void)t;
    (void)index;
    (void)timeout_ms;
    return VQ_OK;
}

static void never_an_answer(void **state)
{
    static struct vq_transport_ops ops;
    rng_by_hand(*state);
    ops = *rig.loop.transport.ops;
    ops.wait = wait_lies;
    rig.loop.transport.ops = &ops;
    r.driver.polls = 1000;
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE, 16, -1, NULL), VQ_ERR_TIMEOUT);
}

static void strict(void **state)
{
    struct hand_buffer b;
    (void)state;
    memset(&r, 0, sizeof r);
    hand_make(&r.hand, VQ_RNG_DEVICE_ID, 1, 0, &rig_split);
    r.options.strict = true;
    assert_int_equal(rng_open(&rig_split), VQ_OK);
    assert_int_equal(rng_ask(0, 16), VQ_OK);
    assert_true(hand_pop(&r.hand, 0, &b));
    hand_push(&r.hand, 0, &b, 17);
    assert_int_equal(vq_rng_driver_reap(&r.driver, r.done, RNG_SIZE), 0);
    assert_int_equal(vq_rng_driver_broken(&r.driver), VQ_BROKEN_USED_LENGTH);
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE, 16, 0, NULL), VQ_ERR_STATE);
    assert_int_equal(vq_rng_driver_close(&r.driver), VQ_OK);
    assert_int_equal(rng_open(&rig_split), VQ_OK);
}

/* Buffers of a driver that does not know the device: readable, mixed, vast, without memory. */
static void odd_buffers(void **state)
{
    struct vq_done done;
    rng_start(*state, 0);
    struct vq_driver_queue *q = &r.driver.ring;
    uint32_t at = rig_take(4096 * 4);
    const struct vq_element readable[] = {{RIG_BASE + at, 16}, {RIG_BASE + at + 64, 16}};
    assert_true(vq_driver_add(q, readable, 2, 0) >= 0);
    assert_true(vq_driver_add(q, readable, 1, 1) >= 0);
    /* One page four times over: costs no more than the limit. */
    const struct vq_element same[] = {{RIG_BASE + at, RIG_ARENA - at},
                                      {RIG_BASE + at, RIG_ARENA - at},
                                      {RIG_BASE + at, RIG_ARENA - at}};
    assert_true(vq_driver_add(q, same, 0, 3) >= 0);
    assert_int_equal(vq_queue_submit(q, &rig.loop.transport, 0), VQ_OK);
    uint64_t before = r.drawn;
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_driver_get(q, &done, 1), 1);
    assert_int_equal(done.written, 0);
    rng_expect(at, 0, 0);
    assert_int_equal(vq_driver_get(q, &done, 1), 1);
    assert_int_equal(done.written, 16);
    assert_int_equal(vq_driver_get(q, &done, 1), 1);
    assert_int_equal(done.written, 4096);
    assert_true(r.drawn - before <= 16 + 4096 + 1);

    const struct vq_element nowhere = {RIG_BASE + RIG_ARENA - 8, 16};
    assert_true(vq_driver_add(q, &nowhere, 0, 1) >= 0);
    assert_int_equal(vq_queue_submit(q, &rig.loop.transport, 0), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_driver_get(q, &done, 1), 0);
    assert_int_equal(r.dev.model.ops->queue_broken(&r.dev.model, 0), VQ_BROKEN_ADDRESS);
    assert_true(vq_transport_needs_reset(&rig.loop.transport));
    assert_int_equal(vq_rng_driver_close(&r.driver), VQ_OK);
    assert_int_equal(rng_open(*state), VQ_OK);
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE + at, 8, 0, NULL), VQ_OK);
}

/* No byte that one buffer got is seen again in another. */
static void no_byte_twice(void **state)
{
    rng_start(*state, 0);
    uint32_t at = rig_take(64);
    r.piece = 1;
    uint64_t total = 0;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(rng_ask(at, 1 + i % 7), VQ_OK);
        (void)vq_loopback_run(&rig.loop);
        assert_int_equal(vq_rng_driver_reap(&r.driver, r.done, 1), 1);
        total += r.done[0].bytes;
        assert_int_equal(total, r.drawn);
        assert_int_equal(r.dev.first, 0);
    }
}

/* A source that claims more than it was asked for. */
static size_t boasts(void *context, uint8_t *bytes, size_t count)
{
    (void)context;
    for (size_t i = 0; i < count; i++)
        bytes[i] = 7;
    return count + 5;
}

static void boasting_source(void **state)
{
    rng_start(*state, 0);
    r.dev.config.source = boasts;
    uint32_t at = rig_take(64);
    for (uint32_t bytes = 1; bytes < 5; bytes++) {
        assert_int_equal(rng_ask(at, bytes), VQ_OK);
        (void)vq_loopback_run(&rig.loop);
        struct vq_done done;
        assert_int_equal(vq_driver_get(&r.driver.ring, &done, 1), 1);
        assert_int_equal(done.reported, bytes);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_EACH_WAY(lengths, "used lengths beyond the buffer, and of nothing"),
        RIG_EACH_WAY(never_a_byte, "a device that answers and gives nothing"),
        VQ_TEST_STATE(never_an_answer, &rig_split, "a device that notifies and does not answer"),
        VQ_TEST(strict, "a strict driver breaks its queue, and a reset mends it"),
        RIG_EACH_WAY(odd_buffers, "buffers that are no buffers for entropy [BUG-33]"),
        RIG_EACH_WAY(boasting_source, "a source that claims more than it was asked for"),
        RIG_EACH_WAY(no_byte_twice, "no random byte is given twice"),
    };
    return VQ_RUN(tests);
}
