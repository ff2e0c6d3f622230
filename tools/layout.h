/* What the files of `vq layout` share: names of parts, free fragments, the drawing. */
#ifndef VQ_TOOLS_LAYOUT_H
#define VQ_TOOLS_LAYOUT_H

#include <stdio.h>

#include <vq/layout.h>

#define LAYOUT_FORMATS 3

struct format_words {
    const char *name;
    const char *sizes;          /* which queue sizes it allows */
    const char *part[VQ_PARTS]; /* for people */
    const char *key[VQ_PARTS];  /* in JSON */
};

extern const struct format_words layout_words[LAYOUT_FORMATS];

/* Free memory as read from a file: sorted, disjoint, adjoining fragments joined. */
struct fragment_list {
    struct vq_fragment *fragments;
    unsigned long *lines; /* where each stood (the first, if joined) */
    size_t count;
};

/* Reads `path` ("-": standard input); false after it has said on stderr what is wrong. */
bool fragments_read(const char *path, struct fragment_list *list);
void fragments_free(struct fragment_list *list);

/* Decimal or 0x hexadecimal, the whole word; false if it is not, or beyond `max`. */
bool layout_number(const char *word, uint64_t max, uint64_t *value);

struct drawing {
    const uint32_t *sizes;
    size_t count;
    bool formats[LAYOUT_FORMATS];
    uint32_t align;
};

/* Writes the sizes of a `struct drawing` one below the other, each to its own scale. */
void layout_draw(FILE *to, const void *drawing);

#endif
