/*
 * As much of IPv4 over Ethernet as a ping takes: frames to send, and a look at those
 * that come. No fragments, no options, nothing kept.
 */
#ifndef BOARD_IP_H
#define BOARD_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAC_BYTES      6u
#define IP_FRAME_BYTES 1514u
#define PING_HEADERS   42u /* Ethernet, IP, ICMP */

struct ip_end {
    uint8_t mac[MAC_BYTES];
    uint8_t ip[4];
};

/* Writes a frame; returns its bytes. */
size_t ip_arp_request(uint8_t frame[IP_FRAME_BYTES], const struct ip_end *from,
                      const uint8_t wanted[4]);
size_t ip_ping(uint8_t frame[IP_FRAME_BYTES], const struct ip_end *from, const struct ip_end *to,
               uint16_t sequence, size_t payload);

/* Is this the answer? Then it gives `who` its MAC. */
bool ip_is_arp_reply(const uint8_t *frame, size_t bytes, const struct ip_end *to,
                     struct ip_end *who);
/* Is this the answer to just that ping, payload and checksums included? */
bool ip_is_pong(const uint8_t *frame, size_t bytes, const struct ip_end *to,
                const struct ip_end *from, uint16_t sequence, size_t payload);

#endif
