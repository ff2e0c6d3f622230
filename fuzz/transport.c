/*
 * Calls of a transport, and of a block driver on it, as an input says (see transport.h).
 */
#include "transport.h"

#include <stdlib.h>
#include <string.h>

#include <vq/blk_driver.h>
#include <vq/driver.h>

enum { STEPS = 40, RING = 8, ARENA = 65536, CONFIG_MOST = 80 };
#define BASE UINT64_C(0x40000000)

uint32_t fuzz_answer(struct fuzz_input *in, uint32_t value, unsigned bytes)
{
    uint32_t mask = bytes == 4 ? UINT32_MAX : (UINT32_C(1) << 8 * bytes) - 1;
    uint8_t b = fuzz_byte_back(in);

    if (b < 0xc0)
        return value & mask;
    switch (b & 7) {
    case 0:
        return 0;
    case 1:
        return mask;
    case 2:
        return (value + 1) & mask;
    case 3:
        return (value ^ UINT32_C(1) << (b >> 3 & 7)) & mask;
    case 4:
        return fuzz_byte_back(in);
    case 5:
        return (UINT32_C(1) << fuzz_byte_back(in) % 32) & mask;
    default:
        value = 0;
        for (unsigned i = 0; i < bytes; i++)
            value = value << 8 | fuzz_byte_back(in);
        return value;
    }
}

void fuzz_access(struct fuzz_transport *f, uint32_t offset, unsigned bytes)
{
    FUZZ_CHECK(bytes == 1 || bytes == 2 || bytes == 4);
    FUZZ_CHECK(offset % bytes == 0);
    FUZZ_CHECK(++f->accesses <= FUZZ_ACCESSES);
}

static struct vq_features some_features(struct fuzz_input *in)
{
    struct vq_features set = {{0}};

    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++) {
        uint8_t b = fuzz_byte(in);
        set.word[i] = b < 0xe0 ? UINT32_MAX : b < 0xf0 ? 0 : (uint32_t)fuzz_number(in, 4);
    }
    return set;
}

/* An answer is one of those that exist; of an operation that succeeded something holds. */
static bool good(enum vq_error error)
{
    FUZZ_CHECK(error <= VQ_OK && error >= VQ_ERR_STATE);
    return error == VQ_OK;
}

static void enable(struct fuzz_transport *f)
{
    struct vq_fragment fragments[] = {
        {BASE, 4096}, {BASE + 8192, ARENA - 8192}, {UINT64_C(1) << 40, 600}};
    struct vq_constraints constraints;
    struct vq_place place;
    uint16_t index = fuzz_byte(&f->in);
    uint8_t how = fuzz_byte(&f->in);

    index = index < 0xf0 ? index % (FUZZ_QUEUES + 1) : (uint16_t)(index << 8 | index);
    if (!good(vq_transport_queue_constraints(f->t, index, &constraints)))
        return;
    FUZZ_CHECK(constraints.size_max >= 1);
    FUZZ_CHECK(constraints.size_max <= VQ_SIZE_MAX || constraints.size_fixed);
    if (vq_place_find(&constraints, how % 17, fragments, how >> 7 ? 3 : 2, &place, NULL) != VQ_OK)
        return;
    if (good(vq_transport_queue_enable(f->t, index, &place)) && f->enabled != NULL)
        f->enabled(f, index, &place);
}

static enum vq_error setup(void *context, struct vq_transport *t)
{
    struct fuzz_transport *f = context;

    FUZZ_CHECK(vq_transport_negotiated(t));
    for (uint8_t n = fuzz_byte(&f->in) & 3; n != 0; n--)
        enable(f);
    return fuzz_byte(&f->in) == 0xff ? VQ_ERR_NO_MEMORY : VQ_OK;
}

static void initialise(struct fuzz_transport *f)
{
    struct vq_plan plan = {
        .wanted = some_features(&f->in), .patience = FUZZ_PATIENCE, .setup = setup, .context = f};
    struct vq_init_result why;
    enum vq_error error = vq_transport_init_device(f->t, &plan, &why);

    FUZZ_CHECK(good(error) == (why.step == VQ_INIT_DONE));
    FUZZ_CHECK(error == why.error);
    FUZZ_CHECK(((f->t->status & VQ_STATUS_FAILED) != 0) == (error != VQ_OK));
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++)
        FUZZ_CHECK((f->t->accepted.word[i] &
                    ~(f->t->offered.word[i] & plan.wanted.word[i] & f->t->supported.word[i])) == 0);
}

static void configuration(struct fuzz_transport *f)
{
    uint8_t b = fuzz_byte(&f->in), n = fuzz_byte(&f->in) % (CONFIG_MOST + 1);
    uint32_t offset = b < 0xf8 ? b : (uint32_t)fuzz_number(&f->in, 4);
    uint8_t *bytes = fuzz_new(n);

    if (n & 1)
        (void)good(vq_transport_write_config(f->t, offset, bytes, n));
    else
        (void)good(vq_transport_read_config(f->t, offset, bytes, n));
    free(bytes);
}

static void use_disk(struct fuzz_transport *f, struct vq_blk_driver *disk)
{
    struct vq_element data[2] = {{BASE + 16384, 512}, {BASE + 20480, 512}};
    struct vq_blk_driver_done done[RING];

    for (unsigned n = fuzz_byte(&f->in) % 12; n != 0; n--) {
        static const uint32_t types[] = {VQ_BLK_T_IN, VQ_BLK_T_OUT, VQ_BLK_T_FLUSH,
                                         VQ_BLK_T_DISCARD};
        uint8_t b = fuzz_byte(&f->in);
        struct vq_blk_driver_queue *q = &disk->queues[(b >> 2) % disk->queue_count];
        struct vq_blk_driver_request r = {.type = types[b & 3], .data = data, .sectors = 1};

        r.count = b & 2 ? 0 : 1;
        r.sector = b >> 5;
        f->accesses = 0;
        if (good(vq_blk_driver_prepare(q, &r)))
            (void)good(vq_blk_driver_submit(q));
        FUZZ_CHECK(vq_blk_driver_reap(q, done, RING) <= RING);
        FUZZ_CHECK(vq_blk_driver_in_flight(q) <= q->depth);
    }
}

static void open_disk(struct fuzz_transport *f)
{
    struct vq_blk_memory memory[FUZZ_QUEUES];
    struct vq_blk_driver_queue queues[FUZZ_QUEUES];
    struct vq_blk_driver disk;
    struct vq_blk_driver_options options = {.queue_count = FUZZ_QUEUES,
                                            .queue_size = RING,
                                            .segments = 2,
                                            .legacy_block = true,
                                            .memory = memory,
                                            .patience = FUZZ_PATIENCE};
    size_t shared = 0, private_bytes = 0;

    options.strict = fuzz_byte(&f->in) & 1;
    FUZZ_CHECK(vq_blk_driver_measure(&options, &shared, &private_bytes) == VQ_OK);
    memset(memory, 0, sizeof(memory));
    for (unsigned i = 0; i < FUZZ_QUEUES; i++)
        memory[i] = (struct vq_blk_memory){.shared = fuzz_new(shared),
                                           .address = BASE + i * UINT64_C(65536),
                                           .shared_bytes = shared,
                                           .private_memory = fuzz_new(private_bytes),
                                           .private_bytes = private_bytes};
    if (good(vq_blk_driver_open(&disk, f->t, queues, &options, NULL))) {
        FUZZ_CHECK(disk.queue_count >= 1 && disk.queue_count <= FUZZ_QUEUES);
        use_disk(f, &disk);
        f->accesses = 0;
        (void)good(vq_blk_driver_refresh(&disk));
        f->accesses = 0;
        (void)good(vq_blk_driver_close(&disk));
    }
    for (unsigned i = 0; i < FUZZ_QUEUES; i++) {
        free(memory[i].shared);
        free(memory[i].private_memory);
    }
}

static void step(struct fuzz_transport *f)
{
    uint8_t op = fuzz_byte(&f->in);

    f->accesses = 0;
    switch (op & 15) {
    case 0:
    case 1:
    case 2:
        initialise(f);
        break;
    case 3:
    case 4:
        enable(f);
        break;
    case 5:
        (void)good(vq_transport_queue_reset(f->t, op >> 4 & 3));
        break;
    case 6:
    case 7:
        (void)good(vq_transport_notify(f->t, op >> 4 & 3, (uint32_t)fuzz_number(&f->in, 4)));
        break;
    case 8:
    case 9:
        configuration(f);
        break;
    case 10:
        FUZZ_CHECK(vq_transport_take_events(f->t) <= (VQ_EVENT_QUEUE | VQ_EVENT_CONFIG));
        break;
    case 11:
        if (good(vq_transport_suspend(f->t, FUZZ_PATIENCE)))
            (void)good(vq_transport_resume(f->t, FUZZ_PATIENCE));
        break;
    case 12:
        if (op & 0x80)
            (void)good(vq_transport_reset(f->t, FUZZ_PATIENCE));
        else
            (void)vq_transport_needs_reset(f->t);
        break;
    case 13:
        open_disk(f);
        break;
    default:
        if (f->own != NULL)
            f->own(f, op >> 4);
    }
}

void fuzz_transport_run(struct fuzz_transport *f)
{
    for (unsigned i = 0; i < STEPS && fuzz_more(&f->in); i++)
        step(f);
}
