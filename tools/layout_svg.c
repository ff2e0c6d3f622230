/*
 * The drawing of `vq layout --svg`: for each size one group, and in it one bar a format,
 * all of a group to one scale. Not to scale are the gaps between the parts of a flexible
 * queue, which say that each is free to lie elsewhere, and parts thinner than a hair. A
 * queue that is too small to be seen beside the others is shown again, magnified.
 */
#include "layout.h"
#include "svg.h"

#include <inttypes.h>

#define WIDTH      1160
#define LEFT       120.0 /* where bars begin */
#define BAR        720.0 /* the widest bar */
#define RIGHT      872.0 /* where the words beside the bars begin */
#define THICK      34.0
#define ROW        74.0
#define HEADER     132.0
#define GROUP_HEAD 46.0
#define GROUP_FOOT 2.0
#define GAP        7.0  /* between parts that may lie anywhere */
#define HAIR       1.2  /* the thinnest part that is drawn */
#define SLIVER     0.05 /* a bar narrower than this share of BAR gets a magnifier */

static const char light[] = ".size{font-size:19px;font-weight:700}"
                            ".format{font-size:16px;font-weight:600}"
                            ".total{font-size:16px;font-weight:700}"
                            ".loss{font-size:13px;fill:#b3362c}"
                            ".in{font-size:13px;font-weight:600;fill:#ffffff}"
                            ".td{fill:#2f6db3;font-size:13px}.ta{fill:#a85f0e;font-size:13px}"
                            ".tu{fill:#237354;font-size:13px}"
                            ".hatch{stroke:#9aa5b3;stroke-width:2}"
                            ".pad{fill:#eef1f5}"
                            ".lens{fill:#8c97a5;fill-opacity:.16}";
static const char dark[] = ".loss{fill:#ff8a7d}"
                           ".in{fill:#ffffff}"
                           ".td{fill:#7db2ef}.ta{fill:#f0a95a}.tu{fill:#63c9a1}"
                           ".hatch{stroke:#5d6978}"
                           ".pad{fill:#1c242d}";

static const char *const part_class[VQ_PARTS] = {"d", "a", "u"};

/* The order in which parts are drawn: along the offsets of a legacy block. */
static const enum vq_part drawn[VQ_PARTS] = {VQ_DESCRIPTOR_AREA, VQ_DRIVER_AREA, VQ_DEVICE_AREA};

struct number {
    char text[40];
};

/* 860160 as 860 160, with narrow no-break spaces. */
static struct number grouped(uint32_t n)
{
    static const char space[] = "\xe2\x80\xaf";
    char digits[16];
    struct number out;
    size_t length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu32, n), at = 0;
    for (size_t i = 0; i < length; i++) {
        if (i != 0 && (length - i) % 3 == 0)
            for (const char *s = space; *s != '\0'; s++)
                out.text[at++] = *s;
        out.text[at++] = digits[i];
    }
    out.text[at] = '\0';
    return out;
}

/* About how wide digits and words get at 13 px; enough to decide whether they fit. */
static double text_width(const char *text)
{
    double width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) == 0x80 ? 0 : 8.2;
    return width;
}

static void part_box(FILE *to, double x, double y, double width, double round, unsigned part,
                     uint32_t bytes)
{
    struct number n = grouped(bytes);
    if (width < HAIR)
        width = HAIR;
    svg_box(to, x, y, width, THICK, width < 3 * round ? width / 3 : round, part_class[part]);
    if (text_width(n.text) + 10 <= width)
        (void)fprintf(to,
                      "<text class=\"in\" text-anchor=\"middle\" x=\"%.2f\" y=\"%.2f\">%s</text>\n",
                      x + width / 2, y + THICK / 2 + 5, n.text);
}

/* What stands below a bar: each part's bytes and name, in its colour. */
static void caption(FILE *to, double y, const struct vq_layout *l)
{
    (void)fprintf(to, "<text class=\"note\" x=\"%.2f\" y=\"%.2f\">", LEFT, y + THICK + 17);
    for (unsigned i = 0; i < VQ_PARTS; i++)
        (void)fprintf(to, "<tspan class=\"t%s\"%s>%s %s</tspan>", part_class[drawn[i]],
                      i != 0 ? " dx=\"18\"" : "", grouped(l->part[drawn[i]].bytes).text,
                      layout_words[l->format].part[drawn[i]]);
    (void)fputs("</text>\n", to);
}

static void beside(FILE *to, double y, const struct vq_layout *l, const char *class,
                   const char *note)
{
    (void)fprintf(to, "<text class=\"total\" x=\"%.2f\" y=\"%.2f\">%s bytes</text>\n", RIGHT,
                  y + 15, grouped(l->total).text);
    (void)fprintf(to, "<text class=\"%s\" x=\"%.2f\" y=\"%.2f\">%s</text>\n", class, RIGHT, y + 34,
                  note);
}

/* The parts side by side from x on; returns where they end. */
static double parts(FILE *to, double x, double y, const struct vq_layout *l, double scale)
{
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        double width = l->part[drawn[i]].bytes * scale;
        part_box(to, x, y, width, 5, drawn[i], l->part[drawn[i]].bytes);
        x += width + GAP;
    }
    return x - GAP;
}

static void draw_flexible(FILE *to, double y, const struct vq_layout *l, double scale)
{
    char note[120];
    double whole = l->total * scale;
    if (whole >= SLIVER * BAR) {
        parts(to, LEFT, y, l, scale);
    } else {
        /* To scale at the left, then the same again, magnified by a round factor. */
        double x = LEFT, from = LEFT + 90, factor = 1;
        for (unsigned i = 0; i < VQ_PARTS; i++) {
            double width = l->part[drawn[i]].bytes * scale;
            svg_box(to, x, y, width, THICK, 0, part_class[drawn[i]]);
            x += width;
        }
        while (2 * factor * whole < BAR * 0.6)
            factor *= 2;
        double end = parts(to, from, y, l, scale * factor);
        (void)fprintf(
            to,
            "<path class=\"lens\" d=\"M%.2f %.2fL%.2f %.2fV%.2fL%.2f %.2fZ\"/>\n"
            "<text class=\"note\" x=\"%.2f\" y=\"%.2f\">the same, %.0f times larger</text>\n",
            x + 3, y + THICK * 0.4, from - 4, y, y + THICK, x + 3, y + THICK * 0.6, end + 14,
            y + THICK / 2 + 5, factor);
    }
    caption(to, y, l);
    (void)snprintf(note, sizeof(note), "no padding; largest piece %s",
                   grouped(l->part[VQ_DESCRIPTOR_AREA].bytes).text);
    beside(to, y, l, "note", note);
}

static void draw_padding(FILE *to, double from, double end, double y)
{
    if (end - from < 0.05)
        return;
    svg_box(to, from, y, end - from, THICK, 0, "pad");
    (void)fprintf(
        to, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"url(#hatch)\"/>\n",
        from, y, end - from, THICK);
}

static void draw_legacy(FILE *to, double y, const struct vq_layout *l, double scale)
{
    char note[120];
    uint32_t used = 0;
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        const struct vq_part_layout *part = &l->part[drawn[i]];
        uint32_t next = i + 1 < VQ_PARTS ? l->part[drawn[i + 1]].offset : l->total;
        double x = LEFT + part->offset * scale, width = part->bytes * scale;
        part_box(to, x, y, width, 0, drawn[i], part->bytes);
        draw_padding(to, x + width, LEFT + next * scale, y);
        used += part->bytes;
    }
    svg_box(to, LEFT, y, l->total * scale, THICK, 0, "frame");
    /* Multiples of Queue Align, as long as they can be told apart. */
    if (l->align * scale >= 6)
        for (uint32_t at = 0; at <= l->total - l->align; at += l->align)
            (void)fprintf(to, "<path class=\"tick\" d=\"M%.2f %.2fv5\"/>\n",
                          LEFT + (at + l->align) * scale, y + THICK + 1);
    caption(to, y + 3, l);
    uint32_t wasted = l->total - used;
    (void)snprintf(note, sizeof(note), "in one piece; %s padding (%.*f %%)", grouped(wasted).text,
                   100.0 * wasted / l->total < 10 ? 1 : 0, 100.0 * wasted / l->total);
    beside(to, y, l, "loss", note);
}

/* One size; returns where the next may begin. */
static double draw_group(FILE *to, double y, const struct drawing *drawing, uint32_t size)
{
    struct vq_layout layout[LAYOUT_FORMATS];
    bool allowed[LAYOUT_FORMATS];
    uint32_t largest = 1;
    bool flexible = false;
    for (unsigned f = 0; f < LAYOUT_FORMATS; f++) {
        allowed[f] = drawing->formats[f] &&
                     vq_layout_init(&layout[f], (enum vq_format)f, size, drawing->align) == VQ_OK;
        if (allowed[f] && layout[f].total > largest)
            largest = layout[f].total;
        flexible = flexible || (allowed[f] && f != VQ_FORMAT_LEGACY);
    }
    /* Room for the two gaps, in case that a flexible queue is the largest. */
    double scale = (flexible ? BAR - 2 * GAP : BAR) / largest;

    (void)fprintf(to, "<path class=\"rule\" d=\"M40 %.2fH%d\"/>\n", y, WIDTH - 40);
    (void)fprintf(to, "<text class=\"size\" x=\"40\" y=\"%.2f\">queue of %s</text>\n", y + 32,
                  grouped(size).text);
    y += GROUP_HEAD;
    for (unsigned f = 0; f < LAYOUT_FORMATS; f++) {
        if (!drawing->formats[f])
            continue;
        (void)fprintf(to, "<text class=\"format\" x=\"40\" y=\"%.2f\">%s</text>\n",
                      y + THICK / 2 + 6, layout_words[f].name);
        if (!allowed[f])
            (void)fprintf(to, "<text class=\"note\" x=\"%.2f\" y=\"%.2f\">takes %s</text>\n", LEFT,
                          y + THICK / 2 + 5, layout_words[f].sizes);
        else if (f == VQ_FORMAT_LEGACY)
            draw_legacy(to, y, &layout[f], scale);
        else
            draw_flexible(to, y, &layout[f], scale);
        y += ROW;
    }
    return y + GROUP_FOOT;
}

static void draw_header(FILE *to, const struct drawing *drawing)
{
    struct vq_layout legacy;
    static const struct {
        const char *class;
        const char *words;
        double x;
    } legend[] = {
        {"d", "descriptor area", 40},
        {"a", "driver area", 200},
        {"u", "device area", 330},
        {"pad", "padding", 460},
    };
    (void)fputs(
        "<text class=\"title\" x=\"40\" y=\"54\">What a virtqueue takes</text>\n"
        "<text class=\"sub\" x=\"40\" y=\"80\">Split and packed parts may lie anywhere; a legacy "
        "queue is one aligned block. Each size is drawn to its own scale.</text>\n",
        to);
    for (size_t i = 0; i < sizeof(legend) / sizeof(legend[0]); i++) {
        svg_box(to, legend[i].x, 98, 16, 16, 3, legend[i].class);
        if (legend[i].class[0] == 'p')
            (void)fprintf(to,
                          "<rect x=\"%.0f\" y=\"98\" width=\"16\" height=\"16\" rx=\"3\" "
                          "fill=\"url(#hatch)\"/>\n",
                          legend[i].x);
        (void)fprintf(to, "<text class=\"note\" x=\"%.0f\" y=\"111\">%s</text>\n", legend[i].x + 24,
                      legend[i].words);
    }
    if (drawing->formats[VQ_FORMAT_LEGACY] &&
        vq_layout_init(&legacy, VQ_FORMAT_LEGACY, 1, drawing->align) == VQ_OK)
        (void)fprintf(to,
                      "<path class=\"tick\" d=\"M566 101v10\"/><text class=\"note\" x=\"574\" "
                      "y=\"111\">every %s bytes</text>\n",
                      grouped(legacy.align).text);
}

void layout_draw(FILE *to, const void *what)
{
    const struct drawing *drawing = what;
    unsigned rows = 0;
    for (unsigned f = 0; f < LAYOUT_FORMATS; f++)
        rows += drawing->formats[f];
    double height = HEADER + (double)drawing->count * (GROUP_HEAD + rows * ROW + GROUP_FOOT) + 14;
    svg_begin(to, WIDTH, height, "Bytes of a virtqueue's parts", light, dark,
              "<defs><pattern id=\"hatch\" width=\"7\" height=\"7\" "
              "patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
              "<path class=\"hatch\" d=\"M0 0V7\"/></pattern></defs>\n");
    draw_header(to, drawing);
    double y = HEADER;
    for (size_t i = 0; i < drawing->count; i++)
        y = draw_group(to, y, drawing, drawing->sizes[i]);
    svg_end(to);
}
