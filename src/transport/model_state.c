/*
 * The device status as a device keeps it, the features, the configuration space:
 * one machine behind the registers of every transport.
 *
 * Nothing that a driver writes is trusted. A step that is not due is left out, so
 * that whatever is written in whatever order, the model sees only: accept, start,
 * run, stop, reset.
 */
#include "model_state.h"

#include <vq/pci.h>

#define NEGOTIATED (VQ_STATUS_FEATURES_OK | VQ_STATUS_DRIVER_OK)

/* What the transport itself adds to the model's features. */
static struct vq_features own_features(const struct vq_model_state *s,
                                       const struct vq_features *offered)
{
    static const uint8_t bits[] = {VQ_F_NOTIFICATION_DATA, VQ_F_RING_RESET, VQ_F_SUSPEND};
    struct vq_features set = {{0}};
    if (vq_feature(offered, VQ_F_VERSION_1))
        for (size_t i = 0; i < sizeof(bits); i++)
            if (!vq_feature(&s->config.without, bits[i]))
                vq_feature_set(&set, bits[i]);
    return set;
}

/* What the model offers and may be shown. */
static struct vq_features model_features(const struct vq_model_state *s)
{
    struct vq_features set = vq_model_of(s)->ops->offered(vq_model_of(s));
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++) {
        set.word[i] &= ~s->config.without.word[i];
        if (i != 0 && s->interface == VQ_INTERFACE_LEGACY)
            set.word[i] = 0; /* PCILEG-DEV-LAYOUT-04 */
    }
    if (s->interface == VQ_INTERFACE_MODERN) {
        vq_feature_clear(&set, VQ_F_NOTIFY_ON_EMPTY);
        vq_feature_clear(&set, VQ_F_ANY_LAYOUT);
    }
    return set;
}

struct vq_features vq_model_offered(const struct vq_model_state *s)
{
    struct vq_features offered = model_features(s);
    struct vq_features own = own_features(s, &offered);
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++)
        offered.word[i] |= own.word[i];
    return offered;
}

uint32_t vq_model_offered_word(const struct vq_model_state *s, uint32_t select)
{
    return select < VQ_FEATURE_WORDS ? vq_model_offered(s).word[select] : 0;
}

uint32_t vq_model_chosen_word(const struct vq_model_state *s, uint32_t select)
{
    return select < VQ_FEATURE_WORDS ? s->chosen.word[select] : 0;
}

enum vq_error vq_model_choose_word(struct vq_model_state *s, uint32_t select, uint32_t bits)
{
    if (s->resetting || s->accepted || (s->status & (NEGOTIATED | VQ_STATUS_SUSPEND)) != 0)
        return VQ_ERR_STATE;
    if (select < VQ_FEATURE_WORDS)
        s->chosen.word[select] = bits;
    else if (bits != 0)
        s->beyond = true;
    return VQ_OK;
}

bool vq_model_legacy(const struct vq_model_state *s)
{
    if (s->interface == VQ_INTERFACE_EITHER)
        return !vq_feature(&s->chosen, VQ_F_VERSION_1);
    return s->interface == VQ_INTERFACE_LEGACY;
}

bool vq_model_accept(struct vq_model_state *s)
{
    if (s->accepted)
        return true;
    if (s->beyond)
        return false;
    /* FEAT-DEV-02: whoever comes by a modern interface speaks as one. */
    if (s->interface == VQ_INTERFACE_MODERN && !vq_feature(&s->chosen, VQ_F_VERSION_1))
        return false;
    struct vq_features offered = model_features(s);
    struct vq_features own = own_features(s, &offered);
    struct vq_features chosen = s->chosen;
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++) {
        chosen.word[i] &= ~(own.word[i] & ~offered.word[i]);
        if ((chosen.word[i] & ~offered.word[i]) != 0)
            return false;
    }
    s->accepted = vq_model_of(s)->ops->accept(vq_model_of(s), &chosen) == VQ_OK;
    return s->accepted;
}

/* Tells the driver of a change: now, or as soon as it listens (INIT-DEV-SUSP-06, -07). */
static void tell_config(struct vq_model_state *s)
{
    if (s->resetting || s->status == 0)
        return;
    s->config_waits = true;
    if ((s->status & (VQ_STATUS_DRIVER_OK | VQ_STATUS_SUSPEND)) != VQ_STATUS_DRIVER_OK)
        return;
    s->config_waits = false;
    s->front_ops->config(s->front);
}

void vq_model_needs_reset(struct vq_model_state *s)
{
    if ((s->status & VQ_STATUS_NEEDS_RESET) != 0 || s->resetting)
        return;
    s->status |= VQ_STATUS_NEEDS_RESET;
    tell_config(s); /* BASIC-DEV-STATUS-04 */
}

void vq_model_config_changed(struct vq_model_state *s)
{
    s->stale = true;
    tell_config(s);
}

static void finish_reset(struct vq_model_state *s)
{
    for (uint16_t i = 0; i < s->config.queue_count; i++)
        vq_model_forget(&s->config.queues[i]);
    vq_model_of(s)->ops->reset(vq_model_of(s));
    s->chosen = (struct vq_features){{0}};
    s->beyond = false;
    s->accepted = false;
    s->config_waits = false;
    s->suspending = false;
    s->resetting = false;
    s->status = 0;
    s->front_ops->reset(s->front);
}

static bool any_stopping(const struct vq_model_state *s)
{
    for (uint16_t i = 0; i < s->config.queue_count; i++)
        if (s->config.queues[i].stopping)
            return true;
    return false;
}

void vq_model_settle(struct vq_model_state *s)
{
    if ((s->resetting || s->suspending) && any_stopping(s))
        return;
    if (s->resetting) {
        finish_reset(s);
        return;
    }
    if (s->suspending) {
        s->suspending = false;
        s->status = (uint8_t)((s->status & ~VQ_STATUS_DRIVER_OK) | VQ_STATUS_SUSPEND);
        return;
    }
    vq_model_start_all(s);
}

static void resume(struct vq_model_state *s)
{
    s->status = (uint8_t)((s->status & ~VQ_STATUS_SUSPEND) | VQ_STATUS_DRIVER_OK);
    vq_model_start_all(s);
}

static void run_device(struct vq_model_state *s)
{
    s->status |= VQ_STATUS_DRIVER_OK;
    if (vq_model_legacy(s) && !vq_model_accept(s))
        vq_model_needs_reset(s); /* a legacy driver has no other sign */
    vq_model_start_all(s);
}

bool vq_model_suspended(const struct vq_model_state *s)
{
    return s->suspending || (s->status & VQ_STATUS_SUSPEND) != 0;
}

uint8_t vq_model_status(const struct vq_model_state *s)
{
    return s->status;
}

void vq_model_set_status(struct vq_model_state *s, uint8_t value)
{
    uint8_t raised = (uint8_t)(value & ~s->status);

    if (s->resetting)
        return;
    if (value == 0) {
        s->resetting = true;
        s->suspending = false;
        vq_model_stop_all(s, false);
        vq_model_settle(s);
        return;
    }
    if ((s->status & VQ_STATUS_FAILED) != 0)
        return;
    s->status |= raised & VQ_STATUS_ACKNOWLEDGE;
    if ((s->status & VQ_STATUS_ACKNOWLEDGE) != 0)
        s->status |= raised & VQ_STATUS_DRIVER;
    s->status |= raised & VQ_STATUS_FAILED;
    if ((s->status & (VQ_STATUS_DRIVER | VQ_STATUS_FAILED)) != VQ_STATUS_DRIVER || s->suspending)
        return;

    if ((raised & VQ_STATUS_FEATURES_OK) != 0 && (s->status & NEGOTIATED) == 0 &&
        s->interface != VQ_INTERFACE_LEGACY && vq_model_accept(s))
        s->status |= VQ_STATUS_FEATURES_OK;
    if ((raised & VQ_STATUS_DRIVER_OK) != 0) {
        if ((s->status & VQ_STATUS_SUSPEND) != 0)
            resume(s);
        else if ((s->status & VQ_STATUS_FEATURES_OK) != 0 || vq_model_legacy(s))
            run_device(s);
        if (s->config_waits)
            tell_config(s);
        return;
    }
    /* INIT-DEV-SUSP-01, -08: nothing to suspend before it runs; one that needs a reset said so. */
    if ((raised & VQ_STATUS_SUSPEND) != 0 && vq_feature(&s->chosen, VQ_F_SUSPEND) &&
        (s->status & (VQ_STATUS_DRIVER_OK | VQ_STATUS_NEEDS_RESET)) == VQ_STATUS_DRIVER_OK) {
        s->suspending = true;
        vq_model_stop_all(s, true);
        vq_model_settle(s);
    }
}

uint32_t vq_model_config_size(const struct vq_model_state *s)
{
    return vq_model_of(s)->ops->config_size(vq_model_of(s));
}

/* Changes when it is looked at, not when the device changes: few bits of it then do not wrap
 * around behind a driver's back. */
uint32_t vq_model_generation(struct vq_model_state *s)
{
    if (s->stale)
        s->generation++;
    s->stale = false;
    return s->generation;
}

bool vq_model_big_endian(const struct vq_model_state *s)
{
    return s->config.legacy_big_endian && vq_model_legacy(s);
}

void vq_model_read_config(struct vq_model_state *s, bool big_endian, uint32_t offset,
                          uint8_t *bytes, uint32_t count)
{
    struct vq_device_model *model = vq_model_of(s);
    uint32_t size = vq_model_config_size(s);
    uint32_t there = offset < size ? size - offset : 0;

    (void)vq_model_generation(s);
    if (there > count)
        there = count;
    model->big_endian = big_endian;
    if (there != 0)
        model->ops->read_config(model, offset, bytes, there);
    for (uint32_t i = there; i < count; i++)
        bytes[i] = 0;
}

enum vq_error vq_model_write_config(struct vq_model_state *s, bool big_endian, uint32_t offset,
                                    const uint8_t *bytes, uint32_t count)
{
    struct vq_device_model *model = vq_model_of(s);
    uint32_t size = vq_model_config_size(s);

    /* INIT-DEV-SUSP-02; legacy drivers may come early (INIT-DEV-LEG-01), and where a device wants
     * it so all of them (CON-DEV-INIT-01). */
    if (s->resetting || vq_model_suspended(s) ||
        ((s->status & VQ_STATUS_FEATURES_OK) == 0 && !vq_model_legacy(s) &&
         !model->ops->early_config))
        return VQ_ERR_STATE;
    if (offset > size || count > size - offset)
        return VQ_ERR_RANGE;
    model->big_endian = big_endian;
    enum vq_error error = model->ops->write_config(model, offset, bytes, count);
    if (error == VQ_OK)
        s->stale = true;
    return error;
}

enum vq_error vq_model_state_init(struct vq_model_state *s, const struct vq_model_config *config,
                                  enum vq_interface interface,
                                  const struct vq_model_front *front_ops, void *front)
{
    if (config->model == NULL || config->memory == NULL || config->queues == NULL)
        return VQ_ERR_INVALID;
    *s = (struct vq_model_state){
        .config = *config,
        .front_ops = front_ops,
        .front = front,
        .interface = interface,
    };
    for (uint16_t i = 0; i < config->queue_count; i++) {
        s->config.queues[i] = (struct vq_model_queue){.enabled = false};
        vq_model_forget(&s->config.queues[i]);
    }
    struct vq_features offered = vq_model_offered(s);
    if (interface == VQ_INTERFACE_MODERN && !vq_feature(&offered, VQ_F_VERSION_1))
        return VQ_ERR_UNSUPPORTED;
    return VQ_OK;
}
