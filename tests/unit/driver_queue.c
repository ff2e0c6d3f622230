/* The driver's end alone, against a device without a mind. */
#include "queue_pair.h"

#include <string.h>

static const uint16_t small_sizes[] = {1, 2, 4, 8, 256, 0};

static void refuses_what_makes_no_queue(void **state)
{
    struct queue_pair p;
    struct vq_driver_queue q;
    struct vq_driver_config c;
    (void)state;

    pair_open(&p, (struct pair_options){.size = 8});
    c = p.driver_config;
    for (uint32_t size = 0; size < 65536; size++) {
        bool power = size && !(size & (size - 1)) && size <= 32768;
        if (power)
            continue;
        c.size = (uint16_t)size;
        EXPECT_EQ(&p, vq_driver_init(&q, &c), VQ_ERR_SIZE);
    }
    c = p.driver_config;
    for (unsigned off = 1; off < 16; off++) {
        c.descriptor_area = (uint8_t *)p.driver_config.descriptor_area + off;
        EXPECT_EQ(&p, vq_driver_init(&q, &c), VQ_ERR_ALIGN);
    }
    c = p.driver_config;
    c.driver_area = (uint8_t *)c.driver_area + 1;
    EXPECT_EQ(&p, vq_driver_init(&q, &c), VQ_ERR_ALIGN);
    for (unsigned off = 1; off < 4; off++) {
        c = p.driver_config;
        c.device_area = (uint8_t *)c.device_area + off;
        EXPECT_EQ(&p, vq_driver_init(&q, &c), VQ_ERR_ALIGN);
    }
    c = p.driver_config;
    c.slots = NULL;
    EXPECT_EQ(&p, vq_driver_init(&q, &c), VQ_ERR_INVALID);
    pair_close(&p);
}

static void an_element_is_what_was_asked(struct queue_pair *p)
{
    struct vq_element e[3] = {{0x123456789abcdef0, 0x11}, {0x2000, 0x22}, {0x3000, 0x33}};
    const void *table = p->driver_config.descriptor_area;
    bool indirect = p->driver.indirect_entries >= 3;
    uint32_t i;
    int id;

    if (p->options.size < 3)
        return;
    id = vq_driver_add(&p->driver, e, 1, 2);
    EXPECT(p, id >= 0 && id < p->options.size);
    EXPECT_EQ(p, vq_driver_free(&p->driver), p->options.size - (indirect ? 1 : 3));
    i = (uint32_t)id;
    if (indirect) {
        struct pair_descriptor d = pair_descriptor(p, table, i);
        EXPECT_EQ(p, d.flags, PAIR_INDIRECT);
        EXPECT_EQ(p, d.bytes, 48);
        table = pair_host(p, d.address);
        EXPECT(p, table != NULL);
        i = 0;
    }
    for (unsigned k = 0; k < 3; k++) {
        struct pair_descriptor d = pair_descriptor(p, table, i);
        EXPECT_EQ(p, d.address, e[k].address);
        EXPECT_EQ(p, d.bytes, e[k].bytes);
        EXPECT_EQ(p, d.flags, (k ? PAIR_WRITE : 0) | (k < 2 ? PAIR_NEXT : 0));
        i = d.next;
    }
    EXPECT_EQ(p, pair_head(p, p->options.start % p->options.size), id);
    EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_IDX), p->options.start);
    (void)vq_driver_publish(&p->driver);
    EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_IDX), (uint16_t)(p->options.start + 1));
    pair_use(p, (uint32_t)id, 0x55);
    {
        struct vq_done done;
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
        EXPECT_EQ(p, done.id, id);
        EXPECT_EQ(p, done.written, 0x55);
    }
    EXPECT_EQ(p, vq_driver_free(&p->driver), p->options.size);
}

static void elements(void **state)
{
    (void)state;
    pair_each(an_element_is_what_was_asked);
}

static void fill_and_empty(struct queue_pair *p)
{
    struct vq_element e = {PAIR_DATA, 4};
    uint16_t size = p->options.size;
    struct vq_done done;

    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < size; i++)
            EXPECT(p, vq_driver_add(&p->driver, &e, 1, 0) >= 0);
        EXPECT_EQ(p, vq_driver_add(&p->driver, &e, 1, 0), VQ_ERR_FULL);
        EXPECT_EQ(p, vq_driver_free(&p->driver), 0);
        (void)vq_driver_publish(&p->driver);
        EXPECT_EQ(p, vq_driver_publish(&p->driver), false);
        /* In the opposite of the order in which they came. */
        for (uint32_t i = size; i-- > 0;) {
            uint16_t slot = (uint16_t)(p->options.start + round * size + i);
            pair_use(p, pair_head(p, slot % size), 0);
        }
        for (uint32_t i = 0; i < size; i++)
            EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 0);
        EXPECT_EQ(p, vq_driver_free(&p->driver), size);
    }
    EXPECT_EQ(p, vq_driver_broken(&p->driver), VQ_NOT_BROKEN);
}

static void full_ring(void **state)
{
    (void)state;
    pair_each(fill_and_empty);
}

static void errors_change_nothing(struct queue_pair *p)
{
    static struct vq_element many[300];
    struct vq_element huge[3] = {{0, UINT32_MAX}, {0, 1}, {0, 1}};
    struct vq_element none = {PAIR_DATA, 0};
    uint16_t size = p->options.size;

    for (unsigned i = 0; i < 300; i++)
        many[i] = (struct vq_element){PAIR_DATA, 1};
    EXPECT_EQ(p, vq_driver_add(&p->driver, many, 0, 0), VQ_ERR_INVALID);
    EXPECT_EQ(p, vq_driver_add(&p->driver, &none, 1, 0), VQ_ERR_INVALID);
    EXPECT_EQ(p, vq_driver_add(&p->driver, many, size + 1u, 0), VQ_ERR_INVALID);
    EXPECT_EQ(p, vq_driver_add(&p->driver, many, 1, size), VQ_ERR_INVALID);
    /* Sums of counts that wrap. */
    EXPECT_EQ(p, vq_driver_add(&p->driver, many, UINT32_MAX, 2), VQ_ERR_INVALID);
    EXPECT_EQ(p, vq_driver_add(&p->driver, many, 2, UINT32_MAX), VQ_ERR_INVALID);
    if (size >= 4) {
        EXPECT_EQ(p, vq_driver_add(&p->driver, huge, 1, 2), VQ_ERR_RANGE);
        EXPECT(p, vq_driver_add(&p->driver, huge, 1, 1) >= 0); /* 2^32 exactly */
        EXPECT_EQ(p, p->driver.free_count, size - (p->options.indirect ? 1 : 2));
    } else {
        EXPECT_EQ(p, vq_driver_free(&p->driver), size);
    }
    EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_IDX), p->options.start);
}

static void errors(void **state)
{
    (void)state;
    pair_each_size(errors_change_nothing, small_sizes);
}

/* Every event index in a window round the batch, for every length of batch. */
static void kick_decisions(struct queue_pair *p)
{
    struct vq_element e = {PAIR_DATA, 4};
    uint16_t size = p->options.size, limit = size < 8 ? size : 8;
    struct vq_done done[8];

    for (uint16_t batch = 1; batch <= limit; batch++)
        for (int delta = -3; delta <= batch + 3; delta++)
            for (uint16_t flags = 0; flags < 2; flags++) {
                uint16_t before = p->driver.next_available;
                uint16_t event = (uint16_t)(before + delta);
                bool kick;

                pair_put(p, PAIR_USED_FLAGS, flags);
                pair_put(p, PAIR_AVAIL_EVENT, event);
                for (uint16_t i = 0; i < batch; i++)
                    EXPECT(p, vq_driver_add(&p->driver, &e, 1, 0) >= 0);
                kick = vq_driver_publish(&p->driver);
                EXPECT_EQ(p, kick,
                          p->options.event_idx
                              ? pair_stepped_over(event, before, (uint16_t)(before + batch))
                              : !flags);
                for (uint16_t i = 0; i < batch; i++)
                    pair_use(p, pair_head(p, (uint16_t)(before + i) % size), 0);
                EXPECT_EQ(p, vq_driver_get(&p->driver, done, batch), batch);
            }
}

static void kicks(void **state)
{
    (void)state;
    pair_each_size(kick_decisions, small_sizes);
}

static void lengths(struct queue_pair *p)
{
    struct vq_element e[2] = {{PAIR_DATA, 8}, {PAIR_DATA + 8, 100}};
    static const uint32_t reports[] = {0, 1, 99, 100, 101, 108, UINT32_MAX};
    struct vq_done done;

    if (p->options.size < 2)
        return;
    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
        int id = vq_driver_add(&p->driver, e, 1, 1);
        EXPECT(p, id >= 0);
        (void)vq_driver_publish(&p->driver);
        pair_use(p, (uint32_t)id, reports[i]);
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
        EXPECT_EQ(p, done.reported, reports[i]);
        EXPECT_EQ(p, done.written, reports[i] > 100 ? 100 : reports[i]);
    }
    /* Nothing to write into: nothing was written. */
    pair_use(p, pair_add_one(p), 4096);
    EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
    EXPECT_EQ(p, done.written, 0);
    EXPECT_EQ(p, done.reported, 4096);
}

static void used_lengths(void **state)
{
    (void)state;
    pair_each_size(lengths, small_sizes);
}

static void strict_lengths(void **state)
{
    struct vq_element e[2] = {{PAIR_DATA, 8}, {PAIR_DATA + 8, 100}};
    struct vq_done done;
    (void)state;

    for (unsigned big = 0; big < 2; big++) {
        struct queue_pair p;
        int id;
        pair_open(&p, (struct pair_options){.big = big, .strict = true});
        id = vq_driver_add(&p.driver, e, 1, 1);
        (void)vq_driver_publish(&p.driver);
        pair_use(&p, (uint32_t)id, 100);
        EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 1);
        id = vq_driver_add(&p.driver, e, 1, 1);
        (void)vq_driver_publish(&p.driver);
        pair_use(&p, (uint32_t)id, 101);
        EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 0);
        EXPECT_EQ(&p, vq_driver_broken(&p.driver), VQ_BROKEN_USED_LENGTH);
        pair_close(&p);
    }
}

static void wishes_of_the_driver(struct queue_pair *p)
{
    uint16_t id;
    struct vq_done done;

    vq_driver_disable_notifications(&p->driver);
    EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_FLAGS), p->options.event_idx ? 0 : 1);
    id = pair_add_one(p);
    EXPECT_EQ(p, vq_driver_enable_notifications(&p->driver), false);
    EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_FLAGS), 0);
    if (p->options.event_idx)
        EXPECT_EQ(p, pair_get(p, PAIR_USED_EVENT), p->options.start);
    /* What came before the wish is seen by the second look. */
    vq_driver_disable_notifications(&p->driver);
    pair_use(p, id, 0);
    EXPECT_EQ(p, vq_driver_enable_notifications(&p->driver), true);
    EXPECT_EQ(p, vq_driver_pending(&p->driver), true);
    EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
    EXPECT_EQ(p, vq_driver_enable_notifications(&p->driver), false);
    if (p->options.event_idx)
        EXPECT_EQ(p, pair_get(p, PAIR_USED_EVENT), (uint16_t)(p->options.start + 1));
}

static void wishes(void **state)
{
    (void)state;
    pair_each(wishes_of_the_driver);
}

static void a_broken_queue_stays_broken(struct queue_pair *p)
{
    struct vq_element e = {PAIR_DATA, 4};
    struct vq_done done;
    uint16_t id = pair_add_one(p);

    vq_driver_break(&p->driver, VQ_NOT_BROKEN);
    EXPECT_EQ(p, vq_driver_broken(&p->driver), VQ_BROKEN_BY_OWNER);
    vq_driver_break(&p->driver, VQ_BROKEN_USED_ID);
    EXPECT_EQ(p, vq_driver_broken(&p->driver), VQ_BROKEN_BY_OWNER);
    pair_use(p, id, 0);
    EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 0);
    EXPECT_EQ(p, vq_driver_pending(&p->driver), false);
    EXPECT_EQ(p, vq_driver_enable_notifications(&p->driver), false);
    EXPECT_EQ(p, vq_driver_add(&p->driver, &e, 1, 0), VQ_ERR_BROKEN);
}

static void broken(void **state)
{
    (void)state;
    pair_each_size(a_broken_queue_stays_broken, small_sizes);
}

/* Nothing that decides is read back: the device may fill every part with anything. */
static void scribbled(struct queue_pair *p)
{
    struct vq_random random = {p->options.size};
    struct vq_element e[3] = {{PAIR_DATA, 4}, {PAIR_DATA + 4, 4}, {PAIR_DATA + 8, 4}};
    struct vq_done done;
    unsigned count = p->options.size < 3 ? 1 : 3;

    for (unsigned round = 0; round < 100; round++) {
        uint8_t *table = p->driver_config.descriptor_area;
        uint8_t *ring = p->driver_config.driver_area;
        int id = vq_driver_add(&p->driver, e, 1, count - 1);
        EXPECT(p, id >= 0);
        (void)vq_driver_publish(&p->driver);
        for (size_t i = 0; i < p->descriptor_bytes; i++)
            table[i] = (uint8_t)vq_random(&random);
        for (size_t i = 0; i < p->driver_bytes; i++)
            ring[i] = (uint8_t)vq_random(&random);
        pair_use(p, (uint32_t)id, 1);
        EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
        EXPECT_EQ(p, done.id, id);
        EXPECT_EQ(p, vq_driver_free(&p->driver), p->options.size);
    }
}

static void private_state(void **state)
{
    (void)state;
    pair_each_size(scribbled, small_sizes);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(refuses_what_makes_no_queue,
                "a size, address or alignment that cannot be is refused"),
        VQ_TEST(elements, "descriptors say what the caller asked for"),
        VQ_TEST(full_ring, "a ring fills, empties in any order, and fills again"),
        VQ_TEST(errors, "an add that fails changes nothing"),
        VQ_TEST(kicks, "kick decisions agree with counting the indices one by one"),
        VQ_TEST(used_lengths, "a used length is reported raw, and clamped to what was writable"),
        VQ_TEST(strict_lengths, "a strict queue breaks at a used length beyond the buffer"),
        VQ_TEST(wishes, "notifications that are enabled again look again"),
        VQ_TEST(broken, "a broken queue stays broken, for its first reason"),
        VQ_TEST(private_state,
                "a device that rewrites descriptors and available ring changes nothing"),
    };
    return VQ_RUN(tests);
}
