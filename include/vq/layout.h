/*
 * Layout: how many bytes each part of a virtqueue takes and at which alignment,
 * and where to put them.
 *
 *     format  size          descriptor area   driver area        device area
 *     split   2^n           16q at 16         6 + 2q at 2        6 + 8q at 4
 *     packed  any           16q at 16         4 at 4             4 at 4
 *     legacy  2^n           the split parts in one block, the used ring on the next
 *                           multiple of Queue Align, the block's end rounded up to it
 *
 * with q, the queue size, from 1 to 32768. The parts of a split or packed queue
 * may lie anywhere; a legacy queue is one block. All of this is arithmetic on
 * values: no memory is touched, none is needed.
 *
 * Three ways to use it: static storage for firmware (VQ_SPLIT_STORAGE and its
 * like), vq_layout_init for who allocates by himself, and vq_place_find for who
 * has a list of free fragments and a transport with limits.
 *
 * SPLIT-DRV-ALIGN-01..04, SPLIT-DRV-LEGLAYOUT-02..03, PACKED-DRV-ALIGN-01..04.
 */
#ifndef VQ_LAYOUT_H
#define VQ_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VQ_SIZE_MAX             32768u
#define VQ_LEGACY_ALIGN_DEFAULT 4096u

enum vq_format {
    VQ_FORMAT_SPLIT,
    VQ_FORMAT_LEGACY,
    VQ_FORMAT_PACKED,
};

/*
 * The parts by the names that fit every format. In a split or legacy queue they are
 * the descriptor table, the available ring and the used ring; in a packed one the
 * descriptor ring, the driver and the device event suppression structure.
 */
enum vq_part {
    VQ_DESCRIPTOR_AREA,
    VQ_DRIVER_AREA,
    VQ_DEVICE_AREA,
    VQ_PARTS,
};

struct vq_part_layout {
    uint32_t align;  /* of its address, a power of two */
    uint32_t bytes;  /* of the part itself, padding never included */
    uint32_t offset; /* from the start of the block, where all parts lie in one */
};

/*
 * `total` is what one block of all parts takes. For split and packed queues it is
 * the sum of the parts: in the order descriptor, device, driver area they follow
 * each other without a gap, and the offsets say so. For a legacy queue offsets and
 * total are not a choice, and padding is part of them.
 */
struct vq_layout {
    enum vq_format format;
    uint32_t size;  /* the queue size, in descriptors */
    uint32_t align; /* legacy: Queue Align; else the largest alignment of a part */
    uint32_t total;
    struct vq_part_layout part[VQ_PARTS];
};

/*
 * Computes the layout. `align` is a legacy queue's Queue Align, a power of two from 4
 * to 2^30, 0 for 4096; the other formats ignore it.
 * VQ_ERR_SIZE for a size that the format does not allow, VQ_ERR_ALIGN, VQ_ERR_INVALID
 * for no such format; *layout is then left as it was.
 */
enum vq_error vq_layout_init(struct vq_layout *layout, enum vq_format format, uint32_t size,
                             uint32_t align);

/*
 * Placement: from free memory and a transport's limits to an address for each part.
 */

/* Free memory, in addresses that the device understands. */
struct vq_fragment {
    uint64_t address;
    uint64_t bytes;
};

/* What a transport can express. All zero: anything goes, for a split queue. */
struct vq_constraints {
    enum vq_format format;
    uint32_t size_max;     /* the device's maximum; 0: the format's own */
    uint32_t size_min;     /* the smallest that is of use; 0: one */
    bool size_fixed;       /* size_max is the size and no choice (legacy PCI) */
    bool contiguous;       /* all parts in one block; a legacy queue always is */
    uint32_t align;        /* legacy: Queue Align (0: 4096). Else the least alignment of every
                            * part, a power of two up to 2^30, e.g. a cache line (0: the format's) */
    uint32_t address_bits; /* width of a device address; 0: 64 */
    uint32_t page_shift;   /* legacy: the device is told address >> page_shift ... */
    uint32_t pfn_bits;     /* ... in a register of so many bits, 0 meaning "no queue";
                            * 0: there is no such register. At most 32; page_shift at most 30 */
};

struct vq_place {
    struct vq_layout layout;
    uint64_t address[VQ_PARTS];
};

/* What stood in the way. */
enum vq_limit {
    VQ_LIMIT_NONE,
    VQ_LIMIT_CONSTRAINTS, /* the constraints make no sense */
    VQ_LIMIT_SIZE,        /* no size suits format, device and caller at once */
    VQ_LIMIT_BYTES,       /* no fragment has so many bytes in one piece */
    VQ_LIMIT_ALIGN,       /* a fragment has, but not from an aligned address on */
    VQ_LIMIT_ADDRESS,     /* one has, but beyond what address_bits reach */
    VQ_LIMIT_PFN,         /* one has, but a page-frame number does not reach it, or is 0 */
    VQ_LIMIT_CONTIGUOUS,  /* each part could be placed, but not all in one block */
    VQ_LIMIT_TOGETHER,    /* each part fits alone, but not all at the same time */
    VQ_LIMIT_OVERLAP,     /* fragments overlap, so that what seems free is not */
};

/* Why not: `part` of a queue of `size` wants `bytes` at `align`, and finds at most `largest`. */
struct vq_refusal {
    enum vq_limit limit;
    enum vq_format format;
    enum vq_part part; /* VQ_PARTS: the block of all parts */
    uint32_t size;     /* the smallest size that was tried */
    uint32_t bytes;
    uint32_t align;
    uint32_t bits;    /* VQ_LIMIT_ADDRESS, VQ_LIMIT_PFN: how wide an address can be */
    uint64_t largest; /* largest hole that the limits leave, from its first aligned address on */
    uint64_t free;    /* bytes in all fragments, in reach or not */
};

/*
 * Finds the largest size not above `wanted` (0: size_max; a fixed size is taken even
 * if it is above) that the constraints allow
 * and that fits, and a place for each part: several in one fragment or each in its
 * own, such that the fragments touched have the least bytes in all. A size that
 * fits is always found: this is a search, not a heuristic.
 *
 * Fragments may come in any order. They must not overlap, and those that touch count
 * as two: join them first. What would reach beyond 2^64 - 1 is cut off there.
 *
 * Time: at most 17 sizes, each one pass over the fragments. Stack: under 1.5 KiB.
 *
 * VQ_ERR_NO_MEMORY when nothing fits, VQ_ERR_SIZE when no size is allowed, VQ_ERR_ALIGN
 * and VQ_ERR_INVALID for bad constraints or overlapping fragments. *out is then
 * undefined, and *why, unless it is NULL, says what stood in the way.
 */
enum vq_error vq_place_find(const struct vq_constraints *constraints, uint32_t wanted,
                            const struct vq_fragment *fragments, size_t count, struct vq_place *out,
                            struct vq_refusal *why);

/*
 * The same by first fit: each part, the largest first, goes into the first fragment
 * that has room behind the parts that lie there already. It may miss a place that
 * vq_place_find finds, but not where the fragments are the parts themselves, in any
 * order, or one aligned block; and it takes less than half of the code.
 */
enum vq_error vq_place_first(const struct vq_constraints *constraints, uint32_t wanted,
                             const struct vq_fragment *fragments, size_t count,
                             struct vq_place *out);

/*
 * Writes a refusal as one line of English into text[room], cut off if need be, always
 * terminated (if room is not 0). Returns the length of the whole line. 300 is enough.
 */
size_t vq_refusal_text(const struct vq_refusal *why, char *text, size_t room);

/*
 * Static storage. Sizes as constant expressions, q a constant:
 */
#define VQ_SPLIT_DESCRIPTOR_BYTES(q) (16u * (q))
#define VQ_SPLIT_DRIVER_BYTES(q)     (6u + 2u * (q))
#define VQ_SPLIT_DEVICE_BYTES(q)     (6u + 8u * (q))
#define VQ_SPLIT_BYTES(q)                                                                          \
    (VQ_SPLIT_DESCRIPTOR_BYTES(q) + VQ_SPLIT_DRIVER_BYTES(q) + VQ_SPLIT_DEVICE_BYTES(q))

#define VQ_PACKED_DESCRIPTOR_BYTES(q) (16u * (q))
#define VQ_PACKED_DRIVER_BYTES(q)     4u
#define VQ_PACKED_DEVICE_BYTES(q)     4u
#define VQ_PACKED_BYTES(q)                                                                         \
    (VQ_PACKED_DESCRIPTOR_BYTES(q) + VQ_PACKED_DRIVER_BYTES(q) + VQ_PACKED_DEVICE_BYTES(q))

#define VQ_ALIGN_UP(n, align) (((n) + (align)-1u) & ~((align)-1u))
#define VQ_LEGACY_DEVICE_OFFSET(q, align)                                                          \
    VQ_ALIGN_UP(VQ_SPLIT_DESCRIPTOR_BYTES(q) + VQ_SPLIT_DRIVER_BYTES(q), align)
#define VQ_LEGACY_BYTES(q, align)                                                                  \
    (VQ_LEGACY_DEVICE_OFFSET(q, align) + VQ_ALIGN_UP(VQ_SPLIT_DEVICE_BYTES(q), align))

#define VQ_PACKED_SIZE_OK(q) ((q) >= 1 && (q) <= VQ_SIZE_MAX)
#define VQ_SPLIT_SIZE_OK(q)  (VQ_PACKED_SIZE_OK(q) && ((q) & ((q)-1)) == 0)

#ifdef __cplusplus
#define VQ_ALIGNAS(n)              alignas(n)
#define VQ_STATIC_ASSERT(e, words) static_assert(e, words)
#else
#define VQ_ALIGNAS(n)              _Alignas(n)
#define VQ_STATIC_ASSERT(e, words) _Static_assert(e, words)
#endif

/*
 *     VQ_SPLIT_STORAGE(rx, 4);
 *
 * declares rx_descriptor_area, rx_driver_area and rx_device_area, static, zero, aligned
 * as they must be, of exactly the bytes that the format needs: 26q + 12 for a split
 * queue (116 for a queue of 4), 16q + 8 for a packed one. A size that the format does
 * not allow does not compile. Where the objects go is the toolchain's choice, which may
 * leave a few bytes between them; -fdata-sections with -Wl,--sort-section=alignment
 * leaves at most two a queue.
 *
 * VQ_LEGACY_STORAGE(rx, 4, 4096) declares one block, rx_block; its parts lie at 0,
 * VQ_SPLIT_DESCRIPTOR_BYTES(4) and VQ_LEGACY_DEVICE_OFFSET(4, 4096).
 */
#define VQ_SPLIT_STORAGE(name, size)                                                               \
    VQ_STATIC_ASSERT(VQ_SPLIT_SIZE_OK(size), "a split queue has 2^n descriptors, up to 32768");    \
    VQ_ALIGNAS(16) static uint8_t name##_descriptor_area[VQ_SPLIT_DESCRIPTOR_BYTES(size)];         \
    VQ_ALIGNAS(4) static uint8_t name##_device_area[VQ_SPLIT_DEVICE_BYTES(size)];                  \
    VQ_ALIGNAS(2) static uint8_t name##_driver_area[VQ_SPLIT_DRIVER_BYTES(size)]

#define VQ_PACKED_STORAGE(name, size)                                                              \
    VQ_STATIC_ASSERT(VQ_PACKED_SIZE_OK(size), "a packed queue has 1 to 32768 descriptors");        \
    VQ_ALIGNAS(16) static uint8_t name##_descriptor_area[VQ_PACKED_DESCRIPTOR_BYTES(size)];        \
    VQ_ALIGNAS(4) static uint8_t name##_device_area[VQ_PACKED_DEVICE_BYTES(size)];                 \
    VQ_ALIGNAS(4) static uint8_t name##_driver_area[VQ_PACKED_DRIVER_BYTES(size)]

#define VQ_LEGACY_STORAGE(name, size, align)                                                       \
    VQ_STATIC_ASSERT(VQ_SPLIT_SIZE_OK(size), "a legacy queue has 2^n descriptors, up to 32768");   \
    VQ_STATIC_ASSERT((align) >= 16 && ((align) & ((align)-1)) == 0, "align is 2^n, 16 or more");   \
    VQ_ALIGNAS(align) static uint8_t name##_block[VQ_LEGACY_BYTES(size, align)]

#ifdef __cplusplus
}
#endif
#endif
