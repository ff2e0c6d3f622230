/*
 * What every device's end does alike: the ring's features in its offer, the look at
 * the driver's choice, the window through which configuration space is read, and
 * bytes of a buffer however it is cut.
 *
 * The choice, offsets and counts come from a driver. Nothing here keeps state.
 */
#ifndef VQ_DEVICE_MODEL_PARTS_H
#define VQ_DEVICE_MODEL_PARTS_H

#include <vq/model.h>

#include "../ring/variant.h"

/* What the ring can do in this build, less `without`; the bits of the type come on top. */
static inline struct vq_features vq_model_ring_features(const struct vq_features *without)
{
    /* A legacy driver does not see the bits beyond 31: without VERSION_1 they are nobody's. */
    const bool modern = !vq_feature(without, VQ_F_VERSION_1);
    const struct {
        uint8_t bit;
        bool have;
    } all[] = {
        {VQ_F_INDIRECT_DESC, VQ_WITH_INDIRECT},
        {VQ_F_EVENT_IDX, true},
        {VQ_F_VERSION_1, true},
        {VQ_F_RING_PACKED, modern && vq_variant_of(true, false) != VQ_VARIANT_NONE},
        {VQ_F_IN_ORDER, modern && VQ_WITH_IN_ORDER},
        /* FEAT-DEV-LEG-03: any framing is served to legacy drivers too. */
        {VQ_F_ANY_LAYOUT, true},
    };
    struct vq_features set = {{0}};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].have && !vq_feature(without, all[i].bit))
            vq_feature_set(&set, all[i].bit);
    return set;
}

/* May a driver choose this? Nothing that is not offered, and as a legacy driver, which knows 32
 * features, nothing beyond them. */
static inline bool vq_model_may_accept(const struct vq_features *offered,
                                       const struct vq_features *chosen)
{
    const bool legacy = !vq_feature(chosen, VQ_F_VERSION_1);

    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++)
        if ((chosen->word[i] & ~offered->word[i]) != 0 ||
            (legacy && i != 0 && chosen->word[i] != 0))
            return false;
    return true;
}

/* A field of configuration space. */
static inline void vq_model_put(uint8_t *at, uint64_t value, unsigned bytes, bool big)
{
    for (unsigned i = 0; i < bytes; i++) {
        at[big ? bytes - 1u - i : i] = (uint8_t)value;
        value >>= 8;
    }
}

/* Reads from the `size` bytes that a device shows; what lies beyond is zero. */
static inline void vq_model_read(const uint8_t *shown, uint32_t size, uint32_t offset, void *bytes,
                                 uint32_t count)
{
    uint8_t *out = (uint8_t *)bytes;

    for (uint32_t i = 0; i < count; i++)
        out[i] = offset < size && i < size - offset ? shown[offset + i] : 0;
}

/* Copies `bytes` of a buffer's segments from `skip` on, each fetched once; the caller knows that
 * they are there. */
static inline void vq_model_gather(const struct vq_segment *s, uint64_t skip, void *to,
                                   size_t bytes)
{
    uint8_t *out = (uint8_t *)to;

    while (bytes != 0 && skip >= s->bytes) {
        skip -= s->bytes;
        s++;
    }
    while (bytes != 0) {
        size_t n = s->bytes - (size_t)skip;

        if (n > bytes)
            n = bytes;
        vq_fetch(out, (const uint8_t *)s->base + (size_t)skip, n);
        out += n;
        bytes -= n;
        skip = 0;
        s++;
    }
}

/* The same the other way. */
static inline void vq_model_scatter(const struct vq_segment *s, uint64_t skip, const void *from,
                                    size_t bytes)
{
    const uint8_t *in = (const uint8_t *)from;

    while (bytes != 0 && skip >= s->bytes) {
        skip -= s->bytes;
        s++;
    }
    for (; bytes != 0; s++) {
        for (size_t i = (size_t)skip; i < s->bytes && bytes != 0; i++, bytes--)
            ((uint8_t *)s->base)[i] = *in++;
        skip = 0;
    }
}

#endif
