/*
 * Configuration space as a driver reads and writes it: readings that belong
 * together, and fields in the order of bytes that was negotiated.
 *
 * A device that changes its mind for ever costs a bounded number of readings.
 */
#include <vq/transport.h>

#include "options.h"

#define READINGS 64u
#define PIECE    32u /* bytes compared at a time where there is no generation */

static bool fits(struct vq_transport *t, uint32_t offset, uint32_t count)
{
    uint32_t size = t->ops->config_size(t);
    /* Where nobody knows the size, sums of offsets must not wrap all the same. */
    return offset <= UINT16_MAX && count <= UINT16_MAX && offset <= size && count <= size - offset;
}

/* Pieces to read together; `image` is where offset `base` goes. */
struct reading {
    const struct vq_config_span *spans;
    size_t count;
    uint8_t *image;
    uint32_t base;
};

static enum vq_error read_once(struct vq_transport *t, const struct reading *r)
{
    enum vq_error error = VQ_OK;
    for (size_t i = 0; i < r->count && error == VQ_OK; i++)
        error = t->ops->read_config(t, r->spans[i].offset,
                                    r->image + (r->spans[i].offset - r->base), r->spans[i].bytes);
    return error;
}

/* BASIC-DRV-CFG-03: read between two equal generations. */
static enum vq_error read_by_generation(struct vq_transport *t, const struct reading *r)
{
    uint32_t before = 0;
    enum vq_error error = t->ops->config_generation(t, &before);
    for (unsigned i = 0; i < READINGS && error == VQ_OK; i++) {
        uint32_t after = 0;
        error = read_once(t, r);
        if (error == VQ_OK)
            error = t->ops->config_generation(t, &after);
        if (error == VQ_OK && before == after)
            return VQ_OK;
        before = after;
    }
    return error != VQ_OK ? error : VQ_ERR_TIMEOUT;
}

#if VQ_WITH_LEGACY
/* Reads a piece once more, and tells whether it is what was read before. */
static enum vq_error read_again(struct vq_transport *t, uint32_t offset, uint8_t *bytes,
                                uint32_t count, bool *equal)
{
    for (uint32_t at = 0; at < count; at += PIECE) {
        uint8_t again[PIECE];
        uint32_t n = count - at < PIECE ? count - at : PIECE;
        enum vq_error error = t->ops->read_config(t, offset + at, again, n);
        if (error != VQ_OK)
            return error;
        for (uint32_t k = 0; k < n; k++) {
            *equal = *equal && bytes[at + k] == again[k];
            bytes[at + k] = again[k];
        }
    }
    return VQ_OK;
}

/* BASIC-DRV-LEGCFG-01: two readings that agree. */
static enum vq_error read_until_equal(struct vq_transport *t, const struct reading *r)
{
    enum vq_error error = read_once(t, r);
    for (unsigned i = 0; i < READINGS && error == VQ_OK; i++) {
        bool equal = true;
        for (size_t s = 0; s < r->count && error == VQ_OK; s++)
            error = read_again(t, r->spans[s].offset, r->image + (r->spans[s].offset - r->base),
                               r->spans[s].bytes, &equal);
        if (error == VQ_OK && equal)
            return VQ_OK;
    }
    return error != VQ_OK ? error : VQ_ERR_TIMEOUT;
}
#endif

static enum vq_error read_together(struct vq_transport *t, const struct reading *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (!fits(t, r->spans[i].offset, r->spans[i].bytes))
            return VQ_ERR_RANGE;
    if (t->ops->config_generation != NULL)
        return read_by_generation(t, r);
#if VQ_WITH_LEGACY
    return read_until_equal(t, r);
#else
    return VQ_ERR_UNSUPPORTED;
#endif
}

enum vq_error vq_transport_read_config(struct vq_transport *t, uint32_t offset, void *bytes,
                                       uint32_t count)
{
    if (offset > UINT16_MAX || count > UINT16_MAX)
        return VQ_ERR_RANGE;
    struct vq_config_span span = {(uint16_t)offset, (uint16_t)count};
    struct reading r = {&span, 1, (uint8_t *)bytes, offset};
    return read_together(t, &r);
}

enum vq_error vq_transport_read_config_spans(struct vq_transport *t,
                                             const struct vq_config_span spans[], size_t count,
                                             uint8_t *image)
{
    struct reading r = {spans, count, image, 0};
    return read_together(t, &r);
}

enum vq_error vq_transport_write_config(struct vq_transport *t, uint32_t offset, const void *bytes,
                                        uint32_t count)
{
    if (!vq_transport_negotiated(t) || t->suspended)
        return VQ_ERR_STATE;
    if (!fits(t, offset, count))
        return VQ_ERR_RANGE;
    return t->ops->write_config(t, offset, bytes, count);
}

uint16_t vq_transport_config16(const struct vq_transport *t, const uint8_t *field)
{
    unsigned high = vq_transport_big_endian(t) ? 0 : 1;
    return (uint16_t)(field[high] << 8 | field[1 - high]);
}

uint32_t vq_transport_config32(const struct vq_transport *t, const uint8_t *field)
{
    unsigned high = vq_transport_big_endian(t) ? 0 : 2;
    return (uint32_t)vq_transport_config16(t, field + high) << 16 |
           vq_transport_config16(t, field + 2 - high);
}

uint64_t vq_transport_config64(const struct vq_transport *t, const uint8_t *field)
{
    unsigned high = vq_transport_big_endian(t) ? 0 : 4;
    return (uint64_t)vq_transport_config32(t, field + high) << 32 |
           vq_transport_config32(t, field + 4 - high);
}
