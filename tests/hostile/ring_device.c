/*
 * What drivers did to the devices of others, done to the device's end of a split
 * ring, modern and legacy, in both orders of bytes. Each case ends in a queue that
 * is broken for the right reason and gives back what it took, or in a buffer, where
 * the specification allows what others refused.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE */
#include "queue_pair.h"

#include <string.h>
#include <sys/mman.h>

enum { SIZE = 8 };

/* Modern; legacy in one block, of a little- and of a big-endian driver. */
static struct queue_pair pair_of(unsigned kind)
{
    struct queue_pair p;
    pair_open(&p, (struct pair_options){.big = kind == 2,
                                        .legacy_align = kind ? 64 : 0,
                                        .size = SIZE,
                                        .indirect = true,
                                        .start = 65533,
                                        .regions = 2});
    p.device.memory = &p.memory;
    return p;
}

/* The memory table stands in the pair, which was moved by the return. */
#define FOR_EACH_RING(p)                                                                           \
    for (unsigned kind = 0; kind < 3; kind++)                                                      \
        for (struct queue_pair p = pair_of(kind), *once = &p;                                      \
             once && (p.device.memory = &p.memory) && (p.buffer.segments = p.segments);            \
             pair_close(&p), once = NULL)

/* Refused now and ever after, in bounded work; what was taken before goes back. */
static void refused(struct queue_pair *p, uint16_t head, enum vq_broken reason)
{
    uint16_t before, good = (uint16_t)(head == 7 ? 6 : 7);

    pair_chain(p, good, PAIR_DATA, 1, 0, 0);
    pair_offer(p, good);
    pair_offer(p, head);
    EXPECT(p, pair_pop(p));
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(p, !pair_pop(p));
        EXPECT_EQ(p, vq_device_broken(&p->device), reason);
        EXPECT(p, !vq_device_pending(&p->device));
        EXPECT(p, !vq_device_enable_notifications(&p->device));
    }
    before = pair_get(p, PAIR_USED_IDX);
    EXPECT(p, pair_push(p, good, 0));
    EXPECT(p, vq_device_publish(&p->device));
    EXPECT_EQ(p, pair_get(p, PAIR_USED_IDX), (uint16_t)(before + 1));
    EXPECT_EQ(p, p->device.outstanding, 0);
}

static void chain_leaves_table(void **state)
{
    static const uint16_t nexts[] = {SIZE, SIZE + 1, 0x7fff, 0x8000, 0xffff};
    (void)state;
    for (size_t i = 0; i < sizeof(nexts) / sizeof(nexts[0]); i++)
        FOR_EACH_RING(p)
        {
            pair_chain(&p, 0, PAIR_DATA, 1, PAIR_NEXT, nexts[i]);
            refused(&p, 0, VQ_BROKEN_NEXT_RANGE);
        }
}

static void chain_in_a_circle(void **state)
{
    (void)state;
    for (uint32_t bytes = 0; bytes < 2; bytes++)
        for (uint16_t length = 1; length <= SIZE; length++)
            FOR_EACH_RING(p)
            {
                for (uint16_t i = 0; i < length; i++)
                    pair_chain(&p, i, PAIR_DATA, bytes, PAIR_NEXT, (uint16_t)((i + 1) % length));
                pair_offer(&p, 0);
                EXPECT(&p, !pair_pop(&p));
                EXPECT_EQ(&p, vq_device_broken(&p.device), VQ_BROKEN_CHAIN_LOOP);
                EXPECT(&p, !pair_pop(&p));
            }
}

/* Longer and shorter than the queue: the bound inside a table is the table's. */
static void table_in_a_circle(void **state)
{
    static const uint16_t lengths[] = {1, 2, SIZE - 1, SIZE, SIZE + 1, 40};
    (void)state;
    for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++)
        for (unsigned after = 0; after < 2; after++)
            FOR_EACH_RING(p)
            {
                uint16_t n = lengths[k];
                for (uint16_t i = 0; i < n; i++)
                    pair_describe(&p, pair_host(&p, PAIR_DATA), i, PAIR_DATA, 1, PAIR_NEXT,
                                  (uint16_t)((i + 1) % n));
                pair_chain(&p, 0, PAIR_DATA, 1, PAIR_NEXT, 1);
                pair_chain(&p, 1, PAIR_DATA, 16u * n, PAIR_INDIRECT, 0);
                refused(&p, after ? 0 : 1, VQ_BROKEN_CHAIN_LOOP);
            }
}

static void table_entry_leaves_table(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        /* 3 would be inside the queue's own table. */
        pair_describe(&p, pair_host(&p, PAIR_DATA), 0, PAIR_DATA, 1, PAIR_NEXT, 3);
        pair_chain(&p, 0, PAIR_DATA, 3 * 16, PAIR_INDIRECT, 0);
        refused(&p, 0, VQ_BROKEN_NEXT_RANGE);
    }
}

static void more_than_32_bits_of_bytes(void **state)
{
    const uint64_t giga = UINT64_C(1) << 30;
    void *much;
    (void)state;

    much = mmap(NULL, (size_t)giga, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (much == MAP_FAILED)
        VQ_SKIP("a GiB of addresses");
    for (unsigned extra = 0; extra < 2; extra++)
        FOR_EACH_RING(p)
        {
            struct vq_region region = {0, giga, much, VQ_READ | VQ_WRITE};
            struct vq_memory memory = {&region, 1};
            p.device.memory = &memory;
            for (uint16_t i = 0; i < 4; i++)
                pair_chain(&p, i, 0, (uint32_t)giga, i < 3 || extra ? PAIR_NEXT : 0,
                           (uint16_t)(i + 1));
            pair_chain(&p, 4, 0, 1, PAIR_WRITE, 0);
            pair_offer(&p, 0);
            EXPECT_EQ(&p, pair_pop(&p), !extra);
            EXPECT_EQ(&p, vq_device_broken(&p.device),
                      extra ? VQ_BROKEN_CHAIN_BYTES : VQ_NOT_BROKEN);
            if (!extra)
                EXPECT_EQ(&p, p.buffer.readable_bytes, 4 * giga);
        }
    assert_int_equal(munmap(much, (size_t)giga), 0);
}

static void more_segments_than_room(void **state)
{
    (void)state;
    for (uint32_t room = 0; room <= SIZE; room++)
        FOR_EACH_RING(p)
        {
            /* Right behind the room that was given lies what must not be touched. */
            struct vq_segment segments[SIZE + 1];
            memset(segments, 0x5a, sizeof(segments));
            p.buffer.segments = segments;
            p.buffer.room = room;
            for (uint16_t i = 0; i < SIZE; i++)
                pair_chain(&p, i, PAIR_DATA, 1, i + 1 < SIZE ? PAIR_NEXT : 0, (uint16_t)(i + 1));
            pair_offer(&p, 0);
            EXPECT_EQ(&p, pair_pop(&p), room == SIZE);
            EXPECT_EQ(&p, vq_device_broken(&p.device),
                      room == SIZE ? VQ_NOT_BROKEN : VQ_BROKEN_CHAIN_SEGMENTS);
            for (size_t i = 0; i < sizeof(struct vq_segment); i++)
                EXPECT_EQ(&p, ((uint8_t *)&segments[room])[i], 0x5a);
        }
}

/* Direct ones and those of a table count together. */
static void table_drives_past_room(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        for (uint16_t i = 0; i < 40; i++)
            pair_describe(&p, pair_host(&p, PAIR_DATA), i, PAIR_DATA, 1, i < 39 ? PAIR_NEXT : 0,
                          (uint16_t)(i + 1));
        for (uint16_t i = 0; i < 4; i++)
            pair_chain(&p, i, PAIR_DATA, 1, PAIR_NEXT, (uint16_t)(i + 1));
        pair_chain(&p, 4, PAIR_DATA, 40 * 16, PAIR_INDIRECT, 0);
        p.buffer.room = 44;
        pair_offer(&p, 0);
        EXPECT(&p, pair_pop(&p));
        EXPECT(&p, pair_push(&p, 0, 0));
        p.buffer.room = 43;
        pair_offer(&p, 0);
        EXPECT(&p, !pair_pop(&p));
        EXPECT_EQ(&p, vq_device_broken(&p.device), VQ_BROKEN_CHAIN_SEGMENTS);
    }
}

/* size entries in the ring are a full ring, not an empty one. */
static void full_is_not_empty(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        for (uint16_t i = 0; i < SIZE; i++)
            pair_chain(&p, i, PAIR_DATA, 1, 0, 0);
        for (uint16_t i = 0; i < SIZE; i++)
            pair_offer(&p, i);
        for (uint16_t i = 0; i < SIZE; i++)
            EXPECT(&p, pair_pop(&p));
        EXPECT_EQ(&p, p.device.outstanding, SIZE);
    }
}

static void table_at_an_odd_address(void **state)
{
    (void)state;
    for (unsigned odd = 0; odd < 16; odd++)
        FOR_EACH_RING(p)
        {
            pair_describe(&p, pair_host(&p, PAIR_DATA + odd), 0, PAIR_DATA + 1, 3, 0, 0);
            pair_chain(&p, 0, PAIR_DATA + odd, 16, PAIR_INDIRECT, 0);
            pair_offer(&p, 0);
            EXPECT(&p, pair_pop(&p));
            EXPECT_EQ(&p, p.buffer.readable_bytes, 3);
        }
}

/* Nothing, wherever it is said to lie, is nothing: no pointer is made of its address. */
static void empty_elements(void **state)
{
    static const uint64_t where[] = {0, PAIR_DATA, UINT64_MAX, PAIR_DATA - 1};
    (void)state;
    for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++)
        FOR_EACH_RING(p)
        {
            pair_chain(&p, 0, where[i], 0, PAIR_NEXT, 1);
            pair_chain(&p, 1, PAIR_DATA, 5, PAIR_NEXT, 2);
            pair_chain(&p, 2, where[i], 0, PAIR_WRITE, 0);
            pair_offer(&p, 0);
            EXPECT(&p, pair_pop(&p));
            EXPECT_EQ(&p, p.buffer.readable, 1);
            EXPECT_EQ(&p, p.buffer.writable, 0);
            EXPECT_EQ(&p, p.segments[0].bytes, 5);
        }
}

static void table_of_no_length(void **state)
{
    static const uint32_t lengths[] = {0, 1, 15, 17, 16 * 32769, UINT32_MAX, UINT32_MAX - 15};
    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        FOR_EACH_RING(p)
        {
            pair_chain(&p, 0, PAIR_DATA, lengths[i], PAIR_INDIRECT, 0);
            refused(&p, 0, VQ_BROKEN_INDIRECT_LENGTH);
        }
}

struct range {
    uint64_t address;
    uint32_t bytes;
};

static const struct range nowhere[] = {
    {0, 1},                                  /* before everything */
    {PAIR_DATA - 1, 1},                      /* just before */
    {PAIR_DATA - 1, 2},                      /* starts before */
    {PAIR_DATA + 131072, 1},                 /* just behind */
    {PAIR_DATA + 131071, 2},                 /* ends behind */
    {PAIR_DATA, 131073},                     /* all and one more */
    {PAIR_DATA, UINT32_MAX},                 /* huge */
    {UINT64_MAX, 1},                         /* the last byte there is */
    {UINT64_MAX, 2},                         /* wraps to 0 */
    {UINT64_MAX - 5, UINT32_MAX},            /* wraps far */
    {UINT64_MAX - PAIR_DATA + 2, UINT32_MAX} /* wraps into what is mapped */
};

static void elements_nowhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
        for (uint16_t flags = 0; flags <= PAIR_WRITE; flags += PAIR_WRITE)
            FOR_EACH_RING(p)
            {
                pair_chain(&p, 0, nowhere[i].address, nowhere[i].bytes, flags, 0);
                refused(&p, 0, VQ_BROKEN_ADDRESS);
            }
}

static void tables_nowhere(void **state)
{
    static const struct range tables[] = {
        {0, 16},
        {PAIR_DATA - 16, 16},
        {PAIR_DATA - 8, 16},
        {PAIR_DATA + 131072, 16},
        {PAIR_DATA + 131071, 16},
        {UINT64_MAX - 14, 16},
        {UINT64_MAX, 16},
        {UINT64_MAX - 15, 16},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        FOR_EACH_RING(p)
        {
            pair_chain(&p, 0, tables[i].address, tables[i].bytes, PAIR_INDIRECT, 0);
            refused(&p, 0, VQ_BROKEN_ADDRESS);
        }
}

/* The first entry of the table is there, the second is not. */
static void table_ends_in_a_hole(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        uint64_t at = PAIR_DATA + 131072 - 16;
        pair_describe(&p, pair_host(&p, at), 0, PAIR_DATA, 1, PAIR_NEXT, 1);
        pair_chain(&p, 0, at, 32, PAIR_INDIRECT, 0);
        refused(&p, 0, VQ_BROKEN_ADDRESS);
    }
}

static void over_two_regions(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        pair_chain(&p, 0, PAIR_DATA + 65535, 2, 0, 0);
        pair_offer(&p, 0);
        EXPECT(&p, pair_pop(&p));
        EXPECT_EQ(&p, p.buffer.readable, 2);
        EXPECT(&p, p.segments[0].base == p.regions[0].host + 65535);
        EXPECT_EQ(&p, p.segments[0].bytes, 1);
        EXPECT(&p, p.segments[1].base == p.regions[1].host);
        EXPECT_EQ(&p, p.segments[1].bytes, 1);
    }
}

/* A region that may only be read is no place to write into, and the reverse. */
static void permissions(void **state)
{
    (void)state;
    for (uint16_t flags = 0; flags <= PAIR_WRITE; flags += PAIR_WRITE)
        FOR_EACH_RING(p)
        {
            p.regions[1].access = flags ? VQ_READ : VQ_WRITE;
            pair_chain(&p, 0, PAIR_DATA + 65535, 2, flags, 0);
            refused(&p, 0, VQ_BROKEN_ADDRESS);
        }
}

static void available_jumps(void **state)
{
    (void)state;
    for (uint32_t ahead = 0; ahead <= 65535; ahead += ahead < 20 ? 1 : 4095)
        FOR_EACH_RING(p)
        {
            for (uint16_t i = 0; i < SIZE; i++)
                pair_chain(&p, i, PAIR_DATA, 1, 0, 0);
            for (uint16_t i = 0; i < SIZE; i++)
                pair_offer(&p, i);
            pair_put(&p, PAIR_AVAIL_IDX, (uint16_t)(p.options.start + ahead));
            EXPECT_EQ(&p, pair_pop(&p), ahead >= 1 && ahead <= SIZE);
            EXPECT_EQ(&p, vq_device_broken(&p.device),
                      ahead > SIZE ? VQ_BROKEN_AVAILABLE_JUMP : VQ_NOT_BROKEN);
        }
}

/* Every jump is legal, and no buffer ever comes back: not more than the queue holds. */
static void never_more_than_the_queue(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        unsigned taken = 0;
        for (uint16_t i = 0; i < SIZE; i++)
            pair_chain(&p, i, PAIR_DATA, 1, 0, 0);
        for (unsigned i = 0; i < 100; i++) {
            pair_offer(&p, (uint16_t)(i % SIZE));
            taken += pair_pop(&p);
        }
        EXPECT_EQ(&p, taken, SIZE);
        EXPECT_EQ(&p, p.device.outstanding, SIZE);
        EXPECT_EQ(&p, vq_device_broken(&p.device), VQ_BROKEN_HEAD_IN_FLIGHT);
    }
}

static void head_twice(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        pair_chain(&p, 3, PAIR_DATA, 1, PAIR_NEXT, 4);
        pair_chain(&p, 4, PAIR_DATA, 1, 0, 0);
        pair_offer(&p, 3);
        pair_offer(&p, 3);
        EXPECT(&p, pair_pop(&p));
        EXPECT(&p, !pair_pop(&p));
        EXPECT_EQ(&p, vq_device_broken(&p.device), VQ_BROKEN_HEAD_IN_FLIGHT);
        EXPECT(&p, pair_push(&p, 3, 0));
        EXPECT(&p, !pair_push(&p, 3, 0));
        EXPECT_EQ(&p, p.device.outstanding, 0);
    }
}

/* After it was given back it may come again, at once. */
static void head_again(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        pair_chain(&p, 3, PAIR_DATA, 1, 0, 0);
        for (unsigned i = 0; i < 70000; i++) {
            pair_offer(&p, 3);
            EXPECT(&p, pair_pop(&p));
            EXPECT(&p, pair_push(&p, 3, 0));
        }
    }
}

static void head_outside(void **state)
{
    static const uint16_t heads[] = {SIZE, SIZE + 1, 0x7fff, 0x8000, 0xffff};
    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        FOR_EACH_RING(p)
    refused(&p, heads[i], VQ_BROKEN_HEAD_RANGE);
}

static void readable_after_writable(void **state)
{
    (void)state;
    for (uint32_t bytes = 0; bytes < 2; bytes++)
        for (unsigned inside = 0; inside < 2; inside++)
            FOR_EACH_RING(p)
            {
                pair_chain(&p, 0, PAIR_DATA, bytes, PAIR_WRITE | PAIR_NEXT, 1);
                pair_chain(&p, 1, PAIR_DATA, inside ? 16 : 1, inside ? PAIR_INDIRECT : 0, 0);
                pair_describe(&p, pair_host(&p, PAIR_DATA), 0, PAIR_DATA, 1, 0, 0);
                refused(&p, 0, VQ_BROKEN_CHAIN_ORDER);
            }
}

static void indirect_where_it_may_not_be(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        pair_chain(&p, 0, PAIR_DATA, 16, PAIR_INDIRECT | PAIR_NEXT, 1);
        pair_chain(&p, 1, PAIR_DATA, 1, 0, 0);
        refused(&p, 0, VQ_BROKEN_INDIRECT_NEXT);
    }
    FOR_EACH_RING(p)
    {
        pair_describe(&p, pair_host(&p, PAIR_DATA), 0, PAIR_DATA, 16, PAIR_INDIRECT, 0);
        pair_chain(&p, 0, PAIR_DATA, 16, PAIR_INDIRECT, 0);
        refused(&p, 0, VQ_BROKEN_INDIRECT_NESTED);
    }
    FOR_EACH_RING(p)
    {
        p.device.indirect = false;
        pair_chain(&p, 0, PAIR_DATA, 16, PAIR_INDIRECT, 0);
        refused(&p, 0, VQ_BROKEN_INDIRECT_REFUSED);
    }
}

/* "More than" is a window: the index that was asked for is passed, not met. */
static void signal_in_a_window(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        p.device.event_idx = true;
        for (uint16_t i = 0; i < SIZE; i++)
            pair_chain(&p, i, PAIR_DATA, 1, 0, 0);
        pair_put(&p, PAIR_USED_EVENT, 65535);
        for (uint16_t i = 0; i < SIZE; i++) {
            pair_offer(&p, i);
            EXPECT(&p, pair_pop(&p));
            EXPECT(&p, pair_push(&p, i, 0));
        }
        EXPECT(&p, vq_device_publish(&p.device));
    }
}

/* Whatever a saved state says, the queue is bounded by its own size. */
static void restored_anywhere(void **state)
{
    struct vq_random random = {93};
    (void)state;
    for (unsigned i = 0; i < 2000; i++)
        FOR_EACH_RING(p)
        {
            pair_reopen_device(&p, (uint16_t)vq_random(&random), (uint16_t)vq_random(&random));
            for (unsigned k = 0; k < 2 * SIZE && pair_pop(&p); k++)
                EXPECT(&p, p.device.outstanding <= SIZE);
            for (uint16_t id = 0; id < SIZE; id++)
                (void)pair_push(&p, id, 0);
            (void)vq_device_publish(&p.device);
            EXPECT_EQ(&p, p.device.outstanding, 0);
        }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(chain_leaves_table,
                "a next outside the table breaks the queue, once [BUG-01 BUG-02]"),
        VQ_TEST(chain_in_a_circle, "a circle ends, of empty elements too [BUG-02 BUG-03]"),
        VQ_TEST(table_in_a_circle, "a circle in a table ends at the table's length [BUG-04]"),
        VQ_TEST(table_entry_leaves_table, "a next in a table is bounded by the table [BUG-04]"),
        VQ_TEST(more_than_32_bits_of_bytes, "2^32 bytes are a buffer, one more is none [BUG-05]"),
        VQ_TEST(more_segments_than_room, "room for segments is never passed [BUG-06]"),
        VQ_TEST(table_drives_past_room, "direct and indirect segments share the room [BUG-07]"),
        VQ_TEST(full_is_not_empty, "a full ring is not an empty one [BUG-06]"),
        VQ_TEST(table_at_an_odd_address, "a table at any address is read [BUG-10]"),
        VQ_TEST(empty_elements, "an empty element is nothing, wherever it lies [BUG-11 BUG-12]"),
        VQ_TEST(table_of_no_length, "a table is not empty, not broken, not endless [BUG-08]"),
        VQ_TEST(elements_nowhere,
                "an element that is not mapped in full makes no pointer [BUG-13 BUG-14 BUG-17]"),
        VQ_TEST(tables_nowhere, "nor does a table [BUG-01 BUG-14 BUG-17]"),
        VQ_TEST(table_ends_in_a_hole, "a table may not run into a hole [BUG-14]"),
        VQ_TEST(over_two_regions, "an element over two regions is two segments [BUG-14 BUG-16]"),
        VQ_TEST(permissions, "a region is used as its access allows"),
        VQ_TEST(available_jumps, "an available index that runs ahead breaks the queue [BUG-24]"),
        VQ_TEST(never_more_than_the_queue,
                "a driver that never stops gets no more than a queue in flight [BUG-25 BUG-27]"),
        VQ_TEST(head_twice, "a head that comes twice breaks the queue [BUG-28 BUG-37]"),
        VQ_TEST(head_again, "a head that was given back may come again"),
        VQ_TEST(head_outside, "a head outside the queue breaks it [BUG-29]"),
        VQ_TEST(readable_after_writable, "a readable element after a writable one [BUG-30]"),
        VQ_TEST(indirect_where_it_may_not_be,
                "a table chained, nested or not negotiated [BUG-01 BUG-09]"),
        VQ_TEST(signal_in_a_window, "a batch that passes the wanted index signals [BUG-86]"),
        VQ_TEST(restored_anywhere, "any restored position is safe [BUG-93]"),
    };
    return VQ_RUN(tests);
}
