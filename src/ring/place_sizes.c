/*
 * What a place must keep to, whoever looks for it: the constraints as pieces within a
 * window, and the sizes that may be tried. place.c searches, place_first.c takes what
 * comes first; both are a solver that is called here for one size after another.
 *
 * No arithmetic here may overflow, and no place may be given in which parts overlap,
 * whatever constraints and fragments are. 64-bit shifts by a variable are avoided, since
 * they are calls into the compiler's library on small machines.
 */
#include "place.h"

#define ALIGN_MAX (UINT32_C(1) << 30)

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* 2^bits - 1, for 0 to 64 bits. */
static uint64_t low_bits(uint32_t bits)
{
    uint32_t low = bits >= 32 ? UINT32_MAX : (UINT32_C(1) << bits) - 1;
    uint32_t high = bits >= 64 ? UINT32_MAX : bits <= 32 ? 0 : (UINT32_C(1) << (bits - 32)) - 1;
    return (uint64_t)high << 32 | low;
}

static bool overlap(const struct place_problem *p, const uint64_t address[VQ_PARTS])
{
    for (unsigned i = 0; i < p->pieces; i++)
        for (unsigned k = 0; k < i; k++) {
            unsigned low = address[i] < address[k] ? i : k;
            uint64_t gap = address[i + k - low] - address[low];
            if (gap < p->piece[low].bytes)
                return true;
        }
    return false;
}

/* What is to be placed where, for one queue size. The constraints have been checked. */
enum vq_error vq_place_state(struct place_problem *p, const struct vq_constraints *c, uint32_t size)
{
    struct vq_layout *layout = &p->layout;
    enum vq_error error = vq_layout_init(layout, c->format, size, c->align);
    if (error != VQ_OK)
        return error;
    if (c->format != VQ_FORMAT_LEGACY && c->align > 1) {
        struct vq_part_layout *part = layout->part;
        for (unsigned i = 0; i < VQ_PARTS; i++)
            part[i].align = larger(part[i].align, c->align);
        part[VQ_DEVICE_AREA].offset =
            VQ_ALIGN_UP(part[VQ_DESCRIPTOR_AREA].bytes, part[VQ_DEVICE_AREA].align);
        part[VQ_DRIVER_AREA].offset = VQ_ALIGN_UP(
            part[VQ_DEVICE_AREA].offset + part[VQ_DEVICE_AREA].bytes, part[VQ_DRIVER_AREA].align);
        layout->total = part[VQ_DRIVER_AREA].offset + part[VQ_DRIVER_AREA].bytes;
        layout->align = part[VQ_DESCRIPTOR_AREA].align;
    }

    p->window = PLACE_EVERYWHERE;
    if (c->address_bits != 0)
        p->window.last_byte = low_bits(c->address_bits);
    if (c->format != VQ_FORMAT_LEGACY && !c->contiguous) {
        p->pieces = VQ_PARTS;
        for (unsigned i = 0; i < VQ_PARTS; i++)
            p->piece[i] = (struct place_piece){layout->part[i].bytes, layout->part[i].align};
        return VQ_OK;
    }
    p->pieces = 1;
    p->piece[0].bytes = layout->total;
    p->piece[0].align = larger(layout->align, layout->part[VQ_DESCRIPTOR_AREA].align);
    p->piece[1] = p->piece[2] = (struct place_piece){1, 1};
    if (c->pfn_bits != 0) {
        /* Page 0 means that there is no queue (MMIOLEG-DRV-05). */
        uint32_t page = UINT32_C(1) << c->page_shift;
        p->piece[0].align = larger(p->piece[0].align, page);
        p->window.first_start = page;
        p->window.last_start = low_bits(c->pfn_bits + c->page_shift) & ~((uint64_t)page - 1);
    }
    return VQ_OK;
}

static uint32_t power_of_two_below(uint32_t n)
{
    while ((n & (n - 1)) != 0)
        n &= n - 1;
    return n;
}

struct sizes {
    uint32_t smallest;
    uint32_t largest; /* both allowed by format, device and caller */
};

static enum vq_error sizes_allowed(const struct vq_constraints *c, uint32_t wanted,
                                   struct sizes *sizes)
{
    uint32_t max = c->size_max != 0 ? c->size_max : VQ_SIZE_MAX;
    uint32_t min = c->size_min != 0 ? c->size_min : 1;
    if (c->size_fixed) {
        struct vq_layout layout;
        *sizes = (struct sizes){max, max};
        if (max < min || vq_layout_init(&layout, c->format, max, 0) != VQ_OK)
            return VQ_ERR_SIZE;
        return VQ_OK;
    }
    if (max > VQ_SIZE_MAX)
        max = VQ_SIZE_MAX;
    if (wanted != 0 && wanted < max)
        max = wanted;
    if (min > max) {
        *sizes = (struct sizes){min, max};
        return VQ_ERR_SIZE;
    }
    if (c->format != VQ_FORMAT_PACKED) {
        max = power_of_two_below(max);
        uint32_t up = power_of_two_below(min);
        min = up == min ? up : up << 1;
    }
    *sizes = (struct sizes){min, max};
    return min <= max ? VQ_OK : VQ_ERR_SIZE;
}

static enum vq_error place_check(const struct vq_constraints *c)
{
    bool legacy = c->format == VQ_FORMAT_LEGACY;
    struct vq_layout layout;
    enum vq_error error = vq_layout_init(&layout, c->format, 1, c->align);
    if (error != VQ_OK)
        return error;
    if (!legacy && c->align != 0 && (!place_power_of_two(c->align) || c->align > ALIGN_MAX))
        return VQ_ERR_ALIGN;
    if (c->address_bits > 64 || c->pfn_bits > 32 || c->page_shift > 30)
        return VQ_ERR_INVALID;
    if ((c->pfn_bits != 0 && !legacy) || (c->size_fixed && c->size_max == 0))
        return VQ_ERR_INVALID;
    return VQ_OK;
}

/* One size: VQ_OK, VQ_ERR_NO_MEMORY, or VQ_ERR_INVALID for fragments that overlap. */
static enum vq_error try_size(struct place_problem *p, const struct vq_constraints *c,
                              uint32_t size, vq_place_solver *solver, struct vq_place *out)
{
    uint64_t address[VQ_PARTS] = {0, 0, 0};
    enum vq_error error = vq_place_state(p, c, size);
    if (error != VQ_OK)
        return error;
    if (!solver(p, address))
        return VQ_ERR_NO_MEMORY;
    if (overlap(p, address))
        return VQ_ERR_INVALID;
    out->layout = p->layout;
    for (unsigned i = 0; i < VQ_PARTS; i++)
        out->address[i] = p->pieces == 1 ? address[0] + p->layout.part[i].offset : address[i];
    return VQ_OK;
}

enum vq_error vq_place_sizes(struct place_problem *p, const struct vq_constraints *c,
                             uint32_t wanted, vq_place_solver *solver, struct vq_place *out,
                             struct vq_refusal *why)
{
    struct sizes sizes;
    *why = (struct vq_refusal){VQ_LIMIT_CONSTRAINTS, c->format, VQ_PARTS, 0, 0, 0, 0, 0, 0};
    enum vq_error error = place_check(c);
    if (error != VQ_OK)
        return error;
    error = sizes_allowed(c, wanted, &sizes);
    if (error != VQ_OK) {
        why->limit = VQ_LIMIT_SIZE;
        why->size = sizes.smallest;
        return error;
    }

    /* What fits for one size fits for every smaller one: bisect, or halve where only powers
     * of two will do. `out` holds the place of `fits`, the last success. */
    uint32_t size = sizes.largest, fails = sizes.largest + 1, fits = sizes.smallest - 1;
    bool found = false;
    do {
        error = try_size(p, c, size, solver, out);
        if (error == VQ_OK) {
            fits = size;
            found = true;
        } else if (error == VQ_ERR_NO_MEMORY) {
            fails = size;
        } else {
            why->limit = VQ_LIMIT_OVERLAP;
            return error;
        }
        size = c->format == VQ_FORMAT_PACKED ? fits + ((fails - fits) >> 1) : fails >> 1;
    } while (fits + 1 < fails && size >= sizes.smallest && size != fits &&
             !(found && c->format != VQ_FORMAT_PACKED));
    if (!found)
        return VQ_ERR_NO_MEMORY;
    why->limit = VQ_LIMIT_NONE;
    return VQ_OK;
}
