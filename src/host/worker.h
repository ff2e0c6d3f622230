/*
 * Worker threads that serve the queues of one device model.
 *
 * Queue i belongs to worker i % threads for good, and everything about its ring
 * is touched on that thread only. The control thread changes things by messages
 * that a worker handles between batches, so nothing here is locked while buffers
 * move. All functions are called by one control thread; each returns when the
 * worker has done what it says, but vq_workers_kick, which does not wait.
 *
 * A worker polls for a while after progress and then sleeps on the kick
 * descriptors, the model's completion descriptors and its mailbox. What a
 * driver or front end does wrong breaks its own queue and no other.
 */
#ifndef VQ_HOST_WORKER_H
#define VQ_HOST_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/model.h>

#define VQ_WORKER_POLL_US 50u /* about what waking a thread on another core costs */

#define VQ_WORKER_SLOW_MS 1000u

struct vq_workers;

/* What the control thread waits for. */
struct vq_worker_wait {
    uint16_t queue;
    /* The worker stops the queue, which had so many requests in flight when it began; otherwise it
     * has not come to what it is asked, and is inside the model for one of its queues. */
    bool stopping;
    unsigned in_flight;
    unsigned waited_ms;
};

struct vq_workers_config {
    struct vq_device_model *model;
    unsigned threads; /* 0: as many as CPUs may be used; never more than queues */
    uint32_t poll_us; /* longest poll for more work before sleeping; 0 sleeps at once */
    void *opaque;     /* for the calls below; all but `slow` come from worker threads */
    /* A used buffer notification for a queue that has no call descriptor. NULL: drop it. Must not
     * wait for the control thread. */
    void (*call)(void *opaque, uint16_t queue);
    /* A queue broke; said once each time it is started. NULL: nobody wants to know. System calls
     * in it may end with EINTR when the control thread wants something meanwhile. */
    void (*broken)(void *opaque, uint16_t queue, enum vq_broken reason);
    /* On the control thread, which has waited for a worker for `slow_ms` (0: VQ_WORKER_SLOW_MS),
     * and each time that this has passed again: nothing can be taken from a back end before it
     * gives it back, so whoever is to know must be told. NULL: wait in silence. */
    void (*slow)(void *opaque, const struct vq_worker_wait *wait);
    unsigned slow_ms;
};

/* The config is copied, the model is not. NULL with errno when threads or memory cannot be had. */
struct vq_workers *vq_workers_create(const struct vq_workers_config *config);
/* Every queue must be stopped. NULL is allowed. */
void vq_workers_destroy(struct vq_workers *workers);

unsigned vq_workers_threads(const struct vq_workers *workers);

/*
 * Starts and stops a queue. It starts disabled, and its call descriptor is
 * signalled once. Stop waits until what is in flight has been given back and
 * says where the queue stands; `position` may be NULL. VQ_ERR_STATE: it is
 * started (or stopped) already; otherwise what the model says.
 */
enum vq_error vq_workers_start(struct vq_workers *workers, uint16_t queue,
                               const struct vq_device_config *config);
enum vq_error vq_workers_stop(struct vq_workers *workers, uint16_t queue,
                              struct vq_position *position);
bool vq_workers_started(const struct vq_workers *workers, uint16_t queue);

/* A started queue that is disabled is not looked at; one that is enabled, at once.
 * VQ_ERR_STATE: it is not started. */
enum vq_error vq_workers_enable(struct vq_workers *workers, uint16_t queue, bool enabled);

/*
 * Descriptors, at any time; eventfds, pipes or sockets, made non-blocking here.
 * They stay the caller's, who may close the former one when the call returns; -1
 * takes it away. A new kick descriptor makes the worker look at the ring. A new call
 * descriptor of a started queue is signalled once, since a notification may
 * have gone to the former one. `polled`: there will be no kicks, look at the
 * ring from time to time.
 */
enum vq_error vq_workers_set_kick(struct vq_workers *workers, uint16_t queue, int fd, bool polled);
enum vq_error vq_workers_set_call(struct vq_workers *workers, uint16_t queue, int fd);

/* An available buffer notification that came by message. Does not wait. */
void vq_workers_kick(struct vq_workers *workers, uint16_t queue);

#endif
