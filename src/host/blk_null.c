/*
 * A disk of nothing: every io succeeds at once and moves no byte. It measures
 * what everything else costs. Reads leave the driver's buffer as it is.
 */
#include <stdlib.h>

#include "blk_engine.h"
#include "blk_list.h"

struct vq_blk_null_lane {
    struct vq_blk_lane lane;
    struct vq_blk_list done;
};

struct vq_blk_null {
    struct vq_blk_backend backend;
    struct vq_blk_null_lane lanes[];
};

static void submit(struct vq_blk_lane *lane, struct vq_blk_io *const ios[], size_t count)
{
    struct vq_blk_null_lane *l = (struct vq_blk_null_lane *)lane;

    for (size_t i = 0; i < count; i++) {
        ios[i]->result = VQ_OK;
        vq_blk_list_put(&l->done, ios[i]);
    }
}

static size_t reap(struct vq_blk_lane *lane, struct vq_blk_io *ios[], size_t count, bool wait)
{
    (void)wait;
    return vq_blk_list_take_many(&((struct vq_blk_null_lane *)lane)->done, ios, count);
}

static int wait_fd(const struct vq_blk_lane *lane)
{
    (void)lane;
    return -1;
}

static const struct vq_blk_lane_ops ops = {"null", submit, reap, wait_fd};

static void close_null(struct vq_blk_backend *backend)
{
    free(backend);
}

struct vq_blk_backend *vq_blk_null_open(const struct vq_blk_backend_options *options,
                                        const struct vq_blk_error *error)
{
    struct vq_blk_null *n = calloc(1, sizeof *n + options->lanes * sizeof n->lanes[0]);

    (void)error;
    if (!n || !vq_blk_lanes_make(&n->backend, options->lanes)) {
        free(n);
        return NULL;
    }
    n->backend.close = close_null;
    n->backend.engine = ops.name;
    n->backend.bytes = options->bytes & ~(uint64_t)(VQ_BLK_SECTOR_BYTES - 1);
    n->backend.block_size = VQ_BLK_SECTOR_BYTES;
    n->backend.read_only = options->read_only;
    n->backend.may_trim = true;
    for (unsigned i = 0; i < options->lanes; i++) {
        n->lanes[i].lane.ops = &ops;
        n->backend.lanes[i] = &n->lanes[i].lane;
    }
    return &n->backend;
}
