/*
 * Translation of guest addresses: the edges by hand, everything else against a
 * table that says of each single byte where it is.
 */
#include "queue_pair.h"

#include <string.h>

static uint8_t host[4096];

static void whole_and_partial_ranges(void **state)
{
    struct vq_region r[] = {{0x1000, 0x100, host, VQ_READ | VQ_WRITE}};
    struct vq_memory m;
    struct vq_segment s[2];
    (void)state;

    assert_int_equal(vq_memory_init(&m, r, 1), VQ_OK);
    assert_int_equal(vq_memory_map(&m, 0x1000, 0x100, VQ_READ, s, 2, NULL), 1);
    assert_ptr_equal(s[0].base, host);
    assert_int_equal(s[0].bytes, 0x100);
    assert_int_equal(vq_memory_map(&m, 0x10ff, 1, VQ_WRITE, s, 2, NULL), 1);
    assert_ptr_equal(s[0].base, host + 0xff);
    assert_int_equal(vq_memory_map(&m, 0x1000, 0x101, VQ_READ, s, 2, NULL), 0);
    assert_int_equal(vq_memory_map(&m, 0x0fff, 2, VQ_READ, s, 2, NULL), 0);
    assert_int_equal(vq_memory_map(&m, 0x1100, 1, VQ_READ, s, 2, NULL), 0);
}

/* "Nothing" is nowhere, and a bad base with no length is no good base (BUG-12). */
static void nothing_is_nowhere(void **state)
{
    struct vq_region r[] = {{0, 0x100, host, VQ_READ}};
    struct vq_memory m;
    struct vq_segment s[2];
    (void)state;

    assert_int_equal(vq_memory_init(&m, r, 1), VQ_OK);
    assert_int_equal(vq_memory_map(&m, 0, 0, VQ_READ, s, 2, NULL), 0);
    assert_int_equal(vq_memory_map(&m, UINT64_MAX, 0, VQ_READ, s, 2, NULL), 0);
    assert_int_equal(vq_memory_map(&m, 0, 1, VQ_READ, s, 0, NULL), 0);
    assert_int_equal(vq_memory_init(&m, r, 0), VQ_OK);
    assert_int_equal(vq_memory_map(&m, 0, 1, VQ_READ, s, 2, NULL), 0);
}

static void the_top_of_the_address_space(void **state)
{
    struct vq_region r[] = {{0, 16, host, VQ_READ}, {UINT64_MAX - 15, 16, host + 16, VQ_READ}};
    struct vq_memory m;
    struct vq_segment s[3];
    (void)state;

    assert_int_equal(vq_memory_init(&m, r, 2), VQ_OK);
    assert_int_equal(vq_memory_map(&m, UINT64_MAX - 15, 16, VQ_READ, s, 3, NULL), 1);
    assert_ptr_equal(s[0].base, host + 16);
    /* One more byte would be address 0, which is mapped, but not what follows. */
    assert_int_equal(vq_memory_map(&m, UINT64_MAX - 15, 17, VQ_READ, s, 3, NULL), 0);
    assert_int_equal(vq_memory_map(&m, UINT64_MAX, 2, VQ_READ, s, 3, NULL), 0);
    assert_int_equal(vq_memory_map(&m, UINT64_MAX, UINT64_MAX, VQ_READ, s, 3, NULL), 0);
    assert_int_equal(vq_memory_map(&m, 0, UINT64_MAX, VQ_READ, s, 3, NULL), 0);
}

static void tables_that_cannot_be_used(void **state)
{
    struct {
        struct vq_region r[2];
        unsigned count;
    } bad[] = {
        {{{0, 0, host, VQ_READ}}, 1},                                     /* empty */
        {{{UINT64_MAX, 2, host, VQ_READ}}, 1},                            /* wraps */
        {{{0, 16, NULL, VQ_READ}}, 1},                                    /* nowhere */
        {{{0, 16, host, 4}}, 1},                                          /* no such access */
        {{{16, 16, host, VQ_READ}, {0, 16, host, VQ_READ}}, 2},           /* not in order */
        {{{0, 16, host, VQ_READ}, {0, 16, host, VQ_READ}}, 2},            /* twice */
        {{{0, 17, host, VQ_READ}, {16, 16, host, VQ_READ}}, 2},           /* overlap */
        {{{UINT64_MAX - 1, 2, host, VQ_READ}, {0, 1, host, VQ_READ}}, 2}, /* round the top */
    };
    static struct vq_region many[VQ_MEMORY_REGIONS_MAX + 1];
    struct vq_memory m;
    (void)state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(vq_memory_init(&m, bad[i].r, bad[i].count), VQ_ERR_RANGE);
    for (uint32_t i = 0; i <= VQ_MEMORY_REGIONS_MAX; i++)
        many[i] = (struct vq_region){i * 2u, 1, host, VQ_READ};
    assert_int_equal(vq_memory_init(&m, many, VQ_MEMORY_REGIONS_MAX + 1), VQ_ERR_RANGE);
    assert_int_equal(vq_memory_init(&m, many, VQ_MEMORY_REGIONS_MAX), VQ_OK);
    for (uint32_t i = 0; i < VQ_MEMORY_REGIONS_MAX; i++) {
        struct vq_segment s;
        assert_int_equal(vq_memory_map(&m, i * 2u, 1, VQ_READ, &s, 1, NULL), 1);
        assert_int_equal(vq_memory_map(&m, i * 2u + 1, 1, VQ_READ, &s, 1, NULL), 0);
    }
}

enum { SPACE = 96, REGIONS = 8, ROUNDS = 3000, QUESTIONS = 60 };

/* Where each byte of a small space is, and what may be done with it. */
struct byte_map {
    uint8_t *at[SPACE];
    uint32_t access[SPACE];
    unsigned region[SPACE];
};

static uint32_t random_table(struct vq_random *random, struct vq_region *r, struct byte_map *map)
{
    uint32_t count = 0, at = vq_random_below(random, 8);

    memset(map, 0, sizeof(*map));
    while (count < REGIONS && at < SPACE) {
        uint32_t bytes = 1 + vq_random_below(random, 16);
        if (bytes > SPACE - at)
            bytes = SPACE - at;
        r[count] = (struct vq_region){at, bytes, host + 128 * count,
                                      vq_random_below(random, 6) ? 3 : vq_random_below(random, 4)};
        for (uint32_t i = 0; i < bytes; i++) {
            map->at[at + i] = r[count].host + i;
            map->access[at + i] = r[count].access;
            map->region[at + i] = count;
        }
        at += bytes + (vq_random_below(random, 2) ? 0 : vq_random_below(random, 5));
        count++;
    }
    return count;
}

/* How many segments `bytes` from `address` on make up; 0 if that cannot be had. */
static size_t expected(const struct byte_map *map, uint32_t address, uint32_t bytes,
                       uint32_t access)
{
    size_t n = 1;

    for (uint32_t i = 0; i < bytes; i++) {
        if (address + i >= SPACE || !map->at[address + i] ||
            (map->access[address + i] & access) != access)
            return 0;
        n += i && map->region[address + i] != map->region[address + i - 1];
    }
    return bytes ? n : 0;
}

static void every_byte_where_it_should_be(void **state)
{
    struct vq_random random = {20240601};
    (void)state;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct vq_region r[REGIONS];
        struct byte_map map;
        struct vq_memory m;
        uint32_t hint = (uint32_t)vq_random(&random); /* any value is safe */
        uint32_t count = random_table(&random, r, &map);
        assert_int_equal(vq_memory_init(&m, r, count), VQ_OK);

        for (unsigned k = 0; k < QUESTIONS; k++) {
            struct vq_segment s[REGIONS];
            uint32_t address = vq_random_below(&random, SPACE);
            uint32_t bytes = vq_random_below(&random, SPACE + 8);
            uint32_t access = 1 + vq_random_below(&random, 3);
            size_t room = vq_random_below(&random, REGIONS + 1), n, should;

            n = vq_memory_map(&m, address, bytes, (enum vq_access)access, s, room,
                              k % 3 ? &hint : NULL);
            should = expected(&map, address, bytes, access);
            assert_int_equal(n, should <= room ? should : 0);
            for (size_t i = 0; i < n; i++)
                for (size_t b = 0; b < s[i].bytes; b++, address++)
                    assert_ptr_equal((uint8_t *)s[i].base + b, map.at[address]);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(whole_and_partial_ranges, "a range is mapped in full or not at all"),
        VQ_TEST(nothing_is_nowhere, "no bytes are nowhere, whatever the address"),
        VQ_TEST(the_top_of_the_address_space, "a range never wraps at the top"),
        VQ_TEST(tables_that_cannot_be_used,
                "a table out of order, overlapping or wrapping is refused"),
        VQ_TEST(every_byte_where_it_should_be,
                "random tables and ranges agree with a map of single bytes"),
    };
    return VQ_RUN(tests);
}
