/*
 * A whole block driver as a firmware has it, for scripts/check/size to build and measure:
 * one device over MMIO, one queue of QUEUE descriptors, one element of data a request, all
 * memory static. FORMAT is SPLIT or PACKED.
 */
#include <vq/blk_driver.h>
#include <vq/mmio_driver.h>
#include <vq/queue.h>

#ifndef QUEUE
#define QUEUE 4
#endif

#define PASTE_(a, b)  a##b
#define PASTE(a, b)   PASTE_(a, b)
#define STORAGE(f)    PASTE(PASTE(VQ_, f), _STORAGE)
#define DEPTH         (QUEUE < 6 ? 1 : QUEUE / 3)
#define PRIVATE_BYTES VQ_BLK_PRIVATE_BYTES(QUEUE, DEPTH, 1)

STORAGE(FORMAT)(queue, QUEUE);

static _Alignas(16) uint8_t frames[VQ_BLK_FRAMES_BYTES(DEPTH)];
static _Alignas(16) uint8_t private_memory[PRIVATE_BYTES];
static struct vq_mmio_driver mmio;
static struct vq_blk_driver disk;
static struct vq_blk_driver_queue requests;

enum vq_error firmware_open(volatile void *registers)
{
    struct vq_mmio_driver_config config = {.registers = {.base = registers, .bytes = 0x200}};
    struct vq_queue_piece pieces[] = {VQ_QUEUE_PARTS(queue, 0)};
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
        .depth = DEPTH,
        .rings_apart = true,
        .memory = &memory,
    };

    vq_feature_set(&options.without, VQ_F_INDIRECT_DESC);
    enum vq_error error = vq_mmio_driver_init(&mmio, &config);
    if (error != VQ_OK)
        return error;
    return vq_blk_driver_open(&disk, &mmio.transport, &requests, &options, NULL);
}

/* One request of VQ_BLK_T_IN, OUT or FLUSH, and its answer, polled. */
enum vq_error firmware_request(uint32_t type, uint64_t sector, void *data, uint32_t bytes)
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
            return VQ_ERR_BROKEN;
    return done.error;
}
