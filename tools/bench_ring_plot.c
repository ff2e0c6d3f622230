/*
 * vq bench ring --plot: formats and batches, one thread and two, each point the
 * median of several runs, which are interleaved so that what the machine does besides
 * falls on all of them. Drawn as nanoseconds of a buffer over the size of the batch.
 */
#include "bench_ring.h"
#include "svg.h"
#include "vq.h"

#include <stdlib.h>

enum { SERIES = 4, BATCHES = 7, RUNS = 5 };
_Static_assert(1 << (BATCHES - 1) == RING_SWEEP_BATCH, "batches of 1, 2, 4...");

static const struct series {
    enum vq_format format;
    bool in_order;
    const char *name, *class;
} series[SERIES] = {
    {VQ_FORMAT_SPLIT, false, "split", "sd"},
    {VQ_FORMAT_SPLIT, true, "split, in order", "sd dash"},
    {VQ_FORMAT_PACKED, false, "packed", "su"},
    {VQ_FORMAT_PACKED, true, "packed, in order", "su dash"},
};

struct panel {
    unsigned threads;
    struct ring_result result[SERIES][BATCHES][RUNS];
    double ns[SERIES][BATCHES]; /* the medians */
};

struct plot {
    const struct ring_options *o;
    struct panel panel[2];
    unsigned panels;
    double round_trip;
};

#define PANEL_WIDTH  560.0
#define LEFT         64.0 /* from the edge of a panel to its axis */
#define CHART_WIDTH  430.0
#define TOP          176.0
#define CHART_HEIGHT 320.0

static const char light[] = ".head{font-size:17px;font-weight:700}"
                            ".line{fill:none;stroke-width:2.5;stroke-linejoin:round}"
                            ".sd{stroke:#2f6db3}.su{stroke:#2b8a66}.dash{stroke-dasharray:7 5}"
                            ".trip{stroke:#c9761a;stroke-width:1.5;stroke-dasharray:2 4}"
                            ".at{text-anchor:middle}.end{text-anchor:end}";
static const char dark[] = ".sd{stroke:#6aa5ea}.su{stroke:#4cc094}.trip{stroke:#f0a95a}";

static double column(double x, unsigned batch)
{
    return x + LEFT + CHART_WIDTH * batch / (BATCHES - 1);
}

/* A round number of nanoseconds for the distance of two of about five lines. */
static double grid_step(double most)
{
    static const double steps[] = {1, 2, 2.5, 5, 10};
    double scale = 1;

    while (most / 5 > 10 * scale)
        scale *= 10;
    for (unsigned i = 0; i < 5; i++)
        if (most / 5 <= steps[i] * scale)
            return steps[i] * scale;
    return 10 * scale;
}

static void draw_grid(FILE *to, double x, double top, double step, double round_trip)
{
    char words[48];

    for (unsigned line = 0; line * step <= top; line++) {
        double ns = line * step;
        double y = TOP + CHART_HEIGHT * (1 - ns / top);

        (void)fprintf(to, "<path class=\"%s\" d=\"M%.1f %.1fh%.1f\"/>\n", ns == 0 ? "tick" : "rule",
                      x + LEFT, y, CHART_WIDTH);
        (void)snprintf(words, sizeof(words), "%g", ns);
        svg_text(to, "note end", x + LEFT - 8, y + 4, words);
        if (round_trip > 0) {
            (void)snprintf(words, sizeof(words), "%.2f", ns / round_trip);
            svg_text(to, "note", x + LEFT + CHART_WIDTH + 8, y + 4, words);
        }
    }
    for (unsigned b = 0; b < BATCHES; b++) {
        (void)snprintf(words, sizeof(words), "%u", 1u << b);
        svg_text(to, "note at", column(x, b), TOP + CHART_HEIGHT + 22, words);
    }
    svg_text(to, "note at", x + LEFT + CHART_WIDTH / 2, TOP + CHART_HEIGHT + 44,
             "buffers at a time");
    svg_text(to, "note", x + LEFT - 36, TOP - 16, "ns per buffer");
    if (round_trip > 0)
        svg_text(to, "note end", x + LEFT + CHART_WIDTH + 36, TOP - 16, "in round trips");
}

static void draw_panel(FILE *to, double x, const struct panel *p, double round_trip)
{
    double most = 0, step, top;

    for (unsigned s = 0; s < SERIES; s++)
        for (unsigned b = 0; b < BATCHES; b++)
            most = p->ns[s][b] > most ? p->ns[s][b] : most;
    step = grid_step(most);
    for (unsigned lines = 1; (top = lines * step) < most; lines++)
        ;
    svg_text(to, "head", x + LEFT - 36, TOP - 44,
             p->threads == 1 ? "One thread at both ends: the code"
                             : "Two threads on two processors: cache lines too");
    draw_grid(to, x, top, step, round_trip);
    if (round_trip > 0 && round_trip <= top)
        (void)fprintf(to, "<path class=\"trip\" d=\"M%.1f %.1fh%.1f\"/>\n", x + LEFT,
                      TOP + CHART_HEIGHT * (1 - round_trip / top), CHART_WIDTH);
    for (unsigned s = 0; s < SERIES; s++) {
        (void)fprintf(to, "<path class=\"line %s\" d=\"", series[s].class);
        for (unsigned b = 0; b < BATCHES; b++)
            (void)fprintf(to, "%c%.1f %.1f", b == 0 ? 'M' : 'L', column(x, b),
                          TOP + CHART_HEIGHT * (1 - p->ns[s][b] / top));
        (void)fputs("\"/>\n", to);
        for (unsigned b = 0; b < BATCHES; b++)
            (void)fprintf(to,
                          "<circle class=\"%c\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%s, %u at a "
                          "time: %.1f ns</title></circle>\n",
                          series[s].class[1], column(x, b),
                          TOP + CHART_HEIGHT * (1 - p->ns[s][b] / top), series[s].name, 1u << b,
                          p->ns[s][b]);
    }
}

static void draw(FILE *to, const void *what)
{
    const struct plot *plot = what;
    char words[200];

    svg_begin(to, PANEL_WIDTH * (plot->panels < 2 ? 1.25 : 2), TOP + CHART_HEIGHT + 70,
              "Nanoseconds of a buffer by batch size", light, dark, "");
    svg_text(to, "title", 28, 50, "A buffer through a virtqueue and back");
    (void)snprintf(words, sizeof(words), "Ring of %u, %s buffers of %u element%s, notify %s.",
                   (unsigned)plot->o->size, plot->o->indirect ? "indirect" : "direct",
                   (unsigned)plot->o->elements, plot->o->elements == 1 ? "" : "s",
                   ring_notify_words[plot->o->notify]);
    svg_text(to, "sub", 28, 76, words);
    for (unsigned s = 0; s < SERIES; s++) {
        double x = 28 + 160.0 * s;

        (void)fprintf(to, "<path class=\"line %s\" d=\"M%.0f 98h30\"/>\n", series[s].class, x);
        svg_text(to, "note", x + 38, 102, series[s].name);
    }
    if (plot->round_trip > 0) {
        double x = plot->panels < 2 ? 440 : 700;

        (void)snprintf(words, sizeof(words), "a cache line there and back: %.0f ns",
                       plot->round_trip);
        (void)fprintf(to, "<path class=\"trip\" d=\"M%.0f %dh30\"/>\n", x,
                      plot->panels < 2 ? 72 : 98);
        svg_text(to, "note", x + 38, plot->panels < 2 ? 76 : 102, words);
    }
    for (unsigned i = 0; i < plot->panels; i++)
        draw_panel(to, PANEL_WIDTH * i, &plot->panel[i], plot->round_trip);
    svg_end(to);
}

static int compare(const void *a, const void *b)
{
    double x = ((const struct ring_result *)a)->ns_per_buffer;
    double y = ((const struct ring_result *)b)->ns_per_buffer;

    return (x > y) - (x < y);
}

static struct ring_options point(const struct plot *plot, const struct panel *p, unsigned s,
                                 unsigned b)
{
    struct ring_options o = *plot->o;

    o.format = series[s].format;
    o.in_order = series[s].in_order;
    o.big = o.apart = false;
    o.threads = p->threads;
    o.batch = UINT64_C(1) << b;
    return o;
}

static bool measure_all(const struct plot *plot, struct panel *p)
{
    for (unsigned run = 0; run < RUNS; run++)
        for (unsigned b = 0; b < BATCHES; b++)
            for (unsigned s = 0; s < SERIES; s++) {
                struct ring_options o = point(plot, p, s, b);
                if (!ring_measure(&o, &p->result[s][b][run]))
                    return false;
            }
    return true;
}

int ring_sweep(const struct ring_options *o, const char *path)
{
    static struct plot plot;
    /* A drawing on standard output has it for itself. */
    bool quiet = path[0] == '-' && path[1] == '\0';

    plot.o = o;
    plot.round_trip = ring_round_trip();
    plot.panels = bench_processors() < 2 ? 1 : 2;
    (void)bench_pin(0);
    for (unsigned i = 0; i < plot.panels; i++) {
        struct panel *p = &plot.panel[i];

        p->threads = i + 1;
        if (!measure_all(&plot, p))
            return VQ_EXIT_FAILED;
        for (unsigned s = 0; s < SERIES; s++)
            for (unsigned b = 0; b < BATCHES; b++) {
                struct ring_options at = point(&plot, p, s, b);

                qsort(p->result[s][b], RUNS, sizeof(p->result[s][b][0]), compare);
                p->ns[s][b] = p->result[s][b][RUNS / 2].ns_per_buffer;
                if (!quiet)
                    ring_report(&at, &p->result[s][b][RUNS / 2], plot.round_trip);
            }
    }
    return svg_write("vq bench ring", path, draw, &plot) ? VQ_EXIT_OK : VQ_EXIT_FAILED;
}
