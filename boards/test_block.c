/*
 * The block driver: reads the first quarter of the disk, which the host filled, writes
 * it back a quarter further on with every byte changed, flushes, and reads that again.
 * The host knows what its file must then contain.
 *
 * A request takes three descriptors (header, data, status), so that a queue of two can
 * flush and no more, and a queue of one can do nothing: the driver then must say so.
 */
#include <vq/blk_driver.h>

#include "rings.h"
#include "test.h"
#include "text.h"

#define SECTORS   256u /* that are copied */
#define PIECE_MAX 16u  /* sectors of one request */
#define CHANGE    0x5au
#define ID        "vq.board"
#define SEGMENTS  4u
#define DEPTH     32u

static uint8_t source[SECTORS * VQ_BLK_SECTOR_BYTES];
static uint8_t target[SECTORS * VQ_BLK_SECTOR_BYTES];

/* How a copy is cut into requests. */
struct cut {
    uint32_t type;
    uint32_t first; /* sector on the disk */
    uint8_t *memory;
    uint32_t sectors; /* of a request */
    uint16_t segments;
};

static uint32_t requests, together;
static bool waiting; /* for interrupts */
static bool armed;   /* one will come, whether or not the answers are there before it */

/* Gets answers; NULL or what is wrong with one. */
static const char *reap(struct vq_blk_driver_queue *q)
{
    struct vq_blk_driver_done done[8];
    if (waiting) {
        enum vq_error error = armed ? vq_transport_wait(q->driver->transport, q->index, -1)
                                    : vq_blk_driver_wait(q, -1);
        armed = false;
        if (error != VQ_OK)
            return vq_error_text(error);
    }
    test_patience_begin();
    for (;;) {
        size_t n = vq_blk_driver_reap(q, done, 8);
        for (size_t i = 0; i < n; i++)
            if (done[i].error != VQ_OK)
                return vq_error_text(done[i].error);
        if (n != 0)
            return NULL;
        if (vq_blk_driver_broken(q) != VQ_NOT_BROKEN)
            return vq_broken_text(vq_blk_driver_broken(q));
        if (test_patience_over())
            return "a request has no answer";
    }
}

/* Asks for an interrupt for the next answer before there can be one. */
static enum vq_error submit(struct vq_blk_driver_queue *q)
{
    if (waiting)
        armed = !vq_blk_driver_listen(q);
    return vq_blk_driver_submit(q);
}

static enum vq_error prepare(struct vq_blk_driver_queue *q, const struct cut *cut, uint32_t sector)
{
    struct vq_element data[SEGMENTS];
    uint32_t bytes = cut->sectors * VQ_BLK_SECTOR_BYTES, done = 0;
    /* Segments of different sizes, a few bytes past the one before. */
    for (uint16_t i = 0; i < cut->segments; i++) {
        uint32_t size = i + 1 == cut->segments ? bytes - done : bytes / cut->segments - 20u - i;
        data[i] =
            (struct vq_element){(uintptr_t)cut->memory + sector * VQ_BLK_SECTOR_BYTES + done, size};
        done += size;
    }
    return vq_blk_driver_prepare(q, &(struct vq_blk_driver_request){.type = cut->type,
                                                                    .sector = cut->first + sector,
                                                                    .data = data,
                                                                    .count = cut->segments,
                                                                    .tag = sector});
}

/* As many requests at a time as the queue holds. */
static const char *copy(struct vq_blk_driver_queue *q, const struct cut *cut)
{
    const char *wrong = NULL;
    for (uint32_t sector = 0; wrong == NULL && sector < SECTORS;) {
        enum vq_error error = prepare(q, cut, sector);
        if (error == VQ_OK) {
            sector += cut->sectors;
            requests++;
        }
        if (vq_blk_driver_in_flight(q) > together)
            together = vq_blk_driver_in_flight(q);
        if (error == VQ_OK)
            continue;
        if (error != VQ_ERR_FULL || vq_blk_driver_in_flight(q) == 0)
            return vq_error_text(error);
        if (submit(q) != VQ_OK)
            return "submit failed";
        wrong = reap(q);
    }
    if (wrong == NULL && submit(q) != VQ_OK)
        return "submit failed";
    while (wrong == NULL && vq_blk_driver_in_flight(q) != 0)
        wrong = reap(q);
    return wrong;
}

static const char *single(struct vq_blk_driver_queue *q,
                          const struct vq_blk_driver_request *request)
{
    enum vq_error error = vq_blk_driver_prepare(q, request);
    if (error != VQ_OK)
        return vq_error_text(error);
    if (submit(q) != VQ_OK)
        return "submit failed";
    requests++;
    return reap(q);
}

static const char *flush(struct vq_blk_driver_queue *q)
{
    if (!q->driver->facts.flush)
        return NULL;
    return single(q, &(struct vq_blk_driver_request){.type = VQ_BLK_T_FLUSH});
}

static const char *identify(struct vq_blk_driver_queue *q)
{
    struct vq_element data = {(uintptr_t)source, VQ_BLK_ID_BYTES};
    const char *wrong = single(
        q, &(struct vq_blk_driver_request){.type = VQ_BLK_T_GET_ID, .data = &data, .count = 1});
    source[VQ_BLK_ID_BYTES] = '\0';
    if (wrong == NULL && !text_same((const char *)source, ID))
        return "the disk has another id";
    return wrong;
}

static const char *exercise(struct vq_blk_driver_queue *q)
{
    const char *wrong = identify(q);
    uint16_t segments = q->segments;
    if (wrong == NULL)
        wrong = copy(q, &(struct cut){VQ_BLK_T_IN, 0, source, 1, 1});
    for (uint32_t i = 0; i < sizeof(source); i++)
        source[i] ^= CHANGE;
    if (wrong == NULL)
        wrong = copy(q, &(struct cut){VQ_BLK_T_OUT, SECTORS, source, 8, segments});
    if (wrong == NULL)
        wrong = flush(q);
    if (wrong == NULL)
        wrong = copy(q, &(struct cut){VQ_BLK_T_IN, SECTORS, target, PIECE_MAX, segments});
    for (uint32_t i = 0; wrong == NULL && i < sizeof(source); i++)
        if (source[i] != target[i])
            wrong = "what was written reads as something else";
    return wrong;
}

/* A queue too small for a request must be one that refuses it. */
static const char *exercise_small(struct vq_blk_driver_queue *q)
{
    struct cut one = {VQ_BLK_T_IN, 0, source, 1, 1};
    if (prepare(q, &one, 0) == VQ_OK)
        return "a request fits that cannot";
    say(" small");
    return q->size == 2 ? flush(q) : NULL;
}

const char *test_block(struct vq_transport *t, const struct test_wish *wish)
{
    static struct vq_blk_driver driver;
    static struct vq_blk_driver_queue queue;
    struct vq_blk_driver_options options = {
        .queue_size = wish->queue_size,
        .depth = wish->queue_size < DEPTH ? wish->queue_size : (uint16_t)DEPTH,
        .segments = SEGMENTS,
        .rings_apart = true,
        .without = wish->without,
        .strict = true,
    };
    struct vq_blk_memory memory = {.rings = rings_memory};
    enum vq_error error =
        vq_blk_driver_measure(&options, &memory.shared_bytes, &memory.private_bytes);
    if (error != VQ_OK)
        return vq_error_text(error);
    memory.shared = rings_take(memory.shared_bytes);
    memory.address = (uintptr_t)memory.shared;
    memory.private_memory = rings_take(memory.private_bytes);
    options.memory = &memory;

    struct vq_init_result result;
    if (vq_blk_driver_open(&driver, t, &queue, &options, &result) != VQ_OK)
        return test_refused(&result);
    test_features(t);
    say_number(" sectors=", (uint32_t)driver.facts.capacity);
    requests = together = 0;
    waiting = wish->interrupts;
    const char *wrong = queue.size < 3 ? exercise_small(&queue) : exercise(&queue);
    say_number(" requests=", requests);
    say_number(" together=", together);
    if (wrong == NULL)
        wrong = test_interrupted(t, wish);
    if (wish->hold)
        return wrong;
    if (vq_blk_driver_close(&driver) != VQ_OK && wrong == NULL)
        wrong = "the device does not reset";
    return wrong;
}
