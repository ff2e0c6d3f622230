/*
 * A device for a front end (QEMU, User-mode Linux, `vq blk`): the back end's role
 * of vhost-user, over one connected socket.
 *
 * A session speaks the protocol: it maps the guest's memory, negotiates features,
 * answers for the configuration space, and says when a ring is to be served. It
 * serves no ring itself; that is the host's part, by a few callbacks:
 *
 *     session = vq_vhost_session_create(socket, model, &ops, host, NULL);
 *     while (... vq_vhost_session_fd(session) is readable ...)
 *         if (vq_vhost_session_handle(session) != VQ_VHOST_SESSION_LIVE)
 *             break;
 *     vq_vhost_session_destroy(session);
 *
 * All that the front end sends is hostile. What it does wrong is answered by a
 * failure where it asked for an answer, and ends the session otherwise; other
 * sessions are never touched.
 *
 * Threads: every function, and every callback, runs on the one control thread of
 * the session, but for the three that say that any thread may call them.
 */
#ifndef VQ_VHOST_USER_BACKEND_H
#define VQ_VHOST_USER_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/device.h>
#include <vq/error.h>
#include <vq/model.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vq_vhost_session;

/* In place of a descriptor. */
enum {
    /* kick: kicks come by ring_kick. call: use vq_vhost_session_call. */
    VQ_VHOST_FD_NONE = -1,
    /* kick: none will ever come, look at the ring again and again. call: the front end looks by
     * itself, send nothing. */
    VQ_VHOST_FD_POLL = -2,
};

/*
 * What the host does for a session. All are required.
 *
 * A ring is *running* between ring_start and ring_stop. The rings that a session
 * has are 0 .. queue_count - 1 of the model.
 */
struct vq_vhost_host_ops {
    /*
     * Serve the ring. `config` has everything but `in_flight`, which the model gives; it may be
     * used during the call only, but what it points to stays until ring_stop. Look at the ring
     * once without waiting for a kick, and signal the call descriptor once if there is one (the
     * front end may have missed a signal while it changed descriptors). A ring starts disabled:
     * ring_enable follows.
     */
    enum vq_error (*ring_start)(void *host, uint16_t ring, const struct vq_device_config *config);

    /*
     * Stop serving: return when all that was taken has been given back, and nothing of this
     * ring touches guest memory, the kick or the call descriptor any more. Says where the ring
     * stands. Also called around each change of guest memory, followed by ring_start with other
     * pointers and the same position.
     */
    void (*ring_stop)(void *host, uint16_t ring, struct vq_position *position);

    /* Only while the ring runs. Of a disabled ring take no buffers, or take them without effect. */
    void (*ring_enable)(void *host, uint16_t ring, bool enabled);

    /*
     * A kick or call descriptor, or VQ_VHOST_FD_NONE or _POLL, for now and for later starts; at
     * any time, running or not. The host owns a descriptor from the moment of the call, even if
     * it returns an error, and closes the one it had before. It is an eventfd or the end of a
     * pipe: 8 bytes are read or written, and their value means nothing. It is non-blocking, but
     * the front end shares it and may undo that.
     *
     * On a running ring: after a kick descriptor look at the ring once; after a call descriptor
     * signal it once. VQ_ERR_UNSUPPORTED for what the host cannot do (_POLL); the ring then
     * stays as it was.
     */
    enum vq_error (*ring_kick_fd)(void *host, uint16_t ring, int fd);
    enum vq_error (*ring_call_fd)(void *host, uint16_t ring, int fd);

    /* An available buffer notification that came as a message. Only while the ring runs. */
    void (*ring_kick)(void *host, uint16_t ring);
};

struct vq_vhost_session_options {
    /* Device features that the model has and this front end is not offered (low 64 bits). Without
     * VQ_F_VERSION_1 the device is a legacy one. */
    uint64_t hidden_features;
    /* Protocol features that this front end is not offered, as a mask of vhost-user's bits. */
    uint64_t hidden_protocol_features;
    /* Regions of guest memory, 8 to VQ_MEMORY_REGIONS_MAX; 0 means the latter. Do not lower it
     * from one session to the next: QEMU refuses that. */
    uint32_t memory_slots;
    /* How long a reply may wait for a front end that does not read; 0 means 1000. */
    uint32_t send_timeout_ms;
    /*
     * A front end can truncate the file behind its memory, which makes any access to it raise
     * SIGBUS. Unless this is set, the first session installs a handler for the whole process:
     * where the address belongs to a session it puts zero pages there and ends that session,
     * and all other faults it leaves to the handler that was there before. A thread that
     * serves rings must not block SIGBUS: the kernel then ends the process instead.
     */
    bool leave_sigbus_alone;
};

enum vq_vhost_session_state {
    VQ_VHOST_SESSION_LIVE,
    VQ_VHOST_SESSION_CLOSED, /* the front end went away between two messages */
    VQ_VHOST_SESSION_BROKEN, /* it broke the protocol, or the machine failed: see the reason */
};

/*
 * Makes a session of a connected Unix stream socket, which it owns from here on,
 * whatever comes of it. `options` may be NULL; `model`, `ops` and `host` must
 * outlive the session. NULL, and errno, if the machine has not enough of something.
 */
struct vq_vhost_session *vq_vhost_session_create(int socket, struct vq_device_model *model,
                                                 const struct vq_vhost_host_ops *ops, void *host,
                                                 const struct vq_vhost_session_options *options);

/* Readable when vq_vhost_session_handle has something to do. Constant for the session's life. */
int vq_vhost_session_fd(const struct vq_vhost_session *session);

/*
 * Handles what has come, a bounded number of messages, and never waits for the
 * front end to send. Anything but LIVE is final: destroy the session.
 */
enum vq_vhost_session_state vq_vhost_session_handle(struct vq_vhost_session *session);

/* One sentence: why the session ended, or what was refused last; "" if nothing was. */
const char *vq_vhost_session_reason(const struct vq_vhost_session *session);

struct vq_vhost_session_info {
    uint64_t features; /* as acknowledged; bit 30 tells of protocol features */
    uint64_t protocol_features;
    uint32_t memory_regions;
    uint16_t rings_running;
};
void vq_vhost_session_info(const struct vq_vhost_session *session,
                           struct vq_vhost_session_info *info);

/*
 * Stops what runs, gives VQ_VHOST_FD_NONE for every descriptor that the host has,
 * resets the model, unmaps the memory, closes the socket.
 */
void vq_vhost_session_destroy(struct vq_vhost_session *session);

/*
 * From any thread, while the ring runs: a used buffer notification for a ring
 * whose call descriptor is VQ_VHOST_FD_NONE. Never waits: while the front end has
 * not yet answered for the former one, the next is remembered and sent after that.
 * Does nothing if the front end cannot take notifications as messages.
 */
void vq_vhost_session_call(struct vq_vhost_session *session, uint16_t ring);

/*
 * From any thread, while the ring runs: the ring is broken. The front end hears of
 * it (error descriptor or message), and the device status says NEEDS_RESET.
 */
void vq_vhost_session_ring_error(struct vq_vhost_session *session, uint16_t ring);

/*
 * From any thread: the configuration space changed. The front end hears of it,
 * once a ring runs, if it can take such a message.
 */
void vq_vhost_session_config_changed(struct vq_vhost_session *session);

#ifdef __cplusplus
}
#endif
#endif
