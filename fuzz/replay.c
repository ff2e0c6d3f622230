/*
 * A main for compilers without a fuzzer: gives inputs to the target, each once, and
 * prints TAP.
 *
 *     replay FILE.hex...     lines of an input in hexadecimal, maybe after a name
 *     replay FOLDER...       each file in it is an input
 *     replay --unpack FOLDER FILE.hex...   writes the inputs as files, for a fuzzer
 *
 * An input with a name is a finding of the past, and a test of its own; the others
 * are seeds, one test in all.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINE = 1 << 16, NAME = 4096 };

static unsigned tests, seeds, lost;
static const char *unpack;

static void trouble(const char *what, const char *name)
{
    printf("not ok %u - %s: %s\n", ++tests, name, what);
    lost++;
}

static void write_input(const char *name, const uint8_t *data, size_t bytes)
{
    char path[NAME];
    FILE *f = NULL;

    if (snprintf(path, sizeof(path), "%s/%s", unpack, name) < (int)sizeof(path))
        f = fopen(path, "wb");
    if (!f || fwrite(data, 1, bytes, f) != bytes)
        trouble("cannot be written", name);
    if (f && fclose(f) != 0)
        trouble("cannot be written", name);
}

static void input(const char *name, const uint8_t *data, size_t bytes, bool seed)
{
    /* An allocation of its own size: a step beyond the input is one too many. */
    uint8_t *exact = malloc(bytes ? bytes : 1);

    if (!exact)
        abort();
    memcpy(exact, data, bytes);
    if (unpack) {
        write_input(name, exact, bytes);
    } else {
        /* If it ends here, the last line says where. */
        printf("# %s\n", name);
        fflush(stdout);
        (void)LLVMFuzzerTestOneInput(exact, bytes);
        if (!seed)
            printf("ok %u - %s\n", ++tests, name);
    }
    seeds += seed;
    free(exact);
}

static int digit(int c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NAME: HEX or HEX; what begins with # is for people. */
static void input_line(char *line)
{
    static uint8_t data[LINE / 2];
    char name[32];
    char *colon = strchr(line, ':');
    const char *hex = colon ? colon + 1 : line;
    size_t bytes = 0;

    if (line[0] == '#')
        return;
    if (colon)
        *colon = '\0';
    else
        snprintf(name, sizeof(name), "seed-%u", seeds);
    hex += strspn(hex, " ");
    for (; digit(hex[0]) >= 0 && digit(hex[1]) >= 0; hex += 2)
        data[bytes++] = (uint8_t)(16 * digit(hex[0]) + digit(hex[1]));
    if (*hex != '\n' && *hex != '\0')
        trouble("is not hexadecimal", colon ? line : name);
    else
        input(colon ? line : name, data, bytes, !colon);
}

static void lines(FILE *f)
{
    static char line[LINE];

    while (fgets(line, sizeof(line), f))
        input_line(line);
}

static void whole(const char *name, FILE *f)
{
    static uint8_t data[1 << 20];
    size_t bytes = fread(data, 1, sizeof(data), f);

    input(name, data, bytes, true);
}

static void file(const char *path)
{
    FILE *f = fopen(path, "rb");
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(name);

    if (!f)
        trouble("cannot be read", name);
    else if (length > 4 && strcmp(name + length - 4, ".hex") == 0)
        lines(f);
    else
        whole(name, f);
    if (f)
        fclose(f);
}

static void folder(const char *path, DIR *dir)
{
    const struct dirent *entry;

    while ((entry = readdir(dir)) != NULL) {
        char name[NAME];
        if (entry->d_name[0] != '.' &&
            snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) < (int)sizeof(name))
            file(name);
    }
}

int main(int argc, char **argv)
{
    int i = 1;

    if (argc > 2 && strcmp(argv[1], "--unpack") == 0) {
        unpack = argv[2];
        i = 3;
    }
    for (; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir) {
            folder(argv[i], dir);
            closedir(dir);
        } else {
            file(argv[i]);
        }
    }
    if (seeds != 0)
        printf("ok %u - %u seeds\n", ++tests, seeds);
    printf("1..%u\n", tests);
    return lost != 0;
}
