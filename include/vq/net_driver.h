/*
 * The network device, the driver's end: Ethernet frames out and in, over any
 * transport (vq/transport.h), with one pair of queues.
 *
 *     vq_net_driver_open(&nic, transport, &options, &why);
 *
 *     // send
 *     struct vq_element frame = {address, bytes};          // or several pieces
 *     vq_net_driver_send(&nic, &(struct vq_net_send){.data = &frame, .count = 1, .tag = 7});
 *     vq_net_driver_flush(&nic);                           // one notification at most
 *     n = vq_net_driver_sent(&nic, tags, 32);              // whose memory is free again
 *
 *     // receive
 *     struct vq_net_frame in;
 *     while (vq_net_driver_receive(&nic, &in)) {
 *         n = vq_net_driver_read(&nic, &in, 0, bytes, sizeof bytes);
 *         vq_net_driver_release(&nic, &in);
 *     }
 *     vq_net_driver_refill(&nic);                          // one notification at most
 *
 * A frame begins with its Ethernet header and has no checksum at its end. No offload
 * is ever accepted, so that every frame is whole, carries the checksums of its
 * protocols, and is no longer than the MTU allows; whoever takes one from the wire
 * verifies them as on any wire.
 *
 * Nothing is allocated: the caller gives memory for two rings, one block that is
 * shared with the device, and one that is private. What the device says (lengths,
 * counts, headers, configuration) is checked before it counts; a frame that makes no
 * sense is dropped and counted, a ring that broke ends in VQ_ERR_BROKEN.
 *
 * Sending and receiving may be done by two threads, one each. All else belongs to the
 * thread that receives, or to control while both rest.
 */
#ifndef VQ_NET_DRIVER_H
#define VQ_NET_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/driver.h>
#include <vq/memory.h>
#include <vq/net.h>
#include <vq/queue.h>
#include <vq/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What holds the header and a frame up to an MTU of 1500, with a tag, and without one. */
#define VQ_NET_BUFFER_BYTES     1530u
#define VQ_NET_BUFFER_BYTES_MIN 1526u

/* What the device says of itself, checked. */
struct vq_net_facts {
    uint8_t mac[VQ_NET_MAC_BYTES]; /* the device's, or without MAC the one of the options */
    bool mac_given;                /* by the device */
    bool link_up;                  /* always, without STATUS (NET-DRV-CFG-05) */
    bool mtu_given;
    uint16_t mtu;   /* bytes behind the Ethernet header, at least 68; 1500 if not given */
    uint32_t speed; /* Mbit/s, or VQ_NET_SPEED_UNKNOWN */
    uint8_t duplex; /* VQ_NET_DUPLEX_ HALF, FULL or UNKNOWN */
    bool mergeable; /* a frame may come in several buffers */
};

struct vq_net_driver_options {
    uint16_t receive_size;   /* the largest rings wanted; powers of two unless they are packed */
    uint16_t transmit_size;  /* ... */
    uint16_t receive_count;  /* buffers for frames that come; 0: receive_size */
    uint32_t receive_buffer; /* bytes of each, the header included; 0: VQ_NET_BUFFER_BYTES. Less
                              * than VQ_NET_BUFFER_BYTES_MIN needs a device with MRG_RXBUF. */
    uint8_t mac[VQ_NET_MAC_BYTES]; /* for a device without one; made a local, individual one */
    struct vq_features without;    /* features not to accept; VERSION_1: be a legacy driver */
    struct vq_features require;    /* features without which to give up */
    bool strict;                   /* see struct vq_driver_config */
    const struct vq_queue_memory *receive_ring, *transmit_ring;
    /* Shared with the device, VQ_NET_SHARED_BYTES of them, aligned to 4; `address` there. */
    void *shared;
    uint64_t address;
    size_t shared_bytes;
    /* VQ_NET_PRIVATE_BYTES of them, aligned to 8. */
    void *private_memory;
    size_t private_bytes;
    /* Optional, used with INDIRECT_DESC: as in struct vq_queue_setup, for the transmit ring. A
     * frame of up to transmit_entries - 1 pieces then takes one descriptor. */
    void *transmit_tables;
    uint64_t transmit_tables_address;
    uint16_t transmit_entries;
    uint32_t patience; /* see struct vq_plan */
};

#define VQ_NET_PIECES_MAX 16u

/* A frame to send. Data is named by addresses that the device understands. */
struct vq_net_send {
    const struct vq_element *data; /* the device's from flush until `sent` names the tag */
    uint16_t count;                /* at most VQ_NET_PIECES_MAX */
    bool tagged;                   /* it has a VLAN tag, for which 4 bytes more are allowed */
    /* Before the frame, in its first piece, the data has nic->header_bytes of zeroes: the frame
     * then takes one descriptor less, and a ring of one will do. Not with header_apart. */
    bool headed;
    uint64_t tag; /* the caller's own */
};

/* A frame that came: a chain of buffers, the caller's until it is released. */
struct vq_net_frame {
    uint32_t bytes;
    uint16_t first; /* buffer */
    uint16_t count; /* buffers */
};

struct vq_net_driver_counts {
    uint64_t received;  /* frames handed to the caller */
    uint64_t malformed; /* frames dropped: too short, or with an offload that nobody accepted */
};

/* Private from here on; the structs are here so that callers can place a driver. */
struct vq_net_buffer {
    uint32_t bytes; /* of a frame that it holds */
    uint16_t next;  /* of the same frame, or next free */
    uint16_t skip;  /* what stands before them: the header, or nothing */
};

struct vq_net_driver {
    struct vq_transport *transport;
    struct vq_net_facts facts;
    struct vq_driver_queue receive;
    struct vq_driver_queue transmit;
    uint8_t *shared; /* the header of all that is sent, then the buffers */
    uint64_t address;
    struct vq_net_buffer *buffers;
    uint16_t *buffer_of; /* by id of the receive ring */
    uint64_t *tags;      /* by id of the transmit ring */
    uint8_t *sending;    /* ... and whether it is in flight: 1 */
    uint32_t buffer_bytes;
    uint32_t stride;
    uint16_t buffer_count;
    uint16_t free_first;
    uint16_t free_count;
    uint16_t posted; /* buffers that the device has */
    uint8_t header_bytes;
    bool big_endian;
    bool header_apart; /* legacy without ANY_LAYOUT (NET-DRV-LEGFRAME-01) */
    /* A frame of several buffers, of which `missing` have not come yet. */
    struct vq_net_frame coming;
    uint16_t missing;
    uint16_t last;
    bool drop;
    struct vq_net_driver_counts counts;
    const struct vq_net_driver_options *options; /* only while it opens */
};

#define VQ_NET_SHARED_BYTES(count, buffer)                                                         \
    (VQ_NET_HEADER_BYTES + (size_t)(count)*VQ_ALIGN_UP((size_t)(buffer), 4u))
#define VQ_NET_PRIVATE_BYTES(receive_size, transmit_size, count)                                   \
    ((size_t)(transmit_size) *                                                                     \
         (sizeof(uint64_t) + sizeof(struct vq_driver_slot) + sizeof(uint8_t)) +                    \
     (size_t)(receive_size) * (sizeof(struct vq_driver_slot) + sizeof(uint16_t)) +                 \
     (size_t)(count) * sizeof(struct vq_net_buffer))

/*
 * Initialises the device, starts both queues and gives it all buffers. The rings are
 * as large as the device allows, at most as was asked for. An MTU for which the
 * buffers have no room is not accepted, and then is not known. On failure `result`
 * (may be NULL) says at which step; the device may know of the memory already, which
 * is the caller's again after vq_net_driver_close.
 * VQ_ERR_INVALID, VQ_ERR_SIZE, VQ_ERR_ALIGN, VQ_ERR_NO_MEMORY for options that make no
 * sense, VQ_ERR_UNSUPPORTED for a device that lacks what they need; else what the transport or
 * vq_queue_open said.
 */
enum vq_error vq_net_driver_open(struct vq_net_driver *nic, struct vq_transport *transport,
                                 const struct vq_net_driver_options *options,
                                 struct vq_init_result *result);

/* Resets the device: both rings and all memory are the caller's again. Then abandon names the
 * frames that may or may not have been sent. */
enum vq_error vq_net_driver_close(struct vq_net_driver *nic);

/* Reads link, speed and duplex again, e.g. after VQ_EVENT_CONFIG. */
enum vq_error vq_net_driver_refresh(struct vq_net_driver *nic);

/*
 * Puts a frame into the transmit ring; the device sees it after flush. VQ_ERR_FULL (call
 * sent, then try again), VQ_ERR_RANGE (shorter than an Ethernet header, or longer than
 * the MTU allows), VQ_ERR_INVALID (no pieces, an empty one, or more than fit),
 * VQ_ERR_BROKEN, VQ_ERR_STATE while suspended.
 */
enum vq_error vq_net_driver_send(struct vq_net_driver *nic, const struct vq_net_send *frame);

/* As vq_queue_submit. */
enum vq_error vq_net_driver_flush(struct vq_net_driver *nic);

/* The tags of up to `count` frames that the device is done with. */
size_t vq_net_driver_sent(struct vq_net_driver *nic, uint64_t tags[], size_t count);

/* Sleeps until `sent` has something, as vq_queue_wait. */
enum vq_error vq_net_driver_wait_sent(struct vq_net_driver *nic, int timeout_ms);

/* After a reset: the tags of up to `count` frames that were in flight. */
size_t vq_net_driver_abandon(struct vq_net_driver *nic, uint64_t tags[], size_t count);

/* Takes the next frame that came. False: none, or the ring is broken (vq_net_driver_broken). */
bool vq_net_driver_receive(struct vq_net_driver *nic, struct vq_net_frame *frame);

/* Copies at most `bytes` of a frame from `offset` on; returns how many there were. The buffers
 * are no longer the device's by contract, but a hostile one may still write them: copy, then look.
 */
uint32_t vq_net_driver_read(const struct vq_net_driver *nic, const struct vq_net_frame *frame,
                            uint32_t offset, void *to, uint32_t bytes);

/* The same without a copy: where the frame's pieces are. Returns how many of `room` were filled;
 * frame->count is enough. */
size_t vq_net_driver_pieces(const struct vq_net_driver *nic, const struct vq_net_frame *frame,
                            struct vq_segment pieces[], size_t room);

/* Gives a frame's buffers back to the driver; refill gives them to the device. */
void vq_net_driver_release(struct vq_net_driver *nic, struct vq_net_frame *frame);

/* Gives the device all buffers that are free. As vq_queue_submit. */
enum vq_error vq_net_driver_refill(struct vq_net_driver *nic);

/* Sleeps until a frame may have come, as vq_queue_wait. */
enum vq_error vq_net_driver_wait(struct vq_net_driver *nic, int timeout_ms);

/* For who sleeps elsewhere: asks for notifications of received frames, then looks. True: there
 * is one already. The device is not asked to notify of sent ones: `sent` when there is time. */
bool vq_net_driver_listen(struct vq_net_driver *nic);
/* Polling drivers: asks the device not to notify. Lasts until the next wait or listen. */
void vq_net_driver_quiet(struct vq_net_driver *nic);

/* Of either ring. */
enum vq_broken vq_net_driver_broken(const struct vq_net_driver *nic);

#ifdef __cplusplus
}
#endif
#endif
