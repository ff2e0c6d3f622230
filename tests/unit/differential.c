/*
 * One random sequence of operations on queues of every format at once, and on a
 * plain model that knows of no ring: what can be observed must be the same. Buffers
 * have tokens, which each queue's ids are mapped to; what is compared is what came
 * out, in which order, with which lengths, what was refused, and which notifications
 * were needed. Each run begins near a wrap of its own.
 */
#include "queue_pair.h"

#include <string.h>

enum {
    RINGS = 4,
    LARGEST = 32,
    ELEMENTS = 6,
    BATCH = 40, /* more than any of these queues holds */
    STEPS = 1000,
    REGIONS = 5,
    REGION_BYTES = 1000,
    FREE = -1,
};

/* When an end asked to be notified, in buffers that it had taken by then. */
struct wish {
    enum { ALWAYS, NEVER, AT } when;
    uint32_t at;
};

struct token {
    struct vq_element elements[ELEMENTS];
    unsigned readable, writable;
    uint32_t readable_bytes, writable_bytes, written;
    bool finished;
};

/* Tokens that wait for the same thing, first come first. */
struct line {
    int tokens[LARGEST];
    unsigned count;
};

/*
 * The model: a buffer goes from line to line. `popped` keeps the order in which the
 * device took them, until they are used.
 */
struct model {
    struct token tokens[LARGEST];
    bool live[LARGEST];
    unsigned free;
    struct line added, available, popped, pushed, used;
    uint32_t published, taken, given, gotten; /* buffers so far */
    struct wish kicks, signals;
};

struct ring {
    struct queue_pair pair;
    int token[LARGEST];   /* by id */
    uint16_t id[LARGEST]; /* by token */
};

struct run {
    struct ring rings[RINGS];
    unsigned count;
    struct pair_options options;
    struct model model;
    struct vq_random random;
};

/* Every ring in turn, and its pair. */
#define FOR_EACH(run, r, p)                                                                        \
    for (struct ring *r = (run)->rings; r < (run)->rings + (run)->count; r++)                      \
        for (struct queue_pair *p = &r->pair; p; p = NULL)

static void put_last(struct line *line, int token)
{
    line->tokens[line->count++] = token;
}

static int take(struct line *line, unsigned at)
{
    int token = line->tokens[at];

    line->count--;
    memmove(&line->tokens[at], &line->tokens[at + 1], (line->count - at) * sizeof(token));
    return token;
}

static unsigned cost(const struct run *run, const struct token *t)
{
    unsigned count = t->readable + t->writable;
    return count > 1 && count <= run->options.indirect_entries ? 1 : count;
}

static void forget(struct run *run, int token)
{
    run->model.live[token] = false;
    run->model.free += cost(run, &run->model.tokens[token]);
}

/*
 * Is the answer to "notify?" right, of a step from `before` to `now`? What is needed
 * must come. What is not must not, but where the format cannot say it: a split ring
 * with EVENT_IDX has no "never", and a packed one meets an old position again.
 */
static void check_notified(struct run *run, struct queue_pair *p, struct wish wish, uint32_t before,
                           uint32_t now, bool is)
{
    bool should = (wish.when == ALWAYS && before != now) ||
                  (wish.when == AT && before <= wish.at && wish.at < now);
    bool packed = p->options.format == PAIR_PACKED;

    if (before == now || should)
        EXPECT_EQ(p, is, should);
    else if (!run->options.event_idx || (packed ? wish.when == NEVER : wish.when == AT))
        EXPECT(p, !is);
}

static void add(struct run *run)
{
    struct model *m = &run->model;
    uint32_t most = run->options.size < ELEMENTS ? run->options.size : ELEMENTS;
    unsigned count = 1 + vq_random_below(&run->random, most);
    struct token t = {.readable = vq_random_below(&run->random, count + 1)};
    bool fits;
    int token = 0;

    t.writable = count - t.readable;
    for (unsigned i = 0; i < count; i++) {
        uint32_t bytes = 1 + vq_random_below(&run->random, 300);
        uint32_t room = REGIONS * REGION_BYTES - bytes;
        t.elements[i] =
            (struct vq_element){PAIR_DATA + vq_random_below(&run->random, room + 1), bytes};
        *(i < t.readable ? &t.readable_bytes : &t.writable_bytes) += bytes;
    }
    fits = cost(run, &t) <= m->free;
    if (fits) {
        while (m->live[token])
            token++;
        m->live[token] = true;
        m->tokens[token] = t;
        m->free -= cost(run, &t);
        put_last(&m->added, token);
    }
    FOR_EACH(run, r, p)
    {
        int id = vq_driver_add(&p->driver, t.elements, t.readable, t.writable);
        EXPECT_EQ(p, id >= 0, fits);
        if (fits) {
            EXPECT(p, id < p->options.size && r->token[id] == FREE);
            r->token[id] = token;
            r->id[token] = (uint16_t)id;
        } else {
            EXPECT_EQ(p, id, VQ_ERR_FULL);
        }
    }
}

static void rollback(struct run *run)
{
    struct model *m = &run->model;

    FOR_EACH(run, r, p)
    {
        vq_driver_rollback(&p->driver);
        for (unsigned i = 0; i < m->added.count; i++)
            r->token[r->id[m->added.tokens[i]]] = FREE;
    }
    while (m->added.count)
        forget(run, take(&m->added, 0));
}

static void publish_available(struct run *run)
{
    struct model *m = &run->model;
    uint32_t before = m->published;

    while (m->added.count) {
        put_last(&m->available, take(&m->added, 0));
        m->published++;
    }
    FOR_EACH(run, r, p)
    check_notified(run, p, m->kicks, before, m->published, vq_driver_publish(&p->driver));
}

/* The segments are the elements, cut at the borders of regions. */
static void compare(const struct queue_pair *p, const struct vq_buffer *got, const struct token *t)
{
    uint32_t s = 0;

    EXPECT_EQ(p, got->readable_bytes, t->readable_bytes);
    EXPECT_EQ(p, got->writable_bytes, t->writable_bytes);
    for (unsigned i = 0; i < t->readable + t->writable; i++) {
        uint64_t at = t->elements[i].address;
        uint32_t left = t->elements[i].bytes;
        if (i == t->readable)
            EXPECT_EQ(p, s, got->readable);
        for (; left != 0; s++) {
            EXPECT(p, s < got->readable + got->writable && got->segments[s].bytes <= left);
            EXPECT(p, got->segments[s].base == pair_host(p, at));
            at += got->segments[s].bytes;
            left -= (uint32_t)got->segments[s].bytes;
        }
    }
    EXPECT_EQ(p, s, got->readable + got->writable);
}

static void pop(struct run *run)
{
    struct model *m = &run->model;
    unsigned count = vq_random_below(&run->random, BATCH) + 1, expected;

    expected = count < m->available.count ? count : m->available.count;
    FOR_EACH(run, r, p)
    {
        static struct vq_segment segments[BATCH][2 * ELEMENTS];
        struct vq_buffer buffer[BATCH], *buffers[BATCH];
        size_t got = 0, more;

        for (unsigned i = 0; i < BATCH; i++) {
            buffer[i] = (struct vq_buffer){.segments = segments[i], .room = 2 * ELEMENTS};
            buffers[i] = &buffer[i];
        }
        EXPECT_EQ(p, vq_device_pending(&p->device), m->available.count != 0);
        /* One call may stop at what was seen to be available before. */
        while (got < count && (more = vq_device_pop(&p->device, &buffers[got], count - got)) != 0)
            got += more;
        EXPECT_EQ(p, got, expected);
        for (unsigned i = 0; i < expected; i++) {
            EXPECT_EQ(p, r->token[buffer[i].id], m->available.tokens[i]);
            compare(p, &buffer[i], &m->tokens[m->available.tokens[i]]);
        }
    }
    for (unsigned i = 0; i < expected; i++) {
        int token = take(&m->available, 0);
        m->tokens[token].finished = false;
        put_last(&m->popped, token);
        m->taken++;
    }
}

/* Any of those that the device holds, in any order, written in full, in part or not at all. */
static void push(struct run *run)
{
    struct model *m = &run->model;
    unsigned tries = 1 + vq_random_below(&run->random, BATCH);

    while (tries-- && m->popped.count) {
        unsigned at = vq_random_below(&run->random, m->popped.count);
        int token = m->popped.tokens[at];
        struct token *t = &m->tokens[token];

        if (t->finished)
            continue;
        t->finished = true;
        t->written = vq_random_below(&run->random, 2)
                         ? t->writable_bytes
                         : vq_random_below(&run->random, t->writable_bytes + 1);
        if (!run->options.in_order)
            put_last(&m->pushed, take(&m->popped, at));
        FOR_EACH(run, r, p)
        {
            struct vq_used used = {r->id[token], t->written};
            EXPECT_EQ(p, vq_device_push(&p->device, &used, 1), VQ_OK);
            if (run->options.in_order) /* once only */
                EXPECT_EQ(p, vq_device_push(&p->device, &used, 1), VQ_ERR_RANGE);
        }
    }
}

static void publish_used(struct run *run)
{
    struct model *m = &run->model;
    uint32_t before = m->given;

    while (run->options.in_order && m->popped.count && m->tokens[m->popped.tokens[0]].finished)
        put_last(&m->pushed, take(&m->popped, 0));
    while (m->pushed.count) {
        put_last(&m->used, take(&m->pushed, 0));
        m->given++;
    }
    FOR_EACH(run, r, p)
    check_notified(run, p, m->signals, before, m->given, vq_device_publish(&p->device));
}

static void get(struct run *run)
{
    struct model *m = &run->model;
    unsigned count = vq_random_below(&run->random, BATCH) + 1, expected;

    expected = count < m->used.count ? count : m->used.count;
    FOR_EACH(run, r, p)
    {
        struct vq_done done[BATCH];
        size_t got = 0, more;

        EXPECT_EQ(p, vq_driver_pending(&p->driver), m->used.count != 0);
        while (got < count && (more = vq_driver_get(&p->driver, &done[got], count - got)) != 0)
            got += more;
        EXPECT_EQ(p, got, expected);
        for (unsigned i = 0; i < expected; i++) {
            int token = m->used.tokens[i];
            EXPECT(p, done[i].id < p->options.size);
            EXPECT_EQ(p, r->token[done[i].id], token);
            EXPECT_EQ(p, done[i].written, m->tokens[token].written);
            EXPECT_EQ(p, done[i].reported, m->tokens[token].written);
            r->token[done[i].id] = FREE;
        }
    }
    for (unsigned i = 0; i < expected; i++)
        forget(run, take(&m->used, 0));
    m->gotten += expected;
    FOR_EACH(run, r, p)
    EXPECT_EQ(p, vq_driver_free(&p->driver), m->free);
}

static void wish(struct run *run)
{
    struct model *m = &run->model;
    bool event = run->options.event_idx, on = vq_random_below(&run->random, 3) != 0;
    bool driver = vq_random_below(&run->random, 2);
    bool more = driver ? m->used.count != 0 : m->available.count != 0;

    *(driver ? &m->signals : &m->kicks) = (struct wish){!on     ? NEVER
                                                        : event ? AT
                                                                : ALWAYS,
                                                        driver ? m->gotten : m->taken};
    FOR_EACH(run, r, p)
    {
        if (driver && on)
            EXPECT_EQ(p, vq_driver_enable_notifications(&p->driver), more);
        else if (driver)
            vq_driver_disable_notifications(&p->driver);
        else if (on)
            EXPECT_EQ(p, vq_device_enable_notifications(&p->device), more);
        else
            vq_device_disable_notifications(&p->device);
    }
}

static void open_rings(struct run *run)
{
    bool power_of_two = (run->options.size & (run->options.size - 1)) == 0;

    for (unsigned i = 0; i < RINGS; i++) {
        struct pair_options options = run->options;
        struct ring *r;

        if (i < 3 && !power_of_two)
            continue;
        options.format = i == 3 ? PAIR_PACKED : PAIR_SPLIT;
        options.big = i == 2;
        options.legacy_align = i == 1 || i == 2 ? 64 : 0;
        options.start = (uint16_t)(i == 3 ? vq_random_below(&run->random, 2u * options.size)
                                          : 65536 - vq_random_below(&run->random, 300));
        r = &run->rings[run->count++];
        pair_open(&r->pair, options);
        for (unsigned id = 0; id < LARGEST; id++)
            r->token[id] = FREE;
        (void)vq_driver_enable_notifications(&r->pair.driver);
        (void)vq_device_enable_notifications(&r->pair.device);
    }
    if (run->options.event_idx)
        run->model.kicks.when = run->model.signals.when = AT;
}

static void one_run(uint64_t seed, struct pair_options options)
{
    static void (*const operations[])(struct run *) = {
        add,  add,  add,          add, rollback, publish_available, publish_available, pop,
        push, push, publish_used, get, wish};
    static struct run run;

    memset(&run, 0, sizeof(run));
    run.options = options;
    run.random.state = seed;
    run.model.free = options.size;
    open_rings(&run);
    for (unsigned i = 0; i < STEPS; i++)
        operations[vq_random_below(&run.random, sizeof(operations) / sizeof(operations[0]))](&run);
    /* Everything comes home. */
    publish_available(&run);
    while (run.model.available.count || run.model.popped.count || run.model.pushed.count ||
           run.model.used.count) {
        pop(&run);
        push(&run);
        publish_used(&run);
        get(&run);
    }
    FOR_EACH(&run, r, p)
    {
        EXPECT_EQ(p, vq_driver_free(&p->driver), options.size);
        EXPECT_EQ(p, p->device.outstanding, 0);
        EXPECT_EQ(p, vq_driver_broken(&p->driver), VQ_NOT_BROKEN);
        EXPECT_EQ(p, vq_device_broken(&p->device), VQ_NOT_BROKEN);
    }
    for (unsigned i = 0; i < run.count; i++)
        pair_close(&run.rings[i].pair);
}

/* Features in the low three bits of the seed. */
static void runs(const uint16_t sizes[], size_t count)
{
    for (size_t s = 0; s < count; s++)
        for (uint64_t seed = 0; seed < 8 * 12; seed++)
            one_run(seed << 16 | sizes[s], (struct pair_options){
                                               .size = sizes[s],
                                               .event_idx = seed & 1,
                                               .in_order = (seed & 2) != 0,
                                               .indirect = (seed & 4) != 0,
                                               .indirect_entries = (seed & 4) ? 4 : 0,
                                               .regions = REGIONS,
                                               .region_bytes = REGION_BYTES,
                                           });
}

static void all_formats(void **state)
{
    static const uint16_t sizes[] = {1, 2, 4, 8, 16, LARGEST};
    (void)state;
    runs(sizes, sizeof(sizes) / sizeof(sizes[0]));
}

static void packed_sizes(void **state)
{
    static const uint16_t sizes[] = {3, 5, 6, 7, 31};
    (void)state;
    runs(sizes, sizeof(sizes) / sizeof(sizes[0]));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(all_formats, "split, legacy and packed queues have the same history"),
        VQ_TEST(packed_sizes, "and packed ones of other sizes that of the model"),
    };
    return VQ_RUN(tests);
}
