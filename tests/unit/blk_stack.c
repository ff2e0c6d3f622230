/*
 * The block device over real back ends: drivers on their own threads, one queue
 * each, sleeping on the lane's descriptor as a worker does.
 */
#include "blk_rig.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/blk_backend.h"

enum { SHARE = RIG_SECTORS / RIG_QUEUES, DEEP = 12, ROUNDS = 60 };

/* One queue's thread: writes its share of the disk in small requests, many in flight, and reads
 * it back. cmocka's assertions belong to the main thread: this one counts. */
struct player {
    struct rig *rig;
    unsigned queue;
    unsigned wrong;
    unsigned completed;
};

static void wait_for(struct player *p, unsigned count)
{
    struct rig *rig = p->rig;
    const uint16_t q = (uint16_t)p->queue;

    for (unsigned back = 0; back < count;) {
        struct vq_done done[DEEP];
        size_t n;

        if (!(rig_run(rig, q) & VQ_RUN_PROGRESS) && !rig->model->ops->queue_arm(rig->model, q)) {
            struct pollfd fd = {.fd = rig->model->ops->queue_wait_fd(rig->model, q),
                                .events = POLLIN};
            if (poll(&fd, 1, 20000) != 1) {
                p->wrong++;
                return;
            }
        }
        n = vq_driver_get(&rig->queue[q].driver, done, DEEP);
        back += (unsigned)n;
        p->completed += (unsigned)n;
    }
}

static void *play(void *opaque)
{
    struct player *p = opaque;
    struct rig *rig = p->rig;
    const uint32_t base = p->queue * (RIG_GUEST / RIG_QUEUES);

    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned pass = 0; pass < 2; pass++) {
            for (unsigned i = 0; i < DEEP; i++) {
                uint32_t at = base + i * 1024;
                struct vq_element e[3] = {{RIG_ADDRESS + at, 16},
                                          {RIG_ADDRESS + at + 64, 512},
                                          {RIG_ADDRESS + at + 1000, 1}};

                rig_header(rig, rig->guest + at, pass ? VQ_BLK_T_IN : VQ_BLK_T_OUT,
                           p->queue * SHARE + i);
                memset(rig->guest + at + 64, pass ? 0 : (int)(round + i + p->queue * 31), 512);
                rig->guest[at + 1000] = RIG_UNTOUCHED;
                if (vq_driver_add(&rig->queue[p->queue].driver, e, pass ? 1 : 2, pass ? 2 : 1) < 0)
                    p->wrong++;
            }
            (void)vq_driver_publish(&rig->queue[p->queue].driver);
            wait_for(p, DEEP);
            for (unsigned i = 0; i < DEEP; i++) {
                const uint8_t *at = rig->guest + base + i * 1024;

                p->wrong += at[1000] != VQ_BLK_S_OK;
                for (unsigned k = 0; k < 512; k += 73)
                    p->wrong += at[64 + k] != (uint8_t)(round + i + p->queue * 31);
            }
        }
    }
    return NULL;
}

static void play_over(enum vq_blk_source source, enum vq_blk_engine engine)
{
    const char *tmp = getenv("TMPDIR");
    char dir[256], path[300], error[300];
    struct vq_blk_backend_options o = {.source = source,
                                       .path = path,
                                       .bytes = RIG_SECTORS * 512,
                                       .lanes = RIG_QUEUES,
                                       .depth = 4,
                                       .engine = engine};
    struct vq_blk_device_config config = rig_defaults();
    struct player players[RIG_QUEUES];
    pthread_t threads[RIG_QUEUES];
    struct vq_blk_backend *backend;
    struct vq_position at;
    struct rig *rig;
    FILE *image;

    (void)snprintf(dir, sizeof dir, "%s/vq-blk-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/image", dir);
    image = fopen(path, "w");
    assert_non_null(image);
    (void)fclose(image);
    assert_int_equal(truncate(path, RIG_SECTORS * 512), 0);
    backend = vq_blk_backend_open(&o, error, sizeof error);
    if (!backend && engine == VQ_BLK_ENGINE_URING) {
        (void)unlink(path);
        (void)rmdir(dir);
        VQ_SKIP("io_uring");
    }
    assert_non_null(backend);
    vq_blk_backend_describe(backend, &config);
    rig = rig_make(&config);
    rig_negotiate(rig, -1);
    for (unsigned i = 0; i < RIG_QUEUES; i++) {
        players[i] = (struct player){.rig = rig, .queue = i};
        assert_int_equal(pthread_create(&threads[i], NULL, play, &players[i]), 0);
    }
    for (unsigned i = 0; i < RIG_QUEUES; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(players[i].wrong, 0);
        assert_int_equal(players[i].completed, 2 * DEEP * ROUNDS);
    }
    /* Stopped with requests under way: all of them are given back. */
    for (unsigned i = 0; i < DEEP; i++) {
        struct rig_request r = rig_new_request(rig, VQ_BLK_T_IN, i, 0, 512);

        rig_add(rig, 0, &r, NULL, NULL);
    }
    (void)rig_run(rig, 0);
    (void)rig->model->ops->queue_stop(rig->model, 0, &at);
    assert_int_equal(at.next_available, rig->queue[0].driver.next_available);
    assert_int_equal(at.next_used, at.next_available);
    rig_free(rig);
    vq_blk_backend_close(backend);
    (void)unlink(path);
    (void)rmdir(dir);
}

static void over_uring(void **state)
{
    (void)state;
    play_over(VQ_BLK_FILE, VQ_BLK_ENGINE_URING);
}

static void over_threads(void **state)
{
    (void)state;
    play_over(VQ_BLK_FILE, VQ_BLK_ENGINE_THREADS);
}

static void over_memory(void **state)
{
    (void)state;
    play_over(VQ_BLK_MEMORY, VQ_BLK_ENGINE_AUTO);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(over_uring, "four queues on four threads, over io_uring"),
        VQ_TEST(over_threads, "four queues on four threads, over a pool of threads"),
        VQ_TEST(over_memory, "four queues on four threads, over memory"),
    };
    return VQ_RUN(tests);
}
