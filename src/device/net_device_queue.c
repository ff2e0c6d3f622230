/*
 * Moves frames between the driver's buffers and the back end. Works once per buffer
 * that the driver gave, publishes once per run, and never waits.
 *
 * What the driver wrote in a header is fetched once, and decides only whether its frame
 * is dropped: nothing in it is an offset or a length that is used.
 */
#include "net_device.h"

#include "../ring/barrier.h"

static struct vq_queue_end *net_running(struct vq_net_device *dev, uint16_t index)
{
    return index < VQ_NET_QUEUES && dev->queue[index].running ? &dev->queue[index] : NULL;
}

static const struct vq_queue_end *running_const(const struct vq_device_model *model, uint16_t index)
{
    const struct vq_net_device *dev = vq_net_device_of_const(model);

    return index < VQ_NET_QUEUES && dev->queue[index].running ? &dev->queue[index] : NULL;
}

uint16_t vq_net_queue_count(const struct vq_device_model *model)
{
    (void)model;
    return VQ_NET_QUEUES;
}

uint16_t vq_net_queue_size_max(const struct vq_device_model *model, uint16_t index)
{
    return index < VQ_NET_QUEUES ? vq_net_device_of_const(model)->config.queue_size : 0;
}

enum vq_error vq_net_queue_start(struct vq_device_model *model, uint16_t index,
                                 const struct vq_device_config *config)
{
    struct vq_net_device *dev = vq_net_device_of(model);

    if (index >= VQ_NET_QUEUES)
        return VQ_ERR_RANGE;
    if (!dev->negotiated)
        return VQ_ERR_STATE;
    if (index == VQ_NET_QUEUE_RECEIVE && !dev->queue[index].running)
        dev->first = dev->count = dev->unpublished = 0;
    return vq_queue_end_start(&dev->queue[index], config);
}

/* A place in a buffer's writable part, or in a frame. */
struct vq_net_cursor {
    const struct vq_segment *segment;
    size_t done; /* of this segment */
};

/* The next place that has a byte; the caller knows that there is one. */
static void settle(struct vq_net_cursor *c)
{
    while (c->done == c->segment->bytes)
        *c = (struct vq_net_cursor){c->segment + 1, 0};
}

/* Writes `count` bytes, for which there is room. */
static void put_bytes(struct vq_net_cursor *to, const uint8_t *bytes, size_t count)
{
    while (count != 0) {
        settle(to);
        size_t n = to->segment->bytes - to->done;

        if (n > count)
            n = count;
        __builtin_memcpy((uint8_t *)to->segment->base + to->done, bytes, n);
        to->done += n;
        bytes += n;
        count -= n;
    }
}

/* The same from a frame, which has as many. */
static void put_frame(struct vq_net_cursor *to, struct vq_net_cursor *from, size_t count)
{
    while (count != 0) {
        settle(from);
        size_t n = from->segment->bytes - from->done;

        if (n > count)
            n = count;
        put_bytes(to, (const uint8_t *)from->segment->base + from->done, n);
        from->done += n;
        count -= n;
    }
}

static uint32_t stock_index(const struct vq_net_device *dev, uint32_t n)
{
    uint32_t index = (uint32_t)dev->first + n;

    return index < dev->config.stock ? index : index - dev->config.stock;
}

static void give_back_empty(struct vq_net_device *dev, uint16_t id)
{
    vq_queue_end_give(&dev->queue[VQ_NET_QUEUE_RECEIVE], id, 0);
    dev->unpublished++;
}

/* Takes one more buffer into the stock. At most as many are looked at as the ring holds. */
static bool stock_take(struct vq_net_device *dev, uint32_t *budget)
{
    struct vq_buffer *b = &dev->stock[stock_index(dev, dev->count)];

    while (*budget != 0 && dev->count < dev->config.stock) {
        if (vq_device_pop(&dev->queue[VQ_NET_QUEUE_RECEIVE].ring, &b, 1) == 0)
            return false;
        --*budget;
        if (b->writable_bytes >= dev->header_bytes) {
            dev->count++;
            return true;
        }
        /* NET-DRV-RXBUF-03 */
        dev->counts.bad_buffers++;
        give_back_empty(dev, b->id);
    }
    return false;
}

/* How many buffers hold `need` bytes; 0 if they are not there. */
static uint32_t gather(struct vq_net_device *dev, uint64_t need)
{
    const uint32_t most =
        vq_feature(&dev->accepted, VQ_NET_F_MRG_RXBUF) ? dev->config.stock : 1u; /* -RXBUF-02 */
    uint32_t budget = dev->queue[VQ_NET_QUEUE_RECEIVE].ring.size;
    uint64_t have = 0;

    for (uint32_t n = 0; n < most; n++) {
        if (n == dev->count && !stock_take(dev, &budget))
            return 0;
        have += dev->stock[stock_index(dev, n)].writable_bytes;
        if (have >= need)
            return n + 1;
    }
    return 0;
}

static void fill_frame(struct vq_net_device *dev, const struct vq_segment *frame, uint64_t bytes,
                       uint32_t buffers)
{
    /* No offload: all zero but the count, which legacy headers have with MRG_RXBUF only. */
    uint8_t header[VQ_NET_HEADER_BYTES] = {0};
    const bool big = dev->queue[VQ_NET_QUEUE_RECEIVE].big_endian;
    struct vq_net_cursor from = {frame, 0};
    uint64_t left = dev->header_bytes + bytes;

    header[big ? 11 : 10] = (uint8_t)buffers;
    header[big ? 10 : 11] = (uint8_t)(buffers >> 8);
    for (uint32_t n = 0; n < buffers; n++) {
        const struct vq_buffer *b = &dev->stock[stock_index(dev, n)];
        const size_t here = (size_t)(b->writable_bytes < left ? b->writable_bytes : left);
        struct vq_net_cursor to = {b->segments + b->readable, 0};

        if (n == 0)
            put_bytes(&to, header, dev->header_bytes);
        put_frame(&to, &from, n == 0 ? here - dev->header_bytes : here);
        dev->used[n] = (struct vq_used){b->id, (uint32_t)here};
        left -= here;
    }
}

static uint64_t frame_bytes(const struct vq_segment *frame, size_t count)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += frame[i].bytes;
    return bytes;
}

static uint8_t byte_at(const struct vq_segment *frame, size_t at)
{
    for (; at >= frame->bytes; frame++)
        at -= frame->bytes;
    return ((const uint8_t *)frame->base)[at];
}

/* Has the frame, which has a whole Ethernet header, a VLAN tag? */
static bool tagged(const struct vq_segment *frame)
{
    const unsigned type = (unsigned)byte_at(frame, 12) << 8 | byte_at(frame, 13);

    return type == 0x8100 || type == 0x88a8;
}

enum vq_error vq_net_device_receive(struct vq_net_device *dev, const struct vq_segment *frame,
                                    size_t count)
{
    struct vq_queue_end *q = net_running(dev, VQ_NET_QUEUE_RECEIVE);
    const uint64_t bytes = frame_bytes(frame, count);
    enum vq_error error = VQ_OK;
    uint32_t buffers = 0;

    /* NET-DEV-CFG-05 */
    if (q == NULL)
        error = VQ_ERR_STATE;
    else if (bytes < VQ_NET_ETHERNET_BYTES || bytes > dev->frame_max + VQ_NET_VLAN_BYTES ||
             (bytes > dev->frame_max && !tagged(frame)))
        error = VQ_ERR_RANGE;
    else if (!__atomic_load_n(&dev->link_up, __ATOMIC_RELAXED))
        error = VQ_ERR_STATE;
    else if ((buffers = gather(dev, dev->header_bytes + bytes)) == 0)
        error = vq_device_broken(&q->ring) == VQ_NOT_BROKEN ? VQ_ERR_FULL : VQ_ERR_BROKEN;
    if (error != VQ_OK) {
        dev->counts.received_dropped++;
        return error;
    }
    fill_frame(dev, frame, bytes, buffers);
    (void)vq_device_push(&q->ring, dev->used, buffers);
    dev->first = (uint16_t)stock_index(dev, buffers);
    dev->count = (uint16_t)(dev->count - buffers);
    dev->unpublished = (uint16_t)(dev->unpublished + buffers);
    dev->counts.received++;
    return VQ_OK;
}

/* Does the header ask for something that was never offered (NET-DEV-TX-08, -10, -11)? Flags that
 * are not known are not looked at (NET-DEV-TX-01), nor is any other field. */
static bool wants_offload(uint8_t flags, uint8_t gso_type)
{
    return (flags & (VQ_NET_HDR_F_NEEDS_CSUM | VQ_NET_HDR_F_UDP_TUNNEL_CSUM)) != 0 ||
           (gso_type & ~(unsigned)VQ_NET_GSO_ECN) != VQ_NET_GSO_NONE;
}

/* Gives a frame that the driver sent to the back end, without its header. */
static bool send_frame(struct vq_net_device *dev, const struct vq_buffer *b)
{
    struct vq_segment *s = b->segments;
    uint32_t count = b->readable;
    size_t skip = dev->header_bytes;
    uint64_t bytes;
    uint8_t flags, gso_type;

    if (b->readable_bytes < skip + VQ_NET_ETHERNET_BYTES)
        return false;
    bytes = b->readable_bytes - skip;
    /* A segment has a byte at least. */
    vq_fetch(&flags, s->base, 1);
    vq_fetch(&gso_type, s->bytes > 1 ? (const uint8_t *)s->base + 1 : s[1].base, 1);
    for (; skip >= s->bytes; s++, count--)
        skip -= s->bytes;
    s->base = (uint8_t *)s->base + skip;
    s->bytes -= skip;
    if (wants_offload(flags, gso_type) || bytes > dev->frame_max + VQ_NET_VLAN_BYTES ||
        !__atomic_load_n(&dev->link_up, __ATOMIC_RELAXED))
        return false;
    dev->config.send(dev->config.context, s, count, bytes);
    return true;
}

static bool run_transmit(struct vq_net_device *dev, struct vq_queue_end *q)
{
    struct vq_buffer *buffers[VQ_NET_BATCH];
    struct vq_used used[VQ_NET_BATCH];
    uint32_t budget = q->ring.size;
    bool progress = false;
    size_t n;

    for (unsigned i = 0; i < VQ_NET_BATCH; i++)
        buffers[i] = &dev->sent[i];
    while (budget != 0 && (n = vq_device_pop(&q->ring, buffers,
                                             budget < VQ_NET_BATCH ? budget : VQ_NET_BATCH)) != 0) {
        for (size_t i = 0; i < n; i++) {
            if (send_frame(dev, buffers[i]))
                dev->counts.sent++;
            else
                dev->counts.sent_dropped++;
            used[i] = (struct vq_used){buffers[i]->id, 0};
        }
        (void)vq_device_push(&q->ring, used, n);
        budget -= (uint32_t)n;
        progress = true;
    }
    return progress;
}

unsigned vq_net_queue_run(struct vq_device_model *model, uint16_t index)
{
    struct vq_net_device *dev = vq_net_device_of(model);
    struct vq_queue_end *q = net_running(dev, index);
    bool progress;

    if (q == NULL)
        return VQ_RUN_IDLE;
    if (index == VQ_NET_QUEUE_TRANSMIT) {
        progress = run_transmit(dev, q);
    } else {
        if (dev->config.poll != NULL)
            dev->config.poll(dev->config.context);
        progress = dev->unpublished != 0;
        dev->unpublished = 0;
    }
    /* Frames are whole then (NET-DEV-RX-04). */
    return vq_queue_end_ran(q, progress);
}

/* Nobody waits for receive buffers: a frame that finds none is dropped. */
bool vq_net_queue_arm(struct vq_device_model *model, uint16_t index)
{
    struct vq_queue_end *q = net_running(vq_net_device_of(model), index);

    if (q == NULL)
        return false;
    if (index == VQ_NET_QUEUE_TRANSMIT)
        return vq_queue_end_arm(q);
    vq_queue_end_disarm(q);
    return false;
}

void vq_net_queue_disarm(struct vq_device_model *model, uint16_t index)
{
    struct vq_queue_end *q = net_running(vq_net_device_of(model), index);

    if (q != NULL)
        vq_queue_end_disarm(q);
}

int vq_net_queue_wait_fd(const struct vq_device_model *model, uint16_t index)
{
    const struct vq_net_device_config *c = &vq_net_device_of_const(model)->config;

    return index == VQ_NET_QUEUE_RECEIVE && c->wait_fd != NULL ? c->wait_fd(c->context) : -1;
}

enum vq_broken vq_net_queue_broken(const struct vq_device_model *model, uint16_t index)
{
    const struct vq_queue_end *q = running_const(model, index);

    return q != NULL ? vq_device_broken(&q->ring) : VQ_NOT_BROKEN;
}

uint16_t vq_net_queue_in_flight(const struct vq_device_model *model, uint16_t index)
{
    const struct vq_net_device *dev = vq_net_device_of_const(model);

    if (running_const(model, index) == NULL || index != VQ_NET_QUEUE_RECEIVE)
        return 0;
    return (uint16_t)(dev->count + dev->unpublished);
}

unsigned vq_net_queue_stop(struct vq_device_model *model, uint16_t index,
                           struct vq_position *position)
{
    struct vq_net_device *dev = vq_net_device_of(model);
    struct vq_queue_end *q = net_running(dev, index);
    bool progress = false;

    *position = (struct vq_position){0, 0};
    if (q == NULL)
        return VQ_RUN_IDLE;
    if (index == VQ_NET_QUEUE_RECEIVE) {
        /* What was taken for a frame that never came goes back with nothing in it. */
        for (uint32_t n = 0; n < dev->count; n++)
            give_back_empty(dev, dev->stock[stock_index(dev, n)].id);
        progress = dev->unpublished != 0;
        dev->first = dev->count = dev->unpublished = 0;
    }
    return vq_queue_end_stop(q, position) |
           (progress ? (unsigned)VQ_RUN_PROGRESS : (unsigned)VQ_RUN_IDLE);
}
