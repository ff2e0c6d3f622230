/*
 * What devices did to the drivers of others, done to the driver's end of a split
 * ring, modern and legacy, in both orders of bytes: ids and lengths that were never
 * sent, indices that jump, rings that are rewritten.
 */
#include "queue_pair.h"

#include <string.h>

enum { SIZE = 8 };

/* Modern; legacy in one block, of a little- and of a big-endian driver. */
static void open_pair(struct queue_pair *p, unsigned kind)
{
    pair_open(p,
              (struct pair_options){
                  .big = kind == 2, .legacy_align = kind ? 64 : 0, .size = SIZE, .start = 65533});
}

#define FOR_EACH_RING(p)                                                                           \
    for (unsigned kind = 0; kind < 3; kind++)                                                      \
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
    static const uint32_t ids[] = {SIZE, 0x7fff, 0x8000, 0xffff, 0x10000, 0x80000000, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        FOR_EACH_RING(p)
        {
            (void)pair_add_one(&p);
            pair_use(&p, ids[i], 0);
            broken_for(&p, VQ_BROKEN_USED_ID);
        }
}

/* The id of a buffer in flight, with something above its 16 bits. */
static void id_in_32_bits(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        uint32_t id = pair_add_one(&p);
        pair_use(&p, id | 0x10000, 0);
        broken_for(&p, VQ_BROKEN_USED_ID);
    }
}

static void id_not_in_flight(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        uint32_t id = pair_add_one(&p);
        pair_use(&p, (id + 1) % SIZE, 0);
        broken_for(&p, VQ_BROKEN_USED_NOT_IN_FLIGHT);
    }
    /* A descriptor in the middle of a chain is no buffer. */
    FOR_EACH_RING(p)
    {
        struct vq_element e[3] = {{PAIR_DATA, 1}, {PAIR_DATA, 1}, {PAIR_DATA, 1}};
        int id = vq_driver_add(&p.driver, e, 3, 0);
        (void)vq_driver_publish(&p.driver);
        pair_use(&p, pair_descriptor(&p, p.driver_config.descriptor_area, (uint32_t)id).next, 0);
        broken_for(&p, VQ_BROKEN_USED_NOT_IN_FLIGHT);
    }
    /* Twice. */
    FOR_EACH_RING(p)
    {
        struct vq_done done;
        uint32_t id = pair_add_one(&p);
        (void)pair_add_one(&p);
        pair_use(&p, id, 0);
        pair_use(&p, id, 0);
        EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 1);
        broken_for(&p, VQ_BROKEN_USED_NOT_IN_FLIGHT);
    }
}

/* One that the driver has added and the device cannot know: rolled back, it would be free twice. */
static void id_not_published(void **state)
{
    (void)state;
    for (unsigned packed = 0; packed < 2; packed++)
        for (unsigned big = 0; big < 2 - packed; big++) {
            struct vq_element e[2] = {{PAIR_DATA, 1}, {PAIR_DATA, 1}};
            struct queue_pair p;
            pair_open(&p, (struct pair_options){.format = packed ? PAIR_PACKED : PAIR_SPLIT,
                                                .big = big,
                                                .size = SIZE});
            (void)pair_add_one(&p);
            for (unsigned i = 0; i < 3; i++) {
                int id = vq_driver_add(&p.driver, e, 2, 0);
                if (i == 1 && packed)
                    pair_describe(&p, p.driver_config.descriptor_area, 0, PAIR_DATA, 0,
                                  (uint16_t)id, 0x8080);
                else if (i == 1)
                    pair_use(&p, (uint32_t)id, 0);
            }
            broken_for(&p, VQ_BROKEN_USED_NOT_IN_FLIGHT);
            vq_driver_rollback(&p.driver);
            EXPECT_EQ(&p, vq_driver_free(&p.driver), SIZE - 1);
            pair_close(&p);
        }
}

static void used_jumps(void **state)
{
    (void)state;
    for (uint32_t ahead = 0; ahead <= 65535; ahead += ahead < 20 ? 1 : 4095)
        FOR_EACH_RING(p)
        {
            struct vq_done done;
            uint16_t id[3];
            for (unsigned i = 0; i < 3; i++)
                id[i] = pair_add_one(&p);
            for (unsigned i = 0; i < 3; i++)
                pair_use(&p, id[i], 0);
            pair_put(&p, PAIR_USED_IDX, (uint16_t)(p.options.start + ahead));
            EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), ahead >= 1 && ahead <= 3);
            EXPECT_EQ(&p, vq_driver_broken(&p.driver),
                      ahead > 3 ? VQ_BROKEN_USED_JUMP : VQ_NOT_BROKEN);
        }
}

/* What was added and not published cannot have been used. */
static void used_before_published(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        struct vq_element e = {PAIR_DATA, 1};
        int id = vq_driver_add(&p.driver, &e, 1, 0);
        pair_use(&p, (uint32_t)id, 0);
        broken_for(&p, VQ_BROKEN_USED_JUMP);
    }
}

static void length_beyond(void **state)
{
    static const uint32_t lengths[] = {0, 6, 7, 8, 0x7fffffff, 0x80000000, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        FOR_EACH_RING(p)
        {
            struct vq_element e[3] = {{PAIR_DATA, 100}, {PAIR_DATA, 3}, {PAIR_DATA, 4}};
            struct vq_done done;
            int id = vq_driver_add(&p.driver, e, 1, 2);
            (void)vq_driver_publish(&p.driver);
            pair_use(&p, (uint32_t)id, lengths[i]);
            EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 1);
            EXPECT_EQ(&p, done.written, lengths[i] < 7 ? lengths[i] : 7);
            EXPECT_EQ(&p, done.reported, lengths[i]);
        }
}

/* 2^32 writable bytes and a length that says as much as 32 bits can. */
static void length_of_all(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        struct vq_element e[2] = {{0, UINT32_MAX}, {0, 1}};
        struct vq_done done;
        int id = vq_driver_add(&p.driver, e, 0, 2);
        (void)vq_driver_publish(&p.driver);
        pair_use(&p, (uint32_t)id, UINT32_MAX);
        EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 1);
        EXPECT_EQ(&p, done.written, UINT32_MAX);
    }
}

/* Random bytes over all three parts after every step: what comes back is what was sent. */
static void rewritten_rings(void **state)
{
    struct vq_random random = {90};
    (void)state;
    for (unsigned run = 0; run < 200; run++)
        FOR_EACH_RING(p)
        {
            bool live[SIZE] = {false};
            unsigned held = 0;
            for (unsigned step = 0; step < 200; step++) {
                struct vq_element e[4] = {
                    {PAIR_DATA, 4}, {PAIR_DATA, 4}, {PAIR_DATA, 4}, {PAIR_DATA, 4}};
                unsigned count = 1 + vq_random_below(&random, 4);
                struct vq_done done[SIZE];
                size_t n;
                int id = vq_driver_add(&p.driver, e, count / 2, count - count / 2);
                if (id >= 0) {
                    EXPECT(&p, id < SIZE && !live[id]);
                    live[id] = true;
                    held += count;
                }
                (void)vq_driver_publish(&p.driver);
                for (size_t i = 0; i < p.descriptor_bytes; i++)
                    ((uint8_t *)p.driver_config.descriptor_area)[i] = (uint8_t)vq_random(&random);
                for (size_t i = 0; i < p.driver_bytes; i++)
                    ((uint8_t *)p.driver_config.driver_area)[i] = (uint8_t)vq_random(&random);
                pair_use(&p, vq_random_below(&random, SIZE), (uint32_t)vq_random(&random));
                n = vq_driver_get(&p.driver, done, SIZE);
                for (size_t i = 0; i < n; i++) {
                    EXPECT(&p, done[i].id < SIZE && live[done[i].id]);
                    EXPECT(&p, done[i].written <= 8);
                    live[done[i].id] = false;
                }
                EXPECT(&p, vq_driver_free(&p.driver) <= SIZE);
                if (vq_driver_broken(&p.driver))
                    break;
            }
            (void)held;
        }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(id_outside, "a used id outside the queue breaks it [BUG-87]"),
        VQ_TEST(id_in_32_bits, "a used id is compared in its own 32 bits [BUG-87]"),
        VQ_TEST(id_not_in_flight, "a used id must be a buffer in flight [BUG-87]"),
        VQ_TEST(id_not_published, "a used id must be a buffer that was published [BUG-87]"),
        VQ_TEST(used_jumps, "a used index that runs ahead breaks the queue"),
        VQ_TEST(used_before_published, "nothing is used that was never published"),
        VQ_TEST(length_beyond,
                "a used length never passes what was writable [BUG-87 BUG-88 BUG-89]"),
        VQ_TEST(length_of_all, "2^32 bytes are clamped to what a length can say [BUG-88]"),
        VQ_TEST(rewritten_rings, "a device that rewrites the rings gets nothing by it [BUG-90]"),
    };
    return VQ_RUN(tests);
}
