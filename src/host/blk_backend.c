/*
 * Opens a block back end by its options, and says what a device built on it can
 * offer.
 */
#include "blk_backend.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "blk_engine.h"

/* Limits of one DISCARD or WRITE_ZEROES: one call below can take long, nothing else of that lane's
 * thread moves meanwhile, and whoever stops the queue waits for all that was taken. */
#define VQ_BLK_TRIM_SECTORS  (UINT32_C(1) << 21) /* 1 GiB */
#define VQ_BLK_ZERO_SECTORS  (UINT32_C(1) << 18) /* 128 MiB */
#define VQ_BLK_TRIM_SEGMENTS 32u

void vq_blk_say(const struct vq_blk_error *error, const char *format, ...)
{
    va_list list;

    if (error->room == 0)
        return;
    va_start(list, format);
    (void)vsnprintf(error->text, error->room, format, list);
    va_end(list);
}

bool vq_blk_lanes_make(struct vq_blk_backend *backend, unsigned count)
{
    backend->lanes = calloc(count, sizeof backend->lanes[0]);
    backend->lane_count = backend->lanes ? count : 0;
    return backend->lanes != NULL;
}

struct vq_blk_backend *vq_blk_backend_open(const struct vq_blk_backend_options *options,
                                           char *error, size_t error_bytes)
{
    struct vq_blk_backend *(*const open[])(const struct vq_blk_backend_options *,
                                           const struct vq_blk_error *) = {
        [VQ_BLK_FILE] = vq_blk_file_open,
        [VQ_BLK_MEMORY] = vq_blk_memory_open,
        [VQ_BLK_NULL] = vq_blk_null_open,
    };
    struct vq_blk_backend_options o = *options;
    const struct vq_blk_error say = {error, error_bytes};

    if (o.lanes == 0)
        o.lanes = 1;
    if (o.depth == 0)
        o.depth = 128;
    if (o.threads == 0)
        o.threads = 4;
    vq_blk_say(&say, "out of memory");
    if (o.lanes > VQ_BLK_LANES_MAX) {
        vq_blk_say(&say, "%u queues are more than the %u that a back end serves", o.lanes,
                   VQ_BLK_LANES_MAX);
        return NULL;
    }
    if (o.source != VQ_BLK_FILE && (o.bytes < VQ_BLK_SECTOR_BYTES || o.bytes > INT64_MAX)) {
        vq_blk_say(&say, "a disk of %llu bytes cannot be had; give a size from 512 bytes on",
                   (unsigned long long)o.bytes);
        return NULL;
    }
    return open[o.source](&o, &say);
}

void vq_blk_backend_close(struct vq_blk_backend *backend)
{
    struct vq_blk_lane **lanes;

    if (!backend)
        return;
    lanes = backend->lanes;
    backend->close(backend);
    free(lanes);
}

void vq_blk_backend_describe(const struct vq_blk_backend *backend,
                             struct vq_blk_device_config *config)
{
    config->capacity = backend->bytes >> VQ_BLK_SECTOR_SHIFT;
    config->read_only = backend->read_only;
    config->block_size = backend->block_size;
    config->queue_count = (uint16_t)backend->lane_count;
    config->lanes = backend->lanes;
    config->max_discard_sectors = VQ_BLK_TRIM_SECTORS;
    config->max_discard_segments = VQ_BLK_TRIM_SEGMENTS;
    config->discard_alignment = backend->block_size > 4096 ? backend->block_size >> 9 : 8;
    config->max_write_zeroes_sectors = VQ_BLK_ZERO_SECTORS;
    config->max_write_zeroes_segments = 1;
    config->write_zeroes_may_unmap = backend->may_trim;
}
