/*
 * A transport, seen by a driver: how a device is found, negotiated with, given
 * its queues and notified. PCI, MMIO, the vhost-user front end and the loopback
 * all offer this one interface; a driver knows no other.
 *
 *     struct vq_plan plan = {.wanted = ..., .setup = place_and_enable_my_queues, ...};
 *     struct vq_init_result why;
 *     if (vq_transport_init_device(transport, &plan, &why) != VQ_OK)
 *         ... vq_init_step_text(why.step), vq_error_text(why.error) ...
 *
 * Drivers call the vq_transport_ functions, which keep the rules of the device
 * status (nothing below repeats them); transports implement the operations.
 * What a device answers is not trusted: every wait is bounded, every answer is
 * an input.
 *
 * One control thread makes all calls but notify and wait, which the thread that
 * uses the queue makes. What changes the status (initialisation, reset, suspend,
 * resume, failing) must not run beside them: stop using the queues first.
 */
#ifndef VQ_TRANSPORT_H
#define VQ_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/error.h>
#include <vq/feature.h>
#include <vq/layout.h>
#include <vq/status.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vq_transport;

#define VQ_QUEUE_ANY 0xffffu /* for wait: whichever queue is notified first */

/* What happened since it was last asked. */
enum vq_transport_event {
    VQ_EVENT_QUEUE = 1,  /* a used buffer notification came, and no wait has taken it yet */
    VQ_EVENT_CONFIG = 2, /* the configuration space or the device status changed */
};

/*
 * What a transport implements. Errors: VQ_ERR_BROKEN once the device is gone or
 * spoke nonsense (for ever after), VQ_ERR_TIMEOUT when it did not answer in time,
 * VQ_ERR_IO when the machine below failed, and what each operation states.
 */
struct vq_transport_ops {
    const char *name; /* "vhost-user" */

    enum vq_error (*get_status)(struct vq_transport *t, uint8_t *status);
    /* Zero begins a reset, which is over when the status reads zero. */
    enum vq_error (*set_status)(struct vq_transport *t, uint8_t status);

    enum vq_error (*get_features)(struct vq_transport *t, struct vq_features *offered);
    enum vq_error (*set_features)(struct vq_transport *t, const struct vq_features *accepted);

    /* Bytes of configuration space; UINT32_MAX where the transport cannot tell. */
    uint32_t (*config_size)(struct vq_transport *t);
    /* NULL where there is none (legacy). Changes whenever a field did. */
    enum vq_error (*config_generation)(struct vq_transport *t, uint32_t *generation);
    /* One field, or an array of bytes: registers are accessed with the width that `count` says (1,
     * 2, 4, 8 as two of 4; anything else: byte by byte), and what is wider need not be read at
     * once. VQ_ERR_RANGE beyond the end, VQ_ERR_UNSUPPORTED without a configuration space. */
    enum vq_error (*read_config)(struct vq_transport *t, uint32_t offset, void *bytes,
                                 uint32_t count);
    enum vq_error (*write_config)(struct vq_transport *t, uint32_t offset, const void *bytes,
                                  uint32_t count);

    /* What a queue of this index may look like; the format is VQ_FORMAT_LEGACY where the transport
     * takes one block only, else it is left to the features. VQ_ERR_RANGE when the device has no
     * such queue. */
    enum vq_error (*queue_constraints)(struct vq_transport *t, uint16_t index,
                                       struct vq_constraints *constraints);
    /* Tells the device where the parts are; the queue is in use from then on. The ring is
     * initialised already, and the features are negotiated. */
    enum vq_error (*queue_enable)(struct vq_transport *t, uint16_t index,
                                  const struct vq_place *place);
    /* Stops one queue and returns when the device has let go of it. NULL: not possible. */
    enum vq_error (*queue_reset)(struct vq_transport *t, uint16_t index);

    /* Sends an available buffer notification. `data` is vq_driver_notification_data(), which the
     * transport uses if NOTIFICATION_DATA was negotiated. */
    enum vq_error (*notify)(struct vq_transport *t, uint16_t index, uint32_t data);
    /* Sleeps until a used buffer notification of `index` (or VQ_QUEUE_ANY) came, at most
     * `timeout_ms` (negative: no limit). VQ_OK may be spurious. NULL: poll instead. */
    enum vq_error (*wait)(struct vq_transport *t, uint16_t index, int timeout_ms);
    /* enum vq_transport_event bits since the last call. NULL: look at the generation instead. */
    unsigned (*take_events)(struct vq_transport *t);
};

/* Embedded as the first member of each transport, which sets the first part. */
struct vq_transport {
    const struct vq_transport_ops *ops;
    uint16_t device_id; /* type of the device, virtio 1.4, section 5 */
    /* Features that make sense on this transport; all others are never accepted. */
    struct vq_features supported;
    /* The driver is a big-endian machine: so is everything while VERSION_1 is not accepted. */
    bool legacy_big_endian;
    /* Set by who knows the device, before it is initialised: see struct vq_driver_config. */
    bool length_always;
    /* Kept by vq_transport_init_device and the functions below. */
    uint8_t status; /* what the driver has set */
    bool suspended;
    struct vq_features offered;
    struct vq_features accepted;
};

/* Queue and transport features that need nothing special of a transport. */
struct vq_features vq_transport_common_features(void);

/* A feature that makes no sense without another. */
struct vq_feature_need {
    uint8_t bit;
    uint8_t needs;
};

/* What a driver wants of a device, and its part in the handshake. */
struct vq_plan {
    struct vq_features wanted;   /* everything that the driver can make use of */
    struct vq_features required; /* without these it gives up (a subset of `wanted`) */
    const struct vq_feature_need *needs;
    size_t need_count;
    /* How often the status is read, at most, before a reset counts as failed; 0: 1000000. */
    uint32_t patience;
    /* Optional. Looks at the device while features are negotiated: may read the configuration
     * space, may clear bits of `accepted`, must not write. An error gives the device up. */
    enum vq_error (*choose)(void *context, struct vq_transport *t, struct vq_features *accepted);
    /* Sets the device up: reads its configuration, makes queues and enables them. An error gives
     * the device up. Called once, between FEATURES_OK and DRIVER_OK. */
    enum vq_error (*setup)(void *context, struct vq_transport *t);
    void *context;
};

/* How far an initialisation got. */
enum vq_init_step {
    VQ_INIT_RESET,       /* the device did not come out of its reset */
    VQ_INIT_STATUS,      /* ACKNOWLEDGE or DRIVER could not be set */
    VQ_INIT_FEATURES,    /* features could not be read or written */
    VQ_INIT_REQUIRED,    /* a required feature is not offered: `feature` */
    VQ_INIT_CHOOSE,      /* the driver finds the device unsuitable */
    VQ_INIT_FEATURES_OK, /* the device refused the features chosen */
    VQ_INIT_SETUP,       /* queues or other parts could not be set up */
    VQ_INIT_DRIVER_OK,   /* DRIVER_OK could not be set, or the device needs a reset after it */
    VQ_INIT_DONE,
};

struct vq_init_result {
    enum vq_init_step step;
    enum vq_error error;
    int feature; /* VQ_INIT_REQUIRED: the first bit that is missing; else -1 */
};

/*
 * Initialises a device as section 3.1.1 demands (INIT-DRV-SEQ-01): reset,
 * ACKNOWLEDGE, DRIVER, features, FEATURES_OK and a look whether it stuck, setup,
 * DRIVER_OK. When VERSION_1 is not accepted the device is legacy: only the first
 * 32 features exist, and FEATURES_OK is left out (INIT-DRV-LEG-01). On failure
 * FAILED is set, nothing further is touched, and `result` (may be NULL) says what
 * happened. May be called again, which begins with a reset.
 */
enum vq_error vq_transport_init_device(struct vq_transport *t, const struct vq_plan *plan,
                                       struct vq_init_result *result);

/*
 * Resets the device: afterwards it uses no queue and no buffer (INIT-DRV-CLEAN-02),
 * and their memory is the caller's again. VQ_ERR_TIMEOUT when the status did not
 * become zero within `patience` reads (0: 1000000).
 */
enum vq_error vq_transport_reset(struct vq_transport *t, uint32_t patience);

/* Gives the device up: sets FAILED. Only a reset helps then. */
void vq_transport_fail(struct vq_transport *t);

/* Was VERSION_1 not accepted? */
bool vq_transport_legacy(const struct vq_transport *t);
/* Are rings, requests and configuration big-endian (a legacy device of a big-endian driver)? */
bool vq_transport_big_endian(const struct vq_transport *t);

/* Are the features settled, so that queues may be enabled and configuration written? */
bool vq_transport_negotiated(const struct vq_transport *t);

/* Did the device ask for a reset? Requests in flight may then never end. True when it is gone. */
bool vq_transport_needs_reset(struct vq_transport *t);

/*
 * Reads configuration space so that all `count` bytes belong together: repeated
 * until the generation stands still or, without one, until two readings agree.
 * VQ_ERR_RANGE beyond the end, VQ_ERR_TIMEOUT if it never comes to rest.
 */
enum vq_error vq_transport_read_config(struct vq_transport *t, uint32_t offset, void *bytes,
                                       uint32_t count);

/* A piece of configuration space: one field, or an array of bytes. */
struct vq_config_span {
    uint16_t offset;
    uint16_t bytes;
};

/*
 * The same for several pieces that must belong together; each lands in `image` at
 * its own offset. Nothing between them is touched (BASIC-DRV-CFG-04).
 */
enum vq_error vq_transport_read_config_spans(struct vq_transport *t,
                                             const struct vq_config_span spans[], size_t count,
                                             uint8_t *image);

/* VQ_ERR_STATE before FEATURES_OK (legacy: before DRIVER) and while suspended (INIT-DRV-SEQ-07,
 * INIT-DRV-SUSP-06). */
enum vq_error vq_transport_write_config(struct vq_transport *t, uint32_t offset, const void *bytes,
                                        uint32_t count);

/* A field out of bytes that vq_transport_read_config gave, in the order that was negotiated. */
uint16_t vq_transport_config16(const struct vq_transport *t, const uint8_t *field);
uint32_t vq_transport_config32(const struct vq_transport *t, const uint8_t *field);
uint64_t vq_transport_config64(const struct vq_transport *t, const uint8_t *field);

/* With the format that was negotiated, ready for vq_place_find. */
enum vq_error vq_transport_queue_constraints(struct vq_transport *t, uint16_t index,
                                             struct vq_constraints *constraints);
/* VQ_ERR_STATE before the features are negotiated. */
enum vq_error vq_transport_queue_enable(struct vq_transport *t, uint16_t index,
                                        const struct vq_place *place);
/* VQ_ERR_UNSUPPORTED without RING_RESET. Enable the queue again as if it were new. */
enum vq_error vq_transport_queue_reset(struct vq_transport *t, uint16_t index);

/* VQ_ERR_STATE before DRIVER_OK and while suspended (INIT-DRV-SEQ-15, INIT-DRV-SUSP-05). */
enum vq_error vq_transport_notify(struct vq_transport *t, uint16_t index, uint32_t data);
/* VQ_ERR_UNSUPPORTED where the transport can only be polled. */
enum vq_error vq_transport_wait(struct vq_transport *t, uint16_t index, int timeout_ms);
unsigned vq_transport_take_events(struct vq_transport *t);

/*
 * Suspends a running device and wakes it up again; both return when the device
 * has done so. VQ_ERR_UNSUPPORTED without the feature, VQ_ERR_STATE when it does
 * not run, VQ_ERR_BROKEN when it asks for a reset instead, VQ_ERR_TIMEOUT after
 * `patience` reads of the status.
 */
enum vq_error vq_transport_suspend(struct vq_transport *t, uint32_t patience);
enum vq_error vq_transport_resume(struct vq_transport *t, uint32_t patience);

/* One short sentence, without a full stop; never NULL. */
const char *vq_init_step_text(enum vq_init_step step);

#ifdef __cplusplus
}
#endif
#endif
