/*
 * Layout and placement: any constraints, any fragments.
 *
 * What the placer gives lies inside of the fragments, aligned, apart from each other
 * and within what the transport can express. Where fragments do not overlap, a search
 * through all assignments and orders, written here, must agree on whether a size fits,
 * and on how few bytes of fragments it touches.
 */
#include "fuzz.h"

#include <vq/layout.h>

#include <string.h>

enum { FRAGMENTS = 5, TEXT = 320 };

struct piece {
    uint32_t bytes, align;
};

struct run {
    struct fuzz_input in;
    struct vq_constraints c;
    struct vq_fragment fragment[FRAGMENTS];
    size_t count;
    bool overlap;
};

static bool power_of_two(uint32_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static bool size_allowed(enum vq_format format, uint32_t size)
{
    return size >= 1 && size <= 32768 && (format == VQ_FORMAT_PACKED || power_of_two(size));
}

static uint64_t up(uint64_t n, uint32_t align)
{
    return (n + align - 1) / align * align;
}

static void check_layout(enum vq_format format, uint32_t size, uint32_t align)
{
    struct vq_layout l;
    enum vq_error error = vq_layout_init(&l, format, size, align);
    const bool legacy = format == VQ_FORMAT_LEGACY, packed = format == VQ_FORMAT_PACKED;

    if (error != VQ_OK) {
        uint32_t a = align ? align : 4096;
        bool bad_align = legacy && (!power_of_two(a) || a < 4 || a > 1u << 30);
        FUZZ_CHECK((unsigned)format > VQ_FORMAT_PACKED || !size_allowed(format, size) || bad_align);
        return;
    }
    FUZZ_CHECK((unsigned)format <= VQ_FORMAT_PACKED && size_allowed(format, size));
    FUZZ_CHECK(l.format == format && l.size == size);
    FUZZ_CHECK(l.part[0].bytes == 16 * size && l.part[0].align == 16);
    FUZZ_CHECK(l.part[1].bytes == (packed ? 4 : 6 + 2 * size));
    FUZZ_CHECK(l.part[2].bytes == (packed ? 4 : 6 + 8 * size));
    FUZZ_CHECK(l.part[1].align == (packed ? 4 : 2) && l.part[2].align == 4);
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        FUZZ_CHECK(l.part[i].offset %
                       (legacy && l.align < l.part[i].align ? l.align : l.part[i].align) ==
                   0);
        FUZZ_CHECK(l.part[i].offset + (uint64_t)l.part[i].bytes <= l.total);
        for (unsigned k = 0; k < i; k++)
            FUZZ_CHECK(l.part[i].offset >= l.part[k].offset + l.part[k].bytes ||
                       l.part[k].offset >= l.part[i].offset + l.part[i].bytes);
    }
    if (legacy) {
        FUZZ_CHECK(l.part[1].offset == 16 * size);
        FUZZ_CHECK(l.part[2].offset == up(18 * (uint64_t)size + 6, l.align));
        FUZZ_CHECK(l.total == l.part[2].offset + up(8 * (uint64_t)size + 6, l.align));
    } else {
        FUZZ_CHECK(l.total == l.part[0].bytes + l.part[1].bytes + l.part[2].bytes);
    }
}

/* The last address that a byte may have, as constraints and fragment say. */
static bool last_byte(const struct run *r, size_t f, uint64_t *last)
{
    const struct vq_fragment *fragment = &r->fragment[f];
    uint64_t limit =
        r->c.address_bits % 64 ? (UINT64_C(1) << r->c.address_bits % 64) - 1 : UINT64_MAX;

    if (fragment->bytes == 0 || fragment->address > limit)
        return false;
    *last = fragment->bytes - 1 > limit - fragment->address
                ? limit
                : fragment->address + fragment->bytes - 1;
    return true;
}

/* May a block start here, for a register that holds a page-frame number? */
static bool pfn_reaches(const struct vq_constraints *c, uint64_t address)
{
    uint64_t pfn = address >> c->page_shift;

    return address % (UINT64_C(1) << c->page_shift) == 0 && pfn != 0 && pfn >> c->pfn_bits == 0;
}

/* The pieces to be placed for a size; how many. */
static unsigned pieces(const struct vq_constraints *c, uint32_t size, struct piece piece[VQ_PARTS])
{
    const bool legacy = c->format == VQ_FORMAT_LEGACY;
    struct vq_layout l;
    uint64_t end = 0;
    static const uint8_t order[] = {VQ_DESCRIPTOR_AREA, VQ_DEVICE_AREA, VQ_DRIVER_AREA};

    FUZZ_CHECK(vq_layout_init(&l, c->format, size, legacy ? c->align : 0) == VQ_OK);
    if (legacy) {
        piece[0] = (struct piece){l.total, l.align > 16 ? l.align : 16};
        return 1;
    }
    for (unsigned k = 0; k < VQ_PARTS; k++) {
        unsigned i = order[k];
        piece[i] = (struct piece){l.part[i].bytes, l.part[i].align};
        if (piece[i].align < c->align)
            piece[i].align = c->align;
        end = up(end, piece[i].align) + piece[i].bytes;
    }
    if (!c->contiguous)
        return VQ_PARTS;
    FUZZ_CHECK(end <= UINT32_MAX);
    piece[0].bytes = (uint32_t)end;
    return 1;
}

/* Places pieces in an order into one fragment. */
static bool row(const struct run *r, size_t f, const struct piece *piece, const uint8_t *order,
                unsigned n)
{
    uint64_t at = r->fragment[f].address, last;
    bool full = false;

    if (!last_byte(r, f, &last))
        return false;
    for (unsigned k = 0; k < n; k++) {
        const struct piece *p = &piece[order[k]];
        uint64_t align = p->align;
        if (r->c.pfn_bits != 0 && align < UINT64_C(1) << r->c.page_shift)
            align = UINT64_C(1) << r->c.page_shift;
        if (r->c.pfn_bits != 0 && at < align)
            at = align;
        if (full || at > UINT64_MAX - (align - 1))
            return false;
        at = (at + align - 1) & ~(align - 1);
        if (at > last || last - at < p->bytes - 1)
            return false;
        if (r->c.pfn_bits != 0 && !pfn_reaches(&r->c, at))
            return false;
        full = at > UINT64_MAX - p->bytes;
        at += p->bytes;
    }
    return true;
}

/* Every order of a set of pieces in one fragment. */
static bool rows(const struct run *r, size_t f, const struct piece *piece, unsigned set)
{
    static const uint8_t all[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    for (size_t i = 0; i < 6; i++) {
        uint8_t order[3];
        unsigned n = 0;
        for (unsigned k = 0; k < 3; k++)
            if (set >> all[i][k] & 1u)
                order[n++] = all[i][k];
        if (row(r, f, piece, order, n))
            return true;
    }
    return false;
}

/* Does a size fit anywhere? Gives the least bytes of fragments touched. */
static bool fits(const struct run *r, uint32_t size, uint64_t *least)
{
    struct piece piece[VQ_PARTS];
    unsigned n = pieces(&r->c, size, piece);
    size_t ways = 1;
    bool found = false;

    *least = UINT64_MAX;
    for (unsigned i = 0; i < n; i++)
        ways *= r->count;
    for (size_t way = 0; way < ways; way++) {
        unsigned set[FRAGMENTS] = {0};
        uint64_t touched = 0;
        size_t rest = way;
        bool good = true;
        for (unsigned i = 0; i < n; i++, rest /= r->count)
            set[rest % r->count] |= 1u << i;
        for (size_t f = 0; f < r->count && good; f++) {
            if (set[f] == 0)
                continue;
            good = rows(r, f, piece, set[f]);
            touched = touched > UINT64_MAX - r->fragment[f].bytes ? UINT64_MAX
                                                                  : touched + r->fragment[f].bytes;
        }
        if (good) {
            found = true;
            *least = touched < *least ? touched : *least;
        }
    }
    return found;
}

static bool inside(const struct run *r, uint64_t address, uint32_t bytes, bool *used)
{
    for (size_t f = 0; f < r->count; f++) {
        uint64_t last;
        if (last_byte(r, f, &last) && address >= r->fragment[f].address && address <= last &&
            last - address >= bytes - 1) {
            used[f] = true;
            return true;
        }
    }
    return false;
}

static void check_place(const struct run *r, uint32_t wanted, const struct vq_place *place)
{
    const struct vq_constraints *c = &r->c;
    const struct vq_layout *l = &place->layout;
    struct vq_layout plain;
    bool used[FRAGMENTS] = {false};
    uint64_t touched = 0, least;
    uint32_t max = c->size_max && c->size_max < 32768 ? c->size_max : 32768, next;
    const bool block = c->contiguous || c->format == VQ_FORMAT_LEGACY;

    FUZZ_CHECK(l->format == c->format && size_allowed(c->format, l->size));
    FUZZ_CHECK(vq_layout_init(&plain, c->format, l->size, c->align) == VQ_OK);
    FUZZ_CHECK(l->size <= max && l->size >= c->size_min);
    FUZZ_CHECK(c->size_fixed ? l->size == c->size_max : wanted == 0 || l->size <= wanted);
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        uint32_t align = plain.part[i].align;
        if (c->format != VQ_FORMAT_LEGACY && align < c->align)
            align = c->align;
        FUZZ_CHECK(l->part[i].bytes == plain.part[i].bytes);
        FUZZ_CHECK(place->address[i] % (c->format == VQ_FORMAT_LEGACY && i == VQ_DEVICE_AREA
                                            ? plain.align
                                            : align) ==
                   0);
        FUZZ_CHECK(inside(r, place->address[i], l->part[i].bytes, used));
        for (unsigned k = 0; k < i; k++)
            FUZZ_CHECK(place->address[i] < place->address[k]
                           ? place->address[k] - place->address[i] >= l->part[i].bytes
                           : place->address[i] - place->address[k] >= l->part[k].bytes);
    }
    if (block) {
        bool one[FRAGMENTS] = {false};
        FUZZ_CHECK(place->address[0] % l->align == 0);
        FUZZ_CHECK(inside(r, place->address[0], l->total, one));
        for (unsigned i = 0; i < VQ_PARTS; i++)
            FUZZ_CHECK(place->address[i] == place->address[0] + l->part[i].offset);
    }
    if (c->pfn_bits != 0)
        FUZZ_CHECK(pfn_reaches(c, place->address[0]));
    if (r->overlap)
        return;
    for (size_t f = 0; f < r->count; f++)
        touched += used[f] ? r->fragment[f].bytes : 0;
    FUZZ_CHECK(fits(r, l->size, &least));
    FUZZ_CHECK(touched == least || least == UINT64_MAX);
    if (c->size_fixed)
        return;
    next = c->format == VQ_FORMAT_PACKED ? l->size + 1 : l->size * 2;
    if (next <= max && (wanted == 0 || next <= wanted))
        FUZZ_CHECK(!fits(r, next, &least));
}

static void check_refusal(const struct run *r, enum vq_error error, uint32_t wanted,
                          const struct vq_refusal *why)
{
    const struct vq_constraints *c = &r->c;
    uint32_t size = c->size_min ? c->size_min : 1;
    uint64_t least;

    FUZZ_CHECK(why->limit != VQ_LIMIT_NONE);
    FUZZ_CHECK((why->limit == VQ_LIMIT_OVERLAP || why->limit == VQ_LIMIT_CONSTRAINTS) ==
               (error == VQ_ERR_INVALID || error == VQ_ERR_ALIGN));
    FUZZ_CHECK(why->limit != VQ_LIMIT_OVERLAP || r->overlap);
    FUZZ_CHECK((why->limit == VQ_LIMIT_SIZE) == (error == VQ_ERR_SIZE));
    if (error == VQ_ERR_SIZE && !c->size_fixed && (unsigned)c->format <= VQ_FORMAT_PACKED) {
        uint32_t max = c->size_max && c->size_max < 32768 ? c->size_max : 32768;
        for (max = wanted && wanted < max ? wanted : max; size <= max; size++)
            FUZZ_CHECK(!size_allowed(c->format, size));
    }
    if (error != VQ_ERR_NO_MEMORY)
        return;
    FUZZ_CHECK(why->bytes != 0 && why->size != 0);
    /* What lies alone, and was refused for its length, is shorter. */
    if (why->limit == VQ_LIMIT_BYTES || why->limit == VQ_LIMIT_ALIGN)
        FUZZ_CHECK(why->largest < why->bytes);
    if (r->overlap)
        return;
    if (c->size_fixed)
        size = c->size_max;
    while (!size_allowed(c->format, size))
        size++;
    FUZZ_CHECK(r->count == 0 || !fits(r, size, &least));
}

static void check_text(struct fuzz_input *in, const struct vq_refusal *why)
{
    char text[TEXT], cut[TEXT];
    size_t room = fuzz_below(in, TEXT), length = vq_refusal_text(why, text, sizeof(text));

    FUZZ_CHECK(length > 0 && length < 300 && strlen(text) == length);
    memset(cut, 1, sizeof(cut));
    FUZZ_CHECK(vq_refusal_text(why, cut, room) == length);
    if (room != 0)
        FUZZ_CHECK(strlen(cut) == (length < room ? length : room - 1) &&
                   memcmp(cut, text, strlen(cut)) == 0);
    for (size_t i = room; i < sizeof(cut); i++)
        FUZZ_CHECK(cut[i] == 1);
}

static uint32_t random_size(struct fuzz_input *in)
{
    uint8_t b = fuzz_byte(in);

    return b < 0x40   ? 0
           : b < 0xa0 ? b & 0x1fu
           : b < 0xe0 ? 1u << (b & 15)
           : b < 0xff ? fuzz_u16(in)
                      : (uint32_t)fuzz_number(in, 4);
}

static void random_constraints(struct run *r)
{
    struct fuzz_input *in = &r->in;
    uint8_t b = fuzz_byte(in), how = fuzz_byte(in);

    r->c.format = b == 0xff ? (enum vq_format)fuzz_byte(in) : (enum vq_format)(b % 3);
    r->c.size_max = random_size(in);
    r->c.size_min = how & 1 ? random_size(in) : 0;
    r->c.size_fixed = (how & 6) == 6;
    r->c.contiguous = how & 8;
    if (how & 0x10) {
        b = fuzz_byte(in);
        r->c.align = b == 0xff ? (uint32_t)fuzz_number(in, 4) : 1u << b % 32;
    }
    if (how & 0x20)
        r->c.address_bits = fuzz_byte(in) % 70;
    if (how & 0x40 && (r->c.format == VQ_FORMAT_LEGACY || how & 0x80)) {
        r->c.pfn_bits = fuzz_byte(in) % 34;
        r->c.page_shift = fuzz_byte(in) % 32;
    }
}

static void random_fragments(struct run *r)
{
    struct fuzz_input *in = &r->in;
    uint64_t at = 0;

    r->count = fuzz_byte(in) % (FRAGMENTS + 1);
    for (size_t i = 0; i < r->count; i++) {
        uint8_t b = fuzz_byte(in);
        at += b & 1 ? fuzz_byte(in) : b & 2 ? fuzz_number(in, 3) : 1;
        if ((b & 0x1c) == 0x1c)
            at = fuzz_number(in, 8);
        if ((b & 0x1c) == 0x18)
            at = 0 - fuzz_number(in, 2);
        r->fragment[i].address = at;
        r->fragment[i].bytes = b >> 5 < 3   ? fuzz_number(in, 2)
                               : b >> 5 < 6 ? fuzz_byte(in)
                               : b >> 5 < 7 ? fuzz_number(in, 3)
                                            : fuzz_number(in, 8);
        at += r->fragment[i].bytes;
    }
    for (size_t i = 0; i < r->count; i++)
        for (size_t k = 0; k < i; k++) {
            const struct vq_fragment *a = &r->fragment[i], *b = &r->fragment[k];
            if (a->bytes != 0 && b->bytes != 0 &&
                (a->address - b->address < b->bytes || b->address - a->address < a->bytes))
                r->overlap = true;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct run r = {.in = {data, data + bytes}};
    struct vq_place place;
    struct vq_refusal why;
    uint32_t wanted;
    enum vq_error error;

    random_constraints(&r);
    wanted = random_size(&r.in);
    check_layout(r.c.format, wanted, r.c.align);
    random_fragments(&r);
    error = vq_place_find(&r.c, wanted, r.fragment, r.count, &place, &why);
    FUZZ_CHECK(vq_place_find(&r.c, wanted, r.fragment, r.count, &place, NULL) == error);
    if (error == VQ_OK)
        check_place(&r, wanted, &place);
    else
        check_refusal(&r, error, wanted, &why);
    FUZZ_CHECK((error == VQ_OK) == (why.limit == VQ_LIMIT_NONE));
    check_text(&r.in, &why);
    return 0;
}
