/*
 * A PCI function as a driver finds it: identity, BARs, capabilities, and the common
 * configuration of the modern interface.
 */
#include "test.h"

#include "pci_rig.h"

static void identity(void **state)
{
    static const struct {
        uint16_t type, transitional;
    } types[] = {{1, 0x1000}, {2, 0x1001}, {3, 0x1003}, {4, 0x1005}, {5, 0x1002},
                 {8, 0x1004}, {9, 0x1009}, {19, 0},     {16, 0},     {42, 0}};
    (void)state;

    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct vq_pci_device_config config = rig_config(MODERN, VQ_PCI_MODERN);

        p.guest.echo.ops.device_id = types[i].type;
        assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_OK);
        assert_int_equal(cfg(VQ_PCI_VENDOR_ID, 4), 0x1af4 | (0x1040 + types[i].type) << 16);
        assert_true(cfg(VQ_PCI_DEVICE_ID, 2) <= 0x107f);
        assert_true(cfg(VQ_PCI_REVISION, 1) >= 1);
        assert_true(cfg(VQ_PCI_SUBSYSTEM_ID, 2) >= 0x40);
        assert_int_equal(cfg(VQ_PCI_HEADER_TYPE, 1), 0);
        config.subsystem_vendor = 0x1234;
        config.subsystem_id = 0x5678;
        config.revision = 7;
        config.class_code = 0x123456;
        assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_OK);
        assert_int_equal(cfg(VQ_PCI_SUBSYSTEM_VENDOR, 4), 0x56781234);
        assert_int_equal(cfg(VQ_PCI_REVISION, 4), 0x12345607);
        config.subsystem_id = 0x3f;
        assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_ERR_INVALID);

        for (unsigned kind = VQ_PCI_TRANSITIONAL; kind <= VQ_PCI_LEGACY; kind++) {
            config = rig_config(MODERN, (enum vq_pci_kind)kind);
            config.subsystem_id = 0x5678;
            config.revision = 7;
            p.guest.echo.ops.device_id = types[i].type;
            assert_int_equal(vq_pci_device_init(&p.device, &config),
                             types[i].transitional ? VQ_OK : VQ_ERR_UNSUPPORTED);
            if (types[i].transitional == 0)
                continue;
            assert_int_equal(cfg(VQ_PCI_VENDOR_ID, 4), 0x1af4 | types[i].transitional << 16);
            assert_int_equal(cfg(VQ_PCI_REVISION, 1), 0);
            assert_int_equal(cfg(VQ_PCI_SUBSYSTEM_ID, 2), types[i].type);
        }
    }
    /* What has no VERSION_1 is legacy. */
    for (unsigned kind = 0; kind <= VQ_PCI_LEGACY; kind++) {
        struct vq_pci_device_config config = rig_config(LEGACY, (enum vq_pci_kind)kind);

        assert_int_equal(vq_pci_device_init(&p.device, &config),
                         kind == VQ_PCI_LEGACY ? VQ_OK : VQ_ERR_UNSUPPORTED);
    }
}

/* Each BAR: sized by writing ones, placed, decoded as the command register says. */
static void bars(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind <= VQ_PCI_LEGACY; kind++) {
        uint64_t base = UINT64_C(0x40000);
        struct vq_pci_bar bar;

        rig_make(MODERN, (enum vq_pci_kind)kind);
        set_cfg(VQ_PCI_COMMAND, 2, 0);
        for (unsigned i = 0; i < VQ_PCI_BARS; i++) {
            uint32_t kind_bits = cfg(VQ_PCI_BAR0 + 4 * i, 4);
            bool io = kind_bits & 1, wide = !io && (kind_bits & 4);
            uint64_t mask, bytes;
            unsigned found;
            uint64_t offset;

            if (!vq_pci_device_bar(&p.device, i, &bar)) {
                if (i == 0 || wide)
                    assert_int_equal(kind_bits, 0);
                continue;
            }
            set_cfg(VQ_PCI_BAR0 + 4 * i, 4, UINT32_MAX);
            mask = cfg(VQ_PCI_BAR0 + 4 * i, 4) & ~(io ? 3u : 15u);
            if (wide) {
                set_cfg(VQ_PCI_BAR0 + 4 * i + 4, 4, UINT32_MAX);
                mask |= (uint64_t)cfg(VQ_PCI_BAR0 + 4 * i + 4, 4) << 32;
            } else {
                mask |= UINT64_C(0xffffffff00000000);
            }
            bytes = ~mask + 1;
            assert_true(bytes == bar.bytes && (bytes & (bytes - 1)) == 0);
            assert_true(bytes >= (io ? 4 : 16));
            base = (base + 2 * bytes) & mask;
            set_cfg(VQ_PCI_BAR0 + 4 * i, 4, (uint32_t)base);
            if (wide)
                set_cfg(VQ_PCI_BAR0 + 4 * i + 4, 4, 0x12);
            assert_true(vq_pci_device_bar(&p.device, i, &bar));
            assert_true(bar.address == (base | (wide ? UINT64_C(0x1200000000) : 0)));
            assert_int_equal(cfg(VQ_PCI_BAR0 + 4 * i, 4) & (io ? 3u : 15u), kind_bits);
            for (uint32_t command = 0; command < 4; command++) {
                set_cfg(VQ_PCI_COMMAND, 2, command);
                assert_int_equal(
                    vq_pci_device_decode(&p.device, io, bar.address + 8, 4, &found, &offset),
                    command >> !io & 1);
            }
            assert_int_equal(found, i);
            assert_int_equal(offset, 8);
            assert_false(vq_pci_device_decode(&p.device, !io, bar.address, 4, &found, &offset));
            assert_false(vq_pci_device_decode(&p.device, io, bar.address - 1, 4, &found, &offset));
            assert_false(
                vq_pci_device_decode(&p.device, io, bar.address + bytes - 3, 4, &found, &offset));
            assert_true(
                vq_pci_device_decode(&p.device, io, bar.address + bytes - 4, 4, &found, &offset));
        }
        assert_int_equal(vq_pci_device_bar(&p.device, 0, &bar), kind != VQ_PCI_MODERN);
        assert_int_equal(vq_pci_device_bar(&p.device, 4, &bar), kind != VQ_PCI_LEGACY);
        assert_int_not_equal(p.moved, 0);
    }
}

/* Nothing but what may be written changes, and no access leaves the 256 bytes. */
static void header(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind <= VQ_PCI_LEGACY; kind++) {
        uint8_t before[256];

        rig_make(MODERN, (enum vq_pci_kind)kind);
        for (unsigned i = 0; i < 256; i++)
            before[i] = (uint8_t)cfg(i, 1);
        assert_int_equal(cfg(VQ_PCI_STATUS, 2) & VQ_PCI_STATUS_CAPABILITIES,
                         VQ_PCI_STATUS_CAPABILITIES);
        assert_int_equal(cfg(VQ_PCI_INTERRUPT_PIN, 1), 1);
        for (unsigned i = 0; i < 256; i++)
            if (i / 4 != VQ_PCI_COMMAND / 4 && (i < VQ_PCI_BAR0 || i >= VQ_PCI_BAR0 + 24))
                set_cfg(i, 1, 0xff);
        for (unsigned i = 0; i < VQ_PCI_CAPABILITIES; i++)
            if (i != VQ_PCI_CACHE_LINE)
                assert_int_equal(cfg(i, 1), before[i]);
        set_cfg(VQ_PCI_INTERRUPT_LINE, 1, 11);
        assert_int_equal(cfg(VQ_PCI_INTERRUPT_LINE, 2), 11 | 1 << 8);
        for (unsigned bytes = 0; bytes <= 8; bytes++)
            for (uint32_t at = 250; at < 300; at++) {
                set_cfg(at, bytes, UINT32_MAX);
                if (at >= 256 || bytes == 0 || bytes > 4)
                    assert_int_equal(cfg(at, bytes), 0);
            }
        /* A reset of the bus brings all back. */
        vq_pci_device_bus_reset(&p.device);
        for (unsigned i = 0; i < 256; i++)
            assert_int_equal(cfg(i, 1), i == VQ_PCI_COMMAND ? 0 : before[i]);
    }
}

static void capabilities(void **state)
{
    (void)state;
    for (unsigned data = 0; data < 2; data++) {
        struct vq_pci_device_config config = rig_config(MODERN, VQ_PCI_TRANSITIONAL);
        uint8_t notify;
        uint32_t multiplier;
        struct vq_pci_bar bar;

        if (!data)
            vq_feature_set(&config.device.without, VQ_F_NOTIFICATION_DATA);
        assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_OK);
        set_com(VQ_PCI_COMMON_DEVICE_FEATURE_SELECT, 4, 1);
        assert_int_equal(com(VQ_PCI_COMMON_DEVICE_FEATURE, 4) >> (VQ_F_NOTIFICATION_DATA - 32) & 1,
                         data);
        for (unsigned type = VQ_PCI_CAP_COMMON; type <= VQ_PCI_CAP_DEVICE; type++) {
            uint8_t c = region((enum vq_pci_cap)type);

            assert_int_equal(cfg(c + 2u, 1), type == VQ_PCI_CAP_NOTIFY ? 20 : 16);
            assert_true(vq_pci_device_bar(&p.device, cfg(c + 4u, 1), &bar));
            assert_true(cfg(c + 8u, 4) + (uint64_t)cfg(c + 12u, 4) <= bar.bytes);
            assert_int_equal(cfg(c + 8u, 4) % 4, 0);
        }
        assert_true(cfg(region(VQ_PCI_CAP_COMMON) + 12u, 4) >= VQ_PCI_COMMON_BYTES);
        assert_true(cfg(region(VQ_PCI_CAP_ISR) + 12u, 4) >= 1);
        assert_int_equal(cfg(region(VQ_PCI_CAP_DEVICE) + 12u, 4), ECHO_CONFIG);
        assert_int_equal(cfg(region(VQ_PCI_CAP_ACCESS) + 2u, 1), 20);
        notify = region(VQ_PCI_CAP_NOTIFY);
        multiplier = cfg(notify + 16u, 4);
        assert_true(multiplier != 0 && multiplier % 4 == 0 && (multiplier & (multiplier - 1)) == 0);
        for (uint16_t i = 0; i < ECHO_QUEUES; i++) {
            set_com(VQ_PCI_COMMON_QUEUE_SELECT, 2, i);
            assert_true(cfg(notify + 12u, 4) >=
                        com(VQ_PCI_COMMON_QUEUE_NOTIFY_OFF, 2) * multiplier + 4);
        }
    }
    /* A device without configuration has no such capability, a legacy one none of all. */
    {
        struct vq_pci_device_config config = rig_config(MODERN, VQ_PCI_MODERN);

        p.guest.echo.config_bytes = 0;
        assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_OK);
        assert_int_equal(cap(VQ_PCI_CAP_ID_VENDOR, VQ_PCI_CAP_DEVICE), 0);
        rig_make(MODERN, VQ_PCI_LEGACY);
        for (uint8_t type = 0; type < 10; type++)
            assert_int_equal(cap(VQ_PCI_CAP_ID_VENDOR, type), 0);
        assert_int_not_equal(cap(VQ_PCI_CAP_ID_MSIX, 0), 0);
    }
}

static void shared(void **state)
{
    struct vq_shared_memory regions[] = {{.id = 1, .base = 0, .bytes = 4096},
                                         {.id = 9, .base = UINT64_C(1) << 32, .bytes = 1 << 20}};
    struct vq_pci_device_config config = rig_config(MODERN, VQ_PCI_MODERN);
    struct vq_pci_bar bar;
    unsigned found = 0;
    (void)state;

    config.shared = regions;
    config.shared_count = 2;
    config.shared_bar_bytes = UINT64_C(1) << 33;
    assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_OK);
    for (uint8_t at_ = (uint8_t)cfg(VQ_PCI_CAPABILITIES, 1); at_; at_ = (uint8_t)cfg(at_ + 1u, 1)) {
        uint64_t offset, length;

        if (cfg(at_, 1) != VQ_PCI_CAP_ID_VENDOR || cfg(at_ + 3u, 1) != VQ_PCI_CAP_SHARED)
            continue;
        assert_int_equal(cfg(at_ + 2u, 1), 24);
        offset = cfg(at_ + 8u, 4) | (uint64_t)cfg(at_ + 16u, 4) << 32;
        length = cfg(at_ + 12u, 4) | (uint64_t)cfg(at_ + 20u, 4) << 32;
        assert_true(vq_pci_device_bar(&p.device, cfg(at_ + 4u, 1), &bar));
        assert_true(length <= bar.bytes && offset <= bar.bytes - length);
        for (unsigned i = 0; i < 2; i++)
            if (regions[i].id == cfg(at_ + 5u, 1) && regions[i].base == offset &&
                regions[i].bytes == length)
                found |= 1u << i;
    }
    assert_int_equal(found, 3);
    /* What would be wrong is not built. */
    regions[1].id = 1;
    assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_ERR_INVALID);
    regions[1] = (struct vq_shared_memory){.id = 9, .base = UINT64_C(1) << 33, .bytes = 1};
    assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_ERR_INVALID);
    regions[1] = (struct vq_shared_memory){.id = 9, .base = 8, .bytes = UINT64_MAX};
    assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_ERR_INVALID);
}

static void vendor_data(void **state)
{
    static const uint8_t data[14] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    struct vq_pci_vendor_data all[] = {
        {.vendor_id = 0x1234, .data = data, .bytes = 2},
        {.vendor_id = 0x5678, .data = data, .bytes = 14},
        {.vendor_id = 0x1234, .data = data + 4, .bytes = 6},
    };
    struct vq_pci_device_config config = rig_config(MODERN, VQ_PCI_TRANSITIONAL);
    struct vq_pci_device before;
    unsigned found = 0;
    (void)state;

    config.vendor = all;
    config.vendor_count = 3;
    assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_OK);
    rig_switch_on();
    rig_start(MODERN);
    before = p.device;
    for (uint8_t at_ = (uint8_t)cfg(VQ_PCI_CAPABILITIES, 1); at_; at_ = (uint8_t)cfg(at_ + 1u, 1)) {
        if (cfg(at_, 1) != VQ_PCI_CAP_ID_VENDOR || cfg(at_ + 3u, 1) != VQ_PCI_CAP_VENDOR)
            continue;
        assert_true(found < 3);
        assert_int_equal(cfg(at_ + 2u, 1) % 4, 0);
        assert_int_equal(cfg(at_ + 2u, 1), all[found].bytes + 6);
        assert_int_equal(cfg(at_ + 4u, 2), all[found].vendor_id);
        assert_int_not_equal(cfg(at_ + 4u, 2), VQ_PCI_VENDOR);
        for (unsigned round = 0; round < 3; round++)
            for (unsigned i = 0; i < all[found].bytes; i++)
                assert_int_equal(cfg(at_ + 6u + i, 1), all[found].data[i]);
        assert_memory_equal(&before, &p.device, sizeof before);
        set_cfg(at_ + 4u, 4, 0);
        assert_int_equal(cfg(at_ + 6u, 1), all[found].data[0]);
        found++;
    }
    assert_int_equal(found, 3);
    rig_answered();
    /* What would be wrong is not built. */
    all[1].bytes = 13;
    assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_ERR_INVALID);
    all[1].bytes = 14;
    all[1].vendor_id = VQ_PCI_VENDOR;
    assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_ERR_INVALID);
    {
        static const uint8_t many[250];
        struct vq_pci_vendor_data large = {.vendor_id = 1, .data = many};
        unsigned most = 0;

        config.vendor = &large;
        config.vendor_count = 1;
        for (unsigned bytes = 2; bytes < 250; bytes += 4) {
            large.bytes = (uint8_t)bytes;
            if (vq_pci_device_init(&p.device, &config) != VQ_OK)
                continue;
            most = bytes;
            assert_int_not_equal(cap(VQ_PCI_CAP_ID_VENDOR, VQ_PCI_CAP_COMMON), 0);
            assert_int_not_equal(cap(VQ_PCI_CAP_ID_VENDOR, VQ_PCI_CAP_VENDOR), 0);
        }
        assert_true(most >= 64 && most < 128);
    }
}

static void features(void **state)
{
    static const uint32_t beyond[] = {3, 4, 0x80000000u, UINT32_MAX};
    (void)state;

    rig_make(MODERN | BIT(VQ_F_ANY_LAYOUT), VQ_PCI_TRANSITIONAL);
    p.guest.echo.offered.word[2] = 0x5a;
    set_com(VQ_PCI_COMMON_DEVICE_FEATURE_SELECT, 4, 0);
    assert_int_equal(com(VQ_PCI_COMMON_DEVICE_FEATURE, 4), (uint32_t)MODERN);
    set_com(VQ_PCI_COMMON_DEVICE_FEATURE_SELECT, 4, 1);
    assert_int_equal(com(VQ_PCI_COMMON_DEVICE_FEATURE, 4) & 1, 1);
    set_com(VQ_PCI_COMMON_DEVICE_FEATURE_SELECT, 4, 2);
    assert_int_equal(com(VQ_PCI_COMMON_DEVICE_FEATURE, 4), 0x5a);
    for (unsigned i = 0; i < 4; i++) {
        set_com(VQ_PCI_COMMON_DEVICE_FEATURE_SELECT, 4, beyond[i]);
        assert_int_equal(com(VQ_PCI_COMMON_DEVICE_FEATURE_SELECT, 4), beyond[i]);
        assert_int_equal(com(VQ_PCI_COMMON_DEVICE_FEATURE, 4), 0);
    }
    assert_true(rig_negotiate(MODERN));
    for (uint32_t i = 0; i < 2; i++) {
        set_com(VQ_PCI_COMMON_DRIVER_FEATURE_SELECT, 4, i);
        assert_int_equal(com(VQ_PCI_COMMON_DRIVER_FEATURE_SELECT, 4), i);
        assert_int_equal(com(VQ_PCI_COMMON_DRIVER_FEATURE, 4), (uint32_t)(MODERN >> (32 * i)));
        set_com(VQ_PCI_COMMON_DRIVER_FEATURE, 4, 0);
        assert_int_equal(com(VQ_PCI_COMMON_DRIVER_FEATURE, 4), (uint32_t)(MODERN >> (32 * i)));
    }
    assert_false(rig_negotiate(MODERN | BIT(VQ_F_SR_IOV)));
    set_com(VQ_PCI_COMMON_DRIVER_FEATURE_SELECT, 4, 1);
    assert_int_equal(com(VQ_PCI_COMMON_DRIVER_FEATURE, 4),
                     (uint32_t)((MODERN | BIT(VQ_F_SR_IOV)) >> 32));
    assert_false(rig_negotiate(MODERN | BIT(VQ_F_ADMIN_VQ)));
    assert_false(rig_negotiate(BIT(VQ_F_EVENT_IDX)));
}

static void generation(void **state)
{
    uint32_t before;
    (void)state;

    rig_make(MODERN, VQ_PCI_MODERN);
    rig_start(MODERN);
    before = com(VQ_PCI_COMMON_GENERATION, 1);
    assert_int_equal(com(VQ_PCI_COMMON_GENERATION, 1), before);
    /* However often it changed meanwhile, 256 times too: the driver's next look tells. */
    for (unsigned i = 0; i < 256; i++) {
        p.guest.echo.config[0]++;
        vq_model_config_changed(&p.device.state);
    }
    (void)bar_get(VQ_PCI_DEVICE_BAR_MODERN, at(VQ_PCI_CAP_DEVICE), 4);
    assert_int_not_equal(com(VQ_PCI_COMMON_GENERATION, 1), before);
}

static void resets(void **state)
{
    (void)state;
    for (unsigned slow = 0; slow < 2; slow++) {
        rig_make(MODERN, VQ_PCI_MODERN);
        assert_int_equal(status(), 0);
        for (unsigned round = 0; round < 3; round++) {
            rig_start(MODERN | BIT(VQ_F_RING_RESET));
            rig_enable(1, 4);
            rig_answered();
            rig_send();
            p.slow = slow;
            p.asked = 0;
            set_com(VQ_PCI_COMMON_STATUS, 1, 0);
            if (slow) {
                /* Nothing that the driver does meanwhile counts. */
                assert_int_equal(status(), 15);
                set_com(VQ_PCI_COMMON_STATUS, 1, 0);
                set_com(VQ_PCI_COMMON_STATUS, 1, 1);
                set_com(VQ_PCI_COMMON_QUEUE_ENABLE, 2, 1);
                rig_kick(0, 0, 2);
                assert_false(rig_run());
                assert_int_equal(p.asked, 2);
                vq_model_queue_stopped(&p.device.state, 1);
                vq_model_queue_stopped(&p.device.state, 1);
                assert_int_equal(status(), 15);
                vq_model_queue_stopped(&p.device.state, 0);
            }
            p.slow = false;
            assert_int_equal(status(), 0);
            assert_int_equal(p.guest.echo.resets, 2 * (round + 1));
            for (uint16_t i = 0; i < ECHO_QUEUES; i++) {
                set_com(VQ_PCI_COMMON_QUEUE_SELECT, 2, i);
                assert_int_equal(com(VQ_PCI_COMMON_QUEUE_ENABLE, 2), 0);
                assert_int_equal(com(VQ_PCI_COMMON_QUEUE_RESET, 2), 0);
                assert_int_equal(com(VQ_PCI_COMMON_QUEUE_SIZE, 2), ECHO_SIZE);
                assert_int_equal(com(VQ_PCI_COMMON_QUEUE_DESC, 4), 0);
            }
        }
    }
}

static void queue_reset(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool slow = i & 1, packed = i & 2;
        uint64_t wanted = MODERN | BIT(VQ_F_RING_RESET) | (packed ? BIT(VQ_F_RING_PACKED) : 0);

        rig_make(MODERN | BIT(VQ_F_RING_PACKED), VQ_PCI_MODERN);
        rig_start(wanted);
        for (unsigned k = 0; k < 5; k++)
            rig_answered();
        rig_send();
        p.slow = slow;
        set_com(VQ_PCI_COMMON_QUEUE_RESET, 2, 0);
        assert_int_equal(com(VQ_PCI_COMMON_QUEUE_ENABLE, 2), 1);
        set_com(VQ_PCI_COMMON_QUEUE_RESET, 2, 1);
        if (slow) {
            assert_int_equal(com(VQ_PCI_COMMON_QUEUE_RESET, 2), 1);
            set_com(VQ_PCI_COMMON_QUEUE_ENABLE, 2, 1);
            assert_false(rig_run());
            assert_int_equal(com(VQ_PCI_COMMON_QUEUE_RESET, 2), 1);
            vq_model_queue_stopped(&p.device.state, 0);
        }
        p.slow = false;
        assert_int_equal(com(VQ_PCI_COMMON_QUEUE_RESET, 2), 0);
        assert_int_equal(com(VQ_PCI_COMMON_QUEUE_ENABLE, 2), 0);
        assert_int_equal(com(VQ_PCI_COMMON_QUEUE_SIZE, 2), ECHO_SIZE);
        assert_int_equal(com(VQ_PCI_COMMON_QUEUE_DESC, 4), 0);
        rig_kick(0, 0, 2);
        assert_false(rig_run());
        assert_int_equal(p.guest.echo.served, 5);
        rig_enable(0, 8);
        assert_int_equal(com(VQ_PCI_COMMON_QUEUE_RESET, 2), 0);
        for (unsigned k = 0; k < 30; k++)
            rig_answered();
        set_com(VQ_PCI_COMMON_STATUS, 1, 0);
        assert_int_equal(com(VQ_PCI_COMMON_QUEUE_RESET, 2), 0);
    }
    /* Only if it was negotiated. */
    rig_make(MODERN, VQ_PCI_MODERN);
    rig_start(MODERN);
    set_com(VQ_PCI_COMMON_QUEUE_RESET, 2, 1);
    assert_int_equal(com(VQ_PCI_COMMON_QUEUE_ENABLE, 2), 1);
    rig_answered();
}

static void sizes(void **state)
{
    (void)state;
    rig_make(MODERN | BIT(VQ_F_RING_PACKED), VQ_PCI_MODERN);
    p.guest.echo.size = 13;
    assert_int_equal(com(VQ_PCI_COMMON_NUM_QUEUES, 2), ECHO_QUEUES);
    for (unsigned packed = 0; packed < 2; packed++) {
        assert_true(rig_negotiate(MODERN | (packed ? BIT(VQ_F_RING_PACKED) : 0)));
        for (uint32_t i = 0; i < 0x10000; i = i < 4 ? i + 1 : i * 2 + 1) {
            set_com(VQ_PCI_COMMON_QUEUE_SELECT, 2, i);
            assert_int_equal(com(VQ_PCI_COMMON_QUEUE_SELECT, 2), i);
            assert_int_equal(com(VQ_PCI_COMMON_QUEUE_SIZE, 2), i >= ECHO_QUEUES ? 0
                                                               : packed         ? 13
                                                                                : 8);
        }
        for (uint16_t size = 0; size < 40; size++) {
            bool allowed =
                size != 0 && size <= 13 && (packed || ((size & (size - 1)) == 0 && size <= 8));

            rig_negotiate(MODERN | (packed ? BIT(VQ_F_RING_PACKED) : 0));
            set_com(VQ_PCI_COMMON_QUEUE_SELECT, 2, 1);
            set_com(VQ_PCI_COMMON_QUEUE_SIZE, 2, size);
            assert_int_equal(com(VQ_PCI_COMMON_QUEUE_SIZE, 2), allowed ? size : 0);
            for (unsigned i = 0; i < VQ_PARTS; i++)
                set_com(VQ_PCI_COMMON_QUEUE_DESC + 8 * i, 4, (uint32_t)RAM_BASE + 4096 * i);
            set_com(VQ_PCI_COMMON_QUEUE_ENABLE, 2, 1);
            assert_int_equal(com(VQ_PCI_COMMON_QUEUE_ENABLE, 2), allowed);
            raise_status(VQ_STATUS_DRIVER_OK);
            assert_int_equal(p.guest.echo.running[1], allowed);
            assert_int_equal(status() & VQ_STATUS_NEEDS_RESET, allowed ? 0 : VQ_STATUS_NEEDS_RESET);
        }
    }
}

/* Halves by themselves, all 8 bytes, the lowest first. */
static void halves(void **state)
{
    (void)state;
    rig_make(MODERN, VQ_PCI_MODERN);
    assert_true(rig_negotiate(MODERN));
    for (uint32_t f = VQ_PCI_COMMON_QUEUE_DESC; f <= VQ_PCI_COMMON_QUEUE_DEVICE; f += 8) {
        set_com(f, 4, 0x44332211);
        assert_int_equal(com(f + 4, 4), 0);
        set_com(f + 4, 4, 0x88776655);
        assert_int_equal(com(f, 4), 0x44332211);
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(com(f + i, 1), 0x11 * (i + 1));
        bar_put(VQ_PCI_DEVICE_BAR_MODERN, at(VQ_PCI_CAP_COMMON) + f, 8,
                UINT64_C(0x0123456789abcdef));
        assert_true(bar_get(VQ_PCI_DEVICE_BAR_MODERN, at(VQ_PCI_CAP_COMMON) + f, 8) ==
                    UINT64_C(0x0123456789abcdef));
        /* Parts of a field are not written. */
        set_com(f, 1, 0);
        set_com(f + 1, 2, 0);
        assert_int_equal(com(f, 4), 0x89abcdef);
    }
    set_com(VQ_PCI_COMMON_QUEUE_SIZE, 2, 4);
    assert_int_equal(com(VQ_PCI_COMMON_QUEUE_SIZE, 1), 4);
    assert_int_equal(com(VQ_PCI_COMMON_QUEUE_SIZE + 1, 1), 0);
    assert_int_equal(com(VQ_PCI_COMMON_STATUS, 4), 11); /* generation, selector */
}

static void kicks(void **state)
{
    (void)state;
    rig_make(MODERN, VQ_PCI_MODERN);
    rig_start(MODERN | BIT(VQ_F_NOTIFICATION_DATA));
    for (unsigned i = 1; i < 40; i++) {
        rig_answered();
        assert_int_equal(p.guest.queues[0].notification, i << 16);
    }
    /* Queues that are not enabled, or are not there. */
    guest_add(&p.guest);
    (void)rig_run();
    for (uint32_t at_ = VQ_PCI_COMMON_BYTES; at_ < 0x5000; at_ += 2)
        if (at_ != at(VQ_PCI_CAP_NOTIFY))
            bar_put(VQ_PCI_DEVICE_BAR_MODERN, at_, 2, 0);
    assert_false(rig_run());
}

/* The way to the registers that leads through the configuration space. */
static void access_window(void **state)
{
    uint8_t c;
    (void)state;

    rig_make(MODERN, VQ_PCI_MODERN);
    assert_true(rig_negotiate(MODERN));
    c = region(VQ_PCI_CAP_ACCESS);
    set_cfg(c + 4u, 1, VQ_PCI_DEVICE_BAR_MODERN);
    set_cfg(c + 8u, 4, at(VQ_PCI_CAP_COMMON) + VQ_PCI_COMMON_STATUS);
    set_cfg(c + 12u, 4, 1);
    assert_int_equal(cfg(c + 16u, 4), 11);
    set_cfg(c + 16u, 4, 0xffffff80u | 11); /* the first byte counts */
    assert_int_equal(status(), 0x8b);
    set_cfg(c + 16u, 1, 0);
    assert_int_equal(status(), 0);
    for (unsigned bytes = 1; bytes <= 4; bytes *= 2)
        for (uint32_t f = 0; f < VQ_PCI_COMMON_BYTES; f += bytes) {
            set_cfg(c + 8u, 4, at(VQ_PCI_CAP_COMMON) + f);
            set_cfg(c + 12u, 4, bytes);
            assert_int_equal(cfg(c + 16u, 4), com(f, bytes));
        }
    /* Lengths that no access has, BARs and offsets that are not there. */
    for (uint32_t i = 0; i < 40; i++) {
        static const uint32_t strange[] = {0, 3, 5, 8, 0x100, 0x10001, 0x80000000u, UINT32_MAX};
        bool wrong_bytes = i < 8, wrong_bar = i >= 8 && i < 16;

        set_cfg(c + 12u, 4, wrong_bytes ? strange[i] : 4);
        set_cfg(c + 4u, 1, wrong_bar ? (i == 8 ? 6 : i * 16) : VQ_PCI_DEVICE_BAR_MODERN);
        set_cfg(c + 8u, 4, i >= 16 ? UINT32_MAX - 4 * (i - 16) : 0);
        set_cfg(c + 16u, 4, UINT32_MAX);
        assert_int_equal(cfg(c + 16u, 4), 0);
    }
    assert_int_equal(com(VQ_PCI_COMMON_DEVICE_FEATURE_SELECT, 4), 0);
    assert_int_equal(status(), 0);
}

/* Without the bus master bit the device touches no memory, and goes on where it was. */
static void bus_master(void **state)
{
    uint8_t before[RAM_BYTES];
    (void)state;

    rig_make(MODERN, VQ_PCI_MODERN);
    set_cfg(VQ_PCI_COMMAND, 2, VQ_PCI_COMMAND_MEMORY);
    rig_start(MODERN);
    assert_false(p.guest.echo.running[0]);
    rig_send();
    memcpy(before, p.guest.ram, sizeof before);
    assert_false(rig_run());
    assert_memory_equal(before, p.guest.ram, sizeof before);
    rig_switch_on();
    assert_true(rig_run());
    assert_true(guest_got(&p.guest));
    for (unsigned i = 0; i < 20; i++) {
        rig_answered();
        set_cfg(VQ_PCI_COMMAND, 2, VQ_PCI_COMMAND_MEMORY);
        rig_send();
        memcpy(before, p.guest.ram, sizeof before);
        assert_false(rig_run());
        assert_memory_equal(before, p.guest.ram, sizeof before);
        rig_switch_on();
        assert_true(rig_run());
        assert_true(guest_got(&p.guest));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(identity, "a PCI function has the identity of its kind and type "
                          "[PCI-DEV-DISC-02 PCI-DEV-DISC-03 PCI-DEV-DISC-04 PCI-DEV-DISC-05 "
                          "PCI-DEV-DISC-06 PCI-DEV-DISC-07 PCI-DEV-DISC-08 PCILEG-DEV-DISC-01 "
                          "PCILEG-DEV-DISC-02 PCILEG-DEV-DISC-03]"),
        VQ_TEST(bars, "BARs are sized, placed and decoded [PCI-DEV-DISC-01 PCILEG-DEV-DETECT-01]"),
        VQ_TEST(header, "the configuration space keeps what is not to be written, and ends at 256 "
                        "bytes [PCI-DEV-DISC-01]"),
        VQ_TEST(capabilities,
                "every structure is found, aligned and within its BAR "
                "[PCI-DEV-CAP-04 PCI-DEV-COMMON-01 PCI-DEV-COMMON-02 PCI-DEV-NOTIFCAP-01 "
                "PCI-DEV-NOTIFCAP-02 PCI-DEV-NOTIFCAP-03 PCI-DEV-NOTIFCAP-04 PCI-DEV-NOTIFCAP-05 "
                "PCI-DEV-NOTIFCAP-06 PCI-DEV-NOTIFCAP-07 PCI-DEV-NOTIFCAP-08 PCI-DEV-NOTIFCAP-09 "
                "PCI-DEV-NOTIFCAP-10 PCI-DEV-NOTIFCAP-11 PCI-DEV-ISR-01 PCI-DEV-DEVCFG-01 "
                "PCI-DEV-DEVCFG-02 PCI-DEV-PCICFG-01]"),
        VQ_TEST(shared, "shared memory lies in its BAR, each region under its own id "
                        "[PCI-DEV-CAP-04 PCI-DEV-SHM-01 PCI-DEV-SHM-02]"),
        VQ_TEST(vendor_data, "vendors have data of their own, which reading does not change "
                             "[PCI-DEV-VNDR-01 PCI-DEV-VNDR-02 PCI-DEV-VNDR-03 PCI-DEV-VNDR-04 "
                             "PCI-DEV-VNDR-05]"),
        VQ_TEST(features, "features are shown and read back, for any selector "
                          "[PCI-DEV-COMMON-03 PCI-DEV-COMMON-04 PCI-DEV-COMMON-05 FEAT-DEV-10]"),
        VQ_TEST(generation, "a changed configuration shows another generation "
                            "[PCI-DEV-COMMON-06]"),
        VQ_TEST(resets, "a reset is over when the status reads 0, and left nothing "
                        "[PCI-DEV-COMMON-07 PCI-DEV-COMMON-08 PCI-DEV-COMMON-09 PCI-DEV-COMMON-10 "
                        "BUG-58]"),
        VQ_TEST(queue_reset,
                "a queue is reset, at once or after a while "
                "[PCI-DEV-COMMON-10 PCI-DEV-COMMON-11 PCI-DEV-COMMON-12 PCI-DEV-COMMON-13 "
                "PCI-DEV-COMMON-14]"),
        VQ_TEST(sizes, "a queue has a size that the format allows, or none "
                       "[PCI-DEV-COMMON-15 PCI-DEV-COMMON-16 BUG-52 BUG-53]"),
        VQ_TEST(halves, "64-bit fields are two halves, little-endian "
                        "[PCI-DEV-LAYOUT-01 PCI-DEV-LAYOUT-02]"),
        VQ_TEST(kicks, "each queue is notified at its own place, with data if that was negotiated"),
        VQ_TEST(access_window, "the registers are reached through the configuration space, too "
                               "[PCI-DEV-PCICFG-02 PCI-DEV-PCICFG-03 BUG-55]"),
        VQ_TEST(bus_master, "without the bus master bit no memory is touched"),
    };
    return VQ_RUN(tests);
}
