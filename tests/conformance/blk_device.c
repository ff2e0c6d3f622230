/* The rows of the block device's end, over a ring in one process. */
#include "blk_rig.h"

#include <vq/loopback.h>

static struct vq_features offer_of(struct vq_blk_device_config config)
{
    struct rig *rig = rig_make(&config);
    struct vq_features set = rig->model->ops->offered(rig->model);

    rig_free(rig);
    return set;
}

static void capacity_in_sectors(void **state)
{
    struct vq_blk_device_config config = rig_defaults();
    struct rig *rig;

    (void)state;
    for (uint32_t block = 512; block <= 4096; block *= 2) {
        config.block_size = block;
        rig = rig_make(&config);
        assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_CAPACITY, 8), RIG_SECTORS);
        assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_BLK_SIZE, 4), block);
        rig_free(rig);
    }
}

static void queue_counts(void **state)
{
    struct vq_blk_device_config config = rig_defaults();
    struct vq_features set = offer_of(config);
    struct rig *rig = rig_make(&config);

    (void)state;
    assert_true(vq_feature(&set, VQ_BLK_F_MQ));
    assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_NUM_QUEUES, 2), RIG_QUEUES);
    assert_int_equal(rig->model->ops->queue_count(rig->model), RIG_QUEUES);
    rig_free(rig);
    config.queue_count = 1;
    set = offer_of(config);
    assert_false(vq_feature(&set, VQ_BLK_F_MQ));
    rig = rig_make(&config);
    assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_NUM_QUEUES, 2), 0);
    assert_int_equal(rig->model->ops->queue_count(rig->model), 1);
    rig_free(rig);
}

static const struct {
    uint32_t offset, bytes;
    uint64_t value;
} fields[] = {
    {VQ_BLK_CONFIG_CAPACITY, 8, RIG_SECTORS},
    {VQ_BLK_CONFIG_SIZE_MAX, 4, 0x123456},
    {VQ_BLK_CONFIG_SEG_MAX, 4, 17},
    {VQ_BLK_CONFIG_CYLINDERS, 4, 0},
    {VQ_BLK_CONFIG_BLK_SIZE, 4, 1024},
    {VQ_BLK_CONFIG_PHYSICAL_BLOCK_EXP, 1, 2},
    {VQ_BLK_CONFIG_ALIGNMENT_OFFSET, 1, 3},
    {VQ_BLK_CONFIG_MIN_IO_SIZE, 2, 0x405},
    {VQ_BLK_CONFIG_OPT_IO_SIZE, 4, 0x607},
    {VQ_BLK_CONFIG_WRITEBACK, 1, 1},
    {33, 1, 0}, /* unused0 */
    {VQ_BLK_CONFIG_NUM_QUEUES, 2, RIG_QUEUES},
    {VQ_BLK_CONFIG_MAX_DISCARD_SECTORS, 4, 32},
    {VQ_BLK_CONFIG_MAX_DISCARD_SEG, 4, 4},
    {VQ_BLK_CONFIG_DISCARD_SECTOR_ALIGNMENT, 4, 1},
    {VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SECTORS, 4, 16},
    {VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SEG, 4, 4},
    {VQ_BLK_CONFIG_WRITE_ZEROES_MAY_UNMAP, 1, 1},
    {57, 3, 0}, /* unused1 */
    {60, 8, 0},
    {68, 8, 0},
    {76, 8, 0},
    {84, 8, 0},
    {92, 4, 0},
    {4000000000u, 8, 0},
};

static struct vq_blk_device_config full_config(void)
{
    struct vq_blk_device_config config = rig_defaults();

    config.block_size = 1024;
    config.physical_block_exp = 2;
    config.alignment_offset = 3;
    config.min_io_size = 0x405;
    config.opt_io_size = 0x607;
    config.seg_max = 17;
    config.size_max = 0x123456;
    return config;
}

static void expect_fields(const struct rig *rig, bool big)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        uint8_t raw[8], want[8];

        rig->model->ops->read_config(rig->model, fields[i].offset, raw, fields[i].bytes);
        rig_put(want, fields[i].value, fields[i].bytes, big);
        assert_memory_equal(raw, want, fields[i].bytes);
    }
}

static void config_little(void **state)
{
    struct vq_blk_device_config config = full_config();
    struct rig *rig = rig_make(&config);

    (void)state;
    expect_fields(rig, false); /* before features are chosen */
    rig_negotiate(rig, -1);
    expect_fields(rig, false);
    rig_free(rig);
}

static void config_legacy(void **state)
{
    struct vq_blk_device_config config = full_config();
    struct rig *rig = rig_make(&config);

    (void)state;
    rig->dev.model.big_endian = true;
    expect_fields(rig, true);
    rig_negotiate(rig, VQ_F_VERSION_1);
    expect_fields(rig, true);
    rig->dev.model.big_endian = false;
    expect_fields(rig, false);
    rig_free(rig);
}

static void unoffered_fields(void **state)
{
    struct vq_blk_device_config config = full_config();
    uint8_t raw[52];
    struct rig *rig;

    (void)state;
    memset(&config.without, 0xff, sizeof config.without);
    rig = rig_make(&config);
    rig->model->ops->read_config(rig->model, 8, raw, sizeof raw);
    for (size_t i = 0; i < sizeof raw; i++)
        assert_int_equal(raw[i], 0);
    rig_free(rig);
}

static void flush_offer(void **state)
{
    struct vq_blk_device_config config = rig_defaults();
    struct vq_features set = offer_of(config);

    (void)state;
    assert_true(vq_feature(&set, VQ_BLK_F_FLUSH));
    assert_true(vq_feature(&set, VQ_BLK_F_CONFIG_WCE));
    config.no_flush = true;
    set = offer_of(config);
    assert_false(vq_feature(&set, VQ_BLK_F_FLUSH));
    assert_false(vq_feature(&set, VQ_BLK_F_CONFIG_WCE));
    config.no_flush = false;
    vq_feature_set(&config.without, VQ_BLK_F_FLUSH);
    set = offer_of(config);
    assert_false(vq_feature(&set, VQ_BLK_F_FLUSH));
    assert_false(vq_feature(&set, VQ_BLK_F_CONFIG_WCE));
}

static void never_offered(void **state)
{
    (void)state;
    for (int legacy = 0; legacy < 2; legacy++) {
        struct vq_blk_device_config config = full_config();
        struct vq_features set;

        if (legacy)
            vq_feature_set(&config.without, VQ_F_VERSION_1);
        set = offer_of(config);
        assert_int_equal(vq_feature(&set, VQ_F_VERSION_1), !legacy);
        assert_false(vq_feature(&set, VQ_BLK_F_ZONED));
        assert_false(vq_feature(&set, VQ_BLK_F_LIFETIME));
        assert_false(vq_feature(&set, VQ_BLK_F_SECURE_ERASE));
        assert_false(vq_feature(&set, VQ_BLK_F_SCSI));
        assert_false(vq_feature(&set, VQ_BLK_F_BARRIER));
        assert_false(vq_feature(&set, VQ_BLK_F_GEOMETRY));
        assert_false(vq_feature(&set, 30));
        assert_true(vq_feature(&set, VQ_F_ANY_LAYOUT));
        for (unsigned bit = 36; bit < 128; bit++)
            assert_false(vq_feature(&set, bit));
    }
}

static void subsets(void **state)
{
    struct vq_blk_device_config config = full_config();
    struct rig *rig = rig_make(&config);
    struct vq_features set = rig->model->ops->offered(rig->model);
    struct vq_random random = {3};

    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct vq_features some = set;

        for (unsigned w = 0; w < 2; w++)
            some.word[w] &= (uint32_t)vq_random(&random);
        if (!vq_feature(&some, VQ_F_VERSION_1))
            some.word[1] = 0; /* a legacy driver sees no more */
        assert_int_equal(rig->model->ops->accept(rig->model, &some), VQ_OK);
        rig->model->ops->reset(rig->model);
        assert_int_equal(rig->model->ops->accept(rig->model, &some), VQ_OK);
        rig->model->ops->reset(rig->model);
    }
    for (unsigned bit = 0; bit < 128; bit++) {
        struct vq_features more = set;

        vq_feature_set(&more, bit);
        assert_int_equal(rig->model->ops->accept(rig->model, &more),
                         vq_feature(&set, bit) ? VQ_OK : VQ_ERR_UNSUPPORTED);
    }
    rig_free(rig);
}

/* Whoever has not taken VERSION_1 is a legacy driver, and knows the first 32 features. */
static void high_bits(void **state)
{
    static const unsigned bits[] = {VQ_F_RING_PACKED, VQ_F_IN_ORDER};
    struct vq_blk_device_config config = rig_defaults();
    struct rig *rig = rig_make(&config);

    (void)state;
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        struct vq_features set = rig->model->ops->offered(rig->model);

        assert_true(vq_feature(&set, bits[i]));
        rig_leave(&set, VQ_F_VERSION_1);
        assert_int_equal(rig->model->ops->accept(rig->model, &set), VQ_OK);
        rig->model->ops->reset(rig->model);
        vq_feature_set(&set, bits[i]);
        assert_int_equal(rig->model->ops->accept(rig->model, &set), VQ_ERR_UNSUPPORTED);
        vq_feature_set(&set, VQ_F_VERSION_1);
        assert_int_equal(rig->model->ops->accept(rig->model, &set), VQ_OK);
        rig->model->ops->reset(rig->model);
    }
    rig_free(rig);
}

static void resize(void **state)
{
    struct vq_blk_device_config config = rig_defaults();
    struct rig *rig;

    (void)state;
    config.capacity = RIG_SECTORS / 2;
    rig = rig_make(&config);
    rig_negotiate(rig, -1);
    assert_int_equal(rig_read(rig, RIG_SECTORS / 2, 512, NULL), VQ_BLK_S_IOERR);
    assert_int_equal(vq_blk_device_resize(&rig->dev, RIG_SECTORS), VQ_OK);
    assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_CAPACITY, 8), RIG_SECTORS);
    assert_int_equal(rig_read(rig, RIG_SECTORS - 1, 512, NULL), VQ_BLK_S_OK);
    assert_int_equal(rig_read(rig, RIG_SECTORS, 512, NULL), VQ_BLK_S_IOERR);
    assert_int_equal(vq_blk_device_resize(&rig->dev, 1), VQ_OK);
    assert_int_equal(rig_read(rig, 0, 512, NULL), VQ_BLK_S_OK);
    assert_int_equal(rig_read(rig, 1, 512, NULL), VQ_BLK_S_IOERR);
    assert_int_equal(vq_blk_device_resize(&rig->dev, UINT64_MAX / 512 + 1), VQ_ERR_RANGE);
    assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_CAPACITY, 8), 1);
    rig_free(rig);
}

/* The driver hears of it, and reads the new number whole. */
static void resize_is_told(void **state)
{
    struct vq_blk_device_config config = rig_defaults();
    struct vq_model_queue queues[RIG_QUEUES];
    struct vq_loopback loop;
    uint8_t raw[8];
    struct rig *rig = rig_make(&config);

    (void)state;
    assert_int_equal(
        vq_loopback_init(&loop, &(struct vq_loopback_config){.model = rig->model,
                                                             .memory = &rig->map,
                                                             .queues = queues,
                                                             .queue_count = RIG_QUEUES}),
        VQ_OK);
    assert_int_equal(
        vq_transport_init_device(
            &loop.transport, &(struct vq_plan){.wanted = rig_wanted(rig), .patience = 10}, NULL),
        VQ_OK);
    assert_int_equal(vq_transport_take_events(&loop.transport), 0);
    assert_int_equal(vq_blk_device_resize(&rig->dev, UINT64_C(0x100000001)), VQ_OK);
    vq_loopback_config_changed(&loop);
    assert_int_equal(vq_transport_take_events(&loop.transport), VQ_EVENT_CONFIG);
    assert_int_equal(vq_transport_read_config(&loop.transport, VQ_BLK_CONFIG_CAPACITY, raw, 8),
                     VQ_OK);
    assert_true(vq_transport_config64(&loop.transport, raw) == UINT64_C(0x100000001));
    assert_int_equal(vq_transport_take_events(&loop.transport), 0);
    assert_int_equal(vq_transport_reset(&loop.transport, 10), VQ_OK);
    rig_free(rig);
}

static void zoned_declined(void **state)
{
    struct rig *rig = rig_new();
    uint8_t raw[24];

    (void)state;
    rig->model->ops->read_config(rig->model, VQ_BLK_CONFIG_ZONED, raw, sizeof raw);
    for (size_t i = 0; i < sizeof raw; i++)
        assert_int_equal(raw[i], 0);
    assert_int_equal(rig_read(rig, 0, 512, NULL), VQ_BLK_S_OK);
    for (uint32_t type = VQ_BLK_T_ZONE_APPEND; type <= VQ_BLK_T_ZONE_RESET_ALL; type++) {
        struct rig_request r = rig_new_request(rig, type, 0, 512, 0);

        assert_int_equal(rig_simple(rig, type), VQ_BLK_S_UNSUPP);
        assert_int_equal(rig_go(rig, &r), VQ_BLK_S_UNSUPP);
        r = rig_new_request(rig, type, 0, 0, 4096);
        assert_int_equal(rig_go(rig, &r), VQ_BLK_S_UNSUPP);
    }
    assert_true(rig_disk_untouched(rig));
    rig_free(rig);
}

static void unknown_types(void **state)
{
    struct rig *rig = rig_new();

    (void)state;
    for (uint32_t type = 0; type < 300; type++) {
        bool known = type == 0 || type == 1 || type == 4 || type == 8 || type == 11 || type == 13;
        assert_int_equal(rig_simple(rig, type), known ? VQ_BLK_S_OK : VQ_BLK_S_UNSUPP);
    }
    assert_int_equal(rig_simple(rig, VQ_BLK_T_BARRIER | VQ_BLK_T_OUT), VQ_BLK_S_UNSUPP);
    assert_int_equal(rig_simple(rig, UINT32_MAX), VQ_BLK_S_UNSUPP);
    /* And the three statuses each have their case. */
    assert_int_equal(rig_read(rig, 0, 512, NULL), 0);
    assert_int_equal(rig_read(rig, RIG_SECTORS, 512, NULL), 1);
    assert_int_equal(rig_simple(rig, 99), 2);
    rig_free(rig);
}

static void read_only(void **state)
{
    struct vq_blk_device_config config = rig_defaults();
    struct vq_features set;
    struct rig *rig;

    (void)state;
    config.read_only = true;
    set = offer_of(config);
    assert_true(vq_feature(&set, VQ_BLK_F_RO));
    /* Whether the driver takes RO or not. */
    for (int without = -1; without <= VQ_BLK_F_RO; without += VQ_BLK_F_RO + 1) {
        rig = rig_make(&config);
        rig_negotiate(rig, without);
        assert_int_equal(rig_write(rig, 0, 512, 9), VQ_BLK_S_IOERR);
        assert_int_equal(rig_one_range(rig, VQ_BLK_T_DISCARD, 0, 1, 0), VQ_BLK_S_IOERR);
        assert_int_equal(rig_one_range(rig, VQ_BLK_T_WRITE_ZEROES, 0, 1, 0), VQ_BLK_S_IOERR);
        assert_int_equal(rig->lane[0].log_count, 0);
        assert_true(rig_disk_untouched(rig));
        assert_int_equal(rig_read(rig, 0, 512, NULL), VQ_BLK_S_OK);
        assert_int_equal(rig_simple(rig, VQ_BLK_T_FLUSH), VQ_BLK_S_OK);
        assert_int_equal(rig_simple(rig, VQ_BLK_T_GET_ID), VQ_BLK_S_OK);
        rig_free(rig);
    }
}

static void unknown_flags(void **state)
{
    struct rig *rig = rig_new();

    (void)state;
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t flag = UINT32_C(1) << bit;

        assert_int_equal(rig_one_range(rig, VQ_BLK_T_DISCARD, 0, 1, flag), VQ_BLK_S_UNSUPP);
        assert_int_equal(rig_one_range(rig, VQ_BLK_T_WRITE_ZEROES, 0, 1, flag),
                         bit ? VQ_BLK_S_UNSUPP : VQ_BLK_S_OK);
        assert_int_equal(rig_one_range(rig, VQ_BLK_T_SECURE_ERASE, 0, 1, flag), VQ_BLK_S_UNSUPP);
    }
    assert_int_equal(rig->lane[0].log_count, 1);
    rig_free(rig);
}

static void discard_unmap(void **state)
{
    struct rig *rig = rig_new();

    (void)state;
    assert_int_equal(rig_one_range(rig, VQ_BLK_T_DISCARD, 0, 1, VQ_BLK_RANGE_UNMAP),
                     VQ_BLK_S_UNSUPP);
    assert_true(rig_disk_untouched(rig));
    assert_int_equal(rig_one_range(rig, VQ_BLK_T_DISCARD, 0, 1, 0), VQ_BLK_S_OK);
    rig_free(rig);
}

static void zeroes_read_back(void **state)
{
    (void)state;
    for (uint32_t unmap = 0; unmap < 2; unmap++) {
        struct rig *rig = rig_new();
        uint8_t got[6 * 512];

        assert_int_equal(rig_one_range(rig, VQ_BLK_T_WRITE_ZEROES, 10, 4, unmap), VQ_BLK_S_OK);
        assert_int_equal(rig->lane[0].log[0].may_trim, unmap);
        assert_int_equal(rig_read(rig, 9, sizeof got, got), VQ_BLK_S_OK);
        for (size_t i = 0; i < sizeof got; i++)
            if (i / 512 >= 1 && i / 512 <= 4)
                assert_int_equal(got[i], 0);
        assert_int_equal(got[0], rig->disk[9 * 512]);
        assert_int_equal(got[5 * 512], (uint8_t)(14 * 7 + 14 * 512 % 251 + 1));
        rig_free(rig);
    }
}

static void may_unmap(void **state)
{
    (void)state;
    for (unsigned may = 0; may < 2; may++) {
        struct vq_blk_device_config config = rig_defaults();
        struct rig *rig;

        config.write_zeroes_may_unmap = may;
        rig = rig_make(&config);
        rig_negotiate(rig, -1);
        assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_WRITE_ZEROES_MAY_UNMAP, 1), may);
        assert_int_equal(rig_one_range(rig, VQ_BLK_T_WRITE_ZEROES, 0, 1, VQ_BLK_RANGE_UNMAP),
                         VQ_BLK_S_OK);
        assert_int_equal(rig->lane[0].log[0].may_trim, may);
        rig_free(rig);
    }
}

/* One OUT and one WRITE ZEROES: both of them durable, or neither. */
static void expect_durable(struct rig *rig, bool durable)
{
    struct rig_lane *l = &rig->lane[0];

    l->log_count = 0;
    assert_int_equal(rig_write(rig, 0, 512, 1), VQ_BLK_S_OK);
    assert_int_equal(rig_one_range(rig, VQ_BLK_T_WRITE_ZEROES, 0, 1, 0), VQ_BLK_S_OK);
    assert_int_equal(l->log_count, 2);
    assert_int_equal(l->log[0].durable, durable);
    assert_int_equal(l->log[1].durable, durable);
}

static struct rig *cache_rig(bool flush, bool wce, bool version_1)
{
    struct vq_blk_device_config config = rig_defaults();
    struct rig *rig = rig_make(&config);

    rig->features = rig_wanted(rig);
    if (!flush)
        vq_feature_clear(&rig->features, VQ_BLK_F_FLUSH);
    if (!wce)
        vq_feature_clear(&rig->features, VQ_BLK_F_CONFIG_WCE);
    if (!version_1)
        rig_leave(&rig->features, VQ_F_VERSION_1);
    return rig;
}

static void cache_start(struct rig *rig)
{
    assert_int_equal(rig->model->ops->accept(rig->model, &rig->features), VQ_OK);
    rig_start(rig);
}

static enum vq_error set_writeback(struct rig *rig, uint8_t value)
{
    return rig->model->ops->write_config(rig->model, VQ_BLK_CONFIG_WRITEBACK, &value, 1);
}

static struct rig *turned_rig;
static struct rig_request turned_write;

/* While the queue is being served, the control thread turns the cache off, and a write follows. */
static size_t reap_and_turn(struct vq_blk_lane *lane, struct vq_blk_io *ios[], size_t count,
                            bool wait)
{
    struct rig *rig = turned_rig;

    lane->ops = &rig_lane_ops;
    assert_int_equal(set_writeback(rig, 0), VQ_OK);
    turned_write = rig_new_request(rig, VQ_BLK_T_OUT, 1, 512, 0);
    rig_add(rig, 0, &turned_write, NULL, NULL);
    return rig_reap(lane, ios, count, wait);
}

static void write_through_at_once(void **state)
{
    static const struct vq_blk_lane_ops turning = {"turning", rig_submit, reap_and_turn,
                                                   rig_wait_fd};
    struct rig *rig = cache_rig(true, true, true);
    struct rig_lane *l = &rig->lane[0];
    struct rig_request r;

    (void)state;
    cache_start(rig);
    turned_rig = rig;
    l->hold = true;
    r = rig_new_request(rig, VQ_BLK_T_OUT, 0, 512, 0);
    rig_add(rig, 0, &r, NULL, NULL);
    (void)rig_run(rig, 0);
    assert_int_equal(l->log_count, 1);
    assert_false(l->log[0].durable);
    l->lane.ops = &turning;
    (void)rig_run(rig, 0);
    assert_int_equal(l->log_count, 2);
    assert_true(l->log[1].durable);
    rig_free(rig);
}

static void write_through_driver(void **state)
{
    struct rig *rig = cache_rig(false, false, true);

    (void)state;
    cache_start(rig);
    expect_durable(rig, true);
    /* It completes only when the lane says so. */
    rig_free(rig);
    rig = cache_rig(true, false, true);
    cache_start(rig);
    expect_durable(rig, false);
    rig_free(rig);
}

static void write_through_field(void **state)
{
    struct rig *rig = cache_rig(true, true, true);

    (void)state;
    cache_start(rig);
    expect_durable(rig, false);
    assert_int_equal(set_writeback(rig, 0), VQ_OK);
    assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_WRITEBACK, 1), 0);
    expect_durable(rig, true);
    assert_int_equal(set_writeback(rig, 1), VQ_OK);
    expect_durable(rig, false);
    rig_free(rig);
}

static void wce_without_flush(void **state)
{
    struct rig *rig = cache_rig(false, true, true);

    (void)state;
    cache_start(rig);
    assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_WRITEBACK, 1), 0);
    expect_durable(rig, true);
    rig_free(rig);
}

static void legacy_cache(void **state)
{
    struct rig *rig;

    (void)state;
    /* Set before any feature is chosen, kept through the choice and the start. */
    for (unsigned flush = 0; flush < 2; flush++)
        for (uint8_t value = 0; value < 2; value++) {
            rig = cache_rig(flush, true, false);
            assert_int_equal(set_writeback(rig, value), VQ_OK);
            assert_int_equal(rig->model->ops->accept(rig->model, &rig->features), VQ_OK);
            assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_WRITEBACK, 1), value);
            rig_start(rig);
            assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_WRITEBACK, 1), value);
            expect_durable(rig, !value);
            rig_free(rig);
        }
    /* Without CONFIG_WCE it is FLUSH that decides, whatever the field was. */
    for (unsigned flush = 0; flush < 2; flush++) {
        rig = cache_rig(flush, false, false);
        assert_int_equal(set_writeback(rig, !flush), VQ_OK);
        cache_start(rig);
        expect_durable(rig, !flush);
        rig_free(rig);
    }
}

static void config_writes(void **state)
{
    struct rig *rig = rig_new();
    uint8_t all[60], byte = 1;

    (void)state;
    for (uint32_t offset = 0; offset < 70; offset++) {
        rig->model->ops->read_config(rig->model, offset, &byte, 1);
        byte ^= 1;
        assert_int_equal(rig->model->ops->write_config(rig->model, offset, &byte, 1) == VQ_OK,
                         offset == VQ_BLK_CONFIG_WRITEBACK);
    }
    assert_int_equal(set_writeback(rig, 2), VQ_ERR_RANGE);
    assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_WRITEBACK, 1), 0);
    /* All of it, as it is but for the one field. */
    rig->model->ops->read_config(rig->model, 0, all, sizeof all);
    all[VQ_BLK_CONFIG_WRITEBACK] = 1;
    assert_int_equal(rig->model->ops->write_config(rig->model, 0, all, sizeof all), VQ_OK);
    assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_WRITEBACK, 1), 1);
    all[0] ^= 1;
    all[VQ_BLK_CONFIG_WRITEBACK] = 0;
    assert_int_not_equal(rig->model->ops->write_config(rig->model, 0, all, sizeof all), VQ_OK);
    assert_int_equal(rig->model->ops->write_config(rig->model, 0, all, 61), VQ_ERR_RANGE);
    assert_int_equal(rig->model->ops->write_config(rig->model, UINT32_MAX, all, 2), VQ_ERR_RANGE);
    assert_int_equal(rig_config(rig, VQ_BLK_CONFIG_WRITEBACK, 1), 1);
    rig_free(rig);
    /* Without CONFIG_WCE it is not the driver's. */
    rig = cache_rig(true, false, true);
    cache_start(rig);
    assert_int_equal(set_writeback(rig, 0), VQ_ERR_UNSUPPORTED);
    rig_free(rig);
}

static void flush_waits(void **state)
{
    struct rig *rig = rig_new();
    struct rig_lane *l = &rig->lane[0];
    struct rig_request flush;
    struct vq_done done;

    (void)state;
    assert_int_equal(rig_write(rig, 0, 512, 1), VQ_BLK_S_OK);
    l->hold = true;
    flush = rig_new_request(rig, VQ_BLK_T_FLUSH, 0, 0, 0);
    rig_add(rig, 0, &flush, NULL, NULL);
    (void)rig_run(rig, 0);
    /* The lane has it, after the write came back, and until it says so the driver hears nothing. */
    assert_int_equal(l->log_count, 2);
    assert_int_equal(l->log[0].type, VQ_BLK_IO_WRITE);
    assert_int_equal(l->log[1].type, VQ_BLK_IO_FLUSH);
    (void)rig_run(rig, 0);
    assert_false(rig_get(rig, 0, &done));
    rig_release(l, 0);
    (void)rig_run(rig, 0);
    assert_true(rig_get(rig, 0, &done));
    assert_int_equal(rig_status(rig, &flush), VQ_BLK_S_OK);
    rig_free(rig);
}

static void serials(void **state)
{
    static const char *const texts[] = {"", "x", "nineteen bytes long", "twenty bytes of text",
                                        "twenty-one bytes, no more"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct vq_blk_device_config config = rig_defaults();
        struct rig_request r;
        struct rig *rig;
        uint8_t want[20] = {0};

        memcpy(want, texts[i], strlen(texts[i]) < 20 ? strlen(texts[i]) : 20);
        config.serial = texts[i];
        rig = rig_make(&config);
        rig_negotiate(rig, -1);
        r = rig_new_request(rig, VQ_BLK_T_GET_ID, 0, 0, 20);
        assert_int_equal(rig_go(rig, &r), VQ_BLK_S_OK);
        assert_memory_equal(rig_in(rig, &r), want, 20);
        rig_free(rig);
    }
}

/* A big-endian legacy driver: header in its order, ranges little-endian as ever. */
static void legacy_requests(void **state)
{
    (void)state;
    for (unsigned big = 0; big < 2; big++) {
        struct vq_blk_device_config config = rig_defaults();
        struct rig *rig;
        uint8_t got[1024];

        vq_feature_set(&config.without, VQ_F_VERSION_1);
        rig = rig_make(&config);
        rig->big = big;
        rig_negotiate(rig, -1);
        assert_int_equal(rig_read(rig, 7, sizeof got, got), VQ_BLK_S_OK);
        assert_memory_equal(got, rig->disk + 7 * 512, sizeof got);
        assert_int_equal(rig_write(rig, 9, 512, 0x77), VQ_BLK_S_OK);
        assert_int_equal(rig->disk[9 * 512], 0x77);
        assert_int_equal(rig_one_range(rig, VQ_BLK_T_WRITE_ZEROES, 9, 1, 0), VQ_BLK_S_OK);
        assert_int_equal(rig->disk[9 * 512], 0);
        rig_free(rig);
    }
}

static void flush_out(void **state)
{
    struct vq_blk_device_config config = rig_defaults();
    struct rig *rig = rig_make(&config);

    (void)state;
    rig_negotiate(rig, VQ_F_VERSION_1);
    assert_int_equal(rig_simple(rig, VQ_BLK_T_FLUSH_OUT), VQ_BLK_S_OK);
    assert_int_equal(rig->lane[0].log[0].type, VQ_BLK_IO_FLUSH);
    assert_int_equal(rig_simple(rig, VQ_BLK_T_SCSI_CMD), VQ_BLK_S_UNSUPP);
    rig_free(rig);
    rig = rig_new();
    assert_int_equal(rig_simple(rig, VQ_BLK_T_FLUSH_OUT), VQ_BLK_S_UNSUPP);
    rig_free(rig);
}

static void used_lengths(void **state)
{
    struct rig *rig = rig_new();
    struct rig_request r;

    (void)state;
    /* Readable bytes do not count; all writable ones up to the length were written. */
    r = rig_new_request(rig, VQ_BLK_T_OUT, 0, 4096, 0);
    assert_int_equal(rig_go(rig, &r), VQ_BLK_S_OK);
    assert_int_equal(r.written, 1);
    r = rig_new_request(rig, VQ_BLK_T_OUT, 0, 512, 300);
    assert_int_equal(rig_go(rig, &r), VQ_BLK_S_OK);
    assert_int_equal(r.written, 301);
    for (int i = 0; i < 300; i++)
        assert_int_not_equal(rig_in(rig, &r)[i], RIG_UNTOUCHED);
    r = rig_new_request(rig, 77, 0, 512, 300);
    assert_int_equal(rig_go(rig, &r), VQ_BLK_S_UNSUPP);
    assert_int_equal(r.written, 301);
    for (int i = 0; i < 300; i++)
        assert_int_not_equal(rig_in(rig, &r)[i], RIG_UNTOUCHED);
    rig_free(rig);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(capacity_in_sectors, "capacity counts 512 bytes [BLK-DEV-CFG-01]"),
        VQ_TEST(queue_counts, "num_queues goes with MQ [BLK-DEV-CFG-02]"),
        VQ_TEST(config_little, "fields are little-endian, before the choice of features too "
                               "[BASIC-DEV-CFG-01 BASIC-DEV-CFG-02 BASIC-DEV-CFG-03 "
                               "BLK-DEV-INIT-04]"),
        VQ_TEST(config_legacy, "legacy fields have the driver's order [BLK-DEV-LEGCFG-01 "
                               "BASIC-DEV-LEGCFG-01]"),
        VQ_TEST(unoffered_fields, "a field without its feature is 0"),
        VQ_TEST(flush_offer, "offers FLUSH, unless nothing is promised, and CONFIG_WCE only with "
                             "it [BLK-DEV-INIT-01 BLK-DEV-INIT-02 BLK-DEV-OP-17 "
                             "BASIC-DEV-FEAT-01]"),
        VQ_TEST(never_offered, "offers nothing that it does not do [BLK-DEV-INIT-05 "
                               "BLK-DEV-INIT-06 BLK-DEV-OP-19 FEAT-DEV-01 FEAT-DEV-LEG-03 "
                               "FEAT-DEV-LEG-04 FEAT-DEV-11 BASIC-DEV-FEAT-04]"),
        VQ_TEST(subsets, "takes any subset of its offer, after a reset too, and nothing else "
                         "[BASIC-DEV-FEAT-02 BASIC-DEV-FEAT-05]"),
        VQ_TEST(high_bits, "takes no feature beyond the 32nd without VERSION_1 "
                           "[BASIC-DEV-LEGFEAT-01]"),
        VQ_TEST(resize, "a disk that grew or shrank ends where it says [BLK-DEV-OP-01]"),
        VQ_TEST(resize_is_told, "a new capacity is told to the driver [BLK-DEV-OP-02]"),
        VQ_TEST(zoned_declined, "is no zoned disk, and says so to zone requests "
                                "[BLK-DEV-INIT-07 BLK-DEV-ZONE-01]"),
        VQ_TEST(unknown_types, "a type that is not known is UNSUPP [BLK-DEV-OP-21]"),
        VQ_TEST(read_only, "a read-only disk is not written [BLK-DEV-OP-03 BLK-DEV-OP-04 "
                           "BLK-DEV-OP-23]"),
        VQ_TEST(unknown_flags, "a flag that is not known is UNSUPP [BLK-DEV-OP-05]"),
        VQ_TEST(discard_unmap, "discard knows no unmap [BLK-DEV-OP-06]"),
        VQ_TEST(zeroes_read_back, "write zeroes reads back as zeroes [BLK-DEV-OP-09]"),
        VQ_TEST(may_unmap, "write_zeroes_may_unmap says what may happen [BLK-DEV-OP-10]"),
        VQ_TEST(write_through_driver, "without FLUSH, a write is committed first "
                                      "[BLK-DEV-OP-13]"),
        VQ_TEST(write_through_field, "with writeback 0, a write is committed first "
                                     "[BLK-DEV-OP-14]"),
        VQ_TEST(write_through_at_once, "a write that follows writeback 0 is committed first, "
                                       "however busy the queue [BLK-DEV-OP-14]"),
        VQ_TEST(wce_without_flush, "CONFIG_WCE without FLUSH begins with 0 [BLK-DEV-INIT-03]"),
        VQ_TEST(legacy_cache, "a legacy driver's writeback stays as it was set "
                              "[BLK-DEV-LEGINIT-01 BLK-DEV-LEGINIT-02 BLK-DEV-LEGINIT-03]"),
        VQ_TEST(config_writes, "only writeback can be written [BUG-56]"),
        VQ_TEST(flush_waits, "a flush ends when the medium has all [BLK-DEV-OP-15]"),
        VQ_TEST(serials, "GET_ID gives 20 bytes [BLK-DEV-OP-22]"),
        VQ_TEST(legacy_requests, "a legacy driver's requests have its order [BLK-DEV-LEGOP-01 "
                                 "BASIC-DEV-LEGFEAT-01 BASIC-DEV-TRANS-01]"),
        VQ_TEST(flush_out, "FLUSH_OUT flushes for legacy drivers [BLK-DEV-LEGOP-02 "
                           "BLK-DRV-LEGOP-03]"),
        VQ_TEST(used_lengths, "the used length counts what was written [SPLIT-DEV-USED-02]"),
    };
    return VQ_RUN(tests);
}
