/*
 * Where the parts of a queue may lie: shown on everything that chooses or takes an
 * address, which is the placer, the static storage and the driver's end itself.
 */
#include "test.h"

#include <vq/driver.h>
#include <vq/layout.h>

VQ_SPLIT_STORAGE(split_4, 4);
VQ_PACKED_STORAGE(packed_5, 5);

/* Free memory that is as badly aligned as can be, in many ways. */
static size_t odd_fragments(struct vq_random *r, struct vq_fragment f[8])
{
    for (uint32_t i = 0; i < 8; i++)
        f[i] =
            (struct vq_fragment){i * 0x1000u + vq_random_below(r, 64), 1 + vq_random_below(r, 600)};
    return 8;
}

/* The part of a queue of every size, placed in odd memory, is a multiple of `align`. */
static unsigned placed_at(enum vq_format format, enum vq_part part, uint64_t align)
{
    struct vq_constraints c = {.format = format};
    struct vq_random r = {(uint64_t)format + 1};
    unsigned placed = 0;
    for (int round = 0; round < 2000; round++) {
        struct vq_fragment f[8];
        struct vq_place place;
        size_t count = odd_fragments(&r, f);
        if (vq_place_find(&c, 1 + vq_random_below(&r, 40), f, count, &place, NULL) != VQ_OK)
            continue;
        assert_int_equal(place.address[part] % align, 0);
        placed++;
    }
    return placed;
}

/* What the driver's end says to a split queue whose part is off by so many bytes. */
static enum vq_error start_split(size_t descriptor_off, size_t driver_off, size_t device_off,
                                 uint16_t size)
{
    static _Alignas(16) uint8_t descriptor_area[16 * 8 + 16];
    static _Alignas(16) uint8_t driver_area[6 + 2 * 8 + 16];
    static _Alignas(16) uint8_t device_area[6 + 8 * 8 + 16];
    static struct vq_driver_slot slots[8];
    struct vq_driver_queue q;
    struct vq_driver_config config = {
        .size = size,
        .descriptor_area = descriptor_area + descriptor_off,
        .driver_area = driver_area + driver_off,
        .device_area = device_area + device_off,
        .slots = slots,
    };
    vq_feature_set(&config.features, VQ_F_VERSION_1);
    return vq_driver_init(&q, &config);
}

static void split_descriptor_table(void **state)
{
    (void)state;
    assert_true(placed_at(VQ_FORMAT_SPLIT, VQ_DESCRIPTOR_AREA, 16) > 1000);
    assert_int_equal((uintptr_t)split_4_descriptor_area % 16, 0);
    assert_int_equal(start_split(0, 0, 0, 8), VQ_OK);
    for (size_t off = 1; off < 16; off++)
        assert_int_equal(start_split(off, 0, 0, 8), VQ_ERR_ALIGN);
}

static void split_available_ring(void **state)
{
    (void)state;
    assert_true(placed_at(VQ_FORMAT_SPLIT, VQ_DRIVER_AREA, 2) > 1000);
    assert_int_equal((uintptr_t)split_4_driver_area % 2, 0);
    assert_int_equal(start_split(0, 1, 0, 8), VQ_ERR_ALIGN);
    assert_int_equal(start_split(0, 2, 0, 8), VQ_OK);
}

static void split_used_ring(void **state)
{
    (void)state;
    assert_true(placed_at(VQ_FORMAT_SPLIT, VQ_DEVICE_AREA, 4) > 1000);
    assert_int_equal((uintptr_t)split_4_device_area % 4, 0);
    for (size_t off = 1; off < 4; off++)
        assert_int_equal(start_split(0, 0, off, 8), VQ_ERR_ALIGN);
    assert_int_equal(start_split(0, 0, 4, 8), VQ_OK);
}

static void split_sizes(void **state)
{
    (void)state;
    for (uint32_t q = 0; q <= 70000; q++) {
        struct vq_layout l;
        bool allowed = q != 0 && q <= 32768 && (q & (q - 1)) == 0;
        assert_int_equal(vq_layout_init(&l, VQ_FORMAT_SPLIT, q, 0), allowed ? VQ_OK : VQ_ERR_SIZE);
    }
    for (uint16_t q = 0; q <= 8; q++)
        assert_int_equal(start_split(0, 0, 0, q),
                         q == 1 || q == 2 || q == 4 || q == 8 ? VQ_OK : VQ_ERR_SIZE);
}

static void packed_descriptor_ring(void **state)
{
    (void)state;
    assert_true(placed_at(VQ_FORMAT_PACKED, VQ_DESCRIPTOR_AREA, 16) > 1000);
    assert_int_equal((uintptr_t)packed_5_descriptor_area % 16, 0);
}

static void packed_driver_event(void **state)
{
    (void)state;
    assert_true(placed_at(VQ_FORMAT_PACKED, VQ_DRIVER_AREA, 4) > 1000);
    assert_int_equal((uintptr_t)packed_5_driver_area % 4, 0);
}

static void packed_device_event(void **state)
{
    (void)state;
    assert_true(placed_at(VQ_FORMAT_PACKED, VQ_DEVICE_AREA, 4) > 1000);
    assert_int_equal((uintptr_t)packed_5_device_area % 4, 0);
}

static void packed_sizes(void **state)
{
    (void)state;
    for (uint32_t q = 0; q <= 70000; q++) {
        struct vq_layout l;
        assert_int_equal(vq_layout_init(&l, VQ_FORMAT_PACKED, q, 0),
                         q != 0 && q <= 32768 ? VQ_OK : VQ_ERR_SIZE);
    }
}

static uint64_t up(uint64_t n, uint64_t align)
{
    return (n + align - 1) / align * align;
}

static void legacy_allocation(void **state)
{
    (void)state;
    for (uint64_t align = 16; align <= 65536; align *= 2)
        for (uint32_t q = 1; q <= 32768; q *= 2) {
            uint64_t formula = up(16 * q + 2 * (3 + q), align) + up(6 + 8 * q, align);
            const struct vq_constraints c = {.format = VQ_FORMAT_LEGACY,
                                             .size_max = q,
                                             .size_fixed = true,
                                             .align = (uint32_t)align};
            const struct vq_fragment enough = {0x10000, formula};
            const struct vq_fragment short_of = {0x10000, formula - 1};
            struct vq_place place;
            assert_int_equal(vq_place_find(&c, 0, &enough, 1, &place, NULL), VQ_OK);
            assert_int_equal(place.layout.size, q);
            assert_int_equal(place.layout.total, formula);
            assert_int_equal(vq_place_find(&c, 0, &short_of, 1, &place, NULL), VQ_ERR_NO_MEMORY);
        }
}

static void legacy_parts(void **state)
{
    (void)state;
    for (uint64_t align = 16; align <= 65536; align *= 2)
        for (uint32_t q = 1; q <= 32768; q *= 2) {
            const struct vq_constraints c = {.format = VQ_FORMAT_LEGACY,
                                             .size_max = q,
                                             .size_fixed = true,
                                             .align = (uint32_t)align};
            const struct vq_fragment f = {0x12340, UINT64_C(1) << 32};
            struct vq_place place;
            assert_int_equal(vq_place_find(&c, 0, &f, 1, &place, NULL), VQ_OK);
            uint64_t base = place.address[VQ_DESCRIPTOR_AREA];
            assert_int_equal(base % align, 0);
            assert_int_equal(place.address[VQ_DRIVER_AREA], base + 16 * q);
            assert_int_equal(place.address[VQ_DEVICE_AREA], base + up(16 * q + 2 * (3 + q), align));
        }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(split_descriptor_table,
                "the descriptor table lies at a multiple of 16 [SPLIT-DRV-ALIGN-01]"),
        VQ_TEST(split_available_ring,
                "the available ring lies at a multiple of 2 [SPLIT-DRV-ALIGN-02]"),
        VQ_TEST(split_used_ring, "the used ring lies at a multiple of 4 [SPLIT-DRV-ALIGN-03]"),
        VQ_TEST(split_sizes,
                "a split queue size is a power of two up to 32768 [SPLIT-DRV-ALIGN-04]"),
        VQ_TEST(packed_descriptor_ring,
                "the descriptor ring lies at a multiple of 16 [PACKED-DRV-ALIGN-01]"),
        VQ_TEST(packed_driver_event,
                "the driver event structure lies at a multiple of 4 [PACKED-DRV-ALIGN-02]"),
        VQ_TEST(packed_device_event,
                "the device event structure lies at a multiple of 4 [PACKED-DRV-ALIGN-03]"),
        VQ_TEST(packed_sizes,
                "a packed queue size is any number up to 32768 [PACKED-DRV-ALIGN-04]"),
        VQ_TEST(legacy_allocation,
                "a legacy block has the bytes of the formula [SPLIT-DRV-LEGLAYOUT-02]"),
        VQ_TEST(legacy_parts, "legacy parts lie where the formula says [SPLIT-DRV-LEGLAYOUT-03]"),
    };
    return VQ_RUN(tests);
}
