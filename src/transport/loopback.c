/*
 * A transport whose device is a model in the same process. It is the device's
 * register file: the status machine, the features, the places of the queues.
 *
 * It trusts its caller (both ends are here), but not what the driver under test
 * writes: addresses go through vq_memory_map, indices are checked, and a driver
 * that skips steps gets what a device would give it.
 */
#include <vq/loopback.h>

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define HOST_BIG true
#else
#define HOST_BIG false
#endif

#define ROUNDS 64u

static struct vq_loopback *loop_of(struct vq_transport *t)
{
    return (struct vq_loopback *)(void *)t; /* its first member */
}

static struct vq_device_model *model_of(const struct vq_loopback *loop)
{
    return loop->config.model;
}

static uint16_t queue_count(const struct vq_loopback *loop)
{
    uint16_t count = model_of(loop)->ops->queue_count(model_of(loop));
    return count < loop->config.queue_count ? count : loop->config.queue_count;
}

/* What the loopback itself adds to the model's features. */
static struct vq_features own_features(const struct vq_loopback *loop,
                                       const struct vq_features *offered)
{
    struct vq_features set = {{0}};
    if (!loop->config.plain && vq_feature(offered, VQ_F_VERSION_1)) {
        vq_feature_set(&set, VQ_F_RING_RESET);
        vq_feature_set(&set, VQ_F_NOTIFICATION_DATA);
    }
    return set;
}

static struct vq_features offered_by(const struct vq_loopback *loop)
{
    struct vq_features offered = model_of(loop)->ops->offered(model_of(loop));
    struct vq_features own = own_features(loop, &offered);
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++)
        offered.word[i] |= own.word[i];
    return offered;
}

/* Hands the driver's choice to the model, once. */
static bool accept(struct vq_loopback *loop)
{
    struct vq_features offered = model_of(loop)->ops->offered(model_of(loop));
    struct vq_features chosen = loop->chosen;
    struct vq_features own = own_features(loop, &offered);
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++) {
        chosen.word[i] &= ~(own.word[i] & ~offered.word[i]);
        if ((chosen.word[i] & ~offered.word[i]) != 0)
            return false;
    }
    if (!loop->accepted)
        loop->accepted = model_of(loop)->ops->accept(model_of(loop), &chosen) == VQ_OK;
    return loop->accepted;
}

static void *part(const struct vq_loopback *loop, const struct vq_place *place, enum vq_part which)
{
    struct vq_segment segment;
    if (vq_memory_map(loop->config.memory, place->address[which], place->layout.part[which].bytes,
                      VQ_READ | VQ_WRITE, &segment, 1, NULL) != 1)
        return NULL;
    return segment.base;
}

static enum vq_error start_queue(struct vq_loopback *loop, uint16_t index)
{
    struct vq_loopback_queue *q = &loop->config.queues[index];
    const struct vq_place *place = &q->place;
    bool packed = vq_feature(&loop->chosen, VQ_F_RING_PACKED);
    uint16_t fresh = packed ? 0x8000 : 0;
    struct vq_device_config config = {
        .features = loop->chosen,
        .big_endian =
            loop->transport.legacy_big_endian && !vq_feature(&loop->chosen, VQ_F_VERSION_1),
        .size = (uint16_t)place->layout.size,
        .descriptor_area = part(loop, place, VQ_DESCRIPTOR_AREA),
        .driver_area = part(loop, place, VQ_DRIVER_AREA),
        .device_area = part(loop, place, VQ_DEVICE_AREA),
        .memory = loop->config.memory,
        .next_available = fresh,
        .next_used = fresh,
    };
    if (config.descriptor_area == NULL || config.driver_area == NULL || config.device_area == NULL)
        return VQ_ERR_RANGE;
    enum vq_error error = model_of(loop)->ops->queue_start(model_of(loop), index, &config);
    q->running = error == VQ_OK;
    q->broken = false;
    q->kicked = q->running; /* look once, whatever was notified before */
    return error;
}

static void stop_queue(struct vq_loopback *loop, uint16_t index)
{
    struct vq_loopback_queue *q = &loop->config.queues[index];
    if (q->running) {
        struct vq_position position;
        (void)model_of(loop)->ops->queue_stop(model_of(loop), index, &position);
    }
    *q = (struct vq_loopback_queue){.enabled = false};
}

static void start_all(struct vq_loopback *loop)
{
    if (!vq_feature(&loop->chosen, VQ_F_VERSION_1) && !accept(loop)) {
        loop->status |= VQ_STATUS_NEEDS_RESET; /* a legacy driver has no other sign */
        return;
    }
    for (uint16_t i = 0; i < queue_count(loop); i++)
        if (loop->config.queues[i].enabled && !loop->config.queues[i].running &&
            start_queue(loop, i) != VQ_OK)
            loop->status |= VQ_STATUS_NEEDS_RESET;
}

static void reset(struct vq_loopback *loop)
{
    for (uint16_t i = 0; i < loop->config.queue_count; i++)
        stop_queue(loop, i);
    model_of(loop)->ops->reset(model_of(loop));
    loop->chosen = (struct vq_features){{0}};
    loop->accepted = false;
    loop->config_changed = false;
    loop->status = 0;
}

static enum vq_error get_status(struct vq_transport *t, uint8_t *status)
{
    *status = loop_of(t)->status;
    return VQ_OK;
}

static enum vq_error set_status(struct vq_transport *t, uint8_t status)
{
    struct vq_loopback *loop = loop_of(t);
    if (status == 0) {
        reset(loop);
        return VQ_OK;
    }
    uint8_t raised = (uint8_t)(status & ~loop->status);
    if ((raised & VQ_STATUS_FEATURES_OK) != 0 && !accept(loop))
        status = (uint8_t)(status & ~VQ_STATUS_FEATURES_OK);
    loop->status |= status;
    if ((raised & VQ_STATUS_DRIVER_OK) != 0)
        start_all(loop);
    return VQ_OK;
}

static enum vq_error get_features(struct vq_transport *t, struct vq_features *offered)
{
    *offered = offered_by(loop_of(t));
    return VQ_OK;
}

static enum vq_error set_features(struct vq_transport *t, const struct vq_features *accepted)
{
    struct vq_loopback *loop = loop_of(t);
    if ((loop->status & (VQ_STATUS_FEATURES_OK | VQ_STATUS_DRIVER_OK)) != 0)
        return VQ_ERR_STATE;
    loop->chosen = *accepted;
    return VQ_OK;
}

static uint32_t config_size(struct vq_transport *t)
{
    const struct vq_device_model *model = model_of(loop_of(t));
    return model->ops->config_size(model);
}

static enum vq_error config_generation(struct vq_transport *t, uint32_t *generation)
{
    *generation = loop_of(t)->generation;
    return VQ_OK;
}

static enum vq_error read_config(struct vq_transport *t, uint32_t offset, void *bytes,
                                 uint32_t count)
{
    const struct vq_device_model *model = model_of(loop_of(t));
    model->ops->read_config(model, offset, bytes, count);
    return VQ_OK;
}

static enum vq_error write_config(struct vq_transport *t, uint32_t offset, const void *bytes,
                                  uint32_t count)
{
    struct vq_loopback *loop = loop_of(t);
    /* A legacy model learns its features here at the latest: there is no FEATURES_OK. */
    if (!vq_feature(&loop->chosen, VQ_F_VERSION_1) && !accept(loop))
        return VQ_ERR_UNSUPPORTED;
    return model_of(loop)->ops->write_config(model_of(loop), offset, bytes, count);
}

static enum vq_error queue_constraints(struct vq_transport *t, uint16_t index,
                                       struct vq_constraints *constraints)
{
    const struct vq_loopback *loop = loop_of(t);
    if (index >= queue_count(loop))
        return VQ_ERR_RANGE;
    uint16_t max = model_of(loop)->ops->queue_size_max(model_of(loop), index);
    if (max == 0)
        return VQ_ERR_RANGE;
    *constraints = loop->config.constraints;
    if (constraints->size_max == 0 || constraints->size_max > max)
        constraints->size_max = max;
    return VQ_OK;
}

static enum vq_error queue_enable(struct vq_transport *t, uint16_t index,
                                  const struct vq_place *place)
{
    struct vq_loopback *loop = loop_of(t);
    struct vq_constraints constraints;
    enum vq_error error = queue_constraints(t, index, &constraints);
    if (error != VQ_OK)
        return error;
    if (place->layout.size > constraints.size_max ||
        (constraints.size_fixed && place->layout.size != constraints.size_max))
        return VQ_ERR_SIZE;
    struct vq_loopback_queue *q = &loop->config.queues[index];
    if (q->enabled)
        return VQ_ERR_STATE;
    *q = (struct vq_loopback_queue){.place = *place, .enabled = true};
    return (loop->status & VQ_STATUS_DRIVER_OK) != 0 ? start_queue(loop, index) : VQ_OK;
}

static enum vq_error queue_reset(struct vq_transport *t, uint16_t index)
{
    struct vq_loopback *loop = loop_of(t);
    if (index >= queue_count(loop))
        return VQ_ERR_RANGE;
    stop_queue(loop, index);
    return VQ_OK;
}

static enum vq_error notify(struct vq_transport *t, uint16_t index, uint32_t data)
{
    struct vq_loopback *loop = loop_of(t);
    if (index >= queue_count(loop))
        return VQ_ERR_RANGE;
    loop->config.queues[index].notification =
        vq_feature(&loop->chosen, VQ_F_NOTIFICATION_DATA) ? data : index;
    loop->config.queues[index].kicked = true;
    return VQ_OK;
}

static bool take_signal(struct vq_loopback *loop, uint16_t index)
{
    bool signaled = false;
    for (uint16_t i = 0; i < queue_count(loop); i++) {
        if (index != VQ_QUEUE_ANY && index != i)
            continue;
        signaled = signaled || loop->config.queues[i].signaled;
        loop->config.queues[i].signaled = false;
    }
    return signaled;
}

/* Sleeping would be for ever: the device works only when it is run. So it is run here. */
static enum vq_error wait(struct vq_transport *t, uint16_t index, int timeout_ms)
{
    struct vq_loopback *loop = loop_of(t);
    (void)timeout_ms;
    if (take_signal(loop, index))
        return VQ_OK;
    (void)vq_loopback_run(loop);
    return take_signal(loop, index) ? VQ_OK : VQ_ERR_TIMEOUT;
}

static unsigned take_events(struct vq_transport *t)
{
    struct vq_loopback *loop = loop_of(t);
    unsigned events = 0;
    for (uint16_t i = 0; i < queue_count(loop); i++)
        if (loop->config.queues[i].signaled)
            events |= VQ_EVENT_QUEUE;
    if (loop->config_changed)
        events |= VQ_EVENT_CONFIG;
    loop->config_changed = false;
    return events;
}

static const struct vq_transport_ops loopback_ops = {
    .name = "loopback",
    .get_status = get_status,
    .set_status = set_status,
    .get_features = get_features,
    .set_features = set_features,
    .config_size = config_size,
    .config_generation = config_generation,
    .read_config = read_config,
    .write_config = write_config,
    .queue_constraints = queue_constraints,
    .queue_enable = queue_enable,
    .queue_reset = queue_reset,
    .notify = notify,
    .wait = wait,
    .take_events = take_events,
};

enum vq_error vq_loopback_init(struct vq_loopback *loop, const struct vq_loopback_config *config)
{
    if (config->model == NULL || config->memory == NULL || config->queues == NULL)
        return VQ_ERR_INVALID;
    *loop = (struct vq_loopback){
        .transport =
            {
                .ops = &loopback_ops,
                .device_id = config->model->ops->device_id,
                .supported = vq_transport_common_features(),
                .legacy_big_endian = HOST_BIG || config->legacy_big_endian,
            },
        .config = *config,
    };
    vq_feature_set(&loop->transport.supported, VQ_F_RING_RESET);
    for (uint16_t i = 0; i < config->queue_count; i++)
        config->queues[i] = (struct vq_loopback_queue){.enabled = false};
    return VQ_OK;
}

unsigned vq_loopback_run_queue(struct vq_loopback *loop, uint16_t index)
{
    if (index >= queue_count(loop) || !loop->config.queues[index].running)
        return VQ_RUN_IDLE;
    struct vq_loopback_queue *q = &loop->config.queues[index];
    q->kicked = false;
    unsigned done = model_of(loop)->ops->queue_run(model_of(loop), index);
    if ((done & VQ_RUN_SIGNAL) != 0)
        q->signaled = true;
    if ((done & VQ_RUN_BROKEN) != 0 && !q->broken) {
        q->broken = true;
        loop->status |= VQ_STATUS_NEEDS_RESET;
        loop->config_changed = true;
    }
    return done;
}

/* Runs a queue until it has nothing more to do and will be notified of what comes. */
static bool run_dry(struct vq_loopback *loop, uint16_t index)
{
    const struct vq_device_model_ops *ops = model_of(loop)->ops;
    bool any = false;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned done = vq_loopback_run_queue(loop, index);
        any = any || (done & VQ_RUN_PROGRESS) != 0;
        if ((done & VQ_RUN_PROGRESS) == 0 && !ops->queue_arm(model_of(loop), index))
            break;
    }
    return any;
}

bool vq_loopback_run(struct vq_loopback *loop)
{
    const struct vq_device_model_ops *ops = model_of(loop)->ops;
    bool any = false;
    for (uint16_t i = 0; i < queue_count(loop); i++) {
        const struct vq_loopback_queue *q = &loop->config.queues[i];
        if (q->running && (q->kicked || ops->queue_in_flight(model_of(loop), i) != 0))
            any = run_dry(loop, i) || any;
    }
    return any;
}

void vq_loopback_config_changed(struct vq_loopback *loop)
{
    loop->generation++;
    loop->config_changed = true;
}

uint32_t vq_loopback_notification(const struct vq_loopback *loop, uint16_t index)
{
    return index < loop->config.queue_count ? loop->config.queues[index].notification : 0;
}
