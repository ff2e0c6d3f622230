/*
 * The command line of `vq serve blk`: a table of options, and what may not be
 * combined. Follows the conventions for vhost-user back-end programs, so that a
 * management layer can start it without knowing it.
 */
#include "serve_options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vq/blk.h>
#include <vq/feature_name.h>

#include "host/worker.h"

#define MOST_QUEUES     256u /* what a vhost-user message can name */
#define LARGEST_QUEUE   32768u
#define SMALLEST_BLOCK  512u
#define LARGEST_BLOCK   (1u << 21)
#define LONGEST_SERIAL  20u
#define LONGEST_POLL_US 1000000u
#define DEFAULT_QUEUES  4
#define DEFAULT_SIZE    1024

static const char usage_text[] =
    "usage: vq serve blk --socket-path PATH --blk-file FILE [OPTION...]\n"
    "\n"
    "Serves a disk to a virtual machine (QEMU, User-mode Linux, vq blk) over vhost-user.\n"
    "\n"
    "where to listen:\n"
    "  --socket-path PATH        make a socket there\n"
    "  --fd N                    a listening socket that is open already\n"
    "what to serve:\n"
    "  --blk-file FILE           a disk image or block device\n"
    "  --memory SIZE             memory, lost at the end (SIZE: bytes, or with K, M, G, T)\n"
    "  --null SIZE               nothing: for measuring; no data is moved\n"
    "options:\n"
    "  --read-only               refuse to write\n"
    "  --num-queues N            queues to offer (4)\n"
    "  --queue-size N            largest queue that a driver may choose (1024)\n"
    "  --logical-block-size N    bytes (512)\n"
    "  --serial TEXT             serial number, up to 20 characters\n"
    "  --poll-us N               longest poll for more work before sleeping (50; 0: none)\n"
    "  --disable NAME[,NAME...]  features not to offer; version_1 makes it a legacy device\n"
    "  --json                    report as one JSON object a line\n"
    "  --print-capabilities      print what this program can do, as JSON\n";

enum {
    OPT_SOCKET_PATH = 256,
    OPT_FD,
    OPT_BLK_FILE,
    OPT_MEMORY,
    OPT_NULL,
    OPT_READ_ONLY,
    OPT_NUM_QUEUES,
    OPT_QUEUE_SIZE,
    OPT_BLOCK_SIZE,
    OPT_SERIAL,
    OPT_POLL_US,
    OPT_DISABLE,
    OPT_JSON,
    OPT_CAPABILITIES,
    OPT_HELP,
};

static const struct option long_options[] = {
    {"socket-path", required_argument, NULL, OPT_SOCKET_PATH},
    {"fd", required_argument, NULL, OPT_FD},
    {"blk-file", required_argument, NULL, OPT_BLK_FILE},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"null", required_argument, NULL, OPT_NULL},
    {"read-only", no_argument, NULL, OPT_READ_ONLY},
    {"num-queues", required_argument, NULL, OPT_NUM_QUEUES},
    {"queue-size", required_argument, NULL, OPT_QUEUE_SIZE},
    {"logical-block-size", required_argument, NULL, OPT_BLOCK_SIZE},
    {"serial", required_argument, NULL, OPT_SERIAL},
    {"poll-us", required_argument, NULL, OPT_POLL_US},
    {"disable", required_argument, NULL, OPT_DISABLE},
    {"json", no_argument, NULL, OPT_JSON},
    {"print-capabilities", no_argument, NULL, OPT_CAPABILITIES},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* False, having said what. */
#define wrong(...) (say(fprintf(stderr, "vq serve: " __VA_ARGS__)))

static bool say(int printed)
{
    (void)printed;
    (void)fputc('\n', stderr);
    return false;
}

static bool power_of_two(uint64_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static bool number(const char *name, const char *text, uint64_t least, uint64_t most,
                   uint64_t *value)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || n < least || n > most)
        return wrong("--%s wants a number from %llu to %llu, not '%s'", name,
                     (unsigned long long)least, (unsigned long long)most, text);
    *value = n;
    return true;
}

/* Bytes, with an optional binary suffix. */
static bool size(const char *name, const char *text, uint64_t *value)
{
    static const char suffixes[] = "KMGT";
    char *end;
    unsigned shift = 0;

    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    bool good = *text >= '0' && *text <= '9' && errno == 0;
    const char *suffix = *end != '\0' ? strchr(suffixes, *end & ~0x20) : NULL;
    if (suffix) {
        shift = 10 * (unsigned)(suffix - suffixes + 1);
        end++;
    }
    if (!good || *end != '\0' || n == 0 || n > (uint64_t)INT64_MAX >> shift)
        return wrong("--%s wants a size such as 1048576, 64M or 2G, not '%s'", name, text);
    *value = (uint64_t)n << shift;
    return true;
}

static bool add_disabled(struct serve_options *o, const char *list)
{
    const char *unknown;
    size_t length;

    if (vq_feature_parse(VQ_BLK_DEVICE_ID, list, &o->disabled, &unknown, &length))
        return true;
    (void)wrong("--disable: a block device has no feature '%.*s'", (int)length, unknown);
    (void)fputs("the features are:", stderr);
    for (unsigned bit = 0; bit < 64; bit++)
        if (vq_feature_name(VQ_BLK_DEVICE_ID, bit))
            (void)fprintf(stderr, " %s", vq_feature_name(VQ_BLK_DEVICE_ID, bit));
    (void)fputc('\n', stderr);
    return false;
}

static bool take(struct serve_options *o, int option, const char *text, unsigned *sources)
{
    uint64_t n = 0;

    switch (option) {
    case OPT_SOCKET_PATH:
        o->socket_path = text;
        return true;
    case OPT_FD:
        if (!number("fd", text, 0, INT_MAX, &n))
            return false;
        o->fd = (int)n;
        return true;
    case OPT_BLK_FILE:
        o->source = VQ_BLK_FILE;
        o->file = text;
        ++*sources;
        return true;
    case OPT_MEMORY:
    case OPT_NULL:
        o->source = option == OPT_MEMORY ? VQ_BLK_MEMORY : VQ_BLK_NULL;
        ++*sources;
        return size(option == OPT_MEMORY ? "memory" : "null", text, &o->bytes);
    case OPT_READ_ONLY:
        o->read_only = true;
        return true;
    case OPT_NUM_QUEUES:
        if (!number("num-queues", text, 1, MOST_QUEUES, &n))
            return false;
        o->queues = (uint16_t)n;
        return true;
    case OPT_QUEUE_SIZE:
        if (!number("queue-size", text, 1, LARGEST_QUEUE, &n))
            return false;
        if (!power_of_two(n))
            return wrong("--queue-size wants a power of two, not %s", text);
        o->queue_size = (uint16_t)n;
        return true;
    case OPT_BLOCK_SIZE:
        if (!number("logical-block-size", text, SMALLEST_BLOCK, LARGEST_BLOCK, &n))
            return false;
        if (!power_of_two(n))
            return wrong("--logical-block-size wants a power of two, not %s", text);
        o->block_size = (uint32_t)n;
        return true;
    case OPT_SERIAL:
        if (strlen(text) > LONGEST_SERIAL)
            return wrong("--serial has at most %u characters, not %zu", LONGEST_SERIAL,
                         strlen(text));
        o->serial = text;
        return true;
    case OPT_POLL_US:
        if (!number("poll-us", text, 0, LONGEST_POLL_US, &n))
            return false;
        o->poll_us = (uint32_t)n;
        return true;
    case OPT_DISABLE:
        return add_disabled(o, text);
    case OPT_JSON:
        o->json = true;
        return true;
    default:
        return false;
    }
}

static bool check(const struct serve_options *o, unsigned sources)
{
    if (o->socket_path && o->fd >= 0)
        return wrong("--socket-path and --fd both say where to listen: give one of them");
    if (!o->socket_path && o->fd < 0)
        return wrong("where shall it listen? Give --socket-path PATH (or --fd N)");
    if (sources != 1)
        return wrong("%s one of --blk-file FILE, --memory SIZE, --null SIZE",
                     sources ? "give only" : "what shall it serve? Give");
    uint32_t block = o->block_size ? o->block_size : SMALLEST_BLOCK;
    if (o->source != VQ_BLK_FILE && o->bytes % block != 0)
        return wrong("the size %llu is not a multiple of the block size %u",
                     (unsigned long long)o->bytes, block);
    return true;
}

/* Whatever else stands there: a management layer may ask without knowing more. */
static bool asks_for(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

enum serve_parsed serve_parse(struct serve_options *o, int argc, char **argv)
{
    unsigned sources = 0;
    int option;

    if (asks_for("--print-capabilities", argc, argv)) {
        (void)puts("{\"type\":\"block\",\"features\":[\"read-only\",\"blk-file\"]}");
        return SERVE_DONE;
    }
    if (asks_for("--help", argc, argv)) {
        (void)fputs(usage_text, stdout);
        return SERVE_DONE;
    }
    if (argc < 2 || strcmp(argv[1], "blk") != 0) {
        if (argc >= 2)
            (void)wrong("cannot serve '%s'; it serves: blk\n", argv[1]);
        (void)fputs(usage_text, stderr);
        return SERVE_WRONG;
    }
    *o = (struct serve_options){.fd = -1,
                                .queues = DEFAULT_QUEUES,
                                .queue_size = DEFAULT_SIZE,
                                .poll_us = VQ_WORKER_POLL_US};
    argc--;
    argv++;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == ':') {
            (void)wrong("%s wants a value", argv[optind - 1]);
            return SERVE_WRONG;
        }
        if (option == '?') {
            (void)wrong("no such option: %s ('vq serve --help' lists them)", argv[optind - 1]);
            return SERVE_WRONG;
        }
        if (!take(o, option, optarg, &sources))
            return SERVE_WRONG;
    }
    if (optind < argc) {
        (void)wrong("what is '%s'? All is said by options ('vq serve --help' lists them)",
                    argv[optind]);
        return SERVE_WRONG;
    }
    return check(o, sources) ? SERVE_RUN : SERVE_WRONG;
}
