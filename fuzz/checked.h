/*
 * What stands behind the registers in the fuzz targets of the device's end: a block
 * device, held to the contract of vq/model.h on the way to it, with a disk, and a
 * guest's memory that the input writes.
 *
 * The targets carry accesses; that the transport starts, runs and stops queues when it
 * may, and freezes them meanwhile, is checked here.
 */
#ifndef VQ_FUZZ_CHECKED_H
#define VQ_FUZZ_CHECKED_H

#include "fuzz.h"

#include <vq/blk_device.h>
#include <vq/model_state.h>

enum {
    CHECKED_QUEUES = 2,
    CHECKED_SIZE = 16, /* the largest */
    CHECKED_RAM = 1 << 16,
    CHECKED_SECTORS = 32,
    CHECKED_RING = 0x4000, /* of each queue, from the start of the memory */
};
#define CHECKED_BASE UINT64_C(0x40000000)

struct checked_lane {
    struct vq_blk_lane lane;
    struct checked *owner;
    uint16_t index;
    uint16_t count;
    struct vq_blk_io *done[2 * CHECKED_SIZE];
};

/* What a driver writes to set a device up, whatever the register is called. */
enum checked_register {
    CHECKED_STATUS,
    CHECKED_FEATURE_SELECT,
    CHECKED_FEATURES,
    CHECKED_QUEUE_SELECT,
    CHECKED_QUEUE_SIZE,
    CHECKED_QUEUE_ADDRESS, /* and the five halves behind it, in the order of enum vq_part */
    CHECKED_QUEUE_ENABLE = CHECKED_QUEUE_ADDRESS + 6,
    CHECKED_QUEUE_PAGE, /* legacy, instead of the addresses; pages of 4096 bytes */
    CHECKED_QUEUE_RESET,
    CHECKED_NOTIFY,
};

struct checked {
    struct vq_device_model model; /* what the transport sees */
    struct vq_device_model_ops ops;
    struct fuzz_input in;
    struct vq_model_state *state; /* of the transport */
    /* The target's way to its registers. */
    void (*put)(struct checked *c, enum checked_register which, uint32_t value);
    bool legacy; /* by these registers */

    struct vq_blk_device disk;
    struct checked_lane lanes[CHECKED_QUEUES];
    struct vq_region region;
    struct vq_memory memory;
    struct vq_model_queue queues[CHECKED_QUEUES];
    struct vq_model_queue frozen[CHECKED_QUEUES]; /* as they were when they started */
    uint16_t available[CHECKED_QUEUES];           /* where the driver goes on */
    bool running[CHECKED_QUEUES];
    bool stopping[CHECKED_QUEUES];
    bool accepted;
    bool hold; /* the disk completes nothing for now */
    bool slow; /* queues take their time to stop */
    struct vq_features features;
};

extern const struct vq_model_host checked_host;

/* A device in its first state. The transport is made of checked_config. */
void checked_open(struct checked *c, const uint8_t *data, size_t bytes);
struct vq_model_config checked_config(struct checked *c);
/* Plays the input: everything but accesses, which `touch` makes. */
void checked_play(struct checked *c, void (*touch)(struct checked *c));
/* A value that means something, often. */
uint64_t checked_value(struct checked *c);
void checked_close(struct checked *c);

#endif
