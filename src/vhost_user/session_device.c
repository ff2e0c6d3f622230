/*
 * Requests about the device as a whole: features, protocol features, configuration
 * space, status, reset.
 */
#include <string.h>

#include <vq/status.h>

#include "session.h"

const char *vq_vhost_ignore(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    (void)s;
    (void)m;
    return NULL;
}

const char *vq_vhost_get_features(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    vq_vhost_answer_u64(s, m, s->offered);
    return NULL;
}

const char *vq_vhost_set_features(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    uint64_t chosen = m->payload.u64;
    bool protocol = (chosen & VQ_VHOST_BIT(VQ_VHOST_F_PROTOCOL_FEATURES)) != 0;

    if ((chosen & ~s->offered) != 0)
        return "features that were not offered";
    if (!s->features_set || chosen != s->features || !s->features_fit) {
        if (vq_vhost_rings_busy(s))
            return "not while a ring is in use";
        vq_vhost_rings_stop(s);
        struct vq_features set =
            vq_features_from64(chosen & ~VQ_VHOST_BIT(VQ_VHOST_F_PROTOCOL_FEATURES));
        s->features_fit = s->model->ops->accept(s->model, &set) == VQ_OK;
        s->features = chosen;
        s->features_set = true;
        /* With a status the refusal is told by FEATURES_OK, which then stays clear. */
        if (!s->features_fit && !vq_vhost_has(s, VQ_VHOST_P_STATUS))
            return "the device cannot work with these features";
    }
    /* There is no SET_VRING_ENABLE for who knows no protocol features. */
    for (uint16_t i = 0; !protocol && i < s->ring_count; i++) {
        s->rings[i].enabled = true;
        if (s->rings[i].running)
            s->ops->ring_enable(s->host, i, true);
    }
    return NULL;
}

const char *vq_vhost_get_protocol_features(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    vq_vhost_answer_u64(s, m, s->offered_protocol);
    return NULL;
}

const char *vq_vhost_set_protocol_features(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    uint64_t chosen = m->payload.u64;
    uint64_t inband_needs =
        VQ_VHOST_BIT(VQ_VHOST_P_REPLY_ACK) | VQ_VHOST_BIT(VQ_VHOST_P_BACKEND_REQ);

    if ((chosen & VQ_VHOST_BIT(VQ_VHOST_P_INBAND_NOTIFICATIONS)) != 0 &&
        (chosen & inband_needs) != inband_needs) {
        s->fatal = true;
        return "in-band notifications without REPLY_ACK and BACKEND_REQ";
    }
    if ((chosen & ~s->offered_protocol) != 0)
        return "protocol features that were not offered";
    if (chosen != s->protocol_features && vq_vhost_rings_busy(s))
        return "not while a ring is in use";
    s->protocol_features = chosen;
    vq_vhost_channel_update(s);
    return NULL;
}

const char *vq_vhost_get_queue_num(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    vq_vhost_answer_u64(s, m, s->ring_count);
    return NULL;
}

const char *vq_vhost_get_config(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    const struct vq_vhost_config *asked = &m->payload.config;
    uint32_t have = s->model->ops->config_size(s->model);
    uint32_t offset = asked->offset, size = asked->size;

    if ((uint64_t)offset + size > VQ_VHOST_CONFIG_MAX || (size != 0 && offset >= have))
        return "outside of the configuration space";
    vq_vhost_message_init(&s->reply, m->header.request, VQ_VHOST_REPLY_FLAGS, m->header.size);
    s->reply.payload.config.offset = offset;
    s->reply.payload.config.size = size;
    s->reply.payload.config.flags = asked->flags;
    /* Front ends ask for their own idea of the structure: beyond ours there are zeros. */
    uint32_t count = size < have - offset ? size : have - offset;
    if (size != 0)
        s->model->ops->read_config(s->model, offset, s->reply.payload.config.data, count);
    return NULL;
}

const char *vq_vhost_set_config(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    const struct vq_vhost_config *c = &m->payload.config;
    uint8_t now[VQ_VHOST_CONFIG_MAX];

    if ((c->flags & ~VQ_VHOST_CONFIG_MIGRATION) != 0)
        return "unknown flags";
    if ((uint64_t)c->offset + c->size > s->model->ops->config_size(s->model))
        return "outside of the configuration space";
    if (c->size == 0 || s->model->ops->write_config(s->model, c->offset, c->data, c->size) == VQ_OK)
        return NULL;
    /* A migration destination restores fields that the driver may not write: they are right
     * already, or this device is another one. */
    if ((c->flags & VQ_VHOST_CONFIG_MIGRATION) != 0) {
        s->model->ops->read_config(s->model, c->offset, now, c->size);
        if (memcmp(now, c->data, c->size) == 0)
            return NULL;
    }
    return "the device refuses to change these fields";
}

const char *vq_vhost_set_status(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    uint64_t status = m->payload.u64;

    if (status > 0xff)
        return "status of more than 8 bits";
    /* 0 resets the driver's view. Rings, memory and features stay: QEMU sends it before
     * GET_VRING_BASE, and must get the true position then. */
    if (status == 0) {
        pthread_mutex_lock(&s->shared.lock);
        s->shared.needs_reset = false;
        pthread_mutex_unlock(&s->shared.lock);
    }
    s->status = (uint8_t)status;
    return NULL;
}

const char *vq_vhost_get_status(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    uint8_t status = s->status;

    if (s->features_set && !s->features_fit)
        status &= (uint8_t)~VQ_STATUS_FEATURES_OK;
    pthread_mutex_lock(&s->shared.lock);
    if (s->shared.needs_reset)
        status |= VQ_STATUS_NEEDS_RESET;
    pthread_mutex_unlock(&s->shared.lock);
    vq_vhost_answer_u64(s, m, status);
    return NULL;
}

/* Memory, protocol features and descriptors stay: QEMU gives memory once per connection. */
const char *vq_vhost_reset_device(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    (void)m;
    vq_vhost_rings_stop(s);
    for (uint16_t i = 0; i < s->ring_count; i++) {
        struct vq_vhost_ring *ring = &s->rings[i];
        ring->size = 0;
        ring->addressed = false;
        ring->base = 0;
        ring->enabled = false;
        ring->big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    }
    s->model->ops->reset(s->model);
    s->features = 0;
    s->features_set = false;
    s->features_fit = false;
    s->status = 0;
    pthread_mutex_lock(&s->shared.lock);
    s->shared.needs_reset = false;
    pthread_mutex_unlock(&s->shared.lock);
    return NULL;
}
