/*
 * A PCI function with the echoing device behind it, driven register by register, its
 * BARs found by the capability list. It has the type of a block device, so that it can
 * be transitional.
 */
#ifndef VQ_TESTS_PCI_RIG_H
#define VQ_TESTS_PCI_RIG_H

#include <vq/pci_device.h>

#include "echo_guest.h"

enum { RIG_VECTORS = 4, RIG_TYPE = 2 };

static struct {
    struct echo_guest guest;
    struct vq_pci_device device;
    struct vq_pci_vector vectors[RIG_VECTORS];
    uint64_t accepted;
    bool high;       /* INTx */
    unsigned raised; /* how often it went up */
    unsigned sent[RIG_VECTORS];
    uint64_t address; /* of the last message */
    uint32_t data;
    unsigned moved;
    bool slow; /* queues take their time to stop */
    unsigned asked;
} p;

static inline void rig_line(void *context, bool high)
{
    (void)context;
    assert_int_not_equal(p.high, high);
    p.high = high;
    p.raised += high;
}

static inline void rig_message(void *context, uint16_t vector, uint64_t address, uint32_t data)
{
    (void)context;
    assert_true(vector < RIG_VECTORS);
    p.sent[vector]++;
    p.address = address;
    p.data = data;
}

static inline void rig_moved(void *context)
{
    (void)context;
    p.moved++;
}

static inline void rig_started(void *context, uint16_t index)
{
    (void)context, (void)index;
}

static inline bool rig_stop(void *context, uint16_t index)
{
    (void)context, (void)index;
    p.asked++;
    return !p.slow;
}

static const struct vq_model_host rig_host = {rig_started, rig_stop, rig_started};

static inline struct vq_pci_device_config rig_config(uint64_t features, enum vq_pci_kind kind)
{
    struct vq_pci_device_config config;

    memset(&p, 0, sizeof p);
    guest_init(&p.guest, features);
    p.guest.echo.ops.device_id = RIG_TYPE;
    config = (struct vq_pci_device_config){.device = guest_device(&p.guest),
                                           .kind = kind,
                                           .vectors = p.vectors,
                                           .vector_count = RIG_VECTORS,
                                           .message = rig_message,
                                           .line = rig_line,
                                           .moved = rig_moved};
    config.device.host = &rig_host;
    return config;
}

/* The configuration space. */
static inline uint32_t cfg(uint32_t offset, unsigned bytes)
{
    return vq_pci_device_config_read(&p.device, offset, bytes);
}

static inline void set_cfg(uint32_t offset, unsigned bytes, uint32_t value)
{
    vq_pci_device_config_write(&p.device, offset, bytes, value);
}

/* Everything decoded, and a bus master. */
static inline void rig_switch_on(void)
{
    set_cfg(VQ_PCI_COMMAND, 2, VQ_PCI_COMMAND_IO | VQ_PCI_COMMAND_MEMORY | VQ_PCI_COMMAND_MASTER);
}

static inline void rig_make(uint64_t features, enum vq_pci_kind kind)
{
    struct vq_pci_device_config config = rig_config(features, kind);

    assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_OK);
    rig_switch_on();
}

/* Where capability `id` is, and of those of id 9 the one of `type`; 0: there is none. */
static inline uint8_t cap(uint8_t id, uint8_t type)
{
    uint8_t at = (uint8_t)cfg(VQ_PCI_CAPABILITIES, 1);

    for (unsigned i = 0; at != 0; i++) {
        assert_true(i < 48);
        assert_int_equal(at % 4, 0);
        assert_true(at >= 0x40);
        if (cfg(at, 1) == id && (id != VQ_PCI_CAP_ID_VENDOR || cfg(at + 3u, 1) == type))
            return at;
        at = (uint8_t)cfg(at + 1u, 1);
    }
    return 0;
}

static inline uint8_t region(enum vq_pci_cap type)
{
    uint8_t at = cap(VQ_PCI_CAP_ID_VENDOR, (uint8_t)type);
    assert_int_not_equal(at, 0);
    return at;
}

/* Registers. */
static inline uint64_t bar_get(unsigned bar, uint64_t offset, unsigned bytes)
{
    return vq_pci_device_bar_read(&p.device, bar, offset, bytes);
}

static inline void bar_put(unsigned bar, uint64_t offset, unsigned bytes, uint64_t value)
{
    vq_pci_device_bar_write(&p.device, bar, offset, bytes, value);
}

static inline uint32_t at(enum vq_pci_cap type)
{
    return cfg(region(type) + 8u, 4);
}

static inline uint32_t com(uint32_t field, unsigned bytes)
{
    return (uint32_t)bar_get(VQ_PCI_DEVICE_BAR_MODERN, at(VQ_PCI_CAP_COMMON) + field, bytes);
}

static inline void set_com(uint32_t field, unsigned bytes, uint32_t value)
{
    bar_put(VQ_PCI_DEVICE_BAR_MODERN, at(VQ_PCI_CAP_COMMON) + field, bytes, value);
}

static inline uint32_t leg(uint32_t field, unsigned bytes)
{
    return (uint32_t)bar_get(VQ_PCI_DEVICE_BAR_LEGACY, field, bytes);
}

static inline void set_leg(uint32_t field, unsigned bytes, uint32_t value)
{
    bar_put(VQ_PCI_DEVICE_BAR_LEGACY, field, bytes, value);
}

static inline uint8_t isr(void)
{
    return (uint8_t)bar_get(VQ_PCI_DEVICE_BAR_MODERN, at(VQ_PCI_CAP_ISR), 1);
}

static inline uint8_t status(void)
{
    return (uint8_t)com(VQ_PCI_COMMON_STATUS, 1);
}

static inline void raise_status(uint8_t bits)
{
    set_com(VQ_PCI_COMMON_STATUS, 1, status() | bits);
}

/* MSI-X. */
static inline void msix_control(uint16_t bits)
{
    set_cfg(cap(VQ_PCI_CAP_ID_MSIX, 0) + 2u, 2, bits);
}

static inline void msix_entry(unsigned vector, uint64_t address, uint32_t data, bool masked)
{
    uint32_t entry = vector * VQ_PCI_MSIX_ENTRY_BYTES;

    bar_put(VQ_PCI_DEVICE_BAR_MSIX, entry, 4, (uint32_t)address);
    bar_put(VQ_PCI_DEVICE_BAR_MSIX, entry + 4, 4, (uint32_t)(address >> 32));
    bar_put(VQ_PCI_DEVICE_BAR_MSIX, entry + 8, 4, data);
    bar_put(VQ_PCI_DEVICE_BAR_MSIX, entry + 12, 4, masked);
}

static inline bool msix_pending(unsigned vector)
{
    uint32_t bits = cfg(cap(VQ_PCI_CAP_ID_MSIX, 0) + 8u, 4);

    return bar_get(bits & 7, (bits & ~7u) + vector / 8, 1) >> vector % 8 & 1;
}

static inline void msix_on(void)
{
    msix_control(VQ_PCI_MSIX_ENABLE);
    for (unsigned i = 0; i < RIG_VECTORS; i++)
        msix_entry(i, UINT64_C(0x1fee00000) + 16 * i, 0x40 + i, false);
}

/* Up to and with FEATURES_OK. Says whether it held. */
static inline bool rig_negotiate(uint64_t features)
{
    p.accepted = features;
    set_com(VQ_PCI_COMMON_STATUS, 1, 0);
    set_com(VQ_PCI_COMMON_STATUS, 1, 1);
    set_com(VQ_PCI_COMMON_STATUS, 1, 3);
    for (uint32_t i = 0; i < 2; i++) {
        set_com(VQ_PCI_COMMON_DRIVER_FEATURE_SELECT, 4, i);
        set_com(VQ_PCI_COMMON_DRIVER_FEATURE, 4, (uint32_t)(features >> (32 * i)));
    }
    raise_status(VQ_STATUS_FEATURES_OK);
    return (status() & VQ_STATUS_FEATURES_OK) != 0;
}

static inline void rig_place(uint16_t index, uint16_t size)
{
    guest_ring(&p.guest, p.accepted & BIT(VQ_F_RING_PACKED) ? VQ_FORMAT_PACKED : VQ_FORMAT_SPLIT,
               size, 0, 0, p.accepted, false);
    set_com(VQ_PCI_COMMON_QUEUE_SELECT, 2, index);
    set_com(VQ_PCI_COMMON_QUEUE_SIZE, 2, size);
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        set_com(VQ_PCI_COMMON_QUEUE_DESC + 8 * i, 4, (uint32_t)p.guest.address[i]);
        set_com(VQ_PCI_COMMON_QUEUE_DESC + 8 * i + 4, 4, (uint32_t)(p.guest.address[i] >> 32));
    }
}

static inline void rig_enable(uint16_t index, uint16_t size)
{
    rig_place(index, size);
    set_com(VQ_PCI_COMMON_QUEUE_ENABLE, 2, 1);
    assert_int_equal(com(VQ_PCI_COMMON_QUEUE_ENABLE, 2), 1);
}

/* Queue 0, running; no vectors are chosen. */
static inline void rig_start(uint64_t features)
{
    assert_true(rig_negotiate(features));
    rig_enable(0, ECHO_SIZE);
    raise_status(VQ_STATUS_DRIVER_OK);
    assert_int_equal(status(), 15);
}

static inline void rig_kick(uint16_t index, uint32_t value, unsigned bytes)
{
    uint8_t notify = region(VQ_PCI_CAP_NOTIFY);
    uint32_t selected = com(VQ_PCI_COMMON_QUEUE_SELECT, 2);

    set_com(VQ_PCI_COMMON_QUEUE_SELECT, 2, index);
    bar_put(cfg(notify + 4u, 1),
            cfg(notify + 8u, 4) + com(VQ_PCI_COMMON_QUEUE_NOTIFY_OFF, 2) * cfg(notify + 16u, 4),
            bytes, value);
    set_com(VQ_PCI_COMMON_QUEUE_SELECT, 2, selected);
}

static inline void rig_send(void)
{
    guest_add(&p.guest);
    if (p.accepted & BIT(VQ_F_NOTIFICATION_DATA))
        rig_kick(0, vq_driver_notification_data(&p.guest.ring, 0), 4);
    else
        rig_kick(0, 0, 2);
}

static inline bool rig_run(void)
{
    return vq_model_run(&p.device.state);
}

static inline void rig_answered(void)
{
    rig_send();
    assert_true(rig_run());
    assert_true(guest_got(&p.guest));
}

/* The legacy interface: queue 0 in one block, running. */

static inline void rig_legacy_queue(bool big)
{
    set_leg(VQ_PCI_LEGACY_QUEUE_SELECT, 2, 0);
    assert_int_equal(leg(VQ_PCI_LEGACY_QUEUE_SIZE, 2), ECHO_SIZE);
    assert_int_equal(leg(VQ_PCI_LEGACY_QUEUE_PFN, 4), 0);
    guest_ring(&p.guest, VQ_FORMAT_LEGACY, ECHO_SIZE, RAM_BASE + 4096, 4096, LEGACY, big);
    set_leg(VQ_PCI_LEGACY_QUEUE_PFN, 4, (uint32_t)(RAM_BASE >> 12) + 1);
    assert_int_equal(leg(VQ_PCI_LEGACY_QUEUE_PFN, 4), (RAM_BASE >> 12) + 1);
}

static inline void rig_legacy_start(bool big)
{
    p.accepted = LEGACY;
    set_leg(VQ_PCI_LEGACY_STATUS, 1, 0);
    set_leg(VQ_PCI_LEGACY_STATUS, 1, 1);
    set_leg(VQ_PCI_LEGACY_STATUS, 1, 3);
    set_leg(VQ_PCI_LEGACY_DRIVER_FEATURES, 4, (uint32_t)LEGACY);
    rig_legacy_queue(big);
    set_leg(VQ_PCI_LEGACY_STATUS, 1, 7);
    assert_int_equal(leg(VQ_PCI_LEGACY_STATUS, 1), 7);
}

static inline void rig_legacy_answered(void)
{
    guest_add(&p.guest);
    set_leg(VQ_PCI_LEGACY_QUEUE_NOTIFY, 2, 0);
    assert_true(rig_run());
    assert_true(guest_got(&p.guest));
}

#endif
