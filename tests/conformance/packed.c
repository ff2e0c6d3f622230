/*
 * The packed ring, requirement by requirement: what each end writes is read back
 * slot by slot, what it reads is written slot by slot. Queues of five slots, since
 * sizes need not be powers of two, from positions around both wraps.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "queue_pair.h"

#include <string.h>
#include <sys/mman.h>

enum { SIZE = 5, RING = 16 * SIZE };

static const struct vq_element three[3] = {
    {PAIR_DATA, 10}, {PAIR_DATA + 16, 20}, {PAIR_DATA + 48, 30}};

/* Calls `fn` with and without EVENT_IDX: fresh, and with a slot left before each wrap. */
static void each(void (*fn)(struct queue_pair *p), struct pair_options options)
{
    static const uint16_t starts[] = {0, SIZE - 1, 2 * SIZE - 1, 2};

    options.format = PAIR_PACKED;
    options.size = SIZE;
    for (unsigned bits = 0; bits < 8; bits++) {
        struct queue_pair p;
        options.event_idx = bits & 1;
        options.start = starts[bits >> 1];
        pair_open(&p, options);
        fn(&p);
        pair_close(&p);
    }
}

#define EACH(fn, ...) each(fn, (struct pair_options){.size = SIZE, ##__VA_ARGS__})

static uint16_t add(struct queue_pair *p, unsigned readable, unsigned writable)
{
    int id = vq_driver_add(&p->driver, three, readable, writable);
    EXPECT(p, id >= 0 && id < SIZE);
    return (uint16_t)id;
}

static void give_back(struct queue_pair *p, uint16_t id, uint32_t written)
{
    EXPECT(p, pair_push(p, id, written));
    (void)vq_device_publish(&p->device);
}

static void get_back(struct queue_pair *p, uint16_t id, uint32_t written)
{
    struct vq_done done;
    EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
    EXPECT_EQ(p, done.id, id);
    EXPECT_EQ(p, done.written, written);
}

static uint16_t start_of(const struct queue_pair *p)
{
    return pair_after(p, PAIR_WRAP, p->options.start);
}

static void snapshot(const struct queue_pair *p, uint8_t ring[RING])
{
    memcpy(ring, p->driver_config.descriptor_area, RING);
}

static bool unchanged(const struct queue_pair *p, const uint8_t ring[RING], uint16_t at)
{
    size_t offset = 16 * (size_t)(at & 0x7fff);
    return memcmp((uint8_t *)p->driver_config.descriptor_area + offset, ring + offset, 16) == 0;
}

static void zeroed(void **state)
{
    struct queue_pair p;
    static const uint8_t nothing[RING];
    (void)state;
    /* The memory was full of something else before. */
    pair_open(&p, (struct pair_options){.format = PAIR_PACKED, .size = SIZE});
    EXPECT_EQ(&p, memcmp(p.driver_config.descriptor_area, nothing, RING), 0);
    EXPECT_EQ(&p, pair_wish(&p, true), 0);
    EXPECT_EQ(&p, pair_wish(&p, false), 0);
    pair_close(&p);
}

/* Lists of three, one after the other, for many rounds. */
static void check_rounds(struct queue_pair *p)
{
    uint16_t at = start_of(p);

    for (unsigned round = 0; round < 4 * SIZE; round++) {
        uint32_t written = round % 3 ? 10 * (round % 3) : 0;
        uint8_t before[RING];
        uint16_t id = add(p, 1, 2), end = at;
        struct pair_slot s;

        (void)vq_driver_publish(&p->driver);
        for (unsigned k = 0; k < 3; k++, end = pair_after(p, end, 1)) {
            s = pair_slot(p, end & 0x7fffu);
            EXPECT_EQ(p, s.address, three[k].address);
            EXPECT_EQ(p, s.bytes, three[k].bytes);
            EXPECT_EQ(p, s.flags,
                      pair_available_flags(end) | (k ? PAIR_WRITE : 0) | (k < 2 ? PAIR_NEXT : 0));
        }
        EXPECT_EQ(p, s.id, id);
        snapshot(p, before);
        EXPECT(p, pair_pop(p));
        EXPECT_EQ(p, p->buffer.id, id);
        give_back(p, id, written);
        s = pair_slot(p, at & 0x7fffu);
        EXPECT_EQ(p, s.id, id);
        EXPECT_EQ(p, s.bytes, written);
        EXPECT_EQ(p, s.flags, pair_used_flags(at) | (written ? PAIR_WRITE : 0));
        /* One used descriptor for the list: its other slots are left as they were. */
        for (unsigned k = 0; k < SIZE; k++)
            EXPECT(p, k == (at & 0x7fffu) || unchanged(p, before, (uint16_t)k));
        get_back(p, id, written);
        at = end;
    }
}

static void rounds(void **state)
{
    (void)state;
    EACH(check_rounds);
}

/* A list is there at once or not at all: its first slot is exposed last. */
static void check_first_last(struct queue_pair *p)
{
    uint16_t at = start_of(p), id = add(p, 1, 2);

    EXPECT_EQ(p, pair_slot(p, at & 0x7fffu).flags, pair_used_flags(at ^ PAIR_WRAP));
    for (unsigned k = 1; k < 3; k++) {
        uint16_t next = pair_after(p, at, k);
        EXPECT_EQ(p, pair_slot(p, next & 0x7fffu).flags & (PAIR_AVAIL | PAIR_USED),
                  pair_available_flags(next));
    }
    EXPECT(p, !vq_device_pending(&p->device));
    EXPECT(p, !pair_pop(p));
    (void)vq_driver_publish(&p->driver);
    EXPECT(p, vq_device_pending(&p->device));
    EXPECT(p, pair_pop(p));
    EXPECT_EQ(p, p->buffer.id, id);
    EXPECT_EQ(p, p->buffer.readable_bytes, 10);
    EXPECT_EQ(p, p->buffer.writable_bytes, 50);
}

static void first_last(void **state)
{
    (void)state;
    EACH(check_first_last);
}

static void check_room(struct queue_pair *p)
{
    uint8_t before[RING];
    uint16_t id = add(p, 1, 2);

    (void)vq_driver_publish(&p->driver);
    snapshot(p, before);
    EXPECT_EQ(p, vq_driver_add(&p->driver, three, 0, 3), VQ_ERR_FULL);
    EXPECT(p, !vq_driver_publish(&p->driver));
    for (uint16_t k = 0; k < SIZE; k++)
        EXPECT(p, unchanged(p, before, k));
    EXPECT(p, pair_pop(p));
    give_back(p, id, 0);
    get_back(p, id, 0);
    (void)add(p, 0, 3);
}

static void room(void **state)
{
    (void)state;
    EACH(check_room);
}

static void check_too_long(struct queue_pair *p)
{
    struct vq_element many[SIZE + 1];

    for (unsigned i = 0; i <= SIZE; i++)
        many[i] = three[0];
    EXPECT_EQ(p, vq_driver_add(&p->driver, many, SIZE + 1, 0), VQ_ERR_INVALID);
    EXPECT_EQ(p, vq_driver_add(&p->driver, many, 1, SIZE), VQ_ERR_INVALID);
    EXPECT(p, vq_driver_add(&p->driver, many, 0, SIZE) >= 0);
}

static void too_long(void **state)
{
    (void)state;
    EACH(check_too_long);
    EACH(check_too_long, .indirect = true, .indirect_entries = SIZE + 1);
}

/* A device that leaves rubbish where it need not write anything. */
static void check_used_rubbish(struct queue_pair *p)
{
    for (unsigned round = 0; round < 3 * SIZE; round++) {
        uint16_t id = add(p, 0, 1), flags = round % 2 ? PAIR_WRITE : 0;

        (void)vq_driver_publish(&p->driver);
        if (round % 3 == 1)
            flags |= PAIR_NEXT;
        if (round % 3 == 2)
            flags |= PAIR_INDIRECT | 0x7f78;
        pair_use_slot(p, id, 7, flags, 1);
        get_back(p, id, flags & PAIR_WRITE ? 7 : 0);
    }
}

static void used_rubbish(void **state)
{
    (void)state;
    EACH(check_used_rubbish);
}

/* A device that never sets WRITE, driven by somebody who knows that. */
static void check_unmarked(struct queue_pair *p)
{
    p->driver.length_always = true;
    for (unsigned round = 0; round < 3 * SIZE; round++) {
        uint16_t id = add(p, 0, 1);
        (void)vq_driver_publish(&p->driver);
        pair_use_slot(p, id, 7, round % 2 ? PAIR_WRITE : 0, 1);
        get_back(p, id, 7);

        id = add(p, 1, 0); /* a buffer that cannot be written has not been */
        (void)vq_driver_publish(&p->driver);
        pair_use_slot(p, id, 7, 0, 1);
        get_back(p, id, 0);
    }
}

static void unmarked(void **state)
{
    (void)state;
    EACH(check_unmarked);
}

/* Lists of one, three and one, given back as the third, the first, the second. */
static void check_completion_order(struct queue_pair *p)
{
    static const unsigned length[3] = {1, 3, 1}, order[3] = {2, 0, 1};
    uint16_t at = start_of(p), id[3];

    for (unsigned round = 0; round < 6; round++) {
        uint16_t where = at;
        for (unsigned i = 0; i < 3; i++)
            id[i] = add(p, 0, length[i]);
        (void)vq_driver_publish(&p->driver);
        for (unsigned i = 0; i < 3; i++) {
            EXPECT(p, pair_pop(p));
            EXPECT_EQ(p, p->buffer.id, id[i]);
        }
        for (unsigned i = 0; i < 3; i++) {
            give_back(p, id[order[i]], 1 + order[i]);
            EXPECT_EQ(p, pair_slot(p, where & 0x7fffu).id, id[order[i]]);
            EXPECT_EQ(p, pair_slot(p, where & 0x7fffu).flags, pair_used_flags(where) | PAIR_WRITE);
            where = pair_after(p, where, length[order[i]]);
        }
        for (unsigned i = 0; i < 3; i++)
            get_back(p, id[order[i]], 1 + order[i]);
        at = where;
    }
}

static void completion_order(void **state)
{
    (void)state;
    EACH(check_completion_order);
}

/* Slots behind the next one may change first; nobody looks there. */
static void check_poll_used(struct queue_pair *p)
{
    uint16_t first = add(p, 0, 1), second = add(p, 0, 1), at = p->raw_used;
    struct vq_done done;

    (void)vq_driver_publish(&p->driver);
    p->raw_used = pair_after(p, at, 1);
    pair_use_slot(p, second, 0, 0, 1);
    EXPECT(p, !vq_driver_pending(&p->driver));
    EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 0);
    p->raw_used = at;
    pair_use_slot(p, first, 0, 0, 1);
    get_back(p, first, 0);
    get_back(p, second, 0);
}

static void check_poll_available(struct queue_pair *p)
{
    uint16_t at = p->raw_available;

    p->raw_available = pair_after(p, at, 1);
    pair_offer_slot(p, PAIR_DATA, 4, 1, 0);
    EXPECT(p, !vq_device_pending(&p->device));
    EXPECT(p, !pair_pop(p));
    p->raw_available = at;
    pair_offer_slot(p, PAIR_DATA, 4, 0, 0);
    EXPECT(p, pair_pop(p));
    EXPECT_EQ(p, p->buffer.id, 0);
    EXPECT(p, pair_pop(p));
    EXPECT_EQ(p, p->buffer.id, 1);
}

static void poll_used(void **state)
{
    (void)state;
    EACH(check_poll_used);
}

static void poll_available(void **state)
{
    (void)state;
    EACH(check_poll_available);
}

/* What a slot says that was available, or used, a round ago is not news. */
static void check_stale(struct queue_pair *p)
{
    for (unsigned i = 0; i < 4 * SIZE; i++) {
        uint16_t at = p->raw_available,
                 stale[2] = {pair_used_flags(at), pair_used_flags(at) ^ (PAIR_AVAIL | PAIR_USED)};
        struct pair_slot slot = {PAIR_DATA, 4, (uint16_t)(i % SIZE), 0};

        for (unsigned k = 0; k < 3; k++) {
            slot.flags = k < 2 ? stale[k] : pair_available_flags(at ^ PAIR_WRAP);
            pair_put_slot(p, at & 0x7fffu, slot);
            EXPECT(p, !vq_device_pending(&p->device));
            EXPECT(p, !pair_pop(p));
        }
        pair_offer_slot(p, PAIR_DATA, 4, slot.id, 0);
        EXPECT(p, pair_pop(p));
        give_back(p, slot.id, 0);
    }
}

static void stale(void **state)
{
    (void)state;
    EACH(check_stale);
}

/* Who has handed a slot over leaves it alone. */
static void check_hands_off(struct queue_pair *p)
{
    uint16_t at = start_of(p), first = add(p, 1, 0), second;
    uint8_t before[RING];
    struct vq_done done;

    (void)vq_driver_publish(&p->driver);
    snapshot(p, before);
    second = add(p, 1, 0);
    (void)vq_driver_publish(&p->driver);
    for (unsigned i = 2; i < SIZE; i++)
        (void)add(p, 1, 0);
    (void)vq_driver_publish(&p->driver);
    EXPECT_EQ(p, vq_driver_add(&p->driver, three, 1, 0), VQ_ERR_FULL);
    (void)vq_driver_enable_notifications(&p->driver);
    EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 0);
    EXPECT(p, unchanged(p, before, at));

    EXPECT(p, pair_pop(p));
    give_back(p, first, 0);
    snapshot(p, before);
    EXPECT(p, pair_pop(p));
    give_back(p, second, 0);
    (void)vq_device_enable_notifications(&p->device);
    EXPECT(p, unchanged(p, before, at));
}

static void hands_off(void **state)
{
    (void)state;
    EACH(check_hands_off);
}

/* Guest memory that nobody may touch: the queue moves buffers, and looks into none. */
static void untouched(void **state)
{
    (void)state;
    for (unsigned format = 0; format < 2; format++) {
        void *forbidden = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        struct queue_pair p;
        void *host;
        uint16_t id;

        assert_ptr_not_equal(forbidden, MAP_FAILED);
        pair_open(&p, (struct pair_options){.format = format ? PAIR_PACKED : PAIR_SPLIT});
        host = p.regions[0].host;
        p.regions[0].host = forbidden;
        id = add(&p, 1, 2);
        (void)vq_driver_publish(&p.driver);
        EXPECT(&p, pair_pop(&p));
        EXPECT(&p, p.segments[0].base == forbidden);
        give_back(&p, id, 50);
        get_back(&p, id, 50);
        p.regions[0].host = host;
        pair_close(&p);
        assert_int_equal(munmap(forbidden, 65536), 0);
    }
}

static void check_list(struct queue_pair *p)
{
    for (unsigned round = 0; round < 2 * SIZE; round++) {
        pair_offer_slot(p, PAIR_DATA + 100, 1, 99, PAIR_NEXT);
        pair_offer_slot(p, PAIR_DATA + 3, 2, 98, PAIR_NEXT);
        pair_offer_slot(p, PAIR_DATA + 50, 3, 97, PAIR_NEXT | PAIR_WRITE);
        pair_offer_slot(p, PAIR_DATA, 4, 3, PAIR_WRITE);
        EXPECT(p, pair_pop(p));
        EXPECT_EQ(p, p->buffer.id, 3);
        EXPECT_EQ(p, p->buffer.readable, 2);
        EXPECT_EQ(p, p->buffer.writable, 2);
        EXPECT(p, p->segments[0].base == pair_host(p, PAIR_DATA + 100));
        EXPECT(p, p->segments[1].base == pair_host(p, PAIR_DATA + 3));
        EXPECT(p, p->segments[2].base == pair_host(p, PAIR_DATA + 50));
        EXPECT(p, p->segments[3].base == pair_host(p, PAIR_DATA));
        give_back(p, 3, 0);
    }
    /* A device that takes no lists of four says so. */
    p->buffer.room = 3;
    for (unsigned i = 0; i < 4; i++)
        pair_offer_slot(p, PAIR_DATA, 4, 0, i < 3 ? PAIR_NEXT : 0);
    EXPECT(p, !pair_pop(p));
    EXPECT_EQ(p, vq_device_broken(&p->device), VQ_BROKEN_CHAIN_SEGMENTS);
}

static void list(void **state)
{
    (void)state;
    EACH(check_list);
}

static void check_no_tables(struct queue_pair *p)
{
    (void)add(p, 1, 2);
    (void)vq_driver_publish(&p->driver);
    for (uint16_t i = 0; i < SIZE; i++)
        EXPECT_EQ(p, pair_slot(p, i).flags & PAIR_INDIRECT, 0);
}

static void check_table_made(struct queue_pair *p)
{
    for (unsigned round = 0; round < 3 * SIZE; round++) {
        uint16_t at = p->driver.next_available, id = add(p, 1, 2);
        struct pair_slot s;

        (void)vq_driver_publish(&p->driver);
        s = pair_slot(p, at & 0x7fffu);
        EXPECT_EQ(p, s.flags, pair_available_flags(at) | PAIR_INDIRECT);
        EXPECT_EQ(p, s.bytes, 48);
        EXPECT_EQ(p, s.id, id);
        for (unsigned k = 0; k < 3; k++) {
            struct pair_descriptor e = pair_descriptor(p, pair_host(p, s.address), k);
            EXPECT_EQ(p, e.address, three[k].address);
            EXPECT_EQ(p, e.bytes, three[k].bytes);
            EXPECT_EQ(p, e.next, k ? PAIR_WRITE : 0); /* the flags stand there */
        }
        EXPECT(p, pair_pop(p));
        give_back(p, id, 0);
        get_back(p, id, 0);
    }
}

static void tables_made(void **state)
{
    (void)state;
    EACH(check_no_tables, .indirect_entries = 4);
    EACH(check_table_made, .indirect = true, .indirect_entries = 4);
}

/* Of an entry only WRITE counts, of the descriptor that points to it not even that. */
static void check_table_read(struct queue_pair *p)
{
    static const uint16_t rubbish[] = {0, PAIR_NEXT, PAIR_INDIRECT, 0xfffd};

    for (unsigned i = 0; i < 8; i++) {
        uint8_t *table = pair_host(p, PAIR_DATA + 256);
        uint16_t other = rubbish[i % 4];

        pair_describe(p, table, 0, PAIR_DATA + 9, 1, 0xffff, other);
        pair_describe(p, table, 1, PAIR_DATA + 3, 2, SIZE, other);
        pair_describe(p, table, 2, PAIR_DATA + 6, 3, 0, other | PAIR_WRITE);
        pair_describe(p, table, 3, 0, UINT32_MAX, 0, PAIR_WRITE); /* beyond the length */
        pair_offer_slot(p, PAIR_DATA + 256, 48, 4, PAIR_INDIRECT | (i < 4 ? 0 : PAIR_WRITE));
        EXPECT(p, pair_pop(p));
        EXPECT_EQ(p, p->buffer.id, 4);
        EXPECT_EQ(p, p->buffer.readable, 2);
        EXPECT_EQ(p, p->buffer.writable, 1);
        EXPECT(p, p->segments[0].base == pair_host(p, PAIR_DATA + 9));
        EXPECT(p, p->segments[1].base == pair_host(p, PAIR_DATA + 3));
        EXPECT(p, p->segments[2].base == pair_host(p, PAIR_DATA + 6));
        give_back(p, 4, 0);
    }
}

static void table_read(void **state)
{
    (void)state;
    EACH(check_table_read, .indirect = true);
}

/* Three buffers of one publish: the first becomes used last, and with it all. */
static void check_batch(struct queue_pair *p)
{
    uint16_t at = start_of(p), id[3];

    for (unsigned i = 0; i < 3; i++)
        id[i] = add(p, 0, 1);
    (void)vq_driver_publish(&p->driver);
    for (unsigned i = 0; i < 3; i++)
        EXPECT(p, pair_pop(p));
    for (unsigned i = 0; i < 3; i++) {
        uint16_t here = pair_after(p, at, i);
        EXPECT(p, pair_push(p, id[i], 1));
        EXPECT_EQ(p, pair_slot(p, here & 0x7fffu).flags,
                  i ? pair_used_flags(here) | PAIR_WRITE : pair_available_flags(here) | PAIR_WRITE);
        EXPECT(p, !vq_driver_pending(&p->driver));
    }
    (void)vq_device_publish(&p->device);
    EXPECT_EQ(p, pair_slot(p, at & 0x7fffu).flags, pair_used_flags(at) | PAIR_WRITE);
    for (unsigned i = 0; i < 3; i++)
        get_back(p, id[i], 1);
}

static void batch(void **state)
{
    (void)state;
    EACH(check_batch);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(zeroed, "the ring begins as zeros [PACKED-DRV-ALIGN-05]"),
        VQ_TEST(rounds,
                "available and used are told by a counter that flips at each wrap, in every slot "
                "of a list [PACKED-DRV-WRAP-01 PACKED-DRV-WRAP-02 PACKED-DRV-WRAP-03 "
                "PACKED-DRV-WRAP-04 PACKED-DEV-WRAP-01 PACKED-DEV-WRAP-02 PACKED-DEV-WRAP-03 "
                "PACKED-DEV-USEDDESC-01 PACKED-DEV-USEDDESC-02 PACKED-DRV-USEDDESC-03 "
                "PACKED-DRV-SG-03 PACKED-DRV-SG-04]"),
        VQ_TEST(first_last, "a list is exposed whole, its first slot last "
                            "[PACKED-DRV-SG-05 PACKED-DRV-SG-07 PACKED-DRV-SUPPLY-01 "
                            "PACKED-DEV-SUPPLY-01]"),
        VQ_TEST(room, "a list without room for all of it changes nothing [PACKED-DRV-SG-06]"),
        VQ_TEST(too_long, "a list beyond the queue size is refused, as a table too "
                          "[PACKED-DRV-SG-02]"),
        VQ_TEST(used_rubbish, "of a used slot without WRITE the length does not count, NEXT never "
                              "[PACKED-DRV-USEDDESC-01 PACKED-DRV-USEDDESC-02]"),
        VQ_TEST(unmarked, "a device that never sets WRITE is believed if the driver asks for it"),
        VQ_TEST(completion_order,
                "lists begin in the order of the ring and end in the order of completion "
                "[PACKED-DEV-ORDER-01 PACKED-DEV-ORDER-02 PACKED-DRV-USEDDESC-04]"),
        VQ_TEST(poll_used, "a used slot counts when all before it do "
                           "[PACKED-DRV-POLL-01 PACKED-DEV-ORDER-03]"),
        VQ_TEST(poll_available, "so does an available one [PACKED-DEV-POLL-01]"),
        VQ_TEST(stale, "a slot of a round ago is not available [PACKED-DEV-DESC-03]"),
        VQ_TEST(hands_off, "a slot that was handed over is left alone "
                           "[PACKED-DEV-DESC-04 PACKED-DRV-DESC-01 PACKED-DRV-DESC-02]"),
        VQ_TEST(untouched, "neither end of a queue reads or writes what is in a buffer "
                           "[PACKED-DEV-DESC-01 PACKED-DEV-DESC-02 SPLIT-DEV-DESC-01 "
                           "SPLIT-DEV-DESC-02]"),
        VQ_TEST(list, "a list comes in its order, and may be too long for the device "
                      "[PACKED-DEV-SG-01 PACKED-DEV-SG-02]"),
        VQ_TEST(tables_made, "a table stands alone, only where it was negotiated, with no flag but "
                             "WRITE [PACKED-DRV-INDIR-01 PACKED-DRV-INDIR-02 PACKED-DRV-INDIR-04]"),
        VQ_TEST(table_read, "of a table only WRITE, addresses and lengths count "
                            "[PACKED-DEV-INDIR-01 PACKED-DEV-INDIR-02 PACKED-DEV-INDIR-03]"),
        VQ_TEST(batch, "of buffers that belong together the first becomes used last "
                       "[PACKED-DEV-MULTI-01]"),
    };
    return VQ_RUN(tests);
}
