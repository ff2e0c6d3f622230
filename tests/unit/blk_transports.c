/*
 * One block driver, from one source, over every transport, with one block device
 * behind it: writes, reads, flushes, a queue that is reset and made anew, a suspend
 * where there is one. What was written is looked for on the disk itself.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vq/blk_device.h>
#include <vq/blk_driver.h>
#include <vq/loopback.h>
#include <vq/mmio_driver.h>
#include <vq/pci_driver.h>

#include "bus.h"
#ifdef VQ_TEST_HOSTED
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <vq/vhost_user_frontend.h>

#include "host/vhost_host.h"
#endif

enum {
    QUEUES = 2,
    SIZE = 32,
    DEPTH = 5,
    SECTORS = 256,
    ARENA = 1 << 20,
    VECTORS = QUEUES + 1,
    DATA = 512 << 10, /* where data lies in the arena */
    ROUNDS = 40,
};
#define ARENA_ADDRESS UINT64_C(0x40000000)

enum kind {
    LOOPBACK,
    MMIO,
    MMIO_LEGACY,
    PCI,
    PCI_LEGACY_ON_TRANSITIONAL,
    PCI_LEGACY,
    PCI_WINDOW,
    VHOST
};

static const struct which {
    const char *name;
    enum kind kind;
    enum vq_pci_kind pci;
    uint16_t vectors;
    bool legacy; /* so is the driver then */
    bool packed;
    bool reset;   /* queues can be reset */
    bool suspend; /* the device can be suspended */
} all[] = {
    {"loopback", LOOPBACK, VQ_PCI_MODERN, 0, false, false, true, true},
    {"loopback, packed", LOOPBACK, VQ_PCI_MODERN, 0, false, true, true, true},
    {"MMIO version 2", MMIO, VQ_PCI_MODERN, 0, false, false, true, true},
    {"MMIO version 2, packed", MMIO, VQ_PCI_MODERN, 0, false, true, true, true},
    {"MMIO version 1", MMIO_LEGACY, VQ_PCI_MODERN, 0, true, false, false, false},
    {"PCI modern, INTx", PCI, VQ_PCI_MODERN, 0, false, false, true, true},
    {"PCI modern, MSI-X, packed", PCI, VQ_PCI_MODERN, VECTORS, false, true, true, true},
    {"PCI transitional, MSI-X", PCI, VQ_PCI_TRANSITIONAL, VECTORS, false, false, true, true},
    {"PCI transitional, legacy driver, MSI-X", PCI_LEGACY_ON_TRANSITIONAL, VQ_PCI_TRANSITIONAL,
     VECTORS, true, false, false, false},
    {"PCI transitional, legacy driver, INTx", PCI_LEGACY_ON_TRANSITIONAL, VQ_PCI_TRANSITIONAL, 0,
     true, false, false, false},
    {"PCI legacy, INTx", PCI_LEGACY, VQ_PCI_LEGACY, 0, true, false, false, false},
    {"PCI modern by configuration access", PCI_WINDOW, VQ_PCI_MODERN, 0, false, false, true, true},
#ifdef VQ_TEST_HOSTED
    {"vhost-user", VHOST, VQ_PCI_MODERN, 0, false, false, false, false},
    {"vhost-user, packed", VHOST, VQ_PCI_MODERN, 0, false, true, false, false},
#endif
};

/* A disk in memory; what comes is done at once. */
struct disk {
    struct vq_blk_lane lane;
    uint8_t *bytes;
    struct vq_blk_io *done[SIZE];
    unsigned count;
    unsigned flushes;
};

static void disk_submit(struct vq_blk_lane *lane, struct vq_blk_io *const ios[], size_t count)
{
    struct disk *d = (struct disk *)(void *)lane;

    for (size_t i = 0; i < count; i++) {
        uint8_t *at = d->bytes + ios[i]->offset;
        for (uint32_t k = 0; k < ios[i]->segment_count; k++) {
            const struct vq_segment *s = &ios[i]->segments[k];
            if (ios[i]->type == VQ_BLK_IO_READ)
                memcpy(s->base, at, s->bytes);
            else
                memcpy(at, s->base, s->bytes);
            at += s->bytes;
        }
        d->flushes += ios[i]->type == VQ_BLK_IO_FLUSH;
        ios[i]->result = VQ_OK;
        d->done[d->count++] = ios[i];
    }
}

static size_t disk_reap(struct vq_blk_lane *lane, struct vq_blk_io *ios[], size_t count, bool wait)
{
    struct disk *d = (struct disk *)(void *)lane;
    size_t n = 0;
    (void)wait;

    while (n < count && d->count != 0)
        ios[n++] = d->done[--d->count];
    return n;
}

static int disk_wait_fd(const struct vq_blk_lane *lane)
{
    (void)lane;
    return -1;
}

static const struct vq_blk_lane_ops disk_ops = {"disk", disk_submit, disk_reap, disk_wait_fd};

/* All of a case. */
static struct machine {
    const struct which *which;
    /* The device's end. */
    uint8_t disk[SECTORS * 512];
    struct disk lanes[QUEUES];
    struct vq_blk_device device;
    void *device_memory;
    struct vq_region region;
    struct vq_memory memory;
    struct vq_model_queue model_queues[QUEUES];
    struct vq_pci_vector vectors[VECTORS];
    struct vq_loopback loop;
    struct vq_mmio_device mmio;
    struct vq_pci_device pci;
    unsigned interrupts;
    /* The driver's end. */
    struct vq_mmio_driver mmio_driver;
    struct vq_pci_driver pci_driver;
    struct vq_pci_queue pci_queues[QUEUES];
    struct vq_transport *t;
    struct vq_model_state *state; /* NULL: the device runs by itself */
    struct vq_blk_driver driver;
    struct vq_blk_driver_queue queues[QUEUES];
    uint8_t *arena;
    uint64_t arena_address;
    uint8_t shadow[SECTORS * 512]; /* what the disk should be */
    struct vq_random random;
#ifdef VQ_TEST_HOSTED
    struct vq_vhost_frontend *frontend;
    pthread_t server;
    int socket;
#endif
} m;
static _Alignas(4096) uint8_t arena[ARENA];
static _Alignas(16) uint8_t private_memory[QUEUES][64 << 10];

static void mmio_line(void *context, bool high)
{
    (void)context;
    m.interrupts += high;
}

static void pci_line(void *context, bool high)
{
    (void)context;
    m.interrupts += high;
}

static void pci_message(void *context, uint16_t vector, uint64_t address, uint32_t data)
{
    (void)context;
    assert_int_equal(vector, data);
    assert_true(address == 0xfee00000);
    m.interrupts++;
    assert_int_not_equal(vq_pci_driver_interrupt(&m.pci_driver, vector), 0);
}

/* Nobody sleeps here: the device's end is run, and what it signals is handled. */
static enum vq_error run(void *context, uint16_t index, int timeout_ms)
{
    unsigned before = m.interrupts;
    (void)context, (void)index, (void)timeout_ms;

    (void)vq_model_run(m.state);
    if (m.mmio.interrupt_status != 0)
        assert_int_not_equal(vq_mmio_driver_interrupt(&m.mmio_driver), 0);
    if (m.pci.high)
        assert_int_not_equal(vq_pci_driver_interrupt(&m.pci_driver, VQ_MSI_NO_VECTOR), 0);
    assert_false(m.pci.high);
    return m.interrupts != before ? VQ_OK : VQ_ERR_TIMEOUT;
}

static struct vq_model_config model_config(void)
{
    return (struct vq_model_config){.model = &m.device.model,
                                    .memory = &m.memory,
                                    .queues = m.model_queues,
                                    .queue_count = QUEUES,
                                    .legacy_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__};
}

static void make_device(void)
{
    struct vq_blk_lane *lanes[QUEUES];
    struct vq_blk_device_config config = {.capacity = SECTORS,
                                          .queue_count = QUEUES,
                                          .queue_size = SIZE,
                                          .lanes = lanes,
                                          .serial = "a disk on every bus"};
    size_t bytes;

    for (unsigned i = 0; i < QUEUES; i++) {
        m.lanes[i] = (struct disk){.lane = {&disk_ops}, .bytes = m.disk};
        lanes[i] = &m.lanes[i].lane;
    }
    bytes = vq_blk_device_bytes(&config);
    m.device_memory = aligned_alloc(64, bytes);
    assert_non_null(m.device_memory);
    assert_int_equal(vq_blk_device_init(&m.device, &config, m.device_memory, bytes), VQ_OK);
    m.region = (struct vq_region){ARENA_ADDRESS, ARENA, arena, VQ_READ | VQ_WRITE};
    assert_int_equal(vq_memory_init(&m.memory, &m.region, 1), VQ_OK);
    m.arena = arena;
    m.arena_address = ARENA_ADDRESS;
}

static void make_mmio(bool legacy)
{
    struct vq_mmio_device_config device = {
        .device = model_config(), .legacy = legacy, .interrupt = mmio_line};
    struct vq_mmio_driver_config driver = {
        .registers = {.bus = &bus_mmio, .context = &m.mmio, .bytes = 0x200}, .wait = run};

    assert_int_equal(vq_mmio_device_init(&m.mmio, &device), VQ_OK);
    assert_int_equal(vq_mmio_driver_init(&m.mmio_driver, &driver), VQ_OK);
    assert_int_equal(vq_mmio_driver_is_legacy(&m.mmio_driver), legacy);
    m.t = &m.mmio_driver.transport;
    m.state = &m.mmio.state;
}

static void make_pci(void)
{
    struct vq_pci_device_config device = {.device = model_config(),
                                          .kind = m.which->pci,
                                          .vectors = m.vectors,
                                          .vector_count = m.which->vectors,
                                          .message = pci_message,
                                          .line = pci_line};
    struct vq_pci_driver_config driver = {
        .space = {.bus = &bus_pci_space, .context = &m.pci, .bytes = 256},
        .map = m.which->kind == PCI_WINDOW ? bus_pci_map_nothing : bus_pci_map,
        .wait = run,
        .context = &m.pci,
        .queues = m.pci_queues,
        .queue_count = QUEUES,
        .interface =
            m.which->kind == PCI_LEGACY_ON_TRANSITIONAL ? VQ_PCI_ONLY_LEGACY : VQ_PCI_PREFER_MODERN,
        .vectors = m.which->vectors};

    assert_int_equal(vq_pci_device_init(&m.pci, &device), VQ_OK);
    bus_pci_set_up(&m.pci, m.which->vectors);
    assert_int_equal(vq_pci_driver_init(&m.pci_driver, &driver), VQ_OK);
    assert_int_equal(vq_pci_driver_is_legacy(&m.pci_driver), m.which->legacy);
    assert_int_equal(vq_pci_driver_is_indirect(&m.pci_driver), m.which->kind == PCI_WINDOW);
    m.t = &m.pci_driver.transport;
    m.state = &m.pci.state;
}

static void make_loopback(void)
{
    struct vq_loopback_config config = {.model = &m.device.model,
                                        .memory = &m.memory,
                                        .queues = m.model_queues,
                                        .queue_count = QUEUES};

    assert_int_equal(vq_loopback_init(&m.loop, &config), VQ_OK);
    m.t = &m.loop.transport;
    m.state = &m.loop.state;
}

#ifdef VQ_TEST_HOSTED
static void *serve(void *opaque)
{
    struct vq_vhost_host_config config = {.model = &m.device.model, .threads = 1};
    struct vq_vhost_host *host = vq_vhost_host_create(&config);
    struct vq_vhost_session *session;
    (void)opaque;

    if (!host)
        return NULL;
    session = vq_vhost_session_create(m.socket, &m.device.model, &vq_vhost_host_ops, host, NULL);
    if (session) {
        vq_vhost_host_attach(host, session);
        for (;;) {
            struct pollfd fd = {.fd = vq_vhost_session_fd(session), .events = POLLIN};
            if (poll(&fd, 1, 20000) != 1 ||
                vq_vhost_session_handle(session) != VQ_VHOST_SESSION_LIVE)
                break;
        }
        vq_vhost_session_destroy(session);
        vq_vhost_host_attach(host, NULL);
    }
    vq_vhost_host_destroy(host);
    return NULL;
}

static void make_vhost(void)
{
    int ends[2];
    struct vq_vhost_frontend_config config = {
        .memory_bytes = ARENA, .device_id = VQ_BLK_DEVICE_ID, .queue_size_max = SIZE};
    char why[300] = "";
    size_t bytes = 0;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    m.socket = ends[0];
    config.fd = ends[1];
    assert_int_equal(pthread_create(&m.server, NULL, serve, NULL), 0);
    assert_int_equal(vq_vhost_frontend_open(&m.frontend, &config, why, sizeof why), VQ_OK);
    m.arena = vq_vhost_frontend_memory(m.frontend, &m.arena_address, &bytes);
    assert_true(bytes >= ARENA);
    m.t = vq_vhost_frontend_transport(m.frontend);
}
#endif

static void make_machine(const struct which *which)
{
    memset(&m, 0, sizeof m);
    memset(arena, 0, sizeof arena);
    m.which = which;
    m.random.state = 1;
    make_device();
    switch (which->kind) {
    case LOOPBACK:
        make_loopback();
        break;
    case MMIO:
    case MMIO_LEGACY:
        make_mmio(which->legacy);
        break;
    case VHOST:
#ifdef VQ_TEST_HOSTED
        make_vhost();
#endif
        break;
    default:
        make_pci();
    }
}

static void end_machine(void)
{
#ifdef VQ_TEST_HOSTED
    if (m.frontend) {
        vq_vhost_frontend_close(m.frontend);
        assert_int_equal(pthread_join(m.server, NULL), 0);
    }
#endif
    free(m.device_memory);
}

/* Memory of the rings: three pieces apart, or a block of pages where the layout is a legacy one. */
static struct vq_queue_memory rings_of(unsigned queue, struct vq_queue_piece pieces[3])
{
    struct vq_queue_memory memory = {.pieces = pieces, .count = m.which->legacy ? 1 : 3};

    for (unsigned i = 0; i < memory.count; i++) {
        const size_t at = 0x10000 * (1 + queue) + (m.which->legacy ? 0 : 0x2010 * i);
        pieces[i] = (struct vq_queue_piece){m.arena + at, m.arena_address + at,
                                            m.which->legacy ? 0x4000 : 0x400};
    }
    return memory;
}

static void open_driver(void)
{
    struct vq_queue_piece pieces[QUEUES][3];
    struct vq_blk_memory memory[QUEUES];
    struct vq_blk_driver_options options = {.queue_count = QUEUES,
                                            .queue_size = SIZE,
                                            .depth = DEPTH,
                                            .segments = 3,
                                            .memory = memory,
                                            .rings_apart = true,
                                            .strict = true};
    struct vq_init_result why;

    if (!m.which->packed)
        vq_feature_set(&options.without, VQ_F_RING_PACKED);
    vq_feature_set(&options.without, VQ_F_INDIRECT_DESC);
    for (unsigned i = 0; i < QUEUES; i++)
        memory[i] = (struct vq_blk_memory){.shared = m.arena + 0x1000 * i,
                                           .address = m.arena_address + 0x1000 * i,
                                           .shared_bytes = 0x1000,
                                           .private_memory = private_memory[i],
                                           .private_bytes = sizeof private_memory[i],
                                           .rings = rings_of(i, pieces[i])};
    assert_int_equal(vq_blk_driver_open(&m.driver, m.t, m.queues, &options, &why), VQ_OK);
    assert_int_equal(m.driver.queue_count, QUEUES);
    assert_int_equal(m.driver.facts.capacity, SECTORS);
    assert_int_equal(vq_transport_legacy(m.t), m.which->legacy);
    assert_int_equal(vq_feature(&m.t->accepted, VQ_F_RING_PACKED), m.which->packed);
    assert_int_equal(vq_feature(&m.t->accepted, VQ_F_RING_RESET), m.which->reset);
    assert_int_equal(vq_feature(&m.t->accepted, VQ_F_SUSPEND), m.which->suspend);
}

/* Waits for `count` answers, each of which must be good. */
static void reap(unsigned queue, unsigned count)
{
    for (unsigned tries = 0; count != 0; tries++) {
        struct vq_blk_driver_done done[DEPTH];
        size_t n = vq_blk_driver_reap(&m.queues[queue], done, DEPTH);

        for (size_t i = 0; i < n; i++)
            assert_int_equal(done[i].error, VQ_OK);
        assert_true(n <= count);
        count -= (unsigned)n;
        if (count != 0) {
            enum vq_error error = vq_blk_driver_wait(&m.queues[queue], 20000);
            assert_true(error == VQ_OK || (error == VQ_ERR_TIMEOUT && m.state != NULL));
        }
        assert_true(tries < 1000);
    }
}

/* A batch on one queue, of requests that do not overlap; reads are compared when all are back. */
static void batch(unsigned queue, unsigned type)
{
    const uint32_t share = SECTORS / DEPTH;
    struct {
        uint64_t sector;
        uint32_t bytes, at;
    } r[DEPTH];

    for (uint32_t i = 0; i < DEPTH; i++) {
        uint32_t sectors = 1 + vq_random_below(&m.random, 12);
        struct vq_element data[3];
        struct vq_blk_driver_request request = {.type = type, .data = data, .count = 3};

        r[i].sector = share * i + vq_random_below(&m.random, share - sectors);
        r[i].bytes = sectors * 512;
        r[i].at = DATA + 0x20000 * queue + 0x4000 * i;
        request.sector = r[i].sector;
        for (uint32_t k = 0, left = r[i].bytes, at = r[i].at; k < 3; k++) {
            uint32_t piece = k == 2 ? left : 1 + vq_random_below(&m.random, left / 2);
            data[k] = (struct vq_element){m.arena_address + at, piece};
            at += piece + 1; /* gaps, and no alignment at all */
            left -= piece;
            if (type == VQ_BLK_T_OUT) {
                uint8_t *to = m.shadow + r[i].sector * 512 + (r[i].bytes - left - piece);
                for (uint32_t b = 0; b < piece; b++)
                    to[b] = m.arena[data[k].address - m.arena_address + b] =
                        (uint8_t)vq_random(&m.random);
            } else {
                memset(m.arena + (data[k].address - m.arena_address), 0xee, piece);
            }
        }
        assert_int_equal(vq_blk_driver_prepare(&m.queues[queue], &request), VQ_OK);
        if (type == VQ_BLK_T_IN) { /* checked at once: nothing below keeps the elements */
            assert_int_equal(vq_blk_driver_submit(&m.queues[queue]), VQ_OK);
            reap(queue, 1);
            for (uint32_t k = 0, done = 0; k < 3; done += data[k].bytes, k++)
                assert_memory_equal(m.arena + (data[k].address - m.arena_address),
                                    m.shadow + r[i].sector * 512 + done, data[k].bytes);
        }
    }
    if (type == VQ_BLK_T_OUT) {
        assert_int_equal(vq_blk_driver_submit(&m.queues[queue]), VQ_OK);
        reap(queue, DEPTH);
    }
}

static void flush(unsigned queue)
{
    struct vq_blk_driver_request request = {.type = VQ_BLK_T_FLUSH};
    unsigned before = m.state != NULL ? m.lanes[queue].flushes : 0;

    assert_int_equal(vq_blk_driver_prepare(&m.queues[queue], &request), VQ_OK);
    assert_int_equal(vq_blk_driver_submit(&m.queues[queue]), VQ_OK);
    reap(queue, 1);
    if (m.state != NULL) /* else it is on another thread */
        assert_int_equal(m.lanes[queue].flushes, before + 1);
}

static void work(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        batch(i % QUEUES, VQ_BLK_T_OUT);
        if (i % 8 == 7)
            flush(i % QUEUES);
        batch((i + i / 2) % QUEUES, VQ_BLK_T_IN);
    }
    if (m.state != NULL)
        assert_memory_equal(m.disk, m.shadow, sizeof m.disk);
}

/* Queue 1 is reset, and comes back with half its size, in other memory. */
static void reset_queue(void)
{
    static struct vq_driver_slot slots[SIZE];
    struct vq_queue_piece pieces[3];
    struct vq_queue_memory memory = rings_of(QUEUES, pieces);
    struct vq_queue_setup setup = {
        .index = 1, .size = SIZE / 2, .strict = true, .memory = &memory, .slots = slots};

    assert_int_equal(vq_transport_queue_reset(m.t, 1), VQ_OK);
    assert_int_equal(vq_queue_open(&m.queues[1].ring, m.t, &setup), VQ_OK);
    assert_int_equal(m.queues[1].ring.size, SIZE / 2);
}

/* DEPTH requests do not fit into half the ring: one by one. */
static void work_small(void)
{
    for (unsigned i = 0; i < 50; i++)
        batch(1, VQ_BLK_T_IN);
    flush(1);
    batch(0, VQ_BLK_T_OUT);
    batch(1, VQ_BLK_T_IN);
}

static void over(void **state)
{
    const struct which *which = *state;

    make_machine(which);
    for (unsigned i = 0; i < 2; i++) { /* and once more after a reset */
        open_driver();
        work();
        if (which->suspend) {
            struct vq_blk_driver_request request = {.type = VQ_BLK_T_FLUSH};
            assert_int_equal(vq_transport_suspend(m.t, 100), VQ_OK);
            assert_int_equal(vq_blk_driver_prepare(&m.queues[0], &request), VQ_ERR_STATE);
            assert_int_equal(vq_transport_resume(m.t, 100), VQ_OK);
            work();
        }
        if (which->reset) {
            reset_queue();
            work_small();
        }
        assert_int_equal(vq_blk_driver_broken(&m.queues[0]), VQ_NOT_BROKEN);
        assert_int_equal(vq_blk_driver_broken(&m.queues[1]), VQ_NOT_BROKEN);
        assert_false(vq_transport_needs_reset(m.t));
        assert_int_equal(vq_blk_driver_close(&m.driver), VQ_OK);
    }
    if (which->kind != LOOPBACK && which->kind != VHOST)
        assert_int_not_equal(m.interrupts, 0);
    end_machine();
    assert_memory_equal(m.disk, m.shadow, sizeof m.disk);
}

int main(void)
{
    enum { COUNT = sizeof all / sizeof all[0] };
    static char names[COUNT][80];
    struct CMUnitTest tests[COUNT];

    for (unsigned i = 0; i < COUNT; i++) {
        (void)snprintf(names[i], sizeof names[i], "one block driver, over %s", all[i].name);
        tests[i] = (struct CMUnitTest)VQ_TEST_STATE(over, &all[i], names[i]);
    }
    return VQ_RUN(tests);
}
