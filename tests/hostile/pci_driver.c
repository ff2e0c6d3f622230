/*
 * Lists of capabilities as no device should have them: loops, ends that are none, entries
 * that reach beyond configuration space or beyond their BAR. The function ends the test at
 * any access outside of 256 bytes, or of what was mapped; how many there are is counted.
 */
#include "pci_fake.h"

static struct fake f;

/* 48 entries are as many as there can be, with a handful of accesses each. */
enum { ACCESSES = 48 * 16 };

static void start(void)
{
    fake_set_up(&f, 0x1042, 1, FAKE_MODERN);
}

/* A driver that finds nothing says so, in bounded time, and touches no BAR. */
static void expect_nothing(void)
{
    f.log.count = 0;
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 4), VQ_ERR_UNSUPPORTED);
    assert_true(f.log.count <= ACCESSES);
    assert_int_equal(log_count(&f.log, 'r', 0, UINT32_MAX), 0);
    assert_int_equal(log_count(&f.log, 'w', 0, UINT32_MAX), 0);
    assert_int_equal(log_count(&f.log, 'd', 0, UINT32_MAX), 0);
}

static void loops(void **state)
{
    struct vq_pci_shared_memory region;
    uint32_t first, second;
    (void)state;
    /* On itself, from itself to the one before, and through all that there can be. */
    start();
    first = fake_add(&f, VQ_PCI_CAP_VENDOR, 16, 0, 0, 0);
    fake_put(&f, first + VQ_PCI_CAP_NEXT, 1, first);
    expect_nothing();
    second = fake_add(&f, VQ_PCI_CAP_ISR, 16, 4, 0x2000, 1);
    fake_put(&f, first + VQ_PCI_CAP_NEXT, 1, second);
    fake_put(&f, second + VQ_PCI_CAP_NEXT, 1, first);
    expect_nothing();
    start();
    for (uint32_t at = 0x40; at < 0x100; at += 4) {
        fake_put(&f, at, 1, VQ_PCI_CAP_ID_VENDOR);
        fake_put(&f, at + VQ_PCI_CAP_NEXT, 1, at + 4 < 0x100 ? at + 4 : 0x40);
    }
    fake_put(&f, VQ_PCI_CAPABILITIES, 1, 0x40);
    expect_nothing();

    /* What a loop goes through is found all the same, and once. */
    start();
    fake_add_modern(&f, 4);
    fake_put(&f, f.last_next, 1, 0x40);
    assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    assert_int_equal(log_count(&f.log, 'm', 0, UINT32_MAX), 4);
    assert_true(f.log.count <= ACCESSES);
    f.log.count = 0;
    assert_int_equal(vq_pci_driver_shared_memory(&f.driver, 1, &region), VQ_ERR_RANGE);
    assert_true(f.log.count <= ACCESSES);
}

static void strange_ends(void **state)
{
    static const uint8_t pointers[] = {0, 1, 3, 4, 0x10, 0x34, 0x3c, 0x3f};
    (void)state;
    for (unsigned i = 0; i < sizeof(pointers); i++) {
        start();
        fake_add_modern(&f, 4);
        fake_put(&f, VQ_PCI_CAPABILITIES, 1, pointers[i]);
        expect_nothing();
    }
    /* The two lowest bits say nothing. */
    for (unsigned low = 0; low < 4; low++) {
        start();
        fake_add_modern(&f, 4);
        fake_put(&f, VQ_PCI_CAPABILITIES, 1, 0x40 | low);
        assert_int_equal(fake_open(&f, VQ_PCI_PREFER_MODERN, 0), VQ_OK);
    }
    /* No list at all, whatever the pointer is. */
    start();
    fake_add_modern(&f, 4);
    fake_put(&f, VQ_PCI_STATUS, 2, 0);
    expect_nothing();
}

/* At the end of configuration space, where a part of it is missing. */
static void beyond_the_end(void **state)
{
    static const struct {
        uint8_t at, id, type;
    } cases[] = {
        {0xf4, VQ_PCI_CAP_ID_VENDOR, VQ_PCI_CAP_COMMON},
        {0xfc, VQ_PCI_CAP_ID_VENDOR, VQ_PCI_CAP_ISR},
        {0xf0, VQ_PCI_CAP_ID_VENDOR, VQ_PCI_CAP_NOTIFY},
        {0xf0, VQ_PCI_CAP_ID_VENDOR, VQ_PCI_CAP_ACCESS},
        {0xec, VQ_PCI_CAP_ID_VENDOR, VQ_PCI_CAP_SHARED},
        {0xf8, VQ_PCI_CAP_ID_MSIX, 0},
        {0xfc, VQ_PCI_CAP_ID_MSIX, 0},
    };
    struct vq_pci_shared_memory region;
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start();
        memset(f.space + 0x40, 0xff, sizeof(f.space) - 0x40);
        fake_put(&f, VQ_PCI_CAPABILITIES, 1, cases[i].at);
        fake_put(&f, cases[i].at, 1, cases[i].id);
        fake_put(&f, cases[i].at + 1u, 1, 0);
        fake_put(&f, cases[i].at + 2u, 1, 255);
        fake_put(&f, cases[i].at + 3u, 1, cases[i].type);
        expect_nothing();
        assert_int_equal(f.driver.access_capability, 0);
        assert_int_equal(f.driver.msix_capability, 0);
        assert_int_equal(vq_pci_driver_shared_memory(&f.driver, 0xff, &region), VQ_ERR_RANGE);
        assert_int_equal(vq_pci_driver_set_message(&f.driver, 0, 0, 0), VQ_ERR_UNSUPPORTED);
    }
}

/* Structures that begin or end where a BAR of 32 bits does. */
static void beyond_the_bar(void **state)
{
    static const struct {
        uint32_t offset, length;
        bool good;
    } cases[] = {
        {0xfffff000, 0x1000, true},      {0xfffff000, 0x1001, false},
        {0xfffff000, UINT32_MAX, false}, {0xffffffc8, 0x38, true},
        {0xffffffcc, 0x38, false},       {0, UINT32_MAX, true},
        {1u << 28, UINT32_MAX, false},   {0, 0, false},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t at;
        start();
        f.mappable = 0; /* so far as there is an address, it is asked for, and not given */
        (void)fake_add(&f, VQ_PCI_CAP_COMMON, 16, 4, cases[i].offset, cases[i].length);
        at = fake_add(&f, VQ_PCI_CAP_NOTIFY, 20, 4, 0, 2);
        fake_put(&f, at + VQ_PCI_CAP_MULTIPLIER, 4, 4);
        expect_nothing();
        assert_int_equal(log_count(&f.log, 'm', 0, UINT32_MAX), cases[i].good ? 2 : 1);
    }
}

/* The answer of a platform that maps less than was asked, or nothing and says that it did. */
static bool map_little(void *context, unsigned bar, uint32_t offset, uint32_t bytes,
                       struct vq_registers *r)
{
    static uint8_t memory[4096];
    (void)bar, (void)offset;
    *r = (struct vq_registers){.base = *(bool *)context ? memory : NULL, .bytes = bytes - 1};
    return true;
}

static void maps_little(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct vq_pci_driver_config config;
        bool base = i != 0;
        start();
        (void)fake_add(&f, VQ_PCI_CAP_COMMON, 16, 4, 0x1000, 0x1000);
        (void)fake_add(&f, VQ_PCI_CAP_NOTIFY, 20, 4, 0x4000, 0x1000);
        config = fake_config(&f);
        config.map = map_little;
        config.context = &base;
        assert_int_equal(vq_pci_driver_init(&f.driver, &config), VQ_ERR_UNSUPPORTED);
    }
}

static const struct CMUnitTest tests[] = {
    VQ_TEST(loops, "a list of capabilities that loops comes to an end"),
    VQ_TEST(strange_ends, "a list that begins in the header, or is none, has no entry"),
    VQ_TEST(beyond_the_end, "a capability of which a part is missing is none [PCI-DRV-CAP-08]"),
    VQ_TEST(beyond_the_bar, "a structure that no BAR can hold is not mapped [PCI-DRV-CAP-08]"),
    VQ_TEST(maps_little, "a mapping that is too short is none"),
};

int main(void)
{
    return VQ_RUN(tests);
}
