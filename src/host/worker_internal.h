/*
 * What the threads (worker.c) and the control thread (workers.c) share: a ring
 * belongs to its worker, and a message crosses over from one to the other.
 */
#ifndef VQ_HOST_WORKER_INTERNAL_H
#define VQ_HOST_WORKER_INTERNAL_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "poll_window.h"
#include "worker.h"

#define VQ_WORKER_FIRST_NAP_NS 50000u /* between looks at a ring that nobody kicks */

struct vq_worker_ring {
    uint16_t index;
    bool started;
    bool enabled;
    bool polled;
    bool reported; /* as broken */
    bool armed;
    int kick;
    int call;
};

struct vq_worker;

struct vq_worker_message {
    void (*handle)(struct vq_worker *worker, struct vq_worker_message *message);
    struct vq_worker_ring *ring;
    const struct vq_device_config *config;
    struct vq_position *position;
    int fd;
    bool flag;
    /* By the worker while the control thread waits: what the queue that it stops had in flight;
     * negative before. */
    atomic_int in_flight;
    enum vq_error result;
};

#define VQ_WORKER_NOT_YET (-1)

struct vq_worker {
    struct vq_workers *owner;
    struct vq_worker_ring **rings; /* those of this worker */
    struct pollfd *fds;            /* the mailbox, then kick and completion of each ring */
    unsigned count;
    pthread_t thread;
    int wake; /* eventfd */
    bool quit;
    atomic_bool posted;   /* a message is waiting */
    atomic_bool touching; /* in a read or write of somebody else's descriptor */
    pthread_mutex_t lock; /* of `message` */
    pthread_cond_t done;
    struct vq_worker_message *message;
    struct vq_poll_window window;
    uint64_t nap_ns;
};

struct vq_workers {
    struct vq_workers_config config;
    uint16_t queues;
    unsigned threads;
    struct vq_worker_ring *rings;
    struct vq_worker *workers;
};

/* The thread. */
void *vq_worker_serve(void *argument);

/* What messages do, on the thread. */
void vq_worker_on_start(struct vq_worker *w, struct vq_worker_message *m);
void vq_worker_on_stop(struct vq_worker *w, struct vq_worker_message *m);
void vq_worker_on_enable(struct vq_worker *w, struct vq_worker_message *m);
void vq_worker_on_kick_fd(struct vq_worker *w, struct vq_worker_message *m);
void vq_worker_on_call_fd(struct vq_worker *w, struct vq_worker_message *m);
void vq_worker_on_quit(struct vq_worker *w, struct vq_worker_message *m);

#endif
