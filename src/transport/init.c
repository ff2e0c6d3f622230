/*
 * The device status as a driver drives it: the handshake of section 3.1.1, reset,
 * suspend, and the rules that say what may be done in which state.
 *
 * The device is not trusted: each wait for it is bounded, an answer is used only
 * after it was checked. No status bit is ever dropped but by a reset
 * (BASIC-DRV-STATUS-02).
 */
#include <vq/transport.h>

#define STATUS_READS 1000000u

struct vq_features vq_transport_common_features(void)
{
    static const uint8_t bits[] = {
        VQ_F_NOTIFY_ON_EMPTY, VQ_F_ANY_LAYOUT,        VQ_F_INDIRECT_DESC, VQ_F_EVENT_IDX,
        VQ_F_VERSION_1,       VQ_F_ACCESS_PLATFORM,   VQ_F_RING_PACKED,   VQ_F_IN_ORDER,
        VQ_F_ORDER_PLATFORM,  VQ_F_NOTIFICATION_DATA, VQ_F_SUSPEND,
    };
    struct vq_features set = {{0}};
    for (size_t i = 0; i < sizeof(bits); i++)
        vq_feature_set(&set, bits[i]);
    /* Bits of the device type: the driver's plan names those that it knows. */
    for (unsigned bit = 0; bit < 24; bit++)
        vq_feature_set(&set, bit);
    for (unsigned bit = 50; bit < 128; bit++)
        vq_feature_set(&set, bit);
    return set;
}

bool vq_transport_legacy(const struct vq_transport *t)
{
    return !vq_feature(&t->accepted, VQ_F_VERSION_1);
}

bool vq_transport_big_endian(const struct vq_transport *t)
{
    return t->legacy_big_endian && vq_transport_legacy(t);
}

static enum vq_error raise_status(struct vq_transport *t, uint8_t bits)
{
    t->status |= bits;
    return t->ops->set_status(t, t->status);
}

/* Reads the status until `mask` of it is `value`. */
static enum vq_error await_status(struct vq_transport *t, uint8_t mask, uint8_t value,
                                  uint32_t patience)
{
    if (patience == 0)
        patience = STATUS_READS;
    while (patience-- != 0) {
        uint8_t status = 0;
        enum vq_error error = t->ops->get_status(t, &status);
        if (error != VQ_OK)
            return error;
        if ((status & mask) == value)
            return VQ_OK;
        /* Its other answer to all but a reset (INIT-DEV-SUSP-08, -09). */
        if (value != 0 && (status & VQ_STATUS_NEEDS_RESET) != 0)
            return VQ_ERR_BROKEN;
    }
    return VQ_ERR_TIMEOUT;
}

enum vq_error vq_transport_reset(struct vq_transport *t, uint32_t patience)
{
    t->status = 0;
    t->suspended = false;
    t->accepted = (struct vq_features){{0}};
    enum vq_error error = t->ops->set_status(t, 0);
    if (error != VQ_OK)
        return error;
    /* BASIC-DRV-RESET-01 */
    return await_status(t, 0xff, 0, patience);
}

void vq_transport_fail(struct vq_transport *t)
{
    (void)raise_status(t, VQ_STATUS_FAILED);
}

bool vq_transport_needs_reset(struct vq_transport *t)
{
    uint8_t status = 0;
    return t->ops->get_status(t, &status) != VQ_OK || (status & VQ_STATUS_NEEDS_RESET) != 0;
}

/* What may be accepted of the offer; unknown, reserved and senseless bits are just not in it. */
static struct vq_features acceptable(const struct vq_transport *t, const struct vq_plan *plan)
{
    struct vq_features set = vq_features_and(t->offered, plan->wanted);
    set = vq_features_and(set, t->supported);
    vq_feature_clear(&set, 30); /* FEAT-DRV-LEG-02 */
    if (!vq_feature(&set, VQ_F_VERSION_1)) {
        for (unsigned i = 1; i < VQ_FEATURE_WORDS; i++)
            set.word[i] = 0; /* a legacy device has 32 */
    } else {
        vq_feature_clear(&set, VQ_F_NOTIFY_ON_EMPTY);
        vq_feature_clear(&set, VQ_F_ANY_LAYOUT);
    }
    return set;
}

/* Clears what lacks its prerequisite, until nothing changes (BASIC-DRV-FEAT-02). */
static void clear_unmet(struct vq_features *set, const struct vq_plan *plan)
{
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < plan->need_count; i++)
            if (vq_feature(set, plan->needs[i].bit) && !vq_feature(set, plan->needs[i].needs)) {
                vq_feature_clear(set, plan->needs[i].bit);
                again = true;
            }
    }
}

static int first_missing(const struct vq_features *required, const struct vq_features *set)
{
    for (unsigned bit = 0; bit < 32u * VQ_FEATURE_WORDS; bit++)
        if (vq_feature(required, bit) && !vq_feature(set, bit))
            return (int)bit;
    return -1;
}

static enum vq_error negotiate(struct vq_transport *t, const struct vq_plan *plan,
                               struct vq_init_result *result)
{
    result->step = VQ_INIT_FEATURES;
    struct vq_features offered = {{0}};
    enum vq_error error = t->ops->get_features(t, &offered);
    if (error != VQ_OK)
        return error;
    t->offered = offered;

    struct vq_features set = acceptable(t, plan);
    clear_unmet(&set, plan);
    if (plan->choose != NULL) {
        result->step = VQ_INIT_CHOOSE;
        struct vq_features chosen = set;
        t->accepted = set; /* so that the configuration is read in the order that will hold */
        error = plan->choose(plan->context, t, &chosen);
        if (error != VQ_OK)
            return error;
        set = vq_features_and(set, chosen);
        if (!vq_feature(&set, VQ_F_VERSION_1))
            for (unsigned i = 1; i < VQ_FEATURE_WORDS; i++)
                set.word[i] = 0;
        clear_unmet(&set, plan);
    }
    result->step = VQ_INIT_REQUIRED;
    result->feature = first_missing(&plan->required, &set);
    if (result->feature >= 0)
        return VQ_ERR_UNSUPPORTED;

    result->step = VQ_INIT_FEATURES;
    error = t->ops->set_features(t, &set);
    if (error != VQ_OK)
        return error;
    t->accepted = set;
    if (vq_transport_legacy(t))
        return VQ_OK;

    result->step = VQ_INIT_FEATURES_OK;
    error = raise_status(t, VQ_STATUS_FEATURES_OK);
    if (error != VQ_OK)
        return error;
    uint8_t status = 0;
    error = t->ops->get_status(t, &status);
    if (error != VQ_OK)
        return error;
    /* INIT-DRV-SEQ-10 */
    return (status & VQ_STATUS_FEATURES_OK) != 0 ? VQ_OK : VQ_ERR_UNSUPPORTED;
}

static enum vq_error handshake(struct vq_transport *t, const struct vq_plan *plan,
                               struct vq_init_result *result)
{
    result->step = VQ_INIT_RESET;
    enum vq_error error = vq_transport_reset(t, plan->patience);
    if (error != VQ_OK)
        return error;

    result->step = VQ_INIT_STATUS;
    error = raise_status(t, VQ_STATUS_ACKNOWLEDGE);
    if (error == VQ_OK)
        error = raise_status(t, VQ_STATUS_DRIVER);
    if (error == VQ_OK)
        error = negotiate(t, plan, result);
    if (error != VQ_OK)
        return error;

    result->step = VQ_INIT_SETUP;
    if (plan->setup != NULL) {
        error = plan->setup(plan->context, t);
        if (error != VQ_OK)
            return error;
    }

    result->step = VQ_INIT_DRIVER_OK;
    error = raise_status(t, VQ_STATUS_DRIVER_OK);
    if (error != VQ_OK)
        return error;
    if (vq_transport_needs_reset(t))
        return VQ_ERR_BROKEN;
    result->step = VQ_INIT_DONE;
    return VQ_OK;
}

enum vq_error vq_transport_init_device(struct vq_transport *t, const struct vq_plan *plan,
                                       struct vq_init_result *result)
{
    struct vq_init_result ignored;
    if (result == NULL)
        result = &ignored;
    *result = (struct vq_init_result){.feature = -1};
    result->error = handshake(t, plan, result);
    if (result->error != VQ_OK)
        vq_transport_fail(t);
    return result->error;
}

enum vq_error vq_transport_queue_constraints(struct vq_transport *t, uint16_t index,
                                             struct vq_constraints *constraints)
{
    *constraints = (struct vq_constraints){.format = VQ_FORMAT_SPLIT};
    enum vq_error error = t->ops->queue_constraints(t, index, constraints);
    if (error == VQ_OK && vq_feature(&t->accepted, VQ_F_RING_PACKED))
        constraints->format = VQ_FORMAT_PACKED;
    return error;
}

bool vq_transport_negotiated(const struct vq_transport *t)
{
    uint8_t needed = VQ_STATUS_DRIVER;
    if (!vq_transport_legacy(t))
        needed |= VQ_STATUS_FEATURES_OK;
    return (t->status & (needed | VQ_STATUS_FAILED)) == needed;
}

enum vq_error vq_transport_queue_enable(struct vq_transport *t, uint16_t index,
                                        const struct vq_place *place)
{
    if (!vq_transport_negotiated(t) || t->suspended)
        return VQ_ERR_STATE;
    return t->ops->queue_enable(t, index, place);
}

enum vq_error vq_transport_queue_reset(struct vq_transport *t, uint16_t index)
{
    if (t->ops->queue_reset == NULL || !vq_feature(&t->accepted, VQ_F_RING_RESET))
        return VQ_ERR_UNSUPPORTED;
    if (!vq_transport_negotiated(t) || t->suspended)
        return VQ_ERR_STATE;
    return t->ops->queue_reset(t, index);
}

static bool is_running(const struct vq_transport *t)
{
    return (t->status & (VQ_STATUS_DRIVER_OK | VQ_STATUS_FAILED)) == VQ_STATUS_DRIVER_OK &&
           !t->suspended;
}

enum vq_error vq_transport_notify(struct vq_transport *t, uint16_t index, uint32_t data)
{
    if (!is_running(t))
        return VQ_ERR_STATE;
    return t->ops->notify(t, index, data);
}

enum vq_error vq_transport_wait(struct vq_transport *t, uint16_t index, int timeout_ms)
{
    return t->ops->wait != NULL ? t->ops->wait(t, index, timeout_ms) : VQ_ERR_UNSUPPORTED;
}

unsigned vq_transport_take_events(struct vq_transport *t)
{
    return t->ops->take_events != NULL ? t->ops->take_events(t) : 0;
}

enum vq_error vq_transport_suspend(struct vq_transport *t, uint32_t patience)
{
    if (!vq_feature(&t->accepted, VQ_F_SUSPEND))
        return VQ_ERR_UNSUPPORTED;
    if (!is_running(t))
        return VQ_ERR_STATE;
    /* From here on nothing is notified or written, even if the device never answers. */
    t->suspended = true;
    enum vq_error error = raise_status(t, VQ_STATUS_SUSPEND);
    if (error != VQ_OK)
        return error;
    error = await_status(t, VQ_STATUS_SUSPEND | VQ_STATUS_DRIVER_OK, VQ_STATUS_SUSPEND, patience);
    if (error == VQ_OK)
        t->status = (uint8_t)(t->status & ~VQ_STATUS_DRIVER_OK); /* the device took it away */
    return error;
}

enum vq_error vq_transport_resume(struct vq_transport *t, uint32_t patience)
{
    if (!t->suspended)
        return VQ_ERR_STATE;
    enum vq_error error = raise_status(t, VQ_STATUS_DRIVER_OK);
    if (error != VQ_OK)
        return error;
    error = await_status(t, VQ_STATUS_SUSPEND | VQ_STATUS_DRIVER_OK, VQ_STATUS_DRIVER_OK, patience);
    if (error == VQ_OK) {
        t->status = (uint8_t)(t->status & ~VQ_STATUS_SUSPEND);
        t->suspended = false;
    }
    return error;
}

const char *vq_init_step_text(enum vq_init_step step)
{
    static const char *const text[] = {
        [VQ_INIT_RESET] = "the device did not come out of its reset",
        [VQ_INIT_STATUS] = "the device status could not be set",
        [VQ_INIT_FEATURES] = "the features could not be exchanged",
        [VQ_INIT_REQUIRED] = "a feature that the driver needs is not offered",
        [VQ_INIT_CHOOSE] = "the driver finds the device unsuitable",
        [VQ_INIT_FEATURES_OK] = "the device refused the features that the driver chose",
        [VQ_INIT_SETUP] = "the queues could not be set up",
        [VQ_INIT_DRIVER_OK] = "the device did not start",
        [VQ_INIT_DONE] = "the device runs",
    };
    unsigned i = (unsigned)step;
    return i < sizeof(text) / sizeof(text[0]) ? text[i] : "unknown step";
}
