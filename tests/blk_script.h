/*
 * The block driver over the loopback, against a device that does as it is told:
 * it records each request, and answers with any status, length and order. What
 * stands in its configuration space is the test's word.
 */
#ifndef VQ_TEST_BLK_SCRIPT_H
#define VQ_TEST_BLK_SCRIPT_H

#include "test.h"

#include <string.h>

#include <vq/blk_driver.h>
#include <vq/loopback.h>

#define BASE   UINT64_C(0x10000000)
#define ARENA  (1u << 20)
#define SIZE   64u
#define DATA   (512u << 10) /* where data lies in the arena */
#define QUEUES 2u

#ifndef VQ_WITH_INDIRECT
#define VQ_WITH_INDIRECT 1 /* as src/ring/variant.h has it */
#endif
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define HOST_BIG true
#else
#define HOST_BIG false
#endif

/* A request as the device saw it. */
struct seen {
    uint32_t type;
    uint64_t sector;
    uint32_t segments;
    uint32_t bytes[8]; /* of each segment */
    uint32_t readable;
    uint8_t header[16];
    uint8_t payload[32]; /* what followed the header */
};

struct script {
    struct vq_device_model model;
    struct vq_features offered;
    struct vq_features chosen;
    uint8_t config[VQ_BLK_CONFIG_SIZE];
    uint32_t config_size;
    uint8_t touched[VQ_BLK_CONFIG_SIZE];
    uint8_t status_at[VQ_BLK_CONFIG_SIZE]; /* the device status when a byte was read first */
    const struct vq_loopback *loop;
    bool refuse;
    uint16_t queue_size;
    uint16_t queues;
    /* Answers. */
    uint8_t status;
    bool silent_status; /* does not write the status at all */
    int32_t length;     /* used length; -1: the right one */
    bool backwards;
    bool hold; /* takes and does not answer */
    bool big;  /* of the driver that came */
    /* Records. */
    struct seen seen[256];
    size_t count;
    struct vq_device_queue queue[QUEUES];
    uint16_t in_flight[QUEUES][SIZE];
    bool running[QUEUES];
};

static inline struct script *script_of(const struct vq_device_model *model)
{
    return (struct script *)(uintptr_t)model;
}

static inline struct vq_features offered(const struct vq_device_model *model)
{
    return script_of(model)->offered;
}

static inline enum vq_error accept(struct vq_device_model *model, const struct vq_features *chosen)
{
    script_of(model)->chosen = *chosen;
    return script_of(model)->refuse ? VQ_ERR_UNSUPPORTED : VQ_OK;
}

static inline uint32_t config_size(const struct vq_device_model *model)
{
    return script_of(model)->config_size;
}

static inline void read_config(const struct vq_device_model *model, uint32_t offset, void *bytes,
                               uint32_t count)
{
    struct script *s = script_of(model);
    assert_true(offset + count <= sizeof s->config);
    for (uint32_t i = offset; i < offset + count; i++) {
        if (!s->touched[i])
            s->status_at[i] = s->loop->state.status;
        s->touched[i] = 1;
    }
    memcpy(bytes, s->config + offset, count);
}

static inline enum vq_error write_config(struct vq_device_model *model, uint32_t offset,
                                         const void *bytes, uint32_t count)
{
    memcpy(script_of(model)->config + offset, bytes, count);
    return VQ_OK;
}

static inline uint16_t queue_count(const struct vq_device_model *model)
{
    return script_of(model)->queues;
}

static inline uint16_t queue_size_max(const struct vq_device_model *model, uint16_t index)
{
    (void)index;
    return script_of(model)->queue_size;
}

static inline enum vq_error queue_start(struct vq_device_model *model, uint16_t index,
                                        const struct vq_device_config *config)
{
    struct script *s = script_of(model);
    struct vq_device_config mine = *config;
    mine.in_flight = s->in_flight[index];
    s->big = config->big_endian;
    s->running[index] = true;
    return vq_device_init(&s->queue[index], &mine);
}

static inline void note(struct script *s, const struct vq_buffer *b)
{
    struct seen *seen = &s->seen[s->count++ % 256];
    memset(seen, 0, sizeof *seen);
    seen->readable = b->readable;
    seen->segments = b->readable + b->writable;
    for (uint32_t i = 0; i < seen->segments && i < 8; i++)
        seen->bytes[i] = (uint32_t)b->segments[i].bytes;
    const uint8_t *header = b->segments[0].base;
    memcpy(seen->header, header, sizeof seen->header);
    bool big = s->big && !vq_feature(&s->chosen, VQ_F_VERSION_1);
    for (unsigned i = 0; i < 4; i++)
        seen->type |= (uint32_t)header[big ? 3 - i : i] << (8 * i);
    for (unsigned i = 0; i < 8; i++)
        seen->sector |= (uint64_t)header[8 + (big ? 7 - i : i)] << (8 * i);
    if (b->readable > 1)
        memcpy(seen->payload, b->segments[1].base,
               b->segments[1].bytes < 32 ? b->segments[1].bytes : 32);
}

static inline unsigned queue_run(struct vq_device_model *model, uint16_t index)
{
    struct script *s = script_of(model);
    struct vq_device_queue *q = &s->queue[index];
    struct vq_used used[SIZE];
    struct vq_segment segments[40];
    struct vq_buffer buffer = {.segments = segments, .room = 40};
    struct vq_buffer *one[1] = {&buffer};
    size_t n = 0;
    while (n < SIZE && vq_device_pop(q, one, 1) == 1) {
        note(s, &buffer);
        uint32_t last = buffer.readable + buffer.writable - 1;
        if (!s->silent_status)
            memset((uint8_t *)segments[last].base + segments[last].bytes - 1, s->status, 1);
        for (uint32_t i = buffer.readable; i < last; i++)
            memset(segments[i].base, 0x5a, segments[i].bytes);
        used[n++] = (struct vq_used){buffer.id, s->length < 0 ? (uint32_t)buffer.writable_bytes
                                                              : (uint32_t)s->length};
    }
    if (n == 0 || s->hold)
        return VQ_RUN_IDLE;
    for (size_t i = 0; s->backwards && i < n / 2; i++) {
        struct vq_used other = used[i];
        used[i] = used[n - 1 - i];
        used[n - 1 - i] = other;
    }
    (void)vq_device_push(q, used, n);
    return VQ_RUN_PROGRESS | (vq_device_publish(q) ? (unsigned)VQ_RUN_SIGNAL : 0u);
}

static inline bool queue_arm(struct vq_device_model *model, uint16_t index)
{
    return vq_device_enable_notifications(&script_of(model)->queue[index]);
}

static inline void queue_disarm(struct vq_device_model *model, uint16_t index)
{
    vq_device_disable_notifications(&script_of(model)->queue[index]);
}

static inline int queue_wait_fd(const struct vq_device_model *model, uint16_t index)
{
    (void)model;
    (void)index;
    return -1;
}

static inline enum vq_broken queue_broken(const struct vq_device_model *model, uint16_t index)
{
    return vq_device_broken(&script_of(model)->queue[index]);
}

static inline uint16_t queue_in_flight(const struct vq_device_model *model, uint16_t index)
{
    (void)model;
    (void)index;
    return 0;
}

static inline unsigned queue_stop(struct vq_device_model *model, uint16_t index,
                                  struct vq_position *position)
{
    script_of(model)->running[index] = false;
    *position = (struct vq_position){0, 0};
    return VQ_RUN_IDLE;
}

static inline void reset(struct vq_device_model *model)
{
    script_of(model)->chosen = vq_features_from64(0);
}

static const struct vq_device_model_ops model_ops = {
    .name = "script",
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
    .reset = reset,
};

/* Everything that a case needs; too large for the stack of some. */
static struct bench {
    struct script script;
    struct vq_region region;
    struct vq_memory memory;
    struct vq_model_queue loop_queues[QUEUES];
    struct vq_loopback loop;
    struct vq_constraints constraints;
    struct vq_blk_driver_options options;
    struct vq_blk_memory queue_memory[QUEUES];
    struct vq_blk_driver_queue queues[QUEUES];
    struct vq_blk_driver driver;
    struct vq_init_result why;
    struct vq_blk_driver_done done[SIZE];
    bool big;
} b;
static _Alignas(4096) uint8_t arena[ARENA];
static _Alignas(64) uint8_t private_memory[QUEUES][16384];

/* Fields are little-endian, but for a legacy driver on a big-endian machine. */
static inline void put(uint32_t offset, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        b.script.config[offset + (b.big ? bytes - 1 - i : i)] = (uint8_t)(value >> (8 * i));
}

static inline void put32(uint32_t offset, uint32_t value)
{
    put(offset, value, 4);
}

static inline void fill_config(void)
{
    put(VQ_BLK_CONFIG_CAPACITY, 1000, 8);
    put32(VQ_BLK_CONFIG_SIZE_MAX, 65536);
    put32(VQ_BLK_CONFIG_SEG_MAX, 4);
    put32(VQ_BLK_CONFIG_BLK_SIZE, 512);
    put(VQ_BLK_CONFIG_NUM_QUEUES, QUEUES, 2);
    put32(VQ_BLK_CONFIG_MAX_DISCARD_SECTORS, 100);
    put32(VQ_BLK_CONFIG_MAX_DISCARD_SEG, 1);
    put32(VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SECTORS, 50);
    put32(VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SEG, 1);
}

/* Makes the device a legacy one, in the order of this machine. */
static inline void make_legacy(void)
{
    vq_feature_clear(&b.script.offered, VQ_F_VERSION_1);
    b.big = HOST_BIG;
    fill_config();
}

/* A well-behaved disk of 1000 sectors with all that the driver knows. */
static inline int set_up(void **state)
{
    (void)state;
    static const uint8_t bits[] = {
        VQ_F_VERSION_1,    VQ_F_INDIRECT_DESC, VQ_F_EVENT_IDX,        VQ_F_ANY_LAYOUT,
        VQ_BLK_F_SEG_MAX,  VQ_BLK_F_BLK_SIZE,  VQ_BLK_F_FLUSH,        VQ_BLK_F_CONFIG_WCE,
        VQ_BLK_F_MQ,       VQ_BLK_F_DISCARD,   VQ_BLK_F_WRITE_ZEROES, VQ_BLK_F_SIZE_MAX,
        VQ_BLK_F_TOPOLOGY,
    };
    memset(&b, 0, sizeof b);
    memset(arena, 0, sizeof arena);
    b.script.model.ops = &model_ops;
    for (size_t i = 0; i < sizeof bits; i++)
        vq_feature_set(&b.script.offered, bits[i]);
    b.script.config_size = VQ_BLK_CONFIG_SIZE;
    b.script.queue_size = SIZE;
    b.script.queues = QUEUES;
    b.script.length = -1;
    fill_config();
    b.region = (struct vq_region){BASE, ARENA, arena, VQ_READ | VQ_WRITE};
    assert_int_equal(vq_memory_init(&b.memory, &b.region, 1), VQ_OK);
    b.options = (struct vq_blk_driver_options){
        .queue_count = QUEUES, .queue_size = SIZE, .depth = 32, .segments = 4, .patience = 100};
    return 0;
}

static inline enum vq_error open_disk(void)
{
    struct vq_loopback_config config = {
        .model = &b.script.model,
        .memory = &b.memory,
        .queues = b.loop_queues,
        .queue_count = QUEUES,
        .constraints = b.constraints,
        .legacy_big_endian = b.big,
    };
    size_t shared, private_bytes;
    assert_int_equal(vq_blk_driver_measure(&b.options, &shared, &private_bytes), VQ_OK);
    assert_true(QUEUES * shared <= DATA && private_bytes <= sizeof private_memory[0]);
    shared = (shared + 15) & ~(size_t)15;
    for (size_t i = 0; i < QUEUES; i++) {
        b.queue_memory[i].shared = arena + i * shared;
        b.queue_memory[i].address = BASE + i * shared;
        b.queue_memory[i].shared_bytes = shared;
        b.queue_memory[i].private_memory = private_memory[i];
        b.queue_memory[i].private_bytes = private_bytes;
    }
    b.options.memory = b.queue_memory;
    b.script.loop = &b.loop;
    assert_int_equal(vq_loopback_init(&b.loop, &config), VQ_OK);
    return vq_blk_driver_open(&b.driver, &b.loop.transport, b.queues, &b.options, &b.why);
}

static struct vq_element data_element;

static inline struct vq_blk_driver_request transfer(uint32_t type, uint64_t sector, uint32_t bytes)
{
    data_element = (struct vq_element){BASE + DATA, bytes};
    return (struct vq_blk_driver_request){
        .type = type, .sector = sector, .data = &data_element, .count = 1, .tag = sector};
}

/* One request all the way; the answer is in b.done[0]. */
static inline enum vq_error one(const struct vq_blk_driver_request *request)
{
    struct vq_blk_driver_queue *q = &b.queues[0];
    enum vq_error error = vq_blk_driver_prepare(q, request);
    if (error != VQ_OK)
        return error;
    assert_int_equal(vq_blk_driver_submit(q), VQ_OK);
    (void)vq_loopback_run(&b.loop);
    assert_int_equal(vq_blk_driver_reap(q, b.done, SIZE), 1);
    assert_int_equal(vq_blk_driver_in_flight(q), 0);
    return b.done[0].error;
}

#define VQ_BLK_CASE(fn, name) VQ_TEST_FIXTURE(fn, set_up, NULL, name)

#endif
