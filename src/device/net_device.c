/*
 * Makes a network device in memory that the caller gives, negotiates, and shows the
 * configuration space. All here runs on the control thread while queues may run on
 * others; the only field that they share is `link_up`, one byte, which is atomic.
 *
 * Trusts the caller, but for numbers that make no sense; of the driver, nothing.
 */
#include "net_device.h"

#include "model_parts.h"

#define SHOWN_BYTES      20u /* up to where features begin that are never offered */
#define ALIGN            16u
#define SEGMENTS_DEFAULT 34u
#define STOCK_DEFAULT    64u

/* Where the arrays stand in the memory. */
struct vq_net_carve {
    size_t used;
    size_t segments; /* of the stock, then of the batch that is sent */
    size_t queues;
    size_t bytes;
};

static bool defaults(struct vq_net_device_config *c)
{
    if (c->queue_size == 0 || c->queue_size > 32768u || c->send == NULL)
        return false;
    if (c->mtu != 0 && c->mtu < VQ_NET_MTU_MIN)
        return false;
    if (c->speed > VQ_NET_SPEED_MAX && c->speed != VQ_NET_SPEED_UNKNOWN)
        return false;
    if (c->duplex > VQ_NET_DUPLEX_FULL && c->duplex != VQ_NET_DUPLEX_UNKNOWN)
        return false;
    if (c->segments == 0)
        c->segments = SEGMENTS_DEFAULT;
    if (c->stock == 0)
        c->stock = STOCK_DEFAULT;
    if (c->stock > c->queue_size)
        c->stock = c->queue_size;
    return true;
}

static size_t net_up(size_t bytes)
{
    return (bytes + (ALIGN - 1u)) & ~(size_t)(ALIGN - 1u);
}

static bool carve_up(const struct vq_net_device_config *c, struct vq_net_carve *carve)
{
    const uint32_t buffers = c->stock + VQ_NET_BATCH;
    const uint32_t segments = buffers * c->segments; /* below 2^32: neither factor reaches 2^16 */

    if (segments > (uint32_t)INT32_MAX / sizeof(struct vq_segment))
        return false;
    carve->used = net_up(c->stock * sizeof(struct vq_buffer));
    carve->segments = net_up(carve->used + c->stock * sizeof(struct vq_used));
    carve->queues = net_up(carve->segments + segments * sizeof(struct vq_segment));
    carve->bytes = carve->queues + VQ_NET_QUEUES * vq_queue_end_bytes(c->queue_size);
    return true;
}

size_t vq_net_device_bytes(const struct vq_net_device_config *config)
{
    struct vq_net_device_config c = *config;
    struct vq_net_carve carve;

    return defaults(&c) && carve_up(&c, &carve) ? carve.bytes : 0;
}

static bool has_mac(const uint8_t mac[VQ_NET_MAC_BYTES])
{
    for (unsigned i = 0; i < VQ_NET_MAC_BYTES; i++)
        if (mac[i] != 0)
            return true;
    return false;
}

static struct vq_features offer(const struct vq_net_device_config *c)
{
    const struct {
        uint8_t bit;
        bool have;
    } all[] = {
        {VQ_NET_F_MAC, has_mac(c->mac)},
        {VQ_NET_F_MTU, c->mtu != 0},
        {VQ_NET_F_MRG_RXBUF, true},
        {VQ_NET_F_STATUS, true},
        /* A bit beyond 31, which a legacy device does not have. */
        {VQ_NET_F_SPEED_DUPLEX, c->speed != 0 && !vq_feature(&c->without, VQ_F_VERSION_1)},
    };
    struct vq_features set = vq_model_ring_features(&c->without);

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].have && !vq_feature(&c->without, all[i].bit))
            vq_feature_set(&set, all[i].bit);
    return set;
}

static struct vq_features net_offered(const struct vq_device_model *model)
{
    return vq_net_device_of_const(model)->offered;
}

static enum vq_error net_accept(struct vq_device_model *model, const struct vq_features *chosen)
{
    struct vq_net_device *dev = vq_net_device_of(model);

    if (!vq_model_may_accept(&dev->offered, chosen))
        return VQ_ERR_UNSUPPORTED;
    dev->accepted = *chosen;
    dev->negotiated = true;
    dev->header_bytes = vq_net_header_bytes(chosen);
    dev->frame_max = vq_feature(chosen, VQ_NET_F_MTU) ? dev->config.mtu + VQ_NET_ETHERNET_BYTES
                                                      : VQ_NET_FRAME_MAX - VQ_NET_VLAN_BYTES;
    return VQ_OK;
}

static void net_reset(struct vq_device_model *model)
{
    struct vq_net_device *dev = vq_net_device_of(model);

    dev->accepted = (struct vq_features){{0}};
    dev->negotiated = false;
}

static void show(const struct vq_net_device *dev, uint8_t out[SHOWN_BYTES])
{
    const struct vq_net_device_config *c = &dev->config;
    const struct vq_features *on = &dev->offered;
    const bool up_now = __atomic_load_n(&dev->link_up, __ATOMIC_RELAXED);
    /* A field whose feature is not offered reads 0. */
    const struct {
        uint8_t at, bytes, bit;
        uint32_t value;
    } fields[] = {
        {VQ_NET_CONFIG_STATUS, 2, VQ_NET_F_STATUS, up_now ? (uint32_t)VQ_NET_S_LINK_UP : 0u},
        {VQ_NET_CONFIG_MTU, 2, VQ_NET_F_MTU, c->mtu},
        {VQ_NET_CONFIG_SPEED, 4, VQ_NET_F_SPEED_DUPLEX, c->speed},
        {VQ_NET_CONFIG_DUPLEX, 1, VQ_NET_F_SPEED_DUPLEX, c->duplex},
    };

    for (size_t i = 0; i < SHOWN_BYTES; i++)
        out[i] = i < VQ_NET_MAC_BYTES ? dev->mac[i] : 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (vq_feature(on, fields[i].bit))
            vq_model_put(out + fields[i].at, fields[i].value, fields[i].bytes,
                         dev->model.big_endian);
}

static uint32_t net_config_size(const struct vq_device_model *model)
{
    (void)model;
    return SHOWN_BYTES;
}

static void net_read_config(const struct vq_device_model *model, uint32_t offset, void *bytes,
                            uint32_t count)
{
    uint8_t shown[SHOWN_BYTES];

    show(vq_net_device_of_const(model), shown);
    vq_model_read(shown, SHOWN_BYTES, offset, bytes, count);
}

/* Nothing but the address, by a legacy driver, which may come before it chooses features. */
static enum vq_error net_write_config(struct vq_device_model *model, uint32_t offset,
                                      const void *bytes, uint32_t count)
{
    struct vq_net_device *dev = vq_net_device_of(model);

    if (offset > VQ_NET_MAC_BYTES || count > VQ_NET_MAC_BYTES - offset)
        return VQ_ERR_RANGE;
    if (vq_feature(&dev->accepted, VQ_F_VERSION_1))
        return VQ_ERR_UNSUPPORTED;
    for (uint32_t i = 0; i < count; i++)
        dev->mac[offset + i] = ((const uint8_t *)bytes)[i];
    return VQ_OK;
}

static const struct vq_device_model_ops net_ops = {
    .name = "network",
    .device_id = VQ_NET_DEVICE_ID,
    .offered = net_offered,
    .accept = net_accept,
    .config_size = net_config_size,
    .read_config = net_read_config,
    .write_config = net_write_config,
    .queue_count = vq_net_queue_count,
    .queue_size_max = vq_net_queue_size_max,
    .queue_start = vq_net_queue_start,
    .queue_run = vq_net_queue_run,
    .queue_arm = vq_net_queue_arm,
    .queue_disarm = vq_net_queue_disarm,
    .queue_wait_fd = vq_net_queue_wait_fd,
    .queue_broken = vq_net_queue_broken,
    .queue_in_flight = vq_net_queue_in_flight,
    .queue_stop = vq_net_queue_stop,
    .reset = net_reset,
};

static void lay_out(struct vq_net_device *dev, uint8_t *base, const struct vq_net_carve *carve)
{
    const struct vq_net_device_config *c = &dev->config;
    struct vq_segment *segments = (struct vq_segment *)(void *)(base + carve->segments);

    dev->stock = (struct vq_buffer *)(void *)base;
    dev->used = (struct vq_used *)(void *)(base + carve->used);
    for (uint32_t i = 0; i < c->stock + VQ_NET_BATCH; i++) {
        struct vq_buffer *b = i < c->stock ? &dev->stock[i] : &dev->sent[i - c->stock];

        *b = (struct vq_buffer){.segments = segments, .room = c->segments};
        segments += c->segments;
    }
    for (uint32_t i = 0; i < VQ_NET_QUEUES; i++)
        vq_queue_end_make(&dev->queue[i], c->queue_size,
                          base + carve->queues + i * vq_queue_end_bytes(c->queue_size));
}

enum vq_error vq_net_device_init(struct vq_net_device *dev,
                                 const struct vq_net_device_config *config, void *memory,
                                 size_t bytes)
{
    struct vq_net_device_config c = *config;
    struct vq_net_carve carve;

    if (!defaults(&c) || !carve_up(&c, &carve))
        return VQ_ERR_INVALID;
    if (memory == NULL || bytes < carve.bytes)
        return VQ_ERR_NO_MEMORY;
    if ((uintptr_t)memory % ALIGN != 0)
        return VQ_ERR_ALIGN;
    *dev = (struct vq_net_device){
        .model = {.ops = &net_ops}, .config = c, .offered = offer(&c), .link_up = !c.link_down};
    for (unsigned i = 0; i < VQ_NET_MAC_BYTES; i++)
        dev->mac[i] = c.mac[i];
    lay_out(dev, (uint8_t *)memory, &carve);
    return VQ_OK;
}

bool vq_net_device_set_link(struct vq_net_device *dev, bool up_now)
{
    const bool was_up = dev->link_up; /* nobody else writes it */

    __atomic_store_n(&dev->link_up, up_now, __ATOMIC_RELAXED);
    return was_up != up_now && vq_feature(&dev->offered, VQ_NET_F_STATUS);
}
