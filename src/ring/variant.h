/*
 * Which bodies a build contains, and how a queue names the one that it uses. The
 * choice is made once per call of the batch interface; with a single variant
 * built in it vanishes.
 *
 * VQ_WITH_SPLIT:  split rings, little-endian.
 * VQ_WITH_BIG:    legacy split rings of big-endian drivers.
 * VQ_WITH_PACKED: packed rings.
 *
 * And what of the features a build obeys. A queue that was asked for one that was
 * left out refuses to start.
 *
 * VQ_WITH_IN_ORDER, VQ_WITH_INDIRECT, VQ_WITH_ON_EMPTY (NOTIFY_ON_EMPTY of legacy drivers)
 */
#ifndef VQ_RING_VARIANT_H
#define VQ_RING_VARIANT_H

#include <vq/feature.h>

#include "packed.h"
#include "split.h"

#ifndef VQ_WITH_SPLIT
#define VQ_WITH_SPLIT 1
#endif
#ifndef VQ_WITH_BIG
#define VQ_WITH_BIG 1
#endif
#ifndef VQ_WITH_PACKED
#define VQ_WITH_PACKED 1
#endif

#ifndef VQ_WITH_IN_ORDER
#define VQ_WITH_IN_ORDER 1
#endif
#ifndef VQ_WITH_INDIRECT
#define VQ_WITH_INDIRECT 1
#endif
#ifndef VQ_WITH_ON_EMPTY
#define VQ_WITH_ON_EMPTY 1
#endif

enum vq_variant {
    VQ_VARIANT_SPLIT,
    VQ_VARIANT_SPLIT_BIG,
    VQ_VARIANT_PACKED,
    VQ_VARIANT_NONE,
};

/*@ assigns \nothing;
  @ ensures packed && !big_endian ==> \result == VQ_VARIANT_PACKED;
  @ ensures packed && big_endian ==> \result == VQ_VARIANT_NONE;
  @ ensures !packed && big_endian ==> \result == VQ_VARIANT_SPLIT_BIG;
  @ ensures !packed && !big_endian ==> \result == VQ_VARIANT_SPLIT; */
static inline enum vq_variant vq_variant_of(bool packed, bool big_endian)
{
    if (packed) /* packed rings are little-endian by definition */
        return VQ_WITH_PACKED && !big_endian ? VQ_VARIANT_PACKED : VQ_VARIANT_NONE;
    if (big_endian)
        return VQ_WITH_BIG ? VQ_VARIANT_SPLIT_BIG : VQ_VARIANT_NONE;
    return VQ_WITH_SPLIT ? VQ_VARIANT_SPLIT : VQ_VARIANT_NONE;
}

/* The bit means this to legacy devices only, which have no packed rings. */
/*@ requires \valid_read(features);
  @ assigns \nothing; */
static inline bool vq_wants_on_empty(const struct vq_features *features)
{
    return vq_feature(features, VQ_F_NOTIFY_ON_EMPTY) && !vq_feature(features, VQ_F_VERSION_1) &&
           !vq_feature(features, VQ_F_RING_PACKED);
}

/* Does this build obey all of these? */
/*@ requires \valid_read(features);
  @ assigns \nothing; */
static inline bool vq_variant_obeys(const struct vq_features *features)
{
    return (VQ_WITH_IN_ORDER || !vq_feature(features, VQ_F_IN_ORDER)) &&
           (VQ_WITH_INDIRECT || !vq_feature(features, VQ_F_INDIRECT_DESC)) &&
           (VQ_WITH_ON_EMPTY || !vq_wants_on_empty(features));
}

/*@ assigns \nothing;
  @ ensures \result ==> 1 <= size <= 32768; */
static inline bool vq_variant_size_valid(enum vq_variant variant, uint32_t size)
{
    return variant == VQ_VARIANT_PACKED ? vq_packed_size_valid(size) : vq_split_size_valid(size);
}

#define VQ_VARIANTS (VQ_WITH_SPLIT + VQ_WITH_BIG + VQ_WITH_PACKED)

/* Constants where a build left the feature out. */
#define VQ_HAS_ORDER(q)    (VQ_WITH_IN_ORDER && (q)->order)
#define VQ_IS_IN_ORDER(q)  (VQ_WITH_IN_ORDER && (q)->in_order)
#define VQ_BATCH_OPEN(q)   (VQ_WITH_IN_ORDER && (q)->batch_open)
#define VQ_MAY_INDIRECT(q) (VQ_WITH_INDIRECT && (q)->indirect)
#define VQ_ON_EMPTY(q)     (VQ_WITH_ON_EMPTY && (q)->on_empty)

#define VQ_IS(q, with, others, name) ((with) && (!(others) || (q)->variant == (name)))
#define VQ_IS_PACKED(q)              VQ_IS(q, VQ_WITH_PACKED, VQ_WITH_SPLIT || VQ_WITH_BIG, VQ_VARIANT_PACKED)

/* Calls vq_split_NAME(q, ..., big) or vq_packed_NAME(q, ...). */
#define VQ_BY_VARIANT(q, name, ...)                                                                \
    (VQ_IS_PACKED(q) ? vq_packed_##name((q), ##__VA_ARGS__)                                        \
     : VQ_IS(q, VQ_WITH_BIG, VQ_WITH_SPLIT, VQ_VARIANT_SPLIT_BIG)                                  \
         ? vq_split_##name((q), ##__VA_ARGS__, true)                                               \
         : vq_split_##name((q), ##__VA_ARGS__, false))

#endif
