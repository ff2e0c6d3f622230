/*
 * The vq tool: finds the subcommand and hands over to it. A subcommand is one row of
 * the table below and one function in a file of its name.
 */
#include "vq.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"bench", vq_cmd_bench, "measure the ring and the disk"},
    {"blk", vq_cmd_blk, "be a driver: show, copy and test a disk behind a vhost-user socket"},
    {"layout", vq_cmd_layout, "say how many bytes a queue takes, and where it can be put"},
    {"serve", vq_cmd_serve, "serve a disk to a virtual machine over vhost-user"},
};

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void usage(FILE *to)
{
    (void)fputs("usage: vq COMMAND [ARGUMENT...]\n\n", to);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        (void)fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
    (void)fputs("\n  vq help COMMAND    what a command takes\n"
                "  vq --version       which vq this is\n",
                to);
}

static int unknown(const char *name)
{
    (void)fprintf(stderr, "vq: there is no command '%s'; vq --help lists them\n", name);
    return VQ_EXIT_USAGE;
}

/* With a name that getopt can put in front of its messages. */
static int start(const struct command *command, int argc, char **argv)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "vq %s", command->name);
    argv[0] = name;
    return command->run(argc, argv);
}

static int help(int argc, char **argv)
{
    char option[] = "--help";
    if (argc < 2) {
        usage(stdout);
        return VQ_EXIT_OK;
    }
    const struct command *command = find(argv[1]);
    char *arguments[] = {argv[1], option, NULL};
    return command != NULL ? start(command, 2, arguments) : unknown(argv[1]);
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return VQ_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return help(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0) {
        (void)puts("vq " VQ_VERSION);
        return VQ_EXIT_OK;
    }
    const struct command *command = find(name);
    return command != NULL ? start(command, argc - 1, argv + 1) : unknown(name);
}

int main(int argc, char **argv)
{
    int status = run(argc, argv);
    /* A full disk or a closed pipe must not look like success. */
    bool failed = fflush(stdout) != 0 || ferror(stdout) != 0;
    if (failed && status == VQ_EXIT_OK) {
        perror("vq: cannot write the output");
        status = VQ_EXIT_FAILED;
    }
    return status;
}
