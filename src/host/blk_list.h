/* A first-in, first-out list of ios, linked through `next`, which belongs to the lane. */
#ifndef VQ_HOST_BLK_LIST_H
#define VQ_HOST_BLK_LIST_H

#include <vq/blk_lane.h>

struct vq_blk_list {
    struct vq_blk_io *first;
    struct vq_blk_io *last;
};

static inline void vq_blk_list_put(struct vq_blk_list *list, struct vq_blk_io *io)
{
    io->next = NULL;
    if (list->first)
        list->last->next = io;
    else
        list->first = io;
    list->last = io;
}

static inline struct vq_blk_io *vq_blk_list_take(struct vq_blk_list *list)
{
    struct vq_blk_io *io = list->first;

    if (io)
        list->first = io->next;
    return io;
}

/* Takes up to `count` into `ios`. */
static inline size_t vq_blk_list_take_many(struct vq_blk_list *list, struct vq_blk_io *ios[],
                                           size_t count)
{
    size_t n = 0;

    while (n < count && list->first)
        ios[n++] = vq_blk_list_take(list);
    return n;
}

#endif
