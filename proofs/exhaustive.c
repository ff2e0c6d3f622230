/*
 * Questions about 16 bits, answered by trying all of them: when the step of an index
 * goes over an event (split and packed), how packed positions move, and the facts on
 * bits that src/ring/acsl.h gives to the prover. Uses the shipped headers, each
 * function against a definition that counts, step by step. Prints one line a subject.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "packed.h"

static int failures;

static void report(const char *what, uint64_t tried, uint64_t wrong)
{
    printf("%s %s (%llu cases, %llu wrong)\n", wrong ? "not ok" : "ok", what,
           (unsigned long long)tried, (unsigned long long)wrong);
    failures += wrong != 0;
}

/*
 * Only differences of the three enter, so that whatever holds for a step from 0 on
 * holds from everywhere: 2^32 cases stand for 2^48. A step goes over the indices
 * from `before` to the one in front of `now`.
 */
static void event_passed(void)
{
    uint64_t wrong = 0;

    for (uint32_t event = 0; event < 0x10000; event++) {
        bool over = false;
        uint64_t here = 0;
        for (uint32_t now = 0; now < 0x10000; now++) {
            here += vq_event_passed((uint16_t)event, (uint16_t)now, 0) != over;
            over |= now == event;
        }
        wrong += here;
    }
    report("vq_event_passed [SPLIT-DEV-USEDSUPP-05]", UINT64_C(1) << 32, wrong);
}

/* The same from other places, so that the argument itself is tried. */
static void event_moved(void)
{
    uint64_t wrong = 0, tried = 0;

    for (uint32_t k = 0; k < 0x10000; k += 251)
        for (uint32_t event = 0; event < 0x10000; event += 61)
            for (uint32_t now = 0; now < 0x10000; now += 17, tried++)
                wrong += vq_event_passed((uint16_t)(event + k), (uint16_t)(now + k), (uint16_t)k) !=
                         vq_event_passed((uint16_t)event, (uint16_t)now, 0);
    report("vq_event_passed is the same everywhere", tried, wrong);
}

static uint16_t next_position(uint16_t at, uint16_t size)
{
    return (uint16_t)((at & 0x7fff) + 1 < size ? at + 1 : (at ^ 0x8000) & 0x8000);
}

static bool ask(uint16_t at, uint16_t flags, bool event_idx, uint16_t before, uint16_t now,
                uint16_t size)
{
    _Alignas(4)
        uint8_t area[4] = {(uint8_t)at, (uint8_t)(at >> 8), (uint8_t)flags, (uint8_t)(flags >> 8)};
    return vq_packed_wanted(area, event_idx, before, now, size);
}

/* All steps of at most a round, from all positions, over all events. */
static uint64_t packed_size(uint16_t size, uint64_t *tried)
{
    uint64_t wrong = 0;
    uint16_t before = 0;

    for (uint32_t b = 0; b < 2u * size; b++, before = next_position(before, size)) {
        uint16_t event = 0;
        for (uint32_t e = 0; e < 2u * size; e++, event = next_position(event, size)) {
            uint16_t now = before;
            bool over = false;
            for (uint32_t step = 0; step <= size; step++, now = next_position(now, size)) {
                if (step) /* a step of nothing is never asked about */
                    wrong += ask(event, VQ_EVENT_DESCRIPTOR, true, before, now, size) != over;
                over |= now == event;
                (*tried)++;
            }
        }
    }
    return wrong;
}

static void packed_event(void)
{
    static const uint16_t sizes[] = {63, 64, 65, 127, 128, 129};
    uint64_t wrong = 0, tried = 0;

    for (uint16_t size = 1; size <= 40; size++)
        wrong += packed_size(size, &tried);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        wrong += packed_size(sizes[i], &tried);
    report("vq_packed_wanted over all positions [PACKED-DEV-USEDSUPP-01]", tried, wrong);
}

/* Long rings: all steps, from around the corners, events around both ends of the step. */
static void packed_event_long(void)
{
    static const uint16_t sizes[] = {255, 256, 1000, 4096, 32767, 32768};
    uint64_t wrong = 0, tried = 0;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const uint32_t size = sizes[i], round = 2u * size;
        const uint32_t starts[] = {0, 1, size / 2, size - 1, size, size + 1, round - 1};
        for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++)
            for (uint32_t step = 1; step <= size; step++)
                for (uint32_t e = 0; e < 10; e++, tried++) {
                    /* Places on the circle of two rounds; the first round has wrap 0. */
                    const uint32_t b = starts[s], n = (b + step) % round;
                    const uint32_t event = ((e < 5 ? b : n) + round + e % 5 - 2) % round;
                    const bool over = (event + round - b) % round < step;
#define AT(x) ((uint16_t)((x) < size ? (x) : ((x)-size) | 0x8000u))
                    wrong += ask(AT(event), VQ_EVENT_DESCRIPTOR, true, AT(b), AT(n),
                                 (uint16_t)size) != over;
#undef AT
                }
    }
    report("vq_packed_wanted on long rings", tried, wrong);
}

/* All flags: reserved bits count for nothing, reserved modes and an unasked-for mode as a yes. */
static void packed_modes(void)
{
    uint64_t wrong = 0, tried = 0;

    for (uint32_t flags = 0; flags < 0x10000; flags++)
        for (int event_idx = 0; event_idx < 2; event_idx++, tried++) {
            const bool got = ask(5, (uint16_t)flags, event_idx, 1, 3, 8);
            const unsigned mode = flags & 3;
            wrong += got != (mode == 1 ? false : mode == 2 && event_idx ? false : true);
        }
    report("vq_packed_wanted in all modes", tried, wrong);
}

/* All flags against both wrap counters, of which the other bits of a position say nothing. */
static void packed_available(void)
{
    static const uint16_t slots[] = {0, 1, 0x0080, 0x7fff};
    uint64_t wrong = 0, tried = 0;

    for (uint32_t flags = 0; flags < 0x10000; flags++)
        for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++)
            for (int wrap = 0; wrap < 2; wrap++, tried++) {
                const uint16_t at = (uint16_t)(slots[i] | (wrap ? 0x8000 : 0));
                const bool avail = flags & 0x0080, used = flags & 0x8000;
                wrong += vq_packed_is_available((uint16_t)flags, at) !=
                             (avail == wrap && used != wrap) ||
                         vq_packed_is((uint16_t)flags, vq_packed_used_flags(at)) !=
                             (avail == wrap && used == wrap);
            }
    report("vq_packed_is_available and vq_packed_used_flags", tried, wrong);
}

static void positions(void)
{
    static const uint16_t sizes[] = {1, 2, 3, 5, 8, 255, 256, 257, 32767, 32768};
    uint64_t wrong = 0, tried = 0;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const uint16_t size = sizes[i];
        const uint32_t stride = size > 1000 ? 331 : 1;
        for (uint32_t slot = 0; slot < size; slot += stride)
            for (uint32_t wrap = 0; wrap < 0x10000; wrap += 0x8000) {
                const uint16_t from = (uint16_t)(slot | wrap);
                uint16_t to = from;
                for (uint32_t by = 0; by <= size; by++, to = next_position(to, size), tried++)
                    wrong += vq_packed_advance(from, (uint16_t)by, size) != to ||
                             vq_packed_distance(from, to, size) != by;
            }
    }
    report("vq_packed_advance and vq_packed_distance", tried, wrong);
}

/* The axioms Masks and shift_8 of src/ring/acsl.h. */
static void masks(void)
{
    uint64_t wrong = 0, tried = 0;

    for (uint32_t a = 0; a < 0x10000; a++) {
        wrong += (a & 0x7fff) != a % 32768;
        wrong += (a & 0x8000) != a / 32768 * 32768;
        wrong += a << 8 > 0xffff00;
        tried += 3;
        for (uint32_t size = 1; size <= 32768; size *= 2, tried++)
            wrong += (a & (size - 1)) >= size;
    }
    /* Of two positions only the top bits matter, of a number of 32 bits the two lowest. */
    for (uint32_t a = 0; a < 0x10000; a++)
        for (uint32_t b = 0; b < 0x10000; b++, tried++)
            wrong += ((a ^ b) & 0x8000) != ((a < 0x8000) == (b < 0x8000) ? 0u : 0x8000u);
    for (uint32_t b = 1; b <= 2; b++)
        for (uint32_t a = 0;; a++, tried++) {
            wrong += (a & b) != 0 && (a & b) != b;
            if (a == UINT32_MAX)
                break;
        }
    report("facts on bits that the proofs take for granted", tried, wrong);
}

int main(void)
{
    event_passed();
    event_moved();
    packed_event();
    packed_event_long();
    packed_modes();
    packed_available();
    positions();
    masks();
    return failures != 0;
}
