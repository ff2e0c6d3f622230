/*
 * A transport whose device is a model in the same process: one call of a driver is
 * one access to the state that every register model keeps (model_state.h).
 *
 * It trusts its caller (both ends are here), but not what the driver under test
 * writes: a driver that skips steps gets what a device would give it.
 */
#include <vq/loopback.h>

#include "model_state.h"

static struct vq_loopback *loop_of(struct vq_transport *t)
{
    return (struct vq_loopback *)(void *)t; /* its first member */
}

static struct vq_model_state *state_of(struct vq_transport *t)
{
    return &loop_of(t)->state;
}

static enum vq_error loop_get_status(struct vq_transport *t, uint8_t *status)
{
    *status = vq_model_status(state_of(t));
    return VQ_OK;
}

static enum vq_error loop_set_status(struct vq_transport *t, uint8_t status)
{
    vq_model_set_status(state_of(t), status);
    return VQ_OK;
}

static enum vq_error loop_get_features(struct vq_transport *t, struct vq_features *offered)
{
    *offered = vq_model_offered(state_of(t));
    return VQ_OK;
}

static enum vq_error loop_set_features(struct vq_transport *t, const struct vq_features *accepted)
{
    enum vq_error error = VQ_OK;
    for (uint32_t i = 0; i < VQ_FEATURE_WORDS && error == VQ_OK; i++)
        error = vq_model_choose_word(state_of(t), i, accepted->word[i]);
    return error;
}

static uint32_t loop_config_size(struct vq_transport *t)
{
    return vq_model_config_size(state_of(t));
}

static enum vq_error loop_config_generation(struct vq_transport *t, uint32_t *generation)
{
    *generation = vq_model_generation(state_of(t));
    return VQ_OK;
}

/* The order that the driver's end goes by, who knows his choice before the device does. Until he
 * has made one, who was offered VERSION_1 is taken to know it. */
static bool loop_big_endian(struct vq_transport *t)
{
    struct vq_features offered = vq_model_offered(state_of(t));
    bool chosen = vq_transport_negotiated(t);

    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++)
        chosen |= t->accepted.word[i] != 0;
    return vq_transport_big_endian(t) && (chosen || !vq_feature(&offered, VQ_F_VERSION_1));
}

static enum vq_error loop_read_config(struct vq_transport *t, uint32_t offset, void *bytes,
                                      uint32_t count)
{
    vq_model_read_config(state_of(t), loop_big_endian(t), offset, (uint8_t *)bytes, count);
    return VQ_OK;
}

static enum vq_error loop_write_config(struct vq_transport *t, uint32_t offset, const void *bytes,
                                       uint32_t count)
{
    return vq_model_write_config(state_of(t), loop_big_endian(t), offset, (const uint8_t *)bytes,
                                 count);
}

static enum vq_error loop_queue_constraints(struct vq_transport *t, uint16_t index,
                                            struct vq_constraints *constraints)
{
    uint16_t max = vq_model_queue_size_max(state_of(t), index);
    if (max == 0)
        return VQ_ERR_RANGE;
    *constraints = loop_of(t)->constraints;
    if (constraints->size_max == 0 || constraints->size_max > max)
        constraints->size_max = max;
    return VQ_OK;
}

static enum vq_error loop_queue_enable(struct vq_transport *t, uint16_t index,
                                       const struct vq_place *place)
{
    struct vq_constraints constraints;
    enum vq_error error = loop_queue_constraints(t, index, &constraints);
    if (error != VQ_OK)
        return error;
    if (place->layout.size > constraints.size_max ||
        (constraints.size_fixed && place->layout.size != constraints.size_max))
        return VQ_ERR_SIZE;
    vq_model_queue_set_size(state_of(t), index, place->layout.size);
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        enum vq_part part = (enum vq_part)i;
        vq_model_queue_set_half(state_of(t), index, part, false, (uint32_t)place->address[i]);
        vq_model_queue_set_half(state_of(t), index, part, true,
                                (uint32_t)(place->address[i] >> 32));
    }
    return vq_model_queue_enable(state_of(t), index);
}

static enum vq_error loop_queue_reset(struct vq_transport *t, uint16_t index)
{
    if (vq_model_queue_at(state_of(t), index) == NULL)
        return VQ_ERR_RANGE;
    vq_model_queue_clear(state_of(t), index);
    return VQ_OK;
}

static enum vq_error loop_notify(struct vq_transport *t, uint16_t index, uint32_t data)
{
    if (vq_model_queue_at(state_of(t), index) == NULL)
        return VQ_ERR_RANGE;
    vq_model_notify(state_of(t), index, data);
    return VQ_OK;
}

static bool take_signal(struct vq_loopback *loop, uint16_t index)
{
    bool signaled = false;
    for (uint16_t i = 0; i < vq_model_queue_count(&loop->state); i++) {
        struct vq_model_queue *q = &loop->state.config.queues[i];
        if (index != VQ_QUEUE_ANY && index != i)
            continue;
        signaled = signaled || q->signaled;
        q->signaled = false;
    }
    return signaled;
}

/* Sleeping would be for ever: the device works only when it is run. So it is run here. */
static enum vq_error loop_wait(struct vq_transport *t, uint16_t index, int timeout_ms)
{
    struct vq_loopback *loop = loop_of(t);
    (void)timeout_ms;
    if (take_signal(loop, index))
        return VQ_OK;
    (void)vq_loopback_run(loop);
    return take_signal(loop, index) ? VQ_OK : VQ_ERR_TIMEOUT;
}

static unsigned loop_take_events(struct vq_transport *t)
{
    struct vq_loopback *loop = loop_of(t);
    unsigned events = 0;
    for (uint16_t i = 0; i < vq_model_queue_count(&loop->state); i++)
        if (loop->state.config.queues[i].signaled)
            events |= VQ_EVENT_QUEUE;
    if (loop->config_changed)
        events |= VQ_EVENT_CONFIG;
    loop->config_changed = false;
    return events;
}

static void loop_on_signal(void *front, uint16_t index)
{
    struct vq_loopback *loop = (struct vq_loopback *)front;
    loop->state.config.queues[index].signaled = true;
}

static void loop_on_config(void *front)
{
    struct vq_loopback *loop = (struct vq_loopback *)front;
    loop->config_changed = true;
}

static void loop_on_reset(void *front)
{
    struct vq_loopback *loop = (struct vq_loopback *)front;
    loop->config_changed = false;
}

static const struct vq_model_front loopback_front = {loop_on_signal, loop_on_config, loop_on_reset};

static const struct vq_transport_ops loopback_ops = {
    .name = "loopback",
    .get_status = loop_get_status,
    .set_status = loop_set_status,
    .get_features = loop_get_features,
    .set_features = loop_set_features,
    .config_size = loop_config_size,
    .config_generation = loop_config_generation,
    .read_config = loop_read_config,
    .write_config = loop_write_config,
    .queue_constraints = loop_queue_constraints,
    .queue_enable = loop_queue_enable,
    .queue_reset = loop_queue_reset,
    .notify = loop_notify,
    .wait = loop_wait,
    .take_events = loop_take_events,
};

enum vq_error vq_loopback_init(struct vq_loopback *loop, const struct vq_loopback_config *config)
{
    struct vq_model_config device = {
        .model = config->model,
        .memory = config->memory,
        .queues = config->queues,
        .queue_count = config->queue_count,
        .legacy_big_endian = VQ_HOST_BIG || config->legacy_big_endian,
    };
    if (config->model == NULL)
        return VQ_ERR_INVALID;
    if (config->plain) {
        vq_feature_set(&device.without, VQ_F_RING_RESET);
        vq_feature_set(&device.without, VQ_F_NOTIFICATION_DATA);
        vq_feature_set(&device.without, VQ_F_SUSPEND);
    }
    *loop = (struct vq_loopback){
        .transport =
            {
                .ops = &loopback_ops,
                .device_id = config->model->ops->device_id,
                .supported = vq_transport_common_features(),
                .legacy_big_endian = VQ_HOST_BIG || config->legacy_big_endian,
            },
        .constraints = config->constraints,
    };
    vq_feature_set(&loop->transport.supported, VQ_F_RING_RESET);
    return vq_model_state_init(&loop->state, &device, VQ_INTERFACE_EITHER, &loopback_front, loop);
}

unsigned vq_loopback_run_queue(struct vq_loopback *loop, uint16_t index)
{
    return vq_model_run_queue(&loop->state, index);
}

bool vq_loopback_run(struct vq_loopback *loop)
{
    return vq_model_run(&loop->state);
}

void vq_loopback_config_changed(struct vq_loopback *loop)
{
    vq_model_config_changed(&loop->state);
}

uint32_t vq_loopback_notification(const struct vq_loopback *loop, uint16_t index)
{
    const struct vq_model_queue *q = vq_model_queue_at(&loop->state, index);
    return q != NULL ? q->notification : 0;
}
