/*
 * Front ends that do harm, from the record of what happened to others, and a
 * random one. After each: no descriptor, no mapping, nothing running is left.
 */
#include "vhost_fixture.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void repeated(void **state)
{
    struct fixture *f = *state;
    const uint64_t region[1][4] = {{GUEST_BASE, MEMORY_BYTES, USER_BASE, 0}};
    unsigned fds = count_open_fds(), mappings = guest_mappings();

    for (unsigned i = 0; i < 300; i++) {
        tell_p(f, 8, p_state(1, 8), -1);
        tell_p(f, 5, p_table(1, region, 1), f->memory_fd);
        tell_p(f, 9, ring_addresses(1), -1);
    }
    assert_int_equal(count_open_fds(), fds);
    assert_int_equal(guest_mappings(), mappings);
}

static void addresses_without_memory(void **state)
{
    struct fixture *f = *state;

    tell_p(f, 9, ring_addresses(0), -1);
    tell_p(f, 8, p_state(0, 8), -1);
    assert_int_not_equal(kick(f, 0), 0);
    assert_int_not_equal(ask_p(f, 35, p_state(0, 0), -1), 0);
    assert_int_equal(f->ring[0].starts, 0);
}

static void failed_table_leaves_a_sound_session(void **state)
{
    struct fixture *f = *state;
    const uint64_t bad[2][4] = {{0, 4096, 0, 0}, {0x10000, MEMORY_BYTES + 1, 0x10000, 0}};
    int fds[2] = {f->memory_fd, f->memory_fd};
    struct bytes p = p_table(2, bad, 2);
    unsigned stops = f->ring[0].stops;

    for (unsigned i = 0; i < 50; i++)
        assert_int_not_equal(ask_fds(f, 5, p.b, p.n, fds, 2), 0);
    assert_int_equal(f->ring[0].stops, stops);
    assert_true(f->ring[0].running);
    assert_int_equal(guest_mappings(), 2);
    tell_p(f, 38, p_region(GUEST_BASE, MEMORY_BYTES, USER_BASE, 0), -1);
    add_memory(f);
    assert_true(f->ring[0].running);
}

static void used_index_of_the_guest(void **state)
{
    struct fixture *f = *state;
    uint16_t lie = 0xfff0;

    /* The guest's own used index decides where its own ring goes on, and nothing else. */
    memcpy(f->memory + USED_AT(1) + 2, &lie, 2);
    f->serve = true;
    ring_up(f, 1, 8);
    assert_int_equal(f->ring[1].config.next_used, lie);
    assert_int_equal(ask_p(f, 35, p_state(1, 0), -1), 0);
    expect_live(f);
}

static void changing_rings(void **state)
{
    struct fixture *f = *state;
    struct vq_random r = {.state = 9};

    /* The ring's memory changes under the back end all the time. */
    f->serve = true;
    ring_up(f, 0, 64);
    for (unsigned i = 0; i < 20000; i++) {
        f->memory[DESC_AT(0) + vq_random_below(&r, 16 * 64)] = (uint8_t)vq_random(&r);
        f->memory[AVAIL_AT(0) + vq_random_below(&r, 6 + 2 * 64)] = (uint8_t)vq_random(&r);
        if (i % 50 == 0) {
            (void)get_base(f, 0);
            assert_int_equal(kick(f, 0), 0);
        }
        tell_p(f, 35, p_state(0, 0), -1);
    }
}

/* A value that is likely to be near something. */
static uint64_t interesting(struct vq_random *r)
{
    static const uint64_t values[] = {0,          1,          2,          7,
                                      8,          16,         255,        256,
                                      0x8000,     0xffff,     0x10000,    0x80000000,
                                      0xffffffff, GUEST_BASE, USER_BASE,  MEMORY_BYTES,
                                      4096,       INT64_MAX,  UINT64_MAX, UINT64_MAX - 4095};
    uint64_t v = values[vq_random_below(r, 20)];

    switch (vq_random_below(r, 8)) {
    case 0:
        return v + vq_random_below(r, 16);
    case 1:
        return USER_BASE + vq_random_below(r, MEMORY_BYTES);
    case 2:
        return vq_random(r);
    default:
        return v;
    }
}

static struct bytes sensible(struct vq_random *r, uint32_t request)
{
    uint32_t ring = vq_random_below(r, 2);
    const uint64_t region[1][4] = {{GUEST_BASE, MEMORY_BYTES, USER_BASE, 0}};

    switch (request) {
    case 2:
        return p_u64(BIT(30) | BIT(32) | (vq_random_below(r, 4) == 0 ? BIT(34) : 0));
    case 5:
        return p_table(1, region, 1);
    case 8:
        return p_state(ring, 1u << vq_random_below(r, 16));
    case 9:
        return ring_addresses(ring);
    case 16:
        return p_u64(ALL_PROTOCOL);
    case 18:
        return p_state(ring, vq_random_below(r, 2));
    case 24:
    case 25:
        return p_config(vq_random_below(r, 70), vq_random_below(r, 70), 0, NULL);
    case 37:
    case 38:
        return p_region(GUEST_BASE + 0x1000000 * vq_random_below(r, 4), 0x100000,
                        USER_BASE + 0x1000000 * vq_random_below(r, 4), 0);
    default:
        return p_state(ring, 0);
    }
}

static void random_front_end(void **state)
{
    struct fixture *f = *state;
    struct vq_random r = {.state = 20};
    unsigned ends = 0, starts = 0;
    int event = new_eventfd(), pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    f->serve = true;
    f->call_inband = true;
    for (unsigned i = 0; i < 60000; i++) {
        if (f->state != VQ_VHOST_SESSION_LIVE) {
            ends++;
            for (unsigned k = 0; k < RINGS; k++)
                assert_false(f->ring[k].running);
            reconnect(f);
            if (vq_random_below(&r, 4) != 0) {
                negotiate(f, BIT(32) | BIT(30), ALL_PROTOCOL);
                add_memory(f);
            }
        }
        static const uint32_t often[] = {5, 8, 9, 9, 10, 12, 18, 35, 11, 37};
        uint32_t request =
            vq_random_below(&r, 4) == 0 ? vq_random_below(&r, 47) : often[vq_random_below(&r, 10)];
        struct bytes p = sensible(&r, request);
        /* Mostly sensible, so that it gets far; then bent. */
        if (vq_random_below(&r, 4) == 0) {
            p.n = vq_random_below(&r, 300);
            for (uint32_t at = 0; at + 8 <= p.n; at += 8) {
                uint64_t v = interesting(&r);
                memcpy(p.b + at, &v, 8);
            }
        } else if (vq_random_below(&r, 8) == 0) {
            uint64_t v = interesting(&r);
            memcpy(p.b + 8 * vq_random_below(&r, 5), &v, 8);
        }
        unsigned count = 0;
        int fds[10];
        if (request == 5 || request == 37 || (request >= 12 && request <= 14) || request == 21)
            count = 1;
        if (vq_random_below(&r, 64) == 0)
            count = vq_random_below(&r, 10);
        for (unsigned k = 0; k < count; k++) {
            int choices[] = {f->memory_fd, event, pair[0], f->memory_fd};
            fds[k] = request == 21 ? pair[0]
                     : request == 5 || request == 37
                         ? choices[vq_random_below(&r, 8) == 0 ? vq_random_below(&r, 4) : 0]
                         : event;
        }
        if (request == 1 || request == 3 || request == 15 || request == 17 || request == 21 ||
            request == 34 || request == 36 || request == 40)
            p.n = vq_random_below(&r, 16) == 0 ? 8 : 0;
        uint32_t flags = vq_random_below(&r, 500) == 0 ? (uint32_t)vq_random(&r) : ASK;
        send_request(f, request, flags, p.b, p.n, fds, count);
        if (vq_random_below(&r, 1000) == 0)
            send_bytes(f, p.b, vq_random_below(&r, 24) + 1, NULL, 0);
        pump(f);
        while (read_reply(f))
            ;
        uint8_t drop[256];
        while (recv(pair[1], drop, sizeof drop, MSG_DONTWAIT) > 0)
            ;
    }
    for (unsigned k = 0; k < RINGS; k++)
        starts += f->ring[k].starts;
    print_message("# %u ends, %u starts\n", ends, starts);
    /* It did get somewhere. */
    assert_true(ends > 20);
    assert_true(starts > 500);
    (void)close(event);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static void random_bytes(void **state)
{
    struct fixture *f = *state;
    struct vq_random r = {.state = 21};
    uint8_t bytes[64];

    for (unsigned i = 0; i < 3000; i++) {
        for (unsigned k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t)vq_random(&r);
        send_bytes(f, bytes, 1 + vq_random_below(&r, 64), &f->memory_fd,
                   vq_random_below(&r, 4) == 0);
        pump(f);
        if (f->state != VQ_VHOST_SESSION_LIVE)
            reconnect(f);
    }
}

#define T(fn, setup, name) VQ_TEST_FIXTURE(fn, setup, fixture_teardown, name)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(repeated, fixture_setup_memory,
          "replaces, and does not pile up, what is set again [BUG-66 VU-BE-MEM-10]"),
        T(addresses_without_memory, fixture_setup_ready,
          "follows no ring address before there is memory [BUG-73 VU-BE-RING-25]"),
        T(failed_table_leaves_a_sound_session, fixture_setup_serving,
          "is whole after a refused memory table [BUG-72 BUG-79 VU-BE-ACK-09]"),
        T(used_index_of_the_guest, fixture_setup_memory,
          "takes a lie about the used index as the liar's own trouble [VU-BE-VQ-17]"),
        T(changing_rings, fixture_setup_memory,
          "lives with rings that change all the time [VU-BE-HOST-01]"),
        T(random_front_end, fixture_setup,
          "lives with 60000 random messages and keeps nothing of them "
          "[VU-BE-HOST-01 VU-BE-HOST-04]"),
        T(random_bytes, fixture_setup, "lives with random bytes [VU-BE-HOST-01 VU-BE-FD-02]"),
    };
    return VQ_RUN(tests);
}
