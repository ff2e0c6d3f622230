/*
 * Buffers of a driver behind an IOMMU that counts: each map is undone once, with
 * what it was made with, whichever step of a buffer fails; and what the device's end
 * gets are the driver's bytes.
 */
#include "queue_pair.h"

#include <string.h>

#include <vq/dma.h>

enum { PIECES = 6, PAGE = 4096 };
#define IOVA UINT64_C(0xfee0000000)

/* A page of addresses for each map that stands. */
static struct iommu {
    struct vq_region windows[PIECES];
    struct vq_memory memory;
    uint32_t written[PIECES];
    unsigned maps, unmaps, standing;
    unsigned fail_at; /* the map, from 1 on, that fails */
    bool wrap_at;     /* ... that gives an address whose end wraps */
} iommu;

static enum vq_error map(void *context, void *host, uint32_t bytes, enum vq_access access,
                         uint64_t *address)
{
    struct iommu *mmu = context;
    struct vq_region *w = &mmu->windows[mmu->maps];

    if (++mmu->maps == mmu->fail_at && !mmu->wrap_at)
        return VQ_ERR_NO_MEMORY;
    assert_int_equal(bytes == 0, false);
    /* No byte of a window is where a pointer would say. */
    *w = (struct vq_region){IOVA + PAGE * (mmu->maps - 1) + 5, bytes, host, access};
    *address = mmu->maps == mmu->fail_at ? UINT64_MAX - bytes + 2 : w->address;
    mmu->standing++;
    return VQ_OK;
}

static void unmap(void *context, void *host, uint32_t bytes, enum vq_access access,
                  uint64_t address, uint32_t written)
{
    struct iommu *mmu = context;

    for (unsigned i = 0; i < PIECES; i++) {
        struct vq_region *w = &mmu->windows[i];
        bool wrapped = i + 1 == mmu->fail_at && mmu->wrap_at;
        if (w->host != host || w->size != bytes || w->access != (uint32_t)access)
            continue;
        if (!wrapped)
            assert_true(w->address == address);
        assert_true(written <= bytes && (written == 0 || access == VQ_WRITE));
        mmu->written[i] = written;
        *w = (struct vq_region){0};
        mmu->unmaps++;
        mmu->standing--;
        return;
    }
    fail_msg("%s", "unmapped what was not mapped");
}

static const struct vq_dma dma = {map, unmap, &iommu};
static uint8_t bytes[PIECES][64];

/* Piece i has 10 + i bytes. */
static void make(struct vq_dma_piece pieces[PIECES])
{
    memset(&iommu, 0, sizeof(iommu));
    for (unsigned i = 0; i < PIECES; i++)
        pieces[i] = (struct vq_dma_piece){.host = bytes[i], .bytes = 10 + i};
}

static void undone_at_each_step(void **state)
{
    struct vq_dma_piece pieces[PIECES];
    struct vq_element elements[PIECES];
    (void)state;

    for (unsigned wrap = 0; wrap < 2; wrap++)
        for (unsigned readable = 0; readable <= PIECES; readable++)
            for (unsigned fail = 1; fail <= PIECES; fail++) {
                make(pieces);
                iommu.fail_at = fail;
                iommu.wrap_at = wrap;
                assert_int_equal(vq_dma_map(&dma, pieces, readable, PIECES - readable, elements),
                                 wrap ? VQ_ERR_RANGE : VQ_ERR_NO_MEMORY);
                assert_int_equal(iommu.maps, fail);
                assert_int_equal(iommu.unmaps, fail - !wrap);
                assert_int_equal(iommu.standing, 0);
                for (unsigned i = 0; i < PIECES; i++)
                    assert_int_equal(iommu.written[i], 0);
            }
}

static void a_piece_of_nothing(void **state)
{
    struct vq_dma_piece pieces[PIECES];
    struct vq_element elements[PIECES];
    (void)state;

    make(pieces);
    pieces[PIECES - 1].bytes = 0;
    assert_int_equal(vq_dma_map(&dma, pieces, 3, 3, elements), VQ_ERR_INVALID);
    assert_int_equal(iommu.maps, 0);
}

/* What was written is told piece by piece. */
static void written(void **state)
{
    struct vq_dma_piece pieces[PIECES];
    struct vq_element elements[PIECES];
    (void)state;

    for (uint32_t n = 0; n <= 60; n++) {
        uint32_t left = n < 13 + 14 + 15 ? n : 13 + 14 + 15;
        make(pieces);
        assert_int_equal(vq_dma_map(&dma, pieces, 3, 3, elements), VQ_OK);
        assert_int_equal(iommu.standing, PIECES);
        vq_dma_unmap(&dma, pieces, 3, 3, elements, n);
        assert_int_equal(iommu.standing, 0);
        for (unsigned i = 0; i < PIECES; i++) {
            uint32_t here = i < 3 ? 0 : left < pieces[i].bytes ? left : pieces[i].bytes;
            assert_int_equal(iommu.written[i], here);
            left -= here;
        }
    }
}

/* Those that the caller has mapped are left to it, but count. */
static void premapped(void **state)
{
    struct vq_dma_piece pieces[PIECES];
    struct vq_element elements[PIECES];
    (void)state;

    for (unsigned set = 0; set < 1u << PIECES; set++) {
        unsigned mine = PIECES;
        make(pieces);
        for (unsigned i = 0; i < PIECES; i++)
            if (set >> i & 1) {
                pieces[i].premapped = true;
                pieces[i].host = NULL;
                pieces[i].address = 77 * i;
                mine--;
            }
        assert_int_equal(vq_dma_map(&dma, pieces, 2, 4, elements), VQ_OK);
        assert_int_equal(iommu.standing, mine);
        for (unsigned i = 0; i < PIECES; i++) {
            assert_int_equal(elements[i].bytes, 10 + i);
            if (set >> i & 1)
                assert_true(elements[i].address == 77 * i);
        }
        vq_dma_unmap(&dma, pieces, 2, 4, elements, 12 + 13 + 1);
        assert_int_equal(iommu.standing, 0);
        assert_int_equal(iommu.unmaps, mine);
        if (!(set >> 4 & 1)) /* the third of the writable ones, whoever mapped those before it */
            assert_int_equal(iommu.written[4 - (unsigned)__builtin_popcount(set & 15)], 1);
    }
}

static void identity(void **state)
{
    struct vq_dma_piece pieces[PIECES];
    struct vq_element elements[PIECES];
    (void)state;

    make(pieces);
    assert_int_equal(vq_dma_map(NULL, pieces, 3, 3, elements), VQ_OK);
    for (unsigned i = 0; i < PIECES; i++)
        assert_true(elements[i].address == (uintptr_t)bytes[i]);
    vq_dma_unmap(NULL, pieces, 3, 3, elements, 5);
    assert_int_equal(iommu.maps + iommu.unmaps, 0);
}

/* All the way: the addresses that the device gets lead it to the driver's bytes, and no others. */
static void through_a_queue(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 4; bits++) {
        bool packed = bits & 1, translated = bits & 2;
        struct vq_region all = {(uintptr_t)bytes, sizeof(bytes), bytes[0], VQ_READ | VQ_WRITE};
        struct vq_dma_piece pieces[PIECES];
        struct vq_element elements[PIECES];
        struct queue_pair p;
        struct vq_done done;

        pair_open(&p, (struct pair_options){.format = packed ? PAIR_PACKED : PAIR_SPLIT});
        for (unsigned round = 0; round < 5; round++) {
            int id;
            make(pieces);
            id = vq_dma_add(&p.driver, translated ? &dma : NULL, pieces, 3, 3, elements);
            EXPECT(&p, id >= 0);
            (void)vq_driver_publish(&p.driver);
            EXPECT_EQ(&p,
                      vq_memory_init(&p.memory, translated ? iommu.windows : &all,
                                     translated ? PIECES : 1),
                      VQ_OK);
            EXPECT(&p, pair_pop(&p));
            EXPECT_EQ(&p, p.buffer.readable, 3);
            for (unsigned i = 0; i < PIECES; i++) {
                EXPECT(&p, p.segments[i].base == bytes[i]);
                EXPECT_EQ(&p, p.segments[i].bytes, 10 + i);
            }
            EXPECT(&p, pair_push(&p, p.buffer.id, 20));
            (void)vq_device_publish(&p.device);
            EXPECT_EQ(&p, vq_driver_get(&p.driver, &done, 1), 1);
            vq_dma_unmap(translated ? &dma : NULL, pieces, 3, 3, elements, done.written);
            EXPECT_EQ(&p, iommu.standing, 0);
            EXPECT_EQ(&p, iommu.written[4], translated ? 7 : 0);
        }
        EXPECT_EQ(&p, vq_memory_init(&p.memory, p.regions, 1), VQ_OK);
        pair_close(&p);
    }
}

/* What the queue does not take does not stay mapped, and the queue stays as it was. */
static void refused_by_the_queue(void **state)
{
    struct vq_dma_piece pieces[PIECES];
    struct vq_element elements[PIECES];
    struct queue_pair p;
    (void)state;

    pair_open(&p, (struct pair_options){.size = 8});
    make(pieces);
    EXPECT(&p, vq_dma_add(&p.driver, &dma, pieces, 3, 3, elements) >= 0);
    EXPECT_EQ(&p, iommu.standing, PIECES);
    make(pieces);
    EXPECT_EQ(&p, vq_dma_add(&p.driver, &dma, pieces, 3, 3, elements), VQ_ERR_FULL);
    EXPECT_EQ(&p, iommu.maps, PIECES);
    EXPECT_EQ(&p, iommu.standing, 0);
    make(pieces);
    iommu.fail_at = 2;
    EXPECT_EQ(&p, vq_dma_add(&p.driver, &dma, pieces, 1, 1, elements), VQ_ERR_NO_MEMORY);
    EXPECT_EQ(&p, iommu.standing, 0);
    EXPECT_EQ(&p, vq_driver_free(&p.driver), 2);
    vq_driver_break(&p.driver, VQ_BROKEN_BY_OWNER);
    make(pieces);
    EXPECT_EQ(&p, vq_dma_add(&p.driver, &dma, pieces, 1, 1, elements), VQ_ERR_BROKEN);
    EXPECT_EQ(&p, iommu.standing, 0);
    pair_close(&p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(undone_at_each_step, "a buffer that is half mapped is unmapped, once [BUG-38]"),
        VQ_TEST(a_piece_of_nothing, "a piece of no bytes is refused before anything is mapped"),
        VQ_TEST(written, "each piece hears what was written to it"),
        VQ_TEST(premapped, "what the caller mapped is the caller's"),
        VQ_TEST(identity, "without a mapping an address is the pointer"),
        VQ_TEST(through_a_queue, "the device gets addresses that lead to the driver's bytes "
                                 "[FEAT-DRV-04 FEAT-DRV-05]"),
        VQ_TEST(refused_by_the_queue, "what the queue refuses does not stay mapped"),
    };
    return VQ_RUN(tests);
}
