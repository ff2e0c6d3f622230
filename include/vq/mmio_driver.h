/*
 * The driver's end of virtio over MMIO (virtio 1.4, section 4.2), version 2 and the
 * legacy version 1.
 *
 *     static struct vq_mmio_driver mmio;
 *     struct vq_mmio_driver_config config = {
 *         .registers = {.base = (volatile void *)0x10001000, .bytes = 0x200},
 *     };
 *     if (vq_mmio_driver_init(&mmio, &config) == VQ_OK && mmio.transport.device_id == 2)
 *         ... vq_blk_driver_open(..., &mmio.transport, ...) ...
 *
 * and, where interrupts are used, in their handler:
 *
 *     if (vq_mmio_driver_interrupt(&mmio) & VQ_EVENT_QUEUE)
 *         ... look at every queue of the device ...
 *
 * No memory is needed but the struct, which must stay where it is while the transport is
 * used. What the registers say is not trusted. Threads are as in vq/transport.h; the
 * interrupt handler may interrupt any of its functions or run beside them, but not beside
 * itself.
 *
 * A build with -DVQ_WITH_LEGACY=0 drives version 2 only.
 */
#ifndef VQ_MMIO_DRIVER_H
#define VQ_MMIO_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/error.h>
#include <vq/mmio.h>
#include <vq/registers.h>
#include <vq/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vq_mmio_driver_config {
    /* From MagicValue on. With `bytes` the end of the configuration space is known. */
    struct vq_registers registers;
    /* How often QueueReset or QueueReady is read, at most, before it counts as failed;
     * 0: 1000000. The device status has a patience of its own (vq/transport.h). */
    uint32_t patience;
    /* Version 1: log2 of GuestPageSize, the unit of QueuePFN and the alignment of a queue;
     * 0: 12. At most 30. */
    uint32_t page_shift;
    /* Version 1: Queue Align, a power of two; 0: 4096. */
    uint32_t queue_align;
    /* Optional: sleeps until an interrupt came (VQ_OK, may be spurious) or `timeout_ms` are over
     * (VQ_ERR_TIMEOUT); as the operation of vq/transport.h. Without it queues are polled. */
    enum vq_error (*wait)(void *context, uint16_t index, int timeout_ms);
    void *context;
};

/* Read only, but for what vq/transport.h says of its part. */
struct vq_mmio_driver {
    struct vq_transport transport; /* give its address to a driver */
    struct vq_mmio_driver_config config;
    bool noted[2]; /* events that came, and that take_events has not told yet */
};

/* What a window shows before anything is done to it. */
struct vq_mmio_driver_id {
    uint32_t magic; /* VQ_MMIO_MAGIC_VALUE */
    uint32_t version;
    uint32_t device; /* type of the device; 0: a placeholder */
};

/*
 * Looks what is there; reads MagicValue, Version and DeviceID in this order and nothing
 * behind the first that is wrong. What was not read is 0 in *id. VQ_OK with `device` 0 is a
 * placeholder: an empty slot, and no error.
 * VQ_ERR_RANGE: not a virtio device (another magic); VQ_ERR_UNSUPPORTED: of a version that
 * this build does not drive; VQ_ERR_INVALID: the configuration makes no sense.
 * (MMIO-DRV-REG-08..13, MMIO-DRV-INIT-01..04.)
 */
enum vq_error vq_mmio_driver_probe(const struct vq_mmio_driver_config *config,
                                   struct vq_mmio_driver_id *id);

/*
 * The same, and makes a transport of it; VQ_ERR_RANGE for a placeholder, too. The device is
 * not touched further: that begins with vq_transport_init_device. `config` is copied. On an
 * error *m is left as it was.
 */
enum vq_error vq_mmio_driver_init(struct vq_mmio_driver *m,
                                  const struct vq_mmio_driver_config *config);

/* Is it driven by the legacy interface? */
bool vq_mmio_driver_is_legacy(const struct vq_mmio_driver *m);

/*
 * For the interrupt handler, and for who polls for changes of the configuration: reads the
 * cause, notes it for vq_transport_take_events, acknowledges it, and returns it as enum
 * vq_transport_event bits; 0 when the interrupt is another device's. Look at the queues
 * afterwards: what the device does from the acknowledgement on gives an interrupt of its own.
 */
unsigned vq_mmio_driver_interrupt(struct vq_mmio_driver *m);

/*
 * Stops using one queue, by QueueReady or QueuePFN, where there is no RING_RESET. Whether the
 * device lets go of the buffers that it has already taken is its own matter: only a reset of
 * the queue or of the device gives them back (INIT-DRV-CLEAN-02). VQ_ERR_TIMEOUT when the
 * device does not confirm it.
 */
enum vq_error vq_mmio_driver_stop(struct vq_mmio_driver *m, uint16_t index);

/* Memory that the device shares, at an address of the machine. */
struct vq_mmio_shared_memory {
    uint64_t address;
    uint64_t bytes;
};

/* Where region `id` of the device type is. VQ_ERR_RANGE: there is none, VQ_ERR_BROKEN: it does
 * not fit into 64 bits, VQ_ERR_UNSUPPORTED: version 1. */
enum vq_error vq_mmio_driver_shared_memory(struct vq_mmio_driver *m, uint8_t id,
                                           struct vq_mmio_shared_memory *region);

#ifdef __cplusplus
}
#endif
#endif
