/*
 * `vq layout` as its users see it: the program is run, and what it prints is compared
 * to the byte or read back. argv[1] is the program.
 */
#define _GNU_SOURCE
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;

struct run {
    int status;
    char out[32768];
    char err[2048];
};

/* In the child: what `vq layout ARGUMENTS` would be in a shell; words are blank-separated. */
static void become(const char *arguments, int in, int out, int err)
{
    char text[256], *words[16] = {"vq", "layout"}, *rest = NULL;
    size_t count = 2;
    (void)snprintf(text, sizeof(text), "%s", arguments);
    for (char *word = strtok_r(text, " ", &rest); word != NULL && count < 15;
         word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2)
        (void)execv(program, words);
    _exit(127);
}

static void read_back(FILE *file, char *text, size_t room)
{
    rewind(file);
    text[fread(text, 1, room - 1, file)] = '\0';
    (void)fclose(file);
}

/* Runs `vq layout ARGUMENTS` with `input` on standard input. */
static struct run run(const char *arguments, const char *input)
{
    struct run r;
    FILE *in = tmpfile(), *out = tmpfile(), *err = tmpfile();
    int status = -1;
    assert_non_null(in);
    assert_non_null(out);
    assert_non_null(err);
    assert_true(fputs(input, in) >= 0);
    rewind(in);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        become(arguments, fileno(in), fileno(out), fileno(err));
    assert_int_equal(waitpid(child, &status, 0), child);
    r.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    (void)fclose(in);
    read_back(out, r.out, sizeof(r.out));
    read_back(err, r.err, sizeof(r.err));
    return r;
}

#define SPLIT(d, a, u, total)                                                                      \
    "\"split\":{\"descriptor\":{\"align\":16,\"bytes\":" d "},\"available\":{\"align\":2,"         \
    "\"bytes\":" a "},\"used\":{\"align\":4,\"bytes\":" u "},\"total\":" total "}"
#define LEGACY(d, a, u_offset, u, total)                                                           \
    "\"legacy\":{\"align\":4096,\"descriptor\":{\"offset\":0,\"bytes\":" d "},"                    \
    "\"available\":{\"offset\":" d ",\"bytes\":" a "},\"used\":{\"offset\":" u_offset              \
    ",\"bytes\":" u "},\"total\":" total "}"
#define PACKED(d, total)                                                                           \
    "\"packed\":{\"descriptor\":{\"align\":16,\"bytes\":" d "},\"driver_event\":{\"align\":4,"     \
    "\"bytes\":4},\"device_event\":{\"align\":4,\"bytes\":4},\"total\":" total "}"
#define SIZE_256                                                                                   \
    "{\"size\":256," SPLIT("4096", "518", "2054", "6668") "," LEGACY(                              \
        "4096", "518", "8192", "2054", "12288") "," PACKED("4096", "4104") "}"

static void json_of_five_sizes(void **state)
{
    static const char expected[] =
        "[{\"size\":1," SPLIT("16", "8", "14", "38") "," LEGACY("16", "8", "4096", "14", "8192") "," PACKED(
            "16",
            "24") "},"
                  "{\"size\":2," SPLIT("32", "10", "22", "64") "," LEGACY("32", "10", "4096", "22", "8192") "," PACKED(
                      "32",
                      "40") "},"
                            "{\"size\":4," SPLIT("64", "14", "38", "116") "," LEGACY(
                                "64",
                                "14",
                                "4096", "38",
                                "8192") "," PACKED("64",
                                                   "72") "}," SIZE_256 ","
                                                         "{\"size\":32768," SPLIT(
                                                             "524288", "65542",
                                                             "262150",
                                                             "851980") "," LEGACY("524288", "65542",
                                                                                  "593920",
                                                                                  "262150",
                                                                                  "860160") "," PACKED("524288",
                                                                                                       "524296") "}]\n";
    (void)state;
    struct run r = run("1 2 4 256 32768 --json", "");
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, expected);
    assert_string_equal(r.err, "");
}

static void json_of_one_size(void **state)
{
    (void)state;
    struct run r = run("256 --json", "");
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, SIZE_256 "\n");
    r = run("--format split 4 --json", "");
    assert_string_equal(r.out, "{\"size\":4," SPLIT("64", "14", "38", "116") "}\n");
    r = run("3 --json", "");
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out,
                        "{\"size\":3,\"split\":null,\"legacy\":null," PACKED("48", "56") "}\n");
    r = run("64 --json --format legacy --align 64", "");
    assert_string_equal(r.out, "{\"size\":64,\"legacy\":{\"align\":64,\"descriptor\":{\"offset\":0,"
                               "\"bytes\":1024},\"available\":{\"offset\":1024,\"bytes\":134},"
                               "\"used\":{\"offset\":1216,\"bytes\":518},\"total\":1792}}\n");
}

static void table_for_people(void **state)
{
    (void)state;
    struct run r = run("4", "");
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out,
                        "queue size 4\n"
                        "  format  part                  bytes   align     offset\n"
                        "  split   descriptor table         64      16        any\n"
                        "          available ring           14       2        any\n"
                        "          used ring                38       4        any\n"
                        "          in all                  116      16   nothing wasted\n"
                        "  legacy  descriptor table         64      16          0\n"
                        "          available ring           14       2         64\n"
                        "          used ring                38       4       4096\n"
                        "          one block              8192    4096   8076 wasted (98.6 %)\n"
                        "  packed  descriptor ring          64      16        any\n"
                        "          driver event              4       4        any\n"
                        "          device event              4       4        any\n"
                        "          in all                   72      16   nothing wasted\n");
}

static const char pool[] = "# address length\n"
                           "0x00100000 0x10000\n"
                           "  0x40000000\t0x41000   # page-aligned, not contiguous\n"
                           "\n"
                           "0x00200000 0xa0000\n"
                           "3145728 4096\n"
                           "0x7f000000 0x11000";

static void a_fragmented_pool(void **state)
{
    (void)state;
    struct run r = run("32768 --fragments - --format split --json", pool);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "\"total\":851980,\"place\":{\"descriptor\":\"0x"));
    r = run("32768 --fragments - --format split", pool);
    assert_non_null(strstr(r.out, "0x200000 (line 5)"));
    r = run("32768 --fragments - --format legacy", pool);
    assert_int_equal(r.status, 1);
    assert_non_null(strstr(r.out, "refused: the contiguous block of a legacy queue of 32768 needs "
                                  "860160 bytes in one piece at a multiple of 4096; the largest "
                                  "usable hole has 655360 of 1060864 free bytes; its parts would "
                                  "fit apart"));
    r = run("32768 --fragments - --format legacy --json", pool);
    assert_int_equal(r.status, 1);
    assert_non_null(strstr(r.out, "\"place\":null,\"refusal\":{\"limit\":\"contiguous\","
                                  "\"part\":\"all\",\"bytes\":860160,\"align\":4096,"
                                  "\"largest\":655360,\"free\":1060864,"));
    /* One of the formats can have it. */
    r = run("32768 --fragments -", pool);
    assert_int_equal(r.status, 0);
}

static void adjoining_fragments_are_one(void **state)
{
    (void)state;
    struct run r = run("256 --fragments - --format legacy", "8192 4096\n4096 4096\n12288 4096\n");
    assert_int_equal(r.status, 0);
    r = run("1024 --fragments - --format packed", "4096 4096\n");
    assert_int_equal(r.status, 1);
    assert_non_null(strstr(r.out, "the largest packed queue that fits has 255 descriptors"));
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *arguments, *input, *message;
        int status;
    } cases[] = {
        {"", "", "which queue size", 2},
        {"x", "", "'x' is not a queue size", 2},
        {"1x", "", "'1x' is not a queue size", 2},
        {"-- -1", "", "'-1' is not a queue size", 2},
        {"4 --align 3", "", "--align takes a power of two from 4 to 2^30, not '3'", 2},
        {"4 --align 0", "", "--align takes", 2},
        {"4 --format ring", "", "no format 'ring'", 2},
        {"4 --colour", "", "vq layout: unrecognized option '--colour'", 2},
        {"0", "", "size 0: it is any number from 1 to 32768", 1},
        {"4 65536", "", "size 65536", 1},
        {"3 --format split", "", "a split queue cannot have the size 3: it is a power of two", 1},
        {"3 --format legacy --json", "", "a legacy queue cannot have the size 3", 1},
        {"4 --fragments /nonexistent", "", "/nonexistent: No such file", 2},
        {"4 --svg /nonexistent/x", "", "cannot write /nonexistent/x", 1},
        {"4 --fragments -", "1 2\n\n5\n", "standard input:3: an address without a length", 2},
        {"4 --fragments -", "1 2 3\n", ":1: more than an address and a length", 2},
        {"4 --fragments -", "0x 3\n", ":1: the address is not", 2},
        {"4 --fragments -", "4 -3\n", ":1: the length is not", 2},
        {"4 --fragments -", "18446744073709551616 3\n", ":1: the address is not", 2},
        {"4 --fragments -", "0xffffffffffffffff 2\n", ":1: the fragment reaches beyond 2^64", 2},
        {"4 --fragments -", "0 9\n1 1\n", "lines 1 and 2 overlap at 0x1", 2},
        {"4 --fragments -", "7 1\n7 1\n", "overlap at 0x7", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct run r = run(cases[i].arguments, cases[i].input);
        if (strstr(r.err, cases[i].message) == NULL)
            fail_msg("'%s' said: %s", cases[i].arguments, r.err);
        assert_int_equal(r.status, cases[i].status);
        assert_string_equal(r.out, "");
    }
}

static void the_ends_of_the_address_space(void **state)
{
    (void)state;
    struct run r = run("4 --fragments - --format split",
                       "0xffffffffffffff80 0x80\n0 1\n18446744073709551487 0\n");
    assert_int_equal(r.status, 0);
    r = run("4 --fragments - --format split", "0 0xffffffffffffffff\n0xffffffffffffffff 1\n");
    assert_int_equal(r.status, 0);
}

static void a_drawing(void **state)
{
    (void)state;
    struct run r = run("4 --svg -", "");
    assert_int_equal(r.status, 0);
    assert_memory_equal(r.out, "<svg xmlns=", 11);
    assert_non_null(strstr(r.out, "116 bytes"));
    assert_non_null(strstr(r.out, "url(#hatch)"));
    assert_non_null(strstr(r.out, "prefers-color-scheme:dark"));
    assert_string_equal(r.out + strlen(r.out) - 7, "</svg>\n");
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(json_of_five_sizes, "the JSON of 1 2 4 256 32768, to the byte"),
        VQ_TEST(json_of_one_size, "the JSON of one size, one format, another alignment"),
        VQ_TEST(table_for_people, "the table for people"),
        VQ_TEST(a_fragmented_pool, "a pool that holds a split queue of 32768 and no legacy one"),
        VQ_TEST(adjoining_fragments_are_one, "fragments that adjoin are one"),
        VQ_TEST(what_is_wrong_is_said, "what is wrong is said, with the line, and exits 1 or 2"),
        VQ_TEST(the_ends_of_the_address_space, "fragments at the ends of the address space"),
        VQ_TEST(a_drawing, "a drawing that begins, ends and has numbers in it"),
    };
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s VQ\n", argv[0]);
        return 2;
    }
    program = argv[1];
    return VQ_RUN(tests);
}
