/*
 * Moves requests between a ring and its lane, in batches: one reap, one pop and
 * one submit per round, one publish per run.
 *
 * Never waits but in queue_stop. Every buffer that was popped goes back exactly
 * once: it is either on the free stack, at the lane, or in the hands of a round.
 */
#include "blk_device.h"

static struct vq_blk_request *vq_blk_request_of(struct vq_blk_io *io)
{
    return (struct vq_blk_request *)(void *)((uint8_t *)io - offsetof(struct vq_blk_request, io));
}

static struct vq_blk_queue *vq_blk_running(const struct vq_device_model *model, uint16_t index)
{
    const struct vq_blk_device *dev = vq_blk_device_of_const(model);
    struct vq_blk_queue *q;

    if (index >= dev->config.queue_count)
        return NULL;
    q = vq_blk_queue_at(dev, index);
    return q->running ? q : NULL;
}

uint16_t vq_blk_queue_count(const struct vq_device_model *model)
{
    return vq_blk_device_of_const(model)->config.queue_count;
}

uint16_t vq_blk_queue_size_max(const struct vq_device_model *model, uint16_t index)
{
    const struct vq_blk_device *dev = vq_blk_device_of_const(model);

    return index < dev->config.queue_count ? dev->config.queue_size : 0;
}

enum vq_error vq_blk_queue_start(struct vq_device_model *model, uint16_t index,
                                 const struct vq_device_config *config)
{
    struct vq_blk_device *dev = vq_blk_device_of(model);
    struct vq_device_config c = *config;
    struct vq_blk_queue *q;
    enum vq_error error;

    if (index >= dev->config.queue_count)
        return VQ_ERR_RANGE;
    q = vq_blk_queue_at(dev, index);
    if (q->running || !dev->negotiated)
        return VQ_ERR_STATE;
    if (c.size > dev->config.queue_size)
        return VQ_ERR_SIZE;
    c.in_flight = q->in_flight;
    c.order = q->order;
    error = vq_device_init(&q->ring, &c);
    if (error != VQ_OK)
        return error;
    q->features = dev->accepted.word[0];
    q->legacy = !vq_feature(&dev->accepted, VQ_F_VERSION_1);
    q->big_endian = q->legacy && c.big_endian;
    q->running = true;
    return VQ_OK;
}

static void vq_blk_push(struct vq_blk_queue *q)
{
    /* Cannot fail: the ids come from pop, and each request is here once. */
    (void)vq_device_push(&q->ring, q->used, q->used_count);
    q->served += q->used_count;
    q->used_count = 0;
}

static void vq_blk_give_back(struct vq_blk_queue *q, struct vq_blk_request *r, uint32_t written)
{
    q->used[q->used_count++] = (struct vq_used){.id = r->buffer.id, .written = written};
    if (q->used_count == VQ_BLK_BATCH)
        vq_blk_push(q);
    q->free[--q->free_top] = &r->buffer;
}

static void vq_blk_submit(struct vq_blk_queue *q, struct vq_blk_io *const ios[], size_t count)
{
    if (count == 0)
        return;
    q->at_lane += (uint32_t)count;
    q->lane->ops->submit(q->lane, ios, count);
}

/* Takes what the lane has done. What goes on with another io is left in `ios`, counted by *more. */
static size_t vq_blk_reap(struct vq_blk_queue *q, struct vq_blk_io *ios[VQ_BLK_BATCH], bool wait,
                          size_t *more)
{
    size_t n, again = 0;

    *more = 0;
    if (q->at_lane == 0)
        return 0;
    n = q->lane->ops->reap(q->lane, ios, VQ_BLK_BATCH, wait);
    q->at_lane -= (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        struct vq_blk_request *r = vq_blk_request_of(ios[i]);
        uint32_t written;

        if (vq_blk_request_resume(q, r, &written) == VQ_BLK_SUBMIT)
            ios[again++] = &r->io;
        else
            vq_blk_give_back(q, r, written);
    }
    *more = again;
    return n;
}

/* Pops up to `count` buffers, and adds to the `*more` of `ios` what is to be submitted. */
static size_t vq_blk_take(struct vq_blk_queue *q, struct vq_blk_io *ios[], size_t count,
                          size_t *more)
{
    struct vq_buffer *taken[VQ_BLK_BATCH];
    size_t room = q->device->config.requests - q->free_top;
    size_t n;

    if (count > room)
        count = room;
    if (count == 0)
        return 0;
    n = vq_device_pop(&q->ring, q->free + q->free_top, count);
    if (n == 0)
        return 0;
    /* After what is available was seen: a write that came after the cache was turned off must not
     * be taken for one of before (BLK-DEV-OP-14). */
    q->durable = vq_blk_writes_durable(q->device);
    /* Requests that end at once go back on the stack where these stand. */
    for (size_t i = 0; i < n; i++)
        taken[i] = q->free[q->free_top + i];
    q->free_top += (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        struct vq_blk_request *r = (struct vq_blk_request *)(void *)taken[i];
        uint32_t written;

        if (vq_blk_request_begin(q, r, &written) == VQ_BLK_SUBMIT)
            ios[(*more)++] = &r->io;
        else
            vq_blk_give_back(q, r, written);
    }
    return n;
}

static unsigned vq_blk_publish(struct vq_blk_queue *q)
{
    if (q->used_count != 0)
        vq_blk_push(q);
    return vq_device_publish(&q->ring) ? VQ_RUN_SIGNAL : 0;
}

unsigned vq_blk_queue_run(struct vq_device_model *model, uint16_t index)
{
    struct vq_blk_queue *q = vq_blk_running(model, index);
    struct vq_blk_io *ios[VQ_BLK_BATCH];
    unsigned did = VQ_RUN_IDLE;
    size_t budget;

    if (!q)
        return VQ_RUN_IDLE;
    budget = q->ring.size;
    for (;;) {
        size_t more;
        size_t done = vq_blk_reap(q, ios, false, &more);
        size_t room = VQ_BLK_BATCH - more;
        size_t taken = vq_blk_take(q, ios, budget < room ? budget : room, &more);

        vq_blk_submit(q, ios, more);
        budget -= taken;
        if (done == 0 && taken == 0)
            break;
        did |= VQ_RUN_PROGRESS;
    }
    did |= vq_blk_publish(q);
    if (vq_device_broken(&q->ring) != VQ_NOT_BROKEN)
        did |= VQ_RUN_BROKEN;
    return did;
}

bool vq_blk_queue_arm(struct vq_device_model *model, uint16_t index)
{
    struct vq_blk_queue *q = vq_blk_running(model, index);

    /* With every request in flight there is nothing to do before the lane has done one. */
    return q && vq_device_enable_notifications(&q->ring) &&
           q->free_top < q->device->config.requests;
}

void vq_blk_queue_disarm(struct vq_device_model *model, uint16_t index)
{
    struct vq_blk_queue *q = vq_blk_running(model, index);

    if (q)
        vq_device_disable_notifications(&q->ring);
}

int vq_blk_queue_wait_fd(const struct vq_device_model *model, uint16_t index)
{
    const struct vq_blk_device *dev = vq_blk_device_of_const(model);
    const struct vq_blk_queue *q;

    if (index >= dev->config.queue_count)
        return -1;
    q = vq_blk_queue_at(dev, index);
    return q->lane->ops->wait_fd(q->lane);
}

enum vq_broken vq_blk_queue_broken(const struct vq_device_model *model, uint16_t index)
{
    const struct vq_blk_queue *q = vq_blk_running(model, index);

    return q ? vq_device_broken(&q->ring) : VQ_NOT_BROKEN;
}

uint16_t vq_blk_queue_in_flight(const struct vq_device_model *model, uint16_t index)
{
    const struct vq_blk_queue *q = vq_blk_running(model, index);

    return q ? (uint16_t)q->free_top : 0;
}

unsigned vq_blk_queue_stop(struct vq_device_model *model, uint16_t index,
                           struct vq_position *position)
{
    struct vq_blk_queue *q = vq_blk_running(model, index);
    struct vq_blk_io *ios[VQ_BLK_BATCH];
    unsigned did = VQ_RUN_IDLE;

    *position = (struct vq_position){0, 0};
    if (!q)
        return VQ_RUN_IDLE;
    while (q->at_lane != 0) {
        size_t more;

        vq_blk_reap(q, ios, true, &more);
        vq_blk_submit(q, ios, more);
        did = VQ_RUN_PROGRESS;
    }
    did |= vq_blk_publish(q);
    position->next_available = q->ring.next_available;
    position->next_used = q->ring.next_used;
    q->running = false;
    return did;
}

uint64_t vq_blk_device_served(const struct vq_blk_device *dev)
{
    uint64_t sum = 0;

    for (uint16_t i = 0; i < dev->config.queue_count; i++)
        sum += vq_blk_queue_at(dev, i)->served;
    return sum;
}
