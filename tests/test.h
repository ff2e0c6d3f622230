/*
 * What every test program includes first: cmocka with the headers that it wants
 * before it, and a few helpers that more than one test needs.
 *
 * The display name of a test is a sentence, and ends with the ids of the
 * requirements that it shows, in square brackets:
 *
 *     static const struct CMUnitTest tests[] = {
 *         VQ_TEST(loop, "stops at a loop [SPLIT-DRV-DESC-02 BUG-03]"),
 *     };
 *     int main(void) { return VQ_RUN(tests); }
 *
 * scripts/spec-coverage joins the ids with the results: claim one only if the
 * test would fail when the requirement were broken.
 */
#ifndef VQ_TEST_H
#define VQ_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define VQ_TEST(fn, name)                                                                          \
    {                                                                                              \
        (name), (fn), NULL, NULL, NULL                                                             \
    }
#define VQ_TEST_FIXTURE(fn, setup, teardown, name)                                                 \
    {                                                                                              \
        (name), (fn), (setup), (teardown), NULL                                                    \
    }
/* The same function for each of a table of cases: it finds `&case` in *state. */
#define VQ_TEST_STATE(fn, state, name)                                                             \
    {                                                                                              \
        (name), (fn), NULL, NULL, (void *)(uintptr_t)(state)                                       \
    }

#define VQ_RUN(tests) cmocka_run_group_tests(tests, NULL, NULL)

/* Skips the running test; `wanted` says what it would have needed. */
#define VQ_SKIP(wanted)                                                                            \
    do {                                                                                           \
        print_message("# skip: %s\n", (wanted));                                                   \
        skip();                                                                                    \
    } while (0)

/* splitmix64: the same numbers on every machine for the same seed, any seed is good. */
struct vq_random {
    uint64_t state;
};

static inline uint64_t vq_random(struct vq_random *r)
{
    uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A number below `limit`, which is not 0. */
static inline uint32_t vq_random_below(struct vq_random *r, uint32_t limit)
{
    return (uint32_t)(vq_random(r) % limit);
}

#ifdef __linux__
#include <dirent.h>

/* Open file descriptors of this process: the same before and after means that none leaked. */
static inline unsigned count_open_fds(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count - 3; /* ".", ".." and the directory itself */
}
#endif

#endif
