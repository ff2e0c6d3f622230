/*
 * The table of feature names. Queue and transport features hold for every type
 * of device; each type adds its own. A new type is one more row in `types`.
 */
#include <vq/feature_name.h>

#include <vq/blk.h>
#include <vq/console.h>
#include <vq/net.h>

struct named_bit {
    uint8_t bit;
    const char *name;
};

static const struct named_bit common_names[] = {
    {VQ_F_NOTIFY_ON_EMPTY, "notify_on_empty"},
    {VQ_F_ANY_LAYOUT, "any_layout"},
    {VQ_F_INDIRECT_DESC, "indirect_desc"},
    {VQ_F_EVENT_IDX, "event_idx"},
    {VQ_F_VERSION_1, "version_1"},
    {VQ_F_ACCESS_PLATFORM, "access_platform"},
    {VQ_F_RING_PACKED, "ring_packed"},
    {VQ_F_IN_ORDER, "in_order"},
    {VQ_F_ORDER_PLATFORM, "order_platform"},
    {VQ_F_SR_IOV, "sr_iov"},
    {VQ_F_NOTIFICATION_DATA, "notification_data"},
    {VQ_F_NOTIF_CONFIG_DATA, "notif_config_data"},
    {VQ_F_RING_RESET, "ring_reset"},
    {VQ_F_ADMIN_VQ, "admin_vq"},
    {VQ_F_SUSPEND, "suspend"},
};

static const struct named_bit block_names[] = {
    {VQ_BLK_F_BARRIER, "barrier"},
    {VQ_BLK_F_SIZE_MAX, "size_max"},
    {VQ_BLK_F_SEG_MAX, "seg_max"},
    {VQ_BLK_F_GEOMETRY, "geometry"},
    {VQ_BLK_F_RO, "ro"},
    {VQ_BLK_F_BLK_SIZE, "blk_size"},
    {VQ_BLK_F_SCSI, "scsi"},
    {VQ_BLK_F_FLUSH, "flush"},
    {VQ_BLK_F_TOPOLOGY, "topology"},
    {VQ_BLK_F_CONFIG_WCE, "config_wce"},
    {VQ_BLK_F_MQ, "mq"},
    {VQ_BLK_F_DISCARD, "discard"},
    {VQ_BLK_F_WRITE_ZEROES, "write_zeroes"},
    {VQ_BLK_F_LIFETIME, "lifetime"},
    {VQ_BLK_F_SECURE_ERASE, "secure_erase"},
    {VQ_BLK_F_ZONED, "zoned"},
};

static const struct named_bit console_names[] = {
    {VQ_CONSOLE_F_SIZE, "size"},
    {VQ_CONSOLE_F_MULTIPORT, "multiport"},
    {VQ_CONSOLE_F_EMERG_WRITE, "emerg_write"},
};

static const struct named_bit network_names[] = {
    {VQ_NET_F_CSUM, "csum"},
    {VQ_NET_F_GUEST_CSUM, "guest_csum"},
    {VQ_NET_F_CTRL_GUEST_OFFLOADS, "ctrl_guest_offloads"},
    {VQ_NET_F_MTU, "mtu"},
    {VQ_NET_F_MAC, "mac"},
    {VQ_NET_F_GSO, "gso"},
    {VQ_NET_F_GUEST_TSO4, "guest_tso4"},
    {VQ_NET_F_GUEST_TSO6, "guest_tso6"},
    {VQ_NET_F_GUEST_ECN, "guest_ecn"},
    {VQ_NET_F_GUEST_UFO, "guest_ufo"},
    {VQ_NET_F_HOST_TSO4, "host_tso4"},
    {VQ_NET_F_HOST_TSO6, "host_tso6"},
    {VQ_NET_F_HOST_ECN, "host_ecn"},
    {VQ_NET_F_HOST_UFO, "host_ufo"},
    {VQ_NET_F_MRG_RXBUF, "mrg_rxbuf"},
    {VQ_NET_F_STATUS, "status"},
    {VQ_NET_F_CTRL_VQ, "ctrl_vq"},
    {VQ_NET_F_CTRL_RX, "ctrl_rx"},
    {VQ_NET_F_CTRL_VLAN, "ctrl_vlan"},
    {VQ_NET_F_CTRL_RX_EXTRA, "ctrl_rx_extra"},
    {VQ_NET_F_GUEST_ANNOUNCE, "guest_announce"},
    {VQ_NET_F_MQ, "mq"},
    {VQ_NET_F_CTRL_MAC_ADDR, "ctrl_mac_addr"},
    {VQ_NET_F_DEVICE_STATS, "device_stats"},
    {VQ_NET_F_HASH_TUNNEL, "hash_tunnel"},
    {VQ_NET_F_VQ_NOTF_COAL, "vq_notf_coal"},
    {VQ_NET_F_NOTF_COAL, "notf_coal"},
    {VQ_NET_F_GUEST_USO4, "guest_uso4"},
    {VQ_NET_F_GUEST_USO6, "guest_uso6"},
    {VQ_NET_F_HOST_USO, "host_uso"},
    {VQ_NET_F_HASH_REPORT, "hash_report"},
    {VQ_NET_F_GUEST_HDRLEN, "guest_hdrlen"},
    {VQ_NET_F_RSS, "rss"},
    {VQ_NET_F_RSC_EXT, "rsc_ext"},
    {VQ_NET_F_STANDBY, "standby"},
    {VQ_NET_F_SPEED_DUPLEX, "speed_duplex"},
    {VQ_NET_F_RSS_CONTEXT, "rss_context"},
    {VQ_NET_F_GUEST_UDP_TUNNEL_GSO, "guest_udp_tunnel_gso"},
    {VQ_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM, "guest_udp_tunnel_gso_csum"},
    {VQ_NET_F_HOST_UDP_TUNNEL_GSO, "host_udp_tunnel_gso"},
    {VQ_NET_F_HOST_UDP_TUNNEL_GSO_CSUM, "host_udp_tunnel_gso_csum"},
    {VQ_NET_F_OUT_NET_HEADER, "out_net_header"},
    {VQ_NET_F_IPSEC, "ipsec"},
};

struct table {
    uint16_t device_id; /* 0: every type */
    uint16_t count;
    const struct named_bit *bits;
};

#define ROWS(table) (uint16_t)(sizeof(table) / sizeof((table)[0]))

static const struct table types[] = {
    {0, ROWS(common_names), common_names},
    {VQ_NET_DEVICE_ID, ROWS(network_names), network_names},
    {VQ_BLK_DEVICE_ID, ROWS(block_names), block_names},
    {VQ_CONSOLE_DEVICE_ID, ROWS(console_names), console_names},
};

static bool same(const char *text, const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\0' || text[i] != name[i])
            return false;
    return text[length] == '\0';
}

static bool concerns(const struct table *table, uint16_t device_id)
{
    return table->device_id == 0 || table->device_id == device_id;
}

const char *vq_feature_name(uint16_t device_id, unsigned bit)
{
    for (size_t t = 0; t < ROWS(types); t++)
        for (size_t i = 0; concerns(&types[t], device_id) && i < types[t].count; i++)
            if (types[t].bits[i].bit == bit)
                return types[t].bits[i].name;
    return NULL;
}

int vq_feature_by_name(uint16_t device_id, const char *name, size_t length)
{
    for (size_t t = 0; t < ROWS(types); t++)
        for (size_t i = 0; concerns(&types[t], device_id) && i < types[t].count; i++)
            if (same(types[t].bits[i].name, name, length))
                return types[t].bits[i].bit;
    return -1;
}

bool vq_feature_parse(uint16_t device_id, const char *list, struct vq_features *set,
                      const char **unknown, size_t *length)
{
    while (*list != '\0') {
        size_t n = 0;
        while (list[n] != '\0' && list[n] != ',')
            n++;
        int bit = vq_feature_by_name(device_id, list, n);
        if (bit < 0) {
            *unknown = list;
            *length = n;
            return false;
        }
        vq_feature_set(set, (unsigned)bit);
        list += n + (list[n] == ',');
    }
    return true;
}

struct vq_features vq_features_named(uint16_t device_id)
{
    struct vq_features set = {{0}};
    for (size_t t = 0; t < ROWS(types); t++)
        for (size_t i = 0; concerns(&types[t], device_id) && i < types[t].count; i++)
            vq_feature_set(&set, types[t].bits[i].bit);
    return set;
}
