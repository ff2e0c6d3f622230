/*
 * Moves the bytes of the ports between rings and ring buffers, and knows which queue
 * is whose.
 *
 * Work per run is bounded by the queue's size and the ring buffers. A port holds at most
 * one buffer of the driver, and only while its ring buffer is full; its segments were
 * checked when it was taken.
 */
#include "console_device.h"
#include "model_parts.h"

struct vq_console_queue_ref vq_console_queue(const struct vq_device_model *model, uint16_t index)
{
    const struct vq_console_device *dev = vq_console_of_const(model);
    struct vq_console_queue_ref q = {VQ_CONSOLE_ROLE_NONE, NULL, NULL};

    if (index >= vq_console_queue_count(model))
        return q;
    /* The device itself is not constant, only the caller's view of it is. */
    struct vq_console_device *mine = (struct vq_console_device *)(uintptr_t)dev;
    if (index == VQ_CONSOLE_CONTROL_RECEIVE || index == VQ_CONSOLE_CONTROL_TRANSMIT) {
        q.role = index == VQ_CONSOLE_CONTROL_RECEIVE ? VQ_CONSOLE_ROLE_CONTROL_RECEIVE
                                                     : VQ_CONSOLE_ROLE_CONTROL_TRANSMIT;
        q.end =
            index == VQ_CONSOLE_CONTROL_RECEIVE ? &mine->control_receive : &mine->control_transmit;
        return q;
    }
    q.role = (index & 1u) == 0 ? VQ_CONSOLE_ROLE_RECEIVE : VQ_CONSOLE_ROLE_TRANSMIT;
    q.port = &mine->ports[index < 2 ? 0 : index / 2 - 1];
    q.end = (index & 1u) == 0 ? &q.port->receive : &q.port->transmit;
    return q;
}

/* Those beyond port 0's exist for who knows MULTIPORT (CON-DEV-CFG-02). */
uint16_t vq_console_queue_count(const struct vq_device_model *model)
{
    const struct vq_console_device *dev = vq_console_of_const(model);
    const struct vq_features *said = dev->negotiated ? &dev->accepted : &dev->offered;

    return (uint16_t)VQ_CONSOLE_QUEUES(dev->port_count, vq_feature(said, VQ_CONSOLE_F_MULTIPORT));
}

uint16_t vq_console_queue_size_max(const struct vq_device_model *model, uint16_t index)
{
    struct vq_console_queue_ref q = vq_console_queue(model, index);

    return q.end != NULL ? q.end->size_max : 0;
}

enum vq_error vq_console_queue_start(struct vq_device_model *model, uint16_t index,
                                     const struct vq_device_config *config)
{
    struct vq_console_queue_ref q = vq_console_queue(model, index);

    if (q.end == NULL)
        return VQ_ERR_RANGE;
    if (!vq_console_of(model)->negotiated)
        return VQ_ERR_STATE;
    return vq_queue_end_start(q.end, config);
}

uint32_t vq_console_fifo_put(struct vq_console_fifo *f, const uint8_t *bytes, size_t count)
{
    uint32_t room = f->size - f->count;
    uint32_t n = count < room ? (uint32_t)count : room;
    uint32_t at = f->first + f->count;

    for (uint32_t i = 0; i < n; i++, at++) {
        if (at >= f->size)
            at -= f->size;
        f->bytes[at] = bytes[i];
    }
    f->count += n;
    return n;
}

uint32_t vq_console_fifo_take(struct vq_console_fifo *f, uint8_t *bytes, size_t room)
{
    uint32_t n = room < f->count ? (uint32_t)room : f->count;

    for (uint32_t i = 0; i < n; i++) {
        bytes[i] = f->bytes[f->first];
        f->first = f->first + 1 < f->size ? f->first + 1 : 0;
    }
    f->count -= n;
    return n;
}

bool vq_console_reads(const struct vq_console_device *dev,
                      const struct vq_console_device_port *port)
{
    return !vq_console_multiport(dev) || port->driver_open;
}

bool vq_console_writes(const struct vq_console_device *dev,
                       const struct vq_console_device_port *port)
{
    return !vq_console_multiport(dev) || (port->present && port->announced && !port->renewed);
}

/* Input to the driver's buffers. */
static bool give_input(struct vq_console_device *dev, struct vq_console_device_port *port)
{
    struct vq_buffer buffer = {.segments = dev->segments, .room = dev->config.segments};
    struct vq_buffer *const one[1] = {&buffer};
    bool any = false;

    for (uint32_t i = 0; i < port->receive.ring.size; i++) {
        if (port->input.count == 0 || !vq_console_reads(dev, port) ||
            vq_device_pop(&port->receive.ring, one, 1) != 1)
            break;
        const struct vq_segment *s = buffer.segments + buffer.readable;
        uint32_t written = 0;
        for (uint32_t k = 0; k < buffer.writable && port->input.count != 0; k++)
            written += vq_console_fifo_take(&port->input, (uint8_t *)s[k].base, s[k].bytes);
        vq_queue_end_give(&port->receive, buffer.id, written);
        any = true;
    }
    return any;
}

/* Copies on from the buffer that is held. True when all of it was taken. */
static bool take_rest(struct vq_console_device_port *port)
{
    uint64_t skip = port->copied;

    for (uint32_t k = 0; k < port->buffer.readable; k++) {
        const struct vq_segment *s = &port->buffer.segments[k];
        size_t at = 0;
        if (skip >= s->bytes) {
            skip -= s->bytes;
            continue;
        }
        for (at = (size_t)skip, skip = 0; at < s->bytes;) {
            uint8_t piece[64];
            uint32_t room = port->output.size - port->output.count;
            size_t n = s->bytes - at < sizeof(piece) ? s->bytes - at : sizeof(piece);
            n = n < room ? n : room;
            if (n == 0)
                return false;
            vq_fetch(piece, (const uint8_t *)s->base + at, n);
            (void)vq_console_fifo_put(&port->output, piece, n);
            port->copied += n;
            at += n;
        }
    }
    return true;
}

/* What the driver wrote, to output: as much as there is room for. */
static bool take_output(struct vq_console_device *dev, struct vq_console_device_port *port)
{
    struct vq_buffer *const one[1] = {&port->buffer};
    bool any = false;

    for (uint32_t i = 0; i <= port->transmit.ring.size; i++) {
        if (!port->holding) {
            if (vq_device_pop(&port->transmit.ring, one, 1) != 1)
                break;
            port->holding = true;
            port->copied = 0;
        }
        uint64_t before = port->copied;
        bool all = !vq_console_writes(dev, port) || take_rest(port);
        any = any || all || port->copied != before;
        if (!all)
            break;
        port->holding = false;
        vq_queue_end_give(&port->transmit, port->buffer.id, 0);
    }
    return any;
}

unsigned vq_console_queue_run(struct vq_device_model *model, uint16_t index)
{
    struct vq_console_device *dev = vq_console_of(model);
    struct vq_console_queue_ref q = vq_console_queue(model, index);
    bool progress;

    if (q.end == NULL || !q.end->running)
        return VQ_RUN_IDLE;
    if (q.role == VQ_CONSOLE_ROLE_RECEIVE)
        progress = give_input(dev, q.port);
    else if (q.role == VQ_CONSOLE_ROLE_TRANSMIT)
        progress = take_output(dev, q.port);
    else if (q.role == VQ_CONSOLE_ROLE_CONTROL_RECEIVE)
        progress = vq_console_control_send(dev);
    else
        progress = vq_console_control_take(dev);
    return vq_queue_end_ran(q.end, progress);
}

/* Is there something to do that waits for no notification? */
static bool has_work(const struct vq_console_device *dev, const struct vq_console_queue_ref *q)
{
    if (q->role == VQ_CONSOLE_ROLE_RECEIVE)
        return q->port->input.count != 0 && vq_console_reads(dev, q->port);
    if (q->role == VQ_CONSOLE_ROLE_TRANSMIT)
        return q->port->holding;
    return q->role == VQ_CONSOLE_ROLE_CONTROL_RECEIVE && vq_console_control_waits(dev);
}

bool vq_console_queue_arm(struct vq_device_model *model, uint16_t index)
{
    const struct vq_console_device *dev = vq_console_of(model);
    struct vq_console_queue_ref q = vq_console_queue(model, index);

    if (q.end == NULL || !vq_queue_end_arm(q.end))
        return false;
    /* Buffers for the driver's end are work when there is something to put in them, and its own
     * when they can be taken. */
    if (q.role == VQ_CONSOLE_ROLE_RECEIVE || q.role == VQ_CONSOLE_ROLE_CONTROL_RECEIVE)
        return has_work(dev, &q);
    return q.role != VQ_CONSOLE_ROLE_TRANSMIT || !q.port->holding ||
           q.port->output.count < q.port->output.size;
}

void vq_console_queue_disarm(struct vq_device_model *model, uint16_t index)
{
    struct vq_console_queue_ref q = vq_console_queue(model, index);

    if (q.end != NULL)
        vq_queue_end_disarm(q.end);
}

int vq_console_queue_wait_fd(const struct vq_device_model *model, uint16_t index)
{
    (void)model;
    (void)index;
    return -1;
}

enum vq_broken vq_console_queue_broken(const struct vq_device_model *model, uint16_t index)
{
    struct vq_console_queue_ref q = vq_console_queue(model, index);

    return q.end != NULL ? vq_queue_end_broken(q.end) : VQ_NOT_BROKEN;
}

uint16_t vq_console_queue_in_flight(const struct vq_device_model *model, uint16_t index)
{
    struct vq_console_queue_ref q = vq_console_queue(model, index);

    return q.end != NULL && q.end->running && has_work(vq_console_of_const(model), &q);
}

/* What of a buffer found no room in output is lost: nobody could tell when there will be some. */
unsigned vq_console_queue_stop(struct vq_device_model *model, uint16_t index,
                               struct vq_position *position)
{
    struct vq_console_queue_ref q = vq_console_queue(model, index);

    *position = (struct vq_position){0, 0};
    if (q.end == NULL)
        return VQ_RUN_IDLE;
    if (q.role == VQ_CONSOLE_ROLE_TRANSMIT && q.port->holding) {
        q.port->holding = false;
        vq_queue_end_give(q.end, q.port->buffer.id, 0);
    }
    return vq_queue_end_stop(q.end, position);
}

void vq_console_reset(struct vq_device_model *model)
{
    struct vq_console_device *dev = vq_console_of(model);

    dev->accepted = (struct vq_features){{0}};
    dev->negotiated = false;
    /* Input stays: who types ahead does not mean the driver that was there then. */
    vq_console_control_forget(dev);
}
