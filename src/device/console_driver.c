/*
 * The console driver's bytes. Buffers to receive in are device-writable and those to
 * transmit device-readable, each one element (CON-DRV-OP-01, -02).
 *
 * All that the device can say here is how much it wrote, which the ring has cut to the
 * buffer, and for a transmitted buffer not even that counts (CON-DRV-LEG-02).
 */
#include "console_driver.h"

#include "../ring/barrier.h"

bool vq_console_lend(struct vq_console_driver_queue *q, uint16_t bytes)
{
    if (q->free_count == 0)
        return false;
    uint16_t buffer = q->free[q->free_count - 1];
    const struct vq_element element = {q->address + (uint32_t)buffer * q->bytes,
                                       bytes != 0 ? bytes : q->bytes};
    int id = vq_driver_add(&q->ring, &element, bytes != 0, bytes == 0);
    if (id < 0)
        return false;
    q->buffer_of[id] = buffer;
    q->free_count--;
    return true;
}

int32_t vq_console_regain(struct vq_console_driver_queue *q)
{
    struct vq_done done;
    if (vq_driver_get(&q->ring, &done, 1) != 1)
        return -1;
    q->free[q->free_count++] = q->buffer_of[done.id];
    return (int32_t)done.written;
}

enum vq_error vq_console_submit(struct vq_console_driver *c, struct vq_console_driver_queue *q)
{
    return vq_queue_submit(&q->ring, c->transport, q->index);
}

void vq_console_fill(struct vq_console_driver *c, struct vq_console_driver_queue *q)
{
    while (vq_console_lend(q, 0))
        ;
    (void)vq_console_submit(c, q); /* what a suspended device was not shown, the next one shows */
}

/* Buffers that were transmitted are of no interest but as room: takes them back. */
static bool regain_all(struct vq_console_driver_queue *q)
{
    bool any = false;
    while (vq_console_regain(q) >= 0)
        any = true;
    return any;
}

static struct vq_console_port *port_of(const struct vq_console_driver *c, uint16_t port)
{
    return port < c->port_count && c->ports[port].present ? &c->ports[port] : NULL;
}

size_t vq_console_driver_read(struct vq_console_driver *c, uint16_t port, void *bytes, size_t room)
{
    struct vq_console_port *p = port_of(c, port);
    size_t got = 0;
    if (p == NULL)
        return 0;
    struct vq_console_driver_queue *q = &p->receive;
    bool lent = false;
    /* Empty answers are taken too. What is lent here is shown in the end, so that no more of them
     * can come than there are buffers. */
    while (got < room) {
        if (p->at == p->end) {
            int32_t written = vq_console_regain(q);
            if (written < 0)
                break;
            p->at = 0;
            p->end = (uint16_t)written;
        }
        size_t n = (size_t)(p->end - p->at) < room - got ? (size_t)(p->end - p->at) : room - got;
        vq_fetch((uint8_t *)bytes + got, vq_console_buffer(q, q->free[q->free_count - 1]) + p->at,
                 n);
        p->at = (uint16_t)(p->at + n);
        got += n;
        if (p->at == p->end)
            lent = vq_console_lend(q, 0) || lent;
    }
    if (lent)
        (void)vq_console_submit(c, q);
    return got;
}

size_t vq_console_driver_write(struct vq_console_driver *c, uint16_t port, const void *bytes,
                               size_t count)
{
    struct vq_console_port *p = port_of(c, port);
    const uint8_t *from = (const uint8_t *)bytes;
    size_t put = 0;
    if (p == NULL || c->transport->suspended)
        return 0; /* INIT-DRV-SUSP-04 */
    struct vq_console_driver_queue *q = &p->transmit;
    (void)regain_all(q);
    while (put < count && q->free_count != 0) {
        uint16_t n = count - put < q->bytes ? (uint16_t)(count - put) : q->bytes;
        uint8_t *to = vq_console_buffer(q, q->free[q->free_count - 1]);
        for (uint16_t i = 0; i < n; i++)
            to[i] = from[put + i];
        vq_cache_clean(to, n);
        if (!vq_console_lend(q, n))
            break;
        put += n;
    }
    if (put != 0)
        (void)vq_console_submit(c, q);
    return put;
}

size_t vq_console_driver_unsent(struct vq_console_driver *c, uint16_t port)
{
    struct vq_console_port *p = port_of(c, port);
    if (p == NULL)
        return 0;
    (void)regain_all(&p->transmit);
    return (size_t)(p->transmit.ring.size - p->transmit.free_count) * p->transmit.bytes;
}

static bool listen_to_room(struct vq_console_driver_queue *q)
{
    /* With all buffers here there is nothing to wait for. */
    if (q->free_count < q->ring.size)
        (void)vq_driver_enable_notifications(&q->ring);
    return regain_all(q);
}

static bool is_broken(const struct vq_console_driver_queue *q)
{
    return vq_driver_broken(&q->ring) != VQ_NOT_BROKEN;
}

bool vq_console_driver_listen(struct vq_console_driver *c)
{
    bool any = false;
    for (uint16_t i = 0; i < c->port_count; i++) {
        if (!c->ports[i].present)
            continue;
        any = vq_driver_enable_notifications(&c->ports[i].receive.ring) || any;
        any = listen_to_room(&c->ports[i].transmit) || any;
    }
    if (c->multiport)
        any = vq_driver_enable_notifications(&c->control_receive.ring) || any;
    return any;
}

static bool pending(struct vq_console_driver *c, bool *broken)
{
    bool any = false;
    *broken = c->multiport && is_broken(&c->control_receive);
    for (uint16_t i = 0; i < c->port_count; i++) {
        struct vq_console_port *p = &c->ports[i];
        if (!p->present)
            continue;
        any = any || vq_driver_pending(&p->receive.ring);
        *broken = *broken || is_broken(&p->receive) || is_broken(&p->transmit);
    }
    return any || (c->multiport && vq_driver_pending(&c->control_receive.ring));
}

enum vq_error vq_console_driver_wait(struct vq_console_driver *c, int timeout_ms)
{
    bool broken;
    if (vq_console_driver_listen(c))
        return VQ_OK;
    if (!pending(c, &broken) && broken)
        return VQ_ERR_BROKEN;
    enum vq_error error = vq_transport_wait(c->transport, VQ_QUEUE_ANY, timeout_ms);
    return error == VQ_OK || pending(c, &broken) ? VQ_OK : error;
}

enum vq_broken vq_console_driver_broken(const struct vq_console_driver *c, uint16_t port)
{
    const struct vq_console_driver_queue *in = NULL, *out = NULL;
    if (port < c->port_count) {
        in = &c->ports[port].receive;
        out = &c->ports[port].transmit;
    } else if (c->multiport && port == c->port_count) {
        in = &c->control_receive;
        out = &c->control_transmit;
    } else {
        return VQ_NOT_BROKEN;
    }
    enum vq_broken reason = vq_driver_broken(&in->ring);
    return reason != VQ_NOT_BROKEN ? reason : vq_driver_broken(&out->ring);
}
