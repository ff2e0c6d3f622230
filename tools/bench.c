/* vq bench: measures the ring, and a disk behind it. One benchmark is one row below. */
#include "bench.h"
#include "vq.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} benches[] = {
    {"ring", bench_ring, "a buffer's way through a virtqueue and back"},
    {"blk", bench_blk, "requests of a disk, in this process or behind a vhost-user socket"},
};

/* Asked once, before anything is pinned: threads inherit what their maker may use. */
static const cpu_set_t *usable(void)
{
    static cpu_set_t may;
    static bool asked;

    if (!asked && sched_getaffinity(0, sizeof(may), &may) != 0)
        CPU_ZERO(&may);
    asked = true;
    return &may;
}

unsigned bench_processors(void)
{
    return (unsigned)CPU_COUNT(usable());
}

bool bench_pin(unsigned index)
{
    const cpu_set_t *may = usable();
    cpu_set_t one;

    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, may) && index-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            return sched_setaffinity(0, sizeof(one), &one) == 0;
        }
    return false;
}

bool bench_number(const char *command, const char *option, const char *text, uint64_t low,
                  uint64_t high, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && text[0] != '-' && *number >= low &&
        *number <= high)
        return true;
    fprintf(stderr, "vq bench %s: %s takes a number from %" PRIu64 " to %" PRIu64 ", not '%s'\n",
            command, option, low, high, text);
    return false;
}

static void usage(FILE *to)
{
    fputs("usage: vq bench WHAT [OPTION...]\n\n", to);
    for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++)
        fprintf(to, "  %-6s %s\n", benches[i].name, benches[i].summary);
    fputs("\n  vq bench WHAT --help    the options of one\n", to);
}

int vq_cmd_bench(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        return VQ_EXIT_OK;
    }
    for (size_t i = 0; argc >= 2 && i < sizeof(benches) / sizeof(benches[0]); i++)
        if (strcmp(argv[1], benches[i].name) == 0) {
            char name[32];
            snprintf(name, sizeof(name), "vq bench %s", benches[i].name);
            argv[1] = name;
            return benches[i].run(argc - 1, argv + 1);
        }
    if (argc >= 2)
        fprintf(stderr, "vq bench: there is no benchmark '%s'\n", argv[1]);
    usage(stderr);
    return VQ_EXIT_USAGE;
}
