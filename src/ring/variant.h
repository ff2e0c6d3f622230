/*
 * Which bodies a build contains, and how a queue names the one that it uses. The
 * choice is made once per call of the batch interface; with a single variant
 * built in it vanishes.
 *
 * VQ_WITH_SPLIT: split rings, little-endian, and native on a little-endian machine.
 * VQ_WITH_BIG:   legacy split rings of big-endian drivers.
 */
#ifndef VQ_RING_VARIANT_H
#define VQ_RING_VARIANT_H

#ifndef VQ_WITH_SPLIT
#define VQ_WITH_SPLIT 1
#endif
#ifndef VQ_WITH_BIG
#define VQ_WITH_BIG 1
#endif

enum vq_variant {
    VQ_VARIANT_SPLIT,
    VQ_VARIANT_SPLIT_BIG,
    VQ_VARIANT_NONE,
};

static inline enum vq_variant vq_variant_of(int packed, int big_endian)
{
    if (packed)
        return VQ_VARIANT_NONE;
    if (big_endian)
        return VQ_WITH_BIG ? VQ_VARIANT_SPLIT_BIG : VQ_VARIANT_NONE;
    return VQ_WITH_SPLIT ? VQ_VARIANT_SPLIT : VQ_VARIANT_NONE;
}

/* Calls body(..., big) for the queue's variant. */
#if VQ_WITH_SPLIT && VQ_WITH_BIG
#define VQ_BY_VARIANT(q, body, ...)                                                                \
    ((q)->variant == VQ_VARIANT_SPLIT_BIG ? body((q), ##__VA_ARGS__, true)                         \
                                          : body((q), ##__VA_ARGS__, false))
#elif VQ_WITH_BIG
#define VQ_BY_VARIANT(q, body, ...) body((q), ##__VA_ARGS__, true)
#else
#define VQ_BY_VARIANT(q, body, ...) body((q), ##__VA_ARGS__, false)
#endif

#endif
