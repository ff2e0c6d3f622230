/* The block driver's requests and control side, against a device that does as it is told. */
#include "blk_script.h"

static void reads_and_writes(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 7, 1024);
    assert_int_equal(one(&r), VQ_OK);
    assert_int_equal(b.done[0].tag, 7);
    assert_int_equal(b.done[0].bytes, 1024);
    assert_int_equal(arena[DATA + 1023], 0x5a);
    assert_int_equal(b.script.seen[0].type, VQ_BLK_T_IN);
    assert_int_equal(b.script.seen[0].sector, 7);
    r = transfer(VQ_BLK_T_OUT, 999, 512);
    assert_int_equal(one(&r), VQ_OK);
    assert_int_equal(b.done[0].bytes, 0);
    assert_int_equal(b.script.seen[1].type, VQ_BLK_T_OUT);
    assert_int_equal(b.script.seen[1].readable, 2);
}

static void framing(void **state)
{
    (void)state;
    make_legacy();
    vq_feature_clear(&b.script.offered, VQ_F_ANY_LAYOUT);
    assert_int_equal(open_disk(), VQ_OK);
    assert_true(vq_transport_legacy(&b.loop.transport));
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_OUT, 0, 512);
    assert_int_equal(one(&r), VQ_OK);
    r = transfer(VQ_BLK_T_IN, 0, 512);
    assert_int_equal(one(&r), VQ_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(b.script.seen[i].segments, 3);
        assert_int_equal(b.script.seen[i].bytes[0], VQ_BLK_HEADER_BYTES);
        assert_int_equal(b.script.seen[i].bytes[1], 512);
        assert_int_equal(b.script.seen[i].bytes[2], VQ_BLK_STATUS_BYTES);
    }
    assert_int_equal(b.script.seen[0].readable, 2);
    assert_int_equal(b.script.seen[1].readable, 1);
}

static void beyond_the_end(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    static const struct {
        uint64_t sector;
        uint32_t bytes;
        enum vq_error error;
    } cases[] = {
        {1000, 512, VQ_ERR_RANGE},
        {999, 1024, VQ_ERR_RANGE},
        {UINT64_MAX, 512, VQ_ERR_RANGE},
        {UINT64_MAX, 1024, VQ_ERR_RANGE},
        {UINT64_C(1) << 55, 512, VQ_ERR_RANGE},
        {0, 513, VQ_ERR_INVALID},
        {0, 511, VQ_ERR_INVALID},
        {0, 0, VQ_ERR_INVALID},
        {0, 131072, VQ_ERR_RANGE}, /* SIZE_MAX */
        {999, 512, VQ_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, cases[i].sector, cases[i].bytes);
        assert_int_equal(one(&r), cases[i].error);
    }
    assert_int_equal(b.script.count, 1);
    struct vq_element many[5];
    for (size_t i = 0; i < 5; i++)
        many[i] = (struct vq_element){BASE + DATA, 512};
    struct vq_blk_driver_request r = {.type = VQ_BLK_T_IN, .data = many, .count = 5};
    assert_int_equal(one(&r), VQ_ERR_INVALID);
    r.count = 4;
    assert_int_equal(one(&r), VQ_OK);
}

static void flush_and_id(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    struct vq_blk_driver_request r = {.type = VQ_BLK_T_FLUSH, .sector = 77};
    assert_int_equal(one(&r), VQ_OK);
    assert_int_equal(b.script.seen[0].sector, 0);
    assert_int_equal(b.script.seen[0].segments, 2);
    r = transfer(VQ_BLK_T_FLUSH, 0, 512);
    assert_int_equal(one(&r), VQ_ERR_INVALID);
    r = transfer(VQ_BLK_T_GET_ID, 77, 20);
    assert_int_equal(one(&r), VQ_OK);
    assert_int_equal(b.done[0].bytes, 20);
    assert_int_equal(b.script.seen[1].sector, 0);
    r = transfer(VQ_BLK_T_GET_ID, 0, 19);
    assert_int_equal(one(&r), VQ_ERR_INVALID);
    r = transfer(VQ_BLK_T_ZONE_APPEND, 0, 512);
    assert_int_equal(one(&r), VQ_ERR_UNSUPPORTED);
}

static void ranges(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    struct vq_blk_driver_request r = {.type = VQ_BLK_T_DISCARD, .sector = 5, .sectors = 100};
    assert_int_equal(one(&r), VQ_OK);
    static const uint8_t wire[16] = {5, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(b.script.seen[0].bytes[1], 16);
    assert_memory_equal(b.script.seen[0].payload, wire, 16);
    r.unmap = true;
    assert_int_equal(one(&r), VQ_ERR_INVALID);
    r.unmap = false;
    r.sectors = 101;
    assert_int_equal(one(&r), VQ_ERR_RANGE);
    r = (struct vq_blk_driver_request){
        .type = VQ_BLK_T_WRITE_ZEROES, .sector = 950, .sectors = 50, .unmap = true};
    assert_int_equal(one(&r), VQ_OK);
    assert_int_equal(b.script.seen[1].bytes[1], 16);
    assert_int_equal(b.script.seen[1].payload[12], 1);
    r.sector = 951;
    assert_int_equal(one(&r), VQ_ERR_RANGE);
    r.sectors = 0;
    assert_int_equal(one(&r), VQ_ERR_INVALID);
}

static void legacy_ranges(void **state)
{
    static const uint8_t wire[16] = {5, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0};
    (void)state;
    make_legacy();
    for (unsigned big = 0; big < (HOST_BIG ? 1 : 2); big++) {
        struct vq_blk_driver_request r = {.type = VQ_BLK_T_DISCARD, .sector = 5, .sectors = 100};
        b.big = HOST_BIG || big;
        fill_config();
        assert_int_equal(open_disk(), VQ_OK);
        b.script.count = 0;
        assert_int_equal(one(&r), VQ_OK);
        assert_int_equal(b.script.seen[0].type, VQ_BLK_T_DISCARD);
        assert_memory_equal(b.script.seen[0].payload, wire, 16);
    }
}

static void no_range_segments(void **state)
{
    (void)state;
    put32(VQ_BLK_CONFIG_MAX_DISCARD_SEG, 0);
    put32(VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SEG, 0);
    assert_int_equal(open_disk(), VQ_OK);
    struct vq_blk_driver_request r = {.type = VQ_BLK_T_DISCARD, .sectors = 1};
    assert_int_equal(one(&r), VQ_ERR_UNSUPPORTED);
    r.type = VQ_BLK_T_WRITE_ZEROES;
    assert_int_equal(one(&r), VQ_ERR_UNSUPPORTED);
    assert_int_equal(b.script.count, 0);
}

/* The device takes two data elements, whatever the driver has room for. */
static void too_many_segments(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 4; bits++) {
        struct vq_element e[3] = {{BASE + DATA, 512}, {BASE + DATA, 512}, {BASE + DATA, 512}};
        struct vq_blk_driver_request r = {.type = VQ_BLK_T_IN, .data = e, .count = 3};

        (void)set_up(NULL);
        put32(VQ_BLK_CONFIG_SEG_MAX, 2);
        if (bits & 1)
            vq_feature_set(&b.script.offered, VQ_F_RING_PACKED);
        if (bits & 2)
            vq_feature_clear(&b.script.offered, VQ_F_INDIRECT_DESC);
        assert_int_equal(open_disk(), VQ_OK);
        assert_int_equal(vq_blk_driver_prepare(&b.queues[0], &r), VQ_ERR_INVALID);
        r.count = 2;
        assert_int_equal(one(&r), VQ_OK);
    }
}

static void read_only(void **state)
{
    (void)state;
    vq_feature_set(&b.script.offered, VQ_BLK_F_RO);
    assert_int_equal(open_disk(), VQ_OK);
    assert_true(vq_feature(&b.script.chosen, VQ_BLK_F_RO));
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_OUT, 0, 512);
    assert_int_equal(one(&r), VQ_ERR_UNSUPPORTED);
    r = (struct vq_blk_driver_request){.type = VQ_BLK_T_DISCARD, .sectors = 1};
    assert_int_equal(one(&r), VQ_ERR_UNSUPPORTED);
    r = transfer(VQ_BLK_T_IN, 0, 512);
    assert_int_equal(one(&r), VQ_OK);
}

static void statuses(void **state)
{
    (void)state;
    static const struct {
        uint8_t status;
        enum vq_error error;
    } cases[] = {
        {VQ_BLK_S_OK, VQ_OK}, {VQ_BLK_S_IOERR, VQ_ERR_IO}, {VQ_BLK_S_UNSUPP, VQ_ERR_UNSUPPORTED},
        {3, VQ_ERR_BROKEN},   {0xff, VQ_ERR_BROKEN},
    };
    assert_int_equal(open_disk(), VQ_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 0, 512);
        b.script.status = cases[i].status;
        assert_int_equal(one(&r), cases[i].error);
        assert_int_equal(b.done[0].bytes, cases[i].error == VQ_OK ? 512 : 0);
    }
    /* A status that was never written is not a success, whatever lay there before. */
    b.script.silent_status = true;
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 0, 512);
    assert_int_equal(one(&r), VQ_ERR_BROKEN);
}

static void used_length(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 0, 512);
    b.script.length = 512; /* the status is not among the bytes written */
    assert_int_equal(one(&r), VQ_ERR_BROKEN);
    assert_int_equal(b.done[0].bytes, 0);
    b.script.length = 0;
    assert_int_equal(one(&r), VQ_ERR_BROKEN);
    b.script.length = INT32_MAX; /* more than there is room for: clamped */
    assert_int_equal(one(&r), VQ_OK);
    assert_int_equal(b.done[0].bytes, 512);
}

static void used_length_ignored(void **state)
{
    (void)state;
    b.options.ignore_length = true;
    b.script.length = 0;
    assert_int_equal(open_disk(), VQ_OK);
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 0, 512);
    assert_int_equal(one(&r), VQ_OK);
    assert_int_equal(b.done[0].bytes, 512);
}

static void used_length_legacy(void **state)
{
    (void)state;
    make_legacy();
    b.script.length = 0;
    assert_int_equal(open_disk(), VQ_OK);
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 0, 512);
    assert_int_equal(one(&r), VQ_OK);
    b.script.status = VQ_BLK_S_IOERR;
    assert_int_equal(one(&r), VQ_ERR_IO);
}

static void many_in_flight(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    assert_int_equal(b.driver.queue_count, QUEUES);
    /* Without tables the ring is full before the slots are. */
    unsigned deep = vq_feature(&b.script.chosen, VQ_F_INDIRECT_DESC) ? 32 : SIZE / 3;
    b.script.backwards = true;
    for (unsigned round = 0; round < 100; round++)
        for (unsigned k = 0; k < QUEUES; k++) {
            struct vq_blk_driver_queue *q = &b.queues[k];
            unsigned n = 0;
            struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 0, 512);
            for (;; n++) {
                r = transfer(VQ_BLK_T_IN, n, 512);
                r.tag = round * 1000 + n;
                enum vq_error error = vq_blk_driver_prepare(q, &r);
                if (error == VQ_ERR_FULL)
                    break;
                assert_int_equal(error, VQ_OK);
            }
            assert_int_equal(n, deep);
            assert_int_equal(vq_blk_driver_in_flight(q), deep);
            assert_int_equal(vq_blk_driver_submit(q), VQ_OK);
            assert_int_equal(vq_blk_driver_wait(q, 0), VQ_OK);
            size_t got = 0;
            while (got < n) {
                size_t more = vq_blk_driver_reap(q, b.done + got, 7);
                assert_true(more != 0 && more <= 7);
                got += more;
            }
            for (unsigned i = 0; i < n; i++) {
                assert_int_equal(b.done[i].error, VQ_OK);
                assert_int_equal(b.done[i].tag, round * 1000 + (n - 1 - i));
            }
        }
}

static void packed(void **state)
{
    vq_feature_set(&b.script.offered, VQ_F_RING_PACKED);
    many_in_flight(state);
    assert_true(vq_feature(&b.script.chosen, VQ_F_RING_PACKED));
}

static void without_indirect(void **state)
{
    (void)state;
    vq_feature_set(&b.options.without, VQ_F_INDIRECT_DESC);
    vq_feature_set(&b.options.without, VQ_F_EVENT_IDX);
    assert_int_equal(open_disk(), VQ_OK);
    assert_false(vq_feature(&b.script.chosen, VQ_F_INDIRECT_DESC));
    assert_false(vq_feature(&b.script.chosen, VQ_F_EVENT_IDX));
    unsigned n = 0;
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 0, 512);
    while (vq_blk_driver_prepare(&b.queues[0], &r) == VQ_OK)
        n++;
    assert_int_equal(n, SIZE / 3); /* the ring is full before the slots are */
}

static void smaller_queue(void **state)
{
    (void)state;
    b.script.queue_size = 8;
    assert_int_equal(open_disk(), VQ_OK);
    assert_int_equal(b.queues[0].size, 8);
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 0, 512);
    assert_int_equal(one(&r), VQ_OK);
}

/* A legacy block of 32 is as large as one of 64, so that the ring's memory would do. */
static void fixed_size(void **state)
{
    (void)state;
    make_legacy();
    b.constraints = (struct vq_constraints){.format = VQ_FORMAT_LEGACY, .size_fixed = true};
    b.options.legacy_block = true;
    b.options.queue_size = SIZE / 2;
    assert_int_equal(open_disk(), VQ_ERR_SIZE);
    assert_int_equal(b.why.step, VQ_INIT_SETUP);
    b.options.queue_size = SIZE;
    assert_int_equal(open_disk(), VQ_OK);
    assert_int_equal(b.queues[0].size, SIZE);
}

static void reset_and_abandon(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    b.script.hold = true;
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 3, 512);
    assert_int_equal(vq_blk_driver_prepare(&b.queues[0], &r), VQ_OK);
    assert_int_equal(vq_blk_driver_prepare(&b.queues[0], &r), VQ_OK);
    assert_int_equal(vq_blk_driver_submit(&b.queues[0]), VQ_OK);
    assert_int_equal(vq_blk_driver_wait(&b.queues[0], 0), VQ_ERR_TIMEOUT);
    assert_int_equal(vq_blk_driver_reap(&b.queues[0], b.done, SIZE), 0);
    assert_true(b.script.running[0]);
    assert_int_equal(vq_blk_driver_close(&b.driver), VQ_OK);
    assert_false(b.script.running[0]);
    assert_int_equal(vq_blk_driver_abandon(&b.queues[0], b.done, SIZE), 2);
    assert_int_equal(b.done[0].tag, 3);
    assert_int_equal(b.done[0].error, VQ_ERR_BROKEN);
    assert_int_equal(vq_blk_driver_in_flight(&b.queues[0]), 0);
    b.script.hold = false;
    assert_int_equal(open_disk(), VQ_OK);
    assert_int_equal(one(&r), VQ_OK);
}

/* A device that needs a reset finishes nothing more: nobody waits for it. */
static void needs_reset(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    b.script.hold = true;
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 3, 512);
    assert_int_equal(vq_blk_driver_prepare(&b.queues[0], &r), VQ_OK);
    assert_int_equal(vq_blk_driver_submit(&b.queues[0]), VQ_OK);
    b.loop.state.status |= VQ_STATUS_NEEDS_RESET;
    assert_true(vq_transport_needs_reset(&b.loop.transport));
    assert_int_not_equal(vq_blk_driver_wait(&b.queues[0], -1), VQ_OK);
    assert_int_equal(vq_blk_driver_close(&b.driver), VQ_OK);
    assert_int_equal(vq_blk_driver_abandon(&b.queues[0], b.done, SIZE), 1);
    b.script.hold = false;
    assert_int_equal(open_disk(), VQ_OK);
    assert_int_equal(one(&r), VQ_OK);
}

static void lying_used_ring(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    b.script.hold = true;
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 3, 512);
    assert_int_equal(vq_blk_driver_prepare(&b.queues[0], &r), VQ_OK);
    assert_int_equal(vq_blk_driver_submit(&b.queues[0]), VQ_OK);
    /* The device says that 1000 buffers are used. */
    uint8_t *used = b.queues[0].ring.device_area;
    used[2] = 0xe8;
    used[3] = 0x03;
    assert_int_equal(vq_blk_driver_reap(&b.queues[0], b.done, SIZE), 0);
    assert_int_equal(vq_blk_driver_broken(&b.queues[0]), VQ_BROKEN_USED_JUMP);
    assert_int_equal(vq_blk_driver_prepare(&b.queues[0], &r), VQ_ERR_BROKEN);
    assert_int_equal(vq_blk_driver_wait(&b.queues[0], 0), VQ_ERR_BROKEN);
    /* The other queue lives on. */
    b.script.hold = false;
    assert_int_equal(vq_blk_driver_prepare(&b.queues[1], &r), VQ_OK);
    assert_int_equal(vq_blk_driver_submit(&b.queues[1]), VQ_OK);
    (void)vq_loopback_run(&b.loop);
    assert_int_equal(vq_blk_driver_reap(&b.queues[1], b.done, SIZE), 1);
}

static void hostile_config(void **state)
{
    (void)state;
    static const struct {
        uint32_t offset;
        uint32_t value;
        enum vq_error error;
    } cases[] = {
        {VQ_BLK_CONFIG_BLK_SIZE, 0, VQ_ERR_RANGE},
        {VQ_BLK_CONFIG_BLK_SIZE, 1, VQ_ERR_RANGE},
        {VQ_BLK_CONFIG_BLK_SIZE, 513, VQ_ERR_RANGE},
        {VQ_BLK_CONFIG_BLK_SIZE, 0xffffffff, VQ_ERR_RANGE},
        {VQ_BLK_CONFIG_BLK_SIZE, 4096, VQ_OK},
        {VQ_BLK_CONFIG_CAPACITY + 4, 0xffffffff, VQ_ERR_RANGE},
        {VQ_BLK_CONFIG_CAPACITY, 0, VQ_OK},
        {VQ_BLK_CONFIG_NUM_QUEUES, 0, VQ_ERR_RANGE},
        {VQ_BLK_CONFIG_SEG_MAX, 0, VQ_OK},
        {VQ_BLK_CONFIG_SEG_MAX, 0xffffffff, VQ_OK},
        {VQ_BLK_CONFIG_SIZE_MAX, 0, VQ_OK}, /* qemu-storage-daemon says so */
        {VQ_BLK_CONFIG_PHYSICAL_BLOCK_EXP, 0xffffffff, VQ_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)set_up(NULL);
        put32(cases[i].offset, cases[i].value);
        assert_int_equal(open_disk(), cases[i].error);
        assert_int_equal(b.why.step, cases[i].error == VQ_OK ? VQ_INIT_DONE : VQ_INIT_SETUP);
    }
}

static void odd_topology(void **state)
{
    static const struct {
        uint32_t block_size;
        uint8_t exp, taken;
    } cases[] = {{512, 0, 0},   {512, 3, 3},      {512, 22, 22},   {512, 23, 0},
                 {512, 31, 0},  {512, 32, 0},     {512, 255, 0},   {4096, 19, 19},
                 {4096, 20, 0}, {1u << 31, 0, 0}, {1u << 31, 1, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put32(VQ_BLK_CONFIG_BLK_SIZE, cases[i].block_size);
        put(VQ_BLK_CONFIG_PHYSICAL_BLOCK_EXP, cases[i].exp, 1);
        assert_int_equal(open_disk(), VQ_OK);
        assert_int_equal(b.driver.facts.physical_block_exp, cases[i].taken);
        assert_true((uint64_t)b.driver.facts.block_size << b.driver.facts.physical_block_exp <=
                    UINT32_MAX);
    }
}

static void config_untouched(void **state)
{
    (void)state;
    b.script.offered = vq_features_from64(UINT64_C(1) << VQ_F_VERSION_1);
    b.script.config_size = 8; /* all that such a device needs to have */
    assert_int_equal(open_disk(), VQ_OK);
    for (size_t i = 0; i < VQ_BLK_CONFIG_SIZE; i++)
        assert_int_equal(b.script.touched[i], i < 8);
    assert_int_equal(b.driver.queue_count, 1);
    assert_int_equal(b.driver.facts.block_size, 512);
    assert_false(b.driver.facts.writeback);
    b.script.config_size = 7;
    assert_int_equal(open_disk(), VQ_ERR_RANGE);
}

static void fields_beyond_the_end(void **state)
{
    (void)state;
    b.script.config_size = 36; /* MQ is there, DISCARD is offered without its fields */
    assert_int_equal(open_disk(), VQ_OK);
    assert_false(vq_feature(&b.script.chosen, VQ_BLK_F_DISCARD));
    assert_true(vq_feature(&b.script.chosen, VQ_BLK_F_MQ));
}

static void zoned(void **state)
{
    (void)state;
    vq_feature_set(&b.script.offered, VQ_BLK_F_ZONED);
    b.script.config[VQ_BLK_CONFIG_ZONED_MODEL] = VQ_BLK_ZONED_HOST_MANAGED;
    assert_int_equal(open_disk(), VQ_ERR_UNSUPPORTED);
    assert_int_equal(b.why.step, VQ_INIT_CHOOSE);
    uint8_t status;
    (void)b.loop.transport.ops->get_status(&b.loop.transport, &status);
    assert_int_equal(status, VQ_STATUS_ACKNOWLEDGE | VQ_STATUS_DRIVER | VQ_STATUS_FAILED);

    memset(b.script.touched, 0, sizeof b.script.touched);
    b.script.config[VQ_BLK_CONFIG_ZONED_MODEL] = VQ_BLK_ZONED_HOST_AWARE;
    assert_int_equal(open_disk(), VQ_OK);
    assert_false(vq_feature(&b.script.chosen, VQ_BLK_F_ZONED));
    for (size_t i = VQ_BLK_CONFIG_ZONED; i < VQ_BLK_CONFIG_ZONED_MODEL; i++)
        assert_int_equal(b.script.touched[i], 0);
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 3, 512);
    assert_int_equal(one(&r), VQ_OK);
}

static void caches(void **state)
{
    (void)state;
    vq_feature_clear(&b.script.offered, VQ_BLK_F_CONFIG_WCE);
    assert_int_equal(open_disk(), VQ_OK);
    assert_true(b.driver.facts.writeback);
    assert_int_equal(vq_blk_driver_set_writeback(&b.driver, false), VQ_ERR_UNSUPPORTED);
    vq_feature_clear(&b.script.offered, VQ_BLK_F_FLUSH);
    assert_int_equal(open_disk(), VQ_OK);
    assert_false(b.driver.facts.writeback);
    struct vq_blk_driver_request r = {.type = VQ_BLK_T_FLUSH};
    assert_int_equal(one(&r), VQ_ERR_UNSUPPORTED);
}

static void cache_choice(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    assert_false(b.driver.facts.writeback);
    assert_int_equal(vq_blk_driver_set_writeback(&b.driver, true), VQ_OK);
    assert_int_equal(b.script.config[VQ_BLK_CONFIG_WRITEBACK], 1);
    assert_true(b.driver.facts.writeback);
}

static void resize(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 1500, 512);
    assert_int_equal(one(&r), VQ_ERR_RANGE);
    put(VQ_BLK_CONFIG_CAPACITY, 2000, 8);
    vq_loopback_config_changed(&b.loop);
    assert_int_equal(vq_transport_take_events(&b.loop.transport) & VQ_EVENT_CONFIG,
                     VQ_EVENT_CONFIG);
    assert_int_equal(vq_blk_driver_refresh(&b.driver), VQ_OK);
    assert_int_equal(one(&r), VQ_OK);
    assert_int_equal(vq_transport_take_events(&b.loop.transport) & VQ_EVENT_CONFIG, 0);
}

static void refused(void **state)
{
    (void)state;
    b.script.refuse = true;
    assert_int_equal(open_disk(), VQ_ERR_UNSUPPORTED);
    assert_int_equal(b.why.step, VQ_INIT_FEATURES_OK);
    assert_false(b.script.running[0]);
}

static void suspended(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 0, 512);
    assert_int_equal(vq_blk_driver_prepare(&b.queues[0], &r), VQ_OK);
    b.loop.transport.suspended = true;
    assert_int_equal(vq_blk_driver_prepare(&b.queues[0], &r), VQ_ERR_STATE);
    assert_int_equal(vq_blk_driver_submit(&b.queues[0]), VQ_ERR_STATE);
    assert_false(vq_device_pending(&b.script.queue[0]));
    /* What was prepared before goes out, and is notified, after the resume. */
    b.loop.transport.suspended = false;
    assert_int_equal(vq_blk_driver_submit(&b.queues[0]), VQ_OK);
    (void)vq_loopback_run(&b.loop);
    assert_int_equal(vq_blk_driver_reap(&b.queues[0], b.done, SIZE), 1);
}

static void notification_data(void **state)
{
    (void)state;
    assert_int_equal(open_disk(), VQ_OK);
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 0, 512);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(vq_blk_driver_prepare(&b.queues[1], &r), VQ_OK);
    assert_int_equal(vq_blk_driver_submit(&b.queues[1]), VQ_OK);
    assert_int_equal(vq_loopback_notification(&b.loop, 1), 1u | 3u << 16);
    (void)vq_loopback_run(&b.loop);

    (void)set_up(NULL);
    vq_feature_set(&b.options.without, VQ_F_NOTIFICATION_DATA);
    assert_int_equal(open_disk(), VQ_OK);
    assert_int_equal(vq_blk_driver_prepare(&b.queues[1], &r), VQ_OK);
    assert_int_equal(vq_blk_driver_submit(&b.queues[1]), VQ_OK);
    assert_int_equal(vq_loopback_notification(&b.loop, 1), 1);
}

static void too_little_memory(void **state)
{
    (void)state;
    size_t shared, private_bytes;
    b.options.depth = SIZE + 1;
    assert_int_equal(vq_blk_driver_measure(&b.options, &shared, &private_bytes), VQ_ERR_INVALID);
    b.options.depth = 1;
    b.options.queue_size = 0;
    assert_int_equal(vq_blk_driver_measure(&b.options, &shared, &private_bytes), VQ_ERR_SIZE);
    /* The largest tables, 16 GiB: said in full, or refused where no size can say it. */
    b.options.queue_size = VQ_SIZE_MAX;
    b.options.segments = VQ_SIZE_MAX - 2;
    if (vq_blk_driver_measure(&b.options, &shared, &private_bytes) == VQ_OK) {
        /* In a type that is wide enough for the comparison on every machine. */
        const uint64_t said = shared, tables = VQ_WITH_INDIRECT ? UINT64_C(16) << 30 : 0;
        assert_true(said > tables);
    } else {
        assert_true(sizeof(size_t) == 4);
    }
    (void)set_up(NULL);
    assert_int_equal(open_disk(), VQ_OK);
    b.queue_memory[1].shared_bytes -= 16;
    assert_int_equal(vq_blk_driver_open(&b.driver, &b.loop.transport, b.queues, &b.options, &b.why),
                     VQ_ERR_NO_MEMORY);
    b.queue_memory[1].shared_bytes += 16;
    b.queue_memory[1].address += 8;
    assert_int_equal(vq_blk_driver_open(&b.driver, &b.loop.transport, b.queues, &b.options, &b.why),
                     VQ_ERR_ALIGN);
}

/* Firmware's way: rings of exactly their parts, anywhere, and the rest in the shared blocks. */
static void rings_in_parts_of_their_own(void **state)
{
    enum { RING = 16, APART = DATA - 16384 };
    struct vq_place placed[QUEUES];
    struct vq_queue_piece pieces[QUEUES][3];
    size_t with, without, private_bytes;
    (void)state;
    b.options.queue_size = RING;
    b.options.depth = 4;
    assert_int_equal(vq_blk_driver_measure(&b.options, &with, &private_bytes), VQ_OK);
    b.options.rings_apart = true;
    assert_int_equal(vq_blk_driver_measure(&b.options, &without, &private_bytes), VQ_OK);
    assert_int_equal(with - without, VQ_SPLIT_BYTES(RING));
    for (unsigned i = 0; i < QUEUES; i++) {
        static const uint32_t bytes[3] = {VQ_SPLIT_DEVICE_BYTES(RING), VQ_SPLIT_DRIVER_BYTES(RING),
                                          VQ_SPLIT_DESCRIPTOR_BYTES(RING)};
        for (unsigned k = 0; k < 3; k++) {
            uint32_t at = APART + i * 4096 + (2 - k) * 1024;
            pieces[i][k] = (struct vq_queue_piece){arena + at, BASE + at, bytes[k]};
        }
        b.queue_memory[i].rings =
            (struct vq_queue_memory){.pieces = pieces[i], .count = 3, .placed = &placed[i]};
    }
    assert_int_equal(open_disk(), VQ_OK);
    for (unsigned i = 0; i < QUEUES; i++) {
        assert_int_equal(placed[i].layout.size, RING);
        assert_int_equal(placed[i].address[VQ_DESCRIPTOR_AREA], pieces[i][2].address);
        assert_int_equal(placed[i].address[VQ_DRIVER_AREA], pieces[i][1].address);
        assert_int_equal(placed[i].address[VQ_DEVICE_AREA], pieces[i][0].address);
    }
    struct vq_blk_driver_request r = transfer(VQ_BLK_T_IN, 7, 1024);
    assert_int_equal(one(&r), VQ_OK);
    /* A smaller queue where the descriptors have less room, none where nothing has 16 bytes. */
    pieces[1][2].bytes = 15;
    assert_int_equal(open_disk(), VQ_OK);
    assert_int_equal(placed[1].layout.size, 4);
    pieces[1][0].bytes = pieces[1][1].bytes = 15;
    assert_int_equal(open_disk(), VQ_ERR_NO_MEMORY);
    assert_int_equal(b.why.step, VQ_INIT_SETUP);
}

static void static_memory(void **state)
{
    static const uint16_t cases[][3] = {{2, 1, 1}, {8, 2, 1}, {256, 64, 1}, {256, 20, 13}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint16_t size = cases[i][0], depth = cases[i][1], segments = cases[i][2];
        struct vq_blk_driver_options options = {
            .queue_size = size, .depth = depth, .segments = segments, .rings_apart = true};
        size_t shared, private_bytes;
        vq_feature_set(&options.without, VQ_F_INDIRECT_DESC);
        assert_int_equal(vq_blk_driver_measure(&options, &shared, &private_bytes), VQ_OK);
        assert_int_equal(shared, VQ_BLK_FRAMES_BYTES(depth));
        assert_int_equal(private_bytes, VQ_BLK_PRIVATE_BYTES(size, depth, segments));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_BLK_CASE(static_memory, "static memory is what the driver measures"),
        VQ_BLK_CASE(reads_and_writes, "reads and writes"),
        VQ_BLK_CASE(framing, "a legacy device gets header, data and status alone "
                             "[BLK-DRV-LEGFRAME-01 SPLIT-DRV-LEGFRAME-01]"),
        VQ_BLK_CASE(beyond_the_end, "requests that the device must not get are refused here "
                                    "[BLK-DRV-OP-02 BLK-DRV-OP-06]"),
        VQ_BLK_CASE(flush_and_id, "flush carries no data and no sector, GET_ID twenty bytes "
                                  "[BLK-DRV-OP-04 BLK-DRV-OP-05 BLK-DRV-OP-08 BLK-DRV-OP-17]"),
        VQ_BLK_CASE(ranges, "discard and write zeroes carry one range within the limits "
                            "[BLK-DRV-OP-07 BLK-DRV-OP-14]"),
        VQ_BLK_CASE(legacy_ranges, "the order of a legacy driver is not that of its ranges"),
        VQ_BLK_CASE(no_range_segments, "no range is sent where none may be "
                                       "[BLK-DRV-OP-09 BLK-DRV-OP-11]"),
        VQ_BLK_CASE(too_many_segments,
                    "a request has no more elements than the device takes [SPLIT-DRV-FRAMING-02 "
                    "PACKED-DRV-SG-01 PACKED-DRV-INDIR-03]"),
        VQ_BLK_CASE(read_only, "a read-only disk is read only [BLK-DRV-OP-03]"),
        VQ_BLK_CASE(statuses, "each status is an answer, a missing one is not a success"),
        VQ_BLK_CASE(used_length, "what the used length does not cover does not count "
                                 "[SPLIT-DRV-USED-01]"),
        VQ_BLK_CASE(used_length_ignored, "a device known to lie about lengths can be used"),
        VQ_BLK_CASE(used_length_legacy, "a legacy device's used length is disregarded "
                                        "[BLK-DRV-LEGOP-02 SPLIT-DRV-LEGUSED-01]"),
        VQ_BLK_CASE(many_in_flight, "many requests on two queues, answered backwards"),
        VQ_BLK_CASE(packed, "the same over packed rings [BASIC-DRV-VQ-01]"),
        VQ_BLK_CASE(without_indirect, "features can be left out [BASIC-DRV-FEAT-09]"),
        VQ_BLK_CASE(smaller_queue, "the device's queue size is a maximum"),
        VQ_BLK_CASE(fixed_size,
                    "a queue size that the device fixes is refused above what was asked for"),
        VQ_BLK_CASE(reset_and_abandon, "a reset comes before buffers are taken back "
                                       "[INIT-DRV-CLEAN-02]"),
        VQ_BLK_CASE(needs_reset,
                    "requests of a device that needs a reset are abandoned and sent again "
                    "[BASIC-DRV-STATUS-04]"),
        VQ_BLK_CASE(lying_used_ring, "a used index that ran ahead breaks one queue only"),
        VQ_BLK_CASE(hostile_config,
                    "configuration values that would hurt are refused, odd ones are "
                    "not [BUG-91]"),
        VQ_BLK_CASE(odd_topology, "a physical block that cannot be is no hint"),
        VQ_BLK_CASE(config_untouched, "fields without their feature are not touched "
                                      "[BASIC-DRV-CFG-04 BASIC-DRV-CFG-06]"),
        VQ_BLK_CASE(fields_beyond_the_end, "a feature whose fields do not exist is left out"),
        VQ_BLK_CASE(zoned,
                    "a host-managed disk is given up before FEATURES_OK, a host-aware one is used "
                    "[BLK-DRV-INIT-05 BLK-DRV-INIT-08 BLK-DRV-INIT-09 BLK-DRV-INIT-10 "
                    "BLK-DRV-INIT-11]"),
        VQ_BLK_CASE(caches, "without CONFIG_WCE the cache follows FLUSH "
                            "[BLK-DRV-INIT-02 BLK-DRV-INIT-03]"),
        VQ_BLK_CASE(cache_choice, "with CONFIG_WCE the driver chooses [BLK-DRV-OP-12]"),
        VQ_BLK_CASE(resize, "a new capacity is seen [BLK-DRV-OP-01]"),
        VQ_BLK_CASE(refused, "a model that refuses the features keeps FEATURES_OK clear "
                             "[BASIC-DEV-FEAT-03]"),
        VQ_BLK_CASE(suspended, "nothing is made available while suspended [INIT-DRV-SUSP-04]"),
        VQ_BLK_CASE(notification_data, "a notification carries the index, or the position too "
                                       "[BASIC-DRV-NOTIF-01 BASIC-DRV-NOTIF-02]"),
        VQ_BLK_CASE(rings_in_parts_of_their_own,
                    "rings in three pieces each, of exactly their parts"),
        VQ_BLK_CASE(too_little_memory, "memory that will not do is refused"),
    };
    return VQ_RUN(tests);
}
