/*
 * Why nothing could be placed: which piece, how many bytes at which alignment, the
 * largest hole that was usable and the limit that was in the way. "Out of memory" would
 * tell nobody that it is the block, or the width of an address, that does not fit.
 *
 * Runs only after vq_place_solve has failed, and trusts what place.c has checked.
 */
#include "place.h"

static uint64_t largest_hole(const struct place_problem *p, uint32_t align,
                             const struct place_window *w)
{
    uint64_t largest = 0;
    for (size_t i = 0; i < p->count; i++) {
        uint64_t first, last;
        if (!place_clip(&p->fragments[i], w, &first, &last))
            continue;
        uint64_t bytes = place_hole(first, last, align, w);
        if (bytes > largest)
            largest = bytes;
    }
    return largest;
}

/* Why a piece fits nowhere; VQ_LIMIT_NONE if it does. */
static enum vq_limit alone(const struct place_problem *p, const struct place_piece *piece,
                           uint64_t *largest)
{
    const struct place_window everywhere = PLACE_EVERYWHERE;
    struct place_window no_pfn = everywhere;
    no_pfn.last_byte = p->window.last_byte;
    *largest = largest_hole(p, piece->align, &p->window);
    if (*largest >= piece->bytes)
        return VQ_LIMIT_NONE;
    if (largest_hole(p, piece->align, &no_pfn) >= piece->bytes)
        return VQ_LIMIT_PFN;
    if (largest_hole(p, piece->align, &everywhere) >= piece->bytes)
        return VQ_LIMIT_ADDRESS;
    if (largest_hole(p, 1, &no_pfn) >= piece->bytes)
        return VQ_LIMIT_ALIGN;
    if (largest_hole(p, 1, &everywhere) >= piece->bytes)
        return VQ_LIMIT_ADDRESS;
    return VQ_LIMIT_BYTES;
}

/* The largest hole at `align` in a fragment from `from` on, ending before the next piece. */
static uint64_t hole_from(const struct place_problem *p, unsigned set,
                          const uint64_t address[VQ_PARTS], uint64_t from, uint64_t last,
                          uint32_t align)
{
    for (unsigned k = 0; k < VQ_PARTS; k++)
        if ((set >> k & 1u) != 0 && address[k] >= from && address[k] <= last) {
            if (address[k] == from)
                return 0;
            last = address[k] - 1;
        }
    return place_hole(from, last, align, &p->window);
}

/* The largest hole at `align` anywhere when the pieces of `set` lie where `address` says. */
static uint64_t hole_beside(const struct place_problem *p, unsigned set,
                            const uint64_t address[VQ_PARTS], uint32_t align)
{
    uint64_t largest = 0;
    for (size_t i = 0; i < p->count; i++) {
        uint64_t first, last;
        if (!place_clip(&p->fragments[i], &p->window, &first, &last))
            continue;
        uint64_t bytes = hole_from(p, set, address, first, last, align);
        largest = bytes > largest ? bytes : largest;
        for (unsigned k = 0; k < VQ_PARTS; k++) {
            uint64_t end = address[k] + (p->piece[k].bytes - 1);
            if ((set >> k & 1u) == 0 || address[k] < first || end >= last)
                continue;
            bytes = hole_from(p, set, address, end + 1, last, align);
            largest = bytes > largest ? bytes : largest;
        }
    }
    return largest;
}

static void blame(struct vq_refusal *why, const struct place_piece *piece, enum vq_part part,
                  enum vq_limit limit, uint64_t largest)
{
    why->limit = limit;
    why->part = part;
    why->bytes = piece->bytes;
    why->align = piece->align;
    why->largest = largest;
}

/* All fit alone: the piece that is left over once the others are placed, biggest sets first. */
static void explain_together(const struct place_problem *p, struct vq_refusal *why)
{
    static const struct {
        uint8_t set, left;
    } tries[] = {
        {1u << VQ_DESCRIPTOR_AREA | 1u << VQ_DEVICE_AREA, VQ_DRIVER_AREA},
        {1u << VQ_DESCRIPTOR_AREA | 1u << VQ_DRIVER_AREA, VQ_DEVICE_AREA},
        {1u << VQ_DEVICE_AREA | 1u << VQ_DRIVER_AREA, VQ_DESCRIPTOR_AREA},
        {1u << VQ_DESCRIPTOR_AREA, VQ_DEVICE_AREA},
    };
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        uint64_t address[VQ_PARTS] = {0, 0, 0};
        if (!vq_place_solve(p, tries[i].set, address))
            continue;
        const struct place_piece *left = &p->piece[tries[i].left];
        blame(why, left, (enum vq_part)tries[i].left, VQ_LIMIT_TOGETHER,
              hole_beside(p, tries[i].set, address, left->align));
        return;
    }
}

void vq_place_explain(const struct place_problem *p, const struct vq_constraints *c,
                      struct vq_refusal *why)
{
    static const uint8_t by_size[VQ_PARTS] = {VQ_DESCRIPTOR_AREA, VQ_DEVICE_AREA, VQ_DRIVER_AREA};
    why->size = p->layout.size;
    why->free = 0;
    for (size_t i = 0; i < p->count; i++)
        why->free = place_add(why->free, p->fragments[i].bytes);

    uint64_t largest;
    for (unsigned k = 0; k < p->pieces && k < VQ_PARTS; k++) {
        unsigned i = by_size[k];
        enum vq_limit limit = alone(p, &p->piece[i], &largest);
        if (limit == VQ_LIMIT_NONE)
            continue;
        blame(why, &p->piece[i], p->pieces == 1 ? VQ_PARTS : (enum vq_part)i, limit, largest);
        why->bits = limit == VQ_LIMIT_PFN       ? c->pfn_bits + c->page_shift
                    : limit == VQ_LIMIT_ADDRESS ? c->address_bits
                                                : 0;
        if (p->pieces == 1 && limit == VQ_LIMIT_BYTES) {
            struct place_problem apart = {.fragments = p->fragments, .count = p->count};
            struct vq_constraints split = *c;
            uint64_t address[VQ_PARTS];
            split.contiguous = false;
            split.pfn_bits = 0;
            if (c->format == VQ_FORMAT_LEGACY) {
                split.format = VQ_FORMAT_SPLIT;
                split.align = 0;
            }
            if (vq_place_state(&apart, &split, p->layout.size) == VQ_OK) {
                if (vq_place_solve(&apart, place_all_pieces(&apart), address))
                    why->limit = VQ_LIMIT_CONTIGUOUS;
            }
        }
        return;
    }
    explain_together(p, why);
}
