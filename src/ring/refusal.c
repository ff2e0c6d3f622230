/*
 * A refusal of the placer in words. Apart from place.c, so that firmware which never
 * asks never links it. Writes nothing outside of the caller's buffer.
 */
#include <vq/layout.h>

struct line {
    char *text;
    size_t room;
    size_t length;
};

static void put_char(struct line *line, char c)
{
    if (line->length + 1 < line->room)
        line->text[line->length] = c;
    line->length++;
}

static void refusal_put(struct line *line, const char *words)
{
    while (*words != '\0')
        put_char(line, *words++);
}

/* Decimal by subtraction: a 64-bit division is a library call on small machines. */
static void put_number(struct line *line, uint64_t n)
{
    static const uint64_t powers[] = {
        UINT64_C(10000000000000000000),
        UINT64_C(1000000000000000000),
        UINT64_C(100000000000000000),
        UINT64_C(10000000000000000),
        UINT64_C(1000000000000000),
        UINT64_C(100000000000000),
        UINT64_C(10000000000000),
        UINT64_C(1000000000000),
        UINT64_C(100000000000),
        UINT64_C(10000000000),
        UINT64_C(1000000000),
        UINT64_C(100000000),
        UINT64_C(10000000),
        UINT64_C(1000000),
        UINT64_C(100000),
        UINT64_C(10000),
        UINT64_C(1000),
        UINT64_C(100),
        UINT64_C(10),
        UINT64_C(1),
    };
    bool begun = false;
    for (size_t i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
        char digit = '0';
        while (n >= powers[i]) {
            n -= powers[i];
            digit++;
        }
        begun = begun || digit != '0' || powers[i] == 1;
        if (begun)
            put_char(line, digit);
    }
}

static const char *const piece_names[][VQ_PARTS + 1] = {
    [VQ_FORMAT_SPLIT] = {"descriptor table", "available ring", "used ring", "block of all parts"},
    [VQ_FORMAT_LEGACY] = {"descriptor table", "available ring", "used ring", "contiguous block"},
    [VQ_FORMAT_PACKED] = {"descriptor ring", "driver event suppression structure",
                          "device event suppression structure", "block of all parts"},
};

static const char *const format_names[] = {
    [VQ_FORMAT_SPLIT] = "split",
    [VQ_FORMAT_LEGACY] = "legacy",
    [VQ_FORMAT_PACKED] = "packed",
};

static void put_need(struct line *line, const struct vq_refusal *why)
{
    refusal_put(line, "the ");
    refusal_put(line, piece_names[why->format][why->part]);
    refusal_put(line, " of a ");
    refusal_put(line, format_names[why->format]);
    refusal_put(line, " queue of ");
    put_number(line, why->size);
    refusal_put(line, " needs ");
    put_number(line, why->bytes);
    refusal_put(line, " bytes in one piece at a multiple of ");
    put_number(line, why->align);
}

static void put_holes(struct line *line, const struct vq_refusal *why)
{
    refusal_put(line, "the largest usable hole has ");
    put_number(line, why->largest);
    refusal_put(line, " of ");
    put_number(line, why->free);
    refusal_put(line, " free bytes");
}

static void put_bits(struct line *line, const struct vq_refusal *why)
{
    put_number(line, why->bits);
    refusal_put(line, " bits");
}

size_t vq_refusal_text(const struct vq_refusal *why, char *text, size_t room)
{
    struct line line = {text, room, 0};
    if (why->limit == VQ_LIMIT_NONE) {
        refusal_put(&line, "it fits");
    } else if ((unsigned)why->format > VQ_FORMAT_PACKED || (unsigned)why->part > VQ_PARTS ||
               why->limit == VQ_LIMIT_CONSTRAINTS) {
        refusal_put(&line, "the constraints make no sense");
    } else if (why->limit == VQ_LIMIT_SIZE) {
        refusal_put(&line, "no ");
        refusal_put(&line, format_names[why->format]);
        refusal_put(&line, " queue size suits both ends: ");
        put_number(&line, why->size);
        refusal_put(&line, " or more was asked for");
    } else if (why->limit == VQ_LIMIT_OVERLAP) {
        refusal_put(&line, "fragments overlap");
    } else {
        put_need(&line, why);
        refusal_put(&line, "; ");
        if (why->limit == VQ_LIMIT_ALIGN)
            refusal_put(&line, "a fragment is long enough but not from an aligned address on: ");
        if (why->limit == VQ_LIMIT_TOGETHER)
            refusal_put(&line, "each part fits alone, but beside the others ");
        if (why->limit == VQ_LIMIT_ADDRESS) {
            refusal_put(&line, "it would fit beyond the device's addresses of ");
            put_bits(&line, why);
            refusal_put(&line, ", within them ");
        }
        if (why->limit == VQ_LIMIT_PFN) {
            refusal_put(&line,
                        "it would fit where no page-frame number but 0 reaches (addresses of ");
            put_bits(&line, why);
            refusal_put(&line, "), within reach ");
        }
        put_holes(&line, why);
        if (why->limit == VQ_LIMIT_CONTIGUOUS)
            refusal_put(&line, "; its parts would fit apart, if the transport allowed it");
    }
    if (room != 0)
        text[line.length < room ? line.length : room - 1] = '\0';
    return line.length;
}
