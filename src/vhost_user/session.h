/*
 * The inside of a back end's session, shared by the files session*.c.
 *
 * One control thread owns all of it. What any thread may touch (the back-end
 * channel, the error descriptors, NEEDS_RESET) stands in `shared`, under its lock,
 * which is never held over a callback and never while waiting for a peer.
 */
#ifndef VQ_VHOST_USER_SESSION_H
#define VQ_VHOST_USER_SESSION_H

#include <pthread.h>

#include <vq/vhost_user_backend.h>

#include "channel.h"
#include "regions.h"
#include "sigbus.h"

#define VQ_VHOST_RINGS_MAX 256u /* the ring index of a kick message has 8 bits */

struct vq_vhost_ring {
    /* As the front end set it up. */
    uint32_t size; /* 0: not set yet */
    bool addressed;
    struct vq_vhost_vring_addr addr;
    uint32_t base; /* as in SET_VRING_BASE */
    bool big_endian;
    bool enabled;
    /* Started is what the protocol says; running is what the host does. A started ring does not
     * run while guest memory does not hold its parts. */
    bool started;
    bool running;
    /* After a stop of our own: where to go on, without asking the ring. */
    bool position_known;
    struct vq_position position;
    /* The host has a descriptor, or was told to poll. */
    bool kick_given;
    bool call_given;
};

/* What waits on the back-end channel for one ring. */
struct vq_vhost_ring_notice {
    bool call_sent; /* and not yet answered */
    bool call_again;
    bool error_sent;
    int error_fd;
};

struct vq_vhost_shared {
    pthread_mutex_t lock;
    int channel;       /* -1: none */
    bool channel_dead; /* to be closed by the control thread */
    bool inband;       /* negotiated */
    bool config;       /* negotiated: the front end takes CONFIG_CHANGE */
    bool suspended;    /* no ring is started: say nothing unasked */
    bool config_waits; /* a change was held back */
    bool needs_reset;
    uint16_t expected_first; /* answers that are to come, in order */
    uint16_t expected_count;
    uint16_t expected_room;
    struct {
        uint16_t ring;
        uint16_t request;
    } * expected;
    struct vq_vhost_ring_notice *rings;
};

struct vq_vhost_session {
    int socket;
    int poll; /* an epoll descriptor over socket, channel and guard.wake */
    struct vq_device_model *model;
    const struct vq_vhost_host_ops *ops;
    void *host;
    uint32_t memory_slots;
    int send_timeout_ms;

    enum vq_vhost_session_state state;
    char reason[160];
    bool fatal; /* set by a handler whose failure cannot be answered */

    uint64_t offered;
    uint64_t offered_protocol;
    uint64_t features;
    bool features_set;
    bool features_fit; /* the model accepted them */
    uint64_t protocol_features;
    uint8_t status;

    struct vq_vhost_memory *memory;
    struct vq_vhost_guard guard;

    struct vq_vhost_receiver receiver;
    struct vq_vhost_receiver channel_receiver;
    struct vq_vhost_message reply; /* filled by a handler of a request with its own answer */

    struct vq_vhost_shared shared;
    uint16_t ring_count;
    struct vq_vhost_ring rings[];
};

/*
 * A handler gets a request whose shape is judged, whose features are negotiated,
 * and whose ring exists. It returns NULL, or why it refuses; then nothing changed.
 */
typedef const char *vq_vhost_handler(struct vq_vhost_session *s, struct vq_vhost_message *m);

/* session_device.c: features, configuration space, status. */
vq_vhost_handler vq_vhost_get_features, vq_vhost_set_features, vq_vhost_get_protocol_features,
    vq_vhost_set_protocol_features, vq_vhost_get_queue_num, vq_vhost_get_config,
    vq_vhost_set_config, vq_vhost_set_status, vq_vhost_get_status, vq_vhost_reset_device,
    vq_vhost_ignore;

/* session_rings.c */
vq_vhost_handler vq_vhost_set_vring_num, vq_vhost_set_vring_addr, vq_vhost_set_vring_base,
    vq_vhost_get_vring_base, vq_vhost_set_vring_kick, vq_vhost_set_vring_call,
    vq_vhost_set_vring_err, vq_vhost_set_vring_enable, vq_vhost_set_vring_endian,
    vq_vhost_vring_kick;

/* session_memory.c */
vq_vhost_handler vq_vhost_set_mem_table, vq_vhost_get_max_mem_slots, vq_vhost_add_mem_reg,
    vq_vhost_rem_mem_reg;

/* session_channel.c */
vq_vhost_handler vq_vhost_set_backend_req_fd;

static inline bool vq_vhost_has(const struct vq_vhost_session *s, unsigned protocol_feature)
{
    return (s->protocol_features & VQ_VHOST_BIT(protocol_feature)) != 0;
}

/* Makes the answer of a request with one u64. */
void vq_vhost_answer_u64(struct vq_vhost_session *s, const struct vq_vhost_message *m,
                         uint64_t value);

/* Ends what the protocol calls started. */
void vq_vhost_ring_stop(struct vq_vhost_session *s, uint16_t index);
void vq_vhost_rings_stop(struct vq_vhost_session *s);
/* Is a ring started and enabled? Rings that are not may be reconfigured, see session_rings.c. */
bool vq_vhost_rings_busy(const struct vq_vhost_session *s);
/* Around a change of guest memory: the host lets go of every ring, then takes them up again. */
void vq_vhost_rings_pause(struct vq_vhost_session *s);
void vq_vhost_rings_resume(struct vq_vhost_session *s);

/* The channel, for the control thread. */
bool vq_vhost_channel_init(struct vq_vhost_session *s);
void vq_vhost_channel_handle(struct vq_vhost_session *s);
void vq_vhost_channel_close(struct vq_vhost_session *s);
/* After anything changed that decides what may be sent; sends what was held back. */
void vq_vhost_channel_update(struct vq_vhost_session *s);
/* Before a ring stops being served: sends the notification that waits for an answer. */
void vq_vhost_channel_drain(struct vq_vhost_session *s, uint16_t index);
void vq_vhost_channel_destroy(struct vq_vhost_session *s);
/* The descriptor that tells of a ring's errors, or VQ_VHOST_FD_POLL; closes the former. */
void vq_vhost_error_fd(struct vq_vhost_session *s, uint16_t index, int fd);

#endif
