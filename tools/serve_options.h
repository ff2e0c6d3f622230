/* What the command line of `vq serve blk` says. */
#ifndef VQ_TOOLS_SERVE_OPTIONS_H
#define VQ_TOOLS_SERVE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/feature.h>

#include "host/blk_backend.h"

struct serve_options {
    const char *socket_path; /* or NULL, then: */
    int fd;
    enum vq_blk_source source;
    const char *file;
    uint64_t bytes; /* of memory or of nothing; a multiple of the block size */
    bool read_only;
    uint16_t queues;
    uint16_t queue_size;
    uint32_t block_size; /* 0: what the disk has */
    const char *serial;  /* or NULL */
    uint32_t poll_us;
    struct vq_features disabled;
    bool json;
};

enum serve_parsed {
    SERVE_RUN,
    SERVE_DONE,  /* it asked for a text only, which has been printed */
    SERVE_WRONG, /* said on standard error */
};

/* The strings point into argv, which is left in another order. */
enum serve_parsed serve_parse(struct serve_options *options, int argc, char **argv);

#endif
