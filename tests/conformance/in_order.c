/*
 * IN_ORDER on both formats: buffers become used in the order in which they became
 * available, and one used element may stand for many. What the device's end writes
 * is read raw, what the driver's end reads is written raw.
 */
#include "queue_pair.h"

enum { SIZE = 8, PACKED_SIZE = 5 };

/* Three buffers: 1, 2 and 1 descriptors; 8, 12 and 16 bytes to write. */
static const struct vq_element elements[3][2] = {{{PAIR_DATA, 8}, {0, 0}},
                                                 {{PAIR_DATA + 32, 4}, {PAIR_DATA + 64, 12}},
                                                 {{PAIR_DATA, 16}, {0, 0}}};
static const unsigned readable[3] = {0, 1, 0};
static const uint32_t writable[3] = {8, 12, 16};
enum { SLOTS = 4 };

struct in_order {
    struct queue_pair pair;
    uint16_t at; /* where the first of the three stands */
    uint16_t id[3];
};

static bool packed(const struct in_order *t)
{
    return t->pair.options.format == PAIR_PACKED;
}

static void add_three(struct in_order *t)
{
    struct queue_pair *p = &t->pair;

    t->at = p->driver.next_available;
    for (unsigned i = 0; i < 3; i++) {
        int id = vq_driver_add(&p->driver, elements[i], readable[i], 1);
        EXPECT(p, id >= 0);
        t->id[i] = (uint16_t)id;
    }
    (void)vq_driver_publish(&p->driver);
}

static void pop_three(struct in_order *t)
{
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(&t->pair, pair_pop(&t->pair));
        EXPECT_EQ(&t->pair, t->pair.buffer.id, t->id[i]);
    }
}

/* Calls `fn` on both formats, in both orders of bytes, from positions around the wraps. */
static void each(void (*fn)(struct in_order *t))
{
    static const uint16_t split[] = {0, 65533, 65534, 7};
    static const uint16_t around[] = {0, PACKED_SIZE - 2, 2 * PACKED_SIZE - 1, 3};

    for (unsigned kind = 0; kind < 3; kind++)
        for (unsigned s = 0; s < 8; s++) {
            struct in_order t = {.at = 0};
            pair_open(&t.pair, (struct pair_options){
                                   .format = kind == 2 ? PAIR_PACKED : PAIR_SPLIT,
                                   .big = kind == 1,
                                   .event_idx = s & 1,
                                   .size = kind == 2 ? PACKED_SIZE : SIZE,
                                   .start = (kind == 2 ? around : split)[s >> 1],
                                   .in_order = true,
                               });
            fn(&t);
            pair_close(&t.pair);
        }
}

/* Used element `n` after the three became available, for so many buffers and slots before it. */
static void expect_used(struct in_order *t, unsigned buffers, unsigned slots, uint16_t id,
                        uint32_t written)
{
    struct queue_pair *p = &t->pair;

    if (packed(t)) {
        uint16_t at = pair_after(p, t->at, slots);
        struct pair_slot s = pair_slot(p, at & 0x7fffu);
        EXPECT_EQ(p, s.flags, pair_used_flags(at) | (written ? PAIR_WRITE : 0));
        EXPECT_EQ(p, s.id, id);
        EXPECT_EQ(p, s.bytes, written);
    } else {
        uint32_t is, bytes;
        pair_used(p, (uint16_t)(t->at + buffers) % SIZE, &is, &bytes);
        EXPECT_EQ(p, is, id);
        EXPECT_EQ(p, bytes, written);
    }
}

static void expect_done(struct in_order *t, const uint32_t written[3])
{
    struct queue_pair *p = &t->pair;
    struct vq_done done[4];

    EXPECT_EQ(p, vq_driver_get(&p->driver, done, 4), 3);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(p, done[i].id, t->id[i]);
        EXPECT_EQ(p, done[i].written, written[i]);
    }
    EXPECT_EQ(p, vq_driver_free(&p->driver), p->options.size);
}

/* Pushed in any order, all written in full: one element, where the first buffer was. */
static void check_one_element(struct in_order *t)
{
    static const unsigned orders[6][3] = {{2, 1, 0}, {2, 0, 1}, {1, 2, 0},
                                          {1, 0, 2}, {0, 1, 2}, {0, 2, 1}};
    struct queue_pair *p = &t->pair;

    for (unsigned o = 0; o < 6; o++) {
        uint16_t after;
        add_three(t);
        pop_three(t);
        for (unsigned i = 0; i < 3; i++)
            EXPECT(p, pair_push(p, t->id[orders[o][i]], writable[orders[o][i]]));
        EXPECT(p, !vq_driver_pending(&p->driver));
        (void)vq_device_publish(&p->device);
        expect_used(t, 0, 0, t->id[2], writable[2]);
        after = packed(t) ? pair_after(p, t->at, SLOTS) : (uint16_t)(t->at + 3);
        EXPECT_EQ(p, p->device.next_used, after);
        if (!packed(t))
            EXPECT_EQ(p, pair_get(p, PAIR_USED_IDX), after);
        expect_done(t, writable);
    }
}

static void one_element(void **state)
{
    (void)state;
    each(check_one_element);
}

/* What was pushed early waits for what was popped before it. */
static void check_nobody_overtakes(struct in_order *t)
{
    struct queue_pair *p = &t->pair;
    struct vq_done done;

    for (unsigned round = 0; round < 5; round++) {
        add_three(t);
        pop_three(t);
        EXPECT(p, pair_push(p, t->id[2], 16));
        EXPECT(p, pair_push(p, t->id[1], 12));
        EXPECT(p, !vq_device_publish(&p->device));
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 0);
        EXPECT(p, pair_push(p, t->id[0], 8));
        (void)vq_device_publish(&p->device);
        expect_done(t, writable);
    }
}

static void nobody_overtakes(void **state)
{
    (void)state;
    each(check_nobody_overtakes);
}

/* A buffer that was not filled needs an element of its own, which says so. */
static void check_partly(struct in_order *t)
{
    static const uint32_t written[3] = {8, 5, 0};
    struct queue_pair *p = &t->pair;

    for (unsigned round = 0; round < 5; round++) {
        add_three(t);
        pop_three(t);
        for (unsigned i = 3; i-- > 0;)
            EXPECT(p, pair_push(p, t->id[i], written[i]));
        (void)vq_device_publish(&p->device);
        expect_used(t, 0, 0, t->id[1], 5); /* for the first two */
        expect_used(t, 2, 3, t->id[2], 0);
        expect_done(t, written);
    }
}

static void partly(void **state)
{
    (void)state;
    each(check_partly);
}

/* Each is popped when the one before it was pushed already, and not yet published. */
static void check_pushed_before_the_next(struct in_order *t)
{
    static const uint32_t written[4][3] = {{8, 12, 16}, {3, 12, 16}, {8, 11, 0}, {0, 0, 0}};
    struct queue_pair *p = &t->pair;

    for (unsigned round = 0; round < 4; round++) {
        add_three(t);
        for (unsigned i = 0; i < 3; i++) {
            EXPECT(p, pair_pop(p));
            EXPECT(p, pair_push(p, t->id[i], written[round][i]));
            EXPECT(p, !pair_push(p, t->id[i], written[round][i]));
        }
        (void)vq_device_publish(&p->device);
        expect_done(t, written[round]);
    }
}

static void pushed_before_the_next(void **state)
{
    (void)state;
    each(check_pushed_before_the_next);
}

#define GIB UINT32_C(0x40000000)

/* A buffer with `room` bytes to write, of which so many were, and one after it. */
static void check_long(struct in_order *t, uint64_t room, uint32_t written)
{
    struct queue_pair *p = &t->pair;
    struct vq_element e[4];
    unsigned n = 0;
    struct vq_done done[3];
    int first, second;
    uint16_t at = p->device.next_used;

    for (uint64_t left = room; left != 0; left -= e[n++].bytes)
        e[n] = (struct vq_element){PAIR_DATA, left < GIB ? (uint32_t)left : GIB};
    first = vq_driver_add(&p->driver, e, 0, n);
    second = vq_driver_add(&p->driver, elements[0], 0, 1);
    EXPECT(p, first >= 0 && second >= 0);
    (void)vq_driver_publish(&p->driver);
    EXPECT(p, pair_pop(p));
    EXPECT_EQ(p, p->buffer.writable_bytes, room);
    EXPECT(p, pair_pop(p));
    EXPECT(p, pair_push(p, (uint16_t)second, 8));
    EXPECT(p, pair_push(p, (uint16_t)first, written));
    EXPECT(p, !pair_push(p, (uint16_t)first, written));
    EXPECT(p, !pair_push(p, (uint16_t)first, written ^ 0x80000000u));
    (void)vq_device_publish(&p->device);
    EXPECT_EQ(p, vq_driver_get(&p->driver, done, 3), 2);
    EXPECT_EQ(p, done[0].id, first);
    EXPECT_EQ(p, done[0].written, written);
    EXPECT_EQ(p, done[1].id, second);
    EXPECT_EQ(p, done[1].written, 8);
    /* What was written in full and is not too long to tell, was skipped. */
    if (packed(t))
        EXPECT_EQ(p, pair_slot(p, at & 0x7fffu).id,
                  written == room && room < 2 * GIB - 1 ? second : first);
    EXPECT_EQ(p, vq_driver_free(&p->driver), p->options.size);
}

static void check_all_long(struct in_order *t)
{
    static const uint64_t rooms[] = {2 * GIB - 2, 2 * GIB - 1,           2 * GIB,
                                     2 * GIB + 1, UINT64_C(4) * GIB - 1, UINT64_C(4) * GIB};
    struct queue_pair *p = &t->pair;

    p->regions[0].size = GIB; /* nobody looks at what is there */
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        const uint64_t most = rooms[i] < UINT32_MAX ? rooms[i] : UINT32_MAX;
        for (uint32_t less = 0; less < 3; less++)
            check_long(t, rooms[i], (uint32_t)most - less);
        check_long(t, rooms[i], 0);
        if (most > 2 * GIB)
            check_long(t, rooms[i], 2 * GIB);
        if (most > 2 * GIB - 1)
            check_long(t, rooms[i], 2 * GIB - 1);
    }
}

static void lengths_of_32_bits(void **state)
{
    (void)state;
    each(check_all_long);
}

/* One buffer that takes all slots of the longest ring. */
static void whole_ring(void **state)
{
    static const uint32_t written[3] = {8, 5, 0};
    const uint16_t size = 32768;
    struct queue_pair p;

    (void)state;
    for (unsigned start = 0; start < 2; start++) {
        pair_open(&p, (struct pair_options){.format = PAIR_PACKED,
                                            .size = size,
                                            .start = (uint16_t)(start ? size - 1u : 0u),
                                            .in_order = true});
        for (unsigned round = 0; round < 3; round++) {
            uint16_t at = p.raw_available, id = (uint16_t)(round * 16000 + 767);
            struct pair_slot s;

            for (uint32_t i = 0; i < size; i++)
                pair_offer_slot(&p, PAIR_DATA, i ? 0 : 8, id,
                                (uint16_t)(PAIR_WRITE | (i + 1u < size ? PAIR_NEXT : 0)));
            EXPECT(&p, pair_pop(&p));
            EXPECT_EQ(&p, p.device.outstanding, size);
            EXPECT(&p, !pair_pop(&p));
            EXPECT(&p, !vq_device_publish(&p.device));
            EXPECT(&p, pair_push(&p, id, written[round]));
            EXPECT(&p, !pair_push(&p, id, written[round]));
            (void)vq_device_publish(&p.device);
            EXPECT_EQ(&p, p.device.outstanding, 0);
            EXPECT_EQ(&p, p.device.next_used, at ^ PAIR_WRAP);
            s = pair_slot(&p, at & 0x7fffu);
            EXPECT_EQ(&p, s.flags, pair_used_flags(at) | (written[round] ? PAIR_WRITE : 0));
            EXPECT_EQ(&p, s.id, id);
            EXPECT_EQ(&p, s.bytes, written[round]);
            EXPECT(&p, !pair_push(&p, id, written[round]));
        }
        pair_close(&p);
    }
}

/* A device without a mind uses three buffers with one element. */
static void use_three(struct in_order *t, uint16_t id, uint32_t bytes, uint16_t index)
{
    struct queue_pair *p = &t->pair;

    if (packed(t)) {
        p->raw_used = t->at;
        pair_use_slot(p, id, bytes, PAIR_WRITE, SLOTS);
    } else {
        p->raw_used = t->at;
        pair_use(p, id, bytes);
        pair_put(p, PAIR_USED_IDX, index);
    }
}

static void check_extent(struct in_order *t)
{
    static const uint32_t written[3] = {8, 12, 7};
    struct queue_pair *p = &t->pair;

    for (unsigned round = 0; round < 5; round++) {
        add_three(t);
        use_three(t, t->id[2], 7, (uint16_t)(t->at + 3));
        expect_done(t, written);
        EXPECT_EQ(p, p->driver.next_used, p->driver.next_available);
    }
}

static void extent(void **state)
{
    (void)state;
    each(check_extent);
}

/* The same, taken one by one. */
static void check_one_by_one(struct in_order *t)
{
    struct queue_pair *p = &t->pair;
    struct vq_done done;

    add_three(t);
    use_three(t, t->id[2], 7, (uint16_t)(t->at + 3));
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(p, vq_driver_pending(&p->driver));
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
        EXPECT_EQ(p, done.id, t->id[i]);
        EXPECT_EQ(p, done.written, i < 2 ? writable[i] : 7);
    }
    EXPECT(p, !vq_driver_pending(&p->driver));
}

static void one_by_one(void **state)
{
    (void)state;
    each(check_one_by_one);
}

/* A batch that ends in what is not outstanding, or further than the index moved. */
static void check_bounded(struct in_order *t)
{
    struct queue_pair *p = &t->pair;
    struct vq_element e = {PAIR_DATA, 1};
    struct vq_done done[4];
    int unpublished;

    add_three(t);
    unpublished = vq_driver_add(&p->driver, &e, 0, 1);
    EXPECT(p, unpublished >= 0);
    use_three(t, (uint16_t)unpublished, 1, (uint16_t)(t->at + 3));
    (void)vq_driver_get(&p->driver, done, 4);
    EXPECT_EQ(p, vq_driver_broken(&p->driver), VQ_BROKEN_USED_NOT_IN_FLIGHT);
}

static void check_index_short(struct in_order *t)
{
    struct queue_pair *p = &t->pair;
    struct vq_done done[4];

    if (packed(t))
        return; /* has no index */
    add_three(t);
    use_three(t, t->id[2], 1, (uint16_t)(t->at + 2));
    EXPECT(p, vq_driver_get(&p->driver, done, 4) < 3);
    EXPECT_EQ(p, vq_driver_broken(&p->driver), VQ_BROKEN_USED_NOT_IN_FLIGHT);
}

static void check_id_outside(struct in_order *t)
{
    struct queue_pair *p = &t->pair;
    struct vq_done done[4];

    add_three(t);
    use_three(t, p->options.size, 1, (uint16_t)(t->at + 3));
    EXPECT_EQ(p, vq_driver_get(&p->driver, done, 4), 0);
    EXPECT_EQ(p, vq_driver_broken(&p->driver), VQ_BROKEN_USED_ID);
}

static void bounded(void **state)
{
    (void)state;
    each(check_bounded);
    each(check_index_short);
    each(check_id_outside);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(one_element,
                "one used element stands for a batch, where its first buffer was, and names its "
                "last [SPLIT-DEV-INORDER-01 SPLIT-DEV-INORDER-02 PACKED-DEV-INORDER-01 "
                "PACKED-DEV-INORDER-02]"),
        VQ_TEST(nobody_overtakes, "no buffer becomes used before an older one [FEAT-DEV-05]"),
        VQ_TEST(partly, "a skipped buffer was filled in full"),
        VQ_TEST(pushed_before_the_next, "a buffer is popped when the one before it was pushed"),
        VQ_TEST(lengths_of_32_bits, "no length is too long to be told"),
        VQ_TEST(whole_ring, "a buffer may take the whole of the longest packed ring"),
        VQ_TEST(extent, "the driver's end takes all buffers up to the one that is named, those "
                        "that are skipped as filled [SPLIT-DRV-INORDER-01 PACKED-DRV-INORDER-01]"),
        VQ_TEST(one_by_one, "a batch may be taken one by one"),
        VQ_TEST(bounded, "a batch ends among what is outstanding [BUG-87]"),
    };
    return VQ_RUN(tests);
}
