/* What an available buffer notification carries, and that both formats are there. */
#include "queue_pair.h"

static void go_round(struct queue_pair *p)
{
    struct vq_done done;
    (void)pair_add_one(p);
    EXPECT(p, pair_pop(p));
    EXPECT(p, pair_push(p, p->buffer.id, 0));
    (void)vq_device_publish(&p->device);
    EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
}

/* Bits 0-15 the queue, 16-30 the offset, 31 the wrap counter. */
static void split_data(void **state)
{
    struct queue_pair p;
    (void)state;

    pair_open(&p, (struct pair_options){.start = 0x8002});
    (void)pair_add_one(&p);
    EXPECT_EQ(&p, vq_driver_notification_data(&p.driver, 5), 0x80030005);
    /* Again, with nothing new: the same. */
    EXPECT_EQ(&p, vq_driver_notification_data(&p.driver, 5), 0x80030005);
    pair_close(&p);
    pair_open(&p, (struct pair_options){.start = 0x7ffe});
    (void)pair_add_one(&p);
    EXPECT_EQ(&p, vq_driver_notification_data(&p.driver, 0xffff), 0x7fffffff);
    pair_close(&p);
}

static void packed_data(void **state)
{
    struct queue_pair p;
    uint32_t slot = 0, wrap = 1;
    (void)state;

    pair_open(&p, (struct pair_options){.format = PAIR_PACKED, .size = 5});
    for (unsigned i = 0; i < 23; i++) {
        go_round(&p);
        if (++slot == 5) {
            slot = 0;
            wrap ^= 1;
        }
        EXPECT_EQ(&p, vq_driver_notification_data(&p.driver, 9), 9 | slot << 16 | wrap << 31);
        EXPECT_EQ(&p, vq_driver_notification_data(&p.driver, 9), 9 | slot << 16 | wrap << 31);
    }
    pair_close(&p);
}

/* A packed queue of five slots at each position of two rounds, with EVENT_IDX or without. */
static void each_packed(void (*fn)(struct queue_pair *p))
{
    for (uint16_t start = 0; start < 10; start++)
        for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
            struct queue_pair p;
            pair_open(&p, (struct pair_options){.format = PAIR_PACKED,
                                                .size = 5,
                                                .start = start,
                                                .event_idx = event_idx != 0});
            fn(&p);
            pair_close(&p);
        }
}

/* 0 always, 1 never, 2 at a position; nothing in the other bits. */
static void check_wishes(struct queue_pair *p)
{
    for (unsigned i = 0; i < 12; i++) {
        vq_driver_disable_notifications(&p->driver);
        EXPECT_EQ(p, pair_wish(p, true), UINT32_C(1) << 16);
        vq_device_disable_notifications(&p->device);
        EXPECT_EQ(p, pair_wish(p, false), UINT32_C(1) << 16);
        EXPECT(p, !vq_driver_enable_notifications(&p->driver));
        EXPECT_EQ(p, pair_wish(p, true),
                  p->options.event_idx ? UINT32_C(2) << 16 | p->driver.next_used : 0);
        EXPECT(p, !vq_device_enable_notifications(&p->device));
        EXPECT_EQ(p, pair_wish(p, false),
                  p->options.event_idx ? UINT32_C(2) << 16 | p->device.next_available : 0);
        go_round(p);
    }
}

static void wishes(void **state)
{
    (void)state;
    each_packed(check_wishes);
}

/* Is a notification wanted of the step of `slots` from `at` on? One slot at a time. */
static bool due(const struct queue_pair *p, uint32_t wish, uint16_t at, unsigned slots)
{
    for (unsigned i = 0; i < slots; i++)
        if (pair_after(p, at, i) == (wish & 0xffff))
            return wish >> 16 != 1;
    return wish >> 16 == 0;
}

/* Every wish that there can be, against steps of one to five slots by one or more buffers. */
static void check_decisions(struct queue_pair *p)
{
    static const struct vq_element e[5] = {
        {PAIR_DATA, 1}, {PAIR_DATA, 1}, {PAIR_DATA, 1}, {PAIR_DATA, 1}, {PAIR_DATA, 1}};

    for (uint32_t mode = 0; mode < (p->options.event_idx ? 3 : 2); mode++)
        for (uint16_t off = 0; off < 10; off++)
            for (unsigned slots = 1; slots <= 5; slots++) {
                uint32_t wish = mode << 16 | pair_after(p, PAIR_WRAP, off);
                uint16_t at = p->driver.next_available;
                struct vq_done done[2];
                unsigned first = slots / 2;

                pair_put_wish(p, true, wish);
                pair_put_wish(p, false, wish);
                if (first)
                    EXPECT(p, vq_driver_add(&p->driver, e, first, 0) >= 0);
                EXPECT(p, vq_driver_add(&p->driver, e, 0, slots - first) >= 0);
                EXPECT_EQ(p, vq_driver_publish(&p->driver), due(p, wish, at, slots));
                while (pair_pop(p))
                    EXPECT(p, pair_push(p, p->buffer.id, 0));
                EXPECT_EQ(p, vq_device_publish(&p->device), due(p, wish, at, slots));
                EXPECT_EQ(p, vq_driver_get(&p->driver, done, 2), first ? 2 : 1);
            }
}

static void decisions(void **state)
{
    (void)state;
    each_packed(check_decisions);
}

/* Off while there is work, and a last look after they are on again. */
static void check_last_look(struct queue_pair *p)
{
    struct vq_done done;

    vq_driver_disable_notifications(&p->driver);
    vq_device_disable_notifications(&p->device);
    for (unsigned i = 0; i < 12; i++) {
        struct vq_element e = {PAIR_DATA, 8};
        EXPECT(p, vq_driver_add(&p->driver, &e, 1, 0) >= 0);
        EXPECT(p, !vq_driver_publish(&p->driver));
        EXPECT(p, vq_device_enable_notifications(&p->device));
        vq_device_disable_notifications(&p->device);
        EXPECT(p, pair_pop(p));
        EXPECT(p, pair_push(p, p->buffer.id, 0));
        EXPECT(p, !vq_device_publish(&p->device));
        EXPECT(p, vq_driver_enable_notifications(&p->driver));
        vq_driver_disable_notifications(&p->driver);
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
    }
}

static void last_look(void **state)
{
    (void)state;
    each_packed(check_last_look);
}

static void both_formats(void **state)
{
    (void)state;
    for (unsigned format = 0; format < 2; format++) {
        struct queue_pair p;
        pair_open(&p, (struct pair_options){.format = format ? PAIR_PACKED : PAIR_SPLIT});
        for (unsigned i = 0; i < 100; i++)
            go_round(&p);
        pair_close(&p);
    }
}

/* Three buffers, used in an order of the device's own. */
static void any_order(void **state)
{
    static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    (void)state;
    for (unsigned format = 0; format < 2; format++)
        for (unsigned o = 0; o < 6; o++) {
            struct queue_pair p;
            struct vq_done done;
            uint16_t id[3];
            pair_open(&p, (struct pair_options){.format = format ? PAIR_PACKED : PAIR_SPLIT});
            for (unsigned i = 0; i < 3; i++)
                id[i] = pair_add_one(&p);
            for (unsigned i = 0; i < 3; i++)
                EXPECT(&p, pair_pop(&p));
            for (unsigned i = 0; i < 3; i++) {
                EXPECT(&p, pair_push(&p, id[orders[o][i]], 0));
                (void)vq_device_publish(&p.device);
                EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 1);
                EXPECT_EQ(&p, done.id, id[orders[o][i]]);
            }
            pair_close(&p);
        }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(split_data, "a kick carries the available index of a split ring, the same again if "
                            "nothing came [BASIC-DRV-NOTIF-03 BASIC-DRV-NOTIF-05]"),
        VQ_TEST(packed_data,
                "a kick carries slot and wrap counter of a packed ring, the same again if nothing "
                "came [BASIC-DRV-NOTIF-04 PACKED-DRV-DESC-03 PACKED-DRV-DESC-04]"),
        VQ_TEST(wishes, "a wish is always, never or, with EVENT_IDX only, at a position "
                        "[PACKED-DRV-EVENT-01 PACKED-DRV-EVENT-02 PACKED-DEV-EVENT-01 "
                        "PACKED-DEV-EVENT-02]"),
        VQ_TEST(decisions, "every wish is obeyed, to the slot and the round "
                           "[PACKED-DRV-EVENT-03 PACKED-DEV-EVENT-03]"),
        VQ_TEST(last_look, "notifications may be off while there is work "
                           "[PACKED-DRV-SUPPLY-04 PACKED-DEV-SUPPLY-02]"),
        VQ_TEST(both_formats, "both ends speak both formats [BASIC-DEV-VQ-02 BASIC-DRV-VQ-01]"),
        VQ_TEST(any_order, "buffers complete in any order [BASIC-DEV-VQ-03]"),
    };
    return VQ_RUN(tests);
}
