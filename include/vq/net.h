/*
 * The network device on the wire (virtio 1.4, section 5.1): feature bits, the
 * configuration space, the header before every frame. Both ends use these.
 *
 * Every number is little-endian, but in the native order of the driver when
 * VERSION_1 was not negotiated (legacy). The structs state the layout; shared
 * memory is reached through loads and stores of single fields, never by
 * overlaying them.
 */
#ifndef VQ_NET_H
#define VQ_NET_H

#include <stddef.h>
#include <stdint.h>

#include <vq/feature.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VQ_NET_DEVICE_ID 1u

/* Queues of a device with one pair, which is what drivers and devices here have. */
enum {
    VQ_NET_QUEUE_RECEIVE = 0,
    VQ_NET_QUEUE_TRANSMIT = 1,
    VQ_NET_QUEUES = 2,
};

/* Feature bits of the type. GUEST_: the driver can take it; HOST_: the device can. */
enum {
    VQ_NET_F_CSUM = 0,
    VQ_NET_F_GUEST_CSUM = 1,
    VQ_NET_F_CTRL_GUEST_OFFLOADS = 2,
    VQ_NET_F_MTU = 3,
    VQ_NET_F_MAC = 5,
    VQ_NET_F_GSO = 6, /* legacy only */
    VQ_NET_F_GUEST_TSO4 = 7,
    VQ_NET_F_GUEST_TSO6 = 8,
    VQ_NET_F_GUEST_ECN = 9,
    VQ_NET_F_GUEST_UFO = 10,
    VQ_NET_F_HOST_TSO4 = 11,
    VQ_NET_F_HOST_TSO6 = 12,
    VQ_NET_F_HOST_ECN = 13,
    VQ_NET_F_HOST_UFO = 14,
    VQ_NET_F_MRG_RXBUF = 15,
    VQ_NET_F_STATUS = 16,
    VQ_NET_F_CTRL_VQ = 17,
    VQ_NET_F_CTRL_RX = 18,
    VQ_NET_F_CTRL_VLAN = 19,
    VQ_NET_F_CTRL_RX_EXTRA = 20,
    VQ_NET_F_GUEST_ANNOUNCE = 21,
    VQ_NET_F_MQ = 22,
    VQ_NET_F_CTRL_MAC_ADDR = 23,
    VQ_NET_F_DEVICE_STATS = 50,
    VQ_NET_F_HASH_TUNNEL = 51,
    VQ_NET_F_VQ_NOTF_COAL = 52,
    VQ_NET_F_NOTF_COAL = 53,
    VQ_NET_F_GUEST_USO4 = 54,
    VQ_NET_F_GUEST_USO6 = 55,
    VQ_NET_F_HOST_USO = 56,
    VQ_NET_F_HASH_REPORT = 57,
    VQ_NET_F_GUEST_HDRLEN = 59,
    VQ_NET_F_RSS = 60,
    VQ_NET_F_RSC_EXT = 61,
    VQ_NET_F_STANDBY = 62,
    VQ_NET_F_SPEED_DUPLEX = 63,
    VQ_NET_F_RSS_CONTEXT = 64,
    VQ_NET_F_GUEST_UDP_TUNNEL_GSO = 65,
    VQ_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM = 66,
    VQ_NET_F_HOST_UDP_TUNNEL_GSO = 67,
    VQ_NET_F_HOST_UDP_TUNNEL_GSO_CSUM = 68,
    VQ_NET_F_OUT_NET_HEADER = 69,
    VQ_NET_F_IPSEC = 70,
};

/* Configuration space, in bytes from its start. A device may show less of it. */
enum {
    VQ_NET_CONFIG_MAC = 0,                 /* six bytes; MAC */
    VQ_NET_CONFIG_STATUS = 6,              /* u16; STATUS */
    VQ_NET_CONFIG_MAX_VIRTQUEUE_PAIRS = 8, /* u16; MQ or RSS */
    VQ_NET_CONFIG_MTU = 10,                /* u16, bytes behind the Ethernet header; MTU */
    VQ_NET_CONFIG_SPEED = 12,              /* u32, Mbit/s; SPEED_DUPLEX */
    VQ_NET_CONFIG_DUPLEX = 16,             /* u8 */
    VQ_NET_CONFIG_SIZE = 28,
};

enum {
    VQ_NET_S_LINK_UP = 1,
    VQ_NET_S_ANNOUNCE = 2,
};

#define VQ_NET_SPEED_MAX     UINT32_C(0x7fffffff)
#define VQ_NET_SPEED_UNKNOWN UINT32_MAX
enum {
    VQ_NET_DUPLEX_HALF = 0,
    VQ_NET_DUPLEX_FULL = 1,
    VQ_NET_DUPLEX_UNKNOWN = 0xff,
};

/* Frames. */
#define VQ_NET_MAC_BYTES      6u
#define VQ_NET_ETHERNET_BYTES 14u /* two addresses and a type */
#define VQ_NET_VLAN_BYTES     4u  /* what a tag adds */
#define VQ_NET_MTU_MIN        68u
#define VQ_NET_MTU_DEFAULT    1500u

/* `flags` of the header. */
enum {
    VQ_NET_HDR_F_NEEDS_CSUM = 1,
    VQ_NET_HDR_F_DATA_VALID = 2,
    VQ_NET_HDR_F_RSC_INFO = 4,
    VQ_NET_HDR_F_UDP_TUNNEL_CSUM = 8,
};

/* `gso_type` of the header. */
enum {
    VQ_NET_GSO_NONE = 0,
    VQ_NET_GSO_TCPV4 = 1,
    VQ_NET_GSO_UDP = 3,
    VQ_NET_GSO_TCPV6 = 4,
    VQ_NET_GSO_UDP_L4 = 5,
    VQ_NET_GSO_TUNNEL_IPV4 = 0x20,
    VQ_NET_GSO_TUNNEL_IPV6 = 0x40,
    VQ_NET_GSO_ECN = 0x80,
};

/* The first bytes of every buffer that carries the beginning of a frame. */
struct vq_net_header {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_len;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t num_buffers; /* received frames: in how many buffers; legacy: only with MRG_RXBUF */
};

#define VQ_NET_HEADER_BYTES        12u
#define VQ_NET_HEADER_BYTES_LEGACY 10u
#define VQ_NET_HEADER_BYTES_MAX    32u

/*
 * How long the header is, in both directions, by what was negotiated
 * (NET-DRV-RXBUF-04, NET-DRV-LEGOP-03): later extensions include earlier ones.
 */
static inline uint32_t vq_net_header_bytes(const struct vq_features *accepted)
{
    if (!vq_feature(accepted, VQ_F_VERSION_1))
        return vq_feature(accepted, VQ_NET_F_MRG_RXBUF) ? VQ_NET_HEADER_BYTES
                                                        : VQ_NET_HEADER_BYTES_LEGACY;
    if (vq_feature(accepted, VQ_NET_F_OUT_NET_HEADER) || vq_feature(accepted, VQ_NET_F_IPSEC))
        return VQ_NET_HEADER_BYTES_MAX;
    if (vq_feature(accepted, VQ_NET_F_HOST_UDP_TUNNEL_GSO) ||
        vq_feature(accepted, VQ_NET_F_GUEST_UDP_TUNNEL_GSO))
        return 24;
    return vq_feature(accepted, VQ_NET_F_HASH_REPORT) ? 20 : VQ_NET_HEADER_BYTES;
}

#ifdef __cplusplus
#define VQ_NET_ASSERT(what) static_assert(what, #what)
#else
#define VQ_NET_ASSERT(what) _Static_assert(what, #what)
#endif
VQ_NET_ASSERT(sizeof(struct vq_net_header) == VQ_NET_HEADER_BYTES);
VQ_NET_ASSERT(offsetof(struct vq_net_header, gso_type) == 1);
VQ_NET_ASSERT(offsetof(struct vq_net_header, hdr_len) == 2);
VQ_NET_ASSERT(offsetof(struct vq_net_header, csum_start) == 6);
VQ_NET_ASSERT(offsetof(struct vq_net_header, csum_offset) == 8);
VQ_NET_ASSERT(offsetof(struct vq_net_header, num_buffers) == VQ_NET_HEADER_BYTES_LEGACY);
#undef VQ_NET_ASSERT

#ifdef __cplusplus
}
#endif
#endif
