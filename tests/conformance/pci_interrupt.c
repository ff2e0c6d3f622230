/*
 * How a PCI device interrupts: the ISR status and its line, MSI-X with its table.
 */
#include "test.h"

#include "pci_rig.h"

static uint16_t pci_status(void)
{
    return (uint16_t)(cfg(VQ_PCI_STATUS, 2) & VQ_PCI_STATUS_INTERRUPT);
}

static void change_config(void)
{
    p.guest.echo.config[0]++;
    vq_model_config_changed(&p.device.state);
}

static unsigned messages(void)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < RIG_VECTORS; i++)
        sum += p.sent[i];
    return sum;
}

static void line(void **state)
{
    (void)state;
    rig_make(MODERN, VQ_PCI_MODERN);
    rig_start(MODERN);
    assert_int_equal(pci_status(), 0);
    rig_answered();
    assert_true(p.high);
    assert_int_equal(pci_status(), VQ_PCI_STATUS_INTERRUPT);
    assert_int_equal(isr(), VQ_PCI_ISR_QUEUE);
    assert_false(p.high);
    assert_int_equal(pci_status(), 0);
    assert_int_equal(isr(), 0);
    change_config();
    assert_true(p.high);
    assert_int_equal(isr(), VQ_PCI_ISR_CONFIG);
    /* Both at once are one interrupt. */
    p.raised = 0;
    rig_answered();
    change_config();
    assert_int_equal(p.raised, 1);
    assert_int_equal(isr(), VQ_PCI_ISR_QUEUE | VQ_PCI_ISR_CONFIG);
    assert_false(p.high);
    /* The command register masks the line, not the status. */
    set_cfg(VQ_PCI_COMMAND, 2, cfg(VQ_PCI_COMMAND, 2) | VQ_PCI_COMMAND_INTX_OFF);
    rig_answered();
    assert_false(p.high);
    assert_int_equal(pci_status(), VQ_PCI_STATUS_INTERRUPT);
    rig_switch_on();
    assert_true(p.high);
    /* So does a reset end it. */
    set_com(VQ_PCI_COMMON_STATUS, 1, 0);
    assert_false(p.high);
    assert_int_equal(isr(), 0);
    assert_int_equal(messages(), 0);
}

static void table(void **state)
{
    uint8_t c;
    uint32_t where, pending;
    struct vq_pci_bar bar;
    (void)state;

    rig_make(MODERN, VQ_PCI_MODERN);
    c = cap(VQ_PCI_CAP_ID_MSIX, 0);
    assert_int_equal(cfg(c + 2u, 2), RIG_VECTORS - 1);
    where = cfg(c + 4u, 4);
    pending = cfg(c + 8u, 4);
    assert_true(vq_pci_device_bar(&p.device, where & 7, &bar));
    assert_int_equal(where & 7, pending & 7);
    assert_true((where & ~7u) + 16 * RIG_VECTORS <= (pending & ~7u));
    assert_true((pending & ~7u) + 8 <= bar.bytes);
    /* All masked at first; entries keep what is written, whole words only. */
    for (unsigned i = 0; i < RIG_VECTORS; i++) {
        assert_int_equal(bar_get(1, 16 * i + 12, 4), 1);
        bar_put(1, 16 * i, 8, UINT64_C(0x1122334455667788));
        bar_put(1, 16 * i + 8, 4, 0x99aabbcc);
        bar_put(1, 16 * i + 12, 4, UINT32_MAX);
        bar_put(1, 16 * i, 2, 0);
        bar_put(1, 16 * i + 2, 4, 0);
        assert_true(bar_get(1, 16 * i, 8) == UINT64_C(0x1122334455667788));
        assert_true(bar_get(1, 16 * i + 8, 8) == UINT64_C(0x199aabbcc));
        assert_int_equal(bar_get(1, 16 * i + 7, 2), 0xcc11);
    }
    /* Pending bits are read only, and there is nothing behind the table or the BAR. */
    for (uint64_t at_ = 16 * RIG_VECTORS; at_ < bar.bytes + 64; at_ += 4) {
        bar_put(1, at_, 4, UINT32_MAX);
        assert_int_equal(bar_get(1, at_, 4), 0);
    }
    assert_int_equal(bar_get(1, bar.bytes - 4, 8), 0);
    {
        static const uint16_t counts[] = {0, 2, 3, 128, 129, 1000, 2048, 1, 2049};
        static struct vq_pci_vector many[2049];

        for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            struct vq_pci_device_config config = rig_config(MODERN, VQ_PCI_MODERN);

            config.vectors = many;
            config.vector_count = counts[i];
            if (i >= 7) {
                assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_ERR_INVALID);
                continue;
            }
            assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_OK);
            c = cap(VQ_PCI_CAP_ID_MSIX, 0);
            assert_int_equal(c != 0, counts[i] != 0);
            if (c == 0)
                continue;
            assert_int_equal(cfg(c + 2u, 2) & VQ_PCI_MSIX_SIZE, counts[i] - 1);
            pending = cfg(c + 8u, 4);
            assert_true((pending & ~7u) >= 16u * counts[i]);
            assert_true(vq_pci_device_bar(&p.device, 1, &bar));
            assert_true((pending & ~7u) + (counts[i] + 63u) / 64 * 8 <= bar.bytes);
        }
    }
}

static void mapping(void **state)
{
    static const uint16_t wrong[] = {RIG_VECTORS, RIG_VECTORS + 1, 0x7ff, 0x800, 0xfffe};
    (void)state;

    for (unsigned on = 0; on < 2; on++) {
        rig_make(MODERN, VQ_PCI_MODERN);
        if (on)
            msix_on();
        assert_true(rig_negotiate(MODERN));
        for (uint16_t q = 0; q < ECHO_QUEUES + 1; q++) {
            set_com(VQ_PCI_COMMON_QUEUE_SELECT, 2, q);
            assert_int_equal(com(VQ_PCI_COMMON_QUEUE_VECTOR, 2), VQ_MSI_NO_VECTOR);
            for (uint16_t v = 0; v < RIG_VECTORS; v++) {
                set_com(VQ_PCI_COMMON_QUEUE_VECTOR, 2, v);
                set_com(VQ_PCI_COMMON_CONFIG_VECTOR, 2, v);
                assert_int_equal(com(VQ_PCI_COMMON_QUEUE_VECTOR, 2),
                                 q < ECHO_QUEUES ? v : VQ_MSI_NO_VECTOR);
                assert_int_equal(com(VQ_PCI_COMMON_CONFIG_VECTOR, 2), v);
            }
            for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                set_com(VQ_PCI_COMMON_QUEUE_VECTOR, 2, wrong[i]);
                set_com(VQ_PCI_COMMON_CONFIG_VECTOR, 2, wrong[i]);
                assert_int_equal(com(VQ_PCI_COMMON_QUEUE_VECTOR, 2), VQ_MSI_NO_VECTOR);
                assert_int_equal(com(VQ_PCI_COMMON_CONFIG_VECTOR, 2), VQ_MSI_NO_VECTOR);
            }
            set_com(VQ_PCI_COMMON_QUEUE_VECTOR, 2, 1);
            set_com(VQ_PCI_COMMON_CONFIG_VECTOR, 2, 1);
            set_com(VQ_PCI_COMMON_QUEUE_VECTOR, 2, VQ_MSI_NO_VECTOR);
            set_com(VQ_PCI_COMMON_CONFIG_VECTOR, 2, VQ_MSI_NO_VECTOR);
            assert_int_equal(com(VQ_PCI_COMMON_QUEUE_VECTOR, 2), VQ_MSI_NO_VECTOR);
            assert_int_equal(com(VQ_PCI_COMMON_CONFIG_VECTOR, 2), VQ_MSI_NO_VECTOR);
            set_com(VQ_PCI_COMMON_QUEUE_VECTOR, 2, 2);
            set_com(VQ_PCI_COMMON_CONFIG_VECTOR, 2, 3);
        }
        set_com(VQ_PCI_COMMON_STATUS, 1, 0);
        assert_int_equal(com(VQ_PCI_COMMON_CONFIG_VECTOR, 2), VQ_MSI_NO_VECTOR);
        for (uint16_t q = 0; q < ECHO_QUEUES; q++) {
            set_com(VQ_PCI_COMMON_QUEUE_SELECT, 2, q);
            assert_int_equal(com(VQ_PCI_COMMON_QUEUE_VECTOR, 2), VQ_MSI_NO_VECTOR);
        }
    }
    /* Without MSI-X there is no valid vector. */
    {
        struct vq_pci_device_config config = rig_config(MODERN, VQ_PCI_MODERN);

        config.vector_count = 0;
        assert_int_equal(vq_pci_device_init(&p.device, &config), VQ_OK);
        set_com(VQ_PCI_COMMON_CONFIG_VECTOR, 2, 0);
        assert_int_equal(com(VQ_PCI_COMMON_CONFIG_VECTOR, 2), VQ_MSI_NO_VECTOR);
    }
}

/* Each event on each vector, or on none. */
static void send_messages(void **state)
{
    (void)state;
    for (unsigned q = 0; q <= RIG_VECTORS; q++)
        for (unsigned c = 0; c <= RIG_VECTORS; c++) {
            rig_make(MODERN, VQ_PCI_MODERN);
            msix_on();
            rig_start(MODERN);
            set_com(VQ_PCI_COMMON_QUEUE_SELECT, 2, 0);
            set_com(VQ_PCI_COMMON_QUEUE_VECTOR, 2, q < RIG_VECTORS ? q : VQ_MSI_NO_VECTOR);
            set_com(VQ_PCI_COMMON_CONFIG_VECTOR, 2, c < RIG_VECTORS ? c : VQ_MSI_NO_VECTOR);
            rig_answered();
            assert_int_equal(messages(), q < RIG_VECTORS);
            if (q < RIG_VECTORS) {
                assert_int_equal(p.sent[q], 1);
                assert_true(p.address == UINT64_C(0x1fee00000) + 16 * q);
                assert_int_equal(p.data, 0x40 + q);
                p.sent[q] = 0;
            }
            change_config();
            assert_int_equal(messages(), c < RIG_VECTORS);
            if (c < RIG_VECTORS)
                assert_int_equal(p.sent[c], 1);
            set_cfg(VQ_PCI_INTERRUPT_LINE, 1, 5);
            assert_false(p.high);
            assert_int_equal(pci_status(), 0);
            /* Off, and what the ISR status kept is the line's. */
            msix_control(0);
            assert_true(p.high);
            msix_control(VQ_PCI_MSIX_ENABLE);
            assert_false(p.high);
            assert_int_equal(isr(), VQ_PCI_ISR_CONFIG);
        }
}

static void masks(void **state)
{
    (void)state;
    rig_make(MODERN, VQ_PCI_MODERN);
    msix_on();
    rig_start(MODERN);
    set_com(VQ_PCI_COMMON_QUEUE_VECTOR, 2, 2);
    /* One vector masked: its message waits, once. */
    msix_entry(2, 0x1000, 7, true);
    for (unsigned i = 0; i < 3; i++)
        rig_answered();
    assert_int_equal(messages(), 0);
    assert_true(msix_pending(2));
    assert_false(msix_pending(1));
    msix_entry(2, 0x2000, 8, false);
    assert_int_equal(messages(), 1);
    assert_true(p.address == 0x2000 && p.data == 8);
    assert_false(msix_pending(2));
    /* All of the function. */
    msix_control(VQ_PCI_MSIX_ENABLE | VQ_PCI_MSIX_MASK);
    rig_answered();
    assert_int_equal(messages(), 1);
    assert_true(msix_pending(2));
    msix_control(VQ_PCI_MSIX_ENABLE);
    assert_int_equal(messages(), 2);
    /* No bus master: a message would be a write. */
    set_cfg(VQ_PCI_COMMAND, 2, VQ_PCI_COMMAND_MEMORY);
    set_com(VQ_PCI_COMMON_CONFIG_VECTOR, 2, 1);
    change_config();
    assert_int_equal(messages(), 2);
    rig_switch_on();
    assert_int_equal(messages(), 3);
    /* A reset forgets what is pending. */
    msix_entry(2, 0x2000, 8, true);
    rig_answered();
    assert_true(msix_pending(2));
    set_com(VQ_PCI_COMMON_STATUS, 1, 0);
    assert_false(msix_pending(2));
    msix_entry(2, 0x2000, 8, false);
    assert_int_equal(messages(), 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(line, "without MSI-X the ISR status drives the line, until it is read "
                      "[PCI-DEV-ISR-02 PCI-DEV-ISR-03 PCI-DEV-ISR-04 PCI-DEV-ISR-05 "
                      "PCI-DEV-USEDINT-03 PCI-DEV-CFGINT-01 PCI-DEV-CFGINT-03 PCI-DEV-INTX-01]"),
        VQ_TEST(table, "the table has as many entries as it says, 2 to 2048 "
                       "[PCI-DEV-MSIX-01 PCI-DEV-MSIX-02]"),
        VQ_TEST(mapping,
                "every event goes on every vector, or none, and a vector that is not there reads "
                "as none [PCI-DEV-MSIX-04 PCI-DEV-MSIX-05 PCI-DEV-MSIX-06 PCI-DEV-MSIX-07 "
                "PCI-DEV-MSIX-08 PCI-DEV-MSIX-09 BUG-54]"),
        VQ_TEST(send_messages,
                "with MSI-X each event sends the message of its vector "
                "[PCI-DEV-ISR-02 PCI-DEV-USEDINT-01 PCI-DEV-USEDINT-02 PCI-DEV-CFGINT-02 "
                "PCI-DEV-CFGINT-03]"),
        VQ_TEST(masks, "a message that is masked stays pending"),
    };
    return VQ_RUN(tests);
}
