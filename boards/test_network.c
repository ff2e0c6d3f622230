/*
 * The network driver: asks for the MAC of the gateway that QEMU's user network has, and
 * pings it with payloads from nothing to the largest, several at a time.
 *
 * A legacy device without ANY_LAYOUT takes header and frame in a descriptor each, so that
 * a ring of one is of no use: the driver then must say so.
 */
#include <vq/net_driver.h>

#include "ip.h"
#include "rings.h"
#include "test.h"
#include "text.h"

#define TOGETHER 4u
#define PINGS    12u
#define BUFFERS  16u
#define ENTRIES  2u /* of an indirect table */

static const struct ip_end gateway_address = {.ip = {10, 0, 2, 2}};
static const uint8_t own_ip[4] = {10, 0, 2, 15};

/* Frames that go out, behind room for the device's header, which is all zero. */
static uint8_t out[TOGETHER][VQ_NET_HEADER_BYTES + IP_FRAME_BYTES];
static uint8_t in[IP_FRAME_BYTES];
static bool waiting; /* for interrupts */

static const char *send(struct vq_net_driver *nic, unsigned slot, size_t bytes)
{
    /* With the header before it, a frame is one descriptor, else two or a table of two. */
    bool headed = !nic->header_apart && (slot % 2 == 0 || nic->transmit.size < 2);
    uint32_t head = headed ? nic->header_bytes : 0;
    struct vq_element data = {(uintptr_t)out[slot] + VQ_NET_HEADER_BYTES - head,
                              (uint32_t)bytes + head};
    struct vq_net_send frame = {.data = &data, .count = 1, .headed = headed, .tag = slot};
    enum vq_error error;
    test_patience_begin();
    while ((error = vq_net_driver_send(nic, &frame)) == VQ_ERR_FULL) {
        uint64_t tag;
        if (vq_net_driver_sent(nic, &tag, 1) == 0 && test_patience_over())
            return "a frame is not sent";
    }
    if (error == VQ_OK)
        error = vq_net_driver_flush(nic);
    return error == VQ_OK ? NULL : vq_error_text(error);
}

/* The bytes of the next frame; 0 when none comes. */
static size_t receive(struct vq_net_driver *nic)
{
    struct vq_net_frame frame;
    while (!vq_net_driver_receive(nic, &frame))
        if (vq_net_driver_broken(nic) != VQ_NOT_BROKEN || test_patience_over() ||
            (waiting && vq_net_driver_wait(nic, -1) != VQ_OK))
            return 0;
    size_t bytes = vq_net_driver_read(nic, &frame, 0, in, sizeof(in));
    vq_net_driver_release(nic, &frame);
    return vq_net_driver_refill(nic) == VQ_OK ? bytes : 0;
}

static const char *resolve(struct vq_net_driver *nic, const struct ip_end *own,
                           struct ip_end *gateway)
{
    size_t bytes = ip_arp_request(out[0] + VQ_NET_HEADER_BYTES, own, gateway->ip);
    const char *wrong = send(nic, 0, bytes);
    if (wrong != NULL)
        return wrong;
    test_patience_begin();
    do {
        bytes = receive(nic);
        if (bytes == 0)
            return "nobody answers ARP";
    } while (!ip_is_arp_reply(in, bytes, own, gateway));
    say_bytes(" gateway=", gateway->mac, MAC_BYTES);
    return NULL;
}

/* From nothing to what fills a frame. */
static size_t payload_of(uint16_t sequence)
{
    return sequence * (IP_FRAME_BYTES - PING_HEADERS) / (PINGS - 1);
}

static const char *ping(struct vq_net_driver *nic, const struct ip_end *own,
                        const struct ip_end *gateway, uint16_t first)
{
    bool answered[TOGETHER] = {false};
    unsigned answers = 0;
    for (unsigned i = 0; i < TOGETHER; i++) {
        uint16_t sequence = (uint16_t)(first + i);
        size_t bytes =
            ip_ping(out[i] + VQ_NET_HEADER_BYTES, own, gateway, sequence, payload_of(sequence));
        const char *wrong = send(nic, i, bytes);
        if (wrong != NULL)
            return wrong;
    }
    test_patience_begin();
    while (answers < TOGETHER) {
        size_t bytes = receive(nic);
        if (bytes == 0)
            return "a ping has no answer";
        for (unsigned i = 0; i < TOGETHER; i++) {
            uint16_t sequence = (uint16_t)(first + i);
            if (!answered[i] &&
                ip_is_pong(in, bytes, own, gateway, sequence, payload_of(sequence))) {
                answered[i] = true;
                answers++;
            }
        }
    }
    return NULL;
}

static const char *exercise(struct vq_net_driver *nic)
{
    struct ip_end own, gateway = gateway_address;
    for (unsigned i = 0; i < MAC_BYTES; i++)
        own.mac[i] = nic->facts.mac[i];
    for (unsigned i = 0; i < sizeof(own_ip); i++)
        own.ip[i] = own_ip[i];
    say_bytes(" mac=", own.mac, MAC_BYTES);
    const char *wrong = resolve(nic, &own, &gateway);
    uint16_t pings = 0;
    for (; wrong == NULL && pings < PINGS; pings = (uint16_t)(pings + TOGETHER))
        wrong = ping(nic, &own, &gateway, pings);
    say_number(" pings=", pings);
    return wrong;
}

const char *test_network(struct vq_transport *t, const struct test_wish *wish)
{
    static struct vq_net_driver nic;
    uint16_t size = wish->queue_size;
    struct vq_net_driver_options options = {
        .receive_size = size,
        .transmit_size = size,
        .receive_count = size < BUFFERS ? size : (uint16_t)BUFFERS,
        .without = wish->without,
        .strict = true,
        .receive_ring = &rings_memory,
        .transmit_ring = &rings_memory,
    };
    options.shared_bytes = VQ_NET_SHARED_BYTES(options.receive_count, VQ_NET_BUFFER_BYTES);
    options.shared = rings_take(options.shared_bytes);
    options.address = (uintptr_t)options.shared;
    options.private_bytes = VQ_NET_PRIVATE_BYTES(size, size, options.receive_count);
    options.private_memory = rings_take(options.private_bytes);
    options.transmit_entries = ENTRIES;
    options.transmit_tables = rings_take(size * ENTRIES * 16u);
    options.transmit_tables_address = (uintptr_t)options.transmit_tables;

    struct vq_init_result result;
    enum vq_error error = vq_net_driver_open(&nic, t, &options, &result);
    test_features(t);
    if (error == VQ_ERR_SIZE && size == 1 && vq_transport_legacy(t) &&
        !vq_feature(&t->accepted, VQ_F_ANY_LAYOUT)) {
        say(" small");
        return vq_net_driver_close(&nic) == VQ_OK ? NULL : "the device does not reset";
    }
    if (error != VQ_OK)
        return test_refused(&result);
    waiting = wish->interrupts;
    const char *wrong = exercise(&nic);
    if (wrong == NULL)
        wrong = test_interrupted(t, wish);
    if (wish->hold)
        return wrong;
    if (vq_net_driver_close(&nic) != VQ_OK && wrong == NULL)
        wrong = "the device does not reset";
    return wrong;
}
