/*
 * Requests about guest memory. The new memory is made complete before anything
 * lets go of the old one; a refused request changes nothing.
 */
#include "session.h"

static const char *change(struct vq_vhost_session *s, struct vq_vhost_memory *memory,
                          const char *reason)
{
    if (memory == NULL)
        return reason;
    struct vq_vhost_memory *old = s->memory;
    vq_vhost_rings_pause(s);
    s->memory = memory;
    vq_vhost_memory_free(old);
    vq_vhost_rings_resume(s);
    return NULL;
}

const char *vq_vhost_set_mem_table(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    const struct vq_vhost_memory_table *table = &m->payload.memory;
    const char *reason = NULL;

    struct vq_vhost_memory *memory =
        vq_vhost_memory_table(table->regions, m->fds, table->count, &s->guard, &reason);

    return change(s, memory, reason);
}

const char *vq_vhost_get_max_mem_slots(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    vq_vhost_answer_u64(s, m, s->memory_slots);
    return NULL;
}

const char *vq_vhost_add_mem_reg(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    const char *reason = NULL;

    if (s->memory->count >= s->memory_slots)
        return "no memory slot is free";
    struct vq_vhost_memory *memory =
        vq_vhost_memory_add(s->memory, &m->payload.region.region, m->fds[0], &s->guard, &reason);
    return change(s, memory, reason);
}

const char *vq_vhost_rem_mem_reg(struct vq_vhost_session *s, struct vq_vhost_message *m)
{
    const char *reason = NULL;
    struct vq_vhost_memory *memory =
        vq_vhost_memory_remove(s->memory, &m->payload.region.region, &reason);

    return change(s, memory, reason);
}
