/*
 * What a block device says of itself in its configuration space. Everything in
 * there is the device's word: a value that would hurt is refused, a field whose
 * feature is not accepted is not even read (BASIC-DRV-CFG-04).
 */
#include "blk_driver.h"

/* The fields of a feature, each by itself: transports access a field with its own width. */
static const struct field {
    uint8_t bit;
    uint8_t offset;
    uint8_t bytes;
} blk_fields[] = {
    {VQ_BLK_F_SIZE_MAX, VQ_BLK_CONFIG_SIZE_MAX, 4},
    {VQ_BLK_F_SEG_MAX, VQ_BLK_CONFIG_SEG_MAX, 4},
    {VQ_BLK_F_GEOMETRY, VQ_BLK_CONFIG_CYLINDERS, 2},
    {VQ_BLK_F_GEOMETRY, VQ_BLK_CONFIG_HEADS, 1},
    {VQ_BLK_F_GEOMETRY, VQ_BLK_CONFIG_SECTORS, 1},
    {VQ_BLK_F_BLK_SIZE, VQ_BLK_CONFIG_BLK_SIZE, 4},
    {VQ_BLK_F_TOPOLOGY, VQ_BLK_CONFIG_PHYSICAL_BLOCK_EXP, 1},
    {VQ_BLK_F_TOPOLOGY, VQ_BLK_CONFIG_ALIGNMENT_OFFSET, 1},
    {VQ_BLK_F_TOPOLOGY, VQ_BLK_CONFIG_MIN_IO_SIZE, 2},
    {VQ_BLK_F_TOPOLOGY, VQ_BLK_CONFIG_OPT_IO_SIZE, 4},
    {VQ_BLK_F_CONFIG_WCE, VQ_BLK_CONFIG_WRITEBACK, 1},
    {VQ_BLK_F_MQ, VQ_BLK_CONFIG_NUM_QUEUES, 2},
    {VQ_BLK_F_DISCARD, VQ_BLK_CONFIG_MAX_DISCARD_SECTORS, 4},
    {VQ_BLK_F_DISCARD, VQ_BLK_CONFIG_MAX_DISCARD_SEG, 4},
    {VQ_BLK_F_DISCARD, VQ_BLK_CONFIG_DISCARD_SECTOR_ALIGNMENT, 4},
    {VQ_BLK_F_WRITE_ZEROES, VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SECTORS, 4},
    {VQ_BLK_F_WRITE_ZEROES, VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SEG, 4},
    {VQ_BLK_F_WRITE_ZEROES, VQ_BLK_CONFIG_WRITE_ZEROES_MAY_UNMAP, 1},
};

#define BLK_FIELDS (sizeof(blk_fields) / sizeof(blk_fields[0]))

enum vq_error vq_blk_facts_choose(struct vq_transport *t, struct vq_features *accepted)
{
    uint32_t size = t->ops->config_size(t);
    for (size_t i = 0; i < BLK_FIELDS; i++)
        if ((uint32_t)blk_fields[i].offset + blk_fields[i].bytes > size)
            vq_feature_clear(accepted, blk_fields[i].bit);

    /* A zoned disk that must be written zone by zone is not for this driver (BLK-DRV-INIT-08). */
    if (vq_feature(&t->offered, VQ_BLK_F_ZONED) && vq_feature(&t->offered, VQ_F_VERSION_1) &&
        size > VQ_BLK_CONFIG_ZONED_MODEL) {
        uint8_t model = 0;
        enum vq_error error = vq_transport_read_config(t, VQ_BLK_CONFIG_ZONED_MODEL, &model, 1);
        if (error != VQ_OK)
            return error;
        if (model == VQ_BLK_ZONED_HOST_MANAGED)
            return VQ_ERR_UNSUPPORTED;
    }
    return VQ_OK;
}

/* A physical block that 32 bits cannot count is no hint. */
static uint8_t physical_exp(uint32_t block_size, uint8_t exp)
{
    return exp < 32 && block_size <= UINT32_MAX >> exp ? exp : 0;
}

static bool block_size_valid(uint32_t bytes)
{
    return bytes >= VQ_BLK_SECTOR_BYTES && (bytes & (bytes - 1)) == 0;
}

enum vq_error vq_blk_facts_read(struct vq_transport *t, struct vq_blk_facts *facts)
{
    struct vq_config_span spans[BLK_FIELDS + 1] = {{VQ_BLK_CONFIG_CAPACITY, 8}};
    size_t count = 1;
    for (size_t i = 0; i < BLK_FIELDS; i++)
        if (vq_feature(&t->accepted, blk_fields[i].bit))
            spans[count++] = (struct vq_config_span){blk_fields[i].offset, blk_fields[i].bytes};

    uint8_t image[VQ_BLK_CONFIG_SIZE] = {0};
    enum vq_error error = vq_transport_read_config_spans(t, spans, count, image);
    if (error != VQ_OK)
        return error;

    /* Fields that were not read are zero in the image. */
    *facts = (struct vq_blk_facts){
        .capacity = vq_transport_config64(t, image + VQ_BLK_CONFIG_CAPACITY),
        .block_size = VQ_BLK_SECTOR_BYTES,
        .size_max = vq_transport_config32(t, image + VQ_BLK_CONFIG_SIZE_MAX),
        .seg_max = vq_transport_config32(t, image + VQ_BLK_CONFIG_SEG_MAX),
        .queue_count = 1,
        .read_only = vq_feature(&t->accepted, VQ_BLK_F_RO),
        .flush = vq_feature(&t->accepted, VQ_BLK_F_FLUSH),
        .writeback = vq_feature(&t->accepted, VQ_BLK_F_FLUSH),
        .writeback_settable = vq_feature(&t->accepted, VQ_BLK_F_CONFIG_WCE),
        .geometry = vq_feature(&t->accepted, VQ_BLK_F_GEOMETRY),
        .topology = vq_feature(&t->accepted, VQ_BLK_F_TOPOLOGY),
        .cylinders = vq_transport_config16(t, image + VQ_BLK_CONFIG_CYLINDERS),
        .heads = image[VQ_BLK_CONFIG_HEADS],
        .sectors = image[VQ_BLK_CONFIG_SECTORS],
        .physical_block_exp = image[VQ_BLK_CONFIG_PHYSICAL_BLOCK_EXP],
        .alignment_offset = image[VQ_BLK_CONFIG_ALIGNMENT_OFFSET],
        .min_io_size = vq_transport_config16(t, image + VQ_BLK_CONFIG_MIN_IO_SIZE),
        .opt_io_size = vq_transport_config32(t, image + VQ_BLK_CONFIG_OPT_IO_SIZE),
        .discard_alignment =
            vq_transport_config32(t, image + VQ_BLK_CONFIG_DISCARD_SECTOR_ALIGNMENT),
        .write_zeroes_may_unmap = image[VQ_BLK_CONFIG_WRITE_ZEROES_MAY_UNMAP] != 0,
    };
    if (facts->writeback_settable)
        facts->writeback = image[VQ_BLK_CONFIG_WRITEBACK] != 0;
    /* Each request here carries one range: a device that takes none takes no such request. */
    if (vq_transport_config32(t, image + VQ_BLK_CONFIG_MAX_DISCARD_SEG) != 0)
        facts->max_discard_sectors =
            vq_transport_config32(t, image + VQ_BLK_CONFIG_MAX_DISCARD_SECTORS);
    if (vq_transport_config32(t, image + VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SEG) != 0)
        facts->max_write_zeroes_sectors =
            vq_transport_config32(t, image + VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SECTORS);

    /* Byte offsets must fit 64 bits: else sums of sectors could wrap later. */
    if (facts->capacity >> (64 - VQ_BLK_SECTOR_SHIFT) != 0)
        return VQ_ERR_RANGE;
    if (vq_feature(&t->accepted, VQ_BLK_F_BLK_SIZE)) {
        facts->block_size = vq_transport_config32(t, image + VQ_BLK_CONFIG_BLK_SIZE);
        if (!block_size_valid(facts->block_size))
            return VQ_ERR_RANGE;
    }
    facts->physical_block_exp = physical_exp(facts->block_size, facts->physical_block_exp);
    if (vq_feature(&t->accepted, VQ_BLK_F_MQ)) {
        facts->queue_count = vq_transport_config16(t, image + VQ_BLK_CONFIG_NUM_QUEUES);
        if (facts->queue_count == 0)
            return VQ_ERR_RANGE;
    }
    /* Real devices offer SIZE_MAX and say 0, which can only mean no limit. A SEG_MAX of 0 may mean
     * that, or one: one is always right. */
    if (vq_feature(&t->accepted, VQ_BLK_F_SEG_MAX) && facts->seg_max == 0)
        facts->seg_max = 1;
    return VQ_OK;
}
