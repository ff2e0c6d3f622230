/*
 * The console driver's control queues: what the device says of its ports, and the
 * answers.
 *
 * A message is fetched once into a local, no longer than its used length. One is taken
 * only when there is room for the answer that it may need, so none is forgotten; a
 * device that never takes answers is not listened to either.
 */
#include "console_driver.h"

#include "../ring/barrier.h"

struct message {
    uint32_t id;
    uint16_t event;
    uint16_t value;
    const uint8_t *more; /* what follows, in private memory */
    uint32_t more_bytes;
};

enum vq_error vq_console_say(struct vq_console_driver *c, uint32_t id, uint16_t event,
                             uint16_t value)
{
    struct vq_console_driver_queue *q = &c->control_transmit;
    if (c->transport->suspended)
        return VQ_ERR_STATE; /* INIT-DRV-SUSP-04 */
    while (vq_console_regain(q) >= 0)
        ;
    if (vq_driver_broken(&q->ring) != VQ_NOT_BROKEN)
        return VQ_ERR_BROKEN;
    if (q->free_count == 0)
        return VQ_ERR_FULL;
    uint8_t *to = vq_console_buffer(q, q->free[q->free_count - 1]);
    vq_store32(to + offsetof(struct vq_console_control, id), id, c->big_endian);
    vq_store16(to + offsetof(struct vq_console_control, event), event, c->big_endian);
    vq_store16(to + offsetof(struct vq_console_control, value), value, c->big_endian);
    if (!vq_console_lend(q, VQ_CONSOLE_CONTROL_BYTES))
        return VQ_ERR_FULL;
    return vq_console_submit(c, q);
}

static void tell(struct vq_console_port *p, unsigned news)
{
    p->news = (uint8_t)(p->news | news);
}

/* Bytes of the port that was are not the port's that comes. */
static void drop_input(struct vq_console_driver *c, struct vq_console_port *p)
{
    p->at = p->end = 0; /* a buffer at hand is free again */
    while (vq_console_regain(&p->receive) >= 0)
        ;
    vq_console_fill(c, &p->receive);
}

/* CON-DRV-MULTI-05 */
static void on_add(struct vq_console_driver *c, const struct message *m)
{
    bool known = m->id < c->port_count;
    if (known && !c->ports[m->id].present) {
        struct vq_console_port *p = &c->ports[m->id];
        p->present = true;
        p->console = p->open = p->opened = false;
        if (m->id != 0) /* port 0's is that of the configuration space */
            p->cols = p->rows = 0;
        p->name[0] = '\0';
        tell(p, VQ_CONSOLE_NEWS_ADDED);
    }
    (void)vq_console_say(c, m->id, VQ_CONSOLE_PORT_READY, known);
}

static void on_remove(struct vq_console_driver *c, struct vq_console_port *p,
                      const struct message *m)
{
    (void)m;
    p->present = p->console = p->open = p->opened = false;
    drop_input(c, p);
    tell(p, VQ_CONSOLE_NEWS_REMOVED);
}

/* CON-DRV-MULTI-02, -03, -04 */
static void on_console(struct vq_console_driver *c, struct vq_console_port *p,
                       const struct message *m)
{
    p->console = p->opened = true;
    tell(p, VQ_CONSOLE_NEWS_CONSOLE);
    (void)vq_console_say(c, m->id, VQ_CONSOLE_PORT_OPEN, 1);
}

static void on_resize(struct vq_console_driver *c, struct vq_console_port *p,
                      const struct message *m)
{
    if (m->more_bytes < VQ_CONSOLE_RESIZE_BYTES)
        return;
    p->cols = vq_load16(m->more + offsetof(struct vq_console_resize, cols), c->big_endian);
    p->rows = vq_load16(m->more + offsetof(struct vq_console_resize, rows), c->big_endian);
    tell(p, VQ_CONSOLE_NEWS_SIZE);
}

static void on_open(struct vq_console_driver *c, struct vq_console_port *p, const struct message *m)
{
    (void)c;
    p->open = m->value != 0;
    tell(p, VQ_CONSOLE_NEWS_OPEN);
}

/* Some devices send the NUL too. */
static void on_name(struct vq_console_driver *c, struct vq_console_port *p, const struct message *m)
{
    uint32_t n = 0;
    (void)c;
    for (; n < m->more_bytes && n < VQ_CONSOLE_NAME_MAX && m->more[n] != '\0'; n++)
        p->name[n] = (char)m->more[n];
    p->name[n] = '\0';
    tell(p, VQ_CONSOLE_NEWS_NAME);
}

static const struct {
    uint16_t event;
    void (*handle)(struct vq_console_driver *c, struct vq_console_port *p, const struct message *m);
} handlers[] = {
    {VQ_CONSOLE_PORT_REMOVE, on_remove}, {VQ_CONSOLE_CONSOLE_PORT, on_console},
    {VQ_CONSOLE_RESIZE, on_resize},      {VQ_CONSOLE_PORT_OPEN, on_open},
    {VQ_CONSOLE_PORT_NAME, on_name},
};

static void take(struct vq_console_driver *c, const struct message *m)
{
    if (m->event == VQ_CONSOLE_PORT_ADD) {
        on_add(c, m);
        return;
    }
    if (m->id >= c->port_count || !c->ports[m->id].present)
        return;
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
        if (handlers[i].event == m->event)
            handlers[i].handle(c, &c->ports[m->id], m);
}

static bool may_answer(struct vq_console_driver *c)
{
    struct vq_console_driver_queue *q = &c->control_transmit;
    while (vq_console_regain(q) >= 0)
        ;
    return q->free_count != 0 && vq_driver_broken(&q->ring) == VQ_NOT_BROKEN &&
           !c->transport->suspended;
}

bool vq_console_driver_poll(struct vq_console_driver *c)
{
    bool news = false;
    if (c->multiport) {
        struct vq_console_driver_queue *q = &c->control_receive;
        bool lent = false;
        /* What is lent here is shown in the end: no more can come than there are buffers. */
        while (may_answer(c)) {
            VQ_ALIGNAS(4) uint8_t copy[VQ_CONSOLE_MESSAGE_BYTES];
            int32_t bytes = vq_console_regain(q);
            if (bytes < 0)
                break;
            if (bytes >= (int32_t)VQ_CONSOLE_CONTROL_BYTES) {
                vq_fetch(copy, vq_console_buffer(q, q->free[q->free_count - 1]), (size_t)bytes);
                const struct message m = {
                    vq_load32(copy + offsetof(struct vq_console_control, id), c->big_endian),
                    vq_load16(copy + offsetof(struct vq_console_control, event), c->big_endian),
                    vq_load16(copy + offsetof(struct vq_console_control, value), c->big_endian),
                    copy + VQ_CONSOLE_CONTROL_BYTES,
                    (uint32_t)bytes - VQ_CONSOLE_CONTROL_BYTES,
                };
                take(c, &m);
            }
            lent = vq_console_lend(q, 0) || lent;
        }
        if (lent)
            (void)vq_console_submit(c, q);
    }
    for (uint16_t i = 0; i < c->port_count; i++)
        news = news || c->ports[i].news != 0;
    return news;
}

enum vq_error vq_console_driver_set_open(struct vq_console_driver *c, uint16_t port, bool open)
{
    if (!c->multiport)
        return VQ_ERR_UNSUPPORTED;
    if (port >= c->port_count || !c->ports[port].present)
        return VQ_ERR_RANGE;
    enum vq_error error = vq_console_say(c, port, VQ_CONSOLE_PORT_OPEN, open);
    if (error == VQ_OK)
        c->ports[port].opened = open;
    return error;
}
