/*
 * The block back ends, each through its lane: what is written is read back, over
 * any engine; what goes wrong below is a failed io and nothing worse.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/blk_backend.h"
#include "host/blk_file.h"

enum { SECTORS = 4096, BYTES = SECTORS * 512, MANY = 200 };

struct disk {
    char dir[256], path[300];
    struct vq_blk_backend *backend;
    unsigned fds;
};

enum kind { URING, THREADS, MEMORY };

static bool uring_permitted(void)
{
    uint8_t parameters[120] = {0};
    long fd = syscall(SYS_io_uring_setup, 2, parameters);

    if (fd >= 0)
        (void)close((int)fd);
    return fd >= 0;
}

static void image_make(struct disk *d, off_t bytes)
{
    const char *tmp = getenv("TMPDIR");
    int fd;

    (void)snprintf(d->dir, sizeof d->dir, "%s/vq-blk-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(d->dir));
    (void)snprintf(d->path, sizeof d->path, "%s/image", d->dir);
    fd = open(d->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, bytes), 0);
    (void)close(fd);
}

static void image_remove(struct disk *d)
{
    (void)unlink(d->path);
    (void)rmdir(d->dir);
}

static struct vq_blk_backend_options options_of(const struct disk *d, enum kind kind)
{
    return (struct vq_blk_backend_options){
        .source = kind == MEMORY ? VQ_BLK_MEMORY : VQ_BLK_FILE,
        .path = d->path,
        .bytes = BYTES,
        .lanes = 2,
        .depth = 8,
        .engine = kind == URING ? VQ_BLK_ENGINE_URING : VQ_BLK_ENGINE_THREADS,
        .threads = 3,
    };
}

static struct disk disk_open(enum kind kind)
{
    struct disk d = {.backend = NULL};
    struct vq_blk_backend_options o;
    char error[200];

    if (kind == URING && !uring_permitted())
        VQ_SKIP("io_uring");
    d.fds = count_open_fds();
    image_make(&d, BYTES);
    o = options_of(&d, kind);
    d.backend = vq_blk_backend_open(&o, error, sizeof error);
    if (!d.backend)
        print_message("# %s\n", error);
    assert_non_null(d.backend);
    assert_int_equal(d.backend->bytes, BYTES);
    assert_int_equal(d.backend->lane_count, 2);
    return d;
}

static void disk_close(struct disk *d)
{
    vq_blk_backend_close(d->backend);
    assert_int_equal(count_open_fds(), d->fds);
    image_remove(d);
}

/* Submits all and waits for all; sleeps on the descriptor as a worker would. */
static void carry_out(struct vq_blk_lane *lane, struct vq_blk_io *const ios[], size_t count)
{
    struct vq_blk_io *got[7];
    struct pollfd fd = {.fd = lane->ops->wait_fd(lane), .events = POLLIN};
    size_t done = 0;

    lane->ops->submit(lane, ios, count);
    while (done < count) {
        size_t n = lane->ops->reap(lane, got, 7, false);
        if (n == 0) {
            assert_true(fd.fd >= 0);
            assert_int_equal(poll(&fd, 1, 20000), 1);
        }
        done += n;
    }
    assert_int_equal(done, count);
    assert_int_equal(lane->ops->reap(lane, got, 7, true), 0);
}

static int one(struct vq_blk_lane *lane, struct vq_blk_io io)
{
    struct vq_blk_io *ios[] = {&io};

    io.result = 99;
    carry_out(lane, ios, 1);
    return io.result;
}

static int move(struct vq_blk_lane *lane, enum vq_blk_io_type type, uint64_t offset, void *data,
                size_t bytes, bool durable)
{
    struct vq_segment s = {data, bytes};

    return one(lane, (struct vq_blk_io){.type = (uint8_t)type,
                                        .durable = durable,
                                        .segments = &s,
                                        .segment_count = 1,
                                        .offset = offset,
                                        .bytes = bytes});
}

static int range(struct vq_blk_lane *lane, enum vq_blk_io_type type, uint64_t offset,
                 uint64_t bytes, bool may_trim, bool durable)
{
    return one(lane, (struct vq_blk_io){.type = (uint8_t)type,
                                        .durable = durable,
                                        .may_trim = may_trim,
                                        .offset = offset,
                                        .bytes = bytes});
}

/* Random work on both lanes against a copy of the disk in an array. */
static void random_work(enum kind kind)
{
    struct disk d = disk_open(kind);
    uint8_t *model = calloc(1, BYTES), *data = malloc(65536);
    struct vq_random random = {7};

    for (int round = 0; round < 600; round++) {
        struct vq_blk_lane *lane = d.backend->lanes[vq_random_below(&random, 2)];
        uint32_t sector = vq_random_below(&random, SECTORS);
        uint32_t most = SECTORS - sector < 128 ? SECTORS - sector : 128;
        size_t bytes = 512 * (1 + vq_random_below(&random, most)), at = sector * 512u;
        bool flag = vq_random_below(&random, 8) == 0;

        switch (vq_random_below(&random, 5)) {
        case 0:
        case 1:
            for (size_t i = 0; i < bytes; i++)
                data[i] = (uint8_t)vq_random(&random);
            memcpy(model + at, data, bytes);
            assert_int_equal(move(lane, VQ_BLK_IO_WRITE, at, data, bytes, flag), VQ_OK);
            break;
        case 2:
            memset(data, 0xee, bytes);
            assert_int_equal(move(lane, VQ_BLK_IO_READ, at, data, bytes, false), VQ_OK);
            assert_memory_equal(data, model + at, bytes);
            break;
        case 3:
            memset(model + at, 0, bytes);
            assert_int_equal(range(lane, VQ_BLK_IO_WRITE_ZEROES, at, bytes, round % 2, flag),
                             VQ_OK);
            break;
        case 4:
            assert_int_equal(one(lane, (struct vq_blk_io){.type = VQ_BLK_IO_FLUSH}), VQ_OK);
            break;
        }
    }
    assert_int_equal(range(d.backend->lanes[0], VQ_BLK_IO_DISCARD, 0, BYTES / 2, false, false),
                     VQ_OK);
    for (uint32_t at = BYTES / 2; at < BYTES; at += 65536) {
        assert_int_equal(move(d.backend->lanes[1], VQ_BLK_IO_READ, at, data, 65536, false), VQ_OK);
        assert_memory_equal(data, model + at, 65536);
    }
    free(model);
    free(data);
    disk_close(&d);
}

static void random_uring(void **state)
{
    (void)state;
    random_work(URING);
}
static void random_threads(void **state)
{
    (void)state;
    random_work(THREADS);
}
static void random_memory(void **state)
{
    (void)state;
    random_work(MEMORY);
}

/* Many more at once than the kernel is given, of many segments. */
static void many_at_once(enum kind kind)
{
    struct disk d = disk_open(kind);
    static struct vq_blk_io io[MANY];
    static struct vq_segment s[MANY][4];
    static uint8_t data[MANY][2048];
    struct vq_blk_io *ios[MANY];

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < MANY; i++) {
            memset(data[i], pass ? 0 : (int)(i + 1), 2048);
            for (size_t k = 0; k < 4; k++)
                s[i][k] = (struct vq_segment){data[i] + k * 512, 512};
            io[i] = (struct vq_blk_io){.type = pass ? VQ_BLK_IO_READ : VQ_BLK_IO_WRITE,
                                       .result = 99,
                                       .segments = s[i],
                                       .segment_count = 4,
                                       .offset = i * 2048,
                                       .bytes = 2048};
            ios[i] = &io[i];
        }
        carry_out(d.backend->lanes[pass], ios, MANY);
        for (size_t i = 0; i < MANY; i++) {
            assert_int_equal(io[i].result, VQ_OK);
            assert_int_equal(data[i][0], (uint8_t)(i + 1));
            assert_int_equal(data[i][2047], (uint8_t)(i + 1));
        }
    }
    disk_close(&d);
}

static void many_uring(void **state)
{
    (void)state;
    many_at_once(URING);
}
static void many_threads(void **state)
{
    (void)state;
    many_at_once(THREADS);
}
static void many_memory(void **state)
{
    (void)state;
    many_at_once(MEMORY);
}

/* More segments than one call takes: the rest follows by itself. */
static void long_vectors(enum kind kind)
{
    enum { PIECES = 3000, PIECE = 512 };
    struct disk d = disk_open(kind);
    struct vq_segment *s = calloc(PIECES, sizeof *s);
    uint8_t *data = malloc(PIECES * PIECE), *again = malloc(PIECES * PIECE);
    struct vq_blk_io io = {.type = VQ_BLK_IO_WRITE, .bytes = PIECES * PIECE};

    for (size_t i = 0; i < PIECES * PIECE; i++)
        data[i] = (uint8_t)(i / PIECE + i);
    for (size_t i = 0; i < PIECES; i++)
        s[i] = (struct vq_segment){data + i * PIECE, PIECE};
    io.segments = s;
    io.segment_count = PIECES;
    assert_int_equal(one(d.backend->lanes[0], io), VQ_OK);
    assert_int_equal(move(d.backend->lanes[0], VQ_BLK_IO_READ, 0, again, PIECES * PIECE, false),
                     VQ_OK);
    assert_memory_equal(data, again, PIECES * PIECE);
    free(s);
    free(data);
    free(again);
    disk_close(&d);
}

static void long_uring(void **state)
{
    (void)state;
    long_vectors(URING);
}
static void long_threads(void **state)
{
    (void)state;
    long_vectors(THREADS);
}

/* The image shrinks under us: the reads beyond fail, the others do not. */
static void truncated(enum kind kind)
{
    struct disk d = disk_open(kind);
    struct vq_blk_lane *lane = d.backend->lanes[0];
    static uint8_t data[8192];

    assert_int_equal(truncate(d.path, BYTES / 2 + 512), 0);
    assert_int_equal(move(lane, VQ_BLK_IO_READ, 0, data, 4096, false), VQ_OK);
    assert_int_equal(move(lane, VQ_BLK_IO_READ, BYTES - 4096, data, 4096, false), VQ_ERR_IO);
    /* Half of it is there. */
    assert_int_equal(move(lane, VQ_BLK_IO_READ, BYTES / 2, data, 1024, false), VQ_ERR_IO);
    assert_int_equal(move(lane, VQ_BLK_IO_READ, BYTES / 2, data, 512, false), VQ_OK);
    disk_close(&d);
}

static void truncated_uring(void **state)
{
    (void)state;
    truncated(URING);
}
static void truncated_threads(void **state)
{
    (void)state;
    truncated(THREADS);
}

/* A file that may not grow, as on a full disk. */
static void no_space(enum kind kind)
{
    struct disk d = disk_open(kind);
    struct vq_blk_lane *lane = d.backend->lanes[0];
    struct rlimit before, small;
    static uint8_t data[8192];

    assert_int_equal(truncate(d.path, 4096), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = BYTES / 2;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(move(lane, VQ_BLK_IO_WRITE, BYTES - 8192, data, 8192, false), VQ_ERR_IO);
    /* Some of it fits: short, then refused. */
    assert_int_equal(move(lane, VQ_BLK_IO_WRITE, BYTES / 2 - 4096, data, 8192, false), VQ_ERR_IO);
    assert_int_equal(move(lane, VQ_BLK_IO_WRITE, 0, data, 8192, false), VQ_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    disk_close(&d);
}

static void no_space_uring(void **state)
{
    (void)state;
    no_space(URING);
}
static void no_space_threads(void **state)
{
    (void)state;
    no_space(THREADS);
}

static blkcnt_t blocks_of(const struct disk *d)
{
    struct stat st;

    assert_int_equal(stat(d->path, &st), 0);
    return st.st_blocks;
}

/* Storage comes back on discard and on unmap, and does not without unmap. */
static void holes(enum kind kind)
{
    struct disk d = disk_open(kind);
    struct vq_blk_lane *lane = d.backend->lanes[0];
    uint8_t *data = malloc(BYTES);
    blkcnt_t full;

    assert_true(d.backend->may_trim);
    memset(data, 1, BYTES);
    assert_int_equal(move(lane, VQ_BLK_IO_WRITE, 0, data, BYTES, true), VQ_OK);
    full = blocks_of(&d);
    assert_true(full >= SECTORS);
    assert_int_equal(range(lane, VQ_BLK_IO_DISCARD, 0, BYTES / 2, false, false), VQ_OK);
    if (blocks_of(&d) == full) {
        free(data);
        disk_close(&d);
        VQ_SKIP("a file system that punches holes");
    }
    assert_true(blocks_of(&d) <= full / 2 + 64);
    assert_int_equal(range(lane, VQ_BLK_IO_WRITE_ZEROES, BYTES / 2, BYTES / 4, true, true), VQ_OK);
    assert_true(blocks_of(&d) <= full / 4 + 64);
    assert_int_equal(range(lane, VQ_BLK_IO_WRITE_ZEROES, BYTES / 4 * 3, BYTES / 4, false, true),
                     VQ_OK);
    assert_true(blocks_of(&d) >= full / 4 - 64);
    assert_int_equal(move(lane, VQ_BLK_IO_READ, BYTES / 2, data, BYTES / 2, false), VQ_OK);
    for (size_t i = 0; i < BYTES / 2; i++)
        assert_int_equal(data[i], 0);
    free(data);
    disk_close(&d);
}

static void holes_uring(void **state)
{
    (void)state;
    holes(URING);
}
static void holes_threads(void **state)
{
    (void)state;
    holes(THREADS);
}

struct refused {
    struct vq_blk_lane *lane;
    uint16_t error;
    bool filtered;
    size_t failed;
};

/* On a thread of its own: a filter stays for the thread's life. */
static void *submit_refused(void *opaque)
{
    static struct vq_blk_io io[MANY];
    static struct vq_segment s[MANY];
    static uint8_t data[MANY][512];
    struct vq_blk_io *ios[MANY];
    struct refused *r = opaque;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | r->error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof code / sizeof code[0], code};

    r->filtered = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
    for (size_t i = 0; r->filtered && i < MANY; i++) {
        s[i] = (struct vq_segment){data[i], 512};
        io[i] = (struct vq_blk_io){.type = VQ_BLK_IO_WRITE,
                                   .result = 99,
                                   .segments = &s[i],
                                   .segment_count = 1,
                                   .offset = i * 512,
                                   .bytes = 512};
        ios[i] = &io[i];
    }
    for (unsigned batch = 0; r->filtered && batch < 2; batch++) {
        struct vq_blk_io *got[7];
        size_t n;

        r->lane->ops->submit(r->lane, ios + batch * (MANY / 2), MANY / 2);
        /* Waiting for one, and looking only. */
        while ((n = r->lane->ops->reap(r->lane, got, 7, batch == 0)) != 0)
            for (size_t i = 0; i < n; i++)
                r->failed += got[i]->result == VQ_ERR_IO;
    }
    return NULL;
}

/* The kernel does not take what is submitted: for good, or short of memory for too long. */
static void not_taken(void **state)
{
    static const uint16_t errors[] = {EBADF, EINVAL, ENOMEM};
    struct disk d = disk_open(URING);
    uint8_t data[512] = {1};

    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct refused r = {.lane = d.backend->lanes[0], .error = errors[i]};
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, submit_refused, &r), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        if (!r.filtered) {
            disk_close(&d);
            VQ_SKIP("seccomp filters");
        }
        assert_int_equal(r.failed, MANY);
        /* And lives on. */
        assert_int_equal(move(r.lane, VQ_BLK_IO_READ, 0, data, 512, false), VQ_OK);
        assert_int_equal(data[0], 0);
        assert_int_equal(move(r.lane, VQ_BLK_IO_WRITE, 512, data, 512, true), VQ_OK);
    }
    disk_close(&d);
}

/* Two ios are at the kernel when the answer to the first of them says what the file cannot do. */
static void refused_at_once(void **state)
{
    static const int64_t answers[][2] = {
        {-EOPNOTSUPP, -EOPNOTSUPP}, {-EOPNOTSUPP, 0}, {-EINVAL, 0}};
    struct vq_blk_call call;

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        for (unsigned trim = 0; trim < 2; trim++) {
            struct vq_blk_file file = {.fd = -1};
            struct vq_blk_io ios[2];

            for (unsigned k = 0; k < 2; k++) {
                ios[k] = (struct vq_blk_io){
                    .type = VQ_BLK_IO_WRITE_ZEROES, .may_trim = trim != 0, .bytes = 4096};
                vq_blk_file_next(&file, &ios[k], &call);
                assert_int_equal(call.kind, VQ_BLK_CALL_FALLOCATE);
            }
            for (unsigned k = 0; k < 2; k++) {
                int64_t answer = answers[i][k];

                while (!vq_blk_file_take(&file, &ios[k], answer)) {
                    vq_blk_file_next(&file, &ios[k], &call);
                    answer =
                        call.kind == VQ_BLK_CALL_WRITE ? (int64_t)call.bytes : (int64_t)-EOPNOTSUPP;
                }
                assert_int_equal(ios[k].result, VQ_OK);
            }
        }
    }
}

static void refused_range(void **state)
{
    (void)state;
    for (unsigned trim = 0; trim < 2; trim++) {
        struct vq_blk_file file = {.fd = -1};
        struct vq_blk_call first, call;

        for (unsigned k = 0; k < 2; k++) {
            struct vq_blk_io io = {
                .type = VQ_BLK_IO_WRITE_ZEROES, .may_trim = trim != 0, .bytes = 512};

            vq_blk_file_next(&file, &io, &call);
            if (k == 0)
                first = call;
            assert_int_equal(call.kind, first.kind);
            assert_int_equal(call.mode, first.mode);
            for (unsigned calls = 1; call.kind != VQ_BLK_CALL_WRITE; calls++) {
                assert_true(calls < 4);
                assert_false(vq_blk_file_take(&file, &io, -EINVAL));
                vq_blk_file_next(&file, &io, &call);
            }
            assert_true(vq_blk_file_take(&file, &io, 512));
            assert_int_equal(io.result, VQ_OK);
        }
    }
}

/* The kernel tells of a write that it lost once, to whoever asks first. */
static void lost_writes(void **state)
{
    static const struct vq_blk_io tells[] = {
        {.type = VQ_BLK_IO_FLUSH},
        {.type = VQ_BLK_IO_WRITE, .durable = true, .bytes = 512},
    };

    (void)state;
    for (size_t i = 0; i < sizeof tells / sizeof tells[0]; i++) {
        struct vq_blk_file file = {.fd = -1};
        struct vq_blk_io first = tells[i], flush = {.type = VQ_BLK_IO_FLUSH}, again = flush;
        struct vq_blk_call call;

        vq_blk_file_next(&file, &flush, &call);
        assert_true(vq_blk_file_take(&file, &flush, 0));
        assert_int_equal(flush.result, VQ_OK);
        vq_blk_file_next(&file, &first, &call);
        assert_true(vq_blk_file_take(&file, &first, -EIO));
        assert_int_equal(first.result, VQ_ERR_IO);
        vq_blk_file_next(&file, &again, &call);
        assert_true(vq_blk_file_take(&file, &again, 0));
        assert_int_equal(again.result, VQ_ERR_IO);
    }
}

static void read_only(void **state)
{
    struct disk d = {.fds = count_open_fds()};
    struct vq_blk_backend_options o;
    uint8_t data[512];
    char error[200];

    (void)state;
    image_make(&d, BYTES + 100);
    assert_int_equal(chmod(d.path, 0400), 0);
    o = options_of(&d, THREADS);
    o.read_only = true;
    d.backend = vq_blk_backend_open(&o, error, sizeof error);
    assert_non_null(d.backend);
    assert_true(d.backend->read_only);
    /* The rest of a sector at the end does not exist. */
    assert_int_equal(d.backend->bytes, BYTES);
    assert_int_equal(move(d.backend->lanes[0], VQ_BLK_IO_READ, 0, data, 512, false), VQ_OK);
    assert_int_equal(one(d.backend->lanes[0], (struct vq_blk_io){.type = VQ_BLK_IO_FLUSH}), VQ_OK);
    /* Whatever comes, the descriptor cannot write. */
    assert_int_equal(move(d.backend->lanes[0], VQ_BLK_IO_WRITE, 0, data, 512, false), VQ_ERR_IO);
    disk_close(&d);
}

static void one_writer(void **state)
{
    struct disk d = {.fds = count_open_fds()};
    struct vq_blk_backend_options o;
    struct vq_blk_backend *second;
    char error[600] = "";

    (void)state;
    image_make(&d, BYTES);
    o = options_of(&d, THREADS);
    d.backend = vq_blk_backend_open(&o, error, sizeof error);
    assert_non_null(d.backend);
    assert_null(vq_blk_backend_open(&o, error, sizeof error));
    assert_non_null(strstr(error, "in use by another process"));
    o.read_only = true;
    assert_null(vq_blk_backend_open(&o, error, sizeof error));
    vq_blk_backend_close(d.backend);
    /* Readers do not mind each other, but a writer. */
    d.backend = vq_blk_backend_open(&o, error, sizeof error);
    second = vq_blk_backend_open(&o, error, sizeof error);
    assert_non_null(d.backend);
    assert_non_null(second);
    o.read_only = false;
    assert_null(vq_blk_backend_open(&o, error, sizeof error));
    o.no_lock = true;
    vq_blk_backend_close(second);
    second = vq_blk_backend_open(&o, error, sizeof error);
    assert_non_null(second);
    vq_blk_backend_close(second);
    disk_close(&d);
}

static void expect_refusal(struct vq_blk_backend_options o, const char *words)
{
    unsigned fds = count_open_fds();
    char error[600] = "";

    assert_null(vq_blk_backend_open(&o, error, sizeof error));
    if (!strstr(error, words))
        print_message("# said: %s\n", error);
    assert_non_null(strstr(error, words));
    assert_int_equal(count_open_fds(), fds);
    /* A short buffer gets what fits. */
    error[4] = 'x';
    assert_null(vq_blk_backend_open(&o, error, 4));
    assert_int_equal(error[3], 0);
    assert_int_equal(error[4], 'x');
    assert_null(vq_blk_backend_open(&o, NULL, 0));
}

static void refusals(void **state)
{
    struct disk d = {.backend = NULL};
    struct vq_blk_backend_options o;

    (void)state;
    image_make(&d, 511);
    o = options_of(&d, THREADS);
    expect_refusal(o, "truncate -s");
    o.path = d.dir;
    expect_refusal(o, "neither a file nor a block device");
    o.path = "/nowhere/at/all";
    expect_refusal(o, "make it first");
    o.path = NULL;
    expect_refusal(o, "cannot open");
    o.path = "/dev/null";
    expect_refusal(o, "neither a file nor a block device");
    o.lanes = 100000;
    expect_refusal(o, "more than");
    o = options_of(&d, MEMORY);
    o.bytes = 0;
    expect_refusal(o, "size");
    o.bytes = UINT64_C(1) << 62;
    expect_refusal(o, "memory");
    image_remove(&d);
}

static void null_lane(void **state)
{
    struct vq_blk_backend_options o = {.source = VQ_BLK_NULL, .bytes = UINT64_C(1) << 50};
    struct vq_blk_backend *b = vq_blk_backend_open(&o, NULL, 0);
    uint8_t data[512];

    (void)state;
    assert_non_null(b);
    assert_int_equal(b->bytes, o.bytes);
    memset(data, 7, sizeof data);
    assert_int_equal(move(b->lanes[0], VQ_BLK_IO_READ, o.bytes - 512, data, 512, false), VQ_OK);
    assert_int_equal(data[0], 7);
    assert_int_equal(b->lanes[0]->ops->wait_fd(b->lanes[0]), -1);
    vq_blk_backend_close(b);
    vq_blk_backend_close(NULL);
}

static void described(void **state)
{
    struct vq_blk_backend_options o = {.source = VQ_BLK_MEMORY, .bytes = BYTES, .lanes = 3};
    struct vq_blk_backend *b = vq_blk_backend_open(&o, NULL, 0);
    struct vq_blk_device_config c = {.queue_size = 8};
    struct vq_blk_device dev;
    void *memory;
    size_t bytes;

    (void)state;
    vq_blk_backend_describe(b, &c);
    assert_int_equal(c.capacity, SECTORS);
    assert_int_equal(c.queue_count, 3);
    bytes = vq_blk_device_bytes(&c);
    memory = aligned_alloc(64, bytes);
    assert_int_equal(vq_blk_device_init(&dev, &c, memory, bytes), VQ_OK);
    free(memory);
    vq_blk_backend_close(b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(random_uring, "io_uring: what is written is read"),
        VQ_TEST(random_threads, "threads: what is written is read"),
        VQ_TEST(random_memory, "memory: what is written is read"),
        VQ_TEST(many_uring, "io_uring: takes more than the kernel is given"),
        VQ_TEST(many_threads, "threads: takes more than there are threads"),
        VQ_TEST(many_memory, "memory: takes many"),
        VQ_TEST(long_uring, "io_uring: goes on where a call stops short"),
        VQ_TEST(long_threads, "threads: goes on where a call stops short"),
        VQ_TEST(truncated_uring, "io_uring: survives an image that shrinks"),
        VQ_TEST(truncated_threads, "threads: survives an image that shrinks"),
        VQ_TEST(no_space_uring, "io_uring: survives a full disk"),
        VQ_TEST(no_space_threads, "threads: survives a full disk"),
        VQ_TEST(holes_uring, "io_uring: gives storage back [BLK-DEV-OP-07 BLK-DEV-OP-08 "
                             "BLK-DEV-OP-09]"),
        VQ_TEST(holes_threads, "threads: gives storage back [BLK-DEV-OP-07 BLK-DEV-OP-08 "
                               "BLK-DEV-OP-09]"),
        VQ_TEST(not_taken, "io_uring: what the kernel does not take fails, and the lane lives on"),
        VQ_TEST(refused_at_once, "zeroes of which several are refused at once are written"),
        VQ_TEST(refused_range, "a range that cannot be zeroed at once says nothing about others"),
        VQ_TEST(lost_writes, "after writes were lost, no flush succeeds"),
        VQ_TEST(read_only, "a read-only image cannot be written"),
        VQ_TEST(one_writer, "no two servers write the same image"),
        VQ_TEST(refusals, "says what to do about what it cannot open"),
        VQ_TEST(null_lane, "null does nothing at once"),
        VQ_TEST(described, "says what a device on it can offer"),
    };
    return VQ_RUN(tests);
}
