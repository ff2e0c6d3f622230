/* The rows of the entropy device, each end against one that the test speaks for. */
#include "rng_rig.h"

static void writable_only(void **state)
{
    struct hand_buffer b;
    rng_by_hand(*state);
    uint32_t at = rig_take(64);
    for (unsigned i = 1; i <= RNG_SIZE; i++)
        assert_int_equal(rng_ask(at, i), VQ_OK);
    for (unsigned i = 1; i <= RNG_SIZE; i++) {
        assert_true(hand_pop(&r.hand, 0, &b));
        assert_int_equal(b.buffer.readable, 0);
        assert_int_equal(b.buffer.writable, 1);
        assert_int_equal(b.buffer.writable_bytes, i);
    }
}

/* Gives 5 bytes of whatever is asked for. */
static void serve_five(struct hand *hand, uint16_t index)
{
    struct hand_buffer b;
    while (hand_pop(hand, index, &b)) {
        uint32_t n = b.segments[0].bytes < 5 ? (uint32_t)b.segments[0].bytes : 5;
        memset(b.segments[0].base, 3, n);
        hand_push(hand, index, &b, n);
    }
}

static void used_length(void **state)
{
    struct hand_buffer b;
    uint32_t got = 0;
    rng_by_hand(*state);
    uint32_t at = rig_take(64);
    assert_int_equal(rng_ask(at, 32), VQ_OK);
    assert_true(hand_pop(&r.hand, 0, &b));
    memset(b.segments[0].base, 3, 32);
    hand_push(&r.hand, 0, &b, 7); /* wrote more than it says: what it does not say is not there */
    assert_int_equal(vq_rng_driver_reap(&r.driver, r.done, RNG_SIZE), 1);
    assert_int_equal(r.done[0].bytes, 7);

    r.hand.serve = serve_five;
    at = rig_take(64);
    assert_int_equal(vq_rng_driver_fill(&r.driver, RIG_BASE + at, 23, 0, &got), VQ_OK);
    assert_int_equal(got, 23);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(rig_arena[at + i], i < 23 ? 3 : 0x11);
}

static void at_least_one(void **state)
{
    rng_start(*state, 0);
    uint32_t at = rig_take(64);
    r.available = 0;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(rng_ask(at, 16), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_rng_driver_reap(&r.driver, r.done, RNG_SIZE), 0);
    /* One byte now and then: each buffer gets its own. */
    for (unsigned i = 0; i < 4; i++) {
        r.available = 1;
        (void)vq_loopback_run(&rig.loop);
        assert_int_equal(vq_rng_driver_reap(&r.driver, r.done, RNG_SIZE), 1);
        assert_int_equal(r.done[0].bytes, 1);
    }
    assert_int_equal(r.drawn, 4);
}

static void less_than_all(void **state)
{
    rng_start(*state, 10);
    uint32_t at = rig_take(64);
    assert_int_equal(rng_ask(at, 32), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_rng_driver_reap(&r.driver, r.done, RNG_SIZE), 1);
    assert_int_equal(r.done[0].bytes, 10);
    rng_expect(at, 10, 32);
    r.piece = 3; /* a source that gives little at a time: the byte drawn before, and a piece */
    at = rig_take(64);
    assert_int_equal(rng_ask(at, 32), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_rng_driver_reap(&r.driver, r.done, RNG_SIZE), 1);
    assert_int_equal(r.done[0].bytes, 4);
    rng_expect(at, 4, 32);

    /* In pieces of a buffer: those behind the first that is not full stay empty. */
    struct vq_done done;
    at = rig_take(64);
    const struct vq_element pieces[] = {
        {RIG_BASE + at, 2}, {RIG_BASE + at + 2, 8}, {RIG_BASE + at + 10, 8}};
    assert_true(vq_driver_add(&r.driver.ring, pieces, 0, 3) >= 0);
    assert_int_equal(vq_queue_submit(&r.driver.ring, &rig.loop.transport, 0), VQ_OK);
    (void)vq_loopback_run(&rig.loop);
    assert_int_equal(vq_driver_get(&r.driver.ring, &done, 1), 1);
    assert_int_equal(done.written, 5);
    rng_expect(at, 5, 18);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_EACH_WAY(writable_only, "the driver gives buffers to be written only [RNG-DRV-OP-01]"),
        RIG_EACH_WAY(used_length, "what counts is how much the device says [RNG-DRV-OP-02]"),
        RIG_EACH_WAY(at_least_one, "each buffer gets a byte at least [RNG-DEV-OP-01]"),
        RIG_EACH_WAY(less_than_all, "a buffer may get less than it has room for [RNG-DEV-OP-02]"),
    };
    return VQ_RUN(tests);
}
