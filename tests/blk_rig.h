/*
 * A block device with a driver's end on each of its queues, in one process, and
 * a lane that a test can look into: it keeps the disk, logs what it was asked,
 * and completes at once, or when and in which order the test says.
 *
 * A test builds requests from pieces of any size (struct piece), so that every
 * framing can be had. The lane under the device may also be any other.
 *
 * The rings are split unless RIG_PACKED says otherwise: a program of tests is
 * built once for each format.
 */
#ifndef VQ_TEST_BLK_RIG_H
#define VQ_TEST_BLK_RIG_H

#include "test.h"

#include <stdlib.h>
#include <string.h>

#include <vq/blk_device.h>
#include <vq/driver.h>
#include <vq/layout.h>

enum {
    RIG_QUEUES = 4,
    RIG_SIZE = 64,
    RIG_SECTORS = 64,
    RIG_GUEST = 1 << 20,
    RIG_LOG = 512,
    RIG_UNTOUCHED = 0xaa,
};
#define RIG_ADDRESS UINT64_C(0x40000000)
#ifndef RIG_PACKED
#define RIG_PACKED 0
#endif

/* One thing that a lane was asked. */
struct rig_event {
    uint8_t type;
    bool durable, may_trim;
    uint64_t offset, bytes;
};

struct rig_lane {
    struct vq_blk_lane lane;
    uint8_t *disk;
    bool hold;   /* complete only what rig_release names */
    int8_t fail; /* result of the ios that come, if not 0 */
    struct vq_blk_io *held[RIG_SIZE], *done[RIG_SIZE * 4];
    unsigned held_count, done_count;
    struct rig_event log[RIG_LOG];
    unsigned log_count;
    unsigned submits; /* batches */
};

static inline void rig_do(struct rig_lane *l, struct vq_blk_io *io)
{
    uint8_t *at = l->disk + io->offset;

    io->result = l->fail;
    for (uint32_t i = 0; i < io->segment_count && l->fail == 0; i++) {
        const struct vq_segment *s = &io->segments[i];
        if (io->type == VQ_BLK_IO_READ)
            memcpy(s->base, at, s->bytes);
        else
            memcpy(at, s->base, s->bytes);
        at += s->bytes;
    }
    if (l->fail == 0 && io->type == VQ_BLK_IO_WRITE_ZEROES)
        memset(at, 0, (size_t)io->bytes);
    if (l->fail == 0 && io->type == VQ_BLK_IO_DISCARD)
        memset(at, 0xdd, (size_t)io->bytes);
    l->done[l->done_count++] = io;
}

static inline void rig_submit(struct vq_blk_lane *lane, struct vq_blk_io *const ios[], size_t count)
{
    struct rig_lane *l = (struct rig_lane *)lane;

    l->submits++;
    for (size_t i = 0; i < count; i++) {
        struct vq_blk_io *io = ios[i];
        uint64_t bytes = 0;

        for (uint32_t k = 0; k < io->segment_count; k++) {
            assert_int_not_equal(io->segments[k].bytes, 0);
            bytes += io->segments[k].bytes;
        }
        if (io->type == VQ_BLK_IO_READ || io->type == VQ_BLK_IO_WRITE)
            assert_int_equal(bytes, io->bytes);
        assert_true(io->offset + io->bytes <= RIG_SECTORS * 512);
        assert_int_equal(io->bytes % 512, 0);
        if (l->log_count < RIG_LOG)
            l->log[l->log_count] =
                (struct rig_event){io->type, io->durable, io->may_trim, io->offset, io->bytes};
        l->log_count++;
        if (l->hold)
            l->held[l->held_count++] = io;
        else
            rig_do(l, io);
    }
}

static inline size_t rig_reap(struct vq_blk_lane *lane, struct vq_blk_io *ios[], size_t count,
                              bool wait)
{
    struct rig_lane *l = (struct rig_lane *)lane;
    size_t n = 0;

    /* A lane that is waited for gets on by itself, last come first. */
    while (wait && l->done_count == 0 && l->held_count != 0)
        rig_do(l, l->held[--l->held_count]);
    while (n < count && l->done_count != 0)
        ios[n++] = l->done[--l->done_count];
    return n;
}

static inline int rig_wait_fd(const struct vq_blk_lane *lane)
{
    (void)lane;
    return -1;
}

static const struct vq_blk_lane_ops rig_lane_ops = {"rig", rig_submit, rig_reap, rig_wait_fd};

/* Completes the held io number `index`. */
static inline void rig_release(struct rig_lane *l, unsigned index)
{
    assert_true(index < l->held_count);
    rig_do(l, l->held[index]);
    l->held_count--;
    for (; index < l->held_count; index++)
        l->held[index] = l->held[index + 1];
}

struct rig_queue {
    _Alignas(16) uint8_t descriptors[16 * RIG_SIZE];
    _Alignas(4) uint8_t driver_area[6 + 2 * RIG_SIZE];
    _Alignas(4) uint8_t device_area[6 + 8 * RIG_SIZE];
    struct vq_driver_slot slots[RIG_SIZE];
    struct vq_driver_queue driver;
};

struct rig {
    struct vq_blk_device dev;
    struct vq_device_model *model;
    void *memory;
    uint8_t *disk;
    struct rig_lane lane[RIG_QUEUES];
    struct rig_queue queue[RIG_QUEUES];
    uint8_t *guest; /* what the driver calls RIG_ADDRESS */
    struct vq_region region[2];
    struct vq_memory map;
    struct vq_features features;
    uint32_t next; /* of guest memory */
    bool big;      /* a legacy, big-endian driver */
};

static inline bool rig_has(const struct rig *rig, unsigned bit)
{
    return vq_feature(&rig->features, bit);
}

/* What the driver accepts unless a test wants something else: all, in the program's format, and
 * completion in any order. */
static inline struct vq_features rig_wanted(const struct rig *rig)
{
    struct vq_features set = rig->model->ops->offered(rig->model);

    if (!RIG_PACKED)
        vq_feature_clear(&set, VQ_F_RING_PACKED);
    vq_feature_clear(&set, VQ_F_IN_ORDER);
    return set;
}

/* Without VERSION_1 it is a legacy driver, which sees 32 bits. */
static inline void rig_leave(struct vq_features *set, unsigned bit)
{
    vq_feature_clear(set, bit);
    if (bit == VQ_F_VERSION_1)
        for (unsigned i = 1; i < VQ_FEATURE_WORDS; i++)
            set->word[i] = 0;
}

/* Starts what was negotiated on every queue. */
static inline void rig_start(struct rig *rig)
{
    const uint16_t fresh = rig_has(rig, VQ_F_RING_PACKED) ? 0x8000 : 0;

    for (uint16_t i = 0; i < RIG_QUEUES; i++) {
        struct rig_queue *q = &rig->queue[i];
        struct vq_driver_config driver = {.features = rig->features,
                                          .big_endian = rig->big,
                                          .size = RIG_SIZE,
                                          .descriptor_area = q->descriptors,
                                          .driver_area = q->driver_area,
                                          .device_area = q->device_area,
                                          .slots = q->slots};
        struct vq_device_config device = {.features = rig->features,
                                          .big_endian = rig->big,
                                          .size = RIG_SIZE,
                                          .descriptor_area = q->descriptors,
                                          .driver_area = q->driver_area,
                                          .device_area = q->device_area,
                                          .memory = &rig->map,
                                          .next_available = fresh,
                                          .next_used = fresh};
        assert_int_equal(vq_driver_init(&q->driver, &driver), VQ_OK);
        assert_int_equal(rig->model->ops->queue_start(rig->model, i, &device), VQ_OK);
    }
}

static inline void rig_stop(struct rig *rig)
{
    struct vq_position at;

    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        (void)rig->model->ops->queue_stop(rig->model, i, &at);
}

static inline struct vq_blk_device_config rig_defaults(void)
{
    return (struct vq_blk_device_config){
        .capacity = RIG_SECTORS,
        .serial = "a serial number",
        .max_discard_sectors = 32,
        .max_discard_segments = 4,
        .discard_alignment = 1,
        .max_write_zeroes_sectors = 16,
        .max_write_zeroes_segments = 4,
        .write_zeroes_may_unmap = true,
        .queue_count = RIG_QUEUES,
        .queue_size = RIG_SIZE,
        .segments = 2 * RIG_SIZE,
    };
}

/* Makes a device of `config`; nothing is negotiated yet. Guest memory is two adjacent regions. */
static inline struct rig *rig_make(const struct vq_blk_device_config *config)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct vq_blk_lane *lanes[RIG_QUEUES];
    struct vq_blk_device_config c = *config;
    size_t bytes;

    rig->disk = malloc(RIG_SECTORS * 512);
    for (size_t i = 0; i < RIG_SECTORS * 512; i++)
        rig->disk[i] = (uint8_t)(i / 512 * 7 + i % 251 + 1);
    for (int i = 0; i < RIG_QUEUES; i++) {
        rig->lane[i].lane.ops = &rig_lane_ops;
        rig->lane[i].disk = rig->disk;
        lanes[i] = &rig->lane[i].lane;
    }
    if (!c.lanes)
        c.lanes = lanes;
    bytes = vq_blk_device_bytes(&c);
    assert_int_not_equal(bytes, 0);
    rig->memory = aligned_alloc(64, bytes);
    memset(rig->memory, RIG_UNTOUCHED, bytes);
    assert_int_equal(vq_blk_device_init(&rig->dev, &c, rig->memory, bytes), VQ_OK);
    rig->model = &rig->dev.model;
    rig->guest = malloc(RIG_GUEST);
    memset(rig->guest, RIG_UNTOUCHED, RIG_GUEST);
    rig->region[0] = (struct vq_region){RIG_ADDRESS, RIG_GUEST / 2, rig->guest, VQ_READ | VQ_WRITE};
    rig->region[1] = (struct vq_region){RIG_ADDRESS + RIG_GUEST / 2, RIG_GUEST / 2,
                                        rig->guest + RIG_GUEST / 2, VQ_READ | VQ_WRITE};
    assert_int_equal(vq_memory_init(&rig->map, rig->region, 2), VQ_OK);
    return rig;
}

/* All that is wanted but `without` (a bit, or -1), accepted, and started. */
static inline void rig_negotiate(struct rig *rig, int without)
{
    rig->features = rig_wanted(rig);
    if (without >= 0)
        rig_leave(&rig->features, (unsigned)without);
    assert_int_equal(rig->model->ops->accept(rig->model, &rig->features), VQ_OK);
    rig_start(rig);
}

static inline struct rig *rig_new(void)
{
    struct vq_blk_device_config config = rig_defaults();
    struct rig *rig = rig_make(&config);

    rig_negotiate(rig, -1);
    return rig;
}

static inline void rig_free(struct rig *rig)
{
    rig_stop(rig);
    free(rig->memory);
    free(rig->guest);
    free(rig->disk);
    free(rig);
}

static inline uint32_t rig_alloc(struct rig *rig, uint32_t bytes)
{
    uint32_t at = rig->next;

    if (at + bytes > RIG_GUEST)
        at = 0;
    rig->next = at + bytes;
    return at;
}

static inline void rig_put(uint8_t *at, uint64_t value, unsigned bytes, bool big)
{
    for (unsigned i = 0; i < bytes; i++, value >>= 8)
        at[big ? bytes - 1 - i : i] = (uint8_t)value;
}

static inline void rig_header(const struct rig *rig, uint8_t at[16], uint32_t type, uint64_t sector)
{
    rig_put(at, type, 4, rig->big);
    rig_put(at + 4, 0, 4, rig->big);
    rig_put(at + 8, sector, 8, rig->big);
}

static inline void rig_range(uint8_t at[16], uint64_t sector, uint32_t sectors, uint32_t flags)
{
    rig_put(at, sector, 8, false);
    rig_put(at + 8, sectors, 4, false);
    rig_put(at + 12, flags, 4, false);
}

/* A request in guest memory: `readable` bytes at `out`, `writable` bytes at `in`. */
struct rig_request {
    uint32_t out, in;
    uint32_t readable, writable;
    int id;
    uint32_t written; /* used length, when it came back */
};

/* Makes it available, cut into pieces: cuts are sizes, 0 ends; what is left is the last piece. */
static inline void rig_add(struct rig *rig, unsigned queue, struct rig_request *r,
                           const uint32_t out_cuts[], const uint32_t in_cuts[])
{
    struct vq_element e[RIG_SIZE];
    unsigned counts[2] = {0, 0}, n = 0;
    const uint32_t *cuts[2] = {out_cuts, in_cuts};
    const uint32_t at[2] = {r->out, r->in}, bytes[2] = {r->readable, r->writable};

    for (int side = 0; side < 2; side++) {
        uint32_t done = 0;
        for (unsigned i = 0; done < bytes[side]; i++) {
            uint32_t size = bytes[side] - done;
            if (cuts[side] && cuts[side][i] != 0 && cuts[side][i] < size)
                size = cuts[side][i];
            else
                cuts[side] = NULL;
            e[n++] = (struct vq_element){RIG_ADDRESS + at[side] + done, size};
            done += size;
            counts[side]++;
        }
    }
    r->id = vq_driver_add(&rig->queue[queue].driver, e, counts[0], counts[1]);
    assert_true(r->id >= 0);
    (void)vq_driver_publish(&rig->queue[queue].driver);
}

/* A request with a header; its writable part is `in` data bytes and a status. */
static inline struct rig_request rig_new_request(struct rig *rig, uint32_t type, uint64_t sector,
                                                 uint32_t out_bytes, uint32_t in_bytes)
{
    struct rig_request r = {.readable = 16 + out_bytes, .writable = in_bytes + 1};

    r.out = rig_alloc(rig, r.readable);
    r.in = rig_alloc(rig, r.writable);
    memset(rig->guest + r.in, RIG_UNTOUCHED, r.writable);
    rig_header(rig, rig->guest + r.out, type, sector);
    return r;
}

static inline uint8_t *rig_out(struct rig *rig, const struct rig_request *r)
{
    return rig->guest + r->out + 16;
}

static inline uint8_t *rig_in(struct rig *rig, const struct rig_request *r)
{
    return rig->guest + r->in;
}

static inline uint8_t rig_status(struct rig *rig, const struct rig_request *r)
{
    return rig->guest[r->in + r->writable - 1];
}

static inline unsigned rig_run(struct rig *rig, unsigned queue)
{
    return rig->model->ops->queue_run(rig->model, (uint16_t)queue);
}

/* Takes one used buffer; false if there is none. */
static inline bool rig_get(struct rig *rig, unsigned queue, struct vq_done *done)
{
    return vq_driver_get(&rig->queue[queue].driver, done, 1) == 1;
}

/* Adds it whole, runs the queue, and expects it back. Returns the status. */
static inline uint8_t rig_go_cut(struct rig *rig, struct rig_request *r, const uint32_t out_cuts[],
                                 const uint32_t in_cuts[])
{
    struct vq_done done;

    rig_add(rig, 0, r, out_cuts, in_cuts);
    (void)rig_run(rig, 0);
    assert_true(rig_get(rig, 0, &done));
    assert_int_equal(done.id, r->id);
    assert_int_equal(done.written, done.reported);
    r->written = done.written;
    assert_int_equal(rig->model->ops->queue_broken(rig->model, 0), VQ_NOT_BROKEN);
    assert_int_equal(rig->model->ops->queue_in_flight(rig->model, 0), 0);
    return r->writable ? rig_status(rig, r) : 0xff;
}

static inline uint8_t rig_go(struct rig *rig, struct rig_request *r)
{
    return rig_go_cut(rig, r, NULL, NULL);
}

/* Shorthands for whole requests on queue 0. */
static inline uint8_t rig_read(struct rig *rig, uint64_t sector, uint32_t bytes, uint8_t *to)
{
    struct rig_request r = rig_new_request(rig, VQ_BLK_T_IN, sector, 0, bytes);
    uint8_t status = rig_go(rig, &r);

    if (to)
        memcpy(to, rig_in(rig, &r), bytes);
    return status;
}

static inline uint8_t rig_write(struct rig *rig, uint64_t sector, uint32_t bytes, uint8_t fill)
{
    struct rig_request r = rig_new_request(rig, VQ_BLK_T_OUT, sector, bytes, 0);

    memset(rig_out(rig, &r), fill, bytes);
    return rig_go(rig, &r);
}

static inline uint8_t rig_simple(struct rig *rig, uint32_t type)
{
    struct rig_request r = rig_new_request(rig, type, 0, 0, 0);

    return rig_go(rig, &r);
}

/* DISCARD or WRITE_ZEROES of one range. */
static inline uint8_t rig_one_range(struct rig *rig, uint32_t type, uint64_t sector,
                                    uint32_t sectors, uint32_t flags)
{
    struct rig_request r = rig_new_request(rig, type, 0, 16, 0);

    rig_range(rig_out(rig, &r), sector, sectors, flags);
    return rig_go(rig, &r);
}

/* What the driver sees of the disk did not change. */
static inline bool rig_disk_untouched(const struct rig *rig)
{
    for (size_t i = 0; i < RIG_SECTORS * 512; i++)
        if (rig->disk[i] != (uint8_t)(i / 512 * 7 + i % 251 + 1))
            return false;
    return true;
}

static inline uint64_t rig_config(const struct rig *rig, uint32_t offset, unsigned bytes)
{
    uint8_t raw[8];
    uint64_t value = 0;

    rig->model->ops->read_config(rig->model, offset, raw, bytes);
    for (unsigned i = bytes; i-- > 0;)
        value = value << 8 | raw[i];
    return value;
}

#endif
