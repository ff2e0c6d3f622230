/*
 * What drivers do to a PCI function: its configuration space and every BAR. The echoing
 * device behind it asserts what a model may expect.
 */
#include "test.h"

#include "pci_rig.h"

static void frozen(void **state)
{
    (void)state;

    for (unsigned f = 0; f < sizeof guest_frozen_features / sizeof guest_frozen_features[0]; f++) {
        const uint64_t features = guest_frozen_features[f];
        struct guest_frozen before;

        rig_make(features, VQ_PCI_TRANSITIONAL);
        assert_true(rig_negotiate(features));
        rig_enable(0, 4);
        raise_status(VQ_STATUS_DRIVER_OK);
        guest_freeze(&p.guest, &before);
        for (unsigned i = 0; i < 100; i++) {
            rig_answered();
            set_com(VQ_PCI_COMMON_QUEUE_SELECT, 2, 0);
            set_com(VQ_PCI_COMMON_QUEUE_SIZE, 2, i % 20);
            for (uint32_t at_ = VQ_PCI_COMMON_QUEUE_DESC; at_ < VQ_PCI_COMMON_BYTES; at_ += 4)
                set_com(at_, 4, i * 0x1010);
            for (uint32_t at_ = VQ_PCI_COMMON_QUEUE_DESC; at_ < VQ_PCI_COMMON_BYTES; at_++)
                bar_put(VQ_PCI_DEVICE_BAR_MODERN, at_, 8, UINT64_MAX * (i & 1));
            set_com(VQ_PCI_COMMON_QUEUE_ENABLE, 2, 0);
            set_com(VQ_PCI_COMMON_QUEUE_ENABLE, 2, 1);
            set_com(VQ_PCI_COMMON_DRIVER_FEATURE_SELECT, 4, i % 2);
            set_com(VQ_PCI_COMMON_DRIVER_FEATURE, 4, i);
            set_com(VQ_PCI_COMMON_STATUS, 1, 1u << (i % 4));
            for (uint32_t at_ = 0; at_ < 24; at_ += 2)
                if (at_ != VQ_PCI_LEGACY_STATUS)
                    set_leg(at_, 2, i);
            assert_int_equal(status(), 15);
            assert_true(vq_features_low64(&p.device.state.chosen) == features);
            guest_still_frozen(&p.guest, &before);
        }
    }
}

static void selectors(void **state)
{
    static const uint16_t absent[] = {2, 3, 0x7fff, 0x8000, 0xfffe, 0xffff};
    (void)state;

    rig_make(MODERN, VQ_PCI_MODERN);
    msix_on();
    rig_start(MODERN);
    for (unsigned i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        rig_place(absent[i], ECHO_SIZE);
        set_com(VQ_PCI_COMMON_QUEUE_VECTOR, 2, 1);
        set_com(VQ_PCI_COMMON_QUEUE_ENABLE, 2, 1);
        set_com(VQ_PCI_COMMON_QUEUE_RESET, 2, 1);
        assert_int_equal(com(VQ_PCI_COMMON_QUEUE_VECTOR, 2), VQ_MSI_NO_VECTOR);
        for (uint32_t at_ = VQ_PCI_COMMON_QUEUE_SIZE; at_ < VQ_PCI_COMMON_BYTES; at_ += 2)
            if (at_ != VQ_PCI_COMMON_QUEUE_VECTOR)
                assert_int_equal(com(at_, 2), 0);
    }
    for (uint64_t at_ = 0; at_ < UINT64_C(1) << 40; at_ = at_ * 2 + 4)
        for (unsigned b = 0; b < 8; b++) {
            bar_put(b, at_ + 0x3000 + 8, 2, 5);
            bar_put(b, UINT64_MAX - at_, 4, 5);
            (void)bar_get(b, UINT64_MAX - at_, 8);
        }
    rig_start(MODERN);
    rig_answered();
}

static void own_registers(void **state)
{
    struct vq_pci_bar bar;
    (void)state;

    for (unsigned b = 0; b < VQ_PCI_BARS; b++) {
        struct vq_element e[2] = {{RAM_BASE + RAM_DATA, 8}, {0, 8}};

        rig_make(MODERN, VQ_PCI_TRANSITIONAL);
        set_cfg(VQ_PCI_BAR0 + 4 * b, 4, 0x10000000);
        if (!vq_pci_device_bar(&p.device, b, &bar))
            continue;
        e[1].address = bar.address;
        rig_start(MODERN);
        assert_true(vq_driver_add(&p.guest.ring, e, 1, 1) >= 0);
        (void)vq_driver_publish(&p.guest.ring);
        rig_kick(0, 0, 2);
        (void)rig_run();
        assert_int_equal(p.guest.echo.served, 0);
        assert_int_equal(status(), 15 | VQ_STATUS_NEEDS_RESET);
    }
}

/* Any access, in the configuration space and in every BAR. */
static void storm(void **state)
{
    static const uint32_t good[] = {0, 1, 2, 3, 4, 6, 11, 15, 16, 31, 0x8000, 0xc000, UINT32_MAX};
    struct vq_random random = {5};
    (void)state;

    for (unsigned kind = 0; kind <= VQ_PCI_LEGACY + 1; kind++) {
        struct vq_pci_device_config config =
            rig_config(EITHER | BIT(VQ_F_RING_PACKED), (enum vq_pci_kind)(kind % 3));

        config.graceful = kind > VQ_PCI_LEGACY;
        assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_OK);
        for (unsigned i = 0; i < 400000; i++) {
            unsigned bar = vq_random_below(&random, 6);
            uint64_t offset = vq_random_below(&random, 0x50);
            unsigned bytes = vq_random_below(&random, 4) ? 1u << vq_random_below(&random, 4)
                                                         : vq_random_below(&random, 10);
            uint64_t value = vq_random_below(&random, 2)
                                 ? good[vq_random_below(&random, sizeof good / sizeof good[0])]
                                 : vq_random(&random);

            p.slow = vq_random_below(&random, 50) == 0;
            if (vq_random_below(&random, 4) == 0)
                value = RAM_BASE + 4096u * vq_random_below(&random, 20);
            if (vq_random_below(&random, 8) == 0)
                offset += 0x1000 * vq_random_below(&random, 5);
            if (vq_random_below(&random, 64) == 0)
                offset = vq_random(&random);
            switch (vq_random_below(&random, 8)) {
            case 0:
                (void)cfg((uint32_t)offset * 4, bytes);
                break;
            case 1:
                set_cfg((uint32_t)offset * 4, bytes, (uint32_t)value);
                break;
            case 2:
                (void)bar_get(bar, offset, bytes);
                break;
            case 3:
                for (uint16_t q = 0; q < ECHO_QUEUES; q++)
                    vq_model_queue_stopped(&p.device.state, q);
                (void)rig_run();
                break;
            default:
                bar_put(bar, offset, bytes, value);
            }
            if (vq_random_below(&random, 5000) == 0)
                vq_pci_device_bus_reset(&p.device);
        }
        for (uint16_t q = 0; q < ECHO_QUEUES; q++)
            vq_model_queue_stopped(&p.device.state, q);
        p.slow = false;
        vq_pci_device_bus_reset(&p.device);
        rig_switch_on();
        if (kind % 3 == VQ_PCI_LEGACY) {
            rig_legacy_start(false);
            rig_legacy_answered();
        } else {
            rig_start(MODERN);
            rig_answered();
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(frozen, "nothing of a queue that runs changes over PCI [BUG-46 BUG-47 BUG-50]"),
        VQ_TEST(selectors, "selectors, vectors and offsets end where the device does [BUG-54]"),
        VQ_TEST(own_registers, "a descriptor does not reach the device's BARs [BUG-57]"),
        VQ_TEST(storm, "any access to a PCI function is answered, in any state "
                       "[BUG-54 BUG-55 BUG-58]"),
    };
    return VQ_RUN(tests);
}
