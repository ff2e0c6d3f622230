/* The vhost-user back end: guest memory. */
#include "vhost_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <vhost_user/sigbus.h>

#define PAGE UINT64_C(4096)

/* cmocka takes SIGBUS for itself around each test. */
static void guard_memory(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO};

    action.sa_sigaction = vq_vhost_sigbus_handler;
    assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
}

static uint32_t regions_of(const struct fixture *f)
{
    struct vq_vhost_session_info info;

    vq_vhost_session_info(f->session, &info);
    return info.memory_regions;
}

static void tables(void **state)
{
    struct fixture *f = *state;
    uint64_t regions[8][4];
    int fds[8];

    for (unsigned i = 0; i < 8; i++) {
        const uint64_t r[4] = {i * 0x100000, 0x10000, 0x7000000000 + i * 0x20000, i * 0x10000};
        memcpy(regions[i], r, sizeof r);
        fds[i] = f->memory_fd;
    }
    for (uint32_t n = 1; n <= 8; n++) {
        struct bytes p = p_table(n, (const uint64_t(*)[4])regions, n);
        assert_int_equal(ask_fds(f, 5, p.b, p.n, fds, n), 0);
        assert_int_equal(regions_of(f), n);
        assert_int_equal(guest_mappings(), 1 + n);
    }
    struct bytes one = p_table(1, (const uint64_t(*)[4])regions, 1);
    assert_int_equal(ask_p(f, 5, one, f->memory_fd), 0);
    assert_int_equal(guest_mappings(), 2);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(ask_p(f, 5, one, f->memory_fd), 0);
    assert_int_equal(guest_mappings(), 2);
    /* More slots than the count; padding means nothing. */
    struct bytes more = p_table(1, (const uint64_t(*)[4])regions, 2);
    more.b[4] = 0xff;
    assert_int_equal(ask_p(f, 5, more, f->memory_fd), 0);
    assert_int_equal(regions_of(f), 1);
}

static void bad_counts(void **state)
{
    struct fixture *f = *state;
    const uint64_t regions[8][4] = {{0, PAGE, 0, 0}};
    static const uint32_t counts[] = {0, 2, 9, 0x100, 0x10001, UINT32_MAX};
    int fds[2] = {f->memory_fd, f->memory_fd};

    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct bytes p = p_table(counts[i], regions, 1);
        assert_int_not_equal(ask_p(f, 5, p, f->memory_fd), 0);
        p = p_table(counts[i], regions, 8);
        assert_int_not_equal(ask_p(f, 5, p, f->memory_fd), 0);
    }
    struct bytes one = p_table(1, regions, 1);
    assert_int_not_equal(ask_fds(f, 5, one.b, one.n, fds, 2), 0);
    assert_int_not_equal(ask_p(f, 5, one, -1), 0);
    assert_int_equal(regions_of(f), 1); /* the one there was */
}

static void bad_regions(void **state)
{
    struct fixture *f = *state;
    const uint64_t size = MEMORY_BYTES;
    const uint64_t cases[][4] = {
        {0, 0, 0, 0},                        /* no bytes */
        {0, UINT64_MAX, 0, 0},               /* everything */
        {0, size + 1, 0, 0},                 /* beyond the file */
        {0, PAGE, 0, size},                  /* begins at its end */
        {0, 2 * PAGE, 0, size - PAGE},       /* half beyond it */
        {UINT64_MAX - PAGE + 2, PAGE, 0, 0}, /* guest addresses wrap */
        {0, PAGE, UINT64_MAX - PAGE + 2, 0}, /* user addresses wrap */
        {0, PAGE, 0, UINT64_MAX - PAGE + 1}, /* file range wraps */
        {0, PAGE, 0, INT64_MAX},
        {0, INT64_MAX, 0, PAGE},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes p = p_region(cases[i][0], cases[i][1], cases[i][2] + 0, cases[i][3]);
        assert_int_not_equal(ask_p(f, 37, p, f->memory_fd), 0);
        assert_int_not_equal(ask_p(f, 5, p_table(1, &cases[i], 1), f->memory_fd), 0);
    }
    assert_int_equal(guest_mappings(), 1);
    /* Descriptors that are no memory. */
    int fd = new_eventfd(), pair[2];
    assert_int_equal(pipe(pair), 0);
    assert_int_not_equal(ask_p(f, 37, p_region(0, PAGE, 0, 0), fd), 0);
    assert_int_not_equal(ask_p(f, 37, p_region(0, PAGE, 0, 0), pair[0]), 0);
    assert_int_not_equal(ask_p(f, 37, p_region(0, PAGE, 0, 0), f->socket), 0);
    (void)close(fd);
    (void)close(pair[0]);
    (void)close(pair[1]);
    /* The last page of either address space is no error. */
    assert_int_equal(
        ask_p(f, 37, p_region(UINT64_MAX - PAGE + 1, PAGE, UINT64_MAX - PAGE + 1, 0), f->memory_fd),
        0);
}

static void overlap(void **state)
{
    struct fixture *f = *state;
    const uint64_t both[2][4] = {{0, 2 * PAGE, 0x10000, 0}, {PAGE, PAGE, 0x20000, 0}};
    int fds[2] = {f->memory_fd, f->memory_fd};
    struct bytes p = p_table(2, both, 2);

    assert_int_not_equal(
        ask_p(f, 37, p_region(GUEST_BASE + MEMORY_BYTES - PAGE, 2 * PAGE, 0, 0), f->memory_fd), 0);
    assert_int_not_equal(ask_p(f, 37, p_region(0, 2 * PAGE, USER_BASE - PAGE, 0), f->memory_fd), 0);
    assert_int_not_equal(ask_fds(f, 5, p.b, p.n, fds, 2), 0);
    assert_int_equal(regions_of(f), 1);
    assert_int_equal(guest_mappings(), 2);
    /* Neighbours do not overlap. */
    assert_int_equal(ask_p(f, 37,
                           p_region(GUEST_BASE + MEMORY_BYTES, PAGE, USER_BASE + MEMORY_BYTES, 0),
                           f->memory_fd),
                     0);
}

static void odd_offset(void **state)
{
    struct fixture *f = *state;

    /* The ring's parts are found at the right bytes. */
    assert_int_equal(ask_p(f, 37, p_region(0x1000, 0x10000, 0, 0x1800), f->memory_fd), 0);
    tell_p(f, 8, p_state(0, 8), -1);
    tell_p(f, 9, p_addr(0, 0, 0x800, 0x2000, 0x1000, 0), -1);
    assert_int_equal(kick(f, 0), 0);
    f->memory[0x1800 + 0x800] = 0x42;
    f->memory[0x1800 + 0x1000] = 0x43;
    assert_int_equal(*(uint8_t *)f->ring[0].config.descriptor_area, 0x42);
    assert_int_equal(*(uint8_t *)f->ring[0].config.driver_area, 0x43);
    struct vq_segment s;
    assert_int_equal(
        vq_memory_map(f->ring[0].config.memory, 0x1000 + 0x1000, 1, VQ_WRITE, &s, 1, NULL), 1);
    assert_int_equal(*(uint8_t *)s.base, 0x43);
}

static void two_regions_one_file(void **state)
{
    struct fixture *f = *state;
    const uint64_t regions[2][4] = {{0, 0x10000, 0x1000, 0x20000},
                                    {0x10000, 0x10000, 0x80000, 0x50000}};
    int fds[2] = {f->memory_fd, f->memory_fd};
    struct bytes p = p_table(2, regions, 2);
    struct vq_segment s[2];

    f->serve = true;
    assert_int_equal(ask_fds(f, 5, p.b, p.n, fds, 2), 0);
    tell_p(f, 8, p_state(0, 4), -1);
    tell_p(f, 9, p_addr(0, 0, 0x1000, 0x3000, 0x2000, 0), -1);
    assert_int_equal(kick(f, 0), 0);
    /* A buffer over both has two segments. */
    assert_int_equal(vq_memory_map(f->ring[0].config.memory, 0xfff0, 32, VQ_READ, s, 2, NULL), 2);
    f->memory[0x2fff0] = 1;
    f->memory[0x50000] = 2;
    assert_int_equal(*(uint8_t *)s[0].base, 1);
    assert_int_equal(*(uint8_t *)s[1].base, 2);
}

static void user_addresses_are_keys(void **state)
{
    struct fixture *f = *state;
    static const uint64_t users[] = {0, 0x1000, GUEST_BASE, UINT64_C(0xffff800000000000)};

    for (unsigned i = 0; i < 4; i++) {
        uint64_t region[1][4] = {{GUEST_BASE, MEMORY_BYTES, users[i], 0}};
        assert_int_equal(ask_p(f, 5, p_table(1, (const uint64_t(*)[4])region, 1), f->memory_fd), 0);
        tell_p(f, 8, p_state(0, 8), -1);
        tell_p(f, 9, p_addr(0, 0, users[i], users[i] + 0x2000, users[i] + 0x1000, 0), -1);
        assert_int_equal(kick(f, 0), 0);
        (void)get_base(f, 0);
    }
}

static void table_replaced_under_load(void **state)
{
    struct fixture *f = *state;
    struct vq_driver_queue q;
    struct vq_driver_slot slots[8];
    struct vq_done done;
    const uint64_t region[1][4] = {{GUEST_BASE + 0x1000000, MEMORY_BYTES, USER_BASE, 0}};
    void *before = f->ring[0].config.descriptor_area;

    driver_init(f, &q, slots, 0, 8);
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 16) >= 0);
    tell_p(f, 35, p_state(0, 0), -1);
    assert_int_equal(f->ring[0].served, 1);
    unsigned stops = f->ring[0].stops;
    assert_int_equal(ask_p(f, 5, p_table(1, region, 1), f->memory_fd), 0);
    assert_int_equal(f->ring[0].stops, stops + 1);
    assert_true(f->ring[0].running && f->ring[0].enabled);
    assert_ptr_not_equal(f->ring[0].config.descriptor_area, before);
    assert_int_equal(guest_mappings(), 2);
    /* The ring goes on where it was, with the new addresses only. */
    assert_true(driver_add(&q, GUEST_BASE + 0x1000000 + BUFFER_AT(0), 16) >= 0);
    tell_p(f, 35, p_state(0, 0), -1);
    assert_int_equal(f->ring[0].served, 2);
    assert_int_equal(vq_driver_get(&q, &done, 1), 1);
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 16) >= 0);
    tell_p(f, 35, p_state(0, 0), -1);
    assert_int_equal(f->ring[0].served, 2);
    assert_int_not_equal(vq_device_broken(&f->ring[0].queue), VQ_NOT_BROKEN);
}

static void ring_waits_for_memory(void **state)
{
    struct fixture *f = *state;
    struct vq_driver_queue q;
    struct vq_driver_slot slots[8];

    driver_init(f, &q, slots, 0, 8);
    tell_p(f, 38, p_region(GUEST_BASE, MEMORY_BYTES, USER_BASE, 0), -1);
    assert_false(f->ring[0].running);
    assert_int_equal(guest_mappings(), 1);
    assert_non_null(strstr(vq_vhost_session_reason(f->session), "waits"));
    tell_p(f, 35, p_state(0, 0), -1); /* a kick meanwhile does nothing */
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 16) >= 0);
    add_memory(f);
    assert_true(f->ring[0].running && f->ring[0].enabled);
    assert_int_equal(f->ring[0].served, 1);
    tell_p(f, 38, p_region(GUEST_BASE, MEMORY_BYTES, USER_BASE, 0), -1);
    assert_int_equal(get_base(f, 0), 1);
}

static void table_between_addr_and_start(void **state)
{
    struct fixture *f = *state;
    const uint64_t region[1][4] = {{GUEST_BASE, 0x400000, USER_BASE, 0x100000}};

    tell_p(f, 8, p_state(0, 8), -1);
    tell_p(f, 9, ring_addresses(0), -1);
    assert_int_equal(ask_p(f, 5, p_table(1, region, 1), f->memory_fd), 0);
    assert_int_equal(kick(f, 0), 0);
    f->memory[0x100000 + DESC_AT(0)] = 0x66;
    assert_int_equal(*(uint8_t *)f->ring[0].config.descriptor_area, 0x66);
}

static void slots_full(void **state)
{
    struct fixture *f = *state;

    for (uint64_t i = 0; i < 509; i++) {
        assert_int_equal(
            ask_p(f, 37, p_region(i * 0x10000, PAGE, i * 0x2000, i % 100 * PAGE), f->memory_fd), 0);
    }
    assert_int_equal(regions_of(f), 509);
    assert_int_not_equal(ask_p(f, 37, p_region(BIT(40), PAGE, BIT(40), 0), f->memory_fd), 0);
    assert_int_equal(regions_of(f), 509);
    tell_p(f, 38, p_region(0x10000, PAGE, 0x2000, 0), -1);
    assert_int_equal(ask_p(f, 37, p_region(BIT(40), PAGE, BIT(40), 0), f->memory_fd), 0);
    assert_int_equal(guest_mappings(), 510);
}

static void slot_number(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get_u64(f, 36), 509);
    assert_int_equal(get_u64(f, 36), 509);
    f->options.memory_slots = 32;
    reconnect(f);
    negotiate(f, BIT(30), ALL_PROTOCOL);
    assert_int_equal(get_u64(f, 36), 32);
}

static void removal(void **state)
{
    struct fixture *f = *state;
    unsigned fds = count_open_fds();

    assert_int_equal(ask_p(f, 37, p_region(0, PAGE, 0x1000, PAGE), f->memory_fd), 0);
    assert_int_equal(guest_mappings(), 3);
    assert_int_not_equal(ask_p(f, 38, p_region(PAGE, PAGE, 0x1000, PAGE), -1), 0);
    assert_int_not_equal(ask_p(f, 38, p_region(0, 2 * PAGE, 0x1000, PAGE), -1), 0);
    assert_int_not_equal(ask_p(f, 38, p_region(0, PAGE, 0x2000, PAGE), -1), 0);
    assert_int_equal(guest_mappings(), 3);
    /* Another file offset, and a descriptor from an old front end, are no matter. */
    assert_int_equal(ask_p(f, 38, p_region(0, PAGE, 0x1000, 0), f->memory_fd), 0);
    assert_int_equal(guest_mappings(), 2);
    assert_int_equal(count_open_fds(), fds);
    assert_int_not_equal(ask_p(f, 38, p_region(0, PAGE, 0x1000, 0), -1), 0);
}

static void add_needs_one_fd(void **state)
{
    struct fixture *f = *state;
    int fds[2] = {f->memory_fd, f->memory_fd};
    struct bytes p = p_region(0, PAGE, 0, 0);

    assert_int_not_equal(ask_p(f, 37, p, -1), 0);
    assert_int_not_equal(ask_fds(f, 37, p.b, p.n, fds, 2), 0);
    assert_int_equal(ask_p(f, 37, p, f->memory_fd), 0);
}

static void table_replaces_slots(void **state)
{
    struct fixture *f = *state;
    const uint64_t region[1][4] = {{0, PAGE, 0, 0}};

    assert_int_equal(ask_p(f, 37, p_region(0, PAGE, 0x1000, PAGE), f->memory_fd), 0);
    assert_int_equal(ask_p(f, 5, p_table(1, region, 1), f->memory_fd), 0);
    assert_int_equal(regions_of(f), 1);
    assert_int_equal(guest_mappings(), 2);
}

static void read_only_file(void **state)
{
    struct fixture *f = *state;
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", f->memory_fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_not_equal(ask_p(f, 37, p_region(0, PAGE, 0, 0), fd), 0);
    (void)close(fd);
}

static void truncated(void **state)
{
    struct fixture *f = *state;
    struct vq_driver_queue q;
    struct vq_driver_slot slots[8];
    int fd = new_memfd(MEMORY_BYTES);
    void *mine = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    guard_memory();
    /* A second region holds the buffer, and shrinks to nothing. */
    assert_ptr_not_equal(mine, MAP_FAILED);
    assert_int_equal(ask_p(f, 37, p_region(0, MEMORY_BYTES, 0x1000, 0), fd), 0);
    driver_init(f, &q, slots, 0, 8);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_true(driver_add(&q, 0x3000, 64) >= 0);
    send_request(f, 35, PLAIN, P(p_state(0, 0)), NULL, 0);
    pump(f);
    expect_end(f);
    assert_non_null(strstr(vq_vhost_session_reason(f->session), "truncated"));
    (void)munmap(mine, MEMORY_BYTES);
    (void)close(fd);
    /* The next one is served. */
    reconnect(f);
    negotiate(f, BIT(32) | BIT(30), ALL_PROTOCOL);
    add_memory(f);
    ring_up(f, 0, 8);
    expect_live(f);
}

static void truncated_ring(void **state)
{
    struct fixture *f = *state;
    int fd = new_memfd(MEMORY_BYTES);

    guard_memory();
    /* The control thread itself reads the used index of a ring that is gone. */
    assert_int_equal(ask_p(f, 37, p_region(0, MEMORY_BYTES, 0x1000, 0), fd), 0);
    assert_int_equal(ftruncate(fd, 0), 0);
    tell_p(f, 8, p_state(1, 8), -1);
    tell_p(f, 9, p_addr(1, 0, 0x1000, 0x3000, 0x2000, 0), -1);
    struct bytes p = p_u64(0x101);
    send_request(f, 12, PLAIN, p.b, p.n, NULL, 0);
    pump(f);
    expect_end(f);
    (void)close(fd);
}

static void torn_while_idle(void **state)
{
    struct fixture *f = *state;
    int fd = new_memfd(MEMORY_BYTES);
    struct vq_segment s;

    guard_memory();
    assert_int_equal(ask_p(f, 37, p_region(0, MEMORY_BYTES, 0x1000, 0), fd), 0);
    assert_int_equal(vq_memory_map(f->ring[0].config.memory, 0x2000, 8, VQ_WRITE, &s, 1, NULL), 1);
    assert_int_equal(ftruncate(fd, 0), 0);
    *(volatile uint8_t *)s.base = 1; /* as a worker does */
    assert_int_equal(*(volatile uint8_t *)s.base, 1);
    pump(f); /* it wakes up by itself */
    expect_end(f);
    (void)close(fd);
}

/* The same fault, and nobody truncated anything. */
static void no_huge_page(void **state)
{
    struct fixture *f = *state;
    int fd = memfd_create("vq-guest", MFD_CLOEXEC | MFD_HUGETLB);
    struct vq_segment s;
    struct statfs fs;

    if (fd < 0)
        VQ_SKIP("files of huge pages");
    guard_memory();
    assert_int_equal(fstatfs(fd, &fs), 0);
    const uint64_t bytes = (uint64_t)fs.f_bsize;
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    assert_int_equal(ask_p(f, 37, p_region(0, bytes, 0x1000, 0), fd), 0);
    assert_int_equal(vq_memory_map(f->ring[0].config.memory, 0x2000, 8, VQ_WRITE, &s, 1, NULL), 1);
    *(volatile uint8_t *)s.base = 1; /* as a worker does */
    pump(f);
    (void)close(fd);
    if (f->state == VQ_VHOST_SESSION_LIVE)
        VQ_SKIP("a machine without free huge pages");
    expect_end(f);
    assert_non_null(strstr(vq_vhost_session_reason(f->session), "no huge page is free"));
}

#define T(fn, setup, name) VQ_TEST_FIXTURE(fn, setup, fixture_teardown, name)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(tables, fixture_setup_ready,
          "maps a table of 1 to 8 regions and replaces the former "
          "[VU-BE-SIZE-07 VU-BE-SIZE-08 VU-BE-MEM-08 VU-BE-MEM-10 VU-BE-HDR-10]"),
        T(bad_counts, fixture_setup_memory,
          "refuses region counts that do not fit "
          "[VU-BE-MEM-06 VU-BE-FD-06 VU-BE-ACK-09 BUG-68 BUG-72]"),
        T(bad_regions, fixture_setup_ready,
          "refuses regions that wrap or are not in their file [VU-BE-MEM-07 BUG-72]"),
        T(overlap, fixture_setup_memory,
          "refuses overlapping regions and keeps the old ones [VU-BE-MEM-05]"),
        T(odd_offset, fixture_setup_ready,
          "maps a region at an odd file offset [VU-BE-MEM-03 VU-BE-MEM-04 VU-BE-MEM-02]"),
        T(two_regions_one_file, fixture_setup_ready,
          "maps two regions of one file, and buffers over both [VU-BE-MEM-03 VU-BE-MEM-12]"),
        T(user_addresses_are_keys, fixture_setup_ready,
          "takes any user address as a key [VU-BE-MEM-14 VU-BE-MEM-15 VU-BE-MEM-01]"),
        T(table_replaced_under_load, fixture_setup_serving,
          "replaces memory under a running ring "
          "[VU-BE-MEM-09 VU-BE-MEM-08 VU-BE-RING-19 VU-BE-SLOT-10 BUG-73]"),
        T(ring_waits_for_memory, fixture_setup_serving,
          "removes memory under a running ring, which goes on when it comes back "
          "[VU-BE-SLOT-07 VU-BE-SLOT-03 VU-BE-SLOT-02]"),
        T(table_between_addr_and_start, fixture_setup_memory,
          "finds ring addresses in the memory at the time of the start [VU-BE-VQ-13]"),
        T(slots_full, fixture_setup_ready,
          "holds as many regions as it says [VU-BE-SLOT-08 VU-BE-SLOT-02]"),
        T(slot_number, fixture_setup_ready,
          "tells its number of slots, always the same [VU-BE-SLOT-01 VU-BE-SLOT-12]"),
        T(removal, fixture_setup_memory,
          "removes the region with these addresses and this size "
          "[VU-BE-SLOT-03 VU-BE-SLOT-04 VU-BE-SLOT-05 VU-BE-SLOT-06 VU-BE-FD-08 VU-BE-FD-09 "
          "VU-BE-SIZE-09]"),
        T(add_needs_one_fd, fixture_setup_ready,
          "adds a region with exactly one descriptor [VU-BE-FD-07]"),
        T(table_replaces_slots, fixture_setup_memory,
          "lets a table replace all slots [VU-BE-SLOT-10]"),
        T(read_only_file, fixture_setup_ready, "refuses memory that it may not write"),
        T(truncated, fixture_setup_serving,
          "outlives a front end that truncates its memory [VU-BE-MEM-13 BUG-74]"),
        T(truncated_ring, fixture_setup_serving,
          "outlives the truncation of a ring [VU-BE-MEM-13 BUG-74]"),
        T(torn_while_idle, fixture_setup_serving,
          "ends a session whose memory is torn without being asked [VU-BE-MEM-13 BUG-74]"),
        T(no_huge_page, fixture_setup_serving,
          "outlives memory for which there is no page, and does not call it truncated"),
    };
    return VQ_RUN(tests);
}
