/* The vhost-user back end: messages, descriptors, answers, and the stream that carries them. */
#include "vhost_fixture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Byte for byte, in the machine's order: these vectors are little-endian. */
static bool little(void)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

struct vector {
    const char *request; /* hex */
    const char *reply;   /* hex, "" for none; ".." where anything may stand */
    bool fd;
};

static size_t from_hex(const char *hex, uint8_t *bytes)
{
    size_t n = 0;
    unsigned value = 0, digits = 0;

    for (; *hex != '\0'; hex++) {
        if (*hex == ' ')
            continue;
        unsigned digit = *hex <= '9' ? (unsigned)(*hex - '0') : (unsigned)(*hex - 'a' + 10);
        value = value << 4 | digit;
        if (++digits % 2 == 0) {
            bytes[n++] = (uint8_t)value;
            value = 0;
        }
    }
    return n;
}

static void golden(void **state)
{
    struct fixture *f = *state;
    static const struct vector vectors[] = {
        /* GET_FEATURES: 30, 32, 34 and 6, 28, 29 of the device */
        {"01000000 01000000 00000000", "01000000 05000000 08000000 4000007005000000", false},
        {"0f000000 01000000 00000000", "0f000000 05000000 08000000 69e2010000000000", false},
        {"10000000 09000000 08000000 69e2010000000000",
         "10000000 05000000 08000000 0000000000000000", false},
        {"03000000 09000000 00000000", "03000000 05000000 08000000 0000000000000000", false},
        {"02000000 09000000 08000000 0000004001000000",
         "02000000 05000000 08000000 0000000000000000", false},
        {"11000000 01000000 00000000", "11000000 05000000 08000000 0400000000000000", false},
        {"24000000 01000000 00000000", "24000000 05000000 08000000 fd01000000000000", false},
        /* ADD_MEM_REG: guest 0x40000000, 0x800000 bytes, user 0x7e0000000000, file 0 */
        {"25000000 09000000 28000000 0000000000000000 0000004000000000 0000800000000000 "
         "00000000007e0000 0000000000000000",
         "25000000 05000000 08000000 0000000000000000", true},
        {"08000000 01000000 08000000 01000000 00010000", "", false},
        {"0a000000 01000000 08000000 01000000 05000000", "", false},
        /* SET_VRING_ADDR: ring 1, flags 0, descriptors, used, available, log all ones */
        {"09000000 01000000 28000000 01000000 00000000 00001000007e0000 00001a00007e0000 "
         "00001800007e0000 ffffffffffffffff",
         "", false},
        {"0d000000 01000000 08000000 0100000000000000", "", true},
        {"0e000000 01000000 08000000 0100000000000000", "", true},
        {"0c000000 01000000 08000000 0100000000000000", "", true},
        {"12000000 09000000 08000000 01000000 01000000",
         "12000000 05000000 08000000 0000000000000000", false},
        {"0b000000 01000000 08000000 01000000 00000000",
         "0b000000 05000000 08000000 01000000 05000000", false},
        /* GET_CONFIG of 4 bytes at 8, SET_CONFIG of the byte at 32 */
        {"18000000 01000000 10000000 08000000 04000000 00000000 00000000",
         "18000000 05000000 10000000 08000000 04000000 00000000 090a0b0c", false},
        {"19000000 09000000 0d000000 20000000 01000000 00000000 77",
         "19000000 05000000 08000000 0000000000000000", false},
        {"27000000 01000000 08000000 0f00000000000000", "", false},
        {"28000000 01000000 00000000", "28000000 05000000 08000000 0f00000000000000", false},
        {"26000000 09000000 28000000 0000000000000000 0000004000000000 0000800000000000 "
         "00000000007e0000 0000000000000000",
         "26000000 05000000 08000000 0000000000000000", false},
        /* SET_MEM_TABLE of two slots and one region, as User-mode Linux sends it */
        {"05000000 09000000 48000000 01000000 00000000 0000004000000000 0000800000000000 "
         "00000000007e0000 0000000000000000 0000000000000000 0000000000000000 "
         "0000000000000000 0000000000000000",
         "05000000 05000000 08000000 0000000000000000", true},
        {"06000000 01000000 10000000 0008000000000000 0000000000000000", "", false},
        {"17000000 09000000 08000000 01000000 00000000",
         "17000000 05000000 08000000 0000000000000000", false},
        {"22000000 09000000 00000000", "22000000 05000000 08000000 0000000000000000", false},
        {"04000000 09000000 00000000", "04000000 05000000 08000000 0000000000000000", false},
    };

    if (!little())
        VQ_SKIP("a little-endian machine");
    for (unsigned i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint8_t request[400], wanted[400], got[400];
        size_t n = from_hex(vectors[i].request, request);
        size_t m = from_hex(vectors[i].reply, wanted);
        send_bytes(f, request, n, &f->memory_fd, vectors[i].fd);
        pump(f);
        expect_live(f);
        ssize_t r = recv(f->socket, got, sizeof got, MSG_DONTWAIT);
        assert_int_equal(r < 0 ? 0 : r, m);
        if (m != 0)
            assert_memory_equal(got, wanted, m);
        /* What was set is what was meant. */
        if (request[0] == 12) {
            assert_int_equal(f->ring[1].config.size, 256);
            assert_int_equal(f->ring[1].config.next_available, 5);
        }
    }
    assert_int_equal(f->accepted, BIT(32));
}

static void byte_by_byte(void **state)
{
    struct fixture *f = *state;
    uint8_t request[52];
    const uint32_t header[3] = {9, ASK, 40};
    struct bytes p = ring_addresses(0);

    memcpy(request, header, 12);
    memcpy(request + 12, p.b, 40);
    for (unsigned i = 0; i < 52; i++) {
        expect_silence(f);
        send_bytes(f, request + i, 1, NULL, 0);
        pump(f);
        expect_live(f);
    }
    assert_true(read_reply(f));
    assert_int_equal(f->reply[0], 9);
}

static void bad_versions(void **state)
{
    struct fixture *f = *state;
    static const uint32_t flags[] = {0x0, 0x2, 0x3, 0x8, 0xa, 0xb};

    for (unsigned i = 0; i < 6; i++) {
        reconnect(f);
        unsigned before = f->accepts;
        send_request(f, 2, flags[i], P(p_u64(BIT(32))), NULL, 0);
        pump(f);
        expect_end(f);
        assert_int_equal(f->accepts, before);
    }
}

static void other_flags(void **state)
{
    struct fixture *f = *state;

    /* Undefined flag bits are ignored. */
    send_request(f, 1, 0x80000011, NULL, 0, NULL, 0);
    pump(f);
    assert_true(read_reply(f));
    assert_int_equal(f->reply[1], 5);
    /* A reply is no request. */
    send_request(f, 1, 0x5, NULL, 0, NULL, 0);
    pump(f);
    expect_end(f);
}

static void huge_sizes(void **state)
{
    struct fixture *f = *state;
    static const uint32_t sizes[] = {4097, 65536, 0x7fffffff, UINT32_MAX};

    for (unsigned i = 0; i < 4; i++) {
        uint32_t header[3] = {2, ASK, sizes[i]};
        reconnect(f);
        send_bytes(f, header, 12, NULL, 0);
        pump(f);
        expect_end(f);
    }
}

static const struct {
    uint32_t request, size, fds;
} shapes[] = {
    {2, 8, 0},   {5, 40, 1},  {8, 8, 0},  {9, 40, 0}, {10, 8, 0}, {12, 8, 1},  {13, 8, 1},
    {14, 8, 1},  {16, 8, 0},  {18, 8, 0}, {21, 0, 1}, {23, 8, 0}, {25, 12, 0}, {35, 8, 0},
    {37, 40, 1}, {38, 40, 0}, {39, 8, 0}, {3, 0, 0},  {4, 0, 0},  {34, 0, 0},  {1, 0, 0},
    {15, 0, 0},  {17, 0, 0},  {36, 0, 0}, {40, 0, 0}, {11, 8, 0},
};

static void short_payloads(void **state)
{
    struct fixture *f = *state;
    static const uint8_t zeros[64];
    int fds[1] = {f->memory_fd};

    for (unsigned i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (uint32_t size = 0; size < shapes[i].size; size++)
            assert_int_not_equal(ask_fds(f, shapes[i].request, zeros, size, fds, shapes[i].fds), 0);
    }
    assert_int_not_equal(get_u64(f, 1), 0);
}

static void long_payloads(void **state)
{
    struct fixture *f = *state;
    static const uint8_t zeros[4096];
    int fds[1] = {f->memory_fd};

    for (unsigned i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        uint32_t more = shapes[i].request == 5 ? 265 : shapes[i].size + 1;
        assert_int_not_equal(ask_fds(f, shapes[i].request, zeros, more, fds, shapes[i].fds), 0);
        assert_int_not_equal(ask_fds(f, shapes[i].request, zeros, 4096, fds, shapes[i].fds), 0);
    }
}

static void stray_fds(void **state)
{
    struct fixture *f = *state;
    static const uint8_t zeros[64];
    unsigned before = count_open_fds();
    int fds[8];

    for (unsigned i = 0; i < 8; i++)
        fds[i] = f->memory_fd;
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            if (shapes[i].request == 38 || shapes[i].request == 5)
                continue;
            for (unsigned n = shapes[i].fds + 1; n <= 8; n += 3) {
                assert_int_not_equal(ask_fds(f, shapes[i].request, zeros, shapes[i].size, fds, n),
                                     0);
            }
            if (shapes[i].fds != 0)
                assert_int_not_equal(ask_fds(f, shapes[i].request, zeros, shapes[i].size, NULL, 0),
                                     0);
        }
    }
    assert_int_equal(count_open_fds(), before);
}

static void bit_8_and_fds(void **state)
{
    struct fixture *f = *state;

    for (uint32_t r = 12; r <= 14; r++) {
        assert_int_not_equal(ask_p(f, r, p_u64(0x100), f->memory_fd), 0);
        assert_int_not_equal(ask_p(f, r, p_u64(0), -1), 0);
    }
    assert_int_equal(f->ring[0].call_fd, -1);
    assert_int_equal(f->ring[0].kick_fd, -1);
}

static void too_many_fds(void **state)
{
    struct fixture *f = *state;
    static const unsigned counts[] = {9, 32, 253};
    static int fds[253];

    for (unsigned i = 0; i < 253; i++)
        fds[i] = f->memory_fd;
    for (unsigned i = 0; i < 3; i++) {
        reconnect(f);
        unsigned before = count_open_fds();
        send_request(f, 1, PLAIN, NULL, 0, fds, counts[i]);
        pump(f);
        expect_end(f);
        assert_int_equal(count_open_fds(), before);
    }
}

static void late_fds(void **state)
{
    struct fixture *f = *state;
    uint32_t header[3] = {37, ASK, 40};
    struct bytes p = p_region(0, 4096, 0, 0);
    unsigned before = count_open_fds();

    send_bytes(f, header, 12, NULL, 0);
    pump(f);
    send_bytes(f, p.b, p.n, &f->memory_fd, 1);
    pump(f);
    expect_end(f);
    assert_int_equal(count_open_fds(), before);
}

static void header_judged_last(void **state)
{
    struct fixture *f = *state;
    unsigned before = count_open_fds();
    int fds[8];

    for (unsigned i = 0; i < 8; i++)
        fds[i] = f->memory_fd;
    send_request(f, 5, 0x2, NULL, 0, fds, 8);
    pump(f);
    expect_end(f);
    assert_int_equal(count_open_fds(), before);
}

static void close_on_exec(void **state)
{
    struct fixture *f = *state;

    tell_p(f, 13, p_u64(0), f->memory_fd);
    assert_true(fcntl(f->ring[0].call_fd, F_GETFD) & FD_CLOEXEC);
}

static void own_replies(void **state)
{
    struct fixture *f = *state;

    static const uint32_t requests[] = {1, 15, 17, 36, 40};

    for (unsigned i = 0; i < 5; i++) {
        uint64_t plain = get_u64(f, requests[i]);
        assert_int_equal(ask(f, requests[i], NULL, 0, -1), plain); /* exactly one, the same */
    }
    (void)get_base(f, 0);
    assert_int_equal(ask_config(f, 0, 8), 20);
}

static void silent_requests(void **state)
{
    struct fixture *f = *state;
    uint8_t byte = 1;
    int fd = new_eventfd();

    tell_p(f, 2, p_u64(BIT(32) | BIT(30)), -1);
    tell(f, 3, NULL, 0, -1);
    tell(f, 4, NULL, 0, -1);
    tell_p(f, 8, p_state(0, 8), -1);
    tell_p(f, 9, ring_addresses(0), -1);
    tell_p(f, 10, p_state(0, 0), -1);
    tell_p(f, 13, p_u64(0), fd);
    tell_p(f, 14, p_u64(0), fd);
    tell_p(f, 12, p_u64(0), fd);
    tell_p(f, 18, p_state(0, 1), -1);
    tell_p(f, 35, p_state(0, 0), -1);
    tell_p(f, 25, p_config(CONFIG_WRITABLE, 1, 0, &byte), -1);
    tell_p(f, 39, p_u64(1), -1);
    tell_p(f, 37, p_region(0, 4096, 0, 0), f->memory_fd);
    tell_p(f, 38, p_region(0, 4096, 0, 0), -1);
    tell(f, 34, NULL, 0, -1);
    (void)close(fd);
}

static void every_ack(void **state)
{
    struct fixture *f = *state;
    uint8_t byte = 1;
    int fd = new_eventfd();

    assert_int_equal(ask_p(f, 2, p_u64(BIT(32) | BIT(30)), -1), 0);
    assert_int_equal(ask(f, 3, NULL, 0, -1), 0);
    assert_int_equal(ask(f, 4, NULL, 0, -1), 0);
    assert_int_equal(ask_p(f, 8, p_state(0, 8), -1), 0);
    assert_int_equal(ask_p(f, 9, ring_addresses(0), -1), 0);
    assert_int_equal(ask_p(f, 10, p_state(0, 0), -1), 0);
    assert_int_equal(ask_p(f, 13, p_u64(0), fd), 0);
    assert_int_equal(ask_p(f, 14, p_u64(0), fd), 0);
    assert_int_equal(ask_p(f, 12, p_u64(0), fd), 0);
    assert_true(f->ring[0].running); /* in force when the answer is here */
    assert_int_equal(ask_p(f, 18, p_state(0, 1), -1), 0);
    assert_true(f->ring[0].enabled);
    assert_int_equal(ask_p(f, 18, p_state(0, 0), -1), 0);
    assert_false(f->ring[0].enabled);
    assert_int_equal(ask_p(f, 35, p_state(0, 0), -1), 0);
    assert_int_equal(ask_p(f, 25, p_config(CONFIG_WRITABLE, 1, 0, &byte), -1), 0);
    assert_int_equal(ask_p(f, 39, p_u64(1), -1), 0);
    assert_int_equal(ask_p(f, 37, p_region(0, 4096, 0, 0), f->memory_fd), 0);
    assert_int_equal(guest_mappings(), 3);
    assert_int_equal(ask_p(f, 38, p_region(0, 4096, 0, 0), -1), 0);
    assert_int_equal(guest_mappings(), 2);
    assert_int_equal(ask(f, 34, NULL, 0, -1), 0);
    assert_int_not_equal(ask_p(f, 8, p_state(0, 0), -1), 0);
    (void)close(fd);
}

static void pipelined(void **state)
{
    struct fixture *f = *state;
    static const uint32_t requests[] = {1, 15, 17, 36, 40, 3, 1};

    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 7; i++)
            send_request(f, requests[i], ASK, NULL, 0, NULL, 0);
    }
    pump(f);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 7; i++) {
            assert_true(read_reply(f));
            assert_int_equal(f->reply[0], requests[i]);
        }
    }
    expect_silence(f);
}

static void unknown(void **state)
{
    struct fixture *f = *state;
    static const uint8_t bytes[64];

    assert_int_not_equal(ask(f, 999, bytes, 64, -1), 0);
    assert_int_not_equal(ask(f, 0, bytes, 8, f->memory_fd), 0);
    assert_int_not_equal(ask(f, UINT32_MAX, bytes, 8, -1), 0);
    tell(f, 999, bytes, 64, f->memory_fd);
    assert_int_not_equal(get_u64(f, 1), 0);
}

static void failed_without_ack(void **state)
{
    struct fixture *f = *state;

    send_request(f, 8, PLAIN, P(p_state(0, 3)), NULL, 0);
    pump(f);
    expect_end(f);
    assert_non_null(strstr(vq_vhost_session_reason(f->session), "SET_VRING_NUM"));
}

static void cut_anywhere(void **state)
{
    struct fixture *f = *state;
    struct bytes p = p_region(0, 4096, 0, 0);
    uint8_t request[52];
    const uint32_t header[3] = {37, ASK, 40};

    memcpy(request, header, 12);
    memcpy(request + 12, p.b, 40);
    for (unsigned cut = 0; cut < 52; cut++) {
        reconnect(f);
        negotiate(f, BIT(32) | BIT(30), ALL_PROTOCOL);
        add_memory(f);
        unsigned before = count_open_fds();
        if (cut != 0)
            send_bytes(f, request, cut, &f->memory_fd, 1);
        pump(f);
        (void)close(f->socket);
        f->socket = -1;
        pump(f);
        assert_int_equal(f->state, cut == 0 ? VQ_VHOST_SESSION_CLOSED : VQ_VHOST_SESSION_BROKEN);
        assert_int_equal(count_open_fds(), before - 1);
    }
    reconnect(f);
    assert_int_not_equal(get_u64(f, 1), 0);
}

static void half_a_header(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[6] = {1};

    /* handle returns, and the session of another front end goes on. */
    send_bytes(f, bytes, 6, NULL, 0);
    assert_int_equal(vq_vhost_session_handle(f->session), VQ_VHOST_SESSION_LIVE);
    assert_int_equal(vq_vhost_session_handle(f->session), VQ_VHOST_SESSION_LIVE);
}

static void never_reads(void **state)
{
    struct fixture *f = *state;
    int bytes = 4096;

    f->options.send_timeout_ms = 1;
    reconnect(f);
    (void)setsockopt(f->socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    for (unsigned i = 0; i < 20000 && f->state == VQ_VHOST_SESSION_LIVE; i++) {
        send_request(f, 1, PLAIN, NULL, 0, NULL, 0);
        pump(f);
    }
    expect_end(f);
}

static void many_connections(void **state)
{
    struct fixture *f = *state;
    unsigned fds = count_open_fds(), mappings = guest_mappings();

    for (unsigned i = 0; i < 300; i++) {
        reconnect(f);
        negotiate(f, BIT(32) | BIT(30), ALL_PROTOCOL);
        add_memory(f);
        ring_up(f, i % RINGS, 8);
    }
    reconnect(f);
    assert_int_equal(count_open_fds(), fds);
    assert_int_equal(guest_mappings(), mappings - 1);
}

#define T(fn, setup, name) VQ_TEST_FIXTURE(fn, setup, fixture_teardown, name)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(golden, fixture_setup,
          "speaks the protocol byte by byte "
          "[VU-BE-HDR-01 VU-BE-HDR-02 VU-BE-HDR-03 VU-BE-HDR-05 VU-BE-HDR-07 VU-BE-HDR-09 "
          "VU-BE-SIZE-04 VU-BE-SIZE-05 VU-BE-SIZE-06 VU-BE-SIZE-07 VU-BE-SIZE-08 VU-BE-SIZE-09 "
          "VU-BE-SIZE-10 VU-BE-SIZE-13 VU-BE-BASE-03 BUG-77]"),
        T(byte_by_byte, fixture_setup_memory, "takes a request one byte at a time [VU-BE-SIZE-01]"),
        T(bad_versions, fixture_setup_ready, "refuses versions other than 1 [VU-BE-HDR-04]"),
        T(other_flags, fixture_setup_ready, "ignores undefined flag bits [VU-BE-HDR-08]"),
        T(huge_sizes, fixture_setup_ready, "bounds the size before it reads [VU-BE-SIZE-02]"),
        T(short_payloads, fixture_setup_memory,
          "refuses every payload that is too short [VU-BE-SIZE-03 VU-BE-TRANS-07]"),
        T(long_payloads, fixture_setup_memory, "refuses payloads that are too long"),
        T(stray_fds, fixture_setup_memory,
          "closes descriptors that a request has no use for [VU-BE-FD-02 BUG-65]"),
        T(bit_8_and_fds, fixture_setup_memory,
          "refuses bit 8 that disagrees with the descriptors [VU-BE-FD-10 BUG-76]"),
        T(too_many_fds, fixture_setup_ready,
          "ends on more descriptors than a message may have [VU-BE-FD-04 BUG-65]"),
        T(late_fds, fixture_setup_ready,
          "takes descriptors only with the first byte [VU-BE-FD-01 BUG-65]"),
        T(header_judged_last, fixture_setup_ready,
          "closes the descriptors of a message with a bad header [VU-BE-FD-03 BUG-65]"),
        T(close_on_exec, fixture_setup_ready, "receives descriptors close-on-exec [VU-BE-FD-05]"),
        T(own_replies, fixture_setup_memory,
          "answers once what has an answer of its own, need_reply or not "
          "[VU-BE-REPLY-01 VU-BE-REPLY-07 VU-BE-ACK-03]"),
        T(silent_requests, fixture_setup_memory,
          "answers nothing else that does not ask [VU-BE-REPLY-09]"),
        T(every_ack, fixture_setup_memory,
          "acknowledges when asked, once the change is in force "
          "[VU-BE-ACK-01 VU-BE-ACK-02 VU-BE-ACK-04 VU-BE-HDR-06]"),
        T(pipelined, fixture_setup_ready, "answers in the order of requests [VU-BE-REPLY-10]"),
        T(unknown, fixture_setup_ready,
          "answers or skips unknown requests [VU-BE-REPLY-11 VU-BE-REPLY-12 VU-BE-TRANS-07]"),
        T(failed_without_ack, fixture_setup_memory,
          "ends, and says why, when a failure cannot be told"),
        T(cut_anywhere, fixture_setup_ready,
          "survives a close after any byte "
          "[VU-BE-TRANS-08 VU-BE-RING-23 VU-BE-FD-02 BUG-65]"),
        T(half_a_header, fixture_setup_ready, "is not held up by half a message [VU-BE-HOST-06]"),
        T(never_reads, fixture_setup_ready,
          "ends for a front end that does not read [VU-BE-HOST-06]"),
        T(many_connections, fixture_setup_memory,
          "keeps nothing of 300 connections [VU-BE-HOST-04 VU-BE-HOST-05]"),
    };
    return VQ_RUN(tests);
}
