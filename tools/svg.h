/*
 * What the drawings of vq share: plain SVG 1.1 with a style sheet that follows the
 * reader's light or dark theme. All text is made by the tool itself: nothing from
 * outside gets into a file.
 */
#ifndef VQ_TOOLS_SVG_H
#define VQ_TOOLS_SVG_H

#include <stdbool.h>
#include <stdio.h>

/* Opens the drawing, on paper. `light` and `dark` are style rules besides the common ones, `defs`
 * may be empty. */
void svg_begin(FILE *to, double width, double height, const char *title, const char *light,
               const char *dark, const char *defs);
void svg_end(FILE *to);

/* A rectangle of a class, its corners rounded by `round`. */
void svg_box(FILE *to, double x, double y, double width, double height, double round,
             const char *class);

/* A word or sentence, at its start. */
void svg_text(FILE *to, const char *class, double x, double y, const char *words);

/* Lets `draw` write to `path`, "-" being standard output; false after it has said on standard error
 * why not, in the name of `command`. */
bool svg_write(const char *command, const char *path, void (*draw)(FILE *to, const void *what),
               const void *what);

#endif
