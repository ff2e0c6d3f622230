/*
 * The entropy driver: fetches bytes, first by many small requests at a time, then by one
 * call, and sees that all of them were written and that they are not all equal. Whether
 * they are random it cannot tell.
 */
#include <vq/rng_driver.h>

#include "rings.h"
#include "test.h"
#include "text.h"

#define BYTES   512u
#define PIECE   24u
#define DROUGHT 16u /* answers without a byte, one after another */
#define VALUES  64u /* different bytes that are seen among 512 random ones, with certainty */

static uint8_t bytes[BYTES];
static bool waiting; /* for interrupts */

static const char *varied(void)
{
    static bool seen[256];
    unsigned values = 0;
    for (unsigned i = 0; i < 256; i++)
        seen[i] = false;
    for (unsigned i = 0; i < BYTES; i++) {
        values += !seen[bytes[i]];
        seen[bytes[i]] = true;
        bytes[i] = 0;
    }
    say_number(" values=", values);
    return values < VALUES ? "the bytes are hardly random" : NULL;
}

/* The tag of a request is where in the array its bytes go. */
static const char *many(struct vq_rng_driver *rng, unsigned *together)
{
    uint32_t next = 0, got = 0;
    unsigned dry = 0;
    test_patience_begin();
    while (got < BYTES) {
        struct vq_rng_driver_done done[8];
        while (next < BYTES) {
            uint32_t size = BYTES - next < PIECE ? BYTES - next : PIECE;
            enum vq_error error = vq_rng_driver_prepare(rng, (uintptr_t)bytes + next, size, next);
            if (error == VQ_ERR_FULL)
                break;
            if (error != VQ_OK)
                return vq_error_text(error);
            next += size;
        }
        if (vq_rng_driver_in_flight(rng) > *together)
            *together = vq_rng_driver_in_flight(rng);
        if (vq_rng_driver_submit(rng) != VQ_OK)
            return "submit failed";
        if (waiting && vq_rng_driver_wait(rng, -1) != VQ_OK)
            return "no interrupt comes";
        size_t n = vq_rng_driver_reap(rng, done, 8);
        for (size_t i = 0; i < n; i++) {
            /* What is missing of a piece is asked for again by the call that follows. */
            dry = done[i].bytes == 0 ? dry + 1 : 0;
            got += (uint32_t)done[i].tag + PIECE > BYTES ? BYTES - (uint32_t)done[i].tag : PIECE;
        }
        if (dry == DROUGHT)
            return "the device gives nothing";
        if (vq_rng_driver_broken(rng) != VQ_NOT_BROKEN)
            return vq_broken_text(vq_rng_driver_broken(rng));
        if (test_patience_over())
            return "a request has no answer";
    }
    return varied();
}

static const char *exercise(struct vq_rng_driver *rng)
{
    unsigned together = 0;
    uint32_t got;
    const char *wrong = many(rng, &together);
    say_number(" together=", together);
    if (wrong != NULL)
        return wrong;
    enum vq_error error = vq_rng_driver_fill(rng, (uintptr_t)bytes, BYTES, waiting ? -1 : 0, &got);
    say_number(" bytes=", got);
    if (error != VQ_OK)
        return vq_error_text(error);
    return varied();
}

const char *test_entropy(struct vq_transport *t, const struct test_wish *wish)
{
    static struct vq_rng_driver rng;
    struct vq_rng_driver_options options = {
        .queue_size = wish->queue_size,
        .memory = rings_memory,
        .slots = rings_take(wish->queue_size * sizeof(struct vq_driver_slot)),
        .tags = rings_take(wish->queue_size * sizeof(uint64_t)),
        .without = wish->without,
        .strict = true,
    };
    struct vq_init_result result;
    if (vq_rng_driver_open(&rng, t, &options, &result) != VQ_OK)
        return test_refused(&result);
    test_features(t);
    waiting = wish->interrupts;
    const char *wrong = exercise(&rng);
    if (wrong == NULL)
        wrong = test_interrupted(t, wish);
    if (wish->hold)
        return wrong;
    if (vq_rng_driver_close(&rng) != VQ_OK && wrong == NULL)
        wrong = "the device does not reset";
    return wrong;
}
