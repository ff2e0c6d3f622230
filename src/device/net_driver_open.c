/*
 * The network driver's control side: the options, the handshake, what the device says
 * of itself, the queues, the end. Runs before and after frames, never beside them.
 *
 * The configuration space is the device's word: a field whose feature is not accepted is
 * not read (BASIC-DRV-CFG-04), none is written (NET-DRV-CFG-01), and a value that would
 * hurt is not taken.
 */
#include "net_driver.h"

#define RECEIVE_BUFFER_MAX 65600u /* 32768 of them are fewer than 2^32 bytes */

static const struct vq_net_field {
    uint8_t bit;
    uint8_t offset;
    uint8_t bytes;
} net_fields[] = {
    {VQ_NET_F_MAC, VQ_NET_CONFIG_MAC, VQ_NET_MAC_BYTES},
    {VQ_NET_F_STATUS, VQ_NET_CONFIG_STATUS, 2},
    {VQ_NET_F_MTU, VQ_NET_CONFIG_MTU, 2},
    {VQ_NET_F_SPEED_DUPLEX, VQ_NET_CONFIG_SPEED, 5},
};

#define NET_FIELDS (sizeof net_fields / sizeof net_fields[0])

static uint16_t count_of(const struct vq_net_driver_options *o)
{
    return o->receive_count != 0 ? o->receive_count : o->receive_size;
}

static uint32_t buffer_of(const struct vq_net_driver_options *o)
{
    return o->receive_buffer != 0 ? o->receive_buffer : VQ_NET_BUFFER_BYTES;
}

/* What a frame of this MTU takes. */
static uint32_t room_for(uint32_t mtu)
{
    return VQ_NET_HEADER_BYTES + VQ_NET_ETHERNET_BYTES + mtu;
}

/* NET-DRV-CFG-08 */
static bool holds(const struct vq_net_driver_options *o, uint32_t buffers, bool mergeable,
                  uint32_t mtu)
{
    /* Below 2^32: RECEIVE_BUFFER_MAX. */
    return mergeable ? buffers * buffer_of(o) >= room_for(mtu) : buffer_of(o) >= room_for(mtu);
}

static enum vq_error choose_net(void *context, struct vq_transport *t, struct vq_features *accepted)
{
    const struct vq_net_driver_options *o = ((const struct vq_net_driver *)context)->options;
    const uint32_t size = t->ops->config_size(t);

    for (size_t i = 0; i < NET_FIELDS; i++)
        if ((uint32_t)net_fields[i].offset + net_fields[i].bytes > size)
            vq_feature_clear(accepted, net_fields[i].bit);
    /* Old devices want the header in an element of its own, and merge none such. */
    if (!vq_feature(accepted, VQ_F_VERSION_1) && !vq_feature(accepted, VQ_F_ANY_LAYOUT))
        vq_feature_clear(accepted, VQ_NET_F_MRG_RXBUF);

    const bool mergeable = vq_feature(accepted, VQ_NET_F_MRG_RXBUF);
    /* NET-DRV-RXBUF-02 */
    if (!mergeable && buffer_of(o) < VQ_NET_BUFFER_BYTES_MIN)
        return VQ_ERR_UNSUPPORTED;
    if (vq_feature(accepted, VQ_NET_F_MTU)) {
        uint8_t raw[2];
        enum vq_error error = vq_transport_read_config(t, VQ_NET_CONFIG_MTU, raw, sizeof raw);
        if (error != VQ_OK)
            return error;
        uint16_t mtu = vq_transport_config16(t, raw);
        if (mtu < VQ_NET_MTU_MIN || !holds(o, count_of(o), mergeable, mtu))
            vq_feature_clear(accepted, VQ_NET_F_MTU);
    }
    return VQ_OK;
}

static enum vq_error read_facts(struct vq_net_driver *nic, const uint8_t local_mac[],
                                struct vq_net_facts *facts)
{
    struct vq_transport *t = nic->transport;
    struct vq_config_span spans[NET_FIELDS];
    uint8_t image[VQ_NET_CONFIG_SIZE] = {0};
    size_t count = 0;

    for (size_t i = 0; i < NET_FIELDS; i++)
        if (vq_feature(&t->accepted, net_fields[i].bit))
            spans[count++] = (struct vq_config_span){net_fields[i].offset, net_fields[i].bytes};
    if (count != 0) {
        enum vq_error error = vq_transport_read_config_spans(t, spans, count, image);
        if (error != VQ_OK)
            return error;
    }
    *facts = (struct vq_net_facts){
        .mac_given = vq_feature(&t->accepted, VQ_NET_F_MAC),
        .link_up = true,
        .mtu_given = vq_feature(&t->accepted, VQ_NET_F_MTU),
        .mtu = VQ_NET_MTU_DEFAULT,
        .speed = VQ_NET_SPEED_UNKNOWN,
        .duplex = VQ_NET_DUPLEX_UNKNOWN,
        .mergeable = vq_feature(&t->accepted, VQ_NET_F_MRG_RXBUF),
    };
    for (unsigned i = 0; i < VQ_NET_MAC_BYTES; i++)
        facts->mac[i] = facts->mac_given ? image[VQ_NET_CONFIG_MAC + i] : local_mac[i];
    if (!facts->mac_given)
        facts->mac[0] = (uint8_t)((facts->mac[0] & ~1u) | 2u); /* NET-DRV-CFG-04 */
    if (vq_feature(&t->accepted, VQ_NET_F_STATUS))
        facts->link_up = (vq_transport_config16(t, image + VQ_NET_CONFIG_STATUS) &
                          (unsigned)VQ_NET_S_LINK_UP) != 0;
    if (facts->mtu_given) {
        facts->mtu = vq_transport_config16(t, image + VQ_NET_CONFIG_MTU);
        /* It was read before, and must not have changed since. */
        if (facts->mtu < VQ_NET_MTU_MIN)
            return VQ_ERR_RANGE;
    }
    if (vq_feature(&t->accepted, VQ_NET_F_SPEED_DUPLEX)) {
        uint32_t speed = vq_transport_config32(t, image + VQ_NET_CONFIG_SPEED);
        uint8_t duplex = image[VQ_NET_CONFIG_DUPLEX];
        facts->speed = speed <= VQ_NET_SPEED_MAX ? speed : VQ_NET_SPEED_UNKNOWN;
        facts->duplex = duplex <= VQ_NET_DUPLEX_FULL ? duplex : (uint8_t)VQ_NET_DUPLEX_UNKNOWN;
    }
    return VQ_OK;
}

static enum vq_error check_options(const struct vq_net_driver_options *o)
{
    if (o->receive_size == 0 || o->receive_size > VQ_SIZE_MAX || o->transmit_size == 0 ||
        o->transmit_size > VQ_SIZE_MAX)
        return VQ_ERR_SIZE;
    if (count_of(o) > VQ_SIZE_MAX || buffer_of(o) <= VQ_NET_HEADER_BYTES ||
        buffer_of(o) > RECEIVE_BUFFER_MAX)
        return VQ_ERR_INVALID;
    if (o->shared == NULL || o->private_memory == NULL ||
        o->shared_bytes < VQ_NET_SHARED_BYTES(count_of(o), buffer_of(o)) ||
        o->private_bytes < VQ_NET_PRIVATE_BYTES(o->receive_size, o->transmit_size, count_of(o)))
        return VQ_ERR_NO_MEMORY;
    if (((uintptr_t)o->shared | o->address) % 4 != 0 || (uintptr_t)o->private_memory % 8 != 0)
        return VQ_ERR_ALIGN;
    return VQ_OK;
}

/* Carves the private memory; returns where the slots of the two rings begin. */
static struct vq_driver_slot *carve_private(struct vq_net_driver *nic,
                                            const struct vq_net_driver_options *o)
{
    uint64_t *tags = (uint64_t *)o->private_memory;
    struct vq_driver_slot *slots = (struct vq_driver_slot *)(void *)(tags + o->transmit_size);

    nic->tags = tags;
    nic->buffers = (struct vq_net_buffer *)(void *)(slots + o->transmit_size + o->receive_size);
    nic->buffer_of = (uint16_t *)(void *)(nic->buffers + nic->buffer_count);
    nic->sending = (uint8_t *)(nic->buffer_of + o->receive_size);
    for (uint32_t i = 0; i < o->transmit_size; i++)
        nic->sending[i] = 0;
    return slots;
}

void vq_net_driver_free_all(struct vq_net_driver *nic)
{
    for (uint32_t i = 0; i < nic->buffer_count; i++)
        nic->buffers[i] = (struct vq_net_buffer){.next = (uint16_t)(i + 1)};
    nic->free_first = 0;
    nic->free_count = nic->buffer_count;
    nic->posted = 0;
    nic->missing = 0;
}

static enum vq_error open_queues(struct vq_net_driver *nic, const struct vq_net_driver_options *o)
{
    struct vq_transport *t = nic->transport;
    struct vq_driver_slot *slots = carve_private(nic, o);
    const struct vq_queue_setup receive = {
        .index = VQ_NET_QUEUE_RECEIVE,
        .size = o->receive_size,
        .strict = o->strict,
        .memory = o->receive_ring,
        .slots = slots + o->transmit_size,
    };
    const struct vq_queue_setup transmit = {
        .index = VQ_NET_QUEUE_TRANSMIT,
        .size = o->transmit_size,
        .strict = o->strict,
        .memory = o->transmit_ring,
        .slots = slots,
        .indirect_tables = o->transmit_tables,
        .indirect_address = o->transmit_tables_address,
        .indirect_entries = o->transmit_entries,
    };
    enum vq_error error = vq_queue_open(&nic->receive, t, &receive);
    if (error == VQ_OK)
        error = vq_queue_open(&nic->transmit, t, &transmit);
    if (error != VQ_OK)
        return error;
    /* Two elements never fit into a ring of one. */
    if (nic->header_apart && (nic->receive.size < 2 || nic->transmit.size < 2))
        return VQ_ERR_SIZE;
    vq_driver_disable_notifications(&nic->transmit);
    return VQ_OK;
}

static enum vq_error setup_net(void *context, struct vq_transport *t)
{
    struct vq_net_driver *nic = (struct vq_net_driver *)context;
    const struct vq_net_driver_options *o = nic->options;
    enum vq_error error = read_facts(nic, o->mac, &nic->facts);
    if (error != VQ_OK)
        return error;

    nic->shared = (uint8_t *)o->shared;
    nic->address = o->address;
    nic->buffer_bytes = buffer_of(o);
    nic->stride = VQ_ALIGN_UP(nic->buffer_bytes, 4u);
    nic->buffer_count = count_of(o);
    nic->big_endian = vq_transport_big_endian(t);
    nic->header_bytes = (uint8_t)vq_net_header_bytes(&t->accepted);
    nic->header_apart = vq_transport_legacy(t) && !vq_feature(&t->accepted, VQ_F_ANY_LAYOUT);
    error = open_queues(nic, o);
    if (error != VQ_OK)
        return error;
    /* All zero for ever: no offload, and no other end that writes here. */
    for (unsigned i = 0; i < VQ_NET_HEADER_BYTES; i++)
        ((volatile uint8_t *)nic->shared)[i] = 0;
    vq_net_driver_free_all(nic);

    uint32_t buffers = nic->header_apart ? nic->receive.size / 2u : nic->receive.size;
    if (buffers > nic->buffer_count)
        buffers = nic->buffer_count;
    /* The ring may have become smaller than was asked for. */
    return holds(o, buffers, nic->facts.mergeable, nic->facts.mtu_given ? nic->facts.mtu : 0)
               ? VQ_OK
               : VQ_ERR_NO_MEMORY;
}

static struct vq_features wanted_net(const struct vq_net_driver_options *o)
{
    static const uint8_t bits[] = {VQ_NET_F_MAC, VQ_NET_F_STATUS, VQ_NET_F_MTU,
                                   VQ_NET_F_SPEED_DUPLEX, VQ_NET_F_MRG_RXBUF};
    struct vq_features set = vq_queue_features(&o->without);

    for (size_t i = 0; i < sizeof bits; i++)
        if (!vq_feature(&o->without, bits[i]))
            vq_feature_set(&set, bits[i]);
    if (o->transmit_tables == NULL)
        vq_feature_clear(&set, VQ_F_INDIRECT_DESC);
    return set;
}

/* It runs, but it cannot be told of its buffers. */
static void give_up(struct vq_transport *t, enum vq_error error, struct vq_init_result *result)
{
    vq_transport_fail(t);
    if (result != NULL)
        *result = (struct vq_init_result){VQ_INIT_DRIVER_OK, error, -1};
}

enum vq_error vq_net_driver_open(struct vq_net_driver *nic, struct vq_transport *transport,
                                 const struct vq_net_driver_options *options,
                                 struct vq_init_result *result)
{
    *nic = (struct vq_net_driver){.transport = transport, .options = options};
    const struct vq_plan plan = {
        .wanted = wanted_net(options),
        .required = options->require,
        .patience = options->patience,
        .choose = choose_net,
        .setup = setup_net,
        .context = nic,
    };
    enum vq_error error = check_options(options);
    if (error != VQ_OK) {
        if (result != NULL)
            *result = (struct vq_init_result){VQ_INIT_SETUP, error, -1};
        return error;
    }
    error = vq_transport_init_device(transport, &plan, result);
    if (error == VQ_OK) {
        error = vq_net_driver_refill(nic);
        if (error != VQ_OK)
            give_up(transport, error, result);
    }
    nic->options = NULL;
    return error;
}

enum vq_error vq_net_driver_close(struct vq_net_driver *nic)
{
    return vq_transport_reset(nic->transport, 0);
}

enum vq_error vq_net_driver_refresh(struct vq_net_driver *nic)
{
    struct vq_net_facts facts;
    enum vq_error error = read_facts(nic, nic->facts.mac, &facts);
    if (error != VQ_OK)
        return error;
    /* What may change while the device runs (NET-DEV-CFG-04). */
    nic->facts.link_up = facts.link_up;
    nic->facts.speed = facts.speed;
    nic->facts.duplex = facts.duplex;
    return VQ_OK;
}
