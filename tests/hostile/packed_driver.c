/*
 * What devices did to the drivers of others, done to the driver's end of a packed
 * ring: ids and lengths that were never sent, slots that become used too early,
 * rings that are rewritten.
 */
#include "queue_pair.h"

#include <string.h>

enum { SIZE = 6, KINDS = 10 };

static void open_pair(struct queue_pair *p, unsigned kind)
{
    static const uint16_t starts[KINDS / 2] = {0, SIZE - 1, 2 * SIZE - 1, SIZE, 2};
    pair_open(p, (struct pair_options){.format = PAIR_PACKED,
                                       .size = SIZE,
                                       .start = starts[kind / 2],
                                       .in_order = kind % 2});
}

#define FOR_EACH_RING(p)                                                                           \
    for (unsigned kind = 0; kind < KINDS; kind++)                                                  \
        for (struct queue_pair p, *once = (open_pair(&p, kind), &p); once;                         \
             pair_close(&p), once = NULL)

static void broken_for(struct queue_pair *p, enum vq_broken reason)
{
    struct vq_element e = {PAIR_DATA, 1};
    struct vq_done done;

    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 0);
        EXPECT_EQ(p, vq_driver_broken(&p->driver), reason);
        EXPECT(p, !vq_driver_pending(&p->driver));
        EXPECT_EQ(p, vq_driver_add(&p->driver, &e, 1, 0), VQ_ERR_BROKEN);
    }
}

static void id_outside(void **state)
{
    static const uint16_t ids[] = {SIZE, SIZE + 1, 8, 0x7fff, 0x8000, 0xffff};
    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        FOR_EACH_RING(p)
        {
            (void)pair_add_one(&p);
            pair_use_slot(&p, ids[i], 0, 0, 1);
            broken_for(&p, VQ_BROKEN_USED_ID);
        }
}

static void id_not_in_flight(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        uint16_t id = pair_add_one(&p);
        pair_use_slot(&p, (uint16_t)((id + 1) % SIZE), 0, 0, 1);
        broken_for(&p, VQ_BROKEN_USED_NOT_IN_FLIGHT);
    }
    /* Twice. */
    FOR_EACH_RING(p)
    {
        struct vq_done done;
        uint16_t id = pair_add_one(&p);
        (void)pair_add_one(&p);
        pair_use_slot(&p, id, 0, 0, 1);
        pair_use_slot(&p, id, 0, 0, 1);
        EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 1);
        broken_for(&p, VQ_BROKEN_USED_NOT_IN_FLIGHT);
    }
}

/* Nothing is outstanding, and the next slot says that it is used. */
static void used_out_of_nothing(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        struct vq_done done;
        for (uint16_t id = 0; id < SIZE; id++)
            pair_use_slot(&p, id, 1, PAIR_WRITE, 1);
        EXPECT(&p, !vq_driver_pending(&p.driver));
        EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 0);
        EXPECT_EQ(&p, vq_driver_broken(&p.driver), VQ_NOT_BROKEN);
    }
}

/* One buffer of one slot is published, one of three is not, and that one is used. */
static void used_before_published(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        struct vq_element e[3] = {{PAIR_DATA, 1}, {PAIR_DATA, 1}, {PAIR_DATA, 1}};
        struct vq_done done[2];
        int id;

        (void)pair_add_one(&p);
        id = vq_driver_add(&p.driver, e, 0, 3);
        EXPECT(&p, id >= 0);
        pair_use_slot(&p, (uint16_t)id, 1, PAIR_WRITE, 1);
        (void)vq_driver_get(&p.driver, done, 2);
        EXPECT_EQ(&p, vq_driver_broken(&p.driver), VQ_BROKEN_USED_NOT_IN_FLIGHT);
    }
}

/* Slots are handed out by what each id took, whatever the device makes of it. */
static void used_out_of_order(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        struct vq_element e[3] = {{PAIR_DATA, 1}, {PAIR_DATA, 1}, {PAIR_DATA, 1}};
        struct vq_done done;
        int first, second;

        if (p.options.in_order)
            continue;
        for (unsigned i = 0; i < 4 * SIZE; i++) {
            first = vq_driver_add(&p.driver, e, 3, 0);
            second = vq_driver_add(&p.driver, e, 1, 0);
            (void)vq_driver_publish(&p.driver);
            pair_use_slot(&p, (uint16_t)second, 0, 0, 1);
            pair_use_slot(&p, (uint16_t)first, 0, 0, 3);
            EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 1);
            EXPECT_EQ(&p, done.id, second);
            EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 1);
            EXPECT_EQ(&p, done.id, first);
        }
    }
}

static void length_beyond(void **state)
{
    static const uint32_t lengths[] = {0, 6, 7, 8, 0x7fffffff, 0x80000000, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        for (unsigned strict = 0; strict < 2; strict++)
            FOR_EACH_RING(p)
            {
                struct vq_element e[3] = {{PAIR_DATA, 100}, {PAIR_DATA, 3}, {PAIR_DATA, 4}};
                struct vq_done done;
                int id = vq_driver_add(&p.driver, e, 1, 2);

                p.driver.strict = strict;
                (void)vq_driver_publish(&p.driver);
                pair_use_slot(&p, (uint16_t)id, lengths[i], PAIR_WRITE, 3);
                if (strict && lengths[i] > 7) {
                    broken_for(&p, VQ_BROKEN_USED_LENGTH);
                    continue;
                }
                EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 1);
                EXPECT_EQ(&p, done.written, lengths[i] < 7 ? lengths[i] : 7);
                EXPECT_EQ(&p, done.reported, lengths[i]);
            }
}

static void length_of_all(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        struct vq_element e[2] = {{0, UINT32_MAX}, {0, 1}};
        struct vq_done done;
        int id = vq_driver_add(&p.driver, e, 0, 2);
        (void)vq_driver_publish(&p.driver);
        pair_use_slot(&p, (uint16_t)id, UINT32_MAX, PAIR_WRITE, 2);
        EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 1);
        EXPECT_EQ(&p, done.written, UINT32_MAX);
    }
}

/* Random bytes over all three parts after every step: what comes back is what was sent. */
static void rewritten_rings(void **state)
{
    static const struct vq_element e[4] = {
        {PAIR_DATA, 4}, {PAIR_DATA, 4}, {PAIR_DATA, 4}, {PAIR_DATA, 4}};
    struct vq_random random = {90};
    unsigned taken = 0;
    (void)state;

    for (unsigned run = 0; run < 300; run++)
        FOR_EACH_RING(p)
        {
            bool live[SIZE] = {false};
            for (unsigned step = 0; step < 100 && !vq_driver_broken(&p.driver); step++) {
                unsigned count = 1 + vq_random_below(&random, 4);
                struct vq_done done[SIZE];
                uint16_t at;
                size_t n;
                int id = vq_driver_add(&p.driver, e, count / 2, count - count / 2);

                if (id >= 0) {
                    EXPECT(&p, id < SIZE && !live[id]);
                    live[id] = true;
                }
                (void)vq_driver_publish(&p.driver);
                for (size_t i = 0; i < p.descriptor_bytes; i++)
                    ((uint8_t *)p.driver_config.descriptor_area)[i] = (uint8_t)vq_random(&random);
                pair_put_wish(&p, false, (uint32_t)vq_random(&random));
                /* Mostly a buffer that is in flight, or nothing would be. */
                at = p.driver.next_used;
                id = (int)vq_random_below(&random, SIZE);
                for (unsigned k = 0; k < SIZE && !live[id]; k++)
                    id = (id + 1) % SIZE;
                p.raw_used = at;
                pair_use_slot(&p, (uint16_t)id, (uint32_t)vq_random(&random), PAIR_WRITE, 1);
                n = vq_driver_get(&p.driver, done, SIZE);
                for (size_t i = 0; i < n; i++) {
                    EXPECT(&p, done[i].id < SIZE && live[done[i].id]);
                    EXPECT(&p, done[i].written <= 8);
                    live[done[i].id] = false;
                    taken++;
                }
                EXPECT(&p, vq_driver_free(&p.driver) <= SIZE);
            }
        }
    assert_true(taken > 3000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(id_outside, "a used id outside the queue breaks it [BUG-60 BUG-87]"),
        VQ_TEST(id_not_in_flight, "a used id must be a buffer in flight [BUG-60 BUG-87]"),
        VQ_TEST(used_out_of_nothing, "with nothing outstanding no slot is looked at [BUG-62]"),
        VQ_TEST(used_before_published, "nothing is used that was never published [BUG-87]"),
        VQ_TEST(used_out_of_order, "each id goes on by the slots that it took [BUG-63]"),
        VQ_TEST(length_beyond,
                "a used length never passes what was writable [BUG-87 BUG-88 BUG-89]"),
        VQ_TEST(length_of_all, "2^32 bytes are clamped to what a length can say [BUG-88]"),
        VQ_TEST(rewritten_rings, "a device that rewrites the ring gets nothing by it [BUG-90]"),
    };
    return VQ_RUN(tests);
}
