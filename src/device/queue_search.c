/*
 * The search for a queue's place, apart from vq_queue_open: firmware that does not
 * name it does not carry it.
 */
#include "queue.h"

enum vq_error vq_queue_search(const struct vq_queue_memory *memory,
                              const struct vq_constraints *constraints, uint32_t wanted,
                              struct vq_place *place)
{
    struct vq_fragment fragments[VQ_QUEUE_PIECES_MAX];
    enum vq_error error = vq_queue_fragments(memory, fragments);
    if (error != VQ_OK)
        return error;
    return vq_place_find(constraints, wanted, fragments, memory->count, place, NULL);
}
