/*
 * Between a vhost-user session and the workers: who owns which descriptor, and
 * what becomes a message instead of a write.
 *
 * The session has checked what came from the front end. Nothing here looks at a
 * ring or waits for the front end.
 */
#include "vhost_host.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "worker.h"

struct descriptors {
    int kick; /* -1: none */
    int call;
    atomic_bool call_by_message; /* read by the worker */
};

struct vq_vhost_host {
    struct vq_vhost_host_config config;
    struct vq_vhost_session *session; /* constant while a ring runs */
    struct vq_workers *workers;
    uint16_t rings;
    struct descriptors descriptors[];
};

static void replace(int *held, int fd)
{
    if (*held >= 0)
        close(*held);
    *held = fd;
}

/* ---- what the session asks, on the control thread ---- */

static enum vq_error ring_start(void *opaque, uint16_t ring, const struct vq_device_config *config)
{
    struct vq_vhost_host *host = opaque;
    return vq_workers_start(host->workers, ring, config);
}

static void ring_stop(void *opaque, uint16_t ring, struct vq_position *position)
{
    struct vq_vhost_host *host = opaque;
    (void)vq_workers_stop(host->workers, ring, position);
}

static void ring_enable(void *opaque, uint16_t ring, bool enabled)
{
    struct vq_vhost_host *host = opaque;
    (void)vq_workers_enable(host->workers, ring, enabled);
}

static enum vq_error ring_kick_fd(void *opaque, uint16_t ring, int fd)
{
    struct vq_vhost_host *host = opaque;
    int kick = fd >= 0 ? fd : -1;

    if (ring >= host->rings) {
        replace(&kick, -1);
        return VQ_ERR_RANGE;
    }
    enum vq_error error = vq_workers_set_kick(host->workers, ring, kick, fd == VQ_VHOST_FD_POLL);
    replace(&host->descriptors[ring].kick, kick);
    return error;
}

static enum vq_error ring_call_fd(void *opaque, uint16_t ring, int fd)
{
    struct vq_vhost_host *host = opaque;
    int call = fd >= 0 ? fd : -1;

    if (ring >= host->rings) {
        replace(&call, -1);
        return VQ_ERR_RANGE;
    }
    atomic_store_explicit(&host->descriptors[ring].call_by_message, fd == VQ_VHOST_FD_NONE,
                          memory_order_relaxed);
    enum vq_error error = vq_workers_set_call(host->workers, ring, call);
    replace(&host->descriptors[ring].call, call);
    return error;
}

static void ring_kick(void *opaque, uint16_t ring)
{
    struct vq_vhost_host *host = opaque;
    vq_workers_kick(host->workers, ring);
}

const struct vq_vhost_host_ops vq_vhost_host_ops = {
    .ring_start = ring_start,
    .ring_stop = ring_stop,
    .ring_enable = ring_enable,
    .ring_kick_fd = ring_kick_fd,
    .ring_call_fd = ring_call_fd,
    .ring_kick = ring_kick,
};

/* ---- what the workers ask, on their threads but for on_slow, while a ring runs ---- */

static void on_call(void *opaque, uint16_t ring)
{
    struct vq_vhost_host *host = opaque;
    if (atomic_load_explicit(&host->descriptors[ring].call_by_message, memory_order_relaxed))
        vq_vhost_session_call(host->session, ring);
}

static void on_broken(void *opaque, uint16_t ring, enum vq_broken reason)
{
    struct vq_vhost_host *host = opaque;
    vq_vhost_session_ring_error(host->session, ring);
    if (host->config.broken)
        host->config.broken(host->config.opaque, ring, reason);
}

static void on_slow(void *opaque, const struct vq_worker_wait *wait)
{
    const struct vq_vhost_host *host = opaque;
    if (host->config.slow)
        host->config.slow(host->config.opaque, wait);
}

/* ---- making and ending ---- */

struct vq_vhost_host *vq_vhost_host_create(const struct vq_vhost_host_config *config)
{
    uint16_t rings = config->model->ops->queue_count(config->model);
    struct vq_vhost_host *host = calloc(1, sizeof(*host) + rings * sizeof(host->descriptors[0]));

    if (!host)
        return NULL;
    host->config = *config;
    host->rings = rings;
    for (uint16_t i = 0; i < rings; i++) {
        host->descriptors[i].kick = -1;
        host->descriptors[i].call = -1;
        atomic_init(&host->descriptors[i].call_by_message, true);
    }
    struct vq_workers_config workers = {.model = config->model,
                                        .threads = config->threads,
                                        .poll_us = config->poll_us,
                                        .opaque = host,
                                        .call = on_call,
                                        .broken = on_broken,
                                        .slow = on_slow};
    host->workers = vq_workers_create(&workers);
    if (!host->workers) {
        int error = errno;
        free(host);
        errno = error;
        return NULL;
    }
    return host;
}

void vq_vhost_host_destroy(struct vq_vhost_host *host)
{
    if (!host)
        return;
    vq_workers_destroy(host->workers);
    for (uint16_t i = 0; i < host->rings; i++) {
        replace(&host->descriptors[i].kick, -1);
        replace(&host->descriptors[i].call, -1);
    }
    free(host);
}

void vq_vhost_host_attach(struct vq_vhost_host *host, struct vq_vhost_session *session)
{
    host->session = session;
}
