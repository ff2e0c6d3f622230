/*
 * What the block device offers, what the driver chose of it, and the
 * configuration space.
 *
 * All here runs on the control thread while queues may run on others. The only
 * field that they share is `writeback`, one byte, which is atomic.
 */
#include <vq/layout.h>

#include "blk_device.h"
#include "model_parts.h"

/* Up to and with unused1: what lies beyond belongs to features that are never offered. */
#define VQ_BLK_SHOWN_BYTES 60u
VQ_STATIC_ASSERT(VQ_BLK_SHOWN_BYTES == VQ_BLK_CONFIG_MAX_SECURE_ERASE_SECTORS, "unused1 ends here");

struct vq_features vq_blk_offer(const struct vq_blk_device_config *c)
{
    const struct {
        uint8_t bit;
        bool have;
    } all[] = {
        {VQ_BLK_F_SIZE_MAX, c->size_max != 0},
        {VQ_BLK_F_SEG_MAX, true},
        {VQ_BLK_F_RO, c->read_only},
        {VQ_BLK_F_BLK_SIZE, true},
        {VQ_BLK_F_FLUSH, !c->no_flush},
        {VQ_BLK_F_TOPOLOGY, true},
        {VQ_BLK_F_CONFIG_WCE, !c->no_flush && !vq_feature(&c->without, VQ_BLK_F_FLUSH)},
        {VQ_BLK_F_MQ, c->queue_count > 1},
        {VQ_BLK_F_DISCARD, c->max_discard_sectors != 0 && !c->read_only},
        {VQ_BLK_F_WRITE_ZEROES, c->max_write_zeroes_sectors != 0 && !c->read_only},
    };
    struct vq_features set = vq_model_ring_features(&c->without);

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].have && !vq_feature(&c->without, all[i].bit))
            vq_feature_set(&set, all[i].bit);
    return set;
}

struct vq_features vq_blk_offered(const struct vq_device_model *model)
{
    return vq_blk_device_of_const(model)->offered;
}

uint8_t vq_blk_writeback_default(const struct vq_blk_device *dev)
{
    return vq_feature(&dev->offered, VQ_BLK_F_FLUSH);
}

enum vq_error vq_blk_accept(struct vq_device_model *model, const struct vq_features *chosen)
{
    struct vq_blk_device *dev = vq_blk_device_of(model);
    const bool legacy = !vq_feature(chosen, VQ_F_VERSION_1);

    if (!vq_model_may_accept(&dev->offered, chosen))
        return VQ_ERR_UNSUPPORTED;
    dev->accepted = *chosen;
    dev->negotiated = true;
    /* BLK-DEV-INIT-03; a legacy driver's choice of features changes nothing, BLK-DEV-LEGINIT-03.
     * Otherwise the field stays: the same driver may come again with the value that it set. */
    if (!legacy && vq_feature(chosen, VQ_BLK_F_CONFIG_WCE) && !vq_feature(chosen, VQ_BLK_F_FLUSH))
        __atomic_store_n(&dev->writeback, 0, __ATOMIC_RELAXED);
    return VQ_OK;
}

/* BLK-DEV-OP-13, -14. Without FLUSH on offer nobody asked for it (BLK-DEV-OP-16). */
bool vq_blk_writes_durable(const struct vq_blk_device *dev)
{
    if (vq_feature(&dev->accepted, VQ_BLK_F_CONFIG_WCE))
        return __atomic_load_n(&dev->writeback, __ATOMIC_RELAXED) == 0;
    return vq_feature(&dev->offered, VQ_BLK_F_FLUSH) && !vq_feature(&dev->accepted, VQ_BLK_F_FLUSH);
}

void vq_blk_reset(struct vq_device_model *model)
{
    struct vq_blk_device *dev = vq_blk_device_of(model);

    dev->accepted = (struct vq_features){{0}};
    dev->negotiated = false;
    __atomic_store_n(&dev->writeback, vq_blk_writeback_default(dev), __ATOMIC_RELAXED);
}

static void vq_blk_show(const struct vq_blk_device *dev, uint8_t out[VQ_BLK_SHOWN_BYTES])
{
    const struct vq_blk_device_config *c = &dev->config;
    const uint32_t on = dev->offered.word[0];
    const bool discard = vq_blk_feature(on, VQ_BLK_F_DISCARD);
    const bool zeroes = vq_blk_feature(on, VQ_BLK_F_WRITE_ZEROES);
    /* A field whose feature is not offered reads 0, as does padding (BLK-DEV-INIT-04). */
    const struct {
        uint8_t at, bytes;
        bool have;
        uint64_t value;
    } fields[] = {
        {VQ_BLK_CONFIG_CAPACITY, 8, true, c->capacity},
        {VQ_BLK_CONFIG_SIZE_MAX, 4, vq_blk_feature(on, VQ_BLK_F_SIZE_MAX), c->size_max},
        {VQ_BLK_CONFIG_SEG_MAX, 4, vq_blk_feature(on, VQ_BLK_F_SEG_MAX), c->seg_max},
        {VQ_BLK_CONFIG_BLK_SIZE, 4, vq_blk_feature(on, VQ_BLK_F_BLK_SIZE), c->block_size},
        {VQ_BLK_CONFIG_PHYSICAL_BLOCK_EXP, 1, vq_blk_feature(on, VQ_BLK_F_TOPOLOGY),
         c->physical_block_exp},
        {VQ_BLK_CONFIG_ALIGNMENT_OFFSET, 1, vq_blk_feature(on, VQ_BLK_F_TOPOLOGY),
         c->alignment_offset},
        {VQ_BLK_CONFIG_MIN_IO_SIZE, 2, vq_blk_feature(on, VQ_BLK_F_TOPOLOGY), c->min_io_size},
        {VQ_BLK_CONFIG_OPT_IO_SIZE, 4, vq_blk_feature(on, VQ_BLK_F_TOPOLOGY), c->opt_io_size},
        {VQ_BLK_CONFIG_WRITEBACK, 1, vq_blk_feature(on, VQ_BLK_F_CONFIG_WCE),
         __atomic_load_n(&dev->writeback, __ATOMIC_RELAXED)},
        {VQ_BLK_CONFIG_NUM_QUEUES, 2, vq_blk_feature(on, VQ_BLK_F_MQ), c->queue_count},
        {VQ_BLK_CONFIG_MAX_DISCARD_SECTORS, 4, discard, c->max_discard_sectors},
        {VQ_BLK_CONFIG_MAX_DISCARD_SEG, 4, discard, c->max_discard_segments},
        {VQ_BLK_CONFIG_DISCARD_SECTOR_ALIGNMENT, 4, discard, c->discard_alignment},
        {VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SECTORS, 4, zeroes, c->max_write_zeroes_sectors},
        {VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SEG, 4, zeroes, c->max_write_zeroes_segments},
        {VQ_BLK_CONFIG_WRITE_ZEROES_MAY_UNMAP, 1, zeroes, c->write_zeroes_may_unmap},
    };

    for (size_t i = 0; i < VQ_BLK_SHOWN_BYTES; i++)
        out[i] = 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].have)
            vq_model_put(out + fields[i].at, fields[i].value, fields[i].bytes,
                         dev->model.big_endian); /* BLK-DEV-LEGCFG-01 */
}

uint32_t vq_blk_config_size(const struct vq_device_model *model)
{
    (void)model;
    return VQ_BLK_SHOWN_BYTES;
}

void vq_blk_read_config(const struct vq_device_model *model, uint32_t offset, void *bytes,
                        uint32_t count)
{
    uint8_t shown[VQ_BLK_SHOWN_BYTES];

    vq_blk_show(vq_blk_device_of_const(model), shown);
    vq_model_read(shown, VQ_BLK_SHOWN_BYTES, offset, bytes, count);
}

/*
 * Only `writeback` can be written. A wider write that leaves everything else as
 * it is, is taken too: some front ends pass the whole space on.
 */
enum vq_error vq_blk_write_config(struct vq_device_model *model, uint32_t offset, const void *bytes,
                                  uint32_t count)
{
    struct vq_blk_device *dev = vq_blk_device_of(model);
    const uint8_t *in = (const uint8_t *)bytes;
    uint8_t shown[VQ_BLK_SHOWN_BYTES];
    uint8_t writeback;

    if (offset > VQ_BLK_SHOWN_BYTES || count > VQ_BLK_SHOWN_BYTES - offset)
        return VQ_ERR_RANGE;
    /* Legacy drivers may come before they choose features (BLK-DRV-LEGINIT-01). */
    if (!vq_feature(dev->negotiated ? &dev->accepted : &dev->offered, VQ_BLK_F_CONFIG_WCE))
        return VQ_ERR_UNSUPPORTED;
    vq_blk_show(dev, shown);
    writeback = shown[VQ_BLK_CONFIG_WRITEBACK];
    for (uint32_t i = 0; i < count; i++) {
        if (offset + i == VQ_BLK_CONFIG_WRITEBACK)
            writeback = in[i];
        else if (in[i] != shown[offset + i])
            return VQ_ERR_UNSUPPORTED;
    }
    if (writeback > 1)
        return VQ_ERR_RANGE;
    __atomic_store_n(&dev->writeback, writeback, __ATOMIC_RELAXED);
    return VQ_OK;
}
