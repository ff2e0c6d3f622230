/*
 * The console driver's control side: how much memory it takes, the handshake, the
 * queues, the end, and the emergency write, which needs none of that.
 *
 * The number of ports and the size of the first come from the device's configuration
 * space; a field whose feature is not accepted is not read (BASIC-DRV-CFG-04).
 */
#include "console_driver.h"

#define BUFFER_BYTES 64u

static uint16_t port_limit(const struct vq_console_driver_options *o)
{
    return o->ports != 0 ? o->ports : 1;
}

static uint16_t control_size_of(const struct vq_console_driver_options *o)
{
    uint32_t size = 4;
    if (o->control_size != 0)
        return o->control_size;
    while (size < 4u * o->ports)
        size *= 2;
    return (uint16_t)size;
}

static uint16_t buffer_bytes_of(const struct vq_console_driver_options *o)
{
    return o->buffer_bytes != 0 ? o->buffer_bytes : BUFFER_BYTES;
}

/* How much a queue takes of each memory: its buffers, then its ring. */
struct shape {
    uint16_t size;
    uint16_t bytes; /* of a buffer */
    size_t buffers;
    size_t ring;
    size_t private_bytes;
};

static size_t up(size_t bytes)
{
    return (bytes + 15u) & ~(size_t)15u;
}

static struct shape shape_of(const struct vq_console_driver_options *o, bool control)
{
    struct shape s = {
        .size = control ? control_size_of(o) : o->queue_size,
        .bytes = control ? (uint16_t)VQ_CONSOLE_MESSAGE_BYTES : buffer_bytes_of(o),
    };
    s.buffers = VQ_CONSOLE_QUEUE_BYTES(s.size, s.bytes);
    if (!o->rings_apart)
        s.ring = VQ_CONSOLE_RING_BYTES(s.size);
    if (!o->rings_apart && o->legacy_block)
        s.ring = VQ_LEGACY_ALIGN_DEFAULT + VQ_LEGACY_BYTES((size_t)s.size, VQ_LEGACY_ALIGN_DEFAULT);
    s.private_bytes = VQ_CONSOLE_QUEUE_PRIVATE_BYTES(s.size);
    return s;
}

/* What is left of the caller's two blocks while they are cut up. */
struct rest {
    uint8_t *shared;
    uint64_t address;
    uint8_t *private_memory;
};

enum vq_error vq_console_driver_measure(const struct vq_console_driver_options *o,
                                        size_t *shared_bytes, size_t *private_bytes)
{
    if (o->queue_size == 0 || o->queue_size > VQ_SIZE_MAX || control_size_of(o) > VQ_SIZE_MAX)
        return VQ_ERR_SIZE;
    if (o->ports > VQ_CONSOLE_PORTS_MAX)
        return VQ_ERR_INVALID;
    struct shape data = shape_of(o, false), control = shape_of(o, true);
    const size_t queues = 2u * port_limit(o);
    const size_t each = data.buffers + data.ring;
#if SIZE_MAX <= 0xffffffffu
    /* 2048 queues of a buffer of 64 KiB for each of 32768 descriptors would wrap; a shift by the
     * bits of `queues` finds that without a division. */
    unsigned bits = 0;
    while (queues >> bits != 0)
        bits++;
    if (each > SIZE_MAX >> (bits + 1))
        return VQ_ERR_INVALID;
#endif
    *shared_bytes = queues * each;
    *private_bytes = up(port_limit(o) * sizeof(struct vq_console_port));
    *private_bytes += queues * data.private_bytes;
    if (o->ports != 0) {
        *shared_bytes += 2 * (control.buffers + control.ring);
        *private_bytes += 2 * control.private_bytes;
    }
    return VQ_OK;
}

static enum vq_error open_queue(struct vq_console_driver *c, struct vq_console_driver_queue *q,
                                uint16_t index, const struct shape *shape, struct rest *rest)
{
    const struct vq_console_driver_options *o = c->options;
    const struct vq_queue_piece behind = {rest->shared + shape->buffers,
                                          rest->address + shape->buffers, shape->ring};
    const struct vq_queue_memory here = {.pieces = &behind, .count = 1};
    const struct vq_queue_setup setup = {
        .index = index,
        .size = shape->size,
        .strict = o->strict,
        .memory = o->rings_apart ? &o->memory.rings[index] : &here,
        .slots = (struct vq_driver_slot *)(void *)rest->private_memory,
    };
    *q = (struct vq_console_driver_queue){
        .buffers = rest->shared,
        .address = rest->address,
        .bytes = shape->bytes,
        .index = index,
    };
    q->buffer_of = (uint16_t *)(void *)(setup.slots + shape->size);
    q->free = q->buffer_of + shape->size;
    enum vq_error error = vq_queue_open(&q->ring, c->transport, &setup);
    if (error != VQ_OK)
        return error;
    /* One for each descriptor of the ring, the first one on top. */
    q->free_count = q->ring.size;
    for (uint16_t i = 0; i < q->free_count; i++)
        q->free[i] = (uint16_t)(q->free_count - 1 - i);
    rest->shared += shape->buffers + shape->ring;
    rest->address += shape->buffers + shape->ring;
    rest->private_memory += shape->private_bytes;
    return VQ_OK;
}

/* The fields of a feature. */
static const struct {
    uint8_t bit;
    uint8_t end;
} console_fields[] = {
    {VQ_CONSOLE_F_SIZE, VQ_CONSOLE_CONFIG_MAX_NR_PORTS},
    {VQ_CONSOLE_F_MULTIPORT, VQ_CONSOLE_CONFIG_EMERG_WR},
    {VQ_CONSOLE_F_EMERG_WRITE, VQ_CONSOLE_CONFIG_SIZE},
};

static enum vq_error console_choose(void *context, struct vq_transport *t,
                                    struct vq_features *accepted)
{
    uint32_t size = t->ops->config_size(t);
    (void)context;
    for (size_t i = 0; i < sizeof(console_fields) / sizeof(console_fields[0]); i++)
        if (size < console_fields[i].end)
            vq_feature_clear(accepted, console_fields[i].bit);
    return VQ_OK;
}

static enum vq_error read_ports(struct vq_console_driver *c)
{
    uint8_t raw[4];
    c->port_count = 1;
    if (!c->multiport)
        return VQ_OK;
    enum vq_error error =
        vq_transport_read_config(c->transport, VQ_CONSOLE_CONFIG_MAX_NR_PORTS, raw, sizeof(raw));
    if (error != VQ_OK)
        return error;
    uint32_t count = vq_transport_config32(c->transport, raw);
    if (count == 0)
        return VQ_ERR_RANGE;
    c->port_count = count < port_limit(c->options) ? (uint16_t)count : port_limit(c->options);
    return VQ_OK;
}

static enum vq_error console_setup(void *context, struct vq_transport *t)
{
    struct vq_console_driver *c = (struct vq_console_driver *)context;
    const struct vq_console_driver_options *o = c->options;
    const struct vq_console_memory *m = &o->memory;
    size_t shared_bytes, private_bytes;
    enum vq_error error = vq_console_driver_measure(o, &shared_bytes, &private_bytes);
    if (error != VQ_OK)
        return error;
    if (m->shared_bytes < shared_bytes || m->private_bytes < private_bytes)
        return VQ_ERR_NO_MEMORY;
    if (((uintptr_t)m->shared | (uintptr_t)m->private_memory | m->address) % 16 != 0)
        return VQ_ERR_ALIGN;

    struct rest rest = {(uint8_t *)m->shared, m->address, (uint8_t *)m->private_memory};
    c->ports = (struct vq_console_port *)(void *)rest.private_memory;
    rest.private_memory += up(port_limit(o) * sizeof(struct vq_console_port));
    c->big_endian = vq_transport_big_endian(t);
    c->multiport = vq_feature(&t->accepted, VQ_CONSOLE_F_MULTIPORT);
    error = read_ports(c);
    if (error != VQ_OK)
        return error;

    const struct shape data = shape_of(o, false), control = shape_of(o, true);
    for (uint16_t i = 0; i < c->port_count && error == VQ_OK; i++) {
        struct vq_console_port *p = &c->ports[i];
        *p = (struct vq_console_port){.present = !c->multiport};
        p->console = p->open = p->opened = p->present;
        error = open_queue(c, &p->receive, VQ_CONSOLE_RECEIVE(i), &data, &rest);
        if (error == VQ_OK)
            error = open_queue(c, &p->transmit, VQ_CONSOLE_TRANSMIT(i), &data, &rest);
    }
    if (error == VQ_OK && c->multiport)
        error = open_queue(c, &c->control_receive, VQ_CONSOLE_CONTROL_RECEIVE, &control, &rest);
    if (error == VQ_OK && c->multiport)
        error = open_queue(c, &c->control_transmit, VQ_CONSOLE_CONTROL_TRANSMIT, &control, &rest);
    return error;
}

enum vq_error vq_console_driver_open(struct vq_console_driver *c, struct vq_transport *transport,
                                     const struct vq_console_driver_options *options,
                                     struct vq_init_result *result)
{
    *c = (struct vq_console_driver){.transport = transport, .options = options};
    struct vq_plan plan = {
        .wanted = vq_queue_features(&options->without),
        .required = options->require,
        .patience = options->patience,
        .choose = console_choose,
        .setup = console_setup,
        .context = c,
    };
    for (size_t i = 0; i < sizeof(console_fields) / sizeof(console_fields[0]); i++)
        if (!vq_feature(&options->without, console_fields[i].bit))
            vq_feature_set(&plan.wanted, console_fields[i].bit);
    if (options->ports == 0)
        vq_feature_clear(&plan.wanted, VQ_CONSOLE_F_MULTIPORT);
    enum vq_error error = vq_transport_init_device(transport, &plan, result);
    c->options = NULL;
    if (error != VQ_OK) {
        c->port_count = 0;
        c->multiport = false;
        return error;
    }

    for (uint16_t i = 0; i < c->port_count; i++)
        vq_console_fill(c, &c->ports[i].receive);
    (void)vq_console_driver_refresh(c);
    if (!c->multiport)
        return VQ_OK;
    vq_console_fill(c, &c->control_receive);
    return vq_console_say(c, 0, VQ_CONSOLE_DEVICE_READY, 1); /* CON-DRV-MULTI-01 */
}

enum vq_error vq_console_driver_close(struct vq_console_driver *c)
{
    c->port_count = 0;
    c->multiport = false;
    return vq_transport_reset(c->transport, 0);
}

/* Of the space only what concerns port 0: other sizes come with RESIZE (CON-DRV-OP-03). */
enum vq_error vq_console_driver_refresh(struct vq_console_driver *c)
{
    uint8_t raw[4];
    if (c->port_count == 0)
        return VQ_ERR_STATE;
    if (!vq_feature(&c->transport->accepted, VQ_CONSOLE_F_SIZE))
        return VQ_ERR_UNSUPPORTED;
    enum vq_error error =
        vq_transport_read_config(c->transport, VQ_CONSOLE_CONFIG_COLS, raw, sizeof(raw));
    if (error != VQ_OK)
        return error;
    struct vq_console_port *p = &c->ports[0];
    uint16_t cols = vq_transport_config16(c->transport, raw);
    uint16_t rows = vq_transport_config16(c->transport, raw + VQ_CONSOLE_CONFIG_ROWS);
    if (cols != p->cols || rows != p->rows)
        p->news = (uint8_t)(p->news | VQ_CONSOLE_NEWS_SIZE);
    p->cols = cols;
    p->rows = rows;
    return VQ_OK;
}

enum vq_error vq_console_emergency(struct vq_transport *t, char character)
{
    struct vq_features offered = {{0}};
    enum vq_error error = t->ops->get_features(t, &offered);
    if (error != VQ_OK)
        return error;
    if (!vq_feature(&offered, VQ_CONSOLE_F_EMERG_WRITE) ||
        t->ops->config_size(t) < VQ_CONSOLE_CONFIG_SIZE)
        return VQ_ERR_UNSUPPORTED;
    /* Before the features are settled, who was offered VERSION_1 is taken to know it. */
    bool big = vq_transport_negotiated(t)
                   ? vq_transport_big_endian(t)
                   : t->legacy_big_endian && !vq_feature(&offered, VQ_F_VERSION_1);
    uint8_t field[4] = {0};
    field[big ? 3 : 0] = (uint8_t)character;
    return t->ops->write_config(t, VQ_CONSOLE_CONFIG_EMERG_WR, field, sizeof(field));
}
