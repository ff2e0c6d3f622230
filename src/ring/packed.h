/*
 * The packed ring in memory (virtio 1.4, section 2.8): offsets, flags, positions,
 * and the one place where a descriptor is read or written. Both ends use it.
 *
 * A position is one value: bits 0 to 14 the slot, bit 15 the wrap counter. The two
 * never move apart, so none can be stale.
 */
#ifndef VQ_RING_PACKED_H
#define VQ_RING_PACKED_H

#include <vq/packed.h>

#include "split.h"

enum {
    VQ_PACKED_AVAIL = 0x0080,
    VQ_PACKED_USED = 0x8000,
    VQ_PACKED_WRAP = 0x8000, /* in a position */
    VQ_PACKED_SLOT = 0x7fff,

    VQ_EVENT_ENABLE = 0,
    VQ_EVENT_DISABLE = 1,
    VQ_EVENT_DESCRIPTOR = 2,
};

/*@ assigns \nothing;
  @ ensures \result ==> 1 <= size <= 32768; */
VQ_ALWAYS_INLINE bool vq_packed_size_valid(uint32_t size)
{
    return size != 0 && size <= VQ_QUEUE_SIZE_MAX;
}

/* `by` is at most `size`. Sizes need not be powers of two: compare and subtract. */
/*@ requires 1 <= size <= 32768 && position_ok(at, size) && by <= size;
  @ assigns \nothing;
  @ ensures position_ok(\result, size) && \result == advanced(at, by, size); */
VQ_ALWAYS_INLINE uint16_t vq_packed_advance(uint16_t at, uint16_t by, uint16_t size)
{
    uint32_t next = (uint32_t)at + by;

    if ((uint32_t)(at & VQ_PACKED_SLOT) + by >= size)
        next += (uint32_t)VQ_PACKED_WRAP - size;
    return (uint16_t)next;
}

/*
 * What a buffer covers, which is mostly what the one before it covered. A branch says so, which
 * is predicted: the next position need not wait until the id, and what it stands for, are loaded.
 */
/*@ assigns \nothing;
  @ ensures \result == slots; */
VQ_ALWAYS_INLINE uint16_t vq_packed_as_before(uint16_t slots, uint16_t before)
{
#if defined(__OPTIMIZE_SIZE__) || defined(__FRAMAC__)
    (void)before;
    return slots;
#else
    if (__builtin_expect(slots != before, 0)) {
        before = slots;
        /* Or the compiler finds that both ways give `slots`. */
        __asm__ volatile("" : "+r"(before));
    }
    return before;
#endif
}

/* Slots from `from` to `to`, at most one round; a whole round is `size`, not 0. Of positions that
 * the ring does not have, some number. */
/*@ requires 1 <= size <= 32768;
  @ assigns \nothing;
  @ ensures position_ok(from, size) && position_ok(to, size) ==>
  @         wrap_of(from) == wrap_of(to) && from <= to ==> \result == to - from;
  @ ensures position_ok(from, size) && position_ok(to, size) ==>
  @         wrap_of(from) != wrap_of(to) && slot_of(to) <= slot_of(from) ==>
  @         \result == slot_of(to) + size - slot_of(from); */
VQ_ALWAYS_INLINE uint16_t vq_packed_distance(uint16_t from, uint16_t to, uint16_t size)
{
    uint32_t d = (uint32_t)to - from;

    if ((from ^ to) & VQ_PACKED_WRAP)
        d += (uint32_t)VQ_PACKED_WRAP + size;
    return (uint16_t)d;
}

/*@ assigns \nothing;
  @ ensures \result == (uint8_t *)ring + 16 * slot_of(at); */
VQ_ALWAYS_INLINE uint8_t *vq_packed_slot(void *ring, uint16_t at)
{
    return (uint8_t *)ring + (size_t)(at & VQ_PACKED_SLOT) * VQ_DESC_BYTES;
}

/* PACKED-DRV-WRAP-03 and PACKED-DEV-WRAP-03 */
/*@ assigns \nothing; */
VQ_ALWAYS_INLINE uint16_t vq_packed_available_flags(uint16_t at)
{
    return (at & VQ_PACKED_WRAP) ? VQ_PACKED_AVAIL : VQ_PACKED_USED;
}

/* Are these the flags of an available slot? Then, all in bit 15, USED differs from the wrap
 * counter and from AVAIL. */
/*@ assigns \nothing; */
VQ_ALWAYS_INLINE bool vq_packed_is_available(uint16_t flags, uint16_t at)
{
    return (int16_t)((flags ^ at) & (flags ^ (uint32_t)flags << 8)) < 0;
}

/*@ assigns \nothing; */
VQ_ALWAYS_INLINE uint16_t vq_packed_used_flags(uint16_t at)
{
    return (uint16_t)((at >> 15) * (unsigned)(VQ_PACKED_AVAIL | VQ_PACKED_USED));
}

/*@ assigns \nothing; */
VQ_ALWAYS_INLINE bool vq_packed_is(uint16_t flags, uint16_t wanted)
{
    return (flags & (VQ_PACKED_AVAIL | VQ_PACKED_USED)) == wanted;
}

/*
 * Length, id and flags, fetched once: what the flags promise (acquire) holds for
 * the rest. A machine without 64-bit loads takes the flags first.
 */
/*@ requires shared_read(slot, 16);
  @ assigns \nothing; */
VQ_ALWAYS_INLINE struct vq_packed_tail vq_packed_observe(const uint8_t *slot, bool platform)
{
    struct vq_packed_tail t;
#if UINTPTR_MAX > 0xffffffffu
    uint64_t rest = vq_observe64(slot + 8, false);
    t.bytes = (uint32_t)rest;
    t.id = (uint16_t)(rest >> 32);
    t.flags = (uint16_t)(rest >> 48);
    vq_platform_order(platform);
#else
    t.flags = vq_observe16(slot + 14, false);
    vq_platform_order(platform);
    t.bytes = vq_load32(slot + 8, false);
    t.id = vq_load16(slot + 12, false);
#endif
    return t;
}

/*@ assigns \nothing; */
VQ_ALWAYS_INLINE uint64_t vq_packed_rest(struct vq_packed_tail t)
{
    return t.bytes | (uint64_t)t.id << 32 | (uint64_t)t.flags << 48;
}

/* The first slot of a batch waits for vq_packed_publish and hides the others until then. */
/*@ requires shared(slot, 16) && (is_first ==> \valid(first));
  @ assigns slot[8 .. 15], *first; */
VQ_ALWAYS_INLINE void vq_packed_store(uint8_t *slot, struct vq_packed_tail t,
                                      struct vq_packed_tail *first, bool is_first)
{
#if UINTPTR_MAX > 0xffffffffu
    if (is_first)
        *first = t;
    else
        vq_store64(slot + 8, vq_packed_rest(t), false);
#else
    vq_store32(slot + 8, t.bytes, false);
    vq_store16(slot + 12, t.id, false);
    if (is_first)
        first->flags = t.flags;
    else
        vq_store16(slot + 14, t.flags, false);
#endif
}

/* Makes the first slot, and all that was stored before, visible at once. */
/*@ requires shared(slot, 16);
  @ assigns slot[8 .. 15]; */
VQ_ALWAYS_INLINE void vq_packed_publish(uint8_t *slot, struct vq_packed_tail t)
{
#if UINTPTR_MAX > 0xffffffffu
    vq_publish64(slot + 8, vq_packed_rest(t), false);
#else
    vq_publish16(slot + 14, t.flags, false);
#endif
}

/* Writes a wish to be notified, whole: no half of it is ever seen. */
/*@ requires shared(area, 4);
  @ assigns ((uint8_t *)area)[0 .. 3]; */
VQ_ALWAYS_INLINE void vq_packed_wish(void *area, bool wanted, bool event_idx, uint16_t at)
{
    uint32_t wish = !wanted     ? (uint32_t)VQ_EVENT_DISABLE << 16
                    : event_idx ? (uint32_t)VQ_EVENT_DESCRIPTOR << 16 | at
                                : (uint32_t)VQ_EVENT_ENABLE << 16;
    vq_store32(area, wish, false);
}

/*
 * Does the other end, whose wish stands in `area`, want to hear of the step from
 * `before` to `now`? Reserved modes, and the descriptor mode where it was not
 * negotiated, count as a yes: a notification too many harms nobody.
 */
/*@ requires shared_read(area, 4) && 1 <= size <= 32768;
  @ requires position_ok(before, size) && position_ok(now, size);
  @ assigns \nothing; */
VQ_ALWAYS_INLINE bool vq_packed_wanted(const void *area, bool event_idx, uint16_t before,
                                       uint16_t now, uint16_t size)
{
    uint32_t wish = vq_load32(area, false), mode = (wish >> 16) & 3;

    if (mode == VQ_EVENT_DISABLE)
        return false;
    if (mode != VQ_EVENT_DESCRIPTOR || !event_idx)
        return true;
    /* No further back than where the step began; at `now` itself it is not yet passed. */
    return (uint16_t)(vq_packed_distance((uint16_t)wish, now, size) - 1) <
           vq_packed_distance(before, now, size);
}

#endif
