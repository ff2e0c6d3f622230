/*
 * What `vq serve` says: on standard output one line an event, for people or as JSON,
 * on standard error words. May be called from any thread; each line goes out whole.
 */
#ifndef VQ_TOOLS_SERVE_REPORT_H
#define VQ_TOOLS_SERVE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/error.h>

#include "serve_options.h"

struct serve_disk {
    const char *kind; /* what answers: "io_uring", "memory" ... */
    uint64_t bytes;
    bool read_only;
};

/* A line on standard error, in which what paths hold is escaped. */
void report_trouble(const char *format, ...) __attribute__((format(printf, 1, 2)));

void report_ready(const struct serve_options *o, const struct serve_disk *disk);
void report_connected(const struct serve_options *o, uint64_t features, uint32_t regions);
void report_disconnected(const struct serve_options *o, const char *reason, uint64_t requests);
void report_broken(const struct serve_options *o, uint16_t queue, enum vq_broken reason);
void report_stopped(const struct serve_options *o, const char *why);

#endif
