/*
 * What the two files of the front end share: frontend_link.c speaks the protocol
 * (one request and its answer at a time), frontend.c makes a transport of it.
 */
#ifndef VQ_VHOST_USER_FRONTEND_INTERNAL_H
#define VQ_VHOST_USER_FRONTEND_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <vq/vhost_user_frontend.h>

#include "channel.h"

#define VQ_VHOST_RINGS_MAX 256u /* what the ring index of a kick can name */

/* A connection. Its lock is held over a request and its answer. */
struct vq_vhost_link {
    pthread_mutex_t lock;
    int socket;
    int backend;              /* our end of the back end's channel, -1: none */
    atomic_bool channel_over; /* it stays open, and readable for ever */
    int timeout_ms;
    uint64_t protocol; /* protocol features in use */
    struct vq_vhost_receiver replies;
    struct vq_vhost_receiver requests; /* of the back end */
    _Atomic(const char *) reason;      /* why it ended; constants and `words` */
    char words[160];
    /* What the back end says without being asked. */
    atomic_bool config_changed;
    atomic_bool called[VQ_VHOST_RINGS_MAX]; /* in-band used buffer notifications */
    atomic_bool failed[VQ_VHOST_RINGS_MAX]; /* the back end gave a ring up */
};

enum vq_error vq_vhost_link_init(struct vq_vhost_link *link, int socket, int timeout_ms);
void vq_vhost_link_close(struct vq_vhost_link *link);

/* Ends the connection, with a reason; the first one counts. */
enum vq_error vq_vhost_link_break(struct vq_vhost_link *link, const char *reason);

static inline bool vq_vhost_link_alive(const struct vq_vhost_link *link)
{
    return atomic_load(&link->reason) == NULL;
}

static inline bool vq_vhost_link_has(const struct vq_vhost_link *link, unsigned protocol_bit)
{
    return (link->protocol >> protocol_bit & 1) != 0;
}

/*
 * Sends a request that is answered by a message of its own, and leaves the answer,
 * its shape checked, in `message` (without descriptors).
 */
enum vq_error vq_vhost_ask(struct vq_vhost_link *link, struct vq_vhost_message *message);

/*
 * Sends a request and waits until the back end has done it: by an acknowledgement,
 * or without REPLY_ACK by asking for something harmless afterwards.
 * VQ_ERR_UNSUPPORTED when the back end answers that it failed.
 */
enum vq_error vq_vhost_tell(struct vq_vhost_link *link, struct vq_vhost_message *message);

/* Sends a request and waits for nothing. */
enum vq_error vq_vhost_post(struct vq_vhost_link *link, struct vq_vhost_message *message);

/* Handles what the back end sent on its own channel. Never waits for the back end. */
void vq_vhost_link_serve(struct vq_vhost_link *link);

#endif
