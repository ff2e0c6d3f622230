/* The block device over a ring and a lane that the test holds: requests, order, batches, stop. */
#include "blk_rig.h"

static void reads_and_writes(void **state)
{
    struct rig *rig = rig_new();
    uint8_t got[4096], before[512];

    (void)state;
    assert_int_equal(rig_read(rig, 3, 1024, got), VQ_BLK_S_OK);
    assert_memory_equal(got, rig->disk + 3 * 512, 1024);
    memcpy(before, rig->disk + 4 * 512, 512);
    assert_int_equal(rig_write(rig, 5, 4096, 0x5c), VQ_BLK_S_OK);
    assert_memory_equal(before, rig->disk + 4 * 512, 512);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(rig->disk[5 * 512 + i], 0x5c);
    assert_int_equal(rig->disk[13 * 512], (uint8_t)(13 * 7 + 13 * 512 % 251 + 1));
    assert_int_equal(rig_read(rig, 5, 4096, got), VQ_BLK_S_OK);
    assert_memory_equal(got, rig->disk + 5 * 512, 4096);
    rig_free(rig);
}

static void edges_of_the_disk(void **state)
{
    struct rig *rig = rig_new();

    (void)state;
    assert_int_equal(rig_read(rig, RIG_SECTORS - 1, 512, NULL), VQ_BLK_S_OK);
    assert_int_equal(rig_read(rig, RIG_SECTORS - 1, 1024, NULL), VQ_BLK_S_IOERR);
    assert_int_equal(rig_read(rig, RIG_SECTORS, 512, NULL), VQ_BLK_S_IOERR);
    assert_int_equal(rig_read(rig, 0, RIG_SECTORS * 512, NULL), VQ_BLK_S_OK);
    assert_int_equal(rig_write(rig, RIG_SECTORS - 1, 512, 1), VQ_BLK_S_OK);
    assert_int_equal(rig_write(rig, RIG_SECTORS - 1, 1024, 1), VQ_BLK_S_IOERR);
    assert_int_equal(rig_one_range(rig, VQ_BLK_T_DISCARD, RIG_SECTORS - 1, 1, 0), VQ_BLK_S_OK);
    assert_int_equal(rig_one_range(rig, VQ_BLK_T_DISCARD, RIG_SECTORS - 1, 2, 0), VQ_BLK_S_IOERR);
    /* Nothing at all is in range at the very end, and no further. */
    assert_int_equal(rig_read(rig, RIG_SECTORS, 0, NULL), VQ_BLK_S_OK);
    assert_int_equal(rig_read(rig, RIG_SECTORS + 1, 0, NULL), VQ_BLK_S_IOERR);
    rig_free(rig);
}

/* Requests are held, and released from the last to the first. */
static void out_of_order(void **state)
{
    struct rig *rig = rig_new();
    struct rig_request r[10];
    struct vq_done done;

    (void)state;
    rig->lane[0].hold = true;
    for (unsigned i = 0; i < 10; i++) {
        r[i] = rig_new_request(rig, VQ_BLK_T_IN, i, 0, 512);
        rig_add(rig, 0, &r[i], NULL, NULL);
    }
    assert_int_equal(rig_run(rig, 0), VQ_RUN_PROGRESS);
    assert_int_equal(rig->lane[0].held_count, 10);
    assert_int_equal(rig->model->ops->queue_in_flight(rig->model, 0), 10);
    assert_false(rig_get(rig, 0, &done));
    assert_int_equal(rig_run(rig, 0), VQ_RUN_IDLE);
    for (unsigned i = 10; i-- > 0;) {
        rig_release(&rig->lane[0], i);
        assert_true(rig_run(rig, 0) & VQ_RUN_PROGRESS);
        assert_true(rig_get(rig, 0, &done));
        assert_int_equal(done.id, r[i].id);
        assert_int_equal(done.written, 513);
        assert_int_equal(rig_status(rig, &r[i]), VQ_BLK_S_OK);
        assert_memory_equal(rig_in(rig, &r[i]), rig->disk + i * 512, 512);
        assert_int_equal(rig->model->ops->queue_in_flight(rig->model, 0), i);
    }
    rig_free(rig);
}

/* The same for a driver that wants them in order: what is done early waits for its turn. */
static void in_order(void **state)
{
    struct vq_blk_device_config config = rig_defaults();
    struct rig *rig = rig_make(&config);
    struct rig_request r[10];
    struct vq_done done;

    (void)state;
    rig->features = rig_wanted(rig);
    vq_feature_set(&rig->features, VQ_F_IN_ORDER);
    assert_int_equal(rig->model->ops->accept(rig->model, &rig->features), VQ_OK);
    rig_start(rig);
    rig->lane[0].hold = true;
    for (unsigned i = 0; i < 10; i++) {
        r[i] = rig_new_request(rig, VQ_BLK_T_IN, i, 0, 512);
        rig_add(rig, 0, &r[i], NULL, NULL);
    }
    (void)rig_run(rig, 0);
    for (unsigned i = 10; i-- > 1;) {
        rig_release(&rig->lane[0], i);
        assert_int_equal(rig_run(rig, 0), VQ_RUN_PROGRESS);
        assert_false(rig_get(rig, 0, &done));
    }
    rig_release(&rig->lane[0], 0);
    assert_true(rig_run(rig, 0) & VQ_RUN_SIGNAL);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(rig_get(rig, 0, &done));
        assert_int_equal(done.id, r[i].id);
        assert_int_equal(done.written, 513);
        assert_memory_equal(rig_in(rig, &r[i]), rig->disk + i * 512, 512);
    }
    assert_false(rig_get(rig, 0, &done));
    rig_free(rig);
}

/* A device that does not offer IN_ORDER keeps no memory for it, and serves nobody who insists. */
static void order_not_offered(void **state)
{
    struct vq_blk_device_config config = rig_defaults(), without = config;
    struct vq_device_config queue;
    struct vq_blk_lane *lanes[RIG_QUEUES] = {0};
    struct rig *rig;

    (void)state;
    config.lanes = without.lanes = lanes;
    vq_feature_set(&without.without, VQ_F_IN_ORDER);
    assert_true(vq_blk_device_bytes(&without) < vq_blk_device_bytes(&config));
    without.lanes = NULL;
    rig = rig_make(&without);
    rig_negotiate(rig, -1);
    rig_stop(rig);
    vq_feature_set(&rig->features, VQ_F_IN_ORDER);
    assert_int_equal(rig->model->ops->accept(rig->model, &rig->features), VQ_ERR_UNSUPPORTED);
    queue = (struct vq_device_config){.features = rig->features,
                                      .size = RIG_SIZE,
                                      .descriptor_area = rig->queue[0].descriptors,
                                      .driver_area = rig->queue[0].driver_area,
                                      .device_area = rig->queue[0].device_area,
                                      .memory = &rig->map};
    assert_int_equal(rig->model->ops->queue_start(rig->model, 0, &queue), VQ_ERR_INVALID);
    rig_free(rig);
}

static void one_submission_per_batch(void **state)
{
    struct rig *rig = rig_new();
    struct rig_request r[20];
    struct vq_done done[RIG_SIZE];

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        r[i] = rig_new_request(rig, VQ_BLK_T_IN, i, 0, 512);
        rig_add(rig, 0, &r[i], NULL, NULL);
    }
    (void)rig_run(rig, 0);
    assert_int_equal(rig->lane[0].submits, 1);
    assert_int_equal(rig->lane[0].log_count, 20);
    assert_int_equal(vq_driver_get(&rig->queue[0].driver, done, RIG_SIZE), 20);
    rig_free(rig);
}

/* With 4 requests per queue, the fifth waits in the ring, and is no reason to stay awake. */
static void few_requests(void **state)
{
    struct vq_blk_device_config config = rig_defaults();
    struct rig_request r[9];
    struct vq_done done;
    struct rig *rig;

    (void)state;
    config.requests = 4;
    rig = rig_make(&config);
    rig_negotiate(rig, -1);
    rig->lane[0].hold = true;
    for (unsigned i = 0; i < 9; i++) {
        r[i] = rig_new_request(rig, VQ_BLK_T_IN, i, 0, 512);
        rig_add(rig, 0, &r[i], NULL, NULL);
    }
    (void)rig_run(rig, 0);
    assert_int_equal(rig->lane[0].held_count, 4);
    assert_false(rig->model->ops->queue_arm(rig->model, 0));
    rig_release(&rig->lane[0], 2);
    (void)rig_run(rig, 0);
    assert_int_equal(rig->lane[0].held_count, 4);
    assert_int_equal(rig->model->ops->queue_in_flight(rig->model, 0), 4);
    rig->lane[0].hold = false;
    while (rig->lane[0].held_count != 0)
        rig_release(&rig->lane[0], 0);
    (void)rig_run(rig, 0);
    for (unsigned i = 0; i < 9; i++)
        assert_true(rig_get(rig, 0, &done));
    assert_int_equal(rig->lane[0].log_count, 9);
    assert_false(rig->model->ops->queue_arm(rig->model, 0));
    r[0] = rig_new_request(rig, VQ_BLK_T_IN, 0, 0, 512);
    rig_add(rig, 0, &r[0], NULL, NULL);
    assert_true(rig->model->ops->queue_arm(rig->model, 0));
    rig_free(rig);
}

static void queues_are_apart(void **state)
{
    struct rig *rig = rig_new();
    struct vq_done done;

    (void)state;
    for (unsigned i = 0; i < RIG_QUEUES; i++) {
        struct rig_request r = rig_new_request(rig, VQ_BLK_T_IN, i, 0, 512);

        rig_add(rig, i, &r, NULL, NULL);
        for (unsigned k = 0; k < RIG_QUEUES; k++)
            assert_int_equal((rig_run(rig, k) & VQ_RUN_PROGRESS) != 0, k == i);
        assert_true(rig_get(rig, i, &done));
        assert_int_equal(rig->lane[i].log_count, 1);
    }
    assert_int_equal(rig->model->ops->queue_count(rig->model), RIG_QUEUES);
    assert_int_equal(rig->model->ops->queue_size_max(rig->model, 0), RIG_SIZE);
    assert_int_equal(rig_run(rig, RIG_QUEUES), VQ_RUN_IDLE);
    rig_free(rig);
}

/* Stop waits for what the lane has, gives it back, and the queue goes on where it stood. */
static void stop_and_start(void **state)
{
    struct rig *rig = rig_new();
    struct vq_device_config config;
    struct vq_position at;
    struct vq_done done[RIG_SIZE];
    struct rig_request r;

    (void)state;
    rig->lane[0].hold = true;
    for (unsigned i = 0; i < 30; i++) {
        r = rig_new_request(rig, VQ_BLK_T_IN, i, 0, 512);
        rig_add(rig, 0, &r, NULL, NULL);
    }
    /* Two ranges: the second io only follows when the first is done. */
    r = rig_new_request(rig, VQ_BLK_T_WRITE_ZEROES, 0, 32, 0);
    rig_range(rig_out(rig, &r), 1, 1, 0);
    rig_range(rig_out(rig, &r) + 16, 7, 1, 0);
    rig_add(rig, 0, &r, NULL, NULL);
    (void)rig_run(rig, 0);
    assert_int_equal(rig->lane[0].held_count, 31);
    assert_true(rig->model->ops->queue_stop(rig->model, 0, &at) & VQ_RUN_SIGNAL);
    assert_int_equal(rig->lane[0].log_count, 32);
    assert_int_equal(vq_driver_get(&rig->queue[0].driver, done, RIG_SIZE), 31);
    assert_int_equal(at.next_available, rig->queue[0].driver.next_available);
    assert_int_equal(at.next_used, rig->queue[0].driver.next_used);
    assert_int_equal(rig_run(rig, 0), VQ_RUN_IDLE);

    rig->lane[0].hold = false;
    config = (struct vq_device_config){.features = rig->features,
                                       .size = RIG_SIZE,
                                       .descriptor_area = rig->queue[0].descriptors,
                                       .driver_area = rig->queue[0].driver_area,
                                       .device_area = rig->queue[0].device_area,
                                       .memory = &rig->map,
                                       .next_available = at.next_available,
                                       .next_used = at.next_used};
    assert_int_equal(rig->model->ops->queue_start(rig->model, 0, &config), VQ_OK);
    assert_int_equal(rig->model->ops->queue_start(rig->model, 0, &config), VQ_ERR_STATE);
    for (unsigned i = 0; i < 3 * RIG_SIZE; i++)
        assert_int_equal(rig_read(rig, 1, 512, NULL), VQ_BLK_S_OK);
    config.size = RIG_SIZE * 2;
    assert_int_equal(rig->model->ops->queue_stop(rig->model, 0, &at) & VQ_RUN_BROKEN, 0);
    assert_int_equal(rig->model->ops->queue_start(rig->model, 0, &config), VQ_ERR_SIZE);
    assert_int_equal(rig->model->ops->queue_start(rig->model, RIG_QUEUES, &config), VQ_ERR_RANGE);
    rig_free(rig);
}

/* The same request, cut in every way that `cut` names, gives the same disk, data and used length.
 */
static void check_framing(struct rig *rig, uint32_t type, uint32_t out_bytes, uint32_t in_bytes,
                          const uint32_t out_cuts[], const uint32_t in_cuts[])
{
    struct rig_request r;
    uint8_t status;

    memset(rig->disk + 8 * 512, 0x11, 8 * 512);
    r = rig_new_request(rig, type, 8, out_bytes, in_bytes);
    for (uint32_t i = 0; i < out_bytes; i++)
        rig_out(rig, &r)[i] = (uint8_t)(i * 3 + i / 256);
    if (type == VQ_BLK_T_WRITE_ZEROES) {
        rig_range(rig_out(rig, &r), 9, 2, VQ_BLK_RANGE_UNMAP);
        rig_range(rig_out(rig, &r) + 16, 13, 1, 0);
    }
    status = rig_go_cut(rig, &r, out_cuts, in_cuts);
    assert_int_equal(status, VQ_BLK_S_OK);
    assert_int_equal(r.written, in_bytes + 1);
    if (type == VQ_BLK_T_IN)
        for (uint32_t i = 0; i < in_bytes; i++)
            assert_int_equal(rig_in(rig, &r)[i], 0x11);
    if (type == VQ_BLK_T_OUT)
        for (uint32_t i = 0; i < out_bytes; i++)
            assert_int_equal(rig->disk[8 * 512 + i], (uint8_t)(i * 3 + i / 256));
    if (type == VQ_BLK_T_GET_ID)
        assert_memory_equal(rig_in(rig, &r), "a serial number\0\0\0\0\0", 20);
    if (type == VQ_BLK_T_WRITE_ZEROES)
        for (uint32_t i = 0; i < 8 * 512; i++)
            assert_int_equal(rig->disk[8 * 512 + i], (i / 512 - 1 < 2 || i / 512 == 5) ? 0 : 0x11);
}

static const struct framing {
    uint32_t type, out, in;
} framings[] = {
    {VQ_BLK_T_IN, 0, 1024},   {VQ_BLK_T_OUT, 1024, 0},        {VQ_BLK_T_FLUSH, 0, 0},
    {VQ_BLK_T_GET_ID, 0, 20}, {VQ_BLK_T_WRITE_ZEROES, 32, 0},
};

static void every_two_pieces(void **state)
{
    struct rig *rig = rig_new();

    (void)state;
    for (size_t k = 0; k < sizeof framings / sizeof framings[0]; k++) {
        const struct framing *f = &framings[k];
        for (uint32_t a = 1; a <= 16 + f->out; a++)
            check_framing(rig, f->type, f->out, f->in, (uint32_t[]){a, 0}, NULL);
        for (uint32_t a = 1; a <= 1 + f->in; a++)
            check_framing(rig, f->type, f->out, f->in, NULL, (uint32_t[]){a, 0});
    }
    rig_free(rig);
}

static void every_byte_a_piece(void **state)
{
    struct rig *rig = rig_new();
    uint32_t ones[30] = {0};

    (void)state;
    for (int i = 0; i < 29; i++)
        ones[i] = 1;
    for (size_t k = 0; k < sizeof framings / sizeof framings[0]; k++)
        check_framing(rig, framings[k].type, framings[k].out, framings[k].in, ones, ones);
    rig_free(rig);
}

static void random_pieces(void **state)
{
    struct rig *rig = rig_new();
    struct vq_random random = {42};

    (void)state;
    for (int round = 0; round < 20000; round++) {
        const struct framing *f = &framings[vq_random_below(&random, 5)];
        uint32_t cuts[2][24] = {{0}};

        for (int side = 0; side < 2; side++) {
            uint32_t pieces = vq_random_below(&random, 24), most = side ? f->in + 1 : f->out + 16;
            for (uint32_t i = 0; i < pieces; i++)
                cuts[side][i] =
                    1 + vq_random_below(&random, vq_random_below(&random, 4) ? 24 : most);
        }
        check_framing(rig, f->type, f->out, f->in, cuts[0], cuts[1]);
    }
    rig_free(rig);
}

/* One element over the border of two regions is two segments. */
static void over_two_regions(void **state)
{
    struct rig *rig = rig_new();

    (void)state;
    for (uint32_t back = 1; back < 1045; back++) {
        struct rig_request r = {.readable = 16, .writable = 1025};

        r.out = rig_alloc(rig, 16);
        r.in = RIG_GUEST / 2 - back;
        if (back % 2) { /* the header over the border instead */
            r.out = RIG_GUEST / 2 - back % 16;
            r.in = rig_alloc(rig, 1025);
        }
        rig_header(rig, rig->guest + r.out, VQ_BLK_T_IN, 2);
        memset(rig->guest + r.in, RIG_UNTOUCHED, 1025);
        assert_int_equal(rig_go(rig, &r), VQ_BLK_S_OK);
        assert_memory_equal(rig_in(rig, &r), rig->disk + 1024, 1024);
        rig->next = 0;
    }
    rig_free(rig);
}

static void lane_results(void **state)
{
    struct rig *rig = rig_new();
    struct rig_request r = rig_new_request(rig, VQ_BLK_T_IN, 0, 0, 512);

    (void)state;
    rig->lane[0].fail = VQ_ERR_IO;
    assert_int_equal(rig_go(rig, &r), VQ_BLK_S_IOERR);
    /* All of it is written, so that the used length reaches the status; nothing old shows. */
    assert_int_equal(r.written, 513);
    for (int i = 0; i < 512; i++)
        assert_int_equal(rig_in(rig, &r)[i], 0);
    assert_int_equal(rig_write(rig, 0, 512, 1), VQ_BLK_S_IOERR);
    assert_int_equal(rig_simple(rig, VQ_BLK_T_FLUSH), VQ_BLK_S_IOERR);
    rig->lane[0].fail = VQ_ERR_UNSUPPORTED;
    assert_int_equal(rig_one_range(rig, VQ_BLK_T_DISCARD, 0, 1, 0), VQ_BLK_S_UNSUPP);
    rig->lane[0].fail = 0;
    assert_int_equal(rig_read(rig, 0, 512, NULL), VQ_BLK_S_OK);
    assert_true(rig_disk_untouched(rig));
    rig_free(rig);
}

static void several_ranges(void **state)
{
    struct rig *rig = rig_new();
    struct rig_request r = rig_new_request(rig, VQ_BLK_T_DISCARD, 0, 64, 0);
    const struct rig_event *e = rig->lane[0].log;

    (void)state;
    rig_range(rig_out(rig, &r), 4, 2, 0);
    rig_range(rig_out(rig, &r) + 16, 0, 0, 0); /* an empty one is nothing */
    rig_range(rig_out(rig, &r) + 32, 60, 4, 0);
    rig_range(rig_out(rig, &r) + 48, 10, 32, 0);
    assert_int_equal(rig_go(rig, &r), VQ_BLK_S_OK);
    assert_int_equal(rig->lane[0].log_count, 3);
    assert_int_equal(e[0].offset, 4 * 512);
    assert_int_equal(e[1].offset, 60 * 512);
    assert_int_equal(e[2].offset, 10 * 512);
    assert_int_equal(e[2].bytes, 32 * 512);
    /* The lane fails the first: the others are not tried. */
    rig->lane[0].fail = VQ_ERR_IO;
    assert_int_equal(rig_go(rig, &r), VQ_BLK_S_IOERR);
    assert_int_equal(rig->lane[0].log_count, 4);
    rig->lane[0].fail = 0;
    /* Wrong anywhere: nothing is done. */
    rig_range(rig_out(rig, &r) + 48, 10, 33, 0);
    assert_int_equal(rig_go(rig, &r), VQ_BLK_S_IOERR);
    rig_range(rig_out(rig, &r) + 48, 10, 1, 2);
    assert_int_equal(rig_go(rig, &r), VQ_BLK_S_UNSUPP);
    assert_int_equal(rig->lane[0].log_count, 4);
    /* No range at all is no work. */
    r = rig_new_request(rig, VQ_BLK_T_DISCARD, 0, 0, 0);
    assert_int_equal(rig_go(rig, &r), VQ_BLK_S_OK);
    r = rig_new_request(rig, VQ_BLK_T_DISCARD, 0, 5 * 16, 0);
    assert_int_equal(rig_go(rig, &r), VQ_BLK_S_IOERR);
    assert_int_equal(rig->lane[0].log_count, 4);
    rig_free(rig);
}

static void serial_shapes(void **state)
{
    struct rig *rig = rig_new();
    struct rig_request r = rig_new_request(rig, VQ_BLK_T_GET_ID, 0, 0, 4);

    (void)state;
    assert_int_equal(rig_go(rig, &r), VQ_BLK_S_OK);
    assert_int_equal(r.written, 5);
    assert_memory_equal(rig_in(rig, &r), "a se", 4);
    r = rig_new_request(rig, VQ_BLK_T_GET_ID, 0, 0, 100);
    assert_int_equal(rig_go(rig, &r), VQ_BLK_S_OK);
    assert_int_equal(r.written, 101);
    assert_memory_equal(rig_in(rig, &r), "a serial number\0\0\0\0\0\0\0\0", 23);
    assert_int_equal(rig_in(rig, &r)[99], 0);
    r = rig_new_request(rig, VQ_BLK_T_GET_ID, 0, 0, 0);
    assert_int_equal(rig_go(rig, &r), VQ_BLK_S_OK);
    rig_free(rig);
}

static void configurations(void **state)
{
    struct vq_blk_device_config good = rig_defaults(), bad;
    struct vq_blk_lane *lanes[RIG_QUEUES] = {0};
    struct rig_lane lane;
    struct vq_blk_device dev;
    size_t bytes;
    uint8_t *memory;

    (void)state;
    for (int i = 0; i < RIG_QUEUES; i++)
        lanes[i] = &lane.lane;
    good.lanes = lanes;
    bytes = vq_blk_device_bytes(&good);
    assert_int_equal(bytes % 64, 0);
    memory = aligned_alloc(64, bytes + 64);
    assert_int_equal(vq_blk_device_init(&dev, &good, memory, bytes), VQ_OK);
    assert_int_equal(vq_blk_device_init(&dev, &good, memory, bytes - 1), VQ_ERR_NO_MEMORY);
    assert_int_equal(vq_blk_device_init(&dev, &good, memory + 8, bytes), VQ_ERR_ALIGN);
    lanes[2] = NULL;
    assert_int_equal(vq_blk_device_init(&dev, &good, memory, bytes), VQ_ERR_INVALID);
    lanes[2] = &lane.lane;
#define BAD(field, value)                                                                          \
    bad = good;                                                                                    \
    bad.field = (value);                                                                           \
    assert_int_equal(vq_blk_device_bytes(&bad), 0);                                                \
    assert_int_equal(vq_blk_device_init(&dev, &bad, memory, bytes), VQ_ERR_INVALID)
    BAD(queue_count, 0);
    BAD(queue_size, 0);
    BAD(queue_size, 32769);
    BAD(block_size, 511);
    BAD(block_size, 256);
    BAD(block_size, 1536);
    BAD(requests, 32769);
    BAD(segments, 3);
    BAD(seg_max, UINT32_MAX);
    BAD(capacity, UINT64_MAX / 512 + 1);
    BAD(lanes, NULL);
    free(memory);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(reads_and_writes, "reads and writes sectors"),
        VQ_TEST(edges_of_the_disk, "ends where the disk ends"),
        VQ_TEST(out_of_order, "gives requests back as they complete [BASIC-DEV-VQ-03]"),
        VQ_TEST(in_order, "gives them back in order to a driver that wants it [FEAT-DEV-05]"),
        VQ_TEST(order_not_offered, "has no memory for an order that it does not offer"),
        VQ_TEST(one_submission_per_batch, "submits a batch at once"),
        VQ_TEST(few_requests, "leaves in the ring what it has no request for"),
        VQ_TEST(queues_are_apart, "serves each queue from its own lane"),
        VQ_TEST(stop_and_start, "stops with all given back, and goes on from there"),
        VQ_TEST(every_two_pieces, "any two pieces make the same request [SPLIT-DEV-FRAMING-01]"),
        VQ_TEST(every_byte_a_piece, "a piece may be a byte [SPLIT-DEV-FRAMING-01]"),
        VQ_TEST(random_pieces, "any pieces make the same request [SPLIT-DEV-FRAMING-01]"),
        VQ_TEST(over_two_regions, "an element may run over two regions"),
        VQ_TEST(lane_results, "tells the driver when the lane fails"),
        VQ_TEST(several_ranges, "does several ranges one after the other, or none"),
        VQ_TEST(serial_shapes, "gives as much of the serial number as there is room for"),
        VQ_TEST(configurations, "refuses configurations that make no sense"),
    };
    return VQ_RUN(tests);
}
