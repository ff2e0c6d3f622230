/*
 * The legacy interface of a PCI device, alone or beside the modern one.
 */
#include "test.h"

#include "pci_rig.h"

static void in_bar0(void **state)
{
    (void)state;
    for (unsigned kind = VQ_PCI_TRANSITIONAL; kind <= VQ_PCI_LEGACY; kind++) {
        struct vq_pci_bar bar;

        rig_make(EITHER, (enum vq_pci_kind)kind);
        assert_true(vq_pci_device_bar(&p.device, 0, &bar));
        assert_true(bar.io && bar.bytes >= VQ_PCI_LEGACY_CONFIG + ECHO_CONFIG);
        rig_legacy_start(false);
        for (unsigned i = 0; i < 40; i++)
            rig_legacy_answered();
        assert_true(p.high);
        assert_int_equal(leg(VQ_PCI_LEGACY_ISR, 1), VQ_PCI_ISR_QUEUE);
        assert_false(p.high);
        /* It never chose what lies beyond 32 bits, and cannot. */
        assert_int_equal(leg(VQ_PCI_LEGACY_DEVICE_FEATURES, 4), (uint32_t)LEGACY);
        for (unsigned i = 1; i < VQ_FEATURE_WORDS; i++)
            assert_int_equal(p.guest.echo.accepted.word[i], 0);
        assert_true(vq_features_low64(&p.guest.echo.accepted) == LEGACY);
        assert_false(vq_feature(&p.guest.echo.started[0].features, VQ_F_VERSION_1));
        /* Absent queues, and stopping one. */
        set_leg(VQ_PCI_LEGACY_QUEUE_SELECT, 2, ECHO_QUEUES);
        assert_int_equal(leg(VQ_PCI_LEGACY_QUEUE_SIZE, 2), 0);
        set_leg(VQ_PCI_LEGACY_QUEUE_PFN, 4, 1);
        assert_int_equal(leg(VQ_PCI_LEGACY_QUEUE_PFN, 4), 0);
        set_leg(VQ_PCI_LEGACY_QUEUE_SELECT, 2, 0);
        set_leg(VQ_PCI_LEGACY_QUEUE_PFN, 4, 0);
        assert_false(p.guest.echo.running[0]);
        rig_legacy_queue(false);
        rig_legacy_answered();
        set_leg(VQ_PCI_LEGACY_STATUS, 1, 0);
        assert_int_equal(leg(VQ_PCI_LEGACY_STATUS, 1), 0);
        assert_int_equal(leg(VQ_PCI_LEGACY_QUEUE_PFN, 4), 0);
        assert_false(p.high);
    }
}

/* The header is little-endian, what follows is as the driver's machine has it. */
static void orders(void **state)
{
    (void)state;
    for (unsigned big = 0; big < 2; big++) {
        struct vq_pci_device_config config = rig_config(LEGACY, VQ_PCI_LEGACY);

        config.device.legacy_big_endian = big;
        assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_OK);
        rig_switch_on();
        rig_legacy_start(big);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(leg(VQ_PCI_LEGACY_QUEUE_PFN + i, 1),
                             ((RAM_BASE >> 12) + 1) >> 8 * i & 0xff);
        rig_legacy_answered();
        assert_int_equal(p.guest.ring.next_available, 1);
        assert_int_equal(ram_at(&p.guest, p.guest.address[VQ_DEVICE_AREA])[big ? 3 : 2], 1);
        /* Bytes are passed as the model has them. */
        memcpy(p.guest.echo.config, "\x01\x02\x03\x04", 4);
        assert_int_equal(leg(VQ_PCI_LEGACY_CONFIG, 4), 0x04030201);
    }
}

/* The interface tells whose order it is, long before the driver chooses features. */
static void order_by_interface(void **state)
{
    struct vq_pci_device_config config = rig_config(EITHER, VQ_PCI_TRANSITIONAL);
    const struct vq_device_model *model = &p.guest.echo.model;
    (void)state;

    config.device.legacy_big_endian = true;
    assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_OK);
    rig_switch_on();
    (void)leg(VQ_PCI_LEGACY_CONFIG, 4);
    assert_true(model->big_endian);
    (void)bar_get(VQ_PCI_DEVICE_BAR_MODERN, at(VQ_PCI_CAP_DEVICE), 4);
    assert_false(model->big_endian);
    set_leg(VQ_PCI_LEGACY_CONFIG, 1, 1);
    assert_true(model->big_endian);
    set_leg(VQ_PCI_LEGACY_STATUS, 1, 0);
    rig_start(MODERN);
    (void)bar_get(VQ_PCI_DEVICE_BAR_MODERN, at(VQ_PCI_CAP_DEVICE), 4);
    assert_false(model->big_endian);
}

/* The configuration stands straight behind the header, which grows while MSI-X is on. */
static void config_moves(void **state)
{
    (void)state;
    rig_make(EITHER, VQ_PCI_TRANSITIONAL);
    for (unsigned i = 0; i < ECHO_CONFIG; i++)
        p.guest.echo.config[i] = (uint8_t)(0xb1 + i);
    for (unsigned on = 0; on < 4; on++) {
        const uint32_t start = on & 1 ? VQ_PCI_LEGACY_CONFIG_MSIX : VQ_PCI_LEGACY_CONFIG;

        msix_control((uint16_t)(on & 1 ? VQ_PCI_MSIX_ENABLE : 0));
        for (unsigned bytes = 1; bytes <= 8; bytes++)
            for (unsigned k = 0; k < ECHO_CONFIG + 3; k++) {
                uint64_t value = bar_get(0, start + k, bytes);
                for (unsigned i = 0; i < 8; i++)
                    assert_int_equal((uint8_t)(value >> 8 * i),
                                     i < bytes && k + i < ECHO_CONFIG ? 0xb1 + k + i : 0);
            }
        set_leg(start + 4, 1, 0x50 + on);
        assert_int_equal(p.guest.echo.config[4], 0x50 + on);
        p.guest.echo.config[4] = 0xb5;
    }
    msix_control(VQ_PCI_MSIX_ENABLE);
    rig_legacy_start(false);
    msix_on();
    assert_int_equal(leg(VQ_PCI_LEGACY_CONFIG_VECTOR, 2), VQ_MSI_NO_VECTOR);
    set_leg(VQ_PCI_LEGACY_CONFIG_VECTOR, 2, 1);
    set_leg(VQ_PCI_LEGACY_QUEUE_VECTOR, 2, 2);
    assert_int_equal(leg(VQ_PCI_LEGACY_CONFIG_VECTOR, 4), 1 | 2 << 16);
    set_leg(VQ_PCI_LEGACY_QUEUE_VECTOR, 2, RIG_VECTORS);
    assert_int_equal(leg(VQ_PCI_LEGACY_QUEUE_VECTOR, 2), VQ_MSI_NO_VECTOR);
    set_leg(VQ_PCI_LEGACY_QUEUE_VECTOR, 2, 2);
    rig_legacy_answered();
    assert_int_equal(p.sent[2], 1);
    vq_model_config_changed(&p.device.state);
    assert_int_equal(p.sent[1], 1);
    /* Off again: the same offsets are configuration, which cannot be written there. */
    msix_control(0);
    set_leg(VQ_PCI_LEGACY_CONFIG, 2, 3);
    assert_int_equal(leg(VQ_PCI_LEGACY_CONFIG, 2), 0xb2b1);
    msix_control(VQ_PCI_MSIX_ENABLE);
    assert_int_equal(leg(VQ_PCI_LEGACY_CONFIG_VECTOR, 2), 1);
}

/* A driver that comes early: configuration before features, queues before DRIVER_OK. */
static void early(void **state)
{
    (void)state;
    rig_make(EITHER, VQ_PCI_TRANSITIONAL);
    set_cfg(VQ_PCI_COMMAND, 2, VQ_PCI_COMMAND_IO); /* old ones do not care for bus master */
    set_leg(VQ_PCI_LEGACY_STATUS, 1, 3);
    set_leg(VQ_PCI_LEGACY_CONFIG + 5, 1, 0x77);
    assert_int_equal(p.guest.echo.config[5], 0x77);
    set_leg(VQ_PCI_LEGACY_DRIVER_FEATURES, 4, (uint32_t)LEGACY);
    assert_int_equal(leg(VQ_PCI_LEGACY_DRIVER_FEATURES, 4), (uint32_t)LEGACY);
    rig_legacy_queue(false);
    rig_legacy_answered();
    assert_int_equal(leg(VQ_PCI_LEGACY_STATUS, 1), 3);
    set_leg(VQ_PCI_LEGACY_STATUS, 1, 7);
    rig_legacy_answered();
}

/* Either driver, one after the other; never both. */
static void both(void **state)
{
    (void)state;
    rig_make(EITHER, VQ_PCI_TRANSITIONAL);
    for (unsigned i = 0; i < 3; i++) {
        rig_start(MODERN);
        rig_answered();
        /* The other interface shows the state, and changes nothing but by a reset. */
        assert_int_equal(leg(VQ_PCI_LEGACY_STATUS, 1), 15);
        set_leg(VQ_PCI_LEGACY_QUEUE_PFN, 4, 0);
        set_leg(VQ_PCI_LEGACY_DRIVER_FEATURES, 4, 0);
        set_leg(VQ_PCI_LEGACY_STATUS, 1, 0x80);
        assert_int_equal(status(), 15);
        rig_answered();
        rig_legacy_start(i & 1);
        if (!(i & 1))
            rig_legacy_answered();
        set_com(VQ_PCI_COMMON_QUEUE_RESET, 2, 1);
        set_com(VQ_PCI_COMMON_STATUS, 1, 0x80);
        assert_int_equal(leg(VQ_PCI_LEGACY_STATUS, 1), 7);
        assert_int_not_equal(leg(VQ_PCI_LEGACY_QUEUE_PFN, 4), 0);
    }
    /* A legacy device has no other interface. */
    rig_make(LEGACY, VQ_PCI_LEGACY);
    for (uint32_t at_ = 0; at_ < 0x4000; at_ += 4)
        assert_int_equal(bar_get(VQ_PCI_DEVICE_BAR_MODERN, at_, 4), 0);
}

/* A modern device that legacy drivers stumble over. */
static void graceful(void **state)
{
    struct vq_pci_device_config config = rig_config(MODERN, VQ_PCI_MODERN);
    struct vq_pci_bar bar;
    (void)state;

    config.graceful = true;
    assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_OK);
    rig_switch_on();
    assert_true(vq_pci_device_bar(&p.device, 0, &bar));
    assert_true(bar.io);
    /* Modern drivers do not notice. */
    rig_start(MODERN);
    rig_answered();
    for (unsigned i = 0; i < 32; i++)
        set_leg(i, 1, 0x80);
    set_leg(VQ_PCI_LEGACY_STATUS, 2, 0);
    set_leg(VQ_PCI_LEGACY_STATUS, 1, 1);
    rig_answered();
    /* The reset of a legacy driver ends all. */
    set_leg(VQ_PCI_LEGACY_STATUS, 1, 0);
    assert_false(p.guest.echo.running[0]);
    set_leg(VQ_PCI_LEGACY_STATUS, 1, 3);
    set_com(VQ_PCI_COMMON_STATUS, 1, 3);
    msix_entry(0, 0x1000, 1, false);
    for (unsigned b = 0; b < VQ_PCI_BARS; b++)
        for (uint32_t at_ = 0; at_ < 0x4000; at_ += 4)
            assert_int_equal(bar_get(b, at_, 4), 0);
    vq_pci_device_bus_reset(&p.device);
    rig_switch_on();
    rig_start(MODERN);
    rig_answered();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(in_bar0, "the legacy registers are in I/O space, and 32 features are all they have "
                         "[PCILEG-DEV-LAYOUT-01 PCILEG-DEV-LAYOUT-04 PCILEG-DEV-DETECT-01 "
                         "BASIC-DEV-LEGFEAT-03]"),
        VQ_TEST(orders, "the legacy header is little-endian, rings and configuration are the "
                        "driver's [PCILEG-DEV-LAYOUT-05 SPLIT-DEV-LEGEND-01]"),
        VQ_TEST(order_by_interface, "who looks by the modern interface finds little-endian fields, "
                                    "whatever a legacy driver would [BASIC-DEV-CFG-03 "
                                    "BASIC-DEV-LEGCFG-01]"),
        VQ_TEST(config_moves, "the legacy configuration stands behind the header, in every width "
                              "[PCILEG-DEV-LAYOUT-02 PCILEG-DEV-LAYOUT-03 PCILEG-DEV-LAYOUT-06]"),
        VQ_TEST(early, "a legacy driver may write configuration and use queues early "
                       "[INIT-DEV-LEG-01 INIT-DEV-LEG-02]"),
        VQ_TEST(both, "a transitional device serves either driver, by one interface at a time "
                      "[BASIC-DEV-TRANS-01 BASIC-DEV-LEGFEAT-01]"),
        VQ_TEST(graceful, "a modern device lets legacy drivers fail without harm "
                          "[PCILEG-DEV-GRACE-01 PCILEG-DEV-GRACE-02]"),
    };
    return VQ_RUN(tests);
}
