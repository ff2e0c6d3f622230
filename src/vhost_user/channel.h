/*
 * One message at a time over a Unix stream socket, with its descriptors.
 *
 * The peer is hostile: it may stop at any byte, announce any size, attach any
 * number of descriptors. A receiver remembers how far it has come, so that a
 * thread which serves several connections never waits for one of them. No
 * descriptor that arrives is ever lost: it stands in the message or is closed.
 */
#ifndef VQ_VHOST_USER_CHANNEL_H
#define VQ_VHOST_USER_CHANNEL_H

#include <stddef.h>

#include "message.h"

enum vq_vhost_io {
    VQ_VHOST_IO_DONE,    /* a whole message went or came */
    VQ_VHOST_IO_AGAIN,   /* not yet; wait for the socket, then call again */
    VQ_VHOST_IO_CLOSED,  /* the peer closed between two messages */
    VQ_VHOST_IO_TIMEOUT, /* the stated time is over */
    VQ_VHOST_IO_ERROR,   /* the stream is of no use any more; see the reason */
};

struct vq_vhost_receiver {
    struct vq_vhost_message message;
    size_t received;    /* bytes of header and payload so far */
    const char *reason; /* after VQ_VHOST_IO_ERROR; a constant sentence for people */
    int error;          /* errno of the failed call, or 0 when the peer broke the protocol */
};

void vq_vhost_receiver_init(struct vq_vhost_receiver *receiver);

/* Closes what a half-received message, or one that was not taken, still holds. */
void vq_vhost_receiver_reset(struct vq_vhost_receiver *receiver);

/*
 * Takes what is there and never waits, whatever the socket's mode. After
 * VQ_VHOST_IO_DONE the message stands in receiver->message, version and size
 * judged (the version is 1, `size` payload bytes are there, the rest is zero), and
 * the caller takes the descriptors that it wants; the next call closes the others.
 * After anything but DONE and AGAIN all descriptors are closed.
 *
 * Descriptors are taken only with the first byte of a message. Flag bits that the
 * protocol does not define are ignored.
 */
enum vq_vhost_io vq_vhost_receive(int socket, struct vq_vhost_receiver *receiver);

/* The same, waiting up to `timeout_ms` in all; negative: for ever. */
enum vq_vhost_io vq_vhost_receive_wait(int socket, struct vq_vhost_receiver *receiver,
                                       int timeout_ms);

/*
 * Sends a message with its descriptors, which stay the caller's. Waits up to
 * `timeout_ms` in all for room (0: not at all, negative: for ever). Never raises
 * SIGPIPE. Anything but DONE means that the stream is of no use any more.
 */
enum vq_vhost_io vq_vhost_send(int socket, const struct vq_vhost_message *message, int timeout_ms);

#endif
