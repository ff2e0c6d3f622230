/*
 * An MMIO device with the echoing device behind it, driven register by register.
 */
#ifndef VQ_TESTS_MMIO_RIG_H
#define VQ_TESTS_MMIO_RIG_H

#include <vq/mmio_device.h>

#include "echo_guest.h"

static struct {
    struct echo_guest guest;
    struct vq_mmio_device device;
    uint64_t accepted;
    bool high;       /* the interrupt line */
    unsigned raised; /* how often it went up */
    bool slow;       /* queues take their time to stop */
    unsigned asked;  /* how often one was asked to */
    unsigned notified;
} m;

static inline void rig_line(void *context, bool high)
{
    (void)context;
    assert_int_not_equal(m.high, high);
    m.high = high;
    m.raised += high;
}

static inline void rig_started(void *context, uint16_t index)
{
    (void)context, (void)index;
}

static inline void rig_notified(void *context, uint16_t index)
{
    (void)context;
    assert_true(m.guest.echo.running[index]);
    m.notified++;
}

static inline bool rig_stop(void *context, uint16_t index)
{
    (void)context, (void)index;
    m.asked++;
    return !m.slow;
}

static const struct vq_model_host rig_host = {rig_started, rig_stop, rig_notified};

static inline struct vq_mmio_device_config rig_config(uint64_t features, bool legacy)
{
    memset(&m, 0, sizeof m);
    guest_init(&m.guest, features);
    return (struct vq_mmio_device_config){
        .device = guest_device(&m.guest), .legacy = legacy, .interrupt = rig_line};
}

static inline void rig_make(uint64_t features, bool legacy)
{
    struct vq_mmio_device_config config = rig_config(features, legacy);

    config.device.host = &rig_host;
    assert_int_equal(vq_mmio_device_init(&m.device, &config), VQ_OK);
}

static inline uint32_t get(uint32_t offset)
{
    return (uint32_t)vq_mmio_device_read(&m.device, offset, 4);
}

static inline void put(uint32_t offset, uint32_t value)
{
    vq_mmio_device_write(&m.device, offset, 4, value);
}

static inline uint64_t rig_offered(void)
{
    uint64_t bits = 0;

    for (uint32_t i = 0; i < 2; i++) {
        put(VQ_MMIO_DEVICE_FEATURES_SEL, i);
        bits |= (uint64_t)get(VQ_MMIO_DEVICE_FEATURES) << (32 * i);
    }
    return bits;
}

/* Up to and with FEATURES_OK; without VERSION_1 that step is left out. Says whether it held. */
static inline bool rig_negotiate(uint64_t features)
{
    m.accepted = features;
    put(VQ_MMIO_STATUS, 0);
    put(VQ_MMIO_STATUS, VQ_STATUS_ACKNOWLEDGE);
    put(VQ_MMIO_STATUS, VQ_STATUS_ACKNOWLEDGE | VQ_STATUS_DRIVER);
    for (uint32_t i = 0; i < 2; i++) {
        put(VQ_MMIO_DRIVER_FEATURES_SEL, i);
        put(VQ_MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * i)));
    }
    if (m.device.config.legacy)
        return true;
    put(VQ_MMIO_STATUS, get(VQ_MMIO_STATUS) | VQ_STATUS_FEATURES_OK);
    return (get(VQ_MMIO_STATUS) & VQ_STATUS_FEATURES_OK) != 0;
}

static inline void rig_place(uint32_t index, uint16_t size)
{
    static const uint32_t offsets[VQ_PARTS] = {
        [VQ_DESCRIPTOR_AREA] = VQ_MMIO_QUEUE_DESC_LOW,
        [VQ_DRIVER_AREA] = VQ_MMIO_QUEUE_DRIVER_LOW,
        [VQ_DEVICE_AREA] = VQ_MMIO_QUEUE_DEVICE_LOW,
    };

    guest_ring(&m.guest, m.accepted & BIT(VQ_F_RING_PACKED) ? VQ_FORMAT_PACKED : VQ_FORMAT_SPLIT,
               size, 0, 0, m.accepted, false);
    put(VQ_MMIO_QUEUE_SEL, index);
    put(VQ_MMIO_QUEUE_SIZE, size);
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        put(offsets[i], (uint32_t)m.guest.address[i]);
        put(offsets[i] + 4, (uint32_t)(m.guest.address[i] >> 32));
    }
}

static inline void rig_enable(uint32_t index, uint16_t size)
{
    rig_place(index, size);
    put(VQ_MMIO_QUEUE_READY, 1);
    assert_int_equal(get(VQ_MMIO_QUEUE_READY), 1);
}

static inline void rig_raise(uint32_t bit)
{
    put(VQ_MMIO_STATUS, get(VQ_MMIO_STATUS) | bit);
}

/* Queue 0, running. */
static inline void rig_start(uint64_t features)
{
    assert_true(rig_negotiate(features));
    rig_enable(0, ECHO_SIZE);
    rig_raise(VQ_STATUS_DRIVER_OK);
    assert_int_equal(get(VQ_MMIO_STATUS), 15);
}

static inline void rig_send(void)
{
    guest_add(&m.guest);
    put(VQ_MMIO_QUEUE_NOTIFY, m.accepted & BIT(VQ_F_NOTIFICATION_DATA)
                                  ? vq_driver_notification_data(&m.guest.ring, 0)
                                  : 0);
}

static inline bool rig_run(void)
{
    return vq_model_run(&m.device.state);
}

/* A request that is answered. */
static inline void rig_answered(void)
{
    rig_send();
    assert_true(rig_run());
    assert_true(guest_got(&m.guest));
}

static inline void rig_ack(void)
{
    put(VQ_MMIO_INTERRUPT_ACK, get(VQ_MMIO_INTERRUPT_STATUS));
}

#endif
