/*
 * Both ends in one process: a transport (vq/transport.h) whose device is a model
 * (vq/model.h) right here. For tests, examples and measurements, and for a driver
 * that wants a device which is only software.
 *
 *     vq_loopback_init(&loop, &config);
 *     vq_transport_init_device(&loop.transport, &plan, &why);   // the driver's end
 *     ... the driver adds, publishes, notifies ...
 *     vq_loopback_run(&loop);                                   // the device's end
 *
 * It behaves like a device of its own: the status rises step by step, FEATURES_OK
 * does not stick if the model refuses, a queue is frozen once enabled and runs
 * from DRIVER_OK on, a reset stops everything. A notification is a flag: sending
 * one does no work, vq_loopback_run (or waiting for an answer) does.
 *
 * One thread makes all calls, or one thread per queue calls
 * vq_loopback_run_queue; control calls come from one thread while no queue runs.
 */
#ifndef VQ_LOOPBACK_H
#define VQ_LOOPBACK_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/memory.h>
#include <vq/model.h>
#include <vq/model_state.h>
#include <vq/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vq_loopback_config {
    struct vq_device_model *model;
    const struct vq_memory *memory; /* translates the addresses that the driver gives */
    struct vq_model_queue *queues;
    uint16_t queue_count; /* room in `queues`; queues beyond it do not exist */
    /* Added to what the model says of its queues; all zero: nothing. */
    struct vq_constraints constraints;
    bool legacy_big_endian; /* the driver's end is a big-endian machine */
    /* Leave out what the loopback offers by itself: RING_RESET, NOTIFICATION_DATA, SUSPEND. */
    bool plain;
};

struct vq_loopback {
    struct vq_transport transport; /* give its address to a driver */
    /* Private. */
    struct vq_model_state state;
    struct vq_constraints constraints;
    bool config_changed;
};

/* VQ_ERR_INVALID when something is missing. `config` is copied, what it points to is not. */
enum vq_error vq_loopback_init(struct vq_loopback *loop, const struct vq_loopback_config *config);

/*
 * Runs every queue that was notified, or that has something to give back, until
 * none makes progress, but no queue more than 64 times. Returns whether anything
 * was done.
 */
bool vq_loopback_run(struct vq_loopback *loop);
/* One queue, once, notified or not. Returns enum vq_run bits. */
unsigned vq_loopback_run_queue(struct vq_loopback *loop, uint16_t index);

/* The device's end changed its configuration space: a new generation, and an event. */
void vq_loopback_config_changed(struct vq_loopback *loop);

/* What the last available buffer notification of a queue carried. */
uint32_t vq_loopback_notification(const struct vq_loopback *loop, uint16_t index);

#ifdef __cplusplus
}
#endif
#endif
