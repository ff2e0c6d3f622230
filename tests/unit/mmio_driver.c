/*
 * The driver's end of MMIO against a window of registers that this test plays: every
 * access, its width and its order. The device is honest but for what a case says.
 */

#include "driver_rig.h"

#include <vq/mmio_driver.h>
#include <vq/status.h>

#ifndef VQ_WITH_LEGACY
#define VQ_WITH_LEGACY 1
#endif

enum { QUEUES = 3, SIZE_MAX_HERE = 256, WINDOW = 0x200, CONFIG_BYTES = WINDOW - VQ_MMIO_CONFIG };
#define BIT(n) (UINT64_C(1) << (n))
#define MODERN (BIT(VQ_F_VERSION_1) | BIT(VQ_F_EVENT_IDX) | BIT(VQ_F_RING_RESET))

struct queue {
    uint32_t size, align, pfn, ready, reset, size_max;
    uint32_t address[6];
};

static struct window {
    struct register_log log;
    uint32_t magic, version, device_id;
    uint32_t offered[4], accepted[4];
    uint32_t device_sel, driver_sel, page_size, queue_sel, status, interrupt, generation, shm_sel;
    struct queue queue[QUEUES];
    uint8_t config[CONFIG_BYTES];
    unsigned slow;      /* reads that a reset of device or queue takes */
    unsigned slow_left; /* of the one that is under way */
    uint32_t sticky;    /* queue_ready cannot be cleared */
    bool aliases;       /* knows only two words of features */
    bool refuse;        /* FEATURES_OK does not stick */
    uint64_t shm_base, shm_bytes;
    struct vq_mmio_driver driver;
    struct vq_transport *t;
} w;

static struct queue *selected(void)
{
    static struct queue none;
    return w.queue_sel < QUEUES ? &w.queue[w.queue_sel] : &none;
}

static uint32_t slowly(uint32_t *value)
{
    if (*value != 0 && w.slow_left != 0 && --w.slow_left == 0)
        *value = 0;
    return *value;
}

static uint32_t read_register(uint32_t at)
{
    switch (at) {
    case VQ_MMIO_MAGIC:
        return w.magic;
    case VQ_MMIO_VERSION:
        return w.version;
    case VQ_MMIO_DEVICE_ID:
        return w.device_id;
    case VQ_MMIO_DEVICE_FEATURES:
        return w.aliases          ? w.offered[w.device_sel != 0]
               : w.device_sel < 4 ? w.offered[w.device_sel]
                                  : 0;
    case VQ_MMIO_QUEUE_SIZE_MAX:
        return selected()->size_max;
    case VQ_MMIO_QUEUE_PFN:
        assert_int_equal(w.version, 1);
        return selected()->pfn;
    case VQ_MMIO_QUEUE_READY:
        assert_int_equal(w.version, 2);
        return selected()->ready | w.sticky;
    case VQ_MMIO_INTERRUPT_STATUS:
        return w.interrupt;
    case VQ_MMIO_STATUS:
        return slowly(&w.status);
    case VQ_MMIO_QUEUE_RESET:
        if (slowly(&selected()->reset) == 0)
            selected()->ready = 0;
        return selected()->reset;
    case VQ_MMIO_CONFIG_GENERATION:
        return w.generation;
    case VQ_MMIO_SHM_LEN_LOW:
        return w.shm_sel == 1 ? (uint32_t)w.shm_bytes : UINT32_MAX;
    case VQ_MMIO_SHM_LEN_HIGH:
        return w.shm_sel == 1 ? (uint32_t)(w.shm_bytes >> 32) : UINT32_MAX;
    case VQ_MMIO_SHM_BASE_LOW:
        return w.shm_sel == 1 ? (uint32_t)w.shm_base : UINT32_MAX;
    case VQ_MMIO_SHM_BASE_HIGH:
        return w.shm_sel == 1 ? (uint32_t)(w.shm_base >> 32) : UINT32_MAX;
    default: /* MMIO-DRV-REG-01, MMIO-DRV-REG-03 */
        fail_msg("read of %#x", at);
        return 0;
    }
}

/* Registers that exist in one version only, or may be written while a queue is in use. */
static void write_register(uint32_t at, uint32_t value)
{
    struct queue *q = selected();
    switch (at) {
    case VQ_MMIO_DEVICE_FEATURES_SEL:
        w.device_sel = value;
        return;
    case VQ_MMIO_DRIVER_FEATURES_SEL:
        w.driver_sel = w.aliases ? value != 0 : value;
        return;
    case VQ_MMIO_DRIVER_FEATURES:
        assert_true(w.driver_sel < 4);
        w.accepted[w.driver_sel] = value;
        return;
    case VQ_MMIO_GUEST_PAGE_SIZE:
        assert_int_equal(w.version, 1);
        w.page_size = value;
        return;
    case VQ_MMIO_QUEUE_SEL:
        w.queue_sel = value;
        return;
    case VQ_MMIO_QUEUE_SIZE:
        assert_int_equal(q->ready | q->pfn, 0);
        q->size = value;
        return;
    case VQ_MMIO_QUEUE_ALIGN:
        assert_int_equal(w.version, 1);
        q->align = value;
        return;
    case VQ_MMIO_QUEUE_PFN:
        assert_int_equal(w.version, 1);
        q->pfn = value;
        return;
    case VQ_MMIO_QUEUE_READY:
        assert_int_equal(w.version, 2);
        q->ready = value;
        return;
    case VQ_MMIO_QUEUE_NOTIFY:
        return;
    case VQ_MMIO_INTERRUPT_ACK:
        w.interrupt &= ~value;
        return;
    case VQ_MMIO_STATUS:
        if (value == 0) {
            memset(w.accepted, 0, sizeof(w.accepted));
            w.page_size = 0;
            for (unsigned i = 0; i < QUEUES; i++)
                w.queue[i] = (struct queue){.size_max = w.queue[i].size_max};
            w.slow_left = w.slow;
            w.status = w.slow != 0 ? w.status : 0;
            return;
        }
        w.status = w.refuse ? value & ~(uint32_t)VQ_STATUS_FEATURES_OK : value;
        return;
    case VQ_MMIO_SHM_SEL:
        w.shm_sel = value;
        return;
    case VQ_MMIO_QUEUE_RESET:
        q->reset = value;
        w.slow_left = w.slow;
        if (w.slow == 0)
            q->reset = q->ready = 0;
        return;
    default:
        if (at >= VQ_MMIO_QUEUE_DESC_LOW && at <= VQ_MMIO_QUEUE_DEVICE_HIGH && (at & 8) == 0) {
            assert_int_equal(w.version, 2);
            assert_int_equal(q->ready, 0);
            q->address[(at - VQ_MMIO_QUEUE_DESC_LOW) / 16 * 2 + (at / 4 & 1)] = value;
            return;
        }
        fail_msg("write of %#x", at); /* MMIO-DRV-REG-01, MMIO-DRV-REG-02 */
    }
}

static uint32_t bus_read(void *context, uint32_t address, unsigned bytes)
{
    uint32_t value = 0;
    assert_ptr_equal(context, &w);
    assert_int_equal(address % bytes, 0);
    if (address >= VQ_MMIO_CONFIG) {
        assert_true(address + bytes <= WINDOW);
        for (unsigned i = bytes; i-- != 0;)
            value = value << 8 | w.config[address - VQ_MMIO_CONFIG + i];
    } else {
        assert_int_equal(bytes, 4);
        value = read_register(address);
    }
    log_access(&w.log, 'r', address, bytes, value);
    return value;
}

static void bus_write(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    assert_ptr_equal(context, &w);
    assert_int_equal(address % bytes, 0);
    log_access(&w.log, 'w', address, bytes, value);
    if (address >= VQ_MMIO_CONFIG) {
        assert_true(address + bytes <= WINDOW);
        for (unsigned i = 0; i < bytes; i++)
            w.config[address - VQ_MMIO_CONFIG + i] = (uint8_t)(value >> 8 * i);
        return;
    }
    assert_int_equal(bytes, 4);
    write_register(address, value);
}

static const struct vq_bus bus = {bus_read, bus_write};

static struct vq_mmio_driver_config config_of(void)
{
    return (struct vq_mmio_driver_config){
        .registers = {.bus = &bus, .context = &w, .bytes = WINDOW},
        .patience = 100,
    };
}

static void set_up(uint32_t version, uint64_t features)
{
    memset(&w, 0, sizeof(w));
    w.magic = VQ_MMIO_MAGIC_VALUE;
    w.version = version;
    w.device_id = 42;
    w.offered[0] = (uint32_t)features;
    w.offered[1] = (uint32_t)(features >> 32);
    for (unsigned i = 0; i < QUEUES - 1; i++) /* the last one does not exist */
        w.queue[i].size_max = SIZE_MAX_HERE;
}

static void open_driver(void)
{
    struct vq_mmio_driver_config config = config_of();
    assert_int_equal(vq_mmio_driver_init(&w.driver, &config), VQ_OK);
    w.t = &w.driver.transport;
}

static void start(uint32_t version, uint64_t features)
{
    set_up(version, features);
    open_driver();
    driver_handshake(w.t, &w.log);
}

/* --- what is there ------------------------------------------------------------------- */

static void looks_in_order(void **state)
{
    static const struct access expected[] = {
        {'r', 4, VQ_MMIO_MAGIC, VQ_MMIO_MAGIC_VALUE},
        {'r', 4, VQ_MMIO_VERSION, 2},
        {'r', 4, VQ_MMIO_DEVICE_ID, 42},
    };
    (void)state;
    set_up(2, MODERN);
    open_driver();
    assert_true(log_is(&w.log, 0, expected, 3));
    assert_int_equal(w.t->device_id, 42);
    assert_false(vq_mmio_driver_is_legacy(&w.driver));
}

static void refuses_magic(void **state)
{
    struct vq_mmio_driver_config config;
    struct vq_mmio_driver_id id;
    (void)state;
    set_up(2, MODERN);
    w.magic = 0x76697274; /* the other way round */
    config = config_of();
    assert_int_equal(vq_mmio_driver_init(&w.driver, &config), VQ_ERR_RANGE);
    assert_int_equal(w.log.count, 1);
    assert_int_equal(vq_mmio_driver_probe(&config, &id), VQ_ERR_RANGE);
    assert_int_equal(id.magic, 0x76697274);
    assert_int_equal(w.log.count, 2);
}

static void refuses_version(void **state)
{
    static const uint32_t versions[] = {
        0,
        3,
        0x10002,
        UINT32_MAX,
#if !VQ_WITH_LEGACY
        1
#endif
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        struct vq_mmio_driver_config config = config_of();
        set_up(versions[i], MODERN);
        assert_int_equal(vq_mmio_driver_init(&w.driver, &config), VQ_ERR_UNSUPPORTED);
        assert_int_equal(w.log.count, 2);
    }
}

static void leaves_placeholder(void **state)
{
    struct vq_mmio_driver_config config = config_of();
    struct vq_mmio_driver_id id;
    (void)state;
    set_up(2, MODERN);
    w.device_id = 0;
    assert_int_equal(vq_mmio_driver_probe(&config, &id), VQ_OK);
    assert_int_equal(id.device, 0);
    assert_int_equal(w.log.count, 3);
    assert_int_equal(vq_mmio_driver_init(&w.driver, &config), VQ_ERR_RANGE);
    assert_int_equal(w.log.count, 6);
    w.device_id = 0x10000; /* not one that can be named */
    assert_int_equal(vq_mmio_driver_init(&w.driver, &config), VQ_ERR_UNSUPPORTED);
}

static void refuses_configuration(void **state)
{
    struct vq_mmio_driver_id id;
    (void)state;
    set_up(2, MODERN);
    for (unsigned i = 0; i < 4; i++) {
        struct vq_mmio_driver_config config = config_of();
        if (i == 0)
            config.registers.bus = NULL;
        if (i == 1)
            config.registers.bytes = VQ_MMIO_CONFIG - 1;
        if (i == 2)
            config.page_shift = 31;
        if (i == 3)
            config.queue_align = 48;
        assert_int_equal(vq_mmio_driver_probe(&config, &id), VQ_ERR_INVALID);
    }
    assert_int_equal(w.log.count, 0);
}

/* --- the handshake ------------------------------------------------------------------- */

static enum vq_error set_up_queue(void *context, struct vq_transport *t)
{
    struct vq_place *place = context;
    struct vq_constraints constraints;
    assert_int_equal(vq_transport_queue_constraints(t, 1, &constraints), VQ_OK);
    assert_int_equal(constraints.size_max, SIZE_MAX_HERE);
    assert_false(constraints.size_fixed);
    return vq_transport_queue_enable(t, 1, place);
}

static void shakes_hands(void **state)
{
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 4);
    struct vq_plan plan = {
        .wanted = vq_features_from64(BIT(VQ_F_VERSION_1) | BIT(VQ_F_EVENT_IDX) | 3),
        .setup = set_up_queue,
        .context = &place,
    };
    static const struct access expected[] = {
        {'w', 4, VQ_MMIO_STATUS, 0},
        {'r', 4, VQ_MMIO_STATUS, 0},
        {'w', 4, VQ_MMIO_STATUS, 1},
        {'w', 4, VQ_MMIO_STATUS, 3},
        {'w', 4, VQ_MMIO_DEVICE_FEATURES_SEL, 0},
        {'r', 4, VQ_MMIO_DEVICE_FEATURES, 0x20000002},
        {'w', 4, VQ_MMIO_DEVICE_FEATURES_SEL, 1},
        {'r', 4, VQ_MMIO_DEVICE_FEATURES, 0x101},
        {'w', 4, VQ_MMIO_DEVICE_FEATURES_SEL, 2},
        {'r', 4, VQ_MMIO_DEVICE_FEATURES, 0},
        {'w', 4, VQ_MMIO_DEVICE_FEATURES_SEL, 3},
        {'r', 4, VQ_MMIO_DEVICE_FEATURES, 0},
        {'w', 4, VQ_MMIO_DRIVER_FEATURES_SEL, 0},
        {'w', 4, VQ_MMIO_DRIVER_FEATURES, 0x20000002},
        {'w', 4, VQ_MMIO_DRIVER_FEATURES_SEL, 1},
        {'w', 4, VQ_MMIO_DRIVER_FEATURES, 1},
        {'w', 4, VQ_MMIO_STATUS, 0x0b},
        {'r', 4, VQ_MMIO_STATUS, 0x0b},
        /* what the queue may be */
        {'w', 4, VQ_MMIO_QUEUE_SEL, 1},
        {'r', 4, VQ_MMIO_QUEUE_READY, 0},
        {'r', 4, VQ_MMIO_QUEUE_SIZE_MAX, SIZE_MAX_HERE},
        /* what it is */
        {'w', 4, VQ_MMIO_QUEUE_SEL, 1},
        {'r', 4, VQ_MMIO_QUEUE_READY, 0},
        {'r', 4, VQ_MMIO_QUEUE_SIZE_MAX, SIZE_MAX_HERE},
        {'w', 4, VQ_MMIO_QUEUE_SIZE, 4},
        {'w', 4, VQ_MMIO_QUEUE_DESC_LOW, 0x23450000},
        {'w', 4, VQ_MMIO_QUEUE_DESC_HIGH, 1},
        {'w', 4, VQ_MMIO_QUEUE_DRIVER_LOW, 0x8000},
        {'w', 4, VQ_MMIO_QUEUE_DRIVER_HIGH, 0},
        {'w', 4, VQ_MMIO_QUEUE_DEVICE_LOW, 0x9004},
        {'w', 4, VQ_MMIO_QUEUE_DEVICE_HIGH, 0},
        {'w', 4, VQ_MMIO_QUEUE_READY, 1},
        {'w', 4, VQ_MMIO_STATUS, 0x0f},
        {'r', 4, VQ_MMIO_STATUS, 0x0f},
    };
    (void)state;
    set_up(2, MODERN | 2);
    open_driver();
    w.log.count = 0;
    assert_int_equal(vq_transport_init_device(w.t, &plan, NULL), VQ_OK);
    assert_true(log_is(&w.log, 0, expected, sizeof(expected) / sizeof(expected[0])));
}

static void waits_for_reset(void **state)
{
    struct vq_plan plan = {.wanted = vq_features_from64(MODERN), .patience = 10};
    struct vq_init_result why;
    unsigned at;
    (void)state;
    set_up(2, MODERN);
    w.status = VQ_STATUS_DRIVER_OK;
    w.slow = 7;
    open_driver();
    assert_int_equal(vq_transport_init_device(w.t, &plan, &why), VQ_OK);
    at = log_find(&w.log, 0, 'w', VQ_MMIO_STATUS, 0);
    for (unsigned i = 1; i <= 6; i++)
        assert_int_equal(w.log.list[at + i].value, VQ_STATUS_DRIVER_OK);
    assert_int_equal(w.log.list[at + 7].value, 0);
    assert_int_equal(w.log.list[at + 8].kind, 'w');

    w.slow = 11;
    w.log.count = 0;
    assert_int_equal(vq_transport_init_device(w.t, &plan, &why), VQ_ERR_TIMEOUT);
    assert_int_equal(why.step, VQ_INIT_RESET);
    assert_int_equal(log_count(&w.log, 'r', VQ_MMIO_STATUS, VQ_MMIO_STATUS), 10);
}

static void needs_version_1(void **state)
{
    struct vq_plan plan = {.wanted = vq_features_from64(BIT(VQ_F_EVENT_IDX)), .patience = 10};
    struct vq_init_result why;
    (void)state;
    set_up(2, MODERN);
    open_driver();
    assert_int_equal(vq_transport_init_device(w.t, &plan, &why), VQ_ERR_UNSUPPORTED);
    assert_int_equal(why.step, VQ_INIT_FEATURES);
    assert_int_equal(w.status & VQ_STATUS_FAILED, VQ_STATUS_FAILED);
    assert_int_equal(log_count(&w.log, 'w', VQ_MMIO_QUEUE_SEL, VQ_MMIO_QUEUE_READY), 0);
}

static void gives_up(void **state)
{
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 4);
    struct vq_plan plan = {.wanted = vq_features_from64(MODERN),
                           .patience = 10,
                           .setup = set_up_queue,
                           .context = &place};
    struct vq_init_result why;
    (void)state;
    set_up(2, MODERN);
    w.refuse = true;
    open_driver();
    assert_int_equal(vq_transport_init_device(w.t, &plan, &why), VQ_ERR_UNSUPPORTED);
    assert_int_equal(why.step, VQ_INIT_FEATURES_OK);
    assert_int_equal(w.status & VQ_STATUS_FAILED, VQ_STATUS_FAILED);
    assert_int_equal(log_count(&w.log, 'w', VQ_MMIO_QUEUE_SEL, VQ_MMIO_QUEUE_NOTIFY), 0);
    assert_int_equal(w.log.list[w.log.count - 1].address, VQ_MMIO_STATUS);
}

/* A device of 64 features repeats word 1, and would take word 2 for it. */
static void wide_features(void **state)
{
    static const struct vq_features all = {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    struct vq_plan plan = {.wanted = all, .patience = 10};
    (void)state;
    set_up(2, MODERN);
    w.aliases = true;
    open_driver();
    assert_int_equal(vq_transport_init_device(w.t, &plan, NULL), VQ_OK);
    assert_false(vq_feature(&w.t->accepted, 64));
    assert_int_equal(w.accepted[0], (uint32_t)MODERN);
    assert_int_equal(w.accepted[1], (uint32_t)(MODERN >> 32));

    set_up(2, MODERN);
    w.offered[2] = 6;
    w.offered[3] = 0x80000000;
    open_driver();
    assert_int_equal(vq_transport_init_device(w.t, &plan, NULL), VQ_OK);
    assert_int_equal(w.accepted[2], 6);
    assert_int_equal(w.accepted[3], 0x80000000);
}

/* --- queues -------------------------------------------------------------------------- */

static void refuses_queue(void **state)
{
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 512);
    struct vq_constraints constraints;
    (void)state;
    start(2, MODERN);
    assert_int_equal(vq_transport_queue_enable(w.t, 0, &place), VQ_ERR_SIZE);
    assert_int_equal(log_count(&w.log, 'w', VQ_MMIO_QUEUE_SIZE, VQ_MMIO_QUEUE_SIZE), 0);
    place.layout.size = 0;
    assert_int_equal(vq_transport_queue_enable(w.t, 0, &place), VQ_ERR_SIZE);
    place = driver_place(VQ_FORMAT_SPLIT, 8);
    assert_int_equal(vq_transport_queue_enable(w.t, 2, &place), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_queue_constraints(w.t, 2, &constraints), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_queue_constraints(w.t, 0xffff, &constraints), VQ_ERR_RANGE);

    /* In use: nothing but the register that says so is touched. */
    w.queue[1].ready = 1;
    w.log.count = 0;
    assert_int_equal(vq_transport_queue_enable(w.t, 1, &place), VQ_ERR_STATE);
    assert_int_equal(vq_transport_queue_constraints(w.t, 1, &constraints), VQ_ERR_STATE);
    assert_int_equal(w.log.count, 4);
    assert_int_equal(log_count(&w.log, 'r', VQ_MMIO_QUEUE_READY, VQ_MMIO_QUEUE_READY), 2);

    /* More than any format has. */
    w.queue[0].size_max = UINT32_MAX;
    assert_int_equal(vq_transport_queue_constraints(w.t, 0, &constraints), VQ_OK);
    assert_int_equal(constraints.size_max, VQ_SIZE_MAX);
}

static void resets_queue(void **state)
{
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 8),
                    other = driver_place(VQ_FORMAT_SPLIT, 2);
    unsigned at;
    (void)state;
    start(2, MODERN);
    assert_int_equal(vq_transport_queue_enable(w.t, 0, &place), VQ_OK);
    w.slow = 5;
    w.log.count = 0;
    assert_int_equal(vq_transport_queue_reset(w.t, 0), VQ_OK);
    at = log_find(&w.log, 0, 'w', VQ_MMIO_QUEUE_RESET, 1);
    for (unsigned i = 1; i <= 5; i++) {
        assert_int_equal(w.log.list[at + i].address, VQ_MMIO_QUEUE_RESET);
        assert_int_equal(w.log.list[at + i].kind, 'r');
        assert_int_equal(w.log.list[at + i].value, i < 5);
    }
    assert_int_equal(w.log.count, at + 6);
    assert_int_equal(vq_transport_queue_enable(w.t, 0, &other), VQ_OK);
    assert_int_equal(w.queue[0].ready, 1);
    assert_int_equal(w.queue[0].size, 2);

    w.slow = 101;
    w.log.count = 0;
    assert_int_equal(vq_transport_queue_reset(w.t, 0), VQ_ERR_TIMEOUT);
    assert_int_equal(w.log.count, 102);
}

static void stops_queue(void **state)
{
    static const struct access expected[] = {
        {'w', 4, VQ_MMIO_QUEUE_SEL, 1},
        {'w', 4, VQ_MMIO_QUEUE_READY, 0},
        {'r', 4, VQ_MMIO_QUEUE_READY, 0},
    };
    struct vq_place place = driver_place(VQ_FORMAT_SPLIT, 8);
    (void)state;
    start(2, MODERN);
    assert_int_equal(vq_transport_queue_enable(w.t, 1, &place), VQ_OK);
    w.log.count = 0;
    assert_int_equal(vq_mmio_driver_stop(&w.driver, 1), VQ_OK);
    assert_true(log_is(&w.log, 0, expected, 3));
    w.sticky = 1;
    assert_int_equal(vq_mmio_driver_stop(&w.driver, 1), VQ_ERR_TIMEOUT);
}

static void notifies(void **state)
{
    static const struct access expected[] = {{'w', 4, VQ_MMIO_QUEUE_NOTIFY, 1}};
    static const struct access with_data[] = {{'w', 4, VQ_MMIO_QUEUE_NOTIFY, 0x80050001}};
    (void)state;
    start(2, MODERN);
    assert_int_equal(vq_transport_notify(w.t, 1, 0x80050001), VQ_OK);
    assert_true(log_is(&w.log, 0, expected, 1));
    start(2, MODERN | BIT(VQ_F_NOTIFICATION_DATA));
    assert_int_equal(vq_transport_notify(w.t, 1, 0x80050001), VQ_OK);
    assert_true(log_is(&w.log, 0, with_data, 1));
}

/* --- interrupts ---------------------------------------------------------------------- */

static void interrupts(void **state)
{
    (void)state;
    start(2, MODERN);
    for (uint32_t cause = 0; cause < 4; cause++) {
        const struct access expected[] = {
            {'r', 4, VQ_MMIO_INTERRUPT_STATUS, 0xf0 | cause},
            {'w', 4, VQ_MMIO_INTERRUPT_ACK, cause},
        };
        w.log.count = 0;
        w.interrupt = 0xf0 | cause;
        assert_int_equal(vq_mmio_driver_interrupt(&w.driver), cause);
        assert_true(log_is(&w.log, 0, expected, cause != 0 ? 2 : 1));
    }
    /* All that came since, once. */
    w.interrupt = 0;
    assert_int_equal(vq_transport_take_events(w.t), VQ_EVENT_QUEUE | VQ_EVENT_CONFIG);
    assert_int_equal(vq_transport_take_events(w.t), 0);
    /* Polled. */
    w.interrupt = VQ_MMIO_INTERRUPT_CONFIG;
    assert_int_equal(vq_transport_take_events(w.t), VQ_EVENT_CONFIG);
    assert_int_equal(w.interrupt, 0);
    assert_int_equal(vq_transport_take_events(w.t), 0);
}

static enum vq_error nap(void *context, uint16_t index, int timeout_ms)
{
    *(int *)context += timeout_ms + index;
    return VQ_ERR_TIMEOUT;
}

static void sleeps(void **state)
{
    struct vq_mmio_driver_config config = config_of();
    int slept = 0;
    (void)state;
    start(2, MODERN);
    assert_int_equal(vq_transport_wait(w.t, 0, 5), VQ_ERR_UNSUPPORTED);
    config.wait = nap;
    config.context = &slept;
    assert_int_equal(vq_mmio_driver_init(&w.driver, &config), VQ_OK);
    assert_int_equal(vq_transport_wait(w.t, 1, 5), VQ_ERR_TIMEOUT);
    assert_int_equal(slept, 6);
}

/* --- configuration space ------------------------------------------------------------- */

static void reads_config(void **state)
{
    uint8_t bytes[32];
    static const struct driver_field fields[] = {
        {0, 1, 1, 1}, {3, 1, 1, 1}, {2, 2, 2, 1},   {3, 2, 1, 2},   {4, 4, 4, 1},
        {6, 4, 1, 4}, {8, 8, 4, 2}, {4, 8, 4, 2},   {0, 6, 1, 6},   {0, 12, 1, 12},
        {2, 8, 1, 8}, {0, 3, 1, 3}, {252, 4, 4, 1}, {255, 1, 1, 1},
    };
    (void)state;
    start(2, MODERN);
    for (unsigned i = 0; i < CONFIG_BYTES; i++)
        w.config[i] = (uint8_t)(i * 7 + 1);
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        driver_config_field(w.t, &w.log, w.config, VQ_MMIO_CONFIG_GENERATION, &fields[i]);
    w.log.count = 0;
    assert_int_equal(vq_transport_read_config(w.t, 253, bytes, 4), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_write_config(w.t, 256, bytes, 1), VQ_ERR_RANGE);
    w.driver.config.registers.bytes = 0; /* nobody knows where it ends */
    assert_int_equal(vq_transport_write_config(w.t, UINT32_MAX - 0xff, bytes, 4), VQ_ERR_RANGE);
    assert_int_equal(vq_transport_read_config(w.t, UINT32_MAX - 0xff, bytes, 4), VQ_ERR_RANGE);
    assert_int_equal(w.log.count, 0);
}

static void shares_memory(void **state)
{
    struct vq_mmio_shared_memory region = {0, 0};
    (void)state;
    start(2, MODERN);
    assert_int_equal(vq_mmio_driver_shared_memory(&w.driver, 0, &region), VQ_ERR_RANGE);
    w.shm_base = UINT64_C(0x7fffff000);
    w.shm_bytes = UINT64_C(0x100002000);
    assert_int_equal(vq_mmio_driver_shared_memory(&w.driver, 1, &region), VQ_OK);
    assert_true(region.address == w.shm_base && region.bytes == w.shm_bytes);
    w.shm_bytes = 0;
    assert_int_equal(vq_mmio_driver_shared_memory(&w.driver, 1, &region), VQ_ERR_RANGE);
    w.shm_base = 0 - UINT64_C(0x1000);
    w.shm_bytes = 0x1000;
    assert_int_equal(vq_mmio_driver_shared_memory(&w.driver, 1, &region), VQ_OK);
    w.shm_bytes = 0x1001;
    assert_int_equal(vq_mmio_driver_shared_memory(&w.driver, 1, &region), VQ_ERR_BROKEN);
}

/* Nobody asked for it in all that is above but the last case. */
static void expects_no_shared_memory(void **state)
{
    (void)state;
    shakes_hands(state);
    assert_int_equal(log_count(&w.log, 'r', VQ_MMIO_SHM_SEL, VQ_MMIO_SHM_BASE_HIGH), 0);
    assert_int_equal(log_count(&w.log, 'w', VQ_MMIO_SHM_SEL, VQ_MMIO_SHM_BASE_HIGH), 0);
}

/* --- through a pointer --------------------------------------------------------------- */

static void through_a_pointer(void **state)
{
    static _Alignas(8) uint8_t memory[WINDOW];
    struct vq_mmio_driver_config config = {.registers = {.base = memory, .bytes = WINDOW}};
    static const uint8_t magic[] = {'v', 'i', 'r', 't', 2, 0, 0, 0, 3, 0, 0, 0};
    static const uint8_t notify[] = {0x34, 0x12, 0, 0};
    uint8_t bytes[4];
    (void)state;
    memcpy(memory, magic, sizeof(magic));
    for (unsigned i = 0; i < 16; i++)
        memory[VQ_MMIO_CONFIG + i] = (uint8_t)(i + 1);
    assert_int_equal(vq_mmio_driver_init(&w.driver, &config), VQ_OK);
    w.t = &w.driver.transport;
    assert_int_equal(w.t->device_id, 3);
    assert_int_equal(w.t->ops->notify(w.t, 0x1234, 0), VQ_OK);
    assert_memory_equal(memory + VQ_MMIO_QUEUE_NOTIFY, notify, 4);
    for (uint32_t n = 1; n <= 4; n++) {
        assert_int_equal(w.t->ops->read_config(w.t, 4, bytes, n), VQ_OK);
        assert_memory_equal(bytes, memory + VQ_MMIO_CONFIG + 4, n);
        assert_int_equal(w.t->ops->write_config(w.t, 8, bytes, n), VQ_OK);
        assert_memory_equal(bytes, memory + VQ_MMIO_CONFIG + 8, n);
    }
}

/* --- version 1 ----------------------------------------------------------------------- */

#if VQ_WITH_LEGACY
static void legacy_handshake(void **state)
{
    struct driver_legacy_queue q;
    struct vq_plan plan = {
        .wanted = vq_features_from64(MODERN | BIT(VQ_F_ANY_LAYOUT) | 3),
        .setup = driver_legacy_setup,
        .context = &q,
    };
    static const struct access expected[] = {
        {'w', 4, VQ_MMIO_STATUS, 0},
        {'r', 4, VQ_MMIO_STATUS, 0},
        {'w', 4, VQ_MMIO_STATUS, 1},
        {'w', 4, VQ_MMIO_STATUS, 3},
        {'w', 4, VQ_MMIO_DEVICE_FEATURES_SEL, 0},
        {'r', 4, VQ_MMIO_DEVICE_FEATURES, 0x20000002},
        {'w', 4, VQ_MMIO_DRIVER_FEATURES_SEL, 0},
        {'w', 4, VQ_MMIO_DRIVER_FEATURES, 0x20000002},
        {'w', 4, VQ_MMIO_GUEST_PAGE_SIZE, 4096},
        {'w', 4, VQ_MMIO_QUEUE_SEL, 0},
        {'r', 4, VQ_MMIO_QUEUE_PFN, 0},
        {'r', 4, VQ_MMIO_QUEUE_SIZE_MAX, SIZE_MAX_HERE},
        {'w', 4, VQ_MMIO_QUEUE_SEL, 0},
        {'r', 4, VQ_MMIO_QUEUE_PFN, 0},
        {'r', 4, VQ_MMIO_QUEUE_SIZE_MAX, SIZE_MAX_HERE},
        {'w', 4, VQ_MMIO_QUEUE_SIZE, 16},
        {'w', 4, VQ_MMIO_QUEUE_ALIGN, 4096},
        {'w', 4, VQ_MMIO_QUEUE_PFN, 0x40001},
        {'w', 4, VQ_MMIO_STATUS, 7},
        {'r', 4, VQ_MMIO_STATUS, 7},
    };
    (void)state;
    set_up(1, MODERN | 2);
    open_driver();
    assert_true(vq_mmio_driver_is_legacy(&w.driver));
    w.log.count = 0;
    assert_int_equal(vq_transport_init_device(w.t, &plan, NULL), VQ_OK);
    assert_true(log_is(&w.log, 0, expected, sizeof(expected) / sizeof(expected[0])));
    assert_int_equal(q.constraints.size_max, SIZE_MAX_HERE);
    /* Descriptors, available ring, and the used ring at the next 4096. */
    assert_int_equal(q.place.address[VQ_DRIVER_AREA], 0x40001000 + 16 * 16);
    assert_int_equal(q.place.address[VQ_DEVICE_AREA], 0x40002000);
}

static void legacy_small_pages(void **state)
{
    struct vq_mmio_driver_config config = config_of();
    struct vq_plan plan = {.wanted = vq_features_from64(0), .patience = 100};
    struct vq_constraints constraints;
    struct vq_fragment fragment = {0x20000100, 1024};
    struct vq_place place;
    (void)state;
    set_up(1, 0);
    config.page_shift = 6;
    config.queue_align = 64;
    assert_int_equal(vq_mmio_driver_init(&w.driver, &config), VQ_OK);
    w.t = &w.driver.transport;
    assert_int_equal(vq_transport_init_device(w.t, &plan, NULL), VQ_OK);
    assert_int_equal(w.page_size, 64);
    assert_int_equal(vq_transport_queue_constraints(w.t, 0, &constraints), VQ_OK);
    assert_int_equal(vq_place_find(&constraints, 8, &fragment, 1, &place, NULL), VQ_OK);
    assert_int_equal(vq_transport_queue_enable(w.t, 0, &place), VQ_OK);
    assert_int_equal(w.queue[0].align, 64);
    assert_int_equal(w.queue[0].pfn, place.address[VQ_DESCRIPTOR_AREA] >> 6);
    assert_int_equal(place.address[VQ_DEVICE_AREA] % 64, 0);
}

static void legacy_refuses(void **state)
{
    struct vq_place place = driver_place(VQ_FORMAT_LEGACY, 16);
    (void)state;
    start(1, 0);
    driver_refuses_pages(w.t, 16);
    place.address[VQ_DESCRIPTOR_AREA] = BIT(44) - 4096;
    place.layout.size = 512;
    assert_int_equal(vq_transport_queue_enable(w.t, 0, &place), VQ_ERR_SIZE);
    assert_int_equal(log_count(&w.log, 'w', VQ_MMIO_QUEUE_PFN, VQ_MMIO_QUEUE_PFN), 0);
    place.layout.size = 16;
    assert_int_equal(vq_transport_queue_enable(w.t, 0, &place), VQ_OK);
    assert_int_equal(w.queue[0].pfn, UINT32_MAX);

    /* In use: its maximum is not read. */
    w.log.count = 0;
    assert_int_equal(vq_transport_queue_enable(w.t, 0, &place), VQ_ERR_STATE);
    assert_int_equal(log_count(&w.log, 'r', VQ_MMIO_QUEUE_SIZE_MAX, VQ_MMIO_QUEUE_SIZE_MAX), 0);

    place = driver_place(VQ_FORMAT_SPLIT, 16);
    assert_int_equal(vq_transport_queue_enable(w.t, 1, &place), VQ_ERR_INVALID);
    assert_int_equal(vq_transport_queue_reset(w.t, 0), VQ_ERR_UNSUPPORTED);
}

static void legacy_stops(void **state)
{
    static const struct access expected[] = {
        {'w', 4, VQ_MMIO_QUEUE_SEL, 0},
        {'w', 4, VQ_MMIO_QUEUE_PFN, 0},
        {'r', 4, VQ_MMIO_QUEUE_PFN, 0},
    };
    struct vq_place place = driver_place(VQ_FORMAT_LEGACY, 16);
    struct vq_mmio_shared_memory region;
    (void)state;
    start(1, 0);
    assert_int_equal(vq_transport_queue_enable(w.t, 0, &place), VQ_OK);
    w.log.count = 0;
    assert_int_equal(vq_mmio_driver_stop(&w.driver, 0), VQ_OK);
    assert_true(log_is(&w.log, 0, expected, 3));
    assert_int_equal(vq_mmio_driver_shared_memory(&w.driver, 1, &region), VQ_ERR_UNSUPPORTED);
}

/* Without a generation: until two readings agree, in the byte order of the driver. */
static void legacy_config(void **state)
{
    uint8_t bytes[4];
    (void)state;
    start(1, 0);
    w.config[4] = 0x12, w.config[5] = 0x34, w.config[6] = 0x56, w.config[7] = 0x78;
    assert_int_equal(vq_transport_read_config(w.t, 4, bytes, 4), VQ_OK);
    assert_int_equal(w.log.count, 2);
    w.t->legacy_big_endian = true;
    assert_int_equal(vq_transport_config32(w.t, bytes), 0x12345678);
    w.t->legacy_big_endian = false;
    assert_int_equal(vq_transport_config32(w.t, bytes), 0x78563412);
}
#endif

static const struct CMUnitTest tests[] = {
    VQ_TEST(looks_in_order, "magic, version and type are read in this order "
                            "[MMIO-DRV-INIT-01 MMIO-DRV-INIT-02]"),
    VQ_TEST(refuses_magic, "another magic: nothing else is touched, and it is said "
                           "[MMIO-DRV-REG-08 MMIO-DRV-REG-09]"),
    VQ_TEST(refuses_version, "another version: nothing else is touched, and it is said "
                             "[MMIO-DRV-REG-10 MMIO-DRV-REG-11]"),
    VQ_TEST(leaves_placeholder,
            "a placeholder is no error, is not driven and not touched [MMIO-DRV-REG-12 "
            "MMIO-DRV-REG-13 MMIO-DRV-INIT-03 MMIO-DRV-INIT-04]"),
    VQ_TEST(refuses_configuration, "a configuration without sense touches nothing"),
    VQ_TEST(shakes_hands,
            "the handshake, access by access [MMIO-DRV-INIT-06 MMIO-DRV-REG-01 MMIO-DRV-REG-02 "
            "MMIO-DRV-REG-03 MMIO-DRV-REG-04 MMIO-DRV-REG-14 MMIO-DRV-REG-15 MMIO-DRV-VQCFG-01]"),
    VQ_TEST(waits_for_reset, "a reset is over when the status reads 0, and is waited for so long"),
    VQ_TEST(needs_version_1, "version 2 is not driven without VERSION_1"),
    VQ_TEST(gives_up, "FEATURES_OK that does not stick ends it with FAILED"),
    VQ_TEST(wide_features, "features beyond 64, and devices that have no such"),
    VQ_TEST(refuses_queue, "a queue that is too large, not there or in use [MMIO-DRV-REG-16 "
                           "MMIO-DRV-REG-17]"),
    VQ_TEST(resets_queue, "a queue is reset when QueueReset reads 0, and enabled anew, smaller "
                          "[BASIC-DRV-VQRST-01 MMIO-DRV-REG-23 MMIO-DRV-REG-24 MMIO-DRV-REG-25]"),
    VQ_TEST(stops_queue, "QueueReady is cleared and read back [MMIO-DRV-REG-18 MMIO-DRV-REG-19]"),
    VQ_TEST(notifies, "a notification holds the index, or data [MMIO-DRV-KICK-01 "
                      "MMIO-DRV-KICK-02]"),
    VQ_TEST(interrupts, "causes are read, noted and acknowledged, unknown ones not "
                        "[MMIO-DRV-REG-20 MMIO-DRV-REG-21 MMIO-DRV-REG-22 MMIO-DRV-INT-01 "
                        "MMIO-DRV-INT-03]"),
    VQ_TEST(sleeps, "waiting is the caller's"),
    VQ_TEST(reads_config, "a field takes accesses of its width, and none beyond the end "
                          "[MMIO-DRV-REG-05 MMIO-DRV-REG-06 MMIO-DRV-REG-07]"),
    VQ_TEST(shares_memory, "shared memory regions, absent and absurd ones"),
    VQ_TEST(expects_no_shared_memory, "who wants no shared memory touches no register of it "
                                      "[MMIO-DRV-INIT-05]"),
    VQ_TEST(through_a_pointer, "registers through a pointer are little-endian everywhere"),
#if VQ_WITH_LEGACY
    VQ_TEST(legacy_handshake,
            "version 1, access by access [MMIOLEG-DRV-01 MMIOLEG-DRV-02 MMIOLEG-DRV-04 "
            "MMIOLEG-DRV-07 MMIOLEG-DRV-09 MMIOLEG-DRV-10 INIT-DRV-LEG-01]"),
    VQ_TEST(legacy_small_pages, "version 1: pages and alignment of the caller's choice "
                                "[MMIOLEG-DRV-02 MMIOLEG-DRV-04 MMIOLEG-DRV-10]"),
    VQ_TEST(legacy_refuses, "version 1: no page 0, none that does not fit, no queue in use "
                            "[MMIOLEG-DRV-03 MMIOLEG-DRV-05 MMIOLEG-DRV-07 MMIOLEG-DRV-08]"),
    VQ_TEST(legacy_stops, "version 1: QueuePFN ends the use of a queue [MMIOLEG-DRV-06]"),
    VQ_TEST(legacy_config, "version 1: configuration is in the driver's byte order"),
#endif
};

int main(void)
{
    return VQ_RUN(tests);
}
