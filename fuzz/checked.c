/*
 * The block device behind the registers, and whoever drives it (see checked.h).
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "checked.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 400, CHAIN = 3 };

static uint8_t disk[CHECKED_SECTORS * 512];
static uint8_t *ram;
static void *device_memory;
static size_t device_bytes;

static struct checked *checked_of(const struct vq_device_model *model)
{
    return (struct checked *)(uintptr_t)(const void *)model;
}

static struct vq_device_model *below(const struct vq_device_model *model)
{
    return &checked_of(model)->disk.model;
}

/* The disk. */

static void lane_submit(struct vq_blk_lane *lane, struct vq_blk_io *const ios[], size_t count)
{
    struct checked_lane *l = (struct checked_lane *)(void *)lane;

    for (size_t i = 0; i < count; i++) {
        struct vq_blk_io *io = ios[i];
        uint8_t *at = disk + io->offset;

        FUZZ_CHECK(l->owner->running[l->index]);
        FUZZ_CHECK(io->offset <= sizeof(disk) && io->bytes <= sizeof(disk) - io->offset);
        for (uint32_t k = 0; k < io->segment_count; k++) {
            const struct vq_segment *s = &io->segments[k];
            FUZZ_CHECK((uintptr_t)s->base >= (uintptr_t)ram && s->bytes <= CHECKED_RAM &&
                       (uintptr_t)s->base - (uintptr_t)ram <= CHECKED_RAM - s->bytes);
            if (io->type == VQ_BLK_IO_READ)
                memcpy(s->base, at, s->bytes);
            else if (io->type == VQ_BLK_IO_WRITE)
                memcpy(at, s->base, s->bytes);
            at += s->bytes;
        }
        io->result = VQ_OK;
        FUZZ_CHECK(l->count < sizeof(l->done) / sizeof(l->done[0]));
        l->done[l->count++] = io;
    }
}

static size_t lane_reap(struct vq_blk_lane *lane, struct vq_blk_io *ios[], size_t count, bool wait)
{
    struct checked_lane *l = (struct checked_lane *)(void *)lane;
    size_t n = 0;

    while ((wait || !l->owner->hold) && n < count && l->count != 0)
        ios[n++] = l->done[--l->count];
    return n;
}

static int lane_wait_fd(const struct vq_blk_lane *lane)
{
    (void)lane;
    return -1;
}

static const struct vq_blk_lane_ops lane_ops = {"checked", lane_submit, lane_reap, lane_wait_fd};

/* The model: each call is checked and passed on. */

static struct vq_features offered(const struct vq_device_model *model)
{
    return below(model)->ops->offered(below(model));
}

static enum vq_error accept(struct vq_device_model *model, const struct vq_features *chosen)
{
    struct checked *c = checked_of(model);
    struct vq_features have = offered(model);

    FUZZ_CHECK(!c->accepted);
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++)
        FUZZ_CHECK((chosen->word[i] & ~have.word[i]) == 0);
    for (unsigned i = 0; i < CHECKED_QUEUES; i++)
        FUZZ_CHECK(!c->running[i]);
    enum vq_error error = below(model)->ops->accept(below(model), chosen);
    c->accepted = error == VQ_OK;
    c->features = *chosen;
    return error;
}

static uint32_t config_size(const struct vq_device_model *model)
{
    return below(model)->ops->config_size(below(model));
}

static void read_config(const struct vq_device_model *model, uint32_t offset, void *bytes,
                        uint32_t count)
{
    FUZZ_CHECK(count != 0 && offset < config_size(model) && count <= config_size(model) - offset);
    below(model)->big_endian = model->big_endian;
    below(model)->ops->read_config(below(model), offset, bytes, count);
}

static enum vq_error write_config(struct vq_device_model *model, uint32_t offset, const void *bytes,
                                  uint32_t count)
{
    FUZZ_CHECK(count != 0 && offset < config_size(model) && count <= config_size(model) - offset);
    below(model)->big_endian = model->big_endian;
    return below(model)->ops->write_config(below(model), offset, bytes, count);
}

static uint16_t queue_count(const struct vq_device_model *model)
{
    return below(model)->ops->queue_count(below(model));
}

static uint16_t queue_size_max(const struct vq_device_model *model, uint16_t index)
{
    FUZZ_CHECK(index < CHECKED_QUEUES);
    return below(model)->ops->queue_size_max(below(model), index);
}

static bool in_ram(const void *part, size_t bytes)
{
    return (uintptr_t)part >= (uintptr_t)ram &&
           (uintptr_t)part - (uintptr_t)ram <= CHECKED_RAM - bytes;
}

static enum vq_error queue_start(struct vq_device_model *model, uint16_t index,
                                 const struct vq_device_config *config)
{
    struct checked *c = checked_of(model);
    const bool packed = vq_feature(&c->features, VQ_F_RING_PACKED);

    FUZZ_CHECK(index < CHECKED_QUEUES && !c->running[index] && c->accepted);
    FUZZ_CHECK(config->size != 0 && config->size <= CHECKED_SIZE);
    FUZZ_CHECK(packed || (config->size & (config->size - 1)) == 0);
    FUZZ_CHECK(in_ram(config->descriptor_area, 16u * config->size));
    FUZZ_CHECK(in_ram(config->driver_area, packed ? 4 : 6 + 2u * config->size));
    FUZZ_CHECK(in_ram(config->device_area, packed ? 4 : 6 + 8u * config->size));
    enum vq_error error = below(model)->ops->queue_start(below(model), index, config);
    c->running[index] = error == VQ_OK;
    c->stopping[index] = false;
    c->frozen[index] = c->queues[index];
    FUZZ_CHECK(!c->running[index] || c->frozen[index].size == config->size);
    return error;
}

static unsigned queue_run(struct vq_device_model *model, uint16_t index)
{
    struct checked *c = checked_of(model);

    FUZZ_CHECK(index < CHECKED_QUEUES && c->running[index] && !c->stopping[index]);
    FUZZ_CHECK(c->state->without_memory == 0 && (c->state->status & VQ_STATUS_SUSPEND) == 0);
    return below(model)->ops->queue_run(below(model), index);
}

static bool queue_arm(struct vq_device_model *model, uint16_t index)
{
    FUZZ_CHECK(checked_of(model)->running[index]);
    return below(model)->ops->queue_arm(below(model), index);
}

static void queue_disarm(struct vq_device_model *model, uint16_t index)
{
    below(model)->ops->queue_disarm(below(model), index);
}

static int queue_wait_fd(const struct vq_device_model *model, uint16_t index)
{
    return below(model)->ops->queue_wait_fd(below(model), index);
}

static enum vq_broken queue_broken(const struct vq_device_model *model, uint16_t index)
{
    return below(model)->ops->queue_broken(below(model), index);
}

static uint16_t queue_in_flight(const struct vq_device_model *model, uint16_t index)
{
    return below(model)->ops->queue_in_flight(below(model), index);
}

static unsigned queue_stop(struct vq_device_model *model, uint16_t index,
                           struct vq_position *position)
{
    struct checked *c = checked_of(model);

    FUZZ_CHECK(index < CHECKED_QUEUES && c->running[index] && c->stopping[index]);
    unsigned done = below(model)->ops->queue_stop(below(model), index, position);
    c->running[index] = false;
    c->stopping[index] = false;
    return done;
}

static void reset(struct vq_device_model *model)
{
    struct checked *c = checked_of(model);

    for (unsigned i = 0; i < CHECKED_QUEUES; i++)
        FUZZ_CHECK(!c->running[i]);
    c->accepted = false;
    below(model)->ops->reset(below(model));
}

/* Who serves the queues: the same thread, but he may need a while to let go. */

static void host_started(void *context, uint16_t index)
{
    struct checked *c = context;
    FUZZ_CHECK(c->running[index]);
}

static bool host_stop(void *context, uint16_t index)
{
    struct checked *c = context;
    FUZZ_CHECK(c->running[index] && !c->stopping[index]);
    c->stopping[index] = true;
    return !c->slow;
}

static void host_notified(void *context, uint16_t index)
{
    struct checked *c = context;
    FUZZ_CHECK(c->running[index] && !c->stopping[index]);
}

const struct vq_model_host checked_host = {host_started, host_stop, host_notified};

/* The driver. */

uint64_t checked_value(struct checked *c)
{
    static const uint32_t likely[] = {
        0,   1,      2,      3,      4,       7,    11,     15,     16, 27,         31,        64,
        128, 0x8000, 0xc000, 0xffff, 0x10000, 4096, 0x7fff, 0xfffe, 12, 0x40000000, 0x3fffffff};
    uint8_t b = fuzz_byte(&c->in);

    if (b < 0x80)
        return likely[b % (sizeof(likely) / sizeof(likely[0]))];
    if (b < 0xc0)
        return CHECKED_BASE + 16u * fuzz_u16(&c->in) % CHECKED_RAM;
    if (b < 0xd0)
        return (CHECKED_BASE >> 12) + (b & 15);
    if (b < 0xe0)
        return UINT64_MAX - (b & 15);
    return fuzz_number(&c->in, 1 + b % 8);
}

static uint8_t *at(const struct checked *c, uint64_t address, uint32_t bytes)
{
    (void)c;
    if (address < CHECKED_BASE || address - CHECKED_BASE > CHECKED_RAM - bytes)
        return NULL;
    return ram + (address - CHECKED_BASE);
}

/* Sets the device up as a driver does that knows how. */
static void bring_up(struct checked *c)
{
    struct vq_features have = offered(&c->model);
    uint8_t shape = fuzz_byte(&c->in);

    c->put(c, CHECKED_STATUS, 0);
    c->put(c, CHECKED_STATUS, 1);
    c->put(c, CHECKED_STATUS, 3);
    vq_feature_set(&have, VQ_F_SUSPEND);
    vq_feature_set(&have, VQ_F_RING_RESET);
    if (shape & 1)
        vq_feature_clear(&have, VQ_F_RING_PACKED);
    if (shape & 2)
        vq_feature_set(&have, VQ_F_NOTIFICATION_DATA);
    if (shape & 4)
        vq_feature_clear(&have, VQ_F_IN_ORDER);
    vq_feature_clear(&have, VQ_F_ANY_LAYOUT);
    for (uint32_t i = 0; i < 2; i++) {
        c->put(c, CHECKED_FEATURE_SELECT, i);
        c->put(c, CHECKED_FEATURES, have.word[i]);
    }
    if (!c->legacy)
        c->put(c, CHECKED_STATUS, 11);
    for (uint32_t q = 0; q < 1u + (shape >> 7); q++) {
        uint64_t base = CHECKED_BASE + q * CHECKED_RING;

        memset(ram + q * CHECKED_RING, 0, CHECKED_RING);
        c->available[q] = 0;
        c->put(c, CHECKED_QUEUE_SELECT, q);
        c->put(c, CHECKED_QUEUE_SIZE, shape & 8 ? 4 : CHECKED_SIZE);
        if (c->legacy) {
            c->put(c, CHECKED_QUEUE_PAGE, (uint32_t)(base >> 12));
            continue;
        }
        for (uint32_t i = 0; i < VQ_PARTS; i++) {
            c->put(c, CHECKED_QUEUE_ADDRESS + 2 * i, (uint32_t)base + 0x1000 * i);
            c->put(c, CHECKED_QUEUE_ADDRESS + 2 * i + 1, (uint32_t)(base >> 32));
        }
        c->put(c, CHECKED_QUEUE_ENABLE, 1);
    }
    c->put(c, CHECKED_STATUS, c->legacy ? 7 : 15);
}

/* A read or write of one sector, in whichever ring the device knows of, if it is split. */
static void request(struct checked *c)
{
    uint8_t b = fuzz_byte(&c->in);
    const uint16_t index = b & 1;
    const struct vq_model_queue *q = &c->queues[index];
    uint8_t *table = at(c, q->address[VQ_DESCRIPTOR_AREA], 16 * CHECKED_SIZE);
    uint8_t *ring = at(c, q->address[VQ_DRIVER_AREA], 6 + 2 * CHECKED_SIZE);
    const uint64_t data = CHECKED_BASE + CHECKED_RAM - 0x2000;

    if (table && ring && q->size >= 4) {
        const bool write = b & 2;
        const struct fuzz_descriptor chain[CHAIN] = {
            {data, 16, FUZZ_NEXT, 1},
            {data + 0x100, 512, (uint16_t)(FUZZ_NEXT | (write ? 0 : FUZZ_WRITE)), 2},
            {data + 0x400, 1, FUZZ_WRITE, 0}};
        uint8_t *header = at(c, data, 16);

        memset(header, 0, 16);
        header[0] = write;
        header[8] = b >> 3;
        for (unsigned i = 0; i < CHAIN; i++)
            fuzz_describe(table + 16 * i, &chain[i], false, false);
        fuzz_put(ring + 4 + 2 * (c->available[index] % q->size), 0, 2, false);
        c->available[index]++;
        fuzz_put(ring + 2, c->available[index], 2, false);
    }
    c->put(c, CHECKED_NOTIFY, index);
}

static void scribble(struct checked *c)
{
    uint8_t b = fuzz_byte(&c->in);
    uint32_t where = fuzz_u16(&c->in);

    for (unsigned i = 0; i <= (b & 15u) && where + i < CHECKED_RAM; i++)
        ram[where + i] = fuzz_byte(&c->in);
}

static void stopped(struct checked *c, uint16_t index)
{
    const bool before = index < CHECKED_QUEUES && c->stopping[index];
    vq_model_queue_stopped(c->state, index);
    if (index < CHECKED_QUEUES && before)
        FUZZ_CHECK(!c->stopping[index]);
}

/* What holds between any two steps. */
static void check(const struct checked *c)
{
    const uint8_t status = c->state->status;

    for (unsigned i = 0; i < CHECKED_QUEUES; i++) {
        const struct vq_model_queue *q = &c->queues[i], *was = &c->frozen[i];
        FUZZ_CHECK(q->running == c->running[i] && q->stopping == c->stopping[i]);
        FUZZ_CHECK(!q->running || q->enabled);
        if (q->running)
            FUZZ_CHECK(q->size == was->size && q->align == was->align && q->page == was->page &&
                       memcmp(q->address, was->address, sizeof(q->address)) == 0);
        FUZZ_CHECK(!q->running || c->state->without_memory == 0 || q->stopping);
        FUZZ_CHECK(!q->running || (status & VQ_STATUS_SUSPEND) == 0);
    }
    FUZZ_CHECK(c->accepted == c->state->accepted);
    FUZZ_CHECK(!(status & VQ_STATUS_DRIVER) || (status & VQ_STATUS_ACKNOWLEDGE));
    FUZZ_CHECK(!(status & VQ_STATUS_FEATURES_OK) || (c->accepted && (status & VQ_STATUS_DRIVER)));
    FUZZ_CHECK((status & (VQ_STATUS_DRIVER_OK | VQ_STATUS_SUSPEND)) !=
               (VQ_STATUS_DRIVER_OK | VQ_STATUS_SUSPEND));
}

static void step(struct checked *c, void (*touch)(struct checked *c))
{
    uint8_t op = fuzz_byte(&c->in);

    switch (op & 15) {
    case 0:
        bring_up(c);
        break;
    case 1:
    case 2:
        request(c);
        (void)vq_model_run(c->state);
        break;
    case 3:
        (void)vq_model_run(c->state);
        break;
    case 4:
        scribble(c);
        break;
    case 5:
        c->hold = op & 0x10;
        c->slow = op & 0x20;
        break;
    case 6:
        stopped(c, (op >> 4) % 3);
        break;
    case 7:
        if (op & 0x10)
            vq_model_config_changed(c->state);
        else if (op & 0x20)
            vq_model_hold(c->state);
        else
            vq_model_release(c->state);
        break;
    case 8:
        if (op & 0x20) {
            c->put(c, CHECKED_QUEUE_SELECT, op >> 7);
            c->put(c, CHECKED_QUEUE_RESET, 1);
            break;
        }
        c->put(c, CHECKED_STATUS, c->state->status | (op & 0x10 ? VQ_STATUS_SUSPEND : 4u));
        break;
    default:
        touch(c);
    }
}

void checked_open(struct checked *c, const uint8_t *data, size_t bytes)
{
    struct vq_blk_lane *lanes[CHECKED_QUEUES];
    const struct vq_blk_device_config config = {
        .capacity = CHECKED_SECTORS,
        .serial = "fuzz",
        .queue_count = CHECKED_QUEUES,
        .queue_size = CHECKED_SIZE,
        .lanes = lanes,
    };

    *c = (struct checked){
        .in = {data, data + bytes},
        .ops = {.name = "checked",
                .device_id = VQ_BLK_DEVICE_ID,
                .offered = offered,
                .accept = accept,
                .config_size = config_size,
                .read_config = read_config,
                .write_config = write_config,
                .queue_count = queue_count,
                .queue_size_max = queue_size_max,
                .queue_start = queue_start,
                .queue_run = queue_run,
                .queue_arm = queue_arm,
                .queue_disarm = queue_disarm,
                .queue_wait_fd = queue_wait_fd,
                .queue_broken = queue_broken,
                .queue_in_flight = queue_in_flight,
                .queue_stop = queue_stop,
                .reset = reset},
    };
    c->model.ops = &c->ops;
    for (uint16_t i = 0; i < CHECKED_QUEUES; i++) {
        c->lanes[i] = (struct checked_lane){.lane = {&lane_ops}, .owner = c, .index = i};
        lanes[i] = &c->lanes[i].lane;
    }
    if (!ram) {
        ram = fuzz_new(CHECKED_RAM);
        device_bytes = vq_blk_device_bytes(&config);
        FUZZ_CHECK(posix_memalign(&device_memory, 64, device_bytes) == 0);
    }
    memset(ram, 0, CHECKED_RAM);
    FUZZ_CHECK(vq_blk_device_init(&c->disk, &config, device_memory, device_bytes) == VQ_OK);
    c->region = (struct vq_region){CHECKED_BASE, CHECKED_RAM, ram, VQ_READ | VQ_WRITE};
    FUZZ_CHECK(vq_memory_init(&c->memory, &c->region, 1) == VQ_OK);
}

struct vq_model_config checked_config(struct checked *c)
{
    return (struct vq_model_config){.model = &c->model,
                                    .memory = &c->memory,
                                    .queues = c->queues,
                                    .queue_count = CHECKED_QUEUES,
                                    .host = &checked_host,
                                    .host_context = c};
}

void checked_play(struct checked *c, void (*touch)(struct checked *c))
{
    for (unsigned i = 0; i < STEPS && fuzz_more(&c->in); i++) {
        step(c, touch);
        check(c);
    }
}

/* However it was left, a reset brings it back: asked for once, and waited for. */
void checked_close(struct checked *c)
{
    c->put(c, CHECKED_STATUS, 0);
    for (uint16_t i = 0; i < CHECKED_QUEUES; i++)
        stopped(c, i);
    check(c);
    vq_model_release(c->state);
    for (unsigned i = 0; i < CHECKED_QUEUES; i++)
        FUZZ_CHECK(!c->running[i] && !c->queues[i].enabled);
    FUZZ_CHECK(c->state->status == 0 && !c->accepted);
}
