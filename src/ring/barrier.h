/*
 * The only way to memory that the other end shares, and the only place that
 * knows about memory order.
 *
 * Every load is one single-copy atomic access of the field's own width, so that
 * a value is read once and never torn; whoever needs it twice keeps the local.
 * Indices are published with a release store and observed with an acquire load,
 * which pairs everything written before the one with everything read after the
 * other. The one fence proper is vq_full_fence: it keeps the store of an index
 * before the load of the other end's wish to be notified, and stands on both
 * sides, or a wake-up is lost.
 *
 * `big` says that the ring is big-endian (legacy, big-endian driver). It is a
 * constant wherever it matters, so the swap is either there or not at all.
 */
#ifndef VQ_RING_BARRIER_H
#define VQ_RING_BARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define VQ_HOST_BIG true
#else
#define VQ_HOST_BIG false
#endif

/* What a user supplies is C, whatever this is compiled as. */
#ifdef __cplusplus
#define VQ_SUPPLIED extern "C"
#else
#define VQ_SUPPLIED
#endif

/* One of the functions that a compiler without a libc may ask for as well. */
VQ_SUPPLIED void *memset(void *to, int byte, size_t bytes);

/* Leaves that are one or two instructions. */
#define VQ_ALWAYS_INLINE static inline __attribute__((always_inline))
/* Bodies: one copy for each variant where speed counts, the compiler's choice where size does. */
#if defined(__OPTIMIZE_SIZE__)
#define VQ_BODY static inline
#define VQ_STEP static __attribute__((noinline, unused))
#define VQ_COLD inline
#else
#define VQ_BODY VQ_ALWAYS_INLINE
#define VQ_STEP VQ_ALWAYS_INLINE
#define VQ_COLD __attribute__((noinline, cold))
#endif

#if defined(VQ_SHARED_HOOK)
/* A test build sees (and may change) every value at the moment it is fetched. */
VQ_SUPPLIED uint64_t vq_shared_hook(const void *where, unsigned bytes, uint64_t value);
#define VQ_HOOK(where, type, value) ((type)vq_shared_hook((where), sizeof(type), (value)))
#else
#define VQ_HOOK(where, type, value) (value)
#endif

#if defined(VQ_WITH_CACHE)
/*
 * A machine whose device does not see its caches supplies these two, as it supplies
 * memcpy: write the lines of a range back, and throw them away. Rings then need
 * lines of their own for what each end writes; a packed ring, of which both write
 * one table, cannot have that and wants uncached memory.
 */
VQ_SUPPLIED void vq_cache_clean(const void *from, size_t bytes);
VQ_SUPPLIED void vq_cache_invalidate(const void *from, size_t bytes);
#else
/*@ assigns \nothing; */
VQ_ALWAYS_INLINE void vq_cache_clean(const void *from, size_t bytes)
{
    (void)from;
    (void)bytes;
}

/*@ assigns \nothing; */
VQ_ALWAYS_INLINE void vq_cache_invalidate(const void *from, size_t bytes)
{
    (void)from;
    (void)bytes;
}
#endif

#if defined(__FRAMAC__)
#include "acsl.h"
/* A volatile read is an arbitrary value to the prover: a hostile, concurrent other end. */
#define VQ_LOAD(type, p, order)     (*(const volatile type *)(p))
#define VQ_STORE(type, p, v, order) (*(volatile type *)(p) = (v))
#else
#define VQ_LOAD(type, p, order)     __atomic_load_n((const type *)(p), (order))
#define VQ_STORE(type, p, v, order) __atomic_store_n((type *)(p), (v), (order))
#endif

/* The accesses themselves; everything below is byte order and the choice of the order. */
#define VQ_ACCESS(bits)                                                                            \
    VQ_ALWAYS_INLINE uint##bits##_t vq_get##bits(const void *p, bool acquire)                      \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        vq_cache_invalidate(p, sizeof(v));                                                         \
        if (acquire)                                                                               \
            v = VQ_LOAD(uint##bits##_t, p, __ATOMIC_ACQUIRE);                                      \
        else                                                                                       \
            v = VQ_LOAD(uint##bits##_t, p, __ATOMIC_RELAXED);                                      \
        return VQ_HOOK(p, uint##bits##_t, v);                                                      \
    }                                                                                              \
    VQ_ALWAYS_INLINE void vq_put##bits(void *p, uint##bits##_t v, bool release)                    \
    {                                                                                              \
        if (release)                                                                               \
            VQ_STORE(uint##bits##_t, p, v, __ATOMIC_RELEASE);                                      \
        else                                                                                       \
            VQ_STORE(uint##bits##_t, p, v, __ATOMIC_RELAXED);                                      \
        vq_cache_clean(p, sizeof(v));                                                              \
    }
VQ_ACCESS(16)
VQ_ACCESS(32)
#if UINTPTR_MAX > 0xffffffffu
VQ_ACCESS(64)
#endif

/* Written with shifts: a compiler makes the machine's instruction of them where there is one,
 * while the builtin asks libgcc where there is none. */
/*@ assigns \nothing; */
VQ_ALWAYS_INLINE uint16_t vq_swap16(uint16_t v, bool big)
{
    return (uint16_t)(big == VQ_HOST_BIG ? v : v << 8 | v >> 8);
}

/*@ assigns \nothing; */
VQ_ALWAYS_INLINE uint32_t vq_swap32(uint32_t v, bool big)
{
    return big == VQ_HOST_BIG ? v : v << 24 | (v & 0xff00u) << 8 | (v >> 8 & 0xff00u) | v >> 24;
}

/*@ assigns \nothing; */
VQ_ALWAYS_INLINE uint64_t vq_swap64(uint64_t v, bool big)
{
    return big == VQ_HOST_BIG
               ? v
               : (uint64_t)vq_swap32((uint32_t)v, big) << 32 | vq_swap32((uint32_t)(v >> 32), big);
}

/* What the other end wrote before it published this value is visible afterwards. */
/*@ requires shared_read(p, 2);
  @ assigns \nothing; */
VQ_ALWAYS_INLINE uint16_t vq_observe16(const void *p, bool big)
{
    return vq_swap16(vq_get16(p, true), big);
}

/* What was written before this is visible to whoever observes the value. */
/*@ requires shared(p, 2);
  @ assigns ((uint8_t *)p)[0 .. 1]; */
VQ_ALWAYS_INLINE void vq_publish16(void *p, uint16_t v, bool big)
{
    vq_put16(p, vq_swap16(v, big), true);
}

/*@ requires shared_read(p, 2);
  @ assigns \nothing; */
VQ_ALWAYS_INLINE uint16_t vq_load16(const void *p, bool big)
{
    return vq_swap16(vq_get16(p, false), big);
}

/*@ requires shared_read(p, 4);
  @ assigns \nothing; */
VQ_ALWAYS_INLINE uint32_t vq_load32(const void *p, bool big)
{
    return vq_swap32(vq_get32(p, false), big);
}

/*@ requires shared(p, 2);
  @ assigns ((uint8_t *)p)[0 .. 1]; */
VQ_ALWAYS_INLINE void vq_store16(void *p, uint16_t v, bool big)
{
    vq_put16(p, vq_swap16(v, big), false);
}

/*@ requires shared(p, 4);
  @ assigns ((uint8_t *)p)[0 .. 3]; */
VQ_ALWAYS_INLINE void vq_store32(void *p, uint32_t v, bool big)
{
    vq_put32(p, vq_swap32(v, big), false);
}

/*
 * 64 bits in one access where the machine has it, else in two halves: nothing
 * that decides is wider than 32 bits, an address is checked as it was read.
 */
/*@ requires shared_read(p, 8);
  @ assigns \nothing; */
VQ_ALWAYS_INLINE uint64_t vq_load64(const void *p, bool big)
{
#if UINTPTR_MAX > 0xffffffffu
    return vq_swap64(vq_get64(p, false), big);
#else
    uint32_t first = vq_load32(p, big), second = vq_load32((const uint8_t *)p + 4, big);
    return big ? (uint64_t)first << 32 | second : (uint64_t)second << 32 | first;
#endif
}

/*@ requires shared(p, 8);
  @ assigns ((uint8_t *)p)[0 .. 7]; */
VQ_ALWAYS_INLINE void vq_store64(void *p, uint64_t v, bool big)
{
#if UINTPTR_MAX > 0xffffffffu
    vq_put64(p, vq_swap64(v, big), false);
#else
    vq_store32(p, (uint32_t)(big ? v >> 32 : v), big);
    vq_store32((uint8_t *)p + 4, (uint32_t)(big ? v : v >> 32), big);
#endif
}

#if UINTPTR_MAX > 0xffffffffu
/* Like their 16-bit twins, for a packed descriptor's flags with what stands before them. */
/*@ requires shared_read(p, 8);
  @ assigns \nothing; */
VQ_ALWAYS_INLINE uint64_t vq_observe64(const void *p, bool big)
{
    return vq_swap64(vq_get64(p, true), big);
}

/*@ requires shared(p, 8);
  @ assigns ((uint8_t *)p)[0 .. 7]; */
VQ_ALWAYS_INLINE void vq_publish64(void *p, uint64_t v, bool big)
{
    vq_put64(p, vq_swap64(v, big), true);
}
#endif

/* Bytes of unknown alignment, each fetched once. */
/*@ requires shared(to, bytes) && shared_read(from, bytes);
  @ assigns ((uint8_t *)to)[0 .. bytes - 1]; */
VQ_ALWAYS_INLINE void vq_fetch(void *to, const void *from, size_t bytes)
{
    const volatile uint8_t *source = (const volatile uint8_t *)from;

    vq_cache_invalidate(from, bytes);
    /*@ loop invariant 0 <= i <= bytes;
      @ loop assigns i, ((uint8_t *)to)[0 .. bytes - 1];
      @ loop variant bytes - i; */
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)to)[i] = VQ_HOOK((const void *)(source + i), uint8_t, source[i]);
}

#if defined(VQ_PLATFORM_HOOK)
/* A test build sees each barrier of the next kind. */
VQ_SUPPLIED void vq_platform_hook(void);
#endif

/* The barrier that reaches hardware behind a bus. */
/*@ assigns \nothing; */
VQ_ALWAYS_INLINE void vq_platform_barrier(void)
{
#if !defined(__FRAMAC__)
#if defined(VQ_PLATFORM_HOOK)
    vq_platform_hook();
#endif
#if defined(__aarch64__) || (defined(__ARM_ARCH) && __ARM_ARCH >= 7)
    __asm__ volatile("dmb sy" ::: "memory");
#elif defined(__riscv)
    __asm__ volatile("fence iorw, iorw" ::: "memory");
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
#endif
}

/*
 * ORDER_PLATFORM: the other end is hardware behind a bus, and the order that holds
 * between processors may not reach it. Stands before a publication and after an
 * observation; nothing at all where the other end is software, nor on a Cortex-M
 * without instructions for acquire and release, where both are made of this barrier.
 */
/*@ assigns \nothing; */
VQ_ALWAYS_INLINE void vq_platform_order(bool platform)
{
#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && __ARM_ARCH < 8
    platform = false;
#endif
    if (platform)
        vq_platform_barrier();
}

/* SPLIT-DRV-SUPPLY-06, PACKED-DRV-SUPPLY-03 and their twins on the device's end. With
 * ORDER_PLATFORM it is the platform's barrier; a Cortex-M has no other, and on RISC-V it
 * is no more code, so that there is nothing to choose. */
/*@ assigns \nothing; */
VQ_ALWAYS_INLINE void vq_full_fence(bool platform)
{
#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
    platform = false;
#elif defined(__riscv) && !defined(VQ_PLATFORM_HOOK)
    platform = true;
#endif
#if !defined(__FRAMAC__)
    if (platform)
        vq_platform_barrier();
    else
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
#else
    (void)platform;
#endif
}

#endif
