/* The time that has passed since some moment, which nobody can set. */
#ifndef VQ_VHOST_USER_CLOCK_H
#define VQ_VHOST_USER_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t vq_clock_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline int64_t vq_clock_ms(void)
{
    return (int64_t)(vq_clock_ns() / 1000000u);
}

#endif
