/*
 * The block driver's requests: prepare, submit, reap. The hot path: no
 * allocation, no lock, nothing but the ring and the notification.
 *
 * A request is always header, data, status, each in elements of its own, which
 * every device takes: legacy ones without ANY_LAYOUT demand it
 * (BLK-DRV-LEGFRAME-01). What the device may change (its used length, the status
 * byte) is read once and checked; what a request is, is kept in private slots.
 */
#include "blk_driver.h"

#include "../ring/barrier.h"

#define NO_STATUS 0xffu /* what stands where the device writes the status, before it does */

/* Sums the data up and checks each element. */
static enum vq_error measure(const struct vq_blk_driver_queue *q,
                             const struct vq_blk_driver_request *r, uint32_t *total)
{
    const struct vq_element *data = r->data;
    uint32_t size_max = q->driver->facts.size_max;
    uint64_t sum = 0;
    if (r->count == 0 || r->count > q->segments)
        return VQ_ERR_INVALID;
    for (unsigned i = 0; i < r->count; i++) {
        if (data[i].bytes == 0)
            return VQ_ERR_INVALID;
        if (size_max != 0 && data[i].bytes > size_max)
            return VQ_ERR_RANGE;
        sum += data[i].bytes;
    }
    /* Header and status count too: a buffer has at most 2^32 bytes. */
    if (sum > UINT32_MAX - VQ_BLK_HEADER_BYTES - VQ_BLK_STATUS_BYTES)
        return VQ_ERR_RANGE;
    *total = (uint32_t)sum;
    return VQ_OK;
}

static bool within(const struct vq_blk_facts *facts, uint64_t sector, uint64_t sectors)
{
    return sectors <= facts->capacity && sector <= facts->capacity - sectors;
}

/* Reads and writes: whole sectors (BLK-DRV-OP-06) below the capacity (BLK-DRV-OP-02). */
static enum vq_error check_transfer(const struct vq_blk_driver_queue *q,
                                    const struct vq_blk_driver_request *r, uint32_t *total)
{
    const struct vq_blk_facts *facts = &q->driver->facts;
    if (r->type == VQ_BLK_T_OUT && facts->read_only)
        return VQ_ERR_UNSUPPORTED;
    enum vq_error error = measure(q, r, total);
    if (error != VQ_OK)
        return error;
    if (*total % VQ_BLK_SECTOR_BYTES != 0)
        return VQ_ERR_INVALID;
    return within(facts, r->sector, *total >> VQ_BLK_SECTOR_SHIFT) ? VQ_OK : VQ_ERR_RANGE;
}

static enum vq_error check_flush(const struct vq_blk_driver_queue *q,
                                 const struct vq_blk_driver_request *r, uint32_t *total)
{
    (void)total;
    if (!q->driver->facts.flush)
        return VQ_ERR_UNSUPPORTED;
    return r->count == 0 ? VQ_OK : VQ_ERR_INVALID; /* BLK-DRV-OP-05 */
}

static enum vq_error check_id(const struct vq_blk_driver_queue *q,
                              const struct vq_blk_driver_request *r, uint32_t *total)
{
    enum vq_error error = measure(q, r, total);
    if (error != VQ_OK)
        return error;
    return *total == VQ_BLK_ID_BYTES ? VQ_OK : VQ_ERR_INVALID; /* BLK-DRV-OP-08 */
}

static enum vq_error check_range(const struct vq_blk_driver_queue *q,
                                 const struct vq_blk_driver_request *r, uint32_t *total)
{
    const struct vq_blk_facts *facts = &q->driver->facts;
    bool discard = r->type == VQ_BLK_T_DISCARD;
    uint32_t limit = discard ? facts->max_discard_sectors : facts->max_write_zeroes_sectors;
    (void)total;
    if (limit == 0 || facts->read_only)
        return VQ_ERR_UNSUPPORTED;
    if (r->sectors == 0 || r->count != 0 || q->segments == 0)
        return VQ_ERR_INVALID;
    if (discard && r->unmap)
        return VQ_ERR_INVALID; /* BLK-DRV-OP-14 */
    if (r->sectors > limit || !within(facts, r->sector, r->sectors))
        return VQ_ERR_RANGE;
    return VQ_OK;
}

/* What is asked for seldom. */
static const struct other {
    uint32_t type;
    enum vq_error (*check)(const struct vq_blk_driver_queue *q,
                           const struct vq_blk_driver_request *r, uint32_t *total);
} others[] = {
    {VQ_BLK_T_FLUSH, check_flush},
    {VQ_BLK_T_GET_ID, check_id},
    {VQ_BLK_T_DISCARD, check_range},
    {VQ_BLK_T_WRITE_ZEROES, check_range},
};

/* Is this request one that the device must take? `total`: bytes of the caller's data. */
static enum vq_error request_check(const struct vq_blk_driver_queue *q,
                                   const struct vq_blk_driver_request *r, uint32_t *total)
{
    *total = 0;
    if (r->type == VQ_BLK_T_IN || r->type == VQ_BLK_T_OUT)
        return check_transfer(q, r, total);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (others[i].type == r->type)
            return others[i].check(q, r, total);
    return VQ_ERR_UNSUPPORTED;
}

static bool places(uint32_t type)
{
    return type == VQ_BLK_T_IN || type == VQ_BLK_T_OUT;
}

/* Fills header, range and status of a slot. */
static void request_fill(const struct vq_blk_driver_queue *q, uint8_t *slot,
                         const struct vq_blk_driver_request *r)
{
    bool big = q->driver->big_endian;
    uint8_t *header = slot + VQ_BLK_SLOT_HEADER;
    vq_store32(header + offsetof(struct vq_blk_header, type), r->type, big);
    vq_store32(header + offsetof(struct vq_blk_header, reserved), 0, big);
    /* BLK-DRV-OP-04, BLK-DRV-OP-17 */
    vq_store64(header + offsetof(struct vq_blk_header, sector), places(r->type) ? r->sector : 0,
               big);
    *(volatile uint8_t *)(slot + VQ_BLK_SLOT_STATUS) = NO_STATUS;
    if (r->type != VQ_BLK_T_DISCARD && r->type != VQ_BLK_T_WRITE_ZEROES)
        return;
    /* Data, of which only the header and the status have the order of a legacy driver. */
    uint8_t *range = slot + VQ_BLK_SLOT_RANGE;
    vq_store64(range + offsetof(struct vq_blk_range, sector), r->sector, false);
    vq_store32(range + offsetof(struct vq_blk_range, sectors), r->sectors, false);
    vq_store32(range + offsetof(struct vq_blk_range, flags), r->unmap ? VQ_BLK_RANGE_UNMAP : 0,
               false);
}

enum vq_error vq_blk_driver_prepare(struct vq_blk_driver_queue *q,
                                    const struct vq_blk_driver_request *r)
{
    uint32_t total;
    enum vq_error error = request_check(q, r, &total);
    if (error != VQ_OK)
        return error;
    if (q->driver->transport->suspended)
        return VQ_ERR_STATE; /* INIT-DRV-SUSP-04 */
    uint16_t index = q->free_slot;
    if (index >= q->depth)
        return VQ_ERR_FULL;

    uint8_t *slot = q->shared + (size_t)index * VQ_BLK_SLOT_BYTES;
    uint64_t address = q->address + (uint32_t)index * VQ_BLK_SLOT_BYTES;
    request_fill(q, slot, r);

    struct vq_element *e = q->elements;
    unsigned n = 0;
    e[n++] = (struct vq_element){address + VQ_BLK_SLOT_HEADER, VQ_BLK_HEADER_BYTES};
    if (r->type == VQ_BLK_T_DISCARD || r->type == VQ_BLK_T_WRITE_ZEROES)
        e[n++] = (struct vq_element){address + VQ_BLK_SLOT_RANGE, VQ_BLK_RANGE_BYTES};
    for (unsigned i = 0; i < r->count; i++)
        e[n++] = r->data[i];
    e[n++] = (struct vq_element){address + VQ_BLK_SLOT_STATUS, VQ_BLK_STATUS_BYTES};

    bool in = r->type == VQ_BLK_T_IN || r->type == VQ_BLK_T_GET_ID;
    unsigned writable = in ? r->count + 1u : 1u;
    int id = vq_driver_add(&q->ring, e, n - writable, writable);
    if (id < 0)
        return (enum vq_error)id;

    struct vq_blk_slot *kept = &q->slots[index];
    q->free_slot = kept->next_free;
    kept->tag = r->tag;
    kept->bytes = in ? total : 0;
    kept->in_flight = true;
    q->slot_of[id] = index;
    q->in_flight++;
    return VQ_OK;
}

enum vq_error vq_blk_driver_submit(struct vq_blk_driver_queue *q)
{
    return vq_queue_submit(&q->ring, q->driver->transport, q->index);
}

static void release(struct vq_blk_driver_queue *q, uint16_t index)
{
    q->slots[index].in_flight = false;
    q->slots[index].next_free = q->free_slot;
    q->free_slot = index;
    q->in_flight--;
}

static enum vq_error error_of(uint8_t status)
{
    switch (status) {
    case VQ_BLK_S_OK:
        return VQ_OK;
    case VQ_BLK_S_IOERR:
        return VQ_ERR_IO;
    case VQ_BLK_S_UNSUPP:
        return VQ_ERR_UNSUPPORTED;
    default:
        return VQ_ERR_BROKEN;
    }
}

size_t vq_blk_driver_reap(struct vq_blk_driver_queue *q, struct vq_blk_driver_done done[],
                          size_t count)
{
    struct vq_done used[32];
    size_t reaped = 0;
    while (reaped < count) {
        size_t wanted = count - reaped < 32 ? count - reaped : 32;
        size_t n = vq_driver_get(&q->ring, used, wanted);
        for (size_t i = 0; i < n; i++) {
            uint16_t index = q->slot_of[used[i].id];
            struct vq_blk_slot *kept = &q->slots[index];
            uint8_t status;
            vq_fetch(&status, q->shared + (size_t)index * VQ_BLK_SLOT_BYTES + VQ_BLK_SLOT_STATUS,
                     1);
            enum vq_error error = error_of(status);
            /* Bytes beyond the used length are not the device's answer (SPLIT-DRV-USED-01), and
             * the status is the last of them. */
            if (error == VQ_OK && q->driver->check_length &&
                used[i].written < kept->bytes + VQ_BLK_STATUS_BYTES)
                error = VQ_ERR_BROKEN;
            done[reaped++] = (struct vq_blk_driver_done){
                .tag = kept->tag,
                .error = error,
                .bytes = error == VQ_OK ? kept->bytes : 0,
                .status = status,
            };
            release(q, index);
        }
        if (n < wanted)
            break;
    }
    return reaped;
}

bool vq_blk_driver_listen(struct vq_blk_driver_queue *q)
{
    return vq_driver_enable_notifications(&q->ring);
}

enum vq_error vq_blk_driver_wait(struct vq_blk_driver_queue *q, int timeout_ms)
{
    return vq_queue_wait(&q->ring, q->driver->transport, q->index, timeout_ms);
}

void vq_blk_driver_quiet(struct vq_blk_driver_queue *q)
{
    vq_driver_disable_notifications(&q->ring);
}

size_t vq_blk_driver_abandon(struct vq_blk_driver_queue *q, struct vq_blk_driver_done done[],
                             size_t count)
{
    size_t n = 0;
    for (uint32_t i = 0; i < q->depth && n < count && q->in_flight != 0; i++) {
        if (!q->slots[i].in_flight)
            continue;
        done[n++] = (struct vq_blk_driver_done){
            .tag = q->slots[i].tag, .error = VQ_ERR_BROKEN, .status = NO_STATUS};
        release(q, (uint16_t)i);
    }
    return n;
}

uint16_t vq_blk_driver_in_flight(const struct vq_blk_driver_queue *q)
{
    return q->in_flight;
}

enum vq_broken vq_blk_driver_broken(const struct vq_blk_driver_queue *q)
{
    return vq_driver_broken(&q->ring);
}
