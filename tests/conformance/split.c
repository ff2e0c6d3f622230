/*
 * The split ring, requirement by requirement: what each end writes is read back
 * byte by byte, what it reads is written byte by byte, in both orders of bytes.
 */
#include "queue_pair.h"

#include <string.h>

enum { SIZE = 8 };

static const struct vq_element three[3] = {
    {PAIR_DATA, 10}, {PAIR_DATA + 16, 20}, {PAIR_DATA + 48, 30}};

/* Calls `fn` for both orders of bytes, with and without EVENT_IDX, from an index near the wrap. */
static void each(void (*fn)(struct queue_pair *p), struct pair_options options)
{
    static const uint16_t starts[] = {0, 65533};

    for (unsigned bits = 0; bits < 8; bits++) {
        struct queue_pair p;
        options.big = bits & 1;
        options.event_idx = (bits & 2) != 0;
        options.start = options.in_order ? 0 : starts[bits >> 2];
        if (options.size == 0)
            options.size = SIZE;
        pair_open(&p, options);
        fn(&p);
        pair_close(&p);
    }
}

#define EACH(fn, ...) each(fn, (struct pair_options){.size = SIZE, ##__VA_ARGS__})

static uint16_t add_three(struct queue_pair *p)
{
    int id = vq_driver_add(&p->driver, three, 1, 2);
    EXPECT(p, id >= 0);
    return (uint16_t)id;
}

/* One buffer through the device's end. */
static bool answer(struct queue_pair *p, uint32_t written)
{
    EXPECT(p, pair_pop(p));
    EXPECT(p, pair_push(p, p->buffer.id, written));
    return vq_device_publish(&p->device);
}

static void check_byte_order(struct queue_pair *p)
{
    const uint8_t *table = p->driver_config.descriptor_area;
    const uint8_t *available = p->driver_config.driver_area;
    const uint8_t *used = p->driver_config.device_area;
    uint16_t head = add_three(p), low = p->options.big ? 3 : 0;
    uint16_t slot = p->options.start % SIZE;

    (void)vq_driver_publish(&p->driver);
    EXPECT_EQ(p, table[16 * head + 8 + low], 10);
    EXPECT_EQ(p, table[16 * head + 8 + (3 - low)], 0);
    EXPECT_EQ(p, available[2 + (p->options.big ? 1 : 0)], (uint8_t)(p->options.start + 1));
    (void)answer(p, 5);
    EXPECT_EQ(p, used[4 + 8 * slot + 4 + low], 5);
    EXPECT_EQ(p, used[4 + 8 * slot + 4 + (3 - low)], 0);
    EXPECT_EQ(p, used[2 + (p->options.big ? 1 : 0)], (uint8_t)(p->options.start + 1));
}

static void byte_order(void **state)
{
    (void)state;
    EACH(check_byte_order);
}

static void check_chain(struct queue_pair *p)
{
    uint16_t head = add_three(p), i = head;
    bool seen[SIZE] = {false}, writable = false;

    for (unsigned k = 0; k < 3; k++) {
        struct pair_descriptor d = pair_descriptor(p, p->driver_config.descriptor_area, i);
        EXPECT(p, i < SIZE && !seen[i]);
        seen[i] = true;
        EXPECT(p, !writable || (d.flags & PAIR_WRITE));
        writable = d.flags & PAIR_WRITE;
        EXPECT_EQ(p, writable, k > 0);
        EXPECT_EQ(p, d.flags & PAIR_INDIRECT, 0);
        EXPECT_EQ(p, d.flags & PAIR_NEXT, k < 2 ? PAIR_NEXT : 0);
        i = d.next;
    }
}

static void chain(void **state)
{
    (void)state;
    EACH(check_chain);
    /* Tables at hand, but the feature was not negotiated. */
    EACH(check_chain, .indirect_entries = 4);
}

static void check_too_long(struct queue_pair *p)
{
    struct vq_element many[SIZE + 1], huge[2] = {{0, UINT32_MAX}, {0, 2}};

    for (unsigned i = 0; i <= SIZE; i++)
        many[i] = three[0];
    EXPECT_EQ(p, vq_driver_add(&p->driver, many, SIZE + 1, 0), VQ_ERR_INVALID);
    EXPECT_EQ(p, vq_driver_add(&p->driver, huge, 1, 1), VQ_ERR_RANGE);
    EXPECT(p, vq_driver_add(&p->driver, many, 0, SIZE) >= 0);
}

static void too_long(void **state)
{
    (void)state;
    EACH(check_too_long);
    EACH(check_too_long, .indirect = true, .indirect_entries = SIZE + 1);
}

static void check_table(struct queue_pair *p)
{
    uint16_t head = add_three(p);
    struct pair_descriptor d = pair_descriptor(p, p->driver_config.descriptor_area, head);
    const uint8_t *table = pair_host(p, d.address);

    EXPECT_EQ(p, d.flags, PAIR_INDIRECT);
    EXPECT_EQ(p, d.bytes, 48);
    for (unsigned k = 0; k < 3; k++) {
        struct pair_descriptor e = pair_descriptor(p, table, k);
        EXPECT_EQ(p, e.flags, (k ? PAIR_WRITE : 0) | (k < 2 ? PAIR_NEXT : 0));
        EXPECT_EQ(p, e.next, k < 2 ? k + 1 : 0);
        EXPECT_EQ(p, e.address, three[k].address);
    }
}

static void table(void **state)
{
    (void)state;
    EACH(check_table, .indirect = true, .indirect_entries = 4);
}

static void check_table_in_order(struct queue_pair *p)
{
    check_table(p);
}

static void check_heads_in_order(struct queue_pair *p)
{
    uint16_t at = 0;

    for (unsigned round = 0; round < 20; round++) {
        struct vq_done done;
        uint16_t head = add_three(p), i = head;

        EXPECT_EQ(p, head, at);
        for (unsigned k = 0; k < 3; k++) {
            struct pair_descriptor d = pair_descriptor(p, p->driver_config.descriptor_area, i);
            uint16_t after = (uint16_t)((i + 1) % SIZE);
            if (k < 2)
                EXPECT_EQ(p, d.next, after);
            i = after;
        }
        at = i;
        (void)vq_driver_publish(&p->driver);
        (void)answer(p, 50);
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
    }
}

static void heads_in_order(void **state)
{
    (void)state;
    EACH(check_heads_in_order, .in_order = true);
    EACH(check_table_in_order, .in_order = true, .indirect = true, .indirect_entries = 4);
}

/* Four buffers pushed last first: they become used in the order in which they came. */
static void check_batch_in_order(struct queue_pair *p)
{
    struct vq_element e = {PAIR_DATA, 8};
    struct vq_done done[4];
    uint32_t id, bytes;

    for (unsigned i = 0; i < 4; i++)
        EXPECT_EQ(p, vq_driver_add(&p->driver, &e, 0, 1), i);
    (void)vq_driver_publish(&p->driver);
    for (unsigned i = 0; i < 4; i++)
        EXPECT(p, pair_pop(p));
    for (uint16_t i = 3; i > 0; i--)
        EXPECT(p, pair_push(p, i, 8));
    (void)vq_device_publish(&p->device);
    EXPECT_EQ(p, pair_get(p, PAIR_USED_IDX), 0);
    EXPECT(p, pair_push(p, 0, 8));
    (void)vq_device_publish(&p->device);
    EXPECT_EQ(p, pair_get(p, PAIR_USED_IDX), 4);
    /* One entry for all of them, in the slot of the first, naming the last. */
    pair_used(p, 0, &id, &bytes);
    EXPECT_EQ(p, id, 3);
    EXPECT_EQ(p, bytes, 8);
    EXPECT_EQ(p, vq_driver_get(&p->driver, done, 4), 4);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(p, done[i].id, i);
        EXPECT_EQ(p, done[i].written, 8);
    }
    EXPECT_EQ(p, vq_driver_free(&p->driver), SIZE);
}

static void batch_in_order(void **state)
{
    (void)state;
    EACH(check_batch_in_order, .in_order = true);
}

static void check_available_index(struct queue_pair *p)
{
    uint16_t idx = pair_get(p, PAIR_AVAIL_IDX);

    EXPECT_EQ(p, idx, p->options.start);
    for (unsigned round = 0; round < 30; round++) {
        struct vq_element e = {PAIR_DATA, 8};
        uint16_t heads[3], count = (uint16_t)(1 + round % 3);

        for (uint16_t i = 0; i < count; i++) {
            heads[i] = (uint16_t)vq_driver_add(&p->driver, &e, 1, 0);
            EXPECT_EQ(p, pair_head(p, (uint16_t)(idx + i) % SIZE), heads[i]);
            /* Nothing is seen before it is published. */
            EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_IDX), idx);
            EXPECT(p, !vq_device_pending(&p->device));
        }
        (void)vq_driver_publish(&p->driver);
        idx = (uint16_t)(idx + count);
        EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_IDX), idx);
        for (uint16_t i = 0; i < count; i++) {
            struct vq_done done;
            (void)answer(p, 0);
            EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
            EXPECT_EQ(p, done.id, heads[i]);
        }
        EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_IDX), idx);
        EXPECT_EQ(p, pair_get(p, PAIR_USED_IDX), idx);
    }
}

static void available_index(void **state)
{
    (void)state;
    EACH(check_available_index);
}

static void check_flags(struct queue_pair *p)
{
    bool event = p->options.event_idx;
    struct vq_done done;

    EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_FLAGS), 0);
    EXPECT_EQ(p, pair_get(p, PAIR_USED_FLAGS), 0);
    for (unsigned round = 0; round < 20; round++) {
        (void)vq_driver_disable_notifications(&p->driver);
        EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_FLAGS), !event);
        (void)vq_device_disable_notifications(&p->device);
        EXPECT_EQ(p, pair_get(p, PAIR_USED_FLAGS), !event);
        (void)pair_add_one(p);
        if (!event)
            EXPECT(p, !answer(p, 0));
        else
            (void)answer(p, 0);
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
        (void)vq_driver_enable_notifications(&p->driver);
        (void)vq_device_enable_notifications(&p->device);
        EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_FLAGS), 0);
        EXPECT_EQ(p, pair_get(p, PAIR_USED_FLAGS), 0);
    }
}

static void flags(void **state)
{
    (void)state;
    EACH(check_flags);
}

/* What stands in the fields that must not count. */
static void check_signals(struct queue_pair *p)
{
    for (unsigned round = 0; round < 40; round++) {
        uint16_t now = p->device.next_used, flag = round & 1;
        uint16_t event = (uint16_t)(now + (round >> 1) % 5 - 2);
        struct vq_done done;
        bool signal;

        (void)pair_add_one(p);
        pair_put(p, PAIR_AVAIL_FLAGS, flag);
        pair_put(p, PAIR_USED_EVENT, event);
        signal = answer(p, 0);
        EXPECT_EQ(p, signal, p->options.event_idx ? event == now : !flag);
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
    }
}

static void signals(void **state)
{
    (void)state;
    EACH(check_signals);
}

static void check_kicks(struct queue_pair *p)
{
    for (unsigned round = 0; round < 40; round++) {
        uint16_t now = p->driver.next_available, flag = round & 1;
        uint16_t event = (uint16_t)(now + (round >> 1) % 5 - 2);
        struct vq_element e = {PAIR_DATA, 8};
        struct vq_done done;

        pair_put(p, PAIR_USED_FLAGS, flag);
        pair_put(p, PAIR_AVAIL_EVENT, event);
        EXPECT(p, vq_driver_add(&p->driver, &e, 1, 0) >= 0);
        EXPECT_EQ(p, vq_driver_publish(&p->driver), p->options.event_idx ? event == now : !flag);
        pair_put(p, PAIR_USED_FLAGS, 0);
        (void)answer(p, 0);
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
    }
}

static void kicks(void **state)
{
    (void)state;
    EACH(check_kicks);
}

/* Each end asks to be notified only three buffers from now, and is. */
static void check_deferred(struct queue_pair *p)
{
    uint16_t start = p->options.start;

    if (!p->options.event_idx)
        return;
    pair_put(p, PAIR_USED_EVENT, (uint16_t)(start + 3));
    pair_put(p, PAIR_AVAIL_EVENT, (uint16_t)(start + 3));
    for (uint16_t i = 0; i < SIZE; i++) {
        struct vq_element e = {PAIR_DATA, 8};
        EXPECT(p, vq_driver_add(&p->driver, &e, 1, 0) >= 0);
        EXPECT_EQ(p, vq_driver_publish(&p->driver), i == 3);
        EXPECT_EQ(p, answer(p, 0), i == 3);
    }
}

static void deferred(void **state)
{
    (void)state;
    EACH(check_deferred);
}

/* Looking when there is nothing, because of a notification that meant nothing. */
static void check_spurious(struct queue_pair *p)
{
    struct vq_done done;

    for (unsigned i = 0; i < 3; i++) {
        EXPECT(p, !pair_pop(p));
        EXPECT(p, !vq_device_publish(&p->device));
        EXPECT(p, !vq_device_enable_notifications(&p->device));
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 0);
        EXPECT(p, !vq_driver_publish(&p->driver));
        EXPECT(p, !vq_driver_enable_notifications(&p->driver));
    }
    (void)pair_add_one(p);
    (void)answer(p, 0);
    EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
    EXPECT_EQ(p, vq_driver_broken(&p->driver), VQ_NOT_BROKEN);
    EXPECT_EQ(p, vq_device_broken(&p->device), VQ_NOT_BROKEN);
}

static void spurious(void **state)
{
    (void)state;
    EACH(check_spurious);
}

static void check_used(struct queue_pair *p)
{
    uint16_t slot = p->options.start % SIZE, head = add_three(p);
    struct vq_done done;
    uint32_t id, bytes;

    (void)vq_driver_publish(&p->driver);
    EXPECT(p, pair_pop(p));
    EXPECT(p, pair_push(p, head, 7));
    /* The entry stands before the index moves. */
    pair_used(p, slot, &id, &bytes);
    EXPECT_EQ(p, id, head);
    EXPECT_EQ(p, bytes, 7);
    EXPECT_EQ(p, pair_get(p, PAIR_USED_IDX), p->options.start);
    EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 0);
    (void)vq_device_publish(&p->device);
    EXPECT_EQ(p, pair_get(p, PAIR_USED_IDX), (uint16_t)(p->options.start + 1));
    EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
    /* More may have been written; the driver hears of 7 bytes only. */
    EXPECT_EQ(p, done.written, 7);
}

static void used(void **state)
{
    (void)state;
    EACH(check_used);
}

static void check_table_is_left_alone(struct queue_pair *p)
{
    uint8_t before[16 * SIZE], ring[6 + 2 * SIZE];
    uint16_t head = add_three(p);

    (void)vq_driver_publish(&p->driver);
    memcpy(before, p->driver_config.descriptor_area, sizeof(before));
    memcpy(ring, p->driver_config.driver_area, sizeof(ring));
    EXPECT(p, pair_pop(p));
    EXPECT(p, pair_push(p, head, 50));
    (void)vq_device_publish(&p->device);
    (void)vq_device_enable_notifications(&p->device);
    vq_device_disable_notifications(&p->device);
    EXPECT_EQ(p, memcmp(before, p->driver_config.descriptor_area, sizeof(before)), 0);
    EXPECT_EQ(p, memcmp(ring, p->driver_config.driver_area, sizeof(ring)), 0);
}

static void table_is_left_alone(void **state)
{
    (void)state;
    EACH(check_table_is_left_alone);
}

static void check_mixed(struct queue_pair *p)
{
    for (uint16_t write = 0; write <= PAIR_WRITE; write += PAIR_WRITE) {
        pair_describe(p, pair_host(p, PAIR_DATA + 256), 0, PAIR_DATA + 1, 3, PAIR_NEXT, 1);
        pair_describe(p, pair_host(p, PAIR_DATA + 256), 1, PAIR_DATA + 8, 5, PAIR_WRITE, 0);
        pair_chain(p, 2, PAIR_DATA, 1, PAIR_NEXT, 5);
        pair_chain(p, 5, PAIR_DATA + 256, 32, PAIR_INDIRECT | write, 0);
        pair_offer(p, 2);
        EXPECT(p, pair_pop(p));
        EXPECT_EQ(p, p->buffer.readable, 2);
        EXPECT_EQ(p, p->buffer.readable_bytes, 4);
        EXPECT_EQ(p, p->buffer.writable, 1);
        EXPECT_EQ(p, p->buffer.writable_bytes, 5);
        EXPECT(p, pair_push(p, 2, 5));
    }
}

static void mixed(void **state)
{
    (void)state;
    EACH(check_mixed, .indirect = true);
}

static void check_cap(struct queue_pair *p)
{
    (void)add_three(p);
    (void)vq_driver_publish(&p->driver);
    p->buffer.room = 2;
    EXPECT(p, !pair_pop(p));
    EXPECT_EQ(p, vq_device_broken(&p->device), VQ_BROKEN_CHAIN_SEGMENTS);
}

static void cap(void **state)
{
    (void)state;
    EACH(check_cap);
}

static void check_polling(struct queue_pair *p)
{
    vq_device_disable_notifications(&p->device);
    pair_put(p, PAIR_AVAIL_EVENT, (uint16_t)(p->options.start + 100));
    for (unsigned i = 0; i < 20; i++) {
        struct vq_element e = {PAIR_DATA, 8};
        struct vq_done done;
        EXPECT(p, vq_driver_add(&p->driver, &e, 1, 0) >= 0);
        EXPECT(p, !vq_driver_publish(&p->driver));
        (void)answer(p, 0);
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
    }
}

static void polling(void **state)
{
    (void)state;
    EACH(check_polling);
}

/* What the device was given and still has stands as it was given, whatever comes and goes
 * beside it: descriptors, and the table where there is one. */
static void check_live_buffer(struct queue_pair *p)
{
    struct vq_done done;
    uint16_t held = add_three(p), slot = held;
    struct pair_descriptor before[3];
    bool table = p->options.indirect_entries != 0;
    const void *descriptors = p->driver_config.descriptor_area;

    if (table)
        descriptors = (const uint8_t *)p->driver_config.indirect_tables +
                      (size_t)16 * p->options.indirect_entries * held;
    for (unsigned i = 0; i < 3; i++) {
        before[i] = pair_descriptor(p, descriptors, table ? i : slot);
        slot = before[i].next;
    }
    (void)vq_driver_publish(&p->driver);
    EXPECT(p, pair_pop(p));
    for (unsigned round = 0; round < 4 * SIZE; round++) {
        uint16_t id = add_three(p);
        (void)vq_driver_publish(&p->driver);
        EXPECT(p, id != held);
        (void)answer(p, 50);
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
        slot = held;
        for (unsigned i = 0; i < 3; i++) {
            struct pair_descriptor now = pair_descriptor(p, descriptors, table ? i : slot);
            EXPECT(p, memcmp(&now, &before[i], sizeof(now)) == 0);
            slot = now.next;
        }
    }
    EXPECT(p, pair_push(p, held, 50));
    (void)vq_device_publish(&p->device);
    EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
    EXPECT_EQ(p, done.id, held);
}

static void live_buffer(void **state)
{
    (void)state;
    EACH(check_live_buffer);
    EACH(check_live_buffer, .indirect = true, .indirect_entries = 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(byte_order, "a legacy ring has the driver's order of bytes at both ends "
                            "[SPLIT-DRV-LEGEND-01 SPLIT-DEV-LEGEND-01]"),
        VQ_TEST(chain, "a chain is readable first, never meets itself, and is direct without the "
                       "feature [SPLIT-DRV-FRAMING-01 SPLIT-DRV-DESC-02 SPLIT-DRV-INDIR-01]"),
        VQ_TEST(too_long, "a chain beyond the queue size or 2^32 bytes is refused "
                          "[SPLIT-DRV-DESC-01 SPLIT-DRV-INDIR-03]"),
        VQ_TEST(table, "an indirect table is one chain from entry 0, not nested and not chained "
                       "[SPLIT-DRV-INDIR-02 SPLIT-DRV-INDIR-04 SPLIT-DRV-INDIR-06]"),
        VQ_TEST(heads_in_order, "with IN_ORDER descriptors are taken in the order of the ring "
                                "[SPLIT-DRV-DESC-03 SPLIT-DRV-DESC-04 SPLIT-DRV-INDIR-05]"),
        VQ_TEST(batch_in_order,
                "with IN_ORDER one used entry stands for a batch, in order [SPLIT-DEV-INORDER-01 "
                "SPLIT-DEV-INORDER-02 SPLIT-DRV-INORDER-01 FEAT-DEV-05]"),
        VQ_TEST(available_index,
                "the available index rises by what was added, once for a batch "
                "[SPLIT-DRV-AVAIL-01 SPLIT-DRV-AVAIL-02 SPLIT-DRV-SUPPLY-01 SPLIT-DRV-SUPPLY-02 "
                "SPLIT-DRV-SUPPLY-03 SPLIT-DRV-SUPPLY-04]"),
        VQ_TEST(flags, "flags are 0 or 1, and 0 with EVENT_IDX "
                       "[SPLIT-DRV-USEDSUPP-01 SPLIT-DRV-USEDSUPP-02 SPLIT-DRV-USEDSUPP-03 "
                       "SPLIT-DEV-AVAILSUPP-01 SPLIT-DEV-AVAILSUPP-02 SPLIT-DEV-AVAILSUPP-03 "
                       "SPLIT-DRV-AVAILSUPP-01]"),
        VQ_TEST(signals,
                "a used entry is notified by the flag or the index, never by the other one "
                "[SPLIT-DEV-USEDSUPP-01 SPLIT-DEV-USEDSUPP-02 SPLIT-DEV-USEDSUPP-03 "
                "SPLIT-DEV-USEDSUPP-04 SPLIT-DEV-USEDSUPP-05 SPLIT-DEV-USEDSUPP-06]"),
        VQ_TEST(kicks, "so is an available entry "
                       "[SPLIT-DRV-AVAILSUPP-02 SPLIT-DRV-AVAILSUPP-03 SPLIT-DRV-AVAILSUPP-04 "
                       "SPLIT-DRV-AVAILSUPP-05 SPLIT-DRV-AVAILSUPP-06 SPLIT-DRV-AVAILSUPP-07]"),
        VQ_TEST(deferred, "a notification may be asked for later [SPLIT-DRV-USEDSUPP-04 "
                          "SPLIT-DEV-AVAILSUPP-04]"),
        VQ_TEST(spurious, "a notification for nothing harms nobody "
                          "[SPLIT-DRV-USEDSUPP-05 SPLIT-DEV-AVAILSUPP-05]"),
        VQ_TEST(used, "a used entry stands before its index, and says how much counts "
                      "[SPLIT-DEV-USED-01 SPLIT-DEV-USED-03 SPLIT-DEV-USED-04 SPLIT-DRV-USED-02]"),
        VQ_TEST(table_is_left_alone,
                "the device's end writes neither descriptors nor the available ring "
                "[SPLIT-DEV-DESC-04]"),
        VQ_TEST(mixed, "direct descriptors may end in a table, whose WRITE means nothing "
                       "[SPLIT-DEV-INDIR-01 SPLIT-DEV-INDIR-02]"),
        VQ_TEST(live_buffer, "what the device has is not written to [INIT-DRV-CLEAN-01]"),
        VQ_TEST(cap, "a chain may be too long for the device [SPLIT-DEV-FRAMING-02]"),
        VQ_TEST(polling, "a device that looks by itself needs no kick "
                         "[SPLIT-DEV-SUPPLY-01 SPLIT-DEV-SUPPLY-02]"),
    };
    return VQ_RUN(tests);
}
