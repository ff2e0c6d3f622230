/*
 * Frames byte by byte, since they are aligned to nothing and big-endian. What comes
 * from the network is not trusted: lengths are looked at before bytes.
 */
#include "ip.h"

/* Offsets in a frame. */
enum {
    ETH_TO = 0,
    ETH_FROM = 6,
    ETH_TYPE = 12,
    ETH_DATA = 14,

    ARP_OPERATION = ETH_DATA + 6,
    ARP_SENDER_MAC = ETH_DATA + 8,
    ARP_SENDER_IP = ETH_DATA + 14,
    ARP_TARGET_MAC = ETH_DATA + 18,
    ARP_TARGET_IP = ETH_DATA + 24,
    ARP_END = ETH_DATA + 28,
    ETH_BYTES_MIN = 60,

    IP_LENGTH = ETH_DATA + 2,
    IP_TTL = ETH_DATA + 8,
    IP_PROTOCOL = ETH_DATA + 9,
    IP_CHECKSUM = ETH_DATA + 10,
    IP_FROM = ETH_DATA + 12,
    IP_TO = ETH_DATA + 16,
    IP_DATA = ETH_DATA + 20,

    ICMP_TYPE = IP_DATA,
    ICMP_CHECKSUM = IP_DATA + 2,
    ICMP_ID = IP_DATA + 4,
    ICMP_SEQUENCE = IP_DATA + 6,
    ICMP_DATA = IP_DATA + 8,
};

#define TYPE_ARP      0x0806u
#define TYPE_IP       0x0800u
#define ARP_REQUEST   1u
#define ARP_REPLY     2u
#define PROTOCOL_ICMP 1u
#define ECHO          8u
#define ECHO_REPLY    0u
#define PING_ID       0x7671u

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static void copy(uint8_t *to, const uint8_t *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = from[i];
}

static bool same(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

static void fill(uint8_t *to, uint8_t byte, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = byte;
}

/* The ones' complement sum of RFC 1071; over a sum with its checksum it gives 0. */
static unsigned checksum(const uint8_t *at, size_t bytes)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < bytes; i += 2)
        sum += get16(at + i);
    if ((bytes & 1) != 0)
        sum += (uint32_t)at[bytes - 1] << 8;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

size_t ip_arp_request(uint8_t frame[IP_FRAME_BYTES], const struct ip_end *from,
                      const uint8_t wanted[4])
{
    static const uint8_t ethernet_and_ip[] = {0, 1, 8, 0, 6, 4};
    fill(frame, 0, ETH_BYTES_MIN);
    fill(frame + ETH_TO, 0xff, MAC_BYTES);
    copy(frame + ETH_FROM, from->mac, MAC_BYTES);
    put16(frame + ETH_TYPE, TYPE_ARP);
    copy(frame + ETH_DATA, ethernet_and_ip, sizeof(ethernet_and_ip));
    put16(frame + ARP_OPERATION, ARP_REQUEST);
    copy(frame + ARP_SENDER_MAC, from->mac, MAC_BYTES);
    copy(frame + ARP_SENDER_IP, from->ip, 4);
    copy(frame + ARP_TARGET_IP, wanted, 4);
    return ETH_BYTES_MIN;
}

bool ip_is_arp_reply(const uint8_t *frame, size_t bytes, const struct ip_end *to,
                     struct ip_end *who)
{
    if (bytes < ARP_END || get16(frame + ETH_TYPE) != TYPE_ARP ||
        get16(frame + ARP_OPERATION) != ARP_REPLY || !same(frame + ARP_SENDER_IP, who->ip, 4) ||
        !same(frame + ARP_TARGET_MAC, to->mac, MAC_BYTES))
        return false;
    copy(who->mac, frame + ARP_SENDER_MAC, MAC_BYTES);
    return true;
}

/* Bytes that differ from ping to ping and from place to place. */
static uint8_t payload_byte(uint16_t sequence, size_t i)
{
    return (uint8_t)(i * 7u + sequence * 31u + (i >> 8));
}

size_t ip_ping(uint8_t frame[IP_FRAME_BYTES], const struct ip_end *from, const struct ip_end *to,
               uint16_t sequence, size_t payload)
{
    size_t bytes = ICMP_DATA + payload;
    fill(frame, 0, ICMP_DATA);
    copy(frame + ETH_TO, to->mac, MAC_BYTES);
    copy(frame + ETH_FROM, from->mac, MAC_BYTES);
    put16(frame + ETH_TYPE, TYPE_IP);
    frame[ETH_DATA] = 0x45; /* version 4, a header of five words */
    put16(frame + IP_LENGTH, (unsigned)(bytes - ETH_DATA));
    frame[IP_TTL] = 64;
    frame[IP_PROTOCOL] = PROTOCOL_ICMP;
    copy(frame + IP_FROM, from->ip, 4);
    copy(frame + IP_TO, to->ip, 4);
    put16(frame + IP_CHECKSUM, checksum(frame + ETH_DATA, IP_DATA - ETH_DATA));
    frame[ICMP_TYPE] = ECHO;
    put16(frame + ICMP_ID, PING_ID);
    put16(frame + ICMP_SEQUENCE, sequence);
    for (size_t i = 0; i < payload; i++)
        frame[ICMP_DATA + i] = payload_byte(sequence, i);
    put16(frame + ICMP_CHECKSUM, checksum(frame + ICMP_TYPE, bytes - ICMP_TYPE));
    if (bytes < ETH_BYTES_MIN) {
        fill(frame + bytes, 0, ETH_BYTES_MIN - bytes);
        bytes = ETH_BYTES_MIN;
    }
    return bytes;
}

bool ip_is_pong(const uint8_t *frame, size_t bytes, const struct ip_end *to,
                const struct ip_end *from, uint16_t sequence, size_t payload)
{
    size_t end = ICMP_DATA + payload;
    if (bytes < end || get16(frame + ETH_TYPE) != TYPE_IP || frame[ETH_DATA] != 0x45 ||
        get16(frame + IP_LENGTH) != end - ETH_DATA || frame[IP_PROTOCOL] != PROTOCOL_ICMP ||
        checksum(frame + ETH_DATA, IP_DATA - ETH_DATA) != 0 ||
        !same(frame + ETH_TO, to->mac, MAC_BYTES) || !same(frame + IP_FROM, from->ip, 4) ||
        !same(frame + IP_TO, to->ip, 4))
        return false;
    if (frame[ICMP_TYPE] != ECHO_REPLY || get16(frame + ICMP_ID) != PING_ID ||
        get16(frame + ICMP_SEQUENCE) != sequence ||
        checksum(frame + ICMP_TYPE, end - ICMP_TYPE) != 0)
        return false;
    for (size_t i = 0; i < payload; i++)
        if (frame[ICMP_DATA + i] != payload_byte(sequence, i))
            return false;
    return true;
}
