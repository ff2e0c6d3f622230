/*
 * Serves the rings of a vhost-user session (vq/vhost_user_backend.h) with worker
 * threads (worker.h).
 *
 * A host is made once for a model and lives as long as the program; sessions
 * come and go, one at a time. It owns the kick and call descriptors that a
 * session gives it, and has none when no session is there.
 *
 *     host = vq_vhost_host_create(&config);
 *     session = vq_vhost_session_create(socket, model, &vq_vhost_host_ops, host, NULL);
 *     vq_vhost_host_attach(host, session);
 *     ... vq_vhost_session_handle(session) ...
 *     vq_vhost_session_destroy(session);
 *     vq_vhost_host_attach(host, NULL);
 *
 * All of it on the control thread.
 */
#ifndef VQ_HOST_VHOST_HOST_H
#define VQ_HOST_VHOST_HOST_H

#include <stdint.h>

#include <vq/vhost_user_backend.h>

#include "worker.h"

struct vq_vhost_host;

struct vq_vhost_host_config {
    struct vq_device_model *model;
    unsigned threads; /* 0: as many as CPUs may be used */
    uint32_t poll_us; /* see worker.h */
    void *opaque;
    /* A ring broke: for a report to people, once for each start; the front end hears of it
     * anyhow. Comes from a worker thread. May be NULL. */
    void (*broken)(void *opaque, uint16_t ring, enum vq_broken reason);
    /* See worker.h: a ring is not let go of before all that was taken from it is given back. May
     * be NULL. */
    void (*slow)(void *opaque, const struct vq_worker_wait *wait);
};

extern const struct vq_vhost_host_ops vq_vhost_host_ops;

/* NULL, with errno, if threads or memory cannot be had. */
struct vq_vhost_host *vq_vhost_host_create(const struct vq_vhost_host_config *config);
/* No session may be left. NULL is allowed. */
void vq_vhost_host_destroy(struct vq_vhost_host *host);

/* The session that notifications by message go through. Before it handles anything. */
void vq_vhost_host_attach(struct vq_vhost_host *host, struct vq_vhost_session *session);

#endif
