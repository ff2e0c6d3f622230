/*
 * Lists of free memory: one fragment a line, `address length`, decimal or hexadecimal,
 * `#` begins a comment. The file is checked to the last line before anything is placed,
 * so that a slip in it never looks like memory that does not fit.
 */
#include "layout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct row {
    struct vq_fragment fragment;
    unsigned long line;
};

struct rows {
    struct row *row;
    size_t count;
    size_t room;
};

bool layout_number(const char *word, uint64_t max, uint64_t *value)
{
    bool hex = word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
    const char *digits = hex ? word + 2 : word;
    if (digits[strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789")] != '\0' ||
        digits[0] == '\0')
        return false;
    errno = 0;
    unsigned long long n = strtoull(digits, NULL, hex ? 16 : 10);
    if (errno != 0 || n > max)
        return false;
    *value = n;
    return true;
}

static bool add(struct rows *rows, struct row row)
{
    if (rows->count == rows->room) {
        size_t room = rows->room != 0 ? 2 * rows->room : 64;
        struct row *grown = reallocarray(rows->row, room, sizeof(*grown));
        if (grown == NULL)
            return false;
        rows->row = grown;
        rows->room = room;
    }
    rows->row[rows->count++] = row;
    return true;
}

/* One line; false with a sentence in *wrong. An empty line adds nothing. */
static bool read_line(char *text, unsigned long line, struct rows *rows, const char **wrong)
{
    static const char blanks[] = " \t\r\n\v\f";
    char *rest = NULL;
    struct row row = {.line = line};
    text[strcspn(text, "#")] = '\0';
    const char *address = strtok_r(text, blanks, &rest);
    const char *length = strtok_r(NULL, blanks, &rest);
    if (address == NULL)
        return true;
    *wrong = NULL;
    if (length == NULL)
        *wrong = "an address without a length";
    else if (strtok_r(NULL, blanks, &rest) != NULL)
        *wrong = "more than an address and a length";
    else if (!layout_number(address, UINT64_MAX, &row.fragment.address))
        *wrong = "the address is not a decimal or 0x hexadecimal number of 64 bits";
    else if (!layout_number(length, UINT64_MAX, &row.fragment.bytes))
        *wrong = "the length is not a decimal or 0x hexadecimal number of 64 bits";
    else if (row.fragment.bytes != 0 && row.fragment.bytes - 1 > UINT64_MAX - row.fragment.address)
        *wrong = "the fragment reaches beyond 2^64";
    else if (row.fragment.bytes != 0 && !add(rows, row))
        *wrong = "out of memory";
    return *wrong == NULL;
}

static int by_address(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return (x->fragment.address > y->fragment.address) -
           (x->fragment.address < y->fragment.address);
}

/* Joins what adjoins; false, with a message, for what overlaps. */
static bool join(const char *path, struct rows *rows)
{
    size_t kept = 0;
    if (rows->count != 0)
        qsort(rows->row, rows->count, sizeof(rows->row[0]), by_address);
    for (size_t i = 1; i < rows->count; i++) {
        struct row *last = &rows->row[kept], *next = &rows->row[i];
        uint64_t distance = next->fragment.address - last->fragment.address;
        if (distance < last->fragment.bytes) {
            (void)fprintf(stderr, "vq layout: %s: lines %lu and %lu overlap at 0x%" PRIx64 "\n",
                          path, last->line, next->line, next->fragment.address);
            return false;
        }
        if (distance == last->fragment.bytes &&
            next->fragment.bytes <= UINT64_MAX - last->fragment.bytes)
            last->fragment.bytes += next->fragment.bytes;
        else
            rows->row[++kept] = *next;
    }
    rows->count = rows->count != 0 ? kept + 1 : 0;
    return true;
}

static bool read_rows(const char *path, FILE *file, struct rows *rows)
{
    char *text = NULL;
    size_t room = 0;
    bool good = true;
    for (unsigned long line = 1; good; line++) {
        const char *wrong;
        ssize_t length = getline(&text, &room, file);
        if (length < 0)
            break;
        if (memchr(text, '\0', (size_t)length) != NULL) {
            (void)fprintf(stderr, "vq layout: %s:%lu: not a text file\n", path, line);
            good = false;
        } else if (!read_line(text, line, rows, &wrong)) {
            (void)fprintf(stderr, "vq layout: %s:%lu: %s\n", path, line, wrong);
            good = false;
        }
    }
    if (good && ferror(file)) {
        (void)fprintf(stderr, "vq layout: %s: %s\n", path, strerror(errno));
        good = false;
    }
    free(text);
    return good && join(path, rows);
}

bool fragments_read(const char *path, struct fragment_list *list)
{
    bool standard = strcmp(path, "-") == 0;
    struct rows rows = {NULL, 0, 0};
    FILE *file = standard ? stdin : fopen(path, "re");
    *list = (struct fragment_list){NULL, NULL, 0};
    if (file == NULL) {
        (void)fprintf(stderr, "vq layout: %s: %s\n", path, strerror(errno));
        return false;
    }
    bool good = read_rows(standard ? "standard input" : path, file, &rows);
    if (!standard)
        (void)fclose(file);
    if (good && rows.count != 0) {
        list->fragments = calloc(rows.count, sizeof(list->fragments[0]));
        list->lines = calloc(rows.count, sizeof(list->lines[0]));
        good = list->fragments != NULL && list->lines != NULL;
        if (!good)
            (void)fprintf(stderr, "vq layout: %s: out of memory\n", path);
    }
    if (good) {
        list->count = rows.count;
        for (size_t i = 0; i < rows.count; i++) {
            list->fragments[i] = rows.row[i].fragment;
            list->lines[i] = rows.row[i].line;
        }
    } else {
        fragments_free(list);
    }
    free(rows.row);
    return good;
}

void fragments_free(struct fragment_list *list)
{
    free(list->fragments);
    free(list->lines);
    *list = (struct fragment_list){NULL, NULL, 0};
}
