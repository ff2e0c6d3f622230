/*
 * The entropy device, the driver's end: random bytes into the caller's memory, over
 * any transport, polled or driven by interrupts.
 *
 *     VQ_SPLIT_STORAGE(requests, 4);
 *     static struct vq_driver_slot slots[4];
 *     static uint64_t tags[4];
 *     ...
 *     struct vq_queue_piece pieces[] = {VQ_QUEUE_PARTS(requests, 0)};
 *     struct vq_rng_driver_options options = {.queue_size = 4,
 *                                             .memory = {.pieces = pieces, .count = 3},
 *                                             .slots = slots,
 *                                             .tags = tags};
 *     vq_rng_driver_open(&rng, transport, &options, &why);
 *     vq_rng_driver_fill(&rng, address_of(seed), sizeof seed, 1000, &got);
 *
 * Memory is named by addresses that the device understands. It belongs to the device
 * from submit until reap has named its request, or until a reset.
 *
 * The device is not trusted: it says how many bytes it wrote (RNG-DRV-OP-02), and can
 * say less than it was asked for, or nothing; more than it was given counts as all.
 * Whether its bytes are random nobody can check: mix them with what else there is.
 *
 * One thread at a time makes all calls.
 */
#ifndef VQ_RNG_DRIVER_H
#define VQ_RNG_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/driver.h>
#include <vq/queue.h>
#include <vq/rng.h>
#include <vq/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vq_rng_driver_options {
    uint16_t queue_size;           /* the largest wanted */
    struct vq_queue_memory memory; /* of the ring */
    struct vq_driver_slot *slots;  /* `queue_size` of them, private */
    uint64_t *tags;                /* likewise */
    struct vq_features without;    /* features not to accept; VERSION_1: be a legacy driver */
    struct vq_features require;    /* features without which to give up */
    bool strict;                   /* a used length beyond the buffer breaks the queue */
    uint32_t patience;             /* see struct vq_plan */
    /* How often fill looks for an answer where a transport cannot wait; 0: 100000000. */
    uint32_t polls;
};

struct vq_rng_driver_done {
    uint64_t tag;
    uint32_t bytes; /* that are there, from the first on; 0: ask again */
};

/* The fields are private; the struct is here so that callers can place it. */
struct vq_rng_driver {
    struct vq_transport *transport;
    struct vq_driver_queue ring;
    uint64_t *tags; /* by ring id */
    uint32_t polls;
    uint16_t in_flight;
    const struct vq_rng_driver_options *options; /* only while it opens */
};

/* Initialises the device. On failure `result` (may be NULL) says at which step. */
enum vq_error vq_rng_driver_open(struct vq_rng_driver *rng, struct vq_transport *transport,
                                 const struct vq_rng_driver_options *options,
                                 struct vq_init_result *result);

/* Resets the device: all memory is the caller's again, and what was asked for never comes. */
enum vq_error vq_rng_driver_close(struct vq_rng_driver *rng);

/*
 * Asks for `bytes` at `address`; the device sees it after submit. VQ_ERR_FULL (reap, then
 * try again), VQ_ERR_INVALID (no bytes), VQ_ERR_BROKEN, VQ_ERR_STATE while suspended.
 */
enum vq_error vq_rng_driver_prepare(struct vq_rng_driver *rng, uint64_t address, uint32_t bytes,
                                    uint64_t tag);
/* As vq_queue_submit. */
enum vq_error vq_rng_driver_submit(struct vq_rng_driver *rng);
/* Takes up to `count` answers, in any order. None may also mean a broken queue. */
size_t vq_rng_driver_reap(struct vq_rng_driver *rng, struct vq_rng_driver_done done[],
                          size_t count);
/* As vq_queue_wait. */
enum vq_error vq_rng_driver_wait(struct vq_rng_driver *rng, int timeout_ms);
/* Polling drivers: asks the device not to notify. Lasts until the next wait. */
void vq_rng_driver_quiet(struct vq_rng_driver *rng);

/*
 * All of `bytes` at `address`, in as many requests as the device makes of it; waits
 * `timeout_ms` for each, or polls. *got (may be NULL) says how many are there, whatever
 * is returned. VQ_ERR_STATE while other requests are in flight or the device is suspended;
 * VQ_ERR_IO when it gave nothing 16 times in a row; VQ_ERR_BROKEN; VQ_ERR_TIMEOUT, after
 * which the rest of the memory is the device's until a reap has named it (its tag is
 * the address), or until close.
 */
enum vq_error vq_rng_driver_fill(struct vq_rng_driver *rng, uint64_t address, uint32_t bytes,
                                 int timeout_ms, uint32_t *got);

uint16_t vq_rng_driver_in_flight(const struct vq_rng_driver *rng);
enum vq_broken vq_rng_driver_broken(const struct vq_rng_driver *rng);

#ifdef __cplusplus
}
#endif
#endif
