/*
 * The device's end of a queue against a driver that does anything, at any time.
 *
 * The input chooses format, features, size, start and guest memory, then plays the
 * driver (sensible chains and nonsense) and the device model. What pop gives is
 * checked by itself; where no fetch lies, it is also held against a walk written
 * here, from the specification, that shares no line with the ring's: neither too
 * lax nor too strict.
 */
#include "fuzz.h"

#include <vq/device.h>

#include <stdlib.h>
#include <string.h>

enum {
    ROOM = 64,
    BATCH = 8,
    STEPS = 300,
    TABLE_MAX = 32768,
    AVAILABLE_BIT = 0x80,
    USED_BIT = 0x8000,
    WRAP = 0x8000,
    FRESH = 0,
};

/* What the walk written here finds. */
struct expected {
    uint16_t id;
    uint16_t slots;
    uint32_t readable, writable;
    uint64_t readable_bytes, writable_bytes;
    struct vq_segment segments[ROOM];
    uint32_t room;
};

/* A buffer that pop gave. */
struct flight {
    bool taken, pushed;
    uint16_t slots;
    uint32_t written;
    uint64_t writable_bytes;
};

/* A used element. */
struct put {
    uint16_t at, id;
    uint32_t written;
};

struct run {
    struct fuzz_input in;
    struct fuzz_guest guest;
    struct vq_device_config config;
    struct vq_device_queue q;
    bool packed, big, lies, indirect, event_idx, in_order, on_empty;
    uint16_t size;
    size_t descriptor_bytes, driver_bytes, device_bytes;
    uint16_t raw_available; /* where the driver goes on */
    struct flight *flight;  /* by id */
    uint16_t *order;        /* ids in flight, oldest first */
    uint32_t in_flight, slots_in_flight;
    uint16_t next_used, published_used;
    bool scribbled;  /* since the last publish */
    struct put *put; /* since the last publish */
    uint32_t puts, put_slots;
    bool signal_always;
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

/* The walk written here. */

static bool expect_element(const struct run *r, struct expected *e, bool *seen, uint64_t address,
                           uint32_t bytes, bool writable)
{
    const uint32_t access = writable ? VQ_WRITE : VQ_READ;

    if (*seen && !writable)
        return false;
    *seen = writable;
    *(writable ? &e->writable_bytes : &e->readable_bytes) += bytes;
    if (e->writable_bytes + e->readable_bytes > UINT64_C(1) << 32)
        return false;
    if (bytes != 0 && address > UINT64_MAX - (bytes - 1))
        return false;
    while (bytes != 0) {
        const struct vq_region *region = fuzz_guest_region(&r->guest, address);
        struct vq_segment *s = &e->segments[e->readable + e->writable];
        uint64_t left;
        if (!region || !(region->access & access) || e->readable + e->writable == e->room)
            return false;
        left = region->size - (address - region->address);
        s->base = region->host + (address - region->address);
        s->bytes = bytes < left ? bytes : (size_t)left;
        ++*(writable ? &e->writable : &e->readable);
        bytes -= (uint32_t)s->bytes;
        address += s->bytes;
    }
    return true;
}

/* May there be a table here? */
static bool expect_table(const struct run *r, const struct fuzz_descriptor *d)
{
    return r->indirect && d->bytes != 0 && d->bytes % 16 == 0 && d->bytes / 16 <= TABLE_MAX &&
           d->address <= UINT64_MAX - (d->bytes - 1) && !(d->flags & FUZZ_NEXT);
}

static bool expect_split(const struct run *r, uint16_t head, struct expected *e)
{
    uint32_t entries = r->size, i = head, hops = 0;
    const struct fuzz_descriptor *inside = NULL;
    struct fuzz_descriptor d, table;
    bool seen = false;

    for (;;) {
        uint8_t raw[16];
        if (i >= entries || hops++ == entries)
            return false;
        if (!inside)
            memcpy(raw, slot(r, i), 16);
        else if (!fuzz_guest_read(&r->guest, inside->address + 16 * (uint64_t)i, raw, 16))
            return false;
        d = fuzz_described(raw, false, r->big);
        if (d.flags & FUZZ_INDIRECT) {
            if (inside || !expect_table(r, &d))
                return false;
            table = d;
            inside = &table;
            entries = d.bytes / 16;
            hops = i = 0;
            continue;
        }
        if (!expect_element(r, e, &seen, d.address, d.bytes, d.flags & FUZZ_WRITE))
            return false;
        if (!(d.flags & FUZZ_NEXT))
            return true;
        i = d.next;
    }
}

static bool expect_packed(const struct run *r, uint16_t at, uint32_t taken, struct expected *e)
{
    struct fuzz_descriptor d = fuzz_described(slot(r, at & 0x7fff), true, false);
    bool seen = false;

    e->slots = 1;
    if (taken == r->size)
        return false;
    e->id = d.next;
    if (d.flags & FUZZ_INDIRECT) {
        if (!expect_table(r, &d))
            return false;
        for (uint32_t i = 0; i < d.bytes / 16; i++) {
            uint8_t raw[16];
            struct fuzz_descriptor inner;
            if (!fuzz_guest_read(&r->guest, d.address + 16 * (uint64_t)i, raw, 16))
                return false;
            inner = fuzz_described(raw, true, false);
            if (!expect_element(r, e, &seen, inner.address, inner.bytes, inner.flags & FUZZ_WRITE))
                return false;
        }
        return true;
    }
    for (;;) {
        if ((d.flags & FUZZ_INDIRECT) ||
            !expect_element(r, e, &seen, d.address, d.bytes, d.flags & FUZZ_WRITE))
            return false;
        if (!(d.flags & FUZZ_NEXT))
            break;
        if (e->slots == r->size - taken)
            return false;
        e->slots++;
        at = advance(r, at, 1);
        d = fuzz_described(slot(r, at & 0x7fff), true, false);
    }
    e->id = d.next;
    return true;
}

static bool packed_available(const struct run *r, uint16_t at)
{
    uint16_t flags = fuzz_described(slot(r, at & 0x7fff), true, false).flags;
    return !!(flags & AVAILABLE_BIT) == !!(at & WRAP) && !!(flags & USED_BIT) == !(at & WRAP);
}

/* How many buffers a pop of `count` must give, and what; *refuse: the queue breaks then. */
static size_t expect(const struct run *r, size_t count, uint32_t room, struct expected e[BATCH],
                     bool *refuse)
{
    uint16_t at = r->q.next_available, n = 0;
    uint32_t taken = r->slots_in_flight;
    size_t k;

    *refuse = false;
    if (r->broken)
        return 0;
    if (!r->packed) {
        n = (uint16_t)(r->q.seen_available - at);
        if (n == 0) {
            n = (uint16_t)(ring16(r, r->config.driver_area, 2) - at);
            if (n > r->size) {
                *refuse = true;
                return 0;
            }
        }
    }
    for (k = 0; k < count; k++) {
        bool good;
        if (r->packed ? !packed_available(r, at) : k == n)
            break;
        memset(&e[k], 0, offsetof(struct expected, segments));
        e[k].room = room;
        if (r->packed) {
            good = expect_packed(r, at, taken, &e[k]);
        } else {
            e[k].slots = 1;
            e[k].id = ring16(r, r->config.driver_area, 4 + 2u * (at & (r->size - 1u)));
            good = e[k].id < r->size && expect_split(r, e[k].id, &e[k]);
        }
        good = good && e[k].id < r->size && !r->flight[e[k].id].taken;
        for (size_t before = 0; before < k; before++)
            good = good && e[before].id != e[k].id;
        if (!good) {
            *refuse = true;
            break;
        }
        taken += e[k].slots;
        at = advance(r, at, e[k].slots);
    }
    return k;
}

static void is_as_expected(const struct vq_buffer *b, const struct expected *e)
{
    FUZZ_CHECK(b->id == e->id);
    FUZZ_CHECK(b->readable == e->readable);
    FUZZ_CHECK(b->writable == e->writable);
    FUZZ_CHECK(b->readable_bytes == e->readable_bytes);
    FUZZ_CHECK(b->writable_bytes == e->writable_bytes);
    for (uint32_t i = 0; i < b->readable + b->writable; i++) {
        FUZZ_CHECK(b->segments[i].base == e->segments[i].base);
        FUZZ_CHECK(b->segments[i].bytes == e->segments[i].bytes);
    }
}

/* Each segment lies in one region that allows what it is for. */
static void is_memory(const struct run *r, const struct vq_buffer *b)
{
    uint64_t readable = 0, writable = 0;

    FUZZ_CHECK(b->id < r->size);
    FUZZ_CHECK(b->readable <= b->room && b->writable <= b->room - b->readable);
    for (uint32_t i = 0; i < b->readable + b->writable; i++) {
        const uint32_t access = i < b->readable ? VQ_READ : VQ_WRITE;
        const volatile uint8_t *base = b->segments[i].base;
        const size_t bytes = b->segments[i].bytes;
        bool inside = false;
        for (uint32_t k = 0; k < r->guest.count; k++) {
            const struct vq_region *region = &r->guest.regions[k];
            if ((uintptr_t)base - (uintptr_t)region->host < region->size)
                inside = (region->access & access) &&
                         bytes <= region->size - ((uintptr_t)base - (uintptr_t)region->host);
        }
        FUZZ_CHECK(inside && bytes != 0);
        (void)base[0];
        (void)base[bytes - 1];
        *(i < b->readable ? &readable : &writable) += bytes;
    }
    FUZZ_CHECK(readable == b->readable_bytes);
    FUZZ_CHECK(writable == b->writable_bytes);
    FUZZ_CHECK(readable + writable <= UINT64_C(1) << 32);
}

/* Broken is for ever, and for one reason. */
static void note_broken(struct run *r)
{
    enum vq_broken now = vq_device_broken(&r->q);

    FUZZ_CHECK(r->broken == VQ_NOT_BROKEN || now == r->broken);
    FUZZ_CHECK(vq_broken_text(now)[0] != '\0');
    r->broken = now;
}

static void pop(struct run *r)
{
    static struct vq_segment segments[BATCH][ROOM];
    static struct expected e[BATCH];
    struct vq_buffer buffers[BATCH], *each[BATCH];
    uint8_t b = fuzz_byte(&r->in);
    size_t count = 1 + b % BATCH, n, should;
    uint32_t room = b & 0x80 ? 1 + fuzz_byte(&r->in) % ROOM : ROOM;
    bool refuse = false, was_broken = r->broken != VQ_NOT_BROKEN;
    uint16_t at = r->q.next_available;

    for (size_t i = 0; i < count; i++) {
        buffers[i] = (struct vq_buffer){.segments = segments[i], .room = room};
        each[i] = &buffers[i];
    }
    should = r->lies ? 0 : expect(r, count, room, e, &refuse);
    fuzz_hook.fetches = 0;
    n = vq_device_pop(&r->q, each, count);
    /* A look at the index; then for each buffer its head, a few fetches for a descriptor in the
     * ring, and one for each byte of an indirect one at worst. */
    FUZZ_CHECK(fuzz_hook.fetches <= 1 + count * (2 + 5ull * r->size + 16ull * TABLE_MAX));
    FUZZ_CHECK(n <= count);
    FUZZ_CHECK(!was_broken || n == 0);
    note_broken(r);
    if (!r->lies) {
        FUZZ_CHECK(n == should);
        FUZZ_CHECK((r->broken != VQ_NOT_BROKEN) == (was_broken || refuse));
    }
    for (size_t i = 0; i < n; i++) {
        struct flight *f;
        FUZZ_CHECK(buffers[i].room == room && buffers[i].segments == segments[i]);
        is_memory(r, &buffers[i]);
        if (!r->lies)
            is_as_expected(&buffers[i], &e[i]);
        f = &r->flight[buffers[i].id];
        FUZZ_CHECK(!f->taken);
        *f =
            (struct flight){.taken = true, .slots = 1, .writable_bytes = buffers[i].writable_bytes};
        if (r->packed) {
            f->slots = r->q.in_flight[buffers[i].id];
            FUZZ_CHECK(f->slots != 0);
        }
        r->order[r->in_flight++] = buffers[i].id;
        r->slots_in_flight += f->slots;
        at = advance(r, at, f->slots);
    }
    FUZZ_CHECK(r->q.next_available == at);
    FUZZ_CHECK(r->slots_in_flight <= r->size);
}

static void forget(struct run *r, uint32_t k)
{
    struct flight *f = &r->flight[r->order[k]];

    r->slots_in_flight -= f->slots;
    f->taken = false;
    r->in_flight--;
    memmove(&r->order[k], &r->order[k + 1], (r->in_flight - k) * sizeof(r->order[0]));
}

static void note_put(struct run *r, uint16_t id, uint32_t written, uint32_t by)
{
    /* A driver that offers again what is not yet published: later elements overwrite. */
    r->put_slots += by;
    if (r->put_slots <= r->size) {
        r->put[r->puts++] = (struct put){r->next_used, id, written};
    }
    r->next_used = advance(r, r->next_used, by);
}

static void push(struct run *r)
{
    struct vq_used used[BATCH];
    size_t count = 1 + fuzz_byte(&r->in) % BATCH, good = 0;
    bool bad = false;

    for (size_t i = 0; i < count; i++) {
        uint8_t b = fuzz_byte(&r->in);
        struct flight *f;

        used[i].id = b < 0xf0 && r->in_flight != 0 ? r->order[b % r->in_flight] : fuzz_u16(&r->in);
        used[i].written = b & 1 ? fuzz_byte(&r->in) : (uint32_t)fuzz_number(&r->in, 4);
        f = used[i].id < r->size ? &r->flight[used[i].id] : NULL;
        if (f && (b & 6) == 2)
            used[i].written = (uint32_t)f->writable_bytes;
        bad = bad || !f || !f->taken || f->pushed;
        if (bad)
            continue;
        good++;
        f->pushed = true;
        f->written = used[i].written;
        if (!r->in_order) {
            uint32_t k = 0;
            while (r->order[k] != used[i].id)
                k++;
            note_put(r, used[i].id, used[i].written, f->slots);
            forget(r, k);
        }
    }
    FUZZ_CHECK(vq_device_push(&r->q, used, count) == (bad ? VQ_ERR_RANGE : VQ_OK));
    FUZZ_CHECK(good == count || bad);
    note_broken(r);
}

/* IN_ORDER: the finished front becomes used, one element for each run of full buffers, of which
 * one of 2 GiB or more is the last. */
static void finish_front(struct run *r)
{
    uint32_t by = 0;

    while (r->in_flight != 0 && r->flight[r->order[0]].pushed) {
        const struct flight f = r->flight[r->order[0]];
        uint16_t id = r->order[0];
        bool told = f.written != f.writable_bytes || f.written >= INT32_MAX;

        by += r->packed ? f.slots : 1u;
        forget(r, 0);
        if (told || r->in_flight == 0 || !r->flight[r->order[0]].pushed) {
            note_put(r, id, f.written, by);
            by = 0;
        }
    }
}

static void check_put(const struct run *r, uint32_t i)
{
    uint16_t at = r->put[i].at;

    if (r->packed) {
        struct fuzz_descriptor d = fuzz_described(slot(r, at & 0x7fff), true, false);
        FUZZ_CHECK(d.bytes == r->put[i].written);
        FUZZ_CHECK(d.next == r->put[i].id);
        FUZZ_CHECK((d.flags & (AVAILABLE_BIT | USED_BIT)) ==
                   (at & WRAP ? AVAILABLE_BIT | USED_BIT : 0));
        FUZZ_CHECK(!!(d.flags & FUZZ_WRITE) == (d.bytes != 0));
    } else {
        const uint8_t *e = (uint8_t *)r->config.device_area + 4 + 8u * (at & (r->size - 1u));
        FUZZ_CHECK(fuzz_get(e, 4, r->big) == r->put[i].id);
        FUZZ_CHECK(fuzz_get(e + 4, 4, r->big) == r->put[i].written);
    }
}

/* A legacy driver asked to hear of that, whatever else it wishes. */
static bool nothing_left(const struct run *r)
{
    return r->on_empty && !r->packed && r->q.seen_available == r->q.next_available;
}

/* Must a step from `before` to `now` be told? One position at a time. */
static bool expect_signal(const struct run *r, uint16_t before, uint16_t now)
{
    uint16_t mode =
        (uint16_t)fuzz_get((uint8_t *)r->config.driver_area + (r->packed ? 2 : 0), 2, r->big);
    uint16_t event = ring16(r, r->config.driver_area, r->packed ? 0 : 4 + 2u * (size_t)r->size);

    if (before == now)
        return false;
    if (nothing_left(r))
        return true;
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
    uint16_t before = r->published_used;
    bool foreign, signal, should;

    if (r->in_order)
        finish_front(r);
    /* The descriptor mode with a slot that does not exist means nothing. */
    foreign = r->packed && (ring16(r, r->config.driver_area, 0) & 0x7fff) >= r->size;
    should = expect_signal(r, before, r->next_used);
    if (before != r->next_used && r->signal_always && (r->packed || r->event_idx) &&
        !nothing_left(r)) {
        r->signal_always = false;
        should = true;
    }
    signal = vq_device_publish(&r->q);
    note_broken(r);
    r->published_used = r->next_used;
    FUZZ_CHECK(r->q.next_used == r->next_used);
    if (!r->lies && !foreign)
        FUZZ_CHECK(signal == should);
    if (before == r->next_used) {
        FUZZ_CHECK(!signal);
    } else {
        if (!r->packed)
            FUZZ_CHECK(ring16(r, r->config.device_area, 2) == r->next_used);
        for (uint32_t i = 0; i < r->puts && r->put_slots <= r->size; i++)
            if (!r->scribbled || (i == 0 && r->packed))
                check_put(r, i);
    }
    r->puts = r->put_slots = 0;
    r->scribbled = false;
}

static bool expect_pending(const struct run *r)
{
    struct expected *unused = NULL;
    bool refuse;

    if (r->broken)
        return false;
    if (r->packed)
        return packed_available(r, r->q.next_available);
    return r->q.seen_available != r->q.next_available ||
           (uint16_t)(ring16(r, r->config.driver_area, 2) - r->q.next_available) != 0 ||
           expect(r, 0, 0, unused, &refuse) != 0;
}

static void pending(struct run *r, uint8_t how)
{
    bool should = expect_pending(r), is;

    if (how == 0) {
        vq_device_disable_notifications(&r->q);
        if (r->packed)
            FUZZ_CHECK(fuzz_get((uint8_t *)r->config.device_area + 2, 2, false) == 1);
        else if (!r->event_idx)
            FUZZ_CHECK(ring16(r, r->config.device_area, 0) == 1);
        return;
    }
    is = how == 1 ? vq_device_pending(&r->q) : vq_device_enable_notifications(&r->q);
    note_broken(r);
    FUZZ_CHECK(!is || r->broken == VQ_NOT_BROKEN);
    if (!r->lies)
        FUZZ_CHECK(is == (should && r->broken == VQ_NOT_BROKEN));
    if (how == 1)
        return;
    if (r->packed)
        FUZZ_CHECK(fuzz_get(r->config.device_area, 4, false) ==
                   (r->event_idx ? 0x20000u | r->q.next_available : 0u));
    else if (r->event_idx)
        FUZZ_CHECK(ring16(r, r->config.device_area, 4 + 8u * (size_t)r->size) ==
                   r->q.next_available);
    else
        FUZZ_CHECK(ring16(r, r->config.device_area, 0) == 0);
}

/* The driver. */

static struct fuzz_descriptor random_descriptor(struct run *r, uint16_t next)
{
    static const uint8_t flags[] = {
        0, FUZZ_WRITE, FUZZ_NEXT, FUZZ_NEXT | FUZZ_WRITE, FUZZ_INDIRECT, FUZZ_NEXT, FUZZ_WRITE, 7};
    struct fuzz_descriptor d = {.next = next};
    uint8_t b = fuzz_byte(&r->in);

    d.address = fuzz_guest_address(&r->guest, &r->in);
    d.bytes = fuzz_guest_length(&r->guest, &r->in, d.address);
    d.flags = flags[b & 7];
    if (b & 0x80)
        d.next = (uint16_t)fuzz_below(&r->in, r->size);
    if ((b & 0x78) == 0x78) {
        d.next = fuzz_u16(&r->in);
        d.flags = fuzz_u16(&r->in);
    }
    return d;
}

/* A table somewhere in guest memory, and the descriptor that leads there. */
static struct fuzz_descriptor random_table(struct run *r)
{
    uint8_t b = fuzz_byte(&r->in);
    uint32_t entries = 1 + (b & 15);
    struct fuzz_descriptor d = {.flags = FUZZ_INDIRECT, .bytes = 16 * entries};

    d.address = fuzz_guest_address(&r->guest, &r->in);
    if (b & 0x10)
        d.address &= ~UINT64_C(15);
    for (uint32_t i = 0; i < entries; i++) {
        struct fuzz_descriptor inner = random_descriptor(r, (uint16_t)(i + 1));
        uint8_t raw[16];
        if (b & 0x20) { /* a proper chain */
            inner.flags =
                (uint16_t)((inner.flags & FUZZ_WRITE) | (i + 1 < entries ? FUZZ_NEXT : 0));
            inner.next = (uint16_t)(i + 1);
        }
        fuzz_describe(raw, &inner, r->packed, r->big);
        fuzz_guest_write(&r->guest, d.address + 16 * (uint64_t)i, raw, 16);
    }
    if (b >> 6 == 3)
        d.bytes = fuzz_guest_length(&r->guest, &r->in, d.address);
    return d;
}

static void offer_split(struct run *r, uint16_t head)
{
    put_ring16(r, r->config.driver_area, 4 + 2u * (r->raw_available & (r->size - 1u)), head);
    r->raw_available++;
}

/* `count` elements in a row, offered: readable ones, then writable ones, maybe a table last. */
static void offer_chain(struct run *r)
{
    uint8_t b = fuzz_byte(&r->in);
    uint32_t count = 1 + (b & 7), readable = fuzz_byte(&r->in) % (count + 1);
    uint16_t head = (uint16_t)fuzz_below(&r->in, r->size), at = r->raw_available;

    if (count > r->size)
        count = r->size;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t here = (uint16_t)((head + i) % r->size);
        uint16_t next = (uint16_t)((here + 1u) % r->size);
        bool table = (b & 0x10) && i + 1 == count && (!r->packed || i == 0);
        struct fuzz_descriptor d = table ? random_table(r) : random_descriptor(r, next);

        if (!table && !(b & 0x20))
            d.flags = (uint16_t)((i < readable ? 0 : FUZZ_WRITE) | (i + 1 < count ? FUZZ_NEXT : 0));
        if (r->packed) {
            d.flags = (uint16_t)((d.flags & ~(AVAILABLE_BIT | USED_BIT)) |
                                 (at & WRAP ? AVAILABLE_BIT : USED_BIT));
            d.next = i + 1 == count || (b & 0x40) ? head : 0;
            fuzz_describe(slot(r, at & 0x7fff), &d, true, false);
            at = advance(r, at, 1);
        } else {
            if (!(b & 0x20))
                d.next = next;
            fuzz_describe(slot(r, here), &d, false, r->big);
        }
    }
    if (r->packed) {
        r->raw_available = at;
    } else {
        offer_split(r, head);
        if (!(b & 0x80))
            put_ring16(r, r->config.driver_area, 2, r->raw_available);
    }
    r->scribbled = true;
}

static void scribble(struct run *r)
{
    uint8_t b = fuzz_byte(&r->in);
    void *area = r->config.descriptor_area;
    size_t bytes = r->descriptor_bytes, at;

    if ((b & 3) == 1) {
        area = r->config.driver_area;
        bytes = r->driver_bytes;
    } else if ((b & 3) == 2) {
        area = r->config.device_area;
        bytes = r->device_bytes;
    } else if ((b & 3) == 3) {
        const struct vq_region *region = &r->guest.regions[(b >> 2) % r->guest.count];
        if (fuzz_guest_huge(region))
            return;
        area = region->host;
        bytes = (size_t)region->size;
    }
    at = fuzz_below(&r->in, (uint32_t)bytes);
    for (unsigned i = 0; i <= (b >> 4) && at + i < bytes; i++)
        ((uint8_t *)area)[at + i] = fuzz_byte(&r->in);
    r->scribbled = true;
}

/* What the driver asks of its notifications. */
static void wish(struct run *r)
{
    uint8_t b = fuzz_byte(&r->in);
    uint16_t at = (uint16_t)(r->published_used + (b & 0x40 ? fuzz_u16(&r->in) : (b >> 3 & 7)));

    if (r->packed) {
        if (!(b & 0x40))
            at = advance(r, r->published_used, b >> 3 & 7);
        fuzz_put(r->config.driver_area, at | (uint32_t)(b & 7) << 16, 4, false);
    } else if (b & 1) {
        put_ring16(r, r->config.driver_area, 4 + 2u * (size_t)r->size, at);
    } else {
        put_ring16(r, r->config.driver_area, 0, b >> 1 & 1);
    }
}

static void start(struct run *r)
{
    const uint16_t fresh = r->packed ? WRAP : FRESH;

    FUZZ_CHECK(vq_device_init(&r->q, &r->config) == VQ_OK);
    r->next_used = r->published_used = r->config.next_used;
    r->signal_always = r->config.next_available != fresh || r->config.next_used != fresh;
    r->raw_available = r->config.next_available;
    r->in_flight = r->slots_in_flight = r->puts = r->put_slots = 0;
    r->broken = VQ_NOT_BROKEN;
    memset(r->flight, 0, r->size * sizeof(r->flight[0]));
    FUZZ_CHECK(vq_device_broken(&r->q) == VQ_NOT_BROKEN);
}

/* Another end takes over, from where this one stands or from anywhere. */
static void take_over(struct run *r)
{
    uint8_t b = fuzz_byte(&r->in);

    r->config.next_available = b & 1 ? r->q.next_available : fuzz_u16(&r->in);
    r->config.next_used = b & 2 ? r->published_used : fuzz_u16(&r->in);
    if (!r->packed && (b & 4)) {
        r->config.next_used = vq_device_used_index(&r->config);
        FUZZ_CHECK(r->lies || r->config.next_used == ring16(r, r->config.device_area, 2));
    }
    if (r->packed) {
        struct vq_device_queue q;
        bool good = (r->config.next_available & 0x7fff) < r->size &&
                    (r->config.next_used & 0x7fff) < r->size;
        FUZZ_CHECK(vq_device_init(&q, &r->config) == (good ? VQ_OK : VQ_ERR_RANGE));
        r->config.next_available = (uint16_t)((r->config.next_available & WRAP) |
                                              (r->config.next_available & 0x7fff) % r->size);
        r->config.next_used =
            (uint16_t)((r->config.next_used & WRAP) | (r->config.next_used & 0x7fff) % r->size);
    } else if (b & 8) {
        put_ring16(r, r->config.driver_area, 2, r->config.next_available);
    }
    start(r);
}

/* A configuration with one thing wrong is refused for that, and the queue stays as it was. */
static void misconfigure(struct run *r)
{
    static const enum vq_error answers[] = {
        VQ_ERR_SIZE,    VQ_ERR_SIZE,    VQ_ERR_INVALID, VQ_ERR_INVALID,
        VQ_ERR_INVALID, VQ_ERR_INVALID, VQ_ERR_INVALID, VQ_ERR_INVALID,
        VQ_ERR_ALIGN,   VQ_ERR_ALIGN,   VQ_ERR_ALIGN,   VQ_ERR_UNSUPPORTED,
    };
    unsigned which = fuzz_byte(&r->in) % 12;
    struct vq_device_config c = r->config;
    struct vq_device_queue q;

    vq_feature_set(&c.features, VQ_F_IN_ORDER);
    c.next_available &= (uint16_t)~0x7fff;
    c.next_used &= (uint16_t)~0x7fff;
    c.size = which == 0 ? 0 : which == 1 ? (uint16_t)(0x8001 + fuzz_byte(&r->in)) : c.size;
    c.descriptor_area = which == 2 ? NULL : (uint8_t *)c.descriptor_area + (which == 8 ? 8 : 0);
    c.driver_area = which == 3 ? NULL : (uint8_t *)c.driver_area + (which == 9 ? 1 : 0);
    c.device_area = which == 4 ? NULL : (uint8_t *)c.device_area + (which == 10 ? 2 : 0);
    c.memory = which == 5 ? NULL : c.memory;
    c.in_flight = which == 6 ? NULL : c.in_flight;
    c.order = which == 7 ? NULL : c.order;
    if (which == 11) {
        vq_feature_set(&c.features, VQ_F_RING_PACKED);
        c.big_endian = true;
    }
    FUZZ_CHECK(vq_device_init(&q, &c) == answers[which]);
}

static void step(struct run *r)
{
    uint8_t op = fuzz_byte(&r->in);

    switch (op & 15) {
    case 0:
    case 1:
    case 2:
        offer_chain(r);
        break;
    case 3:
        if (!r->packed)
            offer_split(r, fuzz_u16(&r->in));
        break;
    case 4:
        if (!r->packed)
            put_ring16(r, r->config.driver_area, 2,
                       (uint16_t)(op & 0x80 ? fuzz_u16(&r->in) : r->raw_available + (op >> 4)));
        break;
    case 5: {
        struct fuzz_descriptor d = random_descriptor(r, 0);
        fuzz_describe(slot(r, fuzz_below(&r->in, r->size)), &d, r->packed, r->big);
        r->scribbled = true;
        break;
    }
    case 6:
        scribble(r);
        break;
    case 7:
        wish(r);
        break;
    case 8:
    case 9:
        pop(r);
        break;
    case 10:
    case 11:
        push(r);
        break;
    case 12:
    case 13:
        publish(r);
        break;
    case 14:
        pending(r, (op >> 4) % 3);
        break;
    default:
        if (op >> 4 == 15) {
            vq_device_break(&r->q, (enum vq_broken)(fuzz_byte(&r->in) % (VQ_BROKEN_BY_OWNER + 1)));
            FUZZ_CHECK(vq_device_broken(&r->q) != VQ_NOT_BROKEN);
            note_broken(r);
        } else if (op >> 4 == 14) {
            misconfigure(r);
        } else if (op >> 4 < 4) {
            take_over(r);
        } else {
            r->raw_available = r->q.next_available;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct flight flight[TABLE_MAX];
    static uint16_t order[TABLE_MAX];
    static struct put put[TABLE_MAX];
    struct run r = {.in = {data, data + bytes}};
    uint8_t shape = fuzz_byte(&r.in), features = fuzz_byte(&r.in);

    r.packed = shape % 3 == 2;
    r.big = shape % 3 == 1;
    r.lies = shape & 0x80;
    r.indirect = !(features & 1);
    r.event_idx = features & 2;
    r.in_order = features & 4;
    r.on_empty = (features & 0x30) == 0x10;
    r.size = fuzz_queue_size(&r.in, r.packed);
    fuzz_guest_open(&r.guest, &r.in);
    r.descriptor_bytes = 16 * (size_t)r.size;
    r.driver_bytes = r.packed ? 4 : 6 + 2 * (size_t)r.size;
    r.device_bytes = r.packed ? 4 : 6 + 8 * (size_t)r.size;
    r.config = (struct vq_device_config){
        .big_endian = r.big,
        .size = r.size,
        .descriptor_area = fuzz_new(r.descriptor_bytes),
        .driver_area = fuzz_new(r.driver_bytes),
        .device_area = fuzz_new(r.device_bytes),
        .memory = &r.guest.memory,
        .in_flight = fuzz_new(r.size * sizeof(uint16_t)),
        .order = fuzz_new(r.size * sizeof(struct vq_device_order)),
        .next_available = r.packed ? WRAP : FRESH,
        .next_used = r.packed ? WRAP : FRESH,
    };
    if (r.packed)
        vq_feature_set(&r.config.features, VQ_F_RING_PACKED);
    if (r.indirect)
        vq_feature_set(&r.config.features, VQ_F_INDIRECT_DESC);
    if (r.event_idx)
        vq_feature_set(&r.config.features, VQ_F_EVENT_IDX);
    if (r.in_order)
        vq_feature_set(&r.config.features, VQ_F_IN_ORDER);
    if (features & 0x10)
        vq_feature_set(&r.config.features, VQ_F_NOTIFY_ON_EMPTY);
    if (features & 0x20)
        vq_feature_set(&r.config.features, VQ_F_VERSION_1);
    if (features & 8)
        vq_feature_set(&r.config.features, VQ_F_ORDER_PLATFORM);
    r.flight = flight;
    r.order = order;
    r.put = put;

    fuzz_hook_start(&r.in, r.lies);
    start(&r);
    for (unsigned i = 0; i < STEPS && fuzz_more(&r.in); i++)
        step(&r);
    publish(&r);

    free(r.config.descriptor_area);
    free(r.config.driver_area);
    free(r.config.device_area);
    free(r.config.in_flight);
    free(r.config.order);
    fuzz_guest_close(&r.guest);
    return 0;
}
