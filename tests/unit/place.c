/* The placer: cases that a person thought of, then random ones against a slow, plain search. */
#include "test.h"

#include <string.h>

#include <vq/layout.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct vq_constraints split = {.format = VQ_FORMAT_SPLIT};
static const struct vq_constraints packed = {.format = VQ_FORMAT_PACKED};
static const struct vq_constraints legacy_pci = {.format = VQ_FORMAT_LEGACY,
                                                 .size_max = 32768,
                                                 .size_fixed = true,
                                                 .page_shift = 12,
                                                 .pfn_bits = 32};

/* Whatever a place is, these hold. */
static void check_place(const struct vq_place *place, const struct vq_constraints *c,
                        const struct vq_fragment *f, size_t count)
{
    for (int i = 0; i < VQ_PARTS; i++) {
        const struct vq_part_layout *part = &place->layout.part[i];
        uint64_t first = place->address[i], last = first + part->bytes - 1;
        bool inside = false;
        assert_true(last >= first);
        if (c->format == VQ_FORMAT_LEGACY) {
            assert_int_equal(place->address[i] - place->address[0], part->offset);
        } else {
            assert_int_equal(first % part->align, 0);
            if (c->align != 0)
                assert_int_equal(first % c->align, 0);
            if (c->contiguous)
                assert_int_equal(place->address[i] - place->address[0], part->offset);
        }
        if (c->address_bits != 0 && c->address_bits < 64)
            assert_true(last < UINT64_C(1) << c->address_bits);
        for (size_t k = 0; k < count; k++)
            inside = inside || (f[k].bytes != 0 && first >= f[k].address &&
                                first - f[k].address <= f[k].bytes - 1 &&
                                last - f[k].address <= f[k].bytes - 1);
        assert_true(inside);
        for (int k = 0; k < i; k++) {
            uint64_t other = place->address[k];
            assert_true(last < other || first > other + place->layout.part[k].bytes - 1);
        }
    }
    if (c->pfn_bits != 0) {
        assert_int_equal(place->address[0] % (UINT64_C(1) << c->page_shift), 0);
        assert_true(place->address[0] >> c->page_shift != 0);
        assert_int_equal(place->address[0] >> c->page_shift >> c->pfn_bits, 0);
    }
}

static enum vq_error find(const struct vq_constraints *c, uint32_t wanted,
                          const struct vq_fragment *f, size_t count, struct vq_place *place,
                          struct vq_refusal *why)
{
    enum vq_error error = vq_place_find(c, wanted, f, count, place, why);
    if (error == VQ_OK)
        check_place(place, c, f, count);
    return error;
}

/* 4 KiB-aligned pieces of at most 640 KiB, the largest of them not first. */
static const struct vq_fragment pool[] = {
    {0x00100000, 0x10000}, {0x40000000, 0x41000}, {0x00200000, 0xa0000},
    {0x00300000, 0x1000},  {0x7f000000, 0x11000},
};

static void big_queue_in_a_fragmented_pool(void **state)
{
    struct vq_place place;
    struct vq_refusal why;
    (void)state;
    assert_int_equal(find(&split, 32768, pool, COUNT(pool), &place, &why), VQ_OK);
    assert_int_equal(place.layout.size, 32768);
    assert_int_equal(why.limit, VQ_LIMIT_NONE);
}

static void legacy_refused_by_the_same_pool(void **state)
{
    struct vq_place place;
    struct vq_refusal why;
    char text[400];
    (void)state;
    assert_int_equal(find(&legacy_pci, 32768, pool, COUNT(pool), &place, &why), VQ_ERR_NO_MEMORY);
    assert_int_equal(why.limit, VQ_LIMIT_CONTIGUOUS);
    assert_int_equal(why.part, VQ_PARTS);
    assert_int_equal(why.size, 32768);
    assert_int_equal(why.bytes, 860160);
    assert_int_equal(why.align, 4096);
    assert_int_equal(why.largest, 640 * 1024);
    assert_true(vq_refusal_text(&why, text, sizeof(text)) < 300);
    assert_string_equal(text, "the contiguous block of a legacy queue of 32768 needs 860160 bytes "
                              "in one piece at a multiple of 4096; the largest usable hole has "
                              "655360 of 1060864 free bytes; its parts would fit apart, if the "
                              "transport allowed it");
}

static void legacy_placed_where_it_fits(void **state)
{
    static const struct vq_fragment f[] = {{0, 0x100000}, {0x00fff800, 860160 + 0x800}};
    struct vq_place place;
    (void)state;
    assert_int_equal(find(&legacy_pci, 1, f, 1, &place, NULL), VQ_OK);
    assert_int_equal(place.layout.size, 32768);                  /* the size is the device's */
    assert_int_equal(place.address[VQ_DESCRIPTOR_AREA], 0x1000); /* page 0 is no page */
    assert_int_equal(find(&legacy_pci, 1, f, COUNT(f), &place, NULL), VQ_OK);
    assert_int_equal(place.address[VQ_DESCRIPTOR_AREA], 0x01000000);

    /* A small Queue Align still leaves the descriptors where 16 divides. */
    const struct vq_constraints embedded = {
        .format = VQ_FORMAT_LEGACY, .size_max = 4, .size_fixed = true, .align = 4};
    const struct vq_fragment odd = {0x1004, 200};
    assert_int_equal(find(&embedded, 0, &odd, 1, &place, NULL), VQ_OK);
    assert_int_equal(place.address[VQ_DESCRIPTOR_AREA], 0x1010);
}

static void page_frame_numbers(void **state)
{
    const struct vq_fragment high = {UINT64_C(1) << 44, 1 << 20};
    const struct vq_fragment low = {0, 860160};
    const struct vq_fragment edge = {(UINT64_C(1) << 44) - 4096, 1 << 20};
    struct vq_place place;
    struct vq_refusal why;
    (void)state;
    assert_int_equal(find(&legacy_pci, 0, &high, 1, &place, &why), VQ_ERR_NO_MEMORY);
    assert_int_equal(why.limit, VQ_LIMIT_PFN);
    assert_int_equal(why.bits, 44);
    assert_int_equal(why.largest, 0);
    assert_int_equal(find(&legacy_pci, 0, &low, 1, &place, &why), VQ_ERR_NO_MEMORY);
    assert_int_equal(why.limit, VQ_LIMIT_PFN);
    assert_int_equal(why.largest, 860160 - 4096);
    /* The register holds where the block starts, not where it ends. */
    assert_int_equal(find(&legacy_pci, 0, &edge, 1, &place, &why), VQ_OK);
    assert_int_equal(place.address[0], (UINT64_C(1) << 44) - 4096);
}

static void smaller_queue_when_the_device_allows(void **state)
{
    const struct vq_fragment f = {0x1000, 4096};
    struct vq_constraints c = split;
    struct vq_place place;
    struct vq_refusal why;
    (void)state;
    assert_int_equal(find(&c, 1024, &f, 1, &place, NULL), VQ_OK);
    assert_int_equal(place.layout.size, 128);
    c.size_max = 64;
    assert_int_equal(find(&c, 1024, &f, 1, &place, NULL), VQ_OK);
    assert_int_equal(place.layout.size, 64);
    assert_int_equal(find(&c, 0, &f, 1, &place, NULL), VQ_OK);
    assert_int_equal(place.layout.size, 64);
    assert_int_equal(find(&c, 63, &f, 1, &place, NULL), VQ_OK);
    assert_int_equal(place.layout.size, 32);
    assert_int_equal(find(&packed, 1024, &f, 1, &place, NULL), VQ_OK);
    assert_int_equal(place.layout.size, (4096 - 8) / 16);
    assert_int_equal(find(&packed, 200, &f, 1, &place, NULL), VQ_OK);
    assert_int_equal(place.layout.size, 200);

    c = split;
    c.size_min = 200;
    assert_int_equal(find(&c, 1024, &f, 1, &place, &why), VQ_ERR_NO_MEMORY);
    assert_int_equal(why.size, 256);
    c.size_max = 1024;
    c.size_min = 0;
    c.size_fixed = true;
    assert_int_equal(find(&c, 64, &f, 1, &place, &why), VQ_ERR_NO_MEMORY);
    assert_int_equal(why.size, 1024);
}

static void exact_packed_sizes(void **state)
{
    struct vq_place place;
    (void)state;
    for (uint64_t bytes = 0; bytes < 600; bytes++) {
        const struct vq_fragment f = {0x1000, bytes};
        enum vq_error error = find(&packed, 0, &f, 1, &place, NULL);
        if (bytes < 24)
            assert_int_equal(error, VQ_ERR_NO_MEMORY);
        else
            assert_int_equal(error == VQ_OK ? place.layout.size : 0, (bytes - 8) / 16);
    }
}

static void all_in_one_fragment(void **state)
{
    /* 38 bytes in whatever order their odd start asks for: nothing is wasted on the way. */
    static const struct vq_fragment exact = {0x1000, 38};
    static const struct vq_fragment odd = {0x100a, 8 + 16 + 14 - 2};
    static const struct vq_fragment odd2 = {0x1008, 8 + 16 + 14};
    struct vq_constraints c = split;
    struct vq_place place;
    (void)state;
    c.size_min = 1;
    assert_int_equal(find(&c, 1, &exact, 1, &place, NULL), VQ_OK);
    assert_int_equal(find(&c, 1, &odd2, 1, &place, NULL), VQ_OK);
    assert_int_equal(place.address[VQ_DRIVER_AREA], 0x1008);
    assert_int_equal(find(&c, 1, &odd, 1, &place, NULL), VQ_ERR_NO_MEMORY);
}

static void best_fit_keeps_the_large_hole(void **state)
{
    static const struct vq_fragment f[] = {
        {0x10000, 0x10000}, {0x30000, 64}, {0x40000, 14}, {0x50000, 38}, {0x60000, 100}};
    struct vq_place place;
    (void)state;
    assert_int_equal(find(&split, 4, f, COUNT(f), &place, NULL), VQ_OK);
    assert_int_equal(place.address[VQ_DESCRIPTOR_AREA], 0x30000);
    assert_int_equal(place.address[VQ_DRIVER_AREA], 0x40000);
    assert_int_equal(place.address[VQ_DEVICE_AREA], 0x50000);
}

static void greed_would_fail(void **state)
{
    /* The only way: the descriptor table must leave the tighter hole to the two others. */
    static const struct vq_fragment f[] = {{0x1000, 64}, {0x2008, 38 + 2 + 14 + 8}};
    struct vq_constraints c = split;
    struct vq_place place;
    (void)state;
    c.size_min = 4;
    assert_int_equal(find(&c, 4, f, COUNT(f), &place, NULL), VQ_OK);
    assert_int_equal(place.address[VQ_DESCRIPTOR_AREA], 0x1000);
}

static void end_of_the_address_space(void **state)
{
    static const struct vq_fragment last = {UINT64_MAX - 115 - 12, 128};
    static const struct vq_fragment wraps = {UINT64_MAX - 15, UINT64_MAX};
    static const struct vq_fragment whole[] = {{0, UINT64_MAX}};
    static const struct vq_fragment one = {UINT64_MAX - 23, 24};
    static const struct vq_fragment unaligned = {UINT64_MAX - 299, 300};
    static const struct vq_fragment tight[] = {{UINT64_MAX - 63, 64}, {0x2000, 38}, {0x3000, 13}};
    static const struct vq_fragment empty[] = {{0, 0}, {UINT64_MAX, 0}, {0x1000, 0}};
    struct vq_constraints c = split;
    struct vq_place place;
    struct vq_refusal why;
    (void)state;
    c.size_min = 4;
    assert_int_equal(find(&c, 4, &last, 1, &place, &why), VQ_OK);
    assert_int_equal(find(&c, 4, &wraps, 1, &place, &why), VQ_ERR_NO_MEMORY);
    assert_int_equal(why.largest, 16);
    assert_int_equal(find(&c, 4, whole, 1, &place, &why), VQ_OK);
    assert_int_equal(find(&c, 4, empty, COUNT(empty), &place, &why), VQ_ERR_NO_MEMORY);
    assert_int_equal(why.limit, VQ_LIMIT_BYTES);
    /* A piece that ends with the address space has nothing behind it. */
    assert_int_equal(find(&packed, 1, &one, 1, &place, &why), VQ_OK);
    c.align = 4096;
    assert_int_equal(find(&c, 4, &unaligned, 1, &place, &why), VQ_ERR_NO_MEMORY);
    assert_int_equal(why.limit, VQ_LIMIT_ALIGN);
    c.align = 0;
    assert_int_equal(find(&c, 4, tight, COUNT(tight), &place, &why), VQ_ERR_NO_MEMORY);
    assert_int_equal(why.limit, VQ_LIMIT_TOGETHER);
    assert_int_equal(why.largest, 13);
    assert_int_equal(find(&c, 4, NULL, 0, &place, &why), VQ_ERR_NO_MEMORY);
    assert_int_equal(why.largest, 0);
}

static void overlapping_fragments(void **state)
{
    static const struct vq_fragment same[] = {{0x1000, 64}, {0x1000, 64}, {0x1000, 64}};
    struct vq_constraints c = split;
    struct vq_place place;
    struct vq_refusal why;
    (void)state;
    c.size_min = 4;
    assert_int_equal(find(&c, 4, same, COUNT(same), &place, &why), VQ_ERR_INVALID);
    assert_int_equal(why.limit, VQ_LIMIT_OVERLAP);
}

static void refusals_are_precise(void **state)
{
    static const struct vq_fragment small[] = {{0x1000, 100}, {0x3000, 30}};
    static const struct vq_fragment odd[] = {{0x1002, 64}, {0x3000, 60}};
    static const struct vq_fragment high[] = {{UINT64_C(0x100000000), 4096}, {0x1000, 32}};
    static const struct vq_fragment tight[] = {{0x1000, 64}, {0x2000, 38}, {0x3000, 13}};
    static const struct {
        const struct vq_fragment *f;
        size_t count;
        struct vq_refusal why;
    } cases[] = {
        {small, 2, {VQ_LIMIT_BYTES, VQ_FORMAT_SPLIT, VQ_DESCRIPTOR_AREA, 8, 128, 16, 0, 100, 130}},
        {odd, 2, {VQ_LIMIT_ALIGN, VQ_FORMAT_SPLIT, VQ_DESCRIPTOR_AREA, 4, 64, 16, 0, 60, 124}},
        {high, 2, {VQ_LIMIT_ADDRESS, VQ_FORMAT_SPLIT, VQ_DESCRIPTOR_AREA, 4, 64, 16, 32, 32, 4128}},
        {tight, 3, {VQ_LIMIT_TOGETHER, VQ_FORMAT_SPLIT, VQ_DRIVER_AREA, 4, 14, 2, 0, 13, 115}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vq_constraints c = split;
        struct vq_place place;
        struct vq_refusal why;
        const struct vq_refusal *expected = &cases[i].why;
        char text[400];
        c.size_min = expected->size;
        c.address_bits = expected->bits;
        assert_int_equal(find(&c, expected->size, cases[i].f, cases[i].count, &place, &why),
                         VQ_ERR_NO_MEMORY);
        assert_int_equal(why.limit, expected->limit);
        assert_int_equal(why.part, expected->part);
        assert_int_equal(why.size, expected->size);
        assert_int_equal(why.bytes, expected->bytes);
        assert_int_equal(why.align, expected->align);
        assert_int_equal(why.bits, expected->bits);
        assert_int_equal(why.largest, expected->largest);
        assert_int_equal(why.free, expected->free);
        assert_true(vq_refusal_text(&why, text, sizeof(text)) < 300);
    }
}

static void contiguous_costs_nothing_more(void **state)
{
    struct vq_constraints c = split;
    struct vq_place place;
    struct vq_refusal why;
    const struct vq_fragment exact = {0x1000, VQ_SPLIT_BYTES(256)};
    static const struct vq_fragment apart[] = {{0x1000, 4096}, {0x3000, 518}, {0x4000, 2054}};
    (void)state;
    c.contiguous = true;
    c.size_min = 256;
    assert_int_equal(find(&c, 256, &exact, 1, &place, NULL), VQ_OK);
    assert_int_equal(find(&c, 256, apart, COUNT(apart), &place, &why), VQ_ERR_NO_MEMORY);
    assert_int_equal(why.limit, VQ_LIMIT_CONTIGUOUS);
}

static void cache_lines(void **state)
{
    struct vq_constraints c = split;
    struct vq_place place;
    static const struct vq_fragment f = {0x1010, 4096};
    (void)state;
    c.align = 64;
    assert_int_equal(find(&c, 4, &f, 1, &place, NULL), VQ_OK);
    assert_int_equal(place.layout.part[VQ_DRIVER_AREA].align, 64);
    c.contiguous = true;
    assert_int_equal(find(&c, 4, &f, 1, &place, NULL), VQ_OK);
    assert_int_equal(place.layout.total, 64 + 64 + 14);
}

static void constraints_without_sense(void **state)
{
    static const struct {
        struct vq_constraints c;
        uint32_t wanted;
        enum vq_error error;
        enum vq_limit limit;
    } cases[] = {
        {{.format = (enum vq_format)9}, 4, VQ_ERR_INVALID, VQ_LIMIT_CONSTRAINTS},
        {{.align = 3}, 4, VQ_ERR_ALIGN, VQ_LIMIT_CONSTRAINTS},
        {{.align = UINT32_C(1) << 31}, 4, VQ_ERR_ALIGN, VQ_LIMIT_CONSTRAINTS},
        {{.address_bits = 65}, 4, VQ_ERR_INVALID, VQ_LIMIT_CONSTRAINTS},
        {{.pfn_bits = 32}, 4, VQ_ERR_INVALID, VQ_LIMIT_CONSTRAINTS},
        {{.size_fixed = true}, 4, VQ_ERR_INVALID, VQ_LIMIT_CONSTRAINTS},
        {{.format = VQ_FORMAT_LEGACY, .pfn_bits = 33}, 4, VQ_ERR_INVALID, VQ_LIMIT_CONSTRAINTS},
        {{.format = VQ_FORMAT_LEGACY, .page_shift = 31}, 4, VQ_ERR_INVALID, VQ_LIMIT_CONSTRAINTS},
        {{.size_max = 100, .size_fixed = true}, 4, VQ_ERR_SIZE, VQ_LIMIT_SIZE},
        {{.size_min = 8}, 4, VQ_ERR_SIZE, VQ_LIMIT_SIZE},
        {{.size_min = 5, .size_max = 7}, 0, VQ_ERR_SIZE, VQ_LIMIT_SIZE},
        {{.size_min = UINT32_MAX}, 0, VQ_ERR_SIZE, VQ_LIMIT_SIZE},
        {{.size_max = UINT32_MAX}, 4, VQ_OK, VQ_LIMIT_NONE},
    };
    static const struct vq_fragment f = {0x1000, 4096};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vq_place place;
        struct vq_refusal why;
        char text[300];
        assert_int_equal(find(&cases[i].c, cases[i].wanted, &f, 1, &place, &why), cases[i].error);
        assert_int_equal(why.limit, cases[i].limit);
        assert_true(vq_refusal_text(&why, text, sizeof(text)) > 0);
    }
}

static void text_keeps_to_its_room(void **state)
{
    const struct vq_refusal why = {
        VQ_LIMIT_BYTES, VQ_FORMAT_SPLIT, VQ_DESCRIPTOR_AREA, 8, 128, 16, 0, UINT64_MAX, 0};
    char whole[300], cut[301];
    size_t length = vq_refusal_text(&why, whole, sizeof(whole));
    (void)state;
    assert_non_null(strstr(whole, "18446744073709551615 of 0 free"));
    assert_int_equal(length, strlen(whole));
    assert_int_equal(vq_refusal_text(&why, NULL, 0), length);
    for (size_t room = 1; room <= length + 1; room++) {
        memset(cut, 'x', sizeof(cut));
        assert_int_equal(vq_refusal_text(&why, cut, room), length);
        assert_int_equal(strlen(cut), room - 1);
        assert_memory_equal(cut, whole, room - 1);
        assert_int_equal(cut[room], 'x');
    }
}

/*
 * The slow, plain search, for fragments in a space of 256 bytes: every address of
 * every part is tried against a map of free bytes that knows fragments by number.
 */
#define SPACE 256u

static bool slow_run(const uint8_t map[SPACE], uint32_t start, uint32_t bytes)
{
    if (start + bytes > SPACE || map[start] == 0)
        return false;
    for (uint32_t i = 1; i < bytes; i++)
        if (map[start + i] != map[start])
            return false;
    return true;
}

static bool slow_place(uint8_t map[SPACE], const struct vq_layout *l, unsigned part)
{
    const struct vq_part_layout *p = &l->part[part];
    if (part == VQ_PARTS)
        return true;
    for (uint32_t start = 0; start + p->bytes <= SPACE; start += p->align) {
        if (!slow_run(map, start, p->bytes))
            continue;
        uint8_t number = map[start];
        memset(map + start, 0, p->bytes);
        bool found = slow_place(map, l, part + 1);
        memset(map + start, number, p->bytes);
        if (found)
            return true;
    }
    return false;
}

static uint32_t slow_size(const struct vq_fragment *f, size_t count, enum vq_format format,
                          uint32_t wanted)
{
    for (uint32_t q = wanted; q > 0; q--) {
        struct vq_layout l;
        uint8_t map[SPACE] = {0};
        if (vq_layout_init(&l, format, q, 0) != VQ_OK)
            continue;
        for (size_t i = 0; i < count; i++)
            memset(map + f[i].address, (int)i + 1, (size_t)f[i].bytes);
        if (slow_place(map, &l, 0))
            return q;
    }
    return 0;
}

/* Disjoint fragments of a few to many bytes in a space of so many units, shuffled. */
static size_t random_fragments(struct vq_random *r, struct vq_fragment *f, size_t max,
                               uint32_t space, uint32_t longest)
{
    uint32_t at = 0;
    size_t count = 0;
    while (count < max) {
        at += vq_random_below(r, 12);
        uint32_t bytes = 1 + vq_random_below(r, longest);
        if (at + bytes > space)
            break;
        f[count++] = (struct vq_fragment){at, bytes};
        at += bytes;
    }
    for (size_t i = count; i > 1; i--) {
        size_t k = vq_random_below(r, (uint32_t)i);
        struct vq_fragment swap = f[i - 1];
        f[i - 1] = f[k];
        f[k] = swap;
    }
    return count;
}

static void agrees_with_a_slow_search(void **state)
{
    struct vq_random r = {2026};
    unsigned found = 0, refused = 0, together = 0;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct vq_fragment f[16];
        struct vq_place place;
        struct vq_refusal why;
        static const uint32_t longest[] = {20, 30, 45, 70, 110, 200};
        size_t count = random_fragments(&r, f, 16, SPACE, longest[vq_random_below(&r, 6)]);
        const struct vq_constraints *c = vq_random_below(&r, 3) == 0 ? &packed : &split;
        struct vq_constraints exact = *c;
        enum vq_error error = find(c, 8, f, count, &place, &why);
        uint32_t slow = slow_size(f, count, c->format, 8);
        assert_int_equal(error == VQ_OK ? place.layout.size : 0, slow);
        found += slow != 0;
        refused += slow == 0;
        if (slow == 8)
            continue;
        /* Why the next size does not fit: a hole that is too small, or parts that compete. */
        exact.size_fixed = true;
        exact.size_max = c->format == VQ_FORMAT_SPLIT ? (slow != 0 ? 2 * slow : 1) : slow + 1;
        assert_int_equal(find(&exact, 0, f, count, &place, &why), VQ_ERR_NO_MEMORY);
        assert_int_equal(why.size, exact.size_max);
        assert_true(why.largest < why.bytes);
        together += why.limit == VQ_LIMIT_TOGETHER;
    }
    assert_true(found > 1000 && refused > 1000 && together > 100);
}

/* Firmware's fragments: the parts themselves, in every order, for queues of all sizes below too. */
static void first_fit_finds_the_parts(void **state)
{
    static const uint8_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                        {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    (void)state;
    for (uint32_t q = 1; q <= 32768; q *= 2)
        for (unsigned o = 0; o < 12; o++) {
            const struct vq_constraints *c = o < 6 ? &split : &packed;
            struct vq_layout l;
            struct vq_fragment f[3];
            assert_int_equal(vq_layout_init(&l, c->format, q, 0), VQ_OK);
            for (unsigned i = 0; i < 3; i++) {
                unsigned part = orders[o % 6][i];
                f[i] = (struct vq_fragment){0x100000u * (part + 1), l.part[part].bytes};
            }
            for (uint32_t wanted = 2 * q; wanted != 0; wanted /= 2) {
                struct vq_place place;
                assert_int_equal(vq_place_first(c, wanted, f, 3, &place), VQ_OK);
                check_place(&place, c, f, 3);
                assert_int_equal(place.layout.size, wanted < q ? wanted : q);
            }
        }
    struct vq_place place;
    const struct vq_fragment block = {0x1000, VQ_LEGACY_BYTES(256, 4096)};
    assert_int_equal(vq_place_first(&legacy_pci, 0, &block, 1, &place), VQ_ERR_NO_MEMORY);
    struct vq_constraints c = legacy_pci;
    c.size_max = 256;
    assert_int_equal(vq_place_first(&c, 0, &block, 1, &place), VQ_OK);
    check_place(&place, &c, &block, 1);
}

static void first_fit_at_the_end(void **state)
{
    /* Filled to the last byte there is: nothing follows, least of all address 0. */
    const struct vq_fragment last = {UINT64_MAX - 127, 128};
    struct vq_constraints c = split;
    struct vq_place place;
    (void)state;
    c.size_min = 8;
    assert_int_equal(vq_place_first(&c, 8, &last, 1, &place), VQ_ERR_NO_MEMORY);
    c.size_min = 4;
    assert_int_equal(vq_place_first(&c, 8, &last, 1, &place), VQ_OK);
    check_place(&place, &c, &last, 1);
}

static void any_constraints_any_fragments(void **state)
{
    struct vq_random r = {7};
    static const uint64_t bases[] = {0, 0x1000, UINT32_MAX - 2000, UINT64_MAX - 70000,
                                     UINT64_C(1) << 44};
    unsigned placed = 0, as_good = 0;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct vq_fragment f[12];
        struct vq_place place;
        struct vq_refusal why;
        char text[400];
        size_t count = random_fragments(&r, f, 12, 65536, 1u << (4 + vq_random_below(&r, 13)));
        for (size_t i = 0; i < count; i++)
            f[i].address += bases[vq_random_below(&r, 5)]; /* may overlap now */
        struct vq_constraints c = {
            .format = (enum vq_format)vq_random_below(&r, 3),
            .size_max = vq_random_below(&r, 2) ? 1u << vq_random_below(&r, 12) : 0,
            .size_min = vq_random_below(&r, 20),
            .contiguous = vq_random_below(&r, 3) == 0,
            .align = vq_random_below(&r, 2) ? 4u << vq_random_below(&r, 11) : 0,
            .address_bits = vq_random_below(&r, 2) ? 10 + vq_random_below(&r, 55) : 0,
        };
        c.size_fixed = c.size_max != 0 && vq_random_below(&r, 4) == 0;
        if (c.format == VQ_FORMAT_LEGACY && vq_random_below(&r, 2)) {
            c.page_shift = vq_random_below(&r, 14);
            c.pfn_bits = 1 + vq_random_below(&r, 32);
        }
        const uint32_t wanted = vq_random_below(&r, 600);
        enum vq_error error = find(&c, wanted, f, count, &place, &why);
        placed += error == VQ_OK;
        /* First fit finds no more than there is, and never a bad place. */
        struct vq_place other;
        enum vq_error first = vq_place_first(&c, wanted, f, count, &other);
        if (first == VQ_OK) {
            check_place(&other, &c, f, count);
            if (error == VQ_OK)
                assert_true(other.layout.size <= place.layout.size);
            else
                assert_int_equal(error, VQ_ERR_INVALID); /* overlapping fragments */
        } else if (error != VQ_OK && error != VQ_ERR_NO_MEMORY && why.limit != VQ_LIMIT_OVERLAP) {
            assert_int_equal(first, error);
        }
        as_good += first == VQ_OK && error == VQ_OK && other.layout.size == place.layout.size;
        assert_int_equal(error == VQ_OK, why.limit == VQ_LIMIT_NONE);
        if (error == VQ_ERR_NO_MEMORY)
            assert_true(why.largest < why.bytes);
        assert_true(vq_refusal_text(&why, text, sizeof(text)) < 300);
    }
    assert_true(placed > 3000);
    assert_true(as_good > placed / 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(big_queue_in_a_fragmented_pool,
                "a split queue of 32768 fits where no hole has 640 KiB"),
        VQ_TEST(legacy_refused_by_the_same_pool,
                "the same pool refuses the legacy block and says why"),
        VQ_TEST(legacy_placed_where_it_fits, "a legacy block lies on a page that is not page 0"),
        VQ_TEST(page_frame_numbers, "a legacy block starts where its page-frame number reaches"),
        VQ_TEST(smaller_queue_when_the_device_allows,
                "the largest size that fits, if there is a choice"),
        VQ_TEST(exact_packed_sizes, "packed sizes are found to the descriptor"),
        VQ_TEST(all_in_one_fragment,
                "all parts in one fragment, in the order that its start asks for"),
        VQ_TEST(best_fit_keeps_the_large_hole, "the large hole is kept"),
        VQ_TEST(greed_would_fail, "a place that first-come would miss"),
        VQ_TEST(end_of_the_address_space,
                "empty, wrapping and last fragments of the address space"),
        VQ_TEST(overlapping_fragments, "overlapping fragments never give overlapping parts"),
        VQ_TEST(refusals_are_precise, "a refusal names part, bytes, alignment, hole and limit"),
        VQ_TEST(contiguous_costs_nothing_more, "a contiguous split queue has no padding"),
        VQ_TEST(cache_lines, "a transport may ask for more alignment"),
        VQ_TEST(constraints_without_sense, "constraints without sense are errors"),
        VQ_TEST(text_keeps_to_its_room, "a refusal in words keeps to its room"),
        VQ_TEST(agrees_with_a_slow_search, "20000 random pools: agrees with a slow, plain search"),
        VQ_TEST(first_fit_finds_the_parts, "first fit finds the parts in any order, and the block"),
        VQ_TEST(first_fit_at_the_end, "first fit stops at the end of the address space"),
        VQ_TEST(any_constraints_any_fragments,
                "20000 random constraints and pools: a good place or a reason"),
    };
    return VQ_RUN(tests);
}
