/* A progress line on standard error, only where a person can see it; sizes for people. */
#include <string.h>
#include <unistd.h>

#include "blk.h"

#define WIDTH  30
#define PERIOD 100000000u /* nanoseconds between two pictures */

const char *blk_size_text(uint64_t bytes, char *text)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    unsigned unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(text, 32, unit == 0 ? "%.0f %s" : "%.4g %s", value, units[unit]);
    return text;
}

void blk_progress_begin(struct blk_progress *p, const char *what, uint64_t total)
{
    *p = (struct blk_progress){
        .what = what, .total = total, .begin = vq_clock_ns(), .on = isatty(STDERR_FILENO) != 0};
}

void blk_progress_show(struct blk_progress *p, uint64_t bytes)
{
    if (!p->on)
        return;
    uint64_t now = vq_clock_ns();
    if (now - p->shown < PERIOD && bytes != p->total)
        return;
    p->shown = now;
    double seconds = (double)(now - p->begin) / 1e9;
    char done[32], rate[32], bar[WIDTH + 1];
    double share = p->total != 0 ? (double)bytes / (double)p->total : 0;
    unsigned filled = (unsigned)(share * WIDTH);
    memset(bar, ' ', WIDTH);
    memset(bar, '=', filled <= WIDTH ? filled : WIDTH);
    bar[WIDTH] = '\0';
    (void)fprintf(stderr, "\r\033[K%s %s, %s/s", p->what, blk_size_text(bytes, done),
                  blk_size_text(seconds > 0 ? (uint64_t)((double)bytes / seconds) : 0, rate));
    if (p->total != 0)
        (void)fprintf(stderr, " [%s] %3.0f %%", bar, share * 100);
    (void)fflush(stderr);
}

void blk_progress_end(struct blk_progress *p)
{
    if (p->on && p->shown != 0)
        (void)fprintf(stderr, "\n");
    p->on = false;
}
