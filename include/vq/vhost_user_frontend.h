/*
 * The front end's role of vhost-user: a client that drives somebody else's device
 * over a socket, behind the same transport as any other (vq/transport.h).
 *
 *     struct vq_vhost_frontend_config config = {
 *         .path = "/run/disk.sock", .fd = -1, .memory_bytes = 1 << 24, .device_id = 2};
 *     vq_vhost_frontend_open(&frontend, &config, reason, sizeof reason);
 *     ... vq_vhost_frontend_transport(frontend), vq_vhost_frontend_memory(...) ...
 *     vq_vhost_frontend_close(frontend);
 *
 * The front end owns the memory that the device may use: one arena, a memfd sealed
 * against shrinking, which the device maps. Rings and data must lie in it.
 *
 * The back end is hostile: every answer is bounded and checked, every wait has a
 * limit, descriptors that nobody asked for are closed. Whatever it does wrong ends
 * the connection: all later calls give VQ_ERR_BROKEN, and
 * vq_vhost_frontend_reason says why.
 *
 * Threads: control calls come from one thread; notify and wait may come from one
 * thread per queue beside it.
 */
#ifndef VQ_VHOST_USER_FRONTEND_H
#define VQ_VHOST_USER_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/error.h>
#include <vq/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vq_vhost_frontend;

struct vq_vhost_frontend_config {
    const char *path;    /* of the back end's listening socket, or NULL: use `fd` */
    int fd;              /* a connected Unix stream socket, from now on the front end's; -1: none */
    size_t memory_bytes; /* size of the arena, rounded up to pages */
    uint16_t device_id;  /* what the device is taken for: vhost-user does not say */
    uint16_t queue_count_max; /* rings to expect of a back end that does not tell; 0: 1 */
    uint16_t queue_size_max;  /* vhost-user does not tell; 0: 1024, which common back ends take */
    int timeout_ms;           /* for an answer, 0: 10000 */
    /* Protocol features (vhost-user's own bits) not to use even if they are offered. */
    uint64_t protocol_without;
    /* Ring notifications as messages instead of descriptors, where offered. Slow. */
    bool in_band;
};

/*
 * Connects, negotiates the protocol and shows the memory. On failure *frontend is
 * NULL and `reason` (may be NULL) says in words what was wrong. VQ_ERR_IO (see
 * errno), VQ_ERR_TIMEOUT, VQ_ERR_BROKEN, VQ_ERR_NO_MEMORY, VQ_ERR_INVALID.
 */
enum vq_error vq_vhost_frontend_open(struct vq_vhost_frontend **frontend,
                                     const struct vq_vhost_frontend_config *config, char *reason,
                                     size_t room);

/* Stops the rings, if the back end still answers, and gives everything back. NULL is allowed. */
void vq_vhost_frontend_close(struct vq_vhost_frontend *frontend);

struct vq_transport *vq_vhost_frontend_transport(struct vq_vhost_frontend *frontend);

/* The arena, zero at first: here, and for the device. */
void *vq_vhost_frontend_memory(const struct vq_vhost_frontend *frontend, uint64_t *address,
                               size_t *bytes);

/* Why the connection ended, in words; NULL while it lives. */
const char *vq_vhost_frontend_reason(const struct vq_vhost_frontend *frontend);

/* Protocol features in use. */
uint64_t vq_vhost_frontend_protocol_features(const struct vq_vhost_frontend *frontend);

/* Rings that the back end has, as far as it told. */
uint16_t vq_vhost_frontend_queue_count(const struct vq_vhost_frontend *frontend);

#ifdef __cplusplus
}
#endif
#endif
