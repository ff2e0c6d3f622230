/*
 * A firmware's way to a disk: finds the block device among the slots of a machine, and
 * reads from it, with one request at a time, polled, and static memory only. Every line
 * but these stands in docs/firmware.md; boards/firmware/ runs it on bare machines.
 */
/* README: memory */
#include <vq/blk_driver.h>
#include <vq/mmio_driver.h>

#define QUEUE 4 /* descriptors; a request takes three */

/* The queue: three arrays, 116 bytes in all, wherever the linker likes. */
VQ_SPLIT_STORAGE(ring, QUEUE);

/* What stands before and behind the data of a request, and what the driver remembers. */
VQ_ALIGNAS(16) static uint8_t frames[VQ_BLK_FRAMES_BYTES(1)];
VQ_ALIGNAS(16) static uint8_t private_memory[VQ_BLK_PRIVATE_BYTES(QUEUE, 1, 1)];

static struct vq_mmio_driver slot;
static struct vq_blk_driver disk;
static struct vq_blk_driver_queue requests;
/* README: end */

enum vq_error disk_open(uintptr_t registers);
enum vq_error disk_request(uint32_t type, uint64_t sector, void *data, uint32_t bytes);
enum vq_error disk_find(uintptr_t first_slot, uintptr_t step, unsigned slots);

/* README: open */
enum vq_error disk_open(uintptr_t registers)
{
    struct vq_mmio_driver_config config = {
        .registers = {.base = (volatile void *)registers, .bytes = 0x200},
    };
    enum vq_error error = vq_mmio_driver_init(&slot, &config);
    if (error != VQ_OK)
        return error; /* VQ_ERR_RANGE: the slot is empty */
    if (slot.transport.device_id != VQ_BLK_DEVICE_ID)
        return VQ_ERR_RANGE;

    struct vq_queue_piece pieces[] = {VQ_QUEUE_PARTS(ring, 0)};
    struct vq_blk_memory memory = {
        .shared = frames,
        .address = (uintptr_t)frames,
        .shared_bytes = sizeof(frames),
        .private_memory = private_memory,
        .private_bytes = sizeof(private_memory),
        .rings = {.pieces = pieces, .count = 3},
    };
    struct vq_blk_driver_options options = {
        .queue_size = QUEUE,
        .depth = 1,
        .rings_apart = true,
        .memory = &memory,
    };
    vq_feature_set(&options.without, VQ_F_INDIRECT_DESC); /* it would take tables */

    struct vq_init_result why;
    return vq_blk_driver_open(&disk, &slot.transport, &requests, &options, &why);
}
/* README: end */

/* README: request */
enum vq_error disk_request(uint32_t type, uint64_t sector, void *data, uint32_t bytes)
{
    struct vq_element element = {(uintptr_t)data, bytes};
    struct vq_blk_driver_request request = {
        .type = type, .sector = sector, .data = &element, .count = bytes != 0};
    struct vq_blk_driver_done done;

    enum vq_error error = vq_blk_driver_prepare(&requests, &request);
    if (error == VQ_OK)
        error = vq_blk_driver_submit(&requests);
    if (error != VQ_OK)
        return error;
    while (vq_blk_driver_reap(&requests, &done, 1) == 0)
        if (vq_blk_driver_broken(&requests) != VQ_NOT_BROKEN)
            return VQ_ERR_BROKEN; /* and here a watchdog of yours */
    return done.error;
}
/* README: end */

/* README: find */
enum vq_error disk_find(uintptr_t first_slot, uintptr_t step, unsigned slots)
{
    for (unsigned i = 0; i < slots; i++) {
        enum vq_error error = disk_open(first_slot + i * step);
        if (error != VQ_ERR_RANGE)
            return error;
    }
    return VQ_ERR_RANGE;
}
/* README: end */
