/*
 * The handshake of a driver against a transport that records every step and can
 * be told to misbehave.
 */
#include "test.h"

#include <string.h>

#include <vq/blk.h>
#include <vq/feature_name.h>
#include <vq/net.h>
#include <vq/transport.h>

enum step {
    STATUS_WRITE,
    STATUS_READ,
    FEATURES_READ,
    FEATURES_WRITE,
    CONFIG_READ,
    CONFIG_WRITE,
    ENABLE,
    NOTIFY,
    SETUP,
};

struct event {
    enum step step;
    uint32_t value;
};

struct fake {
    struct vq_transport transport;
    struct event trace[256];
    size_t count;
    struct vq_features offered;
    struct vq_features written;
    uint8_t status;
    unsigned slow;    /* status reads until a change shows */
    unsigned pending; /* of them, still to come */
    uint8_t shown;    /* status that is shown meanwhile */
    bool refuse;      /* FEATURES_OK does not stick */
    bool needs_reset; /* after DRIVER_OK */
    bool never_reset;
    bool ignore_suspend;
    enum vq_error gone; /* what status writes answer from `gone_at` on */
    uint8_t gone_at;
    uint8_t config[64];
    uint32_t config_size;
    uint32_t generation;
    unsigned restless;        /* readings during which the configuration changes */
    uint32_t lowest, highest; /* bytes of configuration that were touched */
    uint32_t notified;
};

static struct fake *fake_of(struct vq_transport *t)
{
    return (struct fake *)(void *)t;
}

static void record(struct fake *f, enum step step, uint32_t value)
{
    if (f->count < sizeof f->trace / sizeof f->trace[0])
        f->trace[f->count++] = (struct event){step, value};
}

static enum vq_error get_status(struct vq_transport *t, uint8_t *status)
{
    struct fake *f = fake_of(t);
    if (f->pending != 0) {
        f->pending--;
        *status = f->shown;
    } else {
        *status = f->status;
    }
    record(f, STATUS_READ, *status);
    return VQ_OK;
}

static enum vq_error set_status(struct vq_transport *t, uint8_t status)
{
    struct fake *f = fake_of(t);
    record(f, STATUS_WRITE, status);
    if (f->gone != VQ_OK && (status & f->gone_at) != 0)
        return f->gone;
    f->shown = f->status;
    f->pending = f->slow;
    if (status == 0 && f->never_reset)
        return VQ_OK;
    f->status = status;
    if (f->refuse)
        f->status = (uint8_t)(f->status & ~VQ_STATUS_FEATURES_OK);
    if (f->needs_reset && (status & VQ_STATUS_DRIVER_OK) != 0)
        f->status |= VQ_STATUS_NEEDS_RESET;
    if (!f->ignore_suspend && (f->shown & VQ_STATUS_SUSPEND) == 0 &&
        (status & VQ_STATUS_SUSPEND) != 0)
        f->status = (uint8_t)(f->status & ~VQ_STATUS_DRIVER_OK);
    else if ((status & VQ_STATUS_SUSPEND) != 0 && (status & VQ_STATUS_DRIVER_OK) != 0)
        f->status = (uint8_t)(f->status & ~VQ_STATUS_SUSPEND);
    return VQ_OK;
}

static enum vq_error get_features(struct vq_transport *t, struct vq_features *offered)
{
    struct fake *f = fake_of(t);
    record(f, FEATURES_READ, 0);
    *offered = f->offered;
    return VQ_OK;
}

static enum vq_error set_features(struct vq_transport *t, const struct vq_features *accepted)
{
    struct fake *f = fake_of(t);
    record(f, FEATURES_WRITE, accepted->word[0]);
    f->written = *accepted;
    return VQ_OK;
}

static uint32_t config_size(struct vq_transport *t)
{
    return fake_of(t)->config_size;
}

static enum vq_error config_generation(struct vq_transport *t, uint32_t *generation)
{
    *generation = fake_of(t)->generation;
    return VQ_OK;
}

static enum vq_error read_config(struct vq_transport *t, uint32_t offset, void *bytes,
                                 uint32_t count)
{
    struct fake *f = fake_of(t);
    record(f, CONFIG_READ, offset);
    if (f->lowest > offset)
        f->lowest = offset;
    if (f->highest < offset + count)
        f->highest = offset + count;
    /* A field that changes while it is read: the first half is old, the second new. */
    memcpy(bytes, f->config + offset, count / 2);
    if (f->restless != 0) {
        f->restless--;
        f->generation++;
        for (size_t i = 0; i < sizeof f->config; i++)
            f->config[i]++;
    }
    memcpy((uint8_t *)bytes + count / 2, f->config + offset + count / 2, count - count / 2);
    return VQ_OK;
}

static enum vq_error write_config(struct vq_transport *t, uint32_t offset, const void *bytes,
                                  uint32_t count)
{
    struct fake *f = fake_of(t);
    record(f, CONFIG_WRITE, offset);
    memcpy(f->config + offset, bytes, count);
    return VQ_OK;
}

static enum vq_error queue_constraints(struct vq_transport *t, uint16_t index,
                                       struct vq_constraints *constraints)
{
    (void)t;
    constraints->size_max = 256;
    return index == 0 ? VQ_OK : VQ_ERR_RANGE;
}

static enum vq_error queue_enable(struct vq_transport *t, uint16_t index,
                                  const struct vq_place *place)
{
    (void)place;
    record(fake_of(t), ENABLE, index);
    return VQ_OK;
}

static enum vq_error queue_reset(struct vq_transport *t, uint16_t index)
{
    (void)t;
    (void)index;
    return VQ_OK;
}

static enum vq_error notify(struct vq_transport *t, uint16_t index, uint32_t data)
{
    record(fake_of(t), NOTIFY, index);
    fake_of(t)->notified = data;
    return VQ_OK;
}

static const struct vq_transport_ops ops = {
    .name = "fake",
    .get_status = get_status,
    .set_status = set_status,
    .get_features = get_features,
    .set_features = set_features,
    .config_size = config_size,
    .config_generation = config_generation,
    .read_config = read_config,
    .write_config = write_config,
    .queue_constraints = queue_constraints,
    .queue_enable = queue_enable,
    .queue_reset = queue_reset,
    .notify = notify,
};

/* The same without a generation, as legacy transports are. */
static struct vq_transport_ops plain_ops;

static void make(struct fake *f)
{
    *f = (struct fake){.config_size = sizeof f->config, .lowest = UINT32_MAX};
    f->transport.ops = &ops;
    f->transport.device_id = VQ_BLK_DEVICE_ID;
    f->transport.supported = vq_transport_common_features();
    f->status = VQ_STATUS_DRIVER_OK | VQ_STATUS_FAILED; /* left over from somebody else */
    for (unsigned bit = 0; bit < 128; bit++)
        if (bit != VQ_F_SUSPEND && bit != VQ_F_RING_RESET)
            vq_feature_set(&f->offered, bit);
}

static enum vq_error setup(void *context, struct vq_transport *t)
{
    struct vq_place place = {.layout = {.size = 4}};
    record(fake_of(t), SETUP, 0);
    (void)context;
    assert_int_equal(vq_transport_notify(t, 0, 0), VQ_ERR_STATE);
    return vq_transport_queue_enable(t, 0, &place);
}

static struct vq_plan plan_for(void)
{
    struct vq_plan plan = {.setup = setup, .patience = 1000};
    plan.wanted =
        vq_features_from64(UINT64_C(1) << VQ_F_VERSION_1 | UINT64_C(1) << VQ_F_RING_PACKED |
                           UINT64_C(1) << VQ_F_ACCESS_PLATFORM | UINT64_C(1) << VQ_F_EVENT_IDX |
                           UINT64_C(1) << VQ_F_ORDER_PLATFORM | UINT64_C(1) << VQ_BLK_F_RO |
                           UINT64_C(1) << VQ_F_SUSPEND | UINT64_C(1) << VQ_F_ANY_LAYOUT);
    return plan;
}

/* The statuses that were written, in order. */
static void assert_statuses(const struct fake *f, const uint8_t *expected, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++)
        if (f->trace[i].step == STATUS_WRITE) {
            assert_true(n < count);
            assert_int_equal(f->trace[i].value, expected[n]);
            n++;
        }
    assert_int_equal(n, count);
}

static size_t first(const struct fake *f, enum step step)
{
    size_t i = 0;
    while (i < f->count && f->trace[i].step != step)
        i++;
    return i;
}

static size_t status_written(const struct fake *f, uint8_t status)
{
    size_t i = 0;
    while (i < f->count && (f->trace[i].step != STATUS_WRITE || f->trace[i].value != status))
        i++;
    return i;
}

static void modern(void **state)
{
    (void)state;
    static const uint8_t statuses[] = {0, 1, 3, 0x0b, 0x0f};
    struct fake f;
    struct vq_plan plan = plan_for();
    struct vq_init_result why;
    make(&f);
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, &why), VQ_OK);
    assert_int_equal(why.step, VQ_INIT_DONE);
    assert_statuses(&f, statuses, sizeof statuses);
    assert_int_equal(f.trace[0].step, STATUS_WRITE);
    size_t ok = status_written(&f, 0x0b);
    assert_true(status_written(&f, 3) < first(&f, FEATURES_READ));
    assert_true(first(&f, FEATURES_READ) < first(&f, FEATURES_WRITE));
    assert_true(first(&f, FEATURES_WRITE) < ok);
    assert_int_equal(f.trace[ok + 1].step, STATUS_READ);
    assert_true(ok < first(&f, SETUP));
    assert_true(first(&f, ENABLE) < status_written(&f, 0x0f));
    for (size_t i = ok; i < f.count; i++)
        assert_int_not_equal(f.trace[i].step, FEATURES_WRITE);
    assert_int_equal(first(&f, NOTIFY), f.count);
    assert_int_equal(vq_transport_notify(&f.transport, 0, 7), VQ_OK);
    assert_int_equal(f.notified, 7);
}

static void superset(void **state)
{
    (void)state;
    struct fake f;
    struct vq_plan plan = plan_for();
    uint32_t before = 0;
    make(&f);
    (void)vq_transport_init_device(&f.transport, &plan, NULL);
    vq_transport_fail(&f.transport);
    for (size_t i = 0; i < f.count; i++)
        if (f.trace[i].step == STATUS_WRITE && f.trace[i].value != 0) {
            assert_int_equal(f.trace[i].value & before, before);
            before = f.trace[i].value;
        }
    assert_int_equal(before, 0x8f);
}

static void again_after_failed(void **state)
{
    (void)state;
    struct fake f;
    struct vq_plan plan = plan_for();
    make(&f);
    f.refuse = true;
    assert_int_not_equal(vq_transport_init_device(&f.transport, &plan, NULL), VQ_OK);
    assert_int_equal(f.status & VQ_STATUS_FAILED, VQ_STATUS_FAILED);
    f.refuse = false;
    f.count = 0;
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, NULL), VQ_OK);
    assert_int_equal(f.trace[0].step, STATUS_WRITE);
    assert_int_equal(f.trace[0].value, 0);
}

static void slow_reset(void **state)
{
    (void)state;
    struct fake f;
    struct vq_plan plan = plan_for();
    make(&f);
    f.slow = 17;
    assert_int_equal(vq_transport_reset(&f.transport, 100), VQ_OK);
    assert_int_equal(f.count, 1 + 18);
    make(&f);
    f.never_reset = true;
    struct vq_init_result why;
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, &why), VQ_ERR_TIMEOUT);
    assert_int_equal(why.step, VQ_INIT_RESET);
    assert_int_equal(first(&f, FEATURES_READ), f.count);
}

static void only_acceptable(void **state)
{
    (void)state;
    struct fake f;
    struct vq_plan plan = plan_for();
    /* A careless plan wants everything: reserved, undefined, of other types and transports. */
    for (unsigned bit = 0; bit < 128; bit++)
        vq_feature_set(&plan.wanted, bit);
    plan.wanted.word[0] &= ~UINT32_C(0x00ffffff);
    plan.wanted.word[1] &= (UINT32_C(1) << (50 - 32)) - 1;
    plan.wanted.word[2] = plan.wanted.word[3] = 0;
    make(&f);
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, NULL), VQ_OK);
    for (unsigned bit = 44; bit < 50; bit++)
        assert_false(vq_feature(&f.written, bit));
    assert_false(vq_feature(&f.written, 25));
    assert_false(vq_feature(&f.written, 26));
    assert_false(vq_feature(&f.written, 30));
    assert_false(vq_feature(&f.written, 31));
    assert_false(vq_feature(&f.written, 42));
    assert_false(vq_feature(&f.written, VQ_F_ADMIN_VQ));
    assert_false(vq_feature(&f.written, VQ_F_SR_IOV));
    assert_true(vq_feature(&f.written, VQ_F_VERSION_1));
    for (unsigned bit = 0; bit < 24; bit++)
        assert_false(vq_feature(&f.written, bit)); /* this plan names none of its type */
}

static void only_offered(void **state)
{
    (void)state;
    struct fake f;
    struct vq_plan plan = plan_for();
    make(&f);
    f.offered = vq_features_from64(UINT64_C(1) << VQ_F_VERSION_1);
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, NULL), VQ_OK);
    assert_int_equal(vq_features_low64(&f.written), UINT64_C(1) << VQ_F_VERSION_1);
}

static void accepts_what_it_should(void **state)
{
    (void)state;
    struct fake f;
    struct vq_plan plan = plan_for();
    make(&f);
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, NULL), VQ_OK);
    assert_true(vq_feature(&f.written, VQ_F_VERSION_1));
    assert_true(vq_feature(&f.written, VQ_F_RING_PACKED));
    assert_true(vq_feature(&f.written, VQ_F_ACCESS_PLATFORM));
    assert_true(vq_feature(&f.written, VQ_F_ORDER_PLATFORM));
}

static void prerequisites(void **state)
{
    (void)state;
    /* 1 needs 2 needs 3: without 3 none is left. */
    static const struct vq_feature_need needs[] = {{1, 2}, {2, 3}};
    struct fake f;
    struct vq_plan plan = plan_for();
    plan.wanted.word[0] |= 0xe;
    plan.needs = needs;
    plan.need_count = 2;
    make(&f);
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, NULL), VQ_OK);
    assert_int_equal(f.written.word[0] & 0xe, 0xe);
    make(&f);
    vq_feature_clear(&f.offered, 3);
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, NULL), VQ_OK);
    assert_int_equal(f.written.word[0] & 0xe, 0);
}

static void required_missing(void **state)
{
    (void)state;
    static const uint8_t statuses[] = {0, 1, 3, 0x83};
    struct fake f;
    struct vq_plan plan = plan_for();
    struct vq_init_result why;
    vq_feature_set(&plan.required, VQ_BLK_F_RO);
    make(&f);
    vq_feature_clear(&f.offered, VQ_BLK_F_RO);
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, &why), VQ_ERR_UNSUPPORTED);
    assert_int_equal(why.step, VQ_INIT_REQUIRED);
    assert_int_equal(why.feature, VQ_BLK_F_RO);
    assert_statuses(&f, statuses, sizeof statuses);
    assert_int_equal(first(&f, SETUP), f.count);
    assert_int_equal(first(&f, FEATURES_WRITE), f.count);
    assert_int_equal(f.trace[f.count - 1].step, STATUS_WRITE);
}

static void refused(void **state)
{
    (void)state;
    static const uint8_t statuses[] = {0, 1, 3, 0x0b, 0x8b};
    struct fake f;
    struct vq_plan plan = plan_for();
    struct vq_init_result why;
    make(&f);
    f.refuse = true;
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, &why), VQ_ERR_UNSUPPORTED);
    assert_int_equal(why.step, VQ_INIT_FEATURES_OK);
    assert_statuses(&f, statuses, sizeof statuses);
    assert_int_equal(first(&f, SETUP), f.count);
}

static void legacy(void **state)
{
    (void)state;
    static const uint8_t statuses[] = {0, 1, 3, 7};
    struct fake f;
    struct vq_plan plan = plan_for();
    make(&f);
    vq_feature_clear(&f.offered, VQ_F_VERSION_1);
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, NULL), VQ_OK);
    assert_statuses(&f, statuses, sizeof statuses);
    assert_true(vq_transport_legacy(&f.transport));
    assert_true(vq_feature(&f.written, VQ_F_ANY_LAYOUT));
    assert_false(vq_feature(&f.written, 30));
    assert_int_equal(f.written.word[1], 0);
}

static void legacy_unwanted(void **state)
{
    (void)state;
    struct fake f;
    struct vq_plan plan = plan_for();
    struct vq_init_result why;
    vq_feature_set(&plan.required, VQ_F_VERSION_1);
    make(&f);
    vq_feature_clear(&f.offered, VQ_F_VERSION_1);
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, &why), VQ_ERR_UNSUPPORTED);
    assert_int_equal(why.feature, VQ_F_VERSION_1);
    assert_int_equal(f.status & VQ_STATUS_FAILED, VQ_STATUS_FAILED);
}

static void device_gives_up(void **state)
{
    (void)state;
    struct fake f;
    struct vq_plan plan = plan_for();
    struct vq_init_result why;
    make(&f);
    f.needs_reset = true;
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, &why), VQ_ERR_BROKEN);
    assert_int_equal(why.step, VQ_INIT_DRIVER_OK);
    make(&f);
    f.gone = VQ_ERR_IO;
    f.gone_at = VQ_STATUS_DRIVER_OK;
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, &why), VQ_ERR_IO);
    assert_int_equal(vq_transport_notify(&f.transport, 0, 0), VQ_ERR_STATE);
}

static enum vq_error look(void *context, struct vq_transport *t, struct vq_features *accepted)
{
    uint8_t byte;
    (void)context;
    assert_int_equal(vq_transport_read_config(t, 0, &byte, 1), VQ_OK);
    assert_int_equal(vq_transport_write_config(t, 0, &byte, 1), VQ_ERR_STATE);
    vq_feature_clear(accepted, VQ_BLK_F_RO);
    vq_feature_set(accepted, 30); /* what was not acceptable stays out */
    return VQ_OK;
}

static void choosing(void **state)
{
    (void)state;
    struct fake f;
    struct vq_plan plan = plan_for();
    plan.choose = look;
    make(&f);
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, NULL), VQ_OK);
    assert_false(vq_feature(&f.written, VQ_BLK_F_RO));
    assert_false(vq_feature(&f.written, 30));
    assert_true(first(&f, CONFIG_READ) < first(&f, FEATURES_WRITE));
    assert_int_equal(first(&f, CONFIG_WRITE), f.count);
    uint8_t byte = 1;
    assert_int_equal(vq_transport_write_config(&f.transport, 0, &byte, 1), VQ_OK);
}

static void suspending(void **state)
{
    (void)state;
    struct fake f;
    struct vq_plan plan = plan_for();
    uint8_t byte = 0;
    make(&f);
    (void)vq_transport_init_device(&f.transport, &plan, NULL);
    assert_int_equal(vq_transport_suspend(&f.transport, 10), VQ_ERR_UNSUPPORTED);
    assert_int_equal(status_written(&f, 0x1f), f.count);

    make(&f);
    vq_feature_set(&f.offered, VQ_F_SUSPEND);
    assert_int_equal(vq_transport_suspend(&f.transport, 10), VQ_ERR_UNSUPPORTED);
    f.transport.accepted = f.offered;
    assert_int_equal(vq_transport_suspend(&f.transport, 10), VQ_ERR_STATE);
    (void)vq_transport_init_device(&f.transport, &plan, NULL);
    f.slow = 5;
    f.count = 0;
    assert_int_equal(vq_transport_suspend(&f.transport, 100), VQ_OK);
    assert_int_equal(f.trace[0].value, 0x1f);
    assert_int_equal(f.count, 1 + 6);
    f.count = 0;
    assert_int_equal(vq_transport_notify(&f.transport, 0, 0), VQ_ERR_STATE);
    assert_int_equal(vq_transport_write_config(&f.transport, 0, &byte, 1), VQ_ERR_STATE);
    assert_int_equal(f.count, 0);
    assert_int_equal(vq_transport_resume(&f.transport, 100), VQ_OK);
    assert_int_equal(f.count, 1 + 6);
    assert_int_equal(vq_transport_notify(&f.transport, 0, 0), VQ_OK);

    f.slow = 0;
    f.ignore_suspend = true;
    f.status = f.transport.status;
    assert_int_equal(vq_transport_suspend(&f.transport, 50), VQ_ERR_TIMEOUT);
    assert_int_equal(vq_transport_notify(&f.transport, 0, 0), VQ_ERR_STATE);

    /* A device that cannot suspend asks for a reset, and nobody waits for more. */
    make(&f);
    vq_feature_set(&f.offered, VQ_F_SUSPEND);
    assert_int_equal(vq_transport_init_device(&f.transport, &plan, NULL), VQ_OK);
    f.ignore_suspend = true;
    f.needs_reset = true;
    f.count = 0;
    assert_int_equal(vq_transport_suspend(&f.transport, 50), VQ_ERR_BROKEN);
    assert_int_equal(f.count, 2);
}

static void torn_config(void **state)
{
    (void)state;
    struct fake f;
    uint8_t bytes[8];
    make(&f);
    f.restless = 5;
    assert_int_equal(vq_transport_read_config(&f.transport, 0, bytes, 8), VQ_OK);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(bytes[i], 5);
    assert_int_equal(f.count, 6);
    /* Two fields that must belong together. */
    static const struct vq_config_span spans[] = {{0, 4}, {32, 4}};
    uint8_t image[64] = {0};
    f.restless = 3;
    assert_int_equal(vq_transport_read_config_spans(&f.transport, spans, 2, image), VQ_OK);
    assert_int_equal(image[0], image[32]);
    assert_int_equal(image[16], 0);
    f.restless = UINT32_MAX;
    assert_int_equal(vq_transport_read_config(&f.transport, 0, bytes, 8), VQ_ERR_TIMEOUT);
}

static void torn_legacy_config(void **state)
{
    (void)state;
    struct fake f;
    uint8_t bytes[8];
    plain_ops = ops;
    plain_ops.config_generation = NULL;
    make(&f);
    f.transport.ops = &plain_ops;
    f.restless = 4;
    assert_int_equal(vq_transport_read_config(&f.transport, 0, bytes, 8), VQ_OK);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(bytes[i], 4);
    f.restless = UINT32_MAX;
    assert_int_equal(vq_transport_read_config(&f.transport, 0, bytes, 8), VQ_ERR_TIMEOUT);
}

static void config_bounds(void **state)
{
    (void)state;
    struct fake f;
    uint8_t bytes[8];
    make(&f);
    f.config_size = 8;
    assert_int_equal(vq_transport_read_config(&f.transport, 0, bytes, 8), VQ_OK);
    f.config_size = 7;
    assert_int_equal(vq_transport_read_config(&f.transport, 0, bytes, 8), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_read_config(&f.transport, UINT32_MAX, bytes, 8), VQ_ERR_RANGE);
    f.config_size = UINT32_MAX;
    assert_int_equal(vq_transport_read_config(&f.transport, 0, bytes, 8), VQ_OK);
}

static void config_order(void **state)
{
    (void)state;
    static const uint8_t field[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct fake f;
    make(&f);
    f.transport.legacy_big_endian = true;
    assert_int_equal(vq_transport_config16(&f.transport, field), 0x0102);
    assert_int_equal(vq_transport_config32(&f.transport, field), 0x01020304);
    assert_true(vq_transport_config64(&f.transport, field) == UINT64_C(0x0102030405060708));
    vq_feature_set(&f.transport.accepted, VQ_F_VERSION_1);
    assert_int_equal(vq_transport_config16(&f.transport, field), 0x0201);
    assert_int_equal(vq_transport_config32(&f.transport, field), 0x04030201);
    assert_true(vq_transport_config64(&f.transport, field) == UINT64_C(0x0807060504030201));
}

static void names(void **state)
{
    (void)state;
    struct vq_features set = {{0}};
    const char *unknown;
    size_t length;
    assert_string_equal(vq_feature_name(0, VQ_F_EVENT_IDX), "event_idx");
    assert_null(vq_feature_name(0, VQ_BLK_F_RO));
    assert_string_equal(vq_feature_name(VQ_BLK_DEVICE_ID, VQ_BLK_F_RO), "ro");
    assert_null(vq_feature_name(VQ_BLK_DEVICE_ID, 44));
    assert_string_equal(vq_feature_name(VQ_NET_DEVICE_ID, VQ_NET_F_MRG_RXBUF), "mrg_rxbuf");
    assert_int_equal(vq_feature_by_name(VQ_NET_DEVICE_ID, "ipsec", 5), VQ_NET_F_IPSEC);
    for (unsigned bit = 0; bit < 200; bit++) {
        const char *name = vq_feature_name(VQ_BLK_DEVICE_ID, bit);
        if (name != NULL)
            assert_int_equal(vq_feature_by_name(VQ_BLK_DEVICE_ID, name, strlen(name)), bit);
    }
    assert_int_equal(vq_feature_by_name(VQ_BLK_DEVICE_ID, "event", 5), -1);
    assert_int_equal(vq_feature_by_name(VQ_BLK_DEVICE_ID, "", 0), -1);
    assert_true(vq_feature_parse(VQ_BLK_DEVICE_ID, "ro,version_1", &set, &unknown, &length));
    assert_true(vq_features_low64(&set) == ((UINT64_C(1) << 5) | (UINT64_C(1) << 32)));
    assert_false(vq_feature_parse(VQ_BLK_DEVICE_ID, "ro,nonsense,mq", &set, &unknown, &length));
    assert_int_equal(length, 8);
    assert_memory_equal(unknown, "nonsense", 8);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(modern, "the eight steps come in their order [INIT-DRV-SEQ-01 INIT-DRV-SEQ-02 "
                        "INIT-DRV-SEQ-03 INIT-DRV-SEQ-04 INIT-DRV-SEQ-05 INIT-DRV-SEQ-08 "
                        "INIT-DRV-SEQ-09 INIT-DRV-SEQ-11 INIT-DRV-SEQ-12 INIT-DRV-SEQ-15 "
                        "BASIC-DRV-STATUS-01]"),
        VQ_TEST(superset, "no status bit is dropped but by a reset [BASIC-DRV-STATUS-02]"),
        VQ_TEST(again_after_failed, "after FAILED it begins with a reset [BASIC-DRV-STATUS-03]"),
        VQ_TEST(slow_reset, "a reset is over when the status reads zero [BASIC-DRV-RESET-01]"),
        VQ_TEST(only_acceptable,
                "reserved and undefined bits are ignored in silence [BASIC-DRV-FEAT-04 "
                "BASIC-DRV-FEAT-05 BASIC-DRV-FEAT-06 BASIC-DRV-FEAT-07 BASIC-DRV-FEAT-08 "
                "BASIC-DRV-FEAT-11 FEAT-DRV-10]"),
        VQ_TEST(only_offered,
                "only what is offered is accepted [BASIC-DRV-FEAT-01 BASIC-DRV-FEAT-09]"),
        VQ_TEST(accepts_what_it_should,
                "what should be accepted is [FEAT-DRV-01 FEAT-DRV-03 FEAT-DRV-06 FEAT-DRV-07]"),
        VQ_TEST(prerequisites, "a feature without its prerequisite is left out "
                               "[BASIC-DRV-FEAT-02 BASIC-DRV-FEAT-03]"),
        VQ_TEST(required_missing, "a missing feature that is needed ends in FAILED "
                                  "[BASIC-DRV-FEAT-10 INIT-DRV-SEQ-13 INIT-DRV-SEQ-14]"),
        VQ_TEST(refused, "FEATURES_OK that does not stick ends it [INIT-DRV-SEQ-10]"),
        VQ_TEST(legacy, "a device without VERSION_1 gets the legacy handshake [INIT-DRV-LEG-01 "
                        "BASIC-DRV-LEGFEAT-01 BASIC-DRV-TRANS-01 FEAT-DRV-LEG-01 "
                        "FEAT-DRV-LEG-02]"),
        VQ_TEST(legacy_unwanted, "a driver may insist on VERSION_1 [FEAT-DRV-02]"),
        VQ_TEST(device_gives_up, "a device that breaks at the last step is not used"),
        VQ_TEST(choosing, "configuration may be read and not written during negotiation "
                          "[INIT-DRV-SEQ-06 INIT-DRV-SEQ-07]"),
        VQ_TEST(suspending, "suspend and resume wait for the device, and nothing moves between "
                            "[INIT-DRV-SUSP-01 INIT-DRV-SUSP-02 INIT-DRV-SUSP-03 INIT-DRV-SUSP-05 "
                            "INIT-DRV-SUSP-06 INIT-DRV-SUSP-07]"),
        VQ_TEST(torn_config, "configuration that changes while it is read is read again "
                             "[BASIC-DRV-CFG-01 BASIC-DRV-CFG-02 BASIC-DRV-CFG-03]"),
        VQ_TEST(torn_legacy_config, "without a generation two readings must agree "
                                    "[BASIC-DRV-LEGCFG-01]"),
        VQ_TEST(config_bounds, "configuration space must hold what is read and no more "
                               "[BASIC-DRV-CFG-05 BASIC-DRV-CFG-06]"),
        VQ_TEST(config_order, "configuration fields come in the order that was negotiated"),
        VQ_TEST(names, "features have names, and names have features"),
    };
    return VQ_RUN(tests);
}
