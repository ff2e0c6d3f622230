/*
 * The input, the lying hook and the guest memory of the fuzz targets (see fuzz.h).
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if UINTPTR_MAX > 0xffffffffu
#include <sys/mman.h>
#endif

uint64_t vq_shared_hook(const void *where, unsigned bytes, uint64_t value);

struct fuzz_hook fuzz_hook;

_Noreturn void fuzz_fail(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

uint64_t fuzz_number(struct fuzz_input *in, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)fuzz_byte(in) << (8 * i);
    return v;
}

uint32_t fuzz_below(struct fuzz_input *in, uint32_t n)
{
    uint64_t v = fuzz_number(in, n <= 0x100 ? 1 : n <= 0x10000 ? 2 : 4);
    return (uint32_t)(v % n);
}

uint16_t fuzz_queue_size(struct fuzz_input *in, bool any)
{
    uint8_t b = fuzz_byte(in);

    if (b < 0xf8)
        return (uint16_t)(any ? 1 + b % 20 : 1 << b % 6);
    if (b < 0xff)
        return (uint16_t)(any ? 1 + fuzz_below(in, 300) : 1u << b % 9);
    b = fuzz_byte(in);
    /* The largest take a thousand times as long as small ones: on short inputs only. */
    if (b != 0xff || in->back - in->front > 12)
        return (uint16_t)(any ? 1 + b : 1 << b % 11);
    return (uint16_t)(any ? 32767 + (fuzz_byte(in) & 1) : 32768);
}

void *fuzz_new(size_t bytes)
{
    void *p = NULL;

    if (posix_memalign(&p, 16, bytes ? bytes : 1) != 0)
        abort();
    memset(p, 0, bytes);
    return p;
}

/* A byte says for how long to be honest, and which lie follows. */
static void next_lie(void)
{
    uint8_t b = fuzz_byte_back(fuzz_hook.lies);

    fuzz_hook.honest = b >> 3;
    fuzz_hook.kind = b & 7;
}

void fuzz_hook_start(struct fuzz_input *in, bool lie)
{
    fuzz_hook = (struct fuzz_hook){.lies = lie ? in : NULL};
    if (lie)
        next_lie();
}

static uint64_t lie(uint64_t value, unsigned bytes)
{
    struct fuzz_input *in = fuzz_hook.lies;
    uint64_t all = 0;

    switch (fuzz_hook.kind) {
    case 0:
        return value ^ UINT64_C(1) << fuzz_byte_back(in) % (8 * bytes);
    case 1:
        for (unsigned i = 0; i < bytes; i++)
            all = all << 8 | fuzz_byte_back(in);
        return all;
    case 2:
        return value + 1;
    case 3:
        return value - 1;
    case 4:
        return fuzz_byte_back(in) % 64;
    case 5:
        return value ^ (uint64_t)fuzz_byte_back(in) << 8 * (fuzz_byte_back(in) % bytes);
    case 6:
        return UINT64_MAX;
    default:
        return value;
    }
}

uint64_t vq_shared_hook(const void *where, unsigned bytes, uint64_t value)
{
    FUZZ_CHECK((uintptr_t)where % bytes == 0);
    fuzz_hook.fetches++;
    if (!fuzz_hook.lies || !fuzz_more(fuzz_hook.lies))
        return value;
    if (fuzz_hook.honest) {
        fuzz_hook.honest--;
        return value;
    }
    value = lie(value, bytes);
    next_lie();
    return value;
}

/*
 * So many bytes that a few elements are more than 2^32: they can be read and are
 * never written, so that they cost nothing. NULL where there are not so many.
 */
static uint8_t *huge(void)
{
    static uint8_t *all;

#if UINTPTR_MAX > 0xffffffffu
    if (!all) {
        void *p =
            mmap(NULL, FUZZ_HUGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        all = p == MAP_FAILED ? NULL : p;
    }
#endif
    return all;
}

bool fuzz_guest_huge(const struct vq_region *region)
{
    return region->size == FUZZ_HUGE;
}

void fuzz_guest_open(struct fuzz_guest *g, struct fuzz_input *in)
{
    uint64_t gaps[FUZZ_REGIONS], sizes[FUZZ_REGIONS], at, all = 0;
    uint8_t shape = fuzz_byte(in);

    g->count = 1 + (shape & 3);
    for (uint32_t i = 0; i < g->count; i++) {
        uint8_t b = fuzz_byte(in);
        sizes[i] = b < 0x20   ? 1u + b % 16
                   : b < 0x80 ? 16u * (b & 0x1f) + 16
                   : b < 0xf0 ? 128u + 3u * b
                              : 4096;
        b = fuzz_byte(in);
        gaps[i] = b < 0xc0 ? 0 : b & 0x3f;
        g->regions[i].access = (b & 0x30) == 0x30   ? VQ_READ
                               : (b & 0x30) == 0x20 ? VQ_WRITE
                                                    : VQ_READ | VQ_WRITE;
        if (i == 0 && (shape & 0xe0) == 0xe0 && huge()) {
            sizes[i] = FUZZ_HUGE;
            g->regions[i].host = huge();
            g->blocks[i] = NULL;
        }
        all += gaps[i] + sizes[i];
        g->regions[i].size = sizes[i];
        if (sizes[i] == FUZZ_HUGE)
            continue;
        g->blocks[i] = fuzz_new((size_t)sizes[i] + (b & 15));
        g->regions[i].host = g->blocks[i] + (b & 15);
    }
    switch (shape >> 2 & 3) {
    case 0:
        at = 0x40000000;
        break;
    case 1:
        at = 0;
        break;
    case 2:
        at = 0 - all;
        break;
    default:
        at = fuzz_number(in, 8);
        at = at > UINT64_MAX - all ? UINT64_MAX - all : at;
        break;
    }
    for (uint32_t i = 0; i < g->count; i++) {
        at += gaps[i];
        g->regions[i].address = at;
        at += sizes[i];
    }
    FUZZ_CHECK(vq_memory_init(&g->memory, g->regions, g->count) == VQ_OK);
}

void fuzz_guest_close(struct fuzz_guest *g)
{
    for (uint32_t i = 0; i < g->count; i++)
        free(g->blocks[i]);
}

uint64_t fuzz_guest_address(const struct fuzz_guest *g, struct fuzz_input *in)
{
    uint8_t b = fuzz_byte(in);
    const struct vq_region *r = &g->regions[(b >> 3) % g->count];

    switch (b & 7) {
    default:
        return r->address + fuzz_below(in, (uint32_t)r->size);
    case 3:
        return r->address;
    case 4:
        return r->address + r->size - 1 - (fuzz_byte(in) & 15);
    case 5:
        return r->address + r->size;
    case 6:
        return r->address - 1 - (fuzz_byte(in) & 15);
    case 7:
        return fuzz_number(in, 8);
    }
}

uint32_t fuzz_guest_length(const struct fuzz_guest *g, struct fuzz_input *in, uint64_t address)
{
    uint8_t b = fuzz_byte(in);
    const struct vq_region *r = fuzz_guest_region(g, address);

    switch (b & 7) {
    default:
        return 1u + (b >> 3);
    case 3:
        return 16u * (b >> 3);
    case 4:
        return fuzz_u16(in) % 1024;
    case 5: /* to the end of the region, nearly, or beyond */
        return r ? (uint32_t)(r->size - (address - r->address)) + (b >> 3) % 3 - 1 : 16;
    case 6:
        return (b >> 3) ? fuzz_u16(in) : 0;
    case 7:
        return (uint32_t)fuzz_number(in, 4);
    }
}

const struct vq_region *fuzz_guest_region(const struct fuzz_guest *g, uint64_t address)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (address - g->regions[i].address < g->regions[i].size)
            return &g->regions[i];
    return NULL;
}

bool fuzz_guest_read(const struct fuzz_guest *g, uint64_t address, void *to, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++, address++) {
        const struct vq_region *r = fuzz_guest_region(g, address);
        if (!r || !(r->access & VQ_READ) || (i != 0 && address == 0))
            return false;
        ((uint8_t *)to)[i] = r->host[address - r->address];
    }
    return true;
}

void fuzz_guest_write(const struct fuzz_guest *g, uint64_t address, const void *from,
                      uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++, address++) {
        const struct vq_region *r = fuzz_guest_region(g, address);
        if (r && !fuzz_guest_huge(r))
            r->host[address - r->address] = ((const uint8_t *)from)[i];
    }
}

uint64_t fuzz_get(const void *at, unsigned bytes, bool big)
{
    const uint8_t *p = at;
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * (big ? bytes - 1 - i : i);
    return v;
}

void fuzz_put(void *at, uint64_t v, unsigned bytes, bool big)
{
    uint8_t *p = at;
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> 8 * (big ? bytes - 1 - i : i));
}

void fuzz_describe(void *at, const struct fuzz_descriptor *d, bool packed, bool big)
{
    uint8_t *p = at;
    fuzz_put(p, d->address, 8, big);
    fuzz_put(p + 8, d->bytes, 4, big);
    fuzz_put(p + 12, packed ? d->next : d->flags, 2, big);
    fuzz_put(p + 14, packed ? d->flags : d->next, 2, big);
}

struct fuzz_descriptor fuzz_described(const void *at, bool packed, bool big)
{
    const uint8_t *p = at;
    uint16_t a = (uint16_t)fuzz_get(p + 12, 2, big), b = (uint16_t)fuzz_get(p + 14, 2, big);
    struct fuzz_descriptor d = {
        .address = fuzz_get(p, 8, big),
        .bytes = (uint32_t)fuzz_get(p + 8, 4, big),
        .flags = packed ? b : a,
        .next = packed ? a : b,
    };
    return d;
}
