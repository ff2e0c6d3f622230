/*
 * The control queues: ports announced, removed, named, resized and opened.
 *
 * What is to be sent follows from the state of each port whenever there is a buffer for
 * it, so that no list can overflow and nothing is said that is not so any more. What
 * the driver says is fetched once, bounded by the number of ports, and never more than
 * a change of that state.
 */
#include "console_device.h"
#include "model_parts.h"

#define NOTHING UINT16_MAX

static bool is_due(const struct vq_console_device_port *port, uint16_t event)
{
    return (port->due >> event & 1u) != 0;
}

void vq_console_control_due(struct vq_console_device_port *port, uint16_t event)
{
    if (port->ready)
        port->due = (uint8_t)(port->due | 1u << event);
}

static void forget(struct vq_console_device_port *port)
{
    port->announced = false;
    port->renewed = false;
    port->ready = false;
    port->driver_open = false;
    port->due = 0;
}

void vq_console_control_forget(struct vq_console_device *dev)
{
    dev->driver_ready = false;
    for (uint16_t i = 0; i < dev->port_count; i++)
        forget(&dev->ports[i]);
}

/* The next message for a port: it goes before it comes, and comes before all else. */
static uint16_t next_event(const struct vq_console_device_port *port)
{
    static const uint8_t then[] = {VQ_CONSOLE_CONSOLE_PORT, VQ_CONSOLE_PORT_NAME, VQ_CONSOLE_RESIZE,
                                   VQ_CONSOLE_PORT_OPEN};
    if (port->announced && (!port->present || port->renewed))
        return VQ_CONSOLE_PORT_REMOVE;
    if (port->present && !port->announced)
        return VQ_CONSOLE_PORT_ADD;
    for (size_t i = 0; i < sizeof(then); i++)
        if (is_due(port, then[i]))
            return then[i];
    return NOTHING;
}

static uint16_t next_message(const struct vq_console_device *dev, uint16_t *id)
{
    if (!dev->driver_ready)
        return NOTHING;
    for (*id = 0; *id < dev->port_count; (*id)++) {
        uint16_t event = next_event(&dev->ports[*id]);
        if (event != NOTHING)
            return event;
    }
    return NOTHING;
}

bool vq_console_control_waits(const struct vq_console_device *dev)
{
    uint16_t id;
    return next_message(dev, &id) != NOTHING;
}

/* As much of a name as there is room for, in whole characters. */
static size_t name_bytes(const char *name, uint64_t room)
{
    size_t n = 0;
    while (n < room && name[n] != '\0')
        n++;
    while (n != 0 && ((uint8_t)name[n] & 0xc0u) == 0x80u)
        n--;
    return n;
}

/* Writes a message into a buffer of the driver. Returns its bytes; 0 if there is no room. */
static uint32_t write_message(const struct vq_console_device *dev, uint16_t id, uint16_t event,
                              const struct vq_buffer *buffer)
{
    const struct vq_console_device_port *port = &dev->ports[id];
    const struct vq_segment *to = buffer->segments + buffer->readable;
    const bool big = dev->control_receive.big_endian;
    const uint16_t value = event == VQ_CONSOLE_PORT_OPEN ? port->open : 1u;
    uint8_t message[VQ_CONSOLE_CONTROL_BYTES + VQ_CONSOLE_RESIZE_BYTES];
    size_t bytes = VQ_CONSOLE_CONTROL_BYTES, name = 0;

    vq_model_put(message + offsetof(struct vq_console_control, id), id, 4, big);
    vq_model_put(message + offsetof(struct vq_console_control, event), event, 2, big);
    vq_model_put(message + offsetof(struct vq_console_control, value), value, 2, big);
    if (event == VQ_CONSOLE_RESIZE) {
        uint8_t *size = message + bytes;
        vq_model_put(size + offsetof(struct vq_console_resize, cols), port->cols, 2, big);
        vq_model_put(size + offsetof(struct vq_console_resize, rows), port->rows, 2, big);
        bytes += VQ_CONSOLE_RESIZE_BYTES;
    }
    if (buffer->writable_bytes < bytes)
        return 0;
    vq_model_scatter(to, 0, message, bytes);
    if (event == VQ_CONSOLE_PORT_NAME) {
        name = name_bytes(port->name, buffer->writable_bytes - bytes);
        vq_model_scatter(to, bytes, port->name, name);
    }
    return (uint32_t)(bytes + name);
}

static void sent(struct vq_console_device_port *port, uint16_t event)
{
    if (event == VQ_CONSOLE_PORT_REMOVE)
        forget(port);
    else if (event == VQ_CONSOLE_PORT_ADD)
        port->announced = true;
    else
        port->due = (uint8_t)(port->due & ~(1u << event));
}

bool vq_console_control_send(struct vq_console_device *dev)
{
    struct vq_buffer buffer = {.segments = dev->segments, .room = dev->config.segments};
    struct vq_buffer *const one[1] = {&buffer};
    bool any = false;

    for (uint32_t i = 0; i < dev->control_receive.ring.size; i++) {
        uint16_t id, event = next_message(dev, &id);
        if (event == NOTHING || vq_device_pop(&dev->control_receive.ring, one, 1) != 1)
            break;
        uint32_t written = write_message(dev, id, event, &buffer);
        /* Without room for any message it is the buffer that is of no use; else the message is,
         * which only tells a size. */
        if (written != 0 || buffer.writable_bytes >= VQ_CONSOLE_CONTROL_BYTES)
            sent(&dev->ports[id], event);
        vq_queue_end_give(&dev->control_receive, buffer.id, written);
        any = true;
    }
    return any;
}

static void port_is_ready(struct vq_console_device_port *port, bool ready)
{
    port->ready = ready;
    port->due = 0;
    if (port->console)
        vq_console_control_due(port, VQ_CONSOLE_CONSOLE_PORT);
    if (port->name != NULL)
        vq_console_control_due(port, VQ_CONSOLE_PORT_NAME);
    if (port->cols != 0 || port->rows != 0)
        vq_console_control_due(port, VQ_CONSOLE_RESIZE);
    if (port->open)
        vq_console_control_due(port, VQ_CONSOLE_PORT_OPEN);
}

static void take_message(struct vq_console_device *dev, uint32_t id, uint16_t event, uint16_t value)
{
    if (event == VQ_CONSOLE_DEVICE_READY) {
        dev->driver_ready = value != 0;
        return;
    }
    if (id >= dev->port_count || !dev->ports[id].announced)
        return;
    struct vq_console_device_port *port = &dev->ports[id];
    if (event == VQ_CONSOLE_PORT_READY)
        port_is_ready(port, value != 0);
    else if (event == VQ_CONSOLE_PORT_OPEN)
        port->driver_open = value != 0;
}

bool vq_console_control_take(struct vq_console_device *dev)
{
    struct vq_buffer buffer = {.segments = dev->segments, .room = dev->config.segments};
    struct vq_buffer *const one[1] = {&buffer};
    const bool big = dev->control_transmit.big_endian;
    bool any = false;

    for (uint32_t i = 0; i < dev->control_transmit.ring.size; i++) {
        VQ_ALIGNAS(4) uint8_t message[VQ_CONSOLE_CONTROL_BYTES];
        if (vq_device_pop(&dev->control_transmit.ring, one, 1) != 1)
            break;
        if (buffer.readable_bytes >= sizeof(message)) {
            vq_model_gather(buffer.segments, 0, message, sizeof(message));
            take_message(dev, vq_load32(message + offsetof(struct vq_console_control, id), big),
                         vq_load16(message + offsetof(struct vq_console_control, event), big),
                         vq_load16(message + offsetof(struct vq_console_control, value), big));
        }
        vq_queue_end_give(&dev->control_transmit, buffer.id, 0);
        any = true;
    }
    return any;
}
