/*
 * vq layout: bytes, alignments and offsets of a queue's parts, for people, machines and
 * talks; and with a list of free memory, where each part would go or why it cannot.
 */
#include "layout.h"
#include "svg.h"
#include "vq.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct format_words layout_words[LAYOUT_FORMATS] = {
    [VQ_FORMAT_SPLIT] =
        {
            "split",
            "a power of two from 1 to 32768",
            {"descriptor table", "available ring", "used ring"},
            {"descriptor", "available", "used"},
        },
    [VQ_FORMAT_LEGACY] =
        {
            "legacy",
            "a power of two from 1 to 32768",
            {"descriptor table", "available ring", "used ring"},
            {"descriptor", "available", "used"},
        },
    [VQ_FORMAT_PACKED] =
        {
            "packed",
            "any number from 1 to 32768",
            {"descriptor ring", "driver event", "device event"},
            {"descriptor", "driver_event", "device_event"},
        },
};

static const char *const limit_words[] = {
    [VQ_LIMIT_NONE] = "none",         [VQ_LIMIT_CONSTRAINTS] = "constraints",
    [VQ_LIMIT_SIZE] = "size",         [VQ_LIMIT_BYTES] = "bytes",
    [VQ_LIMIT_ALIGN] = "align",       [VQ_LIMIT_ADDRESS] = "address",
    [VQ_LIMIT_PFN] = "page_frame",    [VQ_LIMIT_CONTIGUOUS] = "contiguous",
    [VQ_LIMIT_TOGETHER] = "together", [VQ_LIMIT_OVERLAP] = "overlap",
};

struct request {
    struct drawing what;                /* sizes, formats, Queue Align */
    const struct fragment_list *memory; /* NULL: only compute */
    bool json;
};

/* One size in one format. */
struct answer {
    struct vq_layout layout;
    bool allowed; /* the format allows the size; the rest is set only then */
    bool placed;
    struct vq_place place;
    struct vq_refusal why;
    uint32_t smaller; /* refused: the largest size that does fit, 0 for none or no choice */
};

/* What legacy PCI can say: the page number of a page of 4096 bytes, in 32 bits. */
static struct vq_constraints constraints_of(enum vq_format format, uint32_t size, uint32_t align)
{
    struct vq_constraints c = {.format = format, .size_max = size, .size_fixed = true};
    if (format == VQ_FORMAT_LEGACY) {
        c.align = align;
        c.page_shift = 12;
        c.pfn_bits = 32;
    }
    return c;
}

static struct answer answer(const struct request *r, enum vq_format format, uint32_t size)
{
    struct answer a = {.allowed = false};
    if (vq_layout_init(&a.layout, format, size, r->what.align) != VQ_OK)
        return a;
    a.allowed = true;
    if (r->memory == NULL)
        return a;
    struct vq_constraints c = constraints_of(format, size, r->what.align);
    const struct vq_fragment *f = r->memory->fragments;
    size_t count = r->memory->count;
    a.placed = vq_place_find(&c, size, f, count, &a.place, &a.why) == VQ_OK;
    if (!a.placed && format != VQ_FORMAT_LEGACY) {
        struct vq_place place;
        c.size_fixed = false;
        if (vq_place_find(&c, size, f, count, &place, NULL) == VQ_OK)
            a.smaller = place.layout.size;
    }
    return a;
}

/* The bytes that no part uses: alignment inside and at the end of a block. */
static uint32_t padding(const struct vq_layout *l)
{
    uint32_t used = 0;
    for (unsigned i = 0; i < VQ_PARTS; i++)
        used += l->part[i].bytes;
    return l->total - used;
}

static void json_place(const struct answer *a, const struct format_words *words)
{
    if (a->placed) {
        (void)fputs(",\"place\":{", stdout);
        for (unsigned i = 0; i < VQ_PARTS; i++)
            (void)printf("%s\"%s\":\"0x%" PRIx64 "\"", i != 0 ? "," : "", words->key[i],
                         a->place.address[i]);
        (void)putchar('}');
        return;
    }
    char text[400];
    vq_refusal_text(&a->why, text, sizeof(text));
    (void)printf(
        ",\"place\":null,\"refusal\":{\"limit\":\"%s\",\"part\":\"%s\",\"bytes\":%" PRIu32
        ",\"align\":%" PRIu32 ",\"largest\":%" PRIu64 ",\"free\":%" PRIu64 ",\"text\":\"%s\"",
        limit_words[a->why.limit], a->why.part == VQ_PARTS ? "all" : words->key[a->why.part],
        a->why.bytes, a->why.align, a->why.largest, a->why.free, text);
    if (a->layout.format != VQ_FORMAT_LEGACY)
        (void)printf(",\"size_that_fits\":%" PRIu32, a->smaller);
    (void)putchar('}');
}

static void json_answer(const struct answer *a, enum vq_format format, bool memory)
{
    const struct format_words *words = &layout_words[format];
    (void)printf(",\"%s\":", words->name);
    if (!a->allowed) {
        (void)fputs("null", stdout);
        return;
    }
    (void)putchar('{');
    if (format == VQ_FORMAT_LEGACY)
        (void)printf("\"align\":%" PRIu32 ",", a->layout.align);
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        const struct vq_part_layout *part = &a->layout.part[i];
        bool legacy = format == VQ_FORMAT_LEGACY;
        (void)printf("\"%s\":{\"%s\":%" PRIu32 ",\"bytes\":%" PRIu32 "},", words->key[i],
                     legacy ? "offset" : "align", legacy ? part->offset : part->align, part->bytes);
    }
    (void)printf("\"total\":%" PRIu32, a->layout.total);
    if (memory)
        json_place(a, words);
    (void)putchar('}');
}

static void table_waste(const struct vq_layout *l)
{
    uint32_t wasted = padding(l);
    if (wasted == 0)
        (void)fputs("   nothing wasted", stdout);
    else
        (void)printf("   %" PRIu32 " wasted (%.1f %%)", wasted, 100.0 * wasted / l->total);
}

/* The line of the list that an address came from. */
static unsigned long line_of(const struct fragment_list *memory, uint64_t address)
{
    for (size_t i = 0; memory != NULL && i < memory->count; i++)
        if (address - memory->fragments[i].address < memory->fragments[i].bytes)
            return memory->lines[i];
    return 0;
}

static void table_answer(const struct request *r, const struct answer *a, enum vq_format format)
{
    const struct format_words *words = &layout_words[format];
    bool legacy = format == VQ_FORMAT_LEGACY;
    if (!a->allowed) {
        (void)printf("  %-7s not allowed: its size is %s\n", words->name, words->sizes);
        return;
    }
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        const struct vq_part_layout *part = &a->layout.part[i];
        (void)printf("  %-7s %-17s %9" PRIu32 " %7" PRIu32 "   ", i == 0 ? words->name : "",
                     words->part[i], part->bytes, part->align);
        if (legacy)
            (void)printf("%8" PRIu32, part->offset);
        else
            (void)printf("%8s", "any");
        if (r->memory != NULL && a->placed)
            (void)printf("   0x%" PRIx64 " (line %lu)", a->place.address[i],
                         line_of(r->memory, a->place.address[i]));
        (void)putchar('\n');
    }
    (void)printf("  %-7s %-17s %9" PRIu32 " %7" PRIu32, "", legacy ? "one block" : "in all",
                 a->layout.total, a->layout.align);
    table_waste(&a->layout);
    (void)putchar('\n');
    if (r->memory != NULL && !a->placed) {
        char text[400];
        vq_refusal_text(&a->why, text, sizeof(text));
        (void)printf("  refused: %s\n", text);
        if (a->smaller != 0)
            (void)printf("  the largest %s queue that fits has %" PRIu32 " descriptors\n",
                         words->name, a->smaller);
    }
}

/* Prints one size; false if no format that was asked for can have it. */
static bool print_size(const struct request *r, uint32_t size)
{
    bool good = false;
    if (r->json)
        (void)printf("{\"size\":%" PRIu32, size);
    else
        (void)printf("queue size %" PRIu32 "\n  %-7s %-17s %9s %7s   %8s%s\n", size, "format",
                     "part", "bytes", "align", "offset", r->memory != NULL ? "   address" : "");
    for (unsigned f = 0; f < LAYOUT_FORMATS; f++) {
        if (!r->what.formats[f])
            continue;
        struct answer a = answer(r, (enum vq_format)f, size);
        good = good || (a.allowed && (r->memory == NULL || a.placed));
        if (r->json)
            json_answer(&a, (enum vq_format)f, r->memory != NULL);
        else
            table_answer(r, &a, (enum vq_format)f);
    }
    if (r->json)
        (void)putchar('}');
    return good;
}

/* A size that no format allows is an error before anything is printed. */
static bool sizes_allowed(const struct request *r)
{
    bool good = true;
    for (size_t i = 0; i < r->what.count; i++) {
        const struct format_words *strictest = NULL;
        bool allowed = false;
        for (unsigned f = 0; f < LAYOUT_FORMATS; f++) {
            struct vq_layout layout;
            if (!r->what.formats[f])
                continue;
            strictest = &layout_words[f];
            allowed = allowed || vq_layout_init(&layout, (enum vq_format)f, r->what.sizes[i],
                                                r->what.align) == VQ_OK;
        }
        if (!allowed && strictest != NULL)
            (void)fprintf(stderr,
                          "vq layout: a %s queue cannot have the size %" PRIu32 ": it is %s\n",
                          strictest->name, r->what.sizes[i], strictest->sizes);
        good = good && allowed;
    }
    return good;
}

static int answer_all(const struct request *r, const char *svg)
{
    bool good = true;
    if (!sizes_allowed(r))
        return VQ_EXIT_FAILED;
    if (svg != NULL && !svg_write("vq layout", svg, layout_draw, &r->what))
        return VQ_EXIT_FAILED;
    if (svg != NULL && strcmp(svg, "-") == 0)
        return VQ_EXIT_OK;
    bool array = r->json && r->what.count > 1;
    if (array)
        (void)putchar('[');
    for (size_t i = 0; i < r->what.count; i++) {
        if (i != 0)
            (void)putchar(r->json ? ',' : '\n');
        good = print_size(r, r->what.sizes[i]) && good;
    }
    if (array)
        (void)putchar(']');
    if (r->json)
        (void)putchar('\n');
    return good ? VQ_EXIT_OK : VQ_EXIT_FAILED;
}

static void usage(FILE *to)
{
    (void)fputs("usage: vq layout SIZE... [OPTION...]\n\n"
                "Bytes, alignment and offset of each part of a queue of SIZE descriptors.\n\n"
                "  --format FORMAT    split, legacy, packed or all (default)\n"
                "  --align N          Queue Align of a legacy queue (default 4096)\n"
                "  --fragments FILE   place the parts in free memory: lines 'address length',\n"
                "                     '#' begins a comment, - is standard input\n"
                "  --json             one object a size, in an array if there are several\n"
                "  --svg FILE         draw it to scale, - is standard output\n\n"
                "Exits 0; 1 if a size is not allowed or does not fit; 2 if not understood.\n",
                to);
}

static bool parse_format(const char *name, bool formats[LAYOUT_FORMATS])
{
    bool known = false;
    for (unsigned f = 0; f < LAYOUT_FORMATS; f++) {
        formats[f] = strcmp(name, "all") == 0 || strcmp(name, layout_words[f].name) == 0;
        known = known || formats[f];
    }
    if (!known)
        (void)fprintf(stderr, "vq layout: no format '%s': split, legacy, packed or all\n", name);
    return known;
}

static bool parse_align(const char *word, uint32_t *align)
{
    struct vq_layout layout;
    uint64_t n;
    if (!layout_number(word, UINT32_MAX, &n) || n == 0 ||
        vq_layout_init(&layout, VQ_FORMAT_LEGACY, 1, (uint32_t)n) != VQ_OK) {
        (void)fprintf(stderr, "vq layout: --align takes a power of two from 4 to 2^30, not '%s'\n",
                      word);
        return false;
    }
    *align = (uint32_t)n;
    return true;
}

static bool parse_sizes(char *const words[], size_t count, uint32_t sizes[])
{
    if (count == 0)
        (void)fputs("vq layout: which queue size? For example: vq layout 256\n", stderr);
    for (size_t i = 0; i < count; i++) {
        uint64_t n;
        if (!layout_number(words[i], UINT32_MAX, &n)) {
            (void)fprintf(stderr, "vq layout: '%s' is not a queue size\n", words[i]);
            return false;
        }
        sizes[i] = (uint32_t)n;
    }
    return count != 0;
}

int vq_cmd_layout(int argc, char **argv)
{
    static const struct option options[] = {
        {"align", required_argument, NULL, 'a'},
        {"format", required_argument, NULL, 'f'},
        {"fragments", required_argument, NULL, 'm'},
        {"json", no_argument, NULL, 'j'},
        {"svg", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct request r = {.what.formats = {true, true, true}};
    struct fragment_list memory = {NULL, NULL, 0};
    const char *fragments = NULL, *svg = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        bool good = true;
        if (option == 'a')
            good = parse_align(optarg, &r.what.align);
        else if (option == 'f')
            good = parse_format(optarg, r.what.formats);
        else if (option == 'm')
            fragments = optarg;
        else if (option == 'j')
            r.json = true;
        else if (option == 's')
            svg = optarg;
        else if (option == 'h') {
            usage(stdout);
            return VQ_EXIT_OK;
        } else
            good = false;
        if (!good)
            return VQ_EXIT_USAGE;
    }

    r.what.count = (size_t)(argc - optind);
    uint32_t *sizes = calloc(r.what.count + 1, sizeof(*sizes));
    if (sizes == NULL) {
        (void)fputs("vq layout: out of memory\n", stderr);
        return VQ_EXIT_FAILED;
    }
    r.what.sizes = sizes;
    int status = VQ_EXIT_USAGE;
    if (parse_sizes(argv + optind, r.what.count, sizes) &&
        (fragments == NULL || fragments_read(fragments, &memory))) {
        r.memory = fragments != NULL ? &memory : NULL;
        status = answer_all(&r, svg);
    }
    fragments_free(&memory);
    free(sizes);
    return status;
}
