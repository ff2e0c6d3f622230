/* Messages over a socket: partial transfers, descriptors, closes. Every test counts descriptors. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vhost_user/channel.h>

struct ends {
    int a, b;
    unsigned before;
    struct vq_vhost_receiver receiver;
};

static int setup(void **state)
{
    struct ends *e = calloc(1, sizeof *e);
    int pair[2];

    assert_non_null(e);
    e->before = count_open_fds();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    e->a = pair[0];
    e->b = pair[1];
    vq_vhost_receiver_init(&e->receiver);
    *state = e;
    return 0;
}

static int teardown(void **state)
{
    struct ends *e = *state;

    vq_vhost_receiver_reset(&e->receiver);
    if (e->a >= 0)
        (void)close(e->a);
    (void)close(e->b);
    assert_int_equal(count_open_fds(), e->before);
    free(e);
    return 0;
}

static void raw(int socket, const void *bytes, size_t count, unsigned fds)
{
    union {
        struct cmsghdr align;
        char b[CMSG_SPACE(253 * sizeof(int))];
    } control;
    struct iovec iov = {(void *)(uintptr_t)bytes, count};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fds != 0) {
        memset(&control, 0, sizeof control);
        h.msg_control = &control;
        h.msg_controllen = CMSG_SPACE(fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds * sizeof(int));
        for (unsigned i = 0; i < fds; i++)
            ((int *)(void *)CMSG_DATA(c))[i] = STDERR_FILENO;
    }
    assert_int_equal(sendmsg(socket, &h, MSG_NOSIGNAL), count);
}

static void there_and_back(void **state)
{
    struct ends *e = *state;
    struct vq_vhost_message m;

    for (uint32_t fds = 0; fds <= VQ_VHOST_FDS_MAX; fds++) {
        vq_vhost_message_init(&m, 7 + fds, VQ_VHOST_VERSION, fds * 500);
        memset(m.payload.bytes, (int)fds + 1, m.header.size);
        m.fd_count = fds;
        for (uint32_t i = 0; i < fds; i++)
            m.fds[i] = e->a;
        assert_int_equal(vq_vhost_send(e->a, &m, 0), VQ_VHOST_IO_DONE);
        assert_int_equal(vq_vhost_receive(e->b, &e->receiver), VQ_VHOST_IO_DONE);
        const struct vq_vhost_message *r = &e->receiver.message;
        assert_int_equal(r->header.request, 7 + fds);
        assert_int_equal(r->header.size, fds * 500);
        assert_memory_equal(r->payload.bytes, m.payload.bytes, m.header.size);
        assert_int_equal(r->fd_count, fds);
        for (uint32_t i = 0; i < fds; i++)
            assert_true(fcntl(r->fds[i], F_GETFD) & FD_CLOEXEC);
        /* Not taken: the next call closes them. */
        assert_int_equal(vq_vhost_receive(e->b, &e->receiver), VQ_VHOST_IO_AGAIN);
        assert_int_equal(count_open_fds(), e->before + 2);
    }
    assert_int_equal(vq_vhost_receive(e->b, &e->receiver), VQ_VHOST_IO_AGAIN);
}

static void stale_payload(void **state)
{
    struct ends *e = *state;
    static const uint32_t first[5] = {1, 1, 8, 0xffffffff, 0xffffffff};
    static const uint32_t second[4] = {1, 1, 4, 7};

    raw(e->a, first, 20, 0);
    raw(e->a, second, 16, 0);
    assert_int_equal(vq_vhost_receive(e->b, &e->receiver), VQ_VHOST_IO_DONE);
    assert_int_equal(vq_vhost_receive(e->b, &e->receiver), VQ_VHOST_IO_DONE);
    assert_int_equal(e->receiver.message.payload.state.index, 7);
    assert_int_equal(e->receiver.message.payload.state.num, 0);
}

static void in_pieces(void **state)
{
    struct ends *e = *state;
    uint8_t message[52];
    const uint32_t header[3] = {9, 1, 40};

    memcpy(message, header, 12);
    for (unsigned i = 12; i < 52; i++)
        message[i] = (uint8_t)i;
    for (unsigned piece = 1; piece < 52; piece++) {
        enum vq_vhost_io io = VQ_VHOST_IO_AGAIN;
        for (unsigned at = 0; at < 52; at += piece) {
            assert_int_equal(io, VQ_VHOST_IO_AGAIN);
            raw(e->a, message + at, at + piece > 52 ? 52 - at : piece, at == 0 ? 2 : 0);
            io = vq_vhost_receive(e->b, &e->receiver);
        }
        assert_int_equal(io, VQ_VHOST_IO_DONE);
        assert_int_equal(e->receiver.message.fd_count, 2);
        assert_memory_equal(e->receiver.message.payload.bytes, message + 12, 40);
    }
}

static void closed_anywhere(void **state)
{
    struct ends *e = *state;
    static const uint8_t zeros[40];
    uint8_t message[52];
    const uint32_t header[3] = {9, 1, 40};

    memcpy(message, header, 12);
    memcpy(message + 12, zeros, 40);
    for (unsigned cut = 0; cut < 52; cut++) {
        int pair[2];
        struct vq_vhost_receiver r;
        vq_vhost_receiver_init(&r);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        if (cut != 0)
            raw(pair[0], message, cut, 3);
        (void)close(pair[0]);
        enum vq_vhost_io io = vq_vhost_receive_wait(pair[1], &r, 1000);
        assert_int_equal(io, cut == 0 ? VQ_VHOST_IO_CLOSED : VQ_VHOST_IO_ERROR);
        if (cut != 0)
            assert_non_null(r.reason);
        (void)close(pair[1]);
        assert_int_equal(count_open_fds(), e->before + 2);
    }
}

static void too_many(void **state)
{
    struct ends *e = *state;
    static const uint32_t header[3] = {1, 1, 0};
    static const unsigned counts[] = {9, 10, 16, 64, 253};

    for (unsigned i = 0; i < 5; i++) {
        raw(e->a, header, 12, counts[i]);
        assert_int_equal(vq_vhost_receive(e->b, &e->receiver), VQ_VHOST_IO_ERROR);
        assert_int_equal(count_open_fds(), e->before + 2);
    }
}

static void late(void **state)
{
    struct ends *e = *state;
    static const uint32_t header[3] = {1, 1, 8};

    raw(e->a, header, 5, 0);
    assert_int_equal(vq_vhost_receive(e->b, &e->receiver), VQ_VHOST_IO_AGAIN);
    raw(e->a, (const uint8_t *)header + 5, 7, 1);
    assert_int_equal(vq_vhost_receive(e->b, &e->receiver), VQ_VHOST_IO_ERROR);
    assert_int_equal(count_open_fds(), e->before + 2);
}

static void judged_headers(void **state)
{
    struct ends *e = *state;
    static const uint32_t headers[][3] = {
        {1, 0, 0}, {1, 2, 0}, {1, 3, 0}, {1, 1, 4097}, {1, 1, UINT32_MAX}, {1, 1, 0x80000000},
    };

    for (unsigned i = 0; i < 6; i++) {
        raw(e->a, headers[i], 12, 8);
        assert_int_equal(vq_vhost_receive(e->b, &e->receiver), VQ_VHOST_IO_ERROR);
        assert_int_equal(count_open_fds(), e->before + 2);
    }
}

static void waits_no_longer(void **state)
{
    struct ends *e = *state;
    static const uint32_t header[3] = {1, 1, 8};

    assert_int_equal(vq_vhost_receive_wait(e->b, &e->receiver, 0), VQ_VHOST_IO_TIMEOUT);
    raw(e->a, header, 12, 4);
    assert_int_equal(vq_vhost_receive_wait(e->b, &e->receiver, 10), VQ_VHOST_IO_TIMEOUT);
    assert_int_equal(count_open_fds(), e->before + 2);
}

static void full_socket(void **state)
{
    struct ends *e = *state;
    struct vq_vhost_message m;
    enum vq_vhost_io io;

    vq_vhost_message_init(&m, 1, VQ_VHOST_VERSION, 4096);
    do {
        io = vq_vhost_send(e->a, &m, 0);
    } while (io == VQ_VHOST_IO_DONE);
    assert_int_equal(io, VQ_VHOST_IO_TIMEOUT);
    (void)close(e->a);
    e->a = -1;
}

static void gone_peer(void **state)
{
    struct ends *e = *state;
    struct vq_vhost_message m;

    (void)close(e->a);
    e->a = -1;
    vq_vhost_message_init(&m, 1, VQ_VHOST_VERSION, 0);
    assert_int_equal(vq_vhost_send(e->b, &m, 1000), VQ_VHOST_IO_CLOSED);
    m.header.size = VQ_VHOST_PAYLOAD_MAX + 1;
    assert_int_equal(vq_vhost_send(e->b, &m, 0), VQ_VHOST_IO_ERROR);
    m.header.size = 0;
    m.fd_count = VQ_VHOST_FDS_MAX + 1;
    assert_int_equal(vq_vhost_send(e->b, &m, 0), VQ_VHOST_IO_ERROR);
}

static void on_signal(int number)
{
    (void)number;
}

static void *slow_writer(void *arg)
{
    const struct ends *e = arg;
    uint8_t message[20] = {1, 0, 0, 0, 1, 0, 0, 0, 8};
    struct timespec pause = {0, 1000000};

    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) {
        const uint32_t header[3] = {1, 1, 8};
        memcpy(message, header, 12);
    }
    for (unsigned i = 0; i < 20; i++) {
        (void)nanosleep(&pause, NULL);
        (void)kill(getpid(), SIGUSR1);
        if (send(e->a, message + i, 1, MSG_NOSIGNAL) != 1)
            break;
    }
    return NULL;
}

static void interrupted(void **state)
{
    struct ends *e = *state;
    struct sigaction action, former;
    pthread_t thread;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    assert_int_equal(sigaction(SIGUSR1, &action, &former), 0);
    assert_int_equal(pthread_create(&thread, NULL, slow_writer, e), 0);
    assert_int_equal(vq_vhost_receive_wait(e->b, &e->receiver, -1), VQ_VHOST_IO_DONE);
    (void)pthread_join(thread, NULL);
    (void)sigaction(SIGUSR1, &former, NULL);
}

#define T(fn, name) VQ_TEST_FIXTURE(fn, setup, teardown, name)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(there_and_back, "carries messages with 0 to 8 descriptors [VU-BE-FD-05]"),
        T(stale_payload, "shows nothing of a former message behind a shorter one"),
        T(in_pieces, "puts a message together from pieces of any size [VU-BE-SIZE-01]"),
        T(closed_anywhere, "closes descriptors when the peer closes at any byte [BUG-65]"),
        T(too_many, "refuses and closes more than 8 descriptors [VU-BE-FD-04 BUG-65]"),
        T(late, "refuses and closes descriptors after the first byte [VU-BE-FD-01 BUG-65]"),
        T(judged_headers, "judges the header before the payload [VU-BE-SIZE-02 VU-BE-FD-03]"),
        T(waits_no_longer, "waits no longer than it was told"),
        T(full_socket, "does not wait for a peer that does not read"),
        T(gone_peer, "refuses what cannot be sent, without a signal [VU-BE-BCH-05]"),
        T(interrupted, "goes on after signals"),
    };
    return VQ_RUN(tests);
}
