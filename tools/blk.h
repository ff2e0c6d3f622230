/*
 * What the files of `vq blk` share: the options, the opened disk, and the engine
 * that keeps many requests in flight.
 */
#ifndef VQ_TOOLS_BLK_H
#define VQ_TOOLS_BLK_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <vq/blk_driver.h>
#include <vq/feature_name.h>
#include <vq/vhost_user_frontend.h>

#include "vhost_user/clock.h"
#include "vq.h"

struct blk_options {
    const char *path;
    uint64_t offset;
    uint64_t length;
    bool has_length;
    bool json;
    bool overwrite;
    bool unmap;
    uint16_t queues;
    uint16_t queue_size;
    uint16_t depth;
    uint32_t chunk; /* bytes of one request, at most */
    uint64_t seed;
    unsigned passes;
    int timeout_ms; /* without any answer */
    struct vq_features without;
    struct vq_features require;
};

/* One request that may be in flight, with its piece of the arena. */
struct blk_job {
    struct vq_blk_driver_request request; /* `data` is set by the engine */
    uint8_t *buffer;                      /* chunk bytes ... */
    uint64_t address;                     /* ... and where the device sees them */
    uint32_t bytes;                       /* of them, the request's data */
    uint64_t sequence;                    /* the caller's own */
    bool held;                            /* done, and kept by the caller */
    bool free;
};

struct blk_disk {
    const struct blk_options *options;
    struct vq_vhost_frontend *frontend;
    struct vq_blk_driver driver;
    struct vq_blk_driver_queue *queues;
    void *private_memory;
    struct blk_job *jobs;
    struct blk_job **free_jobs;
    size_t job_count;
    size_t free_count;
    size_t in_flight;
    size_t next_queue;
};

/* Connects and initialises. Prints what went wrong. */
bool blk_open(struct blk_disk *disk, const struct blk_options *options);
/* Resets the device and gives everything back; any state of an opened disk will do. */
void blk_close(struct blk_disk *disk);

/* Prints an error about the disk, with the reason why the connection ended if it did. */
void blk_complain(const struct blk_disk *disk, const char *doing, enum vq_error error);

/*
 * Keeps as many requests in flight as there are jobs until `next` has none left
 * and all have ended. `next` fills in a job's request and bytes, or returns false.
 * `done` gets the answer and returns false to stop; a job that it marks `held` is
 * kept until blk_release. False when it was stopped, interrupted or the disk
 * failed, of which the latter two are printed.
 */
struct blk_work {
    bool (*next)(void *context, struct blk_job *job);
    bool (*done)(void *context, struct blk_job *job, enum vq_error error);
    void *context;
    const char *doing;
};
bool blk_run(struct blk_disk *disk, const struct blk_work *work);
void blk_release(struct blk_disk *disk, struct blk_job *job);

/*
 * One request, waited for. Its data are `bytes` of the job's buffer. False when
 * the disk failed, which is printed; else *answer is what the device said.
 */
bool blk_one(struct blk_disk *disk, struct blk_job *job, const char *doing, enum vq_error *answer);
/* A job that is free now, for blk_one; only between runs. */
struct blk_job *blk_any_job(struct blk_disk *disk);
/* Flushes if the device has a cache. */
bool blk_flush(struct blk_disk *disk);

/* SIGINT or SIGTERM came. */
extern volatile sig_atomic_t blk_interrupted;

/* Progress on standard error, if that is a terminal. */
struct blk_progress {
    const char *what;
    uint64_t total; /* bytes; 0: not known */
    uint64_t begin; /* nanoseconds */
    uint64_t shown;
    bool on;
};
void blk_progress_begin(struct blk_progress *progress, const char *what, uint64_t total);
void blk_progress_show(struct blk_progress *progress, uint64_t bytes);
void blk_progress_end(struct blk_progress *progress);

/* "1.5 GiB"; `text` has room for 32. */
const char *blk_size_text(uint64_t bytes, char *text);

/* The subcommands. Each returns an exit status. */
int blk_info(struct blk_disk *disk);
int blk_read(struct blk_disk *disk);
int blk_write(struct blk_disk *disk);
int blk_discard(struct blk_disk *disk);
int blk_zero(struct blk_disk *disk);
int blk_flush_command(struct blk_disk *disk);
int blk_verify(struct blk_disk *disk);

#endif
