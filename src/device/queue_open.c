/*
 * Sets a driver's queue up: constraints of the transport, a place in the caller's
 * pieces, the ring, and the word to the device.
 *
 * The transport's answers come from a device, and go through the placer's checks.
 * A place is used only if a piece holds every byte of it.
 */
#include "queue.h"

#include "../ring/variant.h"

struct vq_features vq_queue_features(const struct vq_features *without)
{
    static const struct {
        uint8_t bit;
        bool have;
    } all[] = {
        {VQ_F_ANY_LAYOUT, true},
        {VQ_F_INDIRECT_DESC, VQ_WITH_INDIRECT},
        {VQ_F_EVENT_IDX, true},
        {VQ_F_VERSION_1, true},
        {VQ_F_ACCESS_PLATFORM, true},
        {VQ_F_RING_PACKED, VQ_WITH_PACKED},
        {VQ_F_IN_ORDER, VQ_WITH_IN_ORDER},
        {VQ_F_ORDER_PLATFORM, true},
        {VQ_F_NOTIFICATION_DATA, true},
        {VQ_F_NOTIF_CONFIG_DATA, true},
        {VQ_F_RING_RESET, true},
        {VQ_F_SUSPEND, true},
    };
    struct vq_features set = {{0}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i].have && !vq_feature(without, all[i].bit))
            vq_feature_set(&set, all[i].bit);
    return set;
}

enum vq_error vq_queue_fragments(const struct vq_queue_memory *memory,
                                 struct vq_fragment fragments[VQ_QUEUE_PIECES_MAX])
{
    if (memory->count > VQ_QUEUE_PIECES_MAX)
        return VQ_ERR_INVALID;
    for (unsigned i = 0; i < memory->count; i++)
        fragments[i] = (struct vq_fragment){memory->pieces[i].address, memory->pieces[i].bytes};
    return VQ_OK;
}

static enum vq_error first(const struct vq_queue_memory *memory,
                           const struct vq_constraints *constraints, uint32_t wanted,
                           struct vq_place *place)
{
    struct vq_fragment fragments[VQ_QUEUE_PIECES_MAX];
    enum vq_error error = vq_queue_fragments(memory, fragments);
    if (error != VQ_OK)
        return error;
    return vq_place_first(constraints, wanted, fragments, memory->count, place);
}

/* The pointer to a part; NULL if no piece holds it. */
static void *part(const struct vq_queue_memory *memory, const struct vq_place *place,
                  enum vq_part which)
{
    uint32_t bytes = place->layout.part[which].bytes;
    for (unsigned i = 0; i < memory->count; i++) {
        const struct vq_queue_piece *piece = &memory->pieces[i];
        uint64_t offset = place->address[which] - piece->address;
        if (place->address[which] >= piece->address && offset < piece->bytes &&
            bytes <= piece->bytes - offset)
            return (uint8_t *)piece->host + (size_t)offset;
    }
    return NULL;
}

enum vq_error vq_queue_open(struct vq_driver_queue *ring, struct vq_transport *t,
                            const struct vq_queue_setup *s)
{
    const struct vq_queue_memory *memory = s->memory;
    struct vq_constraints constraints;
    struct vq_place place;
    enum vq_error error = vq_transport_queue_constraints(t, s->index, &constraints);
    if (error == VQ_OK)
        error = (memory->placer != NULL ? memory->placer : first)(memory, &constraints, s->size,
                                                                  &place);
    if (error != VQ_OK)
        return error;
    /* A device that fixes the size may fix one that the private memory has no room for. */
    if (place.layout.size > s->size)
        return VQ_ERR_SIZE;

    struct vq_driver_config config = {
        .features = t->accepted,
        .big_endian = vq_transport_big_endian(t),
        .strict = s->strict,
        .length_always = t->length_always,
        .size = (uint16_t)place.layout.size,
        .descriptor_area = part(memory, &place, VQ_DESCRIPTOR_AREA),
        .driver_area = part(memory, &place, VQ_DRIVER_AREA),
        .device_area = part(memory, &place, VQ_DEVICE_AREA),
        .slots = s->slots,
        .indirect_tables = s->indirect_tables,
        .indirect_address = s->indirect_address,
        .indirect_entries = s->indirect_entries,
    };
    error = vq_driver_init(ring, &config);
    if (error != VQ_OK)
        return error;
    if (memory->placed != NULL)
        *memory->placed = place;
    return vq_transport_queue_enable(t, s->index, &place);
}

enum vq_error vq_queue_submit(struct vq_driver_queue *ring, struct vq_transport *t, uint16_t index)
{
    if (t->suspended)
        return VQ_ERR_STATE; /* INIT-DRV-SUSP-04 */
    if (!vq_driver_publish(ring))
        return vq_driver_broken(ring) == VQ_NOT_BROKEN ? VQ_OK : VQ_ERR_BROKEN;
    return vq_transport_notify(t, index, vq_driver_notification_data(ring, index));
}

enum vq_error vq_queue_wait(struct vq_driver_queue *ring, struct vq_transport *t, uint16_t index,
                            int timeout_ms)
{
    if (vq_driver_enable_notifications(ring))
        return VQ_OK;
    if (vq_driver_broken(ring) != VQ_NOT_BROKEN)
        return VQ_ERR_BROKEN;
    enum vq_error error = vq_transport_wait(t, index, timeout_ms);
    if (error == VQ_OK || vq_driver_pending(ring))
        return VQ_OK;
    return error;
}
