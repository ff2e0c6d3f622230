/*
 * The ring in a build in which a test stands at every fetch from shared memory: it
 * counts them, and it lies. A value that is fetched twice can be two values; here
 * it is.
 */
#include "queue_pair.h"

#include <string.h>

uint64_t vq_shared_hook(const void *where, unsigned bytes, uint64_t value);

enum { FETCHES = 4096, RINGS = 400000 };

/* What was fetched since `fetches` was last set to 0. */
static struct {
    const uint8_t *where;
    unsigned bytes;
} fetched[FETCHES];
static unsigned fetches;

/* One fetch in `lie_every` gives something else; 0: all are honest. */
static uint32_t lie_every;
static struct vq_random lies;

uint64_t vq_shared_hook(const void *where, unsigned bytes, uint64_t value)
{
    if (fetches < FETCHES) {
        fetched[fetches].where = where;
        fetched[fetches].bytes = bytes;
        fetches++;
    }
    if (lie_every && vq_random_below(&lies, lie_every) == 0)
        switch (vq_random_below(&lies, 4)) {
        case 0:
            return vq_random(&lies);
        case 1:
            return value ^ (UINT64_C(1) << vq_random_below(&lies, 8 * bytes));
        case 2:
            return value + 1;
        default:
            return vq_random_below(&lies, 64);
        }
    return value;
}

/* How often the byte at `where` was fetched. */
static unsigned times(const void *where)
{
    unsigned n = 0;
    for (unsigned i = 0; i < fetches; i++)
        n += (const uint8_t *)where >= fetched[i].where &&
             (const uint8_t *)where < fetched[i].where + fetched[i].bytes;
    return n;
}

static void each_at_most_once(const struct queue_pair *p, const void *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        EXPECT(p, times((const uint8_t *)from + i) <= 1);
}

static void each_at_most_once_of_all(const struct queue_pair *p)
{
    EXPECT(p, fetches < FETCHES);
    each_at_most_once(p, p->driver_config.descriptor_area, p->descriptor_bytes);
    each_at_most_once(p, p->driver_config.driver_area, p->driver_bytes);
    each_at_most_once(p, p->driver_config.device_area, p->device_bytes);
}

/* Three calls of the device's end over one buffer each; nothing in one call twice. */
static void device_fetches(struct queue_pair *p, bool odd_table)
{
    uint64_t table = PAIR_DATA + (odd_table ? 3 : 0);

    for (unsigned i = 0; i < 4; i++)
        pair_describe(p, pair_host(p, table), i, PAIR_DATA + 512, 4, i < 3 ? PAIR_NEXT : 0,
                      (uint16_t)(i + 1));
    pair_chain(p, 0, PAIR_DATA, 8, PAIR_NEXT, 5);
    pair_chain(p, 5, PAIR_DATA, 8, PAIR_NEXT, 3);
    pair_chain(p, 3, table, 64, PAIR_INDIRECT, 0);
    pair_offer(p, 0);
    fetches = 0;
    EXPECT(p, pair_pop(p));
    each_at_most_once_of_all(p);
    each_at_most_once(p, pair_host(p, PAIR_DATA), 3 + 64);
    EXPECT_EQ(p, times(pair_at(p, PAIR_AVAIL_IDX)), 1);
    for (unsigned i = 0; i < fetches; i++)
        if (fetched[i].where == (const uint8_t *)pair_at(p, PAIR_AVAIL_IDX))
            EXPECT_EQ(p, fetched[i].bytes, 2);
    EXPECT(p, pair_push(p, 0, 0));
    fetches = 0;
    (void)vq_device_publish(&p->device);
    each_at_most_once_of_all(p);
    EXPECT_EQ(p, fetches, 1);
}

static void device_fetches_once(void **state)
{
    (void)state;
    lie_every = 0;
    for (unsigned bits = 0; bits < 8; bits++) {
        struct queue_pair p;
        pair_open(&p, (struct pair_options){
                          .big = bits & 1, .event_idx = (bits & 2) != 0, .indirect = true});
        device_fetches(&p, (bits & 4) != 0);
        pair_close(&p);
    }
}

static void driver_fetches_once(void **state)
{
    (void)state;
    lie_every = 0;
    for (unsigned bits = 0; bits < 4; bits++) {
        struct queue_pair p;
        struct vq_done done[4];
        pair_open(&p, (struct pair_options){.big = bits & 1, .event_idx = (bits & 2) != 0});
        fetches = 0;
        for (unsigned i = 0; i < 3; i++)
            pair_use(&p, pair_add_one(&p), 0);
        EXPECT_EQ(&p, fetches, 3); /* the device's wish, once for each publish */
        fetches = 0;
        EXPECT_EQ(&p, vq_driver_get(&p.driver, done, 4), 3);
        each_at_most_once_of_all(&p);
        EXPECT_EQ(&p, times(p.driver_config.descriptor_area), 0);
        pair_close(&p);
    }
}

static void scribble(struct vq_random *random, void *at, size_t bytes)
{
    uint8_t *b = at;
    for (size_t i = 0; i < bytes; i++)
        b[i] = (uint8_t)vq_random(random);
}

/* Half sense, half nonsense: else nothing ever gets past the first check. */
static void random_descriptor(struct queue_pair *p, struct vq_random *random, void *table,
                              uint32_t i, uint32_t size)
{
    static const uint16_t flags[] = {
        0, PAIR_NEXT, PAIR_WRITE, PAIR_NEXT | PAIR_WRITE, PAIR_INDIRECT, PAIR_NEXT};
    uint32_t space = p->options.regions * p->options.region_bytes;
    uint16_t flag = flags[vq_random_below(random, 6)];
    uint64_t address = PAIR_DATA + vq_random_below(random, space + 8);
    uint32_t bytes =
        flag == PAIR_INDIRECT ? 16 * vq_random_below(random, 6) : vq_random_below(random, 64);

    if (p->options.format == PAIR_PACKED) {
        /* The id stands where a split ring has its flags, the flags at the end. */
        uint16_t wrap = vq_random_below(random, 2) ? 0x80 : 0x8000;
        pair_describe(p, table, i, address, bytes, (uint16_t)vq_random_below(random, size + 1),
                      flag | wrap);
    } else {
        pair_describe(p, table, i, address, bytes, flag,
                      (uint16_t)vq_random_below(random, size + 1));
    }
}

static void random_rings(struct queue_pair *p, struct vq_random *random)
{
    uint8_t *data = pair_host(p, PAIR_DATA);

    for (uint32_t i = 0; i < p->options.size; i++)
        random_descriptor(p, random, p->driver_config.descriptor_area, i, p->options.size);
    if (p->options.format == PAIR_SPLIT) {
        scribble(random, p->driver_config.driver_area, p->driver_bytes);
        for (uint32_t i = 0; i < p->options.size; i++)
            pair_put16(p, (uint8_t *)p->driver_config.driver_area + 4 + 2 * (size_t)i,
                       (uint16_t)vq_random_below(random, p->options.size));
        pair_put(
            p, PAIR_AVAIL_IDX,
            (uint16_t)(p->device.next_available + vq_random_below(random, p->options.size + 1u)));
    }
    for (unsigned i = 0; i < 8; i++)
        random_descriptor(p, random, data, i, 6);
}

/* Each segment lies in one region, in full. */
static void segments_are_memory(const struct queue_pair *p, const struct vq_buffer *b)
{
    uint64_t readable = 0, writable = 0;

    EXPECT(p, b->id < p->options.size);
    EXPECT(p, b->readable + b->writable <= b->room);
    for (uint32_t i = 0; i < b->readable + b->writable; i++) {
        bool inside = false;
        for (uint32_t r = 0; r < p->memory.count; r++) {
            const uint8_t *host = p->regions[r].host, *base = b->segments[i].base;
            inside |= base >= host && base < host + p->regions[r].size &&
                      b->segments[i].bytes <= (size_t)(host + p->regions[r].size - base);
        }
        EXPECT(p, inside);
        EXPECT(p, b->segments[i].bytes != 0);
        *(i < b->readable ? &readable : &writable) += b->segments[i].bytes;
    }
    EXPECT_EQ(p, readable, b->readable_bytes);
    EXPECT_EQ(p, writable, b->writable_bytes);
}

/* Statistics: a test that never gets a buffer tests nothing. */
static unsigned taken, reasons[VQ_BROKEN_BY_OWNER + 1];

static void one_device(struct queue_pair *p, struct vq_random *random)
{
    bool live[16] = {false};
    uint16_t fresh = p->options.format == PAIR_PACKED ? 0x8000 : (uint16_t)vq_random(random);

    pair_reopen_device(p, fresh, fresh);
    for (unsigned round = 0; round < 4 && !vq_device_broken(&p->device); round++) {
        unsigned work = 0;

        random_rings(p, random);
        p->buffer.room = 1 + vq_random_below(random, 24);
        while (work++ < 64 && pair_pop(p)) {
            EXPECT(p, !live[p->buffer.id]);
            live[p->buffer.id] = true;
            segments_are_memory(p, &p->buffer);
            taken++;
        }
        EXPECT(p, work <= p->options.size + 1u);
        for (uint16_t id = 0; id < p->options.size; id++)
            if (vq_random_below(random, 2)) {
                EXPECT_EQ(p, pair_push(p, id, (uint32_t)vq_random(random)), live[id]);
                live[id] = false;
            }
        (void)vq_device_publish(&p->device);
        (void)vq_device_enable_notifications(&p->device);
        vq_device_disable_notifications(&p->device);
    }
    reasons[vq_device_broken(&p->device)]++;
    for (uint16_t id = 0; id < p->options.size; id++)
        EXPECT_EQ(p, pair_push(p, id, 0), live[id]);
    (void)vq_device_publish(&p->device);
    EXPECT_EQ(p, p->device.outstanding, 0);
}

static void lying_drivers(enum pair_format format)
{
    struct vq_random random = {18};

    lies.state = 20;
    taken = 0;
    memset(reasons, 0, sizeof(reasons));
    for (unsigned bits = 0; bits < 8; bits++) {
        struct queue_pair p;
        if (format == PAIR_PACKED && (bits & 1))
            continue;
        pair_open(&p, (struct pair_options){.format = format,
                                            .big = bits & 1,
                                            .event_idx = (bits & 2) != 0,
                                            .indirect = (bits & 4) != 0,
                                            .size = 16,
                                            .regions = 4,
                                            .region_bytes = 160});
        for (unsigned i = 0; i < RINGS / 8; i++) {
            lie_every = 1 + vq_random_below(&random, 40);
            one_device(&p, &random);
        }
        lie_every = 0;
        pair_close(&p);
    }
    /* Fewer where a slot is fetched in more pieces, each of which may lie. */
    assert_true(taken > RINGS / 8);
    assert_true(reasons[VQ_BROKEN_HEAD_IN_FLIGHT] && reasons[VQ_BROKEN_CHAIN_SEGMENTS] &&
                reasons[VQ_BROKEN_CHAIN_ORDER] && reasons[VQ_BROKEN_ADDRESS] &&
                reasons[VQ_BROKEN_INDIRECT_LENGTH]);
}

static void lying_split_drivers(void **state)
{
    (void)state;
    lying_drivers(PAIR_SPLIT);
    assert_true(reasons[VQ_BROKEN_AVAILABLE_JUMP] && reasons[VQ_BROKEN_NEXT_RANGE] &&
                reasons[VQ_BROKEN_HEAD_RANGE] && reasons[VQ_BROKEN_CHAIN_LOOP] &&
                reasons[VQ_BROKEN_INDIRECT_NESTED]);
}

static void lying_packed_drivers(void **state)
{
    (void)state;
    lying_drivers(PAIR_PACKED);
}

/* The first live id from `from` on; mostly there is one. */
static uint16_t pick(const bool live[16], uint32_t from)
{
    for (uint32_t i = from; i < from + 16; i++)
        if (live[i % 16])
            return (uint16_t)(i % 16);
    return (uint16_t)from;
}

/* An honest device's end, that the driver's end sees through a liar. */
static void one_driver(struct queue_pair *p, struct vq_random *random)
{
    uint32_t most[16] = {0};
    bool live[16] = {false};
    unsigned held = 0;

    assert_int_equal(vq_driver_init(&p->driver, &p->driver_config), VQ_OK);
    p->raw_used = 0;
    for (unsigned step = 0; step < 40; step++) {
        struct vq_element e[4];
        unsigned count = 1 + vq_random_below(random, 4), readable = vq_random_below(random, count);
        struct vq_done done[16];
        uint32_t bytes = 0;
        uint16_t use;
        size_t n;
        int id;

        for (unsigned i = 0; i < count; i++) {
            e[i] = (struct vq_element){PAIR_DATA, 1 + vq_random_below(random, 100)};
            bytes += i < readable ? 0 : e[i].bytes;
        }
        id = vq_driver_add(&p->driver, e, readable, count - readable);
        if (id >= 0) {
            EXPECT(p, id < p->options.size && !live[id]);
            live[id] = true;
            most[id] = bytes;
            held++;
        }
        (void)vq_driver_publish(&p->driver);
        use = pick(live, vq_random_below(random, 20));
        if (p->options.format == PAIR_SPLIT)
            pair_use(p, use, vq_random_below(random, 300));
        else
            pair_describe(p, p->driver_config.descriptor_area, p->driver.next_used & 0x7fffu, 0,
                          vq_random_below(random, 300), use,
                          (p->driver.next_used & 0x8000u) ? 0x8082 : 2);
        lie_every = 1 + vq_random_below(random, 40);
        n = vq_driver_get(&p->driver, done, 16);
        lie_every = 0;
        EXPECT(p, n <= held);
        for (size_t i = 0; i < n; i++) {
            EXPECT(p, done[i].id < p->options.size && live[done[i].id]);
            EXPECT(p, done[i].written <= most[done[i].id]);
            live[done[i].id] = false;
            held--;
            taken++;
        }
        EXPECT(p, vq_driver_free(&p->driver) <= p->options.size);
        if (vq_driver_broken(&p->driver))
            break;
    }
    reasons[vq_driver_broken(&p->driver)]++;
}

static void lying_devices(void **state)
{
    struct vq_random random = {87};
    (void)state;

    lies.state = 88;
    taken = 0;
    memset(reasons, 0, sizeof(reasons));
    for (unsigned bits = 0; bits < 8; bits++) {
        struct queue_pair p;
        bool packed = (bits & 5) == 5;
        pair_open(&p, (struct pair_options){.format = packed ? PAIR_PACKED : PAIR_SPLIT,
                                            .big = !packed && (bits & 1),
                                            .event_idx = (bits & 2) != 0,
                                            .indirect = (bits & 4) != 0,
                                            .indirect_entries = (bits & 4) ? 3 : 0,
                                            .size = 16});
        for (unsigned i = 0; i < RINGS / 16; i++)
            one_driver(&p, &random);
        pair_close(&p);
    }
    assert_true(taken > RINGS / 8);
    assert_true(reasons[VQ_BROKEN_USED_ID] && reasons[VQ_BROKEN_USED_JUMP] &&
                reasons[VQ_BROKEN_USED_NOT_IN_FLIGHT]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(
            device_fetches_once,
            "the device's end fetches nothing twice, an index in one piece [BUG-18 BUG-20 BUG-21 "
            "BUG-23]"),
        VQ_TEST(driver_fetches_once, "nor does the driver's, and no descriptor ever [BUG-90]"),
        VQ_TEST(lying_split_drivers,
                "split rings that change under every fetch [BUG-18 BUG-20 BUG-21]"),
        VQ_TEST(lying_packed_drivers, "packed rings that change under every fetch [BUG-19 BUG-20]"),
        VQ_TEST(lying_devices, "used rings that change under every fetch [BUG-87]"),
    };
    return VQ_RUN(tests);
}
