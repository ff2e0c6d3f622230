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
    }
    pair_close(&p);
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
                "a kick carries slot and wrap counter of a packed ring [BASIC-DRV-NOTIF-04]"),
        VQ_TEST(both_formats, "both ends speak both formats [BASIC-DEV-VQ-02 BASIC-DRV-VQ-01]"),
        VQ_TEST(any_order, "buffers complete in any order [BASIC-DEV-VQ-03]"),
    };
    return VQ_RUN(tests);
}
