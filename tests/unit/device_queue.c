/* The device's end alone, against a driver without a mind. */
#include "queue_pair.h"

#include <string.h>

static const uint16_t small_sizes[] = {4, 8, 256, 0};

static void refuses_what_makes_no_queue(void **state)
{
    struct queue_pair p;
    struct vq_device_queue q;
    struct vq_device_config c;
    (void)state;

    pair_open(&p, (struct pair_options){.size = 8});
    c = p.device_config;
    for (uint32_t size = 0; size < 65536; size++) {
        if (size && !(size & (size - 1)))
            continue;
        c.size = (uint16_t)size;
        EXPECT_EQ(&p, vq_device_init(&q, &c), VQ_ERR_SIZE);
    }
    c = p.device_config;
    c.descriptor_area = (uint8_t *)c.descriptor_area + 8;
    EXPECT_EQ(&p, vq_device_init(&q, &c), VQ_ERR_ALIGN);
    c = p.device_config;
    c.driver_area = (uint8_t *)c.driver_area + 1;
    EXPECT_EQ(&p, vq_device_init(&q, &c), VQ_ERR_ALIGN);
    c = p.device_config;
    c.device_area = (uint8_t *)c.device_area + 2;
    EXPECT_EQ(&p, vq_device_init(&q, &c), VQ_ERR_ALIGN);
    c = p.device_config;
    c.memory = NULL;
    EXPECT_EQ(&p, vq_device_init(&q, &c), VQ_ERR_INVALID);
    c = p.device_config;
    c.in_flight = NULL;
    EXPECT_EQ(&p, vq_device_init(&q, &c), VQ_ERR_INVALID);
    pair_close(&p);
}

static void a_chain_is_popped(struct queue_pair *p)
{
    pair_chain(p, 3, PAIR_DATA + 1, 10, PAIR_NEXT, 1);
    pair_chain(p, 1, PAIR_DATA + 20, 0, PAIR_NEXT, 0); /* an element of nothing */
    pair_chain(p, 0, PAIR_DATA + 100, 7, PAIR_NEXT | PAIR_WRITE, 2);
    pair_chain(p, 2, PAIR_DATA + 200, 5, PAIR_WRITE, 77);
    EXPECT_EQ(p, vq_device_pending(&p->device), false);
    pair_offer(p, 3);
    EXPECT_EQ(p, vq_device_pending(&p->device), true);
    EXPECT(p, pair_pop(p));
    EXPECT_EQ(p, p->buffer.id, 3);
    EXPECT_EQ(p, p->buffer.readable, 1);
    EXPECT_EQ(p, p->buffer.writable, 2);
    EXPECT_EQ(p, p->buffer.readable_bytes, 10);
    EXPECT_EQ(p, p->buffer.writable_bytes, 12);
    EXPECT(p, p->segments[0].base == pair_host(p, PAIR_DATA + 1));
    EXPECT(p, p->segments[1].base == pair_host(p, PAIR_DATA + 100));
    EXPECT(p, p->segments[2].base == pair_host(p, PAIR_DATA + 200));
    EXPECT_EQ(p, p->segments[2].bytes, 5);
    EXPECT(p, !pair_pop(p));
    /* Not twice, and not what was never given. */
    EXPECT(p, !pair_push(p, 0, 12));
    EXPECT(p, !pair_push(p, p->options.size, 12));
    EXPECT(p, pair_push(p, 3, 12));
    EXPECT(p, !pair_push(p, 3, 12));
    EXPECT_EQ(p, pair_get(p, PAIR_USED_IDX), p->options.start);
    (void)vq_device_publish(&p->device);
    EXPECT_EQ(p, pair_get(p, PAIR_USED_IDX), (uint16_t)(p->options.start + 1));
    {
        uint32_t id, bytes;
        pair_used(p, p->options.start % p->options.size, &id, &bytes);
        EXPECT_EQ(p, id, 3);
        EXPECT_EQ(p, bytes, 12);
    }
    EXPECT_EQ(p, vq_device_broken(&p->device), VQ_NOT_BROKEN);
}

static void chains(void **state)
{
    (void)state;
    pair_each_size(a_chain_is_popped, small_sizes);
}

static void the_longest_chain(struct queue_pair *p)
{
    uint16_t size = p->options.size;

    if (size > PAIR_ROOM)
        return;
    for (uint16_t i = 0; i < size; i++)
        pair_chain(p, i, PAIR_DATA + i, 1, i + 1 < size ? PAIR_NEXT : 0, (uint16_t)(i + 1));
    pair_offer(p, 0);
    EXPECT(p, pair_pop(p));
    EXPECT_EQ(p, p->buffer.readable, size);
}

static void longest(void **state)
{
    (void)state;
    pair_each(the_longest_chain);
}

/* A whole ring in one batch, given back in random order over several. */
static void a_full_ring(struct queue_pair *p)
{
    enum { BATCH = 32 };
    static uint16_t ids[32768];
    struct vq_segment segments[BATCH];
    struct vq_buffer buffer[BATCH], *buffers[BATCH];
    struct vq_random random = {p->options.size + p->options.start};
    uint32_t size = p->options.size, got = 0;
    size_t n;

    for (unsigned i = 0; i < BATCH; i++) {
        buffer[i] = (struct vq_buffer){.segments = &segments[i], .room = 1};
        buffers[i] = &buffer[i];
    }
    for (uint32_t i = 0; i < size; i++)
        pair_chain(p, (uint16_t)i, PAIR_DATA + i, 1, 0, 0);
    for (uint32_t i = 0; i < size; i++)
        pair_offer(p, (uint16_t)i);
    while ((n = vq_device_pop(&p->device, buffers, BATCH)) != 0)
        for (size_t i = 0; i < n; i++) {
            EXPECT_EQ(p, buffer[i].id, got);
            ids[got++] = buffer[i].id;
        }
    EXPECT_EQ(p, got, size);
    while (got) {
        uint32_t pick = vq_random_below(&random, got);
        EXPECT(p, pair_push(p, ids[pick], ids[pick]));
        ids[pick] = ids[--got];
        if (vq_random_below(&random, 8) == 0)
            (void)vq_device_publish(&p->device);
    }
    (void)vq_device_publish(&p->device);
    EXPECT_EQ(p, pair_get(p, PAIR_USED_IDX), (uint16_t)(p->options.start + size));
    for (uint32_t i = 0; i < size; i++) {
        uint32_t id, bytes;
        pair_used(p, (uint16_t)i, &id, &bytes);
        EXPECT_EQ(p, id, bytes);
    }
}

static void full(void **state)
{
    (void)state;
    pair_each(a_full_ring);
}

static void signal_decisions(struct queue_pair *p)
{
    uint16_t size = p->options.size, limit = size < 8 ? size : 8;

    for (uint16_t i = 0; i < limit; i++)
        pair_chain(p, i, PAIR_DATA, 1, 0, 0);
    for (uint16_t batch = 1; batch <= limit; batch++)
        for (int delta = -3; delta <= batch + 3; delta++)
            for (uint16_t flags = 0; flags < 2; flags++) {
                uint16_t before = p->device.next_used;
                uint16_t event = (uint16_t)(before + delta);

                pair_put(p, PAIR_AVAIL_FLAGS, flags);
                pair_put(p, PAIR_USED_EVENT, event);
                for (uint16_t i = 0; i < batch; i++)
                    pair_offer(p, i);
                for (uint16_t i = 0; i < batch; i++) {
                    EXPECT(p, pair_pop(p));
                    EXPECT(p, pair_push(p, p->buffer.id, 0));
                }
                EXPECT_EQ(p, vq_device_publish(&p->device),
                          p->options.event_idx
                              ? pair_stepped_over(event, before, (uint16_t)(before + batch))
                              : !flags);
                EXPECT_EQ(p, vq_device_publish(&p->device), false);
            }
}

static void signals(void **state)
{
    static const uint16_t sizes[] = {1, 2, 4, 8, 256, 0};
    (void)state;
    pair_each_size(signal_decisions, sizes);
}

static void wishes_of_the_device(struct queue_pair *p)
{
    pair_chain(p, 0, PAIR_DATA, 1, 0, 0);
    vq_device_disable_notifications(&p->device);
    EXPECT_EQ(p, pair_get(p, PAIR_USED_FLAGS), p->options.event_idx ? 0 : 1);
    EXPECT_EQ(p, vq_device_enable_notifications(&p->device), false);
    EXPECT_EQ(p, pair_get(p, PAIR_USED_FLAGS), 0);
    if (p->options.event_idx)
        EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_EVENT), p->options.start);
    vq_device_disable_notifications(&p->device);
    pair_offer(p, 0);
    EXPECT_EQ(p, vq_device_enable_notifications(&p->device), true);
    EXPECT(p, pair_pop(p));
    EXPECT_EQ(p, vq_device_enable_notifications(&p->device), false);
    if (p->options.event_idx)
        EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_EVENT), (uint16_t)(p->options.start + 1));
}

static void wishes(void **state)
{
    (void)state;
    pair_each(wishes_of_the_device);
}

static void one_element_over_three_regions(void **state)
{
    (void)state;
    for (unsigned big = 0; big < 2; big++) {
        struct queue_pair p;
        pair_open(&p, (struct pair_options){.big = big, .regions = 4, .region_bytes = 64});
        pair_chain(&p, 0, PAIR_DATA + 60, 4 + 64 + 64 + 1, PAIR_WRITE, 0);
        pair_offer(&p, 0);
        EXPECT(&p, pair_pop(&p));
        EXPECT_EQ(&p, p.buffer.writable, 4);
        EXPECT_EQ(&p, p.buffer.writable_bytes, 133);
        EXPECT_EQ(&p, p.segments[0].bytes, 4);
        EXPECT_EQ(&p, p.segments[1].bytes, 64);
        EXPECT_EQ(&p, p.segments[2].bytes, 64);
        EXPECT_EQ(&p, p.segments[3].bytes, 1);
        EXPECT(&p, p.segments[3].base == p.regions[3].host);
        pair_close(&p);
    }
}

/* Pieces of regions count as segments: too little room for them is no bad address. */
static void too_many_pieces(void **state)
{
    struct queue_pair p;
    (void)state;

    pair_open(&p, (struct pair_options){.regions = 4, .region_bytes = 64});
    p.buffer.room = 3;
    pair_chain(&p, 0, PAIR_DATA + 60, 4 + 64 + 64 + 1, PAIR_WRITE, 0);
    pair_offer(&p, 0);
    EXPECT(&p, !pair_pop(&p));
    EXPECT_EQ(&p, vq_device_broken(&p.device), VQ_BROKEN_CHAIN_SEGMENTS);
    pair_close(&p);
}

static void indirect_at(struct queue_pair *p, uint64_t table, bool after_direct)
{
    uint8_t raw[3 * 16];

    pair_describe(p, raw, 0, PAIR_DATA + 300, 3, PAIR_NEXT, 2);
    pair_describe(p, raw, 2, PAIR_DATA + 310, 4, PAIR_NEXT | PAIR_WRITE, 1);
    pair_describe(p, raw, 1, PAIR_DATA + 320, 5, PAIR_WRITE, 9999);
    for (unsigned i = 0; i < sizeof(raw); i++)
        *pair_host(p, table + i) = raw[i];
    if (after_direct)
        pair_chain(p, 2, PAIR_DATA, 2, PAIR_NEXT, 0);
    /* WRITE says nothing about a table. */
    pair_chain(p, 0, table, sizeof(raw), PAIR_INDIRECT | (after_direct ? PAIR_WRITE : 0), 0);
    pair_offer(p, after_direct ? 2 : 0);
    EXPECT(p, pair_pop(p));
    EXPECT_EQ(p, p->buffer.id, after_direct ? 2 : 0);
    EXPECT_EQ(p, p->buffer.readable, after_direct ? 2 : 1);
    EXPECT_EQ(p, p->buffer.writable, 2);
    EXPECT_EQ(p, p->buffer.readable_bytes, after_direct ? 5 : 3);
    EXPECT_EQ(p, p->buffer.writable_bytes, 9);
    EXPECT(p, p->segments[p->buffer.readable].base == pair_host(p, PAIR_DATA + 310));
    EXPECT(p, p->segments[p->buffer.readable + 1].base == pair_host(p, PAIR_DATA + 320));
    EXPECT(p, pair_push(p, p->buffer.id, 9));
}

static void indirect_tables(void **state)
{
    (void)state;
    for (unsigned big = 0; big < 2; big++) {
        struct queue_pair p;
        pair_open(&p, (struct pair_options){
                          .big = big, .indirect = true, .regions = 8, .region_bytes = 128});
        for (unsigned after = 0; after < 2; after++)
            /* Every alignment, and every place of the border between two regions. */
            for (uint64_t at = 0; at < 128; at++)
                indirect_at(&p, PAIR_DATA + 512 + at, after);
        pair_close(&p);
    }
}

/* A table may be longer than the queue: it is the driver that should not make it so. */
static void a_long_table(void **state)
{
    struct queue_pair p;
    (void)state;

    pair_open(&p, (struct pair_options){.indirect = true, .size = 2});
    for (uint32_t i = 0; i < PAIR_ROOM; i++)
        pair_describe(&p, pair_host(&p, PAIR_DATA), i, PAIR_DATA, 1,
                      i + 1 < PAIR_ROOM ? PAIR_NEXT : 0, (uint16_t)(i + 1));
    pair_chain(&p, 1, PAIR_DATA, 16 * PAIR_ROOM, PAIR_INDIRECT, 0);
    pair_offer(&p, 1);
    EXPECT(&p, pair_pop(&p));
    EXPECT_EQ(&p, p.buffer.readable, PAIR_ROOM);
    pair_close(&p);
}

/* Taken over in mid-ring, with buffers that the one before took and never gave back. */
static void taken_over(struct queue_pair *p)
{
    for (uint16_t i = 0; i < 4; i++)
        pair_chain(p, i, PAIR_DATA + i, 1, 0, 0);
    for (uint16_t i = 0; i < 4; i++)
        pair_offer(p, i);
    EXPECT(p, pair_pop(p));
    EXPECT(p, pair_pop(p));
    EXPECT(p, pair_push(p, 1, 0));
    (void)vq_device_publish(&p->device);
    EXPECT_EQ(p, vq_device_used_index(&p->device_config), (uint16_t)(p->options.start + 1));
    /* 0 went lost with the process: position 2 for what is available, 1 for what is used. */
    pair_reopen_device(p, (uint16_t)(p->options.start + 2),
                       vq_device_used_index(&p->device_config));
    pair_put(p, PAIR_AVAIL_FLAGS, 0);
    pair_put(p, PAIR_USED_EVENT, (uint16_t)(p->options.start + 100));
    EXPECT(p, pair_pop(p));
    EXPECT_EQ(p, p->buffer.id, 2);
    EXPECT(p, pair_push(p, 2, 0));
    /* The one before may have died between its index and its signal (BUG-86). */
    EXPECT_EQ(p, vq_device_publish(&p->device), true);
    EXPECT(p, pair_pop(p));
    EXPECT_EQ(p, p->buffer.id, 3);
    EXPECT(p, pair_push(p, 3, 0));
    EXPECT_EQ(p, vq_device_publish(&p->device), !p->options.event_idx);
}

static void take_over(void **state)
{
    (void)state;
    pair_each_size(taken_over, small_sizes);
}

/* What was taken before can be given back after. */
static void broken_but_living(struct queue_pair *p)
{
    pair_chain(p, 0, PAIR_DATA, 1, 0, 0);
    pair_chain(p, 1, PAIR_DATA, 1, 0, 0);
    pair_offer(p, 0);
    pair_offer(p, p->options.size);
    pair_offer(p, 1);
    EXPECT(p, pair_pop(p));
    EXPECT(p, !pair_pop(p));
    EXPECT_EQ(p, vq_device_broken(&p->device), VQ_BROKEN_HEAD_RANGE);
    vq_device_break(&p->device, VQ_BROKEN_BY_OWNER);
    EXPECT_EQ(p, vq_device_broken(&p->device), VQ_BROKEN_HEAD_RANGE);
    EXPECT(p, !pair_pop(p));
    EXPECT_EQ(p, vq_device_pending(&p->device), false);
    EXPECT_EQ(p, vq_device_enable_notifications(&p->device), false);
    EXPECT(p, pair_push(p, 0, 1));
    EXPECT_EQ(p, vq_device_publish(&p->device), true);
    EXPECT_EQ(p, pair_get(p, PAIR_USED_IDX), (uint16_t)(p->options.start + 1));
}

static void broken(void **state)
{
    (void)state;
    pair_each_size(broken_but_living, small_sizes);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(refuses_what_makes_no_queue,
                "a size, address or alignment that cannot be is refused"),
        VQ_TEST(chains, "a chain is popped with its segments, and given back once"),
        VQ_TEST(longest, "a chain may be as long as the queue"),
        VQ_TEST(full, "a full ring is popped in order and given back in any order"),
        VQ_TEST(signals, "signal decisions agree with counting the indices one by one"),
        VQ_TEST(wishes, "notifications that are enabled again look again"),
        VQ_TEST(one_element_over_three_regions,
                "an element over several regions has several segments"),
        VQ_TEST(too_many_pieces, "too little room for an element's pieces is named as such"),
        VQ_TEST(indirect_tables, "an indirect table may stand at any address, over regions too"),
        VQ_TEST(a_long_table, "an indirect table may be longer than the queue"),
        VQ_TEST(take_over, "a queue taken over in mid-ring loses nothing, and signals once more"),
        VQ_TEST(broken, "a broken queue gives back what was taken, and takes no more"),
    };
    return VQ_RUN(tests);
}
