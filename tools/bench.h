/* What the benchmarks of vq bench share. */
#ifndef VQ_TOOLS_BENCH_H
#define VQ_TOOLS_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "vhost_user/clock.h"

int bench_ring(int argc, char **argv);
int bench_blk(int argc, char **argv);

/* Puts the calling thread on the `index`-th of the processors it may use; false without one. */
bool bench_pin(unsigned index);

/* How many processors that is. */
unsigned bench_processors(void);

/* A decimal number from `low` to `high`, or false with a message on standard error. */
bool bench_number(const char *command, const char *option, const char *text, uint64_t low,
                  uint64_t high, uint64_t *number);

#endif
