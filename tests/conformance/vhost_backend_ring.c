/* The vhost-user back end: rings, their states, set-up, descriptors and positions. */
#include "vhost_fixture.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void set_up(struct fixture *f, uint32_t ring, uint32_t size)
{
    assert_int_equal(ask_p(f, 8, p_state(ring, size), -1), 0);
    assert_int_equal(ask_p(f, 9, ring_addresses(ring), -1), 0);
}

static void begins_stopped(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < RINGS; i++)
        assert_int_equal(f->ring[i].starts, 0);
    /* Started without an enable: it runs, disabled. */
    set_up(f, 0, 8);
    assert_int_equal(kick(f, 0), 0);
    assert_true(f->ring[0].running);
    assert_false(f->ring[0].enabled);
}

static void four_states(void **state)
{
    struct fixture *f = *state;

    set_up(f, 1, 8);
    tell_p(f, 18, p_state(1, 1), -1);
    assert_false(f->ring[1].running);
    assert_int_equal(kick(f, 1), 0);
    assert_true(f->ring[1].running && f->ring[1].enabled);
    tell_p(f, 18, p_state(1, 0), -1);
    assert_true(f->ring[1].running && !f->ring[1].enabled);
    tell_p(f, 18, p_state(1, 1), -1);
    assert_true(f->ring[1].enabled);
    (void)get_base(f, 1);
    assert_false(f->ring[1].running);
    assert_int_equal(kick(f, 1), 0);
    assert_true(f->ring[1].running && f->ring[1].enabled);
    assert_int_not_equal(ask_p(f, 18, p_state(1, 2), -1), 0);
    assert_false(f->ring[0].running);
}

static void enabled_without_bit_30(void **state)
{
    struct fixture *f = *state;
    const uint64_t regions[1][4] = {{GUEST_BASE, MEMORY_BYTES, USER_BASE, 0}};
    struct vq_driver_queue q;
    struct vq_driver_slot slots[8];
    int fd = new_eventfd();

    /* An old front end: base messages only. */
    f->serve = true;
    driver_init(f, &q, slots, 0, 8);
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 512) >= 0);
    tell(f, 3, NULL, 0, -1);
    (void)get_u64(f, 1);
    tell_p(f, 2, p_u64(BIT(32)), -1);
    tell_p(f, 5, p_table(1, regions, 1), f->memory_fd);
    tell_p(f, 8, p_state(0, 8), -1);
    tell_p(f, 10, p_state(0, 0), -1);
    tell_p(f, 9, ring_addresses(0), -1);
    tell_p(f, 13, p_u64(0), fd);
    tell_p(f, 12, p_u64(0), fd);
    assert_true(f->ring[0].running && f->ring[0].enabled);
    assert_int_equal(f->ring[0].served, 1);
    assert_int_equal(f->memory[BUFFER_AT(0) + 511], 0x5a);
    /* SET_VRING_ENABLE belongs to who knows bit 30. */
    send_request(f, 18, PLAIN, P(p_state(0, 1)), NULL, 0);
    pump(f);
    expect_end(f);
    (void)close(fd);
}

static void serves_without_kick(void **state)
{
    struct fixture *f = *state;
    struct vq_driver_queue q;
    struct vq_driver_slot slots[8];
    struct vq_done done;

    f->serve = true;
    driver_init(f, &q, slots, 0, 8);
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 4096) >= 0);
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0) + 4096, 16) >= 0);
    set_up(f, 0, 8);
    assert_int_equal(kick(f, 0), 0); /* the eventfd was never written */
    assert_int_equal(f->ring[0].served, 0);
    tell_p(f, 18, p_state(0, 1), -1);
    assert_int_equal(f->ring[0].served, 2);
    assert_int_equal(vq_driver_get(&q, &done, 1), 1);
    assert_int_equal(done.written, 4096);
    assert_int_equal(f->memory[BUFFER_AT(0) + 4095], 0x5a);
    /* A base of what was consumed; nothing is taken from a stopped ring. */
    assert_int_equal(get_base(f, 0), 2);
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 16) >= 0);
    assert_int_equal(get_base(f, 0), 2);
    assert_int_equal(f->ring[0].served, 2);
    /* And resumes there. */
    assert_int_equal(kick(f, 0), 0);
    assert_int_equal(f->ring[0].served, 3);
    assert_int_equal(get_base(f, 0), 3);
}

static void disabled_takes_nothing(void **state)
{
    struct fixture *f = *state;
    struct vq_driver_queue q;
    struct vq_driver_slot slots[8];

    f->serve = true;
    driver_init(f, &q, slots, 0, 8);
    ring_up(f, 0, 8);
    tell_p(f, 18, p_state(0, 0), -1);
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 16) >= 0);
    assert_int_equal(ask_p(f, 35, p_state(0, 0), -1), 0);
    /* Three queued, one taken: the base counts the one. */
    assert_int_equal(get_base(f, 0), 0);
    assert_int_equal(kick(f, 0), 0);
    tell_p(f, 18, p_state(0, 1), -1);
    assert_int_equal(f->ring[0].served, 1);
    tell_p(f, 18, p_state(0, 0), -1);
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 16) >= 0);
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 16) >= 0);
    assert_int_equal(get_base(f, 0), 1);
}

static void start_needs_everything(void **state)
{
    struct fixture *f = *state;

    assert_int_not_equal(kick(f, 0), 0); /* nothing */
    tell_p(f, 9, ring_addresses(0), -1);
    assert_int_not_equal(kick(f, 0), 0); /* no size */
    tell_p(f, 8, p_state(0, 8), -1);
    assert_int_not_equal(kick(f, 0), 0); /* no memory */
    assert_int_equal(f->ring[0].starts, 0);
    add_memory(f);
    assert_int_equal(kick(f, 0), 0);
    assert_int_equal(f->ring[0].starts, 1);
    f->refuse_start = true;
    set_up(f, 1, 8);
    assert_int_not_equal(kick(f, 1), 0);
    f->refuse_start = false;
    assert_int_equal(kick(f, 1), 0);
}

static void start_needs_features(void **state)
{
    struct fixture *f = *state;

    tell_p(f, 16, p_u64(ALL_PROTOCOL), -1);
    add_memory(f);
    set_up(f, 0, 8);
    assert_int_not_equal(kick(f, 0), 0);
    assert_int_equal(ask_p(f, 2, p_u64(BIT(32) | BIT(30)), -1), 0);
    assert_int_equal(kick(f, 0), 0);
}

static void pointers_and_features(void **state)
{
    struct fixture *f = *state;

    ring_up(f, 2, 256);
    const struct vq_device_config *c = &f->ring[2].config;
    assert_int_equal(c->size, 256);
    assert_int_equal(vq_features_low64(&c->features), BIT(32));
    assert_false(c->big_endian);
    memset(f->memory + DESC_AT(2), 0x11, 1);
    memset(f->memory + AVAIL_AT(2), 0x22, 1);
    memset(f->memory + USED_AT(2), 0x33, 1);
    assert_int_equal(*(uint8_t *)c->descriptor_area, 0x11);
    assert_int_equal(*(uint8_t *)c->driver_area, 0x22);
    assert_int_equal(*(uint8_t *)c->device_area, 0x33);
    assert_int_equal(c->memory->count, 1);
    assert_int_equal(c->memory->regions[0].address, GUEST_BASE);
}

static void sizes(void **state)
{
    struct fixture *f = *state;
    static const uint32_t good[] = {1, 2, 256, 32768};
    static const uint32_t bad[] = {0, 3, 32769, 65536, 0x10100, 0x10008, 0x80000000, UINT32_MAX};

    for (unsigned i = 0; i < 4; i++) {
        set_up(f, 0, good[i]);
        assert_int_equal(kick(f, 0), 0);
        assert_int_equal(f->ring[0].config.size, good[i]);
        (void)get_base(f, 0);
    }
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_not_equal(ask_p(f, 8, p_state(0, bad[i]), -1), 0);
    f->ring_max = 256;
    assert_int_not_equal(ask_p(f, 8, p_state(0, 512), -1), 0);
    f->ring_max = RING_MAX;
    /* Before features are known a size of 3 may belong to a packed ring. */
    reconnect(f);
    tell_p(f, 16, p_u64(ALL_PROTOCOL), -1);
    assert_int_equal(ask_p(f, 8, p_state(0, 3), -1), 0);
    tell_p(f, 2, p_u64(BIT(32) | BIT(30)), -1);
    add_memory(f);
    tell_p(f, 9, ring_addresses(0), -1);
    assert_int_not_equal(kick(f, 0), 0);
}

static void packed_ring(void **state)
{
    struct fixture *f = *state;

    tell_p(f, 2, p_u64(BIT(32) | BIT(34) | BIT(30)), -1);
    set_up(f, 0, 5);
    assert_int_equal(ask_p(f, 10, p_state(0, 0x80008000), -1), 0);
    assert_int_equal(kick(f, 0), 0);
    assert_int_equal(f->ring[0].config.size, 5);
    assert_int_equal(f->ring[0].config.next_available, 0x8000);
    assert_int_equal(f->ring[0].config.next_used, 0x8000);
    /* Both halves, after a wrap. */
    f->ring[0].stop_at = (struct vq_position){0x0003, 0x8004};
    f->ring[0].stop_at_set = true;
    assert_int_equal(get_base(f, 0), 0x80040003);
    assert_int_equal(get_base(f, 0), 0x80040003);
    assert_int_equal(kick(f, 0), 0);
    assert_int_equal(f->ring[0].config.next_available, 0x0003);
    assert_int_equal(f->ring[0].config.next_used, 0x8004);
    (void)get_base(f, 0);
    assert_int_not_equal(ask_p(f, 10, p_state(0, 0x80008005), -1), 0);
    assert_int_not_equal(ask_p(f, 10, p_state(0, 0x80058000), -1), 0);
    assert_int_equal(get_base(f, 0), 0x80040003);
}

static void packed_zero(void **state)
{
    struct fixture *f = *state;

    tell_p(f, 2, p_u64(BIT(32) | BIT(34) | BIT(30)), -1);
    set_up(f, 0, 5);
    /* A fresh ring of a front end that knows only split bases. */
    tell_p(f, 10, p_state(0, 0), -1);
    assert_int_equal(kick(f, 0), 0);
    assert_int_equal(f->ring[0].config.next_available, 0x8000);
    assert_int_equal(f->ring[0].config.next_used, 0x8000);
    (void)get_base(f, 0);
    /* A ring that was gone through once: another back end may have said that base. */
    f->memory[DESC_AT(0) + 2 * 16 + 15] = 0x80;
    tell_p(f, 10, p_state(0, 0), -1);
    assert_int_equal(kick(f, 0), 0);
    assert_int_equal(f->ring[0].config.next_available, 0);
    assert_int_equal(f->ring[0].config.next_used, 0);
}

/* Stopped after each buffer, in the same session or in another; nothing is lost or done twice. */
static void packed_restarts(void **state)
{
    struct fixture *f = *state;
    struct vq_driver_slot slots[5];
    struct vq_driver_queue q;
    struct vq_driver_config config = {
        .features = vq_features_from64(BIT(32) | BIT(34)),
        .size = 5,
        .descriptor_area = f->memory + DESC_AT(0),
        .driver_area = f->memory + AVAIL_AT(0),
        .device_area = f->memory + USED_AT(0),
        .slots = slots,
    };
    uint32_t base = 0;
    unsigned at_zero = 0;

    f->serve = true;
    assert_int_equal(vq_driver_init(&q, &config), VQ_OK);
    for (unsigned round = 0; round < 64; round++) {
        struct vq_element e[2] = {{GUEST_BASE + BUFFER_AT(0), 16},
                                  {GUEST_BASE + BUFFER_AT(0) + 64, 16 + round}};
        unsigned readable = round / 3 % 2;
        struct vq_done done;

        if (round % 4 == 3) {
            reconnect(f);
            negotiate(f, BIT(32) | BIT(34) | BIT(30), ALL_PROTOCOL);
            add_memory(f);
        } else if (round == 0) {
            tell_p(f, 2, p_u64(BIT(32) | BIT(34) | BIT(30)), -1);
        }
        set_up(f, 0, 5);
        assert_int_equal(ask_p(f, 10, p_state(0, base), -1), 0);
        tell_p(f, 18, p_state(0, 1), -1);
        assert_int_equal(vq_driver_add(&q, e, readable, 1), 0);
        (void)vq_driver_publish(&q);
        assert_int_equal(kick(f, 0), 0);
        assert_int_equal(vq_driver_get(&q, &done, 1), 1);
        assert_int_equal(done.written, readable ? 16 + round : 16);
        base = (uint32_t)get_base(f, 0);
        assert_int_equal(base, (uint32_t)q.next_used << 16 | q.next_available);
        at_zero += base == 0;
    }
    assert_int_equal(f->ring[0].served, 64);
    assert_int_not_equal(at_zero, 0);
}

static void split_bases(void **state)
{
    struct fixture *f = *state;
    static const uint32_t bases[] = {0, 5, 8, 65530, 65535};
    uint16_t used = 5;

    set_up(f, 0, 8);
    memcpy(f->memory + USED_AT(0) + 2, &used, 2);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(ask_p(f, 10, p_state(0, bases[i]), -1), 0);
        assert_int_equal(get_base(f, 0), bases[i]);
        assert_int_equal(kick(f, 0), 0);
        assert_int_equal(f->ring[0].config.next_available, bases[i]);
        assert_int_equal(f->ring[0].config.next_used, 5);
        assert_int_equal(get_base(f, 0), bases[i]);
    }
}

static void base_of_unstarted(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get_base(f, 3), 0);
    tell_p(f, 10, p_state(3, 1234), -1);
    assert_int_equal(get_base(f, 3), 1234);
    /* num means nothing in the request. */
    struct bytes p = p_state(3, 1);
    send_request(f, 11, PLAIN, p.b, p.n, NULL, 0);
    pump(f);
    assert_true(read_reply(f));
    assert_int_equal(f->payload[4] | f->payload[5] << 8, 1234);
}

static void stop_keeps_setup(void **state)
{
    struct fixture *f = *state;

    ring_up(f, 0, 8);
    f->ring[0].stop_at = (struct vq_position){9, 9};
    f->ring[0].stop_at_set = true;
    assert_int_equal(get_base(f, 0), 9);
    assert_int_equal(get_base(f, 0), 9);
    assert_int_equal(f->ring[0].stops, 1);
    assert_int_equal(kick(f, 0), 0);
    assert_int_equal(f->ring[0].config.next_available, 9);
    assert_true(f->ring[0].enabled);
}

static void drained_before_answer(void **state)
{
    struct fixture *f = *state;
    struct vq_driver_queue q;
    struct vq_driver_slot slots[8];
    struct vq_done done[4];

    f->serve = true;
    driver_init(f, &q, slots, 0, 8);
    for (unsigned i = 0; i < 3; i++)
        assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 16) >= 0);
    ring_up(f, 0, 8);
    assert_int_equal(get_base(f, 0), 3);
    assert_int_equal(f->ring[0].stops, 1); /* the host was asked to finish, before the answer */
    assert_int_equal(vq_driver_get(&q, done, 4), 3);
}

static void addresses_any_order(void **state)
{
    struct fixture *f = *state;

    tell_p(f, 9, ring_addresses(0), -1);
    tell_p(f, 10, p_state(0, 7), -1);
    tell_p(f, 8, p_state(0, 8), -1);
    assert_int_equal(kick(f, 0), 0);
    assert_int_equal(f->ring[0].config.next_available, 7);
}

static void extent(void **state)
{
    struct fixture *f = *state;
    uint64_t end = USER_BASE + MEMORY_BYTES;
    const struct {
        uint64_t desc, used, avail;
        bool well;
    } cases[] = {
        {end - 16 * 8, end - 0x1000, end - 0x2000, true},
        {end - 16 * 8 + 16, end - 0x1000, end - 0x2000, false},
        {end - 0x1000, end - 72, end - 0x2000, true}, /* 6 + 8 * 8 = 70, aligned to 4 */
        {end - 0x1000, end - 68, end - 0x2000, false},
        {end - 0x1000, end - 0x2000, end - 22, true}, /* 6 + 2 * 8 */
        {end - 0x1000, end - 0x2000, end - 20, false},
        {end - 0x1000 + 8, end - 0x2000, end - 0x3000, false}, /* alignment of each */
        {end - 0x1000, end - 0x2000 + 2, end - 0x3000, false},
        {end - 0x1000, end - 0x2000, end - 0x3000 + 1, false},
        {UINT64_MAX - 15, end - 0x2000, end - 0x3000, false},
        {0, end - 0x2000, end - 0x3000, false},
        {GUEST_BASE, end - 0x2000, end - 0x3000, false}, /* not by guest address */
    };

    tell_p(f, 8, p_state(0, 8), -1);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            ask_p(f, 9, p_addr(0, 0, cases[i].desc, cases[i].used, cases[i].avail, 0), -1), 0);
        assert_int_equal(kick(f, 0) == 0, cases[i].well);
        assert_int_equal(f->ring[0].running, cases[i].well);
        (void)get_base(f, 0);
    }
}

static void addresses_while_running(void **state)
{
    struct fixture *f = *state;

    struct bytes same = ring_addresses(0);
    ring_up(f, 0, 8);
    same.b[4] = 1; /* the log flag */
    assert_int_equal(ask_p(f, 9, same, -1), 0);
    assert_int_equal(f->ring[0].stops, 0);
    assert_int_not_equal(ask_p(f, 9, p_addr(0, 0, USER_BASE, USER_BASE, USER_BASE, 0), -1), 0);
    assert_int_not_equal(ask_p(f, 8, p_state(0, 16), -1), 0);
    assert_int_not_equal(ask_p(f, 10, p_state(0, 3), -1), 0);
    assert_int_not_equal(ask_p(f, 23, p_state(0, 1), -1), 0);
    assert_int_not_equal(ask_p(f, 9, p_addr(0, 2, USER_BASE, USER_BASE, USER_BASE, 0), -1), 0);
    assert_true(f->ring[0].running);
    assert_int_equal(f->ring[0].stops, 0);
}

static void indexes(void **state)
{
    struct fixture *f = *state;
    static const uint32_t wrong[] = {RINGS, 0x100, 0x10000, 0x80000000, UINT32_MAX};
    static const uint32_t requests[] = {8, 10, 18, 23, 35, 11};
    static const uint64_t words[] = {RINGS, 255, 0x200, BIT(32), BIT(63)};

    for (unsigned i = 0; i < 5; i++) {
        for (unsigned r = 0; r < 6; r++)
            assert_int_not_equal(ask_p(f, requests[r], p_state(wrong[i], 1), -1), 0);
        assert_int_not_equal(ask_p(f, 9, p_addr(wrong[i], 0, 0, 0, 0, 0), -1), 0);
        for (uint32_t r = 12; r <= 14; r++) {
            int fd = new_eventfd();
            assert_int_not_equal(ask_p(f, r, p_u64(words[i]), fd), 0);
            assert_int_not_equal(ask_p(f, r, p_u64(words[i] | 0x100), -1), 0);
            (void)close(fd);
        }
    }
}

static void poll_flag(void **state)
{
    struct fixture *f = *state;

    set_up(f, 1, 8);
    assert_int_equal(ask_p(f, 13, p_u64(0x101), -1), 0);
    assert_int_equal(f->ring[1].call_fd, VQ_VHOST_FD_POLL);
    assert_int_equal(f->ring[0].call_fd, -1);
    assert_int_equal(ask_p(f, 14, p_u64(0x101), -1), 0);
    f->refuse_poll = true;
    assert_int_not_equal(ask_p(f, 12, p_u64(0x101), -1), 0);
    assert_false(f->ring[1].running);
    f->refuse_poll = false;
    assert_int_equal(ask_p(f, 12, p_u64(0x101), -1), 0);
    assert_int_equal(f->ring[1].kick_fd, VQ_VHOST_FD_POLL);
    assert_true(f->ring[1].running);
}

static void descriptors_replaced(void **state)
{
    struct fixture *f = *state;

    ring_up(f, 0, 8);
    for (uint32_t r = 12; r <= 14; r++) {
        int fd = new_eventfd();
        tell_p(f, r, p_u64(0), fd);
        unsigned before = count_open_fds();
        for (unsigned i = 0; i < 1000; i++)
            tell_p(f, r, p_u64(0), fd);
        assert_int_equal(count_open_fds(), before);
        (void)close(fd);
    }
    assert_int_equal(f->ring[0].starts, 1);
    assert_true(fcntl(f->ring[0].kick_fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(f->ring[0].call_fd, F_GETFD) & FD_CLOEXEC);
}

static void kick_replaced_is_looked_at(void **state)
{
    struct fixture *f = *state;
    struct vq_driver_queue q;
    struct vq_driver_slot slots[8];
    int call = new_eventfd();

    f->serve = true;
    driver_init(f, &q, slots, 0, 8);
    ring_up(f, 0, 8);
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 16) >= 0);
    tell_p(f, 13, p_u64(0), call);
    assert_int_equal(kick(f, 0), 0);
    assert_int_equal(f->ring[0].served, 1);
    assert_int_equal(eventfd_value(call), 1); /* the new one hears of it */
    (void)close(call);
}

static void pipes(void **state)
{
    struct fixture *f = *state;
    int kick_pipe[2], call_pipe[2];

    assert_int_equal(pipe(kick_pipe), 0);
    assert_int_equal(pipe(call_pipe), 0);
    set_up(f, 0, 8);
    assert_int_equal(ask_p(f, 12, p_u64(0), kick_pipe[0]), 0);
    assert_int_equal(ask_p(f, 13, p_u64(0), call_pipe[1]), 0);
    assert_int_equal(ask_p(f, 14, p_u64(0), call_pipe[1]), 0);
    /* The error signal is 8 bytes, and a full pipe holds up nobody. */
    for (unsigned i = 0; i < 20000; i++)
        vq_vhost_session_ring_error(f->session, 0);
    uint8_t bytes[9];
    assert_int_equal(read(call_pipe[0], bytes, 8), 8);
    assert_true(fcntl(f->ring[0].kick_fd, F_GETFL) & O_NONBLOCK);
    for (unsigned i = 0; i < 2; i++) {
        (void)close(kick_pipe[i]);
        (void)close(call_pipe[i]);
    }
}

static void error_signal(void **state)
{
    struct fixture *f = *state;
    struct vq_driver_queue q;
    struct vq_driver_slot slots[8];
    int err = new_eventfd();

    f->serve = true;
    driver_init(f, &q, slots, 0, 8);
    ring_up(f, 0, 8);
    tell_p(f, 14, p_u64(0), err);
    assert_int_equal(eventfd_value(err), 0);
    /* A buffer outside of guest memory breaks the ring, and only that. */
    assert_true(driver_add(&q, GUEST_BASE + MEMORY_BYTES - 8, 16) >= 0);
    assert_int_equal(ask_p(f, 35, p_state(0, 0), -1), 0);
    assert_int_not_equal(eventfd_value(err), 0);
    assert_int_equal(f->ring[0].served, 0);
    ring_up(f, 1, 8);
    expect_live(f);
    (void)close(err);
}

static void endian(void **state)
{
    struct fixture *f = *state;
    uint16_t used = 0x0500;

    assert_int_not_equal(ask_p(f, 23, p_state(0, 2), -1), 0);
    /* A modern ring is little-endian whatever anybody says. */
    tell_p(f, 23, p_state(0, 1), -1);
    ring_up(f, 0, 8);
    assert_false(f->ring[0].config.big_endian);
    assert_int_not_equal(ask_p(f, 23, p_state(0, 0), -1), 0);
    reconnect(f);
    negotiate(f, BIT(30), ALL_PROTOCOL);
    add_memory(f);
    tell_p(f, 23, p_state(0, 1), -1);
    tell_p(f, 23, p_state(1, 0), -1);
    memcpy(f->memory + USED_AT(0) + 2, &used, 2);
    memcpy(f->memory + USED_AT(1) + 2, &used, 2);
    ring_up(f, 0, 8);
    ring_up(f, 1, 8);
    assert_true(f->ring[0].config.big_endian);
    assert_false(f->ring[1].config.big_endian);
    bool big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    assert_int_equal(f->ring[big].config.next_used, 5);
    assert_int_equal(f->ring[!big].config.next_used, 0x0500);
}

static void ends_with_the_connection(void **state)
{
    struct fixture *f = *state;

    ring_up(f, 0, 8);
    ring_up(f, 2, 8);
    (void)close(f->socket);
    f->socket = -1;
    assert_int_equal(vq_vhost_session_handle(f->session), VQ_VHOST_SESSION_CLOSED);
    f->state = VQ_VHOST_SESSION_CLOSED;
    assert_false(f->ring[0].running);
    assert_false(f->ring[2].running);
    assert_int_equal(f->ring[0].stops, 1);
    reconnect(f);
    negotiate(f, BIT(32) | BIT(30), ALL_PROTOCOL);
    assert_int_not_equal(kick(f, 0), 0); /* nothing is left of the former one */
}

#define T(fn, setup, name) VQ_TEST_FIXTURE(fn, setup, fixture_teardown, name)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(begins_stopped, fixture_setup_memory,
          "begins with every ring stopped and disabled [VU-BE-RING-02]"),
        T(four_states, fixture_setup_memory,
          "keeps started and enabled apart "
          "[VU-BE-RING-01 VU-BE-RING-04 VU-BE-RING-16 VU-BE-RING-13 VU-BE-RING-15]"),
        T(enabled_without_bit_30, fixture_setup,
          "enables all rings for a front end without bit 30 "
          "[VU-BE-RING-17 VU-BE-RING-18 VU-BE-FEAT-05]"),
        T(serves_without_kick, fixture_setup_memory,
          "starts at SET_VRING_KICK, stops at GET_VRING_BASE, goes on where it was "
          "[VU-BE-RING-08 VU-BE-RING-09 VU-BE-RING-11 VU-BE-RING-12 VU-BE-RING-03 VU-BE-RING-13 "
          "VU-BE-RING-15 VU-BE-BASE-01 VU-BE-MEM-02 VU-BE-SUSP-01]"),
        T(disabled_takes_nothing, fixture_setup_memory,
          "counts only what was taken in the base [VU-BE-BASE-05]"),
        T(start_needs_everything, fixture_setup_ready,
          "starts no ring that lacks something [VU-BE-RING-25]"),
        T(start_needs_features, fixture_setup, "starts no ring before features are settled"),
        T(pointers_and_features, fixture_setup_memory,
          "gives the host the ring as it was set up "
          "[VU-BE-VQ-05 VU-BE-VQ-06 VU-BE-VQ-01 VU-BE-MEM-01 VU-BE-SIZE-06]"),
        T(sizes, fixture_setup_memory,
          "takes every queue size that a split ring may have, no other "
          "[VU-BE-VQ-01 VU-BE-VQ-02 VU-BE-SIZE-05 BUG-67]"),
        T(packed_ring, fixture_setup_memory,
          "takes sizes and positions of a packed ring "
          "[VU-BE-VQ-03 VU-BE-VQ-18 VU-BE-VQ-19 VU-BE-BASE-02]"),
        T(packed_zero, fixture_setup_memory,
          "takes base 0 as the beginning of a packed ring that is fresh, and literally else"),
        T(packed_restarts, fixture_setup_memory,
          "goes on with a packed ring where it was stopped, by this or another back end "
          "[VU-BE-VQ-18 VU-BE-BASE-02]"),
        T(split_bases, fixture_setup_memory,
          "takes any base of a split ring, and the used index from the ring "
          "[VU-BE-VQ-15 VU-BE-VQ-16 VU-BE-VQ-17 VU-BE-BASE-03 BUG-75]"),
        T(base_of_unstarted, fixture_setup_memory,
          "answers for the base of a ring that never started "
          "[VU-BE-BASE-07 VU-BE-BASE-08 VU-BE-BASE-03]"),
        T(stop_keeps_setup, fixture_setup_memory,
          "keeps position, addresses and enable over a stop [VU-BE-BASE-06]"),
        T(drained_before_answer, fixture_setup_memory,
          "answers for the base when all is given back [VU-BE-BASE-04]"),
        T(addresses_any_order, fixture_setup_memory,
          "takes size, base and addresses in any order [VU-BE-VQ-14]"),
        T(extent, fixture_setup_memory,
          "checks alignment and the whole extent of each part of a ring "
          "[VU-BE-VQ-12 VU-BE-MEM-11 VU-BE-VQ-06]"),
        T(addresses_while_running, fixture_setup_memory,
          "lets nothing change under a ring in use but the log flag "
          "[VU-BE-VQ-04 VU-BE-VQ-11 VU-BE-VQ-09 VU-BE-END-03]"),
        T(indexes, fixture_setup_memory,
          "refuses rings that it does not have, in full width "
          "[VU-BE-VQ-20 VU-BE-KICK-08 VU-BE-HOST-03 BUG-67 BUG-68]"),
        T(poll_flag, fixture_setup_memory,
          "takes bit 8 as no descriptor, not as part of the index "
          "[VU-BE-KICK-01 VU-BE-KICK-03 BUG-76]"),
        T(descriptors_replaced, fixture_setup_memory,
          "replaces and closes descriptors that are set again "
          "[VU-BE-KICK-06 VU-BE-FD-05 BUG-66]"),
        T(kick_replaced_is_looked_at, fixture_setup_memory,
          "takes new descriptors on a running ring "
          "[VU-BE-RING-19 VU-BE-RING-20 VU-BE-RING-22]"),
        T(pipes, fixture_setup_memory,
          "takes the ends of pipes [VU-BE-TRANS-02 VU-BE-TRANS-03 VU-BE-TRANS-05]"),
        T(error_signal, fixture_setup_memory,
          "signals the error of a ring and lives on [VU-BE-KICK-05 VU-BE-MEM-11]"),
        T(endian, fixture_setup_memory,
          "handles both byte orders of legacy rings "
          "[VU-BE-END-01 VU-BE-END-02 VU-BE-END-03]"),
        T(ends_with_the_connection, fixture_setup_memory,
          "stops all rings when the connection ends [VU-BE-RING-23 VU-BE-HOST-05]"),
    };
    return VQ_RUN(tests);
}
