/*
 * The driver's end of a queue against a device that does anything, at any time.
 *
 * The input chooses format, features, size and start, then plays the driver (adds,
 * batches, rollbacks) and the device (honest, mistaken or mad). What get gives was in
 * flight and published, once; written stays below what the buffer could take; and
 * what is free and what is in flight is the whole queue, until it breaks. Where no
 * fetch lies, the outcome of each call is held against a plain list kept here.
 */
#include "fuzz.h"

#include <vq/driver.h>

#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 8,
    STEPS = 300,
    ELEMENTS = 16,
    SIZE_LARGEST = 32768,
    AVAILABLE_BIT = 0x80,
    USED_BIT = 0x8000,
    WRAP = 0x8000,
};

struct note {
    bool in_flight, published, used; /* used: an honest device has named it */
    bool table;
    uint16_t need;
    uint16_t at; /* the index or position of its head */
    unsigned readable, count;
    uint32_t limit;
    struct vq_element elements[ELEMENTS];
};

struct run {
    struct fuzz_input in;
    struct vq_driver_config config;
    struct vq_driver_queue q;
    bool packed, big, lies, event_idx, in_order, strict;
    bool scribbled; /* what the driver wrote may have changed since */
    bool mad;       /* the device did something wrong, ever */
    uint16_t size, entries;
    size_t descriptor_bytes, driver_bytes, device_bytes, table_bytes;
    struct note *note; /* by id */
    uint16_t *order;   /* ids in flight, oldest first; the last `added` are not published */
    uint32_t in_flight, added, slots_in_flight, slots_added;
    uint16_t next_available, published_available, next_used;
    uint16_t raw_used;      /* where the device goes on */
    uint16_t in_order_next; /* the first slot of the next buffer */
    bool batch_open;
    uint16_t batch_last;
    uint32_t batch_written;
    enum vq_broken broken;
};

static uint16_t advance(const struct run *r, uint16_t at, uint32_t by)
{
    if (!r->packed)
        return (uint16_t)(at + by);
    while (by-- != 0)
        at = (at & 0x7fff) + 1 == r->size ? (uint16_t)((at & WRAP) ^ WRAP) : (uint16_t)(at + 1);
    return at;
}

static uint8_t *slot(const struct run *r, uint32_t i)
{
    return (uint8_t *)r->config.descriptor_area + 16 * (size_t)i;
}

static uint16_t ring16(const struct run *r, const void *area, size_t at)
{
    return (uint16_t)fuzz_get((const uint8_t *)area + at, 2, r->big);
}

static void put_ring16(const struct run *r, void *area, size_t at, uint16_t v)
{
    fuzz_put((uint8_t *)area + at, v, 2, r->big);
}

static void check(struct run *r)
{
    enum vq_broken now = vq_driver_broken(&r->q);

    FUZZ_CHECK(r->broken == VQ_NOT_BROKEN || now == r->broken);
    r->broken = now;
    FUZZ_CHECK(vq_driver_free(&r->q) <= r->size);
    if (now == VQ_NOT_BROKEN)
        FUZZ_CHECK(vq_driver_free(&r->q) + r->slots_in_flight == r->size);
}

static void forget(struct run *r, uint32_t k)
{
    struct note *n = &r->note[r->order[k]];

    FUZZ_CHECK(n->in_flight);
    r->slots_in_flight -= n->need;
    n->in_flight = false;
    r->in_flight--;
    memmove(&r->order[k], &r->order[k + 1], (r->in_flight - k) * sizeof(r->order[0]));
}

static uint32_t place_of(const struct run *r, uint16_t id)
{
    uint32_t k = 0;

    while (k < r->in_flight && r->order[k] != id)
        k++;
    return k;
}

static void add(struct run *r)
{
    static struct vq_element elements[ELEMENTS];
    uint8_t b = fuzz_byte(&r->in);
    unsigned readable = b & 7, writable = b >> 3 & 7, count;
    uint64_t bytes = 0, limit = 0;
    bool empty = false, table;
    uint32_t slots;
    int should = VQ_OK, id;
    struct note *n;

    if (b >> 6 == 3) {
        b = fuzz_byte(&r->in);
        readable = b & 1 ? b & 15 : b & 2 ? (unsigned)fuzz_number(&r->in, 4) : 0;
        writable = b & 4 ? 0 : b & 8 ? 0 - readable + (b >> 4) : (unsigned)(b >> 4);
        if (readable + writable > ELEMENTS && readable + writable <= r->size)
            readable = writable = 1;
    }
    count = readable + writable;
    for (unsigned i = 0; i < count && i < ELEMENTS; i++) {
        uint8_t how = fuzz_byte(&r->in);
        elements[i].address = how & 1 ? fuzz_number(&r->in, 8) : (uint64_t)how << 12;
        elements[i].bytes = how < 0xe0   ? 1u + how
                            : how < 0xf0 ? UINT32_MAX - (how & 15)
                            : how < 0xfe ? (uint32_t)fuzz_number(&r->in, 4)
                                         : 0;
        bytes += elements[i].bytes;
        limit += i < readable ? 0 : elements[i].bytes;
        empty = empty || elements[i].bytes == 0;
    }
    table = count > 1 && count <= r->entries;
    slots = table ? 1 : count;
    if (r->broken)
        should = VQ_ERR_BROKEN;
    else if (count == 0 || count < readable || count > r->size)
        should = VQ_ERR_INVALID;
    else if (slots > r->size - r->slots_in_flight)
        should = VQ_ERR_FULL;
    else if (empty)
        should = VQ_ERR_INVALID;
    else if (bytes > UINT64_C(1) << 32)
        should = VQ_ERR_RANGE;

    id = vq_driver_add(&r->q, elements, readable, writable);
    /* Of two reasons to refuse either may be given. */
    if (empty && should == VQ_ERR_INVALID && id == VQ_ERR_RANGE && bytes > UINT64_C(1) << 32)
        should = VQ_ERR_RANGE;
    FUZZ_CHECK(should != VQ_OK ? id == should : id >= 0 && id < r->size);
    if (should != VQ_OK) {
        check(r);
        return;
    }
    n = &r->note[id];
    FUZZ_CHECK(!n->in_flight);
    if (r->in_order) {
        FUZZ_CHECK(id == r->in_order_next);
        r->in_order_next = (uint16_t)((r->in_order_next + slots) % r->size);
    }
    *n = (struct note){.in_flight = true,
                       .table = table,
                       .need = (uint16_t)slots,
                       .at = r->next_available,
                       .readable = readable,
                       .count = count,
                       .limit = limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit};
    memcpy(n->elements, elements, count * sizeof(elements[0]));
    r->order[r->in_flight++] = (uint16_t)id;
    r->added++;
    r->slots_in_flight += slots;
    r->slots_added += slots;
    r->next_available = advance(r, r->next_available, r->packed ? slots : 1);
    check(r);
}

static void is_element(const struct note *n, unsigned i, const struct fuzz_descriptor *d)
{
    FUZZ_CHECK(d->address == n->elements[i].address);
    FUZZ_CHECK(d->bytes == n->elements[i].bytes);
    FUZZ_CHECK(!!(d->flags & FUZZ_WRITE) == (i >= n->readable));
}

static const uint8_t *is_table(const struct run *r, uint16_t id, const struct fuzz_descriptor *d)
{
    const struct note *n = &r->note[id];
    size_t offset = (size_t)id * r->entries * 16;

    FUZZ_CHECK(d->bytes == n->count * 16);
    FUZZ_CHECK(d->address == r->config.indirect_address + offset);
    FUZZ_CHECK(!(d->flags & (FUZZ_WRITE | FUZZ_NEXT)));
    return (const uint8_t *)r->config.indirect_tables + offset;
}

/* Does the device see just what was added? */
static void is_published_split(const struct run *r, uint16_t id)
{
    const struct note *n = &r->note[id];
    uint32_t at = id;
    const uint8_t *table = r->config.descriptor_area;

    FUZZ_CHECK(ring16(r, r->config.driver_area, 4 + 2u * (n->at & (r->size - 1u))) == id);
    if (n->table) {
        struct fuzz_descriptor d = fuzz_described(slot(r, id), false, r->big);
        FUZZ_CHECK(d.flags == FUZZ_INDIRECT);
        table = is_table(r, id, &d);
        at = 0;
    }
    for (unsigned i = 0; i < n->count; i++) {
        struct fuzz_descriptor d = fuzz_described(table + 16 * (size_t)at, false, r->big);
        is_element(n, i, &d);
        FUZZ_CHECK(!(d.flags & FUZZ_INDIRECT));
        FUZZ_CHECK(!!(d.flags & FUZZ_NEXT) == (i + 1 < n->count));
        at = d.next;
        FUZZ_CHECK(at < (n->table ? n->count : r->size));
    }
}

static void is_published_packed(const struct run *r, uint16_t id)
{
    const struct note *n = &r->note[id];
    uint16_t at = n->at;

    for (unsigned i = 0; i < n->need; i++, at = advance(r, at, 1)) {
        struct fuzz_descriptor d = fuzz_described(slot(r, at & 0x7fff), true, false);
        FUZZ_CHECK((d.flags & (AVAILABLE_BIT | USED_BIT)) ==
                   (at & WRAP ? AVAILABLE_BIT : USED_BIT));
        FUZZ_CHECK(!!(d.flags & FUZZ_NEXT) == (i + 1u < n->need));
        FUZZ_CHECK(i + 1u < n->need || d.next == id);
        FUZZ_CHECK(!!(d.flags & FUZZ_INDIRECT) == n->table);
        if (!n->table)
            is_element(n, i, &d);
        else
            for (unsigned k = 0; k < n->count; k++) {
                struct fuzz_descriptor inner =
                    fuzz_described(is_table(r, id, &d) + 16 * (size_t)k, true, false);
                is_element(n, k, &inner);
                FUZZ_CHECK((inner.flags & ~FUZZ_WRITE) == 0);
            }
    }
}

/* Must a step from `before` to `now` be told? One position at a time. */
static bool expect_kick(const struct run *r, uint16_t before, uint16_t now)
{
    const uint8_t *area = r->config.device_area;
    uint16_t mode = (uint16_t)fuzz_get(area + (r->packed ? 2 : 0), 2, r->big);
    uint16_t event = ring16(r, area, r->packed ? 0 : 4 + 8u * (size_t)r->size);

    if (before == now)
        return false;
    if (r->packed && (mode & 3) != 2)
        return (mode & 3) != 1;
    if (!r->event_idx)
        return r->packed || !(mode & 1);
    do {
        if (before == event)
            return true;
        before = advance(r, before, 1);
    } while (before != now);
    return false;
}

static void publish(struct run *r)
{
    bool foreign = r->packed && (ring16(r, r->config.device_area, 0) & 0x7fff) >= r->size;
    bool should = expect_kick(r, r->published_available, r->next_available);
    bool kick = vq_driver_publish(&r->q);

    if (!r->lies && !foreign)
        FUZZ_CHECK(kick == should);
    FUZZ_CHECK(r->added != 0 || !kick);
    if (r->added != 0 && !r->packed)
        FUZZ_CHECK(ring16(r, r->config.driver_area, 2) == r->next_available);
    for (uint32_t i = r->in_flight - r->added; i < r->in_flight; i++) {
        r->note[r->order[i]].published = true;
        if (!r->scribbled && r->packed)
            is_published_packed(r, r->order[i]);
        else if (!r->scribbled)
            is_published_split(r, r->order[i]);
    }
    r->published_available = r->next_available;
    r->added = r->slots_added = 0;
    r->scribbled = false;
    FUZZ_CHECK(vq_driver_notification_data(&r->q, 7) == (7u | (uint32_t)r->next_available << 16));
    check(r);
}

static void rollback(struct run *r)
{
    vq_driver_rollback(&r->q);
    while (r->added != 0) {
        struct note *n = &r->note[r->order[r->in_flight - 1]];
        r->in_order_next = (uint16_t)((r->in_order_next + r->size - n->need) % r->size);
        forget(r, r->in_flight - 1);
        r->added--;
    }
    r->slots_added = 0;
    r->next_available = r->published_available;
    r->scribbled = false;
    check(r);
    /* A device that looks further than what is published must find nothing. */
    if (r->packed && !r->mad) {
        uint16_t at = r->next_available;
        for (uint32_t i = r->slots_in_flight; i < r->size; i++, at = advance(r, at, 1)) {
            uint16_t flags = fuzz_described(slot(r, at & 0x7fff), true, false).flags;
            FUZZ_CHECK((flags & (AVAILABLE_BIT | USED_BIT)) !=
                       (at & WRAP ? AVAILABLE_BIT : USED_BIT));
        }
    }
}

/* What get must give, from the ring as it stands. */
struct expected {
    size_t count;
    bool refuse;
    struct vq_done done[BATCH];
};

static bool expect_done(const struct run *r, uint32_t id, uint32_t written, struct vq_done *done)
{
    const struct note *n = &r->note[id < r->size ? id : 0];

    if (id >= r->size || !n->in_flight || (r->strict && written > n->limit))
        return false;
    *done = (struct vq_done){(uint16_t)id, written < n->limit ? written : n->limit, written};
    return true;
}

/* A used element at `at`; false if there is none. */
static bool used_element(const struct run *r, uint16_t at, uint32_t *id, uint32_t *written)
{
    if (r->packed) {
        struct fuzz_descriptor d = fuzz_described(slot(r, at & 0x7fff), true, false);
        *id = d.next;
        *written = d.flags & FUZZ_WRITE ? d.bytes : 0;
        return (d.flags & (AVAILABLE_BIT | USED_BIT)) == (at & WRAP ? AVAILABLE_BIT | USED_BIT : 0);
    }
    *id = (uint32_t)fuzz_get((uint8_t *)r->config.device_area + 4 + 8u * (at & (r->size - 1u)), 4,
                             r->big);
    *written = (uint32_t)fuzz_get((uint8_t *)r->config.device_area + 8 + 8u * (at & (r->size - 1u)),
                                  4, r->big);
    return true;
}

/* Indices used and not yet taken (split), or buffers that may be used (packed). */
static uint32_t expect_used(const struct run *r, bool *refuse)
{
    uint16_t n;

    *refuse = false;
    if (r->broken)
        return 0;
    if (r->packed)
        return r->in_flight - r->added;
    n = (uint16_t)(r->q.seen_used - r->next_used);
    if (n == 0)
        n = (uint16_t)(ring16(r, r->config.device_area, 2) - r->next_used);
    *refuse = n > r->in_flight - r->added;
    return *refuse ? 0 : n;
}

static void expect(const struct run *r, size_t count, struct expected *e)
{
    uint32_t used = expect_used(r, &e->refuse), taken = 0;
    uint16_t at = r->next_used, last = r->batch_last;
    uint32_t written = r->batch_written, id = 0, k = 0;
    bool open = r->batch_open;

    for (e->count = 0; !e->refuse && e->count < count && e->count < used; e->count++) {
        struct vq_done *done = &e->done[e->count];
        if (!open) {
            if (!used_element(r, at, &id, &written))
                break;
            e->refuse = !expect_done(r, id, written, done) || !r->note[id].published;
            for (uint32_t i = 0; i < e->count; i++)
                e->refuse = e->refuse || e->done[i].id == id;
            if (r->in_order && id < r->size && r->note[id].in_flight && !r->note[id].published)
                e->refuse = r->strict && written > r->note[id].limit;
            if (e->refuse)
                break;
            taken = r->note[id].need;
            last = (uint16_t)id;
        }
        if (r->in_order) {
            id = r->order[k++];
            open = id != last;
            e->refuse = !expect_done(r, id, open ? r->note[id].limit : written, done) ||
                        (open && k == used);
            if (e->refuse)
                break;
            taken = r->note[id].need;
        }
        at = advance(r, at, r->packed ? taken : 1);
    }
}

static void get(struct run *r)
{
    struct vq_done done[BATCH];
    struct expected e;
    size_t count = 1 + fuzz_byte(&r->in) % BATCH, n;
    bool was_broken = r->broken != VQ_NOT_BROKEN;

    expect(r, count, &e);
    n = vq_driver_get(&r->q, done, count);
    FUZZ_CHECK(n <= count);
    FUZZ_CHECK(!was_broken || n == 0);
    if (!r->lies) {
        FUZZ_CHECK(n == e.count);
        FUZZ_CHECK((vq_driver_broken(&r->q) != VQ_NOT_BROKEN) == (was_broken || e.refuse));
    }
    for (size_t i = 0; i < n; i++) {
        struct note *note = &r->note[done[i].id];
        uint32_t k;
        FUZZ_CHECK(done[i].id < r->size);
        FUZZ_CHECK(note->in_flight && note->published);
        FUZZ_CHECK(done[i].written <= note->limit && done[i].written <= done[i].reported);
        FUZZ_CHECK(!r->strict || done[i].written == done[i].reported);
        if (!r->lies)
            FUZZ_CHECK(done[i].id == e.done[i].id && done[i].written == e.done[i].written &&
                       done[i].reported == e.done[i].reported);
        k = place_of(r, done[i].id);
        FUZZ_CHECK(k < r->in_flight && (!r->in_order || k == 0));
        r->next_used = advance(r, r->next_used, r->packed ? note->need : 1);
        forget(r, k);
    }
    r->batch_open = r->q.batch_open;
    r->batch_last = r->q.batch_last;
    r->batch_written = r->q.batch_written;
    check(r);
}

static void pending(struct run *r, uint8_t how)
{
    bool refuse, should, is;
    uint32_t id, written, used;

    if (how == 0) {
        vq_driver_disable_notifications(&r->q);
        if (r->packed)
            FUZZ_CHECK(fuzz_get((uint8_t *)r->config.driver_area + 2, 2, false) == 1);
        else if (!r->event_idx)
            FUZZ_CHECK(ring16(r, r->config.driver_area, 0) == 1);
        return;
    }
    used = expect_used(r, &refuse);
    should = used != 0 && (r->batch_open || used_element(r, r->next_used, &id, &written));
    is = how == 1 ? vq_driver_pending(&r->q) : vq_driver_enable_notifications(&r->q);
    FUZZ_CHECK(!is || vq_driver_broken(&r->q) == VQ_NOT_BROKEN);
    FUZZ_CHECK(!is || r->in_flight != 0);
    if (!r->lies) {
        FUZZ_CHECK(is == should);
        FUZZ_CHECK((vq_driver_broken(&r->q) != VQ_NOT_BROKEN) == (r->broken || refuse));
    }
    check(r);
    if (how == 1)
        return;
    if (r->packed)
        FUZZ_CHECK(fuzz_get(r->config.driver_area, 4, false) ==
                   (r->event_idx ? 0x20000u | r->next_used : 0u));
    else if (r->event_idx)
        FUZZ_CHECK(ring16(r, r->config.driver_area, 4 + 2u * (size_t)r->size) == r->next_used);
    else
        FUZZ_CHECK(ring16(r, r->config.driver_area, 0) == 0);
}

/* The device. */

static void use_raw(struct run *r, uint32_t id, uint32_t written, uint32_t buffers, uint32_t slots)
{
    if (r->packed) {
        struct fuzz_descriptor d = {.bytes = written, .next = (uint16_t)id};
        uint8_t raw[16];
        d.flags = (uint16_t)((r->raw_used & WRAP ? AVAILABLE_BIT | USED_BIT : 0) |
                             (written ? FUZZ_WRITE : 0));
        fuzz_describe(raw, &d, true, false);
        memcpy(slot(r, r->raw_used & 0x7fff) + 8, raw + 8, 8);
        r->raw_used = advance(r, r->raw_used, slots);
    } else {
        uint8_t *at = (uint8_t *)r->config.device_area + 4 + 8u * (r->raw_used & (r->size - 1u));
        fuzz_put(at, id, 4, r->big);
        fuzz_put(at + 4, written, 4, r->big);
        r->raw_used = (uint16_t)(r->raw_used + buffers);
    }
}

/* Names a published buffer that was not named before: in order, all up to it. */
static void use(struct run *r)
{
    uint8_t b = fuzz_byte(&r->in);
    uint32_t n = 0, buffers = 0, slots = 0, k;
    uint32_t written;

    for (uint32_t i = 0; i < r->in_flight; i++)
        n += r->note[r->order[i]].published && !r->note[r->order[i]].used;
    if (n == 0)
        return;
    n = 1 + (b & 15) % n;
    for (k = 0; n != 0; k++) {
        struct note *note = &r->note[r->order[k]];
        if (!note->published || note->used)
            continue;
        if (--n == 0 || r->in_order) {
            note->used = true;
            buffers++;
            slots += note->need;
        }
    }
    written = r->note[r->order[k - 1]].limit;
    if (b & 0x10)
        written = (uint32_t)fuzz_number(&r->in, 4);
    else if (b & 0x20)
        written = fuzz_byte(&r->in) % (written ? written : 1);
    /* After a mistake, or a lie that was believed, it does not know where it stands, and writes
     * over what is not used. */
    r->scribbled = r->scribbled || r->mad || r->lies;
    use_raw(r, r->order[k - 1], written, buffers, slots);
    if (!r->packed && !(b & 0x40))
        put_ring16(r, r->config.device_area, 2, r->raw_used);
}

static void use_wrongly(struct run *r)
{
    uint8_t b = fuzz_byte(&r->in);
    uint32_t id = b & 1          ? fuzz_below(&r->in, r->size)
                  : b & 2        ? (uint32_t)fuzz_number(&r->in, 4)
                  : r->in_flight ? r->order[fuzz_byte(&r->in) % r->in_flight]
                                 : 0;

    r->mad = r->scribbled = true;
    use_raw(r, id, fuzz_byte(&r->in), 1 + (b >> 2 & 1), 1u + (b >> 3 & 3));
    if (!r->packed && !(b & 0x40))
        put_ring16(r, r->config.device_area, 2, r->raw_used);
}

static void scribble(struct run *r)
{
    uint8_t b = fuzz_byte(&r->in);
    uint8_t *area = r->config.descriptor_area;
    size_t bytes = r->descriptor_bytes, at;

    if ((b & 3) == 1) {
        area = r->config.driver_area;
        bytes = r->driver_bytes;
    } else if ((b & 3) == 2) {
        area = r->config.device_area;
        bytes = r->device_bytes;
    } else if ((b & 3) == 3 && r->table_bytes) {
        area = r->config.indirect_tables;
        bytes = r->table_bytes;
    }
    at = fuzz_below(&r->in, (uint32_t)bytes);
    for (unsigned i = 0; i <= (b >> 4) && at + i < bytes; i++)
        area[at + i] = fuzz_byte(&r->in);
    r->mad = r->scribbled = true;
}

/* What the device asks of its notifications. */
static void wish(struct run *r)
{
    uint8_t b = fuzz_byte(&r->in);
    uint16_t at = b & 0x40 ? fuzz_u16(&r->in) : advance(r, r->published_available, b >> 3 & 7);

    if (r->packed)
        fuzz_put(r->config.device_area, at | (uint32_t)(b & 7) << 16, 4, false);
    else if (b & 1)
        put_ring16(r, r->config.device_area, 4 + 8u * (size_t)r->size, at);
    else
        put_ring16(r, r->config.device_area, 0, b >> 1 & 1);
}

/* A configuration with one thing wrong is refused for that, before anything is touched. */
static void misconfigure(struct run *r)
{
    static const enum vq_error answers[] = {
        VQ_ERR_SIZE,    VQ_ERR_SIZE,    VQ_ERR_INVALID,     VQ_ERR_INVALID,
        VQ_ERR_INVALID, VQ_ERR_INVALID, VQ_ERR_ALIGN,       VQ_ERR_ALIGN,
        VQ_ERR_ALIGN,   VQ_ERR_ALIGN,   VQ_ERR_UNSUPPORTED,
    };
    unsigned which = fuzz_byte(&r->in) % 11;
    struct vq_driver_config c = r->config;
    struct vq_driver_queue q;

    c.size = which == 0 ? 0 : which == 1 ? (uint16_t)(0x8001 + fuzz_byte(&r->in)) : c.size;
    c.descriptor_area = which == 2 ? NULL : (uint8_t *)c.descriptor_area + (which == 6 ? 8 : 0);
    c.driver_area = which == 3 ? NULL : (uint8_t *)c.driver_area + (which == 7 ? 1 : 0);
    c.device_area = which == 4 ? NULL : (uint8_t *)c.device_area + (which == 8 ? 2 : 0);
    c.slots = which == 5 ? NULL : c.slots;
    if (which == 9)
        c.indirect_tables = (uint8_t *)c.descriptor_area + 8;
    if (which == 10) {
        vq_feature_set(&c.features, VQ_F_RING_PACKED);
        c.big_endian = true;
    }
    FUZZ_CHECK(vq_driver_init(&q, &c) == answers[which]);
}

static void step(struct run *r)
{
    uint8_t op = fuzz_byte(&r->in);

    switch (op & 15) {
    case 0:
    case 1:
    case 2:
        add(r);
        break;
    case 3:
    case 4:
        publish(r);
        break;
    case 5:
        rollback(r);
        break;
    case 6:
    case 7:
    case 8:
        use(r);
        break;
    case 9:
    case 10:
        get(r);
        break;
    case 11:
        use_wrongly(r);
        break;
    case 12:
        pending(r, (op >> 4) % 3);
        break;
    case 13:
        wish(r);
        break;
    case 14:
        scribble(r);
        break;
    default:
        if (op >> 4 == 15) {
            vq_driver_break(&r->q, (enum vq_broken)(fuzz_byte(&r->in) % (VQ_BROKEN_BY_OWNER + 1)));
            FUZZ_CHECK(vq_driver_broken(&r->q) != VQ_NOT_BROKEN);
            check(r);
        } else if (op >> 4 == 14) {
            misconfigure(r);
        } else if (!r->packed) {
            r->mad = true;
            put_ring16(r, r->config.device_area, 2,
                       (uint16_t)(op & 0x80 ? fuzz_u16(&r->in) : r->raw_used + (op >> 4)));
        }
    }
}

/* Split indices are free-running: begins anywhere, as a queue of some age would. */
static void begin_at(struct run *r, uint16_t start)
{
    r->q.next_available = r->q.published_available = start;
    r->q.next_used = r->q.seen_used = start;
    r->next_available = r->published_available = r->next_used = r->raw_used = start;
    if (r->packed)
        return;
    put_ring16(r, r->config.driver_area, 2, start);
    put_ring16(r, r->config.device_area, 2, start);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct note notes[SIZE_LARGEST];
    static uint16_t order[SIZE_LARGEST];
    struct run r = {.in = {data, data + bytes}};
    uint8_t shape = fuzz_byte(&r.in), features = fuzz_byte(&r.in);

    r.packed = shape % 3 == 2;
    r.big = shape % 3 == 1;
    r.lies = shape & 0x80;
    r.strict = features & 1;
    r.event_idx = features & 2;
    r.in_order = features & 4;
    r.size = fuzz_queue_size(&r.in, r.packed);
    r.entries = features & 0x10 ? 1 + (features >> 5) : 0;
    r.descriptor_bytes = 16 * (size_t)r.size;
    r.driver_bytes = r.packed ? 4 : 6 + 2 * (size_t)r.size;
    r.device_bytes = r.packed ? 4 : 6 + 8 * (size_t)r.size;
    r.table_bytes = 16 * (size_t)r.size * r.entries;
    r.config = (struct vq_driver_config){
        .big_endian = r.big,
        .strict = r.strict,
        .size = r.size,
        .descriptor_area = fuzz_new(r.descriptor_bytes),
        .driver_area = fuzz_new(r.driver_bytes),
        .device_area = fuzz_new(r.device_bytes),
        .slots = fuzz_new(r.size * sizeof(struct vq_driver_slot)),
        .indirect_tables = r.table_bytes ? fuzz_new(r.table_bytes) : NULL,
        .indirect_entries = r.entries,
        .indirect_address = UINT64_C(0x8000000000),
    };
    if (r.packed)
        vq_feature_set(&r.config.features, VQ_F_RING_PACKED);
    if (r.entries)
        vq_feature_set(&r.config.features, VQ_F_INDIRECT_DESC);
    if (r.event_idx)
        vq_feature_set(&r.config.features, VQ_F_EVENT_IDX);
    if (r.in_order)
        vq_feature_set(&r.config.features, VQ_F_IN_ORDER);
    if (features & 8)
        vq_feature_set(&r.config.features, VQ_F_ORDER_PLATFORM);
    r.note = notes;
    r.order = order;
    for (uint32_t i = 0; i < r.size; i++)
        notes[i].in_flight = false;

    fuzz_hook_start(&r.in, r.lies);
    FUZZ_CHECK(vq_driver_init(&r.q, &r.config) == VQ_OK);
    begin_at(&r, r.packed ? WRAP : fuzz_u16(&r.in));
    for (unsigned i = 0; i < STEPS && fuzz_more(&r.in); i++)
        step(&r);
    publish(&r);
    get(&r);

    free(r.config.descriptor_area);
    free(r.config.driver_area);
    free(r.config.device_area);
    free(r.config.slots);
    free(r.config.indirect_tables);
    return 0;
}
