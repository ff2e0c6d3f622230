/*
 * The network driver's frames: send, flush, sent; receive, release, refill. The hot
 * path: no allocation, no lock, nothing but the ring and the notification.
 *
 * A received buffer's used length bounds everything that is said of its content. Of the
 * header, which the device wrote, three fields are fetched once; what a frame consists
 * of is then kept in private memory.
 */
#include "net_driver.h"

#include "../ring/barrier.h"

enum vq_error vq_net_driver_send(struct vq_net_driver *nic, const struct vq_net_send *frame)
{
    struct vq_element e[VQ_NET_PIECES_MAX + 1];
    const uint32_t head = frame->headed ? nic->header_bytes : 0u;
    /* NET-DRV-CFG-09 */
    const uint32_t most =
        head + nic->facts.mtu + VQ_NET_ETHERNET_BYTES + (frame->tagged ? VQ_NET_VLAN_BYTES : 0u);
    unsigned n = 0;
    uint64_t bytes = 0;

    if (nic->transport->suspended)
        return VQ_ERR_STATE; /* INIT-DRV-SUSP-04 */
    if (frame->count == 0 || frame->count > VQ_NET_PIECES_MAX ||
        (frame->headed && (nic->header_apart || frame->data[0].bytes < head)))
        return VQ_ERR_INVALID;
    if (!frame->headed)
        e[n++] = (struct vq_element){nic->address, nic->header_bytes};
    for (unsigned i = 0; i < frame->count; i++) {
        bytes += frame->data[i].bytes;
        e[n++] = frame->data[i];
    }
    if (bytes < head + VQ_NET_ETHERNET_BYTES || bytes > most)
        return VQ_ERR_RANGE;
    int id = vq_driver_add(&nic->transmit, e, n, 0);
    if (id < 0)
        return (enum vq_error)id;
    nic->tags[id] = frame->tag;
    nic->sending[id] = 1;
    return VQ_OK;
}

enum vq_error vq_net_driver_flush(struct vq_net_driver *nic)
{
    return vq_queue_submit(&nic->transmit, nic->transport, VQ_NET_QUEUE_TRANSMIT);
}

size_t vq_net_driver_sent(struct vq_net_driver *nic, uint64_t tags[], size_t count)
{
    struct vq_done done[16];
    size_t sent = 0;

    while (sent < count) {
        const size_t wanted = count - sent < 16 ? count - sent : 16;
        const size_t n = vq_driver_get(&nic->transmit, done, wanted);

        /* The device writes nothing: its used length says nothing (NET-DRV-LEGOP-02). */
        for (size_t i = 0; i < n; i++) {
            nic->sending[done[i].id] = 0;
            tags[sent++] = nic->tags[done[i].id];
        }
        if (n < wanted)
            break;
    }
    return sent;
}

enum vq_error vq_net_driver_wait_sent(struct vq_net_driver *nic, int timeout_ms)
{
    enum vq_error error =
        vq_queue_wait(&nic->transmit, nic->transport, VQ_NET_QUEUE_TRANSMIT, timeout_ms);

    vq_driver_disable_notifications(&nic->transmit);
    return error;
}

size_t vq_net_driver_abandon(struct vq_net_driver *nic, uint64_t tags[], size_t count)
{
    size_t n = 0;

    for (uint32_t id = 0; id < nic->transmit.size && n < count; id++)
        if (nic->sending[id]) {
            nic->sending[id] = 0;
            tags[n++] = nic->tags[id];
        }
    return n;
}

/* May a frame with this header be handed on? Nothing was accepted that lets the device leave a
 * checksum or a segmentation undone, or put a tunnel's packet in. Other flags are ignored
 * (NET-DRV-RX-01): some devices say DATA_VALID to everyone. */
static bool whole(const uint8_t *header)
{
    uint8_t flags, gso_type;

    vq_fetch(&flags, header + offsetof(struct vq_net_header, flags), 1);
    vq_fetch(&gso_type, header + offsetof(struct vq_net_header, gso_type), 1);
    return (flags & (unsigned)VQ_NET_HDR_F_NEEDS_CSUM) == 0 &&
           (gso_type & ~(unsigned)VQ_NET_GSO_ECN) == VQ_NET_GSO_NONE;
}

/* The first buffer of a frame. */
static void begin(struct vq_net_driver *nic, uint16_t index, uint32_t written)
{
    const uint8_t *header = vq_net_buffer_at(nic, index);
    struct vq_net_buffer *b = &nic->buffers[index];
    uint16_t buffers = 1;

    *b = (struct vq_net_buffer){.next = index};
    nic->coming = (struct vq_net_frame){.first = index, .count = 1};
    nic->last = index;
    nic->missing = 0;
    nic->drop = written < nic->header_bytes || !whole(header);
    if (written < nic->header_bytes)
        return;
    b->bytes = nic->coming.bytes = written - nic->header_bytes;
    b->skip = nic->header_bytes;
    if (nic->facts.mergeable)
        buffers = vq_load16(header + offsetof(struct vq_net_header, num_buffers), nic->big_endian);
    /* More than the device has cannot come; what does come is then no part of this. */
    if (buffers == 0 || buffers - 1u > nic->posted)
        nic->drop = true;
    else
        nic->missing = (uint16_t)(buffers - 1u);
}

/* One more of a frame that has begun. */
static void join(struct vq_net_driver *nic, uint16_t index, uint32_t written)
{
    nic->buffers[index] = (struct vq_net_buffer){.bytes = written, .next = index};
    nic->buffers[nic->last].next = index;
    nic->last = index;
    nic->missing--;
    nic->coming.count++;
    nic->coming.bytes += written;
    nic->drop = nic->drop || written == 0;
}

bool vq_net_driver_receive(struct vq_net_driver *nic, struct vq_net_frame *frame)
{
    struct vq_done done;

    while (vq_driver_get(&nic->receive, &done, 1) == 1) {
        const uint16_t index = nic->buffer_of[done.id];

        nic->posted--;
        if (nic->missing == 0)
            begin(nic, index, done.written);
        else
            join(nic, index, done.written);
        if (nic->missing != 0)
            continue;
        if (nic->drop || nic->coming.bytes < VQ_NET_ETHERNET_BYTES) {
            nic->counts.malformed++;
            vq_net_driver_release(nic, &nic->coming);
            continue;
        }
        nic->counts.received++;
        *frame = nic->coming;
        return true;
    }
    return false;
}

void vq_net_driver_release(struct vq_net_driver *nic, struct vq_net_frame *frame)
{
    uint16_t last = frame->first;

    if (frame->count == 0)
        return;
    for (unsigned i = 1; i < frame->count; i++)
        last = nic->buffers[last].next;
    nic->buffers[last].next = nic->free_first;
    nic->free_first = frame->first;
    nic->free_count = (uint16_t)(nic->free_count + frame->count);
    *frame = (struct vq_net_frame){0, 0, 0};
}

enum vq_error vq_net_driver_refill(struct vq_net_driver *nic)
{
    if (nic->transport->suspended)
        return VQ_ERR_STATE; /* INIT-DRV-SUSP-04 */
    while (nic->free_count != 0) {
        const uint16_t index = nic->free_first;
        const uint64_t address =
            nic->address + (uint64_t)(vq_net_buffer_at(nic, index) - nic->shared);
        const uint32_t head = nic->header_apart ? nic->header_bytes : nic->buffer_bytes;
        const struct vq_element e[2] = {{address, head},
                                        {address + head, nic->buffer_bytes - head}};
        const int id = vq_driver_add(&nic->receive, e, 0, nic->header_apart ? 2 : 1);

        if (id == VQ_ERR_FULL)
            break;
        if (id < 0)
            return (enum vq_error)id;
        nic->buffer_of[id] = index;
        nic->free_first = nic->buffers[index].next;
        nic->free_count--;
        nic->posted++;
    }
    return vq_queue_submit(&nic->receive, nic->transport, VQ_NET_QUEUE_RECEIVE);
}

uint32_t vq_net_driver_read(const struct vq_net_driver *nic, const struct vq_net_frame *frame,
                            uint32_t offset, void *to, uint32_t bytes)
{
    uint8_t *out = (uint8_t *)to;
    uint16_t index = frame->first;
    uint32_t done = 0;

    for (unsigned i = 0; i < frame->count && done < bytes; i++) {
        const struct vq_net_buffer *b = &nic->buffers[index];

        if (offset >= b->bytes) {
            offset -= b->bytes;
        } else {
            uint32_t n = b->bytes - offset;

            if (n > bytes - done)
                n = bytes - done;
            __builtin_memcpy(out + done, vq_net_buffer_at(nic, index) + b->skip + offset, n);
            done += n;
            offset = 0;
        }
        index = b->next;
    }
    return done;
}

size_t vq_net_driver_pieces(const struct vq_net_driver *nic, const struct vq_net_frame *frame,
                            struct vq_segment pieces[], size_t room)
{
    uint16_t index = frame->first;
    size_t n = 0;

    for (unsigned i = 0; i < frame->count && n < room; i++) {
        const struct vq_net_buffer *b = &nic->buffers[index];

        if (b->bytes != 0)
            pieces[n++] = (struct vq_segment){vq_net_buffer_at(nic, index) + b->skip, b->bytes};
        index = b->next;
    }
    return n;
}

enum vq_error vq_net_driver_wait(struct vq_net_driver *nic, int timeout_ms)
{
    return vq_queue_wait(&nic->receive, nic->transport, VQ_NET_QUEUE_RECEIVE, timeout_ms);
}

bool vq_net_driver_listen(struct vq_net_driver *nic)
{
    return vq_driver_enable_notifications(&nic->receive);
}

void vq_net_driver_quiet(struct vq_net_driver *nic)
{
    vq_driver_disable_notifications(&nic->receive);
}

enum vq_broken vq_net_driver_broken(const struct vq_net_driver *nic)
{
    const enum vq_broken broken = vq_driver_broken(&nic->receive);

    return broken != VQ_NOT_BROKEN ? broken : vq_driver_broken(&nic->transmit);
}
