/*
 * What drivers did to the devices of others, done to the device's end of a packed
 * ring: at sizes that are no power of two, from positions around both wraps. Each
 * case ends in a queue that is broken for the right reason and gives back what it
 * took, or in a buffer, where the specification allows what others refused.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE */
#include "queue_pair.h"

#include <string.h>
#include <sys/mman.h>

enum { SIZE = 6, KINDS = 5 };

static void open_pair(struct queue_pair *p, unsigned kind)
{
    static const uint16_t starts[KINDS] = {0, SIZE - 1, 2 * SIZE - 1, SIZE, 2};
    pair_open(p, (struct pair_options){.format = PAIR_PACKED,
                                       .size = SIZE,
                                       .indirect = true,
                                       .start = starts[kind],
                                       .regions = 2});
}

#define FOR_EACH_RING(p)                                                                           \
    for (unsigned kind = 0; kind < KINDS; kind++)                                                  \
        for (struct queue_pair p, *once = (open_pair(&p, kind), &p); once;                         \
             pair_close(&p), once = NULL)

static void offer(struct queue_pair *p, uint16_t id)
{
    pair_offer_slot(p, PAIR_DATA, 1, id, 0);
}

/* A good buffer to begin with, of which every case sees that it comes home. */
static void begin(struct queue_pair *p)
{
    offer(p, 3);
    EXPECT(p, pair_pop(p));
}

/* What was offered after `begin` is refused now and ever after, in bounded work. */
static void refused(struct queue_pair *p, enum vq_broken reason)
{
    uint16_t at = p->raw_used;

    for (unsigned i = 0; i < 3; i++) {
        EXPECT(p, !pair_pop(p));
        EXPECT_EQ(p, vq_device_broken(&p->device), reason);
        EXPECT(p, !vq_device_pending(&p->device));
        EXPECT(p, !vq_device_enable_notifications(&p->device));
    }
    EXPECT(p, pair_push(p, 3, 0));
    EXPECT(p, !pair_push(p, 3, 0));
    EXPECT(p, vq_device_publish(&p->device));
    EXPECT_EQ(p, pair_slot(p, at & 0x7fffu).id, 3);
    EXPECT_EQ(p, pair_slot(p, at & 0x7fffu).flags, pair_used_flags(at));
    EXPECT_EQ(p, p->device.outstanding, 0);
}

/* Each slot says that the list goes on, the ring round, with something in them or nothing. */
static void list_without_end(void **state)
{
    (void)state;
    for (uint32_t bytes = 0; bytes < 2; bytes++)
        FOR_EACH_RING(p)
        {
            begin(&p);
            for (unsigned i = 0; i < SIZE; i++)
                pair_offer_slot(&p, PAIR_DATA, bytes, 1, PAIR_NEXT);
            refused(&p, VQ_BROKEN_CHAIN_LOOP);
        }
}

/* All slots for one list is as long as a list may be. */
static void list_of_all(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        for (unsigned round = 0; round < 5; round++) {
            for (unsigned i = 0; i < SIZE; i++)
                pair_offer_slot(&p, PAIR_DATA, 1, 0, i + 1 < SIZE ? PAIR_NEXT : 0);
            EXPECT(&p, pair_pop(&p));
            EXPECT_EQ(&p, p.buffer.readable, SIZE);
            EXPECT(&p, pair_push(&p, 0, 0));
            (void)vq_device_publish(&p.device);
        }
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
                pair_offer_slot(&p, 0, (uint32_t)giga, 1, i < 3 || extra ? PAIR_NEXT : 0);
            if (extra)
                pair_offer_slot(&p, 0, 1, 1, PAIR_WRITE);
            EXPECT_EQ(&p, pair_pop(&p), !extra);
            EXPECT_EQ(&p, vq_device_broken(&p.device),
                      extra ? VQ_BROKEN_CHAIN_BYTES : VQ_NOT_BROKEN);
        }
    assert_int_equal(munmap(much, (size_t)giga), 0);
}

/* Right behind the room that was given lies what must not be touched. */
static void more_segments_than_room(void **state)
{
    (void)state;
    for (unsigned table = 0; table < 2; table++)
        for (uint32_t room = 0; room <= SIZE; room++)
            FOR_EACH_RING(p)
            {
                struct vq_segment segments[SIZE + 1];
                memset(segments, 0x5a, sizeof(segments));
                p.buffer.segments = segments;
                p.buffer.room = room;
                for (uint16_t i = 0; i < SIZE; i++)
                    pair_describe(&p, pair_host(&p, PAIR_DATA), i, PAIR_DATA, 1, 0, 0);
                if (table)
                    pair_offer_slot(&p, PAIR_DATA, 16 * SIZE, 0, PAIR_INDIRECT);
                else
                    for (uint16_t i = 0; i < SIZE; i++)
                        pair_offer_slot(&p, PAIR_DATA, 1, 0, i + 1 < SIZE ? PAIR_NEXT : 0);
                EXPECT_EQ(&p, pair_pop(&p), room == SIZE);
                EXPECT_EQ(&p, vq_device_broken(&p.device),
                          room == SIZE ? VQ_NOT_BROKEN : VQ_BROKEN_CHAIN_SEGMENTS);
                for (size_t i = 0; i < sizeof(struct vq_segment); i++)
                    EXPECT_EQ(&p, ((uint8_t *)&segments[room])[i], 0x5a);
            }
}

static void full_is_not_empty(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        for (unsigned round = 0; round < 5; round++) {
            for (uint16_t i = 0; i < SIZE; i++)
                offer(&p, i);
            for (uint16_t i = 0; i < SIZE; i++)
                EXPECT(&p, pair_pop(&p));
            EXPECT_EQ(&p, p.device.outstanding, SIZE);
            EXPECT(&p, !vq_device_pending(&p.device));
            for (uint16_t i = 0; i < SIZE; i++)
                EXPECT(&p, pair_push(&p, i, 0));
            (void)vq_device_publish(&p.device);
        }
    }
}

static void table_at_an_odd_address(void **state)
{
    (void)state;
    for (unsigned odd = 0; odd < 16; odd++)
        FOR_EACH_RING(p)
        {
            pair_describe(&p, pair_host(&p, PAIR_DATA + odd), 0, PAIR_DATA + 1, 3, 0, 0);
            pair_offer_slot(&p, PAIR_DATA + odd, 16, 0, PAIR_INDIRECT);
            EXPECT(&p, pair_pop(&p));
            EXPECT_EQ(&p, p.buffer.readable_bytes, 3);
        }
}

/* The table is as long as it says, longer than the queue if need be; no entry leads elsewhere. */
static void table_has_its_own_length(void **state)
{
    (void)state;
    for (uint32_t length = 1; length <= 40; length++)
        FOR_EACH_RING(p)
        {
            for (uint32_t i = 0; i < 41; i++)
                pair_describe(&p, pair_host(&p, PAIR_DATA), i, PAIR_DATA, 1, 0, PAIR_NEXT);
            pair_offer_slot(&p, PAIR_DATA, 16 * length, 0, PAIR_INDIRECT);
            EXPECT(&p, pair_pop(&p));
            EXPECT_EQ(&p, p.buffer.readable, length);
        }
}

static void empty_elements(void **state)
{
    static const uint64_t where[] = {0, PAIR_DATA, UINT64_MAX, PAIR_DATA - 1};
    (void)state;
    for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++)
        FOR_EACH_RING(p)
        {
            pair_offer_slot(&p, where[i], 0, 0, PAIR_NEXT);
            pair_offer_slot(&p, PAIR_DATA, 5, 0, PAIR_NEXT);
            pair_offer_slot(&p, where[i], 0, 0, PAIR_WRITE);
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
            begin(&p);
            pair_offer_slot(&p, PAIR_DATA, lengths[i], 0, PAIR_INDIRECT);
            refused(&p, VQ_BROKEN_INDIRECT_LENGTH);
        }
}

/* INDIRECT with NEXT; in the middle of a list; where it was not negotiated. */
static void indirect_where_it_may_not_be(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        begin(&p);
        pair_offer_slot(&p, PAIR_DATA, 16, 0, PAIR_INDIRECT | PAIR_NEXT);
        offer(&p, 0);
        refused(&p, VQ_BROKEN_INDIRECT_NEXT);
    }
    FOR_EACH_RING(p)
    {
        begin(&p);
        pair_offer_slot(&p, PAIR_DATA, 16, 0, PAIR_NEXT);
        pair_offer_slot(&p, PAIR_DATA, 16, 0, PAIR_INDIRECT);
        refused(&p, VQ_BROKEN_INDIRECT_NEXT);
    }
    FOR_EACH_RING(p)
    {
        begin(&p);
        p.device.indirect = false;
        pair_offer_slot(&p, PAIR_DATA, 16, 0, PAIR_INDIRECT);
        refused(&p, VQ_BROKEN_INDIRECT_REFUSED);
    }
    FOR_EACH_RING(p)
    {
        begin(&p);
        p.device.indirect = false;
        pair_offer_slot(&p, PAIR_DATA, 16, 0, PAIR_NEXT);
        pair_offer_slot(&p, PAIR_DATA, 16, 0, PAIR_INDIRECT | PAIR_NEXT);
        offer(&p, 0);
        refused(&p, VQ_BROKEN_INDIRECT_REFUSED);
    }
}

struct range {
    uint64_t address;
    uint32_t bytes;
};

static void elements_nowhere(void **state)
{
    static const struct range nowhere[] = {
        {0, 1},
        {PAIR_DATA - 1, 2},
        {PAIR_DATA + 131072, 1},
        {PAIR_DATA + 131071, 2},
        {PAIR_DATA, 131073},
        {PAIR_DATA, UINT32_MAX},
        {UINT64_MAX, 1},
        {UINT64_MAX, 2},
        {UINT64_MAX - 5, UINT32_MAX},
        {UINT64_MAX - PAIR_DATA + 2, UINT32_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
        for (uint16_t flags = 0; flags <= PAIR_WRITE; flags += PAIR_WRITE)
            FOR_EACH_RING(p)
            {
                begin(&p);
                pair_offer_slot(&p, nowhere[i].address, nowhere[i].bytes, 0, flags);
                refused(&p, VQ_BROKEN_ADDRESS);
            }
}

static void tables_nowhere(void **state)
{
    static const struct range tables[] = {
        {0, 16},
        {PAIR_DATA - 8, 16},
        {PAIR_DATA + 131072, 16},
        {PAIR_DATA + 131071, 16},
        {PAIR_DATA + 131072 - 16, 32}, /* its first entry is there */
        {UINT64_MAX, 16},
        {UINT64_MAX - 14, 16},
        {UINT64_MAX - 15, 16},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        FOR_EACH_RING(p)
        {
            begin(&p);
            pair_describe(&p, pair_host(&p, PAIR_DATA + 131072 - 16), 0, PAIR_DATA, 1, 0, 0);
            pair_offer_slot(&p, tables[i].address, tables[i].bytes, 0, PAIR_INDIRECT);
            refused(&p, VQ_BROKEN_ADDRESS);
        }
}

static void over_two_regions(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        pair_offer_slot(&p, PAIR_DATA + 65535, 2, 0, 0);
        EXPECT(&p, pair_pop(&p));
        EXPECT_EQ(&p, p.buffer.readable, 2);
        EXPECT(&p, p.segments[0].base == p.regions[0].host + 65535);
        EXPECT(&p, p.segments[1].base == p.regions[1].host);
    }
}

/* There is no index to jump: slots that the device still owns become available again. */
static void never_more_than_the_queue(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        unsigned taken = 0;
        /* Lists of two take the slots up with half of the ids left. */
        for (unsigned i = 0; i < 40; i++) {
            pair_offer_slot(&p, PAIR_DATA, 1, 0, PAIR_NEXT);
            pair_offer_slot(&p, PAIR_DATA, 1, (uint16_t)(i % SIZE), 0);
            taken += pair_pop(&p);
        }
        EXPECT_EQ(&p, taken, SIZE / 2);
        EXPECT_EQ(&p, p.device.outstanding, SIZE);
        EXPECT_EQ(&p, vq_device_broken(&p.device), VQ_BROKEN_AVAILABLE_JUMP);
        for (uint16_t id = 0; id < SIZE / 2; id++)
            EXPECT(&p, pair_push(&p, id, 0));
        EXPECT_EQ(&p, p.device.outstanding, 0);
    }
}

static void id_twice(void **state)
{
    (void)state;
    FOR_EACH_RING(p)
    {
        begin(&p);
        offer(&p, 3);
        refused(&p, VQ_BROKEN_HEAD_IN_FLIGHT);
    }
    /* Given back, it may come again at once. */
    FOR_EACH_RING(p)
    {
        for (unsigned i = 0; i < 50; i++) {
            begin(&p);
            EXPECT(&p, pair_push(&p, 3, 0));
            (void)vq_device_publish(&p.device);
        }
    }
}

static void id_outside(void **state)
{
    static const uint16_t ids[] = {SIZE, SIZE + 1, 8, 0x7fff, 0x8000, 0xffff};
    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        FOR_EACH_RING(p)
        {
            begin(&p);
            offer(&p, ids[i]);
            refused(&p, VQ_BROKEN_HEAD_RANGE);
        }
    /* Only the last slot of a list says whose it is. */
    FOR_EACH_RING(p)
    {
        pair_offer_slot(&p, PAIR_DATA, 1, 0xffff, PAIR_NEXT);
        pair_offer_slot(&p, PAIR_DATA, 1, 5, 0);
        EXPECT(&p, pair_pop(&p));
        EXPECT_EQ(&p, p.buffer.id, 5);
    }
}

static void readable_after_writable(void **state)
{
    (void)state;
    for (uint32_t bytes = 0; bytes < 2; bytes++)
        for (unsigned table = 0; table < 2; table++)
            FOR_EACH_RING(p)
            {
                begin(&p);
                pair_describe(&p, pair_host(&p, PAIR_DATA), 0, PAIR_DATA, bytes, 0, PAIR_WRITE);
                pair_describe(&p, pair_host(&p, PAIR_DATA), 1, PAIR_DATA, 1, 0, 0);
                if (table) {
                    pair_offer_slot(&p, PAIR_DATA, 32, 0, PAIR_INDIRECT);
                } else {
                    pair_offer_slot(&p, PAIR_DATA, bytes, 0, PAIR_WRITE | PAIR_NEXT);
                    pair_offer_slot(&p, PAIR_DATA, 1, 0, 0);
                }
                refused(&p, VQ_BROKEN_CHAIN_ORDER);
            }
}

/*
 * At every size: lists of all lengths go round, and over the end, for many rounds;
 * the position of each end is the sum of the lengths, slot and counter in step.
 */
static void wraps_at_every_size(void **state)
{
    (void)state;
    for (uint16_t size = 1; size <= 40; size++) {
        struct queue_pair p;
        uint16_t available, used;

        pair_open(&p, (struct pair_options){.format = PAIR_PACKED, .size = size});
        available = used = PAIR_WRAP;
        for (unsigned i = 0; i < 12u * size; i++) {
            uint16_t length = (uint16_t)(1 + i % size), id = (uint16_t)(i % size);
            for (uint16_t k = 0; k < length; k++)
                pair_offer_slot(&p, PAIR_DATA, 1, id, k + 1 < length ? PAIR_NEXT : 0);
            available = pair_after(&p, available, length);
            EXPECT(&p, pair_pop(&p));
            EXPECT_EQ(&p, p.buffer.readable, length);
            EXPECT_EQ(&p, p.device.next_available, available);
            EXPECT(&p, pair_push(&p, id, 0));
            (void)vq_device_publish(&p.device);
            EXPECT_EQ(&p, pair_slot(&p, used & 0x7fffu).id, id);
            EXPECT_EQ(&p, pair_slot(&p, used & 0x7fffu).flags, pair_used_flags(used));
            used = pair_after(&p, used, length);
            EXPECT_EQ(&p, p.device.next_used, used);
        }
        pair_close(&p);
    }
}

/* A slot is asked for, and passed by a batch: the last of this round, or the first of the next. */
static void signal_in_a_window(void **state)
{
    (void)state;
    for (unsigned ahead = 0; ahead < 2 * SIZE; ahead++)
        FOR_EACH_RING(p)
        {
            uint16_t event = pair_after(&p, p.raw_available, ahead);
            p.device.event_idx = true;
            pair_put_wish(&p, true, UINT32_C(2) << 16 | event);
            for (uint16_t i = 0; i < SIZE; i++)
                offer(&p, i);
            for (uint16_t i = 0; i < SIZE; i++) {
                EXPECT(&p, pair_pop(&p));
                EXPECT(&p, pair_push(&p, i, 0));
            }
            EXPECT_EQ(&p, vq_device_publish(&p.device), ahead < SIZE);
        }
}

/* Modes that do not exist, or were not negotiated: a notification too many harms nobody. */
static void wish_of_no_sense(void **state)
{
    static const uint32_t senseless[] = {3, 2, 0xfffc, 0xffff, 0xfffe};
    (void)state;
    for (size_t i = 0; i < sizeof(senseless) / sizeof(senseless[0]); i++)
        FOR_EACH_RING(p)
        {
            for (unsigned off = 0; off < 20; off++) {
                struct vq_element e = {PAIR_DATA, 1};
                struct vq_done done;

                pair_put_wish(&p, true, senseless[i] << 16 | off);
                pair_put_wish(&p, false, senseless[i] << 16 | off);
                EXPECT(&p, vq_driver_add(&p.driver, &e, 1, 0) >= 0);
                EXPECT(&p, vq_driver_publish(&p.driver));
                EXPECT(&p, pair_pop(&p));
                EXPECT(&p, pair_push(&p, p.buffer.id, 0));
                EXPECT(&p, vq_device_publish(&p.device));
                EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 1);
            }
        }
}

/* Whatever a saved state says, the queue is bounded by its own size, and signals once more. */
static void restored_anywhere(void **state)
{
    struct vq_random random = {93};
    (void)state;
    FOR_EACH_RING(p)
    for (unsigned i = 0; i < 4000; i++) {
        struct vq_device_config *c = &p.device_config;
        unsigned taken = 0;

        c->next_available = (uint16_t)vq_random(&random);
        c->next_used = (uint16_t)vq_random(&random);
        if (i % 2) {
            c->next_available = (uint16_t)((c->next_available & PAIR_WRAP) | i % (SIZE + 1));
            c->next_used = (uint16_t)((c->next_used & PAIR_WRAP) | vq_random_below(&random, SIZE));
        }
        if ((c->next_available & 0x7fff) >= SIZE || (c->next_used & 0x7fff) >= SIZE) {
            EXPECT_EQ(&p, vq_device_init(&p.device, c), VQ_ERR_RANGE);
            continue;
        }
        EXPECT_EQ(&p, vq_device_init(&p.device, c), VQ_OK);
        for (uint32_t s = 0; s < SIZE; s++)
            pair_put_slot(&p, s,
                          (struct pair_slot){PAIR_DATA, 1, (uint16_t)vq_random_below(&random, SIZE),
                                             vq_random_below(&random, 2) ? PAIR_AVAIL : PAIR_USED});
        for (unsigned k = 0; k < 2 * SIZE && pair_pop(&p); k++)
            taken++;
        EXPECT(&p, p.device.outstanding <= SIZE);
        for (uint16_t id = 0; id < SIZE; id++)
            (void)pair_push(&p, id, 0);
        pair_put_wish(&p, true, UINT32_C(1) << 16);
        EXPECT_EQ(&p, vq_device_publish(&p.device),
                  taken && (c->next_available != PAIR_WRAP || c->next_used != PAIR_WRAP));
        EXPECT_EQ(&p, p.device.outstanding, 0);
    }
}

/* Buffers that are held, since nothing can be done with them yet, are no news. */
static void held_is_not_pending(void **state)
{
    (void)state;
    for (unsigned packed = 0; packed < 2; packed++) {
        struct queue_pair p;
        pair_open(&p, (struct pair_options){.format = packed ? PAIR_PACKED : PAIR_SPLIT,
                                            .event_idx = true});
        (void)pair_add_one(&p);
        EXPECT(&p, vq_device_enable_notifications(&p.device));
        EXPECT(&p, pair_pop(&p));
        for (unsigned i = 0; i < 3; i++)
            EXPECT(&p, !vq_device_enable_notifications(&p.device));
        (void)pair_add_one(&p);
        EXPECT(&p, vq_device_enable_notifications(&p.device));
        pair_close(&p);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(list_without_end,
                "a list that goes round the ring ends, of empty elements too [BUG-02 BUG-03]"),
        VQ_TEST(list_of_all, "a list may take the whole ring [BUG-62]"),
        VQ_TEST(more_than_32_bits_of_bytes, "2^32 bytes are a buffer, one more is none [BUG-05]"),
        VQ_TEST(more_segments_than_room,
                "room for segments is never passed, by a table neither [BUG-06 BUG-07]"),
        VQ_TEST(full_is_not_empty, "a full ring is not an empty one [BUG-06]"),
        VQ_TEST(table_at_an_odd_address, "a table at any address is read [BUG-10]"),
        VQ_TEST(table_has_its_own_length, "a table is as long as it says [BUG-04]"),
        VQ_TEST(empty_elements, "an empty element is nothing, wherever it lies [BUG-11 BUG-12]"),
        VQ_TEST(table_of_no_length, "a table is not empty, not broken, not endless [BUG-08]"),
        VQ_TEST(indirect_where_it_may_not_be,
                "a table chained or not negotiated breaks the queue, once [BUG-01 BUG-09]"),
        VQ_TEST(elements_nowhere,
                "an element that is not mapped in full makes no pointer [BUG-13 BUG-14 BUG-17]"),
        VQ_TEST(tables_nowhere, "nor does a table [BUG-01 BUG-14 BUG-17]"),
        VQ_TEST(over_two_regions, "an element over two regions is two segments [BUG-14 BUG-16]"),
        VQ_TEST(never_more_than_the_queue,
                "slots that the device owns are not available [BUG-24 BUG-25 BUG-27]"),
        VQ_TEST(id_twice, "an id that comes twice breaks the queue [BUG-28 BUG-37]"),
        VQ_TEST(id_outside, "an id outside the queue breaks it [BUG-29 BUG-60]"),
        VQ_TEST(readable_after_writable, "a readable element after a writable one [BUG-30]"),
        VQ_TEST(wraps_at_every_size,
                "positions wrap at any size, over the end of lists too [BUG-61 BUG-62 BUG-63]"),
        VQ_TEST(signal_in_a_window,
                "a batch that passes the wanted slot signals, of its round [BUG-64 BUG-86]"),
        VQ_TEST(wish_of_no_sense, "a wish that makes no sense is granted, at both ends"),
        VQ_TEST(restored_anywhere, "any restored position is safe [BUG-86 BUG-93]"),
        VQ_TEST(held_is_not_pending, "what was taken already is no reason to look again [BUG-85]"),
    };
    return VQ_RUN(tests);
}
