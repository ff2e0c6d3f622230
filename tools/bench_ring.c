/*
 * vq bench ring: what one buffer costs on its way through a queue and back. It has
 * one readable and one writable element, or the latter only; nobody touches the data.
 * Here: the options.
 */
#include "bench_ring.h"
#include "vq.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEP_COUNT = 100000 }; /* for each point of a drawing, if not said */

static void usage(FILE *to)
{
    fputs("usage: vq bench ring [OPTION...]\n\n"
          "  --threads 1|2    one thread that plays both ends, or one for each (1)\n"
          "  --batch N        buffers at a time (32)\n"
          "  --size N         queue size (256)\n"
          "  --elements 1|2   of a buffer: a writable one, a readable one before it (2)\n"
          "  --format FORMAT  split, split_big or packed (split)\n"
          "  --indirect       buffers in indirect tables\n"
          "  --in-order       with IN_ORDER: one used element for a batch\n"
          "  --notify HOW     none, flag or event_idx (event_idx)\n"
          "  --count N        buffers in all (2000000)\n"
          "  --apart          times add, pop, push and get each by itself (one thread)\n"
          "  --plot FILE      measures formats and batches and draws them, - is standard output\n"
          "  --json           one object on one line\n",
          to);
}

static bool one_of(const char *option, const char *text, const char *const words[], unsigned count,
                   unsigned *which)
{
    for (*which = 0; *which < count; ++*which)
        if (strcmp(text, words[*which]) == 0)
            return true;
    fprintf(stderr, "vq bench ring: %s does not know '%s'\n", option, text);
    return false;
}

int bench_ring(int argc, char **argv)
{
    static const struct option known[] = {
        {"threads", required_argument, NULL, 't'}, {"batch", required_argument, NULL, 'b'},
        {"size", required_argument, NULL, 's'},    {"elements", required_argument, NULL, 'e'},
        {"format", required_argument, NULL, 'f'},  {"indirect", no_argument, NULL, 'i'},
        {"in-order", no_argument, NULL, 'o'},      {"notify", required_argument, NULL, 'n'},
        {"count", required_argument, NULL, 'c'},   {"apart", no_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},          {"plot", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    static const char *const formats[] = {"split", "split_big", "packed"};
    struct ring_options o = {.notify = NOTIFY_EVENT_IDX,
                             .threads = 1,
                             .batch = 32,
                             .size = 256,
                             .elements = 2,
                             .count = 2000000};
    struct ring_result result;
    double round_trip;
    const char *plot = NULL;
    unsigned which = 0;
    bool good = true, counted = false;
    int c;

    optind = 1;
    while (good && (c = getopt_long(argc, argv, "h", known, NULL)) != -1)
        switch (c) {
        case 't':
            good = bench_number("ring", "--threads", optarg, 1, 2, &o.threads);
            break;
        case 'b':
            good = bench_number("ring", "--batch", optarg, 1, BATCH_MAX, &o.batch);
            break;
        case 's':
            good = bench_number("ring", "--size", optarg, 1, VQ_SIZE_MAX, &o.size);
            break;
        case 'e':
            good = bench_number("ring", "--elements", optarg, 1, 2, &o.elements);
            break;
        case 'c':
            good = bench_number("ring", "--count", optarg, 1, UINT64_MAX / 2, &o.count);
            counted = true;
            break;
        case 'f':
            good = one_of("--format", optarg, formats, 3, &which);
            o.format = which == 2 ? VQ_FORMAT_PACKED : VQ_FORMAT_SPLIT;
            o.big = which == 1;
            break;
        case 'n':
            good = one_of("--notify", optarg, ring_notify_words, 3, &which);
            o.notify = (enum notify)which;
            break;
        case 'i':
            o.indirect = true;
            break;
        case 'o':
            o.in_order = true;
            break;
        case 'a':
            o.apart = true;
            break;
        case 'p':
            plot = optarg;
            break;
        case 'j':
            o.json = true;
            break;
        case 'h':
            usage(stdout);
            return VQ_EXIT_OK;
        default:
            good = false;
        }
    if (!good || optind != argc) {
        usage(stderr);
        return VQ_EXIT_USAGE;
    }
    if (plot) {
        o.batch = RING_SWEEP_BATCH;
        o.count = counted ? o.count : SWEEP_COUNT;
    }
    if (o.apart && (o.threads != 1 || plot)) {
        fputs("vq bench ring: --apart is for one thread, and not for a drawing\n", stderr);
        return VQ_EXIT_USAGE;
    }
    if (o.batch * (o.indirect ? 1 : o.elements) > o.size) {
        fprintf(stderr,
                "vq bench ring: %" PRIu64 " buffers at a time do not fit a queue of %" PRIu64
                "; take a larger --size or a smaller --batch\n",
                o.batch, o.size);
        return VQ_EXIT_USAGE;
    }
    if (plot)
        return ring_sweep(&o, plot);
    if (!bench_pin(0) || (o.threads == 2 && bench_processors() < 2))
        fputs("vq bench ring: no processor for each thread; numbers will be strange\n", stderr);
    round_trip = ring_round_trip();
    if (!ring_measure(&o, &result))
        return VQ_EXIT_FAILED;
    ring_report(&o, &result, round_trip);
    return VQ_EXIT_OK;
}
