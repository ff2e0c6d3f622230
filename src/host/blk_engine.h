/*
 * What the files of the block back ends share, and nobody else needs: how each
 * kind is opened.
 */
#ifndef VQ_HOST_BLK_ENGINE_H
#define VQ_HOST_BLK_ENGINE_H

#include "blk_backend.h"

#define VQ_BLK_LANES_MAX 1024u

struct vq_blk_error {
    char *text;
    size_t room;
};

__attribute__((format(printf, 2, 3))) void vq_blk_say(const struct vq_blk_error *error,
                                                      const char *format, ...);

/* Sets `lane_count` and makes the array; the caller fills it in. */
bool vq_blk_lanes_make(struct vq_blk_backend *backend, unsigned count);

/* Each closes whatever it opened when it returns NULL. */
struct vq_blk_backend *vq_blk_memory_open(const struct vq_blk_backend_options *options,
                                          const struct vq_blk_error *error);
struct vq_blk_backend *vq_blk_null_open(const struct vq_blk_backend_options *options,
                                        const struct vq_blk_error *error);
struct vq_blk_backend *vq_blk_file_open(const struct vq_blk_backend_options *options,
                                        const struct vq_blk_error *error);

#endif
