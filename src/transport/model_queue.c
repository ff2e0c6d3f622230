/*
 * The queues of a device model as a driver sets them up: fields that freeze when a
 * queue is enabled, starting, running, stopping.
 *
 * A queue is started in the model when all of it is there: the driver's word, a size
 * that the format allows, parts that lie in memory as a whole. From then on until it
 * has stopped, no field of it changes (BUG-46).
 */
#include "model_state.h"

#include <vq/pci.h>

#define ROUNDS 64u

static bool packed(const struct vq_model_state *s)
{
    return vq_feature(&s->chosen, VQ_F_RING_PACKED);
}

uint16_t vq_model_queue_count(const struct vq_model_state *s)
{
    uint16_t count = vq_model_of(s)->ops->queue_count(vq_model_of(s));
    return count < s->config.queue_count ? count : s->config.queue_count;
}

struct vq_model_queue *vq_model_queue_at(const struct vq_model_state *s, uint32_t index)
{
    if (index >= vq_model_queue_count(s) ||
        vq_model_of(s)->ops->queue_size_max(vq_model_of(s), (uint16_t)index) == 0)
        return NULL;
    return &s->config.queues[index];
}

struct vq_model_queue *vq_model_queue_open(const struct vq_model_state *s, uint32_t index)
{
    struct vq_model_queue *q = vq_model_queue_at(s, index);
    if (q == NULL || q->enabled || q->running || s->resetting || vq_model_suspended(s))
        return NULL;
    return q;
}

void vq_model_forget(struct vq_model_queue *q)
{
    *q = (struct vq_model_queue){.vector = VQ_MSI_NO_VECTOR, .signaled = false};
}

uint16_t vq_model_queue_size_max(const struct vq_model_state *s, uint32_t index)
{
    if (vq_model_queue_at(s, index) == NULL)
        return 0;
    uint32_t max = vq_model_of(s)->ops->queue_size_max(vq_model_of(s), (uint16_t)index);
    if (max > VQ_SIZE_MAX)
        max = VQ_SIZE_MAX;
    if (!packed(s)) /* PCI-DEV-COMMON-16 */
        while ((max & (max - 1)) != 0)
            max &= max - 1;
    return (uint16_t)max;
}

uint16_t vq_model_queue_size(const struct vq_model_state *s, uint32_t index)
{
    const struct vq_model_queue *q = vq_model_queue_at(s, index);
    if (q == NULL)
        return 0;
    return q->sized ? q->size : vq_model_queue_size_max(s, index);
}

void vq_model_queue_set_size(struct vq_model_state *s, uint32_t index, uint32_t size)
{
    struct vq_model_queue *q = vq_model_queue_open(s, index);
    if (q == NULL)
        return;
    bool allowed =
        size <= vq_model_queue_size_max(s, index) && (packed(s) || (size & (size - 1)) == 0);
    q->sized = true;
    q->size = allowed ? (uint16_t)size : 0;
}

void vq_model_queue_set_half(struct vq_model_state *s, uint32_t index, enum vq_part part, bool high,
                             uint32_t value)
{
    struct vq_model_queue *q = vq_model_queue_open(s, index);
    if (q == NULL)
        return;
    uint64_t *address = &q->address[part];
    if (high)
        *address = (*address & UINT32_MAX) | (uint64_t)value << 32;
    else
        *address = (*address & ~(uint64_t)UINT32_MAX) | value;
}

static void *part_of(const struct vq_model_state *s, const struct vq_model_queue *q,
                     const struct vq_layout *layout, enum vq_part which)
{
    struct vq_segment segment;
    if (vq_memory_map(s->config.memory, q->address[which], layout->part[which].bytes,
                      (enum vq_access)(VQ_READ | VQ_WRITE), &segment, 1, NULL) != 1)
        return NULL;
    return segment.base;
}

/* Where a queue goes on, or begins. */
static struct vq_position position_of(const struct vq_model_state *s,
                                      const struct vq_model_queue *q)
{
    uint16_t fresh = packed(s) ? 0x8000 : 0;
    return q->placed ? q->position : (struct vq_position){fresh, fresh};
}

static enum vq_error start_in_model(struct vq_model_state *s, uint16_t index)
{
    struct vq_model_queue *q = &s->config.queues[index];
    struct vq_layout layout;
    enum vq_error error =
        vq_layout_init(&layout, packed(s) ? VQ_FORMAT_PACKED : VQ_FORMAT_SPLIT, q->size, 0);
    if (error != VQ_OK)
        return error;
    struct vq_position at = position_of(s, q);
    struct vq_device_config config = {
        .features = s->chosen,
        .big_endian = s->config.legacy_big_endian && !vq_feature(&s->chosen, VQ_F_VERSION_1),
        .size = q->size,
        .descriptor_area = part_of(s, q, &layout, VQ_DESCRIPTOR_AREA),
        .driver_area = part_of(s, q, &layout, VQ_DRIVER_AREA),
        .device_area = part_of(s, q, &layout, VQ_DEVICE_AREA),
        .memory = s->config.memory,
        .next_available = at.next_available,
        .next_used = at.next_used,
    };
    if (config.descriptor_area == NULL || config.driver_area == NULL || config.device_area == NULL)
        return VQ_ERR_RANGE;
    return vq_model_of(s)->ops->queue_start(vq_model_of(s), index, &config);
}

/* Starts a queue that is enabled, if it may run now. */
static enum vq_error start_queue(struct vq_model_state *s, uint16_t index)
{
    struct vq_model_queue *q = &s->config.queues[index];
    if (!q->enabled || q->running || q->broken || s->resetting || vq_model_suspended(s) ||
        s->without_memory != 0 || !s->accepted)
        return VQ_OK;
    enum vq_error error = start_in_model(s, index);
    if (error != VQ_OK) {
        q->broken = true;
        vq_model_needs_reset(s); /* BUG-51 */
        return error;
    }
    q->running = true;
    q->placed = false;
    q->kicked = true; /* look once, whatever was notified before */
    if (s->config.host != NULL)
        s->config.host->started(s->config.host_context, index);
    return VQ_OK;
}

void vq_model_start_all(struct vq_model_state *s)
{
    /* Before DRIVER_OK only what ran already, by a legacy driver. */
    for (uint16_t i = 0; i < vq_model_queue_count(s); i++)
        if ((s->status & VQ_STATUS_DRIVER_OK) != 0 || s->config.queues[i].placed)
            (void)start_queue(s, i);
}

/* Nothing runs the queue any more. */
static void let_go(struct vq_model_state *s, uint16_t index)
{
    struct vq_model_queue *q = &s->config.queues[index];
    struct vq_position position = {0, 0};
    unsigned done = vq_model_of(s)->ops->queue_stop(vq_model_of(s), index, &position);

    q->running = false;
    q->stopping = false;
    if (!q->keep) {
        vq_model_forget(q); /* BASIC-DEV-VQRST-02: and nobody is told of what it gave back */
        return;
    }
    q->position = position;
    q->placed = true;
    if ((done & VQ_RUN_SIGNAL) != 0) /* INIT-DEV-SUSP-12 */
        s->front_ops->signal(s->front, index);
}

static void stop_queue(struct vq_model_state *s, uint16_t index, bool keep)
{
    struct vq_model_queue *q = &s->config.queues[index];
    if (!q->running) {
        if (!keep)
            vq_model_forget(q);
        return;
    }
    bool again = q->stopping;
    q->keep = keep && (q->keep || !again);
    q->stopping = true;
    if (again)
        return;
    if (s->config.host == NULL || s->config.host->stop(s->config.host_context, index))
        let_go(s, index);
}

void vq_model_stop_all(struct vq_model_state *s, bool keep)
{
    for (uint16_t i = 0; i < s->config.queue_count; i++)
        stop_queue(s, i, keep);
}

void vq_model_queue_stopped(struct vq_model_state *s, uint16_t index)
{
    if (index >= s->config.queue_count || !s->config.queues[index].stopping)
        return;
    let_go(s, index);
    vq_model_settle(s);
}

enum vq_error vq_model_queue_enable(struct vq_model_state *s, uint32_t index)
{
    if (vq_model_queue_at(s, index) == NULL)
        return VQ_ERR_RANGE;
    struct vq_model_queue *q = vq_model_queue_open(s, index);
    if (q == NULL || ((s->status & VQ_STATUS_FEATURES_OK) == 0 && !vq_model_legacy(s)))
        return VQ_ERR_STATE;
    /* Chosen before the format was: once more. */
    uint16_t size = vq_model_queue_size(s, index);
    vq_model_queue_set_size(s, index, size);
    if (q->size == 0)
        return VQ_ERR_SIZE;
    q->enabled = true;
    if ((s->status & VQ_STATUS_DRIVER_OK) == 0)
        return VQ_OK;
    return start_queue(s, (uint16_t)index);
}

void vq_model_queue_make_ready(struct vq_model_state *s, uint32_t index)
{
    enum vq_error error = vq_model_queue_enable(s, index);
    if (error == VQ_ERR_SIZE)
        vq_model_needs_reset(s);
}

/* a * b, on machines whose multiplication and shifts end at 32 bits. */
static uint64_t product(uint32_t a, uint32_t b)
{
    uint64_t sum = 0;
    for (uint64_t term = a; b != 0; b >>= 1, term += term)
        if ((b & 1u) != 0)
            sum += term;
    return sum;
}

void vq_model_queue_set_page(struct vq_model_state *s, uint32_t index, uint32_t page,
                             uint32_t page_bytes)
{
    struct vq_model_queue *q = vq_model_queue_at(s, index);
    if (q == NULL || s->resetting)
        return;
    if (page == 0) {
        stop_queue(s, (uint16_t)index, false);
        return;
    }
    q = vq_model_queue_open(s, index);
    if (q == NULL)
        return;
    struct vq_layout layout;
    uint64_t address = product(page, page_bytes);
    if (page_bytes == 0 || vq_layout_init(&layout, VQ_FORMAT_LEGACY, vq_model_queue_size(s, index),
                                          q->align) != VQ_OK) {
        vq_model_needs_reset(s); /* BUG-52 */
        return;
    }
    for (unsigned i = 0; i < VQ_PARTS; i++)
        q->address[i] = address + layout.part[i].offset;
    q->page = page;
    vq_model_queue_make_ready(s, index);
}

void vq_model_queue_clear(struct vq_model_state *s, uint32_t index)
{
    if (vq_model_queue_at(s, index) != NULL && !s->resetting && !vq_model_suspended(s))
        stop_queue(s, (uint16_t)index, false);
}

void vq_model_queue_reset(struct vq_model_state *s, uint32_t index)
{
    if (vq_feature(&s->chosen, VQ_F_RING_RESET) && (s->status & VQ_STATUS_FEATURES_OK) != 0)
        vq_model_queue_clear(s, index);
}

bool vq_model_queue_in_reset(const struct vq_model_state *s, uint32_t index)
{
    const struct vq_model_queue *q = vq_model_queue_at(s, index);
    return q != NULL && q->stopping && !q->keep;
}

void vq_model_notify(struct vq_model_state *s, uint32_t index, uint32_t data)
{
    struct vq_model_queue *q = vq_model_queue_at(s, index);
    if (q == NULL || !q->enabled || q->stopping)
        return;
    q->notification = vq_feature(&s->chosen, VQ_F_NOTIFICATION_DATA) ? data : index;
    q->kicked = true;
    /* INIT-DEV-LEG-02: legacy drivers may use a queue before DRIVER_OK. */
    if (!q->running && vq_model_legacy(s) && (s->status & VQ_STATUS_DRIVER_OK) == 0 &&
        vq_model_accept(s))
        (void)start_queue(s, (uint16_t)index);
    if (q->running && s->config.host != NULL)
        s->config.host->notified(s->config.host_context, (uint16_t)index);
}

static void change_access(struct vq_model_state *s, uint8_t why, bool allowed)
{
    uint8_t before = s->without_memory;
    s->without_memory = (uint8_t)(allowed ? before & ~why : before | why);
    if (s->without_memory == before)
        return;
    if (!allowed)
        vq_model_stop_all(s, true);
    vq_model_settle(s);
}

void vq_model_set_memory_access(struct vq_model_state *s, bool allowed)
{
    change_access(s, VQ_WITHOUT_MASTER, allowed);
}

void vq_model_hold(struct vq_model_state *s)
{
    change_access(s, VQ_WITHOUT_TABLE, false);
}

bool vq_model_held(const struct vq_model_state *s)
{
    for (uint16_t i = 0; i < s->config.queue_count; i++)
        if (s->config.queues[i].running)
            return false;
    return (s->without_memory & VQ_WITHOUT_TABLE) != 0;
}

void vq_model_release(struct vq_model_state *s)
{
    change_access(s, VQ_WITHOUT_TABLE, true);
}

void vq_model_ran(struct vq_model_state *s, uint16_t index, unsigned done)
{
    if (index >= s->config.queue_count || !s->config.queues[index].running)
        return;
    struct vq_model_queue *q = &s->config.queues[index];
    if ((done & VQ_RUN_SIGNAL) != 0 && (!q->stopping || q->keep))
        s->front_ops->signal(s->front, index);
    if ((done & VQ_RUN_BROKEN) != 0 && !q->broken) {
        q->broken = true;
        vq_model_needs_reset(s);
    }
}

unsigned vq_model_run_queue(struct vq_model_state *s, uint16_t index)
{
    if (index >= s->config.queue_count)
        return VQ_RUN_IDLE;
    struct vq_model_queue *q = &s->config.queues[index];
    if (!q->running || q->stopping)
        return VQ_RUN_IDLE;
    q->kicked = false;
    unsigned done = vq_model_of(s)->ops->queue_run(vq_model_of(s), index);
    vq_model_ran(s, index, done);
    return done;
}

/* Runs a queue until it has nothing more to do and will be notified of what comes. */
static bool run_dry(struct vq_model_state *s, uint16_t index)
{
    const struct vq_device_model_ops *ops = vq_model_of(s)->ops;
    bool any = false;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned done = vq_model_run_queue(s, index);
        any = any || (done & VQ_RUN_PROGRESS) != 0;
        if ((done & VQ_RUN_PROGRESS) == 0 && !ops->queue_arm(vq_model_of(s), index))
            break;
    }
    return any;
}

bool vq_model_run(struct vq_model_state *s)
{
    const struct vq_device_model_ops *ops = vq_model_of(s)->ops;
    bool any = false;
    for (uint16_t i = 0; i < vq_model_queue_count(s); i++) {
        const struct vq_model_queue *q = &s->config.queues[i];
        if (q->running && (q->kicked || ops->queue_in_flight(vq_model_of(s), i) != 0))
            any = run_dry(s, i) || any;
    }
    return any;
}
