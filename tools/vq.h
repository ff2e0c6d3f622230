/*
 * The subcommands of the vq tool. Each gets "vq NAME" as argv[0] and its arguments
 * after it, prints its own errors, and returns what the process exits with.
 */
#ifndef VQ_TOOLS_VQ_H
#define VQ_TOOLS_VQ_H

enum {
    VQ_EXIT_OK = 0,
    VQ_EXIT_FAILED = 1, /* understood, but it cannot be had or did not work */
    VQ_EXIT_USAGE = 2,  /* not understood: options, arguments, input files */
};

int vq_cmd_bench(int argc, char **argv);
int vq_cmd_blk(int argc, char **argv);
int vq_cmd_layout(int argc, char **argv);
int vq_cmd_serve(int argc, char **argv);

#endif
