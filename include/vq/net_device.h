/*
 * The network device, the device's end: a device model (vq/model.h) with one pair of
 * queues, for a back end that takes and gives whole Ethernet frames.
 *
 *     static void sent(void *context, const struct vq_segment *frame, size_t count,
 *                      uint64_t bytes)
 *     { ... the driver sent this; it is ours until we return ... }
 *
 *     struct vq_net_device dev;
 *     struct vq_net_device_config config = {
 *         .mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56}, .mtu = 1500, .queue_size = 64, .send = sent};
 *     vq_net_device_init(&dev, &config, memory, vq_net_device_bytes(&config));
 *     ... give &dev.model to a transport ...
 *
 *     vq_net_device_receive(&dev, frame, count);     // for the driver, as often as there is one
 *     ... run the receive queue: that publishes all of them at once ...
 *
 * A frame begins with its Ethernet header and has no checksum at its end. The
 * virtio header is made and taken off here. Nothing is segmented, merged or
 * summed: no offload is offered, and a frame whose header asks for one is dropped.
 * With MRG_RXBUF a frame may take several of the driver's buffers.
 *
 * A frame that has no room, or that a limit forbids, is dropped and counted, as on
 * any wire. What the driver does wrong with a buffer costs that buffer.
 *
 * Both queues, and vq_net_device_receive, may be used by one thread, so that `send`
 * may answer at once; or by two, if `send` does not call vq_net_device_receive.
 */
#ifndef VQ_NET_DEVICE_H
#define VQ_NET_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/device.h>
#include <vq/error.h>
#include <vq/feature.h>
#include <vq/model.h>
#include <vq/net.h>
#include <vq/queue_end.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VQ_NET_FRAME_MAX 65553u /* the largest MTU, an Ethernet header and a tag */

struct vq_net_device_config {
    uint8_t mac[VQ_NET_MAC_BYTES]; /* all zero: MAC is not offered */
    uint16_t mtu;                  /* 68 to 65535, better 1280 or more; 0: MTU is not offered */
    bool link_down;                /* the link as it is at first */
    /* SPEED_DUPLEX is offered if `speed` is not 0: Mbit/s up to 2^31 - 1, or
     * VQ_NET_SPEED_UNKNOWN; `duplex` is VQ_NET_DUPLEX_ something. */
    uint32_t speed;
    uint8_t duplex;

    uint16_t queue_size; /* the largest that a driver may choose, of each queue */
    /* Room of one buffer in pieces of memory; 0: 34, which is what drivers use. A chain that
     * needs more breaks its queue. */
    uint16_t segments;
    /* With MRG_RXBUF, the most buffers that one frame may take. 0: 64, at most queue_size. */
    uint16_t stock;
    /* Features not to offer, whatever the above says (VERSION_1 among them: a legacy device). */
    struct vq_features without;

    /* The driver sent a frame. Its memory is the driver's, which may change it at any time: read
     * once, check, use. It may not be touched after the return. */
    void (*send)(void *context, const struct vq_segment *frame, size_t count, uint64_t bytes);
    /* Optional: called whenever the receive queue runs, to call vq_net_device_receive for what
     * has come. Frames of one call are published together. */
    void (*poll)(void *context);
    /* Optional: a descriptor that is readable when `poll` would find something; or -1. */
    int (*wait_fd)(void *context);
    void *context;
};

/* Since init. Exact only while both queues are stopped. */
struct vq_net_counts {
    uint64_t sent;             /* by the driver, and given to `send` */
    uint64_t sent_dropped;     /* no frame, too long, with an offload, or with the link down */
    uint64_t received;         /* given to the driver */
    uint64_t received_dropped; /* no room, no frame, too long, or with the link down */
    uint64_t bad_buffers;      /* of the driver, too small even for a header */
};

#define VQ_NET_BATCH 8u /* sent frames that are taken at once */

/* Private from here on; the structs are here so that callers can place a device. */
struct vq_net_device {
    struct vq_device_model model;
    struct vq_net_device_config config; /* defaults filled in */
    struct vq_features offered;
    struct vq_features accepted;
    uint8_t mac[VQ_NET_MAC_BYTES]; /* a legacy driver may write it */
    bool negotiated;
    bool link_up; /* written by control, read by queues, atomically */
    uint32_t header_bytes;
    uint32_t frame_max; /* without a tag */
    struct vq_queue_end queue[VQ_NET_QUEUES];
    /* Receive: a ring of config.stock buffers; from `first` on, `count` are taken and empty. */
    struct vq_buffer *stock;
    struct vq_used *used; /* of the frame at hand: as many as `stock` */
    uint16_t first;
    uint16_t count;
    uint16_t unpublished; /* given back since the driver was last shown any */
    struct vq_buffer sent[VQ_NET_BATCH];
    struct vq_net_counts counts;
};

/* Bytes of memory that vq_net_device_init needs for this configuration; 0 if it makes no sense. */
size_t vq_net_device_bytes(const struct vq_net_device_config *config);

/*
 * Makes a device. `memory` (aligned to 16 bytes) belongs to the device until the
 * caller is done with it; it need not be zeroed. VQ_ERR_INVALID,
 * VQ_ERR_NO_MEMORY, VQ_ERR_ALIGN.
 */
enum vq_error vq_net_device_init(struct vq_net_device *dev,
                                 const struct vq_net_device_config *config, void *memory,
                                 size_t bytes);

/*
 * Puts a frame into the driver's receive buffers; it is copied. The driver sees it when
 * the receive queue has run. VQ_ERR_FULL: too few buffers, VQ_ERR_RANGE: shorter than an
 * Ethernet header or longer than the MTU allows, VQ_ERR_STATE: the queue does not run or
 * the link is down, VQ_ERR_BROKEN. In each case the frame is dropped.
 */
enum vq_error vq_net_device_receive(struct vq_net_device *dev, const struct vq_segment *frame,
                                    size_t count);

/*
 * The link goes up or down. Returns whether that changes what the driver sees: tell it
 * then, as the transport does it (vq_loopback_config_changed). From the control thread.
 */
bool vq_net_device_set_link(struct vq_net_device *dev, bool up);

#ifdef __cplusplus
}
#endif
#endif
