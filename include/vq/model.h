/*
 * A device, seen by whatever carries it: a PCI or MMIO register model, a
 * vhost-user back end, the loopback. A model knows no transport; a transport
 * knows only this.
 *
 * Calls that name a queue come from the one thread that serves that queue, one
 * at a time. All others come from one control thread, and may overlap with them.
 * A model holds no lock while it moves buffers.
 */
#ifndef VQ_MODEL_H
#define VQ_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/device.h>
#include <vq/error.h>
#include <vq/feature.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vq_device_model;

/* What queue_run did, as bits. */
enum vq_run {
    VQ_RUN_IDLE = 0,
    VQ_RUN_PROGRESS = 1, /* buffers were taken or given back: look again soon */
    VQ_RUN_SIGNAL = 2,   /* send the driver a used buffer notification */
    VQ_RUN_BROKEN = 4,   /* the queue is broken: report it once, go on giving back */
};

/* Where a stopped queue stands, in the terms of struct vq_device_config. */
struct vq_position {
    uint16_t next_available;
    uint16_t next_used;
};

struct vq_device_model_ops {
    const char *name;   /* "block" */
    uint16_t device_id; /* virtio 1.4, section 5 */
    /* write_config is wanted before features are settled too, whatever the interface. */
    bool early_config;

    /* What the device offers; constant for its life. */
    struct vq_features (*offered)(const struct vq_device_model *model);
    /* The driver's choice, before any queue starts. VQ_ERR_UNSUPPORTED refuses it (FEATURES_OK
     * then stays clear). */
    enum vq_error (*accept)(struct vq_device_model *model, const struct vq_features *chosen);

    /* Bytes of configuration space that exist; reads beyond give zero. Fields of more than a byte
     * are in the order that `big_endian` of the model says. */
    uint32_t (*config_size)(const struct vq_device_model *model);
    void (*read_config)(const struct vq_device_model *model, uint32_t offset, void *bytes,
                        uint32_t count);
    /* VQ_ERR_RANGE or VQ_ERR_UNSUPPORTED, and nothing changed, for what a driver may not write. */
    enum vq_error (*write_config)(struct vq_device_model *model, uint32_t offset, const void *bytes,
                                  uint32_t count);

    uint16_t (*queue_count)(const struct vq_device_model *model);
    uint16_t (*queue_size_max)(const struct vq_device_model *model, uint16_t index);

    /* Starts a queue. The model gives `in_flight` memory of its own; the caller all else. */
    enum vq_error (*queue_start)(struct vq_device_model *model, uint16_t index,
                                 const struct vq_device_config *config);
    /* Takes what is available, gives back what is done, publishes once. Bounded by the queue
     * size. Never blocks. Returns enum vq_run bits. */
    unsigned (*queue_run)(struct vq_device_model *model, uint16_t index);
    /* Between these two the caller may sleep. arm asks to be notified; true: there is work
     * already, do not sleep. disarm says that the caller looks by itself for a while. */
    bool (*queue_arm)(struct vq_device_model *model, uint16_t index);
    void (*queue_disarm)(struct vq_device_model *model, uint16_t index);
    /* Hosted devices: a descriptor that becomes readable when queue_run has something to give
     * back; -1 when everything completes inside queue_run. Constant for the queue's life. */
    int (*queue_wait_fd)(const struct vq_device_model *model, uint16_t index);
    /* Why queue_run says VQ_RUN_BROKEN; VQ_NOT_BROKEN while the queue is well or stopped. */
    enum vq_broken (*queue_broken)(const struct vq_device_model *model, uint16_t index);
    /* Buffers taken and not yet given back; at least 1 too while something waits that no
     * notification will tell of (input for the driver): run the queue again. */
    uint16_t (*queue_in_flight)(const struct vq_device_model *model, uint16_t index);
    /* Takes no more, waits for what is in flight, gives all of it back and says where the queue
     * stands. Returns enum vq_run bits for a last signal. */
    unsigned (*queue_stop)(struct vq_device_model *model, uint16_t index,
                           struct vq_position *position);

    /* Back to the state before accept. Every queue is stopped before this is called. */
    void (*reset)(struct vq_device_model *model);
};

/* Embedded as the first member of each device type. */
struct vq_device_model {
    const struct vq_device_model_ops *ops;
    /* Set by what carries the model, for each read_config and write_config: who asks is a legacy
     * driver on a big-endian machine. For queues, struct vq_device_config says the same. */
    bool big_endian;
};

#ifdef __cplusplus
}
#endif
#endif
