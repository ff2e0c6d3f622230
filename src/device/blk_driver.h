/*
 * What the files of the block driver share: the shape of a request's memory, and
 * the reading of the configuration.
 */
#ifndef VQ_DEVICE_BLK_DRIVER_H
#define VQ_DEVICE_BLK_DRIVER_H

#include <vq/blk_driver.h>

/* One request in shared memory. */
enum {
    VQ_BLK_SLOT_HEADER = 0,
    VQ_BLK_SLOT_STATUS = 16,
    VQ_BLK_SLOT_RANGE = 32,
    VQ_BLK_SLOT_BYTES = 48,
};

#define VQ_BLK_FRAME 2u /* elements of a request beside its data: header and status */

/* Clears features whose fields the configuration space has no room for, and judges the device. */
enum vq_error vq_blk_facts_choose(struct vq_transport *t, struct vq_features *accepted);
/* Reads and checks what the accepted features promise. */
enum vq_error vq_blk_facts_read(struct vq_transport *t, struct vq_blk_facts *facts);

#endif
