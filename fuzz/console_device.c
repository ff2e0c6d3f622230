/*
 * The console device against a driver that says and does anything, while its owner adds
 * and removes ports. Whatever the driver does, each call comes to an end; and where no
 * fetch lies, what the device says of its ports follows the rules, its used lengths are
 * right, and a driver that keeps to the rings never sees one break.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <vq/console_device.h>
#include <vq/driver.h>

enum {
    STEPS = 200,
    PORTS = 3,
    QUEUES = 2 * PORTS + 2,
    SIZE = 8,
    SLOT = 64, /* of the guest's memory, for each descriptor of each queue */
    GUEST = QUEUES * SIZE * SLOT,
    TEXT = 100,
    FETCHES = 100000, /* of one run of a queue: its buffers byte by byte, and the ring */
};
#define BASE UINT64_C(0x50000000)

static struct run {
    struct fuzz_input in;
    struct vq_console_device dev;
    struct vq_console_device_config config;
    struct vq_device_model *model;
    uint8_t *memory;
    uint8_t *guest;
    struct vq_region region;
    struct vq_memory map;
    struct vq_features features;
    bool big;
    bool honest;       /* no fetch lies, and the driver kept to its memory and its rings */
    bool known[PORTS]; /* as the driver was told */
    unsigned characters;
    struct {
        bool running;
        uint8_t *area[VQ_PARTS];
        struct vq_driver_queue q;
        struct vq_driver_slot slots[SIZE];
        unsigned turn;
        uint32_t writable[SIZE]; /* by id */
        uint32_t at[SIZE];       /* of a buffer to receive in, in the guest's memory */
    } queue[QUEUES];
} r;

static void emergency(void *context, uint8_t character)
{
    (void)context;
    (void)character;
    r.characters++;
}

static void stop_all(void)
{
    for (uint16_t i = 0; i < QUEUES; i++) {
        struct vq_position at;
        (void)r.model->ops->queue_stop(r.model, i, &at);
        r.queue[i].running = false;
    }
    r.model->ops->reset(r.model);
    memset(r.known, 0, sizeof r.known);
}

/* What the driver accepts, and all queues anew. */
static void start_all(uint8_t how)
{
    struct vq_features chosen = r.model->ops->offered(r.model);
    static const uint8_t optional[] = {VQ_CONSOLE_F_MULTIPORT, VQ_F_EVENT_IDX, VQ_F_RING_PACKED,
                                       VQ_F_IN_ORDER};
    for (unsigned i = 0; i < sizeof optional; i++)
        if ((how >> i & 1) != 0)
            vq_feature_clear(&chosen, optional[i]);
    bool legacy = (how & 16) != 0;
    for (unsigned i = 1; legacy && i < VQ_FEATURE_WORDS; i++)
        chosen.word[i] = 0;
    r.big = legacy && (how & 32) != 0;
    FUZZ_CHECK(r.model->ops->accept(r.model, &chosen) == VQ_OK);
    r.features = chosen;
    bool packed = vq_feature(&chosen, VQ_F_RING_PACKED);
    uint16_t count = r.model->ops->queue_count(r.model);
    FUZZ_CHECK(count == (vq_feature(&chosen, VQ_CONSOLE_F_MULTIPORT) ? QUEUES : 2));
    for (uint16_t i = 0; i < count; i++) {
        struct vq_driver_config driver = {.features = chosen,
                                          .big_endian = r.big,
                                          .strict = true,
                                          .size = SIZE,
                                          .descriptor_area = r.queue[i].area[0],
                                          .driver_area = r.queue[i].area[1],
                                          .device_area = r.queue[i].area[2],
                                          .slots = r.queue[i].slots};
        struct vq_device_config device = {.features = chosen,
                                          .big_endian = r.big,
                                          .size = SIZE,
                                          .descriptor_area = r.queue[i].area[0],
                                          .driver_area = r.queue[i].area[1],
                                          .device_area = r.queue[i].area[2],
                                          .memory = &r.map,
                                          .next_available = packed ? 0x8000 : 0,
                                          .next_used = packed ? 0x8000 : 0};
        FUZZ_CHECK(vq_driver_init(&r.queue[i].q, &driver) == VQ_OK);
        FUZZ_CHECK(r.model->ops->queue_start(r.model, i, &device) == VQ_OK);
        r.queue[i].running = true;
    }
}

static uint16_t any_queue(void)
{
    return (uint16_t)fuzz_below(&r.in, QUEUES);
}

/* A buffer of one element; what the driver says in it, if it says something, stands there. */
static void add(uint16_t index, uint32_t bytes, bool writable)
{
    if (!r.queue[index].running || bytes == 0 || bytes > SLOT)
        return;
    /* In turns: what the device says in one buffer is not written over by the next. */
    uint32_t at = (index * SIZE + r.queue[index].turn % SIZE) * SLOT;
    const struct vq_element e = {BASE + at, bytes};
    int id = vq_driver_add(&r.queue[index].q, &e, !writable, writable);
    if (id < 0)
        return;
    r.queue[index].turn++;
    r.queue[index].writable[id] = writable ? bytes : 0;
    r.queue[index].at[id] = at;
    (void)vq_driver_publish(&r.queue[index].q);
}

/* A buffer of any shape, perhaps of no memory, but not where control messages come. */
static void add_odd(void)
{
    const uint32_t from = (VQ_CONSOLE_CONTROL_RECEIVE + 1) * SIZE * SLOT;
    uint16_t index = any_queue();
    uint8_t shape = fuzz_byte(&r.in);
    unsigned readable = shape & 3, writable = shape >> 2 & 3;
    struct vq_element e[6];
    uint32_t room = 0;
    for (unsigned i = 0; i < readable + writable; i++) {
        uint32_t bytes = 1 + fuzz_byte(&r.in);
        uint32_t at = from + fuzz_below(&r.in, GUEST - from);
        if (bytes > GUEST - at) {
            if (shape < 0xf0)
                bytes = GUEST - at;
            else
                r.honest = false;
        }
        e[i] = (struct vq_element){BASE + at, bytes};
        room += i < readable ? 0 : bytes;
    }
    if (!r.queue[index].running || index == VQ_CONSOLE_CONTROL_RECEIVE)
        return;
    int id = vq_driver_add(&r.queue[index].q, e, readable, writable);
    if (id < 0)
        return;
    r.queue[index].writable[id] = room;
    (void)vq_driver_publish(&r.queue[index].q);
}

/* CON-DEV-MULTI-02 to -06 */
static void hear(const uint8_t *message, uint32_t bytes)
{
    FUZZ_CHECK(bytes >= VQ_CONSOLE_CONTROL_BYTES);
    uint32_t id = (uint32_t)fuzz_get(message, 4, r.big);
    uint16_t event = (uint16_t)fuzz_get(message + 4, 2, r.big);
    FUZZ_CHECK(id < PORTS);
    FUZZ_CHECK(r.known[id] == (event != VQ_CONSOLE_PORT_ADD));
    switch (event) {
    case VQ_CONSOLE_PORT_ADD:
    case VQ_CONSOLE_PORT_REMOVE:
        r.known[id] = event == VQ_CONSOLE_PORT_ADD;
        break;
    case VQ_CONSOLE_CONSOLE_PORT:
    case VQ_CONSOLE_PORT_OPEN:
        break;
    case VQ_CONSOLE_RESIZE:
        FUZZ_CHECK(bytes == VQ_CONSOLE_CONTROL_BYTES + VQ_CONSOLE_RESIZE_BYTES);
        return;
    case VQ_CONSOLE_PORT_NAME:
        FUZZ_CHECK(memchr(message + VQ_CONSOLE_CONTROL_BYTES, '\0',
                          bytes - VQ_CONSOLE_CONTROL_BYTES) == NULL);
        return;
    default:
        FUZZ_CHECK(false);
    }
    FUZZ_CHECK(bytes == VQ_CONSOLE_CONTROL_BYTES);
}

static void get(uint16_t index)
{
    struct vq_done done;
    if (!r.queue[index].running || vq_driver_get(&r.queue[index].q, &done, 1) != 1)
        return;
    if (!r.honest)
        return;
    FUZZ_CHECK(done.reported <= r.queue[index].writable[done.id]);
    if ((index & 1) != 0)
        FUZZ_CHECK(done.reported == 0);
    if (index == VQ_CONSOLE_CONTROL_RECEIVE && done.reported != 0)
        hear(r.guest + r.queue[index].at[done.id], done.reported);
}

static void say_this(uint32_t id, uint32_t event, uint32_t value)
{
    if (!r.queue[VQ_CONSOLE_CONTROL_TRANSMIT].running)
        return;
    get(VQ_CONSOLE_CONTROL_TRANSMIT);
    uint32_t at = (VQ_CONSOLE_CONTROL_TRANSMIT * SIZE) * SLOT;
    fuzz_put(r.guest + at, id, 4, r.big);
    fuzz_put(r.guest + at + 4, event, 2, r.big);
    fuzz_put(r.guest + at + 6, value, 2, r.big);
    const struct vq_element e = {BASE + at, VQ_CONSOLE_CONTROL_BYTES};
    int added = vq_driver_add(&r.queue[VQ_CONSOLE_CONTROL_TRANSMIT].q, &e, 1, 0);
    if (added < 0)
        return;
    r.queue[VQ_CONSOLE_CONTROL_TRANSMIT].writable[added] = 0;
    (void)vq_driver_publish(&r.queue[VQ_CONSOLE_CONTROL_TRANSMIT].q);
    (void)r.model->ops->queue_run(r.model, VQ_CONSOLE_CONTROL_TRANSMIT);
}

static void say(void)
{
    uint8_t what = fuzz_byte(&r.in);
    say_this(what & 3, what >> 2 & 7, what >> 5);
}

static void run_queue(void)
{
    uint16_t index = any_queue();
    uint64_t before = fuzz_hook.fetches;
    unsigned did = r.model->ops->queue_run(r.model, index);
    FUZZ_CHECK(fuzz_hook.fetches - before <= FETCHES);
    FUZZ_CHECK(r.queue[index].running || did == VQ_RUN_IDLE);
    if (r.honest)
        FUZZ_CHECK((did & VQ_RUN_BROKEN) == 0);
    (void)r.model->ops->queue_arm(r.model, index);
    get(index);
}

/* A driver as it should be: buffers for messages, DEVICE_READY, PORT_READY for all it knows. */
static void be_good(void)
{
    for (unsigned i = 0; i < SIZE; i++)
        add(VQ_CONSOLE_CONTROL_RECEIVE, 1 + fuzz_byte(&r.in) % SLOT, true);
    say_this(0, VQ_CONSOLE_DEVICE_READY, 1);
    (void)r.model->ops->queue_run(r.model, VQ_CONSOLE_CONTROL_RECEIVE);
    for (unsigned i = 0; i < SIZE; i++)
        get(VQ_CONSOLE_CONTROL_RECEIVE);
    for (unsigned i = 0; i < PORTS; i++)
        if (r.known[i])
            say_this(i, VQ_CONSOLE_PORT_READY, 1);
}

static void owner(void)
{
    static const char *const names[] = {NULL, "", "a port",
                                        "a name that is longer than a buffer "
                                        "of the driver may be: \xe2\x82\xac"};
    uint8_t what = fuzz_byte(&r.in);
    uint16_t port = what & 3;
    uint8_t text[TEXT];
    memset(text, what, sizeof text);
    switch (what >> 2 & 7) {
    case 0:
        (void)vq_console_device_add(&r.dev, port, what >= 0x80, names[what >> 5 & 3]);
        break;
    case 1:
        (void)vq_console_device_remove(&r.dev, port);
        break;
    case 2:
        (void)vq_console_device_set_open(&r.dev, port, what >= 0x80);
        break;
    case 3:
        (void)vq_console_device_resize(&r.dev, port, what, 1, NULL);
        break;
    case 4:
    case 5:
        FUZZ_CHECK(vq_console_device_input(&r.dev, port, text, TEXT) <= TEXT);
        break;
    default:
        FUZZ_CHECK(vq_console_device_output(&r.dev, port, text, TEXT) <= TEXT);
        break;
    }
    (void)vq_console_device_connected(&r.dev, port);
}

static void config(void)
{
    uint8_t bytes[8] = {0};
    uint32_t offset = fuzz_byte(&r.in) % 16, count = fuzz_byte(&r.in) % 8;
    unsigned before = r.characters;
    r.model->ops->read_config(r.model, offset, bytes, count);
    if (r.model->ops->write_config(r.model, offset, bytes, count) != VQ_OK)
        FUZZ_CHECK(r.characters == before);
    FUZZ_CHECK(r.characters <= before + 1);
}

static void scribble(void)
{
    uint16_t index = any_queue();
    static const uint32_t bytes[VQ_PARTS] = {
        VQ_SPLIT_DESCRIPTOR_BYTES(SIZE), VQ_SPLIT_DRIVER_BYTES(SIZE), VQ_SPLIT_DEVICE_BYTES(SIZE)};
    uint32_t which = fuzz_below(&r.in, VQ_PARTS);
    r.queue[index].area[which][fuzz_below(&r.in, bytes[which])] = fuzz_byte(&r.in);
    r.honest = false;
}

static void step(void)
{
    uint8_t what = fuzz_byte(&r.in);
    switch (what & 15) {
    case 0:
    case 1:
        add((uint16_t)(any_queue() & ~1u), 1 + fuzz_byte(&r.in) % SLOT, true);
        break;
    case 2:
        add(any_queue() | 1, 1 + fuzz_byte(&r.in) % SLOT, false);
        break;
    case 3:
        add(VQ_CONSOLE_CONTROL_RECEIVE, SLOT, true);
        break;
    case 4:
    case 5:
        say();
        break;
    case 6:
        if (what >= 0x80)
            be_good();
        else
            add_odd();
        break;
    case 7:
    case 8:
        owner();
        break;
    case 9:
        if (what >= 0xe0)
            scribble();
        else
            config();
        break;
    case 10:
        if (what < 0xe0)
            break;
        stop_all();
        start_all(fuzz_byte(&r.in));
        break;
    default:
        run_queue();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    memset(&r, 0, sizeof r);
    r.in = (struct fuzz_input){data, data + bytes};
    uint8_t mode = fuzz_byte(&r.in);
    fuzz_hook_start(&r.in, mode >= 0x80);
    r.honest = mode < 0x80;
    r.config = (struct vq_console_device_config){.ports = PORTS,
                                                 .queue_size = SIZE,
                                                 .control_size = SIZE,
                                                 .cols = 80,
                                                 .rows = 25,
                                                 .input_bytes = 70,
                                                 .output_bytes = 50,
                                                 .segments = 6,
                                                 .emergency = emergency};
    size_t need = vq_console_device_bytes(&r.config);
    r.memory = fuzz_new(need);
    r.guest = fuzz_new(GUEST);
    FUZZ_CHECK(vq_console_device_init(&r.dev, &r.config, r.memory, need) == VQ_OK);
    r.model = &r.dev.model;
    r.region = (struct vq_region){BASE, GUEST, r.guest, VQ_READ | VQ_WRITE};
    FUZZ_CHECK(vq_memory_init(&r.map, &r.region, 1) == VQ_OK);
    for (uint16_t i = 0; i < QUEUES; i++) {
        r.queue[i].area[0] = fuzz_new(VQ_SPLIT_DESCRIPTOR_BYTES(SIZE));
        r.queue[i].area[1] = fuzz_new(VQ_SPLIT_DRIVER_BYTES(SIZE));
        r.queue[i].area[2] = fuzz_new(VQ_SPLIT_DEVICE_BYTES(SIZE));
    }
    start_all(mode & 0x3f);
    for (unsigned i = 0; i < STEPS && fuzz_more(&r.in); i++)
        step();
    stop_all();
    for (uint16_t i = 0; i < QUEUES; i++)
        for (unsigned k = 0; k < VQ_PARTS; k++)
            free(r.queue[i].area[k]);
    free(r.guest);
    free(r.memory);
    return 0;
}
