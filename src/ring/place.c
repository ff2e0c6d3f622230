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

#define CANDIDATES 3
#define SETS       (1u << VQ_PARTS)

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
static void place_choose(const struct candidates *const c[VQ_PARTS], const uint8_t set[VQ_PARTS],
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
        place_choose(c, sets, &best);
    }
    if (!best.found)
        return false;
    for (unsigned k = 0; k < VQ_PARTS; k++)
        if (best.set[k] != 0)
            pack(p, &p->fragments[best.index[k]], best.set[k], address);
    return true;
}

static bool solve_all(const struct place_problem *p, uint64_t address[VQ_PARTS])
{
    return vq_place_solve(p, place_all_pieces(p), address);
}

enum vq_error vq_place_find(const struct vq_constraints *constraints, uint32_t wanted,
                            const struct vq_fragment *fragments, size_t count, struct vq_place *out,
                            struct vq_refusal *why)
{
    struct vq_refusal unused;
    struct place_problem p = {.fragments = fragments, .count = count};
    if (why == NULL)
        why = &unused;
    enum vq_error error = vq_place_sizes(&p, constraints, wanted, solve_all, out, why);
    if (error == VQ_ERR_NO_MEMORY)
        vq_place_explain(&p, constraints, why);
    return error;
}
