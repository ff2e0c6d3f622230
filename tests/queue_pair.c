/* See queue_pair.h. */
#define _POSIX_C_SOURCE 200809L /* posix_memalign */
#include "queue_pair.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <vq/layout.h>

static void *exactly(size_t bytes, size_t align)
{
    void *p = NULL;
    if (posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, bytes) != 0)
        abort();
    memset(p, 0xa5, bytes);
    return p;
}

/* Each part is an allocation of its own, but those of a legacy queue. */
static void place(struct queue_pair *p)
{
    struct vq_driver_config *c = &p->driver_config;
    size_t size = p->options.size;
    struct vq_layout layout;

    p->descriptor_bytes = 16 * size;
    p->driver_bytes = p->options.format == PAIR_PACKED ? 4 : 6 + 2 * size;
    p->device_bytes = p->options.format == PAIR_PACKED ? 4 : 6 + 8 * size;
    if (p->options.legacy_align) {
        if (vq_layout_init(&layout, VQ_FORMAT_LEGACY, p->options.size, p->options.legacy_align))
            abort();
        p->block = exactly(layout.total, p->options.legacy_align);
        c->descriptor_area = p->block;
        c->driver_area = (uint8_t *)p->block + layout.part[VQ_DRIVER_AREA].offset;
        c->device_area = (uint8_t *)p->block + layout.part[VQ_DEVICE_AREA].offset;
    } else {
        c->descriptor_area = exactly(p->descriptor_bytes, 16);
        c->driver_area = exactly(p->driver_bytes, 4);
        c->device_area = exactly(p->device_bytes, 4);
    }
}

static void make_memory(struct queue_pair *p)
{
    uint32_t data = p->options.regions, count = data + (p->options.indirect_entries != 0);

    p->regions = calloc(count, sizeof(*p->regions));
    for (uint32_t i = 0; i < data; i++)
        p->regions[i] = (struct vq_region){
            .address = PAIR_DATA + (uint64_t)i * p->options.region_bytes,
            .size = p->options.region_bytes,
            .host = exactly(p->options.region_bytes, 16),
            .access = VQ_READ | VQ_WRITE,
        };
    if (count > data) {
        size_t bytes = (size_t)16 * p->options.indirect_entries * p->options.size;
        p->regions[data] = (struct vq_region){
            .address = PAIR_TABLES, .size = bytes, .host = exactly(bytes, 16), .access = VQ_READ};
    }
    if (vq_memory_init(&p->memory, p->regions, count) != VQ_OK)
        abort();
}

/* As if `start` buffers had gone round a split ring already. */
static void start_split(struct queue_pair *p, uint16_t start)
{
    p->driver.next_available = p->driver.published_available = start;
    p->driver.next_used = p->driver.seen_used = start;
    pair_put(p, PAIR_AVAIL_IDX, start);
    pair_put(p, PAIR_USED_IDX, start);
    if (p->options.event_idx) {
        pair_put(p, PAIR_USED_EVENT, start);
        pair_put(p, PAIR_AVAIL_EVENT, start);
    }
}

/* As if `start` slots of a packed ring had been available and used already. */
static void start_packed(struct queue_pair *p, uint16_t start)
{
    uint16_t at = PAIR_WRAP;

    for (uint16_t i = 0; i < start; i++) {
        pair_put_slot(p, at & 0x7fffu, (struct pair_slot){.flags = pair_used_flags(at)});
        at = pair_after(p, at, 1);
    }
    p->driver.next_available = p->driver.published_available = p->driver.next_used = at;
    if (p->options.in_order)
        p->driver.free_head = p->driver.batch_next = at & 0x7fffu;
}

static void start_driver(struct queue_pair *p)
{
    const struct pair_options *o = &p->options;
    struct vq_driver_config *c = &p->driver_config;

    c->big_endian = o->big;
    c->strict = o->strict;
    c->size = o->size;
    c->slots = exactly(sizeof(struct vq_driver_slot) * o->size, 8);
    if (o->format == PAIR_PACKED)
        vq_feature_set(&c->features, VQ_F_RING_PACKED);
    if (!o->big && !o->legacy_align)
        vq_feature_set(&c->features, VQ_F_VERSION_1);
    if (o->event_idx)
        vq_feature_set(&c->features, VQ_F_EVENT_IDX);
    if (o->in_order)
        vq_feature_set(&c->features, VQ_F_IN_ORDER);
    if (o->indirect)
        vq_feature_set(&c->features, VQ_F_INDIRECT_DESC);
    if (o->indirect_entries) {
        c->indirect_tables = p->regions[o->regions].host;
        c->indirect_address = PAIR_TABLES;
        c->indirect_entries = o->indirect_entries;
    }
    if (vq_driver_init(&p->driver, c) != VQ_OK)
        abort();
    if (o->start != 0)
        (o->format == PAIR_SPLIT ? start_split : start_packed)(p, o->start);
}

void pair_open(struct queue_pair *p, struct pair_options options)
{
    uint16_t start;

    if (options.size == 0)
        options.size = 8;
    if (options.regions == 0)
        options.regions = 1;
    if (options.region_bytes == 0)
        options.region_bytes = 65536;
    memset(p, 0, sizeof(*p));
    p->options = options;
    place(p);
    make_memory(p);
    start_driver(p);
    start = options.format == PAIR_PACKED ? pair_after(p, PAIR_WRAP, options.start) : options.start;
    p->device_config = (struct vq_device_config){
        .features = p->driver_config.features,
        .big_endian = options.big,
        .size = options.size,
        .descriptor_area = p->driver_config.descriptor_area,
        .driver_area = p->driver_config.driver_area,
        .device_area = p->driver_config.device_area,
        .memory = &p->memory,
        .in_flight = exactly(sizeof(uint16_t) * options.size, 8),
        .order =
            options.in_order ? exactly(sizeof(struct vq_device_order) * options.size, 8) : NULL,
    };
    p->buffer.segments = p->segments;
    p->buffer.room = PAIR_ROOM;
    p->raw_available = p->raw_used = start;
    pair_reopen_device(p, start, start);
    /* A fresh queue owes nobody a signal, wherever the test lets it start. */
    p->device.signal_always = false;
}

void pair_reopen_device(struct queue_pair *p, uint16_t next_available, uint16_t next_used)
{
    p->device_config.next_available = next_available;
    p->device_config.next_used = next_used;
    if (vq_device_init(&p->device, &p->device_config) != VQ_OK)
        abort();
}

void pair_close(struct queue_pair *p)
{
    if (!p->block) {
        free(p->driver_config.descriptor_area);
        free(p->driver_config.driver_area);
        free(p->driver_config.device_area);
    }
    free(p->block);
    free(p->driver_config.slots);
    free(p->device_config.in_flight);
    free(p->device_config.order);
    for (uint32_t i = 0; i < p->memory.count; i++)
        free(p->regions[i].host);
    free(p->regions);
    memset(p, 0, sizeof(*p));
}

void pair_each_size(void (*fn)(struct queue_pair *p), const uint16_t *sizes)
{
    static const uint16_t starts[] = {0, 65530, 65535, 32766};

    for (unsigned bits = 0; bits < 8; bits++)
        for (const uint16_t *size = sizes; *size; size++)
            for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
                struct queue_pair p;
                pair_open(&p, (struct pair_options){
                                  .big = bits & 1,
                                  .event_idx = bits & 2,
                                  .indirect = bits & 4,
                                  .indirect_entries = bits & 4 ? 4 : 0,
                                  .size = *size,
                                  .start = starts[s],
                              });
                fn(&p);
                pair_close(&p);
            }
}

void pair_each(void (*fn)(struct queue_pair *p))
{
    static const uint16_t sizes[] = {1, 2, 4, 8, 256, 32768, 0};
    pair_each_size(fn, sizes);
}

void pair_each_packed(void (*fn)(struct queue_pair *p))
{
    static const uint16_t sizes[] = {1, 2, 3, 4, 7, 8, 256, 1000, 32768};

    for (unsigned bits = 0; bits < 8; bits++)
        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
            struct queue_pair p;
            pair_open(&p, (struct pair_options){
                              .format = PAIR_PACKED,
                              .event_idx = bits & 1,
                              .indirect = bits & 2,
                              .indirect_entries = bits & 2 ? 4 : 0,
                              .size = sizes[s],
                              /* Just before one of the two wraps, or fresh. */
                              .start = (uint16_t)(bits & 4 ? (s & 1 ? 2 : 1) * sizes[s] - 1 : 0),
                          });
            fn(&p);
            pair_close(&p);
        }
}

uint8_t *pair_host(const struct queue_pair *p, uint64_t address)
{
    for (uint32_t i = 0; i < p->memory.count; i++) {
        const struct vq_region *r = &p->regions[i];
        if (address >= r->address && address - r->address < r->size)
            return r->host + (address - r->address);
    }
    return NULL;
}

bool pair_pop(struct queue_pair *p)
{
    struct vq_buffer *buffer = &p->buffer;
    return vq_device_pop(&p->device, &buffer, 1) == 1;
}

bool pair_push(struct queue_pair *p, uint16_t id, uint32_t written)
{
    struct vq_used used = {id, written};
    return vq_device_push(&p->device, &used, 1) == VQ_OK;
}

uint16_t pair_add_one(struct queue_pair *p)
{
    struct vq_element element = {PAIR_DATA, 16};
    int id = vq_driver_add(&p->driver, &element, 1, 0);
    EXPECT(p, id >= 0);
    (void)vq_driver_publish(&p->driver);
    return (uint16_t)id;
}

static uint64_t get(const struct queue_pair *p, const void *at, unsigned bytes)
{
    const uint8_t *b = at;
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)b[i] << 8 * (p->options.big ? bytes - 1 - i : i);
    return v;
}

static void put(const struct queue_pair *p, void *at, unsigned bytes, uint64_t v)
{
    uint8_t *b = at;
    for (unsigned i = 0; i < bytes; i++)
        b[i] = (uint8_t)(v >> 8 * (p->options.big ? bytes - 1 - i : i));
}

uint16_t pair_get16(const struct queue_pair *p, const void *at)
{
    return (uint16_t)get(p, at, 2);
}

uint32_t pair_get32(const struct queue_pair *p, const void *at)
{
    return (uint32_t)get(p, at, 4);
}

uint64_t pair_get64(const struct queue_pair *p, const void *at)
{
    return get(p, at, 8);
}

void pair_put16(const struct queue_pair *p, void *at, uint16_t v)
{
    put(p, at, 2, v);
}

void pair_put32(const struct queue_pair *p, void *at, uint32_t v)
{
    put(p, at, 4, v);
}

void pair_put64(const struct queue_pair *p, void *at, uint64_t v)
{
    put(p, at, 8, v);
}

void *pair_at(const struct queue_pair *p, enum pair_field field)
{
    uint8_t *available = p->driver_config.driver_area, *used = p->driver_config.device_area;

    switch (field) {
    case PAIR_AVAIL_FLAGS:
        return available;
    case PAIR_AVAIL_IDX:
        return available + 2;
    case PAIR_USED_EVENT:
        return available + p->driver_bytes - 2;
    case PAIR_USED_FLAGS:
        return used;
    case PAIR_USED_IDX:
        return used + 2;
    case PAIR_AVAIL_EVENT:
        return used + p->device_bytes - 2;
    }
    return NULL;
}

uint16_t pair_get(const struct queue_pair *p, enum pair_field field)
{
    return pair_get16(p, pair_at(p, field));
}

void pair_put(const struct queue_pair *p, enum pair_field field, uint16_t v)
{
    pair_put16(p, pair_at(p, field), v);
}

void pair_describe(const struct queue_pair *p, void *table, uint32_t i, uint64_t address,
                   uint32_t bytes, uint16_t flags, uint16_t next)
{
    uint8_t *d = (uint8_t *)table + 16 * (size_t)i;
    put(p, d, 8, address);
    put(p, d + 8, 4, bytes);
    put(p, d + 12, 2, flags);
    put(p, d + 14, 2, next);
}

struct pair_descriptor pair_descriptor(const struct queue_pair *p, const void *table, uint32_t i)
{
    const uint8_t *d = (const uint8_t *)table + 16 * (size_t)i;
    return (struct pair_descriptor){get(p, d, 8), (uint32_t)get(p, d + 8, 4),
                                    (uint16_t)get(p, d + 12, 2), (uint16_t)get(p, d + 14, 2)};
}

void pair_chain(const struct queue_pair *p, uint16_t i, uint64_t address, uint32_t bytes,
                uint16_t flags, uint16_t next)
{
    pair_describe(p, p->driver_config.descriptor_area, i, address, bytes, flags, next);
}

void pair_offer(struct queue_pair *p, uint16_t head)
{
    uint8_t *available = p->driver_config.driver_area;
    put(p, available + 4 + 2 * (size_t)(p->raw_available % p->options.size), 2, head);
    pair_put(p, PAIR_AVAIL_IDX, ++p->raw_available);
}

uint16_t pair_head(const struct queue_pair *p, uint16_t slot)
{
    const uint8_t *available = p->driver_config.driver_area;
    return (uint16_t)get(p, available + 4 + 2 * (size_t)slot, 2);
}

void pair_use(struct queue_pair *p, uint32_t id, uint32_t bytes)
{
    uint8_t *used = p->driver_config.device_area;
    uint8_t *slot = used + 4 + 8 * (size_t)(p->raw_used % p->options.size);
    put(p, slot, 4, id);
    put(p, slot + 4, 4, bytes);
    pair_put(p, PAIR_USED_IDX, ++p->raw_used);
}

void pair_used(const struct queue_pair *p, uint16_t slot, uint32_t *id, uint32_t *bytes)
{
    const uint8_t *used = p->driver_config.device_area;
    *id = (uint32_t)get(p, used + 4 + 8 * (size_t)slot, 4);
    *bytes = (uint32_t)get(p, used + 8 + 8 * (size_t)slot, 4);
}

struct pair_slot pair_slot(const struct queue_pair *p, uint32_t i)
{
    const uint8_t *d = (uint8_t *)p->driver_config.descriptor_area + 16 * (size_t)i;
    return (struct pair_slot){get(p, d, 8), (uint32_t)get(p, d + 8, 4), (uint16_t)get(p, d + 12, 2),
                              (uint16_t)get(p, d + 14, 2)};
}

void pair_put_slot(const struct queue_pair *p, uint32_t i, struct pair_slot slot)
{
    uint8_t *d = (uint8_t *)p->driver_config.descriptor_area + 16 * (size_t)i;
    put(p, d, 8, slot.address);
    put(p, d + 8, 4, slot.bytes);
    put(p, d + 12, 2, slot.id);
    put(p, d + 14, 2, slot.flags);
}

uint16_t pair_after(const struct queue_pair *p, uint16_t at, uint32_t by)
{
    uint16_t slot = at & 0x7fff, wrap = at & PAIR_WRAP;

    while (by-- != 0)
        if (++slot == p->options.size) {
            slot = 0;
            wrap ^= PAIR_WRAP;
        }
    return slot | wrap;
}

uint16_t pair_available_flags(uint16_t at)
{
    return (at & PAIR_WRAP) ? PAIR_AVAIL : PAIR_USED;
}

uint16_t pair_used_flags(uint16_t at)
{
    return (at & PAIR_WRAP) ? PAIR_AVAIL | PAIR_USED : 0;
}

void pair_offer_slot(struct queue_pair *p, uint64_t address, uint32_t bytes, uint16_t id,
                     uint16_t flags)
{
    uint16_t at = p->raw_available;
    pair_put_slot(p, at & 0x7fffu,
                  (struct pair_slot){address, bytes, id, flags | pair_available_flags(at)});
    p->raw_available = pair_after(p, at, 1);
}

void pair_use_slot(struct queue_pair *p, uint16_t id, uint32_t bytes, uint16_t flags,
                   uint32_t slots)
{
    uint16_t at = p->raw_used;
    pair_put_slot(p, at & 0x7fffu, (struct pair_slot){0, bytes, id, flags | pair_used_flags(at)});
    p->raw_used = pair_after(p, at, slots);
}

uint32_t pair_wish(const struct queue_pair *p, bool of_the_driver)
{
    return pair_get32(p,
                      of_the_driver ? p->driver_config.driver_area : p->driver_config.device_area);
}

void pair_put_wish(const struct queue_pair *p, bool of_the_driver, uint32_t wish)
{
    pair_put32(p, of_the_driver ? p->driver_config.driver_area : p->driver_config.device_area,
               wish);
}

bool pair_stepped_over(uint16_t event, uint16_t before, uint16_t now)
{
    for (uint16_t i = before; i != now; i++)
        if (i == event)
            return true;
    return false;
}

void pair_expect(const struct queue_pair *p, uintmax_t is, uintmax_t should, const char *what,
                 const char *file, int line)
{
    const struct pair_options *o = &p->options;

    if (is == should)
        return;
    print_error("%s: 0x%jx is not 0x%jx\n"
                "%s %s-endian size %u start %u%s%s\n"
                "driver: next available %u published %u, next used %u seen %u, free %u, %s\n"
                "device: next available %u seen %u, next used %u published %u, out %u, %s\n",
                what, is, should, o->format == PAIR_PACKED ? "packed" : "split",
                o->big ? "big" : "little", o->size, o->start, o->event_idx ? " event_idx" : "",
                o->indirect ? " indirect" : "", p->driver.next_available,
                p->driver.published_available, p->driver.next_used, p->driver.seen_used,
                p->driver.free_count, vq_broken_text(vq_driver_broken(&p->driver)),
                p->device.next_available, p->device.seen_available, p->device.next_used,
                p->device.published_used, p->device.outstanding,
                vq_broken_text(vq_device_broken(&p->device)));
    _fail(file, line);
}
