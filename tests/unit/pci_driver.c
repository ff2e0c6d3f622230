/*
 * The driver's end of PCI against a function that this test plays: every access to its BARs
 * and its configuration space. The device is honest but for what a case says.
 */

#include "pci_fake.h"

#include <vq/rng_driver.h>
#include <vq/status.h>

#ifndef VQ_WITH_LEGACY
#define VQ_WITH_LEGACY 1
#endif
#ifndef VQ_WITH_MSIX
#define VQ_WITH_MSIX 1
#endif

static struct fake f;

#define COMMON(register) (FAKE_COMMON + VQ_PCI_COMMON_##register)
#define COUNT(list)      ((unsigned)(sizeof(list) / sizeof((list)[0])))

static void modern(uint32_t multiplier, uint64_t features)
{
    fake_set_up(&f, VQ_PCI_DEVICE_MODERN + 2, 1, features);
    fake_add_modern(&f, multiplier);
}

/* Of BARs and not of configuration space. */
static unsigned touched(void)
{
    return log_count(&f.log, 'r', 0, UINT32_MAX) + log_count(&f.log, 'w', 0, UINT32_MAX);
}

/* --- which devices ------------------------------------------------------------------- */

static void probes(void **state)
{
    static const struct {
        uint16_t id, subsystem, type;
    } cases[] = {
        {0x1040, 0, 0}, {0x1041, 1, 1},  {0x1042, 0x1234, 2}, {0x107f, 0, 63}, {0x1080, 2, 0},
        {0x1000, 0, 1}, {0x1001, 77, 2}, {0x1002, 0, 5},      {0x1003, 0, 3},  {0x1004, 0, 8},
        {0x1005, 0, 4}, {0x1009, 0, 9},  {0x1006, 21, 21},    {0x103f, 7, 7},  {0x1007, 0, 0},
        {0x0fff, 2, 0}, {0xffff, 2, 0},
    };
    static const uint8_t revisions[] = {0, 1, 255};
    (void)state;
    for (unsigned i = 0; i < COUNT(cases) * COUNT(revisions); i++) {
        struct vq_pci_driver_config config = fake_config(&f);
        struct vq_pci_driver_id id;
        unsigned k = i / COUNT(revisions);
        fake_set_up(&f, cases[k].id, revisions[i % COUNT(revisions)], 0);
        fake_put(&f, VQ_PCI_SUBSYSTEM_VENDOR, 2, 0x4711u + i);
        fake_put(&f, VQ_PCI_SUBSYSTEM_ID, 2, cases[k].subsystem);
        assert_int_equal(vq_pci_driver_probe(&config.space, &id),
                         cases[k].type != 0 ? VQ_OK : VQ_ERR_RANGE);
        assert_int_equal(id.type, cases[k].type);
        if (cases[k].type == 0)
            continue;
        assert_int_equal(id.revision, revisions[i % COUNT(revisions)]);
        assert_int_equal(id.transitional, cases[k].id < 0x1040);
    }
    fake_put(&f, VQ_PCI_VENDOR_ID, 2, 0x8086);
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_ERR_RANGE);
}

static void refuses_configuration(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct vq_pci_driver_config config = fake_config(&f);
        modern(4, FAKE_MODERN);
        if (i == 0)
            config.space.bus = NULL;
        if (i == 1)
            config.queues = NULL;
        if (i == 2)
            config.queue_count = 0;
        assert_int_equal(vq_pci_driver_init(&f.driver, &config), VQ_ERR_INVALID);
    }
    assert_int_equal(f.log.count, 0);
}

/* --- capabilities -------------------------------------------------------------------- */

static void finds_structures(void **state)
{
    (void)state;
    modern(4, FAKE_MODERN);
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    assert_int_equal(f.t->device_id, 2);
    assert_false(vq_pci_driver_is_legacy(&f.driver));
    assert_false(vq_pci_driver_is_indirect(&f.driver));
    /* Mapped as far as is needed, and not touched yet. */
    assert_int_equal(touched(), 0);
    assert_int_equal(log_count(&f.log, 'd', 0, UINT32_MAX), 0);
    assert_true(log_find(&f.log, 0, 'm', FAKE_COMMON, VQ_PCI_COMMON_BYTES) < f.log.count);
    assert_true(log_find(&f.log, 0, 'm', FAKE_ISR, 1) < f.log.count);
    assert_true(log_find(&f.log, 0, 'm', FAKE_DEVICE, FAKE_CONFIG) < f.log.count);
    assert_true(log_find(&f.log, 0, 'm', FAKE_NOTIFY, 2) < f.log.count);
    assert_int_equal(f.t->ops->config_size(f.t), FAKE_CONFIG);
}

/* Reserved types and BARs, too short or misplaced: each before the one that is good. */
static void skips_capabilities(void **state)
{
    (void)state;
    fake_set_up(&f, 0x1042, 1, FAKE_MODERN);
    (void)fake_add(&f, 7, 16, 4, 0, 0x1000);
    (void)fake_add(&f, VQ_PCI_CAP_COMMON, 16, 6, 0x1000, 0x1000); /* no such BAR */
    (void)fake_add(&f, VQ_PCI_CAP_COMMON, 16, 4, 0x1000, 0x37);   /* too short */
    (void)fake_add(&f, VQ_PCI_CAP_COMMON, 16, 4, 0x1002, 0x1000); /* not aligned */
    (void)fake_add(&f, VQ_PCI_CAP_COMMON, 12, 4, 0x1000, 0x1000); /* no capability */
    f.caps += 4;
    (void)fake_add(&f, VQ_PCI_CAP_DEVICE, 16, 4, 0xfffffff0, 0x100); /* wraps */
    fake_add_modern(&f, 4);
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    assert_int_equal(log_count(&f.log, 'm', 0, UINT32_MAX), 4);
    assert_true(log_find(&f.log, 0, 'm', FAKE_COMMON, VQ_PCI_COMMON_BYTES) < f.log.count);
    assert_int_equal(f.t->ops->config_size(f.t), FAKE_CONFIG);
}

static void takes_the_first(void **state)
{
    uint32_t at;
    (void)state;
    fake_set_up(&f, 0x1042, 1, FAKE_MODERN);
    f.mappable = 1u << 4;
    (void)fake_add(&f, VQ_PCI_CAP_COMMON, 16, 1, 0, 0x1000); /* cannot be mapped: the next */
    fake_add_modern(&f, 4);
    at = fake_add(&f, VQ_PCI_CAP_NOTIFY, 20, 4, 0x9000, 0x1000);
    fake_put(&f, at + VQ_PCI_CAP_MULTIPLIER, 4, 64);
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    assert_int_equal(f.driver.window[0].bar, 4);
    assert_int_equal(f.driver.window[1].offset, 0x4000);
    assert_int_equal(f.driver.multiplier, 4);
    assert_false(vq_pci_driver_is_indirect(&f.driver));
}

/* Larger than what is known: of the capability, and of what it describes. */
static void tolerates_size(void **state)
{
    uint32_t at;
    (void)state;
    fake_set_up(&f, 0x1042, 1, FAKE_MODERN);
    (void)fake_add(&f, VQ_PCI_CAP_COMMON, 32, 4, 0x1000, 0x1000000);
    (void)fake_add(&f, VQ_PCI_CAP_DEVICE, 40, 4, 0x3000, UINT32_MAX - 0x3000);
    at = fake_add(&f, VQ_PCI_CAP_NOTIFY, 36, 4, 0x4000, 0x1000000);
    fake_put(&f, at + VQ_PCI_CAP_MULTIPLIER, 4, 4);
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    assert_true(log_find(&f.log, 0, 'm', FAKE_COMMON, VQ_PCI_COMMON_BYTES) < f.log.count);
    assert_true(log_find(&f.log, 0, 'm', FAKE_DEVICE, 4096) < f.log.count);
    assert_int_equal(f.t->ops->config_size(f.t), 4096);
    assert_int_equal(f.driver.multiplier, 4);
}

/* The first devices had neither queue_reset nor queue_notif_config_data. */
static void short_common(void **state)
{
    static const struct {
        uint32_t bytes;
        bool data, reset;
    } cases[] = {{0x38, false, false}, {0x3a, true, false}, {0x3c, true, true}};
    (void)state;
    for (unsigned i = 0; i < COUNT(cases); i++) {
        uint32_t at;
        fake_set_up(&f, 0x1042, 1, FAKE_MODERN | FAKE_BIT(VQ_F_NOTIF_CONFIG_DATA));
        (void)fake_add(&f, VQ_PCI_CAP_COMMON, 16, 4, 0x1000, cases[i].bytes);
        at = fake_add(&f, VQ_PCI_CAP_NOTIFY, 20, 4, 0x4000, 0x1000);
        fake_put(&f, at + VQ_PCI_CAP_MULTIPLIER, 4, 4);
        fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
        assert_int_equal(vq_feature(&f.t->accepted, VQ_F_RING_RESET), cases[i].reset);
        assert_int_equal(vq_feature(&f.t->accepted, VQ_F_NOTIF_CONFIG_DATA), cases[i].data);
        /* Without a device configuration there are no bytes of it. */
        assert_int_equal(vq_transport_read_config(f.t, 0, &at, 1), VQ_ERR_RANGE);
    }
}

static void no_capabilities(void **state)
{
    (void)state;
    fake_set_up(&f, 0x1042, 1, FAKE_MODERN);
    f.io_bar_zero = true;
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_ERR_UNSUPPORTED);
    assert_true(log_find(&f.log, 0, 'c', VQ_PCI_CAPABILITIES, 0) < f.log.count);
    assert_int_equal(fake_open(&f, VQ_PCI_ONLY_LEGACY, 0), VQ_ERR_UNSUPPORTED);
    assert_int_equal(touched(), 0);
    assert_int_equal(log_count(&f.log, 'm', 0, UINT32_MAX), 0);
}

/* Data of vendors is nobody's business but theirs. */
static void vendor_data(void **state)
{
    uint32_t at;
    (void)state;
    fake_set_up(&f, 0x1042, 1, FAKE_MODERN);
    at = fake_add(&f, VQ_PCI_CAP_VENDOR, 24, 0, 0, 0);
    fake_put(&f, at + 4, 2, 0x8086);
    fake_add_modern(&f, 4);
    fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
    assert_int_equal(log_count(&f.log, 'd', at, at + 23), 0);
    for (unsigned i = 0; i < f.log.count; i++)
        assert_true(f.log.list[i].kind != 'c' || f.log.list[i].address < at + 4 ||
                    f.log.list[i].address >= at + 24);
}

/* --- the handshake ------------------------------------------------------------------- */

static enum vq_error set_up_queue(void *context, struct vq_transport *t)
{
    struct vq_place *place = context;
    struct vq_constraints constraints;
    assert_int_equal(vq_transport_queue_constraints(t, 1, &constraints), VQ_OK);
    assert_int_equal(constraints.size_max, FAKE_SIZE);
    assert_false(constraints.size_fixed);
    return vq_transport_queue_enable(t, 1, place);
}

static void shakes_hands(void **state)
{
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 4);
    struct vq_plan plan = {
        .wanted = vq_features_from64(FAKE_BIT(VQ_F_VERSION_1) | FAKE_BIT(VQ_F_EVENT_IDX) | 3),
        .setup = set_up_queue,
        .context = &place,
    };
    static const struct access expected[] = {
        {'w', 1, COMMON(STATUS), 0},
        {'r', 1, COMMON(STATUS), 0},
        {'w', 1, COMMON(STATUS), 1},
        {'w', 1, COMMON(STATUS), 3},
        {'w', 4, COMMON(DEVICE_FEATURE_SELECT), 0},
        {'r', 4, COMMON(DEVICE_FEATURE), 0x20000002},
        {'w', 4, COMMON(DEVICE_FEATURE_SELECT), 1},
        {'r', 4, COMMON(DEVICE_FEATURE), 0x101},
        {'w', 4, COMMON(DEVICE_FEATURE_SELECT), 2},
        {'r', 4, COMMON(DEVICE_FEATURE), 0},
        {'w', 4, COMMON(DEVICE_FEATURE_SELECT), 3},
        {'r', 4, COMMON(DEVICE_FEATURE), 0},
        {'w', 4, COMMON(DRIVER_FEATURE_SELECT), 0},
        {'w', 4, COMMON(DRIVER_FEATURE), 0x20000002},
        {'w', 4, COMMON(DRIVER_FEATURE_SELECT), 1},
        {'w', 4, COMMON(DRIVER_FEATURE), 1},
        {'w', 1, COMMON(STATUS), 0x0b},
        {'r', 1, COMMON(STATUS), 0x0b},
        /* what the queue may be */
        {'r', 2, COMMON(NUM_QUEUES), FAKE_QUEUES},
        {'w', 2, COMMON(QUEUE_SELECT), 1},
        {'r', 2, COMMON(QUEUE_SIZE), FAKE_SIZE},
        {'r', 2, COMMON(QUEUE_ENABLE), 0},
        /* what it is */
        {'r', 2, COMMON(NUM_QUEUES), FAKE_QUEUES},
        {'w', 2, COMMON(QUEUE_SELECT), 1},
        {'r', 2, COMMON(QUEUE_SIZE), FAKE_SIZE},
        {'r', 2, COMMON(QUEUE_ENABLE), 0},
        {'r', 2, COMMON(QUEUE_NOTIFY_OFF), 1},
        {'m', 0, FAKE_NOTIFY + 4, 2},
        {'w', 2, COMMON(QUEUE_SIZE), 4},
        {'w', 4, COMMON(QUEUE_DESC), 0x23450000},
        {'w', 4, COMMON(QUEUE_DESC) + 4, 1},
        {'w', 4, COMMON(QUEUE_DRIVER), 0x8000},
        {'w', 4, COMMON(QUEUE_DRIVER) + 4, 0},
        {'w', 4, COMMON(QUEUE_DEVICE), 0x9004},
        {'w', 4, COMMON(QUEUE_DEVICE) + 4, 0},
        {'w', 2, COMMON(QUEUE_ENABLE), 1},
        {'w', 1, COMMON(STATUS), 0x0f},
        {'r', 1, COMMON(STATUS), 0x0f},
    };
    (void)state;
    modern(4, FAKE_MODERN | 2);
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    f.log.count = 0;
    assert_int_equal(vq_transport_init_device(f.t, &plan, NULL), VQ_OK);
    assert_true(log_is(&f.log, 0, expected, COUNT(expected)));
}

static void waits_for_reset(void **state)
{
    struct vq_plan plan = {.wanted = vq_features_from64(FAKE_MODERN), .patience = 10};
    struct vq_init_result why;
    unsigned at;
    (void)state;
    modern(4, FAKE_MODERN);
    f.status = VQ_STATUS_DRIVER_OK;
    f.slow = 7;
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    assert_int_equal(vq_transport_init_device(f.t, &plan, &why), VQ_OK);
    at = log_find(&f.log, 0, 'w', COMMON(STATUS), 0);
    for (unsigned i = 1; i <= 6; i++)
        assert_int_equal(f.log.list[at + i].value, VQ_STATUS_DRIVER_OK);
    assert_int_equal(f.log.list[at + 7].value, 0);
    assert_int_equal(f.log.list[at + 8].kind, 'w');
    f.slow = 11;
    assert_int_equal(vq_transport_init_device(f.t, &plan, &why), VQ_ERR_TIMEOUT);
    assert_int_equal(why.step, VQ_INIT_RESET);
}

static void wide_features(void **state)
{
    static const struct vq_features all = {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    struct vq_plan plan = {.wanted = all, .patience = 10};
    struct vq_init_result why;
    (void)state;
    modern(4, FAKE_MODERN);
    f.offered[2] = 6;
    f.offered[3] = 0x80000000;
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    assert_int_equal(vq_transport_init_device(f.t, &plan, NULL), VQ_OK);
    assert_int_equal(f.accepted[2], 6);
    assert_int_equal(f.accepted[3], 0x80000000);

    modern(4, FAKE_BIT(VQ_F_EVENT_IDX)); /* which a modern device must not do */
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    assert_int_equal(vq_transport_init_device(f.t, &plan, &why), VQ_ERR_UNSUPPORTED);
    assert_int_equal(why.step, VQ_INIT_FEATURES);
    assert_true(f.status & VQ_STATUS_FAILED);
}

/* Administration queues are never accepted, hence never set up. */
static void no_administration(void **state)
{
    struct vq_constraints constraints;
    (void)state;
    modern(4, FAKE_MODERN | FAKE_BIT(VQ_F_ADMIN_VQ) | FAKE_BIT(VQ_F_SR_IOV));
    f.num_queues = 2; /* which counts no administration queue */
    fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
    assert_false(vq_feature(&f.t->accepted, VQ_F_ADMIN_VQ));
    assert_int_equal(vq_transport_queue_constraints(f.t, 1, &constraints), VQ_OK);
    assert_int_equal(vq_transport_queue_constraints(f.t, 2, &constraints), VQ_ERR_RANGE);
}

/* --- queues -------------------------------------------------------------------------- */

static void refuses_queue(void **state)
{
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 512);
    struct vq_constraints constraints;
    (void)state;
    modern(4, FAKE_MODERN);
    f.queue[2].size_max = 0;
    f.queue[3].size_max = 0xffff;
    fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), VQ_ERR_SIZE);
    place.layout.size = 0;
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), VQ_ERR_SIZE);
    place.layout.size = 48;
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), VQ_ERR_SIZE);
    assert_int_equal(log_count(&f.log, 'w', COMMON(QUEUE_SIZE), COMMON(QUEUE_DEVICE) + 4), 0);
    place = driver_place(VQ_FORMAT_SPLIT, 8);
    assert_int_equal(vq_transport_queue_enable(f.t, 2, &place), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_queue_enable(f.t, FAKE_QUEUES, &place), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_queue_constraints(f.t, 3, &constraints), VQ_OK);
    assert_int_equal(constraints.size_max, VQ_SIZE_MAX);

    assert_int_equal(vq_transport_queue_enable(f.t, 1, &place), VQ_OK);
    f.log.count = 0;
    assert_int_equal(vq_transport_queue_enable(f.t, 1, &place), VQ_ERR_STATE);
    assert_int_equal(log_count(&f.log, 'w', COMMON(QUEUE_SIZE), COMMON(QUEUE_DEVICE) + 4), 0);

    /* More queues than the caller has room for. */
    f.num_queues = 0xffff;
    assert_int_equal(vq_transport_queue_enable(f.t, FAKE_QUEUES, &place), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_notify(f.t, FAKE_QUEUES, 0), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_notify(f.t, 0, 0), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_queue_reset(f.t, FAKE_QUEUES), VQ_ERR_RANGE);
}

/* A packed queue may have any size. */
static void packed_size(void **state)
{
    struct vq_place place;
    (void)state;
    modern(4, FAKE_MODERN | FAKE_BIT(VQ_F_RING_PACKED));
    fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
    place = driver_place(VQ_FORMAT_PACKED, 7);
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), VQ_OK);
    assert_int_equal(f.queue[0].size, 7);
    place.layout.size = 0;
    assert_int_equal(vq_transport_queue_enable(f.t, 1, &place), VQ_ERR_SIZE);
    assert_int_equal(log_find(&f.log, 0, 'w', COMMON(QUEUE_SIZE), 0), f.log.count);
}

static void resets_queue(void **state)
{
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 8),
                    other = driver_place(VQ_FORMAT_SPLIT, 2);
    unsigned at;
    (void)state;
    modern(4, FAKE_MODERN);
    fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), VQ_OK);
    f.slow = 5;
    f.log.count = 0;
    assert_int_equal(vq_transport_queue_reset(f.t, 0), VQ_OK);
    at = log_find(&f.log, 0, 'w', COMMON(QUEUE_RESET), 1);
    for (unsigned i = 1; i <= 5; i++) {
        assert_int_equal(f.log.list[at + i].address, COMMON(QUEUE_RESET));
        assert_int_equal(f.log.list[at + i].value, i < 5);
    }
    assert_int_equal(f.log.count, at + 6);
    assert_int_equal(vq_transport_notify(f.t, 0, 0), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &other), VQ_OK);
    assert_int_equal(f.queue[0].size, 2);
    assert_int_equal(f.queue[0].enabled, 1);
    assert_int_equal(log_find(&f.log, 0, 'w', COMMON(QUEUE_ENABLE), 0), f.log.count);
    f.slow = 101;
    f.log.count = 0;
    assert_int_equal(vq_transport_queue_reset(f.t, 0), VQ_ERR_TIMEOUT);
    assert_int_equal(f.log.count, 102);
}

/* --- notifications ------------------------------------------------------------------- */

static void doorbells(void **state)
{
    static const struct {
        uint32_t multiplier;
        uint16_t off;
        uint32_t at;
    } cases[] = {{0, 3, 0},
                 {2, 3, 6},
                 {4, 3, 12},
                 {4096, 3, 12288},
                 {4, 0xffff, 0x3fffc},
                 {0x10000, 0x80, 0x800000}};
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 8);
    (void)state;
    for (unsigned i = 0; i < COUNT(cases); i++) {
        const struct access expected[] = {{'w', 2, FAKE_NOTIFY + cases[i].at, 2}};
        modern(cases[i].multiplier, FAKE_MODERN);
        f.queue[2].notify_off = cases[i].off;
        fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
        assert_int_equal(vq_transport_queue_enable(f.t, 2, &place), VQ_OK);
        f.log.count = 0;
        assert_int_equal(vq_transport_notify(f.t, 2, 0x80050002), VQ_OK);
        assert_true(log_is(&f.log, 0, expected, 1));
    }
}

/* Beyond the end of its capability, or where it is not aligned. */
static void bad_doorbells(void **state)
{
    static const struct {
        uint32_t multiplier, length;
        uint16_t off;
        bool data, good;
    } cases[] = {
        {4, 16, 3, false, true},
        {4, 14, 3, false, true},
        {4, 13, 3, false, false},
        {4, 16, 4, false, false},
        {4, 16, 3, true, true},
        {4, 14, 3, true, false},
        {2, 64, 3, true, false},
        {1, 64, 3, false, false},
        {0x80000000, 64, 2, false, false},
        {UINT32_MAX, 64, 0xffff, false, false},
        {0x10001, 64, 0xffff, false, false},
        {0, 2, 0xffff, false, true},
        {0, 2, 0, true, false},
        {0x10000, 0xffffb000, 0xfffe, false, true},
    };
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 8);
    (void)state;
    for (unsigned i = 0; i < COUNT(cases); i++) {
        uint32_t at;
        fake_set_up(&f, 0x1042, 1,
                    FAKE_MODERN | (cases[i].data ? FAKE_BIT(VQ_F_NOTIFICATION_DATA) : 0));
        (void)fake_add(&f, VQ_PCI_CAP_COMMON, 16, 4, 0x1000, 0x1000);
        at = fake_add(&f, VQ_PCI_CAP_NOTIFY, 20, 4, 0x4000, cases[i].length);
        fake_put(&f, at + VQ_PCI_CAP_MULTIPLIER, 4, cases[i].multiplier);
        f.queue[0].notify_off = cases[i].off;
        fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
        if (cases[i].good && cases[i].off == 0xfffe) /* as far away as there is no address here */
            f.mappable = 0;
        assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), !cases[i].good ? VQ_ERR_BROKEN
                                                                    : f.mappable == 0 ? VQ_ERR_IO
                                                                                      : VQ_OK);
        assert_int_equal(f.queue[0].enabled, f.mappable != 0 && cases[i].good);
    }
}

static void values(void **state)
{
    static const struct {
        bool data, config_data;
        uint8_t bytes;
        uint32_t value;
    } cases[] = {
        {false, false, 2, 1},
        {true, false, 4, 0x80050001},
        {false, true, 2, 0x71},
        {true, true, 4, 0x80050071},
    };
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 8);
    (void)state;
    for (unsigned i = 0; i < COUNT(cases); i++) {
        const struct access expected[] = {{'w', cases[i].bytes, FAKE_NOTIFY + 4, cases[i].value}};
        modern(4, FAKE_MODERN | (cases[i].data ? FAKE_BIT(VQ_F_NOTIFICATION_DATA) : 0) |
                      (cases[i].config_data ? FAKE_BIT(VQ_F_NOTIF_CONFIG_DATA) : 0));
        fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
        assert_int_equal(vq_transport_queue_enable(f.t, 1, &place), VQ_OK);
        f.log.count = 0;
        assert_int_equal(vq_transport_notify(f.t, 1, 0x80050001), VQ_OK);
        assert_true(log_is(&f.log, 0, expected, 1));
    }
}

/* Drivers of device types ask for what the queue's transport knows to do. */
static void asks_for_config_data(void **state)
{
    static _Alignas(16) uint8_t ring[1024];
    static struct vq_driver_slot slots[8];
    static uint64_t tags[8];
    const struct vq_queue_piece piece = {ring, 0x40000000, sizeof(ring)};
    const struct vq_rng_driver_options options = {
        .queue_size = 8, .memory = {.pieces = &piece, .count = 1}, .slots = slots, .tags = tags};
    struct vq_rng_driver rng;
    (void)state;
    modern(4, FAKE_MODERN | FAKE_BIT(VQ_F_NOTIF_CONFIG_DATA));
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    assert_int_equal(vq_rng_driver_open(&rng, f.t, &options, NULL), VQ_OK);
    assert_true(f.accepted[1] >> (VQ_F_NOTIF_CONFIG_DATA - 32) & 1);
    assert_int_equal(vq_transport_notify(f.t, 0, 0), VQ_OK);
    assert_true(log_find(&f.log, 0, 'w', FAKE_NOTIFY, 0x70) < f.log.count);
}

/* --- interrupts ---------------------------------------------------------------------- */

static void reads_isr(void **state)
{
    (void)state;
    modern(4, FAKE_MODERN);
    fake_start(&f, VQ_PCI_PREFER_MODERN, 3); /* MSI-X is disabled: none */
    for (uint32_t cause = 0; cause < 4; cause++) {
        const struct access expected[] = {{'r', 1, FAKE_ISR, 0xf0 | cause}};
        f.log.count = 0;
        f.isr = 0xf0 | cause;
        assert_int_equal(vq_pci_driver_interrupt(&f.driver, VQ_MSI_NO_VECTOR), cause);
        assert_true(log_is(&f.log, 0, expected, 1));
    }
    assert_int_equal(vq_transport_take_events(f.t), VQ_EVENT_QUEUE | VQ_EVENT_CONFIG);
    assert_int_equal(vq_transport_take_events(f.t), 0);
    f.isr = VQ_PCI_ISR_CONFIG; /* polled */
    assert_int_equal(vq_transport_take_events(f.t), VQ_EVENT_CONFIG);
}

#if VQ_WITH_MSIX
static void start_with_vectors(uint16_t table, uint16_t vectors)
{
    modern(4, FAKE_MODERN);
    fake_add_msix(&f, table, true);
    fake_start(&f, VQ_PCI_PREFER_MODERN, vectors);
}

static void vectors(void **state)
{
    /* Vectors that queues 0 to 3 get. */
    static const struct {
        uint16_t table, wanted, used, of[FAKE_QUEUES];
    } cases[] = {
        {5, 5, 5, {1, 2, 3, 4}}, {0x800, 64, 64, {1, 2, 3, 4}}, {4, 5, 4, {1, 2, 3, 1}},
        {2, 5, 2, {1, 1, 1, 1}}, {1, 5, 1, {0, 0, 0, 0}},       {5, 3, 3, {1, 2, 1, 1}},
        {3, 5, 3, {1, 2, 1, 1}},
    };
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 8);
    (void)state;
    for (unsigned i = 0; i < COUNT(cases); i++) {
        start_with_vectors(cases[i].table, cases[i].wanted);
        assert_int_equal(f.driver.vectors, cases[i].used);
        assert_int_equal(f.config_vector, 0);
        for (uint16_t q = 0; q < FAKE_QUEUES; q++) {
            unsigned at = f.log.count;
            assert_int_equal(vq_transport_queue_enable(f.t, q, &place), VQ_OK);
            assert_int_equal(f.queue[q].vector, cases[i].of[q]);
            assert_int_equal(f.queues[q].vector, cases[i].of[q]);
            at = log_find(&f.log, at, 'w', COMMON(QUEUE_VECTOR), cases[i].of[q]);
            assert_int_equal(f.log.list[at + 1].kind, 'r');
            assert_int_equal(f.log.list[at + 1].address, COMMON(QUEUE_VECTOR));
            assert_true(log_find(&f.log, at, 'w', COMMON(QUEUE_ENABLE), 1) < f.log.count);
        }
        for (unsigned k = 0; k < f.log.count; k++)
            assert_true(f.log.list[k].address != COMMON(QUEUE_VECTOR) ||
                        f.log.list[k].value < cases[i].table);
    }
}

static void refused_vectors(void **state)
{
    static const struct vq_features all = {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    struct vq_plan plan = {.wanted = all, .patience = 100};
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 8);
    struct vq_init_result why;
    (void)state;
    start_with_vectors(5, 5);
    f.vectors_taken = 3;
    assert_int_equal(vq_transport_queue_enable(f.t, 2, &place), VQ_OK);
    assert_int_equal(f.queues[2].vector, 1);
    f.vectors_taken = 1;
    assert_int_equal(vq_transport_queue_enable(f.t, 1, &place), VQ_OK);
    assert_int_equal(f.queues[1].vector, 0);
    f.vectors_taken = 0;
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), VQ_ERR_UNSUPPORTED);
    assert_int_equal(f.queue[0].enabled, 0);

    assert_int_equal(vq_transport_init_device(f.t, &plan, &why), VQ_ERR_UNSUPPORTED);
    assert_int_equal(why.step, VQ_INIT_DRIVER_OK);
    assert_true(f.status & VQ_STATUS_FAILED);
    assert_false(f.status & VQ_STATUS_DRIVER_OK);
}

/* A table where there is no BAR, or that cannot be reached, is none. */
static void bad_tables(void **state)
{
    static const struct {
        uint32_t place;
        unsigned mappable;
    } cases[] = {{6, 0x3f}, {7, 0x3f}, {1, 0x3d}, {0xfffffff0 | 1, 0x3f}, {0xffffffc0 | 1, 0x3f}};
    (void)state;
    for (unsigned i = 0; i < COUNT(cases); i++) {
        modern(4, FAKE_MODERN);
        fake_add_msix(&f, 0x800, true);
        fake_put(&f, FAKE_MSIX_AT + VQ_PCI_MSIX_TABLE, 4, cases[i].place);
        assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 4), VQ_OK);
        f.mappable = cases[i].mappable;
        assert_int_equal(vq_pci_driver_set_message(&f.driver, 5, 0xfee00000, 1),
                         VQ_ERR_UNSUPPORTED);
        assert_int_equal(vq_pci_driver_set_message(&f.driver, 0x800, 0, 1), VQ_ERR_RANGE);
        assert_int_equal(touched(), 0);
    }
}

static void messages(void **state)
{
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 8);
    (void)state;
    start_with_vectors(3, 3);
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), VQ_OK);
    f.log.count = 0;
    f.isr = 3;
    assert_int_equal(vq_pci_driver_interrupt(&f.driver, 0), VQ_EVENT_CONFIG);
    assert_int_equal(vq_pci_driver_interrupt(&f.driver, 1), VQ_EVENT_QUEUE);
    assert_int_equal(vq_pci_driver_interrupt(&f.driver, 3), 0);
    assert_int_equal(vq_pci_driver_interrupt(&f.driver, VQ_MSI_NO_VECTOR), 0);
    assert_int_equal(vq_transport_take_events(f.t), VQ_EVENT_QUEUE | VQ_EVENT_CONFIG);
    assert_int_equal(f.log.count, 0);

    start_with_vectors(1, 3);
    assert_int_equal(vq_pci_driver_interrupt(&f.driver, 0), VQ_EVENT_CONFIG);
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), VQ_OK);
    assert_int_equal(vq_pci_driver_interrupt(&f.driver, 0), VQ_EVENT_CONFIG | VQ_EVENT_QUEUE);
    assert_int_equal(vq_transport_take_events(f.t), VQ_EVENT_QUEUE | VQ_EVENT_CONFIG);
}
#endif

/* --- configuration space of the device ----------------------------------------------- */

static void reads_config(void **state)
{
    static const struct driver_field fields[] = {{0, 1, 1, 1}, {2, 2, 2, 1}, {4, 4, 4, 1},
                                                 {8, 8, 4, 2}, {0, 6, 1, 6}, {60, 4, 4, 1}};
    uint8_t bytes[16];
    (void)state;
    modern(4, FAKE_MODERN);
    fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
    for (unsigned i = 0; i < FAKE_CONFIG; i++)
        f.config[i] = (uint8_t)(i * 5 + 3);
    for (unsigned i = 0; i < COUNT(fields); i++)
        driver_config_field(f.t, &f.log, f.config, COMMON(GENERATION), &fields[i]);
    assert_int_equal(vq_transport_read_config(f.t, 61, bytes, 4), VQ_ERR_RANGE);
}

/* --- through configuration space ----------------------------------------------------- */

static void through_configuration_space(void **state)
{
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 8);
    uint8_t bytes[8];
    uint32_t access = 0x40 + 16 + 16 + 16 + 20;
    (void)state;
    modern(2, FAKE_MODERN);
    f.mappable = 0;
    f.config[4] = 0x44;
    fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
    assert_true(vq_pci_driver_is_indirect(&f.driver));
    assert_int_equal(vq_transport_queue_enable(f.t, 3, &place), VQ_OK);
    assert_int_equal(f.queue[3].size, 8);
    assert_int_equal(f.queue[3].address[0], 0x23450000);
    assert_int_equal(vq_transport_notify(f.t, 3, 0), VQ_OK);
    assert_true(log_find(&f.log, 0, 'w', FAKE_NOTIFY + 6, 3) < f.log.count);
    assert_int_equal(vq_transport_read_config(f.t, 4, bytes, 1), VQ_OK);
    assert_int_equal(bytes[0], 0x44);
    f.isr = 1;
    assert_int_equal(vq_pci_driver_interrupt(&f.driver, VQ_MSI_NO_VECTOR), VQ_EVENT_QUEUE);
    /* Nothing of configuration space was written but bar, offset and length of this one. */
    for (unsigned i = 0; i < f.log.count; i++)
        if (f.log.list[i].kind == 'd')
            assert_true(f.log.list[i].address == access + VQ_PCI_CAP_BAR ||
                        f.log.list[i].address == access + VQ_PCI_CAP_OFFSET ||
                        f.log.list[i].address == access + VQ_PCI_CAP_LENGTH);

    /* Some by pointer, some not: a BAR each. */
    fake_set_up(&f, 0x1042, 1, FAKE_MODERN);
    f.mappable = 1u << 1;
    (void)fake_add(&f, VQ_PCI_CAP_ISR, 16, 1, 0, 1);
    fake_add_modern(&f, 2);
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    assert_true(vq_pci_driver_is_indirect(&f.driver));
    assert_int_equal(f.driver.window[2].bar, 1);

    /* Neither. */
    fake_set_up(&f, 0x1042, 1, FAKE_MODERN);
    f.mappable = 0;
    (void)fake_add(&f, VQ_PCI_CAP_COMMON, 16, 4, 0x1000, 0x1000);
    (void)fake_add(&f, VQ_PCI_CAP_NOTIFY, 20, 4, 0x4000, 0x1000);
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_ERR_UNSUPPORTED);
}

static void shares_memory(void **state)
{
    struct vq_pci_shared_memory region;
    uint32_t at;
    (void)state;
    modern(4, FAKE_MODERN);
    at = fake_add(&f, VQ_PCI_CAP_SHARED, 24, 2, 0x1000, 0x2000);
    fake_put(&f, at + VQ_PCI_CAP_REGION, 1, 5);
    fake_put(&f, at + VQ_PCI_CAP_OFFSET_HIGH, 4, 3);
    fake_put(&f, at + VQ_PCI_CAP_LENGTH_HIGH, 4, 1);
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    assert_int_equal(vq_pci_driver_shared_memory(&f.driver, 0, &region), VQ_ERR_RANGE);
    assert_int_equal(vq_pci_driver_shared_memory(&f.driver, 5, &region), VQ_OK);
    assert_true(region.offset == UINT64_C(0x300001000) && region.bytes == UINT64_C(0x100002000));
    assert_int_equal(region.bar, 2);
    fake_put(&f, at + VQ_PCI_CAP_OFFSET_HIGH, 4, UINT32_MAX);
    assert_int_equal(vq_pci_driver_shared_memory(&f.driver, 5, &region), VQ_ERR_RANGE);
    fake_put(&f, at + VQ_PCI_CAP_LENGTH_HIGH, 4, 0);
    assert_int_equal(vq_pci_driver_shared_memory(&f.driver, 5, &region), VQ_OK);
    fake_put(&f, at + VQ_PCI_CAP_BAR, 1, 6);
    assert_int_equal(vq_pci_driver_shared_memory(&f.driver, 5, &region), VQ_ERR_RANGE);
    fake_put(&f, at + VQ_PCI_CAP_BAR, 1, 5);
    fake_put(&f, at + VQ_PCI_CAP_LENGTH, 4, 0);
    assert_int_equal(vq_pci_driver_shared_memory(&f.driver, 5, &region), VQ_ERR_RANGE);
    fake_put(&f, at + VQ_PCI_CAP_LENGTH, 4, 1);
    fake_put(&f, at + VQ_PCI_CAP_LEN, 1, 16);
    assert_int_equal(vq_pci_driver_shared_memory(&f.driver, 5, &region), VQ_ERR_RANGE);
}

/* --- legacy and transitional --------------------------------------------------------- */

static void without_legacy(void **state)
{
    (void)state;
    fake_set_up(&f, 0x1001, 0, 0);
    f.io_bar_zero = true;
    assert_int_equal(fake_open(&f, VQ_PCI_ONLY_MODERN, 0), VQ_ERR_UNSUPPORTED);
    assert_int_equal(touched(), 0);
}

#if VQ_WITH_LEGACY
static void legacy(uint64_t features)
{
    fake_set_up(&f, 0x1001, 0, features);
    f.io_bar_zero = true;
    f.legacy_bytes = 64;
}

static void legacy_handshake(void **state)
{
    struct driver_legacy_queue q;
    struct vq_plan plan = {
        .wanted = vq_features_from64(FAKE_MODERN | FAKE_BIT(VQ_F_ANY_LAYOUT) | 3),
        .setup = driver_legacy_setup,
        .context = &q,
    };
    static const struct access expected[] = {
        {'w', 1, VQ_PCI_LEGACY_STATUS, 0},
        {'r', 1, VQ_PCI_LEGACY_STATUS, 0},
        {'w', 1, VQ_PCI_LEGACY_STATUS, 1},
        {'w', 1, VQ_PCI_LEGACY_STATUS, 3},
        {'r', 4, VQ_PCI_LEGACY_DEVICE_FEATURES, 0x28000002},
        {'w', 4, VQ_PCI_LEGACY_DRIVER_FEATURES, 0x28000002},
        {'w', 2, VQ_PCI_LEGACY_QUEUE_SELECT, 0},
        {'r', 2, VQ_PCI_LEGACY_QUEUE_SIZE, FAKE_SIZE},
        {'r', 4, VQ_PCI_LEGACY_QUEUE_PFN, 0},
        {'w', 2, VQ_PCI_LEGACY_QUEUE_SELECT, 0},
        {'r', 2, VQ_PCI_LEGACY_QUEUE_SIZE, FAKE_SIZE},
        {'r', 4, VQ_PCI_LEGACY_QUEUE_PFN, 0},
        {'w', 4, VQ_PCI_LEGACY_QUEUE_PFN, 0x40001},
        {'w', 1, VQ_PCI_LEGACY_STATUS, 7},
        {'r', 1, VQ_PCI_LEGACY_STATUS, 7},
        {'w', 2, VQ_PCI_LEGACY_QUEUE_NOTIFY, 0},
    };
    (void)state;
    legacy(FAKE_MODERN | FAKE_BIT(VQ_F_ANY_LAYOUT) | 2);
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    assert_true(log_find(&f.log, 0, 'c', VQ_PCI_CAPABILITIES, 0) < f.log.count);
    assert_true(vq_pci_driver_is_legacy(&f.driver));
    f.log.count = 0;
    assert_int_equal(vq_transport_init_device(f.t, &plan, NULL), VQ_OK);
    assert_int_equal(vq_transport_notify(f.t, 0, 0x80050000), VQ_OK);
    assert_true(log_is(&f.log, 0, expected, COUNT(expected)));
    assert_true(q.constraints.size_fixed);
    assert_int_equal(q.place.layout.size, FAKE_SIZE); /* and not the 16 that were wanted */
    assert_int_equal(q.place.address[VQ_DRIVER_AREA], 0x40001000 + 16 * FAKE_SIZE);
    assert_int_equal(q.place.address[VQ_DEVICE_AREA], 0x40003000);
}

static void legacy_refuses(void **state)
{
    struct vq_place place = driver_place(VQ_FORMAT_LEGACY, FAKE_SIZE);
    struct vq_constraints constraints;
    (void)state;
    legacy(0);
    f.queue[1].size_max = 0;
    fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
    driver_refuses_pages(f.t, FAKE_SIZE);
    place.address[0] = 0x40000000;
    place.layout.size = 128;
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), VQ_ERR_SIZE);
    place.layout.size = FAKE_SIZE;
    place.layout.align = 64;
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), VQ_ERR_INVALID);
    place = driver_place(VQ_FORMAT_SPLIT, FAKE_SIZE);
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), VQ_ERR_INVALID);
    assert_int_equal(vq_transport_notify(f.t, 0, 0), VQ_ERR_RANGE);
    place = driver_place(VQ_FORMAT_LEGACY, FAKE_SIZE);
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), VQ_OK);
    assert_int_equal(vq_transport_queue_enable(f.t, 0, &place), VQ_ERR_STATE);
    assert_int_equal(vq_transport_queue_constraints(f.t, 1, &constraints), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_queue_constraints(f.t, 99, &constraints), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_queue_reset(f.t, 0), VQ_ERR_UNSUPPORTED);
    f.isr = 2;
    assert_int_equal(vq_pci_driver_interrupt(&f.driver, VQ_MSI_NO_VECTOR), VQ_EVENT_CONFIG);
}

/* The device configuration begins at 20, or at 24 while MSI-X is enabled: at this moment. */
static void legacy_config(void **state)
{
    uint8_t bytes[8];
    (void)state;
    legacy(0);
    fake_add_msix(&f, 4, false);
    f.config[0] = 0x12, f.config[1] = 0x34, f.config[2] = 0x56, f.config[3] = 0x78;
    fake_start(&f, VQ_PCI_PREFER_MODERN, 4);
    for (unsigned on = 0; on < 2; on++) {
        uint32_t at = on ? VQ_PCI_LEGACY_CONFIG_MSIX : VQ_PCI_LEGACY_CONFIG;
        fake_put(&f, FAKE_MSIX_AT + VQ_PCI_MSIX_CONTROL, 2, 3 | (on ? VQ_PCI_MSIX_ENABLE : 0));
        f.log.count = 0;
        assert_int_equal(vq_transport_read_config(f.t, 0, bytes, 4), VQ_OK);
        assert_memory_equal(bytes, f.config, 4);
        assert_int_equal(log_count(&f.log, 'r', 0, at - 1), 0);
        assert_int_equal(log_count(&f.log, 'r', at, at), 2);
        assert_int_equal(f.t->ops->config_size(f.t), 64 - at);
        assert_int_equal(vq_transport_read_config(f.t, 64 - at, bytes, 1), VQ_ERR_RANGE);
        bytes[0] = (uint8_t)(on + 1);
        assert_int_equal(vq_transport_write_config(f.t, 8, bytes, 1), VQ_OK);
        assert_int_equal(f.config[8], on + 1);
    }
    /* A big-endian machine goes byte by byte: not every device has the same for all widths. */
    f.t->legacy_big_endian = true;
    f.log.count = 0;
    assert_int_equal(vq_transport_read_config(f.t, 0, bytes, 4), VQ_OK);
    assert_int_equal(vq_transport_config32(f.t, bytes), 0x12345678);
    for (uint32_t at = VQ_PCI_LEGACY_CONFIG_MSIX; at < VQ_PCI_LEGACY_CONFIG_MSIX + 4u; at++)
        assert_int_equal(log_count(&f.log, 'r', at, at), 2);

    legacy(0);
    f.legacy_bytes = 0; /* nobody knows */
    fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
    assert_true(f.t->ops->config_size(f.t) == UINT32_MAX);
    legacy(0);
    f.legacy_bytes = 22;
    fake_start(&f, VQ_PCI_PREFER_MODERN, 0);
    assert_int_equal(f.t->ops->config_size(f.t), 2);
    legacy(0);
    f.legacy_bytes = 19;
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_ERR_UNSUPPORTED);
    legacy(0);
    f.mappable = 0;
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_ERR_UNSUPPORTED);
    assert_int_equal(touched(), 0);
}

#if VQ_WITH_MSIX
static void legacy_vectors(void **state)
{
    struct vq_place place = driver_place(VQ_FORMAT_LEGACY, FAKE_SIZE);
    (void)state;
    legacy(0);
    fake_add_msix(&f, 2, true);
    fake_start(&f, VQ_PCI_PREFER_MODERN, 8);
    assert_int_equal(f.config_vector, 0);
    assert_int_equal(vq_transport_queue_enable(f.t, 2, &place), VQ_OK);
    assert_int_equal(f.queue[2].vector, 1);
    f.vectors_taken = 0;
    assert_int_equal(vq_transport_queue_enable(f.t, 1, &place), VQ_ERR_UNSUPPORTED);
    assert_int_equal(f.queue[1].pfn, 0);

    legacy(0);
    fake_add_msix(&f, 2, true);
    f.legacy_bytes = 23; /* which ends within the registers of vectors */
    fake_start(&f, VQ_PCI_PREFER_MODERN, 8);
    assert_int_equal(f.driver.vectors, 0);
    assert_int_equal(vq_transport_queue_enable(f.t, 2, &place), VQ_OK);
    assert_int_equal(log_count(&f.log, 'w', VQ_PCI_LEGACY_CONFIG_VECTOR, 31), 0);
}
#endif

static void transitional(void **state)
{
    (void)state;
    for (int way = VQ_PCI_PREFER_MODERN; way <= VQ_PCI_ONLY_LEGACY; way++) {
        bool old = way == VQ_PCI_ONLY_LEGACY;
        legacy(FAKE_MODERN);
        fake_add_modern(&f, 4);
        fake_start(&f, (enum vq_pci_interface)way, 0);
        assert_int_equal(vq_pci_driver_is_legacy(&f.driver), old);
        assert_int_equal(vq_transport_legacy(f.t), old);
        (void)vq_transport_needs_reset(f.t);
        assert_int_equal(f.log.list[0].address, old ? VQ_PCI_LEGACY_STATUS : COMMON(STATUS));
    }
    /* Its modern structures cannot be reached: the legacy interface can. */
    legacy(FAKE_MODERN);
    (void)fake_add(&f, VQ_PCI_CAP_COMMON, 16, 4, 0x1000, 0x1000);
    (void)fake_add(&f, VQ_PCI_CAP_NOTIFY, 20, 4, 0x4000, 0x1000);
    f.mappable = 1;
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    assert_true(vq_pci_driver_is_legacy(&f.driver));
    /* A revision of which nobody knows what its BAR 0 is. */
    legacy(FAKE_MODERN);
    fake_put(&f, VQ_PCI_REVISION, 1, 1);
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_ERR_UNSUPPORTED);
    assert_int_equal(touched(), 0);
}
#endif

static const struct CMUnitTest tests[] = {
    VQ_TEST(probes, "ids of virtio, of any revision and subsystem [PCI-DRV-DISC-01 "
                    "PCI-DRV-DISC-02 PCI-DRV-DISC-03 PCI-DRV-DISC-04]"),
    VQ_TEST(refuses_configuration, "a configuration without sense touches nothing"),
    VQ_TEST(finds_structures, "structures are found and mapped as far as needed, and nothing is "
                              "written [PCI-DRV-CAP-05 PCI-DRV-CAP-09 PCILEG-DRV-DETECT-03]"),
    VQ_TEST(skips_capabilities, "capabilities that make no sense are skipped [PCI-DRV-CAP-01 "
                                "PCI-DRV-CAP-04 PCI-DRV-CAP-08]"),
    VQ_TEST(takes_the_first, "the first of each type that can be used is used [PCI-DRV-CAP-02]"),
    VQ_TEST(tolerates_size, "larger capabilities and structures do [PCI-DRV-CAP-03 "
                            "PCI-DRV-CAP-06 PCI-DRV-CAP-07]"),
    VQ_TEST(short_common, "what needs later registers is negotiated only if they are there"),
    VQ_TEST(no_capabilities, "a modern device without capabilities is left alone "
                             "[PCILEG-DRV-DETECT-03 PCILEG-DRV-DETECT-04]"),
    VQ_TEST(vendor_data, "data of vendors are neither read nor written [PCI-DRV-VNDR-01 "
                         "PCI-DRV-VNDR-02]"),
    VQ_TEST(shakes_hands, "the handshake, access by access [PCI-DRV-LAYOUT-01 PCI-DRV-LAYOUT-02 "
                          "PCI-DRV-LAYOUT-03 PCI-DRV-LAYOUT-04 PCI-DRV-COMMON-01 PCI-DRV-COMMON-04 "
                          "PCI-DRV-VQCFG-01 INIT-DRV-SEQ-01]"),
    VQ_TEST(waits_for_reset, "a reset is over when the status reads 0 [PCI-DRV-COMMON-05]"),
    VQ_TEST(wide_features, "features beyond 64, and VERSION_1, without which nothing goes"),
    VQ_TEST(no_administration, "no administration queue is ever set up [PCI-DRV-COMMON-11]"),
    VQ_TEST(refuses_queue, "a queue that is too large, not there or in use, or no power of two "
                           "[PCI-DRV-COMMON-03]"),
    VQ_TEST(packed_size, "a packed queue has any size but 0 [PCI-DRV-COMMON-02]"),
    VQ_TEST(resets_queue,
            "a queue is reset when queue_reset reads 0, and enabled anew, smaller "
            "[BASIC-DRV-VQRST-01 PCI-DRV-COMMON-06 PCI-DRV-COMMON-07 PCI-DRV-COMMON-08 "
            "PCI-DRV-COMMON-09]"),
    VQ_TEST(doorbells, "a notification goes to offset and multiplier, as 16 bits "
                       "[PCI-DRV-NOTIFCAP-01 PCI-DRV-KICK-01]"),
    VQ_TEST(bad_doorbells, "a doorbell beyond its capability, or not aligned, is refused"),
    VQ_TEST(values, "what a notification says [PCI-DRV-KICK-01 PCI-DRV-KICK-02 PCI-DRV-KICK-03 "
                    "PCI-DRV-KICK-04 PCI-DRV-KICK-05 PCI-DRV-KICK-06]"),
    VQ_TEST(asks_for_config_data, "queue_notif_config_data is asked for where it is offered "
                                  "[FEAT-DRV-13 PCI-DRV-KICK-05]"),
    VQ_TEST(reads_isr, "without MSI-X the ISR status tells the cause [PCI-DRV-CFGINT-02]"),
#if VQ_WITH_MSIX
    VQ_TEST(vectors, "vectors: one each, or shared, within the table, read back [PCI-DRV-MSIX-01 "
                     "PCI-DRV-MSIX-03 PCI-DRV-MSIX-04 PCI-DRV-MSIX-05]"),
    VQ_TEST(refused_vectors, "a vector refused is replaced by a shared one, or the device is "
                             "given up [PCI-DRV-MSIX-05 PCI-DRV-MSIX-06]"),
    VQ_TEST(bad_tables, "a table of vectors that is nowhere is not written to"),
    VQ_TEST(messages, "with MSI-X the ISR status is not touched, and one vector may mean both "
                      "[PCI-DRV-ISR-01 PCI-DRV-CFGINT-01]"),
#endif
    VQ_TEST(reads_config, "a field of the device configuration takes accesses of its width "
                          "[PCI-DRV-LAYOUT-01 PCI-DRV-LAYOUT-02 PCI-DRV-LAYOUT-03]"),
    VQ_TEST(through_configuration_space,
            "BARs that cannot be mapped are reached through configuration space, aligned and "
            "within a structure [PCI-DRV-PCICFG-01 PCI-DRV-PCICFG-02 PCI-DRV-PCICFG-03 "
            "PCI-DRV-PCICFG-04 PCI-DRV-CAP-09]"),
    VQ_TEST(shares_memory, "shared memory regions of 64 bits, and absurd ones"),
    VQ_TEST(without_legacy, "who wants modern devices touches no legacy one"),
#if VQ_WITH_LEGACY
    VQ_TEST(legacy_handshake,
            "a legacy device, access by access [PCILEG-DRV-LAYOUT-01 PCILEG-DRV-DETECT-01 "
            "PCILEG-DRV-DETECT-02 PCILEG-DRV-VQCFG-01 PCILEG-DRV-VQCFG-02 PCILEG-DRV-VQCFG-03]"),
    VQ_TEST(legacy_refuses, "legacy: pages that do not exist, sizes that are not the device's"),
    VQ_TEST(legacy_config, "legacy: where the configuration is, in whose order "
                           "[PCILEG-DRV-LAYOUT-02 PCILEG-DRV-LAYOUT-03]"),
#if VQ_WITH_MSIX
    VQ_TEST(legacy_vectors, "legacy: vectors, and their refusal"),
#endif
    VQ_TEST(transitional, "a transitional device is driven either way, modern if it can be"),
#endif
};

int main(void)
{
    return VQ_RUN(tests);
}
