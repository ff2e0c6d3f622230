/*
 * The block driver's control side: how much memory a queue takes, the handshake,
 * the queues, the end. Runs before and after requests, never beside them.
 */
#include "blk_driver.h"

#include "../ring/variant.h"

static uint16_t depth_of(const struct vq_blk_driver_options *o)
{
    return o->depth != 0 ? o->depth : o->queue_size;
}

static uint16_t segments_of(const struct vq_blk_driver_options *o)
{
    return o->segments != 0 ? o->segments : 1;
}

static bool blk_indirect(const struct vq_blk_driver_options *o)
{
    return VQ_WITH_INDIRECT && !vq_feature(&o->without, VQ_F_INDIRECT_DESC);
}

/* Offsets in the two blocks, for the queue size that was asked for. */
struct memory_map {
    size_t tables; /* shared: slots lie at 0 */
    size_t ring;
    size_t shared;
    size_t elements; /* private: slots lie at 0 */
    size_t ring_slots;
    size_t slot_of;
    size_t private_bytes;
};

static enum vq_error map_memory(const struct vq_blk_driver_options *o, struct memory_map *map)
{
    size_t size = o->queue_size, depth = depth_of(o), segments = segments_of(o);
    if (size == 0 || size > VQ_SIZE_MAX)
        return VQ_ERR_SIZE;
    if (depth > size || segments > VQ_SIZE_MAX - VQ_BLK_FRAME)
        return VQ_ERR_INVALID;

#if SIZE_MAX <= 0xffffffffu
    if (blk_indirect(o) && size * (segments + VQ_BLK_FRAME) > SIZE_MAX / 2 / 16)
        return VQ_ERR_INVALID;
#endif
    map->tables = depth * VQ_BLK_SLOT_BYTES;
    map->ring = map->tables + (blk_indirect(o) ? size * (segments + VQ_BLK_FRAME) * 16 : 0);
    map->shared = map->ring;
    if (!o->rings_apart)
        map->shared += VQ_SPLIT_BYTES(size);
    if (!o->rings_apart && o->legacy_block)
        map->shared =
            map->ring + VQ_LEGACY_ALIGN_DEFAULT + VQ_LEGACY_BYTES(size, VQ_LEGACY_ALIGN_DEFAULT);

    map->elements = depth * sizeof(struct vq_blk_slot);
    map->ring_slots = map->elements + (segments + VQ_BLK_FRAME) * sizeof(struct vq_element);
    map->slot_of = map->ring_slots + size * sizeof(struct vq_driver_slot);
    map->private_bytes = map->slot_of + size * sizeof(uint16_t);
    return VQ_OK;
}

enum vq_error vq_blk_driver_measure(const struct vq_blk_driver_options *options,
                                    size_t *shared_bytes, size_t *private_bytes)
{
    struct memory_map map;
    enum vq_error error = map_memory(options, &map);
    if (error == VQ_OK) {
        *shared_bytes = map.shared;
        *private_bytes = map.private_bytes;
    }
    return error;
}

/* How many data elements a request may have: the least that anything allows. */
static uint16_t segment_limit(const struct vq_blk_driver *driver,
                              const struct vq_blk_driver_options *o, uint16_t size)
{
    uint32_t limit = segments_of(o);
    uint32_t seg_max = driver->facts.seg_max;
    if (seg_max != 0 && seg_max < limit)
        limit = seg_max;
    /* No chain may be longer than the queue, not even an indirect one (SPLIT-DRV-INDIR-03). */
    uint32_t room = size > VQ_BLK_FRAME ? size - VQ_BLK_FRAME : 0u;
    if (room < limit)
        limit = room;
    return (uint16_t)limit;
}

static enum vq_error blk_open_queue(struct vq_blk_driver *driver, uint16_t index)
{
    const struct vq_blk_driver_options *o = driver->options;
    const struct vq_blk_memory *memory = &o->memory[index];
    struct vq_transport *t = driver->transport;
    struct vq_blk_driver_queue *q = &driver->queues[index];
    uint8_t *shared = (uint8_t *)memory->shared;
    uint8_t *private_memory = (uint8_t *)memory->private_memory;

    struct memory_map map;
    enum vq_error error = map_memory(o, &map);
    if (error != VQ_OK)
        return error;
    if (memory->shared_bytes < map.shared || memory->private_bytes < map.private_bytes)
        return VQ_ERR_NO_MEMORY;
    if (((uintptr_t)shared | (uintptr_t)private_memory | memory->address) % 16 != 0)
        return VQ_ERR_ALIGN;

    *q = (struct vq_blk_driver_queue){.driver = driver, .index = index};
    const struct vq_queue_piece behind = {shared + map.ring, memory->address + map.ring,
                                          memory->shared_bytes - map.ring};
    struct vq_queue_memory rings = memory->rings;
    if (!o->rings_apart) {
        rings.pieces = &behind;
        rings.count = 1;
        rings.placer = NULL;
    }
    const struct vq_queue_setup ring = {
        .index = index,
        .size = o->queue_size,
        .strict = o->strict,
        .memory = &rings,
        .slots = (struct vq_driver_slot *)(void *)(private_memory + map.ring_slots),
        .indirect_tables = blk_indirect(o) ? shared + map.tables : NULL,
        .indirect_address = memory->address + map.tables,
        .indirect_entries = (uint16_t)(segments_of(o) + VQ_BLK_FRAME),
    };
    error = vq_queue_open(&q->ring, t, &ring);
    if (error != VQ_OK)
        return error;

    q->shared = shared;
    q->address = memory->address;
    q->slots = (struct vq_blk_slot *)(void *)private_memory;
    q->elements = (struct vq_element *)(void *)(private_memory + map.elements);
    q->slot_of = (uint16_t *)(void *)(private_memory + map.slot_of);
    q->size = q->ring.size;
    q->depth = depth_of(o);
    q->segments = segment_limit(driver, o, q->size);
    for (uint32_t i = 0; i < q->depth; i++)
        q->slots[i] = (struct vq_blk_slot){.next_free = (uint16_t)(i + 1)};
    return VQ_OK;
}

static enum vq_error blk_choose(void *context, struct vq_transport *t, struct vq_features *accepted)
{
    (void)context;
    return vq_blk_facts_choose(t, accepted);
}

static enum vq_error blk_setup(void *context, struct vq_transport *t)
{
    struct vq_blk_driver *driver = (struct vq_blk_driver *)context;
    const struct vq_blk_driver_options *o = driver->options;
    enum vq_error error = vq_blk_facts_read(t, &driver->facts);
    if (error != VQ_OK)
        return error;

    driver->big_endian = vq_transport_big_endian(t);
    /* BLK-DRV-LEGOP-02: legacy devices get the used length wrong. */
    driver->check_length = !o->ignore_length && !vq_transport_legacy(t);
    uint16_t count = o->queue_count != 0 ? o->queue_count : 1;
    if (count > driver->facts.queue_count)
        count = driver->facts.queue_count;
    for (uint16_t i = 0; i < count; i++) {
        error = blk_open_queue(driver, i);
        if (error != VQ_OK)
            return error;
        driver->queue_count = (uint16_t)(i + 1);
    }
    return VQ_OK;
}

static struct vq_features blk_wanted(const struct vq_blk_driver_options *o)
{
    static const uint8_t bits[] = {
        VQ_BLK_F_SIZE_MAX, VQ_BLK_F_SEG_MAX, VQ_BLK_F_GEOMETRY,     VQ_BLK_F_RO,
        VQ_BLK_F_BLK_SIZE, VQ_BLK_F_FLUSH,   VQ_BLK_F_TOPOLOGY,     VQ_BLK_F_CONFIG_WCE,
        VQ_BLK_F_MQ,       VQ_BLK_F_DISCARD, VQ_BLK_F_WRITE_ZEROES,
    };
    struct vq_features set = vq_queue_features(&o->without);
    for (size_t i = 0; i < sizeof(bits); i++)
        if (!vq_feature(&o->without, bits[i]))
            vq_feature_set(&set, bits[i]);
    return set;
}

enum vq_error vq_blk_driver_open(struct vq_blk_driver *driver, struct vq_transport *transport,
                                 struct vq_blk_driver_queue *queues,
                                 const struct vq_blk_driver_options *options,
                                 struct vq_init_result *result)
{
    *driver = (struct vq_blk_driver){
        .transport = transport,
        .queues = queues,
        .options = options,
    };
    struct vq_plan plan = {
        .wanted = blk_wanted(options),
        .required = options->require,
        .patience = options->patience,
        .choose = blk_choose,
        .setup = blk_setup,
        .context = driver,
    };
    enum vq_error error = vq_transport_init_device(transport, &plan, result);
    driver->options = NULL;
    return error;
}

enum vq_error vq_blk_driver_close(struct vq_blk_driver *driver)
{
    return vq_transport_reset(driver->transport, 0);
}

enum vq_error vq_blk_driver_refresh(struct vq_blk_driver *driver)
{
    struct vq_blk_facts facts;
    enum vq_error error = vq_blk_facts_read(driver->transport, &facts);
    if (error == VQ_OK)
        driver->facts = facts;
    return error;
}

enum vq_error vq_blk_driver_set_writeback(struct vq_blk_driver *driver, bool writeback)
{
    if (!driver->facts.writeback_settable)
        return VQ_ERR_UNSUPPORTED;
    uint8_t value = writeback;
    enum vq_error error =
        vq_transport_write_config(driver->transport, VQ_BLK_CONFIG_WRITEBACK, &value, 1);
    return error == VQ_OK ? vq_blk_driver_refresh(driver) : error;
}
