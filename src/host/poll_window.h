/*
 * How long to poll before sleeping.
 *
 * To be woken costs more than a short poll, so the window grows while waits are
 * short enough to be polled away, and shrinks while they are not. When full
 * windows run out in vain again and again, they are tried ever more seldom.
 */
#ifndef VQ_HOST_POLL_WINDOW_H
#define VQ_HOST_POLL_WINDOW_H

#include <stdint.h>

#define VQ_POLL_FIRST_NS    8000u  /* where a window starts to grow */
#define VQ_POLL_LEAST_NS    4000u  /* below this it is not worth it */
#define VQ_POLL_WAKE_NS     80000u /* how much of a wait may be the wake-up itself */
#define VQ_POLL_FEW_MISSES  3u     /* pauses between bursts */
#define VQ_POLL_MOST_MISSES 6u     /* beyond a few: again after 16, 32, 64, 64 ... sleeps */

struct vq_poll_window {
    uint64_t longest_ns;
    uint64_t now_ns; /* poll for so long */
    unsigned misses; /* full windows in a row that found nothing */
    unsigned hold;   /* sleeps before the window may grow again */
};

static inline void vq_poll_window_init(struct vq_poll_window *p, uint32_t longest_us)
{
    uint64_t longest = (uint64_t)longest_us * 1000u;

    *p = (struct vq_poll_window){.longest_ns = longest, .now_ns = longest};
}

/* A poll found work. */
static inline void vq_poll_window_found(struct vq_poll_window *p)
{
    p->misses = 0;
}

/* A poll found none, and work came after `waited_ns` in all. */
static inline void vq_poll_window_slept(struct vq_poll_window *p, uint64_t waited_ns)
{
    if (p->longest_ns == 0)
        return;
    if (p->now_ns >= p->longest_ns) {
        if (p->misses < VQ_POLL_MOST_MISSES)
            p->misses++;
        p->hold = p->misses > VQ_POLL_FEW_MISSES ? 1u << p->misses : 0;
        p->now_ns = p->hold ? 0 : p->longest_ns / 2;
    } else if (p->hold != 0) {
        p->hold--;
    } else if (waited_ns <= p->longest_ns + VQ_POLL_WAKE_NS) {
        uint64_t wider = p->now_ns ? p->now_ns * 2 : VQ_POLL_FIRST_NS;
        p->now_ns = wider < p->longest_ns ? wider : p->longest_ns;
    } else {
        p->now_ns = p->now_ns / 2 < VQ_POLL_LEAST_NS ? 0 : p->now_ns / 2;
    }
}

#endif
