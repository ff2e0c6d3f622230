/* The vhost-user back end: its own channel, in-band notifications, and what it keeps to itself
 * while it is suspended. */
#include "vhost_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Gives the session a channel; returns the front end's end of it. */
static int give_channel(struct fixture *f)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(ask(f, 21, NULL, 0, pair[1]), 0);
    (void)close(pair[1]);
    return pair[0];
}

/* The next message on the channel, with all of its bytes; false if there is none. */
static bool next(int channel, uint32_t words[5])
{
    memset(words, 0, 20);
    if (recv(channel, words, 12, MSG_DONTWAIT) != 12)
        return false;
    assert_true(words[2] <= 8);
    if (words[2] != 0)
        assert_int_equal(recv(channel, words + 3, words[2], MSG_DONTWAIT), words[2]);
    return true;
}

static void expect(int channel, uint32_t request, uint32_t ring)
{
    uint32_t words[5];
    const uint32_t wanted[5] = {request, 0x9, 8, ring, 0};

    assert_true(next(channel, words));
    assert_memory_equal(words, wanted, sizeof wanted);
}

static void expect_none(int channel)
{
    uint32_t words[5];

    assert_false(next(channel, words));
}

static void answer(struct fixture *f, int channel, uint32_t request)
{
    const uint32_t reply[5] = {request, 0x5, 8, 0, 0};

    assert_int_equal(send(channel, reply, sizeof reply, MSG_NOSIGNAL), sizeof reply);
    pump(f);
}

static void replaced(void **state)
{
    struct fixture *f = *state;
    int channel = give_channel(f);
    unsigned before = count_open_fds();
    struct pollfd p = {.fd = vq_vhost_session_fd(f->session), .events = POLLIN};

    for (unsigned i = 0; i < 100; i++) {
        int other = give_channel(f);
        assert_int_equal(recv(channel, &(char){0}, 1, MSG_DONTWAIT), 0); /* the former is closed */
        (void)close(channel);
        channel = other;
    }
    assert_int_equal(count_open_fds(), before);
    (void)close(channel);
    pump(f);
    expect_live(f);
    assert_int_equal(poll(&p, 1, 0), 0); /* a channel that is gone wakes nobody for ever */
    int fd = new_eventfd();
    assert_int_not_equal(ask(f, 21, NULL, 0, fd), 0);
    (void)close(fd);
}

static void shared_open_file(void **state)
{
    struct fixture *f = *state;
    struct pollfd p = {.fd = vq_vhost_session_fd(f->session), .events = POLLIN};
    int pair[2];

    /* The front end keeps a descriptor of the session's end, and closes the other. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(ask(f, 21, NULL, 0, pair[1]), 0);
    (void)close(pair[0]);
    pump(f);
    expect_live(f);
    assert_int_equal(poll(&p, 1, 0), 0);
    (void)close(pair[1]);
}

static void call(void **state)
{
    struct fixture *f = *state;
    int channel = give_channel(f);

    ring_up(f, 2, 8);
    vq_vhost_session_call(f->session, 2);
    expect(channel, 4, 2);
    /* Not before the former is answered, and then one for all. */
    vq_vhost_session_call(f->session, 2);
    vq_vhost_session_call(f->session, 2);
    expect_none(channel);
    answer(f, channel, 4);
    expect(channel, 4, 2);
    expect_none(channel);
    answer(f, channel, 4);
    expect_none(channel);
    vq_vhost_session_call(f->session, 2);
    expect(channel, 4, 2);
    (void)close(channel);
}

static void call_of_two_rings(void **state)
{
    struct fixture *f = *state;
    int channel = give_channel(f);

    ring_up(f, 0, 8);
    ring_up(f, 1, 8);
    vq_vhost_session_call(f->session, 1);
    vq_vhost_session_call(f->session, 0);
    expect(channel, 4, 1);
    expect(channel, 4, 0);
    vq_vhost_session_call(f->session, 0);
    answer(f, channel, 4); /* for ring 1 */
    expect_none(channel);
    answer(f, channel, 4);
    expect(channel, 4, 0);
    (void)close(channel);
}

static void error(void **state)
{
    struct fixture *f = *state;
    int channel = give_channel(f);
    int err = new_eventfd();

    ring_up(f, 1, 8);
    vq_vhost_session_ring_error(f->session, 1);
    expect(channel, 5, 1);
    answer(f, channel, 5);
    tell_p(f, 14, p_u64(1), err);
    vq_vhost_session_ring_error(f->session, 1);
    expect_none(channel);
    assert_int_equal(eventfd_value(err), 1);
    (void)close(err);
    (void)close(channel);
}

static void inband_io(void **state)
{
    struct fixture *f = *state;
    int channel = give_channel(f);
    struct vq_driver_queue q;
    struct vq_driver_slot slots[8];
    struct vq_done done;

    /* As User-mode Linux with bit 14: no 12, no 13. */
    f->serve = true;
    f->call_inband = true;
    driver_init(f, &q, slots, 0, 8);
    tell_p(f, 8, p_state(0, 8), -1);
    tell_p(f, 9, ring_addresses(0), -1);
    tell_p(f, 18, p_state(0, 1), -1);
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 16) >= 0);
    assert_int_equal(ask_p(f, 35, p_state(0, 0), -1), 0);
    assert_true(f->ring[0].running);
    assert_int_equal(f->ring[0].served, 1);
    expect(channel, 4, 0);
    assert_int_equal(vq_driver_get(&q, &done, 1), 1);
    /* Kick and call cross each other, both unanswered. */
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 16) >= 0);
    assert_int_equal(ask_p(f, 35, p_state(0, 0), -1), 0);
    assert_int_equal(f->ring[0].served, 2);
    answer(f, channel, 4);
    expect(channel, 4, 0);
    (void)close(channel);
}

static void descriptors_first(void **state)
{
    struct fixture *f = *state;
    int channel = give_channel(f);
    int fd = new_eventfd();
    struct vq_driver_queue q;
    struct vq_driver_slot slots[8];

    f->serve = true;
    f->call_inband = true;
    driver_init(f, &q, slots, 0, 8);
    tell_p(f, 13, p_u64(0), fd);
    ring_up(f, 0, 8);
    assert_true(f->ring[0].kick_fd >= 0);
    assert_true(driver_add(&q, GUEST_BASE + BUFFER_AT(0), 16) >= 0);
    assert_int_equal(kick(f, 0), 0);
    assert_int_equal(eventfd_value(fd), 1);
    expect_none(channel);
    (void)close(fd);
    (void)close(channel);
}

static void silent_without_bit_14(void **state)
{
    struct fixture *f = *state;

    negotiate(f, BIT(32) | BIT(30), ALL_PROTOCOL & ~BIT(14));
    add_memory(f);
    /* No channel yet: nothing to send, and nothing fails. */
    ring_up(f, 0, 8);
    vq_vhost_session_call(f->session, 0);
    vq_vhost_session_config_changed(f->session);
    expect_silence(f);
    int channel = give_channel(f);
    uint32_t words[5];
    assert_true(next(channel, words)); /* the change that waited */
    assert_int_equal(words[0], 2);
    vq_vhost_session_call(f->session, 0);
    vq_vhost_session_ring_error(f->session, 0);
    expect_none(channel);
    (void)close(channel);
}

static void config_gated(void **state)
{
    struct fixture *f = *state;

    negotiate(f, BIT(32) | BIT(30), ALL_PROTOCOL & ~BIT(9));
    add_memory(f);
    int channel = give_channel(f);
    ring_up(f, 0, 8);
    vq_vhost_session_config_changed(f->session);
    expect_none(channel);
    (void)close(channel);
}

static void config_change(void **state)
{
    struct fixture *f = *state;
    int channel = give_channel(f);
    uint32_t words[5];

    /* Suspended: held back; the front end is answered all the same. */
    vq_vhost_session_config_changed(f->session);
    pump(f);
    expect_none(channel);
    assert_int_equal(ask_config(f, 0, 8), 20);
    assert_int_not_equal(get_u64(f, 1), 0);
    ring_up(f, 0, 8);
    assert_true(next(channel, words));
    assert_int_equal(words[0], 2);
    assert_int_equal(words[1], 1);
    assert_int_equal(words[2], 0);
    ring_up(f, 1, 8);
    expect_none(channel);
    /* One of two stopped is not suspended. */
    (void)get_base(f, 0);
    vq_vhost_session_config_changed(f->session);
    assert_true(next(channel, words));
    (void)get_base(f, 1);
    vq_vhost_session_config_changed(f->session);
    expect_none(channel);
    assert_int_equal(kick(f, 1), 0);
    assert_true(next(channel, words));
    expect_none(channel);
    (void)close(channel);
}

static void last_call_before_stop(void **state)
{
    struct fixture *f = *state;
    int channel = give_channel(f);

    ring_up(f, 0, 8);
    vq_vhost_session_call(f->session, 0);
    vq_vhost_session_call(f->session, 0);
    expect(channel, 4, 0);
    expect_none(channel);
    (void)get_base(f, 0);
    expect(channel, 4, 0); /* no completion is lost */
    answer(f, channel, 4);
    answer(f, channel, 4);
    expect_none(channel);
    (void)close(channel);
}

static void never_answers(void **state)
{
    struct fixture *f = *state;
    int channel = give_channel(f);

    ring_up(f, 0, 8);
    for (unsigned i = 0; i < 10000; i++)
        vq_vhost_session_call(f->session, 0);
    for (unsigned i = 0; i < 200; i++) {
        (void)get_base(f, 0);
        assert_int_equal(kick(f, 0), 0);
        vq_vhost_session_call(f->session, 0);
        vq_vhost_session_call(f->session, 0);
    }
    pump(f);
    expect_live(f);
    assert_true(f->ring[0].running);
    (void)close(channel);
}

static void *worker(void *arg)
{
    struct fixture *f = arg;

    for (unsigned i = 0; i < 5000; i++) {
        vq_vhost_session_call(f->session, (uint16_t)(i % 2));
        if (i % 500 == 0)
            vq_vhost_session_ring_error(f->session, 0);
        if (i % 700 == 0)
            vq_vhost_session_config_changed(f->session);
    }
    return NULL;
}

static void any_thread(void **state)
{
    struct fixture *f = *state;
    int channel = give_channel(f);
    pthread_t threads[2];
    uint32_t words[5];
    unsigned calls = 0, errors = 0, changes = 0;

    ring_up(f, 0, 8);
    ring_up(f, 1, 8);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, worker, f), 0);
    for (unsigned i = 0; i < 2000; i++) {
        if (next(channel, words)) {
            calls += words[0] == 4;
            errors += words[0] == 5;
            changes += words[0] == 2;
            if (words[0] != 2)
                answer(f, channel, words[0]);
        }
        (void)get_u64(f, 40);
    }
    for (unsigned i = 0; i < 2; i++)
        (void)pthread_join(threads[i], NULL);
    while (next(channel, words)) {
        calls += words[0] == 4;
        errors += words[0] == 5;
        changes += words[0] == 2;
        if (words[0] != 2)
            answer(f, channel, words[0]);
    }
    assert_true(calls >= 2);
    assert_true(errors >= 1);
    assert_true(changes >= 1);
    /* All was answered: the next one goes at once. */
    vq_vhost_session_call(f->session, 0);
    expect(channel, 4, 0);
    (void)close(channel);
}

static void wrong_answers(void **state)
{
    struct fixture *f = *state;
    static const uint32_t answers[][5] = {
        {5, 0x5, 8, 0, 0}, {4, 0x1, 8, 0, 0}, {4, 0xd, 8, 0, 0},
        {4, 0x5, 0, 0, 0}, {4, 0x7, 8, 0, 0}, {4, 0x5, 0xffffff, 0, 0},
    };

    ring_up(f, 0, 8);
    for (unsigned i = 0; i < 6; i++) {
        int channel = give_channel(f);
        vq_vhost_session_call(f->session, 0);
        expect(channel, 4, 0);
        (void)send(channel, answers[i], 12 + (answers[i][2] == 8 ? 8 : 0), MSG_NOSIGNAL);
        pump(f);
        expect_live(f);
        /* Closed; with a reset where bytes were left unread. */
        ssize_t n = recv(channel, &(char){0}, 1, MSG_DONTWAIT);
        assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
        (void)close(channel);
    }
    int channel = give_channel(f);
    const uint32_t unasked[5] = {4, 0x5, 8, 0, 0};
    (void)send(channel, unasked, sizeof unasked, MSG_NOSIGNAL);
    pump(f);
    expect_live(f);
    assert_true(f->ring[0].running);
    (void)close(channel);
}

static void no_descriptors(void **state)
{
    struct fixture *f = *state;
    int channel = give_channel(f);
    union {
        struct cmsghdr align;
        char b[CMSG_SPACE(sizeof(int))];
    } control;
    uint8_t bytes[20];
    struct iovec iov = {bytes, sizeof bytes};
    struct msghdr h = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};

    ring_up(f, 0, 8);
    vq_vhost_session_call(f->session, 0);
    assert_int_equal(recvmsg(channel, &h, MSG_DONTWAIT), 20);
    assert_int_equal(h.msg_controllen, 0);
    (void)close(channel);
}

#define T(fn, setup, name) VQ_TEST_FIXTURE(fn, setup, fixture_teardown, name)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(replaced, fixture_setup_ready,
          "replaces and closes a former channel "
          "[VU-BE-BCH-01 VU-BE-BCH-03 VU-BE-ACK-08 VU-BE-BCH-06]"),
        T(shared_open_file, fixture_setup_ready,
          "lets go of a channel whose open file the front end shares [VU-BE-BCH-06]"),
        T(call, fixture_setup_memory,
          "sends one in-band call at a time and waits for its answer "
          "[VU-BE-INB-03 VU-BE-INB-05 VU-BE-INB-06]"),
        T(call_of_two_rings, fixture_setup_memory,
          "matches the answers of several rings [VU-BE-INB-03]"),
        T(error, fixture_setup_memory,
          "tells a ring error in-band, unless it has a descriptor "
          "[VU-BE-INB-05 VU-BE-INB-07 VU-BE-KICK-12]"),
        T(inband_io, fixture_setup_memory,
          "serves a ring with messages only "
          "[VU-BE-RING-10 VU-BE-INB-04 VU-BE-INB-09 VU-BE-KICK-09 VU-BE-KICK-10]"),
        T(descriptors_first, fixture_setup_memory,
          "prefers descriptors that were given [VU-BE-INB-08 VU-BE-KICK-11]"),
        T(silent_without_bit_14, fixture_setup,
          "sends no notification that was not negotiated, and nothing without a channel "
          "[VU-BE-BCH-02 VU-BE-PFEAT-05]"),
        T(config_gated, fixture_setup,
          "sends no change of configuration without CONFIG [VU-BE-PFEAT-05]"),
        T(config_change, fixture_setup_memory,
          "announces a change of configuration, but not while suspended "
          "[VU-BE-CFG-10 VU-BE-SUSP-03 VU-BE-SUSP-04 VU-BE-SUSP-05 VU-BE-SUSP-06 VU-BE-BCH-07]"),
        T(last_call_before_stop, fixture_setup_memory,
          "sends a call that waits before the ring is stopped"),
        T(never_answers, fixture_setup_memory,
          "goes on with a front end that never reads its channel [VU-BE-BCH-06]"),
        T(any_thread, fixture_setup_memory,
          "takes calls, errors and changes from any thread [VU-BE-INB-03]"),
        T(wrong_answers, fixture_setup_memory,
          "gives up a channel that talks nonsense, and goes on [VU-BE-BCH-06]"),
        T(no_descriptors, fixture_setup_memory,
          "sends no descriptors on the channel [VU-BE-BCH-04]"),
    };
    return VQ_RUN(tests);
}
