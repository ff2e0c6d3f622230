/*
 * Both ends against each other, and both against a model that knows of a queue
 * only what the specification says: buffers go in, come out in that order, come
 * back in any order with what was written, and each once.
 */
#include "queue_pair.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 4000, ELEMENTS = 6 };

struct model_buffer {
    unsigned readable, writable;
    struct vq_element elements[ELEMENTS];
    uint64_t readable_bytes;
    uint32_t writable_bytes, written;
    bool live;
};

/* Ids in the order of a stage that they wait for. */
struct stage {
    uint16_t *ids;
    uint32_t head, count, size;
};

static void stage_put(struct stage *s, uint16_t id)
{
    s->ids[(s->head + s->count++) % s->size] = id;
}

static uint16_t stage_take(struct stage *s)
{
    uint16_t id = s->ids[s->head];
    s->head = (s->head + 1) % s->size;
    s->count--;
    return id;
}

/* When an end asked to be notified. */
struct wish {
    enum { ALWAYS, NEVER, AT } when;
    uint32_t at;
};

struct model {
    struct queue_pair *p;
    struct vq_random random;
    struct model_buffer *buffers; /* by id */
    /* added -> available -> taken (any order) -> pushed -> used */
    struct stage added, available, pushed, used;
    uint16_t *taken;
    uint32_t taken_count;
    uint32_t free; /* descriptors */
    /* Positions in the ring's own terms: buffers modulo 2^16, packed slots modulo two rounds. */
    uint32_t modulus;
    uint32_t available_at, popped_at, used_at, gotten_at;
    struct wish kicks, signals;
};

/* Moves a position by what one buffer takes. */
static uint32_t past(const struct model *m, uint32_t at, uint16_t id);

static uint32_t cost(const struct model *m, unsigned count)
{
    uint16_t table = m->p->options.indirect_entries;
    return count > 1 && count <= table ? 1 : count;
}

static uint32_t past(const struct model *m, uint32_t at, uint16_t id)
{
    const struct model_buffer *b = &m->buffers[id];
    uint32_t by = m->p->options.format == PAIR_PACKED ? cost(m, b->readable + b->writable) : 1;
    return (at + by) % m->modulus;
}

static bool wanted(const struct model *m, struct wish wish, uint32_t before, uint32_t now)
{
    if (wish.when != AT)
        return wish.when == ALWAYS && before != now;
    for (uint32_t i = before; i != now; i = (i + 1) % m->modulus)
        if (i == wish.at)
            return true;
    return false;
}

static void add(struct model *m)
{
    struct queue_pair *p = m->p;
    struct vq_element e[ELEMENTS];
    uint32_t most = p->options.size < ELEMENTS ? p->options.size : ELEMENTS;
    unsigned count = 1 + vq_random_below(&m->random, most);
    unsigned readable = vq_random_below(&m->random, count + 1);
    struct model_buffer *b;
    int id;

    for (unsigned i = 0; i < count; i++)
        e[i] = (struct vq_element){
            PAIR_DATA +
                vq_random_below(&m->random, p->options.region_bytes * p->options.regions - 64),
            1 + vq_random_below(&m->random, 64)};
    id = vq_driver_add(&p->driver, e, readable, count - readable);
    if (cost(m, count) > m->free) {
        EXPECT_EQ(p, id, VQ_ERR_FULL);
        return;
    }
    EXPECT(p, id >= 0 && id < p->options.size);
    b = &m->buffers[id];
    EXPECT_EQ(p, b->live, false);
    *b = (struct model_buffer){.readable = readable, .writable = count - readable, .live = true};
    memcpy(b->elements, e, sizeof(e));
    for (unsigned i = 0; i < count; i++)
        if (i < readable)
            b->readable_bytes += e[i].bytes;
        else
            b->writable_bytes += e[i].bytes;
    m->free -= cost(m, count);
    stage_put(&m->added, (uint16_t)id);
}

static void publish_available(struct model *m)
{
    struct queue_pair *p = m->p;
    uint32_t before = m->available_at;
    bool polled = vq_random_below(&m->random, 4) == 0, kick = false;

    if (polled)
        vq_driver_publish_polled(&p->driver);
    else
        kick = vq_driver_publish(&p->driver);
    while (m->added.count) {
        uint16_t id = stage_take(&m->added);
        m->available_at = past(m, m->available_at, id);
        stage_put(&m->available, id);
    }
    if (!polled)
        EXPECT_EQ(p, kick, wanted(m, m->kicks, before, m->available_at));
    if (p->options.format == PAIR_SPLIT)
        EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_IDX), m->available_at);
}

/* The segments are the elements, cut at the borders of regions. */
static void compare(struct model *m, const struct vq_buffer *got, const struct model_buffer *b)
{
    struct queue_pair *p = m->p;
    uint32_t s = 0;

    EXPECT_EQ(p, got->readable_bytes, b->readable_bytes);
    EXPECT_EQ(p, got->writable_bytes, b->writable_bytes);
    for (unsigned i = 0; i < b->readable + b->writable; i++) {
        uint64_t at = b->elements[i].address;
        uint32_t left = b->elements[i].bytes;
        if (i == b->readable)
            EXPECT_EQ(p, s, got->readable);
        while (left) {
            EXPECT(p, s < got->readable + got->writable);
            EXPECT(p, got->segments[s].base == pair_host(p, at));
            EXPECT(p, got->segments[s].bytes <= left);
            EXPECT(p, (uint8_t *)got->segments[s].base + (got->segments[s].bytes - 1) ==
                          pair_host(p, at + got->segments[s].bytes - 1));
            at += got->segments[s].bytes;
            left -= (uint32_t)got->segments[s].bytes;
            s++;
        }
    }
    EXPECT_EQ(p, s, got->readable + got->writable);
}

static void pop(struct model *m)
{
    enum { BATCH = 8 };
    struct queue_pair *p = m->p;
    struct vq_segment segments[BATCH][2 * ELEMENTS];
    struct vq_buffer buffer[BATCH], *buffers[BATCH];
    uint32_t count = 1 + vq_random_below(&m->random, BATCH);
    size_t n;

    for (uint32_t i = 0; i < BATCH; i++) {
        buffer[i] = (struct vq_buffer){.segments = segments[i], .room = 2 * ELEMENTS};
        buffers[i] = &buffer[i];
    }
    n = vq_device_pop(&p->device, buffers, count);
    EXPECT(p, n <= m->available.count);
    EXPECT(p, n != 0 || m->available.count == 0);
    for (size_t i = 0; i < n; i++) {
        EXPECT_EQ(p, buffer[i].id, stage_take(&m->available));
        compare(m, &buffer[i], &m->buffers[buffer[i].id]);
        m->popped_at = past(m, m->popped_at, buffer[i].id);
        m->taken[m->taken_count++] = buffer[i].id;
    }
}

static void push(struct model *m)
{
    struct queue_pair *p = m->p;
    struct vq_used used[4];
    uint32_t n = 0, want = 1 + vq_random_below(&m->random, 4);

    while (n < want && m->taken_count) {
        uint32_t pick = vq_random_below(&m->random, m->taken_count);
        uint16_t id = m->taken[pick];
        m->taken[pick] = m->taken[--m->taken_count];
        m->buffers[id].written = vq_random_below(&m->random, m->buffers[id].writable_bytes + 1);
        used[n++] = (struct vq_used){id, m->buffers[id].written};
        stage_put(&m->pushed, id);
    }
    EXPECT_EQ(p, vq_device_push(&p->device, used, n), VQ_OK);
}

static void publish_used(struct model *m)
{
    struct queue_pair *p = m->p;
    uint32_t before = m->used_at;
    bool polled = vq_random_below(&m->random, 4) == 0, signal = false;

    if (polled)
        vq_device_publish_polled(&p->device);
    else
        signal = vq_device_publish(&p->device);
    while (m->pushed.count) {
        uint16_t id = stage_take(&m->pushed);
        m->used_at = past(m, m->used_at, id);
        stage_put(&m->used, id);
    }
    if (!polled)
        EXPECT_EQ(p, signal, wanted(m, m->signals, before, m->used_at));
    if (p->options.format == PAIR_SPLIT)
        EXPECT_EQ(p, pair_get(p, PAIR_USED_IDX), m->used_at);
}

static void get(struct model *m)
{
    struct queue_pair *p = m->p;
    struct vq_done done[8];
    size_t n = vq_driver_get(&p->driver, done, 1 + vq_random_below(&m->random, 8));

    EXPECT(p, n <= m->used.count);
    EXPECT(p, n != 0 || m->used.count == 0);
    for (size_t i = 0; i < n; i++) {
        struct model_buffer *b = &m->buffers[done[i].id];
        EXPECT_EQ(p, done[i].id, stage_take(&m->used));
        EXPECT_EQ(p, done[i].written, b->written);
        EXPECT_EQ(p, done[i].reported, b->written);
        m->gotten_at = past(m, m->gotten_at, done[i].id);
        b->live = false;
        m->free += cost(m, b->readable + b->writable);
    }
    EXPECT_EQ(p, vq_driver_free(&p->driver), m->free);
}

/* With EVENT_IDX a split ring has no way to say "never": the old wish stands. */
static void unwish(const struct model *m, struct wish *wish)
{
    if (m->p->options.format == PAIR_PACKED || !m->p->options.event_idx)
        wish->when = NEVER;
}

static void wish_for(const struct model *m, struct wish *wish, uint32_t at)
{
    *wish = m->p->options.event_idx ? (struct wish){AT, at} : (struct wish){ALWAYS, 0};
}

static void notify(struct model *m)
{
    struct queue_pair *p = m->p;

    switch (vq_random_below(&m->random, 4)) {
    case 0:
        vq_device_disable_notifications(&p->device);
        unwish(m, &m->kicks);
        break;
    case 1:
        EXPECT_EQ(p, vq_device_enable_notifications(&p->device), m->available.count != 0);
        wish_for(m, &m->kicks, m->popped_at);
        break;
    case 2:
        vq_driver_disable_notifications(&p->driver);
        unwish(m, &m->signals);
        break;
    default:
        EXPECT_EQ(p, vq_driver_enable_notifications(&p->driver), m->used.count != 0);
        wish_for(m, &m->signals, m->gotten_at);
    }
}

static struct stage stage_of(uint32_t size)
{
    return (struct stage){.ids = calloc(size, sizeof(uint16_t)), .size = size};
}

static void random_walk(struct queue_pair *p)
{
    static void (*const all[])(struct model *) = {
        add, add, add, publish_available, pop, push, publish_used, get, get, notify};
    uint32_t size = p->options.size;
    struct model m = {
        .p = p,
        .random = {p->options.start * 31u + size + p->options.regions},
        .buffers = calloc(size, sizeof(*m.buffers)),
        .taken = calloc(size, sizeof(uint16_t)),
        .added = stage_of(size),
        .available = stage_of(size),
        .pushed = stage_of(size),
        .used = stage_of(size),
        .free = size,
        .modulus = p->options.format == PAIR_PACKED ? 2 * size : 65536,
        .available_at = p->options.start,
        .popped_at = p->options.start,
        .used_at = p->options.start,
        .gotten_at = p->options.start,
    };

    if (p->options.event_idx && p->options.format == PAIR_SPLIT)
        m.kicks = m.signals = (struct wish){AT, p->options.start};

    for (unsigned i = 0; i < STEPS; i++)
        all[vq_random_below(&m.random, sizeof(all) / sizeof(all[0]))](&m);
    /* Everything comes home. */
    publish_available(&m);
    while (m.available.count)
        pop(&m);
    while (m.taken_count)
        push(&m);
    publish_used(&m);
    while (m.used.count)
        get(&m);
    EXPECT_EQ(p, m.free, size);
    EXPECT_EQ(p, p->device.outstanding, 0);
    EXPECT_EQ(p, vq_driver_broken(&p->driver), VQ_NOT_BROKEN);
    EXPECT_EQ(p, vq_device_broken(&p->device), VQ_NOT_BROKEN);
    free(m.buffers);
    free(m.taken);
    free(m.added.ids);
    free(m.available.ids);
    free(m.pushed.ids);
    free(m.used.ids);
}

static void random_walks(void **state)
{
    (void)state;
    pair_each(random_walk);
    pair_each_packed(random_walk);
}

/* The same with guest memory in small pieces. */
static void random_walks_over_regions(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 16; bits++) {
        struct queue_pair p;
        pair_open(&p, (struct pair_options){.format = bits & 8 ? PAIR_PACKED : PAIR_SPLIT,
                                            .big = (bits & 9) == 1,
                                            .event_idx = bits & 2,
                                            .indirect = bits & 4,
                                            .indirect_entries = bits & 4 ? 8 : 0,
                                            .size = 16,
                                            .start = bits & 8 ? 0 : 65000,
                                            .regions = 50,
                                            .region_bytes = 77});
        random_walk(&p);
        pair_close(&p);
    }
}

/* Free-running indices go all the way round, with batches that never divide them. */
static void round_the_wrap(struct queue_pair *p)
{
    struct vq_element e = {PAIR_DATA, 4};
    uint32_t size = p->options.size, batch = size < 5 ? size : 5, done = 0;

    while (done < 70000) {
        struct vq_done got[5];
        for (uint32_t i = 0; i < batch; i++)
            EXPECT(p, vq_driver_add(&p->driver, &e, 1, 0) >= 0);
        (void)vq_driver_publish(&p->driver);
        for (uint32_t i = 0; i < batch; i++) {
            EXPECT(p, pair_pop(p));
            EXPECT(p, pair_push(p, p->buffer.id, 0));
        }
        (void)vq_device_publish(&p->device);
        EXPECT_EQ(p, vq_driver_get(&p->driver, got, 5), batch);
        done += batch;
    }
    if (p->options.format == PAIR_SPLIT) {
        EXPECT_EQ(p, pair_get(p, PAIR_AVAIL_IDX), (uint16_t)(p->options.start + done));
        EXPECT_EQ(p, pair_get(p, PAIR_USED_IDX), (uint16_t)(p->options.start + done));
    }
}

static void wraps(void **state)
{
    static const uint16_t sizes[] = {1, 2, 8, 32768, 0};
    (void)state;
    pair_each_size(round_the_wrap, sizes);
    pair_each_packed(round_the_wrap);
}

/*
 * All interleavings of a driver that makes one buffer available with a device
 * that goes to sleep: whoever comes second sees the other. The twin with the
 * roles exchanged follows.
 */
static void no_lost_kick(struct queue_pair *p)
{
    /* The device's wish stands before the driver publishes: a kick, and nothing pending. */
    bool kick, pending;
    struct vq_element e = {PAIR_DATA, 4};

    for (unsigned order = 0; order < 3; order++) {
        vq_device_disable_notifications(&p->device);
        kick = false;
        EXPECT(p, vq_driver_add(&p->driver, &e, 1, 0) >= 0);
        if (order == 0)
            kick = vq_driver_publish(&p->driver);
        pending = vq_device_enable_notifications(&p->device);
        if (order != 0)
            kick = vq_driver_publish(&p->driver);
        EXPECT(p, kick || pending);
        EXPECT_EQ(p, pending, order == 0);
        EXPECT(p, pair_pop(p));
        vq_driver_disable_notifications(&p->driver);
        EXPECT(p, pair_push(p, p->buffer.id, 0));
        if (order == 0)
            kick = vq_device_publish(&p->device);
        pending = vq_driver_enable_notifications(&p->driver);
        if (order != 0)
            kick = vq_device_publish(&p->device);
        EXPECT(p, kick || pending);
        EXPECT_EQ(p, pending, order == 0);
        {
            struct vq_done done;
            EXPECT_EQ(p, vq_driver_get(&p->driver, &done, 1), 1);
        }
    }
}

static void no_lost_wakeup(void **state)
{
    (void)state;
    pair_each(no_lost_kick);
    pair_each_packed(no_lost_kick);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(random_walks, "random operations agree with a model of the queue"),
        VQ_TEST(random_walks_over_regions, "and over memory in small pieces"),
        VQ_TEST(wraps, "indices go round the wrap at every size"),
        VQ_TEST(no_lost_wakeup, "whoever comes second, wish or buffer, is not missed"),
    };
    return VQ_RUN(tests);
}
