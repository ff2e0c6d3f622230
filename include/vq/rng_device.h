/*
 * The entropy device, the device's end: a device model (vq/model.h) that fills the
 * driver's buffers from a source of the caller's.
 *
 *     static size_t draw(void *context, uint8_t *bytes, size_t count)
 *     { ... up to `count` random bytes, without waiting; how many ... }
 *
 *     struct vq_rng_device_config config = {.queue_size = 16, .source = draw};
 *     vq_rng_device_init(&dev, &config, memory, vq_rng_device_bytes(&config));
 *     ... give &dev.model to a transport ...
 *
 * A buffer gets at least one byte (RNG-DEV-OP-01): it is taken only when the source
 * has one, and then as many as the source has, up to `limit` (RNG-DEV-OP-02).
 * While the source is dry buffers wait in the ring, and queue_in_flight says 1, so
 * that whoever runs the queue comes again. A buffer without a writable byte goes back
 * empty.
 */
#ifndef VQ_RNG_DEVICE_H
#define VQ_RNG_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/error.h>
#include <vq/feature.h>
#include <vq/model.h>
#include <vq/queue_end.h>
#include <vq/rng.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vq_rng_device_config {
    uint16_t queue_size; /* the largest that a driver may choose */
    /* Room of one buffer in pieces of memory; 0: queue_size + 8. A chain that needs more breaks
     * the queue. */
    uint16_t segments;
    /* Bytes that one buffer gets at most, so that one driver neither drains a source nor keeps
     * the caller busy; 0: 4096. */
    uint32_t limit;
    /* Writes up to `count` bytes and returns how many; 0 while there are none. Must not wait, nor
     * read what stands there: most of the time it is memory of the driver. */
    size_t (*source)(void *context, uint8_t *bytes, size_t count);
    void *context;
    struct vq_features without; /* features not to offer (VERSION_1 among them: a legacy device) */
};

/* Private from here on; the struct is here so that callers can place a device. */
struct vq_rng_device {
    struct vq_device_model model;
    struct vq_rng_device_config config; /* defaults filled in */
    struct vq_features offered;
    bool negotiated;
    struct vq_queue_end queue;
    struct vq_segment *segments;
    bool dry;   /* a buffer waits for the source */
    bool drawn; /* `first` is the next byte to give */
    uint8_t first;
};

/* Bytes of memory that vq_rng_device_init needs for this configuration; 0 if it makes no sense. */
size_t vq_rng_device_bytes(const struct vq_rng_device_config *config);

/*
 * Makes a device. `memory` (aligned to 16 bytes) belongs to the device until the caller
 * is done with it; it need not be zeroed. VQ_ERR_INVALID, VQ_ERR_NO_MEMORY, VQ_ERR_ALIGN.
 */
enum vq_error vq_rng_device_init(struct vq_rng_device *dev,
                                 const struct vq_rng_device_config *config, void *memory,
                                 size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
