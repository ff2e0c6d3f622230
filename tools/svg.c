/* The common half of every drawing: its head, its style, and where it is written to. */
#include "svg.h"

#include <errno.h>
#include <string.h>

/* d, a and u are the descriptor, the driver and the device area, and whatever else there are three
 * of. */
static const char light_rules[] =
    "text{font-family:'Inter','Segoe UI','Helvetica Neue','DejaVu Sans',Arial,sans-serif;"
    "fill:#1d2733}"
    ".paper{fill:#ffffff}"
    ".title{font-size:28px;font-weight:700}"
    ".sub{font-size:15px;fill:#5a6675}"
    ".note{font-size:13px;fill:#5a6675}"
    ".d{fill:#2f6db3}.a{fill:#c9761a}.u{fill:#2b8a66}"
    ".rule{stroke:#d5dbe3;stroke-width:1}"
    ".tick{stroke:#8c97a5;stroke-width:1}"
    ".frame{fill:none;stroke:#5a6675;stroke-width:1.5}";

static const char dark_rules[] = "text{fill:#e6ebf2}"
                                 ".paper{fill:#12181f}"
                                 ".sub,.note{fill:#9aa7b6}"
                                 ".d{fill:#3f7fc9}.a{fill:#c47a22}.u{fill:#2f9570}"
                                 ".rule{stroke:#2c3642}"
                                 ".tick{stroke:#6d7987}"
                                 ".frame{stroke:#9aa7b6}";

void svg_begin(FILE *to, double width, double height, const char *title, const char *light,
               const char *dark, const char *defs)
{
    (void)fprintf(to,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
                  "width=\"%.0f\" height=\"%.0f\" role=\"img\">\n<title>%s</title>\n"
                  "<style>%s%s@media (prefers-color-scheme:dark){%s%s}</style>\n%s",
                  width, height, width, height, title, light_rules, light, dark_rules, dark, defs);
    svg_box(to, 0, 0, width, height, 10, "paper");
}

void svg_end(FILE *to)
{
    (void)fputs("</svg>\n", to);
}

void svg_box(FILE *to, double x, double y, double width, double height, double round,
             const char *class)
{
    (void)fprintf(to,
                  "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" rx=\"%.1f\" "
                  "class=\"%s\"/>\n",
                  x, y, width, height, round, class);
}

void svg_text(FILE *to, const char *class, double x, double y, const char *words)
{
    (void)fprintf(to, "<text class=\"%s\" x=\"%.2f\" y=\"%.2f\">%s</text>\n", class, x, y, words);
}

bool svg_write(const char *command, const char *path, void (*draw)(FILE *to, const void *what),
               const void *what)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *to = standard ? stdout : fopen(path, "we");
    bool good = to != NULL;

    if (good) {
        draw(to, what);
        good = fflush(to) == 0 && ferror(to) == 0;
        if (!standard && fclose(to) != 0)
            good = false;
    }
    if (!good)
        (void)fprintf(stderr, "%s: cannot write %s: %s\n", command, path, strerror(errno));
    return good;
}
