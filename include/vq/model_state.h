/*
 * What every transport keeps for a device model (vq/model.h): the device status
 * with its legal steps, the features, the configuration space with its
 * generation, the queues. The loopback and the MMIO and PCI register models are
 * fronts of it; whoever runs one of them gives it a struct vq_model_config, and
 * calls vq_model_run and vq_model_config_changed.
 *
 * What a driver does out of order has no effect: a status bit whose step has not
 * come, features after FEATURES_OK, fields of a queue that is enabled, anything
 * while the device is reset or suspended. No status bit drops but by a reset. A
 * queue that cannot be used ends in DEVICE_NEEDS_RESET, as does one that broke.
 *
 * One thread at a time makes the calls of one device (a VMM takes a lock of its
 * own). It may be the thread that runs the queues; a VMM that serves them on
 * other threads gives a struct vq_model_host.
 */
#ifndef VQ_MODEL_STATE_H
#define VQ_MODEL_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/layout.h>
#include <vq/memory.h>
#include <vq/model.h>
#include <vq/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One queue; memory of the caller, contents private. */
struct vq_model_queue {
    uint64_t address[VQ_PARTS];
    uint32_t align;              /* legacy MMIO: QueueAlign, 0 until it was written ... */
    uint32_t page;               /* ... legacy: the page-frame number, 0 while not in use */
    uint32_t notification;       /* what the last available buffer notification carried */
    uint16_t size;               /* as the driver chose it; 0: a size that is not allowed */
    uint16_t vector;             /* PCI: of MSI-X */
    struct vq_position position; /* where to go on, if it was stopped for a while */
    bool sized;                  /* the driver chose a size */
    bool enabled;
    bool running;  /* started in the model, and not yet stopped */
    bool stopping; /* whoever serves it was asked to let go */
    bool keep;     /* it stops for a while only; else it is cleared */
    bool placed;   /* `position` counts */
    bool broken;   /* reported already */
    bool kicked;   /* the driver sent a notification since the queue last ran */
    bool signaled; /* loopback: the device sent one since the driver last asked */
};

/*
 * For who serves queues on threads of their own. Without it (NULL) the caller
 * calls vq_model_run, and nothing happens behind its back.
 */
struct vq_model_host {
    /* The queue was started in the model: call its queue_run from now on, and vq_model_ran with
     * what it says. Look at the queue once without waiting for a notification. */
    void (*started)(void *context, uint16_t index);
    /* Let go of the queue. True: nothing runs it any more. False: that takes a while, and
     * vq_model_queue_stopped will be called then; until then the driver sees a reset that goes
     * on. Do not call the model's queue_stop: that is done here. */
    bool (*stop)(void *context, uint16_t index);
    /* An available buffer notification of a queue that runs. */
    void (*notified)(void *context, uint16_t index);
};

/* What a register model is made of; copied, what it points to is not. */
struct vq_model_config {
    struct vq_device_model *model;
    const struct vq_memory *memory; /* translates the addresses that the driver gives */
    struct vq_model_queue *queues;
    uint16_t queue_count; /* room in `queues`; queues beyond it do not exist */
    /* Of the features that the transport adds by itself to a model with VERSION_1 (RING_RESET,
     * NOTIFICATION_DATA, SUSPEND), and of the model's: those not to offer. */
    struct vq_features without;
    /* A legacy driver is a big-endian machine: it finds queues and configuration in its order, and
     * who comes by a modern interface, in little-endian. */
    bool legacy_big_endian;
    const struct vq_model_host *host; /* NULL: vq_model_run */
    void *host_context;
};

/* Memory that driver and device share beside the queues; its content is the VMM's business. */
struct vq_shared_memory {
    uint8_t id;
    uint64_t base; /* MMIO: an address of the guest. PCI: an offset in the BAR */
    uint64_t bytes;
};

/* Which rules the driver is held to. */
enum vq_interface {
    VQ_INTERFACE_EITHER, /* as VERSION_1 says; until it does, the legacy ones */
    VQ_INTERFACE_MODERN,
    VQ_INTERFACE_LEGACY,
};

/* What a front does for the device; internal, like all below. */
struct vq_model_front {
    void (*signal)(void *front, uint16_t index); /* send a used buffer notification */
    void (*config)(void *front);                 /* ... a configuration change notification */
    void (*reset)(void *front);                  /* the device was reset */
};

struct vq_model_state {
    struct vq_model_config config;
    const struct vq_model_front *front_ops;
    void *front;
    enum vq_interface interface;
    struct vq_features chosen;
    uint32_t generation;
    uint8_t status;
    bool beyond;            /* the driver chose bits that no device has */
    bool accepted;          /* the model has the driver's features */
    bool stale;             /* the configuration changed since the generation did */
    bool config_waits;      /* a configuration change notification is due */
    bool resetting;         /* a reset waits for queues to stop */
    bool suspending;        /* likewise, a suspend */
    uint8_t without_memory; /* why the device may not reach the driver's memory now; 0: it may */
};

/*
 * Runs every queue that was notified, or that has something to give back, until
 * none makes progress, but no queue more than 64 times. Returns whether anything
 * was done.
 */
bool vq_model_run(struct vq_model_state *state);
/* One queue, once, notified or not. Returns enum vq_run bits. */
unsigned vq_model_run_queue(struct vq_model_state *state, uint16_t index);

/* Who runs queues by himself: what the model's queue_run returned. */
void vq_model_ran(struct vq_model_state *state, uint16_t index, unsigned done);
/* The answer to a `stop` that returned false. */
void vq_model_queue_stopped(struct vq_model_state *state, uint16_t index);

/* The device's end changed its configuration space: a new generation, and a notification, which
 * waits while the driver is not there yet or the device is suspended. */
void vq_model_config_changed(struct vq_model_state *state);

/*
 * Around a change of the memory table (vq/memory.h): hold stops every queue, release starts
 * them again where they were, by the new table. The driver notices nothing. Where queues are
 * served by a host, the table may change once vq_model_held says so.
 */
void vq_model_hold(struct vq_model_state *state);
bool vq_model_held(const struct vq_model_state *state);
void vq_model_release(struct vq_model_state *state);

/* Is the device suspended, or about to be? Its configuration must then stay as it is: change it,
 * and say so, after the resume (INIT-DEV-SUSP-05). */
bool vq_model_suspended(const struct vq_model_state *state);

#ifdef __cplusplus
}
#endif
#endif
