/*
 * Devices on MMIO and PCI that turn at some access: from then on they answer nonsense, or
 * nothing, or are not there any more. For every access of a driver's life, by every
 * interface, the driver must come to an end within its bounds, touch nothing of which it has
 * not made sure that it is there (the bus looks), and work again once the device does.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include <vq/mmio_driver.h>
#include <vq/pci_driver.h>
#include <vq/rng_device.h>
#include <vq/rng_driver.h>

#include "bus.h"

enum { SIZE = 8, ARENA = 65536, PATIENCE = 20, VECTORS = 2, CALL = 3000, NEVER = 1000000 };
#define ARENA_ADDRESS UINT64_C(0x40000000)

enum lie {
    GONE, /* all ones, as of a device that was pulled out */
    ZERO,
    INVERTED,
    STUCK, /* the same again and again */
    ANYTHING,
    LIES,
};

enum kind {
    MMIO,
    MMIO_LEGACY,
    PCI,
    PCI_LEGACY,
    PCI_WINDOW,
};

/* A bus on top of the honest one. */
struct liar {
    const struct vq_bus *bus;
    void *context;
};

static struct machine {
    enum kind kind;
    enum lie lie;
    unsigned turn; /* accesses until it lies */
    unsigned reads, calls;
    uint32_t last;
    struct vq_random random;
    struct liar liars[64]; /* the first is MMIO's or configuration space's */
    unsigned liar_count;
    struct vq_rng_device device;
    struct vq_region region;
    struct vq_memory memory;
    struct vq_model_queue model_queue;
    struct vq_mmio_device mmio;
    struct vq_pci_device pci;
    struct vq_pci_vector vectors[VECTORS];
    struct vq_mmio_driver mmio_driver;
    struct vq_pci_driver pci_driver;
    struct vq_pci_queue pci_queues[2];
    struct vq_transport *t;
    struct vq_model_state *state;
    struct vq_rng_driver rng;
    struct vq_driver_slot slots[SIZE];
    uint64_t tags[SIZE];
} m;
static _Alignas(4096) uint8_t arena[ARENA];
static _Alignas(16) uint8_t device_memory[4096];

static uint32_t read_lying(void *context, uint32_t address, unsigned bytes)
{
    const struct liar *liar = context;
    uint32_t mask = bytes == 4 ? UINT32_MAX : (1u << 8 * bytes) - 1;
    uint32_t value = liar->bus->read(liar->context, address, bytes);

    assert_true(++m.calls < CALL);
    if (m.reads++ < m.turn) {
        m.last = value;
        return value;
    }
    switch (m.lie) {
    case GONE:
        return mask;
    case ZERO:
        return 0;
    case INVERTED:
        return ~value & mask;
    case STUCK:
        return m.last & mask;
    default:
        return (uint32_t)vq_random(&m.random) & mask;
    }
}

static void write_lying(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    const struct liar *liar = context;

    assert_true(++m.calls < CALL);
    if (m.reads < m.turn || m.lie != GONE)
        liar->bus->write(liar->context, address, bytes, value);
}

static const struct vq_bus lying = {read_lying, write_lying};

static struct vq_registers lie_about(const struct vq_registers *r)
{
    struct vq_registers mine = *r;
    unsigned i = m.liar_count < 64 ? m.liar_count++ : 63;

    m.liars[i] = (struct liar){r->bus, r->context};
    mine.bus = &lying;
    mine.context = &m.liars[i];
    return mine;
}

static bool map(void *context, unsigned bar, uint32_t offset, uint32_t bytes,
                struct vq_registers *r)
{
    struct vq_registers honest;

    assert_true(bar < VQ_PCI_BARS && bytes != 0 && bytes - 1 <= UINT32_MAX - offset);
    if (m.kind == PCI_WINDOW || !bus_pci_map(context, bar, offset, bytes, &honest))
        return false;
    *r = lie_about(&honest);
    return true;
}

static size_t source(void *context, uint8_t *bytes, size_t count)
{
    (void)context;
    memset(bytes, 0x77, count);
    return count;
}

static void line(void *context, bool high)
{
    (void)context, (void)high;
}

static void message(void *context, uint16_t vector, uint64_t address, uint32_t data)
{
    (void)context, (void)vector, (void)address, (void)data;
}

static void make_device(void)
{
    const struct vq_rng_device_config config = {.queue_size = SIZE, .source = source};
    struct vq_model_config model = {.model = &m.device.model,
                                    .memory = &m.memory,
                                    .queues = &m.model_queue,
                                    .queue_count = 1,
                                    .legacy_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__};

    assert_true(vq_rng_device_bytes(&config) <= sizeof(device_memory));
    assert_int_equal(vq_rng_device_init(&m.device, &config, device_memory, sizeof(device_memory)),
                     VQ_OK);
    m.region = (struct vq_region){ARENA_ADDRESS, ARENA, arena, VQ_READ | VQ_WRITE};
    assert_int_equal(vq_memory_init(&m.memory, &m.region, 1), VQ_OK);
    if (m.kind <= MMIO_LEGACY) {
        struct vq_mmio_device_config mmio = {
            .device = model, .legacy = m.kind == MMIO_LEGACY, .interrupt = line};
        assert_int_equal(vq_mmio_device_init(&m.mmio, &mmio), VQ_OK);
        m.state = &m.mmio.state;
        return;
    }
    struct vq_pci_device_config pci = {.device = model,
                                       .kind = m.kind == PCI_LEGACY ? VQ_PCI_LEGACY : VQ_PCI_MODERN,
                                       .vectors = m.vectors,
                                       .vector_count = VECTORS,
                                       .message = message,
                                       .line = line};
    assert_int_equal(vq_pci_device_init(&m.pci, &pci), VQ_OK);
    bus_pci_set_up(&m.pci, VECTORS);
    m.state = &m.pci.state;
}

/* Makes the driver's end. */
static enum vq_error attach(void)
{
    m.calls = 0;
    m.liar_count = 0;
    if (m.kind <= MMIO_LEGACY) {
        struct vq_registers window = {.bus = &bus_mmio, .context = &m.mmio, .bytes = 0x200};
        struct vq_mmio_driver_config config = {.registers = lie_about(&window),
                                               .patience = PATIENCE};
        m.t = &m.mmio_driver.transport;
        return vq_mmio_driver_init(&m.mmio_driver, &config);
    }
    struct vq_registers space = {.bus = &bus_pci_space, .context = &m.pci, .bytes = 256};
    struct vq_pci_driver_config config = {.space = lie_about(&space),
                                          .map = map,
                                          .context = &m.pci,
                                          .queues = m.pci_queues,
                                          .queue_count = 2,
                                          .vectors = VECTORS,
                                          .patience = PATIENCE};
    m.t = &m.pci_driver.transport;
    return vq_pci_driver_init(&m.pci_driver, &config);
}

static unsigned interrupt(void)
{
    return m.kind <= MMIO_LEGACY ? vq_mmio_driver_interrupt(&m.mmio_driver)
                                 : vq_pci_driver_interrupt(&m.pci_driver, VQ_MSI_NO_VECTOR);
}

static enum vq_error open_rng(void)
{
    const struct vq_queue_piece piece = {arena, ARENA_ADDRESS, ARENA / 2};
    const struct vq_rng_driver_options options = {.queue_size = SIZE,
                                                  .memory = {.pieces = &piece, .count = 1},
                                                  .slots = m.slots,
                                                  .tags = m.tags,
                                                  .patience = PATIENCE};
    m.calls = 0;
    return vq_rng_driver_open(&m.rng, m.t, &options, NULL);
}

/* Asks for some bytes; true if they came. */
static bool ask(void)
{
    struct vq_rng_driver_done done[SIZE];
    size_t n = 0;

    m.calls = 0;
    memset(arena + ARENA / 2, 0, 64);
    if (vq_rng_driver_prepare(&m.rng, ARENA_ADDRESS + ARENA / 2, 64, 5) != VQ_OK ||
        vq_rng_driver_submit(&m.rng) != VQ_OK)
        return false;
    (void)vq_model_run(m.state);
    for (unsigned i = 0; i < 4 && n == 0; i++)
        n = vq_rng_driver_reap(&m.rng, done, SIZE);
    return n == 1 && done[0].tag == 5 && done[0].bytes == 64 && arena[ARENA / 2] == 0x77 &&
           arena[ARENA / 2 + 63] == 0x77;
}

/* Everything that a driver may ask of a transport while it runs. */
static void use_everything(void)
{
    uint8_t bytes[24];
    struct vq_constraints constraints;

    for (unsigned i = 0; i < 9; i++) {
        m.calls = 0;
        switch (i) {
        case 0:
            (void)vq_transport_take_events(m.t);
            break;
        case 1:
            assert_true(interrupt() <= (VQ_EVENT_QUEUE | VQ_EVENT_CONFIG));
            break;
        case 2:
            (void)vq_transport_read_config(m.t, 0, bytes, 8);
            break;
        case 3:
            (void)vq_transport_write_config(m.t, 4, bytes, 4);
            break;
        case 4:
            if (vq_transport_queue_constraints(m.t, 0, &constraints) == VQ_OK)
                assert_in_range(constraints.size_max, 1, UINT16_MAX);
            break;
        case 5:
            (void)vq_transport_notify(m.t, 0, 0);
            break;
        case 6:
            if (vq_transport_suspend(m.t, PATIENCE) == VQ_OK)
                (void)vq_transport_resume(m.t, PATIENCE);
            break;
        case 7:
            (void)vq_transport_queue_reset(m.t, 0);
            break;
        default:
            (void)vq_transport_needs_reset(m.t);
        }
    }
}

/* A driver's life; false if the device was not there at all. */
static bool live(void)
{
    if (attach() != VQ_OK)
        return false;
    if (open_rng() == VQ_OK) {
        assert_true(ask() || m.turn != NEVER);
        use_everything();
        m.calls = 0;
        assert_true(vq_transport_reset(m.t, PATIENCE) == VQ_OK || m.turn != NEVER);
    } else {
        assert_true((m.t->status & VQ_STATUS_FAILED) != 0);
    }
    return true;
}

static void turns(void **state)
{
    enum kind kind = (enum kind)(uintptr_t)*state;
    unsigned accesses;

    /* How many there are in a good life. */
    memset(&m, 0, sizeof(m));
    m.kind = kind;
    m.turn = NEVER;
    make_device();
    assert_true(live());
    accesses = m.reads;
    assert_in_range(accesses, 15, 1000);

    for (unsigned lie = 0; lie < LIES; lie++)
        for (unsigned turn = 0; turn <= accesses; turn++) {
            memset(&m, 0, sizeof(m));
            memset(arena, 0, sizeof(arena));
            m.kind = kind;
            m.lie = (enum lie)lie;
            m.turn = turn;
            m.random.state = turn;
            make_device();
            (void)live();
            /* And when it has come to its senses: */
            m.turn = NEVER;
            assert_int_equal(attach(), VQ_OK);
            assert_int_equal(open_rng(), VQ_OK);
            assert_true(ask());
        }
}

static const struct CMUnitTest tests[] = {
    VQ_TEST_STATE(turns, MMIO, "MMIO: whenever the device turns, its driver ends, and begins anew"),
    VQ_TEST_STATE(turns, MMIO_LEGACY, "MMIO version 1: likewise"),
    VQ_TEST_STATE(turns, PCI, "PCI: likewise"),
    VQ_TEST_STATE(turns, PCI_LEGACY, "PCI legacy: likewise"),
    VQ_TEST_STATE(turns, PCI_WINDOW, "PCI by configuration access: likewise"),
};

int main(void)
{
    return VQ_RUN(tests);
}
