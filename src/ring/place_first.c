/*
 * A place for each part by first fit: the small way, for firmware that gives the parts
 * themselves, or a block, and has no use for a search.
 *
 * Trusts the fragments no more than place.c does: odd ones give no place, or none that
 * overlaps.
 */
#include "place.h"

/* The first start of a piece in a fragment, behind what lies there already. */
static bool start_in(const struct place_problem *p, const struct vq_fragment *f,
                     const uint8_t placed[], unsigned count, unsigned piece,
                     uint64_t address[VQ_PARTS])
{
    uint64_t first, last, start;
    if (!place_clip(f, &p->window, &first, &last))
        return false;
    for (unsigned k = 0; k < count; k++) {
        uint64_t end = address[placed[k]] + (p->piece[placed[k]].bytes - 1);
        if (address[placed[k]] < first || address[placed[k]] > last)
            continue;
        if (end >= last)
            return false;
        first = end + 1;
    }
    if (!place_first_start(first, p->piece[piece].align, &p->window, &start) || start > last ||
        last - start < p->piece[piece].bytes - 1)
        return false;
    address[piece] = start;
    return true;
}

/* The largest part first, so that what a smaller one can use is left to it. */
static bool first_fit(const struct place_problem *p, uint64_t address[VQ_PARTS])
{
    static const uint8_t order[VQ_PARTS] = {VQ_DESCRIPTOR_AREA, VQ_DEVICE_AREA, VQ_DRIVER_AREA};
    for (unsigned k = 0; k < VQ_PARTS && k < p->pieces; k++) {
        size_t i = 0;
        while (i < p->count && !start_in(p, &p->fragments[i], order, k, order[k], address))
            i++;
        if (i == p->count)
            return false;
    }
    return true;
}

enum vq_error vq_place_first(const struct vq_constraints *constraints, uint32_t wanted,
                             const struct vq_fragment *fragments, size_t count,
                             struct vq_place *out)
{
    struct vq_refusal why;
    struct place_problem p = {.fragments = fragments, .count = count};
    return vq_place_sizes(&p, constraints, wanted, first_fit, out, &why);
}
