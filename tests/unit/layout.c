/* The arithmetic of parts, against the formulas written out a second time, and the macros. */
#include "test.h"

#include <vq/layout.h>

VQ_SPLIT_STORAGE(tiny, 4);
VQ_SPLIT_STORAGE(one, 1);
VQ_SPLIT_STORAGE(all, 32768);
VQ_PACKED_STORAGE(odd, 3);
VQ_LEGACY_STORAGE(old, 256, 4096);

/* Usable where a constant expression is needed. */
static const uint8_t constant[VQ_SPLIT_BYTES(4) == 116 ? 1 : -1] = {1};

static uint32_t up(uint32_t n, uint32_t align)
{
    return (n + align - 1) / align * align;
}

static void split_parts(void **state)
{
    (void)state;
    for (uint32_t q = 1; q <= 32768; q *= 2) {
        struct vq_layout l;
        assert_int_equal(vq_layout_init(&l, VQ_FORMAT_SPLIT, q, 0), VQ_OK);
        assert_int_equal(l.format, VQ_FORMAT_SPLIT);
        assert_int_equal(l.size, q);
        assert_int_equal(l.part[VQ_DESCRIPTOR_AREA].align, 16);
        assert_int_equal(l.part[VQ_DESCRIPTOR_AREA].bytes, 16 * q);
        assert_int_equal(l.part[VQ_DRIVER_AREA].align, 2);
        assert_int_equal(l.part[VQ_DRIVER_AREA].bytes, 6 + 2 * q);
        assert_int_equal(l.part[VQ_DEVICE_AREA].align, 4);
        assert_int_equal(l.part[VQ_DEVICE_AREA].bytes, 6 + 8 * q);
        assert_int_equal(l.total, 26 * q + 12);
        assert_int_equal(VQ_SPLIT_BYTES(q), l.total);
    }
}

static void packed_parts(void **state)
{
    (void)state;
    for (uint32_t q = 1; q <= 32768; q++) {
        struct vq_layout l;
        assert_int_equal(vq_layout_init(&l, VQ_FORMAT_PACKED, q, 0), VQ_OK);
        assert_int_equal(l.part[VQ_DESCRIPTOR_AREA].align, 16);
        assert_int_equal(l.part[VQ_DESCRIPTOR_AREA].bytes, 16 * q);
        assert_int_equal(l.part[VQ_DRIVER_AREA].align, 4);
        assert_int_equal(l.part[VQ_DRIVER_AREA].bytes, 4);
        assert_int_equal(l.part[VQ_DEVICE_AREA].align, 4);
        assert_int_equal(l.part[VQ_DEVICE_AREA].bytes, 4);
        assert_int_equal(l.total, 16 * q + 8);
        assert_int_equal(VQ_PACKED_BYTES(q), l.total);
    }
}

static void legacy_block(void **state)
{
    (void)state;
    for (uint32_t align = 4; align <= 1u << 20; align *= 2)
        for (uint32_t q = 1; q <= 32768; q *= 2) {
            struct vq_layout l;
            assert_int_equal(vq_layout_init(&l, VQ_FORMAT_LEGACY, q, align), VQ_OK);
            assert_int_equal(l.align, align);
            assert_int_equal(l.part[VQ_DESCRIPTOR_AREA].offset, 0);
            assert_int_equal(l.part[VQ_DRIVER_AREA].offset, 16 * q);
            assert_int_equal(l.part[VQ_DEVICE_AREA].offset, up(16 * q + 2 * (3 + q), align));
            assert_int_equal(l.total, up(16 * q + 2 * (3 + q), align) + up(6 + 8 * q, align));
            assert_int_equal(VQ_LEGACY_BYTES(q, align), l.total);
            assert_int_equal(VQ_LEGACY_DEVICE_OFFSET(q, align), l.part[VQ_DEVICE_AREA].offset);
        }
}

static void legacy_align_defaults_to_a_page(void **state)
{
    struct vq_layout l;
    (void)state;
    assert_int_equal(vq_layout_init(&l, VQ_FORMAT_LEGACY, 256, 0), VQ_OK);
    assert_int_equal(l.align, 4096);
    assert_int_equal(l.part[VQ_DEVICE_AREA].offset, 8192);
    assert_int_equal(l.total, 12288);
}

static void one_block_has_no_gap(void **state)
{
    (void)state;
    for (uint32_t q = 1; q <= 32768; q++)
        for (int f = 0; f < 2; f++) {
            struct vq_layout l;
            enum vq_format format = f == 0 ? VQ_FORMAT_SPLIT : VQ_FORMAT_PACKED;
            if (vq_layout_init(&l, format, q, 0) != VQ_OK)
                continue;
            uint32_t sum = 0;
            for (int i = 0; i < VQ_PARTS; i++) {
                assert_int_equal(l.part[i].offset % l.part[i].align, 0);
                assert_true(l.part[i].offset + l.part[i].bytes <= l.total);
                sum += l.part[i].bytes;
            }
            assert_int_equal(sum, l.total);
            assert_int_equal(l.part[VQ_DEVICE_AREA].offset, l.part[VQ_DESCRIPTOR_AREA].bytes);
            assert_int_equal(l.part[VQ_DRIVER_AREA].offset,
                             l.part[VQ_DEVICE_AREA].offset + l.part[VQ_DEVICE_AREA].bytes);
        }
}

static void what_is_not_allowed(void **state)
{
    static const struct {
        enum vq_format format;
        uint32_t size, align;
        enum vq_error error;
    } cases[] = {
        {VQ_FORMAT_SPLIT, 0, 0, VQ_ERR_SIZE},
        {VQ_FORMAT_SPLIT, 3, 0, VQ_ERR_SIZE},
        {VQ_FORMAT_SPLIT, 32767, 0, VQ_ERR_SIZE},
        {VQ_FORMAT_SPLIT, 32769, 0, VQ_ERR_SIZE},
        {VQ_FORMAT_SPLIT, 65536, 0, VQ_ERR_SIZE},
        {VQ_FORMAT_SPLIT, UINT32_C(1) << 31, 0, VQ_ERR_SIZE},
        {VQ_FORMAT_LEGACY, 0, 0, VQ_ERR_SIZE},
        {VQ_FORMAT_LEGACY, 6, 0, VQ_ERR_SIZE},
        {VQ_FORMAT_LEGACY, 65536, 0, VQ_ERR_SIZE},
        {VQ_FORMAT_LEGACY, 8, 1, VQ_ERR_ALIGN},
        {VQ_FORMAT_LEGACY, 8, 2, VQ_ERR_ALIGN},
        {VQ_FORMAT_LEGACY, 8, 12, VQ_ERR_ALIGN},
        {VQ_FORMAT_LEGACY, 8, 4095, VQ_ERR_ALIGN},
        {VQ_FORMAT_LEGACY, 8, UINT32_C(1) << 31, VQ_ERR_ALIGN},
        {VQ_FORMAT_PACKED, 0, 0, VQ_ERR_SIZE},
        {VQ_FORMAT_PACKED, 32769, 0, VQ_ERR_SIZE},
        {VQ_FORMAT_PACKED, UINT32_MAX, 0, VQ_ERR_SIZE},
        {(enum vq_format)3, 8, 0, VQ_ERR_INVALID},
        {(enum vq_format)255, 8, 0, VQ_ERR_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vq_layout l;
        l.size = 77;
        assert_int_equal(vq_layout_init(&l, cases[i].format, cases[i].size, cases[i].align),
                         cases[i].error);
        assert_int_equal(l.size, 77);
    }
}

static void the_largest_align_still_counts(void **state)
{
    struct vq_layout l;
    (void)state;
    assert_int_equal(vq_layout_init(&l, VQ_FORMAT_LEGACY, 32768, UINT32_C(1) << 30), VQ_OK);
    assert_int_equal(l.part[VQ_DEVICE_AREA].offset, UINT32_C(1) << 30);
    assert_true(l.total == UINT32_C(1) << 31);
}

static void storage_wastes_nothing(void **state)
{
    (void)state;
    assert_int_equal(constant[0], 1);
    assert_int_equal(
        sizeof tiny_descriptor_area + sizeof tiny_driver_area + sizeof tiny_device_area, 116);
    assert_int_equal(sizeof one_descriptor_area + sizeof one_driver_area + sizeof one_device_area,
                     26 * 1 + 12);
    assert_int_equal(sizeof all_descriptor_area + sizeof all_driver_area + sizeof all_device_area,
                     26 * 32768 + 12);
    assert_int_equal((uintptr_t)all_descriptor_area % 16, 0);
    assert_int_equal((uintptr_t)all_device_area % 4, 0);
    assert_int_equal((uintptr_t)all_driver_area % 2, 0);
    assert_int_equal(sizeof odd_descriptor_area + sizeof odd_driver_area + sizeof odd_device_area,
                     16 * 3 + 8);
    assert_int_equal(sizeof old_block, 12288);
}

static void storage_is_aligned(void **state)
{
    (void)state;
    assert_int_equal((uintptr_t)tiny_descriptor_area % 16, 0);
    assert_int_equal((uintptr_t)tiny_driver_area % 2, 0);
    assert_int_equal((uintptr_t)tiny_device_area % 4, 0);
    assert_int_equal((uintptr_t)one_descriptor_area % 16, 0);
    assert_int_equal((uintptr_t)one_driver_area % 2, 0);
    assert_int_equal((uintptr_t)one_device_area % 4, 0);
    assert_int_equal((uintptr_t)odd_descriptor_area % 16, 0);
    assert_int_equal((uintptr_t)odd_driver_area % 4, 0);
    assert_int_equal((uintptr_t)odd_device_area % 4, 0);
    assert_int_equal((uintptr_t)old_block % 4096, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(split_parts, "the parts of a split queue of every size"),
        VQ_TEST(packed_parts, "the parts of a packed queue of every size"),
        VQ_TEST(legacy_block, "a legacy block of every size and alignment"),
        VQ_TEST(legacy_align_defaults_to_a_page, "a legacy queue's align defaults to 4096"),
        VQ_TEST(one_block_has_no_gap, "descriptor, device, driver area follow without a gap"),
        VQ_TEST(what_is_not_allowed, "a size or alignment that is not allowed is an error"),
        VQ_TEST(the_largest_align_still_counts, "the largest alignment still has a 32-bit total"),
        VQ_TEST(storage_wastes_nothing,
                "static storage wastes nothing, a queue of 4 has 116 bytes"),
        VQ_TEST(storage_is_aligned, "static storage is aligned as the parts demand"),
    };
    return VQ_RUN(tests);
}
