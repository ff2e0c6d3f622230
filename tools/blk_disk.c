/*
 * A disk behind a socket, opened for `vq blk`: memory for rings and data in the
 * front end's arena, and the engine that keeps the queues full.
 *
 * The server is not trusted: every wait has a limit, every error ends the work
 * with a reason.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blk.h"

volatile sig_atomic_t blk_interrupted;

/* A wait never lasts longer, so that a signal between look and sleep is seen. */
#define NAP_MS 500

void blk_complain(const struct blk_disk *disk, const char *doing, enum vq_error error)
{
    const char *reason = disk->frontend != NULL ? vq_vhost_frontend_reason(disk->frontend) : NULL;
    (void)fprintf(stderr, "vq blk: %s: %s\n", doing,
                  reason != NULL ? reason : vq_error_text(error));
}

static size_t up(size_t bytes, size_t align)
{
    return (bytes + align - 1) / align * align;
}

static void complain_init(const struct blk_disk *disk, const struct vq_init_result *why)
{
    const char *reason = vq_vhost_frontend_reason(disk->frontend);
    (void)fprintf(stderr, "vq blk: cannot start the disk: %s", vq_init_step_text(why->step));
    if (why->feature >= 0) {
        const char *name = vq_feature_name(VQ_BLK_DEVICE_ID, (unsigned)why->feature);
        (void)fprintf(stderr, " (%s, bit %d)", name != NULL ? name : "?", why->feature);
    }
    (void)fprintf(stderr, ": %s\n", reason != NULL ? reason : vq_error_text(why->error));
    if (why->step == VQ_INIT_SETUP)
        (void)fprintf(stderr, "vq blk: the device may take smaller queues only: try --queue-size "
                              "and --queues\n");
}

static bool make_jobs(struct blk_disk *disk, uint8_t *memory, uint64_t address)
{
    disk->jobs = calloc(disk->job_count, sizeof *disk->jobs);
    disk->free_jobs = calloc(disk->job_count, sizeof(struct blk_job *));
    if (disk->jobs == NULL || disk->free_jobs == NULL)
        return false;
    for (size_t i = 0; i < disk->job_count; i++) {
        size_t at = i * disk->options->chunk;
        disk->jobs[i].buffer = memory + at;
        disk->jobs[i].address = address + at;
        blk_release(disk, &disk->jobs[i]);
    }
    return true;
}

/* The arena: first the queues' shared blocks, then the jobs' data. */
static bool start_driver(struct blk_disk *disk, struct vq_blk_driver_options *driver_options,
                         size_t shared, size_t private_bytes)
{
    const struct blk_options *o = disk->options;
    uint64_t address;
    size_t bytes;
    uint8_t *arena = vq_vhost_frontend_memory(disk->frontend, &address, &bytes);
    struct vq_blk_memory *memory = calloc(o->queues, sizeof *memory);
    disk->queues = calloc(o->queues, sizeof *disk->queues);
    disk->private_memory = aligned_alloc(64, (size_t)o->queues * private_bytes);
    bool ok = memory != NULL && disk->queues != NULL && disk->private_memory != NULL &&
              make_jobs(disk, arena + o->queues * shared, address + o->queues * shared);
    if (!ok)
        (void)fprintf(stderr, "vq blk: out of memory\n");
    for (size_t i = 0; ok && i < o->queues; i++)
        memory[i] = (struct vq_blk_memory){
            .shared = arena + i * shared,
            .address = address + i * shared,
            .shared_bytes = shared,
            .private_memory = (uint8_t *)disk->private_memory + i * private_bytes,
            .private_bytes = private_bytes,
        };
    struct vq_init_result why;
    driver_options->memory = memory;
    if (ok && vq_blk_driver_open(&disk->driver, vq_vhost_frontend_transport(disk->frontend),
                                 disk->queues, driver_options, &why) != VQ_OK) {
        complain_init(disk, &why);
        ok = false;
    }
    free(memory);
    return ok;
}

bool blk_open(struct blk_disk *disk, const struct blk_options *o)
{
    *disk = (struct blk_disk){.options = o, .job_count = (size_t)o->queues * o->depth};
    struct vq_blk_driver_options driver_options = {
        .queue_count = o->queues,
        .queue_size = o->queue_size,
        .depth = o->depth,
        .segments = 16,
        .without = o->without,
        .require = o->require,
    };
    size_t shared, private_bytes;
    if (vq_blk_driver_measure(&driver_options, &shared, &private_bytes) != VQ_OK) {
        (void)fprintf(stderr, "vq blk: a queue of %u with %u requests in flight cannot be\n",
                      o->queue_size, o->depth);
        return false;
    }
    shared = up(shared, 4096);
    private_bytes = up(private_bytes, 64);
    struct vq_vhost_frontend_config config = {
        .path = o->path,
        .fd = -1,
        .memory_bytes = o->queues * shared + disk->job_count * o->chunk,
        .device_id = VQ_BLK_DEVICE_ID,
        .queue_size_max = o->queue_size,
        .timeout_ms = o->timeout_ms,
    };
    char reason[200];
    if (vq_vhost_frontend_open(&disk->frontend, &config, reason, sizeof reason) != VQ_OK) {
        (void)fprintf(stderr, "vq blk: %s: %s; is a vhost-user server running there?\n", o->path,
                      reason);
        return false;
    }
    return start_driver(disk, &driver_options, shared, private_bytes);
}

void blk_close(struct blk_disk *disk)
{
    if (disk->frontend != NULL)
        (void)vq_transport_reset(vq_vhost_frontend_transport(disk->frontend), 0);
    vq_vhost_frontend_close(disk->frontend);
    free(disk->queues);
    free(disk->private_memory);
    free(disk->jobs);
    free(disk->free_jobs);
    *disk = (struct blk_disk){.frontend = NULL};
}

void blk_release(struct blk_disk *disk, struct blk_job *job)
{
    if (job->free)
        return;
    job->held = false;
    job->free = true;
    disk->free_jobs[disk->free_count++] = job;
}

struct blk_job *blk_any_job(struct blk_disk *disk)
{
    return disk->free_jobs[disk->free_count - 1];
}

/* Names the job's data in elements that the device takes, and puts the request into a queue. */
static enum vq_error prepare(struct vq_blk_driver_queue *q, struct blk_job *job)
{
    struct vq_element elements[16];
    uint32_t most = q->driver->facts.size_max != 0 ? q->driver->facts.size_max : job->bytes;
    uint16_t count = 0;
    for (uint32_t at = 0; at < job->bytes; count++) {
        if (count == sizeof elements / sizeof elements[0])
            return VQ_ERR_INVALID;
        uint32_t n = job->bytes - at < most ? job->bytes - at : most;
        elements[count] = (struct vq_element){job->address + at, n};
        at += n;
    }
    job->request.data = elements;
    job->request.count = count;
    job->request.tag = (uint64_t)(uintptr_t)job;
    return vq_blk_driver_prepare(q, &job->request);
}

/* Into the next queue that has room. */
static enum vq_error prepare_anywhere(struct blk_disk *disk, struct blk_job *job)
{
    enum vq_error error = VQ_ERR_FULL;
    for (size_t i = 0; i < disk->driver.queue_count && error == VQ_ERR_FULL; i++) {
        error = prepare(&disk->queues[disk->next_queue], job);
        disk->next_queue = (disk->next_queue + 1) % disk->driver.queue_count;
    }
    if (error == VQ_OK)
        disk->in_flight++;
    return error;
}

static enum vq_error submit(struct blk_disk *disk)
{
    enum vq_error error = VQ_OK;
    for (size_t i = 0; i < disk->driver.queue_count && error == VQ_OK; i++)
        error = vq_blk_driver_submit(&disk->queues[i]);
    return error;
}

/* Sleeps until a queue has something, at most a nap. */
static enum vq_error nap(struct blk_disk *disk)
{
    for (size_t i = 0; i < disk->driver.queue_count; i++) {
        if (vq_blk_driver_listen(&disk->queues[i]))
            return VQ_OK;
        if (vq_blk_driver_broken(&disk->queues[i]) != VQ_NOT_BROKEN) {
            (void)fprintf(stderr, "vq blk: queue %zu is broken: %s\n", i,
                          vq_broken_text(vq_blk_driver_broken(&disk->queues[i])));
            return VQ_ERR_BROKEN;
        }
    }
    return vq_transport_wait(disk->driver.transport, VQ_QUEUE_ANY, NAP_MS);
}

/* State of one blk_run. */
struct run {
    struct blk_disk *disk;
    const struct blk_work *work;
    struct blk_job *pending; /* filled, and not yet accepted by a queue */
    bool more;
    bool ok;
    uint64_t last_answer;
};

static enum vq_error feed(struct run *r)
{
    struct blk_disk *disk = r->disk;
    while (r->more && !blk_interrupted) {
        if (r->pending == NULL) {
            if (disk->free_count == 0)
                break;
            struct blk_job *job = disk->free_jobs[disk->free_count - 1];
            if (!r->work->next(r->work->context, job)) {
                r->more = false;
                break;
            }
            disk->free_count--;
            job->free = false;
            r->pending = job;
        }
        enum vq_error error = prepare_anywhere(disk, r->pending);
        if (error == VQ_ERR_FULL && disk->in_flight != 0)
            break;
        if (error != VQ_OK)
            return error;
        r->pending = NULL;
    }
    return submit(disk);
}

static size_t reap(struct run *r)
{
    struct blk_disk *disk = r->disk;
    struct vq_blk_driver_done done[32];
    size_t total = 0;
    for (size_t q = 0; q < disk->driver.queue_count; q++) {
        size_t n = vq_blk_driver_reap(&disk->queues[q], done, 32);
        for (size_t i = 0; i < n; i++) {
            struct blk_job *job = (struct blk_job *)(uintptr_t)done[i].tag;
            disk->in_flight--;
            /* Once stopped, what is still in flight is of no interest. */
            if (r->ok && !r->work->done(r->work->context, job, done[i].error)) {
                r->ok = false;
                r->more = false;
            }
            if (!job->held)
                blk_release(disk, job);
        }
        total += n;
    }
    return total;
}

/* Waits for answers; complains if none comes for too long. */
static enum vq_error rest(struct run *r)
{
    enum vq_error error = nap(r->disk);
    if (error == VQ_OK || error == VQ_ERR_TIMEOUT) {
        uint64_t silent_ms = (vq_clock_ns() - r->last_answer) / 1000000u;
        if (silent_ms < (uint64_t)r->disk->options->timeout_ms)
            return VQ_OK;
        (void)fprintf(stderr,
                      "vq blk: %s: the server has answered nothing for %llu s, with %zu requests "
                      "in flight\n",
                      r->work->doing, (unsigned long long)(silent_ms / 1000), r->disk->in_flight);
        return VQ_ERR_TIMEOUT;
    }
    blk_complain(r->disk, r->work->doing, error);
    return error;
}

bool blk_run(struct blk_disk *disk, const struct blk_work *work)
{
    struct run r = {.disk = disk, .work = work, .more = true, .ok = true};
    r.last_answer = vq_clock_ns();
    for (;;) {
        enum vq_error error = feed(&r);
        if (error != VQ_OK) {
            blk_complain(disk, work->doing, error);
            return false;
        }
        if (reap(&r) != 0) {
            r.last_answer = vq_clock_ns();
            continue;
        }
        if (disk->in_flight == 0 && (!r.more || blk_interrupted))
            break;
        if (disk->in_flight != 0 && rest(&r) != VQ_OK)
            return false;
    }
    if (r.pending != NULL)
        blk_release(disk, r.pending);
    if (blk_interrupted) {
        (void)fprintf(stderr, "vq blk: %s: interrupted\n", work->doing);
        return false;
    }
    return r.ok;
}

/* blk_one as a run of one job. */
struct single {
    struct blk_job *job;
    bool given;
    enum vq_error error;
};

static bool single_next(void *context, struct blk_job *job)
{
    struct single *s = context;
    if (s->given || job != s->job)
        return false;
    s->given = true;
    return true;
}

static bool single_done(void *context, struct blk_job *job, enum vq_error error)
{
    (void)job;
    ((struct single *)context)->error = error;
    return true;
}

bool blk_one(struct blk_disk *disk, struct blk_job *job, const char *doing, enum vq_error *answer)
{
    struct single s = {.job = job, .error = VQ_ERR_BROKEN};
    struct blk_work work = {single_next, single_done, &s, doing};
    bool ok = blk_run(disk, &work);
    *answer = s.error;
    return ok;
}

bool blk_flush(struct blk_disk *disk)
{
    if (!disk->driver.facts.flush)
        return true;
    struct blk_job *job = blk_any_job(disk);
    job->request = (struct vq_blk_driver_request){.type = VQ_BLK_T_FLUSH};
    job->bytes = 0;
    enum vq_error answer;
    if (!blk_one(disk, job, "flush", &answer))
        return false;
    if (answer != VQ_OK)
        blk_complain(disk, "flush", answer);
    return answer == VQ_OK;
}
