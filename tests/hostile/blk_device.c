/*
 * Requests of a driver that means harm. The lane checks that nothing outside the
 * disk is ever asked for; the queue must live on, and every buffer come back once.
 */
#include "blk_rig.h"

/* After each attack: a plain request works, nothing is in flight, nothing was changed. */
static void expect_alive(struct rig *rig)
{
    uint8_t got[512];

    assert_int_equal(rig->model->ops->queue_broken(rig->model, 0), VQ_NOT_BROKEN);
    assert_int_equal(rig->model->ops->queue_in_flight(rig->model, 0), 0);
    assert_int_equal(rig_read(rig, 1, 512, got), VQ_BLK_S_OK);
    assert_memory_equal(got, rig->disk + 512, 512);
    assert_int_equal(vq_driver_free(&rig->queue[0].driver), RIG_SIZE);
}

static void short_headers(void **state)
{
    struct rig *rig = rig_new();
    static const uint32_t ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0};

    (void)state;
    for (uint32_t readable = 0; readable < 16; readable++)
        for (uint32_t writable = 0; writable < 3; writable++)
            for (int cut = 0; cut < 2; cut++) {
                struct rig_request r = rig_new_request(rig, VQ_BLK_T_IN, 0, 0, 512);

                if (readable + writable == 0)
                    continue;
                r.readable = readable;
                r.writable = writable;
                if (writable)
                    rig->guest[r.in + writable - 1] = RIG_UNTOUCHED;
                rig_go_cut(rig, &r, cut ? ones : NULL, NULL);
                assert_int_equal(r.written, writable);
                if (writable)
                    assert_int_equal(rig_status(rig, &r), VQ_BLK_S_IOERR);
            }
    assert_int_equal(rig->lane[0].log_count, 0);
    expect_alive(rig);
    rig_free(rig);
}

static void no_room_for_status(void **state)
{
    struct rig *rig = rig_new();

    (void)state;
    for (uint32_t type = 0; type < 32; type++) {
        struct rig_request r = rig_new_request(rig, type, 0, 512, 0);

        r.writable = 0;
        rig_go(rig, &r);
        assert_int_equal(r.written, 0);
    }
    assert_int_equal(rig->lane[0].log_count, 0);
    assert_true(rig_disk_untouched(rig));
    expect_alive(rig);
    rig_free(rig);
}

static const uint64_t bad_sectors[] = {
    RIG_SECTORS,
    RIG_SECTORS - 1,
    UINT64_MAX,
    UINT64_MAX - 1,
    UINT64_MAX / 512,
    UINT64_MAX / 512 + 1,
    UINT64_MAX / 512 - 1,
    UINT64_C(1) << 63,
    (UINT64_C(1) << 55) - 1,
    UINT64_C(1) << 55,
    (UINT64_C(1) << 55) + RIG_SECTORS - 2,
    UINT64_C(1) << 32,
    (UINT64_C(1) << 32) - 1,
};

static void sector_arithmetic(void **state)
{
    struct rig *rig = rig_new();

    (void)state;
    for (size_t i = 0; i < sizeof bad_sectors / sizeof bad_sectors[0]; i++) {
        uint64_t s = bad_sectors[i];

        assert_int_equal(rig_read(rig, s, 1024, NULL), VQ_BLK_S_IOERR);
        assert_int_equal(rig_write(rig, s, 1024, 1), VQ_BLK_S_IOERR);
        assert_int_equal(rig_one_range(rig, VQ_BLK_T_DISCARD, s, 2, 0), VQ_BLK_S_IOERR);
        assert_int_equal(rig_one_range(rig, VQ_BLK_T_WRITE_ZEROES, s, 2, 0), VQ_BLK_S_IOERR);
    }
    assert_int_equal(rig_one_range(rig, VQ_BLK_T_DISCARD, 0, UINT32_MAX, 0), VQ_BLK_S_IOERR);
    assert_int_equal(rig_one_range(rig, VQ_BLK_T_DISCARD, 0, 33, 0), VQ_BLK_S_IOERR);
    assert_int_equal(rig_one_range(rig, VQ_BLK_T_WRITE_ZEROES, 0, 17, 0), VQ_BLK_S_IOERR);
    assert_int_equal(rig->lane[0].log_count, 0);
    assert_true(rig_disk_untouched(rig));
    expect_alive(rig);
    rig_free(rig);
}

/* Each piece alone would fit before the end of the disk; their sum does not. */
static void sum_of_pieces(void **state)
{
    static const uint32_t pieces[] = {512, 512, 512, 512, 512, 512, 0};
    struct rig *rig = rig_new();
    struct rig_request r = rig_new_request(rig, VQ_BLK_T_OUT, RIG_SECTORS - 2, 7 * 512, 0);

    (void)state;
    assert_int_equal(rig_go_cut(rig, &r, pieces, NULL), VQ_BLK_S_IOERR);
    r = rig_new_request(rig, VQ_BLK_T_IN, RIG_SECTORS - 2, 0, 7 * 512);
    assert_int_equal(rig_go_cut(rig, &r, NULL, pieces), VQ_BLK_S_IOERR);
    assert_int_equal(rig->lane[0].log_count, 0);
    assert_true(rig_disk_untouched(rig));
    expect_alive(rig);
    rig_free(rig);
}

static void odd_lengths(void **state)
{
    struct rig *rig = rig_new();

    (void)state;
    for (uint32_t bytes = 1; bytes < 1030; bytes++) {
        struct rig_request out = rig_new_request(rig, VQ_BLK_T_OUT, 0, bytes, 0);
        struct rig_request range = rig_new_request(rig, VQ_BLK_T_DISCARD, 0, bytes, 0);

        if (bytes % 512 == 0)
            continue;
        assert_int_equal(rig_read(rig, 0, bytes, NULL), VQ_BLK_S_IOERR);
        assert_int_equal(rig_go(rig, &out), VQ_BLK_S_IOERR);
        memset(rig_out(rig, &range), 0, bytes);
        assert_int_equal(rig_go(rig, &range),
                         bytes % 16 == 0 && bytes / 16 <= 4 ? VQ_BLK_S_OK : VQ_BLK_S_IOERR);
    }
    assert_int_equal(rig_simple(rig, VQ_BLK_T_SCSI_CMD), VQ_BLK_S_UNSUPP);
    assert_int_equal(rig_simple(rig, VQ_BLK_T_SCSI_CMD_OUT), VQ_BLK_S_UNSUPP);
    assert_int_equal(rig->lane[0].log_count, 0);
    expect_alive(rig);
    rig_free(rig);
}

/* The same guest memory many times over in one request: nothing is taken for it. */
static void overlapping_pieces(void **state)
{
    struct rig *rig = rig_new();
    struct vq_element e[RIG_SIZE];
    struct vq_done done;
    uint32_t header = rig_alloc(rig, 16), data = rig_alloc(rig, 65536), status = rig_alloc(rig, 1);
    uint64_t total = 0;

    (void)state;
    rig_header(rig, rig->guest + header, VQ_BLK_T_IN, 0);
    e[0] = (struct vq_element){RIG_ADDRESS + header, 16};
    for (int i = 1; i < 60; i++) {
        e[i] = (struct vq_element){RIG_ADDRESS + data, 65536};
        total += 65536;
    }
    e[60] = (struct vq_element){RIG_ADDRESS + status, 1};
    memset(rig->guest + data, RIG_UNTOUCHED, 65536);
    assert_true(vq_driver_add(&rig->queue[0].driver, e, 1, 60) >= 0);
    (void)vq_driver_publish(&rig->queue[0].driver);
    (void)rig_run(rig, 0);
    assert_true(rig_get(rig, 0, &done));
    assert_int_equal(rig->guest[status], VQ_BLK_S_IOERR);
    /* Too much to be filled before an error: what was not written is not counted. */
    assert_true(total > VQ_BLK_FILL_MAX);
    assert_int_equal(done.written, 0);
    for (int i = 0; i < 65536; i++)
        assert_int_equal(rig->guest[data + (uint32_t)i], RIG_UNTOUCHED);

    /* A read that fits the disk, all of it into the same 512 bytes. */
    for (int i = 1; i < 40; i++)
        e[i] = (struct vq_element){RIG_ADDRESS + data, 512};
    e[40] = (struct vq_element){RIG_ADDRESS + data, 1};
    assert_true(vq_driver_add(&rig->queue[0].driver, e, 1, 40) >= 0);
    (void)vq_driver_publish(&rig->queue[0].driver);
    (void)rig_run(rig, 0);
    assert_true(rig_get(rig, 0, &done));
    assert_int_equal(done.written, 39 * 512 + 1);
    assert_int_equal(rig->guest[data], VQ_BLK_S_OK);
    assert_memory_equal(rig->guest + data + 1, rig->disk + 38 * 512 + 1, 511);
    expect_alive(rig);
    rig_free(rig);
}

/* The header, and the status, are the data too. */
static void header_is_data(void **state)
{
    struct rig *rig = rig_new();
    struct vq_done done;
    uint32_t at = rig_alloc(rig, 512);
    struct vq_element e[3] = {
        {RIG_ADDRESS + at, 16}, {RIG_ADDRESS + at, 512}, {RIG_ADDRESS + at + 8, 1}};

    (void)state;
    rig_header(rig, rig->guest + at, VQ_BLK_T_IN, 3);
    assert_true(vq_driver_add(&rig->queue[0].driver, e, 1, 2) >= 0);
    (void)vq_driver_publish(&rig->queue[0].driver);
    (void)rig_run(rig, 0);
    assert_true(rig_get(rig, 0, &done));
    assert_int_equal(done.written, 513);
    assert_int_equal(rig->guest[at + 8], VQ_BLK_S_OK);
    assert_memory_equal(rig->guest + at + 9, rig->disk + 3 * 512 + 9, 503);
    expect_alive(rig);
    rig_free(rig);
}

/* Everything about the request changes as soon as the lane has it. */
static void changed_in_flight(void **state)
{
    struct rig *rig = rig_new();
    struct rig_lane *l = &rig->lane[0];
    struct rig_request r;
    struct vq_done done;

    (void)state;
    l->hold = true;
    r = rig_new_request(rig, VQ_BLK_T_IN, 2, 0, 512);
    rig_add(rig, 0, &r, NULL, NULL);
    (void)rig_run(rig, 0);
    memset(rig->guest + r.out, 0xff, 16);
    memset(rig->queue[0].descriptors, 0xff, sizeof rig->queue[0].descriptors);
    rig_release(l, 0);
    (void)rig_run(rig, 0);
    assert_true(rig_get(rig, 0, &done));
    assert_int_equal(done.written, 513);
    assert_int_equal(rig_status(rig, &r), VQ_BLK_S_OK);
    assert_memory_equal(rig_in(rig, &r), rig->disk + 1024, 512);

    /* The second range turns bad while the first is under way: it is judged when it is used. */
    r = rig_new_request(rig, VQ_BLK_T_WRITE_ZEROES, 0, 32, 0);
    rig_range(rig_out(rig, &r), 1, 1, 0);
    rig_range(rig_out(rig, &r) + 16, 2, 1, 0);
    rig_add(rig, 0, &r, NULL, NULL);
    (void)rig_run(rig, 0);
    rig_range(rig_out(rig, &r) + 16, UINT64_MAX, 16, 0);
    rig_release(l, 0);
    (void)rig_run(rig, 0);
    assert_true(rig_get(rig, 0, &done));
    assert_int_equal(rig_status(rig, &r), VQ_BLK_S_IOERR);
    assert_int_equal(l->held_count, 0);
    l->hold = false;
    expect_alive(rig);
    rig_free(rig);
}

/* Whatever goes wrong with some, each comes back once, and none twice. */
static void each_back_once(void **state)
{
    struct rig *rig = rig_new();
    struct vq_random random = {11};
    bool out[RIG_SIZE] = {false};
    unsigned added = 0, back = 0;

    (void)state;
    for (int round = 0; round < 4000; round++) {
        struct rig_lane *l = &rig->lane[0];
        struct vq_done done;

        l->hold = vq_random_below(&random, 4) != 0;
        l->fail = (int8_t)(vq_random_below(&random, 4) ? 0 : VQ_ERR_IO);
        while (vq_random_below(&random, 3) && vq_driver_free(&rig->queue[0].driver) >= 2) {
            struct rig_request r = rig_new_request(
                rig, vq_random_below(&random, 15), vq_random_below(&random, RIG_SECTORS + 4),
                16 * vq_random_below(&random, 3), 512 * vq_random_below(&random, 3));

            if (vq_random_below(&random, 5) == 0)
                r.writable = 0;
            if (vq_random_below(&random, 5) == 0)
                r.readable = 1 + vq_random_below(&random, 20);
            memset(rig_out(rig, &r), vq_random_below(&random, 2) ? 0 : 0x5a, 32);
            rig_add(rig, 0, &r, NULL, NULL);
            assert_false(out[r.id]);
            out[r.id] = true;
            added++;
        }
        (void)rig_run(rig, 0);
        while (l->held_count != 0 && vq_random_below(&random, 3))
            rig_release(l, vq_random_below(&random, l->held_count));
        (void)rig_run(rig, 0);
        assert_int_equal(rig->model->ops->queue_broken(rig->model, 0), VQ_NOT_BROKEN);
        while (rig_get(rig, 0, &done)) {
            assert_true(out[done.id]);
            assert_int_equal(done.written, done.reported);
            out[done.id] = false;
            back++;
        }
        assert_int_equal(rig->model->ops->queue_in_flight(rig->model, 0), added - back);
    }
    rig->lane[0].hold = false;
    rig->lane[0].fail = 0;
    while (rig->lane[0].held_count != 0)
        rig_release(&rig->lane[0], 0);
    (void)rig_run(rig, 0);
    for (struct vq_done done; rig_get(rig, 0, &done);)
        back++;
    assert_int_equal(added, back);
    assert_true(added > 4000);
    expect_alive(rig);
    rig_free(rig);
}

/* A chain that is broken itself ends its queue, gives back what went before, and leaves the
 * other queues alone. */
static void broken_queue(void **state)
{
    struct rig *rig = rig_new();
    struct rig_request r = rig_new_request(rig, VQ_BLK_T_IN, 0, 0, 512);
    struct vq_position at;
    struct vq_done done;
    struct vq_element bad[2] = {{RIG_ADDRESS + RIG_GUEST - 8, 16}, {RIG_ADDRESS, 1}};

    (void)state;
    rig->lane[0].hold = true;
    rig_add(rig, 0, &r, NULL, NULL);
    assert_true(vq_driver_add(&rig->queue[0].driver, bad, 1, 1) >= 0);
    (void)vq_driver_publish(&rig->queue[0].driver);
    assert_true(rig_run(rig, 0) & VQ_RUN_BROKEN);
    assert_int_equal(rig->model->ops->queue_broken(rig->model, 0), VQ_BROKEN_ADDRESS);
    assert_false(rig->model->ops->queue_arm(rig->model, 0));
    assert_int_equal(rig->model->ops->queue_in_flight(rig->model, 0), 1);
    rig_release(&rig->lane[0], 0);
    (void)rig_run(rig, 0);
    assert_true(rig_get(rig, 0, &done));
    assert_int_equal(done.id, r.id);
    assert_int_equal(rig_status(rig, &r), VQ_BLK_S_OK);
    r = rig_new_request(rig, VQ_BLK_T_IN, 0, 0, 512);
    rig_add(rig, 1, &r, NULL, NULL);
    assert_int_equal(rig_run(rig, 1) & VQ_RUN_BROKEN, 0);
    assert_true(rig_get(rig, 1, &done));
    (void)rig->model->ops->queue_stop(rig->model, 0, &at);
    assert_int_equal(rig->model->ops->queue_broken(rig->model, 0), VQ_NOT_BROKEN);
    rig_free(rig);
}

/*
 * A run is bounded by the queue size, though the driver makes the same buffers
 * available again and again, behind the device's back: each batch that reaches the
 * lane adds another, which is good when the device looks.
 */
static struct rig *refilled;

static void raw_publish(struct rig *rig, unsigned more)
{
    uint8_t *idx = rig->queue[0].driver_area + 2;

    rig_put(idx, (uint64_t)(idx[0] | idx[1] << 8) + more, 2, false);
}

static void refill(struct vq_blk_lane *lane, struct vq_blk_io *const ios[], size_t count)
{
    rig_submit(lane, ios, count);
    raw_publish(refilled, (unsigned)count);
}

static void bounded_run(void **state)
{
    static const struct vq_blk_lane_ops ops = {"refill", refill, rig_reap, rig_wait_fd};
    struct rig *rig = rig_new();
    uint8_t *ring = rig->queue[0].driver_area + 4;

    (void)state;
    refilled = rig;
    rig->lane[0].lane.ops = &ops;
    for (unsigned i = 0; i < RIG_SIZE / 2; i++) {
        struct rig_request r = rig_new_request(rig, VQ_BLK_T_IN, i, 0, 512);

        rig_add(rig, 0, &r, NULL, NULL);
    }
    memcpy(ring + RIG_SIZE, ring, RIG_SIZE);
    for (unsigned run = 1; run < 10; run++) {
        assert_true(rig_run(rig, 0) & VQ_RUN_PROGRESS);
        assert_int_equal(rig->model->ops->queue_broken(rig->model, 0), VQ_NOT_BROKEN);
        assert_int_equal(rig->lane[0].log_count, run * RIG_SIZE);
    }
    rig->lane[0].lane.ops = &rig_lane_ops;
    rig_free(rig);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(short_headers, "a header that is too short, in one piece or many, is an error "
                               "[BUG-31]"),
        VQ_TEST(no_room_for_status, "a request without room for a status goes back empty [BUG-37]"),
        VQ_TEST(sector_arithmetic, "no sector number wraps into the disk [BUG-41]"),
        VQ_TEST(sum_of_pieces, "the sum of the pieces is checked [BUG-40]"),
        VQ_TEST(odd_lengths, "lengths that are no whole sectors or ranges are errors, SCSI is "
                             "not known [BUG-42]"),
        VQ_TEST(overlapping_pieces, "overlapping pieces cost nothing, and nothing unwritten is "
                                    "counted [BUG-33 BUG-34 BUG-35 BUG-36]"),
        VQ_TEST(header_is_data, "a request may lie over itself"),
        VQ_TEST(changed_in_flight, "what is used was checked, whatever changes [BUG-18 BUG-22]"),
        VQ_TEST(each_back_once, "each buffer comes back once, whatever fails [BUG-37 BUG-38]"),
        VQ_TEST(broken_queue, "a broken queue gives back what it has, and is alone [BUG-01]"),
        VQ_TEST(bounded_run, "a run ends, though the driver goes on [BUG-25]"),
    };
    return VQ_RUN(tests);
}
