/* A console device, and a driver for it or for a device that the test speaks for. */
#ifndef VQ_TEST_CONSOLE_RIG_H
#define VQ_TEST_CONSOLE_RIG_H

#include "device_rig.h"

#include <vq/console_device.h>
#include <vq/console_driver.h>

/* What the driver's own files share: tests look at its queues. */
#include "device/console_driver.h"

#define CON_SIZE  8u
#define CON_BYTES 32u

static struct console_rig {
    struct vq_console_device dev;
    struct vq_console_device_config config;
    struct hand hand;
    struct vq_console_driver driver;
    struct vq_console_driver_options options;
    struct vq_init_result why;
    char distress[16]; /* what came by emergency write */
    unsigned distressed;
} c;
static _Alignas(16) uint8_t con_device_memory[64 << 10];
static _Alignas(16) uint8_t con_private[16 << 10];

static inline void con_emergency(void *context, uint8_t character)
{
    assert_ptr_equal(context, &c);
    c.distress[c.distressed++ % sizeof c.distress] = (char)character;
}

/* `ports` that the driver wants; 0: without MULTIPORT. */
static inline enum vq_error con_open(const struct rig_way *way, uint16_t ports)
{
    size_t shared, private_bytes;
    const struct vq_features without = rig_without(way);
    for (unsigned i = 0; i < VQ_FEATURE_WORDS; i++)
        c.options.without.word[i] |= without.word[i];
    c.options.ports = ports;
    c.options.queue_size = CON_SIZE;
    c.options.buffer_bytes = CON_BYTES;
    c.options.patience = 100;
    assert_int_equal(vq_console_driver_measure(&c.options, &shared, &private_bytes), VQ_OK);
    assert_true(private_bytes <= sizeof con_private);
    memset(con_private, 0xee, sizeof con_private);
    uint32_t at = rig_take((uint32_t)shared);
    c.options.memory.shared = rig_arena + at;
    c.options.memory.address = RIG_BASE + at;
    c.options.memory.shared_bytes = shared;
    c.options.memory.private_memory = con_private;
    c.options.memory.private_bytes = private_bytes;
    return vq_console_driver_open(&c.driver, &rig.loop.transport, &c.options, &c.why);
}

static inline void con_defaults(uint16_t ports)
{
    memset(&c, 0, sizeof c);
    c.config = (struct vq_console_device_config){
        .ports = ports,
        .queue_size = CON_SIZE,
        .control_size = CON_SIZE,
        .cols = 80,
        .rows = 25,
        .input_bytes = 300,
        .output_bytes = 100,
        .emergency = con_emergency,
        .context = &c,
    };
}

/* The device as c.config has it, behind the loopback. */
static inline void con_device(const struct rig_way *way)
{
    size_t bytes = vq_console_device_bytes(&c.config);
    assert_true(bytes != 0 && bytes <= sizeof con_device_memory);
    memset(con_device_memory, 0xee, sizeof con_device_memory);
    assert_int_equal(vq_console_device_init(&c.dev, &c.config, con_device_memory, bytes), VQ_OK);
    rig_carry(&c.dev.model, way);
}

static inline void con_start(const struct rig_way *way, uint16_t ports)
{
    con_defaults(ports);
    con_device(way);
    assert_int_equal(con_open(way, ports), VQ_OK);
}

/* Until neither end has anything more to say. */
static inline void con_settle(void)
{
    for (unsigned i = 0; i < 64; i++) {
        bool ran = vq_loopback_run(&rig.loop);
        (void)vq_console_driver_poll(&c.driver);
        if (!ran)
            return;
    }
    fail_msg("the two talk for ever");
}

/* A device by hand, of `ports` (0: without MULTIPORT). */
static inline void con_by_hand(const struct rig_way *way, uint16_t ports)
{
    memset(&c, 0, sizeof c);
    hand_make(&c.hand, VQ_CONSOLE_DEVICE_ID, (uint16_t)VQ_CONSOLE_QUEUES(ports, ports != 0),
              1u << VQ_CONSOLE_F_SIZE | (ports != 0 ? 1u << VQ_CONSOLE_F_MULTIPORT : 0), way);
    c.hand.config_size = VQ_CONSOLE_CONFIG_SIZE;
    bool big = way->legacy && rig.loop.transport.legacy_big_endian;
    c.hand.config[VQ_CONSOLE_CONFIG_COLS + big] = 132;
    c.hand.config[VQ_CONSOLE_CONFIG_ROWS + big] = 43;
    c.hand.config[VQ_CONSOLE_CONFIG_MAX_NR_PORTS + (big ? 3 : 0)] = (uint8_t)ports;
}

/* A number of `bytes` in the order that was negotiated. */
static inline void con_put(uint8_t *at, uint32_t value, unsigned bytes)
{
    bool big = vq_transport_big_endian(&rig.loop.transport);
    for (unsigned i = 0; i < bytes; i++)
        at[big ? bytes - 1 - i : i] = (uint8_t)(value >> (8 * i));
}

static inline uint32_t con_number(const uint8_t *at, unsigned bytes)
{
    bool big = vq_transport_big_endian(&rig.loop.transport);
    uint32_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)at[big ? bytes - 1 - i : i] << (8 * i);
    return value;
}

/* The device by hand sends a control message, of `bytes` in all. */
static inline void con_tell(uint32_t id, uint16_t event, uint16_t value, const void *more,
                            uint32_t bytes)
{
    struct hand_buffer b;
    uint8_t message[64];
    assert_true(bytes <= sizeof message);
    memset(message, 0, sizeof message);
    con_put(message, id, 4);
    con_put(message + 4, event, 2);
    con_put(message + 6, value, 2);
    if (bytes > 8)
        memcpy(message + 8, more, bytes - 8);
    assert_true(hand_pop(&c.hand, VQ_CONSOLE_CONTROL_RECEIVE, &b));
    assert_int_equal(b.segments[0].bytes, VQ_CONSOLE_MESSAGE_BYTES);
    memcpy(b.segments[0].base, message, bytes);
    hand_push(&c.hand, VQ_CONSOLE_CONTROL_RECEIVE, &b, bytes);
}

/* What the driver said next to the device by hand; false if nothing. */
static inline bool con_hear(uint32_t *id, uint32_t *event, uint32_t *value)
{
    struct hand_buffer b;
    if (!hand_pop(&c.hand, VQ_CONSOLE_CONTROL_TRANSMIT, &b))
        return false;
    assert_int_equal(b.buffer.readable, 1);
    assert_int_equal(b.buffer.writable, 0);
    assert_int_equal(b.segments[0].bytes, VQ_CONSOLE_CONTROL_BYTES);
    *id = con_number(b.segments[0].base, 4);
    *event = con_number((uint8_t *)b.segments[0].base + 4, 2);
    *value = con_number((uint8_t *)b.segments[0].base + 6, 2);
    hand_push(&c.hand, VQ_CONSOLE_CONTROL_TRANSMIT, &b, 0);
    return true;
}

static inline void con_expect(uint32_t id, uint32_t event, uint32_t value)
{
    uint32_t got[3] = {77, 77, 77};
    assert_true(con_hear(&got[0], &got[1], &got[2]));
    assert_int_equal(got[0], id);
    assert_int_equal(got[1], event);
    assert_int_equal(got[2], value);
}

static inline void con_expect_silence(void)
{
    uint32_t got[3];
    assert_false(con_hear(&got[0], &got[1], &got[2]));
}

/* The real device's next control message, raw, past the driver: its bytes, or 0. */
static inline uint32_t con_raw(uint8_t message[VQ_CONSOLE_MESSAGE_BYTES])
{
    struct vq_console_driver_queue *q = &c.driver.control_receive;
    (void)vq_loopback_run(&rig.loop);
    (void)vq_loopback_run(&rig.loop);
    int32_t bytes = vq_console_regain(q);
    if (bytes < 0)
        return 0;
    memcpy(message, vq_console_buffer(q, q->free[q->free_count - 1]), VQ_CONSOLE_MESSAGE_BYTES);
    assert_true(vq_console_lend(q, 0));
    assert_int_equal(vq_console_submit(&c.driver, q), VQ_OK);
    return (uint32_t)bytes;
}

static inline void con_expect_raw(uint32_t id, uint32_t event, uint32_t value)
{
    uint8_t message[VQ_CONSOLE_MESSAGE_BYTES] = {0};
    assert_true(con_raw(message) >= VQ_CONSOLE_CONTROL_BYTES);
    assert_int_equal(con_number(message, 4), id);
    assert_int_equal(con_number(message + 4, 2), event);
    assert_int_equal(con_number(message + 6, 2), value);
}

#endif
