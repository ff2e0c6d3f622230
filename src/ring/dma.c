/*
 * Mapping of buffers by the caller's callbacks. What was mapped is unmapped once,
 * with the bounds that it was mapped with, whichever step fails. It trusts the
 * caller's pieces, and of the callbacks only that an address is theirs.
 */
#include <vq/dma.h>

static enum vq_access access_of(unsigned i, unsigned readable)
{
    return i < readable ? VQ_READ : VQ_WRITE;
}

static enum vq_error map_piece(const struct vq_dma *dma, const struct vq_dma_piece *piece,
                               enum vq_access access, uint64_t *address)
{
    if (piece->premapped)
        *address = piece->address;
    else if (dma == NULL)
        *address = (uintptr_t)piece->host;
    else
        return dma->map(dma->context, piece->host, piece->bytes, access, address);
    return VQ_OK;
}

static void unmap_piece(const struct vq_dma *dma, const struct vq_dma_piece *piece,
                        enum vq_access access, uint64_t address, uint32_t written)
{
    if (dma != NULL && !piece->premapped)
        dma->unmap(dma->context, piece->host, piece->bytes, access, address, written);
}

/* The first `count` pieces, to which nothing was written. */
static void undo(const struct vq_dma *dma, const struct vq_dma_piece pieces[], unsigned readable,
                 unsigned count, const struct vq_element elements[])
{
    while (count-- != 0)
        unmap_piece(dma, &pieces[count], access_of(count, readable), elements[count].address, 0);
}

enum vq_error vq_dma_map(const struct vq_dma *dma, const struct vq_dma_piece pieces[],
                         unsigned readable, unsigned writable, struct vq_element elements[])
{
    unsigned count = readable + writable;

    for (unsigned i = 0; i < count; i++)
        if (pieces[i].bytes == 0)
            return VQ_ERR_INVALID;
    for (unsigned i = 0; i < count; i++) {
        uint64_t address = 0;
        enum vq_error error = map_piece(dma, &pieces[i], access_of(i, readable), &address);

        if (error != VQ_OK) {
            undo(dma, pieces, readable, i, elements);
            return error;
        }
        elements[i] = (struct vq_element){address, pieces[i].bytes};
        if (pieces[i].bytes - 1u > UINT64_MAX - address) {
            undo(dma, pieces, readable, i + 1, elements);
            return VQ_ERR_RANGE;
        }
    }
    return VQ_OK;
}

void vq_dma_unmap(const struct vq_dma *dma, const struct vq_dma_piece pieces[], unsigned readable,
                  unsigned writable, const struct vq_element elements[], uint32_t written)
{
    unsigned count = readable + writable;
    uint64_t before = 0; /* bytes of the writable pieces before this one */

    for (unsigned i = readable; i < count; i++)
        before += pieces[i].bytes;
    while (count-- > readable) {
        uint32_t bytes = pieces[count].bytes, here = 0;

        before -= bytes;
        if (written > before)
            here = written - before < bytes ? (uint32_t)(written - before) : bytes;
        unmap_piece(dma, &pieces[count], VQ_WRITE, elements[count].address, here);
    }
    undo(dma, pieces, readable, readable, elements);
}

int vq_dma_add(struct vq_driver_queue *q, const struct vq_dma *dma,
               const struct vq_dma_piece pieces[], unsigned readable, unsigned writable,
               struct vq_element elements[])
{
    int id = vq_dma_map(dma, pieces, readable, writable, elements);

    if (id != VQ_OK)
        return id;
    id = vq_driver_add(q, elements, readable, writable);
    if (id < 0)
        undo(dma, pieces, readable, readable + writable, elements);
    return id;
}
