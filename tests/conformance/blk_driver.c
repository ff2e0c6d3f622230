/* The rows of the block device's driver, over the loopback, against a device of a test's words. */
#include "blk_script.h"

#include <vq/status.h>

static void legacy_config(void **state)
{
    (void)state;
    make_legacy();
    for (unsigned big = HOST_BIG; big < 2; big++) {
        b.big = big;
        fill_config();
        put(VQ_BLK_CONFIG_CAPACITY, UINT64_C(0x1020304050607), 8);
        assert_int_equal(open_disk(), VQ_OK);
        assert_true(vq_transport_legacy(&b.loop.transport));
        assert_true(b.driver.facts.capacity == UINT64_C(0x1020304050607));
        assert_int_equal(b.driver.facts.seg_max, 4);
        assert_int_equal(b.driver.facts.block_size, 512);
        assert_int_equal(b.driver.facts.queue_count, QUEUES);
        assert_int_equal(b.driver.facts.max_write_zeroes_sectors, 50);
    }
}

static void legacy_header(void **state)
{
    static const uint8_t little[16] = {1, 0, 0, 0, 0, 0, 0, 0, 0x23, 1, 0, 0, 0, 0, 0, 0};
    static const uint8_t big_endian[16] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x23};
    (void)state;
    make_legacy();
    for (unsigned big = HOST_BIG; big < 2; big++) {
        b.big = big;
        fill_config();
        assert_int_equal(open_disk(), VQ_OK);
        b.script.count = 0;
        struct vq_blk_driver_request r = transfer(VQ_BLK_T_OUT, 0x123, 512);
        assert_int_equal(one(&r), VQ_OK);
        assert_memory_equal(b.script.seen[0].header, big ? big_endian : little, 16);
    }
}

/* A modern device has one order, whatever the driver's machine. */
static void modern_header(void **state)
{
    static const uint8_t little[16] = {1, 0, 0, 0, 0, 0, 0, 0, 0x23, 1, 0, 0, 0, 0, 0, 0};
    (void)state;
    b.big = true;
    for (unsigned i = 0; i < 8; i++)
        b.script.config[i] = (uint8_t)(UINT64_C(1000) >> (8 * i));
    for (uint32_t i = 8; i < VQ_BLK_CONFIG_SIZE; i++)
        b.script.config[i] = 0;
    b.script.offered = vq_features_from64(UINT64_C(1) << VQ_F_VERSION_1);
    assert_int_equal(open_disk(), VQ_OK);
    assert_true(b.driver.facts.capacity == 1000);
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_OUT, 0x123, 512);
    assert_int_equal(one(&r), VQ_OK);
    assert_memory_equal(b.script.seen[0].header, little, 16);
}

/* FLUSH is taken where it is offered and wanted, and then the requests are sent. */
static void flush_goes_with_flush(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 4; bits++) {
        (void)set_up(NULL);
        vq_feature_clear(&b.script.offered, VQ_BLK_F_CONFIG_WCE);
        if (bits & 1)
            vq_feature_clear(&b.script.offered, VQ_BLK_F_FLUSH);
        if (bits & 2)
            vq_feature_set(&b.options.without, VQ_BLK_F_FLUSH);
        assert_int_equal(open_disk(), VQ_OK);
        assert_int_equal(vq_feature(&b.script.chosen, VQ_BLK_F_FLUSH), bits == 0);
        struct vq_blk_driver_request r = {.type = VQ_BLK_T_FLUSH};
        assert_int_equal(one(&r), bits == 0 ? VQ_OK : VQ_ERR_UNSUPPORTED);
        assert_int_equal(b.script.count, bits == 0);
        assert_int_equal(b.driver.facts.flush, bits == 0);
    }
}

static void writeback_read_late(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    assert_int_equal(b.script.touched[VQ_BLK_CONFIG_WRITEBACK], 1);
    assert_true(b.script.status_at[VQ_BLK_CONFIG_WRITEBACK] & VQ_STATUS_FEATURES_OK);
    (void)set_up(NULL);
    vq_feature_clear(&b.script.offered, VQ_BLK_F_CONFIG_WCE);
    assert_int_equal(open_disk(), VQ_OK);
    assert_int_equal(b.script.touched[VQ_BLK_CONFIG_WRITEBACK], 0);
}

static void host_managed(void **state)
{
    (void)state;
    vq_feature_set(&b.script.offered, VQ_BLK_F_ZONED);
    b.script.config[VQ_BLK_CONFIG_ZONED_MODEL] = VQ_BLK_ZONED_HOST_MANAGED;
    assert_int_equal(open_disk(), VQ_ERR_UNSUPPORTED);
    assert_false(vq_feature(&b.loop.state.chosen, VQ_BLK_F_DISCARD));
    assert_false(vq_feature(&b.script.chosen, VQ_BLK_F_DISCARD));
    assert_int_equal(b.loop.state.status & VQ_STATUS_FEATURES_OK, 0);
    b.script.config[VQ_BLK_CONFIG_ZONED_MODEL] = VQ_BLK_ZONED_NONE;
    assert_int_equal(open_disk(), VQ_OK);
    assert_true(vq_feature(&b.script.chosen, VQ_BLK_F_DISCARD));
}

/* What was written before the switch is flushed by a request, not by belief. */
static void flush_after_switch(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    assert_int_equal(vq_blk_driver_set_writeback(&b.driver, true), VQ_OK);
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_OUT, 1, 512);
    assert_int_equal(one(&r), VQ_OK);
    assert_int_equal(vq_blk_driver_set_writeback(&b.driver, false), VQ_OK);
    assert_false(b.driver.facts.writeback);
    r = (struct vq_blk_driver_request){.type = VQ_BLK_T_FLUSH};
    assert_int_equal(one(&r), VQ_OK);
    assert_int_equal(b.script.count, 2);
    assert_int_equal(b.script.seen[1].type, VQ_BLK_T_FLUSH);
    /* And an error of it is no success. */
    b.script.status = VQ_BLK_S_IOERR;
    assert_int_equal(one(&r), VQ_ERR_IO);
}

/* Discarded sectors are read as any others are: the device says what stands there. */
static void discarded(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    struct vq_blk_driver_request r = {.type = VQ_BLK_T_DISCARD, .sector = 8, .sectors = 4};
    assert_int_equal(one(&r), VQ_OK);
    r = transfer(VQ_BLK_T_IN, 8, 2048);
    assert_int_equal(one(&r), VQ_OK);
    assert_int_equal(b.script.count, 2);
    assert_int_equal(b.done[0].bytes, 2048);
    for (unsigned i = 0; i < 2048; i++)
        assert_int_equal(arena[DATA + i], 0x5a);
}

/* One range a request, one answer a request: nothing is told of a part. */
static void failed_range(void **state)
{
    static const uint32_t types[] = {VQ_BLK_T_DISCARD, VQ_BLK_T_WRITE_ZEROES};
    (void)state;
    put32(VQ_BLK_CONFIG_MAX_DISCARD_SEG, 16);
    put32(VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SEG, 16);
    assert_int_equal(open_disk(), VQ_OK);
    for (unsigned i = 0; i < 2; i++) {
        struct vq_blk_driver_request r = {.type = types[i], .sector = 8, .sectors = 4};
        b.script.status = VQ_BLK_S_IOERR;
        assert_int_equal(one(&r), VQ_ERR_IO);
        assert_int_equal(b.done[0].bytes, 0);
        assert_int_equal(b.script.seen[i].bytes[1], VQ_BLK_RANGE_BYTES);
    }
}

/* Old devices whose writes are not what they say: the cache off, or a flush after each write. */
static void old_devices(void **state)
{
    (void)state;
    make_legacy();
    b.script.config[VQ_BLK_CONFIG_WRITEBACK] = 1;
    assert_int_equal(open_disk(), VQ_OK);
    assert_true(b.driver.facts.writeback);
    assert_int_equal(vq_blk_driver_set_writeback(&b.driver, false), VQ_OK);
    assert_int_equal(b.script.config[VQ_BLK_CONFIG_WRITEBACK], 0);
    assert_false(b.driver.facts.writeback);

    vq_feature_clear(&b.script.offered, VQ_BLK_F_CONFIG_WCE);
    assert_int_equal(open_disk(), VQ_OK);
    assert_int_equal(vq_blk_driver_set_writeback(&b.driver, false), VQ_ERR_UNSUPPORTED);
    for (unsigned i = 0; i < 3; i++) {
        struct vq_blk_driver_request r = transfer(VQ_BLK_T_OUT, i, 512);
        assert_int_equal(one(&r), VQ_OK);
        r = (struct vq_blk_driver_request){.type = VQ_BLK_T_FLUSH};
        assert_int_equal(one(&r), VQ_OK);
        assert_int_equal(b.script.seen[2 * i + 1].type, VQ_BLK_T_FLUSH);
    }
}

/* Types that belong to features that are never accepted are refused before the ring. */
static void never_sent(void **state)
{
    static const uint32_t types[] = {
        VQ_BLK_T_SCSI_CMD,     VQ_BLK_T_SCSI_CMD_OUT, VQ_BLK_T_FLUSH_OUT,
        VQ_BLK_T_GET_LIFETIME, VQ_BLK_T_SECURE_ERASE, VQ_BLK_T_ZONE_APPEND,
        VQ_BLK_T_ZONE_REPORT,  VQ_BLK_T_ZONE_OPEN,    VQ_BLK_T_ZONE_CLOSE,
        VQ_BLK_T_ZONE_FINISH,  VQ_BLK_T_ZONE_RESET,   VQ_BLK_T_ZONE_RESET_ALL};
    (void)state;
    for (unsigned bit = 0; bit < 24; bit++)
        vq_feature_set(&b.script.offered, bit);
    vq_feature_clear(&b.script.offered, VQ_BLK_F_RO);
    assert_int_equal(open_disk(), VQ_OK);
    assert_false(vq_feature(&b.script.chosen, VQ_BLK_F_ZONED));
    assert_false(vq_feature(&b.script.chosen, VQ_BLK_F_SECURE_ERASE));
    assert_false(vq_feature(&b.script.chosen, VQ_BLK_F_LIFETIME));
    assert_false(vq_feature(&b.script.chosen, VQ_BLK_F_SCSI));
    assert_false(vq_feature(&b.script.chosen, VQ_BLK_F_BARRIER));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct vq_blk_driver_request r = transfer(types[i], 0, 512);
        assert_int_equal(one(&r), VQ_ERR_UNSUPPORTED);
    }
    assert_int_equal(b.script.count, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_BLK_CASE(legacy_config, "legacy fields have the driver's order [BLK-DRV-LEGCFG-01]"),
        VQ_BLK_CASE(legacy_header, "legacy headers have the driver's order [BLK-DRV-LEGOP-01]"),
        VQ_BLK_CASE(modern_header, "with VERSION_1 all is little-endian"),
        VQ_BLK_CASE(flush_goes_with_flush, "FLUSH is accepted if flush requests will be sent "
                                           "[BLK-DRV-INIT-01]"),
        VQ_BLK_CASE(writeback_read_late, "writeback is not read before FEATURES_OK "
                                         "[BLK-DRV-INIT-04]"),
        VQ_BLK_CASE(host_managed, "nothing is accepted of a host-managed disk, DISCARD neither "
                                  "[BLK-DRV-INIT-06]"),
        VQ_BLK_CASE(flush_after_switch, "a flush is sent after the cache was turned off too "
                                        "[BLK-DRV-OP-13]"),
        VQ_BLK_CASE(discarded, "what was discarded is read from the device [BLK-DRV-OP-15]"),
        VQ_BLK_CASE(failed_range, "a failed discard is failed as a whole [BLK-DRV-OP-16]"),
        VQ_BLK_CASE(old_devices, "old devices can be had without a cache, or flushed each time "
                                 "[BLK-DRV-LEGOP-04 BLK-DRV-LEGOP-05]"),
        VQ_BLK_CASE(never_sent, "types of features that were not accepted are never sent"),
    };
    return VQ_RUN(tests);
}
