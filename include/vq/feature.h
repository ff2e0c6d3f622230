/*
 * Feature bits (virtio 1.4, section 6 and each device's section).
 *
 * Bits beyond 63 exist (the network device has some), so a set of features is
 * an array, reached through the helpers below.
 */
#ifndef VQ_FEATURE_H
#define VQ_FEATURE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VQ_FEATURE_WORDS 4 /* 128 bits, as transports select them: 32 at a time */

struct vq_features {
    uint32_t word[VQ_FEATURE_WORDS];
};

/* Queue and transport features. */
enum {
    VQ_F_NOTIFY_ON_EMPTY = 24, /* legacy only */
    VQ_F_ANY_LAYOUT = 27,      /* legacy only */
    VQ_F_INDIRECT_DESC = 28,
    VQ_F_EVENT_IDX = 29,
    VQ_F_VERSION_1 = 32,
    VQ_F_ACCESS_PLATFORM = 33,
    VQ_F_RING_PACKED = 34,
    VQ_F_IN_ORDER = 35,
    VQ_F_ORDER_PLATFORM = 36,
    VQ_F_SR_IOV = 37,
    VQ_F_NOTIFICATION_DATA = 38,
    VQ_F_NOTIF_CONFIG_DATA = 39,
    VQ_F_RING_RESET = 40,
    VQ_F_ADMIN_VQ = 41,
    VQ_F_SUSPEND = 43,
};

static inline bool vq_feature(const struct vq_features *set, unsigned bit)
{
    return bit < 32u * VQ_FEATURE_WORDS && (set->word[bit / 32u] >> (bit % 32u) & 1u) != 0;
}

static inline void vq_feature_set(struct vq_features *set, unsigned bit)
{
    if (bit < 32u * VQ_FEATURE_WORDS)
        set->word[bit / 32u] |= UINT32_C(1) << (bit % 32u);
}

static inline void vq_feature_clear(struct vq_features *set, unsigned bit)
{
    if (bit < 32u * VQ_FEATURE_WORDS)
        set->word[bit / 32u] &= ~(UINT32_C(1) << (bit % 32u));
}

static inline struct vq_features vq_features_and(struct vq_features a, struct vq_features b)
{
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++)
        a.word[i] &= b.word[i];
    return a;
}

/* The first 64 bits, which is all that vhost-user carries. */
static inline uint64_t vq_features_low64(const struct vq_features *set)
{
    return set->word[0] | (uint64_t)set->word[1] << 32;
}

static inline struct vq_features vq_features_from64(uint64_t bits)
{
    struct vq_features set = {{(uint32_t)bits, (uint32_t)(bits >> 32)}};
    return set;
}

#ifdef __cplusplus
}
#endif
#endif
