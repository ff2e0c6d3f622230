/*
 * Queues between a processor and a device that is not one: neither sees the other's
 * caches, and a bus may reorder what they write.
 *
 * The machine is emulated. Each end has a copy of the shared memory of its own, and
 * only vq_cache_clean and vq_cache_invalidate move bytes between a copy and the
 * memory proper, so that an access without its maintenance sees, or leaves, what
 * was there before. Byte by byte: cache lines that both ends write are another
 * matter, which barrier.h tells the caller about. Beside it the same operations run
 * on a queue in memory that is coherent, and every answer must be the same.
 */
#include "queue_pair.h"

#include <stdlib.h>
#include <string.h>

void vq_cache_clean(const void *from, size_t bytes);
void vq_cache_invalidate(const void *from, size_t bytes);
void vq_platform_hook(void);

enum { SHARED = 8192, TABLES = 4096, SIZE = 16, STEPS = 4000, EVENTS = 64, ENTRIES = 4 };

static _Alignas(64) uint8_t memory[SHARED], driver_copy[SHARED], device_copy[SHARED];

enum event { CLEAN, INVALIDATE, ORDER };

/* What happened to the memory, in order. */
static struct {
    enum event what;
    size_t offset, bytes;
} events[EVENTS];
static unsigned event_count;

static void note(enum event what, size_t offset, size_t bytes)
{
    if (event_count < EVENTS) {
        events[event_count].what = what;
        events[event_count].offset = offset;
        events[event_count].bytes = bytes;
        event_count++;
    }
}

static uint8_t *copy_of(const void *at)
{
    const uint8_t *byte = at;
    if (byte >= driver_copy && byte < driver_copy + SHARED)
        return driver_copy;
    return byte >= device_copy && byte < device_copy + SHARED ? device_copy : NULL;
}

void vq_cache_clean(const void *from, size_t bytes)
{
    uint8_t *copy = copy_of(from);
    size_t offset;

    if (!copy)
        return; /* of the queue in coherent memory */
    offset = (size_t)((const uint8_t *)from - copy);
    assert_true(bytes <= SHARED - offset);
    memcpy(memory + offset, copy + offset, bytes);
    note(CLEAN, offset, bytes);
}

void vq_cache_invalidate(const void *from, size_t bytes)
{
    uint8_t *copy = copy_of(from);
    size_t offset;

    if (!copy)
        return;
    offset = (size_t)((const uint8_t *)from - copy);
    assert_true(bytes <= SHARED - offset);
    memcpy(copy + offset, memory + offset, bytes);
    note(INVALIDATE, offset, bytes);
}

void vq_platform_hook(void)
{
    note(ORDER, 0, 0);
}

/* Where the parts are in each copy. */
enum { DESCRIPTORS = 0, DRIVER_AREA = 512, DEVICE_AREA = 1024, DATA = 2048 };

struct machine {
    struct queue_pair twin; /* in coherent memory */
    struct vq_driver_queue driver;
    struct vq_device_queue device;
    struct vq_driver_slot slots[SIZE];
    uint16_t in_flight[SIZE];
    struct vq_device_order order[SIZE];
    struct vq_region regions[2];
    struct vq_memory memory;
    struct vq_random random;
    uint16_t held[SIZE];
    struct vq_features features; /* of both ends */
    unsigned held_count;
};

static void open_machine(struct machine *m, const struct pair_options *options, bool platform)
{
    struct vq_driver_config driver;
    struct vq_device_config device;

    memset(m, 0, sizeof(*m));
    memset(memory, 0x11, sizeof(memory));
    memset(driver_copy, 0x22, sizeof(driver_copy));
    memset(device_copy, 0x33, sizeof(device_copy));
    pair_open(&m->twin, *options);
    m->regions[0] = (struct vq_region){PAIR_DATA, SHARED - DATA - TABLES, device_copy + DATA,
                                       VQ_READ | VQ_WRITE};
    m->regions[1] = (struct vq_region){PAIR_TABLES, TABLES, device_copy + SHARED - TABLES, VQ_READ};
    assert_int_equal(vq_memory_init(&m->memory, m->regions, 2), VQ_OK);
    driver = m->twin.driver_config;
    device = m->twin.device_config;
    if (platform) {
        vq_feature_set(&driver.features, VQ_F_ORDER_PLATFORM);
        vq_feature_set(&device.features, VQ_F_ORDER_PLATFORM);
    }
    m->features = driver.features;
    driver.descriptor_area = driver_copy + DESCRIPTORS;
    driver.driver_area = driver_copy + DRIVER_AREA;
    driver.device_area = driver_copy + DEVICE_AREA;
    driver.slots = m->slots;
    if (driver.indirect_entries)
        driver.indirect_tables = driver_copy + SHARED - TABLES;
    assert_int_equal(vq_driver_init(&m->driver, &driver), VQ_OK);
    device.descriptor_area = device_copy + DESCRIPTORS;
    device.driver_area = device_copy + DRIVER_AREA;
    device.device_area = device_copy + DEVICE_AREA;
    device.memory = &m->memory;
    device.in_flight = m->in_flight;
    device.order = m->order;
    assert_int_equal(vq_device_init(&m->device, &device), VQ_OK);
}

static void add(struct machine *m)
{
    struct vq_element e[ENTRIES + 1];
    unsigned count = 1 + vq_random_below(&m->random, ENTRIES + 1);
    unsigned readable = vq_random_below(&m->random, count + 1);

    for (unsigned i = 0; i < count; i++)
        e[i] = (struct vq_element){PAIR_DATA + vq_random_below(&m->random, 1000),
                                   1 + vq_random_below(&m->random, 500)};
    EXPECT_EQ(&m->twin, vq_driver_add(&m->driver, e, readable, count - readable),
              vq_driver_add(&m->twin.driver, e, readable, count - readable));
}

static void pop(struct machine *m)
{
    struct vq_segment segments[8];
    struct vq_buffer buffer = {.segments = segments, .room = 8}, *one = &buffer;
    bool popped = vq_device_pop(&m->device, &one, 1) == 1;

    EXPECT_EQ(&m->twin, popped, pair_pop(&m->twin));
    if (!popped)
        return;
    EXPECT_EQ(&m->twin, buffer.id, m->twin.buffer.id);
    EXPECT_EQ(&m->twin, buffer.readable, m->twin.buffer.readable);
    EXPECT_EQ(&m->twin, buffer.writable, m->twin.buffer.writable);
    for (uint32_t i = 0; i < buffer.readable + buffer.writable; i++) {
        EXPECT_EQ(&m->twin, segments[i].bytes, m->twin.segments[i].bytes);
        EXPECT_EQ(&m->twin, (uint8_t *)segments[i].base - (device_copy + DATA),
                  (uint8_t *)m->twin.segments[i].base - m->twin.regions[0].host);
    }
    m->held[m->held_count++] = buffer.id;
}

static void push(struct machine *m)
{
    struct vq_used used;
    unsigned at;

    if (m->held_count == 0)
        return;
    at = vq_random_below(&m->random, m->held_count);
    used = (struct vq_used){m->held[at], vq_random_below(&m->random, 3)};
    m->held[at] = m->held[--m->held_count];
    EXPECT_EQ(&m->twin, vq_device_push(&m->device, &used, 1), VQ_OK);
    EXPECT(&m->twin, pair_push(&m->twin, used.id, used.written));
}

static void publish_available(struct machine *m)
{
    EXPECT_EQ(&m->twin, vq_driver_publish(&m->driver), vq_driver_publish(&m->twin.driver));
}

static void publish_used(struct machine *m)
{
    EXPECT_EQ(&m->twin, vq_device_publish(&m->device), vq_device_publish(&m->twin.device));
}

static void get(struct machine *m)
{
    struct vq_done one[4], other[4];
    size_t n = vq_driver_get(&m->driver, one, 4);

    EXPECT_EQ(&m->twin, n, vq_driver_get(&m->twin.driver, other, 4));
    for (size_t i = 0; i < n; i++) {
        EXPECT_EQ(&m->twin, one[i].id, other[i].id);
        EXPECT_EQ(&m->twin, one[i].written, other[i].written);
    }
}

static void rollback(struct machine *m)
{
    vq_driver_rollback(&m->driver);
    vq_driver_rollback(&m->twin.driver);
}

static void wish(struct machine *m)
{
    switch (vq_random_below(&m->random, 4)) {
    case 0:
        vq_driver_disable_notifications(&m->driver);
        vq_driver_disable_notifications(&m->twin.driver);
        break;
    case 1:
        EXPECT_EQ(&m->twin, vq_driver_enable_notifications(&m->driver),
                  vq_driver_enable_notifications(&m->twin.driver));
        break;
    case 2:
        vq_device_disable_notifications(&m->device);
        vq_device_disable_notifications(&m->twin.device);
        break;
    default:
        EXPECT_EQ(&m->twin, vq_device_enable_notifications(&m->device),
                  vq_device_enable_notifications(&m->twin.device));
    }
}

static void no_coherence(void **state)
{
    static void (*const operations[])(struct machine *) = {
        add, add, publish_available, pop, pop, push, push, publish_used, get, wish, rollback};
    (void)state;

    for (unsigned bits = 0; bits < 32; bits++) {
        static struct machine m;
        bool packed = bits & 1;

        if (packed && (bits & 2))
            continue;
        open_machine(&m,
                     &(struct pair_options){.format = packed ? PAIR_PACKED : PAIR_SPLIT,
                                            .big = (bits & 2) != 0,
                                            .event_idx = (bits & 4) != 0,
                                            .in_order = (bits & 8) != 0,
                                            .indirect = (bits & 16) != 0,
                                            .indirect_entries = (bits & 16) ? ENTRIES : 0,
                                            .size = SIZE},
                     false);
        m.random.state = bits;
        for (unsigned i = 0; i < STEPS; i++)
            operations[vq_random_below(&m.random, sizeof(operations) / sizeof(operations[0]))](&m);
        EXPECT_EQ(&m.twin, vq_driver_broken(&m.driver), VQ_NOT_BROKEN);
        EXPECT_EQ(&m.twin, vq_device_broken(&m.device), VQ_NOT_BROKEN);
        EXPECT_EQ(&m.twin, vq_driver_free(&m.driver), vq_driver_free(&m.twin.driver));
        pair_close(&m.twin);
    }
}

/* An indirect table at an odd address is fetched byte by byte, each byte from memory. */
static void odd_table(void **state)
{
    static struct machine m;
    struct vq_element e = {PAIR_DATA, 1};
    (void)state;

    for (unsigned packed = 0; packed < 2; packed++) {
        struct vq_segment segments[2];
        struct vq_buffer buffer = {.segments = segments, .room = 2}, *one = &buffer;
        uint16_t flags = packed ? PAIR_INDIRECT | PAIR_AVAIL : PAIR_INDIRECT;

        open_machine(&m,
                     &(struct pair_options){.format = packed ? PAIR_PACKED : PAIR_SPLIT,
                                            .indirect = true,
                                            .size = SIZE},
                     false);
        pair_describe(&m.twin, memory + DATA + 3, 0, PAIR_DATA + 40, 7, 0, 0);
        EXPECT(&m.twin, vq_driver_add(&m.driver, &e, 1, 0) >= 0);
        (void)vq_driver_publish(&m.driver);
        pair_describe(&m.twin, memory + DESCRIPTORS, 0, PAIR_DATA + 3, 16, packed ? 0 : flags,
                      packed ? flags : 0);
        EXPECT_EQ(&m.twin, vq_device_pop(&m.device, &one, 1), 1);
        EXPECT_EQ(&m.twin, buffer.readable_bytes, 7);
        EXPECT(&m.twin, segments[0].base == device_copy + DATA + 40);
        pair_close(&m.twin);
    }
}

static unsigned orders(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < event_count; i++)
        n += events[i].what == ORDER;
    return n;
}

/*
 * In what one call did: with `platform`, so many barriers, and beside the one of this
 * number (after it, or before it) this happened to a field in the `bytes` from
 * `offset` on; else none.
 */
static void barrier(const struct machine *m, unsigned count, unsigned number, bool after,
                    enum event what, size_t offset, size_t bytes)
{
    bool platform = vq_feature(&m->features, VQ_F_ORDER_PLATFORM);
    unsigned at = 0;

    EXPECT_EQ(&m->twin, orders(), platform ? count : 0);
    if (!platform)
        return;
    for (; events[at].what != ORDER || number != 0; at++)
        number -= events[at].what == ORDER;
    at += after ? 1 : -1u;
    EXPECT(&m->twin, at < event_count);
    EXPECT_EQ(&m->twin, events[at].what, what);
    EXPECT(&m->twin, events[at].offset >= offset && events[at].offset < offset + bytes);
}

/*
 * Each end publishes behind a barrier, looks at the other's wish behind another, and at nothing
 * before the one after what it observed.
 */
static void order_platform(void **state)
{
    static struct machine m;
    (void)state;

    for (unsigned bits = 0; bits < 4; bits++) {
        bool packed = bits & 1, platform = bits & 2;
        size_t bytes = packed ? 16 : 2;

        open_machine(
            &m, &(struct pair_options){.format = packed ? PAIR_PACKED : PAIR_SPLIT, .size = SIZE},
            platform);
        for (unsigned round = 0; round < 4; round++) {
            /* What is published: the index, or the slot. */
            size_t available = packed ? DESCRIPTORS + 16 * round : DRIVER_AREA + 2;
            size_t used = packed ? available : DEVICE_AREA + 2;
            struct vq_element e = {PAIR_DATA, 1};
            struct vq_segment segment;
            struct vq_buffer buffer = {.segments = &segment, .room = 1}, *one = &buffer;
            struct vq_used given = {0, 0};
            struct vq_done done;

            EXPECT(&m.twin, vq_driver_add(&m.driver, &e, 1, 0) >= 0);
            event_count = 0;
            (void)vq_driver_publish(&m.driver);
            barrier(&m, 2, 0, true, CLEAN, available, bytes);
            barrier(&m, 2, 1, false, CLEAN, available, bytes);
            barrier(&m, 2, 1, true, INVALIDATE, DEVICE_AREA, 4);
            event_count = 0;
            EXPECT_EQ(&m.twin, vq_device_pop(&m.device, &one, 1), 1);
            barrier(&m, 1, 0, false, INVALIDATE, available, bytes);
            given.id = buffer.id;
            EXPECT_EQ(&m.twin, vq_device_push(&m.device, &given, 1), VQ_OK);
            event_count = 0;
            (void)vq_device_publish(&m.device);
            barrier(&m, 2, 0, true, CLEAN, used, bytes);
            barrier(&m, 2, 1, false, CLEAN, used, bytes);
            barrier(&m, 2, 1, true, INVALIDATE, DRIVER_AREA, 4);
            event_count = 0;
            EXPECT_EQ(&m.twin, vq_driver_get(&m.driver, &done, 1), 1);
            barrier(&m, 1, 0, false, INVALIDATE, used, bytes);
        }
        /* Between a wish to be notified and the last look, behind which stands another, but for a
         * driver that knows without a look that nothing is in flight. */
        event_count = 0;
        (void)vq_driver_enable_notifications(&m.driver);
        barrier(&m, packed ? 1 : 2, 0, false, CLEAN, DRIVER_AREA, 4);
        event_count = 0;
        (void)vq_device_enable_notifications(&m.device);
        barrier(&m, 2, 0, false, CLEAN, DEVICE_AREA, 4);
        pair_close(&m.twin);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(no_coherence, "ends that see each other's caches only by maintenance agree"),
        VQ_TEST(odd_table, "a table at an odd address comes from memory too"),
        VQ_TEST(order_platform, "with ORDER_PLATFORM a barrier stands before what is published and "
                                "after what is observed [FEAT-DRV-08]"),
    };
    return VQ_RUN(tests);
}
