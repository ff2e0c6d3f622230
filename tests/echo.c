/*
 * The echoing device (echo.h). It asserts what a model may expect of its transport: no queue
 * starts twice, runs or stops without a start, or is too large; no feature comes that was not
 * offered; nothing beyond the configuration space is asked for; all rest when it is reset.
 */
#include "test.h"

#include <string.h>

#include "echo.h"

static struct echo *echo_of(struct vq_device_model *model)
{
    return (struct echo *)(void *)model;
}

static const struct echo *echo_of_const(const struct vq_device_model *model)
{
    return (const struct echo *)(const void *)model;
}

static struct vq_features offered(const struct vq_device_model *model)
{
    return echo_of_const(model)->offered;
}

static enum vq_error accept(struct vq_device_model *model, const struct vq_features *chosen)
{
    struct echo *e = echo_of(model);
    if (e->modern_only && !vq_feature(chosen, VQ_F_VERSION_1))
        return VQ_ERR_UNSUPPORTED;
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++)
        assert_int_equal(chosen->word[i] & ~e->offered.word[i], 0);
    e->accepted = *chosen;
    return VQ_OK;
}

static uint32_t config_size(const struct vq_device_model *model)
{
    return echo_of_const(model)->config_bytes;
}

static void read_config(const struct vq_device_model *model, uint32_t offset, void *bytes,
                        uint32_t count)
{
    assert_true(offset + count <= echo_of_const(model)->config_bytes);
    memcpy(bytes, echo_of_const(model)->config + offset, count);
}

static enum vq_error write_config(struct vq_device_model *model, uint32_t offset, const void *bytes,
                                  uint32_t count)
{
    assert_true(offset + count <= echo_of(model)->config_bytes);
    if (offset < ECHO_CONFIG / 2)
        return VQ_ERR_UNSUPPORTED;
    memcpy(echo_of(model)->config + offset, bytes, count);
    return VQ_OK;
}

static uint16_t queue_count(const struct vq_device_model *model)
{
    return echo_of_const(model)->queues;
}

static uint16_t queue_size_max(const struct vq_device_model *model, uint16_t index)
{
    (void)index;
    return echo_of_const(model)->size;
}

static enum vq_error queue_start(struct vq_device_model *model, uint16_t index,
                                 const struct vq_device_config *config)
{
    struct echo *e = echo_of(model);
    struct vq_device_config mine = *config;
    enum vq_error error;
    assert_true(index < ECHO_QUEUES && !e->running[index] && mine.size <= ECHO_SIZE);
    mine.in_flight = e->in_flight[index];
    mine.order = e->order[index];
    e->started[index] = mine;
    error = vq_device_init(&e->queue[index], &mine);
    e->running[index] = error == VQ_OK;
    return error;
}

static void give_back(struct echo *e, uint16_t index)
{
    for (uint16_t i = 0; i < e->held_count[index]; i++) {
        struct vq_used used = {e->held[index][i], 0};
        (void)vq_device_push(&e->queue[index], &used, 1);
    }
    e->held_count[index] = 0;
}

static unsigned queue_run(struct vq_device_model *model, uint16_t index)
{
    struct echo *e = echo_of(model);
    struct vq_device_queue *q = &e->queue[index];
    struct vq_segment segments[4];
    struct vq_buffer buffer = {.segments = segments, .room = 4}, *one = &buffer;
    unsigned done = VQ_RUN_IDLE;

    assert_true(e->running[index]);
    while (vq_device_pop(q, &one, 1) == 1) {
        struct vq_used used = {buffer.id, 0};
        if (buffer.readable == 1 && buffer.writable == 1) {
            memcpy(segments[1].base, segments[0].base, segments[1].bytes);
            used.written = (uint32_t)segments[1].bytes;
        }
        e->served++;
        if (e->hold)
            e->held[index][e->held_count[index]++] = buffer.id;
        else
            (void)vq_device_push(q, &used, 1);
        done |= VQ_RUN_PROGRESS;
    }
    if (vq_device_publish(q))
        done |= VQ_RUN_SIGNAL;
    return done | (vq_device_broken(q) ? (unsigned)VQ_RUN_BROKEN : 0u);
}

static bool queue_arm(struct vq_device_model *model, uint16_t index)
{
    return vq_device_enable_notifications(&echo_of(model)->queue[index]);
}

static void queue_disarm(struct vq_device_model *model, uint16_t index)
{
    vq_device_disable_notifications(&echo_of(model)->queue[index]);
}

static int queue_wait_fd(const struct vq_device_model *model, uint16_t index)
{
    (void)model, (void)index;
    return -1;
}

static enum vq_broken queue_broken(const struct vq_device_model *model, uint16_t index)
{
    return vq_device_broken(&echo_of_const(model)->queue[index]);
}

static uint16_t queue_in_flight(const struct vq_device_model *model, uint16_t index)
{
    return echo_of_const(model)->held_count[index];
}

static unsigned queue_stop(struct vq_device_model *model, uint16_t index,
                           struct vq_position *position)
{
    struct echo *e = echo_of(model);
    struct vq_device_queue *q = &e->queue[index];

    assert_true(e->running[index]);
    give_back(e, index);
    e->running[index] = false;
    unsigned done = vq_device_publish(q) ? VQ_RUN_SIGNAL : VQ_RUN_IDLE;
    *position = (struct vq_position){q->next_available, q->next_used};
    return done;
}

static void reset(struct vq_device_model *model)
{
    struct echo *e = echo_of(model);
    for (unsigned i = 0; i < ECHO_QUEUES; i++)
        assert_false(e->running[i]);
    e->accepted = vq_features_from64(0);
    e->resets++;
}

static const struct vq_device_model_ops echo_ops = {
    .name = "echo",
    .device_id = 42,
    .offered = offered,
    .accept = accept,
    .config_size = config_size,
    .read_config = read_config,
    .write_config = write_config,
    .queue_count = queue_count,
    .queue_size_max = queue_size_max,
    .queue_start = queue_start,
    .queue_run = queue_run,
    .queue_arm = queue_arm,
    .queue_disarm = queue_disarm,
    .queue_wait_fd = queue_wait_fd,
    .queue_broken = queue_broken,
    .queue_in_flight = queue_in_flight,
    .queue_stop = queue_stop,
    .reset = reset,
};

void echo_init(struct echo *e, uint64_t features)
{
    *e = (struct echo){.ops = echo_ops,
                       .offered = vq_features_from64(features),
                       .config_bytes = ECHO_CONFIG,
                       .queues = ECHO_QUEUES,
                       .size = ECHO_SIZE};
    e->model.ops = &e->ops;
}
