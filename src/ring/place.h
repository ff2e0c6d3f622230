/*
 * What the placer's files share: the problem, as place_sizes.c states it, place.c and
 * place_first.c solve it and place_why.c explains that it has no solution. Nothing here may
 * overflow, whatever the fragments and limits are.
 */
#ifndef VQ_RING_PLACE_H
#define VQ_RING_PLACE_H

#include <vq/layout.h>

/* Where addresses may lie: a piece starts in [first_start, last_start], and no byte of it
 * is beyond last_byte. */
struct place_window {
    uint64_t first_start;
    uint64_t last_start;
    uint64_t last_byte;
};

struct place_piece {
    uint32_t bytes;
    uint32_t align;
};

struct place_problem {
    const struct vq_fragment *fragments;
    size_t count;
    struct place_window window;
    unsigned pieces; /* VQ_PARTS of them, or 1: the block */
    struct place_piece piece[VQ_PARTS];
    struct vq_layout layout;
};

#define PLACE_EVERYWHERE ((struct place_window){0, UINT64_MAX, UINT64_MAX})

static inline bool place_power_of_two(uint32_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static inline uint64_t place_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* The first and last byte of a fragment that the window leaves; false for none. */
static inline bool place_clip(const struct vq_fragment *f, const struct place_window *w,
                              uint64_t *first, uint64_t *last)
{
    if (f->bytes == 0)
        return false;
    *first = f->address;
    *last = place_add(f->address, f->bytes - 1);
    if (*last > w->last_byte)
        *last = w->last_byte;
    return *first <= *last;
}

/* The first start of a piece from `from` on; false if there is none. */
static inline bool place_first_start(uint64_t from, uint32_t align, const struct place_window *w,
                                     uint64_t *start)
{
    uint64_t mask = (uint64_t)align - 1;
    if (from < w->first_start)
        from = w->first_start;
    if (from > UINT64_MAX - mask)
        return false;
    *start = (from + mask) & ~mask;
    return *start <= w->last_start;
}

/* Bytes from the first aligned address in [first, last] to its end. */
static inline uint64_t place_hole(uint64_t first, uint64_t last, uint32_t align,
                                  const struct place_window *w)
{
    uint64_t start;
    if (!place_first_start(first, align, w, &start) || start > last)
        return 0;
    return place_add(last - start, 1);
}

static inline unsigned place_all_pieces(const struct place_problem *p)
{
    return (1u << p->pieces) - 1;
}

/* Places a set of pieces (bit i: piece i), exactly; addresses of the others are left alone. */
bool vq_place_solve(const struct place_problem *p, unsigned set, uint64_t address[VQ_PARTS]);

/* Finds an address for each piece (piece 0: the block, if that is all); false if it cannot. */
typedef bool vq_place_solver(const struct place_problem *p, uint64_t address[VQ_PARTS]);

/* Tries the sizes that the constraints allow. On VQ_ERR_NO_MEMORY the problem is that of the
 * smallest one, and *why waits for an explanation. */
enum vq_error vq_place_sizes(struct place_problem *p, const struct vq_constraints *c,
                             uint32_t wanted, vq_place_solver *solver, struct vq_place *out,
                             struct vq_refusal *why);

/* Fills in what is to be placed, and within which limits, for one queue size; not the
 * fragments. The constraints have been checked. */
enum vq_error vq_place_state(struct place_problem *p, const struct vq_constraints *c,
                             uint32_t size);

/* Says why a problem has no solution. */
void vq_place_explain(const struct place_problem *p, const struct vq_constraints *c,
                      struct vq_refusal *why);

#endif
