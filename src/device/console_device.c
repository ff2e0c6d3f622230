/*
 * Makes a console device in memory that the caller gives, and is its owner's side:
 * bytes in and out, ports that come and go.
 *
 * Trusts the owner, but for numbers that make no sense.
 */
#include "console_device.h"

#define VQ_CONSOLE_FIFO_BYTES   256u
#define VQ_CONSOLE_CONTROL_SIZE 32u
#define VQ_CONSOLE_SEGMENTS     34u

static bool console_defaults(struct vq_console_device_config *c)
{
    if (c->queue_size == 0 || c->queue_size > VQ_SIZE_MAX || c->ports > VQ_CONSOLE_PORTS_MAX)
        return false;
    if (c->control_size == 0)
        c->control_size = VQ_CONSOLE_CONTROL_SIZE;
    if (c->input_bytes == 0)
        c->input_bytes = VQ_CONSOLE_FIFO_BYTES;
    if (c->output_bytes == 0)
        c->output_bytes = VQ_CONSOLE_FIFO_BYTES;
    if (c->segments == 0)
        c->segments = VQ_CONSOLE_SEGMENTS;
    /* So that nothing below wraps in 32 bits. */
    return c->control_size <= VQ_SIZE_MAX && c->input_bytes <= UINT32_C(1) << 16 &&
           c->output_bytes <= UINT32_C(1) << 16;
}

static size_t console_up(size_t bytes)
{
    return (bytes + 15u) & ~(size_t)15u;
}

/* Memory in one block: asked for piece by piece, for real or only to be counted. */
struct console_carve {
    uint8_t *memory; /* NULL: count only */
    size_t bytes;
};

static void *console_cut(struct console_carve *carve, size_t bytes)
{
    uint8_t *at = carve->memory != NULL ? carve->memory + carve->bytes : NULL;
    carve->bytes += console_up(bytes);
    return at;
}

static void console_make_end(struct console_carve *carve, struct vq_queue_end *end, uint16_t size)
{
    void *memory = console_cut(carve, vq_queue_end_bytes(size));
    if (memory != NULL)
        vq_queue_end_make(end, size, memory);
}

static void console_make(struct console_carve *carve, struct vq_console_device *dev,
                         const struct vq_console_device_config *c)
{
    struct vq_console_device unused_device;
    struct vq_console_device_port unused_port;
    const uint16_t count = c->ports != 0 ? c->ports : 1;

    if (dev == NULL)
        dev = &unused_device;
    dev->ports = (struct vq_console_device_port *)console_cut(
        carve, count * sizeof(struct vq_console_device_port));
    dev->segments =
        (struct vq_segment *)console_cut(carve, c->segments * sizeof(struct vq_segment));
    console_make_end(carve, &dev->control_receive, c->control_size);
    console_make_end(carve, &dev->control_transmit, c->control_size);
    for (uint16_t i = 0; i < count; i++) {
        struct vq_console_device_port *port = dev->ports != NULL ? &dev->ports[i] : &unused_port;
        *port = (struct vq_console_device_port){.buffer = {.room = c->segments}};
        console_make_end(carve, &port->receive, c->queue_size);
        console_make_end(carve, &port->transmit, c->queue_size);
        port->buffer.segments =
            (struct vq_segment *)console_cut(carve, c->segments * sizeof(struct vq_segment));
        port->input.size = c->input_bytes;
        port->input.bytes = (uint8_t *)console_cut(carve, c->input_bytes);
        port->output.size = c->output_bytes;
        port->output.bytes = (uint8_t *)console_cut(carve, c->output_bytes);
    }
}

size_t vq_console_device_bytes(const struct vq_console_device_config *config)
{
    struct vq_console_device_config c = *config;
    struct console_carve carve = {NULL, 0};

    if (!console_defaults(&c))
        return 0;
    console_make(&carve, NULL, &c);
    return carve.bytes;
}

static const struct vq_device_model_ops console_ops = {
    .name = "console",
    .device_id = VQ_CONSOLE_DEVICE_ID,
    .early_config = true,
    .offered = vq_console_offered,
    .accept = vq_console_accept,
    .config_size = vq_console_config_size,
    .read_config = vq_console_read_config,
    .write_config = vq_console_write_config,
    .queue_count = vq_console_queue_count,
    .queue_size_max = vq_console_queue_size_max,
    .queue_start = vq_console_queue_start,
    .queue_run = vq_console_queue_run,
    .queue_arm = vq_console_queue_arm,
    .queue_disarm = vq_console_queue_disarm,
    .queue_wait_fd = vq_console_queue_wait_fd,
    .queue_broken = vq_console_queue_broken,
    .queue_in_flight = vq_console_queue_in_flight,
    .queue_stop = vq_console_queue_stop,
    .reset = vq_console_reset,
};

enum vq_error vq_console_device_init(struct vq_console_device *dev,
                                     const struct vq_console_device_config *config, void *memory,
                                     size_t bytes)
{
    struct vq_console_device_config c = *config;
    struct console_carve carve = {(uint8_t *)memory, 0};

    if (!console_defaults(&c))
        return VQ_ERR_INVALID;
    if (memory == NULL || bytes < vq_console_device_bytes(&c))
        return VQ_ERR_NO_MEMORY;
    if ((uintptr_t)memory % 16 != 0)
        return VQ_ERR_ALIGN;
    *dev = (struct vq_console_device){
        .model = {.ops = &console_ops},
        .config = c,
        .offered = vq_console_offer(&c),
        .port_count = (uint16_t)(c.ports != 0 ? c.ports : 1),
    };
    console_make(&carve, dev, &c);
    dev->ports[0].present = dev->ports[0].console = dev->ports[0].open = true;
    dev->ports[0].cols = c.cols;
    dev->ports[0].rows = c.rows;
    return VQ_OK;
}

static struct vq_console_device_port *console_port_of(const struct vq_console_device *dev,
                                                      uint16_t port)
{
    return port < dev->port_count && dev->ports[port].present ? &dev->ports[port] : NULL;
}

size_t vq_console_device_input(struct vq_console_device *dev, uint16_t port, const void *bytes,
                               size_t count)
{
    struct vq_console_device_port *p = console_port_of(dev, port);
    return p != NULL ? vq_console_fifo_put(&p->input, (const uint8_t *)bytes, count) : 0;
}

size_t vq_console_device_output(struct vq_console_device *dev, uint16_t port, void *bytes,
                                size_t room)
{
    struct vq_console_device_port *p = console_port_of(dev, port);
    return p != NULL ? vq_console_fifo_take(&p->output, (uint8_t *)bytes, room) : 0;
}

bool vq_console_device_connected(const struct vq_console_device *dev, uint16_t port)
{
    const struct vq_console_device_port *p = console_port_of(dev, port);
    if (p == NULL)
        return false;
    return vq_console_multiport(dev) ? p->driver_open : p->receive.running;
}

enum vq_error vq_console_device_add(struct vq_console_device *dev, uint16_t port, bool console,
                                    const char *name)
{
    if (!vq_feature(&dev->offered, VQ_CONSOLE_F_MULTIPORT))
        return VQ_ERR_UNSUPPORTED;
    if (port >= dev->port_count)
        return VQ_ERR_RANGE;
    struct vq_console_device_port *p = &dev->ports[port];
    if (p->present)
        return VQ_ERR_STATE;
    p->present = true;
    p->console = console;
    p->name = name;
    p->cols = p->rows = 0;
    p->open = false;
    p->renewed = p->announced; /* the driver has not heard yet that the last one went */
    return VQ_OK;
}

enum vq_error vq_console_device_remove(struct vq_console_device *dev, uint16_t port)
{
    struct vq_console_device_port *p = console_port_of(dev, port);
    if (p == NULL)
        return VQ_ERR_STATE;
    p->present = false;
    p->renewed = false;
    p->name = NULL;
    p->input.count = p->output.count = 0;
    return VQ_OK;
}

enum vq_error vq_console_device_set_open(struct vq_console_device *dev, uint16_t port, bool open)
{
    struct vq_console_device_port *p = console_port_of(dev, port);
    if (p == NULL)
        return VQ_ERR_STATE;
    if (p->open != open)
        vq_console_control_due(p, VQ_CONSOLE_PORT_OPEN);
    p->open = open;
    return VQ_OK;
}

enum vq_error vq_console_device_resize(struct vq_console_device *dev, uint16_t port, uint16_t cols,
                                       uint16_t rows, bool *config_changed)
{
    struct vq_console_device_port *p = console_port_of(dev, port);
    if (p == NULL)
        return VQ_ERR_STATE;
    if (p->cols != cols || p->rows != rows)
        vq_console_control_due(p, VQ_CONSOLE_RESIZE);
    if (config_changed != NULL)
        *config_changed = port == 0 && vq_feature(&dev->offered, VQ_CONSOLE_F_SIZE) &&
                          (p->cols != cols || p->rows != rows);
    p->cols = cols;
    p->rows = rows;
    return VQ_OK;
}
