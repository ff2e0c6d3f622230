/*
 * vq blk: the driver's end of a block device as a tool. Reads the command line,
 * opens the disk, hands over to a subcommand.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "blk.h"

static const struct command {
    const char *name;
    int (*run)(struct blk_disk *disk);
    const char *summary;
    bool ranged;     /* takes --offset and --length */
    bool needs_size; /* --length must be given */
    uint16_t queues; /* used unless --queues says otherwise */
} commands[] = {
    {"info", blk_info, "say what the disk is, its features and its configuration", false, false, 1},
    {"read", blk_read, "copy from the disk to standard output", true, false, 1},
    {"write", blk_write, "copy standard input to the disk", true, false, 1},
    {"discard", blk_discard, "give up the contents of a range", true, true, 1},
    {"zero", blk_zero, "make a range zero, by one request where possible", true, true, 1},
    {"flush", blk_flush_command, "make everything written durable", false, false, 1},
    {"verify", blk_verify, "OVERWRITE the disk with a pattern and read it back", true, false, 4},
};

static void usage(FILE *to)
{
    (void)fputs("usage: vq blk --socket-path PATH COMMAND [OPTION...]\n\n", to);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        (void)fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
    (void)fputs("\n"
                "  --offset N, --length N   bytes, with k, M, G or T if wanted\n"
                "  --queues N               queues to use (verify: 4, else 1)\n"
                "  --queue-size N           descriptors of each (128)\n"
                "  --depth N                requests in flight per queue (32)\n"
                "  --chunk N                bytes of one request at most (256k)\n"
                "  --disable F[,F...]       features not to accept, e.g. event_idx,version_1\n"
                "  --require F[,F...]       features without which to give up\n"
                "  --timeout SECONDS        how long the server may be silent (30)\n"
                "  --overwrite              verify: yes, the contents of the disk may go\n"
                "  --seed N                 verify: for another pattern and order\n"
                "  --passes N               verify: times that everything is rewritten (2)\n"
                "  --unmap                  zero: the storage may be given up\n"
                "  --json                   info, verify: for machines\n",
                to);
}

/* A number of bytes with an optional binary suffix. */
static bool parse_bytes(const char *text, uint64_t *bytes)
{
    static const char suffixes[] = "KMGT";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (end == text || errno != 0 || strchr(text, '-') != NULL)
        return false;
    unsigned shift = 0;
    if (*end != '\0') {
        const char *suffix = strchr(suffixes, *end & ~0x20);
        if (suffix == NULL || *suffix == '\0' || end[1] != '\0')
            return false;
        shift = 10 * (unsigned)(suffix - suffixes + 1);
    }
    *bytes = (uint64_t)value << shift;
    return *bytes >> shift == value;
}

static bool parse_within(const char *option, const char *text, uint64_t least, uint64_t most,
                         uint64_t *value)
{
    if (parse_bytes(text, value) && *value >= least && *value <= most)
        return true;
    (void)fprintf(stderr, "vq blk: --%s takes a number from %llu to %llu, not '%s'\n", option,
                  (unsigned long long)least, (unsigned long long)most, text);
    return false;
}

static bool parse_features(const char *option, const char *list, struct vq_features *set)
{
    const char *unknown;
    size_t length;
    if (vq_feature_parse(VQ_BLK_DEVICE_ID, list, set, &unknown, &length))
        return true;
    (void)fprintf(stderr, "vq blk: --%s: no feature is called '%.*s'; known are", option,
                  (int)length, unknown);
    for (unsigned bit = 0; bit < 64; bit++)
        if (vq_feature_name(VQ_BLK_DEVICE_ID, bit) != NULL)
            (void)fprintf(stderr, " %s", vq_feature_name(VQ_BLK_DEVICE_ID, bit));
    (void)fputc('\n', stderr);
    return false;
}

enum blk_option {
    OPTION_PATH = 256,
    OPTION_OFFSET,
    OPTION_LENGTH,
    OPTION_QUEUES,
    OPTION_QUEUE_SIZE,
    OPTION_DEPTH,
    OPTION_CHUNK,
    OPTION_DISABLE,
    OPTION_REQUIRE,
    OPTION_TIMEOUT,
    OPTION_OVERWRITE,
    OPTION_SEED,
    OPTION_PASSES,
    OPTION_UNMAP,
    OPTION_JSON,
};

static const struct option long_options[] = {
    {"socket-path", required_argument, NULL, OPTION_PATH},
    {"offset", required_argument, NULL, OPTION_OFFSET},
    {"length", required_argument, NULL, OPTION_LENGTH},
    {"queues", required_argument, NULL, OPTION_QUEUES},
    {"queue-size", required_argument, NULL, OPTION_QUEUE_SIZE},
    {"depth", required_argument, NULL, OPTION_DEPTH},
    {"chunk", required_argument, NULL, OPTION_CHUNK},
    {"disable", required_argument, NULL, OPTION_DISABLE},
    {"require", required_argument, NULL, OPTION_REQUIRE},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"overwrite", no_argument, NULL, OPTION_OVERWRITE},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"passes", required_argument, NULL, OPTION_PASSES},
    {"unmap", no_argument, NULL, OPTION_UNMAP},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* One option with its argument. */
static bool take(struct blk_options *o, int option)
{
    uint64_t n = 0;
    bool ok = true;
    switch (option) {
    case OPTION_PATH:
        o->path = optarg;
        break;
    case OPTION_OFFSET:
        ok = parse_within("offset", optarg, 0, INT64_MAX, &o->offset);
        break;
    case OPTION_LENGTH:
        ok = parse_within("length", optarg, 1, INT64_MAX, &o->length);
        o->has_length = true;
        break;
    case OPTION_QUEUES:
        ok = parse_within("queues", optarg, 1, 256, &n);
        o->queues = (uint16_t)n;
        break;
    case OPTION_QUEUE_SIZE:
        ok = parse_within("queue-size", optarg, 4, VQ_SIZE_MAX, &n);
        o->queue_size = (uint16_t)n;
        break;
    case OPTION_DEPTH:
        ok = parse_within("depth", optarg, 1, VQ_SIZE_MAX, &n);
        o->depth = (uint16_t)n;
        break;
    case OPTION_CHUNK:
        ok = parse_within("chunk", optarg, 4096, UINT32_C(1) << 30, &n);
        o->chunk = (uint32_t)(n & ~(uint64_t)4095);
        break;
    case OPTION_DISABLE:
        ok = parse_features("disable", optarg, &o->without);
        break;
    case OPTION_REQUIRE:
        ok = parse_features("require", optarg, &o->require);
        break;
    case OPTION_TIMEOUT:
        ok = parse_within("timeout", optarg, 1, 86400, &n);
        o->timeout_ms = (int)n * 1000;
        break;
    case OPTION_OVERWRITE:
        o->overwrite = true;
        break;
    case OPTION_SEED:
        ok = parse_within("seed", optarg, 0, UINT64_MAX, &o->seed);
        break;
    case OPTION_PASSES:
        ok = parse_within("passes", optarg, 1, 1000000, &n);
        o->passes = (unsigned)n;
        break;
    case OPTION_UNMAP:
        o->unmap = true;
        break;
    case OPTION_JSON:
        o->json = true;
        break;
    default:
        ok = false;
        break;
    }
    return ok;
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    (void)fprintf(stderr, "vq blk: there is no command '%s'; vq blk --help lists them\n", name);
    return NULL;
}

/* What the options must be together. */
static bool consistent(const struct command *command, struct blk_options *o)
{
    if (o->path == NULL) {
        (void)fprintf(stderr, "vq blk: which disk? give --socket-path PATH\n");
        return false;
    }
    if (command->needs_size && !o->has_length) {
        (void)fprintf(stderr, "vq blk %s: how much? give --length N\n", command->name);
        return false;
    }
    if (!command->ranged && (o->has_length || o->offset != 0)) {
        (void)fprintf(stderr, "vq blk %s: takes neither --offset nor --length\n", command->name);
        return false;
    }
    if (command->run == blk_verify && !o->overwrite) {
        (void)fprintf(stderr,
                      "vq blk verify: this destroys what is on the disk; give --overwrite if that "
                      "is meant\n");
        return false;
    }
    if (o->queues == 0)
        o->queues = command->queues;
    if (o->depth > o->queue_size)
        o->depth = o->queue_size;
    return true;
}

static void on_signal(int number)
{
    (void)number;
    blk_interrupted = 1;
}

/* Without SA_RESTART: a read of standard input ends, too. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN; /* a closed pipe is an error of write */
    (void)sigaction(SIGPIPE, &action, NULL);
}

int vq_cmd_blk(int argc, char **argv)
{
    struct blk_options o = {
        .queue_size = 128,
        .depth = 32,
        .chunk = 256u << 10,
        .timeout_ms = 30000,
        .passes = 2,
        .seed = 1,
    };
    int option;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (option == 'h') {
            usage(stdout);
            return VQ_EXIT_OK;
        }
        if (!take(&o, option))
            return VQ_EXIT_USAGE;
    }
    if (argc - optind != 1) {
        usage(stderr);
        return VQ_EXIT_USAGE;
    }
    const struct command *command = find(argv[optind]);
    if (command == NULL || !consistent(command, &o))
        return VQ_EXIT_USAGE;

    catch_signals();
    struct blk_disk disk;
    int status = blk_open(&disk, &o) ? command->run(&disk) : VQ_EXIT_FAILED;
    blk_close(&disk);
    return status;
}
