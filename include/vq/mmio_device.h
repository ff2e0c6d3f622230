/*
 * The MMIO transport, the device's end: the registers of version 2 or, for legacy
 * drivers, version 1, behind which any device model (vq/model.h) runs.
 *
 *     struct vq_model_queue queues[1];
 *     struct vq_mmio_device_config config = {
 *         .device = {.model = &disk.model, .memory = &guest, .queues = queues,
 *                    .queue_count = 1},
 *         .interrupt = set_line, .context = vm};
 *     vq_mmio_device_init(&device, &config);
 *
 *     // where the guest touches the window:
 *     value = vq_mmio_device_read(&device, address - window, bytes);
 *     vq_mmio_device_write(&device, address - window, bytes, value);
 *     // and then, or wherever the VMM sees fit:
 *     vq_model_run(&device.state);
 *
 * Everything that comes by the registers is hostile. Any offset, width and value
 * is answered, in bounded time: what there is not, reads zero and takes no writes.
 * A write never runs a queue; vq_model_run does (vq/model_state.h, which also says
 * which thread may call what).
 *
 * MMIO-DEV-REG-01..17, MMIOLEG-DEV-01..07.
 */
#ifndef VQ_MMIO_DEVICE_H
#define VQ_MMIO_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/mmio.h>
#include <vq/model_state.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VQ_MMIO_WINDOW                                                                             \
    0x200u /* bytes that a window has at least; configuration spaces are short                     \
            */

struct vq_mmio_device_config {
    struct vq_model_config device;
    bool legacy;        /* version 1 */
    uint32_t vendor_id; /* 0: 0x1af4 */
    /* The interrupt line, which is low at first; called whenever it changes. */
    void (*interrupt)(void *context, bool high);
    void *context;
    const struct vq_shared_memory *shared;
    uint8_t shared_count;
};

/* The fields are private, but for `state`. */
struct vq_mmio_device {
    struct vq_model_state state; /* for vq_model_run and the rest of vq/model_state.h */
    struct vq_mmio_device_config config;
    uint32_t offered_select;
    uint32_t chosen_select;
    uint32_t queue_select;
    uint32_t shared_select;
    uint32_t page_bytes;
    uint32_t interrupt_status;
};

/*
 * Makes a device as it is after a reset. `config` is copied, what it points to is
 * not. VQ_ERR_INVALID when something is missing; VQ_ERR_UNSUPPORTED for version 2
 * with a model that does not offer VERSION_1.
 */
enum vq_error vq_mmio_device_init(struct vq_mmio_device *d,
                                  const struct vq_mmio_device_config *config);

/*
 * Accesses of 1 to 8 bytes, at any offset from the start of the window. The value
 * is little-endian: its lowest 8 bits are the byte at the lowest address.
 * Registers answer aligned accesses of 32 bits only, the configuration space all.
 */
uint64_t vq_mmio_device_read(struct vq_mmio_device *d, uint64_t offset, unsigned bytes);
void vq_mmio_device_write(struct vq_mmio_device *d, uint64_t offset, unsigned bytes,
                          uint64_t value);

#ifdef __cplusplus
}
#endif
#endif
