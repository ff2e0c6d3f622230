/*
 * From memory of the driver to addresses that the device understands, and back,
 * for drivers behind an IOMMU or a bounce buffer (VIRTIO_F_ACCESS_PLATFORM).
 *
 *     id = vq_dma_add(q, &dma, pieces, 1, 2, elements);   // maps, and adds
 *     ...
 *     vq_dma_unmap(&dma, pieces, 1, 2, elements, done.written);
 *
 * A buffer is mapped whole or not at all. Without a `struct vq_dma` (NULL) an
 * address is the pointer, which is what a device without ACCESS_PLATFORM gets
 * where memory is not translated (FEAT-DRV-05); the calls then cost next to nothing.
 *
 * No state is kept here: the caller keeps the pieces and the elements of a buffer
 * until it is unmapped.
 */
#ifndef VQ_DMA_H
#define VQ_DMA_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/driver.h>
#include <vq/error.h>
#include <vq/memory.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vq_dma {
    /*
     * Makes `bytes` from `host` on reachable by the device, for `access` (VQ_READ: the device
     * reads), in one piece, and gives the address of the first. On an error nothing is mapped.
     */
    enum vq_error (*map)(void *context, void *host, uint32_t bytes, enum vq_access access,
                         uint64_t *address);
    /*
     * Undoes one map, with what it was called with and the address that it gave. Of what the
     * device may write, it wrote the first `written` bytes: no more need be copied back.
     */
    void (*unmap)(void *context, void *host, uint32_t bytes, enum vq_access access,
                  uint64_t address, uint32_t written);
    void *context;
};

/* A piece of a buffer. */
struct vq_dma_piece {
    void *host;
    uint32_t bytes;
    /* The caller has mapped it already, and will unmap it: the device knows it by `address`. */
    bool premapped;
    uint64_t address;
};

/*
 * Maps `readable` pieces that the device may read and `writable` ones that it may
 * write, in this order, into as many elements. On an error all that was mapped is
 * unmapped again, and `elements` says nothing: VQ_ERR_INVALID for a piece of no bytes
 * (nothing was mapped then), VQ_ERR_RANGE for an address whose end wraps, else what
 * `map` said.
 */
enum vq_error vq_dma_map(const struct vq_dma *dma, const struct vq_dma_piece pieces[],
                         unsigned readable, unsigned writable, struct vq_element elements[]);

/*
 * Unmaps the buffer again, the last piece first. `written` is what the device wrote,
 * counted from the first writable byte on (struct vq_done); 0 for a buffer that it
 * never had. More than the buffer can take counts as all of it.
 */
void vq_dma_unmap(const struct vq_dma *dma, const struct vq_dma_piece pieces[], unsigned readable,
                  unsigned writable, const struct vq_element elements[], uint32_t written);

/* Maps a buffer and adds it; if the queue does not take it, it is unmapped again. Returns as
 * vq_driver_add and vq_dma_map do. */
int vq_dma_add(struct vq_driver_queue *q, const struct vq_dma *dma,
               const struct vq_dma_piece pieces[], unsigned readable, unsigned writable,
               struct vq_element elements[]);

#ifdef __cplusplus
}
#endif
#endif
