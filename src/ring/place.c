/*
 * The placer: from free fragments and a transport's limits to an address for each part.
 *
 * What is to be placed are *pieces*: the three parts, or one block of them. For each
 * set of pieces one pass over the fragments keeps the three smallest that hold the
 * whole set; since there are at most three sets to place in different fragments, three
 * candidates each are enough for an exact answer.
 *
 * The fragments are the caller's and are only read. They may be odd (empty, wrapping,
 * overlapping): no arithmetic here may overflow, and no place may be given that lies
 * outside of them or in which parts overlap. 64-bit shifts by a variable and divisions
 * are avoided, since they are calls into the compiler's library on small machines.
 */
#include "place.h"

#define ALIGN_MAX  (UINT32_C(1) << 30)
#define CANDIDATES 3
#define SETS       (1u << VQ_PARTS)

static bool power_of_two(uint32_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

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

/* All orders of up to three pieces. The descriptor area first and the driver area last is
 * gapless in a fragment that is aligned; in one that is not, another may be the one that fits. */
static const uint8_t orders[][VQ_PARTS] = {
    {VQ_DESCRIPTOR_AREA, VQ_DEVICE_AREA, VQ_DRIVER_AREA},
    {VQ_DESCRIPTOR_AREA, VQ_DRIVER_AREA, VQ_DEVICE_AREA},
    {VQ_DEVICE_AREA, VQ_DESCRIPTOR_AREA, VQ_DRIVER_AREA},
    {VQ_DRIVER_AREA, VQ_DESCRIPTOR_AREA, VQ_DEVICE_AREA},
    {VQ_DEVICE_AREA, VQ_DRIVER_AREA, VQ_DESCRIPTOR_AREA},
    {VQ_DRIVER_AREA, VQ_DEVICE_AREA, VQ_DESCRIPTOR_AREA},
};

/* Packs a set of pieces into one fragment; addresses of other pieces are left alone. */
static bool pack(const struct place_problem *p, const struct vq_fragment *f, unsigned set,
                 uint64_t address[VQ_PARTS])
{
    uint64_t first, last, bytes = 0;
    if (!place_clip(f, &p->window, &first, &last))
        return false;
    for (unsigned i = 0; i < VQ_PARTS; i++)
        bytes += (set >> i & 1u) != 0 ? p->piece[i].bytes : 0;
    if (bytes - 1 > last - first)
        return false;
    bool single = (set & (set - 1)) == 0;
    size_t tries = single ? 1 : sizeof(orders) / sizeof(orders[0]);
    for (size_t o = 0; o < tries; o++) {
        uint64_t from = first;
        bool room = true;
        unsigned left = set;
        for (unsigned k = 0; k < VQ_PARTS; k++) {
            unsigned i = orders[o][k];
            uint64_t start;
            if ((set >> i & 1u) == 0)
                continue;
            if (!room || !place_first_start(from, p->piece[i].align, &p->window, &start) ||
                start > last || last - start < p->piece[i].bytes - 1)
                break;
            address[i] = start;
            left &= ~(1u << i);
            /* Nothing follows what ends with the address space. */
            room = start <= UINT64_MAX - p->piece[i].bytes;
            from = start + p->piece[i].bytes;
        }
        if (left == 0)
            return true;
    }
    return false;
}

struct candidate {
    uint64_t bytes;
    size_t index;
};

struct candidates {
    struct candidate best[CANDIDATES]; /* smallest first */
    unsigned count;
};

static void keep(struct candidates *c, uint64_t bytes, size_t index)
{
    unsigned at = c->count;
    while (at > 0 && c->best[at - 1].bytes > bytes)
        at--;
    if (at == CANDIDATES)
        return;
    if (c->count < CANDIDATES)
        c->count++;
    for (unsigned i = c->count - 1; i > at; i--)
        c->best[i] = c->best[i - 1];
    c->best[at] = (struct candidate){bytes, index};
}

/* The ways to share out three pieces to fragments, as up to three sets each. */
static const uint8_t partitions[][VQ_PARTS] = {
    {7, 0, 0}, {3, 4, 0}, {5, 2, 0}, {6, 1, 0}, {1, 2, 4},
};

struct choice {
    uint64_t bytes;
    size_t index[VQ_PARTS];
    uint8_t set[VQ_PARTS];
    bool found;
};

/* Tries every choice of one candidate for each set; keeps the one that touches least. */
static void choose(const struct candidates *const c[VQ_PARTS], const uint8_t set[VQ_PARTS],
                   struct choice *best)
{
    unsigned n[VQ_PARTS];
    for (unsigned k = 0; k < VQ_PARTS; k++) {
        n[k] = set[k] == 0 ? 1 : c[k]->count;
    }
    for (unsigned i = 0; i < n[0]; i++)
        for (unsigned j = 0; j < n[1]; j++)
            for (unsigned k = 0; k < n[2]; k++) {
                const unsigned pick[VQ_PARTS] = {i, j, k};
                struct choice trial = {0, {0, 0, 0}, {set[0], set[1], set[2]}, true};
                for (unsigned s = 0; s < VQ_PARTS; s++) {
                    if (set[s] == 0)
                        continue;
                    const struct candidate *candidate = &c[s]->best[pick[s]];
                    for (unsigned t = 0; t < s; t++)
                        if (set[t] != 0 && trial.index[t] == candidate->index)
                            trial.found = false;
                    trial.index[s] = candidate->index;
                    trial.bytes = place_add(trial.bytes, candidate->bytes);
                }
                if (trial.found && (!best->found || trial.bytes < best->bytes))
                    *best = trial;
            }
}

/* Places a set of pieces; exact. */
bool vq_place_solve(const struct place_problem *p, unsigned set, uint64_t address[VQ_PARTS])
{
    struct candidates candidates[SETS] = {{{{0, 0}}, 0}};
    uint64_t scratch[VQ_PARTS];
    for (size_t i = 0; i < p->count; i++)
        for (unsigned s = 1; s < SETS; s++)
            if ((s & ~set) == 0 && pack(p, &p->fragments[i], s, scratch))
                keep(&candidates[s], p->fragments[i].bytes, i);

    struct choice best = {0, {0, 0, 0}, {0, 0, 0}, false};
    for (size_t i = 0; i < sizeof(partitions) / sizeof(partitions[0]); i++) {
        const struct candidates *c[VQ_PARTS];
        uint8_t sets[VQ_PARTS];
        for (unsigned k = 0; k < VQ_PARTS; k++) {
            sets[k] = (uint8_t)(partitions[i][k] & set);
            c[k] = &candidates[sets[k]];
        }
        choose(c, sets, &best);
    }
    if (!best.found)
        return false;
    for (unsigned k = 0; k < VQ_PARTS; k++)
        if (best.set[k] != 0)
            pack(p, &p->fragments[best.index[k]], best.set[k], address);
    return true;
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

static enum vq_error check(const struct vq_constraints *c)
{
    bool legacy = c->format == VQ_FORMAT_LEGACY;
    struct vq_layout layout;
    enum vq_error error = vq_layout_init(&layout, c->format, 1, c->align);
    if (error != VQ_OK)
        return error;
    if (!legacy && c->align != 0 && (!power_of_two(c->align) || c->align > ALIGN_MAX))
        return VQ_ERR_ALIGN;
    if (c->address_bits > 64 || c->pfn_bits > 32 || c->page_shift > 30)
        return VQ_ERR_INVALID;
    if ((c->pfn_bits != 0 && !legacy) || (c->size_fixed && c->size_max == 0))
        return VQ_ERR_INVALID;
    return VQ_OK;
}

/* One size: VQ_OK, VQ_ERR_NO_MEMORY, or VQ_ERR_INVALID for fragments that overlap. */
static enum vq_error try_size(struct place_problem *p, const struct vq_constraints *c,
                              uint32_t size, struct vq_place *out)
{
    uint64_t address[VQ_PARTS] = {0, 0, 0};
    enum vq_error error = vq_place_state(p, c, size);
    if (error != VQ_OK)
        return error;
    if (!vq_place_solve(p, place_all_pieces(p), address))
        return VQ_ERR_NO_MEMORY;
    if (overlap(p, address))
        return VQ_ERR_INVALID;
    out->layout = p->layout;
    for (unsigned i = 0; i < VQ_PARTS; i++)
        out->address[i] = p->pieces == 1 ? address[0] + p->layout.part[i].offset : address[i];
    return VQ_OK;
}

enum vq_error vq_place_find(const struct vq_constraints *constraints, uint32_t wanted,
                            const struct vq_fragment *fragments, size_t count, struct vq_place *out,
                            struct vq_refusal *why)
{
    struct vq_refusal unused;
    struct sizes sizes;
    struct place_problem p = {.fragments = fragments, .count = count};
    if (why == NULL)
        why = &unused;
    *why =
        (struct vq_refusal){VQ_LIMIT_CONSTRAINTS, constraints->format, VQ_PARTS, 0, 0, 0, 0, 0, 0};
    enum vq_error error = check(constraints);
    if (error != VQ_OK)
        return error;
    error = sizes_allowed(constraints, wanted, &sizes);
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
        error = try_size(&p, constraints, size, out);
        if (error == VQ_OK) {
            fits = size;
            found = true;
        } else if (error == VQ_ERR_NO_MEMORY) {
            fails = size;
        } else {
            why->limit = VQ_LIMIT_OVERLAP;
            return error;
        }
        size = constraints->format == VQ_FORMAT_PACKED ? fits + ((fails - fits) >> 1) : fails >> 1;
    } while (fits + 1 < fails && size >= sizes.smallest && size != fits &&
             !(found && constraints->format != VQ_FORMAT_PACKED));
    if (!found) {
        vq_place_explain(&p, constraints, why);
        return VQ_ERR_NO_MEMORY;
    }
    why->limit = VQ_LIMIT_NONE;
    return VQ_OK;
}
