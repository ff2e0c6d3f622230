/*
 * What a block request means: header, checks, data, status.
 *
 * The request was written by an adversary and may change while it is looked at.
 * The header, and each range of a DISCARD or WRITE_ZEROES, is fetched once into a
 * local, checked there, and used from there. Nothing about the request can hurt
 * more than the request: it ends in a status, or goes back empty when it has no
 * room for one.
 */
#include "../ring/barrier.h"
#include "blk_device.h"
#include "model_parts.h"

/* Begin functions return a status, or this when r->io is set up. */
#define VQ_BLK_PENDING 0x100u

typedef unsigned vq_blk_begin_fn(const struct vq_blk_queue *q, struct vq_blk_request *r,
                                 const struct vq_blk_header *h);

/* BLK-DEV-OP-03 and the bounds: never a product or sum that could wrap. */
static bool vq_blk_inside(const struct vq_blk_queue *q, uint64_t sector, uint64_t sectors)
{
    const uint64_t capacity = q->device->config.capacity;

    return sectors <= capacity && sector <= capacity - sectors;
}

static struct vq_blk_header vq_blk_load_header(const struct vq_blk_queue *q,
                                               const struct vq_segment *s)
{
    const bool big = q->big_endian;
    uint64_t copy[2];
    const uint8_t *at = (const uint8_t *)s->base;

    if (s->bytes < VQ_BLK_HEADER_BYTES || (uintptr_t)at % sizeof(uint64_t) != 0) {
        vq_model_gather(s, 0, copy, sizeof copy);
        at = (const uint8_t *)copy;
    }
    return (struct vq_blk_header){
        .type = vq_load32(at, big),
        .sector = vq_load64(at + offsetof(struct vq_blk_header, sector), big),
    };
}

static unsigned vq_blk_begin_in(const struct vq_blk_queue *q, struct vq_blk_request *r,
                                const struct vq_blk_header *h)
{
    const uint64_t bytes = r->buffer.writable_bytes - VQ_BLK_STATUS_BYTES;

    if (bytes % VQ_BLK_SECTOR_BYTES != 0 ||
        !vq_blk_inside(q, h->sector, bytes >> VQ_BLK_SECTOR_SHIFT))
        return VQ_BLK_S_IOERR;
    if (bytes == 0)
        return VQ_BLK_S_OK;
    r->reads = true;
    r->io.type = VQ_BLK_IO_READ;
    r->io.segments = r->buffer.segments + r->buffer.readable;
    r->io.segment_count = r->buffer.writable;
    r->io.offset = h->sector << VQ_BLK_SECTOR_SHIFT;
    r->io.bytes = bytes;
    return VQ_BLK_PENDING;
}

static unsigned vq_blk_begin_out(const struct vq_blk_queue *q, struct vq_blk_request *r,
                                 const struct vq_blk_header *h)
{
    const uint64_t bytes = r->buffer.readable_bytes - VQ_BLK_HEADER_BYTES;

    if (bytes % VQ_BLK_SECTOR_BYTES != 0 ||
        !vq_blk_inside(q, h->sector, bytes >> VQ_BLK_SECTOR_SHIFT))
        return VQ_BLK_S_IOERR;
    if (bytes == 0)
        return VQ_BLK_S_OK;
    r->io.type = VQ_BLK_IO_WRITE;
    r->io.segments = r->buffer.segments;
    r->io.segment_count = r->buffer.readable;
    r->io.bytes = r->buffer.readable_bytes;
    vq_blk_io_advance(&r->io, VQ_BLK_HEADER_BYTES);
    r->io.offset = h->sector << VQ_BLK_SECTOR_SHIFT;
    r->io.durable = q->durable;
    return VQ_BLK_PENDING;
}

static unsigned vq_blk_begin_flush(const struct vq_blk_queue *q, struct vq_blk_request *r,
                                   const struct vq_blk_header *h)
{
    (void)q;
    (void)h;
    r->io.type = VQ_BLK_IO_FLUSH;
    return VQ_BLK_PENDING;
}

/* BLK-DEV-OP-22: as much of the 20 bytes as there is room for. */
static unsigned vq_blk_begin_id(const struct vq_blk_queue *q, struct vq_blk_request *r,
                                const struct vq_blk_header *h)
{
    const uint8_t *text = q->device->serial;
    size_t left = VQ_BLK_ID_BYTES;

    (void)h;
    r->reads = true;
    r->io.segments = r->buffer.segments + r->buffer.readable;
    r->io.segment_count = r->buffer.writable;
    r->io.bytes = r->buffer.writable_bytes - VQ_BLK_STATUS_BYTES;
    while (left != 0 && r->io.segment_count != 0) {
        size_t n = r->io.segments->bytes < left ? r->io.segments->bytes : left;

        __builtin_memcpy(r->io.segments->base, text, n);
        vq_blk_io_advance(&r->io, n);
        text += n;
        left -= n;
    }
    return VQ_BLK_S_OK;
}

/* Fetches range `index` and judges it (BLK-DEV-OP-05, -06). */
static unsigned vq_blk_load_range(const struct vq_blk_queue *q, const struct vq_blk_request *r,
                                  uint32_t index, struct vq_blk_range *range)
{
    const struct vq_blk_device_config *c = &q->device->config;
    const bool discard = r->io.type == VQ_BLK_IO_DISCARD;
    uint64_t copy[2];
    const uint8_t *at = (const uint8_t *)copy;

    vq_model_gather(r->buffer.segments, VQ_BLK_HEADER_BYTES + (uint64_t)index * VQ_BLK_RANGE_BYTES,
                    copy, sizeof copy);
    /* Little-endian for legacy drivers too, as they all write it. */
    range->sector = vq_load64(at, false);
    range->sectors = vq_load32(at + offsetof(struct vq_blk_range, sectors), false);
    range->flags = vq_load32(at + offsetof(struct vq_blk_range, flags), false);
    if (range->flags & ~(discard ? 0 : VQ_BLK_RANGE_UNMAP))
        return VQ_BLK_S_UNSUPP;
    if (range->sectors > (discard ? c->max_discard_sectors : c->max_write_zeroes_sectors) ||
        !vq_blk_inside(q, range->sector, range->sectors))
        return VQ_BLK_S_IOERR;
    return VQ_BLK_S_OK;
}

/* Sets io up for the next range that is not empty; OK when there is none. */
static unsigned vq_blk_next_range(const struct vq_blk_queue *q, struct vq_blk_request *r)
{
    while (r->range < r->ranges) {
        struct vq_blk_range range;
        unsigned status = vq_blk_load_range(q, r, r->range++, &range);

        if (status != VQ_BLK_S_OK)
            return status;
        if (range.sectors == 0)
            continue;
        r->io.offset = range.sector << VQ_BLK_SECTOR_SHIFT;
        r->io.bytes = (uint64_t)range.sectors << VQ_BLK_SECTOR_SHIFT;
        r->io.may_trim =
            (range.flags & VQ_BLK_RANGE_UNMAP) && q->device->config.write_zeroes_may_unmap;
        return VQ_BLK_PENDING;
    }
    return VQ_BLK_S_OK;
}

static unsigned vq_blk_begin_ranges(const struct vq_blk_queue *q, struct vq_blk_request *r,
                                    const struct vq_blk_header *h)
{
    const struct vq_blk_device_config *c = &q->device->config;
    const uint64_t bytes = r->buffer.readable_bytes - VQ_BLK_HEADER_BYTES;
    const bool discard = h->type == VQ_BLK_T_DISCARD;
    const uint32_t most = discard ? c->max_discard_segments : c->max_write_zeroes_segments;

    if (bytes % VQ_BLK_RANGE_BYTES != 0 || bytes / VQ_BLK_RANGE_BYTES > most)
        return VQ_BLK_S_IOERR;
    r->io.type = discard ? VQ_BLK_IO_DISCARD : VQ_BLK_IO_WRITE_ZEROES;
    r->io.durable = q->durable && !discard;
    r->ranges = (uint32_t)(bytes / VQ_BLK_RANGE_BYTES);
    /* A request that is wrong anywhere changes nothing. With one range, next_range says so. */
    for (uint32_t i = 0; r->ranges > 1 && i < r->ranges; i++) {
        struct vq_blk_range range;
        unsigned status = vq_blk_load_range(q, r, i, &range);

        if (status != VQ_BLK_S_OK)
            return status;
    }
    return vq_blk_next_range(q, r);
}

static const struct vq_blk_kind {
    uint8_t type;
    vq_blk_begin_fn *begin;
    bool writes;     /* ends with IOERR on a read-only disk */
    bool legacy;     /* known to legacy drivers only */
    uint8_t feature; /* must have been negotiated; 0: none */
} vq_blk_kinds[] = {
    {.type = VQ_BLK_T_OUT, .begin = vq_blk_begin_out, .writes = true},
    {.type = VQ_BLK_T_FLUSH, .begin = vq_blk_begin_flush},
    {.type = VQ_BLK_T_WRITE_ZEROES,
     .begin = vq_blk_begin_ranges,
     .writes = true,
     .feature = VQ_BLK_F_WRITE_ZEROES},
    {.type = VQ_BLK_T_DISCARD,
     .begin = vq_blk_begin_ranges,
     .writes = true,
     .feature = VQ_BLK_F_DISCARD},
    {.type = VQ_BLK_T_GET_ID, .begin = vq_blk_begin_id},
    {.type = VQ_BLK_T_FLUSH_OUT, .begin = vq_blk_begin_flush, .legacy = true},
};

/* Everything else is UNSUPP: BLK-DEV-OP-21, BLK-DEV-ZONE-01. */
static unsigned vq_blk_dispatch(const struct vq_blk_queue *q, struct vq_blk_request *r,
                                const struct vq_blk_header *h)
{
    const struct vq_blk_kind *kind = vq_blk_kinds;
    const struct vq_blk_kind *const end = kind + sizeof vq_blk_kinds / sizeof vq_blk_kinds[0];

    /* What nearly every request is, without a call through the table. */
    if (h->type == VQ_BLK_T_IN)
        return vq_blk_begin_in(q, r, h);
    while (kind != end && kind->type != h->type)
        kind++;
    if (kind == end || (kind->legacy && !q->legacy))
        return VQ_BLK_S_UNSUPP;
    if (kind->writes && q->device->config.read_only)
        return VQ_BLK_S_IOERR;
    if (kind->feature != 0 && !vq_blk_feature(q->features, kind->feature))
        return VQ_BLK_S_UNSUPP;
    return kind->begin(q, r, h);
}

/*
 * Writes the status and says what the used length is. Bytes before the status
 * that nothing was written to are zeroed, or not counted if they are many
 * (SPLIT-DEV-USED-02, BUG-34).
 */
static enum vq_blk_next vq_blk_finish(struct vq_blk_request *r, unsigned status, uint32_t *written)
{
    const struct vq_segment *s = r->buffer.segments + r->buffer.readable;
    uint64_t left = r->buffer.writable_bytes - VQ_BLK_STATUS_BYTES;

    if (r->reads) {
        s = r->io.segments;
        left = r->io.bytes;
    }
    *written = (uint32_t)r->buffer.writable_bytes;
    if (left > VQ_BLK_FILL_MAX) {
        *written = (uint32_t)(r->buffer.writable_bytes - VQ_BLK_STATUS_BYTES - left);
        left = 0;
    }
    for (; left != 0; s++) {
        __builtin_memset(s->base, 0, s->bytes);
        left -= s->bytes;
    }
    *(volatile uint8_t *)r->status = (uint8_t)status;
    return VQ_BLK_DONE;
}

enum vq_blk_next vq_blk_request_begin(const struct vq_blk_queue *q, struct vq_blk_request *r,
                                      uint32_t *written)
{
    struct vq_buffer *b = &r->buffer;
    struct vq_blk_header header;
    struct vq_segment *last;
    unsigned status = VQ_BLK_S_IOERR;

    if (b->writable_bytes == 0) {
        *written = 0;
        return VQ_BLK_DONE;
    }
    /* From here on the writable segments are the data alone. */
    last = &b->segments[b->readable + b->writable - 1];
    last->bytes--;
    r->status = (uint8_t *)last->base + last->bytes;
    if (last->bytes == 0)
        b->writable--;

    r->reads = false;
    r->range = r->ranges = 0;
    r->io = (struct vq_blk_io){0};
    if (b->readable_bytes >= VQ_BLK_HEADER_BYTES) {
        header = vq_blk_load_header(q, b->segments);
        status = vq_blk_dispatch(q, r, &header);
    }
    return status == VQ_BLK_PENDING ? VQ_BLK_SUBMIT : vq_blk_finish(r, status, written);
}

enum vq_blk_next vq_blk_request_resume(const struct vq_blk_queue *q, struct vq_blk_request *r,
                                       uint32_t *written)
{
    unsigned status = r->io.result == VQ_OK                ? VQ_BLK_S_OK
                      : r->io.result == VQ_ERR_UNSUPPORTED ? VQ_BLK_S_UNSUPP
                                                           : VQ_BLK_S_IOERR;

    if (status == VQ_BLK_S_OK) {
        if (r->reads)
            r->io.bytes = 0; /* all of it is written */
        else if (r->range < r->ranges)
            status = vq_blk_next_range(q, r);
    }
    return status == VQ_BLK_PENDING ? VQ_BLK_SUBMIT : vq_blk_finish(r, status, written);
}
